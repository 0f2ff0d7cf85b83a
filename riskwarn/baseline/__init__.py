"""What a model must beat: the label's own count over the last weeks, and every other plain rule an experiment names.

Every model here and in :mod:`riskwarn.model` has one protocol: ``fit(panel)`` returns a fitted model, ``predict(panel)`` gives
`score` (what it ranks by), `expected` (count in the horizon) and `probability` (of at least one event). A baseline also says
which features it `needs`; ``[baselines] rules`` of an experiment names them (:data:`RULES`), and the panel then holds their columns.
"""

from riskwarn.baseline.additive import Additive
from riskwarn.baseline.exciting import SelfExciting
from riskwarn.baseline.line import Line, Linear, Surroundings
from riskwarn.baseline.number import Ewma, Hotspot, Kernel, Number, People, PriorCount, Season
from riskwarn.baseline.protocol import Baseline, Model, is_baseline, predicted, settled, settled_rows
from riskwarn.baseline.repeat import NearRepeat
from riskwarn.baseline.rule import RULES, Choice, Rule, rules_of

__all__ = [
    "RULES",
    "Additive",
    "Baseline",
    "Choice",
    "Ewma",
    "Hotspot",
    "Kernel",
    "Line",
    "Linear",
    "Model",
    "NearRepeat",
    "Number",
    "People",
    "PriorCount",
    "Rule",
    "Season",
    "SelfExciting",
    "Surroundings",
    "is_baseline",
    "predicted",
    "rules_of",
    "settled",
    "settled_rows",
]
