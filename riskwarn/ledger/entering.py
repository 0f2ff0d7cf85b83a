"""How a published night enters the ledger: once, whole, in one transaction.

The published run in the store is the fact. The ledger reads what it has not entered yet, so that a job that was killed between the
two loses nothing, and enters each run once, so that a second try doubles nothing.

::

    listed tonight   no item yet: publish · open: new reading · ended of late: cool-down, then reopen · higher level: escalate
    not listed       gap: verify by evidence · place without a score: suppress · blue and untouched for a week: expire
    two of a place   the one nobody has acted on is merged into the other
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import pandas as pd
import sqlalchemy as sa

from riskwarn.calling import checked
from riskwarn.ledger import database
from riskwarn.ledger.actor import MACHINE
from riskwarn.ledger.item import Item
from riskwarn.ledger.ledger import Ledger
from riskwarn.ledger.listing import Areas, Listing, areas_of, listings
from riskwarn.ledger.pen import Given, Pen
from riskwarn.ledger.proof import Proof, grids_in
from riskwarn.ledger.tables import ITEMS, NIGHTS
from riskwarn.ledger.workflow import NIGHT, Workflow
from riskwarn.store.nights import PublishedNight


@dataclass(frozen=True)
class Entered:
    """What a night did in the ledger.

    Attributes
    ----------
    as_of, run
        The night.
    counts
        Steps by action, and ``new_reading``, ``cooling_down`` and ``joined`` (read into the item it was merged with) for lines that made no step.
    """

    as_of: pd.Timestamp
    run: str
    counts: Mapping[str, int]


@checked
def enter(ledger: Ledger, *, at: object = None) -> list[Entered]:
    """Enter the nights that were published and not entered yet, oldest first. Safe to run twice, and at any time.

    A new ledger begins with the newest night. A run that came later for an older night than the last one entered is noted and changes
    nothing: what people did since holds.

    Parameters
    ----------
    ledger
        Of the store.
    at
        When; now by default.

    Returns
    -------
    entered
        One for each night, empty where there was nothing to do.

    Raises
    ------
    BusyError
        Another job writes the ledger.
    TamperedError
        The ledger is not the one last written.
    """
    entered = []
    for night in _waiting(ledger):
        done = _enter(ledger, night, at)
        entered += [] if done is None else [done]
    return entered


def _waiting(ledger: Ledger) -> list[PublishedNight]:
    """Published runs that hold and are not entered."""
    with database.linked(ledger.engine) as link:
        known = {(pd.Timestamp(r.as_of), r.run) for r in link.execute(sa.select(NIGHTS))}
    nights = [ledger.store.night(as_of) for as_of in ledger.store.nights()]
    return [n for n in nights if (n.as_of.tz_convert("UTC"), n.run) not in known]


def _enter(ledger: Ledger, night: PublishedNight, at: object) -> Entered | None:
    areas = areas_of(ledger.store, night.as_of)
    listed = listings(night, areas, ledger.workflow)
    unscored = _unscored(night)
    newest = ledger.store.nights()[-1]
    with ledger.writing(at) as pen:
        known = [(pd.Timestamp(r.as_of), r.run) for r in pen.link.execute(sa.select(NIGHTS))]
        if (night.as_of.tz_convert("UTC"), night.run) in known:
            return None  # another job was faster
        last = max((as_of for as_of, _ in known), default=newest)
        counts: Counter[str] = Counter()
        if night.as_of >= last:
            entry = _Entry(ledger, pen, night.as_of, listed, unscored, areas)
            entry.run()
            counts = entry.counts
        _note_night(pen, night, counts, passed=night.as_of < last)
    return Entered(night.as_of, night.run, dict(counts))


def _note_night(pen: Pen, night: PublishedNight, counts: Mapping[str, int], *, passed: bool) -> None:
    row = {"as_of": night.as_of, "run": night.run, "entered_at": pen.at, "n_items": counts.get("publish", 0)}
    pen.link.execute(sa.insert(NIGHTS).values(**row, passed=passed))
    if not passed:
        body = {"as_of": night.as_of.isoformat(), "run": night.run, "counts": dict(counts)}
        pen.tell(message_id("night", night.as_of.isoformat(), night.run), "night", body)


def message_id(*parts: str) -> str:
    """Name of a message of the outbox: the same for the same parts."""
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]


def _unscored(night: PublishedNight) -> frozenset[tuple[str, str]]:
    """Grid and target of the scores that could not be computed."""
    if "scores" not in night.tables:
        return frozenset()
    scores = night.table("scores", columns=["grid_id", "target", "state"])
    lost = scores[scores["state"] == "insufficient_data"]
    return frozenset(zip(lost["grid_id"].astype("str"), lost["target"].astype("str"), strict=True))


@dataclass
class _Entry:
    """One night on its way in."""

    ledger: Ledger
    pen: Pen
    as_of: pd.Timestamp
    listed: list[Listing]
    unscored: frozenset[tuple[str, str]]
    areas: Areas
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def flow(self) -> Workflow:
        return self.ledger.workflow

    @cached_property
    def items(self) -> dict[str, Item]:
        """By subject the newest item of the night's own kinds."""
        asked = sa.select(ITEMS).where(ITEMS.c.kind.in_(["alert", "gap"])).order_by(ITEMS.c.first_night)
        return {row.subject: Item.of(row) for row in self.pen.link.execute(asked)}

    @cached_property
    def proof(self) -> Proof:
        opened = [i.first_night for i in self.items.values() if i.kind == "gap" and i.state not in self.flow.final]
        since = pd.Timestamp(min(opened)) if opened else self.as_of
        return Proof(self.ledger.store, since, self.as_of, grids_in(self.areas.of_grid))

    def run(self) -> None:
        """Everything the night says."""
        tonight = {line.subject for line in self.listed}
        before = list(self.items.values())
        for line in self._gathered(tonight):
            self._line(line, tonight)
        for item in before:
            if item.subject not in tonight and item.state not in self.flow.final:
                self._unlisted(item)

    # -- listed -------------------------------------------------------------------------------------------------------

    def _line(self, line: Listing, tonight: set[str]) -> None:
        item = self._followed(self.items.get(line.subject))
        if line.suppressed:
            if item is not None:
                self._take(item, "suppress", Given(reason="feed_outage"))
        elif item is None:
            self._merge(self._publish(line), tonight)
        elif item.state in self.flow.final:
            self._ended(item, line)
        else:
            self._reading(item, line)

    def _gathered(self, tonight: set[str]) -> list[Listing]:
        """One line for each item: of several that people merged into one that is listed itself, its own, at the gravest of their levels."""
        own = {line.subject: line for line in self.listed}
        for line in self.listed:
            item = self._followed(self.items.get(line.subject))
            if item is not None and item.subject != line.subject and item.subject in tonight:
                del own[line.subject]
                kept = own[item.subject]
                own[item.subject] = replace(kept, level=min(kept.level, line.level, key=self.flow.levels.index))
                self.counts["joined"] += 1
        return list(own.values())

    def _followed(self, item: Item | None) -> Item | None:
        """The item that stands for one that was merged; none where that has ended too."""
        while item is not None and item.state == "merged":
            into = next((i for i in self.items.values() if i.item_id == item.parent), None)
            item = into if into is not None and (into.state == "merged" or into.state not in self.flow.final) else None
        return item

    def _publish(self, line: Listing) -> Item:
        said = {k: v for k, v in vars(line).items() if k != "suppressed"}
        night = self.as_of.tz_convert("UTC").to_pydatetime()
        times = {"first_night": night, "last_night": night, "changed_at": self.pen.at}
        fresh = Item(**said, **times, item_id="", state="draft", version=0, owner="", parent="")
        return self._keep(self.pen.publish(fresh, MACHINE, "listed"), "publish")

    def _ended(self, item: Item, line: Listing) -> None:
        """A matter that had ended is listed again: too soon, of late, or a new one."""
        days = (self.pen.at - item.changed_at).total_seconds() / 86_400
        graver = self.flow.graver(line.level, item.level)
        if days < self.flow.nights.cool_down_days.get(line.level, 0) and not graver:
            self.counts["cooling_down"] += 1
        elif days <= self.flow.nights.reopen_days or item.first_night >= self.as_of:
            changes = {"level": line.level, "grid_ids": line.grid_ids}
            self._noted(self._take(item, "reopen", Given(reason="listed_again", changes=changes)), line)
        else:
            self._publish(line)

    def _reading(self, item: Item, line: Listing) -> None:
        """An open item has a new reading: a step only where level or grids changed, or data are back."""
        if item.state in self.flow.pausing:
            item = self._take(item, "publish", Given(reason="data_back"))
        if self._may(item, "reopen"):
            item = self._take(item, "reopen", Given(reason="listed_again"))
        if line.level != item.level:
            item = self._level(item, line.level)
        if line.grid_ids != item.grid_ids:
            item = self._take(item, "update", Given(reason="grids_changed", changes={"grid_ids": line.grid_ids}))
        self._noted(item, line)

    def _level(self, item: Item, level: str) -> Item:
        """A graver level passes an alert up; the level of a gap, which wavers with its severity, only rises."""
        graver, changes = self.flow.graver(level, item.level), {"level": level}
        if item.kind == "gap" and not graver:
            return item
        if item.kind == "alert" and graver and self._may(item, "escalate"):
            return self._take(item, "escalate", Given(reason="level_up", changes=changes))
        return self._take(item, "update", Given(reason="level_changed", changes=changes))

    def _noted(self, item: Item, line: Listing) -> None:
        night = self.as_of.tz_convert("UTC").to_pydatetime()
        self._keep(
            self.pen.note(item, last_night=night, source_id=line.source_id, reading=dict(line.reading)), "new_reading"
        )

    # -- not listed ---------------------------------------------------------------------------------------------------

    def _unlisted(self, item: Item) -> None:
        item = self.items[item.subject]
        if item.state in self.flow.final or item.last_night >= self.as_of:
            return
        if item.kind == "gap":
            if self._may(item, "verify") and (rows := self.proof.of(item, self.flow)):
                self._take(item, "verify", Given(evidence=rows))
        elif (item.lead, item.topic) in self.unscored:
            self._take(item, "suppress", Given(reason="feed_outage"))
        elif item.state in self.flow.pausing:
            self._take(item, "publish", Given(reason="data_back"))
        elif (self.as_of - item.last_night).days >= self.flow.nights.expire_days:
            self._take(item, "expire", Given(reason="unchanged"))

    # -- two of a place -----------------------------------------------------------------------------------------------

    def _merge(self, new: Item, tonight: set[str]) -> None:
        """One place, one item: where another leads there and is not listed tonight, the one nobody has acted on ends."""
        open_alerts = (
            [i for i in self.items.values() if i.kind == "alert" and i.subject not in tonight]
            if new.kind == "alert"
            else []
        )
        for old in [item for item in open_alerts if self._is_same_place(item, new)]:
            if self._may(old, "merge"):
                self._take(old, "merge", Given(reason="same_place", item=new.item_id))
            elif self.items[new.subject].state not in self.flow.final:
                self._take(new, "merge", Given(reason="same_place", item=old.item_id))
                self._keep(self.pen.note(old, last_night=new.last_night), "new_reading")

    def _is_same_place(self, old: Item, new: Item) -> bool:
        if (old.topic, old.lane) != (new.topic, new.lane) or old.state in self.flow.final:
            return False
        return new.lead in old.grid_ids.split() or old.lead in new.grid_ids.split()

    # -- steps --------------------------------------------------------------------------------------------------------

    def _may(self, item: Item, action: str) -> bool:
        return self.flow.step(action, item.state, role=NIGHT, kind=item.kind, level=item.level) is not None

    def _take(self, item: Item, action: str, given: Given) -> Item:
        """The item after a step of the night; as it was where the workflow lets the night not take it."""
        step = self.flow.step(action, item.state, role=NIGHT, kind=item.kind, level=item.level)
        return item if step is None else self._keep(self.pen.take(item, step, MACHINE, given), action)

    def _keep(self, item: Item, counted: str) -> Item:
        self.counts[counted] += 1
        self.items[item.subject] = item
        return item
