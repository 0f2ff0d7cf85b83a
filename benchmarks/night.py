"""The product's night: eight questions of a city in one night, each step's processor time, beside a plain pandas night of one of them.

    python benchmarks/night.py STORE                   # a store that is there, with its models
    python benchmarks/night.py STORE --simulate city   # simulate one and train its models first, if it is not
    python benchmarks/night.py STORE --target viol28   # one question alone

Runs two nights running and the second once more, each in a process of its own. A line a night: processor seconds of each step, wall time, peak memory, load.
"""

import argparse
import dataclasses
import datetime as dt
import functools
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parent.parent
ASKED = (
    ("weekly", None, "standing"),
    ("city_calls", None, "standing"),
    ("city_calls", 28, "standing"),
    ("city_petitions", None, "standing"),
    ("city_violence", None, "standing"),
    ("city_emergence", None, "rising"),
    ("town_first", None, "first"),
    ("town_escalation", None, "escalating"),
)
"""Experiment, horizon where it is another, lane."""
STEPS = {
    "fingerprint": ("riskwarn.store", "Store.fingerprint"),
    "models": ("riskwarn.pipeline", "sound_models"),
    "history": ("riskwarn.pipeline", "History.load"),
    "panel": ("riskwarn.answer", "night_panels"),
    "scores": ("riskwarn.answer", "score"),
    "gaps": ("riskwarn.pipeline", "find_gaps"),
    "rules": ("riskwarn.pipeline", "triggered"),
    "list": ("riskwarn.pipeline", "_list"),
    "reasons": ("riskwarn.pipeline", "_reasons"),
    "monitors": ("riskwarn.monitoring", "check_all"),
    "beside": ("riskwarn.pipeline", "_beside"),
    "matured": ("riskwarn.pipeline", "matured_of"),
    "publish": ("riskwarn.store", "Store.publish"),
    "seal": ("riskwarn.register", "seal_missing"),
}
"""Step, and where the function stands that does it."""


def experiment(name, days, until=None):
    """The question over a panel of four-weekly dates: enough to train a model that costs what a real one costs; the last ten weeks are left to nights."""
    from riskwarn.experiment import Experiment

    asked = Experiment.load(ROOT / "experiments" / f"{name}.toml")
    asked = asked if days is None else asked.over(days)
    last = dt.date(2025, 9, 1) if until is None else min(dt.date(2025, 9, 1), until.date() - dt.timedelta(days=70))
    first = min(dt.date(2024, 6, 3), last - dt.timedelta(days=200))
    dates = dataclasses.replace(asked.dates, first=first, last=last, every_days=28)
    return dataclasses.replace(asked, dates=dates)


def prepare(store):
    """Train and keep the models that are not there yet."""
    from riskwarn import tracking
    from riskwarn.history import History
    from riskwarn.model import RiskModel
    from riskwarn.panel import build_panel

    history = None
    for name, days, _ in ASKED:
        asked = experiment(name, days, store.known_until())
        if asked.label.name not in tracking.kept_targets(store.path):
            history = history or History.load(store)
            tracking.keep(RiskModel.of(asked).fit(build_panel(history, asked)), store.path, alias="champion")


def planned(target):
    """The plan of all questions, or of one."""
    from riskwarn.plan import Plan, Question

    names = [(experiment(name, days).label.name, lane) for name, days, lane in ASKED]
    return Plan.of_one(target) if target else Plan(tuple(Question(name, lane) for name, lane in names))


def timed(spent, peaks, step, function):
    """A function that adds its processor time to a step, less that of steps within it, and notes the peak memory while it ran."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        started, before = time.process_time(), sum(spent.values())
        seen = peak_gb(anew=True)
        try:
            return function(*args, **kwargs)
        finally:
            spent[step] = spent.get(step, 0.0) + time.process_time() - started - (sum(spent.values()) - before)
            peaks[step] = max(peaks.get(step, 0.0), peak_gb(anew=True))
            peaks["night"] = max(peaks.get("night", 0.0), seen, peaks[step])

    return call


def peak_gb(*, anew=False):
    """The most memory this process held since it was asked anew, GB; of its whole life where the system cannot begin anew."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
        peak = next(int(line.split()[1]) / 2**20 for line in lines if line.startswith("VmHWM"))
        if anew:
            Path("/proc/self/clear_refs").write_text("5", "ascii")
    except (OSError, StopIteration):
        pass
    return peak


def watch(spent, peaks):
    """Put a clock and a gauge on every step."""
    import importlib

    for step, (module, name) in STEPS.items():
        holder = importlib.import_module(module)
        *parents, last = name.split(".")
        for parent in parents:
            holder = getattr(holder, parent)
        kind = staticmethod if parents == ["History"] else (lambda f: f)
        setattr(holder, last, kind(timed(spent, peaks, step, getattr(holder, last))))


def night(path, target, as_of):
    """One night in this process: what it cost."""
    from riskwarn.pipeline import nightly
    from riskwarn.store import Store

    spent, peaks = {}, {}
    watch(spent, peaks)
    began = time.perf_counter()
    done = nightly(Store(path), plan=planned(target), as_of=as_of)
    return {
        "night": as_of,
        "questions": len(done.facts["questions"]),
        "grids": int(done.scores["grid_id"].nunique()),
        "alerts": len(done.alerts),
        "done_before": done.done_before,
        "steps_s": {step: round(seconds, 2) for step, seconds in spent.items()},
        "steps_gb": {step: round(peaks[step], 2) for step in spent},
        "cpu_s": round(time.process_time(), 1),
        "wall_s": round(time.perf_counter() - began, 1),
        "peak_gb": round(max(peaks["night"], peak_gb()), 2),
        "load1": round(os.getloadavg()[0], 1),
    }


def plain(path, as_of):
    """A plain pandas night of one question: dispute calls of 4, 15 and 52 weeks a grid, ranked; no reasons, gaps, monitors or known times."""
    began, spent = time.perf_counter(), time.process_time()
    events = pd.concat(pd.read_parquet(file) for file in sorted(Path(path).glob("tables/events/*/*.parquet")))
    at = pd.Timestamp(as_of, tz="Asia/Shanghai")
    known = events[(events["known_at"] < at) & ~events["retracted"]].sort_values("known_at")
    held = known.drop_duplicates(["source", "event_id"], keep="last")
    calls = held[(held["source"] == "police_call") & (held["category"] == "P04")]
    weeks = [(calls["occurred_at"] >= at - pd.Timedelta(weeks=n)).groupby(calls["grid_id"]).sum() for n in (4, 15, 52)]
    ranked = pd.concat(weeks, axis=1).sum(axis=1).sort_values(ascending=False)
    return {
        "night": as_of,
        "plain_pandas": len(ranked),
        "cpu_s": round(time.process_time() - spent, 1),
        "wall_s": round(time.perf_counter() - began, 1),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "load1": round(os.getloadavg()[0], 1),
    }


def main():
    """Simulate and train where asked, then run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("--simulate", metavar="PRESET")
    parser.add_argument("--target", default="")
    parser.add_argument("--night", metavar="DATE", help="run one night in this process")
    parser.add_argument("--plain", metavar="DATE", help="run the plain night in this process")
    asked = parser.parse_args()
    if asked.night or asked.plain:
        found = plain(asked.store, asked.plain) if asked.plain else night(asked.store, asked.target, asked.night)
        print(json.dumps(found), flush=True)
        return
    from riskwarn.simulation import city
    from riskwarn.store import Store

    if asked.simulate and not Path(asked.store).exists():
        city(asked.simulate).write(asked.store, truth=False)
    store = Store(asked.store)
    prepare(store)
    last = store.known_until().normalize()
    dates = [str((last - pd.Timedelta(days=back)).date()) for back in (1, 0)]
    own = [sys.executable, __file__, asked.store, "--target", asked.target]
    for line in (["--plain", dates[0]], *(["--night", date] for date in (*dates, dates[1]))):
        subprocess.run([*own, *line], check=True)


if __name__ == "__main__":
    main()
