"""What the work list under a capacity, the visits, the centres and the phone say."""

from riskwarn.language import Phrase, phrase

HANDS: dict[str, Phrase] = {
    "worklist": phrase("Gaps today"),
    "worklist_dek": phrase("What saves most for the least effort first, as much as each area can do today."),
    "hands": phrase("What one area can do in a day (a call 1, a visit 3, another worker 5)"),
    "today_of": phrase("today {today} of {n}"),
    "today_all": phrase("all {n} by one talk"),
    "nothing_today": phrase("With so few hands nothing can be done today."),
    "centres": phrase("Centres"),
    "centre": phrase("Centre"),
    "centres_dek": phrase(
        "Every county and township with what lies before it tonight; each has a morning page of its own."
    ),
    "queued": phrase("No line: kept on this phone, and sent when the line is back."),
    "sent_late": phrase("Sent, now that the line is back."),
    "still_kept": phrase("Not taken yet: kept on this phone, and sent again with the next page."),
    "not_sent": phrase("The line is back, and it was not taken: open the item and look who was faster."),
    "visits": phrase("Visits"),
    "visits_dek": phrase(
        "A proposal under the same {budget} visits a week: by risk, within townships, at most {most} planned for a grid, and a few more drawn at random. Change what you know better."
    ),
    "no_visits": phrase("No visits are known for the last {days} days, so none can be spread anew."),
    "v_grid_id": phrase("grid code", context="visits"),
    "v_name": phrase("grid", context="visits"),
    "v_body": phrase("township", context="visits"),
    "v_now": phrase("visits a week now", context="visits"),
    "v_proposed": phrase("proposed", context="visits"),
    "v_drawn": phrase("of them at random", context="visits"),
    "v_change": phrase("change", context="visits"),
    "v_edit": phrase("Visits a week in {title}"),
    "v_take": phrase("Take the whole proposal with these numbers as"),
    "v_note": phrase("What is changed here goes into the file, and nowhere else. {n} grids, forty a page."),
}
"""Phrases by their key."""
