"""One piece of a file becomes rows of the table, each good or with the reasons why it is not."""

import re
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from riskwarn.errors import DataError, PrivacyError
from riskwarn.ingest.areas import polygon_faults
from riskwarn.ingest.categorising import UNKNOWN_CATEGORY, Categories, categorise, other_category
from riskwarn.ingest.choosing import JOINED, Choice
from riskwarn.ingest.clock import join_times, read_times
from riskwarn.ingest.coordinates import SHIFTED, points_of
from riskwarn.ingest.folding import FILE_WORDS, clean, cleaned, fold, folded
from riskwarn.ingest.identity import DAMAGED, is_identifier, made_ids, read_ids, restarted
from riskwarn.ingest.mapping import EXTRA_FIELDS, Mapping
from riskwarn.ingest.placing import Atlas, by_id, by_point
from riskwarn.ingest.revision import FEEDBACK
from riskwarn.privacy import TEXT_LENGTH, WEAK, ColumnWatch, country_of, findings, keyed_hash, one_family, shown
from riskwarn.schema import Column, table_of
from riskwarn.taxonomy import CATEGORIES, OUTCOMES, STATUSES, TAGS

_IDENTIFIERS = ("event_id", "case_id", "visit_id", "call_id")
"""Values that look like person data by chance are hashed here, not refused: a running number may look like a telephone's."""
_NO_TEXT = ("source", "place_key", "geometry", "reason")
_CLOSED = {"status": frozenset(STATUSES), "outcome": frozenset(OUTCOMES), "tags": frozenset(TAGS)}
"""Columns of words that have a list: another word is left out, and counted."""
_POINTS = ("lon", "lat", "lonlat", "latlon", "address")
_ENDS = ("closed_at", "due_at", "ended_at", "limit_at", "feedback_at")
"""Times by which something was over: a date alone means the end of that day."""
_HAPPENED = (
    "occurred_at",
    "recorded_at",
    "known_at",
    "closed_at",
    "feedback_at",
    "started_at",
    "ended_at",
    "at",
    "sent_at",
    "received_at",
)
"""Times that cannot lie after the delivery that tells them."""
_MOST_EVENTS = 100_000
"""Events that one row may stand for: each becomes a record, and a row of more is a wrong column or a grand total."""
FUTURE_HOURS = 24
"""What clocks and dates without a time may run ahead of the arrival of the delivery."""
_CLOCK = r"[:时時点點]|^\d{9,}(?:\.\d+)?$|^\d{5}\.\d"
_PERIOD = r"^\d{4}\s*年?$|^\d{4}\s*[-/.年]\s*\d{1,2}\s*月?$|^\d{6}$"


@dataclass
class Intake:
    """What shaping a delivery needs: the mapping, the columns chosen, the grids, the key; and what it has noticed so far."""

    mapping: Mapping
    choice: Choice
    atlas: Atlas
    crosswalk: pd.DataFrame
    file: str
    arrived_at: pd.Timestamp
    notes: Counter[str] = field(default_factory=Counter)
    watches: dict[str, ColumnWatch] = field(default_factory=dict)
    date1904: bool = False
    forms: dict[str, str] = field(default_factory=dict)
    """How a value looks that was refused for a reason: digits as 9, letters as A, Chinese ones as 字."""
    made: Counter[str] = field(default_factory=Counter)
    """How often each id that was made from a row came."""

    def see(self, reason: str, values: pd.Series, where: np.ndarray) -> None:
        """Remember how a refused value looks, the first one for each reason."""
        if reason not in self.forms and where.any():
            self.forms[reason] = form_of(str(values[where].iloc[0]))

    @property
    def chosen(self) -> dict[str, str]:
        """Field to the column that fills it."""
        return self.choice.fields


def form_of(value: str) -> str:
    """How a value looks, without what it says.

    Examples
    --------
    >>> form_of("AB-123"), form_of("第3网格")
    ('AA-999', '字9字字')
    """
    digits = re.sub(r"\d", "9", value[:20])
    return re.sub("[\u4e00-\u9fff]", "字", re.sub("[A-Za-z]", "A", digits))


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
        JOINED + name: join_times(raw[parts]) if _kind(name, table).kind == "time" else _joined(raw[parts])
        for name, parts in intake.choice.joined.items()
    }
    raw = raw.assign(**joined)
    rows, reasons = pd.DataFrame(index=raw.index), _Reasons(len(raw))
    for name, constant in intake.mapping.constants.items():
        rows[name] = _constant(name, constant, intake)[0]
    for field_name, header in intake.chosen.items():
        if field_name not in _apart(intake.mapping.table):
            rows[field_name] = _column(field_name, raw[header], intake, reasons)
    _identify(raw, rows, intake)
    _to_day_end(rows, intake)
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
    _gate(rows, intake, reasons)
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


class _Reasons:
    """Why rows cannot be accepted, gathered rule by rule; of a row that is left out nothing else is said."""

    def __init__(self, n: int) -> None:
        self.texts = np.full(n, "", dtype=object)
        self._left_out = np.zeros(n, dtype=bool)

    def leave_out(self, where: np.ndarray, why: np.ndarray) -> None:
        """Leave rows out, whatever else is wrong with them."""
        self._left_out |= where
        self.texts[where] = "left out by the mapping: " + why[where]

    def add(self, where: np.ndarray, why: str | np.ndarray) -> None:
        """Add a reason to the rows of a mask."""
        where = np.asarray(where, dtype=bool) & ~self._left_out
        if where.any():
            new = why[where] if isinstance(why, np.ndarray) else why
            old = self.texts[where]
            self.texts[where] = np.where(old == "", new, old + "; " + new)


def _kind(name: str, table: str) -> Column:
    columns = {c.name: c for c in table_of(table).columns}
    if name in columns:
        return columns[name]
    return Column(
        name,
        "time" if name.endswith("_at") else "integer" if name == "count" else "text",
        EXTRA_FIELDS.get(name, ""),
        least=0 if name == "count" else None,
        most=_MOST_EVENTS if name == "count" else None,
    )


def _constant(name: str, value: object, intake: Intake) -> pd.Series:
    column = _kind(name, intake.mapping.table)
    series = pd.Series([value])
    if column.kind != "time":
        return series
    at, bad = read_times(series.astype("str"), intake.mapping.timezone)
    if bad.any():
        raise DataError(f"mapping {intake.mapping.name!r}: constants.{name} is not a time: {value!r}.")
    return at


def _column(name: str, values: pd.Series, intake: Intake, reasons: _Reasons) -> pd.Series:
    column, mapping = _kind(name, intake.mapping.table), intake.mapping
    if name in mapping.words:
        values = _translated(name, values, intake)
    if column.kind == "time":
        at, bad = read_times(values, mapping.timezone, order=mapping.dates, date1904=intake.date1904)
        reasons.add(bad, f"{name}: not a time")
        intake.see(f"{name}: not a time", values, bad)
        return (
            at.mask(without_clock(values, at, mapping.timezone), day_end(at, mapping.timezone)) if name in _ENDS else at
        )
    if column.kind in {"integer", "number"}:
        return _numbers(column, values, reasons)
    if column.kind == "flag":
        return _flags(name, values, reasons)
    if is_identifier(name) and name not in mapping.words:
        texts, damaged = read_ids(values)
        reasons.add(damaged, f"{name}: {DAMAGED}")
        return texts
    texts = cleaned(values)
    if name in _CLOSED:
        other = np.array([isinstance(t, str) and not set(t.split()) <= _CLOSED[name] for t in texts], dtype=bool)
        intake.notes[f"{name}: no canonical word, left empty; map it through `words`"] += int(other.sum())
        return texts.mask(other)
    allowed = list(column.values)
    if allowed:
        odd = texts.notna() & ~texts.isin(allowed)
        reasons.add(odd.to_numpy(), f"{name}: not one of {', '.join(allowed)}")
    return texts


def _translated(name: str, values: pd.Series, intake: Intake) -> pd.Series:
    mapped = {fold(k): str(v) for k, v in intake.mapping.words[name].items()}
    words = {fold(v): v for v in mapped.values() if v} | mapped
    said = folded(values)
    known = said.map(words).astype("str")
    unknown = said.notna() & known.isna()
    fallback = words.get("*")
    intake.notes[f"{name}: {fallback or 'left empty'} for words the mapping does not know"] += int(unknown.sum())
    known = known.where(~unknown, fallback) if fallback else known
    return known.where(known != "", None)


def _numbers(column: Column, values: pd.Series, reasons: _Reasons) -> pd.Series:
    if pd.api.types.is_numeric_dtype(values.dtype):
        numbers = values.astype("float64")
    else:
        texts = _plain_digits(clean(values))
        numbers = pd.Series(pd.to_numeric(texts.to_pandas(), errors="coerce").to_numpy(dtype=float), index=values.index)
        reasons.add(
            numbers.isna().to_numpy() & pc.is_valid(texts).to_numpy(zero_copy_only=False),
            f"{column.name}: not a number",
        )
    if column.name == "count":
        reasons.add(numbers.isna().to_numpy() & (reasons.texts == ""), "count is empty: how many is not known")
    odd = np.zeros(len(numbers), dtype=bool)
    if column.kind == "integer":
        odd |= (numbers % 1 != 0).to_numpy() & numbers.notna().to_numpy()
    odd |= (numbers < (-np.inf if column.least is None else column.least)).to_numpy()
    odd |= (numbers > (np.inf if column.most is None else column.most)).to_numpy()
    reasons.add(odd, f"{column.name}: wanted {column.kind} {column.rule()}".rstrip())
    numbers = numbers.mask(odd)
    return numbers.astype("Int64") if column.kind == "integer" else numbers


def _plain_digits(texts: pa.Array) -> pa.Array:
    """Numbers without their unit and the marks between thousands; ``1,5`` stays as it is, since it may be 1.5."""
    alone = pc.replace_substring_regex(texts, r"\s*[人户件次起]+\s*$", "")
    grouped = pc.match_substring_regex(alone, r"^[+-]?\d{1,3}(?:[,，\s]\d{3})+(?:\.\d+)?$")
    return pc.if_else(pc.fill_null(grouped, fill_value=False), pc.replace_substring_regex(alone, r"[,，\s]", ""), alone)


def _flags(name: str, values: pd.Series, reasons: _Reasons) -> pd.Series:
    said = folded(values).str.lower()
    yes, no = said.isin(FILE_WORDS["yes"]), said.isin(FILE_WORDS["no"]) | said.isna()
    reasons.add((~yes & ~no).to_numpy(), f"{name}: neither yes nor no")
    return yes


def _categories(raw: pd.DataFrame, rows: pd.DataFrame, intake: Intake, reasons: _Reasons) -> None:
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


def _category(name: str, labels: pd.DataFrame, rows: pd.DataFrame, intake: Intake, reasons: _Reasons) -> Categories:
    """One of the two categories of the rows; an empty cell is a category unknown at the first report, and none after handling."""
    coded, mapping = categorise(labels, intake.mapping, intake.crosswalk), intake.mapping
    said = np.ones(len(rows), dtype=bool) if name == "category" else folded(labels.iloc[:, 0]).notna().to_numpy()
    rows[name], rows[f"{name}_raw"] = coded.code.where(said), coded.raw.where(said)
    unknown = coded.unknown & said
    if mapping.category.unknown == "slug":
        _gate_labels(name, labels, rows, intake, reasons)
    if mapping.category.unknown == "quarantine":
        reasons.add(unknown, UNKNOWN_CATEGORY)
        intake.see(UNKNOWN_CATEGORY, labels.iloc[:, 0], unknown)
    elif unknown.any():
        intake.notes[f"{name}: unknown to the crosswalk, kept as other with its raw name"] += int(unknown.sum())
    return coded


def _gate_labels(name: str, labels: pd.DataFrame, rows: pd.DataFrame, intake: Intake, reasons: _Reasons) -> None:
    """Refuse categories whose own words tell a person, before they become a code that no longer shows it."""
    made = ~rows[name].isin({*CATEGORIES, *intake.crosswalk.get("code", ())})
    for column in labels:
        rules = findings(cleaned(labels[column]).where(made), countries=country_of(intake.mapping.timezone))
        reasons.add(rules != "", np.array([f"{name}: looks like person data, rule "], dtype=object) + rules)
        rows[name] = rows[name].mask(rules != "", "[removed]")


def _places(raw: pd.DataFrame, rows: pd.DataFrame, intake: Intake, reasons: _Reasons) -> None:
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
        return _coordinate(raw[chosen["lon"]]), _coordinate(raw[chosen["lat"]])
    for name in ("lonlat", "latlon"):
        if name in chosen:
            return points_of(cleaned(raw[chosen[name]]), latitude_first=name == "latlon")
    return None


def _coordinate(values: pd.Series) -> pd.Series:
    numbers = values if pd.api.types.is_numeric_dtype(values.dtype) else cleaned(values)
    return pd.to_numeric(numbers, errors="coerce").astype("float64")


def without_clock(values: pd.Series, at: pd.Series, zone: str) -> np.ndarray:
    """(n,) Which times were written as a date alone: a day, not its midnight. Months and years are not days."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return np.zeros(len(values), dtype=bool)
    midnight = (at == at.dt.tz_convert(zone).dt.normalize()).to_numpy()
    alone = np.zeros(len(values), dtype=bool)
    texts = cleaned(values[midnight])
    alone[midnight] = ~(texts.str.contains(_CLOCK) | texts.str.contains(_PERIOD)).fillna(value=True).to_numpy(
        dtype=bool
    )
    return alone


def day_end(at: pd.Series, zone: str) -> pd.Series:
    """The last second of the local day of each instant."""
    wall = at.dt.tz_convert(zone).dt.tz_localize(None).dt.floor("D") + pd.Timedelta(hours=24, seconds=-1)
    local = wall.dt.tz_localize(zone, ambiguous=np.ones(len(wall), dtype=bool), nonexistent="shift_forward")
    return local.dt.tz_convert("UTC").dt.as_unit("us")


def _to_day_end(rows: pd.DataFrame, intake: Intake) -> None:
    """An end at the very midnight with which the day of its beginning starts is a date that a program wrote as a time."""
    for beginning, end in table_of(intake.mapping.table).ordered:
        if beginning in rows and end in _ENDS and end in rows:
            day = rows[beginning].dt.tz_convert(intake.mapping.timezone).dt.normalize()
            rows[end] = rows[end].mask(rows[end] == day, day_end(rows[end], intake.mapping.timezone))


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
        happened = _day_at_end("occurred_at", raw, rows, intake)
        recorded = _day_at_end("recorded_at", raw, rows, intake) if "recorded_at" in rows else happened
        rows["known_at"] = recorded.fillna(happened) + pd.Timedelta(days=mapping.known_delay_days)
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


def _day_at_end(name: str, raw: pd.DataFrame, rows: pd.DataFrame, intake: Intake) -> pd.Series:
    """A time by when something was known: of a date alone the end of the day."""
    zone = intake.mapping.timezone
    if name not in intake.chosen:
        return rows[name]
    alone = without_clock(raw[intake.chosen[name]], rows[name], zone)
    return rows[name].mask(alone, day_end(rows[name], zone))


def _valid(rows: pd.DataFrame, intake: Intake) -> None:
    """A visit of which nobody says whether it was valid was one."""
    if "valid" not in rows:
        rows["valid"] = True
        intake.notes["valid: not told, taken as valid"] += len(rows)


def _refuse_future(rows: pd.DataFrame, intake: Intake, reasons: _Reasons) -> None:
    latest = intake.arrived_at + pd.Timedelta(hours=FUTURE_HOURS)
    derived = set() if "known_at" in intake.chosen else {"known_at"}
    for name in _HAPPENED:
        if name in rows and name not in derived:
            reasons.add((rows[name] > latest).to_numpy(), f"{name}: after the delivery arrived")


def _required(rows: pd.DataFrame, intake: Intake, reasons: _Reasons) -> None:
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


def _gate(rows: pd.DataFrame, intake: Intake, reasons: _Reasons) -> None:
    """Refuse columns and rows with person data; scrub what would go into quarantine."""
    countries = country_of(intake.mapping.timezone)
    for name in [str(n) for n in rows if isinstance(rows[n].dtype, pd.StringDtype) and n not in _NO_TEXT]:
        rules = findings(_unknown_texts(name, rows[name], intake), countries=countries)
        if name == "grid_id" and intake.mapping.table == "grids" and one_family(rows[name]):
            rules = np.where(np.isin(rules, list(WEAK)), "", rules)
        personal = rules != ""
        watch = intake.watches.setdefault(name, ColumnWatch())
        seen = rows[name].fillna(rows[name.removesuffix("_raw")]) if name.endswith("category_raw") else rows[name]
        watch.see(seen, np.where(np.isin(rules, ["passport", "permit"]), "", rules) if name in _IDENTIFIERS else rules)
        if (why := watch.verdict()) and not _is_place_name(name, intake):
            raise PrivacyError(
                f"{intake.file}: column {shown(intake.chosen.get(name, name))}: {why}; take it out of the export."
            )
        if name in _IDENTIFIERS:
            if personal.any():
                rows[name] = rows[name].mask(personal, keyed_hash(rows[name].where(personal), intake.atlas.secret))
            continue
        long = (rows[name].str.len() > TEXT_LENGTH).fillna(value=False).to_numpy(dtype=bool)
        if _is_place_name(name, intake):
            intake.notes["name: tells a person, left empty"] += int((personal | long).sum())
            rows[name] = rows[name].mask(personal | long, None)
            continue
        reasons.add(personal & ~long, np.array([f"{name}: looks like person data, rule "], dtype=object) + rules)
        reasons.add(long, f"{name}: longer than {TEXT_LENGTH} characters, looks like free text")
        rows[name] = rows[name].mask(personal | long, "[removed]")


def _is_place_name(name: str, intake: Intake) -> bool:
    """Whether a column is shown to staff as the name of a place, so that it is better empty than the row refused."""
    return name == "name" and intake.mapping.table == "grids"


def _unknown_texts(name: str, values: pd.Series, intake: Intake) -> pd.Series:
    """Values that no list knows, as a person's data would be among them."""
    if name in {"grid_id", "near_grid_id"}:
        return values.mask(values.isin(intake.atlas.versions["grid_id"])).mask(values == "")
    if name in {"category", FEEDBACK}:
        known = {*CATEGORIES, *intake.crosswalk.get("code", ())}
        return values.mask(values.isin(known)).str.replace("_", " ")
    return values.mask(values.isin(set(_kind(name, intake.mapping.table).values)))
