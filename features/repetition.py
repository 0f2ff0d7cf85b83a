"""The same place again: repeated calls, and closed disputes that come back."""

from riskwarn.feature import MostAtOnePlace, Recurrence, RepeatShare
from riskwarn.history import Stream

FEATURES = [
    MostAtOnePlace(("dispute", "police_call"), days=28),
    RepeatShare(Stream("police_call", ("P04",)), days=84, within=30),
    Recurrence("dispute", days=365, within=30),
]
