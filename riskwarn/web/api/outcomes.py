"""What the outcomes say: how right the list was, how soon it was looked at, what a hit cost, what was missed."""

from collections.abc import Callable
from typing import Any

import pandas as pd
from fastapi import APIRouter, Request
from fastapi.responses import Response

from riskwarn.errors import DataError
from riskwarn.ledger import Ledger, acknowledgement, hours_per_hit, missed, precision
from riskwarn.web import schemas
from riskwarn.web.api.items import books_of
from riskwarn.web.api.shared import api_answer, finite
from riskwarn.web.policy import may
from riskwarn.web.schemas import rows

router = APIRouter(prefix="/api/v1")
_TOLD = {"precision": precision, "acknowledgement": acknowledgement, "hours_per_hit": hours_per_hit, "missed": missed}


@router.get("/outcomes", response_model=schemas.Outcomes, dependencies=[may("outcomes:read")])
def outcomes(request: Request) -> Response:
    """Of the whole city, since the ledger began: precision by lane and level, time to acknowledge, hours of visits for a hit, alerts not found."""
    ledger = books_of(request).ledger()
    if ledger is None:
        return api_answer(request, kept=False, **{name: [] for name in _TOLD})
    told = {name: _told(ledger, table) for name, table in _TOLD.items()}
    return api_answer(request, kept=True, **told)


def _told(ledger: Ledger, table: Callable[[Ledger], pd.DataFrame]) -> list[dict[str, Any]] | None:
    """Rows of a table; None where the store holds no data for it."""
    try:
        told = table(ledger)
    except DataError:
        return None
    listed: list[dict[str, Any]] = finite(rows(told, list(told.columns)))
    return listed
