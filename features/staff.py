"""Staffing, for audit alone: workers on duty, and days without any."""

from riskwarn.feature import Staff, Unstaffed

FEATURES = [
    Staff(days=28),
    Unstaffed("roster", days=28),
]
