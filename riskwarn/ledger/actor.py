"""Who acts: a role, an area and a digest of the account. Never a person, and never a resident."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.ledger.workflow import NIGHT
from riskwarn.store.key import signature

CITY = "*"
"""The area of who may see and act everywhere."""
_LENGTHS = (2, 4, 6, 9, 12)
"""Digits of a division code: province, city, county, township, community (GB/T 2260, GB/T 10114)."""


@dataclass(frozen=True)
class Actor:
    """Who takes a step.

    Attributes
    ----------
    role
        A role of the workflow.
    area
        Code of the area or body that is spoken for; what lies within it may be acted on. ``*`` is the whole city.
    account
        Digest of the account (:func:`account_digest`), empty for the nightly run.
    """

    role: str
    area: str = CITY
    account: str = ""


MACHINE = Actor(NIGHT)
"""The nightly run."""


@checked
def account_digest(folder: Path, account: str) -> str:
    """What the ledger keeps of an account: sixteen hexadecimal digits of its HMAC-SHA256 under the store's key.

    The same account gives the same digest, so that a trail can be followed; without the key no list of names leads back to it.

    Parameters
    ----------
    folder
        Of the store.
    account
        Name of the account.

    Returns
    -------
    digest
        Empty for an empty name.
    """
    return signature(folder, f"account|{account}".encode())[:16] if account else ""


@checked
def within(path: str, area: str) -> bool:
    """Whether what lies on a path of areas belongs to one of them.

    A code of digits covers all codes that begin with it, trailing zeros left out as in twelve-digit codes of larger areas; any other
    name covers itself alone.

    Parameters
    ----------
    path
        Codes of the areas something lies in, the largest first, with ``/`` between; empty for the whole city.
    area
        A code, or ``*``.

    Returns
    -------
    within
        True for ``*``.

    Examples
    --------
    >>> within("320102/320102001", "320102001"), within("320102/320102001", "320100000000"), within("320102", "320103")
    (True, True, False)
    >>> within("C1/T10", "T1"), within("", "C1"), within("C1/T10", "*")
    (False, False, True)
    """
    return _each_within([path], area)[0]


@checked
def within_each(paths: Sequence[str], area: str) -> list[bool]:
    """Whether what lies on each of some paths belongs to an area, as :func:`within` says it.

    Parameters
    ----------
    paths
        Codes with ``/`` between.
    area
        A code, or ``*``.

    Returns
    -------
    within
        One a path.

    Examples
    --------
    >>> within_each(["C1/T1", "C2"], "C1")
    [True, False]
    """
    return _each_within(paths, area)


@checked
def concerns(path: str, owner: str, area: str) -> bool:
    """Whether an item that lies on a path of areas is the matter of an area: it lies in it, or was assigned to it.

    Parameters
    ----------
    path
        Areas the item lies in, the largest first, parted by ``/``; empty where it lies in none.
    owner
        The area it was assigned to; empty where none.
    area
        The area asked about.

    Returns
    -------
    concerns
        True where someone of that area may act on it.

    Examples
    --------
    >>> concerns("C1/T10", "", "C1"), concerns("C1/T10", "T11", "T11"), concerns("C1/T10", "", "T11"), concerns("", "", "C1")
    (True, True, False, False)
    """
    return any(_each_within([path, owner], area))


@checked
def concerning(items: pd.DataFrame, area: str) -> pd.DataFrame:
    """The items that are the matter of an area (:func:`concerns`), in their order.

    Parameters
    ----------
    items
        With columns ``path`` and ``owner``.
    area
        The area asked about; ``*`` takes all.

    Returns
    -------
    items
        With the index they had.

    Examples
    --------
    >>> items = pd.DataFrame({"path": ["C1/T10", "C1/T11", ""], "owner": ["", "T10", ""]})
    >>> concerning(items, "T10").index.tolist(), concerning(items, "C2").index.tolist(), len(concerning(items, "*"))
    ([0, 1], [], 3)
    """
    lie, assigned = (np.array(_each_within(items[name].tolist(), area), dtype=bool) for name in ("path", "owner"))
    return items[lie | assigned]


def _each_within(paths: Sequence[str], area: str) -> list[bool]:
    """Whether each of some paths belongs to an area; asked once for thousands of items, and so without a look at its arguments."""
    if area == CITY:
        return [True] * len(paths)
    prefix = _prefix(area)
    begun = prefix or area  # most paths do not hold so much as the beginning of the code
    return [
        begun in path
        and any(
            part == area or (prefix != "" and part.isdigit() and part.startswith(prefix))
            for part in path.split("/")
            if part
        )
        for path in paths
    ]


def _prefix(area: str) -> str:
    """The digits of a division code that say which it is; empty where it is none."""
    if not (area.isascii() and area.isdigit() and len(area) in _LENGTHS):
        return ""
    if len(area) < _LENGTHS[-1]:
        return area
    said = len(area.rstrip("0"))
    return area[: min(n for n in _LENGTHS if n >= said)]
