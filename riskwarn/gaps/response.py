"""Late hands: G06 cases past their limit, G14 grave cases nobody called back, G19 alerts that moved nobody."""

from typing import Any

import numpy as np
import pandas as pd

from riskwarn.errors import NotFoundError
from riskwarn.gaps.calendar import DAY
from riskwarn.gaps.deadlines import AMBER, scheme
from riskwarn.gaps.evidence import Evidence
from riskwarn.gaps.gap import ALERT, CALLBACK, RESPONSE, gap_rows, no_gaps, unknown
from riskwarn.history import DAY_US, LEAST_CASES, NEVER, tells_closings

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
    lines = closings(evidence)
    parts = [_overdue_grids(evidence, lines), _overdue_levels(evidence), _untold(evidence, lines)]
    return pd.concat(parts, ignore_index=True)


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
    lines = _old_cases(evidence)
    whole = lines.groupby("source", as_index=False)[["cases", "closed"]].sum().assign(told=_tells)
    few = lines["cases"] < LEAST_CASES
    city = lines["source"].map(whole.set_index("source")["told"]).astype(bool)
    lines = lines.assign(told=np.where(few | ~city, city, _tells(lines)))
    everywhere = whole[~whole["told"]].assign(county="*")
    return pd.concat([lines[lines["told"] | city], everywhere], ignore_index=True)[
        ["source", "county", "cases", "closed", "told"]
    ]


def _old_cases(evidence: Evidence) -> pd.DataFrame:
    """Cases whose limit has passed, and how many of them are closed, by feed and county: `source`, `county`, `cases`, `closed`."""
    events = evidence.events
    limited = np.isin(events.words["source"], list(SCHEMES))[events.source] | (events.due != NEVER)
    rows = np.flatnonzero(limited & (events.grid >= 0))
    done = (events.closed[rows] != NEVER) | closed_elsewhere(evidence)[rows]
    closed, late = rows[done], rows[~done]
    late = late[_due(evidence, late) < evidence.now]
    sources = events.words["source"]
    county, names = evidence.parent("county_id")
    n_closed, n_open = (
        np.bincount(events.source[some] * len(names) + county[events.grid[some]], minlength=len(sources) * len(names))
        for some in (closed, late)
    )
    there = np.flatnonzero(n_closed + n_open)
    source, where = np.divmod(there, len(names))
    told = {"source": sources[source], "county": names[where]}
    lines = pd.DataFrame(told | {"cases": (n_closed + n_open)[there], "closed": n_closed[there]})
    return lines.sort_values(["source", "county"], ignore_index=True)


def _due(evidence: Evidence, rows: np.ndarray) -> np.ndarray:
    """(n,) wall-clock time by when some events were due: as they say, else by the scheme of their feed; NaT where neither sets a limit."""
    events = evidence.events
    due = evidence.wall(events.due[rows])
    unsaid = np.flatnonzero(np.isnat(due))
    source = events.words["source"][events.source[rows[unsaid]]]
    due[unsaid] = _scheme_due(evidence, source, evidence.wall(events.occurred[rows[unsaid]]))
    return due


def _tells(lines: pd.DataFrame) -> np.ndarray:
    return tells_closings(lines["cases"].to_numpy(), lines["closed"].to_numpy())


def _without_closings(evidence: Evidence, rows: np.ndarray, lines: pd.DataFrame) -> np.ndarray:
    """(n,) whether each event is of a feed, or of a county's part of it, that tells no closings."""
    silent = lines[~lines["told"]]
    sources = evidence.events.words["source"]
    county, names = evidence.parent("county_id")
    cell = np.zeros((len(sources), len(names)), dtype=bool)
    for source, where in zip(silent["source"], silent["county"], strict=True):
        cell[np.ix_(sources == source, (names == where) | (where == "*"))] = True
    return np.asarray(cell[evidence.events.source[rows], county[evidence.events.grid[rows]]])


def open_cases(evidence: Evidence, lines: pd.DataFrame) -> pd.DataFrame:
    """Open cases with a limit: row in `events`, grid, source, due (wall clock), `overdue` in working days, `used` share of the budget; not of feeds without closings, as `lines` of :func:`closings` tell them."""
    events = evidence.events
    rows = np.flatnonzero((events.closed == NEVER) & (events.grid >= 0) & ~closed_elsewhere(evidence))
    rows = rows[~_without_closings(evidence, rows, lines)]
    due = _due(evidence, rows)
    rows, due = rows[~np.isnat(due)], due[~np.isnat(due)]
    opened, source = evidence.wall(events.occurred[rows]), events.words["source"][events.source[rows]]
    length = (due - opened).astype("int64")
    used = (evidence.now - opened).astype("int64") / np.maximum(length, 1)
    late = np.where(due < evidence.now, np.maximum(_days_late(evidence, due), 0), 0)
    return pd.DataFrame(
        {
            "row": rows,
            "grid": events.grid[rows],
            "source": source,
            "due": due,
            "past": due < evidence.now,
            "overdue": late,
            "used": used,
        }
    )


def closed_elsewhere(evidence: Evidence) -> np.ndarray:
    """(n,) whether the workflow closed the case of a ledger entry after it was made: the closing itself may have been lost on the way."""
    events = evidence.events
    done = np.zeros(events.n, dtype=bool)
    if not evidence.has("workflow"):
        return done
    steps = evidence.workflow
    closed = steps[steps["action"] == "close"].groupby("case_id")["at_us"].max()
    code = events.numbers_of("case_id", closed.index)
    last = np.full(len(events.keys("case_id")) + 1, -1)
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


def _overdue_grids(evidence: Evidence, lines: pd.DataFrame) -> pd.DataFrame:
    cases = open_cases(evidence, lines)
    late = cases[cases["past"]]
    if late.empty:
        return no_gaps(RESPONSE, evidence.as_of)
    events = evidence.events
    category = events.words["category"][events.category[late["row"]]]
    weight = np.array([WEIGHTS.get(c, 1.0) for c in category])
    late = late.assign(score=weight * np.log2(1 + late["overdue"].clip(lower=1)))
    by = late.groupby("grid").agg(n=("row", "size"), worst=("overdue", "max"), score=("score", "sum"))
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
    worst = np.zeros(len(events.keys("case_id")) + 1, dtype=np.int64)
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
