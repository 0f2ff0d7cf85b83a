"""Places in object stores, used as paths are: ``s3://bucket/panel`` and whatever else pyarrow or fsspec has a file system for.

What is written there is whole or not there: an object appears when all of it has come, so nothing is renamed, and what belongs together
is finished by a marker that is written last.
"""

import io
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import unquote
from uuid import uuid4

import pyarrow as pa
from pyarrow import fs

from riskwarn.errors import DefinitionError, UnreachableError

_SCHEME = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):/(/?)(?=[^/])")
"""Two letters and more: one is a drive. A path has lost one of the two strokes."""
_LOST_STROKE = re.compile(r"((?:^|=)[A-Za-z][A-Za-z0-9+.-]+:/)(?=[^/])")
"""Of the address, and of one within it: ``endpoint_override=http:/store:9000``."""
_SIGNED_IN = re.compile(r"(?<=://).*@", re.DOTALL)
"""Key and secret, up to the last sign that ends them: a secret may hold strokes that were not written as %2F."""
_OF_PYARROW = frozenset({"s3", "gs", "gcs", "abfs", "abfss", "hdfs", "viewfs"})
_WAIT_S = 10
"""Seconds for which a server of S3 may say nothing."""
_TRIES = 3
"""Times that one is asked before it is said not to answer."""
_READ_BYTES = 1 << 20
"""Read at once at the least: each reading is a request."""


@dataclass(frozen=True)
class Remote:
    """A place in an object store.

    Parameters
    ----------
    files
        The file system; it is sent to workers, with what it was told to sign in.
    path
        Within it, without the scheme.

    Examples
    --------
    >>> place = Remote(fs.LocalFileSystem(), "bucket/panel") / "as_of=2025-03-03" / "block-0007.parquet"
    >>> place.name, place.stem, place.parent.name
    ('block-0007.parquet', 'block-0007', 'as_of=2025-03-03')
    """

    files: fs.FileSystem
    path: str

    def __truediv__(self, name: str) -> "Remote":
        """A place within it."""
        return Remote(self.files, f"{self.path.rstrip('/')}/{name}")

    def __str__(self) -> str:
        """As it is told in messages: without what was told to sign in."""
        return f"{self.files.type_name}://{self.path}"

    @property
    def name(self) -> str:
        """Its last part."""
        return PurePosixPath(self.path).name

    @property
    def stem(self) -> str:
        """Its last part without the ending."""
        return PurePosixPath(self.path).stem

    @property
    def parent(self) -> "Remote":
        """The place it lies in."""
        return Remote(self.files, str(PurePosixPath(self.path).parent))

    def exists(self) -> bool:
        """Whether an object is there."""
        with _reached(self):
            return bool(self.files.get_file_info(self.path).type == fs.FileType.File)

    def open(self, mode: str = "rb") -> Any:
        """The object, to be read from any point; `mode` is that of a path, and only reads.

        Raises
        ------
        FileNotFoundError
            It is not there.
        """
        del mode
        with _reached(self):
            return io.BufferedReader(_Reading(self, self.files.open_input_file(self.path)), _READ_BYTES)

    def read_text(self, encoding: str = "utf-8") -> str:
        """What the object says."""
        with self.open() as file:
            return str(file.read().decode(encoding))

    def glob(self, pattern: str) -> Iterator["Remote"]:
        """The objects whose path from here fits a pattern, part by part, sorted."""
        with _reached(self):
            found = self.files.get_file_info(fs.FileSelector(self.path, recursive=True, allow_not_found=True))
        parts = pattern.split("/")
        for path in sorted(info.path for info in found if info.type == fs.FileType.File):
            own = PurePosixPath(path).parts[len(PurePosixPath(self.path).parts) :]
            if len(own) == len(parts) and all(map(fnmatchcase, own, parts)):
                yield Remote(self.files, path)

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Take the object away."""
        if missing_ok and not self.exists():
            return
        with _reached(self):
            self.files.delete_file(self.path)

    def mkdir(self, *, parents: bool = True, exist_ok: bool = True) -> None:
        """Nothing: objects need no folder; file systems that do are told by :func:`put`."""
        del parents, exist_ok

    def put(self, content: bytes) -> None:
        """Write the object in one go, whole."""
        with _reached(self):
            if self.files.type_name in {"local", "subtree", "mock"}:
                self.files.create_dir(self.parent.path, recursive=True)
            with self.files.open_output_stream(self.path) as stream:
                stream.write(content)


class _Reading(io.RawIOBase):
    """An object that is being read: a store that stops to answer is told in a sentence, not taken for a file that is damaged."""

    def __init__(self, place: Remote, file: pa.NativeFile) -> None:
        self._place = place
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _reached(self._place):
            return int(self._file.readinto(buffer))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        self._file.close()
        super().close()


Folder = Path | Remote


def is_address(place: "str | Path") -> bool:
    """Whether a place is told with a scheme.

    Examples
    --------
    >>> is_address("s3://bucket/panel"), is_address(Path("s3://bucket/panel")), is_address("C:/panel")
    (True, True, False)
    """
    return _SCHEME.match(str(place)) is not None


def unsigned(place: "str | Path | Remote") -> str:
    """A place as messages tell it: of an address neither what was told to sign in nor what follows the place.

    Examples
    --------
    >>> unsigned("s3://key:se/cret@bucket/panel?scheme=http")
    's3://bucket/panel'
    """
    text = str(place)
    return _SIGNED_IN.sub("", _strokes(text)).partition("?")[0] if _SCHEME.match(text) else text


def _strokes(address: str) -> str:
    """An address with both strokes, of which a path has lost one."""
    return _LOST_STROKE.sub(r"\1/", address)


def folder_of(place: "str | Path | Remote") -> Folder:
    """The folder that is meant: of this machine, or of an object store where it is told with a scheme.

    Parameters
    ----------
    place
        A path, or ``s3://bucket/panel``.

    Returns
    -------
    folder
        A path that is whole, or a place in an object store.

    Raises
    ------
    DefinitionError
        No such kind of store is known here, or the address cannot be read.
    UnreachableError
        The store does not say where it is.

    Examples
    --------
    >>> folder_of("nothing://panel")
    Traceback (most recent call last):
        ...
    riskwarn.errors.DefinitionError: nothing://panel: no file system is known for 'nothing'; ...
    """
    if isinstance(place, Remote):
        return place
    text = str(place)
    scheme = _SCHEME.match(text)
    if text.startswith("file:/"):
        return Path("/" + unquote(text.removeprefix("file:")).lstrip("/")).resolve()
    if scheme is None:
        return Path(place).resolve()
    uri = _strokes(text)
    try:
        files, path = fs.FileSystem.from_uri(uri)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        if scheme[1] in _OF_PYARROW and isinstance(error, pa.ArrowInvalid):
            raise DefinitionError(_unreadable(uri, error)) from None
        files, path = _by_fsspec(uri, scheme[1])
    except OSError as error:
        raise UnreachableError(f"{unsigned(uri)} cannot be reached: {error}.") from None
    return Remote(_patient(files), path)


def _unreadable(uri: str, error: pa.ArrowInvalid) -> str:
    """What is wrong with an address, of which pyarrow shows all."""
    said = str(error).partition("\n")[0]
    why = said.replace(uri, unsigned(uri)).rstrip(".")
    signed = _SIGNED_IN.search(uri)
    if signed and any(part in why for part in re.split("[:/@]", signed[0]) if part):
        why = type(error).__name__
    return (
        f"{unsigned(uri)}: the address cannot be read ({why}); wanted s3://bucket/panel, after it ?region=… or ?scheme=http&endpoint_override=host:port. "
        "In a secret before @ write / as %2F, or leave it to AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
    )


def _patient(files: fs.FileSystem) -> fs.FileSystem:
    """The same; one of S3 that says within a minute that nobody answers, and sends what is small in one request instead of three."""
    if files.type_name != "s3":
        return files
    _, (told,) = files.__reduce__()
    ours = {"connect_timeout": _WAIT_S, "request_timeout": _WAIT_S, "allow_delayed_open": True}
    return fs.S3FileSystem(**told | ours, retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_TRIES))


def _by_fsspec(uri: str, scheme: str) -> tuple[fs.FileSystem, str]:
    try:
        import fsspec  # noqa: PLC0415 - a guest that comes with Dask

        files, path = fsspec.core.url_to_fs(uri)
    except (ImportError, ValueError) as error:
        raise DefinitionError(
            f"{unsigned(uri)}: no file system is known for {scheme!r}; pyarrow knows s3, gs, abfs, hdfs and file, fsspec more where it is installed."
        ) from error
    return fs.PyFileSystem(fs.FSSpecHandler(files)), path


def put(target: Folder, write: Callable[[BinaryIO], object]) -> None:
    """Have a file written, whole or not at all: beside its place and renamed, or as one object.

    Parameters
    ----------
    target
        The file.
    write
        Writes its content.
    """
    if isinstance(target, Remote):
        content = io.BytesIO()
        write(content)
        target.put(content.getvalue())
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.stem}.{uuid4().hex}.partial")
    try:
        with partial.open("wb") as file:
            write(file)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def cleared(folder: Folder) -> None:
    """Take a folder away with all that is in it, if it is there."""
    if isinstance(folder, Path):
        shutil.rmtree(folder, ignore_errors=True)
        return
    with _reached(folder):
        if folder.files.get_file_info(folder.path).type == fs.FileType.Directory:
            folder.files.delete_dir(folder.path)


@contextmanager
def _reached(place: Remote) -> Iterator[None]:
    """Within it, a store that does not answer is told in a sentence."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException) as error:
        said = str(error).partition("\n")[0]
        raise UnreachableError(f"{place} cannot be read or written: {said}") from error
