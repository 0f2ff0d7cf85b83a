"""The lock of a store: one writer at a time, whichever thread, process or program it is."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from riskwarn.errors import BusyError


class Lock:
    """A lock file that the operating system frees when its holder ends, however it ends.

    The thread that holds it may take it again; no other thread of the process can, though it has the same object.

    Parameters
    ----------
    path
        The lock file.
    what
        What the folder is, as an error calls it.

    Examples
    --------
    >>> import tempfile
    >>> lock = Lock(Path(tempfile.mkdtemp()) / ".lock")
    >>> with lock.held() as outermost, lock.held() as again:
    ...     outermost, again
    (True, False)
    """

    def __init__(self, path: Path, what: str = "store") -> None:
        self._path, self._what = path, what
        self._process = -1

    @property
    def _file(self) -> filelock.BaseFileLock:
        if self._process != os.getpid():  # what a forked child inherits is its parent's hold, not its own
            self._process = os.getpid()
            # thread_local: the count of holds is that of one thread, and another thread asks the operating system
            self._of_process = filelock.FileLock(self._path, thread_local=True)
        return self._of_process

    @property
    def is_mine(self) -> bool:
        """Whether this thread holds it."""
        return self._file.is_locked

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold it; gives whether this is the outermost hold of the thread.

        A folder that is not there is made. Where nothing lies in it in the end the lock file is gone, and so are the folders that were made.

        Raises
        ------
        BusyError
            Another job holds it.
        """
        folder = self._path.parent
        made = [place for place in (folder, *folder.parents) if not place.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with self._taken() as outermost:
                try:
                    yield outermost
                finally:
                    if outermost:
                        self._leave_nothing()
        finally:
            with suppress(OSError):
                for place in made:
                    place.rmdir()

    @contextmanager
    def _taken(self) -> Iterator[bool]:
        outermost = not self.is_mine
        try:
            self._file.acquire(blocking=False)
        except filelock.Timeout:
            raise BusyError(f"{self._what} {self._path.parent} is held by another job; wait for it to end.") from None
        try:
            yield outermost
        finally:
            self._file.release()

    def _leave_nothing(self) -> None:
        """Take the lock file away while it is held, where it lies alone: afterwards it might be another job's."""
        with suppress(OSError):
            if [place.name for place in self._path.parent.iterdir()] == [self._path.name]:
                self._path.unlink()
