"""What can be asked: the parameters of each route, any other is refused, and the bodies that are posted."""

import datetime as dt
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from riskwarn.web.forms import Form

Level = Literal["red", "orange", "yellow", "blue"]
Lane = Literal["standing", "rising", "first", "escalating", "triggered", "explore"]
AreaKind = Literal["city", "county", "township", "community"]
Sort = Literal[
    "rank",
    "-rank",
    "grid_id",
    "-grid_id",
    "probability",
    "-probability",
    "expected",
    "-expected",
    "lower",
    "-lower",
    "upper",
    "-upper",
    "p_in_top",
    "-p_in_top",
]
DATE = r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?)?$"
LARGEST_PAGE = 10_000
LONGEST_NAME = 200
Code = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
MOST_VALUES = 20


class NightQuery(BaseModel):
    """Parameters every answer takes; any other is refused."""

    model_config = ConfigDict(extra="forbid")
    as_of: str | None = Field(None, pattern=DATE, description="the night, the newest by default", max_length=19)
    target: str | None = Field(
        None, pattern=r"^[\w.\-]+$", description="the question, the first of the night by default", max_length=100
    )


class Paging(BaseModel):
    """Which page of a list."""

    model_config = ConfigDict(extra="forbid")
    limit: int = Field(100, ge=1, le=LARGEST_PAGE, description="rows at most")
    offset: int = Field(0, ge=0, le=10_000_000, description="rows to leave out in front")


class ListQuery(Paging, NightQuery):
    """Parameters of a list of a night."""


class ScoresQuery(ListQuery):
    """Parameters of the scores."""

    format: Form | None = Field(None, description="goes before the header `Accept`")
    limit: int | None = Field(None, ge=1, le=LARGEST_PAGE, description="rows at most; 100, of a file all")  # type: ignore[assignment]
    min_probability: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    state: Literal["ok", "stale", "insufficient_data", "not_asked"] | None = None
    level: Level | None = Field(None, description="only grids with an alert of this level")
    lane: Lane | None = Field(None, description="only grids with an alert of this lane")
    parent: Code | None = Field(None, description="only grids of this county, township or community")
    sort: Sort = Field("rank", description="a column; - before it turns the order round. Unknown values come last")
    cursor: str | None = Field(
        None, max_length=400, description="`next` of the page before: the list goes on in the same run"
    )


class ChangesQuery(NightQuery):
    """Parameters of what changed."""

    since: str | None = Field(
        None, pattern=DATE, max_length=19, description="the night compared with, by default the one before"
    )
    limit: int = Field(100, ge=1, le=LARGEST_PAGE, description="grids at most whose rank moved")


class AreasQuery(NightQuery):
    """Parameters of roll-ups."""

    by: AreaKind = Field("county", description="areas the grids are added up by")
    parent: Code | None = Field(None, description="only areas within this one")


class MapQuery(NightQuery):
    """Parameters of the map."""

    by: Literal["grid", "community", "township", "county"] = Field("grid", description="what is drawn")
    parent: Code | None = Field(None, description="only what lies within this area")
    tolerance: float = Field(
        1e-4, ge=0, le=0.1, allow_inf_nan=False, description="detail smaller than this is dropped, degrees"
    )


class ItemsQuery(Paging):
    """Parameters of the work items of the ledger."""

    kind: Literal["alert", "gap", "supervision"] | None = None
    state: str | None = Field(None, pattern=r"^[a-z_]{1,32}$", description="only items in this state")
    level: Level | None = None
    area: Code | None = Field(None, description="only what lies within this area")
    open: bool = Field(default=False, description="leave out what has ended")


class BoardQuery(Paging):
    """Parameters of the supervision board."""

    body: Code | None = Field(None, description="only what lies with this organisation, * for none")


class GapsQuery(ListQuery):
    """Parameters of the gaps."""

    kind: str | None = Field(None, pattern=r"^G\d\d$", description="kind of gap, as G08")


class AlertsQuery(ListQuery):
    """Parameters of the alerts."""

    level: Level | None = None
    lane: Lane | None = None


class RowsQuery(ListQuery):
    """Parameters of the rows behind a number."""

    feature: str = Field(max_length=LONGEST_NAME, description="name of a feature, as reasons give it")


class ReviewQuery(Paging):
    """Parameters of the look back."""

    since: str = Field(pattern=DATE, max_length=19, description="events that occurred from then on")
    until: str | None = Field(
        None, pattern=DATE, max_length=19, description="and before then; up to the last by default"
    )
    severity: int = Field(2, ge=0, le=3, description="least severity")
    source: str | None = Field(None, pattern=r"^[a-z][a-z0-9_]{0,49}$", description="one feed; all by default")


Value = Annotated[float, Field(allow_inf_nan=False)]


MOST_EVENTS = 500
_LONGEST_TEXT = 64
_ZONED = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})$"
_YEARS = (1970, 2200)
_EVENT: dict[str, JsonValue] = {
    "source": "police_call",
    "event_id": "try-1",
    "known_at": "2025-03-01T09:30:00+08:00",
    "occurred_at": "2025-03-01T09:10:00+08:00",
    "grid_id": "330101002005",
    "category": "P04",
}


def _instant(text: str) -> str:
    """A time that there is, of years in which events can lie."""
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError:
        raise PydanticCustomError("datetime_invalid", "no such time") from None
    if not _YEARS[0] <= at.year < _YEARS[1]:
        raise PydanticCustomError("datetime_invalid", "no such time")
    return text


Word = Annotated[str, Field(min_length=1, max_length=_LONGEST_TEXT)]
Instant = Annotated[str, Field(pattern=_ZONED, max_length=40), AfterValidator(_instant)]


class PostedEvent(BaseModel):
    """One event of table `events` that is only supposed; what features may count, and nothing else."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EVENT]})
    source: str = Field(pattern=r"^[a-z][a-z0-9_]{0,49}$", description="the feed")
    event_id: Word = Field(description="within its source; one that the store has is told anew by it")
    known_at: Instant = Field(description="when the centre could know it, with a zone")
    occurred_at: Instant = Field(description="when it happened, with a zone")
    grid_id: str = Field(max_length=LONGEST_NAME, description="a grid of the night; empty where it cannot be placed")
    category: Word
    closed_at: Instant | None = None
    due_at: Instant | None = None
    severity: int | None = Field(None, ge=0, le=3, strict=True)
    origin: Literal["citizen", "proactive", "unknown"] | None = None
    near_grid_id: Word | None = None
    place_key: Word | None = None
    case_id: Word | None = None
    org_code: Word | None = None
    status: Word | None = None
    outcome: Word | None = None
    tags: Word | None = None
    retracted: bool | None = Field(None, strict=True)

    @model_validator(mode="after")
    def _in_order(self) -> "PostedEvent":
        """Nothing is closed before it happens."""
        if self.closed_at and dt.datetime.fromisoformat(self.closed_at) < dt.datetime.fromisoformat(self.occurred_at):
            raise PydanticCustomError("closed_before", "closed before it occurred")
        return self


class ScoreRequest(NightQuery):
    """What is posted for scores: some grids, for one grid the values of a what-if, or events to try."""

    grids: list[Code] | None = Field(
        None, min_length=1, max_length=LARGEST_PAGE, description="only these; the riskiest 10,000 by default"
    )
    grid_id: Code | None = Field(None, description="the grid of a what-if")
    values: dict[Code, Value] | None = Field(
        None, min_length=1, max_length=MOST_VALUES, description="by feature, what it would be: open or overdue cases"
    )
    events: list[PostedEvent] | None = Field(
        None,
        min_length=1,
        max_length=MOST_EVENTS,
        description="events to try; `grids` are scored as if they were known, and nothing is stored",
    )
    in_place_of: Literal["grids", "all"] | None = Field(
        None, description="whose events the posted ones replace: those of `grids`, or all; added by default"
    )

    @model_validator(mode="after")
    def _one_question(self) -> "ScoreRequest":
        """A what-if needs a grid and values, and no list of grids; events need the grids that are to be scored."""
        if (self.grid_id is None) != (self.values is None) or (self.grids is not None and self.grid_id is not None):
            raise PydanticCustomError("one_question", "give grids, or grid_id and values")
        if (self.events is not None and self.grids is None) or (self.in_place_of is not None and self.events is None):
            raise PydanticCustomError("one_question", "give events with the grids to score")
        return self


_STEP: dict[str, JsonValue] = {"action": "feedback", "version": 4, "outcome": "O3"}


class StepRequest(BaseModel):
    """A step with an item: what is done, and which version of it was looked at."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_STEP]})
    action: str = Field(pattern=r"^[a-z_]{1,32}$", description="of the workflow, as `actions` of the item names them")
    version: int = Field(ge=1, le=1_000_000, description="the version that was looked at")
    reason: str = Field("", pattern=r"^[A-Za-z0-9_]{0,32}$", description="code, where the step wants one")
    outcome: str = Field("", pattern=r"^[A-Za-z0-9_]{0,32}$", description="code O1 to O8, where the step wants one")
    area: str = Field("", max_length=64, description="to whom an item is assigned: code of an area or body")
    into: str = Field("", pattern=r"^([0-9a-f]{16})?$", description="the open item it is merged with")


class ModeRequest(BaseModel):
    """A switch of the mode of the centre."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"mode": "urgent", "why": "flood warning"}]}
    )
    mode: Literal["normal", "urgent", "war"]
    why: str = Field(min_length=1, max_length=200, description="the reason, in a few words, without a person in them")
