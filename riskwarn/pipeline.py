"""What joins the others: score a night, explain it, find its gaps, raise its alerts, look at its monitors, publish."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

import riskwarn
from riskwarn import degraded, holds, monitoring, register, shadow, tracking
from riskwarn.alerting import filled
from riskwarn.answer import Answer, answers, beside, levelled, model_of, reasons_of
from riskwarn.calling import checked
from riskwarn.errors import DataError, NotFoundError
from riskwarn.explanation import in_words, serious_events, tide_facts, words_of_features
from riskwarn.feature import Feature
from riskwarn.gaps import Evidence, find_gaps
from riskwarn.gaps.calendar import Workdays, workdays
from riskwarn.gaps.states import feed_states
from riskwarn.history import History
from riskwarn.history.memory import give_back
from riskwarn.lane import Listed, Memory, list_night, triggered
from riskwarn.lane import Night as LaneNight
from riskwarn.lane.lasting import KEPT_NIGHTS
from riskwarn.language import in_every_language
from riskwarn.maturity import matured_of
from riskwarn.means import Means
from riskwarn.mode import Switch, mode_at
from riskwarn.model import RiskModel
from riskwarn.panel import panel_of
from riskwarn.plan import Mode, Plan
from riskwarn.publishing import changes_since, publish_night
from riskwarn.scaffold import starter
from riskwarn.schema import REASONS
from riskwarn.standby import Sound, sound_models
from riskwarn.store import LEAST_KEPT, NIGHT_TABLES, Store
from riskwarn.weekly import category_counts, weekly_counts, weekly_readings

__all__ = ["Night", "model_of", "night_panel", "nightly", "run_key", "starter"]


@dataclass(frozen=True, eq=False)
class Night:
    """What a nightly run published.

    Attributes
    ----------
    as_of, run
        The night and the name of its run.
    scores, stored_reasons, gaps, alerts, triggers, marks, weeks, weekly_readings, category_counts, serious_events, what_ifs,
    events_behind, matured
        The tables, of all questions; marks are what the monitors of the night measured, `matured` how earlier nights came out. `reasons` has
        the sentences too.
    features
        Of the model of each target, by which its reasons are told.
    facts
        What the page says of the run.
    done_before
        The same run was published earlier; nothing was computed again.
    """

    as_of: pd.Timestamp
    run: str
    scores: pd.DataFrame
    stored_reasons: pd.DataFrame
    gaps: pd.DataFrame
    alerts: pd.DataFrame
    triggers: pd.DataFrame
    marks: pd.DataFrame
    weeks: pd.DataFrame
    weekly_readings: pd.DataFrame
    category_counts: pd.DataFrame
    serious_events: pd.DataFrame
    what_ifs: pd.DataFrame
    events_behind: pd.DataFrame
    matured: pd.DataFrame
    features: dict[str, tuple[Feature, ...]]
    facts: dict[str, Any]
    done_before: bool

    @cached_property
    def reasons(self) -> pd.DataFrame:
        """The stored reasons with their sentences, which are made when they are first asked for."""
        of_targets = self.stored_reasons.groupby("target", sort=False)
        parts = [in_words(rows, self.features[str(target)]) for target, rows in of_targets]
        return pd.concat(parts).loc[self.stored_reasons.index] if parts else in_words(self.stored_reasons, ())


@checked
def nightly(
    store: Store,
    target: str = "",
    *,
    as_of: object,
    plan: Plan | None = None,
    capacity: int | None = None,
    alias: str = tracking.CHAMPION,
    tracking_folder: str | Path | None = None,
    force: str = "",
    say: Callable[[str], None] = lambda _: None,
    means: Means | None = None,
) -> Night:
    """Score, explain, find gaps, list and publish one night. Safe to run twice: the same night of the same data is one run.

    Parameters
    ----------
    store
        The city.
    target
        Name of the label whose model is used, where one question is asked; with a plan it is left out.
    as_of
        The night: a date means its local midnight.
    plan
        What is asked and how long the list may be; without one, the plan of the one question (:meth:`riskwarn.plan.Plan.of_one`).
    capacity
        Grids that can be attended to; by default 50 for one question, and what the plan says of tonight's mode.
    alias
        Of the one question: ``champion``, or ``candidate`` for a model that has not earned promotion; the page says which.
    tracking_folder
        Where MLflow's file lies; the store's folder by default.
    force
        Why a night is to be published that cannot be right by the rules of :mod:`riskwarn.publishing`; logged.
    say
        Called with a line at each step.
    means
        How the city is laid out while the night is made; its history in memory by default.

    Returns
    -------
    night
        What was published, this time or before.

    Raises
    ------
    NotFoundError
        No such model, or no data. Of several questions those without a sound model are left out, and `facts` say so under ``failed``.
    StaleDataError
        The data end more than 90 days before the night. Where they end up to 90 days before, the night is published as degraded.
    BusyError
        Another job holds the store.
    HeldError
        A rollback holds the night.
    StoppedError
        Somebody has stopped publishing and showing scores.
    UnsoundError
        What was computed cannot be right; it is set aside.
    """
    if capacity is not None and capacity < 1:
        raise DataError(f"capacity must be at least 1, got {capacity}.")
    planned = _planned(target, plan, capacity, alias)
    at = store.instant(as_of)
    store.check_going()
    with store.lock():
        found = sound_models(store, planned, tracking_folder=tracking_folder)
        models, failed = found.models, found.failed
        rivals = shadow.challengers_of(tracking_folder or store.path, models)
        register.seal_missing(store)
        run = run_key(store, models, at, planned, challengers=rivals.models)
        if store.run_of(at) == run:
            say(f"{at:%Y-%m-%d}: run {run} is published already")
            return _published(store, models, at, run)
        store.check_free(at)
        for name, why in failed.items():
            say(f"{name} is not answered: {why}")
        for name, why in found.fallen.items():
            say(f"{name} is answered by the model before, {models[name].version}: {why}")
        night = _compute(_Job(store, planned, mode_at(store, at), at, run, force, say, rivals, means or Means()), found)
        for seal in register.seal_missing(store):
            say(f"sealed as line {seal.n} of the register, {seal.digest[:16]}")
        return night


def _planned(target: str, plan: Plan | None, capacity: int | None, alias: str) -> Plan:
    if (plan is None) == (not target):
        raise DataError("a night asks the questions of a plan, or the one of a target: give either plan=… or a target.")
    if plan is None:
        return Plan.of_one(target, capacity=50 if capacity is None else capacity, alias=alias)
    return plan if capacity is None else plan.with_capacity(capacity)


@checked
def run_key(
    store: Store,
    models: Mapping[str, RiskModel],
    at: pd.Timestamp,
    plan: Plan,
    *,
    challengers: Mapping[str, RiskModel] | None = None,
) -> str:
    """Name of a run: sixteen hexadecimal digits of the SHA-256 of night, all that is read, models, plan, code version and tables published.

    What is read are the tables, the log of deliveries, the city's own files, the log of modes among them, and the nights before
    (:meth:`riskwarn.Store.fingerprint`).

    Parameters
    ----------
    store, models, at, plan
        What the run reads, with what it scores, for which night, and what was planned.
    challengers
        Scored in the shadow, by target.

    Returns
    -------
    run
        Equal where everything the run depends on is equal.
    """
    earlier = [(night.isoformat(), store.run_of(night)) for night in _read_nights(store, at)]
    parts = [
        at.isoformat(),
        store.fingerprint(),
        earlier,
        [(target, model.version, model.facts.get("alias")) for target, model in models.items()],
        plan.digest,
        riskwarn.__version__,
        NIGHT_TABLES,
        *([{target: model.version for target, model in challengers.items()}] if challengers else []),
    ]
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]


def _read_nights(store: Store, at: pd.Timestamp) -> list[pd.Timestamp]:
    """The nights before that a night reads, oldest first: what pruning may take away names no run."""
    return [night for night in store.nights() if at - pd.Timedelta(days=LEAST_KEPT - 1) <= night < at]


@dataclass(frozen=True, eq=False)
class _Job:
    """What a night is asked for: the city, its plan and mode, the date, the run's name, why it is forced, who hears its steps, the challengers, and by which means it is made."""

    store: Store
    plan: Plan
    switch: Switch
    at: pd.Timestamp
    run: str
    force: str
    say: Callable[[str], None]
    rivals: shadow.Challengers
    means: Means

    @property
    def mode(self) -> Mode:
        mode: Mode = getattr(self.plan.modes, self.switch.mode)
        return mode


def _compute(job: _Job, found: Sound) -> Night:
    started = time.perf_counter()
    models = [*found.models.values(), *job.rivals.models.values()]
    with job.means.opened(job.store, job.at, models) as history:
        return _made(job, found, history, started)


def _made(job: _Job, found: Sound, history: History, started: float) -> Night:
    job.say(f"{job.at:%Y-%m-%d}: {history}")
    if degraded.is_late(history, job.at):
        return _late(job, found.models, history)
    answered, unanswered = answers(history, job.plan, found.models, job.at, capacity=job.mode.capacity)
    _say_answers(job, answered)
    listed, of_list = _listed(job, history, answered)
    looked, of_looks = _looked(job, history, answered, listed)
    facts = _facts(job, answered, found.failed | unanswered) | {"fallen": found.fallen} | of_list | of_looks
    facts["seconds"] = round(time.perf_counter() - started, 2)
    tables = listed | looked | _beside(history, answered, listed["reasons"], job.at)
    return _publish(job, history, answered, tables, facts)


_Tables = dict[str, pd.DataFrame]


def _listed(job: _Job, history: History, answered: list[Answer]) -> tuple[_Tables, dict[str, Any]]:
    """Scores, gaps, rules, reasons and the list they make, with what is to be told of it."""
    scores = pd.concat([answer.scores for answer in answered], ignore_index=True)
    gaps, triggers, listed = _found(job, history, answered, scores)
    give_back()
    _say_rules(job, listed)
    reasons = _reasons(answered, history, listed.alerts)
    job.say(f"{len(reasons):,} reasons, {(gaps['state'] == 'open').sum():,} open gaps")
    alerts = filled(listed.alerts, reasons, gaps)
    tables = {"scores": scores, "gaps": gaps, "alerts": alerts, "triggers": triggers, "reasons": reasons}
    return tables, {"list": listed.facts}


def _looked(job: _Job, history: History, answered: list[Answer], listed: _Tables) -> tuple[_Tables, dict[str, Any]]:
    """How the night compares with what was usual, with challengers, with the night before, and how earlier nights came out."""
    marks = monitoring.check_all(history, [answer.model for answer in answered], job.at, store=job.store)
    give_back()
    job.say(f"{len(marks):,} monitors: {monitoring.summary(marks)}")
    rivals = shadow.of_night(job.store, answered, job.rivals, history, capacity=job.mode.capacity, say=job.say)
    matured = matured_of(job.store, answered, history, job.at)
    job.say(f"{len(matured.table):,} rows of matured outcomes")
    feeds = feed_states(history, listed["gaps"], job.at)
    facts = {
        **degraded.state_of(feeds, _counted(answered)),
        **rivals,
        **matured.facts,
        "changed": changes_since(job.store, job.at, listed["scores"], job.mode.capacity),
        "feeds": feeds,
        "monitors": monitoring.counts(marks),
    }
    return {"marks": marks, "matured": matured.table}, facts


def _publish(job: _Job, history: History, answered: list[Answer], tables: _Tables, facts: dict[str, Any]) -> Night:
    """Publish what is sound and not held."""
    measured = {name: tables[name] for name in ("marks", "matured")}
    held = holds.of_night(job.store, job.plan.holds, **measured, fallen=facts["fallen"], changed=facts["changed"])
    plain = {name: table for name, table in tables.items() if name != "reasons"}
    stored = tables["reasons"][[c for c in tables["reasons"] if c in REASONS.column_names]]
    folder = publish_night(
        job.store,
        job.at,
        plain | {"reasons": stored},
        run=job.run,
        facts=facts,
        grids=[*history.grids["grid_id"]],
        force=job.force,
        held=held,
    )
    job.say(f"{len(tables['alerts']):,} alerts published in {folder}")
    _say_room(job, tables["alerts"])
    features = {answer.target: answer.model.features for answer in answered}
    return Night(job.at, job.run, stored_reasons=stored, features=features, facts=facts, done_before=False, **plain)


def _found(
    job: _Job, history: History, answered: list[Answer], scores: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, Listed]:
    """Gaps, rules that hold, and the list; the evidence of all three is let go with the last."""
    evidence = job.means.evidence(history, job.at, answered[0].scores)
    gaps = find_gaps(evidence, answered[0].scores)
    triggers = triggered(evidence, job.plan.triggers).assign(as_of=job.at)
    return gaps, triggers, _list(job, history, evidence, answered, scores, triggers)


def _say_answers(job: _Job, answered: list[Answer]) -> None:
    for answer in answered:
        job.say(f"{len(answer.scores):,} grids scored by {answer.model}")
        if level := tide_facts(answer.model, answer.panel):
            job.say(level["said"]["en"])


def _say_room(job: _Job, alerts: pd.DataFrame) -> None:
    """Why the list is shorter than it may be."""
    n_listed, most = len(set(" ".join(alerts["grid_ids"]).split())), job.mode.capacity
    if n_listed < most:
        job.say(
            f"{n_listed:,} of up to {most:,} grids listed: the others lie below the level at which the plan lists a place, or beyond the bound of their area"
        )


def _say_rules(job: _Job, listed: Listed) -> None:
    for rule, told in listed.facts["rules"].items():
        job.say(f"rule {rule}: {told['places']} places, {told['new']} new, the oldest since {told['oldest'][:10]}")


def _counted(answered: list[Answer]) -> set[str]:
    """Feeds that the questions count."""
    return {stream.source for answer in answered for stream in answer.model.label.streams}


def _late(job: _Job, models: Mapping[str, RiskModel], history: History) -> Night:
    """A night that the data do not reach: what can still be told of it is published."""
    target, first = next(iter(models.items()))
    facts = {
        "target": target,
        "purpose": first.facts.get("purpose"),
        "model_version": first.version,
        "as_of": job.at.isoformat(),
        "data_until": str(job.store.known_until()),
        "made_at": pd.Timestamp.now(tz=job.store.timezone).isoformat(),
        "capacity": job.mode.capacity,
    }
    versions = {name: model.version for name, model in models.items()}
    state = degraded.publish_late(job.store, history, job.at, run=job.run, versions=versions, facts=facts)
    job.say(f"{job.at:%Y-%m-%d}: {degraded.in_words(state)}")
    return replace(_published(job.store, models, job.at, job.run), done_before=False)


def _list(
    job: _Job,
    history: History,
    evidence: Evidence,
    answered: list[Answer],
    scores: pd.DataFrame,
    triggers: pd.DataFrame,
) -> Listed:
    """The list of the night, from its answers and rules and from what the nights before listed."""
    nights = _read_nights(job.store, job.at)[-KEPT_NIGHTS:]
    memory = Memory.of({night: _alerts_of(job.store, night) for night in nights}, job.at)
    labels = {answer.target: answer.model.label for answer in answered}
    night = LaneNight(job.at, history.grids, scores, labels, triggers, memory, history.neighbors())
    return list_night(night, job.plan, job.mode, _workdays(job.plan, evidence))


def _alerts_of(store: Store, night: pd.Timestamp) -> pd.DataFrame:
    """The list of a night before; nothing where it made none, or is damaged, as :meth:`riskwarn.Store.faults` says."""
    with suppress(DataError, NotFoundError):
        return store.night(night).table("alerts")
    return pd.DataFrame()


def _workdays(plan: Plan, evidence: Evidence) -> Workdays:
    """Working days by the plan's calendar; the store's ``calendar.csv`` holds in all."""
    if plan.calendar.days == "auto":
        return evidence.workdays
    first, last = (evidence.as_of + pd.Timedelta(days=days) for days in (-7, 366))
    return workdays(first.date(), last.date(), basis=plan.calendar.days, changes=evidence.history.calendar)


def _reasons(answered: list[Answer], history: History, alerts: pd.DataFrame) -> pd.DataFrame:
    """Reasons of every grid by the first question, and by the others of those that reach a level or are listed."""
    listed = " ".join(alerts["grid_ids"].astype("str")).split()
    wanted = [None, *({*levelled(answer), *listed} for answer in answered[1:])]
    parts = [
        reasons_of(answer, history, None if grids is None else sorted(grids))
        for answer, grids in zip(answered, wanted, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


def _beside(
    history: History, answered: list[Answer], reasons: pd.DataFrame, at: pd.Timestamp
) -> dict[str, pd.DataFrame]:
    """What pages show beside the lists, so that they need neither model nor history. The last step that counts: kept rows are let go first."""
    history.forget_rows()
    weeks = weekly_counts(history, at)
    readings = weekly_readings(weeks, history.sources, at)
    counts = category_counts(history, at)
    return {
        "weeks": weeks,
        "weekly_readings": readings,
        "category_counts": counts,
        "serious_events": serious_events(history, at),
        **beside(answered, history, reasons, at),
    }


@checked
def night_panel(store: Store | History, model: RiskModel, as_of: object) -> pd.DataFrame:
    """The panel of one night with the features the model carries.

    Parameters
    ----------
    store
        The city, or its history.
    model
        Whose features are computed.
    as_of
        The night.

    Returns
    -------
    panel
        As :func:`riskwarn.build_panel` for one night.
    """
    history = store if isinstance(store, History) else History.load(store)
    return panel_of(history, model.features, [as_of], label=model.label, normals=model.features)


def _facts(job: _Job, answered: list[Answer], failed: dict[str, str]) -> dict[str, Any]:
    """What a reader of the night should know, of the first question at the top; all of it plain values."""
    features = {feature.name: feature for answer in answered for feature in answer.model.features}
    next_at = job.at + pd.Timedelta(hours=job.mode.cadence_hours)
    return {
        **_question_facts(answered[0]),
        "questions": {answer.target: _question_facts(answer) for answer in answered},
        "failed": failed,
        "plan": job.plan.to_dict(),
        "mode": {
            "mode": job.switch.mode,
            "at": job.switch.at and job.switch.at.isoformat(),
            "by": job.switch.by,
            "why": job.switch.why,
        },
        "as_of": job.at.isoformat(),
        "next_at": next_at.isoformat(),
        "data_until": str(min(job.at, job.store.known_until())),
        "made_at": pd.Timestamp.now(tz=job.store.timezone).isoformat(),
        "capacity": job.mode.capacity,
        "features": words_of_features(features.values()),
    }


def _question_facts(answer: Answer) -> dict[str, Any]:
    """What a reader should know of one question."""
    model = answer.model
    return {
        "target": answer.target,
        "question": in_every_language(model.label.question),
        "purpose": model.facts.get("purpose"),
        "lane": answer.question.lane,
        "weight": answer.question.weight,
        "weight_source": answer.question.source,
        "horizon_days": model.label.days,
        "model_version": model.version,
        "mlflow_run": model.facts.get("mlflow_run"),
        "alias": model.facts.get("alias"),
        "baseline": model.facts.get("baseline"),
        "gate": model.facts.get("gate"),
        "gate_reason": model.facts.get("gate_reason"),
        "backtest": model.facts.get("backtest"),
        "datasheet": model.facts.get("datasheet"),
        "audit": model.facts.get("audit"),
        "trained": {k: model.facts.get(k) for k in ("first", "last", "n_rows", "n_events")},
        "city_level": tide_facts(model, answer.panel),
    }


def _published(store: Store, models: Mapping[str, RiskModel], at: pd.Timestamp, run: str) -> Night:
    facts = store.facts(at)
    night = store.night(at)
    tables = {name: degraded.night_table(night, name) for name in NIGHT_TABLES}
    features = {target: model.features for target, model in models.items()}
    stored = tables.pop("reasons")
    return Night(at, run, stored_reasons=stored, features=features, facts=facts, done_before=True, **tables)
