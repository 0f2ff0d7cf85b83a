"""Which column of a file fills which column of the table; a column nobody has spoken for is refused."""

from dataclasses import dataclass

from riskwarn.errors import DataError, PrivacyError, did_you_mean
from riskwarn.ingest.folding import fold
from riskwarn.ingest.mapping import Mapping
from riskwarn.privacy import denied_header, shown
from riskwarn.schema import table_of

MOST_NAMED = 20
"""Columns that a message names."""
JOINED = "joined:"
"""Before the name of a field made of several columns."""


@dataclass(frozen=True)
class Choice:
    """Columns of one file: by field, those that together name the category, those joined into one, those an id is made from."""

    fields: dict[str, str]
    keys: list[str]
    joined: dict[str, list[str]]
    made_from: list[str]

    @property
    def wanted(self) -> list[str]:
        """Columns of the file that are read."""
        plain = [name for name in self.fields.values() if not name.startswith(JOINED)]
        return list(
            dict.fromkeys(
                [*plain, *self.keys, *self.made_from, *(name for names in self.joined.values() for name in names)]
            )
        )


def choose(mapping: Mapping, header: tuple[str, ...], file: str) -> Choice:
    """Find the mapping's columns in a file's header.

    Raises
    ------
    PrivacyError
        The file has a column of person data that the mapping does not ignore.
    DataError
        A column is missing, or neither mapped nor ignored.
    """
    by_name = {fold(name): name for name in reversed(header)}
    fields = {
        field: next((by_name[fold(alias)] for alias in aliases if fold(alias) in by_name), "")
        for field, aliases in mapping.columns.items()
    }
    joined = {field: [by_name.get(fold(part), "") for part in parts] for field, parts in mapping.joins.items()}
    keys = {key: by_name.get(fold(key), "") for key in mapping.category.keys}
    parts = [part for names in (*mapping.joins.values(), mapping.id.made_from) for part in names]
    wanted = keys | {part: by_name.get(fold(part), "") for part in parts}
    wanted |= {
        " or ".join(mapping.columns[field]): name for field, name in fields.items() if field in _needed(mapping, fields)
    }
    any_known = any(fold(name) in by_name for name in mapping.headers())
    _refuse_absent([name for name, found in wanted.items() if not found], header, file, any_known=any_known)
    if fields.get("recorded_at") == fields.get("occurred_at"):
        fields.pop("recorded_at", None)
    fields = {field: name for field, name in fields.items() if name} | {field: JOINED + field for field in joined}
    made_from = [by_name[fold(part)] for part in mapping.id.made_from]
    choice = Choice(fields, list(keys.values()), joined, made_from)
    if ({"lon", "lonlat", "latlon"} & set(fields)) and not mapping.place.crs:
        raise DataError(
            f"{file}: the rows have points, but the mapping does not say of which kind; add `crs` under [place]: 'EPSG:4326' (GPS), "
            "'EPSG:4490' (CGCS2000), 'GCJ-02' or 'BD-09' (maps for the public in China)."
        )
    spoken = {fold(alias) for aliases in mapping.columns.values() for alias in aliases} if mapping.preset else set()
    left = {
        name: place
        for place, name in enumerate(header, start=1)
        if not (name in choice.wanted or fold(name) in spoken or mapping.ignores(name) or name.startswith("unnamed:"))
    }
    _refuse_left(left, file)
    return choice


def _needed(mapping: Mapping, fields: dict[str, str]) -> set[str]:
    """Fields whose column must be there: what the table requires, and what the mapping names without a choice.

    A category after handling will do where there is none of the first report.
    """
    made = {"event_id"} if mapping.id.made_from else set()
    required = {c.name for c in table_of(mapping.table).columns if c.required} - {"grid_id", *mapping.constants, *made}
    if fields.get("feedback_category"):
        required -= {"category"}
    alone = {field for field, aliases in mapping.columns.items() if len(aliases) == 1}
    return required if mapping.preset else required | alone


def _refuse_absent(absent: list[str], header: tuple[str, ...], file: str, *, any_known: bool) -> None:
    """Say what is missing; a line that may be a row instead of a header is counted, not quoted."""
    if absent:
        names = [name for name in header if shown(name) == repr(name)] if any_known else []
        hints = "".join(did_you_mean(name, names) for name in absent)
        there = (
            f"has: {', '.join(names[:MOST_NAMED])}{', …' if len(names) > MOST_NAMED else ''}"
            if any_known
            else f"has {len(header)} columns, none of them known: is its first line a header?"
        )
        raise DataError(
            f"{file}: column {', '.join(map(shown, absent))} is missing{hints}; the file {there}{'.' if any_known else ''}"
        )


def _refuse_left(left: dict[str, int], file: str) -> None:
    denied = {name: place for name, place in left.items() if denied_header(name)}
    if denied:
        raise PrivacyError(
            f"{file}: column {_named(denied)} may hold person data; take it out of the export, or name it under `ignore` "
            "in the mapping, and it is not read."
        )
    if left:
        raise DataError(
            f"{file}: column {_named(left)} is neither mapped nor ignored; name it under `columns` or `ignore` in the mapping."
        )


def _named(columns: dict[str, int]) -> str:
    """The first columns as a message may name them, and how many more there are."""
    more = f" and {len(columns) - MOST_NAMED:,} more" if len(columns) > MOST_NAMED else ""
    return ", ".join(shown(name, place) for name, place in list(columns.items())[:MOST_NAMED]) + more
