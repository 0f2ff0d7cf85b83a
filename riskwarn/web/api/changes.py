"""What changed between two nights."""

from typing import Annotated, Any

import numpy as np
import pandas as pd
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from riskwarn.access import Visitor
from riskwarn.web import schemas
from riskwarn.web.api.shared import answer, nights_of, seen
from riskwarn.web.held import Night
from riskwarn.web.nights import Nights
from riskwarn.web.policy import may
from riskwarn.web.problems import of_faults
from riskwarn.web.schemas import ChangesQuery, fields, rows

router = APIRouter(prefix="/api/v1")


@router.get("/changes", response_model=schemas.Changes)
def changes(
    request: Request,
    query: Annotated[ChangesQuery, Query()],
    visitor: Annotated[Visitor, may("scores:read", "own", "safe")],
) -> Response:
    """Grids that entered, left and stayed in the list against an earlier night, and those whose rank moved most."""
    nights = nights_of(request)
    night = nights.at(query.as_of, target=query.target)
    before = _before(nights, night, query.since)
    told = changes_between(night, before, _own(night, visitor))
    told["moved"] = None if before is None else moved(night, before, visitor, query.limit)
    return answer(request, night, **told)


def _before(nights: Nights, night: Night, since: str | None) -> Night | None:
    if since is None:
        return nights.before(night)
    before = nights.at(since, target=night.target, said_in="query")
    if before.as_of >= night.as_of:
        raise of_faults([{"loc": ("query", "since"), "type": "not_before_as_of"}])
    return before


def _own(night: Night, visitor: Visitor) -> set[str] | None:
    mask = seen(night, visitor)
    return None if mask is None else {*night.scores.loc[mask, "grid_id"]}


def changes_of(nights: Nights, night: Night) -> dict[str, Any]:
    """Grids that entered, left and stayed in the list against the night before; nulls where there is none."""
    return changes_between(night, nights.before(night))


def changes_between(night: Night, before: Night | None, own: set[str] | None = None) -> dict[str, Any]:
    """Grids that entered, left and stayed in the list.

    Parameters
    ----------
    night, before
        The later and the earlier night; nulls where there is none.
    own
        The grids that are told of; all by default.

    Returns
    -------
    changes
        `previous`, `entered`, `left`, `stayed`.
    """
    if before is None:
        return {"previous": None, "entered": None, "left": None, "stayed": None}
    now, then = ([g for g in listed if own is None or g in own] for listed in (night.grids_listed, before.grids_listed))
    return {
        "previous": before.date,
        "entered": [g for g in now if g not in set(then)],
        "left": [g for g in then if g not in set(now)],
        "stayed": [g for g in now if g in set(then)],
    }


def moved(night: Night, before: Night, visitor: Visitor, limit: int) -> list[dict[str, Any]]:
    """The grids whose rank moved most, the greatest move first.

    Parameters
    ----------
    night, before
        The later and the earlier night.
    visitor
        Whose area is told of.
    limit
        Grids at most.

    Returns
    -------
    moves
        Of grids scored on both nights; `rise` above zero is riskier.
    """
    mask = seen(night, visitor)
    now = night.scores if mask is None else night.scores[mask]
    columns = ["grid_id", "rank", "expected"]
    both = (
        now[columns]
        .merge(before.scores[columns], on="grid_id", suffixes=("", "_before"))
        .dropna(subset=["rank", "rank_before"])
    )
    both = both.assign(rise=both["rank_before"] - both["rank"])
    order = np.argsort(-both["rise"].abs().to_numpy(dtype=np.int64), kind="stable")[:limit]
    found: pd.DataFrame = both.iloc[order]
    return rows(found[found["rise"] != 0], fields(schemas.Move))
