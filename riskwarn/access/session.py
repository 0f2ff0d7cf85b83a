"""Sessions of the pages: an opaque secret in a cookie, of which the database keeps a digest."""

import datetime as dt
import hashlib
import secrets

import sqlalchemy as sa

from riskwarn.access.accounts import Account, Accounts
from riskwarn.access.visitor import Visitor
from riskwarn.calling import checked
from riskwarn.errors import SignInError
from riskwarn.ledger.tables import ACCOUNTS, SESSIONS
from riskwarn.store.key import signature

LASTS = dt.timedelta(hours=12)
"""A session ends after a long shift, whatever is done in it."""
IDLE = dt.timedelta(hours=1)
"""And after an hour in which nothing is done."""
_SEEN_EVERY = dt.timedelta(minutes=5)


def digest_of(secret: str) -> str:
    """What is kept of a secret that was drawn at random.

    Parameters
    ----------
    secret
        Of a session or token.

    Returns
    -------
    digest
        SHA-256, hexadecimal.
    """
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


@checked
def begin_session(accounts: Accounts, account: Account) -> str:
    """Begin a session.

    Parameters
    ----------
    accounts
        Of the store.
    account
        Who has signed in.

    Returns
    -------
    secret
        For the cookie; it is kept nowhere else.
    """
    secret, now = secrets.token_urlsafe(32), accounts.clock()
    row = {"digest": digest_of(secret), "account_id": account.account_id, "epoch": account.epoch}
    with accounts.linked(writes=True) as link:
        link.execute(sa.delete(SESSIONS).where(SESSIONS.c.expires_at < now))
        link.execute(sa.insert(SESSIONS).values(**row, made_at=now, seen_at=now, expires_at=now + LASTS))
    return secret


@checked
def visitor_of_session(accounts: Accounts, secret: str) -> Visitor:
    """The visitor of a session.

    Parameters
    ----------
    accounts
        Of the store.
    secret
        Of the cookie.

    Returns
    -------
    visitor
        The account as it is now.

    Raises
    ------
    SignInError
        There is no such session, or it has ended.
    """
    now, digest = accounts.clock(), digest_of(secret)
    asked = sa.select(SESSIONS.c.seen_at, SESSIONS.c.expires_at, SESSIONS.c.epoch.label("of_epoch"), ACCOUNTS)
    with accounts.linked() as link:
        row = link.execute(asked.join(ACCOUNTS).where(SESSIONS.c.digest == digest)).first()
    if row is None or row.disabled or row.of_epoch != row.epoch or now >= min(row.expires_at, row.seen_at + IDLE):
        raise SignInError("the session has ended; sign in again.")
    if now - row.seen_at > _SEEN_EVERY:
        with accounts.linked(writes=True) as link:
            link.execute(sa.update(SESSIONS).where(SESSIONS.c.digest == digest).values(seen_at=now))
    values = row._asdict()
    return accounts.visitor(Account(**{column.name: values[column.name] for column in ACCOUNTS.columns}))


@checked
def end_session(accounts: Accounts, secret: str) -> None:
    """End a session; one there is not is ended already.

    Parameters
    ----------
    accounts
        Of the store.
    secret
        Of the cookie.
    """
    with accounts.linked(writes=True) as link:
        link.execute(sa.delete(SESSIONS).where(SESSIONS.c.digest == digest_of(secret)))


@checked
def csrf_of(accounts: Accounts, secret: str) -> str:
    """What a form of a session must send along, so that no other site can send it.

    Parameters
    ----------
    accounts
        Of the store.
    secret
        Of the cookie.

    Returns
    -------
    csrf
        32 hexadecimal digits; another session has others.
    """
    return signature(accounts.store.path, f"csrf|{secret}".encode())[:32]
