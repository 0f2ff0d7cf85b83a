"""Police calls by residents: how many, how recently, and above or below normal."""

from riskwarn.feature import Count, DaysSince, Recent, Rise

FEATURES = [
    *(Count("police_call", days=days) for days in (7, 28, 84, 182, 364, 728)),
    Rise("police_call", days=28),
    Recent("police_call", half_life=14),
    DaysSince("police_call"),
]
