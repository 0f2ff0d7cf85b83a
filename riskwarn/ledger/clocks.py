"""Clocks: by when somebody must act, what is late, and the supervision cards that lateness raises by itself.

A card tells a supervisor; it acts on nobody. It is verified by the night when the step it asked for has been taken.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import sqlalchemy as sa

from riskwarn.calling import checked
from riskwarn.gaps.deadlines import AMBER
from riskwarn.ledger import database
from riskwarn.ledger.actor import MACHINE
from riskwarn.ledger.entering import message_id
from riskwarn.ledger.item import CHANGING, Item, replayed
from riskwarn.ledger.ledger import Ledger
from riskwarn.ledger.pen import Given, Pen
from riskwarn.ledger.tables import ITEMS, TRANSITIONS
from riskwarn.ledger.workflow import NIGHT, Clock, Workflow
from riskwarn.mode import switches
from riskwarn.working import Budget, WorkingTime, budget_of, plan_in_force, working_time

CARD = "supervision"
_READ = ("item_id", "seq", "at", "action", "from_state", "to_state")
"""Of a step, what a clock is read by."""
COLUMNS = ("item_id", "kind", "level", "path", "clock", "mode", "begun_at", "due_at", "used", "state")


@dataclass(frozen=True)
class Running:
    """A clock that runs.

    Attributes
    ----------
    item, clock, mode
        Of which item, its name, and the mode of the centre in which it began.
    begun_at, due_at
        From when until when; later by the time it stood still.
    used
        Share of the budget that is used, above 1 when it is overdue.
    """

    item: Item
    clock: str
    mode: str
    begun_at: pd.Timestamp
    due_at: pd.Timestamp
    used: float

    @property
    def state(self) -> str:
        """``green``, ``amber`` from four fifths on, ``red`` past the limit."""
        return "red" if self.used > 1 else "amber" if self.used >= AMBER else "green"


@checked
def clocks(
    ledger: Ledger, *, at: object = None, item_ids: Sequence[str] | None = None, as_stood: bool = False
) -> pd.DataFrame:
    """The clocks that run, the most used first.

    How long a step may take says the plan in force (:func:`riskwarn.working.plan_in_force`). Working hours and days are those of its calendar: China's public holidays and make-up days for a city of its zone, what
    ``calendar.csv`` of the store says, else Monday to Friday. A clock stands still while its item is on hold for a feed that
    stands still, and for nothing else.

    Parameters
    ----------
    ledger
        Of the store.
    at
        When they are read; now by default.
    item_ids
        Only those of these items; of all by default.
    as_stood
        Of the items as they stood just before `at`, by the steps until then, rather than as they stand.

    Returns
    -------
    clocks
        One row a clock: ``item_id``, ``kind``, ``level``, ``path``, ``clock``, ``mode``, ``begun_at``, ``due_at``, ``used`` (share of
        the budget) and ``state`` (``green``, ``amber``, ``red``).
    """
    now = _now(ledger, at)
    with database.linked(ledger.engine) as link:
        running = _running(ledger, link, now, item_ids, as_stood=as_stood)
    rows = [
        {"item_id": r.item.item_id, "kind": r.item.kind, "level": r.item.level, "path": r.item.path}
        | {
            "clock": r.clock,
            "mode": r.mode,
            "begun_at": r.begun_at,
            "due_at": r.due_at,
            "used": r.used,
            "state": r.state,
        }
        for r in sorted(running, key=lambda r: (-r.used, r.item.item_id, r.clock))
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


@checked
def watch(ledger: Ledger, *, at: object = None) -> pd.DataFrame:
    """Raise a card for each clock that is overdue, make it graver at twice the budget, and verify those whose step was taken.

    Safe to run at any time and as often as one likes; the same lateness raises one card.

    Parameters
    ----------
    ledger
        Of the store.
    at
        When; now by default.

    Returns
    -------
    clocks
        As :func:`clocks` gives them.
    """
    now = _now(ledger, at)
    with ledger.writing(now) as pen:
        late = {_subject(r): r for r in _running(ledger, pen.link, now) if r.used > ledger.workflow.supervision.at}
        asked = sa.select(ITEMS).where(ITEMS.c.kind == CARD)
        cards = {row.subject: Item.of(row) for row in pen.link.execute(asked)}
        for subject, running in late.items():
            _raise(pen, ledger.workflow, running, cards.get(subject))
        for subject, card in cards.items():
            if subject not in late and card.state not in ledger.workflow.final:
                _satisfied(pen, ledger.workflow, card)
    return clocks(ledger, at=now)


def _now(ledger: Ledger, at: object) -> pd.Timestamp:
    return pd.Timestamp.now(tz=ledger.store.timezone).floor("us") if at is None else ledger.store.instant(at)


def _subject(running: Running) -> str:
    begun = running.begun_at.tz_convert("UTC").isoformat(timespec="microseconds")
    return f"{CARD}|{running.item.item_id}|{running.clock}|{begun}"


# -- which clocks run ----------------------------------------------------------------------------------------------------


def _running(
    ledger: Ledger,
    link: sa.Connection,
    now: pd.Timestamp,
    item_ids: Sequence[str] | None = None,
    *,
    as_stood: bool = False,
) -> list[Running]:
    flow = ledger.workflow
    items, rows = _open_at(link, now if as_stood else None, flow, item_ids)
    plan = plan_in_force(ledger.store)
    timed = Watch(working_time(ledger.store, plan.calendar, now), now)
    modes = [(s.at, s.mode) for s in switches(ledger.store) if s.at is not None]

    @functools.cache
    def budget(level: str, limit: str, mode: str) -> Budget | None:
        return budget_of(plan.clocks, level, limit, getattr(plan.modes, mode))

    return [
        _read(items[item_id], clock.name, begun, trail, mode, given, timed, flow)
        for item_id in items
        for trail in [rows[item_id]]
        for clock in flow.clocks
        if items[item_id].kind in clock.kinds
        and (begun := _begun(clock, trail, flow)) is not None
        and (mode := mode_at(modes, begun))
        and (given := budget(items[item_id].level, clock.limit, mode))
    ]


def _open_at(
    link: sa.Connection, until: pd.Timestamp | None, flow: Workflow, item_ids: Sequence[str] | None
) -> tuple[dict[str, Item], dict[str, list[Any]]]:
    """The items that are open, as they stood just before an instant or as they stand, and their steps until then."""
    is_open = ITEMS.c.state.not_in(flow.final)
    asked = [is_open if until is None else sa.or_(is_open, ITEMS.c.changed_at >= until)]
    asked += [] if item_ids is None else [ITEMS.c.item_id.in_(list(item_ids))]
    # only what stood at an instant is told by readings and details, which are JSON, thousands of them
    light = [sa.null().label(c.name) if c is ITEMS.c.reading else c for c in ITEMS.c]
    columns = light if until is None else list(ITEMS.c)
    items = {row.item_id: Item.of(row) for row in link.execute(sa.select(*columns).where(*asked))}
    rows: dict[str, list[Any]] = {item_id: [] for item_id in items}
    read = [TRANSITIONS.c[name] for name in _READ] if until is None else TRANSITIONS.c
    steps = sa.select(*read).join(ITEMS, ITEMS.c.item_id == TRANSITIONS.c.item_id)
    steps = steps.where(*asked, *([] if until is None else [TRANSITIONS.c.at < until]))
    for row in link.execute(steps.order_by(TRANSITIONS.c.seq)):
        rows[row.item_id].append(row)
    if until is None:
        return items, rows
    stood = {i: _as_it_stood(item, rows[i]) for i, item in items.items() if rows[i]}
    return {i: item for i, item in stood.items() if item.state not in flow.final}, rows


def _as_it_stood(item: Item, rows: Sequence[Any]) -> Item:
    told = replayed(row._asdict() for row in rows)[item.item_id]
    return replace(item, **{name: told[name] for name in CHANGING})


class Watch:
    """Working time read at one instant; what a night published at once is read once."""

    def __init__(self, wall: WorkingTime, now: pd.Timestamp) -> None:
        self.wall, self.now = wall, now
        self._read: dict[tuple[pd.Timestamp, Budget, float], tuple[pd.Timestamp, pd.Timestamp, float]] = {}

    def read(self, begun: pd.Timestamp, budget: Budget, still: float) -> tuple[pd.Timestamp, pd.Timestamp, float]:
        """When a clock that stood still for so much of its unit began and when its budget is used up, by the city's clock, and the share that is used."""
        key = (begun, budget, still)
        if key not in self._read:
            used = (self.wall.spent(begun, self.now, budget.unit) - still) / budget.amount
            due = self.wall.due(begun, replace(budget, amount=budget.amount + still))
            zone = self.wall.timezone
            self._read[key] = begun.tz_convert(zone), due.tz_convert(zone), float(used)
        return self._read[key]


def _begun(clock: Clock, trail: Sequence[Any], flow: Workflow) -> pd.Timestamp | None:
    """When a clock began that has not ended; none where it does not run. What leads out of a hold goes on, it does not begin anew."""
    begun = None
    for row in trail:
        if row.action in clock.ends:
            begun = None
        if row.action in clock.begins and not (row.from_state in flow.pausing and begun is not None):
            begun = pd.Timestamp(row.at)
    return begun


def mode_at(modes: Sequence[tuple[pd.Timestamp, str]], at: pd.Timestamp) -> str:
    """The mode of the centre at an instant, by its switches in order."""
    return next((mode for since, mode in reversed(modes) if since <= at), "normal")


def _read(
    item: Item,
    clock: str,
    begun: pd.Timestamp,
    trail: Sequence[Any],
    mode: str,
    budget: Budget,
    watch: Watch,
    flow: Workflow,
) -> Running:
    still = sum(watch.wall.spent(a, b, budget.unit) for a, b in holds(trail, begun, watch.now, flow))
    return Running(item, clock, mode, *watch.read(begun, budget, still))


def holds(
    trail: Sequence[Any], begun: pd.Timestamp, now: pd.Timestamp, flow: Workflow
) -> Iterator[tuple[pd.Timestamp, pd.Timestamp]]:
    """From when to when an item was on hold since a clock began."""
    since = None
    for row in trail:
        if since is None and row.to_state in flow.pausing:
            since = max(pd.Timestamp(row.at), begun)
        elif since is not None and row.to_state not in flow.pausing:
            if pd.Timestamp(row.at) > begun:
                yield since, pd.Timestamp(row.at)
            since = None
    if since is not None:
        yield since, now


# -- cards ---------------------------------------------------------------------------------------------------------------


def _raise(pen: Pen, flow: Workflow, running: Running, card: Item | None) -> None:
    """One card for one lateness, graver at twice the budget."""
    rule, item = flow.supervision, running.item
    level = rule.graver_level if running.used >= rule.graver_at else rule.level
    reading = {"clock": running.clock, "due_at": running.due_at.isoformat(), "level_of_item": item.level}
    if card is None:
        begun = running.begun_at.tz_convert("UTC").to_pydatetime()
        fresh = replace(
            item,
            kind=CARD,
            subject=_subject(running),
            topic=running.clock,
            lane="",
            level=level,
            state="draft",
            owner="",
            parent=item.item_id,
            first_night=begun,
            last_night=begun,
            changed_at=pen.at,
            reading=reading,
        )
        _tell(pen, pen.publish(fresh, MACHINE, "overdue"))
    elif flow.graver(level, card.level):
        step = flow.step("update", card.state, role=NIGHT, kind=CARD, level=card.level)
        if step is not None:
            _tell(pen, pen.take(card, step, MACHINE, Given(reason="level_changed", changes={"level": level})))


def _tell(pen: Pen, card: Item) -> None:
    body = {"card": card.item_id, "item": card.parent, "clock": card.topic, "level": card.level, "path": card.path}
    pen.tell(message_id(card.item_id, str(card.version)), "overdue", body)


def _satisfied(pen: Pen, flow: Workflow, card: Item) -> None:
    """The step a card asked for was taken, or the matter has ended: the card is verified with that step."""
    step = flow.step("verify", card.state, role=NIGHT, kind=CARD, level=card.level)
    since = sa.and_(TRANSITIONS.c.item_id == card.parent, TRANSITIONS.c.at >= card.first_night)
    asked = sa.select(TRANSITIONS).where(since)
    ends = next((c.ends for c in flow.clocks if c.name == card.topic), ())
    done = [
        r for r in pen.link.execute(asked.order_by(TRANSITIONS.c.seq)) if r.action in ends or r.to_state in flow.final
    ]
    if step is not None and done:
        row = f"{done[0].seq} {done[0].action} {done[0].role}"
        pen.take(card, step, MACHINE, Given(evidence={"transitions": {"n": 1, "rows": [row]}}))
