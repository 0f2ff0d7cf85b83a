"""What happens around the grid: dispute calls next door, and how township and county move."""

from riskwarn.feature import Count, MixTrend, Recent, Trend
from riskwarn.history import Stream

DISPUTE = Stream("police_call", ("P04",))

FEATURES = [
    Count(DISPUTE, days=28).nearby(),
    Count(DISPUTE, days=365).nearby(),
    Recent(DISPUTE, half_life=15).nearby(),
    Trend(DISPUTE, days=28, over=84, level="township_id"),
    MixTrend("dispute", days=28, over=84, level="county_id"),
]
