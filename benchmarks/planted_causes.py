"""Whether the first reason is the true driver, in simulated cities whose truth is known.

Run with ``RISKWARN_THREADS=1 python benchmarks/planted_causes.py [preset ...]``; prints the table of docs/explanations.md.

A city is simulated with one cause made strong (:class:`riskwarn.simulation.Strength`), the product's default model is trained on its
records alone, and a later night is explained. What drives a grid is read from the truth, with two numbers:

- ``lift``, the log of how many times more events the cause makes one expect. For an overdue case and a repeated place: the true
  expected count over that of the same night with the cause taken away from then on, every dispute's state and all else left as it is.
  For the season: the city's true expected count of the night over its mean on the Mondays of the year before.
- ``rest``, the log of the expected count without the lift over its mean in the city: all else that sets the grid apart.

The cause *drives* the grid where it is at work that night (a ledger case is past its limit; an open dispute has had two calls or more),
doubles the expected count at least (the season: raises it by half), and outweighs all else: ``lift > rest``.
It is *absent* where it lifts by less than a twentieth. Where it drives, its family should be the first raising reason.
"""

import argparse
import dataclasses
import datetime as dt
import os
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("RISKWARN_THREADS", "1")

import numpy as np
import pandas as pd

from riskwarn import simulation
from riskwarn.experiment import Baselines, Dates, Experiment
from riskwarn.explanation import explain
from riskwarn.feature import SpringFestival, load_group
from riskwarn.history import History, Stream
from riskwarn.label import Label
from riskwarn.model import RiskModel
from riskwarn.panel import build_panel
from riskwarn.simulation import Preset, Strength
from riskwarn.simulation.oracle import Oracle
from riskwarn.simulation.setting import START, TIMEZONE
from riskwarn.simulation.world import World

FEATURES = Path(__file__).parent.parent / "features"
GROUPS = (
    "disputes",
    "petitions",
    "police_calls",
    "hotline",
    "handling",
    "repetition",
    "neighbourhood",
    "calendar",
    "place",
)
TWENTIETH = float(np.log(1.05))


@dataclass(frozen=True)
class Cause:
    """One cause made strong, the question it bears on, the families and features that tell it, and the night that is explained."""

    name: str
    strength: Strength
    target: str
    label: Label
    families: tuple[str, ...]
    telling: str
    """What the names of the features that speak of it hold."""
    night: str
    days: int
    least: float
    """Least lift of a grid that it drives."""

    @property
    def day(self) -> int:
        """The night as days since the city's first."""
        return (pd.Timestamp(self.night, tz=TIMEZONE) - START).days


REDRESS = Stream("petition", tag="seeks_redress", without="repeat")
CAUSES = (
    Cause(
        "overdue",
        Strength(overdue=5),
        "newpet28",
        Label("redress_28d", (REDRESS,), days=28, settle_days=7),
        ("dispute_handling",),
        "overdue",
        "2024-10-14",
        700,
        float(np.log(2)),
    ),
    Cause(
        "repeat",
        Strength(repeat=2),
        "calls7",
        Label("calls_7d", (Stream("police_call", ("P04",)),), days=7, settle_days=7),
        ("same_place",),
        "place",
        "2024-10-14",
        700,
        float(np.log(2)),
    ),
    Cause(
        "season",
        Strength(season=4),
        "need28",
        Label("need_28d", (Stream("hotline"), Stream("petition")), days=28, settle_days=7),
        ("calendar",),
        "s",
        "2026-01-26",
        1160,
        float(np.log(1.5)),
    ),
)


def grids_of(cause: Cause, preset: str | Preset, *, seed: int = 7) -> pd.DataFrame:
    """One row a grid of the night: `lift`, `rest`, `driven`, `absent`; `first`, the family of its first raising reason, and `named`."""
    base = simulation.PRESETS[preset] if isinstance(preset, str) else preset
    made = simulation.city(dataclasses.replace(base, days=cause.days), seed=seed, strength=cause.strength)
    found = true_drivers(made.world, cause).join(first_reasons(made, cause))
    named = found["first"].isin(cause.families)
    return found.assign(named=named, told=named & found["feature"].fillna("").str.contains(cause.telling))


def true_drivers(world: World, cause: Cause) -> pd.DataFrame:
    """`lift`, `rest`, `driven` and `absent` by grid, from the truth."""
    full = expected(world, [cause.day], cause.target)[0]
    there = full > 0
    if cause.name == "season":
        year = expected(world, [cause.day - 7 * weeks for weeks in range(1, 53)], cause.target)
        off = full / (full.sum() / np.mean([one.sum() for one in year]))
        at_work = there
    else:
        gone = dataclasses.replace(cause.strength, **{cause.name: 0.0})
        off = expected(
            dataclasses.replace(world, setting=dataclasses.replace(world.setting, strength=gone)),
            [cause.day],
            cause.target,
        )[0]
        at_work = working(world, cause)
    lift = np.log(full[there] / off[there])
    rest = np.log(off[there] / off[there].mean())
    return pd.DataFrame(
        {
            "lift": lift,
            "rest": rest,
            "driven": at_work[there] & (lift >= cause.least) & (lift > rest),
            "absent": lift < TWENTIETH,
        },
        index=pd.Index(np.asarray(world.codes.vocabulary, dtype=object)[there], name="grid_id"),
    )


def expected(world: World, days: list[int], target: str) -> list[np.ndarray]:
    """(codes,) true expected count within the horizon, for each day."""
    oracle = Oracle(world)
    return [next(np.asarray(count) for name, _, count, _ in oracle.ask(day) if name == target) for day in days]


def working(world: World, cause: Cause) -> np.ndarray:
    """(codes,) whether a ledger case is past its limit that night, or an open dispute has had two calls or more."""
    state = world.course.snapshots[cause.day]
    chosen = state["ledger"] & (state["due"] <= cause.day) if cause.name == "overdue" else state["calls"] >= 2
    one = state["dispute"][chosen]
    side = world.codes.side(world.disputes.grid, world.disputes.point)[one]
    code = world.codes.at(world.disputes.grid[one], side, np.full(len(one), cause.day))
    return np.bincount(code, minlength=len(world.codes.vocabulary)) > 0


def first_reasons(made: simulation.City, cause: Cause) -> pd.DataFrame:
    """`first`, `feature` and the sentence `en` of each grid's first raising reason, by the product's default model."""
    history = History.of(made.tables["events"], made.tables["grids"], timezone=TIMEZONE)
    features = (*(f for g in GROUPS for f in load_group(FEATURES, g)), SpringFestival())
    night = pd.Timestamp(cause.night)
    last = (night - pd.Timedelta(days=cause.label.days + 7)).date()
    asked = Experiment(
        "?", cause.label, Dates(dt.date(2023, 10, 2), last, 7), features, baselines=Baselines((4, 15, 52))
    )
    model = RiskModel.of(asked).fit(build_panel(history, asked))
    reasons = explain(model, build_panel(history, asked, as_of=cause.night))
    top = reasons[(reasons["place"] == 1) & (reasons["contribution"] > 0)].set_index("grid_id")
    families = {f.name: f.family for f in model.features}
    return top.assign(first=top["feature"].map(families))[["first", "feature", "contribution", "en"]]


def table(presets: list[str], seeds: list[int], names: list[str]) -> pd.DataFrame:
    """Shares of driven and of other grids whose first reason is the cause."""
    rows = []
    for preset in presets:
        for cause in (c for c in CAUSES if c.name in names):
            for seed in seeds:
                found = grids_of(cause, preset, seed=seed)
                driven, absent = found[found["driven"]], found[found["absent"]]
                rows.append(
                    {
                        "cause": cause.name,
                        "city": f"{preset}, {seed}",
                        "grids": len(found),
                        "driven": len(driven),
                        "first": _percent(driven["named"]),
                        "told": _percent(driven["told"]),
                        "first where absent": _percent(absent["named"]),
                    }
                )
                print(rows[-1], driven["first"].value_counts().head(5).to_dict(), flush=True)
    return pd.DataFrame(rows)


def _percent(named: pd.Series) -> str:
    return f"{named.mean():.0%}" if len(named) else "–"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="the first reason against the true driver, in simulated cities")
    parser.add_argument("presets", nargs="*", default=["small"])
    parser.add_argument("--seeds", nargs="*", type=int, default=[7, 8])
    parser.add_argument("--causes", nargs="*", default=[c.name for c in CAUSES])
    asked = parser.parse_args()
    print(table(asked.presets, asked.seeds, asked.causes).to_string(index=False))
