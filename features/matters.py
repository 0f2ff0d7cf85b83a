"""Matters that stand: places that lately called or reported, once, twice or more, and where no case was closed since."""

from riskwarn.feature import UnsettledPlaces

ANY = ("dispute", "hotline", "petition", "police_call")

FEATURES = [
    *(UnsettledPlaces("police_call", days=28, at_least=times) for times in (1, 2, 3)),
    *(UnsettledPlaces(ANY, days=28, at_least=times) for times in (1, 2, 3)),
]
