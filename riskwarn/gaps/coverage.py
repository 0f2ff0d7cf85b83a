"""Where nobody goes: G03 visits against risk, G04 staff, G05 hours; the quadrants, and a redistribution of visits."""

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError
from riskwarn.gaps.evidence import CITIZENS, WORKERS, Evidence
from riskwarn.gaps.gap import COVERAGE, HOUR, STAFF, discovered, gap_rows, no_gaps
from riskwarn.history import DAY_US

RISK_DAYS, VISIT_DAYS, HABIT_DAYS = 365, 91, 182
TOP_SHARE, HALF = 0.10, 0.5
"""Coverage is judged by share in the riskiest tenth of grids: visits below half of the share of risk."""
MOST_VISITED = 0.01
UNVISITED_P = 1e-4
HOUSEHOLDS_PER_WORKER = 500
ROSTER_DAYS = 35
HOUR_BINS, HOUR_EVENTS, HOUR_GAP, HOUR_SHRINK = 6, 12, 0.4, 12.0


def risk_of(evidence: Evidence) -> np.ndarray:
    """(n_grids,) expected events: tonight's scores, or, where no grid has one, a year's events of the disputes' feeds shrunk to the people there."""
    if evidence.scores is not None and evidence.scores["expected"].notna().any():
        expected = (
            evidence.scores.drop_duplicates("grid_id").set_index("grid_id")["expected"].reindex(evidence.grid_ids)
        )
        return expected.fillna(expected.median()).to_numpy(dtype=float)
    events = evidence.events
    recent = (
        events.of("dispute", *CITIZENS) & (events.grid >= 0) & (evidence.at - events.occurred <= RISK_DAYS * DAY_US)
    )
    n = np.bincount(events.grid[recent], minlength=evidence.n_grids).astype(float)
    people = evidence.attribute("population")
    mean = np.full(len(n), n.mean()) if people is None else n.sum() * people / people.sum()
    beyond = float(((n - mean) ** 2 - mean).sum() / max((mean**2).sum(), 1e-9))
    size = float(np.clip(1 / max(beyond, 1e-9), 0.5, 50))
    return np.asarray((n + size) / (mean + size) * mean)


def visits_within(evidence: Evidence, days: int) -> np.ndarray:
    """(n_grids,) valid visits of the last `days`."""
    visits = evidence.visits
    ago = (evidence.at - visits.started) / DAY_US
    return visits.counts(np.where(ago <= days, 0, -1), 1)[:, 0]


def days_since_visit(evidence: Evidence) -> np.ndarray:
    """(n_grids,) days since the last valid visit; infinite where there was none."""
    visits = evidence.visits
    last = np.full(evidence.n_grids, -np.inf)
    np.maximum.at(last, visits.grid, visits.started.astype(float))
    return np.asarray((evidence.at - last) / DAY_US)


def coverage_gaps(evidence: Evidence) -> pd.DataFrame:
    """G03: grids that nobody visits, and grids in the top tenth of risk with less than half their share of visits.

    Unvisited: no valid visit for longer than the grid's own habit of 182 days allows (``exp(-rate * days)`` below 0.0001). Share: visits
    of 91 days so far below half of what is due that the Poisson p passes a false discovery rate of 0.1 among the riskiest tenth.
    Due are ``all visits * risk share``; what is shown as due is bounded by habit (:func:`within_habit`). A gap here asks for a visit;
    it never lowers a score.
    """
    from scipy import stats  # noqa: PLC0415

    risk, made, since = risk_of(evidence), visits_within(evidence, VISIT_DAYS), days_since_visit(evidence)
    share = made.sum() * risk / risk.sum()
    habit = (visits_within(evidence, HABIT_DAYS) + 1) / HABIT_DAYS
    p_none = np.exp(-habit * np.minimum(since, HABIT_DAYS))
    p_few, few = under_served(risk, made, share)
    due = within_habit(share, made)
    rows = np.flatnonzero(few | (p_none < UNVISITED_P))
    why = [[w for w, m in (("unvisited", p_none[g] < UNVISITED_P), ("below_share", few[g])) if m] for g in rows]
    numbers = [
        {
            "why": w,
            "visits": round(float(made[g]), 1),
            "visits_due_by_risk": round(float(due[g]), 1),
            "window_days": VISIT_DAYS,
            "days_since_visit": round(float(min(since[g], 9999)), 1),
            "risk_share_over_visit_share": round(float(due[g] / max(made[g], 0.5)), 1),
        }
        for g, w in zip(rows, why, strict=True)
    ]
    return gap_rows(
        COVERAGE,
        evidence.as_of,
        [f"grid:{g}" for g in evidence.grid_ids[rows]],
        observed=made[rows],
        expected=due[rows],
        score=np.maximum(
            -np.log10(np.maximum(p_none[rows], 1e-12)) / 3,
            np.log2(np.maximum(due[rows], 0.5) / np.maximum(made[rows], 0.5)),
        ),
        confidence=1 - np.minimum(p_none[rows], p_few[rows]),
        evidence=numbers,
        lower=stats.poisson.ppf(0.05, due[rows]),
        upper=stats.poisson.ppf(0.95, due[rows]),
    )


def within_habit(due: np.ndarray, made: np.ndarray) -> np.ndarray:
    """(n_grids,) visits due, at most what the most visited hundredth of grids gets or twice what the grid gets itself.

    By its share of the risk a hot grid would be due seven visits a day, which no centre makes anywhere: such a number is no advice.

    Examples
    --------
    >>> within_habit(np.array([637.0, 12.0, 30.0]), np.array([4.0, 9.0, 9.0])).tolist()
    [9.0, 12.0, 18.0]
    """
    return np.asarray(np.minimum(due, np.maximum(np.quantile(made, 1 - MOST_VISITED), 2 * made)))


def under_served(risk: np.ndarray, made: np.ndarray, due: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which grids of the riskiest tenth get surely less than half the visits due: their p (1 elsewhere), and whether they are listed.

    Being below half is not enough: a grid due two visits that got none is so by chance one time in three.

    Parameters
    ----------
    risk, made, due
        (n_grids,) Expected events, visits of the window, visits due in it.

    Returns
    -------
    p, listed
        (n_grids,) Poisson probability of so few visits where half of those due were the rule, in [0, 1]; and those that pass the
        false discovery rate among the riskiest tenth [1]_.

    References
    ----------
    .. [1] Benjamini & Hochberg (1995), Journal of the Royal Statistical Society B 57, 289-300.

    Examples
    --------
    >>> risk, made = np.array([50.0, 49.0, 1.0, 1.0]), np.array([0.0, 9.0, 9.0, 9.0])
    >>> under_served(risk, made, np.array([12.0, 12.0, 1.0, 1.0]))[1].tolist()
    [True, False, False, False]
    """
    from scipy import stats  # noqa: PLC0415

    top = risk >= np.quantile(risk, 1 - TOP_SHARE)
    p = np.where(top, stats.poisson.cdf(made, HALF * due), 1.0)
    listed = np.zeros(len(top), dtype=bool)
    listed[top] = discovered(p[top])
    return p, listed & (made < HALF * due)


def staff_gaps(evidence: Evidence) -> pd.DataFrame:
    """G04: grids without a worker, with a worker of several grids, or with more than 500 households to a worker, by the newest roster.

    A roster older than 35 days says nothing.
    """
    roster = evidence.table("roster")
    if roster is None:
        return no_gaps(STAFF, evidence.as_of)
    roster = roster[roster["day_at"] >= evidence.as_of - pd.Timedelta(days=ROSTER_DAYS)]
    if roster.empty:
        return no_gaps(STAFF, evidence.as_of)
    newest = roster.sort_values("day_at").drop_duplicates("grid_id", keep="last").set_index("grid_id")
    workers = newest["n_workers"].reindex(evidence.grid_ids).to_numpy(dtype=float)
    homes = evidence.attribute("households")
    load = np.zeros(len(workers)) if homes is None else homes / np.where(workers > 0, workers, np.nan)
    reasons = {
        "no_worker": workers == 0,
        "shared_worker": (workers > 0) & (workers < 1),
        "many_households": load > HOUSEHOLDS_PER_WORKER,
    }
    listed = np.flatnonzero(np.any(list(reasons.values()), axis=0))
    numbers = [
        {"why": [w for w, m in reasons.items() if m[g]], "workers": round(float(workers[g]), 2)}
        | ({} if homes is None else {"households": int(homes[g])})
        for g in listed
    ]
    score = (
        6.0 * reasons["no_worker"][listed]
        + 2.0 * reasons["shared_worker"][listed]
        + np.nan_to_num(np.log2(np.maximum(load[listed] / HOUSEHOLDS_PER_WORKER, 1)))
    )
    return gap_rows(
        STAFF,
        evidence.as_of,
        [f"grid:{g}" for g in evidence.grid_ids[listed]],
        observed=workers[listed],
        expected=np.ones(len(listed)),
        score=score,
        confidence=1.0,
        evidence=numbers,
    )


def hour_gaps(evidence: Evidence) -> pd.DataFrame:
    """G05: grids whose visits and events fall at different hours: half the sum of absolute differences over six bins of four hours.

    Both laws are shrunk to the township's by twelve records. Listed from 0.4 on with twelve events at least in 365 days, where the
    distance also exceeds the city's by twice its spread (visits fall in office hours everywhere; that is a matter of the city).
    """
    events, visits = evidence.events, evidence.visits
    use = np.flatnonzero(
        events.of("police_call", "hotline") & (events.grid >= 0) & (evidence.at - events.occurred <= RISK_DAYS * DAY_US)
    )
    made = np.flatnonzero(evidence.at - visits.started <= RISK_DAYS * DAY_US)
    asked = _hours(evidence, events.grid[use], events.occurred[use])
    seen = _hours(evidence, visits.grid[made], visits.started[made])
    township, names = evidence.parent("township_id")
    distance = 0.5 * np.abs(_shrunk(asked, township, len(names)) - _shrunk(seen, township, len(names))).sum(axis=1)
    judged = (asked.sum(axis=1) >= HOUR_EVENTS) & (seen.sum(axis=1) > 0)
    if not judged.any():
        return no_gaps(HOUR, evidence.as_of)
    usual, spread = float(np.median(distance[judged])), float(np.std(distance[judged]))
    listed = np.flatnonzero(judged & (distance >= HOUR_GAP) & (distance > usual + 2 * spread))
    numbers = [
        {
            "distance": round(float(distance[g]), 2),
            "city": round(usual, 2),
            "events_by_4_hours": asked[g].astype(int).tolist(),
            "visits_by_4_hours": seen[g].astype(int).tolist(),
        }
        for g in listed
    ]
    score = (distance[listed] - usual) / max(spread, 1e-9)
    return gap_rows(
        HOUR,
        evidence.as_of,
        [f"grid:{g}" for g in evidence.grid_ids[listed]],
        observed=distance[listed],
        expected=np.full(len(listed), usual),
        score=score,
        confidence=1 - HOUR_SHRINK / (HOUR_SHRINK + asked[listed].sum(axis=1)),
        evidence=numbers,
    )


def _hours(evidence: Evidence, grid: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(n_grids, 6) records by four hours of the local day."""
    hour = (evidence.wall(at).astype("datetime64[h]").astype("int64") % 24) // (24 // HOUR_BINS)
    return (
        np.bincount(grid * HOUR_BINS + hour, minlength=evidence.n_grids * HOUR_BINS)
        .reshape(-1, HOUR_BINS)
        .astype(float)
    )


def _shrunk(counts: np.ndarray, parent: np.ndarray, n: int) -> np.ndarray:
    whole = np.zeros((n, counts.shape[1]))
    np.add.at(whole, parent, counts)
    law = (whole + 1) / (whole + 1).sum(axis=1, keepdims=True)
    return np.asarray((counts + HOUR_SHRINK * law[parent]) / (counts.sum(axis=1, keepdims=True) + HOUR_SHRINK))


@checked
def quadrants(evidence: Evidence) -> pd.DataFrame:
    """Each grid by risk, reports and visits: blind spot, under-served, over-served or watched.

    Parameters
    ----------
    evidence
        What is known of the night.

    Returns
    -------
    quadrants
        `grid_id`, `risk`, `reports`, `visits` (365 and 91 days), the z of each on the log scale, `blindness` = z(risk) - z(visits),
        `silence` = z(risk) - z(reports), and `quadrant`: *blind_spot* (much risk, few reports, few visits), *under_served* (much risk,
        many reports, few visits), *over_served* (little risk, many visits), *watched* (the rest). Much and little are above and below the
        city's mean by half a standard deviation.
    """
    events = evidence.events
    reported = np.flatnonzero(
        events.of(*WORKERS) & (events.grid >= 0) & (evidence.at - events.occurred <= RISK_DAYS * DAY_US)
    )
    reports = np.bincount(events.grid[reported], minlength=evidence.n_grids).astype(float)
    risk, visits = risk_of(evidence), visits_within(evidence, VISIT_DAYS)
    z = {
        name: _standard(np.log(values + 0.5))
        for name, values in (("risk", risk), ("reports", reports), ("visits", visits))
    }
    high, few_visits = z["risk"] > 0.5, z["visits"] < -0.5
    quadrant = np.select(
        [high & few_visits & (z["reports"] < 0), high & few_visits, (z["risk"] < -0.5) & (z["visits"] > 0.5)],
        ["blind_spot", "under_served", "over_served"],
        "watched",
    )
    return pd.DataFrame(
        {
            "grid_id": evidence.grid_ids,
            "risk": risk,
            "reports": reports,
            "visits": visits,
            "z_risk": z["risk"],
            "z_reports": z["reports"],
            "z_visits": z["visits"],
            "blindness": z["risk"] - z["visits"],
            "silence": z["risk"] - z["reports"],
            "quadrant": quadrant,
        }
    )


def _standard(values: np.ndarray) -> np.ndarray:
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-9))


@checked
def redistribute(
    table: pd.DataFrame,
    *,
    budget: int,
    random_share: float = 0.08,
    most_change: float = 0.5,
    most: int | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """A suggested spread of visits under a fixed budget.

    Parameters
    ----------
    table
        One row a grid: `grid_id`, `risk`, `visits` (made now, any window), `township_id`.
    budget
        Visits to give out.
    random_share
        Share drawn at random over all grids, in [0, 1]; they keep the data honest, and `propensity` says how likely each grid was.
    most_change
        A township's visits change by at most this share of what it would get at the present spread: workers do not move freely.
    most
        Visits planned for one grid at most, the random ones aside; what is over goes to the other grids of its township, then to all. No
        bound by default.
    seed
        Of the random visits: one seed, one spread.

    Returns
    -------
    spread
        `grid_id`, `visits_now` (scaled to the budget), `visits_suggested`, `of_them_random`, `propensity` (expected number of random visits).

    Raises
    ------
    DataError
        A budget below 1, a share out of range, or a bound by which the budget cannot be spent.

    Examples
    --------
    >>> town = pd.DataFrame({"grid_id": ["A", "B"], "risk": [3.0, 1.0], "visits": [5, 5], "township_id": ["T", "T"]})
    >>> redistribute(town, budget=8, random_share=0.0)["visits_suggested"].tolist()
    [6, 2]
    """
    if budget < 1 or not 0 <= random_share <= 1 or most_change < 0:
        raise DataError(
            f"wanted a budget of 1 or more, random_share in [0, 1] and most_change of 0 or more; got {budget}, {random_share}, {most_change}."
        )
    n_random = int(np.floor(budget * random_share))
    now = table["visits"].to_numpy(dtype=float)
    now = now / now.sum() * budget if now.sum() > 0 else np.full(len(table), budget / len(table))
    town = pd.factorize(table["township_id"])[0]
    share = _capped(table["risk"].to_numpy(dtype=float), now, town, most_change)
    wanted = share * (budget - n_random)
    planned = _whole(wanted if most is None else _bounded(wanted, town, float(most)), budget - n_random)
    drawn = np.random.default_rng(seed).multinomial(n_random, np.full(len(table), 1 / len(table)))
    return pd.DataFrame(
        {
            "grid_id": table["grid_id"].to_numpy(),
            "visits_now": now,
            "visits_suggested": planned + drawn,
            "of_them_random": drawn,
            "propensity": n_random / len(table),
        }
    )


def _bounded(wanted: np.ndarray, town: np.ndarray, most: float) -> np.ndarray:
    """Visits of which no grid has more than `most`: what is over is spread over its township by what they have, then over all."""
    if most * len(wanted) < wanted.sum() - 1e-6:  # less is the rounding of shares
        raise DataError(
            f"{wanted.sum():.0f} visits cannot be spread over {len(wanted)} grids with at most {most:.0f} each."
        )
    for groups in (town, np.zeros_like(town)):
        for _ in range(len(wanted)):
            kept = np.minimum(wanted, most)
            over = np.bincount(groups, wanted - kept)
            room = np.where(kept < most, kept + 1e-9, 0.0)
            by_group = np.bincount(groups, room)
            if not (over[by_group > 0] > 1e-9).any():
                break
            gain = np.where(by_group > 0, over / np.maximum(by_group, 1e-12), 0.0)
            stuck = (by_group == 0)[groups] & (wanted > most)
            wanted = np.where(stuck, wanted, kept + room * gain[groups])
    return np.minimum(wanted, most)


def _capped(risk: np.ndarray, now: np.ndarray, town: np.ndarray, most_change: float) -> np.ndarray:
    """Share of each grid by risk, townships kept within their bounds and the rest spread over those with room."""
    by_town, present = np.bincount(town, risk), np.bincount(town, now) / now.sum()
    low, high = present * (1 - most_change), present * (1 + most_change)
    wanted = by_town / by_town.sum()
    level = np.clip(wanted, low, high)
    for _ in range(100):
        short = 1 - level.sum()
        if abs(short) < 1e-9:
            break
        room = high - level if short > 0 else level - low
        if room.sum() <= 1e-12:
            break
        level = np.clip(level + short * room / room.sum(), low, high)
    return np.asarray(level[town] * risk / by_town[town])


def _whole(shares: np.ndarray, total: int) -> np.ndarray:
    """Whole numbers near `shares` that add up to `total`: the largest remainders get what is left."""
    whole = np.floor(shares).astype(int)
    left = total - int(whole.sum())
    whole[np.argsort(-(shares - whole), kind="stable")[: max(left, 0)]] += 1
    return whole
