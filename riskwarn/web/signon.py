"""Signing in through the issuer that the store declares: there, back, and out of it.

What one sign-in must remember (state, nonce, verifier, where to go on) lies signed in a cookie of the browser that began it, for ten
minutes; a state that came back is not taken a second time.
"""

import base64
import hmac
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from riskwarn.access import Account, Accounts, Issuer, begin_session, read_sign_on
from riskwarn.access.role import ANYONE
from riskwarn.access.signon import account_of, secret_of
from riskwarn.errors import ForbiddenError, SignInError, UnreachableError
from riskwarn.store.key import signature
from riskwarn.web.once import Once
from riskwarn.web.page import plain_page, root_of
from riskwarn.web.policy import check_rate, may
from riskwarn.web.problems import not_found
from riskwarn.web.signing import accounts_of, cookie_flags, form_page, home_of, keep_session, local_path

COOKIE = "riskwarn_sso"
LASTS_SECONDS = 600
"""In which one must have come back from the issuer."""
_AT_ONCE, _LONGEST = 4, 4096
_PATH = "/sign-in/sso"
signon = APIRouter(include_in_schema=False)


class Vouching:
    """The issuer of an application, and which of its answers were taken already.

    Parameters
    ----------
    issuer
        Who vouches.
    ticking
        Seconds since an epoch.
    """

    def __init__(self, issuer: Issuer, *, ticking: Callable[[], float] = time.time) -> None:
        self.issuer, self.ticking = issuer, ticking
        self.limiter = CapacityLimiter(_AT_ONCE)  # an issuer that does not answer holds four threads at most
        self.once = Once(self.ticking)


def vouching_of(accounts: Accounts) -> Vouching | None:
    """The issuer that a store declares, ready to be asked; None where it declares none.

    Raises
    ------
    DefinitionError
        It is declared wrongly.
    NotFoundError
        What it needs is not there.
    """
    declared = read_sign_on(accounts)
    if declared is None:
        return None
    return Vouching(Issuer(declared, secret_of(declared), accounts.clock))


@dataclass(frozen=True)
class _Flow:
    """What one sign-in must remember until it comes back."""

    state: str
    nonce: str
    verifier: str
    wanted: str
    until: float


def _begun(wanted: str, until: float) -> _Flow:
    return _Flow(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), wanted, until)


def _sealed(accounts: Accounts, flow: _Flow) -> str:
    text = base64.urlsafe_b64encode(json.dumps(asdict(flow)).encode()).decode()
    return f"{text}.{_seal(accounts, text)}"


def _opened(accounts: Accounts, cookie: str) -> _Flow | None:
    """What was sealed; None for what we did not seal."""
    text, _, seal = cookie.partition(".")
    if len(cookie) > _LONGEST or not hmac.compare_digest(seal.encode(), _seal(accounts, text).encode()):
        return None
    return _Flow(**json.loads(base64.urlsafe_b64decode(text)))


def _seal(accounts: Accounts, text: str) -> str:
    return signature(accounts.store.path, f"flow|{text}".encode())


def _vouching(request: Request) -> Vouching:
    """Who vouches for people here.

    Raises
    ------
    Problem
        404 where the store declares nobody.
    """
    vouching: Vouching | None = request.app.state.vouching
    if vouching is None:
        raise not_found()
    return vouching


def _counted(request: Request, route: str) -> Vouching:
    """Count and note an unsigned request before it costs anything."""
    request.state.audited, request.state.route, request.state.visitor = True, route, None
    vouching = _vouching(request)
    check_rate(request, request.client.host if request.client else "", "sign_in")
    return vouching


@signon.get(_PATH, dependencies=[may(ANYONE)])
async def there(request: Request) -> Response:
    """To the issuer, with what only this browser can come back with."""
    vouching = _counted(request, _PATH)
    wanted = local_path(request.query_params.get("next", ""))
    flow = _begun(wanted[:1000], vouching.ticking() + LASTS_SECONDS)
    try:
        address = await to_thread.run_sync(
            vouching.issuer.address, flow.state, flow.nonce, flow.verifier, limiter=vouching.limiter
        )
    except UnreachableError:
        return _refused(request, "sso_down", 503, wanted)
    answer = RedirectResponse(address, 303, {"Cache-Control": "no-store"})
    answer.set_cookie(COOKIE, _sealed(accounts_of(request), flow), LASTS_SECONDS, **_flags(request))
    return answer


@signon.get(f"{_PATH}/back", dependencies=[may(ANYONE)])
async def back(request: Request) -> Response:
    """Back from the issuer: who comes with a good code is signed in as what the groups permit."""
    vouching, accounts = _counted(request, f"{_PATH}/back"), accounts_of(request)
    request.state.is_step = True
    flow = _opened(accounts, request.cookies.get(COOKIE, ""))
    code = _code(request, vouching, flow)
    if flow is None or code is None:
        return _refused(request, "sso_refused", 401)
    try:
        account = await to_thread.run_sync(_account, vouching.issuer, accounts, flow, code, limiter=vouching.limiter)
    except UnreachableError:
        return _refused(request, "sso_down", 503, flow.wanted)
    except SignInError:
        return _refused(request, "sso_refused", 401, flow.wanted)
    except ForbiddenError:
        return _refused(request, "sso_no_access", 403)
    secret = await to_thread.run_sync(begin_session, accounts, account)
    request.state.visitor = accounts.visitor(account)
    home = local_path(flow.wanted) or home_of(request, request.state.visitor)
    answer = plain_page(request, "signed_in.html", onward=root_of(request) + home)
    keep_session(request, answer, secret)
    return _without_flow(request, answer)


@signon.get("/sign-out/sso", dependencies=[may(ANYONE)])
async def out(request: Request) -> Response:
    """Out of the issuer too, for who has signed out here."""
    vouching = _counted(request, "/sign-out/sso")
    try:
        address = await to_thread.run_sync(vouching.issuer.end_address, limiter=vouching.limiter)
    except UnreachableError:
        return _refused(request, "sso_down", 503)
    return RedirectResponse(address or root_of(request) + "/sign-in", 303, {"Cache-Control": "no-store"})


def _code(request: Request, vouching: Vouching, flow: _Flow | None) -> str | None:
    """The code that came back, if it answers the sign-in that this browser began, in time and for the first time."""
    given = request.query_params
    if flow is None or not hmac.compare_digest(given.get("state", "").encode(), flow.state.encode()):
        return None
    if vouching.ticking() >= flow.until or not vouching.once.take(flow.state, flow.until):
        return None
    if given.get("iss", vouching.issuer.sign_on.issuer) != vouching.issuer.sign_on.issuer:  # RFC 9207
        return None
    code = given.get("code", "")
    return code if code and len(code) <= _LONGEST and "error" not in given else None


def _account(issuer: Issuer, accounts: Accounts, flow: _Flow, code: str) -> Account:
    return account_of(accounts, issuer.sign_on, issuer.claims(code, flow.verifier, flow.nonce))


def _refused(request: Request, key: str, status: int, wanted: str = "") -> Response:
    """The form for local accounts, and above it why the other way did not lead in."""
    return _without_flow(request, form_page(request, key, wanted, status))


def _without_flow(request: Request, answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    answer.delete_cookie(COOKIE, **_flags(request))
    return answer


def _flags(request: Request) -> dict[str, Any]:
    """Sent along when the issuer leads back, and to these addresses alone."""
    return cookie_flags(request) | {"samesite": "lax", "path": root_of(request) + _PATH}
