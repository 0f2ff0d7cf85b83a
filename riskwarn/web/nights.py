"""The published nights of a store: the last few held in memory, the newest found again by a look at its pointer."""

import ctypes
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from threading import RLock, Thread
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from riskwarn.errors import DataError, RiskwarnError
from riskwarn.store import PublishedNight, Store
from riskwarn.store.hold import Hold
from riskwarn.store.nights import mark
from riskwarn.web.held import Held, Night, named
from riskwarn.web.places import Places
from riskwarn.web.problems import (
    Problem,
    damaged_night,
    gone_run,
    nothing_published,
    of_faults,
    unknown_night,
    unknown_target,
)

log = logging.getLogger(__name__)
STALE_HOURS = 26
"""A night older than this is not today's."""
KEPT_NIGHTS = 3
"""Runs held in memory."""
_KEPT_SCORES = 128
_PAST = ("probability", "expected", "lower", "upper", "rank", "state", "model_version", "level")
_INTERVAL = ("lower", "upper")
_LOOK_AGAIN_SECONDS = 2.0
"""How long what was found is believed while no pointer moves; then every night is looked at again, for files may be damaged."""
_TICK_NS = 50_000_000
"""A change younger than this may hide another one in the same tick of the file system's clock."""


def age_hours(night: Night, now: pd.Timestamp) -> float:
    """Hours from a night's `as_of` to `now`."""
    return float((now - night.as_of).total_seconds() / 3600)


@dataclass(frozen=True, eq=False)
class _Found:
    """The newest night that could be read, the `mark` of the `pointers` it was found under, all `dates`, until when that is believed, and its `hold`."""

    pointers: tuple[str, ...]
    mark: tuple[Any, ...]
    dates: tuple[pd.Timestamp, ...]
    until: float
    held: Held | None
    hold: Hold | None = None


class Nights:
    """The nights of a store. A request asks once for its night and keeps to it, whatever is published meanwhile.

    Parameters
    ----------
    store
        The city.
    background
        Whether a new night is read while the one before is still shown. Else the first request that meets it waits for it.
    prepare
        With `background`, what is to be made of a night beside the requests before readers ask for it.
    """

    def __init__(
        self, store: Store, *, background: bool = False, prepare: Callable[[Night], None] | None = None
    ) -> None:
        self.store = store
        self.background = background
        self._prepare = prepare
        self._ready: Held | None = None
        self._said: set[str] = set()
        self._lock = RLock()
        self._one_reads = RLock()
        self._reader: Thread | None = None
        self._held: OrderedDict[tuple[pd.Timestamp, str], Held] = OrderedDict()
        self._places: Places | None = None
        self._found: _Found | None = None
        self._past = lru_cache(maxsize=_KEPT_SCORES)(_past_scores)

    def dates(self) -> list[pd.Timestamp]:
        """Dates with a published night, oldest first, damaged ones too.

        Raises
        ------
        Problem
            503 where there is none.
        """
        dates = list(self._look().dates)
        if not dates:
            raise nothing_published()
        return dates

    def at(self, as_of: str | None = None, *, target: str | None = None, said_in: str = "query") -> Night:
        """The night of `as_of`, the newest that can be read by default, with the answers to the question `target`, the first by default.

        Raises
        ------
        Problem
            404 naming the nearest night where nothing is published for the date, or where the night has no such question; 422 where it is no date; 503 where nothing is
            published at all, or what is published cannot be read.
        """
        if as_of is None:
            return _asked(self._newest(), target)
        dates = self.dates()
        try:
            wanted = self.store.instant(as_of)
        except (DataError, ValueError):
            raise of_faults([{"loc": (said_in, "as_of"), "type": "date_invalid"}]) from None
        if wanted not in dates:
            raise unknown_night(named(min(dates, key=lambda date: abs(date - wanted))))
        return _asked(self._opened(wanted), target)

    def of_run(self, as_of: str, run: str, *, target: str | None = None) -> Night:
        """The night of one run, whichever run holds meanwhile.

        Raises
        ------
        Problem
            410 where that run is not kept any more; 404 where it has no such question.
        """
        try:
            published = self.store.night(as_of)
            held = self._kept(published if published.run == run else self.store.night(as_of, run))
        except RiskwarnError:
            raise gone_run() from None
        return _asked(held, target)

    def hold_of(self, night: Night) -> Hold | None:
        """The rollback that the night is held by; of the newest it is known already."""
        found = self._found
        if found is not None and found.held is night.held:
            return found.hold
        return self.store.hold_of(night.as_of)

    @property
    def at_hand(self) -> bool:
        """Whether the newest night can be given without reading anything."""
        found = self._found
        return found is not None and found.held is not None and (self.background or self._still(found))

    def newest(self) -> Night:
        """The newest night that can be read; a damaged one is passed over, and the log says so.

        Raises
        ------
        Problem
            503 where none can be read.
        """
        return _asked(self._newest(), None)

    def before(self, night: Night) -> Night | None:
        """The night published before, if any that can be read."""
        earlier = [date for date in self.dates() if date < night.as_of]
        held = self._last_readable(earlier)
        return held.night(night.target) if held is not None and night.target in held.targets else None

    def upto(self, night: Night, n: int) -> list[pd.Timestamp]:
        """The last `n` dates up to the night, oldest first."""
        return [date for date in self.dates() if date <= night.as_of][-n:]

    def past_scores(self, dates: list[pd.Timestamp], grid_id: str, target: str) -> pd.DataFrame:
        """Score of one grid for a question on each of `dates` that can be read: `as_of`, `probability`, `expected` with its interval, `rank`, `state`,
        `model_version`, and the `level` at which the list of that night had it.
        """
        rows = []
        for date in dates:
            try:
                published = self.store.night(date)
                scores = self._past(self.store, date, published.run, target)
            except RiskwarnError:
                continue
            rows += [{"as_of": date, **score} for score in [scores.of(grid_id)] if score is not None]
        past = pd.DataFrame(rows, columns=["as_of", *_PAST])
        return past.astype({"rank": "Int64"} | dict.fromkeys(("probability", "expected", "lower", "upper"), "float64"))

    # -- the newest -----------------------------------------------------------------------------------------------------

    def _newest(self) -> Held:
        found = self._look()
        if found.held is None:
            raise damaged_night() if found.dates else nothing_published()
        return found.held

    def _look(self) -> _Found:
        """What is the newest night. Where no pointer has moved that takes a few looks at the file system."""
        found = self._found
        if found is not None and self._still(found):
            return found
        if found is not None and found.held is not None and self.background:
            self._read_beside()
            return self._found or found
        with self._one_reads:
            if self._found is found or self._found is None:
                self._found = self._search()
                if self.background and self._found.held is not None:
                    Thread(target=self._make_ready, args=[self._found.held], name="riskwarn-ready", daemon=True).start()
            return self._found

    def _still(self, found: _Found) -> bool:
        return time.monotonic() < found.until and found.mark == mark(found.pointers)

    def _read_beside(self) -> None:
        """Search in a thread of its own, one at a time."""
        with self._lock:
            if self._reader is not None and self._reader.is_alive():
                return
            self._reader = Thread(target=self._swap, name="riskwarn-night", daemon=True)
            self._reader.start()

    def _swap(self) -> None:
        found = self._search()
        if found.held is not None:
            with suppress(RiskwarnError):  # what cannot be read is met, and told, by whoever asks for it
                found.held.read_all()
                _give_back()
            self._make_ready(found.held)
        self._found = found

    def _make_ready(self, held: Held) -> None:
        """What readers of the night will ask for first, once; whatever fails here is met, and told, by whoever asks for it."""
        if self._prepare is not None and held is not self._ready:
            self._ready = held
            with suppress(RiskwarnError, Problem):
                self._prepare(_asked(held, None))

    def _search(self) -> _Found:
        dates = tuple(self.store.nights())
        pointers = self.store.pointers(dates[-1] if dates else None)
        marked = mark(pointers)
        held = self._last_readable(list(dates))
        believed = 0.0 if _is_young(marked) else time.monotonic() + _LOOK_AGAIN_SECONDS
        hold = None if held is None else self.store.hold_of(held.published.as_of)
        return _Found(pointers, marked, dates, believed, held, hold)

    # -- reading --------------------------------------------------------------------------------------------------------

    def _say_once(self, message: str) -> None:
        """A warning in the log; every request meets the same damage again."""
        if message not in self._said:
            self._said.add(message)
            log.warning(message)

    def _last_readable(self, dates: list[pd.Timestamp]) -> Held | None:
        for date in reversed(dates):
            try:
                self.store.night(date).check()
                return self._opened(date)
            except (RiskwarnError, Problem) as error:
                self._say_once(f"the night of {named(date)} is passed over: {error}")
        return None

    def _opened(self, as_of: pd.Timestamp) -> Held:
        try:
            return self._kept(self.store.night(as_of))
        except RiskwarnError as error:
            self._say_once(f"the night of {named(as_of)} cannot be read: {error}")
            raise damaged_night() from None

    def _kept(self, published: PublishedNight) -> Held:
        """The tables of a run, read once while it is among the last few asked for."""
        key = published.as_of, published.run
        held = self._at_hand(key)
        if held is not None:
            return held
        with self._one_reads:  # who asks for another night that is held already does not wait for it
            return self._at_hand(key) or self._read(key, published)

    def _at_hand(self, key: tuple[pd.Timestamp, str]) -> Held | None:
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def _read(self, key: tuple[pd.Timestamp, str], published: PublishedNight) -> Held:
        held = Held(published, self._places_of(published.as_of))
        with self._lock:
            self._held[key] = held
            while len(self._held) > KEPT_NIGHTS:
                self._held.popitem(last=False)
        _give_back()
        return held

    def _places_of(self, as_of: pd.Timestamp) -> Places:
        """The grids of a night; one object where they are those of the night read before."""
        try:
            places = Places(self.store.grids(as_of))
        except RiskwarnError:
            places = Places(self.store.grids())
        if self._places is None or not places.same(self._places):
            self._places = places
        return self._places


def _is_young(marked: tuple[tuple[int, int], ...]) -> bool:
    """Whether something changed so lately that a further change may not show."""
    return time.time_ns() - max(changed for changed, _ in marked) < _TICK_NS


def _asked(held: Held, target: str | None) -> Night:
    """The night of one question of a run."""
    if target and target not in held.targets:
        raise unknown_target(held.targets)
    return held.night(target or held.targets[0])


def _give_back() -> None:
    """Give memory that reading took for a while back to the system."""
    pa.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError):
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
        trim(0)


@dataclass(frozen=True, eq=False)
class _PastScores:
    """The scores of one past night and question, by grid."""

    grids: pa.Array
    values: dict[str, np.ndarray]
    levels: dict[str, str]

    def of(self, grid_id: str) -> dict[str, Any] | None:
        at = pc.index(self.grids, grid_id).as_py()
        told = {"level": self.levels.get(grid_id)}
        return None if at < 0 else {name: values[at] for name, values in self.values.items()} | told


def _past_scores(store: Store, as_of: pd.Timestamp, run: str, target: str) -> _PastScores:
    published = store.night(as_of, run)
    rows = published.rows("scores", **({"target": target} if target else {}))
    small = {"probability": np.float64, "expected": np.float64, "rank": np.float32} | dict.fromkeys(
        _INTERVAL, np.float64
    )
    values = {name: rows[name].to_numpy(dtype=kind, na_value=np.nan) for name, kind in small.items()}
    values |= {n: np.asarray(pd.Categorical(rows[n]), dtype=object) for n in ("state", "model_version")}
    return _PastScores(pa.array(rows["grid_id"], pa.string()), values, _levels(published))


def _levels(published: PublishedNight) -> dict[str, str]:
    """Level of each grid that the list of a night had."""
    if "alerts" not in published.tables:
        return {}
    listed = published.table("alerts", columns=["grid_ids", "level"])
    members = listed.assign(grid_id=listed["grid_ids"].str.split()).explode("grid_id").drop_duplicates("grid_id")
    return dict(zip(members["grid_id"], members["level"], strict=True))
