"""An item of the ledger, as its transitions tell it."""

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from riskwarn.ledger.workflow import FIRST

TOLD = ("kind", "subject", "topic", "lane", "path", "grid_ids", "level", "owner", "parent", "first_night")
"""What transitions say of an item beside its state; the rest is the night's reading."""
CHANGING = ("state", "version", "path", "grid_ids", "level", "owner", "parent")
"""What a later transition may change of an item."""


@dataclass(frozen=True)
class Item:
    """An alert, a gap or a supervision card.

    Attributes
    ----------
    item_id, kind
        Its name, and ``alert``, ``gap`` or ``supervision``.
    subject
        What lasts from night to night: place and lane of an alert, kind and scope of a gap, item and clock of a card.
    source_id
        `alert_id` or `gap_id` of the last night.
    topic, lane
        Target of an alert, kind of a gap, clock of a card; the lane of an alert.
    path, grid_ids
        Areas it lies in, the largest first, with ``/`` between; its grids, with spaces between.
    level, state, version
        Where it stands, and how many transitions led there.
    owner
        Area or body it was assigned to.
    parent
        Item it was merged into, or that a card is about.
    first_night, last_night, changed_at
        When it was first listed, last listed, and last acted on.
    reading
        What the last night said of it.
    """

    item_id: str
    kind: str
    subject: str
    source_id: str
    topic: str
    lane: str
    path: str
    grid_ids: str
    level: str
    state: str
    version: int
    owner: str
    parent: str
    first_night: dt.datetime
    last_night: dt.datetime
    changed_at: dt.datetime
    reading: Mapping[str, Any]

    @classmethod
    def of(cls, row: Any) -> "Item":
        """The item of a row of table ``items``.

        Parameters
        ----------
        row
            With an attribute for each of the item's.

        Returns
        -------
        item
            As the table has it.
        """
        return cls(**{name: getattr(row, name) for name in cls.__dataclass_fields__})

    @property
    def lead(self) -> str:
        """Its riskiest grid; empty where it concerns none."""
        return self.grid_ids.split(" ")[0]


def item_id_of(subject: str, first_night: dt.datetime) -> str:
    """Name of an item: the same whenever the same subject is first listed on the same night."""
    night = first_night.astimezone(dt.UTC).isoformat(timespec="microseconds")
    return hashlib.sha256(f"{subject}|{night}".encode()).hexdigest()[:16]


def replayed(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What the transitions say of each item: its state, version and all of :data:`TOLD`, times as text."""
    items: dict[str, dict[str, Any]] = {}
    for row in rows:
        item = items.setdefault(row["item_id"], {"state": FIRST, "version": 0, "owner": "", "parent": ""})
        item |= {k: v for k, v in row["detail"].items() if k in TOLD}
        item["state"], item["version"] = row["to_state"], item["version"] + 1
        item["broken"] = item.get("broken", False) or row["n"] != item["version"]
    return items


def told_of(item: Item) -> dict[str, Any]:
    """What a row of table ``items`` says, in the form of :func:`replayed`."""
    said = {name: getattr(item, name) for name in TOLD} | {
        "state": item.state,
        "version": item.version,
        "broken": False,
    }
    return said | {"first_night": said["first_night"].isoformat(timespec="microseconds")}
