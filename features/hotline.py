"""Hotline requests: dispute-like ones, those handed back, and hard cases. A request is a wish for service, never a threat."""

from riskwarn.feature import Count, Rise
from riskwarn.history import Stream

FEATURES = [
    *(Count("hotline", days=days) for days in (7, 28, 84, 365)),
    Rise("hotline", days=7),
    Count(Stream("hotline", tag="returned"), days=28),
    Count(Stream("hotline", tag="hard"), days=84),
]
