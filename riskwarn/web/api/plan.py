"""How the centre works: its plan, and the mode it is in."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from riskwarn.access import Visitor
from riskwarn.errors import DataError, PrivacyError
from riskwarn.mode import Switch, mode_at, switch, switches
from riskwarn.web import schemas
from riskwarn.web.api.shared import JSON, api_answer, encoded, nights_of
from riskwarn.web.policy import may
from riskwarn.web.problems import of_faults
from riskwarn.web.schemas import ModeRequest
from riskwarn.working import plan_in_force

router = APIRouter(prefix="/api/v1")


@router.get("/plan", response_model=schemas.PlanInForce, dependencies=[may("plan:read", "any", "safe")])
def plan(request: Request) -> Response:
    """The plan in force: questions, lanes, capacity, clocks, calendar, modes."""
    held = plan_in_force(nights_of(request).store)
    return api_answer(request, digest=held.digest, plan=held.to_dict())


@router.get("/mode", response_model=schemas.Modes, dependencies=[may("plan:read", "any", "safe")])
def mode(request: Request) -> Response:
    """The mode of the centre now, and every switch."""
    store = nights_of(request).store
    now = mode_at(store, request.app.state.clock())
    return api_answer(request, now=_told(now), switches=[_told(made) for made in reversed(switches(store))])


@router.post("/mode", response_model=schemas.Switched, status_code=201)
def switch_mode(
    request: Request, asked: ModeRequest, visitor: Annotated[Visitor, may("plan:switch", "any", "safe")]
) -> Response:
    """Switch the mode of the centre; the log names the role, never a person."""
    try:
        made = switch(nights_of(request).store, asked.mode, by=visitor.actor.role, why=asked.why)
    except PrivacyError:
        raise of_faults([{"loc": ("body", "why"), "type": "may_name_a_person"}]) from None
    except DataError:
        raise of_faults([{"loc": ("body",), "type": "not_switchable"}]) from None
    return Response(encoded(_told(made)), 201, {"Cache-Control": "no-store"}, JSON)


def _told(made: Switch) -> dict[str, str | None]:
    return {"mode": made.mode, "at": None if made.at is None else made.at.isoformat(), "by": made.by, "why": made.why}
