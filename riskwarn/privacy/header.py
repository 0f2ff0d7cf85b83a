"""Headers of columns that may hold person data, and how a message names a column."""

import re

import pandas as pd

from riskwarn.privacy.folding import SAID, fold_text
from riskwarn.privacy.value import findings

HEADER_LENGTH = 40
"""Characters above which what stands in a header is no name of a column."""


def denied_header(name: str) -> bool:
    """Whether a column of this name may hold person data, free text or a place finer than a grid.

    Parameters
    ----------
    name
        A header as it stands in the file.

    Returns
    -------
    denied
        True where a mapping may not bring it in as it is.

    Examples
    --------
    >>> [denied_header(h) for h in ("报警人姓名", "phone_no", "lat", "涉及人数", "category", "language")]
    [True, True, True, False, False, False]
    """
    return person_header(name) or _speaks(name, "text")


def person_header(name: str) -> bool:
    """Whether a column of this name may hold person data; one that may only be free text is judged by its values.

    Parameters
    ----------
    name
        A header as it stands in the file.

    Returns
    -------
    denied
        True where a mapping may not bring it in.

    Examples
    --------
    >>> [person_header(h) for h in ("OFFENSE_DESCRIPTION", "victim_name")]
    [False, True]
    """
    return _speaks(name, "person")


def _speaks(name: str, what: str) -> bool:
    folded = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", fold_text(name)).strip()
    if re.search(SAID["header"][f"{what}_latin"], folded, re.IGNORECASE):
        return True
    han = re.search(SAID["header"][f"{what}_han"], folded)
    return bool(han) and not re.search(SAID["header"]["allowed_han"], folded)


def shown(header: str, place: int | None = None) -> str:
    """A column as a message may name it: by its header, or by its place where the header tells a person or is no name.

    Parameters
    ----------
    header
        A header as it stands in the file.
    place
        Its place from 1, where known.

    Returns
    -------
    text
        For a message; never a value of a person.

    Examples
    --------
    >>> shown("category"), shown("13812345678", 3)
    ("'category'", '3 (not shown)')
    """
    safe = len(header) <= HEADER_LENGTH and not findings(pd.Series([header]))[0]
    return repr(header) if safe else f"{place} (not shown)" if place else "(not shown)"
