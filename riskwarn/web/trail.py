"""The audit log, for auditors: as a page, and for programs."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from riskwarn.access.journal import FIELDS, Journal
from riskwarn.web.page import plain_page
from riskwarn.web.policy import may

MOST_ROWS = 1000
trail = APIRouter()


class TrailQuery(BaseModel):
    """Parameters of the audit log; any other is refused."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(200, ge=1, le=MOST_ROWS)
    lang: str | None = Field(None, max_length=20)


class TrailPageQuery(TrailQuery):
    """Parameters of its page."""

    theme: str | None = Field(None, max_length=20)


@trail.get("/audit", include_in_schema=False, dependencies=[may("audit:read", "any", "safe")])
async def audit_page(request: Request, query: Annotated[TrailPageQuery, Query()]) -> Response:
    """The last lines of the audit log."""
    journal: Journal = request.app.state.journal
    return plain_page(request, "audit.html", rows=await run_in_threadpool(journal.last, query.limit))


@trail.get("/api/v1/audit", dependencies=[may("audit:read", "any", "safe")])
async def audit(request: Request, query: Annotated[TrailQuery, Query()]) -> Response:
    """The last lines of the audit log, the newest first, each with its digest and that of the line before."""
    journal: Journal = request.app.state.journal
    rows = await run_in_threadpool(journal.last, query.limit)
    return JSONResponse(
        {"fields": ["n", *FIELDS, "before", "digest"], "items": rows}, headers={"Cache-Control": "no-store"}
    )
