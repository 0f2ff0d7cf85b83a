"""What one run published, held once in columns for all its questions; a night of one question is a view of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from riskwarn.errors import NotFoundError
from riskwarn.explanation import WhatIf, read_what_ifs
from riskwarn.schema import table_of
from riskwarn.store import PublishedNight
from riskwarn.web.columns import Columns, columns_of, compact, plain
from riskwarn.web.places import SHOWN, Places
from riskwarn.web.weekly import Weeks, weeks_of
from riskwarn.weekly import week_ends

BAND_SHARES = (0.01, 0.05, 0.10, 0.25, 1.0)
"""Upper ends of the bands of the map: shares of the scored grids by rank."""
_KEPT_FRAMES = 2
_SCORE = table_of("scores")


class Held:
    """The tables of one run. Each is read once, when it is first asked for, and kept as long as the run is.

    Parameters
    ----------
    published
        The run.
    places
        Its grids.

    Raises
    ------
    NotFoundError
        The run published no scores.
    """

    def __init__(self, published: PublishedNight, places: Places) -> None:
        if "scores" not in published.tables:
            raise NotFoundError(f"run {published.run} of {named(published.as_of)} published no scores.")
        self.published, self.places = published, places
        self.targets = targets_of(published)
        self.timezone = str(published.as_of.tz)
        self._lock = Lock()
        self.numbers = _numbered(places, self.scores)
        self._frames: dict[str, tuple[pd.DataFrame, pd.DataFrame]] = {}
        self._ranked: dict[str, Ranked] = {}
        self._nights: dict[str, Night] = {}
        _ = self.alerts, self.gaps

    def night(self, target: str) -> "Night":
        """The answers to one question.

        Parameters
        ----------
        target
            One of `targets`.

        Returns
        -------
        night
            The same object each time.
        """
        with self._lock:
            return self._nights.setdefault(target, Night(self, target))

    def read_all(self) -> None:
        """Read what is not read yet, so that no request waits for it."""
        for target in self.targets:
            self.ranked(target)
        _ = self.reasons, self.what_ifs, self.weeks

    @cached_property
    def scores(self) -> pa.Table:
        """Scores of all questions as published, compact."""
        rows = self.published.arrow("scores")
        return compact(rows.drop_columns(["as_of"]))

    @cached_property
    def gaps(self) -> pd.DataFrame | None:
        """Gaps, the most severe first; None where the run did not look for any."""
        gaps = self._frame("gaps")
        by = ["severity", "gap_id"]
        return None if gaps is None else gaps.sort_values(by, ascending=[False, True], ignore_index=True)

    @cached_property
    def alerts(self) -> pd.DataFrame | None:
        """Alerts in the order of the list; None where the run raised none because it did not try."""
        return self._frame("alerts")

    @cached_property
    def reasons(self) -> Columns | None:
        """Table `reasons`; None where the run published none."""
        return self._columns("reasons")

    @cached_property
    def what_ifs(self) -> Columns | None:
        """Table `what_ifs`; None where the run published none."""
        return self._columns("what_ifs")

    @cached_property
    def serious_events(self) -> pd.DataFrame | None:
        """Serious events, for the look back; None where the run published none."""
        return self._frame("serious_events")

    @cached_property
    def weeks(self) -> Weeks | None:
        """Events by week; None where the run published none."""
        readings = self._frame("weekly_readings")
        if readings is None or "weeks" not in self.published.tables:
            return None
        return weeks_of(self.published.arrow("weeks"), readings, week_ends(self.published.as_of))

    def ranked(self, target: str) -> "Ranked":
        """The scores of one question, riskiest first.

        Parameters
        ----------
        target
            One of `targets`.

        Returns
        -------
        ranked
            With the names and alerts of the grids.
        """
        with self._lock:
            if target not in self._ranked:
                self._ranked[target] = _ranked(self._with_places(target), self.numbers)
            return self._ranked[target]

    def frame(self, target: str) -> pd.DataFrame:
        """The scores of one question as a frame, riskiest first; the last few asked for are kept.

        Parameters
        ----------
        target
            One of `targets`.

        Returns
        -------
        scores
            As :class:`Night` has them.
        """
        return self._framed(target)[0]

    def by_grid(self, target: str) -> pd.DataFrame:
        """The same frame with the grids as its index.

        Parameters
        ----------
        target
            One of `targets`.

        Returns
        -------
        scores
            By `grid_id`.
        """
        return self._framed(target)[1]

    def _framed(self, target: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        ranked = self.ranked(target)
        with self._lock:
            made = self._frames.pop(target, None)
            if made is None:
                frame = ranked.frame(self.timezone)
                made = frame, frame.set_index(pd.Index(frame["grid_id"].to_numpy(dtype="object"), name="grid_id"))
            self._frames[target] = made
            if len(self._frames) > _KEPT_FRAMES:
                self._frames.pop(next(iter(self._frames)))
            return made

    def _with_places(self, target: str) -> pd.DataFrame:
        rows = self.scores
        wanted = target or (rows["target"][0].as_py() if len(rows) else "")
        scores = plain(_SCORE, rows.filter(pc.equal(rows["target"].cast(pa.string()), wanted)), self.timezone)
        return with_places(scores, self.places.grids, self.alerts)

    def _frame(self, name: str) -> pd.DataFrame | None:
        return self.published.table(name) if name in self.published.tables else None

    def _columns(self, name: str) -> Columns | None:
        if name not in self.published.tables:
            return None
        rows = self.published.arrow(name).drop_columns(["as_of"])
        return columns_of(table_of(name), rows, targets=self.targets, grids=self.numbers, timezone=self.timezone)


@dataclass(frozen=True, eq=False)
class Ranked:
    """The scores of one question in columns, riskiest first, unscored last.

    Parameters
    ----------
    rows
        Compact; columns as :class:`Night` names them.
    row_of
        By number of the grid its row, -1 where it has none.
    numbers
        The number of each grid.
    n_scored
        Rows with a rank; they stand first.
    made
        What was made of the rows and is kept with them, by name.
    """

    rows: pa.Table
    row_of: np.ndarray
    numbers: Mapping[str, int]
    n_scored: int
    made: dict[Any, Any] = field(default_factory=dict)

    def row(self, grid_id: str) -> int:
        """The row of a grid, -1 where there is none.

        Parameters
        ----------
        grid_id
            The grid.

        Returns
        -------
        row
            From 0.
        """
        number = self.numbers.get(grid_id)
        return -1 if number is None else int(self.row_of[number])

    def frame(self, timezone: str) -> pd.DataFrame:
        """All rows as a frame.

        Parameters
        ----------
        timezone
            Of the times.

        Returns
        -------
        frame
            Words as text, ranks that may be missing.
        """
        frame = plain(_SCORE, self.rows, timezone)
        return frame.astype({"leads": "bool", "band": "int64"})


def _ranked(scores: pd.DataFrame, numbers: Mapping[str, int]) -> Ranked:
    rows = compact(pa.Table.from_pandas(scores, preserve_index=False).replace_schema_metadata())
    row_of = np.full(len(numbers), -1, dtype=np.int32)
    row_of[[numbers[g] for g in scores["grid_id"]]] = np.arange(len(scores))
    return Ranked(rows, row_of, numbers, int(scores["rank"].notna().sum()))


def _numbered(places: Places, scores: pa.Table) -> Mapping[str, int]:
    """The number of each grid, of those too that are scored and not among the grids."""
    strange = sorted({*pc.unique(scores["grid_id"].cast(pa.string())).to_pylist()} - {*places.numbers})
    more = {grid_id: len(places.numbers) + n for n, grid_id in enumerate(strange)}
    return places.numbers | more if more else places.numbers


@dataclass(frozen=True, eq=False)
class Night:
    """What one run published for one date and question.

    Parameters
    ----------
    held
        The run.
    target
        The question that scores, reasons and what-ifs are of; empty for a run that names none. Gaps and alerts are of the whole night.
    """

    held: Held
    target: str

    @property
    def published(self) -> PublishedNight:
        """The run it was read from."""
        return self.held.published

    @property
    def as_of(self) -> pd.Timestamp:
        """The date, an instant on the city's clock."""
        return self.published.as_of

    @property
    def run(self) -> str:
        """Name of the run."""
        return self.published.run

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """What the run says of itself, and of the question shown."""
        return facts_of(self.published, self.target)

    @cached_property
    def date(self) -> str:
        """The date as pages and addresses write it."""
        return named(self.as_of)

    @cached_property
    def data_until(self) -> str | None:
        """The cut-off of the records behind the scores: what the store held, or `as_of` where that is earlier."""
        stated = self.facts.get("data_until")
        return None if stated is None else min(pd.Timestamp(stated), self.as_of).isoformat()

    @property
    def ranked(self) -> Ranked:
        """The scores in columns."""
        return self.held.ranked(self.target)

    @property
    def scores(self) -> pd.DataFrame:
        """One row a grid, riskiest first, unscored last; with its names and parents, `level` and `alert_id` of its alert, whether it `leads` it, `band` 1
        (riskiest) to 5, and 0 where there is no score.
        """
        return self.held.frame(self.target)

    @property
    def by_grid(self) -> pd.DataFrame:
        """Scores by `grid_id`."""
        return self.held.by_grid(self.target)

    @property
    def gaps(self) -> pd.DataFrame | None:
        """Gaps; None where the run did not make them, which is not the same as finding none."""
        return self.held.gaps

    @property
    def alerts(self) -> pd.DataFrame | None:
        """Alerts; None where the run did not make them."""
        return self.held.alerts

    @property
    def weeks(self) -> Weeks | None:
        """Events by week; None where the run published none."""
        return self.held.weeks

    @property
    def places(self) -> Places:
        """The grids."""
        return self.held.places

    @property
    def names(self) -> dict[str, str]:
        """Name of each grid, its id where it has none."""
        return self.places.names

    @cached_property
    def made(self) -> dict[Any, Any]:
        """What was made of the night and is kept with it, by name."""
        return {}

    @property
    def n_scored(self) -> int:
        """Grids with a score."""
        return self.ranked.n_scored

    @property
    def n_scored_here(self) -> int:
        """Grids with a score among those shown: all of them, where a visitor sees the whole city."""
        return self.n_scored

    @cached_property
    def mean_probability(self) -> float:
        """Mean probability over scored grids; NaN where there is none."""
        return _mean(self.ranked.rows["probability"])

    @cached_property
    def mean_expected(self) -> float:
        """Mean expected count over scored grids; NaN where there is none."""
        return _mean(self.ranked.rows["expected"])

    def reasons_of(self, grid_ids: list[str]) -> pd.DataFrame:
        """Reasons of some grids, in the order of `place`."""
        reasons = self.held.reasons
        if reasons is None:
            return pd.DataFrame(columns=[c for c in table_of("reasons").column_names if c != "as_of"])
        rows = reasons.of_each(self.target, grid_ids)
        order = np.lexsort((rows["place"], pd.Index(grid_ids).get_indexer(rows["grid_id"])))
        return rows.iloc[order].reset_index(drop=True)

    def changes_of(self, grid_id: str) -> pd.DataFrame | None:
        """Rows of table `what_ifs` of a grid; None where the run worked nothing out."""
        return None if self.held.what_ifs is None else self.held.what_ifs.of(self.target, grid_id)

    def what_ifs_of(self, grid_id: str) -> list[WhatIf] | None:
        """What can be done for a grid and where it would stand then; None where the run worked nothing out."""
        here = self.changes_of(grid_id)
        return None if here is None else read_what_ifs(here[here["suggested"]], self.facts.get("features", {}))

    def events_behind(self, grid_id: str, feature: str) -> pd.DataFrame | None:
        """The events behind the number of one reason of a grid, newest first, with `days_ago`; None where the run published none."""
        if "events_behind" not in self.published.tables:
            return None
        wanted = {"grid_id": grid_id, "feature": feature} | ({"target": self.target} if self.target else {})
        events = self.published.rows("events_behind", **wanted)
        days_ago = (self.as_of - events["occurred_at"]) / pd.Timedelta(days=1)
        return events.assign(grid_id=events["event_grid_id"], days_ago=days_ago)

    def categories_of(self, grid_id: str) -> pd.DataFrame | None:
        """Rows of table `category_counts` of a grid; None where the run published none."""
        if "category_counts" not in self.published.tables:
            return None
        return self.published.rows("category_counts", grid_id=grid_id)

    @cached_property
    def grids_listed(self) -> list[str]:
        """Grids in the list of alerts; where no alerts were made, the riskiest grids up to the capacity."""
        if self.alerts is not None:
            return list(dict.fromkeys(" ".join(self.alerts["grid_ids"]).split()))
        n = min(int(self.facts.get("capacity") or 40), self.n_scored)
        return list(self.ranked.rows["grid_id"].slice(0, n).to_pylist())


def _mean(values: pa.ChunkedArray) -> float:
    known = values.to_numpy().astype(np.float64)
    known = known[np.isfinite(known)]
    return float(known.mean()) if len(known) else float("nan")


def named(as_of: pd.Timestamp) -> str:
    """A night's date, with the time only where it is not midnight.

    Examples
    --------
    >>> named(pd.Timestamp("2025-01-08", tz="Asia/Shanghai"))
    '2025-01-08'
    """
    return as_of.strftime("%Y-%m-%d" if as_of == as_of.normalize() else "%Y-%m-%dT%H:%M:%S")


def targets_of(published: PublishedNight) -> list[str]:
    """The questions a run answered, the first first; one without a name for a run that names none."""
    return list(published.facts.get("questions", {})) or [str(published.facts.get("target", ""))]


def facts_of(published: PublishedNight, target: str) -> dict[str, Any]:
    """What a run says of itself, with what it says of one of its questions."""
    return published.facts | published.facts.get("questions", {}).get(target, {})


def with_places(scores: pd.DataFrame, grids: pd.DataFrame, alerts: pd.DataFrame | None) -> pd.DataFrame:
    """Scores, riskiest first, with the names and parents of the grids, their band, and their alert.

    Parameters
    ----------
    scores
        Of one question.
    grids
        Table `grids`.
    alerts
        Table `alerts`.

    Returns
    -------
    scores
        Unscored grids last.
    """
    named_scores = scores.merge(grids[["grid_id", *(c for c in SHOWN if c in grids)]], on="grid_id", how="left")
    named_scores = named_scores.assign(band=_band(named_scores["rank"]))
    joined = named_scores.merge(_members(alerts), on="grid_id", how="left").astype({"leads": "boolean"})
    joined["leads"] = joined["leads"].fillna(value=False)
    return joined.sort_values(["rank", "grid_id"], na_position="last", ignore_index=True)


def _members(alerts: pd.DataFrame | None) -> pd.DataFrame:
    """Grids of the alerts: `grid_id`, `level`, `lane`, `alert_id`, and whether it `leads` its alert."""
    if alerts is None or alerts.empty:
        return pd.DataFrame({name: [] for name in ("grid_id", "level", "lane", "alert_id", "leads")}).astype("str")
    lane = alerts["lane"] if "lane" in alerts else pd.Series(None, alerts.index, dtype="str")
    named_alerts = alerts.assign(grid_id=alerts["grid_ids"].str.split(), lane=lane)
    members = named_alerts[["grid_id", "level", "lane", "alert_id"]].explode("grid_id")
    return members.assign(leads=~members["alert_id"].duplicated()).drop_duplicates("grid_id")


def _band(rank: pd.Series) -> np.ndarray:
    """Band 1 to 5 of each rank by :data:`BAND_SHARES`; 0 where there is none. The first band holds at least one grid."""
    place = rank.to_numpy(dtype=float, na_value=np.nan)
    ends = np.ceil(np.array(BAND_SHARES) * np.isfinite(place).sum())
    return np.where(np.isfinite(place), np.minimum(np.searchsorted(ends, np.nan_to_num(place)) + 1, len(ends)), 0)
