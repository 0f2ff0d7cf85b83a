"""Deadlines: schemes of levels and stages, clocks that run on working days and can be paused, amber at four fifths.

The schemes shipped stand in ``deadlines.toml``, each with a mark that says how well it is known.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from riskwarn.errors import DefinitionError, did_you_mean
from riskwarn.gaps.calendar import DAY, Workdays
from riskwarn.language import Words

AMBER = 0.8
"""Share of its budget a clock has used when it turns amber."""
STAGES = ("report", "accept", "assign", "handle", "verify", "total")
MARKS = ("verified", "copied", "one_city", "one_article", "unverified")
_PRESETS = Path(__file__).with_name("deadlines.toml")
_HOUR_US = 3_600_000_000
Unit = Literal["wd", "d", "h"]


@dataclass(frozen=True)
class Limit:
    """How long a level may take for a stage: `budget` in working days (wd), days (d) or hours (h)."""

    level: str
    stage: str
    budget: float
    unit: Unit
    pausable: bool = False
    extension: float = 0.0

    def __post_init__(self) -> None:
        if self.stage not in STAGES:
            raise DefinitionError(
                f"limit of {self.level}: unknown stage {self.stage!r}{did_you_mean(self.stage, STAGES)}; known: {', '.join(STAGES)}."
            )
        if self.unit not in {"wd", "d", "h"}:
            raise DefinitionError(f"limit of {self.level}: unit must be wd, d or h, got {self.unit!r}.")
        if self.budget <= 0:
            raise DefinitionError(f"limit of {self.level}: budget must be positive, got {self.budget}.")


@dataclass(frozen=True)
class Scheme:
    """A set of limits with its words and the mark of its evidence, one of :data:`MARKS`."""

    name: str
    words: Words
    mark: str
    source: str
    limits: tuple[Limit, ...]

    def limit(self, stage: str, level: str | None = None) -> Limit | None:
        """The limit of a stage (at a level), none where the scheme has none."""
        matching = [x for x in self.limits if x.stage == stage and (level is None or x.level == level)]
        return matching[-1] if matching else None

    def by_level(self) -> dict[str, float]:
        """Working days by when each level must have settled a case or passed it up, added from the lowest level on.

        Examples
        --------
        >>> scheme("gaotai_4x7").by_level()
        {'L0': 1.0, 'L1': 3.0, 'L2': 7.0}
        """
        total, budgets = 0.0, {}
        for limit in self.limits:
            if limit.stage == "handle" and limit.unit == "wd":
                total += limit.budget
                budgets[limit.level] = total
        return budgets


@cache
def schemes(path: str | Path | None = None) -> dict[str, Scheme]:
    """The schemes shipped, or those of a TOML file of the same form.

    Raises
    ------
    DefinitionError
        A scheme or one of its limits is declared wrongly.

    Examples
    --------
    >>> schemes()["dingxi_5x9"].mark
    'unverified'
    """
    text = Path(path or _PRESETS).read_text("utf-8")
    return {name: _scheme(name, declared) for name, declared in tomllib.loads(text).items()}


def _scheme(name: str, declared: dict[str, object]) -> Scheme:
    try:
        limits = tuple(Limit(**x) for x in declared["limits"])  # type: ignore[attr-defined]
        made = Scheme(name, Words(**declared["words"]), str(declared["mark"]), str(declared["source"]), limits)  # type: ignore[arg-type]
    except (KeyError, TypeError) as error:
        raise DefinitionError(
            f"scheme {name!r}: {type(error).__name__}: {error}; wanted words, mark, source and limits."
        ) from None
    if made.mark not in MARKS:
        raise DefinitionError(f"scheme {name!r}: mark must be one of {', '.join(MARKS)}, got {made.mark!r}.")
    return made


def scheme(name: str) -> Scheme:
    """The shipped scheme called `name`.

    Raises
    ------
    DefinitionError
        There is none.
    """
    known = schemes()
    if name not in known:
        raise DefinitionError(f"unknown scheme {name!r}{did_you_mean(name, known)}; known: {', '.join(known)}.")
    return known[name]


@dataclass(frozen=True, eq=False)
class Clock:
    """Where some clocks stand (n): share of the budget used, and working days past it."""

    used: np.ndarray
    overdue: np.ndarray

    @property
    def state(self) -> np.ndarray:
        """(n,) ``green``, ``amber`` from four fifths on, or ``red`` past the limit."""
        return np.where(self.used > 1, "red", np.where(self.used >= AMBER, "amber", "green"))


def clock(
    calendar: Workdays,
    start: np.ndarray,
    now: np.datetime64,
    *,
    budget: np.ndarray | float,
    unit: Unit = "wd",
    paused: np.ndarray | float = 0.0,
) -> Clock:
    """Clocks started at `start`, read at `now`.

    Parameters
    ----------
    start
        (n,) local wall-clock instants, datetime64[us].
    now
        The instant they are read.
    budget
        In `unit`; a clock of working days starts with the first working day after `start` and ends with the day.
    paused
        Time the clock stood still, in `unit`.

    Examples
    --------
    >>> from datetime import date
    >>> from riskwarn.gaps.calendar import workdays
    >>> march = workdays(date(2025, 3, 1), date(2025, 3, 31), basis="plain")
    >>> monday = np.array(["2025-03-03T10:00"], "datetime64[us]")
    >>> read = clock(march, monday, np.datetime64("2025-03-12T08:00", "us"), budget=5)
    >>> read.used.round(2).tolist(), read.overdue.tolist(), read.state.tolist()
    ([1.2], [1.0], ['red'])
    >>> clock(march, monday, np.datetime64("2025-03-12T08:00", "us"), budget=5, paused=2).state.tolist()
    ['amber']
    """
    start = np.asarray(start, "datetime64[us]")
    today = now.astype("datetime64[D]")
    if unit == "wd":
        spent = calendar.between(start.astype("datetime64[D]"), today - DAY) - np.asarray(paused, dtype=float)
        past = np.maximum(spent - budget, 0)
    else:
        length = 24 * _HOUR_US if unit == "d" else _HOUR_US
        spent = (now.astype("datetime64[us]") - start).astype("int64") / length - paused
        due = start + (np.asarray(budget + paused) * length).astype("int64").astype("timedelta64[us]")
        past = np.where(spent > budget, calendar.between(due.astype("datetime64[D]"), today), 0)
    return Clock(np.asarray(spent / budget, dtype=float), np.asarray(past, dtype=float))
