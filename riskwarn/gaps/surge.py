"""G20: a surge. Not a blind spot but its companion: a week far above the grid's own fifteen weeks."""

import numpy as np
import pandas as pd

from riskwarn.feature import NORMAL_WEEKS
from riskwarn.gaps.evidence import Evidence
from riskwarn.gaps.gap import SURGE, discovered, gap_rows, no_gaps

_DAYS = 7
_UNLIKELY = 1e-3
_LEAST_EVENTS = 3


def surges(evidence: Evidence) -> pd.DataFrame:
    """Grids and sources whose last seven days lie beyond chance.

    The fifteen weeks before, with the city's mean week as one more week, give a gamma posterior of the weekly rate; the count of the
    last week is tested against the negative binomial it predicts. Listed: p below 0.001, at least three events, false discovery rate 0.1.
    """
    words = evidence.events.words["source"]
    found = [_of_source(evidence, str(words[s])) for s in np.unique(evidence.events.source)]
    return pd.concat(found, ignore_index=True) if found else no_gaps(SURGE, evidence.as_of)


def _of_source(evidence: Evidence, source: str) -> pd.DataFrame:
    from scipy import stats  # noqa: PLC0415

    events = evidence.events
    rows = np.flatnonzero(events.of(source) & (events.grid >= 0))
    ago, grid = evidence.days_ago(events.occurred[rows]), events.grid[rows]
    last, before = ago < _DAYS, (ago >= _DAYS) & (ago < _DAYS * (NORMAL_WEEKS + 1))
    now, past = (np.bincount(grid[m], minlength=evidence.n_grids).astype(float) for m in (last, before))
    size = past + max(float(past.mean()) / NORMAL_WEEKS, 1e-9)
    rate = size / (NORMAL_WEEKS + 1)
    p = np.asarray(stats.nbinom.sf(now - 1, size, size / (size + rate)))
    kept = np.flatnonzero(discovered(p) & (p < _UNLIKELY) & (now >= _LEAST_EVENTS))
    upper = stats.nbinom.ppf(0.95, size[kept], size[kept] / (size[kept] + rate[kept]))
    told = [
        {"source": source, "last_7_days": int(now[g]), "weekly_mean": round(float(past[g] / NORMAL_WEEKS), 2), "p": float(p[g])}
        for g in kept
    ]  # fmt: skip
    return gap_rows(
        SURGE, evidence.as_of, [f"grid:{g}/{source}" for g in evidence.grid_ids[kept]], observed=now[kept], expected=rate[kept],
        score=-np.log10(np.maximum(p[kept], 1e-12)), confidence=1 - p[kept], evidence=told, lower=np.zeros(len(kept)), upper=upper,
    )  # fmt: skip
