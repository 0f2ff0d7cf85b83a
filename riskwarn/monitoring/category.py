"""Categories: records without a known category, and categories never seen in the year before."""

import numpy as np
import pandas as pd

from riskwarn.monitoring.mark import A_MONTH, A_YEAR, marks
from riskwarn.monitoring.volume import LEAST_DAYS, Flow, among

UNKNOWN = ("D99", "P99", "unknown", "")
"""Categories that say nothing: "other" of the two code lists, and none."""
DAYS = 7
MANY = 0.01
"""Share of a week's records in new categories above which it is an alarm; any at all are a warning."""


def category_marks(feeds: list[Flow]) -> pd.DataFrame:
    """The last week of every feed against the year before: the share without a known category, and the share in new ones.

    The first is graded by the binomial tail of the year's share among all feeds; the second by its size.
    """
    old = [f for f in feeds if f.counts.shape[1] >= LEAST_DAYS and not f.by_county]
    return (
        pd.concat([pd.concat([_unknown(f, len(old)), _new(f)]) for f in old], ignore_index=True)
        if old
        else marks("category", [], [], warn=0, alarm=0)
    )


def _unknown(flow: Flow, n_feeds: int) -> pd.DataFrame:
    from scipy import stats  # noqa: PLC0415 - scipy.stats is heavy

    blank = np.isin(flow.categories, UNKNOWN)
    now, before = flow.counts[:, -DAYS:].sum(axis=1), flow.counts[:, -364:-DAYS].sum(axis=1)
    n, k = np.round([now[0], now[blank].sum()])
    share = (before[blank].sum() + 1) / (before[0] + 20)
    p = np.asarray(stats.binom.sf(k - 1, n, min(share, 1.0)))
    observed = k / n if n else np.nan
    return marks(
        "category",
        [f"{flow.scopes[0]}@unknown"],
        among(p[None], n_feeds) if n else [np.nan],
        warn=A_MONTH,
        alarm=A_YEAR,
        fault="unknown_categories",
        observed=observed,
        expected=share,
        days=DAYS,
    )


def _new(flow: Flow) -> pd.DataFrame:
    now, before = flow.counts[:, -DAYS:].sum(axis=1), flow.counts[:, -364:-DAYS].sum(axis=1)
    share = now[1:][before[1:] == 0].sum() / now[0] if now[0] else np.nan
    return marks(
        "category",
        [f"{flow.scopes[0]}@new"],
        [share],
        warn=0.0,
        alarm=MANY,
        fault="new_categories",
        observed=share,
        expected=0.0,
        days=DAYS,
    )
