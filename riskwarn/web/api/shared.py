"""What every route of the API uses: the night asked for, what an answer says of itself, its ETag, and what a visitor sees."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from fastapi import Request
from fastapi.responses import Response

from riskwarn.access import Visitor
from riskwarn.degraded import DEGRADED
from riskwarn.web.held import Night
from riskwarn.web.nights import STALE_HOURS, Nights, age_hours
from riskwarn.web.problems import unknown_grid
from riskwarn.web.schemas import ListQuery, Paging, stated
from riskwarn.web.words import PHRASES

JSON = "application/json"
NOT_WORKED_OUT: dict[int | str, dict[str, Any]] = {
    409: {"description": "the night did not work out what is asked, or what it would be worked out with is not there"}
}
_VARY = "Accept, Accept-Encoding, Authorization, Cookie"


def nights_of(request: Request) -> Nights:
    """The nights the application serves."""
    nights: Nights = request.app.state.nights
    return nights


def envelope(request: Request, night: Night) -> dict[str, Any]:
    """What every answer says of its night."""
    return {
        "as_of": night.date,
        "model_version": stated(night.facts, "model_version"),
        "data_until": night.data_until,
        "run": night.run,
        "state": state_of(nights_of(request), night),
        "stale": age_hours(night, request.app.state.clock()) > STALE_HOURS,
        "note": PHRASES["note"].en,
    }


def state_of(nights: Nights, night: Night) -> str:
    """Whether a night is as it should be, lacks data, or is held by a rollback."""
    if night.facts.get("degraded") or night.facts.get("state") == DEGRADED:
        return "degraded"
    return "held" if nights.hold_of(night) else "ok"


def answer(request: Request, night: Night, **members: object) -> Response:
    """An answer with its envelope."""
    return api_answer(request, **envelope(request, night), **members)


def api_answer(request: Request, **members: object) -> Response:
    """An answer without an envelope."""
    return tagged(request, encoded(members), JSON)


def encoded(members: object) -> bytes:
    """JSON as the API writes it: in UTF-8, without blanks; what is no number is refused, not written."""
    return json.dumps(members, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def tagged(
    request: Request, body: bytes, media: str, *, etag: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """A body with its ETag; 304 where the caller has it already. Programs ask anew each time, and nothing between may keep it.

    Parameters
    ----------
    request
        With or without ``If-None-Match``.
    body, media
        What is answered.
    etag
        Of the body; its digest by default.
    headers
        Further ones.

    Returns
    -------
    response
        200 or 304.
    """
    tag = etag or f'W/"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    told = {"Cache-Control": "private, no-cache", "ETag": tag, "Vary": _VARY, **(headers or {})}
    asked = request.headers.get("if-none-match")
    if asked and tag.removeprefix("W/") in [t.strip().removeprefix("W/") for t in asked.split(",")]:
        return Response(status_code=304, headers=told)
    return Response(body, headers=told, media_type=media)


def answer_page(
    request: Request, night: Night, items: list[dict[str, Any]], total: int, query: ListQuery, **members: object
) -> Response:
    """One page of a list of `total` rows."""
    return answer(request, night, **members, total=total, limit=query.limit, offset=query.offset, items=items)


def page_of(frame: pd.DataFrame, query: Paging) -> pd.DataFrame:
    """The rows of one page."""
    return frame.iloc[query.offset : query.offset + query.limit]


def score_of(night: Night, grid_id: str) -> pd.DataFrame:
    """The one row of a grid's score.

    Raises
    ------
    Problem
        404 where the night, or what a visitor sees of it, has no such grid.
    """
    scores = night.by_grid
    if grid_id not in scores.index:
        raise unknown_grid()
    return scores.loc[[grid_id]]


def row_of(night: Night, grid_id: str, visitor: Visitor | None = None) -> int:
    """The row of a grid among the scores; one outside the visitor's area is as unknown as one there is not.

    Raises
    ------
    Problem
        404 where the night has no such grid, or the visitor does not see it.
    """
    row = night.ranked.row(grid_id)
    if row < 0:
        raise unknown_grid()
    mask = None if visitor is None else seen(night, visitor)
    if mask is not None and not mask[row]:
        raise unknown_grid()
    return row


def seen(night: Night, visitor: Visitor) -> np.ndarray | None:
    """(n_rows,) Which scores a visitor sees; None where all. Worked out once a night, question and area."""
    if visitor.sees_all:
        return None
    made, key = night.ranked.made, ("area", visitor.area)
    if key not in made:
        made[key] = visitor.sees(night.scores)
    mask: np.ndarray = made[key]
    return mask


def finite(value: Any) -> Any:
    """A JSON value with null for what is no number.

    Examples
    --------
    >>> finite({"a": [1.0, float("nan")]})
    {'a': [1.0, None]}
    """
    if isinstance(value, dict):
        return {k: finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
