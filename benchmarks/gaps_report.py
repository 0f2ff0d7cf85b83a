"""Tables and pictures of docs/gaps.md from the results of benchmarks/gaps.py.

python benchmarks/gaps_report.py --results results.json --waits waits.json --cities DIR --docs docs
python benchmarks/gaps_report.py --results towns.json --only capacity
"""

import argparse
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
from gaps import city_of, silent_truth

from riskwarn import gaps
from riskwarn.gaps import seam, silence
from riskwarn.gaps.evidence import Evidence
from riskwarn.gaps.exposure import feed_of

RULES = ("lr42", "lr91", "lr182")


def mean(values):
    return float(np.mean(values))


def spread(values):
    return f"{np.mean(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def silence_table(results):
    lines = [
        "| reports a grid-year | filter | best plain rule | ratio | listed a night | promised | kept | recall (silent ≥ 60 d) | of total silences | false a 1,000 grid-weeks |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for rate in ("12", "24", "60", "120"):
        cities = [v for k, v in results.items() if k.endswith(f"-{rate}") and "silence" in v]
        rows = [r for c in cities for r in c["silence"]]
        if not rows:
            continue
        by_seed = [mean([r["ap_filter"] for r in c["silence"]]) for c in cities]
        plain = {name: mean([r[f"ap_{name}"] for r in rows]) for name in RULES}
        best = max(plain, key=plain.get)
        total = pd.DataFrame(rows).sum(numeric_only=True)
        promised, kept = (total[k] / max(total["listed"], 1) for k in ("promised", "listed_true"))
        lines.append(
            f"| {rate} | {spread(by_seed)} | {plain[best]:.2f} ({best[2:]} days) | {mean(by_seed) / plain[best]:.2f} | {total['listed'] / len(rows):.0f} | {promised:.2f} | {kept:.2f} | "
            f"{total['listed60'] / total['silent60']:.2f} | {total['listed_total60'] / total['total60']:.2f} | {mean([c['silence_waits']['listed_false_per_1000'] for c in cities]):.2f} |"
        )
    return "\n".join(lines)


def waits_table(results):
    lines = [
        "| reports a grid-year | false a 1,000 grid-weeks | filter: found, median days | 42 days | 91 days | 182 days |",
        "| --- | --- | --- | --- | --- | --- |",
    ]

    def cell(cities, key):
        found = mean([c["silence_waits"][key]["found"] for c in cities])
        days = [c["silence_waits"][key]["median"] for c in cities]
        return f"{found:.0%}, " + (f"{mean(days):.0f}" if all(d is not None for d in days) else "–")

    for rate in ("12", "24", "60", "120"):
        cities = [v for k, v in results.items() if k.endswith(f"-{rate}") and "silence_waits" in v]
        lines += [
            f"| {rate} | {n} | " + " | ".join(cell(cities, f"{name}@{n}") for name in ("filter", *RULES)) + " |"
            for n in (1, 2, 5)
            if cities
        ]
    return "\n".join(lines)


def feeds_table(results):
    lines = [
        "| fault | planted | found within 3 days | within 5 days | median days |",
        "| --- | --- | --- | --- | --- |",
    ]
    whole = [v["feeds"] for k, v in results.items() if k.endswith("-60") and "feeds" in v]
    rows = pd.DataFrame([r for v in whole for r in v["faults"]]).astype({"days": float})
    for kind, own in [*rows.groupby("kind"), ("all", rows)]:
        lines.append(
            f"| {kind} | {len(own)} | {(own['days'] <= 3).mean():.3f} | {(own['days'] <= 5).mean():.3f} | {own['days'].median():.0f} |"
        )
    false, years, feed_years = (sum(v[k] for v in whole) for k in ("false_alarms", "source_years", "feed_years"))
    lines.append(
        f"\nFalse alarms: {false} in {years:.0f} source-years ({feed_years:.0f} feed-years): {false / years:.2f} a source-year."
    )
    for rate in ("12", "24", "120"):
        other = [v["feeds"] for k, v in results.items() if k.endswith(f"-{rate}") and "feeds" in v]
        if other:
            own = pd.DataFrame([r for v in other for r in v["faults"]]).astype({"days": float})
            lines.append(
                f"Grid reports at {rate} a grid-year: {len(own)} faults, {(own['days'] <= 3).mean():.2f} found within 3 days, {sum(v['false_alarms'] for v in other)} false alarms."
            )
    return "\n".join(lines)


def kinds_table(results, waits):
    rows = pd.DataFrame([r for v in results.values() for r in v.get("kinds", {}).get("rows", [])])
    told = waits["1-60"]["waits"]["waits"] if waits else {}
    false = waits["1-60"]["waits"]["false_per_1000_grid_nights"] if waits else {}
    lines = [
        "| kind | true a night | listed a night | precision | of the first 20 | recall | F1 | AP | found (of those that began), median days | false a 1,000 grid-nights |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for kind, own in rows[rows["kind"].isin(sorted({*gaps.KINDS, "G12-calls", "G13-pairs"} - {"G08", "G18"}))].groupby(
        "kind"
    ):
        hit, found, true = own["hit"].sum(), own["found"].sum(), own["true"].sum()
        p, r = hit / max(found, 1), hit / max(true, 1)
        wait = told.get(kind)
        when = (
            "–"
            if wait is None
            else f"{wait['found']:.0%} of {wait['n']}, " + ("–" if wait["median"] is None else f"{wait['median']:.1f}")
        )
        first = (
            f"{own['hit_first'].sum() / max(own['found_first'].sum(), 1):.2f}"
            if own["hit_first"].notna().any()
            else "–"
        )
        ap = f"{own['ap'].mean():.2f}" if "ap" in own and own["ap"].notna().any() else "–"
        wrong = f"{false[kind]:.2f}" if kind in false else "–"
        lines.append(
            f"| {kind} | {true / len(own):.0f} | {found / len(own):.0f} | {p:.2f} | {first} | {r:.2f} | {2 * p * r / max(p + r, 1e-9):.2f} | {ap} | {when} | {wrong} |"
        )
    faults = [v["faults"] for v in results.values() if "faults" in v]
    if faults:
        inside = pd.DataFrame([r for f in faults for r in f["silent"]])
        lines.append(
            f"\nSilent alarms shown within an outage of a workers' feed, of grids that were not silent: {int(inside['alarms'].sum())} on {len(inside)} nights at the end of an outage; {int(inside['suppressed'].sum())} suppressed."
        )
        bad = pd.DataFrame([r for f in faults for r in f["unplaced"]])
        hit, found, true = bad["hit"].sum(), bad["found"].sum(), bad["true"].sum()
        lines.append(
            f"G18 on nights 7, 14, 28 and 45 days into faults: precision {hit / max(found, 1):.2f}, recall {hit / max(true, 1):.2f}, F1 {2 * hit / max(found + true, 1):.2f} ({true} true)."
        )
    same = np.sum([v["kinds"]["repeat"]["same"] for v in results.values() if "kinds" in v], axis=0)
    p, r = same[0] / same[1], same[0] / same[2]
    lines.append(
        f"G07, returns of closed cases one by one: precision {p:.2f}, recall {r:.2f}, F1 {2 * p * r / (p + r):.2f}."
    )
    noise = (
        pd.DataFrame([r for v in results.values() for r in v.get("kinds", {}).get("noise", [])])
        .groupby("kind")["listed"]
        .mean()
    )
    lines.append(
        "Kinds without a planted truth, listed a night: " + ", ".join(f"{k} {n:.0f}" for k, n in noise.items()) + "."
    )
    cpu = [c for v in results.values() for c in v.get("kinds", {}).get("cpu", [])]
    lines.append(
        f"CPU for a night of 7,181 grids, all kinds, reading included: mean {mean(cpu):.1f} s, most {max(cpu):.1f} s."
    )
    return "\n".join(lines)


def capacity_table(results):
    """Each kind's precision of the whole list and of the twenty rows that come first."""
    rows = pd.DataFrame([r for v in results.values() for r in v["kinds"]["rows"]])
    rows = rows[rows["kind"].isin(gaps.KINDS) & (rows["found"] > 0)]
    lines = ["| kind | listed a night | precision | of the first 20 | recall |", "| --- | --- | --- | --- | --- |"]
    for kind, own in rows.groupby("kind"):
        hit, found, true, hit_first, found_first = (
            own[c].sum() for c in ("hit", "found", "true", "hit_first", "found_first")
        )
        lines.append(
            f"| {kind} | {found / len(own):.0f} | {hit / found:.2f} | {hit_first / found_first:.2f} | {hit / max(true, 1):.2f} |"
        )
    return "\n".join(lines)


# -- pictures -----------------------------------------------------------------------------------------------------------


def draw(folder, store, truth, night):
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 110})
    evidence = Evidence(store, night)
    found = gaps.find_gaps(store, as_of=night)
    for name, picture in (
        ("silence", draw_silence),
        ("feeds", draw_feeds),
        ("coverage", draw_coverage),
        ("seam", draw_seam),
        ("handling", draw_handling),
        ("quality", draw_quality),
    ):
        figure = picture(plt, evidence, truth, found)
        figure.tight_layout()
        figure.savefig(folder / f"gaps_{name}.png")
        plt.close(figure)


def draw_silence(plt, evidence, truth, _found):
    live = silence.liveness(evidence)
    spells = silent_truth(truth, evidence)
    on = spells[(spells["from_at"] < evidence.as_of - pd.Timedelta(days=120)) & (spells["to_at"] >= evidence.as_of)]
    awake = silence.awake_chance(live, on["grid"].to_numpy()[:60], nights=len(live.days))
    grid = on["grid"].to_numpy()[int(np.argmin(awake[:, -1]))]
    chance = 1 - silence.awake_chance(live, np.array([grid]), nights=len(live.days))[0]
    end = evidence.as_of - pd.to_timedelta(np.cumsum(live.days[::-1])[::-1] - live.days, unit="D")
    figure, (top, low) = plt.subplots(2, 1, figsize=(8, 4), sharex=True)
    top.bar(end, live.counts[grid] / live.days * 7, width=6, color="#4c78a8", label="reports a week")
    top.plot(
        end, live.prior_mean[grid] * live.exposure[grid] / live.days * 7, color="#888", lw=1, label="due of its like"
    )
    low.plot(end, chance, color="#b23", label="probability of silence")
    start = spells.loc[(spells["grid"] == grid) & (spells["to_at"] >= evidence.as_of), "from_at"].iloc[0]
    for axis in (top, low):
        axis.axvline(start, color="k", lw=0.8, ls=":")
        axis.legend(loc="upper left", frameon=False)
    low.set_ylim(0, 1)
    top.set_title("G01: a grid falls silent at the dotted line")
    return figure


def draw_feeds(plt, evidence, truth, _found):
    feed = feed_of(evidence, "grid_report")
    days = min(feed.health.shape[1], 730)
    figure, (top, low) = plt.subplots(2, 1, figsize=(8, 4), sharex=True)
    top.imshow(
        feed.health[:, :days][:, ::-1],
        aspect="auto",
        cmap="RdYlGn",
        vmin=0,
        vmax=1,
        interpolation="nearest",
        extent=(-days, 0, len(feed.areas), 0),
    )
    top.set_title("G08: share of grid reports that came, by county and day (boxes: planted faults)")
    faults = truth["feed"][
        (truth["feed"]["source"] == "grid_report") & truth["feed"]["kind"].isin(["outage", "partial", "backlog"])
    ]
    for f in faults.itertuples():
        a, b = ((t - evidence.as_of).total_seconds() / 86_400 for t in (f.from_at, f.to_at))
        if a > -days and b < 0:
            top.add_patch(
                plt.Rectangle(
                    (a, list(feed.areas).index(f.org_code)),
                    b - a,
                    1,
                    fill=False,
                    lw=1,
                    ls="--" if f.kind == "partial" else "-",
                )
            )
    top.set_ylabel("county")
    part = faults[(faults["kind"] == "partial") & (faults["to_at"] < evidence.as_of)]
    area = list(feed.areas).index((part if len(part) else faults)["org_code"].iloc[-1])
    low.plot(-np.arange(days), feed.counts[area, :days], color="#4c78a8", lw=0.7, label="reports a day, one county")
    low.plot(-np.arange(days), feed.expected[area, :days], color="#888", lw=0.7, label="expected")
    low.legend(frameon=False, loc="upper left")
    low.set_xlabel("days before the night")
    return figure


def draw_coverage(plt, evidence, _truth, found):
    table = gaps.quadrants(evidence)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.6))
    colour = {"blind_spot": "#b23", "under_served": "#e90", "over_served": "#48a", "watched": "#ccc"}
    for name in ("watched", "over_served", "under_served", "blind_spot"):
        own = table[table["quadrant"] == name]
        left.scatter(
            own["z_risk"], own["z_visits"], s=3, color=colour[name], label=f"{name.replace('_', ' ')} ({len(own)})"
        )
    left.set(xlabel="risk (z of its log)", ylabel="visits (z of their log)", title="G03: quadrants")
    left.legend(frameon=False, markerscale=3, fontsize=7)
    own = found[found["kind"] == "G05"]
    if len(own):
        told = json.loads(own["evidence"].iloc[0])
        hours = np.arange(6)
        for name, shift, tone in (("events_by_4_hours", -0.2, "#b23"), ("visits_by_4_hours", 0.2, "#4c78a8")):
            share = np.array(told[name]) / max(sum(told[name]), 1)
            right.bar(hours + shift, share, 0.4, color=tone, label=name.split("_")[0])
        right.set_xticks(hours, ["0–4", "4–8", "8–12", "12–16", "16–20", "20–24"])
        right.legend(frameon=False)
    right.set_title("G05: events and visits by hour, one grid")
    return figure


def draw_seam(plt, evidence, truth, _found):
    table = seam.pairs(evidence)
    true = {
        tuple(sorted((a, b))) for a, b in zip(truth["seam"]["grid_id"], truth["seam"]["other_grid_id"], strict=True)
    }
    ids = evidence.grid_ids
    mark = np.array(
        [tuple(sorted((ids[a], ids[b]))) in true for a, b in zip(table["one"], table["other"], strict=True)]
    )
    figure, axis = plt.subplots(figsize=(6, 3.6))
    jitter = np.random.default_rng(0).uniform(-0.15, 0.15, len(table))
    for which, tone, size, name in ((~mark, "#bbb", 4, "border"), (mark, "#b23", 16, "planted seam")):
        axis.scatter(
            table["n"][which] / table["expected"][which],
            (table["conflicts"] + jitter)[which],
            s=size,
            color=tone,
            label=name,
        )
    axis.set(
        xscale="log",
        xlabel="events near the border over expected",
        ylabel="places coded to both grids",
        title="G10: pairs of grids",
    )
    axis.legend(frameon=False)
    return figure


def draw_handling(plt, _evidence, _truth, found):
    figure, axes = plt.subplots(1, 3, figsize=(9, 3.2))
    late = found[(found["kind"] == "G06") & found["scope"].str.startswith("grid")]
    days = [json.loads(e)["working_days"] for e in late["evidence"]]
    axes[0].hist(np.clip(days, 0, 60), bins=30, color="#b23")
    axes[0].set(title=f"G06: {len(late)} grids, worst case", xlabel="working days overdue")
    lost = found[found["kind"] == "G12"]
    rate = [json.loads(e)["landing_rate"] for e in lost["evidence"]]
    axes[1].hist(rate, bins=20, color="#e90")
    axes[1].set(title="G12: bodies by landing rate", xlabel="share of calls received")
    idle = [
        (json.loads(e)["returns"], json.loads(e)["idle_days"]) for e in found.loc[found["kind"] == "G13", "evidence"]
    ]
    if idle:
        axes[2].scatter(*zip(*idle, strict=True), color="#4c78a8", s=14)
    axes[2].set(title="G13: open cases sent back", xlabel="returns", ylabel="days since the last step")
    return figure


def draw_quality(plt, _evidence, _truth, found):
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2))
    paper = [json.loads(e) for e in found.loc[found["kind"] == "G15", "evidence"]]
    left.bar(range(len(paper)), [p["last_day_closings"] / p["closed_cases"] for p in paper], color="#b23")
    if paper:
        left.axhline(paper[0]["last_day_city_share"], color="k", lw=0.8, ls=":")
    left.set(title="G15: closed on the last day (dotted: city)", xlabel="listed township", ylabel="share")
    counts = found[found["state"] == "open"]["kind"].value_counts().sort_index()
    right.barh(counts.index, counts.to_numpy(), color="#4c78a8")
    right.set(xscale="log", title="listed on this night, by kind")
    right.invert_yaxis()
    return figure


def main():
    parse = argparse.ArgumentParser()
    parse.add_argument("--results", type=Path, required=True)
    parse.add_argument("--waits", type=Path)
    parse.add_argument("--cities", type=Path)
    parse.add_argument("--only", help="one table alone: silence, waits, feeds, kinds or capacity")
    parse.add_argument("--docs", type=Path, default=Path("docs"))
    ask = parse.parse_args()
    results = json.loads(ask.results.read_text())
    waits = json.loads(ask.waits.read_text()) if ask.waits and ask.waits.exists() else {}
    made = {
        "silence": lambda: silence_table(results),
        "waits": lambda: waits_table(results),
        "feeds": lambda: feeds_table(results),
        "kinds": lambda: kinds_table(results, waits),
        "capacity": lambda: capacity_table(results),
    }
    wanted = [ask.only] if ask.only else ["silence", "waits", "feeds", "kinds"]
    tables = {name: made[name]() for name in wanted}
    page = ask.docs / "gaps.md"
    text = page.read_text("utf-8")
    for name, table in tables.items():
        text = re.sub(
            rf"(<!-- measured: {name} -->\n).*?(<!-- end -->)",
            lambda m, t=table: m[1] + t + "\n" + m[2],
            text,
            flags=re.DOTALL,
        )
    page.write_text(text, "utf-8")
    if ask.cities:
        (ask.docs / "img").mkdir(exist_ok=True)
        store, truth = city_of(ask.cities, "city", "1", "60")
        draw(ask.docs / "img", store, truth, "2025-06-02")


if __name__ == "__main__":
    main()
