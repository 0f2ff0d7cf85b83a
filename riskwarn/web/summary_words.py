"""What the summary of a month, a quarter or a year says."""

from riskwarn.language import Phrase, phrase

SUMMARY: dict[str, Phrase] = {
    "summary": phrase("Summary"),
    "summary_of": phrase("Summary of {period}"),
    "summary_area": phrase("{area}: summary of {period}"),
    "s_dek": phrase("How organisations responded. Never of people, and no ground to appraise any."),
    "s_month": phrase("{month}/{year}"),
    "s_quarter": phrase("quarter {quarter} of {year}"),
    "s_year": phrase("the year {year}"),
    "s_overall": phrase("1. Overall"),
    "s_bodies": phrase("2. Response by organisation"),
    "s_outcomes": phrase("3. What was found"),
    "s_hits": phrase("4. How often the list was right"),
    "s_effect": phrase("5. After handling"),
    "s_how": phrase("6. How to read it"),
    "s_none": phrase("No alert was published in this period."),
    "s_n": phrase("{n} alert was published: {levels}.", plural="{n} alerts were published: {levels}."),
    "s_median": phrase("Half were acknowledged within {hours} working hours."),
    "s_median_few": phrase("Too few alerts, or too few acknowledged, to tell half of them by."),
    "s_kept": phrase("{clock}: {kept} of {n} within the clock ({share}, 95% interval {lower} to {upper})."),
    "s_kept_few": phrase("{clock}: {kept} of {n} within the clock; too few for a share."),
    "s_kept_none": phrase("{clock}: no clock of this kind has ended yet."),
    "s_aside": phrase("Returned {returned}, sent back {rejected}, passed up {escalated}, reopened {reopened}."),
    "s_no_result": phrase("{n} without a result yet.", plural="{n} without a result yet."),
    "s_few": phrase("too few"),
    "s_share": phrase("{share} of {n}"),
    "s_interval": phrase("{share} ({lower}–{upper})"),
    "s_few_of": phrase("too few ({n})"),
    "s_no_effect": phrase("Not worked out for this period; `riskwarn summary --effect` does it."),
    "s_effect_few": phrase("Too few handled places can be compared yet ({n}); no effect is told."),
    "s_effect_line": phrase(
        "In {n} handled places there were {estimate} events against what places like them had, moves to the neighbours counted (95% interval {lower} to {upper}, {days} days before and after)."
    ),
    "s_effect_open": phrase("The interval holds 0: whether handling helped cannot be told from so few."),
    "s_effect_good": phrase("Fewer than without handling."),
    "s_effect_bad": phrase("More than without handling: look at where it went."),
    "s_how_1": phrase(
        "Counted are alerts first published in the period, as they stand when this is read. A clock that still runs counts neither way."
    ),
    "s_how_2": phrase(
        "Of fewer than {n} cases no share and no median is told. Right are results O1 to O4, of those that found something or nothing; data faults and what belongs elsewhere count for neither."
    ),
    "s_how_3": phrase(
        "Organisations have different places, levels and hands; an interval that overlaps another tells no difference. Not for ranking, and not for anybody's appraisal."
    ),
    "col_n": phrase("alerts", context="paper"),
    "col_hours": phrase("half acknowledged within, working hours", context="paper"),
    "col_ack": phrase("acknowledged in time", context="paper"),
    "col_visit": phrase("first visit in time", context="paper"),
    "col_result": phrase("result in time", context="paper"),
    "col_confirmed": phrase("confirmed", context="paper"),
    "col_returned": phrase("returned", context="paper"),
    "col_reopened": phrase("reopened", context="paper"),
    "col_code": phrase("result", context="paper"),
    "col_times": phrase("how many", context="paper"),
    "col_lane": phrase("lane", context="paper"),
    "col_right": phrase("right, with 95% interval", context="paper"),
    "col_judged": phrase("judged", context="paper"),
    "period": phrase("Period"),
    "all_of_them": phrase("all", context="paper"),
}
"""Phrases by their key."""
