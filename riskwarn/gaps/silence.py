"""G01: a silent grid, told from calm by a two-state filter over its own reports, with every outage taken out.

A grid either reports at its own rate or is silent: a fraction of that rate, 0.15 or nothing. The filter runs over all past weeks and the
last seven days by the day, over the rate (a gamma law whose mean follows visits and people, learnt from all grids) and the state, and
gives at every night the odds that the grid is silent now. The window adapts by itself: a run of empty days weighs as much as reports were
due in it. Rolled up to the community where one grid is due too few reports to tell.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from riskwarn.gaps.evidence import CITIZENS, WORKERS, Evidence
from riskwarn.gaps.exposure import Feed, feed_of, span_days, unvisited
from riskwarn.gaps.gap import NIGHTS, SILENT, believed, gap_rows, no_gaps, persistent, unknown
from riskwarn.history import DAY_US

FACTORS = (1.0, 0.15, 0.01)
"""What a grid reports in each state, as a share of its own rate: as usual, little, nothing (one in a hundred may be misplaced)."""
ONSET_PER_DAY, MEAN_SPELL_DAYS = 1e-4, 200.0
"""A grid falls silent once in 27 years, and stays so for 200 days, on average; half of the silences are total."""
NODES = 21
LEAST_EXPECTED = 5.0
"""Reports due in half a year below which a grid cannot be judged by itself."""
_HALF_YEAR_DAYS = 182


@dataclass(frozen=True, eq=False)
class Liveness:
    """Reports of workers by unit and bin, oldest bin first; the last seven bins are days, those before weeks.

    `counts` and `exposure` are (units, bins); `exposure` is in days of a unit in order; `days` (bins,) their lengths.
    """

    counts: np.ndarray
    exposure: np.ndarray
    days: np.ndarray
    prior_mean: np.ndarray
    """(units,) reports a day of a unit of its kind."""
    prior_size: float
    """Size (shape) of the gamma law of rates about that mean."""
    feeds: list[Feed] = field(default_factory=list)


def silent_grids(evidence: Evidence) -> pd.DataFrame:
    """Grids whose workers' reports fell to a fraction of their own rate.

    Listed are the grids likeliest to be silent, as many as keep the expected share of false ones at 0.1, on three nights of four.
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
            SILENT, evidence.as_of, ["org:*"], [{"reason": "no feed of grid workers", "wanted": list(WORKERS)}]
        )
    due = _due(live)
    grids = np.flatnonzero(due >= LEAST_EXPECTED)
    judged = _judge(evidence, live, grids, np.array([f"grid:{g}" for g in evidence.grid_ids], dtype=object))
    return pd.concat([judged, _rolled_up(evidence, live, np.flatnonzero(due < LEAST_EXPECTED))], ignore_index=True)


def liveness(evidence: Evidence) -> Liveness | None:
    """Reports of grid workers by grid and bin, and what could have come; none where the city has no such feed.

    Parameters
    ----------
    evidence
        Of the night.

    Returns
    -------
    liveness
        Counts and exposure by unit and bin, with the law of the rates.
    """
    known = set(evidence.events.words["source"][np.unique(evidence.events.source)])
    feeds = [feed_of(evidence, s, workers=True) for s in WORKERS if s in known]
    feeds = [f for f in feeds if f.counts.sum() > 0]
    if not feeds:
        return None
    bins, lengths = _bins(span_days(evidence))
    counts = sum(_counts(evidence, f.source, bins) for f in feeds)
    exposure = _exposure(evidence, feeds, bins) * _there(evidence, bins, lengths)
    counts = np.where(exposure > 0, counts, 0.0)
    mean, size = _prior(evidence, counts.sum(axis=1), exposure.sum(axis=1))
    return Liveness(counts, exposure, lengths, mean, size, feeds)


def _bins(days: int) -> tuple[np.ndarray, np.ndarray]:
    """For each day ago the bin it falls into, oldest bin 0; and the bins' lengths in days."""
    ago = np.arange(days)
    week = np.where(ago < 7, ago, 7 + (ago - 7) // 7)
    bins = week.max() - week
    return bins, np.bincount(bins).astype(float)


def _counts(evidence: Evidence, source: str, bins: np.ndarray) -> np.ndarray:
    """(n_grids, bins) reports, those under old codes by their share in each grid of tonight."""
    events = evidence.events
    mine = events.of(source)
    if source != "grid_report":
        mine &= (events.words["origin"] == "proactive")[events.origin]
    ago = evidence.days_ago(events.occurred)
    rows = np.flatnonzero(mine & (ago < len(bins)))
    n_bins = int(bins.max()) + 1
    codes = len(events.words["grid_id"])
    by_code = np.bincount(events.raw_grid[rows] * n_bins + bins[ago[rows]], minlength=codes * n_bins)
    return np.asarray(evidence.follow @ by_code.reshape(codes, n_bins).astype(float))


def _exposure(evidence: Evidence, feeds: list[Feed], bins: np.ndarray) -> np.ndarray:
    """(n_grids, bins) days' worth of reports that could be known."""
    area, _ = evidence.parent(feeds[0].level)
    level = [f.expected.mean(axis=1, keepdims=True) for f in feeds]
    total = np.maximum(sum(level), 1e-9)
    daily = sum(f.expected / total * f.exposure for f in feeds)
    by_bin = np.zeros((len(daily), int(bins.max()) + 1))
    np.add.at(by_bin.T, bins, daily.T)
    return np.asarray(by_bin[area])


def _there(evidence: Evidence, bins: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """(n_grids, bins) share of each bin in which the grid existed and somebody was in it."""
    there = _existing(evidence, lengths)
    if not evidence.has("visits"):
        return there
    visits = evidence.visits
    ago = evidence.days_ago(visits.started)
    here = ago < len(bins)
    weeks = int(np.ceil(len(bins) / 7))
    absent = unvisited(visits.counts(np.where(here, ago // 7, -1), weeks))
    last_day_of_bin = np.zeros(len(lengths), dtype=int)
    last_day_of_bin[bins[::-1]] = np.arange(len(bins))[::-1]
    return np.where(absent[:, last_day_of_bin // 7], 0.0, there)


def _existing(evidence: Evidence, lengths: np.ndarray) -> np.ndarray:
    edges = np.r_[np.cumsum(lengths[::-1])[::-1], 0.0]
    born = evidence.grids["valid_from"]
    age = (evidence.as_of - born).dt.total_seconds().to_numpy(dtype=float) / 86_400
    heir = np.asarray((evidence.follow > 0).sum(axis=1)).ravel() > 1
    age = np.where(heir | np.isnan(age), np.inf, age)
    return np.asarray(np.clip((age[:, None] - edges[None, 1:]) / lengths[None, :], 0, 1))


def _prior(evidence: Evidence, counts: np.ndarray, exposure: np.ndarray) -> tuple[np.ndarray, float]:
    """Mean rate of each grid's like by visits and people, and the size of the gamma law about it."""
    columns = [np.ones(evidence.n_grids)]
    if evidence.has("visits"):
        made = evidence.visits.counts(np.zeros(len(evidence.visits.grid), dtype=int), 1)[:, 0]
        columns.append(np.log(made + 0.02 * max(made.mean(), 1e-9)))
    people = evidence.attribute("population")
    if people is not None:
        columns.append(np.log(np.maximum(people, 1.0)))
    design = np.column_stack(columns)
    design[:, 1:] -= design[:, 1:].mean(axis=0)
    mean = poisson_means(design, counts, np.maximum(exposure, 1e-9))
    return mean, _size(counts, mean * exposure)


def poisson_means(design: np.ndarray, counts: np.ndarray, exposure: np.ndarray) -> np.ndarray:
    """(n,) rates fitted by a log-linear Poisson regression, by Newton's method with a slight ridge.

    Parameters
    ----------
    design
        (n, k) columns, the first one constant.
    counts
        (n,) at least 0.
    exposure
        (n,) above 0.

    Returns
    -------
    rates
        Counts a unit of exposure.

    Notes
    -----
    Newton's method is the iteratively reweighted least squares of the canonical link (McCullagh & Nelder 1989, Generalized Linear
    Models, section 2.5); it starts at the overall rate. The ridge keeps a column that tells nothing, or all counts at 0, from running off.
    scikit-learn's ``PoissonRegressor`` gives the same rates in five times the time, and has no answer where all counts are 0.

    Examples
    --------
    >>> poisson_means(np.ones((3, 1)), np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 2.0])).round(2).tolist()
    [1.5, 1.5, 1.5]
    """
    weights = np.zeros(design.shape[1])
    weights[0] = np.log(max(counts.sum(), 0.5) / exposure.sum())
    ridge = 1e-3 * np.eye(design.shape[1])
    for _ in range(25):
        mean = np.exp(np.clip(design @ weights, -30, 30)) * exposure
        step = np.linalg.solve(design.T @ (design * mean[:, None]) + ridge, design.T @ (counts - mean))
        weights = weights + step
        if np.abs(step).max() < 1e-8:
            break
    return np.asarray(np.exp(np.clip(design @ weights, -30, 30)))


def _size(counts: np.ndarray, mean: np.ndarray) -> float:
    """Size of the gamma law of rates by moments, in [1, 100]: the variance beyond Poisson is ``mean**2 / size``.

    The moment estimator of Clayton & Kaldor (1987, Biometrics 43, 671–681); the filter needs no more than its order of magnitude.
    """
    beyond = float(((counts - mean) ** 2 - mean).sum() / max((mean**2).sum(), 1e-9))
    return float(np.clip(1 / max(beyond, 1e-9), 1.0, 100.0))


def awake_chance(live: Liveness, units: np.ndarray, *, nights: int = NIGHTS) -> np.ndarray:
    """(units, nights) probability that each unit is *not* silent, at the end of each of the last `nights` bins, the oldest first.

    Parameters
    ----------
    live
        What :func:`liveness` gave.
    units
        Row numbers.
    nights
        How many of the last bins.

    Returns
    -------
    chance
        In [0, 1].

    Notes
    -----
    The forward recursion of a hidden Markov chain [1]_ whose states are awake and two depths of silence, for each of some rates: the gamma
    law of rates is summed at nodes instead of integrated, for the chain leaves no closed form. Only the past is looked at, as on the night
    itself.

    References
    ----------
    .. [1] Rabiner (1989), Proceedings of the IEEE 77, 257-286.
    """
    spread, weight = _nodes(live.prior_size)
    factors = np.array(FACTORS)
    rate = live.prior_mean[units, None, None] * (spread[:, None] * factors)[None, :, :]
    log_rate, rate = np.log(rate).astype(np.float32), rate.astype(np.float32)
    counts, exposure = live.counts[units].astype(np.float32), live.exposure[units].astype(np.float32)
    start = ONSET_PER_DAY * MEAN_SPELL_DAYS
    begin = weight[:, None] * np.array([1 - start, start / 2, start / 2])[None, :]
    belief = np.broadcast_to(begin.astype(np.float32), rate.shape).copy()
    chances = []
    for b, days in enumerate(live.days):
        belief = belief @ _moves(float(days)).astype(np.float32)
        log = counts[:, b, None, None] * log_rate - exposure[:, b, None, None] * rate
        belief *= np.exp(log - log.max(axis=(1, 2), keepdims=True))
        belief /= belief.sum(axis=(1, 2), keepdims=True)
        if b >= len(live.days) - nights:
            chances.append(belief[:, :, 0].sum(axis=1))
    return np.column_stack(chances).astype(float)


def _nodes(size: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of a gamma law with mean 1 and this size, evenly spaced on the log scale.

    3.2 standard deviations up and a quarter more down, for on the log scale a gamma law leans to the left; weights are the density there.
    """
    # in the log of the rate the density is rate ** size * exp(-size * rate): one power more than in the rate itself
    reach = 3.2 / np.sqrt(size)
    spread = np.exp(np.linspace(-1.25 * reach, reach, NODES))
    log = size * np.log(spread) - size * spread
    weight = np.exp(log - log.max())
    return spread, weight / weight.sum()


def _moves(days: float) -> np.ndarray:
    """(3, 3) chances to pass from state to state within `days`."""
    onset, end = -np.expm1(-ONSET_PER_DAY * days), -np.expm1(-days / MEAN_SPELL_DAYS)
    return np.array([[1 - onset, onset / 2, onset / 2], [end, 1 - end, 0.0], [end, 0.0, 1 - end]])


def _due(live: Liveness) -> np.ndarray:
    """(units,) reports due in the last half year."""
    recent = np.cumsum(live.days[::-1])[::-1] <= _HALF_YEAR_DAYS
    rate = (live.counts.sum(axis=1) + live.prior_size) / (
        live.exposure.sum(axis=1) + live.prior_size / np.maximum(live.prior_mean, 1e-9)
    )
    return np.asarray(rate * live.days[recent].sum())


def _judge(evidence: Evidence, live: Liveness, units: np.ndarray, scopes: np.ndarray) -> pd.DataFrame:
    if len(units) == 0:
        return no_gaps(SILENT, evidence.as_of)
    awake = awake_chance(live, units)
    listed = np.flatnonzero(persistent(np.column_stack([believed(night) for night in awake.T])))
    rows = units[listed]
    since, observed, expected, size = _since(live, rows)
    spread = np.sqrt(expected + expected**2 / size)
    lower, upper = _interval(expected, size)
    return gap_rows(
        SILENT,
        evidence.as_of,
        scopes[rows],
        observed=observed,
        expected=expected,
        score=(expected - observed) / np.maximum(spread, 1e-9),
        confidence=1 - awake[listed, -1],
        lower=lower,
        upper=upper,
        evidence=_told(evidence, scopes[rows], since, observed, expected, awake[listed, -1]),
    )


def _interval(expected: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from scipy import stats  # noqa: PLC0415

    share = size / (size + expected)
    return np.asarray(stats.nbinom.ppf(0.05, size, share)), np.asarray(stats.nbinom.ppf(0.95, size, share))


def _since(live: Liveness, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Days since the likeliest onset, reports since, reports due since by the rate before, and the size of that estimate.

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
    return days, since_y[take], (rate * since_e)[take], size[take]


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


def _asked(evidence: Evidence, scopes: np.ndarray, since: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    at = {f"grid:{g}": i for i, g in enumerate(evidence.grid_ids)}
    grid = np.array([at.get(s, -1) for s in scopes], dtype=int)
    window = np.zeros(evidence.n_grids + 1)
    window[grid] = since
    window[-1] = 0
    events = evidence.events
    mine = np.flatnonzero(events.of(*CITIZENS) & (events.grid >= 0))
    recent = mine[(evidence.at - events.occurred[mine]) / DAY_US <= window[events.grid[mine]]]
    calls = np.bincount(events.grid[recent], minlength=evidence.n_grids + 1)[grid]
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
    together = _summed(live, few, community[few], len(names))
    due = np.where(np.bincount(community[few], minlength=len(names)) > 0, _due(together), -1.0)
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
    )
