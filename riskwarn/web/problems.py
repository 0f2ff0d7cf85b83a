"""What went wrong, as problem details (RFC 9457). A body names places and kinds of fault, never what the caller sent."""

import math
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi.responses import JSONResponse

from riskwarn.errors import (
    BusyError,
    ConflictError,
    ForbiddenError,
    GateError,
    LockedError,
    NotFoundError,
    RiskwarnError,
    SignInError,
    StaleDataError,
    StepError,
    StoppedError,
    UnreachableError,
)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
"""Sent with every answer, errors too."""
TLS_HEADERS = {"Strict-Transport-Security": "max-age=31536000"}
"""Sent with every answer over TLS besides."""


def headers_of(scope: Mapping[str, Any]) -> dict[str, str]:
    """What every answer to a request says."""
    return HEADERS | TLS_HEADERS if scope.get("scheme") == "https" else HEADERS


_STATUS_OF: tuple[tuple[type[RiskwarnError], int], ...] = (
    (NotFoundError, 404),
    (StaleDataError, 503),
    (BusyError, 503),
    (UnreachableError, 503),
    (StoppedError, 503),
    (GateError, 409),
    (ConflictError, 409),
    (ForbiddenError, 403),
    (StepError, 422),
    (LockedError, 429),
    (SignInError, 401),
    (RiskwarnError, 500),
)
_HEADERS_OF: dict[int, dict[str, str]] = {
    401: {"WWW-Authenticate": 'Bearer realm="riskwarn"'},
    429: {"Retry-After": "60"},
    503: {"Retry-After": "60"},
}
"""What a status says beside its body."""


class Problem(Exception):  # noqa: N818 - it is the RFC's word
    """An answer that is not the one asked for.

    Parameters
    ----------
    status
        HTTP status.
    code
        Short name of the kind of fault, stable for programs.
    detail
        One English sentence; holds nothing the caller sent.
    extra
        Further members of the body.
    """

    def __init__(self, status: int, code: str, detail: str, **extra: object) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.extra = status, code, detail, extra

    def body(self) -> dict[str, object]:
        """Members of the problem document.

        Examples
        --------
        >>> Problem(404, "unknown_grid", "There is no such grid.").body()["title"]
        'Not Found'
        """
        title = HTTPStatus(self.status).phrase
        members = {"type": f"urn:riskwarn:problem:{self.code}", "title": title, "status": self.status}
        return {**members, "detail": self.detail, **self.extra}

    def response(self) -> JSONResponse:
        """The problem as an ``application/problem+json`` answer."""
        return JSONResponse(self.body(), self.status, self.headers(), "application/problem+json")

    retry_seconds: int | None = None
    """When to try again, where that is known."""

    def headers(self) -> dict[str, str]:
        """What the answer says beside its body."""
        wait = {} if self.retry_seconds is None else {"Retry-After": str(self.retry_seconds)}
        return HEADERS | _HEADERS_OF.get(self.status, {}) | wait


def of_error(error: RiskwarnError) -> Problem:
    """The problem for one of the library's errors; its message may name paths of the server and is not repeated.

    Examples
    --------
    >>> of_error(BusyError("store /srv/city is held")).detail
    'BusyError: see the log of the server.'
    """
    kind = type(error).__name__
    status = next(status for known, status in _STATUS_OF if isinstance(error, known))
    return Problem(status, kind.removesuffix("Error").lower(), f"{kind}: see the log of the server.")


def of_faults(faults: Iterable[Mapping[str, Any]]) -> Problem:
    """The problem for parameters that break their rules: where and which kind, never the value or an unknown name.

    Examples
    --------
    >>> of_faults([{"loc": ("query", "<b>"), "type": "extra_forbidden", "input": "x"}]).extra
    {'errors': [{'loc': ['query'], 'type': 'extra_forbidden'}]}
    """
    errors = [{"loc": _place_of(f["loc"], unknown=f["type"] == "extra_forbidden"), "type": f["type"]} for f in faults]
    return Problem(422, "bad_parameter", "A parameter is unknown or breaks its rule.", errors=errors)


def not_found() -> Problem:
    """There is no such page or route here."""
    return Problem(404, "not_found", "There is nothing here.")


def _place_of(place: Sequence[Any], *, unknown: bool) -> list[Any]:
    """Where a fault is, as far as no name of the caller's own can stand in it: members of a list by number, and declared members of those."""
    named = list(place[:-1] if unknown else place)
    return named[:4] if len(named) > 2 and isinstance(named[2], int) else named[:2]


def not_signed_in() -> Problem:
    """Nobody is signed in, and no valid token was sent."""
    return Problem(401, "not_signed_in", "Sign in, or send a valid token.")


def forbidden() -> Problem:
    """The visitor may not do this."""
    return Problem(403, "forbidden", "Your role, token or area does not permit this.")


def not_from_here() -> Problem:
    """A step of a page that did not come from a page of ours."""
    return Problem(
        403, "not_from_here", "Send it from a page of this server; load the page anew if it stood open for long."
    )


def wrong_host() -> Problem:
    """The server is asked for by a name it does not have."""
    return Problem(421, "wrong_host", "This server is not known by that name; it is declared with --allowed-host.")


def too_many(seconds: float) -> Problem:
    """Somebody asks too often; `seconds` is how long to wait."""
    problem = Problem(429, "too_many", "That is too often; Retry-After says how many seconds to wait.")
    problem.retry_seconds = math.ceil(seconds)
    return problem


def not_recorded() -> Problem:
    """A step of which no trace could be kept."""
    return Problem(
        503, "not_recorded", "The audit log cannot be written; see the log of the server. The step may have been taken."
    )


def two_lengths() -> Problem:
    """A body that says twice how long it is, so that two servers in a row could read two requests."""
    return Problem(400, "two_lengths", "A body says once how long it is: Content-Length, or chunks.")


def too_slow() -> Problem:
    """The body did not arrive in time."""
    return Problem(408, "too_slow", "The body did not arrive in time.")


def too_large() -> Problem:
    """The body is larger than is read."""
    return Problem(413, "too_large", "The body is larger than this server reads.")


def not_plain() -> Problem:
    """The body is compressed."""
    return Problem(415, "not_plain", "A body is sent as it is, not compressed.")


def bad_json(kind: str) -> Problem:
    """The body is no JSON as it is read here; `kind` says why."""
    errors = [{"loc": ["body"], "type": kind}]
    return Problem(422, "bad_json", "The body is not JSON as it is read here.", errors=errors)


def nothing_published() -> Problem:
    """The store holds no night."""
    return Problem(503, "nothing_published", "Nothing is published yet; run `riskwarn nightly`.")


def unknown_night(nearest: str) -> Problem:
    """No night was published for the date; `nearest` is the one closest to it."""
    detail = f"Nothing is published for that date; the nearest night is {nearest}."
    return Problem(404, "unknown_night", detail, nearest=nearest)


def damaged_night() -> Problem:
    """What was published cannot be read."""
    detail = "What was published is damaged or missing; see the log of the server, and run the night again."
    return Problem(503, "damaged_night", detail)


def unknown_grid() -> Problem:
    """The night knows no such grid."""
    return Problem(404, "unknown_grid", "There is no such grid in this night.")


def unknown_target(known: list[str]) -> Problem:
    """The night has no such question."""
    return Problem(404, "unknown_target", "There is no such question in this night.", known=known)


def unknown_alert() -> Problem:
    """The night holds no such alert."""
    return Problem(404, "unknown_alert", "There is no such alert in this night.")


def not_changeable(changeable: Mapping[str, Any]) -> Problem:
    """A what-if the night did not work out; `changeable` holds the values that can be asked about, by feature of the grid."""
    detail = (
        "Only what the night worked out can be asked about: `changeable` holds the numbers of cases of this grid that service "
        "could bring about, by feature."
    )
    return Problem(422, "not_changeable", detail, changeable=dict(changeable))


def not_worked_out() -> Problem:
    """The night published no such table."""
    detail = "This night was run before this was published; run it again with the present version."
    return Problem(409, "not_worked_out", detail)


def unknown_feature(features: Iterable[str]) -> Problem:
    """The grid has no reason by that feature; `features` are those of its reasons."""
    detail = "No reason of this grid has such a feature; the events behind a number are published for its reasons."
    return Problem(422, "unknown_feature", detail, features=list(features))


def no_events() -> Problem:
    """No event is that serious and follows a published night."""
    return Problem(404, "no_events", "No event of that severity follows a published night in that span.")


def not_scored() -> Problem:
    """Too little is known of the grid to score it, so nothing can be said of another score."""
    return Problem(409, "not_scored", "The grid has no score in this night: too little is known of it.")


def not_acceptable(forms: Iterable[str]) -> Problem:
    """The answer has none of the forms that are accepted; `forms` are those it has."""
    return Problem(406, "not_acceptable", "The answer has no form that is accepted.", forms=list(forms))


def stopped(by: str, since: str, why: str) -> Problem:
    """Somebody has stopped the showing of scores; `by` is a role, `why` the reason that was given."""
    detail = "Publishing and showing scores is stopped; `by`, `since` and `why` say who stopped it, when and for what reason."
    return Problem(503, "stopped", detail, by=by, since=since, why=why)


def not_kept(kind: str) -> Problem:
    """An account or token that may not be kept so; `kind` says which rule forbids it."""
    detail = "This may not be done with the account: `kind` is own_account, outside_area, last_keeper, closed_account or token_of_itself."
    return Problem(403, "not_kept", detail, kind=kind)


def unknown_account() -> Problem:
    """No such account, token, role or purpose in the area of whoever asks."""
    return Problem(404, "unknown_account", "There is no such account, token, role or purpose in your area.")


def unknown_gap() -> Problem:
    """The night holds no such gap."""
    return Problem(404, "unknown_gap", "There is no such gap in this night.")


def unknown_item() -> Problem:
    """The ledger holds no such item, or none the visitor sees."""
    return Problem(404, "unknown_item", "There is no such item in the ledger.")


def no_ledger() -> Problem:
    """No night was entered in a ledger yet."""
    return Problem(404, "no_ledger", "There is no ledger yet: no night was entered.")


def conflict(detail: str, **now: object) -> Problem:
    """Someone was faster; `now` says how the item stands and who did what."""
    return Problem(409, "conflict", detail, **now)


def refused_step(kind: str, actions: Mapping[str, Any]) -> Problem:
    """The item cannot take the step from where it stands, or what it wants is missing; `actions` says what can be done."""
    detail = "The step cannot be taken: `actions` holds those that can, with the codes and members each wants."
    return Problem(422, "refused_step", detail, kind=kind, actions=dict(actions))


def reused_key() -> Problem:
    """The key of a step was used for another one."""
    return Problem(422, "reused_key", "The Idempotency-Key was used for another step with this item.")


def gone_run() -> Problem:
    """The run a list belongs to is not kept any more."""
    return Problem(410, "gone_run", "The run this list belongs to is not kept any more; begin the list anew.")


def person_data(places: Iterable[tuple[int, str]]) -> Problem:
    """Posted events in which something looks like person data; `places` are number and member of each."""
    errors = [{"loc": ["body", "events", n, name], "type": "person_data"} for n, name in places]
    detail = "A value looks as if it told a person. It was kept nowhere; send codes, and no names, numbers or text of people."
    return Problem(422, "person_data", detail, errors=errors)


def unknown_place(n: int, name: str) -> Problem:
    """A posted event lies in a grid that there is not, or that the visitor does not see."""
    errors = [{"loc": ["body", "events", n, name], "type": "unknown_grid"}]
    return Problem(422, "unknown_place", "An event names a grid that this night does not have.", errors=errors)


def no_model() -> Problem:
    """The model of the question is not kept with the store."""
    return Problem(409, "no_model", "The model of this question is not kept with the store; promote one.")


def cannot_be_scored(kind: str) -> Problem:
    """The model cannot score these events; `kind` says of which kind the fault is."""
    detail = (
        "The model cannot score this: a feed that it counts is left without any event, the events break a rule of their table, "
        "or the night lies before the end of its training."
    )
    return Problem(422, "cannot_be_scored", detail, kind=kind)


def took_too_long() -> Problem:
    """What was asked was not computed in time."""
    return Problem(503, "took_too_long", "This was not computed in time; ask again later, or for less.")


def broke_down() -> Problem:
    """What computes ended before it had answered."""
    return Problem(503, "broke_down", "What computes this broke down; ask again, and see the log of the server.")
