"""The notebook story: fifteen lines from a store to the alerts of a night."""

from dataclasses import replace

import pandas as pd
import pytest

import riskwarn as rw
from riskwarn.example import boston
from riskwarn.scaffold import starter
from riskwarn.schema import REASONS, conform


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    folder = tmp_path_factory.mktemp("story") / "city"
    boston(folder, progress=False)
    return folder


@pytest.fixture(scope="module")
def quick():
    """The starter's question with few trees and folds."""
    asked = rw.Experiment.load(starter("experiments") / "weekly.toml", features=starter("features"))
    few = replace(asked.folds, n_folds=2), replace(asked.model, n_trees=10)
    return replace(asked, folds=few[0], model=few[1])


@pytest.fixture(scope="module")
def training(city, quick):
    """The panel of all dates."""
    return rw.build_panel(rw.Store(city), quick)


def test_story(city, quick, training, monkeypatch):
    """Hold, declare, do: the public names alone lead from events to alerts, and every table keeps its contract."""
    monkeypatch.chdir(city)

    store, exp, panel = rw.Store(city), quick, training
    report = rw.backtest(exp, panel)
    model = rw.train(exp, panel)
    night = rw.build_panel(store, exp, as_of="2015-12-28")
    scores = rw.score(model, night)
    why = rw.explain(model, night)
    gaps = rw.find_gaps(store, scores)
    alerts = rw.raise_alerts(scores, why, gaps, capacity=50)

    assert {"riskwarn", "poisson regression", *(f"prior count {w} weeks" for w in (4, 15, 52, 104))} == set(
        report.table.index
    )
    assert scores["rank"].tolist() == list(range(1, len(store.grids()) + 1))
    assert scores["expected"].is_monotonic_decreasing
    assert why.groupby("grid_id").size().max() <= 4
    assert 0 < len(alerts) <= 50
    for name, table in {
        "scores": scores,
        "reasons": why[[c for c in why if c in REASONS.column_names]],
        "gaps": gaps,
        "alerts": alerts,
    }.items():
        conform(name, table)


def test_public_names_are_these():
    """The public face is what the design says, no more: twelve names and the version."""
    expected = "Store RiskModel Feature Label Experiment build_panel backtest train score explain find_gaps raise_alerts".split()

    assert sorted(rw.__all__) == sorted([*expected, "__version__"])
    assert all(getattr(rw, name) is not None for name in rw.__all__)


def test_unknown_name_is_refused():
    """A name the package does not have is an AttributeError, not a silent module."""
    with pytest.raises(AttributeError, match="no attribute 'build_pannel'"):
        _ = rw.build_pannel


def test_one_date_equals_many(city, quick, training):
    """The night's row of a date equals the training row of that date: one implementation, nothing to drift."""
    exp = quick
    one = rw.build_panel(rw.Store(city), exp, as_of="2015-11-23")

    same = training[training["as_of"] == one["as_of"].iloc[0]].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        one[exp.feature_names], same[exp.feature_names], check_exact=False, rtol=1e-5, atol=1e-5
    )
