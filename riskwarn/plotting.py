"""Pictures of a backtest: each function takes a :class:`riskwarn.backtesting.Report` and gives matplotlib axes to go on with."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from riskwarn import metrics
from riskwarn.backtesting import Report
from riskwarn.grid import polygons
from riskwarn.selection import Audition

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_OWN = "riskwarn"
_COLOURS = {_OWN: "#4b2e83", "poisson regression": "#2f7f79"}
_PRIOR = "#9a8f7d"
_HIGHEST_SHARE = 0.3


def capture_curve(report: Report, *, ax: "Axes | None" = None) -> "Axes":
    """Share of events caught against share of grids watched, pooled over the test dates; the dotted line is the best possible list.

    Ties count at their expectation. Left is what a centre can do: shares beyond 30 % are not drawn.

    Parameters
    ----------
    report
        Of a backtest.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    axes
        To go on with.
    """
    axes = _axes(ax)
    shares = np.linspace(0.01, _HIGHEST_SHARE, 30)
    for model, rows in report.predictions.groupby("model", sort=False):
        axes.plot(100 * shares, 100 * _pooled(rows, shares, "score"), label=str(model), **_style(str(model)))
    best = next(iter(report.predictions.groupby("model", sort=False)))[1]
    axes.plot(100 * shares, 100 * _pooled(best, shares, "y"), color="black", linestyle=":", label="best possible")
    return _finish(axes, "grids watched, %", "events caught, %", "What a list of grids catches")


def reliability(report: Report, *, model: str = _OWN, bands: int = 10, ax: "Axes | None" = None) -> "Axes":
    """Observed share of grids with an event against the probability said, in bands of equally many rows, with 95 % intervals.

    Parameters
    ----------
    report
        Of a backtest.
    model
        A model of the report.
    bands
        Number of bands.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    axes
        To go on with.

    Raises
    ------
    NotFoundError
        The report has no such model.
    """
    axes = _axes(ax)
    rows = report.rows_of(model)
    table = metrics.reliability((rows["y"] > 0).to_numpy(), rows["probability"].to_numpy(), bands=bands)
    spread = np.abs(table[["observed_low", "observed_high"]].to_numpy() - table[["observed"]].to_numpy()).T
    axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1)
    axes.errorbar(table["predicted"], table["observed"], yerr=spread, fmt="o", color=_COLOURS[_OWN], capsize=2)
    return _finish(
        axes,
        "probability said",
        "share of grids with an event",
        f"Is a probability what it says? ({model})",
        legend=False,
    )


def skill_over_time(
    report: Report, *, metric: str = "capture_5", model: str = _OWN, ax: "Axes | None" = None
) -> "Axes":
    """Difference of `model` to the best baseline, date by date.

    Parameters
    ----------
    report
        Of a backtest.
    metric
        One that was judged.
    model
        A model of the report.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    axes
        To go on with.
    """
    axes = _axes(ax)
    rival = report.best_baseline(metric)
    values = report.frame[report.frame["metric"] == metric].pivot_table(index="as_of", columns="model", values="value")
    gain = values[model] - values[rival]
    axes.axhline(0, color="#bbbbbb", linewidth=1)
    axes.plot(gain.index, gain.to_numpy(), marker="o", color=_COLOURS[_OWN])
    axes.tick_params(axis="x", rotation=30)
    return _finish(axes, "", f"{metric}, difference", f"{model} against {rival}", legend=False)


def distance_from_best(audition: Audition, *, ax: "Axes | None" = None) -> "Axes":
    """How far each model is from the best of each fold: one that keeps low is a safe choice.

    Parameters
    ----------
    audition
        Of :func:`riskwarn.selection.audition`.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    axes
        To go on with.
    """
    axes = _axes(ax)
    for model, distance in audition.distance.items():
        axes.plot(
            [str(f) for f in distance.index], distance.to_numpy(), marker=".", label=str(model), **_style(str(model))
        )
    return _finish(axes, "fold", f"{audition.metric}, behind the best", "How far from the best, fold by fold")


def error_map(report: Report, grids: pd.DataFrame, *, model: str = _OWN, ax: "Axes | None" = None) -> "Axes":
    """Where the model says too little (orange) or too much (purple): observed minus expected, over the root of expected, by grid.

    Parameters
    ----------
    report
        Of a backtest.
    grids
        Table `grids`, with `geometry`.
    model
        A model of the report.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    axes
        To go on with.

    Raises
    ------
    NotFoundError
        The report has no such model.
    DataError
        A polygon is missing.
    """
    axes = _axes(ax)
    sums = report.rows_of(model).groupby("grid_id", observed=True)[["y", "expected"]].sum()
    residual = (sums["y"] - sums["expected"]) / np.sqrt(sums["expected"].clip(lower=1e-6))
    shapes = polygons(grids).set_index("grid_id").join(residual.rename("residual"))
    reach = float(residual.abs().quantile(0.98))
    shapes.plot(
        "residual", ax=axes, cmap="PuOr_r", vmin=-reach, vmax=reach, legend=True, missing_kwds={"color": "#dddddd"}
    )
    axes.set_axis_off()
    axes.set_title(f"Observed minus expected, standardised ({model})")
    return axes


def overview(report: Report, grids: pd.DataFrame | None = None) -> Any:
    """All pictures of a report in one figure; the map where `grids` with polygons are given.

    Parameters
    ----------
    report
        Of a backtest.
    grids
        Table `grids`, with `geometry`.

    Returns
    -------
    figure
        Of matplotlib.
    """
    import matplotlib.pyplot as plt  # noqa: PLC0415

    figure, places = plt.subplots(2, 2, figsize=(12, 9), constrained_layout=True)
    capture_curve(report, ax=places[0, 0])
    reliability(report, ax=places[0, 1])
    skill_over_time(report, ax=places[1, 0])
    if grids is None:
        places[1, 1].set_axis_off()
    else:
        error_map(report, grids, ax=places[1, 1])
    return figure


def _pooled(rows: pd.DataFrame, shares: np.ndarray, by: str) -> np.ndarray:
    """Events caught over events there were, all dates together, at each share."""
    dates = [(d["y"].to_numpy(float), d[by].to_numpy(float)) for _, d in rows.groupby("as_of")]
    total = sum(y.sum() for y, _ in dates)
    caught = [
        sum(y.sum() * metrics.capture(y, s, share=float(share), ties="mean") for y, s in dates) for share in shares
    ]
    return np.array(caught) / total


def _axes(ax: "Axes | None") -> "Axes":
    import matplotlib.pyplot as plt  # noqa: PLC0415

    return plt.subplots(constrained_layout=True)[1] if ax is None else ax


def _style(model: str) -> dict[str, Any]:
    strong = model in _COLOURS
    return {"color": _COLOURS.get(model, _PRIOR), "linewidth": 2.2 if strong else 1, "alpha": 1 if strong else 0.8}


def _finish(axes: "Axes", x: str, y: str, title: str, *, legend: bool = True) -> "Axes":
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)
    if legend:
        axes.legend(frameon=False, fontsize=8)
    return axes
