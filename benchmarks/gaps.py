"""Score every kind of gap against the truth of simulated cities, and write the tables of docs/gaps.md.

    python benchmarks/gaps.py --cities DIR [--preset city --seeds 1,2,3,4,5 --rates 12,24,60,120] --out results.json

A city that DIR does not hold is simulated and written there first (about two minutes each for `city`).
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from riskwarn import gaps
from riskwarn.gaps import feed as feeds
from riskwarn.gaps import repeat, silence
from riskwarn.gaps.evidence import Evidence
from riskwarn.gaps.gap import NIGHTS_SEEN, believed
from riskwarn.history import DAY_US, NEVER
from riskwarn.store import Store

CAPACITY = 20
"""Rows of a kind that hands are there for on a night, gravest first: what their precision is, is told beside that of the whole list."""
EDGE = pd.Timedelta(days=3)
"""A gap found within three days of its true beginning or end counts neither for nor against."""


# -- cities -------------------------------------------------------------------------------------------------------------


def city_of(folder, preset, seed, rate):
    path = folder / f"{seed}-{rate}"
    if not (path / "store.json").exists():
        from riskwarn.simulation import city

        city(preset, seed=int(seed), reports_per_year=float(rate)).write(path)
    truth = {p.stem: pd.read_parquet(p) for p in Path(f"{path}-truth").glob("*.parquet")}
    if not truth:  # rates share the truth of their seed
        truth = {p.stem: pd.read_parquet(p) for p in Path(f"{folder / f'{seed}-60'}-truth").glob("*.parquet")}
    return Store(path), truth


def precision_recall(found, want, near):
    """Found scopes against true ones; those near a true beginning or end are left out."""
    found = set(found) - (set(near) - set(want))
    hit = len(found & set(want))
    return hit, len(found), len(set(want))


def average_precision(true, score):
    order = np.argsort(-np.asarray(score), kind="stable")
    hit = np.asarray(true)[order].astype(float)
    return float((np.cumsum(hit) / np.arange(1, len(hit) + 1) * hit).sum() / max(hit.sum(), 1))


# -- silence ------------------------------------------------------------------------------------------------------------


def plain_rule(live, days, end):
    """The plain likelihood ratio of a fixed window against the shrunken past of 730 days, at the end of bin `end`."""
    age = np.cumsum(live.days[: end + 1][::-1])[::-1]
    now, past = age <= days, (age > days) & (age <= days + 730)
    n, b = live.counts[:, : end + 1][:, now].sum(1), live.counts[:, : end + 1][:, past].sum(1)
    span_now, span_past = live.days[: end + 1][now].sum(), live.days[: end + 1][past].sum()
    mean = (b.sum() + n.sum()) / (len(b) * (span_now + span_past))
    size = 8.0
    due = (b + size) / (span_past + size / mean) * span_now
    return np.where(n < due, np.where(n > 0, n * np.log(np.maximum(n, 1e-9) / due), 0) - (n - due), 0.0)


def silent_truth(truth, evidence):
    """Age in days of each grid's silence at the night, nan where it is not silent; and of its end, likewise."""
    spells = truth["silent"]
    at = pd.Index(evidence.grid_ids).get_indexer(spells["grid_id"])
    return spells[at >= 0].assign(grid=at[at >= 0])


def score_silence(store, truth, nights):
    rows = []
    for night in nights:
        e = Evidence(store, night)
        live = silence.liveness(e)
        awake = silence.awake_chance(live, np.arange(e.n_grids))
        spells = silent_truth(truth, e)
        on = spells[(spells["from_at"] < e.as_of) & (spells["to_at"] >= e.as_of)]
        age = np.full(e.n_grids, np.nan)
        age[on["grid"]] = (e.as_of - on["from_at"]).dt.total_seconds() / 86_400
        true, old = ~np.isnan(age), age >= 60
        judged = ~true | old
        scores = {"filter": -awake[:, -1]} | {f"lr{d}": plain_rule(live, d, len(live.days) - 1) for d in (42, 91, 182)}
        row = {"night": str(night)} | {f"ap_{k}": average_precision(old[judged], v[judged]) for k, v in scores.items()}
        row |= {f"ap_any_{k}": average_precision(true, v) for k, v in scores.items()}
        found = np.column_stack([believed(a) for a in awake.T])
        listed = found[:, -1] & (found.sum(1) >= NIGHTS_SEEN)
        total = np.zeros(e.n_grids, bool)
        total[on.loc[on["factor"] == 0, "grid"]] = True
        row |= {
            "listed": int(listed.sum()),
            "listed_true": int((listed & true).sum()),
            "promised": float((1 - awake[listed, -1]).sum()),
            "silent": int(true.sum()),
            "silent60": int(old.sum()),
            "listed60": int((listed & old).sum()),
            "total60": int((total & old).sum()),
            "listed_total60": int((listed & total & old).sum()),
            "grids": e.n_grids,
        }
        rows.append(row)
    return rows, detection_times(live, spells, e)


def detection_times(live, spells, evidence, warm=26):
    """Days from onset to the first weekly alarm at equal false alarms, filter and plain rules; hyperparameters of the last night."""
    weeks = len(live.days) - 7
    awake = silence.awake_chance(live, np.arange(evidence.n_grids), nights=len(live.days))
    ends = evidence.as_of - pd.to_timedelta(np.cumsum(live.days[::-1])[::-1] - live.days, unit="D")
    spell = spells[(spells["from_at"] > ends[warm]) & (spells["to_at"] < ends[weeks - 1])]
    silent = np.zeros(awake.shape, bool)
    around = np.zeros(awake.shape, bool)
    start = ends - pd.to_timedelta(live.days, unit="D")
    for g, a, b in zip(spells["grid"], spells["from_at"], spells["to_at"], strict=True):
        silent[g] |= (start >= a) & (ends <= b)
        around[g] |= (ends > a) & (start < b + pd.Timedelta(days=182))
    quiet = ~around[:, warm:weeks]
    out = {}
    scores = {"filter": -awake[:, warm:weeks]} | {
        f"lr{d}": np.column_stack([plain_rule(live, d, b) for b in range(warm, weeks)]) for d in (42, 91, 182)
    }
    listed = np.column_stack([believed(a) for a in awake[:, warm:weeks].T])
    out["listed_false_per_1000"] = float((listed & quiet).sum() / quiet.sum() * 1000)
    for per_1000 in (1.0, 2.0, 5.0):
        for name, score in scores.items():
            cut = np.quantile(score[quiet], 1 - per_1000 / 1000)
            out[f"{name}@{per_1000:g}"] = _days_to(
                score > max(cut, 0 if name != "filter" else -1), spell, ends[warm:weeks]
            )
    out["filter_listed"] = _days_to(listed, spell, ends[warm:weeks])
    out["lr_listed"] = {}
    cut_rate = out["listed_false_per_1000"] / 1000
    for name in ("lr42", "lr91", "lr182"):
        cut = np.quantile(scores[name][quiet], 1 - max(cut_rate, 1e-6))
        out["lr_listed"][name] = _days_to(scores[name] > max(cut, 0), spell, ends[warm:weeks])
    return out


def _days_to(alarm, spell, ends):
    """Days from onset to the first alarm of each spell, infinite where none came before it ended."""
    days = []
    for g, a, b in zip(spell["grid"], spell["from_at"], spell["to_at"], strict=True):
        inside = np.flatnonzero(alarm[g] & (ends > a) & (ends <= b))
        days.append(float((ends[inside[0]] - a).total_seconds() / 86_400) if len(inside) else np.inf)
    days = np.array(days)
    return {
        "n": len(days),
        "found": float(np.isfinite(days).mean()),
        "median": float(np.median(days)) if np.isfinite(np.median(days)) else None,
    }


# -- feeds --------------------------------------------------------------------------------------------------------------


def score_feeds(store, truth, last, *, first_day=120, sources=None):
    """Replay G08 night by night from the deliveries of the last night: stops and thinnings."""
    e = Evidence(store, last)
    intakes = [i for i in feeds.intakes(e) if sources is None or i.source in sources]
    days = max(i.rows.shape[1] for i in intakes)
    # the law of arrivals tells each night from the days before it alone, so one reading holds what all nights told
    thin = [feeds.readings(e, i).told for i in intakes]
    told = []
    for back in range(days - first_day, -1, -1):
        night = e.as_of - pd.Timedelta(days=back)
        then = Evidence(store, night)
        for intake, fewer in zip(intakes, thin, strict=True):
            rows = intake.rows[:, : intake.rows.shape[1] - back]
            arrivals = {o: a[a < then.at] for o, a in intake.arrivals.items()} if intake.arrivals is not None else None
            stopped = feeds.standing(then, replace(intake, rows=rows, arrivals=arrivals))
            told += [(night, r["scope"], r["fault"]) for r in stopped]
            told += [(night, intake.scopes[i], "thin") for i in np.flatnonzero(fewer[:, -1 - back])]
    told = list({(night, scope): (night, scope, fault) for night, scope, fault in reversed(told)}.values())
    alarms = pd.DataFrame(told, columns=["night", "scope", "fault"])
    faults = truth["feed"][truth["feed"]["kind"].isin(["outage", "partial", "backlog"])]
    faults = faults[
        (faults["from_at"] > e.as_of - pd.Timedelta(days=days - first_day))
        & (faults["from_at"] < e.as_of - pd.Timedelta(days=5))
    ]
    if sources is not None:
        faults = faults[faults["source"].isin(sources)]
    rows = []
    explained = np.zeros(len(alarms), bool)
    for f in faults.itertuples():
        mine = (alarms["scope"] == f"feed:{f.source}/{f.org_code}").to_numpy()
        inside = (
            mine
            & (alarms["night"] > f.from_at).to_numpy()
            & (alarms["night"] <= f.to_at + pd.Timedelta(days=1)).to_numpy()
        )
        explained |= (
            mine
            & (alarms["night"] > f.from_at).to_numpy()
            & (alarms["night"] <= f.to_at + pd.Timedelta(days=4)).to_numpy()
        )
        wait = (alarms["night"][inside].min() - f.from_at).total_seconds() / 86_400 if inside.any() else np.inf
        rows.append({"kind": f.kind, "source": f.source, "days": wait})
    all_faults = truth["feed"]
    for f in all_faults[all_faults["kind"].isin(["outage", "partial", "backlog"])].itertuples():
        mine = (alarms["scope"] == f"feed:{f.source}/{f.org_code}").to_numpy()
        explained |= (
            mine
            & (alarms["night"] > f.from_at).to_numpy()
            & (alarms["night"] <= f.to_at + pd.Timedelta(days=4)).to_numpy()
        )
    false = alarms[~explained]
    spells = 0
    for _, nights in false.groupby("scope")["night"]:
        spells += int((nights.sort_values().diff() != pd.Timedelta(days=1)).sum())
    n_sources = len({i.source for i in intakes})
    return {
        "faults": rows,
        "false_alarms": spells,
        "false_nights": len(false),
        "source_years": n_sources * (days - first_day) / 365.25,
        "feed_years": sum(len(i.orgs) for i in intakes) * (days - first_day) / 365.25,
        "which": false.groupby("scope").size().to_dict(),
    }


# -- all kinds ----------------------------------------------------------------------------------------------------------


def scopes_of(found, kind):
    rows = found[(found["kind"] == kind) & (found["state"] == "open") & ~found["scope"].str.contains("@")]
    scope = rows["scope"].map(lambda s: "pair:" + "|".join(sorted(s[5:].split("|"))) if s.startswith("pair:") else s)
    if kind == "G13":
        scope = scope[scope.str.startswith("grid:")].str.split("/").str[0]
        rows = rows.loc[scope.index]
    if kind == "G06":
        keep = rows["scope"].str.startswith("grid") & rows["evidence"].str.contains('"dispute"')
        rows, scope = rows[keep], scope[keep]
    if kind == "G04":
        keep = rows["evidence"].str.contains("no_worker|shared_worker")
        rows, scope = rows[keep], scope[keep]
    return rows, scope


def score_kinds(store, truth, nights):
    gap, out, cpu, noise = truth["gap"], [], [], []
    want_of = gap.assign(
        scope=gap["scope"].map(lambda s: "pair:" + "|".join(sorted(s[5:].split("|"))) if s.startswith("pair:") else s)
    )
    for night in nights:
        begun = time.process_time()
        found = gaps.find_gaps(store, as_of=night)
        cpu.append(time.process_time() - begun)
        as_of = store.instant(night)
        active = want_of[(want_of["from_at"] < as_of) & (want_of["to_at"] >= as_of)]
        near = want_of[(want_of["from_at"] - EDGE < as_of) & (want_of["to_at"] + EDGE >= as_of)]
        n_grids = len(store.grids(night))
        for kind in gaps.KINDS:
            rows, scope = scopes_of(found, kind)
            if kind not in set(gap["kind"]):
                noise.append({"kind": kind, "listed": len(rows), "grids": n_grids})
                continue
            hit, n, true = precision_recall(
                scope, active.loc[active["kind"] == kind, "scope"], near.loc[near["kind"] == kind, "scope"]
            )
            first = precision_recall(
                list(dict.fromkeys(scope))[:CAPACITY],
                active.loc[active["kind"] == kind, "scope"],
                near.loc[near["kind"] == kind, "scope"],
            )
            row = {
                "kind": kind,
                "night": night,
                "hit": hit,
                "found": n,
                "true": true,
                "hit_first": first[0],
                "found_first": first[1],
                "grids": n_grids,
                "suppressed": int(rows["suppressed_by"].notna().sum()),
            }
            if kind in {"G10", "G15", "G16"}:
                want = set(active.loc[active["kind"] == kind, "scope"])
                order = np.argsort(-rows["severity"].to_numpy(), kind="stable")
                is_true = np.array([s in want for s in scope])[order] if len(rows) else np.zeros(0)
                ap = (np.cumsum(is_true) / np.arange(1, len(is_true) + 1) * is_true).sum() / max(len(want), 1)
                row["ap"] = float(ap)
            out.append(row)
        out.append(outage_silence(found, truth, as_of, store))
        out.append(calls_hit(found, truth, as_of))
        out.append(pairs_hit(found, truth))
    return {"rows": out, "cpu": cpu, "noise": noise, "repeat": score_repeats(store, truth, nights[-1])}


def outage_silence(found, truth, as_of, store):
    """Silent alarms raised inside a true outage of the workers' feeds, by grids that are not truly silent."""
    feed = truth["feed"]
    out = feed[
        feed["kind"].isin(["outage", "backlog", "partial"])
        & feed["source"].isin(["grid_report", "dispute"])
        & (feed["from_at"] < as_of)
        & (feed["to_at"] >= as_of)
    ]
    grids = store.grids(as_of).set_index("grid_id")["county_id"]
    rows = found[(found["kind"] == "G01") & (found["state"] == "open") & found["suppressed_by"].isna()]
    inside = rows["scope"].str.removeprefix("grid:").map(grids).isin(set(out["org_code"]))
    silent = truth["silent"]
    spelled = set(
        silent.loc[(silent["from_at"] - EDGE < as_of) & (silent["to_at"] + pd.Timedelta(days=60) >= as_of), "grid_id"]
    )
    mine = rows["scope"].str.removeprefix("grid:")
    return {
        "kind": "G01-in-outage",
        "outages": len(out),
        "alarms": int((inside & ~mine.isin(spelled)).sum()),
        "shown": int(inside.sum()),
    }


def calls_hit(found, truth, as_of):
    """Lost calls by name: those of the evidence of G12 against the truth."""
    rows = found[found["kind"] == "G12"]
    named = {c for e in rows["evidence"] for c in json.loads(e).get("calls", [])}
    lost = truth["diversion"]
    lost = lost[lost["lost"]]
    age = (as_of - lost["sent_at"]) / pd.Timedelta(hours=1)
    want = set(lost.loc[(age > 24) & (age <= 24 + 24 * 28), "call_id"])
    near = set(lost.loc[(age > 20) & (age <= 24 + 24 * 29), "call_id"])
    hit, n, true = precision_recall(named, want, near)
    return {"kind": "G12-calls", "hit": hit, "found": n, "true": true}


def pairs_hit(found, truth):
    """Pairs of bodies by name: those of G13 against those of which the one truly sends back one case in four and more."""
    sent = truth["case"].assign(back=truth["case"]["n_returns"] > 0)
    by = sent.groupby(["township_id", "returned_by"])["back"].agg(["mean", "sum"]).reset_index()
    want = by[(by["mean"] >= 0.25) & (by["sum"] >= 5)]
    scope = found.loc[(found["kind"] == "G13") & found["scope"].str.startswith("org:"), "scope"]
    hit, n, true = precision_recall(scope, "org:" + want["township_id"] + "/" + want["returned_by"], [])
    return {"kind": "G13-pairs", "hit": hit, "found": n, "true": true}


def score_repeats(store, truth, night):
    """Returns of closed cases, one by one: against the same dispute, and against it or its offspring."""
    e = Evidence(store, night)
    events, link = e.events, truth["link"]
    at = link["occurred_at"].dt.tz_convert(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    known = pd.DataFrame({"source": link["source"], "at": at, "dispute": link["dispute"]}).drop_duplicates(
        ["source", "at"]
    )
    mine = pd.DataFrame({"source": events.words["source"][events.source], "at": events.occurred}).merge(
        known, how="left", on=["source", "at"]
    )
    dispute = mine["dispute"].fillna(-1).to_numpy(int)
    table = repeat.recurrences(e)
    table["d"] = dispute[table["row"]]
    parent = truth["dispute"]["parent"].to_numpy()
    own = pd.DataFrame({"d": dispute, "at": events.occurred})[dispute >= 0]
    child = own[parent[own["d"]] >= 0].assign(d=lambda f: parent[f["d"]])
    found = table["again"] < NEVER
    result = {}
    for name, later in (("same", own), ("same_or_offspring", pd.concat([own, child]))):
        met = pd.merge_asof(
            table.sort_values("closed"),
            later.sort_values("at").rename(columns={"at": "occ"}),
            left_on="closed",
            right_on="occ",
            by="d",
            direction="forward",
            tolerance=repeat.FOLLOW_UP_DAYS * DAY_US,
            allow_exact_matches=False,
        )
        true, hit = met["occ"].notna(), met["again"] < NEVER
        result[name] = [int((true & hit).sum()), int(found.sum()), int(true.sum())]
    return result


def waits(store, truth, first, n_nights):
    """Days from the beginning of each true gap to the first night it is told, over nights in a row; and false ones a night."""
    gap = truth["gap"]
    nights = [store.instant(first) + pd.Timedelta(days=d) for d in range(n_nights)]
    seen, false = {}, {}
    for night in nights:
        found = gaps.find_gaps(store, as_of=night)
        for kind in set(gap["kind"]):
            _, scope = scopes_of(found, kind)
            for s in set(scope):
                seen.setdefault((kind, s), []).append(night)
            active = gap[(gap["kind"] == kind) & (gap["from_at"] - EDGE < night) & (gap["to_at"] + EDGE >= night)]
            names = set(
                active["scope"].map(
                    lambda s: "pair:" + "|".join(sorted(s[5:].split("|"))) if s.startswith("pair:") else s
                )
            )
            false.setdefault(kind, []).append(len(set(scope) - names))
    out = {}
    begun = gap[(gap["from_at"] >= nights[0]) & (gap["from_at"] < nights[-1] - pd.Timedelta(days=7))]
    for kind, rows in begun.groupby("kind"):
        days = []
        for r in rows.itertuples():
            scope = "pair:" + "|".join(sorted(r.scope[5:].split("|"))) if r.scope.startswith("pair:") else r.scope
            later = [n for n in seen.get((kind, scope), []) if r.from_at <= n <= min(r.to_at, nights[-1]) + EDGE]
            days.append((later[0] - r.from_at).total_seconds() / 86_400 if later else np.inf)
        out[kind] = {
            "n": len(days),
            "found": float(np.isfinite(days).mean()),
            "median": float(np.median(days)) if np.isfinite(np.median(days)) else None,
        }
    n_grids = len(store.grids(nights[0]))
    return {
        "waits": out,
        "false_per_1000_grid_nights": {k: float(np.mean(v) / n_grids * 1000) for k, v in false.items()},
    }


# -- nights within faults -----------------------------------------------------------------------------------------------


def score_faults(store, truth, *, most=6):
    """Silence on nights within outages of the workers' feeds, and unplaced events on nights within and after their faults."""
    feed = truth["feed"]
    late = feed[feed["from_at"] > feed["from_at"].min() + pd.Timedelta(days=200)]
    still = late[late["kind"].isin(["outage", "backlog", "partial"]) & late["source"].isin(["grid_report", "dispute"])]
    silent, unplaced = [], []
    for fault in still.head(most).itertuples():
        night = fault.to_at
        found = gaps.find_gaps(store, as_of=night, kinds=["G01", "G08"])
        counts = outage_silence(found, truth, night, store)
        silent.append(
            {
                "fault": fault.kind,
                "source": fault.source,
                **counts,
                "suppressed": int(found["suppressed_by"].notna().sum()),
            }
        )
    bad = late[late["kind"] == "unplaced"]
    for fault in bad.itertuples():
        for days in (7, 14, 28, 45):
            night = fault.from_at + pd.Timedelta(days=days)
            if night >= feed["to_at"].max():
                continue
            found = gaps.find_gaps(store, as_of=night, kinds=["G18"])
            on = bad[(bad["from_at"] < night) & (bad["to_at"] >= night)]
            near = bad[(bad["from_at"] - EDGE < night) & (bad["to_at"] + EDGE >= night)]
            names = [set("feed:" + b["source"] + "/" + b["org_code"]) for b in (on, near)]
            hit, n, true = precision_recall(found["scope"], *names)
            unplaced.append({"days": days, "hit": hit, "found": n, "true": true})
    return {"silent": silent, "unplaced": unplaced}


# -- run ----------------------------------------------------------------------------------------------------------------


def main():
    parse = argparse.ArgumentParser()
    parse.add_argument("--cities", type=Path, required=True)
    parse.add_argument("--preset", default="city")
    parse.add_argument("--seeds", default="1,2,3,4,5")
    parse.add_argument("--rates", default="12,24,60,120")
    parse.add_argument("--parts", default="silence,feeds,kinds,faults,waits")
    parse.add_argument("--nights", default="2024-06-03,2024-12-02,2025-03-03,2025-06-02,2025-09-01,2025-12-01")
    parse.add_argument("--out", type=Path, required=True)
    ask = parse.parse_args()
    nights, parts = ask.nights.split(","), ask.parts.split(",")
    results = json.loads(ask.out.read_text()) if ask.out.exists() else {}
    for seed in ask.seeds.split(","):
        for rate in ask.rates.split(","):
            store, truth = city_of(ask.cities, ask.preset, seed, rate)
            mine = results.setdefault(f"{seed}-{rate}", {})
            begun = time.process_time()
            if "silence" in parts:
                mine["silence"], mine["silence_waits"] = score_silence(store, truth, nights)
            if "feeds" in parts:
                mine["feeds"] = score_feeds(store, truth, nights[-1], sources=None if rate == "60" else {"grid_report"})
            if "kinds" in parts and rate == "60":
                mine["kinds"] = score_kinds(store, truth, nights[1::2])
            if "faults" in parts and rate == "60":
                mine["faults"] = score_faults(store, truth)
            if "waits" in parts and rate == "60":
                mine["waits"] = waits(store, truth, "2024-05-06", 35)
            ask.out.write_text(json.dumps(results, indent=1, default=str))
            print(seed, rate, round(time.process_time() - begun), "s", flush=True)


if __name__ == "__main__":
    main()
