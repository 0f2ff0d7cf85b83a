"""The forecasts of one model in one fold: learnt from rows at hand, or from rows on disk of which a part is read at a time."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from riskwarn.baseline import Linear, Model, Surroundings
from riskwarn.model import RiskModel
from riskwarn.rows import Rows

_KEYS = ["grid_id", "as_of", "y"]
_JUDGED = ("score", "expected", "probability", "lower", "upper", "lower_share", "upper_share")


def forecast_of(
    rows: Rows, part: tuple[int | str, np.ndarray, np.ndarray], model: Model, grids: pd.DataFrame | None
) -> pd.DataFrame:
    """What a model that learnt from the rows that train says of those that test.

    Of rows on disk the product's model and the regressions read a part at a time, a baseline the columns that it needs, and a model that
    does not say what it reads all columns. Rows that test are predicted a part at a time.

    Parameters
    ----------
    rows
        All that is settled.
    part
        Name of the fold, and the numbers of the rows that train and that test.
    model
        Unfitted.
    grids
        Table `grids`, of which the product's model learns what larger areas share; rows at hand carry their own.

    Returns
    -------
    forecast
        As :attr:`Report.predictions`, in the order of the rows.
    """
    name, *numbers = part
    train, test = (rows[at] for at in numbers)
    fitted = _fitted(model, train, grids)
    told = pd.concat([_told(fitted, some) for some in _parts(test, model)], ignore_index=True)
    told.insert(0, "model", model.name)
    told.insert(1, "fold", name)
    return told


def read_by(model: Model, columns: tuple[str, ...]) -> list[str]:
    """Which of the columns of a panel a model reads.

    Parameters
    ----------
    model
        Any.
    columns
        Of the panel.

    Returns
    -------
    names
        All of them where it does not say.
    """
    if isinstance(model, RiskModel):
        return model.feature_names
    if isinstance(model, Linear):
        return list(model.features)
    needs = getattr(model, "needs", None)
    return list(columns) if needs is None else [feature.name for feature in needs]


def _fitted(model: Model, train: Rows, grids: pd.DataFrame | None) -> Model:
    if train.at_hand:
        return model.fit(train.panel())
    if isinstance(model, RiskModel):
        return model.fit(train, grids=grids)
    if isinstance(model, Linear | Surroundings):
        return model.fit(train)
    return model.fit(train.panel(read_by(model, train.columns)))


def _parts(test: Rows, model: Model) -> Iterator[pd.DataFrame]:
    if test.at_hand:
        yield test.panel()
    else:
        yield from test.panels(read_by(model, test.columns))


def _told(fitted: Model, some: pd.DataFrame) -> pd.DataFrame:
    predicted = fitted.predict(some)
    return some[_KEYS].join(predicted[[c for c in _JUDGED if c in predicted]])
