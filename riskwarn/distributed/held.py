"""The events held at a night, in files side by side: whoever looks at them reads the rows and the columns that he looks at, and no others.

::

    store ── buckets of events, whole ── held: of each event what holds at the night, a file a bucket ── HeldHistory: its events, column by column
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from riskwarn.clock import micros
from riskwarn.distributed.outline import nothing_of
from riskwarn.distributed.reading import ROW, Kind, as_read, spoken
from riskwarn.distributed.spilling import bucket_file, read
from riskwarn.history import NEVER, Events, History
from riskwarn.history.carry import Carry
from riskwarn.history.columns import encode, narrow, numbered_keys
from riskwarn.history.facts import WORD_COLUMNS
from riskwarn.history.log import COLUMNS, KEYS, WORDS, Log
from riskwarn.history.tables import Tables
from riskwarn.store.remote import Folder, put

HELD = Kind("events", COLUMNS, WORDS, ("event_id",))
"""Records of one id lie in one bucket, whatever their feed: in which order ids first came tells the order of all events."""
_TIMES = ("occurred_at", "closed_at", "due_at")
_FIRST = "first"
"""Column that says where in the table the id of an event first stood."""


@dataclass(frozen=True, eq=False)
class Holding:
    """What all buckets share while the events held at a night are taken out of them.

    Parameters
    ----------
    buckets, folder
        Where they lie, and where the events held are written.
    words
        Vocabulary of the events.
    carry
        Where records go among the grids of the night.
    at
        The night, µs.
    """

    buckets: Path
    folder: Folder
    words: Mapping[str, np.ndarray]
    carry: Carry
    at: int


@dataclass(frozen=True)
class Told:
    """What the events held of a bucket tell: how many they are, when the newest became known (µs), and which columns say something."""

    n: int
    known: int
    filled: frozenset[str]


def hold(job: Holding, number: int) -> Told:
    """Write the events of a bucket that hold at the night, one row an event, in the grid with the largest share of it."""
    place = bucket_file(job.buckets, HELD, number)
    rows = as_read(read(place)) if place.exists() else None
    if rows is None or len(rows) == 0:
        return Told(0, -NEVER, frozenset())
    log = Log.of(spoken(rows, HELD, job.words))
    nowhere = np.zeros(0, dtype=object)
    held = Events.held_at(log, job.carry, job.at, grid_ids=nowhere, timezone="UTC").largest()
    columns = _columns(held, rows)
    put(_file(job.folder, number), lambda file: pq.write_table(columns, file, compression="lz4"))
    filled = frozenset(name for name in (*WORDS, *KEYS, "known_at", *_TIMES) if held.has(name))
    return Told(len(held), int(held.known.max(initial=-NEVER)), filled)


def _columns(held: Events, rows: pa.Table) -> pa.Table:
    """The columns of events held, each as narrow as it may be."""
    id_ = encode(rows["event_id"])[0]
    _, first, inverse = np.unique(id_, return_index=True, return_inverse=True)
    began = rows[ROW].to_numpy()[first][inverse]
    columns: dict[str, pa.Array | pa.ChunkedArray] = {
        _FIRST: pa.array(began[held.row]),
        "grid": pa.array(held.grid.astype(np.int32)),
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
    """

    folder: Folder
    numbers: tuple[int, ...]
    words: Mapping[str, np.ndarray]
    filled: frozenset[str]

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


class HeldLog:
    """The log of events that lie in files, as far as events held ask a :class:`riskwarn.history.log.Log`: each column is read when it is asked for.

    Parameters
    ----------
    files
        Where they lie.
    feeds, since
        Only events of these feeds, and that occurred at this instant or later; all by default.
    """

    def __init__(self, files: Files, feeds: Sequence[str] | None, since: int | None) -> None:
        self.files = files
        self.filled = files.filled | {"event_id"}
        self._rows = self._looked_at(feeds, since) if feeds is not None or since is not None else None
        source, first = self._plain("source"), self._plain(_FIRST)
        by_id = np.argsort(first, kind="stable")
        self._order = by_id[np.argsort(source[by_id], kind="stable")]

    def _looked_at(self, feeds: Sequence[str] | None, since: int | None) -> list[np.ndarray]:
        rows = []
        wanted = np.isin(self.files.words["source"], list(feeds or ())) if feeds is not None else None
        for number in self.files.numbers:
            part = self.files.rows(number, ["source", "occurred_at"])
            here = np.ones(len(part), dtype=bool) if wanted is None else wanted[part["source"].to_numpy()]
            rows.append(np.flatnonzero(here if since is None else here & (part["occurred_at"].to_numpy() >= since)))
        return rows

    def _plain(self, name: str) -> np.ndarray:
        return np.asarray(self.files.column(name, self._rows).to_numpy())

    def column(self, name: str) -> np.ndarray:
        """(n,) of each event, in the order in which one machine has them."""
        return self._plain(name)[self._order]

    @cached_property
    def order(self) -> np.ndarray:
        """(n,) rows as they are."""
        return np.arange(len(self._order))

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
        return self.column(name)

    def severity(self) -> np.ndarray:
        """Of each event."""
        return self.column("severity")

    def keyed(self, name: str) -> tuple[np.ndarray, pa.Array]:
        """Number of the key of each event, -1 for none, and the keys by number."""
        number, keys = numbered_keys(self.files.column(name, self._rows))
        return number[self._order], keys

    @property
    def columns(self) -> dict[str, pa.ChunkedArray]:
        """What has no plain form: the ids of the events."""
        return {"event_id": self.files.column("event_id", self._rows).take(pa.array(self._order))}


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
    def _files(self) -> Files:
        return cast("HeldLog", self.log).files


@dataclass(frozen=True, eq=False, repr=False)
class HeldHistory(History):
    """The history of a city at one night: the events held then, in files, and the tables beside them.

    Parameters
    ----------
    files
        Of the events.
    feeds, since
        Which of them are looked at, as for :class:`HeldLog`.
    """

    files: Files = field(default_factory=lambda: Files(Path(), (), {}, frozenset()))
    feeds: tuple[str, ...] | None = None
    since: int | None = None

    @classmethod
    def at_night(
        cls, night: "HeldNight", feeds: tuple[str, ...] | None = None, since: int | None = None
    ) -> "HeldHistory":
        """The history of a night; which events are looked at is told where not all are."""
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
            feeds=feeds,
            since=since,
        )

    def events_at(self, as_of: object) -> Events:
        """The events of the night."""
        log = HeldLog(self.files, self.feeds, self.since)
        return HeldEvents(
            cast("Log", log),
            micros(self.instant(as_of)),
            log.order,
            log.column("grid").astype(np.int64),
            np.ones(len(log.order), np.float32),
            grid_ids=self.grid_ids,
            timezone=self.timezone,
        )

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


def _file(folder: Folder, number: int) -> Folder:
    return folder / f"held-{number:04d}.arrow"
