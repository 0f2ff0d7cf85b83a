"""What codes are called on the pages: levels, bands, states, units, who closes a gap."""

from riskwarn.language import UNSAID, measure_word, phrase

LEVELS = {
    "red": phrase("red"),
    "orange": phrase("orange"),
    "yellow": phrase("yellow"),
    "blue": phrase("blue"),
}
"""Alert levels, most urgent first."""

BANDS = {
    1: phrase("highest 1%"),
    2: phrase("1–5%"),
    3: phrase("5–10%"),
    4: phrase("10–25%"),
    5: phrase("other 75%"),
    0: phrase("insufficient data, no score"),
}
"""Bands of the map: share of scored grids by rank. Band 0 is not a low risk: nothing is known."""

TIMES = {
    1: phrase("twice the city mean or more"),
    2: phrase("1.5 to 2 times"),
    3: phrase("1.1 to 1.5 times"),
    4: phrase("0.8 to 1.1 times"),
    5: phrase("less than 0.8 times"),
    0: phrase("insufficient data, no score"),
}
"""Classes of an area on the map: expected events a grid, in times the city's mean (:data:`riskwarn.web.atlas.TIMES_MEAN`)."""

SEVERITIES = {
    1: phrase("very severe"),
    2: phrase("severe"),
    3: phrase("moderate", context="gap"),
    4: phrase("slight"),
    5: phrase("none found"),
    0: phrase("not scored"),
}
"""Classes of a grid on the map of a kind of gap (:data:`riskwarn.web.atlas.SEVERITIES`)."""

SHARES = {
    1: phrase("in a fifth of its grids or more"),
    2: phrase("in 10–20% of its grids"),
    3: phrase("in 5–10%"),
    4: phrase("in fewer than 5%"),
    5: phrase("none found"),
    0: phrase("not scored"),
}
"""Classes of an area on the map of a kind of gap (:data:`riskwarn.web.atlas.SHARES`)."""

STATES = {
    "ok": phrase("scored"),
    "stale": phrase("stale"),
    "insufficient_data": phrase("insufficient data"),
    "open": phrase("open"),
    "draft": phrase("draft"),
    "published": phrase("published"),
    "acknowledged": phrase("acknowledged"),
    "assigned": phrase("assigned"),
    "in_progress": phrase("in progress"),
    "feedback": phrase("feedback given"),
    "verified": phrase("verified"),
    "closed": phrase("closed"),
    "returned": phrase("returned", context="words"),
    "escalated": phrase("escalated"),
    "merged": phrase("merged"),
    "suppressed": phrase("paused by an outage"),
    "dismissed": phrase("dismissed"),
    "expired": phrase("expired"),
    "reopened": phrase("reopened"),
}
FEED_STATES = {
    "ok": phrase("normal"),
    "late": phrase("late", context="words"),
    "partial": phrase("partial"),
    "stopped": phrase("stopped"),
    "duplicate": phrase("duplicated"),
    "codes": phrase("categories missing"),
    "unknown": phrase("unknown"),
    "insufficient_data": phrase("insufficient data", context="words"),
}
UNITS = {
    "count": measure_word("event"),
    "events": measure_word("event"),
    "cases": phrase("cases", context="words"),
    "days": phrase("days", context="words"),
    "hours": phrase("hours"),
    "share": UNSAID,
    "ratio": phrase("times"),
    "z": phrase("standard deviations"),
    "weighted count": phrase("weighted"),
    "as the column says": phrase("as named"),
    "km2": phrase("km²"),
    "workers": phrase("workers", context="words"),
    "number": measure_word("thing"),
    "per week": phrase("a week"),
    "per day": phrase("a day"),
    "per 1000 households": phrase("per 1,000 households"),
    "log per km²": phrase("log per km²"),
    "count or probability": phrase("count or probability"),
    "product": phrase("product"),
    "0 or 1": phrase("0 or 1"),
    "0 to 3": phrase("0 to 3"),
    "0 to 4": phrase("0 to 4"),
    "-1 to 1": phrase("−1 to 1"),
}


EVENT_STATES = {
    "open": phrase("open", context="case"),
    "accepted": phrase("accepted", context="case"),
    "assigned": phrase("assigned"),
    "in_progress": phrase("in progress"),
    "paused": phrase("paused", context="case"),
    "returned": phrase("returned", context="words"),
    "closed_success": phrase("closed, settled", context="case"),
    "closed_fail": phrase("closed, not settled", context="case"),
    "withdrawn": phrase("withdrawn", context="case"),
    "archived": phrase("archived", context="case"),
}
"""Where the record of an event stands (:data:`riskwarn.taxonomy.STATUSES`)."""

CLOSERS = {
    "A1": phrase("the grid worker, with the township centre"),
    "A2": phrase("the township centre, by telephone"),
    "A3": phrase("the township centre, which calls the agencies together"),
    "A4": phrase("the county centre"),
    "A5": phrase("the county centre, which names the owner"),
    "A6": phrase("the organisation that keeps the record"),
    "A7": phrase("the township centre, with the data desk"),
    "A8": phrase("the data desk, with the provider"),
    "A9": phrase("the county centre, which plans staff"),
    "A10": phrase("the agency of the line"),
}
"""Who can close a gap, by the code of its action."""
