"""When a difference is one: intervals over dates, verdicts, and the rows of a report a question is put to."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from riskwarn import metrics
from riskwarn.backtesting import Report, shared_by
from riskwarn.errors import DataError

PASSED, FAILED, INSUFFICIENT = "passed", "failed", "insufficient_evidence"
OWN = "riskwarn"


def verdict(report: Report, low: float, ratio: float, high: float, *, evidence: float) -> str:
    """Whether a ratio keeps within the gate's tolerance: failed if its whole interval lies outside, unknown if only the estimate does.

    Parameters
    ----------
    report
        Whose experiment says the tolerance.
    low, ratio, high
        The interval and its estimate.
    evidence
        Events the ratio rests on.

    Returns
    -------
    verdict
        ``passed``, ``failed`` or ``insufficient_evidence``.
    """
    gate = report.experiment.gate
    least, most = gate.tolerance, 1 / gate.tolerance
    if evidence < gate.min_events:
        return INSUFFICIENT
    if high < least or low > most:
        return FAILED
    return PASSED if least <= ratio <= most else INSUFFICIENT


def interval(
    report: Report, sums: pd.DataFrame, statistic: Callable[[np.ndarray], np.ndarray], *, parts: int
) -> tuple[float, float, float]:
    """Lower bound, estimate and upper bound of a statistic of sums over dates, at level 1 - 0.05 / parts (:func:`riskwarn.metrics.statistic_interval`).

    Parameters
    ----------
    report
        Whose label says how windows overlap.
    sums
        (dates, k) Sums of each date, indexed by `as_of` in order of time.
    statistic
        From (..., k) sums to (...) values.
    parts
        How many verdicts are given at once (Bonferroni).

    Returns
    -------
    low, estimate, high
        Minus and plus infinity where there are no bounds.
    """
    shared = shared_by(sums.index, report.experiment.label.days)
    return metrics.statistic_interval(sums.to_numpy(dtype=float), statistic, shared=shared, level=1 - 0.05 / parts)


def ratio(sums: np.ndarray) -> np.ndarray:
    """First column over second.

    Parameters
    ----------
    sums
        (..., 2).

    Returns
    -------
    ratio
        (...).

    Examples
    --------
    >>> ratio(np.array([[6.0, 3.0], [1.0, 4.0]])).tolist()
    [2.0, 0.25]
    """
    return np.asarray(sums[..., 0] / sums[..., 1])


def ratio_of_ratios(sums: np.ndarray) -> np.ndarray:
    """First column over second, over third by fourth.

    Parameters
    ----------
    sums
        (..., 4).

    Returns
    -------
    ratio
        (...).

    Examples
    --------
    >>> ratio_of_ratios(np.array([6.0, 3.0, 1.0, 4.0])).tolist()
    8.0
    """
    return np.asarray(ratio(sums) / ratio(sums[..., 2:]))


def by_date(rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """(dates, columns) sums by date, in the order of time.

    Parameters
    ----------
    rows
        Predictions, with `as_of`.
    columns
        What is summed.

    Returns
    -------
    sums
        Indexed by `as_of`.

    Examples
    --------
    >>> by_date(pd.DataFrame({"as_of": [2, 1, 2], "y": [1, 5, 2]}), ["y"])["y"].to_dict()
    {1: 5, 2: 3}
    """
    return rows.groupby("as_of", sort=True)[columns].sum()


def rival_of(report: Report, metric: str, model: str = OWN) -> str:
    """The baseline a model is held against at `metric`."""
    report.rows_of(model)
    return str(report.differences([metric]).set_index("model").loc[model, "rival"])


def grids_of(report: Report) -> pd.DataFrame:
    """The grids of a report by their id, the newest of each.

    Raises
    ------
    DataError
        The report has none.
    """
    if report.grids is None:
        raise DataError(
            "the report has no grids; give backtest the table: rw.backtest(exp, panel, grids=store.grids())."
        )
    return report.grids.drop_duplicates("grid_id", keep="last").astype({"grid_id": "str"}).set_index("grid_id")


def groups_of(report: Report, by: str, grid_id: pd.Series) -> pd.Series:
    """What the grids say in column `by`, row by row.

    Raises
    ------
    DataError
        They say nothing.
    """
    grids = grids_of(report)
    if by not in grids or grids[by].isna().all():
        raise DataError(f"the grids say no {by!r}.")
    return grid_id.astype("str").map(grids[by].dropna().astype("str"))


def listed(report: Report, rows: pd.DataFrame) -> pd.Series:
    """How far each row is on the list of its date, in [0, 1], at the experiment's first share; ties share their room."""
    share = report.experiment.judge.shares[0]
    return pd.concat(
        [
            pd.Series(metrics.listed(d["y"], d["score"], share=share, ties="mean"), index=d.index)
            for _, d in rows.groupby("as_of", sort=False)
        ]
    )
