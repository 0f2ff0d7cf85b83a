"""The ground: counties, townships, communities and grids with polygons, people and neighbours, on an empty ocean."""

from dataclasses import dataclass

import numpy as np
import shapely
from scipy.spatial import Delaunay, cKDTree

from riskwarn.simulation.setting import Setting

LON0, LAT0 = -117.0, 3.0
"""Centre of the made-up city, degrees: open Pacific, where nobody lives."""
KM_PER_DEGREE = 111.32
STRATUM_SHARE = (0.35, 0.15, 0.10, 0.40)
"""Communities that are urban, town, fringe and rural."""
STRATUM_CLASS = ("111", "121", "112", "220")
STRATUM_EFFECT = np.array([0.0, 0.05, 0.35, -0.10])
PEOPLE_PER_HOUSEHOLD = 2.6
MEAN_PEOPLE = 800
NEAR_KM = np.array([0.15, 0.15, 0.15, 0.50])
"""How near a foreign border is near, by stratum, km."""
_REACH_KM = 3.0
_APART_KM, _A_ROW = 450.0, 10
"""How far the cities of a country lie from each other, and how many of them in a row to the west."""


@dataclass(frozen=True)
class Geography:
    """The ground as arrays over grids (n), in the order of the first grid codes."""

    grid_id: np.ndarray
    xy: np.ndarray
    """(n, 2) centres, km."""
    community: np.ndarray
    township: np.ndarray
    county: np.ndarray
    community_id: np.ndarray
    township_id: np.ndarray
    county_id: np.ndarray
    """Codes of 12 digits, by community, township and county number."""
    stratum: np.ndarray
    population: np.ndarray
    unrest: np.ndarray
    """(n,) lasting factor of the rate of disputes per resident; 1 for the average resident."""
    cell: np.ndarray
    """(n,) polygons in km."""
    near: np.ndarray
    """(n, k) nearest other grids."""
    origin: np.ndarray
    """(2,) where the centre of the city lies from that of the first of its country, km."""

    @property
    def n(self) -> int:
        """Number of grids."""
        return len(self.grid_id)

    @property
    def area_km2(self) -> np.ndarray:
        """Area of each grid."""
        return shapely.area(self.cell)

    @property
    def households(self) -> np.ndarray:
        """Households of each grid."""
        return np.round(self.population / PEOPLE_PER_HOUSEHOLD)


def make_geography(setting: Setting) -> Geography:
    """Draw the ground of a city."""
    p, rng = setting.preset, setting.rng("geography")
    county_of_town = _spread(p.townships, p.counties)
    town_of_community = _spread(p.communities, p.townships)
    community = np.sort(_members(rng, p.grids, p.communities))
    at_county = rng.normal(0, 60, (p.counties, 2)) * (p.counties > 1)
    at_town = at_county[county_of_town] + rng.normal(0, 14, (p.townships, 2))
    at_community = at_town[town_of_community] + rng.normal(0, 4, (p.communities, 2))
    xy = at_community[community] + rng.normal(0, 0.8, (p.grids, 2))
    township = town_of_community[community]
    county = county_of_town[township]
    stratum = rng.choice(4, p.communities, p=STRATUM_SHARE)[community]
    population = np.round(rng.lognormal(np.log(MEAN_PEOPLE) - 0.45**2 / 2, 0.45, p.grids)).clip(30)
    xy, population = _west_to_east(xy, community, population)
    codes = _codes(setting.number, county_of_town, town_of_community)
    return Geography(
        grid_id=_grid_codes(codes[2], community),
        xy=xy,
        community=community,
        township=township,
        county=county,
        community_id=codes[2],
        township_id=codes[1],
        county_id=codes[0],
        stratum=stratum,
        population=population,
        unrest=_unrest(rng, xy, (county, township, community), stratum, population),
        cell=cells(xy),
        near=_nearest(xy),
        origin=-_APART_KM * np.array([(setting.number - 1) % _A_ROW, (setting.number - 1) // _A_ROW], dtype=float),
    )


def _spread(n: int, parents: int) -> np.ndarray:
    """Children in order, each parent with as many as the next, give or take one."""
    return np.arange(n) * parents // n


def _members(rng: np.random.Generator, n: int, groups: int) -> np.ndarray:
    """A group for each of `n`: every group has one at least, the rest fall at random."""
    return np.concatenate([np.arange(groups), rng.integers(0, groups, n - groups)])


def _west_to_east(xy: np.ndarray, community: np.ndarray, population: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the grids of a community from west to east."""
    order = np.lexsort((xy[:, 0], community))
    return xy[order], population[order]


def _within(parent: np.ndarray) -> np.ndarray:
    """Running number from 1 within each parent; parents are sorted."""
    first = np.searchsorted(parent, parent)
    return np.arange(len(parent)) - first + 1


def _codes(
    number: int, county_of_town: np.ndarray, town_of_community: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    counties = [f"99{number:02d}{c + 1:02d}" for c in range(county_of_town[-1] + 1)]
    towns = [f"{counties[c]}{t:03d}" for c, t in zip(county_of_town, _within(county_of_town), strict=True)]
    villages = [f"{towns[t]}{v:03d}" for t, v in zip(town_of_community, _within(town_of_community), strict=True)]
    return (
        np.array([c + "000000" for c in counties]),
        np.array([t + "000" for t in towns]),
        np.array(villages),
    )


def _grid_codes(community_id: np.ndarray, community: np.ndarray) -> np.ndarray:
    return np.array([f"{community_id[c]}{i:03d}" for c, i in zip(community, _within(community), strict=True)])


def _unrest(
    rng: np.random.Generator,
    xy: np.ndarray,
    parents: tuple[np.ndarray, ...],
    stratum: np.ndarray,
    population: np.ndarray,
) -> np.ndarray:
    effect = STRATUM_EFFECT[stratum] + rng.normal(0, 0.35, len(xy)) + 0.35 * _smooth_field(rng, xy)
    for parent, sd in zip(parents, (0.25, 0.30, 0.30), strict=True):
        effect = effect + rng.normal(0, sd, parent.max() + 1)[parent]
    factor = np.exp(effect)
    return np.asarray(factor / np.average(factor, weights=population))


def _smooth_field(rng: np.random.Generator, xy: np.ndarray, *, length_km: float = 12.0, waves: int = 48) -> np.ndarray:
    """A Gaussian field of unit variance with squared-exponential correlation, by random Fourier features."""
    direction = rng.normal(0, 1 / length_km, (2, waves))
    return np.asarray(np.sqrt(2 / waves) * np.cos(xy @ direction + rng.uniform(0, 2 * np.pi, waves)).sum(axis=1))


def cells(xy: np.ndarray) -> np.ndarray:
    """Voronoi polygons of the centres, each cut to 3 km around its centre."""
    discs = shapely.buffer(shapely.points(xy), _REACH_KM, quad_segs=6)
    if len(xy) < 3:
        return discs if len(xy) == 1 else _halves(discs, xy)
    diagram = shapely.voronoi_polygons(
        shapely.multipoints(xy), extend_to=shapely.box(*(xy.min(0) - 9), *(xy.max(0) + 9)), ordered=True
    )
    return shapely.intersection(shapely.get_parts(diagram), discs)


def _halves(discs: np.ndarray, xy: np.ndarray) -> np.ndarray:
    toward = (xy[1] - xy[0]) / max(np.linalg.norm(xy[1] - xy[0]), 1e-9)
    middle = (xy[0] + xy[1]) / 2
    return np.array(
        [
            shapely.intersection(discs[0], half_plane(middle, -toward)),
            shapely.intersection(discs[1], half_plane(middle, toward)),
        ]
    )


def half_plane(point: np.ndarray, toward: np.ndarray, *, size_km: float = 50.0) -> shapely.Polygon:
    """A large rectangle on the side of the line through `point` that `toward` (a unit vector) points to."""
    along = np.array([-toward[1], toward[0]]) * size_km
    ahead = np.asarray(toward) * size_km
    return shapely.Polygon([point - along, point + along, point + along + ahead, point - along + ahead])


def _nearest(xy: np.ndarray, k: int = 6) -> np.ndarray:
    k = min(k, len(xy) - 1)
    return cKDTree(xy).query(xy, k=k + 1)[1][:, 1:] if k else np.zeros((len(xy), 0), dtype=int)


def borders(geo: Geography) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of grids of different townships that share an edge, and the length of that edge, km."""
    if geo.n < 4:
        return np.zeros((0, 2), dtype=int), np.zeros(0)
    simplices = Delaunay(geo.xy).simplices
    edges = np.unique(
        np.sort(np.concatenate([simplices[:, [0, 1]], simplices[:, [1, 2]], simplices[:, [0, 2]]]), axis=1), axis=0
    )
    apart = np.linalg.norm(geo.xy[edges[:, 0]] - geo.xy[edges[:, 1]], axis=1)
    edges = edges[(geo.township[edges[:, 0]] != geo.township[edges[:, 1]]) & (apart < 2 * _REACH_KM)]
    grown = shapely.buffer(geo.cell[edges[:, 1]], 1e-6)
    length = shapely.length(shapely.intersection(shapely.boundary(geo.cell[edges[:, 0]]), grown))
    keep = length > 0.01
    return edges[keep], length[keep]


def foreign_neighbors(geo: Geography) -> np.ndarray:
    """(n, m) neighbours across a township border, padded with -1."""
    pairs, _ = borders(geo)
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.argsort(both[:, 0], kind="stable")]
    slot = _within(both[:, 0]) - 1
    padded = np.full((geo.n, max(slot.max() + 1, 1) if len(slot) else 1), -1)
    padded[both[:, 0], slot] = both[:, 1]
    return padded


def near_border(geo: Geography, foreign: np.ndarray, grid: np.ndarray, point: np.ndarray) -> np.ndarray:
    """For points in grids, the foreign grid whose border is within reach (:data:`NEAR_KM`); -1 where none is."""
    best, reach = np.full(len(grid), -1), NEAR_KM[geo.stratum[grid]].copy()
    for slot in range(foreign.shape[1]):
        other = foreign[grid, slot]
        apart = geo.xy[other] - geo.xy[grid]
        to_border = ((point - geo.xy[other]) ** 2).sum(1) - ((point - geo.xy[grid]) ** 2).sum(1)
        far = to_border / (2 * np.linalg.norm(apart, axis=1).clip(1e-9))
        nearer = (other >= 0) & (far < reach)
        best[nearer], reach[nearer] = other[nearer], far[nearer]
    return best


def points_in(geo: Geography, grid: np.ndarray, u: np.ndarray) -> np.ndarray:
    """Uniform points inside grids from three uniform draws (n, 3): a triangle of the fan by area, then inside it."""
    ring, owner = shapely.get_coordinates(shapely.get_exterior_ring(geo.cell), return_index=True)
    start = np.flatnonzero(owner[:-1] == owner[1:])
    a, b, center = ring[start], ring[start + 1], geo.xy[owner[start]]
    side, other = a - center, b - center
    area = np.abs(side[:, 0] * other[:, 1] - side[:, 1] * other[:, 0])
    total = np.cumsum(area)
    upto = np.concatenate([[0.0], total])
    first = np.searchsorted(owner[start], np.arange(geo.n + 1))
    low, high = upto[first[grid]], upto[first[grid + 1]]
    which = np.searchsorted(total, low + u[:, 0] * (high - low) * (1 - 1e-12), side="right")
    which = which.clip(first[grid], first[grid + 1] - 1)
    root = np.sqrt(u[:, 1:2])
    return np.asarray(center[which] + root * (side[which] * (1 - u[:, 2:3]) + other[which] * u[:, 2:3]))


def lonlat(xy: np.ndarray) -> np.ndarray:
    """Points in km as WGS 84 longitude and latitude, degrees."""
    return np.column_stack([LON0 + xy[:, 0] / (KM_PER_DEGREE * np.cos(np.radians(LAT0))), LAT0 + xy[:, 1] / 110.57])


def wkt(cell: np.ndarray, origin: np.ndarray) -> np.ndarray:
    """Polygons in km, of a city whose centre lies at `origin`, as WKT in WGS 84."""
    drawn = shapely.transform(shapely.normalize(cell), lambda xy: lonlat(xy + origin))
    return np.asarray(shapely.to_wkt(drawn, rounding_precision=6))
