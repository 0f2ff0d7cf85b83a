"""The published nights of a store, each read once per run and kept while it is among the last few asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pandas as pd
import shapely

from riskwarn.errors import DataError, NotFoundError, RiskwarnError
from riskwarn.explanation import WhatIf, read_what_ifs
from riskwarn.store import Store
from riskwarn.web.problems import nothing_published, of_faults, unknown_night
from riskwarn.web.weekly import Weeks, weeks_of
from riskwarn.weekly import week_ends

BAND_SHARES = (0.01, 0.05, 0.10, 0.25, 1.0)
"""Upper ends of the bands of the map: shares of the scored grids by rank."""
_KEPT_NIGHTS = 8
_TABLES = ("scores", "reasons", "gaps", "alerts", "weeks", "weekly_readings", "what_ifs")
_PARENTS = ("name", "community_id", "township_id", "county_id", "area_km2", "households", "population")


@dataclass(frozen=True, eq=False)
class Night:
    """What one run published for one date.

    Parameters
    ----------
    as_of, run
        The date and the run.
    facts
        What the run says of itself.
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
    """

    as_of: pd.Timestamp
    run: str
    facts: Mapping[str, Any]
    grids: pd.DataFrame
    scores: pd.DataFrame
    reasons: pd.DataFrame
    gaps: pd.DataFrame | None
    alerts: pd.DataFrame | None
    weeks: Weeks | None
    what_ifs: pd.DataFrame | None

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
        found = [self.why.get_group(g) for g in grid_ids if g in self.why.groups]
        return pd.concat(found) if found else self.reasons.iloc[:0]

    def what_ifs_of(self, grid_id: str) -> list[WhatIf] | None:
        """What can be done for a grid and where it would stand then; None where the run worked nothing out."""
        if self.what_ifs is None:
            return None
        here = self.what_ifs[self.what_ifs["grid_id"] == grid_id]
        return read_what_ifs(here[here["suggested"]], self.facts.get("features", {}))

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
    """The nights of a store. A request asks once for its night and keeps to it, whatever is published meanwhile."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._kept = lru_cache(maxsize=_KEPT_NIGHTS)(self._read)

    def dates(self) -> list[pd.Timestamp]:
        """Dates with a published night, oldest first.

        Raises
        ------
        Problem
            503 where there is none.
        """
        dates = self.store.nights()
        if not dates:
            raise nothing_published()
        return dates

    def at(self, as_of: str | None = None, *, said_in: str = "query") -> Night:
        """The night of `as_of`, the newest by default.

        Raises
        ------
        Problem
            404 naming the nearest night where nothing is published for the date; 422 where it is no date; 503 where nothing is
            published at all.
        """
        dates = self.dates()
        try:
            wanted = self.store.instant(as_of) if as_of else dates[-1]
        except (DataError, ValueError):
            raise of_faults([{"loc": (said_in, "as_of"), "type": "date_invalid"}]) from None
        if wanted not in dates:
            raise unknown_night(named(min(dates, key=lambda date: abs(date - wanted))))
        return self._open(wanted)

    def before(self, night: Night) -> Night | None:
        """The night published for the date before, if any."""
        earlier = [date for date in self.dates() if date < night.as_of]
        return self._open(earlier[-1]) if earlier else None

    def upto(self, night: Night, n: int) -> list[pd.Timestamp]:
        """The last `n` dates up to the night, oldest first."""
        return [date for date in self.dates() if date <= night.as_of][-n:]

    def past_scores(self, dates: list[pd.Timestamp], grid_id: str) -> pd.DataFrame:
        """Score of one grid on each of `dates`: `as_of`, `probability`, `expected`, `rank`, `state`."""
        columns = ["as_of", "probability", "expected", "rank", "state", "model_version"]
        found = [_scores_by_grid(self.store, date, self.store.run_of(date) or "") for date in dates]
        rows = [frame.loc[[grid_id]] for frame in found if grid_id in frame.index]
        return pd.concat(rows)[columns].reset_index(drop=True) if rows else pd.DataFrame(columns=columns)

    def _open(self, as_of: pd.Timestamp) -> Night:
        return self._kept(as_of, self.store.run_of(as_of) or "")

    def _read(self, as_of: pd.Timestamp, run: str) -> Night:
        facts: Mapping[str, Any] = self.store.facts(as_of)
        tables = {name: _table(self.store, name, as_of) for name in _TABLES}
        now = self.store.run_of(as_of) or ""
        if now != run:
            return self._read(as_of, now)
        scores = _of_target(tables["scores"], facts)
        if scores is None:
            raise NotFoundError(f"run {run} of {as_of.date()} published no scores.")
        alerts, grids = _of_target(tables["alerts"], facts), _grids(self.store, as_of)
        alerts = None if alerts is None else alerts.sort_values("rank", kind="stable", ignore_index=True)
        reasons = _of_target(tables["reasons"], facts)
        gaps = tables["gaps"]
        return Night(
            as_of, run, facts, grids,
            _with_places(scores, grids, alerts),
            pd.DataFrame(columns=["grid_id", "place", "feature", "value", "normal", "contribution", "code"]) if reasons is None else reasons,
            None if gaps is None else gaps.sort_values(["severity", "gap_id"], ascending=[False, True], ignore_index=True),
            alerts, _weeks(tables, as_of), _of_target(tables["what_ifs"], facts),
        )  # fmt: skip


@lru_cache(maxsize=128)
def _scores_by_grid(store: Store, as_of: pd.Timestamp, run: str) -> pd.DataFrame:  # noqa: ARG001 - part of the key
    """Scores of one run by grid; a new run is read anew."""
    scores = _of_target(_table(store, "scores", as_of), store.facts(as_of))
    return pd.DataFrame() if scores is None else scores.set_index("grid_id")


def _table(store: Store, name: str, as_of: pd.Timestamp) -> pd.DataFrame | None:
    try:
        return store.read(name, as_of=as_of)
    except NotFoundError:
        return None


def _weeks(tables: Mapping[str, pd.DataFrame | None], as_of: pd.Timestamp) -> Weeks | None:
    weeks, readings = tables["weeks"], tables["weekly_readings"]
    return None if weeks is None or readings is None else weeks_of(weeks, readings, week_ends(as_of))


def _grids(store: Store, as_of: pd.Timestamp) -> pd.DataFrame:
    try:
        return store.grids(as_of)
    except RiskwarnError:
        return store.grids()


def _of_target(table: pd.DataFrame | None, facts: Mapping[str, Any]) -> pd.DataFrame | None:
    """Rows of the night's main target; all rows share one where the facts name none."""
    if table is None or table.empty:
        return table
    target = facts.get("target", table["target"].iloc[0])
    return table[table["target"] == target].reset_index(drop=True)


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
