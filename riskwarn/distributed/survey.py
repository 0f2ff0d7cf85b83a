"""What is seen of a city's events when they are read once, batch by batch: which words there are, how many records, and since when."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from riskwarn.distributed.reading import Vocabulary
from riskwarn.history import DAY_US, NEVER
from riskwarn.history.columns import flags, instants
from riskwarn.history.coverage import last_of
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
    _last: dict[tuple[int, int], int] = field(default_factory=dict)

    def look(self, rows: pa.Table) -> None:
        """Take a batch into account."""
        known, occurred = instants(rows["known_at"]), instants(rows["occurred_at"])
        source, category, code = (rows[c].to_numpy() for c in ("source", "category", "grid_id"))
        held = np.flatnonzero(~flags(rows["retracted"]))
        n_codes = len(self.vocabulary.words["grid_id"])
        self._counts = np.bincount(code[held], minlength=n_codes) + _longer(self._counts, n_codes, 0)
        self._earliest = _longer(self._earliest, n_codes, NEVER)
        np.minimum.at(self._earliest, code[held], np.maximum(known, occurred)[held])
        pairs = np.unique(np.column_stack([source[held], category[held]]), axis=0)
        self._pairs |= {(int(s), int(c)) for s, c in pairs}
        day = known // DAY_US
        order = np.lexsort((known, day, source))
        ends = np.r_[(np.diff(day[order]) != 0) | (np.diff(source[order]) != 0), True] if len(order) else order
        for row in order[np.flatnonzero(ends)]:
            key = int(source[row]), int(day[row])
            self._last[key] = max(self._last.get(key, int(known[row])), int(known[row]))

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

    def last_told(self, beside: Tables, latest: int) -> int:
        """The last instant any feed spoke of (:func:`riskwarn.history.coverage.last_told`), µs."""
        by_source: dict[int, list[int]] = {}
        for (source, _), known in self._last.items():
            by_source.setdefault(source, []).append(known)
        return last_of([np.array(known) for known in by_source.values()], beside, latest)


def _longer(values: np.ndarray, n: int, fill: int) -> np.ndarray:
    return np.r_[values, np.full(n - len(values), fill)]
