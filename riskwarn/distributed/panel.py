"""The panel of a city written by an engine: Parquet by date and block, resumable, the numbers of the panel made on one machine."""

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from riskwarn.calling import checked
from riskwarn.distributed.city import City, Places, told
from riskwarn.distributed.cutting import cut, load
from riskwarn.distributed.engine import Engine
from riskwarn.distributed.partition import blocks_of
from riskwarn.distributed.task import Running, Work
from riskwarn.distributed.wide import check_blocks, rounds
from riskwarn.distributed.work import knowing, matrix_of, merged, parts_of
from riskwarn.experiment import Experiment
from riskwarn.feature import Feature
from riskwarn.history import History, Snapshot
from riskwarn.history.memory import give_back
from riskwarn.label import Label
from riskwarn.model import RiskModel
from riskwarn.panel.block import BLOCK_BYTES
from riskwarn.panel.build import dates_of, history_of, snapshot_of
from riskwarn.panel.files import Progress, day_of, mark_of, write_date, write_grids
from riskwarn.panel.layout import Layout
from riskwarn.panel.marks import marks_of
from riskwarn.progress import bar
from riskwarn.store import Store
from riskwarn.store.lock import Lock

PIECES = "_pieces"
"""Folder of the pieces beside what is made of them; engines pass over names that begin so."""


@dataclass(frozen=True, eq=False)
class Job:
    """What all blocks of a run share.

    Parameters
    ----------
    city
        What is told of the city.
    features
        What is computed.
    pieces
        Folder of the pieces, which every worker can read.
    needing
        Features whose totals are added up in this round.
    label
        Whose outcomes are computed, too.
    folder
        Where the panel is written, which every worker can write.
    todo
        Of each block the dates whose file is to be written, as their folders are named, and what each is made from.
    model
        Where its predictions are asked for.
    """

    city: City
    features: tuple[Feature, ...]
    pieces: Path
    needing: tuple[Feature, ...] = ()
    label: Label | None = None
    folder: Path = Path()
    todo: dict[int, dict[str, str]] = field(default_factory=dict)
    model: RiskModel | None = None


@checked
def write_blocks(
    store: Store | History,
    experiment: Experiment,
    folder: str | Path,
    *,
    as_of: Iterable[object] | None = None,
    engine: Engine | None = None,
    n_blocks: int | None = None,
) -> Progress:
    """Write the panel as Parquet by date and block, ``folder/as_of=2025-03-03/block-0007.parquet``, on an engine.

    The numbers are those of :func:`riskwarn.build_panel`: counts to the bit, others to a few units in the last place, whatever the engine
    and the number of blocks. Resumable: a file that was made from the same definitions, grids, blocks and known records is left alone, so a
    run that broke off goes on where it was, and a nightly run adds its date.

    Parameters
    ----------
    store, experiment
        As for :func:`riskwarn.build_panel`. A store is read and let go once it is cut; a history stays with who gave it.
    folder
        Where to write; workers on other machines must see it under the same name.
    as_of
        Dates; those of the experiment by default.
    engine
        Who does the work; this process by default.
    n_blocks
        Most blocks; by default as many as keep a block's values within 192 MB, and no fewer than the engine's jobs.

    Returns
    -------
    progress
        How many files were written, and how many kept.

    Raises
    ------
    DefinitionError
        A feature reads what is not there, or cannot be computed in blocks: the message names it.
    StaleDataError, DataError
        A date lies outside the data; or the folder holds a panel that was written without blocks.
    EngineError
        The engine cannot do the work. What is written is kept.
    BusyError
        Another run writes to the folder.
    """
    engine = engine or Engine()
    folder = Path(folder).resolve()
    history = history_of(store)
    dates = experiment.dates.index() if as_of is None else dates_of(as_of)
    check_blocks(experiment.columns)
    snapshot = snapshot_of(history, experiment.columns, dates)
    names = [*(f.name for f in experiment.columns), *experiment.label.columns]
    cores = cores_of(history, len(names) * len(dates), n_blocks, engine.jobs)
    layout = Layout(len(cores), hashlib.sha256(b"".join(core.tobytes() + b"|" for core in cores)).hexdigest()[:16])
    days = [day_of(at) for at in snapshot.local]
    folder.mkdir(parents=True, exist_ok=True)
    with Lock(folder / ".lock", "panel").held():
        layout.begin(folder, days)
        marks = {day: f"{mark}|{layout.digest}" for day, mark in zip(days, marks_of(snapshot, experiment), strict=True)}
        todo = {
            b: {d: m for d, m in marks.items() if mark_of(layout.file(folder, d, b)) != m} for b in range(len(cores))
        }
        left = set().union(*todo.values())
        if left:
            snapshot = history.at([at for at, day in zip(snapshot.local, days, strict=True) if day in left])
            holder = [(history, snapshot)]
            del store, history, snapshot
            _write(holder, experiment, cores, folder, todo, engine)
        layout.end(folder, days)
    n_todo = sum(map(len, todo.values()))
    return Progress(n_todo, len(cores) * len(days) - n_todo)


def _write(
    holder: list[tuple[History, Snapshot]],
    experiment: Experiment,
    cores: Sequence[np.ndarray],
    folder: Path,
    todo: dict[int, dict[str, str]],
    engine: Engine,
) -> None:
    """Cut the city into pieces, let it go, and have the files written that are missing."""
    pieces = folder / PIECES
    columns, label = experiment.columns, experiment.label
    try:
        with engine.started() as running:
            history, snapshot = holder.pop()
            city = prepared(history, snapshot, columns, label, cores, pieces, running, outcomes=True)
            grids = history.grids
            del history, snapshot  # the pieces hold all that is needed from here on
            give_back()
            job = Job(city, columns, pieces, label=label, folder=folder, todo=todo)
            gathered(running, _write_block, [b for b, missing in todo.items() if missing], job, desc="panel")
        write_grids(folder, grids)
    finally:
        shutil.rmtree(pieces, ignore_errors=True)


@checked
def cores_of(history: History, cells: int, n_blocks: int | None, jobs: int) -> list[np.ndarray]:
    """The grids of a city in blocks: a grid is as much work as the values it is to have and the records it has.

    Parameters
    ----------
    history
        Of the city.
    cells
        Values of one grid: columns times dates.
    n_blocks
        Most blocks; by default as many as keep a block's values within 192 MB.
    jobs
        Workers: no fewer blocks than these by default.

    Returns
    -------
    cores
        Of each block the row numbers of its grids, rising.
    """
    records = np.bincount(history.cases.grid, minlength=len(history.grids)).astype(float)
    work = 1 + records / max(records.mean(), 1e-9)
    by_size = -(-4 * cells * len(history.grids) // BLOCK_BYTES)
    return blocks_of(history.grids, history.neighbors(), work, n_blocks or max(by_size, jobs))


@checked
def prepared(
    history: History,
    snapshot: Snapshot,
    features: Sequence[Feature],
    label: Label,
    cores: Sequence[np.ndarray],
    pieces: Path,
    running: Running,
    *,
    outcomes: bool,
) -> City:
    """Cut a city into pieces, and add up the totals its features need: all that blocks must be told.

    Parameters
    ----------
    history, snapshot
        Of the city, and at its dates.
    features, label
        What will be computed, and what is predicted.
    cores
        Of each block the row numbers of its grids.
    pieces
        Folder to cut into.
    running
        The engine that adds up.
    outcomes
        Whether the label's outcomes will be computed, too.

    Returns
    -------
    city
        With all totals.
    """
    known = [*features, *([label.normal] if outcomes and label.kind == "emergence" else [])]
    city, places = told(history, known, label, snapshot, outcomes=outcomes)
    _cut_all(history, places, cores, pieces)
    for needing in rounds(known):
        job = Job(city, tuple(features), pieces, needing=tuple(needing))
        parts = gathered(running, _add_block, range(len(cores)), job, desc="totals")
        city = knowing(city, merged(parts, places.n_areas))
    return city


def gathered(running: Running, work: Work, numbers: Sequence[int], job: Job, *, desc: str) -> list[Any]:
    """What is made of each block, in the order of the numbers; a bar shows how far it is."""
    answers = {}
    with bar(total=len(numbers), unit="block", desc=desc) as done:
        for number, answer in running(work, numbers, job):
            answers[number] = answer
            done.update()
    return [answers[number] for number in numbers]


def piece_file(pieces: Path, number: int) -> Path:
    """Where the piece of a block lies."""
    return pieces / f"piece-{number:04d}.npz"


def _cut_all(history: History, places: Places, cores: Sequence[np.ndarray], pieces: Path) -> None:
    listed = history.read("places") if history.has("places") else None
    with bar(total=len(cores), unit="block", desc="pieces") as done:
        for number, core in enumerate(cores):
            cut(history, places, core, piece_file(pieces, number), listed=listed)
            done.update()


def _add_block(job: Job, number: int) -> object:
    return parts_of(load(piece_file(job.pieces, number), job.city), job.needing)


def _write_block(job: Job, number: int) -> int:
    """The files of one block; how many were written."""
    snapshot, matrix = matrix_of(load(piece_file(job.pieces, number), job.city), job.features, job.label)
    names = [*(f.name for f in job.features), *(job.label.columns if job.label else ())]
    marks = job.todo[number]
    for t, day in enumerate(map(day_of, snapshot.local)):
        if day in marks:
            write_date(Layout.file(job.folder, day, number), snapshot, t, names, matrix, marks[day])
    return len(marks)
