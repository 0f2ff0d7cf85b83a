"""What changed, what if, and the rows behind a number, on a town of forty grids."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from towns.reasons import FEATURES, LABEL, NIGHT, YESTERDAY, experiment, store, trained

from riskwarn.baseline import Line
from riskwarn.errors import DataError
from riskwarn.explanation import (
    actionable,
    change_sentences,
    changes,
    denied,
    explain,
    families_of,
    family_contributions,
    rows,
    seen_ranges,
    what_if,
    what_ifs,
)
from riskwarn.explanation.changes import PARTS
from riskwarn.explanation.rows import COLUMNS, features_at
from riskwarn.feature import MostAtOnePlace, RepeatedPlaces
from riskwarn.history import History
from riskwarn.language import LANGUAGES
from riskwarn.model import RiskModel
from riskwarn.panel import build_panel
from riskwarn.scoring import score

pytestmark = pytest.mark.filterwarnings("ignore:DatetimeIndex.dayofyear")


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return store(tmp_path_factory.mktemp("town"))


@pytest.fixture(scope="module")
def history(town):
    return History.load(town)


@pytest.fixture(scope="module")
def panel_and_model(history):
    return trained(history)


@pytest.fixture(scope="module")
def model(panel_and_model):
    return panel_and_model[1]


@pytest.fixture(scope="module")
def newer(panel_and_model):
    panel, _ = panel_and_model
    return RiskModel.of(experiment(seed=8, n_trees=60)).fit(panel)


@pytest.fixture(scope="module")
def night(history):
    return build_panel(history, experiment(), as_of=NIGHT)


@pytest.fixture(scope="module")
def outspoken(model):
    """The same without plain and faded counts in the stack: trees and line, which know every family, say all."""
    return dataclasses.replace(model, rate_share=0.0, counts=Line())


def test_families_add_up_to_the_calibrated_margin(model, night):
    """The families and the base of every grid sum to the log of its expected count, to 1e-6."""
    total, _ = family_contributions(model, night)
    base = model.contributions(night)["base"]

    assert list(total) == families_of(model)
    np.testing.assert_allclose(total.sum(axis=1) + base, model.margin(night), atol=1e-6)
    np.testing.assert_allclose(np.exp(total.sum(axis=1) + base), model.predict(night)["expected"], rtol=1e-6)


def test_at_most_three_raise_and_one_lowers(outspoken, night):
    """Each grid has its strongest reasons: up to three raising ones in falling order, then one lowering one, none within one per cent."""
    reasons = explain(outspoken, night)
    sizes = reasons.groupby("grid_id")["contribution"].agg(up=lambda c: (c > 0).sum(), down=lambda c: (c < 0).sum())
    raising = reasons[reasons["contribution"] > 0]

    assert sizes["up"].max() == 3
    assert sizes["down"].max() == 1
    assert (raising.groupby("grid_id")["contribution"].diff().dropna() <= 0).all()
    assert (reasons["contribution"].abs() > 0.01).all()
    assert reasons["place"].tolist() == (reasons.groupby("grid_id").cumcount() + 1).tolist()


def test_some_grids_or_all_have_the_same_reasons(model, night):
    """Explaining a few grids gives the rows that explaining all gives."""
    everything = explain(model, night)
    few = explain(model, night, grids=["G07", "G00"])

    pd.testing.assert_frame_equal(few, everything[everything["grid_id"].isin(["G00", "G07"])].reset_index(drop=True))
    with pytest.raises(DataError, match="G99"):
        explain(model, night, grids=["G99"])
    with pytest.raises(DataError, match="normals"):
        explain(model, night[["grid_id", "as_of", *model.feature_names]])


def test_neighbours_are_counted_with_a_history(model, night, history):
    """With the history at hand, a reason about the neighbours says how many they are."""
    reasons = explain(model, night, raising=8, lowering=8, history=history)
    beside = reasons[reasons["feature"].str.endswith("nearby")]

    assert len(beside)
    assert beside["en"].str.contains(r"The \d neighbouring grids").all()
    assert beside["zh"].str.contains(r"邻近\d个网格").all()


# -- what changed --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("since", [YESTERDAY, "2025-05-03", "2025-04-05"])
def test_parts_add_up_to_the_change(town, model, newer, since):
    """Of score and of rank, the parts sum to the whole change: of the score to 1e-9, of the rank exactly."""
    found = changes(town, newer, NIGHT, since=since, before=model, capacity=8)

    np.testing.assert_allclose(found[list(PARTS)].sum(axis=1), found["change"], atol=1e-9)
    np.testing.assert_allclose(np.log(found["expected"] / found["expected_before"]), found["change"], atol=1e-9)
    assert (found[[f"places_{p}" for p in PARTS]].sum(axis=1) == found["moved"]).all()
    assert (found["rank_before"] - found["rank"] == found["moved"]).all()
    for part in PARTS:
        assert found[part].abs().max() > 0, part


def test_a_change_starts_and_ends_at_the_scores_of_the_two_nights(history, model):
    """Expected counts and ranks on both sides are those that scoring gives for the two nights."""
    found = changes(history, model, NIGHT, since=YESTERDAY).set_index("grid_id").sort_index()
    for date, suffix in ((YESTERDAY, "_before"), (NIGHT, "")):
        scores = score(model, build_panel(history, experiment(), as_of=date)).set_index("grid_id").sort_index()
        np.testing.assert_allclose(found["expected" + suffix], scores["expected"], rtol=1e-12)
        assert (found["rank" + suffix] == scores["rank"]).all()


def test_the_same_model_has_no_part_of_its_own(history, model):
    """Without a new model its part is nought, and the day before is the default."""
    found = changes(history, model, NIGHT)

    assert (found["model"] == 0).all()
    pd.testing.assert_frame_equal(found, changes(history, model, NIGHT, since=YESTERDAY))


def test_status_says_who_entered_and_left(history, model):
    """The list holds `capacity` grids on both nights; as many enter as leave."""
    found = changes(history, model, NIGHT, since="2024-09-01", capacity=12)
    status = found["status"].value_counts()

    assert status["entered"] == status["left"] > 0
    assert status["entered"] + status["stayed"] == 12
    assert set(found.loc[found["rank"] <= 12, "status"]) == {"entered", "stayed"}


def test_without_new_knowledge_new_events_move_nothing(history, model):
    """When nothing became known between two nights, only time, and what follows from it, moves a score."""
    past = pd.Timestamp(YESTERDAY, tz=history.timezone)
    found = changes(history.known_before(past), model, NIGHT, since=YESTERDAY)

    assert (found["new_events"] == 0).all()
    assert (found["aged_out"] != 0).any()


def test_what_was_known_earlier_is_rebuilt(history):
    """Features from a history cut at an instant equal those of the whole history at that instant."""
    at = pd.Timestamp(YESTERDAY, tz=history.timezone)
    pd.testing.assert_frame_equal(
        features_at(history.known_before(at), FEATURES, at), features_at(history, FEATURES, at)
    )


def test_changes_are_told_in_words(history, model):
    """A sentence a grid, in both languages, without a denied word."""
    found = changes(history, model, NIGHT, since="2024-09-01", capacity=12)
    for language in LANGUAGES:
        texts = change_sentences(found, language)
        assert [t for t in texts if denied(t, language)] == []
        assert texts.str.contains("位" if language == "zh" else "rank").all()


def test_changes_refuse_a_night_that_does_not_follow(history, model):
    """The earlier night must be earlier."""
    with pytest.raises(DataError, match="before"):
        changes(history, model, NIGHT, since=NIGHT)


# -- rows ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_of", [NIGHT, "2025-01-15"])
@pytest.mark.parametrize("grid_id", ["G00", "G05", "G17", "G39"])
def test_rows_make_up_the_number(town, history, model, grid_id, as_of):
    """Of every count the rows are as many as the feature says, and of every sum or mean they add up to it."""
    found = rows(town, model, grid_id, as_of, history=history)
    values = features_at(history, model.features, as_of).loc[grid_id]
    sums = found.groupby("feature")["adds"].sum(min_count=1)

    for feature in model.features:
        kind = type(getattr(feature, "of", feature)).__name__
        own = found[found["feature"] == feature.name]
        if kind in {"Count", "Open", "Overdue", "Recent", "Own"}:
            assert sums.get(feature.name, 0.0) == pytest.approx(values[feature.name], abs=1e-4), feature.name
        if type(feature).__name__ in {"Count", "Open", "Overdue"}:
            assert len(own) == values[feature.name]
        if kind == "DaysSince" and values[feature.name] < 365:
            assert own["days_ago"].tolist() == pytest.approx([values[feature.name]], abs=1e-4)
        if kind in {"Season", "Attribute"}:
            assert own.empty


def test_rows_of_places_make_up_the_number(town, history):
    """Behind the most events at one place stand those of one place; behind repeated places all of theirs, which add up to 1 at each."""
    both = ("dispute", "petition")
    most = MostAtOnePlace(both, days=84)
    repeated = [RepeatedPlaces(both, days=84), RepeatedPlaces("dispute", days=200, at_least=3)]
    around, none = RepeatedPlaces(both, days=84).nearby(), RepeatedPlaces(both, days=7, at_least=99)
    asked = RiskModel((most, *repeated, around, none), LABEL)
    values = features_at(history, asked.features, NIGHT)
    places = town.read("events").groupby("event_id")["place_key"].first()
    for grid_id in ("G00", "G05", "G17", "G39"):
        found = rows(town, asked, grid_id, NIGHT, history=history)
        sums = found.groupby("feature")["adds"].sum()
        at = {f.name: found.loc[found["feature"] == f.name, "event_id"].map(places) for f in asked.features}

        assert len(at[most.name]) == values.loc[grid_id, most.name]
        assert len(set(at[most.name])) == 1
        assert len(at[none.name]) == values.loc[grid_id, none.name] == 0
        for feature in (*repeated, around):
            assert sums.get(feature.name, 0.0) == pytest.approx(values.loc[grid_id, feature.name], abs=1e-4)
        for feature in repeated:
            assert at[feature.name].nunique() == values.loc[grid_id, feature.name]
            assert (at[feature.name].value_counts() >= feature.at_least).all()
        assert not {"place_key", "here"} & set(found)
    assert (values.loc["G00"].drop(none.name) > 1).all()


def test_rows_hold_nothing_personal_nor_anything_from_later(town, history, model):
    """Only the event's own columns, without place or text, and only what was known before the night."""
    found = rows(town, model, "G00", NIGHT, history=history)

    assert set(found) <= {"feature", "value", "adds", "days_ago", *COLUMNS}
    assert (found["known_at"] < pd.Timestamp(NIGHT, tz=town.timezone)).all()
    assert (found["days_ago"] > 0).all()


def test_rows_of_the_whole_city_are_shown_when_asked_for(town, history, model):
    """Every event of the city is behind its totals, so they stay out unless they are named."""
    read = {f.name: f for f in (*model.features, *model.label.totals)}
    wide = RiskModel(tuple(read.values()), model.label)
    name = model.label.totals[0].name

    assert name not in set(rows(town, wide, "G00", NIGHT, history=history)["feature"])
    assert len(set(rows(town, wide, "G00", NIGHT, features=[name], history=history)["grid_id"])) > 1


def test_rows_of_chosen_features(town, history, model):
    """Only the features asked for; unknown grids and features are named."""
    assert set(rows(town, model, "G00", NIGHT, features=["dispute_n_28d"])["feature"]) == {"dispute_n_28d"}
    with pytest.raises(DataError, match="dispute_n_28d"):
        rows(town, model, "G00", NIGHT, features=["dispute_n_28"], history=history)
    with pytest.raises(DataError, match="X00"):
        rows(town, model, "X00", NIGHT, history=history)


# -- what if -------------------------------------------------------------------------------------------------------------


def test_what_if_is_the_score_of_the_changed_row(model, night):
    """The answer is the model's own score and rank with the values changed and all other grids as they are."""
    backlog = night.set_index(night["grid_id"].astype(str))
    grid = str(backlog["dispute_overdue_n"].idxmax())
    answer = what_if(model, night, grid, {"dispute_overdue_n": 0})
    changed = night.copy()
    here = (night["grid_id"].astype(str) == grid).to_numpy()
    for name, (was, now) in answer.changed.items():
        assert changed.loc[here, name].iloc[0] == was
        changed.loc[here, name] = np.float32(now)
    scores = score(model, changed).set_index("grid_id").loc[grid]

    assert set(answer.changed) == {"dispute_overdue_n", "dispute_open_n"}
    assert answer.expected == pytest.approx(scores["expected"], rel=1e-9)
    assert answer.rank == scores["rank"]
    assert answer.rank_before == score(model, night).set_index("grid_id").loc[grid, "rank"]


def test_only_the_backlog_can_be_changed_and_only_as_far_as_was_seen(model, night):
    """Past events, unseen values, parts of cases and more overdue than open cases are refused, each with what is wanted."""
    assert actionable(model) == ["dispute_open_n", "dispute_overdue_n", "petition_open_n"]
    low, high = seen_ranges(model)["dispute_open_n"]
    for values, match in (
        ({"dispute_n_28d": 0}, "what happened stays"),
        ({"nothing": 0}, "no feature"),
        ({"dispute_open_n": high + 1}, "outside"),
        ({"dispute_open_n": low, "dispute_overdue_n": 1}, "fewer open"),
        ({"petition_open_n": 1.5}, "whole"),
    ):
        with pytest.raises(DataError, match=match):
            what_if(model, night, "G00", values)
    with pytest.raises(DataError, match="X00"):
        what_if(model, night, "X00", {"dispute_open_n": 0})


def test_ranges_are_those_of_the_training_panel(panel_and_model):
    """The seen range of a feature is its least and greatest value among the settled rows."""
    panel, model = panel_and_model
    settled = panel[panel["y"].notna()]
    for name, (low, high) in seen_ranges(model).items():
        assert (low, high) == pytest.approx((settled[name].min(), settled[name].max()), rel=1e-5)
    assert set(actionable(model)) <= set(seen_ranges(model))


def test_what_can_be_done_is_told_with_a_caveat(model, night):
    """Each action is a sentence in both languages, the greatest fall first, and carries the caveat."""
    found = what_ifs(model, night, "G00")

    assert found
    assert [w.expected for w in found] == sorted(w.expected for w in found)
    for answer in found:
        body = answer.to_dict()
        assert "not a promise" in body["caveat"]["en"]
        assert "不作承诺" in body["caveat"]["zh"]
        assert str(body["zh"]).startswith("若办结")
        assert str(body["en"]).startswith("Closing the ")
        assert denied(str(body["en"]), "en") == []
        assert denied(str(body["zh"]), "zh") == []


def test_open_cases_beside_overdue_ones_are_told_apart(model, night):
    """Closing the open disputes of a grid that also has overdue ones speaks of those that are not overdue; without overdue ones it speaks of open ones."""
    late, opened = (night[f"dispute_{kind}_n"] for kind in ("overdue", "open"))
    both = str(night.loc[(late > 0) & (opened > late), "grid_id"].iloc[0])
    texts = {
        w.sentence("en"): w.sentence("zh")
        for w in what_ifs(model, night, both)
        if list(w.changed) == ["dispute_open_n"]
    }

    assert texts
    assert all("not overdue" in en and "未超期的矛盾纠纷" in zh for en, zh in texts.items())
    without = night.assign(dispute_overdue_n=np.float32(0))
    plain = [w.sentence("en") for w in what_ifs(model, without, both) if "dispute_open_n" in w.changed]
    assert plain
    assert not any("not overdue" in t for t in plain)


def test_a_fact_as_everywhere_else_is_no_reason(outspoken, night):
    """The area of a grid is told only where it differs from the city's median by a tenth at least."""
    told = explain(outspoken, night, raising=9, lowering=9)
    facts = told[told["feature"] == "grid_area_km2"]
    same = night.assign(**{"normal:grid_area_km2": night["grid_area_km2"]})
    again = explain(outspoken, same, raising=9, lowering=9)

    assert len(facts) > 0
    assert (np.maximum(facts["value"] / facts["normal"], facts["normal"] / facts["value"]) >= 1.1).all()
    assert "grid_area_km2" not in set(again["feature"])
