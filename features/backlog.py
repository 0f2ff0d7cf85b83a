"""The backlog: how old open cases are, how late, how many are about to be, and how long handling takes."""

from riskwarn.feature import Amber, Closed, Handling, OpenAge, OverdueDays, OverdueShare

FEATURES = [
    OpenAge("dispute", q=0.9),
    OverdueShare("dispute"),
    OverdueDays("dispute"),
    Amber("dispute"),
    Closed("dispute", days=28),
    Handling("dispute", days=365),
    OpenAge("petition", q=0.9),
    OverdueShare("petition"),
    Closed("petition", days=28),
    Handling("petition", days=365),
]
