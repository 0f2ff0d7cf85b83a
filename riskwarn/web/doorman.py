"""Who stands at the door: the visitor of a token, of a session, of a trusted proxy, or at the machine itself."""

import ipaddress
import time
from collections.abc import Callable

from fastapi import Request
from fastapi.concurrency import run_in_threadpool

from riskwarn.access import Accounts, Visitor, at_the_machine, visitor_of_session, visitor_of_token
from riskwarn.access.session import digest_of
from riskwarn.errors import NotFoundError, SignInError
from riskwarn.web.serving import Serving, is_proxied

COOKIE = "riskwarn_session"
READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""
_KEPT_SECONDS, _MOST_KEPT = 1.0, 10_000
_LONGEST_SECRET = 256
_FORWARDING = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""Headers of a proxy: who comes through one does not sit at the machine."""


class Doorman:
    """Knows visitors again.

    Parameters
    ----------
    accounts
        Of the store.
    serving
        How the application is served; where others can ask for it, nobody is taken to sit at the machine.
    ticking
        Seconds that only go on.
    """

    def __init__(
        self, accounts: Accounts, serving: Serving | None = None, *, ticking: Callable[[], float] = time.monotonic
    ) -> None:
        self.accounts, self.serving, self.ticking = accounts, serving or Serving(), ticking
        self._seen: dict[str, tuple[float, Visitor]] = {}
        self._there_are: tuple[float, bool] = (0.0, False)

    async def visitor(self, request: Request) -> Visitor | None:
        """Who asks; None where nobody is signed in, or what was sent is not valid.

        A token that was sent is looked at alone: one that is not valid is not made good by a cookie or by sitting at the machine.
        """
        sent = request.headers.get("authorization")
        if sent is not None:
            scheme, _, secret = sent.partition(" ")
            return await self._known(request, secret.strip(), visitor_of_token) if scheme.lower() == "bearer" else None
        if secret := request.cookies.get(COOKIE, ""):
            return await self._known(request, secret, visitor_of_session)
        if self.serving.user_header and is_proxied(request):
            return await self._known(request, request.headers.get(self.serving.user_header, ""), _of_proxy)
        if self.serving.is_private and is_at_the_machine(request) and not await self.there_are():
            return at_the_machine(self.accounts.roles)
        return None

    async def there_are(self) -> bool:
        """Whether there is an account; asked again each second until there is one."""
        until, answer = self._there_are
        if not answer and self.ticking() >= until:
            answer = await run_in_threadpool(lambda: self.accounts.there_are)
            self._there_are = (self.ticking() + _KEPT_SECONDS, answer)
        return answer

    async def _known(self, request: Request, secret: str, look: Callable[[Accounts, str], Visitor]) -> Visitor | None:
        """The visitor of a secret. One who reads is known again for a second without asking the database; one who writes is not."""
        if not secret or len(secret) > _LONGEST_SECRET or not await self.there_are():
            return None
        key, now = f"{look.__name__}|{digest_of(secret)}", self.ticking()
        until, visitor = self._seen.get(key, (0.0, None))
        if visitor is not None and now < until and request.method in READING:
            return visitor
        try:
            visitor = await run_in_threadpool(look, self.accounts, secret)
        except SignInError:
            self._seen.pop(key, None)
            return None
        self._keep(key, now, visitor)
        return visitor

    def _keep(self, key: str, now: float, visitor: Visitor) -> None:
        if len(self._seen) >= _MOST_KEPT:
            self._seen.clear()
        self._seen[key] = (now + _KEPT_SECONDS, visitor)

    def forget(self) -> None:
        """Ask the database anew for everyone."""
        self._seen.clear()


def _of_proxy(accounts: Accounts, name: str) -> Visitor:
    """The visitor whom a trusted proxy has signed in."""
    try:
        account = accounts.account(name)
    except NotFoundError:
        raise SignInError("the proxy names an account that is not there.") from None
    if account.disabled:
        raise SignInError("the account is closed.")
    return accounts.visitor(account, way="proxy")


def is_at_the_machine(request: Request) -> bool:
    """Whether a request comes from this machine, to an address of this machine, and through no proxy."""
    client = request.client.host if request.client else ""
    if (
        request.scope.get("http_version") == "1.0"
    ):  # no browser speaks it, and some proxies do that say nothing else of themselves
        return False
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


def is_same_origin(request: Request) -> bool:
    """Whether a page of ours sends a request, as far as the browser says who does.

    Every browser of today says it with ``Sec-Fetch-Site``, and that is believed before ``Origin``, which is ``null`` where a page sends no
    referrer; what says neither is no browser, or an old one.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is None or origin == f"{request.url.scheme}://{request.url.netloc}"
