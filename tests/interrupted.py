"""Jobs that break off at a chosen step: killed there, or told that the disk is full."""

import errno
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

DONE, RAISED, KILLED = 0, 1, 9
_CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "shutil.rmtree"}


def at_step(n: int, job: Callable[[], object], folder: Path, *, kill: bool) -> int:
    """Run a job in a child process that breaks off before its `n`-th change to a file under `folder`; :data:`DONE` if it has fewer."""
    child = os.fork()
    if child == 0:
        _broken(n, job, folder, kill=kill)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _broken(n: int, job: Callable[[], object], folder: Path, *, kill: bool) -> None:
    left = n

    def watch(event: str, arguments: tuple) -> None:
        nonlocal left
        opens = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (
            (opens or event in _CHANGES)
            and str(folder) in str(arguments[0])
            and not str(arguments[0]).endswith(".lock")
        ):
            left -= 1
            if left == 0 and kill:
                os._exit(KILLED)
            if left <= 0 and (opens or event == "os.mkdir"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    sys.addaudithook(watch)
    try:
        job()
    except OSError:
        os._exit(RAISED)
    except BaseException:  # noqa: BLE001 - the child must not run the tests of its parent
        traceback.print_exc()
        os._exit(3)
    os._exit(DONE)
