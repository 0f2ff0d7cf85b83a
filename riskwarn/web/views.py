"""The pages: rendered on the server, readable without scripts, each in Chinese and English."""

import math
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import jinja2
import numpy as np
import pandas as pd
from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from fastapi.responses import HTMLResponse, Response
from pydantic import Field

from riskwarn.explanation import CAVEAT
from riskwarn.gaps.gap import KINDS
from riskwarn.language import LANGUAGES, name_of
from riskwarn.naming import LESS_IS_BETTER, METRICS, MODELS
from riskwarn.taxonomy import ACTIONS, words_of
from riskwarn.web import format as write
from riskwarn.web import words
from riskwarn.web.api import alert_rows, changes_of, evidence, nights_of, score_of
from riskwarn.web.chart import spark, stacked
from riskwarn.web.geojson import has_map
from riskwarn.web.nights import Night, Nights, targets_of
from riskwarn.web.problems import HEADERS, Problem
from riskwarn.web.reasons import remedies, sentences
from riskwarn.web.schemas import Level, NightQuery

STALE_HOURS = 26
"""A night older than this is not today's."""
ROWS_PER_PAGE = 100
ROWS_TODAY = 40
GAPS_TODAY = 12
N_REASONS = 3
N_NIGHTS_CHOICE = 60
FACTS = (
    "target",
    "question",
    "horizon_days",
    "model_version",
    "mlflow_run",
    "data_until",
    "made_at",
    "features",
    "feeds",
    "gate",
    "gate_reason",
    "backtest",
    "trained",
    "capacity",
)
"""What a page may say of a night, each "not stated" where the night does not state it."""
_FEED = {"org_code": "*", "state": "unknown", "last_at": None}
_COOKIE = "riskwarn_lang"
_YEAR_SECONDS = 365 * 24 * 3600
views = APIRouter(include_in_schema=False)
GridId = Annotated[str, InPath(max_length=200)]


class PageQuery(NightQuery):
    """Parameters every page takes; any other is refused."""

    lang: str | None = Field(None, pattern=f"^({'|'.join(LANGUAGES)})$")


class ListPageQuery(PageQuery):
    """Parameters of a page of a list."""

    page: int = Field(1, ge=1, le=1_000_000)


class GapsPageQuery(ListPageQuery):
    """Parameters of the gap list."""

    kind: str | None = Field(None, pattern=r"^G\d\d$")


class AlertsPageQuery(ListPageQuery):
    """Parameters of the alert list."""

    level: Level | None = None


def age_hours(night: Night, now: pd.Timestamp) -> float:
    """Hours from a night's `as_of` to `now`."""
    return float((now - night.as_of).total_seconds() / 3600)


# -- what a page is given ------------------------------------------------------------------------------------------------


def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(percent=write.percent, signed=write.signed, number=write.number, fixed=write.fixed)
    made.globals.update(
        LEVELS=words.LEVELS,
        BANDS=words.BANDS,
        STATES=words.STATES,
        FEED_STATES=words.FEED_STATES,
        UNITS=words.UNITS,
        GAP_KINDS=KINDS,
        METRICS=METRICS,
        LESS_IS_BETTER=LESS_IS_BETTER,
        MODELS=MODELS,
        ACTIONS=ACTIONS,
        spark=spark,
        isna=pd.isna,
        CAVEAT=CAVEAT,
    )
    return made


_PAGES = _environment()


def _language(request: Request) -> str:
    """The language asked for in the address, else the cookie's, else the application's."""
    known = [request.query_params.get("lang"), request.cookies.get(_COOKIE), request.app.state.language]
    return next(language for language in known if language in LANGUAGES)


def _common(request: Request) -> dict[str, Any]:
    """What every page is given, with or without a night."""
    language, path = _language(request), request.url.path
    default: str = request.app.state.language
    here = {k: v for k, v in request.query_params.items() if k in {"as_of", "target", "page", "kind", "level"}}
    link = partial(_link, {} if language == default else {"lang": language})
    store = nights_of(request).store  # an empty store knows no zone yet, and a page that says so writes no moment
    return {
        "lang": language,
        "t": lambda key, **values: words.told(key, language, **values),
        "path": path,
        "link": link,
        "tongue": _tag(language),
        "tongues": [
            (quote(path) + "?" + urlencode(here | {"lang": other}), _tag(other), name_of(other))
            for other in LANGUAGES
            if other != language
        ],
        "word": lambda table, code: words.word(table, code, language),
        "code": lambda code: words_of(str(code))[language],
        **{name: mark[language] for name, mark in words.PUNCTUATION.items()},
        "said": lambda text: words.said(text, language),
        "moment": lambda at: write.moment(at, store.timezone),
        "day": lambda at: write.day(at, language),
        "short_day": lambda at: write.short_day(at, language),
        "weekday": lambda at: write.weekday(at, language),
        "chosen_lang": language if language != default else "",
    }


def _tag(language: str) -> str:
    """The language as a page names it: Chinese is written in the simplified script of the mainland."""
    return "zh-CN" if language == "zh" else language


def _link(always: Mapping[str, str], path: str, **params: object) -> str:
    given = {k: v for k, v in {**params, **always}.items() if v not in {None, ""}}
    return quote(path) + (f"?{urlencode(given)}" if given else "")


def _page(request: Request, template: str, night: Night, **context: Any) -> Response:
    """A page of a night."""
    common = _common(request)
    language: str = common["lang"]
    nights = nights_of(request)
    dates, last = nights.dates(), nights.newest().as_of
    newest = last == night.as_of
    if not newest:
        common["link"] = partial(common["link"], as_of=night.date)
    if night.target != targets_of(night.published)[0]:
        common["link"] = partial(common["link"], target=night.target)
    hours = float((request.app.state.clock() - last).total_seconds() / 3600)
    stale = words.told("stale", language, as_of=write.day(last, language), age=write.age(hours, language))
    damaged = [write.day(date, language) for date in dates if date > last]
    given = common | {
        "damaged": common["comma"].join(damaged),
        "held": _held(nights, night, language),
        "degraded": _degraded(nights, night, language),
        "night": night,
        "newest": newest,
        "stale": stale if hours > STALE_HOURS else "",
        "choices": dates[::-1][:N_NIGHTS_CHOICE],
        "facts": dict.fromkeys(FACTS) | dict(night.facts),
        "names": night.names,
    }
    return _html(request, _PAGES.get_template(template).render(given | context))


def _held(nights: Nights, night: Night, language: str) -> str:
    """That a rollback holds the night, empty where none does; the reason is told to operators alone, by ``riskwarn doctor``."""
    hold = nights.store.hold_of(night.as_of)
    return words.told("held", language, at=write.moment(hold.since, nights.store.timezone)) if hold else ""


def _degraded(nights: Nights, night: Night, language: str) -> str:
    """What a degraded night lacks, empty for any other."""
    why = night.facts.get("degraded")
    if not why:
        return ""
    if "until" not in why:
        names = [words_of(str(source))[language] for source in why["feeds"]]
        return words.told("stopped_feeds", language, names=words.PUNCTUATION["comma"][language].join(names))
    until = write.moment(why["until"], nights.store.timezone)
    if why["scores_of"] is None:
        return words.told("late_unscored", language, until=until)
    return words.told("late", language, until=until, as_of=write.day(pd.Timestamp(why["scores_of"]), language))


def _html(request: Request, text: str, status: int = 200) -> Response:
    response = HTMLResponse(text, status, {"Cache-Control": "no-cache", "Vary": "Cookie"})
    if request.query_params.get("lang") in LANGUAGES:
        response.set_cookie(_COOKIE, request.query_params["lang"], _YEAR_SECONDS, httponly=True, samesite="lax")
    return response


def error_page(request: Request, problem: Problem) -> Response:
    """A problem as a page."""
    common = _common(request)
    key = {404: "not_found", 422: "bad_request"}.get(problem.status, "failed")
    key = {"nothing_published": "nothing", "unknown_night": "no_night", "damaged_night": "damaged_night"}.get(
        problem.code, key
    )
    nearest = problem.extra.get("nearest")
    text = _PAGES.get_template("error.html").render(common | {"key": key, "nearest": nearest, "problem": problem})
    response = _html(request, text, problem.status)
    response.headers.update(HEADERS)
    return response


def _sentences_of(night: Night, grid_ids: list[str], language: str) -> dict[str, list[str]]:
    """The strongest raising reasons of each grid, in sentences."""
    reasons = night.reasons_of(grid_ids)
    reasons = reasons[reasons["contribution"] > 0].groupby("grid_id").head(N_REASONS)
    texts = sentences(reasons, night.facts.get("features", {}), language)
    return {str(grid): list(lines) for grid, lines in texts.groupby(reasons["grid_id"])}


def _entries(nights: Nights, night: Night, alerts: pd.DataFrame | None, language: str) -> list[dict[str, Any]]:
    """Lines of the list: an alert each, or a grid each where no alerts were made."""
    bare: dict[str, Any] = {"level": None, "alert_id": None, "gap_kinds": []}
    riskiest: list[dict[str, Any]] = [bare | {"grid_ids": [g]} for g in night.grids_listed[:ROWS_TODAY]]
    lines = riskiest if alerts is None else alert_rows(alerts)
    sentences_of = _sentences_of(night, [line["grid_ids"][0] for line in lines if line["grid_ids"]], language)
    before = nights.before(night)
    moves = _moves(night, before) if before else {}
    return [
        line
        | {
            "grid": _row(night.by_grid, g),
            "grid_id": g,
            "others": line["grid_ids"][1:],
            "reasons": sentences_of.get(g, []),
            "move": moves.get(g),
        }
        for line in lines
        for g in line["grid_ids"][:1]
    ]


def _row(scores: pd.DataFrame, grid_id: str) -> dict[str, Any]:
    """Score of a grid; all unknown where the night has none for it."""
    return scores.loc[grid_id].to_dict() if grid_id in scores.index else dict.fromkeys(scores.columns)


def _moves(night: Night, before: Night) -> dict[str, int | str]:
    """By grid in the list: ``new``, or by how many ranks it rose (below zero: fell)."""
    listed = night.grids_listed
    rise = (before.by_grid["rank"].reindex(listed) - night.by_grid["rank"].reindex(listed)).dropna()
    listed_then = set(before.grids_listed)
    return {g: int(rise[g]) if g in listed_then and g in rise.index else "new" for g in listed}


def _gap_lines(gaps: pd.DataFrame, names: Mapping[str, str], language: str) -> list[dict[str, Any]]:
    """Gaps with their place and evidence in words."""
    return [
        line
        | {
            "place": write.place(line["scope"], names, language),
            "proof": write.proof(line["kind"], evidence(line["evidence"]), language),
        }
        for line in gaps.astype(object).where(gaps.notna(), None).to_dict("records")
    ]


def _found(gaps: pd.DataFrame) -> pd.DataFrame:
    """Gaps that were found; what the data cannot tell is no gap, and is said apart."""
    return gaps[gaps["state"] != "insufficient_data"]


def _untold(gaps: pd.DataFrame | None) -> list[str]:
    """Kinds the data could not tell everywhere, in order."""
    return [] if gaps is None else sorted(gaps.loc[gaps["state"] == "insufficient_data", "kind"].unique())


def _by_kind(gaps: pd.DataFrame | None) -> dict[str, int]:
    """How many of each kind."""
    return {} if gaps is None else gaps["kind"].value_counts(sort=False).sort_index().to_dict()


def _feed_lines(night: Night) -> list[dict[str, Any]]:
    """Feeds by source: the worst state of its organisations first, and how last week compares."""
    weekly = night.weeks.of_city() if night.weeks else {}
    readings = night.weeks.readings if night.weeks else {}
    stated = [_FEED | feed for feed in night.facts.get("feeds") or []]
    sources = list(dict.fromkeys([*(feed["source"] for feed in stated), *weekly]))
    lines = [
        {
            "source": source,
            "feeds": [feed for feed in stated if feed["source"] == source],
            "weekly": weekly.get(source, []),
            "reading": readings.get(source),
        }
        for source in sources
    ]
    for line in lines:
        line["bad"] = [feed for feed in line["feeds"] if feed["state"] != "ok"]
        line["last_at"] = max((str(feed["last_at"]) for feed in line["feeds"] if feed.get("last_at")), default=None)
    return lines


def _pages(n_rows: int, page: int) -> dict[str, int]:
    """Numbers of a pager; a page past the end is the last."""
    last = max(1, math.ceil(n_rows / ROWS_PER_PAGE))
    page = min(page, last)
    return {"page": page, "last": last, "start": (page - 1) * ROWS_PER_PAGE, "end": page * ROWS_PER_PAGE, "n": n_rows}


# -- the pages -----------------------------------------------------------------------------------------------------------


@views.get("/")
def today(request: Request, query: Annotated[PageQuery, Query()]) -> Response:
    """Today: can the numbers be trusted, where to look, why, and where we are blind."""
    nights, language = nights_of(request), _language(request)
    night = nights.at(query.as_of, target=query.target)
    shown = None if night.alerts is None else night.alerts.head(ROWS_TODAY)
    gaps = None if night.gaps is None else _found(night.gaps)
    return _page(
        request,
        "today.html",
        night,
        entries=_entries(nights, night, shown, language),
        changes=changes_of(nights, night),
        feeds=_feed_lines(night),
        drawn=has_map(night),
        gap_lines=None if gaps is None else _gap_lines(gaps.head(GAPS_TODAY), night.names, language),
        gap_counts=_by_kind(gaps),
        gaps_untold=_untold(night.gaps),
    )


@views.get("/grids")
def grids(request: Request, query: Annotated[ListPageQuery, Query()]) -> Response:
    """All grids by rank."""
    night = nights_of(request).at(query.as_of, target=query.target)
    pages = _pages(len(night.scores), query.page)
    shown = night.scores.iloc[pages["start"] : pages["end"]]
    sentences_of = _sentences_of(night, shown["grid_id"].tolist(), _language(request))
    return _page(request, "grids.html", night, pages=pages, lines=shown.to_dict("records"), told=sentences_of)


@views.get("/grids/{grid_id}")
def grid(request: Request, grid_id: GridId, query: Annotated[PageQuery, Query()]) -> Response:
    """One grid: score, reasons, gaps, weeks, nights and neighbours."""
    nights, language = nights_of(request), _language(request)
    night = nights.at(query.as_of, target=query.target)
    score = score_of(night, grid_id).iloc[0].to_dict()
    reasons = night.reasons_of([grid_id])
    reason_rows = reasons.assign(
        text=sentences(reasons, night.facts.get("features", {}), language),
        step=remedies(reasons, night.facts.get("features", {}), language),
        factor=np.exp(reasons["contribution"].astype(float)),
    )
    weeks = night.weeks
    weekly = weeks.of_grid(grid_id) if weeks else {}
    mine = None if night.gaps is None else night.gaps[_touches(night.gaps["scope"], grid_id)]
    return _page(
        request,
        "grid.html",
        night,
        score=score,
        reasons=reason_rows.to_dict("records"),
        alert=_alert_of(night, score),
        drawn=has_map(night),
        gap_lines=None if mine is None else _gap_lines(mine, night.names, language),
        weekly=weekly,
        ends=weeks.ends if weeks else [],
        chart=stacked(weekly) if weekly else None,
        past=nights.past_scores(nights.upto(night, 14), grid_id, night.target).iloc[::-1].to_dict("records"),
        neighbours=_neighbours(night, grid_id),
        possible=_possible(night, score, language),
    )


def _possible(night: Night, score: Mapping[str, Any], language: str) -> list[str] | None:
    """What could be done for a grid and where it would stand then, a line each; none where the night worked nothing out."""
    answers = None if pd.isna(score["rank"]) else night.what_ifs_of(str(score["grid_id"]))
    return None if answers is None else [answer.sentence(language) for answer in answers]


def _touches(scope: pd.Series, grid_id: str) -> pd.Series:
    """Which scopes name the grid, alone or in a pair."""
    return scope.str.partition(":")[2].str.split(r"[/|, ]").map(lambda parts: grid_id in parts).astype(bool)


def _alert_of(night: Night, score: Mapping[str, Any]) -> dict[str, Any] | None:
    if night.alerts is None or pd.isna(score["alert_id"]):
        return None
    return alert_rows(night.alerts[night.alerts["alert_id"] == score["alert_id"]])[0]


def _neighbours(night: Night, grid_id: str) -> list[dict[str, Any]]:
    """Scores of the grids that touch one, riskiest first; none where its polygon is not known."""
    at = night.grids.index[night.grids["grid_id"] == grid_id]
    if at.empty:
        return []
    shape = night.shapes[at[0]]
    touching = night.tree.query(shape, predicate="intersects") if shape is not None else []
    beside = [g for g in night.grids["grid_id"].iloc[touching] if g != grid_id]
    return night.scores[night.scores["grid_id"].isin(beside)].to_dict("records")


@views.get("/gaps")
def gaps(request: Request, query: Annotated[GapsPageQuery, Query()]) -> Response:
    """Where the centre is blind, late or passing the parcel."""
    night = nights_of(request).at(query.as_of, target=query.target)
    every = night.gaps if night.gaps is not None else pd.DataFrame(columns=["kind", "evidence", "scope", "state"])
    chosen = every[every["kind"] == query.kind] if query.kind else _found(every)
    pages = _pages(len(chosen), query.page)
    lines = _gap_lines(chosen.iloc[pages["start"] : pages["end"]], night.names, _language(request))
    return _page(
        request,
        "gaps.html",
        night,
        made=night.gaps is not None,
        counts=_by_kind(_found(every)),
        untold=_untold(every),
        kind=query.kind,
        pages=pages,
        lines=lines,
    )


@views.get("/alerts")
def alerts(request: Request, query: Annotated[AlertsPageQuery, Query()]) -> Response:
    """All alerts of the night."""
    nights = nights_of(request)
    night = nights.at(query.as_of, target=query.target)
    made = night.alerts if night.alerts is not None else pd.DataFrame(columns=["level", "grid_ids"])
    counts = made["level"].value_counts().to_dict()
    chosen = made[made["level"] == query.level] if query.level else made
    pages = _pages(len(chosen), query.page)
    lines = _entries(nights, night, chosen.iloc[pages["start"] : pages["end"]], _language(request))
    return _page(
        request,
        "alerts.html",
        night,
        made=night.alerts is not None,
        counts=counts,
        level=query.level,
        pages=pages,
        entries=lines,
    )


@views.get("/model")
def model(request: Request, query: Annotated[PageQuery, Query()]) -> Response:
    """What the night says of its model."""
    night = nights_of(request).at(query.as_of, target=query.target)
    return _page(request, "model.html", night, backtest=_backtest(night.facts.get("backtest") or {}))


def _backtest(table: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
    """Rows of the backtest table, the best of each metric marked; prior counts know their weeks."""
    frame = pd.DataFrame.from_dict(table, orient="index")
    less = [m for m in frame if m in LESS_IS_BETTER]
    best = frame.assign(**{m: -frame[m] for m in less}).pipe(lambda f: f == f.max())
    return [
        {
            "name": name,
            "weeks": re.sub(r"^prior count (\d+) weeks$", r"\1", name) if name.startswith("prior count") else "",
            "cells": [{"name": m, "value": frame.loc[name, m], "best": bool(best.loc[name, m])} for m in frame],
        }
        for name in frame.index
    ]


@views.get("/feeds")
def feeds(request: Request, query: Annotated[PageQuery, Query()]) -> Response:
    """State of each feed."""
    night = nights_of(request).at(query.as_of, target=query.target)
    return _page(request, "feeds.html", night, lines=_feed_lines(night))
