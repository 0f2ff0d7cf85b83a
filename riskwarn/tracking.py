"""The only module that knows MLflow: log a training, register the model, promote it, fetch it.

MLflow keeps the record; nothing is served from it. The bundle of a model that was trained or promoted is kept beside the store,
so a night needs neither MLflow nor a network.
"""

import dataclasses
import hashlib
import hmac
import json
import logging
import os
import shutil
import socket
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit
from urllib.request import urlopen

import pandas as pd

from riskwarn.backtesting import Report
from riskwarn.calling import checked
from riskwarn.errors import DataError, GateError, NotFoundError
from riskwarn.experiment import Experiment
from riskwarn.gate import gate
from riskwarn.language import in_every_language
from riskwarn.model import FILES, SUMS, RiskModel
from riskwarn.reporting import to_html
from riskwarn.store import signature
from riskwarn.store.pointer import point, pointed
from riskwarn.tuning import Tuning

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION = "champion"
CANDIDATE = "candidate"
_BUNDLE = "riskwarn"
_URI = "MLFLOW_TRACKING_URI"
_SIGNATURE = "SIGNATURE"
_SQLITE = "sqlite:///"
_SECONDS = 2
"""How long a tracker may take to answer anything at all; a call then has as long again."""
_NO_SUCH = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""What MLflow says of a model, version or alias that is not registered; any other refusal is not about the model."""


@checked
def default_uri(folder: str | Path = ".") -> str:
    """``MLFLOW_TRACKING_URI``, or a SQLite file in `folder`, whatever characters its path has.

    Parameters
    ----------
    folder
        Where the SQLite file lies.

    Returns
    -------
    uri
        For MLflow.
    """
    return os.environ.get(_URI) or _SQLITE + _written(Path(folder).resolve() / "mlflow.db")


def _written(file: Path) -> str:
    """A path as it stands in an address, which SQLAlchemy decodes; only what it would take for something else is coded."""
    return "".join(quote(c) if c in "%?#" else c for c in str(file))


@checked
def sqlite_file(uri: str) -> Path | None:
    """The file of an SQLite address, none for any other tracker.

    Parameters
    ----------
    uri
        Of a tracker.

    Returns
    -------
    file
        Whether it exists or not.

    Examples
    --------
    >>> sqlite_file(default_uri("/data/50%?")).parent.name
    '50%?'
    """
    return Path(unquote(uri.removeprefix(_SQLITE))) if uri.startswith(_SQLITE) else None


@checked
def log_training(
    model: RiskModel, experiment: Experiment, panel: pd.DataFrame, *, report: Report | None, uri: str, data_digest: str
) -> RiskModel:
    """Log parameters, metrics, data digest, features and the model; register it under its target's name as ``@candidate``.

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


@checked
def promote(target: str, *, uri: str, version: str | None = None, folder: str | Path | None = None) -> str:
    """Give ``@champion`` to a version of the model (the candidate by default), if the gate passed when it was trained.

    Parameters
    ----------
    target
        Name of the label.
    uri
        Of MLflow.
    version
        Number of the version; the candidate by default.
    folder
        Where the champion's bundle is kept as well, if given.

    Returns
    -------
    version
        That holds the alias now.

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


@checked
def keep(model: RiskModel, folder: str | Path, *, alias: str) -> Path:
    """Keep the bundle of a model under ``folder/models`` and let the alias point to it.

    The alias is a file that names the bundle and is replaced in one step: a night finds the model that held it or the one that holds
    it, never none. The bundle it named before stays until the next one comes. A bundle is signed with the folder's key.

    Parameters
    ----------
    model
        Fitted.
    folder
        Of the store.
    alias
        ``champion`` or ``candidate``.

    Returns
    -------
    bundle
        Its folder.
    """
    place = Path(folder) / "models" / model.label.name
    partial = place / f".{alias}.{os.getpid()}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    model.facts["alias"] = alias
    model.save(partial)
    sums = (partial / SUMS).read_bytes()
    signed = signature(Path(folder), sums)
    (partial / _SIGNATURE).write_text(signed, "utf-8")
    bundle = place / f".{alias}-{hashlib.sha256(sums + signed.encode()).hexdigest()[:16]}"
    if _is_same(bundle, partial):
        shutil.rmtree(partial)
    else:
        shutil.rmtree(bundle, ignore_errors=True)
        partial.rename(bundle)
    before = _bundle(place, alias)
    point(place / alias, bundle.name)
    for old in place.glob(f".{alias}-*"):
        if old not in {bundle, before}:
            shutil.rmtree(old, ignore_errors=True)
    return bundle


def _is_same(bundle: Path, new: Path) -> bool:
    """Whether a bundle is there already, whole and as the new one."""
    names = (SUMS, _SIGNATURE, *FILES)
    return all((bundle / n).is_file() and (bundle / n).read_bytes() == (new / n).read_bytes() for n in names)


def _bundle(place: Path, alias: str) -> Path | None:
    """The bundle an alias names, none where it names none."""
    if not os.path.lexists(place / alias):
        return None
    name = pointed(place / alias)
    if name is None:
        raise DataError(f"{place / alias} is damaged: it names no bundle beside it; promote or train the model again.")
    return place / name


@checked
def kept(folder: str | Path, target: str, *, alias: str) -> RiskModel | None:
    """The bundle kept for an alias, none where there is none.

    Parameters
    ----------
    folder
        Of the store.
    target
        Name of the label.
    alias
        ``champion`` or ``candidate``.

    Returns
    -------
    model
        Its digest and signature have been checked.

    Raises
    ------
    DataError
        The bundle is damaged, or is not signed with the folder's key.
    """
    bundle = _bundle(Path(folder) / "models" / target, alias)
    if bundle is None:
        return None
    missing = next((name for name in (SUMS, _SIGNATURE) if not (bundle / name).is_file()), None)
    if missing is not None:
        raise DataError(
            f"the model in {bundle} is damaged or was swapped: {missing} is missing. Promote or train it again."
        )
    signed = signature(Path(folder), (bundle / SUMS).read_bytes())
    if not hmac.compare_digest(signed.encode(), (bundle / _SIGNATURE).read_bytes()):
        raise DataError(
            f"the model in {bundle} is damaged or was swapped: it is not signed with the key of {folder}. Promote or train it again."
        )
    return RiskModel.load(bundle, trusted=True)


@checked
def kept_targets(folder: str | Path) -> list[str]:
    """Names of the labels with a kept model.

    Parameters
    ----------
    folder
        Of the store.

    Returns
    -------
    targets
        In order.
    """
    place = Path(folder) / "models"
    return sorted(p.name for p in place.iterdir()) if place.exists() else []


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
    file = sqlite_file(uri)
    if file is not None and not file.exists():
        raise NotFoundError(f"no model {target!r}: {file} does not exist; train one with `riskwarn train`.")


@checked
def check_answers(uri: str) -> None:
    """Refuse a tracker on the network that nobody answers for, before MLflow waits for it.

    Parameters
    ----------
    uri
        Of MLflow; a file always answers.

    Raises
    ------
    NotFoundError
        It does not answer within two seconds.
    """
    address = urlsplit(uri)
    if address.hostname is None:
        return
    port = address.port or {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306}.get(
        address.scheme.split("+")[0], 443
    )
    answers: list[bool] = []

    def ask() -> None:
        with suppress(OSError), socket.create_connection((address.hostname, port), timeout=_SECONDS) as line:
            if address.scheme in {"http", "https"}:
                line.close()
                with urlopen(f"{uri.rstrip('/')}/health", timeout=_SECONDS):  # noqa: S310 - the operator's own address
                    pass
            answers.append(True)

    # a name server or a server that sends a byte now and then cannot be timed out; a thread that is left behind can
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_SECONDS)
    if not answers:
        raise NotFoundError(
            f"the tracker {_shown(uri)} does not answer within {_SECONDS} s; start it, or mend {_URI}. Kept models and nights need no tracker."
        )


def _shown(uri: str) -> str:
    """An address without the password in it."""
    address = urlsplit(uri)
    return uri if address.password is None else uri.replace(f":{address.password}@", ":…@")


def _strays(uri: str) -> list[Path]:
    """Folders that MLflow would make and leave empty, innermost first: of an SQLite address it makes the folder as it is written."""
    file = sqlite_file(uri)
    if file is None or file == Path(uri.removeprefix(_SQLITE)):
        return []
    return [folder for folder in Path(uri.removeprefix(_SQLITE)).parents if not folder.exists()]


@contextmanager
def _mlflow(uri: str) -> Iterator[Any]:
    """MLflow set to `uri`, quiet, and left as it was found: it keeps the URI in the environment too.

    Raises
    ------
    NotFoundError
        The tracker does not answer, or not in time.
    """
    check_answers(uri)
    # MLflow tries for minutes of its own accord
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"], os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = str(_SECONDS), "0"
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    before = os.environ.get(_URI)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow  # noqa: PLC0415
        from google.protobuf.json_format import ParseError  # noqa: PLC0415

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        mlflow.set_tracking_uri(uri)
        strays = _strays(uri)
        try:
            yield mlflow
        except (mlflow.exceptions.MlflowException, ParseError) as error:
            raise NotFoundError(f"the tracker {_shown(uri)} refused: {str(error).splitlines()[0][:200]}") from None
        finally:
            for stray in strays:
                with suppress(OSError):
                    stray.rmdir()
            mlflow.set_tracking_uri(before)
            os.environ.pop(_URI, None)
            if before is not None:
                os.environ[_URI] = before


def _experiment_id(mlflow: Any, uri: str, name: str) -> str:
    experiment = mlflow.get_experiment_by_name(name)
    if experiment is not None:
        return str(experiment.experiment_id)
    file = sqlite_file(uri)
    beside = None if file is None else (file.parent / "mlartifacts").as_uri()
    return str(mlflow.create_experiment(name, artifact_location=beside))


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
        "rows": len(panel),
        "grids": int(panel["grid_id"].nunique()),
        "first": str(panel["as_of"].min()),
        "last": str(panel["as_of"].max()),
        "columns": [str(c) for c in panel.columns],
    }


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
    except MlflowException as error:
        if error.error_code not in _NO_SUCH:  # it did not say that there is none
            raise
        raise NotFoundError(
            f"no model {target!r} with {'version ' if wanted.isdigit() else '@'}{wanted} is registered; train one with `riskwarn train`, then `riskwarn promote`."
        ) from None
