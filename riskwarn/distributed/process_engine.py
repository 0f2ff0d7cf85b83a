"""The work in processes of this machine."""

import multiprocessing
import os
import pickle
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from riskwarn.distributed.passing import passing, temporary
from riskwarn.distributed.task import Answers, Running, Work, answered
from riskwarn.errors import EngineError

_PRELOADED = ["riskwarn.distributed.panel", "riskwarn.distributed.scores", "riskwarn.distributed.nightly"]


@contextmanager
def started(address: str, jobs: int) -> Iterator[Running]:
    """Some processes, ready to work; what their blocks share they read from a file that only this user may read, once each.

    Parameters
    ----------
    address
        Without meaning here.
    jobs
        How many.

    Yields
    ------
    running
        As of :meth:`riskwarn.distributed.Engine.started`.
    """
    del address
    with (
        passing(temporary("shared")) as folder,
        ProcessPoolExecutor(jobs, _context(), _ends_with_its_run) as pool,
    ):
        n_sent = iter(range(1 << 30))

        def results(work: Work, numbers: Sequence[int], shared: Any) -> Answers:
            sent = folder / f"{next(n_sent)}.pickle"
            sent.write_bytes(pickle.dumps((work, shared)))
            waiting = {pool.submit(_one, str(sent), number): number for number in numbers}
            try:
                for done in as_completed(waiting):
                    yield waiting[done], done.result()
            except BrokenProcessPool as error:
                raise EngineError(
                    "a worker process was ended from outside, mostly because a block has outgrown the memory; make smaller blocks "
                    "with --blocks, or start fewer workers with --jobs. What is written is kept."
                ) from error
            finally:
                for future in waiting:
                    future.cancel()

        yield results


def _context() -> Any:
    """Processes are forked from one that has loaded the library and done nothing yet: of threads in the middle of their work none is inherited."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


def _ends_with_its_run() -> None:
    """Have this worker end when the run that started it is gone: what it would write nobody waits for, and another run may hold the folder."""

    def end() -> None:
        run = multiprocessing.parent_process()
        if run is not None:
            run.join()
            os._exit(1)

    threading.Thread(target=end, daemon=True).start()


@lru_cache(maxsize=1)
def _sent(path: str) -> Any:
    return pickle.loads(Path(path).read_bytes())  # noqa: S301 - what this very run wrote, in a folder of its own


def _one(path: str, number: int) -> Any:
    work, shared = _sent(path)
    return answered(work, shared, number)
