"""Passwords: kept as argon2id hashes, and refused where anyone would try them first."""

import hmac
from functools import cache
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from riskwarn.errors import DataError

SHORTEST, LONGEST = 12, 1024
_FEWEST_LETTERS = 5
_COMMON = ("password", "passw0rd", "123456", "qwerty", "admin", "letmein", "riskwarn", "changeme", "default", "secret")
HASHER = PasswordHasher()
"""argon2id at the second recommendation of RFC 9106: 64 MiB, three passes."""


def check_password(password: str, name: str = "") -> None:
    """Refuse a password that is missing, short, or one of those that are tried first.

    Raises
    ------
    DataError
        The message says what is wanted and never repeats the password.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise DataError(f"a password has {SHORTEST} to {LONGEST} letters, got {len(password)}.")
    folded = password.casefold()
    if name and name in folded:
        raise DataError("a password does not hold the name of its account.")
    rest = folded
    for word in _COMMON:
        rest = rest.replace(word, "")
    if len(set(folded)) < _FEWEST_LETTERS or len(rest) < SHORTEST // 2 or _is_a_row(folded):
        raise DataError(
            "that password is one of those that are tried first; take a sentence, or what a generator gives."
        )


def _is_a_row(text: str) -> bool:
    """Whether each letter follows the one before it, as in 123456789012."""
    steps = {ord(b) - ord(a) for a, b in pairwise(text)}
    return len(steps - {1, -9}) == 0 or len(steps - {-1, 9}) == 0


def hashed(password: str) -> str:
    """What is kept of a password."""
    return HASHER.hash(_bytes(password))


def fits(kept: str, password: str) -> bool:
    """Whether a password is the one that was kept; takes as long where none was."""
    try:
        return HASHER.verify(kept or _of_nobody(), _bytes(password)) and bool(kept)
    except (VerificationError, InvalidHashError):
        return False


def is_old(kept: str) -> bool:
    """Whether a hash was made with other costs than those of now."""
    return HASHER.check_needs_rehash(kept)


def same(one: str, other: str) -> bool:
    """Whether two secrets are the same, in a time that does not tell how far they are."""
    return hmac.compare_digest(one.encode(), other.encode())


def _bytes(password: str) -> bytes:
    """A password as it is hashed; half a character that a broken client sent is one like any other."""
    return password.encode("utf-8", "surrogatepass")


@cache
def _of_nobody() -> str:
    """What is compared where there is no such account."""
    return HASHER.hash("the password of nobody")
