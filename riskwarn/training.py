"""Train a model on all that is settled, and log it."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from riskwarn import tracking
from riskwarn.audit import Apart
from riskwarn.backtesting import Report
from riskwarn.calling import checked
from riskwarn.datasheet import make_audit, make_datasheet
from riskwarn.experiment import Experiment
from riskwarn.explanation import model_card
from riskwarn.gate import gate
from riskwarn.history import History
from riskwarn.language import LANGUAGES, in_every_language, phrase
from riskwarn.model import RiskModel
from riskwarn.model.fitting import Grow
from riskwarn.panel import build_panel, check_panel, grids_in, grids_of, panel_digest, rows_on_disk
from riskwarn.rows import Rows
from riskwarn.store import Store


@checked
def train(
    experiment: Experiment,
    panel: pd.DataFrame | str | Path | Rows,
    *,
    report: Report | None = None,
    grids: pd.DataFrame | None = None,
    tracking_folder: str | Path = ".",
    data_digest: str = "",
    alias: str = tracking.CANDIDATE,
    datasheet: Mapping[str, Any] | None = None,
    records: Store | History | Apart | None = None,
    grow: Grow | None = None,
) -> RiskModel:
    """Train on every settled row, log the training to MLflow and register the model as ``@candidate``.

    Parameters
    ----------
    experiment
        What was asked.
    panel
        What :func:`riskwarn.build_panel` gave for it; or the folder that :func:`riskwarn.panel.write_panel` or
        :func:`riskwarn.distributed.write_blocks` wrote, from which the same model is learnt with no more than a part of it in memory; or its rows, where
        they are open (:func:`riskwarn.panel.rows_on_disk`).
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
    datasheet
        What :func:`riskwarn.datasheet.make_datasheet` says of the records; without it a hold stops the promotion (:mod:`riskwarn.holds`).
    records
        What the panel was cut from, of which the model is audited (:func:`riskwarn.datasheet.make_audit`) at the panel's last date; without them a
        hold stops the promotion likewise.
    grow
        What grows the trees, where that is not this machine (:meth:`RiskModel.fit`).

    Returns
    -------
    model
        Fitted, with its features, and its MLflow run in `facts`.

    Raises
    ------
    LabelError
        No settled outcome, one class only, or too few dates.
    DataError
        A panel on disk was made for another label.
    NotFoundError
        The tracker does not answer; nothing was fitted.
    """
    uri = tracking.default_uri(tracking_folder)
    tracking.check_answers(uri)
    with _opened(experiment, panel) as (rows, carried, digest):
        model = RiskModel.of(experiment).fit(rows, grids=carried if grids is None else grids, grow=grow)
        known_from = data_digest or digest()
        model.facts.update(_judged(report) | tracking.trained_from(experiment, known_from))
        model.facts.update(card=card_of(model, report), datasheet=datasheet and dict(datasheet))
        if records is not None:
            model.facts["audit"] = make_audit(model, experiment, report, records, as_of=rows.as_of.max())
        logged = tracking.log_training(
            model, experiment, rows, report=report, uri=uri, data_digest=known_from, alias=alias
        )
    tracking.keep(logged, tracking_folder, alias=alias)
    return logged


_Opened = tuple[Rows, pd.DataFrame | None, Callable[[], str]]


@contextmanager
def _opened(experiment: Experiment, panel: pd.DataFrame | str | Path | Rows) -> Iterator[_Opened]:
    """The rows of a panel, the grids it carries, and what tells its digest."""
    if isinstance(panel, Rows):
        check_panel(panel, experiment.features, experiment.label)
        yield panel, None, partial(_digest_of, panel)
        return
    if isinstance(panel, pd.DataFrame):
        hashed = partial(pd.util.hash_pandas_object, panel, index=False)
        yield Rows.of(panel), grids_of(panel), lambda: hashlib.sha256(hashed().to_numpy().tobytes()).hexdigest()
        return
    names = [f.name for f in experiment.features]
    with rows_on_disk(panel, names, dates=experiment.dates.index()) as rows:
        check_panel(rows, experiment.features, experiment.label)
        yield rows, grids_in(panel), partial(_digest_of, rows)


def _digest_of(rows: Rows) -> str:
    return hashlib.sha256(panel_digest(rows).encode()).hexdigest()


@checked
def described_panel(store: Store, experiment: Experiment) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The panel a model learns from, and the datasheet of it.

    Parameters
    ----------
    store
        The city.
    experiment
        What is asked.

    Returns
    -------
    panel, datasheet
        As :func:`riskwarn.build_panel` and :func:`riskwarn.datasheet.make_datasheet` give them.

    Raises
    ------
    StaleDataError, DataError, DefinitionError
        As :func:`riskwarn.build_panel`.
    NotFoundError
        The store holds no events.
    """
    digest = store.digest()
    history = History.load(store)
    panel = build_panel(history, experiment)
    label, features = experiment.label, experiment.features
    return panel, make_datasheet(store, history, panel, label=label, features=features, data_digest=digest)


@checked
def card_of(model: RiskModel, report: Report | None) -> dict[str, str]:
    """The card of a model in every language, as it is kept with its version.

    Parameters
    ----------
    model
        Fitted.
    report
        What :func:`riskwarn.backtest` found, where there is one.

    Returns
    -------
    card
        Markdown by language.
    """
    return {language: model_card(model, report, language=language) for language in LANGUAGES}


def _judged(report: Report | None) -> dict[str, Any]:
    if report is None:
        return {"gate": None, "gate_reason": in_every_language(phrase("not backtested")), "backtest": None}
    decision = gate(report)
    return {
        "gate": decision.passed,
        "gate_reason": in_every_language(decision.said),
        "backtest": report.table.round(4).to_dict("index"),
    }
