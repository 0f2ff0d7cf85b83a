"""What is seen of a city's events when they are read once, batch by batch: which words there are, how many records, and since when."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from riskwarn.distributed.reading import Vocabulary
from riskwarn.history import DAY_US, NEVER
from riskwarn.history.columns import flags, instants
from riskwarn.history.coverage import last_of
from riskwarn.history.stream import ORIGINS
from riskwarn.history.tables import Tables


@dataclass(eq=False)
class Survey:
    """What was seen so far; :meth:`look` is shown each batch.

    Parameters
    ----------
    vocabulary
        Of the events.
    """

    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    _counts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    _earliest: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    _pairs: set[tuple[int, int]] = field(default_factory=set)
    _origins: set[tuple[int, int]] = field(default_factory=set)
    _last: dict[tuple[int, int], int] = field(default_factory=dict)

    def look(self, rows: pa.Table) -> None:
        """Take a batch into account."""
        known, occurred = instants(rows["known_at"]), instants(rows["occurred_at"])
        source, category, origin, code = (rows[c].to_numpy() for c in ("source", "category", "origin", "grid_id"))
        held = np.flatnonzero(~flags(rows["retracted"]))
        n_codes = len(self.vocabulary.words["grid_id"])
        self._counts = np.bincount(code[held], minlength=n_codes) + _longer(self._counts, n_codes, 0)
        self._earliest = _longer(self._earliest, n_codes, NEVER)
        np.minimum.at(self._earliest, code[held], np.maximum(known, occurred)[held])
        self._pairs |= pairs_of(source[held], category[held])
        self._origins |= pairs_of(source[held], origin[held])
        for one, day, last in greatest(source, known // DAY_US, known).tolist():
            self._last[one, day] = max(self._last.get((one, day), last), last)

    def counts(self) -> np.ndarray:
        """(n_codes,) revisions written under each grid id that withdraw nothing."""
        return self._counts

    def earliest(self) -> np.ndarray:
        """(n_codes,) when the first of them became known, µs."""
        return self._earliest

    def pairs(self) -> frozenset[tuple[str, str]]:
        """Feeds, and the categories that their records carry, wherever these lie."""
        words = self.vocabulary.words
        return frozenset((words["source"][s], words["category"][c]) for s, c in self._pairs)

    def origins(self) -> frozenset[tuple[str, str]]:
        """Feeds, and who brought their records to light, wherever these lie; a record that does not say it has none."""
        words = self.vocabulary.words
        return frozenset(
            (words["source"][s], word) for s, o in self._origins if (word := words["origin"][o]) in ORIGINS
        )

    def last_told(self, beside: Tables, latest: int) -> int:
        """The last instant any feed spoke of (:func:`riskwarn.history.coverage.last_told`), µs."""
        by_source: dict[int, list[int]] = {}
        for (source, _), known in self._last.items():
            by_source.setdefault(source, []).append(known)
        return last_of([np.array(known) for known in by_source.values()], beside, latest)


def pairs_of(source: np.ndarray, category: np.ndarray) -> set[tuple[int, int]]:
    """The pairs of codes that occur."""
    wide = int(category.max(initial=0)) + 1
    there = np.flatnonzero(np.bincount(source.astype(np.int64) * wide + category))
    return {(int(pair) // wide, int(pair) % wide) for pair in there}


def greatest(cell: np.ndarray, day: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(k, 3) the last instant of each cell and day: cell, day, instant."""
    if len(cell) == 0:
        return np.zeros((0, 3), np.int64)
    first, n_days, none = int(day.min()), int(np.ptp(day)) + 1, np.iinfo(np.int64).min
    last = np.full((int(cell.max()) + 1) * n_days, none)
    np.maximum.at(last, cell.astype(np.int64) * n_days + (day - first), known)
    there = np.flatnonzero(last > none)
    return np.column_stack([there // n_days, there % n_days + first, last[there]]).astype(np.int64)


def _longer(values: np.ndarray, n: int, fill: int) -> np.ndarray:
    return np.r_[values, np.full(n - len(values), fill)]
