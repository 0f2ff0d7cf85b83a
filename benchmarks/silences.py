"""Whether a silence keeps its promised precision where grids have busy and quiet months and workers take leave.

    python benchmarks/silences.py [--seeds 41,42,43 --rates 60,120 --docs docs]

Cities of reports alone, drawn here and not by the simulator: every grid's rate wanders (a lognormal factor with the deviation `--wander` and a
memory of 30 days), each worker is on leave once a year for two or three weeks, and one grid in ten falls silent for 90 to 400 days as in the
simulator. Told by hundreds of grids listed: what was promised (the mean chance to be silent) and what was kept, by the length of the window.
With ``--wander 0 --leaves 0`` counts are Poisson's. About a minute for a seed and rate; ``--docs`` writes the tables of docs/gaps.md.
"""

import argparse
import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from riskwarn import gaps
from riskwarn.gaps import silence
from riskwarn.gaps.evidence import Evidence
from riskwarn.history import History

ZONE = "Asia/Shanghai"
BEGIN = pd.Timestamp("2022-01-01", tz=ZONE)
GRIDS, DAYS, NIGHTS = 1500, 1096, (700, 830, 960, 1090)
MEMORY_DAYS, SPREAD = 30.0, 0.5
WINDOWS = (0, 42, 91, 182, 10_000)


def city(seed, rate, wander, leaves):
    """The history of a city of reports, and its silences: grid, first and last day."""
    rng = np.random.default_rng(seed)
    usual = rate / 365.25 * rng.lognormal(-(SPREAD**2) / 2, SPREAD, GRIDS)
    factor = np.ones((GRIDS, DAYS))
    keep = np.exp(-1 / MEMORY_DAYS)
    state = rng.normal(size=GRIDS)
    for day in range(DAYS):
        factor[:, day] = np.exp(wander * state - wander**2 / 2)
        state = keep * state + np.sqrt(1 - keep**2) * rng.normal(size=GRIDS)
    for grid in range(GRIDS):
        for first in rng.integers(0, DAYS, rng.poisson(leaves * DAYS / 365.25)):
            factor[grid, first : first + rng.integers(14, 22)] = 0
    silent = np.sort(rng.permutation(GRIDS)[: GRIDS // 10])
    first = rng.integers(-60, DAYS - 60, len(silent))
    last = np.minimum(first + rng.integers(90, 401, len(silent)), DAYS)
    for grid, a, b, depth in zip(silent, first, last, rng.random(len(silent)), strict=True):
        factor[grid, max(a, 0) : b] *= 0.15 if depth < 0.8 else 0.0
    factor *= np.where(np.arange(DAYS) % 7 >= 5, 0.5, 1.0) * 7 / 6
    n = rng.poisson(factor * usual[:, None])
    grid, day = (np.repeat(x, n[n > 0]) for x in np.nonzero(n))
    at = BEGIN + pd.to_timedelta(np.round((day + rng.uniform(0.3, 0.7, len(day))) * 86_400), unit="s")
    ids = np.array([f"G{i:04d}" for i in range(GRIDS)], dtype=object)
    events = pd.DataFrame(
        {
            "source": "grid_report",
            "event_id": np.arange(len(at)).astype(str),
            "occurred_at": at.as_unit("us"),
            "known_at": (at + pd.Timedelta(hours=1)).as_unit("us"),
            "grid_id": ids[grid],
            "category": "D99",
            "origin": "proactive",
        }
    )
    grids = pd.DataFrame({"grid_id": ids, "valid_from": BEGIN - pd.Timedelta(days=900)})
    grids = grids.assign(
        county_id=[f"C{i % 5}" for i in range(GRIDS)], community_id=[f"V{i // 10}" for i in range(GRIDS)]
    )
    history = History.of(events, grids, timezone=ZONE, until=BEGIN + pd.Timedelta(days=DAYS))
    return history, pd.DataFrame({"grid": silent, "first": first, "last": last})


def judged(history, spells):
    """Each grid and night: how likely silent, whether and how gravely listed, with which window, and for how long silent in truth."""
    rows = []
    for day in NIGHTS:
        evidence = Evidence(history, BEGIN + pd.Timedelta(days=day))
        live = silence.liveness(evidence)
        awake = silence.awake_chance(live, np.arange(GRIDS))[:, -1]
        found = gaps.find_gaps(evidence, as_of=evidence.as_of, kinds=["G01"])
        found = found[found["scope"].str.startswith("grid:") & found["suppressed_by"].isna()]
        at = pd.Index(evidence.grid_ids).get_indexer(found["scope"].str.removeprefix("grid:"))
        severity, window = np.full(GRIDS, -1.0), np.full(GRIDS, -1.0)
        severity[at] = found["severity"]
        window[at] = [json.loads(e)["window_days"] for e in found["evidence"]]
        on = spells[(spells["first"] < day) & (spells["last"] >= day)]
        age = np.zeros(GRIDS)
        age[on["grid"]] = day - on["first"]
        rows.append(
            pd.DataFrame({"night": day, "silent": 1 - awake, "severity": severity, "window": window, "age": age})
        )
        print(day, getattr(live, "pace", None), len(found), flush=True)
    return pd.concat(rows, ignore_index=True)


def average_precision(true, score):
    hit = true[np.argsort(-score, kind="stable")].astype(float)
    return float((np.cumsum(hit) / np.arange(1, len(hit) + 1) * hit).sum() / max(hit.sum(), 1))


def summed(table):
    """The figures of one city and rate; silences younger than 60 days count neither way but in the precision."""
    listed = table[table["severity"] >= 0]
    old = table[(table["age"] == 0) | (table["age"] >= 60)]
    nights = [n for _, n in old.groupby("night")]
    true = listed["age"] > 0
    return {
        "ap": np.mean([average_precision((n["age"] > 0).to_numpy(), n["silent"].to_numpy()) for n in nights]),
        "ap_listed": np.mean([listed_precision((n["age"] > 0).to_numpy(), n["severity"].to_numpy()) for n in nights]),
        "listed": len(listed) / len(NIGHTS),
        "promised": listed["silent"].mean(),
        "kept": true.mean(),
        "recall": float(((old["age"] >= 60) & (old["severity"] >= 0)).sum() / max((old["age"] >= 60).sum(), 1)),
        "false": 1000 * float((~true).sum()) / len(table),
    }


def listed_precision(true, severity):
    """Average precision of the list as it stands: what is not on it is never reached."""
    on = severity >= 0
    return average_precision(true[on], severity[on]) * true[on].sum() / max(true.sum(), 1)


def tables(kept):
    lines = [
        "| counts | reports a grid-year | AP | of the list | listed a night | promised | kept | recall (silent ≥ 60 d) | false a 1,000 grid-nights |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (name, rate), each in kept.items():
        m = pd.DataFrame([summed(t) for t in each]).mean()
        lines.append(
            f"| {name} | {rate} | {m['ap']:.3f} | {m['ap_listed']:.3f} | {m['listed']:.0f} | {m['promised']:.2f} | {m['kept']:.2f} | {m['recall']:.2f} | {m['false']:.1f} |"
        )
    windows = [
        "| counts | reports a grid-year | window, days | listed | promised | kept |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for (name, rate), each in kept.items():
        listed = pd.concat(each)
        listed = listed[listed["severity"] >= 0]
        for a, b in pairwise(WINDOWS):
            own = listed[(listed["window"] >= a) & (listed["window"] < b)]
            if len(own):
                span = f"{a}–{b - 1}" if b < WINDOWS[-1] else f"{a} and more"
                windows.append(
                    f"| {name} | {rate} | {span} | {len(own)} | {own['silent'].mean():.2f} | {(own['age'] > 0).mean():.2f} |"
                )
    return "\n".join(lines), "\n".join(windows)


def main():
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--seeds", default="41,42,43")
    parse.add_argument("--rates", default="60,120")
    parse.add_argument("--worlds", default="wandering,Poisson")
    parse.add_argument("--wander", type=float, default=0.6)
    parse.add_argument("--leaves", type=float, default=1.0)
    parse.add_argument("--docs", type=Path)
    ask = parse.parse_args()
    kept = {}
    for name in ask.worlds.split(","):
        wander, leaves = (ask.wander, ask.leaves) if name == "wandering" else (0.0, 0.0)
        for rate in ask.rates.split(","):
            for seed in ask.seeds.split(","):
                kept.setdefault((name, rate), []).append(judged(*city(int(seed), float(rate), wander, leaves)))
    whole, windows = tables(kept)
    print(whole, windows, sep="\n\n")
    if ask.docs:
        page = ask.docs / "gaps.md"
        text = page.read_text("utf-8")
        for name, table in (("promise", whole), ("promise by window", windows)):
            text = re.sub(
                rf"(<!-- measured: {name} -->\n).*?(<!-- end -->)",
                lambda m, t=table: f"{m[1]}{t}\n{m[2]}",
                text,
                flags=re.DOTALL,
            )
        page.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
