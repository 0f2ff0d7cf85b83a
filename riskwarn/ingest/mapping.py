"""How one kind of file becomes rows of a table: declared in TOML, small, and refused where it is not understood."""

import csv
import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass, field, fields
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Literal, TypeVar, get_args

import pandas as pd

from riskwarn.calling import checked
from riskwarn.clock import zone_named
from riskwarn.errors import DefinitionError, did_you_mean
from riskwarn.ingest.clock import Order
from riskwarn.ingest.delivery import Stated
from riskwarn.ingest.folding import fold
from riskwarn.privacy import denied_header, person_header
from riskwarn.schema import TABLES, table_of
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
PRESETS = Path(__file__).with_name("presets")
_Part = TypeVar("_Part")
_JUDGED_BY_VALUES = ("category", "feedback_category")
"""Columns that may be headed as a description: their values have to be categories."""
_HIDDEN = ("address", "lon", "lat", "lonlat", "latlon")


@dataclass(frozen=True)
class CategoryRule:
    """How the source's categories become canonical ones.

    `keys` are the file's columns that together name a category; `crosswalk` is a CSV beside the mapping with these columns and
    `code`, `source`, `leave_out` (a reason) as far as wanted; `codes` and `leave_out` say the same in the mapping, for one key.
    `vocabulary` adds the names or codes of the field: ``dispute``, ``petition``, ``hotline`` and ``police`` by name, ``gbt31000`` and
    ``mediation`` by number. There a path such as ``城乡建设_拆迁`` is cut at `separator` until a part is known, and endings such as 纠纷 do
    not count. A category that is in none becomes D99 with its name kept (`other`), a code made of its name (`slug`), or goes to quarantine.
    """

    keys: tuple[str, ...] = ()
    vocabulary: Vocabulary = ""
    crosswalk: str = ""
    codes: dict[str, str] = field(default_factory=dict)
    leave_out: dict[str, str] = field(default_factory=dict)
    unknown: Unknown = "other"
    separator: str = ""


@dataclass(frozen=True)
class PlaceRule:
    """How points become grids.

    `crs` is that of the points; `no_place` are points that stand for a missing one; within `near_m` metres of a grid with another
    `foreign` parent the event also gets `near_grid_id`.
    """

    crs: str = ""
    no_place: tuple[tuple[float, float], ...] = ()
    near_m: float = 0.0
    foreign: str = "county_id"
    grid_width: int = 0


@dataclass(frozen=True)
class AreaRule:
    """How a file of polygons becomes grids: as it is, or cut into regular cells (`square` of `cell_m`, `h3` of `resolution`).

    `crs` is that of the polygons, where the file does not say it or says it wrongly: any that pyproj knows, ``GCJ-02`` or ``BD-09``.
    """

    make: Literal["", "square", "h3"] = ""
    cell_m: float = 400.0
    resolution: int = 9
    parents: dict[str, str] = field(default_factory=dict)
    crs: str = ""


@dataclass(frozen=True)
class IdRule:
    """How rows are told apart where their numbers do not do it.

    `made_from` are columns of the file whose texts, hashed, are the id of a row that has none; equal rows of one delivery are numbered.
    `restarts` says that the running numbers begin anew each year, month or day, so that the period belongs to the id.
    """

    made_from: tuple[str, ...] = ()
    restarts: Literal["", "year", "month", "day"] = ""


@dataclass(frozen=True)
class Mapping:
    """How one kind of file becomes rows of a table.

    Parameters
    ----------
    columns
        Column of the table (or one of :data:`EXTRA_FIELDS`) to the column of the file; several names are tried in order.
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
        How dates that do not begin with the year are written.
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

    columns: dict[str, tuple[str, ...]]
    ignore: tuple[str, ...] = ()
    table: str = "events"
    timezone: str = ""
    source: str = ""
    joins: dict[str, tuple[str, ...]] = field(default_factory=dict)
    constants: dict[str, object] = field(default_factory=dict)
    words: dict[str, dict[str, object]] = field(default_factory=dict)
    category: CategoryRule = field(default_factory=CategoryRule)
    place: PlaceRule = field(default_factory=PlaceRule)
    area: AreaRule = field(default_factory=AreaRule)
    id: IdRule = field(default_factory=IdRule)
    delivery: Literal["part", "full"] = "part"
    dates: Order = "year first"
    known: Literal["recorded", "arrival"] = "recorded"
    known_delay_days: float = 0.0
    covers: Literal["rows", "days"] = "rows"
    covers_from: str = ""
    covers_to: str = ""
    org_code: str = "*"
    preset: str = ""
    query: str = ""
    encoding: str = ""
    name: str = "mapping"
    folder: str = "."

    def __post_init__(self) -> None:
        faults = list(_faults(self))
        if faults:
            raise DefinitionError(f"mapping {self.name!r}: " + "; ".join(faults) + ".")

    @property
    def stated(self) -> Stated:
        """What the mapping states of its files for their readers."""
        return Stated(self.encoding, self.area.crs if self.table == "grids" else self.place.crs)

    def ignores(self, header: str) -> bool:
        """Whether a column of the file is left unread."""
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


def preset_names() -> list[str]:
    """Names of the presets."""
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


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
    if not path.exists():
        raise DefinitionError(
            f"crosswalk {path} does not exist; it is a CSV with the columns {', '.join(keys)} and category."
        )
    table = pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")
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


def _faults(mapping: Mapping) -> list[str]:
    faults = []
    if mapping.table not in TABLES:
        return [f"unknown table {mapping.table!r}{did_you_mean(mapping.table, TABLES)}"]
    known = [*table_of(mapping.table).column_names, *(EXTRA_FIELDS if mapping.table == "events" else ("lon", "lat"))]
    for place, names in (
        ("columns", mapping.columns),
        ("joins", mapping.joins),
        ("constants", mapping.constants),
        ("words", mapping.words),
    ):
        faults += [f"{place}: unknown column {n!r}{did_you_mean(n, known)}" for n in names if n not in known]
    for name, headers in mapping.columns.items():
        if name not in _HIDDEN:
            faults += [
                f"columns.{name}: {h!r} is a column of person data and may not be brought in"
                for h in headers
                if (person_header(h) if name in _JUDGED_BY_VALUES else denied_header(h))
            ]
    if mapping.encoding and not _is_text_encoding(mapping.encoding):
        faults.append(
            f"encoding: {mapping.encoding!r} is none that Python knows; take for example 'utf-8', 'gb18030', 'big5'"
        )
    if not mapping.timezone and any(c.kind == "time" for c in table_of(mapping.table).columns):
        faults.append("timezone is missing; say which clock the times were read from, for example 'Asia/Shanghai'")
    if mapping.timezone:
        try:
            zone_named(mapping.timezone)
        except DefinitionError as error:
            faults.append(f"timezone: {error}".removesuffix("."))
    return faults


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

    Raises
    ------
    DefinitionError
        The file is missing, not TOML, or has a key, table or column that is not known.
    """
    path = Path(path)
    try:
        said = tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise DefinitionError(f"mapping {path} does not exist.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(f"mapping {path}: not TOML: {error}.") from None
    return mapping_of(said, name=path.stem, folder=str(path.parent), where=str(path))


def mapping_of(said: dict[str, object], *, name: str = "mapping", folder: str = ".", where: str = "mapping") -> Mapping:
    """A mapping from the dictionary its TOML holds.

    Raises
    ------
    DefinitionError
        A key is not known, or a value is of the wrong kind.
    """
    if isinstance(chosen := said.get("preset"), str):
        said = _over(preset(chosen), said)
    parts: dict[str, object] = {}
    for key, kind in (("category", CategoryRule), ("place", PlaceRule), ("area", AreaRule), ("id", IdRule)):
        parts[key] = _part(kind, said.get(key, {}), f"{where}: {key}")
    settings = {**said, **parts, "name": name, "folder": folder}
    columns = said.get("columns", {})
    if not isinstance(columns, dict):
        raise DefinitionError(f"{where}: columns must be a table from table column to file column, got {columns!r}.")
    settings["columns"] = {k: (v,) if isinstance(v, str) else tuple(v) for k, v in columns.items()}
    if isinstance(joins := said.get("joins", {}), dict):
        settings["joins"] = {k: tuple(v) for k, v in joins.items()}
    return _part(Mapping, settings, where)


def _part(kind: "type[_Part]", said: object, where: str) -> "_Part":
    if not isinstance(said, dict):
        raise DefinitionError(f"{where}: wanted a table, got {said!r}.")
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    unknown = [f"unknown key {k!r}{did_you_mean(k, known)}" for k in said if k not in known]
    if unknown:
        raise DefinitionError(f"{where}: {'; '.join(unknown)}. Known keys: {', '.join(known)}.")
    for key, value in said.items():
        _check_kind(known[key].type, value, f"{where}: {key}")
    return kind(**{k: _frozen(v) for k, v in said.items()})


def _check_kind(annotation: object, value: object, where: str) -> None:
    choices = get_args(annotation)
    if choices and all(isinstance(c, str) for c in choices) and value not in choices:
        raise DefinitionError(
            f"{where}: wanted one of {', '.join(repr(c) for c in choices)}, got {value!r}{did_you_mean(str(value), choices)}."
        )
    wanted = {str: str, float: int | float, int: int}.get(annotation)  # type: ignore[call-overload]
    if wanted and not isinstance(value, wanted):
        raise DefinitionError(f"{where}: wanted {annotation.__name__}, got {value!r}.")  # type: ignore[attr-defined]
    is_rows = str(annotation).startswith("tuple")
    if is_rows and not isinstance(value, list | tuple):
        raise DefinitionError(f"{where}: wanted a list, got {value!r}.")
    if str(annotation).startswith("dict") and not isinstance(value, dict):
        raise DefinitionError(f"{where}: wanted a table, got {value!r}.")


def _frozen(value: object) -> object:
    return tuple(_frozen(v) for v in value) if isinstance(value, list) else value
