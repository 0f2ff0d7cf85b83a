"""Why a grid has its score, in words a duty officer trusts; what changed, what if, what was missed, and what the model leans on.

Contributions add up: the families of a grid and the base make the log of its expected count (:meth:`RiskModel.margin`).
Wording says "possible reason", never cause; the text is made when it is read and never stored.
"""

from riskwarn.explanation.behind import MOST_EVENTS, events_behind
from riskwarn.explanation.card import model_card
from riskwarn.explanation.changes import change_sentences, changes
from riskwarn.explanation.closings import read_what_ifs, what_if_table
from riskwarn.explanation.overview import dependence, importance, shap_explanation, stability
from riskwarn.explanation.phrases import denied
from riskwarn.explanation.reasons import explain, families_of, family_contributions, in_words, pick_reasons
from riskwarn.explanation.review import LEAST_SEVERITY, REACH_DAYS, Review, review, review_sentences, serious_events
from riskwarn.explanation.rows import rows
from riskwarn.explanation.sentences import lead, remedies, sentence, sentences, words_of_features
from riskwarn.explanation.tide import tide_facts
from riskwarn.explanation.whatif import CAVEAT, WhatIf, actionable, seen_ranges, what_if, what_ifs

__all__ = [
    "CAVEAT",
    "LEAST_SEVERITY",
    "MOST_EVENTS",
    "REACH_DAYS",
    "Review",
    "WhatIf",
    "actionable",
    "change_sentences",
    "changes",
    "denied",
    "dependence",
    "events_behind",
    "explain",
    "families_of",
    "family_contributions",
    "importance",
    "in_words",
    "lead",
    "model_card",
    "pick_reasons",
    "read_what_ifs",
    "remedies",
    "review",
    "review_sentences",
    "rows",
    "seen_ranges",
    "sentence",
    "sentences",
    "serious_events",
    "shap_explanation",
    "stability",
    "tide_facts",
    "what_if",
    "what_if_table",
    "what_ifs",
    "words_of_features",
]
