"""Accounts of a store, in the database of its ledger: made, changed, and asked for a password."""

import datetime as dt
import re
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

import pandas as pd
import sqlalchemy as sa

from riskwarn.access import password as passwords
from riskwarn.access.lockout import Lockout
from riskwarn.access.role import SHIPPED, Roles, roles
from riskwarn.access.visitor import Visitor, Way, visitor_of
from riskwarn.calling import checked
from riskwarn.errors import (
    ConflictError,
    DataError,
    ForbiddenError,
    NotFoundError,
    PrivacyError,
    SignInError,
    did_you_mean,
)
from riskwarn.ledger import database
from riskwarn.ledger.actor import CITY, Actor, account_digest, within
from riskwarn.ledger.listing import areas_of, check_area
from riskwarn.ledger.tables import ACCOUNTS
from riskwarn.privacy import findings
from riskwarn.store import Store

FILE = "roles.toml"
"""A city's own roles, beside its tables."""
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")
Clock = Callable[[], dt.datetime]


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class Account:
    """Who can sign in.

    Attributes
    ----------
    account_id
        Name of the row.
    name
        What is typed to sign in: a post or a desk, not a person.
    role, area
        What it may do, and where.
    disabled
        Whether it is closed.
    epoch
        Counts what ended its sessions and tokens.
    password
        The hash; empty where a proxy alone signs it in.
    made_at, changed_at
        When.
    """

    account_id: str
    name: str
    role: str
    area: str
    password: str = field(repr=False)
    disabled: bool
    epoch: int
    made_at: dt.datetime
    changed_at: dt.datetime


class Accounts:
    """Accounts of a store.

    Parameters
    ----------
    store
        The city.
    url
        Where the ledger lies, as :class:`riskwarn.ledger.Ledger` takes it.
    clock
        Tells the present instant in UTC.

    Raises
    ------
    DefinitionError
        The URL or the city's roles are wrong.

    Examples
    --------
    >>> import tempfile
    >>> store = Store(tempfile.mkdtemp() + "/city", timezone="Asia/Shanghai")
    >>> _ = store.publish("2025-03-03", {}, run="a")
    >>> accounts = Accounts(store)
    >>> accounts.there_are
    False
    >>> accounts.add("desk-1", "a sentence nobody guesses", role="shift_leader").area
    '*'
    >>> accounts.sign_in("desk-1", "a sentence nobody guesses").role, accounts.there_are
    ('shift_leader', True)
    """

    @checked
    def __init__(self, store: Store, *, url: str | None = None, clock: Clock = _now) -> None:
        self.store, self.clock = store, clock
        own = store.path / FILE
        self.roles: Roles = roles(own if own.exists() else SHIPPED)
        self.engine = database.open_engine(store.path, url)
        self.close = weakref.finalize(self, self.engine.dispose)
        self.lockout = Lockout(store.path, clock)
        self._prepared = False

    def __enter__(self) -> Self:
        """The accounts, closed when the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give the connections back."""
        self.close()

    # -- the database -------------------------------------------------------------------------------------------------

    @contextmanager
    def linked(self, *, writes: bool = False) -> Iterator[sa.Connection]:
        """A connection in one transaction, to a schema that is there.

        Parameters
        ----------
        writes
            Whether something is to be changed.

        Yields
        ------
        link
            Committed when the block ends well.

        Raises
        ------
        NotFoundError
            The store is not made yet, or the database does not answer.
        DefinitionError
            The schema is another one.
        """
        if not self._prepared:
            if self.store.is_new:
                raise NotFoundError(f"there is no store in {self.store.path}; accounts are those of a store.")
            database.prepare(self.engine)
            self._prepared = True
        with database.linked(self.engine, writes=writes) as link:
            yield link

    @property
    def there_are(self) -> bool:
        """Whether there is an account, closed ones too; asking makes no file."""
        if self.store.is_new or not database.exists(self.engine):
            return False
        with self.linked() as link:
            return link.execute(sa.select(ACCOUNTS.c.account_id).limit(1)).first() is not None

    # -- reading ------------------------------------------------------------------------------------------------------

    def listed(self) -> list[Account]:
        """All accounts, by name."""
        with self.linked() as link:
            return [Account(**row._asdict()) for row in link.execute(sa.select(ACCOUNTS).order_by(ACCOUNTS.c.name))]

    @checked
    def account(self, name: str) -> Account:
        """One account.

        Parameters
        ----------
        name
            As it is typed to sign in.

        Returns
        -------
        account
            Of that name.

        Raises
        ------
        NotFoundError
            There is none; the message names the nearest.
        """
        with self.linked() as link:
            row = link.execute(sa.select(ACCOUNTS).where(ACCOUNTS.c.name == name)).first()
            names = [] if row else list(link.execute(sa.select(ACCOUNTS.c.name)).scalars())
        if row is None:
            raise NotFoundError(f"no account of that name{did_you_mean(name, names)}; see `riskwarn user list`.")
        return Account(**row._asdict())

    def visitor(self, account: Account, *, way: Way = "page") -> Visitor:
        """The visitor that an account is.

        Parameters
        ----------
        account
            Who asks.
        way
            How it came in.

        Returns
        -------
        visitor
            With all that its role permits.
        """
        actor = Actor(account.role, account.area, account_digest(self.store.path, account.name))
        return visitor_of(self.roles, actor, way=way, account=account.name)

    def areas_within(self, areas: Iterable[str], area: str) -> set[str]:
        """Which of some areas lie in another.

        Parameters
        ----------
        areas
            Codes; ``*`` lies in itself alone.
        area
            A code, or ``*``.

        Returns
        -------
        inside
            Those that are it, or lie below it.
        """
        asked = set(areas)
        if area == CITY or not asked:
            return asked
        path_of = areas_of(self.store, pd.Timestamp(self.clock())).of_body
        return {code for code in asked if within(path_of.get(code, code), area)}

    # -- writing ------------------------------------------------------------------------------------------------------

    @checked
    def add(self, name: str, password: str, *, role: str, area: str = CITY) -> Account:
        """Make an account.

        Parameters
        ----------
        name
            2 to 64 small letters, digits, ``.``, ``_`` and ``-``: a post or a desk, not a person.
        password
            12 letters at least; empty for an account that only a trusted proxy signs in.
        role, area
            What it may do, and where.

        Returns
        -------
        account
            As it is kept.

        Raises
        ------
        DataError
            The name is no such name or taken, the password is weak, or the area is no code.
        NotFoundError
            There is no such role.
        PrivacyError
            Name or area look like a person's number.
        """
        _check_name(name)
        if password:
            passwords.check_password(password, name)
        self._check_role(role)
        check_area(self.store, area)
        account_digest(self.store.path, name)  # makes the key of the store, where there is none yet
        now = self.clock()
        kept = passwords.hashed(password) if password else ""
        made = Account(uuid.uuid4().hex, name, role, area, kept, False, 1, now, now)
        with self.linked(writes=True) as link:
            if link.execute(sa.select(ACCOUNTS.c.name).where(ACCOUNTS.c.name == name)).first():
                raise DataError("there is an account of that name already; see `riskwarn user list`.")
            link.execute(sa.insert(ACCOUNTS).values(**vars(made)))
        return made

    @checked
    def change(
        self,
        name: str,
        *,
        password: str | None = None,
        role: str | None = None,
        area: str | None = None,
        disabled: bool | None = None,
        version: int | None = None,
        leaving: str = "",
    ) -> Account:
        """Change an account. Its sessions and tokens end, whatever was changed, and its failed tries are forgotten.

        Parameters
        ----------
        name
            Of the account.
        password, role, area, disabled
            What it shall have from now on; None leaves it.
        version
            Its `epoch` when it was looked at; any by default.
        leaving
            A permission that an open account of the whole city must still hold afterwards, where one holds it now; none by default.

        Returns
        -------
        account
            As it is kept now.

        Raises
        ------
        NotFoundError
            There is no such account or role.
        DataError
            The password is weak, or the area is no code.
        ConflictError
            Somebody has changed it since it was looked at.
        ForbiddenError
            Nobody would be left who holds the permission.
        """
        before = self.account(name)
        if password is not None:
            passwords.check_password(password, name)
        self._check_role(role or before.role)
        check_area(self.store, area or before.area)
        changes = {"role": role, "area": area, "disabled": disabled}
        changes["password"] = None if password is None else passwords.hashed(password)
        values = {k: v for k, v in changes.items() if v is not None} | {"changed_at": self.clock()}
        looked_at = ACCOUNTS.c.epoch == (ACCOUNTS.c.epoch if version is None else version)
        changed = sa.update(ACCOUNTS).where(ACCOUNTS.c.account_id == before.account_id, looked_at)
        with self.linked(writes=True) as link:
            there_was = bool(leaving) and self._is_held(link, leaving)
            if link.execute(changed.values(epoch=ACCOUNTS.c.epoch + 1, **values)).rowcount != 1:
                raise ConflictError("somebody has changed the account meanwhile; look at it again.")
            if there_was and not self._is_held(link, leaving):
                raise ForbiddenError(
                    "it is the last open account of the whole city that keeps accounts; make another first.",
                    kind="last_keeper",
                )
            self.lockout.forget(link, name)
        return self.account(name)

    def _is_held(self, link: sa.Connection, permission: str) -> bool:
        """Whether an open account of the whole city holds a permission; those that do are locked, so that two do not leave at once."""
        holders = [role.name for role in self.roles.roles if permission in role.may]
        open_ones = sa.select(ACCOUNTS.c.name).where(
            ACCOUNTS.c.role.in_(holders), ACCOUNTS.c.area == CITY, ACCOUNTS.c.disabled.is_(False)
        )
        locked = open_ones.order_by(ACCOUNTS.c.account_id).with_for_update()
        return link.execute(locked).first() is not None

    def _check_role(self, role: str) -> None:
        if self.roles.role(role).name == self.roles.anonymous:
            raise NotFoundError(f"nobody is given the role {role!r}; there are: {', '.join(self.roles.of_accounts)}.")

    # -- signing in ---------------------------------------------------------------------------------------------------

    @checked
    def sign_in(self, name: str, password: str) -> Account:
        """The account of a name and its password.

        Parameters
        ----------
        name
            As it was typed.
        password
            As it was typed.

        Returns
        -------
        account
            Open, and the password is its own.

        Raises
        ------
        SignInError
            Name or password is wrong, or the account is closed; which of them, and whether there is such an account, is not said.
        LockedError
            Too many tries for that name, whether there is such an account or not.
        """
        name = name.strip().lower()
        name = name if _NAME.fullmatch(name) else ""  # no account has such a name, and a database need not take it
        with self.linked(writes=True) as link:
            self.lockout.count(link, name)  # before the password is looked at, so that many at once are counted too
            row = link.execute(sa.select(ACCOUNTS).where(ACCOUNTS.c.name == name)).first()
        fits = passwords.fits(row.password if row else "", password[: passwords.LONGEST + 1])
        if row is None or row.disabled or not fits:
            raise SignInError("name or password is wrong, or the account is closed.")
        with self.linked(writes=True) as link:
            self.lockout.forget(link, name)
            if passwords.is_old(row.password):
                anew = sa.update(ACCOUNTS).where(ACCOUNTS.c.account_id == row.account_id)
                link.execute(anew.values(password=passwords.hashed(password)))
        return Account(**row._asdict())


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise DataError(
            "the name of an account has 2 to 64 small letters, digits, '.', '_' and '-', such as desk-3: a post, not a person."
        )
    if rule := findings(pd.Series([name]))[0]:
        raise PrivacyError(
            f"the name of an account looks like a person's ({rule}); it was not kept. Name a post or a desk."
        )
