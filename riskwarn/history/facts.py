"""Facts: what was true on which interval of the `as_of` axis, as plain arrays."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

DAY_US = 86_400_000_000
"""One day, µs. A window of `days` is `days` times 24 hours."""
NEVER = int(np.iinfo(np.int64).max)
WORD_COLUMNS = ("source", "category", "origin", "tags", "outcome")


@dataclass(frozen=True, eq=False)
class Facts:
    """Rows true on ``(start, end]``, instants in µs since 1970 UTC, sorted by source, category and grid.

    Parameters
    ----------
    grid
        Row number of the grid among the history's grids.
    start, end
        The interval of `as_of` on which the row holds.
    known
        When the event first became known, in whatever form.
    occurred, closed, due
        When it happened, was closed and should have been; :data:`NEVER` where it was not.
    severity, near
        0 to 3; whether it lies within reach of a foreign border.
    source, category, origin, tags, outcome
        Codes into `words`.
    place, case
        Numbers of place and case, -1 where there is none.
    weight
        Share of the row that belongs to the grid, below 1 only where an old grid was split.
    amount
        What is summed besides the row itself: households visited, workers on duty.
    words
        Vocabulary by column.
    """

    grid: np.ndarray
    start: np.ndarray
    end: np.ndarray
    occurred: np.ndarray
    closed: np.ndarray
    due: np.ndarray
    severity: np.ndarray
    source: np.ndarray
    category: np.ndarray
    origin: np.ndarray
    tags: np.ndarray
    outcome: np.ndarray
    near: np.ndarray
    place: np.ndarray
    case: np.ndarray
    weight: np.ndarray
    amount: np.ndarray
    known: np.ndarray
    words: Mapping[str, np.ndarray]

    def __getitem__(self, rows: "np.ndarray | slice") -> "Facts":
        """The chosen rows; columns that are one array stay one, and constant ones stay constant.

        A slice shows the same memory. Of other rows a column is copied when it is first asked for.
        """
        if not isinstance(rows, slice):
            return _Chosen.of(self, np.flatnonzero(rows) if rows.dtype == bool else rows)
        n = len(self.grid[rows])
        return self.each(lambda column: column[rows], n)

    def each(self, change: Callable[[np.ndarray], np.ndarray], n: int, **known: np.ndarray) -> "Facts":
        """`change` of every column, each done once, where it is not `known` already; `n` rows remain.

        Parameters
        ----------
        change
            From a column to the column that takes its place.
        n
            Rows after it.
        known
            Columns that are known already, by name.

        Returns
        -------
        facts
            Columns that were one array stay one.
        """
        done: dict[int, np.ndarray] = {}
        for name in ROW_COLUMNS:
            column = getattr(self, name)
            if name not in known and id(column) not in done:
                done[id(column)] = constant(column[0], n, column.dtype) if _fixed(column) else change(column)
        changed = {name: done[id(getattr(self, name))] for name in ROW_COLUMNS if name not in known}
        return Facts(**changed, **known, words=self.words)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.grid)

    @cached_property
    def whole(self) -> bool:
        """Whether every row belongs to one grid entirely."""
        return bool(len(self) == 0 or self.weight.strides[0] == 0 or self.weight.min() >= 1)

    @cached_property
    def slices(self) -> dict[tuple[int, int], slice]:
        """Where the rows of each source and category stand."""
        pair = self.source.astype(np.int64) * (len(self.words["category"]) + 1) + self.category
        first = np.flatnonzero(np.r_[True, pair[1:] != pair[:-1]]) if len(pair) else np.zeros(0, np.int64)
        last = np.r_[first[1:], len(pair)] if len(pair) else first
        return {
            (int(self.source[a]), int(self.category[a])): slice(int(a), int(b))
            for a, b in zip(first, last, strict=True)
        }

    def pieces(self, source: str, categories: frozenset[str]) -> list[slice]:
        """Slices that hold the rows of a source in any of `categories`.

        Parameters
        ----------
        source
            Of the rows.
        categories
            Codes.

        Returns
        -------
        slices
            In the order of the rows.
        """
        wanted = {i for i, word in enumerate(self.words["category"]) if word in categories}
        sources = {i for i, word in enumerate(self.words["source"]) if word == source}
        return [rows for (s, c), rows in self.slices.items() if s in sources and c in wanted]

    def of_grids(self, grids: np.ndarray, n_grids: int) -> "Facts":
        """The rows of some of the `n_grids` grids, which are numbered anew in their order.

        Parameters
        ----------
        grids
            (k,) numbers of grids, rising.
        n_grids
            Of the history.

        Returns
        -------
        facts
            Grids numbered 0 to k - 1.
        """
        first = self._first(n_grids)
        start = first[:, grids].ravel()
        size = first[:, grids + 1].ravel() - start
        rows = np.repeat(start - (np.cumsum(size) - size), size) + np.arange(size.sum())
        number = np.tile(np.arange(len(grids), dtype=np.int32), len(first))
        return self.each(lambda column: column[rows], len(rows), grid=np.repeat(number, size))

    def _first(self, n_grids: int) -> np.ndarray:
        """(n_kinds, n_grids + 1) where the rows of each grid stand, for each source and category there is."""
        if n_grids not in self._firsts:
            first = np.zeros((len(self.slices), n_grids + 1), np.int64)
            for i, rows in enumerate(self.slices.values()):
                first[i, 1:] = np.cumsum(np.bincount(self.grid[rows], minlength=n_grids))
                first[i] += rows.start
            self._firsts[n_grids] = first
        return self._firsts[n_grids]

    @cached_property
    def _firsts(self) -> dict[int, np.ndarray]:
        return {}

    def before(self, at: int) -> "Facts":
        """The rows known before an instant, µs; what held then goes on holding.

        Parameters
        ----------
        at
            µs.

        Returns
        -------
        facts
            Fewer rows, or as many.
        """
        known = self[np.flatnonzero(self.start < at)]
        return replace(known, end=np.where(known.end >= at, NEVER, known.end))

    def elapsed(self, share: float) -> np.ndarray:
        """The instant at which `share` of the time from occurring to due has passed.

        Parameters
        ----------
        share
            At least 0; 1 is the due time itself.

        Returns
        -------
        instants
            (n,) µs; :data:`NEVER` for a row without a due time.
        """
        if share == 1:
            return self.due
        known = self.due != NEVER
        given = np.where(known, self.due - self.occurred, 0)
        return np.where(known, self.occurred + (given * share).astype(np.int64), NEVER)


class _Chosen(Facts):
    """Some rows of facts. A column that nobody asks for takes no memory: a count reads five of eighteen."""

    @classmethod
    def of(cls, facts: Facts, rows: np.ndarray) -> "_Chosen":
        """Rows of facts, by number."""
        chosen: _Chosen = object.__new__(cls)
        vars(chosen).update(words=facts.words, _facts=facts, _rows=rows, _copied={})
        return chosen

    def __getattr__(self, name: str) -> Any:
        """A column, copied the first time."""
        if name not in ROW_COLUMNS or "_facts" not in vars(self):
            raise AttributeError(name)
        facts, rows, copied = (vars(self)[part] for part in ("_facts", "_rows", "_copied"))
        column = getattr(facts, name)
        if id(column) not in copied:
            copied[id(column)] = _taken(column, rows)
        vars(self)[name] = copied[id(column)]
        return copied[id(column)]

    def __getitem__(self, rows: "np.ndarray | slice") -> Facts:
        """Rows of the rows, of the facts themselves."""
        if "_facts" not in vars(self):
            return super().__getitem__(rows)
        return _Chosen.of(vars(self)["_facts"], vars(self)["_rows"][rows])


class _Joined(Facts):
    """Rows of several facts, sorted by grid. A column that nobody asks for takes no memory, nor does a copy of each part."""

    @classmethod
    def of(cls, parts: list[Facts]) -> "_Joined":
        """Rows of facts of one vocabulary."""
        grid = np.concatenate([_column(part, "grid") for part in parts])
        order = np.argsort(grid, kind="stable")
        joined: _Joined = object.__new__(cls)
        vars(joined).update(words=parts[0].words, grid=grid[order], _parts=parts, _order=order)
        return joined

    def __getattr__(self, name: str) -> Any:
        """A column, joined the first time."""
        if name not in ROW_COLUMNS or "_parts" not in vars(self):
            raise AttributeError(name)
        parts, order = vars(self)["_parts"], vars(self)["_order"]
        vars(self)[name] = np.concatenate([_column(part, name) for part in parts])[order]
        return vars(self)[name]


ROW_COLUMNS = tuple(name for name in Facts.__dataclass_fields__ if name != "words")


def together(parts: list[Facts]) -> Facts:
    """Rows of several facts of one vocabulary, sorted by grid."""
    return _Joined.of(parts)


def _column(facts: Facts, name: str) -> np.ndarray:
    """A column; of chosen rows without keeping the copy."""
    held = vars(facts)
    if name in held or not isinstance(facts, _Chosen):
        return np.asarray(getattr(facts, name))
    return _taken(getattr(held["_facts"], name), held["_rows"])


def _taken(column: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return constant(column[0], len(rows), column.dtype) if _fixed(column) else column[rows]


def _fixed(column: np.ndarray) -> bool:
    return bool(column.size > 0 and column.strides[0] == 0)


def constant(value: Any, n: int, dtype: Any) -> np.ndarray:
    """A column of one value that takes no memory."""
    return np.broadcast_to(np.asarray(value, dtype=dtype), n)


def facts_of(*, words: Mapping[str, np.ndarray], grid: np.ndarray, start: np.ndarray, **columns: np.ndarray) -> Facts:
    """Facts from the columns that are known; the others hold nothing."""
    n = len(grid)
    columns.setdefault("known", start)
    empty = {
        "end": (NEVER, np.int64),
        "closed": (NEVER, np.int64),
        "due": (NEVER, np.int64),
        "severity": (0, np.int8),
        "source": (0, np.int32),
        "category": (0, np.int32),
        "origin": (0, np.int32),
        "tags": (0, np.int32),
        "outcome": (0, np.int32),
        "near": (False, bool),
        "place": (-1, np.int32),
        "case": (-1, np.int32),
        "weight": (1, np.float32),
        "amount": (1, np.float32),
    }
    rest = {name: constant(value, n, dtype) for name, (value, dtype) in empty.items() if name not in columns}
    vocabulary = {name: words.get(name, np.array([""], dtype=object)) for name in WORD_COLUMNS}
    return Facts(grid=grid, start=start, words=vocabulary, **columns, **rest)
