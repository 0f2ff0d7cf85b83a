"""Shapes of the API's answers, for the OpenAPI document and for whoever reads it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

Level = Literal["red", "orange", "yellow", "blue"]
DATE = r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?)?$"
LARGEST_PAGE = 10_000


class Ask(BaseModel):
    """Parameters every answer takes; any other is refused."""

    model_config = ConfigDict(extra="forbid")
    as_of: str | None = Field(None, pattern=DATE, description="the night, the newest by default", max_length=19)


class AskPage(Ask):
    """Parameters of a list."""

    limit: int = Field(100, ge=1, le=LARGEST_PAGE, description="rows at most")
    offset: int = Field(0, ge=0, le=10_000_000, description="rows to leave out in front")


class AskScores(AskPage):
    """Parameters of the scores."""

    min_probability: float | None = Field(None, ge=0, le=1, allow_inf_nan=False)
    state: Literal["ok", "insufficient_data"] | None = None


class AskGaps(AskPage):
    """Parameters of the gaps."""

    kind: str | None = Field(None, pattern=r"^G\d\d$", description="kind of gap, as G08")


class AskAlerts(AskPage):
    """Parameters of the alerts."""

    level: Level | None = None


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
    state: Literal["ok", "insufficient_data"]
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


class Reason(BaseModel):
    """One reason; `contribution` is added to the log of the expected count."""

    place: int
    feature: str
    value: float | None
    normal: float | None
    contribution: float
    code: str
    zh: str
    en: str


class Reasons(Envelope):
    """Why one grid has its score."""

    grid_id: str
    items: list[Reason]


class Standing(BaseModel):
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
    nights: list[Standing]
    weeks: list[WeekCount] | None


class Changes(Envelope):
    """Grids in the list of alerts against the night before; null lists where there is none."""

    previous: str | None
    entered: list[str] | None
    left: list[str] | None
    stayed: list[str] | None


class Gap(BaseModel):
    """One gap."""

    gap_id: str
    kind: str
    zh: str
    en: str
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
    level: Level
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
