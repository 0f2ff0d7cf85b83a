"""The disputes that truly arise: a self-exciting process over kinds, grids and days, with each one's parent known."""

from dataclasses import dataclass, field

import numpy as np
import shapely

from riskwarn.simulation import season
from riskwarn.simulation.geography import Geography, borders, points_in
from riskwarn.simulation.setting import BURN_DAYS, Setting

PER_1000_YEAR = 23.0
"""Disputes per 1,000 residents and year, offspring included."""
BRANCHING = 0.25
"""Mean number of disputes a dispute begets."""
LAG_DAYS = (3.0, 21.0)
LAG_SHARE = 0.7
"""Share of the shorter lag."""
SAME_GRID, SAME_KIND, SAME_PLACE = 0.8, 0.7, 0.6
MEAN_SEVERITY = 0.29
SEAM_KM, SEAM_FACTOR = 0.3, 3.0


@dataclass(frozen=True)
class Kind:
    """One kind of dispute: how common it is, and how it shows itself."""

    name: str
    codes: tuple[str, ...]
    code_shares: tuple[float, ...]
    share: float
    found: float
    """How readily a visit finds it, against the mean."""
    call: float
    hotline: float
    petition: float
    violence: float
    hours: str = "day"


KINDS = (
    Kind("family", ("D01",), (1.0,), 0.20, 0.5, 1.6, 0.2, 0.2, 1.6),
    Kind("neighbour", ("D02",), (1.0,), 0.16, 1.2, 1.2, 0.6, 0.5, 1.2),
    Kind("land", ("D03", "D04"), (0.6, 0.4), 0.12, 1.3, 0.8, 0.5, 2.0, 1.3),
    Kind("wage", ("D07",), (1.0,), 0.06, 0.8, 0.9, 1.8, 2.5, 0.8),
    Kind("labour", ("D06",), (1.0,), 0.08, 0.7, 0.6, 1.6, 1.5, 0.5),
    Kind("property", ("D11", "D12"), (0.75, 0.25), 0.12, 1.2, 0.7, 2.4, 1.5, 0.3),
    Kind("debt", ("D08",), (1.0,), 0.10, 0.4, 1.0, 0.6, 0.6, 1.2),
    Kind("noise", ("D13",), (1.0,), 0.06, 1.0, 1.6, 1.8, 0.3, 0.6, "night"),
    Kind(
        "other",
        ("D05", "D09", "D10", "D14", "D15", "D16", "D18", "D20"),
        (0.1, 0.15, 0.2, 0.1, 0.15, 0.1, 0.1, 0.1),
        0.10,
        0.8,
        0.8,
        1.2,
        1.2,
        0.5,
    ),
)
SHARES = np.array([k.share for k in KINDS])


@dataclass(frozen=True)
class Seams:
    """Borders where disputes gather and clerks disagree."""

    pair: np.ndarray
    """(m, 2) grids on both sides."""
    length_km: np.ndarray


@dataclass(frozen=True)
class Disputes:
    """Every dispute as arrays (n): in order of creation, immigrants first, then their offspring, then those of seams."""

    key: np.ndarray
    """Address of its chance: the same in every world that has it."""
    born: np.ndarray
    """Day it begins, with fraction; burn-in days are below 0."""
    grid: np.ndarray
    kind: np.ndarray
    severity: np.ndarray
    """In (0, 1), Beta(2, 5)."""
    parent: np.ndarray
    """Position of the dispute that begot it, -1 for none."""
    seam: np.ndarray
    """Number of the seam it belongs to, -1 for none."""
    place: np.ndarray
    """Number of its building within the grid."""
    point: np.ndarray
    """(n, 2) km."""
    rate: np.ndarray = field(repr=False)
    """(grids, kinds) immigrants per day before season."""

    @property
    def n(self) -> int:
        """Number of disputes."""
        return len(self.born)


def immigrant_rate(geo: Geography) -> np.ndarray:
    """(grids, kinds) disputes per day without a parent, before season."""
    per_day = geo.population / 1000 * PER_1000_YEAR / 365.25 * (1 - BRANCHING) * geo.unrest
    return per_day[:, None] * SHARES[None, :]


def make_disputes(setting: Setting, geo: Geography, seams: Seams) -> Disputes:
    """Draw every dispute of a city's life."""
    rate = immigrant_rate(geo)
    first = _immigrants(setting, geo, rate)
    parts = [first]
    if setting.on("excitation"):
        parts.append(_offspring(setting, geo, first))
    if setting.on("seams"):
        parts.append(_at_seams(setting, rate, geo, seams))
    columns = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    return Disputes(**_placed(setting, geo, seams, columns), rate=rate)


def _columns(**columns: np.ndarray) -> dict[str, np.ndarray]:
    n = len(columns["born"])
    absent = {"parent": -1, "seam": -1}
    return columns | {k: np.full(n, v) for k, v in absent.items() if k not in columns}


def _immigrants(setting: Setting, geo: Geography, rate: np.ndarray) -> dict[str, np.ndarray]:
    rng = setting.rng("immigrants")
    other, rural = season.profiles(setting)
    is_rural = geo.stratum == 3
    weight = np.where(is_rural[:, None], rural.sum(0)[None, :], other.sum(0)[None, :])
    n = rng.poisson(rate * weight)
    grid, kind = (a.repeat(n.ravel()) for a in (np.indices(n.shape)[0].ravel(), np.indices(n.shape)[1].ravel()))
    u = rng.random(len(grid))
    born = np.empty(len(grid))
    for k in range(len(KINDS)):
        for profile, here in ((other[:, k], ~is_rural[grid]), (rural[:, k], is_rural[grid])):
            mine = here & (kind == k)
            born[mine] = _on_day(u[mine], profile)
    day, hour = np.floor(born), rng.random(len(grid))
    for k, what in enumerate(KINDS):
        hour[kind == k] = season.clock(hour[kind == k], what.hours)
    return _columns(
        key=np.arange(len(grid)), born=day + hour - BURN_DAYS, grid=grid, kind=kind, severity=rng.beta(2, 5, len(grid))
    )


def _on_day(u: np.ndarray, profile: np.ndarray) -> np.ndarray:
    """Days drawn in proportion to `profile`, by inversion."""
    total = np.cumsum(profile)
    return np.searchsorted(total, u * total[-1], side="right").clip(0, len(profile) - 1).astype(float)


def _offspring(setting: Setting, geo: Geography, first: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """All generations after the first; the last day ends them."""
    rng, end = setting.rng("offspring"), setting.preset.days
    generation, at = first, np.arange(len(first["born"]))
    born_so_far, made = len(at), []
    while len(at):
        parent = at.repeat(rng.poisson(BRANCHING, len(at)))
        of = parent - at[0]
        short = rng.random(len(of)) < LAG_SHARE
        born = generation["born"][of] + rng.exponential(np.where(short, LAG_DAYS[0], LAG_DAYS[1]))
        grid, kind = _child(rng, geo, generation["grid"][of], generation["kind"][of])
        keep = born < end
        generation = _columns(
            key=born_so_far + np.arange(keep.sum()) + (1 << 40),
            born=born[keep],
            grid=grid[keep],
            kind=kind[keep],
            severity=rng.beta(2, 5, len(born))[keep],
            parent=parent[keep],
        )
        at = born_so_far + np.arange(keep.sum())
        born_so_far += len(at)
        made.append(generation)
    return {name: np.concatenate([g[name] for g in made]) for name in first}


def _child(
    rng: np.random.Generator, geo: Geography, grid: np.ndarray, kind: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    stays = (rng.random(len(grid)) < SAME_GRID) | (geo.near.shape[1] == 0)
    which = rng.integers(0, max(geo.near.shape[1], 1), len(grid))
    moved = geo.near[grid, which] if geo.near.shape[1] else grid
    alike = rng.random(len(grid)) < SAME_KIND
    return np.where(stays, grid, moved), np.where(alike, kind, rng.choice(len(KINDS), len(grid), p=SHARES))


def make_seams(setting: Setting, geo: Geography) -> Seams:
    """Choose the borders where disputes gather: edges of 300 m and more between townships."""
    pairs, length = borders(geo)
    rng = setting.rng("seams")
    fit = np.flatnonzero(length >= SEAM_KM)
    chosen = rng.permutation(fit)[: setting.preset.seams] if setting.on("seams") else fit[:0]
    return Seams(pairs[chosen], length[chosen])


def _at_seams(setting: Setting, rate: np.ndarray, geo: Geography, seams: Seams) -> dict[str, np.ndarray]:
    """The extra disputes in the strips: two on top of each that the interior density expects."""
    rng = setting.rng("seam disputes")
    density = (rate.sum(1) / geo.area_km2)[seams.pair] / (1 - BRANCHING)
    strip = seams.length_km[:, None] * SEAM_KM
    n = rng.poisson((SEAM_FACTOR - 1) * density * strip * setting.n_days)
    seam, side = (a.ravel().repeat(n.ravel()) for a in np.indices(n.shape))
    size = len(seam)
    return _columns(
        key=np.arange(size) + (1 << 41),
        born=rng.random(size) * setting.n_days - BURN_DAYS,
        grid=seams.pair[seam, side],
        kind=rng.choice(len(KINDS), size, p=SHARES),
        severity=rng.beta(2, 5, size),
        seam=seam,
    )


def _placed(setting: Setting, geo: Geography, seams: Seams, columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Give each dispute its building: a child in the same grid often has its parent's."""
    key, grid = columns["key"], columns["grid"]
    n_places = np.clip(geo.households / 6, 12, 90)
    u = setting.uniform("place", key)
    place = np.floor(n_places[grid] * u**1.5).astype(int)
    place = np.where(columns["seam"] >= 0, 1000 + np.floor(u * 8).astype(int), place)
    stays = setting.uniform("same place", key) < SAME_PLACE
    has = np.flatnonzero(columns["parent"] >= 0)
    for one in np.array_split(has, max(len(has) // 20_000, 1)) if len(has) else []:
        parent = columns["parent"][one]
        same = stays[one] & (grid[parent] == grid[one])
        place[one[same]] = place[parent[same]]
    point = points_in(geo, grid, np.column_stack([setting.uniform(f"point {i}", grid, place) for i in range(3)]))
    return columns | {"place": place, "point": _into_strip(setting, geo, seams, columns, place, point)}


def _into_strip(
    setting: Setting, geo: Geography, seams: Seams, columns: dict[str, np.ndarray], place: np.ndarray, point: np.ndarray
) -> np.ndarray:
    mine = np.flatnonzero(columns["seam"] >= 0)
    seam, grid = columns["seam"][mine], columns["grid"][mine]
    u = setting.uniform("strip", seam, grid, place[mine])
    along = setting.uniform("along", seam, grid, place[mine]) - 0.5
    moved = point.copy()
    for reach in (1.0, 0.3):
        outside = mine if reach == 1.0 else mine[~shapely.contains_xy(geo.cell[grid], moved[mine])]
        at = np.searchsorted(mine, outside)
        moved[outside] = _beside(geo, seams, seam[at], grid[at], reach * u[at] * SEAM_KM, reach * along[at])
    lost = mine[~shapely.contains_xy(geo.cell[grid], moved[mine])]
    moved[lost] = point[lost]
    return moved


def _beside(
    geo: Geography, seams: Seams, seam: np.ndarray, grid: np.ndarray, far_km: np.ndarray, along: np.ndarray
) -> np.ndarray:
    """Points in `grid` at a distance from the seam's border, `along` it by a share of its length either way."""
    other = seams.pair[seam].sum(1) - grid
    apart = geo.xy[other] - geo.xy[grid]
    toward = apart / np.linalg.norm(apart, axis=1, keepdims=True).clip(1e-9)
    normal = np.column_stack([-toward[:, 1], toward[:, 0]]) * (along * seams.length_km[seam])[:, None]
    return np.asarray((geo.xy[grid] + geo.xy[other]) / 2 - toward * far_km[:, None] + normal)
