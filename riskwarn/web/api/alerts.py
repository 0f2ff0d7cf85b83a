"""Alerts of a night, and what people did about them."""

from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from riskwarn.access import Visitor
from riskwarn.web import schemas
from riskwarn.web.api.items import books_of, work_of
from riskwarn.web.api.shared import answer, answer_page, nights_of, page_of
from riskwarn.web.held import Night
from riskwarn.web.narrow import narrowed
from riskwarn.web.policy import may
from riskwarn.web.problems import unknown_alert
from riskwarn.web.schemas import AlertsQuery, NightQuery, fields, rows

router = APIRouter(prefix="/api/v1")
_ITEM = ("item_id", "item_state", "version")


@router.get("/alerts", response_model=schemas.Alerts)
def alerts(
    request: Request,
    query: Annotated[AlertsQuery, Query()],
    visitor: Annotated[Visitor, may("alerts:read", "own", "safe")],
) -> Response:
    """Alerts, riskiest first, each with the state of its work item."""
    night = nights_of(request).at(query.as_of, target=query.target)
    found = seen_alerts(night, visitor)
    for name in ("level", "lane"):
        if getattr(query, name):
            found = found[found[name] == getattr(query, name)] if name in found else found.iloc[:0]
    items = books_of(request).beside("alert", alert_rows(page_of(found, query)), "alert_id", visitor)
    return answer_page(request, night, items, len(found), query, made=night.alerts is not None)


@router.get("/alerts/{alert_id}", response_model=schemas.OneAlert)
def alert(
    request: Request,
    alert_id: schemas.Code,
    query: Annotated[NightQuery, Query()],
    visitor: Annotated[Visitor, may("alerts:read", "own", "safe")],
) -> Response:
    """One alert with its trail, the clocks that run, and what may be done next."""
    night = nights_of(request).at(query.as_of, target=query.target)
    found = seen_alerts(night, visitor)
    found = found[found["alert_id"] == alert_id] if len(found) else found
    if found.empty:
        raise unknown_alert()
    items = books_of(request).beside("alert", alert_rows(found), "alert_id", visitor)
    return answer(request, night, alert=items[0], work=work_of(request, items[0]["item_id"], visitor))


def seen_alerts(night: Night, visitor: Visitor) -> pd.DataFrame:
    """The alerts a visitor sees: those with a grid in the own area, of which only such grids are named."""
    found = narrowed(night, visitor).alerts
    return pd.DataFrame(columns=["alert_id", "level", "lane", "grid_ids"]) if found is None else found


def alert_rows(alerts: pd.DataFrame) -> list[dict[str, Any]]:
    """Alerts with their lists taken apart; their work items are not known yet."""
    listed = rows(alerts, [name for name in fields(schemas.Alert) if name not in _ITEM])
    for alert in listed:
        alert["grid_ids"], alert["gap_kinds"] = (str(alert[c] or "").split() for c in ("grid_ids", "gap_kinds"))
        alert.update(dict.fromkeys(_ITEM))
    return listed
