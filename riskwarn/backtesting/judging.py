"""Each model's metrics, date by date."""

import pandas as pd

from riskwarn import metrics
from riskwarn.calling import checked
from riskwarn.errors import LabelError
from riskwarn.experiment import Experiment, Judge


@checked
def judged(predictions: pd.DataFrame, experiment: Experiment) -> pd.DataFrame:
    """The frame of a :class:`Report`: each model's metrics date by date.

    Parameters
    ----------
    predictions
        As :attr:`Report.predictions`.
    experiment
        What to judge by.

    Returns
    -------
    frame
        One row a model, date and metric.
    """
    judge, label = experiment.judge, experiment.label
    keys = ["model", "fold", "as_of"]
    rows = [
        (*key, float(date["y"].sum()), metric, value)
        for key, date in predictions.groupby(keys, sort=False, observed=True)
        for metric, value in (_judge_date(date, judge) if label.is_count else _judge_events(date, judge)).items()
    ]
    return pd.DataFrame(rows, columns=[*keys, "n_events", "metric", "value"])


def _judge_date(date: pd.DataFrame, judge: Judge) -> dict[str, float]:
    y, score, probability, expected = (date[c].to_numpy(dtype=float) for c in ("y", "score", "probability", "expected"))
    if not y.any():
        raise LabelError(
            f"no event follows {date['as_of'].iloc[0]:%Y-%m-%d}: such a date cannot be judged. Widen the horizon, or the streams: their categories, and the `origin` that they may choose."
        )
    values = {}
    for share in judge.shares:
        percent = f"{100 * share:g}"
        values[f"capture_{percent}"] = metrics.capture(y, score, share=share, ties=judge.ties)
        values[f"pai_{percent}"] = metrics.pai(y, score, share=share, ties=judge.ties)
        values[f"pei_{percent}"] = metrics.pei(y, score, share=share, ties=judge.ties)
    values["brier"] = metrics.brier(y > 0, probability)
    values["poisson_deviance"] = metrics.poisson_deviance(y, expected)
    return values


def _judge_events(date: pd.DataFrame, judge: Judge) -> dict[str, float]:
    """Of an outcome that is 1 or 0. A date on which it is everywhere the same says nothing about the ranking, and is judged by Brier alone."""
    y, score, probability = (date[c].to_numpy(dtype=float) for c in ("y", "score", "probability"))
    if y.min() == y.max():
        return {"brier": metrics.brier(y > 0, probability)}
    return {
        "average_precision": metrics.average_precision(y, score, ties=judge.ties),
        "roc_auc": metrics.roc_auc(y, score, ties=judge.ties),
        **_judge_date(date, judge),
    }
