"""A backtest of lists: every night knows only what was known then and the lists before it; plain lists have the same length."""

import dataclasses

import pandas as pd
import pytest
import towns

from riskwarn.errors import DefinitionError
from riskwarn.experiment import Folds
from riskwarn.plan import Lanes, Mode, Modes, Plan, Question, Stay
from riskwarn.replaying import COUNT_LIST, MODEL_LIST, UNSEEN_DAYS, WHOLE, backtest_plan

CAPACITY = 8
PLAN = Plan(
    (Question(towns.TARGET),),
    lanes=Lanes(0, 0, 0, 0, 0.25),
    stay=Stay(enter="blue"),
    modes=Modes(Mode(capacity=CAPACITY)),
)


@pytest.fixture(scope="module")
def report():
    """The town's lists over six test dates."""
    asked = dataclasses.replace(towns.experiment(), folds=Folds(2, 3, 8))
    return backtest_plan(towns.city(), PLAN, [asked])


def test_lists_are_of_one_length(report):
    """The plain lists fill the capacity on every night, and the list in lanes holds no more but for what rules add."""
    lengths = report.entries.groupby(["list", "as_of"]).size().unstack("list")  # noqa: PD010
    ruled = lengths["triggered"].fillna(0) if "triggered" in lengths else 0

    assert (lengths[[COUNT_LIST, MODEL_LIST]] == CAPACITY).all(axis=None)
    assert (lengths[WHOLE] <= CAPACITY + ruled).all()


def test_a_line_is_new_once_in_four_weeks(report):
    """On the first night all is new; afterwards only what a reader has not seen for 28 days."""
    whole = report.entries[report.entries["list"] == WHOLE]
    first = whole["as_of"].min()

    assert whole.loc[whole["as_of"] == first, "unseen"].all()
    for line in whole[whole["as_of"] > first].itertuples():
        before = whole[(whole["grid_id"] == line.grid_id) & (whole["as_of"] < line.as_of)]["as_of"]
        seen = (line.as_of - before <= pd.Timedelta(days=UNSEEN_DAYS)).any()
        assert line.unseen == (not seen)


def test_what_came_true_is_counted(report):
    """Captures are shares, and a line with a lead had an event."""
    table = report.table

    assert table["capture"].between(0, 1).all()
    assert table.loc[COUNT_LIST, "capture"] > table.loc["explore", "capture"]
    assert (report.entries["lead_days"].dropna() >= 0).all()


def test_a_question_needs_an_experiment():
    """A question that cannot be trained is told before anything is."""
    with pytest.raises(
        DefinitionError, match=r"question 'other' of the plan has no experiment; given: dispute_call_14d"
    ):
        backtest_plan(towns.city(), Plan((Question("other"),)), [towns.experiment()])
