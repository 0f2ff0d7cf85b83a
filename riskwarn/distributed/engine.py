"""Where the work is done: on this machine, on a Dask cluster or on a Spark cluster. One setting, the same numbers."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import model_validator

from riskwarn.declaring import AtLeastOne, Text, declared
from riskwarn.distributed.task import Answers, Running, Work, answered
from riskwarn.errors import RiskwarnError
from riskwarn.store.remote import Folder

ENGINES = Literal["local", "dask", "spark"]


_DASK_ADDRESS = re.compile(r"inproc://.|(?:[a-z]+://)?[^/\s]+:\d+$")
"""A host with a port, with the protocol before it or without."""


@declared
class Engine:
    """Which engine does the work, where it answers, and how many workers it starts where it is not running.

    Parameters
    ----------
    name
        ``local``: a loop, or processes of this machine. ``dask`` and ``spark``: a cluster; both need the extra of their name.
    address
        Of a running cluster: ``tcp://scheduler:8786`` of Dask, ``spark://master:7077`` or another master of Spark. Without one the engine
        is started on this machine and stopped when the work is done.
    jobs
        Workers that are started without an address, one thread each; with one, how many a running Dask cluster must have at the least.

    Examples
    --------
    >>> Engine(), Engine("dask", jobs=2).jobs
    (Engine(name='local', address='', jobs=1), 2)
    >>> with Engine().started() as results:
    ...     list(results(lambda shared, number: shared * number, [1, 2], 10))
    [(1, 10), (2, 20)]
    """

    name: ENGINES = "local"
    address: Text = ""
    jobs: AtLeastOne = 1

    @model_validator(mode="after")
    def _address_of_a_cluster(self) -> "Engine":
        if self.name == "local" and self.address:
            raise ValueError(f"an address is that of a cluster, name its engine: dask or spark, got {self.address!r}")
        if self.name == "dask" and self.address and not _DASK_ADDRESS.match(self.address):
            raise ValueError(f"a Dask scheduler has an address such as tcp://scheduler:8786, got {self.address!r}")
        return self

    @contextmanager
    def started(self) -> Iterator[Running]:
        """The engine, ready to work: within it a call with the work, the numbers of the blocks and what they share gives the answers.

        The work must be a function of a module, so that workers find it. Answers come as they are done, in no particular order.

        Yields
        ------
        running
            From work, numbers and what is shared to numbers and what was made of each. It raises what the work itself met, and
            :class:`riskwarn.errors.EngineError` where workers have another riskwarn, or a block has outgrown them.

        Raises
        ------
        EngineError
            The engine does not answer.
        MissingExtraError
            It is not installed.
        """
        if self.name == "dask":
            from riskwarn.distributed import dask_engine  # noqa: PLC0415 - a heavy guest

            host = dask_engine.started
        elif self.name == "spark":
            from riskwarn.distributed import spark_engine  # noqa: PLC0415 - a heavy guest

            host = spark_engine.started
        elif self.jobs > 1:
            from riskwarn.distributed import process_engine  # noqa: PLC0415 - started where it is asked for

            host = process_engine.started
        else:
            yield _believed(_loop)
            return
        with host(self.address, self.jobs) as running:
            yield _believed(running)


@contextmanager
def seeing(running: Running, pieces: Folder) -> Iterator[Running]:
    """The engine for what lies beside the pieces: where these are in an object store, it lies on this machine alone, and this process does the work.

    Parameters
    ----------
    running
        The engine.
    pieces
        Where the pieces lie.

    Yields
    ------
    running
        Who sees the files.
    """
    if isinstance(pieces, Path):
        yield running
        return
    with Engine().started() as here:
        yield here


def _loop(work: Work, numbers: Sequence[int], shared: Any) -> Answers:
    return ((number, answered(work, shared, number)) for number in numbers)


def _believed(running: Running) -> Running:
    """Answers that are errors are raised."""

    def results(work: Work, numbers: Sequence[int], shared: Any) -> Answers:
        for number, answer in running(work, numbers, shared):
            if isinstance(answer, RiskwarnError):
                raise answer
            yield number, answer

    return results
