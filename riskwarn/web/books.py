"""The ledger behind the answers: opened when it is first asked for, never made by a look."""

import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from threading import Lock
from typing import Any

import pandas as pd

from riskwarn.access import Visitor
from riskwarn.errors import ConflictError, DataError, ForbiddenError, NotFoundError, StepError
from riskwarn.ledger import Ledger, board, clocks, concerning, concerns
from riskwarn.ledger.database import FILE, URL
from riskwarn.ledger.item import Item
from riskwarn.store import Store
from riskwarn.web.problems import Problem, conflict, forbidden, no_ledger, refused_step, reused_key, unknown_item
from riskwarn.web.schemas import StepRequest, fields, rows
from riskwarn.web.schemas import work as shapes

_KEPT_LISTS = 16
"""Lists of a night whose items are kept while nothing is written."""
_CLOCK = fields(shapes.Clock)
_ITEM = fields(shapes.Item)


class Books:
    """The ledger of a store, for the routes.

    Parameters
    ----------
    store
        The city.
    clock
        Tells the present instant.
    """

    def __init__(self, store: Store, clock: Callable[[], pd.Timestamp]) -> None:
        self.store, self.clock = store, clock
        self._lock, self._one_reads = Lock(), Lock()
        self._ledger: Ledger | None = None
        self._board: tuple[tuple[int, pd.Timestamp], pd.DataFrame] | None = None
        self._last = lru_cache(maxsize=_KEPT_LISTS)(self._last_items)

    def ledger(self) -> Ledger | None:
        """The ledger; None where no night was entered yet, for a look makes none."""
        with self._lock:
            if self._ledger is None and (os.environ.get(URL) or (self.store.path / FILE).exists()):
                self._ledger = Ledger(self.store)
            return self._ledger

    def board(self, ledger: Ledger, area: str) -> pd.DataFrame:
        """Clocks that are amber or overdue in an area (:func:`riskwarn.ledger.board`), read once a minute and after every step.

        Parameters
        ----------
        ledger
            As :meth:`ledger` gave it.
        area
            Only what lies in it or was assigned to it.

        Returns
        -------
        board
            One row a clock, overdue first.
        """
        now = self.clock()
        with self._one_reads:
            key = (ledger.n_transitions, now.floor("min"))
            if self._board is None or self._board[0] != key:
                self._board = (key, board(ledger, at=now))
            every = self._board[1]
        return concerning(every, area).reset_index(drop=True)

    def beside(self, kind: str, listed: list[dict[str, Any]], name: str, visitor: Visitor) -> list[dict[str, Any]]:
        """Alerts or gaps with the work item that each became.

        Parameters
        ----------
        kind
            ``alert`` or ``gap``.
        listed
            Of a night.
        name
            Member with the name the night gave.
        visitor
            Who asks; items that lie elsewhere are not told of.

        Returns
        -------
        listed
            With `item_id`, `item_state` and `version`, nulls where there is no item.
        """
        last = self.last_items(kind, [row[name] for row in listed], visitor)
        told = last[["item_id", "state", "version"]].to_dict("index")
        for row in listed:
            if item := told.get(row[name]):
                row |= {"item_id": item["item_id"], "item_state": item["state"], "version": int(item["version"])}
        return listed

    def last_items(self, kind: str, names: Sequence[str], visitor: Visitor) -> pd.DataFrame:
        """The work items that alerts or gaps of a night became.

        Parameters
        ----------
        kind
            ``alert`` or ``gap``.
        names
            As the night calls them.
        visitor
            Who asks; items that lie elsewhere are not told of.

        Returns
        -------
        items
            By the name that the night gave, the newest of each.
        """
        ledger = self.ledger() if names else None
        if ledger is None:
            return pd.DataFrame(columns=[*_ITEM, "source_id"]).set_index("source_id")
        return concerning(self._last(ledger, ledger.n_transitions, kind, tuple(names)), visitor.area)

    @staticmethod
    def _last_items(ledger: Ledger, n_transitions: int, kind: str, names: tuple[str, ...]) -> pd.DataFrame:  # noqa: ARG004 - as of so many it holds
        items = ledger.items(kind=kind, source_ids=names).sort_values("first_night", kind="stable")
        return items.drop_duplicates("source_id", keep="last").set_index("source_id", drop=False)

    def item(self, item_id: str, visitor: Visitor, *, kind: str | None = None) -> Item:
        """A work item that the visitor sees.

        Parameters
        ----------
        item_id
            As the ledger takes it.
        visitor
            Who asks.
        kind
            The kind it has to be of.

        Returns
        -------
        item
            As it stands.

        Raises
        ------
        Problem
            404 where there is none, it is of another kind, or lies outside the visitor's area.
        """
        ledger = self.ledger()
        if ledger is None:
            raise no_ledger()
        try:
            item = ledger.item(item_id)
        except NotFoundError:
            raise unknown_item() from None
        if (kind is not None and item.kind != kind) or not concerns(item.path, item.owner, visitor.area):
            raise unknown_item()
        return item

    def work(self, item: Item, visitor: Visitor) -> dict[str, Any]:
        """An item with its trail, the clocks that run, and what the visitor may do next.

        Parameters
        ----------
        item
            Of the ledger.
        visitor
            Who asks.

        Returns
        -------
        work
            As JSON knows it.
        """
        ledger = self._opened()
        running = clocks(ledger, at=self.clock(), item_ids=[item.item_id])
        able = ledger.workflow.next_actions(item.state, role=visitor.actor.role, kind=item.kind, level=item.level)
        return {
            "item": item_row(item, self.store.timezone),
            "trail": [step_row(row) for row in ledger.trail(item.item_id).to_dict("records")],
            "clocks": rows(running, _CLOCK),
            "actions": list(able) if visitor.may("alerts:act") else [],
        }

    def take(self, item: Item, step: StepRequest, visitor: Visitor, key: str) -> tuple[dict[str, Any], bool]:
        """Take a step, once for one key.

        Parameters
        ----------
        item
            Seen by the visitor.
        step
            What is done.
        visitor
            Who acts.
        key
            Chosen by who sends it; a step sent again under the same key is not taken again. Empty for none.

        Returns
        -------
        taken, again
            How the item stood after the step, and whether it had been taken before.

        Raises
        ------
        Problem
            409 where someone was faster, with who did what; 403 where the role or area may not; 422 where the step cannot be taken from
            here, wants what is missing, or the key was used for another step.
        """
        ledger = self._opened()
        asked = {"action": step.action, "version": step.version, "code": step.reason or step.outcome, "area": step.area}
        asked |= {"into": step.into}
        if key and (done := ledger.taken(item.item_id, visitor.actor, key)):
            return _again(done, asked), True
        try:
            given = {"reason": step.reason, "outcome": step.outcome, "area": step.area, "into": step.into, "key": key}
            ledger.act(item.item_id, step.action, visitor.actor, version=step.version, **given)
        except ConflictError as error:
            if key and (done := ledger.taken(item.item_id, visitor.actor, key)):
                return _again(done, asked), True
            raise self._conflict(item.item_id, error) from None
        except ForbiddenError as error:
            raise Problem(403, "forbidden_step", str(error)) from None
        except (StepError, DataError, NotFoundError) as error:
            raise refused_step(type(error).__name__, _actions(ledger, item, visitor)) from None
        done = ledger.taken(item.item_id, visitor.actor, key, n=step.version + 1)
        if done is None:
            raise forbidden()
        return _row(done), False

    def _conflict(self, item_id: str, error: ConflictError) -> Problem:
        ledger = self._opened()
        item, last = ledger.item(item_id), ledger.trail(item_id).iloc[-1]
        who = {"action": last["action"], "role": last["role"], "area": last["area"], "at": last["at"].isoformat()}
        return conflict(str(error), version=item.version, state=item.state, last=who)

    def _opened(self) -> Ledger:
        ledger = self.ledger()
        if ledger is None:
            raise no_ledger()
        return ledger


def _actions(ledger: Ledger, item: Item, visitor: Visitor) -> dict[str, Any]:
    """What the visitor may do with an item, and which codes each action takes."""
    now = ledger.item(item.item_id)
    able = ledger.workflow.next_steps(now.state, role=visitor.actor.role, kind=now.kind, level=now.level)
    return {step.action: {"reasons": step.reasons, "outcomes": step.outcomes, "wants": step.wants} for step in able}


def _again(done: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """The answer to a step that was taken under the same key before."""
    before = {
        "action": done["action"],
        "version": done["n"] - 1,
        "code": done["code"],
        "area": done["detail"].get("owner", ""),
        "into": done["detail"].get("parent", ""),
    }
    if before != asked:
        raise reused_key()
    return _row(done)


def _row(done: dict[str, Any]) -> dict[str, Any]:
    step = step_row(done)
    return {"item_id": done["item_id"], "state": step["to"], "version": step["n"], "transition": step}


def step_row(row: dict[str, Any]) -> dict[str, Any]:
    """A transition as JSON knows it.

    Parameters
    ----------
    row
        Of the ledger's trail.

    Returns
    -------
    step
        As :class:`riskwarn.web.schemas.Step` has it.
    """
    names = ("n", "action", "role", "area", "account", "code", "digest")
    told = {"from": row["from_state"], "to": row["to_state"], "at": pd.Timestamp(row["at"]).isoformat()}
    return {**{name: row[name] for name in names}, **told} | {"n": int(row["n"])}


def item_row(item: Item, timezone: str) -> dict[str, Any]:
    """An item as JSON knows it.

    Parameters
    ----------
    item
        Of the ledger.
    timezone
        Of its times.

    Returns
    -------
    row
        As :class:`riskwarn.web.schemas.Item` has it.
    """
    times = {
        name: pd.Timestamp(getattr(item, name)).tz_convert(timezone).isoformat()
        for name in ("first_night", "last_night", "changed_at")
    }
    told = {name: getattr(item, name) for name in _ITEM} | times
    return told | {"grid_ids": item.grid_ids.split(), "reading": dict(item.reading), "version": int(item.version)}
