"""The handover of a shift: what came, what was done, what is open and due next; kept with the remarks of whoever hands over.

A note is kept as it was read, and is signed with the store's key. Remarks are text: what looks like a person's data is refused.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import sqlalchemy as sa

from riskwarn.calling import checked
from riskwarn.errors import DataError, NotFoundError
from riskwarn.ledger import database
from riskwarn.ledger.actor import CITY, Actor, concerning, within
from riskwarn.ledger.clocks import CARD, clocks
from riskwarn.ledger.item import CHANGING, replayed
from riskwarn.ledger.ledger import Ledger
from riskwarn.ledger.tables import NOTES
from riskwarn.ledger.workflow import NIGHT
from riskwarn.privacy import remarks_of
from riskwarn.store.key import signature

LONGEST = 1000
"""Letters of remarks."""
_SIGNED = ("note_id", "since", "until", "made_at", "area", "remarks", "role", "account", "language", "body")


@dataclass(frozen=True, eq=False)
class Shift:
    """What happened in an area between two instants.

    Attributes
    ----------
    since, until, area
        Of which.
    came
        Items that were published within it, as they stood at its end.
    done
        Steps of people within it, as the ledger's trail has them.
    open_items
        Items that had not ended at its end.
    due
        Clocks that are overdue at its end or will be within the next `hours`, the most urgent first, with the columns of their items.
    """

    since: pd.Timestamp
    until: pd.Timestamp
    area: str
    came: pd.DataFrame
    done: pd.DataFrame
    open_items: pd.DataFrame
    due: pd.DataFrame


@checked
def shift(ledger: Ledger, since: object, until: object, *, area: str = CITY, hours: float = 12) -> Shift:
    """What happened between two instants, and what is due in the hours that follow.

    Parameters
    ----------
    ledger
        Of the store.
    since, until
        Instants; what happened at `since` counts, what happened at `until` does not.
    area
        Only what lies in it or was assigned to it.
    hours
        How long the next shift is.

    Returns
    -------
    shift
        Of people's steps and the night's items.

    Raises
    ------
    DataError
        It ends before it begins.
    """
    begun, ended = ledger.store.instant(since), ledger.store.instant(until)
    if ended <= begun:
        raise DataError(f"a shift ends after it begins, got {begun} to {ended}.")
    trail = ledger.trail()
    trail = trail[trail["at"] < ended]
    items = concerning(_as_they_stood(ledger.items(), trail), area).reset_index(drop=True)
    within_it = trail[(trail["at"] >= begun) & trail["item_id"].isin(items["item_id"])]
    published = within_it.loc[(within_it["action"] == "publish") & (within_it["from_state"] == "draft"), "item_id"]
    ends = ledger.workflow.final
    open_items = items[~items["state"].isin(ends)]
    return Shift(
        begun,
        ended,
        area,
        items[items["item_id"].isin(published)],
        within_it[within_it["role"] != NIGHT],
        open_items,
        _due(ledger, open_items, ended, hours),
    )


def _as_they_stood(items: pd.DataFrame, trail: pd.DataFrame) -> pd.DataFrame:
    """Items as a trail tells them; those it does not name are left out."""
    told = replayed(trail.to_dict("records"))
    there = items[items["item_id"].isin(list(told)).to_numpy(dtype=bool)]
    return there.assign(**{name: [told[item_id][name] for item_id in there["item_id"]] for name in CHANGING})


def _due(ledger: Ledger, items: pd.DataFrame, at: pd.Timestamp, hours: float) -> pd.DataFrame:
    running = clocks(ledger, at=at, as_stood=True).rename(columns={"state": "light"})
    soon = running[running["due_at"] < at + pd.Timedelta(hours=hours)]
    told = soon[["item_id", "clock", "begun_at", "due_at", "used", "light"]].merge(
        items[items["kind"] != CARD], on="item_id"
    )
    rank = {level: n for n, level in enumerate(ledger.workflow.levels)}
    order = told.assign(_rank=told["level"].map(rank)).sort_values(["due_at", "_rank", "item_id"])
    return order.drop_duplicates("item_id").drop(columns="_rank").reset_index(drop=True)


@dataclass(frozen=True)
class Note:
    """A handover that was kept.

    Attributes
    ----------
    note_id
        Its name.
    since, until, made_at
        Of which shift, and when it was kept.
    area, role, account
        Who kept it: the area and role, and a digest of the account.
    remarks
        What whoever handed over wrote.
    language
        Of the body.
    body
        Heading and lines of each part, as they were read.
    sound
        Whether it is as it was kept.
    """

    note_id: str
    since: pd.Timestamp
    until: pd.Timestamp
    made_at: pd.Timestamp
    area: str
    role: str
    account: str
    remarks: str
    language: str
    body: Sequence[Mapping[str, Any]]
    sound: bool


@checked
def keep_note(
    ledger: Ledger, made: Shift, actor: Actor, *, remarks: str, language: str, body: Sequence[Mapping[str, Any]]
) -> str:
    """Keep a handover. The same one kept again is one.

    Parameters
    ----------
    ledger
        Of the store.
    made
        The shift.
    actor
        Who hands over.
    remarks
        In a few words, without a person in them.
    language
        Of the body.
    body
        Heading and lines of each part.

    Returns
    -------
    note_id
        Its name.

    Raises
    ------
    DataError
        The remarks are longer than :data:`LONGEST`.
    PrivacyError
        The remarks hold what looks like a person's data; they are not kept.
    """
    text = remarks_of(remarks, "the remarks", most=LONGEST)
    named = f"{made.since.isoformat()}|{made.until.isoformat()}|{made.area}|{actor.account}|{text}"
    row: dict[str, Any] = {
        "note_id": hashlib.sha256(named.encode()).hexdigest()[:16],
        "since": made.since.to_pydatetime(),
        "until": made.until.to_pydatetime(),
        "made_at": pd.Timestamp.now(tz="UTC").floor("us").to_pydatetime(),
        "area": made.area,
        "remarks": text,
        "role": actor.role,
        "account": actor.account,
        "language": language,
        "body": [dict(part) for part in body],
    }
    with database.linked(ledger.engine, writes=True) as link:
        if link.execute(sa.select(NOTES.c.note_id).where(NOTES.c.note_id == row["note_id"])).first() is None:
            link.execute(sa.insert(NOTES).values(**row, signature=_signature(ledger, row)))
    return str(row["note_id"])


def _signature(ledger: Ledger, row: Mapping[str, Any]) -> str:
    plain = {k: pd.Timestamp(v).tz_convert("UTC").isoformat() if hasattr(v, "isoformat") else v for k, v in row.items()}
    told = json.dumps({k: plain[k] for k in _SIGNED}, sort_keys=True, ensure_ascii=False)
    return signature(ledger.store.path, f"note|{told}".encode())


@checked
def notes(ledger: Ledger, *, area: str = CITY, limit: int = 20, note_id: str = "") -> list[Note]:
    """Handovers that were kept, the latest first.

    Parameters
    ----------
    ledger
        Of the store.
    area
        Only those of an area within it.
    limit
        At most so many.
    note_id
        Only this one.

    Returns
    -------
    notes
        Each says whether it is as it was kept.

    Raises
    ------
    NotFoundError
        There is no such one in the area.
    """
    asked = sa.select(NOTES).order_by(NOTES.c.until.desc(), NOTES.c.made_at.desc())
    asked = asked.where(NOTES.c.note_id == note_id) if note_id else asked
    with database.linked(ledger.engine) as link:
        rows = [row._asdict() for row in link.execute(asked)]
    seen = [row for row in rows if area == CITY or (row["area"] != CITY and within(row["area"], area))][:limit]
    if note_id and not seen:
        raise NotFoundError(f"no handover {note_id[:16]!r} was kept.")
    zone = ledger.store.timezone
    return [_note(row, zone, sound=row["signature"] == _signature(ledger, row)) for row in seen]


def _note(row: Mapping[str, Any], zone: str, *, sound: bool) -> Note:
    times = {name: pd.Timestamp(row[name]).tz_convert(zone) for name in ("since", "until", "made_at")}
    rest = {name: row[name] for name in ("note_id", "area", "role", "account", "remarks", "language", "body")}
    return Note(**times, **rest, sound=sound)
