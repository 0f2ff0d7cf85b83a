"""The audit log: who asked for what, line by line, each carrying the digest of the line before.

::

    audit/2025-03.jsonl    a line a request: who (a digest), role, area, how, method, route, object, as_of, status, ms; never a body
    audit/head             number and digest of the last line

A digest is an HMAC under the store's key. Flip, drop or swap a line and it does not fit; cut the last lines and the head does not fit;
without the key no line can be written that does.
"""

import datetime as dt
import hmac
import json
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import filelock

from riskwarn.calling import checked
from riskwarn.store.key import KEY, key_at

try:
    import fcntl
except ImportError:  # not on every system
    fcntl = None  # type: ignore[assignment]

FOLDER, HEAD, LOCK = "audit", "head", ".lock"
START = "0" * 64
FIELDS = ("at", "who", "role", "area", "way", "method", "route", "object", "as_of", "status", "ms")
_HEAD_BYTES = 256
_FEW = 20
_BINARY = getattr(os, "O_BINARY", 0)
"""What keeps Windows from writing two characters for the end of a line."""


@dataclass(frozen=True)
class Proof:
    """What :meth:`Journal.verify` found: lines read, the digest of the last, and what is wrong, a clause each; sound where nothing is."""

    n_rows: int
    digest: str
    faults: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether the log is as it was written."""
        return not self.faults


@dataclass(frozen=True)
class _Head:
    """Number and digest of the last line, and the length of its file."""

    n: int = 0
    digest: str = START
    file: str = ""
    size: int = 0


class Journal:
    """The audit log of a store.

    Parameters
    ----------
    folder
        Of the store.
    clock
        Tells the present instant in UTC.

    Examples
    --------
    >>> import tempfile
    >>> journal = Journal(Path(tempfile.mkdtemp()))
    >>> journal.record({"route": "/api/v1/scores", "status": 200})
    >>> journal.verify().n_rows, journal.verify().sound
    (1, True)
    """

    @checked
    def __init__(self, folder: Path, *, clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)) -> None:
        self.folder, self.clock = folder / FOLDER, clock
        self._store = folder
        self._lock = threading.Lock()
        self._key = b""
        self._mine: _Head | None = None

    def record(self, facts: Mapping[str, Any], *, surely: bool = False) -> None:
        """Write one line.

        Parameters
        ----------
        facts
            Of :data:`FIELDS`; others are left out.
        surely
            Whether to wait until the disk has it.
        """
        now = self.clock().astimezone(dt.UTC)
        with self._held() as handle:
            head = _read_head(handle)
            head = head if head == self._mine and self._is_whole(head) else self._recovered(head)
            file = max(f"{now:%Y-%m}.jsonl", head.file)  # a clock that is set back begins no earlier month anew
            row = {name: facts[name] for name in FIELDS if name in facts}
            row = {"n": head.n + 1, "at": now.isoformat(timespec="milliseconds"), **row, "before": head.digest}
            digest = self._digest(row)
            line = json.dumps(row | {"digest": digest}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            size = _append(self.folder / file, line, surely=surely)
            self._mine = _Head(head.n + 1, digest, file, size)
            _write_head(handle, self._mine, surely=surely)

    def rows(self) -> Iterator[dict[str, Any]]:
        """The lines, oldest first; one that cannot be read is passed over.

        Yields
        ------
        row
            As it was written.
        """
        for _, row in self._lines(self._sizes()):
            if row is not None:
                yield row

    def last(self, n: int) -> list[dict[str, Any]]:
        """The last lines, the newest first.

        Parameters
        ----------
        n
            How many at most.

        Returns
        -------
        rows
            As they were written; one that cannot be read is passed over.
        """
        newest: list[dict[str, Any]] = []
        for path in reversed(self._files()):
            newest += _newest(path, n - len(newest))
            if len(newest) >= n:
                break
        return newest

    def verify(self) -> Proof:
        """Whether every line is as it was written, and none is missing.

        Returns
        -------
        proof
            With the first twenty faults.
        """
        if not (self.folder / HEAD).exists():
            return Proof(0, START, ("the head of the log is missing",) if self._files() else ())
        with self._held() as handle:
            head = self._recovered(_read_head(handle))
            sizes = self._sizes()
        return self._proof(head, sizes)  # nobody who writes waits for what is read

    def _proof(self, head: _Head, sizes: Mapping[Path, int]) -> Proof:
        faults: list[str] = []
        n, before = 0, START
        for place, row in self._lines(sizes):
            n += 1
            if row is None:
                faults.append(f"{place} is no line of a log")
                continue
            if row.get("n") != n:
                faults.append(f"{place}: line {n} is missing, line {row.get('n')} follows")
                n = row["n"] if isinstance(row.get("n"), int) else n
            elif row.get("before") != before:
                faults.append(f"{place}: line {n} does not follow the line before it")
            if not hmac.compare_digest(str(row.get("digest")), self._digest(row)):
                faults.append(f"{place}: line {n} was changed")
            before = str(row.get("digest"))
        if (n, before) != (head.n, head.digest):
            faults.append(f"the log ends with line {n}, its head is line {head.n}")
        return Proof(n, before, tuple(faults[:_FEW]))

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.jsonl"))

    def _sizes(self) -> dict[Path, int]:
        return {path: path.stat().st_size for path in self._files()}

    @staticmethod
    def _lines(sizes: Mapping[Path, int]) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """The lines of files as they were when they had these sizes."""
        for path, size in sizes.items():
            with path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    size -= len(line)  # noqa: PLW2901 - what is left of it
                    if size < 0:
                        break
                    yield f"{path.name}:{number}", _row(line)

    def _digest(self, row: Mapping[str, Any]) -> str:
        plain = {name: value for name, value in row.items() if name != "digest"}
        text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        self._key = self._key or key_at(self._store / KEY)
        return hmac.new(self._key, text.encode("utf-8", "surrogatepass"), "sha256").hexdigest()

    @contextmanager
    def _held(self) -> Iterator[FileIO]:
        """The head, locked against other threads and processes."""
        with self._lock:
            self.folder.mkdir(exist_ok=True, mode=0o700)
            file = os.open(self.folder / HEAD, os.O_RDWR | os.O_CREAT | _BINARY, 0o600)
            with FileIO(file, "r+") as handle, self._kept_from_others(file):
                yield handle

    @contextmanager
    def _kept_from_others(self, file: int) -> Iterator[None]:
        if fcntl:  # on every request, and far quicker than the library; the lock goes with the file
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        else:
            with filelock.FileLock(self.folder / LOCK):
                yield

    def _recovered(self, head: _Head) -> _Head:
        """The head, brought on over lines whose writer died before the head was written; half a line is taken away."""
        for path in (p for p in self._files() if p.name >= head.file):
            begin = head.size if path.name == head.file else 0
            if path.stat().st_size > begin:
                head = self._brought_on(head, path, begin)
        return head

    def _is_whole(self, head: _Head) -> bool:
        """Whether nothing was written behind the head that this process wrote last."""
        try:
            return (self.folder / head.file).stat().st_size == head.size
        except OSError:
            return False

    def _brought_on(self, head: _Head, path: Path, begin: int) -> _Head:
        with path.open("r+b") as file:
            file.seek(begin)
            for line in file:
                row = _row(line)
                if not line.endswith(b"\n"):
                    file.truncate(begin)
                elif row is not None and row.get("before") == head.digest and row.get("digest") == self._digest(row):
                    begin += len(line)
                    head = _Head(head.n + 1, str(row["digest"]), path.name, begin)
                    continue
                break
        return head


def _newest(path: Path, n: int) -> list[dict[str, Any]]:
    """The last `n` lines of a file that can be read, the newest first."""
    looked_at = n
    while True:
        with path.open("rb") as file:
            lines = deque(file, maxlen=looked_at)
        rows = [row for line in reversed(lines) if (row := _row(line)) is not None]
        if len(rows) >= n or len(lines) < looked_at:
            return rows[:n]
        looked_at = 2 * looked_at + n - len(rows)


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _append(place: Path, line: bytes, *, surely: bool) -> int:
    """Append a line; the length of the file afterwards."""
    handle = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _BINARY, 0o600)
    try:
        os.write(handle, line)
        if surely:
            os.fsync(handle)
        return os.fstat(handle).st_size
    finally:
        os.close(handle)


def _read_head(handle: FileIO) -> _Head:
    try:
        return _Head(**json.loads(handle.read(_HEAD_BYTES)))
    except (ValueError, TypeError):
        return _Head()


def _write_head(handle: FileIO, head: _Head, *, surely: bool) -> None:
    handle.seek(0)
    handle.write(json.dumps(vars(head)).encode().ljust(_HEAD_BYTES))
    if surely:
        os.fsync(handle)
