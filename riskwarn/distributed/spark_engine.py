"""The work on a Spark cluster: one row a block through ``mapInArrow``, what all share broadcast. The only module that knows Spark."""

import os
import pickle
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

import riskwarn
from riskwarn.distributed.task import Answers, Running, Work, answered_at, outgrown
from riskwarn.errors import EngineError
from riskwarn.extras import need

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SCHEMA = "number bigint, answer binary"


@contextmanager
def started(address: str, jobs: int) -> Iterator[Running]:
    """A Spark session, ready to work: the one that is active, or a new one that is stopped afterwards.

    Parameters
    ----------
    address
        A master; threads of this machine by default.
    jobs
        Workers without an address.

    Yields
    ------
    running
        As of :meth:`riskwarn.distributed.Engine.started`.
    """
    need("pyspark")
    with ExitStack() as stack:
        yield partial(_results, _session(address, jobs, stack))


def _results(spark: "SparkSession", work: Work, numbers: Sequence[int], shared: Any) -> Answers:
    from pyspark import cloudpickle  # noqa: PLC0415

    common = spark.sparkContext.broadcast(cloudpickle.dumps((riskwarn.__version__, work, shared)))
    ids = list(numbers)

    def each(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        version, done, told = pickle.loads(common.value)  # noqa: S301 - what this very run has sent
        for batch in batches:
            for row in batch.column(0).to_pylist():
                answer = pickle.dumps(answered_at(version, done, told, ids[row]))
                yield pa.RecordBatch.from_pydict({"number": [ids[row]], "answer": pa.array([answer], pa.binary())})

    frame = spark.range(0, len(ids), 1, numPartitions=len(ids))
    with warnings.catch_warnings():
        # pyspark warns of pandas 3, of which no part is used here
        warnings.simplefilter("ignore")
        try:
            rows = frame.mapInArrow(each, SCHEMA).collect()
        except Exception as error:
            raise _told(error) from error
        finally:
            common.unpersist()
    for row in rows:
        yield row["number"], pickle.loads(row["answer"])  # noqa: S301 - what a worker of this run has sent


def _session(address: str, jobs: int, stack: ExitStack) -> "SparkSession":
    """The session that is there, or a new one that is stopped afterwards."""
    from pyspark.sql import SparkSession  # noqa: PLC0415

    if (active := SparkSession.getActiveSession()) is not None:
        if address not in {"", active.sparkContext.master}:
            raise EngineError(
                f"a Spark session of {active.sparkContext.master} is active here, not of {address}: stop it first."
            )
        return active
    master = address or f"local[{jobs}]"
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    builder = SparkSession.builder.master(master).appName("riskwarn").config("spark.ui.showConsoleProgress", "false")
    try:
        spark = builder.getOrCreate()
    except Exception as error:
        raise EngineError(
            f"Spark at {master} does not answer ({type(error).__name__}); it needs Java 17 here and a master that runs."
        ) from error
    stack.callback(spark.stop)
    return spark


def _told(error: Exception) -> Exception:
    """What Spark met, in a sentence."""
    text = str(error)
    if "OutOfMemory" in text or "exited unexpectedly" in text or "ExecutorLostFailure" in text:
        return outgrown()
    return error
