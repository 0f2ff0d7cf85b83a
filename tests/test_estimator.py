"""The regressor: a good citizen of scikit-learn, and the same model as the product's."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from riskwarn.errors import DefinitionError
from riskwarn.estimator import Column, RiskRegressor
from riskwarn.model import RiskModel


@parametrize_with_checks([RiskRegressor(n_trees=20)])
def test_scikit_learn_is_satisfied(estimator, check):
    """Every check of scikit-learn for a regressor holds; none is excused."""
    check(estimator)


def drawn(n=2400):
    rng = np.random.default_rng(5)
    matrix = rng.normal(size=(n, 3))
    return matrix, rng.poisson(np.exp(0.8 * matrix[:, 0] + np.where(matrix[:, 1] > 0, 0.7, 0.0)))


def test_counts_are_learnt_with_an_honest_law():
    """Rates drawn from two columns come back, and 90 % of new counts lie in their interval."""
    (matrix, y), model = drawn(), RiskRegressor(n_trees=80)
    model.fit(matrix[:1600], y[:1600])
    law, seen = model.predict_law(matrix[1600:]), y[1600:]
    truth = np.exp(0.8 * matrix[1600:, 0] + np.where(matrix[1600:, 1] > 0, 0.7, 0.0))

    assert np.corrcoef(np.log(law["expected"]), np.log(truth))[0, 1] > 0.95
    assert law["expected"].sum() == pytest.approx(seen.sum(), rel=0.1)
    assert 0.9 <= ((law["lower"] <= seen) & (seen <= law["upper"])).mean() < 0.99
    assert law["probability"].mean() == pytest.approx((seen > 0).mean(), abs=0.05)


def test_it_can_be_searched_within_a_pipeline():
    """Settings are found by a grid search through a pipeline."""
    matrix, y = drawn(400)
    line = make_pipeline(FunctionTransformer(), RiskRegressor(n_trees=5))
    found = GridSearchCV(line, {"riskregressor__n_leaves": [2, 8]}, cv=2).fit(matrix, y)

    assert found.best_params_["riskregressor__n_leaves"] in {2, 8}
    assert found.best_estimator_.predict(matrix).min() > 0


def test_negative_counts_are_refused():
    """A count below zero is told, with what was found."""
    matrix, y = drawn(100)
    with pytest.raises(ValueError, match="counts of at least 0, got -3"):
        RiskRegressor().fit(matrix, y - 3.0 * (np.arange(100) == 7) * (1 + y[7] / 3))


def test_its_model_is_the_product_s_own(tmp_path):
    """Its columns are features and its label a label: the fitted model is kept, loaded and read like any other."""
    (matrix, y), model = drawn(400), RiskRegressor(n_trees=5)
    kept = RiskModel.load(model.fit(matrix, y).model_.save(tmp_path))
    panel = pd.DataFrame(matrix, columns=["x0", "x1", "x2"])

    assert kept.features == (Column(0), Column(1), Column(2))
    assert np.array_equal(kept.predict(panel)["expected"], model.predict(matrix))
    with pytest.raises(DefinitionError, match="x0 is a column of a matrix"):
        kept.features[0].compute(None)
