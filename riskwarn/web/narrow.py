"""A night as a visitor sees it: of one's own area and what lies below, while ranks and means stay those of the city."""

import re
from dataclasses import replace
from functools import cached_property
from typing import Any, cast

import pandas as pd

from riskwarn.access import Visitor, in_area
from riskwarn.access.area import COLUMNS
from riskwarn.ledger import CITY, Item, within
from riskwarn.web.held import Night


def narrowed(night: Night, visitor: Visitor) -> Night:
    """A night of the visitor's area; the night itself for who sees the whole city."""
    return night if visitor.sees_all else of_area(night, visitor.area)


def of_area(night: Night, area: str) -> Night:
    """A night of an area; the night itself for the whole city."""
    if area == CITY:
        return night
    made, key = night.made, ("narrowed", area)
    return cast("Night", made[key] if key in made else made.setdefault(key, _Narrowed(night, area)))


def narrowed_item(item: Item, night: Night, visitor: Visitor) -> Item:
    """An item as a visitor sees it: of one across a border the grids of one's own area, and all of one that was assigned there."""
    if visitor.sees_all or not within(item.path, visitor.area):
        return item
    inside = narrowed(night, visitor).by_grid.index
    return replace(item, grid_ids=" ".join(g for g in item.grid_ids.split() if g == item.lead or g in inside))


class _Narrowed:
    """A night of which the grids, alerts and gaps of an area are left; all else is the night's."""

    def __init__(self, night: Night, area: str) -> None:
        self._night, self._area = night, area
        self.made: dict[Any, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._night, name)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Scores of the grids of the area; ranks are those in the city."""
        every = self._night.scores
        return every[in_area(every, self._area)].reset_index(drop=True)

    @cached_property
    def by_grid(self) -> pd.DataFrame:
        """Scores by `grid_id`."""
        return self.scores.set_index("grid_id", drop=False)

    @cached_property
    def alerts(self) -> pd.DataFrame | None:
        """Alerts with a grid in the area, of which only such grids are named."""
        every = self._night.alerts
        if every is None:
            return None
        inside = self.by_grid.index
        kept = [" ".join(g for g in str(ids).split() if g in inside) for ids in every["grid_ids"]]
        named = every.assign(grid_ids=pd.array(kept, dtype="str"))
        return named[named["grid_ids"] != ""].reset_index(drop=True)

    @cached_property
    def gaps(self) -> pd.DataFrame | None:
        """Gaps whose scope names a grid of the area, or an area within it, and no grid or area outside."""
        every = self._night.gaps
        if every is None:
            return None
        kept = [self._is_inside(re.split(r"[/|, ]", str(scope).partition(":")[2])) for scope in every["scope"]]
        return every[pd.array(kept, dtype=bool)].reset_index(drop=True)

    def _is_inside(self, parts: list[str]) -> bool:
        inside = {p for p in parts if p in self._codes or within(p, self._area)}
        return bool(inside) and not (set(parts) - inside) & self._all_codes

    @cached_property
    def _all_codes(self) -> set[str]:
        every = self._night.scores
        return {str(code) for column in COLUMNS if column in every for code in every[column].dropna().unique()}

    @cached_property
    def _codes(self) -> set[str]:
        """Grids of the area, and the areas all of whose grids lie in it."""
        codes: set[str] = set()
        for column in (c for c in COLUMNS if c in self.scores):
            here, there = self.scores[column].value_counts(), self._night.scores[column].value_counts()
            codes |= set(here.index[here == there.reindex(here.index)].astype(str))
        return codes

    @property
    def grids_listed(self) -> list[str]:
        """Grids of the area in the list."""
        return [grid for grid in self._night.grids_listed if grid in self.by_grid.index]

    @property
    def n_scored_here(self) -> int:
        """Grids of the area with a score."""
        return int(self.scores["rank"].notna().sum())
