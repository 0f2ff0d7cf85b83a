"""The description of the API: what the framework says of each route, and beside it every refusal, with its status and its shape."""

from collections.abc import Iterator
from copy import deepcopy
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from riskwarn.access.role import ANYONE
from riskwarn.web.policy import Policy, policies
from riskwarn.web.problems import unknown_grid

_MEDIA = "application/problem+json"
_REF = {"$ref": "#/components/schemas/Problem"}
_BARE = frozenset({"/healthz", "/v2/health/live", "/v2"})
"""What answers whatever the store holds."""
_PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "What went wrong (RFC 9457). It holds places and kinds of fault, never what was sent; further members help to mend it.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "pattern": "^urn:riskwarn:problem:[a-z_]+$", "description": "stable, for programs"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "one English sentence"},
        "errors": {
            "type": "array",
            "description": "of faults in what was sent: where, and of which kind",
            "items": {
                "type": "object",
                "required": ["loc", "type"],
                "properties": {
                    "loc": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
                    "type": {"type": "string"},
                },
            },
        },
    },
    "additionalProperties": True,
    "examples": [unknown_grid().body()],
}


def described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of an application.

    Parameters
    ----------
    app
        With its routes and their policies.

    Returns
    -------
    document
        With a token as security, and for each route every status it can answer with.
    """
    document: dict[str, Any] = deepcopy(app.openapi())
    parts = document.setdefault("components", {})
    parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer", "description": "riskwarn token make"}}
    schemas = parts.setdefault("schemas", {})
    schemas["Problem"] = _PROBLEM
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    declared = {(method.lower(), path): policy for method, path, policy in policies(app)}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            policy = declared.get((method, path))
            _complete(operation["responses"], set(_statuses(path, method, operation, policy)))
            if policy is None or policy.permission == ANYONE:
                operation["security"] = []
    return document | {"security": [{"token": []}]}


def _statuses(path: str, method: str, operation: dict[str, Any], policy: Policy | None) -> Iterator[int]:
    """The statuses that any route of the kind can answer with, beside those that it names itself."""
    yield from (400, 421)
    if policy is not None and policy.permission != ANYONE:
        yield from (401, 403, 429)
    if path not in _BARE:
        yield from (404, 503)
    if operation.get("parameters") or "requestBody" in operation:
        yield 422
    if "requestBody" in operation:
        yield from (408, 413, 415)
    if method in {"post", "patch"}:
        yield 409  # who was slower
    if method == "get" and path.startswith("/api/"):
        yield 304


def _complete(responses: dict[str, Any], statuses: set[int]) -> None:
    for status in sorted(statuses | {int(known) for known in responses}):
        told = responses.setdefault(str(status), {"description": HTTPStatus(status).phrase})
        if status >= 400:
            told["content"] = {_MEDIA: {"schema": _REF}}
