"""The tables: columns, units, keys and rules, written once.

Every table that enters or leaves the library has one pandera schema here. :func:`conform` brings a frame into its
canonical form or says all that is wrong with it; :func:`sift` parts good rows from bad ones, each with its reason.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.engines import pandas_engine

from riskwarn.errors import DataError, did_you_mean

Kind = Literal["text", "time", "integer", "number", "flag", "geometry"]
_DTYPES: dict[str, object] = {
    "text": "str",
    "time": pandas_engine.DateTime(unit="us", time_zone_agnostic=True),
    "integer": "Int64",
    "number": "float64",
    "flag": "bool",
    "geometry": "str",
}
NAME = r"[a-z][a-z0-9_]*"
ORIGINS = ("citizen", "proactive", "unknown")
"""Who brought an event to light: somebody asked for help, or staff found it."""


@dataclass(frozen=True)
class Column:
    """One column: its kind, what it means (with unit), and the rule its values obey."""

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    values: tuple[str, ...] = ()
    pattern: str = ""
    least: float | None = None
    most: float | None = None

    def rule(self) -> str:
        """The rule in words, empty when any value of the kind will do."""
        if self.values:
            return "one of " + ", ".join(self.values)
        if self.pattern:
            return f"matches {self.pattern}"
        bounds = [f"at least {self.least:g}"] if self.least is not None else []
        return " and ".join(bounds + ([f"at most {self.most:g}"] if self.most is not None else []))

    def pandera(self, *, nullable: bool) -> pa.Column:
        """The column as pandera knows it."""
        checks = [pa.Check(np.isfinite, ignore_na=True, error="a finite number")] if self.kind == "number" else []
        if self.values:
            checks.append(pa.Check.isin(self.values, error=self.rule()))
        if self.pattern:
            checks.append(pa.Check.str_matches(self.pattern + r"\Z", error=self.rule()))
        if self.least is not None:
            checks.append(pa.Check.ge(self.least, error=f"at least {self.least:g}"))
        if self.most is not None:
            checks.append(pa.Check.le(self.most, error=f"at most {self.most:g}"))
        return pa.Column(
            _DTYPES[self.kind], checks, nullable=nullable, required=self.required, description=self.meaning
        )


@dataclass(frozen=True)
class Table:
    """One table: its name, its key, its columns and the rules between columns."""

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    ordered: tuple[tuple[str, str], ...] = ()
    """Pairs of time columns (earlier, later): where both are known the first may not pass the second."""

    @property
    def column_names(self) -> list[str]:
        """Every column the table may have, in canonical order."""
        return [column.name for column in self.columns]

    @cached_property
    def schema(self) -> pa.DataFrameSchema:
        """The pandera schema."""
        between = [_in_order(earlier, later) for earlier, later in self.ordered]
        columns = {c.name: c.pandera(nullable=c.name not in self.key and not c.required) for c in self.columns}
        return pa.DataFrameSchema(columns, between, strict=True, unique=list(self.key), name=self.name)


def _in_order(earlier: str, later: str) -> pa.Check:
    def check(frame: pd.DataFrame) -> pd.Series:
        if earlier not in frame or later not in frame:
            return pd.Series(data=True, index=frame.index)
        return frame[earlier].isna() | frame[later].isna() | (frame[earlier] <= frame[later])

    return pa.Check(check, name=f"{earlier} <= {later}", error=f"{later} before {earlier}")


def _text(
    name: str, meaning: str, *, required: bool = False, values: tuple[str, ...] = (), pattern: str = ""
) -> Column:
    return Column(name, "text", meaning, required, values, pattern)


def _time(name: str, meaning: str, *, required: bool = False) -> Column:
    return Column(name, "time", meaning, required)


def _number(
    name: str, meaning: str, *, required: bool = False, least: float | None = None, most: float | None = None
) -> Column:
    return Column(name, "number", meaning, required, least=least, most=most)


def _integer(
    name: str, meaning: str, *, required: bool = False, least: float | None = None, most: float | None = None
) -> Column:
    return Column(name, "integer", meaning, required, least=least, most=most)


_GRID = _text("grid_id", "the grid", required=True)
_AS_OF = _time("as_of", "the instant the row speaks of; only what was known before it counts", required=True)

EVENTS = Table(
    "events",
    "One row a revision of an event: what was known of it from `known_at` until the next revision.",
    ("source", "event_id", "known_at"),
    (
        _text(
            "source",
            "the feed: dispute, petition, police_call, hotline, grid_report or another",
            required=True,
            pattern=NAME,
        ),
        _text(
            "event_id",
            "the event within its source; hashed on the way in where it may identify a person",
            required=True,
        ),
        _time("known_at", "when the centre could know this revision", required=True),
        _time("occurred_at", "when it happened, or was reported where that is all that is known", required=True),
        _text("grid_id", "the grid it happened in; empty when it cannot be placed", required=True),
        _text("category", "canonical category code (see `riskwarn.taxonomy`) or the source's own", required=True),
        _time("closed_at", "when it was closed, empty while open"),
        _time("due_at", "when it should be closed by the source's own rule"),
        _integer("severity", "0 none or unknown, 1 minor, 2 serious, 3 violent or worse", least=0, most=3),
        _text("origin", "who brought it to light", values=ORIGINS),
        _text("near_grid_id", "a foreign grid whose border is within reach of the place"),
        _text("place_key", "keyed hash of the building or address; equal keys mean one place"),
        _text("case_id", "the source's own link between records of one matter"),
        _text("org_code", "the organisation that recorded it"),
        _text("status", "canonical case status"),
        _text("outcome", "how it ended, canonical"),
        _text("category_raw", "the source's own words where they have no canonical code"),
        _text("tags", "space-separated words of a closed vocabulary (see `riskwarn.taxonomy.TAGS`)"),
        Column("retracted", "flag", "true when this revision withdraws the event"),
    ),
    ordered=(("occurred_at", "closed_at"),),
)
GRIDS = Table(
    "grids",
    "One row a version of a grid.",
    ("grid_id", "valid_from"),
    (
        _text("grid_id", "the grid", required=True),
        _time("valid_from", "first instant this version holds", required=True),
        _text("name", "name shown to staff"),
        _text("community_id", "parent community or village"),
        _text("township_id", "parent township or street"),
        _text("county_id", "parent county or district"),
        _time("valid_to", "first instant this version no longer holds, empty while it does"),
        _number("area_km2", "area, km²", least=0),
        _number("households", "households", least=0),
        _number("population", "residents", least=0),
        _text("urban_class", "urban–rural class: 111, 112, 121, 122, 123, 210, 220 or the city's own"),
        _number("x_km", "centre, km east in a flat projection of the city"),
        _number("y_km", "centre, km north in a flat projection of the city"),
        Column("geometry", "geometry", "polygon as WKT in WGS 84 longitude and latitude"),
    ),
    ordered=(("valid_from", "valid_to"),),
)
CROSSWALK = Table(
    "crosswalk",
    "How grids turned into others.",
    ("from_grid_id", "to_grid_id", "effective_at"),
    (
        _text("from_grid_id", "the grid that ended", required=True),
        _text("to_grid_id", "a grid that took over", required=True),
        _time("effective_at", "from when", required=True),
        _number(
            "weight",
            "share of the old grid that went there, in [0, 1]; shares of one grid add up to 1",
            required=True,
            least=0,
            most=1,
        ),
        _text("kind", "what happened", required=True, values=("split", "merge", "rename", "boundary")),
    ),
)
VISITS = Table(
    "visits",
    "One row a visit to a grid.",
    ("visit_id",),
    (
        _text("visit_id", "the visit", required=True),
        _time("started_at", "when it began", required=True),
        _GRID,
        _time("known_at", "when the centre could know of it", required=True),
        _time("ended_at", "when it ended"),
        _text("kind", "patrol, household, special or the centre's own"),
        _text("purpose", "routine, alert or supervision: why it was made"),
        _integer("n_households", "households visited", least=0),
        Column("valid", "flag", "long enough and inside the grid"),
    ),
    ordered=(("started_at", "ended_at"),),
)
WORKFLOW = Table(
    "workflow",
    "One row a step in handling a case.",
    ("case_id", "step"),
    (
        _text("case_id", "the case", required=True),
        _integer("step", "running number of the step within the case", required=True, least=0),
        _text(
            "action",
            "report, assign, sign, accept, transfer, return, assist, extend, close, callback or supervise",
            required=True,
        ),
        _time("at", "when the step was taken", required=True),
        _text("from_org", "who handed over"),
        _text("to_org", "who took over"),
        _text(
            "level", "L0 grid, L1 village, L2 township, L3 county, L4 city", values=("L0", "L1", "L2", "L3", "L4", "L5")
        ),
        _time("limit_at", "by when the step was due"),
        _text("grid_id", "the grid of the case"),
        _time("known_at", "when the centre could know of the step; `at` where empty"),
    ),
)
DIVERSIONS = Table(
    "diversions",
    "One row a police call handed to another body.",
    ("call_id", "to_org"),
    (
        _text("call_id", "event_id of the police call", required=True),
        _text("to_org", "who should take it", required=True),
        _time("sent_at", "when it was sent", required=True),
        _time("received_at", "when it arrived there"),
        _time("closed_at", "when it was closed there"),
        _text("result", "how it ended"),
        _text("grid_id", "the grid of the call"),
    ),
)
ROSTER = Table(
    "roster",
    "Workers of a grid on a day: counts only, never names.",
    ("grid_id", "day_at"),
    (
        _GRID,
        _time("day_at", "start of the day", required=True),
        _number("n_workers", "workers on duty; a worker of k grids counts 1/k in each", required=True, least=0),
        _number("n_own_workers", "of them, workers with this grid alone", least=0),
    ),
)
PLACES = Table(
    "places",
    "Key places of a grid, counted.",
    ("grid_id", "kind"),
    (
        _GRID,
        _text(
            "kind",
            "school, hospital, site, market, station, mall, square, park, hotel, old_estate, urban_village",
            required=True,
        ),
        _number("n", "how many", required=True, least=0),
    ),
)
FEED_LOG = Table(
    "feed_log",
    "One row a delivery: what arrived, and what became of it.",
    ("source", "org_code", "batch_id"),
    (
        _text("source", "the feed", required=True),
        _text("org_code", "who delivered; `*` for the whole city", required=True),
        _text("batch_id", "the delivery: digest of its content", required=True),
        _time("arrived_at", "when it arrived", required=True),
        _integer("received", "rows received", required=True, least=0),
        _integer("accepted", "rows accepted", required=True, least=0),
        _integer("quarantined", "rows put into quarantine with a reason", required=True, least=0),
        _integer("duplicate", "rows known already", required=True, least=0),
        _time("first_at", "earliest occurred_at"),
        _time("last_at", "latest occurred_at"),
        _time("covers_from", "first instant the delivery speaks for"),
        _time("covers_to", "first instant it no longer speaks for"),
        _text("digest", "SHA-256 of the delivery"),
    ),
)
SCORES = Table(
    "scores",
    "One row a grid, night and target.",
    ("grid_id", "as_of", "target"),
    (
        _GRID,
        _AS_OF,
        _text("target", "name of the label", required=True),
        _number(
            "probability",
            "probability of at least one event in the horizon; empty when the state is not ok",
            least=0,
            most=1,
        ),
        _number("expected", "expected number of events in the horizon", least=0),
        _number("lower", "lower end of the 90 % interval of the count", least=0),
        _number("upper", "upper end of the 90 % interval of the count", least=0),
        _integer("rank", "1 is the riskiest; empty when the state is not ok", least=1),
        _number("p_in_top", "probability that the grid is among the alert capacity", least=0, most=1),
        _text("state", "ok, or why there is no score", required=True, values=("ok", "insufficient_data")),
        _text("model_version", "digest of the model", required=True),
    ),
)
REASONS = Table(
    "reasons",
    "Why a grid has its score: one row a reason, text rendered per language, never stored.",
    ("grid_id", "as_of", "target", "place"),
    (
        _GRID,
        _AS_OF,
        _text("target", "name of the label", required=True),
        _integer("place", "1 is the strongest raising reason; the lowering ones follow", required=True, least=1),
        _text("feature", "the feature", required=True),
        _number("value", "its value, in the feature's unit"),
        _number("normal", "what the value is compared with: the grid's own fifteen weeks, or the city's median"),
        _number("contribution", "what the feature's family adds to the log of the expected count", required=True),
        _text("code", "reason code", required=True),
        _integer("n_nearby", "neighbouring grids the feature speaks of; empty where it speaks of none", least=0),
    ),
)
GAPS = Table(
    "gaps",
    "Where the centre is blind, late or passing the parcel.",
    ("gap_id",),
    (
        _text("gap_id", "digest of kind, scope and as_of", required=True),
        _text("kind", "kind of gap, as G08", required=True, pattern=r"G\d\d"),
        _text("scope", "what it concerns: grid:…, feed:…, pair:…, org:… or place:…", required=True),
        _AS_OF,
        _number("observed", "what was seen"),
        _number("expected", "what was expected"),
        _number("lower", "lower end of the 90 % interval of what was expected"),
        _number("upper", "upper end of the 90 % interval of what was expected"),
        _number("severity", "0 to 100", required=True, least=0, most=100),
        _number("confidence", "0 to 1", required=True, least=0, most=1),
        _text(
            "state",
            "open, or insufficient_data where nothing can be said",
            required=True,
            values=("open", "insufficient_data"),
        ),
        _text("evidence", "the numbers behind it, as JSON", required=True),
        _text("action", "action code, A1 to A10", required=True, pattern=r"A\d{1,2}"),
        _text("suppressed_by", "gap_id of the outage that explains it"),
    ),
)
ALERTS = Table(
    "alerts",
    "What the centre reads: one row an alert, adjacent grids grouped.",
    ("alert_id",),
    (
        _text("alert_id", "the alert", required=True),
        _text("grid_ids", "its grids, riskiest first, separated by spaces", required=True),
        _text("level", "red, orange, yellow or blue", required=True, values=("red", "orange", "yellow", "blue")),
        _AS_OF,
        _text("state", "where it stands in its life", required=True),
        _text("target", "name of the label", required=True),
        _number("probability", "of its riskiest grid", least=0, most=1),
        _integer("rank", "of its riskiest grid", least=1),
        _text("action", "suggested action code", required=True, pattern=r"A\d{1,2}"),
        _text("gap_kinds", "open gaps of its grids, separated by spaces"),
        _text("owner", "who should act: organisation code"),
        _time("due_at", "by when to acknowledge"),
        _text("model_version", "digest of the model", required=True),
    ),
)
MARKS = Table(
    "marks",
    "What the monitors of a night measured: one row a monitor and what it looked at.",
    ("as_of", "monitor", "scope"),
    (
        _AS_OF,
        _text(
            "monitor",
            "what was looked at",
            required=True,
            values=("volume", "category", "feature", "score", "rank", "calibration"),
        ),
        _text("scope", "feed:…, feature:…, score, order, list, count or probability", required=True),
        _text("state", "from calm to loud", required=True, values=("ok", "unknown", "warn", "alarm")),
        _text("fault", "code of what is odd, put into words when it is read"),
        _number("observed", "what was seen"),
        _number("expected", "what is usual"),
        _number("days", "days looked at together", least=0),
        _number("value", "what is graded; empty when the state is unknown", least=0),
        _number("warn", "the value above which it is a warning", least=0),
        _number("alarm", "the value above which it is an alarm", least=0),
    ),
)
TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        EVENTS, GRIDS, CROSSWALK, VISITS, WORKFLOW, DIVERSIONS, ROSTER, PLACES, FEED_LOG, SCORES, REASONS, GAPS, ALERTS, MARKS,
    )
}  # fmt: skip


def table_of(name: str) -> Table:
    """The table called `name`.

    Raises
    ------
    DataError
        There is no such table.
    """
    if name not in TABLES:
        raise DataError(f"unknown table {name!r}{did_you_mean(name, TABLES)}; known tables: {', '.join(TABLES)}.")
    return TABLES[name]


def conform(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` in the canonical form of table `name`: columns in order, dtypes set, every rule checked.

    Parameters
    ----------
    name
        Table name, a key of :data:`TABLES`.
    frame
        Required columns present; times timezone-aware, any zone. Optional columns may be absent and stay absent.

    Returns
    -------
    conformed
        A new frame; `frame` is not touched.

    Raises
    ------
    DataError
        A column is missing or unknown, a time has no zone, or a value breaks a rule. All faults are named at once.
    """
    table = table_of(name)
    _check_columns(table, frame)
    typed = _typed(table, frame).reset_index(drop=True)
    try:
        return table.schema.validate(typed, lazy=True)
    except pa.errors.SchemaErrors as error:
        raise DataError(f"table {name!r}: " + "; ".join(_faults(error, len(typed))) + ".") from None


def typed(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with the columns and dtypes of table `name`, its values unchecked: for rows that were checked before."""
    table = table_of(name)
    _check_columns(table, frame)
    return _typed(table, frame).reset_index(drop=True)


def sift(name: str, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part the rows of `frame` that keep the rules of table `name` from those that do not.

    Returns
    -------
    good
        Conforming rows in canonical form.
    bad
        The other rows with a column `reason` in front; several reasons are joined by "; ".

    Raises
    ------
    DataError
        The fault concerns a whole column (missing, unknown, wrong type), not single rows.
    """
    table = table_of(name)
    _check_columns(table, frame)
    typed = _typed(table, frame).reset_index(drop=True)
    try:
        return table.schema.validate(typed, lazy=True), typed.iloc[:0].assign(reason=pd.Series(dtype="str"))
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases
    if cases["index"].isna().any():
        raise DataError(f"table {name!r}: " + "; ".join(sorted({_fault(case) for case in cases.itertuples()})) + ".")
    cases = cases.assign(reason=[_fault(case) for case in cases.itertuples()], row=cases["index"].astype(int))
    reasons = cases.drop_duplicates(["row", "reason"]).groupby("row")["reason"].agg("; ".join)
    bad = typed.loc[reasons.index].copy()
    bad.insert(0, "reason", reasons)
    return conform(name, typed.drop(index=reasons.index)).reset_index(drop=True), bad.reset_index(drop=True)


def _check_columns(table: Table, frame: pd.DataFrame) -> None:
    known = table.column_names
    faults = [
        f"column {c.name!r} is missing ({c.meaning})" for c in table.columns if c.required and c.name not in frame
    ]
    faults += [
        f"unknown column {name!r}{did_you_mean(str(name), known)}" for name in frame.columns if name not in known
    ]
    if faults:
        raise DataError(f"table {table.name!r}: {'; '.join(faults)}. Its columns are: {', '.join(known)}.")


def _typed(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    present = [c for c in table.columns if c.name in frame]
    return pd.DataFrame({c.name: _cast(table, c, frame[c.name]) for c in present}, index=frame.index)


def _cast(table: Table, column: Column, values: pd.Series) -> pd.Series:
    where = f"table {table.name!r}, column {column.name!r}"
    if column.kind == "time":
        return _aware(values, where)
    try:
        if column.kind == "flag":
            return values if values.dtype == "bool" else _flags(values)
        return values.astype(str(_DTYPES[column.kind]))
    except (TypeError, ValueError) as error:
        raise DataError(f"{where}: wanted {column.kind}, found {values.dtype} ({type(error).__name__}).") from None


def _flags(values: pd.Series) -> pd.Series:
    """Flags from booleans, 0 and 1; empty is false. Words are refused: the text "false" would be true."""
    if not values.dropna().isin([True, False]).all():
        raise ValueError(values.dtype)
    return values.where(values.notna(), other=False).astype("bool")


def _aware(values: pd.Series, where: str) -> pd.Series:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return values.dt.as_unit("us")
    if values.isna().all():
        return pd.Series(pd.NaT, index=values.index).dt.tz_localize("UTC").dt.as_unit("us")
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        raise DataError(
            f"{where}: timestamps have no time zone; say which clock they were read from, "
            f"for example df[column].dt.tz_localize('Asia/Shanghai')."
        )
    raise DataError(f"{where}: wanted timezone-aware timestamps, found {values.dtype}.")


def _faults(error: pa.errors.SchemaErrors, n_rows: int) -> list[str]:
    cases = error.failure_cases
    words = cases.assign(fault=[_fault(case) for case in cases.itertuples()])
    counts = words.groupby("fault", sort=True).agg(n=("index", "nunique"), first=("index", "first"))
    return [
        f"{fault} ({row.n} of {n_rows} rows, first at row {row.first})" if row.n else str(fault)
        for fault, row in counts.iterrows()
    ]


def _fault(case: object) -> str:
    column, check = getattr(case, "column", None), str(getattr(case, "check", ""))
    if "multiple_fields_uniqueness" in check or "unique" in check:
        return "two rows with one key"
    if "not_nullable" in check:
        return f"{column} is empty"
    if getattr(case, "schema_context", "") == "DataFrameSchema":
        return check
    return f"{column}: wanted {check}"
