"""A first mapping for a file nobody has mapped yet: proposed from its header and values, with confidence, for a person to review."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import islice
from pathlib import Path

import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError, DefinitionError
from riskwarn.ingest.categorising import candidates
from riskwarn.ingest.clock import read_times
from riskwarn.ingest.delivery import Delivery
from riskwarn.ingest.folding import cleaned, fold, folded
from riskwarn.ingest.mapping import Mapping, mapping_of, preset, preset_names, vocabulary
from riskwarn.ingest.reading import open_delivery
from riskwarn.privacy import TEXT_LENGTH, ColumnWatch, denied_header, findings

SAMPLE_ROWS = 2000
"""Rows looked at."""
MOST_COLUMNS = 500
"""Columns a proposal is made for; more are measurements, not a ledger."""
LIKE = 0.72
"""Likeness (ratio of matching letters) from which a header is taken for a known one."""
_CERTAIN, _BY_VALUES = 1.0, 0.5


@dataclass(frozen=True)
class Guess:
    """A proposed mapping.

    `columns` has one line a column of the file: `column`, `field` (what it fills; "ignored", "person data" or "?" where it fills
    nothing), `confidence` in [0, 1] and `why`. `confidence` of the whole is that of its weakest required column, 0 where one is missing.
    """

    preset: str
    columns: pd.DataFrame
    confidence: float
    toml: str

    def mapping(self) -> Mapping:
        """The proposal as a mapping, as if it had been written and read."""
        import tomllib  # noqa: PLC0415

        return mapping_of(tomllib.loads(self.toml))

    def write(self, path: str | Path) -> Path:
        """Write the proposal for review; an existing file is not touched.

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
        return head + "\n" + self.columns.to_string(index=False)


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

    Raises
    ------
    DataError
        The file cannot be read.
    """
    delivery = open_delivery(path, _all_aliases())
    sample = _sample(delivery)
    header = [
        name for name in delivery.header if not name.startswith("unnamed:") or sample[name].fillna("").ne("").any()
    ]
    if len(header) > MOST_COLUMNS:
        raise DataError(f"{path}: {len(header):,} columns; a proposal is made for {MOST_COLUMNS:,} at most.")
    scored = [(_match(name, header, sample), name) for name in preset_names()]
    columns, chosen = max(scored, key=lambda pair: (_fit(*pair), pair[1]))
    confidence = _confidence(columns, chosen)
    return Guess(chosen, columns, confidence, _as_toml(chosen, columns, timezone, crs))


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


def _match(name: str, header: Sequence[str], sample: pd.DataFrame) -> pd.DataFrame:
    """One line a column of the file, for one preset."""
    aliases, base = _aliases(name), mapping_of({"preset": name, "timezone": "UTC"})
    free = {field: [fold(alias) for alias in known] for field, known in aliases.items()}
    lines = dict.fromkeys(header, ("?", 0.0, "nothing known is like it"))
    for field, known in free.items():
        exact = next((c for alias in known for c in header if fold(c) == alias and lines[c][0] == "?"), None)
        if exact is not None:
            lines[exact] = (field, _CERTAIN, "a known header")
    for column in header:
        if lines[column][0] == "?":
            lines[column] = _by_likeness(column, free, {line[0] for line in lines.values()}) or _other(
                column, sample, base
            )
    _by_values(lines, sample, base)
    rows = [(column, *line) for column, line in lines.items()]
    return pd.DataFrame(rows, columns=["column", "field", "confidence", "why"])


def _by_likeness(column: str, aliases: dict[str, list[str]], taken: set[str]) -> tuple[str, float, str] | None:
    likeness = [
        (SequenceMatcher(None, fold(column), alias).ratio(), field, alias)
        for field, known in aliases.items() if field not in taken for alias in known
    ]  # fmt: skip
    best = max(likeness, default=(0.0, "", ""))
    if best[0] < LIKE or denied_header(column):
        return None
    return best[1], round(best[0] * 0.9, 2), f"like {best[2]}"


def _other(column: str, sample: pd.DataFrame, base: Mapping) -> tuple[str, float, str]:
    values = cleaned(sample[column])
    watch = ColumnWatch()
    watch.see(values, findings(values))
    if denied_header(column) or watch.verdict() or watch.n_found:
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


def _looks_like(values: pd.Series, base: Mapping) -> str:
    texts = cleaned(values).dropna()
    if len(texts) < 3:
        return ""
    known = vocabulary(base.category.vocabulary)
    if (
        known
        and texts.map(lambda t: any(c in known for c in candidates(fold(t), base.category.separator))).mean() > 0.5
    ):
        return "category"
    at, bad = read_times(values.loc[texts.index], "UTC")
    if not bad.any() and at.notna().all() and texts.str.len().min() > 5 and not texts.str.fullmatch(r"\d{9,13}").any():
        return next(
            (
                c
                for c in ("occurred_at", "started_at", "at", "sent_at", "arrived_at", "valid_from")
                if c in base.columns
            ),
            "",
        )
    identifier = next((c for c in ("event_id", "visit_id", "call_id", "case_id") if c in base.columns), "")
    return identifier if texts.is_unique and texts.str.contains(r"\d").all() and texts.str.len().max() < 40 else ""


def _required(name: str) -> set[str]:
    from riskwarn.schema import table_of  # noqa: PLC0415

    base = mapping_of({"preset": name, "timezone": "UTC"})
    required = {c.name for c in table_of(base.table).columns if c.required} - {
        "grid_id",
        "source",
        "known_at",
        *base.constants,
    }
    return required | ({"grid_id"} if base.table in {"grids", "visits"} else set())


def _fit(columns: pd.DataFrame, name: str) -> float:
    found = columns[columns["field"].isin(_aliases(name))]
    lacking = _required(name) - set(found["field"])
    return float(found["confidence"].sum()) - len(lacking)


def _confidence(columns: pd.DataFrame, name: str) -> float:
    by_field = columns.set_index("field")["confidence"]
    return float(min((by_field.get(field, 0.0) for field in _required(name)), default=0.0))


def _as_toml(name: str, columns: pd.DataFrame, timezone: str, crs: str) -> str:
    chinese = columns["column"].str.contains("[\u4e00-\u9fff]").any()
    zone = timezone or ("Asia/Shanghai" if chinese else "")
    ignored = columns[
        columns["field"].isin(["ignored", "person data", "?"]) & ~columns["column"].str.startswith("unnamed:")
    ]
    fields = columns[columns["field"].isin(_aliases(name))]
    lines = [
        "# Proposed from the file's header and values: read every line before use.",
        f'preset = "{name}"',
        f'timezone = "{zone}"' + ("" if zone else "  # which clock? for example Asia/Shanghai"),
        "ignore = [",
        *(f"    {_quoted(row.column)},  # {row.field}: {row.why}" for row in ignored.itertuples()),
        "]", "", "[columns]",
        *(f"{row.field} = {_quoted(row.column)}  # {row.confidence:.2f}, {row.why}" for row in fields.itertuples()),
    ]  # fmt: skip
    if {"lon", "lonlat"} & set(fields["field"]):
        lines += ["", "[place]", f'crs = "{crs}"' + ("" if crs else "  # EPSG:4326, EPSG:4490, GCJ-02 or BD-09?")]
    return "\n".join(lines) + "\n"


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unknown_categories(path: str | Path, mapping: Mapping) -> pd.Series:
    """Categories of a file's first rows that the mapping's crosswalk does not know, with how often each stands there."""
    delivery = open_delivery(path, mapping.headers(), mapping.stated)
    sample = _sample(delivery)
    names = [fold(alias) for alias in mapping.category.keys or mapping.columns.get("category", ())]
    column = next((c for c in delivery.header if fold(c) in names), None)
    if column is None:
        return pd.Series(dtype="int64")
    known = set(mapping.crosswalk().iloc[:, 0])
    values = folded(sample[column]).dropna()
    lost = values[~values.map(lambda v: any(c in known for c in candidates(v, mapping.category.separator)))]
    return lost.value_counts()
