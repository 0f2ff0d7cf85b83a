"""What the file of a date must have been made from, so that it is written again where that has changed."""

import hashlib
import json
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa

from riskwarn.experiment import Experiment
from riskwarn.history import DAY_US, NEVER, Log, Snapshot
from riskwarn.history.past import Past

_WITHOUT_CLOCK = ("places",)
_WITH_CLOCK = ("visits", "workflow", "diversions", "roster", "crosswalk", "feed_log")
_KEYS = ("place_key", "case_id")
_SAYS = "label"
"""What a file says of itself beside its mark: one that says less is written again."""
_MIX = np.uint64(6364136223846793005)
"""Knuth's multiplier (MMIX): an odd number, so that a product of it loses nothing modulo 2**64."""


def instants_of(snapshot: Snapshot, experiment: Experiment) -> np.ndarray:
    """The instants before which :func:`marks_of` asks for what was known, µs, rising."""
    wait = round(experiment.label.wait_days * DAY_US)
    return np.unique(np.r_[snapshot.micros, snapshot.micros + wait])


def marks_of(snapshot: Snapshot, experiment: Experiment, known: "_Known | Sums | None" = None) -> list[str]:
    """What the file of each date must have been made from: definitions, grids, what was known then, whether it has settled.

    Where the records are not in memory, what was known before each instant is told as sums.
    """
    definitions = json.dumps([f.to_dict() for f in experiment.columns] + [experiment.label.to_dict()], sort_keys=True)
    history = snapshot.history
    known = known or _Known.of(history)
    wait = round(experiment.label.wait_days * DAY_US)
    grids_settled = experiment.label.settled(snapshot)
    settled = [hashlib.sha256(np.packbits(here).tobytes()).hexdigest()[:16] for here in grids_settled.T]
    outcome = known.before(np.where(grids_settled.any(axis=0), snapshot.micros + wait, snapshot.micros))
    whole = [_SAYS, definitions, _content(history.grids).sum()]
    whole += [_content(history.read(name)).sum() for name in _WITHOUT_CLOCK if history.has(name)]
    if history.calendar is not None and history.calendar.exists():
        whole.append(history.calendar.read_bytes())
    base = hashlib.sha256("|".join(map(str, whole)).encode()).hexdigest()
    return [f"{base}|{a}|{b}|{s}" for a, b, s in zip(known.before(snapshot.micros), outcome, settled, strict=True)]


@dataclass(frozen=True)
class _Known:
    """Rows of all tables with a clock, in the order they may have become known: instants in µs, and the sum of their contents so far."""

    at: np.ndarray
    total: np.ndarray

    @classmethod
    def of(cls, history: Past) -> "_Known":
        parts = [_of_log(history.log)]
        parts += [_of_table(name, history.read(name)) for name in _WITH_CLOCK if history.has(name)]
        at, content = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        order = np.argsort(at, kind="stable")
        with np.errstate(over="ignore"):
            return cls(at[order], np.r_[np.uint64(0), np.cumsum(content[order])])

    def before(self, at: np.ndarray) -> list[str]:
        """Number and digest of the rows before each instant."""
        n = np.searchsorted(self.at, at, side="left")
        return [f"{k}:{self.total[k]}" for k in n]


@dataclass(eq=False)
class Sums:
    """How many rows were known before some instants, and the sum of their contents: added up table by table, in any order.

    Parameters
    ----------
    edges
        (n,) the instants, µs, rising.
    n, total
        (n + 1,) rows of each stretch between them, and the sum of their contents modulo 2**64.
    """

    edges: np.ndarray
    n: np.ndarray = field(init=False)
    total: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.n, self.total = (np.zeros(len(self.edges) + 1, kind) for kind in (np.int64, np.uint64))

    def add_log(self, log: Log) -> None:
        """Take whole events into account."""
        self._add(*_of_log(log))

    def add_table(self, name: str, rows: pd.DataFrame) -> None:
        """Take rows of another table into account."""
        self._add(*_of_table(name, rows))

    def add(self, other: "Sums") -> None:
        """Take into account what was added up elsewhere, for the same instants."""
        self.n += other.n
        self.total += other.total

    def _add(self, at: np.ndarray, content: np.ndarray) -> None:
        after = np.searchsorted(self.edges, at, side="right")
        self.n += np.bincount(after, minlength=len(self.n))
        np.add.at(self.total, after, content)

    def before(self, at: np.ndarray) -> list[str]:
        """Number and digest of the rows before each instant, which must be one of those it was made for."""
        with np.errstate(over="ignore"):
            n, total = np.cumsum(self.n), np.cumsum(self.total)
        return [f"{n[i]}:{total[i]}" for i in np.searchsorted(self.edges, at)]


def _content(rows: pd.DataFrame) -> np.ndarray:
    """(n,) a hash of each row, whatever the order of rows."""
    return pd.util.hash_pandas_object(rows.astype(str), index=False).to_numpy()


def _of_table(name: str, rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The first instant of each row, before which nothing of it can be known, and a hash of it and its table."""
    times = [
        rows[c].astype("int64").to_numpy()
        for c in rows
        if isinstance(rows[c].dtype, pd.DatetimeTZDtype) and rows[c].notna().any()
    ]
    return np.minimum.reduce(times), _content(rows.assign(table=name))


def _of_log(log: Log) -> tuple[np.ndarray, np.ndarray]:
    """When each revision became known, and when it gave way to another; a hash of it each time, without the name of its event."""
    # sums of hashes modulo 2**64 do not hang on the order of rows, and a running sum gives the digest before any instant at once;
    # the product of columns does hang on their order, so the same word in two columns is told apart
    content = np.zeros(len(log), np.uint64)
    with np.errstate(over="ignore"):
        for name in sorted(set(log.schema.names) - {"event_id"}):
            content = content * _MIX + _hashed(log, name)
        content = content[log.order]
        ended = log.end != NEVER
        return np.r_[log.known, log.end[ended]], np.r_[content, content[ended] * _MIX]


def _hashed(log: Log, name: str) -> np.ndarray:
    """(n,) hash of one column, words by what they say and not by their codes, which depend on the other rows."""
    kind = log.schema.field(name).type
    if pa.types.is_timestamp(kind):
        return pd.util.hash_array(np.ascontiguousarray(log.times(name)))
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind)):
        if name not in log.filled:
            return pd.util.hash_array(np.full(len(log), np.nan))
        numbers = log.columns[name].cast(pa.int64() if pa.types.is_boolean(kind) else pa.float64()).to_numpy()
        return pd.util.hash_array(np.ascontiguousarray(numbers))
    codes, words = log.keyed(name) if name in _KEYS else log.coded(name)
    said = np.array([*(words.to_pylist() if isinstance(words, pa.Array) else words), ""], dtype=object)
    return pd.util.hash_array(said)[codes]
