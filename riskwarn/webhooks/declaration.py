"""Who is told what: ``webhooks.toml`` of a store. Secrets stand elsewhere, and no host is spoken to that it does not name."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from riskwarn.calling import checked
from riskwarn.declaring import Name, Positive, Text, Whole, declared, one_of, read, read_toml
from riskwarn.errors import DefinitionError, NotFoundError, did_you_mean
from riskwarn.ledger.actor import CITY
from riskwarn.signed import secrets_of
from riskwarn.store.key import read_private
from riskwarn.webhooks.target import Network, Target, address_of, is_host, network_of, target_of

FILE = "webhooks.toml"
EVENTS = ("night", "overdue")
"""What can be told: a night was published; an alert, a gap or a card is past its time."""
Port = Annotated[Whole, Field(ge=1, le=65_535)]


@declared
class Host:
    """A host that may be spoken to.

    Parameters
    ----------
    name
        In small letters, or an IP address; as it stands in the addresses of the webhooks.
    ports
        At which it is spoken to.
    plain
        Whether ``http`` will do; the host is then one of an own network.
    networks
        Addresses or networks of one's own (``10.3.0.0/16``) in which all its addresses lie. Where none is named all of them have to be
        public.
    authority
        File in the store with the certificates (PEM) by which it is known, where no public authority vouches for it.

    Raises
    ------
    DefinitionError
        The name is none, or a network is not one's own.
    """

    name: Text
    ports: tuple[Port, ...] = (443,)
    plain: Annotated[bool, Field(strict=True)] = False
    networks: tuple[Text, ...] = ()
    authority: Text = ""

    @model_validator(mode="after")
    def _sound(self) -> "Host":
        if not is_host(self.name):
            raise ValueError(
                "name: wanted the name of a host in small letters, or an IP address in its common spelling"
            )
        for text in self.networks:
            if network_of(text) is None:
                raise ValueError(
                    f"networks: wanted private addresses or networks such as 10.3.0.0/16, or loopback; got {text[:60]!r}"
                )
        if (self.plain or address_of(self.name) is not None) and not self.networks:
            raise ValueError(
                f"{'plain' if self.plain else 'name'}: name the networks of one's own in which {self.name} lies"
            )
        return self

    @property
    def own(self) -> tuple[Network, ...]:
        """The networks, read."""
        return tuple(n for n in map(network_of, self.networks) if n is not None)


@declared
class Webhook:
    """Who is told what.

    Parameters
    ----------
    name
        By which it is known here.
    url
        ``https://HOST[:PORT]/PATH``, in the one spelling; no query, since what is secret belongs in the signature.
    events
        ``night`` and ``overdue``, or one of them.
    area
        Code of the area that is spoken of, with what lies below; ``*`` is the whole city.
    secret_env, secret_file
        Where the secret stands: an environment variable, or a file in the store (or with its whole path) that nobody else can read.
    seconds
        How long a receiver may take.
    give_up_hours
        How long a message is told again; then it is given up, and ``riskwarn doctor`` says so.

    Raises
    ------
    DefinitionError
        The address is not one that may be told, or not one place of the secret is named.
    """

    name: Name
    url: Text
    events: tuple[Annotated[Text, one_of(EVENTS)], ...] = EVENTS
    area: Annotated[Text, Field(pattern=r"^(\*|[A-Za-z0-9._:\-]{1,32})$")] = CITY
    secret_env: Annotated[Text, Field(pattern=r"^[A-Za-z_0-9]*$")] = ""
    secret_file: Text = ""
    seconds: Annotated[Positive, Field(le=60)] = 10
    give_up_hours: Annotated[Positive, Field(le=24 * 30)] = 72

    @model_validator(mode="after")
    def _sound(self) -> "Webhook":
        if target_of(self.url) is None:
            raise ValueError(
                f"url: wanted https://HOST[:PORT]/PATH in small letters, without user, query, fragment, '%', '//' or '..' (webhook {self.name!r})"
            )
        if bool(self.secret_env) == bool(self.secret_file):
            raise ValueError(
                f"secret_env: name one place of the secret, here or in secret_file; the secret itself never stands here (webhook {self.name!r})"
            )
        return self

    @property
    def target(self) -> Target:
        """The address, read."""
        found = target_of(self.url)
        assert found is not None
        return found


@declared
class Webhooks:
    """The whole file.

    Parameters
    ----------
    hosts
        Who may be spoken to, and nobody else.
    webhooks
        Who is told what.
    link
        Address under which people open the pages, such as ``https://risk.example``; messages lead there. Without one they lead nowhere.

    Raises
    ------
    DefinitionError
        A name stands twice, or an address leads to a host, port or scheme that is not declared.
    """

    hosts: tuple[Host, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    link: Text = ""

    @model_validator(mode="after")
    def _sound(self) -> "Webhooks":
        for what, names in (("host", [h.name for h in self.hosts]), ("webhook", [w.name for w in self.webhooks])):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{what}s: {twice[0]!r} is declared twice")
        if self.link and target_of(self.link) is None:
            raise ValueError("link: wanted the address of the pages, such as https://risk.example")
        for webhook in self.webhooks:
            if fault := self._fault(webhook):
                raise ValueError(f"webhooks: {webhook.name}: {fault}")
        return self

    def _fault(self, webhook: Webhook) -> str:
        target = webhook.target
        host = next((h for h in self.hosts if h.name == target.host), None)
        if host is None:
            return f"the host {target.host} is not declared{did_you_mean(target.host, [h.name for h in self.hosts])}; add it to [[hosts]]"
        if target.port not in host.ports:
            return f"port {target.port} of {host.name} is not declared; its ports: {', '.join(map(str, host.ports))}"
        return "http wants a host that is declared plain" if target.scheme == "http" and not host.plain else ""

    def host_of(self, webhook: Webhook) -> Host:
        """The host of a webhook.

        Parameters
        ----------
        webhook
            Of this file.

        Returns
        -------
        host
            It is declared.
        """
        return next(h for h in self.hosts if h.name == webhook.target.host)

    @checked
    def webhook(self, name: str) -> Webhook:
        """The webhook of that name.

        Parameters
        ----------
        name
            As the file has it.

        Returns
        -------
        webhook
            Declared.

        Raises
        ------
        NotFoundError
            There is none; the message names those there are.
        """
        names = [w.name for w in self.webhooks]
        if name not in names:
            raise NotFoundError(
                f"no webhook {name!r}{did_you_mean(name, names)}; there are: {', '.join(names) or 'none'}."
            )
        return self.webhooks[names.index(name)]


@checked
def load_webhooks(folder: Path) -> Webhooks:
    """What a store declares; nothing where it has no ``webhooks.toml``.

    Parameters
    ----------
    folder
        Of the store.

    Returns
    -------
    webhooks
        Checked. Where names of hosts lead is looked at when they are spoken to.

    Raises
    ------
    DefinitionError
        The file is wrong; one message tells every fault.
    """
    place = folder / FILE
    return read(Webhooks, read_toml(place, "file of webhooks")[0], FILE) if place.is_file() else Webhooks()


def secret_of(folder: Path, webhook: Webhook) -> str:
    """The secret of a webhook, from where it stands.

    Raises
    ------
    DefinitionError
        It is not there, can be read by others, or is none. It is never repeated.
    """
    try:
        text = (
            os.environ.get(webhook.secret_env, "")
            if webhook.secret_env
            else read_private(folder / webhook.secret_file).decode("ascii", "replace")
        )
        secrets_of(text)
    except OSError as error:
        raise DefinitionError(
            f"webhook {webhook.name}: {webhook.secret_file} cannot be read: {error.strerror}."
        ) from None
    except DefinitionError as error:
        said = f"{webhook.secret_env}: {error}" if webhook.secret_env else error
        raise DefinitionError(f"webhook {webhook.name}: {said}") from None
    return text
