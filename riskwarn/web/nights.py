"""The published nights of a store, each read once per run and kept while it is among the last few asked for."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pandas as pd
import shapely

from riskwarn.errors import DataError, NotFoundError, RiskwarnError
from riskwarn.explanation import WhatIf, read_what_ifs
from riskwarn.store import PublishedNight, Store
from riskwarn.web.problems import Problem, damaged_night, nothing_published, of_faults, unknown_night, unknown_target
from riskwarn.web.weekly import Weeks, weeks_of
from riskwarn.weekly import week_ends

log = logging.getLogger(__name__)
BAND_SHARES = (0.01, 0.05, 0.10, 0.25, 1.0)
"""Upper ends of the bands of the map: shares of the scored grids by rank."""
_KEPT_NIGHTS, _KEPT_SCORES = 8, 128
_REASONS = ("grid_id", "place", "feature", "value", "normal", "contribution", "code")
_TABLES = ("scores", "reasons", "gaps", "alerts", "weeks", "weekly_readings", "what_ifs")
_PARENTS = ("name", "community_id", "township_id", "county_id", "area_km2", "households", "population")


@dataclass(frozen=True, eq=False)
class Night:
    """What one run published for one date.

    Parameters
    ----------
    published
        The run it was read from.
    grids
        One row a grid valid then, in the order of `grid_id`, with `geometry`.
    scores
        One row a grid, riskiest first, unscored last; with the names of `grids`, `level` and `alert_id` of its alert, whether it `leads` it, `band` 1
        (riskiest) to 5, and 0 where there is no score.
    reasons
        In the order of `place`.
    gaps, alerts
        None where the run did not make them, which is not the same as finding none.
    weeks
        Events by week; None where the run published none.
    what_ifs
        Table `what_ifs`; None where the run published none.
    target
        The question that scores, reasons and what-ifs are of; empty for a run that names none. Gaps and alerts are of the whole night.
    """

    published: PublishedNight
    grids: pd.DataFrame
    scores: pd.DataFrame
    reasons: pd.DataFrame
    gaps: pd.DataFrame | None
    alerts: pd.DataFrame | None
    weeks: Weeks | None
    what_ifs: pd.DataFrame | None
    target: str = ""

    @property
    def as_of(self) -> pd.Timestamp:
        """The date, an instant on the city's clock."""
        return self.published.as_of

    @property
    def run(self) -> str:
        """Name of the run."""
        return self.published.run

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the run says of itself, and of the question shown."""
        return facts_of(self.published, self.target)

    @property
    def date(self) -> str:
        """The date as pages and addresses write it."""
        return named(self.as_of)

    @property
    def data_until(self) -> str | None:
        """The cut-off of the records behind the scores: what the store held, or `as_of` where that is earlier."""
        stated = self.facts.get("data_until")
        return None if stated is None else min(pd.Timestamp(stated), self.as_of).isoformat()

    @property
    def n_scored(self) -> int:
        """Grids with a score."""
        return int(self.scores["rank"].notna().sum())

    @property
    def n_scored_here(self) -> int:
        """Grids with a score among those shown: all of them, where a visitor sees the whole city."""
        return self.n_scored

    @property
    def mean_probability(self) -> float:
        """Mean probability over scored grids; NaN where there is none."""
        return float(self.scores["probability"].mean())

    @property
    def mean_expected(self) -> float:
        """Mean expected count over scored grids; NaN where there is none."""
        return float(self.scores["expected"].mean())

    @cached_property
    def names(self) -> dict[str, str]:
        """Name of each grid, its id where it has none."""
        ids = self.grids["grid_id"]
        named_grids = self.grids["name"].fillna(ids) if "name" in self.grids else ids
        return dict(zip(ids, named_grids, strict=True))

    @cached_property
    def by_grid(self) -> pd.DataFrame:
        """Scores by `grid_id`."""
        return self.scores.set_index("grid_id", drop=False)

    @cached_property
    def why(self) -> pd.core.groupby.DataFrameGroupBy:
        """Reasons by `grid_id`, in the order of `place`."""
        return self.reasons.sort_values(["grid_id", "place"]).groupby("grid_id", sort=False)

    @cached_property
    def shapes(self) -> np.ndarray:
        """Polygon of each row of `grids`, in WGS 84; none where there is no polygon."""
        return shapely.make_valid(
            shapely.from_wkt(
                self.grids["geometry"].astype(object).where(self.grids["geometry"].notna(), None).to_numpy()
            )
        )

    @cached_property
    def tree(self) -> shapely.STRtree:
        """Spatial index of `shapes`."""
        return shapely.STRtree(self.shapes)

    def reasons_of(self, grid_ids: list[str]) -> pd.DataFrame:
        """Reasons of some grids, in the order of `place`."""
        groups = [self.why.get_group(g) for g in grid_ids if g in self.why.groups]
        return pd.concat(groups) if groups else self.reasons.iloc[:0]

    def what_ifs_of(self, grid_id: str) -> list[WhatIf] | None:
        """What can be done for a grid and where it would stand then; None where the run worked nothing out."""
        if self.what_ifs is None:
            return None
        here = self.what_ifs[self.what_ifs["grid_id"] == grid_id]
        return read_what_ifs(here[here["suggested"]], self.facts.get("features", {}))

    def events_behind(self, grid_id: str, feature: str) -> pd.DataFrame | None:
        """The events behind the number of one reason of a grid, newest first, with `days_ago`; None where the run published none."""
        table = _of_target(_table(self.published, "events_behind"), self.target)
        if table is None:
            return None
        events = table[(table["grid_id"] == grid_id) & (table["feature"] == feature)]
        days_ago = (self.as_of - events["occurred_at"]) / pd.Timedelta(days=1)
        return events.assign(grid_id=events["event_grid_id"], days_ago=days_ago)

    @cached_property
    def grids_listed(self) -> list[str]:
        """Grids in the list of alerts; where no alerts were made, the riskiest grids up to the capacity."""
        if self.alerts is not None:
            return list(dict.fromkeys(" ".join(self.alerts["grid_ids"]).split()))
        return self.scores["grid_id"].head(min(int(self.facts.get("capacity") or 40), self.n_scored)).tolist()


def named(as_of: pd.Timestamp) -> str:
    """A night's date, with the time only where it is not midnight.

    Examples
    --------
    >>> named(pd.Timestamp("2025-01-08", tz="Asia/Shanghai"))
    '2025-01-08'
    """
    return as_of.strftime("%Y-%m-%d" if as_of == as_of.normalize() else "%Y-%m-%dT%H:%M:%S")


class Nights:
    """The nights of a store. A request asks once for its night and keeps to it, whatever is published meanwhile.

    Parameters
    ----------
    store
        The city.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._said: set[str] = set()
        self._read = lru_cache(maxsize=_KEPT_NIGHTS)(
            lambda as_of, run, target: _night_of(store.night(as_of, run), store, target)
        )
        self._scores = lru_cache(maxsize=_KEPT_SCORES)(
            lambda as_of, run, target: _scores_by_grid(store.night(as_of, run), target)
        )

    def dates(self) -> list[pd.Timestamp]:
        """Dates with a published night, oldest first, damaged ones too.

        Raises
        ------
        Problem
            503 where there is none.
        """
        dates = self.store.nights()
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
            return self._last_readable(self.dates(), target)
        dates = self.dates()
        try:
            wanted = self.store.instant(as_of)
        except (DataError, ValueError):
            raise of_faults([{"loc": (said_in, "as_of"), "type": "date_invalid"}]) from None
        if wanted not in dates:
            raise unknown_night(named(min(dates, key=lambda date: abs(date - wanted))))
        return self._opened(wanted, target)

    def newest(self) -> Night:
        """The newest night that can be read; a damaged one is passed over, and the log says so.

        Raises
        ------
        Problem
            503 where none can be read.
        """
        return self._last_readable(self.dates())

    def before(self, night: Night) -> Night | None:
        """The night published before, if any that can be read."""
        earlier = [date for date in self.dates() if date < night.as_of]
        try:
            return self._last_readable(earlier, night.target)
        except Problem:
            return None

    def upto(self, night: Night, n: int) -> list[pd.Timestamp]:
        """The last `n` dates up to the night, oldest first."""
        return [date for date in self.dates() if date <= night.as_of][-n:]

    def past_scores(self, dates: list[pd.Timestamp], grid_id: str, target: str) -> pd.DataFrame:
        """Score of one grid for a question on each of `dates` that can be read: `as_of`, `probability`, `expected`, `rank`, `state`."""
        columns = ["as_of", "probability", "expected", "rank", "state", "model_version"]
        rows = []
        for date in dates:
            try:
                scores = self._scores(date, self.store.night(date).run, target)
            except RiskwarnError:
                continue
            rows += [scores.loc[[grid_id]]] if grid_id in scores.index else []
        return pd.concat(rows)[columns].reset_index(drop=True) if rows else pd.DataFrame(columns=columns)

    def _say_once(self, message: str) -> None:
        """A warning in the log; every request meets the same damage again."""
        if message not in self._said:
            self._said.add(message)
            log.warning(message)

    def _last_readable(self, dates: list[pd.Timestamp], target: str | None = None) -> Night:
        for date in reversed(dates):
            try:
                self.store.night(date).check()
                return self._opened(date, target)
            except (RiskwarnError, Problem) as error:
                if isinstance(error, Problem) and error.code == "unknown_target":
                    raise
                self._say_once(f"the night of {named(date)} is passed over: {error}")
        raise damaged_night()

    def _opened(self, as_of: pd.Timestamp, target: str | None) -> Night:
        try:
            published = self.store.night(as_of)
            asked = targets_of(published)
            if target and target not in asked:
                raise unknown_target(asked)
            return self._read(as_of, published.run, target or asked[0])
        except RiskwarnError as error:
            self._say_once(f"the night of {named(as_of)} cannot be read: {error}")
            raise damaged_night() from None


def targets_of(published: PublishedNight) -> list[str]:
    """The questions a run answered, the first first; one without a name for a run that names none."""
    return list(published.facts.get("questions", {})) or [str(published.facts.get("target", ""))]


def facts_of(published: PublishedNight, target: str) -> dict[str, Any]:
    """What a run says of itself, with what it says of one of its questions."""
    return published.facts | published.facts.get("questions", {}).get(target, {})


def _night_of(published: PublishedNight, store: Store, target: str) -> Night:
    tables = {name: _of_target(_table(published, name), target) for name in _TABLES if name != "alerts"}
    tables["alerts"] = _table(published, "alerts")
    scores, reasons, gaps, alerts = (tables[name] for name in ("scores", "reasons", "gaps", "alerts"))
    if scores is None:
        raise NotFoundError(f"run {published.run} of {named(published.as_of)} published no scores.")
    grids = _grids(store, published.as_of)
    return Night(
        published,
        grids,
        _with_places(scores, grids, alerts),
        pd.DataFrame(columns=list(_REASONS)) if reasons is None else reasons,
        None if gaps is None else gaps.sort_values(["severity", "gap_id"], ascending=[False, True], ignore_index=True),
        alerts,
        _weeks(tables, published.as_of),
        tables["what_ifs"],
        target,
    )


def _scores_by_grid(published: PublishedNight, target: str) -> pd.DataFrame:
    scores = _of_target(_table(published, "scores"), target)
    return pd.DataFrame() if scores is None else scores.set_index("grid_id")


def _table(published: PublishedNight, name: str) -> pd.DataFrame | None:
    return published.table(name) if name in published.tables else None


def _weeks(tables: Mapping[str, pd.DataFrame | None], as_of: pd.Timestamp) -> Weeks | None:
    weeks, readings = tables["weeks"], tables["weekly_readings"]
    return None if weeks is None or readings is None else weeks_of(weeks, readings, week_ends(as_of))


def _grids(store: Store, as_of: pd.Timestamp) -> pd.DataFrame:
    try:
        return store.grids(as_of)
    except RiskwarnError:
        return store.grids()


def _of_target(table: pd.DataFrame | None, target: str) -> pd.DataFrame | None:
    """Rows of one question, where the table has targets; all rows share one where the run names none."""
    if table is None or table.empty or "target" not in table:
        return table
    return table[table["target"] == (target or table["target"].iloc[0])].reset_index(drop=True)


def _with_places(scores: pd.DataFrame, grids: pd.DataFrame, alerts: pd.DataFrame | None) -> pd.DataFrame:
    named_scores = scores.merge(grids[["grid_id", *(c for c in _PARENTS if c in grids)]], on="grid_id", how="left")
    named_scores = named_scores.assign(band=_band(named_scores["rank"]))
    joined = named_scores.merge(_members(alerts), on="grid_id", how="left").astype({"leads": "boolean"})
    joined["leads"] = joined["leads"].fillna(value=False)
    return joined.sort_values(["rank", "grid_id"], na_position="last", ignore_index=True)


def _members(alerts: pd.DataFrame | None) -> pd.DataFrame:
    """Grids of the alerts: `grid_id`, `level`, `alert_id`, and whether it `leads` its alert."""
    if alerts is None or alerts.empty:
        return pd.DataFrame({"grid_id": [], "level": [], "alert_id": [], "leads": []}).astype("str")
    members = alerts.assign(grid_id=alerts["grid_ids"].str.split())[["grid_id", "level", "alert_id"]].explode("grid_id")
    return members.assign(leads=~members["alert_id"].duplicated()).drop_duplicates("grid_id")


def _band(rank: pd.Series) -> np.ndarray:
    """Band 1 to 5 of each rank by :data:`BAND_SHARES`; 0 where there is none. The first band holds at least one grid."""
    place = rank.to_numpy(dtype=float, na_value=np.nan)
    ends = np.ceil(np.array(BAND_SHARES) * np.isfinite(place).sum())
    return np.where(np.isfinite(place), np.minimum(np.searchsorted(ends, np.nan_to_num(place)) + 1, len(ends)), 0)
