"""Dispute calls: how many, how grave, at what hour, how they were met, and how far above the fifteen-week habit."""

from riskwarn.feature import Count, Cusum, DaysSince, Ewma, Level, PerHousehold, Recent, Rise, Share
from riskwarn.history import Stream

DISPUTE = Stream("police_call", ("P04",))
VIOLENT = Stream("police_call", severity=3)
AT_NIGHT = Stream("police_call", ("P04",), hours=(20, 6))

FEATURES = [
    *(Count(DISPUTE, days=days) for days in (7, 28, 84, 365)),
    *(Count(VIOLENT, days=days) for days in (7, 28, 84, 365)),
    PerHousehold(DISPUTE, days=365),
    Count(Stream("police_call", tag="weapon"), days=84),
    Share(AT_NIGHT, DISPUTE, days=84),
    Count(Stream("police_call", ("P04",), tag="unsettled"), days=28),
    Share(Stream("police_call", tag="late_arrival"), "police_call", days=84),
    Level(DISPUTE),
    Rise(DISPUTE, days=7),
    Cusum(DISPUTE, weeks=4),
    Ewma(DISPUTE, half_life=14),
    Recent(DISPUTE, half_life=2),
    Recent(DISPUTE, half_life=15),
    DaysSince(DISPUTE, cap=365),
    DaysSince(VIOLENT, cap=730),
]
