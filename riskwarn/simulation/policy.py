"""Alerts that act: visits where alerts point, and a twin city without them, alike in all other chance."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DefinitionError
from riskwarn.simulation.city import City, city
from riskwarn.simulation.escalation import Policy
from riskwarn.simulation.setting import BURN_DAYS, Preset, make_setting

_BACK_DAYS = 84
_WEIGHT = {"found": 1.0, "hotline": 1.0, "petition": 1.5, "call": 3.0}


@dataclass(frozen=True)
class Alerting:
    """A rule for alerts inside a simulated city: every so many days the grids with the most recent records are visited more.

    Attributes
    ----------
    capacity
        Grids alerted at a time.
    visits
        Visits each alert brings, on the following days, one a day.
    every_days
        Days between alerts.
    half_life_days
        A record counts half after so many days.
    first_day
        Day of the first alert, since the start.
    thorough
        An alert's visit finds as much as so many routine ones.

    Examples
    --------
    >>> Alerting(capacity=50).visits
    2
    """

    capacity: int
    visits: int = 2
    every_days: int = 7
    half_life_days: float = 14.0
    first_day: int = 91
    thorough: float = 1.0

    def __post_init__(self) -> None:
        if self.capacity < 1 or self.visits < 1 or self.every_days < self.visits:
            raise DefinitionError(
                f"an alerting rule needs capacity and visits of 1 and more, and every_days no less than visits; got "
                f"capacity={self.capacity}, visits={self.visits}, every_days={self.every_days}."
            )

    def rule(self, grid: np.ndarray, n_grids: int) -> Policy:
        """The rule for disputes in these grids.

        Parameters
        ----------
        grid
            (n,) grid of each dispute, by number.
        n_grids
            How many grids there are.

        Returns
        -------
        policy
            Which grids get a visit more on each day, and how thorough it is.
        """
        alerted = np.zeros(0, int)

        def visits_today(day: int, log: dict[str, list[np.ndarray]]) -> np.ndarray:
            nonlocal alerted
            phase = (day - self.first_day) % self.every_days
            extra = np.zeros(n_grids, np.uint8)
            if day < self.first_day or phase >= self.visits:
                return extra
            if phase == 0:
                alerted = np.argsort(-self._heat(day, log, grid, n_grids), kind="stable")[: self.capacity]
            extra[alerted] = 1
            return extra

        return Policy(visits_today, self.thorough)

    def _heat(self, day: int, log: dict[str, list[np.ndarray]], grid: np.ndarray, n_grids: int) -> np.ndarray:
        heat = np.zeros(n_grids)
        for what, weight in _WEIGHT.items():
            for rows in reversed(log[what]):
                age = day - rows[1, 0]
                if age > _BACK_DAYS:
                    break
                heat += np.bincount(grid[rows[0]], minlength=n_grids) * weight * 0.5 ** (age / self.half_life_days)
        return heat


@dataclass(frozen=True)
class Twins:
    """One city lived twice on the same chance: without alerts and with them."""

    without: City
    alerted: City
    value: pd.DataFrame
    """What alerts changed, a row a quantity: `without`, `alerted`, `difference`, `relative`."""


@checked
def twins(
    preset: str | Preset = "tiny",
    *,
    seed: int = 7,
    alerting: Alerting | None = None,
    without: Iterable[str] = (),
    reports_per_year: float = 60.0,
) -> Twins:
    """Live one city without alerts and once more with them.

    Parameters
    ----------
    preset, seed, without, reports_per_year
        As in :func:`riskwarn.simulation.city`.
    alerting
        The rule; by default 0.7 % of the grids every week, two visits each.

    Returns
    -------
    twins
        Both cities and the table of what alerts changed. All other chance is common, so a difference is caused by alerts.
    """
    off = frozenset([without] if isinstance(without, str) else without)
    rule = alerting or Alerting(max(round(0.007 * make_setting(preset).preset.grids), 1))
    plain = city(preset, seed=seed, without=off, reports_per_year=reports_per_year)
    grid, n = plain.world.disputes.grid, plain.world.geo.n
    alerted = city(preset, seed=seed, without=off, reports_per_year=reports_per_year, policy=rule.rule(grid, n))
    return Twins(plain, alerted, alert_value(plain, alerted))


def alert_value(without: City, alerted: City) -> pd.DataFrame:
    """What alerts changed, from day 0 to the end.

    The benefit is in incidents; the feedback bias is in what a model would learn from records: how many more ledger
    entries alerted grids have than their twins, while the true disputes are the same.
    """
    extra = alerted.world.course.extra_visits
    if extra is None:
        raise DefinitionError("the second city has no alerts; give it a policy.")
    where = np.asarray(extra.any(axis=0))
    rows = {name: (_measure(without, where)[name], value) for name, value in _measure(alerted, where).items()}
    made = pd.DataFrame([{"quantity": k, "without": a, "alerted": b} for k, (a, b) in rows.items()])
    made["difference"] = made["alerted"] - made["without"]
    made["relative"] = made["difference"] / made["without"].where(made["without"] != 0)
    return made


def _measure(one: City, where: np.ndarray) -> dict[str, float]:
    course, grid = one.world.course, one.world.disputes.grid
    extra = course.extra_visits
    call = course.call
    lived = call["day"] >= 0
    violent = lived & (call["violent"] == 1)
    visited = one.world.watch.n_visits[BURN_DAYS:].sum() + (0 if extra is None else int(extra.sum()))
    discovered = course.found["day"] >= 0
    there = where[grid]
    return {
        "violent incidents": float(violent.sum()),
        "violent incidents in alerted grids": float((violent & there[call["dispute"]]).sum()),
        "dispute calls": float((lived & ~violent).sum()),
        "petitions": float((course.petition["day"] >= 0).sum()),
        "hotline requests": float((course.hotline["day"] >= 0).sum()),
        "ledger entries": float(discovered.sum()),
        "ledger entries in alerted grids": float((discovered & there[course.found["dispute"]]).sum()),
        "true disputes in alerted grids": float(((one.world.disputes.born >= 0) & there).sum()),
        "days to resolution": _days_to_resolution(one),
        "visits": float(visited),
    }


def _days_to_resolution(one: City) -> float:
    real, born = one.world.course.resolved, one.world.disputes.born
    first = (real["episode"] == 0) & (real["day"] >= 0)
    return float((real["day"][first] + 1 - born[real["dispute"][first]]).mean())
