"""A dispute run forward as a small Markov chain over (ledger, calls), day by day, with the very hazards of its life."""

from dataclasses import dataclass

import numpy as np

from riskwarn.simulation.escalation import (
    DIVERTED,
    LEDGER_DAYS,
    LOST,
    POLICE_DAYS,
    REGISTERED,
    RELAPSE,
    RELAPSE_LEAST_DAYS,
    RELAPSE_MEAN_DAYS,
    SELF_DAYS,
    Multipliers,
)
from riskwarn.simulation.setting import STUDIED, Strength

_LARGE = 0.5
REDRESS = 0.85
"""Share of petitions that seek redress."""


@dataclass(frozen=True)
class Target:
    """A question asked of each grid and Monday: does it happen within `days` from `as_of`?"""

    days: int
    meaning: str


TARGETS = {
    "viol28": Target(28, "a violent incident (a police call that ends tagged weapon or injury)"),
    "calls7": Target(7, "a police call about a dispute (category P04)"),
    "newpet28": Target(28, "a first petition of a matter, seeking redress (tag seeks_redress, no tag repeat)"),
    "need28": Target(28, "a hotline request or petition about a dispute, whatever its kind"),
}


@dataclass(frozen=True)
class Units:
    """Disputes as the chain sees them (n)."""

    base: Multipliers
    """`find` is here the chance of being found on a mean day."""
    age: np.ndarray
    calls: np.ndarray
    petitions: np.ndarray
    ledger: np.ndarray
    due_in: np.ndarray
    """Days until the ledger case is overdue."""
    strength: Strength = STUDIED


def forward(units: Units, *, days: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Run the chains forward, once for the first event of each target and once without end.

    Parameters
    ----------
    units
        Disputes at the start.
    days
        Days to run.

    Returns
    -------
    reached
        For each target (1 + its days or `days`, n): probability that it has happened by the end of each day; the first row is 0.
    expected
        (days + 1, targets, n) expected number of each target's events by the end of each day.
    """
    n = len(units.age)
    start = np.zeros((3, 4, n), np.float32)
    start[units.ledger.astype(int), np.minimum(units.calls, 3), np.arange(n)] = 1.0
    spans = {name: min(target.days, days) for name, target in TARGETS.items()}
    flows = {name: _Flow(start) for name in (*TARGETS, "all")}
    reached = {name: np.zeros((span + 1, n), np.float32) for name, span in spans.items()}
    expected = np.zeros((days + 1, len(TARGETS), n), np.float32)
    for day in range(days):
        p = chances(units, day)
        expected[day + 1] = expected[day] + _expected(p, flows["all"].mass)
        for name, span in spans.items():
            if day < span:
                reached[name][day + 1] = reached[name][day] + flows[name].absorb(p[name])
                flows[name].step(p)
        flows["all"].step(p)
    reached["newpet28"] *= REDRESS
    once = list(TARGETS).index("newpet28")
    expected[:, once] = reached["newpet28"][np.minimum(np.arange(days + 1), spans["newpet28"])]
    return reached, expected


class _Flow:
    """Probability mass over (ledger, calls), with what rests after resolution and may relapse."""

    def __init__(self, start: np.ndarray) -> None:
        self.mass = start
        self.resting = np.zeros(start.shape[1:], np.float32)
        self.left: list[np.ndarray] = []

    def absorb(self, p: np.ndarray) -> np.ndarray:
        """Take out what reaches the target today."""
        gone = self.mass * p
        self.mass = self.mass - gone
        return np.asarray(gone.sum((0, 1)))

    def step(self, p: dict[str, np.ndarray]) -> None:
        """One day of resolution, calls, finding and relapse."""
        self.mass, out = _step(self.mass, p)
        self.left.append(out)
        self.mass[0] += self.resting * np.float32(-np.expm1(-1 / RELAPSE_MEAN_DAYS))
        self.resting *= np.float32(np.exp(-1 / RELAPSE_MEAN_DAYS))
        if len(self.left) > RELAPSE_LEAST_DAYS:
            self.resting += np.float32(RELAPSE) * self.left.pop(0)


def _chance(hazard: np.ndarray) -> np.ndarray:
    """``1 - exp(-hazard)``, to third order where no hazard is large."""
    if hazard.max(initial=0) > _LARGE:
        return np.asarray(-np.expm1(-hazard), np.float32)
    return np.asarray(hazard * (1 - hazard / 2 + hazard * hazard / 6), np.float32)


def chances(units: Units, day: int) -> dict[str, np.ndarray]:
    """Chances on one day by state, broadcast to (3, 4, n)."""
    slow = np.log1p((units.age + day) / 14.0).astype(np.float32)
    overdue = np.zeros((3, 1, len(slow)), np.float32)
    overdue[1, 0] = units.strength.overdue * (day >= units.due_in)
    calls = np.float32(units.strength.repeat) * np.arange(4, dtype=np.float32)[None, :, None]
    call = _chance(units.base.call * np.exp(0.25 * slow) * np.exp(0.5 * calls))
    violence = _chance(
        units.base.violence
        * np.exp(0.25 * np.minimum(units.petitions, 2))
        * np.exp(0.75 * calls)
        * np.exp(0.3 * overdue)
    )
    petition = _chance(units.base.petition * np.exp(0.3 * slow) * np.exp(0.5 * overdue))
    hotline = _chance(units.base.hotline)[None, None, :]
    return {
        "call": call,
        "viol28": violence,
        "calls7": call,
        "newpet28": petition * (units.petitions == 0),
        "need28": hotline + petition - hotline * petition,
        "hotline": hotline,
        "petition": petition,
        "find": units.base.find.astype(np.float32),
    }


def _expected(p: dict[str, np.ndarray], mass: np.ndarray) -> np.ndarray:
    each = {
        "viol28": p["viol28"],
        "calls7": p["calls7"],
        "newpet28": REDRESS * p["newpet28"],
        "need28": p["hotline"] + p["petition"],
    }
    return np.array([(mass * each[t]).sum((0, 1)) for t in TARGETS])


def _step(mass: np.ndarray, p: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Resolve, count calls, find; returns the open mass and what was resolved, by calls."""
    rate = np.full((3, 4, 1), 1 / LEDGER_DAYS, np.float32)
    rate[0] = 1 / POLICE_DAYS
    rate[0, 0] = 1 / SELF_DAYS
    out = mass * -np.expm1(-rate)
    up = np.minimum(p["call"] + p["viol28"], 1.0) * (mass := mass - out)
    handed = up[0] * (DIVERTED * (1 - LOST) * REGISTERED * (1 - p["find"]))
    moved = mass.copy()
    moved[:, :3] -= up[:, :3]
    moved[:, 1:] += up[:, :3]
    moved[0, 1:] -= handed[:3]
    moved[2, 1:] += handed[:3]
    discovered = moved[0] * p["find"]
    moved[0] -= discovered
    moved[2] += discovered
    return moved, out.sum(0)
