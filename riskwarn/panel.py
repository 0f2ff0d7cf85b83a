"""The panel: one row a grid and date, one float32 column a feature, the outcome where it is settled.

Training asks for many dates, the night for one: the same function.
"""

import datetime as dt
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from riskwarn import clock
from riskwarn.calling import checked
from riskwarn.errors import DataError, DefinitionError
from riskwarn.experiment import Experiment
from riskwarn.feature import Feature, check_names, check_streams, circular_parents
from riskwarn.feature.base import furthest
from riskwarn.history import DAY_US, NEVER, History, Log, Snapshot
from riskwarn.history.past import Past
from riskwarn.label import Label
from riskwarn.store import Store

NORMAL = "normal:{feature}"
"""Column of a night's panel: what a reason compares the feature with."""
GRID = "grid:"
"""Before the name of a column of table `grids` that a panel carries."""
_CARRIED = (
    "community_id",
    "township_id",
    "county_id",
    "urban_class",
    "area_km2",
    "households",
    "population",
    "x_km",
    "y_km",
    "geometry",
)
_BLOCK_BYTES = 192 * 2**20
"""Values worked on together when dates are streamed."""
_MANIFEST = b"riskwarn"
_GRIDS = "grids.parquet"


@checked
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
        One night, or any iterable of dates, in whatever order; the dates of the experiment by default. A date is text as
        ``"2025-03-03"``, or a date or time of Python, numpy or pandas.

    Returns
    -------
    panel
        Sorted by `grid_id`, `as_of`. One float32 column a feature, then the prior counts ``prior_…w`` and what other baselines need; `y`, the outcome, NaN where it is not settled; beside an outcome that is no count `n_events`, the count. A single night also has ``normal:…``, what each feature of the model is compared with in a reason. Last ``grid:…``, what the table of grids says of each (:func:`grids_of`).

    Raises
    ------
    StaleDataError
        A date lies after the data.
    DataError
        A date lies before the data, or is none; or the store is none.
    DefinitionError
        A feature reads a feed or column that is not there, or two share a name; or the experiment is none.

    Examples
    --------
    >>> build_panel("city", experiment)  # doctest: +SKIP
    ArgumentError: build_panel: store must be a Store or a History, got 'city' (open it: rw.Store('city')). …
    """
    history = _history(store)
    dates = experiment.dates.index() if as_of is None else dates_of(as_of)
    night = as_of is not None and _is_one(as_of)
    normals = experiment.features if night else ()
    return panel_of(history, experiment.columns, dates, label=experiment.label, normals=normals)


@checked
def panel_of(
    history: History,
    features: Sequence[Feature],
    dates: Iterable[object],
    *,
    label: Label | None = None,
    normals: Sequence[Feature] = (),
) -> pd.DataFrame:
    """The panel of some features at some dates: what :func:`build_panel` makes of an experiment.

    Parameters
    ----------
    history
        What was known, and the grids.
    features
        One column each.
    dates
        Increasing and distinct.
    label
        Its outcome is `y`; no such column without one.
    normals
        Features with a column ``normal:…`` more, what a reason compares them with.

    Returns
    -------
    panel
        As :func:`build_panel`, with the features given and no others.

    Raises
    ------
    StaleDataError, DataError, DefinitionError
        As :func:`build_panel`.

    Examples
    --------
    >>> from riskwarn.feature import Count
    >>> at = pd.to_datetime(["2025-01-01", "2025-01-05"]).tz_localize("Asia/Shanghai")
    >>> events = pd.DataFrame({"source": "dispute", "event_id": ["a", "b"], "known_at": at, "occurred_at": at,
    ...                        "grid_id": ["A", "B"], "category": "D02"})
    >>> history = History.of(events, pd.DataFrame({"grid_id": ["A", "B"], "valid_from": at[0]}))
    >>> panel = panel_of(history, [Count("dispute", days=7)], ["2025-01-03"])
    >>> panel.columns[2], panel.iloc[:, 2].tolist()
    ('dispute_n_7d', [1.0, 0.0])
    """
    snapshot = _snapshot(history, features, dates)
    outcomes = () if label is None else label.columns
    names = [*(f.name for f in features), *outcomes, *(NORMAL.format(feature=f.name) for f in normals)]
    matrix = np.empty((len(names), *snapshot.shape), dtype=np.float32)
    n, m = len(features), len(features) + len(outcomes)
    fill(snapshot, features, matrix[:n])
    if label is not None:
        matrix[n:m] = label.outcomes(snapshot)
    for row, feature in zip(matrix[m:], normals, strict=True):
        row[:] = feature.normal(snapshot)
    return _frame(snapshot, names, matrix)


@checked
def dates_of(as_of: object) -> list[Any]:
    """The dates that one date or any iterable of dates names, in order, each once.

    Parameters
    ----------
    as_of
        Text, a date or time of Python, numpy or pandas, or an iterable of them.

    Returns
    -------
    dates
        As given, but numpy's dates as pandas'.

    Raises
    ------
    DataError
        One of them is no date, or there is none.

    Examples
    --------
    >>> dates_of("2025-03-03")
    ['2025-03-03']
    >>> dates_of(np.array(["2025-03-10", "2025-03-03"], dtype="datetime64[D]"))
    [Timestamp('2025-03-03 00:00:00'), Timestamp('2025-03-10 00:00:00')]
    """
    if _is_one(as_of):
        return [as_of]
    try:
        dates = [pd.Timestamp(date) if isinstance(date, np.datetime64) else date for date in as_of]  # type: ignore[attr-defined]
    except TypeError:
        raise DataError(f"as_of must be a date such as '2025-03-03' or several, got {as_of!r}.") from None
    if not dates:
        raise DataError("as_of names no date; give at least one, such as '2025-03-03'.")
    # the zone is no matter here: dates of one clock are in the order they have in any
    order = {clock.instant(date, "UTC"): date for date in dates}
    return [order[at] for at in sorted(order)]


def _is_one(as_of: object) -> bool:
    """Whether it is meant as one date, a right one or a wrong one."""
    return isinstance(as_of, str | bytes | np.generic | dt.date) or as_of is pd.NaT or not isinstance(as_of, Iterable)


@checked
def grids_of(panel: pd.DataFrame) -> pd.DataFrame | None:
    """The grids a panel was made for, as it carries them: one row a grid, as the table `grids`; none where it carries none.

    Parameters
    ----------
    panel
        What :func:`build_panel` gave.

    Returns
    -------
    grids
        In the order of the panel.

    Examples
    --------
    >>> panel = pd.DataFrame({"grid_id": ["a", "a", "b"], "y": [0, 1, 0], "grid:urban_class": ["town", "town", "field"]})
    >>> grids_of(panel).to_dict("list")
    {'grid_id': ['a', 'b'], 'urban_class': ['town', 'field']}
    """
    carried = [name for name in panel if str(name).startswith(GRID)]
    if not carried:
        return None
    rows = panel.loc[~panel["grid_id"].duplicated().to_numpy(), ["grid_id", *carried]].astype({"grid_id": "str"})
    plain = {
        name: rows[name].astype(rows[name].cat.categories.dtype)
        for name in carried
        if isinstance(rows[name].dtype, pd.CategoricalDtype)
    }
    return rows.assign(**plain).rename(columns=lambda name: str(name).removeprefix(GRID)).reset_index(drop=True)


def _history(store: Store | History) -> History:
    return store if isinstance(store, History) else History.load(store)


@checked
def fill(snapshot: Snapshot, features: Sequence[Feature], matrix: np.ndarray) -> np.ndarray:
    """Compute features into `matrix`, (n_features, n_grids, n_dates) float32, and return it.

    Results the snapshot keeps are written where they belong from the first, so a matrix costs its own memory and no more.

    Parameters
    ----------
    snapshot
        Of the grids and dates.
    features
        What is computed, in the order of the matrix.
    matrix
        (n_features, n_grids, n_dates) float32, overwritten.

    Returns
    -------
    matrix
        The same.
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


@checked
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

    Yields
    ------
    block
        :class:`Block`; its matrix is overwritten by the next.

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


@checked
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

    Returns
    -------
    progress
        How many dates were written, and how many kept.

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

    history = _history(store)
    dates = experiment.dates.index() if as_of is None else dates_of(as_of)
    snapshot = _snapshot(history, experiment.columns, dates)
    marks = _marks(snapshot, experiment)
    names = [*(f.name for f in experiment.columns), *experiment.label.columns]
    targets = [Path(folder) / f"as_of={_day(at)}" / "part.parquet" for at in snapshot.local]
    todo = [i for i, target in enumerate(targets) if _mark_of(target) != marks[i]]
    _write_grids(Path(folder), history.grids)
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


@checked
def read_panel(folder: str | Path) -> pd.DataFrame:
    """The panel that :func:`write_panel` wrote, sorted by `grid_id`, `as_of`.

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
        No panel there.
    """
    import pyarrow.parquet as pq  # noqa: PLC0415

    parts = sorted(Path(folder).glob("as_of=*/part.parquet"))
    if not parts:
        raise DataError(f"no panel in {folder}: wanted folders as_of=2025-03-03 with part.parquet.")
    frames = [pq.read_table(part, partitioning=None).to_pandas() for part in parts]
    panel = pd.concat(frames, ignore_index=True)
    panel["grid_id"] = panel["grid_id"].astype("category")
    panel = panel.sort_values(["grid_id", "as_of"], ignore_index=True)
    beside = Path(folder) / _GRIDS
    if not beside.exists():
        return panel
    grids = pq.read_table(beside).to_pandas()
    return _carrying(panel, grids, pd.Index(grids["grid_id"]).get_indexer(panel["grid_id"].astype("str")))


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


def _snapshot(history: History, features: Sequence[Feature], dates: Iterable[object]) -> Snapshot:
    check_names(features, audit=True)
    check_streams(features, history)
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
    history = snapshot.history
    known = _Known.of(history)
    wait = round(experiment.label.wait_days * DAY_US)
    grids_settled = experiment.label.settled(snapshot)
    settled = [hashlib.sha256(np.packbits(here).tobytes()).hexdigest()[:16] for here in grids_settled.T]
    outcome = known.before(np.where(grids_settled.any(axis=0), snapshot.micros + wait, snapshot.micros))
    whole = [definitions, _content(history.grids).sum()]
    whole += [_content(history.read(name)).sum() for name in _WITHOUT_CLOCK if history.has(name)]
    if history.calendar is not None and history.calendar.exists():
        whole.append(history.calendar.read_bytes())
    base = hashlib.sha256("|".join(map(str, whole)).encode()).hexdigest()
    return [f"{base}|{a}|{b}|{s}" for a, b, s in zip(known.before(snapshot.micros), outcome, settled, strict=True)]


_WITHOUT_CLOCK = ("places",)
_WITH_CLOCK = ("visits", "workflow", "diversions", "roster", "crosswalk", "feed_log")


@dataclass(frozen=True)
class _Known:
    """Rows of all tables with a clock, in the order they may have become known: instants in µs, and the sum of their contents so far."""

    at: np.ndarray
    total: np.ndarray

    @classmethod
    def of(cls, history: Past) -> "_Known":
        parts = [_of_log(history.log)]
        parts += [_of_table(name, history.read(name)) for name in _WITH_CLOCK if history.has(name)]
        at, content = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        order = np.argsort(at, kind="stable")
        with np.errstate(over="ignore"):
            return cls(at[order], np.r_[np.uint64(0), np.cumsum(content[order])])

    def before(self, at: np.ndarray) -> list[str]:
        """Number and digest of the rows before each instant."""
        n = np.searchsorted(self.at, at, side="left")
        return [f"{k}:{self.total[k]}" for k in n]


def _content(rows: pd.DataFrame) -> np.ndarray:
    """(n,) a hash of each row, whatever the order of rows."""
    return pd.util.hash_pandas_object(rows.astype(str), index=False).to_numpy()


def _of_table(name: str, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The first instant of each row, before which nothing of it can be known, and a hash of it and its table."""
    times = [
        rows[c].astype("int64").to_numpy()
        for c in rows
        if isinstance(rows[c].dtype, pd.DatetimeTZDtype) and rows[c].notna().any()
    ]
    return np.minimum.reduce(times), _content(rows.assign(table=name))


def _of_log(log: Log) -> tuple[np.ndarray, np.ndarray]:
    """When each revision became known, and when it gave way to another; a hash of it each time, without the name of its event."""
    # sums of hashes modulo 2**64 do not hang on the order of rows, and a running sum gives the digest before any instant at once;
    # the product of columns does hang on their order, so the same word in two columns is told apart
    content = np.zeros(len(log), np.uint64)
    with np.errstate(over="ignore"):
        for name in sorted(set(log.table.column_names) - {"event_id"}):
            content = content * _MIX + _hashed(log, name)
        content = content[log.order]
        ended = log.end != NEVER
        return np.r_[log.known, log.end[ended]], np.r_[content, content[ended] * _MIX]


def _hashed(log: Log, name: str) -> np.ndarray:
    """(n,) hash of one column, words by what they say and not by their codes, which depend on the other rows."""
    kind = log.table[name].type
    if pa.types.is_timestamp(kind):
        return pd.util.hash_array(np.ascontiguousarray(log.times(name)))
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind)):
        numbers = log.table[name].cast(pa.int64() if pa.types.is_boolean(kind) else pa.float64()).to_numpy()
        return pd.util.hash_array(np.ascontiguousarray(numbers))
    codes, words = log.keyed(name) if name in _KEYS else log.coded(name)
    said = np.array([*(words.to_pylist() if isinstance(words, pa.Array) else words), ""], dtype=object)
    return pd.util.hash_array(said)[codes]


_KEYS = ("place_key", "case_id")
_MIX = np.uint64(6364136223846793005)
"""Knuth's multiplier (MMIX): an odd number, so that a product of it loses nothing modulo 2**64."""


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


def _write_grids(folder: Path, grids: pd.DataFrame) -> None:
    """What the panel carries of the grids, once beside its dates."""
    carried = grids[["grid_id", *(name for name in _CARRIED if name in grids and grids[name].notna().any())]]
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".grids.{os.getpid()}.partial"
    try:
        carried.to_parquet(partial, index=False)
        partial.replace(folder / _GRIDS)
    finally:
        partial.unlink(missing_ok=True)


def _day(at: pd.Timestamp) -> str:
    return at.strftime("%Y-%m-%d") if at == at.normalize() else at.strftime("%Y-%m-%dT%H_%M_%S")


def _frame(snapshot: Snapshot, names: Sequence[str], matrix: np.ndarray) -> pd.DataFrame:
    n_grids, n_dates = snapshot.shape
    panel = pd.DataFrame(matrix.reshape(len(names), n_grids * n_dates).T, columns=list(names), copy=False)
    grids = snapshot.history.grids
    row = np.repeat(np.arange(n_grids), n_dates)
    panel.insert(0, "grid_id", pd.Categorical.from_codes(row, grids["grid_id"].to_numpy(dtype=object)))
    at = pd.DatetimeIndex(np.tile(snapshot.local.tz_convert(None).to_numpy(), n_grids)).tz_localize("UTC")
    panel.insert(1, "as_of", at.tz_convert(snapshot.history.timezone))
    return _carrying(panel, grids, row)


def _carrying(panel: pd.DataFrame, grids: pd.DataFrame, row: np.ndarray) -> pd.DataFrame:
    """A panel with what the table of grids says of each; `row` says which grid a row is of.

    As columns of its own, coded: they follow the rows through every selection, join, pickle and file, which the attributes of a frame
    do not.
    """
    said = {name: pd.Categorical(grids[name]) for name in _CARRIED if name in grids and grids[name].notna().any()}
    coded = {f"{GRID}{name}": values.take(row) for name, values in said.items()}
    return pd.concat([panel, pd.DataFrame(coded, index=panel.index)], axis=1) if coded else panel
