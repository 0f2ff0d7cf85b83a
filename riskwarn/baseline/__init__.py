"""What a model must beat: the label's own count over the last weeks, and a plain linear model of the same features.

Every model here and in :mod:`riskwarn.model` has one face: ``fit(panel)`` returns a fitted model, ``predict(panel)`` gives
`score` (what it ranks by), `expected` (count in the horizon) and `probability` (of at least one event).
"""

from riskwarn.baseline.count import PRIOR, PriorCount
from riskwarn.baseline.face import Model, predicted, settled
from riskwarn.baseline.line import Line, Linear
from riskwarn.baseline.rule import Rule, rules_of

__all__ = ["PRIOR", "Line", "Linear", "Model", "PriorCount", "Rule", "predicted", "rules_of", "settled"]
