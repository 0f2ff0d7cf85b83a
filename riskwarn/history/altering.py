"""A history as if some reports had not come, or false ones had: what an audit asks how much a list hangs on."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from riskwarn.clock import micros
from riskwarn.errors import DataError
from riskwarn.history.facts import DAY_US, NEVER, ROW_COLUMNS, Facts
from riskwarn.history.history import History
from riskwarn.history.sorting import in_order
from riskwarn.history.stream import Stream

H = TypeVar("H", bound=History)


def thinned(history: H, grids: np.ndarray, *, share: float, seed: int = 0, numbers: np.ndarray | None = None) -> H:
    """The history as if a share of what is recorded of some grids had never been reported.

    Whether a record is missing follows from the seed and from what never changes of it, so all its revisions are missing alike; records
    of one grid and feed that happened and became known at the same instants are missing together. Feeds spoke when they did: fewer reports are no silence.

    Parameters
    ----------
    history
        Of a whole city, asked for its panel before.
    grids
        (n_grids,) which of them.
    share
        Of their records, in [0, 1].
    seed
        Another one, other records.
    numbers
        (n_grids,) of a part of a city the row numbers that its grids have in the whole, of which the same records are then missing.

    Returns
    -------
    history
        Counts alone.

    Raises
    ------
    DataError
        The share is none.

    Examples
    --------
    >>> import pandas as pd
    >>> at = pd.date_range("2025-01-01", periods=200, freq="1h", tz="UTC")
    >>> events = pd.DataFrame({"source": "dispute", "event_id": [f"e{i}" for i in range(200)], "known_at": at, "occurred_at": at,
    ...                        "grid_id": ["A", "B"] * 100, "category": "D02"})
    >>> history = History.of(events, pd.DataFrame({"grid_id": ["A", "B"], "valid_from": at[0]}))
    >>> thinned(history, np.array([True, False]), share=1).at(["2025-01-09"]).count(Stream("dispute"), 28)[:, 0].tolist()
    [0.0, 96.0]
    """
    if not 0 <= share <= 1:
        raise DataError(f"the share of reports that are missing must be in [0, 1], got {share}.")
    at = np.arange(len(grids)) if numbers is None else numbers
    return _altered(history, *(_without(facts, grids, share, seed, at) for facts in (history.facts, history.cases)))


def forged(
    history: History,
    streams: Sequence[Stream],
    grid: int,
    *,
    n: int,
    as_of: object,
    days: float = 28,
    seed: int = 0,
) -> History:
    """The history as if false reports of some streams had been made in one grid, the worst of their kind.

    Each looks like a report that the city really had in the window, category, severity and all; each is known at once and never closed.

    Parameters
    ----------
    history
        Of a whole city, asked for its panel before.
    streams
        Which reports are forged.
    grid
        Row number of the grid.
    n
        How many.
    as_of
        Before which instant they are made.
    days
        Within how many days before it.
    seed
        Another one, other reports.

    Returns
    -------
    history
        Counts alone.

    Raises
    ------
    DataError
        The city had no such report in the window.

    Examples
    --------
    >>> import pandas as pd
    >>> at = pd.date_range("2025-01-01", periods=200, freq="1h", tz="UTC")
    >>> events = pd.DataFrame({"source": "dispute", "event_id": [f"e{i}" for i in range(200)], "known_at": at, "occurred_at": at,
    ...                        "grid_id": ["A", "B"] * 100, "category": "D02"})
    >>> history = History.of(events, pd.DataFrame({"grid_id": ["A", "B"], "valid_from": at[0]}))
    >>> forged(history, [Stream("dispute")], 0, n=5, as_of="2025-01-09").at(["2025-01-09"]).count(Stream("dispute"), 28)[:, 0].tolist()
    [101.0, 96.0]
    """
    until = micros(history.instant(as_of))
    begin = until - int(days * DAY_US)
    rows = np.concatenate([history.select(history.facts, stream) for stream in streams])
    like = rows[(history.facts.start[rows] > begin) & (history.facts.start[rows] < until)]
    if len(like) == 0:
        raise DataError(
            f"no report of {', '.join(sorted({s.source for s in streams}))} became known in the {days:g} days before {as_of}."
        )
    rng = np.random.default_rng(seed)
    at = np.sort(rng.integers(begin + 1, until, n))
    false = _false(history.facts[np.sort(rng.choice(like, n))], grid, at)
    added = in_order(_joined(history.facts, false), len(history.grids))
    if history.cases is history.facts:
        return _altered(history, added, added)
    return _altered(history, added, in_order(_joined(history.cases, false), len(history.grids)))


def _altered(history: H, facts: Facts, cases: Facts) -> H:
    """Other records, the same grids and feeds that spoke when they did."""
    told: dict[str, Any] = {name: dict(getattr(history, name)) for name in ("_silences", "_begun", "_closings")}
    return replace(history, facts=facts, cases=cases, _log=lambda: None, **told)


def _without(facts: Facts, grids: np.ndarray, share: float, seed: int, numbers: np.ndarray) -> Facts:
    stays = np.ones(len(facts), dtype=bool)
    asked = np.flatnonzero(grids[facts.grid])
    stays[asked[_chance(facts, asked, seed, numbers) < share]] = False
    return facts[np.flatnonzero(stays)]


def _chance(facts: Facts, rows: np.ndarray, seed: int, numbers: np.ndarray) -> np.ndarray:
    """A number in [0, 1) of each of some rows that is the same for all revisions of a record: what stays of it, mixed [1]_.

    .. [1] Steele, Lea & Flood (2014), OOPSLA 49, 453-472: SplitMix64.
    """
    mixed = np.full(len(rows), np.uint64(seed), dtype=np.uint64)
    with np.errstate(over="ignore"):
        for column in (facts.source, numbers[facts.grid], facts.known, facts.occurred):
            mixed = (mixed ^ column[rows].astype(np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
            mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            mixed ^= mixed >> np.uint64(31)
    return np.asarray((mixed >> np.uint64(11)) / 2.0**53)


def _false(like: Facts, grid: int, at: np.ndarray) -> Facts:
    """Reports like some, in one grid, each made at an instant and known then, which nobody closes."""
    n = len(at)
    due = np.where(like.due == NEVER, NEVER, at + np.where(like.due == NEVER, 0, like.due - like.occurred))
    never, none = np.full(n, NEVER), np.full(n, -1, np.int32)
    changed = {"grid": np.full(n, grid, np.int32), "start": at, "occurred": at, "known": at, "due": due}
    alone = {"end": never, "closed": never, "place": none, "case": none, "weight": np.ones(n, np.float32)}
    return like.each(lambda column: column, n, **changed, **alone)


def _joined(facts: Facts, more: Facts) -> Facts:
    """Rows of both, in any order."""
    columns = {name: (getattr(facts, name), getattr(more, name)) for name in ROW_COLUMNS}
    both = {name: np.concatenate([old, new]).astype(old.dtype) for name, (old, new) in columns.items()}
    return Facts(**both, words=facts.words)
