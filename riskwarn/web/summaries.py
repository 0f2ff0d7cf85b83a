"""The summary of a month, a quarter or a year as page and as file."""

from typing import Annotated, Literal

import pandas as pd
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from riskwarn.access import Visitor
from riskwarn.ledger import period_of
from riskwarn.ledger.effect import kept_effect
from riskwarn.paper import Bulletin
from riskwarn.web.api.shared import nights_of
from riskwarn.web.desk import ledger_of
from riskwarn.web.held import Night
from riskwarn.web.narrow import narrowed
from riskwarn.web.page import PageQuery, language_of
from riskwarn.web.paper_page import paper_file, paper_page
from riskwarn.web.policy import may
from riskwarn.web.summary import said_period, summary_paper

N_MONTHS = 6
summaries = APIRouter(include_in_schema=False)


class SummaryQuery(PageQuery):
    """Parameters of the summary."""

    period: str = Field("", pattern=r"^(\d{4}(-(0[1-9]|1[0-2]|Q[1-4]))?)?$", description="2025-03, 2025-Q1 or 2025")


def _made(request: Request, visitor: Visitor, name: str) -> tuple[Night, Bulletin, str]:
    ledger, night = ledger_of(request), narrowed(nights_of(request).newest(), visitor)
    now = pd.Timestamp(request.app.state.clock()).tz_convert(ledger.store.timezone)
    period = period_of(name or f"{now:%Y-%m}", ledger.store.timezone)
    effect = kept_effect(ledger.store, period) if visitor.sees_all else None
    language = language_of(request)
    paper = summary_paper(ledger, period, night, language, at=now, area=visitor.area, effect=effect)
    return night, paper, period.name


@summaries.get("/summary")
def summary(
    request: Request,
    visitor: Annotated[Visitor, may("outcomes:read", "own")],
    query: Annotated[SummaryQuery, Query()],
) -> Response:
    """How organisations responded in a period."""
    night, paper, name = _made(request, visitor, query.period)
    now = pd.Timestamp(request.app.state.clock()).tz_convert(ledger_of(request).store.timezone)
    return paper_page(
        request,
        "summary.html",
        night,
        paper,
        files="/summary",
        given={"period": name},
        chosen=name,
        periods=[(p, said_period(period_of(p, "UTC"), language_of(request))) for p in _periods(now)],
    )


def _periods(now: pd.Timestamp) -> list[str]:
    """The last months, the quarters they lie in, and two years."""
    months = [now.tz_localize(None) - pd.DateOffset(months=n) for n in range(N_MONTHS)]
    quarters = [f"{m.year}-Q{m.quarter}" for m in months]
    return [*(f"{m:%Y-%m}" for m in months), *dict.fromkeys(quarters), *(str(now.year - n) for n in (0, 1))]


@summaries.get("/summary.{ending}")
def summary_file(
    request: Request,
    visitor: Annotated[Visitor, may("export", "own")],
    ending: Literal["docx", "xlsx", "html"],
    query: Annotated[SummaryQuery, Query()],
) -> Response:
    """The same as a file."""
    return paper_file(_made(request, visitor, query.period)[1], f".{ending}")
