"""The pass that cron or the server makes: what waits is sent, each receiver by itself, so that a dead one keeps no other waiting."""

import datetime as dt
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Self

import pandas as pd

from riskwarn import __version__
from riskwarn.calling import checked
from riskwarn.errors import DeliveryError, RiskwarnError
from riskwarn.ledger import Ledger
from riskwarn.signed import signed
from riskwarn.store import Store
from riskwarn.webhooks.declaration import Webhook, Webhooks, load_webhooks, secret_of
from riskwarn.webhooks.deliveries import Clock, claim, hand_over, has_ledger, note_fault, note_taken
from riskwarn.webhooks.payload import PING, body_of
from riskwarn.webhooks.posting import Answer, Resolve, post, resolve

log = logging.getLogger(__name__)
EVERY_SECONDS = 15.0
"""How often the server looks whether something waits."""
PASS_SECONDS = 60.0
"""After which a receiver gets no further message in a pass, however quickly it takes them."""
_AT_ONCE = 8
_GONE = 410
_OF_THE_MESSAGE = frozenset({400, 409, 413, 415, 422})
"""Answers that speak of one message; any other refusal is one of the receiver, which gets no further message in the pass."""
_MOST = 1000
"""Messages that one receiver gets in a pass."""


@dataclass(frozen=True)
class Sent:
    """What a pass did for a webhook.

    Attributes
    ----------
    name
        Of the webhook.
    taken, later, given_up
        Messages that were taken, that are sent again later, and that are not.
    fault
        Why the last one was not taken.
    """

    name: str
    taken: int = 0
    later: int = 0
    given_up: int = 0
    fault: str = ""


def _utc() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@checked
def send(
    ledger: Ledger,
    declared: Webhooks,
    *,
    clock: Clock = _utc,
    resolver: Resolve = resolve,
    seconds: float = PASS_SECONDS,
    ended: threading.Event | None = None,
) -> list[Sent]:
    """Send what waits and is due. Safe to run at any time, and by several at once.

    Parameters
    ----------
    ledger
        Of the store.
    declared
        Who is told what.
    clock
        Tells the present instant in UTC.
    resolver
        Gives the addresses of a name.
    seconds
        After which a receiver gets no further message; what is being sent then is sent.
    ended
        Once it is set nobody gets a further message; none by default.

    Returns
    -------
    sent
        One for each webhook, in their order. A receiver that does not answer, or refuses whatever comes, costs its own pass the seconds
        of one message, and no other anything; what else waits for it is sent in a later pass.
    """
    hand_over(ledger, declared, clock())
    ended = threading.Event() if ended is None else ended
    one = partial(_pass, ledger, declared, clock=clock, resolver=resolver, seconds=seconds, ended=ended)
    return _side_by_side(one, declared.webhooks)


def _side_by_side(one: Callable[[Webhook], Sent], webhooks: Sequence[Webhook]) -> list[Sent]:
    """What each gives, some at once; on threads that keep no process from ending, as those of a pool would."""
    waiting: queue.SimpleQueue[tuple[Webhook, Future[Sent]]] = queue.SimpleQueue()
    futures: list[Future[Sent]] = [Future() for _ in webhooks]
    for pair in zip(webhooks, futures, strict=True):
        waiting.put(pair)

    def work() -> None:
        with suppress(queue.Empty):
            while True:
                webhook, future = waiting.get_nowait()
                try:
                    future.set_result(one(webhook))
                except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
                    future.set_exception(error)

    for n in range(min(_AT_ONCE, len(webhooks))):
        threading.Thread(target=work, name=f"webhook-{n}", daemon=True).start()
    return [future.result() for future in futures]


def _pass(
    ledger: Ledger,
    declared: Webhooks,
    webhook: Webhook,
    *,
    clock: Clock,
    resolver: Resolve,
    seconds: float,
    ended: threading.Event,
) -> Sent:
    """Send to one receiver until nothing is due, its time is over, or it does not answer or refuses whatever comes."""
    counts, fault, until = {"taken": 0, "later": 0, "given_up": 0}, "", time.monotonic() + seconds
    while sum(counts.values()) < _MOST and time.monotonic() < until and not ended.is_set():
        if (claimed := claim(ledger, webhook, clock())) is None:
            break
        try:
            answer = _post(ledger.store, declared, webhook, claimed.delivery_id, claimed.body, clock(), resolver)
        except RiskwarnError as error:
            answer, fault = None, str(error)
        if answer is not None and answer.taken:
            note_taken(ledger, claimed, clock())
            counts["taken"] += 1
            continue
        fault = fault if answer is None else _refusal(answer)
        wait, gone = (answer.retry_after, answer.status == _GONE) if answer is not None else (0, False)
        dead = note_fault(ledger, webhook, claimed, fault, clock(), wait=wait, gone=gone)
        counts["given_up" if dead else "later"] += 1
        if answer is None or answer.status not in _OF_THE_MESSAGE:
            break
    return Sent(webhook.name, **counts, fault=fault)


def _refusal(answer: Answer) -> str:
    why = {3: "a redirect, which is not followed", 4: "it does not want the message", 5: "it has a fault"}
    return f"answered {answer.status}: {why.get(answer.status // 100, 'no answer to a message')}."


def _post(
    store: Store, declared: Webhooks, webhook: Webhook, message_id: str, body: str, at: dt.datetime, resolver: Resolve
) -> Answer:
    raw = body.encode()
    headers = signed(secret_of(store.path, webhook), message_id, raw, at=int(at.timestamp()))
    told = {"Content-Type": "application/json", "User-Agent": f"riskwarn/{__version__}", **headers}
    host = declared.host_of(webhook)
    return post(webhook.target, host, raw, told, seconds=webhook.seconds, folder=store.path, resolver=resolver)


@checked
def send_test(
    store: Store, declared: Webhooks, name: str, *, clock: Clock = _utc, resolver: Resolve = resolve
) -> Answer:
    """Send a message of type ``ping`` to one receiver, now and once.

    Parameters
    ----------
    store
        The city.
    declared
        Who is told what.
    name
        Of the webhook.
    clock
        Tells the present instant in UTC.
    resolver
        Gives the addresses of a name.

    Returns
    -------
    answer
        It took the message.

    Raises
    ------
    NotFoundError
        There is no such webhook.
    DefinitionError
        Its secret is not there.
    DeliveryError
        It may not be spoken to, does not answer, or does not take the message.
    """
    webhook, at = declared.webhook(name), clock()
    body = body_of(PING, pd.Timestamp(at), {"area": webhook.area})
    answer = _post(store, declared, webhook, f"msg_ping_{int(at.timestamp() * 1e6):x}", body, at, resolver)
    if not answer.taken:
        raise DeliveryError(f"{name}: {_refusal(answer)}")
    return answer


class Sender:
    """Sends beside the server what waits, for as long as the block lasts; what goes wrong is logged and keeps nothing from being served.

    Parameters
    ----------
    store
        The city.
    every_seconds
        How often it looks.
    sender
        Makes one pass, as :func:`send` does.
    """

    def __init__(
        self, store: Store, *, every_seconds: float = EVERY_SECONDS, sender: Callable[..., object] = send
    ) -> None:
        self.store, self.every_seconds, self.sender = store, every_seconds, sender
        self._ended, self._last = threading.Event(), ""
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End, and wait for no receiver; what is being sent has its lease, and is sent again by the next who looks."""
        self._ended.set()
        self._thread.join(timeout=1.0)

    def _run(self) -> None:
        while not self._ended.wait(self.every_seconds):
            try:
                self._look()
                self._last = ""
            except Exception as error:  # noqa: BLE001 - a fault of a webhook ends no server
                said = " ".join(str(error).split()) or type(error).__name__
                if said != self._last:  # told once while it lasts
                    log.warning("webhooks: %s", said)
                self._last = said

    def _look(self) -> None:
        declared = load_webhooks(self.store.path)
        if not declared.webhooks or not has_ledger(self.store):
            return
        with Ledger(self.store) as ledger:
            self.sender(ledger, declared, ended=self._ended)
