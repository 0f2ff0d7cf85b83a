"""The source tables: Parquet by month or whole, read back in the city's clock, merged key by key."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from riskwarn import clock
from riskwarn.errors import BusyError, DataError, NotFoundError
from riskwarn.schema import TABLES, Table, table_of, typed
from riskwarn.store.files import Files
from riskwarn.store.parquet import column_bytes, full, to_frame
from riskwarn.store.parts import DATE_OF, LATER, MONTH_OF, NIGHT_TABLES, check_columns, joined, load, split

_ARRIVALS = ("arrived_at", "restated_at")
"""Columns of events that tell how they came, not what is known."""
_DICTIONARY = (
    "source",
    "grid_id",
    "category",
    "category_raw",
    "origin",
    "org_code",
    "status",
    "outcome",
    "tags",
    "near_grid_id",
    "kind",
    "purpose",
    "action",
    "from_org",
    "to_org",
    "level",
)
_LOOKS = 5
"""How often a read begins again because a delivery was committed meanwhile."""
T = TypeVar("T")


@dataclass(frozen=True)
class Written:
    """What became of the rows of one write: `accepted` new, `duplicate` known already, `conflicting` of these with other content."""

    accepted: int
    duplicate: int
    conflicting: int = 0


class Tables(ABC):
    """The source tables of a folder, and how rows merge into them. :class:`Store` reads them, :class:`Transaction` writes them.

    Parameters
    ----------
    files
        Which files hold.
    """

    path: Path

    def __init__(self, files: Files) -> None:
        self.files = files

    @property
    @abstractmethod
    def timezone(self) -> str:
        """IANA zone of the city."""

    # -- reading ------------------------------------------------------------------------------------------------------

    def tables(self) -> list[str]:
        """Names of the source tables that hold rows."""
        return [name for name in TABLES if self.has(name)]

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
        """
        return bool(self._parts(name))

    def parts_of(self, name: str, source: str | None = None) -> list[str]:
        """Names of the files a source table lies in.

        Parameters
        ----------
        name
            Table name.
        source
            For `events`: only this feed.

        Returns
        -------
        parts
            As ``tables/grids.parquet``, sorted.
        """
        return self._parts(name, source)

    def sources(self) -> list[str]:
        """Feeds with events."""
        return sorted({name.split("/")[2] for name in self._parts("events")})

    def read(
        self, name: str, *, columns: Sequence[str] | None = None, source: str | None = None, since: object = None
    ) -> pd.DataFrame:
        """Rows of a source table, times in the store's zone, in the order of the key.

        Parameters
        ----------
        name
            Table name.
        columns
            Only these; all by default.
        source
            For `events`: only this feed.
        since
            Months of a table kept by month that ended before then are not opened, if there are later ones; what else became known before
            comes along. All by default.

        Returns
        -------
        rows
            Index from 0.

        Raises
        ------
        NotFoundError
            The table holds nothing.
        DataError
            There is no such table or column, or a file is damaged.
        """
        table = table_of(name)
        rows = to_frame(
            table, self.arrow(name, columns=columns, source=source, dictionary=False, since=since), self.timezone
        )
        return (
            rows.sort_values(list(table.key), kind="stable", ignore_index=True) if set(table.key) <= set(rows) else rows
        )

    def arrow(
        self,
        name: str,
        *,
        columns: Sequence[str] | None = None,
        source: str | None = None,
        dictionary: bool = True,
        since: object = None,
    ) -> pa.Table:
        """The rows as an Arrow table, times in UTC; repeated words as dictionaries unless `dictionary` is false.

        Parameters
        ----------
        name
            Table name.
        columns
            Only these; all by default.
        source
            For `events`: only this feed.
        dictionary
            Whether repeated words come as dictionaries.
        since
            Months of a table kept by month that ended before then are not opened, if there are later ones; what else became known before
            comes along. All by default.

        Returns
        -------
        rows
            In no order that is promised.

        Raises
        ------
        DataError
            There is no such table or column, or a file is damaged.
        """
        table = table_of(name)
        check_columns(table, columns)
        words = [c.name for c in table.columns if c.name in _DICTIONARY and c.kind == "text"] if dictionary else []
        month = "" if since is None else f"{self.instant(since).tz_convert('UTC'):%Y-%m}"

        def parts() -> list[pa.Table]:
            every = self._parts(name, source)
            late = [part for part in every if name not in MONTH_OF or Path(part).stem >= month]
            return [self._load(part, list(columns) if columns else None, words) for part in late or every[-1:]]

        return joined(self._looked(parts) or [self._nothing(name, source)], dictionary=dictionary)

    def grids(self, as_of: object = None) -> pd.DataFrame:
        """The grids valid at `as_of` (the newest version of each by default), one row a grid, in the order of `grid_id`.

        Parameters
        ----------
        as_of
            A date or time; by default the newest version of each grid.

        Returns
        -------
        grids
            Table `grids`, each `grid_id` once.

        Raises
        ------
        NotFoundError
            There are no grids, or none is valid then.
        """
        versions = self.read("grids")
        if as_of is not None:
            at = self.instant(as_of)
            versions = versions[
                (versions["valid_from"] <= at) & (versions["valid_to"].isna() | (versions["valid_to"] > at))
            ]
        elif versions["valid_to"].isna().any():
            versions = versions[versions["valid_to"].isna()]
        if versions.empty:
            raise NotFoundError(f"store {self.path}: no grid is valid at {as_of}.")
        return versions.drop_duplicates("grid_id", keep="last").reset_index(drop=True)

    def known_until(self) -> pd.Timestamp:
        """The instant up to which the store speaks: the last revision known or delivery logged.

        Raises
        ------
        NotFoundError
            The store holds no events.
        """

        def newest() -> list[pa.ChunkedArray]:
            # files are by month of known_at
            last = [self._parts("events", source)[-1] for source in self.sources()]
            return [self._load(part, ["known_at"], [])["known_at"] for part in last]

        times = self._looked(newest) or [self.arrow("events", columns=["known_at"])["known_at"]]
        if self.has("feed_log"):
            times.append(self.arrow("feed_log", columns=["covers_to"])["covers_to"])
        last = max(at for at in (pc.max(column).as_py() for column in times) if at is not None)
        return pd.Timestamp(last).tz_convert(self.timezone)

    def instant(self, as_of: object) -> pd.Timestamp:
        """`as_of` as an instant in the store's zone; a date means its local midnight.

        Where clocks were put forward over midnight the day begins with the first instant there was; of an hour that came twice
        the first is meant.

        Parameters
        ----------
        as_of
            A date or time, with or without a zone.

        Returns
        -------
        instant
            In the store's zone.

        Raises
        ------
        DataError
            Not a date or time.
        """
        return clock.instant(as_of, self.timezone)

    def digest(self) -> str:
        """SHA-256 over the records: equal exactly when they are equal, in whatever deliveries they came."""
        return self._digest([part for name in self.tables() if name != "feed_log" for part in self._parts(name)])

    def fingerprint(self) -> str:
        """SHA-256 over all a night reads: every table, the log of deliveries, and the city's own files such as ``calendar.csv``."""
        tables = [part for name in self.tables() for part in self._parts(name)]
        return self._digest([*tables, *self.files.names("*.csv")])

    def digest_before(self, at: pd.Timestamp) -> str:
        """SHA-256 over all that can have been known before an instant: records that become known later leave it as it is.

        Parameters
        ----------
        at
            Timezone-aware.

        Returns
        -------
        digest
            Of the records dated before it, and of tables and the city's own files that have no date.
        """
        month, whole, cut = f"{at.tz_convert('UTC'):%Y-%m}", self.files.names("*.csv"), []
        for name in self.tables():
            dated = [(name, part) for part in self._parts(name) if name not in MONTH_OF or Path(part).stem <= month]
            for table, part in dated:
                changing = table in DATE_OF and (table not in MONTH_OF or table in LATER or Path(part).stem == month)
                cut.append((table, part)) if changing else whole.append(part)
        digests = [self._digest(whole), *(self._looked(partial(self._before, *one, at)) for one in cut)]
        return hashlib.sha256("".join(digests).encode()).hexdigest()

    def _before(self, name: str, part: str, at: pd.Timestamp) -> str:
        """Digest of the rows of a file that are dated before an instant; empty where there are none."""
        rows = self._load(part, None, []).to_pandas()
        rows = rows[rows[DATE_OF[name]] < at].drop(columns=[*_ARRIVALS] if name == "events" else [], errors="ignore")
        for column in LATER.get(name, ()):
            rows[column] = rows[column].where(rows[column] < at)
        if rows.empty:
            return ""
        return part + hashlib.sha256(pd.util.hash_pandas_object(rows, index=False).to_numpy().tobytes()).hexdigest()

    def read_quarantine(self, name: str, *, batch: str | None = None) -> pd.DataFrame:
        """Rejected rows of a table, of one batch or all, with `reason`; empty when there are none.

        Parameters
        ----------
        name
            Table name.
        batch
            Only this one; all by default.

        Returns
        -------
        rows
            As they were rejected.
        """
        places = [self.files.find(part) for part in self.files.names(f"quarantine/{name}/{batch or '*'}.parquet")]
        rows = [pd.read_parquet(place) for place in places if place is not None]
        return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame({"reason": pd.Series(dtype="str")})

    def quarantined(self, name: str) -> list[str]:
        """Batches of a table that have rejected rows.

        Parameters
        ----------
        name
            Table name.

        Returns
        -------
        batches
            Sorted.
        """
        return [Path(part).stem for part in self.files.names(f"quarantine/{name}/*.parquet")]

    def ids_in(self, part: str) -> pd.Series:
        """`event_id` of all revisions in one file of events.

        Parameters
        ----------
        part
            Of :meth:`parts_of`.

        Returns
        -------
        ids
            (n_revisions,) words, an event as often as it has revisions.
        """
        return self._load(part, ["event_id"], [])["event_id"].to_pandas().astype("str")

    def revisions_of(self, source: str, chosen: Callable[[pd.Series], np.ndarray]) -> pd.DataFrame:
        """All revisions of those events of a feed that a function of their ids chooses; times in UTC.

        Parameters
        ----------
        source
            A feed.
        chosen
            From (n,) ids to (n,) bool: which events to give.

        Returns
        -------
        revisions
            Rows of table `events`; empty where none is chosen.
        """
        table, parts = table_of("events"), self._parts("events", source)
        looked = [(part, chosen(self.ids_in(part))) for part in parts]
        revisions = [self._existing(table, part)[here] for part, here in looked if here.any()]
        empty = full(table, pd.DataFrame(columns=table.column_names)).iloc[:0]
        return pd.concat(revisions, ignore_index=True) if revisions else empty

    # -- merging ------------------------------------------------------------------------------------------------------

    def novel(self, name: str, frame: pd.DataFrame) -> np.ndarray:
        """(n,) Which rows of `frame` bear a key that neither the store nor an earlier row of `frame` holds.

        Parameters
        ----------
        name
            Table name.
        frame
            (n,) rows with the table's key.

        Returns
        -------
        novel
            (n,) bool.
        """
        table = table_of(name)
        rows = full(table, typed(name, frame))
        keys = rows[list(table.key)]
        new = ~keys.duplicated().to_numpy()
        for part, here in split(table, rows):
            if self.files.find(part) is not None:
                held = self._load(part, list(table.key), []).to_pandas()
                both = pd.concat([held.astype(keys.dtypes), keys.iloc[here]], ignore_index=True)
                new[here] &= ~both.duplicated().to_numpy()[len(held) :]
        return new

    def _merged(self, table: Table, part: str, rows: pd.DataFrame) -> tuple[pd.DataFrame | None, Written]:
        """A file's rows with new ones, none where nothing changes; of two contents of a key the one that sorts last holds."""
        before = self._existing(table, part)
        both = pd.concat([before, rows], ignore_index=True) if len(before) else rows
        if not both.duplicated(list(table.key)).any():
            ordered = both.sort_values(list(table.key), kind="stable", ignore_index=True)
            return (ordered if len(rows) else None), Written(len(rows), 0)
        both = both.sort_values(table.column_names, kind="stable", na_position="first", ignore_index=True)
        distinct = len(both.drop_duplicates())
        merged = both.drop_duplicates(list(table.key), keep="last")
        accepted = len(merged) - len(before)
        changed = accepted > 0 or distinct > len(before)
        return (merged if changed else None), Written(accepted, len(rows) - accepted, distinct - len(merged))

    def _check_grids(self, name: str, grid_ids: pd.Series) -> None:
        named = {g for g in grid_ids.dropna().unique() if g}
        known = set(self.read("grids", columns=["grid_id"])["grid_id"]) if self.has("grids") else set()
        unknown = sorted(named - known)
        if unknown:
            raise DataError(
                f"table {name!r}: {len(unknown)} grid ids are not in the store's `grids` table, first: {', '.join(unknown[:3])}. "
                "Write the grids first, or bring the rows in with `riskwarn ingest`, which keeps such rows in quarantine."
            )

    # -- files --------------------------------------------------------------------------------------------------------

    def _parts(self, name: str, source: str | None = None) -> list[str]:
        if name in NIGHT_TABLES:
            return []
        if name not in MONTH_OF:
            return self.files.names(f"tables/{name}.parquet")
        return self.files.names(
            f"tables/events/{source or '*'}/*.parquet" if name == "events" else f"tables/{name}/*.parquet"
        )

    def _looked(self, look: Callable[[], T]) -> T:
        """What a look at several files gives, all of them of one commit."""
        for _ in range(_LOOKS):
            before = self.files.stamp()
            try:
                seen = look()
            except FileNotFoundError:  # moved into its place between finding and opening it
                continue
            if self.files.stamp() == before:
                return seen
        raise BusyError(f"store {self.path} changes faster than it can be read; wait for the job that writes.")

    def _load(self, part: str, columns: list[str] | None, words: list[str]) -> pa.Table:
        place = self.files.find(part)
        if place is None:
            raise FileNotFoundError(part)
        return load(place, columns, words)

    def _existing(self, table: Table, part: str) -> pd.DataFrame:
        try:
            held = self._load(part, None, [])
        except FileNotFoundError:
            return _no_rows(table.name)
        return full(table, typed(table.name, held.to_pandas()))

    def _digest(self, names: list[str]) -> str:
        def look() -> str:
            total = hashlib.sha256(self.timezone.encode())
            for name in names:
                total.update(name.encode())
                place = self.files.find(name) or Path(name)
                parts = (
                    column_bytes(place, without=_ARRIVALS)
                    if name.startswith("tables/events/")
                    else [place.read_bytes()]
                )
                for part in parts:
                    total.update(hashlib.sha256(part).digest())
            return total.hexdigest()

        return self._looked(look)

    def _nothing(self, name: str, source: str | None) -> pa.Table:
        here = f"{self.path}" + (f" (source {source!r})" if source else "")
        raise NotFoundError(
            f"store {here} holds no table {name!r}; it has: {', '.join(self.tables()) or 'nothing'}. Bring data in with `riskwarn ingest`."
        )


@cache
def _no_rows(name: str) -> pd.DataFrame:
    table = table_of(name)
    return full(table, pd.DataFrame(columns=table.column_names)).iloc[:0]
