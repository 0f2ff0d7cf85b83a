"""What the ledger has of one grid: what is open and by when, and what became of what was listed before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from riskwarn.access import Visitor
from riskwarn.ledger import Item, Ledger, clocks, concerns
from riskwarn.ledger.words import word
from riskwarn.web.desk import about_of

MOST_OPEN, MOST_ENDED = 8, 12
"""Items of each sort that are told of."""
SUPERVISION = "supervision"


@dataclass(frozen=True)
class Matter:
    """An item of the ledger that concerns a grid.

    Attributes
    ----------
    item
        As the ledger has it.
    about
        Its lane, or its kind of gap.
    outcome
        What was found, in words; empty where nothing was reported.
    clock, due_at, late
        The clock that runs out first, when, and whether it has; empty, None and False where none runs.
    """

    item: Item
    about: str
    outcome: str = ""
    clock: str = ""
    due_at: pd.Timestamp | None = None
    late: bool = False


@dataclass(frozen=True)
class Record:
    """What is open in a grid, and what ended, the newest first.

    Attributes
    ----------
    open, ended
        Items.
    """

    open: tuple[Matter, ...]
    ended: tuple[Matter, ...]


def record_of(
    ledger: Ledger | None,
    grid_id: str,
    visitor: Visitor,
    language: str,
    clock: Callable[[], pd.Timestamp],
) -> Record | None:
    """What the ledger has of a grid.

    Parameters
    ----------
    ledger
        None where no night was entered yet.
    grid_id
        The grid.
    visitor
        Who looks; what lies elsewhere is not told of.
    language
        Of the reader.
    clock
        Tells the present instant.

    Returns
    -------
    record
        None where there is no ledger, or the visitor may not read it.
    """
    if ledger is None or not visitor.may("alerts:read"):
        return None
    rows = ledger.items(grid_id=grid_id)
    rows = rows[rows["kind"] != SUPERVISION].sort_values("last_night", ascending=False, kind="stable")
    items = [Item.of(row) for row in rows.itertuples(index=False) if concerns(row.path, row.owner, visitor.area)]
    final = set(ledger.workflow.final)
    running = [item for item in items if item.state not in final][:MOST_OPEN]
    ended = [item for item in items if item.state in final][:MOST_ENDED]
    codes = _codes(ledger, [*running, *ended])
    first = _first_clocks(ledger, running, clock())

    def told(item: Item, **of: Any) -> Matter:
        code = codes.get(item.item_id, "")
        return Matter(item, about_of(item)[language], word("outcome", code)[language] if code else "", **of)

    return Record(
        tuple(told(item, **_with_clock(first.get(item.item_id), language)) for item in running),
        tuple(told(item) for item in ended),
    )


def _first_clocks(ledger: Ledger, items: Sequence[Item], now: pd.Timestamp) -> dict[str, Any]:
    """By item the clock that runs out first."""
    running = clocks(ledger, at=now, item_ids=[item.item_id for item in items]).sort_values("due_at", kind="stable")
    return {row.item_id: row for row in running.drop_duplicates("item_id").itertuples()}


def _with_clock(first: Any, language: str) -> dict[str, Any]:
    if first is None:
        return {}
    return {"clock": word("clock", first.clock)[language], "due_at": first.due_at, "late": first.state == "red"}


def _codes(ledger: Ledger, items: Sequence[Item]) -> dict[str, str]:
    """By item the last outcome that was reported."""
    trail = ledger.trail([item.item_id for item in items])
    outcomes = trail[trail["code"].str.fullmatch(r"O\d+").fillna(value=False).astype(bool)]
    return dict(zip(outcomes["item_id"], outcomes["code"], strict=True))
