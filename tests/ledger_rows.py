"""Ledgers for tests: a store of one night, some items, and the walk of an alert from published to closed."""

import datetime as dt

import pandas as pd
import sqlalchemy as sa

from riskwarn.ledger import MACHINE, Item, Ledger
from riskwarn.ledger.tables import NIGHTS
from riskwarn.store import Store

NIGHT = pd.Timestamp("2025-03-03", tz="Asia/Shanghai")
NOW = "2025-03-03 09:00"


class AnyLedger(Ledger):
    """A ledger, and the name of its first item."""

    first: str


def an_item(n: int, *, kind: str = "alert", level: str = "red", path: str = "C1/T1", **changes) -> Item:
    """An item not yet published."""
    night = NIGHT.tz_convert("UTC").to_pydatetime()
    values = {
        "item_id": "",
        "kind": kind,
        "subject": f"{kind}|place-{n}",
        "source_id": f"{kind}-{n:04}",
        "topic": "dispute_28d" if kind == "alert" else "G03",
        "lane": "standing" if kind == "alert" else "",
        "path": path,
        "grid_ids": f"G{n:03}",
        "level": level,
        "state": "draft",
        "version": 0,
        "owner": "",
        "parent": "",
        "first_night": night,
        "last_night": night,
        "changed_at": night,
        "reading": {"rank": n + 1},
    }
    return Item(**values | changes)


def a_ledger(folder, url, *, n_alerts=3) -> AnyLedger:
    """A ledger with some red alerts of township T1 and a yellow gap."""
    store = Store(folder / "city", timezone="Asia/Shanghai")
    store.publish(NIGHT, {}, run="a")
    ledger = AnyLedger(store, url=url)
    with ledger.writing(NIGHT + dt.timedelta(hours=7.5)) as pen:
        made = [pen.publish(an_item(n), MACHINE, "listed") for n in range(n_alerts)]
        pen.publish(an_item(90, kind="gap", level="yellow"), MACHINE, "listed")
        night = {"as_of": NIGHT, "run": "a", "entered_at": NIGHT, "n_items": n_alerts + 1, "passed": False}
        pen.link.execute(sa.insert(NIGHTS).values(**night))
    ledger.first = made[0].item_id
    return ledger


def walk(ledger: Ledger, item_id: str) -> None:
    """From published to closed, by four roles."""
    township = ledger.actor("township_centre", area="T1", account="a")
    steps = [
        ("acknowledge", township, {}),
        ("assign", ledger.actor("shift_leader", account="b"), {"area": "T1"}),
        ("start", ledger.actor("grid_head", area="T1", account="c"), {}),
        ("feedback", township, {"outcome": "O3"}),
        ("verify", ledger.actor("county_centre", area="C1", account="d"), {}),
        ("close", township, {}),
    ]
    for n, (action, actor, given) in enumerate(steps):
        ledger.act(item_id, action, actor, at=f"2025-03-03 09:{n:02}", **given)
