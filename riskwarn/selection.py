"""Audition: had we chosen by this rule, fold after fold, how much would we have regretted the choice in the next one?

A backtest compares models over all folds at once, which nobody can do beforehand. An audition replays the choice: with what was known
up to fold t a rule names a model, and its regret is what the best model of fold t + 1 had over it. The rule with the least mean regret is
the one to choose by, and its choice from all folds is the model to train. The idea and the rules are those of triage [1]_.

With v(f, m) the metric of model m in fold f, more being better, b(f) = max over m of v(f, m), and folds 1 to t known:

==============  ==========================================================================================================
rule            chooses the model with the largest
==============  ==========================================================================================================
last            v(t, m)
average         mean over f of v(f, m)
steady          mean over f of v(f, m) - `penalty` · (sd(m) - min over m of sd), the sd over f
near            share of the f with b(f) - v(f, m) ≤ `within`
recent          mean of v(f, m) weighed by `recency`^((f - 1)/(t - 1)): the last fold counts `recency` times the first
baseline        mean over f of v(f, m), among the baselines alone: what to do without a model
random          none: its regret is the mean over all models, what choosing blindly costs
==============  ==========================================================================================================

Ties go to the model named first in the report. Regret in fold t + 1 is b(t + 1) - v(t + 1, chosen).

.. [1] Data Science for Social Good (2016-), triage, ``component/audition/selection_rules.py`` and ``regrets.py``,
   github.com/dssg/triage.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.backtesting import BETTER_LOW, Report
from riskwarn.baseline import Model
from riskwarn.calling import checked
from riskwarn.errors import DefinitionError
from riskwarn.experiment import Experiment
from riskwarn.model import RiskModel
from riskwarn.notebook import text_html

RANDOM = "random"


@dataclass(frozen=True)
class Candidate:
    """A model under a name of its own, so that several of one kind can stand in a report.

    Parameters
    ----------
    name
        How reports call it.
    model
        Any model or baseline.

    Examples
    --------
    >>> from riskwarn.baseline import Linear
    >>> panel = pd.DataFrame({"n": [0.0, 1.0, 3.0] * 20, "y": [1, 2, 4] * 20})
    >>> flat = Candidate("flat", Linear(("n",), l2=1000.0))
    >>> flat.fit(panel).predict(panel[:3])["score"].rank().tolist()
    [1.0, 2.0, 3.0]
    """

    name: str
    model: Model

    def fit(self, panel: pd.DataFrame) -> "Candidate":
        """A fitted copy.

        Parameters
        ----------
        panel
            As the model wants it.

        Returns
        -------
        fitted
            Under the same name.
        """
        return dataclasses.replace(self, model=self.model.fit(panel))

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """What the model predicts.

        Parameters
        ----------
        panel
            As the model wants it.

        Returns
        -------
        predicted
            `score`, `expected`, `probability`, and what else the model gives.
        """
        return self.model.predict(panel)


@checked
def candidates(experiment: Experiment, **changes: Mapping[str, Any]) -> list[Candidate]:
    """The experiment's model with other settings, each under the name given; hand them to :func:`riskwarn.backtest` as `models`.

    Parameters
    ----------
    experiment
        Whose features, label and settings they share.
    changes
        Settings to change, by the name of the candidate.

    Returns
    -------
    candidates
        Unfitted, in the order given.

    Raises
    ------
    DefinitionError
        A setting is unknown.

    Examples
    --------
    >>> weekly = Experiment.load("experiments/weekly.toml")
    >>> [c.model.settings.max_depth for c in candidates(weekly, shallow={"max_depth": 2}, deep={"max_depth": 8})]
    [2, 8]
    """
    asked = RiskModel.of(experiment)
    known = {f.name for f in dataclasses.fields(asked.settings)}
    unknown = sorted({key for change in changes.values() for key in change} - known)
    if unknown:
        raise DefinitionError(f"unknown setting {unknown[0]!r} of the model; known: {', '.join(sorted(known))}.")
    return [
        Candidate(n, dataclasses.replace(asked, settings=dataclasses.replace(asked.settings, **c)))
        for n, c in changes.items()
    ]


@dataclass(frozen=True, eq=False)
class Audition:
    """What the replay found.

    Attributes
    ----------
    metric
        What was looked at.
    values
        (folds, models) the metric in each fold.
    choices
        One row a rule and fold but the first: `rule`, `fold`, `model`, `value`, `best`, `regret` (at least 0).
    rules
        One row a rule, the least mean regret first: `mean_regret`, `largest_regret`, `found_best` (share of the folds), `next`: the model
        it chooses from all folds.
    """

    metric: str
    values: pd.DataFrame
    choices: pd.DataFrame
    rules: pd.DataFrame

    @property
    def distance(self) -> pd.DataFrame:
        """(folds, models) how far each model is from the best of each fold, at least 0."""
        signed = _signed(self.values, self.metric)
        return -signed.sub(signed.max(axis=1), axis=0)

    @property
    def winner(self) -> str:
        """The rule with the least mean regret that names a model."""
        return str(self.rules.index.drop(RANDOM)[0])

    @property
    def model(self) -> str:
        """The winner's choice from all folds."""
        return str(self.rules.loc[self.winner, "next"])

    def __repr__(self) -> str:
        """The rules with their regrets, and the choice."""
        return (
            f"{self.metric} over {len(self.values)} folds, {self.values.shape[1]} models\n{self.rules.round(4).to_string()}\n"
            f"least regret: {self.winner}; it chooses {self.model}"
        )

    def _repr_html_(self) -> str:
        """The same for notebooks."""
        return text_html(repr(self))


@checked
def audition(
    report: Report,
    *,
    metric: str | None = None,
    penalty: float = 0.5,
    within: float | None = None,
    recency: float = 2.0,
) -> Audition:
    """Replay every rule over the folds of a report.

    Parameters
    ----------
    report
        With at least two folds and two models.
    metric
        The gate's by default.
    penalty
        Of rule ``steady``, at least 0.
    within
        Of rule ``near``, in units of the metric; by default a twentieth of the best model's mean.
    recency
        Of rule ``recent``, above 0.

    Returns
    -------
    audition
        Print it to read which rule regretted least, and what it chooses.

    Raises
    ------
    DefinitionError
        There are fewer than two folds or models, the metric is not in the report, or a setting is out of range.
    """
    wanted = metric or report.experiment.gate.metric
    if wanted not in set(report.frame["metric"]):
        raise DefinitionError(
            f"the report has no metric {wanted!r}; it has: {', '.join(report.frame['metric'].unique())}."
        )
    values = report.by_fold(wanted)[list(report.table.index)]
    if min(values.shape) < 2 or penalty < 0 or recency <= 0:
        raise DefinitionError(
            f"an audition needs two folds and two models, penalty of at least 0 and recency above 0; got {values.shape[0]} folds, "
            f"{values.shape[1]} models, {penalty:g} and {recency:g}."
        )
    signed = _signed(values, wanted)
    near = abs(float(signed.max(axis=1).mean())) / 20 if within is None else within
    rules = _rules(report.baselines, penalty=penalty, within=near, recency=recency)
    choices = pd.DataFrame(
        [_choice(name, rule, values, signed, t) for name, rule in rules.items() for t in range(1, len(values))]
    )
    by_rule = choices.groupby("rule", sort=False)["regret"]
    regrets = pd.DataFrame(
        {
            "mean_regret": by_rule.mean(),
            "largest_regret": by_rule.max(),
            "found_best": by_rule.agg(lambda r: (r == 0).mean()),
            "next": {name: _named(rule, signed) for name, rule in rules.items()},
        }
    )
    return Audition(wanted, values, choices, regrets.sort_values("mean_regret", kind="stable").rename_axis("rule"))


Rule = Callable[[pd.DataFrame], "pd.Series | None"]
"""From signed values of the folds known to a mark for each model that may be chosen, or none to choose blindly."""


def _rules(baselines: tuple[str, ...], *, penalty: float, within: float, recency: float) -> dict[str, Rule]:
    held = {"baseline": partial(_average, among=list(baselines))} if baselines else {}
    return {
        "last": _last,
        "average": _average,
        "steady": partial(_steady, penalty=penalty),
        "near": partial(_near, within=within),
        "recent": partial(_recent, recency=recency),
        **held,
        RANDOM: _blind,
    }


def _last(known: pd.DataFrame) -> pd.Series:
    return known.iloc[-1]


def _average(known: pd.DataFrame, among: list[str] | None = None) -> pd.Series:
    return (known if among is None else known[among]).mean()


def _steady(known: pd.DataFrame, penalty: float) -> pd.Series:
    spread = known.std(ddof=1) if len(known) > 1 else known.iloc[0] * 0
    return known.mean() - penalty * (spread - spread.min())


def _near(known: pd.DataFrame, within: float) -> pd.Series:
    return known.sub(known.max(axis=1), axis=0).ge(-within).mean()


def _recent(known: pd.DataFrame, recency: float) -> pd.Series:
    weight = recency ** (np.arange(len(known)) / max(len(known) - 1, 1))
    return known.mul(weight, axis=0).sum() / weight.sum()


def _blind(known: pd.DataFrame) -> None:  # noqa: ARG001 a rule like the others
    return None


def _named(rule: Rule, known: pd.DataFrame) -> str:
    marks = rule(known)
    return "any" if marks is None else str(marks.idxmax())


def _choice(name: str, rule: Rule, values: pd.DataFrame, signed: pd.DataFrame, t: int) -> dict[str, object]:
    """What the rule would have chosen for fold number t (from 0), and what came of it."""
    model, then = _named(rule, signed.iloc[:t]), signed.iloc[t]
    blind = model not in then
    value = values.iloc[t].mean() if blind else values.iloc[t][model]
    regret = then.max() - (then.mean() if blind else then[model])
    return {
        "rule": name,
        "fold": values.index[t],
        "model": model,
        "value": value,
        "best": values.iloc[t][then.idxmax()],
        "regret": regret,
    }


def _signed(values: pd.DataFrame, metric: str) -> pd.DataFrame:
    return -values if metric in BETTER_LOW else values
