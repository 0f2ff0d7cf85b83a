"""What the outcomes say: how often a list was right, how soon somebody looked, what a hit costs, and labels that are weighted fairly."""

import numpy as np
import pandas as pd
import sqlalchemy as sa

from riskwarn.calling import checked
from riskwarn.errors import DataError
from riskwarn.ledger import database
from riskwarn.ledger.ledger import Ledger
from riskwarn.ledger.tables import ITEMS, OUTCOMES
from riskwarn.metrics import share_interval
from riskwarn.metrics.array import NORMAL_95
from riskwarn.working import plan_in_force, working_time

LEAST_PROPENSITY = 0.02
"""A place that was likelier to be passed over than this weighs no more than fifty."""
_LISTED = ["lane", "level"]
_SHARE = ("n_effective", "precision", "lower", "upper")


@checked
def outcomes(ledger: Ledger) -> pd.DataFrame:
    """The last outcome of each alert.

    Parameters
    ----------
    ledger
        Of the store.

    Returns
    -------
    outcomes
        One row an alert that was answered: `item_id`, `grid_id` (its riskiest grid), `grid_ids`, `as_of` (the night it was first
        listed), `lane`, `level`, `topic`, `code` (O1 to O8), `counts` (``confirmed``, ``not_found``, ``excluded``), `at` and
        `propensity` (the chance its grid had to be drawn, where it was drawn).
    """
    asked = sa.select(OUTCOMES, ITEMS.c.grid_ids, ITEMS.c.first_night, ITEMS.c.lane, ITEMS.c.level, ITEMS.c.topic)
    asked = asked.join(ITEMS, ITEMS.c.item_id == OUTCOMES.c.item_id).where(ITEMS.c.kind == "alert")
    with database.linked(ledger.engine) as link:
        rows = [r._asdict() for r in link.execute(asked.order_by(OUTCOMES.c.item_id, OUTCOMES.c.n))]
    columns = ["item_id", "grid_ids", "first_night", "lane", "level", "topic", "code", "counts", "at", "propensity"]
    frame = pd.DataFrame(rows, columns=columns).drop_duplicates("item_id", keep="last", ignore_index=True)
    zone = ledger.store.timezone
    times = {c: pd.to_datetime(frame[c], utc=True).dt.tz_convert(zone) for c in ("first_night", "at")}
    lead = frame["grid_ids"].astype("str").str.split(" ").str[0]
    whole = frame.assign(**times, grid_id=lead, propensity=frame["propensity"].astype("float64"))
    order = ["item_id", "grid_id", "grid_ids", "as_of", "lane", "level", "topic", "code", "counts", "at", "propensity"]
    return whole.rename(columns={"first_night": "as_of"})[order]


@checked
def precision(ledger: Ledger) -> pd.DataFrame:
    """How often an alert was right, by lane and level.

    Parameters
    ----------
    ledger
        Of the store.

    Returns
    -------
    precision
        One row a lane and level: `n_listed` alerts, `n_confirmed` (O1 to O4), `n_not_found` (O5), `n_excluded` (O6 to O8), and
        `precision`, confirmed of confirmed and not found, in [0, 1], with the 95 % interval `lower` to `upper` [1]_; NaN without an answer.

    References
    ----------
    .. [1] Wilson (1927), Journal of the American Statistical Association 22, 209-212.
    """
    listed = _alerts(ledger).groupby(_LISTED).size().rename("n_listed")
    answered = outcomes(ledger)
    n = {c: answered[answered["counts"] == c].groupby(_LISTED).size() for c in ("confirmed", "not_found", "excluded")}
    table = pd.DataFrame({"n_listed": listed, **{f"n_{c}": s for c, s in n.items()}}).fillna(0).astype("int64")
    judged = zip(table["n_confirmed"], table["n_confirmed"] + table["n_not_found"], strict=True)
    bounds = np.array([share_of(int(k), int(m)) for k, m in judged]).reshape(-1, 3)
    return table.assign(**dict(zip(("precision", "lower", "upper"), bounds.T, strict=True))).reset_index(names=_LISTED)


@checked
def share_of(k: int, n: int) -> tuple[float, float, float]:
    """A share with its 95 % interval (:func:`riskwarn.metrics.share_interval`); NaN of nothing.

    Parameters
    ----------
    k, n
        So many of so many.

    Returns
    -------
    share, lower, upper
        In [0, 1].

    Examples
    --------
    >>> [round(x, 3) for x in share_of(2, 3)]
    [0.667, 0.208, 0.939]
    """
    if n == 0:
        return np.nan, np.nan, np.nan
    low, high = share_interval(k / n, n)
    return k / n, float(low), float(high)


def _alerts(ledger: Ledger) -> pd.DataFrame:
    """Every alert that stands for itself: one merged into another is that one."""
    items = ledger.items(kind="alert")
    return items[items["state"] != "merged"].reset_index(drop=True)


@checked
def acknowledgement(ledger: Ledger) -> pd.DataFrame:
    """How soon alerts are acknowledged, by level, in working hours from their publication.

    Parameters
    ----------
    ledger
        Of the store.

    Returns
    -------
    times
        One row a level: `n_listed`, `n_acknowledged`, `median_hours` and `p90_hours`. Alerts nobody has acknowledged count as later
        than all others, so that a forgotten one makes no list look quick; NaN where the quantile falls among them.
    """
    alerts = _alerts(ledger)
    trail = ledger.trail()
    first = {
        a: trail[trail["action"] == a].drop_duplicates("item_id").set_index("item_id")["at"]
        for a in ("publish", "acknowledge")
    }
    now = pd.Timestamp.now(tz=ledger.store.timezone)
    wall = working_time(ledger.store, plan_in_force(ledger.store).calendar, now)
    hours = [
        wall.spent(first["publish"][i], first["acknowledge"][i], "wh") if i in first["acknowledge"].index else np.inf
        for i in alerts["item_id"]
    ]
    rows = [
        {"level": level, "n_listed": len(h), "n_acknowledged": int(np.isfinite(h).sum())}
        | {name: _quantile(h, q) for name, q in (("median_hours", 0.5), ("p90_hours", 0.9))}
        for level in ledger.workflow.levels
        if len(h := np.array(hours, dtype=float)[(alerts["level"] == level).to_numpy(dtype=bool)])
    ]
    return pd.DataFrame(rows, columns=["level", "n_listed", "n_acknowledged", "median_hours", "p90_hours"])


def _quantile(values: np.ndarray, q: float) -> float:
    quantile = float(np.quantile(values, q, method="higher"))
    return quantile if np.isfinite(quantile) else np.nan


@checked
def hours_per_hit(ledger: Ledger) -> pd.DataFrame:
    """What a confirmed alert costs: hours of visits in the grids of answered alerts, from the night of listing to the outcome, by lane.

    Parameters
    ----------
    ledger
        Of a store with visits.

    Returns
    -------
    hours
        One row a lane: `n_answered`, `n_confirmed`, `visit_hours` and `hours_per_hit`; NaN without a hit. A visit that two alerts
        share is counted once for each.

    Raises
    ------
    DataError
        The store has no visits.
    """
    if not ledger.store.has("visits"):
        raise DataError(f"store {ledger.store.path} has no visits; hours per hit need when each began and ended.")
    visits = ledger.store.read("visits", columns=["grid_id", "started_at", "ended_at"]).dropna()
    answered = outcomes(ledger)
    grids = answered.assign(grid_id=answered["grid_ids"].str.split(" ")).explode("grid_id")
    met = grids[["item_id", "grid_id", "lane", "as_of", "at"]].merge(visits, on="grid_id")
    met = met[(met["started_at"] >= met["as_of"]) & (met["started_at"] < met["at"])]
    spent = ((met["ended_at"] - met["started_at"]) / pd.Timedelta(hours=1)).groupby(met["lane"]).sum()
    table = pd.DataFrame(
        {
            "n_answered": answered.groupby("lane").size(),
            "n_confirmed": (answered["counts"] == "confirmed").groupby(answered["lane"]).sum(),
            "visit_hours": spent,
        }
    ).fillna({"visit_hours": 0.0})
    per_hit = table["visit_hours"] / table["n_confirmed"].where(table["n_confirmed"] > 0)
    return table.assign(hours_per_hit=per_hit).reset_index(names="lane")


@checked
def weighted_labels(ledger: Ledger) -> pd.DataFrame:
    """Outcomes as labels that speak for the whole city, not for the list alone.

    A place enters because it ranked high, surely, or because it was drawn, with a known chance; and then it is visited with the chance of
    its lane and level. Each answered place weighs the inverse of the two together [1]_. Outcomes O6 to O8 are left out.

    Parameters
    ----------
    ledger
        Of the store.

    Returns
    -------
    labels
        `item_id`, `grid_id`, `as_of`, `topic`, `y` (1 confirmed, 0 not found: a weak negative, one visit found nothing),
        `propensity` in [:data:`LEAST_PROPENSITY`, 1] and `weight`, its inverse, fit for the ``sample_weight`` of a learner.

    References
    ----------
    .. [1] Horvitz & Thompson (1952), Journal of the American Statistical Association 47, 663-685.
    """
    labelled = _labelled(ledger)
    propensity = labelled["chance"].clip(LEAST_PROPENSITY, 1.0)
    whole = labelled.assign(propensity=propensity, weight=1 / propensity, y=labelled["y"].astype("float32"))
    return whole[["item_id", "grid_id", "as_of", "topic", "y", "propensity", "weight"]]


def _labelled(ledger: Ledger) -> pd.DataFrame:
    """Outcomes that say confirmed or not found, with `y` and the `chance`, above 0, that the place was drawn and visited."""
    answered = outcomes(ledger)
    n_answered, n_listed = (rows.groupby(_LISTED).size() for rows in (answered, _alerts(ledger)))
    visited = (n_answered / n_listed.reindex(n_answered.index)).reindex(pd.MultiIndex.from_frame(answered[_LISTED]))
    chance = answered["propensity"].fillna(1.0).to_numpy() * visited.to_numpy(dtype=float)
    told = answered.assign(chance=chance, y=(answered["counts"] == "confirmed").astype(float))
    return told[told["counts"] != "excluded"].reset_index(drop=True)


@checked
def weighted_precision(ledger: Ledger) -> pd.DataFrame:
    """How often the alerts of a lane are right, those nobody visited among them.

    What is visited first is what looks gravest, so that the plain share of confirmed visits flatters a list. Each answer stands for as many
    alerts as the inverse of its chance says, and the sum is divided by what all answers stand for [1]_. Of lane ``explore`` it is the share
    of places with a matter among those that were not listed at all.

    Parameters
    ----------
    ledger
        Of the store.

    Returns
    -------
    precision
        One row a lane: `n_judged` (confirmed or not found), `n_effective`, the answers of one weight that would tell as much, and
        `precision` in [0, 1] with its 95 % interval `lower` to `upper`.

    References
    ----------
    .. [1] Hájek (1971), in Godambe & Sprott, Foundations of Statistical Inference, 236.
    """
    parts = _labelled(ledger).groupby("lane")
    rows = [
        {"lane": lane, "n_judged": len(part)}
        | dict(zip(_SHARE, weighted_share(part["y"].to_numpy(), 1 / part["chance"].to_numpy()), strict=True))
        for lane, part in parts
    ]
    return pd.DataFrame(rows, columns=["lane", "n_judged", *_SHARE])


@checked
def weighted_share(y: np.ndarray, weight: np.ndarray) -> tuple[float, float, float, float]:
    """A share among unequally weighted answers, with the 95 % interval of as many equal ones as would tell the same [1]_.

    Parameters
    ----------
    y
        (n,) 1 or 0; at least one.
    weight
        (n,) Above 0.

    Returns
    -------
    n_effective, share, lower, upper
        ``sum(weight)**2 / sum(weight**2)``, at most n; then in [0, 1] each.

    References
    ----------
    .. [1] Kish (1965), Survey Sampling, 258.

    Examples
    --------
    >>> [round(x, 2) for x in weighted_share(np.array([1, 0, 0]), np.array([2, 1, 1]))]
    [2.67, 0.5, 0.12, 0.88]
    """
    n, share = weight.sum() ** 2 / (weight**2).sum(), (y * weight).sum() / weight.sum()
    low, high = share_interval(share, n)
    return float(n), float(share), float(low), float(high)


@checked
def missed(ledger: Ledger) -> pd.DataFrame:
    """Alerts that should have been and were not: what drawn places say of those that were never listed.

    Parameters
    ----------
    ledger
        Of a store whose nights draw some places at random (lane ``explore``).

    Returns
    -------
    missed
        One row: `n_drawn` answered draws, `n_confirmed` among them, and `expected`, the confirmed places that the inverse of the
        chances says there were among all that could have been drawn, with the 95 % interval `lower` to `upper` (normal, by the
        estimated variance of the sum).
    """
    labels = _labelled(ledger)
    drawn = labels[labels["lane"] == "explore"]
    # no bound on the weights as in labels: in a large city few are drawn of many, and each stands for thousands
    total = float((drawn["y"] / drawn["chance"]).sum())
    # variance of a Horvitz-Thompson sum over independent draws: sum of y (1 - p) / p^2
    half = NORMAL_95 * float(np.sqrt((drawn["y"] * (1 - drawn["chance"]) / drawn["chance"] ** 2).sum()))
    row = {"n_drawn": len(drawn), "n_confirmed": int(drawn["y"].sum()), "expected": total}
    return pd.DataFrame([row | {"lower": max(total - half, 0.0), "upper": total + half}])
