"""G20: a surge. Not a blind spot but its companion: a week far above the grid's own fifteen weeks."""

import numpy as np
import pandas as pd

from riskwarn.feature import NORMAL_WEEKS
from riskwarn.gaps.gap import SURGE, discovered, gap_rows
from riskwarn.history import Snapshot, Stream

_DAYS = 7
_UNLIKELY = 1e-3
_LEAST_EVENTS = 3


def surges(snapshot: Snapshot) -> pd.DataFrame:
    """Grids and sources whose last seven days lie beyond chance.

    The fifteen weeks before, with the city's mean week as one more week, give a gamma posterior of the weekly rate; the count of the
    last week is tested against the negative binomial it predicts. Listed: p below 0.001, at least three events, false discovery rate 0.1.
    """
    return pd.concat([_of_source(snapshot, s) for s in snapshot.history.sources], ignore_index=True)


def _of_source(snapshot: Snapshot, source: str) -> pd.DataFrame:
    from scipy import stats  # noqa: PLC0415

    stream = Stream(source)
    now = snapshot.count(stream, _DAYS)[:, 0].astype(float)
    past = snapshot.count(stream, 7 * NORMAL_WEEKS, ago=_DAYS)[:, 0].astype(float)
    size = past + max(float(past.mean()) / NORMAL_WEEKS, 1e-9)
    rate = size / (NORMAL_WEEKS + 1)
    p = np.asarray(stats.nbinom.sf(now - 1, size, size / (size + rate)))
    kept = np.flatnonzero(discovered(p) & (p < _UNLIKELY) & (now >= _LEAST_EVENTS))
    ids = snapshot.history.grids["grid_id"].to_numpy(dtype=object)[kept]
    upper = stats.nbinom.ppf(0.95, size[kept], size[kept] / (size[kept] + rate[kept]))
    evidence = [
        {
            "source": source,
            "last_7_days": int(now[g]),
            "weekly_mean": round(float(past[g] / NORMAL_WEEKS), 2),
            "p": float(p[g]),
        }
        for g in kept
    ]
    return gap_rows(
        SURGE, snapshot.local[0], np.array([f"grid:{g}/{source}" for g in ids], dtype=object), observed=now[kept], expected=rate[kept],
        score=-np.log10(np.maximum(p[kept], 1e-12)), confidence=1 - p[kept], evidence=evidence, lower=np.zeros(len(kept)), upper=upper,
    )  # fmt: skip
