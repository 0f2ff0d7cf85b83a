"""The feeds themselves: which days they cover, how late records arrive, and how many are linked."""

from riskwarn.feature import Delay, Observed, Share
from riskwarn.history import Stream

FEATURES = [
    *(Observed(source, days=28) for source in ("dispute", "petition", "police_call", "hotline")),
    *(Delay(source, days=28) for source in ("dispute", "police_call")),
    Share(Stream("dispute", linked=True), "dispute", days=84, level="township_id"),
]
