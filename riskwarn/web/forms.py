"""The forms an answer can have: JSON, GeoJSON, CSV that no spreadsheet takes for formulas, Parquet and Arrow."""

from collections.abc import Mapping
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
from fastapi import Request

from riskwarn.exporting import defused
from riskwarn.web.problems import not_acceptable

Form = Literal["json", "geojson", "csv", "parquet", "arrow"]
MEDIA: Mapping[Form, str] = {
    "json": "application/json",
    "geojson": "application/geo+json",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
}
FILES: tuple[Form, ...] = ("csv", "parquet", "arrow")
"""Forms of a whole table, to be kept as a file."""
_RANGES = {"*/*": "json", "application/*": "json", "text/*": "csv"}
_BY_TYPE: Mapping[str, Form] = {media.partition(";")[0]: form for form, media in MEDIA.items()}


def form_of(request: Request, asked: Form | None) -> Form:
    """The form an answer is to have: the one named in the address, else the one ``Accept`` likes best.

    Parameters
    ----------
    request
        With or without a header ``Accept``.
    asked
        What the address names.

    Returns
    -------
    form
        JSON where nothing is said.

    Raises
    ------
    Problem
        406 where only unknown forms are accepted; it names those there are.
    """
    accepted = request.headers.get("accept", "*/*")
    if asked is not None or accepted in {"*/*", "application/json"}:
        return asked or "json"
    for name in _by_liking(accepted):
        form = _BY_TYPE.get(name) or _RANGES.get(name)
        if form is not None:
            return form  # type: ignore[return-value]
    raise not_acceptable(list(_BY_TYPE))


def _by_liking(accepted: str) -> list[str]:
    """Media types of a header ``Accept``, the best liked first; those with a weight of 0 are left out."""
    liked = []
    for part in accepted.split(",")[:20]:
        name, *parameters = (word.strip().lower() for word in part.split(";"))
        weight = next((word[2:] for word in parameters if word.startswith("q=")), "1")
        liked.append(
            (
                float(weight) if weight.replace(".", "", 1).isascii() and weight.replace(".", "", 1).isdigit() else 0.0,
                name,
            )
        )
    return [name for weight, name in sorted(liked, key=lambda pair: -pair[0]) if weight > 0]


def wide(table: pa.Table) -> pa.Table:
    """A table in the plain types that every answer of its kind has, however it is held.

    Parameters
    ----------
    table
        Compact or not.

    Returns
    -------
    table
        Words as text, whole numbers of eight bytes, measures of eight.
    """
    return pa.table({name: _wide(table[name]) for name in table.column_names})


def _wide(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type) or pa.types.is_null(column.type):
        return column.cast(pa.string())
    if pa.types.is_integer(column.type):
        return column.cast(pa.int64())
    return column.cast(pa.float64()) if pa.types.is_floating(column.type) else column


def written(table: pa.Table, form: Form, said: Mapping[str, str]) -> bytes:
    """A table as a file.

    Parameters
    ----------
    table
        Plain types.
    form
        ``csv``, ``parquet`` or ``arrow``.
    said
        What Parquet and Arrow carry of the night in their schema.

    Returns
    -------
    content
        CSV in UTF-8 with a byte-order mark, lines ended as RFC 4180 has it.
    """
    if form == "csv":
        return _csv(table)
    told = table.replace_schema_metadata({**said})
    sink = pa.BufferOutputStream()
    if form == "parquet":
        pq.write_table(told, sink, compression="zstd")
    else:
        with pa.ipc.new_stream(sink, told.schema) as stream:
            stream.write_table(told)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _csv(table: pa.Table) -> bytes:
    frame = table.to_pandas()
    words = [field.name for field in table.schema if pa.types.is_string(field.type)]
    safe = frame.assign(**{name: frame[name].map(defused, na_action="ignore") for name in words})
    text: str = safe.to_csv(index=False, lineterminator="\r\n")
    return text.encode("utf-8-sig")
