"""Changes of recording: what a feed brings is another number because it is written down in another way; pure laws, for monitors and checks alike.

Each is told by two sides that agree, so that no rise and no fall alone is taken for one:

- **Moved.** One area falls to a tenth or less, and others rise in the same weeks by about as much: its records are now written under them.
- **Gone.** An area falls as far and nobody is seen to take over.
- **Turned.** An area that always brought many records brings at most half of them, or at least the double, for weeks, and no other makes up for it.
- **Recoded.** One category falls to half or less, another rises by about as much, and the sum of the two stays.
- **Campaign.** A feed brings at least a third as many again as in any month of the year before, while what would rise with the incidents themselves
  (serious records, the other feeds, what citizens report) stays where it was.

Counts scatter as negative binomial ones; a level that few records told is itself uncertain (as in :mod:`riskwarn.unusual`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from riskwarn.arrivals import lower_tail, upper_tail
from riskwarn.language import phrase

YEAR_WEEKS, LEAST_BEFORE, LEAST_AFTER = 52, 26, 4
"""Weeks before a change that tell what was usual, how few of them say nothing, and how many must have passed since."""
GONE, HALF = 0.1, 0.5
"""An area has moved at this share of its due or less; it, or a category, has turned at half or the double."""
LEAST_LOST = 8.0
"""Records that must be missing, or too many, before anything is told."""
CERTAIN = 1e-3
"""A change is believed where so much has at most this probability, over all areas or categories that were looked at."""
NEWS_WEEKS = 13
"""Weeks for which an area that turned is told; then its level is what is usual."""
BLOCKS, LEAST_BLOCKS, SKIPPED = 12, 6, 1
"""Blocks of four weeks that tell the usual mix, how few say nothing, and how many before the newest may already have changed."""
BLOCK_DAYS = 28
RAISED = 1.35
"""A campaign brings so many times the largest block of the year before."""
_LIKELIER = 10.0
"""So many times likelier is a witness of a campaign as it always was than risen as far as the feed."""
_DRIFT, _HEIRS_DRIFT = 0.15, 0.1
"""Standard deviation of the log by which an area moves within a year by itself; less of one that rises when another falls, and by as much."""
_LEAST = 0.5
"""Least mean and variance of a count whose chance is asked."""
_HEIR_P = 0.01
"""Chance at or below which an area has risen, before both sides are taken together."""
_MOST_HEIRS, _MOST_LOOKED, _LEAST_SHARE, _AGREES, _CLOSE = 3, 8, 0.15, (0.5, 1.6), 0.25
"""Areas that take over, how many are looked at, the least share of each, and how many of the lost records they may and should bring between them."""
_NEAR_WEEKS = 8
_LARGE, _STEADY = 10.0, 1 / 3
"""Records in four weeks of a large area, and the least share of them that each four weeks brought."""

RECORDED = {
    "partial": phrase(
        "the newest delivery is small: {observed:.0f} records, usually about {expected:.0f}; if it is not whole, ask the provider for the rest and bring it in again, and do not read the fall as calm",
        context="recording",
    ),
    "delivery": phrase(
        "{observed:.0f} records in the newest delivery, usually about {expected:.0f}", context="recording"
    ),
    "moved": phrase(
        "{observed:.0%} of what {gone} used to bring (about {expected:.0f} records in 28 days) has come under {came} for {days:g} days; if {gone} was dissolved "
        "into it, end {gone} in the list of grids (valid_to {since}) and add to the crosswalk: from_grid_id {gone}, to_grid_id {came}, effective_at {since}, weight {observed:.2f}, kind merge",
        context="recording",
    ),
    "gone": phrase(
        "{observed:.0f} records in {days:g} days, due about {expected:.0f}, and no grid beside it rose by as much; if it was dissolved or renamed, end it in the list of grids and say in "
        "the crosswalk where it went, else ask the provider",
        context="recording",
    ),
    "turned_fewer": phrase(
        "a large and steady grid: {observed:.0f} records in {days:g} days, due about {expected:.0f}, and no other made up for it; ask whether records are placed or coded otherwise",
        context="recording",
    ),
    "turned_more": phrase(
        "a large and steady grid: {observed:.0f} records in {days:g} days, due about {expected:.0f}, and no other lost them; ask whether records are placed or coded otherwise",
        context="recording",
    ),
    "recoded": phrase(
        "{gone} fell to {observed:.0f} records in {days:g} days, due about {expected:.0f}, and {came} rose by about as much: a category changed its code; map both to one, or train on dates after the change",
        context="recording",
    ),
    "campaign_serious": phrase(
        "{observed:.0f} records in {days:g} days, usually about {expected:.0f}, while serious ones stayed as they were: more is reported, hardly more happens; ask for a campaign or a new channel",
        context="recording",
    ),
    "campaign_citizen": phrase(
        "{observed:.0f} records in {days:g} days, usually about {expected:.0f}, while what citizens report stayed as it was: more is looked for, hardly more happens; ask for a campaign",
        context="recording",
    ),
    "campaign_others": phrase(
        "{observed:.0f} records in {days:g} days, usually about {expected:.0f}, while the other feeds stayed as they were: perhaps more is reported and no more happens; ask for a campaign or a new channel",
        context="recording",
    ),
}
"""What is said of each, to whoever can mend it: filled with `observed`, `expected` and `days`, the codes `gone` and `came`, and the day `since`."""


@dataclass(frozen=True)
class Moved:
    """An area whose records go elsewhere, or are another number.

    Parameters
    ----------
    area
        Its number.
    heirs, shares
        Areas that took over, largest first, and the share of its records each has; none where it is gone, or turned by itself.
    weeks
        Whole weeks since.
    observed, expected
        Records of these weeks, and what was due.
    p
        Chance of so much, before it is taken among all that was looked at.
    """

    area: int
    heirs: tuple[int, ...]
    shares: tuple[float, ...]
    weeks: int
    observed: float
    expected: float
    p: float


@dataclass(frozen=True)
class Shifted:
    """Two numbers of one block of four weeks against their due: of a category `gone` and one that `came`, or of a feed and its witness."""

    gone: int
    came: int
    observed: float
    expected: float
    p: float


def moved(weekly: ArrayLike, *, beside: Callable[[int], np.ndarray] | None = None) -> list[Moved]:
    """Areas whose records are written under others, and large steady ones that turned; the most certain first.

    Parameters
    ----------
    weekly
        (n, weeks) Records of each area of one feed, oldest week first. What all areas share, a season or an outage, moves none of them:
        each is held against its share of the feed.
    beside
        Numbers of the areas beside an area: only these take over, and they may have risen by more than it lost, for others may have ended too.
        Where it tells none, one, two or three of all areas must have risen by what it lost. Asked only of areas that fell.

    Returns
    -------
    found
        None where there are fewer than two areas, or less than thirty weeks.

    Examples
    --------
    >>> weeks = np.full((6, 60), 5.0)
    >>> weeks[0, 50:], weeks[3, 50:] = 0.0, 10.0
    >>> [(m.area, m.heirs, m.weeks, m.observed, m.expected) for m in moved(weeks)]
    [(0, (3,), 10, 0.0, 50.0)]
    """
    rows = np.asarray(weekly, dtype=float)
    n, weeks = rows.shape
    if n < 2 or weeks < LEAST_BEFORE + LEAST_AFTER:
        return []
    begun = np.arange(max(LEAST_BEFORE, weeks - YEAR_WEEKS), weeks - LEAST_AFTER + 1)
    law, taken, found = _Breaks.of(rows, begun), np.zeros(n, dtype=bool), []
    fell = (law.after <= GONE * law.due) & (law.due >= LEAST_LOST)
    for area, at, p in _first_of(fell, law, CERTAIN / n, lower_tail):
        lost = float(law.due[area, at] - law.after[area, at])
        around = np.zeros(0, dtype=np.int64) if beside is None else beside(area)
        heirs = _heirs(rows, area, int(begun[at]), lost, around)
        # two sides that agree, chosen among all pairs and weeks
        if heirs is not None and p * heirs[2] <= CERTAIN / (n * (len(around) or n) * len(begun)):
            found.append(_told(law, area, at, p * heirs[2], *heirs[:2]))
            taken[[area, *heirs[0]]] = True
        elif p <= CERTAIN / (n * len(begun)):
            found.append(_told(law, area, at, p))
            taken[area] = True
    late = (begun >= weeks - NEWS_WEEKS)[None] & ~taken[:, None] & _steady(rows)[:, begun]
    for turned, tail in (
        ((law.after <= HALF * law.due) & (law.due - law.after >= LEAST_LOST), lower_tail),
        ((law.after * HALF >= law.due) & (law.after - law.due >= LEAST_LOST), upper_tail),
    ):
        found += [_told(law, area, at, p) for area, at, p in _first_of(turned & late, law, CERTAIN / n, tail)]
    return sorted(found, key=lambda m: m.p)


def fault_of(one: Moved) -> str:
    """Code of what happened to an area, as :data:`RECORDED` has it.

    Parameters
    ----------
    one
        As :func:`moved` gives it.

    Returns
    -------
    fault
        ``moved``, ``gone``, ``turned_fewer`` or ``turned_more``.
    """
    if one.heirs:
        return "moved"
    if one.observed <= GONE * one.expected:
        return "gone"
    return "turned_fewer" if one.observed < one.expected else "turned_more"


@dataclass(frozen=True, eq=False)
class _Breaks:
    """(n, breaks) records since each break, what was due of them, their variance, and the chance of so few or so many."""

    begun: np.ndarray
    weeks: int
    after: np.ndarray
    due: np.ndarray
    variance: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray, begun: np.ndarray, *, drift: float = _DRIFT) -> "_Breaks":
        """Of every area and every break, each held against its share of all."""
        whole = rows.sum(axis=0)
        first = np.maximum(begun - YEAR_WEEKS, 0)
        before, after = _between(rows, first, begun), _between(rows, begun, np.full_like(begun, rows.shape[1]))
        share = _between(whole[None], begun, np.full_like(begun, rows.shape[1])) / np.maximum(
            _between(whole[None], first, begun), 1e-9
        )
        due = before * share
        spread = _scatter(rows)[:, None]
        variance = spread * due * (1 + share) + (drift * due) ** 2 + spread * share
        return cls(begun, rows.shape[1], after, due, variance)


def _between(rows: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    total = np.pad(np.cumsum(rows, axis=1), ((0, 0), (1, 0)))
    return np.asarray(total[:, last] - total[:, first])


def _scatter(rows: np.ndarray) -> np.ndarray:
    """(n,) variance over mean of a week's records, at least 1: of the steps from week to week, which a new level leaves alone but once."""
    step = np.diff(rows, axis=1) ** 2 / 2
    mean = rows.mean(axis=1)
    together = max(float(step.sum() / max(mean.sum() * step.shape[1], 1e-9)), 1.0)
    return np.maximum((step.sum(axis=1) + 10 * together) / (mean * step.shape[1] + 10), 1.0)


def _steady(rows: np.ndarray) -> np.ndarray:
    """(n, weeks) whether the area was large and steady in the year before each week."""
    four = _between(rows, np.arange(max(rows.shape[1] - 3, 0)), np.arange(4, rows.shape[1] + 1))
    steady = np.zeros((len(rows), rows.shape[1] + 1), dtype=bool)
    for week in range(LEAST_BEFORE, rows.shape[1] + 1):
        year = four[:, max(0, week - YEAR_WEEKS) : week - 3]
        mean = year.mean(axis=1)
        steady[:, week] = (mean >= _LARGE) & (year.min(axis=1) >= _STEADY * mean)
    return steady


def _first_of(
    possible: np.ndarray, law: _Breaks, limit: float, tail: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
) -> Iterator[tuple[int, int, float]]:
    """Each area with a break that is certain, the break that says most, and its chance."""
    for area in np.flatnonzero(possible.any(axis=1)).tolist():
        at = np.flatnonzero(possible[area])
        after, due = law.after[area, at], law.due[area, at]
        said = np.where(after > 0, after * np.log(np.maximum(after, 1e-9) / np.maximum(due, 1e-9)), 0.0) - (after - due)
        best = int(at[said.argmax()])
        p = tail(law.after[area, [best]], law.due[area, [best]], law.variance[area, [best]])
        if p[0] <= limit:
            yield area, best, float(p[0])


def _heirs(
    rows: np.ndarray, area: int, week: int, lost: float, beside: np.ndarray
) -> tuple[tuple[int, ...], tuple[float, ...], float] | None:
    """Who brings since that week what the area no longer does, the share of each, and the chance that they would; None where nobody does."""
    others = _Breaks.of(rows, np.array([week]), drift=_HEIRS_DRIFT)
    after, due, variance = (
        np.maximum(x[:, 0], least)
        for x, least in zip((others.after, others.due, others.variance), (0.0, _LEAST, _LEAST), strict=True)
    )
    gain = after - due
    near = slice(max(0, week - _NEAR_WEEKS), week), slice(week, week + _NEAR_WEEKS)
    jump = rows[:, near[1]].mean(axis=1) - rows[:, near[0]].mean(axis=1)
    rose = (upper_tail(after, due, variance) <= _HEIR_P) & (gain >= _LEAST_SHARE * lost)
    rose &= jump >= gain / (rows.shape[1] - week) / 2
    rose[area] = False
    around = np.zeros(len(rows), dtype=bool)
    around[beside] = True
    known = len(beside) > 0
    looked = np.flatnonzero(rose & around) if known else np.flatnonzero(rose)
    heirs = _agreeing(gain, looked, lost, most=np.inf if known else _AGREES[1])
    if not heirs:
        return None
    of = list(heirs)
    together = [np.array([float(x[of].sum())]) for x in (after, due, variance)]
    shares = (gain[of] / gain[of].sum()).round(2).tolist()
    return heirs, tuple(shares), float(upper_tail(*together)[0])


def _agreeing(gain: np.ndarray, rose: np.ndarray, lost: float, *, most: float) -> tuple[int, ...]:
    """The fewest areas that together rose by what was lost, the nearest to it; largest first, none where no set does."""
    largest = rose[np.argsort(-gain[rose], kind="stable")]
    sets = [(area,) for area in largest.tolist()]
    sets += [some for n in range(2, _MOST_HEIRS + 1) for some in combinations(largest[:_MOST_LOOKED].tolist(), n)]
    fit = [some for some in sets if _AGREES[0] * lost <= gain[list(some)].sum() <= most * lost]

    def odd(some: tuple[int, ...]) -> tuple[bool, int, float]:
        off = abs(float(gain[list(some)].sum()) - lost)
        return off > _CLOSE * lost, len(some), off

    return min(fit, key=odd, default=())


def _told(
    law: _Breaks, area: int, at: int, p: float, heirs: tuple[int, ...] = (), shares: tuple[float, ...] = ()
) -> Moved:
    since = int(law.weeks - law.begun[at])
    return Moved(area, heirs, shares, since, float(law.after[area, at]), float(law.due[area, at]), p)


def recoded(blocks: ArrayLike) -> list[Shifted]:
    """Categories that changed their code in the newest block: one fell by what another rose; the largest first.

    Parameters
    ----------
    blocks
        (n, blocks) Records of each category of one feed, in one area, in blocks of four weeks, oldest first.

    Returns
    -------
    found
        At most one pair a category; `observed` and `expected` are of the one that is gone.

    Examples
    --------
    >>> mix = np.array([[40.0] * 9 + [2.0], [30.0] * 9 + [69.0], [50.0] * 10])
    >>> [(s.gone, s.came, s.observed, s.expected) for s in recoded(mix)]
    [(0, 1, 2.0, 40.3)]
    """
    rows = np.asarray(blocks, dtype=float)
    past, now = _past(rows), rows[:, -1]
    if past.shape[1] < LEAST_BLOCKS or len(rows) < 2 or not past.any():
        return []
    mean = past.mean(axis=1)
    due = mean * now.sum() / mean.sum()
    variance, least = np.maximum(_block_variance(past, due), _LEAST), np.maximum(due, _LEAST)
    fell = (now <= HALF * due) & (now < past.min(axis=1)) & (due - now >= LEAST_LOST)
    rose = (now > past.max(axis=1)) & (now - due >= LEAST_LOST)
    p_low, p_high = lower_tail(now, least, variance), upper_tail(now, least, variance)
    limit = CERTAIN / len(rows) ** 2
    lost, found = due - now, []
    for gone in sorted(np.flatnonzero(fell & (p_low <= limit)).tolist(), key=lambda k: -lost[k]):
        gain = now - due
        fits = rose & (p_high <= limit) & (gain >= _AGREES[0] * lost[gone]) & (gain <= 2 * lost[gone])
        if fits.any():
            came = int(np.where(fits, -np.abs(gain - lost[gone]), -np.inf).argmax())
            p = float(max(p_low[gone], p_high[came]))
            found.append(Shifted(gone, came, float(now[gone]), round(float(due[gone]), 1), p))
            rose[came] = False
    return found


def campaign(blocks: ArrayLike, witnesses: ArrayLike) -> Shifted | None:
    """Whether a feed is reported more without more incidents: its newest block is far above any of the year before, a witness is not.

    Parameters
    ----------
    blocks
        (blocks,) Records of one feed, in one area, in blocks of four weeks, oldest first.
    witnesses
        (m, blocks) What would rise with the incidents: serious records, other feeds, what citizens report.

    Returns
    -------
    found
        None where the feed did not rise so far, or no witness has enough records to contradict; `came` is the witness, `gone` is not used (-1).

    Examples
    --------
    >>> found = campaign([100.0] * 9 + [210.0], [[40.0] * 9 + [42.0]])
    >>> found.came, found.observed, found.expected
    (0, 210.0, 100.0)
    >>> campaign([100.0] * 9 + [210.0], [[40.0] * 9 + [80.0]]) is None
    True
    """
    row = np.asarray(blocks, dtype=float)[None]
    past, now = _past(row), row[:, -1]
    if past.shape[1] < LEAST_BLOCKS or now[0] < RAISED * past.max() or now[0] - past.mean() < LEAST_LOST:
        return None
    due = past.mean(axis=1)
    p = float(upper_tail(now, np.maximum(due, _LEAST), np.maximum(_block_variance(past, due), _LEAST))[0])
    seen = np.asarray(witnesses, dtype=float).reshape(-1, row.shape[1])
    was, came = _past(seen), seen[:, -1]
    if p > CERTAIN or not was.any():
        return None
    usual = np.maximum(was.mean(axis=1), 1.0)
    # how much likelier the witness is at its usual number than risen with the feed, by the log ratio of Poisson's laws over its own scatter
    rose = float(now[0] / due[0])
    denied = (usual * (rose - 1) - came * np.log(rose)) / (_block_variance(was, usual) / usual)
    calm = (came <= 1.1 * np.maximum(was.max(axis=1), 1.0)) & (denied >= np.log(_LIKELIER)) & (was.mean(axis=1) >= 1)
    if not calm.any():
        return None
    return Shifted(-1, int(np.where(calm, denied, -np.inf).argmax()), float(now[0]), float(due[0]), p)


def _past(rows: np.ndarray) -> np.ndarray:
    """The blocks that tell what is usual; those before a feed's first record tell nothing."""
    past = rows[:, -1 - SKIPPED - BLOCKS : -1 - SKIPPED] if rows.shape[1] > 1 + SKIPPED else rows[:, :0]
    spoke = np.flatnonzero(past.any(axis=0))
    return past[:, spoke[0] :] if len(spoke) else past[:, :0]


def _block_variance(past: np.ndarray, due: np.ndarray) -> np.ndarray:
    """(n,) of a block: that of the blocks before, as a share of their mean, at least Poisson's, and the doubt about the mean."""
    mean = np.maximum(past.mean(axis=1), 1e-9)
    spread = np.maximum(past.var(axis=1, ddof=1) / mean, 1.0) if past.shape[1] > 1 else np.ones(len(past))
    return np.asarray(spread * due * (1 + 1 / max(past.shape[1], 1)))
