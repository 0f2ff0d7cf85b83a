"""The panel: one row a grid and date, one float32 column a feature, the outcome where it is settled.

Training asks for many dates, the night for one: the same function.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from riskwarn.errors import DataError, DefinitionError
from riskwarn.experiment import Experiment
from riskwarn.feature import Feature, check_names, check_streams, circular_parents
from riskwarn.feature.base import furthest
from riskwarn.history import DAY_US, History, Snapshot
from riskwarn.store import Store

NORMAL = "normal:{feature}"
"""Column of a night's panel: what a reason compares the feature with."""
_BLOCK_BYTES = 192 * 2**20
"""Values worked on together when dates are streamed."""
_MANIFEST = b"riskwarn"


def build_panel(
    store: Store | History, experiment: Experiment, *, as_of: object | Iterable[object] = None
) -> pd.DataFrame:
    """Features, prior counts and settled outcomes of every grid at every date.

    Parameters
    ----------
    store
        Where the events are, or their history.
    experiment
        What is asked: label, features, dates.
    as_of
        One night; the dates of the experiment by default.

    Returns
    -------
    panel
        Sorted by `grid_id`, `as_of`. One float32 column a feature, then the prior counts ``prior_…w`` and what other baselines need; `y`, the outcome, NaN where it is not settled; beside an outcome that is no count `n_events`, the count. A single night also has ``normal:…``, what each feature of the model is compared with in a reason.

    Raises
    ------
    StaleDataError
        A date lies after the data.
    DataError
        A date lies before the data.
    DefinitionError
        A feature reads a feed or column that is not there, or two share a name.
    """
    history = store if isinstance(store, History) else History.load(store)
    dates = experiment.dates.index() if as_of is None else [as_of]
    snapshot = _snapshot(history, experiment, cast("Iterable[object]", dates))
    columns = experiment.columns
    names = [*(f.name for f in columns), *experiment.label.columns]
    if as_of is not None:
        names += [NORMAL.format(feature=n) for n in experiment.feature_names]
    matrix = np.empty((len(names), *snapshot.shape), dtype=np.float32)
    n = len(columns)
    fill(snapshot, columns, matrix[:n])
    outcomes = experiment.label.outcomes(snapshot)
    matrix[n : n + len(outcomes)] = outcomes
    if as_of is not None:
        for row, feature in zip(matrix[n + len(outcomes) :], experiment.features, strict=True):
            row[:] = feature.normal(snapshot)
    return _frame(snapshot, names, matrix)


def fill(snapshot: Snapshot, features: Sequence[Feature], matrix: np.ndarray) -> np.ndarray:
    """Compute features into `matrix`, (n_features, n_grids, n_dates) float32, and return it.

    Results the snapshot keeps are written where they belong from the first, so a matrix costs its own memory and no more.
    """
    for feature, home in zip(features, matrix, strict=True):
        key = feature.plane(snapshot)
        if key is not None:
            snapshot.lend(key, home)
    for feature, home in zip(features, matrix, strict=True):
        values = feature.compute(snapshot)
        if not np.may_share_memory(values, home):
            home[:] = values
    return matrix


@dataclass(frozen=True, eq=False)
class Block:
    """A part of a panel as a matrix.

    Parameters
    ----------
    grids
        Row numbers of its grids among the history's, of `n_grids`.
    dates
        Its dates on the city's clock.
    matrix
        (n_features, n_grids, n_dates) float32, the same memory each time: copy what you keep.
    """

    grids: slice
    dates: pd.DatetimeIndex
    matrix: np.ndarray


def blocks(
    history: History,
    features: Sequence[Feature],
    dates: Sequence[object],
    *,
    n_grids: int | None = None,
    n_dates: int | None = None,
) -> Iterator[Block]:
    """The matrix of many dates in bounded memory, a block at a time.

    Some grids at all dates where no feature looks further than to the neighbours, so that each record is looked at once; all grids
    at some dates where one looks at a parent or the city.

    Parameters
    ----------
    history, features, dates
        What is computed; dates increasing.
    n_grids, n_dates
        Grids, or dates, at a time; as many as fit in 192 MB by default.

    Raises
    ------
    DefinitionError
        Some grids were asked for, and a feature looks at a parent or the city.
    """
    wide = [f.name for f in features if furthest(f) not in {"own", "near"}]
    if n_grids and wide:
        raise DefinitionError(f"blocks of grids cannot hold {wide[0]!r}, which looks at all grids; ask for n_dates.")
    cell = 4 * max(len(features), 1)
    if wide or n_dates:
        size = n_dates or max(_BLOCK_BYTES // (cell * max(len(history.grids), 1)), 1)
        parts = [(slice(0, len(history.grids)), dates[a : a + size]) for a in range(0, len(dates), size)]
    else:
        size = n_grids or max(_BLOCK_BYTES // (cell * max(len(dates), 1)), 1)
        parts = [(slice(a, min(a + size, len(history.grids))), dates) for a in range(0, len(history.grids), size)]
    yield from _matrices(history, features, parts)


def _matrices(
    history: History, features: Sequence[Feature], parts: Sequence[tuple[slice, Sequence[object]]]
) -> Iterator[Block]:
    most = max(((p.stop - p.start) * len(dates) for p, dates in parts), default=0)
    room = np.empty(len(features) * most, np.float32)
    for grids, dates in parts:
        whole = grids == slice(0, len(history.grids))
        own = history if whole else history.part(np.arange(grids.start, grids.stop))
        snapshot = own.at(dates)
        shape = (len(features), *snapshot.shape)
        matrix = room[: int(np.prod(shape))].reshape(shape)
        yield Block(grids, snapshot.local, fill(snapshot, features, matrix))


@dataclass(frozen=True)
class Progress:
    """What :func:`write_panel` did: dates written, and dates found as they should be."""

    written: int
    kept: int


def write_panel(
    store: Store | History,
    experiment: Experiment,
    folder: str | Path,
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
        Where to write.
    as_of
        Dates; those of the experiment by default.
    n_dates
        Dates computed together; as many as fit in 192 MB by default.

    Raises
    ------
    StaleDataError
        A date lies after the data.
    DataError
        A date lies before the data.
    DefinitionError
        A feature reads what is not there.
    """
    from tqdm import tqdm  # noqa: PLC0415

    history = store if isinstance(store, History) else History.load(store)
    dates = [*(experiment.dates.index() if as_of is None else as_of)]
    snapshot = _snapshot(history, experiment, dates)
    marks = _marks(snapshot, experiment)
    names = [*(f.name for f in experiment.columns), *experiment.label.columns]
    targets = [Path(folder) / f"as_of={_day(at)}" / "part.parquet" for at in snapshot.local]
    todo = [i for i, target in enumerate(targets) if _mark_of(target) != marks[i]]
    silent = os.environ.get("RISKWARN_PROGRESS") == "0"
    with tqdm(
        total=len(dates), initial=len(dates) - len(todo), unit="date", desc="panel", disable=silent or None
    ) as bar:
        for part, matrix in _settled_blocks(history, experiment, [snapshot.local[i] for i in todo], n_dates):
            place = {at: i for i, at in enumerate(snapshot.local)}
            for t, at in enumerate(part.local):
                _write(targets[place[at]], part, t, names, matrix, marks[place[at]])
                bar.update()
    return Progress(len(todo), len(dates) - len(todo))


def read_panel(folder: str | Path) -> pd.DataFrame:
    """The panel that :func:`write_panel` wrote, sorted by `grid_id`, `as_of`.

    Raises
    ------
    DataError
        No panel there.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415

    parts = sorted(Path(folder).glob("as_of=*/part.parquet"))
    if not parts:
        raise DataError(f"no panel in {folder}: wanted folders as_of=2025-03-03 with part.parquet.")
    frames = [pq.read_table(part, partitioning=None).to_pandas() for part in parts]
    panel = pd.concat(frames, ignore_index=True)
    panel["grid_id"] = panel["grid_id"].astype("category")
    return panel.sort_values(["grid_id", "as_of"], ignore_index=True)


def _settled_blocks(
    history: History, experiment: Experiment, dates: list[pd.Timestamp], n_dates: int | None
) -> Iterator[tuple[Snapshot, np.ndarray]]:
    columns = experiment.columns
    n, m = len(columns), len(experiment.label.columns)
    size = n_dates or max(_BLOCK_BYTES // (4 * (n + m) * max(len(history.grids), 1)), 1)
    for first in range(0, len(dates), size):
        snapshot = history.at(dates[first : first + size])
        matrix = np.empty((n + m, *snapshot.shape), np.float32)
        fill(snapshot, columns, matrix[:n])
        matrix[n:] = experiment.label.outcomes(snapshot)
        yield snapshot, matrix


def _snapshot(history: History, experiment: Experiment, dates: Iterable[object]) -> Snapshot:
    check_names(experiment.columns, audit=True)
    check_streams(experiment.columns, history)
    circle = circular_parents(history.grids)
    if circle:
        raise DataError(f"table 'grids': an area lies in itself: {circle}. Give every area one parent above it.")
    snapshot = history.at(dates)
    _check_start(snapshot)
    return snapshot


def _check_start(snapshot: Snapshot) -> None:
    first = int(snapshot.history.cases.start.min(initial=np.iinfo(np.int64).max))
    if snapshot.micros[0] <= first:
        known = pd.Timestamp(first, unit="us", tz="UTC").tz_convert(snapshot.history.timezone)
        raise DataError(
            f"nothing was known at {snapshot.local[0]:%Y-%m-%d}: the first event is known at {known}; choose later dates."
        )


def _marks(snapshot: Snapshot, experiment: Experiment) -> list[str]:
    """What the file of each date must have been made from: definitions, grids, what was known then, whether it has settled."""
    definitions = json.dumps([f.to_dict() for f in experiment.columns] + [experiment.label.to_dict()], sort_keys=True)
    grids = pd.util.hash_pandas_object(snapshot.history.grids.astype(str), index=False).to_numpy().sum()
    known = _known(snapshot, snapshot.micros)
    wait = round(experiment.label.wait_days * DAY_US)
    grids_settled = experiment.label.settled(snapshot)
    settled = [hashlib.sha256(np.packbits(here).tobytes()).hexdigest()[:16] for here in grids_settled.T]
    outcome = _known(snapshot, np.where(grids_settled.any(axis=0), snapshot.micros + wait, snapshot.micros))
    base = hashlib.sha256(f"{definitions}|{grids}".encode()).hexdigest()
    return [f"{base}|{a}|{b}|{s}" for a, b, s in zip(known, outcome, settled, strict=True)]


def _known(snapshot: Snapshot, at: np.ndarray) -> list[str]:
    """Number and digest of the revisions known before each instant."""
    cases = snapshot.history.cases
    with np.errstate(over="ignore"):
        content = (cases.start * 31 + cases.occurred * 7 + cases.closed) ^ (cases.grid.astype(np.int64) << 40)
        content = content * 6364136223846793005 + cases.category.astype(np.int64) * 1442695040888963407 + cases.severity
    order = np.argsort(cases.start, kind="stable")
    with np.errstate(over="ignore"):
        total = np.r_[0, np.cumsum(content[order])]
    n = np.searchsorted(cases.start[order], at, side="left")
    return [f"{k}:{total[k]}" for k in n]


def _mark_of(target: Path) -> str | None:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    if not target.exists():
        return None
    try:
        found = pq.read_schema(target).metadata or {}
    except (pa.ArrowInvalid, OSError):
        return None
    return found.get(_MANIFEST, b"").decode()


def _write(target: Path, snapshot: Snapshot, t: int, names: Sequence[str], matrix: np.ndarray, mark: str) -> None:
    """One date of a matrix as a file, with what it was made from."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    n_grids = snapshot.shape[0]
    zone = pa.timestamp("us", snapshot.history.timezone)
    columns = {
        "grid_id": pa.array(snapshot.history.grids["grid_id"].to_numpy(dtype=object), pa.string()),
        "as_of": pa.array(np.repeat(snapshot.micros[t], n_grids)).cast(zone),
        **{name: pa.array(np.ascontiguousarray(values)) for name, values in zip(names, matrix[:, :, t], strict=True)},
    }
    table = pa.table(columns).replace_schema_metadata({_MANIFEST: mark.encode()})
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".part.{os.getpid()}.partial")
    try:
        pq.write_table(table, partial, compression="zstd")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _day(at: pd.Timestamp) -> str:
    return at.strftime("%Y-%m-%d") if at == at.normalize() else at.strftime("%Y-%m-%dT%H_%M_%S")


def _frame(snapshot: Snapshot, names: Sequence[str], matrix: np.ndarray) -> pd.DataFrame:
    n_grids, n_dates = snapshot.shape
    panel = pd.DataFrame(matrix.reshape(len(names), n_grids * n_dates).T, columns=list(names), copy=False)
    grid_ids = snapshot.history.grids["grid_id"].to_numpy(dtype=object)
    panel.insert(0, "grid_id", pd.Categorical.from_codes(np.repeat(np.arange(n_grids), n_dates), grid_ids))
    panel.insert(
        1,
        "as_of",
        pd.DatetimeIndex(np.tile(snapshot.local.tz_convert(None).to_numpy(), n_grids))
        .tz_localize("UTC")
        .tz_convert(snapshot.history.timezone),
    )
    return panel
