"""What of a night fits the filters of a reader: alerts, gaps and grids, the same for the list and the map."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from riskwarn.access import Visitor, in_area
from riskwarn.ledger import within
from riskwarn.web.api.gaps import evidence
from riskwarn.web.books import Books
from riskwarn.web.held import Night
from riskwarn.web.lines import found_gaps
from riskwarn.web.morning import filled, ordered
from riskwarn.web.page import PageQuery
from riskwarn.web.schemas import Lane, Level
from riskwarn.web.worklist import area_of

OF_ALERTS = ("level", "lane", "trend", "owner", "state")
"""Filters that only an alert can fit."""
FILTERS = ("area", *OF_ALERTS, "gap")
NEWS_TRENDS = ("new", "worse")


class FitQuery(PageQuery):
    """Filters of the list and the map; they combine."""

    page: int = Field(1, ge=1, le=1_000_000)
    area: str = Field("", max_length=64, description="county, township, community or grid")
    level: Level | Literal[""] = ""
    lane: Lane | Literal[""] = ""
    trend: Literal["", "news", "new", "worse", "same", "better"] = ""
    gap: str = Field("", pattern=r"^(G\d\d)?$", description="kind of gap")
    owner: str = Field("", max_length=64, description="area or body it was assigned to")
    state: str = Field("", pattern=r"^[a-z_]{0,40}$", description="where its work stands")

    @property
    def asked(self) -> dict[str, str]:
        """The filters that are set, by name."""
        return {name: value for name in FILTERS if (value := getattr(self, name))}


@dataclass(frozen=True, eq=False)
class Fit:
    """What fits.

    Attributes
    ----------
    alerts
        In reading order, with `owner` and `state` as their work stands.
    gaps
        Of the kind asked for, the gravest first; None where no kind was asked for.
    grids
        (n,) Which rows of the night's scores.
    """

    alerts: pd.DataFrame
    gaps: pd.DataFrame | None
    grids: np.ndarray


def fitting(night: Night, asked: FitQuery, alerts: pd.DataFrame) -> Fit:
    """What of a night fits the filters: a place fits where all of them hold for it.

    Parameters
    ----------
    night
        As the reader sees it.
    asked
        The filters.
    alerts
        Those of the night, as :func:`with_work` gives them.

    Returns
    -------
    fit
        An alert fits where it does itself and one of its grids does; a gap of no grid where its body lies in the area, and no alert is
        asked for.
    """
    fits = _inside(night, asked.area) if asked.area else np.ones(len(night.scores), dtype=bool)
    where = grids_of_gaps(night, asked.gap) if asked.gap else None
    if where is not None:
        fits &= _rows_with(night, where)
    chosen = alerts[_like(alerts, asked)]
    members = chosen["grid_ids"].str.split().explode()
    row = _index(night).get_indexer(members)
    inside = (row >= 0) & fits[row]
    chosen = chosen[chosen.index.isin(members.index[inside])]
    if any(getattr(asked, name) for name in OF_ALERTS):
        fits &= _rows_with(night, members[members.index.isin(chosen.index)])
    gaps = None if where is None or night.gaps is None else _gaps(night, asked, where, fits)
    return Fit(ordered(chosen), gaps, fits)


def _inside(night: Night, area: str) -> np.ndarray:
    """(n,) Which rows of the night's scores lie in an area; found once a night."""
    made, key = night.made, ("inside", area)
    if key not in made:
        made[key] = in_area(night.scores, area)
    inside: np.ndarray = made[key].copy()
    return inside


def _index(night: Night) -> pd.Index:
    """The grids of the night's scores, to look rows up by."""
    if "grids" not in night.made:
        night.made["grids"] = pd.Index(night.scores["grid_id"].astype("object"))
    index: pd.Index = night.made["grids"]
    return index


def _rows_with(night: Night, grids: pd.Series) -> np.ndarray:
    """(n,) Which rows of the night's scores are of some grids."""
    row = _index(night).get_indexer(grids)
    mask = np.zeros(len(_index(night)), dtype=bool)
    mask[row[row >= 0]] = True
    return mask


def _like(alerts: pd.DataFrame, asked: FitQuery) -> pd.Series:
    """Which alerts are themselves as asked for."""
    like = pd.Series(data=True, index=alerts.index)
    for column in OF_ALERTS:
        value = getattr(asked, column)
        if value:
            like &= filled(alerts, column).isin(NEWS_TRENDS if value == "news" else [value])
    return like


def _gaps(night: Night, asked: FitQuery, where: pd.Series, fits: np.ndarray) -> pd.DataFrame:
    gaps = found_gaps(night.gaps)
    gaps = gaps[gaps["kind"] == asked.gap]
    shown = gaps.index.isin(where.index[fits[_index(night).get_indexer(where)]])
    if not any(getattr(asked, name) for name in OF_ALERTS):
        bodies = ~gaps.index.isin(where.index)
        areas = area_of(gaps[bodies], night)
        shown[bodies] = [not asked.area or within(str(area), asked.area) for area in areas]
    return gaps[shown]


def grids_of_gaps(night: Night, kind: str) -> pd.Series:
    """The grids that the gaps of a kind touch, one a row, on the index of the night's gaps; found once a night.

    Parameters
    ----------
    night
        As the reader sees it.
    kind
        Code of the kind.

    Returns
    -------
    grid_ids
        Gaps of no grid are left out.
    """
    made, key = night.made, ("grids of gaps", kind)
    if key not in made:
        gaps = found_gaps(night.gaps) if night.gaps is not None else pd.DataFrame({"kind": [], "scope": []})
        gaps = gaps[gaps["kind"] == kind]
        named = [_named(scope, gaps["evidence"].get(at)) for at, scope in gaps["scope"].items()]
        grids = pd.Series(named, index=gaps.index, dtype="object").explode().dropna()
        made[key] = grids[_index(night).get_indexer(grids) >= 0]
    found: pd.Series = made[key]
    return found


def _named(scope: object, text: object) -> list[str]:
    kind, _, rest = str(scope).partition(":")
    if kind == "place":
        return [str(grid) for grid in evidence(text).get("grids", ())]
    return re.split(r"[/|, ]", rest)


def with_work(night: Night, books: Books, visitor: Visitor) -> pd.DataFrame:
    """The alerts of a night with the `state` and `owner` of their work, as far as the visitor may know of it.

    Parameters
    ----------
    night
        As the visitor sees it.
    books
        The ledger.
    visitor
        Who asks.

    Returns
    -------
    alerts
        None of them where the night made none.
    """
    if night.alerts is None or night.alerts.empty:
        return pd.DataFrame({name: pd.Series(dtype="str") for name in ("alert_id", "grid_ids", *OF_ALERTS)})
    ids = night.alerts["alert_id"]
    items = books.last_items("alert", ids.tolist(), visitor)
    owner, state = (ids.map(items[name]).replace("", np.nan) for name in ("owner", "state"))
    return night.alerts.assign(
        owner=owner.where(owner.notna(), filled(night.alerts, "owner")),
        state=state.where(state.notna(), filled(night.alerts, "state")),
    )


def offered(alerts: pd.DataFrame, column: str) -> list[str]:
    """The values a filter can have: what the night's alerts show, in order."""
    values: Iterable[str] = filled(alerts, column).unique()
    return sorted(value for value in values if value)
