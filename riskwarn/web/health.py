"""For whoever keeps the service running: does it live, has it something to show, and how old is that."""

from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import BaseModel, ConfigDict

from riskwarn.access.role import ANYONE
from riskwarn.web.api.shared import nights_of
from riskwarn.web.described import described
from riskwarn.web.nights import STALE_HOURS, age_hours
from riskwarn.web.policy import may


class Nothing(BaseModel):
    """No parameters; any is refused."""

    model_config = ConfigDict(extra="forbid")


def _bare(query: Annotated[Nothing, Query()]) -> None:
    """Refuse parameters."""


health = APIRouter(dependencies=[Depends(_bare)])


@health.get("/healthz", dependencies=[may(ANYONE)])
def healthz() -> dict[str, str]:
    """The process answers; says nothing of its tables."""
    return {"status": "ok"}


@health.get("/readyz", dependencies=[may(ANYONE)])
def readyz(request: Request) -> dict[str, Any]:
    """There is a night to show, and how old it is."""
    night = nights_of(request).at()
    hours = age_hours(night, request.app.state.clock())
    return {"status": "ready", "as_of": night.date, "age_hours": round(hours, 2), "stale": hours > STALE_HOURS}


@health.get("/metrics", response_class=PlainTextResponse, dependencies=[may("metrics:read", "any", "safe")])
def metrics(request: Request) -> Response:
    """Gauges of the newest night, in Prometheus' text format."""
    return Response(generate_latest(request.app.state.metrics), media_type=CONTENT_TYPE_PLAIN_0_0_4)


@health.get("/openapi.json", include_in_schema=False, dependencies=[may("docs:read", "any", "safe")])
def openapi(request: Request) -> JSONResponse:
    """The description of the API; a caller sends a token with it."""
    return JSONResponse(described(request.app), headers={"Cache-Control": "private, no-cache"})


@health.get("/v2/health/live", dependencies=[may(ANYONE)])
def live() -> dict[str, bool]:
    """The process answers, as the open inference protocol asks it."""
    return {"live": True}


@health.get("/v2/health/ready", dependencies=[may(ANYONE)])
def ready(request: Request) -> dict[str, bool]:
    """There is a night to show; 503 where there is none."""
    nights_of(request).at()
    return {"ready": True}


@health.get("/v2", dependencies=[may("model:read", "any", "safe")])
def server() -> dict[str, Any]:
    """Name and version of the server; it serves what a night computed, and infers nothing."""
    return {"name": "riskwarn", "version": version("riskwarn"), "extensions": []}


@health.get("/v2/models/{model}", dependencies=[may("model:read", "any", "safe")])
def served(request: Request, model: str) -> dict[str, Any]:
    """A question of the newest night as the protocol describes a model: its version, what it takes and gives."""
    night = nights_of(request).at(target=model)
    given = [("probability", "FP64"), ("expected", "FP64"), ("lower", "FP64"), ("upper", "FP64"), ("rank", "INT64")]
    return {
        "name": model,
        "versions": [str(night.facts.get("model_version", ""))],
        "platform": "riskwarn",
        "inputs": [{"name": "grid_id", "datatype": "BYTES", "shape": [-1]}],
        "outputs": [{"name": column, "datatype": kind, "shape": [-1]} for column, kind in given],
    }


@health.get("/v2/models/{model}/ready", dependencies=[may("model:read", "any", "safe")])
def ready_model(request: Request, model: str) -> dict[str, Any]:
    """The newest night answers a question; 404 where it has none of that name."""
    nights_of(request).at(target=model)
    return {"name": model, "ready": True}
