"""How the ledger is written: a step is permitted or refused, then taken, and its transition is one more row of the chain."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from riskwarn.errors import ConflictError, ForbiddenError, StepError, did_you_mean
from riskwarn.ledger.actor import Actor, concerns
from riskwarn.ledger.chain import Head, digest_of
from riskwarn.ledger.item import TOLD, Item, item_id_of
from riskwarn.ledger.tables import ITEMS, OUTBOX, OUTCOMES, TRANSITIONS
from riskwarn.ledger.workflow import FIRST, Step, Workflow

_BATCH = 500
_NOTED = ("last_night", "source_id", "reading")


@dataclass(frozen=True)
class Given:
    """What came with an action.

    Attributes
    ----------
    reason, outcome
        Codes.
    area, item
        To whom an item is assigned; with which it is merged.
    changes
        What else changes of an item, by name.
    evidence
        Rows of the store that show why.
    key
        Digest of the key under which the step was sent.
    """

    reason: str = ""
    outcome: str = ""
    area: str = ""
    item: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""


def permitted(flow: Workflow, item: Item, action: str, actor: Actor, given: Given, *, seen: int, last: str) -> Step:
    """The step that an action is, for this item, actor and what came with it.

    Raises
    ------
    ForbiddenError
        The item lies in another area, or only other roles may.
    ConflictError
        The item has another version by now.
    StepError
        The step cannot be taken from here, or wants what was not given.
    """
    if not concerns(item.path, item.owner, actor.area):
        raise ForbiddenError(f"item {item.item_id} lies outside the area {actor.area[:40]!r}.")
    if item.version != seen:
        raise ConflictError(
            f"item {item.item_id} is at version {item.version} by now, you saw {seen}: {last}. Look at it again, then decide."
        )
    step = flow.step(action, item.state, role=actor.role, kind=item.kind, level=item.level)
    if step is None:
        raise _refused(flow, item, action, actor)
    _check_given(step, given)
    return step


def _refused(flow: Workflow, item: Item, action: str, actor: Actor) -> ForbiddenError | StepError:
    roles = flow.roles_for(action, item.state, kind=item.kind, level=item.level)
    what = f"{action} a {item.level} {item.kind} that is {item.state}"
    if roles:
        return ForbiddenError(f"{actor.role} may not {what}; it is for {', '.join(roles)}.")
    able = flow.next_actions(item.state, role=actor.role, kind=item.kind, level=item.level)
    return StepError(f"nobody can {what}; {actor.role} can: {', '.join(able) or 'nothing'}.")


def _check_given(step: Step, given: Given) -> None:
    for what, code, known in (("reason", given.reason, step.reasons), ("outcome", given.outcome, step.outcomes)):
        if known and code not in known:
            said = (
                f"{step.action} takes no such {what}{did_you_mean(code, known)}"
                if code
                else f"{step.action} wants a {what}"
            )
            raise StepError(f"{said}; one of {', '.join(known)}.")
        if code and not known:
            raise StepError(f"{step.action} takes no {what}.")
    for want, value in (("area", given.area), ("item", given.item), ("evidence", given.evidence)):
        if bool(value) != (want in step.wants):
            raise StepError(f"{step.action} {'takes no' if value else 'wants an'} {want}.")


def check_joined(flow: Workflow, item: Item, into: Item, actor: Actor) -> None:
    """An item is merged with another that is open, of its kind, and in the actor's area.

    Raises
    ------
    ForbiddenError
        The other lies in another area.
    StepError
        It is the item itself, of another kind, or has ended.
    """
    if not concerns(into.path, into.owner, actor.area):
        raise ForbiddenError(f"item {into.item_id} lies outside the area {actor.area!r}.")
    if into.item_id == item.item_id or into.kind != item.kind or into.state in flow.final:
        raise StepError(f"{item.kind} {item.item_id} can be merged with another open {item.kind} alone.")


class Pen:
    """Writes within one transaction: items as they change, and their transitions, chained, when it is flushed."""

    def __init__(self, link: sa.Connection, flow: Workflow, head: Head, at: dt.datetime) -> None:
        self.link = link
        self.flow = flow
        self.at = at
        self._head = head
        self._rows: list[dict[str, Any]] = []
        self._notes: dict[str, dict[str, Any]] = {}
        self._new: dict[str, dict[str, Any]] = {}
        self._outcomes: list[dict[str, Any]] = []
        self._messages: list[dict[str, Any]] = []

    def last_of(self, item: Item) -> str:
        """The last transition of an item in words."""
        asked = sa.select(TRANSITIONS).where(TRANSITIONS.c.item_id == item.item_id, TRANSITIONS.c.n == item.version)
        row = self.link.execute(asked).first()
        return "it was changed" if row is None else f"{row.role} did {row.action} at {row.at:%Y-%m-%d %H:%M:%S} UTC"

    def publish(self, item: Item, actor: Actor, reason: str) -> Item:
        """A new item, from draft to published."""
        step = self.flow.step("publish", FIRST, role=actor.role, kind=item.kind, level=item.level)
        if step is None:
            raise StepError(f"the workflow lets nobody publish a {item.level} {item.kind}.")
        made = replace(item, item_id=item_id_of(item.subject, item.first_night), state=step.to, version=1)
        said = {name: getattr(made, name) for name in TOLD}
        detail = said | {"first_night": made.first_night.astimezone(dt.UTC).isoformat(timespec="microseconds")}
        self._record(made, "publish", FIRST, actor, reason, detail)
        self._new[made.item_id] = dict(vars(made))
        return made

    def take(self, item: Item, step: Step, actor: Actor, given: Given) -> Item:
        """`item` after a step that is permitted.

        Raises
        ------
        ConflictError
            It has another version by now.
        """
        if self.at < item.changed_at:
            raise StepError(
                f"item {item.item_id} was last acted on at {item.changed_at:%Y-%m-%d %H:%M:%S} UTC; a step cannot lie before it."
            )
        changes = (
            dict(given.changes)
            | ({"owner": given.area} if given.area else {})
            | ({"parent": given.item} if given.item else _stands_alone(item))
        )
        new = replace(item, **changes, state=step.after(item.state), version=item.version + 1, changed_at=self.at)
        self._update(item, new)
        detail = {k: v for k, v in changes.items() if k in TOLD}
        detail |= {"evidence": dict(given.evidence)} if given.evidence else {}
        detail |= {"outcome": True} if given.outcome else {}
        detail |= {"key": given.key} if given.key else {}
        self._record(new, step.action, item.state, actor, given.reason or given.outcome, detail)
        if given.outcome:
            self._outcomes.append(self._outcome(new, given.outcome))
        return new

    def note(self, item: Item, **reading: Any) -> Item:
        """Keep what a night said of an item, its ``last_night``, ``source_id`` or ``reading``: no step, no version."""
        new = replace(item, **reading)
        if item.item_id in self._new:
            self._new[item.item_id] = dict(vars(new))
        else:
            self._notes[item.item_id] = {"named": item.item_id, **{f"new_{k}": getattr(new, k) for k in _NOTED}}
        return new

    def tell(self, message_id: str, topic: str, body: Mapping[str, Any]) -> None:
        """Put a message into the outbox, with what is written here or not at all."""
        self._messages.append(
            {"message_id": message_id, "topic": topic, "body": dict(body), "made_at": self.at, "attempts": 0}
        )

    def flush(self) -> Head:
        """Write what was gathered; the new head."""
        new = list(self._new.values())
        gathered = ((ITEMS, new), (TRANSITIONS, self._rows), (OUTCOMES, self._outcomes), (OUTBOX, self._messages))
        for table, rows in gathered:
            for start in range(0, len(rows), _BATCH):
                self.link.execute(sa.insert(table), rows[start : start + _BATCH])
            rows.clear()
        self._new.clear()
        if self._notes:
            held = sa.update(ITEMS).where(ITEMS.c.item_id == sa.bindparam("named"))
            noted = held.values(**{k: sa.bindparam(f"new_{k}", type_=ITEMS.c[k].type) for k in _NOTED})
            self.link.execute(noted, list(self._notes.values()))
            self._notes.clear()
        return self._head

    def _update(self, item: Item, new: Item) -> None:
        if item.item_id in self._new:
            self._new[item.item_id] = dict(vars(new))
            return
        changed = {k: v for k, v in vars(new).items() if v != getattr(item, k)}
        held = sa.update(ITEMS).where(ITEMS.c.item_id == item.item_id, ITEMS.c.version == item.version)
        if self.link.execute(held.values(**changed)).rowcount != 1:
            raise ConflictError(f"item {item.item_id} was changed meanwhile. Look at it again, then decide.")

    def _record(self, item: Item, action: str, before: str, actor: Actor, code: str, detail: Mapping[str, Any]) -> None:
        row: dict[str, Any] = {
            "seq": self._head.seq + 1,
            "item_id": item.item_id,
            "n": item.version,
            "action": action,
            "from_state": before,
            "to_state": item.state,
            "at": self.at,
            "role": actor.role,
            "area": actor.area,
            "account": actor.account,
            "code": code,
            "detail": dict(detail),
            "before": self._head.digest,
        }
        row["digest"] = digest_of(row)
        self._rows.append(row)
        self._head = replace(self._head, seq=row["seq"], digest=row["digest"])

    def _outcome(self, item: Item, code: str) -> dict[str, Any]:
        return {
            "item_id": item.item_id,
            "n": item.version,
            "code": code,
            "counts": self.flow.counts(code),
            "at": self.at,
            "propensity": item.reading.get("propensity"),
        }


def _stands_alone(item: Item) -> dict[str, str]:
    """An item that was merged and goes on stands for itself again."""
    return {"parent": ""} if item.parent and item.state == "merged" else {}
