"""Why a grid has its score, in words a duty officer trusts; what changed, what if, what was missed, and what the model leans on.

Contributions add up: the families of a grid and the base make the log of its expected count (:meth:`RiskModel.margin`).
Wording says "possible reason", never cause; the text is made when it is read and never stored.
"""

from riskwarn.explanation.denied import denied
from riskwarn.explanation.reasons import explain, families_of, family_contributions, in_words
from riskwarn.explanation.saying import words_of_features
from riskwarn.explanation.wording import lead, remedies, sentence, sentences

__all__ = [
    "denied",
    "explain",
    "families_of",
    "family_contributions",
    "in_words",
    "lead",
    "remedies",
    "sentence",
    "sentences",
    "words_of_features",
]
