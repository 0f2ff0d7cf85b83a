"""Joint draws of the rates of all grids: the probability of being among the first, and totals of larger areas that add up.

The rate of a grid in the horizon is its expected count times factors of mean one: one that the whole city shares, one that the grids of
an area share, and one of its own. Their variances add up to the `dispersion` of the calibration; given the rate, events come with its
`clumping`. Factors are gamma, so a grid alone has exactly the negative binomial that its interval is made from.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from riskwarn.calibration import Calibration
from riskwarn.calling import checked
from riskwarn.errors import DataError, did_you_mean

CITY = "city"
INDEPENDENT = "independent_dates"
"""How many dates that share no event told the variances."""
PARENTS = ("community_id", "township_id", "county_id")
"""Larger areas a grid may lie in, the smallest first."""


@checked
def among_first(
    expected: np.ndarray, dispersion: float, capacity: int, *, n_draws: int = 1000, seed: int = 0
) -> np.ndarray:
    """Probability that a grid's rate is among the `capacity` highest of its night.

    The uncertainty is that of the rates: what the calibration dates showed of how far the rate in a horizon lies from the expected
    count (`dispersion`). It is not the luck of which grid has more events, nor doubt about how the model was made.

    Parameters
    ----------
    expected
        (n,) expected counts of one night.
    dispersion
        Squared coefficient of variation of a rate about its expected count.
    capacity
        How many grids can be attended to.
    n_draws, seed
        Draws, and what makes them repeatable.

    Returns
    -------
    probability
        (n,) in [0, 1]; they add up to ``min(capacity, n)``, rise with the expected count, and are equal where it is.

    Examples
    --------
    >>> among_first(np.array([9.0, 1.0, 1.0]), 0.0, 1).tolist()
    [1.0, 0.0, 0.0]
    """
    n = len(expected)
    order = np.argsort(-expected, kind="stable")
    sorted_means = expected[order].astype(np.float32)
    share = np.zeros(n)
    if capacity >= n:
        share[:] = 1.0
    elif dispersion <= 0:
        share[:capacity] = 1.0
    else:
        rates = np.random.default_rng(seed).standard_gamma(1 / dispersion, (n_draws, n), dtype=np.float32)
        rates *= sorted_means
        chosen = np.argpartition(-rates, capacity, axis=1)[:, :capacity]
        share = np.sort(np.bincount(chosen.ravel(), minlength=n))[::-1] / n_draws
    # with gamma factors of one law a grid of greater mean is chosen more often: sorting the shares takes out what only luck put
    # out of order, and equal means get equal shares
    alike = pd.Series(share).groupby(sorted_means).transform("mean").to_numpy()
    shares = np.empty(n)
    shares[order] = alike
    return shares


@checked
def common_factors(
    y: np.ndarray,
    expected: np.ndarray,
    dates: pd.Series,
    areas: pd.DataFrame | None = None,
    *,
    before: np.ndarray | None = None,
    overlap: float = 1.0,
) -> dict[str, float]:
    """Variance of the factor that the city shares, of those that larger areas share beyond it, and how many dates told them.

    Two grids of a date have the covariance ``expected_i * expected_j * variance`` of what they share [1]_.

    Parameters
    ----------
    y, expected, dates
        (n,) counts, expected counts and dates of rows that trained nothing.
    before
        (n,) what was expected before the level was fitted to these very dates: the city moves on between training and forecast, and
        only such numbers show how far.
    areas
        (n, levels) ids of the larger areas of each row, if known.
    overlap
        How many dates count the same event; of n dates so many fewer are independent, and the level was fitted on them.

    Returns
    -------
    common
        By name, at least 0: ``city``, each column of `areas` of which an id is known, and ``independent_dates``, not below 2.
        Variances have no unit: 0.04 says that the city as a whole is commonly 20 % off.

    Notes
    -----
    The mean product of two grids' residuals over the mean product of their expected counts, all pairs of a date (or area) together.
    A sum over pairs is a square of sums less the sum of squares, so no pair is looked at.

    References
    ----------
    .. [1] McCullagh & Nelder (1989), Generalized Linear Models, section 6.2.

    Examples
    --------
    >>> expected = np.full(6, 10.0)
    >>> y = np.array([12.0, 12, 8, 8, 12, 12])  # the city is a fifth above, below, above
    >>> found = common_factors(y, expected, pd.Series([1, 1, 2, 2, 3, 3]))
    >>> round(found["city"], 3), found["independent_dates"]
    (0.06, 3.0)
    """
    residual = np.asarray(y - expected, dtype=float)
    day = pd.factorize(dates)[0]
    independent = max(float(day.max() + 1) / overlap, 2.0)
    whole = max(_shared(residual, expected, day, np.arange(len(y))), 0.0)
    moved = whole if before is None else _shared(y - before, before, day, np.arange(len(y)))
    # the level was fitted on these very dates, which takes out one of their degrees of freedom: n / (n - 1), as for any variance
    variances = {CITY: float(max(whole, moved)) * independent / (independent - 1), INDEPENDENT: float(independent)}
    areas = pd.DataFrame() if areas is None else areas
    for level in areas:
        known = areas[level].notna().to_numpy()
        if known.any():
            within = pd.factorize(pd.MultiIndex.from_arrays([day[known], areas[level][known]]))[0]
            shared = _shared(residual[known], expected[known], within, np.arange(known.sum()))
            variances[str(level)] = max(shared - whole, 0.0)
    return variances


def _shared(residual: np.ndarray, expected: np.ndarray, outer: np.ndarray, inner: np.ndarray) -> float:
    """Mean product of relative residuals of pairs within `outer` but not within `inner`."""
    pairs = [(np.bincount(outer, v) ** 2).sum() - (np.bincount(inner, v) ** 2).sum() for v in (residual, expected)]
    return float(pairs[0] / pairs[1]) if pairs[1] > 0 else 0.0


@checked
def totals(
    scores: pd.DataFrame,
    grids: pd.DataFrame,
    level: str,
    *,
    calibration: Calibration,
    common: Mapping[str, float],
    n_draws: int = 1000,
    seed: int = 0,
    cover: float = 0.9,
) -> pd.DataFrame:
    """Expected counts of larger areas with intervals from joint draws.

    Parameters
    ----------
    scores
        Table `scores` of one or more nights, or any frame with `grid_id`, `as_of`, `expected`.
    grids
        Table `grids`.
    level
        ``city``, or a column of parents: ``community_id``, ``township_id``, ``county_id``.
    calibration, common
        Of the model (:func:`common_factors`).
    n_draws, seed
        Draws, and what makes them repeatable.
    cover
        Level of the interval.

    Returns
    -------
    totals
        One row a night and area: `as_of`, the level's column, `n_grids`, `expected` (the sum of its grids'), `lower`, `upper` and their
        shares (:func:`riskwarn.metrics.coverage`).

    Raises
    ------
    DataError
        The level is unknown, or a grid has no such parent.

    Examples
    --------
    >>> night = pd.DataFrame({"grid_id": ["A", "B", "C"], "as_of": "2025-01-01", "expected": [4.0, 2.0, 1.0]})
    >>> grids = pd.DataFrame({"grid_id": ["A", "B", "C"], "township_id": ["T1", "T1", "T2"]})
    >>> found = totals(night, grids, "township_id", calibration=Calibration(dispersion=0.1), common={"city": 0.02})
    >>> found[["township_id", "n_grids", "expected", "lower", "upper"]].to_numpy().tolist()
    [['T1', 2, 6.0, 2.0, 11.0], ['T2', 1, 1.0, 0.0, 3.0]]
    """
    known = (CITY, *PARENTS)
    if level not in known or (level != CITY and level not in grids):
        raise DataError(f"no level {level!r} in the grids{did_you_mean(level, known)}; known: {', '.join(known)}.")
    rows = scores[["grid_id", "as_of", "expected"]].dropna(subset=["expected"])
    rows = rows.assign(grid_id=rows["grid_id"].astype("str")).sort_values(["as_of", "grid_id"], ignore_index=True)
    if level == CITY:
        rows[CITY] = CITY
    else:
        rows[level] = rows["grid_id"].map(_parents(grids, level)[level])
    if rows[level].isna().any():
        raise DataError(f"grid {rows.loc[rows[level].isna(), 'grid_id'].iloc[0]} has no {level}; totals would lose it.")
    rng = np.random.default_rng(seed)
    nights = [
        _totals(night, level, calibration, common, rng, n_draws, (1 - cover) / 2) for _, night in rows.groupby("as_of")
    ]
    return pd.concat(nights, ignore_index=True)


@checked
def parents_of(grid_ids: pd.Series, grids: pd.DataFrame) -> pd.DataFrame:
    """The larger areas each grid lies in: a column a level that `grids` knows.

    Parameters
    ----------
    grid_ids
        (n,) ids, repeats allowed.
    grids
        Table `grids`; where a grid has several rows the newest `valid_from` counts.

    Returns
    -------
    parents
        (n, levels) ids, missing for a grid that is not in the table.

    Examples
    --------
    >>> grids = pd.DataFrame({"grid_id": ["A", "B"], "community_id": ["C1", "C2"], "township_id": ["T1", "T1"]})
    >>> parents_of(pd.Series(["B", "A"]), grids).to_numpy().tolist()
    [['C2', 'T1'], ['C1', 'T1']]
    """
    levels = [c for c in PARENTS if c in grids]
    return _parents(grids, *levels).reindex(grid_ids.astype("str")).reset_index(drop=True)


def _parents(grids: pd.DataFrame, *levels: str) -> pd.DataFrame:
    newest = grids.sort_values("valid_from", kind="stable") if "valid_from" in grids else grids
    ids = newest["grid_id"].astype("str")
    return newest.assign(grid_id=ids).drop_duplicates("grid_id", keep="last").set_index("grid_id")[list(levels)]


def _totals(
    night: pd.DataFrame,
    level: str,
    calibration: Calibration,
    common: Mapping[str, float],
    rng: np.random.Generator,
    n_draws: int,
    tail: float,
) -> pd.DataFrame:
    areas = night.groupby(level, sort=True, observed=True)["expected"].agg(n_grids="size", expected="sum").reset_index()
    shared, area = common.get(CITY, 0.0), common.get(level, 0.0) if level != CITY else 0.0
    city = shared * _doubt(common.get(INDEPENDENT, np.inf), tail)
    code = pd.Index(areas[level]).get_indexer(night[level])
    residual = max(calibration.dispersion - shared - area, 0.0)
    # given all factors but its own a total's rate has the variance of a sum of independent gammas; moments make it one gamma
    means = areas["expected"].to_numpy()
    spread = residual * np.bincount(code, night["expected"].to_numpy() ** 2) / means**2
    rates = means * _factor(rng, city, (n_draws, 1)) * _factor(rng, area, (n_draws, len(areas)))
    rates = rates * np.column_stack([_factor(rng, s, n_draws) for s in spread])
    counts = _counts(rng, rates, calibration.clumping)
    return areas.assign(as_of=night["as_of"].iloc[0], **_ends(counts, tail))[
        ["as_of", level, "n_grids", "expected", "lower", "upper", "lower_share", "upper_share"]
    ]


def _doubt(independent: float, tail: float) -> float:
    """How much wider a variance that few dates told makes an interval: Student's quantile over the normal one, squared."""
    from scipy import stats  # noqa: PLC0415

    return (
        float(stats.t.ppf(1 - tail, independent - 1) / stats.norm.ppf(1 - tail)) ** 2
        if np.isfinite(independent)
        else 1.0
    )


def _factor(rng: np.random.Generator, variance: float, shape: int | tuple[int, ...]) -> np.ndarray:
    """Draws of mean one."""
    return rng.gamma(1 / variance, variance, shape) if variance > 1e-9 else np.ones(shape)


def _counts(rng: np.random.Generator, rates: np.ndarray, clumping: float) -> np.ndarray:
    """Counts given rates; sums of clumped counts are clumped alike, so a total needs one draw."""
    lumps = rng.standard_gamma(rates / clumping) * clumping if clumping > 1e-9 else rates
    return rng.poisson(lumps)


def _ends(counts: np.ndarray, tail: float) -> dict[str, np.ndarray]:
    lower = np.quantile(counts, tail, axis=0, method="inverted_cdf")
    upper = np.quantile(counts, 1 - tail, axis=0, method="inverted_cdf")
    at_lower, at_upper = (counts == lower).mean(axis=0), (counts == upper).mean(axis=0)
    in_lower, in_upper = (counts <= lower).mean(axis=0) - tail, 1 - tail - (counts < upper).mean(axis=0)
    return {
        "lower": lower.astype(float),
        "upper": upper.astype(float),
        "lower_share": np.clip(in_lower / at_lower, 0, 1),
        "upper_share": np.clip(in_upper / at_upper, 0, 1),
    }
