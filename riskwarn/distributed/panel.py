"""The panel of a city written by an engine: Parquet by date and block, resumable, the numbers of the panel made on one machine."""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.distributed.city import City, Places, told
from riskwarn.distributed.cutting import cut, load
from riskwarn.distributed.engine import Engine, seeing
from riskwarn.distributed.outline import Outline
from riskwarn.distributed.partition import blocks_of
from riskwarn.distributed.passing import START, passing, temporary
from riskwarn.distributed.streaming import (
    Cutting,
    cut_block,
    listened,
    piece_file,
    spilled,
    surveyed,
    tidied,
    told_together,
)
from riskwarn.distributed.task import Running, Work
from riskwarn.distributed.wide import check_blocks, rounds
from riskwarn.distributed.work import knowing, matrix_of, merged, parts_of
from riskwarn.errors import DataError
from riskwarn.experiment import Experiment
from riskwarn.feature import Feature
from riskwarn.history import History, Snapshot
from riskwarn.history.memory import give_back
from riskwarn.label import Label
from riskwarn.model import RiskModel
from riskwarn.panel.asked import Asked
from riskwarn.panel.block import BLOCK_BYTES
from riskwarn.panel.build import dates_of, snapshot_of
from riskwarn.panel.files import Progress, day_of, grids_in, mark_of, write_date, write_grids
from riskwarn.panel.layout import Layout
from riskwarn.panel.marks import Sums, instants_of, marks_of
from riskwarn.progress import bar
from riskwarn.store import Store
from riskwarn.store.lock import Lock
from riskwarn.store.remote import Folder, Remote, cleared, folder_of

BLOCK_RECORDS = 4_000_000
"""Of a block, about: with what is made of them on the way a worker needs a gigabyte and a half."""
PIECES = f"{START}pieces"
"""Folder of the pieces beside what is made of them."""


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
    pieces: Folder
    needing: tuple[Feature, ...] = ()
    label: Label | None = None
    folder: Folder = Path()
    todo: dict[int, dict[str, str]] = field(default_factory=dict)
    model: RiskModel | None = None


class Cut:
    """A city and the folder it is cut into: a history that is at hand, or a store whose records pass through files.

    Parameters
    ----------
    history
        Of the city; of a store its outline.
    pieces
        The folder.
    store
        Whose records are streamed, where that is so.
    n_buckets, scratch
        In which its events lie, and where.
    """

    def __init__(
        self,
        history: History,
        pieces: Folder,
        store: Store | None = None,
        n_buckets: int = 0,
        scratch: Path | None = None,
    ) -> None:
        self._history: History | None = history
        self.pieces = pieces
        self.store = store
        self.sums: Sums | None = None
        self.n_buckets = n_buckets
        self._scratch = scratch

    @classmethod
    def of(
        cls, store: Store | History, pieces: Folder, scratch: Path | None = None, *, as_of: pd.Timestamp | None = None
    ) -> "Cut":
        """A city, before it is cut, over the grids of a night where one is meant; a store's events are put aside in `scratch`, on this machine, or where the pieces are if that is here."""
        if isinstance(store, History):
            return cls(store, pieces)
        if scratch is None:
            assert isinstance(pieces, Path)
            scratch = pieces
        outline, n_buckets = surveyed(store, scratch, as_of=as_of)
        return cls(outline, pieces, store, n_buckets, scratch)

    @property
    def history(self) -> History:
        """Of the city; of a store its outline."""
        assert self._history is not None
        return self._history

    def stream(
        self,
        snapshot: Snapshot,
        features: Sequence[Feature],
        label: Label | Sequence[Label],
        cores: Sequence[np.ndarray],
        running: Running,
        asked: np.ndarray | None,
        *,
        outcomes: bool = True,
    ) -> None:
        """Bring a store's records to their blocks, and have each make its piece.

        Parameters
        ----------
        snapshot
            Of the outline, at all dates.
        features, label
            What will be computed, and what is predicted.
        cores
            Of each block the row numbers of its grids.
        running
            The engine that cuts.
        asked
            Instants before which somebody wants to know what was known, where that is so.
        outcomes
            Whether the label's outcomes will be computed, too.
        """
        outline = self.history
        assert isinstance(outline, Outline)
        assert self.store is not None
        assert self._scratch is not None
        _, places = told(outline, features, label, snapshot, outcomes=outcomes)
        self.sums = None if asked is None else Sums(asked)
        with seeing(running, self.pieces) as emptying:
            outline, pairs = spilled(
                outline, self.store, self.n_buckets, cores, places, self._scratch, self.pieces, self.sums, emptying
            )
        for name in ("crosswalk", "feed_log"):
            if self.sums is not None and outline.has(name):
                self.sums.add_table(name, outline.read(name))
        carries = {name: outline.carry(words["grid_id"]) for name, words in outline.vocabulary.items()}
        job = Cutting(self.pieces, outline.vocabulary, carries, len(outline.grids), listened(outline), snapshot.micros)
        answers = gathered(running, cut_block, range(len(cores)), job, desc="pieces")
        tidied(self.pieces)
        self._history = outline.hearing(told_together(answers), pairs, snapshot.micros)

    def hand_over(self, places: Places, cores: Sequence[np.ndarray]) -> None:
        """Have the pieces there, and let go of the city."""
        if self.store is None:
            _cut_all(self.history, places, cores, self.pieces)
        self._history = None


@checked
def write_blocks(
    store: Store | History,
    experiment: Experiment,
    folder: str | Path | Remote,
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
        Where to write; workers on other machines must see it under the same name. ``s3://bucket/panel`` and the like are object stores,
        which hold no lock: there it is for the caller to start one run at a time.
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
        A feature reads what is not there, or cannot be computed in blocks, or the label asks who brought records to light and their
        feed does not say it: the message names it.
    StaleDataError, DataError
        A date lies outside the data; or the folder is a file, or holds a panel that was written without blocks.
    EngineError
        The engine cannot do the work. What is written is kept, and a panel that was whole stays so where the engine does not answer.
    BusyError
        Another run writes to the folder.
    """
    return written(store, experiment, folder, as_of=as_of, engine=engine, n_blocks=n_blocks)[0]


def written(
    store: Store | History,
    experiment: Experiment,
    folder: str | Path | Remote,
    *,
    as_of: Iterable[object] | None = None,
    engine: Engine | None = None,
    n_blocks: int | None = None,
) -> tuple[Progress, Outline | None]:
    """The same, and the outline of a store's city, which its blocks have told when feeds spoke."""
    engine = engine or Engine()
    folder = folder_of(folder)
    check_blocks(experiment.columns)
    dates = experiment.dates.index() if as_of is None else dates_of(as_of)
    names = [*(f.name for f in experiment.columns), *experiment.label.columns]
    if isinstance(folder, Path) and folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file; wanted a folder for the panel, which may be new.")
    with _held(folder), cut_in(folder / PIECES) as (pieces, scratch), ExitStack() as stack:
        city = Cut.of(store, pieces, scratch)
        snapshot = snapshot_of(city.history, experiment.columns, dates)
        experiment.label.check(city.history)
        days = [day_of(at) for at in snapshot.local]
        cores = cores_of(city.history, len(names) * len(dates), n_blocks, engine.jobs)
        layout = Layout(len(cores), hashlib.sha256(b"".join(core.tobytes() + b"|" for core in cores)).hexdigest()[:16])
        layout.check(folder)
        grids = city.history.grids
        running: Running | None = None
        if city.store is not None:
            running = stack.enter_context(engine.started())
            city.stream(
                snapshot, _known(experiment), experiment.label, cores, running, instants_of(snapshot, experiment)
            )
            snapshot = snapshot_of(city.history, experiment.columns, dates)
        outline = city.history if isinstance(city.history, Outline) else None
        given = marks_of(snapshot, experiment, city.sums)
        marks = {day: f"{mark}|{layout.digest}" for day, mark in zip(days, given, strict=True)}
        todo = {
            b: {d: m for d, m in marks.items() if mark_of(layout.file(folder, d, b)) != m} for b in range(len(cores))
        }
        left = set().union(*todo.values())
        if left:
            running = running or stack.enter_context(engine.started())
            at = [at for at, day in zip(snapshot.local, days, strict=True) if day in left]
            del store, snapshot
            layout.begin(
                folder, sorted(left)
            )  # not before the engine answers: a panel that is whole stays whole till then
            _write(city, at, experiment, cores, folder, todo, running)
        if left or grids_in(folder) is None:
            write_grids(folder, grids)
        layout.end(folder, days)
    n_todo = sum(map(len, todo.values()))
    return Progress(n_todo, len(cores) * len(days) - n_todo), outline


def _known(experiment: Experiment) -> list[Feature]:
    """What totals are needed for: the features, and the outcome that is measured by the city's."""
    label = experiment.label
    return [*experiment.columns, *([label.normal] if label.kind == "emergence" else [])]


def _held(folder: Folder) -> AbstractContextManager[object]:
    """The folder, held for one run; object stores know no such thing."""
    return Lock(folder / ".lock", "panel").held() if isinstance(folder, Path) else nullcontext()


@contextmanager
def cut_in(pieces: Folder) -> Iterator[tuple[Folder, Path]]:
    """A folder for pieces, empty at first and taken away afterwards, and one of this machine for what is on its way there."""
    cleared(pieces)
    with passing(pieces if isinstance(pieces, Path) else temporary("buckets")) as near:
        scratch = near / "buckets"
        scratch.mkdir(mode=0o700)  # records of events lie there
        try:
            yield pieces, scratch
        finally:
            cleared(pieces)


def cut_apart(folder: str | Path | Remote | None = None) -> AbstractContextManager[tuple[Folder, Path]]:
    """The same in a folder of its own within one, which is a temporary one of this machine by default."""
    return cut_in(folder_of(folder or tempfile.gettempdir()) / f"{PIECES}-{uuid4().hex}")


def _write(
    city: Cut,
    dates: Sequence[object],
    experiment: Experiment,
    cores: Sequence[np.ndarray],
    folder: Folder,
    todo: dict[int, dict[str, str]],
    running: Running,
) -> None:
    """Have the files written that are missing; a history that is no longer needed is let go first."""
    columns, label = experiment.columns, experiment.label
    told_all = prepared(city, city.history.at(dates), _known(experiment), label, cores, running, outcomes=True)
    give_back()
    job = Job(told_all, columns, city.pieces, label=label, folder=folder, todo=todo)
    gathered(running, _write_block, [b for b, missing in todo.items() if missing], job, desc="panel")


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
        Most blocks; by default as many as keep a block's values within 192 MB and its records below four millions or so.
    jobs
        Workers: no fewer blocks than these by default.

    Returns
    -------
    cores
        Of each block the row numbers of its grids, rising.
    """
    records = history.n_records.astype(float)
    work = 1 + records / max(records.mean(), 1e-9)
    by_size = max(-(-4 * cells * len(history.grids) // BLOCK_BYTES), -(-int(records.sum()) // BLOCK_RECORDS))
    return blocks_of(history.grids, history.neighbors(), work, n_blocks or max(by_size, jobs))


@checked
def prepared(
    city: Cut,
    snapshot: Snapshot,
    features: Sequence[Feature],
    label: Label | Sequence[Label],
    cores: Sequence[np.ndarray],
    running: Running,
    *,
    outcomes: bool,
) -> City:
    """Have a city cut into pieces, and add up the totals its features need: all that blocks must be told.

    Parameters
    ----------
    city
        The city, which is let go; a store was streamed before.
    snapshot
        Of it, at the dates.
    features, label
        What will be computed, and what is predicted.
    cores
        Of each block the row numbers of its grids.
    running
        The engine that adds up.
    outcomes
        Whether the label's outcomes will be computed, too.

    Returns
    -------
    city
        With all totals.
    """
    told_all, places = told(city.history, features, label, snapshot, outcomes=outcomes)
    del snapshot
    city.hand_over(places, cores)
    for needing in rounds(features):
        job = Job(told_all, tuple(features), city.pieces, needing=tuple(needing))
        parts = gathered(running, _add_block, range(len(cores)), job, desc="totals")
        told_all = knowing(told_all, merged(parts, places.n_areas))
    return told_all


def gathered(running: Running, work: Work, numbers: Sequence[int], job: object, *, desc: str) -> list[Any]:
    """What is made of each block, in the order of the numbers; a bar shows how far it is."""
    answers = {}
    with bar(total=len(numbers), unit="block", desc=desc) as done:
        for number, answer in running(work, numbers, job):
            answers[number] = answer
            done.update()
    return [answers[number] for number in numbers]


def _cut_all(history: History, places: Places, cores: Sequence[np.ndarray], pieces: Folder) -> None:
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
    marks, asked = job.todo[number], Asked.of(job.features, job.label)
    for t, day in enumerate(map(day_of, snapshot.local)):
        if day in marks:
            write_date(Layout.file(job.folder, day, number), snapshot, t, names, matrix, marks[day], asked)
    return len(marks)
