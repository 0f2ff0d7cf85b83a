"""What the pages say: phrases by key, and the words of a code."""

from collections.abc import Mapping

from riskwarn.language import Phrase, Spoken, Words, phrase
from riskwarn.web.admin_words import ADMIN
from riskwarn.web.atlas_words import ATLAS
from riskwarn.web.door_words import DOOR
from riskwarn.web.duty_words import DUTY
from riskwarn.web.outcome_words import OUTCOME

PUNCTUATION = {
    "colon": phrase(": ", context="punctuation"),
    "comma": phrase(", ", context="punctuation"),
    "semicolon": phrase("; ", context="punctuation"),
    "stop": phrase(".", context="punctuation"),
}
"""What joins the parts of a line."""

PHRASES: dict[str, Phrase] = {
    "asked": phrase("{text}?"),
    "in_brackets": phrase(" ({text})"),
    "what_if": phrase("If open cases were closed (what if)"),
    "nothing_open": phrase(
        "None of the open or overdue cases that the model reads lies in this grid; there is nothing to try."
    ),
    "no_what_if": phrase(
        "No what-if for this night: the grid has no score, or the night was run before what-ifs were published."
    ),
    "product": phrase("Risk early warning"),
    "bulletin": phrase("Daily risk bulletin"),
    "skip": phrase("Skip to the content"),
    "nav": phrase("Main"),
    "today": phrase("Today"),
    "grids": phrase("All grids"),
    "gaps": phrase("Gaps"),
    "alerts": phrase("List and map"),
    "work": phrase("Work"),
    "work_list": phrase("What lies before you, overdue first"),
    "nothing_here": phrase("Nothing lies here."),
    "all_states": phrase("all states"),
    "overdue_yellow": phrase("overdue"),
    "overdue_red": phrase("long overdue"),
    "with_ticked": phrase("With all that are ticked:"),
    "tick": phrase("Choose {title}"),
    "what_now": phrase("What can be done now"),
    "nothing_to_do": phrase("There is no step for you to take now."),
    "to_whom": phrase("To which area or body (its code)"),
    "choose": phrase("choose"),
    "why_so": phrase("Why"),
    "outcome": phrase("What was found"),
    "who_did_what": phrase("Who did what"),
    "when": phrase("When"),
    "did": phrase("Step"),
    "role": phrase("Role"),
    "said_done": phrase("Done."),
    "said_refused": phrase("That step cannot be taken from here, or something it wants is missing."),
    "model": phrase("Model"),
    "feeds": phrase("Feeds"),
    "review": phrase("Look back"),
    "since_day": phrase("events since {day}"),
    "last_days": phrase("last {n} days"),
    "severity_2": phrase("serious and very serious"),
    "severity_3": phrase("very serious alone"),
    "review_nothing": phrase("No event of that severity followed a published night in this time."),
    "was_listed": phrase("On the list before"),
    "what_list_said": phrase("What the list said, and why not"),
    "yes": phrase("yes"),
    "no": phrase("no"),
    "review_note": phrase(
        "Read from the lists as they were published. A place off the list is a question to the list, never to those who work there."
    ),
    "search": phrase("Search"),
    "search_hint": phrase("grid, place, number"),
    "search_what": phrase("A grid by its code or name, a township or county, or the number of an alert."),
    "search_nothing": phrase("Nothing of that name or number in your area."),
    "search_more": phrase("The first {n} are shown; say more of the name."),
    "alert_one": phrase("Alert"),
    "note": phrase("A lead to verify; not grounds for punishment, appraisal or restricting any person."),
    "note_more": phrase(
        "Results speak of places, never of people. Asking for help and petitioning are lawful; a score stands for unmet need."
    ),
    "not_for": phrase("Not for"),
    "not_for_list": phrase(
        "evidence; grounds for checks, detention or denial of service; appraisal of staff or organisations"
    ),
    "edition": phrase("Night"),
    "show": phrase("Show"),
    "newest": phrase("newest"),
    "stale": phrase("Out of date: the newest night is {as_of}, {age} ago. Do not read it as today."),
    "past": phrase("You are reading a past night ({as_of}), not the newest."),
    "to_newest": phrase("Go to the newest"),
    "days_age": phrase("{n} days"),
    "hours_age": phrase("{n} hours"),
    "damaged": phrase("A newer night ({as_of}) is damaged and cannot be read; this is the last one that can."),
    "held": phrase("This list was rolled back to an earlier run on {at} and is held; newer data may not be in it."),
    "late": phrase(
        "No record came since {until}. The scores are the last there were, of {as_of}, and stale: read the feeds and gaps, not the list."
    ),
    "late_unscored": phrase("No record came since {until}, and there were no scores before. Read the feeds and gaps."),
    "stopped_feeds": phrase(
        "A feed this question counts has stopped: {names}. What the list says of the last days is not known."
    ),
    "damaged_night": phrase("What was published for that night is damaged and cannot be read"),
    "nothing": phrase("Nothing is published yet"),
    "nothing_more": phrase("No results does not mean no risk. Run riskwarn nightly first."),
    "trust": phrase("Can today’s numbers be trusted?"),
    "data_until": phrase("Data until"),
    "as_of": phrase("As of"),
    "made_at": phrase("Made at"),
    "model_version": phrase("Model version"),
    "mlflow_run": phrase("MLflow run"),
    "run": phrase("Published run"),
    "not_stated": phrase("not stated"),
    "source": phrase("Source"),
    "organisation": phrase("Organisation"),
    "whole_city": phrase("whole city"),
    "case_no": phrase("case {code}"),
    "community_of": phrase("community {code} of {area}"),
    "department_of": phrase("department {code} of {area}"),
    "one_place": phrase("one place in {grids}"),
    "one_place_unknown": phrase("one place, in no known grid"),
    "state": phrase("State"),
    "last_at": phrase("Last record"),
    "insufficient": phrase("Insufficient data, no score: {n} (this is not calm)."),
    "week": phrase("Last 7 days"),
    "expected_week": phrase("Expected in a week"),
    "reading": phrase("Reading"),
    "usual": phrase("usual"),
    "high": phrase("high"),
    "very_high": phrase("very high"),
    "low": phrase("low: first rule out missing records"),
    "no_reading": phrase("no reading: see state"),
    "no_history": phrase("too little history"),
    "week_note": phrase("Each week counts what was known when it ended, so weeks compare like with like."),
    "trust_ok": phrase(
        "Records complete to {until}; the one feed normal.",
        plural="Records complete to {until}; all {n} feeds normal.",
    ),
    "trust_bad": phrase(
        "Records complete to {until}; the one feed is not normal: {names}. What rests on it cannot be trusted.",
        plural="Records complete to {until}; {bad} of {n} feeds are not normal: {names}. What rests on them cannot be trusted.",
    ),
    "trust_unstated": phrase(
        "Records complete to {until}; this night states no feed health; do not take it as normal."
    ),
    "last_week": phrase("Last 7 days"),
    "on_usual": phrase("{change} on usual"),
    "on_week": phrase("{change} on last week"),
    "on_year": phrase("{change} on last year"),
    "low_word": phrase("low"),
    "list_tonight": phrase("{n} alert tonight", plural="{n} alerts tonight"),
    "news": phrase("New or worse"),
    "lane_more": phrase("{n} more"),
    "listed_since": phrase("listed since {day}"),
    "ack_by": phrase("acknowledge by {at}"),
    "all_lanes": phrase("all lanes"),
    "none_such": phrase("No alert is like this tonight."),
    "extended": phrase("The list is {n} longer than the capacity of {capacity}: what a rule finds is never cut."),
    "scored": phrase("Grids scored"),
    "unscored": phrase("Insufficient data"),
    "mean_probability": phrase("City mean probability"),
    "capacity": phrase("Capacity"),
    "question": phrase("Question"),
    "purpose_of_run": phrase("Made for"),
    "horizon": phrase("next {n} days"),
    "horizon_label": phrase("Horizon"),
    "changes": phrase("Against {as_of}: {new} new, {worse} worse, {better} better."),
    "gone": phrase("No more on the list: {n} ({names})."),
    "no_changes": phrase("There is no earlier night to compare with."),
    "list": phrase("Alerts, riskiest first"),
    "list_of_grids": phrase("Riskiest grids"),
    "no_alerts_made": phrase("No alerts were made this night; these are the riskiest grids."),
    "no_alerts": phrase("No grid met the conditions for an alert."),
    "rank": phrase("Rank"),
    "change": phrase("Change"),
    "is_new": phrase("new"),
    "up": phrase("▲{n}"),
    "down": phrase("▼{n}"),
    "same": phrase("same"),
    "level": phrase("Level"),
    "grid": phrase("Grid"),
    "joined": phrase("joined to an adjacent alert"),
    "and_adjacent": phrase("and {n} adjacent"),
    "probability": phrase("Probability"),
    "times_mean": phrase("{n}× the mean"),
    "expected_n": phrase("{n} expected"),
    "rose": phrase("rose by {n}"),
    "fell": phrase("fell by {n}"),
    "expected": phrase("Expected events"),
    "interval": phrase("90% interval {lower}–{upper}"),
    "p_in_top": phrase("Probability of being among the riskiest"),
    "p_in_top_n": phrase("Probability of being among the {n} riskiest"),
    "reasons": phrase("Possible reasons"),
    "no_reasons": phrase("No reasons were given this night"),
    "action": phrase("Suggested action"),
    "owner": phrase("Owner"),
    "all_alerts": phrase("See all {n} alerts"),
    "all_gaps": phrase("See all {n}"),
    "all_grids": phrase("See the ranking of all {n} grids"),
    "map": phrase("Map"),
    "map_more": phrase("filter and layers"),
    "filters": phrase("Filters of list and map"),
    "open_grid": phrase("Open the grid"),
    "gap_list": phrase("Where we may be blind"),
    "gap_kind": phrase("Kind"),
    "scope": phrase("Where"),
    "observed": phrase("Observed"),
    "expected_short": phrase("Expected"),
    "severity": phrase("Severity"),
    "confidence": phrase("Confidence"),
    "evidence": phrase("Evidence"),
    "no_gaps": phrase("No gaps were found this night."),
    "no_gaps_made": phrase("Gaps were not looked for this night; do not take it as none."),
    "in_area": phrase("{area}: {n} of this kind"),
    "in_city": phrase("whole city: {n} of this kind"),
    "the_gravest": phrase("the gravest"),
    "work_note": phrase(
        "What saves most for the least effort first: {n} items, one for each kind and area, few of each kind."
    ),
    "all_areas": phrase("all areas"),
    "paused_by": phrase("paused: explained by a feed outage"),
    "all": phrase("all"),
    "kind_all": phrase("all kinds"),
    "level_all": phrase("all levels"),
    "gap_left_out": phrase(
        "There is no gap to be seen of the kind “{kind}” this night: the list is shown without that filter."
    ),
    "no_such_kind": phrase("No gaps of this kind."),
    "not_told": phrase("Not to be told from these records, which is not none"),
    "standing": phrase("Score"),
    "not_scored": phrase("Insufficient data, no score. This is not calm: check the data and visit first."),
    "rank_of": phrase("rank {rank} of {n} scored grids"),
    "raising": phrase("Raising the score"),
    "lowering": phrase("Lowering the score"),
    "factor": phrase("Effect on the expected count"),
    "reasons_note": phrase("Reasons are associations, not causes."),
    "grid_gaps": phrase("Gaps of this grid"),
    "no_grid_gaps": phrase("No gaps were found for this grid."),
    "counts_withheld": phrase(
        "Reasons, gaps and events of a single grid hold small counts and are shown to those on duty. What stands here is what the model says."
    ),
    "not_listed": phrase("not on the list"),
    "course": phrase("Expected events by night"),
    "course_note": phrase("line: expected; shade: 90% interval; large dots: on the list that night"),
    "in_list": phrase("On the list"),
    "events_behind": phrase("Events behind this number"),
    "events_behind_of": phrase("Events behind this number: {text}"),
    "events_n": phrase("{n} event, newest first.", plural="{n} events, newest first."),
    "events_cut": phrase("There are more; the newest are shown."),
    "no_events_behind": phrase("No single events stand behind this number."),
    "occurred": phrase("Occurred"),
    "ago": phrase("Days ago"),
    "category": phrase("Category"),
    "event_no": phrase("Record number"),
    "outside_area": phrase("a neighbouring grid of another area"),
    "changed_since": phrase("What is told otherwise than on {as_of}"),
    "reasons_same": phrase("The reasons are those of {as_of}."),
    "came": phrase("new", context="reason told"),
    "went": phrase("no more", context="reason told"),
    "can_close": phrase("can be closed by {who}"),
    "in_hand": phrase("In hand"),
    "nothing_in_hand": phrase("Nothing is open in the ledger for this grid."),
    "before": phrase("What became of it before"),
    "nothing_before": phrase("Nothing that was listed here has ended yet."),
    "clock_due": phrase("{what} due by {at}"),
    "clock_late": phrase("{what} was due by {at}"),
    "listed_first": phrase("First listed"),
    "about_what": phrase("What"),
    "ended_as": phrase("Ended as"),
    "by_category": phrase("A year of events by category"),
    "category_alt": phrase("{what}, by four weeks, oldest first: {counts}"),
    "category_note": phrase("Each bar is four weeks, the rightmost the last; a full bar is {top}."),
    "category_rest": phrase("{n} further event of other categories.", plural="{n} further events of other categories."),
    "history": phrase("Events of the last 52 weeks"),
    "history_note": phrase("As known at the time; the rightmost bar is the last 7 days. Recent weeks may still grow."),
    "no_record": phrase("Not one record in 52 weeks. That is not calm: check the data and visit."),
    "no_events": phrase("No events were known by then."),
    "week_start": phrase("Week from"),
    "total": phrase("Total"),
    "as_table": phrase("See as a table"),
    "past_scores": phrase("Past nights"),
    "neighbours": phrase("Neighbours"),
    "no_neighbours": phrase("No neighbours are known."),
    "community": phrase("Community"),
    "township": phrase("Township"),
    "county": phrase("County"),
    "households": phrase("Households"),
    "population": phrase("Residents"),
    "area": phrase("Area"),
    "page_of": phrase("page {page} of {n}"),
    "previous": phrase("previous"),
    "next": phrase("next"),
    "pages": phrase("Pages"),
    "band": phrase("Band"),
    "target": phrase("Target"),
    "baseline": phrase("Against the baselines"),
    "metric_note": phrase(
        "Bold is the best of its column; ↓ means less is better. The baselines, prior counts first, are the rivals to beat."
    ),
    "prior_weeks": phrase("prior count, {n} weeks"),
    "gate_passed": phrase("The model has passed the gate: it beats the best baseline."),
    "gate_failed": phrase(
        "The model has not passed the gate: it is not shown to beat the baselines. Read the ranking with care."
    ),
    "gate_unknown": phrase("The model has no backtest; do not assume it beats the baselines."),
    "trained": phrase("Trained on"),
    "features": phrase("What the model looks at"),
    "learnt": phrase("Training data"),
    "learnt_none": phrase("The version in use was trained before datasheets were kept; train it again to have one."),
    "audited": phrase("Whom the model serves worse"),
    "audited_dek": phrase(
        "Checked when this version was made. Nothing here speaks of residents' conduct: it says where the model, or the reports it reads, may fall short."
    ),
    "audit_released": phrase(
        "The hold that the audit puts on a promotion was released by {who} on {day} until {until}: {why}"
    ),
    "audited_none": phrase("The version in use has no audit; train it again to have one."),
    "audited_count": phrase("A count is in use, and no model: it has no audit of its own."),
    "feature": phrase("Feature"),
    "column": phrase("Column"),
    "unit": phrase("Unit"),
    "method": phrase("Method"),
    "method_text": phrase(
        "A score uses only grid totals known before the as-of instant. The probability is that of at least one event within the horizon. No model reads visits or staffing, and silence is never told as a comfort."
    ),
    "weekly": phrase("Each source, last 26 weeks"),
    "per_week": phrase("per week"),
    "no_feeds": phrase("This night states no feed health."),
    "not_found": phrase("There is no such page or grid"),
    "no_ledger": phrase("Nobody has been given work yet"),
    "no_ledger_more": phrase(
        "Alerts and gaps become work when a night is entered in the ledger: riskwarn nightly does so, on a machine with the extra ledger."
    ),
    "no_night": phrase("Nothing is published for that date"),
    "nearest": phrase("The nearest night is {as_of}."),
    "bad_request": phrase("The address has a bad parameter"),
    "failed": phrase("Something went wrong"),
    "failed_more": phrase("Ask the administrator to look at the log."),
    "back": phrase("Back to today"),
    "theme": phrase("Appearance"),
    "theme_auto": phrase("as the device", context="appearance"),
    "theme_light": phrase("light", context="appearance"),
    "theme_dark": phrase("dark room", context="appearance"),
    "printed": phrase("Map: Leaflet 1.9.4 (BSD-2), drawn offline."),
    "api": phrase("API"),
    "fallen": phrase(
        "The model in use is damaged, or gives other numbers than when it was trained; the one before it answers tonight."
    ),
    "standing_rule": phrase("{rule}: {n} place, as the night before", plural="{rule}: {n} places, as the night before"),
    "standing_rule_since": phrase(
        "{rule}: {n} place, as the night before; the oldest listed since {day}",
        plural="{rule}: {n} places, as the night before; the oldest listed since {day}",
    ),
    **ATLAS,
    **DOOR,
    **DUTY,
    **OUTCOME,
    **ADMIN,
}


def told(key: str, language: str, **values: object) -> str:
    """The phrase `key` in `language`, its blanks filled.

    Examples
    --------
    >>> told("page_of", "en", page=2, n=72)
    'page 2 of 72'
    """
    return PHRASES[key].filled(**values)[language]


def word(words: Mapping[str, Spoken], code: object, language: str) -> str:
    """Words for a code; the code itself where there are none.

    Examples
    --------
    >>> from riskwarn.web.codes import LEVELS
    >>> word(LEVELS, "red", "zh"), word(LEVELS, "violet", "zh")
    ('红色', 'violet')
    """
    return words[str(code)][language] if str(code) in words else str(code)


def said(text: object, language: str) -> str:
    """A text given by language, or in one for all.

    Examples
    --------
    >>> said({"zh": "问题", "en": "question"}, "en"), said("question", "zh")
    ('question', 'question')
    """
    return Words(**text)[language] if isinstance(text, Mapping) and text else str(text or "")
