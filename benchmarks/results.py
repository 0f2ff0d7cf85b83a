"""Ask every question of experiments/ on the data that can carry it, and write what came out.

    python benchmarks/results.py [--shared DIR] [NAME …]

Writes experiments/results/NAME.csv (every model, metric and test date), NAME.json (table and differences) and docs/results.md from all of
them. Boston and the synthetic city need nothing; the others read the public data sets in DIR and are left as they are when it is absent.
"""

import argparse
import dataclasses
import json
import os
import tempfile
import time
from pathlib import Path

import scored

from riskwarn.backtesting import Report, backtest
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
    "sweden": (
        "Europe/Stockholm",
        [
            ("sweden_municipalities", "sweden_police/municipalities.csv"),
            ("sweden_police", "sweden_police/events.parquet"),
        ],
    ),
}
QUESTIONS = {
    "weekly": "boston",
    "weekly_baselines": "boston",
    "philadelphia_disputes": "philadelphia",
    "philadelphia_violence": "philadelphia",
    "philadelphia_burglary": "philadelphia",
    "nyc_assault": "nyc",
    "sweden_assault": "sweden",
    "town_calls": "town",
}
SHOWN = ["capture_5", "capture_10", "pei_5", "brier", "poisson_deviance", "calibration_error"]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("names", nargs="*", default=[*QUESTIONS, *scored.ANSWERS])
    arguments.add_argument(
        "--shared", type=Path, default=Path(os.environ.get("RISKWARN_SHARED", ROOT.parent / "shared")) / "data"
    )
    given = arguments.parse_args()
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in [n for n in given.names if n in scored.ANSWERS]:
            scored.answer(name, given.shared, RESULTS)
        for name in [n for n in given.names if n not in scored.ANSWERS]:
            store = open_store(QUESTIONS[name], Path(folder), given.shared)
            if store is not None:
                answer(name, store)
    (ROOT / "docs" / "results.md").write_text(page(), "utf-8")


def open_store(place: str, folder: Path, shared: Path) -> Store | None:
    path = folder / place
    if path.exists():
        return Store(path)
    if place == "boston":
        return boston(path)
    if place == "town":
        return city("small", seed=7).write(path)
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
    experiment = Experiment.load(ROOT / "experiments" / f"{name}.toml")
    panel = build_panel(store, experiment)
    report = backtest(experiment, panel)
    print(report)
    report.frame.to_csv(RESULTS / f"{name}.csv", index=False, float_format="%.6f")
    (RESULTS / f"{name}.json").write_text(
        json.dumps(facts(report, panel, time.process_time() - started), indent=1), "utf-8"
    )


def facts(report: Report, panel, seconds: float) -> dict:
    dates = report.frame["as_of"].drop_duplicates()
    return {
        "question": report.experiment.question,
        "grids": int(panel["grid_id"].nunique()),
        "rows": len(panel),
        "test_dates": len(dates),
        "first": f"{dates.min():%Y-%m-%d}",
        "last": f"{dates.max():%Y-%m-%d}",
        "events_a_date": float(report.frame.drop_duplicates("as_of")["n_events"].mean()),
        "table": report.table.round(4).to_dict("index"),
        "differences": report.differences(["capture_5", "capture_10", "brier"]).round(4).to_dict("records"),
        "cpu_s": round(seconds, 1),
    }


def page() -> str:
    found = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(RESULTS.glob("*.json"))}
    parts = [HEAD]
    for name in [n for n in QUESTIONS if n in found]:
        parts.append(section(name, found[name]))
    for name in [n for n in scored.ANSWERS if n in found]:
        parts += scored.section(found[name], scored.FINDINGS.get(name, ""))
    return "\n".join(parts)


def section(name: str, one: dict) -> str:
    rows = ["| model | " + " | ".join(SHOWN) + " |", "| --- |" + " --- |" * len(SHOWN)]
    rows += [
        f"| {model} | " + " | ".join(f"{values[m]:.4f}" for m in SHOWN) + " |" for model, values in one["table"].items()
    ]
    lines = [
        f"| {d['metric']} | {d['difference']:+.4f} | {d['lower']:+.4f} to {d['upper']:+.4f} | {'yes' if d['clear'] else 'no'} | {d['rival']} |"
        for d in one["differences"]
        if d["model"] == "riskwarn"
    ]
    head = f"{one['grids']} grids, {one['test_dates']} test dates from {one['first']} to {one['last']}, {one['events_a_date']:.0f} events in the horizon of a date on average."
    return "\n".join(
        [
            f"## {one['question']}",
            "",
            f"`experiments/{name}.toml`. {head}",
            "",
            *rows,
            "",
            "| riskwarn against the best baseline | difference | 95 % interval | clear of zero | rival |",
            "| --- | --- | --- | --- | --- |",
            *lines,
            "",
        ]
    )


HEAD = """# Measured results

Written by `python benchmarks/results.py`; the figures of every test date are in `experiments/results/`.

Every table has the product's model, a Poisson regression of the same features, and [baselines](baselines.md): the label's own counts over
the last weeks and the rules the experiment names. All are calibrated on the past and judged on dates none of them has seen. Captures are
shares of all events; a difference is positive where the model is better than the best baseline, which is picked by these very dates;
intervals come from resampling blocks of four dates, and where test dates overlap they are rather too narrow.
"""

if __name__ == "__main__":
    main()
