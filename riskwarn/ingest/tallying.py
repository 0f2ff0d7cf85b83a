"""What a store's feeds are like in a line each, from sums: the files are read a batch at a time, and the lines are those of :func:`check`."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from riskwarn.calling import checked
from riskwarn.errors import NotFoundError
from riskwarn.ingest.checking import logged, missing_days, plain, span_of
from riskwarn.store import Store
from riskwarn.store.reading import batches, n_rows
from riskwarn.taxonomy import NEVER_FEATURES

BUCKET_ROWS = 4_000_000
"""Revisions looked at together, about: those of one event are in one bucket."""
_COLUMNS = ("event_id", "known_at", "occurred_at", "grid_id", "category", "category_raw")
_BINS = 1 << 16
"""Of delays, when one of a given place is looked for among those that lie in a file."""
_DAY_US = 86_400_000_000


@checked
def tally(store: Store) -> list[dict[str, Any]]:
    """The feeds of a store, a line each, with no more than a bucket of revisions in memory.

    Parameters
    ----------
    store
        With events.

    Returns
    -------
    feeds
        Plain values as of :meth:`CheckReport.to_dict`: `source`, `events`, `revisions`, `first`, `last`, `delay_p50`, `delay_p99`, `unknown_share`,
        `sensitive`, `unplaced_share`, `missing_days`, `received`, `accepted`, `duplicate`, `quarantined`.

    Raises
    ------
    NotFoundError
        The store holds no events.
    """
    if not store.has("events"):
        raise NotFoundError(f"store {store.path} holds no events; bring some in with `riskwarn ingest`.")
    log = store.read("feed_log") if store.has("feed_log") else None
    return [plain(_line(store, source, log)) for source in store.sources()]


@dataclass(eq=False)
class _Sums:
    """What the first revisions of the events of a feed add up to; their delays are written to a file, µs."""

    timezone: str
    delays: IO[bytes]
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("events", "unknown", "unplaced", "sensitive"), 0)
    )
    days: pd.Series = field(default_factory=lambda: pd.Series(dtype="int64"))
    first: int = np.iinfo(np.int64).max
    last: int = np.iinfo(np.int64).min

    def add(self, rows: pa.Table) -> None:
        """Take a bucket into account, in the order in which its rows lie in the store."""
        known, occurred = (rows[name].to_numpy() for name in ("known", "occurred"))
        order = np.argsort(known, kind="stable")
        begun = order[~pd.Index(rows["event_id"].to_pandas().take(order)).duplicated()]
        self.counts["events"] += len(begun)
        for name in ("unknown", "unplaced", "sensitive"):
            self.counts[name] += int(rows[name].to_numpy(zero_copy_only=False)[begun].sum())
        occurred = occurred[begun]
        self.first, self.last = min(self.first, int(occurred.min())), max(self.last, int(occurred.max()))
        local = pd.DatetimeIndex(occurred.view("datetime64[us]"), tz="UTC").tz_convert(self.timezone).normalize()
        self.days = self.days.add(local.value_counts(), fill_value=0) if len(self.days) else local.value_counts()
        self.delays.write((known[begun] - occurred).tobytes())


def _line(store: Store, source: str, log: pd.DataFrame | None) -> dict[str, Any]:
    with tempfile.TemporaryFile() as delays:
        sums = _Sums(store.timezone, delays)
        with _buckets(store, source) as buckets:
            for rows in buckets:
                sums.add(rows)
        p50, p99 = quantiles(delays, sums.counts["events"], (0.5, 0.99))
    first, last = (pd.Timestamp(at, unit="us", tz="UTC").tz_convert(store.timezone) for at in (sums.first, sums.last))
    missing = missing_days(sums.days, span_of(first, last, source, log))
    n = sums.counts["events"]
    return {
        "source": source,
        "events": n,
        "revisions": n_rows(store, "events", source),
        "first": first,
        "last": last,
        "delay_p50": p50 / _DAY_US,
        "delay_p99": p99 / _DAY_US,
        "unknown_share": sums.counts["unknown"] / n,
        "sensitive": sums.counts["sensitive"],
        "unplaced_share": sums.counts["unplaced"] / n,
        "missing_days": None if missing is None else len(missing),
        **logged(source, log),
    }


@contextmanager
def _buckets(store: Store, source: str) -> Iterator[Iterator[pa.Table]]:
    """The revisions of a feed in buckets; where one holds them all nothing is written."""
    n_buckets = max(-(-n_rows(store, "events", source) // BUCKET_ROWS), 1)
    every = (_told(rows) for rows in batches(store, "events", _COLUMNS, source))
    if n_buckets == 1:
        yield iter([pa.concat_tables(every).combine_chunks()])
        return
    with tempfile.TemporaryDirectory(prefix="tally-") as folder:
        places = [Path(folder) / f"{number:04d}.arrow" for number in range(n_buckets)]
        _thrown(every, places)
        yield (pa.ipc.open_stream(place.read_bytes()).read_all().combine_chunks() for place in places)


def _thrown(every: Iterator[pa.Table], places: Sequence[Path]) -> None:
    """Each batch into the buckets of its events."""
    schema = _told(pa.table({name: pa.array([], _NOTHING[name]) for name in _COLUMNS})).schema
    writers = [pa.ipc.new_stream(place, schema) for place in places]
    for rows in every:
        ids = rows["event_id"].to_numpy(zero_copy_only=False)
        number = pd.util.hash_array(ids.astype(object), categorize=False) % np.uint64(len(places))
        for bucket, writer in enumerate(writers):
            writer.write_table(rows.filter(pa.array(number == bucket)))
    for writer in writers:
        writer.close()


_UTC = pa.timestamp("us", "UTC")
_NOTHING = dict.fromkeys(_COLUMNS, pa.string()) | {"known_at": _UTC, "occurred_at": _UTC}


def _told(rows: pa.Table) -> pa.Table:
    """What is looked at of each revision."""
    raw = (
        rows["category_raw"].is_valid() if "category_raw" in rows.column_names else pa.array(np.zeros(len(rows), bool))
    )
    words = {name: rows[name].cast(pa.string()) for name in ("event_id", "grid_id", "category")}
    return pa.table(
        {
            "event_id": words["event_id"],
            "known": rows["known_at"].cast(_UTC).cast(pa.int64()),
            "occurred": rows["occurred_at"].cast(_UTC).cast(pa.int64()),
            "unknown": raw,
            "unplaced": pc.fill_null(pc.equal(words["grid_id"], ""), False),
            "sensitive": pc.is_in(words["category"], pa.array(sorted(NEVER_FEATURES))),
        }
    )


def quantiles(file: IO[bytes], n: int, shares: Sequence[float]) -> list[float]:
    """Quantiles of numbers that lie in a file, between two neighbours in proportion, as of :func:`numpy.quantile`; exactly.

    Parameters
    ----------
    file
        Of `n` int64, of which no more than a bucket is in memory.
    n
        At least 1.
    shares
        In [0, 1].

    Returns
    -------
    quantiles
        One a share.

    Examples
    --------
    >>> with tempfile.TemporaryFile() as file:
    ...     _ = file.write(np.array([4, 0, 2, 2], np.int64).tobytes())
    ...     [round(found, 6) for found in quantiles(file, 4, (0.5, 0.9))]
    [2.0, 3.4]
    """
    found = []
    for share in shares:
        place = share * (n - 1)
        low = _at(file, int(place))
        high = _at(file, min(int(place) + 1, n - 1))
        found.append(low + (high - low) * (place - int(place)))
    return found


def _at(file: IO[bytes], place: int) -> int:
    """The number at a place of all in order: the range it lies in is narrowed to one number, counting the file anew each time."""
    spans = [(int(part.min()), int(part.max())) for part in _parts(file)]
    low, high = min(a for a, _ in spans), max(b for _, b in spans)
    while high > low:
        width = (high - low) // _BINS + 1
        counts = np.zeros(_BINS + 1, np.int64)
        for part in _parts(file):
            inside = part[(part >= low) & (part <= high)]
            counts += np.bincount((inside - low) // width, minlength=len(counts))
        until = np.cumsum(counts)
        found = int(np.searchsorted(until, place, side="right"))
        place -= int(until[found] - counts[found])
        low, high = low + found * width, min(low + (found + 1) * width - 1, high)
    return low


def _parts(file: IO[bytes]) -> Iterator[np.ndarray]:
    file.seek(0)
    while len(part := np.frombuffer(file.read(8 * BUCKET_ROWS), np.int64)):
        yield part
