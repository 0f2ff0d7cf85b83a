"""Grids that split, merge or are renamed on 1 January, the codes that hold on a day, and old codes that linger."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely

from riskwarn.simulation.geography import (
    PEOPLE_PER_HOUSEHOLD,
    STRATUM_CLASS,
    Geography,
    half_plane,
    wkt,
)
from riskwarn.simulation.season import dates
from riskwarn.simulation.setting import BURN_DAYS, Setting, instants, words

SPLIT, MERGE, RENAME = 0.015, 0.005, 0.02
"""Share of grids changed each year."""
LINGER_DAYS = 60
_NEVER = 10**6


@dataclass(frozen=True)
class Codes:
    """Which code a place has on a day. A place is a grid of the first day and, where that grid splits, a side of it."""

    vocabulary: np.ndarray
    """All grid codes that ever hold; the first n are those of the first day."""
    changed: np.ndarray
    """(n,) day on which the grid's code changes; far in the future where it never does."""
    after: np.ndarray
    """(n, 2) code (position in `vocabulary`) of each side from that day on."""
    kind: np.ndarray
    """(n,) split, merge, rename or empty."""
    share: np.ndarray
    """(n,) share of residents on side 0."""
    middle: np.ndarray
    toward: np.ndarray
    """(n, 2) line that parts the sides: a point on it, and the unit vector into side 1."""

    def side(self, grid: np.ndarray, point: np.ndarray) -> np.ndarray:
        """Side of each point; 0 where the grid never splits."""
        beyond = ((point - self.middle[grid]) * self.toward[grid]).sum(1) > 0
        return (beyond & (self.kind[grid] == "split")).astype(np.int8)

    def at(self, grid: np.ndarray, side: np.ndarray, day: np.ndarray) -> np.ndarray:
        """Code that holds on `day`, as a position in `vocabulary`."""
        return np.where(day >= self.changed[grid], self.after[grid, side], grid)

    def used(self, grid: np.ndarray, side: np.ndarray, day: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Code that clerks use on `day`: for 60 days after a change the old one still comes, ever less often."""
        late = (day - self.changed[grid]) / LINGER_DAYS
        old = (late >= 0) & (late < 1) & (u < 0.6 * (1 - late))
        return np.where(old, grid, self.at(grid, side, day))


def make_codes(setting: Setting, geo: Geography) -> Codes:
    """Draw the changes of a city's grid codes."""
    rng = setting.rng("changes")
    n = geo.n
    kind, changed = np.full(n, "", dtype=object), np.full(n, _NEVER)
    after = np.repeat(np.arange(n)[:, None], 2, axis=1)
    new: list[str] = []
    following = _numbers()
    for day in _new_year_days(setting):
        for grids, what in _chosen(rng, geo, kind):
            made = [following(geo.community_id[geo.community[grids[0]]]) for _ in range(2 if what == "split" else 1)]
            after[grids, 0], after[grids, 1] = n + len(new), n + len(new) + len(made) - 1
            kind[grids], changed[grids] = what, day
            new += made
    share, middle, toward = _cuts(geo, kind)
    return Codes(
        np.concatenate([geo.grid_id, np.array(new, dtype=geo.grid_id.dtype)]),
        changed,
        after,
        kind,
        share,
        middle,
        toward,
    )


def _new_year_days(setting: Setting) -> list[int]:
    if not setting.on("changes"):
        return []
    days = dates(setting)
    new_year = (days.month == 1) & (days.day == 1)
    return [int(d) - BURN_DAYS for d in np.flatnonzero(new_year) if d > BURN_DAYS]


def _numbers() -> Callable[[str], str]:
    """Codes of new grids: numbers from 601 within the community."""
    last: dict[str, int] = {}

    def following(community_id: str) -> str:
        last[community_id] = last.get(community_id, 600) + 1
        return f"{community_id}{last[community_id]:03d}"

    return following


def _chosen(rng: np.random.Generator, geo: Geography, kind: np.ndarray) -> list[tuple[list[int], str]]:
    """Grids to change this year: each changes once in a lifetime."""
    free = rng.permutation(np.flatnonzero(kind == ""))
    n_split, n_rename, n_merge = (max(round(share * geo.n), 1) for share in (SPLIT, RENAME, MERGE))
    chosen = [([int(g)], "split") for g in free[:n_split]]
    chosen += [([int(g)], "rename") for g in free[n_split : n_split + n_rename]]
    open_ = set(free[n_split + n_rename :].tolist())
    for g in free[n_split + n_rename :].tolist():
        partner = next((int(h) for h in geo.near[g] if h in open_ and geo.community[h] == geo.community[g]), None)
        if n_merge and g in open_ and partner is not None:
            chosen.append(([g, partner], "merge"))
            open_ -= {g, partner}
            n_merge -= 1
    return chosen


def _cuts(geo: Geography, kind: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    share, middle = np.ones(geo.n), geo.xy.copy()
    toward = np.tile([1.0, 0.0], (geo.n, 1))
    for g in np.flatnonzero(kind == "split"):
        middle[g] = shapely.get_coordinates(shapely.centroid(geo.cell[g]))[0]
        west, south, east, north = shapely.bounds(geo.cell[g])
        toward[g] = (1.0, 0.0) if east - west > north - south else (0.0, 1.0)
        share[g] = shapely.area(side_cell(geo.cell[g], middle[g], toward[g], 0)) / shapely.area(geo.cell[g])
    return share, middle, toward


def side_cell(cell: shapely.Polygon, middle: np.ndarray, toward: np.ndarray, side: int) -> shapely.Polygon:
    """The part of a cell on one side of its cut."""
    return shapely.intersection(cell, half_plane(middle, toward if side else -toward))


def grids_table(geo: Geography, codes: Codes) -> pd.DataFrame:
    """The `grids` table: every version of every grid."""
    n, n_all = geo.n, len(codes.vocabulary)
    sources = _sources(codes, n, n_all)
    cell = np.concatenate([geo.cell, np.array([_grown(geo, codes, s) for s in sources], dtype=object)])
    of = np.concatenate([np.arange(n), np.array([s[0][0] for s in sources], dtype=int)])
    people = np.concatenate([geo.population, [_people(geo, codes, s) for s in sources]])
    born = np.concatenate([np.full(n, -2 * 365.0), codes.changed[of[n:]]])
    ended = np.concatenate([np.where(codes.changed == _NEVER, np.nan, codes.changed), np.full(n_all - n, np.nan)])
    centre = shapely.get_coordinates(shapely.centroid(cell)) + geo.origin
    community, township, county = geo.community[of], geo.township[of], geo.county[of]
    number = [code[-3:] for code in codes.vocabulary]
    code = geo.county_id[0][2:4]
    city = "" if code == "01" else code
    return pd.DataFrame(
        {
            "grid_id": pd.array(codes.vocabulary, dtype="str"),
            "valid_from": instants(born),
            "name": [
                f"{city and city + '市'}{geo.township_id[t][4:6]}县{geo.township_id[t][6:9]}镇{geo.community_id[c][9:]}村第{i}网格"
                for t, c, i in zip(township, community, number, strict=True)
            ],
            "community_id": words(geo.community_id, community),
            "township_id": words(geo.township_id, township),
            "county_id": words(geo.county_id, county),
            "valid_to": instants(ended),
            "area_km2": shapely.area(cell),
            "households": np.round(people / PEOPLE_PER_HOUSEHOLD),
            "population": np.round(people),
            "urban_class": words(list(STRATUM_CLASS), geo.stratum[of]),
            "x_km": centre[:, 0],
            "y_km": centre[:, 1],
            "geometry": wkt(cell, geo.origin),
        }
    )


def _sources(codes: Codes, n: int, n_all: int) -> list[list[tuple[int, int]]]:
    """For each later code the (grid, side) pairs it is made of."""
    made: list[list[tuple[int, int]]] = [[] for _ in range(n_all - n)]
    for g in np.flatnonzero(codes.kind != ""):
        for side in range(2 if codes.kind[g] == "split" else 1):
            made[codes.after[g, side] - n].append((int(g), side))
    return made


def _grown(geo: Geography, codes: Codes, parts: list[tuple[int, int]]) -> shapely.Geometry:
    pieces = [
        side_cell(geo.cell[g], codes.middle[g], codes.toward[g], side) if codes.kind[g] == "split" else geo.cell[g]
        for g, side in parts
    ]
    return shapely.union_all(pieces)


def _people(geo: Geography, codes: Codes, parts: list[tuple[int, int]]) -> float:
    return sum(geo.population[g] * (1 - codes.share[g] if side else codes.share[g]) for g, side in parts)


def crosswalk_truth(codes: Codes) -> pd.DataFrame:
    """Every change in the shape of the `crosswalk` table, with `supplied`: whether the city was told of it."""
    grid = np.flatnonzero(codes.kind != "")
    twice = np.repeat(grid, np.where(codes.kind[grid] == "split", 2, 1))
    side = np.concatenate([[0], (twice[1:] == twice[:-1]).astype(int)]) if len(twice) else np.zeros(0, int)
    weight = np.where(side == 1, 1 - codes.share[twice], codes.share[twice])
    return pd.DataFrame(
        {
            "from_grid_id": pd.array(codes.vocabulary[twice], dtype="str"),
            "to_grid_id": pd.array(codes.vocabulary[codes.after[twice, side]], dtype="str"),
            "effective_at": instants(codes.changed[twice].astype(float)),
            "weight": weight,
            "kind": pd.array(codes.kind[twice].astype(str), dtype="str"),
        }
    )


def told(setting: Setting, truth: pd.DataFrame) -> np.ndarray:
    """Which rows of the true crosswalk the city is given: four changes of five, a change whole or not at all."""
    number = pd.factorize(truth["to_grid_id"].where(truth["kind"] == "merge", truth["from_grid_id"]))[0]
    return setting.uniform("crosswalk", number) < 0.8
