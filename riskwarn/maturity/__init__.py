"""Matured outcomes: what nights published is scored when its horizon has closed and its feeds have settled.

What is scored is what was sealed (:mod:`riskwarn.register`), by the labels' own law of what is settled, beside the count of 52 weeks. Every night
takes over the rows of the night before and adds those that have matured since, so nothing is computed twice.

::

    scoring ── how one sealed forecast came out
    pooling ── many of them together, with intervals: nights overlap, and a hundred of them may hold the news of three months
    phrases ── the same in words
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.answer import Answer
from riskwarn.calling import checked
from riskwarn.degraded import night_table
from riskwarn.errors import DataError, NotFoundError, RiskwarnError
from riskwarn.history import History
from riskwarn.label import Label
from riskwarn.maturity.phrases import in_words, lines_of
from riskwarn.maturity.pooling import LEAST_WINDOWS, pooled, staleness, summary, windows_of
from riskwarn.maturity.scoring import Forecast, scored
from riskwarn.register import Seal, forget, is_prospective, sealed_content, seals
from riskwarn.schema import table_of
from riskwarn.store import Store
from riskwarn.store.parquet import full

__all__ = [
    "LEAST_WINDOWS",
    "PATIENCE_DAYS",
    "Matured",
    "in_words",
    "lines_of",
    "matured_of",
    "pooled",
    "staleness",
    "summary",
    "windows_of",
]
PATIENCE_DAYS = 28.0
"""So long after its settling time a night waits for the last feed; then what has settled is scored."""
KEPT_DAYS = 2 * 364
"""Rows of older nights are not taken over."""


@dataclass(frozen=True, eq=False)
class Matured:
    """What has matured by a night: table `matured`, and `facts`, what of it is told: by target (:func:`summary`), and seals that are broken."""

    table: pd.DataFrame
    facts: dict[str, Any]


@checked
def matured_of(store: Store, answers: Sequence[Answer], history: History, at: pd.Timestamp) -> Matured:
    """The forecasts that have matured by a night, those of the nights before taken over.

    Parameters
    ----------
    store
        The city, whose lock is held.
    answers
        Of the night: their labels say what is counted and when it has settled.
    history
        What was known.
    at
        The night.

    Returns
    -------
    matured
        A forecast that was altered after it was sealed is named in the facts and scored nowhere.
    """
    lines = seals(store)
    carried = _carried(store, lines, at)
    labels = {answer.target: answer.model.label for answer in answers}
    longest = max(label.wait_days for label in labels.values())
    waiting = list(_waiting(store, lines, carried, at))
    _forget_the_others(store, lines, waiting, at - pd.Timedelta(days=longest + 3 * PATIENCE_DAYS))
    broken: list[str] = []
    due = list(_due(store, waiting, at, labels, broken))
    fresh = [
        scored(
            [f for f, targets in due if answer.target in targets],
            answer.model.label,
            answer.question.lane,
            history,
            patience_until=at - pd.Timedelta(days=PATIENCE_DAYS),
        )
        for answer in answers
    ]
    # what was sealed says its night with an offset, what was published in the zone of the city
    parts = [_full(rows, store.timezone) for rows in (carried, *fresh) if len(rows)]
    rows = pd.concat(parts, ignore_index=True).assign(as_of=at) if parts else carried
    told = {target: summary(rows, target) for target in labels}
    return Matured(_full(rows, store.timezone), {"maturity": {t: s for t, s in told.items() if s}, "unsealed": broken})


def _carried(store: Store, lines: Sequence[Seal], at: pd.Timestamp) -> pd.DataFrame:
    """The rows of the last night that has such a table; which run holds for a night may have changed since."""
    rows = _last_table(store, at)
    if rows.empty:
        return rows
    rows = rows[(rows["night_at"] < at) & (rows["night_at"] >= at - pd.Timedelta(days=KEPT_DAYS))]
    sealed = {(pd.Timestamp(line.as_of), line.run) for line in lines}
    holding = {night: store.run_of(night) for night in rows["night_at"].unique()}
    keys = [*zip(rows["night_at"], rows["run"], strict=True)]
    holds = [
        bool(was) if holding[night] is None else holding[night] == run
        for (night, run), was in zip(keys, rows["holds"], strict=True)
    ]
    return rows.assign(holds=holds)[np.array([key in sealed for key in keys], dtype=bool)]


def _last_table(store: Store, at: pd.Timestamp) -> pd.DataFrame:
    for night in reversed([night for night in store.nights() if night < at]):
        with suppress(RiskwarnError):
            published = store.night(night)
            published.check()
            if "matured" in published.tables:
                return night_table(published, "matured")
    return _full(pd.DataFrame(columns=table_of("matured").column_names), store.timezone)


def _full(rows: pd.DataFrame, timezone: str) -> pd.DataFrame:
    """All columns in order, times in the city's zone."""
    whole = full(table_of("matured"), rows)
    return whole.assign(
        **{name: pd.to_datetime(whole[name], utc=True).dt.tz_convert(timezone) for name in ("as_of", "night_at")}
    )


@dataclass(frozen=True)
class _Waiting:
    """A sealed forecast that is shown for its night, or speaks for what was to come, and the questions it is not scored for yet."""

    seal: Seal
    holds: bool
    prospective: bool
    targets: frozenset[str]

    @property
    def at(self) -> pd.Timestamp:
        return pd.Timestamp(self.seal.as_of)


def _waiting(store: Store, lines: list[Seal], carried: pd.DataFrame, at: pd.Timestamp) -> Iterator[_Waiting]:
    """What is still to be scored, whether or not tonight asks for it; nothing is that is older than rows are kept."""
    done = {*carried[["night_at", "run", "target"]].itertuples(index=False, name=None)}
    of_night: dict[str, list[Seal]] = {}
    for line in lines:
        of_night.setdefault(line.as_of, []).append(line)
    for line in lines:
        night = pd.Timestamp(line.as_of)
        left = {target for target in line.models if (night, line.run, target) not in done}
        if not left or night < at - pd.Timedelta(days=KEPT_DAYS):
            continue
        # of a pruned night the newest run held: one that a rollback holds is not pruned
        holds = (store.run_of(night) or of_night[line.as_of][-1].run) == line.run
        prospective = is_prospective(line, of_night[line.as_of])
        if wanted := left if holds else {t for t in left if prospective and _was_to_come(line, t)}:
            yield _Waiting(line, holds, prospective, frozenset(wanted))


def _was_to_come(line: Seal, target: str) -> bool:
    """Whether something of a question's window was still to come when it was sealed."""
    return line.hours_late / 24 < line.models[target].get("days", math.inf)


def _forget_the_others(store: Store, lines: list[Seal], waiting: Sequence[_Waiting], before: pd.Timestamp) -> None:
    """Take away what was sealed for nights before an instant and waits for no question any more, of tonight or of another night."""
    kept = {one.seal.name for one in waiting}
    forget(store, [line for line in lines if pd.Timestamp(line.as_of) < before and line.name not in kept])


def _due(
    store: Store, waiting: Sequence[_Waiting], at: pd.Timestamp, labels: Mapping[str, Label], broken: list[str]
) -> Iterator[tuple[Forecast, set[str]]]:
    """Forecasts whose horizon is over for some question of tonight, with those questions; broken ones are named."""
    for one in waiting:
        wanted = {
            target
            for target, label in labels.items()
            if target in one.targets
            and one.seal.models[target].get("days") == label.days
            and one.at <= at - pd.Timedelta(days=label.wait_days)
        }
        if wanted:
            with suppress(NotFoundError):
                try:
                    yield Forecast(one.seal, sealed_content(store, one.seal), one.holds, one.prospective), wanted
                except DataError as error:
                    broken.append(str(error))
