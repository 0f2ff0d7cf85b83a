"""What the numbers of evidence count, and what its codes are called."""

from riskwarn.language import phrase

CASES = phrase("{n} case", plural="{n} cases", context="evidence")
DAYS = phrase("{n} day", plural="{n} days", context="evidence")
WORKING_DAYS = phrase("{n} working day", plural="{n} working days", context="evidence")
HOURS = phrase("{n} hour", plural="{n} hours", context="evidence")
EVENTS = phrase("{n} event", plural="{n} events", context="evidence")
REPORTS = phrase("{n} report", plural="{n} reports", context="evidence")
REQUESTS = phrase("{n} request", plural="{n} requests", context="evidence")
MATTERS = phrase("{n} matter", plural="{n} matters", context="evidence")
TIMES = phrase("{n} time", plural="{n} times", context="evidence")
CALLS = phrase("{n} call", plural="{n} calls", context="evidence")
RECORDS = phrase("{n} record", plural="{n} records", context="evidence")
VISITS = phrase("{n} visit", plural="{n} visits", context="evidence")
PLACES = phrase("{n} place", plural="{n} places", context="evidence")
OWNERS = phrase("{n} owner", plural="{n} owners", context="evidence")
GRIDS = phrase("{n} grid", plural="{n} grids", context="evidence")
HOUSEHOLDS = phrase("{n} household", plural="{n} households", context="evidence")
WORKERS = phrase("{n} worker", plural="{n} workers", context="evidence")
FILES = phrase("{n} separate file", plural="{n} separate files", context="evidence")
NIGHTS = phrase("{n} night", plural="{n} nights", context="evidence")

COUNTED = {
    "after_hours": HOURS,
    "amber_cases": CASES,
    "asked_by_residents": REQUESTS,
    "brought_by_residents": MATTERS,
    "closed_cases": CASES,
    "closed_together": CASES,
    "coded_again": PLACES,
    "coded_to_both": PLACES,
    "days": DAYS,
    "days_since_closing": DAYS,
    "days_since_last": DAYS,
    "days_since_step": DAYS,
    "days_since_visit": DAYS,
    "events": EVENTS,
    "expected_in_182_days": REPORTS,
    "handed_over": CALLS,
    "handled_cases": CASES,
    "households": HOUSEHOLDS,
    "idle_days": DAYS,
    "last_7_days": EVENTS,
    "lost_calls": CALLS,
    "matters": MATTERS,
    "matters_at_least": MATTERS,
    "median_delay_days": DAYS,
    "median_wait_days": DAYS,
    "n_grids": GRIDS,
    "near_border": EVENTS,
    "not_called_back": CASES,
    "open_cases": CASES,
    "overdue_cases": CASES,
    "owners": OWNERS,
    "places": PLACES,
    "records_a_day": RECORDS,
    "records_missing": RECORDS,
    "red_nights": NIGHTS,
    "reports": REPORTS,
    "requests": REQUESTS,
    "resident_requests": REQUESTS,
    "returned_cases": CASES,
    "returns": TIMES,
    "separate_cases": FILES,
    "silent_days": DAYS,
    "unseen_at_least": MATTERS,
    "usual_pause_days": DAYS,
    "visits": VISITS,
    "visits_due_by_risk": VISITS,
    "wanted_within_days": DAYS,
    "wanted_within_hours": HOURS,
    "window_days": DAYS,
    "without_code_in_28_days": EVENTS,
    "workers": WORKERS,
    "working_days": WORKING_DAYS,
}
"""What the numbers of evidence count."""

SHARES = {
    "chance_of_next_step",
    "city",
    "city_share",
    "county_ratio",
    "distance",
    "last_day_city_share",
    "others_share",
    "share",
    "skipped",
}
"""Numbers of evidence that are shares."""

RUNGS = {
    1: phrase("the ledger", context="rung"),
    2: phrase("the hotline or a petition", context="rung"),
    3: phrase("a police call", context="rung"),
    4: phrase("a call about violence", context="rung"),
}
"""How far a matter went."""

TIERS = {
    "L0": phrase("the grid", context="tier"),
    "L1": phrase("the community", context="tier"),
    "L2": phrase("the township", context="tier"),
    "L3": phrase("the county", context="tier"),
    "L4": phrase("the city", context="tier"),
}
"""Levels that a case is handled at."""
