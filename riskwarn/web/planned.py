"""A plan in words: how long the list may be, which lanes it has, by when each step must be done, and what each mode changes."""

from collections.abc import Mapping

from riskwarn.language import Phrase, phrase
from riskwarn.plan import LEVELS, MODES, Clock, Mode, Plan
from riskwarn.web import format as write
from riskwarn.web.codes import LEVELS as LEVEL_WORDS
from riskwarn.web.morning import LANE_NAMES
from riskwarn.web.words import PUNCTUATION, said

MODE_NAMES: dict[str, Phrase] = {
    "normal": phrase("normal", context="mode"),
    "urgent": phrase("urgent", context="mode"),
    "war": phrase("all hands", context="mode"),
}
"""The modes of a centre."""
_SAID: dict[str, Phrase] = {
    "mode": phrase(
        "{mode}: at most {n} grids on a list, looking {days} days ahead, a new list every {hours} hours, {clock}."
    ),
    "in_time": phrase("clocks as below"),
    "faster": phrase("clocks run in {share} of the time, round the clock"),
    "questions": phrase("Questions asked, each with its lane and weight: {questions}."),
    "question": phrase("{target} ({lane}, weight {weight})"),
    "lanes": phrase("Shares of the list: {lanes}; the rest stands for standing need."),
    "lane": phrase("{lane} {share}"),
    "county": phrase("At most {n} grids of one county."),
    "township": phrase("At most {n} grids of one township."),
    "quota": phrase("Each county has its share by population, and at least {n}."),
    "stay": phrase(
        "A place enters the list at {enter}, stays {dwell} nights at least, and leaves after {nights} nights below {leave}; for {cool} nights it comes back only if graver."
    ),
    "clock": phrase(
        "{level}: acknowledge within {ack} hours, visit within {visit} hours, report within {report} days{verify}."
    ),
    "verify": phrase(", verify within {n} days"),
    "rules": phrase("{n} rules raise an alert by themselves, whatever the scores say."),
    "hours": phrase("A working day lasts from {opens} to {closes}."),
}


def plan_lines(plan: Plan, language: str, questions: Mapping[str, object]) -> list[str]:
    """A plan as sentences.

    Parameters
    ----------
    plan
        In force.
    language
        Of the reader.
    questions
        How each target is asked, in every language, as nights publish it; one that no night has answered yet is called by its name.

    Returns
    -------
    sentences
        Modes first, then the list, then the clocks.
    """
    modes = [_mode(name, getattr(plan.modes, name), language) for name in MODES]
    clocks = [_clock(level, getattr(plan.clocks, level), language) for level in LEVELS]
    return [*modes, *_list(plan, language, questions), *clocks, *_rest(plan, language)]


def _said(key: str, language: str, **values: object) -> str:
    return _SAID[key].filled(**values)[language]


def _mode(name: str, mode: Mode, language: str) -> str:
    share = write.percent(mode.clock_share)
    clock = _said("faster", language, share=share) if mode.clock_share < 1 else _said("in_time", language)
    figures = {"n": mode.capacity, "days": f"{mode.horizon_days:g}", "hours": f"{mode.cadence_hours:g}"}
    return _said("mode", language, mode=MODE_NAMES[name][language], clock=clock, **figures)


def _list(plan: Plan, language: str, questions: Mapping[str, object]) -> list[str]:
    comma, capacity = PUNCTUATION["comma"][language], plan.capacity
    asked = [
        _said(
            "question",
            language,
            target=said(questions.get(q.target, q.target), language),
            lane=LANE_NAMES[q.lane][language],
            weight=f"{q.weight:g}",
        )
        for q in plan.questions
    ]
    shares = {name: getattr(plan.lanes, name) for name in ("triggered", "escalating", "first", "rising", "explore")}
    lanes = [
        _said("lane", language, lane=LANE_NAMES[name][language], share=write.percent(share))
        for name, share in shares.items()
        if share
    ]
    return [
        _said("questions", language, questions=comma.join(asked)),
        *([_said("lanes", language, lanes=comma.join(lanes))] if lanes else []),
        *([_said("county", language, n=capacity.county)] if capacity.county else []),
        *([_said("township", language, n=capacity.township)] if capacity.township else []),
        *([_said("quota", language, n=capacity.floor)] if capacity.by_population else []),
        _said(
            "stay",
            language,
            enter=LEVEL_WORDS[plan.stay.enter][language],
            leave=LEVEL_WORDS[plan.stay.leave][language],
            dwell=plan.stay.dwell,
            nights=plan.stay.nights,
            cool=plan.stay.cool_down,
        ),
    ]


def _clock(level: str, clock: Clock, language: str) -> str:
    verify = _said("verify", language, n=f"{clock.verify_days:g}") if clock.verify_days else ""
    hours = {"ack": f"{clock.acknowledge_hours:g}", "visit": f"{clock.visit_hours:g}"}
    return _said(
        "clock",
        language,
        level=LEVEL_WORDS[level][language],
        report=f"{clock.report_days:g}",
        verify=verify,
        **hours,
    )


def _rest(plan: Plan, language: str) -> list[str]:
    opens, closes = (f"{at:%H:%M}" for at in (plan.calendar.opens, plan.calendar.closes))
    rules = [_said("rules", language, n=len(plan.triggers.rules))] if plan.triggers.rules else []
    return [*rules, _said("hours", language, opens=opens, closes=closes)]
