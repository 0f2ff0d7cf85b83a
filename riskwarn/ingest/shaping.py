"""One piece of a file becomes rows of the table, each good or with the reasons why it is not."""

import numpy as np
import pandas as pd

from riskwarn.errors import DataError
from riskwarn.ingest.areas import polygon_faults
from riskwarn.ingest.categorising import UNKNOWN_CATEGORY, Categories, categorise, other_category
from riskwarn.ingest.choosing import JOINED
from riskwarn.ingest.clock import join_times
from riskwarn.ingest.coordinates import SHIFTED, coordinate_of, points_of
from riskwarn.ingest.days import HAPPENED, recorded_by, to_day_end
from riskwarn.ingest.folding import cleaned, folded
from riskwarn.ingest.gate import check_labels, check_rows
from riskwarn.ingest.identity import made_ids, restarted
from riskwarn.ingest.intake import Intake, Reasons, kind_of
from riskwarn.ingest.placing import by_id, by_point
from riskwarn.ingest.revision import FEEDBACK
from riskwarn.ingest.values import column_of, constant_of
from riskwarn.privacy import keyed_hash
from riskwarn.schema import table_of

_POINTS = ("lon", "lat", "lonlat", "latlon", "address")
FUTURE_HOURS = 24
"""What clocks and dates without a time may run ahead of the arrival of the delivery."""


def shape(raw: pd.DataFrame, intake: Intake) -> pd.DataFrame:
    """Rows of the table from rows of the file.

    Returns
    -------
    shaped
        Columns of the table as far as known, `source` for every table, `row` (number in the file) and `reason` (why the row cannot be
        accepted, empty when it can).
    """
    table = intake.mapping.table
    joined = {
        JOINED + name: join_times(raw[parts]) if kind_of(name, table).kind == "time" else _joined(raw[parts])
        for name, parts in intake.choice.joined.items()
    }
    raw = raw.assign(**joined)
    rows, reasons = pd.DataFrame(index=raw.index), Reasons(len(raw))
    for name, constant in intake.mapping.constants.items():
        rows[name] = constant_of(name, constant, intake)[0]
    for field_name, header in intake.chosen.items():
        if field_name not in _apart(intake.mapping.table):
            rows[field_name] = column_of(field_name, raw[header], intake, reasons)
    _identify(raw, rows, intake)
    to_day_end(rows, intake)
    if intake.mapping.table == "events":
        _categories(raw, rows, intake, reasons)
    elif "source" not in rows:
        rows["source"] = intake.mapping.table
    if "grid_id" in table_of(intake.mapping.table).column_names and intake.mapping.table != "grids":
        _places(raw, rows, intake, reasons)
    if intake.mapping.table == "events":
        _known(raw, rows, intake)
    if intake.mapping.table == "visits":
        _valid(rows, intake)
    if intake.mapping.table == "grids" and "geometry" in rows and not {"lon", "x_km"} & set(rows):
        faults = polygon_faults(rows["geometry"])
        reasons.add(faults != "", faults)
    _required(rows, intake, reasons)
    _refuse_future(rows, intake, reasons)
    check_rows(rows, intake, reasons)
    return rows.assign(row=raw.index.to_numpy(), reason=reasons.texts)


def _joined(parts: pd.DataFrame) -> pd.Series:
    texts = [cleaned(parts[name]) for name in parts]
    whole = texts[0]
    for text in texts[1:]:
        whole = whole + "-" + text
    return whole


def _apart(table: str) -> tuple[str, ...]:
    """Fields with a step of their own."""
    places = () if table == "grids" else (*_POINTS, "grid_id")
    return (*places, "category", FEEDBACK) if table == "events" else places


def _categories(raw: pd.DataFrame, rows: pd.DataFrame, intake: Intake, reasons: Reasons) -> None:
    """Category at the first report and after handling; the first one tells the feed, or the other where there is no first."""
    first = intake.choice.keys or [intake.chosen[name] for name in ("category",) if name in intake.chosen]
    after = [intake.chosen[name] for name in (FEEDBACK,) if name in intake.chosen]
    if not (first or after):
        rows["source"] = intake.mapping.source
        return
    settled = _category(FEEDBACK, raw[after], rows, intake, reasons) if after else None
    coded = _category("category", raw[first], rows, intake, reasons) if first or settled is None else settled
    rows["source"] = coded.source
    if not first and "category" not in rows:
        rows["category"], rows["category_raw"] = other_category(coded.source), pd.Series(None, rows.index, dtype="str")
    reasons.leave_out(coded.left_out != "", coded.left_out)


def _category(name: str, labels: pd.DataFrame, rows: pd.DataFrame, intake: Intake, reasons: Reasons) -> Categories:
    """One of the two categories of the rows; an empty cell is a category unknown at the first report, and none after handling."""
    coded, mapping = categorise(labels, intake.mapping, intake.crosswalk), intake.mapping
    said = np.ones(len(rows), dtype=bool) if name == "category" else folded(labels.iloc[:, 0]).notna().to_numpy()
    rows[name], rows[f"{name}_raw"] = coded.code.where(said), coded.raw.where(said)
    if name == "category" and FEEDBACK not in intake.chosen:
        intake.notes["category is empty, kept as other"] += _n_empty(labels)
    unknown = coded.unknown & said
    if mapping.category.unknown == "slug":
        check_labels(name, labels, rows, intake, reasons)
    if mapping.category.unknown == "quarantine":
        reasons.add(unknown, UNKNOWN_CATEGORY)
        intake.see(UNKNOWN_CATEGORY, labels.iloc[:, 0], unknown)
    elif unknown.any():
        intake.notes[f"{name}: unknown to the crosswalk, kept as other with its raw name"] += int(unknown.sum())
    return coded


def _n_empty(labels: pd.DataFrame) -> int:
    """How many rows have none of the columns that name a category; each distinct value is folded once."""
    empty = np.ones(len(labels), dtype=bool)
    for column in labels:
        codes, distinct = pd.factorize(labels[column], use_na_sentinel=False)
        empty &= folded(pd.Series(distinct)).isna().to_numpy(dtype=bool)[codes]
    return int(empty.sum())


def _places(raw: pd.DataFrame, rows: pd.DataFrame, intake: Intake, reasons: Reasons) -> None:
    chosen, rule = intake.chosen, intake.mapping.place
    rows["grid_id"] = pd.Series("", index=rows.index, dtype="str")
    if "grid_id" in chosen:
        rows["grid_id"], faults = by_id(raw[chosen["grid_id"]], _moment(rows), intake.atlas, rule)
        for fault, where in faults.items():
            reasons.add(where, fault)
            intake.see(fault, raw[chosen["grid_id"]], where)
    points = _points(raw, chosen)
    if points is not None:
        placed = by_point(*points, _moment(rows), intake.atlas, rule)
        unplaced = (rows["grid_id"] == "").to_numpy()
        rows["grid_id"] = rows["grid_id"].where(~unplaced, placed.grid_id)
        rows["near_grid_id"] = placed.near_grid_id
        _note_unread(raw[unplaced], (points[0][unplaced], points[1][unplaced]), intake)
        intake.notes["point outside all grids, unplaced"] += int((placed.outside & unplaced).sum())
        intake.notes["point impossible in its CRS (longitude and latitude swapped?), unplaced"] += int(
            placed.impossible.sum()
        )
        if rule.crs.upper() in SHIFTED:
            intake.notes[f"points set back from {rule.crs} to WGS 84"] += len(raw)
    if "address" in chosen:
        rows["place_key"] = keyed_hash(folded(raw[chosen["address"]]), intake.atlas.secret)
    intake.notes["no grid, unplaced"] += int((rows["grid_id"] == "").sum())


def _moment(rows: pd.DataFrame) -> pd.Series:
    """When what the row tells took place, as far as it says."""
    none = pd.Series(pd.NaT, index=rows.index).dt.tz_localize("UTC").dt.as_unit("us")
    return next((rows[name] for name in ("occurred_at", "started_at", "at", "sent_at", "day_at") if name in rows), none)


def _points(raw: pd.DataFrame, chosen: dict[str, str]) -> tuple[pd.Series, pd.Series] | None:
    if "lon" in chosen and "lat" in chosen:
        return coordinate_of(_cells(raw[chosen["lon"]]), "x"), coordinate_of(_cells(raw[chosen["lat"]]), "y")
    for name in ("lonlat", "latlon"):
        if name in chosen:
            return points_of(cleaned(raw[chosen[name]]), latitude_first=name == "latlon")
    return None


def _cells(values: pd.Series) -> pd.Series:
    return values if pd.api.types.is_numeric_dtype(values.dtype) else cleaned(values)


def _note_unread(raw: pd.DataFrame, points: tuple[pd.Series, pd.Series], intake: Intake) -> None:
    """Count rows that say a point, or one of its coordinates, and give none: they are not rows without a place."""
    left = raw[(points[0].isna() | points[1].isna()).to_numpy()]
    said = np.zeros(len(left), dtype=bool)
    for name in ("lon", "lat", "lonlat", "latlon"):
        if name in intake.chosen:
            texts = cleaned(left[intake.chosen[name]])
            said |= texts.str.contains(r"\d").fillna(value=False).to_numpy(dtype=bool)
    intake.notes["a point that cannot be read, unplaced"] += int(said.sum())


def _identify(raw: pd.DataFrame, rows: pd.DataFrame, intake: Intake) -> None:
    rule = intake.mapping.id
    if intake.mapping.table != "events" or not (rule.made_from or rule.restarts):
        return
    ids = rows["event_id"] if "event_id" in rows else pd.Series(None, index=rows.index, dtype="str")
    if rule.restarts:
        ids = restarted(ids, rows["occurred_at"], rule.restarts, intake.mapping.timezone)
    if rule.made_from:
        intake.notes["event_id: made from the row"] += int(ids.isna().sum())
        ids = made_ids(ids, raw[intake.choice.made_from], intake.atlas.secret, intake.made)
    rows["event_id"] = ids


def _known(raw: pd.DataFrame, rows: pd.DataFrame, intake: Intake) -> None:
    mapping = intake.mapping
    occurred = rows.get("occurred_at")
    if occurred is None:
        return
    if mapping.known == "arrival":
        rows["known_at"] = intake.arrived_at
    elif "known_at" not in rows:
        rows["known_at"] = recorded_by(raw, rows, intake)
        _settled_when(rows, intake)
    early = rows["known_at"] < occurred
    intake.notes["known before it occurred; counted from when it occurred"] += int(early.sum())
    rows["known_at"] = rows["known_at"].mask(early, occurred)


def _settled_when(rows: pd.DataFrame, intake: Intake) -> None:
    """A category after handling is known at its time, or once the case is closed; without either nobody can say when."""
    times = [name for name in ("feedback_at", "closed_at") if name in rows]
    if FEEDBACK not in rows:
        return
    if not times and "category" not in intake.chosen and not intake.choice.keys:
        raise DataError(
            f"{intake.file}: the file tells categories after handling alone, and not when they were known; name `feedback_at` or "
            "`closed_at` under [columns], or say known = 'arrival' in the mapping."
        )
    untold = rows[FEEDBACK].notna() & rows[times].isna().all(axis=1)
    intake.notes["feedback_category: no time tells when it was known, left out"] += int(untold.sum())


def _valid(rows: pd.DataFrame, intake: Intake) -> None:
    """A visit of which nobody says whether it was valid was one."""
    if "valid" not in rows:
        rows["valid"] = True
        intake.notes["valid: not told, taken as valid"] += len(rows)


def _refuse_future(rows: pd.DataFrame, intake: Intake, reasons: Reasons) -> None:
    latest = intake.arrived_at + pd.Timedelta(hours=FUTURE_HOURS)
    derived = set() if "known_at" in intake.chosen else {"known_at"}
    for name in HAPPENED:
        if name in rows and name not in derived:
            reasons.add((rows[name] > latest).to_numpy(), f"{name}: after the delivery arrived")


def _required(rows: pd.DataFrame, intake: Intake, reasons: Reasons) -> None:
    table = table_of(intake.mapping.table)
    for column in table.columns:
        if column.required and column.name not in rows:
            raise DataError(
                f"mapping {intake.mapping.name!r}: nothing fills column {column.name!r} of table {table.name!r} ({column.meaning}); "
                "name it under `columns` or `constants`."
            )
        derived = column.name == "known_at" and "known_at" not in intake.chosen
        if (column.required or column.name in table.key) and not derived:
            reasons.add(rows[column.name].isna().to_numpy() & (reasons.texts == ""), f"{column.name} is empty")
    for earlier, later in table.ordered:
        if earlier in rows and later in rows:
            reasons.add((rows[later] < rows[earlier]).to_numpy(), f"{later} before {earlier}")
