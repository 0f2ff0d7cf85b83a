"""G01: a silent grid, judged against its own past, with a window as long as the grid's habit needs."""

import numpy as np
import pandas as pd

from riskwarn.gaps.gap import SILENT, discovered, gap_rows
from riskwarn.history import Snapshot, Stream

_PAST_DAYS = 182
_WINDOWS = (28, 56, 91, 182)
_LEAST_EXPECTED = 5.0
_SHRINK = 2.0


def silent_grids(snapshot: Snapshot) -> pd.DataFrame:
    """Grids whose reports of all kinds fell far below their own habit.

    The window is the shortest of 28, 56, 91 and 182 days in which at least five reports were expected from the 182 days before it,
    scaled by the change of the whole city. The test is the lower tail of a negative binomial whose size is the number of past
    reports (the gamma posterior of the grid's rate), held to a false discovery rate of 0.1. Grids where no window expects five
    reports cannot be judged and are not listed.
    """
    expected, observed, past, window = _chosen_window(snapshot)
    judged = np.flatnonzero(expected >= _LEAST_EXPECTED)
    p = _lower_tail(observed[judged], expected[judged], past[judged])
    kept = judged[discovered(p) & (p <= 0.01)]
    p = p[np.isin(judged, kept)]
    evidence = [
        {
            "window_days": int(window[g]),
            "reports": int(observed[g]),
            "expected": round(float(expected[g]), 1),
            "p": float(q),
        }
        for g, q in zip(kept, p, strict=True)
    ]
    ids = snapshot.history.grids["grid_id"].to_numpy(dtype=object)[kept]
    return gap_rows(
        SILENT, snapshot.local[0], np.array([f"grid:{g}" for g in ids], dtype=object), observed=observed[kept], expected=expected[kept],
        score=(expected[kept] - observed[kept]) / np.sqrt(expected[kept]), confidence=1 - p, evidence=evidence,
    )  # fmt: skip


def _chosen_window(snapshot: Snapshot) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    streams = [Stream(s) for s in snapshot.history.sources]
    n = snapshot.shape[0]
    expected, observed, past, window = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    for days in reversed(_WINDOWS):
        now = sum(snapshot.count(s, days)[:, 0].astype(float) for s in streams)
        before = sum(snapshot.count(s, _PAST_DAYS, ago=days)[:, 0].astype(float) for s in streams)
        change = np.sum(now) / max(float(np.sum(before)), 1.0)
        should = before * change
        better = should >= _LEAST_EXPECTED
        expected, observed = np.where(better, should, expected), np.where(better, now, observed)
        past, window = np.where(better, before, past), np.where(better, days, window)
    return expected, observed, past, window


def _lower_tail(observed: np.ndarray, expected: np.ndarray, past: np.ndarray) -> np.ndarray:
    from scipy import stats  # noqa: PLC0415

    size = past / _SHRINK
    return np.asarray(stats.nbinom.cdf(observed, size, size / (size + expected)))
