"""Petitions by form: first requests for redress, repeated ones, and those brought in person. They show unmet need."""

from riskwarn.feature import Count, Share
from riskwarn.history import Stream

FIRST = Stream("petition", tag="seeks_redress", without="repeat")

FEATURES = [
    *(Count(FIRST, days=days) for days in (7, 28, 84, 365)),
    Share(Stream("petition", tag="repeat"), "petition", days=365),
    Share(Stream("petition", tag="in_person"), "petition", days=365),
]
