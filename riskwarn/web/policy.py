"""Which permission each route wants. A route without a declared policy keeps the application from starting.

A route declares its policy as a parameter, which gives the visitor, or as a dependency::

    def scores(request: Request, visitor: Annotated[Visitor, may("scores:read")]) -> Response: ...

    @router.get("/feeds", dependencies=[may("feeds:read")])

What is no such route (a mount, a plain ASGI application) is wrapped: ``Guarded(StaticFiles(...), ANYONE)``.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from starlette.types import ASGIApp, Receive, Scope, Send

from riskwarn.access import Visitor, at_the_machine
from riskwarn.access.role import ANYONE, Roles
from riskwarn.errors import DefinitionError
from riskwarn.web.problems import forbidden, not_signed_in

_FORWARDING = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""Headers of a proxy: who comes through one does not sit at the machine."""


class Policy:
    """What a route wants; called for a request it gives the visitor."""

    def __init__(self, permission: str) -> None:
        self.permission = permission

    async def __call__(self, request: Request) -> Visitor | None:
        """The visitor, if the permission is held."""
        return await admit(request, self.permission)


@cache
def _policy(permission: str) -> Policy:
    return Policy(permission)


def may(permission: str) -> Any:
    """The dependency of a route on a permission; as a parameter it is the visitor.

    Parameters
    ----------
    permission
        Of ``roles.toml``; :data:`riskwarn.access.role.ANYONE` for what needs none, and then there is no visitor.

    Returns
    -------
    dependency
        For ``Annotated[Visitor, may(...)]`` or ``dependencies=[may(...)]``.
    """
    return Depends(_policy(permission))


async def admit(request: Request, permission: str) -> Visitor | None:
    """The visitor of a request, if a permission is held.

    Raises
    ------
    Problem
        401 where nobody is signed in, 403 where the permission is not held.
    """
    if permission == ANYONE:
        return None
    visitor = await identify(request)
    if visitor is None:
        raise not_signed_in()
    if not visitor.may(permission):
        raise forbidden()
    return visitor


async def identify(request: Request) -> Visitor | None:
    """Who asks, found once a request; None where nobody is signed in."""
    if not hasattr(request.state, "visitor"):
        request.state.visitor = at_the_machine(request.app.state.roles) if is_at_the_machine(request) else None
    visitor: Visitor | None = request.state.visitor
    return visitor


def is_at_the_machine(request: Request) -> bool:
    """Whether a request comes from this machine, to an address of this machine, and through no proxy."""
    client = request.client.host if request.client else ""
    if not request.headers.get("host") or any(name in request.headers for name in _FORWARDING):
        return False
    return is_loopback(client) and is_loopback(request.url.hostname or "")


def is_loopback(host: str) -> bool:
    """Whether a name or address is that of this machine to itself.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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
        self.app, self.permission = app, permission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, if the permission is held."""
        await admit(Request(scope), self.permission)
        await self.app(scope, receive, send)


def policies(app: FastAPI) -> Iterator[tuple[str, str, str | None]]:
    """Method, path and permission of each route; None where none is declared, ``*`` for every method."""
    for route in iter_route_contexts(app.routes):
        permission = permission_of(route)
        for method in sorted(getattr(route, "methods", None) or {"*"}):
            yield method, getattr(route, "path", str(route)), permission


def permission_of(route: RouteContext) -> str | None:
    """The permission a route declares; None where it declares none."""
    wrapped: Any = getattr(route, "app", None)
    if isinstance(wrapped, Guarded):
        return wrapped.permission
    wanted = {policy.permission for policy in _policies_in(getattr(route, "dependant", None))}
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
    lacking = [f"{method} {path}" for method, path, permission in declared if permission is None]
    if lacking:
        raise DefinitionError(f"no one policy is declared for {_few(lacking)}: declare each with may(…) or Guarded(…).")
    unknown = {permission for _, _, permission in declared} - {*table.permissions, ANYONE}
    if unknown:
        raise DefinitionError(
            f"no permission {_few(sorted(map(str, unknown)))}; there are: {', '.join(table.permissions)}."
        )


def _few(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
