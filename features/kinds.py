"""Kinds of dispute: each one's share, how mixed they are, and what is new."""

from riskwarn.feature import Entropy, NewKinds, Share
from riskwarn.history import Stream
from riskwarn.taxonomy import DISPUTES, NEVER_FEATURES

FEATURES = [
    *(Share(Stream("dispute", (code,)), "dispute", days=365) for code in DISPUTES if code not in NEVER_FEATURES),
    Entropy("dispute", days=365),
    NewKinds("dispute", days=28),
]
