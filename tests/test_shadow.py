"""The challenger in the shadow: compared every night, never the list, and never a fault of the night's."""

import dataclasses

import pandas as pd
import pytest
import towns

from riskwarn import tracking
from riskwarn.pipeline import nightly

LATER = "2026-01-05"
"""Three weeks after the street's night, when the outcomes of its lists have settled."""


def run(store, as_of=towns.STREET_NIGHT, **changes):
    return nightly(store, towns.TARGET, as_of=as_of, alias=tracking.CANDIDATE, capacity=4, **changes)


def challenge(store, **changes):
    """Keep a changed copy of the champion as the challenger."""
    model = tracking.kept(store.path, towns.TARGET, alias=tracking.CANDIDATE)
    tracking.keep(dataclasses.replace(model, **changes), store.path, alias=tracking.CHALLENGER)


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    """A street with events that go on, its night alone and with a challenger, and the night three weeks later."""
    store = towns.copy(towns.street(), tmp_path_factory.mktemp("shadow") / "street")
    more = towns.street_events(first="2025-12-25", days=14, seed=9)
    store.write("events", more.assign(event_id="m" + more["event_id"]))
    alone = run(store)
    challenge(store, line_share=0.9)
    said = []
    first = run(store, say=said.append)
    return store, alone, first, run(store, LATER), said


def test_without_a_challenger_a_night_is_as_ever(nights):
    """Nothing is compared and nothing is said of it; a challenger makes another run, with the very same scores and list."""
    _, alone, first, *_ = nights

    assert "shadow" not in alone.facts
    assert first.run != alone.run
    for table in ("scores", "alerts", "reasons"):
        pd.testing.assert_frame_equal(getattr(first, table), getattr(alone, table))


def test_the_challenger_is_compared_with_the_champion(nights):
    """Correlation of the ranks, and what the first places have in common, are those of the two models on the night's own panel."""
    store, _, first, _, said = nights
    told = first.facts["shadow"][towns.TARGET]
    challenger = tracking.kept(store.path, towns.TARGET, alias=tracking.CHALLENGER)
    by_challenger = towns.rw.score(challenger, towns.street_night(), capacity=4).set_index("grid_id")
    by_champion = first.scores.set_index("grid_id").loc[by_challenger.index]

    assert told["challenger"] == challenger.version
    assert told["rank_correlation"] == pytest.approx(
        by_champion["rank"].astype(float).corr(by_challenger["rank"].astype(float), method="spearman"), abs=1e-4
    )
    common = set(by_champion["rank"].astype(int).nsmallest(4).index) & set(by_challenger.index[:4])
    assert told["overlap"] == len(common) / 4
    assert told["seconds"] >= 0
    assert any(line.startswith(f"challenger {challenger.version} of {towns.TARGET}: rank") for line in said)


def test_hits_are_told_once_the_outcomes_are_settled(nights):
    """The lists of a night wait until their horizon is over; then it is counted how many of their places had an event, by each."""
    store, _, first, later, _ = nights
    [waiting] = first.facts["shadow"][towns.TARGET]["waiting"]
    told = later.facts["shadow"][towns.TARGET]
    events = store.read("events")
    after = events[
        (events["occurred_at"] >= first.as_of) & (events["occurred_at"] < first.as_of + pd.Timedelta(days=14))
    ]
    with_events = set(after["grid_id"].astype(str))

    assert first.facts["shadow"][towns.TARGET]["matured"]["nights"] == 0
    assert told["matured"] == {
        "nights": 1,
        "listed": 4,
        "champion": len(with_events & set(waiting["champion"])),
        "challenger": len(with_events & set(waiting["challenger"])),
    }
    assert [night["as_of"] for night in told["waiting"]] == [later.as_of.isoformat()]


def test_a_new_challenger_begins_anew(nights):
    """What another model listed is not counted for it."""
    store, *_ = nights
    challenge(store, line_share=0.8)
    told = run(store, "2026-01-06").facts["shadow"][towns.TARGET]

    assert told["matured"]["nights"] == 0
    assert len(told["waiting"]) == 1


def test_a_broken_challenger_costs_the_night_nothing(nights):
    """Its bundle is damaged: the night publishes all it has, and says why the challenger was not compared."""
    store, *_ = nights
    place = next((store.path / "models" / towns.TARGET).glob(".challenger-*"))
    for bundle in place.parent.glob(".challenger-*"):
        (bundle / "trees.txt").write_text("no trees")
    night = run(store, "2026-01-07")

    assert len(night.scores) == 12
    assert "damaged or was swapped" in night.facts["shadow"][towns.TARGET]["failed"]
