"""Rules that raise an alert by themselves: counted from what was known, shown with the records behind them, never learned, never cut.

=====================  ======  ==========================================================================================
rule                   level   holds where
=====================  ======  ==========================================================================================
weapon_call            red     a dispute call with a weapon seen, of the last days, is not closed
calls_at_one_place     red     one place has three dispute calls in a fortnight
ladder_overdue         red     a matter reached the police of late, and its case in the ledger is open past its time
wages_before_festival  orange  a wage dispute of many people is open in the month before Spring Festival
place_with_open_case   orange  one place has two dispute calls in a fortnight and an open case in the ledger
county_overdue         orange  an open case that reached the county is overdue by five working days
=====================  ======  ==========================================================================================

A rule whose table or column the city does not have holds nowhere; the numbers are the plan's.
Records of one matter, a case or a place, are listed together in one grid, though some of them lie across a border: one matter is one alert.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from riskwarn.calling import checked
from riskwarn.feature.calendar import spring_festivals
from riskwarn.gaps import Evidence
from riskwarn.gaps.calendar import DAY
from riskwarn.gaps.escalation import chains
from riskwarn.history import DAY_US, NEVER, Events
from riskwarn.plan import Triggers

COLUMNS = ("grid_id", "rule", "level", "source", "event_id", "occurred_at")
RED = frozenset({"weapon_call", "calls_at_one_place", "ladder_overdue"})
_CALL, _WAGES = "P04", "D07"
_POLICE_RUNG, _COUNTY = 3, "L3"


@checked
def triggered(evidence: Evidence, triggers: Triggers) -> pd.DataFrame:
    """The records by which the rules hold tonight.

    Parameters
    ----------
    evidence
        What was known at the night.
    triggers
        Which rules are looked at, and their numbers.

    Returns
    -------
    triggered
        One row a grid, rule and record: `grid_id`, `rule`, `level`, `source`, `event_id`, `occurred_at`; no rows where no rule holds.
    """
    found = {rule: _placed(evidence.events, _RULES[rule](evidence, triggers)) for rule in triggers.rules}
    home = _homes(evidence.events, np.unique(np.concatenate([np.zeros(0, np.int64), *found.values()])))
    parts = [_rows(evidence, rule, rows, home) for rule, rows in found.items()]
    holding = pd.concat([part for part in parts if len(part)] or [_rows(evidence, "", np.zeros(0, np.int64), home)])
    return holding.drop_duplicates(["grid_id", "rule", "source", "event_id"]).sort_values(
        ["grid_id", "rule", "source", "event_id"], ignore_index=True
    )


def _placed(events: Events, rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows[events.grid[rows] >= 0])


def _homes(events: Events, rows: np.ndarray) -> pd.Series:
    """By record the grid its matter is listed in: where most of the matter's records lie, of equally many where the newest does.

    Records that share a case or a place are of one matter, and so are those they share one with.
    """
    keys = np.r_[
        np.where(events.case[rows] >= 0, 2 * events.case[rows], -1),
        np.where(events.place[rows] >= 0, 2 * events.place[rows] + 1, -1),
    ]
    of = np.tile(np.arange(len(rows)), 2)[keys >= 0]
    nodes = len(rows) + pd.factorize(keys[keys >= 0])[0]
    n = len(rows) + len(np.unique(nodes))
    matter = connected_components(coo_array((np.ones(len(of)), (of, nodes)), shape=(n, n)), directed=False)[1][
        : len(rows)
    ]
    records = pd.DataFrame({"matter": matter, "grid": events.grid[rows], "at": events.occurred[rows]})
    by = records.groupby(["matter", "grid"], as_index=False).agg(n=("at", "size"), at=("at", "max"))
    first = by.sort_values(["n", "at", "grid"], ascending=[False, False, True]).drop_duplicates("matter")
    return pd.Series(pd.Series(matter).map(first.set_index("matter")["grid"]).to_numpy(), index=rows)


def _rows(evidence: Evidence, rule: str, rows: np.ndarray, home: pd.Series) -> pd.DataFrame:
    records = evidence.events.take(rows).frame(("grid_id", "source", "event_id", "occurred_at"))
    records["grid_id"] = evidence.grid_ids[home.reindex(rows).to_numpy(dtype=np.int64)]
    return records.assign(rule=rule, level="red" if rule in RED else "orange")[list(COLUMNS)]


def _word(events: Events, column: str, *words: str) -> np.ndarray:
    """(n,) whether a column of words says one of `words`; of tags, whether it is among them."""
    vocabulary = events.words[column]
    says = [not set(str(said).split()).isdisjoint(words) for said in vocabulary]
    codes = events.tags if column == "tags" else events.category
    return np.asarray(np.array(says, dtype=bool)[codes])


def _calls(events: Events) -> np.ndarray:
    return events.of("police_call") & _word(events, "category", _CALL)


def _recent(evidence: Evidence, days: float) -> np.ndarray:
    return np.asarray(evidence.at - evidence.events.occurred <= days * DAY_US)


def _open_cases(evidence: Evidence) -> np.ndarray:
    """(n,) open cases of the ledger, where it tells closings: elsewhere nothing is known to be open."""
    events = evidence.events
    if not events.of("dispute").any():
        return np.zeros(len(events), dtype=bool)
    tells = evidence.snapshot.tells_closings("dispute")[:, 0]
    return np.asarray(events.of("dispute") & (events.closed == NEVER) & tells[events.grid] & (events.grid >= 0))


def _overdue(evidence: Evidence) -> np.ndarray:
    return np.asarray(_open_cases(evidence) & (evidence.events.due < evidence.at))


def _weapon_calls(evidence: Evidence, triggers: Triggers) -> np.ndarray:
    events = evidence.events
    armed = _calls(events) & _word(events, "tags", "weapon")
    return np.flatnonzero(armed & (events.closed == NEVER) & _recent(evidence, triggers.weapon_days))


def _at_one_place(evidence: Evidence, least: int, days: float) -> np.ndarray:
    """Dispute calls of places with at least so many in so many days."""
    events = evidence.events
    calls = np.flatnonzero(_calls(events) & (events.place >= 0) & _recent(evidence, days))
    n = np.bincount(events.place[calls], minlength=1)
    return calls[n[events.place[calls]] >= least]


def _calls_at_one_place(evidence: Evidence, triggers: Triggers) -> np.ndarray:
    return _at_one_place(evidence, triggers.calls_red, triggers.place_days)


def _place_with_open_case(evidence: Evidence, triggers: Triggers) -> np.ndarray:
    events = evidence.events
    calls = _at_one_place(evidence, triggers.calls_orange, triggers.place_days)
    cases = np.flatnonzero(_open_cases(evidence) & (events.place >= 0))
    both = np.intersect1d(events.place[calls], events.place[cases])
    return np.r_[calls[np.isin(events.place[calls], both)], cases[np.isin(events.place[cases], both)]]


def _ladder_overdue(evidence: Evidence, triggers: Triggers) -> np.ndarray:
    """The overdue cases, and the last police record of the same matter (:func:`riskwarn.gaps.escalation.chains`)."""
    events, table = evidence.events, chains(evidence)
    recent = evidence.at - table["at"] <= triggers.ladder_days * DAY_US
    police = table[(table["rank"] >= _POLICE_RUNG) & recent].drop_duplicates("key", keep="last")
    late = np.flatnonzero(_overdue(evidence))
    keys = pd.DataFrame({"row": np.r_[late, late], "key": np.r_[2 * events.case[late], 2 * events.place[late] + 1]})
    met = keys[keys["key"] >= 0].merge(police[["key", "row"]], on="key", suffixes=("", "_police"))
    return np.r_[met["row"].to_numpy(dtype=np.int64), met["row_police"].to_numpy(dtype=np.int64)]


def _wages_before_festival(evidence: Evidence, triggers: Triggers) -> np.ndarray:
    events = evidence.events
    ahead = (spring_festivals() - evidence.now.astype("datetime64[D]")).astype(int)
    if not ((ahead > 0) & (ahead <= triggers.festival_days)).any():
        return np.zeros(0, np.int64)
    wages = _word(events, "category", _WAGES) & _word(events, "tags", "many_people")
    return np.flatnonzero(_open_cases(evidence) & wages)


def _county_overdue(evidence: Evidence, triggers: Triggers) -> np.ndarray:
    events = evidence.events
    late = np.flatnonzero(_overdue(evidence) & (events.case >= 0))
    if not len(late) or not evidence.has("workflow"):
        return np.zeros(0, np.int64)
    last = evidence.workflow.drop_duplicates("case", keep="last")
    county = events.numbers_of("case_id", last.loc[last["level"] == _COUNTY, "case_id"])
    late = late[np.isin(events.case[late], county[county >= 0])]
    due, today = evidence.wall(events.due[late]).astype("datetime64[D]"), evidence.now.astype("datetime64[D]")
    return late[evidence.workdays.between(due, np.full(len(late), today - DAY)) >= triggers.county_overdue_days]


_RULES: dict[str, Callable[[Evidence, Triggers], np.ndarray]] = {
    "weapon_call": _weapon_calls,
    "calls_at_one_place": _calls_at_one_place,
    "ladder_overdue": _ladder_overdue,
    "wages_before_festival": _wages_before_festival,
    "place_with_open_case": _place_with_open_case,
    "county_overdue": _county_overdue,
}
