"""The gaps of a night from an engine: each kind is looked for by itself, over the events that it looks at.

A kind of gap compares all grids, bodies or feeds of a city with each other, so no block of grids can tell it alone. What bounds the memory
is that nobody holds the records: of each event what holds at the night lies in files, and a kind reads the columns of the feeds and days
that it looks at (:attr:`riskwarn.gaps.Kind.feeds`, :attr:`riskwarn.gaps.Kind.days`). It is the finder of one machine, over the same rows in
the same order, so its gaps are the same to the bit.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.clock import micros
from riskwarn.distributed.engine import Engine
from riskwarn.distributed.held import HeldHistory, HeldNight, Look
from riskwarn.distributed.nights import held_night
from riskwarn.distributed.panel import cut_apart, gathered
from riskwarn.distributed.streaming import surveyed
from riskwarn.gaps import FINDERS, KINDS, Evidence, kinds_of, night_of, put_together, shown, to_look_for
from riskwarn.gaps.suppression import suppress
from riskwarn.history import DAY_US, Events
from riskwarn.store import Store
from riskwarn.store.remote import Remote


@dataclass(frozen=True, eq=False)
class Searching:
    """What all kinds share while they are looked for.

    Parameters
    ----------
    night
        The city at the night.
    as_of
        The night.
    scores
        Of it, where there are any: grid and expected number.
    kinds
        Codes of those that are looked for.
    found
        Rows of all of them, once they are found.
    """

    night: HeldNight
    as_of: pd.Timestamp
    scores: pd.DataFrame | None
    kinds: tuple[str, ...]
    found: pd.DataFrame | None = None

    def evidence(self, feeds: tuple[str, ...] | None = None, days: float = np.inf) -> Evidence:
        """What was known at the night, of some feeds and days."""
        since = None if np.isinf(days) else micros(self.as_of) - round(days * DAY_US)
        return HeldEvidence(HeldHistory.at_night(self.night, Look(feeds, since)), self.as_of, self.scores)


class HeldEvidence(Evidence):
    """What was known at a night whose events lie in files; that there are any, and new ones, was seen before."""

    history: HeldHistory

    @cached_property
    def events(self) -> Events:
        """Events as held at the night, those that are looked at."""
        return self.history.events_at(self.as_of).largest()

    def shares(self, *feeds: str) -> Iterator[Events]:
        """The events that are looked at, a file after the other."""
        return (events.largest() for events in self.history.shares_at(self.as_of, feeds))

    def has_column(self, name: str) -> bool:
        """Whether a column of `events` holds any value."""
        return name in self.history.files.filled


@checked
def search_blocks(
    store: Store,
    scores: pd.DataFrame | None = None,
    *,
    as_of: object = None,
    kinds: Iterable[str] | None = None,
    engine: Engine | None = None,
    n_blocks: int | None = None,
    folder: str | Path | Remote | None = None,
) -> pd.DataFrame:
    """Where not to trust calm: the gaps of :func:`riskwarn.gaps.find_gaps`, on an engine.

    Parameters
    ----------
    store
        The city.
    scores, as_of, kinds
        As for :func:`riskwarn.gaps.find_gaps`.
    engine
        Who does the work; this process by default. A kind is one task.
    n_blocks
        Parts into which the events are thrown; by default of four million revisions each.
    folder
        Where these lie, which workers on other machines must see under the same name; a temporary folder of this machine by default. They
        are taken away afterwards.

    Returns
    -------
    gaps
        As of :func:`riskwarn.gaps.find_gaps`, the same.

    Raises
    ------
    DataError, DefinitionError, StaleDataError
        As :func:`riskwarn.gaps.find_gaps`.
    EngineError
        The engine cannot do the work.
    """
    engine, wanted = engine or Engine(), kinds_of(kinds)
    at = store.instant(as_of if as_of is not None else night_of(scores))
    told = None if scores is None else scores[["grid_id", "expected"]].drop_duplicates("grid_id")
    with (
        cut_apart(folder) as (pieces, scratch),
        engine.started() as running,
    ):
        outline, n_buckets = surveyed(store, scratch, as_of=at, n_buckets=n_blocks)
        night, _ = held_night(outline, store, n_buckets, at, pieces, scratch, running)
        job = Searching(night, at, told, ())
        lacking, run = to_look_for(job.evidence(), wanted)
        job = replace(job, kinds=tuple(run))
        tables = gathered(running, find_one, range(len(run)), job, desc="kinds")
        found = put_together(tables, lacking, at)
        [judged] = gathered(running, _suppress, [0], replace(job, found=found), desc="outages")
    return shown(judged, wanted, lacking)


def find_one(job: Searching, number: int) -> pd.DataFrame:
    """The gaps of one kind."""
    kind = KINDS[job.kinds[number]]
    return FINDERS[kind.code](job.evidence(kind.feeds, kind.days))


def _suppress(job: Searching, number: int) -> pd.DataFrame:
    """The gaps of all kinds, beside the outages that explain them."""
    del number
    assert job.found is not None
    return suppress(job.evidence(), job.found)
