"""What was known at a night, in the form the finders read: built once, each part when first asked for.

Nothing that became known at `as_of` or later enters: a table's rows are cut where they are read, and only here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from riskwarn.errors import NotFoundError, StaleDataError
from riskwarn.gaps.calendar import Basis, Workdays, workdays
from riskwarn.history import DAY_US, History, Snapshot
from riskwarn.store import Store

LONGEST_SILENCE_DAYS = 90
"""When nothing at all came for longer than this, the night is refused; up to it the silence is told as feeds that stopped."""
NEVER = np.iinfo(np.int64).max
"""An instant that has not come, µs."""
WORKERS = ("grid_report", "dispute")
"""Feeds in which grid workers write; what residents ask for directly comes in :data:`CITIZENS`."""
CITIZENS = ("police_call", "hotline", "petition")
_WORDS = ("source", "grid_id", "category", "origin", "near_grid_id", "org_code", "status", "outcome", "tags")
_CHINESE = {"Asia/Shanghai", "Asia/Chongqing", "Asia/Harbin", "Asia/Urumqi", "PRC"}
_KEYS = ("place_key", "case_id")
_TIMES = ("known_at", "occurred_at", "closed_at", "due_at")


@dataclass(frozen=True, eq=False)
class Events:
    """Events as held at the night, one row an event, as arrays (n,). Instants are µs since 1970 UTC; words are codes into `words`.

    `grid` is the position among the grids of the night, -1 where the event has no grid that is valid now or followed by one.
    """

    grid: np.ndarray
    raw_grid: np.ndarray
    """Code of the grid as written; look it up in ``words["grid_id"]``."""
    source: np.ndarray
    category: np.ndarray
    origin: np.ndarray
    near: np.ndarray
    org: np.ndarray
    outcome: np.ndarray
    tags: np.ndarray
    severity: np.ndarray
    occurred: np.ndarray
    first_known: np.ndarray
    known: np.ndarray
    closed: np.ndarray
    due: np.ndarray
    place: np.ndarray
    """Code of the place, -1 for none."""
    case: np.ndarray
    """Code of the case, -1 for none."""
    words: dict[str, np.ndarray]

    @property
    def n(self) -> int:
        """Number of events."""
        return len(self.grid)

    def of(self, *sources: str) -> np.ndarray:
        """(n,) whether each event is of one of `sources`."""
        return np.isin(self.words["source"], sources)[self.source]

    def take(self, rows: np.ndarray) -> "Events":
        """Only these rows."""
        names = [n for n in self.__dataclass_fields__ if n != "words"]
        return Events(**{n: getattr(self, n)[rows] for n in names}, words=self.words)


@dataclass(frozen=True, eq=False)
class Revisions:
    """Revisions of events as columns of equal length; words as codes into `words`."""

    columns: dict[str, np.ndarray]
    words: dict[str, np.ndarray]
    keys: dict[str, pa.Array]
    """Words of `place_key` and `case_id`, by code."""


class Evidence:
    """What was known at one night of one city.

    Parameters
    ----------
    store
        The city's store, or a history of events alone.
    as_of
        The night.
    scores
        Tonight's scores, where there are any.
    """

    def __init__(self, store: Store | History, as_of: object, scores: pd.DataFrame | None = None) -> None:
        self.store = store if isinstance(store, Store) else None
        self.history = None if isinstance(store, Store) else store
        self.timezone = store.timezone
        at = pd.Timestamp(as_of)
        at = at.tz_localize(self.timezone) if at.tzinfo is None else at.tz_convert(self.timezone)
        self.as_of = at.as_unit("us")
        self.at = micros(self.as_of)
        self.scores = scores

    # -- events -------------------------------------------------------------------------------------------------------

    @cached_property
    def grids(self) -> pd.DataFrame:
        """The grids of the night, one row a grid, in the order of `grid_id`."""
        if self.store is None:
            return self.history.grids  # type: ignore[union-attr]
        return self.store.grids(self.as_of)

    @cached_property
    def grid_ids(self) -> np.ndarray:
        """(n_grids,) ids."""
        return self.grids["grid_id"].to_numpy(dtype=object)

    @property
    def n_grids(self) -> int:
        """Number of grids."""
        return len(self.grids)

    def parent(self, level: str) -> tuple[np.ndarray, np.ndarray]:
        """(n_grids,) number of each grid's parent at `level` (one parent, ``*``, for all where there are none), and their ids."""
        column = self.grids.get(level)
        if column is None or column.isna().all():
            return np.zeros(self.n_grids, dtype=np.int64), np.array(["*"], dtype=object)
        number, ids = pd.factorize(column.fillna("*").astype(object), sort=True)
        return number, np.asarray(ids, dtype=object)

    @cached_property
    def snapshot(self) -> Snapshot:
        """The night as a snapshot of the history."""
        history = self.history if self.history is not None else History.load(self.store, as_of=self.as_of)  # type: ignore[arg-type]
        return history.at([self.as_of])

    @cached_property
    def revisions(self) -> "Revisions":
        """Revisions known before the night, as the store holds them."""
        columns = [*_WORDS, *_KEYS, *_TIMES, "event_id", "severity", "retracted"]
        table = self.store.arrow("events", columns=columns)  # type: ignore[union-attr]
        codes, words = {}, {}
        for name in _WORDS:
            codes[name], words[name] = _encode(table[name])
        keys = {name: _dictionary(table[name]) for name in _KEYS}
        arrays = codes | {name: _codes(keys[name]) for name in _KEYS} | {name: _times(table[name]) for name in _TIMES}
        arrays["number"] = _codes(_dictionary(table["event_id"])) * len(words["source"]) + codes["source"]
        arrays["severity"] = table["severity"].fill_null(0).to_numpy()
        arrays["retracted"] = table["retracted"].fill_null(fill_value=False).to_numpy()
        known = np.flatnonzero(arrays["known_at"] < self.at)
        return Revisions(
            {name: values[known] for name, values in arrays.items()}, words, {n: k.dictionary for n, k in keys.items()}
        )

    @cached_property
    def events(self) -> Events:
        """Events as held at the night.

        Raises
        ------
        StaleDataError
            Nothing is known yet, or nothing came for 90 days.
        """
        held = (
            self._from_store()
            if self.store is not None and len(self.revisions.columns["number"])
            else self._from_history()
            if self.store is None
            else None
        )
        if held is None or held.n == 0:
            raise StaleDataError(
                f"nothing is known before {self.as_of}: the first record came later. Choose a later night."
            )
        silent_days = (self.at - int(held.known.max())) / DAY_US
        if silent_days > LONGEST_SILENCE_DAYS:
            raise StaleDataError(
                f"nothing became known in the {silent_days:.0f} days before {self.as_of}. Bring newer deliveries in, or choose an earlier night."
            )
        return held

    @cached_property
    def follow(self) -> sparse.csr_matrix:
        """(n_grids, codes) share of each written grid code that lies in each grid of tonight; see the table `crosswalk`."""
        return _follow(self.events.words["grid_id"], self.grid_ids, self.table("crosswalk"))

    def has_column(self, name: str) -> bool:
        """Whether a column of `events` holds any value."""
        if self.store is None:
            return name in {"closed_at", "due_at", "severity", "origin", "tags"}
        column = {"case_id": "case", "place_key": "place"}.get(name)
        if column:
            return bool((getattr(self.events, column) >= 0).any())
        words = self.events.words[name]
        return bool(len(words) and any(w for w in words))

    def _from_store(self) -> Events:
        rows, words = self.revisions.columns, self.revisions.words
        order = np.lexsort((rows["known_at"], rows["number"]))
        number = rows["number"][order]
        same = number[1:] == number[:-1]
        newest, oldest = order[np.r_[~same, True]], order[np.r_[True, ~same]]
        keep = ~rows["retracted"][newest] & (rows["occurred_at"][newest] < self.at)
        at, first = newest[keep], oldest[keep]
        place = _positions(words["grid_id"], self.grid_ids, self.table("crosswalk"))
        held = {name: values[at] for name, values in rows.items()}
        return Events(
            grid=place[held["grid_id"]], raw_grid=held["grid_id"], source=held["source"], category=held["category"],
            origin=held["origin"], near=held["near_grid_id"], org=held["org_code"], outcome=held["outcome"], tags=held["tags"],
            severity=held["severity"], occurred=held["occurred_at"], first_known=np.maximum(rows["known_at"][first], held["occurred_at"]),
            known=held["known_at"], closed=_past(held["closed_at"], self.at), due=held["due_at"], place=held["place_key"],
            case=held["case_id"], words=words,
        )  # fmt: skip

    def _from_history(self) -> Events:
        history: History = self.history  # type: ignore[assignment]
        cases = history.cases
        held = np.flatnonzero((cases.start < self.at) & (cases.end >= self.at) & (cases.occurred < self.at))
        rows = cases[held]
        n = len(held)
        none, zero = np.full(n, -1), np.zeros(n, dtype=np.int64)
        words = (
            dict(history.words)
            | {"grid_id": self.grid_ids}
            | {k: np.array([""], dtype=object) for k in ("near_grid_id", "org_code", "outcome", "status")}
        )
        return Events(
            grid=rows.grid.astype(np.int64), raw_grid=rows.grid, source=rows.source, category=rows.category, origin=rows.origin, near=zero,
            org=zero, outcome=zero, tags=rows.tags, severity=rows.severity, occurred=rows.occurred, first_known=rows.start,
            known=rows.start, closed=_past(rows.closed, self.at), due=rows.due, place=none, case=none, words=words,
        )  # fmt: skip

    def key_words(self, name: str, codes: np.ndarray) -> list[str]:
        """Words of `place_key` or `case_id` for some codes."""
        return list(self.revisions.keys[name].take(pa.array(codes)).to_pylist())

    @cached_property
    def case_codes(self) -> dict[str, int]:
        """Code of each `case_id`."""
        return {w: i for i, w in enumerate(self.revisions.keys["case_id"].to_pylist())}

    @cached_property
    def workdays(self) -> Workdays:
        """Working days from four years before the night to one year after; the file ``calendar.csv`` of the store holds."""
        own = self.store.path / "calendar.csv" if self.store is not None else None
        first, last = (self.as_of + pd.Timedelta(days=d) for d in (-4 * 366, 366))
        basis: Basis = "auto" if self.timezone in _CHINESE else "plain"
        return workdays(
            first.date(), last.date(), basis=basis, changes=own if own is not None and own.exists() else None
        )

    def wall(self, instants: np.ndarray) -> np.ndarray:
        """Instants in µs as wall-clock time of the city, datetime64[us]; NaT for :data:`NEVER`."""
        known = instants < NEVER
        at = self.local(np.where(known, instants, 0)).tz_localize(None).to_numpy().astype("datetime64[us]")
        return np.where(known, at, np.datetime64("NaT", "us"))

    @property
    def now(self) -> np.datetime64:
        """The night on the city's wall clock."""
        return self.as_of.tz_localize(None).to_datetime64().astype("datetime64[us]")

    # -- other tables -------------------------------------------------------------------------------------------------

    def has(self, name: str) -> bool:
        """Whether the store holds the table; a history holds `events` and `grids` alone."""
        if self.store is None:
            return False
        return self._has_alerts if name == "alerts" else self.store.has(name)

    @cached_property
    def _has_alerts(self) -> bool:
        try:
            return self.store.arrow("alerts", columns=["alert_id"]) is not None  # type: ignore[union-attr]
        except NotFoundError:
            return False

    def table(self, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame | None:
        """Rows of a table known before the night; none where the store has no such table."""
        if not self.has(name):
            return None
        frame = self.store.read(name, columns=columns)  # type: ignore[union-attr]
        clock = {"crosswalk": "effective_at", "roster": "day_at", "feed_log": "arrived_at", "alerts": "as_of"}.get(name)
        if clock is None:
            return frame
        known = frame[clock] <= self.as_of if name == "crosswalk" else frame[clock] < self.as_of
        return frame[known].reset_index(drop=True)

    @cached_property
    def visits(self) -> "Visits":
        """Valid visits known before the night."""
        names = ["grid_id", "started_at", "known_at", "valid"]
        table = self.store.arrow("visits", columns=names)  # type: ignore[union-attr]
        started, known = _times(table["started_at"]), _times(table["known_at"])
        flag = table["valid"].combine_chunks()
        valid = (
            np.ones(len(started), dtype=bool)
            if flag.null_count == len(flag)
            else flag.fill_null(fill_value=False).to_numpy(zero_copy_only=False)
        )
        code, ids = _encode(table["grid_id"])
        follow = _follow(ids, self.grid_ids, self.table("crosswalk"))
        grid = _largest(follow)[code]
        keep = (known < self.at) & (started < self.at) & valid & (grid >= 0)
        return Visits(grid[keep], started[keep], code[keep], follow)

    @cached_property
    def workflow(self) -> pd.DataFrame:
        """Steps of cases known before the night, in order; instants as µs in `at_us` and `limit_us`."""
        table = self.store.arrow("workflow")  # type: ignore[union-attr]
        at, known, limit = _times(table["at"]), _times(table["known_at"]), _times(table["limit_at"])
        known = np.where(known == NEVER, at, known)
        keep = np.flatnonzero((known < self.at) & (at < self.at))
        frame = (
            table.select(["case_id", "step", "action", "from_org", "to_org", "level", "grid_id"])
            .take(pa.array(keep))
            .to_pandas()
        )
        frame = frame.assign(at_us=at[keep], limit_us=limit[keep], case=pd.factorize(frame["case_id"])[0])
        return frame.iloc[np.lexsort((frame["step"], frame["at_us"], frame["case"]))].reset_index(drop=True)

    @cached_property
    def diversions(self) -> pd.DataFrame:
        """Calls handed over before the night; receipts and closings that came later are blank."""
        frame = self.store.read("diversions")  # type: ignore[union-attr]
        frame = frame[frame["sent_at"] < self.as_of]
        later = {c: frame[c].where(frame[c] < self.as_of) for c in ("received_at", "closed_at")}
        return frame.assign(**later).reset_index(drop=True)

    # -- space --------------------------------------------------------------------------------------------------------

    def days_ago(self, instants: np.ndarray) -> np.ndarray:
        """Whole days between each instant and the night: 0 for the last 24 hours."""
        return (self.at - 1 - instants) // DAY_US

    def local(self, instants: np.ndarray) -> pd.DatetimeIndex:
        """Instants in µs on the city's clock."""
        return pd.DatetimeIndex(instants.astype("datetime64[us]")).tz_localize("UTC").tz_convert(self.timezone)

    def attribute(self, name: str) -> np.ndarray | None:
        """A numeric column of the grids, or none where it is empty; blanks become its median."""
        if name not in self.grids or self.grids[name].isna().all():
            return None
        values = pd.to_numeric(self.grids[name]).to_numpy(dtype=float, na_value=np.nan)
        return np.where(np.isnan(values), np.nanmedian(values), values)


@dataclass(frozen=True, eq=False)
class Visits:
    """Valid visits: position of the grid, and when each began, µs."""

    grid: np.ndarray
    started: np.ndarray
    raw_grid: np.ndarray
    follow: sparse.csr_matrix
    """(n_grids, codes) share of each written code (`raw_grid`) in each grid of tonight."""

    def counts(self, bin_of: np.ndarray, n_bins: int) -> np.ndarray:
        """(n_grids, n_bins) visits by bin; `bin_of` gives each visit's bin, -1 for none."""
        here = bin_of >= 0
        codes = self.follow.shape[1]
        by_code = np.bincount(self.raw_grid[here] * n_bins + bin_of[here], minlength=codes * n_bins)
        return np.asarray(self.follow @ by_code.reshape(codes, n_bins).astype(float))


def micros(at: pd.Timestamp) -> int:
    """An instant as µs since 1970 UTC."""
    return int(at.tz_convert("UTC").tz_localize(None).as_unit("us").to_datetime64().astype(np.int64))


def _past(instants: np.ndarray, at: int) -> np.ndarray:
    """Instants that lie before the night; a closing dated in the future has not come."""
    return np.where(instants < at, instants, NEVER)


def _encode(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    array = _dictionary(column)
    words = [w or "" for w in array.dictionary.to_pylist()]
    code = array.indices.fill_null(len(words)).to_numpy(zero_copy_only=False).astype(np.int64)
    return code, np.array([*words, ""], dtype=object)


def _codes(array: pa.DictionaryArray) -> np.ndarray:
    """Code of each word, -1 for none; an empty word is none."""
    code = np.asarray(array.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64))
    blank = pc.index(array.dictionary, "").as_py()
    return np.where(code == blank, -1, code)


def _dictionary(column: pa.ChunkedArray) -> pa.DictionaryArray:
    if pa.types.is_dictionary(column.type):
        return column.unify_dictionaries().combine_chunks()
    array = column.combine_chunks()
    return (array.chunk(0) if isinstance(array, pa.ChunkedArray) else array).dictionary_encode()


def _times(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(column.cast(pa.int64()).fill_null(NEVER).to_numpy())


def _follow(codes: np.ndarray, grid_ids: np.ndarray, crosswalk: pd.DataFrame | None) -> sparse.csr_matrix:
    """Share of each code in each grid: itself where it is valid, else what it turned into, step by step."""
    links = _links(codes, grid_ids, crosswalk)
    code, grid, weight = (np.array(v) for v in zip(*links, strict=True)) if links else (np.zeros(0, int),) * 3
    return sparse.csr_matrix(
        (weight.astype(float), (grid.astype(int), code.astype(int))), shape=(len(grid_ids), len(codes))
    )


def _links(codes: np.ndarray, grid_ids: np.ndarray, crosswalk: pd.DataFrame | None) -> list[tuple[int, int, float]]:
    at = {g: i for i, g in enumerate(grid_ids)}
    steps: dict[str, list[tuple[str, float]]] = {}
    if crosswalk is not None:
        for old, new, weight in zip(
            crosswalk["from_grid_id"], crosswalk["to_grid_id"], crosswalk["weight"], strict=True
        ):
            steps.setdefault(old, []).append((new, float(weight)))
    found = []
    for number, code in enumerate(codes):
        left, depth = [(code, 1.0)], 0
        while left and depth < 8:
            found += [(number, at[c], w) for c, w in left if c in at]
            left = [(new, w * share) for c, w in left if c not in at for new, share in steps.get(c, [])]
            depth += 1
    return found


def _positions(codes: np.ndarray, grid_ids: np.ndarray, crosswalk: pd.DataFrame | None) -> np.ndarray:
    """The grid with the largest share of each code, -1 for none."""
    return _largest(_follow(codes, grid_ids, crosswalk))


def _largest(follow: sparse.csr_matrix) -> np.ndarray:
    """(codes,) row with the largest value in each column, -1 for an empty one."""
    links = follow.tocoo()
    order = np.lexsort((-links.row, links.data))
    best = np.full(follow.shape[1], -1, dtype=np.int64)
    best[links.col[order]] = links.row[order]
    return best
