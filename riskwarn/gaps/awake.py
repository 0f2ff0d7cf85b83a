"""Whether a unit still speaks: the chance that it is silent, from its counts alone, for each of the last nights.

A unit is awake, or silent: it passes on little, or nothing. Or its worker is away for two or three weeks, which ends by itself and is
no silence. The recursion runs over the rate (a gamma law about that of the unit's kind), and the state. Counts scatter more than
Poisson's, since a grid has busy and quiet months; how much, and how often workers are away, is learnt from the city's own counts.
"""

from dataclasses import dataclass, field, replace

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
PACE_DAYS, LEARNT_DAYS = 28, 84
"""The size is told for 28 days, and learnt on counts of 84: about as long as most silences take to tell, and busy months come in rows."""
PACE_SIZES = (0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 64.0, 1e4)
"""Sizes of the negative binomial law of 28 days' counts among which the city's own choose; the last is as good as Poisson."""
NODES = 21
LEAST_EXPECTED = 5.0
"""Reports due in half a year below which a unit cannot be judged by itself."""
_HALF_YEAR_DAYS = 182
_SAMPLE = 600
"""Units by which pace and leaves are learnt."""


@dataclass(frozen=True)
class Pace:
    """How a unit's counts scatter about its rate: `size` of the negative binomial law of 28 days, and leaves a year."""

    size: float = PACE_SIZES[-1]
    leaves: float = 0.0


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
    The forward recursion of a hidden Markov chain [1]_ whose states are awake, two depths of silence, and four phases of a leave, for each
    of some rates: the gamma law of rates is summed at nodes instead of integrated, for the chain leaves no closed form. Counts of a bin are negative
    binomial with a size in proportion to exposure, so that bins add up to the law of 28 days whatever their lengths [2]_. Only the past is
    looked at, as on the night itself.

    References
    ----------
    .. [1] Rabiner (1989), Proceedings of the IEEE 77, 257-286.
    .. [2] Lawless (1987), Canadian Journal of Statistics 15, 209-225 (negative binomial counts; variance over mean here is the same
       for every length of bin).
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
    """`live` with the pace that makes its own counts likeliest, by up to six hundred of the units that can be judged.

    The size is chosen on counts of 84 days, which hold what busy and quiet weeks add up to; the number of leaves then by the week. The
    chain that explains silences is the same as on the night, so those do not pass for scatter.

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
    long = _in_long_bins(live)
    size = float(np.exp(_peak(np.log(PACE_SIZES), [_forward(long, some, Pace(s))[1] for s in PACE_SIZES])))
    a_year = (
        _peak(np.array(LEAVES_A_YEAR), [_forward(live, some, Pace(size, n))[1] for n in LEAVES_A_YEAR])
        if leaves
        else 0.0
    )
    return replace(live, pace=Pace(size, a_year))


def _peak(choices: np.ndarray, likelihood: list[float]) -> float:
    """Where the log likelihood is highest, by the parabola through the best choice and its neighbours, so that nights change little by little."""
    best = int(np.argmax(likelihood))
    if best in {0, len(choices) - 1}:
        return float(choices[best])
    x, y = choices[best - 1 : best + 2], np.array(likelihood[best - 1 : best + 2])
    square, slope, _ = np.polyfit(x - x[1], y, 2)
    return float(np.clip(x[1] - slope / (2 * square), x[0], x[2])) if square < 0 else float(x[1])


def _in_long_bins(live: Liveness) -> Liveness:
    """Counts and exposure of 84 days each, the last ending at the night."""
    ago = np.cumsum(live.days[::-1])[::-1] - live.days
    starts = np.flatnonzero(np.diff(ago // LEARNT_DAYS, prepend=-1.0))
    counts, exposure = (np.add.reduceat(x, starts, axis=1) for x in (live.counts, live.exposure))
    return replace(live, counts=counts, exposure=exposure, days=np.add.reduceat(live.days, starts))


def _forward(live: Liveness, units: np.ndarray, pace: Pace, *, nights: int = 1) -> tuple[np.ndarray, float]:
    """(units, nights) chance to be awake or on leave at the end of the last bins, and the log likelihood of all counts."""
    spread, weight = _nodes(live.prior_size)
    factors = np.array(FACTORS)
    rate = live.prior_mean[units, None, None] * (spread[:, None] * factors)[None, :, :]
    # of a size in proportion to exposure, log p = y log(q / (1 + q)) - exposure * (size / 28) log(1 + q) + what no rate changes
    odds = PACE_DAYS * rate / pace.size
    gain = np.log(odds / (1 + odds)).astype(np.float32)
    cost = (pace.size / PACE_DAYS * np.log1p(odds)).astype(np.float32)
    counts, exposure = live.counts[units].astype(np.float32), live.exposure[units].astype(np.float32)
    leave = pace.leaves / 365.25
    states = len(FACTORS) + (LEAVE_PHASES if leave > 0 else 0)
    belief = np.broadcast_to(
        (weight[:, None] * _begin(leave)[None, :states]).astype(np.float32), (*rate.shape[:2], states)
    ).copy()
    moves = {days: _moves(float(days), leave)[:states, :states].astype(np.float32) for days in np.unique(live.days)}
    chances, total = [], _constant(live.counts[units], live.exposure[units], pace.size)
    for b, days in enumerate(live.days):
        belief = (belief.reshape(-1, states) @ moves[days]).reshape(belief.shape)
        log = counts[:, b, None, None] * gain - exposure[:, b, None, None] * cost
        top = log.max(axis=(1, 2), keepdims=True)
        likely = np.exp(log - top)
        belief[:, :, : len(FACTORS)] *= likely
        belief[:, :, len(FACTORS) :] *= likely[:, :, -1:]
        whole = belief.sum(axis=(1, 2), keepdims=True)
        belief /= whole
        total += float(np.log(whole).sum(dtype=float) + top.sum(dtype=float))
        if b >= len(live.days) - nights:
            chances.append(1 - belief[:, :, 1 : len(FACTORS)].sum(axis=(1, 2), dtype=float))
    return np.clip(np.column_stack(chances), 0.0, 1.0), total


def _constant(counts: np.ndarray, exposure: np.ndarray, size: float) -> float:
    """The part of the log likelihood that hangs on the size alone."""
    from scipy import special  # noqa: PLC0415

    some = counts > 0
    own = np.maximum(size / PACE_DAYS * exposure[some], 1e-9)
    return float((special.gammaln(counts[some] + own) - special.gammaln(own)).sum())


def _nodes(size: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of a gamma law with mean 1 and this size, evenly spaced on the log scale.

    3.2 standard deviations up and a quarter more down, for on the log scale a gamma law leans to the left; weights are the density there.
    """
    # in the log of the rate the density is rate ** size * exp(-size * rate): one power more than in the rate itself
    reach = 3.2 / np.sqrt(size)
    spread = np.exp(np.linspace(-1.25 * reach, reach, NODES))
    log = size * np.log(spread) - size * spread
    weight = np.exp(log - log.max())
    return spread, weight / weight.sum()


def _begin(leave: float) -> np.ndarray:
    """(7,) chances of the states before the first bin: as long as each lasts, over how seldom it begins."""
    silent, away = ONSET_PER_DAY * MEAN_SPELL_DAYS, leave * LEAVE_DAYS
    phases = np.full(LEAVE_PHASES, away / LEAVE_PHASES)
    return np.r_[1 - silent - away, silent / 2, silent / 2, phases]


def _moves(days: float, leave: float) -> np.ndarray:
    """(7, 7) chances to pass from state to state within `days`."""
    from scipy import linalg  # noqa: PLC0415

    rates = np.zeros((len(FACTORS) + LEAVE_PHASES,) * 2)
    rates[0, 1] = rates[0, 2] = ONSET_PER_DAY / 2
    rates[0, 3] = leave
    rates[1, 0] = rates[2, 0] = 1 / MEAN_SPELL_DAYS
    for phase in range(3, len(rates)):
        rates[phase, (phase + 1) % len(rates)] = LEAVE_PHASES / LEAVE_DAYS
    np.fill_diagonal(rates, -rates.sum(axis=1))
    return np.asarray(linalg.expm(rates * days))
