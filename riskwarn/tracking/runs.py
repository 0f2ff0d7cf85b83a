"""What MLflow records: trainings and searches logged, models registered, promoted and fetched."""

import dataclasses
import json
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from riskwarn import __version__
from riskwarn.audit import OWN
from riskwarn.backtesting import Report
from riskwarn.calling import checked
from riskwarn.datasheet import lacking, paper_of, unread
from riskwarn.errors import DefinitionError, GateError, NotFoundError, did_you_mean
from riskwarn.experiment import Experiment, ModelSettings
from riskwarn.feature import Feature
from riskwarn.gate import gate
from riskwarn.label import Label
from riskwarn.language import LANGUAGES, SOURCE_LANGUAGE, in_every_language
from riskwarn.model import RiskModel, check_golden
from riskwarn.purpose import DEFAULT
from riskwarn.reporting import to_html
from riskwarn.rows import Rows
from riskwarn.tracking import flavour
from riskwarn.tracking.bundles import CANDIDATE, CHAMPION, keep
from riskwarn.tracking.server import check_there, connected, sqlite_file
from riskwarn.tuning import Tuning

if TYPE_CHECKING:
    from mlflow import MlflowClient

_BUNDLE = "riskwarn"
_PAPERS = {"card": "model_card", "datasheet": "datasheet", "audit": "audit"}
"""Names of the files of a run."""
HOLDS_OF_PAPERS = ("papers", "audit")
_NO_SUCH = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""What MLflow says of a model, version or alias that is not registered; any other refusal is not about the model."""


@checked
def log_training(
    model: RiskModel,
    experiment: Experiment,
    panel: pd.DataFrame | Rows,
    *,
    report: Report | None,
    uri: str,
    data_digest: str,
    alias: str = CANDIDATE,
) -> RiskModel:
    """Log parameters, metrics, what was learnt from, features and the model; register it under its target's name as ``@candidate``.

    It is a model of MLflow's own, with its columns and an example: ``mlflow.pyfunc.load_model`` and ``mlflow models serve`` give the
    scores of a night for the rows of its panel (:mod:`riskwarn.tracking.flavour`).

    Parameters
    ----------
    model, experiment, panel
        Fitted, what was asked, and what it learnt from.
    report
        What :func:`riskwarn.backtest` found; without it the version cannot be promoted.
    uri
        Of MLflow.
    data_digest
        Digest of what the panel came from.
    alias
        Which the version gets: ``candidate``, or ``challenger``.

    Returns
    -------
    model
        The same model, knowing its run and version (`facts`: ``mlflow_run``, ``mlflow_version``, ``mlflow_uri``).
    """
    rows = Rows.of(panel)
    with connected(uri) as mlflow, _started(mlflow, experiment, model.version, uri=uri) as run:
        mlflow.set_tags(_asked(experiment) | {"model_version": model.version, "data_digest": data_digest})
        mlflow.log_params(_parameters(experiment, model.label, model.settings, model.features))
        mlflow.log_metrics({"rows": float(len(rows)), "dispersion": model.calibration.dispersion})
        mlflow.log_text(experiment.text, "experiment.toml")
        mlflow.log_dict({"features": [f.to_dict() for f in model.features]}, "features.json")
        mlflow.log_dict(_grid_counts(rows, model.feature_names), "data.json")
        _log_papers(mlflow, model)
        if report is not None:
            _log_report(mlflow, report)
        flavour.log_data(mlflow, model, rows, data_digest)
        with tempfile.TemporaryDirectory() as folder:
            logged = flavour.log_model(mlflow, model, model.save(Path(folder) / _BUNDLE), rows)
        version = _register(mlflow, model, run.info.run_id, logged, alias)
    return dataclasses.replace(
        model, facts={**model.facts, "mlflow_run": run.info.run_id, "mlflow_version": version, "mlflow_uri": uri}
    )


@checked
def log_tuning(tuning: Tuning, experiment: Experiment, *, uri: str) -> str:
    """Log a search: the settings found, the metric as declared and at best, every trial.

    Parameters
    ----------
    tuning
        What a search found.
    experiment
        What was asked.
    uri
        Of the tracker.

    Returns
    -------
    run_id
        Of the run in MLflow.
    """
    with _into(experiment, "tuning", uri=uri) as (mlflow, run):
        mlflow.set_tags(_asked(experiment) | {"kind": "tuning"})
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


@checked
def log_backtest(report: Report, panel: pd.DataFrame | Rows, *, uri: str) -> str:
    """Log a backtest: what was asked, each rival's metrics, the gate's word, the report; no model.

    Parameters
    ----------
    report
        What :func:`riskwarn.backtest` found.
    panel
        What it was found on, at hand or rows of a panel on disk.
    uri
        Of the tracker. A run that is active in this process takes it in, wherever that is.

    Returns
    -------
    run_id
        Of the run in MLflow: the active one, else one of its own.
    """
    experiment = report.experiment
    with _into(experiment, "backtest", uri=uri) as (mlflow, run):
        mlflow.set_tags(_asked(experiment) | {"kind": f"backtest {report.split}"})
        mlflow.log_params(_parameters(experiment, experiment.label, experiment.model, experiment.features))
        mlflow.log_text(experiment.text, "experiment.toml")
        mlflow.log_dict(_grid_counts(Rows.of(panel), [f.name for f in experiment.columns]), "data.json")
        _log_report(mlflow, report)
        return str(run.info.run_id)


@checked
def promote(
    target: str,
    *,
    uri: str,
    version: str | None = None,
    folder: str | Path | None = None,
    holds: Collection[str] = HOLDS_OF_PAPERS,
) -> str:
    """Give ``@champion`` to a version of the model (the candidate by default), if the gate passed when it was trained and its papers hold it not.

    A plan says which holds stop a promotion, and somebody may have released one: :func:`riskwarn.holds.promote` looks at them all.

    Parameters
    ----------
    target
        Name of the label.
    uri
        Of MLflow.
    version
        Number of the version, or its alias; the candidate by default.
    folder
        Where the champion's bundle is kept as well, if given.
    holds
        Which of the holds of its papers stop it (:func:`riskwarn.datasheet.unread`); none where they were looked at before.

    Returns
    -------
    version
        That holds the alias now.

    Raises
    ------
    NotFoundError
        No such model or version.
    DefinitionError
        One of `holds` is none.
    GateError
        The model was not backtested, or did not beat the best baseline, and the message says by how much; or a paper is missing, or has something
        in it that somebody has to read first.
    DataError
        The bundle is damaged, ends the process that tries it, or scores the rows kept with it otherwise than when it was trained.
    """
    _check_holds(holds)
    check_there(uri, target)
    with connected(uri) as mlflow:
        client = mlflow.MlflowClient()
        chosen = _version(client, target, version or CANDIDATE)
        tags = client.get_run(chosen.run_id).data.tags
        if tags.get("gate") != "passed":
            why = tags.get("gate_reason", "it was not backtested; train it with a report")
            raise GateError(
                f"model {target!r} version {chosen.version} keeps out of @{CHAMPION}: {why}. Train a better one; where none beats the count, "
                f"`riskwarn promote {target} --baseline …` puts the count in use."
            )
    model = fetch(target, uri=uri, alias=str(chosen.version))
    for hold, said in unread(model.facts | {"gate": True}, target=target, version=model.version):
        if hold in holds:
            raise GateError(
                f"a hold stops the promotion of {target}: {hold}: {said} Release it and use `riskwarn promote`."
            )
    with tempfile.TemporaryDirectory() as place:
        check_golden(model.save(place))
    with connected(uri) as mlflow:
        client = mlflow.MlflowClient()
        client.set_registered_model_alias(target, CHAMPION, chosen.version)
    if folder is not None:
        keep(model, folder, alias=CHAMPION)
    return str(chosen.version)


def _check_holds(holds: Collection[str]) -> None:
    """A name that is no hold would stop nothing, and nobody would know."""
    for name in (holds,) if isinstance(holds, str) else holds:
        if name not in HOLDS_OF_PAPERS:
            wanted = ", ".join(HOLDS_OF_PAPERS)
            raise DefinitionError(
                f"holds of a model's papers are {wanted}, got {name!r}{did_you_mean(name, HOLDS_OF_PAPERS)}; name some of them, or () for none."
            )


@checked
def fetch(target: str, *, uri: str, alias: str = CHAMPION) -> RiskModel:
    """The model that holds `alias`.

    Parameters
    ----------
    target
        Name of the label.
    uri
        Of the tracker.
    alias
        ``champion`` or ``candidate``.

    Returns
    -------
    model
        Its facts name the run and version it came from.

    Raises
    ------
    NotFoundError
        No such model, or none holds the alias.
    DataError
        The bundle is damaged.
    """
    check_there(uri, target)
    with connected(uri) as mlflow:
        chosen = _version(mlflow.MlflowClient(), target, alias)
        with tempfile.TemporaryDirectory() as folder:
            uri_of_version = f"models:/{target}/{chosen.version}"
            fetched = Path(mlflow.artifacts.download_artifacts(artifact_uri=uri_of_version, dst_path=folder))
            bundle = fetched / "data" / _BUNDLE
            # versions of before were bare bundles
            model = RiskModel.load(bundle if bundle.is_dir() else fetched)
    model.facts.update(
        {"mlflow_run": chosen.run_id, "mlflow_version": str(chosen.version), "mlflow_uri": uri, "alias": alias}
    )
    return model


@checked
def trained_from(experiment: Experiment, data_digest: str) -> dict[str, str]:
    """What decides a training, and what for: two of equal digests and code give the same model.

    Parameters
    ----------
    experiment
        What was asked.
    data_digest
        Of the store.

    Returns
    -------
    facts
        As they stand in the model's facts.
    """
    digests = {"experiment_digest": experiment.digest, "data_digest": data_digest}
    return {**digests, "code": __version__, "purpose": experiment.purpose}


@checked
def trained_as(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a model that was trained: what decided it, and what for.

    Parameters
    ----------
    facts
        Of the model.

    Returns
    -------
    facts
        Those of :func:`trained_from`; a model that says no purpose is for the one of an experiment that names none.

    Examples
    --------
    >>> trained_as({"data_digest": "3f9c"})["purpose"]
    'service'
    """
    told = {name: facts.get(name) for name in ("experiment_digest", "data_digest", "code")}
    return {**told, "purpose": facts.get("purpose") or DEFAULT}


def _asked(experiment: Experiment) -> dict[str, str]:
    """Tags that every run has: what was asked, and what for."""
    digest = experiment.digest
    return {"target": experiment.label.name, "purpose": experiment.purpose, "experiment_digest": digest}


def _experiment_id(mlflow: Any, uri: str, name: str) -> str:
    experiment = mlflow.get_experiment_by_name(name)
    if experiment is not None:
        return str(experiment.experiment_id)
    file = sqlite_file(uri)
    beside = None if file is None else (file.parent / "mlartifacts").as_uri()
    return str(mlflow.create_experiment(name, artifact_location=beside))


@contextmanager
def _started(mlflow: Any, experiment: Experiment, what: str, *, uri: str) -> Iterator[Any]:
    """A run of its own, within one that is active where there is one."""
    experiment_id = _experiment_id(mlflow, uri, experiment.name)
    name = f"{experiment.label.name} {what}"
    with mlflow.start_run(experiment_id=experiment_id, run_name=name, nested=mlflow.active_run() is not None) as run:
        yield run


@contextmanager
def _into(experiment: Experiment, what: str, *, uri: str) -> Iterator[tuple[Any, Any]]:
    """MLflow and the run that is active in this process, as whoever began it has set them; if that holds something already, one within it; else a run of its own."""
    mlflow = sys.modules.get("mlflow")
    active = None if mlflow is None else mlflow.active_run()
    if mlflow is None or active is None:
        with connected(uri) as tracker, _started(tracker, experiment, what, uri=uri) as run:
            yield tracker, run
        return
    try:
        if "kind" not in mlflow.get_run(active.info.run_id).data.tags:
            yield mlflow, active
            return
        with mlflow.start_run(run_name=f"{experiment.label.name} {what}", nested=True) as run:
            yield mlflow, run
    except mlflow.exceptions.MlflowException as error:
        raise NotFoundError(f"the tracker refused: {str(error).splitlines()[0][:200]}") from None


def _parameters(
    experiment: Experiment, label: Label, settings: ModelSettings, features: tuple[Feature, ...]
) -> dict[str, Any]:
    return {
        "question": experiment.question,
        "groups": " ".join(experiment.groups),
        "n_features": len(features),
        "label.name": label.name,
        "label.days": label.days,
        "label.settle_days": label.settle_days,
        **{f"model.{k}": v for k, v in vars(settings).items()},
    }


def _grid_counts(rows: Rows, names: Sequence[str]) -> dict[str, Any]:
    """How large a panel is and what is read of it, the same wherever it lies."""
    return {
        "rows": len(rows),
        "grids": int(rows.keys["grid_id"].nunique()),
        "first": str(rows.as_of.min()),
        "last": str(rows.as_of.max()),
        "columns": ["grid_id", "as_of", *names, "y"],
    }


def _log_report(mlflow: Any, report: Report) -> None:
    for name, row in report.table.iterrows():
        prefix = str(name).replace(" ", "_")
        mlflow.log_metrics({f"{prefix}.{metric}": float(value) for metric, value in row.items()})
    if OWN in report.table.index and report.baselines:  # others' models, or ours alone, ask nothing of the gate
        decision = gate(report)
        mlflow.set_tags({"gate": "passed" if decision.passed else "refused", "gate_reason": decision.reason})
        mlflow.log_text(repr(decision), "gate.txt")
    mlflow.log_text(repr(report), "backtest.txt")
    mlflow.log_text(to_html(report), "backtest.html")


def _log_papers(mlflow: Any, model: RiskModel) -> None:
    """Card, datasheet and audit in every language, as far as the model has them: in English under the bare name."""
    for paper in set(_PAPERS) - set(lacking(model.facts)):
        for language in LANGUAGES:
            ending = ".md" if language == SOURCE_LANGUAGE else f".{language}.md"
            text = paper_of(model.facts, paper, target=model.label.name, version=model.version, language=language)
            mlflow.log_text(text, f"{_PAPERS[paper]}{ending}")


def _register(mlflow: Any, model: RiskModel, run_id: str, logged: Any, alias: str) -> str:
    client = mlflow.MlflowClient()
    name = model.label.name
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(
            name, description=json.dumps(in_every_language(model.label.words), ensure_ascii=False)
        )
    version = client.create_model_version(name, logged.model_uri, run_id, model_id=logged.model_id)
    client.set_registered_model_alias(name, alias, version.version)
    return str(version.version)


def _version(client: "MlflowClient", target: str, wanted: str) -> Any:
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    try:
        if wanted.isdigit():
            return client.get_model_version(target, wanted)
        return client.get_model_version_by_alias(target, wanted)
    except MlflowException as error:
        if error.error_code not in _NO_SUCH:  # it did not say that there is none
            raise
        raise NotFoundError(
            f"no model {target!r} with {'version ' if wanted.isdigit() else '@'}{wanted} is registered; train one with `riskwarn train`, then `riskwarn promote`."
        ) from None
