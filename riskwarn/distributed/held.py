"""The events held at a night, in files side by side: whoever looks at them reads the rows and the columns that he looks at, and no others.

::

    store ── buckets of events, whole ── held: of each event what holds at the night, a file a bucket ── HeldHistory: its events, column by column
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from riskwarn.clock import micros
from riskwarn.distributed import firsts, keys
from riskwarn.distributed.outline import nothing_of
from riskwarn.history import Events, History
from riskwarn.history.carry import Carry
from riskwarn.history.facts import WORD_COLUMNS, Facts, constant
from riskwarn.history.log import Log
from riskwarn.history.tables import Tables
from riskwarn.store.remote import Folder

FIRST, _BITS = "first", 48
"""Column that says where in the table the id of an event first stood, and bits in which that has room."""


@dataclass(frozen=True, eq=False)
class Files:
    """The files in which the events of a night lie.

    Parameters
    ----------
    folder, numbers
        Where they are, and which buckets have one.
    words
        Vocabulary of the events.
    filled
        Columns that say something of any event.
    n_parts
        Parts into which keys are thrown.
    n_shares
        Shares of the grids by which events lie as they first became known; 0 where they are not written so.
    whole
        Whether no event lies in several grids, or in one by a share.
    """

    folder: Folder
    numbers: tuple[int, ...]
    words: Mapping[str, np.ndarray]
    filled: frozenset[str]
    n_parts: int = 1
    n_shares: int = 0
    whole: bool = False

    def column(self, name: str, rows: Sequence[np.ndarray] | None = None) -> pa.ChunkedArray:
        """A column, of some rows of each file or of all."""
        parts = [self.rows(number, [name])[name] for number in self.numbers]
        if rows is not None:
            parts = [part.take(pa.array(some)) for part, some in zip(parts, rows, strict=True)]
        return pa.chunked_array([chunk for part in parts for chunk in part.chunks], parts[0].type)

    def rows(self, number: int, names: Sequence[str]) -> pa.Table:
        """Some columns of one file."""
        with held_file(self.folder, number).open("rb") as file:
            return pq.read_table(file, columns=list(names))

    def plain(self, number: int, name: str) -> np.ndarray:
        """A column of numbers of one file."""
        return np.asarray(self.rows(number, [name])[name].to_numpy())

    def n_rows(self, number: int) -> int:
        """Rows of one file."""
        with held_file(self.folder, number).open("rb") as file:
            return int(pq.read_metadata(file).num_rows)

    def first_told(self, at: int, source: str) -> Iterator[Facts]:
        """Each event of a feed as it first became known, of those known before an instant, a share of the grids after the other.

        Parameters
        ----------
        at
            The instant, no later than the night, µs.
        source
            The feed.

        Yields
        ------
        rows
            By category and grid, those of one grid as they lie in the files.
        """
        words = {name: self.words[name] for name in WORD_COLUMNS}
        code = self.words["source"].tolist().index(source)
        for share in range(self.n_shares):
            yield firsts.read(self.folder, self.numbers, code, code * self.n_shares + share, words, at)


@dataclass(frozen=True, eq=False)
class Look:
    """Which of the events of a night are looked at.

    Parameters
    ----------
    feeds, since
        Those of these feeds, and that occurred at this instant (µs) or later; all by default.
    within
        (n_grids,) whether they may lie in each grid; in any, and in none, by default.
    """

    feeds: tuple[str, ...] | None = None
    since: int | None = None
    within: np.ndarray | None = None

    @property
    def whole(self) -> bool:
        """Whether all are."""
        return self.feeds is None and self.since is None and self.within is None

    def of(self, feeds: tuple[str, ...]) -> "Look":
        """Those of some feeds."""
        return replace(self, feeds=feeds if self.feeds is None else tuple(f for f in feeds if f in self.feeds))

    def rows(self, files: Files, number: int) -> np.ndarray:
        """(k,) rows of a file."""
        here = np.ones(files.n_rows(number), dtype=bool)
        if self.feeds is not None:
            here &= np.isin(files.words["source"], list(self.feeds))[files.plain(number, "source")]
        if self.since is not None:
            here &= files.plain(number, "occurred_at") >= self.since
        if self.within is not None:
            here &= np.r_[self.within, False][files.plain(number, "grid")]
        return np.flatnonzero(here)


class HeldLog:
    """The log of events that lie in files, as far as events held ask a :class:`riskwarn.history.log.Log`: each column is read when it is asked for.

    Parameters
    ----------
    files
        Where they lie.
    look
        Which events are looked at.
    in_order
        Whether they stand as one machine has them; else as they lie, which whoever counts them does not mind.
    """

    def __init__(self, files: Files, look: Look, *, in_order: bool = True) -> None:
        self.files = files
        self.filled = files.filled | {"event_id"}
        self._rows = None if look.whole else [look.rows(files, number) for number in files.numbers]
        self._place: np.ndarray | None = None
        self.in_order = in_order
        self.position = self._in_order() if in_order else self._as_they_lie()

    def _as_they_lie(self) -> np.ndarray:
        """Position of the first row of the event of each."""
        if not self.files.whole:
            return _begun(self.sequence)
        n = map(self.files.n_rows, self.files.numbers) if self._rows is None else map(len, self._rows)
        return np.arange(sum(n), dtype=np.int32)

    def _in_order(self) -> np.ndarray:
        """Find the place of each row; position of the first row of the event of each."""
        key = self.sequence
        order, standing = np.argsort(key, kind="stable"), np.arange(len(key), dtype=np.int32)
        self._place = np.empty_like(standing)
        self._place[order] = standing
        return standing if self.files.whole else _begun(key[order])

    @property
    def sequence(self) -> np.ndarray:
        """(n,) by what events as they lie are ordered, and told apart: feed, and where the id first stood."""
        return np.concatenate(
            [
                np.left_shift(source.astype(np.int64), _BITS) + first
                for source, first in zip(self._parts("source"), self._parts(FIRST), strict=True)
            ]
            or [np.zeros(0, np.int64)]
        )

    def _parts(self, name: str) -> Iterator[np.ndarray]:
        """A column, file after file."""
        for i, number in enumerate(self.files.numbers):
            column = self.files.plain(number, name)
            yield column if self._rows is None else column[self._rows[i]]

    def column(self, name: str) -> np.ndarray:
        """(n,) of each event, in the order in which they stand."""
        column, at = None, 0
        for part in self._parts(name):
            if column is None:
                column = np.empty(len(self.position), part.dtype)
            here = slice(at, at + len(part))
            column[here if self._place is None else self._place[here]] = part
            at = here.stop
        assert column is not None
        return column

    @cached_property
    def order(self) -> np.ndarray:
        """(n,) rows as they are."""
        return np.arange(len(self.position), dtype=np.int32)

    @property
    def known(self) -> np.ndarray:
        """(n,) when what holds became known, µs."""
        return self.column("known")

    @property
    def first_known(self) -> np.ndarray:
        """(n,) when the event first became known, µs."""
        return self.column("first_known")

    def coded(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Codes and vocabulary of a column of words."""
        return self.column(name), self.files.words[name]

    def times(self, name: str) -> np.ndarray:
        """µs of each event; :data:`riskwarn.history.NEVER` where empty."""
        return self.column("known" if name == "known_at" else name)

    def severity(self) -> np.ndarray:
        """Of each event."""
        return self.column("severity")

    def keyed(self, name: str) -> tuple[np.ndarray, pa.Array]:
        """Number of the key of each event, -1 for none, and the keys by number."""
        number, words = np.full(len(self.position), -1, np.int32), [pa.array([], pa.string())]
        for place, of_place, some in self.keys(name):
            number[place] = of_place
            words.append(some)
        return number, pa.concat_arrays(words)

    def numbers(self, name: str) -> np.ndarray:
        """(n,) number of the key of each event, -1 for none."""
        number = np.full(len(self.position), -1, np.int32)
        for place, of_place, _ in self.keys(name):
            number[place] = of_place
        return number

    def keys(self, name: str) -> Iterator[tuple[np.ndarray, np.ndarray, pa.Array]]:
        """The keys of the events, a part after the other (:func:`riskwarn.distributed.keys.numbered`)."""
        if name in self.files.filled:
            files, places = self.files, [*self._places()]
            yield from keys.numbered(files.folder, name, files.numbers, files.n_parts, places)

    def _places(self) -> Iterator[np.ndarray]:
        """Of each file where its rows stand, -1 for those not looked at."""
        first = 0
        for i, number in enumerate(self.files.numbers):
            n = self.files.n_rows(number)
            rows = np.arange(n) if self._rows is None else self._rows[i]
            places = np.full(n, -1, np.int32)
            here = slice(first, first + len(rows))
            places[rows] = np.arange(here.start, here.stop) if self._place is None else self._place[here]
            yield places
            first = here.stop

    @property
    def columns(self) -> dict[str, pa.ChunkedArray]:
        """What has no plain form: the ids of the events."""
        rows = self._placed(np.arange(len(self.position)))
        return {"event_id": self.files.column("event_id", self._rows).take(pa.array(rows))}

    def _placed(self, column: np.ndarray) -> np.ndarray:
        """What was read file after file, in the order in which the events stand."""
        if self._place is None:
            return column
        placed = np.empty_like(column)
        placed[self._place] = column
        return placed


class HeldEvents(Events):
    """Events held at a night that lie in files."""

    @cached_property
    def words(self) -> Mapping[str, np.ndarray]:
        """Vocabulary by column, which no row need be read for."""
        return self._files.words

    def has(self, name: str) -> bool:
        """Whether a column says anything of any event of the night, looked at or not."""
        return name in self._files.filled

    @property
    def row(self) -> np.ndarray:
        """Which row of the files each is, in the order in which they stand."""
        return self.position

    @property
    def sequence(self) -> np.ndarray:
        """(n,) numbers that rise in the order in which one machine has the events."""
        return self.position if self._log.in_order else self._log.sequence[self.position]

    def _of_rows(self, column: np.ndarray) -> np.ndarray:
        """A column; all rows stand in the order of the files, and nothing is copied where all are looked at."""
        return column if self.position is self._log.position else column[self.position]

    _of_log = _of_rows

    def _key_numbers(self, name: str) -> np.ndarray:
        """(n,) number of the key of each; the keys themselves are let go."""
        return self._of_rows(self._log.numbers(name))

    def n_keys(self, name: str) -> int:
        """How many keys there are."""
        return sum(len(words) for _, _, words in self._log.keys(name))

    def numbers_of(self, name: str, words: object) -> np.ndarray:
        """Numbers of some keys, -1 for those no event has."""
        wanted, first = pa.array(words, pa.string()), 0
        numbers = np.full(len(wanted), -1, np.int64)
        for _, _, some in self._log.keys(name):
            where = pc.index_in(wanted, value_set=some).fill_null(-1).to_numpy(zero_copy_only=False)
            numbers[where >= 0] = first + where[where >= 0]
            first += len(some)
        return numbers

    def largest(self) -> Events:
        """One row an event; themselves, where each lies in one grid."""
        return self if self._files.whole else super().largest()

    @property
    def _log(self) -> HeldLog:
        return cast("HeldLog", self.log)

    @property
    def _files(self) -> Files:
        return self._log.files


def held_events(history: History, files: Files, look: Look, as_of: object, *, in_order: bool = True) -> Events:
    """The events of a night that lie in files.

    Parameters
    ----------
    history
        Of the night: its grids and clock.
    files, look
        Where the events lie, and which of them are looked at.
    as_of
        The night.
    in_order
        Whether they stand in the order in which one machine has them; else as they lie.

    Returns
    -------
    events
        As :meth:`riskwarn.history.History.events_at`.
    """
    log = HeldLog(files, look, in_order=in_order)
    return HeldEvents(
        cast("Log", log),
        micros(history.instant(as_of)),
        log.position,
        log.column("grid").astype(np.int64),
        constant(1, len(log.position), np.float32) if files.whole else log.column("weight"),
        grid_ids=history.grid_ids,
        timezone=history.timezone,
    )


@dataclass(frozen=True, eq=False, repr=False)
class HeldHistory(History):
    """The history of a city at one night: the events held then, in files, and the tables beside them.

    Parameters
    ----------
    files, look
        Of the events, and which of them are looked at.
    """

    files: Files = field(default_factory=lambda: Files(Path(), (), {}, frozenset()))
    look: Look = field(default_factory=Look)

    @classmethod
    def at_night(cls, night: "HeldNight", look: Look) -> "HeldHistory":
        """The history of a night, of the events that are looked at."""
        nothing = nothing_of({name: night.files.words[name] for name in WORD_COLUMNS})
        return cls(
            night.grids,
            nothing,
            nothing,
            night.until,
            night.timezone,
            night.crosswalk,
            night.calendar,
            night.beside,
            files=night.files,
            look=look,
        )

    def events_at(self, as_of: object) -> Events:
        """The events of the night."""
        return held_events(self, self.files, self.look, as_of)

    def shares_at(self, as_of: object, feeds: tuple[str, ...]) -> Iterator[Events]:
        """The events of the night, of some feeds or of all, a file after the other, as they lie there."""
        look = self.look.of(feeds) if feeds else self.look
        for number in self.files.numbers:
            yield held_events(self, replace(self.files, numbers=(number,)), look, as_of, in_order=False)

    @cached_property
    def carried(self) -> Carry:
        """Where the events go, by the codes of their grids as written."""
        return self.carry(self.files.words["grid_id"])


@dataclass(frozen=True, eq=False)
class HeldNight:
    """What a worker needs to know a night: its grids, clock and calendar, where its events lie, and its other tables."""

    grids: pd.DataFrame
    until: int
    timezone: str
    crosswalk: pd.DataFrame | None
    calendar: Path | None
    beside: Tables
    files: Files


def _begun(key: np.ndarray) -> np.ndarray:
    """(n,) where the first row of the event of each row stands; rows of an event stand together."""
    begins = np.r_[True, key[1:] != key[:-1]][: len(key)]
    return np.flatnonzero(begins).astype(np.int32)[np.cumsum(begins, dtype=np.int32) - 1]


def held_file(folder: Folder, number: int) -> Folder:
    """Where the events held of a bucket lie."""
    return folder / f"held-{number:04d}.parquet"
