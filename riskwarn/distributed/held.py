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
import pyarrow.parquet as pq

from riskwarn.clock import micros
from riskwarn.distributed import firsts
from riskwarn.distributed.outline import nothing_of
from riskwarn.distributed.reading import EVENTS, ROW, as_read, spoken
from riskwarn.distributed.spilling import bucket_file, read
from riskwarn.history import NEVER, Events, History
from riskwarn.history.carry import Carry
from riskwarn.history.columns import narrow, numbered_keys
from riskwarn.history.facts import WORD_COLUMNS, Facts, constant
from riskwarn.history.log import KEYS, WORDS, Log
from riskwarn.history.memory import give_back
from riskwarn.history.revisions import revisions
from riskwarn.history.tables import Tables
from riskwarn.store.remote import Folder, put

_TIMES = ("occurred_at", "closed_at", "due_at")
_FIRST, _BITS = "first", 48
"""Column that says where in the table the id of an event first stood, and bits in which that has room."""


@dataclass(frozen=True, eq=False)
class Holding:
    """What all buckets share while the events held at a night are taken out of them.

    Parameters
    ----------
    buckets, folder
        Where they lie, and where the events held are written.
    words
        Vocabulary of the events.
    carry, n_grids
        Where records go among the grids of the night, and how many these are.
    at
        The night, µs.
    share
        (n_grids,) number of the share of the grids that each lies in, where events are written as they first became known, too.
    """

    buckets: Path
    folder: Folder
    words: Mapping[str, np.ndarray]
    carry: Carry
    n_grids: int
    at: int
    share: np.ndarray | None = None


@dataclass(frozen=True)
class Told:
    """What the events held of a bucket tell: how many they are, when the newest became known (µs), which columns say something, whether each lies in one grid, and when each feed spoke last."""

    n: int
    known: int
    filled: frozenset[str]
    whole: bool = True
    last: Mapping[str, int] = field(default_factory=dict)


def hold(job: Holding, number: int) -> Told:
    """Write the events of a bucket that hold at the night, a row an event and grid; and each as it first became known, where that is asked for."""
    place = bucket_file(job.buckets, EVENTS, number)
    rows = as_read(read(place)) if place.exists() else None
    if rows is None or len(rows) == 0:
        return Told(0, -NEVER, frozenset())
    log = Log.of(spoken(rows, EVENTS, job.words))
    nowhere = np.zeros(0, dtype=object)
    held = Events.held_at(log, job.carry, job.at, grid_ids=nowhere, timezone="UTC")
    _write(_file(job.folder, number), _columns(held, rows))
    last = {} if job.share is None else _first_told(job, number, log, job.share)
    looked_at = (*WORDS, *KEYS, "known_at", *_TIMES)
    filled = frozenset(name for name in looked_at if held.has(name)) | (log.filled - {*looked_at})
    whole = bool((np.diff(held.position) > 0).all() and (held.weight >= 1).all())
    n, newest = len(held), int(held.known.max(initial=-NEVER))
    del held, log, rows
    give_back()
    return Told(n, newest, filled, whole, last)


def _first_told(job: Holding, number: int, log: Log, share: np.ndarray) -> dict[str, int]:
    """Write each event as it first became known; when each feed became known last."""
    _, cases = revisions(log, job.carry, job.n_grids)
    firsts.write(job.folder, number, cases, share, job.at)
    known = np.flatnonzero(cases.start < job.at)
    last = np.full(len(job.words["source"]), -NEVER)
    np.maximum.at(last, cases.source[known], cases.start[known])
    return {str(job.words["source"][code]): int(last[code]) for code in np.flatnonzero(last > -NEVER)}


def _write(place: Folder, rows: pa.Table) -> None:
    put(place, lambda file: pq.write_table(rows, file, compression="lz4"))


def _columns(held: Events, rows: pa.Table) -> pa.Table:
    """The columns of events held, each as narrow as it may be."""
    ids = rows["event_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    at, first = rows[ROW].to_numpy(), np.zeros(int(ids.max(initial=-1)) + 1, np.int64)
    first[ids[::-1]] = at[::-1]  # of one id the first row is written last
    began = first[ids]
    columns: dict[str, pa.Array | pa.ChunkedArray] = {
        _FIRST: pa.array(began[held.row]),
        "grid": pa.array(held.grid.astype(np.int32)),
        "weight": pa.array(np.asarray(held.weight, np.float32)),
        "known": pa.array(held.known),
        "first_known": pa.array(held.first_known),
        "severity": pa.array(held.severity),
    }
    columns |= {name: pa.array(held.log.times(name)[held.row]) for name in _TIMES}
    columns |= {name: pa.array(narrow(held.log.coded(name)[0], len(held.words[name]))[held.row]) for name in WORDS}
    columns |= {name: rows[name].cast(pa.string()).take(pa.array(held.row)) for name in ("event_id", *KEYS)}
    return pa.table(columns)


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
    n_shares
        Shares of the grids by which events lie as they first became known; 0 where they are not written so.
    whole
        Whether no event lies in several grids, or in one by a share.
    """

    folder: Folder
    numbers: tuple[int, ...]
    words: Mapping[str, np.ndarray]
    filled: frozenset[str]
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
        with _file(self.folder, number).open("rb") as file:
            return pq.read_table(file, columns=list(names))

    def plain(self, number: int, name: str) -> np.ndarray:
        """A column of numbers of one file."""
        return np.asarray(self.rows(number, [name])[name].to_numpy())

    def n_rows(self, number: int) -> int:
        """Rows of one file."""
        with _file(self.folder, number).open("rb") as file:
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
                for source, first in zip(self._parts("source"), self._parts(_FIRST), strict=True)
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
        number, keys = numbered_keys(self.files.column(name, self._rows))
        return self._placed(number), keys

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


def _file(folder: Folder, number: int) -> Folder:
    return folder / f"held-{number:04d}.parquet"
