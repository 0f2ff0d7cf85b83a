"""Tokens for programs: shown once, kept as a digest, and never worth more than their account."""

import datetime as dt
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from riskwarn.access.accounts import Account, Accounts
from riskwarn.access.session import digest_of
from riskwarn.access.visitor import Visitor, visitor_of
from riskwarn.calling import checked
from riskwarn.errors import DataError, ForbiddenError, NotFoundError, SignInError
from riskwarn.ledger.actor import Actor, account_digest
from riskwarn.ledger.listing import check_area
from riskwarn.ledger.tables import ACCOUNTS, TOKENS

PREFIX = "rw_"
"""With which every token begins, so that a scanner of files can find one that was left lying."""
MOST_DAYS = 366


@dataclass(frozen=True)
class Token:
    """What is known of a token; not the token.

    Attributes
    ----------
    token_id
        By which it is revoked.
    account
        Name of its account.
    scopes, area, purpose
        What it may do, where, and what for.
    made_at, expires_at, revoked_at
        When; the last is None while it holds.
    """

    token_id: str
    account: str
    scopes: str
    area: str
    purpose: str
    made_at: dt.datetime
    expires_at: dt.datetime
    revoked_at: dt.datetime | None

    def state_at(self, now: dt.datetime) -> Literal["holds", "expired", "revoked"]:
        """Whether it holds at an instant.

        Parameters
        ----------
        now
            The instant.

        Returns
        -------
        state
            ``holds``, ``expired`` or ``revoked``.
        """
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at <= now else "holds"


@checked
def make_token(
    accounts: Accounts,
    name: str,
    *,
    purpose: str,
    scopes: Sequence[str] = (),
    area: str = "",
    days: float = 90,
) -> tuple[str, Token]:
    """Make a token of an account.

    Parameters
    ----------
    accounts
        Of the store.
    name
        Of the account.
    purpose
        What it is for.
    scopes
        Permissions; all that role and purpose have in common by default.
    area
        Where; that of the account by default, and never more.
    days
        How long it holds, above 0 and at most 366.

    Returns
    -------
    secret, token
        The secret is shown this once and kept nowhere.

    Raises
    ------
    NotFoundError
        There is no such account or purpose.
    DataError
        A scope is none that role and purpose have in common, or the days are out of range.
    ForbiddenError
        The account is closed, or the area lies outside its own.
    """
    account = accounts.account(name)
    if account.disabled:
        raise ForbiddenError("the account is closed; see `riskwarn user enable`.", kind="closed_account")
    if not 0 < days <= MOST_DAYS:
        raise DataError(f"a token holds for more than 0 and at most {MOST_DAYS} days, got {days:g}.")
    held = _scopes(accounts, account, purpose, scopes)
    _check_within(accounts, account, area)
    secret, now = PREFIX + secrets.token_urlsafe(32), accounts.clock()
    token = Token(
        secrets.token_hex(4), name, held, area or account.area, purpose, now, now + dt.timedelta(days=days), None
    )
    row = {k: v for k, v in vars(token).items() if k != "account"}
    row |= {"digest": digest_of(secret), "account_id": account.account_id, "epoch": account.epoch}
    with accounts.linked(writes=True) as link:
        link.execute(sa.insert(TOKENS).values(**row))
    return secret, token


def _scopes(accounts: Accounts, account: Account, purpose: str, scopes: Sequence[str]) -> str:
    """The scopes of a new token, with blanks between."""
    may = visitor_of(accounts.roles, Actor(account.role), purpose=purpose).permissions
    if unknown := sorted(set(scopes) - may):
        raise DataError(
            f"a token of {account.role} for {purpose} cannot have {', '.join(unknown)}; it can have: {', '.join(sorted(may)) or 'nothing'}."
        )
    if not may:
        raise DataError(f"{account.role} and {purpose} have no permission in common; see `docs/access.md`.")
    return " ".join(sorted(scopes or may))


def _check_within(accounts: Accounts, account: Account, area: str) -> None:
    if not area:
        return
    check_area(accounts.store, area)
    if not accounts.areas_within({area}, account.area):
        raise ForbiddenError(f"area {area} lies outside that of the account, {account.area}.", kind="outside_area")


@checked
def listed_tokens(accounts: Accounts) -> list[Token]:
    """All tokens, the newest first.

    Parameters
    ----------
    accounts
        Of the store.

    Returns
    -------
    tokens
        Those that have ended too.
    """
    columns = [TOKENS.c[name] for name in Token.__dataclass_fields__ if name != "account"]
    asked = sa.select(ACCOUNTS.c.name.label("account"), *columns).join(ACCOUNTS).order_by(TOKENS.c.made_at.desc())
    with accounts.linked() as link:
        return [Token(**row._asdict()) for row in link.execute(asked)]


@checked
def revoke_token(accounts: Accounts, token_id: str) -> None:
    """End a token at once; one that has ended stays so.

    Parameters
    ----------
    accounts
        Of the store.
    token_id
        As :func:`listed_tokens` has it.

    Raises
    ------
    NotFoundError
        There is no such token.
    """
    ended = sa.update(TOKENS).where(TOKENS.c.token_id == token_id)
    with accounts.linked(writes=True) as link:
        row = link.execute(sa.select(TOKENS.c.revoked_at).where(TOKENS.c.token_id == token_id)).first()
        if row is None:
            raise NotFoundError("no token of that name; see `riskwarn token list`.")
        if row.revoked_at is None:
            link.execute(ended.values(revoked_at=accounts.clock()))


@checked
def visitor_of_token(accounts: Accounts, secret: str) -> Visitor:
    """The visitor of a token.

    Parameters
    ----------
    accounts
        Of the store.
    secret
        As it was sent.

    Returns
    -------
    visitor
        With the scopes, area and purpose of the token, as far as the account still has them.

    Raises
    ------
    SignInError
        There is no such token, it has expired or was revoked, or its account was changed or closed.
    """
    columns = (
        TOKENS.c.token_id,
        TOKENS.c.scopes,
        TOKENS.c.area,
        TOKENS.c.purpose,
        TOKENS.c.expires_at,
        TOKENS.c.revoked_at,
    )
    now_of = (ACCOUNTS.c.name, ACCOUNTS.c.role, ACCOUNTS.c.disabled, ACCOUNTS.c.epoch)
    asked = sa.select(*columns, *now_of, TOKENS.c.epoch.label("of_epoch")).join(ACCOUNTS)
    with accounts.linked() as link:
        row = link.execute(asked.where(TOKENS.c.digest == digest_of(secret))).first()
    if (
        row is None
        or row.disabled
        or row.of_epoch != row.epoch
        or accounts.clock() >= (row.revoked_at or row.expires_at)
    ):
        raise SignInError("the token is not valid; make a new one with `riskwarn token make`.")
    actor = Actor(row.role, row.area, account_digest(accounts.store.path, row.name))
    scopes = row.scopes.split()
    named = {"token_id": row.token_id, "account": row.name}
    return visitor_of(accounts.roles, actor, scopes=scopes, purpose=row.purpose, way="token", **named)
