"""When each feed spoke: since when, for which grids, and where it fell silent."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse

from riskwarn.history.closings import closings, counted
from riskwarn.history.coverage import Coverage
from riskwarn.history.coverage import coverages as coverages_of
from riskwarn.history.deliveries import BACKFILL_DAYS, area_of
from riskwarn.history.facts import NEVER, Facts
from riskwarn.history.pauses import last_spoken
from riskwarn.history.rows import Rows
from riskwarn.history.silences import MOST_COUNTIES, Arrivals, Silence, silences
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

    def coverage(self, source: str) -> tuple[list[Coverage], np.ndarray]:
        """Which time the deliveries of a feed say they speak for, for each part of the city that hears from organisations of its own.

        Parameters
        ----------
        source
            The feed.

        Returns
        -------
        coverages
            One a part of the whole city.
        part
            (n_grids,) number of the part each grid lies in.
        """
        if self.numbers is not None:
            coverages, part = self.whole.coverage(source)
            return coverages, part[self.numbers]
        if source not in self._coverage:
            coverages = coverages_of(self._log_of(source), self.grids)
            self._coverage[source] = coverages, np.argmax([c.grids for c in coverages], axis=0)
        return self._coverage[source]

    def _log_of(self, source: str) -> pd.DataFrame | None:
        if not self.has("feed_log"):
            return None
        log = self.read("feed_log")
        return log[log["source"] == source]

    def silences(self, source: str, *, settle_days: float = 0) -> list[Silence]:
        """When a feed did not speak, for which grids: before it began, in outages, and after its last delivery.

        Outcomes are known only outside of these (:meth:`Snapshot.settled`). What the deliveries say decides; where they say nothing,
        the days on which records became known; where :meth:`of` or :meth:`punctual` were told `until`, the feed speaks up to it.

        Parameters
        ----------
        source
            The feed, or a table that is counted as one.
        settle_days
            How long records are waited for: where most came later, and later than a quarter, nothing was known in time.

        Returns
        -------
        silences
            Each grid is in one of them.
        """
        if self.numbers is not None:
            return [
                replace(s, grids=s.grids[self.numbers]) for s in self.whole.silences(source, settle_days=settle_days)
            ]
        late_days = max(settle_days, BACKFILL_DAYS)
        if (source, late_days) not in self._silences:
            self._silences[source, late_days] = self._heard(source, late_days)
        return self._silences[source, late_days]

    def _heard(self, source: str, late_days: float) -> list[Silence]:
        if source in TABLE_OF:
            return [Silence(np.ones(len(self.grids), dtype=bool), np.array([[self.until, NEVER]]))]
        pieces = self._facts("cases", Stream(source)).pieces(source, frozenset(map(str, self.words["category"])))
        known, occurred, grid = (
            np.concatenate([column[p] for p in pieces])
            for column in (self.cases.start, self.cases.occurred, self.cases.grid)
        )
        records = Arrivals(known, occurred, grid, self.first)
        end = self.until if self.stated else last_spoken(known)
        return silences(self._log_of(source), self.grids, records, end=end, stated=self.stated, late_days=late_days)

    def begun(self, source: str, org: str = "") -> tuple[np.ndarray, np.ndarray]:
        """When the earliest record of a feed became known, and how early it is: (n,) instants known, increasing, and occurred, falling.

        A record that arrives late may tell of a time before all that was known, so the beginning moves back as it becomes known.

        Parameters
        ----------
        source
            The feed.
        org
            Of the area that is called so; of the whole city by default.

        Returns
        -------
        known, occurred
            µs.
        """
        if self.numbers is not None:
            return self.whole.begun(source, org)
        if (source, org) not in self._begun:
            facts = self._facts("facts", Stream(source))
            pieces = facts.pieces(source, frozenset(map(str, facts.words["category"])) - NEVER_FEATURES)
            rows = np.concatenate([np.arange(p.start, p.stop) for p in pieces]) if pieces else np.zeros(0, np.int64)
            if org:
                rows = rows[area_of(org, self.grids)[facts.grid[rows]]]
            self._begun[source, org] = beginning(facts.start[rows], facts.occurred[rows])
        return self._begun[source, org]

    def closings(self, source: str, dates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Whether a feed tells closings, county by county, by what was known before each date (:mod:`riskwarn.history.closings`).

        Parameters
        ----------
        source
            The feed.
        dates
            (n_dates,) instants, µs.

        Returns
        -------
        told
            (n_counties, n_dates) bool; one for the whole city where there are too many counties to look at each.
        county
            (n_grids,) number of the county of each grid.
        """
        if self.numbers is not None:
            told, county = self.whole.closings(source, dates)
            return told, county[self.numbers]
        key = source, dates.tobytes()
        if key not in self._closings:
            county, n_counties = counties_of(self.grids)
            rows = self.rows("cases", Stream(source))
            self._closings[key] = closings(*counted(rows, county[rows.grid], n_counties, dates)), county
        return self._closings[key]

    @property
    def remembered(self) -> "Remembered":
        """What was asked of the whole city so far: of its feeds, and of the tables that streams were read from."""
        city = self.whole
        return Remembered(city._coverage, city._silences, city._closings, city._begun, city._tables, city._links)  # noqa: SLF001


@dataclass(frozen=True, eq=False)
class Remembered:
    """What a history worked out of its whole city, by what was asked: :meth:`Feeds.coverage`, :meth:`Feeds.silences`, :meth:`Feeds.closings`, :meth:`Feeds.begun`, the facts of tables by name, and who lies beside whom."""

    coverage: dict[str, tuple[list[Coverage], np.ndarray]]
    silences: dict[tuple[str, float], list[Silence]]
    closings: dict[tuple[str, bytes], tuple[np.ndarray, np.ndarray]]
    begun: dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]
    tables: dict[str, Facts]
    links: dict[str, sparse.csr_matrix]


def counties_of(grids: pd.DataFrame) -> tuple[np.ndarray, int]:
    """Number of the county of each grid, and how many there are; one for all where there are too many to look at each."""
    counties = grids.get("county_id")
    county = np.zeros(len(grids), np.int64) if counties is None else pd.factorize(counties.fillna(""))[0]
    n_counties = int(county.max(initial=0)) + 1
    return (np.zeros_like(county), 1) if n_counties > MOST_COUNTIES else (county, n_counties)


def beginning(start: np.ndarray, occurred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """When the earliest record became known and how early it is, from all records or from the beginnings of parts of them.

    Parameters
    ----------
    start, occurred
        (n,) when the records became known and when they occurred, µs.

    Returns
    -------
    known, occurred
        As :meth:`Feeds.begun` gives them.
    """
    steps = sorted(_records(start, occurred))
    known, first = (np.array([step[i] for step in steps], dtype=np.int64) for i in (0, 1))
    return known, np.minimum.accumulate(first) if len(first) else first


def _records(start: np.ndarray, occurred: np.ndarray) -> Iterator[tuple[int, int]]:
    """The rows that, when they became known, told of an earlier time than all known before, the last first."""
    while len(start):
        earliest = occurred.min()
        known = start[occurred == earliest].min()
        yield int(known), int(earliest)
        before = start < known
        start, occurred = start[before], occurred[before]
