"""Visits, for audit alone: where staff went says nothing about where trouble is, and may not lower a score."""

from riskwarn.feature import Count, Coverage, DaysSince, Share
from riskwarn.history import Stream

VALID = Stream("visit", tag="valid")

FEATURES = [
    *(Count(VALID, days=days) for days in (7, 28, 84, 365)),
    DaysSince(VALID),
    Coverage(VALID, days=84),
    Share(Stream("dispute", origin="proactive"), VALID, days=365),
    Share(Stream("visit", hours=(18, 22)), "visit", days=84),
]
