"""Events that are posted to be tried: looked through at the door for person data, kept nowhere and repeated nowhere."""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from fastapi import Request

from riskwarn.access import Visitor
from riskwarn.privacy import ColumnWatch, country_of, findings
from riskwarn.schema import ORIGINS
from riskwarn.taxonomy import CATEGORIES
from riskwarn.web.api.shared import finite, nights_of, row_of
from riskwarn.web.held import Night
from riskwarn.web.problems import Problem, cannot_be_scored, no_model, person_data, unknown_place
from riskwarn.web.recorder import note_object
from riskwarn.web.schemas import PostedEvent, ScoreRequest, SupposedScore, fields
from riskwarn.web.workbench import Workbench

log = logging.getLogger(__name__)
_GRIDS = ("grid_id", "near_grid_id")
_MOST_NOTED = 20
"""Grids that a line of the audit log names."""
_TIMES = ("known_at", "occurred_at", "closed_at", "due_at")
_KNOWN = frozenset({*CATEGORIES, *ORIGINS})
_NO_MODEL = frozenset({"NotFoundError"})
_BUSY = frozenset({"BusyError"})
_REFUSED = frozenset({"DataError", "DefinitionError", "ArgumentError", "StaleDataError", "LabelError"})
_SCORE = fields(SupposedScore)


def supposed(request: Request, night: Night, query: ScoreRequest, visitor: Visitor) -> dict[str, Any]:
    """The scores of some grids as they would be if the posted events were known.

    Parameters
    ----------
    request
        Of the application whose workbench computes them.
    night
        Whose date, question and capacity are used.
    query
        With `events` and `grids`.
    visitor
        Who asks.

    Returns
    -------
    supposed
        As JSON knows it.

    Raises
    ------
    Problem
        404 where a grid is none that the visitor sees, 409 where the model is not there, 422 where an event tells a person, names such a
        grid, or cannot be scored, 429 and 503 where it cannot be computed now.
    """
    events, wanted = query.events or [], sorted({*(query.grids or [])})
    rows = [row_of(night, grid_id, visitor) for grid_id in wanted]
    check_places(events, night, visitor)
    check_persons(events, night)
    request.state.as_of = f"{night.as_of:%Y-%m-%d}"
    more = len(wanted) - _MOST_NOTED
    note_object(
        request, "supposed", len(events), query.in_place_of, *wanted[:_MOST_NOTED], f"+{more}" if more > 0 else ""
    )
    bench: Workbench = request.app.state.workbench
    answer = bench.ask(
        {
            "store": str(nights_of(request).store.path),
            "target": night.target,
            "as_of": night.as_of.isoformat(),
            "events": [event.model_dump(exclude_none=True) for event in events],
            "in_place_of": query.in_place_of or "",
            "grids": wanted,
            "wanted": wanted,
            "alias": night.facts.get("alias") or "champion",
            "capacity": int(night.facts.get("capacity") or 50),
        }
    )
    if "error" in answer:
        raise _problem_of(str(answer["error"]), str(answer.get("kind", "")))
    return _told(night, query, answer["scores"], rows)


def _told(night: Night, query: ScoreRequest, scores: list[dict[str, Any]], rows: Sequence[int]) -> dict[str, Any]:
    events, at = query.events or [], night.as_of
    published = night.ranked.rows.select(["grid_id", "rank", "expected"]).take(list(rows)).to_pylist()
    before = {row["grid_id"]: row for row in published}
    items = []
    for score in scores:
        of = before[score["grid_id"]]
        told = score | {"rank_published": of["rank"], "expected_published": of["expected"]}
        items.append({name: finite(told[name]) for name in _SCORE})
    return {
        "model_version": next((score["model_version"] for score in scores), ""),
        "in_place_of": query.in_place_of,
        "n_events": len(events),
        "n_known": sum(pd.Timestamp(event.known_at) < at for event in events),
        "items": items,
    }


def _problem_of(error: str, kind: str) -> Problem:
    if error in _NO_MODEL:
        return no_model()
    if error in _BUSY:
        return Problem(503, "busy", "The store was written meanwhile; ask again.")
    if error in _REFUSED:
        return cannot_be_scored(error.removesuffix("Error").lower())
    log.error("supposed events: %s %s", error, kind)  # what a message says may repeat an event
    return Problem(500, "internal", "The events could not be scored; see the log of the server.")


def check_places(events: Sequence[PostedEvent], night: Night, visitor: Visitor) -> None:
    """Refuse events in grids that there are not, or that the visitor does not see: one is as unknown as the other.

    Raises
    ------
    Problem
        422 with the number and member of the first such event.
    """
    for n, event in enumerate(events):
        for name in _GRIDS:
            if grid_id := getattr(event, name):
                try:
                    row_of(night, grid_id, visitor)
                except Problem:
                    raise unknown_place(n, name) from None


def check_persons(events: Sequence[PostedEvent], night: Night) -> None:
    """Refuse events in which a value looks like person data, or a member looks like one of names, as at the door of the store.

    Raises
    ------
    Problem
        422 with the number and member of each, up to twenty; no value is repeated.
    """
    table = pd.DataFrame([event.model_dump() for event in events])
    known = _KNOWN | {getattr(event, name) for event in events for name in _GRIDS}
    countries, faults = country_of(str(night.as_of.tz)), []
    for name in [c for c in table if c not in _TIMES and table[c].map(lambda v: isinstance(v, str)).any()]:
        values = table[name].where(table[name].map(lambda v: isinstance(v, str)), None).astype("str")
        rules = findings(values.mask(values.isin(known)), countries=countries)
        watch = ColumnWatch()
        watch.see(values, rules)
        faults += [(int(n), str(name)) for n in np.flatnonzero(rules != "")]
        if watch.verdict() and not (rules != "").any():
            faults.append((0, str(name)))
    if faults:
        raise person_data(sorted(faults)[:20])
