"""The unit of work: from the piece of a block, and what was told of the city, to the numbers of its grids. Pure functions."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.distributed.city import City, Sums
from riskwarn.distributed.piece import NotToldError, Piece
from riskwarn.errors import DefinitionError
from riskwarn.feature import Feature
from riskwarn.history import CITY, Snapshot
from riskwarn.history.totals import added_up
from riskwarn.label import Label
from riskwarn.model import RiskModel
from riskwarn.panel import NORMAL, fill

Asked = tuple[Feature, str]


@dataclass(frozen=True, eq=False)
class Part:
    """What the grids of one block add to the totals of a feature in an area.

    Parameters
    ----------
    areas
        (k,) numbers of the areas they lie in.
    sums, numbers
        (n_terms, k, n_dates) sums of what is known, and in how many grids it is.
    """

    areas: np.ndarray
    sums: np.ndarray
    numbers: np.ndarray


@checked
def parts_of(piece: Piece, features: Sequence[Feature]) -> dict[Asked, Part]:
    """What a block adds to the totals of some features, at all dates it was told of.

    Parameters
    ----------
    piece
        Of the block.
    features
        Of one round (:func:`riskwarn.distributed.wide.rounds`).

    Returns
    -------
    parts
        By feature and area. Grids around the block are not among them: they belong to others.

    Raises
    ------
    DefinitionError
        A feature asks for more than a block knows.
    """
    snapshot = _snapshot(piece)
    found: dict[Asked, Part] = {}
    for feature in features:
        with _named(feature):
            terms = feature.terms(snapshot)
            for area in feature.areas:
                found[feature, area] = _part(terms, None if area == CITY else snapshot.areas(area)[0])
    return found


@checked
def merged(parts: Sequence[Mapping[Asked, Part]], n_areas: Mapping[str, int]) -> dict[tuple[Hashable, str], Sums]:
    """The totals of a city, from what its blocks add to them, in the order of the blocks whatever engine they came from.

    Parameters
    ----------
    parts
        Of each block.
    n_areas
        Of each level how many parents there are.

    Returns
    -------
    totals
        As :class:`City` has them.

    Examples
    --------
    >>> from riskwarn.feature import Count, OfCity
    >>> asked = OfCity(Count("dispute", days=7)), "city"
    >>> some = [{asked: Part(np.array([0]), np.full((1, 1, 1), n), np.ones((1, 1, 1)))} for n in (2.0, 3.0)]
    >>> [numbers.tolist() for numbers in merged(some, {})[asked]]
    [[[[5.0]]], [[[2.0]]]]
    """
    totals: dict[tuple[Hashable, str], Sums] = {}
    for block in parts:
        for (feature, area), part in block.items():
            if (feature, area) not in totals:
                shape = (len(part.sums), n_areas.get(area, 1), part.sums.shape[2])
                totals[feature, area] = np.zeros(shape), np.zeros(shape)
            sums, numbers = totals[feature, area]
            sums[:, part.areas] += part.sums
            numbers[:, part.areas] += part.numbers
    return totals


def knowing(city: City, totals: Mapping[tuple[Hashable, str], Sums]) -> City:
    """The city with more totals."""
    return replace(city, totals={**city.totals, **totals})


@checked
def matrix_of(piece: Piece, features: Sequence[Feature], label: Label | None) -> tuple[Snapshot, np.ndarray]:
    """The panel of a block as a matrix, at all dates it was told of: the numbers its grids have in the panel of the whole city.

    Parameters
    ----------
    piece
        Of the block, told the totals its features need.
    features
        What is computed.
    label
        Whose outcomes come after the features, where there is one.

    Returns
    -------
    snapshot, matrix
        The grids and dates, and (n_features + n_outcomes, n_grids, n_dates) float32.

    Raises
    ------
    DefinitionError
        A feature asks for more than a block knows.
    """
    snapshot = _snapshot(piece)
    n = len(features)
    matrix = np.empty((n + (len(label.columns) if label else 0), *snapshot.shape), np.float32)
    fill(snapshot, features, matrix[:n], told=_named)
    if label is not None:
        matrix[n:] = label.outcomes(snapshot)
    return snapshot, matrix


@checked
def predicted(piece: Piece, model: RiskModel) -> pd.DataFrame:
    """What a model says of the grids of a block, before they are ranked among all of the city.

    Parameters
    ----------
    piece
        Of the block, told the totals the model's features need.
    model
        A fitted model.

    Returns
    -------
    rows
        By grid and date: `grid_id`, `as_of`, `asked`, whether the question arises, and the columns of :meth:`RiskModel.predict`.
    """
    snapshot, matrix = matrix_of(piece, model.features, None)
    panel = _panel(snapshot, [f.name for f in model.features], matrix)
    keys = panel[["grid_id", "as_of"]].assign(asked=model.label.arises(snapshot).ravel())
    return pd.concat([keys, model.predict(panel)], axis=1)


def scores_of(piece: Piece, model: RiskModel, features: Sequence[Feature]) -> np.ndarray:
    """What the grids of a block score at the one date it was told of, by a model and by the last of some features.

    Parameters
    ----------
    piece
        Of the block, told the totals the features need.
    model
        A fitted model.
    features
        Those of the model among them.

    Returns
    -------
    scores
        (2, n_core).
    """
    snapshot, matrix = matrix_of(piece, features, None)
    panel = _panel(snapshot, [f.name for f in features], matrix)
    return np.stack([model.predict(panel)["score"].to_numpy(dtype=float), matrix[-1, :, 0].astype(float)])


@checked
def night_of(piece: Piece, features: Sequence[Feature]) -> pd.DataFrame:
    """The panel of a block with what a reason compares each feature with: the rows of :func:`riskwarn.pipeline.night_panel`.

    Parameters
    ----------
    piece
        Of the block, told the totals and medians the features need.
    features
        Of a model.

    Returns
    -------
    panel
        `grid_id`, `as_of`, a column a feature and one ``normal:…`` each, and `n_nearby`, how many grids lie beside.

    Raises
    ------
    DefinitionError
        A feature asks for more than a block knows.
    """
    snapshot, matrix = matrix_of(piece, features, None)
    normals = np.empty_like(matrix)
    for row, feature in zip(normals, features, strict=True):
        with _named(feature):
            row[:] = feature.normal(snapshot)
    names = [*(f.name for f in features), *(NORMAL.format(feature=f.name) for f in features)]
    panel = _panel(snapshot, names, np.concatenate([matrix, normals]))
    beside = np.diff(snapshot.history.neighbors().indptr)
    return panel.assign(n_nearby=np.repeat(beside, snapshot.shape[1]))


def _panel(snapshot: Snapshot, names: Sequence[str], matrix: np.ndarray) -> pd.DataFrame:
    """A matrix (n_columns, n_grids, n_dates) as rows by grid and date."""
    n_grids, n_dates = snapshot.shape
    panel = pd.DataFrame(matrix.reshape(len(matrix), n_grids * n_dates).T, columns=list(names), copy=False)
    grid_ids = np.repeat(snapshot.history.grids["grid_id"].to_numpy(dtype=object), n_dates)
    panel.insert(0, "grid_id", pd.array(grid_ids, dtype="str"))
    panel.insert(1, "as_of", snapshot.local[np.tile(np.arange(n_dates), n_grids)])
    return panel


def _snapshot(piece: Piece) -> Snapshot:
    """The core of a piece at all dates it was told of."""
    return piece.core.at(pd.DatetimeIndex(piece.city_told.dates.view("datetime64[us]"), tz="UTC"))


def _part(terms: Sequence[np.ndarray], area: np.ndarray | None) -> Part:
    if area is None:
        return Part(np.array([0]), *added_up(terms, None, 1))
    areas, number = np.unique(area, return_inverse=True)
    return Part(areas, *added_up(terms, number, len(areas)))


@contextmanager
def _named(feature: Feature) -> Iterator[None]:
    """Within it, what a feature asks and a block was not told is said with the name of the feature."""
    try:
        yield
    except NotToldError as error:
        raise DefinitionError(
            f"feature {feature.name!r} cannot be computed in blocks of grids: it {error}. Leave it out, or compute the panel on one "
            "machine without blocks."
        ) from error
