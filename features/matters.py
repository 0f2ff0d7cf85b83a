"""Matters that stand: places that lately called or reported, once, twice or more, and where no case was closed since; grave cases still open."""

from riskwarn.feature import Open, UnsettledPlaces
from riskwarn.history import Stream

ANY = ("dispute", "hotline", "petition", "police_call")
GRAVE = Stream("dispute", severity=2)

FEATURES = [
    *(UnsettledPlaces("police_call", days=28, at_least=times) for times in (1, 2, 3)),
    *(UnsettledPlaces(ANY, days=28, at_least=times) for times in (1, 2, 3)),
    Open(GRAVE),
]
