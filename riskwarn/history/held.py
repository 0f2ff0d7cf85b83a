"""Events as held at an instant: of each event the newest revision known, in the grids of a history."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from riskwarn.errors import DataError, did_you_mean
from riskwarn.history.carry import Carry
from riskwarn.history.facts import NEVER
from riskwarn.history.log import KEYS, WORDS, Log

_TIMES = ("known_at", "occurred_at", "closed_at", "due_at")
_COLUMNS = (
    "source",
    "event_id",
    "grid_id",
    "weight",
    "occurred_at",
    "known_at",
    "category",
    "severity",
    "origin",
    "tags",
    "status",
    "due_at",
    "closed_at",
)
"""What :meth:`Events.frame` shows: nothing that tells a person or an address."""


class Events:
    """Events as held at an instant, one row an event and grid: an event of a grid that was split has one row in each heir.

    Every attribute is an array (n,), made when first asked for. Instants are µs since 1970 UTC, :data:`riskwarn.history.NEVER`
    where there is none; words are codes into :attr:`words`. What of an event became known at the instant or later is not here.

    Parameters
    ----------
    log
        All revisions.
    at
        The instant, µs.
    position
        (n,) Which revision of the log each row is.
    grid
        (n,) Number of the grid among the history's; -1 where the event leads to none of them.
    weight
        (n,) Share of the event that lies in the grid, in (0, 1]; the shares of an event add up to what of its old grid went on.
    grid_ids
        Ids of the grids by number.
    timezone
        Clock of the city, for :meth:`frame`.
    """

    def __init__(
        self,
        log: Log,
        at: int,
        position: np.ndarray,
        grid: np.ndarray,
        weight: np.ndarray,
        *,
        grid_ids: np.ndarray,
        timezone: str,
    ) -> None:
        self.log = log
        self.at = at
        self.position = position
        self.grid = grid
        self.weight = weight
        self.grid_ids = grid_ids
        self.timezone = timezone

    @classmethod
    def held_at(cls, log: Log, carry: Carry, at: int, *, grid_ids: np.ndarray, timezone: str) -> "Events":
        """The events of a log that hold at `at`, carried to their grids.

        Parameters
        ----------
        log, carry
            The revisions, and where they go.
        at
            The instant, µs.
        grid_ids
            (n_grids,) of the history.
        timezone
            Clock of the city.

        Returns
        -------
        events
            Without those withdrawn, or yet to occur.
        """
        held = log.held(at)
        code = log.coded("grid_id")[0][log.order[held]]
        row, grid, weight = carry.rows(code)
        position = held if row is None else held[row]
        lost = np.flatnonzero(carry.largest[code] < 0) if row is not None else np.zeros(0, np.int64)
        if len(lost):
            position, grid = np.r_[position, held[lost]], np.r_[grid, np.full(len(lost), -1, grid.dtype)]
            weight = np.r_[weight, np.ones(len(lost), np.float32)]
            order = np.argsort(position, kind="stable")
            position, grid, weight = position[order], grid[order], weight[order]
        return cls(log, at, position, grid.astype(np.int64), weight, grid_ids=grid_ids, timezone=timezone)

    @cached_property
    def row(self) -> np.ndarray:
        """Which row of the table each is."""
        return self.log.order[self.position]

    @property
    def sequence(self) -> np.ndarray:
        """(n,) numbers that rise in the order in which one machine has the events, in whatever order these stand."""
        return self.position

    def _of_rows(self, column: np.ndarray) -> np.ndarray:
        """(n,) what a column of the table says of each."""
        return column[self.row]

    def _of_log(self, column: np.ndarray) -> np.ndarray:
        """(n,) what a column of the log says of each."""
        return column[self.position]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.position)

    def __repr__(self) -> str:
        """Size and instant at a glance."""
        return f"Events({len(self):,} rows, held at {pd.Timestamp(self.at, unit='us', tz='UTC').tz_convert(self.timezone)})"

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self)

    def take(self, rows: np.ndarray) -> "Events":
        """Only these rows, by number or by mask.

        Parameters
        ----------
        rows
            (k,) numbers, or (n,) bool.

        Returns
        -------
        events
            In that order.
        """
        return type(self)(
            self.log,
            self.at,
            self.position[rows],
            self.grid[rows],
            self.weight[rows],
            grid_ids=self.grid_ids,
            timezone=self.timezone,
        )

    def largest(self) -> "Events":
        """One row an event, in the grid with the largest share of it: for what counts heads instead of shares."""
        first = np.flatnonzero(np.r_[True, self.position[1:] != self.position[:-1]]) if len(self) else self.position
        if len(first) == len(self):
            return self
        size = np.diff(np.r_[first, len(self)])
        most = np.flatnonzero(self.weight == np.repeat(np.maximum.reduceat(self.weight, first), size))
        event = self.position[most]
        return self.take(most[np.r_[True, event[1:] != event[:-1]]])

    # -- words --------------------------------------------------------------------------------------------------------

    @cached_property
    def words(self) -> Mapping[str, np.ndarray]:
        """Vocabulary by column; the codes of `grid_id` are those of :attr:`raw_grid`."""
        return {name: self.log.coded(name)[1] for name in WORDS}

    def _codes(self, name: str) -> np.ndarray:
        return self._of_rows(self.log.coded(name)[0]).astype(np.int32)

    @cached_property
    def source(self) -> np.ndarray:
        """Feed."""
        return self._codes("source")

    @cached_property
    def raw_grid(self) -> np.ndarray:
        """Grid as written."""
        return self._codes("grid_id")

    @cached_property
    def category(self) -> np.ndarray:
        """Canonical category."""
        return self._codes("category")

    @cached_property
    def origin(self) -> np.ndarray:
        """Who brought it to light."""
        return self._codes("origin")

    @cached_property
    def near_grid(self) -> np.ndarray:
        """A foreign grid within reach."""
        return self._codes("near_grid_id")

    @cached_property
    def near(self) -> np.ndarray:
        """Whether a foreign grid lies within reach."""
        return np.asarray((self.words["near_grid_id"] != "")[self.near_grid])

    @cached_property
    def org(self) -> np.ndarray:
        """Who recorded it."""
        return self._codes("org_code")

    @cached_property
    def status(self) -> np.ndarray:
        """Case status."""
        return self._codes("status")

    @cached_property
    def outcome(self) -> np.ndarray:
        """How it ended."""
        return self._codes("outcome")

    @cached_property
    def tags(self) -> np.ndarray:
        """Its tags, as one word."""
        return self._codes("tags")

    def of(self, *sources: str) -> np.ndarray:
        """(n,) whether each event is of one of `sources`.

        Parameters
        ----------
        sources
            Names of feeds.

        Returns
        -------
        mask
            (n,) bool.
        """
        return np.asarray(np.isin(self.words["source"], sources)[self.source])

    # -- keys ---------------------------------------------------------------------------------------------------------

    @cached_property
    def place(self) -> np.ndarray:
        """Number of the place, -1 for none."""
        return self._key_numbers("place_key")

    @cached_property
    def case(self) -> np.ndarray:
        """Number of the case, -1 for none."""
        return self._key_numbers("case_id")

    def _key_numbers(self, name: str) -> np.ndarray:
        """(n,) number of the key of each, -1 for none."""
        return self._of_rows(self.log.keyed(name)[0])

    def n_keys(self, name: str) -> int:
        """How many words `place_key` or `case_id` has.

        Parameters
        ----------
        name
            ``place_key`` or ``case_id``.

        Returns
        -------
        n
            Numbers go from 0 to one less.
        """
        return len(self.keys(name))

    def keys(self, name: str) -> pa.Array:
        """The words of `place_key` or `case_id` by number.

        Parameters
        ----------
        name
            ``place_key`` or ``case_id``.

        Returns
        -------
        words
            As the records write them.
        """
        return self.log.keyed(name)[1]

    def numbers_of(self, name: str, words: object) -> np.ndarray:
        """Numbers of some words of `place_key` or `case_id`, -1 for those no event has.

        Parameters
        ----------
        name
            ``place_key`` or ``case_id``.
        words
            (k,) keys.

        Returns
        -------
        numbers
            (k,).
        """
        where = pc.index_in(pa.array(words, pa.string()), value_set=self.keys(name).cast(pa.string()))
        return np.asarray(where.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64))

    # -- measures -----------------------------------------------------------------------------------------------------

    @cached_property
    def severity(self) -> np.ndarray:
        """0 to 3."""
        return self._of_rows(self.log.severity())

    @cached_property
    def occurred(self) -> np.ndarray:
        """When it happened."""
        return self._of_rows(self.log.times("occurred_at"))

    @cached_property
    def known(self) -> np.ndarray:
        """When what holds became known."""
        return self._of_log(self.log.known)

    @cached_property
    def first_known(self) -> np.ndarray:
        """When the event first became known, and not before it occurred."""
        return np.maximum(self._of_log(self.log.first_known), self.occurred)

    @cached_property
    def closed(self) -> np.ndarray:
        """When it was closed; a closing dated after the instant has not come."""
        closed = self._of_rows(self.log.times("closed_at"))
        return np.where(closed < self.at, closed, NEVER)

    @cached_property
    def due(self) -> np.ndarray:
        """When it should be closed."""
        return self._of_rows(self.log.times("due_at"))

    # -- as a table ---------------------------------------------------------------------------------------------------

    def has(self, name: str) -> bool:
        """Whether a column of table `events` holds any value here.

        Parameters
        ----------
        name
            Of a column of table `events`.

        Returns
        -------
        has
            False for a column that says nothing.
        """
        if name in KEYS:
            return bool((self.log.keyed(name)[0][self.row] >= 0).any())
        if name in WORDS:
            return bool((self.words[name] != "")[self._codes(name)].any())
        return bool((self.log.times(name)[self.row] != NEVER).any()) if name in _TIMES else name in self.log.filled

    def frame(self, columns: tuple[str, ...] = _COLUMNS) -> pd.DataFrame:
        """The rows as a table, times on the city's clock; `grid_id` is the grid of the history, `weight` the share in it.

        Parameters
        ----------
        columns
            Columns of table `events`, and `weight`; what the city does not tell is empty.

        Returns
        -------
        events
            One row an event and grid.

        Raises
        ------
        DataError
            There is no such column.
        """
        return pd.DataFrame({name: self._shown(name) for name in columns}, index=pd.RangeIndex(len(self)))

    def _shown(self, name: str) -> object:
        plain = {"weight": lambda: self.weight, "severity": lambda: self.severity}
        if name in plain:
            return plain[name]()
        if name in _TIMES:
            times = self.closed if name == "closed_at" else self.log.times(name)[self.row]
            wall = np.where(times == NEVER, np.datetime64("NaT", "us"), times.astype("datetime64[us]"))
            return pd.DatetimeIndex(wall).as_unit("us").tz_localize("UTC").tz_convert(self.timezone)
        return pd.array(self._text(name), dtype="str")

    def _text(self, name: str) -> object:
        if name == "grid_id":
            return np.array([*self.grid_ids, None], dtype=object)[self.grid]
        if name in WORDS:
            return self.words[name][self._codes(name)]
        if name in KEYS:
            number = self.log.keyed(name)[0][self.row]
            return self.keys(name).cast(pa.string()).take(pa.array(number, mask=number < 0))
        if name != "event_id":
            known = ("weight", "severity", "event_id", *WORDS, *_TIMES, *KEYS)
            raise DataError(f"held events have no column {name!r}{did_you_mean(name, known)}.")
        return (
            self.log.columns[name].take(pa.array(self.row)).cast(pa.string())
            if name in self.log.filled
            else self.row.astype(str)
        )
