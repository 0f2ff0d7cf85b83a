"""Is any part of the city served worse."""

import numpy as np
import pandas as pd

from riskwarn import metrics
from riskwarn.audit.evidence import (
    FAILED,
    INSUFFICIENT,
    OWN,
    PASSED,
    by_date,
    groups_of,
    interval,
    listed,
    ratio,
    ratio_of_ratios,
    rival_of,
    verdict,
)
from riskwarn.backtesting import BETTER_LOW, Report, judged
from riskwarn.calling import checked

AUDITED = {
    "recall": ("caught", "y"),
    "false_alarms": ("false", "listed"),
    "calibration": ("y", "expected"),
}
"""What groups of grids are compared by: the share of their events on the list, the share of their listings that no event followed, and
events observed over expected; each a quotient of two sums."""


@checked
def slices(report: Report, by: str, *, metric: str | None = None, model: str = OWN) -> pd.DataFrame:
    """The model against its rival within each part of the city, lists being made within the part.

    Parameters
    ----------
    report
        Of a backtest, with grids.
    by
        Column of the table of grids, as `urban_class` or `county_id`.
    metric
        The gate's by default; the rival is the one it has in the whole city.
    model
        A model of the report.

    Returns
    -------
    slices
        One row a part: `group`, `n_grids`, `n_events`, `difference` (positive is better), `lower`, `upper`, `rival`, `verdict`: failed
        if clearly worse; not judged with fewer events than the gate's `min_events`, or too few grids to fill one place of a list.

    Raises
    ------
    DataError
        The report has no grids, or they say nothing in this column.
    """
    wanted = metric or report.experiment.gate.metric
    rival = rival_of(report, wanted, model)
    rows = report.predictions[report.predictions["model"].isin([model, rival])]
    rows = rows.assign(group=groups_of(report, by, rows["grid_id"])).dropna(subset=["group"])
    parts = [(str(name), part) for name, part in rows.groupby("group")]
    judgeable = sum(_enough(report, part[part["model"] == model]) for _, part in parts)
    return pd.DataFrame([_slice(report, name, part, wanted, model, rival, judgeable) for name, part in parts])


@checked
def disparities(report: Report, by: str, *, model: str = OWN) -> pd.DataFrame:
    """Is one kind of area served worse by the list of the whole city: each group against the rest of the city.

    Where need differs between groups, a list that follows need cannot give all of them the same recall [1]_. So each ratio stands
    beside that of the rival: `farther` says that the model's is clearly farther from parity than what would be used without it.

    Parameters
    ----------
    report
        Of a backtest, with grids.
    by
        Column of the table of grids, as `urban_class` or `county_id`.
    model
        A model of the report.

    Returns
    -------
    disparities
        One row a quantity of :data:`AUDITED` and group: `group`, `quantity`, `value`, `rest` (the same for all other groups together), `n`
        (what the group's count would be at parity), `ratio` of value to rest (:func:`riskwarn.metrics.disparity`), `lower`, `upper`,
        `verdict` (failed if the interval lies wholly outside tolerance to 1 / tolerance), `rival`, `rival_ratio`, `farther`.

    Raises
    ------
    DataError
        The report has no grids, or they say nothing in this column.

    References
    ----------
    .. [1] Chouldechova (2017), Big Data 5, 153-163; Kleinberg, Mullainathan & Raghavan (2017), ITCS 43:1-43:23.
    """
    rival = rival_of(report, report.experiment.gate.metric, model)
    served, rival_served = (_served(report, by, name) for name in (model, rival))
    names = sorted(served["group"].unique())
    return pd.DataFrame(
        [
            {"group": name, "quantity": quantity, "rival": rival}
            | _against(report, served, rival_served, quantity, name, len(names))
            for quantity in AUDITED
            for name in (names if len(names) > 1 else ())
        ]
    )


def _served(report: Report, by: str, model: str) -> pd.DataFrame:
    """Rows of a model with their group and what the list made of them."""
    rows = report.rows_of(model)
    rows = rows.assign(group=groups_of(report, by, rows["grid_id"]), listed=listed(report, rows)).dropna(
        subset=["group"]
    )
    return rows.assign(caught=rows["listed"] * rows["y"], false=rows["listed"] * (rows["y"] == 0))


def _enough(report: Report, rows: pd.DataFrame) -> bool:
    """Events for a verdict, on two dates at least, and grids to fill a place of the shortest list."""
    judge, gate = report.experiment.judge, report.experiment.gate
    dated = rows.loc[rows["y"] > 0, "as_of"].nunique()
    return bool(rows["y"].sum() >= gate.min_events and dated > 1 and rows["grid_id"].nunique() * min(judge.shares) >= 1)


def _slice(
    report: Report, name: str, rows: pd.DataFrame, metric: str, model: str, rival: str, parts: int
) -> dict[str, object]:
    model_rows = rows[rows["model"] == model]
    row = {
        "group": name,
        "n_grids": model_rows["grid_id"].nunique(),
        "n_events": float(model_rows["y"].sum()),
        "rival": rival,
    }
    loud = rows.groupby("as_of")["y"].transform("sum") > 0
    frame = judged(rows[loud], report.experiment) if _enough(report, model_rows) else report.frame.iloc[:0]
    frame = frame[frame["metric"] == metric].pivot_table(index="as_of", columns="model", values=["value", "n_events"])
    if len(frame) < 2:
        return row | {"difference": np.nan, "lower": np.nan, "upper": np.nan, "verdict": INSUFFICIENT}
    gain = (frame["value"][model] - frame["value"][rival]) * (-1 if metric in BETTER_LOW else 1)
    weight = frame["n_events"][model] if metric.startswith("capture") else gain * 0 + 1
    sums = pd.DataFrame({"gain": gain * weight, "weight": weight})
    low, mid, high = interval(report, sums, ratio, parts=parts)
    return row | {"difference": mid, "lower": low, "upper": high, "verdict": FAILED if high < 0 else PASSED}


def _against(
    report: Report, served: pd.DataFrame, rival_served: pd.DataFrame, quantity: str, group: str, parts: int
) -> dict[str, object]:
    """A group's quantity over that of the rest of the city, by the model and by its rival."""
    members = [(rows, rows["group"] == group) for rows in (served, rival_served)]
    sums = pd.concat(
        [_by_all_dates(rows, quantity, side) for rows, mine in members for side in (mine, ~mine)], axis=1
    ).sort_index()
    total = sums.to_numpy().sum(axis=0)
    value, rest = (float(total[i] / total[i + 1]) if total[i + 1] else np.nan for i in (0, 2))
    row = {"value": value, "rest": rest, "n": float(total[1] * rest)}
    if not np.isfinite(value) or not rest > 0:
        unknown = dict.fromkeys(("ratio", "lower", "upper", "rival_ratio"), np.nan)
        return row | unknown | {"verdict": INSUFFICIENT, "farther": False}
    low, _, high = interval(report, sums, ratio_of_ratios, parts=parts)
    parity = float(metrics.disparity(pd.Series({"group": value, "rest": rest}), reference="rest")["ratio"]["group"])
    with np.errstate(invalid="ignore", divide="ignore"):
        beside = float(ratio_of_ratios(total[4:]))
    verdict_on_it = verdict(report, low, parity, high, evidence=min(row["n"], float(total[2])))
    farther = verdict_on_it == FAILED and interval(report, sums, _farther, parts=parts)[0] > 0
    return row | {
        "ratio": parity,
        "lower": low,
        "upper": high,
        "rival_ratio": beside,
        "verdict": verdict_on_it,
        "farther": bool(farther),
    }


def _farther(sums: np.ndarray) -> np.ndarray:
    """How much farther from parity the model's ratio is than the rival's, in logs."""
    model, rival = (np.abs(np.log(ratio_of_ratios(part))) for part in (sums[..., :4], sums[..., 4:]))
    return np.asarray(np.where(np.isinf(rival) | np.isnan(rival), -np.inf, model - rival))


def _by_all_dates(rows: pd.DataFrame, quantity: str, member: pd.Series) -> pd.DataFrame:
    dates = np.sort(rows["as_of"].unique())
    return by_date(rows[member], list(AUDITED[quantity])).reindex(dates, fill_value=0.0)
