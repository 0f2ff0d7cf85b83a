"""A first mapping for a file nobody has mapped yet: proposed from its header and values, with confidence, for a person to review."""

import glob
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path

import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError, DefinitionError, PrivacyError
from riskwarn.ingest.categorising import candidates
from riskwarn.ingest.clock import Order
from riskwarn.ingest.coordinates import coordinate_of, points_of
from riskwarn.ingest.delivery import Delivery
from riskwarn.ingest.folding import cleaned, fold
from riskwarn.ingest.mapping import EXTRA_FIELDS, Mapping, mapping_of, preset, preset_names, vocabulary
from riskwarn.ingest.ordering import order_of, orders_of
from riskwarn.ingest.reading import open_delivery
from riskwarn.privacy import TEXT_LENGTH, ColumnWatch, denied_header, findings, person_header, shown, shown_path
from riskwarn.schema import table_of

SAMPLE_ROWS = 2000
"""Rows looked at."""
MOST_COLUMNS = 500
"""Columns a proposal is made for; more are measurements, not a ledger."""
LIKE = 0.72
"""Likeness (ratio of matching letters) from which a header is taken for a known one."""
MOSTLY = 0.5
"""Share of the values that must be of a kind."""
LEAST_ROWS = 20
"""Rows from which repetition says something."""
NOT_READ = ("ignored", "person data", "?")
"""What stands as the field of a column that fills none."""
_CERTAIN, _BY_VALUES = 1.0, 0.5
_LONGEST_NAME = 40
_RUNNING = r"(?i)(?:object_?|ogc_?f|f|g)id(?:_?\d+)?|id|index"
"""Names that software gives to the number of a row, which another export of the same polygons may number otherwise."""
_DATE_SIGN = r"\d\s*[-/:年.]\s*\d"
_CLOCK = r"\d[:时点]\d|\d\s*[ap]\.?m\b|\d[Tt]\d"
_CLOCK_ALONE = r"(?i)(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d)?(?:\s*[ap]\.?m\.?)?"


@dataclass(frozen=True)
class Guess:
    """A proposed mapping.

    `columns` has one line a column of the file: `column`, `field` (what it fills; "ignored", "person data" or "?" where it fills
    nothing), `confidence` in [0, 1] and `why`. `confidence` of the whole is that of its weakest required column, 0 where one is missing.
    `questions` are what a person has to decide: two readings of a date, two columns that fit, an id made from the row.
    """

    preset: str
    columns: pd.DataFrame
    confidence: float
    toml: str
    questions: tuple[str, ...] = ()

    def mapping(self) -> Mapping:
        """The proposal as a mapping, as if it had been written and read."""
        import tomllib  # noqa: PLC0415

        return mapping_of(tomllib.loads(self.toml))

    def write(self, path: str | Path) -> Path:
        """Write the proposal for review; an existing file is not touched.

        Parameters
        ----------
        path
            Where to.

        Returns
        -------
        path
            Of the file that was written.

        Raises
        ------
        DataError
            The file exists.
        """
        path = Path(path)
        if path.exists():
            raise DataError(
                f"{path} exists; a mapping that a person may have reviewed is not overwritten. Name another file."
            )
        path.write_text(self.toml, encoding="utf-8")
        return path

    def __repr__(self) -> str:
        """The proposal as a table."""
        head = f"preset {self.preset!r}, confidence {self.confidence:.2f}"
        asked = "".join(f"\nto decide: {question}" for question in self.questions)
        named = [
            name if shown(name) == repr(name) else f"{place} (not shown)"
            for place, name in enumerate(self.columns["column"], 1)
        ]
        return head + "\n" + self.columns.assign(column=named).to_string(index=False) + asked


@checked
def guess(path: str | Path, *, timezone: str = "", crs: str = "") -> Guess:
    """Propose a mapping for a file.

    Headers are compared with the aliases of every preset; what is left is judged by its values. Nothing is stored.

    Parameters
    ----------
    path
        The file.
    timezone
        Clock of its times; ``Asia/Shanghai`` where headers are Chinese, else left for the reviewer.
    crs
        Of its points, if it has any; left for the reviewer otherwise.

    Returns
    -------
    guess
        The preset, what each column would fill and how surely, the TOML, and what a person must decide.

    Raises
    ------
    PrivacyError
        The first line is no header but a row that tells a person.
    DataError
        The file cannot be read.
    """
    delivery = open_delivery(path, _all_aliases())
    sample = _sample(delivery)
    header = [
        name for name in delivery.header if not name.startswith("unnamed:") or sample[name].fillna("").ne("").any()
    ]
    if len(header) > MOST_COLUMNS:
        raise DataError(
            f"{shown_path(path)}: {len(header):,} columns; a proposal is made for {MOST_COLUMNS:,} at most."
        )
    _refuse_row(header, shown_path(path))
    scored = [(_match(name, header, sample), name) for name in preset_names()]
    columns, chosen = max(scored, key=lambda pair: (_fit(*pair), pair[1]))
    if preset(chosen).get("table") == "grids":
        _name_grids(columns, sample)
    proposal = _propose(columns, sample, chosen, timezone)
    return Guess(chosen, columns, _confidence(columns, chosen), proposal.toml(crs), proposal.questions)


def _refuse_row(header: Sequence[str], file: str) -> None:
    """Refuse a file whose first line is a row: a proposal would repeat its cells as names of columns."""
    known = {_bare(alias) for alias in _all_aliases()}
    personal = [name for name in header if shown(name) != repr(name)]
    if personal and not any(_bare(name) in known for name in header):
        raise PrivacyError(
            f"{file}: the first line looks like a row, not a header: {len(personal)} of {len(header)} cells look like a person's data; "
            "put a line with the names of the columns above it."
        )


def _all_aliases() -> list[str]:
    return list(
        dict.fromkeys(alias for name in preset_names() for aliases in _aliases(name).values() for alias in aliases)
    )


def _aliases(name: str) -> dict[str, list[str]]:
    columns = preset(name)["columns"]
    if not isinstance(columns, dict):
        raise DefinitionError(
            f"preset {name!r} has no section [columns]; it maps columns of a file to those of a table."
        )
    return columns


def _sample(delivery: Delivery) -> pd.DataFrame:
    pieces = [piece.rows for piece in islice(delivery.read(delivery.header), 1)]
    return pieces[0].head(SAMPLE_ROWS) if pieces else pd.DataFrame(columns=list(delivery.header))


def _bare(header: str) -> str:
    """A header as it is compared here: in small letters, without the difference of space and underscore."""
    return re.sub(r"[\s_]+", " ", fold(header).casefold()).strip()


def _match(name: str, header: Sequence[str], sample: pd.DataFrame) -> pd.DataFrame:
    """One line a column of the file, for one preset."""
    aliases, base = _aliases(name), mapping_of({"preset": name, "timezone": "UTC"})
    free = {field: list(dict.fromkeys(_bare(alias) for alias in known)) for field, known in aliases.items()}
    lines = dict.fromkeys(header, ("?", 0.0, "nothing known is like it"))
    for field, known in free.items():
        exact = [c for alias in known for c in header if _bare(c) == alias and lines[c][0] == "?"]
        fitting = [c for c in exact if _may_fill(field, c, sample[c])]
        if fitting:
            also = (
                f"; {', '.join(map(repr, fitting[1:]))} would fit too" if fitting[1:] and _one_of(field, base) else ""
            )
            lines[fitting[0]] = (field, _CERTAIN, "a known header" + also)
    for column in header:
        if lines[column][0] == "?":
            like = _by_likeness(column, free, {line[0] for line in lines.values()})
            fits = like and _may_fill(like[0], column, sample[column])
            lines[column] = like if like and fits else _other(column, sample, base)
    _by_values(lines, sample, base)
    rows = [(column, *line) for column, line in lines.items()]
    return pd.DataFrame(rows, columns=["column", "field", "confidence", "why"])


def _one_of(field: str, base: Mapping) -> bool:
    return field in {"occurred_at", "category"} and base.table == "events"


def _may_fill(field: str, column: str, values: pd.Series) -> bool:
    """Whether a column's header is allowed for a field and its values are of that kind; a column without values may be anything."""
    if field not in EXTRA_FIELDS and (person_header if field == "category" else denied_header)(column):
        return False
    texts = cleaned(values).dropna()
    is_time = field.endswith("_at") or field in {"at", "valid_from", "valid_to"}
    judge = _judge_time if is_time else _JUDGES.get(field)
    return texts.empty or judge is None or judge(texts)


def _judge_time(texts: pd.Series) -> bool:
    """Whether most are times: under a header that says so, what cannot be read is a row to refuse and not another kind of column."""
    return bool(orders_of(texts, least=MOSTLY) or orders_of(texts, least=MOSTLY, short_years=True))


def _judge_x(texts: pd.Series) -> bool:
    return bool(coordinate_of(texts, "x").notna().mean() > MOSTLY)


def _judge_y(texts: pd.Series) -> bool:
    return bool(coordinate_of(texts, "y").notna().mean() > MOSTLY)


def _judge_point(texts: pd.Series) -> bool:
    return bool(points_of(texts)[0].notna().mean() > MOSTLY)


def _judge_category(texts: pd.Series) -> bool:
    is_told_apart = len(texts) >= LEAST_ROWS and texts.nunique() > len(texts) / 2
    is_time = texts.str.contains(_DATE_SIGN).all() and orders_of(texts)
    return not (is_time or is_told_apart or texts.str.len().max() > TEXT_LENGTH)


def _judge_id(texts: pd.Series) -> bool:
    return len(texts) < LEAST_ROWS or texts.nunique() > len(texts) / 2


_JUDGES: dict[str, Callable[[pd.Series], bool]] = {
    "lon": _judge_x,
    "lat": _judge_y,
    "lonlat": _judge_point,
    "category": _judge_category,
    "event_id": _judge_id,
}


@lru_cache(maxsize=256)
def _tells_person(texts: tuple[str, ...]) -> bool:
    values, watch = pd.Series(texts, dtype="str"), ColumnWatch()
    watch.see(values, findings(values))
    return bool(watch.verdict() or watch.n_found)


def _by_likeness(column: str, aliases: dict[str, list[str]], taken: set[str]) -> tuple[str, float, str] | None:
    likeness = [
        (_likeness(_bare(column), alias), field, alias)
        for field, known in aliases.items()
        if field not in taken
        for alias in known
    ]
    best = max(likeness, default=(0.0, "", ""))
    if best[0] < LIKE or denied_header(column):
        return None
    return best[1], round(best[0] * 0.9, 2), f"like {best[2]}"


@cache
def _likeness(one: str, other: str) -> float:
    """Ratio of matching letters, 0 where it cannot reach :data:`LIKE`."""
    matcher = SequenceMatcher(None, one, other)
    return matcher.ratio() if matcher.real_quick_ratio() >= LIKE and matcher.quick_ratio() >= LIKE else 0.0


def _other(column: str, sample: pd.DataFrame, base: Mapping) -> tuple[str, float, str]:
    values = cleaned(sample[column])
    if orders_of(values) and values.str.contains(_DATE_SIGN).any() and not denied_header(column):
        return "?", 0.0, "a time nothing asks for"
    if denied_header(column) or _tells_person(tuple(values.dropna())):
        return "person data", _CERTAIN, "the header" if denied_header(column) else "the values"
    if base.ignores(column):
        return "ignored", _CERTAIN, "the preset never reads it"
    if values.str.len().max() > TEXT_LENGTH:
        return "ignored", _CERTAIN, "free text"
    return "?", 0.0, "nothing known is like it"


def _by_values(lines: dict[str, tuple[str, float, str]], sample: pd.DataFrame, base: Mapping) -> None:
    """Fill required fields that no header fits, from what the values look like."""
    taken = {line[0] for line in lines.values()}
    for column in [c for c, line in lines.items() if line[0] == "?"]:
        field = _looks_like(sample[column], base)
        if field and field in base.columns and field not in taken:
            lines[column] = (field, _BY_VALUES, "its values")
            taken.add(field)


def _name_grids(columns: pd.DataFrame, sample: pd.DataFrame) -> None:
    """Where no header tells which grid a polygon is: the first column that says another word of each; a running number of some software where there is no other."""
    if "grid_id" in set(columns["field"]):
        return
    unread = columns.index[columns["field"] == "?"]
    fits = [at for at in unread if _tells_grids(cleaned(sample[columns.loc[at, "column"]]))]
    fits.sort(key=lambda at: bool(re.fullmatch(_RUNNING, columns.loc[at, "column"])))
    if fits:
        others = ", ".join(repr(columns.loc[at, "column"]) for at in fits[1:])
        why = "another value in each row" + (f"; {others} would fit too" if others else "")
        columns.loc[fits[0], ["field", "confidence", "why"]] = ["grid_id", _BY_VALUES, why]


def _tells_grids(values: pd.Series) -> bool:
    """Whether each row has a word of its own, which is no measurement."""
    whole = values.notna().all() and values.is_unique and len(values) > 0
    return bool(whole and values.str.len().max() <= _LONGEST_NAME and not values.str.fullmatch(r"-?\d+[.,]\d+").any())


def _looks_like(values: pd.Series, base: Mapping) -> str:
    texts = cleaned(values).dropna()
    if len(texts) < 3:
        return ""
    if orders_of(texts) and texts.str.len().min() > 5 and not texts.str.fullmatch(r"\d{9,13}").any():
        times = ("occurred_at", "started_at", "at", "sent_at", "arrived_at", "valid_from")
        return next((c for c in times if c in base.columns), "")
    known = vocabulary(base.category.vocabulary)
    said = texts.map(lambda t: any(c in known for c in candidates(fold(t), base.category.separator)))
    if known and said.mean() > MOSTLY:
        return "category"
    identifier = next((c for c in ("event_id", "visit_id", "call_id", "case_id") if c in base.columns), "")
    return identifier if texts.is_unique and texts.str.contains(r"\d").all() and texts.str.len().max() < 40 else ""


def _required(name: str, filled: pd.Series) -> set[str]:
    """Fields a proposal cannot do without; a category after handling will do where there is no other."""
    base = mapping_of({"preset": name, "timezone": "UTC"})
    required = {c.name for c in table_of(base.table).columns if c.required}
    required -= {"grid_id", "source", "known_at", *base.constants}
    required -= {"category"} if "feedback_category" in set(filled) else set()
    return (required | {"grid_id"}) - {"valid_from"} if base.table in {"grids", "visits"} else required


def _fit(columns: pd.DataFrame, name: str) -> float:
    filled = columns[columns["field"].isin(_aliases(name))]
    lacking = _required(name, columns["field"]) - set(filled["field"])
    return float(filled["confidence"].sum()) - len(lacking)


def _confidence(columns: pd.DataFrame, name: str) -> float:
    by_field = columns.set_index("field")["confidence"]
    return float(min((by_field.get(field, 0.0) for field in _required(name, columns["field"])), default=0.0))


@dataclass(frozen=True)
class _Proposal:
    """What is written for review: the preset, which column fills what, and what a person has to decide."""

    preset: str
    columns: pd.DataFrame
    header: tuple[str, ...]
    timezone: str
    order: Order
    short_years: bool
    made_from: tuple[str, ...]
    joined: tuple[str, ...]
    questions: tuple[str, ...]

    @property
    def fields(self) -> pd.DataFrame:
        """Lines of the columns that fill a field."""
        return self.columns[~self.columns["field"].isin(NOT_READ)]

    def toml(self, crs: str) -> str:
        """The mapping as a file."""
        base = mapping_of({"preset": self.preset, "timezone": "UTC"})
        zone = f'timezone = "{self.timezone}"' + ("" if self.timezone else "  # which clock? for example Asia/Shanghai")
        lines = ["# Proposed from the file's header and values: read every line before use."]
        lines += [*(f"# To decide: {question}" for question in self.questions), f'preset = "{self.preset}"', zone]
        lines += [f'dates = "{self.order}"'] if self.order != "year first" or self.short_years else []
        lines += ["short_years = true  # years of two digits: 69 is 1969, 68 is 2068"] if self.short_years else []
        lines += ["ignore = [", *self._ignored(), "]", "", "[columns]", *self._filled()]
        lines += ["", "[joins]", f"occurred_at = {_list(self.joined)}"] if self.joined else []
        lines += (
            ["", "[id]", f"made_from = {_list(self.made_from)}  # rows without an id get one from these"]
            if self.made_from
            else []
        )
        if base.table == "grids" and "valid_from" not in set(self.fields["field"]):
            lines += ["", "[constants]", 'valid_from = "2000-01-01"  # since when do these grids hold?']
        if {"lon", "lonlat", "latlon"} & set(self.fields["field"]):
            crs = crs or base.place.crs
            lines += ["", "[place]", f'crs = "{crs}"' + ("" if crs else "  # EPSG:4326, EPSG:4490, GCJ-02 or BD-09?")]
        return "\n".join(lines) + "\n"

    def _ignored(self) -> list[str]:
        unread = self.columns[
            self.columns["field"].isin(NOT_READ) & ~self.columns["column"].isin([*self.made_from, *self.joined])
        ]
        unread = unread[~unread["column"].str.startswith("unnamed:")]
        return [f"    {_quoted(glob.escape(row.column))},  # {row.field}: {row.why}" for row in unread.itertuples()]

    def _filled(self) -> list[str]:
        """The columns read, and fields of the preset that a column only seems to fill, emptied."""
        names = {fold(column) for column in self.header}
        taken = set(self.fields["field"])
        empty = [f for f, known in _aliases(self.preset).items() if f not in taken and names & {fold(a) for a in known}]
        filled = [
            f"{row.field} = {_quoted(row.column)}  # {row.confidence:.2f}, {row.why}"
            for row in self.fields.itertuples()
        ]
        return [*filled, *(f"{field} = []" for field in empty)]


def _propose(columns: pd.DataFrame, sample: pd.DataFrame, name: str, timezone: str) -> _Proposal:
    """Decide what the columns alone do not: the order of dates, of points, the clock in its own column, and ids."""
    base = preset(name)
    _turn_points(columns, sample)
    by_field = columns[~columns["field"].isin(NOT_READ)].set_index("field")["column"].to_dict()
    chinese = columns["column"].str.contains("[\u4e00-\u9fff]").any()
    zone = timezone or str(base.get("timezone", "")) or ("Asia/Shanghai" if chinese else "")
    times = [f for f in by_field if f.endswith("_at") or f in {"at", "valid_from"}]
    order, short_years, questions = order_of([sample[by_field[f]] for f in times], zone)
    questions += [
        f"{row.field}: {row.column!r}, {row.why.partition('; ')[2]}."
        for row in columns.itertuples()
        if "would fit too" in row.why
    ]
    joined = _clock_beside(by_field, columns, sample)
    made_from = _made_from(by_field, sample, joined) if base.get("table", "events") == "events" else ()
    if made_from:
        questions.append(
            "rows without an id get one made from the columns under [id]; equal rows of one file are counted apart."
        )
    return _Proposal(
        name, columns, tuple(columns["column"]), zone, order, short_years, made_from, joined, tuple(questions)
    )


def _turn_points(columns: pd.DataFrame, sample: pd.DataFrame) -> None:
    """Points in one cell as a pair with the latitude first are named so."""
    for at in columns.index[columns["field"] == "lonlat"]:
        column = columns.loc[at, "column"]
        pairs = cleaned(sample[column]).dropna()
        pairs = pairs[~pairs.str.contains("POINT|{", case=False)]
        second = points_of(pairs)[1].abs()
        by_header = re.search("lat.*l(?:on|ng)", column, re.IGNORECASE)
        if len(pairs) and (by_header or second.max() > 90 or pairs.str.contains(r"\(").any()):
            columns.loc[at, "field"] = "latlon"


def _clock_beside(by_field: dict[str, str], columns: pd.DataFrame, sample: pd.DataFrame) -> tuple[str, ...]:
    """The column of the date and that of its time of day, where they are two."""
    date = by_field.get("occurred_at")
    if date is None or cleaned(sample[date]).dropna().str.contains(_CLOCK).any():
        return ()
    clocks = [
        row.column
        for row in columns.itertuples()
        if row.field in NOT_READ
        and len(texts := cleaned(sample[row.column]).dropna())
        and texts.str.fullmatch(_CLOCK_ALONE).all()
    ]
    return (date, clocks[0]) if len(clocks) == 1 else ()


def _made_from(by_field: dict[str, str], sample: pd.DataFrame, joined: tuple[str, ...]) -> tuple[str, ...]:
    """Columns an id is made from, where rows have none."""
    column = by_field.get("event_id")
    if column is not None and cleaned(sample[column]).notna().all():
        return ()
    fields = ("occurred_at", "category", "grid_id", "lon", "lat", "lonlat", "latlon")
    return tuple(dict.fromkeys([*(by_field[f] for f in fields if f in by_field), *joined]))


def _list(names: Sequence[str]) -> str:
    return "[" + ", ".join(map(_quoted, names)) + "]"


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
