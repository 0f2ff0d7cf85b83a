"""Matured outcomes: what nights published is scored when its horizon has closed and its feeds have settled.

What is scored is what was sealed (:mod:`riskwarn.register`), by the labels' own law of what is settled, beside the count of 52 weeks. Every night
takes over the rows of the night before and adds those that have matured since, so nothing is computed twice.

::

    scoring ── how one sealed forecast came out
    pooling ── many of them together, with intervals: nights overlap, and a hundred of them may hold the news of three months
    phrases ── the same in words
"""

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
    waits = [label.wait_days for label in labels.values()]
    forget(store, at - pd.Timedelta(days=max(waits) + 3 * PATIENCE_DAYS))
    broken: list[str] = []
    due = list(_due(store, lines, carried, at, labels, broken))
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


def _due(
    store: Store,
    lines: list[Seal],
    carried: pd.DataFrame,
    at: pd.Timestamp,
    labels: Mapping[str, Any],
    broken: list[str],
) -> Iterator[tuple[Forecast, set[str]]]:
    """Forecasts whose horizon is over for some question and that are not scored yet, with those questions; broken ones are named."""
    done = {*carried[["night_at", "run", "target"]].itertuples(index=False, name=None)}
    for line in lines:
        night = pd.Timestamp(line.as_of)
        holds, prospective = store.run_of(night) in {line.run, None}, is_prospective(line, lines)
        wanted = {
            target
            for target, label in labels.items()
            if (line.models.get(target) or {}).get("days") == label.days
            and at - pd.Timedelta(days=label.wait_days + 2 * PATIENCE_DAYS)
            <= night
            <= at - pd.Timedelta(days=label.wait_days)
            and (night, line.run, target) not in done
        }
        if wanted and (holds or prospective):
            with suppress(NotFoundError):
                try:
                    yield Forecast(line, sealed_content(store, line), holds, prospective), wanted
                except DataError as error:
                    broken.append(str(error))
