"""The nights of a store: what each run published, which run holds, and which of them are sound."""

import hashlib
import json
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from riskwarn.errors import DataError, HeldError, NotFoundError, StaleDataError
from riskwarn.schema import conform, table_of
from riskwarn.store.hold import HOLD, Hold, is_damaged, read_hold
from riskwarn.store.parquet import full, plain_arrow, to_arrow, to_frame, write_bytes, write_table
from riskwarn.store.parts import NIGHT_TABLES, check_columns, load
from riskwarn.store.pointer import point, pointed

_FACTS, _SUMS, _POINTER = "facts.json", "SHA256SUMS", "current"
_TOGETHER = 16_384
"""Rows of a part of a file: who asks for the rows of one grid reads a part or two."""
ASIDE = "aside"
"""Folder of the runs that could not be right."""


@dataclass(frozen=True, eq=False)
class PublishedNight:
    """What one run published for one date. All of it is read from that run, whichever run holds meanwhile.

    Parameters
    ----------
    as_of, run
        The date, an instant in the city's zone, and the name of the run.
    path
        Folder of the run.

    Examples
    --------
    >>> import tempfile
    >>> from riskwarn.store import Store
    >>> store = Store(tempfile.mkdtemp() + "/city", timezone="Asia/Shanghai")
    >>> _ = store.publish("2025-03-03", {}, run="a", facts={"capacity": 5})
    >>> night = store.night("2025-03-03")
    >>> night.run, night.facts, night.tables
    ('a', {'capacity': 5}, [])
    """

    as_of: pd.Timestamp
    run: str
    path: Path

    @cached_property
    def facts(self) -> dict[str, Any]:
        """What the run says of itself.

        Raises
        ------
        DataError
            The file is damaged.
        """
        try:
            facts: dict[str, Any] = json.loads((self.path / _FACTS).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{self.path / _FACTS} is damaged ({type(error).__name__}); {_REMEDY}") from None
        return facts

    @property
    def tables(self) -> list[str]:
        """Names of the tables it made; one it did not make is not an empty one."""
        return [name for name in NIGHT_TABLES if (self.path / f"{name}.parquet").is_file()]

    def table(self, name: str, *, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Rows of a table in the order they were published, times in the city's zone.

        Parameters
        ----------
        name
            Table name.
        columns
            Only these; all by default.

        Returns
        -------
        rows
            As they were published.

        Raises
        ------
        NotFoundError
            The run made no such table; the message names those it made.
        DataError
            A night has no such table or the table no such column, or the file is damaged.
        """
        table = table_of(name)
        check_columns(table, columns)
        rows = load(self._file(name), list(columns) if columns else None)
        return to_frame(table, rows, str(self.as_of.tz))

    def arrow(self, name: str) -> pa.Table:
        """Rows of a table in the order they were published, words as dictionaries, times in UTC.

        Parameters
        ----------
        name
            Table name.

        Returns
        -------
        rows
            All columns.

        Raises
        ------
        NotFoundError
            The run made no such table; the message names those it made.
        DataError
            A night has no such table, or the file is damaged.
        """
        table = table_of(name)
        return load(self._file(name), words=[c.name for c in table.columns if c.kind == "text"])

    def rows(self, name: str, **wanted: str) -> pd.DataFrame:
        """Rows of a table with some words, read without the others where the file's parts tell that they hold none.

        Parameters
        ----------
        name
            Table name.
        wanted
            By column of words, the word wanted.

        Returns
        -------
        rows
            In the order they were published, times in the city's zone.

        Raises
        ------
        NotFoundError
            The run made no such table; the message names those it made.
        DataError
            A night has no such table or the table no such column, or the file is damaged.
        """
        table = table_of(name)
        check_columns(table, [*wanted])
        found = load(self._file(name), where=[(column, "=", word) for column, word in wanted.items()])
        return to_frame(table, found, str(self.as_of.tz))

    def _file(self, name: str) -> Path:
        """Where a table of the run stands."""
        if name not in self.tables:
            made = ", ".join(self.tables) or "none"
            raise NotFoundError(
                f"run {self.run} of {self.as_of.date()} published no table {name!r}; its tables: {made}."
            )
        return self.path / f"{name}.parquet"

    def check(self) -> None:
        """See that every file is as it was published.

        Raises
        ------
        DataError
            A file is missing or damaged; the message names it.
        """
        damage = _damage(self.path, _state(self.path))
        if damage:
            raise DataError(f"{self.path / damage} is damaged or missing; {_REMEDY}")


_REMEDY = "run the night again, or let an earlier run hold with `riskwarn rollback DATE --run RUN`."


class Nights(ABC):
    """The nights of a folder. :class:`riskwarn.Store` is one, with the clock and the lock that this class leaves open."""

    path: Path

    @abstractmethod
    def instant(self, as_of: object) -> pd.Timestamp:
        """`as_of` in the city's zone.

        Parameters
        ----------
        as_of
            A date or time.

        Returns
        -------
        instant
            With the city's zone.
        """

    def nights(self) -> list[pd.Timestamp]:
        """Dates with a published night, oldest first; folders that are no night are passed over (:meth:`faults` names them)."""
        return sorted(at for at in map(self._date, self._folders()) if at is not None)

    def night(self, as_of: object, run: str | None = None) -> PublishedNight:
        """What was published for a date: by the run that holds, or by the one named.

        Parameters
        ----------
        as_of
            The night; a date means its local midnight.
        run
            Name of a run; by default the one that holds.

        Returns
        -------
        night
            Its tables and facts, read when they are asked for.

        Raises
        ------
        StaleDataError
            Nothing was published for the date.
        NotFoundError
            The night has no such run; the message names those it has.
        """
        at, holding = self.instant(as_of), self.run_of(as_of)
        if holding is None:
            raise StaleDataError(f"store {self.path}: nothing is published for {at.date()}; {self._last_in_words()}")
        if run is not None and run not in self.runs(at):
            raise NotFoundError(
                f"store {self.path}: {at.date()} has no run {run!r}; its runs: {', '.join(self.runs(at))}."
            )
        name = run or holding
        return PublishedNight(at, name, self._night(at) / name)

    def newest_night(self) -> PublishedNight:
        """The newest night whose files are all sound; :meth:`faults` says what is the matter with newer ones.

        Raises
        ------
        StaleDataError
            There is none.
        """
        for at in reversed(self.nights()):
            night = self.night(at)
            if not _damage(night.path, _state(night.path)):
                return night
        raise StaleDataError(f"store {self.path}: no sound night is published; run `riskwarn nightly` first.")

    def faults(self) -> list[str]:
        """What is wrong among the nights, a sentence each: folders that are no night, and damage in the newest ones."""
        folders = self._folders()
        sentences = [
            f"{folder} is no night and is passed over; move it elsewhere."
            for folder in folders
            if self._date(folder) is None
        ]
        sentences += [
            f"{folder}: the rollback is damaged, and the run rolled back to holds; roll back or release it again."
            for folder in folders
            if is_damaged(folder)
        ]
        for at in reversed(self.nights()):
            try:
                self.night(at).check()
            except DataError as error:
                sentences.append(str(error))
            else:
                break
        return sentences

    def pointers(self, as_of: object = None) -> tuple[str, ...]:
        """Files of which one changes when another night is published or another run holds; :func:`mark` looks at them.

        Parameters
        ----------
        as_of
            A night whose pointer is looked at; without one, the folder of nights alone.

        Returns
        -------
        places
            Whether they are there or not.
        """
        folder = self.path / "nights"
        night = None if as_of is None else self._night(self.instant(as_of))
        return tuple(map(str, [folder] if night is None else [folder, night, night / _POINTER, night / HOLD]))

    def runs(self, as_of: object) -> list[str]:
        """Names of the runs kept for a night, the one published last at the end.

        Parameters
        ----------
        as_of
            The night; a date means its local midnight.

        Returns
        -------
        runs
            Empty where nothing was published.
        """
        night = self._night(self.instant(as_of))
        folders = [p for p in night.iterdir() if p.is_dir() and not p.name.startswith(".")] if night.is_dir() else []
        return [p.name for p in sorted(folders, key=lambda p: (p.stat().st_mtime_ns, p.name))]

    def run_of(self, as_of: object) -> str | None:
        """Name of the run that holds for `as_of`, none when nothing is published.

        Parameters
        ----------
        as_of
            The night; a date means its local midnight.

        Returns
        -------
        run
            One of :meth:`runs`, or None.
        """
        return _holding(self._night(self.instant(as_of)))

    def hold_of(self, as_of: object) -> Hold | None:
        """The rollback that a night is held by, none where its newest run holds.

        Parameters
        ----------
        as_of
            The night; a date means its local midnight.

        Returns
        -------
        hold
            At which run, since when and why; None where no rollback holds it.
        """
        return read_hold(self._night(self.instant(as_of)))

    def holds(self) -> dict[pd.Timestamp, Hold]:
        """The nights that are held, oldest first."""
        holds = {at: self.hold_of(at) for at in self.nights()}
        return {at: hold for at, hold in holds.items() if hold is not None}

    def check_free(self, as_of: object) -> None:
        """Refuse to publish a night that a rollback holds.

        Parameters
        ----------
        as_of
            The night; a date means its local midnight.

        Raises
        ------
        HeldError
            It is held; the message says at which run, since when and why.
        """
        at, hold = self.instant(as_of), self.hold_of(as_of)
        if hold is not None:
            raise HeldError(
                f"{at.date()} is held at run {hold.run} by a rollback of {hold.since[:16]} ({hold.why}); nothing is published. "
                f"Release it with `riskwarn rollback {at.date()} --release`."
            )

    def facts(self, as_of: object) -> dict[str, Any]:
        """What the run published for `as_of` says of itself.

        Parameters
        ----------
        as_of
            The night; a date means its local midnight.

        Returns
        -------
        facts
            Plain values, by name.

        Raises
        ------
        StaleDataError
            Nothing was published for the date.
        """
        return self.night(as_of).facts

    def _publish(
        self, at: pd.Timestamp, tables: Mapping[str, pd.DataFrame], run: str, facts: Mapping[str, object]
    ) -> Path:
        """Write a run that is not there yet, and point to it; the caller holds the lock."""
        night = self._night(at)
        if not (night / run).exists():
            parts = {name: (table_of(name), frame) for name, frame in tables.items()}
            arrows = {name: to_arrow(table, full(table, conform(name, rows))) for name, (table, rows) in parts.items()}
            _write_run(night / run, arrows, facts)
        point(night / _POINTER, run)
        return night / run

    def _set_aside(
        self, at: pd.Timestamp, tables: Mapping[str, pd.DataFrame], run: str, facts: Mapping[str, object]
    ) -> Path:
        """Keep a run that is not published, whatever is in its tables; the caller holds the lock."""
        target = self.path / ASIDE / self._named(at) / run
        if not target.exists():
            _write_run(target, {name: plain_arrow(frame) for name, frame in tables.items()}, facts)
        return target

    def aside(self) -> list[Path]:
        """Folders of the runs that were set aside and never published, the newest night last."""
        return sorted(p for p in (self.path / ASIDE).glob("*/*") if p.is_dir() and not p.name.startswith("."))

    def _night(self, at: pd.Timestamp) -> Path:
        return self.path / "nights" / self._named(at)

    def _named(self, at: pd.Timestamp) -> str:
        return at.strftime("%Y-%m-%d") if at == self.instant(at.date()) else at.strftime("%Y-%m-%dT%H_%M_%S")

    def _folders(self) -> list[Path]:
        folder = self.path / "nights"
        return sorted(p for p in folder.iterdir() if not p.name.startswith(".")) if folder.is_dir() else []

    def _date(self, folder: Path) -> pd.Timestamp | None:
        """The date a folder is the night of, none where it is no night."""
        try:
            at = self.instant(folder.name.replace("_", ":"))
        except DataError:
            return None
        return at if self._named(at) == folder.name and _holding(folder) is not None else None

    def _last_in_words(self) -> str:
        nights = self.nights()
        return f"the last night is {nights[-1].date()}." if nights else "run `riskwarn nightly` first."


def _write_run(target: Path, tables: Mapping[str, pa.Table], facts: Mapping[str, object]) -> None:
    """A run's folder, whole or not at all."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for name, table in tables.items():
        write_table(partial / f"{name}.parquet", table, n_together=_TOGETHER)
    said = json.dumps(dict(facts), ensure_ascii=False, indent=1, default=str)
    write_bytes(partial / _FACTS, said.encode())
    write_bytes(partial / _SUMS, _sums(partial).encode())
    partial.rename(target)


def _holding(night: Path) -> str | None:
    """The run a night is held at or points to, none where the pointer or the run is not there."""
    hold = read_hold(night)
    for run in (hold.run if hold else None, pointed(night / _POINTER)):
        if run is not None and Path(run).name == run and (night / run).is_dir():
            return run
    return None


def mark(places: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Instant of the last change and number of each file, zeros where there is none.

    Two that are equal tell of no change in between, unless it fell into the same tick of the file system's clock.
    """
    return tuple(map(_change, places))


def _change(place: str) -> tuple[int, int]:
    try:
        there = os.stat(place)  # noqa: PTH116 - asked several times a request
    except OSError:
        return 0, 0
    return there.st_mtime_ns, there.st_ino


def _sums(folder: Path) -> str:
    """Digests of the files of a run, as ``sha256sum`` writes them."""
    names = sorted(p.name for p in folder.iterdir() if p.name != _SUMS)
    return "".join(f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names)


def _state(run: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of each file of a run."""
    return tuple(sorted((p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in run.iterdir() if p.is_file()))


@lru_cache(maxsize=256)
def _damage(run: Path, state: tuple[tuple[str, int, int], ...]) -> str:
    """Name of a file of a run that is not as it was published; empty where all are. Read again only when a file changes."""
    present = {name for name, _, _ in state}
    if _SUMS not in present:
        return _SUMS
    lines = [line.split("  ", 1) for line in (run / _SUMS).read_text("utf-8", "replace").splitlines()]
    for digest, *name in lines:
        file = run / (name[0] if name else _SUMS)
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            return file.name
    return "" if len(lines) > 0 else _SUMS
