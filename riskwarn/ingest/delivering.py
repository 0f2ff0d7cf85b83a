"""The verb: files come in through a mapping, every row is accounted for, and the delivery is logged."""

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from riskwarn.errors import DataError, NotFoundError
from riskwarn.ingest.areas import finish_grids
from riskwarn.ingest.categorising import NO_FEED
from riskwarn.ingest.choosing import choose
from riskwarn.ingest.delivery import Delivery
from riskwarn.ingest.manifest import ENDING, read_manifest
from riskwarn.ingest.mapping import Mapping, load_mapping
from riskwarn.ingest.placing import Atlas
from riskwarn.ingest.reading import ENDINGS, open_delivery
from riskwarn.ingest.records import open_query
from riskwarn.ingest.report import COUNTS, IngestReport, remedy
from riskwarn.ingest.revision import revisions
from riskwarn.ingest.shaping import Intake, shape
from riskwarn.ingest.spool import Spool
from riskwarn.schema import table_of, typed
from riskwarn.store import Store, Transaction

DUPLICATE, ACCEPTED, QUARANTINED = range(3)
_STATES = ("duplicate", "accepted", "quarantined")
_HELPERS = ("row", "reason", "recorded_at", "feedback_at", "feedback_category", "count")
WRITE_ROWS = 150_000
"""Rows written at once, more only where one month has more."""


@dataclass
class _Account:
    """What became of the rows of one delivery, row by row, in a few bytes a row."""

    feeds: dict[str, int] = field(default_factory=dict)
    state: list[np.ndarray] = field(default_factory=list)
    numbers: list[np.ndarray] = field(default_factory=list)
    sources: list[np.ndarray] = field(default_factory=list)
    spans: list[pd.DataFrame] = field(default_factory=list)
    written: dict[str, list[int]] = field(default_factory=dict)

    def enter(self, numbers: np.ndarray, sources: np.ndarray, state: np.ndarray) -> None:
        """Receive rows; those neither quarantined nor accepted later are duplicates."""
        codes, names = pd.factorize(sources)
        known = np.array([self.feeds.setdefault(str(name), len(self.feeds)) for name in names], dtype=np.int16)
        self.numbers.append(numbers.astype(np.int64))
        self.sources.append(known[codes])
        self.state.append(state)

    def table(self, accepted: list[np.ndarray], feed: str) -> pd.DataFrame:
        """One line a feed: the counts of :class:`IngestReport`, revisions and conflicting ones; `feed` alone where no row came."""
        numbers, state = _joined(self.numbers, np.int64), _joined(self.state, np.int8)
        told = np.zeros(int(numbers.max(initial=0)) + 1, dtype=bool)
        for piece in accepted:
            told[piece] = True
        state = np.where(told[numbers] & (state == DUPLICATE), ACCEPTED, state)
        names = list(self.feeds) or [feed]
        places = _joined(self.sources, np.int16).astype(np.int64) * len(_STATES) + state
        counts = np.bincount(places, minlength=len(names) * len(_STATES)).reshape(len(names), len(_STATES))
        table = pd.DataFrame(counts, columns=list(_STATES), index=pd.Index(names, name="source"))
        table.insert(0, "received", table.sum(axis=1))
        extra = pd.DataFrame.from_dict(
            self.written, orient="index", columns=["revisions", "conflicting"], dtype="int64"
        )
        columns = ["received", "accepted", "quarantined", "duplicate", "revisions", "conflicting"]
        return table.join(extra).fillna(0).astype("int64")[columns].sort_index().reset_index()


def _joined(pieces: list[np.ndarray], dtype: type[np.generic]) -> np.ndarray:
    return np.concatenate(pieces) if pieces else np.empty(0, dtype=dtype)


def ingest(
    store: Store,
    files: str | Path | Sequence[str | Path],
    mapping: Mapping | str | Path,
    *,
    arrived_at: object = None,
    again: bool = False,
    progress: bool | None = None,
) -> IngestReport:
    """Bring files into the store: each row accepted, known already, or kept in quarantine with a reason.

    The same file through the same mapping changes nothing the second time, and the records do not depend on the order or the pieces in
    which they come. Grids must be there before the rows that name them.

    Parameters
    ----------
    store
        Where to.
    files
        A file, several, or a folder, of any kind :func:`open_delivery` reads; or the address of a database, whose rows the mapping's
        `query` fetches.
    mapping
        How they become rows, or the TOML that says it.
    arrived_at
        When the files arrived, in the store's zone unless it says another; now by default.
    again
        Read a file even if the log says it came in already, for example after grids were added.
    progress
        Show a bar; by default when a person watches.

    Returns
    -------
    report
        What became of every row.

    Raises
    ------
    PrivacyError
        A column holds person data.
    DataError
        A file cannot be read, or does not fit the mapping. Nothing of that file is stored.
    """
    mapping = mapping if isinstance(mapping, Mapping) else load_mapping(mapping)
    store.adopt_zone(mapping.timezone)
    at = store.instant(arrived_at) if arrived_at is not None else pd.Timestamp.now(tz=store.timezone).floor("s")
    started = time.perf_counter()
    reports = [_deliver(store, path, mapping, at, again=again, progress=progress) for path in _paths(files)]
    return _together(mapping.table, reports, time.perf_counter() - started)


def _paths(files: str | Path | Sequence[str | Path]) -> list[Path | str]:
    paths: list[Path | str] = []
    for item in [files] if isinstance(files, str | Path) else files:
        if "://" in str(item):
            paths.append(str(item))
            continue
        path = Path(item)
        within = sorted(p for p in path.rglob("*") if _is_delivery(p))
        if path.is_dir() and not within:
            raise NotFoundError(
                f"folder {path} holds no file that is read; known endings: {', '.join(sorted(ENDINGS))}."
            )
        paths += within if path.is_dir() else [path]
    return paths


def _is_delivery(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS and not path.name.startswith(("~", ".")) and not path.name.endswith(ENDING)


def _deliver(
    store: Store, path: Path | str, mapping: Mapping, arrived_at: pd.Timestamp, *, again: bool, progress: bool | None
) -> IngestReport:
    delivery = (
        open_query(str(path), mapping.query)
        if "://" in str(path)
        else open_delivery(path, mapping.headers(), mapping.stated)
    )
    manifest = read_manifest(path)
    manifest.check_digest(delivery.digest, delivery.name)
    mapping = manifest.applied(mapping)
    batch = hashlib.sha256(f"{delivery.digest} {mapping.digest()} {mapping.org_code}".encode()).hexdigest()[:16]
    logged = _logged(store, batch)
    if logged is not None and not again:
        return _known_delivery(mapping.table, delivery, logged)
    arrived_at = store.instant(manifest.arrived_at) if manifest.arrived_at else arrived_at
    intake, account = _intake(store, mapping, delivery, arrived_at), _Account()
    with store.transaction() as staged, ExitStack() as stack:
        good, bad = (stack.enter_context(Spool(staged.scratch)) for _ in range(2))
        for piece in _watched(delivery, intake, progress=progress):
            _take(piece.rows, piece.broken, intake, account, good, bad)
        intake.notes.update(delivery.notes)
        manifest.check_rows(sum(map(len, account.numbers)), delivery.name)
        accepted = _write(staged, mapping, good, account)
        refused = pd.concat(
            [*bad.parts(WRITE_ROWS), pd.DataFrame({"reason": pd.Series(dtype="str")})], ignore_index=True
        )
        _keep(staged, mapping, delivery, refused)
        rows = account.table(accepted, mapping.source or mapping.table)
        _log(staged, mapping, delivery, batch, arrived_at, rows, account)
    return _report(mapping.table, delivery, rows, refused, intake)


def _intake(store: Store, mapping: Mapping, delivery: Delivery, arrived_at: pd.Timestamp) -> Intake:
    choice = choose(mapping, delivery.header, delivery.name)
    crosswalk = mapping.crosswalk()
    return Intake(mapping, choice, Atlas(store), crosswalk, delivery.name, arrived_at, date1904=delivery.date1904)


def _watched(delivery: Delivery, intake: Intake, *, progress: bool | None) -> Iterator:
    hidden = os.environ.get("RISKWARN_PROGRESS") == "0" if progress is None else not progress
    with tqdm(total=delivery.n_rows, unit=" rows", desc=delivery.name, disable=hidden or None, leave=False) as bar:
        for piece in delivery.read(intake.choice.wanted):
            yield piece
            bar.update(len(piece.rows) + len(piece.broken))


def _take(
    raw: pd.DataFrame, broken: dict[int, str], intake: Intake, account: _Account, good: Spool, bad: Spool
) -> None:
    source = intake.mapping.source or (NO_FEED if intake.mapping.table == "events" else intake.mapping.table)
    if broken:
        numbers = np.fromiter(broken, dtype=np.int64)
        refused = pd.DataFrame({"row": numbers, "reason": list(broken.values()), "source": source}).astype(
            {"reason": "str"}
        )
        bad.add(refused, np.full(len(refused), "refused"))
        account.enter(numbers, np.full(len(refused), source, object), np.full(len(refused), QUARANTINED, np.int8))
    if raw.empty:
        return
    shaped = shape(raw, intake)
    refused = (shaped["reason"] != "").to_numpy()
    none = (
        (shaped["count"] == 0).fillna(value=False).to_numpy(dtype=bool)
        if "count" in shaped
        else np.zeros(len(shaped), bool)
    )
    intake.notes["rows that stand for no event"] += int((none & ~refused).sum())
    state = np.select([refused, none], [QUARANTINED, ACCEPTED], DUPLICATE).astype(np.int8)
    account.enter(shaped["row"].to_numpy(), shaped["source"].to_numpy(dtype=object), state)
    if refused.any():
        bad.add(shaped[refused], np.full(int(refused.sum()), "refused"))
    rows = shaped[~refused]
    if len(rows):
        account.spans.append(_span(rows))
        told = _expanded(rows, intake.mapping)
        good.add(told, _part(told, intake.mapping.table))


def _span(rows: pd.DataFrame) -> pd.DataFrame:
    occurred = next(
        (n for n in ("occurred_at", "started_at", "at", "sent_at", "day_at", "valid_from") if n in rows), None
    )
    known = rows["known_at"] if "known_at" in rows else rows[occurred] if occurred else None
    if occurred is None or known is None:
        return pd.DataFrame(columns=["source", "first_at", "last_at", "until"])
    span = pd.DataFrame(
        {"source": rows["source"], "first_at": rows[occurred], "last_at": rows[occurred], "until": known}
    )
    return span.groupby("source", as_index=False).agg({"first_at": "min", "last_at": "max", "until": "max"})


def _expanded(rows: pd.DataFrame, mapping: Mapping) -> pd.DataFrame:
    if "count" in rows:
        copies = rows["count"].fillna(1).astype("int64")
        copy = np.concatenate([np.arange(n) for n in copies]) if len(rows) else np.empty(0, int)
        rows = rows.loc[rows.index.repeat(copies)]
        rows = rows.assign(event_id=rows["event_id"] + "#" + copy.astype(str))
    if mapping.table == "events":
        rows = rows.reset_index(drop=True)
        rows = revisions(rows, single="known_at" in mapping.columns or mapping.known == "arrival")
    return rows.drop(columns=["reason", *_HELPERS[2:]], errors="ignore").reset_index(drop=True)


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


def _write(store: Transaction, mapping: Mapping, good: Spool, account: _Account) -> list[np.ndarray]:
    """Write the rows, many parts at a time; gives the numbers of the rows that told something new."""
    accepted = []
    for part in good.parts(WRITE_ROWS):
        rows = finish_grids(part, mapping) if mapping.table == "grids" else part
        rows = rows[[c for c in table_of(mapping.table).column_names if c in rows]]
        new = store.novel(mapping.table, rows)
        one_to_one = len(rows) == len(part)
        accepted.append(part["row"].to_numpy()[new if one_to_one else np.full(len(part), new.any())])
        source = (
            part["source"].to_numpy(dtype=object) if one_to_one else np.full(len(rows), mapping.table, dtype=object)
        )
        for feed in np.unique(source):
            _count(account, feed, *_put(store, mapping.table, rows[source == feed]))
    return accepted


def _put(store: Transaction, name: str, rows: pd.DataFrame) -> tuple[int, int]:
    """Write rows of which several may share a key: the one that sorts last holds, as in the store. Gives new and conflicting ones."""
    table = table_of(name)
    rows, key = typed(name, rows), list(table.key)
    shared = rows.duplicated(key, keep=False)
    apart = rows[shared].drop_duplicates()
    ordered = apart.sort_values([c for c in table.column_names if c in rows], na_position="first", kind="stable")
    single = pd.concat([rows[~shared], ordered.drop_duplicates(key, keep="last")]) if shared.any() else rows
    written = store.write(name, single)
    return written.accepted, written.conflicting + len(apart) + int((~shared).sum()) - len(single)


def _count(account: _Account, feed: str, accepted: int, conflicting: int) -> None:
    counts = account.written.setdefault(feed, [0, 0])
    counts[0] += accepted
    counts[1] += conflicting


def _keep(store: Transaction, mapping: Mapping, delivery: Delivery, refused: pd.DataFrame) -> None:
    if len(refused):
        front = ["file", "row", "reason", "source"]
        kept = refused.assign(file=delivery.name).dropna(axis=1, how="all")
        kept = (
            kept[[*front, *(n for n in kept if n not in front)]]
            .sort_values("row", ignore_index=True)
            .astype({"row": "int64"})
        )
        store.quarantine(mapping.table, kept, batch=delivery.digest[:16])


# -- the log ----------------------------------------------------------------------------------------------------------


def _logged(store: Store, batch: str) -> pd.DataFrame | None:
    if not store.has("feed_log"):
        return None
    log = store.read("feed_log")
    found = log[log["batch_id"] == batch]
    return found if len(found) else None


def _log(
    store: Transaction,
    mapping: Mapping,
    delivery: Delivery,
    batch: str,
    arrived_at: pd.Timestamp,
    rows: pd.DataFrame,
    account: _Account,
) -> None:
    spans = (
        pd.concat(account.spans) if account.spans else pd.DataFrame(columns=["source", "first_at", "last_at", "until"])
    )
    span = spans.groupby("source").agg({"first_at": "min", "last_at": "max", "until": "max"})
    log = rows[["source", *COUNTS]].merge(span, left_on="source", right_index=True, how="left")
    log = log.assign(org_code=mapping.org_code, batch_id=batch, arrived_at=arrived_at, digest=delivery.digest)
    log["covers_from"], log["covers_to"] = _covers(log, store, mapping)
    log = log.drop(columns="until")
    for column in ("first_at", "last_at", "covers_from", "covers_to"):
        log[column] = pd.to_datetime(log[column], utc=True)
    store.write("feed_log", log)


def _covers(log: pd.DataFrame, store: Transaction, mapping: Mapping) -> tuple[object, object]:
    zone = mapping.timezone or store.timezone
    start = pd.to_datetime(log["first_at"], utc=True).dt.tz_convert(zone)
    end = pd.to_datetime(log["until"], utc=True).dt.tz_convert(zone)
    start, end = (
        (start.dt.floor("D"), end.dt.floor("D") + pd.DateOffset(days=1))
        if mapping.covers == "days"
        else (start, end + pd.Timedelta(seconds=1))
    )
    fixed = [
        pd.Timestamp(text).tz_localize(zone) if text else None for text in (mapping.covers_from, mapping.covers_to)
    ]
    return fixed[0] or start, fixed[1] or end


# -- the report -------------------------------------------------------------------------------------------------------


def _report(table: str, delivery: Delivery, rows: pd.DataFrame, refused: pd.DataFrame, intake: Intake) -> IngestReport:
    reasons = refused["reason"].value_counts().rename_axis("reason").reset_index(name="rows")
    reasons["remedy"] = reasons["reason"].map(remedy).astype("str")
    notes = pd.DataFrame([(note, n) for note, n in intake.notes.items() if n], columns=["note", "rows"])
    rows.insert(0, "file", delivery.name)
    report = IngestReport(table, rows, reasons, notes)
    if report.accepted + report.quarantined + report.duplicate != report.received:
        raise DataError(f"{delivery.name}: the accounts do not add up: {report!r}.")
    return report


def _known_delivery(table: str, delivery: Delivery, logged: pd.DataFrame) -> IngestReport:
    rows = logged[["source", "received", "accepted", "quarantined", "duplicate"]].copy()
    rows.insert(0, "file", delivery.name)
    rows["duplicate"] += rows["accepted"]
    rows = rows.assign(accepted=0, revisions=0, conflicting=0)
    notes = pd.DataFrame(
        {"note": ["the delivery is in the log already; nothing was read"], "rows": [int(rows["received"].sum())]}
    )
    return IngestReport(table, rows, pd.DataFrame(columns=["reason", "rows", "remedy"]), notes)


def _together(table: str, reports: list[IngestReport], seconds: float) -> IngestReport:
    rows = pd.concat([r.rows for r in reports], ignore_index=True)
    reasons, notes = (pd.concat([getattr(r, n) for r in reports], ignore_index=True) for n in ("reasons", "notes"))
    if len(reasons):
        reasons = (
            reasons.groupby(["reason", "remedy"], as_index=False)["rows"].sum().sort_values("rows", ascending=False)
        )
    if len(notes):
        notes = notes.groupby("note", as_index=False, sort=False)["rows"].sum()
    columns = ["reason", "rows", "remedy"]
    return IngestReport(table, rows, reasons.reindex(columns=columns).reset_index(drop=True), notes, seconds)
