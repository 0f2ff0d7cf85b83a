"""The application: one store, on loopback by default and without any outside host."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from riskwarn.access import Accounts
from riskwarn.access.journal import Journal
from riskwarn.access.role import ANYONE
from riskwarn.errors import NotFoundError, RiskwarnError
from riskwarn.gauges import NightGauges, registry_of
from riskwarn.language import LANGUAGES
from riskwarn.store import Store
from riskwarn.web.admin import admin
from riskwarn.web.api import routers
from riskwarn.web.body import Body
from riskwarn.web.books import Books
from riskwarn.web.capacity import capacities
from riskwarn.web.centres import centres
from riskwarn.web.doorman import READING, Doorman
from riskwarn.web.grid_page import grid_page
from riskwarn.web.handover import handovers
from riskwarn.web.health import health
from riskwarn.web.listing import listing
from riskwarn.web.meeting import meetings
from riskwarn.web.morning import say_all
from riskwarn.web.nights import Nights
from riskwarn.web.outlines import outlines
from riskwarn.web.page import error_page, path_of
from riskwarn.web.policy import Guarded, StopWatch, check_policies, identify, policies
from riskwarn.web.problems import Problem, headers_of, of_error, of_faults
from riskwarn.web.rates import Rates
from riskwarn.web.recorder import Recorder
from riskwarn.web.review_page import review_page
from riskwarn.web.search import search
from riskwarn.web.serving import Entrance, Serving
from riskwarn.web.signing import signing, to_sign_in
from riskwarn.web.signon import signon, vouching_of
from riskwarn.web.summaries import summaries
from riskwarn.web.supervision import supervision
from riskwarn.web.trail import trail
from riskwarn.web.views import views
from riskwarn.web.work import work
from riskwarn.web.workbench import Workbench

log = logging.getLogger(__name__)
Clock = Callable[[], pd.Timestamp]


_PAGES = (
    views,
    listing,
    search,
    review_page,
    grid_page,
    outlines,
    signing,
    signon,
    trail,
    admin,
    work,
    supervision,
    handovers,
    meetings,
    summaries,
    capacities,
    centres,
    health,
)
"""The pages, in the order in which their addresses are tried."""


def create_app(
    store_path: str | Path,
    *,
    language: str = "zh",
    clock: Clock | None = None,
    serving: Serving | None = None,
    background: bool = False,
) -> FastAPI:
    """The pages and the API of a store.

    Parameters
    ----------
    store_path
        Folder of the store. It may still be empty: every answer then says that nothing is published.
    language
        Language of a page where neither the address nor the cookie names one: ``zh`` or ``en``.
    clock
        Tells the present instant, timezone-aware; the machine's clock by default. Says whether the newest night is stale.

    serving
        By which names it may be asked for, and behind which proxies; by default only by those of the machine itself.
    background
        Whether a new night is read while the one before is still shown, so that no request waits for it.

    Returns
    -------
    app
        For any ASGI server. It changes nothing of what was published, and keeps the last nights asked for in memory.

    Raises
    ------
    NotFoundError
        There is no such folder, or what a declared single sign-on needs is not there.
    DefinitionError
        The roles or the single sign-on of the store are declared wrongly.
    """
    if not Path(store_path).is_dir():
        raise NotFoundError(f"there is no store at {store_path}; make one with `riskwarn init` or `riskwarn ingest`.")
    if language not in LANGUAGES:
        raise NotFoundError(f"language must be one of {', '.join(LANGUAGES)}, got {language!r}.")
    serving = serving or Serving()
    app = FastAPI(title="riskwarn", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    store = Store(store_path)
    app.state.nights = Nights(store, background=background, prepare=partial(say_all, language=language))
    app.state.language, app.state.serving = language, serving
    app.state.clock = clock or (lambda: pd.Timestamp.now("UTC"))
    app.state.books = Books(store, app.state.clock)
    accounts = Accounts(store, clock=lambda: app.state.clock().to_pydatetime())
    app.state.stops = StopWatch(store)
    app.state.journal = Journal(store.path)
    app.state.rates = Rates(accounts.roles.per_minute)
    app.state.doorman = Doorman(accounts, serving)
    app.state.vouching = vouching_of(accounts)
    app.state.workbench = Workbench()
    app.state.metrics = registry_of(
        NightGauges(app.state.nights.at, lambda: store.stopped is not None, app.state.clock)
    )
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=4)
    app.add_middleware(Body)
    app.add_middleware(_Guarded)
    app.add_middleware(Recorder, journal=app.state.journal)
    app.add_middleware(Entrance, serving=serving)
    app.mount("/static", Guarded(StaticFiles(directory=Path(__file__).parent / "static"), ANYONE), name="static")
    for router in (*routers, *_PAGES):
        app.include_router(router)
    _add_errors(app)
    check_policies(app, accounts.roles)
    app.state.policies = {path: policy for method, path, policy in policies(app) if method == "GET"}
    return app


class _Guarded:
    """Adds the security headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(headers_of(scope))
            await send(message)

        await self.app(scope, receive, guarded)


_KNOWN = {
    404: ("not_found", "There is nothing here."),
    405: ("method_not_allowed", "This cannot be done here."),
    413: ("too_large", "The body is larger than this server reads."),
}
"""Code and sentence of the framework's own refusals."""


def _add_errors(app: FastAPI) -> None:
    async def problem(request: Request, error: Exception) -> Response:
        fault = _problem_of(error)
        if fault.status >= 500 and not isinstance(error, Problem):
            log.error("%s failed", request.scope.get("path"), exc_info=error)
        if path_of(request).startswith(
            ("/api/", "/v2", "/healthz", "/readyz", "/metrics", "/openapi.json", "/static/")
        ):
            return fault.response()
        await identify(request)  # the menu is that of who asks
        if fault.code == "not_signed_in" and request.method in READING and await request.app.state.doorman.there_are():
            return to_sign_in(request)
        return error_page(request, fault)

    for kind in (Problem, RiskwarnError, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, problem)


def _problem_of(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, RiskwarnError):
        return of_error(error)
    if isinstance(error, RequestValidationError):
        return of_faults(error.errors())
    if isinstance(error, HTTPException):
        code, detail = _KNOWN.get(error.status_code, ("http", "This cannot be done here."))
        return Problem(error.status_code, code, detail)
    return Problem(500, "failed", "Something went wrong; see the log of the server.")
