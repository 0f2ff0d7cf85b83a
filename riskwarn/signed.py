"""Messages that carry their signature, as Standard Webhooks has them [1]_: who holds the secret can tell that a message is ours, and when.

Signed is ``ID.TIMESTAMP.BODY`` with HMAC-SHA256. A message that is sent again keeps its id and has a new timestamp, so a receiver drops
what it has and refuses what is old.

References
----------
.. [1] Standard Webhooks 1.0.0, https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from riskwarn.calling import checked
from riskwarn.errors import DefinitionError, SignatureError

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE_SECONDS = 300
"""How far the clock of a receiver may be from the sender's."""
_PREFIX, _VERSION = "whsec_", "v1,"
_LEAST_BYTES, _MOST_BYTES = 24, 64
_LONGEST = 4096
"""Characters of a header that are looked at."""


def secrets_of(text: str) -> list[bytes]:
    """The secrets that a text holds, one or, while one follows another, several with blanks between.

    Parameters
    ----------
    text
        Each secret as ``whsec_`` and 24 to 64 bytes in base64.

    Returns
    -------
    secrets
        At least one.

    Raises
    ------
    DefinitionError
        There is none, or one is none. It is not repeated.

    Examples
    --------
    >>> len(secrets_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")[0])
    24
    """
    if not (words := text.split()):
        raise DefinitionError("the secret is empty; wanted whsec_ and 24 to 64 random bytes in base64.")
    return [_secret(word) for word in words]


def _secret(word: str) -> bytes:
    try:
        secret = base64.b64decode(word.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    is_random = _LEAST_BYTES <= len(secret) <= _MOST_BYTES and len(set(secret)) >= _LEAST_BYTES // 3
    if not (word.startswith(_PREFIX) and is_random):
        raise DefinitionError("the secret is none; wanted whsec_ and 24 to 64 random bytes in base64.")
    return secret


@checked
def signed(secret: str, message_id: str, body: bytes, *, at: int | None = None) -> dict[str, str]:
    """The headers of a message.

    Parameters
    ----------
    secret
        As :func:`secrets_of` takes it; each signs.
    message_id
        Of the message, the same whenever it is sent.
    body
        As it is sent.
    at
        Seconds since 1970; now by default.

    Returns
    -------
    headers
        ``webhook-id``, ``webhook-timestamp`` and ``webhook-signature``.

    Raises
    ------
    DefinitionError
        The secret is none.

    Examples
    --------
    The example of the standard:

    >>> headers = signed("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', at=1614265330)
    >>> headers["webhook-signature"]
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
    """
    stamp = str(int(time.time()) if at is None else at)
    made = [_VERSION + _signature(one, message_id, stamp, body) for one in secrets_of(secret)]
    return {ID: message_id, TIMESTAMP: stamp, SIGNATURE: " ".join(made)}


def _signature(secret: bytes, message_id: str, stamp: str, body: bytes) -> str:
    told = f"{message_id}.{stamp}.".encode("utf-8", "surrogatepass") + body
    return base64.b64encode(hmac.new(secret, told, hashlib.sha256).digest()).decode()


@checked
def verify_webhook(
    headers: Mapping[str, str],
    body: bytes,
    secret: str,
    *,
    tolerance_seconds: float = TOLERANCE_SECONDS,
    now: float | None = None,
) -> dict[str, Any]:
    """A message that was received, once it is proved to be from who holds the secret, whole and recent.

    Parameters
    ----------
    headers
        Of the request; case of the names is passed over.
    body
        As it arrived, not read and written again.
    secret
        As :func:`secrets_of` takes it; of several any will do.
    tolerance_seconds
        How far the message's time may be from now.
    now
        Seconds since 1970; the machine's clock by default.

    Returns
    -------
    message
        ``type``, ``timestamp`` and ``data`` of the body, and ``id``: keep it, and drop a message whose id was there before.

    Raises
    ------
    SignatureError
        A header is missing, the signature is of something else, or the message is old.
    DefinitionError
        The secret is none.

    Examples
    --------
    >>> secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"type": "ping"}'
    >>> verify_webhook(signed(secret, "msg_1", body), body, secret)["type"]
    'ping'
    >>> verify_webhook(signed(secret, "msg_1", body), body + b" ", secret)
    Traceback (most recent call last):
    riskwarn.errors.SignatureError: the signature is not of this message and secret; take nothing from it.
    """
    told = {name.lower(): value for name, value in headers.items() if len(value) <= _LONGEST}
    if lacking := [name for name in (ID, TIMESTAMP, SIGNATURE) if not told.get(name)]:
        raise SignatureError(f"the header {lacking[0]} is missing; take nothing from it.")
    known = [_signature(one, told[ID], told[TIMESTAMP], body) for one in secrets_of(secret)]
    given = list(_given(told[SIGNATURE]))
    if not any([hmac.compare_digest(a.encode(), b.encode()) for a in known for b in given]):  # noqa: C419 - all are compared
        raise SignatureError("the signature is not of this message and secret; take nothing from it.")
    # ascii digits, as signed: only who holds the secret comes this far
    seconds = abs((time.time() if now is None else now) - int(told[TIMESTAMP]))
    if seconds > tolerance_seconds:
        raise SignatureError(
            f"the message is {seconds:,.0f} s from now, at most {tolerance_seconds:g} are taken; set the clock, or it was sent again by others."
        )
    return {**json.loads(body), "id": told[ID]}


def _given(header: str) -> Iterator[str]:
    """The signatures of a header that are of the version known here."""
    return (word.removeprefix(_VERSION) for word in header.split() if word.startswith(_VERSION))
