"""The reviewed sentences. Every reason a reader sees is one of these with numbers in it; there is no free text.

A template is chosen by the kind of feature, by what its value is compared with, and by a case that the numbers decide. In
the braces: `value`, `normal` and `ratio` are numbers as staff write them, `last` a window (`per` a rate over it), `what` the noun in the right
number, `one` and `many` its singular and plural, `name` what is measured (`unit_n` and `normal_n` its units in the right number), `unit` its measure word, `where` the grids around, `when` a part of the year.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from riskwarn.calling import checked
from riskwarn.language import Language, Phrase, phrase

HABIT = {
    "times": phrase("{value} {what} in {last}, {ratio} times the mean of the 15 weeks before"),
    "above": phrase("{value} {what} in {last}, above the {normal} of the 15 weeks before"),
    "few": phrase("{value} {what} in {last}; the 15 weeks before averaged {normal} {per}"),
    "first": phrase("{value} {what} in {last}, none in the 15 weeks before"),
    "below": phrase("{value} {what} in {last}, below the {normal} of the 15 weeks before"),
    "none": phrase("No {many} in {last}; the 15 weeks before averaged {normal} {per}"),
    "never": phrase("No {many} in {last} or the 15 weeks before"),
    "level": phrase("{value} {what} in {last}; the 15 weeks before averaged {normal} {per}"),
}
"""A short count, beside the grid's own past."""
LASTING = {
    "above": phrase("{value} {what} in {last}; city median {normal}"),
    "rare": phrase("{value} {what} in {last}; most grids had none"),
    "below": phrase("{value} {what} in {last}; city median {normal}"),
    "none": phrase("No {many} in {last}; city median {normal}"),
    "never": phrase("No {many} in {last}"),
}
"""A long count, beside the city."""
STANDING = {
    "above": phrase("{value} {what}; city median {normal}"),
    "rare": phrase("{value} {what}; most grids have none"),
    "below": phrase("{value} {what}; city median {normal}"),
    "none": phrase("No {many}; city median {normal}"),
    "never": phrase("No {many}"),
}
"""What stands open now, beside the city."""
AROUND_HABIT = {
    "times": phrase("{where} averaged {value} {what} each in {last}, {ratio} times their mean of the 15 weeks before"),
    "above": phrase("{where} averaged {value} {what} each in {last}, above the {normal} of the 15 weeks before"),
    "few": phrase("{where} averaged {value} {what} each in {last}; the 15 weeks before averaged {normal} {per}"),
    "first": phrase("{where} averaged {value} {what} each in {last}, after none in the 15 weeks before"),
    "below": phrase("{where} averaged {value} {what} each in {last}, below the {normal} of the 15 weeks before"),
    "none": phrase("{where} had no {many} in {last}; the 15 weeks before averaged {normal} {per}"),
    "never": phrase("{where} had no {many} in {last} or the 15 weeks before"),
    "level": phrase("{where} averaged {value} {what} each in {last}; the 15 weeks before averaged {normal} {per}"),
}
"""A short count of the grids around, beside their own past."""
AROUND_LASTING = {
    "above": phrase("{where} averaged {value} {what} each in {last}; city median {normal}"),
    "rare": phrase("{where} averaged {value} {what} each in {last}; most grids had none"),
    "below": phrase("{where} averaged {value} {what} each in {last}; city median {normal}"),
    "none": phrase("{where} had no {many} in {last}; city median {normal}"),
    "never": phrase("{where} had no {many} in {last}"),
}
"""A long count of the grids around, beside the city."""
AROUND_STANDING = {
    "above": phrase("{where} have {value} {what} on average; city median {normal}"),
    "rare": phrase("{where} have {value} {what} on average; most grids have none"),
    "below": phrase("{where} have {value} {what} on average; city median {normal}"),
    "none": phrase("{where} have no {many}; city median {normal}"),
    "never": phrase("{where} have no {many}"),
}
"""What stands open in the grids around."""
SINCE = {
    "just": phrase("The last {one} was {value} {day_s} ago; city median {normal} {day_n}"),
    "today": phrase("The last {one} was less than a day ago; city median {normal} {day_n}"),
    "quiet": phrase("No {one} for {value} {day_s}; city median {normal} {day_n}"),
    "just_rare": phrase("The last {one} was {value} {day_s} ago; most grids had none in {cap}"),
    "today_rare": phrase("The last {one} was less than a day ago; most grids had none in {cap}"),
    "quiet_long": phrase("No {one} for more than a year"),
    "never": phrase("No {one} in {last}"),
}
"""How long ago; from a year on nobody counts days."""
RISE = {
    "above": phrase("Clearly more {many} in {last} than in the 15 weeks before"),
    "below": phrase("Clearly fewer {many} in {last} than in the 15 weeks before"),
    "level": phrase("About as many {many} in {last} as in the 15 weeks before"),
}
"""A rise, where no count of the same window can say it."""
KEPT = {
    "above": phrase("Over {last} {many} have kept above their usual number"),
    "level": phrase("Over {last} {many} have not kept above their usual number"),
}
"""Whether events have kept above normal."""
MIXED = {
    "above": phrase("The kinds of {many} in {last} were more mixed than in most grids"),
    "below": phrase("The {many} in {last} were more of one kind than in most grids"),
}
"""How mixed the kinds of events are."""
RATE = {
    "rare": phrase("{when_rate}, {value} {what} {per} on average; most grids have none"),
    "above": phrase("{when_rate}, {value} {what} {per} on average; city median {normal}"),
    "below": phrase("{when_rate}, {value} {what} {per} on average; city median {normal}"),
    "never": phrase("{when_rate}, no {many}"),
}
"""A rate a week, or of a lasting level a year, where no plain count can say it; a faded count is told as the steady rate that would keep it where it is."""
AROUND_RATE = {
    "rare": phrase("{where} had {value} {what} {per} each {when_after}; most grids have none"),
    "above": phrase("{where} had {value} {what} {per} each {when_after}; city median {normal}"),
    "below": phrase("{where} had {value} {what} {per} each {when_after}; city median {normal}"),
    "never": phrase("{where} had no {many} {when_after}"),
}
"""A rate of the grids around."""
WHEN_RATE = {
    "lately": phrase("Lately"),
    "long": phrase("In the long run"),
    "before": phrase("In the 15 weeks before the last"),
}
"""The time of a rate that has no window of whole days; after the verb in lower case."""
SHARE = {
    "above": phrase("{value} % of the {whole} in {last} were {many}; city median {normal} %"),
    "below": phrase("Only {value} % of the {whole} in {last} were {many}; city median {normal} %"),
}
"""A share of one stream in another."""
ATTRIBUTE = {
    "area_km2": phrase("The grid covers {value} km²; city median {normal} km²"),
    "households": phrase("Households in the grid: {value}; city median {normal}"),
    "population": phrase("Residents in the grid: {value}; city median {normal}"),
    "density": phrase("Residents per km²: {value}; city median {normal}"),
}
"""Facts of the grid itself."""
PLACES = {
    "some": phrase("{value} {what} in the grid; city median {normal}"),
    "rare": phrase("{value} {what} in the grid; most grids have none"),
    "none": phrase("No {many} in the grid; city median {normal}"),
    "never": phrase("No {many} in the grid"),
}
"""Key places in the grid."""
SEASON = {
    "busy": phrase("{when} is usually a busier time of year"),
    "calm": phrase("{when} is usually a quieter time of year"),
}
"""The time of year, by the direction in which it moves the score."""
LEVEL = {
    "more": phrase("The city as a whole has had more {many} of late than when the model was calibrated"),
    "fewer": phrase("The city as a whole has had fewer {many} of late than when the model was calibrated"),
}
"""The level of the whole city, by the direction in which it moves the score."""
FESTIVAL = {
    "before_busy": phrase("{value} {day_s} before Spring Festival, usually a busier time"),
    "before_calm": phrase("{value} {day_s} before Spring Festival, usually a quieter time"),
    "on_busy": phrase("Spring Festival today, usually a busier time"),
    "on_calm": phrase("Spring Festival today, usually a quieter time"),
    "after_busy": phrase("{value} {day_s} after Spring Festival, usually a busier time"),
    "after_calm": phrase("{value} {day_s} after Spring Festival, usually a quieter time"),
    "far_busy": phrase("Far from Spring Festival ({value} days or more), usually a busier time"),
    "far_calm": phrase("Far from Spring Festival ({value} days or more), usually a quieter time"),
}
"""Days from Spring Festival."""
PLACE = {
    "repeated": phrase("{value} {what} at one place in {last}"),
    "single": phrase("No place had more than one {one} in {last}"),
    "none": phrase("No {many} in {last}"),
}
"""The place of the grid with most events."""
MEASURE = {"any": phrase("{name}: {value}{unit_n}; city median {normal}{normal_n}")}
"""A number of any other kind, with its unit."""
FLAG = {
    "yes": phrase("The grid counts as {name}"),
    "no": phrase("The grid does not count as {name}"),
}
"""What a grid is or is not."""
WEEKDAY = {
    "busy": phrase("{weekday} is usually a busier day"),
    "calm": phrase("{weekday} is usually a quieter day"),
}
"""The day of the week."""
WORKDAYS = {
    "busy": phrase("{value} working {day_s} in the next {days}, usually a busier time"),
    "calm": phrase("{value} working {day_s} in the next {days}, usually a quieter time"),
    "none_busy": phrase("No working day in the next {days}, usually a busier time"),
    "none_calm": phrase("No working day in the next {days}, usually a quieter time"),
}
"""Working days ahead."""
DURING = {
    "kind": phrase("Time of year: {during}; the grid counts as {name}"),
    "more": phrase("Time of year: {during}; more {many} than in most grids"),
    "less": phrase("Time of year: {during}; no more {many} than in most grids"),
    "out": phrase("Outside {during}, or a grid without {many}"),
}
"""What counts in one part of the year."""
WINDOW = {
    "in_busy": phrase("Time of year: {name}, usually a busier one"),
    "in_calm": phrase("Time of year: {name}, usually a quieter one"),
    "out_busy": phrase("Outside {name}, usually a busier time"),
    "out_calm": phrase("Outside {name}, usually a quieter time"),
}
"""A part of the year with a name."""
RUNG = {
    "0": phrase("No matter was on record with two bodies in {last}"),
    "1": phrase("In {last} a linked matter stood in the dispute ledger alone"),
    "2": phrase("In {last} one matter went on to the hotline or to a petition"),
    "3": phrase("In {last} one matter went on to a dispute call to the police"),
    "4": phrase("In {last} one matter went on to a call about violence"),
}
"""How far one matter went on the ladder of unmet need."""
CLIMB = {
    "today": phrase("In {last} a matter went from the ledger to a police call on the same day"),
    "days": phrase("In {last} a matter went from the ledger to a police call within {value} {day_s}"),
}
"""How soon one matter went from the ledger to the police."""
TOGETHER = {
    "raising": phrase("{text} (nothing unusual by itself; with the other facts it raises the score)"),
    "lowering": phrase("{text} (nothing unusual by itself; with the other facts it lowers the score)"),
}
"""Where no number of a family lies on the side to which the family moves the score."""
SILENT = phrase("{text} (having no record is not the same as having no need)")
"""Where an absence of records goes with a lower score: it is no comfort, and is told as none."""
AROUND = phrase("{where}, on average: {text}")
"""Any other number of the grids around."""
MISSING = phrase("Not recorded: {name}")
"""A number that is not known is said to be missing, never nought."""
LEAD = {
    "raising": phrase("Possible reason"),
    "lowering": phrase("Possible easing factor"),
}
"""What stands before a reason: a lead to verify, never a cause."""
WHERE = {
    "nearby": phrase("The neighbouring grids"),
    "community": phrase("The grids of its community"),
    "township": phrase("The grids of its township"),
    "county": phrase("The grids of its county"),
    "about": phrase("This grid and those around it"),
}
"""The grids around."""
NEARBY = phrase("The neighbouring grid", plural="The {n} neighbouring grids")
"""The grids around, where their number is known."""
REMEDIES = {
    "dispute": ("A1", phrase("Ask a mediator to visit")),
    "petition": ("A2", phrase("Call back and follow up the requests")),
    "police_call": ("A1", phrase("Visit the grid and ask what help is needed")),
    "hotline": ("A2", phrase("Call back and check how the requests were handled")),
    "grid_report": ("A1", phrase("Visit the grid and check what was reported")),
    "open": (
        "A3",
        phrase("Hold a joint meeting on the open cases and name one owner"),
    ),
    "overdue": ("A4", phrase("Raise the overdue cases to a higher level")),
    "place": (
        "A3",
        phrase("Hold a joint meeting on what keeps coming back to that place and name one owner"),
    ),
    "places": (
        "A3",
        phrase("Hold a joint meeting on each such place and name one owner"),
    ),
    "around": ("A1", phrase("Visit together with the neighbouring grids")),
    "calendar": ("A9", phrase("Add staff before the busy weeks")),
    "grid": ("A1", phrase("Visit section by section so that none is left out")),
    "easing": ("A1", phrase("Keep the usual visits")),
}
"""A next step beside each reason: the action's code and a sentence. Service, mediation and verification only."""

ALL: dict[str, Mapping[str, Phrase]] = {
    "HABIT": HABIT,
    "LASTING": LASTING,
    "STANDING": STANDING,
    "AROUND_HABIT": AROUND_HABIT,
    "AROUND_LASTING": AROUND_LASTING,
    "AROUND_STANDING": AROUND_STANDING,
    "SINCE": SINCE,
    "RISE": RISE,
    "RATE": RATE,
    "AROUND_RATE": AROUND_RATE,
    "WHEN_RATE": WHEN_RATE,
    "RUNG": RUNG,
    "CLIMB": CLIMB,
    "KEPT": KEPT,
    "MIXED": MIXED,
    "WEEKDAY": WEEKDAY,
    "WORKDAYS": WORKDAYS,
    "DURING": DURING,
    "SILENT": {"any": SILENT},
    "SHARE": SHARE,
    "ATTRIBUTE": ATTRIBUTE,
    "PLACES": PLACES,
    "SEASON": SEASON,
    "LEVEL": LEVEL,
    "FESTIVAL": FESTIVAL,
    "PLACE": PLACE,
    "MEASURE": MEASURE,
    "FLAG": FLAG,
    "WINDOW": WINDOW,
    "TOGETHER": TOGETHER,
    "AROUND": {"any": AROUND},
    "MISSING": {"any": MISSING},
    "LEAD": LEAD,
    "WHERE": WHERE,
    "REMEDIES": {name: words for name, (_, words) in REMEDIES.items()},
}
"""Every reviewed text by group and case."""


# -- words that no reason holds --------------------------------------------------------------------------------------------

_DENIED: Mapping[Language, Mapping[str, list[str]]] = tomllib.loads(
    Path(__file__).with_name("denied.toml").read_text("utf-8")
)
STIGMA = {language: tuple(lists["stigma"]) for language, lists in _DENIED.items()}
"""Names that brand people or places: a reviewed deny list."""
CAUSE = {language: tuple(lists["cause"]) for language, lists in _DENIED.items()}
"""Claims that a contribution of a model cannot support."""


@checked
def denied(text: str, language: Language) -> list[str]:
    """The words of `text` that stand on a deny list.

    Parameters
    ----------
    text
        Any.
    language
        Of the text; one without lists of its own is held to none.

    Returns
    -------
    words
        Empty where the text may be shown.

    Examples
    --------
    >>> denied("近30天邻里纠纷上升", "zh"), denied("a hotbed of trouble", "en")
    ([], ['hotbed'])
    """
    plain = text.lower()
    return [word for word in (*STIGMA.get(language, ()), *CAUSE.get(language, ())) if word in plain]
