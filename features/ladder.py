"""The ladder an unresolved matter climbs: ledger, hotline or petition, dispute call, violence."""

from riskwarn.feature import Climb, OpenMatters, Rung, Unheralded

FEATURES = [
    Rung(days=28),
    OpenMatters(),
    Climb(days=84),
    Unheralded(days=365),
]
