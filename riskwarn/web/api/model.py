"""The model behind the scores, its card, and the feeds they rest on."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from riskwarn.datasheet import datasheet_text
from riskwarn.language import LANGUAGES, Words, in_every_language
from riskwarn.web import schemas
from riskwarn.web.api.shared import answer, finite, nights_of
from riskwarn.web.policy import may
from riskwarn.web.schemas import NightQuery
from riskwarn.web.words import PHRASES

router = APIRouter(prefix="/api/v1")


@router.get("/model", response_model=schemas.Model, dependencies=[may("model:read", "any", "safe")])
def model(request: Request, query: Annotated[NightQuery, Query()]) -> Response:
    """What the night says of its model."""
    night = nights_of(request).at(query.as_of, target=query.target)
    return answer(request, night, facts=finite({k: v for k, v in night.facts.items() if k != "feeds"}))


@router.get("/model/card", response_model=schemas.Card, dependencies=[may("model:read", "any", "safe")])
def card(request: Request, query: Annotated[NightQuery, Query()]) -> Response:
    """The card of the model: what it was asked, how it was judged against the counts, what it looks at, what it is for and what not."""
    night = nights_of(request).at(query.as_of, target=query.target)
    facts = night.facts
    features = [
        {"name": name, "unit": words.get("unit"), **(_every(words) or {})}
        for name, words in facts.get("features", {}).items()
    ]
    return answer(
        request,
        night,
        target=night.target,
        question=_every(facts.get("question")),
        purpose=facts.get("purpose"),
        horizon_days=facts.get("horizon_days"),
        gate=facts.get("gate"),
        gate_reason=_every(facts.get("gate_reason")),
        trained=finite(facts.get("trained")),
        backtest=finite(facts.get("backtest")),
        features=features,
        meant_for=in_every_language(PHRASES["note"]),
        not_for=in_every_language(PHRASES["not_for_list"]),
    )


@router.get("/model/datasheet", response_model=schemas.Datasheet, dependencies=[may("model:read", "any", "safe")])
def datasheet(request: Request, query: Annotated[NightQuery, Query()]) -> Response:
    """The datasheet of what the model learnt from: feeds, rows, what was refused or came late, silences; as values and as text."""
    night = nights_of(request).at(query.as_of, target=query.target)
    sheet, version = night.facts.get("datasheet"), str(night.facts.get("model_version"))
    told = sheet and {
        language: datasheet_text(sheet, target=night.target, version=version, language=language)
        for language in LANGUAGES
    }
    return answer(request, night, target=night.target, datasheet=finite(sheet), text=told)


def _every(said: Any) -> Mapping[str, str] | None:
    """A text in every language; None where there is none."""
    if not said:
        return None
    words = (
        Words(**{k: v for k, v in said.items() if k in LANGUAGES}) if isinstance(said, dict) else Words(en=str(said))
    )
    return in_every_language(words)


@router.get("/feeds", response_model=schemas.Feeds, dependencies=[may("feeds:read", "any", "safe")])
def feeds(request: Request, query: Annotated[NightQuery, Query()]) -> Response:
    """State of each feed."""
    night = nights_of(request).at(query.as_of, target=query.target)
    return answer(request, night, items=finite(night.facts.get("feeds")))
