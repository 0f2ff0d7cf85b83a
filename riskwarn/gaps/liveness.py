"""What each grid reports, and what could have come: counts and exposure by grid and bin, with the law of their rates.

Reports are those of grid workers. A city without any feed of theirs is judged by what its residents bring.
"""

import numpy as np

from riskwarn.gaps.awake import Liveness, learnt
from riskwarn.gaps.evidence import CITIZENS, WORKERS, Evidence
from riskwarn.gaps.exposure import Feed, feed_of, own_rows, span_days, unvisited


def liveness(evidence: Evidence) -> Liveness | None:
    """Reports of grid workers by grid and bin, or without their feeds those of residents, and what could have come; none without either.

    Parameters
    ----------
    evidence
        Of the night.

    Returns
    -------
    liveness
        Counts and exposure by unit and bin, with the law of the rates and the pace that they show.
    """
    known = {str(events.words["source"][s]) for events in evidence.shares() for s in np.unique(events.source)}
    for sources, by_workers in ((WORKERS, True), (CITIZENS, False)):
        feeds = [feed_of(evidence, s, workers=by_workers) for s in sources if s in known]
        if feeds := [f for f in feeds if f.counts.sum() > 0]:
            return _of_feeds(evidence, feeds, by_workers=by_workers)
    return None


def _of_feeds(evidence: Evidence, feeds: list[Feed], *, by_workers: bool) -> Liveness:
    bins, lengths = _bins(span_days(evidence))
    counts = sum(_counts(evidence, f.source, bins, by_workers=by_workers) for f in feeds)
    exposure = _exposure(evidence, feeds, bins) * _there(evidence, bins, lengths, by_workers=by_workers)
    counts = np.where(exposure > 0, counts, 0.0)
    mean, size = _prior(evidence, counts.sum(axis=1), exposure.sum(axis=1), by_workers=by_workers)
    return learnt(Liveness(counts, exposure, lengths, mean, size, feeds, by_workers), leaves=by_workers)


def _bins(days: int) -> tuple[np.ndarray, np.ndarray]:
    """For each day ago the bin it falls into, oldest bin 0; and the bins' lengths in days."""
    ago = np.arange(days)
    week = np.where(ago < 7, ago, 7 + (ago - 7) // 7)
    bins = week.max() - week
    return bins, np.bincount(bins).astype(float)


def _counts(evidence: Evidence, source: str, bins: np.ndarray, *, by_workers: bool) -> np.ndarray:
    """(n_grids, bins) reports, those under old codes by their share in each grid of tonight."""
    n_bins, by_code = int(bins.max()) + 1, None
    for events in evidence.shares(source):
        rows = own_rows(events, source, workers=by_workers)
        ago = evidence.days_ago(events.occurred[rows])
        here = ago < len(bins)
        cell = events.raw_grid[rows[here]] * n_bins + bins[ago[here]]
        n = np.bincount(cell, minlength=len(events.words["grid_id"]) * n_bins)
        by_code = n if by_code is None else by_code + n
    assert by_code is not None
    return np.asarray(evidence.follow @ by_code.reshape(-1, n_bins).astype(float))


def _exposure(evidence: Evidence, feeds: list[Feed], bins: np.ndarray) -> np.ndarray:
    """(n_grids, bins) days' worth of reports that could be known."""
    area, _ = evidence.parent(feeds[0].level)
    level = [f.expected.mean(axis=1, keepdims=True) for f in feeds]
    total = np.maximum(sum(level), 1e-9)
    daily = sum(f.expected / total * f.exposure for f in feeds)
    by_bin = np.zeros((len(daily), int(bins.max()) + 1))
    np.add.at(by_bin.T, bins, daily.T)
    return np.asarray(by_bin[area])


def _there(evidence: Evidence, bins: np.ndarray, lengths: np.ndarray, *, by_workers: bool) -> np.ndarray:
    """(n_grids, bins) share of each bin in which the grid existed and, where workers report, somebody was in it."""
    there = _existing(evidence, lengths)
    if not by_workers or not evidence.has("visits"):
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


def _prior(
    evidence: Evidence, counts: np.ndarray, exposure: np.ndarray, *, by_workers: bool
) -> tuple[np.ndarray, float]:
    """Mean rate of each grid's like by visits and people, and the size of the gamma law about it."""
    columns = [np.ones(evidence.n_grids)]
    if by_workers and evidence.has("visits"):
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
