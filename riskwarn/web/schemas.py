"""Shapes of the API's answers, for the OpenAPI document and for whoever reads it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from riskwarn.language import LANGUAGES

Level = Literal["red", "orange", "yellow", "blue"]
DATE = r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?)?$"
LARGEST_PAGE = 10_000
LONGEST_NAME = 200
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

    min_probability: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    state: Literal["ok", "stale", "insufficient_data", "not_asked"] | None = None


class GapsQuery(ListQuery):
    """Parameters of the gaps."""

    kind: str | None = Field(None, pattern=r"^G\d\d$", description="kind of gap, as G08")


class AlertsQuery(ListQuery):
    """Parameters of the alerts."""

    level: Level | None = None


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


GridId = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Value = Annotated[float, Field(allow_inf_nan=False)]


class ScoreRequest(BaseModel):
    """What is posted for scores: some grids, or for one grid the values of a what-if."""

    model_config = ConfigDict(extra="forbid")
    as_of: str | None = Field(None, pattern=DATE, description="the night, the newest by default", max_length=19)
    target: str | None = Field(
        None, pattern=r"^[\w.\-]+$", description="the question, the first of the night by default", max_length=100
    )
    grids: list[GridId] | None = Field(
        None, min_length=1, max_length=LARGEST_PAGE, description="only these; all by default"
    )
    grid_id: GridId | None = Field(None, description="the grid of a what-if")
    values: dict[GridId, Value] | None = Field(
        None, min_length=1, max_length=MOST_VALUES, description="by feature, what it would be: open or overdue cases"
    )

    @model_validator(mode="after")
    def _one_question(self) -> "ScoreRequest":
        """A what-if needs a grid and values, and no list of grids."""
        if (self.grid_id is None) != (self.values is None) or (self.grids is not None and self.grid_id is not None):
            raise PydanticCustomError("one_question", "give grids, or grid_id and values")
        return self


class Envelope(BaseModel):
    """What every answer says of itself."""

    as_of: str = Field(description="the night the answer speaks of")
    model_version: str | None = Field(description="digest of the model")
    data_until: str | None = Field(description="records known until then were used")
    note: str = Field("A lead to verify; not grounds for punishment, appraisal or restricting any person.")


class Page(Envelope):
    """What a list says of itself."""

    total: int = Field(description="rows that fit, on all pages")
    limit: int
    offset: int


class Score(BaseModel):
    """One grid's score; numbers are null where the state is not ok."""

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
    alert_id: str | None


class Scores(Page):
    """Scores, riskiest first, unscored last."""

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


class Changes(Envelope):
    """Grids in the list of alerts against the night before; null lists where there is none."""

    previous: str | None
    entered: list[str] | None
    left: list[str] | None
    stayed: list[str] | None


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


class Alerts(Page):
    """Alerts, riskiest first; `made` is false where the run raised none because it did not try."""

    made: bool
    items: list[Alert]


class OneAlert(Envelope):
    """One alert."""

    alert: Alert


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


class ScoreAnswer(Envelope):
    """What was posted for: scores in `items`, or the answer to a what-if; the other is null."""

    items: list[Score] | None
    what_if: WhatIf | None


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


def rows(frame: pd.DataFrame, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Rows as JSON knows them: null for what is not known, times in ISO 8601 with their offset.

    Examples
    --------
    >>> rows(pd.DataFrame({"a": [1.5, float("nan")]}), ["a", "b"])
    [{'a': 1.5, 'b': None}, {'a': None, 'b': None}]
    """
    wanted = frame.reindex(columns=list(columns))
    times = {c: _iso(wanted[c]) for c in wanted if isinstance(wanted[c].dtype, pd.DatetimeTZDtype)}
    plain = wanted.assign(**times).astype(object)
    return plain.where(plain.notna(), None).to_dict("records")


def fields(model: type[BaseModel]) -> list[str]:
    """Names of a shape's members, as the tables call them."""
    return list(model.model_fields)


def _iso(times: pd.Series) -> pd.Series:
    return times.map(lambda at: at.isoformat(), na_action="ignore").astype(object)


def stated(facts: Mapping[str, Any], key: str) -> str | None:
    """A fact as text; none where the night does not state it."""
    return str(facts[key]) if facts.get(key) is not None else None
