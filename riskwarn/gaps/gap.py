"""What a gap is: one row of table `gaps`, and the control of false alarms that all kinds share."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.taxonomy import Words

FALSE_DISCOVERY_RATE = 0.1
"""Share of false alarms allowed among the grids of one kind and night (Benjamini & Hochberg 1995, JRSS B 57, 289–300)."""
SEVERITY_SCALE = 4.0


@dataclass(frozen=True)
class Kind:
    """A kind of gap: its code, words, and the action that closes it."""

    code: str
    words: Words
    action: str


SILENT = Kind("G01", Words("静默网格", "silent grid"), "A1")
FEED = Kind("G08", Words("断报缺口", "feed stopped"), "A8")
SURGE = Kind("G20", Words("突增", "surge"), "A7")
KINDS = {k.code: k for k in (SILENT, FEED, SURGE)}


def gap_rows(
    kind: Kind,
    as_of: pd.Timestamp,
    scopes: np.ndarray,
    *,
    observed: np.ndarray,
    expected: np.ndarray,
    score: np.ndarray,
    confidence: np.ndarray,
    evidence: Sequence[Mapping[str, object]],
    lower: np.ndarray | None = None,
    upper: np.ndarray | None = None,
) -> pd.DataFrame:
    """Rows of table `gaps`, one a scope.

    `score` is at least 0 and becomes a severity of 0 to 100 by ``100 * (1 - exp(-score / 4))``.
    """
    nothing = np.full(len(scopes), np.nan)
    return pd.DataFrame({
        "gap_id": [gap_id(kind.code, str(s), as_of) for s in scopes], "kind": kind.code, "scope": np.asarray(scopes, dtype=object),
        "as_of": pd.DatetimeIndex([as_of]).repeat(len(scopes)), "observed": np.asarray(observed, dtype=float),
        "expected": np.asarray(expected, dtype=float), "lower": nothing if lower is None else lower,
        "upper": nothing if upper is None else upper, "severity": 100 * -np.expm1(-np.maximum(score, 0) / SEVERITY_SCALE),
        "confidence": np.clip(confidence, 0, 1), "state": "open",
        "evidence": [json.dumps(dict(e), ensure_ascii=False) for e in evidence], "action": kind.action, "suppressed_by": pd.Series([None] * len(scopes), dtype="str"),
    })  # fmt: skip


def gap_id(kind: str, scope: str, as_of: pd.Timestamp) -> str:
    """Name of a gap, the same whenever it is found again for the night."""
    return hashlib.sha256(f"{kind}|{scope}|{as_of.tz_convert('UTC').isoformat()}".encode()).hexdigest()[:16]


def discovered(p: np.ndarray, *, rate: float = FALSE_DISCOVERY_RATE) -> np.ndarray:
    """Which tests to believe so that at most `rate` of them are false on average.

    Parameters
    ----------
    p
        (n,) p-values.

    Examples
    --------
    >>> discovered(np.array([0.001, 0.2, 0.03, 0.9]))
    array([ True, False,  True, False])
    """
    if len(p) == 0:
        return np.zeros(0, dtype=bool)
    order = np.argsort(p)
    passing = np.flatnonzero(p[order] <= rate * np.arange(1, len(p) + 1) / len(p))
    found = np.zeros(len(p), dtype=bool)
    if passing.size:
        found[order[: passing[-1] + 1]] = True
    return found
