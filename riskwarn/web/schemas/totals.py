"""Shapes of what is added up, of the model and of how the centre works."""

from typing import Any

from pydantic import BaseModel, Field

from riskwarn.web.schemas.answers import Envelope, InWords


class Area(BaseModel):
    """Grids added up; each alert counts where its riskiest grid lies. Null where a small count is not shown to whoever asks."""

    area_id: str | None = Field(description="null for grids whose area is not known")
    n_grids: int
    n_scored: int
    n_unscored: int = Field(description="grids whose data say too little: not to be read as calm")
    expected: float = Field(description="events expected in the scored grids; areas add up to the larger one exactly")
    best_rank: int | None
    n_red: int | None
    n_orange: int | None
    n_yellow: int | None
    n_blue: int | None


class Areas(Envelope):
    """Areas by code, and all of them together."""

    by: str
    total: Area
    items: list[Area]


class Outcomes(BaseModel):
    """What the outcomes say; empty lists where nothing was answered yet. `kept` is false where there is no ledger yet."""

    kept: bool
    precision: list[dict[str, Any]]
    acknowledgement: list[dict[str, Any]]
    hours_per_hit: list[dict[str, Any]] | None = Field(description="null where the store holds no visits")
    missed: list[dict[str, Any]]


class FeatureWords(InWords):
    """What a feature of the model is called."""

    name: str
    unit: str | None


class Card(Envelope):
    """The card of a model: what it was asked, how it was judged, what it looks at, what it is for and what not."""

    target: str
    question: InWords | None
    purpose: str | None = Field(description="service, mediation or resource_planning; null of a version that says none")
    horizon_days: float | None
    gate: bool | None = Field(
        description="whether it is shown to beat the best baseline; null where it was not backtested"
    )
    gate_reason: InWords | None
    trained: dict[str, Any] | None
    backtest: dict[str, dict[str, float | None]] | None
    features: list[FeatureWords]
    meant_for: InWords
    not_for: InWords


class Datasheet(Envelope):
    """The datasheet of what a model learnt from, as values and in Markdown; null of a version that has none."""

    target: str
    datasheet: dict[str, Any] | None
    text: InWords | None


class PlanInForce(BaseModel):
    """The plan a centre works by now, and its digest."""

    digest: str
    plan: dict[str, Any]


class Switched(BaseModel):
    """A mode, from when it holds, who said so and why; `at` is null where it held from the beginning."""

    mode: str
    at: str | None
    by: str
    why: str


class Modes(BaseModel):
    """The mode that holds now, and every switch, the last first."""

    now: Switched
    switches: list[Switched]
