"""A city at a night whose records lie in blocks: it answers as a history in memory does, each question block by block on an engine.

What hangs on one grid alone is made in the piece of its block (:meth:`BlockSnapshot.each`, :meth:`BlockHistory.apart`); the events of the
night, and how each first became known, are read from files, as far as they are looked at. Anything else is refused, never answered with nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd

from riskwarn.distributed.city import City
from riskwarn.distributed.cutting import load
from riskwarn.distributed.held import Files, Look, held_events
from riskwarn.distributed.outline import Outline
from riskwarn.distributed.panel import gathered
from riskwarn.distributed.piece import NotToldError
from riskwarn.distributed.reading import EVENTS
from riskwarn.distributed.streaming import piece_file
from riskwarn.distributed.task import Running
from riskwarn.history import Events, History, Snapshot
from riskwarn.history.carry import Carry
from riskwarn.history.facts import Facts
from riskwarn.history.stream import Stream
from riskwarn.store.remote import Folder


@dataclass(frozen=True, eq=False)
class Blocks:
    """The blocks of a city and who works on them.

    Parameters
    ----------
    running
        The engine.
    pieces
        Folder of the pieces.
    city
        What all blocks are told.
    cores
        Of each block the row numbers of its grids.
    """

    running: Running
    pieces: Folder
    city: City
    cores: tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class _Question:
    """What all blocks are asked: something of some dates, or of their history."""

    pieces: Folder
    city: City
    make: Callable[[Any], Any]
    dates: pd.DatetimeIndex | None = None


@dataclass(frozen=True, eq=False, repr=False)
class BlockHistory(Outline):
    """The history of a city at a night, whose records lie in blocks and files.

    Parameters
    ----------
    blocks
        Of the city; none where nothing of its dates is to be told.
    files, look
        Of the events of the night, and which of them are looked at.
    last
        When each feed spoke last before the night, µs.
    """

    blocks: Blocks | None = None
    files: Files | None = None
    look: Look = field(default_factory=Look)
    last: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of_outline(cls, outline: Outline, **known: Any) -> Self:
        """The history of a city in outline, with where its records lie."""
        return cls(**{f.name: getattr(outline, f.name) for f in fields(outline) if f.init}, **known)

    def at(self, as_ofs: Iterable[object]) -> Snapshot:
        """What was known at some dates, asked block by block."""
        return BlockSnapshot(self, super().at(as_ofs).dates)

    def apart(self, make: Callable[[Any], pd.DataFrame]) -> pd.DataFrame:
        """A table of rows that each hang on one grid, made of each block."""
        return pd.concat(self._asked(make, None), ignore_index=True)

    def rows(self, view: str, stream: Stream) -> Facts:
        """Refused: no records are at hand."""
        raise NotToldError(f"reads the {view} of {stream.name!r}, which lie in blocks")

    def first_told(self, at: int, source: str) -> Iterator[Facts]:
        """Each event of a feed as it first became known, of those known before an instant, read from files a share of the grids at a time."""
        return self._files.first_told(at, source)

    def last_told_of(self, at: int) -> dict[str, int]:
        """When the last record of each feed became known before the night."""
        del at
        return self.last

    def events_at(self, as_of: object) -> Events:
        """The events of the night, read from files as far as they are looked at."""
        return held_events(self, self._files, self.look, as_of)

    def within(self, grids: np.ndarray) -> Self:
        """The history of which only events in some grids are looked at."""
        return replace(self, look=Look(within=grids))

    def batches(self, rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """Rows by the block of their grid."""
        if self.blocks is None:
            yield rows
            return
        number = pd.Index(self.grid_ids.astype(str)).get_indexer(rows["grid_id"].astype("str"))
        for core in self.blocks.cores:
            yield rows[np.isin(number, core)]

    @cached_property
    def carried(self) -> Carry:
        """Where the events go, by the codes of their grids as written."""
        return self.carry(self.vocabulary[EVENTS.name]["grid_id"])

    @property
    def _files(self) -> Files:
        if self.files is None:
            raise NotToldError("looks at events, of which none were brought into files")
        return self.files

    def _asked(self, make: Callable[[Any], Any], dates: pd.DatetimeIndex | None) -> list[Any]:
        """The answers of all blocks to a question."""
        if self.blocks is None:
            raise NotToldError("asks a city whose records were not brought into blocks")
        question = _Question(self.blocks.pieces, self.blocks.city, make, dates)
        return gathered(self.blocks.running, _answer, range(len(self.blocks.cores)), question, desc="blocks")


class BlockSnapshot(Snapshot):
    """Dates over a city whose records lie in blocks: what is made grid by grid is made in each block."""

    history: BlockHistory

    def each(self, make: Callable[[Any], np.ndarray]) -> np.ndarray:
        """What is made of the dates grid by grid, in each block."""
        answers = self.history._asked(make, self.dates)  # noqa: SLF001 - two halves of one thing
        blocks = self.history.blocks
        assert blocks is not None
        whole = np.empty((*answers[0].shape[:-2], *self.shape), answers[0].dtype)
        for core, part in zip(blocks.cores, answers, strict=True):
            whole[..., core, :] = part
        return whole


def _answer(question: _Question, number: int) -> Any:
    """What one block answers."""
    core: History = load(piece_file(question.pieces, number), question.city).core
    return question.make(core) if question.dates is None else np.asarray(question.make(core.at(question.dates)))
