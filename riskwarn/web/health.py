"""For whoever keeps the service running: does it live, has it something to show, and how old is that."""

from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from pydantic import BaseModel, ConfigDict

from riskwarn.access.role import ANYONE
from riskwarn.web.api.shared import nights_of
from riskwarn.web.described import described
from riskwarn.web.nights import STALE_HOURS, Nights, age_hours
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


class NightGauges(Collector):
    """Gauges of the newest night, read when they are asked for; what the night does not state has no gauge.

    Parameters
    ----------
    nights
        The nights that are served.
    clock
        Tells the present instant.
    """

    def __init__(self, nights: Nights, clock: Callable[[], pd.Timestamp]) -> None:
        self.nights, self.clock = nights, clock

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges as they are now."""
        stopped = self.nights.store.stopped is not None
        yield GaugeMetricFamily("riskwarn_stopped", "1 while publishing and showing scores is stopped.", float(stopped))
        night = self.nights.at()
        yield GaugeMetricFamily(
            "riskwarn_night_age_seconds", "Time since the newest night.", age_hours(night, self.clock()) * 3600
        )
        yield _counted("riskwarn_grids", "Grids by state of their score.", "state", night.scores["state"])
        if night.alerts is not None:
            yield _counted("riskwarn_alerts", "Alerts by level.", "level", night.alerts["level"])
        if night.gaps is not None:
            yield _counted("riskwarn_gaps", "Gaps by kind.", "kind", night.gaps["kind"])
        if night.facts.get("feeds"):
            states = pd.Series([feed.get("state", "unknown") for feed in night.facts["feeds"]])
            yield _counted("riskwarn_feeds", "Feeds by state.", "state", states)
        if night.facts.get("monitors"):
            yield _by_label("riskwarn_monitors", "Monitors by state.", "state", night.facts["monitors"])

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """None: the registry asks for names before there is a night."""
        return iter(())


def registry_of(nights: Nights, clock: Callable[[], pd.Timestamp]) -> CollectorRegistry:
    """A registry of one application's own, so that two in one process do not meet."""
    registry = CollectorRegistry()
    registry.register(NightGauges(nights, clock))
    return registry


def _counted(name: str, meaning: str, label: str, values: pd.Series) -> GaugeMetricFamily:
    return _by_label(name, meaning, label, values.value_counts().to_dict())


def _by_label(name: str, meaning: str, label: str, values: Mapping[Any, float]) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, meaning, labels=[label])
    for value, n in sorted(values.items()):
        gauge.add_metric([str(value)], float(n))
    return gauge
