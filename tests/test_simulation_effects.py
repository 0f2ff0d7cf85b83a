"""Each effect of the synthetic city stands alone: without it, all it does not cause stays as it was."""

import numpy as np
import pandas as pd
import pytest

from riskwarn import simulation
from riskwarn.errors import DefinitionError
from riskwarn.simulation import EFFECTS, Preset, Strength
from riskwarn.simulation.changes import crosswalk_truth
from riskwarn.simulation.city import make_tables
from riskwarn.simulation.faults import SOURCES
from riskwarn.simulation.setting import make_setting
from riskwarn.simulation.world import make_world

HAMLET = Preset(
    counties=3,
    townships=6,
    communities=20,
    grids=60,
    days=420,
    shared_grids=9,
    outages=4,
    partial=3,
    backlog=3,
    schema=3,
    seams=4,
    paper_townships=2,
    bounce_pairs=4,
    careless_townships=2,
    first_as_of=200,
)
DELIVERY = {"outages", "partial", "backlog", "batches"}
LATENT = ("key", "born", "grid", "kind", "severity", "place", "point")
STEPS = ("found", "hotline", "petition", "call", "resolved", "paper")


def live(*without):
    return make_world(make_setting(HAMLET, seed=5, without=without))


@pytest.fixture(scope="module")
def whole():
    world = live()
    return world, make_tables(world)


@pytest.fixture(scope="module")
def lacking():
    made = {}

    def once(effect):
        if effect not in made:
            world = live(effect)
            made[effect] = world, make_tables(world)
        return made[effect]

    return once


def steps_of(world, keep):
    """Steps of the disputes whose key is kept, by key, in one order."""
    made = {}
    for name in STEPS:
        rows = pd.DataFrame(getattr(world.course, name))
        rows["key"] = world.disputes.key[rows.pop("dispute")]
        rows = rows[rows["key"].isin(keep)]
        made[name] = rows.sort_values(list(rows), ignore_index=True)
    return made


def assert_same_steps(one, other, keep):
    mine, theirs = steps_of(one, keep), steps_of(other, keep)
    assert sum(map(len, mine.values())) > 100
    for name in STEPS:
        pd.testing.assert_frame_equal(mine[name], theirs[name])


def assert_same_tables(one, other, names):
    for name in names:
        pd.testing.assert_frame_equal(one[name], other[name])


@pytest.mark.parametrize("effect", sorted(EFFECTS))
def test_an_effect_makes_a_difference(whole, lacking, effect):
    """Every effect can be seen in the tables, a change of headers by the codes that change beside it."""
    _, tables = lacking(effect)

    assert any(not whole[1][name].equals(tables[name]) for name in tables)


@pytest.mark.parametrize("effect", sorted(set(EFFECTS) - {"excitation", "seams", "season"}))
def test_true_disputes_depend_on_no_observer(whole, lacking, effect):
    """Who watches, reports, delivers or misfiles does not change which disputes arise."""
    world, _ = lacking(effect)

    for name in LATENT:
        np.testing.assert_array_equal(getattr(whole[0].disputes, name), getattr(world.disputes, name))


@pytest.mark.parametrize("effect", sorted(set(EFFECTS) - {"sharing", "leave", "changes"}))
def test_visits_depend_on_staff_alone(whole, lacking, effect):
    """Visits, roster, places and grids stay row by row where only other effects are left out."""
    assert_same_tables(whole[1], lacking(effect)[1], ("visits", "roster", "places", "grids", "crosswalk"))


@pytest.mark.parametrize(
    "effect", sorted(DELIVERY | {"schema", "misfiled", "unplaced", "feedback", "unlinked", "bounce", "changes"})
)
def test_clerks_and_feeds_do_not_change_the_course(whole, lacking, effect):
    """What becomes of a dispute does not depend on how it is written down or delivered."""
    world, _ = lacking(effect)

    assert_same_steps(whole[0], world, whole[0].disputes.key)


@pytest.mark.parametrize(
    ("effect", "column"), [("misfiled", "category"), ("unplaced", "grid_id"), ("unlinked", "case_id")]
)
def test_dirt_changes_its_own_column(whole, lacking, effect, column):
    """Wrong categories, missing grids and missing links each change one column of events and no other."""
    events = lacking(effect)[1]["events"]

    pd.testing.assert_frame_equal(whole[1]["events"].drop(columns=column), events.drop(columns=column))
    assert (whole[1]["events"][column].fillna("?") != events[column].fillna("?")).mean() > 0.005


@pytest.mark.parametrize("effect", sorted(DELIVERY))
def test_faults_of_feeds_change_only_their_own_feeds(whole, lacking, effect):
    """Rows of other feeds arrive unchanged when a fault is left out."""
    kinds = {"outages": "outage", "partial": "partial", "backlog": "backlog"}
    faults = whole[0].faults
    hit = set(
        zip(
            faults.source[faults.kind == kinds.get(effect)],
            faults.county[faults.kind == kinds.get(effect)],
            strict=True,
        )
    )
    hit |= {(1, c) for c in np.flatnonzero(faults.batched)} if effect == "batches" else set()
    names = SOURCES
    orgs = {(names[s], whole[0].geo.county_id[c]) for s, c in hit}

    def others(events):
        touched = pd.MultiIndex.from_frame(events[["source", "org_code"]]).isin(orgs)
        return events[~touched].reset_index(drop=True)

    assert orgs
    pd.testing.assert_frame_equal(others(whole[1]["events"]), others(lacking(effect)[1]["events"]))


def test_without_bounces_only_the_workflow_changes(whole, lacking):
    """Cases sent back leave their trace in the workflow alone."""
    tables = lacking("bounce")[1]

    assert_same_tables(whole[1], tables, set(tables) - {"workflow"})


def test_immigrants_live_the_same_life_without_offspring(whole, lacking):
    """Leaving out excitation removes the offspring and touches nobody else."""
    world, _ = lacking("excitation")
    immigrants = world.disputes.key[world.disputes.seam < 0]

    assert not (world.disputes.parent >= 0).any()
    assert_same_steps(whole[0], world, immigrants)


def test_other_disputes_do_not_notice_seams(whole, lacking):
    """Leaving out seams removes their disputes and touches no others."""
    world, _ = lacking("seams")

    assert len(world.disputes.key) < len(whole[0].disputes.key)
    assert_same_steps(whole[0], world, world.disputes.key)


def test_silence_concerns_silent_grids_alone(whole, lacking):
    """Disputes in grids that were never silent take the same course without silence."""
    world, _ = lacking("silence")
    silent = np.isin(world.disputes.grid, whole[0].watch.silent.grid)

    assert_same_steps(whole[0], world, world.disputes.key[~silent])
    assert len(world.course.found["day"]) > len(whole[0].course.found["day"])


def test_staff_concern_their_own_grids(whole, lacking):
    """Visits to grids whose worker is neither shared nor away stay as they were."""
    for effect, grids in (("sharing", np.flatnonzero(whole[0].watch.shared)), ("leave", whole[0].watch.leave.grid)):
        world, _ = lacking(effect)
        other = np.setdiff1d(np.arange(60), grids)
        np.testing.assert_array_equal(whole[0].watch.n_visits[:, other], world.watch.n_visits[:, other])
        assert world.watch.n_visits[:, grids].sum() > whole[0].watch.n_visits[:, grids].sum()


def test_paper_concerns_its_townships(whole, lacking):
    """Disputes of townships that close honestly take the same course without paper closures."""
    world, _ = lacking("paper")
    township = whole[0].geo.township[world.disputes.grid]
    paper = np.unique(township[whole[0].course.paper["dispute"]])

    assert len(paper) == 2
    assert len(world.course.paper["day"]) == 0
    assert_same_steps(whole[0], world, world.disputes.key[~np.isin(township, paper)])


def test_mass_is_conserved_through_splits_and_merges(whole, lacking):
    """Each event lies in the old grid or in what became of it, and the crosswalk's weights add up to one."""
    new, old = whole[1]["events"], lacking("changes")[1]["events"]
    walk = crosswalk_truth(whole[0].codes)
    became = walk.groupby("from_grid_id")["to_grid_id"].agg(set)
    moved = new["grid_id"] != old["grid_id"]
    pairs = set(zip(old.loc[moved, "grid_id"], new.loc[moved, "grid_id"], strict=True))

    assert len(new) == len(old)
    assert pairs
    assert all(to in became[of] for of, to in pairs)
    np.testing.assert_allclose(walk.groupby("from_grid_id")["weight"].sum(), 1.0, atol=1e-12)
    people = whole[1]["grids"].set_index("grid_id")["population"]
    after = people[walk["to_grid_id"].unique()].sum()
    assert abs(after - people[walk["from_grid_id"].unique()].sum()) <= len(walk)


def test_an_unknown_effect_is_refused():
    """A misspelt effect or preset is named, with the nearest that exists."""
    with pytest.raises(DefinitionError, match="did you mean 'outages'"):
        simulation.city("tiny", without={"outage"})
    with pytest.raises(DefinitionError, match="did you mean 'tiny'"):
        simulation.city("tiney")
    with pytest.raises(DefinitionError, match="must be positive"):
        simulation.city("tiny", reports_per_year=0)


@pytest.mark.parametrize("cause", ["overdue", "repeat", "season"])
def test_a_stronger_cause_does_more_and_touches_nothing_before_it(cause):
    """A cause made stronger brings more of what it causes; the studied strength is the city itself; disputes depend on the season alone."""
    strong = Strength(**{cause: 2.0})
    usual, more = make_world(make_setting(HAMLET, seed=5)), make_world(make_setting(HAMLET, seed=5, strength=strong))
    what = {"overdue": "petition", "repeat": "call", "season": None}[cause]

    assert make_setting(HAMLET, seed=5, strength=Strength()) == make_setting(HAMLET, seed=5)
    assert np.array_equal(usual.disputes.born, more.disputes.born) == (cause != "season")
    if what:
        assert len(getattr(more.course, what)["day"]) > len(getattr(usual.course, what)["day"])
    else:
        assert more.disputes.n > usual.disputes.n


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_strengths_that_are_none(value):
    """A strength below 0, missing or without bound is refused."""
    with pytest.raises(DefinitionError, match="strength season"):
        Strength(season=value)
