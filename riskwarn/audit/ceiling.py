"""How much of what can be had was had."""

import numpy as np
import pandas as pd

from riskwarn import metrics
from riskwarn.backtesting import Report
from riskwarn.calling import checked

_WORLDS, _FUTURES = 20, 20


@checked
def attainable(report: Report) -> pd.DataFrame:
    """Each capture and PEI beside its ceiling: what a list made from the true rates would get, the rest being chance.

    The true rates are not known. They are drawn from what the test dates' own outcomes say of them in hindsight: each grid's rate is
    Gamma with the city's mean and spread, its events Poisson, so its posterior is Gamma too [1]_; in each of 20 such worlds the list
    by the true rates meets 20 futures (:func:`riskwarn.metrics.attainable_capture`). Overlapping windows count once. Rates are
    constant over the test dates: a model that also knows *when* can pass the ceiling a little.

    Parameters
    ----------
    report
        Of a backtest.

    Returns
    -------
    attainable
        One row a metric and model: `metric`, `model`, `value`, `ceiling`, `attained` (value over ceiling; 1 is all that can be had).

    References
    ----------
    .. [1] Clayton & Kaldor (1987), Biometrics 43, 671-681.
    """
    worlds = list(_rates(report))
    attained = []
    for share in report.experiment.judge.shares:
        rng = np.random.default_rng(report.experiment.model.seed)
        tops = [metrics.attainable_capture(rate, share=share, rng=rng, n_draws=_FUTURES) for rate in worlds]
        ceilings = {
            f"capture_{100 * share:g}": np.mean([t.capture for t in tops]),
            f"pei_{100 * share:g}": np.mean([t.pei for t in tops]),
        }
        attained += [
            {"metric": metric, "model": model, "value": value, "ceiling": float(top), "attained": float(value / top)}
            for metric, top in ceilings.items()
            for model, value in report.table[metric].items()
        ]
    return pd.DataFrame(attained)


def _rates(report: Report) -> np.ndarray:
    """(worlds, grids) events a window, drawn from their posterior."""
    one = report.predictions[report.predictions["model"] == report.predictions["model"].iloc[0]]
    mean = one.groupby("grid_id", observed=True)["y"].mean().to_numpy(dtype=float)
    windows = _windows(one["as_of"], report.experiment.label.days)
    level = mean.mean()
    spread = max(float(mean.var(ddof=1)) - level / windows, 1e-9 * level**2)
    shape, scale = level**2 / spread, level / spread
    rng = np.random.default_rng(report.experiment.model.seed)
    return rng.gamma(shape + mean * windows, 1 / (scale + windows), (_WORLDS, len(mean)))


def _windows(as_of: pd.Series, days: float) -> float:
    """How many whole windows the days that any test window covers make."""
    starts = np.sort(as_of.unique())
    steps = np.diff(starts) / np.timedelta64(1, "D")
    return float((np.minimum(steps, days).sum() + days) / days)
