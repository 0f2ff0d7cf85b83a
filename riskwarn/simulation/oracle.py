"""The true probability that something happens in a grid, for one who knows the law of the city and the state of each dispute.

Each open dispute is a small Markov chain over (ledger, calls), run forward day by day with the very hazards of
:mod:`riskwarn.simulation.escalation`. Disputes yet to begin are Poisson with known rates; so are the offspring of past
ones and those that may relapse. A grid's probability is ``1 - prod(1 - p_i) * exp(-sum of rates)``.

Two things are left out, each worth less than one percent of the expected count: paper closures and new ledger cases
falling due within the horizon, and petitions filed within it acting on violence.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

from riskwarn.simulation import season
from riskwarn.simulation.chain import TARGETS, Units, chances, forward
from riskwarn.simulation.disputes import (
    BRANCHING,
    KINDS,
    LAG_DAYS,
    LAG_SHARE,
    SAME_GRID,
    SAME_KIND,
    SEAM_FACTOR,
    SEAM_KM,
    SHARES,
    immigrant_rate,
)
from riskwarn.simulation.escalation import (
    RELAPSE,
    RELAPSE_LEAST_DAYS,
    RELAPSE_MEAN_DAYS,
    SELF_DAYS,
    Multipliers,
    multipliers,
)
from riskwarn.simulation.setting import BURN_DAYS
from riskwarn.simulation.visits import WEEKEND_FACTOR
from riskwarn.simulation.world import World

_PAST_DAYS = 150
"""How far back a dispute can still beget or relapse, days; what lies beyond is below 0.1 %."""
_NODES = beta.ppf((np.arange(8) + 0.5) / 8, 2, 5)
_AGES = np.array([0, 3, 7, 14, 28, 56, 112])
_FINDS = 6


@dataclass(frozen=True)
class Worth:
    """Expected (first) events of one target within its horizon of `days`, by where they come from."""

    days: int
    once: bool
    """Whether a dispute can reach the target but once in its life."""
    grown: np.ndarray
    """(days + 1, kinds, levels) of a birth with its descendants, by days left."""
    ahead: np.ndarray
    """(ages, kinds, levels) of children a past dispute will have."""
    behind: np.ndarray
    """(ages, kinds, levels) of unseen children it may have now."""
    again: np.ndarray
    """(days rested, kinds, severities, calls, levels) of a relapse."""
    hidden: np.ndarray
    """(ages, kinds, levels) of an unseen open dispute, if it was born."""


@dataclass(frozen=True)
class Past:
    """Disputes of the past that matter still, with flat positions in the tables of :class:`Worth`."""

    parent: np.ndarray
    begetting: np.ndarray
    parent_seen: np.ndarray
    rest: np.ndarray
    relapsing: np.ndarray
    rest_seen: np.ndarray
    rest_petitioned: np.ndarray


class Oracle:
    """Tables that depend on the city's law alone, made once; then each Monday is a look-up and one forward run."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.week = (5 + 2 * WEEKEND_FACTOR) / 7
        find = self._finding(slice(None), BURN_DAYS)
        self.levels = np.quantile(find, (np.arange(_FINDS) + 0.5) / _FINDS)
        self.levels[0] = 0.0
        self.days = max(t.days for t in TARGETS.values())
        types = np.indices((len(KINDS), len(_NODES), 4, _FINDS)).reshape(4, -1)
        self.young = self._tables(types, np.zeros(types.shape[1]), (len(KINDS), len(_NODES), 4, _FINDS))
        unseen, self.never_seen = self._unseen()
        self.old = self._hidden(unseen)
        self.begets = _lag_shares(_PAST_DAYS + self.days)
        self.worth = {(name, of): self._worth(name, of) for name in TARGETS for of in ("first", "expected")}
        self.seam_rate = self._seam_rate()
        self.season = np.stack(season.profiles(world.setting))
        self.side = world.codes.side(world.disputes.grid, world.disputes.point)
        self.node = np.abs(world.disputes.severity[:, None] - _NODES[None, :]).argmin(1)
        self.base = multipliers(world.disputes.kind, world.disputes.severity)
        self.first_seen = _first_seen(world)

    def _finding(self, grid: np.ndarray | slice, at: int) -> np.ndarray:
        """Chance per mean day that a dispute of mean findability is found, with today's silence and leave."""
        w = self.world.watch
        there = w.presence[at, grid] > 0
        return np.asarray(w.rate[grid] * self.week * there * w.passed_on[at, grid])

    def _units(self, kind: np.ndarray, severity: np.ndarray, finding: np.ndarray, **more: np.ndarray) -> Units:
        base = multipliers(kind, severity)
        n = len(kind)
        zero, never = np.zeros(n, np.int64), np.full(n, 1e9)
        return Units(
            Multipliers(-np.expm1(-base.find * finding), base.hotline, base.petition, base.call, base.violence),
            more.get("age", np.zeros(n)),
            more.get("calls", zero),
            more.get("petitions", zero),
            more.get("ledger", zero.astype(bool)),
            more.get("due_in", never),
            self.world.setting.strength,
        )

    def _tables(self, types: np.ndarray, age: np.ndarray, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
        """Probability by days lived, per target, for disputes of each type; and expected counts under `expected`."""
        kind, node, calls, level = types
        units = self._units(kind, _NODES[node], self.levels[level], age=age, calls=calls)
        reached, expected = forward(units, days=self.days)
        made = {name: value.reshape(-1, *shape) for name, value in reached.items()}
        return made | {"expected": expected.reshape(self.days + 1, len(TARGETS), *shape)}

    def _hidden(self, unseen: np.ndarray) -> dict[str, np.ndarray]:
        """For each target (ages, kinds, levels): chance to be still open and unseen at an age, times the chance of the target then."""
        shape = (len(_AGES), len(KINDS), len(_NODES), _FINDS)
        age, kind, node, level = (a.ravel() for a in np.indices(shape))
        later = self._tables(np.array([kind, node, np.zeros_like(kind), level]), _AGES[age].astype(float), shape)
        place = np.interp(np.arange(_PAST_DAYS), _AGES, np.arange(len(_AGES)))
        low = np.minimum(np.floor(place).astype(int), len(_AGES) - 2)
        part = (place - low)[:, None, None, None]
        made = {}
        for name, target in TARGETS.items():
            by_age = later[name][target.days]
            made[name] = (unseen * (by_age[low] * (1 - part) + by_age[low + 1] * part)).mean(2)
        return made

    def _unseen(self) -> tuple[np.ndarray, np.ndarray]:
        """(ages, kinds, nodes, levels) chance that a dispute is open and without a record; (kinds, levels) that it never has one."""
        shape = (len(KINDS), len(_NODES), _FINDS)
        kind, node, level = (a.ravel() for a in np.indices(shape))
        units = self._units(kind, _NODES[node], self.levels[level])
        alive, made, never = np.ones(len(kind)), [], np.zeros(len(kind))
        for day in range(_PAST_DAYS):
            made.append(alive)
            p = chances(units, day)
            quiet = (1 - p["call"][0, 0]) * (1 - p["viol28"][0, 0]) * (1 - p["need28"][0, 0]) * (1 - p["find"])
            never = never + alive * quiet * -np.expm1(-1 / SELF_DAYS)
            alive = alive * quiet * np.exp(-1 / SELF_DAYS)
        return np.array(made).reshape(-1, *shape), never.reshape(shape).mean(1)

    def _seam_rate(self) -> np.ndarray:
        """(grids,) extra disputes per day from seams."""
        geo, seams = self.world.geo, self.world.seams
        rate = np.zeros(geo.n)
        if self.world.setting.on("seams") and len(seams.pair):
            density = (immigrant_rate(geo).sum(1) / geo.area_km2)[seams.pair] / (1 - BRANCHING)
            np.add.at(rate, seams.pair, (SEAM_FACTOR - 1) * density * seams.length_km[:, None] * SEAM_KM)
        return rate

    def ask(self, day: int) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
        """For each target: its name, and by grid code the probability, the expected count and the probability from what is known."""
        state = self.world.course.snapshots[day]
        one, seen = state["dispute"], state["seen"]
        level = np.abs(self._finding(slice(None), day + BURN_DAYS)[:, None] - self.levels[None, :]).argmin(1)
        reached, counts = forward(self._active(state, day), days=self.days)
        past = self._past(day, level)
        for at, (name, target) in enumerate(TARGETS.items()):
            risk = -np.log1p(-np.minimum(reached[name][target.days], 0.999))
            total, known = self._coming((name, "first"), past, day, level)
            mean, _ = self._coming((name, "expected"), past, day, level)
            full = self._sum(one, risk, total, day)
            known = self._sum(one[seen], risk[seen], known, day)
            yield name, -np.expm1(-full), self._sum(one, counts[target.days, at], mean, day), -np.expm1(-known)

    def _active(self, state: dict[str, np.ndarray], day: int) -> Units:
        d, one = self.world.disputes, state["dispute"]
        finding = self._finding(slice(None), day + BURN_DAYS)[d.grid[one]]
        return self._units(
            d.kind[one],
            d.severity[one],
            finding,
            age=np.maximum(state["age"], 0),
            calls=state["calls"],
            petitions=state["petitions"],
            ledger=state["ledger"],
            due_in=state["due"] - day,
        )

    def _sum(self, one: np.ndarray, value: np.ndarray, coming: np.ndarray, day: int) -> np.ndarray:
        """Add up by the code that holds on `day`; `coming` is (2, disputes' grids) by side."""
        codes, grid = self.world.codes, self.world.disputes.grid
        n = len(codes.vocabulary)
        total = np.bincount(codes.at(grid[one], self.side[one], np.full(len(one), day)), value, minlength=n)
        every = np.arange(self.world.geo.n)
        for side in (0, 1):
            total += np.bincount(
                codes.at(every, np.full(len(every), side), np.full(len(every), day)), coming[side], minlength=n
            )
        return total

    def _worth(self, name: str, of: str) -> Worth:
        """What births, past disputes and relapses are worth to a target, by kind, age and findability."""
        days = TARGETS[name].days
        young = self.young[name] if of == "first" else self.young["expected"][:, list(TARGETS).index(name)]
        grown = _with_offspring(young[: days + 1, :, :, 0].mean(2), self.begets)
        share = _relapse_shares(_PAST_DAYS + 1, days)
        again = np.einsum("aj,jkzcv->akzcv", share, young[days - np.arange(days)])
        return Worth(
            days,
            name == "newpet28",
            grown,
            _ahead(self.begets, grown, days),
            _behind(self.begets, self.old[name]),
            again,
            self.old[name],
        )

    def _coming(
        self, question: tuple[str, str], past: Past, day: int, level: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(2, grids) by side: rate of the target from disputes not open now, for who knows all, and for who knows the records."""
        worth = self.worth[question]
        births = self._births(worth, day, level)
        total, seen = self._from_past(worth, past)
        codes = self.world.codes
        sides = np.array([codes.share, np.where(codes.kind == "split", 1 - codes.share, 0.0)])
        hidden = self._stock(worth, day, level)
        return sides * births + total, sides * (births * self._background(level) + hidden) + seen

    def _background(self, level: np.ndarray) -> np.ndarray:
        """(grids,) how many more disputes come than immigrants, as children of those that are never seen."""
        unseen = (self.never_seen * SHARES[:, None]).sum(0)
        return 1 + BRANCHING * unseen[level] / (1 - BRANCHING)

    def _births(self, worth: Worth, day: int, level: np.ndarray) -> np.ndarray:
        """(grids,) expected first events of the target from disputes to be born within the horizon."""
        rate, rural = self.world.disputes.rate, (self.world.geo.stratum == 3).astype(int)
        window = np.arange(worth.days)
        when = np.minimum(day + BURN_DAYS + window, self.season.shape[1] - 1)
        left = worth.grown[worth.days - window]
        weight = np.einsum("rtk,tkv->rkv", self.season[:, when], left)
        return np.asarray(
            (rate * weight[rural, :, level]).sum(1) + self.seam_rate * np.einsum("k,tkv->v", SHARES, left)[level]
        )

    def _past(self, day: int, level: np.ndarray) -> Past:
        """Disputes of the past that may still have children, and those that may relapse, with where to look up their worth."""
        d = self.world.disputes
        one = np.flatnonzero((d.born < day) & (d.born > day - _PAST_DAYS) & (d.seam < 0))
        one = one if self.world.setting.on("excitation") else one[:0]
        shape = (_PAST_DAYS + 1, len(KINDS), _FINDS)
        at = np.ravel_multi_index((np.floor(day - d.born[one]).astype(int), d.kind[one], level[d.grid[one]]), shape)
        rest, rested = self._at_rest(day)
        calls = np.minimum(self._before("call", day)[rest], 3)
        wide = (_PAST_DAYS + 1, len(KINDS), len(_NODES), 4, _FINDS)
        again = np.ravel_multi_index((rested, d.kind[rest], self.node[rest], calls, level[d.grid[rest]]), wide)
        petitioned = self._before("petition", day)[rest] > 0
        return Past(one, at, self.first_seen[one] < day, rest, again, self.first_seen[rest] < day, petitioned)

    def _at_rest(self, day: int) -> tuple[np.ndarray, np.ndarray]:
        """Disputes resolved in the past that may come back, and days since."""
        real = self.world.course.resolved
        rows = np.flatnonzero((real["day"] < day) & (real["day"] >= day - _PAST_DAYS))
        rows = rows if self.world.setting.on("relapse") else rows[:0]
        one = real["dispute"][rows]
        last = np.full(self.world.disputes.n, -1)
        last[one] = rows
        last[self.world.course.snapshots[day]["dispute"]] = -1
        keep = last[one] == rows
        return one[keep], (day - 1 - real["day"][rows])[keep]

    def _from_past(self, worth: Worth, past: Past) -> tuple[np.ndarray, np.ndarray]:
        """By side: children and relapses still to come of past disputes; the same of the seen ones, with their unseen children."""
        ahead, again = worth.ahead.ravel()[past.begetting], worth.again.ravel()[past.relapsing]
        if worth.once:
            again = np.where(past.rest_petitioned, 0.0, again)
        known = ahead + worth.behind.ravel()[past.begetting]
        total = self._spread(past.parent, ahead) + self._by_side(past.rest, again)
        seen = past.rest_seen
        return total, self._spread(past.parent[past.parent_seen], known[past.parent_seen]) + self._by_side(
            past.rest[seen], again[seen]
        )

    def _by_side(self, one: np.ndarray, value: np.ndarray) -> np.ndarray:
        n = self.world.geo.n
        return np.bincount(
            self.side[one].astype(int) * n + self.world.disputes.grid[one], value, minlength=2 * n
        ).reshape(2, n)

    def _spread(self, one: np.ndarray, value: np.ndarray) -> np.ndarray:
        """Children stay in the grid, or fall on its neighbours."""
        near, grid = self.world.geo.near, self.world.disputes.grid
        if not near.shape[1]:
            return self._by_side(one, value)
        total = self._by_side(one, SAME_GRID * value)
        away = np.bincount(grid[one], value, minlength=len(near)) * (1 - SAME_GRID) / near.shape[1]
        total[0] += np.bincount(near.ravel(), away.repeat(near.shape[1]), minlength=len(near))
        return total

    def _stock(self, worth: Worth, day: int, level: np.ndarray) -> np.ndarray:
        """(grids,) expected first events from disputes that are open now and have left no record."""
        rural = (self.world.geo.stratum == 3).astype(int)
        ages = np.arange(1, min(_PAST_DAYS, day + BURN_DAYS))
        weight = np.einsum("rak,akv->rkv", self.season[:, day + BURN_DAYS - ages], worth.hidden[ages])
        hidden = (self.world.disputes.rate * weight[rural, :, level]).sum(1) * self._background(level)
        return np.asarray(hidden + self.seam_rate * np.einsum("k,akv->v", SHARES, worth.hidden[ages])[level])

    def _before(self, what: str, day: int) -> np.ndarray:
        """(disputes,) number of calls or petitions before `day`."""
        rows = getattr(self.world.course, what)
        return np.bincount(rows["dispute"][rows["day"] < day], minlength=self.world.disputes.n)


def _first_seen(world: World) -> np.ndarray:
    """(disputes,) day of the first record of each; far away for none."""
    first = np.full(world.disputes.n, 10**9)
    for rows in (world.course.found, world.course.hotline, world.course.petition, world.course.call):
        np.minimum.at(first, rows["dispute"], rows["day"])
    return first


def _lag_shares(days: int) -> np.ndarray:
    """(days,) share of offspring born in each day of the parent's age."""
    edge = np.arange(days + 1)
    upto = LAG_SHARE * -np.expm1(-edge / LAG_DAYS[0]) + (1 - LAG_SHARE) * -np.expm1(-edge / LAG_DAYS[1])
    return np.diff(upto)


def _mixed(value: np.ndarray) -> np.ndarray:
    """What a child is worth, by its parent's kind; kinds are the second axis."""
    any_kind = np.einsum("k,jkv->jv", SHARES, value)[:, None, :]
    return SAME_KIND * value + (1 - SAME_KIND) * any_kind


def _with_offspring(fresh: np.ndarray, begets: np.ndarray) -> np.ndarray:
    """(days + 1, kinds, levels) worth of a birth by days left, its descendants within them included."""
    grown = fresh.copy()
    for left in range(1, len(fresh)):
        child = np.einsum("j,jkv->kv", begets[:left], _mixed(grown[left - np.arange(left)]))
        grown[left] = fresh[left] + BRANCHING * child
    return grown


def _ahead(begets: np.ndarray, grown: np.ndarray, days: int) -> np.ndarray:
    """(ages, kinds, levels) worth of the children a past dispute will still have within the horizon."""
    ages = np.arange(_PAST_DAYS + 1)
    shares = begets[np.minimum(ages[:, None] + np.arange(days)[None, :], len(begets) - 1)]
    return np.asarray(BRANCHING * np.einsum("aj,jkv->akv", shares, _mixed(grown[days - np.arange(days)])))


def _behind(begets: np.ndarray, old: np.ndarray) -> np.ndarray:
    """(ages, kinds, levels) worth of the unseen children a past dispute may have by now."""
    worth = _mixed(old)
    made = np.zeros((_PAST_DAYS + 1, *old.shape[1:]))
    for age in range(1, _PAST_DAYS):
        made[age] = BRANCHING * np.einsum("j,jkv->kv", begets[:age], worth[age - 1 - np.arange(age)])
    return made


def _relapse_shares(rested: int, days: int) -> np.ndarray:
    """(rested, days) chance that a dispute resolved that long ago, and still at rest, relapses on each day to come."""
    day = np.arange(rested + days + 1)
    upto = np.where(day < RELAPSE_LEAST_DAYS, 0.0, -np.expm1(-(day - RELAPSE_LEAST_DAYS) / RELAPSE_MEAN_DAYS))
    on = RELAPSE * np.diff(upto)
    still = 1 - RELAPSE * upto
    at = np.arange(rested)[:, None] + np.arange(days)[None, :]
    return np.asarray(on[at] / still[:rested, None])
