"""How one kind of file becomes rows of a table: declared in TOML, small, and refused where it is not understood."""

import csv
import hashlib
import json
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import asdict, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from riskwarn.calling import checked
from riskwarn.clock import instant, zone_named
from riskwarn.declaring import (
    MAX_DAYS,
    AtLeastZero,
    Flag,
    NotNegative,
    Number,
    Positive,
    Text,
    Whole,
    declared,
    one_of,
    read,
    read_toml,
)
from riskwarn.errors import DataError, DefinitionError, did_you_mean
from riskwarn.ingest.clock import Order
from riskwarn.ingest.delivery import Stated
from riskwarn.ingest.folding import fold
from riskwarn.privacy import TEXT_LENGTH, denied_header, names_masked, person_header, shown_file
from riskwarn.schema import TABLES, table_of
from riskwarn.store import NIGHT_TABLES
from riskwarn.taxonomy import CATEGORIES

EXTRA_FIELDS: dict[str, str] = {
    "recorded_at": "when the event was recorded; the opening is known then",
    "feedback_at": "when the category after handling was recorded",
    "feedback_category": "category after handling",
    "lon": "longitude, degrees; becomes a grid and is dropped",
    "lat": "latitude, degrees; becomes a grid and is dropped",
    "lonlat": "longitude and latitude in one cell, as a pair, WKT or GeoJSON",
    "latlon": "latitude and longitude in one cell",
    "address": "becomes a keyed hash in place_key and is dropped",
    "count": "how many events the row stands for",
}
"""Fields an event mapping may fill beside the columns of the table; none of them reaches the store as it is."""
TARGETS = ("code", "source", "leave_out")
"""What a crosswalk may say of a category: its canonical code, its feed, why it is left out."""
Unknown = Literal["other", "slug", "quarantine"]
Vocabulary = Literal["", "dispute", "petition", "hotline", "police", "gbt31000", "mediation"]
FINEST_H3 = 15
PRESETS = Path(__file__).with_name("presets")
_JUDGED_BY_VALUES = ("category", "feedback_category")
"""Columns that may be headed as a description: their values have to be categories."""
_HIDDEN = ("address", "lon", "lat", "lonlat", "latlon")
_SET_BY_THE_FILE = ("name", "folder")
"""Fields of a mapping that say where it was read: no keys of the file."""


def preset_names() -> list[str]:
    """Names of the presets."""
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def _several(value: object) -> object:
    """One name as a list of one."""
    return (value,) if isinstance(value, str) else value


def _single(value: object) -> object:
    """A value all rows may have; lists and tables are none."""
    if isinstance(value, list | tuple | dict | set):
        raise ValueError(f"wanted one value, got a {'table' if isinstance(value, dict) else 'list'}")  # noqa: TRY004 pydantic gathers ValueErrors
    return value


def is_moment(text: str) -> bool:
    """Whether a text of a file is a date or time that means one moment: year first, and not `today`."""
    try:
        return text[:1].isdigit() and instant(text, "UTC") is not None
    except DataError:
        return False


def _dated(text: str) -> str:
    if text and not is_moment(text):
        raise ValueError(f"wanted a date such as '2025-01-08', got {text[:60]!r}")
    return text


Names = Annotated[tuple[Text, ...], BeforeValidator(_several)]
"""Columns of a file; one name may stand without a list, and an empty list names none."""
Value = Annotated[Any, BeforeValidator(_single)]
Point = Annotated[tuple[Number, ...], Field(min_length=2, max_length=2)]
Moment = Annotated[Text, AfterValidator(_dated)]
"""A date, with a time behind it where it matters; empty for none."""


@declared
class CategoryRule:
    """How the source's categories become canonical ones.

    `keys` are the file's columns that together name a category, by default the one that fills `category`; `crosswalk` is a CSV beside the
    mapping with these columns and `code`, `source`, `leave_out` (a reason) as far as wanted; `codes` and `leave_out` say the same in the mapping, for one key.
    `vocabulary` adds the names or codes of the field: ``dispute``, ``petition``, ``hotline`` and ``police`` by name, ``gbt31000`` and
    ``mediation`` by number. There a path such as ``城乡建设_拆迁`` is cut at `separator` until a part is known, and endings such as 纠纷 do
    not count. A category that is in none becomes D99 with its name kept (`other`), a code made of its name (`slug`), or goes to quarantine.
    """

    keys: tuple[Text, ...] = ()
    vocabulary: Vocabulary = ""
    crosswalk: Text = ""
    codes: dict[Text, Text] = field(default_factory=dict)
    leave_out: dict[Text, Text] = field(default_factory=dict)
    unknown: Unknown = "other"
    separator: Text = ""


@declared
class PlaceRule:
    """How points become grids.

    `crs` is that of the points; `no_place` are points that stand for a missing one; within `near_m` metres of a grid with another
    `foreign` parent the event also gets `near_grid_id`.
    """

    crs: Text = ""
    no_place: tuple[Point, ...] = ()
    near_m: NotNegative = 0.0
    foreign: Annotated[Text, one_of(table_of("grids").column_names)] = "county_id"
    grid_width: Annotated[AtLeastZero, Field(le=TEXT_LENGTH)] = 0


@declared
class AreaRule:
    """How a file of polygons becomes grids: as it is, or cut into regular cells (`square` of `cell_m`, `h3` of `resolution`).

    `crs` is that of the polygons, where the file does not say it or says it wrongly: any that pyproj knows, ``GCJ-02`` or ``BD-09``.
    """

    make: Literal["", "square", "h3"] = ""
    cell_m: Positive = 400.0
    resolution: Annotated[Whole, Field(ge=0, le=FINEST_H3)] = 9
    crs: Text = ""


@declared
class IdRule:
    """How rows are told apart where their numbers do not do it.

    `made_from` are columns of the file whose texts, hashed, are the id of a row that has none; equal rows of one delivery are numbered.
    `restarts` says that the running numbers begin anew each year, month or day, so that the period belongs to the id.
    """

    made_from: tuple[Text, ...] = ()
    restarts: Literal["", "year", "month", "day"] = ""


@declared
class Mapping:
    """How one kind of file becomes rows of a table.

    Parameters
    ----------
    columns
        Column of the table (or one of :data:`EXTRA_FIELDS`) to the column of the file; several names are tried in order, and an empty
        list takes away those of a preset.
    ignore
        Columns of the file that are not read; ``*`` stands for any letters. Every other column must be mapped.
    table
        Table the rows go to.
    timezone
        IANA name of the clock the file's times were read from.
    source
        Feed, where one file is one feed.
    joins
        Column of the table to columns of the file whose texts together make it, joined by "-"; missing where one is missing.
    constants
        Column of the table to a value all rows have.
    words
        Column of the table to a dictionary from the file's words to canonical ones.
    dates
        How dates in digits are written: year, month or day first; unless said, only those with a year of four digits first are read.
    short_years
        Years may have two digits, 00 to 68 of this century and 69 to 99 of the last; else such dates are refused. In digits alone they need `dates`.
    known
        ``recorded``: an opening is known when recorded, or when it occurred where that is all there is; ``arrival``: when the
        delivery arrived.
    known_delay_days
        Added to the time an opening is known, for figures published after their period.
    covers
        Time a delivery speaks for: ``rows`` from its first to its last row, ``days`` the whole local days of these.
    covers_from, covers_to
        Time every delivery of this kind speaks for, where it is fixed.
    org_code
        Who delivers; ``*`` for the whole city.
    encoding
        Encoding of text files, as Python names it (``big5``, ``cp1252``); by default it is found, or the file refused.
    delivery
        ``part``: a delivery adds to those before it; ``full``: each one holds all events there are, so one that is gone is withdrawn.
    """

    columns: dict[Text, Names] = field(default_factory=dict)
    ignore: tuple[Text, ...] = ()
    table: Annotated[Text, one_of(t for t in TABLES if t not in NIGHT_TABLES)] = "events"
    timezone: Text = ""
    source: Text = ""
    joins: dict[Text, Names] = field(default_factory=dict)
    constants: dict[Text, Value] = field(default_factory=dict)
    words: dict[Text, dict[Text, Value]] = field(default_factory=dict)
    category: CategoryRule = field(default_factory=CategoryRule)
    place: PlaceRule = field(default_factory=PlaceRule)
    area: AreaRule = field(default_factory=AreaRule)
    id: IdRule = field(default_factory=IdRule)
    delivery: Literal["part", "full"] = "part"
    dates: Order = ""
    short_years: Flag = False
    known: Literal["recorded", "arrival"] = "recorded"
    known_delay_days: Annotated[Number, Field(ge=0, le=MAX_DAYS)] = 0.0
    covers: Literal["rows", "days"] = "rows"
    covers_from: Moment = ""
    covers_to: Moment = ""
    org_code: Text = "*"
    preset: Annotated[Text, one_of(preset_names(), none=True)] = ""
    query: Text = ""
    encoding: Text = ""
    name: Text = "mapping"
    folder: Text = "."

    @model_validator(mode="after")
    def _fits_its_table(self) -> "Mapping":
        if faults := [fault for rule in _RULES for fault in rule(self)]:
            raise ValueError("; ".join(faults))
        return self

    @property
    def stated(self) -> Stated:
        """What the mapping states of its files for their readers."""
        return Stated(self.encoding, self.area.crs if self.table == "grids" else self.place.crs)

    def ignores(self, header: str) -> bool:
        """Whether a column of the file is left unread.

        Parameters
        ----------
        header
            Its name.

        Returns
        -------
        ignored
            By any pattern of :attr:`ignore`; case and width do not matter.
        """
        return any(fnmatchcase(fold(header), fold(pattern)) for pattern in self.ignore)

    def headers(self) -> list[str]:
        """Every column of a file that the mapping names."""
        named = [*self.columns.values(), self.category.keys, *self.joins.values(), self.id.made_from, self.ignore]
        return list(dict.fromkeys(name for names in named for name in names))

    def crosswalk(self) -> pd.DataFrame:
        """The category crosswalk as a table of text: the keys, and `code`, `source`, `leave_out` as far as given.

        Raises
        ------
        DefinitionError
            The CSV is missing, lacks a key, or names a category twice.
        """
        if self.category.crosswalk:
            return _read_crosswalk(Path(self.folder) / self.category.crosswalk, self.category.keys)
        leave_out = self.category.leave_out
        canonical = {code: code for code in CATEGORIES} if self.category.vocabulary else {}
        codes = {
            **canonical,
            **vocabulary(self.category.vocabulary),
            **{fold(k): v for k, v in self.category.codes.items()},
        }
        names = list({**codes, **leave_out})
        table = {"code": [codes.get(n, "") for n in names], "leave_out": [leave_out.get(n, "") for n in names]}
        return pd.DataFrame({(self.category.keys or ("key",))[0]: [fold(n) for n in names], **table}, dtype="str")

    def digest(self) -> str:
        """SHA-256 over what the mapping says, its crosswalk included; name and folder do not count."""
        said = {k: v for k, v in asdict(self).items() if k not in {"name", "folder"}}
        whole = json.dumps(said, sort_keys=True, ensure_ascii=False, default=str) + self.crosswalk().to_csv(index=False)
        return hashlib.sha256(whole.encode()).hexdigest()


@cache
def vocabulary(name: str) -> dict[str, str]:
    """Canonical codes of the field's own category names, folded; none for the empty name."""
    with (PRESETS / "categories.csv").open(encoding="utf-8", newline="") as handle:
        return {fold(row["name"]): row["code"] for row in csv.DictReader(handle) if row["vocabulary"] == name}


def preset(name: str) -> dict[str, object]:
    """What the mapping of a usual feed says: aliases of its columns, words, and what is never read.

    Raises
    ------
    DefinitionError
        There is no such preset.
    """
    known = preset_names()
    if name not in known:
        raise DefinitionError(f"unknown preset {name!r}{did_you_mean(name, known)}; known presets: {', '.join(known)}.")
    return tomllib.loads((PRESETS / f"{name}.toml").read_text("utf-8"))


def _over(base: dict[str, object], said: dict[str, object]) -> dict[str, object]:
    """`said` over `base`: tables join key by key, what is ignored adds up, anything else is replaced."""
    merged = dict(base)
    for key, value in said.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merged[key] = _over(old, value)
        elif key == "ignore" and isinstance(old, list) and isinstance(value, list):
            merged[key] = old + value
        else:
            merged[key] = value
    return merged


def _read_crosswalk(path: Path, keys: tuple[str, ...]) -> pd.DataFrame:
    if not path.is_file():
        wanted = f"the columns {', '.join(keys)}" if keys else "a column of categories"
        raise DefinitionError(f"crosswalk {path} does not exist; it is a CSV with {wanted} and code.")
    table = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
    keys = keys or _only_key(path, table)
    lacking = [key for key in keys if key not in table]
    if lacking or not set(TARGETS) & set(table):
        wanted = f"the columns {', '.join(keys)} and one or more of {', '.join(TARGETS)}"
        raise DefinitionError(f"crosswalk {path}: wanted {wanted}, found {', '.join(table)}.")
    table = table[[*keys, *(name for name in TARGETS if name in table)]]
    table = table.assign(**{key: table[key].map(fold) for key in keys})
    twice = table[table.duplicated(list(keys))]
    if len(twice):
        first = " / ".join(twice.iloc[0][list(keys)])
        raise DefinitionError(f"crosswalk {path}: {len(twice)} rows repeat a category, first {first!r}.")
    return table


def _only_key(path: Path, table: pd.DataFrame) -> tuple[str, ...]:
    """The one column of a crosswalk that names a category, where the mapping does not say which do."""
    names = [name for name in table if name not in TARGETS]
    if len(names) != 1:
        raise DefinitionError(
            f"crosswalk {path}: which of its columns name a category? Found {', '.join(names) or 'none'}; state keys under [category]."
        )
    return (names[0],)


def _unknown_columns(mapping: Mapping) -> Iterator[str]:
    """Whatever is filled, joined, set or translated is a column of the table, or a field on the way to one."""
    known = [*table_of(mapping.table).column_names, *(EXTRA_FIELDS if mapping.table == "events" else ("lon", "lat"))]
    for section in ("columns", "joins", "constants", "words"):
        for name in getattr(mapping, section):
            if name not in known:
                yield f"[{section}] unknown column {name!r}{did_you_mean(name, known)}"


def _person_columns(mapping: Mapping) -> Iterator[str]:
    """No column of person data fills a column of the store."""
    for name, headers in mapping.columns.items():
        speaks_of_a_person = person_header if name in _JUDGED_BY_VALUES else denied_header
        for header in () if name in _HIDDEN else headers:
            if speaks_of_a_person(header):
                yield f"[columns] {name}: {header!r} is a column of person data and may not be brought in"


def _clock(mapping: Mapping) -> Iterator[str]:
    """Where the table holds times, the mapping says which clock they were read from."""
    if not mapping.timezone and any(c.kind == "time" for c in table_of(mapping.table).columns):
        yield "timezone is missing; say which clock the times were read from, for example 'Asia/Shanghai'"
    try:
        zone_named(mapping.timezone or "UTC")
    except DefinitionError as error:
        yield f"timezone: {error}".removesuffix(".")


def _text_encoding(mapping: Mapping) -> Iterator[str]:
    """A stated encoding is one that Python reads text with."""
    if mapping.encoding and not _is_text_encoding(mapping.encoding):
        yield f"encoding: {mapping.encoding!r} is none that Python knows; take for example 'utf-8', 'gb18030', 'big5'"


def _coverage(mapping: Mapping) -> Iterator[str]:
    """The time a delivery speaks for ends after it begins, whether the mapping or a manifest says so."""
    first, last = mapping.covers_from, mapping.covers_to
    if is_moment(first) and is_moment(last) and instant(last, "UTC") < instant(first, "UTC"):
        yield "covers_to lies before covers_from; write the first day, then the last"


_RULES: tuple[Callable[[Mapping], Iterator[str]], ...] = (
    _unknown_columns,
    _person_columns,
    _clock,
    _coverage,
    _text_encoding,
)
"""What holds across the keys of a mapping; each rule tells every fault it sees."""


def _is_text_encoding(name: str) -> bool:
    try:
        return isinstance(b"a".decode(name, "replace"), str)
    except LookupError:
        return False


@checked
def load_mapping(path: str | Path) -> Mapping:
    """Read a mapping from TOML.

    Parameters
    ----------
    path
        The file; a crosswalk it names stands beside it.

    Returns
    -------
    mapping
        Checked as a whole.

    Raises
    ------
    NotFoundError
        There is no such file.
    DefinitionError
        It is not TOML, a key, table or column is unknown, or a value has the wrong type or range; one message tells all of them.
    """
    path = Path(path)
    with names_masked(path):
        said, _ = read_toml(path, "mapping")
        return mapping_of(said, name=shown_file(path.stem), folder=str(path.parent), where=str(path))


def mapping_of(said: dict[str, Any], *, name: str = "mapping", folder: str = ".", where: str = "mapping") -> Mapping:
    """A mapping from the dictionary its TOML holds.

    Parameters
    ----------
    said
        Keys of the file and their values; what its `preset` says stands under them.
    name, folder
        What the mapping is called, and where a crosswalk it names lies.
    where
        The file, as messages shall name it.

    Returns
    -------
    mapping
        Checked as a whole.

    Raises
    ------
    DefinitionError
        A key, table or column is unknown, or a value has the wrong type or range; one message tells all of them with their places.

    Examples
    --------
    >>> mapping_of({"preset": "dispute", "timezone": "Asia/Shanghai"}).source
    'dispute'
    >>> mapping_of({"timezone": "UTC", "place": {"near_m": -1}}, where="calls.toml")
    Traceback (most recent call last):
    riskwarn.errors.DefinitionError: calls.toml: [place] near_m: wanted a number of at least 0, got -1.
    """
    if not isinstance(said, dict):
        raise DefinitionError(f"{where}: wanted a table of keys, as a mapping's TOML holds, got {type(said).__name__}.")
    if (chosen := said.get("preset")) in preset_names():
        said = _over(preset(chosen), said)
    if misplaced := [key for key in _SET_BY_THE_FILE if key in said]:
        raise DefinitionError(f"{where}: {misplaced[0]!r} is no key of a mapping; its file says it. Take it out.")
    return read(Mapping, {**said, "name": name, "folder": folder}, where)
