"""A store cut into pieces without its history: its records pass through files, and each block makes its own piece.

Nothing holds more than a batch of a table, a bucket of events, or a block. What the city is told of its feeds, its blocks tell
(:mod:`riskwarn.distributed.heard`), and so the numbers are those of the history that one machine would load.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

from riskwarn.distributed.city import Places
from riskwarn.distributed.cutting import around, drawn, read_arrays, save, write_arrays
from riskwarn.distributed.heard import Cells, Heard, heard, together
from riskwarn.distributed.outline import Outline
from riskwarn.distributed.reading import EVENTS, KINDS, ROW, Kind, Vocabulary, as_read, spoken, spoken_nothing
from riskwarn.distributed.spilling import bucket_file, into_blocks, into_buckets, reached, read, write
from riskwarn.distributed.survey import Survey, pairs_of
from riskwarn.distributed.task import Running
from riskwarn.history.carry import Carry
from riskwarn.history.columns import flags
from riskwarn.history.deliveries import BACKFILL_DAYS
from riskwarn.history.facts import Facts
from riskwarn.history.log import Log
from riskwarn.history.memory import give_back
from riskwarn.history.revisions import revisions
from riskwarn.history.sources import table_facts
from riskwarn.history.stream import TABLE_OF
from riskwarn.history.tables import framed
from riskwarn.panel.marks import Sums
from riskwarn.store import Store
from riskwarn.store.remote import Folder


@dataclass(frozen=True, eq=False)
class Cutting:
    """What all blocks share while their pieces are made.

    Parameters
    ----------
    folder
        Of what was spilled for them, and of the pieces.
    words, carries
        Of each table its vocabulary, and where its records go.
    n_grids
        Of the city.
    listened
        By feed the lengths of quarters that are asked for, days.
    dates
        (n_dates,) at which closings are asked for, µs.
    """

    folder: Folder
    words: Mapping[str, Mapping[str, np.ndarray]]
    carries: Mapping[str, Carry]
    n_grids: int
    listened: Mapping[str, tuple[float, ...]]
    dates: np.ndarray


def surveyed(
    store: Store, folder: Path, *, as_of: pd.Timestamp | None = None, n_buckets: int | None = None
) -> tuple[Outline, int]:
    """Read the events of a store once, into buckets.

    Parameters
    ----------
    store
        The city.
    folder
        For the buckets.
    as_of
        The night whose grids are meant; the newest by default.
    n_buckets
        How many; by default as many as hold four million rows each.

    Returns
    -------
    outline, n_buckets
        The city without its records, and how many buckets there are.
    """
    store.known_until()  # what is no city yet is refused here
    survey = Survey()
    n_buckets = into_buckets(store, EVENTS, folder, survey.vocabulary, survey.look, n_buckets)
    return Outline.drawn(store, survey, as_of), n_buckets


@dataclass(frozen=True, eq=False)
class Bringing:
    """What all buckets of a table share while their records are brought to the blocks.

    Parameters
    ----------
    buckets, folder
        Where they lie, and where what is meant for a block is written.
    kind, words
        The table, and its vocabulary.
    carry, needed
        Where its records go, and which blocks need them (:func:`riskwarn.distributed.spilling.reached`).
    asked
        Instants before which somebody wants to know what was known, where that is so.
    timezone
        Of the city.
    """

    buckets: Path
    folder: Folder
    kind: Kind
    words: Mapping[str, np.ndarray]
    carry: Carry
    needed: sparse.csr_matrix
    asked: np.ndarray | None
    timezone: str


Brought = tuple[frozenset[tuple[str, str]], Sums | None]
"""What a bucket tells: the feeds and categories of records that lie in any grid, and what was known when."""


def spilled(
    outline: Outline,
    store: Store,
    n_buckets: int,
    cores: Sequence[np.ndarray],
    places: Places,
    scratch: Path,
    folder: Folder,
    sums: Sums | None,
    running: Running,
) -> tuple[Outline, frozenset[tuple[str, str]]]:
    """Bring the records of a store to the blocks that need them.

    Parameters
    ----------
    outline
        Of the city, which was asked all that its features will ask (:func:`riskwarn.distributed.city.told`).
    store
        The city.
    n_buckets
        In which its events lie.
    cores
        Of each block the row numbers of its grids.
    places
        Where the grids lie.
    scratch
        Of the buckets, on this machine; within `folder` where that is one.
    folder
        For the blocks, where all workers see it.
    sums
        Are told what was known when, where somebody wants to know.
    running
        The engine that empties the buckets.

    Returns
    -------
    outline, pairs
        With the words of all tables that are read; and the feeds and categories of the records that lie in any grid.
    """
    n_grids, tables = len(outline.grids), sorted(outline.remembered.tables)
    reach = [around(outline, core) for core in cores]
    listed = outline.read("places") if outline.has("places") else None
    for number, core in enumerate(cores):
        arrays = drawn(outline, places, core, listed=listed)
        for source in listened(outline):
            cells = outline.cells_of(source)
            arrays |= {f"cell/{source}": cells.cell[core], f"counties/{source}": np.array([cells.n_counties])}
            arrays |= {f"in_county/{source}": cells.county[core]}
        write_arrays(_map(folder, number), arrays)
    pairs: set[tuple[str, str]] = set()
    words = {EVENTS.name: outline.vocabulary[EVENTS.name]}
    for kind in [EVENTS, *(KINDS[name] for name in tables)]:
        if kind is not EVENTS:
            vocabulary = Vocabulary()
            n_buckets = into_buckets(store, kind, scratch, vocabulary)
            words[kind.name] = vocabulary.known()
        carry, asked = outline.carry(words[kind.name]["grid_id"]), None if sums is None else sums.edges
        needed = reached(carry, reach, n_grids)
        job = Bringing(scratch, folder, kind, words[kind.name], carry, needed, asked, outline.timezone)
        for number, (some, known) in running(bring, range(n_buckets), job):
            bucket_file(scratch, kind, number).unlink(missing_ok=True)
            pairs |= some
            if sums is not None and known is not None:
                sums.add(known)
    return outline.with_words(words), frozenset(pairs)


def bring(job: Bringing, number: int) -> Brought:
    """Write what each block needs of a bucket; what the bucket tells of the city."""
    place, sums = bucket_file(job.buckets, job.kind, number), None if job.asked is None else Sums(job.asked)
    if not place.exists():
        return frozenset(), sums
    rows = as_read(read(place))
    table = spoken(rows, job.kind, job.words)
    if job.kind.name == EVENTS.name:
        event, pairs = _of_events(job, table, rows, sums)
    else:
        event, pairs = _of_others(job, table, sums), frozenset()
    for block, some in into_blocks(rows, event, job.needed):
        write(_spill(job.folder, job.kind, block, number), some)
    del rows, table
    give_back()
    return pairs, sums


def _of_events(
    job: Bringing, table: pa.Table, rows: pa.Table, sums: Sums | None
) -> tuple[np.ndarray, frozenset[tuple[str, str]]]:
    """(n,) number of the event of each row, and the feeds and categories of those that lie in any grid."""
    log = Log.of(table)
    event = np.empty(len(log), np.int64)
    event[log.order] = log.event
    if sums is not None:
        sums.add_log(log)
    source, category, code = (rows[c].to_numpy() for c in ("source", "category", "grid_id"))
    held = ~flags(rows["retracted"]) & (np.diff(job.carry.first) > 0)[code]
    pairs = pairs_of(source[held], category[held])
    return event, frozenset((str(job.words["source"][s]), str(job.words["category"][c])) for s, c in pairs)


def _of_others(job: Bringing, table: pa.Table, sums: Sums | None) -> np.ndarray:
    """(n,) number of what each row of another table belongs to."""
    if sums is not None:
        sums.add_table(job.kind.name, framed(_floating(table), job.timezone))
    return _numbered(table, job.kind)


def _numbered(table: pa.Table, kind: Kind) -> np.ndarray:
    if not kind.key:
        return np.arange(len(table))
    keyed = table[kind.key[0]].combine_chunks().dictionary_encode()
    return keyed.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _floating(table: pa.Table) -> pa.Table:
    """Whole numbers as floating ones, so that a batch with a gap reads as one without."""
    columns = [c.cast(pa.float64()) if pa.types.is_integer(c.type) else c for c in table.columns]
    return pa.table(columns, names=table.column_names)


def cut_block(job: Cutting, number: int) -> dict[str, Heard]:
    """Make the piece of a block from what was spilled for it; what it tells of each feed."""
    arrays = read_arrays(_map(job.folder, number))
    numbers, inside = arrays["numbers"], arrays["inside"]
    table = spoken(_gathered(job, EVENTS, number), EVENTS, job.words[EVENTS.name])
    log = Log.of(table)
    carry, touched = _compact(job.carries[EVENTS.name], log.coded("grid_id")[0], numbers)
    facts, cases = (
        rows.of_grids(np.searchsorted(touched, numbers), len(touched)) for rows in revisions(log, carry, len(touched))
    )
    del log, table
    tables = {name: _facts_of(job, KINDS[name], number, numbers) for name in job.words if name != EVENTS.name}
    views = {"": (facts, cases), **{name: (rows, rows) for name, rows in tables.items()}}
    core = {name: _of_core(view, inside, len(numbers)) for name, view in views.items()}
    told = {
        source: heard(core[TABLE_OF.get(source, "")], source, _cells(arrays, source), late_days, job.dates)
        for source, late_days in job.listened.items()
    }
    save(piece_file(job.folder, number), arrays, facts, cases, tables)
    return told


def _of_core(view: tuple[Facts, Facts], inside: np.ndarray, n_grids: int) -> tuple[Facts, Facts]:
    facts, cases = view
    return facts.of_grids(inside, n_grids), cases.of_grids(inside, n_grids)


def _facts_of(job: Cutting, kind: Kind, number: int, numbers: np.ndarray) -> Facts:
    """The facts of another table in a block."""
    table = spoken(_gathered(job, kind, number), kind, job.words[kind.name])
    codes = table["grid_id"].combine_chunks()
    codes = codes.chunk(0) if isinstance(codes, pa.ChunkedArray) else codes
    carry, touched = _compact(job.carries[kind.name], codes.indices.to_numpy(zero_copy_only=False), numbers)
    made = table_facts(kind.name, table.select, lambda _: carry, len(touched))
    return made.of_grids(np.searchsorted(touched, numbers), len(touched))


def _compact(carry: Carry, code: np.ndarray, numbers: np.ndarray) -> tuple[Carry, np.ndarray]:
    """Where the records of a block go, among the grids of the block and those its records lead to, numbered in their order."""
    present = np.zeros(len(carry.first) - 1, dtype=bool)
    present[code] = True
    step = np.repeat(present, np.diff(carry.first))
    touched = np.union1d(numbers, carry.grid[step])
    first = np.r_[0, np.cumsum(step)][carry.first]
    return Carry(first, np.searchsorted(touched, carry.grid[step]).astype(np.int32), carry.weight[step]), touched


def _gathered(job: Cutting, kind: Kind, number: int) -> pa.Table:
    places: list[Folder] = sorted(job.folder.glob(f"{kind.name}-{number:04d}-*.spill"), key=str)
    if not places:
        nothing = spoken_nothing(kind, {})
        columns = {c: pa.array([], pa.int32()) if c in kind.words else nothing[c] for c in kind.columns}
        return pa.table({**columns, ROW: pa.array([], pa.int64())})
    return pa.concat_tables([read(place) for place in places]).combine_chunks()


def _cells(arrays: Mapping[str, np.ndarray], source: str) -> Cells:
    return Cells(arrays[f"cell/{source}"], arrays[f"in_county/{source}"], int(arrays[f"counties/{source}"][0]))


def listened(outline: Outline) -> dict[str, tuple[float, ...]]:
    """By feed, or table that is counted as one, the lengths of quarters that silences were asked for; of each the usual one, which papers ask for."""
    known = outline.remembered
    asked: dict[str, tuple[float, ...]] = dict.fromkeys(
        [*outline.sources, *(source for source, _ in known.begun)], (BACKFILL_DAYS,)
    )
    for source, days in known.silences:
        asked[source] = tuple(dict.fromkeys((*asked.get(source, ()), days)))
    return {source: days for source, days in asked.items() if source in outline.sources or source in TABLE_OF}


def told_together(told: Sequence[Mapping[str, Heard]]) -> dict[str, Heard]:
    """What all blocks tell of each feed."""
    return {source: together([one[source] for one in told]) for source in told[0]}


def tidied(folder: Folder) -> None:
    """Take away what pieces were made from."""
    for place in [*folder.glob("map-*.npz"), *folder.glob("*.spill")]:
        place.unlink()


def _map(folder: Folder, number: int) -> Folder:
    return folder / f"map-{number:04d}.npz"


def _spill(folder: Folder, kind: Kind, block: int, bucket: int) -> Folder:
    return folder / f"{kind.name}-{block:04d}-{bucket:04d}.spill"


def piece_file(pieces: Folder, number: int) -> Folder:
    """Where the piece of a block lies."""
    return pieces / f"piece-{number:04d}.npz"
