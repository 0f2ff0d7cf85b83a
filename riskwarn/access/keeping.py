"""Keeping accounts and tokens from a page or a program: within one's own area, never one's own, and never so that nobody is left to do it.

An account is named by the digest that the ledger and the audit log have of it, so that no address and no line of a log holds its name.
What lies outside the keeper's area is unknown, as what is not there.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from riskwarn.access.accounts import Account, Accounts
from riskwarn.access.signon import PREFIX
from riskwarn.access.token import Token, listed_tokens, make_token, revoke_token
from riskwarn.access.visitor import Visitor
from riskwarn.calling import checked
from riskwarn.errors import DataError, ForbiddenError, NotFoundError
from riskwarn.ledger.actor import CITY, account_digest

KEEPS = "users:admin"
"""The permission of who keeps accounts."""
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Those that nobody takes for others when a password is read from a screen."""
_GROUPS, _GROUP = 4, 5


@dataclass(frozen=True)
class Kept:
    """An account as its keeper sees it.

    Attributes
    ----------
    user_id
        By which it is asked for: the digest of the ledger and the audit log.
    account
        The account.
    locked_seconds
        How long no password is looked at for it; 0 where one is.
    is_own
        Whether it is the keeper's.
    """

    user_id: str
    account: Account
    locked_seconds: int = 0
    is_own: bool = False

    @property
    def signs_in(self) -> str:
        """By what it signs in: a ``password``, the ``issuer``, or a ``proxy``."""
        if self.account.password:
            return "password"
        return "issuer" if self.account.name.startswith(PREFIX) else "proxy"


@dataclass(frozen=True)
class Keeper:
    """Who keeps accounts.

    Attributes
    ----------
    accounts
        Of the store.
    visitor
        Who keeps them.
    """

    accounts: Accounts
    visitor: Visitor

    # -- accounts -----------------------------------------------------------------------------------------------------

    def users(self) -> list[Kept]:
        """The accounts of the keeper's area, by name."""
        every = self.accounts.listed()
        inside = self.accounts.areas_within({a.area for a in every}, self.visitor.area)
        with self.accounts.linked() as link:
            return [self._kept(a, self.accounts.lockout.left(link, a.name)) for a in every if a.area in inside]

    def user(self, user_id: str) -> Kept:
        """One account of the keeper's area.

        Parameters
        ----------
        user_id
            As :class:`Kept` has it.

        Returns
        -------
        kept
            As it is now.

        Raises
        ------
        NotFoundError
            There is none in the area.
        """
        found = next((kept for kept in self.users() if kept.user_id == user_id), None)
        if found is None:
            raise NotFoundError("there is no such account in your area.")
        return found

    @checked
    def add(self, name: str, *, role: str, area: str = "", with_password: bool = True) -> tuple[str, Kept]:
        """Make an account.

        Parameters
        ----------
        name, role
            As :meth:`riskwarn.access.Accounts.add` takes them.
        area
            Where; the keeper's own by default, and never more.
        with_password
            False for an account that only a trusted proxy signs in.

        Returns
        -------
        password, kept
            The password is drawn, shown this once and kept nowhere; empty where it has none.

        Raises
        ------
        DataError
            The name or area is none, or the name is taken.
        NotFoundError
            There is no such role.
        ForbiddenError
            The area lies outside the keeper's.
        """
        area = area or self.visitor.area
        self._check_inside(area)
        password = drawn_password() if with_password else ""
        return password, self._kept(self.accounts.add(name, password, role=role, area=area))

    @checked
    def change(
        self,
        user_id: str,
        *,
        version: int,
        role: str | None = None,
        area: str | None = None,
        disabled: bool | None = None,
    ) -> Kept:
        """Give an account another role or area, or close or open it. Its sessions and tokens end.

        Parameters
        ----------
        user_id
            Of the account.
        version
            Its `epoch` when it was looked at.
        role, area, disabled
            What it shall have from now on; None leaves it.

        Returns
        -------
        kept
            As it is now.

        Raises
        ------
        NotFoundError
            There is no such account or role.
        DataError
            The area is none.
        ConflictError
            Somebody has changed it meanwhile.
        ForbiddenError
            It is the keeper's own, the area lies outside the keeper's, or nobody would be left who keeps accounts.
        """
        before = self._of_others(user_id)
        if area is not None:
            self._check_inside(area)
        name = before.account.name
        changed = self.accounts.change(name, role=role, area=area, disabled=disabled, version=version, leaving=KEEPS)
        return self._kept(changed)

    @checked
    def reset(self, user_id: str, *, version: int) -> str:
        """Give an account another password. Its sessions and tokens end, and it is no longer locked.

        Parameters
        ----------
        user_id, version
            As :meth:`change` takes them.

        Returns
        -------
        password
            Drawn, shown this once and kept nowhere.

        Raises
        ------
        NotFoundError
            There is no such account.
        DataError
            It has no password: an issuer or a proxy signs it in.
        ConflictError
            Somebody has changed it meanwhile.
        ForbiddenError
            It is the keeper's own.
        """
        before = self._of_others(user_id)
        if not before.account.password:
            raise DataError("the account has no password: an issuer or a proxy signs it in.")
        password = drawn_password()
        self.accounts.change(before.account.name, password=password, version=version)
        return password

    @checked
    def unlock(self, user_id: str) -> None:
        """Forget the tries in vain for an account; nothing else of it changes.

        Parameters
        ----------
        user_id
            Of the account.

        Raises
        ------
        NotFoundError
            There is no such account.
        """
        name = self.user(user_id).account.name
        with self.accounts.linked(writes=True) as link:
            self.accounts.lockout.forget(link, name)

    # -- tokens -------------------------------------------------------------------------------------------------------

    def tokens(self) -> list[tuple[str, Token]]:
        """The tokens of accounts of the keeper's area, the newest first, each with the `user_id` of its account."""
        ids = {kept.account.name: kept.user_id for kept in self.users()}
        return [(ids[token.account], token) for token in listed_tokens(self.accounts) if token.account in ids]

    @checked
    def make_token(
        self, user_id: str, *, purpose: str, scopes: Sequence[str] = (), area: str = "", days: float = 90
    ) -> tuple[str, Token]:
        """Make a token of an account.

        Parameters
        ----------
        user_id
            Of the account.
        purpose, scopes, area, days
            As :func:`riskwarn.access.make_token` takes them.

        Returns
        -------
        secret, token
            The secret is shown this once and kept nowhere.

        Raises
        ------
        NotFoundError
            There is no such account or purpose.
        DataError
            A scope or the days are out of range.
        ForbiddenError
            The account is closed, the area lies outside its own, or a token is to make another of its own account.
        """
        kept = self.user(user_id)
        if kept.is_own and self.visitor.way == "token":
            raise ForbiddenError(
                "no token makes another of its own account: it could outlast or outdo itself.", kind="token_of_itself"
            )
        return make_token(self.accounts, kept.account.name, purpose=purpose, scopes=scopes, area=area, days=days)

    @checked
    def revoke(self, token_id: str) -> str:
        """End a token at once; one that has ended stays so.

        Parameters
        ----------
        token_id
            Of the token.

        Returns
        -------
        user_id
            Of its account.

        Raises
        ------
        NotFoundError
            There is none in the keeper's area.
        """
        user_id = self.owner_of(token_id)
        revoke_token(self.accounts, token_id)
        return user_id

    def owner_of(self, token_id: str) -> str:
        """The account of a token.

        Parameters
        ----------
        token_id
            Of the token.

        Returns
        -------
        user_id
            Of its account.

        Raises
        ------
        NotFoundError
            There is no such token in the keeper's area.
        """
        owner = next((user_id for user_id, token in self.tokens() if token.token_id == token_id), None)
        if owner is None:
            raise NotFoundError("there is no such token in your area.")
        return owner

    # -- what holds for all of it -------------------------------------------------------------------------------------

    def _of_others(self, user_id: str) -> Kept:
        kept = self.user(user_id)
        if kept.is_own:
            raise ForbiddenError(
                "nobody changes the own account here; another who keeps accounts does, or the command line.",
                kind="own_account",
            )
        return kept

    def _check_inside(self, area: str) -> None:
        if not self.accounts.areas_within({area}, self.visitor.area):
            raise ForbiddenError("the area lies outside your own.", kind="outside_area")

    def _kept(self, account: Account, locked: int = 0) -> Kept:
        user_id = account_digest(self.accounts.store.path, account.name)
        return Kept(user_id, account, locked, user_id == self.visitor.actor.account)

    def roles(self) -> tuple[str, ...]:
        """Roles that can be given."""
        return self.accounts.roles.of_accounts

    @property
    def sees_all(self) -> bool:
        """Whether the keeper's area is the whole city."""
        return self.visitor.area == CITY


def drawn_password() -> str:
    """A password drawn at random, 99 bits, in groups that can be read from a screen."""
    groups = ("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)
