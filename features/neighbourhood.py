"""Trouble spreads: what happened next door."""

from riskwarn.feature import Count, Recent

FEATURES = [
    Count("dispute", days=28).nearby(),
    Count("dispute", days=364).nearby(),
    Count("petition", days=28).nearby(),
    Recent("dispute", half_life=28).nearby(),
]
