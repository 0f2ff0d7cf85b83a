"""What a message says: that a night holds, or that something is late. Codes, levels and links; no person, no text, no count of 1 to 4."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from riskwarn.access import roll_up
from riskwarn.errors import RiskwarnError
from riskwarn.ledger import within
from riskwarn.store import Store
from riskwarn.webhooks.declaration import Webhook

TYPES = {"night": "night.published", "overdue": "item.overdue"}
"""By topic of the outbox, the type that a message says."""
PING = "ping"
_LEVELS = ("red", "orange", "yellow", "blue")
_PARENTS = ("county_id", "township_id", "community_id")
Rolled = Mapping[str, pd.DataFrame]


def body_of(kind: str, made_at: pd.Timestamp, said: Mapping[str, Any]) -> str:
    """A message as it is sent: what a receiver gets again it gets in the same bytes.

    Examples
    --------
    >>> body_of("ping", pd.Timestamp("2025-03-03 06:00", tz="UTC"), {})
    '{"type":"ping","timestamp":"2025-03-03T06:00:00+00:00","data":{}}'
    """
    told = {"type": kind, "timestamp": made_at.isoformat(), "data": dict(said)}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def night_rolled(store: Store, message: Mapping[str, Any]) -> Rolled | None:
    """The alerts of a run by level, added up by area without small counts; None where the run is gone or cannot be read."""
    try:
        night = store.night(message["as_of"], message["run"])
        alerts = night.table("alerts")
        grids = store.grids(night.as_of)
    except RiskwarnError:
        return None
    places = grids[["grid_id", *(c for c in _PARENTS if c in grids)]]
    lead = alerts["grid_ids"].astype("str").str.split(" ").str[0]
    return {
        level: roll_up(
            places.assign(n=places["grid_id"].map(lead[alerts["level"] == level].value_counts()).fillna(0)), "n"
        )
        for level in _LEVELS
    }


def of_night(message: Mapping[str, Any], rolled: Rolled | None, webhook: Webhook, link: str) -> dict[str, Any]:
    """What a webhook is told of a night.

    Parameters
    ----------
    message
        Of the outbox: `as_of` and `run`.
    rolled
        As :func:`night_rolled` gives it.
    webhook
        Whose area is spoken of.
    link
        Address of the pages; empty for none.

    Returns
    -------
    said
        `as_of`, `run`, `area`, `alerts` by level, null where the count is small or not known, and `link`.
    """
    day = str(message["as_of"])[:10]
    alerts = {level: None if rolled is None else _count_in(rolled[level], webhook.area) for level in _LEVELS}
    said = {"as_of": message["as_of"], "run": message["run"], "area": webhook.area, "alerts": alerts}
    return said | ({"link": f"{link.rstrip('/')}/?as_of={day}"} if link else {})


def _count_in(rolled: pd.DataFrame, area: str) -> int | None:
    """The count of an area, of the largest that lie within it; None where one of them is hidden, or there is none."""
    for _, level in rolled.groupby("level", sort=False):
        inside = level[[code == area or within(str(code), area) for code in level["code"]]]
        if len(inside):
            return None if inside["n"].isna().any() else int(inside["n"].sum())
    return None


def of_overdue(message: Mapping[str, Any], link: str) -> dict[str, Any]:
    """What a webhook is told of something late.

    Parameters
    ----------
    message
        Of the outbox: `item` and `path`.
    link
        Address of the pages; empty for none.

    Returns
    -------
    said
        `item_id`, `areas`, the largest first, and `link`.
    """
    said = {"item_id": message["item"], "areas": [code for code in str(message["path"]).split("/") if code]}
    return said | ({"link": f"{link.rstrip('/')}/desk/{message['item']}"} if link else {})
