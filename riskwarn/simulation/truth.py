"""The truth tables: what really happened, kept apart from everything the library reads."""

import numpy as np
import pandas as pd

from riskwarn.simulation.chain import TARGETS
from riskwarn.simulation.changes import crosswalk_truth, told
from riskwarn.simulation.disputes import KINDS
from riskwarn.simulation.escalation import faulty_townships
from riskwarn.simulation.faults import SOURCES
from riskwarn.simulation.gap_truth import gap_truth
from riskwarn.simulation.observation import CATEGORIES, FLAGS, ends_of
from riskwarn.simulation.oracle import Oracle
from riskwarn.simulation.setting import instants, words
from riskwarn.simulation.workflow import bounces, diversion_rows, ledger_cases
from riskwarn.simulation.world import World, by_code, event_ids, place_keys


def truth_tables(world: World, events: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """All truth tables by name; `events` is the table the centre holds."""
    changes = crosswalk_truth(world.codes)
    cases = ledger_cases(world)
    tables = {
        "dispute": dispute_truth(world),
        "link": link_truth(world),
        "case": case_truth(world, cases),
        "prob": probability_truth(world, events),
        "silent": spell_truth(world, "silent"),
        "coverage": coverage_truth(world),
        "feed": feed_truth(world),
        "seam": seam_truth(world),
        "diversion": diversion_truth(world),
        "township": township_truth(world),
        "crosswalk": changes.assign(supplied=told(world.setting, changes)),
    }
    return tables | {"gap": gap_truth(world, tables)}


def dispute_truth(world: World) -> pd.DataFrame:
    """Every latent dispute: where, what, its parent (row number, -1 for none), when it was first seen, found and over."""
    d, events = world.disputes, world.records.events
    disputed = events["dispute"] >= 0
    citizen = disputed & (events["source"] != 0)
    resolved = world.course.resolved
    over = np.full(d.n, np.nan)
    over[resolved["dispute"]] = resolved["day"] + 1
    episodes = np.ones(d.n, np.int64)
    np.maximum.at(episodes, resolved["dispute"], resolved["episode"] + 1)
    return pd.DataFrame(
        {
            "dispute": np.arange(d.n),
            "began_at": instants(d.born),
            "grid_id": words(world.codes.vocabulary, d.grid),
            "kind": words([k.name for k in KINDS], d.kind),
            "severity": d.severity,
            "parent": d.parent,
            "seam": d.seam,
            "place_key": pd.array(place_keys(world), dtype="str"),
            "episodes": episodes,
            "over_at": instants(over),
            "first_citizen_at": instants(_first(d.n, events[citizen])),
            "first_found_at": instants(_first(d.n, events[disputed & (events["source"] == 0)])),
        }
    )


def _first(n: int, events: pd.DataFrame) -> np.ndarray:
    first = np.full(n, np.inf)
    np.minimum.at(first, events["dispute"].to_numpy(), events["occurred"].to_numpy())
    return np.where(np.isinf(first), np.nan, first)


def link_truth(world: World) -> pd.DataFrame:
    """Every record of a dispute: which dispute, its true grid and category, and whether the centre ever received it."""
    events = world.records.events
    rows = np.flatnonzero(events["dispute"].to_numpy() >= 0)
    revisions = world.records.revisions
    came = np.bincount(revisions["event"], world.delivery.came, minlength=len(events)) > 0
    category = np.zeros(len(events), np.int64)
    category[revisions["event"]] = revisions["true_category"]
    one = events.iloc[rows]
    return pd.DataFrame(
        {
            "source": words(list(SOURCES), one["source"].to_numpy()),
            "event_id": pd.array(event_ids(world)[rows], dtype="str"),
            "dispute": one["dispute"].to_numpy(),
            "occurred_at": instants(one["occurred"].to_numpy()),
            "grid_id": words(world.codes.vocabulary, one["true_code"].to_numpy()),
            "written_grid_id": words(
                [*world.codes.vocabulary, ""], np.where(one["code"] < 0, len(world.codes.vocabulary), one["code"])
            ),
            "category": words(list(CATEGORIES), category[rows]),
            "violent": one["violent"].to_numpy(bool),
            "nth": one["nth"].to_numpy(),
            "linked": one["linked"].to_numpy(bool),
            "received": came[rows],
        }
    )


def case_truth(world: World, cases: pd.DataFrame) -> pd.DataFrame:
    """Every ledger case: limits, how often it was sent back and by whom, whether it was closed on paper only."""
    entries = world.course.found
    made = entries["day"] >= 0
    _, paper = ends_of(world.course, entries["dispute"][made], entries["episode"][made], entries["day"][made])
    department, times = bounces(world, cases)
    town = world.geo.township_id[cases["township"]]
    event = cases["event"].to_numpy()
    return pd.DataFrame(
        {
            "event_id": pd.array(event_ids(world)[event], dtype="str"),
            "case_id": pd.array(cases["case_id"], dtype="str"),
            "dispute": cases["dispute"],
            "grid_id": words(world.codes.vocabulary, cases["code"].to_numpy()),
            "township_id": pd.array(town, dtype="str"),
            "opened_at": instants(cases["opened"].to_numpy()),
            "due_at": instants(cases["due"].to_numpy()),
            "closed_at": instants(cases["closed"].to_numpy()),
            "paper": paper,
            "n_returns": times,
            "returned_by": pd.array(np.char.add(np.char.add(town, "-D"), department.astype(str)), dtype="str"),
        }
    )


def probability_truth(world: World, events: pd.DataFrame) -> pd.DataFrame:
    """For each Monday, grid and target: the oracle's probabilities, what happened, and what the tables tell of it.

    Columns: `probability` and `expected` from one who knows the state of every dispute; `probability_known` from one who
    knows the state of those that left a record; `n` true events; `n_recorded` events counted from the `events` table.
    """
    oracle, parts = Oracle(world), []
    happened, told_of, n_codes = _happened(world), _recorded(world, events), len(world.codes.vocabulary)
    for day in sorted(world.course.snapshots):
        here = np.flatnonzero(_valid(world, day))
        for name, probability, expected, known in oracle.ask(day):
            n = _count(world, happened[name], day, TARGETS[name].days, n_codes)
            n_recorded = _count(world, told_of[name], day, TARGETS[name].days, n_codes)
            settled = day + TARGETS[name].days <= world.setting.preset.days
            parts.append(
                {
                    "code": here,
                    "day": np.full(len(here), day),
                    "target": np.full(len(here), list(TARGETS).index(name)),
                    "probability": probability[here],
                    "expected": expected[here],
                    "probability_known": known[here],
                    "n": np.where(settled, n[here], -1),
                    "n_recorded": np.where(settled, n_recorded[here], -1),
                }
            )
    empty = ("code", "day", "target", "probability", "expected", "probability_known", "n", "n_recorded")
    whole = {k: np.concatenate([p[k] for p in parts]) if parts else np.zeros(0) for k in empty}
    counts = {k: pd.array(whole[k].astype(np.int64), dtype="Int64") for k in ("n", "n_recorded")}
    for values in counts.values():
        values[values < 0] = pd.NA
    return pd.DataFrame(
        {
            "grid_id": words(world.codes.vocabulary, whole["code"].astype(int)),
            "as_of": instants(whole["day"]),
            "target": words(list(TARGETS), whole["target"].astype(int)),
            "probability": whole["probability"],
            "expected": whole["expected"],
            "probability_known": whole["probability_known"],
            **counts,
        }
    )


def _valid(world: World, day: int) -> np.ndarray:
    """Which codes hold on a day."""
    n, every = len(world.codes.vocabulary), np.arange(world.geo.n)
    holds = np.zeros(n, bool)
    for side in (0, 1):
        holds[world.codes.at(every, np.full(len(every), side), np.full(len(every), day))] = True
    return holds


def _happened(world: World) -> dict[str, pd.DataFrame]:
    """True events of each target."""
    events = world.records.events[["source", "nth", "violent", "occurred", "grid", "side"]]
    source, nth, violent = (events[c].to_numpy() for c in ("source", "nth", "violent"))
    redress = np.zeros(len(events), bool)
    bit = 1 << FLAGS.index("seeks_redress")
    redress[world.records.revisions["event"]] = (world.records.revisions["tags"].to_numpy().astype(int) & bit) > 0
    calls, hotline, petition = source == 2, source == 3, source == 1
    return {
        "viol28": events[calls & violent],
        "calls7": events[calls & ~violent],
        "newpet28": events[petition & (nth == 0) & redress],
        "need28": events[hotline | petition],
    }


def recorded(events: pd.DataFrame) -> pd.DataFrame:
    """Events of each target as the `events` table tells them: `target`, `grid_id`, `occurred_at`, from newest revisions.

    ========  ==========================================================================
    viol28    source police_call, tag weapon or injury
    calls7    source police_call, category P04, neither tag
    newpet28  source petition, tag seeks_redress, no tag repeat
    need28    source hotline or petition
    ========  ==========================================================================
    """
    newest = events.drop_duplicates(["source", "event_id"], keep="last")
    newest = newest[~newest["retracted"]]
    tags = newest["tags"].fillna("")
    hurt = tags.str.contains("weapon|injury", regex=True)
    call, petition = newest["source"] == "police_call", newest["source"] == "petition"
    rules = {
        "viol28": call & hurt,
        "calls7": call & ~hurt & (newest["category"] == "P04"),
        "newpet28": petition & tags.str.contains("seeks_redress") & ~tags.str.contains("repeat"),
        "need28": petition | (newest["source"] == "hotline"),
    }
    return pd.concat(
        [newest.loc[rule, ["grid_id", "occurred_at"]].assign(target=name) for name, rule in rules.items()],
        ignore_index=True,
    )


def _recorded(world: World, events: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Recorded events of each target: `code` as written and `occurred`."""
    told_of = recorded(events)
    occurred = (told_of["occurred_at"] - instants(0.0)[0]) / pd.Timedelta(days=1)
    code = pd.Index(world.codes.vocabulary).get_indexer(told_of["grid_id"])
    numbers = pd.DataFrame({"code": code, "occurred": occurred.to_numpy()})[code >= 0]
    return dict(iter(numbers.groupby(told_of.loc[code >= 0, "target"].to_numpy())))


def _count(world: World, rows: pd.DataFrame, day: int, days: int, n_codes: int) -> np.ndarray:
    """Events in ``[day, day + days)`` by code: as written where that is given, else by the code that holds on `day`."""
    when = rows["occurred"].to_numpy()
    inside = (when >= day) & (when < day + days)
    if "side" in rows:
        grid, side = rows["grid"].to_numpy()[inside], rows["side"].to_numpy()[inside]
        return np.bincount(world.codes.at(grid, side, np.full(len(grid), day)), minlength=n_codes)
    return np.bincount(rows["code"].to_numpy()[inside], minlength=n_codes)


def spell_truth(world: World, name: str) -> pd.DataFrame:
    """Spells of grids (`silent` or `leave`), by the codes that hold in them."""
    spells = getattr(world.watch, name)
    rows = by_code(world, spells.grid, spells.first.astype(float), spells.last.astype(float))
    return pd.DataFrame(
        {
            "grid_id": words(world.codes.vocabulary, rows["code"]),
            "from_at": instants(rows["first"]),
            "to_at": instants(rows["last"]),
            "factor": spells.factor[rows["row"]],
        }
    )


def coverage_truth(world: World) -> pd.DataFrame:
    """Each first-day grid: its share of disputes and of visits, whether its worker is shared, and its days without one."""
    watch, geo = world.watch, world.geo
    need = world.disputes.rate.sum(1)
    leave = np.zeros(geo.n)
    np.add.at(leave, watch.leave.grid, (watch.leave.last - watch.leave.first).astype(float))
    return pd.DataFrame(
        {
            "grid_id": words(geo.grid_id, np.arange(geo.n)),
            "dispute_share": need / need.sum(),
            "visit_share": watch.rate / watch.rate.sum(),
            "visits_per_weekday": watch.rate,
            "shared": watch.shared,
            "candour": watch.candour,
            "days_without_worker": leave,
        }
    )


def feed_truth(world: World) -> pd.DataFrame:
    """Planted faults of feeds, monthly petition batches among them."""
    f, days = world.faults, world.setting.preset.days
    batched = np.flatnonzero(f.batched)
    kind = np.concatenate([f.kind.astype(str), np.full(len(batched), "batches")])
    source = np.concatenate([f.source, np.full(len(batched), SOURCES.index("petition"))]).astype(int)
    county = np.concatenate([f.county, batched]).astype(int)
    first = np.concatenate([f.first, np.zeros(len(batched))])
    last = np.concatenate([f.last, np.full(len(batched), days)])
    return pd.DataFrame(
        {
            "kind": pd.array(kind, dtype="str"),
            "source": words(list(SOURCES), source),
            "org_code": words(world.geo.county_id, county),
            "from_at": instants(first.astype(float)),
            "to_at": instants(last.astype(float)),
        }
    )


def seam_truth(world: World) -> pd.DataFrame:
    """Borders with three times the disputes in their strip, where clerks name either grid."""
    pair, days = world.seams.pair, float(world.setting.preset.days)
    sides = [by_code(world, pair[:, i], np.zeros(len(pair)), np.full(len(pair), days)) for i in (0, 1)]
    left, right = (pd.DataFrame(s) for s in sides)
    both = left.merge(right, on="row", suffixes=("", "_other"))
    first, last = both[["first", "first_other"]].max(axis=1), both[["last", "last_other"]].min(axis=1)
    both, first, last = both[first < last], first[first < last], last[first < last]
    return pd.DataFrame(
        {
            "seam": both["row"].to_numpy(int),
            "grid_id": words(world.codes.vocabulary, both["code"].to_numpy(int)),
            "other_grid_id": words(world.codes.vocabulary, both["code_other"].to_numpy(int)),
            "length_km": world.seams.length_km[both["row"].to_numpy(int)],
            "from_at": instants(first.to_numpy(float)),
            "to_at": instants(last.to_numpy(float)),
        }
    )


def diversion_truth(world: World) -> pd.DataFrame:
    """Police calls handed to mediators: which were lost on the way."""
    rows = diversion_rows(world)
    return pd.DataFrame(
        {
            "call_id": pd.array(event_ids(world)[rows["event"].to_numpy()], dtype="str"),
            "to_org": words(world.geo.township_id, rows["township"].to_numpy()),
            "sent_at": instants(rows["sent"].to_numpy()),
            "lost": rows["lost"].to_numpy(),
            "careless": rows["careless"].to_numpy(),
        }
    )


def township_truth(world: World) -> pd.DataFrame:
    """Each township: whether it closes cases on paper, loses calls, and how readily its disputes are found by visits."""
    paper, careless = faulty_townships(world.setting, world.geo)
    need = world.disputes.rate.sum(1)
    finding = world.watch.rate * world.watch.candour
    share = np.bincount(world.geo.township, need * finding) / np.bincount(world.geo.township, need)
    return pd.DataFrame(
        {
            "township_id": words(world.geo.township_id, np.arange(len(paper))),
            "paper": paper,
            "careless": careless,
            "finding": share,
        }
    )
