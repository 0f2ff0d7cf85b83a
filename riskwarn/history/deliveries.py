"""Deliveries: which time each speaks for, and for which grids.

A delivery that says which time it speaks for is believed, up to its own arrival; between such deliveries nothing is known. It speaks
for the area its organisation is named after, else for the whole city. What it says of times long before it arrived is believed where
the records of those times were known in time: a backfill makes the past complete, not what was known of it then.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.history.facts import DAY_US

HALF_DAY = DAY_US // 2
_BULK_DAYS = 31
BACKFILL_DAYS = 92
"""Deliveries come each quarter at the least: records later than that were brought in afterwards."""
PARENTS = ("county_id", "township_id", "community_id")


@dataclass(frozen=True, eq=False)
class Part:
    """Grids that hear from the same organisations.

    Parameters
    ----------
    grids
        (n_grids,) which.
    rows
        (n,) rows of the log that speak for them.
    named
        (n,) those of them of organisations that are named after an area of theirs.
    """

    grids: np.ndarray
    rows: np.ndarray
    named: np.ndarray


def parts(log: pd.DataFrame, grids: pd.DataFrame) -> list[Part]:
    """The city, parted by who delivers for each grid: the organisations whose area it lies in, and those that name no area.

    Parameters
    ----------
    log
        Rows of table `feed_log`.
    grids
        Table `grids`, one row a grid.

    Returns
    -------
    parts
        Each grid is in one of them.

    Notes
    -----
    Organisations that name no area are heard together, and for the whole city: the log does not say for which grids one of them would be
    missed, and a name that was given up would silence the city for ever. That one of them fell silent beside the others is told as a
    gap (G08), which looks at each by itself.

    Examples
    --------
    >>> grids = pd.DataFrame({"grid_id": ["A", "B"], "county_id": ["K1", "K2"]})
    >>> [(p.grids.tolist(), p.rows.tolist(), p.named.tolist()) for p in parts(pd.DataFrame({"org_code": ["K1", "police"]}), grids)]
    [([False, True], [False, True], [False, False]), ([True, False], [True, True], [True, False])]
    """
    named = {org: mask for org, mask in areas(log, grids).items() if mask.any()}
    member = np.array([*named.values()], dtype=bool).reshape(len(named), len(grids))
    kinds, number = np.unique(member, axis=1, return_inverse=True)
    org = pd.Index(list(named), dtype=object).get_indexer(log["org_code"])
    city_parts = []
    for k, kind in enumerate(kinds.T):
        named_rows = np.r_[kind, False][org]
        city_parts.append(Part(number.ravel() == k, named_rows | (org < 0), named_rows))
    return city_parts


def spoken(log: pd.DataFrame, late: np.ndarray) -> np.ndarray:
    """(k, 2) Stretches, µs, that deliveries say they speak for, joined; those that repeat only their first and last row say nothing.

    Parameters
    ----------
    log
        Rows of table `feed_log`.
    late
        (n, 2) Stretches of which the records came late (:func:`tardy`), µs: what a delivery says of them is believed where it arrived
        within a quarter.

    Returns
    -------
    spans
        In the order of time; none reaches beyond the arrival of its delivery.

    Examples
    --------
    >>> days = pd.to_datetime(["2025-01-01", "2025-01-02", "2025-01-03", "2025-01-09"], utc=True)
    >>> log = pd.DataFrame({"covers_from": days[[0, 1]], "covers_to": days[[1, 2]], "arrived_at": days[3]})
    >>> (np.diff(spoken(log, np.zeros((0, 2), np.int64))) // DAY_US).tolist()  # two deliveries, one stretch of two days
    [[2]]
    """
    if not {"covers_from", "covers_to"} <= set(log):
        return np.zeros((0, 2), np.int64)
    said = log[log["covers_from"].notna() & log["covers_to"].notna()]
    begin, end, arrived = (_micros(said[c]) for c in ("covers_from", "covers_to", "arrived_at"))
    explicit = ~_by_rows(said, begin, end)
    end, soon = np.minimum(end, arrived), arrived - BACKFILL_DAYS * DAY_US
    recent = np.column_stack([np.maximum(begin, soon), end])[explicit]
    older = heard_by(np.column_stack([begin, np.minimum(end, soon)])[explicit & (begin < soon)])
    stretches = np.vstack([recent, _without(older, late)])
    return heard_by(stretches[stretches[:, 1] > stretches[:, 0]], apart=HALF_DAY)


def _without(spans: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """(k, 2) what is left of spans outside of gaps, both in order."""
    left = []
    for begin, end in spans:
        at = begin
        for a, b in gaps[(gaps[:, 0] < end) & (gaps[:, 1] > begin)]:
            left.append((at, a))
            at = b
        left.append((at, end))
    return np.array(left, dtype=np.int64).reshape(-1, 2)


def _by_rows(log: pd.DataFrame, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    if not {"first_at", "last_at"} <= set(log):
        return np.zeros(len(log), dtype=bool)
    first, last = (_micros(log[c]) for c in ("first_at", "last_at"))
    rows = (log["first_at"].notna() & log["last_at"].notna()).to_numpy()
    bulk = (end - begin > _BULK_DAYS * DAY_US) & (first - begin < DAY_US) & (end - last <= DAY_US + HALF_DAY)
    return np.asarray(rows & ((begin == first) | bulk))


def heard_by(spans: np.ndarray, *, apart: int = 0) -> np.ndarray:
    """(k, 2) spans in order, those made one that overlap or lie no more than `apart` µs from each other.

    Parameters
    ----------
    spans
        (n, 2) from and to, µs.
    apart
        What does not part them, µs.

    Returns
    -------
    spans
        In the order of time.

    Examples
    --------
    >>> heard_by(np.array([[5, 9], [0, 3], [2, 4]])).tolist()
    [[0, 4], [5, 9]]
    """
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    if len(spans) == 0:
        return spans
    reach = np.maximum.accumulate(spans[:, 1])
    begins = np.r_[True, spans[1:, 0] > reach[:-1] + apart]
    return np.column_stack([spans[begins, 0], reach[np.r_[begins[1:], True]]])


def areas(log: pd.DataFrame, grids: pd.DataFrame) -> dict[str, np.ndarray]:
    """The grids of each organisation of a feed's log: those under the area of that name.

    Parameters
    ----------
    log
        Rows of table `feed_log`, with `org_code`.
    grids
        Table `grids`.

    Returns
    -------
    areas
        (n_grids,) bool by organisation; nowhere true for one that is no area.

    Examples
    --------
    >>> grids = pd.DataFrame({"grid_id": ["A", "B"], "county_id": ["K1", "K2"]})
    >>> {org: mask.tolist() for org, mask in areas(pd.DataFrame({"org_code": ["K1", "*", "police"]}), grids).items()}
    {'K1': [True, False], 'police': [False, False]}
    """
    return {str(org): area_of(str(org), grids) for org in sorted(set(log["org_code"].dropna()) - {"", "*"})}


def area_of(org: str, grids: pd.DataFrame) -> np.ndarray:
    """(n_grids,) bool which grids lie in the county, township or community of a name."""
    under = [(grids[level] == org).fillna(value=False).to_numpy(dtype=bool) for level in PARENTS if level in grids]
    return np.logical_or.reduce(under) if under else np.zeros(len(grids), dtype=bool)


def _micros(column: pd.Series) -> np.ndarray:
    return np.asarray(
        pd.to_datetime(column, utc=True).dt.tz_convert(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    )
