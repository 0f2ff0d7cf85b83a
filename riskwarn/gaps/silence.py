"""G01: a silent grid, told from calm by a filter over its own reports (:mod:`riskwarn.gaps.awake`), with every outage taken out.

The window adapts by itself: a run of empty days weighs as much as reports were due in it. Rolled up to the community where one grid is
due too few reports to tell. A city without a feed of grid workers is judged by what its residents bring.
"""

import numpy as np
import pandas as pd

from riskwarn.gaps.awake import FACTORS, LEAST_EXPECTED, Liveness, awake_chance, due_in_half_a_year, learnt
from riskwarn.gaps.evidence import CITIZENS, WORKERS, Evidence
from riskwarn.gaps.gap import SILENT, believed, gap_rows, no_gaps, persistent, unknown
from riskwarn.gaps.liveness import liveness
from riskwarn.history import DAY_US

_LEAST_CHANCE = 1e-9


def silent_grids(evidence: Evidence) -> pd.DataFrame:
    """Grids whose workers' reports fell to a fraction of their own rate; without a feed of theirs, residents' requests.

    Listed are the grids likeliest to be silent, likeliest first, as many as keep the expected share of false ones at 0.1, on three nights of four.
    `observed` and `expected` speak of the time since the likeliest onset, `expected` at the grid's rate before it; `p` in the evidence is
    the probability that the grid is not silent.
    Units that are due fewer than five reports in half a year are judged by community; where that is too few as well a row
    of state ``insufficient_data`` says so.

    Parameters
    ----------
    evidence
        Of the night.

    Returns
    -------
    gaps
        Rows of table `gaps`.
    """
    live = liveness(evidence)
    if live is None:
        return unknown(
            SILENT,
            evidence.as_of,
            ["org:*"],
            [{"reason": "no feed of grid workers or residents", "wanted": [*WORKERS, *CITIZENS]}],
        )
    due = due_in_half_a_year(live)
    grids = np.flatnonzero(due >= LEAST_EXPECTED)
    judged = _judge(evidence, live, grids, np.array([f"grid:{g}" for g in evidence.grid_ids], dtype=object))
    return pd.concat([judged, _rolled_up(evidence, live, np.flatnonzero(due < LEAST_EXPECTED))], ignore_index=True)


def _judge(evidence: Evidence, live: Liveness, units: np.ndarray, scopes: np.ndarray) -> pd.DataFrame:
    if len(units) == 0:
        return no_gaps(SILENT, evidence.as_of)
    awake = awake_chance(live, units)
    listed = np.flatnonzero(persistent(np.column_stack([believed(night) for night in awake.T])))
    rows = units[listed]
    since, observed, expected, size = _since(live, rows)
    lower, upper = _interval(expected, size)
    return gap_rows(
        SILENT,
        evidence.as_of,
        scopes[rows],
        observed=observed,
        expected=expected,
        score=-np.log(np.maximum(awake[listed, -1], _LEAST_CHANCE)),
        confidence=1 - awake[listed, -1],
        lower=lower,
        upper=upper,
        evidence=(_told if live.by_workers else _told_by_residents)(
            evidence, scopes[rows], since, observed, expected, awake[listed, -1]
        ),
    )


def _interval(expected: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy import stats  # noqa: PLC0415

    share = size / (size + expected)
    return np.asarray(stats.nbinom.ppf(0.05, size, share)), np.asarray(stats.nbinom.ppf(0.95, size, share))


def _since(live: Liveness, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Days since the likeliest onset, reports since, reports due since by the rate before, and the size of their negative binomial law.

    The onset is where the log likelihood ratio of a rate cut to 0.15 against the rate before, both Poisson, is largest: the estimate of
    Page's cumulative sum (1954, Biometrika 41, 100–115).
    """
    y, e = live.counts[rows], live.exposure[rows]
    since_y, since_e = (np.cumsum(v[:, ::-1], axis=1)[:, ::-1] for v in (y, e))
    before_y, before_e = y.sum(axis=1, keepdims=True) - since_y, e.sum(axis=1, keepdims=True) - since_e
    size = before_y + live.prior_size
    rate = size / (before_e + live.prior_size / live.prior_mean[rows, None])
    ratio = np.log(FACTORS[1]) * since_y + (1 - FACTORS[1]) * rate * since_e
    at = np.argmax(ratio, axis=1)
    take = (np.arange(len(rows)), at)
    days = np.cumsum(live.days[::-1])[::-1][at]
    # the pace of the window strays beside the doubt of the rate
    doubt = 1 / size[take] + live.pace.variance(since_e[take])
    return days, since_y[take], (rate * since_e)[take], 1 / doubt


def _told(
    evidence: Evidence, scopes: np.ndarray, since: np.ndarray, observed: np.ndarray, expected: np.ndarray, p: np.ndarray
) -> list[dict[str, object]]:
    """Evidence of each: the window, and whether residents called and workers came while nothing was reported."""
    calls, visits = _asked(evidence, scopes, since)
    sub = np.where(calls > 0, "confirmed", np.where(visits > 0, "visited", "unvisited"))
    return [
        {
            "window_days": int(d),
            "reports": round(float(o), 1),
            "expected": round(float(x), 1),
            "p": float(q),
            "resident_requests": int(c),
            "visits": int(v),
            "subtype": s,
        }
        for d, o, x, q, c, v, s in zip(since, observed, expected, p, calls, visits, sub, strict=True)
    ]


def _told_by_residents(
    _: Evidence, scopes: np.ndarray, since: np.ndarray, observed: np.ndarray, expected: np.ndarray, p: np.ndarray
) -> list[dict[str, object]]:
    """Evidence of each, where residents' requests are all there is to judge by."""
    return [
        {
            "window_days": int(d),
            "requests": round(float(o), 1),
            "expected": round(float(x), 1),
            "p": float(q),
            "subtype": "residents",
        }
        for _, d, o, x, q in zip(scopes, since, observed, expected, p, strict=True)
    ]


def _asked(evidence: Evidence, scopes: np.ndarray, since: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    at = {f"grid:{g}": i for i, g in enumerate(evidence.grid_ids)}
    grid = np.array([at.get(s, -1) for s in scopes], dtype=int)
    window = np.zeros(evidence.n_grids + 1)
    window[grid] = since
    window[-1] = 0
    calls = np.zeros(evidence.n_grids + 1, np.int64)
    for events in evidence.shares(*CITIZENS):
        mine = np.flatnonzero(events.of(*CITIZENS) & (events.grid >= 0))
        recent = mine[(evidence.at - events.occurred[mine]) / DAY_US <= window[events.grid[mine]]]
        calls += np.bincount(events.grid[recent], minlength=evidence.n_grids + 1)
    calls = calls[grid]
    if not evidence.has("visits"):
        return calls, np.zeros(len(scopes))
    made = evidence.visits
    recent = np.flatnonzero((evidence.at - made.started) / DAY_US <= window[made.grid])
    return calls, np.bincount(made.grid[recent], minlength=evidence.n_grids + 1)[grid]


def _rolled_up(evidence: Evidence, live: Liveness, few: np.ndarray) -> pd.DataFrame:
    """Grids due too few reports, judged together by community; communities due too few are said to be unknown."""
    if len(few) == 0:
        return no_gaps(SILENT, evidence.as_of)
    community, names = evidence.parent("community_id")
    together = learnt(_summed(live, few, community[few], len(names)), leaves=False)
    due = np.where(np.bincount(community[few], minlength=len(names)) > 0, due_in_half_a_year(together), -1.0)
    scopes = np.array([f"org:{n}" for n in names], dtype=object)
    judged = _judge(evidence, together, np.flatnonzero(due >= LEAST_EXPECTED), scopes)
    dark = np.flatnonzero((due >= 0) & (due < LEAST_EXPECTED))
    numbers = [
        {
            "n_grids": int((community[few] == c).sum()),
            "expected_in_182_days": round(float(due[c]), 1),
            "wanted": LEAST_EXPECTED,
        }
        for c in dark
    ]
    return pd.concat([judged, unknown(SILENT, evidence.as_of, scopes[dark], numbers)], ignore_index=True)


def _summed(live: Liveness, units: np.ndarray, parent: np.ndarray, n: int) -> Liveness:
    def total(values: np.ndarray) -> np.ndarray:
        out = np.zeros((n, *values.shape[1:]))
        np.add.at(out, parent, values[units])
        return out

    size = np.maximum(np.bincount(parent, minlength=n), 1)
    mean = total(live.prior_mean)
    exposure = total(live.exposure * live.prior_mean[:, None]) / np.maximum(mean, 1e-9)[:, None]
    return Liveness(
        total(live.counts),
        exposure,
        live.days,
        np.maximum(mean, 1e-9),
        live.prior_size * float(size.mean()),
        live.feeds,
        live.by_workers,
    )
