"""What the store remembers of a delivery beside its records: the line in the log, and the rows that were refused."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.clock import instant
from riskwarn.ingest.account import Account
from riskwarn.ingest.delivery import Delivery
from riskwarn.ingest.identity import id_hash
from riskwarn.ingest.mapping import Mapping
from riskwarn.ingest.report import COUNTS
from riskwarn.schema import FEED_LOG, typed
from riskwarn.store import Store, Transaction
from riskwarn.store.parquet import full


@dataclass(frozen=True)
class Log:
    """The lines of `feed_log` before a delivery."""

    rows: pd.DataFrame

    @classmethod
    def of(cls, store: Store) -> "Log":
        """The log of a store."""
        empty = full(FEED_LOG, pd.DataFrame(columns=FEED_LOG.column_names)).iloc[:0]
        return cls(store.read("feed_log") if store.has("feed_log") else empty)

    def has(self, batch: str) -> bool:
        """Whether a delivery came in through this mapping."""
        return bool((self.rows["batch_id"] == batch).any())

    def rows_of(self, batch: str) -> pd.DataFrame:
        """The lines of one delivery."""
        return self.rows[self.rows["batch_id"] == batch]

    def readings(self, digest: str, org_code: str) -> pd.DataFrame:
        """The lines of a file, through whatever mapping it came."""
        return self.rows[(self.rows["digest"] == digest) & (self.rows["org_code"] == org_code)]

    def sole(self, digest: str, arrived_at: pd.Timestamp) -> bool:
        """Whether no other file arrived at that instant."""
        return not ((self.rows["arrived_at"] == arrived_at) & (self.rows["digest"] != digest)).any()

    def fulls(self, *, without: str) -> dict[str, list[pd.Timestamp]]:
        """When full deliveries of each feed arrived, but for one delivery."""
        rows = self.rows[self.rows["full"] & (self.rows["batch_id"] != without)]
        return {str(source): sorted(at) for source, at in rows.groupby("source")["arrived_at"]}

    def overtaken(self, batch: str) -> bool:
        """Whether a delivery was full, and another full one of the same feeds arrived after it."""
        rows = self.rows_of(batch)
        later = self.rows[self.rows["full"] & self.rows["source"].isin(rows["source"])]["arrived_at"].max()
        return bool(rows["full"].any() and later > rows["arrived_at"].max())

    def enter(
        self,
        store: Transaction,
        mapping: Mapping,
        delivery: Delivery,
        batch: str,
        arrived_at: pd.Timestamp,
        rows: pd.DataFrame,
        account: Account,
        earlier: pd.DataFrame,
    ) -> None:
        """Write the lines of a delivery, in the place of those of an earlier reading of it."""
        none = pd.DataFrame(columns=["source", "first_at", "last_at", "until"])
        spans = pd.concat(account.spans) if account.spans else none
        span = spans.groupby("source").agg({"first_at": "min", "last_at": "max", "until": "max"})
        lines = rows[["source", *COUNTS]].merge(span, left_on="source", right_index=True, how="left")
        if len(earlier):
            lines = lines.assign(accepted=lines["accepted"] + lines["duplicate"], duplicate=0)
        lines = lines.assign(
            org_code=mapping.org_code,
            batch_id=batch,
            arrived_at=arrived_at,
            digest=delivery.digest,
            full=mapping.delivery == "full",
        )
        lines["covers_from"], lines["covers_to"] = _covers(lines, store, mapping)
        lines = lines.drop(columns="until")
        for column in ("first_at", "last_at", "covers_from", "covers_to"):
            lines[column] = pd.to_datetime(lines[column], utc=True)
        key = list(FEED_LOG.key)
        store.replace("feed_log", lines, of=pd.concat([earlier[key], typed("feed_log", lines)[key]]))


def _covers(log: pd.DataFrame, store: Transaction, mapping: Mapping) -> tuple[object, object]:
    zone = mapping.timezone or store.timezone
    start = pd.to_datetime(log["first_at"], utc=True).dt.tz_convert(zone)
    end = pd.to_datetime(log["until"], utc=True).dt.tz_convert(zone)
    start, end = (
        (start.dt.floor("D"), end.dt.floor("D") + pd.DateOffset(days=1))
        if mapping.covers == "days"
        else (start, end + pd.Timedelta(seconds=1))
    )
    fixed = [instant(text, zone) if text else None for text in (mapping.covers_from, mapping.covers_to)]
    return fixed[0] or start, fixed[1] or end


def keep_refused(
    store: Transaction, table: str, delivery: Delivery, batch: str, refused: pd.DataFrame, accepted: np.ndarray
) -> None:
    """Keep the refused rows of a delivery in the place of those of its earlier readings; an event accepted by now leaves the quarantine.

    Parameters
    ----------
    store, table, delivery, batch
        Where to, and what is kept.
    refused
        The rows, each with `row`, `reason` and `source`.
    accepted
        Hashes of the events that were accepted.
    """
    file = delivery.digest[:16]
    for other_batch in store.quarantined(table):
        if other_batch.startswith(file) and other_batch != f"{file}-{batch}":
            store.quarantine(table, refused.iloc[:0], batch=other_batch)
        elif len(accepted):
            _let_go(store, table, other_batch, accepted)
    front = ["file", "row", "reason", "source"]
    named = refused.assign(file=delivery.name).dropna(axis=1, how="all")
    if len(named):
        named = named[[*front, *(n for n in named if n not in front)]].astype({"row": "int64"})
        named = named.sort_values("row", ignore_index=True)
    store.quarantine(table, named, batch=f"{file}-{batch}")


def _let_go(store: Transaction, table: str, batch: str, accepted: np.ndarray) -> None:
    rows = store.read_quarantine(table, batch=batch)
    if "event_id" in rows:
        named = rows.astype({"source": "str", "event_id": "str"})
        gone = np.isin(id_hash(named), accepted) & rows["event_id"].notna().to_numpy()
        if gone.any():
            store.quarantine(table, rows[~gone], batch=batch)
