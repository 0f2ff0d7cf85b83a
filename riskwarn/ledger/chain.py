"""The chain of transitions: each row carries the SHA-256 of itself and of the row before, and the head is signed with the store's key.

::

    digest(row) = sha256(canonical JSON of the row with the digest of the row before)

Flip, drop or swap a row and a digest does not fit. Cut the tail and the signed head does not fit. Put an older head back with an older
database and the anchor, a copy of the head in the store's folder, does not fit.
"""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain as chained
from pathlib import Path
from typing import Any

import filelock
import sqlalchemy as sa

from riskwarn.ledger.tables import CHAIN, ONLY_GROW, OUTCOMES, TRANSITIONS
from riskwarn.store.key import signature
from riskwarn.store.parquet import write_bytes

START = "0" * 64
"""What stands before the first row."""
ANCHOR = "ledger.head"
HASHED = tuple(c.name for c in TRANSITIONS.columns if c.name != "digest")
_SHOWN = 20


@dataclass(frozen=True)
class Head:
    """The last row of a ledger: its number and digest."""

    ledger: str
    seq: int = 0
    digest: str = START

    def signed(self, folder: Path) -> str:
        """Its signature under the store's key."""
        return signature(folder, f"ledger|{self.ledger}|{self.seq}|{self.digest}".encode())


def digest_of(row: Mapping[str, Any]) -> str:
    """SHA-256, hexadecimal, of a transition as canonical JSON: keys in order, no blanks, times in UTC to the microsecond.

    Examples
    --------
    >>> import datetime as dt
    >>> row = {"seq": 1, "at": dt.datetime(2025, 3, 3, tzinfo=dt.UTC), "before": START}
    >>> digest_of(row) == digest_of({**row, "digest": "of no account"}) != digest_of({**row, "seq": 2})
    True
    """
    plain = {k: v.isoformat(timespec="microseconds") if hasattr(v, "isoformat") else v for k, v in row.items()}
    hashed = {k: plain[k] for k in HASHED if k in plain}
    text = json.dumps(hashed, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def read_head(link: sa.Connection, *, lock: bool = False) -> tuple[Head, str] | None:
    """The head that a ledger tells, with its signature; locked until the transaction ends where asked. None where there is none."""
    asked = sa.select(CHAIN.c.ledger, CHAIN.c.seq, CHAIN.c.digest, CHAIN.c.signature)
    row = link.execute(asked.with_for_update() if lock else asked).first()
    return None if row is None else (Head(row.ledger, row.seq, row.digest), row.signature)


def read_anchor(folder: Path) -> Head | None:
    """The anchor of a store where it is signed by the store; none where there is none, or it is not."""
    try:
        body = json.loads((folder / ANCHOR).read_text("utf-8"))
        head = Head(str(body["ledger"]), int(body["seq"]), str(body["digest"]))
        fits = hmac.compare_digest(str(body["signature"]), head.signed(folder))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return head if fits else None


def write_anchor(folder: Path, head: Head) -> None:
    """Keep a head in the store's folder; one that is further on stays."""
    with filelock.FileLock(folder / f".{ANCHOR}.lock"):
        there = read_anchor(folder)
        if there is None or there.ledger != head.ledger or there.seq < head.seq:
            body = {"ledger": head.ledger, "seq": head.seq, "digest": head.digest, "signature": head.signed(folder)}
            write_bytes(folder / ANCHOR, json.dumps(body).encode())


def digest_at(link: sa.Connection, seq: int) -> str | None:
    """The digest of a row; that before the first where `seq` is 0."""
    if seq == 0:
        return START
    return link.execute(sa.select(TRANSITIONS.c.digest).where(TRANSITIONS.c.seq == seq)).scalar()


def anchor_fault(link: sa.Connection, folder: Path, head: Head) -> str:
    """What the anchor of the store says against a ledger; empty where nothing."""
    if not (folder / ANCHOR).exists():
        return "" if head.seq == 0 else f"the anchor {folder / ANCHOR} is missing"
    anchor = read_anchor(folder)
    if anchor is None:
        return f"the anchor {folder / ANCHOR} is not signed by this store"
    if anchor.ledger != head.ledger:
        return "the anchor is that of another ledger"
    if digest_at(link, anchor.seq) != anchor.digest:
        return f"row {anchor.seq} is missing or is not the one that was anchored"
    return ""


@dataclass(frozen=True)
class Verified:
    """What :func:`verify` found: rows read, the head, and what is wrong, a clause each; sound where nothing is."""

    n_rows: int
    head: Head
    faults: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether the ledger is as it was written."""
        return not self.faults


def faults_of_rows(rows: list[dict[str, Any]], head: Head) -> Iterator[str]:
    """Rows that are not as they were written, and a tail that is not there."""
    before, seq = START, 0
    for row in rows:
        seq += 1
        if row["seq"] != seq:
            yield f"row {seq} is missing, row {row['seq']} follows"
            seq = row["seq"]
        elif row["before"] != before:
            yield f"row {seq} does not follow the row before it"
        if digest_of(row) != row["digest"]:
            yield f"row {seq} was changed"
        before = row["digest"]
    if (seq, before) != (head.seq, head.digest):
        yield f"the chain ends with row {seq}, the signed head is row {head.seq}"


def faults_of_hold(link: sa.Connection, folder: Path, head: Head, signed: str) -> Iterator[str]:
    """A head that this store did not sign, or that is not the one last anchored."""
    if not hmac.compare_digest(signed, head.signed(folder)):
        yield "the head of the chain is not signed by this store"
    if digest_at(link, head.seq) != head.digest:
        yield f"row {head.seq}, the last one, is missing or was changed"
    if fault := anchor_fault(link, folder, head):
        yield fault


def faults_of_head(link: sa.Connection, folder: Path, head: Head, signed: str) -> Iterator[str]:
    """As :func:`faults_of_hold`, and guards that are gone."""
    yield from faults_of_hold(link, folder, head, signed)
    if gone := sorted(_guards() - _triggers(link)):
        yield f"the database no longer refuses changes: {', '.join(gone)} is gone"


def _guards() -> set[str]:
    return {f"{table}_no_{what}" for table in ONLY_GROW for what in ("update", "delete")}


def _triggers(link: sa.Connection) -> set[str]:
    asked = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE tgenabled <> 'D' AND NOT tgisinternal",
    }[link.dialect.name]
    return set(link.execute(sa.text(asked)).scalars())


def faults_of_outcomes(link: sa.Connection, rows: list[dict[str, Any]]) -> Iterator[str]:
    """Outcomes that no transition tells, or that tell another code."""
    reported = {(r["item_id"], r["n"]): r["code"] for r in rows if r["detail"].get("outcome")}
    stored = {(r.item_id, r.n): r.code for r in link.execute(sa.select(OUTCOMES))}
    for item_id, n in sorted(reported.keys() | stored.keys()):
        if reported.get((item_id, n)) != stored.get((item_id, n)):
            yield f"the outcome of item {item_id}, version {n}, is not the one that was reported"


def first_faults(*faults: Iterator[str]) -> tuple[str, ...]:
    """The first twenty clauses, so that a ledger that is all wrong is told in few words."""
    return tuple(clause for _, clause in zip(range(_SHOWN), chained(*faults), strict=False))
