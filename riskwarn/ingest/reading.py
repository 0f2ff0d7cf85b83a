"""Files as they come: told apart by content, unpacked, opened; whatever goes wrong inside is said as an error of the file.

::

    open_delivery ┬ .zip .gz ─ the file within
                  ├ .csv .txt .tsv ─ text ┬ encoding
                  ├ .xlsx .xls ─ sheets   │
                  ├ .json .geojson ─ records
                  ├ .parquet ─ columnar
                  └ .shp .gpkg ─ areas

A reader gives text as it stands; what it means is for the mapping to say.
"""

import gzip
import shutil
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from riskwarn.errors import DataError, NotFoundError, RiskwarnError
from riskwarn.ingest.columnar import open_parquet
from riskwarn.ingest.delivery import Delivery, Piece, Stated, file_digest
from riskwarn.ingest.records import open_records
from riskwarn.ingest.shapes import open_shapes
from riskwarn.ingest.sheets import open_workbook
from riskwarn.ingest.text import open_text
from riskwarn.privacy import names_masked, shown, shown_path

_Opener = Callable[[Path, Sequence[str], Stated], Delivery]
_OPENERS: dict[str, _Opener] = {
    **dict.fromkeys((".csv", ".txt", ".tsv"), open_text),
    **dict.fromkeys((".parquet", ".pq"), open_parquet),
    **dict.fromkeys((".gpkg", ".shp"), open_shapes),
    **dict.fromkeys((".xlsx", ".xlsm", ".xls"), open_workbook),
    **dict.fromkeys((".json", ".jsonl", ".ndjson", ".geojson"), open_records),
}
_NOTHING = Stated()
_PACKED = (".zip", ".gz")
ENDINGS = frozenset((*_OPENERS, *_PACKED))
"""Endings of files that are read."""
_MAGIC = (
    (b"\xd0\xcf\x11\xe0", ".xls"),
    (b"PAR1", ".parquet"),
    (b"\x1f\x8b", ".gz"),
    (b"SQLite format 3\0", ".gpkg"),
)
"""How files begin that are what they are, whatever their name says."""
_UNPACKED_BYTES = 64 << 30
"""Bytes a packed file may grow to."""


def open_delivery(path: str | Path, known: Sequence[str] = (), stated: Stated = _NOTHING) -> Delivery:
    r"""Open a file of any kind that is read.

    Parameters
    ----------
    path
        CSV (any usual encoding and delimiter), ``.xlsx`` or ``.xls``, Parquet, JSON, GeoJSON, Shapefile or GeoPackage; or one of these
        packed as ``.zip`` or ``.gz``. A name that does not fit the content gives way to the content.
    known
        Names of columns that may be expected; they help to find the header below title lines.
    stated
        What the mapping says of the file: its encoding, its coordinates.

    Returns
    -------
    delivery
        Reads nothing but the head of the file until its rows are asked for.

    Raises
    ------
    NotFoundError
        There is no such file.
    DataError
        The file is empty, damaged, or of a kind that is not read.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "calls.csv"
    >>> _ = file.write_text("id|at\n1|2025-01-08\n", "utf-8")
    >>> open_delivery(file).header
    ('id', 'at')
    """
    path = Path(path)
    with names_masked(path):
        return _open(path, known, stated)


def _open(path: Path, known: Sequence[str], stated: Stated) -> Delivery:
    if path.is_dir():
        raise NotFoundError(f"{path} is a folder, not a file; bring in the files within.")
    if not path.is_file():
        raise NotFoundError(f"file {path} does not exist.")
    if path.suffix.lower() not in ENDINGS:
        raise DataError(
            f"{path}: files ending in {shown(path.suffix)} are not read; known endings: {', '.join(sorted(ENDINGS))}."
        )
    if not path.stat().st_size:
        raise DataError(f"{path}: the file is empty; an export without events still has a header.")
    kind = _kind(path)
    if kind in _PACKED:
        return _open_packed(path, kind, known, stated)
    try:
        delivery = _OPENERS[kind](path, known, stated)
    except RiskwarnError:
        raise
    except Exception as error:  # noqa: BLE001 libraries raise many kinds on a damaged file
        raise _damaged(path, error) from None
    return replace(delivery, read=_guarded(path, delivery.read))


def _kind(path: Path) -> str:
    """The ending that fits the content; the file's own where the content does not tell."""
    with path.open("rb") as handle:
        head = handle.read(16)
    if head.startswith(b"PK\x03\x04"):
        return ".xlsx" if _is_workbook(path) else ".zip"
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), path.suffix.lower())


def _is_workbook(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as packed:
            return any(name.startswith("xl/") for name in packed.namelist())
    except zipfile.BadZipFile:
        return path.suffix.lower() != ".zip"


def _guarded(
    path: Path, read: Callable[[Sequence[str]], Iterator[Piece]]
) -> Callable[[Sequence[str]], Iterator[Piece]]:
    """`read`, with what a library raises on a damaged file said as an error of the file."""

    def pieces(columns: Sequence[str]) -> Iterator[Piece]:
        with names_masked(path):
            try:
                yield from read(columns)
            except RiskwarnError:
                raise
            except Exception as error:  # noqa: BLE001 libraries raise many kinds on a damaged file
                raise _damaged(path, error) from None

    return pieces


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        f"{path}: damaged, or not what its name says ({type(error).__name__}); export it again and send it whole."
    )


# -- packed files -----------------------------------------------------------------------------------------------------


def _open_packed(path: Path, kind: str, known: Sequence[str], stated: Stated) -> Delivery:
    folder = Path(tempfile.mkdtemp(prefix="riskwarn-"))
    try:
        inner = _unzipped(path, folder) if kind == ".zip" else _ungzipped(path, folder)
        delivery = open_delivery(inner, known, stated)
    except RiskwarnError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise type(error)(str(error).replace(f"{folder}/", f"{path}: ")) from None
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise DataError(
            f"{path}: cannot be unpacked ({type(error).__name__}: damaged, cut or locked by a password); send the file within as it is."
        ) from None
    delivery = replace(delivery, name=path.name, digest=file_digest(path))
    weakref.finalize(delivery.read, shutil.rmtree, folder, ignore_errors=True)
    return delivery


def _unzipped(path: Path, folder: Path) -> Path:
    with zipfile.ZipFile(path) as packed:
        members = [m for m in packed.infolist() if not m.is_dir() and not Path(m.filename).name.startswith(("~", "."))]
        readable = [m for m in members if Path(m.filename).suffix.lower() in ENDINGS]
        if len(readable) != 1:
            names = ", ".join(shown_path(m.filename) for m in (readable or members)[:5]) or "nothing"
            raise DataError(
                f"{path}: wanted one file to read within, found {len(readable)} ({names}); unpack it and bring in the folder."
            )
        if sum(m.file_size for m in members) > _UNPACKED_BYTES:
            raise DataError(f"{path}: grows to more than {_UNPACKED_BYTES >> 30} GB; send it in parts.")
        stem = Path(readable[0].filename).stem
        for member in members:
            inner = Path(member.filename)
            if member is readable[0] or inner.name.startswith(f"{stem}."):
                with packed.open(member) as source, (folder / inner.name).open("wb") as target:
                    shutil.copyfileobj(source, target)
        return folder / Path(readable[0].filename).name


def _ungzipped(path: Path, folder: Path) -> Path:
    name = path.stem if Path(path.stem).suffix.lower() in ENDINGS else f"{path.stem}.csv"
    with gzip.open(path) as source, (folder / name).open("wb") as target:
        while block := source.read(1 << 20):
            target.write(block)
            if target.tell() > _UNPACKED_BYTES:
                raise DataError(f"{path}: grows to more than {_UNPACKED_BYTES >> 30} GB; send it in parts.")
    return folder / name
