"""Does a level mean what it says."""

import pandas as pd

from riskwarn.audit.evidence import OWN, by_date, interval, ratio, verdict
from riskwarn.backtesting import Report
from riskwarn.calling import checked
from riskwarn.level import LEVELS, levels_of


@checked
def levels(report: Report, *, model: str = OWN) -> pd.DataFrame:
    """Events observed over expected within each level of the list, and how often a grid of it had any.

    Parameters
    ----------
    report
        Of a backtest.
    model
        A model of the report.

    Returns
    -------
    levels
        One row a level that was reached: `level`, `n` grid-dates, `expected` and `observed` events (overlapping windows count as often as
        they hold them), `ratio` observed over expected with `lower` and `upper`, `predicted` mean probability, `share` of grid-dates
        with an event, and `verdict` on the ratio.
    """
    model_rows = report.rows_of(model)
    rows = model_rows.assign(level=levels_of(model_rows))
    reached = [name for name, *_ in LEVELS if (rows["level"] == name).any()]
    return pd.DataFrame([_level(report, name, rows[rows["level"] == name], len(reached)) for name in reached])


def _level(report: Report, name: str, rows: pd.DataFrame, parts: int) -> dict[str, object]:
    expected = float(rows["expected"].sum())
    low, value, high = interval(report, by_date(rows, ["y", "expected"]), ratio, parts=parts)
    return {
        "level": name,
        "n": len(rows),
        "expected": expected,
        "observed": float(rows["y"].sum()),
        "ratio": value,
        "lower": low,
        "upper": high,
        "predicted": rows["probability"].mean(),
        "share": (rows["y"] > 0).mean(),
        "verdict": verdict(report, low, value, high, evidence=expected),
    }
