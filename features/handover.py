"""Between bodies: calls handed over and never received, cases handed back again, and what lies on a border."""

from riskwarn.feature import Count, Open, Share
from riskwarn.history import Stream

FEATURES = [
    Open("diversion", days=84),
    Count(Stream("step", ("return",), tag="again"), days=84),
    Share(Stream("dispute", border=True), "dispute", days=365),
]
