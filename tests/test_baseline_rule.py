"""Rules of thumb: they rank by what they say, read columns the panel has, and are judged as events are."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import towns

import riskwarn as rw
from riskwarn import metrics
from riskwarn.backtesting import backtest, contenders_of
from riskwarn.baseline import PriorCount, Rule, rules_of
from riskwarn.errors import DataError, DefinitionError
from riskwarn.experiment import Baselines, Dates, Experiment, Folds
from riskwarn.feature import Own
from riskwarn.label import Label

CALLS = ("police_call",)
KINDS = [
    Label("rise_7d", CALLS, days=7, kind="emergence"),
    Label("first_7d", CALLS, days=7, kind="first", past_days=14),
    Label("graver_7d", CALLS, days=7, kind="escalation", lower=("dispute",)),
]
SHORT, LONG = Own(CALLS, 4), Own(CALLS, 8)


def events_panel(**changes):
    """A drawn panel whose outcome is whether there were more than two events."""
    panel = towns.drawn_panel(**changes)
    return panel.assign(y=(panel["y"] > 2).astype(np.float32), n_events=panel["y"])


def asked(**changes):
    day = pd.Timestamp("2025-01-06").date()
    plain = Experiment(
        "?",
        KINDS[1],
        Dates(day, day),
        (),
        folds=Folds(2, 4, 8),
        baselines=Baselines((4, 8)),
    )
    return dataclasses.replace(plain, **changes)


@pytest.mark.parametrize("label", KINDS, ids=lambda v: v.kind)
def test_rules_read_what_the_panel_of_their_label_has(label):
    """Every column a rule needs is a feature of any experiment with that label, whatever weeks it counts; names tell rules apart."""
    names = set(asked(label=label).feature_names)
    rules = rules_of(label)

    assert {f.name for rule in rules for f in rule.needs} <= names
    assert len({rule.name for rule in rules}) == len(rules)


def test_an_emergence_has_at_least_eight_rules_and_a_count_none():
    """A count is beaten by counts; an emergence by what an analyst would look at, the bare chance of exceeding the normal among it."""
    rules = rules_of(KINDS[0])

    assert len(rules) >= 8
    assert "own_tail_7d" in {f.name for rule in rules for f in rule.needs}
    assert rules_of(towns.LABEL) == []
    assert not any(isinstance(m, Rule) for m in contenders_of(asked(label=towns.LABEL)))


def test_a_rule_ranks_by_its_number():
    """A plain rule's score is its column, a falling one's the opposite, a ratio's one event more over one more than usual."""
    panel = events_panel()
    score = {
        name: rule.fit(panel).predict(panel)["score"]
        for name, rule in {
            "plain": Rule("x", (SHORT,)),
            "falling": Rule("x", (SHORT,), falling=True),
            "ratio": Rule("x", (SHORT,), (LONG,), 0.5),
        }.items()
    }

    assert (score["plain"] == panel["prior_4w"]).all()
    assert (score["falling"] == -panel["prior_4w"]).all()
    np.testing.assert_allclose(score["ratio"], (panel["prior_4w"] + 1) / (panel["prior_8w"] / 2 + 1))


def test_a_rule_without_a_value_stands_in_the_middle():
    """A grid for which the rule has no number ranks as the median of training, neither safe nor risky; its probability is one."""
    panel = events_panel()
    panel["prior_4w"] = panel["prior_4w"].mask(panel.index % 3 == 0)
    found = Rule("x", (SHORT,)).fit(panel).predict(panel)

    assert (found.loc[panel.index % 3 == 0, "score"] == panel["prior_4w"].median()).all()
    assert found["probability"].between(0, 1).all()


def test_a_rule_comes_out_right_on_average():
    """On what it trained on its probability is as frequent as the outcome; fitting leaves panel and rule alone."""
    panel = events_panel()
    rule = Rule("x", (SHORT,))
    found = rule.fit(panel).predict(panel)

    assert found["probability"].mean() == pytest.approx(panel["y"].mean(), rel=0.02)
    with pytest.raises(DefinitionError, match="not fitted"):
        rule.predict(panel)
    with pytest.raises(DataError, match="reads 'prior_4w', which the panel lacks"):
        rule.fit(panel.drop(columns="prior_4w"))


def test_events_are_judged_by_average_precision():
    """For an outcome that is no count each date has the average precision and the area under the curve of its own rows."""
    found = backtest(asked(), events_panel(), models=[PriorCount(4), PriorCount(8)], progress=False)
    at = found.predictions["as_of"].max()
    rows = found.predictions[(found.predictions["as_of"] == at) & (found.predictions["model"] == "prior count 8 weeks")]
    own = found.frame[(found.frame["as_of"] == at) & (found.frame["model"] == "prior count 8 weeks")].set_index(
        "metric"
    )
    wanted = metrics.average_precision(rows["y"], rows["score"], ties="mean")

    assert own.loc["average_precision", "value"] == pytest.approx(wanted)
    assert own.loc["roc_auc", "value"] == pytest.approx(metrics.roc_auc(rows["y"], rows["score"]))


def test_a_date_without_an_event_is_left_out_of_the_ranking():
    """Where nothing happened anywhere no ranking is better than another: the date counts in the Brier score alone."""
    panel = events_panel()
    last = panel["as_of"].max()
    quiet = panel.assign(y=panel["y"].where(panel["as_of"] != last, 0))
    frame = backtest(asked(), quiet, models=[PriorCount(4), PriorCount(8)], progress=False).frame

    assert set(frame.loc[frame["as_of"] == last, "metric"]) == {"brier"}
    assert frame["value"].notna().all()


def test_a_rule_may_be_the_one_to_beat():
    """Of counts and rules the best is the rival, and no rule is compared with itself."""
    panel = events_panel()
    oracle = dataclasses.replace(Rule("that knows", (SHORT,)), features=(LONG,))
    shown = panel.assign(prior_8w=panel["y"])
    found = backtest(asked(), shown, models=[PriorCount(4), oracle, rw.baseline.Linear(("prior_4w",))], progress=False)
    differences = found.differences(["average_precision"])

    assert differences["rival"].tolist() == ["rule that knows"]
    assert differences["difference"].iloc[0] < 0


def test_a_model_of_events_gives_their_probability():
    """What a model expects of an outcome that is 1 or 0 is its probability: as frequent as the outcome, at most 1."""
    question = asked(label=dataclasses.replace(KINDS[1], name="x"), model=rw.experiment.ModelSettings(n_trees=5))
    panel = events_panel()
    for feature in question.features:
        if feature.name not in panel:
            panel[feature.name] = np.float32(0)
    found = rw.RiskModel.of(question).fit(panel).predict(panel)

    assert (found["probability"] == found["expected"].clip(upper=1)).all()
    assert found["probability"].mean() == pytest.approx(panel["y"].mean(), rel=0.1)


@pytest.mark.parametrize("kind", ["emergence", "first"])
def test_a_night_may_be_asked_for_them(kind):
    """The same verbs train, score and explain: ranks from 1, probabilities, and reasons that add up, for an outcome that is no count."""
    asked = towns.street_experiment()
    wide = {"past_days": 56, "at_least": 1, "quantile": 0.5} if kind == "emergence" else {"past_days": 3}
    label = Label("x_14d", asked.label.streams, days=14, kind=kind, **wide)
    question = dataclasses.replace(asked, label=label, model=dataclasses.replace(asked.model, n_trees=5))
    model = rw.RiskModel.of(question).fit(rw.build_panel(towns.street(), question))
    night = rw.build_panel(towns.street(), question, as_of=towns.STREET_NIGHT)
    scores = rw.score(model, night)

    assert sorted(scores["rank"]) == list(range(1, len(night) + 1))
    assert scores["probability"].between(0, 1).all()
    np.testing.assert_allclose(model.contributions(night).sum(axis=1), model.margin(night), rtol=0, atol=1e-6)
    assert set(rw.explain(model, night)["grid_id"]) <= set(night["grid_id"].astype(str))
