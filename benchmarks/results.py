"""Ask every question of experiments/ on the data that can carry it, and write what came out.

    python benchmarks/results.py [--shared DIR] [--again] [NAME …]

Writes experiments/results/NAME.csv (every model, metric and test date), NAME.json (table, differences, levels), and from all of them
docs/results.md and the tables of docs/models.md. Boston and the synthetic city need nothing; the others read the public data sets in DIR and are left as they are when it is absent.
"""

import argparse
import dataclasses
import json
import os
import re
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import scored

from riskwarn import metrics
from riskwarn.backtesting import Report, backtest, folds_of
from riskwarn.baseline import PriorCount, Rule
from riskwarn.example import boston
from riskwarn.experiment import Experiment
from riskwarn.ingest import ingest, load_mapping
from riskwarn.ingest.mapping import Mapping, PlaceRule
from riskwarn.panel import build_panel
from riskwarn.simulation import city
from riskwarn.store import Store

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "experiments" / "results"
MAPPINGS = ROOT / "examples" / "mappings"
PUBLIC = {
    "philadelphia": (
        "America/New_York",
        [
            ("philadelphia_tracts", "philadelphia/tracts_2020.geojson"),
            ("philadelphia", "philadelphia/police_incidents.parquet"),
        ],
    ),
    "philadelphia_cells": (
        "America/New_York",
        [
            ("philadelphia_cells", "philadelphia/tracts_2020.geojson"),
            ("philadelphia", "philadelphia/police_incidents.parquet"),
        ],
    ),
    "nyc": (
        "America/New_York",
        [("nyc_zones", "nyc_grid/zones.geojson"), ("nyc_grid", "nyc_grid/felony_complaints.parquet")],
    ),
    "portland": (
        "America/Los_Angeles",
        [
            ("portland_districts", "portland_nij/police_districts.geojson"),
            ("portland_burglary_vehicle_theft", "portland_nij/burglary_vehicle_theft_calls.parquet"),
        ],
    ),
    "sweden": (
        "Europe/Stockholm",
        [
            ("sweden_municipalities", "sweden_police/municipalities.csv"),
            ("sweden_police", "sweden_police/events.parquet"),
        ],
    ),
}
JUDGED_COUNTS = ("capture_5", "capture_10", "brier")
JUDGED_EVENTS = ("average_precision", "roc_auc", "capture_10", "brier")
SIMULATED = {"town": "small", "city": "city"}
"""Presets of the synthetic cities."""
QUESTIONS = {
    "weekly": "boston",
    "weekly_baselines": "boston",
    "philadelphia_disputes": "philadelphia",
    "philadelphia_violence": "philadelphia",
    "philadelphia_burglary": "philadelphia",
    "philadelphia_vehicle_theft": "philadelphia",
    "philadelphia_arson": "philadelphia",
    "portland_vehicle_theft": "portland",
    "nyc_assault": "nyc",
    "sweden_assault": "sweden",
    "town_calls": "town",
    "philadelphia_disputes_emergence": "philadelphia",
    "philadelphia_violence_emergence": "philadelphia",
    "philadelphia_burglary_emergence": "philadelphia",
    "philadelphia_theft_emergence": "philadelphia",
    "philadelphia_cells_disputes_emergence": "philadelphia_cells",
    "philadelphia_cells_violence_emergence": "philadelphia_cells",
    "philadelphia_cells_burglary_emergence": "philadelphia_cells",
    "philadelphia_cells_theft_emergence": "philadelphia_cells",
    "nyc_assault_emergence": "nyc",
    "nyc_robbery_emergence": "nyc",
    "boston_emergence": "boston",
    "town_emergence": "town",
    "city_emergence": "city",
    "philadelphia_first_burglary": "philadelphia",
    "town_first": "town",
    "town_escalation": "town",
    "town_violence": "town",
}
"""Each question and the data that carry it; `philadelphia_cells_X` asks question `philadelphia_X` of cells of 400 m, every second week."""
LISTS = """## Lists, not scores

`python benchmarks/lists.py` replays the nights of the test dates with models that knew only what was known then, each night knowing the lists before it
(`rw.backtest_plan`). Nights are weekly, 40 grids are listed, and no rule raises an alert, so all lists are of one length.
`unseen_28`: lines a reader has not seen for 28 days. `hit`: lines with an event in the horizon. `capture`: share of all events. `rise`: lines whose grid left its own normal; `rises_caught`: share of all that did.
`lead_days`: from the first night of a line to the first event after it, where one came; where few lines hit, the first event is late of itself, so read lead beside `hit`.

The list in lanes has more new lines and catches more rises than either plain list, and pays for it in hits and captured events, everywhere against the model's plain list
and but for Philadelphia against the count's: a rising, first or explored grid is often a quiet one.
More lead at equal hits is what a list in lanes was meant to bring. It does not bring it in Boston and the town. In Boston 83 % of its lines hit, of the plain lists 94 and 97 %, and its lead of 6.0 days
lies between theirs (6.5 of the count, 5.2 of the model); in the town 64 % hit against 83 and 86 %, with 8.0 days between 8.9 and 7.5.
In Philadelphia it hits as often as the count's list (49.1 and 49.0 %) and leads 0.4 days longer (9.0 and 8.6), which no interval was asked of and may be chance; the model's list hits 54 %, with 7.4 days.
What it does bring are new lines (unseen in Boston 18 % against 8 and 13, in Philadelphia 15 % against 6 and 9, in the town 27 % against 8 and 15)
and rises caught (6.2 % against 3.6 and 5.3, 8.3 % against 3.3 and 5.6, 4.4 % against 1.6 and 2.8).
Where only the number of events counts, the plain list of the model is the better one; set `rising`, `first`, `escalating` and `explore` to 0 then."""
LISTED = {
    "Boston": "Boston 2015, 926 cells, 20 nights: disputes (`standing`) and their emergence (`rising`) in the next 28 days.",
    "Philadelphia": "Philadelphia by cells of 400 m, 2,426 of them, 48 nights of 2022, models trained from 2021 on: burglaries of homes in the next 28 days (`standing`), their emergence (`rising`) and a first one after half a year (`first`).",
    "synthetic town": "The synthetic town (preset `small`), 1,918 grids, 20 nights: dispute calls of the next 28 days (`standing`), their emergence (`rising`), a first one after half a year (`first`) "
    "and one after disputes in the ledger alone (`escalating`).",
}
"""What is asked of each city of `benchmarks/lists.py`."""
SHOWN = ["capture_5", "capture_10", "pei_5", "brier", "poisson_deviance", "calibration_error"]
SHOWN_OF_EVENTS = ["average_precision", "roc_auc", "capture_5", "capture_10", "brier", "calibration_error"]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("names", nargs="*", default=[*QUESTIONS, *scored.ANSWERS])
    arguments.add_argument(
        "--shared", type=Path, default=Path(os.environ.get("RISKWARN_SHARED", ROOT.parent / "shared")) / "data"
    )
    arguments.add_argument(
        "--again", action="store_true", help="judge the stored figures of the dates anew, asking nothing"
    )
    given = arguments.parse_args()
    RESULTS.mkdir(exist_ok=True)
    if given.again:
        for name in [n for n in given.names if (RESULTS / f"{n}.csv").exists()]:
            again(name)
        given.names = []
    with tempfile.TemporaryDirectory() as folder:
        for name in [n for n in given.names if n in scored.ANSWERS]:
            scored.answer(name, given.shared, RESULTS)
        for name in [n for n in given.names if n not in scored.ANSWERS]:
            store = open_store(QUESTIONS[name], Path(folder), given.shared)
            if store is not None:
                answer(name, store)
    found = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(RESULTS.glob("*.json"))}
    (ROOT / "docs" / "results.md").write_text(page(found), "utf-8")
    fill(ROOT / "docs" / "models.md", {"levels": levels(found), "captures": captures(found)})


def open_store(place: str, folder: Path, shared: Path) -> Store | None:
    path = folder / place
    if path.exists():
        return Store(path)
    if place == "boston":
        return boston(path)
    if place in SIMULATED:
        return city(SIMULATED[place], seed=7).write(path)
    zone, deliveries = PUBLIC[place]
    if not all((shared / file).exists() for _, file in deliveries):
        print(f"{place}: the data are not in {shared}; its results stay as they are")
        return None
    store = Store(path, timezone=zone)
    for mapping, file in deliveries:
        print(ingest(store, [shared / file], mapping_of(place, mapping), progress=False))
    return store


def mapping_of(place: str, name: str) -> Mapping:
    """The mapping of that name; by cells the incidents of Philadelphia lie where their points do, not in the tract of the file."""
    mapping = load_mapping(MAPPINGS / f"{name}.toml")
    if (place, name) != ("philadelphia_cells", "philadelphia"):
        return mapping
    columns = {k: v for k, v in mapping.columns.items() if k != "grid_id"} | {"lon": ("lon",), "lat": ("lat",)}
    ignore = tuple(sorted({*mapping.ignore, "tract_2020"} - {"lon", "lat"}))
    return dataclasses.replace(mapping, columns=columns, ignore=ignore, place=PlaceRule(crs="EPSG:4326"))


def answer(name: str, store: Store) -> None:
    started = time.process_time()
    experiment = Experiment.load(ROOT / "experiments" / f"{name.replace('philadelphia_cells', 'philadelphia')}.toml")
    if "_cells_" in name:
        every_second = dataclasses.replace(experiment.dates, every_days=14)
        folds = dataclasses.replace(experiment.folds, test_dates=8, min_train_dates=26)
        experiment = dataclasses.replace(experiment, dates=every_second, folds=folds)
    panel = build_panel(store, experiment)
    report = backtest(experiment, panel)
    print(report)
    shown = report.frame if experiment.label.is_count else of_the_best(report)
    shown.to_csv(RESULTS / f"{name}.csv", index=False, float_format="%.6f")
    (RESULTS / f"{name}.json").write_text(
        json.dumps(facts(report, panel, time.process_time() - started), indent=1), "utf-8"
    )


def of_the_best(report: Report) -> pd.DataFrame:
    """The figures of the models and of the best rival of each metric: with two dozen rules the rest would fill megabytes."""
    rivals = {report.differences([m])["rival"].iloc[0] for m in JUDGED_EVENTS}
    return report.frame[report.frame["model"].isin(["riskwarn", "poisson regression", *rivals])]


def again(name: str) -> None:
    """Judge the stored dates of a question anew: differences whose rival's dates are not stored are left out until it is asked again."""
    target = RESULTS / f"{name}.json"
    kept, frame = json.loads(target.read_text("utf-8")), pd.read_csv(RESULTS / f"{name}.csv")
    frame["as_of"] = pd.to_datetime(frame["as_of"], utc=True)
    experiment = Experiment.load(ROOT / "experiments" / f"{name.replace('philadelphia_cells', 'philadelphia')}.toml")
    table = Report(frame, pd.DataFrame(), experiment, ())
    stored = frame.groupby("metric")["model"].unique()
    judged = [
        table.difference(d["metric"], d["model"], d["rival"])
        for d in kept["differences"]
        if {d["model"], d["rival"]} <= set(stored[d["metric"]])
    ]
    kept["differences"] = pd.DataFrame(judged).round(4).to_dict("records")
    target.write_text(json.dumps(kept, indent=1), "utf-8")


def chosen_rule(report: Report, panel: pd.DataFrame) -> dict:
    """What the rule would have reached that one would have chosen: of each fold the one best on the dates the fold learns from."""
    rows = panel[panel["y"].notna()]
    rules = {r.name: r for r in report.experiment.rivals if isinstance(r, Rule | PriorCount)}
    own = report.frame[report.frame["metric"] == "average_precision"].pivot_table(
        index="as_of", columns="model", values="value"
    )
    picked, reached = [], []
    for fold in folds_of(report.experiment, rows):
        train = rows[rows["as_of"].isin(fold.train_dates)]
        past = {name: past_precision(train, rule) for name, rule in rules.items()}
        picked.append(max(past, key=lambda name: past[name]))
        reached.append(own.loc[own.index.isin(fold.test_dates), picked[-1]])
    return {"average_precision": float(pd.concat(reached).mean()), "rules": picked}


def past_precision(train: pd.DataFrame, rule: Rule | PriorCount) -> float:
    """Mean over the dates of a rule's average precision; a grid without a value ranks as the middle one, as in the rule's forecast."""
    number = rule._score(train) if isinstance(rule, Rule) else train[rule.needs[0].name].to_numpy(dtype=float)  # noqa: SLF001
    middle = float(np.nanmedian(number)) if np.isfinite(number).any() else 0.0
    ranked = train[["as_of", "y"]].assign(number=np.nan_to_num(number, nan=middle))
    dates = (date for _, date in ranked.groupby("as_of") if date["y"].min() < date["y"].max())
    return float(
        np.mean([metrics.average_precision(date["y"].to_numpy(), date["number"].to_numpy()) for date in dates])
    )


def facts(report: Report, panel, seconds: float) -> dict:
    dates = report.frame["as_of"].drop_duplicates()
    counted = report.experiment.label.is_count
    judged = JUDGED_COUNTS if counted else JUDGED_EVENTS
    tested = panel[panel["as_of"].isin(dates) & panel["y"].notna()]
    return {
        "question": report.experiment.question,
        "grids": int(panel["grid_id"].nunique()),
        "rows": len(panel),
        "test_dates": len(dates),
        "first": f"{dates.min():%Y-%m-%d}",
        "last": f"{dates.max():%Y-%m-%d}",
        "kind": report.experiment.label.kind,
        "judged_a_date": len(tested) / len(dates),
        "events_a_date": float(report.frame.drop_duplicates("as_of")["n_events"].mean()),
        "table": report.table.round(4).to_dict("index"),
        "differences": report.differences(judged).round(4).to_dict("records"),
        "levels": report.bands().round(4).reset_index(names="level").to_dict("records"),
        **({} if counted else {"chosen_rule": chosen_rule(report, panel)}),
        "cpu_s": round(seconds, 1),
    }


def fill(path: Path, tables: dict) -> None:
    """Write each table between its marks."""
    text = path.read_text("utf-8")
    for name, table in tables.items():
        marked = rf"(<!-- measured: {name} -->\n).*?(<!-- end -->)"
        text = re.sub(marked, lambda m, t=table: f"{m[1]}{t}\n{m[2]}", text, flags=re.DOTALL)
    path.write_text(text, "utf-8")


def of_counts(found: dict) -> dict:
    """Questions of counts, each once."""
    return {n: found[n] for n in QUESTIONS if n in found and found[n]["kind"] == "count" and n != "weekly_baselines"}


def levels(found: dict) -> str:
    """What was told and what came at each level of the list; levels of fewer than 20 rows are left out."""
    rows = [
        f"| {name} | {r['level']} | {r['n']:,} | {r['probability']:.3f} | {r['frequency']:.3f} | {r['gap']:+.3f} | {r['coverage']:.3f} |"
        for name, one in of_counts(found).items()
        for r in one["levels"]
        if r["n"] >= 20
    ]
    head = ["| question | level | rows | told | came | gap | coverage of 90 % |", "| --- |" + " --- |" * 6]
    return "\n".join(head + rows)


def captures(found: dict) -> str:
    """The model beside the best prior count and the best of all baselines the question names."""
    rows = []
    for name, one in of_counts(found).items():
        cells = []
        for metric in ("capture_5", "capture_10"):
            prior = max(v[metric] for m, v in one["table"].items() if m.startswith("prior count"))
            d = next(d for d in one["differences"] if (d["model"], d["metric"]) == ("riskwarn", metric))
            best = one["table"][d["rival"]][metric]
            against = f"{best:.4f} ({d['rival']}), {d['difference']:+z.4f} [{d['lower']:+z.4f}, {d['upper']:+z.4f}]"
            cells += [f"{one['table']['riskwarn'][metric]:.4f}", f"{prior:.4f}", against]
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    head = "| question | capture_5 | best prior count | best of all baselines | capture_10 | best prior count | best of all baselines |"
    return "\n".join([head, "| --- |" + " --- |" * 6, *rows])


def page(found: dict) -> str:
    parts = [HEAD]
    parts.append(emergence(found))
    for name in [n for n in QUESTIONS if n in found]:
        parts.append(section(name, found[name]))
    for name in [n for n in scored.ANSWERS if n in found]:
        parts += scored.section(found[name], scored.FINDINGS.get(name, ""))
    return "\n".join([*parts, lists(), scored.LEFT_OUT])


def lists() -> str:
    """What `benchmarks/lists.py` found of lists in lanes beside plain ones."""
    tables = dict(iter(pd.read_csv(RESULTS / "lists.csv").groupby("city")))
    lines = [LISTS, ""]
    for name, asked in LISTED.items():
        lines += [asked, "", *list_rows(tables[name]), ""] if name in tables else [f"{asked} Not measured yet.", ""]
    return "\n".join(lines)


def list_rows(table: pd.DataFrame) -> list[str]:
    """The lists of one city as rows of Markdown."""
    names = ["entries_a_night", "unseen_28", "hit", "capture", "rise", "rises_caught", "lead_days"]
    rows = [f"| {r['list']} | " + " | ".join(f"{r[n]:.3f}" for n in names) + " |" for r in table.to_dict("records")]
    return ["| list | " + " | ".join(names) + " |", "| --- |" + " --- |" * len(names), *rows]


def section(name: str, one: dict) -> str:
    counted = one.get("kind", "count") == "count"
    shown = SHOWN if counted else SHOWN_OF_EVENTS
    table = one["table"] if counted else best_first(one["table"])
    rows = ["| model | " + " | ".join(shown) + " |", "| --- |" + " --- |" * len(shown)]
    rows += [f"| {model} | " + " | ".join(f"{values[m]:.4f}" for m in shown) + " |" for model, values in table.items()]
    lines = [
        f"| {d['metric']} | {d['difference']:+z.4f} | {d['lower']:+z.4f} to {d['upper']:+z.4f} | {d['verdict']} | {d['rival']} |"
        for d in one["differences"]
        if d["model"] == "riskwarn"
    ]
    what = (
        f"{one['events_a_date']:.0f} events in the horizon of a date on average"
        if counted
        else f"of {one['judged_a_date']:.0f} grids judged a date {one['events_a_date']:.1f} had the event, {one['events_a_date'] / one['judged_a_date']:.3f} of them"
    )
    head = f"{one['grids']} grids, {one['test_dates']} test dates from {one['first']} to {one['last']}, {what}."
    against = "the best baseline"
    return "\n".join(
        [
            f"## {one['question']}",
            "",
            f"`experiments/{name.replace('philadelphia_cells', 'philadelphia')}.toml`{', in cells of 400 m' if '_cells_' in name else ''}. {head}",
            "",
            *rows,
            "",
            f"| riskwarn against {against} | difference | 95 % interval | verdict | rival |",
            "| --- | --- | --- | --- | --- |",
            *lines,
            "",
        ]
    )


def best_first(table: dict) -> dict:
    """The models, and the rules and counts from the best average precision on."""
    models = [m for m in table if not m.startswith(("rule ", "prior count"))]
    rivals = sorted((m for m in table if m not in models), key=lambda m: -table[m]["average_precision"])
    return {m: table[m] for m in (*models, *rivals)}


def emergence(found: dict) -> str:
    """Every outcome that is no count in one table: how many times the best rule the model is."""
    rows, times, clear, below, ahead = [], [], [], [], []
    for name in [n for n in QUESTIONS if n in found and found[n].get("kind", "count") != "count"]:
        one = found[name]
        d = next(d for d in one["differences"] if d["model"] == "riskwarn" and d["metric"] == "average_precision")
        own, rival = one["table"]["riskwarn"]["average_precision"], one["table"][d["rival"]]["average_precision"]
        line = one["table"]["poisson regression"]["average_precision"]
        chance = one["events_a_date"] / one["judged_a_date"]
        interval = f"{d['lower']:+z.4f} to {d['upper']:+z.4f}"
        times.append(own / rival)
        honest = one["chosen_rule"]["average_precision"]
        ahead.append(own / honest)
        clear += [name] if d["clear"] else []
        below += [name] if own < rival else []
        rows.append(
            f"| {name} | {chance:.3f} | {own:.3f} | {line:.3f} | {rival:.3f} | {own / rival:.2f} | {honest:.3f} | {own / honest:.2f} | {interval} | {d['verdict']} | {d['rival']} |"
        )
    head = "| question | share of events | riskwarn | poisson regression | best rule | times it | rule chosen on the past | times it | difference, 95 % | verdict | which rule |"
    if not rows:
        return ""
    absent = [n for n in QUESTIONS if n not in found]
    missing = f" Not measured yet: {', '.join(absent)}." if absent else ""
    which = f" ({', '.join(below)})" if below else ""
    told = (
        f"The model has {sum(times) / len(times):.2f} times the average precision of the best rule on average, clearly more on {len(clear)} of "
        f"{len(rows)}, less on {len(below)}{which}; and {sum(ahead) / len(ahead):.2f} times that of the rule chosen on the past, less on "
        f"{sum(a < 1 for a in ahead)}.{missing}"
    )
    return "\n".join([EMERGENCE, told, "", head, "| --- |" + " --- |" * 10, *rows, ""])


HEAD = """# Measured results

Written by `python benchmarks/results.py`; the figures of every test date are in `experiments/results/`.

Every table has the product's model, a Poisson regression of the same features, and [baselines](baselines.md): the label's own counts over
the last weeks and the rules the experiment names. All are calibrated on the past and judged on dates none of them has seen. Captures are
shares of all events; a difference is positive where the model is better than the best baseline, which is picked by these very dates;
intervals know how the windows of the test dates overlap ([how sure is clear](backtesting.md#how-sure-is-clear)). Differences without a line here
await the next asking: the rival's dates were not stored.
"""

EMERGENCE = """## Emergences, first events and escalations in one table

Average precision of the ranking of each test date, the mean over dates; a blind list has the share of events. The rule is the best of two
dozen rules of thumb and prior counts ([baselines](baselines.md)), picked with hindsight on the test dates, which is the hardest rival there
can be; beside it the one that a careful analyst would have picked, the best on each fold's training dates. The model's settings for such outcomes were chosen on Philadelphia's 2021, but figures of its test dates had been seen by then
([decisions](decisions.md)): take the Philadelphia rows as the best case. Elsewhere the settings are as they came.
"""

if __name__ == "__main__":
    main()
