"""G20: a surge. Not a blind spot but its companion: a week far above what the grid, its feed and the city lead one to expect."""

import numpy as np
import pandas as pd

from riskwarn.gaps.evidence import Evidence
from riskwarn.gaps.gap import SURGE, discovered, gap_rows, no_gaps
from riskwarn.unusual import PAST_WEEKS, weekly_reading

_DAYS = 7
_UNLIKELY = 1e-3
_LEAST_EVENTS = 3


def surges(evidence: Evidence) -> pd.DataFrame:
    """Grids and sources whose last seven days lie beyond chance by the law of :func:`riskwarn.unusual.weekly_reading`.

    Listed: p below 0.001, at least three events, false discovery rate 0.1 among the grids of a source. The law moves with the city
    and scatters as the source does, so a busy season is nobody's surge.
    """
    words = evidence.events.words["source"]
    tables = [_of_source(evidence, str(words[s])) for s in np.unique(evidence.events.source)]
    return pd.concat(tables, ignore_index=True) if tables else no_gaps(SURGE, evidence.as_of)


def _of_source(evidence: Evidence, source: str) -> pd.DataFrame:
    weekly = _weekly(evidence, source)
    reading = weekly_reading(weekly)
    p = reading["p_high"].fillna(1.0).to_numpy()
    rows = np.flatnonzero(discovered(p) & (p < _UNLIKELY) & (weekly[:, -1] >= _LEAST_EVENTS))
    surge, before = reading.iloc[rows], weekly[rows, :-1].mean(axis=1)
    facts = [
        {
            "source": source,
            "last_7_days": int(n),
            "weekly_mean": round(float(mean), 2),
            "expected": round(due, 2),
            "p": chance,
        }
        for n, mean, due, chance in zip(
            surge["n"], before, surge["mean"].tolist(), surge["p_high"].tolist(), strict=True
        )
    ]
    return gap_rows(
        SURGE,
        evidence.as_of,
        [f"grid:{g}/{source}" for g in evidence.grid_ids[rows]],
        observed=surge["n"].to_numpy(),
        expected=surge["mean"].to_numpy(),
        score=-np.log10(np.maximum(p[rows], 1e-12)),
        confidence=1 - p[rows],
        evidence=facts,
        lower=surge["lower"].to_numpy(),
        upper=surge["upper"].to_numpy(),
    )


def _weekly(evidence: Evidence, source: str) -> np.ndarray:
    """(n_grids, 16) events of a source by the week they occurred in, oldest first; the last week ends at the night."""
    events, n_weeks = evidence.events, PAST_WEEKS + 1
    ago = evidence.days_ago(events.occurred) // _DAYS
    rows = np.flatnonzero(events.of(source) & (events.grid >= 0) & (ago < n_weeks))
    cell = events.grid[rows] * n_weeks + n_weeks - 1 - ago[rows]
    return np.bincount(cell, minlength=evidence.n_grids * n_weeks).reshape(-1, n_weeks).astype(float)
