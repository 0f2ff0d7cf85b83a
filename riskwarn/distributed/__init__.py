"""When a city becomes a country: the same definitions and numbers in blocks of grids, on one machine, on Dask or on Spark.

The unit of work is a block: some grids, the records of them and of their neighbours, and a small table of what was told of the rest of
the city. From these :mod:`riskwarn.distributed.work` makes the block's numbers, a pure function::

    store ─┬─ survey ── outline ── partition ── blocks
           │               └── city: what all are told ◀─── heard: when feeds spoke, by what the blocks tell
           └─ spilling: buckets of events ── blocks ── a piece each, a file
                                                         └── work: totals of areas ── merged ── work: panel, scores

Nothing here schedules, sends or tries again: the engine does (:mod:`riskwarn.distributed.engine`).
"""

from riskwarn.distributed.engine import ENGINES, Engine
from riskwarn.distributed.ingesting import ingest_files
from riskwarn.distributed.nightly import monitor_blocks, nightly_blocks
from riskwarn.distributed.panel import write_blocks
from riskwarn.distributed.partition import blocks_of, hilbert
from riskwarn.distributed.reasons import explain_blocks
from riskwarn.distributed.scores import score_blocks
from riskwarn.distributed.searching import search_blocks
from riskwarn.distributed.training import train_blocks

__all__ = [
    "ENGINES",
    "Engine",
    "blocks_of",
    "explain_blocks",
    "hilbert",
    "ingest_files",
    "monitor_blocks",
    "nightly_blocks",
    "score_blocks",
    "search_blocks",
    "train_blocks",
    "write_blocks",
]
