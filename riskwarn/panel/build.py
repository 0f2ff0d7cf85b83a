"""From a history to a panel: features, outcomes, and what the table of grids says of each."""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from riskwarn import clock
from riskwarn.calling import checked
from riskwarn.errors import DataError
from riskwarn.experiment import Experiment
from riskwarn.feature import Feature, check_names, check_streams, circular_parents
from riskwarn.history import History, Snapshot
from riskwarn.label import Label
from riskwarn.store import Store

NORMAL = "normal:{feature}"
"""Column of a night's panel: what a reason compares the feature with."""
GRID = "grid:"
"""Before the name of a column of table `grids` that a panel carries."""
CARRIED = (
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
    history = history_of(store)
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
    snapshot = snapshot_of(history, features, dates)
    if label is not None:
        label.check(history)
    outcomes = () if label is None else label.columns
    names = [*(f.name for f in features), *outcomes, *(NORMAL.format(feature=f.name) for f in normals)]
    matrix = snapshot.each(partial(computed, features=features, label=label, normals=normals))
    return _frame(snapshot, names, matrix)


@checked
def night_panels(history: History, groups: Sequence[Sequence[Feature]], as_of: object) -> list[pd.DataFrame]:
    """The panels of several groups of features at one date, with normals; a feature of several groups is computed once.

    Parameters
    ----------
    history
        What was known, and the grids.
    groups
        Of each panel its features, which differ in name; between groups one name may mean two features.
    as_of
        The night.

    Returns
    -------
    panels
        Of each group what :func:`panel_of` gives for its features as columns and as `normals`.

    Raises
    ------
    StaleDataError, DataError, DefinitionError
        As :func:`panel_of`.
    """
    for features in groups:
        check_names(features, audit=True)
    distinct = {feature: row for row, feature in enumerate(dict.fromkeys(f for group in groups for f in group))}
    snapshot, n = _looked(history, list(distinct), [as_of]), len(distinct)
    matrix = snapshot.each(partial(computed, features=list(distinct), normals=list(distinct)))
    panels = []
    for features in groups:
        rows = np.array([distinct[feature] for feature in features], dtype=np.intp)
        names = [*(f.name for f in features), *(NORMAL.format(feature=f.name) for f in features)]
        panels.append(_frame(snapshot, names, matrix[np.r_[rows, n + rows]]))
    return panels


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


def history_of(store: Store | History) -> History:
    """The history of a store; a history is its own."""
    return store if isinstance(store, History) else History.load(store)


@checked
def fill(
    snapshot: Snapshot,
    features: Sequence[Feature],
    matrix: np.ndarray,
    *,
    told: Callable[[Feature], AbstractContextManager[object]] = nullcontext,
) -> np.ndarray:
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
    told
        Within what it gives each feature is computed, so that an error can say whose it is; by default nothing is added to it.

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
        with told(feature):
            values = feature.compute(snapshot)
        if not np.may_share_memory(values, home):
            home[:] = values
    return matrix


@checked
def computed(
    snapshot: Snapshot, *, features: Sequence[Feature], label: Label | None = None, normals: Sequence[Feature] = ()
) -> np.ndarray:
    """Features, the outcomes of a label, and what some features are compared with.

    Parameters
    ----------
    snapshot
        Of the grids and dates.
    features, label, normals
        As for :func:`panel_of`.

    Returns
    -------
    matrix
        (n_columns, n_grids, n_dates) float32.
    """
    n, m = len(features), len(features) + (0 if label is None else len(label.columns))
    matrix = np.empty((m + len(normals), *snapshot.shape), dtype=np.float32)
    fill(snapshot, features, matrix[:n])
    if label is not None:
        matrix[n:m] = label.outcomes(snapshot)
    for row, feature in zip(matrix[m:], normals, strict=True):
        row[:] = feature.normal(snapshot)
    return matrix


def snapshot_of(history: History, features: Sequence[Feature], dates: Iterable[object]) -> Snapshot:
    """A history at some dates, after a look whether the features can be computed there."""
    check_names(features, audit=True)
    return _looked(history, features, dates)


def _looked(history: History, features: Sequence[Feature], dates: Iterable[object]) -> Snapshot:
    check_streams(features, history)
    circle = circular_parents(history.grids)
    if circle:
        raise DataError(f"table 'grids': an area lies in itself: {circle}. Give every area one parent above it.")
    snapshot = history.at(dates)
    check_start(history, snapshot.local[0])
    return snapshot


def check_start(history: History, at: pd.Timestamp) -> None:
    """Refuse a date before the first record."""
    if clock.micros(at) <= history.first:
        known = pd.Timestamp(history.first, unit="us", tz="UTC").tz_convert(history.timezone)
        raise DataError(f"nothing was known at {at:%Y-%m-%d}: the first event is known at {known}; choose later dates.")


def _frame(snapshot: Snapshot, names: Sequence[str], matrix: np.ndarray) -> pd.DataFrame:
    n_grids, n_dates = snapshot.shape
    panel = pd.DataFrame(matrix.reshape(len(names), n_grids * n_dates).T, columns=list(names), copy=False)
    grids = snapshot.history.grids
    row = np.repeat(np.arange(n_grids), n_dates)
    panel.insert(0, "grid_id", pd.Categorical.from_codes(row, grids["grid_id"].to_numpy(dtype=object)))
    at = pd.DatetimeIndex(np.tile(snapshot.local.tz_convert(None).to_numpy(), n_grids)).tz_localize("UTC")
    panel.insert(1, "as_of", at.tz_convert(snapshot.history.timezone))
    return carrying(panel, grids, row)


def carrying(panel: pd.DataFrame, grids: pd.DataFrame, row: np.ndarray) -> pd.DataFrame:
    """A panel with what the table of grids says of each; `row` says which grid a row is of.

    As columns of its own, coded: they follow the rows through every selection, join, pickle and file, which the attributes of a frame
    do not.
    """
    said = {name: pd.Categorical(grids[name]) for name in CARRIED if name in grids and grids[name].notna().any()}
    coded = {f"{GRID}{name}": values.take(row) for name, values in said.items()}
    return pd.concat([panel, pd.DataFrame(coded, index=panel.index)], axis=1) if coded else panel
