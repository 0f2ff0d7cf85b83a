"""The desk: what lies before a visitor as work, who did what about it, and the steps that can be taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd
from fastapi import Request

from riskwarn.access import Visitor
from riskwarn.gaps.gap import KINDS
from riskwarn.language import Spoken
from riskwarn.ledger import Item, Ledger, concerning, concerns
from riskwarn.ledger.words import word
from riskwarn.ledger.workflow import Step, Workflow
from riskwarn.taxonomy import ACTIONS
from riskwarn.web import format as write
from riskwarn.web.api.items import books_of
from riskwarn.web.books import Books
from riskwarn.web.held import Night
from riskwarn.web.lines import gap_lines
from riskwarn.web.listed import Why
from riskwarn.web.morning import LANE_NAMES, lines_of
from riskwarn.web.page import language_of
from riskwarn.web.policy import read_as
from riskwarn.web.problems import no_ledger
from riskwarn.web.schemas import StepRequest

SUPERVISION = "supervision"
NOTHING = Why((), "")
_BY_HAND = frozenset({"area", "item"})
"""What a form can give beside a code; evidence is the night's to give."""
_GIVEN = ("action", "version", "reason", "outcome", "area", "into")
_MOST_OTHERS = 60
"""Items offered to merge one with."""


@dataclass(frozen=True)
class Task:
    """An item on the desk.

    Attributes
    ----------
    item
        As the ledger has it.
    title
        Its place, in words.
    about
        Its lane, or its kind of gap.
    card
        Level of its open supervision card; empty where it is not overdue.
    steps
        What the visitor may do now.
    why
        Why it was listed, and the next step; empty where the night before the reader does not list it.
    """

    item: Item
    title: str
    about: str
    card: str
    steps: tuple[Step, ...]
    why: Why = NOTHING


def ledger_of(request: Request) -> Ledger:
    """The ledger of the application.

    Raises
    ------
    Problem
        404 where no night was entered yet.
    """
    ledger = books_of(request).ledger()
    if ledger is None:
        raise no_ledger()
    return ledger


def at_hand(request: Request, night: Night) -> dict[str, Task]:
    """By `alert_id`, the alerts of a night that are open in the ledger; none for who only reads.

    Parameters
    ----------
    request
        Whose visitor is known by now.
    night
        Its list.

    Returns
    -------
    tasks
        As the ledger has them.
    """
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    ledger = books_of(request).ledger()
    if visitor is None or not visitor.may("alerts:act") or night.alerts is None or ledger is None:
        return {}
    # those of a role in an area are found once after every step; a night keeps the last of each
    key, written = ("at hand", visitor.actor.role, visitor.area, language_of(request)), ledger.n_transitions
    if night.made.get(key, (None,))[0] != written:
        night.made[key] = written, _at_hand(ledger, night, visitor, language_of(request))
    tasks: dict[str, Task] = night.made[key][1]
    return tasks


def _at_hand(ledger: Ledger, night: Night, visitor: Visitor, language: str) -> dict[str, Task]:
    assert night.alerts is not None
    rows = ledger.items(kind="alert", source_ids=night.alerts["alert_id"].tolist(), open_only=True)
    items = [Item.of(row) for row in rows.itertuples(index=False)]
    return {item.source_id: task_of(ledger.workflow, item, visitor, night.places.called, language) for item in items}


def steps_by_hand(flow: Workflow, item: Item, visitor: Visitor) -> tuple[Step, ...]:
    """The steps a visitor may take with an item by hand, in the order of the workflow.

    Parameters
    ----------
    flow
        The state machine.
    item
        Where it stands.
    visitor
        Who asks.

    Returns
    -------
    steps
        None where the item lies in another area, or the visitor only reads.
    """
    if not visitor.may("alerts:act") or not concerns(item.path, item.owner, visitor.area):
        return ()
    able = flow.next_steps(item.state, role=visitor.actor.role, kind=item.kind, level=item.level)
    return tuple(step for step in able if set(step.wants) <= _BY_HAND)


def tasks(
    ledger: Ledger, visitor: Visitor, names: Mapping[str, str], language: str, *, kind: str = "alert", state: str = ""
) -> list[Task]:
    """What lies before a visitor: overdue first, then the gravest, then the oldest.

    Parameters
    ----------
    ledger
        The ledger.
    visitor
        Who asks; what lies in another area is not shown.
    names
        Name of each grid.
    language
        Of the reader.
    kind, state
        Only these.

    Returns
    -------
    tasks
        Those that have not ended; those that ended so where `state` is a final one, the latest first.
    """
    ended = state in ledger.workflow.final
    frame, about = (
        concerning(ledger.items(kind=of, states=[state] if ended else None, open_only=not ended), visitor.area)
        for of in (kind, SUPERVISION)
    )
    cards = about.set_index("parent")["level"].to_dict()
    chosen = frame[(frame["state"] == state) | (state == "")]
    rows = [Item.of(row) for row in chosen.itertuples(index=False)]
    rank = {level: n for n, level in enumerate(ledger.workflow.levels)}
    rows.sort(
        key=lambda i: (
            rank.get(cards.get(i.item_id, ""), len(rank)),
            rank.get(i.level, len(rank)),
            i.first_night,
            i.item_id,
        )
    )
    if ended:
        rows.sort(key=lambda i: i.changed_at, reverse=True)
    flow = ledger.workflow
    return [task_of(flow, item, visitor, names, language, card=cards.get(item.item_id, "")) for item in rows]


def others_of(ledger: Ledger, item: Item, visitor: Visitor, names: Mapping[str, str], language: str) -> list[Task]:
    """Open items that one could be merged with: of its kind, those of its own township first.

    Parameters
    ----------
    ledger
        The ledger.
    item
        The one that would be merged.
    visitor
        Who asks.
    names
        Name of each grid.
    language
        Of the reader.

    Returns
    -------
    others
        A few dozen at most.
    """
    near = [t for t in tasks(ledger, visitor, names, language, kind=item.kind) if t.item.item_id != item.item_id]
    return sorted(near, key=lambda t: t.item.path.split("/")[:2] != item.path.split("/")[:2])[:_MOST_OTHERS]


def task_of(
    flow: Workflow, item: Item, visitor: Visitor, names: Mapping[str, str], language: str, *, card: str = ""
) -> Task:
    """One item as it lies on a visitor's desk."""
    steps = steps_by_hand(flow, item, visitor)
    return Task(item, title_of(item, names, language), about_of(item)[language], card, steps)


def with_why(listed: Sequence[Task], night: Night, language: str) -> list[Task]:
    """Tasks with what a night says of each, in their order.

    Parameters
    ----------
    listed
        Tasks of one kind or several.
    night
        What it does not list keeps no reasons.
    language
        Of the reader.

    Returns
    -------
    tasks
        As many.
    """
    said = _said_of_alerts(listed, night, language) | _said_of_gaps(listed, night, language)
    return [replace(task, why=said.get(task.item.source_id, NOTHING)) for task in listed]


def _said_of_alerts(listed: Sequence[Task], night: Night, language: str) -> dict[str, Why]:
    if night.alerts is None:
        return {}
    ids = [task.item.source_id for task in listed if task.item.kind == "alert"]
    rows = night.alerts[night.alerts["alert_id"].isin(ids)]
    return {str(line.alert["alert_id"]): line.why for line in lines_of(night, rows, language)}


def _said_of_gaps(listed: Sequence[Task], night: Night, language: str) -> dict[str, Why]:
    if night.gaps is None:
        return {}
    ids = [task.item.source_id for task in listed if task.item.kind == "gap"]
    lines = gap_lines(night.gaps[night.gaps["gap_id"].isin(ids)], night.places.called, language)
    return {line["gap_id"]: Why((line["proof"],), ACTIONS[line["action"]][language]) for line in lines}


def title_of(item: Item, names: Mapping[str, str], language: str) -> str:
    """What an item is called: its place; that of the matter where it is a supervision card."""
    if item.kind == "gap" and "scope" in item.reading:
        return str(write.place(str(item.reading["scope"]), names, language, item.grid_ids.split())["text"])
    return write.part(item.lead or item.path.rpartition("/")[2], names, language) or item.item_id


def about_of(item: Item) -> Spoken:
    """Its lane, its kind of gap, or the clock of a card."""
    if item.kind == "gap" and item.topic in KINDS:
        return KINDS[item.topic].words
    return LANE_NAMES.get(item.lane, LANE_NAMES[""]) if item.kind == "alert" else word("clock", item.topic)


@dataclass(frozen=True)
class Taken:
    """What was done with an item, in words.

    Attributes
    ----------
    at
        When.
    action, state, role, why
        In words; `why` is empty where no code was given.
    area
        For which area or body.
    """

    at: pd.Timestamp
    action: str
    state: str
    role: str
    why: str
    area: str


def trail_of(ledger: Ledger, item_id: str, language: str) -> list[Taken]:
    """Who did what with an item, the newest first."""
    return [
        Taken(
            row.at,
            word("action", row.action)[language],
            word("state", row.to_state)[language],
            word("role", row.role)[language],
            _why(row.code, language),
            "" if row.area == "*" else row.area,
        )
        for row in ledger.trail(item_id).iloc[::-1].itertuples()
    ]


def _why(code: str, language: str) -> str:
    if not code:
        return ""
    return word("outcome" if code[:1] == "O" and code[1:].isdigit() else "reason", code)[language]


def act(books: Books, visitor: Visitor, item_id: str, form: Mapping[str, str]) -> bool:
    """Take the step that a form asks for; sent twice it is taken once.

    A form is known again by who sends it, the version that was looked at and the action.

    Parameters
    ----------
    books
        The ledger behind the pages.
    visitor
        Who acts.
    item_id
        With what.
    form
        `action`, the `version` that was looked at, and `reason`, `outcome`, `area` or `into` where the step wants one.

    Returns
    -------
    again
        Whether it had been taken before.

    Raises
    ------
    Problem
        404 where the visitor sees no such item, 422 where the form is none of ours; else as :meth:`riskwarn.web.books.Books.take`.
    """
    item = books.item(item_id, visitor)
    given = {name: form[name].strip() for name in _GIVEN if name in form}
    step = read_as(StepRequest, given)
    return books.take(item, step, visitor, f"page-{step.version}-{step.action}")[1]
