"""Police calls next door: near repeats, and the lasting level of the few cells around."""

from riskwarn.feature import Count, Recent

FEATURES = [
    Count("police_call", days=28).nearby(),
    Count("police_call", days=364).nearby(),
    Count("police_call", days=1456).nearby(),
    Recent("police_call", half_life=28).nearby(),
]
