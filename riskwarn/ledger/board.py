"""The supervision board (督办): what is overdue or soon will be, with whom it lies, what the next step is, and the cards it raised.

The board tells; it acts on nobody.
"""

from dataclasses import fields

import pandas as pd

from riskwarn.calling import checked
from riskwarn.ledger.actor import CITY, concerning
from riskwarn.ledger.clocks import CARD, clocks
from riskwarn.ledger.item import Item
from riskwarn.ledger.ledger import Ledger
from riskwarn.ledger.workflow import NIGHT, Workflow

_CLOCK = ("item_id", "clock", "mode", "begun_at", "due_at", "used", "light")
COLUMNS = (
    *_CLOCK,
    *(f.name for f in fields(Item) if f.name != "item_id"),
    "body",
    "step",
    "roles",
    "card_id",
    "card_level",
)


@checked
def body_of(path: str, owner: str = "") -> str:
    """The organisation an item lies with: whoever it was assigned to, else the township it lies in, else the county.

    Parameters
    ----------
    path
        Areas it lies in, the largest first, with ``/`` between.
    owner
        Area or body it was assigned to; empty for none.

    Returns
    -------
    body
        A code; empty for what is of the whole city and was assigned to nobody.

    Examples
    --------
    >>> body_of("C1/T1/V1/G1"), body_of("C1/T1/G1", "housing"), body_of("C1"), body_of("")
    ('T1', 'housing', 'C1', '')
    """
    return owner or next(iter(path.split("/")[1:2]), path)


@checked
def next_step(flow: Workflow, state: str, *, kind: str, level: str) -> tuple[str, tuple[str, ...]]:
    """The step that leads an item on, and the roles that may take it.

    What wants a reason leads aside (return, dismiss, pass up), and is not the next step.

    Parameters
    ----------
    flow
        The state machine.
    state, kind, level
        Of the item.

    Returns
    -------
    action, roles
        Empty where only the night leads on.

    Examples
    --------
    >>> from riskwarn.ledger import workflow
    >>> next_step(workflow(), "in_progress", kind="alert", level="red")
    ('feedback', ('grid_head', 'township_centre', 'department_liaison'))
    """
    onward = (
        step
        for step in flow.steps
        if state in step.when and step.is_for(kind, level) and not step.reasons and NIGHT not in step.by
    )
    step = next(onward, None)
    return ("", ()) if step is None else (step.action, step.by)


@checked
def board(ledger: Ledger, *, at: object = None, area: str = CITY) -> pd.DataFrame:
    """Clocks that are amber or overdue, overdue first, the longest first.

    Parameters
    ----------
    ledger
        Of the store.
    at
        When they are read; now by default.
    area
        Only what lies in it or was assigned to it.

    Returns
    -------
    board
        One row a clock: ``clock``, ``mode``, ``begun_at``, ``due_at``, ``used`` (share of its budget) and ``light`` (``amber`` or ``red``) as
        :func:`riskwarn.ledger.clocks` gives them; the columns of its item; ``body`` (:func:`body_of`), ``step`` and ``roles``
        (:func:`next_step`), ``card_id`` and ``card_level`` of its open card, empty for none.
    """
    running = clocks(ledger, at=at).rename(columns={"state": "light"})
    late = running.loc[running["light"] != "green", list(_CLOCK)]
    items = ledger.items(item_ids=late["item_id"].unique().tolist())
    rows = concerning(late.merge(items, on="item_id"), area)
    return _with_steps(ledger.workflow, rows, _open_cards(ledger.items(kind=CARD, open_only=True)))


def _open_cards(items: pd.DataFrame) -> dict[tuple[str, str], tuple[str, str]]:
    """Name and level of the cards whose step is not taken yet, by item and clock."""
    cards = items[(items["kind"] == CARD) & (items["state"] != "verified")]
    return {(c.parent, c.topic): (c.item_id, c.level) for c in cards.itertuples()}


def _with_steps(flow: Workflow, rows: pd.DataFrame, cards: dict[tuple[str, str], tuple[str, str]]) -> pd.DataFrame:
    asked = zip(rows["state"], rows["kind"], rows["level"], strict=True)
    steps = [next_step(flow, state, kind=kind, level=level) for state, kind, level in asked]
    card = [cards.get(key, ("", "")) for key in zip(rows["item_id"], rows["clock"], strict=True)]
    whole = rows.assign(
        body=[body_of(path, owner) for path, owner in zip(rows["path"], rows["owner"], strict=True)],
        step=[action for action, _ in steps],
        roles=[roles for _, roles in steps],
        card_id=[item_id for item_id, _ in card],
        card_level=[card_level for _, card_level in card],
    )
    order = whole.assign(_late=whole["light"] != "red").sort_values(["_late", "used"], ascending=[True, False])
    return order[list(COLUMNS)].reset_index(drop=True)


@checked
def by_body(rows: pd.DataFrame) -> pd.DataFrame:
    """The board added up by organisation, whoever has most overdue first.

    Parameters
    ----------
    rows
        What :func:`board` gave.

    Returns
    -------
    bodies
        One row an organisation: ``body``, ``n_red``, ``n_amber`` (items, each once, by its worst clock) and ``due_at`` of the clock that is
        longest over or soonest due.
    """
    worst = rows.drop_duplicates("item_id")
    parts = worst.groupby("body", sort=False)
    table = pd.DataFrame(
        {
            "n_red": parts["light"].agg(lambda lights: int((lights == "red").sum())),
            "n_amber": parts["light"].agg(lambda lights: int((lights == "amber").sum())),
            "due_at": parts["due_at"].min(),
        }
    ).reset_index()
    return table.sort_values(["n_red", "due_at"], ascending=[False, True], ignore_index=True)


@checked
def settled_cards(ledger: Ledger, *, since: object, area: str = CITY) -> pd.DataFrame:
    """Supervision cards whose step was taken since an instant, the latest first.

    Parameters
    ----------
    ledger
        Of the store.
    since
        From when on.
    area
        Only what lies in it or was assigned to it.

    Returns
    -------
    cards
        Items of kind ``supervision`` that are verified or have ended.
    """
    cards = ledger.items(kind=CARD, states=["verified", *ledger.workflow.final])
    of_late = cards[cards["changed_at"] >= ledger.store.instant(since)]
    return concerning(of_late, area).sort_values("changed_at", ascending=False, ignore_index=True)
