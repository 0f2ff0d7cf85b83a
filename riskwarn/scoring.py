"""The scores of a night: probability, expected count, interval, rank and place in the list of every grid."""

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.draws import CITY, among_first
from riskwarn.errors import StaleDataError
from riskwarn.model import RiskModel


@checked
def score(
    model: RiskModel, night: pd.DataFrame, *, capacity: int = 50, asked: np.ndarray | None = None
) -> pd.DataFrame:
    """Probability, expected count, interval and rank of every grid.

    Parameters
    ----------
    model
        A fitted model.
    night
        Panel of one or more dates.
    capacity
        How many grids can be attended to; `p_in_top` is the probability that a grid's rate is among so many
        (:func:`riskwarn.draws.among_first`).
    asked
        (n,) rows in which the question arises (:meth:`riskwarn.label.Label.arises`); the others have the state ``not_asked`` and no score, since no such row taught the model anything. All by default.

    Returns
    -------
    scores
        Table `scores` (:data:`riskwarn.schema.SCORES`), by date and rank, rows without a score last. Ranks are 1 … n within a date, ties in the order of grids.

    Raises
    ------
    DataError
        The panel is empty, lacks a feature, or holds what is no number or infinite.
    StaleDataError
        The panel lies before the model's training ended: such scores would have seen their own outcome.

    Examples
    --------
    >>> from riskwarn.experiment import ModelSettings
    >>> from riskwarn.feature import Own
    >>> from riskwarn.history import Stream
    >>> from riskwarn.label import Label
    >>> disputes = (Stream("dispute"),)
    >>> dates = pd.date_range("2025-01-06", periods=30, freq="7D", tz="UTC")
    >>> panel = pd.DataFrame({"as_of": [*dates] * 40, "grid_id": [f"G{i // 30:02}" for i in range(1200)]})
    >>> panel["prior_4w"] = [float(i // 30 % 5) for i in range(1200)]
    >>> panel["y"] = panel["prior_4w"] + 1
    >>> model = RiskModel((Own(disputes, 4),), Label("dispute_7d", disputes, days=7), ModelSettings(n_trees=5)).fit(panel)
    >>> night = panel[panel["as_of"] == dates[-1]].assign(as_of=dates[-1] + pd.Timedelta(days=7))
    >>> score(model, night, capacity=8)[["grid_id", "rank", "lower", "upper", "state"]].head(2).to_numpy().tolist()
    [['G04', 1, 2.0, 9.0, 'ok'], ['G09', 2, 2.0, 9.0, 'ok']]
    """
    check_after_training(model, night["as_of"].min() if len(night) else None)
    rows = night if asked is None else night[asked]
    scored = ranked(model, rows, model.predict(rows), capacity) if len(rows) or night.empty else None
    return in_ranks(model, scored, night[:0] if asked is None else night[~np.asarray(asked)])


def in_ranks(model: RiskModel, scored: pd.DataFrame | None, unasked: pd.DataFrame) -> pd.DataFrame:
    """The table of scores, by date and rank: the ranked rows, then those in which the question does not arise.

    Parameters
    ----------
    model
        That predicted.
    scored
        What :func:`ranked` gave, where there is any.
    unasked
        Rows with `grid_id` and `as_of` that have no score.

    Returns
    -------
    scores
        As of :func:`score`.
    """
    parts = [part for part in (scored, _unasked(model, unasked) if len(unasked) else None) if part is not None]
    scores = pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]
    return scores.sort_values(["as_of", "rank"], ignore_index=True, na_position="last", kind="stable")


def ranked(model: RiskModel, rows: pd.DataFrame, predicted: pd.DataFrame, capacity: int) -> pd.DataFrame:
    """The scores of rows, from what the model predicted of each: ranks and places in the list are those among all of them.

    Parameters
    ----------
    model
        That predicted.
    rows
        (n,) with `grid_id` and `as_of`.
    predicted
        (n,) what :meth:`RiskModel.predict` says of them, in the same order and of the same index.
    capacity
        As for :func:`score`.

    Returns
    -------
    scores
        In the order of the rows.
    """
    scores = _named(model, rows)
    scores = scores.join(predicted[["probability", "expected", "lower", "upper"]])
    order = pd.DataFrame({"as_of": scores["as_of"], "margin": -predicted["score"]})
    scores["rank"] = order.groupby("as_of")["margin"].rank(method="first").astype("Int64")
    # what the whole city shares moves no rank
    apart = max(model.calibration.dispersion - model.common.get(CITY, 0.0), 0.0)
    scores["p_in_top"] = scores.groupby("as_of")["expected"].transform(
        lambda night: among_first(night.to_numpy(), apart, capacity, seed=model.settings.seed)
    )
    return scores.assign(state="ok", model_version=model.version)


def _named(model: RiskModel, night: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {"grid_id": night["grid_id"].astype("str"), "as_of": night["as_of"], "target": model.label.name}
    )


def _unasked(model: RiskModel, night: pd.DataFrame) -> pd.DataFrame:
    """Rows in which the question does not arise."""
    empty = dict.fromkeys(("probability", "expected", "lower", "upper"), np.nan)
    ranks = pd.array([pd.NA] * len(night), dtype="Int64")
    return _named(model, night).assign(
        **empty, rank=ranks, p_in_top=np.nan, state="not_asked", model_version=model.version
    )


def check_after_training(model: RiskModel, first: pd.Timestamp | None) -> None:
    """Refuse scores that would have seen their own outcome.

    Parameters
    ----------
    model
        A fitted model.
    first
        The first date that is to be scored; none where there is none.

    Raises
    ------
    StaleDataError
        It lies before the model's training ended.
    """
    last = model.facts.get("last")
    if last is None or first is None:
        return
    settled_at = pd.Timestamp(last) + pd.Timedelta(days=model.label.wait_days)
    if first < settled_at:
        raise StaleDataError(
            f"the model trained on outcomes up to {settled_at:%Y-%m-%d}; a score for {first:%Y-%m-%d} would have seen its own outcome. "
            "Score a later date, or train with an earlier last date."
        )
