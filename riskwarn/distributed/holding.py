"""The events held at a night taken out of their buckets, into files: of each what holds then, its keys, and how it first became known."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from riskwarn.distributed import firsts, keys
from riskwarn.distributed.held import FIRST, held_file
from riskwarn.distributed.reading import EVENTS, ROW, as_read, spoken
from riskwarn.distributed.spilling import bucket_file, read
from riskwarn.history import NEVER, Events
from riskwarn.history.carry import Carry
from riskwarn.history.columns import narrow
from riskwarn.history.log import KEYS, WORDS, Log
from riskwarn.history.memory import give_back
from riskwarn.history.revisions import revisions
from riskwarn.store.remote import Folder, put

_TIMES = ("occurred_at", "closed_at", "due_at")


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
    n_parts
        Into how many parts keys are thrown.
    share
        (n_grids,) number of the share of the grids that each lies in, where events are written as they first became known, too.
    """

    buckets: Path
    folder: Folder
    words: Mapping[str, np.ndarray]
    carry: Carry
    n_grids: int
    at: int
    n_parts: int
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
    _write(held_file(job.folder, number), _columns(held, rows))
    last = {} if job.share is None else _first_told(job, number, log, job.share)
    looked_at = (*WORDS, "known_at", *_TIMES)
    filled = frozenset(name for name in looked_at if held.has(name)) | (log.filled - {*looked_at, *KEYS})
    named = {k: rows[k].take(pa.array(held.row)) for k in KEYS}
    filled |= {k for k, column in named.items() if keys.write(job.folder, k, number, column, job.n_parts)}
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
        FIRST: pa.array(began[held.row]),
        "grid": pa.array(held.grid.astype(np.int32)),
        "weight": pa.array(np.asarray(held.weight, np.float32)),
        "known": pa.array(held.known),
        "first_known": pa.array(held.first_known),
        "severity": pa.array(held.severity),
    }
    columns |= {name: pa.array(held.log.times(name)[held.row]) for name in _TIMES}
    columns |= {name: pa.array(narrow(held.log.coded(name)[0], len(held.words[name]))[held.row]) for name in WORDS}
    columns["event_id"] = rows["event_id"].cast(pa.string()).take(pa.array(held.row))
    return pa.table(columns)
