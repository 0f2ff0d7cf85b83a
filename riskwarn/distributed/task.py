"""One task: a block that is worked on, wherever that is. What it meets is an answer, so that every engine brings it back in one piece."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import riskwarn
from riskwarn.errors import EngineError, RiskwarnError

Work = Callable[[Any, int], Any]
"""From what all blocks share and the number of a block to what is made of it; doing it twice is doing it once."""

Answers = Iterator[tuple[int, Any]]
"""Numbers of blocks, and what was made of each."""
Running = Callable[[Work, Sequence[int], Any], Answers]
"""An engine that runs: from work, numbers and what is shared to answers."""


def answered(work: Work, shared: Any, number: int) -> Any:
    """What is made of a block, or the error of ours that it met."""
    try:
        return work(shared, number)
    except RiskwarnError as error:
        return error
    except MemoryError:
        return outgrown(number)


def answered_at(version: str, work: Work, shared: Any, number: int) -> Any:
    """The same on another machine, which must have this `version` of riskwarn."""
    if version != riskwarn.__version__:
        return EngineError(
            f"a worker has riskwarn {riskwarn.__version__}, the machine that asks {version}: install one version on all of them."
        )
    return answered(work, shared, number)


def outgrown(number: int | None = None) -> EngineError:
    """The error of a block that no worker could hold."""
    which = "a block" if number is None else f"block {number}"
    return EngineError(
        f"{which} has outgrown the memory of its worker; give workers more, or make smaller blocks with --blocks."
    )
