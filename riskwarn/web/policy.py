"""Which permission each route wants. A route without a declared policy keeps the application from starting.

A route declares its policy as a parameter, which gives the visitor, or as a dependency::

    def scores(request: Request, visitor: Annotated[Visitor, may("scores:read")]) -> Response: ...

    @router.get("/feeds", dependencies=[may("feeds:read")])

What is no such route (a mount, a plain ASGI application) is wrapped: ``Guarded(StaticFiles(...), ANYONE)``.
"""

import datetime as dt
import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import parse_qsl

import pandas as pd
from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from pydantic import BaseModel, ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from riskwarn.access import Visitor, csrf_of
from riskwarn.access.role import ANYONE, OF_NIGHTS, Roles
from riskwarn.errors import DefinitionError
from riskwarn.store import Stop, Store
from riskwarn.store.approval import LOG as APPROVALS
from riskwarn.store.approval import SOON_DAYS, Approval, lapse_of
from riskwarn.store.approval import UNREADABLE as UNAPPROVED
from riskwarn.store.stop import LOG as STOPS
from riskwarn.store.stop import UNREADABLE, stop_in
from riskwarn.web.doorman import COOKIE, READING, is_same_origin
from riskwarn.web.problems import forbidden, not_from_here, not_signed_in, of_faults, stopped, too_many
from riskwarn.web.rates import Rates

_DATE = re.compile(r"\d{4}-\d\d-\d\d(T[\d:.+-]{1,30})?")
S = TypeVar("S", bound=BaseModel)
Line = TypeVar("Line")
Area = Literal["city", "own", "any"]
"""Whom a route is for: who sees the whole city; anyone, since it narrows what it gives to the visitor's area; anyone, since it says
nothing of single areas."""


Counts = Literal["all", "safe"]
"""What a route shows: counts as they are, for those who may know small ones; or none of 1 to 4 to anyone who may not."""


@dataclass(frozen=True)
class Policy:
    """What a route wants; called for a request it gives the visitor."""

    permission: str
    area: Area = "city"
    counts: Counts = "all"

    async def __call__(self, request: Request) -> Visitor | None:
        """The visitor, if the permission is held."""
        return await admit(request, self)

    def fits(self, visitor: Visitor) -> bool:
        """Whether a visitor may come in."""
        in_area = self.area != "city" or visitor.sees_all
        return visitor.may(self.permission) and in_area and (self.counts == "safe" or visitor.small_counts)


def may(permission: str, area: Area = "city", counts: Counts = "all") -> Any:
    """The dependency of a route on a permission; as a parameter it is the visitor.

    Parameters
    ----------
    permission
        Of ``roles.toml``; :data:`riskwarn.access.role.ANYONE` for what needs none, and then there is no visitor.
    area
        ``own`` where the route narrows what it gives to the visitor's area (:meth:`riskwarn.access.Visitor.sees`), ``any`` where it says
        nothing of single areas. By default who sees less than the whole city is refused, so that forgetting shows nothing.
    counts
        ``safe`` where the route shows no count of 1 to 4 to a visitor without :attr:`riskwarn.access.Visitor.small_counts`
        (:func:`riskwarn.access.roll_up` hides them). By default such a visitor is refused.

    Returns
    -------
    dependency
        For ``Annotated[Visitor, may(...)]`` or ``dependencies=[may(...)]``.
    """
    return Depends(Policy(permission, area, counts))


async def admit(request: Request, policy: Policy) -> Visitor | None:
    """The visitor of a request, if a permission is held.

    Raises
    ------
    Problem
        401 where nobody is signed in, 403 where the permission is not held, or not for the whole city where that is wanted; 503 where
        somebody has stopped the showing of scores.
    """
    if policy.permission == ANYONE:
        return None
    _note(request)
    visitor = await identify(request)
    if visitor is None:
        if {"authorization", "cookie"} & set(request.headers):
            check_rate(request, request.client.host if request.client else "", "failed")
        raise not_signed_in()
    if visitor.way != "machine":
        check_rate(request, visitor.token_id or visitor.actor.account, policy.permission)
    if not policy.fits(visitor):
        raise forbidden()
    if policy.permission in OF_NIGHTS and (stop := stop_of(request)) is not None:
        raise stopped(stop.by, stop.since, stop.why)
    await check_same_page(request, visitor)
    return visitor


def stop_of(request: Request) -> Stop | None:
    """The stop that holds; None where scores are shown."""
    watch: StopWatch | None = getattr(request.app.state, "stops", None)
    return None if watch is None else watch.now()


class StopWatch:
    """Whether a store is stopped or its approval over, asked for each request; their logs are read anew when they have changed.

    Parameters
    ----------
    store
        The city.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stop: _Read[Stop] = _Read(store.path / STOPS, UNREADABLE)
        self._approval: _Read[Approval] = _Read(store.path / APPROVALS, UNAPPROVED)

    def now(self) -> Stop | None:
        """The stop that holds, or the end of the approval."""
        stop, approval = self._stop.now(lambda: stop_in(self._store.path)), self.approval()
        return stop or (lapse_of(approval, self._today()) if approval else None)

    def approval(self) -> Approval | None:
        """Until when scores may be shown; None before the first publication."""
        return self._approval.now(lambda: self._store.approval)

    def ends_soon(self) -> str:
        """The last day of the approval where that is near, as ISO 8601; else empty."""
        approval = self.approval()
        return approval.until if approval and 0 <= approval.days_left(self._today()) <= SOON_DAYS else ""

    def _today(self) -> dt.date:
        return pd.Timestamp.now(self._store.timezone).date()


class _Read(Generic[Line]):
    """The last line of a log, read anew when the log has changed. One that cannot be read is looked at again by the next request."""

    def __init__(self, place: Path, unreadable: Line) -> None:
        self._place, self._unreadable = place, unreadable
        self._read: tuple[tuple[int, int] | None, Line | None] = (None, None)

    def now(self, read: Callable[[], Line | None]) -> Line | None:
        try:
            told = self._place.stat()
        except FileNotFoundError:
            return None
        except OSError:
            return self._unreadable
        mark, (seen, line) = (told.st_mtime_ns, told.st_size), self._read
        if mark != seen:
            line = read()
            self._read = (None if line == self._unreadable else mark, line)
        return line


def _note(request: Request) -> None:
    """What the audit log says of a request."""
    request.state.audited = True
    request.state.route = getattr(request.scope.get("route"), "path", "")
    as_of = request.query_params.get("as_of", "")
    request.state.as_of = as_of if _DATE.fullmatch(as_of) else ""


def check_rate(request: Request, key: str, kind: str) -> None:
    """Count a request against how often one may ask.

    Raises
    ------
    Problem
        429 where it is too often.
    """
    rates: Rates | None = getattr(request.app.state, "rates", None)
    if rates is not None and (seconds := rates.wait(key, kind)) > 0:
        raise too_many(seconds)


async def identify(request: Request) -> Visitor | None:
    """Who asks, found once a request; None where nobody is signed in."""
    if not hasattr(request.state, "visitor"):
        request.state.visitor = await request.app.state.doorman.visitor(request)
    visitor: Visitor | None = request.state.visitor
    return visitor


async def check_same_page(request: Request, visitor: Visitor) -> None:
    """Refuse a step that a page of another site had the visitor's browser take.

    Raises
    ------
    Problem
        403 where it comes from elsewhere, or does not send along what only our own pages know: ``csrf`` of the form, or the header
        ``X-CSRF-Token``.
    """
    if visitor.way not in {"page", "proxy"} or request.method in READING:
        return
    if visitor.way == "proxy":  # the proxy has a session of its own; a browser says where the step comes from
        if not (is_same_origin(request) and {"origin", "sec-fetch-site"} & set(request.headers)):
            raise not_from_here()
        return
    secret = request.cookies.get(COOKIE, "")
    sent = request.headers.get("x-csrf-token") or (await form_of(request)).get("csrf", "")
    wanted = csrf_of(request.app.state.doorman.accounts, secret)
    if not (is_same_origin(request) and hmac.compare_digest(sent.encode("utf-8", "surrogatepass"), wanted.encode())):
        raise not_from_here()


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form, the first of each name; empty where the body is no form.

    Raises
    ------
    Problem
        422 where it is a form and cannot be read.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return {}
    try:
        text = (await request.body()).decode("ascii")
        fields = parse_qsl(text, keep_blank_values=True, max_num_fields=50, errors="strict")
    except ValueError:
        raise of_faults([{"loc": ("body",), "type": "form_invalid"}]) from None
    return dict(reversed(fields))


def read_as(shape: type[S], given: Mapping[str, object]) -> S:
    """What a form gives, in a shape.

    Parameters
    ----------
    shape
        What is wanted.
    given
        Some fields of a form.

    Returns
    -------
    read
        Of that shape.

    Raises
    ------
    Problem
        422 where it does not fit, with place and kind of each fault.
    """
    try:
        return shape.model_validate(given)
    except ValidationError as error:
        raise of_faults([dict(fault) for fault in error.errors()]) from None


class Guarded:
    """An ASGI application that wants a permission.

    Parameters
    ----------
    app
        What is guarded.
    permission
        As :func:`may` takes it.
    """

    def __init__(self, app: ASGIApp, permission: str) -> None:
        self.app, self.policy = app, Policy(permission)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, if the permission is held."""
        await admit(Request(scope), self.policy)
        await self.app(scope, receive, send)


def policies(app: FastAPI) -> Iterator[tuple[str, str, Policy | None]]:
    """Method, path and policy of each route; None where none is declared, ``*`` for every method."""
    for route in iter_route_contexts(app.routes):
        policy = policy_of(route)
        for method in sorted(getattr(route, "methods", None) or {"*"}):
            yield method, getattr(route, "path", str(route)), policy


def policy_of(route: RouteContext) -> Policy | None:
    """The policy a route declares; None where it declares none, or several."""
    wrapped: Any = getattr(route, "app", None)
    if isinstance(wrapped, Guarded):
        return wrapped.policy
    wanted = set(_policies_in(getattr(route, "dependant", None)))
    return next(iter(wanted)) if len(wanted) == 1 else None


def _policies_in(dependant: Dependant | None) -> Iterator[Policy]:
    for inner in dependant.dependencies if dependant else ():
        if isinstance(inner.call, Policy):
            yield inner.call
        yield from _policies_in(inner)


def check_policies(app: FastAPI, table: Roles) -> None:
    """Refuse an application with a route that declares no policy, several, or one that no role knows.

    Raises
    ------
    DefinitionError
        The message names the routes.
    """
    declared = list(policies(app))
    lacking = [f"{method} {path}" for method, path, policy in declared if policy is None]
    if lacking:
        raise DefinitionError(f"no one policy is declared for {_few(lacking)}: declare each with may(…) or Guarded(…).")
    unknown = {policy.permission for _, _, policy in declared if policy} - {*table.permissions, ANYONE}
    if unknown:
        raise DefinitionError(
            f"no permission {_few(sorted(map(str, unknown)))}; there are: {', '.join(table.permissions)}."
        )


def _few(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
