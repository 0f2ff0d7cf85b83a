"""How often a name was tried in vain, and how long it is locked for that: whether there is such an account or not."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from riskwarn.errors import LockedError
from riskwarn.ledger.tables import TRIES
from riskwarn.store.key import signature

FREE_TRIES = 5
_FIRST_SECONDS, _LONGEST_SECONDS = 60, 3600
_FORGET = dt.timedelta(days=1)


def locked_seconds(n_tries: int) -> int:
    """How long a name is locked after so many tries in vain: not for the first five, then a minute, and twice as long each time.

    Examples
    --------
    >>> [locked_seconds(n) for n in (4, 5, 6, 7, 20)]
    [0, 60, 120, 240, 3600]
    """
    over = n_tries - FREE_TRIES
    return 0 if over < 0 else min(_FIRST_SECONDS << min(over, 10), _LONGEST_SECONDS)


@dataclass(frozen=True)
class Lockout:
    """The tries of a store; a digest of the name is kept."""

    folder: Path
    clock: Callable[[], dt.datetime]

    def count(self, link: sa.Connection, name: str) -> None:
        """Count a try before it is made.

        Raises
        ------
        LockedError
            The name is locked; the try is not counted, so that who waits gets in.
        """
        now, digest = self.clock(), self._digest(name)
        link.execute(sa.delete(TRIES).where(TRIES.c.last_at < now - _FORGET))
        insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[link.dialect.name]
        link.execute(insert(TRIES).values(digest=digest, n=0, last_at=now).on_conflict_do_nothing())
        row = link.execute(sa.select(TRIES).where(TRIES.c.digest == digest).with_for_update()).first()
        if row is None:  # the name has just been forgotten, by who signed in at the same moment
            return
        left = locked_seconds(row.n) - (now - row.last_at).total_seconds()
        if left > 0:
            raise LockedError("too many tries; wait and try again, or ask who keeps the accounts.", int(left) + 1)
        link.execute(sa.update(TRIES).where(TRIES.c.digest == digest).values(n=row.n + 1, last_at=now))

    def left(self, link: sa.Connection, name: str) -> int:
        """Seconds for which a name is still locked; 0 where it is not."""
        row = link.execute(sa.select(TRIES).where(TRIES.c.digest == self._digest(name))).first()
        left = locked_seconds(row.n) - (self.clock() - row.last_at).total_seconds() if row else 0
        return max(int(left), 0)

    def forget(self, link: sa.Connection, name: str) -> None:
        """Forget the tries of a name."""
        link.execute(sa.delete(TRIES).where(TRIES.c.digest == self._digest(name)))

    def _digest(self, name: str) -> str:
        return signature(self.folder, f"try|{name}".encode())
