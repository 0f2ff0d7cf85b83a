"""What becomes of each dispute, day by day: found, called about, petitioned, violent, resolved, and back again.

All chances are daily: an event of hazard ``h`` per day happens on a day with probability ``1 - exp(-h)``. Every draw is
addressed by dispute and day, so two worlds part only where their causes differ.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from riskwarn.simulation import chance
from riskwarn.simulation.disputes import KINDS, MEAN_SEVERITY, Disputes
from riskwarn.simulation.geography import Geography
from riskwarn.simulation.season import after_workdays
from riskwarn.simulation.setting import BURN_DAYS, Setting, Strength
from riskwarn.simulation.visits import Watch

FIND = 0.016
HOTLINE, PETITION, CALL, VIOLENCE = 0.0105, 0.0014, 0.0045, 0.00078
LEDGER_DAYS, POLICE_DAYS, SELF_DAYS = 14.0, 22.0, 40.0
"""Mean days to resolution when the ledger, only the police, or nobody knows."""
RELAPSE, RELAPSE_LEAST_DAYS, RELAPSE_MEAN_DAYS = 0.12, 5.0, 20.0
LIMIT_WORKDAYS = 9
DIVERTED, LOST, LOST_CARELESS, REGISTERED = 0.30, 0.05, 0.25, 0.8
PAPER_SHARE = 0.40


@dataclass
class State:
    """Where each dispute stands (n)."""

    open: np.ndarray
    began: np.ndarray
    """Day its present episode began."""
    episode: np.ndarray
    calls: np.ndarray
    petitions: np.ndarray
    ledger: np.ndarray
    due: np.ndarray
    """Day its ledger case is due; far away without a case."""
    seen: np.ndarray
    """Whether any record of it exists."""


@dataclass(frozen=True)
class Course:
    """Everything that happened, one array a column, grouped by what it was; days count from the city's start."""

    found: dict[str, np.ndarray]
    """Ledger registrations: dispute, day, episode, how (0 by a visit, 1 by a diversion)."""
    hotline: dict[str, np.ndarray]
    petition: dict[str, np.ndarray]
    call: dict[str, np.ndarray]
    """Dispute calls and violent incidents: dispute, day, nth, violent, diverted, lost."""
    resolved: dict[str, np.ndarray]
    paper: dict[str, np.ndarray]
    snapshots: dict[int, dict[str, np.ndarray]]
    """State of open disputes at the start of chosen days."""
    extra_visits: np.ndarray | None
    """(days lived, grids) visits made because of alerts; None without a policy."""
    hazard: dict[str, float]
    """Total chance of each kind of event that was run, to be compared with the number that happened."""


@dataclass(frozen=True)
class Policy:
    """Who is visited beyond routine."""

    visits: Callable[[int, dict[str, list[np.ndarray]]], np.ndarray]
    """Called at the start of each day with what was recorded so far; returns extra visits by grid."""
    thorough: float = 1.0
    """An extra visit finds as much as so many routine ones."""


@dataclass(frozen=True)
class Multipliers:
    """Hazard factors of each dispute, those of its kind and severity together (n)."""

    find: np.ndarray
    hotline: np.ndarray
    petition: np.ndarray
    call: np.ndarray
    violence: np.ndarray


def multipliers(kind: np.ndarray, severity: np.ndarray) -> Multipliers:
    """Daily hazards before the terms that change with time."""
    z = severity - MEAN_SEVERITY
    of = {
        name: np.array([getattr(k, name) for k in KINDS])[kind]
        for name in ("found", "hotline", "petition", "call", "violence")
    }
    return Multipliers(
        FIND * of["found"],
        HOTLINE * of["hotline"] * np.exp(0.8 * z),
        PETITION * of["petition"] * np.exp(1.0 * z),
        CALL * of["call"] * np.exp(1.8 * z),
        VIOLENCE * of["violence"] * np.exp(2.6 * z),
    )


def hazards(
    base: Multipliers,
    age: np.ndarray,
    calls: np.ndarray,
    petitions: np.ndarray,
    overdue: np.ndarray,
    strength: Strength,
) -> dict[str, np.ndarray]:
    """Hazards per day while a dispute is unresolved.

    Parameters
    ----------
    base
        From :func:`multipliers`.
    age
        Days since the episode began, not negative.
    calls, petitions
        Counts so far; effects end at 3 and 2.
    overdue
        Whether its ledger case has passed its limit.
    strength
        How strongly calls so far and limits passed act.
    """
    slow = np.log1p(age / 14.0)
    many, overdue = strength.repeat * np.minimum(calls, 3), strength.overdue * overdue
    return {
        "hotline": base.hotline + 0.0 * slow,
        "petition": base.petition * np.exp(0.5 * overdue + 0.3 * slow),
        "call": base.call * np.exp(0.25 * slow + 0.5 * many),
        "violence": base.violence * np.exp(0.75 * many + 0.3 * overdue + 0.25 * np.minimum(petitions, 2)),
    }


def resolution_rate(ledger: np.ndarray, calls: np.ndarray) -> np.ndarray:
    """Chance of resolution per day, as a hazard."""
    return np.where(ledger, 1 / LEDGER_DAYS, np.where(calls > 0, 1 / POLICE_DAYS, 1 / SELF_DAYS))


def faulty_townships(setting: Setting, geo: Geography) -> tuple[np.ndarray, np.ndarray]:
    """(townships,) which close cases on paper, and which lose calls handed to them."""
    n = len(geo.township_id)
    paper, careless = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    if setting.on("paper"):
        paper[setting.rng("paper").permutation(n)[: setting.preset.paper_townships]] = True
    first = setting.rng("careless").integers(0, n)
    if setting.on("lost_diversions"):
        careless[(first + np.arange(setting.preset.careless_townships)) % n] = True
    return paper, careless


def run(
    setting: Setting,
    geo: Geography,
    disputes: Disputes,
    watch: Watch,
    *,
    snapshot_days: frozenset[int] = frozenset(),
    policy: Policy | None = None,
) -> Course:
    """Live through every day of the city."""
    life = _Life(setting, geo, disputes, watch)
    if policy is not None:
        life.extra, life.thorough = np.zeros(watch.n_visits.shape, np.uint8), policy.thorough
    for day in range(-BURN_DAYS, setting.preset.days):
        life.wake(day)
        if day in snapshot_days:
            life.remember(day)
        if policy is not None and life.extra is not None and day >= 0:
            life.extra[day + BURN_DAYS] = policy.visits(day, life.log)
        life.live(day)
    return life.course()


class _Life:
    """The loop's memory: states, the open disputes, and the log."""

    def __init__(self, setting: Setting, geo: Geography, disputes: Disputes, watch: Watch) -> None:
        n = disputes.n
        self.setting, self.geo, self.disputes, self.watch = setting, geo, disputes, watch
        self.base = multipliers(disputes.kind, disputes.severity)
        self.state = State(
            np.ones(n, bool),
            disputes.born.copy(),
            np.zeros(n, np.int64),
            np.zeros(n, np.int64),
            np.zeros(n, np.int64),
            np.zeros(n, bool),
            np.full(n, 1e9),
            np.zeros(n, bool),
        )
        order = np.argsort(disputes.born, kind="stable")
        first = np.searchsorted(disputes.born[order], np.arange(-BURN_DAYS, setting.preset.days + 1))
        self.births = [order[a:b] for a, b in pairwise(first)]
        self.returns: dict[int, list[np.ndarray]] = {}
        self.active = np.zeros(0, np.int64)
        self.extra: np.ndarray | None = None
        self.thorough = 1.0
        self.due_after = after_workdays(setting, LIMIT_WORKDAYS) - BURN_DAYS + 1
        self.paper, self.careless = faulty_townships(setting, geo)
        self.loss = np.where(self.careless, LOST_CARELESS, LOST if setting.on("lost_diversions") else 0.0)
        self.log: dict[str, list[np.ndarray]] = {
            k: [] for k in ("found", "hotline", "petition", "call", "resolved", "paper")
        }
        self.snapshots: dict[int, dict[str, np.ndarray]] = {}
        self.hazard = dict.fromkeys(("hotline", "petition", "call", "violence", "find", "resolve"), 0.0)

    def wake(self, day: int) -> None:
        """Disputes that relapse come back; those born today join when the day is lived."""
        back = self.returns.pop(day, [])
        if back:
            i = np.sort(np.concatenate(back))
            s = self.state
            s.open[i], s.began[i], s.ledger[i], s.due[i] = True, day, False, 1e9
            s.episode[i] += 1
            self.active = np.concatenate([self.active, i])

    def remember(self, day: int) -> None:
        s, i = self.state, self.active
        self.snapshots[day] = {
            "dispute": i.copy(),
            "age": day - s.began[i],
            "calls": s.calls[i].copy(),
            "petitions": s.petitions[i].copy(),
            "ledger": s.ledger[i].copy(),
            "due": s.due[i].copy(),
            "seen": s.seen[i].copy(),
        }

    def live(self, day: int) -> None:
        """One day: what happens depends on the state at its start."""
        i = self.active = np.concatenate([self.active, self.births[day + BURN_DAYS]])
        s = self.state
        h = chance.digest(self.setting.seed, "day", self.disputes.key[i], day)
        hazard = hazards(
            Multipliers(*(getattr(self.base, f)[i] for f in ("find", "hotline", "petition", "call", "violence"))),
            np.maximum(day - s.began[i], 0),
            s.calls[i],
            s.petitions[i],
            s.ledger[i] & (day >= s.due[i]),
            self.setting.strength,
        )
        hazard["find"] = self._finding(i, day)
        hazard["resolve"] = resolution_rate(s.ledger[i], s.calls[i])
        happens = {}
        for what, rate in hazard.items():
            p = -np.expm1(-rate)
            self.hazard[what] += float(p.sum())
            happens[what] = chance.channel(h, what) < p
        self._record(day, i, h, happens)
        self._resolve(day, i, happens["resolve"])

    def _finding(self, i: np.ndarray, day: int) -> np.ndarray:
        at, grid = day + BURN_DAYS, self.disputes.grid[i]
        visits = self.watch.n_visits[at].astype(float)
        if self.extra is not None:
            visits = visits + self.thorough * self.extra[at]
        return np.where(self.state.ledger[i], 0.0, self.base.find[i] * (visits * self.watch.passed_on[at])[grid])

    def _record(self, day: int, i: np.ndarray, h: np.ndarray, happens: dict[str, np.ndarray]) -> None:
        s = self.state
        for what in ("hotline", "petition"):
            one = i[happens[what]]
            self._log(what, one, day, s.petitions[one])
        called, violent = happens["call"], happens["violence"]
        town = self.geo.township[self.disputes.grid[i]]
        diverted = called & (chance.channel(h, "divert") < DIVERTED)
        lost = diverted & (chance.channel(h, "lose") < self.loss[town])
        taken = diverted & ~lost & (chance.channel(h, "register") < REGISTERED) & ~s.ledger[i] & ~happens["find"]
        for rows, flag in ((called, 0), (violent, 1)):
            one = i[rows]
            self._log(
                "call",
                one,
                day,
                s.calls[one],
                np.full(len(one), flag),
                diverted[rows] & (flag == 0),
                lost[rows] & (flag == 0),
            )
        for rows, how in ((happens["find"], 0), (taken, 1)):
            one = i[rows]
            self._log("found", one, day, s.episode[one], np.full(len(one), how))
            s.ledger[one], s.due[one] = True, self.due_after[min(day + BURN_DAYS + how, len(self.due_after) - 1)]
        s.petitions[i] += happens["petition"]
        s.calls[i] += called.astype(int) + violent
        s.seen[i] |= called | violent | happens["find"] | happens["petition"] | happens["hotline"]

    def _resolve(self, day: int, i: np.ndarray, resolved: np.ndarray) -> None:
        s = self.state
        town = self.geo.township[self.disputes.grid[i]]
        due_now = s.ledger[i] & (day + 1 >= s.due[i]) & (day < s.due[i]) & ~resolved & self.paper[town]
        on_paper = i[
            due_now & (chance.uniform(self.setting.seed, "paper", self.disputes.key[i], s.episode[i]) < PAPER_SHARE)
        ]
        self._log("paper", on_paper, day, s.episode[on_paper])
        s.ledger[on_paper], s.due[on_paper] = False, 1e9
        done = i[resolved]
        self._log("resolved", done, day, s.episode[done])
        s.open[done] = False
        self.active = i[~resolved]
        if self.setting.on("relapse"):
            again = chance.uniform(self.setting.seed, "relapse", self.disputes.key[done], s.episode[done]) < RELAPSE
            lag = chance.exponential(
                chance.uniform(self.setting.seed, "lag", self.disputes.key[done], s.episode[done]), RELAPSE_MEAN_DAYS
            )
            back = day + 1 + np.floor(RELAPSE_LEAST_DAYS + lag).astype(int)
            for on in np.unique(back[again]):
                self.returns.setdefault(int(on), []).append(done[again & (back == on)])

    def _log(self, what: str, one: np.ndarray, day: int, *more: np.ndarray) -> None:
        if len(one):
            self.log[what].append(np.vstack([one, np.full(len(one), day), *more]))

    def course(self) -> Course:
        names = {
            "found": ("dispute", "day", "episode", "how"),
            "hotline": ("dispute", "day", "nth"),
            "petition": ("dispute", "day", "nth"),
            "call": ("dispute", "day", "nth", "violent", "diverted", "lost"),
            "resolved": ("dispute", "day", "episode"),
            "paper": ("dispute", "day", "episode"),
        }
        tables = {
            what: dict(
                zip(
                    columns,
                    np.hstack([np.zeros((len(columns), 0), np.int64), *self.log[what]]).astype(np.int64),
                    strict=True,
                )
            )
            for what, columns in names.items()
        }
        return Course(**tables, snapshots=self.snapshots, extra_visits=self.extra, hazard=self.hazard)
