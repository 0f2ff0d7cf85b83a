"""Who asks, what for, and what is permitted."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from riskwarn.access.area import in_area
from riskwarn.access.role import Roles
from riskwarn.calling import checked
from riskwarn.ledger.actor import CITY, Actor

Way = Literal["machine", "page", "token", "proxy"]
"""How a visitor came in: at the machine itself, by a sign-in page, with a token, or named by a trusted proxy."""


@dataclass(frozen=True)
class Visitor:
    """Who asks.

    Attributes
    ----------
    actor
        Role, area and digest of the account: what the ledger takes.
    permissions
        What is permitted: those of the role, for a token those it was made for, within its purpose.
    small_counts
        Whether counts of 1 to 4 are shown as they are.
    purpose
        Of the token; empty where there is none.
    way
        How the visitor came in.
    token_id
        Name of the token; empty where there is none.
    account
        Name of the account, to be shown to its owner alone; never logged.
    """

    actor: Actor
    permissions: frozenset[str]
    small_counts: bool = False
    purpose: str = ""
    way: Way = "machine"
    token_id: str = ""
    account: str = field(default="", repr=False)

    def may(self, permission: str) -> bool:
        """Whether a permission is held.

        Parameters
        ----------
        permission
            Of ``roles.toml``.

        Returns
        -------
        held
            False for one there is not.
        """
        return permission in self.permissions

    @property
    def area(self) -> str:
        """Code of the area that is seen, with what lies below; ``*`` is the whole city."""
        return self.actor.area

    @property
    def sees_all(self) -> bool:
        """Whether the whole city is seen."""
        return self.actor.area == CITY

    def sees(self, table: pd.DataFrame) -> np.ndarray:
        """Which rows of a table are in the visitor's area.

        Parameters
        ----------
        table
            As :func:`riskwarn.access.in_area` takes it.

        Returns
        -------
        mask
            (n,) True where the row is in the area.
        """
        return in_area(table, self.actor.area)


@checked
def visitor_of(
    table: Roles,
    actor: Actor,
    *,
    scopes: Collection[str] | None = None,
    purpose: str = "",
    way: Way = "page",
    token_id: str = "",
    account: str = "",
) -> Visitor:
    """The visitor that an actor is.

    Parameters
    ----------
    table
        The roles.
    actor
        Who acts.
    scopes
        Of the token; all permissions of the role by default.
    purpose
        Of the token.
    way
        How the visitor came in.
    token_id
        Name of the token.
    account
        Name of the account.

    Returns
    -------
    visitor
        With the permissions that role, scopes and purpose have in common.

    Raises
    ------
    NotFoundError
        There is no such role or purpose.

    Examples
    --------
    >>> from riskwarn.access import roles
    >>> sorted(visitor_of(roles(), Actor("admin"), scopes=["feeds:read", "scores:read"], purpose="operations").permissions)
    ['feeds:read']
    """
    role = table.role(actor.role)
    held = frozenset(role.may)
    held = held if scopes is None else held & frozenset(scopes)
    held = held & frozenset(table.purpose(purpose).may) if purpose else held
    return Visitor(actor, held, role.small_counts, purpose, way, token_id, account)


def at_the_machine(table: Roles) -> Visitor:
    """Who sits at the machine while there is no account.

    Parameters
    ----------
    table
        The roles.

    Returns
    -------
    visitor
        With the permissions of the anonymous role.
    """
    return visitor_of(table, Actor(table.anonymous), way="machine")
