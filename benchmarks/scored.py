"""Questions that need more than the common table: other measures, other rivals, or spans of time told apart.

Run by ``python benchmarks/results.py NAME``. Each answer is a few tables of plain numbers, kept in experiments/results/NAME.json.
"""

import dataclasses
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import overdue
import pandas as pd
import portland
from plain import table

from riskwarn import leakage, metrics
from riskwarn.backtesting import Report, backtest, contenders_of, folds_of, shared_by
from riskwarn.baseline import Linear, settled
from riskwarn.experiment import Experiment
from riskwarn.ingest import ingest, load_mapping
from riskwarn.panel import build_panel
from riskwarn.store import Store

ROOT = Path(__file__).parent.parent
MAPPINGS = ROOT / "examples" / "mappings"


def experiment_of(name: str) -> Experiment:
    return Experiment.load(ROOT / "experiments" / f"{name}.toml")


def brought_in(folder: Path, timezone: str, parts: list) -> Store:
    """A store of some tables, each a mapping (or its name) and the frame or file it reads."""
    store = Store(folder / "store", timezone=timezone)
    for n, (mapping, given) in enumerate(parts):
        file = given
        if isinstance(given, pd.DataFrame):
            geographic = hasattr(given, "to_file")
            file = folder / f"{n}.{'geojson' if geographic else 'parquet'}"
            given.to_file(file) if geographic else given.to_parquet(file, index=False)
        read = load_mapping(MAPPINGS / f"{mapping}.toml") if isinstance(mapping, str) else mapping
        print(ingest(store, [file], read, progress=False))
    return store


# --- evictions: Dallas County, months, before, during and after the moratorium

DALLAS = "48113"
SPANS = {
    "before the moratorium": ("2019-05", "2020-03"),
    "moratorium": ("2020-04", "2021-08"),
    "after it": ("2021-09", "2022-10"),
}


def evictions(shared: Path, folder: Path) -> dict:
    """Captures of every model in three spans of months."""
    import geopandas as gpd

    tracts = gpd.read_file(shared / "north_texas_evictions" / "tracts.geojson")
    rows = pd.read_parquet(shared / "north_texas_evictions" / "filings_tract_month.parquet")
    # known when the 27th of their month is over: all of a month, and nothing of the next, is known 28 days of 24 hours after the first,
    # also where the clocks went back meanwhile
    monthly = dataclasses.replace(load_mapping(MAPPINGS / "north_texas_evictions.toml"), known_delay_days=26)
    store = brought_in(
        folder,
        "America/Chicago",
        [
            ("north_texas_tracts", tracts[tracts["tract"].str.startswith(DALLAS)]),
            (monthly, rows[rows["county_fips"].astype(str) == DALLAS]),
        ],
    )
    experiment = experiment_of("north_texas_evictions")
    report = backtest(experiment, build_panel(store, experiment), progress=False)
    month = report.frame["as_of"].dt.strftime("%Y-%m")
    parts = {name: report.frame[(month >= first) & (month <= last)] for name, (first, last) in SPANS.items()}
    reference = report.frame[month >= "2022-01"]
    tables = [_span(name, report, frame) for name, frame in parts.items()]
    told = dataclasses.replace(report, frame=reference, predictions=_predictions(report, reference)).table["capture_10"]
    return {
        "about": f"`experiments/north_texas_evictions.toml`. {experiment.folds.n_folds * experiment.folds.test_dates} months, each forecast from those before it.",
        "tables": tables,
        "check": f"Over the {reference['as_of'].nunique()} months of 2022 that are settled by the delay of the records the prior counts capture "
        + ", ".join(f"{told[f'prior count {w} weeks']:.4f}" for w in experiment.baselines.weeks)
        + " of the filings in a tenth of the tracts; the reference table beside the data, of ten months, has 0.3309, 0.3686, 0.3752, 0.3744.",
    }


def _predictions(report: Report, frame: pd.DataFrame) -> pd.DataFrame:
    return report.predictions[report.predictions["as_of"].isin(frame["as_of"].unique())]


def _span(name: str, report: Report, frame: pd.DataFrame) -> dict:
    part = dataclasses.replace(report, frame=frame, predictions=_predictions(report, frame))
    events = frame.drop_duplicates("as_of")["n_events"].mean()
    gain = part.differences(["capture_10"]).query("model == 'riskwarn'").iloc[0]
    return table(
        f"{name}: {frame['as_of'].nunique()} months, {events:,.0f} filings a month",
        part.table[["capture_5", "capture_10", "poisson_deviance", "calibration_error"]],
        note=f"capture_10, riskwarn against {gain['rival']}: {gain['difference']:+z.4f} [{gain['lower']:+z.4f}, {gain['upper']:+z.4f}]",
    )


# --- conflict: CRPS beside the baselines of the field


def conflict(shared: Path, folder: Path) -> dict:
    """CRPS of every contender over test dates, the model's difference to each with an interval."""
    rows = pd.read_parquet(shared / "ucdp_car" / "events.parquet")
    kept = rows[(rows["date_precision"] <= 2) & (rows["place_precision"] <= 3)]
    events = dataclasses.replace(load_mapping(MAPPINGS / "ucdp_car.toml"), source="dispute")
    store = brought_in(folder, "UTC", [("ucdp_cells", rows), (events, kept)])
    experiment = experiment_of("ucdp_conflict")
    panel = build_panel(store, experiment)
    rows = settled(panel).sort_values(["as_of", "grid_id"], ignore_index=True)
    scores = pd.concat(
        [_conflict_fold(experiment, rows, fold) for fold in folds_of(experiment, rows)], ignore_index=True
    )
    means = scores.groupby("model", sort=False)["crps"].mean()
    wide = scores.pivot_table(index="as_of", columns="model", values="crps")
    shown = pd.DataFrame({"crps": means})
    for column in ("difference", "lower", "upper"):
        shown[column] = np.nan
    for model in means.index.drop("riskwarn"):
        interval = metrics.difference_interval(
            -wide["riskwarn"].to_numpy(),
            -wide[model].to_numpy(),
            shared=shared_by(wide.index, experiment.label.days),
        )
        shown.loc[model, ["difference", "lower", "upper"]] = interval.estimate, interval.low, interval.high
    y = scores.drop_duplicates("as_of")
    return {
        "about": f"`experiments/ucdp_conflict.toml`. {rows['grid_id'].nunique()} cells, {len(wide)} test dates from {wide.index.min():%Y-%m-%d} to {wide.index.max():%Y-%m-%d}, "
        f"{y['events'].mean():.1f} events in 28 days, {y['cells'].mean() / rows['grid_id'].nunique():.1%} of the cells with any. Only events known to the day or a few, and to the place.",
        "tables": [
            table("mean CRPS, less is better; differences are positive where riskwarn is better", shown, digits=5)
        ],
    }


def _conflict_fold(experiment: Experiment, rows: pd.DataFrame, fold) -> pd.DataFrame:
    train, test = (rows.iloc[at] for at in fold.rows(rows["as_of"]))
    fitted = [(m.name, m.fit(train)) for m in contenders_of(experiment)]
    past = train.pivot_table(index="grid_id", columns="as_of", values="y", observed=True)
    found = []
    for at, date in test.groupby("as_of"):
        y = date["y"].to_numpy()
        known = (
            past.loc[:, past.columns + pd.Timedelta(days=experiment.label.wait_days) <= at]
            .loc[date["grid_id"]]
            .to_numpy()
        )
        last = date["prior_4w"].to_numpy()[:, None]
        crps = {name: _negative_binomial(model, date, y) for name, model in fitted}
        crps |= {
            "always zero": metrics.crps_ensemble(y, np.zeros((len(y), 1))),
            "last 28 days": metrics.crps_ensemble(y, last),
            "mean of the cell's history, Poisson": metrics.crps_poisson(y, np.fmax(known.mean(axis=1), 1e-6)),
            "the cell's history resampled": metrics.crps_ensemble(y, known),
            "the cell's last 13 periods resampled": metrics.crps_ensemble(y, known[:, -13:]),
        }
        found += [(name, at, float(y.sum()), int((y > 0).sum()), value) for name, value in crps.items()]
    return pd.DataFrame(found, columns=["model", "as_of", "events", "cells", "crps"])


def _negative_binomial(model, date: pd.DataFrame, y: np.ndarray) -> float:
    """CRPS of a calibrated contender; clumping adds to the dispersion by one over the mean."""
    expected, law = model.predict(date)["expected"].to_numpy(), model.calibration
    spread = law.dispersion + law.clumping / expected
    return (
        metrics.crps_negative_binomial(y, expected, dispersion=spread)
        if spread.min() > 1e-6
        else metrics.crps_poisson(y, expected)
    )


# --- evictions of Philadelphia: a published study that leaks

PUBLISHED = {
    "published baseline": [0.8503, 0.8824, 0.8610, 0.8770, 0.8556, 0.7326],
    "published best classifier": [0.8770, 0.9358, 0.9198, 0.9840, 0.8930, 0.7914],
}
HONEST = ["evictions_t_1", "evictions_t_2", "evictions_t_5"]


def leak(shared: Path, folder: Path) -> dict:
    """Precision of the top 187 block groups a year, published, honest and leaking, and what the audit says of the columns."""
    del folder
    rows = pd.read_parquet(shared / "philadelphia" / "eviction_panel_block_group_year.parquet").drop(
        columns=["low_flag", "imputed", "subbed", "source"]
    )
    rows = rows.assign(**{f"evictions_change_{k}": rows["evictions"] - rows[f"evictions_t_{k}"] for k in (1, 2, 5)})
    years = range(2011, 2017)
    found = {name: dict(zip(years, values, strict=True)) for name, values in PUBLISHED.items()}
    lines = {
        "the line, honest columns": HONEST,
        "the line, with the published changes": [*HONEST, *(c for c in rows if "change" in c)],
    }
    for year in years:
        train, test = (
            rows[which].rename(columns={"evictions": "y"}).sort_values("block_group")
            for which in (rows["year"] < year, rows["year"] == year)
        )
        scores = {"last year's evictions": test["evictions_t_1"]} | {
            n: Linear(tuple(c)).fit(train).predict(test)["score"] for n, c in lines.items()
        }
        for name, score in scores.items():
            found.setdefault(name, {})[year] = metrics.precision_at(test["y"] > 15, score, k=187, ties="order")
    audit = leakage.audit(rows, unit="block_group", period="year", outcome="evictions").set_index("feature")
    precision = pd.DataFrame.from_dict(found, orient="index").assign(mean=lambda t: t.mean(axis=1))
    return {
        "about": "A block group counts as positive where more than 15 evictions were carried out in the year; the 187 highest of 1,336 are listed. No experiment file: "
        "the table comes ready, by year, so it is judged by `riskwarn.leakage.audit`, and ranked by the Poisson regression of every report.",
        "tables": [
            table("precision of the 187 listed", precision),
            table("what the audit says", audit[["state", "news", "news_stale"]], digits=2),
        ],
    }


# --- Sweden: the same question on three clocks

CLOCKS = {
    "when it occurred": "occurred_at",
    "when the police published it": "reported_at",
    "when a collector had it": "collected_at",
}


def clocks(shared: Path, folder: Path) -> dict:
    """The question of experiments/sweden_assault.toml with features that know an event from one instant or another."""
    experiment = experiment_of("sweden_assault")
    given = load_mapping(MAPPINGS / "sweden_police.toml")
    file = shared / "sweden_police" / "events.parquet"
    found = {}
    for name, column in CLOCKS.items():
        columns = {k: v for k, v in given.columns.items() if k != "known_at"} | (
            {} if column == "occurred_at" else {"known_at": (column,)}
        )
        ignore = tuple({*given.ignore, "reported_at", "collected_at"} - {column})
        place = folder / column
        place.mkdir()
        store = brought_in(
            place,
            "Europe/Stockholm",
            [
                ("sweden_municipalities", shared / "sweden_police" / "municipalities.csv"),
                (dataclasses.replace(given, columns=columns, ignore=ignore), file),
            ],
        )
        report = backtest(experiment, build_panel(store, experiment), progress=False)
        best = report.table.loc[report.best_baseline("capture_10")]
        own = report.table.loc["riskwarn"]
        found[name] = {
            "events": int(report.predictions[report.predictions["model"] == "riskwarn"]["y"].sum()),
            **{c: own[c] for c in ("capture_5", "capture_10", "brier", "poisson_deviance")},
            "best baseline, capture_10": best["capture_10"],
            "4 weeks, capture_10": report.table.loc["prior count 4 weeks", "capture_10"],
        }
    rows = pd.read_parquet(file, columns=list(CLOCKS.values()))
    rows = rows[rows["collected_at"] >= "2023-04-01"]
    lag = (rows["collected_at"] - rows["occurred_at"]).dt.total_seconds() / 3600
    return {
        "about": f"`experiments/sweden_assault.toml`, asked three times. From occurring to being collected it takes {lag.median():.1f} hours at the median, {lag.quantile(0.95):.0f} in 95 of 100 cases and {lag.quantile(0.99):.0f} in 99.",
        "tables": [
            table("forty test dates, on what the features may know", pd.DataFrame.from_dict(found, orient="index")),
            _known_in_time(rows),
        ],
    }


def _known_in_time(rows: pd.DataFrame) -> dict:
    """Share of the events of a past stretch that were known at the midnight that ends it, over all nights and over the thirty worst of the collector."""
    found = {}
    for days in (1, 7, 28):
        nights = pd.date_range("2023-05-01", "2025-08-31")
        shares = []
        for at in nights:
            past = rows[(rows["occurred_at"] >= at - pd.Timedelta(days=days)) & (rows["occurred_at"] < at)]
            shares.append([(past[c] < at).mean() for c in ("reported_at", "collected_at")])
        published, collected = np.array(shares).T
        worst = np.sort(collected)[:30].mean()
        found[f"last {days} days"] = {
            "published": published.mean(),
            "collected": collected.mean(),
            "collected, 30 worst nights": worst,
        }
    return table(
        "share of the events that occurred in a stretch and were known at the midnight that ends it",
        pd.DataFrame.from_dict(found, orient="index"),
        digits=3,
    )


# --- what they have in common


ANSWERS: dict[str, tuple[str, str, Callable[[Path, Path], dict]]] = {
    "north_texas_evictions": ("north_texas_evictions", "", evictions),
    "ucdp_conflict": ("ucdp_car", "", conflict),
    "portland_nij": ("portland_nij", "", portland.answer),
    "boston_overdue": ("boston_311", "Which service requests of Boston will be late?", overdue.answer),
    "china_replies": (
        "china_petitions",
        "How long will a message to the authorities wait for its reply?",
        overdue.replies,
    ),
    "sweden_clocks": ("sweden_police", "What changes in Sweden when features know only what was collected?", clocks),
    "philadelphia_leak": (
        "philadelphia",
        "Which block groups of Philadelphia will see more than 15 evictions in the year, and does the study leak?",
        leak,
    ),
}
"""Name of the question: folder of the data, the question where no experiment states it, and how it is answered."""


def answer(name: str, shared: Path, results: Path) -> None:
    """Answer a question and keep what came out; where the data are absent the kept answer stays."""
    place, question, work = ANSWERS[name]
    if not (shared / place).exists():
        print(f"{name}: the data are not in {shared}; its results stay as they are")
        return
    with tempfile.TemporaryDirectory() as folder:
        found = work(shared, Path(folder))
    found = {"question": question or experiment_of(name).question, **found}
    (results / f"{name}.json").write_text(json.dumps(found, indent=1), "utf-8")
    print("\n".join(section(found, FINDINGS.get(name, ""))))


LEFT_OUT = """## What the other data sets cannot carry

San Luis Obispo's police calls cover six months and 14 police grids, and Detroit's complaints 11 precincts: a list of a twentieth or a tenth is one grid, and half a year
has no year behind it. Pingshan's tables are totals. They serve the tests of bringing records in, not a question of where.
"""


def section(one: dict, finding: str) -> list[str]:
    """One question as Markdown."""
    lines = [f"## {one['question']}", "", one["about"], ""]
    for part in one["tables"]:
        lines += [
            f"{part['title']}:",
            "",
            "| | " + " | ".join(part["columns"]) + " |",
            "| --- |" + " --- |" * len(part["columns"]),
        ]
        lines += [
            f"| {name} | " + " | ".join(_cell(v, part["digits"]) for v in values) + " |"
            for name, values in part["rows"].items()
        ]
        lines += ["", *([part["note"] + ".", ""] if part["note"] else [])]
    return lines + [line for text in (one.get("check", ""), finding) if text for line in (text, "")]


def _cell(value: object, digits: int) -> str:
    if value is None:
        return ""
    return f"{value:.{digits}f}" if isinstance(value, float) else str(value)


FINDINGS: dict[str, str] = {
    "sweden_clocks": """For a list of the next 28 days the clock does not matter: of the events of the last 28 days 99.7 % are collected in time, and all figures agree
within a thousandth. It matters for what features know of the last day: 97 % is published and 95 % collected by midnight, and on the collector's thirty worst nights
53 %. Features that count by when events occurred would be trained on days no night ever sees whole.""",
    "boston_overdue": """What is asked decides: the type's own rate of lateness gives an AUC of 0.790. Adding what riskwarn knows of the area and of the type at the
midnight before gives 0.797, clear of zero, though neither alone is; the Brier score falls by 8 %, for the state shows that handling got quicker in autumn.
A map of lateness by area alone (0.527) would mislead. A request still open at the snapshot of January counts as it stood then, so late December is optimistic.
riskwarn's experiments forecast grids, and a request is none; this is how its features serve another row.""",
    "china_replies": """Where a message is sent tells most of how long it waits, what it is about almost nothing. Cities' medians take the typical error from 8.2 to
6.1 days; what riskwarn knows of the district on the day adds little (6.0), and for waits above 30 days the median of the district is as good.
Unanswered messages are not in the file, so every wait is that of an answered one.""",
    "portland_nij": """In the windows these entries won (burglary of one and two weeks, theft of one) riskwarn hits three against three, three against five and seven
against seven: level or behind, within chance, for a handful of burglaries decides. In the five other windows it hits more than the entries, clearly for theft of
one and two months. A cell's whole history, plainly counted, does as well wherever there are many events (29 against 28 for theft of two months). The windows
lie within each other, so the last row counts calls more than once. Nothing was tuned on them; earlier versions of the model had 80, 84 and 85 hits, this one has 78.""",
    "philadelphia_leak": """The published figures come from columns that use the year they forecast; the audit refuses these and passes all others. Honest columns give
two thirds: 0.65 by last year's evictions alone, 0.69 by a line in three earlier years, against 0.86 for the same line with the leaking columns. See [leaks](leaks.md).""",
    "north_texas_evictions": """Before and during the moratorium nothing beats a count at choosing tracts: the differences to the best of four counts are within chance.
After it the model is a little better than the best count (+0.007, clear of zero over 13 months, one of three spans looked at). The order of tracts hardly
moves when filings fall to a hundredth; it is their level that no history foretells, and every calibration breaks in 2020. In deviance the model and the
regression lie below every count in all three spans. They read the counts, the season and the area alone: the file has nothing else by the month.""",
    "ucdp_conflict": """The model's distribution beats zero, the last period, the cell's history and every prior count, and the Poisson
regression, each clear of zero. The gain over the best count is 1.7 %, over zero 7.7 %: with so few events most of the score is the events nobody foresees. The cells are those that ever saw an event,
as in the file; times are those of the events, not of their release. The level of difficulty is not comparable with published figures of other panels.""",
}
"""What we read from it."""
