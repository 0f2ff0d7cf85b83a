"""The work on a Dask cluster: one task a block, its progress on Dask's own dashboard. The only module that knows Dask."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import riskwarn
from riskwarn.distributed.task import Answers, Running, Work, answered_at, outgrown
from riskwarn.errors import EngineError
from riskwarn.extras import need

WAIT_S = 20
"""Seconds for which an address may not answer."""
_RETRIES = 3
"""Times a task is done again whose worker was lost."""


@contextmanager
def started(address: str, jobs: int) -> Iterator[Running]:
    """A Dask cluster, ready to work.

    A worker that is lost loses its tasks alone: Dask does them again elsewhere, and what they write they write again.

    Parameters
    ----------
    address
        Of a scheduler; a cluster of this machine by default.
    jobs
        Workers of such a cluster; of a running one, how many must be there.

    Yields
    ------
    running
        As of :meth:`riskwarn.distributed.Engine.started`.
    """
    need("distributed")
    from distributed import Client, LocalCluster  # noqa: PLC0415

    with ExitStack() as stack:
        if not address:
            options = {"n_workers": jobs, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
            address = stack.enter_context(LocalCluster(**options)).scheduler_address
        try:
            client = stack.enter_context(Client(address, timeout=WAIT_S, set_as_default=False))
            client.wait_for_workers(jobs, timeout=WAIT_S)
        except (OSError, TimeoutError, ValueError) as error:
            raise EngineError(
                f"Dask at {address} does not answer with {jobs} workers within {WAIT_S} s ({type(error).__name__}); look at its scheduler, "
                "or ask for fewer --jobs."
            ) from error
        yield partial(_results, client)


def _results(client: Any, work: Work, numbers: Sequence[int], shared: Any) -> Answers:
    from distributed import KilledWorker, as_completed  # noqa: PLC0415
    from distributed.protocol.pickle import dumps, loads  # noqa: PLC0415

    with warnings.catch_warnings():
        # what is shared goes to the scheduler as a task of its own: it is made again where the worker that held it was lost
        warnings.filterwarnings("ignore", message="Sending large graph", category=UserWarning)
        common = client.submit(loads, dumps(shared), pure=False)
    task = partial(answered_at, riskwarn.__version__, work)
    waiting = client.map(task, [common] * len(numbers), list(numbers), pure=False, retries=_RETRIES)
    number_of = dict(zip((future.key for future in waiting), numbers, strict=True))
    try:
        for future in as_completed(waiting, loop=client.loop):
            number = number_of[future.key]
            try:
                yield number, future.result()
            except KilledWorker:
                yield number, outgrown(number)
    finally:
        client.cancel(waiting)
