"""Rows that were accepted reach the store: new ones as they are, those of known events folded into what is there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from riskwarn.errors import DataError
from riskwarn.ingest.account import Account
from riskwarn.ingest.areas import finish_grids
from riskwarn.ingest.correction import EVENT, Amended, amend
from riskwarn.ingest.identity import FAR_APART, FAR_APART_DAYS, Occurrences, distinct, id_hash, is_among
from riskwarn.ingest.known import Known
from riskwarn.ingest.mapping import Mapping
from riskwarn.ingest.spool import Spool
from riskwarn.schema import Table, table_of, typed
from riskwarn.store import Transaction
from riskwarn.store.parquet import full

WRITE_ROWS = 150_000
"""Rows written at once, more only where one month has more."""
_BUCKETS = 16
LEAST_LEFT = 0.5
"""A full delivery that lacks more than this share of the events was cut short, until somebody says otherwise."""


@dataclass
class Stage:
    """The rows of one delivery on their way: fresh events by month, events the store knows by bucket, refused ones.

    Parameters
    ----------
    arrived
        When the delivery arrived.
    fulls
        When full deliveries of each feed arrived.
    again
        Arrival of the earlier reading that this one replaces.
    sole
        Whether no other delivery has that arrival.
    held
        Which events the store holds.
    """

    store: Transaction
    mapping: Mapping
    account: Account
    good: Spool
    known: Spool
    bad: Spool
    arrived: pd.Timestamp
    fulls: dict[str, list[pd.Timestamp]]
    again: bool = False
    sole: bool = False
    held: Known = field(default_factory=Known)
    changed: dict[str, int] = field(default_factory=dict)
    occurrences: Occurrences = field(default_factory=Occurrences)
    named: list[np.ndarray] = field(default_factory=list)
    """Hashes of all ids the delivery names, refused rows included."""
    _accepted: list[np.ndarray] = field(default_factory=list)
    _held: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def counted(self) -> bool:
        """Whether one row may stand for several events."""
        return "count" in self.mapping.columns

    def refuse(self, rows: pd.DataFrame) -> None:
        """Put rows into quarantine, each with its `reason`."""
        self.bad.add(rows, np.full(len(rows), "refused"))
        self.account.refused.append(rows["row"].to_numpy(dtype=np.int64))

    def name(self, rows: pd.DataFrame, refused: np.ndarray) -> None:
        """Remember which events the delivery names, with `source`, `event_id` and `occurred_at`."""
        identified = rows[rows["event_id"].notna()]
        hashes, out = id_hash(identified), refused[rows["event_id"].notna().to_numpy()]
        self.named.append(hashes)
        self._accepted.append(hashes[~out])
        self.occurrences.see(identified[~out])

    def accepted_ids(self) -> np.ndarray:
        """Hashes of the events of which rows were accepted."""
        return distinct(np.concatenate(self._accepted)) if self._accepted else np.empty(0, np.uint64)

    def add(self, rows: pd.DataFrame) -> None:
        """Put rows aside until the whole delivery is read."""
        if self.mapping.table != "events":
            self.good.add(rows, _part(rows, self.mapping.table))
            return
        hashes = id_hash(rows, group=self.counted)
        fold = self._to_fold(rows["source"], hashes)
        if fold.any():
            bucket = np.char.add("known@", (hashes % _BUCKETS).astype(str)).astype(object)
            self.known.add(rows[fold], bucket[fold])
        if not fold.all():
            self.good.add(rows[~fold], _part(rows[~fold], "events"))

    def _to_fold(self, source: pd.Series, hashes: np.ndarray) -> np.ndarray:
        """Rows of events that the store knows, or that a later full delivery may have withdrawn."""
        fold = np.full(len(hashes), self.again)
        for feed, places in source.groupby(source.to_numpy(dtype=object)).indices.items():
            if feed not in self._held:
                self._held[feed] = self.held.of(self.store, str(feed), group=self.counted)
            late = any(full > self.arrived for full in self.fulls.get(str(feed), ()))
            fold[places] |= late | is_among(hashes[places], self._held[feed])
        return fold

    # -- once all is read -------------------------------------------------------------------------------------------

    def write(self) -> None:
        """Write what was put aside.

        Raises
        ------
        DataError
            A full delivery lacks most of what there is.
        """
        lost = self._lost() if self.mapping.delivery == "full" else []
        far = self.occurrences.far_apart()
        for part in self.good.parts(WRITE_ROWS):
            self._write_fresh(self._near(part, far))
        if self.mapping.table != "events":
            return
        for part in self.known.parts(WRITE_ROWS):
            self._write_known(self._near(part, far))
        if self.again and self.sole:
            self._forget()
        for held in lost:
            pairs = list(dict.fromkeys(zip(held["source"], held["event_id"], strict=True)))
            self._amend(str(held["source"].iloc[0]), held, held.iloc[:0], gone=pairs)

    def _near(self, part: pd.DataFrame, far: np.ndarray) -> pd.DataFrame:
        if not len(far) or self.mapping.table != "events":
            return part
        apart = np.isin(id_hash(part, group=self.counted), far)
        if apart.any():
            self.refuse(part[apart].drop_duplicates("row").assign(reason=FAR_APART))
        return part[~apart]

    def _write_fresh(self, part: pd.DataFrame) -> None:
        name = self.mapping.table
        rows = finish_grids(part, self.mapping) if name == "grids" else part
        rows = rows[[c for c in table_of(name).column_names if c in rows]]
        rows = rows.assign(arrived_at=self.arrived) if name == "events" else rows
        new = self.store.novel(name, rows)
        one_to_one = len(rows) == len(part)
        if name != "events":
            new |= self._later(rows)
        self.account.accepted.append(part["row"].to_numpy()[new if one_to_one else np.full(len(part), new.any())])
        source = part["source"].to_numpy(dtype=object) if one_to_one else np.full(len(rows), name, dtype=object)
        for feed in sorted(pd.unique(source)):
            self.account.write(str(feed), *_put(self.store, name, rows[source == feed]))

    def _later(self, rows: pd.DataFrame) -> np.ndarray:
        """(n,) Rows that say something else than the store, and later: what it holds for them goes."""
        name, table = self.mapping.table, table_of(self.mapping.table)
        other = np.zeros(len(rows), dtype=bool)
        if not self.store.has(name) or not (self.again or self._newest(rows)):
            return other
        held, key = self.store.read(name), list(table.key)
        delivered = _last_of_each(table, typed(name, rows))
        shared = [c for c in delivered if c not in key]
        both = delivered.merge(held, on=key, suffixes=("", ":held"), how="inner")
        differs = pd.Series(data=False, index=both.index)
        for column in shared:
            old = both[f"{column}:held"]
            change = (both[column] != old).fillna(value=True) & ~(both[column].isna() & old.isna())
            differs |= change.astype(bool)
            self._count(column, int(change.sum()))
        goes = both.loc[differs, key]
        if len(goes):
            empty = typed(name, rows).iloc[:0]
            self.store.replace(name, empty, of=goes)
            other = pd.MultiIndex.from_frame(typed(name, rows)[key]).isin(pd.MultiIndex.from_frame(goes))
        return other

    def _newest(self, rows: pd.DataFrame) -> bool:
        """Whether no delivery of these rows' table arrived later."""
        if not self.store.has("feed_log") or rows.empty:
            return True
        log = self.store.read("feed_log", columns=["source", "arrived_at"])
        same = log[log["source"] == (self.mapping.source or self.mapping.table)]
        return same.empty or bool(same["arrived_at"].max() <= self.arrived)

    def _count(self, column: str, n: int) -> None:
        if n:
            self.changed[column] = self.changed.get(column, 0) + n

    def _write_known(self, part: pd.DataFrame) -> None:
        delivered = part[[c for c in table_of("events").column_names if c in part]]
        held = self._held_for(delivered)
        if not self.again and not self.counted:
            apart = _apart_from(held, delivered)
            if apart.any():
                self.refuse(part[apart].drop_duplicates("row").assign(reason=FAR_APART))
                part, delivered = part[~apart], delivered[~apart]
        if delivered.empty:
            return
        for feed in delivered["source"].unique():
            here = (delivered["source"] == feed).to_numpy()
            amended = self._amend(str(feed), held[held["source"] == feed], delivered[here])
            self.account.accepted.append(part["row"].to_numpy()[here][amended.new])

    def _held_for(self, delivered: pd.DataFrame) -> pd.DataFrame:
        wanted = distinct(id_hash(delivered, group=self.counted))
        held = [self.store.revisions_of(str(f), self._among(str(f), wanted)) for f in delivered["source"].unique()]
        return pd.concat(held, ignore_index=True)

    def _amend(
        self, feed: str, held: pd.DataFrame, delivered: pd.DataFrame, gone: Sequence[tuple[str, str]] = ()
    ) -> Amended:
        single = "known_at" in self.mapping.columns or self.mapping.known == "arrival"
        whole = _whole(delivered)
        amended = amend(
            held,
            whole,
            self.arrived,
            single=single,
            gone=gone,
            full=self.fulls.get(feed, ()),
            counted=self.counted,
            again=self.again,
        )
        self.store.replace("events", amended.rows, of=pd.concat([held[EVENT], whole[EVENT]]))
        self.account.write(feed, max(len(amended.rows) - len(held), 0))
        for column, n in amended.changed.items():
            self._count(column, n)
        return amended

    def _forget(self) -> None:
        """Take back what the earlier reading of this delivery said of events that this one does not name."""
        for feed in self.store.sources():
            held = self.store.revisions_of(feed, self._unnamed(feed))
            said = held.loc[held["arrived_at"] == self.arrived, "event_id"]
            if len(said):
                mine = held[held["event_id"].isin(said)]
                self._amend(feed, mine, mine.iloc[:0])
                self._count("event_id", said.nunique())

    def _lost(self) -> list[pd.DataFrame]:
        """By feed, the events that a full delivery has no longer, with all their revisions."""
        lost = []
        for feed in [self.mapping.source] if self.mapping.source else sorted(self.account.feeds):
            held = self.store.revisions_of(feed, self._unnamed(feed))
            if self.mapping.org_code != "*":
                held = held[held["org_code"] == self.mapping.org_code]
            last = held.sort_values("known_at").drop_duplicates("event_id", keep="last")
            gone = last.loc[~last["retracted"], "event_id"]
            n = len(self.held.of(self.store, feed))
            empty = len(gone) > 0 and not self.named
            if empty or len(gone) > max(LEAST_LEFT * n, 20):
                raise DataError(
                    f'the delivery is said to be full (`delivery = "full"`), but {len(gone):,} of {n:,} events of {feed} are not in it; '
                    "was the export cut short? Nothing is stored."
                )
            lost += [held[held["event_id"].isin(gone)]] if len(gone) else []
        return lost

    def _unnamed(self, feed: str) -> Callable[[pd.Series], np.ndarray]:
        named = distinct(np.concatenate(self.named)) if self.named else np.empty(0, np.uint64)
        return lambda ids: ~is_among(self._hash(feed, ids), named)

    def _among(self, feed: str, wanted: np.ndarray) -> Callable[[pd.Series], np.ndarray]:
        return lambda ids: is_among(self._hash(feed, ids), wanted)

    def _hash(self, feed: str, ids: pd.Series) -> np.ndarray:
        return id_hash(pd.DataFrame({"source": feed, "event_id": ids}, dtype="str"), group=self.counted)


def _whole(delivered: pd.DataFrame) -> pd.DataFrame:
    """Rows with every column of the events table."""
    return full(table_of("events"), typed("events", delivered))


def _apart_from(held: pd.DataFrame, delivered: pd.DataFrame) -> np.ndarray:
    """(n,) Rows of `told` that occurred too far from what is held of their event."""
    span = held.groupby(EVENT)["occurred_at"].agg(["min", "max"])
    met = span.reindex(pd.MultiIndex.from_frame(delivered[EVENT]))
    limit, at = pd.Timedelta(days=FAR_APART_DAYS), delivered["occurred_at"].to_numpy()
    low, high = (pd.to_datetime(met[name], utc=True).to_numpy() for name in ("min", "max"))
    return (np.maximum(high, at) - np.minimum(low, at)) > np.timedelta64(limit)


def _put(store: Transaction, name: str, rows: pd.DataFrame) -> tuple[int, int]:
    """Write rows of which several may share a key: the one that sorts last holds, as in the store. Gives new and conflicting ones."""
    table = table_of(name)
    rows = typed(name, rows)
    shared = rows.duplicated(list(table.key), keep=False)
    if not shared.any():
        written = store.write(name, rows)
        return written.accepted, written.conflicting
    apart = rows[shared].drop_duplicates()
    written = store.write(name, _last_of_each(table, rows))
    return written.accepted, written.conflicting + len(apart) - apart.duplicated(list(table.key), keep="last").eq(
        other=False
    ).sum()


def _last_of_each(table: Table, rows: pd.DataFrame) -> pd.DataFrame:
    """One row a key: of several the one that sorts last."""
    shared = rows.duplicated(list(table.key), keep=False)
    if not shared.any():
        return rows
    ordered = rows[shared].sort_values([c for c in table.column_names if c in rows], na_position="first", kind="stable")
    return pd.concat([rows[~shared], ordered.drop_duplicates(list(table.key), keep="last")])


def _part(rows: pd.DataFrame, table: str) -> np.ndarray:
    at = {
        "events": "known_at",
        "visits": "known_at",
        "workflow": "at",
        "diversions": "sent_at",
        "roster": "day_at",
    }.get(table)
    if at is None:
        return np.full(len(rows), "all")
    months, place = np.unique(rows[at].dt.tz_convert(None).to_numpy().astype("datetime64[M]"), return_inverse=True)
    return (rows["source"] + "@" + months.astype(str).astype(object)[place]).to_numpy(dtype=object)
