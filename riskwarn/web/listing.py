"""The list and the map of a night, one view: filters that combine, live in the address, and hold for both."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from riskwarn.access import Visitor
from riskwarn.gaps.gap import KINDS
from riskwarn.language import Spoken
from riskwarn.ledger.words import word as ledger_word
from riskwarn.taxonomy import words_of
from riskwarn.web.api.items import books_of
from riskwarn.web.api.shared import nights_of
from riskwarn.web.atlas import atlas
from riskwarn.web.codes import LEVELS, STATES
from riskwarn.web.desk import at_hand
from riskwarn.web.fitting import Fit, FitQuery, fitting, offered, with_work
from riskwarn.web.held import Night, facts_of
from riskwarn.web.lines import by_kind, found_gaps, gap_lines, pager, riskiest
from riskwarn.web.morning import LANE_NAMES, NEWS, lane_counts, lines_of
from riskwarn.web.narrow import narrowed
from riskwarn.web.page import language_of, page_of_night
from riskwarn.web.policy import may
from riskwarn.web.words import PHRASES, said
from riskwarn.web.worklist import DETAILS

PER_PAGE = 40
"""Alerts on a page, and gaps below them."""
MOST_PINS = 200
_AREAS = {"county": "county_id", "township": "township_id"}
Groups = Mapping[str, Sequence[tuple[str, str]]]
listing = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Filter:
    """One filter of the form.

    Attributes
    ----------
    name
        Parameter of the address.
    label, every
        Key of its label, and of the choice that leaves all; that is empty where there is none.
    chosen
        Value that is chosen.
    groups
        Value and text of each choice, by the key of its heading; empty for none.
    """

    name: str
    label: str
    every: str
    chosen: str
    groups: Groups


@listing.get("/alerts")
def alerts(
    request: Request,
    query: Annotated[FitQuery, Query()],
    visitor: Annotated[Visitor, may("alerts:read", "own")],
) -> Response:
    """Alerts, gaps and grids that fit the filters, as a list and as a map."""
    nights, language = nights_of(request), language_of(request)
    night = narrowed(nights.at(query.as_of, target=query.target), visitor)
    every = with_work(night, books_of(request), visitor)
    kinds = by_kind(found_gaps(night.gaps)) if night.gaps is not None and visitor.may("gaps:read") else {}
    asked = query if query.gap in kinds else query.model_copy(update={"gap": ""})
    fit = fitting(night, asked, every)
    pages = pager(len(fit.alerts), query.page, PER_PAGE)
    return page_of_night(
        request,
        "alerts.html",
        night,
        made=night.alerts is not None,
        asked=asked,
        fit=fit,
        left_out=KINDS[query.gap].words[language] if query.gap in KINDS else query.gap,
        filters=filters_of(night, every, asked, kinds, language),
        pages=pages,
        at_hand=at_hand(request, night),
        lines=lines_of(night, fit.alerts.iloc[pages["start"] : pages["end"]], language),
        gap_lines=_gap_lines(fit, night, language),
        entries=riskiest(nights, night, language) if night.alerts is None else [],
        atlas=atlas(night, visitor, alerts=fit.alerts.head(MOST_PINS), fits=fit.grids, gap=asked.gap),
    )


def filters_of(
    night: Night, alerts: pd.DataFrame, asked: FitQuery, kinds: Iterable[str], language: str
) -> list[Filter]:
    """The filters that a night offers; one that could change nothing is left out.

    Parameters
    ----------
    night
        As the reader sees it.
    alerts
        Its alerts, with the state and owner of their work.
    asked
        What is chosen.
    kinds
        Kinds of gap that were found.
    language
        Of the reader.

    Returns
    -------
    filters
        In the order of the form.
    """
    areas = {
        group: [
            (str(code), night.places.called.get(str(code)) or words_of(str(code))[language])
            for code in sorted(night.scores[column].dropna().unique())
        ]
        for group, column in _AREAS.items()
        if column in night.scores
    }
    lanes = list(lane_counts(alerts))
    news = [("news", PHRASES["news"][language]), *_told(NEWS, NEWS, language)]
    offers: list[tuple[str, str, str, Groups]] = [
        ("area", "area_of", "all_areas", areas),
        ("level", "level", "level_all", {"": _told(LEVELS, LEVELS, language)}),
        ("lane", "lane", "all_lanes", {"": _told(LANE_NAMES, lanes, language)}),
        ("trend", "trend", "all", {"": news if lanes else []}),
        (
            "gap",
            "gap_kind_of",
            "no_gap_layer",
            {"": [(k, KINDS[k].words[language] if k in KINDS else k) for k in kinds]},
        ),
        ("owner", "owner", "all", {"": [(o, words_of(o)[language]) for o in offered(alerts, "owner")]}),
        ("state", "work_state", "all_states", {"": [(s, _state(s)[language]) for s in offered(alerts, "state")]}),
    ]
    made = [Filter(*told[:3], getattr(asked, told[0]), told[3]) for told in offers if any(told[3].values())]
    targets = [(name, _question(night, name, language)) for name in night.held.targets]
    return [*made, Filter("target", "map_layer", "", night.target, {"": targets})] if len(targets) > 1 else made


def _told(words: Mapping[str, Spoken], codes: Iterable[str], language: str) -> list[tuple[str, str]]:
    return [(code, words[code][language]) for code in codes]


def _state(state: str) -> Spoken:
    return STATES[state] if state in STATES else ledger_word("state", state)


def _question(night: Night, target: str, language: str) -> str:
    """What a layer shows: the question it answers, its name where the night states none."""
    return said(facts_of(night.published, target).get("question") or target, language)


def _gap_lines(fit: Fit, night: Night, language: str) -> list[dict[str, Any]]:
    return (
        [] if fit.gaps is None else gap_lines(fit.gaps.head(PER_PAGE), night.places.called, language, without=DETAILS)
    )
