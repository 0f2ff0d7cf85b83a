"""What every page is given: its language, its night, its links, the warnings that stand above it."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
import pandas as pd
from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from pydantic import Field

from riskwarn.access import Visitor, csrf_of
from riskwarn.explanation import CAVEAT
from riskwarn.gaps.gap import KINDS
from riskwarn.language import LANGUAGES, name_of
from riskwarn.ledger.words import word as ledger_word
from riskwarn.naming import LESS_IS_BETTER, METRICS, MODELS
from riskwarn.purpose import WORDS as PURPOSES
from riskwarn.store.approval import Lapse
from riskwarn.taxonomy import ACTIONS, words_of
from riskwarn.web import codes, words
from riskwarn.web import format as write
from riskwarn.web.api.shared import nights_of
from riskwarn.web.chart import spark
from riskwarn.web.doorman import COOKIE
from riskwarn.web.held import Night, targets_of
from riskwarn.web.morning import LANE_NAMES, NEWS
from riskwarn.web.nights import STALE_HOURS, Nights
from riskwarn.web.policy import Policy, stop_of
from riskwarn.web.problems import Problem
from riskwarn.web.schemas import NightQuery

N_NIGHTS_CHOICE = 60
FACTS = (
    "target",
    "question",
    "purpose",
    "horizon_days",
    "model_version",
    "mlflow_run",
    "data_until",
    "made_at",
    "features",
    "feeds",
    "baseline",
    "gate",
    "gate_reason",
    "backtest",
    "trained",
    "capacity",
    "list",
)
"""What a page may say of a night, each "not stated" where the night does not state it."""
MENU = (
    ("/", "today"),
    ("/desk", "work"),
    ("/alerts", "alerts"),
    ("/gaps", "gaps"),
    ("/grids", "grids"),
    ("/review", "review"),
    ("/feeds", "feeds"),
    ("/model", "model"),
    ("/audit", "audit"),
    ("/admin", "admin"),
)
"""Pages in the order of the menu, and the words of each."""
_LASTING = frozenset(
    "as_of target page kind level lane trend area gap owner state feature q since severity hours period body clock hands".split()
)
"""Parameters that a page keeps when it is shown in another language, or come back to."""
_COOKIE, _THEME = "riskwarn_lang", "riskwarn_theme"
THEME_WORDS = {"auto": "theme_auto", "light": "theme_light", "dark": "theme_dark"}
"""Word of each way a page may look."""
THEMES = tuple(THEME_WORDS)
"""How a page looks: as the device does, on light paper, or for a dark room."""
_YEAR_SECONDS = 365 * 24 * 3600


class PageQuery(NightQuery):
    """Parameters every page takes; any other is refused."""

    lang: str | None = Field(None, pattern=f"^({'|'.join(LANGUAGES)})$")
    theme: str | None = Field(None, pattern=f"^({'|'.join(THEMES)})$")


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
        THEME_WORDS=THEME_WORDS,
        LEVELS=codes.LEVELS,
        BANDS=codes.BANDS,
        TIMES=codes.TIMES,
        CLOSERS=codes.CLOSERS,
        EVENT_STATES=codes.EVENT_STATES,
        SEVERITIES=codes.SEVERITIES,
        SHARES=codes.SHARES,
        STATES=codes.STATES,
        FEED_STATES=codes.FEED_STATES,
        UNITS=codes.UNITS,
        LANE_NAMES=LANE_NAMES,
        PURPOSES=PURPOSES,
        NEWS=NEWS,
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


def language_of(request: Request) -> str:
    """The language asked for in the address, else the cookie's, else the application's."""
    known = [request.query_params.get("lang"), request.cookies.get(_COOKIE), request.app.state.language]
    return next(language for language in known if language in LANGUAGES)


def theme_of(request: Request) -> str:
    """How the page is to look: as asked for in the address, else as the cookie says, else as the device does."""
    known = [request.query_params.get("theme"), request.cookies.get(_THEME), THEMES[0]]
    return next(theme for theme in known if theme in THEMES)


def _common(request: Request) -> dict[str, Any]:
    """What every page is given, with or without a night."""
    language, root, path = language_of(request), root_of(request), path_of(request)
    default: str = request.app.state.language
    here = {k: v for k, v in request.query_params.items() if k in _LASTING}
    link = partial(_link, root, {} if language == default else {"lang": language})
    store = nights_of(request).store  # an empty store knows no zone yet, and a page that says so writes no moment
    return {
        "lang": language,
        "t": lambda key, **values: words.told(key, language, **values),
        "root": root,
        "path": path,
        "link": link,
        "here": _link("", {"lang": language} if "lang" in request.query_params else {}, path, **here),
        "tongue": _tag(language),
        "tongues": [
            (quote(root + path) + "?" + urlencode(here | {"lang": other}), _tag(other), name_of(other))
            for other in LANGUAGES
            if other != language
        ],
        "theme": theme_of(request),
        "themes": [(name, quote(root + path) + "?" + urlencode(here | {"theme": name})) for name in THEMES],
        "word": lambda table, code: words.word(table, code, language),
        "ledger_word": lambda what, code: ledger_word(what, code)[language],
        "code": lambda code: words_of(str(code))[language],
        **{name: mark[language] for name, mark in words.PUNCTUATION.items()},
        "said": lambda text: words.said(text, language),
        "moment": lambda at: write.moment(at, store.timezone),
        "short_moment": lambda at: write.short_moment(at, store.timezone, nights_of(request).newest().as_of),
        "day": lambda at: write.day(at, language),
        "short_day": lambda at: write.short_day(at, language),
        "weekday": lambda at: write.weekday(at, language),
        "chosen_lang": language if language != default else "",
        **_of_visitor(request),
    }


def stop_said(request: Request) -> str:
    """Who has stopped the showing of scores, when and why, in one sentence; empty where nobody has."""
    stop, language = stop_of(request), language_of(request)
    if stop is None:
        return ""
    if not stop.since:
        return words.told("stopped_unread", language)
    if isinstance(stop, Lapse):
        return words.told("lapsed", language, day=write.day(pd.Timestamp(stop.since), language))
    who, at = ledger_word("role", stop.by)[language], write.moment(stop.since, nights_of(request).store.timezone)
    return words.told("stopped", language, who=who, at=at, why=stop.why)


def _ends_soon(request: Request) -> str:
    """That the approval ends within a month, in one sentence; else empty."""
    watch, language = request.app.state.stops, language_of(request)
    last = watch.ends_soon()
    return words.told("ends_soon", language, day=write.day(pd.Timestamp(last), language)) if last else ""


def _of_visitor(request: Request) -> dict[str, Any]:
    """What depends on who looks: the pages that may be seen, and what signs out."""
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    signed_in = visitor is not None and visitor.way == "page"
    return {
        "menu": [(path, key) for path, key in MENU if visitor is not None and opens(request, path, visitor)],
        "opens": lambda path: visitor is not None and opens(request, path, visitor),
        "may": lambda permission: visitor is not None and visitor.may(permission),
        "stopped": stop_said(request) if visitor else "",
        "ends_soon": _ends_soon(request) if visitor else "",
        "account": visitor.account if visitor else "",
        "holder": (visitor.actor.account or "machine") if visitor and visitor.may("alerts:act") else "",
        "csrf": csrf_of(request.app.state.doorman.accounts, request.cookies.get(COOKIE, "")) if signed_in else "",
    }


def _tag(language: str) -> str:
    """The language as a page names it: Chinese is written in the simplified script of the mainland."""
    return "zh-CN" if language == "zh" else language


def opens(request: Request, path: str, visitor: Visitor) -> bool:
    """Whether a page is open to a visitor, by the policy that its route declares."""
    policy: Policy | None = request.app.state.policies.get(path)
    return policy is not None and policy.fits(visitor)


def root_of(request: Request) -> str:
    """The path under which a proxy offers the application; empty for none."""
    root: str = request.scope.get("root_path", "")
    return root.rstrip("/")


def path_of(request: Request) -> str:
    """The path that is asked for, within the application: some proxies leave their own part of it, some take it away."""
    path, root = request.url.path, root_of(request)
    return path.removeprefix(root) if root and path.startswith(f"{root}/") else path


def _link(root: str, always: Mapping[str, str], path: str, **params: object) -> str:
    given = {k: v for k, v in {**params, **always}.items() if v not in {None, ""}}
    return quote(root + path) + (f"?{urlencode(given)}" if given else "")


def page_of_night(request: Request, template: str, night: Night, **context: Any) -> Response:
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
        "names": night.places.called,
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
        return words.told("fallen", language) if night.target in (night.facts.get("fallen") or {}) else ""
    if "until" not in why:
        names = [words_of(str(source))[language] for source in why["feeds"]]
        return words.told("stopped_feeds", language, names=words.PUNCTUATION["comma"][language].join(names))
    until = write.moment(why["until"], nights.store.timezone)
    if why["scores_of"] is None:
        return words.told("late_unscored", language, until=until)
    return words.told("late", language, until=until, as_of=write.day(pd.Timestamp(why["scores_of"]), language))


def _html(request: Request, text: str, status: int = 200) -> Response:
    response = HTMLResponse(text, status, {"Cache-Control": "private, no-cache", "Vary": "Cookie, Authorization"})
    for name, cookie, known in (("lang", _COOKIE, LANGUAGES), ("theme", _THEME, THEMES)):
        if request.query_params.get(name) in known:
            response.set_cookie(cookie, request.query_params[name], _YEAR_SECONDS, httponly=True, samesite="lax")
    return response


def plain_page(request: Request, template: str, status: int = 200, **context: Any) -> Response:
    """A page that is of no night."""
    return _html(request, _PAGES.get_template(template).render(_common(request) | context), status)


def error_page(request: Request, problem: Problem) -> Response:
    """A problem as a page."""
    common = _common(request)
    key = {401: "not_signed_in", 403: "forbidden", 404: "not_found", 422: "bad_request"}.get(problem.status, "failed")
    key = {
        "nothing_published": "nothing",
        "unknown_night": "no_night",
        "damaged_night": "damaged_night",
        "stopped": "stopped_title",
        "no_ledger": "no_ledger",
    }.get(problem.code, key)
    nearest = problem.extra.get("nearest")
    more = ("failed_more", "not_signed_in_more", "forbidden_more", "no_ledger_more")
    given = common | {"key": key, "nearest": nearest, "problem": problem, "more": more}
    response = _html(request, _PAGES.get_template("error.html").render(given), problem.status)
    response.headers.update(problem.headers())
    return response
