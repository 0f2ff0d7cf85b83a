"""What the evidence of a gap says, in Chinese and English: a name for each number, and words for each code."""

from collections.abc import Mapping
from typing import Any

from riskwarn.language import Spoken, phrase

EVIDENCE = {
    "after_hours": phrase("hours without a receipt"),
    "amber_cases": phrase("cases near their limit"),
    "asked_by_residents": phrase("asked by residents"),
    "between": phrase("between"),
    "brought_by_residents": phrase("matters residents brought"),
    "by_source": phrase("by feed"),
    "calendar": phrase("calendar"),
    "calls": phrase("calls without a receipt"),
    "capture_ratio": phrase("share in the ledger"),
    "case": phrase("case"),
    "cases": phrase("cases"),
    "category": phrase("category"),
    "chance_of_next_step": phrase("chance of the next step"),
    "city": phrase("city"),
    "city_share": phrase("share in the city"),
    "clock": phrase("clock"),
    "closed_cases": phrase("closed cases"),
    "coded_to_both": phrase("places coded to both"),
    "county_ratio": phrase("share in the county's ledger"),
    "days": phrase("days"),
    "days_since_closing": phrase("days since closing"),
    "days_since_last": phrase("days since the last"),
    "days_since_step": phrase("days since the last step"),
    "days_since_visit": phrase("days since a valid visit"),
    "distance": phrase("mismatch of hours"),
    "events": phrase("events"),
    "events_by_4_hours": phrase("events by four hours"),
    "expected": phrase("expected"),
    "expected_in_182_days": phrase("due in 182 days"),
    "fault": phrase("fault"),
    "feeds": phrase("by feed", context="wording"),
    "first_alert": phrase("first alert"),
    "handed_over": phrase("handed over"),
    "highest_rung": phrase("highest rung (1 ledger, 2 hotline or petition, 3 call, 4 violence)"),
    "households": phrase("households"),
    "idle_days": phrase("idle days"),
    "in_ledger": phrase("in the ledger"),
    "landing_rate": phrase("share received"),
    "last_7_days": phrase("last 7 days"),
    "last_at": phrase("last record"),
    "last_day_city_share": phrase("closed on the last day, city"),
    "last_day_closings": phrase("closed on the last day"),
    "level": phrase("level"),
    "lost_calls": phrase("calls that never arrived"),
    "matters": phrase("matters"),
    "matters_at_least": phrase("matters in all, at least"),
    "median_delay_days": phrase("median delay, days"),
    "median_wait_days": phrase("median wait, days"),
    "missing_column": phrase("missing column"),
    "missing_table": phrase("missing table"),
    "n_grids": phrase("grids"),
    "near_border": phrase("events near the border"),
    "not_called_back": phrase("not called back"),
    "of_them_in_ledger": phrase("of them in the ledger"),
    "open_cases": phrase("open cases"),
    "org": phrase("organisation"),
    "org_code": phrase("organisation"),
    "overdue_cases": phrase("overdue cases"),
    "owners": phrase("owners"),
    "p": phrase("p-value"),
    "places": phrase("places"),
    "reason": phrase("reason"),
    "records_a_day": phrase("records a day"),
    "records_missing": phrase("records missing"),
    "red_nights": phrase("red nights"),
    "reports": phrase("reports"),
    "resident_requests": phrase("requests by residents"),
    "residents_first": phrase("residents came first"),
    "returns": phrase("returns"),
    "risk_share_over_visit_share": phrase("share of risk over share of visits"),
    "separate_cases": phrase("not joined by a case"),
    "share": phrase("share"),
    "silent_days": phrase("days without data"),
    "skipped": phrase("rungs skipped"),
    "source": phrase("feed"),
    "subtype": phrase("kind of silence"),
    "unplaced": phrase("without a valid grid"),
    "unseen_at_least": phrase("unseen, at least"),
    "usual_pause_days": phrase("usual pause, days"),
    "visits": phrase("visits"),
    "visits_by_4_hours": phrase("visits by four hours"),
    "visits_due_by_risk": phrase("visits due by risk"),
    "visits_since": phrase("visits since"),
    "wanted": phrase("wanted"),
    "wanted_within_days": phrase("call back within days"),
    "wanted_within_hours": phrase("first visit within hours"),
    "weekly_mean": phrase("weekly mean"),
    "why": phrase("why"),
    "window_days": phrase("window, days"),
    "without_code_in_28_days": phrase("without any code in 28 days"),
    "workers": phrase("workers"),
    "working_days": phrase("working days overdue"),
    "z_last_day": phrase("closed on the last day, z"),
    "z_returns": phrase("returns, z"),
}
"""Names of the numbers in the evidence of gaps."""

CODES = {
    "total": phrase("whole case"),
    "level": phrase("one level"),
    "no_worker": phrase("no worker"),
    "shared_worker": phrase("a worker of several grids"),
    "many_households": phrase("too many households a worker"),
    "below_share": phrase("below its share of risk"),
    "confirmed": phrase("residents asked"),
    "visited": phrase("visited, nothing reported"),
    "unvisited": phrase("not visited"),
    "stopped": phrase("stopped"),
    "thin": phrase("thinned"),
    "late": phrase("late"),
    "codes": phrase("unknown codes"),
    "no feed of grid workers": phrase("no feed of grid workers"),
}
"""Codes that evidence speaks in; others are words of :mod:`riskwarn.taxonomy`, names or dates."""


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
