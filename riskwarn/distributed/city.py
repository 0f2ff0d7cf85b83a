"""What a block is told of its city: all that its features know of other grids than its own and their neighbours."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from riskwarn.distributed.wide import wide
from riskwarn.feature import Feature
from riskwarn.history import CITY, History, Snapshot, Totals
from riskwarn.history.coverage import Coverage
from riskwarn.history.space import areas_of
from riskwarn.label import Label

Begun = tuple[np.ndarray, np.ndarray]
Sums = tuple[np.ndarray, np.ndarray]
EVENTS = "events"
"""Name under which the vocabulary of the events stands beside that of the tables."""


@dataclass(frozen=True, eq=False)
class City:
    """What every block is told of the city, the same for all: the small table that is sent to the workers.

    Parameters
    ----------
    timezone, until
        Clock of the city, and the instant up to which its records speak, µs.
    dates
        (n_dates,) those that are computed, µs.
    sources, categories
        Feeds with events, and the categories that the records of each carry.
    columns
        Of table `grids`, those that tell something of any grid.
    words
        Vocabulary of the records by table, and by column.
    covers
        Of each feed what its deliveries say, part by part of the city.
    begun
        Of each feed, and each organisation, when it began to speak, as it became known.
    spans
        Of each feed and settling time when it was silent, part by part of the city, µs.
    closings
        Of each feed whether it tells closings, (n_counties, n_dates).
    totals
        What the grids of each area add up to, by feature and area: (n_terms, n_areas, n_dates) sums and numbers.
    medians
        Of features their medians over all grids, (1, n_dates).
    """

    timezone: str
    until: int
    dates: np.ndarray
    sources: tuple[str, ...]
    categories: Mapping[str, frozenset[str]]
    columns: frozenset[str]
    words: Mapping[str, Mapping[str, np.ndarray]]
    covers: Mapping[str, list[Coverage]]
    begun: Mapping[tuple[str, str], Begun]
    spans: Mapping[tuple[str, float], list[np.ndarray]]
    closings: Mapping[str, np.ndarray]
    totals: Mapping[tuple[Hashable, str], Sums] = field(default_factory=dict)
    medians: Mapping[Hashable, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Places:
    """Which part of the city each grid lies in, by what it is parted by: (n_grids,) numbers each.

    Parameters
    ----------
    coverage, silence, county
        By feed, and by feed and settling time: whose deliveries speak for it, and how it was silent; by feed, its county.
    area, n_areas
        By level, the parent it lies in, and how many there are.
    """

    coverage: Mapping[str, np.ndarray]
    silence: Mapping[tuple[str, float], np.ndarray]
    county: Mapping[str, np.ndarray]
    area: Mapping[str, np.ndarray]
    n_areas: Mapping[str, int]

    def part(self, numbers: np.ndarray) -> "Places":
        """Those of some grids.

        Parameters
        ----------
        numbers
            (k,) row numbers.

        Returns
        -------
        places
            Of `k` grids.
        """
        return Places(
            {key: place[numbers] for key, place in self.coverage.items()},
            {key: place[numbers] for key, place in self.silence.items()},
            {key: place[numbers] for key, place in self.county.items()},
            {key: place[numbers] for key, place in self.area.items()},
            self.n_areas,
        )


def told(
    history: History, features: Sequence[Feature], label: Label | Sequence[Label], snapshot: Snapshot, *, outcomes: bool
) -> tuple[City, Places]:
    """What there is to tell of a city before anything is added up.

    What that is, the computation itself says: it is gone through for one grid, which asks the city all that any grid will ask of it.

    Parameters
    ----------
    history
        Of the whole city.
    features, label
        What will be computed, and what is predicted, one or several.
    snapshot
        Of the history, at the dates.
    outcomes
        Whether the label's outcomes will be computed, too.

    Returns
    -------
    city, places
        What all blocks are told, and where each grid lies.
    """
    one = _Rehearsal(history.part(np.array([0])), snapshot.dates)
    for feature in features:
        feature.compute(one)
    for asked in (label,) if isinstance(label, Label) else label:
        asked.arises(one)
        if outcomes:
            asked.outcomes(one)
    known = history.remembered
    nowhere = np.zeros(0, dtype=bool)
    at = snapshot.micros.tobytes()
    closings = {source: answer for (source, dates), answer in known.closings.items() if dates == at}
    city = City(
        history.timezone,
        history.until,
        snapshot.micros,
        tuple(history.sources),
        {source: history.categories(source) for source in history.sources},
        frozenset(str(column) for column in history.grids if history.told(column)),
        {EVENTS: dict(history.words), **{name: dict(facts.words) for name, facts in known.tables.items()}},
        {s: [Coverage(nowhere, part.covers, part.since) for part in parts] for s, (parts, _) in known.coverage.items()},
        dict(known.begun),
        {key: [silence.spans for silence in parts] for key, parts in known.silences.items()},
        {source: answer for source, (answer, _) in closings.items()},
    )
    levels = sorted({area for feature in wide(features) for area in feature.areas} - {CITY})
    areas = {level: areas_of(history.grids, level) for level in levels}
    places = Places(
        {source: part for source, (_, part) in known.coverage.items()},
        {key: np.argmax([silence.grids for silence in parts], axis=0) for key, parts in known.silences.items()},
        {source: county for source, (_, county) in closings.items()},
        {level: area for level, (area, _) in areas.items()},
        {level: n_areas for level, (_, n_areas) in areas.items()},
    )
    return city, places


class _Rehearsal(Snapshot):
    """Dates over one grid, whose totals are empty: what is computed is of no use, what is asked for is."""

    def total(self, of: Hashable, area: str, terms: Callable[[], Sequence[np.ndarray]]) -> Totals:
        del of
        nothing = np.zeros((len(terms()), 1, self.shape[1]))
        return Totals(nothing, nothing, None if area == CITY else np.zeros(self.shape[0], np.int64))
