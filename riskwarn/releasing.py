"""The releases of holds (:mod:`riskwarn.holds`): by role and reason, written in the log of operations, and ending by themselves."""

from collections.abc import Collection
from typing import Any

import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError, did_you_mean
from riskwarn.mode import role_given
from riskwarn.plan import HOLDS
from riskwarn.privacy import reason_of
from riskwarn.store import Store

RELEASED = "release hold"
"""Verb of a release in the log of operations."""
DAYS, MOST_DAYS = 7, 30
"""How long a release lasts, and at most."""


@checked
def release(store: Store, name: str, *, by: str, why: str, target: str = "", days: int = DAYS) -> dict[str, Any]:
    """Release a hold for some days, and write down who did and why.

    Parameters
    ----------
    store
        The city.
    name
        Which hold; ``aside``, ``gate`` and ``rollback`` have ways of their own.
    by
        A role (:data:`riskwarn.mode.ROLES`), never a person.
    why
        The reason, without a person in it.
    target
        The question it is released for; every one by default.
    days
        After so many it holds again, at most 30.

    Returns
    -------
    release
        As it is written in the log of operations.

    Raises
    ------
    DataError
        There is no such hold or role, no reason, or too long a time.
    PrivacyError
        The reason may name a person.
    BusyError
        Another job holds the store.
    """
    if name not in HOLDS:
        raise DataError(
            f"no hold {name!r} can be released{did_you_mean(name, HOLDS)}; wanted one of {', '.join(HOLDS)}."
        )
    if not 1 <= days <= MOST_DAYS:
        raise DataError(f"a release lasts 1 to {MOST_DAYS} days, got {days}.")
    until = pd.Timestamp.now(tz=store.timezone).floor("s") + pd.Timedelta(days=days)
    said = {"hold": name, "target": target, "by": role_given(by), "why": reason_of(why, "why the hold is released")}
    line = said | {"until": until.isoformat()}
    store.note(RELEASED, **line)
    return line


@checked
def releases(store: Store, *, now: pd.Timestamp | None = None) -> list[dict[str, Any]]:
    """The releases that have not ended.

    Parameters
    ----------
    store
        The city.
    now
        The present instant; that of the clock by default.

    Returns
    -------
    releases
        Lines of the log of operations, oldest first.
    """
    at = pd.Timestamp.now(tz=store.timezone) if now is None else now
    return [line for line in store.noted() if line.get("verb") == RELEASED and pd.Timestamp(str(line["until"])) > at]


@checked
def releases_of(
    store: Store, target: str, names: Collection[str], *, since: pd.Timestamp, until: pd.Timestamp
) -> list[dict[str, Any]]:
    """The releases of some holds of a question that were given in a time, whether they have ended or not.

    Parameters
    ----------
    store
        The city.
    target
        Name of the label.
    names
        Of the holds.
    since, until
        First and last instant.

    Returns
    -------
    releases
        Lines of the log of operations, oldest first.
    """
    return [
        line
        for line in store.noted()
        if line.get("verb") == RELEASED
        and line["hold"] in names
        and line["target"] in {"", target}
        and since <= pd.Timestamp(str(line["at"])) <= until
    ]
