"""Backtest: every model beside every baseline on every fold, judged date by date, with intervals.

Numbers are honest in three ways: a fold trains only on outcomes settled before its first test date; ties of a ranking count at
their expectation unless the experiment says otherwise; and every report prints the difference to the best baseline with an interval over dates that knows how their windows overlap.
"""

from riskwarn.backtesting.folding import PARENTS, folds_of, parent_of
from riskwarn.backtesting.judging import judged
from riskwarn.backtesting.report import BETTER_LOW, Report, Split, shared_by, verdict_of
from riskwarn.backtesting.run import backtest, contenders_of

__all__ = [
    "BETTER_LOW",
    "PARENTS",
    "Report",
    "Split",
    "backtest",
    "contenders_of",
    "folds_of",
    "judged",
    "parent_of",
    "shared_by",
    "verdict_of",
]
