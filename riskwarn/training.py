"""Train a model on all that is settled, and log it."""

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd

from riskwarn import tracking
from riskwarn.backtesting import Report
from riskwarn.calling import checked
from riskwarn.experiment import Experiment
from riskwarn.gate import gate
from riskwarn.language import in_every_language, phrase
from riskwarn.model import RiskModel


@checked
def train(
    experiment: Experiment,
    panel: pd.DataFrame,
    *,
    report: Report | None = None,
    grids: pd.DataFrame | None = None,
    tracking_folder: str | Path = ".",
    data_digest: str = "",
    alias: str = tracking.CANDIDATE,
) -> RiskModel:
    """Train on every settled row, log the training to MLflow and register the model as ``@candidate``.

    Parameters
    ----------
    experiment
        What was asked.
    panel
        What :func:`riskwarn.build_panel` gave for it.
    report
        What :func:`riskwarn.backtest` found. Without it the model cannot be promoted: nothing says that it beats a count.
    grids
        Table `grids`, of which the model learns what larger areas share (:meth:`riskwarn.RiskModel.totals`); what the panel carries by
        default.
    tracking_folder
        Where MLflow's SQLite file and artifacts lie; ``MLFLOW_TRACKING_URI`` goes before it.
    data_digest
        Digest of the store the panel came from; of the panel itself where none is given.
    alias
        Under which it is registered and kept: ``candidate``, or ``challenger``.

    Returns
    -------
    model
        Fitted, with its features, and its MLflow run in `facts`.

    Raises
    ------
    LabelError
        No settled outcome, one class only, or too few dates.
    """
    model = RiskModel.of(experiment).fit(panel, grids=grids)
    digest = (
        data_digest or hashlib.sha256(pd.util.hash_pandas_object(panel, index=False).to_numpy().tobytes()).hexdigest()
    )
    model.facts.update(_judged(report) | tracking.trained_from(experiment, digest))
    uri = tracking.default_uri(tracking_folder)
    logged = tracking.log_training(model, experiment, panel, report=report, uri=uri, data_digest=digest, alias=alias)
    tracking.keep(logged, tracking_folder, alias=alias)
    return logged


def _judged(report: Report | None) -> dict[str, Any]:
    if report is None:
        return {"gate": None, "gate_reason": in_every_language(phrase("not backtested")), "backtest": None}
    decision = gate(report)
    return {
        "gate": decision.passed,
        "gate_reason": in_every_language(decision.said),
        "backtest": report.table.round(4).to_dict("index"),
    }
