"""Records from JSON and from databases."""

import json
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from riskwarn.errors import DataError, NotFoundError
from riskwarn.ingest.reading import BATCH_ROWS, Delivery, cell_text, from_cells, open_delivery, sniff_encoding

if TYPE_CHECKING:
    import sqlalchemy as sa

_PEEK_RECORDS = 1000


def open_records(path: Path) -> Delivery:
    """JSON lines, or a file that is one JSON list; each record an object with plain values.

    A key that first appears after a thousand records is refused, since nobody has said what to do with it.
    """
    encoding, digest = sniff_encoding(path)
    with path.open(encoding=encoding) as handle:
        one_list = next((line.lstrip()[0] for line in handle if line.strip()), "") == "["
    read = _listed if one_list else _lined
    header = list(dict.fromkeys(key for record, _ in islice(read(path, encoding), _PEEK_RECORDS) for key in record))
    if not header:
        raise DataError(f"{path}: no record in it; wanted one JSON object a line.")
    known = set(header)

    def cells() -> Iterator[tuple[Sequence[object], str]]:
        for record, fault in read(path, encoding):
            if not fault and (late := [key for key in record if key not in known]):
                raise DataError(f"{path}: key {late[0]!r} appears late in the file; put it into the first record.")
            yield [_plain(record.get(name)) for name in header], fault

    return from_cells(path.name, digest, header, cells)


def _lined(path: Path, encoding: str) -> Iterator[tuple[dict[str, object], str]]:
    with path.open(encoding=encoding) as handle:
        for line in handle:
            if line.strip():
                try:
                    yield _object(json.loads(line))
                except json.JSONDecodeError:
                    yield {}, "the line is not JSON"


def _listed(path: Path, encoding: str) -> Iterator[tuple[dict[str, object], str]]:
    try:
        records = json.loads(path.read_text(encoding))
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: line {error.lineno} is not JSON; export it again, best as JSON lines.") from None
    yield from map(_object, records)


def _object(record: object) -> tuple[dict[str, object], str]:
    return (record, "") if isinstance(record, dict) else ({}, "the record is not a JSON object")


def _plain(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def open_query(url: str, query: str, known: Sequence[str] = ()) -> Delivery:
    """The answer of a database, fetched in pieces in a read-only transaction and kept as a temporary file while it is read.

    Parameters
    ----------
    url
        As SQLAlchemy takes it, for example ``postgresql+psycopg://reader@host/centre``; a password is never repeated.
    query
        A SELECT, from the mapping.
    known
        As for :func:`open_delivery`.

    Raises
    ------
    DataError
        The mapping has no query, or the database refuses it.
    NotFoundError
        The database cannot be reached.
    """
    import sqlalchemy as sa  # noqa: PLC0415

    if not query.strip():
        raise DataError("the mapping has no `query`; say which rows to fetch, for example query = 'SELECT … FROM …'.")
    folder = tempfile.mkdtemp(prefix="riskwarn-")
    try:
        name = sa.make_url(url).render_as_string(hide_password=True)
        _fetch(sa.create_engine(url), query, Path(folder) / "answer.parquet")
    except (sa.exc.SQLAlchemyError, ModuleNotFoundError) as error:
        shutil.rmtree(folder)
        kind = NotFoundError if isinstance(error, sa.exc.OperationalError) else DataError
        said = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise kind(f"database {url.rpartition('@')[2]}: {said}.") from None
    delivery = open_delivery(Path(folder) / "answer.parquet", known)
    answered = replace(delivery, name=name)
    weakref.finalize(answered, shutil.rmtree, folder, ignore_errors=True)
    return answered


def _fetch(engine: "sa.Engine", query: str, target: Path) -> None:
    import sqlalchemy as sa  # noqa: PLC0415

    options = {"stream_results": True, "yield_per": BATCH_ROWS}
    if engine.dialect.name == "postgresql":
        options["postgresql_readonly"] = True
    try:
        with engine.connect() as link:
            connection = link.execution_options(**options)
            answer = connection.execute(sa.text(query))
            schema = pa.schema([(name, pa.string()) for name in answer.keys()])  # noqa: SIM118 a result is no dictionary
            with pq.ParquetWriter(target, schema, compression="zstd") as writer:
                for rows in answer.partitions():
                    columns = [[cell_text(cell) for cell in column] for column in zip(*rows, strict=True)]
                    writer.write_table(pa.table(dict(zip(schema.names, columns, strict=True)), schema=schema))
    finally:
        engine.dispose()
