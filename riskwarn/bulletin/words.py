"""What a bulletin says."""

from collections.abc import Iterable, Mapping

import pandas as pd

from riskwarn.language import Phrase, phrase
from riskwarn.web.format import short_day

SECTIONS: Mapping[str, Phrase] = {
    "data": phrase("1. The data"),
    "totals": phrase("2. Overall"),
    "list": phrase("3. The list"),
    "gaps": phrase("4. Where we may be blind"),
    "yesterday": phrase("5. Yesterday's alerts"),
    "ahead": phrase("6. The next 7 days"),
    "method": phrase("7. Method"),
}
"""Headings, in order."""
ARROWS = {"new": "★", "worse": "▲", "same": "＝", "better": "▼"}
"""Trend of an alert as a sign before its word."""
BULLETIN: Mapping[str, Phrase] = {
    "title": phrase("Daily risk bulletin"),
    "title_of": phrase("{area}: daily risk bulletin"),
    "subtitle": phrase("{day} ({weekday}) · data until {until} · model {model}"),
    "page": phrase("Page {page} of {n}", context="bulletin"),
    # the data
    "feed_bad": phrase("{source} ({organisation}): {state}, last record {at}; what rests on it cannot be trusted."),
    "failed": phrase("No answer tonight to: {questions}."),
    # totals
    "total": phrase("{source}: {n} in 7 days ({changes}), {word}."),
    "total_alone": phrase("{source}: {n} in 7 days, {word}."),
    "against_week": phrase("{change} on the week before"),
    "against_usual": phrase("{change} on the 15-week mean of {usual}"),
    "against_year": phrase("{change} on last year"),
    "within": phrase("as usual"),
    "high": phrase("high", context="week"),
    "very_high": phrase("very high", context="week"),
    "low": phrase("low; first rule out missing records", context="week"),
    "no_history": phrase("too little history to compare"),
    "no_reading": phrase("no reading: see state"),
    "no_weeks": phrase("This night states no weekly totals."),
    "levels": phrase("Alerts tonight: {n} ({levels})."),
    "level_count": phrase("{level} {n}"),
    "trends": phrase("Against the night before: {trends}."),
    # the list
    "lane_of": phrase("{lane} ({n})"),
    "lane_cut": phrase("{lane} ({n}; the first {shown} here)"),
    "no_list": phrase("No alerts were made this night."),
    "empty_list": phrase("No place met the conditions for an alert."),
    "more": phrase(
        "{n} more alert is not printed here; the page has it.",
        plural="{n} more alerts are not printed here; the page has them.",
    ),
    "and_beside": phrase("{place} and {n} beside it"),
    "count_expected": phrase("{n} expected in {days} days, city mean {mean}"),
    "chance_expected": phrase("chance {p} in {days} days, city mean {mean}"),
    "trend_since": phrase("{trend} since {day}"),
    "step": phrase("Step: {step}."),
    "owner": phrase("owner: {owner}"),
    "sign": phrase("sign by {at}"),
    "signed": phrase("state: {state}"),
    "report": phrase("report by {at}"),
    "centre_of": phrase("centre of {area}"),
    "with_county": phrase("{township}, with the {county}"),
    "gap_n": phrase("{n} of the kind there"),
    # gaps
    "gap_counts": phrase("Found: {kinds}."),
    "gap_first": phrase("First, by what they save for the effort:"),
    "no_gaps_made": phrase("This night looked for no gaps."),
    "no_gaps": phrase("No gap was found. No gap is not no risk."),
    # yesterday
    "no_before": phrase("There is no earlier night."),
    "before": phrase("The night of {day} listed {n} alert.", plural="The night of {day} listed {n} alerts."),
    "still": phrase("{still} of them are listed again tonight, {gone} are not."),
    "no_ledger": phrase("There is no ledger, so what became of them is not known."),
    "states": phrase("In the ledger: {states}."),
    "outcomes": phrase("Found there: {outcomes}."),
    "no_outcomes": phrase("No result has been reported yet."),
    "cards": phrase("{n} supervision card is open.", plural="{n} supervision cards are open."),
    # ahead
    "free_days": phrase("Days off: {days}."),
    "made_up": phrase("Worked although a weekend: {days}."),
    "no_special": phrase("No public holiday: an ordinary week."),
    "plain_week": phrase("Public holidays of this city are not known to the program; weekends are {days}."),
    "day_named": phrase("{day} ({weekday}, {name})"),
    "day_plain": phrase("{day} ({weekday})"),
    "weekend": phrase("weekend"),
    "festival_ahead": phrase(
        "Spring Festival is on {day}, in {n} day: wage claims and family disputes gather before it.",
        plural="Spring Festival is on {day}, in {n} days: wage claims and family disputes gather before it.",
    ),
    "festival_now": phrase(
        "Spring Festival began on {day}: offices rest, records may come late, and silence is not calm."
    ),
    # method
    "question": phrase("{question} (model {model})"),
    "clock": phrase("{day} {time}"),
    "end_of_day": phrase("the end of {day}"),
    "questions": phrase("What was asked: {questions}."),
    "purposes": phrase("What it is for: {purposes}."),
    "model": phrase("MLflow run {run}; records known before {as_of} count, data until {until}."),
    "how": phrase(
        "A score uses only grid totals known before that time. Reasons say what raises it, not what causes it. Expected stands beside the city's mean. Silence is never told as a comfort."
    ),
    # columns
    "place": phrase("place", context="bulletin"),
    "lane": phrase("lane", context="bulletin"),
    "level": phrase("level", context="bulletin"),
    "trend": phrase("trend", context="bulletin"),
    "since": phrase("listed since", context="bulletin"),
    "reason_1": phrase("why now"),
    "reason_2": phrase("second reason"),
    "reason_3": phrase("third reason"),
    "expected": phrase("expected against normal"),
    "do": phrase("next step", context="bulletin"),
    "who": phrase("owner", context="bulletin"),
    "sign_by": phrase("sign by", context="bulletin"),
    "report_by": phrase("report by", context="bulletin"),
    "state": phrase("state", context="bulletin"),
    "kind": phrase("kind", context="bulletin"),
    "n": phrase("how many", context="bulletin"),
    "proof": phrase("what was seen", context="bulletin"),
    "action": phrase("action", context="bulletin"),
    "feed": phrase("feed", context="bulletin"),
    "n_week": phrase("last 7 days", context="bulletin"),
    "usual_week": phrase("15-week mean", context="bulletin"),
    "on_week": phrase("on the week before", context="bulletin"),
    "on_usual": phrase("on the 15-week mean", context="bulletin"),
    "on_year": phrase("on last year", context="bulletin"),
    "reading": phrase("in a word", context="bulletin"),
    "case": phrase("case", context="bulletin"),
    "stop": phrase(".", context="bulletin"),
    "colon": phrase(": ", context="bulletin"),
    "joint": phrase(", ", context="bulletin"),
    "pause": phrase("; ", context="bulletin"),
    "reasons": phrase(". ", context="bulletin"),
}
"""Everything else, by key."""


def said(key: str, language: str, **values: object) -> str:
    """A phrase of a bulletin with its blanks filled.

    Examples
    --------
    >>> said("festival_ahead", "en", day="29 Jan", n=1)
    'Spring Festival is on 29 Jan, in 1 day: wage claims and family disputes gather before it.'
    """
    return BULLETIN[key].filled(**values)[language]


def joined(texts: Iterable[str], language: str, joint: str = "joint") -> str:
    """Texts in a row, those without a word left out; `joint` is a key of :data:`BULLETIN`.

    Examples
    --------
    >>> joined(["a", "", "b"], "en")
    'a, b'
    """
    return BULLETIN[joint][language].join(text for text in texts if text)


def clock(at: object, night: pd.Timestamp, language: str) -> str:
    """An instant as one writes it on paper: the time alone on the day of the night, and midnight as the end of the day before.

    Parameters
    ----------
    at
        The instant.
    night
        On whose clock, and of which day.
    language
        Of the reader.

    Examples
    --------
    >>> night = pd.Timestamp("2025-01-08", tz="Asia/Shanghai")
    >>> clock("2025-01-08T10:00:00+08:00", night, "en"), clock("2025-01-10T00:00:00+08:00", night, "en")
    ('10:00', 'the end of 9 Jan')
    """
    local = pd.Timestamp(str(at)).tz_convert(night.tz)
    if local == local.normalize():
        return said("end_of_day", language, day=short_day(local - pd.Timedelta(days=1), language))
    time = f"{local:%H:%M}"
    same = local.date() == night.date()
    return time if same else said("clock", language, day=short_day(local, language), time=time)
