"""Shapes of the answers, for the OpenAPI document and for whoever reads it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from riskwarn.language import LANGUAGES
from riskwarn.web.schemas.queries import Lane, Level
from riskwarn.web.schemas.work import Work

_SCORE: dict[str, JsonValue] = {
    "grid_id": "320102001017",
    "name": "East Lake 17",
    "target": "dispute_28d",
    "state": "ok",
    "rank": 12,
    "probability": 0.71,
    "expected": 1.9,
    "lower": 0,
    "upper": 5,
    "p_in_top": 0.93,
    "level": "orange",
    "lane": "standing",
    "alert_id": "5f0c31d2a9",
}


class Envelope(BaseModel):
    """What every answer says of itself."""

    as_of: str = Field(description="the night the answer speaks of")
    model_version: str | None = Field(description="digest of the model")
    data_until: str | None = Field(description="records known until then were used")
    run: str = Field(description="the published run; another run of the same night is another answer")
    state: Literal["ok", "degraded", "held"] = Field(
        description="degraded: data were missing; held: a rollback holds an earlier run"
    )
    stale: bool = Field(description="the night is older than it should be: not to be read as today's")
    note: str = Field("A lead to verify; not grounds for punishment, appraisal or restricting any person.")


class Page(Envelope):
    """What a list says of itself."""

    total: int = Field(description="rows that fit, on all pages")
    limit: int
    offset: int


class Score(BaseModel):
    """One grid's score; numbers are null where the state is not ok."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SCORE]})
    grid_id: str
    name: str | None
    target: str
    state: Literal["ok", "stale", "insufficient_data", "not_asked"]
    rank: int | None = Field(description="1 is the riskiest")
    probability: float | None = Field(description="of at least one event in the horizon")
    expected: float | None = Field(description="events expected in the horizon")
    lower: float | None
    upper: float | None
    p_in_top: float | None
    level: Level | None
    lane: Lane | None
    alert_id: str | None


class Scores(Page):
    """Scores, riskiest first, unscored last."""

    next: str | None = Field(description="cursor of the next page, of the same run; null on the last")
    items: list[Score]


class OneScore(Envelope):
    """One grid's score."""

    score: Score


class InWords(BaseModel):
    """A text in every language there is, by its code."""

    __annotations__ = dict.fromkeys(LANGUAGES, str)


class WithStep(BaseModel):
    """A next step in every language: service, mediation or verification."""

    __annotations__ = {f"remedy_{language}": str for language in LANGUAGES}


class Reason(InWords, WithStep):
    """One reason; `contribution` is added to the log of the expected count."""

    place: int
    feature: str
    value: float | None
    normal: float | None
    contribution: float
    code: str


class Reasons(Envelope):
    """Why one grid has its score."""

    grid_id: str
    items: list[Reason]


class PastScore(BaseModel):
    """One grid's score on one night."""

    as_of: str
    state: str
    rank: int | None
    probability: float | None
    expected: float | None
    model_version: str


class WeekCount(BaseModel):
    """Events of one week by feed, as known when it ended."""

    from_: str = Field(alias="from")
    until: str
    counts: dict[str, int]


class GridHistory(Envelope):
    """One grid's nights and weeks; `weeks` is null where the events are not known."""

    grid_id: str
    nights: list[PastScore]
    weeks: list[WeekCount] | None


class Move(BaseModel):
    """A grid whose rank is another than it was; `rise` above zero is riskier."""

    grid_id: str
    rank_before: int
    rank: int
    rise: int
    expected_before: float | None
    expected: float | None


class Changes(Envelope):
    """Grids in the list of alerts against an earlier night, and those whose rank moved most; null lists where there is none."""

    previous: str | None
    entered: list[str] | None
    left: list[str] | None
    stayed: list[str] | None
    moved: list[Move] | None


class Gap(InWords):
    """One gap."""

    gap_id: str
    kind: str
    scope: str
    observed: float | None
    expected: float | None
    lower: float | None
    upper: float | None
    severity: float
    confidence: float
    state: str
    evidence: dict[str, Any]
    action: str
    suppressed_by: str | None
    item_id: str | None = Field(description="its work item in the ledger, where the night was entered")
    item_state: str | None
    version: int | None


class Gaps(Page):
    """Gaps, most severe first; `made` is false where the run did not look for any."""

    made: bool
    items: list[Gap]


class Alert(BaseModel):
    """One alert."""

    alert_id: str
    grid_ids: list[str]
    lane: str | None
    level: Level
    trend: str | None
    since: str | None
    reading: float | None
    state: str
    target: str
    probability: float | None
    rank: int | None
    action: str
    gap_kinds: list[str]
    owner: str | None
    due_at: str | None
    item_id: str | None = Field(description="its work item in the ledger, where the night was entered")
    item_state: str | None
    version: int | None


class Alerts(Page):
    """Alerts, riskiest first; `made` is false where the run raised none because it did not try."""

    made: bool
    items: list[Alert]


class OneAlert(Envelope):
    """One alert: what the night says, and what people did; `work` is null where the night was not entered in the ledger."""

    alert: Alert
    work: Work | None


class OneGap(Envelope):
    """One gap: what the night says, and what people and data did; `work` is null where the night was not entered."""

    gap: Gap
    work: Work | None


class Changed(BaseModel):
    """A feature's value as it is and as it would be."""

    before: float
    after: float


class WhatIf(InWords):
    """One grid's score as it is and as it would be, all other grids unchanged."""

    grid_id: str
    changed: dict[str, Changed] = Field(description="by feature; open cases close as overdue ones do")
    rank_before: int
    rank: int
    expected_before: float
    expected: float
    caveat: InWords


class SupposedScore(BaseModel):
    """One grid's score as it would be, beside the published one."""

    grid_id: str
    state: Literal["ok", "not_asked"]
    rank: int | None
    probability: float | None
    expected: float | None
    lower: float | None
    upper: float | None
    p_in_top: float | None
    rank_published: int | None
    expected_published: float | None


class Supposed(BaseModel):
    """Scores as they would be if the posted events were known."""

    model_version: str = Field(description="digest of the model that was used")
    in_place_of: Literal["grids", "all"] | None
    n_events: int
    n_known: int = Field(description="of these those known before the night; the others count for nothing")
    items: list[SupposedScore]


class ScoreAnswer(Envelope):
    """What was posted for: scores in `items`, the answer to a what-if, or scores with posted events; the others are null."""

    items: list[Score] | None
    what_if: WhatIf | None
    supposed: Supposed | None


class WhatIfs(Envelope):
    """What can be done for a grid, the greatest fall first; empty where nothing is open."""

    grid_id: str
    caveat: InWords
    items: list[WhatIf]


class Row(BaseModel):
    """One event behind a number; `adds` is null where the number is no sum."""

    feature: str
    value: float | None
    adds: float | None
    days_ago: float
    source: str
    event_id: str
    grid_id: str
    occurred_at: str
    known_at: str
    category: str | None
    severity: int | None
    origin: str | None
    tags: str | None
    status: str | None
    due_at: str | None
    closed_at: str | None


class Rows(Page):
    """The events that make up one number of a grid, newest first, as known that night. No place, person or text."""

    grid_id: str
    feature: str
    value: float | None
    complete: bool = Field(description="false where older events are left out")
    items: list[Row]


class ReviewedEvent(InWords):
    """A serious event, and what the last night before it made of its grid."""

    source: str
    event_id: str
    grid_id: str
    occurred_at: str
    category: str | None
    severity: int | None
    as_of: str | None
    verdict: str
    rank: int | None
    expected: float | None
    listed: bool
    short_by: float | None
    first_listed_at: str | None
    lead_days: float | None
    reason: str | None


class ReviewSummary(BaseModel):
    """Events in all, caught within the horizon, and by verdict of the last night."""

    events: int
    caught: int
    share: float | None
    median_lead_days: float | None
    verdicts: dict[str, int]


class Review(InWords):
    """A look back over the published nights; it speaks of no single night."""

    since: str
    until: str | None
    severity: int
    horizon_days: float
    note: str
    summary: ReviewSummary
    total: int
    limit: int
    offset: int
    items: list[ReviewedEvent]


class Model(Envelope):
    """What the night says of its model."""

    facts: dict[str, Any]


class Feeds(Envelope):
    """State of each feed; null where the night does not say."""

    items: list[dict[str, Any]] | None


class Place(BaseModel):
    """A grid as the map knows it."""

    grid_id: str
    name: str | None
    community_id: str | None
    township_id: str | None
    county_id: str | None
    area_km2: float | None
    households: float | None
    population: float | None
    neighbours: list[str]


class OneGrid(Envelope):
    """Everything a night says of one grid."""

    grid: Place
    scores: list[Score] = Field(description="of every question of the night")
    reasons: list[Reason] = Field(description="of the question asked")
    nights: list[PastScore]
    weeks: list[WeekCount] | None
    gaps: list[Gap] | None
    alerts: list[Alert] | None
