"""For whoever keeps the service running: does it live, has it something to show, and how old is that."""

from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict

from riskwarn.web.api import nights_of
from riskwarn.web.nights import Night
from riskwarn.web.views import STALE_HOURS, age_hours


class Nothing(BaseModel):
    """No parameters; any is refused."""

    model_config = ConfigDict(extra="forbid")


def _bare(ask: Annotated[Nothing, Query()]) -> None:
    """Refuse parameters."""


watch = APIRouter(dependencies=[Depends(_bare)])


@watch.get("/healthz")
def healthz() -> dict[str, str]:
    """The process answers; says nothing of its tables."""
    return {"status": "ok"}


@watch.get("/readyz")
def readyz(request: Request) -> dict[str, Any]:
    """There is a night to show, and how old it is."""
    night = nights_of(request).at()
    hours = age_hours(night, request.app.state.clock())
    return {"status": "ready", "as_of": night.date, "age_hours": round(hours, 2), "stale": hours > STALE_HOURS}


@watch.get("/metrics", response_class=PlainTextResponse)
def metrics(request: Request) -> Response:
    """Gauges of the newest night, in Prometheus' text format."""
    text = gauges(nights_of(request).at(), request.app.state.clock())
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def gauges(night: Night, now: pd.Timestamp) -> str:
    """Gauges of a night, in Prometheus' text format; what the night does not state has no gauge."""
    lines = _gauge("riskwarn_night_age_seconds", "Time since the newest night.", {"": age_hours(night, now) * 3600})
    lines += _gauge("riskwarn_grids", "Grids by state of their score.", _labelled("state", night.scores["state"]))
    if night.alerts is not None:
        lines += _gauge("riskwarn_alerts", "Alerts by level.", _labelled("level", night.alerts["level"]))
    if night.gaps is not None:
        lines += _gauge("riskwarn_gaps", "Gaps by kind.", _labelled("kind", night.gaps["kind"]))
    if night.facts.get("feeds"):
        states = pd.Series([feed.get("state", "unknown") for feed in night.facts["feeds"]])
        lines += _gauge("riskwarn_feeds", "Feeds by state.", _labelled("state", states))
    if night.facts.get("monitors"):
        states = {f'{{state="{state}"}}': float(n) for state, n in sorted(night.facts["monitors"].items())}
        lines += _gauge("riskwarn_monitors", "Monitors by state.", states)
    return "\n".join(lines) + "\n"


def _labelled(label: str, values: pd.Series) -> dict[str, float]:
    counts = values.value_counts().sort_index()
    escaped = [str(value).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") for value in counts.index]
    return {f'{{{label}="{value}"}}': float(n) for value, n in zip(escaped, counts, strict=True)}


def _gauge(name: str, meaning: str, values: dict[str, float]) -> list[str]:
    samples = [f"{name}{label} {value:.15g}" for label, value in values.items()]
    return [f"# HELP {name} {meaning}", f"# TYPE {name} gauge", *samples]
