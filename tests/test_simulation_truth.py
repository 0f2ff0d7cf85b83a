"""Planted faults are where the truth says, and readers never look there."""

import ast
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import towns
from hypothesis import given, settings
from hypothesis import strategies as st

import riskwarn as rw
from riskwarn import simulation
from riskwarn.errors import NotFoundError
from riskwarn.simulation import PRESETS, chance
from riskwarn.store import Store

PACKAGE = Path(__file__).parent.parent / "riskwarn"
DAY = pd.Timedelta(days=1)


@pytest.fixture(scope="module")
def town():
    return simulation.city(replace(PRESETS["small"], first_as_of=700), seed=3)


@given(st.integers(0, 2**31), st.lists(st.integers(0, 2**40), min_size=2, max_size=30, unique=True))
def test_a_draw_depends_on_its_address_alone(seed, keys):
    """A draw is the same whatever else is drawn, in whatever order."""
    whole = chance.uniform(seed, "x", np.array(keys))

    assert chance.uniform(seed, "x", np.array(keys[::-1]))[::-1].tolist() == whole.tolist()
    assert chance.uniform(seed, "x", np.array(keys[:1]))[0] == whole[0]
    assert len(set(whole.tolist())) == len(keys)
    assert ((whole > 0) & (whole < 1)).all()


@given(st.floats(0.001, 5), st.floats(1, 3), st.integers(0, 100))
def test_more_is_expected_means_no_fewer(mean, factor, seed):
    """On one draw a higher mean never gives a lower count, and over many draws the mean is met."""
    u = np.random.default_rng(seed).random(2000)
    few, many = (chance.poisson(u, np.full(2000, m)) for m in (mean, mean * factor))

    assert (many >= few).all()
    assert abs(few.mean() - mean) < 6 * np.sqrt(mean / 2000)


def test_uniform_draws_are_uniform():
    """Neighbouring keys and channels give independent, evenly spread draws."""
    u = chance.uniform(7, "x", np.arange(20_000))
    v = chance.channel(chance.digest(7, "x", np.arange(20_000)), "other")

    assert abs(np.histogram(u, 20, (0, 1))[0] / 1000 - 1).max() < 0.15
    assert abs(np.corrcoef(u, v)[0, 1]) < 0.03
    assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 0.03


def test_a_stopped_feed_delivers_nothing_and_a_quiet_one_says_so(town):
    """In an outage there is no delivery and no row; outside of one every day has a delivery, also with zero rows."""
    log, events = town.tables["feed_log"], town.tables["events"]
    feed = town.truth["feed"]
    for spell in feed[feed["kind"].isin(["outage", "backlog"])].itertuples():
        inside = (
            (log["source"] == spell.source) & (log["org_code"] == spell.org_code) & (log["arrived_at"] >= spell.from_at)
        )
        assert not (inside & (log["arrived_at"] < spell.to_at)).any()
        rows = events[(events["source"] == spell.source) & (events["org_code"] == spell.org_code)]
        assert not ((rows["known_at"] >= spell.from_at) & (rows["known_at"] < spell.to_at)).any()
    batched = set(feed.loc[feed["kind"] == "batches", "org_code"])
    daily = log[(log["source"] != "petition") | ~log["org_code"].isin(batched)]
    stopped = feed[feed["kind"].isin(["outage", "backlog"])]
    missing = ((stopped["to_at"] - stopped["from_at"]) / DAY).sum()
    assert len(daily) == (15 - len(batched)) * 730 - missing
    assert (log["received"] == 0).any()
    assert batched


def test_every_revision_came_with_a_delivery(town):
    """Known times are arrival times, and the log's accepted rows are no fewer than the revisions that came."""
    log, events = town.tables["feed_log"], town.tables["events"]
    key = ["source", "org_code", "at"]
    came = events.rename(columns={"known_at": "at"}).groupby(key).size()
    told = log.rename(columns={"arrived_at": "at"}).set_index(key)["accepted"]

    assert (told.reindex(came.index) >= came).all()
    assert (log["covers_to"] <= log["arrived_at"]).all()
    assert (log["received"] == log["accepted"] + log["duplicate"]).all()


def test_a_flood_brings_what_was_held_back(town):
    """After a backlog all rows of the gap arrive at once; after an outage they never do."""
    feed, log = town.truth["feed"], town.tables["feed_log"]
    for spell in feed[(feed["kind"] == "backlog")].itertuples():
        mine = log[(log["source"] == spell.source) & (log["org_code"] == spell.org_code)]
        first = mine[mine["arrived_at"] >= spell.to_at].iloc[0]
        assert first["covers_to"] - first["covers_from"] > spell.to_at - spell.from_at


def test_a_partial_feed_keeps_a_fifth(town):
    """In a partial outage about one row in five arrives."""
    delivery, faults = town.world.delivery, town.world.faults
    events, at = town.world.records.events, town.world.records.revisions["event"].to_numpy()
    source, county = events["source"].to_numpy()[at], events["county"].to_numpy()[at]
    inside = faults.within("partial", source, county, delivery.day) >= 0

    assert inside.sum() > 100
    assert abs(delivery.came[inside].mean() - 0.2) < 4 * np.sqrt(0.16 / inside.sum())


def test_silent_grids_report_as_little_as_the_truth_says(town):
    """In a silent spell the share of reports that is passed on is the factor of the spell."""
    watch = town.world.watch
    usual = watch.n_reports[90:].sum(0) / np.where(watch.candour > 0, 1, 1)
    silent = watch.silent
    for factor in (0.0, 0.15):
        spells = [i for i in np.flatnonzero(silent.factor == factor) if silent.last[i] - max(silent.first[i], 0) < 600]
        inside = sum(
            watch.n_reports[90 + max(silent.first[i], 0) : 90 + silent.last[i], silent.grid[i]].sum() for i in spells
        )
        days = sum(silent.last[i] - max(silent.first[i], 0) for i in spells)
        outside = sum(
            usual[silent.grid[i]]
            - watch.n_reports[90 + max(silent.first[i], 0) : 90 + silent.last[i], silent.grid[i]].sum()
            for i in spells
        )
        rest = sum(730 - (silent.last[i] - max(silent.first[i], 0)) for i in spells)
        assert abs(inside / days / (outside / rest) - factor) < 0.04


def test_seams_gather_disputes(town):
    """In the strips of seams there are about three times the disputes that density expects, coded to either side."""
    world, seams = town.world, town.world.seams
    extra = np.bincount(world.disputes.seam[world.disputes.seam >= 0], minlength=len(seams.pair))
    density = world.disputes.rate.sum(1) / world.geo.area_km2 / 0.75 * world.setting.n_days
    expected = 2 * (density[seams.pair].sum(1) * seams.length_km * 0.3)
    events = world.records.events
    own = events[(events["dispute"] >= 0) & (events["code"] >= 0)]
    at_seam = own[world.disputes.seam[own["dispute"]] >= 0]

    assert abs(extra.sum() - expected.sum()) < 4 * np.sqrt(expected.sum())
    assert 0.4 < (at_seam["code"] != at_seam["true_code"]).mean() < 0.6
    assert at_seam["near"].ge(0).all()


def test_careless_townships_lose_calls(town):
    """Calls handed over go missing at a twentieth, and at a quarter where the truth says so; lost ones are never received."""
    truth, table = town.truth["diversion"], town.tables["diversions"]
    both = truth.merge(table, on=["call_id", "to_org"])

    assert (both["received_at"].isna() == both["lost"]).all()
    assert abs(both.loc[both["careless"], "lost"].mean() - 0.25) < 0.04
    assert abs(both.loc[~both["careless"], "lost"].mean() - 0.05) < 0.015


def test_paper_closures_come_back_more_often(town):
    """Of cases closed on paper far more disputes show up again within 60 days than of cases truly closed."""
    case, link = town.truth["case"], town.truth["link"]
    closed = case.dropna(subset=["closed_at"]).sort_values("closed_at")
    later = pd.merge_asof(
        closed,
        link[["dispute", "occurred_at"]].sort_values("occurred_at"),
        left_on="closed_at",
        right_on="occurred_at",
        by="dispute",
        direction="forward",
        tolerance=60 * DAY,
        allow_exact_matches=False,
    )
    again = later["occurred_at"].notna()

    assert again[later["paper"]].mean() > 2 * again[~later["paper"]].mean()
    near_limit = (later["due_at"] - later["closed_at"]) / DAY
    assert near_limit[later["paper"]].between(0, 2).all()


def test_bounces_gather_in_pairs(town):
    """Cases are sent back in a few pairs of organisations; each return of the truth stands in the workflow."""
    case, flow = town.truth["case"], town.tables["workflow"]
    returns = flow[flow["action"] == "return"]
    pairs = case[case["n_returns"] > 0]["returned_by"].value_counts()

    assert abs((case["n_returns"] > 0).mean() - 0.03) < 0.03
    assert pairs.head(6).sum() > 0.3 * pairs.sum()
    assert set(returns["case_id"]) <= set(case.loc[case["n_returns"] > 0, "case_id"])


def test_steps_of_a_case_stand_in_order(town):
    """Within a case the steps are numbered in the order of time."""
    flow = town.tables["workflow"].sort_values(["case_id", "step"])
    same = flow["case_id"].to_numpy()[1:] == flow["case_id"].to_numpy()[:-1]

    assert (np.diff(flow["at"].astype("int64"))[same] >= 0).all()


def test_every_gap_kind_with_truth_is_planted(town):
    """The truth holds spells of each kind that can be judged, inside the life of the city, from before to."""
    gap = town.truth["gap"]

    assert set(gap["kind"]) == {f"G{i:02d}" for i in (1, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 18)}
    assert (gap["from_at"] < gap["to_at"]).all()
    assert gap["scope"].str.match(r"(grid|feed|pair|org|place):").all()


def test_the_truth_is_asked_for_by_name(tmp_path):
    """Without a truth beside the store the judge is told so."""
    with pytest.raises(NotFoundError, match="no truth beside this store"):
        simulation.read_truth(tmp_path / "nothing")


def test_no_reader_knows_of_the_truth():
    """No module outside the simulation imports its truth, or names the folder it lies in."""
    for path in PACKAGE.rglob("*.py"):
        if "simulation" in path.relative_to(PACKAGE).parts:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        names = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)} | {
            a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for a in n.names
        }
        assert "read_truth" not in names, path
        assert not any("-truth" in text for text in texts), path


def test_a_night_never_opens_the_truth(tmp_path):
    """Tables, panel, scores and gaps of a night are the same with the truth deleted, and no file of it is opened on the way."""
    simulation.city(replace(PRESETS["tiny"], first_as_of=380), seed=7).write(tmp_path / "town")
    opened = []
    watching = True

    def watch(event, arguments):
        if watching and event in {"open", "os.listdir", "os.scandir"} and "-truth" in str(arguments[0]):
            opened.append(arguments)

    def night():
        store = Store(tmp_path / "town")
        panel = rw.build_panel(store, towns.experiment(), as_of=towns.NIGHT)
        scores = rw.score(towns.model(), panel)
        gaps = rw.find_gaps(store, scores, kinds=["G01", "G08"])
        return {name: store.read(name) for name in store.tables()} | {"panel": panel, "scores": scores, "gaps": gaps}

    sys.addaudithook(watch)
    towns.model()
    opened.clear()
    with_truth = night()
    watching = False
    shutil.rmtree(tmp_path / "town-truth")
    without = night()

    assert opened == []
    for name, frame in with_truth.items():
        pd.testing.assert_frame_equal(frame, without[name])
    assert len(with_truth["scores"]) > 190


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_random_small_worlds_keep_the_contract(seed):
    """Worlds drawn at random are repeatable and pass their schemas."""
    from riskwarn.schema import conform

    tables = simulation.worlds.drawn(seed)
    for name, frame in tables.items():
        conform(name, frame)
        pd.testing.assert_frame_equal(frame, simulation.worlds.drawn(seed)[name])


@pytest.mark.parametrize("name", simulation.worlds.WORLDS)
def test_small_worlds_are_stored(name, tmp_path):
    """Every adversarial world can be written to a store and read back whole."""
    tables = simulation.worlds.WORLDS[name]()
    store = Store(tmp_path / "world", timezone="Asia/Shanghai")
    for table in ("grids", "crosswalk", "events", "feed_log"):
        if len(tables.get(table, ())):
            store.write(table, tables[table])

    assert {n: len(store.read(n)) for n in store.tables()} == {n: len(t) for n, t in tables.items() if len(t)}


def test_each_trap_is_there():
    """The small worlds hold what they promise: ties, instants at as_of, prefixes, one grid, none."""
    world, as_of = simulation.worlds.WORLDS, simulation.worlds.AS_OF
    edge = world["at_the_instant"]()["events"]
    ids = world["prefixes"]()["grids"]["grid_id"]

    assert len(set(world["simultaneous"]()["events"]["occurred_at"])) == 1
    assert {(edge["known_at"] == as_of).sum(), (edge["occurred_at"] == as_of).sum()} == {1}
    assert sum(a != b and b.startswith(a) for a in ids for b in ids) >= 5
    assert len(world["one_grid"]()["grids"]) == 1
    assert len(world["empty"]()["events"]) == 0
    assert world["revised"]()["events"]["retracted"].sum() == 2
