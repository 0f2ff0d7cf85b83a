"""A city in outline: its map, its deliveries, and what its records add up to, without the records."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import pandas as pd

from riskwarn.clock import micros
from riskwarn.distributed.heard import Cells, Heard, arrivals, begun_of
from riskwarn.distributed.reading import EVENTS, KINDS, spoken_nothing
from riskwarn.distributed.survey import Survey
from riskwarn.history import NEVER, History
from riskwarn.history.carry import Carry
from riskwarn.history.closings import closings
from riskwarn.history.facts import WORD_COLUMNS, Facts, facts_of
from riskwarn.history.pauses import last_spoken
from riskwarn.history.silences import Silence, silences
from riskwarn.history.sources import table_facts
from riskwarn.history.stream import TABLE_OF
from riskwarn.history.tables import Stored
from riskwarn.store import Store


@dataclass(frozen=True, eq=False, repr=False)
class Outline(History):
    """The history of a city whose records lie in a store and are not in memory. What depends on them it is told.

    Parameters
    ----------
    vocabulary
        Of each table the words by column.
    pairs
        Feeds, and the categories that their records carry.
    brought
        Feeds, and who their records say brought them to light.
    counts
        (n_grids,) revisions of each grid.
    began
        When the first record became known, µs.
    told_of
        By feed, what all blocks tell of when it spoke; empty before they were asked.
    """

    vocabulary: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    pairs: frozenset[tuple[str, str]] = frozenset()
    brought: frozenset[tuple[str, str]] = frozenset()
    counts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    began: int = NEVER
    told_of: Mapping[str, Heard] = field(default_factory=dict)
    asked_dates: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    cells: dict[str, Cells] = field(default_factory=dict)

    @classmethod
    def drawn(cls, store: Store, survey: Survey, as_of: pd.Timestamp | None = None) -> Self:
        """The outline of a store, over its newest grids or those of a night.

        Parameters
        ----------
        store
            The city.
        survey
            What was seen of its events, batch by batch.
        as_of
            The night whose grids are meant; the newest by default.

        Returns
        -------
        outline
            Of which no block has told anything.
        """
        grids = store.grids(as_of).sort_values("grid_id", ignore_index=True)
        crosswalk = store.read("crosswalk") if store.has("crosswalk") else None
        if crosswalk is not None and as_of is not None:
            crosswalk = crosswalk[crosswalk["effective_at"] <= as_of]
        words = survey.vocabulary.known()
        carry = Carry.of(words["grid_id"], grids["grid_id"].to_numpy(dtype=object), crosswalk)
        nothing = nothing_of({name: words[name] for name in WORD_COLUMNS})
        placed = np.diff(carry.first) > 0
        calendar = store.path / "calendar.csv"
        return cls(
            grids,
            nothing,
            nothing,
            survey.last_told(Stored(store), micros(store.known_until())),
            store.timezone,
            crosswalk,
            calendar if calendar.exists() else None,
            Stored(store),
            vocabulary={EVENTS.name: words},
            pairs=survey.pairs(),
            brought=survey.origins(),
            counts=((carry.matrix(len(grids)) > 0) @ survey.counts()).astype(np.int64),
            began=int(survey.earliest()[placed].min(initial=NEVER)),
        )

    def hearing(self, told_of: Mapping[str, Heard], pairs: frozenset[tuple[str, str]], dates: np.ndarray) -> Self:
        """The outline, once its blocks have told when feeds spoke, and of closings at some dates."""
        return replace(
            self, told_of=told_of, pairs=pairs, asked_dates=dates, _coverage={}, _silences={}, _begun={}, _closings={}
        )

    def with_words(self, words: Mapping[str, Mapping[str, np.ndarray]]) -> Self:
        """The outline, once more tables are read."""
        return replace(self, vocabulary={**self.vocabulary, **words}, _tables={})

    @property
    def first(self) -> int:
        """When the city's first record became known."""
        return self.began

    @property
    def n_records(self) -> np.ndarray:
        """(n_grids,) revisions of each grid."""
        return self.counts

    @property
    def sources(self) -> list[str]:
        """Feeds with events."""
        return sorted({source for source, _ in self.pairs})

    def categories(self, source: str) -> frozenset[str]:
        """Categories that the records of a feed carry."""
        return frozenset(category for one, category in self.pairs if one == source)

    def origins(self, source: str) -> frozenset[str]:
        """Origins that the records of a feed carry."""
        return frozenset(origin for one, origin in self.brought if one == source)

    def cells_of(self, source: str) -> Cells:
        """How finely a feed is listened to."""
        if source not in self.cells:
            self.cells[source] = Cells.of(self._log_of(source), self.grids)
        return self.cells[source]

    def begun(self, source: str, org: str = "") -> tuple[np.ndarray, np.ndarray]:
        """When the earliest record of a feed became known."""
        if self.numbers is not None:
            return self.whole.begun(source, org)
        if (source, org) not in self._begun:
            told = self.told_of.get(source)
            self._begun[source, org] = begun_of(told, self.cells_of(source), org, self.grids)
        return self._begun[source, org]

    def closings(self, source: str, dates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Whether a feed tells closings, county by county."""
        if self.numbers is not None:
            told, county = self.whole.closings(source, dates)
            return told, county[self.numbers]
        key = source, dates.tobytes()
        if key not in self._closings:
            cells = self.cells_of(source)
            counts = np.zeros((2, cells.n_counties, len(dates)), np.int64)
            if source in self.told_of:
                counts = self.told_of[source].closings[..., np.searchsorted(self.asked_dates, dates)]
            self._closings[key] = closings(*counts), cells.county
        return self._closings[key]

    def _heard(self, source: str, late_days: float) -> list[Silence]:
        if source in TABLE_OF:
            return super()._heard(source, late_days)
        records = arrivals(self.told_of.get(source), self.cells_of(source), self.first)
        end = last_spoken(records.known)
        return silences(self._log_of(source), self.grids, records, end=end, stated=False, late_days=late_days)

    def _table(self, name: str) -> Facts:
        if self.numbers is None and name not in self._tables and self.has(name):
            rows = spoken_nothing(KINDS[name], self.vocabulary.get(name, {}))
            self._tables[name] = table_facts(name, rows.select, self.carry, len(self.grids))
        return super()._table(name)


def nothing_of(words: Mapping[str, np.ndarray]) -> Facts:
    """Facts without rows, of a vocabulary."""
    none = np.zeros(0, np.int64)
    codes = {name: np.zeros(0, np.int32) for name in WORD_COLUMNS}
    return facts_of(words=words, grid=np.zeros(0, np.int32), start=none, occurred=none, **codes)
