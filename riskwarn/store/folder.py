"""The only module that reads or writes tables on disk: a folder of Parquet files, nothing to install.

::

    city/
      store.json                          time zone, format
      tables/events/dispute/2025-01.parquet   records by source and month of known_at
      tables/grids.parquet                small tables whole
      quarantine/events/….parquet         rejected rows, each with its reason
      nights/2025-03-03/<run>/….parquet   what a night published, never changed afterwards
      nights/2025-03-03/current           which run holds; replaced in one step
      ledger.sqlite                       alerts and their transitions
      .lock                               held by the one job that writes

Every file is written beside its place, flushed and renamed, so a reader sees the old one or the new one, never a part.
The same records give the same files in whatever order and pieces they arrive.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from riskwarn import clock
from riskwarn.errors import BusyError, DataError, NotFoundError, StaleDataError, did_you_mean
from riskwarn.schema import TABLES, Table, conform, table_of, typed
from riskwarn.store.parquet import full, plain_arrow, to_arrow, write_bytes, write_table

FORMAT = 1
NIGHT_TABLES = ("scores", "reasons", "gaps", "alerts", "marks", "weeks", "weekly_readings", "what_ifs")
"""Tables a night publishes together."""
_MONTH_OF = {
    "events": "known_at",
    "visits": "known_at",
    "workflow": "at",
    "diversions": "sent_at",
    "roster": "day_at",
}
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


@dataclass(frozen=True)
class Written:
    """What became of the rows of one write: `accepted` new, `duplicate` known already, `conflicting` of these with other content."""

    accepted: int
    duplicate: int
    conflicting: int = 0


class Store:
    """A city's tables in a folder.

    Parameters
    ----------
    path
        The folder; made on the first write.
    timezone
        IANA zone of the city, for example ``"Asia/Shanghai"``. Fixed when the store is made; afterwards it may be left out.

    Raises
    ------
    DataError
        The store exists with another time zone, or the zone is not known.

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

    def __init__(self, path: str | Path, *, timezone: str | None = None) -> None:
        self.path = Path(path)
        meta = self.path / "store.json"
        found = _read_meta(meta) if meta.exists() else {}
        if found.get("format", FORMAT) != FORMAT:
            raise DataError(f"{meta}: store format {found['format']}, this version reads {FORMAT}.")
        if timezone and found and timezone != found["timezone"]:
            raise DataError(
                f"{meta}: the store's time zone is {found['timezone']!r}, got {timezone!r}; a store keeps the zone it was made with."
            )
        self.timezone: str = found.get("timezone") or timezone or "Asia/Shanghai"
        try:
            ZoneInfo(self.timezone)
        except (KeyError, ValueError):
            raise DataError(f"unknown time zone {self.timezone!r}; use an IANA name such as 'Asia/Shanghai'.") from None
        self._n_holds = 0

    def __repr__(self) -> str:
        """Path, zone and tables at a glance."""
        return f"Store({str(self.path)!r}, timezone={self.timezone!r}, tables={self.tables()})"

    # -- source tables ------------------------------------------------------------------------------------------------

    def tables(self) -> list[str]:
        """Names of the source tables that hold rows."""
        return [name for name in TABLES if name not in NIGHT_TABLES and self._parts(name)]

    def write(self, name: str, frame: pd.DataFrame) -> Written:
        """Add rows to a source table; rows whose key is there already change nothing.

        Where one key comes with two contents, the one that sorts last holds, whichever came first.

        Raises
        ------
        DataError
            The frame breaks the table's contract, or names a grid that the `grids` table does not hold.
        BusyError
            Another job holds the store.
        """
        table = table_of(name)
        if name in NIGHT_TABLES:
            raise DataError(f"table {name!r} is published by a night; use Store.publish.")
        rows = full(table, conform(name, frame))
        with self.lock():
            if name != "grids" and "grid_id" in table.column_names:
                self._check_grids(name, rows["grid_id"])
            results = [self._merge(table, part, rows.iloc[here]) for part, here in self._split(table, rows)]
        return Written(*(sum(getattr(r, f) for r in results) for f in ("accepted", "duplicate", "conflicting")))

    def novel(self, name: str, frame: pd.DataFrame) -> np.ndarray:
        """(n,) Which rows of `frame` bear a key that neither the store nor an earlier row of `frame` holds."""
        table = table_of(name)
        rows = full(table, typed(name, frame))
        keys = rows[list(table.key)]
        new = ~keys.duplicated().to_numpy()
        for part, here in self._split(table, rows):
            if part.exists():
                held = pq.read_table(part, columns=list(table.key)).to_pandas()
                both = pd.concat([held.astype(keys.dtypes), keys.iloc[here]], ignore_index=True)
                new[here] &= ~both.duplicated().to_numpy()[len(held) :]
        return new

    def read(
        self,
        name: str,
        *,
        columns: Sequence[str] | None = None,
        source: str | None = None,
        as_of: object = None,
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

        Raises
        ------
        NotFoundError
            The store or the table holds nothing.
        StaleDataError
            Nothing was published for `as_of`.
        DataError
            The table has no such column.
        """
        arrow = self.arrow(name, columns=columns, source=source, as_of=as_of, dictionary=False)
        frame = arrow.to_pandas(
            types_mapper=lambda t: pd.StringDtype(na_value=float("nan")) if pa.types.is_string(t) else None
        )
        table = table_of(name)
        for column in table.columns:
            if column.name in frame:
                if column.kind == "time":
                    frame[column.name] = frame[column.name].dt.tz_convert(self.timezone)
                elif column.kind == "integer":
                    frame[column.name] = frame[column.name].astype("Int64")
                elif column.kind == "flag":
                    frame[column.name] = frame[column.name].fillna(value=False).astype("bool")
        if name not in NIGHT_TABLES and set(table.key) <= set(frame):
            frame = frame.sort_values(list(table.key), kind="stable", ignore_index=True)
        return frame

    def arrow(
        self,
        name: str,
        *,
        columns: Sequence[str] | None = None,
        source: str | None = None,
        as_of: object = None,
        dictionary: bool = True,
    ) -> pa.Table:
        """The rows as an Arrow table, times in UTC; repeated words as dictionaries unless `dictionary` is false."""
        table = table_of(name)
        for column in columns or ():
            if column not in table.column_names:
                raise DataError(f"table {name!r} has no column {column!r}{did_you_mean(column, table.column_names)}.")
        parts = self._night_parts(name, as_of) if name in NIGHT_TABLES else self._parts(name, source)
        if not parts:
            here = f"{self.path}" + (f" (source {source!r})" if source else "")
            raise NotFoundError(
                f"store {here} holds no table {name!r}; it has: {', '.join(self.tables()) or 'nothing'}. Bring data in with `riskwarn ingest`."
            )
        words = [c.name for c in table.columns if c.name in _DICTIONARY and c.kind == "text"] if dictionary else []
        read = [
            pq.read_table(part, columns=list(columns) if columns else None, read_dictionary=words) for part in parts
        ]
        return pa.concat_tables(read).unify_dictionaries() if dictionary else pa.concat_tables(read)

    def has(self, name: str) -> bool:
        """Whether a source table holds rows."""
        return bool(self._parts(name))

    def sources(self) -> list[str]:
        """Feeds with events."""
        folder = self.path / "tables" / "events"
        return sorted(p.name for p in folder.iterdir() if any(p.glob("*.parquet"))) if folder.exists() else []

    def grids(self, as_of: object = None) -> pd.DataFrame:
        """The grids valid at `as_of` (the newest version of each by default), one row a grid, in the order of `grid_id`.

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
        newest = [self._parts("events", source)[-1] for source in self.sources()]  # files are by month of known_at
        times = [pq.read_table(part, columns=["known_at"])["known_at"] for part in newest]
        times = times or [self.arrow("events", columns=["known_at"])["known_at"]]
        if self.has("feed_log"):
            times.append(self.arrow("feed_log", columns=["covers_to"])["covers_to"])
        last = max(at for at in (pc.max(column).as_py() for column in times) if at is not None)
        return pd.Timestamp(last).tz_convert(self.timezone)

    def instant(self, as_of: object) -> pd.Timestamp:
        """`as_of` as an instant in the store's zone; a date means its local midnight.

        Where clocks were put forward over midnight the day begins with the first instant there was; of an hour that came twice
        the first is meant.

        Raises
        ------
        DataError
            Not a date or time.
        """
        return clock.instant(as_of, self.timezone)

    def digest(self) -> str:
        """SHA-256 over all source tables: equal exactly when the records are equal."""
        total = hashlib.sha256(self.timezone.encode())
        for name in self.tables():
            if name == "feed_log":
                continue
            for part in self._parts(name):
                total.update(str(part.relative_to(self.path)).encode())
                total.update(hashlib.sha256(part.read_bytes()).digest())
        return total.hexdigest()

    def quarantine(self, name: str, rows: pd.DataFrame, *, batch: str) -> Path | None:
        """Keep rejected rows with their reasons; nothing is lost. Returns the file, or none when there are no rows."""
        if rows.empty:
            return None
        self._make()
        target = self.path / "quarantine" / name / f"{batch}.parquet"
        write_table(target, plain_arrow(rows))
        return target

    def read_quarantine(self, name: str) -> pd.DataFrame:
        """Rejected rows of a table, with `reason`; empty when there are none."""
        parts = sorted((self.path / "quarantine" / name).glob("*.parquet"))
        return (
            pd.concat([pd.read_parquet(p) for p in parts], ignore_index=True) if parts else pd.DataFrame({"reason": []})
        )

    # -- nights -------------------------------------------------------------------------------------------------------

    def publish(
        self, as_of: object, tables: Mapping[str, pd.DataFrame], *, run: str, facts: Mapping[str, object] | None = None
    ) -> Path:
        """Publish a night's tables together: readers see all of the new run or all of the old one.

        Parameters
        ----------
        as_of
            The night.
        tables
            Some of :data:`NIGHT_TABLES`, each of this `as_of` alone.
        run
            Name of the run; a run that is there already is pointed to again and not rewritten.
        facts
            What a reader should know of the run, kept as JSON beside the tables.

        Raises
        ------
        BusyError
            Another job holds the store.
        """
        night = self._night(as_of)
        with self.lock():
            if not (night / run).exists():
                partial = night / f".{run}.{os.getpid()}.partial"
                for name, frame in tables.items():
                    table = table_of(name)
                    write_table(partial / f"{name}.parquet", to_arrow(table, full(table, conform(name, frame))))
                said = json.dumps(dict(facts or {}), ensure_ascii=False, indent=1, default=str)
                write_bytes(partial / "facts.json", said.encode())
                partial.rename(night / run)
            write_bytes(night / "current", run.encode())
        return night / run

    def roll_back(self, as_of: object, run: str) -> Path:
        """Let an earlier run of a night hold again: one pointer moves, nothing is computed.

        Raises
        ------
        NotFoundError
            The night has no such run; the message names those it has.
        """
        if run not in self.runs(as_of):
            found = ", ".join(self.runs(as_of)) or "none"
            raise NotFoundError(
                f"store {self.path}: {self.instant(as_of).date()} has no run {run!r}; its runs: {found}."
            )
        return self.publish(as_of, {}, run=run)

    def runs(self, as_of: object) -> list[str]:
        """Names of the runs kept for a night, the one published last at the end."""
        night = self._night(as_of)
        kept = [p for p in night.iterdir() if p.is_dir() and not p.name.startswith(".")] if night.exists() else []
        return [p.name for p in sorted(kept, key=lambda p: (p.stat().st_mtime_ns, p.name))]

    def nights(self) -> list[pd.Timestamp]:
        """Dates with published scores, oldest first."""
        folder = self.path / "nights"
        found = [p.parent.name for p in folder.glob("*/current")] if folder.exists() else []
        return sorted(self.instant(name.replace("_", ":")) for name in found)

    def run_of(self, as_of: object) -> str | None:
        """Name of the run published for `as_of`, none when there is none."""
        pointer = self._night(as_of) / "current"
        return pointer.read_text("utf-8") if pointer.exists() else None

    def facts(self, as_of: object) -> dict[str, object]:
        """What the run published for `as_of` says of itself."""
        run = self.run_of(as_of)
        if run is None:
            raise StaleDataError(
                f"store {self.path}: nothing is published for {self.instant(as_of).date()}; {self._nights_in_words()}"
            )
        facts: dict[str, object] = json.loads((self._night(as_of) / run / "facts.json").read_text("utf-8"))
        return facts

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the store for one job; freed when the process ends, however it ends. Who holds it may write and lock again.

        Raises
        ------
        BusyError
            Another job holds it.
        """
        if self._n_holds == 0:
            self._make()
        with (self.path / ".lock").open("w") as handle:
            if self._n_holds == 0:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise BusyError(f"store {self.path} is held by another job; wait for it to end.") from None
                self._sweep()
            self._n_holds += 1
            try:
                yield
            finally:
                self._n_holds -= 1

    def _sweep(self) -> None:
        """Take away what a job that was killed left half written; whoever holds the store is the only one writing."""
        for kind in ("tables", "quarantine", "nights"):
            for left in [*(self.path / kind).rglob(".*.partial")]:
                if left.is_dir():
                    shutil.rmtree(left)
                else:
                    left.unlink(missing_ok=True)

    # -- files --------------------------------------------------------------------------------------------------------

    def _make(self) -> None:
        meta = self.path / "store.json"
        if not meta.exists():
            self.path.mkdir(parents=True, exist_ok=True)
            write_bytes(meta, json.dumps({"format": FORMAT, "timezone": self.timezone}).encode())

    def _check_grids(self, name: str, grid_ids: pd.Series) -> None:
        named = {g for g in grid_ids.dropna().unique() if g}
        known = set(self.read("grids", columns=["grid_id"])["grid_id"]) if self.has("grids") else set()
        unknown = sorted(named - known)
        if unknown:
            raise DataError(
                f"table {name!r}: {len(unknown)} grid ids are not in the store's `grids` table, first: {', '.join(unknown[:3])}. "
                "Write the grids first, or bring the rows in with `riskwarn ingest`, which keeps such rows in quarantine."
            )

    def _folder(self, name: str) -> Path:
        return self.path / "tables" / name

    def _parts(self, name: str, source: str | None = None) -> list[Path]:
        if name in NIGHT_TABLES:
            return self._night_parts(name, None)
        if name not in _MONTH_OF:
            single = self.path / "tables" / f"{name}.parquet"
            return [single] if single.exists() else []
        return sorted(self._folder(name).glob(f"{source or '*'}/*.parquet" if name == "events" else "*.parquet"))

    def _split(self, table: Table, rows: pd.DataFrame) -> Iterator[tuple[Path, np.ndarray]]:
        """Each file the rows go to, and the places of its rows."""
        if table.name not in _MONTH_OF:
            yield self.path / "tables" / f"{table.name}.parquet", np.arange(len(rows))
            return
        place = pd.Series(_months(rows[_MONTH_OF[table.name]]), index=rows.index, dtype="str")
        place = (rows["source"] + "/" + place) if table.name == "events" else place
        for part, here in sorted(place.groupby(place.to_numpy(dtype=object)).indices.items()):
            yield self._folder(table.name) / f"{part}.parquet", here

    def _merge(self, table: Table, part: Path, rows: pd.DataFrame) -> Written:
        before = self._existing(table, part)
        both = pd.concat([before, rows], ignore_index=True) if len(before) else rows
        if not both.duplicated(list(table.key)).any():
            if len(rows):
                write_table(part, to_arrow(table, both.sort_values(list(table.key), kind="stable", ignore_index=True)))
            return Written(len(rows), 0)
        both = both.sort_values(table.column_names, kind="stable", na_position="first", ignore_index=True)
        distinct = len(both.drop_duplicates())
        merged = both.drop_duplicates(list(table.key), keep="last")
        accepted = len(merged) - len(before)
        if accepted or distinct > len(before):
            write_table(part, to_arrow(table, merged))
        return Written(accepted, len(rows) - accepted, distinct - len(merged))

    def _existing(self, table: Table, part: Path) -> pd.DataFrame:
        if not part.exists():
            return full(table, pd.DataFrame(columns=table.column_names)).iloc[:0]
        frame = pq.read_table(part).to_pandas()
        return full(table, typed(table.name, frame))

    def _night(self, as_of: object) -> Path:
        at = self.instant(as_of)
        name = at.strftime("%Y-%m-%d") if at == self.instant(at.date()) else at.strftime("%Y-%m-%dT%H_%M_%S")
        return self.path / "nights" / name

    def _night_parts(self, name: str, as_of: object) -> list[Path]:
        if as_of is not None:
            run = self.run_of(as_of)
            if run is None:
                raise StaleDataError(
                    f"store {self.path}: nothing is published for {self.instant(as_of).date()}; {self._nights_in_words()}"
                )
            return [self._night(as_of) / run / f"{name}.parquet"]
        found = [self._night(at) / (self.run_of(at) or "") / f"{name}.parquet" for at in self.nights()]
        return [part for part in found if part.exists()]

    def _nights_in_words(self) -> str:
        nights = self.nights()
        return f"the last night is {nights[-1].date()}." if nights else "run `riskwarn nightly` first."


def _read_meta(meta: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(meta.read_text("utf-8"))
        return found | {"timezone": str(found["timezone"])}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f'{meta} is damaged ({type(error).__name__}); write it again as {{"format": {FORMAT}, "timezone": "Asia/Shanghai"}} with the city\'s zone.'
        ) from None


def _months(at: pd.Series) -> np.ndarray:
    """Month of each instant in UTC, as 2025-01."""
    utc = at.dt.tz_convert(None).to_numpy().astype("datetime64[M]")
    months, place = np.unique(utc, return_inverse=True)
    return months.astype(str).astype(object)[place]
