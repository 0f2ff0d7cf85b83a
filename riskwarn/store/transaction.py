"""A delivery as one transaction: all of its files hold from one instant on, or none of them ever does."""

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import pandas as pd

from riskwarn.errors import DataError
from riskwarn.schema import table_of
from riskwarn.store.files import STAGED, Files
from riskwarn.store.key import key_at
from riskwarn.store.parquet import plain_arrow, to_arrow, write_bytes, write_table
from riskwarn.store.parts import prepared, split
from riskwarn.store.tables import Tables, Written
from riskwarn.store.uniting import write_united


class Opened(Protocol):
    """A store, as far as a transaction needs it."""

    @property
    def path(self) -> Path:
        """Its folder."""
        ...

    @property
    def timezone(self) -> str:
        """IANA zone of the city."""
        ...

    def head_to_write(self) -> bytes | None:
        """What ``store.json`` must say; none where it says so already."""
        ...


class Transaction(Tables):
    """What one delivery changes: records, rejected rows and the log, staged beside the store until all of it is right.

    :meth:`riskwarn.Store.transaction` makes one. It reads like a store, and sees what it has written itself; others see nothing of it
    before it is committed.

    Attributes
    ----------
    scratch
        A folder for what the job puts aside meanwhile; it goes with the transaction, or with the next one if the job is killed.

    Examples
    --------
    >>> import tempfile
    >>> from riskwarn.store import Store
    >>> store = Store(tempfile.mkdtemp() + "/city", timezone="Asia/Shanghai")
    >>> grids = pd.DataFrame({"grid_id": ["G1"], "valid_from": [pd.Timestamp("2025-01-08", tz="Asia/Shanghai")]})
    >>> with store.transaction() as staged:
    ...     staged.write("grids", grids)
    ...     staged.has("grids"), store.has("grids")
    Written(accepted=1, duplicate=0, conflicting=0)
    (True, False)
    >>> store.has("grids")
    True
    """

    def __init__(self, store: Opened) -> None:
        self.path = store.path
        self._store = store
        self._commit = uuid.uuid4().hex[:16]
        folder = store.path / STAGED
        self.scratch = folder / f"{self._commit}.scratch"
        self.scratch.mkdir(parents=True)
        super().__init__(Files(store.path, folder / self._commit))

    @property
    def timezone(self) -> str:
        """IANA zone of the city."""
        return self._store.timezone

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
        """
        table, rows = prepared(name, frame)
        if name != "grids" and "grid_id" in table.column_names:
            self._check_grids(name, rows["grid_id"])
        results = []
        for part, here in split(table, rows):
            merged, written = self._merged(table, part, rows.iloc[here])
            if merged is not None:
                write_table(self._staged(part), to_arrow(table, merged))
            results.append(written)
        return Written(*(sum(getattr(r, f) for r in results) for f in ("accepted", "duplicate", "conflicting")))

    def replace(self, name: str, frame: pd.DataFrame, *, of: pd.DataFrame) -> None:
        """Let `frame` stand in the place of all rows of a source table with the keys of `of`.

        Parameters
        ----------
        name
            Table name.
        frame
            The new rows; none where the old ones only go.
        of
            Columns of the key, or some of them, of the rows that go.

        Raises
        ------
        DataError
            The frame breaks the table's contract.
        """
        table, rows = prepared(name, frame)
        keys = pd.MultiIndex.from_frame(of.drop_duplicates())
        come = dict(split(table, rows)) if len(rows) else {}
        for part in sorted({*self._parts(name), *come}):
            held, new = self._existing(table, part), rows.iloc[come.get(part, [])]
            stays = ~pd.MultiIndex.from_frame(held[keys.names]).isin(keys)
            if stays.all() and new.empty:
                continue
            merged = pd.concat([held[stays], new], ignore_index=True) if stays.any() else new
            if merged.empty:
                self._remove(part)
            else:
                ordered = merged.sort_values(list(table.key), kind="stable", ignore_index=True)
                write_table(self._staged(part), to_arrow(table, ordered))

    def unite(self, stores: Sequence[Tables]) -> None:
        """Take over all tables of other stores, file by file, in bounded memory: a country from its cities.

        Parameters
        ----------
        stores
            In the order of their keys: within what the first column of a table's key tells apart, those of each follow those of the one
            before.

        Raises
        ------
        DataError
            Their keys do not follow each other, or this store holds one of their files already.
        """
        for name in sorted({name for store in stores for name in store.tables()}):
            for part in sorted({part for store in stores for part in store.parts_of(name)}):
                if self.files.find(part) is not None:
                    raise DataError(f"store {self.path} holds {part} already; stores are united in a new one.")
                places = [place for store in stores if (place := store.files.find(part)) is not None]
                write_united(self._staged(part), table_of(name), places)

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
        part = f"quarantine/{name}/{batch}.parquet"
        if len(rows):
            write_table(self._staged(part), plain_arrow(rows))
        else:
            self._remove(part)

    def write_file(self, name: str, content: bytes) -> None:
        """Keep a file of the city beside the tables, such as ``calendar.csv``.

        Parameters
        ----------
        name
            File name, without a folder.
        content
            Its bytes; they take the place of those it had.

        Raises
        ------
        DataError
            The name is that of a folder, or of a file the store keeps for itself.
        """
        if Path(name).name != name or name.startswith(".") or name.endswith((".json", ".jsonl")):
            raise DataError(f"{name!r} is no name for a file beside the tables; wanted one such as 'calendar.csv'.")
        write_bytes(self._staged(name), content)

    def key(self, name: str) -> bytes:
        """The key in a file of the store, such as ``place.key``; a new one is kept with the rest of the delivery, or not at all.

        Parameters
        ----------
        name
            File name.

        Returns
        -------
        key
            Its bytes.
        """
        return key_at(self.files.find(name) or self._staged(name))

    def commit(self) -> None:
        """Let all of it hold. :meth:`riskwarn.Store.transaction` does so when its block ends well."""
        folder = self.path / STAGED / self._commit
        if self.files.gone or folder.exists():
            self.make()
            folder.mkdir(exist_ok=True)
            self.files.commit(self._commit)

    def make(self) -> None:
        """Make the store, where it is new, though nothing else is written."""
        head = self._store.head_to_write()
        if head is not None:
            write_bytes(self._staged("store.json"), head)

    def _staged(self, name: str) -> Path:
        self.files.gone.discard(name)
        return self.path / STAGED / self._commit / name

    def _remove(self, name: str) -> None:
        (self.path / STAGED / self._commit / name).unlink(missing_ok=True)
        if (self.path / name).exists():
            self.files.gone.add(name)
