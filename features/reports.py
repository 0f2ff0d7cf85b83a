"""Reports of all kinds by grid workers: whether a grid is alive, and how much of what happens its ledger catches."""

from riskwarn.feature import Count, Ratio, Rise
from riskwarn.history import Stream

FOUND = Stream("dispute", origin="proactive")

FEATURES = [
    *(Count("grid_report", days=days) for days in (7, 28, 84, 365)),
    Rise("grid_report", days=28),
    Ratio(
        Count(FOUND, days=365).of_parent("township_id"),
        Count(Stream("police_call", ("P04",)), days=365).of_parent("township_id"),
    ),
]
