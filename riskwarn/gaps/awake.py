"""Whether a unit still speaks: the chance that it is silent, from its counts alone, for each of the last nights.

A unit is awake, or silent: it passes on little, or nothing. Or its worker is away for two or three weeks, which ends by itself and is
no silence. A unit that is awake has a pace: busy and quiet months about its own rate. The recursion runs over rate, pace and state. How far
the pace strays, for how long it lasts, and how often workers are away, is learnt from the city's own counts.
"""

from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import comb

import numpy as np

from riskwarn.gaps.exposure import Feed
from riskwarn.gaps.gap import NIGHTS

FACTORS = (1.0, 0.15, 0.01)
"""What a unit reports in each state, as a share of its own rate: as usual, little, nothing (one in a hundred may be misplaced)."""
ONSET_PER_DAY, MEAN_SPELL_DAYS = 1e-4, 200.0
"""A grid falls silent once in 27 years, and stays so for 200 days, on average; half of the silences are total."""
LEAVE_DAYS, LEAVE_PHASES = 18.0, 4
"""An ordinary leave lasts 18 days on average, passed in four phases: nine in ten end before a month."""
LEAVES_A_YEAR = (0.0, 0.25, 0.5, 1.0, 2.0)
"""Leaves of a worker among which the city's own counts choose."""
PACES = 7
"""Paces of a unit that is awake, from two and a half deviations below its rate to two and a half above."""
DEVIATIONS = (0.0, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0, 1.25)
"""Standard deviations of the log of the pace among which the city's own counts choose; with the first they are Poisson's."""
MEMORY_DAYS = (10.0, 20.0, 40.0, 80.0, 160.0)
"""Days after which a pace is forgotten but for a third, among which they choose."""
LEAST_EXPECTED = 5.0
"""Reports due in half a year below which a unit cannot be judged by itself."""
_HALF_YEAR_DAYS = 182
_SAMPLE = 300
"""Units by which pace and leaves are learnt."""
_NODES, _APART, _REACH, _HIDDEN = (9, 25), 0.25, 3.0, 1.1
"""Fewest and most rates of a unit, how far apart they lie on the log scale, how many deviations they reach, and how much higher, for a silence hid that much."""
_FINE_BINS, _COARSE_DAYS = 26, 28
_LEAST_BELIEF = np.float32(1e-20)


@dataclass(frozen=True)
class Pace:
    """How a unit's counts stray from its rate: `deviation` of the log of the pace, its memory, and leaves a year."""

    deviation: float = 0.0
    memory_days: float = 40.0
    leaves: float = 0.0

    def variance(self, days: np.ndarray) -> np.ndarray:
        """Variance of the mean pace over so many days, of a pace whose mean is 1."""
        span = np.maximum(days, 1e-9) / self.memory_days
        return np.asarray(np.expm1(self.deviation**2) * 2 / span * (1 + np.expm1(-span) / span))


@dataclass(frozen=True, eq=False)
class Liveness:
    """Reports by unit and bin, oldest bin first; the last seven bins are days, those before weeks.

    `counts` and `exposure` are (units, bins); `exposure` is in days of a unit in order; `days` (bins,) their lengths.
    """

    counts: np.ndarray
    exposure: np.ndarray
    days: np.ndarray
    prior_mean: np.ndarray
    """(units,) reports a day of a unit of its kind."""
    prior_size: float
    """Size (shape) of the gamma law of rates about that mean."""
    feeds: list[Feed] = field(default_factory=list)
    by_workers: bool = True
    """Whether workers report; else residents do."""
    pace: Pace = Pace()


def awake_chance(live: Liveness, units: np.ndarray, *, nights: int = NIGHTS) -> np.ndarray:
    """(units, nights) probability that each unit is *not* silent, at the end of each of the last `nights` bins, the oldest first.

    Parameters
    ----------
    live
        Counts and exposure, with the law of rates and pace.
    units
        Row numbers.
    nights
        How many of the last bins.

    Returns
    -------
    chance
        In [0, 1]. A unit whose worker is on an ordinary leave counts as awake.

    Notes
    -----
    The forward recursion of a hidden Markov chain [1]_ whose states are seven paces awake, two depths of silence, and four phases of a leave, for
    each of some rates: the gamma law of rates is summed at nodes about the unit's own instead of integrated, for the chain leaves no closed form.
    The log of the pace is normal about 0 and forgets as an Ornstein-Uhlenbeck process does; its seven levels are the urns of Ehrenfest, which have its
    correlation exactly and the binomial law in place of the normal one [2]_. Counts are Poisson's given rate, pace and state. Weeks older than half a
    year before the first night are taken four at a time. Only the past is looked at, as on the night itself.

    References
    ----------
    .. [1] Rabiner (1989), Proceedings of the IEEE 77, 257-286.
    .. [2] Kac (1947), American Mathematical Monthly 54, 369-391.
    """
    return _forward(live, units, live.pace, nights=nights)[0]


def due_in_half_a_year(live: Liveness) -> np.ndarray:
    """(units,) reports due in the last 182 days by the unit's own rate, shrunk to that of its kind."""
    recent = np.cumsum(live.days[::-1])[::-1] <= _HALF_YEAR_DAYS
    rate = (live.counts.sum(axis=1) + live.prior_size) / (
        live.exposure.sum(axis=1) + live.prior_size / np.maximum(live.prior_mean, 1e-9)
    )
    return np.asarray(rate * live.days[recent].sum())


def learnt(live: Liveness, *, leaves: bool) -> Liveness:
    """`live` with the pace that makes its own counts likeliest, by up to three hundred of the units that can be judged.

    The number of leaves, the deviation and its memory are chosen in turn, twice. The chain that explains silences is the same as
    on the night, so those do not pass for a slow pace.

    Parameters
    ----------
    live
        Counts and exposure, with the law of rates.
    leaves
        Whether a unit has one worker, who may be on leave.

    Returns
    -------
    live
        With `pace`; as it was where no unit can be judged.
    """
    units = np.flatnonzero(due_in_half_a_year(live) >= LEAST_EXPECTED)
    if len(units) == 0:
        return live
    some = units[np.unique(np.linspace(0, len(units) - 1, min(_SAMPLE, len(units))).astype(int))]
    pace = Pace()
    for _ in range(2 if leaves else 1):
        pace = _likeliest(live, some, pace, "leaves", LEAVES_A_YEAR) if leaves else pace
        pace = _likeliest(live, some, pace, "deviation", DEVIATIONS)
        pace = _likeliest(live, some, pace, "memory_days", MEMORY_DAYS) if pace.deviation > 0 else pace
    return replace(live, pace=pace)


def _likeliest(live: Liveness, units: np.ndarray, pace: Pace, name: str, choices: tuple[float, ...]) -> Pace:
    """`pace` with the likeliest value of one of its numbers."""
    # a leave is shorter than the bins of older weeks
    fine = len(live.days) if name == "leaves" else _FINE_BINS
    likelihood = [_forward(live, units, replace(pace, **{name: value}), fine=fine)[1] for value in choices]
    # numbers that double from choice to choice are joined on their logs
    log = name == "memory_days"
    peak = _peak(np.log(choices) if log else np.array(choices), likelihood)
    return replace(pace, **{name: float(np.exp(peak)) if log else peak})


def _peak(choices: np.ndarray, likelihood: list[float]) -> float:
    """Where the log likelihood is highest, by the parabola through the best choice and its neighbours, so that nights change little by little."""
    best = int(np.argmax(likelihood))
    if best in {0, len(choices) - 1}:
        return float(choices[best])
    x, y = choices[best - 1 : best + 2], np.array(likelihood[best - 1 : best + 2])
    square, slope, _ = np.polyfit(x - x[1], y, 2)
    return float(np.clip(x[1] - slope / (2 * square), x[0], x[2])) if square < 0 else float(x[1])


def _forward(
    live: Liveness, units: np.ndarray, pace: Pace, *, nights: int = 1, fine: int = _FINE_BINS
) -> tuple[np.ndarray, float]:
    """(units, nights) chance to be awake or on leave at the end of the last bins, and the log likelihood of all counts but for a constant."""
    rates, weight = _nodes(live, units, pace, nights)
    counts, exposure, lengths = _bins(live, units, nights + fine)
    level, share = _levels(pace.deviation)
    chain = _Chain.of(pace, share)
    told = len(level) + len(FACTORS) - 1
    rate = rates[:, :, None] * np.r_[level, FACTORS[1:]]
    gain, cost = np.log(rate).astype(np.float32), rate.astype(np.float32)
    belief = (weight[:, :, None] * chain.begin).astype(np.float32)
    moves = {days: chain.moves(float(days)) for days in np.unique(lengths)}
    chances, total = [], 0.0
    for b, days in enumerate(lengths):
        # what can hardly be stays possible, so that counts that nothing else explains leave something
        belief = (belief.reshape(-1, belief.shape[2]) @ moves[days]).reshape(belief.shape) + _LEAST_BELIEF
        log = counts[:, b, None, None] * gain - exposure[:, b, None, None] * cost
        top = log.max(axis=(1, 2), keepdims=True)
        likely = np.exp(log - top)
        belief[:, :, :told] *= likely
        belief[:, :, told:] *= likely[:, :, -1:]
        whole = belief.sum(axis=(1, 2), keepdims=True)
        belief /= whole
        total += float(np.log(whole).sum(dtype=float) + top.sum(dtype=float))
        if b >= len(lengths) - nights:
            chances.append(1 - belief[:, :, len(level) : told].sum(axis=(1, 2), dtype=float))
    return np.clip(np.column_stack(chances), 0.0, 1.0), total


def _bins(live: Liveness, units: np.ndarray, fine: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts and exposure of the units and the bins' lengths; those before the last seven and so many more four weeks at a time."""
    counts, exposure = live.counts[units].astype(np.float32), live.exposure[units].astype(np.float32)
    old = max(len(live.days) - fine - 7, 0)
    # whole blocks that end where the finer bins begin
    block = (np.cumsum(live.days[:old][::-1]) - live.days[:old][::-1]) // _COARSE_DAYS
    starts = np.r_[np.flatnonzero(np.diff(block[::-1], prepend=-1.0)), np.arange(old, len(live.days))]
    counts, exposure = (np.add.reduceat(x, starts, axis=1) for x in (counts, exposure))
    return counts, exposure, np.add.reduceat(live.days, starts)


def _nodes(live: Liveness, units: np.ndarray, pace: Pace, nights: int) -> tuple[np.ndarray, np.ndarray]:
    """(units, nodes) rates, evenly spaced on the log scale about the unit's own before the first night, and their weights by the gamma law."""
    size, mean, before = live.prior_size, live.prior_mean[units], slice(0, max(len(live.days) - nights, 0))
    counts, exposure = live.counts[units, before].sum(axis=1), live.exposure[units, before].sum(axis=1)
    centre = np.log((counts + size) / (exposure + size / mean) / mean)
    reach = _REACH * np.sqrt(1 / (counts + size) + np.minimum(pace.variance(exposure), pace.deviation**2))
    nodes = int(np.clip(np.ceil(np.median(2 * reach + _HIDDEN) / _APART), *_NODES))
    log = (centre - reach)[:, None] + (2 * reach + _HIDDEN)[:, None] * np.linspace(0, 1, nodes)
    # in the log of the rate the density is rate ** size * exp(-size * rate): one power more than in the rate itself
    density = size * (log - np.exp(log))
    weight = np.exp(density - density.max(axis=1, keepdims=True))
    return mean[:, None] * np.exp(log), weight / weight.sum(axis=1, keepdims=True)


def _levels(deviation: float) -> tuple[np.ndarray, np.ndarray]:
    """Paces, of mean 1, and how often each is met; one alone where none strays."""
    if deviation == 0:
        return np.ones(1), np.ones(1)
    k = np.arange(PACES)
    share = np.array([comb(PACES - 1, one) for one in k]) / 2.0 ** (PACES - 1)
    level = np.exp(deviation * (2 * k - (PACES - 1)) / np.sqrt(PACES - 1))
    return level / (level @ share), share


@dataclass(frozen=True, eq=False)
class _Chain:
    """States awake at each pace, little, nothing, and the phases of a leave: the chances before the first bin, and the rates of passing a day."""

    begin: np.ndarray
    rates: np.ndarray

    @classmethod
    def of(cls, pace: Pace, share: np.ndarray) -> "_Chain":
        """Of the paces met so often; without leaves these have no state."""
        leave, n = pace.leaves / 365.25, len(share)
        phases = LEAVE_PHASES if leave > 0 else 0
        rates = np.zeros((n + 2 + phases,) * 2)
        for low, high in pairwise(range(n)):
            rates[low, high], rates[high, low] = (n - high) / 2 / pace.memory_days, high / 2 / pace.memory_days
        rates[:n, n : n + 2] = ONSET_PER_DAY / 2
        rates[n : n + 2, :n] = share / MEAN_SPELL_DAYS
        if phases:
            rates[:n, n + 2] = leave
            rates[-1, :n] = share * LEAVE_PHASES / LEAVE_DAYS
            for one, after in pairwise(range(n + 2, len(rates))):
                rates[one, after] = LEAVE_PHASES / LEAVE_DAYS
        np.fill_diagonal(rates, -rates.sum(axis=1))
        # as long as each lasts, over how seldom it begins
        silent, away = ONSET_PER_DAY * MEAN_SPELL_DAYS, leave * LEAVE_DAYS
        begin = np.r_[(1 - silent - away) * share, silent / 2, silent / 2, [away / LEAVE_PHASES] * phases]
        return cls(begin, rates)

    def moves(self, days: float) -> np.ndarray:
        """Chances to pass from state to state within `days`."""
        from scipy import linalg  # noqa: PLC0415

        return np.asarray(linalg.expm(self.rates * days), dtype=np.float32)
