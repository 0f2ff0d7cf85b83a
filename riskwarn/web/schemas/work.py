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
