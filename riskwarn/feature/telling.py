"""The unit after a number, and the next step beside a reason."""

from riskwarn.language import UNSAID, Spoken, Words, phrase

STEPS = {"A3": "open", "A4": "overdue", "A10": "calendar"}
"""The next step beside a reason, by the action of the feature."""
_SOURCES_WITH_STEPS = frozenset({"dispute", "petition", "police_call", "hotline", "grid_report"})
_UNITS = {
    "days": phrase(" day", plural=" days", context="unit"),
    "workers": phrase(" worker", plural=" workers", context="unit"),
    "per week": phrase(" a week", context="unit"),
    "per day": phrase(" a day", context="unit"),
    "share": phrase(" %", context="unit"),
}
"""Units as they are written after a number; any other stands as it is, save scales of their own."""
_SCALES = frozenset(
    {
        "count",
        "ratio",
        "z",
        "nats",
        "number",
        "product",
        "weighted count",
        "as the column says",
        "count or probability",
        "log per km²",
        "per 1000 households",
        "-1 to 1",
        "0 or 1",
        "0 to 1",
        "0 to 3",
        "0 to 4",
    }
)


def unit_of(unit: str) -> Spoken:
    """How a unit is written after a number; nothing for a scale of its own."""
    if unit in _UNITS:
        return _UNITS[unit]
    return UNSAID if unit in _SCALES else Words(zh=unit, en=f" {unit}")


def step_of(source: str) -> str:
    """The next step about a feed."""
    return source if source in _SOURCES_WITH_STEPS else "grid_report"
