"""It comes back: G07 places that return after closure, G15 closures on paper."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.gaps.evidence import Evidence
from riskwarn.gaps.gap import PAPER, REPEAT, discovered, gap_rows, no_gaps, unknown
from riskwarn.history import DAY_US, NEVER, Events

FOLLOW_UP_DAYS = 30
_PART_ROWS = 1_000_000
"""Rows that are joined at once, about."""
REPEAT_WITHIN_DAYS, REPEAT_SHOWN_DAYS = 90, 60
REPEAT_CHANCE = 0.25
"""Chance of two returns from which on a grid is listed."""
_SURE = 1 - 1e-9
_PLACE_SHARE, _PLACE_WEIGHT = 0.4, 10.0
_SAY_THEIR_CASE = ("police_call", "hotline", "petition")
"""Feeds whose records name a case only where it was joined; those of the ledger have a number of their own."""
PAPER_DAYS = 365
PAPER_Z = 3.0
_CASES_TELL = 0.1
LATE_DAYS = 1.0
"""A closing on the last day of its limit, days before it."""
QUARTERS = 7 * 24 * 4
"""Quarter-hours of a week."""
TIMED_SHARE, TIMED_TIMES, TIMED_P, TIMED_CASES = 0.25, 5.0, 1e-3, 20
"""A body closes on paper where at least this share of its cases, and so many times the others' share, fall into one quarter-hour of the week."""
_ONE_CLOCK = 0.5
"""Share of closings at one time of day from which on that is a habit of the feed (dates without a time), and says nothing of a body."""


def recurrences(evidence: Evidence) -> pd.DataFrame:
    """Closed ledger cases and their first return: `grid`, `closed`, `again` (µs, NEVER for none), `chance`, `row` of the case.

    A return is a record of any feed, up to 30 days after the closing, of the same case, or of the same place and a category that can be the
    same matter. `chance`, in [0, 1], is that of being the same matter: 1 by case; by place as often as records of the city whose case is
    known were, so many days after a closing.
    """
    events = evidence.events
    closed = np.flatnonzero(events.of("dispute") & (events.closed != NEVER) & (events.grid >= 0))
    (by_case, _), (by_place, met) = (
        _first_after(evidence, closed, key, alike=alike)
        for key, alike in ((events.case, None), (events.place, Alike.of(events)))
    )
    again = np.minimum(by_case, by_place)
    known = by_case < NEVER
    chance = np.where(known, 1.0, np.where(by_place < NEVER, _same_matter(evidence, closed, by_place, met), 0.0))
    return pd.DataFrame(
        {
            "row": closed,
            "grid": events.grid[closed],
            "closed": events.closed[closed],
            "again": again,
            "chance": chance,
        }
    )


def _same_matter(evidence: Evidence, closed: np.ndarray, again: np.ndarray, back: np.ndarray) -> np.ndarray:
    """(n_closed,) chance that a record (row `back`) at the place of a closed case, of its category and so many days later, is of the same matter.

    As often as records of other feeds that name their case were of the same case, of closed cases whose number some record shared before the
    closing; by weeks after it, shrunk to two in five by ten records. A record that names another number than that of a closed case which
    nobody else names is of its matter only where the case was never joined, which is as common as records that name none.
    """
    events = evidence.events
    n_codes = len(events.words["category"])
    told = np.flatnonzero((events.place >= 0) & (events.case >= 0) & events.of(*_SAY_THEIR_CASE))
    mine = closed[(events.place[closed] >= 0) & _joined_before(events, closed)]
    weeks = FOLLOW_UP_DAYS // 7 + 1
    n, k = np.zeros((2, weeks))
    for before, after in _by_key(events.place, mine, told):
        left, right = (
            pd.DataFrame(
                {"key": events.place[r].astype(np.int64) * n_codes + events.category[r], "at": at[r]}
                | {"case": events.case[r]}
            ).sort_values("at", kind="stable")
            for r, at in ((before, events.closed), (after, events.occurred))
        )
        met = _merged(left, right.assign(then=right["at"]))
        week = ((met["then"] - met["at"]) // (7 * DAY_US)).to_numpy(dtype=int)
        n += np.bincount(week, minlength=weeks)
        k += np.bincount(week, met["case"] == met["case_met"], minlength=weeks)
    share = (k + _PLACE_WEIGHT * _PLACE_SHARE) / (n + _PLACE_WEIGHT)
    lag = np.where(again < NEVER, again - events.closed[closed], 0) // (7 * DAY_US)
    same = share[np.clip(lag, 0, weeks - 1)]
    citizens = events.of(*_SAY_THEIR_CASE)
    unnamed = 1 - float((events.case[citizens] >= 0).mean()) if citizens.any() else 1.0
    other = (events.case[back] >= 0) & citizens[back]
    return np.asarray(np.where(other, same * unnamed / (same * unnamed + 1 - same), same))


def _joined_before(events: Events, closed: np.ndarray) -> np.ndarray:
    """(n_closed,) whether another record had the number of the case when it was closed."""
    named = np.flatnonzero(events.case >= 0)
    case, at = events.case[named], events.occurred[named]
    n_cases = int(case.max(initial=-1)) + 1
    first, second = np.full((2, n_cases + 1), NEVER)
    np.minimum.at(first, case, at)
    earliest, row = np.flatnonzero(at == first[case]), np.full(n_cases, -1)
    row[case[earliest]] = earliest  # one record a case, and all others beside it
    others = np.ones(len(named), dtype=bool)
    others[row[row >= 0]] = False
    np.minimum.at(second, case[others], at[others])
    return np.asarray(second[events.case[closed]] <= events.closed[closed])


def _by_key(key: np.ndarray, *rows: np.ndarray) -> Iterator[list[np.ndarray]]:
    """Rows in parts, those of one key in one part: what hangs together by key is told part by part, and takes the memory of one."""
    n_parts = max(-(-max(map(len, rows)) // _PART_ROWS), 1)
    for part in range(n_parts):
        yield [some if n_parts == 1 else some[key[some] % n_parts == part] for some in rows]


def _merged(left: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
    """Of each row on the left the next on the right of its key, later and within thirty days; of two at one instant the first. Rows without one fall out."""
    return pd.merge_asof(
        left,
        right,
        on="at",
        by="key",
        direction="forward",
        allow_exact_matches=False,
        tolerance=FOLLOW_UP_DAYS * DAY_US,
        suffixes=("", "_met"),
    ).dropna()


def _first_after(
    evidence: Evidence, closed: np.ndarray, key: np.ndarray, *, alike: "Alike | None" = None
) -> tuple[np.ndarray, np.ndarray]:
    """(n_closed,) when the first record after each closing that has its key came (NEVER for none), and its row; of those `alike`, where that is asked."""
    events = evidence.events
    known = closed[key[closed] >= 0]
    wanted = np.zeros(int(key.max(initial=0)) + 2, dtype=bool)
    wanted[key[known]] = True
    rows = np.flatnonzero((key >= 0) & wanted[key] & ~events.of("grid_report"))
    first, row = np.full(len(closed), NEVER), np.zeros(len(closed), dtype=int)
    for before, after in _by_key(key, known, rows):
        place, met = _met(events, closed, key, before, after, alike)
        first[place], row[place] = events.occurred[met], met
    late = first - events.closed[closed] > FOLLOW_UP_DAYS * DAY_US
    return np.where(late, NEVER, first), row


def _met(
    events: Events, closed: np.ndarray, key: np.ndarray, before: np.ndarray, after: np.ndarray, alike: "Alike | None"
) -> tuple[np.ndarray, np.ndarray]:
    """Of the closings `before` that have a record among `after`: number among all closings, and row of that record."""
    left = pd.DataFrame(
        {"key": key[before], "at": events.closed[before], "row": before, "place": np.searchsorted(closed, before)}
    ).sort_values("at", kind="stable")
    right = pd.DataFrame({"key": key[after], "at": events.occurred[after], "met": after})
    right = right.sort_values("at", kind="stable")
    places, rows = [], []
    for _ in range(2 if alike else 1):
        met = _merged(left, right)
        hit = met["met"].to_numpy(dtype=int)
        fits = alike.fits(met["row"].to_numpy(), hit) if alike else np.ones(len(hit), dtype=bool)
        places.append(met["place"].to_numpy()[fits])
        rows.append(hit[fits])
        again = ~fits
        left = met.loc[again, ["key", "row", "place"]].assign(at=events.occurred[hit[again]])
        left = left.sort_values("at", kind="stable")
        left = left[left["at"] - events.closed[left["row"]] < FOLLOW_UP_DAYS * DAY_US]
    return np.concatenate(places), np.concatenate(rows)


@dataclass(frozen=True, eq=False)
class Alike:
    """Whether records of one place can be one matter: like categories, and no case that says otherwise.

    A number that nobody else names says nothing: the case may never have been joined. A police category says little of the matter; where calls carry cases, those tell it, and without one a call does not count.

    Parameters
    ----------
    events
        Of the night.
    linked
        Whether calls carry cases.
    shared
        (n_cases + 1,) whether several records name each case; the last is of none.
    """

    events: Events
    linked: bool
    shared: np.ndarray

    @classmethod
    def of(cls, events: Events) -> "Alike":
        """By what all events of a night say."""
        calls = events.of("police_call")
        linked = bool(calls.any()) and float((events.case[calls] >= 0).mean()) >= _CASES_TELL
        shared = np.bincount(events.case[events.case >= 0], minlength=1) > 1
        return cls(events, linked, np.append(shared, False))

    def fits(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """(n,) whether the records of `other` can be of the matters of `one`, by row."""
        events = self.events
        police = np.array([str(w).startswith("P") for w in events.words["category"]], dtype=bool)
        fits = (events.category[one] == events.category[other]) | (police[events.category[other]] & (not self.linked))
        mine, case = events.case[one], events.case[other]
        numbered = events.of("dispute")[other] & ~self.shared[case]
        elsewhere = (case >= 0) & (case != mine) & ~numbered & self.shared[mine]
        return np.asarray(fits & ~elsewhere)


def repeat_gaps(evidence: Evidence) -> pd.DataFrame:
    """G07: grids where two returns within 90 days, the second at most 60 days ago, are likelier than :data:`REPEAT_CHANCE`.

    `observed` are the returns of the last 150 days, `expected` what the city's share of returns would bring from as many closings;
    `confidence` is the chance that two are of the matters that were closed, and the score counts each return by its own.
    """
    table = recurrences(evidence)
    likely = _twice(evidence, table)
    grids = np.flatnonzero(likely >= REPEAT_CHANCE)
    span = (REPEAT_WITHIN_DAYS + REPEAT_SHOWN_DAYS) * DAY_US
    recent = table[(evidence.at - table["closed"] <= span) & table["grid"].isin(grids)]
    rate = float((table["again"] < NEVER).mean()) if len(table) else 0.0
    by = (
        recent.groupby("grid")
        .agg(n=("row", "size"), back=("again", lambda a: int((a < NEVER).sum())), weight=("chance", "sum"))
        .reindex(np.sort(grids), fill_value=0)
    )
    numbers = [
        {
            "returns": int(r.back),
            "closed_cases": int(r.n),
            "window_days": REPEAT_WITHIN_DAYS + REPEAT_SHOWN_DAYS,
            "city_share": round(rate, 3),
        }
        for r in by.itertuples()
    ]
    observed, expected = by["back"].to_numpy(dtype=float), by["n"].to_numpy() * rate
    return gap_rows(
        REPEAT,
        evidence.as_of,
        [f"grid:{g}" for g in evidence.grid_ids[by.index]],
        observed=observed,
        expected=expected,
        score=by["weight"].to_numpy(dtype=float),
        confidence=likely[by.index],
        evidence=numbers,
    )


def _twice(evidence: Evidence, table: pd.DataFrame) -> np.ndarray:
    """(n_grids,) chance that a return of the last 60 days had another within 90 days before it, of which both are of the matter closed."""
    back = table[table["again"] < NEVER].sort_values(["grid", "again"])
    grid, at, chance = (back[c].to_numpy() for c in ("grid", "again", "chance"))
    # the chance that none of the returns before was one, by sums of logs over each grid's own rows
    none = np.r_[0.0, np.cumsum(np.log1p(-np.minimum(chance, _SURE)))]
    order = pd.Series(np.arange(len(back)))
    begun = np.array(order.groupby(grid).transform("min"), dtype=int) if len(back) else np.zeros(0, dtype=int)
    first = np.array(
        [s + np.searchsorted(at[s:i], at[i] - REPEAT_WITHIN_DAYS * DAY_US) for i, s in enumerate(begun)], dtype=int
    )
    before = -np.expm1(none[: len(back)] - none[first])
    shown = evidence.at - at <= REPEAT_SHOWN_DAYS * DAY_US
    missed = np.bincount(
        grid[shown], np.log1p(-np.minimum((chance * before)[shown], _SURE)), minlength=evidence.n_grids
    )
    return np.asarray(-np.expm1(missed))


def paper_gaps(evidence: Evidence) -> pd.DataFrame:
    """G15: townships whose cases, closed as resolved, return more often than the city's, or are closed when no hearing can have been.

    The share that returns (with thirty days of follow-up only) and the share closed on the last day of the limit are scored as z over the binomial
    spread; listed are townships whose larger z passes 3 with the false discovery rate at 0.1. Listed too are those that close a quarter of
    their cases within one quarter-hour of the week, five times the others' share (:func:`timed`). Where closings come as dates, a row of state
    ``insufficient_data`` says that their timing cannot be told. A lead to a sample of files, nothing more.
    """
    table = recurrences(evidence)
    table = table[
        (evidence.at - table["closed"] <= PAPER_DAYS * DAY_US)
        & (evidence.at - table["closed"] > FOLLOW_UP_DAYS * DAY_US)
    ]
    if table.empty:
        return no_gaps(PAPER, evidence.as_of)
    township, names = evidence.parent("township_id")
    unit = township[table["grid"]]
    n = np.bincount(unit, minlength=len(names)).astype(float)
    due = evidence.events.due[table["row"]]
    last_day = (due < NEVER) & (table["closed"] <= due) & (due - table["closed"] <= LATE_DAYS * DAY_US)
    back, late = (
        np.bincount(unit, m.to_numpy(dtype=float), minlength=len(names)) for m in (table["again"] < NEVER, last_day)
    )
    z_back, z_late = _z(back, n), _z(late, n)
    from scipy import stats  # noqa: PLC0415

    worst = np.maximum(z_back, z_late)
    p = np.minimum(2 * stats.norm.sf(worst), 1)
    quarter = quarters(evidence, table["closed"].to_numpy())
    together, others, p_timed = timed(quarter, unit, len(names)) if quarter is not None else _never_timed(len(names))
    by_clock = p_timed < TIMED_P
    listed = np.flatnonzero((discovered(p) & (worst >= PAPER_Z)) | by_clock)
    numbers = [
        _on_paper(int(t), n, back, late, z_back, z_late)
        | ({"closed_together": int(together[t]), "others_share": round(float(others[t]), 3)} if by_clock[t] else {})
        for t in listed
    ]
    found = gap_rows(
        PAPER,
        evidence.as_of,
        [f"org:{names[t]}" for t in listed],
        observed=np.where(by_clock, together, late)[listed],
        expected=np.where(by_clock, n * others, n * late.sum() / n.sum())[listed],
        score=np.maximum(worst, np.where(by_clock, -np.log10(np.maximum(p_timed, 1e-12)), 0.0))[listed],
        confidence=1 - np.minimum(p, np.where(by_clock, p_timed, 1.0))[listed],
        evidence=numbers,
    )
    if quarter is not None:
        return found
    untimed = unknown(
        PAPER, evidence.as_of, ["feed:dispute"], [{"reason": "closings without a time", "cases": len(table)}]
    )
    return pd.concat([found, untimed], ignore_index=True)


def quarters(evidence: Evidence, closed: np.ndarray) -> np.ndarray | None:
    """(n,) quarter-hour of the local week of each closing, from 0; none where half of them share one time of day, as dates do."""
    local = evidence.local(closed)
    of_day = (local.hour * 60 + local.minute).to_numpy()
    if np.bincount(of_day).max() > _ONE_CLOCK * len(of_day):
        return None
    return np.asarray(local.day_of_week.to_numpy() * (QUARTERS // 7) + of_day // 15)


def timed(quarter: np.ndarray, unit: np.ndarray, n_units: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How many cases each body closes in its busiest quarter-hour of the week, the others' share there, and p (1 where it is not so much).

    Parameters
    ----------
    quarter, unit
        (n,) Quarter-hour of the week and body of each closing.
    n_units
        Number of bodies.

    Returns
    -------
    together, others, p
        (n_units,) Cases, share in [0, 1] with one case more spread over the 672, and the binomial tail against it, times the 672 quarter-hours looked at. 1 where a body closed
        fewer than twenty cases, less than a quarter of them together, or less than five times the others' share.

    Examples
    --------
    >>> quarter, unit = np.r_[np.full(20, 400), np.arange(20), np.arange(600)], np.r_[np.zeros(40, int), np.ones(600, int)]
    >>> together, others, p = timed(quarter, unit, 2)
    >>> together.tolist(), others.round(4).tolist(), (p < 0.001).tolist()
    ([20.0, 1.0], [0.0016, 0.0028], [True, False])
    """
    from scipy import stats  # noqa: PLC0415

    counts = (
        np.bincount(unit * QUARTERS + quarter, minlength=n_units * QUARTERS).reshape(n_units, QUARTERS).astype(float)
    )
    n, at = counts.sum(axis=1), counts.argmax(axis=1)
    together = counts[np.arange(n_units), at]
    others = (counts.sum(axis=0)[at] - together + 1) / (n.sum() - n + QUARTERS)
    share = together / np.maximum(n, 1)
    judged = (n >= TIMED_CASES) & (share >= TIMED_SHARE) & (share >= TIMED_TIMES * others)
    p = np.minimum(QUARTERS * stats.binom.sf(together - 1, n, others), 1.0)
    return together, others, np.where(judged, p, 1.0)


def _never_timed(n_units: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.zeros(n_units), np.zeros(n_units), np.ones(n_units)


def _on_paper(
    t: int, n: np.ndarray, back: np.ndarray, late: np.ndarray, z_back: np.ndarray, z_late: np.ndarray
) -> dict[str, object]:
    """The counts of one township beside the city's: cases closed, those that came back, those closed on their last day."""
    return {
        "returns": int(back[t]),
        "closed_cases": int(n[t]),
        "share": round(back[t] / n[t], 3),
        "city_share": round(back.sum() / n.sum(), 3),
        "last_day_closings": int(late[t]),
        "last_day_city_share": round(late.sum() / n.sum(), 3),
        "z_returns": round(float(z_back[t]), 1),
        "z_last_day": round(float(z_late[t]), 1),
    }


def _z(k: np.ndarray, n: np.ndarray) -> np.ndarray:
    """How far each share lies above the middle one, in units of its own spread and that between units (by the middle half)."""
    usual = n >= 20
    if usual.sum() < 2:
        return np.zeros(len(n))
    share = (k + 1) / (n + 2)
    middle = float(np.median(share[usual]))
    between = float(np.subtract(*np.quantile(share[usual], [0.75, 0.25]))) / 1.349
    chance = middle * (1 - middle) / np.maximum(n, 1)
    spread = np.sqrt(np.maximum(chance, between**2))
    return np.asarray(np.where(usual, (share - middle) / spread, 0.0))
