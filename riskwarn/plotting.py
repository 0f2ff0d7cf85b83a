"""Pictures of a backtest and of a night: each function takes a report or tables and gives matplotlib axes to go on with.

Maps are drawn from the polygons of the grids alone, without tiles, so they need no network.
"""

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from riskwarn import metrics
from riskwarn.backtesting import Report
from riskwarn.calling import checked
from riskwarn.errors import DataError, NotFoundError, did_you_mean
from riskwarn.grid import polygons
from riskwarn.selection import Audition

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_OWN = "riskwarn"
_COLOURS = {_OWN: "#4b2e83", "poisson regression": "#2f7f79"}
_PRIOR = "#9a8f7d"
_LEVELS = {"red": "#b3261e", "orange": "#d9730d", "yellow": "#e3b505", "blue": "#1f5fa8"}
_UNKNOWN = "#d5d5d5"
_HIGHEST_SHARE = 0.3
_UNIVERSAL = (
    "UTC",
    "Etc/UTC",
    "UTC+00:00",
    "+00:00",
    "GMT",
    "Etc/GMT",
    "Zulu",
    "Etc/Zulu",
    "UCT",
    "Etc/UCT",
    "Universal",
)
"""Names of the clock that files keep."""
_FEW_NIGHTS = 14
"""So many nights each have their date beneath them."""


@checked
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
    dashes = itertools.cycle(["-", "--", "-."])
    for model, rows in report.predictions.groupby("model", sort=False):
        dash = "-" if model in _COLOURS else next(dashes)
        caught = 100 * _pooled(rows, shares, "score")
        axes.plot(100 * shares, caught, label=str(model), linestyle=dash, **_style(str(model)))
    best = next(iter(report.predictions.groupby("model", sort=False)))[1]
    axes.plot(100 * shares, 100 * _pooled(best, shares, "y"), color="black", linestyle=":", label="best possible")
    return _finish(axes, "grids watched, %", "events caught, %", "What a list of grids catches")


@checked
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


@checked
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


@checked
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


@checked
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


@checked
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


@checked
def risk_map(
    scores: pd.DataFrame,
    grids: pd.DataFrame,
    *,
    alerts: pd.DataFrame | None = None,
    target: str = "",
    ax: "Axes | None" = None,
) -> "Axes":
    """Where most is expected: events of the horizon by grid; grey where too little is known, which is not calm.

    Parameters
    ----------
    scores
        Table `scores` of one night.
    grids
        Table `grids`, with `geometry`.
    alerts
        Table `alerts` of the night; its grids are outlined in the colour of their level.
    target
        Which question, where the scores hold several; the first by default.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    axes
        To go on with.

    Raises
    ------
    DataError
        A polygon is missing, there are no scores, or they are of several nights.
    NotFoundError
        The scores hold no such target.
    """
    if scores.empty:
        raise DataError("scores: no rows, wanted the scores of a night, as store.read('scores', as_of=…) gives them.")
    known = list(scores["target"].unique())
    if target and target not in known:
        raise NotFoundError(
            f"scores: no target {target!r}{did_you_mean(target, known)}; they hold: {', '.join(known)}."
        )
    own = scores[scores["target"] == (target or known[0])]
    shown = own["expected"].where(own["state"] != "insufficient_data").set_axis(own["grid_id"])
    title = f"Where most is expected, {_night('scores', own, grids)}"
    axes = _map(grids, shown, ax, cmap="Purples", label="expected events")
    if alerts is not None and len(alerts):
        _outline(axes, grids, alerts)
    axes.set_title(title)
    return axes


@checked
def gap_map(gaps: pd.DataFrame, grids: pd.DataFrame, *, kind: str = "", ax: "Axes | None" = None) -> "Axes":
    """Where the centre is blind: the gravest open gap of each grid, severity 0 to 100. What a stopped feed explains is left out.

    Parameters
    ----------
    gaps
        Table `gaps` of one night. Gaps of bodies, feeds and borders are no grid's and are not drawn.
    grids
        Table `grids`, with `geometry`.
    kind
        Only this kind, as ``G01``; all by default.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    axes
        To go on with.

    Raises
    ------
    DataError
        A polygon is missing, or the gaps are of several nights.
    """
    night = _night("gaps", gaps, grids)
    rows = gaps[(gaps["state"] == "open") & gaps["suppressed_by"].isna() & (gaps["kind"] == kind if kind else True)]
    of_grid = rows["scope"].str.extract(r"^grid:([^/]+)", expand=False)
    gravest = rows["severity"].groupby(of_grid).max()
    axes = _map(grids, gravest.reindex(grids["grid_id"]).fillna(0.0), ax, cmap="GnBu", label="severity", top=100)
    axes.set_title(f"Where the centre is blind{f' ({kind})' if kind else ''}{f', {night}' if night else ''}")
    return axes


@checked
def alert_timeline(alerts: pd.DataFrame, *, most: int = 20, ax: "Axes | None" = None) -> "Axes":
    """Which alerts stood on which night, in the colour of their level; those that were listed longest on top.

    Parameters
    ----------
    alerts
        Tables `alerts` of several nights, one below the other.
    most
        Alerts to draw.
    ax
        Where to draw; a new figure by default.

    Returns
    -------
    axes
        To go on with.
    """
    axes = _axes(ax)
    longest = alerts.groupby("alert_id")["as_of"].agg(["count", "max"]).sort_values(["count", "max"], kind="stable")
    names = list(longest.index[-most:])
    rows = alerts[alerts["alert_id"].isin(names)]
    place = rows["alert_id"].map({name: n for n, name in enumerate(names)})
    nights = _days(rows["as_of"])
    axes.scatter(nights, place, c=rows["level"].map(_LEVELS), marker="s", s=60)
    lead = rows.drop_duplicates("alert_id").set_index("alert_id")
    axes.set_yticks(range(len(names)), [f"{_lead(lead.loc[n])}  {lead.loc[n, 'lane']}" for n in names], fontsize=8)
    axes.tick_params(axis="x", rotation=30)
    if len(days := sorted(nights.unique())) <= _FEW_NIGHTS:
        axes.set_xticks(days, [f"{day:%m-%d}" for day in days])
    for level, colour in _LEVELS.items():
        if (rows["level"] == level).any():
            axes.scatter([], [], c=colour, marker="s", label=level)
    _finish(axes, "", "", "Alerts, night by night")
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return axes


def _map(
    grids: pd.DataFrame, values: pd.Series, ax: "Axes | None", *, cmap: str, label: str, top: float | None = None
) -> "Axes":
    """Grids in the colour of their value, from 0 on; grey where there is none."""
    axes = _axes(ax)
    shapes = polygons(grids).set_index("grid_id").join(values.rename("value"))
    style = {"cmap": cmap, "vmin": 0, "vmax": top, "edgecolor": "#bbbbbb", "linewidth": 0.4}
    legend = {"label": label, "shrink": 0.6}
    shapes.plot("value", ax=axes, legend=True, legend_kwds=legend, missing_kwds={"color": _UNKNOWN}, **style)
    axes.set_axis_off()
    return axes


def _outline(axes: "Axes", grids: pd.DataFrame, alerts: pd.DataFrame) -> None:
    """The grids of alerts, outlined in the colour of the level."""
    shapes = polygons(grids).set_index("grid_id")
    for level in reversed(_LEVELS):
        listed = [g for ids in alerts.loc[alerts["level"] == level, "grid_ids"] for g in str(ids).split()]
        if listed:
            shapes.loc[shapes.index.isin(listed)].boundary.plot(ax=axes, color=_LEVELS[level], linewidth=1.8)
            axes.plot([], [], color=_LEVELS[level], linewidth=1.8, label=level)
    axes.legend(frameon=False, fontsize=8, loc="lower left", title="on the list")


def _night(name: str, table: pd.DataFrame, grids: pd.DataFrame) -> str:
    """The day of the one night of a table on the clock of the city, which its grids tell where the night itself is in UTC.

    Without that clock a midnight in UTC is of the nearest day, unless half the world away two days are as near: then the instant itself is shown.
    """
    nights = [pd.Timestamp(at) for at in table["as_of"].unique()]
    if len(nights) > 1:
        raise DataError(
            f"{name}: {len(nights)} nights, from {min(nights)} to {max(nights)}; a map shows one. "
            f"Choose it, as store.read({name!r}, as_of=…) does."
        )
    if not nights:
        return ""
    at, zone = nights[0], getattr(grids["valid_from"].dtype, "tz", None) if "valid_from" in grids else None
    if zone is not None and str(zone) not in _UNIVERSAL and _in_utc(at.tz):
        at = at.tz_convert(zone)
    elif _in_utc(at.tz) and abs(at.hour + at.minute / 60 - 11) <= 1:
        return f"{at:%Y-%m-%d %H:%M} UTC"
    return f"{_days(pd.Series([at])).iloc[0]:%Y-%m-%d}"


def _in_utc(zone: object) -> bool:
    return zone is not None and str(zone) in _UNIVERSAL


def _days(at: pd.Series) -> pd.Series:
    """Days of nights. A file holds them in UTC, without the clock of the city: a night begins at its local midnight, and that is of the nearest day."""
    day = at.dt.round("D") if _in_utc(getattr(at.dtype, "tz", None)) else at.dt.floor("D")
    return day.dt.tz_localize(None).dt.normalize()


def _lead(alert: pd.Series) -> str:
    return str(alert["grid_ids"]).split()[0]


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
