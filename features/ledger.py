"""The dispute ledger: what staff found and what residents brought stand apart; how large, how grave, how it ended."""

from riskwarn.feature import Count, MeanSeverity, PerHousehold, Share
from riskwarn.history import Stream

FOUND = Stream("dispute", origin="proactive")
ASKED = Stream("dispute", origin="citizen")

FEATURES = [
    *(Count(FOUND, days=days) for days in (7, 28, 84, 365)),
    *(Count(ASKED, days=days) for days in (7, 28, 84, 365)),
    PerHousehold(ASKED, days=365),
    Count(Stream("dispute", tag="large_amount"), days=84),
    Count(Stream("dispute", tag="many_people"), days=84),
    Count(Stream("dispute", tag="moved_up"), days=84),
    Share(Stream("dispute", outcome="success"), "dispute", days=365),
    MeanSeverity("dispute", days=84),
]
