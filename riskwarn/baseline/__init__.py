"""What a model must beat: the label's own count over the last weeks, and every other plain rule an experiment names.

Every model here and in :mod:`riskwarn.model` has one face: ``fit(panel)`` returns a fitted model, ``predict(panel)`` gives
`score` (what it ranks by), `expected` (count in the horizon) and `probability` (of at least one event). A baseline also says
which features it `needs`; ``[baselines] rules`` of an experiment names them (:data:`RULES`), and the panel then holds their columns.
"""

from riskwarn.baseline.additive import Additive
from riskwarn.baseline.choice import Choice
from riskwarn.baseline.count import PriorCount
from riskwarn.baseline.ewma import Ewma
from riskwarn.baseline.exciting import SelfExciting
from riskwarn.baseline.face import Baseline, Model, is_baseline, predicted, settled
from riskwarn.baseline.hotspot import Hotspot
from riskwarn.baseline.kernel import Kernel
from riskwarn.baseline.line import Line, Linear
from riskwarn.baseline.named import RULES
from riskwarn.baseline.number import Number
from riskwarn.baseline.people import People
from riskwarn.baseline.repeat import NearRepeat
from riskwarn.baseline.rule import Rule, rules_of
from riskwarn.baseline.season import Season
from riskwarn.baseline.surroundings import Surroundings

__all__ = [
    "RULES", "Additive", "Baseline", "Choice", "Ewma", "Hotspot", "Kernel", "Line", "Linear", "Model", "NearRepeat", "Number", "People",
    "PriorCount", "Rule", "Season", "SelfExciting", "Surroundings", "is_baseline", "predicted", "rules_of", "settled",
]  # fmt: skip
