"""Signing in and out at a page."""

from typing import Any
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from riskwarn.access import Accounts, Visitor, begin_session, end_session
from riskwarn.access.role import ANYONE
from riskwarn.access.session import LASTS
from riskwarn.errors import LockedError, SignInError
from riskwarn.web.doorman import COOKIE, Doorman, is_same_origin
from riskwarn.web.page import MENU, language_of, opens, path_of, plain_page, root_of
from riskwarn.web.policy import check_rate, check_same_page, form_of, identify, may
from riskwarn.web.problems import not_from_here
from riskwarn.web.words import told

_AT_ONCE = 2
signing = APIRouter(include_in_schema=False)


def accounts_of(request: Request) -> Accounts:
    """The accounts of the application."""
    doorman: Doorman = request.app.state.doorman
    return doorman.accounts


def local_path(address: str) -> str:
    r"""An address if it is a path of this server; empty otherwise.

    Examples
    --------
    >>> local_path("/grids/G1?lang=en"), local_path("//evil.example"), local_path("https://evil.example"), local_path("/\\evil")
    ('/grids/G1?lang=en', '', '', '')
    """
    safe = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if safe and address.isascii() else ""


def home_of(request: Request, visitor: Visitor) -> str:
    """The first page that is open to a visitor."""
    return next((path for path, _ in MENU if opens(request, path, visitor)), "/healthz")


@signing.get("/sign-in", dependencies=[may(ANYONE)])
async def sign_in_page(request: Request) -> Response:
    """The form; who is signed in goes on."""
    visitor = await identify(request)
    if visitor is not None and visitor.way != "machine":
        return RedirectResponse(_within(request, home_of(request, visitor)), 303)
    return form_page(request, "", request.query_params.get("next", ""))


@signing.post("/sign-in", dependencies=[may(ANYONE)])
async def sign_in(request: Request) -> Response:
    """Sign in, and go to where one wanted to."""
    request.state.audited, request.state.route, request.state.visitor = True, "/sign-in", None
    check_rate(request, request.client.host if request.client else "", "sign_in")
    if not is_same_origin(request):
        raise not_from_here()
    form, accounts = await form_of(request), accounts_of(request)
    if not await request.app.state.doorman.there_are():
        return form_page(request, "wrong_password", form.get("next", ""), 401)
    try:
        account = await to_thread.run_sync(
            accounts.sign_in, form.get("name", ""), form.get("password", ""), limiter=_limiter(request)
        )
    except LockedError as error:
        answer = form_page(request, "locked", form.get("next", ""), 429, seconds=error.seconds)
        answer.headers["Retry-After"] = str(error.seconds)
        return answer
    except SignInError:
        return form_page(request, "wrong_password", form.get("next", ""), 401)
    secret = await to_thread.run_sync(begin_session, accounts, account)
    request.state.visitor = accounts.visitor(account)
    home = local_path(form.get("next", "")) or home_of(request, request.state.visitor)
    answer = RedirectResponse(_within(request, home), 303, {"Cache-Control": "no-store"})
    keep_session(request, answer, secret)
    return answer


def keep_session(request: Request, answer: Response, secret: str) -> None:
    """Give the browser the secret of its session."""
    answer.set_cookie(COOKIE, secret, int(LASTS.total_seconds()), path=root_of(request) or "/", **cookie_flags(request))


@signing.post("/sign-out", dependencies=[may(ANYONE)])
async def sign_out(request: Request) -> Response:
    """End the session."""
    request.state.audited, request.state.route = True, "/sign-out"
    visitor = await identify(request)
    if visitor is not None:
        await check_same_page(request, visitor)
        await to_thread.run_sync(end_session, accounts_of(request), request.cookies.get(COOKIE, ""))
        request.app.state.doorman.forget()
    shown = "/sign-in?out=1" if request.app.state.vouching else "/sign-in"  # where it says how to sign out there too
    answer = RedirectResponse(_within(request, shown), 303, {"Cache-Control": "no-store"})
    answer.delete_cookie(COOKIE, root_of(request) or "/", **cookie_flags(request))
    return answer


def to_sign_in(request: Request) -> Response:
    """To the form, and back afterwards."""
    wanted = path_of(request) + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(_within(request, f"/sign-in?next={quote(wanted)}"), 303, {"Cache-Control": "no-store"})


def form_page(request: Request, key: str, wanted: str, status: int = 200, **values: object) -> Response:
    """The form of the sign-in, and above it what is to be said."""
    said = told(key, language_of(request), **values) if key else ""
    sso, out = request.app.state.vouching is not None, not key and "out" in request.query_params
    answer = plain_page(request, "sign_in.html", status, said=said, wanted=local_path(wanted), sso=sso, out=out)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _limiter(request: Request) -> CapacityLimiter:
    """Two passwords are looked at, at once: each takes 64 MiB."""
    state = request.app.state
    if not hasattr(state, "password_limiter"):
        state.password_limiter = CapacityLimiter(_AT_ONCE)
    limiter: CapacityLimiter = state.password_limiter
    return limiter


def _within(request: Request, path: str) -> str:
    """A path of ours as the browser must ask for it."""
    return root_of(request) + path


def cookie_flags(request: Request) -> dict[str, Any]:
    """Out of reach for scripts and other sites, and behind TLS for plain connections."""
    return {"httponly": True, "samesite": "strict", "secure": request.url.scheme == "https"}
