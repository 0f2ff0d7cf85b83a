"""Ledgers for tests: a small city, its nights written by hand, some items, and the walk of an alert from published to closed."""

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


# -- nights written by hand -------------------------------------------------------------------------------------------

GRIDS = {"G1": "T1", "G2": "T1", "G3": "T1", "G4": "T2", "G5": "T2"}


def a_city(folder) -> Store:
    """Five grids in two townships of one county."""
    store = Store(folder / "city", timezone="Asia/Shanghai")
    rows = [
        {
            "grid_id": g,
            "valid_from": pd.Timestamp("2024-01-01", tz="Asia/Shanghai"),
            "township_id": t,
            "county_id": "C1",
        }
        for g, t in GRIDS.items()
    ]
    store.write("grids", pd.DataFrame(rows))
    return store


def day(n: int) -> pd.Timestamp:
    """The n-th night, from 2025-03-03 on."""
    return NIGHT + pd.Timedelta(days=n)


def alert(grids: str, level: str = "red", **more: object) -> dict:
    """An alert of a night."""
    return {"grid_ids": grids, "level": level, "target": "dispute_28d", **more}


def gap(kind: str, scope: str, severity: float = 90.0, suppressed_by: str | None = None) -> dict:
    """An open gap of a night."""
    return {"kind": kind, "scope": scope, "severity": severity, "suppressed_by": suppressed_by}


def publish(store: Store, n: int, *, alerts=(), gaps=(), unscored=(), run: str = "a", facts=None) -> None:
    """Publish the n-th night."""
    at = day(n)
    a = [
        {
            "alert_id": f"{at:%m%d}{row['grid_ids'].replace(' ', '')}{row['target']}",
            "as_of": at,
            "state": "published",
            "action": "A1",
            "rank": i + 1,
            "model_version": "m1",
            **row,
        }
        for i, row in enumerate(alerts)
    ]
    g = [
        {
            **row,
            "gap_id": f"{at:%m%d}{row['kind']}{row['scope']}",
            "as_of": at,
            "confidence": 0.9,
            "state": "open",
            "evidence": "{}",
            "action": "A1",
        }
        for row in gaps
    ]
    s = [
        {
            "grid_id": grid,
            "as_of": at,
            "target": "dispute_28d",
            "state": "insufficient_data" if grid in unscored else "ok",
            "model_version": "m1",
        }
        for grid in GRIDS
    ]
    columns = {
        "alerts": ["alert_id", "grid_ids", "level", "as_of", "state", "target", "action", "model_version"],
        "gaps": [
            "gap_id",
            "kind",
            "scope",
            "as_of",
            "severity",
            "confidence",
            "state",
            "evidence",
            "action",
            "suppressed_by",
        ],
    }
    tables = {
        "alerts": pd.DataFrame(a, columns=None if a else columns["alerts"]),
        "gaps": pd.DataFrame(g, columns=None if g else columns["gaps"]),
        "scores": pd.DataFrame(s),
    }
    store.publish(at, tables, run=run, facts=facts)


def states(ledger: Ledger, *, kind: str = "alert") -> list[tuple[str, str, int]]:
    """Grids or scope, state and version of the items, in the order in which they were first listed."""
    rows = ledger.items(kind=kind).sort_values(["first_night", "subject"])
    named = rows["grid_ids"] if kind == "alert" else rows["subject"].str.removeprefix("gap|")
    return list(zip(named, rows["state"], rows["version"], strict=True))
