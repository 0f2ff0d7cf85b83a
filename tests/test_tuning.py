"""Tuning: nested, repeatable, within its budget, and its settings can be pasted."""

import sys
import tomllib

import numpy as np
import pytest
import towns

from riskwarn.backtesting import folds_of
from riskwarn.errors import DefinitionError, LabelError, MissingExtraError
from riskwarn.experiment import Baselines, Dates, Experiment, Folds, ModelSettings
from riskwarn.tuning import SPACE, inner_folds, training_rows, tune

pytest.importorskip("optuna")
DAY = towns.pd.Timestamp("2025-01-06").date()


def question(**changes):
    """A question for drawn panels: two folds of four dates at the end; few, small trees."""
    return Experiment(
        "?",
        towns.LABEL,
        Dates(DAY, DAY),
        (),
        folds=Folds(2, 4, 8),
        model=ModelSettings(n_trees=10, n_leaves=4, seed=3),
        baselines=Baselines((4, 8)),
        **changes,
    )


@pytest.fixture(scope="module")
def found():
    return tune(question(), towns.drawn_panel(15), n_trials=5, progress=False)


def test_the_test_dates_are_never_looked_at(found):
    """Nested: with every outcome from the first test date on made up anew, not a figure of a trial changes; earlier ones do matter."""
    panel = towns.drawn_panel(15)
    first = folds_of(question(), panel)[0]
    late = panel["as_of"] + towns.pd.Timedelta(days=7) > first.test_dates[0]
    wild = panel.assign(y=panel["y"].where(~late, np.random.default_rng(9).poisson(50, len(panel))))
    early = panel.assign(y=panel["y"].where(late, panel["y"] + 1))
    columns = [c for c in found.trials if c != "cpu_seconds"]
    again, other = (tune(question(), p, n_trials=n, progress=False) for p, n in ((wild, 5), (early, 1)))

    assert late.sum() == 8 * 15
    assert found.trials[columns].equals(again.trials[columns])
    assert found.settings == again.settings
    assert found.declared != other.declared
    assert max(fold.test_dates[-1] for fold in found.folds) + towns.pd.Timedelta(days=7) <= first.test_dates[0]


def test_folds_of_the_search_keep_the_gap(found):
    """Within the search too a fold learns only from outcomes known before its first test date."""
    assert len(found.folds) == 3
    for fold in found.folds:
        assert fold.train_dates[-1] + towns.pd.Timedelta(days=7) <= fold.test_dates[0]


def test_the_seed_decides(found):
    """Another seed proposes other settings; the first trial is always the experiment's own, and the best is no worse."""
    other = tune(
        question().__class__(**{**vars(question()), "model": ModelSettings(n_trees=10, n_leaves=4, seed=4)}),
        towns.drawn_panel(15),
        n_trials=4,
        progress=False,
    )

    assert {name: found.trials[name].iloc[0] for name in SPACE} == {
        name: getattr(question().model, name) for name in SPACE
    }
    assert found.best <= found.declared
    assert other.trials["n_trees"].iloc[1:4].tolist() != found.trials["n_trees"].iloc[1:4].tolist()


def test_the_settings_are_text_for_an_experiment(found):
    """Section [model] as TOML reads back as the very settings of the best whole trial."""
    best = found.trials[found.trials["state"] == "complete"]["value"].idxmin()

    assert ModelSettings(**tomllib.loads(found.toml)["model"]) == found.settings
    assert found.settings.n_trees == found.trials.loc[best, "n_trees"]
    assert found.toml in repr(found)


def test_hopeless_trials_are_given_up():
    """Some trials stop before their last fold, cost less, and none of them is chosen."""
    found = tune(question(), towns.drawn_panel(15), n_trials=12, progress=False)
    pruned = found.trials["state"] == "pruned"

    assert pruned.any()
    assert (found.trials["folds"][pruned] < 3).all()
    assert (found.trials["folds"][~pruned] == 3).all()
    assert found.best in set(found.trials["value"][~pruned])


def test_a_budget_of_time_ends_the_search():
    """With no time left after the first trial, it is the only one: the declared settings come back."""
    found = tune(question(), towns.drawn_panel(15), n_trials=50, seconds=1e-9, progress=False)

    assert len(found.trials) == 1
    assert found.settings == question().model


def test_without_optuna_the_way_out_is_told(monkeypatch):
    """The message names the extra."""
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(
        MissingExtraError, match=r"optuna is not installed; it comes with pip install 'riskwarn\[tuning\]'"
    ):
        tune(question(), towns.drawn_panel(15), n_trials=1, progress=False)


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"n_trials": 0}, DefinitionError, "n_trials must be at least 1"),
        ({"metric": "capture_7"}, DefinitionError, "no metric 'capture_7' is judged; known: capture_5"),
    ],
)
def test_a_search_for_nothing_is_refused(changes, error, said):
    """No trials or an unknown metric."""
    with pytest.raises(error, match=said):
        tune(question(), towns.drawn_panel(15), progress=False, **{"n_trials": 1, **changes})


def test_too_short_a_past_is_told():
    """Two folds must fit before the first test date."""
    panel = towns.drawn_panel(n_dates=18)
    rows = training_rows(question(), panel)
    with pytest.raises(LabelError, match="tuning needs two folds before the first test date"):
        inner_folds(question(), rows[rows["as_of"] < rows["as_of"].unique()[4]])
