"""Folders that pass with their run: taken away when it ends, and by a later run where it was killed."""

import os
import platform
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import filelock

from riskwarn.errors import DataError

START = "_riskwarn-"
"""Of their names; engines pass over names that begin so."""
_HELD = ".held"
"""Lock file, which the operating system frees when the run ends, however it ends."""
_MACHINE = ".machine"
"""Says on which machine the run is."""
_YOUNG_S = 60
"""Seconds for which a folder may not be held yet by the run that makes it."""


def temporary(what: str) -> Path:
    """A name for a folder of this machine that nobody has.

    Parameters
    ----------
    what
        Will lie there.
    """
    return Path(tempfile.gettempdir()) / f"{START}{what}-{uuid4().hex}"


@contextmanager
def passing(folder: Path) -> Iterator[Path]:
    """A new folder that this user alone may read; what killed runs of this user and machine left beside it is taken away first.

    Parameters
    ----------
    folder
        Where it is made; folders above it that are not there are made, too, and taken away again where nothing else lies in them.

    Yields
    ------
    folder
        Empty but for the lock.

    Raises
    ------
    DataError
        It cannot be made there.
    """
    above = [place for place in folder.parents if not place.exists()]
    sweep(folder.parent)
    try:
        folder.mkdir(parents=True, mode=0o700)
        (folder / _MACHINE).write_text(platform.node(), "utf-8")
    except OSError as error:
        _take_empty(above)
        raise DataError(
            f"{folder.parent} cannot hold the pieces of the work ({_why(folder.parent, error)}); name a folder that you may write to (--work)."
        ) from error
    lock = filelock.FileLock(folder / _HELD)
    with suppress(OSError, NotImplementedError):  # a disk that knows no locks: nothing there is ever known to be dead
        lock.acquire(blocking=False)
    try:
        yield folder
    finally:
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)
        _take_empty(above)


def sweep(place: Path) -> None:
    """Take away what killed runs have left: folders of this user whose run was on this machine and holds them no more.

    Parameters
    ----------
    place
        Where they lie.
    """
    for left in place.glob(f"{START}*"):
        if _is_dead(left):
            shutil.rmtree(left, ignore_errors=True)


def _is_dead(folder: Path) -> bool:
    """Whether it is certain that no run holds a folder; one of another user or machine never is."""
    try:
        seen = folder.lstat()
        mine = stat.S_ISDIR(seen.st_mode) and seen.st_uid == getattr(os, "getuid", lambda: 0)()
        if not mine or time.time() - seen.st_mtime < _YOUNG_S:
            return False
        if not (folder / _HELD).is_file() or (folder / _MACHINE).read_text("utf-8") != platform.node():
            return False
        with filelock.FileLock(folder / _HELD, blocking=False):
            return True
    except (OSError, NotImplementedError):  # no lock file, one that is held, or a disk that knows no locks
        return False


def _take_empty(places: Sequence[Path]) -> None:
    """Take folders away in which nothing lies, the lowest first."""
    with suppress(OSError):
        for place in places:
            place.rmdir()


def _why(place: Path, error: OSError) -> str:
    file = next((part for part in (place, *place.parents) if part.is_file()), None)
    return f"{file} is a file" if file else error.strerror or type(error).__name__
