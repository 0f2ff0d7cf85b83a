"""Holds: what stops a publication or promotion until somebody has looked, and how it is lifted."""

import json

import pandas as pd
import pytest
import towns
from test_maturity import drawn

from riskwarn import answer, holds, releasing, tracking
from riskwarn.cli import main
from riskwarn.errors import DataError, GateError, PrivacyError, UnsoundError
from riskwarn.monitoring.mark import marks
from riskwarn.pipeline import nightly
from riskwarn.plan import HOLDS, Holds, Plan, Question

PLAN = Plan((Question("t"),))
QUIET = marks("score", ["score"], [0.05], warn=0.1, alarm=0.25).assign(target="t")


def found(*, bounds=None, tonight=QUIET, matured=None, fallen=None, changed=None):
    """Names and targets of the holds."""
    nothing = drawn(0)
    held = holds.found(
        bounds or Holds(),
        marks=tonight,
        matured=nothing if matured is None else matured,
        fallen=fallen or {},
        changed={"t": {"replaced": 0.1, "level": 1.0} | (changed or {})},
    )
    return [(hold.name, hold.target) for hold in held]


def test_a_quiet_night_holds_nothing():
    """Nothing new, no drift, nothing matured."""
    assert found() == []


@pytest.mark.parametrize(
    ("changed", "held"),
    [
        ({"replaced": 0.8}, []),
        ({"replaced": 1.0}, [("churn", "t")]),
        ({"level": 0.49}, [("level", "t")]),
        ({"level": 0.51}, []),
        ({"level": 2.1}, [("level", "t")]),
        ({"level": 1.9}, []),
    ],
)
def test_what_changes_beyond_belief_holds(changed, held):
    """Four of five lines may be others, all five not; the mean of what is expected may halve or double, no more."""
    assert found(changed=changed) == held


@pytest.mark.parametrize(("share", "held"), [(0.009, []), (0.011, [("unseen", "")]), (float("nan"), [])])
def test_new_categories_hold_above_a_share(share, held):
    """More than one in a hundred of a feed's week in categories not seen in a year."""
    new = marks("category", ["feed:dispute@new"], [share], warn=0.001, alarm=0.01, observed=share).assign(target="")

    assert found(tonight=new) == held
    assert found(tonight=new, bounds=Holds(unseen=0.5)) == []


@pytest.mark.parametrize(("value", "usual", "held"), [(0.3, 0.1, True), (0.19, 0.1, False), (0.3, 0.4, False)])
def test_drift_holds_where_it_is_large_and_unusual(value, usual, held):
    """A small city passes 0.2 every night; there only what is more than usual in training holds."""
    drift = marks("score", ["score"], [value], warn=usual, alarm=2.5 * usual).assign(target="t")

    assert found(tonight=drift) == [("drift", "t")] * held


@pytest.mark.parametrize(
    ("ratio", "nights", "step", "held"),
    [(1.5, 30, 1, True), (0.6, 30, 1, True), (1.0, 30, 1, False), (1.5, 14, 1, False), (1.2, 30, 1, False)],
)
def test_calibration_holds_after_weeks_outside(ratio, nights, step, held):
    """Four weeks of matured nights whose whole interval lies outside 0.8 to 1.25; two weeks do not suffice, nor does an interval that reaches in."""
    assert found(matured=drawn(nights, ratio=ratio, step=step, seed=2)) == [("calibration", "t")] * held


def test_only_the_last_weeks_count():
    """What was wrong half a year ago and has been right since holds nothing."""
    old, new = drawn(30, ratio=2.0, step=1), drawn(30, step=1)
    new["night_at"] += pd.Timedelta(days=180)

    assert found(matured=pd.concat([old, new])) == []


def test_a_fallen_model_holds():
    """A champion that differs on its golden rows."""
    assert found(fallen={"t": "differs"}) == [("golden", "t")]


@pytest.fixture
def street(tmp_path):
    """A street whose night has new categories in the week, for a hold that lasts until somebody looks."""
    store = towns.copy(towns.street(), tmp_path / "street")
    week = towns.street_events(first="2025-12-09", days=5, seed=3)
    store.write("events", week.assign(event_id="n" + week["event_id"], category="P99"))
    described(store)
    return store


JUDGED = {"by": "half", "group": "half", "listed": 20, "kept": 0.4, "count_kept": 0.4, "verdict": "passed"}
AUDIT = {"as_of": "2025-12-08", "checks": [], "disparities": [], "under_reporting": [JUDGED]}
"""An audit in which nothing is left to look at."""


def described(store, **papers):
    """The candidate of a store with card, datasheet and audit, or with these papers."""
    model = tracking.kept(store.path, towns.TARGET, alias=tracking.CANDIDATE)
    model.facts.update({"card": {"en": "# Card"}, "datasheet": {"rows": 1}, "audit": AUDIT} | papers)
    tracking.keep(model, store.path, alias=tracking.CANDIDATE)
    return model


def run(store, plan=None, **changes):
    if plan is not None:
        return nightly(store, plan=plan, as_of=towns.STREET_NIGHT, **changes)
    return nightly(store, towns.TARGET, as_of=towns.STREET_NIGHT, alias=tracking.CANDIDATE, **changes)


def planned(*stops):
    """The plan of the one question, with these holds stopping a publication."""
    question = Question(towns.TARGET, alias=tracking.CANDIDATE)
    return Plan((question,), holds=Holds(publication=stops))


def test_a_promotion_is_held_until_it_is_released(street):
    """The night is published; no model becomes champion before somebody has looked, and a release ends by itself."""
    run(street)
    with pytest.raises(GateError, match=r"hold stops the promotion of dispute_call_14d: unseen: feed:police_call@new"):
        holds.check_promotion(street, PLAN, towns.TARGET)
    releasing.release(street, "unseen", by="batch_operator", why="codes were mapped", days=3)
    holds.check_promotion(street, PLAN, towns.TARGET)
    [hold] = [h for h in holds.holds_of(street, PLAN) if h.name == "unseen"]

    assert hold.released.startswith("batch_operator until ")
    later = pd.Timestamp.now(tz=street.timezone) + pd.Timedelta(days=3, minutes=1)
    assert releasing.releases(street, now=later) == []
    assert street.noted()[-1]["why"] == "codes were mapped"


def test_a_release_of_one_question_is_of_that_alone(street):
    """Another question's hold stays."""
    drift = holds.Held("drift", "a", ("promotion",), "x"), holds.Held("drift", "b", ("promotion",), "x")
    releasing.release(street, "drift", target="a", by="batch_operator", why="known")
    left = holds.standing([holds._marked(hold, releasing.releases(street)) for hold in drift], "promotion")

    assert [hold.target for hold in left] == ["b"]


def test_a_plan_may_let_a_hold_stop_the_list(street):
    """Named under publication, it sets the night aside with its reason; released, the same night is published."""
    with pytest.raises(UnsoundError, match=r"hold unseen: feed:police_call@new.*To lift it"):
        run(street, planned("churn", "level", "unseen"))
    assert street.run_of(towns.STREET_NIGHT) is None
    assert "aside" in {hold.name for hold in holds.holds_of(street, PLAN)}
    releasing.release(street, "unseen", by="batch_operator", why="codes were mapped")

    assert len(run(street, planned("churn", "level", "unseen")).scores) == 12


@pytest.fixture
def jumped(street, monkeypatch):
    """The street after a night, with scores that are four times those of it."""
    nightly(street, towns.TARGET, as_of="2025-12-14", alias=tracking.CANDIDATE)
    score = answer.score
    four = lambda *a, **k: score(*a, **k).assign(**{c: lambda s, c=c: s[c] * 4 for c in ("expected", "upper")})  # noqa: E731
    monkeypatch.setattr(answer, "score", four)
    return street


def test_a_released_jump_is_published(jumped):
    """A level that is believed after all needs no force: released, the same night comes, and what was set aside holds nothing more."""
    with pytest.raises(
        UnsoundError, match=r"hold level: the mean expected of dispute_call_14d is .*To lift it: .*release it"
    ):
        run(jumped)
    assert [hold.name for hold in holds.holds_of(jumped, PLAN) if "publication" in hold.stops] == ["aside"]
    releasing.release(jumped, "level", by="batch_operator", why="a feed came back", target=towns.TARGET)
    run(jumped)

    assert jumped.run_of(towns.STREET_NIGHT)
    assert [hold for hold in holds.holds_of(jumped, PLAN) if "publication" in hold.stops] == []


def test_a_plan_may_let_a_jump_stop_a_promotion(jumped):
    """The night is published, and no model of the question becomes champion."""
    question = Question(towns.TARGET, alias=tracking.CANDIDATE)
    plan = Plan((question,), holds=Holds(publication=(), promotion=("level",)))
    run(jumped, plan)

    with pytest.raises(GateError, match="hold stops the promotion of dispute_call_14d: level"):
        holds.check_promotion(jumped, plan, towns.TARGET)


def test_a_degraded_night_lifts_nothing(street):
    """The data end days before the next night: it scores nothing, and what held still holds."""
    run(street)
    nightly(street, towns.TARGET, as_of="2026-01-10", alias=tracking.CANDIDATE)

    assert street.facts("2026-01-10")["state"] == "degraded"
    assert "unseen" in {hold.name for hold in holds.holds_of(street, PLAN)}


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"name": "gate"}, DataError, "no hold 'gate' can be released"),
        ({"by": "wang"}, DataError, "no role 'wang'"),
        ({"why": " "}, DataError, "wanted 1 to"),
        ({"why": "电话13812345678"}, PrivacyError, "may name a person"),
        ({"days": 31}, DataError, "1 to 30 days"),
    ],
)
def test_what_cannot_be_released_is_told(street, changes, kind, said):
    """And nothing is written."""
    given = {"name": "unseen", "by": "batch_operator", "why": "mapped", "days": 7} | changes
    with pytest.raises(kind, match=said):
        releasing.release(street, given.pop("name"), **given)

    assert street.noted() == []


def test_the_command_line_lists_and_releases(street, capsys):
    """Each hold with what lifts it; after its release with who did."""
    run(street)
    capsys.readouterr()
    folder = ["--store", str(street.path)]
    assert main(["holds", *folder]) == 0
    told = capsys.readouterr().out
    assert "to lift it: map the new categories" in told
    assert "0 stop a publication, 2 a promotion" in told  # the candidate of the street was never judged
    assert main(["holds", "--release", "unseen", "--by", "batch_operator", "--why", "mapped", *folder]) == 0
    capsys.readouterr()
    assert main(["holds", "--json", *folder]) == 0
    rows = {row["hold"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["unseen"]["released"].startswith("batch_operator until")
    assert rows["gate"]["stops"] == "promotion"


@pytest.mark.parametrize(
    ("papers", "said"),
    [
        ({"card": None}, "has no card"),
        ({"datasheet": None}, "has no datasheet"),
        ({"audit": None}, "has no audit"),
        ({"card": None, "datasheet": None, "audit": None}, "has no card and no datasheet and no audit"),
    ],
)
def test_a_version_without_its_papers_is_held(tmp_path, papers, said):
    """No model becomes champion that nobody can judge by its card, datasheet and audit; a release lifts it, and a plan may leave the hold out."""
    store = towns.copy(towns.street(), tmp_path / "street")
    described(store, **papers)
    with pytest.raises(GateError, match=rf"papers: version \w+ of {towns.TARGET} {said}\. To lift it: train it again"):
        holds.check_promotion(store, PLAN, towns.TARGET)
    holds.check_promotion(store, Plan((Question("t"),), holds=Holds(promotion=("golden",))), towns.TARGET)
    releasing.release(store, "papers", by="batch_operator", why="judged on paper", target=towns.TARGET)
    holds.check_promotion(store, PLAN, towns.TARGET)


def test_the_papers_looked_at_are_those_of_the_version_promoted(tmp_path):
    """Another version than the candidate is held by what it lacks itself."""
    store = towns.copy(towns.street(), tmp_path / "street")
    bare = tracking.kept(store.path, towns.TARGET, alias=tracking.CANDIDATE)
    whole = described(store)
    holds.check_promotion(store, PLAN, towns.TARGET)
    with pytest.raises(GateError, match="has no card and no datasheet and no audit"):
        holds.check_promotion(store, PLAN, towns.TARGET, model=bare)
    described(store, card=None)
    whole.facts.update(card={"en": "# Card"})
    holds.check_promotion(store, PLAN, towns.TARGET, model=whole)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"checks": [{"check": "slices", "verdict": "insufficient_evidence", "said": {"en": "the grids say no 'urban_class'"}}]}, "slices not judged: the grids say no"),
        ({"under_reporting": []}, "under-reporting not judged"),
        ({"under_reporting": [JUDGED | {"verdict": "insufficient_evidence"}]}, "under-reporting not judged"),
        ({"under_reporting": [JUDGED | {"kept": 0.1, "verdict": "failed"}]}, "half of the grids, drawn keeps 10% of its places"),
    ],
)  # fmt: skip
def test_what_was_not_judged_is_no_pass(tmp_path, changed, said):
    """A candidate whose audit leaves something open is no champion before a role has said in writing why; a plan may leave the hold out."""
    store = towns.copy(towns.street(), tmp_path / "street")
    described(store, audit=AUDIT | changed, gate=True)
    with pytest.raises(GateError, match=rf"audit: version \w+ of {towns.TARGET}: .*{said}"):
        holds.check_promotion(store, PLAN, towns.TARGET)
    holds.check_promotion(store, Plan((Question("t"),), holds=Holds(promotion=("papers",))), towns.TARGET)
    releasing.release(store, "audit", by="city_analyst", why="no register of kinds of area yet", target=towns.TARGET)
    holds.check_promotion(store, PLAN, towns.TARGET)


def test_every_hold_says_what_lifts_it():
    """A hold nobody can lift would be a dead end."""
    assert {*HOLDS} <= {*holds._LIFTS}
    assert {*Holds().publication, *Holds().promotion} == {*HOLDS}
