"""Audition: each rule chooses by what was known, and its regret is what the best had over it."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import towns
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from riskwarn.backtesting import Report, backtest
from riskwarn.baseline import PriorCount
from riskwarn.errors import DefinitionError
from riskwarn.experiment import Baselines, Dates, Experiment, Folds, Gate, Judge
from riskwarn.selection import RANDOM, Candidate, audition, candidates

NAMES = ("a", "b", "c", "count")
DAY = pd.Timestamp("2025-01-06").date()


def report(values, metric="pei_5"):
    """A report whose metric is (folds, models) `values`, one date a fold; the last model is the baseline."""
    values = np.asarray(values, dtype=float)
    frame = pd.DataFrame(
        [
            (model, fold + 1, pd.Timestamp("2025-01-06") + pd.Timedelta(days=7 * fold), 10.0, name, value)
            for fold, row in enumerate(values)
            for model, value in zip(NAMES, row, strict=False)
            for name in (metric,)
        ],
        columns=["model", "fold", "as_of", "n_events", "metric", "value"],
    )
    predictions = frame[["model", "fold", "as_of"]].assign(grid_id="G", y=1.0, score=0.5, expected=0.5, probability=0.5)
    question = Experiment("?", towns.LABEL, Dates(DAY, DAY), (), folds=Folds(2, 2, 2), judge=Judge(), gate=Gate(metric))
    return Report(frame, predictions, question, (NAMES[values.shape[1] - 1],))


FOLDS = [[5, 4, 1, 3], [1, 4, 6, 3], [1, 4, 1, 3], [2, 4, 9, 3]]


@pytest.mark.parametrize(
    ("rule", "chosen"),
    [
        ("last", ["a", "c", "b"]),
        ("average", ["a", "b", "b"]),
        ("steady", ["a", "b", "b"]),
        ("near", ["a", "a", "b"]),
        ("recent", ["a", "c", "b"]),
        ("baseline", ["count", "count", "count"]),
        (RANDOM, ["any", "any", "any"]),
    ],
)
def test_each_rule_chooses_as_its_formula_says(rule, chosen):
    """Worked by hand on four folds of four models: `a` shines at first, `b` is steady, `c` swings, the count is the baseline."""
    found = audition(report(FOLDS), within=1.0, penalty=0.5, recency=2.0).choices

    assert found[found["rule"] == rule]["model"].tolist() == chosen


def test_regret_is_what_the_best_had_over_the_choice():
    """In the fold after the choice: the best value less that of the chosen model; blind choice regrets the mean."""
    found = audition(report(FOLDS), within=1.0)
    regret = found.choices.pivot_table(index="rule", columns="fold", values="regret")

    assert regret.loc["last"].tolist() == [5, 3, 5]
    assert regret.loc["baseline"].tolist() == [3, 1, 6]
    assert regret.loc[RANDOM].tolist() == [6 - 14 / 4, 4 - 9 / 4, 9 - 18 / 4]
    assert found.rules.loc["baseline", "mean_regret"] == pytest.approx(10 / 3)
    assert found.rules.loc["last", "next"] == "c"


values = arrays(float, st.tuples(st.integers(2, 6), st.integers(2, 4)), elements=st.integers(-50, 50).map(float))


@settings(deadline=None, max_examples=15)
@given(values=values)
def test_no_rule_sees_the_fold_it_is_judged_by(values):
    """Whatever happens in the last fold, the choices made for it and for all before stay; the regret is never negative."""
    other = values.copy()
    other[-1] = other[-1][::-1] * -3 + 7
    first, second = (audition(report(v), within=5.0).choices for v in (values, other))

    assert first["model"].tolist() == second["model"].tolist()
    assert (first["regret"] >= 0).all()


@settings(deadline=None, max_examples=8)
@given(values=values)
def test_a_metric_where_less_is_better_is_turned(values):
    """The audition of a loss is that of the same gain with its sign turned."""
    gain, loss = audition(report(values, "pei_5"), within=5.0), audition(report(-values, "brier"), within=5.0)

    assert gain.choices["model"].tolist() == loss.choices["model"].tolist()
    assert gain.choices["regret"].tolist() == loss.choices["regret"].tolist()
    np.testing.assert_allclose(gain.distance, loss.distance)
    assert (gain.distance.min(axis=1) == 0).all()


def test_the_winner_names_a_model():
    """The rule with the least mean regret that names one; blind choice never wins."""
    found = audition(report(FOLDS), within=1.0)
    named = found.rules.drop(RANDOM)

    assert found.winner == named["mean_regret"].idxmin()
    assert found.model == named.loc[found.winner, "next"]
    assert found.model in repr(found)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metric": "capture_7"}, "no metric 'capture_7'; it has: pei_5"),
        ({"penalty": -1.0}, "penalty of at least 0"),
        ({"recency": 0.0}, "recency above 0"),
    ],
)
def test_an_audition_that_cannot_be_held_is_told(changes, said):
    """What is wrong is named, as is a report of one fold."""
    with pytest.raises(DefinitionError, match=said):
        audition(report(FOLDS), **changes)
    with pytest.raises(DefinitionError, match=r"two folds and two models.*got 1 folds"):
        audition(report(FOLDS[:1]))


def test_candidates_stand_side_by_side_in_a_report():
    """Models of one kind under names of their own are judged each for itself; one name for two is refused, as is an unknown setting."""
    question = Experiment(
        "?",
        towns.LABEL,
        Dates(DAY, DAY),
        (),
        folds=Folds(2, 4, 8),
        baselines=Baselines((4, 8)),
    )
    few, many = candidates(question, few={"n_trees": 1, "line_l2": 1e3}, many={"n_trees": 30})
    found = backtest(question, towns.drawn_panel(), models=[few, many, PriorCount(4)], progress=False)
    alone = backtest(question, towns.drawn_panel(), models=[many, PriorCount(4)], progress=False)

    assert found.table.index.tolist() == ["few", "many", "prior count 4 weeks"]
    assert found.table.loc["few", "poisson_deviance"] != found.table.loc["many", "poisson_deviance"]
    assert found.table.loc["many"].equals(alone.table.loc["many"])
    assert set(audition(found, metric="poisson_deviance").values) == set(found.table.index)
    with pytest.raises(DefinitionError, match="two models are called 'few'"):
        backtest(question, towns.drawn_panel(), models=[few, dataclasses.replace(many, name="few")], progress=False)
    with pytest.raises(DefinitionError, match="unknown setting 'depth'"):
        candidates(question, deep={"depth": 3})


def test_a_candidate_is_its_model_under_another_name():
    """It predicts what the model predicts."""
    panel = towns.drawn_panel()
    plain, named = PriorCount(4).fit(panel), Candidate("mine", PriorCount(4)).fit(panel)

    assert named.name == "mine"
    assert named.predict(panel).equals(plain.predict(panel))
