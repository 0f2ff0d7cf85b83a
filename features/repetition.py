"""The same place again: repeated calls, how many places repeat, and closed disputes that come back."""

from riskwarn.feature import MostAtOnePlace, Recurrence, RepeatedPlaces, RepeatShare
from riskwarn.history import Stream

FEATURES = [
    MostAtOnePlace(("dispute", "police_call"), days=28),
    RepeatedPlaces(("dispute", "police_call"), days=84),
    RepeatShare(Stream("police_call", ("P04",)), days=84, within=30),
    Recurrence("dispute", days=365, within=30),
]
