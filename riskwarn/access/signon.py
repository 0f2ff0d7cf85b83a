"""Single sign-on as a store declares it: which issuer vouches for people, and what its groups may do here."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, model_validator

from riskwarn.access.accounts import Account, Accounts
from riskwarn.calling import checked
from riskwarn.declaring import Name, Text, declared, read, read_toml
from riskwarn.errors import DataError, DefinitionError, ForbiddenError, NotFoundError
from riskwarn.ledger.actor import CITY
from riskwarn.ledger.listing import check_area
from riskwarn.store.key import read_private, signature

FILE = "sign_on.toml"
"""Beside the tables of a store; where it lacks, only local accounts sign in."""
SECRET = "RISKWARN_OIDC_SECRET"  # noqa: S105 - the name of a variable
"""Variable that holds the secret of the client, where no file does."""
PREFIX = "sso-"
"""With which the name of an account that an issuer vouches for begins."""
_LETTERS = str.maketrans("0123456789", "ghijklmnop")
"""Digits of a digest in letters: a run of digits may look like a telephone number, which no account is named by."""
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_SHORTEST_SECRET, _FEWEST_LETTERS = 16, 8
_MOST_GROUPS = 1000
Address = Annotated[Text, Field(min_length=1, max_length=500)]
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"]
"""Signatures with a key of which the issuer alone holds the private half."""


@declared
class Group:
    """What a group of the issuer may do here.

    Parameters
    ----------
    name
        As the issuer names it.
    role, area
        What its members may do, and where.
    """

    name: Annotated[Text, Field(min_length=1, max_length=200)]
    role: Name
    area: Text = CITY


@declared
class SignOn:
    """Single sign-on by OpenID Connect.

    Parameters
    ----------
    issuer
        Its address, ``https``, letter for letter as the issuer names itself.
    client_id
        Name under which it knows this service.
    address
        Under which people open these pages, root path included; the issuer sends them back to ``<address>/sign-in/sso/back``.
    groups
        The first that somebody belongs to counts; who belongs to none has no access.
    groups_claim
        Where the ID token names the groups; dots lead into nested objects (``realm_access.roles``).
    scopes
        What is asked for beside ``openid``.
    algorithms
        By which an ID token may be signed.
    hosts
        Other hosts on which the issuer's endpoints may lie; its own always.
    secret_file
        Holds the secret of the client; else the variable ``RISKWARN_OIDC_SECRET`` does, and without both it is a public client.
    ca_file
        Certificates by which the issuer is known, where it is not those of the system.

    Raises
    ------
    DefinitionError
        An address is none, or not ``https``; plain ``http`` is for this machine alone.
    """

    issuer: Address
    client_id: Annotated[Text, Field(min_length=1, max_length=200)]
    address: Address
    groups: Annotated[tuple[Group, ...], Field(min_length=1)]
    groups_claim: Annotated[Text, Field(min_length=1, max_length=200)] = "groups"
    scopes: tuple[Text, ...] = ()
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("RS256",)
    hosts: tuple[Text, ...] = ()
    secret_file: Text = ""
    ca_file: Text = ""

    @model_validator(mode="after")
    def _sound(self) -> "SignOn":
        for key in ("issuer", "address"):
            if not is_safe(getattr(self, key)):
                raise ValueError(f"{key}: wanted an https address without query, got {getattr(self, key)!r}")
        names = [group.name for group in self.groups]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"groups: {', '.join(twice)} is declared twice; the first would count")
        return self

    @property
    def back(self) -> str:
        """Where the issuer sends people back to."""
        return self.address.rstrip("/") + "/sign-in/sso/back"

    def reaches(self, address: object) -> bool:
        """Whether an endpoint may be asked: safe, and on a host of the issuer.

        Parameters
        ----------
        address
            As the issuer names it.

        Returns
        -------
        reaches
            False for what is no address.
        """
        if not isinstance(address, str) or not is_safe(address, query=True):
            return False
        return _host(address) in {_host(self.issuer), *(host.lower() for host in self.hosts)}


def is_safe(address: str, *, query: bool = False) -> bool:
    """Whether an address is ``https``, or ``http`` to this machine itself, with a host, nobody's name, and no part behind ``#``.

    Examples
    --------
    >>> [is_safe(a) for a in ("https://id.example/realms/c", "http://127.0.0.1:8080", "http://id.example", "https://a@id.example")]
    [True, True, False, False]
    """
    parts = _parts(address)
    if parts is None or not parts.hostname or "@" in parts.netloc or "#" in address or not _is_plain(address):
        return False
    if parts.query and not query:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def _is_plain(address: str) -> bool:
    return address.isascii() and address.isprintable() and not {" ", "\\"} & set(address)


def _parts(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _host(address: str) -> str:
    """Host and port; one host may carry services of different people."""
    parts = urlsplit(address)
    return parts.netloc.lower().removesuffix(":443") if parts.scheme == "https" else parts.netloc.lower()


@checked
def read_sign_on(accounts: Accounts) -> SignOn | None:
    """The single sign-on that a store declares.

    Parameters
    ----------
    accounts
        Of the store.

    Returns
    -------
    sign_on
        None where the store has no ``sign_on.toml``.

    Raises
    ------
    DefinitionError
        It is declared wrongly, or gives a group a role or an area that cannot be given.
    """
    place = accounts.store.path / FILE
    if not place.exists():
        return None
    values, _ = read_toml(place, "single sign-on")
    made = read(SignOn, values, str(place))
    for group in made.groups:
        if group.role not in accounts.roles.of_accounts:
            known = ", ".join(accounts.roles.of_accounts)
            raise DefinitionError(f"{place}: group {group.name!r} has the role {group.role!r}; there are: {known}.")
        try:
            check_area(accounts.store, group.area)
        except DataError as error:
            raise DefinitionError(f"{place}: group {group.name!r}: {error}") from None
    return made


@checked
def secret_of(sign_on: SignOn) -> str:
    """The secret of the client, from its file or its variable.

    Parameters
    ----------
    sign_on
        As declared.

    Returns
    -------
    secret
        Empty for a public client, which PKCE alone protects.

    Raises
    ------
    DefinitionError
        The file can be read by others, or what it holds is no secret.
    NotFoundError
        There is no such file.
    """
    if not sign_on.secret_file:
        secret, where = os.environ.get(SECRET, "").strip(), SECRET
    else:
        place = Path(sign_on.secret_file)
        where = str(place)
        try:
            secret = read_private(place).decode("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise NotFoundError(f"no secret can be read from {place}; single sign-on needs it.") from None
    if (secret or sign_on.secret_file) and (len(secret) < _SHORTEST_SECRET or len(set(secret)) < _FEWEST_LETTERS):
        raise DefinitionError(f"{where} is no secret: wanted {_SHORTEST_SECRET} letters at least, drawn at random.")
    return secret


@checked
def group_of(sign_on: SignOn, claims: Mapping[str, Any]) -> Group | None:
    """The group by which somebody comes in.

    Parameters
    ----------
    sign_on
        As declared.
    claims
        Of the ID token.

    Returns
    -------
    group
        The first declared one that the claims name; None where they name none.

    Examples
    --------
    >>> city = SignOn("https://id.example", "riskwarn", "https://risk.example", (Group("duty", "shift_leader"),), "realm.roles")
    >>> group_of(city, {"realm": {"roles": ["staff", "duty"]}}).role, group_of(city, {"realm": {"roles": ["staff"]}})
    ('shift_leader', None)
    """
    said: Any = claims.get(sign_on.groups_claim)
    if said is None:
        said = claims
        for key in sign_on.groups_claim.split("."):
            said = said.get(key) if isinstance(said, Mapping) else None
    names = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    there = {name for name in names[:_MOST_GROUPS] if isinstance(name, str)}
    return next((group for group in sign_on.groups if group.name in there), None)


def name_of(folder: Path, sign_on: SignOn, subject: str) -> str:
    """The name of the account of a subject of the issuer: sixteen letters of a digest under the key of the folder."""
    return PREFIX + signature(folder, f"sso|{sign_on.issuer}|{subject}".encode())[:16].translate(_LETTERS)


@checked
def account_of(accounts: Accounts, sign_on: SignOn, claims: Mapping[str, Any]) -> Account:
    """The account of somebody for whom the issuer vouches, made or brought to the role and area of the group.

    Its name is a digest under the store's key: no name of a person is kept, and no local account can be taken over by calling oneself so.

    Parameters
    ----------
    accounts
        Of the store.
    sign_on
        As declared.
    claims
        Of an ID token that was verified.

    Returns
    -------
    account
        Open.

    Raises
    ------
    ForbiddenError
        None of the groups has access, and what the account had before has ended; or the account is closed here.
    """
    name = name_of(accounts.store.path, sign_on, claims["sub"])
    group, known = group_of(sign_on, claims), _known(accounts, name)
    if known is not None and known.disabled:
        raise ForbiddenError("the account is closed here.")
    if group is None:
        if known is not None:
            accounts.change(name)  # its sessions and tokens end
        raise ForbiddenError("none of the groups has access here.")
    if known is None:
        return _made(accounts, name, group)
    if (known.role, known.area) != (group.role, group.area):
        return accounts.change(name, role=group.role, area=group.area)
    return known


def _known(accounts: Accounts, name: str) -> Account | None:
    try:
        return accounts.account(name)
    except NotFoundError:
        return None


def _made(accounts: Accounts, name: str, group: Group) -> Account:
    try:
        return accounts.add(name, "", role=group.role, area=group.area)
    except DataError:
        if (made := _known(accounts, name)) is None:
            raise
        return made  # who signs in twice at once has been made by the other
