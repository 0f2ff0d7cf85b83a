"""What was known at a night, in the form the finders read: built once, each part when first asked for.

Nothing that became known at `as_of` or later enters: a table's rows are cut where they are read, and only here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

from riskwarn.clock import micros
from riskwarn.errors import DefinitionError, StaleDataError
from riskwarn.gaps.calendar import Workdays, basis_of, workdays
from riskwarn.history import DAY_US, NEVER, Events, History, Snapshot
from riskwarn.history.columns import encode, instants
from riskwarn.store import Store

LONGEST_SILENCE_DAYS = 90
"""When nothing at all came for longer than this, the night is refused; up to it the silence is told as feeds that stopped."""
WORKERS = ("grid_report", "dispute")
"""Feeds in which grid workers write; what residents ask for directly comes in :data:`CITIZENS`."""
CITIZENS = ("police_call", "hotline", "petition")


class Evidence:
    """What was known at one night of one city: a view upon its history.

    Parameters
    ----------
    store
        The city's store, or its history; a store is loaded once, for the night.
    as_of
        The night.
    scores
        Tonight's scores, where there are any.
    """

    def __init__(self, store: Store | History, as_of: object, scores: pd.DataFrame | None = None) -> None:
        self.history = store if isinstance(store, History) else History.load(store, as_of=as_of)
        self.timezone = self.history.timezone
        self.as_of = self.history.instant(as_of)
        self.at = micros(self.as_of)
        self.scores = scores

    # -- events -------------------------------------------------------------------------------------------------------

    @property
    def grids(self) -> pd.DataFrame:
        """The grids of the night, one row a grid, in the order of `grid_id`."""
        return self.history.grids

    @property
    def grid_ids(self) -> np.ndarray:
        """(n_grids,) ids."""
        return self.history.grid_ids

    @property
    def n_grids(self) -> int:
        """Number of grids."""
        return len(self.grids)

    def parent(self, level: str) -> tuple[np.ndarray, np.ndarray]:
        """(n_grids,) number of each grid's parent at `level` (one parent, ``*``, for all where there are none), and their ids.

        Parameters
        ----------
        level
            ``community_id``, ``township_id`` or ``county_id``.

        Returns
        -------
        numbers, ids
            (n_grids,) from 0, and the (n_parents,) ids they number, sorted.
        """
        column = self.grids.get(level)
        if column is None or column.isna().all():
            return np.zeros(self.n_grids, dtype=np.int64), np.array(["*"], dtype=object)
        number, ids = pd.factorize(column.fillna("*").astype(object), sort=True)
        return number, np.asarray(ids, dtype=object)

    @cached_property
    def snapshot(self) -> Snapshot:
        """The night as a snapshot of the history."""
        return self.history.at([self.as_of])

    @cached_property
    def events(self) -> Events:
        """Events as held at the night, one row an event, in the grid with the largest share of it.

        Raises
        ------
        StaleDataError
            Nothing is known yet, or nothing came for 90 days.
        """
        held = self.history.events_at(self.as_of).largest()
        check_fresh(len(held), int(held.known.max(initial=0)), self.as_of)
        return held

    def shares(self, *feeds: str) -> Iterator[Events]:
        """The events in shares: for whoever counts them and need not hold all at once.

        Parameters
        ----------
        feeds
            Those that are looked at; all by default.

        Yields
        ------
        events
            Each event of these feeds lies in one share, in no particular order, beside others perhaps. Codes of words are those of
            :attr:`events`; numbers of keys are a share's own. One share, where the events are at hand.
        """
        del feeds
        yield self.events

    @cached_property
    def follow(self) -> sparse.csr_matrix:
        """(n_grids, codes) share of each written grid code that lies in each grid of tonight; see the table `crosswalk`."""
        return self.history.carried.matrix(self.n_grids)

    def found(self, finders: "Mapping[str, Callable[[Self], pd.DataFrame]]") -> list[pd.DataFrame]:
        """What each kind finds.

        Parameters
        ----------
        finders
            By code of the kind.

        Returns
        -------
        tables
            Rows of table `gaps`, in the order of the kinds.
        """
        return [find(self) for find in finders.values()]

    def has_column(self, name: str) -> bool:
        """Whether a column of `events` holds any value.

        Parameters
        ----------
        name
            Column of table `events`.

        Returns
        -------
        has
            False where the column is absent or empty.
        """
        return self.events.has(name)

    @cached_property
    def workdays(self) -> Workdays:
        """Working days from four years before the night to one year after; the file ``calendar.csv`` of the store holds."""
        first, last = (self.as_of + pd.Timedelta(days=d) for d in (-4 * 366, 366))
        return workdays(first.date(), last.date(), basis=basis_of(self.timezone), changes=self.history.calendar)

    def wall(self, instants: np.ndarray) -> np.ndarray:
        """Instants in µs as wall-clock time of the city, datetime64[us]; NaT for :data:`NEVER`.

        Parameters
        ----------
        instants
            (n,) µs since 1970 UTC.

        Returns
        -------
        times
            (n,) datetime64[us] without a zone.
        """
        known = instants < NEVER
        at = self.local(np.where(known, instants, 0)).tz_localize(None).to_numpy().astype("datetime64[us]")
        return np.where(known, at, np.datetime64("NaT", "us"))

    @property
    def now(self) -> np.datetime64:
        """The night on the city's wall clock."""
        return self.as_of.tz_localize(None).to_datetime64().astype("datetime64[us]")

    # -- other tables -------------------------------------------------------------------------------------------------

    def has(self, name: str) -> bool:
        """Whether the city has the table.

        Parameters
        ----------
        name
            Table name.

        Returns
        -------
        has
            True where any row was known before the night.
        """
        return self.history.has(name)

    def table(self, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame | None:
        """Rows of a table known before the night; none where there is no such table.

        Parameters
        ----------
        name
            Table name.
        columns
            Only these; all by default.

        Returns
        -------
        rows
            Times in the city's zone; None where there is no such table.
        """
        return self.history.table_at(name, self.as_of, columns=columns)

    @cached_property
    def visits(self) -> "Visits":
        """Visits known before the night, but those marked as not valid; a blank mark voids none."""
        table = self._table("visits", ["grid_id", "started_at", "valid"])
        (code, written), started, flag = encode(table["grid_id"]), instants(table["started_at"]), table["valid"]
        carry = self.history.carry(written)
        valid = flag.fill_null(True).to_numpy().astype(bool)
        keep = valid & (carry.largest >= 0)[code]
        return Visits(carry.largest[code[keep]], started[keep], code[keep], carry.matrix(self.n_grids))

    @cached_property
    def workflow(self) -> pd.DataFrame:
        """Steps of cases known before the night, in order; instants as µs in `at_us` and `limit_us`."""
        table = self._table("workflow")
        steps = table.select(["case_id", "step", "action", "from_org", "to_org", "level", "grid_id"]).to_pandas()
        steps = steps.assign(
            at_us=instants(table["at"]), limit_us=instants(table["limit_at"]), case=pd.factorize(steps["case_id"])[0]
        )
        return steps.iloc[np.lexsort((steps["step"], steps["at_us"], steps["case"]))].reset_index(drop=True)

    @cached_property
    def diversions(self) -> pd.DataFrame:
        """Calls handed over before the night; receipts and closings that came later are blank."""
        calls = self.table("diversions")
        if calls is None:
            raise _lacking("diversions")
        return calls

    def _table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        table = self.history.arrow_at(name, self.as_of, columns=columns)
        if table is None:
            raise _lacking(name)
        return table

    # -- space --------------------------------------------------------------------------------------------------------

    def days_ago(self, instants: np.ndarray) -> np.ndarray:
        """Whole days between each instant and the night: 0 for the last 24 hours.

        Parameters
        ----------
        instants
            (n,) µs since 1970 UTC.

        Returns
        -------
        days
            (n,) whole days; below 0 for instants after the night.
        """
        return (self.at - 1 - instants) // DAY_US

    def local(self, instants: np.ndarray) -> pd.DatetimeIndex:
        """Instants in µs on the city's clock.

        Parameters
        ----------
        instants
            (n,) µs since 1970 UTC.

        Returns
        -------
        times
            (n,) with the city's zone.
        """
        return pd.DatetimeIndex(instants.astype("datetime64[us]")).tz_localize("UTC").tz_convert(self.timezone)

    def attribute(self, name: str) -> np.ndarray | None:
        """A numeric column of the grids, or none where it is empty; blanks become its median.

        Parameters
        ----------
        name
            Column of table `grids`.

        Returns
        -------
        values
            (n_grids,) in the unit of the column, or None.
        """
        if name not in self.grids or self.grids[name].isna().all():
            return None
        values = pd.to_numeric(self.grids[name]).to_numpy(dtype=float, na_value=np.nan)
        return np.where(np.isnan(values), np.nanmedian(values), values)


@dataclass(frozen=True, eq=False)
class Visits:
    """Valid visits: position of the grid, and when each began, µs."""

    grid: np.ndarray
    started: np.ndarray
    raw_grid: np.ndarray
    follow: sparse.csr_matrix
    """(n_grids, codes) share of each written code (`raw_grid`) in each grid of tonight."""

    def counts(self, bin_of: np.ndarray, n_bins: int) -> np.ndarray:
        """(n_grids, n_bins) visits by bin; `bin_of` gives each visit's bin, -1 for none."""
        here = bin_of >= 0
        codes = self.follow.shape[1]
        by_code = np.bincount(self.raw_grid[here] * n_bins + bin_of[here], minlength=codes * n_bins)
        return np.asarray(self.follow @ by_code.reshape(codes, n_bins).astype(float))


def check_fresh(n: int, known: int, as_of: pd.Timestamp) -> None:
    """Refuse a night at which nothing is known, or nothing new.

    Parameters
    ----------
    n, known
        Events held at the night, and when the newest of them became known, µs.
    as_of
        The night.

    Raises
    ------
    StaleDataError
        There is none, or none came for :data:`LONGEST_SILENCE_DAYS`.
    """
    if n == 0:
        raise StaleDataError(f"nothing is known before {as_of}: the first record came later. Choose a later night.")
    silent_days = (micros(as_of) - known) / DAY_US
    if silent_days > LONGEST_SILENCE_DAYS:
        raise StaleDataError(
            f"nothing became known in the {silent_days:.0f} days before {as_of}. Bring newer deliveries in, or choose an earlier night."
        )


def _lacking(name: str) -> DefinitionError:
    return DefinitionError(f"the city has no table {name!r}: bring it in with `riskwarn ingest`.")
