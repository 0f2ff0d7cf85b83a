"""Grid workers: who has a grid alone, when nobody comes, how often a grid is visited, and what its worker passes on."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.simulation import chance, season
from riskwarn.simulation.changes import Codes
from riskwarn.simulation.geography import Geography
from riskwarn.simulation.setting import BURN_DAYS, Setting, ids, instants, words

PER_DAY = 0.62
SHARED_FACTOR = WEEKEND_FACTOR = 0.45
SILENT_SHARE = 0.10
SILENT_FACTOR = 0.15
LEAVE_SHARE = 0.04
"""Share of grids that lose their worker once, for 21 to 60 days."""


@dataclass(frozen=True)
class Spells:
    """Stretches of days during which a grid is not as usual: `factor` multiplies what it normally does."""

    grid: np.ndarray
    first: np.ndarray
    last: np.ndarray
    """First day and first day after, since the start of the city."""
    factor: np.ndarray

    def factors(self, n_days: int, n_grids: int) -> np.ndarray:
        """(days lived, grids) factor on each day."""
        matrix = np.ones((n_days, n_grids), np.float32)
        for g, a, b, f in zip(self.grid, self.first, self.last, self.factor, strict=True):
            matrix[max(a + BURN_DAYS, 0) : b + BURN_DAYS, g] *= f
        return matrix


@dataclass(frozen=True)
class Watch:
    """What the grid workers do. Matrices are (days lived, grids), burn-in first."""

    rate: np.ndarray
    """(grids,) visits on a weekday."""
    shared: np.ndarray
    """(grids,) whether the worker has other grids too."""
    candour: np.ndarray
    """(grids,) lasting propensity to report, mean about 1."""
    silent: Spells
    leave: Spells
    n_visits: np.ndarray
    n_reports: np.ndarray
    passed_on: np.ndarray
    """Candour times the silence factor of the day."""
    presence: np.ndarray
    """Weekday and leave factor of the visit rate."""


def make_watch(setting: Setting, geo: Geography) -> Watch:
    """Draw visits and all-type reports of every grid and day."""
    rng = setting.rng("workers")
    pace, candour = rng.lognormal(0, 0.35, geo.n), rng.lognormal(0, 0.30, geo.n)
    shared = np.zeros(geo.n, dtype=bool)
    shared[rng.permutation(geo.n)[: setting.preset.shared_grids]] = True
    rate = PER_DAY * pace * np.where(shared & setting.on("sharing"), SHARED_FACTOR, 1.0)
    silent, leave = _silent(setting, geo.n), _leave(setting, geo.n)
    weekend = season.dates(setting).day_of_week.to_numpy() >= 5
    week = np.where(weekend, WEEKEND_FACTOR, 1.0).astype(np.float32)
    presence = week[:, None] * leave.factors(setting.n_days, geo.n)
    passed_on = candour.astype(np.float32) * silent.factors(setting.n_days, geo.n)
    n_visits = _counts(setting, "visits", presence * rate.astype(np.float32))
    per_day = setting.reports_per_year / 365.25 * np.sqrt(rate / rate.mean())
    level = per_day / (per_day * candour).mean() * setting.reports_per_year / 365.25 / week.mean()
    n_reports = _counts(
        setting, "reports", np.sqrt(presence) * np.sqrt(week)[:, None] * passed_on * level.astype(np.float32)
    )
    return Watch(rate, shared, candour, silent, leave, n_visits, n_reports, passed_on, presence)


def _counts(setting: Setting, name: str, mean: np.ndarray) -> np.ndarray:
    return chance.poisson(setting.rng(name).random(mean.shape, np.float32), mean)


def _silent(setting: Setting, n: int) -> Spells:
    """One grid in ten passes on little or nothing for 90 to 400 days once."""
    rng, days = setting.rng("silence"), setting.preset.days
    grid = np.sort(rng.permutation(n)[: round(SILENT_SHARE * n)])
    length = rng.integers(90, 401, len(grid))
    first = rng.integers(-60, max(days - 60, 1), len(grid))
    factor = np.where(rng.random(len(grid)) < 0.8, SILENT_FACTOR, 0.0)
    return _kept(Spells(grid, first, np.minimum(first + length, days), factor), setting.on("silence"))


def _leave(setting: Setting, n: int) -> Spells:
    rng, days = setting.rng("leave"), setting.preset.days
    grid = np.sort(rng.permutation(n)[: round(LEAVE_SHARE * n)])
    first = rng.integers(0, max(days - 21, 1), len(grid))
    last = np.minimum(first + rng.integers(21, 61, len(grid)), days)
    return _kept(Spells(grid, first, last, np.zeros(len(grid))), setting.on("leave"))


def _kept(spells: Spells, on: bool) -> Spells:  # noqa: FBT001 - an effect is on or off
    cut = slice(None) if on else slice(0)
    return Spells(spells.grid[cut], spells.first[cut], spells.last[cut], spells.factor[cut])


def spread(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One row a count of a (days lived, grids) matrix from day 0: day, grid, and an address that no other row has."""
    n = counts[BURN_DAYS:]
    day, grid = np.nonzero(n)
    times = n[day, grid]
    day, grid = day.repeat(times), grid.repeat(times)
    number = np.arange(len(day)) - np.repeat(np.cumsum(times) - times, times)
    return day, grid, (day.astype(np.int64) * counts.shape[1] + grid) * 256 + number


def visits_table(
    setting: Setting, codes: Codes, n_visits: np.ndarray, routine: np.ndarray | None = None
) -> pd.DataFrame:
    """The `visits` table. Visits beyond `routine` (the same matrix without alerts) were made because of an alert."""
    day, grid, key = spread(n_visits)
    hashed = chance.digest(setting.seed, "visit", key)
    u = {name: chance.channel(hashed, name) for name in ("hour", "length", "kind", "side", "code", "homes", "lag")}
    started = day + season.clock(u["hour"], "office")
    minutes = 2 + chance.exponential(u["length"], 28.0)
    ended = np.minimum(started + minutes / 1440, day + 0.9995)
    side = ((u["side"] > codes.share[grid]) & (codes.kind[grid] == "split")).astype(int)
    household = u["kind"] < 0.35
    for_alert = np.zeros(len(key), dtype=bool) if routine is None else key % 256 >= routine[day + BURN_DAYS, grid]
    return pd.DataFrame(
        {
            "visit_id": ids("V" + setting.mark, key, width=12),
            "started_at": instants(started),
            "grid_id": words(codes.vocabulary, codes.used(grid, side, day, u["code"])),
            "known_at": instants(ended + (1 + 20 * u["lag"]) / 1440),
            "ended_at": instants(ended),
            "kind": words(["patrol", "household", "special"], np.where(household, 1, np.where(u["kind"] > 0.95, 2, 0))),
            "purpose": words(["routine", "alert"], for_alert.astype(int)),
            "n_households": pd.array(
                np.where(household, 1 + np.floor(8 * u["homes"]), 0).astype(np.int64), dtype="Int64"
            ),
            "valid": (ended - started) * 1440 >= 5,
        }
    )


def roster_table(setting: Setting, codes: Codes, watch: Watch) -> pd.DataFrame:
    """The `roster` table: workers of each grid on each Monday."""
    mondays = np.flatnonzero(season.dates(setting).day_of_week.to_numpy()[BURN_DAYS:] == 0)
    there = np.ones((len(mondays), len(watch.rate)))
    for g, a, b in zip(watch.leave.grid, watch.leave.first, watch.leave.last, strict=True):
        there[(mondays >= a) & (mondays < b), g] = 0.0
    day, grid = mondays.repeat(there.shape[1]), np.tile(np.arange(there.shape[1]), len(mondays))
    part = pd.DataFrame(
        {
            "code": codes.at(grid, np.zeros(len(grid), int), day),
            "day": day,
            "n": there.ravel() * np.where(watch.shared, 0.5, 1.0)[grid],
            "own": there.ravel() * ~watch.shared[grid],
        }
    )
    other = part[codes.kind[grid] == "split"].assign(
        code=codes.at(grid, np.ones(len(grid), int), day)[codes.kind[grid] == "split"]
    )
    whole = pd.concat([part, other]).groupby(["code", "day"], as_index=False, sort=True)[["n", "own"]].max()
    return pd.DataFrame(
        {
            "grid_id": words(codes.vocabulary, whole["code"].to_numpy()),
            "day_at": instants(whole["day"].to_numpy(float)),
            "n_workers": whole["n"],
            "n_own_workers": whole["own"],
        }
    )
