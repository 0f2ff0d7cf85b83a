"""What a list was worth in the field: lead time, skill over the prior count, silence, displacement, disparity.

"RRI" means four different things in print. Here each has its own name and there is no bare one: `bias_ratio` (predicted over
observed), `recapture_rate` (does a list hold its PAI), `skill_vs_prior` (over the prior count) and `lift` (over chance).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from riskwarn.calling import checked
from riskwarn.metrics.array import aligned, column, counts, inside
from riskwarn.metrics.hotspot import capture, pai
from riskwarn.metrics.listing import Budget, Ties, listed


@dataclass(frozen=True)
class LeadTime:
    """How early a list speaks at a fixed alarm budget.

    Attributes
    ----------
    median_days
        Median days from the first alert to the event, over the warned events; None if none was warned.
    share_warned
        Share of the events with an alert on their grid in the days before, in [0, 1].
    n_events, n_alerts
        Events judged and grid-dates alerted.
    """

    median_days: float | None
    share_warned: float
    n_events: int
    n_alerts: int


@checked
def lead_time(scores: pd.DataFrame, events: pd.DataFrame, *, budget: int, within_days: float = 28) -> LeadTime:
    """Median of (event - first alert within the days before it) when at most `budget` grids are alerted a date.

    A grid that is always on the list earns the full `within_days` for each of its events: compare with a standing list of the
    same budget, never with 0.

    Parameters
    ----------
    scores
        Columns `grid_id`, `as_of`, `score`. Each date's `budget` highest scores are its alerts, ties by `grid_id`.
    events
        Columns `grid_id`, `occurred_at`.
    budget
        Alerts a date, at least 1.
    within_days
        How long before an event an alert still counts as its warning, days.

    Returns
    -------
    lead
        `LeadTime`. Events that occur before the first date plus `within_days` are judged on the dates there are.

    Raises
    ------
    ValueError
        There are no scores or no events, a score is missing, or the budget is not positive.

    Examples
    --------
    >>> nights = pd.to_datetime(["2025-03-03", "2025-03-03", "2025-03-04", "2025-03-04"])
    >>> scores = pd.DataFrame({"grid_id": ["G1", "G2"] * 2, "as_of": nights, "score": [0.9, 0.1, 0.8, 0.3]})
    >>> events = pd.DataFrame({"grid_id": ["G1", "G2"], "occurred_at": pd.to_datetime(["2025-03-06"] * 2)})
    >>> lead_time(scores, events, budget=1)
    LeadTime(median_days=3.0, share_warned=0.5, n_events=2, n_alerts=2)
    """
    if budget < 1 or within_days <= 0:
        raise ValueError(f"budget and within_days must be positive, got {budget} and {within_days:g}.")
    if scores.empty or events.empty or scores["score"].isna().any():
        raise ValueError(
            f"lead time needs scores and events, none missing; got {len(scores)} scores "
            f"({int(scores['score'].isna().sum()) if len(scores) else 0} missing) and {len(events)} events."
        )
    first = scores.sort_values(["as_of", "score", "grid_id"], ascending=[True, False, True])
    alerts = first[first.groupby("as_of").cumcount() < budget].sort_values("as_of")
    since = events.assign(since=events["occurred_at"] - pd.Timedelta(days=within_days)).sort_values("since")
    warned = pd.merge_asof(
        since[["grid_id", "since", "occurred_at"]].astype({"since": alerts["as_of"].dtype}),
        alerts[["grid_id", "as_of"]],
        left_on="since",
        right_on="as_of",
        by="grid_id",
        direction="forward",
    )
    # an alert made at the instant of the event is not late: its window starts there
    days = ((warned["occurred_at"] - warned["as_of"]) / pd.Timedelta(days=1)).where(lambda lead: lead >= 0).dropna()
    median = float(days.median()) if len(days) else None
    return LeadTime(median, len(days) / len(events), len(events), len(alerts))


@checked
def skill_vs_prior(
    y: ArrayLike,
    score: ArrayLike,
    prior: ArrayLike,
    area: ArrayLike | None = None,
    *,
    share: float = 0.05,
    k: int | None = None,
    budget: Budget = "grids",
    ties: Ties = "worst",
) -> float:
    """Capture of the score's list over that of the prior count's.

    Parameters
    ----------
    y, score, area, share, k, budget, ties
        As in `capture`; ties are settled the same way in both lists.
    prior
        (n,) Events per grid in a past span, the rival.

    Returns
    -------
    skill
        No unit, at least 0; above 1 beats the prior count. Give an interval: `difference_interval`.

    Raises
    ------
    ValueError
        There was no event, the prior list caught none, or an input is out of range.

    Examples
    --------
    >>> skill_vs_prior([2, 1, 0, 0], [9, 1, 1, 1], [1, 9, 1, 1], k=1)
    2.0
    """
    rival = capture(y, prior, area, share=share, k=k, budget=budget, ties=ties)
    if rival == 0:
        raise ValueError("the prior list caught no event: no ratio to it is defined; compare the captures' difference.")
    return capture(y, score, area, share=share, k=k, budget=budget, ties=ties) / rival


@checked
def bias_ratio(
    y: ArrayLike, expected: ArrayLike, *, share: float = 0.05, k: int | None = None, ties: Ties = "mean"
) -> float:
    """Events forecast in the listed grids over events observed there: calibration at the top of the list.

    Parameters
    ----------
    y
        (n,) Events per grid.
    expected
        (n,) Expected events per grid; it also makes the list.
    share, k, ties
        Which list; see `listed`.

    Returns
    -------
    ratio
        No unit, at least 0; 1 is best, above 1 promises too much where it matters.

    Raises
    ------
    ValueError
        No event fell in the listed grids, or an input is out of range.

    Examples
    --------
    >>> bias_ratio([2, 0, 0, 1], [3, 1, 0.5, 0.2], k=1)
    1.5
    """
    y, mu = counts("y", y), counts("expected", expected)
    weight = listed(y, mu, share=share, k=k, ties=ties)
    if y @ weight == 0:
        raise ValueError("no event fell in the listed grids: the ratio to the observed is undefined.")
    return float(mu @ weight / (y @ weight))


@checked
def recapture_rate(
    y_then: ArrayLike,
    y_now: ArrayLike,
    area: ArrayLike | None = None,
    *,
    share: float = 0.05,
    k: int | None = None,
    budget: Budget = "grids",
) -> float:
    """PAI now over PAI then of the places with most events then: how much of a hot spot's heat lasts.

    Parameters
    ----------
    y_then, y_now
        (n,) Events per grid in the first and in the second period.
    area, share, k, budget
        As in `pai`; the list is that of the first period, ties sharing the room (``mean``).

    Returns
    -------
    rate
        No unit, at least 0; 1 is places as hot as before. It falls below 1 by regression to the mean alone.

    Raises
    ------
    ValueError
        A period has no event, or an input is out of range.

    Examples
    --------
    >>> recapture_rate([4, 0, 0, 0], [2, 2, 0, 0], k=1)
    0.5
    """
    then = counts("y_then", y_then)
    before = pai(then, then, area, share=share, k=k, budget=budget, ties="mean")
    return pai(y_now, then, area, share=share, k=k, budget=budget, ties="mean") / before


@checked
def silence_p(rate_per_day: ArrayLike, days: ArrayLike) -> np.ndarray:
    """Chance of a run of empty days at least this long, exp(-rate · days), if events come at their usual rate (Poisson).

    Parameters
    ----------
    rate_per_day
        (n,) Usual events per day.
    days
        (n,) Days without any event up to now.

    Returns
    -------
    p
        (n,) In (0, 1]; small means the silence itself is news. Over many grids control the false discovery rate.

    Raises
    ------
    ValueError
        An input is negative, not finite or not aligned.

    Examples
    --------
    >>> silence_p([0.5, 0.01], [14, 14]).round(4).tolist()
    [0.0009, 0.8694]
    """
    rate, run = counts("rate_per_day", rate_per_day), counts("days", days)
    aligned(rate_per_day=rate, days=run)
    return np.exp(-rate * run)


@dataclass(frozen=True)
class Displacement:
    """Weighted displacement difference: change in treated places and around them, less the change in their controls.

    Attributes
    ----------
    estimate, low, high
        Events; below 0 is a net reduction. The bounds are of the normal interval at the asked level.
    standard_error
        Events.
    """

    estimate: float
    low: float
    high: float
    standard_error: float


@checked
def weighted_displacement(
    treated: tuple[float, float],
    control: tuple[float, float],
    *,
    treated_around: tuple[float, float] = (0, 0),
    control_around: tuple[float, float] = (0, 0),
    level: float = 0.95,
) -> Displacement:
    """(ΔT - ΔC) + (ΔTd - ΔCd), with standard error √(sum of all eight counts) [1]_.

    Parameters
    ----------
    treated, control, treated_around, control_around
        Events (before, after) in the treated places, their controls, and the ground around each of them, where trouble may
        have moved to.
    level
        Of the interval, in (0, 1).

    Returns
    -------
    displacement
        `Displacement`.

    Raises
    ------
    ValueError
        A count is negative or not finite, or `level` is out of range.

    References
    ----------
    .. [1] Wheeler & Ratcliffe (2018), Crime Science 7, 11.

    Examples
    --------
    >>> moved = weighted_displacement((100, 70), (100, 95))
    >>> moved.estimate, round(moved.standard_error, 2)
    (-25.0, 19.1)
    """
    from scipy.special import ndtri  # noqa: PLC0415 scipy is heavy

    inside("level", level, 0, 1)
    pairs = np.array([counts("before and after", p) for p in (treated, control, treated_around, control_around)])
    change = pairs[:, 1] - pairs[:, 0]
    estimate, error = float(change @ [1, -1, 1, -1]), float(np.sqrt(pairs.sum()))
    half = float(ndtri((1 + level) / 2)) * error
    return Displacement(estimate, estimate - half, estimate + half, error)


@checked
def disparity(metric: pd.Series, *, reference: str, tau: float = 0.8) -> pd.DataFrame:
    """Each group's metric over the reference group's, and whether it stays within [tau, 1/tau].

    Parameters
    ----------
    metric
        The metric of each group of grids (urban class, township), indexed by group.
    reference
        The group the others are measured against.
    tau
        Tolerance, in (0, 1); 0.8 is the four-fifths rule.

    Returns
    -------
    disparity
        One row a group: `value`, `ratio` (1 is parity), `passes`.

    Raises
    ------
    ValueError
        The reference is unknown or its metric is 0, or a metric is negative or missing.

    Examples
    --------
    >>> disparity(pd.Series({"urban": 0.5, "rural": 0.25}), reference="urban")
           value  ratio  passes
    urban   0.50    1.0    True
    rural   0.25    0.5   False
    """
    inside("tau", tau, 0, 1)
    values = column("metric", metric, low=0)
    if reference not in metric.index:
        raise ValueError(f"no group {reference!r}; groups are {', '.join(map(str, metric.index))}.")
    base = float(metric[reference])
    if base == 0:
        raise ValueError(f"the metric of the reference group {reference!r} is 0: no ratio to it is defined.")
    ratio = values / base
    return pd.DataFrame(
        {"value": values, "ratio": ratio, "passes": (ratio >= tau) & (ratio <= 1 / tau)}, index=metric.index
    )
