"""Late hands: G06 cases past their limit, G14 grave cases nobody called back, G19 alerts that moved nobody."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.errors import NotFoundError
from riskwarn.gaps.calendar import DAY
from riskwarn.gaps.deadlines import AMBER, scheme
from riskwarn.gaps.evidence import Evidence
from riskwarn.gaps.gap import ALERT, CALLBACK, RESPONSE, gap_rows, no_gaps, unknown
from riskwarn.history import DAY_US, LEAST_CASES, NEVER, Events, tells_closings

SCHEMES = {"dispute": "dingxi_5x9", "petition": "petition_15_60_30", "hotline": "hotline_a"}
"""Scheme that sets the limit of a case whose source gives none."""
WEIGHTS = {"D07": 2.0, "D05": 1.5, "D04": 1.5, "D16": 1.5}
"""Weight of a category in the score of G06; 1 elsewhere."""
CALLBACK_DAYS, CALLBACK_WINDOW_DAYS, GRAVE = 7, 60, 2
FIRST_VISIT_HOURS = {"red": 24, "orange": 48, "yellow": 168}
"""By when an alert should have led to a visit."""
ALERT_WINDOW_DAYS = 14
RED_NIGHTS = 3
_LISTED = 20


def response_gaps(evidence: Evidence) -> pd.DataFrame:
    """G06: grids with open cases past their limit, one row a grid; bodies with cases past the limit of their level, one row a body.

    The limit is the source's own `due_at`, or, where it gives none, the total of the source's scheme in working days. The
    score of a grid is ``sum of weight * log2(1 + working days overdue)``; `observed` are its overdue cases, `expected` none.
    """
    cases = Cases.of(evidence)
    lines = _told_of(cases)
    parts = [_overdue_grids(evidence, cases, lines), _overdue_levels(evidence), _untold(evidence, lines)]
    return pd.concat(parts, ignore_index=True)


@dataclass(frozen=True, eq=False)
class Cases:
    """Cases with a limit, of grids that are known: those that are open one by one, of the others how many.

    Parameters
    ----------
    sources, counties, categories
        Words by code.
    closed
        (n_sources, n_counties) cases that were closed.
    open
        One row an open case, in the order of the events: codes of `source`, `county` and `category`, `grid`, and when it was `opened` and is
        `due`, on the wall clock; `past` its limit.
    """

    sources: np.ndarray
    counties: np.ndarray
    categories: np.ndarray
    closed: np.ndarray
    open: pd.DataFrame

    @classmethod
    def of(cls, evidence: Evidence) -> "Cases":
        """Of the night, a share of its events after the other."""
        county, counties = evidence.parent("county_id")
        closed: np.ndarray | None = None
        parts = []
        for events in evidence.shares():
            sources, categories = events.words["source"], events.words["category"]
            limited = np.isin(sources, list(SCHEMES))[events.source] | (events.due != NEVER)
            done = (events.closed != NEVER) | closed_elsewhere(evidence, events)
            rows = np.flatnonzero(limited & done & (events.grid >= 0))
            cell = events.source[rows] * len(counties) + county[events.grid[rows]]
            n = np.bincount(cell, minlength=len(sources) * len(counties)).reshape(-1, len(counties))
            closed = n if closed is None else closed + n
            parts.append(_open(evidence, events, np.flatnonzero(limited & ~done & (events.grid >= 0)), county))
        assert closed is not None
        cases = pd.concat(parts).sort_values("sequence", kind="stable", ignore_index=True)
        return cls(sources, counties, categories, closed, cases.assign(past=cases["due"] < evidence.now))


def _open(evidence: Evidence, events: Events, rows: np.ndarray, county: np.ndarray) -> pd.DataFrame:
    """Open cases whose limit is known."""
    due = _due(evidence, events, rows)
    known = ~np.isnat(due)
    rows, due = rows[known], due[known]
    return pd.DataFrame(
        {
            "sequence": events.sequence[rows],
            "source": events.source[rows],
            "county": county[events.grid[rows]],
            "category": events.category[rows],
            "grid": events.grid[rows],
            "opened": evidence.wall(events.occurred[rows]),
            "due": due,
        }
    )


def _untold(evidence: Evidence, lines: pd.DataFrame) -> pd.DataFrame:
    """Feeds whose closings nobody tells: whether their cases are late cannot be said."""
    silent = lines[~lines["told"]]
    scopes = [f"feed:{r.source}" + ("" if r.county == "*" else f"/{r.county}") for r in silent.itertuples()]
    numbers = [
        {
            "reason": "no closings in this feed",
            "missing_column": "events.closed_at",
            "source": r.source,
            "cases": int(r.cases),
            "closed_cases": int(r.closed),
        }
        for r in silent.itertuples()
    ]
    return unknown(RESPONSE, evidence.as_of, scopes, numbers)


def closings(evidence: Evidence) -> pd.DataFrame:
    """Whether each feed with limits tells closings, in each county: `source`, `county`, `cases` old enough, `closed` of them, `told`.

    A case is old enough when its limit has passed. Not one closing among twenty, or of a hundred and more less than one in a hundred,
    is a column that is not delivered and no neglect. A county with fewer than twenty is judged with the others.
    """
    return _told_of(Cases.of(evidence))


def _told_of(cases: Cases) -> pd.DataFrame:
    lines = _old_cases(cases)
    whole = lines.groupby("source", as_index=False)[["cases", "closed"]].sum().assign(told=_tells)
    few = lines["cases"] < LEAST_CASES
    city = lines["source"].map(whole.set_index("source")["told"]).astype(bool)
    lines = lines.assign(told=np.where(few | ~city, city, _tells(lines)))
    everywhere = whole[~whole["told"]].assign(county="*")
    return pd.concat([lines[lines["told"] | city], everywhere], ignore_index=True)[
        ["source", "county", "cases", "closed", "told"]
    ]


def _old_cases(cases: Cases) -> pd.DataFrame:
    """Cases whose limit has passed, and how many of them are closed, by feed and county: `source`, `county`, `cases`, `closed`."""
    late = cases.open[cases.open["past"]]
    n_counties = len(cases.counties)
    n_open = np.bincount(late["source"] * n_counties + late["county"], minlength=cases.closed.size)
    n_closed = cases.closed.ravel()
    there = np.flatnonzero(n_closed + n_open)
    source, where = np.divmod(there, n_counties)
    told = {"source": cases.sources[source], "county": cases.counties[where]}
    lines = pd.DataFrame(told | {"cases": (n_closed + n_open)[there], "closed": n_closed[there]})
    return lines.sort_values(["source", "county"], ignore_index=True)


def _due(evidence: Evidence, events: Events, rows: np.ndarray) -> np.ndarray:
    """(n,) wall-clock time by when some events were due: as they say, else by the scheme of their feed; NaT where neither sets a limit."""
    due = evidence.wall(events.due[rows])
    unsaid = np.flatnonzero(np.isnat(due))
    source = events.words["source"][events.source[rows[unsaid]]]
    due[unsaid] = _scheme_due(evidence, source, evidence.wall(events.occurred[rows[unsaid]]))
    return due


def _tells(lines: pd.DataFrame) -> np.ndarray:
    return tells_closings(lines["cases"].to_numpy(), lines["closed"].to_numpy())


def _without_closings(cases: Cases, lines: pd.DataFrame) -> np.ndarray:
    """(n,) whether each open case is of a feed, or of a county's part of it, that tells no closings."""
    silent = lines[~lines["told"]]
    cell = np.zeros(cases.closed.shape, dtype=bool)
    for source, where in zip(silent["source"], silent["county"], strict=True):
        cell[np.ix_(cases.sources == source, (cases.counties == where) | (where == "*"))] = True
    return np.asarray(cell[cases.open["source"], cases.open["county"]])


def open_cases(evidence: Evidence, cases: Cases, lines: pd.DataFrame) -> pd.DataFrame:
    """Open cases with a limit, one a row: codes of `source` and `category`, `grid`, `due` (wall clock), `past` it, `overdue` in working days, `used` share of the budget; not of feeds without closings, as `lines` of :func:`closings` tell them."""
    table = cases.open[~_without_closings(cases, lines)]
    opened, due = (table[name].to_numpy() for name in ("opened", "due"))
    length = (due - opened).astype("int64")
    used = (evidence.now - opened).astype("int64") / np.maximum(length, 1)
    late = np.where(due < evidence.now, np.maximum(_days_late(evidence, due), 0), 0)
    return table.assign(overdue=late, used=used)


def closed_elsewhere(evidence: Evidence, events: Events) -> np.ndarray:
    """(n,) whether the workflow closed the case of a ledger entry after it was made: the closing itself may have been lost on the way."""
    done = np.zeros(events.n, dtype=bool)
    if not evidence.has("workflow"):
        return done
    steps = evidence.workflow
    closed = steps[steps["action"] == "close"].groupby("case_id")["at_us"].max()
    code = events.numbers_of("case_id", closed.index)
    last = np.full(events.n_keys("case_id") + 1, -1)
    last[code[code >= 0]] = closed.to_numpy()[code >= 0]
    entries = np.flatnonzero(events.of("dispute") & (events.case >= 0))
    done[entries] = last[events.case[entries]] >= events.occurred[entries]
    return done


def _days_late(evidence: Evidence, due: np.ndarray) -> np.ndarray:
    """Working days from each `due` (wall clock) to yesterday; what was due at midnight was due the day before."""
    last = (due - np.timedelta64(1, "us")).astype("datetime64[D]")
    return evidence.workdays.between(last, evidence.now.astype("datetime64[D]") - DAY)


def _scheme_due(evidence: Evidence, source: np.ndarray, opened: np.ndarray) -> np.ndarray:
    due = np.full(len(opened), np.datetime64("NaT", "us"))
    for name, chosen in SCHEMES.items():
        mine = np.flatnonzero((source == name) & (opened >= evidence.now - np.timedelta64(3 * 365, "D")))
        total = scheme(chosen).limit("total")
        if len(mine) == 0 or total is None:
            continue
        day = opened[mine].astype("datetime64[D]")
        if total.unit == "wd":
            due[mine] = evidence.workdays.after(day, int(total.budget)) + DAY
        else:
            due[mine] = day + (int(total.budget) + 1) * DAY
    return due


def _overdue_grids(evidence: Evidence, limited: Cases, lines: pd.DataFrame) -> pd.DataFrame:
    cases = open_cases(evidence, limited, lines)
    late = cases[cases["past"]]
    if late.empty:
        return no_gaps(RESPONSE, evidence.as_of)
    weight = np.array([WEIGHTS.get(c, 1.0) for c in limited.categories])[late["category"]]
    score = weight * np.log2(1 + late["overdue"].clip(lower=1))
    late = late.assign(score=score, source=limited.sources[late["source"]])
    by = late.groupby("grid").agg(n=("due", "size"), worst=("overdue", "max"), score=("score", "sum"))
    amber = cases[~cases["past"] & (cases["used"] >= AMBER)].groupby("grid").size().reindex(by.index, fill_value=0)
    open_now = cases.groupby("grid").size().reindex(by.index)
    sources = late.groupby(["grid", "source"]).size()
    numbers = [
        {
            "clock": "total",
            "overdue_cases": int(r.n),
            "working_days": int(r.worst),
            "open_cases": int(open_now[g]),
            "amber_cases": int(amber[g]),
            "by_source": {str(k): int(v) for k, v in sources[g].items()},
            "calendar": evidence.workdays.basis,
        }
        for g, r in zip(by.index, by.itertuples(), strict=True)
    ]
    scopes = [f"grid:{g}" for g in evidence.grid_ids[by.index]]
    return gap_rows(
        RESPONSE,
        evidence.as_of,
        scopes,
        observed=by["n"].to_numpy(),
        expected=np.zeros(len(by)),
        score=by["score"].to_numpy(),
        confidence=1.0,
        evidence=numbers,
    )


def _overdue_levels(evidence: Evidence) -> pd.DataFrame:
    """Bodies that hold cases past the limit of their own level or stage, as the workflow gives it."""
    if not evidence.has("workflow"):
        return no_gaps(RESPONSE, evidence.as_of)
    steps = evidence.workflow
    held = last_steps(steps)
    held = held[~held["action"].isin(["close", "callback"]) & (held["limit_us"] < evidence.at) & held["to_org"].notna()]
    if held.empty:
        return no_gaps(RESPONSE, evidence.as_of)
    limit = evidence.wall(held["limit_us"].to_numpy())
    days = _days_late(evidence, limit)
    by = (
        held.assign(days=days, score=np.log2(1 + days))
        .groupby("to_org")
        .agg(n=("case", "size"), worst=("days", "max"), score=("score", "sum"), level=("level", "first"))
    )
    numbers = [
        {
            "clock": "level",
            "level": str(r.level),
            "overdue_cases": int(r.n),
            "working_days": int(r.worst),
            "calendar": evidence.workdays.basis,
        }
        for r in by.itertuples()
    ]
    return gap_rows(
        RESPONSE,
        evidence.as_of,
        [f"org:{o}" for o in by.index],
        observed=by["n"].to_numpy(),
        expected=np.zeros(len(by)),
        score=by["score"].to_numpy(),
        confidence=1.0,
        evidence=numbers,
    )


def last_steps(steps: pd.DataFrame) -> pd.DataFrame:
    """The latest step of each case that sets a limit or ends it; signing and helping leave both as they were."""
    setting = steps[~steps["action"].isin(["sign", "assist", "supervise"])]
    return setting.drop_duplicates("case", keep="last")


def callback_gaps(evidence: Evidence) -> pd.DataFrame:
    """G14: grids whose grave cases (severity 2 and more) were closed more than seven days ago, and nobody called back.

    Cases closed within the last 60 days count; a call back after the closing, however late, clears the gap.
    """
    steps = evidence.workflow
    closed = steps[steps["action"] == "close"].groupby("case_id")["at_us"].max()
    called = steps[steps["action"] == "callback"].groupby("case_id")["at_us"].max().reindex(closed.index)
    age = (evidence.at - closed) / DAY_US
    missed = closed[(age > CALLBACK_DAYS) & (age <= CALLBACK_WINDOW_DAYS) & ~(called >= closed)]
    events = evidence.events
    code = events.numbers_of("case_id", missed.index)
    worst = np.zeros(events.n_keys("case_id") + 1, dtype=np.int64)
    entries = np.flatnonzero(events.of("dispute") & (events.case >= 0))
    np.maximum.at(worst, events.case[entries], events.severity[entries].astype(np.int64))
    place = np.full(len(worst), -1)
    place[events.case[entries]] = events.grid[entries]
    grave = np.flatnonzero((code >= 0) & (worst[code] >= GRAVE) & (place[code] >= 0))
    frame = pd.DataFrame(
        {
            "grid": place[code[grave]],
            "days": (evidence.at - missed.to_numpy()[grave]) / DAY_US,
            "case": missed.index[grave],
        }
    )
    by = frame.groupby("grid").agg(
        n=("days", "size"), days=("days", "max"), cases=("case", lambda c: sorted(c)[:_LISTED])
    )
    numbers = [
        {
            "cases": r.cases,
            "not_called_back": int(r.n),
            "days_since_closing": round(float(r.days), 1),
            "wanted_within_days": CALLBACK_DAYS,
        }
        for r in by.itertuples()
    ]
    return gap_rows(
        CALLBACK,
        evidence.as_of,
        [f"grid:{g}" for g in evidence.grid_ids[by.index]],
        observed=np.zeros(len(by)),
        expected=by["n"].to_numpy(),
        score=2 * by["n"].to_numpy(),
        confidence=1.0,
        evidence=numbers,
    )


def alert_gaps(evidence: Evidence) -> pd.DataFrame:
    """G19: grids that an alert of the last fourteen days named and nobody visited within the level's time, or red on three nights unvisited.

    A gap closes by evidence, a visit in the table, not by a button.
    """
    alerts = evidence.table("alerts")
    if alerts is None:
        raise NotFoundError(
            "gap G19 looks at the alerts of earlier nights, and none is published; run `riskwarn nightly` first."
        )
    recent = alerts[
        (alerts["as_of"] >= evidence.as_of - pd.Timedelta(days=ALERT_WINDOW_DAYS))
        & alerts["level"].isin(FIRST_VISIT_HOURS)
    ]
    if recent.empty:
        return no_gaps(ALERT, evidence.as_of)
    each = recent.assign(grid_id=recent["grid_ids"].str.split()).explode("grid_id", ignore_index=True)
    each["grid"] = pd.Index(evidence.grid_ids).get_indexer(each["grid_id"])
    each = each[each["grid"] >= 0]
    last = _last_visit(evidence)
    raised = each["as_of"].dt.tz_convert(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    allowed = each["level"].map(FIRST_VISIT_HOURS).to_numpy() * DAY_US // 24
    each = each.assign(raised=raised, late=(evidence.at - raised > allowed) & (last[each["grid"]] < raised))
    by = each.groupby("grid").agg(
        raised=("raised", "min"),
        late=("late", "any"),
        level=("level", "first"),
    )
    red = each[each["level"] == "red"].groupby("grid")["raised"].nunique()
    by = by.assign(red=red.reindex(by.index, fill_value=0))
    red_unseen = (by["red"] >= RED_NIGHTS) & (last[by.index] < by["raised"])
    unseen = by[by["late"] | red_unseen]
    return gap_rows(
        ALERT,
        evidence.as_of,
        [f"grid:{g}" for g in evidence.grid_ids[unseen.index]],
        observed=np.zeros(len(unseen)),
        expected=np.ones(len(unseen)),
        score=(evidence.at - unseen["raised"].to_numpy()) / DAY_US,
        confidence=1.0,
        evidence=[_unvisited(evidence, r) for r in unseen.itertuples()],
    )


def _last_visit(evidence: Evidence) -> np.ndarray:
    """(n_grids,) when each grid was last visited, µs; long ago where it never was."""
    last = np.full(evidence.n_grids, np.iinfo(np.int64).min)
    np.maximum.at(last, evidence.visits.grid, evidence.visits.started)
    return last


def _unvisited(evidence: Evidence, alert: Any) -> dict[str, object]:
    return {
        "level": str(alert.level),
        "first_alert": evidence.local(np.array([alert.raised]))[0],
        "red_nights": int(alert.red),
        "visits_since": 0,
        "wanted_within_hours": FIRST_VISIT_HOURS[str(alert.level)],
    }
