"""Shapes of what people do: work items, their steps and clocks."""

from typing import Any, Literal

from pydantic import BaseModel, Field


class Step(BaseModel):
    """One transition of an item: who, as a role and an area, did what when. `account` is a digest that leads to nobody."""

    n: int
    action: str
    from_: str = Field(alias="from")
    to: str
    at: str
    role: str
    area: str
    account: str
    code: str
    digest: str = Field(description="of this row and the one before it, in the chain of the ledger")


class Clock(BaseModel):
    """A clock that runs: `used` is the share of its time, above 1 where it is overdue."""

    clock: str
    mode: str
    begun_at: str
    due_at: str
    used: float
    state: Literal["green", "amber", "red"]


class Item(BaseModel):
    """A work item of the ledger: an alert, a gap or a supervision card."""

    item_id: str
    kind: str
    source_id: str
    topic: str
    lane: str
    path: str
    grid_ids: list[str]
    level: str
    state: str
    version: int
    owner: str
    parent: str
    first_night: str
    last_night: str
    changed_at: str
    reading: dict[str, Any]


class Work(BaseModel):
    """An item with all that happened to it, the clocks that run, and what whoever asks may do next."""

    item: Item
    trail: list[Step]
    clocks: list[Clock]
    actions: list[str]


class Items(BaseModel):
    """Work items, the gravest first; it speaks of no single night. `kept` is false where there is no ledger yet."""

    kept: bool
    total: int
    limit: int
    offset: int
    items: list[Item]


class Taken(BaseModel):
    """A step that was taken: how the item stood after it, and the transition."""

    item_id: str
    state: str
    version: int
    transition: Step


class BoardRow(BaseModel):
    """A clock that is amber or overdue: with whom it lies, the next step and the roles that may take it, the open supervision card."""

    item_id: str
    kind: str
    source_id: str
    level: str
    state: str
    path: str
    owner: str
    body: str = Field(
        description="whoever it was assigned to, else the township, else the county; empty for the whole city"
    )
    version: int
    clock: str
    mode: str
    begun_at: str
    due_at: str
    used: float = Field(description="share of its time, above 1 where it is overdue")
    light: Literal["amber", "red"]
    step: str = Field(description="the action that leads on; empty where only the night can")
    roles: list[str]
    card_id: str
    card_level: str


class Board(BaseModel):
    """What is overdue or soon will be, overdue first. `kept` is false where there is no ledger yet."""

    kept: bool
    total: int
    limit: int
    offset: int
    items: list[BoardRow]
