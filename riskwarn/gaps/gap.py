"""What a gap is: one row of table `gaps`, and the control of false alarms that all kinds share."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.language import Spoken, phrase

FALSE_DISCOVERY_RATE = 0.1
"""Share of false alarms allowed among the grids of one kind and night (Benjamini & Hochberg 1995, JRSS B 57, 289–300)."""
SEVERITY_SCALE = 4.0
RESIDENTS_AND_LEDGER = ("dispute", "hotline", "petition", "police_call")
NIGHTS, NIGHTS_SEEN = 4, 3
"""A statistical gap is shown when it is found on three of the last four nights."""


@dataclass(frozen=True)
class Kind:
    """A kind of gap: its code, its name, what it means, the action that closes it, and what must be there to look for it.

    Attributes
    ----------
    tables
        Tables of the store without which the kind is not run.
    columns
        Columns of `events`, of which one at least must hold values.
    feeds, days
        Of which feeds events are looked at (none of them: the empty tuple), and how many days back; all by default. What else
        there is changes nothing.
    """

    code: str
    words: Spoken
    meaning: Spoken
    action: str
    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    feeds: tuple[str, ...] | None = None
    days: float = np.inf


SILENT = Kind(
    "G01", phrase("silent grid"), phrase("far fewer reports than expected; this is not calm, someone should look"), "A1"
)
UNDER = Kind(
    "G02",
    phrase("under-recording"),
    phrase("people asked for help and the ledger has no record"),
    "A6",
    columns=("case_id", "place_key"),
    feeds=RESIDENTS_AND_LEDGER,
    days=365,
)
COVERAGE = Kind(
    "G03",
    phrase("coverage gap"),
    phrase("fewer visits than the risk calls for"),
    "A1",
    tables=("visits",),
    feeds=RESIDENTS_AND_LEDGER,
    days=365,
)
STAFF = Kind(
    "G04",
    phrase("staffing gap"),
    phrase("nobody in charge, or one worker with too much"),
    "A9",
    tables=("roster",),
    feeds=(),
)
HOUR = Kind(
    "G05",
    phrase("time-of-day gap"),
    phrase("visits and events fall at different hours"),
    "A1",
    tables=("visits",),
    feeds=("police_call", "hotline"),
    days=365,
)
RESPONSE = Kind("G06", phrase("response gap"), phrase("cases are open past their limit"), "A4")
REPEAT = Kind(
    "G07",
    phrase("repeat gap"),
    phrase("the same place comes back after closure"),
    "A3",
    columns=("case_id", "place_key"),
)
FEED = Kind("G08", phrase("feed gap"), phrase("a feed stopped or shrank; what rests on it cannot be trusted"), "A8")
ESCALATION = Kind(
    "G09",
    phrase("escalation gap"),
    phrase("a dispute has moved up step by step without being resolved"),
    "A3",
    columns=("case_id",),
    feeds=RESIDENTS_AND_LEDGER,
)
SEAM = Kind(
    "G10",
    phrase("seam gap"),
    phrase("events gather on a border between jurisdictions; nobody owns them"),
    "A5",
    columns=("near_grid_id", "place_key"),
    days=730,
)
CROSS = Kind(
    "G11",
    phrase("cross-agency gap"),
    phrase("several agencies handle one place without joining the matter"),
    "A3",
    columns=("place_key",),
    feeds=RESIDENTS_AND_LEDGER,
    days=56,
)
DIVERT = Kind(
    "G12",
    phrase("diversion gap"),
    phrase("a police call was handed over and the receiver has no record"),
    "A5",
    tables=("diversions",),
    feeds=(),
)
BOUNCE = Kind(
    "G13",
    phrase("bounce gap"),
    phrase("a case was returned between bodies again and again"),
    "A5",
    tables=("workflow",),
    feeds=(),
)
CALLBACK = Kind(
    "G14",
    phrase("follow-up gap"),
    phrase("a serious case was closed and nobody called back in time"),
    "A2",
    tables=("workflow",),
    feeds=("dispute",),
)
PAPER = Kind(
    "G15",
    phrase("paper closure"),
    phrase("closed as resolved, yet it recurs more than expected"),
    "A7",
    columns=("case_id", "place_key"),
)
LAG = Kind(
    "G16",
    phrase("discovery lag"),
    phrase("recorded long after people first asked for help"),
    "A1",
    columns=("case_id",),
    feeds=RESIDENTS_AND_LEDGER,
    days=365,
)
CATEGORY = Kind(
    "G17",
    phrase("category blind spot"),
    phrase("other feeds show this category, the ledger shows none"),
    "A10",
    feeds=("dispute", "hotline", "petition"),
    days=182,
)
UNPLACED = Kind("G18", phrase("unassigned events"), phrase("events carry no valid grid"), "A7", tables=("events",))
ALERT = Kind(
    "G19",
    phrase("alert unused"),
    phrase("an alert was not acknowledged or answered in time"),
    "A4",
    tables=("visits", "alerts"),
    feeds=(),
)
SURGE = Kind("G20", phrase("surge"), phrase("far more events than expected; find out why"), "A7", days=476)
KINDS = {
    k.code: k
    for k in (
        SILENT,
        UNDER,
        COVERAGE,
        STAFF,
        HOUR,
        RESPONSE,
        REPEAT,
        FEED,
        ESCALATION,
        SEAM,
        CROSS,
        DIVERT,
        BOUNCE,
        CALLBACK,
        PAPER,
        LAG,
        CATEGORY,
        UNPLACED,
        ALERT,
        SURGE,
    )
}


def gap_rows(
    kind: Kind,
    as_of: pd.Timestamp,
    scopes: Sequence[str] | np.ndarray,
    *,
    observed: np.ndarray,
    expected: np.ndarray,
    score: np.ndarray,
    confidence: np.ndarray | float,
    evidence: Sequence[Mapping[str, object]],
    lower: np.ndarray | None = None,
    upper: np.ndarray | None = None,
    state: str = "open",
) -> pd.DataFrame:
    """Rows of table `gaps`, one a scope.

    `score` is at least 0 and becomes a severity of 0 to 100 by ``100 * (1 - exp(-score / 4))``.
    """
    n = len(scopes)
    nothing = np.full(n, np.nan)
    severity = 100 * -np.expm1(-np.maximum(np.asarray(score, dtype=float), 0) / SEVERITY_SCALE)
    return pd.DataFrame(
        {
            "gap_id": pd.array([gap_id(kind.code, str(s), as_of) for s in scopes], dtype="str"),
            "kind": pd.array([kind.code] * n, dtype="str"),
            "scope": pd.array([str(s) for s in scopes], dtype="str"),
            "as_of": pd.DatetimeIndex([as_of]).repeat(n),
            "observed": np.asarray(observed, dtype=float),
            "expected": np.asarray(expected, dtype=float),
            "lower": nothing if lower is None else np.asarray(lower, dtype=float),
            "upper": nothing if upper is None else np.asarray(upper, dtype=float),
            "severity": severity,
            "confidence": np.clip(np.broadcast_to(np.asarray(confidence, dtype=float), n), 0, 1),
            "state": pd.array([state] * n, dtype="str"),
            "evidence": pd.array(
                [json.dumps(dict(e), ensure_ascii=False, default=plain) for e in evidence], dtype="str"
            ),
            "action": pd.array([kind.action] * n, dtype="str"),
            "suppressed_by": pd.array([None] * n, dtype="str"),
        }
    )


def no_gaps(kind: Kind, as_of: pd.Timestamp) -> pd.DataFrame:
    """No row."""
    nothing = np.zeros(0)
    return gap_rows(kind, as_of, [], observed=nothing, expected=nothing, score=nothing, confidence=nothing, evidence=[])


def unknown(
    kind: Kind, as_of: pd.Timestamp, scopes: Sequence[str] | np.ndarray, evidence: Sequence[Mapping[str, object]]
) -> pd.DataFrame:
    """Rows that say where nothing can be said: state ``insufficient_data``, severity 0."""
    nothing = np.full(len(scopes), np.nan)
    return gap_rows(
        kind,
        as_of,
        scopes,
        observed=nothing,
        expected=nothing,
        score=np.zeros(len(scopes)),
        confidence=0.0,
        evidence=evidence,
        state="insufficient_data",
    )


def plain(value: object) -> object:
    """A numpy or pandas scalar as JSON knows it."""
    if isinstance(value, pd.Timestamp):
        return value.isoformat(timespec="minutes")
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return str(value)


def gap_id(kind: str, scope: str, as_of: pd.Timestamp) -> str:
    """Name of a gap, the same whenever it is found again for the night."""
    return hashlib.sha256(f"{kind}|{scope}|{as_of.tz_convert('UTC').isoformat()}".encode()).hexdigest()[:16]


@checked
def discovered(p: np.ndarray, *, rate: float = FALSE_DISCOVERY_RATE) -> np.ndarray:
    """Which tests to believe so that at most `rate` of them are false on average.

    Parameters
    ----------
    p
        (n,) p-values.
    rate
        Most of the believed tests that may be false, a share in [0, 1].

    Returns
    -------
    believed
        (n,) bool.

    Examples
    --------
    >>> discovered(np.array([0.001, 0.2, 0.03, 0.9]))
    array([ True, False,  True, False])
    """
    if len(p) == 0:
        return np.zeros(0, dtype=bool)
    order = np.argsort(p)
    passing = np.flatnonzero(p[order] <= rate * np.arange(1, len(p) + 1) / len(p))
    passed = np.zeros(len(p), dtype=bool)
    if passing.size:
        passed[order[: passing[-1] + 1]] = True
    return passed


@checked
def believed(chance: np.ndarray, *, rate: float = FALSE_DISCOVERY_RATE) -> np.ndarray:
    """The Bayesian twin of :func:`discovered`: the most tests whose mean chance of being false is at most `rate` [1]_.

    Parameters
    ----------
    chance
        (n,) probability that each finding is false (the local false discovery rate).
    rate
        Most of the believed tests that may be false, a share in [0, 1].

    Returns
    -------
    believed
        (n,) bool.

    References
    ----------
    .. [1] Newton, Noueiry, Sarkar & Ahlquist (2004), Biostatistics 5, 155–176; Efron (2008), Statistical Science 23, 1–22.

    Examples
    --------
    >>> believed(np.array([0.01, 0.9, 0.15, 0.3]))
    array([ True, False,  True, False])
    """
    order = np.argsort(chance, kind="stable")
    mean = np.cumsum(chance[order]) / np.arange(1, len(chance) + 1)
    passed = np.zeros(len(chance), dtype=bool)
    passed[order[: int(np.searchsorted(mean, rate, side="right"))]] = True
    return passed


def persistent(seen: np.ndarray) -> np.ndarray:
    """Which are found tonight and on three of the last four nights.

    Parameters
    ----------
    seen
        (n, 4) whether each was found on each of the last four nights, tonight last.

    Examples
    --------
    >>> persistent(np.array([[False, True, True, True], [True, True, False, False], [False, False, False, True]]))
    array([ True, False, False])
    """
    return np.asarray(seen[:, -1] & (seen.sum(axis=1) >= min(NIGHTS_SEEN, seen.shape[1])))
