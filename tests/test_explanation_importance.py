"""What the model leans on as a whole, and its card."""

import dataclasses

import numpy as np
import pytest
from towns.reasons import NIGHT, experiment, store, trained

from riskwarn.backtesting import backtest
from riskwarn.errors import DataError
from riskwarn.experiment import Folds
from riskwarn.explanation import dependence, importance, model_card, shap_explanation, stability
from riskwarn.explanation.overview import Without
from riskwarn.history import History
from riskwarn.model import RiskModel
from riskwarn.panel import build_panel

pytestmark = pytest.mark.filterwarnings("ignore:DatetimeIndex.dayofyear")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Panel, model and night of the town."""
    history = History.load(store(tmp_path_factory.mktemp("town")))
    panel, model = trained(history)
    return panel, model, build_panel(history, experiment(), as_of=NIGHT)


@pytest.fixture(scope="module")
def asked():
    return dataclasses.replace(experiment(), folds=Folds(n_folds=4, test_dates=4, min_train_dates=8))


@pytest.fixture(scope="module")
def losses(asked, world):
    return importance(asked, world[0], metric="poisson_deviance", families=["dispute", "calendar"], progress=False)


def test_leaving_out_what_carries_the_forecast_costs_most(losses):
    """Without the counts of disputes the forecast of disputes is clearly worse; the losses come with intervals that hold them."""
    first = losses.iloc[0]

    assert first["family"] == "dispute"
    assert first["clear"]
    assert first["lower"] > 0
    assert (losses["lower"] <= losses["loss"]).all()
    assert (losses["loss"] <= losses["upper"]).all()


def test_a_loss_is_the_difference_of_two_backtests(losses, asked, world):
    """`whole` and `without` are the means that backtests of the two models give; the loss is their difference, positive where it hurts."""
    panel, _, _ = world
    report = backtest(
        asked, panel, models=[RiskModel.of(asked), Without(RiskModel.of(asked), "calendar")], progress=False
    )
    own = losses.set_index("family").loc["calendar"]

    assert own["whole"] == pytest.approx(report.table.loc["riskwarn", "poisson_deviance"])
    assert own["without"] == pytest.approx(report.table.loc["without calendar", "poisson_deviance"])
    assert own["loss"] == pytest.approx(own["without"] - own["whole"])


def test_an_unknown_family_or_metric_is_named(asked, world):
    """What is not there is said, with what is."""
    with pytest.raises(DataError, match="disputes"):
        importance(asked, world[0], families=["disputes"], progress=False)
    with pytest.raises(DataError, match="no metric"):
        importance(asked, world[0], families=["calendar"], metric="auc", progress=False)


def test_dependence_is_the_score_with_one_value_set(world):
    """The ratio at a value is the geometric mean of expected counts there over those at the median."""
    panel, model, _ = world
    found = dependence(model, panel, "dispute_n_364d", n_points=5)
    rows = panel.sample(min(len(panel), 2000), random_state=0)
    there = model.margin(rows.assign(dispute_n_364d=np.float32(found["value"].iloc[-1])))
    median = model.margin(rows.assign(dispute_n_364d=np.float32(panel["dispute_n_364d"].median())))

    assert found["ratio"].iloc[-1] == pytest.approx(np.exp((there - median).mean()))
    assert (found["lower"] <= found["upper"]).all()
    with pytest.raises(DataError, match="dispute_n_364d"):
        dependence(model, panel, "dispute_n_365d")


def test_stability_is_full_when_nothing_is_drawn_and_the_seed_changes_nothing(asked, world):
    """Models that use every row and feature do not depend on the seed, so their reasons stay; with dates drawn anew some move."""
    panel, _, night = world
    settings = dataclasses.replace(asked.model, row_share=1.0, feature_share=1.0)
    still = stability(dataclasses.replace(asked, model=settings), panel, night, n_models=1, top=10, resample=False)
    drawn = stability(asked, panel, night, n_models=2, top=10)

    assert still.drop(columns="model").to_numpy() == pytest.approx(1.0)
    assert drawn["contribution_correlation"].between(0, 1).all()
    assert (drawn["top3_jaccard"] < 1).any()


def test_the_card_says_what_the_model_is_for_and_not_for(asked, world, losses):
    """The card holds use, limits, data and figures, and says aloud what is not known."""
    panel, model, night = world
    bare = model_card(model)
    found = stability(asked, panel, night, n_models=1, top=5)
    full = model_card(
        model,
        backtest(asked, panel, progress=False),
        importance=losses,
        stability=found,
        dependence=[dependence(model, panel, "dispute_n_28d")],
    )

    meant = model_card(dataclasses.replace(model, facts=model.facts | {"purpose": "mediation"}))

    assert "Made for: mediation." in meant
    assert "Made for" not in bare
    assert model.version in bare
    assert "Not backtested" in bare
    assert "What it leans on" not in bare
    for words in (
        "appraisal of staff",
        "lawful requests",
        "What it leans on",
        "| dispute |",
        "prior count 52 weeks",
        "first_same",
        "`dispute_n_28d`",
        "dispute_overdue_n",
    ):
        assert words in full
    assert "nan" not in full.split("## Limits")[0].split("## Data")[0]


def test_shap_takes_the_same_contributions(world):
    """Values and base of shap's object sum to the margin, row by row."""
    pytest.importorskip("shap", reason="shap is an extra for analysts")
    _, model, night = world
    found = shap_explanation(model, night)

    np.testing.assert_allclose(found.values.sum(axis=1) + found.base_values, model.margin(night), atol=1e-6)
    assert list(found.feature_names) == model.feature_names
    assert found.shape == (len(night), len(model.feature_names))
