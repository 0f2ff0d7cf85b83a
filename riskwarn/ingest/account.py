"""What became of the rows of one delivery, row by row, in a few bytes a row."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

DUPLICATE, ACCEPTED, QUARANTINED = range(3)
_STATES = ("duplicate", "accepted", "quarantined")


@dataclass
class Account:
    """Rows by number, feed and state; `accepted` and `refused` are numbers of rows whose fate was told later."""

    feeds: dict[str, int] = field(default_factory=dict)
    state: list[np.ndarray] = field(default_factory=list)
    numbers: list[np.ndarray] = field(default_factory=list)
    sources: list[np.ndarray] = field(default_factory=list)
    spans: list[pd.DataFrame] = field(default_factory=list)
    written: dict[str, list[int]] = field(default_factory=dict)
    accepted: list[np.ndarray] = field(default_factory=list)
    refused: list[np.ndarray] = field(default_factory=list)

    def enter(self, numbers: np.ndarray, sources: np.ndarray, state: np.ndarray) -> None:
        """Receive rows; those neither quarantined nor accepted later are duplicates."""
        codes, names = pd.factorize(sources)
        known = np.array([self.feeds.setdefault(str(name), len(self.feeds)) for name in names], dtype=np.int16)
        self.numbers.append(numbers.astype(np.int64))
        self.sources.append(known[codes])
        self.state.append(state)

    def write(self, feed: str, accepted: int, conflicting: int = 0) -> None:
        """Count records that were written, and rows that contradict another one of the delivery or of an earlier one."""
        counts = self.written.setdefault(feed, [0, 0])
        counts[0] += accepted
        counts[1] += conflicting

    def table(self, feed: str) -> pd.DataFrame:
        """One line a feed: the counts of :class:`IngestReport`, revisions and conflicting ones; `feed` alone where no row came."""
        numbers, state = _joined(self.numbers, np.int64), _joined(self.state, np.int8)
        state = np.where(_among(numbers, self.accepted) & (state == DUPLICATE), ACCEPTED, state)
        state = np.where(_among(numbers, self.refused), QUARANTINED, state)
        names = list(self.feeds) or [feed]
        places = _joined(self.sources, np.int16).astype(np.int64) * len(_STATES) + state
        counts = np.bincount(places, minlength=len(names) * len(_STATES)).reshape(len(names), len(_STATES))
        table = pd.DataFrame(counts, columns=list(_STATES), index=pd.Index(names, name="source"))
        table.insert(0, "received", table.sum(axis=1))
        extra = pd.DataFrame.from_dict(
            self.written, orient="index", columns=["revisions", "conflicting"], dtype="int64"
        )
        columns = ["received", "accepted", "quarantined", "duplicate", "revisions", "conflicting"]
        return table.join(extra).fillna(0).astype("int64")[columns].sort_index().reset_index()


def _among(numbers: np.ndarray, pieces: list[np.ndarray]) -> np.ndarray:
    named = np.zeros(int(numbers.max(initial=0)) + 1, dtype=bool)
    for piece in pieces:
        named[piece] = True
    return named[numbers]


def _joined(pieces: list[np.ndarray], dtype: type[np.generic]) -> np.ndarray:
    return np.concatenate(pieces) if pieces else np.empty(0, dtype=dtype)
