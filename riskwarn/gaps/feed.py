"""G08: a feed that stopped. Silence of a source is told from calm by what the source usually delivers."""

from typing import Any

import numpy as np
import pandas as pd

from riskwarn.gaps.gap import FEED, gap_rows
from riskwarn.history import DAY_US, Snapshot

_MEMORY_DAYS = 84
_UNLIKELY = 1e-3


def stopped_feeds(snapshot: Snapshot) -> pd.DataFrame:
    """Sources that have delivered nothing for longer than chance allows.

    With `mu` records a day on average over the last 84 days of delivery and dispersion `k` between days, nothing for `d` whole days
    has probability ``(1 + k * mu) ** (-d / k)``; below 0.001 the feed has stopped. One row a stopped source; `observed` is 0 and
    `expected` the records missing.
    """
    as_of = snapshot.local[0]
    rows = [_judge(snapshot, source) for source in snapshot.history.sources]
    found = [r for r in rows if r is not None and r["p"] < _UNLIKELY]
    missing = np.array([r["records_missing"] for r in found])
    p = np.array([r["p"] for r in found])
    return gap_rows(
        FEED, as_of, np.array([f"feed:{r['source']}" for r in found], dtype=object), observed=np.zeros(len(found)), expected=missing,
        score=-np.log10(np.maximum(p, 1e-12)), confidence=1 - p, evidence=found,
    )  # fmt: skip


def _judge(snapshot: Snapshot, source: str) -> dict[str, Any] | None:
    cases, at = snapshot.history.cases, int(snapshot.micros[0])
    own = np.flatnonzero(snapshot.history.words["source"] == source)[0]
    arrived = cases.start[(cases.source == own) & (cases.start < at)]
    if arrived.size == 0:
        return None
    last = int(arrived.max())
    day = (last - arrived[arrived > last - _MEMORY_DAYS * DAY_US]) // DAY_US
    per_day = np.bincount(day, minlength=min(_MEMORY_DAYS, int(day.max()) + 1))
    mean = float(per_day.mean())
    dispersion = max(float((per_day.var() - mean) / mean**2), 1e-9)
    silent_days = (at - last) / DAY_US
    p = float((1 + dispersion * mean) ** (-np.floor(silent_days) / dispersion))
    return {
        "source": source, "last_at": str(pd.Timestamp(last, unit="us", tz="UTC").tz_convert(snapshot.history.timezone)),
        "silent_days": round(silent_days, 2), "records_a_day": round(mean, 2), "records_missing": round(mean * silent_days, 1), "p": p,
    }  # fmt: skip
