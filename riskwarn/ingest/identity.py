"""Which rows speak of one event: ids as they were before a spreadsheet touched them, made from the row where there are none."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from riskwarn.ingest.folding import cleaned
from riskwarn.privacy import keyed_hash

DAMAGED = "damaged by a spreadsheet, digits are lost"
FAR_APART_DAYS = 90
"""Days between two occurrences from which one id cannot mean one event."""
FAR_APART = f"event_id: one id, occurred more than {FAR_APART_DAYS} days apart; do the numbers restart?"
_EXACT_DIGITS = 15
"""Digits a spreadsheet keeps of a number; it writes zeros for the rest."""
_EXACT_FLOAT = 2.0**53
"""From here on a floating number stands for several whole ones."""
_SCIENTIFIC = r"[+-]?\d(?:[.,]\d+)?[eE]\+?\d+"
_NOT_SHOWN = r"#{2,}|#(?:REF!|NAME\?|VALUE!|DIV/0!|NULL!|NUM!|N/A|SPILL!|CALC!)"
"""What a spreadsheet shows in place of a value it cannot show or find."""


def is_identifier(column: str) -> bool:
    """Whether a column of a table names things, so that a damaged value names another one."""
    return column.endswith(("_id", "org_code", "_org"))


def read_ids(values: pd.Series) -> tuple[pd.Series, np.ndarray]:
    """Ids as text, and those that a spreadsheet has damaged.

    A value written like ``2.02501E+14`` has lost digits, and ``#REF!`` or ``####`` stands where one was. So has a number of a column of floating ones beyond 2 to the 53rd, and a number longer than 15 digits that ends in zeros, where too many of
    the column do for chance.

    Examples
    --------
    >>> ids, damaged = read_ids(pd.Series(["211.0", "2.02501E+14", "320102001001001000", '="0042"']))
    >>> ids.tolist(), damaged.tolist()
    (['211', '2.02501E+14', '320102001001001000', '0042'], [False, True, True, False])
    """
    ids = cleaned(values)
    ids = ids.str.replace(r"^(\d+)\.0+$", r"\1", regex=True)
    damaged = ids.str.fullmatch(f"{_SCIENTIFIC}|{_NOT_SHOWN}").fillna(value=False).to_numpy(dtype=bool)
    if pd.api.types.is_float_dtype(values.dtype):
        damaged = damaged | (values.abs() >= _EXACT_FLOAT).fillna(value=False).to_numpy(dtype=bool)
    return ids, damaged | _rounded(ids)


def _rounded(ids: pd.Series) -> np.ndarray:
    """Numbers whose digits beyond the fifteenth are all zero, where chance would give far fewer."""
    n = len(ids)
    long = ids.str.fullmatch(rf"\d{{{_EXACT_DIGITS + 1},}}").fillna(value=False).to_numpy(dtype=bool)
    damaged = np.zeros(n, dtype=bool)
    if not long.any():
        return damaged
    digits = ids[long]
    zeros = digits.str.slice(_EXACT_DIGITS).str.strip("0").eq("").to_numpy(dtype=bool)
    by_chance = 10.0 ** -(digits.str.len() - _EXACT_DIGITS).to_numpy(dtype=float)
    if zeros.sum() > 10 * by_chance.sum() and (len(digits) - zeros.sum() == 0 or zeros.mean() > 0.05):
        damaged[np.flatnonzero(long)[zeros & ((by_chance < 0.01) | (len(digits) >= 5))]] = True
    return damaged


def made_ids(ids: pd.Series, parts: pd.DataFrame, secret: bytes, seen: Counter[str]) -> pd.Series:
    """Ids for rows that have none, from what the row says: a keyed hash, and a running number among equal rows.

    Parameters
    ----------
    ids
        (n,) Ids, missing where there are none.
    parts
        (n, k) The columns that together tell one event from another.
    secret
        Key of the hash.
    seen
        How often each made id came so far in this delivery; counted on.
    """
    lacking = ids.isna()
    if not lacking.any():
        return ids
    whole = parts[lacking].apply(cleaned).fillna("").agg("\x1f".join, axis=1)
    empty = whole.str.strip("\x1f") == ""
    hashed = keyed_hash(whole.mask(empty), secret)
    numbers = []
    for value in hashed:
        seen[value] += 1
        numbers.append(seen[value])
    numbered = hashed + pd.Series([f"~{n}" if n > 1 else "" for n in numbers], index=hashed.index, dtype="str")
    return ids.where(~lacking, numbered.reindex(ids.index))


def restarted(ids: pd.Series, occurred: pd.Series, period: str, zone: str) -> pd.Series:
    """Ids of numbers that begin anew each year, month or day, made whole by the period they belong to."""
    form = {"year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d"}[period]
    return ids + "@" + occurred.dt.tz_convert(zone).dt.strftime(form)


@dataclass
class Occurrences:
    """When the events of a delivery occurred, by id in a few bytes a row, to find ids that cannot mean one event."""

    _ids: list[np.ndarray] = field(default_factory=list)
    _at: list[np.ndarray] = field(default_factory=list)

    def see(self, rows: pd.DataFrame) -> None:
        """Add rows with `source`, `event_id` and `occurred_at`."""
        self._ids.append(id_hash(rows))
        self._at.append(rows["occurred_at"].dt.tz_convert(None).to_numpy().astype("datetime64[s]").astype(np.int64))

    def far_apart(self) -> np.ndarray:
        """Hashes of the ids whose occurrences are too far apart, sorted."""
        if not sum(map(len, self._ids)):
            return np.empty(0, np.uint64)
        ids, at = np.concatenate(self._ids), np.concatenate(self._at)
        order = np.argsort(ids, kind="stable")
        ids, at = ids[order], at[order]
        first = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]])
        spread = np.maximum.reduceat(at, first) - np.minimum.reduceat(at, first)
        return ids[first][spread > FAR_APART_DAYS * 86_400]


def distinct(hashes: np.ndarray) -> np.ndarray:
    """(n,) each of them once, sorted. What NumPy calls so puts them through a table of its own, and takes thirteen times as long for millions.

    Examples
    --------
    >>> distinct(np.array([5, 1, 5], np.uint64)).tolist()
    [1, 5]
    """
    ordered = np.sort(hashes, kind="stable")  # runs that are sorted already are merged
    return ordered[np.r_[True, ordered[1:] != ordered[:-1]]] if len(ordered) else ordered


def is_among(hashes: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(n,) whether each is one of those known, which are sorted and each once: no pass over all of these for the few of a chunk.

    Examples
    --------
    >>> is_among(np.array([5, 1, 9], np.uint64), np.array([1, 2, 5], np.uint64)).tolist()
    [True, True, False]
    """
    if not len(known):
        return np.zeros(len(hashes), dtype=bool)
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return np.asarray(known[at] == hashes)


def id_hash(rows: pd.DataFrame, *, group: bool = False) -> np.ndarray:
    """(n,) 64 bits for the event of each row; with `group`, one for all events that one row with a count became."""
    ids = rows["event_id"].str.replace(r"#\d+$", "", regex=True) if group else rows["event_id"]
    return pd.util.hash_array((rows["source"] + "\x1f" + ids).to_numpy(dtype=object), categorize=False)
