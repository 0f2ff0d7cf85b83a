"""Gaps as work: one item for each kind and area, what saves most for the least effort first, no more than can be done today."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from riskwarn.web.api.gaps import evidence
from riskwarn.web.held import Night
from riskwarn.web.lines import found_gaps, gap_lines

MOST_ITEMS, MOST_OF_KIND = 30, 4
"""Items on the page, and of one kind: the rest stands behind the list of its kind."""
EFFORT = {"A1": 3.0, "A2": 1.0, "A3": 2.0, "A4": 1.0, "A5": 1.0, "A6": 2.0, "A7": 1.0, "A8": 1.0, "A9": 5.0, "A10": 2.0}
"""What an action takes, beside a telephone call: house defaults, a visit is three calls and another worker five."""
HANDS = 10
"""What one area or body can do in a day, in telephone calls: a house default, about three visits."""
EACH = frozenset({"A1", "A2", "A6", "A7"})
"""Actions that go to each place by itself; any other is one talk about all of a group."""
_AREAS = ("township_id", "county_id")
DETAILS = frozenset({"calendar"})
"""Evidence that is told in the table of a kind, and not beside every item."""


@dataclass(frozen=True)
class Item:
    """One piece of work.

    Attributes
    ----------
    kind
        Code of the kind of gap.
    area
        Township or body in which it lies; empty for the whole city.
    n
        Gaps in it.
    gain
        Severity times confidence of its gravest gap, over the effort of its action.
    worst
        Its gravest gap, in words.
    today
        Of its gaps, those that can be done today; the rest waits.
    """

    kind: str
    area: str
    n: int
    gain: float
    worst: Mapping[str, Any]
    today: int = 0

    @property
    def is_each(self) -> bool:
        """Whether its action goes to each place by itself, and is not one talk about all."""
        return self.worst["action"] in EACH


def area_of(gaps: pd.DataFrame, night: Night) -> pd.Series:
    """The township or body that each gap belongs to; empty for the whole city.

    Parameters
    ----------
    gaps
        Of one night.
    night
        Whose grids say where each lies.

    Returns
    -------
    area
        On the index of `gaps`.
    """
    lead = [_lead(scope, text) for scope, text in zip(gaps["scope"], gaps["evidence"], strict=True)]
    of_grid = _areas_of(night)
    return pd.Series([of_grid.get(name, name) for name in lead], index=gaps.index, dtype="object")


def _lead(scope: str, text: object) -> str:
    """The first grid, or the body, that a scope names."""
    kind, _, rest = str(scope).partition(":")
    if kind == "place":
        return next(iter(evidence(text).get("grids", ())), "")
    first = rest.partition("/")[0].partition("|")[0]
    return rest.partition("/")[2].partition("@")[0].strip("*") if kind == "feed" else first


def _areas_of(night: Night) -> Mapping[str, str]:
    """Township, or county where no townships are known, by grid; told apart once for all nights of these grids."""
    made, key = night.places.made, "area of each grid"
    if key not in made:
        grids = night.places.grids
        column = next((name for name in _AREAS if name in grids), None)
        known = grids.iloc[:0] if column is None else grids.dropna(subset=[column])
        made[key] = {} if column is None else dict(zip(known["grid_id"], known[column].astype(str), strict=True))
    areas: Mapping[str, str] = made[key]
    return areas


def _grouped(night: Night) -> pd.DataFrame:
    """Gaps as work, grouped once a night."""
    made = night.made
    if "worklist" not in made:
        made["worklist"] = _group(night)
    grouped: pd.DataFrame = made["worklist"]
    return grouped


def _group(night: Night) -> pd.DataFrame:
    """The gravest gap of each kind and area, what saves most first, with `n`, `gain` and `area`."""
    if night.gaps is None:
        return pd.DataFrame()
    gaps = found_gaps(night.gaps)
    gaps = gaps[gaps["suppressed_by"].fillna("") == ""]
    if gaps.empty:
        return pd.DataFrame()
    effort = gaps["action"].map(EFFORT).fillna(1.0)
    gaps = gaps.assign(area=area_of(gaps, night), gain=gaps["severity"] * gaps["confidence"].fillna(1.0) / effort)
    gaps = gaps.sort_values(["gain", "gap_id"], ascending=[False, True])
    return gaps.assign(n=gaps.groupby(["kind", "area"])["gap_id"].transform("size")).drop_duplicates(["kind", "area"])


def work_items(night: Night, language: str, *, most: int = MOST_ITEMS) -> list[Item]:
    """What can be done about gaps today: at most so many items, few of one kind.

    Parameters
    ----------
    night
        The night.
    language
        Of the reader.
    most
        Items at most.

    Returns
    -------
    items
        What saves most for its effort first; none where the night looked for no gaps.
    """
    key = ("work", language, most)
    if key not in night.made:
        night.made[key] = _items(night, language, most)
    made: list[Item] = night.made[key]
    return made


def _items(night: Night, language: str, most: int) -> list[Item]:
    grouped = _grouped(night)
    if grouped.empty:
        return []
    shown = grouped[grouped.groupby("kind").cumcount() < MOST_OF_KIND].head(most)
    worst = gap_lines(shown, night.places.called, language, without=DETAILS)
    return [Item(line["kind"], line["area"], line["n"], line["gain"], line) for line in worst]


def day_items(night: Night, language: str, *, hands: float = HANDS, most: int = MOST_ITEMS) -> list[Item]:
    """What can be done about gaps today with so many hands: what saves most for its effort first, until each area's hands are full.

    Parameters
    ----------
    night
        The night.
    language
        Of the reader.
    hands
        What one area or body can do in a day, in telephone calls.
    most
        Items at most.

    Returns
    -------
    items
        Each with how many of its gaps can be done `today`; none where not one can.
    """
    grouped = _grouped(night)
    if grouped.empty:
        return []
    shown = grouped.assign(today=_within_hands(grouped, hands))
    shown = shown[(shown["today"] > 0) & (shown.groupby("kind").cumcount() < MOST_OF_KIND * 2)].head(most)
    worst = gap_lines(shown, night.places.called, language, without=DETAILS)
    return [Item(line["kind"], line["area"], line["n"], line["gain"], line, int(line["today"])) for line in worst]


def _within_hands(grouped: pd.DataFrame, hands: float) -> list[int]:
    """How many gaps of each group fit the hands of its area, in the order of the groups."""
    left: dict[str, float] = {}
    fits = []
    for area, action, n in zip(grouped["area"], grouped["action"], grouped["n"], strict=True):
        effort, free = EFFORT.get(action, 1.0), left.get(area, hands)
        n_fit = min(int(free // effort), int(n)) if action in EACH else int(n) if free >= effort else 0
        left[area] = free - (n_fit * effort if action in EACH else effort * (n_fit > 0))
        fits.append(n_fit)
    return fits
