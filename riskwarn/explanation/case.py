"""Which case of a template the numbers call for."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from riskwarn.explanation import template
from riskwarn.taxonomy import Words

CLEAR = 1.1
"""A value speaks for itself when it differs from its normal by a tenth at least."""
NOTHING = 0.05
"""Less than this many events, or of their mean, is said as none; nothing at all is little, whatever the normal."""
RISE = 0.5
"""Standard deviations from which a rise or a fall speaks for itself."""
MODEST = 1.5
"""Below this multiple of normal both numbers are said, not the multiple."""
REPEATED = 2
"""From so many events on a place is a repeated one."""


class Reading(NamedTuple):
    """One number with what it is compared with and the direction of its family."""

    saying: Mapping[str, Any]
    value: float
    normal: float
    raising: bool


def _habit(read: Reading) -> Words:
    group = template.AROUND_HABIT if read.saying["around"] else template.HABIT
    if read.value < NOTHING:
        return group["none" if read.normal >= NOTHING else "never"]
    if read.value * CLEAR < read.normal:
        return group["below"]
    if read.value <= CLEAR * read.normal:
        return group["level"]
    if read.normal < 0.005:
        return group["first"]
    if 1 < read.value / read.normal < MODEST and read.normal >= 0.5:
        return group["above"]
    return group["times" if read.normal >= 0.5 or (read.value >= 3 and read.normal >= 0.1) else "few"]


def _lasting(read: Reading) -> Words:
    group = template.AROUND_LASTING if read.saying["around"] else template.LASTING
    return group[_beside_city(read.value, read.normal)]


def _standing(read: Reading) -> Words:
    group = template.AROUND_STANDING if read.saying["around"] else template.STANDING
    return group[_beside_city(read.value, read.normal)]


def _beside_city(value: float, normal: float) -> str:
    if value < NOTHING:
        return "none" if normal >= NOTHING else "never"
    if normal < NOTHING:
        return "rare"
    return "above" if value >= normal else "below"


def _since(read: Reading) -> Words:
    if read.value >= read.saying["days"]:
        return template.SINCE["never"]
    rare = "_rare" if read.normal >= read.saying["days"] else ""
    if read.value < 1:
        return template.SINCE["today" + rare]
    return template.SINCE["quiet" if read.value > read.normal else "just" + rare]


def _rise(read: Reading) -> Words:
    return template.RISE["level" if abs(read.value) < RISE else "above" if read.value > 0 else "below"]


def _recent(read: Reading) -> Words:
    if read.value < NOTHING:
        return template.RECENT["never"]
    if read.value >= read.normal and read.normal < NOTHING:
        return template.RECENT["rare"]
    return template.RECENT["above" if read.value >= read.normal else "below"]


def _share(read: Reading) -> Words:
    return template.SHARE["above" if read.value >= read.normal else "below"]


def _attribute(read: Reading) -> Words:
    return template.ATTRIBUTE[read.saying["column"]]


def _season(read: Reading) -> Words:
    return template.SEASON["busy" if read.raising else "calm"]


def _festival(read: Reading) -> Words:
    when = (
        "far"
        if abs(read.value) >= read.saying["days"]
        else "on"
        if read.value == 0
        else "before"
        if read.value < 0
        else "after"
    )
    return template.FESTIVAL[f"{when}_{'busy' if read.raising else 'calm'}"]


def _place(read: Reading) -> Words:
    return template.PLACE["repeated" if read.value >= REPEATED else "none" if read.value < NOTHING else "single"]


def _flag(read: Reading) -> Words:
    return template.FLAG["yes" if read.value > 0 else "no"]


def _window(read: Reading) -> Words:
    return template.WINDOW[f"{'in' if read.value > 0 else 'out'}_{'busy' if read.raising else 'calm'}"]


SPEAK: dict[str, Callable[[Reading], Words]] = {
    "habit": _habit, "lasting": _lasting, "standing": _standing, "since": _since, "rise": _rise, "recent": _recent, "share": _share,
    "attribute": _attribute, "season": _season, "festival": _festival, "place": _place, "measure": lambda _: template.MEASURE["any"], "flag": _flag,
    "window": _window,
}  # fmt: skip
"""By kind of saying."""
