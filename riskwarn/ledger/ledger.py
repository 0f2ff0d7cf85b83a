"""The ledger of a store: opened, read, and written by one verb, :meth:`Ledger.act`, and by the night."""

import uuid
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Self

import pandas as pd
import sqlalchemy as sa

from riskwarn.calling import checked
from riskwarn.errors import DataError, NotFoundError, TamperedError
from riskwarn.ledger import chain, database
from riskwarn.ledger.actor import CITY, Actor, account_digest, within_each
from riskwarn.ledger.item import Item, replayed, told_of
from riskwarn.ledger.listing import check_area
from riskwarn.ledger.pen import Given, Pen, check_joined, permitted
from riskwarn.ledger.tables import CHAIN, ITEMS, OUTBOX, TRANSITIONS
from riskwarn.ledger.workflow import SHIPPED, Workflow, workflow
from riskwarn.store import Store, signature

FLOW = "workflow.toml"
"""A city's own machine, beside its tables."""


class Ledger:
    """What people did about what the nights of a store found.

    Parameters
    ----------
    store
        The city.
    url
        Where the ledger lies: by default where ``RISKWARN_LEDGER`` says, else ``ledger.db`` in the store's folder (SQLite). A
        PostgreSQL database is ``postgresql+psycopg://user@host/database``. A new one is made.

    Raises
    ------
    NotFoundError
        The store is not made yet, or the database does not answer.
    DefinitionError
        The URL or the city's workflow is wrong, or the schema is another one.

    Examples
    --------
    >>> import tempfile
    >>> store = Store(tempfile.mkdtemp() + "/city", timezone="Asia/Shanghai")
    >>> _ = store.publish("2025-03-03", {}, run="a")
    >>> ledger = Ledger(store)
    >>> len(ledger.items()), ledger.verify().sound
    (0, True)
    """

    @checked
    def __init__(self, store: Store, *, url: str | None = None) -> None:
        if store.is_new:
            raise NotFoundError(f"there is no store in {store.path}; a ledger is that of a store.")
        self.store = store
        own = store.path / FLOW
        self.workflow: Workflow = workflow(own if own.exists() else SHIPPED)
        self.engine = database.open_engine(store.path, url)
        self.close = weakref.finalize(self, self.engine.dispose)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """The ledger, closed when the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give its connections back."""
        self.close()

    def __repr__(self) -> str:
        """Where it lies."""
        return f"Ledger({database.place_of(self.engine)!r})"

    def _prepare(self) -> None:
        database.prepare(self.engine)
        with database.linked(self.engine) as link:
            begun = chain.read_head(link) is not None
        if not begun:
            self._begin()

    def _begin(self) -> None:
        """Give a new ledger its name; of two jobs that begin it at once one does."""
        with database.linked(self.engine, writes=True) as link:
            if link.dialect.name == "postgresql":
                link.execute(sa.text("LOCK TABLE chain IN EXCLUSIVE MODE"))
            if chain.read_head(link) is None:
                head = chain.Head(uuid.uuid4().hex)
                link.execute(sa.insert(CHAIN).values(**vars(head), signature=head.signed(self.store.path)))

    # -- reading ------------------------------------------------------------------------------------------------------

    @checked
    def items(
        self,
        *,
        kind: str | None = None,
        states: Sequence[str] | None = None,
        level: str | None = None,
        area: str = CITY,
        open_only: bool = False,
        source_ids: Sequence[str] | None = None,
        item_ids: Sequence[str] | None = None,
        grid_id: str | None = None,
    ) -> pd.DataFrame:
        """Items, the gravest first.

        Parameters
        ----------
        kind, states, level
            Only these.
        area
            Only what lies within it.
        open_only
            Only what has not ended.
        source_ids
            Only items with one of the names that nights gave them.
        item_ids
            Only items with one of these names of their own.
        grid_id
            Only what concerns this grid.

        Returns
        -------
        items
            One row an item, columns as :class:`Item` has them; times in the city's zone.
        """
        asked = sa.select(ITEMS)
        asked = asked if kind is None else asked.where(ITEMS.c.kind == kind)
        asked = asked if states is None else asked.where(ITEMS.c.state.in_(list(states)))
        asked = asked if level is None else asked.where(ITEMS.c.level == level)
        asked = asked.where(ITEMS.c.state.not_in(self.workflow.final)) if open_only else asked
        asked = asked if source_ids is None else asked.where(ITEMS.c.source_id.in_(list(source_ids)))
        asked = asked if item_ids is None else asked.where(ITEMS.c.item_id.in_(list(item_ids)))
        asked = asked if grid_id is None else asked.where(ITEMS.c.grid_ids.contains(grid_id, autoescape=True))
        with database.linked(self.engine) as link:
            found = link.execute(asked).all()
        inside = within_each([row.path for row in found], area)
        rows = [row._asdict() for row, lies in zip(found, inside, strict=True) if lies]
        rows = [row for row in rows if grid_id is None or grid_id in row["grid_ids"].split()]
        rank = {level: n for n, level in enumerate(self.workflow.levels)}
        ordered = sorted(
            rows, key=lambda r: (rank.get(r["level"], len(rank)), r["kind"], r["first_night"], r["item_id"])
        )
        return self._frame(ordered, [c.name for c in ITEMS.columns])

    @property
    def n_transitions(self) -> int:
        """How many transitions were written so far; what was read of the ledger holds while it is the same."""
        with database.linked(self.engine) as link:
            return int(link.execute(sa.select(CHAIN.c.seq)).scalar() or 0)

    @checked
    def item(self, item_id: str) -> Item:
        """One item, by its own name, the beginning of it, or the name its night gave it.

        Parameters
        ----------
        item_id
            Its name, at least the beginning.

        Returns
        -------
        item
            As it stands now.

        Raises
        ------
        NotFoundError
            There is none, or several begin so.
        """
        with database.linked(self.engine) as link:
            return find_item(link, item_id)

    @checked
    def trail(self, item_id: str | Sequence[str] | None = None) -> pd.DataFrame:
        """Transitions, oldest first, of one item, several or all; times in the city's zone.

        Parameters
        ----------
        item_id
            The item, by its name or the beginning of it; or several, by their names; all where none is named.

        Returns
        -------
        trail
            One row a transition, with the columns of table ``transitions``.
        """
        asked = sa.select(TRANSITIONS).order_by(TRANSITIONS.c.seq)
        with database.linked(self.engine) as link:
            if item_id is not None:
                named = [find_item(link, item_id).item_id] if isinstance(item_id, str) else list(item_id)
                asked = asked.where(TRANSITIONS.c.item_id.in_(named))
            rows = [row._asdict() for row in link.execute(asked)]
        return self._frame(rows, [c.name for c in TRANSITIONS.columns])

    def _frame(self, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
        frame = pd.DataFrame(list(rows), columns=list(columns))
        times = [c for c in ("at", "made_at", "first_night", "last_night", "changed_at") if c in frame]
        zone = self.store.timezone
        return frame.assign(**{c: pd.to_datetime(frame[c], utc=True).dt.tz_convert(zone) for c in times})

    # -- acting -------------------------------------------------------------------------------------------------------

    @checked
    def actor(self, role: str, *, area: str = CITY, account: str = "") -> Actor:
        """Who acts; of the account a digest is kept.

        Parameters
        ----------
        role
            One of the workflow's roles.
        area
            Code of the area that is answered for; ``*`` is the city.
        account
            Name of the account; it is not kept.

        Returns
        -------
        actor
            For :meth:`act`.

        Raises
        ------
        DataError
            There is no such role, or the area is no code.
        PrivacyError
            The area looks like a person's number.
        """
        if role not in self.workflow.roles:
            raise DataError(f"no role {role!r}; there are: {', '.join(self.workflow.roles)}.")
        check_area(self.store, area)
        return Actor(role, area, account_digest(self.store.path, account))

    @checked
    def act(
        self,
        item_id: str,
        action: str,
        actor: Actor,
        *,
        version: int | None = None,
        reason: str = "",
        outcome: str = "",
        area: str = "",
        into: str = "",
        key: str = "",
        at: object = None,
    ) -> Item:
        """Take one step with an item.

        Parameters
        ----------
        item_id
            As :meth:`item` takes it.
        action
            Of the workflow.
        actor
            Who acts.
        version
            The version that was looked at; the one that is there now by default.
        reason, outcome
            Codes, where the step wants them.
        area
            To whom an item is assigned: code of an area or body.
        into
            With which open item of its kind one is merged, as :meth:`item` takes it.
        key
            Chosen by who acts; a digest of it is kept, and :meth:`taken` finds the step by it.
        at
            When it was done; now by default. Not before the step before it, and not in the future.

        Returns
        -------
        item
            As it stands now.

        Raises
        ------
        NotFoundError
            There is no such item.
        ConflictError
            It has another version by now: someone else was faster.
        ForbiddenError
            The role may not take the step, or the item lies in another area.
        StepError
            The item cannot take the step from where it stands, or what it wants is missing, unknown or has ended.
        DataError
            The time lies in the future, or the area is no code.
        PrivacyError
            The area looks like a person's number.
        TamperedError
            The ledger is not the one last written.
        """
        self.workflow.check_action(action)
        looked = self.item(item_id)
        seen = looked.version if version is None else version
        given = Given(reason=reason, outcome=outcome, area=area, key=self._key(actor, key))
        given = replace(given, item=self.item(into).item_id) if into else given
        if area:
            check_area(self.store, area)
        with self.writing(at) as pen:
            item = find_item(pen.link, looked.item_id)
            step = permitted(self.workflow, item, action, actor, given, seen=seen, last=pen.last_of(item))
            if given.item:
                check_joined(self.workflow, item, find_item(pen.link, given.item), actor)
            return pen.take(item, step, actor, given)

    @checked
    def taken(self, item_id: str, actor: Actor, key: str, *, n: int | None = None) -> dict[str, Any] | None:
        """The step that an actor took with an item under a key; by number, where it was taken under none.

        Parameters
        ----------
        item_id
            The whole name of the item.
        actor
            Who acted.
        key
            As :meth:`act` took it.
        n
            Number of the step.

        Returns
        -------
        transition
            None where there is none.
        """
        asked = sa.select(TRANSITIONS).where(TRANSITIONS.c.item_id == item_id, TRANSITIONS.c.account == actor.account)
        asked = asked if n is None else asked.where(TRANSITIONS.c.n == n)
        digest = self._key(actor, key)
        with database.linked(self.engine) as link:
            rows = [row._asdict() for row in link.execute(asked.order_by(TRANSITIONS.c.n))]
        return next((row for row in rows if row["detail"].get("key", "") == digest), None)

    def _key(self, actor: Actor, key: str) -> str:
        return signature(self.store.path, f"key|{actor.account}|{key}".encode())[:32] if key else ""

    @contextmanager
    def writing(self, at: object = None) -> Iterator[Pen]:
        """One transaction in which the chain grows; the only one at a time. Its head is signed and anchored when it ends well.

        Parameters
        ----------
        at
            When the steps are taken; now by default.

        Yields
        ------
        pen
            What publishes items and takes steps.

        Raises
        ------
        TamperedError
            The ledger is not the one last written.
        """
        folder = self.store.path
        now = pd.Timestamp.now(tz="UTC").floor("us")
        moment = now if at is None else self.store.instant(at).tz_convert("UTC")
        if moment > now + pd.Timedelta(minutes=5):
            raise DataError(f"a step cannot be taken in the future, got {moment}.")
        with database.linked(self.engine, writes=True) as link:
            there = chain.read_head(link, lock=True)
            if there is None:
                raise TamperedError(f"the ledger in {database.place_of(self.engine)} has lost the head of its chain.")
            head, signed = there
            if head.seq == 0 and not (folder / chain.ANCHOR).exists():
                chain.write_anchor(folder, head)  # from here on a ledger without an anchor is one that lost it
            if fault := next(chain.faults_of_hold(link, folder, head, signed), ""):
                raise TamperedError(f"{fault}; nothing was written. See `riskwarn ledger verify`.")
            pen = Pen(link, self.workflow, head, moment.to_pydatetime())
            yield pen
            new = pen.flush()
            link.execute(sa.update(CHAIN).values(seq=new.seq, digest=new.digest, signature=new.signed(folder)))
        chain.write_anchor(folder, new)

    # -- what is told to others ---------------------------------------------------------------------------------------

    def outbox(self) -> pd.DataFrame:
        """Messages not yet delivered, oldest first: written with what they tell, so that none is lost, and told at least once."""
        asked = sa.select(OUTBOX).where(OUTBOX.c.delivered_at.is_(None)).order_by(OUTBOX.c.made_at, OUTBOX.c.message_id)
        with database.linked(self.engine) as link:
            rows = [row._asdict() for row in link.execute(asked)]
        return self._frame(rows, [c.name for c in OUTBOX.columns])

    @checked
    def delivered(self, message_ids: Sequence[str], *, at: object = None) -> None:
        """Note that messages have reached whom they were for.

        Parameters
        ----------
        message_ids
            Of :meth:`outbox`.
        at
            When; now by default.
        """
        moment = pd.Timestamp.now(tz="UTC") if at is None else self.store.instant(at)
        done = sa.update(OUTBOX).where(OUTBOX.c.message_id.in_(list(message_ids)))
        with database.linked(self.engine, writes=True) as link:
            link.execute(done.values(delivered_at=moment.to_pydatetime(), attempts=OUTBOX.c.attempts + 1))

    # -- proof --------------------------------------------------------------------------------------------------------

    @checked
    def verify(self, *, head: str = "") -> chain.Verified:
        """Whether the ledger is as it was written: every row, their order, their end, and what the items say of themselves.

        Parameters
        ----------
        head
            A head that was kept elsewhere, as ``120:9f3c…``; that row must be there and the same.

        Returns
        -------
        verified
            Rows read, the head, and up to twenty faults.

        Raises
        ------
        DataError
            `head` cannot be read.
        """
        folder = self.store.path
        with database.linked(self.engine) as link:
            there = chain.read_head(link)
            if there is None:
                return chain.Verified(0, chain.Head(""), ("the head of the chain is missing",))
            rows = [row._asdict() for row in link.execute(sa.select(TRANSITIONS).order_by(TRANSITIONS.c.seq))]
            faults = chain.first_faults(
                chain.faults_of_rows(rows, there[0]),
                chain.faults_of_head(link, folder, *there),
                _faults_of_items(link, rows),
                chain.faults_of_outcomes(link, rows),
                _faults_of_kept(link, head),
            )
        return chain.Verified(len(rows), there[0], faults)


def find_item(link: sa.Connection, item_id: str) -> Item:
    """The item meant by its name, the beginning of it, or the name a night gave it; of several of one source the newest.

    Raises
    ------
    NotFoundError
        There is none, or several begin so.
    """
    exact = link.execute(sa.select(ITEMS).where(ITEMS.c.item_id == item_id)).first()
    if exact is not None:
        return Item.of(exact)
    by_night = sa.select(ITEMS).where(ITEMS.c.source_id == item_id).order_by(ITEMS.c.first_night.desc())
    if (named := link.execute(by_night).first()) is not None:
        return Item.of(named)
    begun = ITEMS.c.item_id.startswith(item_id, autoescape=True)
    near = link.execute(sa.select(ITEMS).where(begun).limit(2)).all() if len(item_id) >= 4 else []
    if len(near) == 1:
        return Item.of(near[0])
    said = " ".join(item_id.split())[:40]
    raise NotFoundError(
        f"several items begin with {said!r}; write more of it."
        if near
        else f"no item {said!r} in the ledger; see `riskwarn alerts list`."
    )


def _faults_of_items(link: sa.Connection, rows: list[dict[str, Any]]) -> Iterator[str]:
    """Items that say of themselves what their transitions do not."""
    told = replayed(rows)
    kept = {row.item_id: told_of(Item.of(row)) for row in link.execute(sa.select(ITEMS))}
    for item_id in sorted(told.keys() | kept.keys()):
        if told.get(item_id) != kept.get(item_id):
            yield f"item {item_id} is not what its transitions made it"


def _faults_of_kept(link: sa.Connection, head: str) -> Iterator[str]:
    if not head:
        return
    seq, _, digest = head.partition(":")
    if not (seq.isdigit() and len(digest) >= 8):
        raise DataError(f"a head is written as ROW:DIGEST, such as 120:9f3c01ab, got {head[:40]!r}.")
    there = chain.digest_at(link, int(seq)) or ""
    if not there.startswith(digest):
        yield f"row {int(seq)} is not the one whose digest was kept elsewhere"
