"""The list over time: how much it moves, how early it speaks."""

import numpy as np
import pandas as pd

from riskwarn import metrics
from riskwarn.backtesting import Report
from riskwarn.calling import checked
from riskwarn.errors import DataError
from riskwarn.history import History
from riskwarn.history.facts import NEVER
from riskwarn.label import Label
from riskwarn.store import Store


@checked
def stability(report: Report, *, share: float | None = None) -> pd.DataFrame:
    """How much list and order of a model move from one test date to the next.

    Parameters
    ----------
    report
        Of a backtest.
    share
        Of the grids on the list; the experiment's first by default.

    Returns
    -------
    stability
        One row a model and date but the first: `model`, `as_of`, `earlier`, `jaccard` of the two lists (ties by grid) and `spearman`
        of the two orders of all grids; missing where a score ranks nothing.
    """
    wanted = share or report.experiment.judge.shares[0]
    rows = []
    for model, model_rows in report.predictions.groupby("model", sort=False, observed=True):
        scores = (
            model_rows.pivot_table(index="grid_id", columns="as_of", values="score", observed=True)
            .dropna()
            .sort_index()
        )
        k = int(np.ceil(wanted * len(scores)))
        lists = {at: scores[at].sort_values(ascending=False, kind="stable").index[:k] for at in scores}
        rows += [
            (
                str(model),
                at,
                earlier,
                metrics.jaccard(lists[earlier], lists[at]),
                _spearman(scores[earlier], scores[at]),
            )
            for earlier, at in zip(scores.columns[:-1], scores.columns[1:], strict=True)
        ]
    return pd.DataFrame(rows, columns=["model", "as_of", "earlier", "jaccard", "spearman"])


@checked
def lead_time(
    report: Report, events: pd.DataFrame, *, budget: int | None = None, within_days: float | None = None
) -> pd.DataFrame:
    """How early each model's list speaks, at one alarm budget for all (:func:`riskwarn.metrics.lead_time`).

    A grid that is always listed earns the full time; the prior counts are such standing lists, so compare with them.

    Parameters
    ----------
    report
        Of a backtest.
    events
        Events of the label, columns `grid_id` and `occurred_at`; those from the first test date to `within_days` after the last count.
    budget
        Grids alerted a date; the experiment's first share of the grids by default.
    within_days
        How long before an event an alert still is its warning; the horizon by default.

    Returns
    -------
    lead_time
        One row a model: `model`, `median_days`, `share_warned`, `n_events`, `n_alerts`.

    Raises
    ------
    DataError
        No event falls within the test dates.
    """
    days = within_days or report.experiment.label.days
    rows = report.predictions.astype({"grid_id": "str"})
    first, last = rows["as_of"].min(), rows["as_of"].max() + pd.Timedelta(days=days)
    happened = events.astype({"grid_id": "str"})[["grid_id", "occurred_at"]]
    happened = happened[
        happened["occurred_at"].between(first, last, inclusive="left")
        & happened["grid_id"].isin(rows["grid_id"].unique())
    ]
    if happened.empty:
        raise DataError(
            f"none of the {len(events)} events falls within the test dates, {first:%Y-%m-%d} to {last:%Y-%m-%d}."
        )
    n = budget or int(np.ceil(report.experiment.judge.shares[0] * rows["grid_id"].nunique()))
    return pd.DataFrame(
        [
            {"model": str(model)}
            | vars(metrics.lead_time(scores[["grid_id", "as_of", "score"]], happened, budget=n, within_days=days))
            for model, scores in rows.groupby("model", sort=False)
        ]
    )


@checked
def events_of(store: Store | History, label: Label) -> pd.DataFrame:
    """The events a label counts, by the newest word on each; those without a grid are left out.

    Parameters
    ----------
    store
        Where the events are, or their history.
    label
        Whose streams are looked at.

    Returns
    -------
    events
        `grid_id` and `occurred_at`, in the order of time.

    Examples
    --------
    >>> from riskwarn.history import Stream
    >>> at = pd.to_datetime(["2025-01-05", "2025-01-01"]).tz_localize("Asia/Shanghai")
    >>> events = pd.DataFrame({"source": "dispute", "event_id": ["a", "b"], "known_at": at, "occurred_at": at,
    ...                        "grid_id": ["A", "B"], "category": "D02"})
    >>> history = History.of(events, pd.DataFrame({"grid_id": ["A", "B"], "valid_from": at[1]}))
    >>> events_of(history, Label("dispute_7d", (Stream("dispute"),), days=7))["grid_id"].tolist()
    ['B', 'A']
    """
    history = store if isinstance(store, History) else History.load(store)
    ids = history.grids["grid_id"].to_numpy()
    parts = []
    for stream in label.streams:
        rows = history.rows("facts", stream)
        held = rows[np.flatnonzero(rows.end == NEVER)]
        at = pd.to_datetime(held.occurred, unit="us", utc=True).tz_convert(history.timezone)
        parts.append(pd.DataFrame({"grid_id": ids[held.grid], "occurred_at": at}))
    return pd.concat(parts, ignore_index=True).sort_values("occurred_at", kind="stable", ignore_index=True)


def _spearman(first: pd.Series, second: pd.Series) -> float:
    try:
        return metrics.rank_correlation(first, second)
    except ValueError:
        return float("nan")
