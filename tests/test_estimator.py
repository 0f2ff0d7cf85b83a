"""The regressor: a good citizen of scikit-learn, and the same model as the product's."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from riskwarn.errors import ArgumentError, DefinitionError
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


ROWS = np.random.default_rng(3).normal(size=(40, 3))
COUNTS = np.random.default_rng(4).poisson(3, 40)
NAMES = ["calls", "kind", "on"]


def wrong(column, values, *, named=True):
    """The rows with another column, as a table or as an array."""
    table = pd.DataFrame(ROWS, columns=NAMES).astype({NAMES[column]: object})
    table[NAMES[column]] = values
    return table if named else table.to_numpy()


def text_in(row):
    return [*ROWS[:row, 1], "noise", *ROWS[row + 1 :, 1]]


DAYS = pd.date_range("2025-01-06", periods=40, tz="Asia/Shanghai")
WRONG = {
    "text": (wrong(1, text_in(7)), "column 'kind' of X holds text, first in row 7; wanted numbers"),
    "only text": (wrong(1, ["noise"] * 40).astype({"kind": "str"}), "column 'kind' of X holds text, first in row 0"),
    "kinds": (wrong(1, ["noise"] * 40).astype({"kind": "category"}), "column 'kind' of X holds text, first in row 0"),
    "digits": (wrong(1, ["7"] * 40), "column 'kind' of X holds text, first in row 0; wanted numbers"),
    "text of an array": (wrong(1, text_in(7), named=False), "column 1 of X holds text, first in row 7"),
    "array of text": (np.full((40, 3), "noise"), "column 0 of X holds text, first in row 0"),
    "text of a list": (wrong(1, text_in(7), named=False).tolist(), "column 1 of X holds text, first in row 7"),
    "dates": (wrong(2, DAYS), "column 'on' of X holds dates or times, first in row 0; wanted numbers"),
    "dates of no clock": (wrong(2, DAYS.tz_localize(None)), "column 'on' of X holds dates or times, first in row 0"),
    "only dates": (pd.DataFrame({"on": DAYS.tz_localize(None)}), "column 'on' of X holds dates or times"),
    "dates of an array": (DAYS.tz_localize(None).to_numpy()[:, None], "column 0 of X holds dates or times"),
    "spans": (wrong(2, DAYS - DAYS[0]), "column 'on' of X holds dates or times, first in row 0"),
    "doubled": (pd.DataFrame(ROWS, columns=["calls", "kind", "calls"]), "X names columns 0, 2 'calls'; wanted a name"),
    "no rows": (pd.DataFrame(ROWS, columns=NAMES).iloc[:0], "X has no rows; wanted"),
    "nothing": (pd.DataFrame(), "X has no rows; wanted"),
    "no columns": (pd.DataFrame(index=range(40)), "X has 0 feature"),
    "infinite": (np.where(np.arange(120).reshape(40, 3) == 7, np.inf, ROWS), "Input X contains infinity"),
    "a line": (ROWS[:, 0], "Expected 2D array"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_matrix_of_no_numbers_is_refused_by_name(case):
    """Text, dates, doubled names and nothing are told by an error of ours: what was found, where, what is wanted; no cell is shown."""
    given, said = WRONG[case]
    fitted = RiskRegressor(n_trees=2).fit(ROWS, COUNTS)
    for ask in (lambda: RiskRegressor(n_trees=2).fit(given, COUNTS), lambda: fitted.predict(given)):
        with pytest.raises(ArgumentError, match=rf"^RiskRegressor\.(fit|predict): {re.escape(said)}") as error:
            ask()
        assert "noise" not in str(error.value)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (text_in(7), "y holds text, first in row 7; wanted numbers"),
        (pd.Series(["noise"] * 40, dtype="str"), "y holds text, first in row 0"),
        (np.full(40, "7"), "y holds text, first in row 0"),
        (pd.Series(DAYS), "y holds dates or times, first in row 0"),
        (COUNTS[:39], "inconsistent numbers of samples"),
        (np.where(COUNTS > 5, np.nan, COUNTS), "Input y contains NaN"),
        (None, "requires y"),
    ],
    ids=["text", "only text", "array of text", "dates", "too few", "missing", "none"],
)
def test_counts_that_are_none_are_refused(counts, said):
    """So is what is no count for each row."""
    with pytest.raises(ArgumentError, match=rf"^RiskRegressor\.fit: .*{re.escape(said)}"):
        RiskRegressor(n_trees=2).fit(ROWS, counts)


def test_numbers_are_taken_however_they_are_held():
    """Of a table with booleans, kinds that are numbers, missing ones and objects the rates are those of the plain matrix."""
    plain = np.column_stack([ROWS[:, 0], ROWS[:, 1] > 0, np.arange(40) % 3])
    held = pd.DataFrame({"a": plain[:, 0].astype(object), "b": plain[:, 1] > 0, "c": pd.Categorical(np.arange(40) % 3)})
    plain[7, 0], held.loc[7, "a"] = np.nan, None
    one, other = (RiskRegressor(n_trees=2).fit(given, COUNTS).predict(given) for given in (plain, held))
    assert np.array_equal(one, other)


def test_its_model_is_the_product_s_own(tmp_path):
    """Its columns are features and its label a label: the fitted model is kept, loaded and read like any other."""
    (matrix, y), model = drawn(400), RiskRegressor(n_trees=5)
    kept = RiskModel.load(model.fit(matrix, y).model_.save(tmp_path))
    panel = pd.DataFrame(matrix, columns=["x0", "x1", "x2"])

    assert kept.features == (Column(0), Column(1), Column(2))
    assert np.array_equal(kept.predict(panel)["expected"], model.predict(matrix))
    with pytest.raises(DefinitionError, match="x0 is a column of a matrix"):
        kept.features[0].compute(None)
