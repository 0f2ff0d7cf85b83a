"""Pictures of a simulated city: ``python -m riskwarn.simulation.plots OUT`` draws those of the documentation."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from riskwarn.simulation.city import City, city
from riskwarn.simulation.disputes import KINDS
from riskwarn.simulation.setting import BURN_DAYS, instants

_SOURCES = ("police_call", "hotline", "dispute", "petition", "grid_report")


def draw(out: str | Path, *, preset: str = "small", seed: int = 7) -> list[Path]:
    """Draw all pictures into the folder `out`; returns the files."""
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    one, files = city(preset, seed=seed), []
    for name, picture in PICTURES.items():
        figure = picture(one, plt)
        files.append(folder / f"simulation_{name}.png")
        figure.savefig(files[-1], dpi=110, bbox_inches="tight")
        plt.close(figure)
    return files


def risk_map(one: City, plt: Any) -> Any:
    """True probability of a violent incident within 28 days, all grids of the largest county, on one Monday."""
    from matplotlib.collections import PolyCollection  # noqa: PLC0415

    prob = one.truth["prob"].query("target == 'viol28'").dropna(subset=["n"])
    as_of = prob["as_of"].max()
    here = prob[prob["as_of"] == as_of].merge(one.tables["grids"], on="grid_id")
    here = here[(here["valid_from"] <= as_of) & ~(here["valid_to"] <= as_of)]
    here = here[here["county_id"] == here["county_id"].mode()[0]]
    shapes = shapely.from_wkt(here["geometry"].to_numpy(dtype=object))
    parts, owner = shapely.get_parts(shapes, return_index=True)
    figure, axes = plt.subplots(figsize=(9, 7))
    rings = [shapely.get_coordinates(shapely.get_exterior_ring(p)) for p in parts]
    cells = PolyCollection(
        rings, array=here["probability"].to_numpy()[owner], cmap="YlOrRd", edgecolors="#00000022", linewidths=0.3
    )
    axes.add_collection(cells)
    cells.set_clim(0, float(here["probability"].quantile(0.995)))
    axes.autoscale_view()
    axes.set_aspect("equal")
    hit = here[here["n"] > 0]
    middle = shapely.get_coordinates(shapely.centroid(shapely.from_wkt(hit["geometry"].to_numpy(dtype=object))))
    axes.plot(middle[:, 0], middle[:, 1], "x", color="black", markersize=4, label=f"{len(hit)} grids where it happened")
    axes.legend(loc="lower left")
    axes.set(
        title=f"True probability of a violent incident in 28 days from {as_of:%Y-%m-%d}, one county",
        xlabel="degrees east",
        ylabel="degrees north",
    )
    figure.colorbar(cells, ax=axes, shrink=0.7, label="probability")
    return figure


def cascade(one: City, plt: Any) -> Any:
    """The largest family of disputes: each line joins a dispute to the one that begot it."""
    d = one.world.disputes
    root = np.arange(d.n)
    for _ in range(40):
        up = np.where(d.parent[root] >= 0, d.parent[root], root)
        if (up == root).all():
            break
        root = up
    size = np.bincount(root, minlength=d.n)
    first = int(np.argmax(np.where(d.born >= 0, size, 0)))
    family = np.flatnonzero(root == first)
    far = np.hypot(*(d.point[family] - d.point[first]).T)
    place = dict(zip(family.tolist(), far.tolist(), strict=True))
    figure, axes = plt.subplots(figsize=(9, 5))
    for i in family:
        if d.parent[i] >= 0:
            mother = int(d.parent[i])
            axes.plot(
                [d.born[mother], d.born[i]], [place[mother], place[int(i)]], color="#999999", linewidth=0.8, zorder=1
            )
    for k in np.unique(d.kind[family]):
        mine = family[d.kind[family] == k]
        axes.scatter(
            d.born[mine], [place[int(i)] for i in mine], s=20 + 160 * d.severity[mine], label=KINDS[k].name, zorder=2
        )
    axes.legend(title="kind (size: severity)")
    axes.set(
        title=f"One dispute and its {len(family) - 1} descendants",
        xlabel="days since the start",
        ylabel="km from the first",
    )
    return figure


def silent_spell(one: City, plt: Any) -> Any:
    """A grid that falls silent: visits go on, reports stop, calls do not."""
    watch, calls = one.world.watch, one.world.course.call
    silent = watch.silent
    length = silent.last - silent.first
    fit = (silent.factor == 0) & (silent.first > 90) & (silent.last < one.setting.preset.days - 90)
    spell = int(np.argmax(np.where(fit, length + 1, 0)))
    g = int(silent.grid[spell])
    weeks = one.setting.preset.days // 7
    figure, axes = plt.subplots(3, 1, figsize=(9, 6), sharex=True)
    mine = calls["day"][(one.world.disputes.grid[calls["dispute"]] == g) & (calls["day"] >= 0)]
    series = {
        "visits": watch.n_visits[BURN_DAYS:, g],
        "reports of all types": watch.n_reports[BURN_DAYS:, g],
        "police calls": np.bincount(mine, minlength=one.setting.preset.days),
    }
    for panel, (name, daily) in zip(axes, series.items(), strict=True):
        panel.bar(np.arange(weeks) * 7, daily[: weeks * 7].reshape(weeks, 7).sum(1), width=6.5, color="#33658a")
        panel.axvspan(silent.first[spell], silent.last[spell], color="#f6ae2d", alpha=0.35, label="true silent spell")
        panel.set_ylabel(f"{name}\na week")
    axes[0].legend(loc="upper right")
    axes[0].set_title(f"Grid {one.world.geo.grid_id[g]}: the worker comes, and reports nothing")
    axes[-1].set_xlabel("days since the start")
    return figure


def outage(one: City, plt: Any) -> Any:
    """What arrived each day from the feeds of one county: a stop is a missing delivery, a quiet day a delivery of zero."""
    feed, log = one.truth["feed"], one.tables["feed_log"]
    stopped = feed[feed["kind"].isin(["outage", "partial", "backlog"])]
    org = stopped.groupby("org_code")["kind"].nunique().idxmax()
    start = instants(0.0)[0]
    figure, axes = plt.subplots(len(_SOURCES), 1, figsize=(9, 8), sharex=True)
    colours = {"outage": "#d1495b", "partial": "#edae49", "backlog": "#66a182"}
    for panel, source in zip(axes, _SOURCES, strict=True):
        mine = log[(log["source"] == source) & (log["org_code"] == org)]
        day = (mine["arrived_at"] - start) / pd.Timedelta(days=1)
        panel.plot(day, mine["received"], ".", markersize=2.5, color="#33658a")
        for spell in stopped[(stopped["source"] == source) & (stopped["org_code"] == org)].itertuples():
            first, last = ((t - start) / pd.Timedelta(days=1) for t in (spell.from_at, spell.to_at))
            panel.axvspan(first, last, color=colours[spell.kind], alpha=0.6, label=spell.kind)
        if panel.get_legend_handles_labels()[0]:
            panel.legend(loc="upper right", fontsize=8)
        panel.set_ylim(bottom=-0.04 * panel.get_ylim()[1])
        panel.set_ylabel(source.replace("_", " "), fontsize=8)
    axes[0].set_title(f"Rows received a day from county {org}")
    axes[-1].set_xlabel("days since the start")
    return figure


def calibration(one: City, plt: Any) -> Any:
    """The oracles' probabilities against what happened, in groups of equal size."""
    prob = one.truth["prob"].dropna(subset=["n"])
    figure, axes = plt.subplots(1, 4, figsize=(13, 3.6))
    for panel, (target, rows) in zip(axes, prob.groupby("target"), strict=True):
        for who, mark in (("probability", "o"), ("probability_known", "+")):
            group = pd.qcut(rows[who].rank(method="first"), 20, labels=False)
            panel.plot(
                rows[who].groupby(group).mean(),
                (rows["n"] > 0).groupby(group).mean(),
                mark,
                label=who.replace("_", " "),
            )
        top = panel.get_xlim()[1]
        panel.plot([0, top], [0, top], color="#999999", linewidth=0.8)
        panel.set(title=target, xlabel="said", ylabel="came true")
    axes[0].legend(fontsize=8)
    figure.tight_layout()
    return figure


PICTURES: dict[str, Callable[[City, Any], Any]] = {
    "risk_map": risk_map,
    "cascade": cascade,
    "silent_spell": silent_spell,
    "outage": outage,
    "calibration": calibration,
}

if __name__ == "__main__":
    for file in draw(sys.argv[1] if len(sys.argv) > 1 else "docs/img"):
        sys.stdout.write(f"{file}\n")
