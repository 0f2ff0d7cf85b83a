"""What the pages of the duty say: the supervision board, the shift, the meeting, the summary, the visits and the centres."""

from riskwarn.language import Phrase, phrase
from riskwarn.web.hand_words import HANDS
from riskwarn.web.shift_words import SHIFT
from riskwarn.web.summary_words import SUMMARY

DUTY: dict[str, Phrase] = {
    "duty_nav": phrase("Duty"),
    "supervision": phrase("Supervision"),
    "supervision_dek": phrase(
        "What is past its time, and what soon will be. The board tells whose turn it is; it acts on nobody."
    ),
    "all_bodies": phrase("all organisations"),
    "body": phrase("Organisation", context="duty"),
    "n_overdue": phrase("Overdue"),
    "n_soon": phrase("Due soon"),
    "longest": phrase("Longest late"),
    "late_by": phrase("{age} late"),
    "left": phrase("{age} left"),
    "none_late": phrase("Nothing is overdue, and nothing is due soon."),
    "due_since": phrase("due since {at}"),
    "due_by": phrase("due by {at}"),
    "begun": phrase("began {at}"),
    "only_night": phrase("the nightly run, once the records show it"),
    "card": phrase("Supervision card"),
    "card_open": phrase("open", context="card"),
    "card_none": phrase("raised with the next reading of the clocks"),
    "soon": phrase("due soon"),
    "cards_settled": phrase("Cards settled in the last 7 days"),
    "no_cards_settled": phrase("No card was settled in the last 7 days."),
    "raised": phrase("Raised"),
    "settled": phrase("Settled"),
    "with_city": phrase("whole city, no one named"),
    "went_before": phrase("It had been taken before."),
    "faster": phrase("Somebody was faster: {role}, {action}, {at}. Look at it again, then decide."),
    "why_forbidden": phrase("Your role or area may not take this step."),
    "why_unknown": phrase("There is no such item before you."),
    "why_reused": phrase("From the same form another step was taken with it."),
    "why_refused": phrase("It cannot be taken from where the item stands, or something it wants is missing."),
    "report_of": phrase("{action}: {went} of {n} done"),
    "did_not_go": phrase("Not taken"),
    "went": phrase("Taken"),
    "none_ticked": phrase("Nothing was ticked."),
    "to_list": phrase("Back to the list"),
    "into_which": phrase("With which"),
    "merged_into": phrase("merged into"),
    "about_item": phrase("about"),
    "ended": phrase("ended"),
    "by_clock": phrase("all clocks"),
    **HANDS,
    **SHIFT,
    **SUMMARY,
}
"""Phrases of these pages by their key."""
