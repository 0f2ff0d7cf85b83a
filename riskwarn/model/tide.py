"""The tide: how the level of the whole city moves, forecast apart from which grids have more than others.

Shares of a model are chosen within dates, and its calibration knows the mean of the latest quarter; how many events the city as a whole
will have is told by its own totals. A tide forecasts that total at every date, and what it adds to the log rate, alike for all grids, is
the forecast less what the shape itself says of the total.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from riskwarn.errors import DataError

LIMIT = float(np.log(2.0))
"""Most that a tide adds to the log rate or takes from it: the level is at least halved and at most doubled."""
_HALF = 30.0
"""Events in a horizon with which the level counts by half."""
_FLOOR = 1 / 56
"""Events a day added to each rate before its log: one in eight weeks, so that a quiet city has a log."""
_BEGUN = ((0.2, 0.2), (0.5, 0.05), (1.0, 0.05))
"""Of each step from a half-life to the next longer one: the weight it begins with, and how many independent dates that is worth."""
_CONSTANT, _WAVE = 4.0, 20.0
"""How many independent dates a constant of 0, and a wave of 0, are worth."""
_RIDGE = 1e-4
_LEAST_DATES, _LEAST_INDEPENDENT = 12, 4.0
_BLOCKS = 8
"""Parts of the later dates, each forecast from those before it, which tell how far the total is off."""


@dataclass(frozen=True)
class Tide:
    """What the city's own totals say of its level: a line in their logs, at most :data:`LIMIT` either way; plain numbers.

    Parameters
    ----------
    weights
        Weight of the log of each total, told as events a day, and of each wave of the year.
    half_lives
        Days after which an event counts half in a total; the columns that are not here are waves, read as they are.
    start
        What is added where all of these are 0.
    variance
        Of the log of the city's total about the plain forecast, before the limits and before the level counts by the number of events,
        without the luck of single events: the square of how far it is commonly off.
    independent
        How many dates that share no event told it.

    Examples
    --------
    >>> tide = Tide({"n_7d": 0.5}, {"n_7d": 7.0}, start=0.0)
    >>> rows = pd.DataFrame({"n_7d": [7 / np.log(2) * (1 - 1 / 56), 70.0, 1e6, np.nan]})  # one a day, about seven, very many, unknown
    >>> np.exp(tide.margin(rows)).round(2).tolist()
    [1.0, 2.0, 2.0, 1.0]
    >>> np.allclose(tide.parts(rows).sum(axis=1), tide.margin(rows))
    True
    """

    weights: dict[str, float] = field(default_factory=dict)
    half_lives: dict[str, float] = field(default_factory=dict)
    start: float = 0.0
    variance: float = 0.0
    independent: float = 2.0

    @property
    def columns(self) -> list[str]:
        """The totals of the city that it reads; the waves it reads beside them are told with them."""
        return list(self.half_lives) if self.weights else []

    def margin(self, panel: pd.DataFrame) -> np.ndarray:
        """(n,) what is added to the log rate: 0 where a total is unknown, as of a feed that has never spoken.

        Parameters
        ----------
        panel
            Rows with the totals and waves.

        Returns
        -------
        margin
            Within :data:`LIMIT` of 0, the same for all grids of a date.

        Raises
        ------
        DataError
            The panel lacks a column.
        """
        if not self.weights:
            return np.zeros(len(panel))
        return self._margin(self._logs(panel))

    def parts(self, panel: pd.DataFrame) -> np.ndarray:
        """(n, columns) what each of :attr:`columns` adds; they make :meth:`margin`. What no total says alone (start, waves, limits) they share.

        Parameters
        ----------
        panel
            Rows with what it reads.

        Returns
        -------
        parts
            Alike for all grids of a date.
        """
        if not self.weights:
            return np.zeros((len(panel), 0))
        logs, totals = self._logs(panel), [name in self.half_lives for name in self.weights]
        pulls = np.nan_to_num(logs * np.array(list(self.weights.values())))[:, totals]
        left = self._margin(logs) - pulls.sum(axis=1)
        return pulls + left[:, None] / pulls.shape[1]

    def _margin(self, logs: np.ndarray) -> np.ndarray:
        moved = self.start + logs @ np.array(list(self.weights.values()))
        return np.clip(np.nan_to_num(moved), -LIMIT, LIMIT)

    def _logs(self, panel: pd.DataFrame) -> np.ndarray:
        missing = [name for name in self.weights if name not in panel]
        if missing:
            raise DataError(
                f"the panel lacks {missing[0]!r}, a total of the city. Build it with the model's own features."
            )
        values = panel[list(self.weights)].to_numpy(dtype=float)
        return np.column_stack(
            [
                _daily(values[:, k], self.half_lives[name]) if name in self.half_lives else values[:, k]
                for k, name in enumerate(self.weights)
            ]
        )


def fitted(
    nights: pd.DataFrame,
    half_lives: dict[str, float],
    waves: Sequence[str],
    *,
    days: float,
    wait_days: float,
    overlap: float,
) -> Tide:
    """The tide of a model, from what its dates brought and what its shape says of some of them.

    Parameters
    ----------
    nights
        A row a date, in order: `as_of`, `y` (events of its horizon), `own` (the same grids' events fading with the longest half-life),
        `shape` (what the model expects in all, NaN where it was not asked), the totals and the waves.
    half_lives
        Of each total, days, from the shortest to the longest.
    waves
        Columns of the time of year.
    days, wait_days
        The horizon, and when it is settled.
    overlap
        How many dates count the same event, at least 1.

    Returns
    -------
    tide
        Empty where there are too few dates to tell, and where the shorter memories tell no rate: on average the week looks like less than
        half or more than double its month, the month so beside its quarter, or the quarter beside its year. A feed that is dated by the
        month and known when that is over, or known weeks late, looks as if it fell every week.

    Notes
    -----
    Given the longest total, the forecast is linear in the steps from each log rate to that of the next longer half-life. Weights begin as
    those of a faded mean and move as dates come in: the mean of a normal law, given dates of which one in `overlap` is independent.
    """
    longest = list(half_lives)[-1]
    rows = nights[nights[[*half_lives, *waves]].notna().all(axis=1) & (nights["own"] > 0)].reset_index(drop=True)
    independent = len(rows) / overlap
    if len(rows) < _LEAST_DATES or independent < _LEAST_INDEPENDENT:
        return Tide()
    base = _daily(rows["own"].to_numpy(dtype=float), half_lives[longest]) + np.log(days)
    came = np.log(rows["y"].to_numpy(dtype=float) + 0.5) - base
    seen = _columns(rows, half_lives, waves)
    steps = seen[:, 1 : len(half_lives)].mean(axis=0)
    if np.abs(steps).max() > LIMIT:  # dated by the month, or known weeks late: no rate of the last days
        return Tide()
    asked = rows["shape"].notna().to_numpy()
    told = _line(seen[asked], np.log(rows["shape"].to_numpy(dtype=float)[asked]) - base[asked])
    forecast = np.insert(_posterior(seen[:, 1:], came, 1 / overlap), 1, 0.0)
    share = rows["y"].mean() / (rows["y"].mean() + _HALF)
    weights, start = share * (forecast - told)[1:], share * (forecast - told)[0]
    off, heard = _off(rows["as_of"], seen[:, 1:], came, wait_days, overlap)
    luck = float((1 / (rows["y"] + 0.5)).mean())
    named = dict(zip([*half_lives, *waves], _by_column(weights, len(half_lives)).tolist(), strict=True))
    return Tide(named, dict(half_lives), float(start), max(off - luck, 0.0), heard)


def _daily(total: np.ndarray, half_life: float) -> np.ndarray:
    """Log of events a day, of a total that fades with a half-life."""
    return np.log(total * np.log(2) / half_life + _FLOOR)


def _columns(rows: pd.DataFrame, half_lives: dict[str, float], waves: Sequence[str]) -> np.ndarray:
    """(n, m) the log of the longest total, the steps from each log to the next longer one, and the waves."""
    logs = np.column_stack([_daily(rows[name].to_numpy(dtype=float), half) for name, half in half_lives.items()])
    return np.column_stack([logs[:, -1], logs[:, :-1] - logs[:, 1:], rows[list(waves)].to_numpy(dtype=float)])


def _by_column(weights: np.ndarray, n_totals: int) -> np.ndarray:
    """From weights of the longest log and the steps to weights of each log; waves stay."""
    longest, steps, waves = weights[0], weights[1:n_totals], weights[n_totals:]
    return np.r_[np.r_[steps, longest] - np.r_[0.0, steps], waves]


def _posterior(seen: np.ndarray, came: np.ndarray, worth: float) -> np.ndarray:
    """Constant and weights of the steps and waves, given dates each `worth` a part of an independent one."""
    n_waves = seen.shape[1] - len(_BEGUN)
    begun = np.r_[0.0, [weight for weight, _ in _BEGUN], np.zeros(n_waves)]
    held = np.diag(np.r_[_CONSTANT, [dates for _, dates in _BEGUN], np.full(n_waves, _WAVE)])
    design = np.column_stack([np.ones(len(seen)), seen])
    left = came - design @ begun
    return begun + np.linalg.solve(worth * design.T @ design + held, worth * design.T @ left)


def _line(seen: np.ndarray, told: np.ndarray) -> np.ndarray:
    """Constant and weights of least squares with next to no ridge: the shape is a function of its columns, and has no noise."""
    centre, spread = seen.mean(axis=0), np.maximum(seen.std(axis=0), 1e-6)
    logs = (seen - centre) / spread
    slope = (
        np.linalg.solve(logs.T @ logs / len(logs) + _RIDGE * np.eye(logs.shape[1]), logs.T @ told / len(logs)) / spread
    )
    return np.r_[told.mean() - slope @ centre, slope]


def _off(as_of: pd.Series, seen: np.ndarray, came: np.ndarray, wait_days: float, overlap: float) -> tuple[float, float]:
    """Mean square of what forecasts from settled dates alone are off, and how many independent dates told it."""
    known = (as_of + pd.Timedelta(days=wait_days)).to_numpy()
    errors = [came - np.column_stack([np.ones(len(seen)), seen]) @ _posterior(seen, came, 1 / overlap)]
    later = []
    for block in np.array_split(np.arange(len(as_of) // 3, len(as_of)), _BLOCKS):
        past = known <= as_of.to_numpy()[block[0]] if len(block) else np.zeros(len(as_of), bool)
        if past.sum() >= _LEAST_DATES:
            weights = _posterior(seen[past], came[past], 1 / overlap)
            later.append(came[block] - np.column_stack([np.ones(len(block)), seen[block]]) @ weights)
    error = np.concatenate(later or errors)
    return float((error**2).mean()), max(len(error) / overlap, 2.0)
