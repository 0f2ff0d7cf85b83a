"""A record: what was ever told of a city, and over which grids it is laid."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

from riskwarn import grid
from riskwarn.clock import instant, micros
from riskwarn.errors import DataError, DefinitionError
from riskwarn.history.carry import Carry
from riskwarn.history.coverage import Coverage
from riskwarn.history.facts import NEVER, Facts
from riskwarn.history.log import Log
from riskwarn.history.silences import Silence
from riskwarn.history.tables import CLOCKS, Frames, Tables, framed, known
from riskwarn.notebook import text_html
from riskwarn.store.parts import LATER


@dataclass(frozen=True, eq=False)
class Record:
    """Events, tables and grids of a city, as they were told. The attributes are those of :class:`riskwarn.history.past.Past`."""

    grids: pd.DataFrame
    facts: Facts
    cases: Facts
    until: int
    timezone: str
    crosswalk: pd.DataFrame | None = None
    calendar: Path | None = None
    """The operator's table of working days, ``calendar.csv`` of the store, where there is one."""
    beside: Tables = field(default_factory=lambda: Frames({}))
    """The other tables; :meth:`table_at` tells what of them was known when."""
    stated: bool = False
    """Whether `until` was given, and not taken from the records."""
    _log: "Callable[[], Log | None]" = lambda: None
    _links: dict[str, sparse.csr_matrix] = field(default_factory=dict)
    _tables: dict[str, Facts] = field(default_factory=dict)
    _coverage: dict[str, tuple[list[Coverage], np.ndarray]] = field(default_factory=dict)
    _silences: dict[tuple[str, float], list[Silence]] = field(default_factory=dict)
    _closings: dict[tuple[str, bytes], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    _reached: dict[tuple[float, str], tuple[Self, sparse.csr_matrix]] = field(default_factory=dict, init=False)
    selected: dict[Any, Any] = field(default_factory=dict, init=False)
    """Rows of streams that were asked for, kept for the next snapshot."""
    _begun: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    city: Self | None = None
    """The whole city's, where this is the history of some of its grids."""
    numbers: np.ndarray | None = None
    """Their row numbers among the city's grids."""

    def __repr__(self) -> str:
        """Size and span at a glance."""
        return f"{type(self).__name__}({int(self.n_records.sum()):,} revisions, {len(self.grids):,} grids, until {pd.Timestamp(self.until, unit='us', tz=self.timezone)})"

    def _repr_html_(self) -> str:
        """The same for notebooks."""
        return text_html(repr(self))

    @cached_property
    def first(self) -> int:
        """When the city's first record became known, µs."""
        return int(self.cases.start.min(initial=NEVER))

    @cached_property
    def n_records(self) -> np.ndarray:
        """(n_grids,) revisions of each grid."""
        return np.bincount(self.cases.grid, minlength=len(self.grids))

    @property
    def words(self) -> Mapping[str, np.ndarray]:
        """Vocabulary of the events by column."""
        return self.cases.words

    def forget_rows(self) -> None:
        """Let go of the rows of streams that are kept for the next snapshot, where none is to come; one that comes all the same finds them again."""
        self.selected.clear()

    def part(self, numbers: np.ndarray) -> Self:
        """The history of some of the grids, by row number, increasing; of the feeds it knows what the whole knows.

        It serves features that look at their own grid or its neighbours; for the others it is another city.

        Parameters
        ----------
        numbers
            (k,) row numbers.

        Returns
        -------
        history
            Of `k` grids, numbered anew.
        """
        if self.numbers is not None:
            return self.whole.part(self.numbers[numbers])
        facts = self.facts.of_grids(numbers, len(self.grids))
        cases = facts if self.cases is self.facts else self.cases.of_grids(numbers, len(self.grids))
        return replace(
            self,
            grids=self.grids.iloc[numbers].reset_index(drop=True),
            facts=facts,
            cases=cases,
            _links={},
            _tables={},
            _begun={},
            city=self,
            numbers=numbers,
        )

    @property
    def whole(self) -> Self:
        """The history of the whole city: itself, where it is that."""
        return self if self.city is None else self.city

    @property
    def around(self) -> Self:
        """The history of these grids and their neighbours: itself, where it is of a whole city."""
        return self._around or self

    @cached_property
    def _around(self) -> Self | None:
        if self.numbers is None:
            return None
        beside = self.whole.neighbors()[self.numbers].indices
        return self.whole.part(np.union1d(self.numbers, beside))

    def told(self, column: str) -> bool:
        """Whether the city gives a `column` of its grids for any of them.

        Parameters
        ----------
        column
            Of table `grids`.

        Returns
        -------
        told
            False where all values are missing.
        """
        grids = self.whole.grids
        return column in grids and bool(grids[column].notna().any())

    def neighbors(self, how: str = "auto") -> sparse.csr_matrix:
        """(n, n_around) 0/1 matrix of the grids beside each grid, among these and their neighbours; (n, n) of a whole city.

        Parameters
        ----------
        how
            As for :func:`riskwarn.grid.neighbors`.

        Returns
        -------
        neighbors
            Made once.
        """
        if self.numbers is not None and how == "auto" and how not in self._links:
            self._links[how] = self.whole.neighbors()[self.numbers][:, self.around.numbers]
        if how not in self._links:
            self._links[how] = grid.neighbors(self.grids, how=how)  # type: ignore[arg-type]
        return self._links[how]

    def closeness(self, reach: float, shape: str) -> sparse.csr_matrix:
        """(n, n) weights by distance between centres: :func:`riskwarn.grid.closeness`.

        Parameters
        ----------
        reach, shape
            As for :func:`riskwarn.grid.closeness`.

        Returns
        -------
        closeness
            Made once.
        """
        key = link_of(reach, shape)
        if key not in self._links:
            self._links[key] = grid.closeness(self.grids, reach=reach, shape=shape)
        return self._links[key]

    def reached(self, reach: float, shape: str) -> tuple[Self, sparse.csr_matrix]:
        """The history of the grids that lie within reach of these, and their weights: itself, where it is of a whole city.

        Parameters
        ----------
        reach, shape
            As for :func:`riskwarn.grid.closeness`.

        Returns
        -------
        history, weights
            Of `k` grids, and (n, k) of column for row.
        """
        if self.numbers is None:
            return self, self.closeness(reach, shape)
        key = reach, shape
        if key not in self._reached:
            weights = self.whole.closeness(reach, shape)[self.numbers]
            columns = np.unique(weights.indices)
            self._reached[key] = self.whole.part(columns), weights[:, columns]
        return self._reached[key]

    @cached_property
    def grid_ids(self) -> np.ndarray:
        """(n_grids,) ids of the grids by number."""
        return self.grids["grid_id"].to_numpy(dtype=object)

    def instant(self, as_of: object) -> pd.Timestamp:
        """`as_of` on the city's clock; a date means its local midnight (:func:`riskwarn.clock.instant`).

        Parameters
        ----------
        as_of
            Text, a date or a time.

        Returns
        -------
        instant
            With the city's time zone.
        """
        return instant(as_of, self.timezone)

    @cached_property
    def log(self) -> Log:
        """Every revision of every event.

        Raises
        ------
        DataError
            The history was made of counts alone.
        """
        log = self._log()
        if log is None:
            raise DataError("this history holds counts and no events; make it with History.load, of or punctual.")
        return log

    def carry(self, written: np.ndarray) -> Carry:
        """Where records written under some grid ids go among these grids.

        Parameters
        ----------
        written
            Grid ids as records write them, each once.

        Returns
        -------
        carry
            With shares where a grid was split.
        """
        return Carry.of(written, self.grid_ids, self.crosswalk)

    @cached_property
    def carried(self) -> Carry:
        """Where the events go, by the codes of their grids as written."""
        return self.carry(self.log.coded("grid_id")[1])

    def has(self, name: str) -> bool:
        """Whether there is such a table beside the events.

        Parameters
        ----------
        name
            Of a table.

        Returns
        -------
        has
            False for a table without rows.
        """
        return name in {"events", "grids"} or self.beside.has(name)

    def read(self, name: str) -> pd.DataFrame:
        """A table beside the events, all of it; what was known at an instant is :meth:`table_at`.

        Parameters
        ----------
        name
            Of a table.

        Returns
        -------
        rows
            Times on the city's clock.

        Raises
        ------
        DefinitionError
            There is none; a table that is absent is not a table of zeros.
        """
        return framed(self._arrow(name), self.timezone)

    def _arrow(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        if not self.beside.has(name):
            raise DefinitionError(f"the store holds no table {name!r}; leave the feature out, or ingest it.")
        return self.beside.arrow(name, columns=columns)

    def table_at(self, name: str, as_of: object, *, columns: Sequence[str] | None = None) -> pd.DataFrame | None:
        """The rows of a table beside the events that were known before an instant; none where there is no such table.

        What a row tells of a later time is blank: the receipt of a call that was handed over arrives like any other news.

        Parameters
        ----------
        name
            `visits`, `workflow`, `diversions`, `roster`, `feed_log`, `crosswalk`, or `alerts` of the nights before. Tables without a
            clock, such as `places`, are given whole.
        as_of
            The instant; a date means its local midnight.
        columns
            Only these; all by default.

        Returns
        -------
        rows
            Times on the city's clock; of a crosswalk also what takes effect at the very instant.
        """
        table = self.arrow_at(name, as_of, columns=columns)
        if table is None:
            return None
        rows, at = framed(table, self.timezone), self.instant(as_of)
        return rows.assign(**{c: rows[c].where(rows[c] < at) for c in LATER.get(name, ()) if c in rows})

    def arrow_at(self, name: str, as_of: object, *, columns: Sequence[str] | None = None) -> pa.Table | None:
        """The same rows as an Arrow table, times in UTC; what a row tells of later is still in it.

        Parameters
        ----------
        name, as_of, columns
            As for :meth:`table_at`.

        Returns
        -------
        rows
            None where there is no such table.
        """
        if not self.beside.has(name):
            return None
        wanted = [*dict.fromkeys((*columns, *CLOCKS.get(name, ())))] if columns else None
        table = known(self.beside.arrow(name, columns=wanted), name, micros(self.instant(as_of)))
        return table.select(list(columns)) if columns else table


def link_of(reach: float, shape: str) -> str:
    """Name under which weights by distance are kept beside the neighbours."""
    return f"{shape} {reach!r}"
