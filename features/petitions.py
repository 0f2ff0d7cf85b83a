"""Petitions and service requests: lawful requests for help. They raise the need for service, never a threat."""

from riskwarn.feature import Count, DaysSince, Recent, Rise

FEATURES = [
    *(Count("petition", days=days) for days in (7, 28, 84, 182, 364)),
    Rise("petition", days=28),
    Recent("petition", half_life=28),
    DaysSince("petition"),
]
