"""Why rows were refused, as people read it: quarantine keeps the words of the rule that refused them."""

import re

from riskwarn.language import SOURCE_LANGUAGE, Phrase, Spoken, Words, in_every_language, listed, phrase

_COLUMNS: dict[str, Phrase] = {
    "occurred_at": phrase("time of the event", context="column"),
    "closed_at": phrase("time of closing", context="column"),
    "known_at": phrase("time it became known", context="column"),
    "event_id": phrase("number of the event", context="column"),
    "grid_id": phrase("grid", context="column"),
    "category": phrase("category", context="column"),
    "count": phrase("count", context="column"),
}
_RULES: dict[str, Phrase] = {
    r"(?P<later>\w+) before (?P<earlier>\w+)": phrase("{later} lies before {earlier}", context="refused"),
    r"(?P<column>\w+) is empty": phrase("{column} is empty", context="refused"),
    r"(?P<column>\w+): not a time": phrase("{column} is no time", context="refused"),
    r"(?P<column>\w+): not a number": phrase("{column} is no number", context="refused"),
    r"(?P<column>\w+): neither yes nor no": phrase("{column} is neither yes nor no", context="refused"),
    r"(?P<column>\w+): after the delivery arrived": phrase("{column} lies after the delivery", context="refused"),
    r"(?P<column>\w+): not in the crosswalk": phrase("{column} is not in the crosswalk", context="refused"),
}
"""What the rules of the intake say, and how it is told."""


def refusal(reason: str) -> Words:
    """A reason of quarantine: as it stands there in English, in words elsewhere; code of which there are no words stays as it is.

    Parameters
    ----------
    reason
        One, or several joined by a semicolon.

    Returns
    -------
    words
        Code is marked as such.

    Examples
    --------
    >>> said = refusal("closed_at before occurred_at")
    >>> said["en"], said["zh"]
    ('`closed_at before occurred_at`', '办结时间早于发生时间')
    """
    told = listed([_told(part) for part in reason.split("; ")], ";")
    return Words(**{**in_every_language(told), SOURCE_LANGUAGE: f"`{reason}`"})


def _told(part: str) -> Spoken:
    for rule, said in _RULES.items():
        if found := re.fullmatch(rule, part):
            return said.filled(**{name: _COLUMNS.get(code, f"`{code}`") for name, code in found.groupdict().items()})
    return Words(en=f"`{part}`")
