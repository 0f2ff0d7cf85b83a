"""Roles and purposes: which permissions each holds, read from ``roles.toml``."""

from collections.abc import Iterator
from dataclasses import field
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from riskwarn.calling import checked
from riskwarn.declaring import Flag, Name, Positive, Text, declared, read, read_toml
from riskwarn.errors import NotFoundError, did_you_mean

SHIPPED = Path(__file__).with_name("roles.toml")
ANYONE = "anyone"
"""The permission that nobody needs to hold."""
OF_NIGHTS = frozenset(
    {
        "scores:read",
        "cases:read",
        "totals:read",
        "gaps:read",
        "alerts:read",
        "outcomes:read",
        "review:read",
        "score:run",
        "export",
    }
)
"""Permissions that show what was computed; while a stop holds they open nothing. Feeding back what was done stays open."""
Permission = Annotated[Text, Field(pattern=r"^[a-z]+(:[a-z]+)?$")]


@declared
class Role:
    """What those who have it may do.

    Parameters
    ----------
    name
        The role.
    may
        Its permissions.
    small_counts
        Whether it is shown counts of 1 to 4 as they are.
    """

    name: Name
    may: tuple[Permission, ...]
    small_counts: Flag = False


@declared
class Purpose:
    """What a token may be for, and the permissions it then holds at most."""

    name: Name
    may: tuple[Permission, ...]


@declared
class Roles:
    """Who may what.

    Parameters
    ----------
    permissions
        All there are.
    anonymous
        The role of who sits at the machine while there is no account.
    roles, purposes
        Each with its permissions.
    per_minute
        How often one may ask, by permission; ``*`` is any other, ``failed`` and ``sign_in`` are by address.

    Raises
    ------
    DefinitionError
        A permission or role is named that is not declared, or one is declared twice.
    """

    permissions: tuple[Permission, ...]
    anonymous: Name
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    purposes: tuple[Purpose, ...] = ()
    per_minute: dict[Text, Positive] = field(default_factory=lambda: {"*": 1200.0, "failed": 60.0, "sign_in": 30.0})

    @model_validator(mode="after")
    def _sound(self) -> "Roles":
        if faults := list(_faults(self)):
            raise ValueError("; ".join(faults))
        return self

    @cached_property
    def by_name(self) -> dict[str, Role]:
        """Roles by their names."""
        return {role.name: role for role in self.roles}

    @property
    def of_accounts(self) -> tuple[str, ...]:
        """Names of the roles an account can have."""
        return tuple(name for name in self.by_name if name != self.anonymous)

    def role(self, name: str) -> Role:
        """The role of that name.

        Parameters
        ----------
        name
            Of the role.

        Returns
        -------
        role
            With its permissions.

        Raises
        ------
        NotFoundError
            There is none; the message names those there are.
        """
        if name not in self.by_name:
            raise NotFoundError(
                f"no role {name!r}{did_you_mean(name, self.by_name)}; there are: {', '.join(self.of_accounts)}."
            )
        return self.by_name[name]

    def purpose(self, name: str) -> Purpose:
        """The purpose of that name.

        Parameters
        ----------
        name
            Of the purpose.

        Returns
        -------
        purpose
            With its permissions.

        Raises
        ------
        NotFoundError
            There is none; the message names those there are.
        """
        by_name = {purpose.name: purpose for purpose in self.purposes}
        if name not in by_name:
            raise NotFoundError(f"no purpose {name!r}{did_you_mean(name, by_name)}; there are: {', '.join(by_name)}.")
        return by_name[name]


def _faults(table: Roles) -> Iterator[str]:
    known = set(table.permissions)
    for what, holders in (("role", table.roles), ("purpose", table.purposes)):
        names = [holder.name for holder in holders]
        yield from (f"{what} {name!r} is declared twice" for name in sorted({n for n in names if names.count(n) > 1}))
        for holder in holders:
            for permission in sorted(set(holder.may) - known):
                near = did_you_mean(permission, known)
                yield f"permission {permission!r} of {what} {holder.name!r} is not declared{near}"
    yield from (
        f"per_minute names no permission: {name!r}"
        for name in sorted(set(table.per_minute) - known - {"*", "failed", "sign_in"})
    )
    if lacking := sorted({"*", "failed", "sign_in"} - set(table.per_minute)):
        yield f"per_minute lacks {', '.join(lacking)}"
    if table.anonymous not in {role.name for role in table.roles}:
        yield f"anonymous names no role: {table.anonymous!r}"


@checked
def roles(path: str | Path = SHIPPED) -> Roles:
    """The roles of a file; the shipped ones by default.

    Parameters
    ----------
    path
        TOML, as ``roles.toml`` of the package.

    Returns
    -------
    roles
        Checked; read once.

    Raises
    ------
    NotFoundError
        There is no such file.
    DefinitionError
        It is declared wrongly; one message tells every fault.

    Examples
    --------
    >>> roles().role("auditor").may[0], roles().role("auditor").small_counts
    ('audit:read', False)
    """
    return _read(Path(path))


@cache
def _read(path: Path) -> Roles:
    values, _ = read_toml(path, "table of roles")
    return read(Roles, values, str(path))
