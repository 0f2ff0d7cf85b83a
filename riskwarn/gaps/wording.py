"""What the evidence of a gap says, in one sentence a kind."""

import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from riskwarn.gaps.units import CASES, COUNTED, RUNGS, SHARES, TIERS
from riskwarn.language import LANGUAGES, Phrase, Spoken, Words, listed, phrase
from riskwarn.naming import OTHERS as LEVELS
from riskwarn.taxonomy import words_of

Values = Mapping[str, Any]
"""Evidence of one gap, as its JSON holds it."""
LISTED = 5
"""Entries of a list that are said."""
NEVER_DAYS = 9999
"""Days since a visit where none is on record."""


@dataclass(frozen=True)
class Clause:
    """A part of a sentence, said of evidence that holds every key in its braces and fits `when`."""

    says: Phrase
    when: Callable[[Values], bool] = lambda _: True

    @property
    def keys(self) -> set[str]:
        """What it reads of the evidence."""
        return {name for _, name, _, _ in string.Formatter().parse(self.says.text) if name}

    def fits(self, evidence: Values) -> bool:
        """Whether it can be said of the evidence."""
        return all(evidence.get(k) is not None for k in self.keys) and self.when(evidence)


def _some(key: str) -> Callable[[Values], bool]:
    return lambda evidence: float(evidence[key]) > 0


def _is(key: str, value: str) -> Callable[[Values], bool]:
    return lambda evidence: value in evidence.get(key, ())


SENTENCES: dict[str, tuple[Clause, ...]] = {
    "G01": (
        Clause(
            phrase("{reports} in the last {window_days}, where about {expected} would be usual", context="evidence")
        ),
        Clause(
            phrase("{requests} in the last {window_days}, where about {expected} would be usual", context="evidence")
        ),
        Clause(
            phrase("judged by what residents bring, for there is no feed of grid workers", context="evidence"),
            lambda evidence: evidence.get("subtype") == "residents",
        ),
        Clause(phrase("in that time residents made {resident_requests}", context="evidence")),
        Clause(phrase("workers made {visits}", context="evidence")),
        Clause(
            phrase(
                "the {n_grids} too quiet to judge one by one are due only {expected_in_182_days} in 182 days; {wanted} are needed to judge",
                context="evidence",
            )
        ),
        Clause(
            phrase("no feed of grid workers or residents is there to judge by", context="evidence"),
            lambda evidence: "reason" in evidence,
        ),
    ),
    "G02": (
        Clause(
            phrase(
                "residents brought {brought_by_residents}, of which {of_them_in_ledger} stand in the ledger",
                context="evidence",
            )
        ),
        Clause(phrase("in the county {county_ratio} usually do", context="evidence")),
        Clause(
            phrase("of at least {matters_at_least} in all, {unseen_at_least} are on no record", context="evidence"),
            _some("unseen_at_least"),
        ),
    ),
    "G03": (
        Clause(
            phrase("{visits} in {window_days}, where the risk calls for about {visits_due_by_risk}", context="evidence")
        ),
        Clause(
            phrase("the last valid visit was {days_since_visit} ago", context="evidence"),
            lambda evidence: evidence["days_since_visit"] < NEVER_DAYS,
        ),
        Clause(
            phrase("no valid visit is on record", context="evidence"),
            lambda evidence: evidence.get("days_since_visit", 0) >= NEVER_DAYS,
        ),
    ),
    "G04": (
        Clause(phrase("nobody is assigned to the grid", context="evidence"), _is("why", "no_worker")),
        Clause(phrase("its worker has other grids too", context="evidence"), _is("why", "shared_worker")),
        Clause(phrase("{households} for {workers}", context="evidence"), _is("why", "many_households")),
        Clause(
            phrase("{households} live there", context="evidence"),
            lambda evidence: "many_households" not in evidence.get("why", ()),
        ),
    ),
    "G05": (
        Clause(
            phrase(
                "most events fall between {events_by_4_hours}, most visits between {visits_by_4_hours}",
                context="evidence",
            ),
            lambda evidence: _peak(evidence["events_by_4_hours"]) != _peak(evidence["visits_by_4_hours"]),
        ),
        Clause(
            phrase("events and visits are both most between {events_by_4_hours}", context="evidence"),
            lambda evidence: _peak(evidence["events_by_4_hours"]) == _peak(evidence.get("visits_by_4_hours") or [0]),
        ),
        Clause(
            phrase(
                "{distance} of the visits are made at other hours than the events, {city} in most grids",
                context="evidence",
            )
        ),
    ),
    "G06": (
        Clause(
            phrase("{overdue_cases} past the limit of {level}, the longest by {working_days}", context="evidence"),
            lambda evidence: evidence.get("clock") == "level",
        ),
        Clause(
            phrase(
                "{overdue_cases} past the limit of the whole case, the longest by {working_days}", context="evidence"
            ),
            lambda evidence: evidence.get("clock") != "level",
        ),
        Clause(phrase("from {by_source}", context="evidence")),
        Clause(phrase("{open_cases} open in all", context="evidence")),
        Clause(phrase("{amber_cases} near the limit", context="evidence"), _some("amber_cases")),
        Clause(phrase("working days: {calendar}", context="evidence")),
        Clause(
            phrase(
                "of {cases} long enough ago only {closed_cases} say when they were closed, so what is overdue cannot be told",
                context="evidence",
            ),
            lambda evidence: "reason" in evidence,
        ),
    ),
    "G07": (
        Clause(
            phrase(
                "of {closed_cases} closed in the last {window_days} the same place came back {returns}",
                context="evidence",
            )
        ),
        Clause(phrase("in the city {city_share} come back", context="evidence")),
    ),
    "G08": (
        Clause(phrase("no record for {silent_days}", context="evidence")),
        Clause(phrase("the last came on {last_at}", context="evidence")),
        Clause(phrase("a pause of {usual_pause_days} is usual", context="evidence")),
        Clause(phrase("only {share} of the usual records came in the last {days}", context="evidence")),
        Clause(phrase("{records_a_day} a day are usual", context="evidence")),
        Clause(phrase("about {records_missing} are missing", context="evidence"), _some("records_missing")),
        Clause(phrase("records now take {median_delay_days} to arrive, far longer than before", context="evidence")),
        Clause(
            phrase("it has stayed so for four weeks; this is now taken for its level", context="evidence"),
            lambda evidence: evidence.get("fault") == "lower",
        ),
        Clause(
            phrase("far more records than usual carry no known category", context="evidence"),
            lambda evidence: evidence.get("fault") == "codes",
        ),
    ),
    "G09": (
        Clause(phrase("{matters} moved up without being resolved, the last {days_since_step} ago", context="evidence")),
        Clause(phrase("the furthest has come to {highest_rung}", context="evidence")),
        Clause(phrase("the chance that one goes further is {chance_of_next_step}", context="evidence")),
        Clause(
            phrase("{skipped} of the grid’s matters began with a police call", context="evidence"), _some("skipped")
        ),
    ),
    "G10": (
        Clause(
            phrase(
                "{near_border} near the border in {window_days}, where about {expected} would be usual",
                context="evidence",
            )
        ),
        Clause(
            phrase("{near_border} of places that both grids have, in {window_days}", context="evidence"),
            lambda evidence: "expected" not in evidence,
        ),
        Clause(
            phrase("of {places} there, {coded_to_both} stand under both grids", context="evidence"),
            _some("coded_to_both"),
        ),
        Clause(
            phrase("{coded_again} stand under each of the two again and again", context="evidence"),
            _some("coded_again"),
        ),
    ),
    "G11": (
        Clause(phrase("{events} at one place within {window_days}, in {separate_cases}: {feeds}", context="evidence")),
        Clause(phrase("the last was {days_since_last} ago", context="evidence")),
    ),
    "G12": (
        Clause(
            phrase(
                "of {handed_over} handed over in {window_days}, {lost_calls} have no receipt after {after_hours}",
                context="evidence",
            )
        ),
        Clause(phrase("the calls: {calls}", context="evidence")),
    ),
    "G13": (
        Clause(phrase("the case was sent back {returns} and had {owners} at one level", context="evidence")),
        Clause(phrase("last between {between}", context="evidence"), lambda evidence: "returns" in evidence),
        Clause(phrase("nothing has happened for {idle_days}", context="evidence")),
        Clause(
            phrase(
                "{returned_cases} of {handled_cases} sent back between {between} in {window_days}, where about {expected} would be usual",
                context="evidence",
            )
        ),
    ),
    "G14": (
        Clause(
            phrase(
                "{not_called_back} of a serious kind closed and not called back within {wanted_within_days}",
                context="evidence",
            )
        ),
        Clause(phrase("the oldest was closed {days_since_closing} ago", context="evidence")),
        Clause(phrase("the cases: {cases}", context="evidence")),
    ),
    "G15": (
        Clause(
            phrase(
                "of {closed_cases} closed as resolved the same place came back {returns} ({share}; city {city_share})",
                context="evidence",
            )
        ),
        Clause(
            phrase(
                "{last_day_closings} closed on the last day of the limit (city {last_day_city_share})",
                context="evidence",
            )
        ),
        Clause(
            phrase(
                "{closed_together} closed in one and the same quarter-hour of the week (other bodies {others_share})",
                context="evidence",
            )
        ),
        Clause(
            phrase(
                "of {cases} hardly any says at what time it was closed, so whether many are closed at once cannot be told",
                context="evidence",
            ),
            lambda evidence: "reason" in evidence,
        ),
    ),
    "G16": (
        Clause(
            phrase(
                "of {matters} residents brought {residents_first} before anyone else had seen them", context="evidence"
            )
        ),
        Clause(phrase("in the city {city_share} come from residents first", context="evidence")),
        Clause(phrase("half of these stood in the ledger only {median_wait_days} later", context="evidence")),
    ),
    "G17": (
        Clause(
            phrase(
                "residents made {asked_by_residents} about {category} in {window_days}, from which about {expected} would be usual in the ledger; it holds none",
                context="evidence",
            )
        ),
    ),
    "G18": (
        Clause(phrase("{unplaced} of {events} of {window_days} lie in no valid grid ({share})", context="evidence")),
        Clause(
            phrase("in 28 days {without_code_in_28_days} had no grid code at all", context="evidence"),
            _some("without_code_in_28_days"),
        ),
    ),
    "G19": (
        Clause(
            phrase(
                "alert at level {level} since {first_alert} and no visit since, though one was due within {wanted_within_hours}",
                context="evidence",
            )
        ),
        Clause(phrase("red on {red_nights}", context="evidence"), _some("red_nights")),
    ),
    "G20": (
        Clause(
            phrase(
                "{last_7_days} in the last 7 days ({source}), where about {expected} would be usual", context="evidence"
            )
        ),
        Clause(phrase("{weekly_mean} a week on average before", context="evidence")),
    ),
}
"""What the evidence of each kind says, part by part."""

LACKING = (
    Clause(phrase("not looked for: the store has no table {missing_table}", context="evidence")),
    Clause(
        phrase("not looked for: the feed has no column {missing_column}", context="evidence"),
        lambda evidence: "cases" not in evidence,
    ),
)
"""What is said where a kind could not be looked for."""


def sentence(kind: str, evidence: Values) -> Spoken:
    """What the evidence of a gap says, as a sentence without its full stop; nothing where it holds nothing of its kind.

    Examples
    --------
    >>> told = {"overdue_cases": 3, "working_days": 1, "open_cases": 7, "amber_cases": 0}
    >>> sentence("G06", told)["en"]
    '3 cases past the limit of the whole case, the longest by 1 working day; 7 cases open in all'
    >>> sentence("G06", told)["zh"]
    '超过全程办理时限3件，最长超期1个工作日；在办共7件'
    """
    clauses = [c for c in (*SENTENCES.get(kind, ()), *LACKING) if c.fits(evidence)]
    return listed([c.says.filled(**{k: _value(k, evidence[k]) for k in c.keys}) for c in clauses], ";")


def _value(key: str, value: object) -> Spoken | str:
    """A value of the evidence in words: a count with what it counts, a share in percent, a code by its name."""
    if key in SHARES:
        return f"{float(value):.0%}"  # type: ignore[arg-type]
    if key == "calendar":
        return Words(
            **{
                language: calendar_words(value if isinstance(value, Mapping) else str(value), language)
                for language in LANGUAGES
            }
        )
    if key in {"events_by_4_hours", "visits_by_4_hours"}:
        return _peak(value)  # type: ignore[arg-type]
    if key == "highest_rung":
        return RUNGS[int(value)]  # type: ignore[call-overload]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(key, value)
    return _words(value)


def _number(key: str, value: float) -> Spoken | str:
    """A number to one decimal below ten and whole above, with what it counts."""
    rounded = round(value, 1) if abs(value) < 10 else round(value)
    shown = int(rounded) if float(rounded).is_integer() else rounded
    unit = CASES if key == "cases" else COUNTED.get(key)
    return str(shown) if unit is None else unit.filled(n=shown)


def _peak(by_4_hours: list[int]) -> str:
    first = 4 * max(range(len(by_4_hours)), key=by_4_hours.__getitem__)
    return f"{first:02d}:00–{first + 4:02d}:00"


def _words(value: object) -> Spoken | str:
    if isinstance(value, Mapping):
        return listed(
            [phrase("{what} {n}", context="evidence", what=words_of(str(k)), n=v) for k, v in value.items()], ","
        )
    if isinstance(value, list):
        more = phrase(" and {n} more", context="evidence", n=len(value) - LISTED)
        shown = listed([words_of(str(v)) for v in value[:LISTED]], ",")
        return phrase("{shown}{more}", context="evidence", shown=shown, more=more) if len(value) > LISTED else shown
    text = str(value)
    if text[:4].isdigit() and text[4:5] == "-":
        return text[:16].replace("T", " ")
    return TIERS.get(text) or LEVELS.get(text) or words_of(text)


def calendar_words(basis: Mapping[str, Any] | str, language: str) -> str:
    """Which working days were counted, in words.

    Parameters
    ----------
    basis
        Of :class:`riskwarn.gaps.calendar.Workdays`; text, as nights of old published it, stays as it is.
    language
        ``zh``, ``en``, or another there is a catalogue of.

    Returns
    -------
    words
        A sentence without its full stop.

    Examples
    --------
    >>> calendar_words({"days": "china", "first_year": 2004, "last_year": 2026}, "zh")
    '2004至2026年中国法定节假日与调休'
    """
    if isinstance(basis, str):
        return basis
    days: Spoken = phrase("Monday to Friday")
    if basis.get("days") == "china":
        first, last = basis.get("first_year"), basis.get("last_year")
        days = phrase("Chinese public holidays and make-up days {first} to {last}", first=first, last=last)
    if basis.get("else") == "plain":
        days = phrase("{days}, Monday to Friday outside", days=days)
    if n := basis.get("table_days"):
        days = phrase(
            "{days}; {n} day by the operator's table", plural="{days}; {n} days by the operator's table", days=days
        ).counted(n)
    return days[language]
