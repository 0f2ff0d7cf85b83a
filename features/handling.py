"""How cases are handled: what is open, and what is past its due time."""

from riskwarn.feature import Open, Overdue

FEATURES = [
    Open("dispute"),
    Overdue("dispute"),
    Open("petition"),
    Overdue("petition"),
]
