"""The API under ``/api/v1``: what a night published, for programs. Every answer names its night, model and data cut-off."""

import json
from typing import Annotated, Any

import numpy as np
import pandas as pd
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from riskwarn.gaps.gap import KINDS
from riskwarn.language import LANGUAGES, Words, in_every_language
from riskwarn.web import schemas
from riskwarn.web.geojson import geojson
from riskwarn.web.nights import Night, Nights, named
from riskwarn.web.policy import may
from riskwarn.web.problems import unknown_alert, unknown_grid
from riskwarn.web.reasons import remedies, sentences
from riskwarn.web.schemas import (
    AlertsQuery,
    GapsQuery,
    ListQuery,
    NightQuery,
    Paging,
    ScoresQuery,
    fields,
    rows,
    stated,
)
from riskwarn.web.words import PHRASES

N_PAST_NIGHTS = 52
api = APIRouter(prefix="/api/v1")


def nights_of(request: Request) -> Nights:
    """The nights the application serves."""
    nights: Nights = request.app.state.nights
    return nights


def answer(night: Night, **members: object) -> JSONResponse:
    """An answer with its envelope."""
    said = {
        "as_of": night.date,
        "model_version": stated(night.facts, "model_version"),
        "data_until": night.data_until,
        "note": PHRASES["note"].en,
    }
    return api_answer(**said, **members)


def api_answer(**members: object) -> JSONResponse:
    """An answer without an envelope; programs ask anew each time."""
    return JSONResponse(members, headers={"Cache-Control": "no-cache"})


def answer_page(
    night: Night, items: list[dict[str, Any]], total: int, query: ListQuery, **members: object
) -> JSONResponse:
    """One page of a list of `total` rows."""
    return answer(night, **members, total=total, limit=query.limit, offset=query.offset, items=items)


def page_of(frame: pd.DataFrame, query: Paging) -> pd.DataFrame:
    """The rows of one page."""
    return frame.iloc[query.offset : query.offset + query.limit]


def score_of(night: Night, grid_id: str) -> pd.DataFrame:
    """The one row of a grid's score.

    Raises
    ------
    Problem
        404 where the night has no such grid.
    """
    if grid_id not in night.by_grid.index:
        raise unknown_grid()
    return night.by_grid.loc[[grid_id]]


def changes_of(nights: Nights, night: Night) -> dict[str, Any]:
    """Grids that entered, left and stayed in the list against the night before; nulls where there is none."""
    before = nights.before(night)
    if before is None:
        return {"previous": None, "entered": None, "left": None, "stayed": None}
    now, then = night.grids_listed, before.grids_listed
    return {
        "previous": before.date,
        "entered": [g for g in now if g not in set(then)],
        "left": [g for g in then if g not in set(now)],
        "stayed": [g for g in now if g in set(then)],
    }


def gap_rows(gaps: pd.DataFrame) -> list[dict[str, Any]]:
    """Gaps with the words of their kind and their evidence read."""
    listed = rows(gaps, [name for name in fields(schemas.Gap) if name not in LANGUAGES])
    for gap in listed:
        name = KINDS[gap["kind"]].words if gap["kind"] in KINDS else Words(en=gap["kind"])
        gap.update(in_every_language(name))
        gap["evidence"] = evidence(gap["evidence"])
    return listed


def evidence(text: object) -> dict[str, Any]:
    """The numbers behind a gap; text that is no JSON object is kept under ``text``."""
    try:
        numbers = json.loads(str(text))
    except ValueError:
        numbers = str(text)
    return finite(numbers) if isinstance(numbers, dict) else {"text": finite(numbers)}


def alert_rows(alerts: pd.DataFrame) -> list[dict[str, Any]]:
    """Alerts with their lists taken apart."""
    listed = rows(alerts, fields(schemas.Alert))
    for alert in listed:
        alert["grid_ids"], alert["gap_kinds"] = (str(alert[c] or "").split() for c in ("grid_ids", "gap_kinds"))
    return listed


def finite(value: Any) -> Any:
    """A JSON value with null for what is no number.

    Examples
    --------
    >>> finite({"a": [1.0, float("nan")]})
    {'a': [1.0, None]}
    """
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


@api.get("/scores", response_model=schemas.Scores, dependencies=[may("scores:read", counts="safe")])
def scores(request: Request, query: Annotated[ScoresQuery, Query()]) -> Response:
    """Scores, riskiest first, unscored last."""
    night = nights_of(request).at(query.as_of, target=query.target)
    chosen = night.scores
    if query.min_probability is not None:
        chosen = chosen[chosen["probability"] >= query.min_probability]
    if query.state:
        chosen = chosen[chosen["state"] == query.state]
    return answer_page(night, rows(page_of(chosen, query), fields(schemas.Score)), len(chosen), query)


@api.get("/scores/{grid_id}", response_model=schemas.OneScore, dependencies=[may("scores:read", counts="safe")])
def score(request: Request, grid_id: str, query: Annotated[NightQuery, Query()]) -> Response:
    """One grid's score."""
    night = nights_of(request).at(query.as_of, target=query.target)
    return answer(night, score=rows(score_of(night, grid_id), fields(schemas.Score))[0])


@api.get("/grids/{grid_id}/reasons", response_model=schemas.Reasons, dependencies=[may("scores:read")])
def reasons(request: Request, grid_id: str, query: Annotated[NightQuery, Query()]) -> Response:
    """Why one grid has its score, in every language."""
    night = nights_of(request).at(query.as_of, target=query.target)
    known = score_of(night, grid_id)["grid_id"].iloc[0]
    raw = night.reasons_of([known])
    features = night.facts.get("features", {})
    steps = {f"remedy_{language}": remedies(raw, features, language) for language in LANGUAGES}
    worded = raw.assign(**{language: sentences(raw, features, language) for language in LANGUAGES}, **steps)
    return answer(night, grid_id=known, items=rows(worded, fields(schemas.Reason)))


@api.get("/grids/{grid_id}/history", response_model=schemas.GridHistory, dependencies=[may("scores:read")])
def history(request: Request, grid_id: str, query: Annotated[NightQuery, Query()]) -> Response:
    """One grid's last nights and weeks."""
    nights = nights_of(request)
    night = nights.at(query.as_of, target=query.target)
    known = score_of(night, grid_id)["grid_id"].iloc[0]
    past_scores = nights.past_scores(nights.upto(night, N_PAST_NIGHTS), known, night.target)
    past = rows(past_scores.assign(as_of=[named(at) for at in past_scores["as_of"]]), fields(schemas.PastScore))
    return answer(night, grid_id=known, nights=past, weeks=_week_rows(night, known))


def _week_rows(night: Night, grid_id: str) -> list[dict[str, Any]] | None:
    weeks = night.weeks
    if weeks is None:
        return None
    counts = weeks.of_grid(grid_id)
    return [
        {
            "from": named(end - pd.DateOffset(weeks=1)),
            "until": named(end),
            "counts": {source: counted[week] for source, counted in counts.items()},
        }
        for week, end in enumerate(weeks.ends)
    ]


@api.get(
    "/grids.geojson",
    response_class=Response,
    responses={200: {"content": {"application/geo+json": {}}}},
    dependencies=[may("scores:read", counts="safe")],
)
def grids(request: Request, query: Annotated[NightQuery, Query()]) -> Response:
    """Polygons of the grids with score, band and level, for the map."""
    drawn = geojson(nights_of(request).at(query.as_of, target=query.target))
    headers = {"ETag": drawn.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if drawn.etag in [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(
            drawn.compressed, headers=headers | {"Content-Encoding": "gzip"}, media_type="application/geo+json"
        )
    return Response(drawn.text, headers=headers | {"Content-Encoding": "identity"}, media_type="application/geo+json")


@api.get("/changes", response_model=schemas.Changes, dependencies=[may("scores:read", counts="safe")])
def changes(request: Request, query: Annotated[NightQuery, Query()]) -> Response:
    """Grids that entered, left and stayed in the list against the night before."""
    nights = nights_of(request)
    night = nights.at(query.as_of, target=query.target)
    return answer(night, **changes_of(nights, night))


@api.get("/gaps", response_model=schemas.Gaps, dependencies=[may("gaps:read")])
def gaps(request: Request, query: Annotated[GapsQuery, Query()]) -> Response:
    """Gaps, most severe first."""
    night = nights_of(request).at(query.as_of, target=query.target)
    chosen = pd.DataFrame(columns=["kind"]) if night.gaps is None else night.gaps
    chosen = chosen[chosen["kind"] == query.kind] if query.kind else chosen
    return answer_page(night, gap_rows(page_of(chosen, query)), len(chosen), query, made=night.gaps is not None)


@api.get("/alerts", response_model=schemas.Alerts, dependencies=[may("alerts:read", counts="safe")])
def alerts(request: Request, query: Annotated[AlertsQuery, Query()]) -> Response:
    """Alerts, riskiest first."""
    night = nights_of(request).at(query.as_of, target=query.target)
    chosen = pd.DataFrame(columns=["level"]) if night.alerts is None else night.alerts
    chosen = chosen[chosen["level"] == query.level] if query.level else chosen
    return answer_page(night, alert_rows(page_of(chosen, query)), len(chosen), query, made=night.alerts is not None)


@api.get("/alerts/{alert_id}", response_model=schemas.OneAlert, dependencies=[may("alerts:read", counts="safe")])
def alert(request: Request, alert_id: str, query: Annotated[NightQuery, Query()]) -> Response:
    """One alert."""
    night = nights_of(request).at(query.as_of, target=query.target)
    matching = night.alerts[night.alerts["alert_id"] == alert_id] if night.alerts is not None else pd.DataFrame()
    if matching.empty:
        raise unknown_alert()
    return answer(night, alert=alert_rows(matching)[0])


@api.get("/model", response_model=schemas.Model, dependencies=[may("model:read", "any", "safe")])
def model(request: Request, query: Annotated[NightQuery, Query()]) -> Response:
    """What the night says of its model."""
    night = nights_of(request).at(query.as_of, target=query.target)
    return answer(night, facts=finite({k: v for k, v in night.facts.items() if k != "feeds"}))


@api.get("/feeds", response_model=schemas.Feeds, dependencies=[may("feeds:read", "any", "safe")])
def feeds(request: Request, query: Annotated[NightQuery, Query()]) -> Response:
    """State of each feed."""
    night = nights_of(request).at(query.as_of, target=query.target)
    return answer(night, items=finite(night.facts.get("feeds")))
