"""The model as MLflow's own kind of model: what is registered with a bundle, and how it is loaded and served by others.

Nothing is pickled: MLflow is told to call this module with the folder of the bundle, whose digests are checked as those of any other.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import riskwarn
from riskwarn.calling import checked
from riskwarn.errors import DataError
from riskwarn.model import RiskModel
from riskwarn.rows import Rows
from riskwarn.scoring import score

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

KEYS = ("grid_id", "as_of")
CAPACITY = 50
"""How many grids can be attended to, where whoever asks does not say."""
_EXAMPLE_ROWS = 5
_ANSWERS = {
    "grid_id": "string",
    "target": "string",
    "probability": "double",
    "expected": "double",
    "lower": "double",
    "upper": "double",
    "rank": "long",
    "p_in_top": "double",
    "state": "string",
    "model_version": "string",
}


class Scorer:
    """What MLflow asks for predictions: the scores of the rows of a panel, as a night gives them.

    Parameters
    ----------
    model
        Fitted.
    """

    def __init__(self, model: RiskModel) -> None:
        self.model = model

    @checked
    def predict(self, rows: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """The scores of rows, by date and rank.

        Parameters
        ----------
        rows
            `grid_id`, `as_of` (an instant with its zone, as a timestamp or as text in the form of ISO 8601) and the features; all grids of a
            date together, for a rank is one among those that are given.
        params
            ``capacity``: how many grids can be attended to, 50 by default.

        Returns
        -------
        scores
            As :func:`riskwarn.score`.

        Raises
        ------
        DataError
            A date cannot be read or has no zone, a grid stands twice on a date, or a feature is missing.
        StaleDataError
            A date lies before the model's training ended.
        """
        panel = rows.assign(grid_id=rows["grid_id"].astype("str"), as_of=_instants(rows["as_of"]))
        if panel.duplicated([*KEYS]).any():
            twice = panel.loc[panel.duplicated([*KEYS]).idxmax()]
            raise DataError(f"grid {twice['grid_id']} stands twice on {twice['as_of']}; give one row for each.")
        scores = score(self.model, panel, capacity=int((params or {}).get("capacity", CAPACITY)))
        return scores.astype({"rank": "int64"})


def _instants(dates: pd.Series) -> pd.Series:
    """Dates as timestamps of one zone, whether they came as such or as text."""
    if isinstance(dates.dtype, pd.DatetimeTZDtype):
        return dates
    try:
        read = [pd.Timestamp(date) for date in dates]
    except (TypeError, ValueError):
        read = [pd.NaT]
    if any(pd.isna(date) or date.tzinfo is None for date in read):
        raise DataError(
            "as_of holds a date that cannot be read or has no zone; wanted such as 2025-03-03T00:00:00+08:00."
        )
    if len({date.utcoffset() for date in read}) > 1:
        read = [date.tz_convert("UTC") for date in read]
    return pd.Series(pd.DatetimeIndex(read), index=dates.index)


def _load_pyfunc(data_path: str) -> Scorer:
    """What MLflow calls with the folder of the bundle.

    Raises
    ------
    DataError
        The bundle is damaged.
    """
    return Scorer(RiskModel.load(data_path))


def signature_of(model: RiskModel) -> "ModelSignature":
    """Columns that go in and come out. The keys are of any type: MLflow's own instants know no zone, and its text no categories."""
    from mlflow.models import ModelSignature  # noqa: PLC0415
    from mlflow.types.schema import AnyType, ColSpec, ParamSchema, ParamSpec, Schema  # noqa: PLC0415

    keys = [ColSpec(AnyType(), name) for name in KEYS]
    read = [ColSpec("float", name) for name in model.feature_names]
    answered = [ColSpec(kind, name) for name, kind in _ANSWERS.items()]
    answered.insert(1, ColSpec(AnyType(), "as_of"))
    capacity = ParamSpec("capacity", "long", CAPACITY)
    return ModelSignature(Schema([*keys, *read]), Schema(answered), ParamSchema([capacity]))


def example_of(model: RiskModel, panel: Rows) -> pd.DataFrame:
    """A few rows of the panel's last date, as they would be asked: at the first night whose score sees none of the outcomes learnt."""
    last = panel[np.flatnonzero(panel.as_of == panel.as_of.max())[:_EXAMPLE_ROWS]]
    rows = pd.concat([last.keys[[*KEYS]], last.frame(model.feature_names).reset_index(drop=True)], axis=1)
    asked = pd.Timestamp(rows["as_of"].iloc[0]) + pd.Timedelta(days=model.label.wait_days)
    return rows.assign(grid_id=rows["grid_id"].astype("str"), as_of=asked.isoformat()).reset_index(drop=True)


def log_model(mlflow: Any, model: RiskModel, bundle: Path, panel: Rows) -> Any:
    """Log the bundle as a model of the active run; gives what MLflow knows of it."""
    return mlflow.pyfunc.log_model(
        name=model.label.name,
        loader_module=__name__,
        data_path=str(bundle),
        signature=signature_of(model),
        input_example=example_of(model, panel),
        pip_requirements=[f"riskwarn=={riskwarn.__version__}"],
        metadata={"model_version": model.version},
    )


def log_data(mlflow: Any, model: RiskModel, panel: Rows, digest: str) -> None:
    """Log what the model learnt from as an input of the active run: columns, digest and span, no row of it."""
    from mlflow.data.code_dataset_source import CodeDatasetSource  # noqa: PLC0415
    from mlflow.data.meta_dataset import MetaDataset  # noqa: PLC0415
    from mlflow.types.schema import ColSpec, Schema  # noqa: PLC0415

    span = {"rows": str(len(panel)), "first": str(panel.as_of.min()), "last": str(panel.as_of.max())}
    columns = Schema([ColSpec("float", name) for name in (*model.feature_names, "y")])
    source = CodeDatasetSource(tags={"data_digest": digest, **span})
    data = MetaDataset(source, name=f"{model.label.name} panel", digest=digest[:36], schema=columns)
    mlflow.log_input(data, context="training", tags=span)
