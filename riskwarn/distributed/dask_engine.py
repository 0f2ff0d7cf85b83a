"""The work on a Dask cluster: one task a block, its progress on Dask's own dashboard. Trees are grown on one by :mod:`riskwarn.distributed.dask_forest`; nothing else knows Dask."""

import os
import socket
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import riskwarn
from riskwarn.distributed.task import Answers, Running, Work, answered_at, outgrown
from riskwarn.errors import EngineError
from riskwarn.extras import need

if TYPE_CHECKING:
    from distributed import Client

WAIT_S = 20
"""Seconds for which an address may not answer."""
_GREETING = 8
"""Bytes with which a scheduler begins: the length of its greeting, the lowest first."""
_LONGEST = 2**24
"""Bytes of a greeting: what begins with more is none."""
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
    with connected(address, jobs) as client:
        yield partial(_results, client)


@contextmanager
def connected(address: str, jobs: int) -> Iterator["Client"]:
    """A client of a Dask cluster.

    Parameters
    ----------
    address, jobs
        As for :func:`started`.

    Yields
    ------
    client
        With workers.
    """
    need("distributed")
    from distributed import Client, LocalCluster  # noqa: PLC0415

    started_here = not address
    with ExitStack() as stack:
        if started_here:
            options = {"n_workers": jobs, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
            address = stack.enter_context(LocalCluster(**options)).scheduler_address
        else:
            _check_greeting(address)
        try:
            client = stack.enter_context(Client(address, timeout=WAIT_S, set_as_default=False))
        except (OSError, TimeoutError, ValueError) as error:
            raise EngineError(
                f"Dask at {address} does not answer within {WAIT_S} s ({type(error).__name__}); look at its scheduler and the address."
            ) from error
        try:
            client.wait_for_workers(jobs, timeout=WAIT_S)
        except (OSError, TimeoutError, ValueError) as error:
            raise EngineError(
                f"Dask at {address} answers, but not with {jobs} worker{'s' * (jobs > 1)} within {WAIT_S} s ({type(error).__name__}); look at its scheduler, "
                "or ask for fewer --jobs."
            ) from error
        if started_here:
            client.run(_aside)
        yield client


def _check_greeting(address: str) -> None:
    """Refuse what answers at an address and does not greet as a scheduler does, which speaks first; one that does not answer yet is tried by Dask."""
    from distributed.comm import parse_address, parse_host_port  # noqa: PLC0415

    scheme, place = parse_address(address)
    if scheme != "tcp":
        return
    try:
        link = socket.create_connection(parse_host_port(place), timeout=WAIT_S)
    except (OSError, ValueError):
        return
    with link, link.makefile("rb") as said:
        try:
            greeting = said.read(_GREETING)
        except OSError:
            greeting = b""
    if len(greeting) < _GREETING or int.from_bytes(greeting, "little") > _LONGEST:
        raise EngineError(
            f"what answers at {address} is no Dask scheduler, for it does not greet as one within {WAIT_S} s; give the scheduler's own address, "
            "mostly port 8786: the port of its dashboard, mostly 8787, is not it."
        )


def _aside() -> None:
    """What a worker prints that was started here goes among the messages, not among the answers of the command."""
    os.dup2(2, 1)


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
