"""When each feed spoke: since when, for which grids, and where it fell silent."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from riskwarn.history.coverage import spoken_of
from riskwarn.history.deliveries import LONG_AGO, Silence, last_spoken, silences, starts_late
from riskwarn.history.facts import NEVER
from riskwarn.history.rows import Rows
from riskwarn.history.stream import TABLE_OF, Stream
from riskwarn.taxonomy import NEVER_FEATURES


class Feeds(Rows):
    """A record that knows when its feeds spoke."""

    @property
    def ends(self) -> str:
        """Until when each feed speaks, the one that ended first at the head."""
        ends = {s: min(int(part.spans[-1, 0]) for part in self.silences(s)) for s in self.sources}
        ordered = sorted(ends.items(), key=lambda item: item[1])
        days = [
            f"{s} {pd.Timestamp(end, unit='us', tz='UTC').tz_convert(self.timezone):%Y-%m-%d}" for s, end in ordered
        ]
        return f"its feeds: {', '.join(days)}"

    def coverage(self, source: str) -> np.ndarray:
        """(n, 3) deliveries of a feed that say which time they speak for: arrived, from, to; µs, in the order of `from`.

        Parameters
        ----------
        source
            The feed.

        Returns
        -------
        coverage
            No rows where deliveries say nothing.
        """
        if source not in self._coverage:
            log = self.read("feed_log") if self.has("feed_log") else None
            self._coverage[source] = spoken_of(log, source) if log is not None else np.zeros((0, 3), np.int64)
        return self._coverage[source]

    def silences(self, source: str) -> list[Silence]:
        """When a feed did not speak, for which grids: before it began, in outages, and after its last delivery.

        Outcomes are known only outside of these (:meth:`Snapshot.settled`). What the deliveries say decides; where they say nothing,
        the days on which records became known; where :meth:`of` or :meth:`punctual` were told `until`, the feed speaks up to it.

        Parameters
        ----------
        source
            The feed, or a table that is counted as one.

        Returns
        -------
        silences
            Each grid is in one of them.
        """
        if self.numbers is not None:
            return [replace(s, grids=s.grids[self.numbers]) for s in self.whole.silences(source)]
        if source not in self._silences:
            self._silences[source] = self._heard(source)
        return self._silences[source]

    def _heard(self, source: str) -> list[Silence]:
        if source in TABLE_OF:
            return [Silence(np.ones(len(self.grids), dtype=bool), np.array([[self.until, NEVER]]))]
        log = self.read("feed_log") if self.has("feed_log") else None
        mine = None if log is None else log[log["source"] == source]
        pieces = self._facts("cases", Stream(source)).pieces(source, frozenset(map(str, self.words["category"])))
        known = np.concatenate([self.cases.start[p] for p in pieces])
        grid = np.concatenate([self.cases.grid[p] for p in pieces])
        first = int(self.cases.start.min(initial=NEVER))
        late = starts_late(known, first)
        began = min(int(self.cases.occurred[p].min()) for p in pieces) if late else LONG_AGO
        end = self.until if self.stated else last_spoken(known)
        return silences(mine, self.grids, known, grid, begun=began, end=end, stated=self.stated)

    def begun(self, source: str) -> tuple[np.ndarray, np.ndarray]:
        """When the earliest record of a feed became known, and how early it is: (n,) instants known, increasing, and occurred, falling.

        A record that arrives late may tell of a time before all that was known, so the beginning moves back as it becomes known.

        Parameters
        ----------
        source
            The feed.

        Returns
        -------
        known, occurred
            µs.
        """
        if self.numbers is not None:
            return self.whole.begun(source)
        if source not in self._begun:
            facts = self._facts("facts", Stream(source))
            pieces = facts.pieces(source, frozenset(map(str, facts.words["category"])) - NEVER_FEATURES)
            steps = sorted({step for piece in pieces for step in _records(facts.start[piece], facts.occurred[piece])})
            known, occurred = (np.array([step[i] for step in steps], dtype=np.int64) for i in (0, 1))
            self._begun[source] = known, np.minimum.accumulate(occurred) if len(occurred) else occurred
        return self._begun[source]


def _records(start: np.ndarray, occurred: np.ndarray) -> Iterator[tuple[int, int]]:
    """The rows that, when they became known, told of an earlier time than all known before, the last first."""
    while len(start):
        earliest = occurred.min()
        known = start[occurred == earliest].min()
        yield int(known), int(earliest)
        before = start < known
        start, occurred = start[before], occurred[before]
