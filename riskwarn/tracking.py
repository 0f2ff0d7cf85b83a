"""The only module that knows MLflow: log a training, register the model, promote it, fetch it.

MLflow keeps the record; nothing is served from it. The bundle of a model that was trained or promoted is kept beside the store,
so a night needs neither MLflow nor a network.
"""

import dataclasses
import hashlib
import json
import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from riskwarn.backtesting import Report
from riskwarn.errors import GateError, NotFoundError
from riskwarn.experiment import Experiment
from riskwarn.gate import gate
from riskwarn.language import in_every_language
from riskwarn.model import RiskModel
from riskwarn.reporting import to_html
from riskwarn.tuning import Tuning

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION = "champion"
CANDIDATE = "candidate"
_BUNDLE = "riskwarn"
_URI = "MLFLOW_TRACKING_URI"


def default_uri(folder: str | Path = ".") -> str:
    """``MLFLOW_TRACKING_URI``, or a SQLite file in `folder`."""
    return os.environ.get(_URI) or f"sqlite:///{Path(folder).resolve() / 'mlflow.db'}"


def log_training(
    model: RiskModel, experiment: Experiment, panel: pd.DataFrame, *, report: Report | None, uri: str, data_digest: str
) -> RiskModel:
    """Log parameters, metrics, data digest, features and the model; register it under its target's name as ``@candidate``.

    Returns
    -------
    model
        The same model, knowing its run and version (`facts`: ``mlflow_run``, ``mlflow_version``, ``mlflow_uri``).
    """
    with _mlflow(uri) as mlflow:
        experiment_id = _experiment_id(mlflow, uri, experiment.name)
        with mlflow.start_run(experiment_id=experiment_id, run_name=f"{experiment.label.name} {model.version}") as run:
            mlflow.set_tags(
                {
                    "target": model.label.name,
                    "model_version": model.version,
                    "experiment_digest": experiment.digest,
                    "data_digest": data_digest,
                }
            )
            mlflow.log_params(_parameters(model, experiment))
            mlflow.log_metrics({"rows": float(len(panel)), "dispersion": model.calibration.dispersion})
            mlflow.log_text(experiment.text, "experiment.toml")
            mlflow.log_dict({"features": [f.to_dict() for f in model.features]}, "features.json")
            mlflow.log_dict(_grid_counts(panel), "data.json")
            if report is not None:
                _log_report(mlflow, report)
            with tempfile.TemporaryDirectory() as folder:
                mlflow.log_artifacts(str(model.save(folder)), _BUNDLE)
            version = _register(mlflow, model, run.info.run_id)
    return dataclasses.replace(
        model, facts={**model.facts, "mlflow_run": run.info.run_id, "mlflow_version": version, "mlflow_uri": uri}
    )


def log_tuning(tuning: Tuning, experiment: Experiment, *, uri: str) -> str:
    """Log a search: the settings found, the metric as declared and at best, every trial. Returns the run's id."""
    with _mlflow(uri) as mlflow:
        experiment_id = _experiment_id(mlflow, uri, experiment.name)
        with mlflow.start_run(experiment_id=experiment_id, run_name=f"{experiment.label.name} tuning") as run:
            mlflow.set_tags({"target": experiment.label.name, "experiment_digest": experiment.digest, "kind": "tuning"})
            mlflow.log_params({f"model.{k}": v for k, v in vars(tuning.settings).items()})
            mlflow.log_metrics(
                {
                    f"declared.{tuning.metric}": tuning.declared,
                    f"best.{tuning.metric}": tuning.best,
                    "trials": float(len(tuning.trials)),
                }
            )
            mlflow.log_text(tuning.toml, "model.toml")
            mlflow.log_text(tuning.trials.to_csv(), "trials.csv")
            return str(run.info.run_id)


def promote(target: str, *, uri: str, version: str | None = None, folder: str | Path | None = None) -> str:
    """Give ``@champion`` to a version of the model (the candidate by default), if the gate passed when it was trained.

    Raises
    ------
    NotFoundError
        No such model or version.
    GateError
        The model was not backtested, or did not beat the best baseline; the message says by how much.
    """
    _check_there(uri, target)
    with _mlflow(uri) as mlflow:
        client = mlflow.MlflowClient()
        chosen = _version(client, target, version or CANDIDATE)
        tags = client.get_run(chosen.run_id).data.tags
        if tags.get("gate") != "passed":
            why = tags.get("gate_reason", "it was not backtested; train it with a report")
            raise GateError(f"model {target!r} version {chosen.version} keeps out of @{CHAMPION}: {why}.")
        client.set_registered_model_alias(target, CHAMPION, chosen.version)
    if folder is not None:
        keep(fetch(target, uri=uri), folder, alias=CHAMPION)
    return str(chosen.version)


def keep(model: RiskModel, folder: str | Path, *, alias: str) -> Path:
    """Keep the bundle of a model under ``folder/models`` and let the alias point to it.

    The alias is a link that is replaced in one step: a night finds the model that held it or the one that holds it, never none.
    The bundle it pointed to before stays until the next one comes.
    """
    place = Path(folder) / "models" / model.label.name
    partial = place / f".{alias}.{os.getpid()}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    model.facts["alias"] = alias
    model.save(partial)
    bundle = place / f".{alias}-{hashlib.sha256((partial / 'SHA256SUMS').read_bytes()).hexdigest()[:16]}"
    if bundle.exists():
        shutil.rmtree(partial)
    else:
        partial.rename(bundle)
    before = (place / alias).resolve()
    link = place / f".{alias}.{os.getpid()}.link"
    link.unlink(missing_ok=True)
    link.symlink_to(bundle.name)
    link.replace(place / alias)
    for old in place.glob(f".{alias}-*"):
        if old not in {bundle, before}:
            shutil.rmtree(old, ignore_errors=True)
    return place / alias


def kept(folder: str | Path, target: str, *, alias: str) -> RiskModel | None:
    """The bundle kept for an alias, none where there is none.

    Raises
    ------
    DataError
        The bundle is damaged.
    """
    place = Path(folder) / "models" / target / alias
    return RiskModel.load(place) if place.exists() else None


def kept_targets(folder: str | Path) -> list[str]:
    """Names of the labels with a kept model."""
    place = Path(folder) / "models"
    return sorted(p.name for p in place.iterdir()) if place.exists() else []


def fetch(target: str, *, uri: str, alias: str = CHAMPION) -> RiskModel:
    """The model that holds `alias`.

    Raises
    ------
    NotFoundError
        No such model, or none holds the alias.
    DataError
        The bundle is damaged.
    """
    _check_there(uri, target)
    with _mlflow(uri) as mlflow:
        chosen = _version(mlflow.MlflowClient(), target, alias)
        with tempfile.TemporaryDirectory() as folder:
            bundle = mlflow.artifacts.download_artifacts(run_id=chosen.run_id, artifact_path=_BUNDLE, dst_path=folder)
            model = RiskModel.load(bundle)
    model.facts.update(
        {"mlflow_run": chosen.run_id, "mlflow_version": str(chosen.version), "mlflow_uri": uri, "alias": alias}
    )
    return model


def _check_there(uri: str, target: str) -> None:
    """Asking an SQLite file that does not exist would make it, and take ten seconds to find nothing."""
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        raise NotFoundError(f"no model {target!r}: {uri} does not exist; train one with `riskwarn train`.")


@contextmanager
def _mlflow(uri: str) -> Iterator[Any]:
    """MLflow set to `uri`, quiet, and left as it was found: it keeps the URI in the environment too."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    before = os.environ.get(_URI)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow  # noqa: PLC0415

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        mlflow.set_tracking_uri(uri)
        try:
            yield mlflow
        finally:
            mlflow.set_tracking_uri(before)
            os.environ.pop(_URI, None)
            if before is not None:
                os.environ[_URI] = before


def _experiment_id(mlflow: Any, uri: str, name: str) -> str:
    found = mlflow.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    beside = Path(uri.removeprefix("sqlite:///")).parent / "mlartifacts" if uri.startswith("sqlite:///") else None
    return str(mlflow.create_experiment(name, artifact_location=beside.as_uri() if beside else None))


def _parameters(model: RiskModel, experiment: Experiment) -> dict[str, Any]:
    settings = {f"model.{k}": v for k, v in vars(model.settings).items()}
    label = {
        "label.name": model.label.name,
        "label.days": model.label.days,
        "label.settle_days": model.label.settle_days,
    }
    return {
        "question": experiment.question,
        "groups": " ".join(experiment.groups),
        "n_features": len(model.features),
        **label,
        **settings,
    }


def _grid_counts(panel: pd.DataFrame) -> dict[str, Any]:
    return {
        "rows": len(panel), "grids": int(panel["grid_id"].nunique()), "first": str(panel["as_of"].min()), "last": str(panel["as_of"].max()),
        "columns": [str(c) for c in panel.columns],
    }  # fmt: skip


def _log_report(mlflow: Any, report: Report) -> None:
    for name, row in report.table.iterrows():
        prefix = str(name).replace(" ", "_")
        mlflow.log_metrics({f"{prefix}.{metric}": float(value) for metric, value in row.items()})
    decision = gate(report)
    mlflow.set_tags({"gate": "passed" if decision.passed else "refused", "gate_reason": decision.reason})
    mlflow.log_text(repr(decision), "gate.txt")
    mlflow.log_text(repr(report), "backtest.txt")
    mlflow.log_text(to_html(report), "backtest.html")


def _register(mlflow: Any, model: RiskModel, run_id: str) -> str:
    client = mlflow.MlflowClient()
    name = model.label.name
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(
            name, description=json.dumps(in_every_language(model.label.words), ensure_ascii=False)
        )
    source = f"{client.get_run(run_id).info.artifact_uri}/{_BUNDLE}"
    version = client.create_model_version(name, source, run_id)
    client.set_registered_model_alias(name, CANDIDATE, version.version)
    return str(version.version)


def _version(client: "MlflowClient", target: str, wanted: str) -> Any:
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    try:
        if wanted.isdigit():
            return client.get_model_version(target, wanted)
        return client.get_model_version_by_alias(target, wanted)
    except MlflowException:
        raise NotFoundError(
            f"no model {target!r} with {'version ' if wanted.isdigit() else '@'}{wanted} is registered; train one with `riskwarn train`, then `riskwarn promote`."
        ) from None
