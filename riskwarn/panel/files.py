"""A panel as files, one a date, written again only where what they were made from has changed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from riskwarn.calling import checked
from riskwarn.errors import DataError
from riskwarn.experiment import Experiment
from riskwarn.history import History, Snapshot
from riskwarn.panel.asked import Asked
from riskwarn.panel.block import BLOCK_BYTES
from riskwarn.panel.build import CARRIED, carrying, dates_of, fill, history_of, snapshot_of
from riskwarn.panel.layout import refuse_blocks, whole_blocks
from riskwarn.panel.marks import marks_of
from riskwarn.progress import bar
from riskwarn.store import Store
from riskwarn.store.remote import Folder, Remote, folder_of, put

_MANIFEST = b"riskwarn"
_ASKED = b"riskwarn.asked"
_GRIDS = "grids.parquet"


@dataclass(frozen=True)
class Progress:
    """What :func:`write_panel` did: dates written, and dates found as they should be."""

    written: int
    kept: int


@checked
def write_panel(
    store: Store | History,
    experiment: Experiment,
    folder: str | Path | Remote,
    *,
    as_of: Iterable[object] | None = None,
    n_dates: int | None = None,
) -> Progress:
    """Write the panel as Parquet, one file a date: ``folder/as_of=2025-03-03/part.parquet``.

    Resumable: a date whose file was made from the same definitions, grids and known records, and whose outcome was settled, is left
    alone; one that broke off, or whose outcome has settled since, is written. So a nightly run adds its date and what has settled,
    and the folder equals one written anew. A file is written beside its place and renamed.

    Parameters
    ----------
    store, experiment
        As for :func:`build_panel`.
    folder
        Where to write; ``s3://bucket/panel`` and the like are object stores.
    as_of
        Dates; those of the experiment by default.
    n_dates
        Dates computed together; as many as fit in 192 MB by default.

    Returns
    -------
    progress
        How many dates were written, and how many kept.

    Raises
    ------
    StaleDataError
        A date lies after the data.
    DataError
        A date lies before the data; or the folder holds a panel of blocks.
    DefinitionError
        A feature reads what is not there.
    """
    home = folder_of(folder)
    refuse_blocks(home)
    history = history_of(store)
    dates = experiment.dates.index() if as_of is None else dates_of(as_of)
    snapshot = snapshot_of(history, experiment.columns, dates)
    experiment.label.check(history)
    marks = marks_of(snapshot, experiment)
    names = [*(f.name for f in experiment.columns), *experiment.label.columns]
    asked = Asked.of(experiment.columns, experiment.label)
    targets = [home / f"as_of={day_of(at)}" / "part.parquet" for at in snapshot.local]
    todo = [i for i, target in enumerate(targets) if mark_of(target) != marks[i]]
    if todo or grids_in(home) is None:
        write_grids(home, history.grids)
    with bar(total=len(dates), initial=len(dates) - len(todo), unit="date", desc="panel") as written:
        for part, matrix in _settled_blocks(history, experiment, [snapshot.local[i] for i in todo], n_dates):
            place = {at: i for i, at in enumerate(snapshot.local)}
            for t, at in enumerate(part.local):
                write_date(targets[place[at]], part, t, names, matrix, marks[place[at]], asked)
                written.update()
    return Progress(len(todo), len(dates) - len(todo))


@checked
def read_panel(folder: str | Path | Remote) -> pd.DataFrame:
    """The panel that :func:`write_panel` or :func:`riskwarn.distributed.write_blocks` wrote, sorted by `grid_id`, `as_of`.

    Parameters
    ----------
    folder
        Where it was written.

    Returns
    -------
    panel
        As :func:`build_panel` makes it, with what it carries of the grids.

    Raises
    ------
    DataError
        No panel there, one of blocks of which some are missing or damaged, or dates that were made from different definitions.
    """
    home = folder_of(folder)
    parts: list[Folder] = sorted(home.glob("as_of=*/part.parquet"), key=str)
    parts += whole_blocks(home)
    if not parts:
        raise DataError(f"no panel in {home}: wanted folders as_of=2025-03-03 with part.parquet.")
    frames = [table_in(part).to_pandas() for part in parts]
    _check_alike(parts, frames)
    panel = pd.concat(frames, ignore_index=True)
    panel["grid_id"] = panel["grid_id"].astype("category")
    panel = panel.sort_values(["grid_id", "as_of"], ignore_index=True)
    grids = grids_in(home)
    if grids is None:
        return panel
    return carrying(panel, grids, pd.Index(grids["grid_id"]).get_indexer(panel["grid_id"].astype("str")))


@checked
def grids_in(folder: str | Path | Remote) -> pd.DataFrame | None:
    """What a panel on disk carries of the grids; none where it carries none.

    Parameters
    ----------
    folder
        Of the panel.

    Returns
    -------
    grids
        One row a grid, in the order of the city's table.
    """
    beside = folder_of(folder) / _GRIDS
    return table_in(beside).to_pandas() if beside.exists() else None


def _settled_blocks(
    history: History, experiment: Experiment, dates: list[pd.Timestamp], n_dates: int | None
) -> Iterator[tuple[Snapshot, np.ndarray]]:
    columns = experiment.columns
    n, m = len(columns), len(experiment.label.columns)
    size = n_dates or max(BLOCK_BYTES // (4 * (n + m) * max(len(history.grids), 1)), 1)
    for first in range(0, len(dates), size):
        snapshot = history.at(dates[first : first + size])
        matrix = np.empty((n + m, *snapshot.shape), np.float32)
        fill(snapshot, columns, matrix[:n])
        matrix[n:] = experiment.label.outcomes(snapshot)
        yield snapshot, matrix


def _check_alike(parts: Sequence[Folder], frames: Sequence[pd.DataFrame]) -> None:
    """Refuse dates whose columns differ: what one lacks would pass for unknown."""
    for part, frame in zip(parts, frames, strict=True):
        odd = sorted(set(frame).symmetric_difference(frames[0]))
        if odd:
            raise DataError(
                f"{part} and {parts[0]} differ in the columns {', '.join(odd[:3])}{', …' if len(odd) > 3 else ''}: the folder holds dates of "
                "two experiments; write each into a folder of its own."
            )
    made = [asked_in(part) for part in parts]
    for part, here in zip(parts, made, strict=True):
        if here != made[0]:
            raise DataError(
                f"{part} and {parts[0]} were made for different labels or features: the folder holds dates of two experiments; write each "
                "into a folder of its own."
            )


def table_in(part: Folder, names: Sequence[str] | None = None) -> pa.Table:
    """Columns of a file of a panel, all by default; what is wrong with it is said in a sentence."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        with part.open("rb") as file:
            return pq.read_table(file, columns=None if names is None else list(names), partitioning=None)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            f"{part} is damaged ({error}); take it away and write the panel again: it alone is made anew."
        ) from error


def mark_of(target: Folder) -> str | None:
    """What a file was made from; none where there is no file, or none of ours."""
    metadata = _metadata(target)
    return None if metadata is None else metadata.get(_MANIFEST, b"").decode()


def asked_in(target: Folder) -> Asked | None:
    """What a file was made for; none where it does not say."""
    return Asked.read((_metadata(target) or {}).get(_ASKED, b""))


def _metadata(target: Folder) -> dict[bytes, bytes] | None:
    import pyarrow.parquet as pq  # noqa: PLC0415

    if not target.exists():
        return None
    try:
        with target.open("rb") as file:
            return pq.read_schema(file).metadata or {}
    except (pa.ArrowInvalid, OSError):
        return None


def write_date(
    target: Folder, snapshot: Snapshot, t: int, names: Sequence[str], matrix: np.ndarray, mark: str, asked: Asked
) -> None:
    """One date of a matrix as a file, with what it was made from and for."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    n_grids = snapshot.shape[0]
    zone = pa.timestamp("us", snapshot.history.timezone)
    columns = {
        "grid_id": pa.array(snapshot.history.grids["grid_id"].to_numpy(dtype=object), pa.string()),
        "as_of": pa.array(np.repeat(snapshot.micros[t], n_grids)).cast(zone),
        **{name: pa.array(np.ascontiguousarray(values)) for name, values in zip(names, matrix[:, :, t], strict=True)},
    }
    table = pa.table(columns).replace_schema_metadata({_MANIFEST: mark.encode(), _ASKED: asked.text()})
    put(target, lambda file: pq.write_table(table, file, compression="zstd"))


def write_grids(folder: Folder, grids: pd.DataFrame) -> None:
    """What the panel carries of the grids, once beside its dates."""
    carried = grids[["grid_id", *(name for name in CARRIED if name in grids and grids[name].notna().any())]]
    put(folder / _GRIDS, lambda file: carried.to_parquet(file, index=False))


def day_of(at: pd.Timestamp) -> str:
    """A date as the name of its folder has it: a day, or an instant of a day."""
    return at.strftime("%Y-%m-%d") if at == at.normalize() else at.strftime("%Y-%m-%dT%H_%M_%S")
