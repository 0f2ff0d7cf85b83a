"""What others would build, re-made in benchmarks/skill: it counts what it says, sees no future, and is told of in words that follow from numbers."""

import dataclasses
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import towns
from towns.events import GRIDS, START, crowd

from riskwarn.baseline import PriorCount
from riskwarn.history import History
from riskwarn.label import Label
from riskwarn.panel import build_panel

SKILL = Path(__file__).parents[1] / "benchmarks" / "skill"
LABEL = Label("dispute_14d", ("dispute",), days=14)


@pytest.fixture(scope="module")
def recipes():
    spec = importlib.util.spec_from_file_location("recipes", SKILL / "recipes.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["recipes"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["recipes"]


@pytest.fixture(scope="module")
def run(recipes):
    sys.path[:0] = [str(SKILL)]
    spec = importlib.util.spec_from_file_location("skill_run", SKILL / "run.py")
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = [p for p in before if p != str(SKILL)]


def test_the_recipe_counts_every_frequent_category_over_every_window(recipes):
    """For each category of the label's feed, and for all of it, there are five counts and the days since the last."""
    events = crowd(300, n_days=60)
    found = recipes.triage_features(History.of(events, GRIDS), LABEL)
    kinds = events.loc[events["source"] == "dispute", "category"].nunique()

    assert len(found) == (kinds + 1) * (len(recipes.WINDOWS) + 1)
    assert len({f.name for f in found}) == len(found)


def test_a_weekly_series_holds_what_was_known_at_the_end_of_each_week(recipes):
    """Weeks follow one another without a gap up to the last date; cutting the records at a week's end changes no week up to it."""
    events = crowd(300, n_days=60)
    last, cut = START + pd.Timedelta(days=56), START + pd.Timedelta(days=28)
    whole, early = (
        recipes.weekly_series(History.of(part, GRIDS, until=until), LABEL, until.tz_localize(None))
        for part, until in ((events, last), (events[events["known_at"] < cut], cut))
    )
    ends = np.sort(whole["ds"].unique())

    assert (np.diff(ends) == np.timedelta64(7, "D")).all()
    assert ends[-1] == last.tz_localize(None)
    assert whole["y"].sum() > 0
    pd.testing.assert_frame_equal(
        whole[whole["ds"].isin(early["ds"])].reset_index(drop=True), early.reset_index(drop=True), check_dtype=False
    )


@pytest.mark.parametrize("make", ["boosted", "forest"])
def test_a_learner_has_our_face(recipes, make):
    """A learner trains on settled rows alone, predicts for each row, and finds a panel's own order again where there is one."""
    panel = towns.drawn_panel()
    last = panel["as_of"] > panel["as_of"].unique()[-6]
    learned = recipes.Learned("x", getattr(recipes, make), ["prior_4w", "prior_8w"])
    found = learned.fit(panel.assign(y=panel["y"].mask(last))).predict(panel[last])

    assert found.index.equals(panel.index[last])
    assert found["score"].corr(panel.loc[last, "prior_8w"], method="spearman") > 0.5


def test_time_is_noted_by_model(recipes):
    """CPU seconds add up over the folds of a model, and only a prior count is a baseline."""
    spent = {}
    panel = towns.drawn_panel()
    timed = recipes.Timed(PriorCount(4, towns.LABEL.streams), spent)
    timed.fit(panel).predict(panel)
    first = spent[timed.name]
    timed.fit(panel).predict(panel)

    assert spent[timed.name] > first > 0
    assert timed.is_baseline
    assert not recipes.Timed(recipes.Learned("x", None, []), spent).is_baseline


@pytest.mark.parametrize(
    ("low", "high", "said"), [(0.01, 0.03, "ahead on 1"), (-0.01, 0.02, "level on 1"), (-0.03, -0.01, "behind on 1")]
)
def test_words_follow_from_the_interval(run, low, high, said):
    """Ahead or behind is said only where the interval lies on one side of zero."""
    row = {"capture_5": 0.2, "gain_capture_5": [(low + high) / 2, low, high]}
    one = {"place": "here", "models": {"riskwarn": {"capture_5": 0.3}, "other": row}}

    assert any(f"against other: {said} (here)." in line for line in run._summary([one]))


def test_the_history_of_the_recipe_is_the_panels(recipes):
    """Its columns come through the same door as ours: built beside them they have the same rows."""
    history = History.load(towns.street())
    asked = towns.street_experiment()
    wide = dataclasses.replace(asked, declared=recipes.triage_features(history, asked.label))
    panel = build_panel(history, wide, as_of=towns.STREET_NIGHT)

    assert len(panel) == len(history.grids)
    assert (panel["police_call_p04_n_3650d"] >= panel["police_call_p04_n_365d"]).all()
