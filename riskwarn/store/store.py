"""The store: a city's tables and nights in a folder, one writer at a time.

::

    city/
      store.json                              time zone, format
      tables/events/dispute/2025-01.parquet   records by source and month of known_at
      tables/grids.parquet                    small tables whole
      quarantine/events/….parquet             rejected rows, each with its reason
      nights/2025-03-03/<run>/….parquet       what a night published, never changed afterwards
      nights/2025-03-03/current               which run holds; replaced in one step
      nights/2025-03-03/hold.json             a rollback, which holds until it is released
      aside/2025-03-03/<run>/                 a run that could not be right, never shown
      operations.jsonl                        what people did by hand: rollbacks, prunings, forced publications
      stops.jsonl                             who stopped publishing and showing scores, and let it go on
      approvals.jsonl                         until when it may publish and show scores
      ledger.sqlite                           alerts and their transitions
      calendar.csv                            the city's own working days
      journal.json                            the last delivery committed
      .staged/                                a delivery on its way in
      .lock                                   held by the one job that writes

Every file is written beside its place, flushed and renamed, and the files of a delivery hold from one instant on: a reader sees all
of them or none, and so does who comes after a job that was killed. The same records give the same files in whatever order and
pieces they arrive.
"""

import csv
import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import local
from typing import Any

import pandas as pd
import pyarrow as pa

from riskwarn import taxonomy
from riskwarn.calling import checked
from riskwarn.clock import zone_named
from riskwarn.errors import DataError, NotFoundError
from riskwarn.schema import Table, table_of
from riskwarn.store import glance
from riskwarn.store.files import Files
from riskwarn.store.format import FORMAT, HEAD, REMEDY, head_of, migrate, read_head
from riskwarn.store.lock import Lock
from riskwarn.store.parquet import to_frame
from riskwarn.store.parts import NIGHT_TABLES, check_columns, joined, load
from riskwarn.store.publication import Publication
from riskwarn.store.tables import Tables, Written
from riskwarn.store.transaction import Transaction

log = logging.getLogger(__name__)
WORDS = "words.csv"
"""Words of the city's own codes, beside its tables."""


class Store(Tables, Publication):
    """A city's tables and nights in a folder.

    Parameters
    ----------
    path
        The folder; made on the first write.
    timezone
        IANA zone of the city, for example ``"Asia/Shanghai"``. A new store must be told; it keeps the zone, which may be left out
        afterwards.

    Raises
    ------
    DataError
        The store exists with another time zone, the zone is not known, or ``store.json`` is damaged or lost.

    Examples
    --------
    >>> import tempfile
    >>> store = Store(tempfile.mkdtemp() + "/city", timezone="Asia/Shanghai")
    >>> day = pd.Timestamp("2025-01-08", tz="Asia/Shanghai")
    >>> store.write("grids", pd.DataFrame({"grid_id": ["G1"], "valid_from": [day]}))
    Written(accepted=1, duplicate=0, conflicting=0)
    >>> store.read("grids").grid_id.tolist()
    ['G1']
    """

    @checked
    def __init__(self, path: str | Path, *, timezone: str | None = None) -> None:
        self.path = Path(path)
        super().__init__(Files(self.path))
        self._lock = Lock(self.path / ".lock")
        self._open = local()
        self._zone: str | None = None if timezone is None else zone_named(timezone)
        zone = self._head().get("timezone")
        if timezone and zone and timezone != zone:
            raise DataError(
                f"{self.path / HEAD}: the store's time zone is {zone!r}, got {timezone!r}; a store keeps the zone it was made with."
            )
        if (self.path / WORDS).is_file():
            taxonomy.add_words(self.path / WORDS)

    def __repr__(self) -> str:
        """Path, zone and tables at a glance."""
        zone = self._zone_there()
        return f"Store({str(self.path)!r}, timezone={zone!r}, tables={self.tables()})"

    def _repr_html_(self) -> str:
        """Grids, feeds with their spans, and nights, for notebooks."""
        zone = self._zone_there()
        return glance.to_html(self, self.nights() if zone else [], zone)

    def _zone_there(self) -> str | None:
        """The time zone, where the store or its user has said one."""
        zone: str | None = self._head().get("timezone") or self._zone
        return zone

    @property
    def timezone(self) -> str:
        """IANA zone of the city.

        Raises
        ------
        NotFoundError
            The store is not made yet, and no zone was given for it.
        """
        self._zone = self._zone or self._head().get("timezone")
        if self._zone is None:
            raise NotFoundError(
                f"there is no store in {self.path}, so its time zone is not known; check the path, or make one with Store(path, timezone=…) "
                "or `riskwarn ingest` and a mapping that names its timezone."
            )
        return self._zone

    @checked
    def adopt_zone(self, timezone: str) -> None:
        """Give a new store its time zone where it was not told one; a store keeps the one it has.

        Parameters
        ----------
        timezone
            IANA name, such as ``Asia/Shanghai``; the empty one changes nothing.

        Raises
        ------
        DataError
            The zone is not known.
        """
        if self._zone is None and self.is_new and timezone:
            self._zone = zone_named(timezone)

    def add_words(self, path: str | Path) -> int:
        """Keep the words of a city's own codes with its records; whoever opens the store speaks them.

        Parameters
        ----------
        path
            A CSV with the column `code` and one a language, see :func:`riskwarn.taxonomy.read_words`. A code that is there already gets the
            new words.

        Returns
        -------
        n_words
            Codes that have words now.

        Raises
        ------
        DefinitionError
            The file cannot be read, lacks a column, or has a code without words.
        """
        place = self.path / WORDS
        words = (taxonomy.read_words(place) if place.exists() else {}) | taxonomy.read_words(path)
        text = io.StringIO(newline="")
        rows = csv.writer(text, lineterminator="\n")
        languages = list(dict.fromkeys(name for said in words.values() for name in said.texts))
        rows.writerow(("code", *languages))
        rows.writerows((code, *(said[name] for name in languages)) for code, said in sorted(words.items()))
        with self.transaction() as staged:
            staged.write_file(WORDS, text.getvalue().encode())
        taxonomy.add_words(place)
        return len(words)

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever written."""
        return not self._head()

    # -- tables -------------------------------------------------------------------------------------------------------

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Hold the store for one delivery, and commit all it writes together when the block ends well.

        Write and read through what the block is given: it sees its own changes, others do not. If the block raises, or its process
        is killed at any moment, nothing of it holds. Inside another transaction of the same thread it is that one, committed with it.

        Raises
        ------
        BusyError
            Another job holds the store.

        Examples
        --------
        A delivery writes records, rejected rows and its line of the log together::

            with store.transaction() as staged:
                staged.write("events", good)
                staged.quarantine("events", refused, batch=batch)
                staged.write("feed_log", log)
        """
        outer = getattr(self._open, "transaction", None)
        if outer is not None:
            yield outer
            return
        with self.lock():
            staged = self._open.transaction = Transaction(self)
            try:
                yield staged
                staged.commit()
            finally:
                del self._open.transaction
                self.files.settle()

    @checked
    def write(self, name: str, frame: pd.DataFrame) -> Written:
        """Add rows to a source table; rows whose key is there already change nothing.

        Where one key comes with two contents, the one that sorts last holds, whichever came first.

        Parameters
        ----------
        name
            Table name.
        frame
            (n, columns of the table) rows, in any order.

        Returns
        -------
        written
            How many rows were accepted, there already, or of a key with other content.

        Raises
        ------
        DataError
            The frame breaks the table's contract, or names a grid that the `grids` table does not hold.
        BusyError
            Another job holds the store.
        NotFoundError
            The store is new and was not told its time zone.
        """
        with self.transaction() as staged:
            return staged.write(name, frame)

    @checked
    def quarantine(self, name: str, rows: pd.DataFrame, *, batch: str) -> None:
        """Keep the rejected rows of a batch with their reasons, in place of those it had; without rows it has none any more.

        Parameters
        ----------
        name
            Table name.
        rows
            Rejected rows, with `reason`.
        batch
            Name of the batch.
        """
        with self.transaction() as staged:
            staged.quarantine(name, rows, batch=batch)

    @checked
    def has(self, name: str) -> bool:
        """Whether a source table holds rows.

        Parameters
        ----------
        name
            Table name.

        Returns
        -------
        has
            Whether there is any file of it.

        Raises
        ------
        ArgumentError
            The name is no text.
        """
        return super().has(name)

    @checked
    def read(
        self,
        name: str,
        *,
        columns: Sequence[str] | None = None,
        source: str | None = None,
        as_of: object = None,
        since: object = None,
    ) -> pd.DataFrame:
        """Rows of a table, times in the store's zone, in the order of the key; those of a night in the order they were published.

        Parameters
        ----------
        name
            Table name.
        columns
            Only these; all by default.
        source
            For `events`: only this feed.
        as_of
            For tables of a night: only this date; all dates by default.
        since
            For a table kept by month: months that ended before then are not opened, if there are later ones; what else became known before
            comes along. All by default.

        Raises
        ------
        NotFoundError
            The store or the table holds nothing.
        StaleDataError
            Nothing was published for `as_of`.
        DataError
            There is no such table or column, or a file is damaged.
        """
        if name not in NIGHT_TABLES:
            return super().read(name, columns=columns, source=source, since=since)
        return to_frame(table_of(name), self.arrow(name, columns=columns, as_of=as_of, dictionary=False), self.timezone)

    @checked
    def arrow(
        self,
        name: str,
        *,
        columns: Sequence[str] | None = None,
        source: str | None = None,
        dictionary: bool = True,
        as_of: object = None,
        since: object = None,
    ) -> pa.Table:
        """The rows as an Arrow table, times in UTC; repeated words as dictionaries unless `dictionary` is false."""
        if name not in NIGHT_TABLES:
            return super().arrow(name, columns=columns, source=source, dictionary=dictionary, since=since)
        table: Table = table_of(name)
        check_columns(table, columns)
        dates = self.nights() if as_of is None else [as_of]
        nights = [night for night in map(self.night, dates) if name in night.tables]
        parts = [load(night.path / f"{name}.parquet", list(columns) if columns else None) for night in nights]
        return joined(parts or [self._nothing(name, source)], dictionary=dictionary)

    # -- one writer ---------------------------------------------------------------------------------------------------

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the store for one job; freed when the process ends, however it ends. The thread that holds it may take it again.

        Raises
        ------
        BusyError
            Another job, or another thread of this one, holds it.
        """
        with self._lock.held() as outermost:
            if outermost:
                self._tidy()
            yield

    def _tidy(self) -> None:
        """Finish what killed jobs left, and bring an older format up to today's, which the log says."""
        self.files.settle()
        self.files.sweep()
        for said in [] if self.is_new else migrate(self.path):
            log.warning(said)

    @property
    def format(self) -> int:
        """Format of the folder, see :mod:`riskwarn.store.format`; that of a new store is today's."""
        return int(self._head().get("format", FORMAT))

    @checked
    def migrate(self) -> list[str]:
        """Bring the store up to today's format; who writes does so by itself.

        Returns
        -------
        done
            What was done, a sentence each; nothing where there was nothing to do.

        Raises
        ------
        BusyError
            Another job holds the store.
        NotFoundError
            There is no store.
        """
        if self.is_new:
            raise NotFoundError(f"there is no store in {self.path}; check the path.")
        with self._lock.held():
            self.files.settle()
            return migrate(self.path)

    @checked
    def head_to_write(self) -> bytes | None:
        """What ``store.json`` is to say where there is none yet."""
        return head_of(self.timezone) if self.is_new else None

    def _head(self) -> dict[str, Any]:
        """What ``store.json`` says; nothing where the store is not made yet."""
        place = self.files.find(HEAD)
        if place is None:
            left = next((name for name in ("tables", "nights") if (self.path / name).exists()), None)
            if left is not None:
                raise DataError(f"{self.path / HEAD} is lost, though there is a folder {left!r}; {REMEDY}")
            return {}
        return read_head(place)
