"""The words of the ledger: states, actions, roles, reasons, outcomes and clocks, by their codes."""

from riskwarn.calling import checked
from riskwarn.language import LANGUAGES, Spoken, Words, phrase

STATES = {
    "draft": phrase("draft", context="state"),
    "published": phrase("published", context="state"),
    "acknowledged": phrase("acknowledged", context="state"),
    "assigned": phrase("assigned", context="state"),
    "in_progress": phrase("in progress", context="state"),
    "feedback": phrase("result reported", context="state"),
    "verified": phrase("verified", context="state"),
    "returned": phrase("returned", context="state"),
    "escalated": phrase("passed up", context="state"),
    "suppressed": phrase("on hold, a feed stands still", context="state"),
    "reopened": phrase("reopened", context="state"),
    "closed": phrase("closed", context="state"),
    "dismissed": phrase("dismissed", context="state"),
    "expired": phrase("expired", context="state"),
    "merged": phrase("merged", context="state"),
}
ACTIONS = {
    "publish": phrase("publish", context="action"),
    "acknowledge": phrase("acknowledge", context="action"),
    "assign": phrase("assign", context="action"),
    "start": phrase("start", context="action"),
    "return": phrase("return", context="action"),
    "feedback": phrase("report the result", context="action"),
    "verify": phrase("verify", context="action"),
    "reject": phrase("send back", context="action"),
    "close": phrase("close", context="action"),
    "dismiss": phrase("dismiss", context="action"),
    "escalate": phrase("pass up", context="action"),
    "merge": phrase("merge", context="action"),
    "suppress": phrase("put on hold", context="action"),
    "expire": phrase("expire", context="action"),
    "reopen": phrase("reopen", context="action"),
    "update": phrase("new reading", context="action"),
}
ROLES = {
    "night": phrase("nightly run", context="role"),
    "batch_operator": phrase("batch operator", context="role"),
    "data_scientist": phrase("data scientist", context="role"),
    "city_analyst": phrase("city analyst", context="role"),
    "shift_leader": phrase("shift leader", context="role"),
    "county_centre": phrase("county centre", context="role"),
    "township_centre": phrase("township centre", context="role"),
    "grid_head": phrase("grid head", context="role"),
    "department_liaison": phrase("department liaison", context="role"),
    "supervisor": phrase("supervisor", context="role"),
    "auditor": phrase("auditor", context="role"),
    "admin": phrase("administrator", context="role"),
}
REASONS = {
    "listed": phrase("on the night's list", context="reason"),
    "data_back": phrase("the data are back", context="reason"),
    "overdue": phrase("past its time", context="reason"),
    "level_changed": phrase("the level changed", context="reason"),
    "grids_changed": phrase("the grids changed", context="reason"),
    "level_up": phrase("the level rose", context="reason"),
    "same_place": phrase("another item of the same place", context="reason"),
    "feed_outage": phrase("a feed stands still", context="reason"),
    "unchanged": phrase("nothing changed for long", context="reason"),
    "listed_again": phrase("on the list again", context="reason"),
    "not_our_area": phrase("not our area", context="reason"),
    "not_our_duty": phrase("not our duty", context="reason"),
    "no_capacity": phrase("no hands free", context="reason"),
    "facts_lacking": phrase("facts are lacking", context="reason"),
    "not_visited": phrase("nobody was there", context="reason"),
    "evidence_lacking": phrase("evidence is lacking", context="reason"),
    "not_settled": phrase("the matter is not settled", context="reason"),
    "in_hand": phrase("in hand already", context="reason"),
    "duplicate": phrase("a duplicate", context="reason"),
    "known_cause": phrase("the cause is known", context="reason"),
    "data_fault": phrase("a fault in the data", context="reason"),
    "wrong_area": phrase("belongs to another area", context="reason"),
    "beyond_powers": phrase("beyond our powers", context="reason"),
    "several_bodies": phrase("several bodies are needed", context="reason"),
    "getting_worse": phrase("it is getting worse", context="reason"),
    "happened_again": phrase("it happened again", context="reason"),
    "closed_in_error": phrase("closed in error", context="reason"),
}
OUTCOMES = {
    "O1": phrase("true, newly found", context="outcome"),
    "O2": phrase("true, in hand already", context="outcome"),
    "O3": phrase("settled", context="outcome"),
    "O4": phrase("early signs, to be watched", context="outcome"),
    "O5": phrase("nothing found", context="outcome"),
    "O6": phrase("a fault in the data", context="outcome"),
    "O7": phrase("belongs elsewhere", context="outcome"),
    "O8": phrase("could not be verified", context="outcome"),
}
CLOCKS = {
    "acknowledge": phrase("acknowledgement", context="clock"),
    "start": phrase("first visit or call", context="clock"),
    "feedback": phrase("result", context="clock"),
    "verify": phrase("verification", context="clock"),
}
KINDS = {
    "alert": phrase("alert", context="item"),
    "gap": phrase("gap", context="item"),
    "supervision": phrase("supervision card", context="item"),
}
LEVELS = {
    "red": phrase("red"),
    "orange": phrase("orange"),
    "yellow": phrase("yellow"),
    "blue": phrase("blue"),
}
_ALL = {
    "state": STATES,
    "action": ACTIONS,
    "role": ROLES,
    "reason": REASONS,
    "outcome": OUTCOMES,
    "clock": CLOCKS,
    "kind": KINDS,
    "level": LEVELS,
}


@checked
def word(what: str, code: str) -> Spoken:
    """The words of a code; one of a city's own workflow, which has none here, is said as it is written.

    Parameters
    ----------
    what
        ``state``, ``action``, ``role``, ``reason``, ``outcome``, ``clock``, ``kind`` or ``level``.
    code
        The code.

    Returns
    -------
    words
        To be indexed with a language.

    Examples
    --------
    >>> word("outcome", "O5")["en"], word("state", "on_the_desk")["en"]
    ('nothing found', 'on_the_desk')
    """
    return _ALL[what].get(code, Words(code, code))


@checked
def code_of(what: str, said: str) -> str:
    """The code that is meant by a code or its words in any language, capitals and blanks aside; as it is written where it is none.

    Parameters
    ----------
    what
        As :func:`word` takes it.
    said
        What somebody wrote.

    Returns
    -------
    code
        ``acknowledge`` for ``Acknowledge`` and for its words in another language.

    Examples
    --------
    >>> code_of("action", "Report the result"), code_of("outcome", "o5")
    ('feedback', 'O5')
    """
    plain = " ".join(said.split()).casefold()
    meant = {words[language].casefold(): code for code, words in _ALL[what].items() for language in LANGUAGES}
    return ({code.casefold(): code for code in _ALL[what]} | meant).get(plain, " ".join(said.split()))
