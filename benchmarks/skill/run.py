"""Our model beside what others would build, on the same labels, folds and dates.

    python benchmarks/skill/run.py --mlforecast PYTHON [--shared DIR] [NAME …]

PYTHON is a Python that has mlforecast, lightgbm and pyarrow (``pip install mlforecast lightgbm pyarrow``); without it that rival is left
out. Writes benchmarks/skill/results/NAME.json and docs/rivals.md from all of them.
"""

import argparse
import dataclasses
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))
from recipes import Learned, MlForecast, Timed, boosted, forest, histogram, own_counts, triage_features, weekly_series
from results import QUESTIONS, ROOT, open_store

from riskwarn import metrics
from riskwarn.backtesting import Report, backtest, shared_by
from riskwarn.baseline import PriorCount
from riskwarn.experiment import Experiment
from riskwarn.history import History
from riskwarn.model import RiskModel
from riskwarn.panel import build_panel
from riskwarn.store import Store

RESULTS = Path(__file__).parent / "results"
ASKED = [
    "weekly",
    "philadelphia_disputes",
    "philadelphia_violence",
    "philadelphia_burglary",
    "nyc_assault",
    "sweden_assault",
    "town_calls",
]
PLACES = {
    "weekly": "Boston, disputes",
    "philadelphia_disputes": "Philadelphia, dispute-like calls",
    "philadelphia_violence": "Philadelphia, violence",
    "philadelphia_burglary": "Philadelphia, burglary",
    "nyc_assault": "New York, assault",
    "sweden_assault": "Sweden, assault",
    "town_calls": "synthetic city, dispute calls",
}
PRIOR = "best prior count"
SHOWN = ["capture_5", "capture_10", "average_precision", "precision_5", "pai_5"]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("names", nargs="*", default=ASKED)
    arguments.add_argument("--mlforecast", default="", help="a Python that has mlforecast")
    arguments.add_argument(
        "--shared", type=Path, default=Path(os.environ.get("RISKWARN_SHARED", ROOT.parent / "shared")) / "data"
    )
    given = arguments.parse_args()
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in given.names:
            store = open_store(QUESTIONS[name], Path(folder), given.shared)
            if store is not None:
                found = compare(name, store, given.mlforecast)
                (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    (ROOT / "docs" / "rivals.md").write_text(page(), "utf-8")


def compare(name: str, store: Store, python: str) -> dict:
    """Every model on one question."""
    experiment = Experiment.load(ROOT / "experiments" / f"{name}.toml")
    history = History.load(store)
    panel, built = _built(history, experiment)
    recipe, recipe_built = _built(
        history, dataclasses.replace(experiment, declared=triage_features(history, experiment.label))
    )
    counts, counts_built = _built(
        history,
        dataclasses.replace(experiment, declared=tuple(set(own_counts(experiment.label)) - set(experiment.priors))),
    )
    # what baselines of the experiment read stands in its panel too, and is none of the recipe's
    columns = {
        "triage": [f.name for f in triage_features(history, experiment.label)],
        "counts": [f.name for f in own_counts(experiment.label)],
    }
    wide = panel.join(recipe[[c for c in recipe if c not in panel]]).join(counts[[c for c in counts if c not in panel]])
    models = [
        RiskModel.of(experiment),
        Learned("triage recipe, random forest", forest, columns["triage"]),
        Learned("triage recipe, LightGBM", boosted, columns["triage"]),
        Learned("scikit-learn, counts", histogram, columns["counts"]),
        *(PriorCount(w, experiment.label.streams) for w in experiment.baselines.weeks),
    ]
    if python:
        models.append(
            MlForecast(
                "mlforecast, LightGBM",
                weekly_series(history, experiment.label, pd.Timestamp(experiment.dates.index()[-1])),
                python,
                experiment.label,
            )
        )
    spent: dict[str, float] = {}
    report = backtest(experiment, wide, models=[Timed(m, spent) for m in models], progress=False)
    for model in spent:
        spent[model] += built if model == "riskwarn" else recipe_built if "triage" in model else counts_built
    return facts(name, report, spent)


def _built(history: History, experiment: Experiment) -> tuple[pd.DataFrame, float]:
    started = time.process_time()
    panel = build_panel(history, experiment)
    return panel, time.process_time() - started


def facts(name: str, report: Report, spent: dict[str, float]) -> dict:
    """What is printed of one question: means and, for each rival, the difference of ours to it."""
    wide = report.frame.pivot_table(index=["model", "as_of"], columns="metric", values="value")
    by_date = dict(list(wide.groupby(level=0)))
    more = _of_lists(report)
    priors = [m for m in report.table.index if m.startswith("prior count")]
    best = str(report.table.loc[priors, "capture_5"].idxmax())
    models = {}
    weight = report.frame.drop_duplicates("as_of").set_index("as_of")["n_events"].sort_index()
    for model in [m for m in report.table.index if m == best or m not in priors]:
        row = {m: float(report.table.loc[model, m]) for m in ("capture_5", "capture_10", "pai_5")}
        row |= {m: float(more.loc[model, m]) for m in ("average_precision", "precision_5")}
        row["cpu_s"] = round(spent[model], 1)
        if model != "riskwarn":
            for metric in ("capture_5", "capture_10"):
                ours, theirs = (by_date[m].droplevel(0)[metric].sort_index().to_numpy() for m in ("riskwarn", model))
                found = metrics.difference_interval(
                    ours,
                    theirs,
                    weight=weight.to_numpy(),
                    shared=shared_by(weight.index, report.experiment.label.days),
                )
                row[f"gain_{metric}"] = [float(found.estimate), float(found.low), float(found.high)]
        models[PRIOR if model == best else model] = row
    dates = report.frame["as_of"].drop_duplicates()
    return {
        "place": PLACES[name],
        "question": report.experiment.question,
        "test_dates": len(dates),
        "first": f"{dates.min():%Y-%m-%d}",
        "last": f"{dates.max():%Y-%m-%d}",
        "grids": int(report.predictions["grid_id"].nunique()),
        "best_prior": best,
        "models": models,
    }


def _of_lists(report: Report) -> pd.DataFrame:
    """Average precision and precision among the first 5 % of grids, of any event, means over dates on which there is something to tell."""
    rows = []
    for (model, _), date in report.predictions.groupby(["model", "as_of"], observed=True, sort=False):
        y, score = date["y"].to_numpy(dtype=float), date["score"].to_numpy(dtype=float)
        ap = metrics.average_precision(y, score, ties="mean") if 0 < (y > 0).sum() < len(y) else np.nan
        rows.append((model, ap, metrics.precision_at(y, score, share=0.05, ties="mean")))
    return pd.DataFrame(rows, columns=["model", "average_precision", "precision_5"]).groupby("model").mean()


def page() -> str:
    found = [json.loads((RESULTS / f"{n}.json").read_text("utf-8")) for n in ASKED if (RESULTS / f"{n}.json").exists()]
    absent = [PLACES[n] for n in ASKED if not (RESULTS / f"{n}.json").exists()]
    told = [f"Not measured yet: {'; '.join(absent)}.", ""] if absent else []
    return "\n".join([HEAD, *_summary(found), *told, *(line for one in found for line in _section(one))])


def _summary(found: list[dict]) -> list[str]:
    """Capture of 5 % of the grids in one table, and where ours is not clearly ahead in plain words."""
    names = [
        "riskwarn",
        *dict.fromkeys(m for one in found for m in one["models"] if m not in {"riskwarn", PRIOR}),
        PRIOR,
    ]
    lines = ["| capture of 5 % of the grids | " + " | ".join(names) + " |", "| --- |" + " --- |" * len(names)]
    for one in found:
        cells = [f"{one['models'][m]['capture_5']:.4f}" if m in one["models"] else "" for m in names]
        lines.append(f"| {one['place']} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "Clearly ahead, level or clearly behind, by the 95 % interval of the difference in capture of 5 %:",
        "",
    ]
    for rival in names[1:]:
        told = {"ahead": [], "level": [], "behind": []}
        for one in found:
            if rival in one["models"]:
                _, low, high = one["models"][rival]["gain_capture_5"]
                told["ahead" if low > 0 else "behind" if high < 0 else "level"].append(one["place"])
        parts = [f"{how} on {len(places)} ({'; '.join(places)})" for how, places in told.items() if places]
        lines.append(f"- against {rival}: {', '.join(parts)}.")
    return [*lines, ""]


def _section(one: dict) -> list[str]:
    head = ["model", *SHOWN, "ours above it, capture_5", "ours above it, capture_10", "CPU s"]
    lines = [
        f"## {one['place'][0].upper()}{one['place'][1:]}",
        "",
        f"{one['question']} {one['grids']} grids, {one['test_dates']} test dates from {one['first']} to {one['last']}; the best prior count is the {one['best_prior'].removeprefix('prior count ')} one.",
        "",
        "| " + " | ".join(head) + " |",
        "|" + " --- |" * len(head),
    ]
    for model, row in one["models"].items():
        gains = [_interval(row.get(f"gain_{m}")) for m in ("capture_5", "capture_10")]
        values = ["" if np.isnan(row[m]) else f"{row[m]:.4f}" for m in SHOWN]
        lines.append("| " + " | ".join([model, *values, *gains, f"{row['cpu_s']:.1f}"]) + " |")
    return [*lines, ""]


def _interval(gain: list[float] | None) -> str:
    return "" if gain is None else f"{gain[0]:+z.4f} ({gain[1]:+z.4f} to {gain[2]:+z.4f})"


HEAD = """# Beside other tools

Written by `python benchmarks/skill/run.py`; what each rival is and which choices favour whom stands in
`benchmarks/skill/README.md`.

Same events, same labels, same rolling-origin folds with the same gap, same dates. Captures are shares of all events; average precision and
precision are of any event in a grid; intervals come from resampling blocks of four dates, and where test dates overlap they are rather too
narrow. CPU seconds are those of features, training and forecasting together, on one thread, all folds.
"""

if __name__ == "__main__":
    main()
