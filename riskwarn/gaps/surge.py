"""G20: a surge. Not a blind spot but its companion: a week far above what the grid, its feed and the city lead one to expect.

What it needs of a feed is the table of :func:`weekly_counts`, small numbers of every grid, and nothing else. The tail is learnt from that of all grids in one step, as a sum
over weeks; then each grid is judged. A city done by parts puts the tables of its parts together first: level, movement and scatter of a week are those of all grids.
"""

import numpy as np
import pandas as pd

from riskwarn.gaps.evidence import Evidence
from riskwarn.gaps.gap import SURGE, discovered, gap_rows, no_gaps
from riskwarn.unusual import PAST_WEEKS, TAIL_WEEKS, weekly_reading, weekly_tail

_DAYS = 7
_UNLIKELY = 1e-3
_LEAST_EVENTS = 3
_WEEKS = TAIL_WEEKS + PAST_WEEKS + 1


def surges(evidence: Evidence) -> pd.DataFrame:
    """Grids and sources whose last seven days lie beyond chance by the law of :func:`riskwarn.unusual.weekly_reading`.

    Listed: p below 0.001, at least three events, false discovery rate 0.1 among the grids of a source. The law moves with the city
    and scatters as the source does, so a busy season is nobody's surge; and p is worth what such chances were in the year before, so that
    where wild weeks are usual fewer are told. A source of less than half a year has hardly such a year, and there the law's own p holds.
    """
    seen: dict[int, str] = {}
    for events in evidence.shares():
        seen |= {int(s): str(events.words["source"][s]) for s in np.unique(events.source)}
    tables = [_of_source(evidence, seen[code]) for code in sorted(seen)]
    return pd.concat(tables, ignore_index=True) if tables else no_gaps(SURGE, evidence.as_of)


def _of_source(evidence: Evidence, source: str) -> pd.DataFrame:
    weekly = weekly_counts(evidence, source)
    reading = weekly_reading(weekly, weekly_tail(weekly))
    p = reading["p_high"].fillna(1.0).to_numpy()
    rows = np.flatnonzero(discovered(p) & (p < _UNLIKELY) & (weekly[:, -1] >= _LEAST_EVENTS))
    surge, before = reading.iloc[rows], weekly[rows, -1 - PAST_WEEKS : -1].mean(axis=1)
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


def weekly_counts(evidence: Evidence, source: str) -> np.ndarray:
    """(n_grids, 68) events of a source by the week they occurred in, oldest first; the last week ends at the night.

    Parameters
    ----------
    evidence
        Of the night.
    source
        A feed.

    Returns
    -------
    weekly
        Counts: a year of weeks by which the law is held, fifteen that tell what is usual, and the last.
    """
    weekly = np.zeros(evidence.n_grids * _WEEKS)
    for events in evidence.shares(source):
        ago = evidence.days_ago(events.occurred) // _DAYS
        rows = np.flatnonzero(events.of(source) & (events.grid >= 0) & (ago < _WEEKS))
        cell = events.grid[rows] * _WEEKS + _WEEKS - 1 - ago[rows]
        weekly += np.bincount(cell, minlength=len(weekly))
    return weekly.reshape(-1, _WEEKS)
