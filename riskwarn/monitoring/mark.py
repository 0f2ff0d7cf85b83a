"""Marks: what a monitor measured, the limits it was held against, and the state that follows."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from riskwarn.calling import checked

STATES = ("ok", "unknown", "warn", "alarm")
"""From calm to loud. What could not be judged is `unknown`, never `ok`."""
A_MONTH, A_YEAR = float(np.log10(30)), float(np.log10(365))
"""Limits of a surprise, -log10 of a probability: by chance one night in thirty lies above the first, one in a year above the second."""
LOUD = 2.5
"""An alarm is a drift this many times the largest usual one."""
COLUMNS = ("monitor", "scope", "state", "fault", "observed", "expected", "days", "value", "warn", "alarm")


def marks(
    monitor: str,
    scope: Sequence[str] | np.ndarray,
    value: ArrayLike,
    *,
    warn: ArrayLike,
    alarm: ArrayLike,
    fault: ArrayLike = "",
    observed: ArrayLike = np.nan,
    expected: ArrayLike = np.nan,
    days: float = np.nan,
) -> pd.DataFrame:
    """One row a scope: `warn` above the first limit, `alarm` above the second, `unknown` where nothing was measured.

    Examples
    --------
    >>> marks("score", ["score"] * 3, [0.05, 0.2, 0.3], warn=0.1, alarm=0.25)["state"].tolist()
    ['ok', 'warn', 'alarm']
    """
    values = np.asarray(value, dtype=float)
    states = np.select(
        [np.isnan(values), values > np.asarray(alarm), values > np.asarray(warn)], ["unknown", "alarm", "warn"], "ok"
    )
    columns = {"observed": observed, "expected": expected, "days": days, "value": values, "warn": warn, "alarm": alarm}
    numbers = {name: np.broadcast_to(np.asarray(v, dtype=float), len(scope)) for name, v in columns.items()}
    faults = np.broadcast_to(np.asarray(fault, dtype=object), len(scope))
    table = pd.DataFrame({"monitor": monitor, "scope": list(scope), "state": states, "fault": faults, **numbers})
    return table[list(COLUMNS)]


def drifted(
    monitor: str, scope: Sequence[str], value: ArrayLike, *, usual: ArrayLike, floor: float, **shown: ArrayLike
) -> pd.DataFrame:
    """Marks of a drift: `warn` above the largest one between dates of the training time (and `floor`), `alarm` above 2.5 times that."""
    limit = np.fmax(np.asarray(usual, dtype=float), floor)
    return marks(monitor, scope, value, warn=limit, alarm=LOUD * limit, fault="drift", **shown)  # type: ignore[arg-type]


@checked
def counts(table: pd.DataFrame) -> dict[str, int]:
    """How many marks are in each state, the loudest first; states nobody is in are left out.

    Parameters
    ----------
    table
        Marks, as :func:`check` gives them: one row each, with `state`.

    Returns
    -------
    counts
        By state, each at least 1.
    """
    n = table["state"].value_counts()
    return {state: int(n[state]) for state in reversed(STATES) if state in n}


@checked
def summary(table: pd.DataFrame) -> str:
    """The counts in a line.

    Parameters
    ----------
    table
        Marks, as :func:`check` gives them: one row each, with `state`.

    Returns
    -------
    line
        The loudest state first; empty for no marks.

    Examples
    --------
    >>> summary(marks("score", ["a", "b", "c"], [0.05, 0.2, 0.04], warn=0.1, alarm=0.25))
    '1 warn, 2 ok'
    """
    return ", ".join(f"{n} {state}" for state, n in counts(table).items())


@checked
def worst(table: pd.DataFrame) -> str:
    """The loudest state of a table of marks; `ok` where there is none.

    Parameters
    ----------
    table
        Marks, as :func:`check` gives them: one row each, with `state`.

    Returns
    -------
    state
        ``ok``, ``unknown``, ``warn`` or ``alarm``.

    Examples
    --------
    >>> worst(marks("score", ["score"], [0.3], warn=0.1, alarm=0.25))
    'alarm'
    """
    return max(table["state"], key=STATES.index, default="ok")
