"""Backup and restore: a store as one file, taken under its lock, with the digest of every file in it."""

import errno
import hashlib
import json
import lzma
import os
import shutil
import sqlite3
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from riskwarn.calling import checked
from riskwarn.errors import DataError, NotFoundError
from riskwarn.store.store import Store

KEYS = (".key", "place.key")
"""What signs models and hashes places: in a backup only where it is asked for."""
MOST_FILES = 1_000_000
MOST_TIMES, SMALL_BYTES = 300, 16 << 20
"""How many times as large as the file its content may be, where that is more than a little; tables, which are packed already, give about one."""
_MANIFEST = "MANIFEST.json"
_LARGEST_MANIFEST = 256 << 20
_CHUNK = 1 << 20
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    ValueError,
    KeyError,
    TypeError,
    OSError,
    EOFError,
    RuntimeError,
)
"""What reading a damaged zip file may raise; one changed bit may also call a part encrypted (RuntimeError)."""
_OF_THE_FILE = frozenset(
    {None, errno.EINVAL, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EILSEQ}
)
"""Faults of the system that a backup may bring about: a place before the file, names that are no names here or in each other's way."""


class _UnfitError(ValueError):
    """What a backup is, so that it is not unpacked."""


@dataclass(frozen=True)
class Backup:
    """What a backup holds: its files, their bytes, and which keys are in it."""

    n_files: int
    n_bytes: int
    keys: tuple[str, ...]


@checked
def back_up(store: Store, target: str | Path, *, with_keys: bool = False) -> Backup:
    """Write a store into one zip file, all of it of one moment.

    Parameters
    ----------
    store
        The city; no other job can write meanwhile.
    target
        The file; an older one in its place stays until the new one is whole.
    with_keys
        Put the keys in too; then whoever has the file can sign models and undo the hashing of places.

    Returns
    -------
    backup
        What is in it.

    Raises
    ------
    NotFoundError
        There is no store.
    DataError
        The file lies in the store, or its folder is none.
    BusyError
        Another job holds the store.
    """
    target = Path(target)
    if store.is_new:
        raise NotFoundError(f"there is no store in {store.path}; check the path.")
    if store.path.resolve() in target.resolve().parents or not target.resolve().parent.is_dir():
        raise DataError(f"{target}: name a file in a folder that is there, outside the store.")
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with store.lock(), zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
            sums = {name: _put(made, place, name) for name, place in _files(store.path, with_keys=with_keys)}
            made.writestr(_MANIFEST, json.dumps({"format": store.format, "sha256": sums}, indent=0))
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return _what(target, sums)


@checked
def restore(source: str | Path, folder: str | Path) -> Backup:
    """Make a store of a backup: every file is checked first, then the folder is there at once.

    Parameters
    ----------
    source
        What :func:`back_up` wrote.
    folder
        Of the new store; it must not be there, or be empty.

    Returns
    -------
    backup
        What was in it.

    Raises
    ------
    NotFoundError
        There is no such file.
    DataError
        The file is damaged or no backup, a name in it leads out of the folder or is a link, its content is far larger than a store's
        would be or than the disk has room for, or the folder holds something. Nothing is made then.
    """
    source, folder = Path(source), Path(folder)
    if not source.is_file():
        raise NotFoundError(f"there is no backup {source}; check the path.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} holds something; restore into a folder that is not there.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent))
    try:
        sums = _unpacked(source, partial)
        Store(partial)  # a store this version can read
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno not in _OF_THE_FILE:
            raise
        why = str(error) if isinstance(error, _UnfitError) else type(error).__name__
        raise DataError(f"{source} is damaged or no backup ({why}); take an older one.") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return _what(source, sums)


def _what(file: Path, sums: dict[str, str]) -> Backup:
    return Backup(len(sums), file.stat().st_size, tuple(key for key in KEYS if key in sums))


def _files(root: Path, *, with_keys: bool) -> Iterator[tuple[str, Path]]:
    """Name and place of each file that belongs to a store; not what a job holds or has left half done."""
    for place in sorted(root.rglob("*")):
        name = place.relative_to(root).as_posix()
        passing = name.split("/")[0] == ".staged" or ".partial" in name or name.endswith((".lock", "-wal", "-shm"))
        if place.is_file() and not passing and (with_keys or name not in KEYS):
            yield name, place


def _put(made: zipfile.ZipFile, place: Path, name: str) -> str:
    """Put a file in, a database as it stands between two of its transactions; its digest."""
    if place.suffix != ".db":
        return _copied(made, place, name)
    with tempfile.TemporaryDirectory() as beside:
        copy = Path(beside) / place.name
        with closing(sqlite3.connect(place)) as live, closing(sqlite3.connect(copy)) as still:
            live.backup(still)
        return _copied(made, copy, name)


def _copied(made: zipfile.ZipFile, place: Path, name: str) -> str:
    digest = hashlib.sha256()
    with place.open("rb") as file, made.open(zipfile.ZipInfo(name), "w", force_zip64=True) as part:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            part.write(chunk)
    return digest.hexdigest()


def _unpacked(source: Path, target: Path) -> dict[str, str]:
    """Unpack a backup and hold every file to its digest; gives the digests."""
    with zipfile.ZipFile(source) as held:
        _check_bounds(held.infolist(), source.stat().st_size, shutil.disk_usage(target).free)
        sums: dict[str, str] = json.loads(held.read(_MANIFEST))["sha256"]
        if not isinstance(sums, dict):
            raise _UnfitError("a manifest that is none")
        if sorted(held.namelist()) != sorted([*sums, _MANIFEST]):
            raise _UnfitError("files and manifest differ")
        for name in sums:
            _check_name(name)
        for name, wanted in sums.items():
            place = target / name
            place.parent.mkdir(parents=True, exist_ok=True)
            digest = hashlib.sha256()
            with held.open(name) as part, place.open("wb") as file:
                while chunk := part.read(_CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
            if digest.hexdigest() != wanted:
                raise _UnfitError("a file is not as it was")
            if name in KEYS:
                place.chmod(0o600)
    return sums


def _check_bounds(members: list[zipfile.ZipInfo], n_bytes: int, free: int) -> None:
    """Refuse what is no store's before any of it is unpacked; no member gives more than the size it says."""
    unpacked = sum(member.file_size for member in members)
    if len(members) > MOST_FILES:
        raise _UnfitError(f"{len(members):,} files, at most {MOST_FILES:,}")
    if any(stat.S_ISLNK(member.external_attr >> 16) for member in members):
        raise _UnfitError("a link in it")
    if unpacked > max(MOST_TIMES * n_bytes, SMALL_BYTES):
        raise _UnfitError(f"it would be {unpacked / max(n_bytes, 1):,.0f} times as large, at most {MOST_TIMES}")
    if any(member.filename == _MANIFEST and member.file_size > _LARGEST_MANIFEST for member in members):
        raise _UnfitError("a manifest that is none")
    if unpacked > free:
        raise DataError(f"the backup needs {unpacked / 1e9:,.1f} GB, and {free / 1e9:,.1f} are free; make room first.")


def _check_name(name: str) -> None:
    """Refuse a name that leads out of the folder on any system, or that has another spelling."""
    plain, windows = PurePosixPath(name), PureWindowsPath(name)
    if plain.is_absolute() or windows.drive or "\\" in name or ".." in plain.parts or plain.as_posix() != name:
        raise _UnfitError("a name out of the folder")
