"""The pages of work: acknowledge, assign, start, feed back, verify, close, return, dismiss, one at a time or many at once."""

from typing import Annotated, Literal
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from fastapi.responses import RedirectResponse, Response
from pydantic import Field

from riskwarn.access import Visitor
from riskwarn.web.api.items import books_of
from riskwarn.web.api.shared import nights_of
from riskwarn.web.desk import act, ledger_of, others_of, task_of, tasks, trail_of, with_why
from riskwarn.web.duty import duty_page
from riskwarn.web.lines import pager
from riskwarn.web.many import act_on_many
from riskwarn.web.narrow import narrowed_item
from riskwarn.web.page import PageQuery, language_of, root_of
from riskwarn.web.policy import form_of, may
from riskwarn.web.problems import Problem
from riskwarn.web.signing import local_path

MOST_AT_ONCE = 36
"""Items on a page of the desk, and so those that can be ticked at once."""
_SAID = {403: "refused", 409: "conflict", 422: "refused"}
"""What a page says of a step that was not taken, by the status a program would get."""
work = APIRouter(include_in_schema=False)
ItemId = Annotated[str, InPath(pattern=r"^[0-9a-f]{16}$")]
Reader = Annotated[Visitor, may("alerts:read", "own")]
Doer = Annotated[Visitor, may("alerts:act", "own")]


class WorkQuery(PageQuery):
    """Parameters of the desk."""

    page: int = Field(1, ge=1, le=1_000_000)
    kind: Literal["alert", "gap", "supervision"] = "alert"
    state: str = Field("", pattern=r"^[a-z_]{0,40}$")


class TaskQuery(PageQuery):
    """Parameters of one item's page."""

    said: Literal["", "conflict", "refused", "done"] = ""


@work.get("/desk")
def desk(request: Request, visitor: Reader, query: Annotated[WorkQuery, Query()]) -> Response:
    """What lies before the visitor, overdue first."""
    night, ledger = nights_of(request).newest(), ledger_of(request)
    listed = tasks(ledger, visitor, night.places.called, language_of(request), kind=query.kind, state=query.state)
    pages = pager(len(listed), query.page, MOST_AT_ONCE)
    shown = with_why(listed[pages["start"] : pages["end"]], night, language_of(request))
    steps = {step.action: step for task in shown for step in task.steps}
    return duty_page(
        request,
        "desk.html",
        night,
        tasks=shown,
        able=[steps[action] for action in ledger.workflow.actions if action in steps],
        pages=pages,
        asked=query,
        kinds=ledger.workflow.kinds,
        states=[s.name for s in ledger.workflow.states if not s.final and s.name != "draft"],
        back=f"/desk?{urlencode({'kind': query.kind, 'state': query.state, 'page': pages['page']})}",
        ends=ledger.workflow.final,
        areas=sorted({area for task in shown for area in task.item.path.split("/")[:2] if area}),
    )


@work.get("/desk/{item_id}")
def task(request: Request, visitor: Reader, item_id: ItemId, query: Annotated[TaskQuery, Query()]) -> Response:
    """One item: where it stands, who did what, and what can be done now."""
    night, ledger, language = nights_of(request).newest(), ledger_of(request), language_of(request)
    item = narrowed_item(books_of(request).item(item_id, visitor), night, visitor)
    one = task_of(ledger.workflow, item, visitor, night.places.called, language)
    may_join = any("item" in step.wants for step in one.steps)
    return duty_page(
        request,
        "task.html",
        night,
        task=with_why([one], night, language)[0],
        others=others_of(ledger, item, visitor, night.places.called, language) if may_join else [],
        trail=trail_of(ledger, item_id, language),
        said=query.said,
    )


@work.post("/desk/{item_id}")
async def step(request: Request, visitor: Doer, item_id: ItemId) -> Response:
    """Take one step, and go back to where one was."""
    form = await form_of(request)
    try:
        await to_thread.run_sync(act, books_of(request), visitor, item_id, form)
    except Problem as problem:
        if problem.status not in _SAID:
            raise
        return _to(request, f"/desk/{item_id}?said={_SAID[problem.status]}")
    return _to(request, local_path(form.get("next", "")) or f"/desk/{item_id}?said=done")


@work.post("/desk")
async def steps(request: Request, visitor: Doer) -> Response:
    """Take one step with all that were ticked, and report what became of each."""
    form = await form_of(request)
    night, language = nights_of(request).newest(), language_of(request)
    became = await to_thread.run_sync(act_on_many, books_of(request), visitor, form, night.places.called, language)
    page = duty_page(
        request, "many.html", night, became=became, action=form.get("action", ""), back=local_path(form.get("next", ""))
    )
    page.headers["Cache-Control"] = "no-store"
    return page


def _to(request: Request, path: str) -> Response:
    return RedirectResponse(root_of(request) + path, 303, {"Cache-Control": "no-store"})
