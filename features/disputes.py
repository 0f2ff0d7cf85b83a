"""Disputes: how many, how recently, above or below normal, and beside which neighbours.

Long counts carry a grid's lasting level, short ones its present state; the field's habit is to compare with fifteen weeks.
"""

from riskwarn.feature import Count, DaysSince, Recent, Rise

FEATURES = [
    *(Count("dispute", days=days) for days in (7, 28, 84, 182, 364)),
    Rise("dispute", days=28),
    Recent("dispute", half_life=28),
    DaysSince("dispute"),
]
