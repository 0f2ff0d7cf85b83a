"""Whether the register is as it was written."""

import hmac
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError, NotFoundError, RiskwarnError
from riskwarn.register.seal import (
    FIRST,
    Seal,
    content_of,
    content_or_none,
    digest_of,
    hash_of,
    lines_of,
    sealed_content,
)
from riskwarn.store import Store, signature


@dataclass(frozen=True)
class Verified:
    """What :func:`verify` found: the lines there are, the `head` (number and hash of the last) and each fault in a sentence."""

    n: int
    head: str
    faults: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


@checked
def verify(store: Store, *, head: str = "") -> Verified:
    """Whether the register is as it was written, and what was sealed is as it was sealed.

    Parameters
    ----------
    store
        The city.
    head
        A head that was kept elsewhere, as ``12:9f…``; it must still be in the register.

    Returns
    -------
    verified
        Number of lines, head, faults.

    Raises
    ------
    DataError
        The register cannot be read at all.
    """
    lines = lines_of(store)
    own = [line for line in lines if _is_own(store, line)]
    faults = [
        *_faults_of_chain(store, lines),
        *_faults_of_head(lines, head),
        *_faults_of_contents(store, own),
        *_faults_of_nights(store, own),
    ]
    last = f"{lines[-1].n}:{lines[-1].hash}" if lines else ""
    return Verified(len(lines), last, tuple(faults))


def _is_own(store: Store, line: Seal) -> bool:
    """Whether a line is as this store wrote it."""
    return str(line.hash) == hash_of(line) and _is_signed(store, line)


def _is_signed(store: Store, line: Seal) -> bool:
    return hmac.compare_digest(
        str(line.signed).encode("utf-8", "surrogatepass"), signature(store.path, str(line.hash).encode()).encode()
    )


def _faults_of_chain(store: Store, lines: list[Seal]) -> Iterator[str]:
    before, then = FIRST, ""
    for number, line in enumerate(lines, start=1):
        if line.n != number or line.before != before or line.hash != hash_of(line):
            yield f"line {number} of the register does not follow from the line before: it was changed, taken away or put in."
            return
        if not _is_signed(store, line):
            yield f"line {number} of the register is not signed with the key of this store."
            return
        if then and pd.Timestamp(line.sealed_at) < pd.Timestamp(then):
            yield f"line {number} of the register is older than the line before: a clock was put back."
        before, then = line.hash, line.sealed_at


def _faults_of_head(lines: list[Seal], head: str) -> Iterator[str]:
    if head and head not in {f"{line.n}:{line.hash}" for line in lines}:
        yield f"head {head[:20]}… is not in the register: lines were taken away or written anew since it was kept."


def _faults_of_contents(store: Store, lines: list[Seal]) -> Iterator[str]:
    """What was sealed, and what the night still shows of it, against the digest."""
    for line in lines:
        try:
            sealed_content(store, line)
        except NotFoundError:
            pass  # grown old, and scored long ago
        except DataError as error:
            yield str(error)
        if _published_otherwise(store, line):
            yield f"the night of {line.as_of[:10]}, run {line.run}, does not show what was sealed for it."


def _faults_of_nights(store: Store, lines: list[Seal]) -> Iterator[str]:
    """Nights that are published and stand in no line: the end of a chain cannot say that something followed."""
    sealed = {(line.as_of, line.run) for line in lines}
    for at in store.nights():
        run = store.run_of(at)
        if (at.isoformat(), run) not in sealed and content_or_none(store.night(at)) is not None:
            yield f"the night of {at:%Y-%m-%d}, run {run}, is published and stands in no sound line: it was not sealed yet, or its line was taken away."


def _published_otherwise(store: Store, line: Seal) -> bool:
    try:
        return digest_of(content_of(store.night(line.as_of, line.run))) != line.digest
    except RiskwarnError:
        return False  # pruned, or damaged, which the doctor tells
