"""How the map of a page is filled: a sign a shape for each layer, and the numbered pins of the list beside it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.access import Visitor
from riskwarn.web.fitting import grids_of_gaps
from riskwarn.web.geojson import has_map
from riskwarn.web.held import Night
from riskwarn.web.outlines import By, bys, units

UNFIT = "-"
"""Sign of what does not fit the filters; the others are classes, 1 the gravest, 5 the least, and 0 for what is not known."""
SEVERITIES = (80.0, 60.0, 40.0)
"""Lower ends of the classes 1 to 3 of a gap; any less severe one is of class 4, and where there is none stands 5."""
TIMES_MEAN = (2.0, 1.5, 1.1, 0.8)
"""Lower ends of the classes of an area: expected events a grid, in times the city's mean."""
SHARES = (0.2, 0.1, 0.05)
"""Lower ends of the classes 1 to 3 of an area: share of its grids with a gap of the kind; any smaller one is of class 4."""


@dataclass(frozen=True, eq=False)
class Atlas:
    """What the map of a page draws.

    Attributes
    ----------
    layer
        ``risk``, or the code of a kind of gap.
    fills
        By what is drawn (``grid``, ``township``, ``county``) a sign for each outline, in their order.
    pins
        Number in the list, grid, level and place of each alert that is pinned.
    focus
        The grid that the page is about; empty for none.
    """

    layer: str
    fills: Mapping[By, str]
    pins: Sequence[Mapping[str, Any]]
    focus: str = ""

    @property
    def text(self) -> str:
        """What the script reads: layer, fills, pins and focus as JSON."""
        told = {"layer": self.layer, "fills": dict(self.fills), "pins": list(self.pins), "focus": self.focus}
        return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def atlas(
    night: Night,
    visitor: Visitor,
    *,
    alerts: pd.DataFrame | None = None,
    fits: np.ndarray | None = None,
    gap: str = "",
    focus: str = "",
) -> Atlas | None:
    """The map of a page.

    Parameters
    ----------
    night
        As the visitor sees it.
    visitor
        Who looks; a map is for those who may read scores.
    alerts
        Those of the list, in its order; none are pinned by default.
    fits
        (n,) Which rows of the night's scores fit the filters; all by default.
    gap
        Kind of gap that is shown; the scores by default.
    focus
        The grid that the page is about.

    Returns
    -------
    atlas
        None where there is nothing to draw.
    """
    if not (visitor.may("scores:read") and has_map(night)):
        return None
    fits = np.ones(len(night.scores), dtype=bool) if fits is None else fits
    fills = {by: _signs(night, by, fits, gap) for by in bys(night)}
    return Atlas(gap or "risk", fills, [] if alerts is None else _pins(night, alerts), focus) if fills["grid"] else None


def _signs(night: Night, by: By, fits: np.ndarray, gap: str) -> str:
    made, key = night.made, ("signs", night.target, by, gap)
    if key not in made:
        told = _of_grids(night, gap) if by == "grid" else _of_areas(night, by, gap)
        made[key] = np.array([told.get(code, "0") for code in units(night, by)], dtype="U1")
    signs, place = made[key], _places(night, by)
    shown = np.zeros(len(signs), dtype=bool)
    shown[place[fits & (place >= 0)]] = True
    return "".join(np.where(shown, signs, UNFIT))


def _places(night: Night, by: By) -> np.ndarray:
    """(n,) Which outline each row of the night's scores lies in, -1 for none."""
    made, key = night.made, ("outline of each row", by)
    if key not in made:
        codes = night.scores[f"{by}_id"]
        made[key] = pd.Index(units(night, by), dtype="object").get_indexer(codes.astype("object"))
    places: np.ndarray = made[key]
    return places


def _of_grids(night: Night, gap: str) -> Mapping[str, str]:
    """Class of each grid."""
    made, key = night.made, ("classes", night.target, gap)
    if key not in made:
        scores = night.scores.set_index("grid_id")
        made[key] = (_severity(night, gap, scores.index) if gap else scores["band"]).astype(int).astype(str).to_dict()
    classes: Mapping[str, str] = made[key]
    return classes


def _severity(night: Night, gap: str, grids: pd.Index) -> pd.Series:
    """Class of each grid by the gravest gap of a kind."""
    where = grids_of_gaps(night, gap)
    if night.gaps is None or where.empty:
        return pd.Series(5, index=grids)
    gravest = night.gaps["severity"].reindex(where.index).groupby(where).max().reindex(grids)
    return _class(gravest, SEVERITIES).where(gravest.notna(), 5)


def _class(values: pd.Series, ends: Sequence[float]) -> pd.Series:
    """Class of each value: 1 from the first of `ends` on, which fall, and so on.

    Examples
    --------
    >>> _class(pd.Series([0.3, 0.2, 0.07, 0.0]), SHARES).tolist()
    [1, 1, 3, 4]
    """
    return pd.Series(1 + (values.to_numpy()[:, None] < np.array(ends)).sum(axis=1), index=values.index)


def _of_areas(night: Night, by: By, gap: str) -> Mapping[str, str]:
    """Class of each area, of all its grids that the reader sees."""
    made, key = night.made, ("classes", night.target, gap, by)
    if key not in made:
        scores = night.scores
        area = scores[f"{by}_id"]
        if gap:
            share = scores["grid_id"].isin(grids_of_gaps(night, gap)).groupby(area).mean()
            classes = _class(share, SHARES).where(share > 0, 5)
        else:
            times = scores["expected"].groupby(area).mean() / night.mean_expected
            classes = _class(times, TIMES_MEAN).where(times.notna(), 0)
        made[key] = {str(code): str(int(n)) for code, n in classes.items()}
    classes_of: Mapping[str, str] = made[key]
    return classes_of


def _pins(night: Night, alerts: pd.DataFrame) -> list[dict[str, Any]]:
    lead = alerts["grid_ids"].str.split().str[0]
    return [
        {"n": n, "grid": grid, "level": level, "name": night.names.get(grid, grid)}
        for n, (grid, level) in enumerate(zip(lead, alerts["level"], strict=True), 1)
    ]
