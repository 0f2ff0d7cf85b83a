"""Metrics: was the list well chosen, the probability honest, the count right, the difference real.

Pure functions on plain columns, row by row of the same grid (positions count, an index does not). A metric that is undefined raises
``ValueError``; none returns `nan`. Read them in this order: `hotspot` and `ranking` with a stated share, `ceiling`, `probability`, `count` and
`distribution`, then `comparison`, for no difference is told without its interval.

::

    array ─┬ listing ─┬ hotspot ─┬ ranking
           │          │          └ field
           │          └ ceiling
           └ probability · count · distribution · stability · comparison
"""

from riskwarn.metrics.ceiling import Ceiling, attainable_capture
from riskwarn.metrics.comparison import (
    Interval,
    difference_interval,
    shared_windows,
    statistic_interval,
)
from riskwarn.metrics.count import (
    mean_absolute_error,
    mean_ratio,
    mean_squared_log_error,
    poisson_deviance,
    tweedie_deviance,
)
from riskwarn.metrics.distribution import (
    VIEWS_EDGES,
    coverage,
    crps_ensemble,
    crps_negative_binomial,
    crps_poisson,
    expected_shortfall,
    ignorance,
    interval_score,
    quantile_interval_score,
)
from riskwarn.metrics.field import (
    Displacement,
    LeadTime,
    bias_ratio,
    disparity,
    lead_time,
    recapture_rate,
    silence_p,
    skill_vs_prior,
    weighted_displacement,
)
from riskwarn.metrics.hotspot import best_capture, best_pai, capture, pai, pei, ppai
from riskwarn.metrics.listing import listed
from riskwarn.metrics.probability import brier, brier_skill, calibration_error, log_loss, reliability, share_interval
from riskwarn.metrics.ranking import average_precision, lift, ndcg_at, precision_at, recall_at, roc_auc
from riskwarn.metrics.stability import jaccard, kolmogorov_smirnov, population_stability, rank_correlation

__all__ = [
    "VIEWS_EDGES",
    "Ceiling",
    "Displacement",
    "Interval",
    "LeadTime",
    "attainable_capture",
    "average_precision",
    "best_capture",
    "best_pai",
    "bias_ratio",
    "brier",
    "brier_skill",
    "calibration_error",
    "capture",
    "coverage",
    "crps_ensemble",
    "crps_negative_binomial",
    "crps_poisson",
    "difference_interval",
    "disparity",
    "expected_shortfall",
    "ignorance",
    "interval_score",
    "jaccard",
    "kolmogorov_smirnov",
    "lead_time",
    "lift",
    "listed",
    "log_loss",
    "mean_absolute_error",
    "mean_ratio",
    "mean_squared_log_error",
    "ndcg_at",
    "pai",
    "pei",
    "poisson_deviance",
    "population_stability",
    "ppai",
    "precision_at",
    "quantile_interval_score",
    "rank_correlation",
    "recall_at",
    "recapture_rate",
    "reliability",
    "roc_auc",
    "share_interval",
    "shared_windows",
    "silence_p",
    "skill_vs_prior",
    "statistic_interval",
    "tweedie_deviance",
    "weighted_displacement",
]
