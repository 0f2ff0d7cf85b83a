"""What is to be told to whom. A message is handed over from the ledger's outbox once, for each webhook that wants it, and stays until it
was taken or given up; whoever is killed meanwhile loses none of it, and a receiver knows a message it gets again by its id.

::

    outbox ─ hand_over ─ waiting ─ claim ─┬ taken
                            └──── later ──┴ given up    after give_up_hours, or where the receiver is gone (410)
"""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
import sqlalchemy as sa

from riskwarn.calling import checked
from riskwarn.ledger import Ledger, database, within
from riskwarn.ledger.tables import DELIVERIES, OUTBOX
from riskwarn.store import Store
from riskwarn.webhooks.declaration import Webhook, Webhooks
from riskwarn.webhooks.payload import TYPES, body_of, night_rolled, of_night, of_overdue

Clock = Callable[[], dt.datetime]
FIRST_SECONDS, MOST_SECONDS = 30.0, 3600.0
"""How long is waited after the first try in vain, and at most; it doubles between."""
_HELD = "night"
"""The topic that a stop keeps."""
KEPT_DAYS = 90
"""How long it is known that a message was taken or given up; longer than any webhook tries."""
_LEASE = dt.timedelta(seconds=150)
"""After which a message is sent again whose sender was killed; longer than any sending takes."""
_BATCH = 500
_WAITS = sa.and_(DELIVERIES.c.taken_at.is_(None), DELIVERIES.c.given_up_at.is_(None))


@dataclass(frozen=True)
class Claimed:
    """A message that this process sends."""

    delivery_id: str
    body: str
    made_at: dt.datetime
    attempts: int
    topic: str = ""


@dataclass(frozen=True)
class Standing:
    """How it stands with a webhook.

    Attributes
    ----------
    name
        Of the webhook.
    waiting, given_up
        Messages that are still to be taken, and those that never will be.
    taken_at
        When one was last taken.
    oldest_at
        When the oldest that waits was made.
    fault
        Why the last one was not taken; empty where it was.
    """

    name: str
    waiting: int = 0
    given_up: int = 0
    taken_at: dt.datetime | None = None
    oldest_at: dt.datetime | None = None
    fault: str = ""


@checked
def has_ledger(store: Store) -> bool:
    """Whether a store has a ledger; asking makes none.

    Parameters
    ----------
    store
        The city.

    Returns
    -------
    there
        False while no night was entered.
    """
    engine = database.open_engine(store.path, None)
    try:
        return database.exists(engine)
    finally:
        engine.dispose()


def hand_over(ledger: Ledger, declared: Webhooks, now: dt.datetime) -> int:
    """Take what the outbox holds for each webhook that wants it, in one transaction; how many deliveries that made.

    What was made longer ago than a webhook tries is not told to it: who is declared today is not told of last year.
    """
    messages = ledger.outbox()
    if not declared.webhooks or messages.empty:
        return 0
    made = [row for message in messages.to_dict("records") for row in _rows(ledger, declared, message, now)]
    ids = messages["message_id"].tolist()
    with database.linked(ledger.engine, writes=True) as link:
        still = sa.select(OUTBOX.c.message_id).where(OUTBOX.c.delivered_at.is_(None))
        locked = still.order_by(OUTBOX.c.message_id).with_for_update()
        open_ids = {
            row.message_id for row in link.execute(locked)
        }  # another sender may have been faster, or be about to
        rows = [{k: v for k, v in row.items() if k != "message_id"} for row in made if row["message_id"] in open_ids]
        for start in range(0, len(rows), _BATCH):
            link.execute(sa.insert(DELIVERIES), rows[start : start + _BATCH])
        for start in range(0, len(ids), _BATCH):
            done = sa.update(OUTBOX).where(
                OUTBOX.c.message_id.in_(ids[start : start + _BATCH]), OUTBOX.c.delivered_at.is_(None)
            )
            link.execute(done.values(delivered_at=now))
        link.execute(sa.delete(DELIVERIES).where(_forgotten(ledger.store, now - dt.timedelta(days=KEPT_DAYS))))
    return len(rows)


def _forgotten(store: Store, before: dt.datetime) -> sa.ColumnElement[bool]:
    """What was taken or given up long ago, or was made so long ago that nobody is declared any more who would take it; not what a stop keeps."""
    ended = sa.or_(DELIVERIES.c.taken_at < before, DELIVERIES.c.given_up_at < before)
    waits = sa.and_(_WAITS, DELIVERIES.c.made_at < before)
    if store.stopped is not None or _told_from(store, before) > before:
        waits = sa.and_(waits, DELIVERIES.c.topic != _HELD)
    return sa.or_(ended, waits)


def _told_from(store: Store, made_at: dt.datetime) -> dt.datetime:
    """From when on a night could be told: when its message was made, or when scores were let go on after that."""
    released = [dt.datetime.fromisoformat(stop.since) for stop in store.stops() if not stop.stopped]
    return max([made_at, *released])


def _rows(ledger: Ledger, declared: Webhooks, message: dict[str, Any], now: dt.datetime) -> Iterator[dict[str, Any]]:
    topic, told, made_at = message["topic"], message["body"], message["made_at"]
    wanting = [
        w for w in declared.webhooks if topic in w.events and now - made_at <= dt.timedelta(hours=w.give_up_hours)
    ]
    if topic == "overdue":
        wanting = [w for w in wanting if within(told["path"], w.area)]
    rolled = night_rolled(ledger.store, told) if topic == "night" and wanting else None
    for webhook in wanting:
        said = of_night(told, rolled, webhook, declared.link) if topic == "night" else of_overdue(told, declared.link)
        yield {
            "message_id": message["message_id"],
            "delivery_id": f"msg_{_digest(message['message_id'], webhook.name)}",
            "webhook": webhook.name,
            "topic": topic,
            "body": body_of(TYPES[topic], made_at, said),
            "made_at": made_at,
            "attempts": 0,
            "next_at": now,
            "fault": "",
        }


def _digest(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]


def claim(ledger: Ledger, webhook: Webhook, now: dt.datetime) -> Claimed | None:
    """The oldest message that is due, which no other process sends for a while; None where none is. A stop keeps those of nights."""
    due = sa.select(DELIVERIES).where(_WAITS, DELIVERIES.c.webhook == webhook.name, DELIVERIES.c.next_at <= now)
    if ledger.store.stopped is not None:
        due = due.where(DELIVERIES.c.topic != _HELD)
    due = due.order_by(DELIVERIES.c.made_at, DELIVERIES.c.delivery_id).limit(1).with_for_update(skip_locked=True)
    with database.linked(ledger.engine, writes=True) as link:
        row = link.execute(due).first()
        if row is None:
            return None
        held = sa.update(DELIVERIES).where(DELIVERIES.c.delivery_id == row.delivery_id)
        link.execute(held.values(attempts=row.attempts + 1, next_at=now + _LEASE))
    return Claimed(row.delivery_id, row.body, row.made_at, row.attempts + 1, row.topic)


def note_taken(ledger: Ledger, claimed: Claimed, now: dt.datetime) -> None:
    """Keep that a message was taken."""
    _note(ledger, claimed, taken_at=now, fault="")


def note_fault(
    ledger: Ledger, webhook: Webhook, claimed: Claimed, fault: str, now: dt.datetime, *, wait: int, gone: bool
) -> bool:
    """Keep that a message was not taken; whether it is given up.

    Parameters
    ----------
    ledger, webhook, claimed
        What was sent.
    fault, now
        Why not, and when.
    wait
        Seconds that the receiver asked for.
    gone
        Whether it said that it is there no more.

    Returns
    -------
    given_up
        Whether its time is over; else it is sent again, later each time.
    """
    begun = _told_from(ledger.store, claimed.made_at) if claimed.topic == _HELD else claimed.made_at
    if gone or now - begun >= dt.timedelta(hours=webhook.give_up_hours):
        _note(ledger, claimed, given_up_at=now, fault=fault)
        return True
    _note(ledger, claimed, next_at=now + dt.timedelta(seconds=pause(claimed, wait)), fault=fault)
    return False


def pause(claimed: Claimed, wait: int = 0) -> float:
    """Seconds until a message is sent again: twice as long each time, a tenth more or less so that not all come at once, an hour at most.

    Examples
    --------
    >>> at = dt.datetime(2025, 3, 3, tzinfo=dt.UTC)
    >>> [round(pause(Claimed("msg_1", "", at, n))) for n in (1, 2, 3, 4, 20)], pause(Claimed("msg_1", "", at, 1), 600)
    ([29, 65, 130, 259, 3600], 600.0)
    """
    shift = int(_digest(claimed.delivery_id, str(claimed.attempts))[:4], 16) / 0xFFFF
    doubled = FIRST_SECONDS * 2.0 ** min(claimed.attempts - 1, 20) * (0.9 + 0.2 * shift)
    return min(max(doubled, float(wait)), MOST_SECONDS)


def _note(ledger: Ledger, claimed: Claimed, **values: Any) -> None:
    with database.linked(ledger.engine, writes=True) as link:
        link.execute(sa.update(DELIVERIES).where(DELIVERIES.c.delivery_id == claimed.delivery_id).values(**values))


@checked
def again(ledger: Ledger, name: str, *, now: pd.Timestamp | None = None) -> int:
    """Send once more what a webhook was given up on, from its beginning.

    Parameters
    ----------
    ledger
        Of the store.
    name
        Of the webhook.
    now
        From when on it is tried again; the machine's clock by default.

    Returns
    -------
    n
        How many messages wait anew. They keep their ids.
    """
    at = (pd.Timestamp.now("UTC") if now is None else now).to_pydatetime()
    dead = sa.and_(DELIVERIES.c.webhook == name, DELIVERIES.c.given_up_at.is_not(None))
    with database.linked(ledger.engine, writes=True) as link:
        done = link.execute(
            sa.update(DELIVERIES).where(dead).values(given_up_at=None, made_at=at, next_at=at, attempts=0)
        )
    return int(done.rowcount)


@checked
def standings(ledger: Ledger, names: Iterable[str]) -> list[Standing]:
    """How it stands with webhooks.

    Parameters
    ----------
    ledger
        Of the store.
    names
        Of those declared; others for which messages wait come behind.

    Returns
    -------
    standings
        In the order of the names.
    """
    columns = [DELIVERIES.c[name] for name in ("webhook", "made_at", "attempts", "taken_at", "given_up_at", "fault")]
    with database.linked(ledger.engine) as link:
        rows = pd.DataFrame(
            [row._asdict() for row in link.execute(sa.select(*columns))], columns=[c.name for c in columns]
        )
    of_each = dict(list(rows.groupby("webhook")))
    left = sorted(name for name, its in of_each.items() if its["taken_at"].isna().any() and name not in {*names})
    return [_standing(name, of_each.get(name, rows.head(0))) for name in [*names, *left]]


def _standing(name: str, rows: pd.DataFrame) -> Standing:
    taken, given_up = rows["taken_at"].dropna(), rows[rows["given_up_at"].notna()]
    waits = rows[rows["taken_at"].isna() & rows["given_up_at"].isna()]
    last = rows[rows["attempts"] > 0].sort_values("made_at", kind="stable")["fault"]
    return Standing(
        name,
        len(waits),
        len(given_up),
        max(taken, default=None),
        min(waits["made_at"], default=None),
        str(last.iloc[-1]) if len(last) else "",
    )
