"""The verb: files come in through a mapping, every row is accounted for, and the delivery is logged."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.clock import instant
from riskwarn.errors import DataError, NotFoundError
from riskwarn.ingest.account import ACCEPTED, DUPLICATE, QUARANTINED, Account
from riskwarn.ingest.ahead import Ahead, Shaped, intake_of, opened, shaped_pieces
from riskwarn.ingest.areas import isolated
from riskwarn.ingest.categorising import NO_FEED
from riskwarn.ingest.delivery import Delivery
from riskwarn.ingest.feedlog import Log, keep_refused
from riskwarn.ingest.intake import Intake
from riskwarn.ingest.known import Known
from riskwarn.ingest.manifest import ENDING
from riskwarn.ingest.mapping import Mapping, load_mapping
from riskwarn.ingest.placing import Atlas
from riskwarn.ingest.reading import ENDINGS
from riskwarn.ingest.report import IngestReport, remedy
from riskwarn.ingest.revision import FEEDBACK, revisions
from riskwarn.ingest.spool import Spool
from riskwarn.ingest.writing import WRITE_ROWS, Stage
from riskwarn.privacy import names_masked
from riskwarn.progress import bar
from riskwarn.store import Store

_HELPERS = ("row", "reason", "recorded_at", "feedback_at", FEEDBACK, f"{FEEDBACK}_raw", "count")
_NO_ROWS = pd.DataFrame({"reason": pd.Series(dtype="str")})


@checked
def ingest(
    store: Store,
    files: str | Path | Sequence[str | Path],
    mapping: Mapping | str | Path,
    *,
    arrived_at: object = None,
    again: bool = False,
    progress: bool | None = None,
    ahead: dict[str, Ahead] | None = None,
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
        Read a file even if the log says it came in already, for example after grids were added or the mapping was mended. What the
        earlier reading said is replaced, as if the file had been read like this when it arrived; the report says what changed.
    progress
        Show a bar; by default when a person watches.
    ahead
        Files that were read ahead of their turn, by path (:func:`riskwarn.distributed.ingest_files`).

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
    at = arrival_of(store, arrived_at)
    started = time.perf_counter()
    reports, held = [], Known()
    for path in paths_of(files):
        with names_masked(path):
            read = (ahead or {}).get(str(path))
            reports.append(_deliver(store, path, mapping, at, held, again=again, progress=progress, ahead=read))
    return together(mapping.table, reports, time.perf_counter() - started)


def arrival_of(store: Store, arrived_at: object) -> pd.Timestamp:
    """When files arrived, on the store's clock; now by default."""
    if arrived_at is None:
        return pd.Timestamp.now(tz=store.timezone).floor("us")
    return instant(arrived_at, store.timezone, name="arrived_at")


def paths_of(files: str | Path | Sequence[str | Path]) -> list[Path | str]:
    """The files that are meant, those of folders one by one; the address of a database stays as it is."""
    paths: list[Path | str] = []
    for item in [files] if isinstance(files, str | Path) else files:
        with names_masked(item):
            paths += [str(item)] if "://" in str(item) else _within(Path(item))
    return paths


def _within(path: Path) -> list[Path]:
    """The file, or every file of a folder that is read."""
    if not path.is_dir():
        return [path]
    files = sorted(p for p in path.rglob("*") if _is_delivery(p))
    if not files:
        raise NotFoundError(f"folder {path} holds no file that is read; known endings: {', '.join(sorted(ENDINGS))}.")
    return files


def _is_delivery(path: Path) -> bool:
    return (
        path.is_file()
        and path.suffix.lower() in ENDINGS
        and not path.name.startswith(("~", "."))
        and not path.name.endswith(ENDING)
    )


def _deliver(
    store: Store,
    path: Path | str,
    mapping: Mapping,
    arrived_at: pd.Timestamp,
    held: Known,
    *,
    again: bool,
    progress: bool | None,
    ahead: Ahead | None,
) -> IngestReport:
    delivery, manifest, mapping, batch = opened(path, mapping)
    log = Log.of(store)
    if log.has(batch) and not again:
        return _known_delivery(mapping.table, delivery, log, batch)
    earlier = log.readings(delivery.digest, mapping.org_code) if again else log.rows.iloc[:0]
    arrived_at = store.instant(manifest.arrived_at) if manifest.arrived_at else arrived_at
    arrived_at = earlier["arrived_at"].min() if len(earlier) else arrived_at
    with store.transaction() as staged, ExitStack() as stack:
        intake, account = intake_of(Atlas(staged), mapping, delivery, arrived_at), Account()
        good, known, bad = (stack.enter_context(Spool(staged.scratch)) for _ in range(3))
        stage = Stage(
            staged,
            mapping,
            account,
            good,
            known,
            bad,
            arrived_at,
            log.fulls(without=batch),
            again=len(earlier) > 0,
            sole=log.sole(delivery.digest, arrived_at),
            held=held,
        )
        fits = ahead is not None and ahead.fits(batch, arrived_at)
        for rows, broken in _watched(delivery, intake, ahead if fits else None, progress=progress):
            _take(rows, broken, intake, stage)
        intake.notes.update(delivery.notes)
        manifest.check_rows(sum(map(len, account.numbers)), delivery.name)
        stage.write()
        if mapping.table == "grids" and staged.has("grids"):
            intake.notes["grids without any neighbour: check gaps between polygons"] = isolated(staged.read("grids"))
        refused = pd.concat([*bad.parts(WRITE_ROWS), _NO_ROWS], ignore_index=True)
        keep_refused(staged, mapping.table, delivery, batch, refused, stage.accepted_ids())
        rows = account.table(mapping.source or mapping.table)
        log.enter(staged, mapping, delivery, batch, arrived_at, rows, account, earlier)
    intake.notes.update(_said_of_changes(stage))
    return _report(mapping.table, delivery, rows, refused, intake)


def _said_of_changes(stage: Stage) -> dict[str, int]:
    """What this delivery changed in what the store held, as notes."""
    how = "replaced what the earlier reading said" if stage.again else "corrected, known from the arrival on"
    said = {
        "retracted": "withdrawn or brought back, known from the arrival on",
        "event_id": "taken back, only the earlier reading had it",
    }
    return {said.get(column, f"{how}: {column}"): n for column, n in stage.changed.items()}


def _watched(delivery: Delivery, intake: Intake, ahead: Ahead | None, *, progress: bool | None) -> Iterator[Shaped]:
    """The rows of a file piece by piece, shaped, here or ahead of its turn."""
    with bar(total=delivery.n_rows, unit=" rows", desc=delivery.name, progress=progress) as read:
        for rows, broken in shaped_pieces(delivery, intake) if ahead is None else ahead.pieces(delivery, intake):
            yield rows, broken
            read.update(len(rows) + len(broken))


def _take(shaped: pd.DataFrame, broken: dict[int, str], intake: Intake, stage: Stage) -> None:
    mapping, account = intake.mapping, stage.account
    if broken:
        source = mapping.source or (NO_FEED if mapping.table == "events" else mapping.table)
        numbers = np.fromiter(broken, dtype=np.int64)
        refused = pd.DataFrame({"row": numbers, "reason": list(broken.values()), "source": source})
        account.enter(numbers, np.full(len(refused), source, object), np.full(len(refused), QUARANTINED, np.int8))
        stage.refuse(refused.astype({"reason": "str"}))
    if shaped.empty:
        return
    refused = (shaped["reason"] != "").to_numpy()
    none = np.zeros(len(shaped), bool)
    if "count" in shaped:
        none = (shaped["count"] == 0).fillna(value=False).to_numpy(dtype=bool)
    intake.notes["rows that stand for no event"] += int((none & ~refused).sum())
    state = np.where(none, ACCEPTED, DUPLICATE).astype(np.int8)
    account.enter(shaped["row"].to_numpy(), shaped["source"].to_numpy(dtype=object), state)
    if refused.any():
        stage.refuse(shaped[refused])
    if mapping.table == "events":
        stage.name(shaped, refused)
    rows = shaped[~refused]
    if len(rows):
        account.spans.append(_span(rows))
        stage.add(_expanded(rows, mapping))


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


# -- the report -------------------------------------------------------------------------------------------------------


def _report(table: str, delivery: Delivery, rows: pd.DataFrame, refused: pd.DataFrame, intake: Intake) -> IngestReport:
    reasons = refused["reason"].value_counts().rename_axis("reason").reset_index(name="rows")
    reasons["remedy"] = reasons["reason"].map(remedy).astype("str")
    reasons["form"] = [intake.forms.get(reason, "") for reason in reasons["reason"]]
    notes = pd.DataFrame([(note, n) for note, n in intake.notes.items() if n], columns=["note", "rows"])
    rows.insert(0, "file", delivery.name)
    report = IngestReport(table, rows, reasons, notes)
    if report.accepted + report.quarantined + report.duplicate != report.received:
        raise DataError(f"{delivery.name}: the accounts do not add up: {report!r}.")
    return report


def _known_delivery(table: str, delivery: Delivery, log: Log, batch: str) -> IngestReport:
    rows = log.rows_of(batch)[["source", "received", "accepted", "quarantined", "duplicate"]].copy()
    rows.insert(0, "file", delivery.name)
    rows["duplicate"] += rows["accepted"]
    rows = rows.assign(accepted=0, revisions=0, conflicting=0)
    said = ["the delivery is in the log already; nothing was read"]
    if log.overtaken(batch):
        said.append("a newer full export holds: what it withdrew stays withdrawn, though it stands in this older one")
    notes = pd.DataFrame({"note": said, "rows": int(rows["received"].sum())})
    return IngestReport(table, rows, pd.DataFrame(columns=["reason", "rows", "remedy", "form"]), notes)


def together(table: str, reports: list[IngestReport], seconds: float) -> IngestReport:
    """The reports of several files as one."""
    rows = pd.concat([r.rows for r in reports], ignore_index=True)
    reasons, notes = (pd.concat([getattr(r, n) for r in reports], ignore_index=True) for n in ("reasons", "notes"))
    if len(reasons):
        reasons = (
            reasons.groupby(["reason", "remedy"], as_index=False)
            .agg({"rows": "sum", "form": "first"})
            .sort_values("rows", ascending=False)
        )
    if len(notes):
        notes = notes.groupby("note", as_index=False, sort=False)["rows"].sum()
    columns = ["reason", "rows", "remedy", "form"]
    return IngestReport(table, rows, reasons.reindex(columns=columns).reset_index(drop=True), notes, seconds)
