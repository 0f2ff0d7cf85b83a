"""Files read on an engine and written in one place: the records, and the account of every row, are those of reading them in turn."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from riskwarn.calling import checked
from riskwarn.distributed.engine import Engine
from riskwarn.distributed.panel import gathered
from riskwarn.distributed.task import Running
from riskwarn.ingest import IngestReport, Mapping, ingest, load_mapping
from riskwarn.ingest.ahead import Ahead, read_ahead
from riskwarn.ingest.delivering import arrival_of, paths_of, together
from riskwarn.ingest.placing import KEY_FILE
from riskwarn.store import Store

_DRAWN = ("grids", "crosswalk")
"""Tables on whose rows the reading of the next file may depend."""


@dataclass(frozen=True, eq=False)
class Reading:
    """What all files share that are read ahead of their turn.

    Parameters
    ----------
    store
        Folder of the store, which every worker can read.
    paths, mapping, arrived_at, again
        As for :func:`riskwarn.ingest.ingest`.
    folder
        Where their rows are put aside, which every worker can write.
    """

    store: Path
    paths: Sequence[Path | str]
    mapping: Mapping
    arrived_at: pd.Timestamp
    folder: Path
    again: bool


@checked
def ingest_files(
    store: Store,
    files: str | Path | Sequence[str | Path],
    mapping: Mapping | str | Path,
    *,
    engine: Engine | None = None,
    arrived_at: object = None,
    again: bool = False,
    progress: bool | None = None,
) -> IngestReport:
    """Bring files into the store, read on an engine, file by file: what :func:`riskwarn.ingest.ingest` makes of them, row for row.

    Reading a file, its dates, codes, places and the search for persons is most of the work, and hangs on no other file. So workers read
    files ahead of their turn and put their rows aside; one writer then takes them in turn, as if it had read them itself. Files of
    grids are read in turn, for the next may name what they bring; so is the first file of a store without a key, and what is refused.

    Parameters
    ----------
    store, files, mapping, arrived_at, again, progress
        As for :func:`riskwarn.ingest.ingest`; workers on other machines must see store and files under the same names.
    engine
        Who reads; this process by default.

    Returns
    -------
    report
        What became of every row.

    Raises
    ------
    PrivacyError, DataError
        As for :func:`riskwarn.ingest.ingest`.
    EngineError
        The engine cannot do the work.
    """
    mapping = mapping if isinstance(mapping, Mapping) else load_mapping(mapping)
    store.adopt_zone(mapping.timezone)
    at, paths = arrival_of(store, arrived_at), paths_of(files)
    with store.lock(), ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=".incoming-", dir=store.path))
        first = [] if store.files.find(KEY_FILE) else paths[:1]
        is_shared = mapping.table not in _DRAWN and len(paths) > len(first)
        # before anything is written: an engine that does not answer leaves the store as it was
        running = stack.enter_context((engine or Engine()).started()) if is_shared else None
        reports = [ingest(store, first, mapping, arrived_at=at, again=again, progress=progress)] if first else []
        job = Reading(store.path.resolve(), paths[len(first) :], mapping, at, Path(folder).resolve(), again)
        ahead = {} if running is None else _read(job, running)
        if job.paths or not reports:
            reports.append(
                ingest(store, job.paths, mapping, arrived_at=at, again=again, progress=progress, ahead=ahead)
            )
    return together(mapping.table, reports, sum(report.seconds for report in reports))


def _read(job: Reading, running: Running) -> dict[str, Ahead]:
    """The files that could be read ahead of their turn, by path."""
    read = gathered(running, read_file, range(len(job.paths)), job, desc="files")
    return {str(path): ahead for path, ahead in zip(job.paths, read, strict=True) if ahead is not None}


def read_file(job: Reading, number: int) -> Ahead | None:
    """Read one file ahead of its turn."""
    folder = job.folder / f"{number:06d}"
    return read_ahead(Store(job.store), job.paths[number], job.mapping, job.arrived_at, folder, again=job.again)
