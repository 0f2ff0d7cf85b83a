"""What the evidence of each kind says, word by word: counts that agree, parts that are left out, and what cannot be told."""

import pytest

from riskwarn.gaps.wording import sentence

STAFF = {"households": 800, "workers": 1.5}
HOURS = {"distance": 0.456, "city": 0.2}
LATE = {"overdue_cases": 1, "working_days": 2}


@pytest.mark.parametrize(
    ("kind", "evidence", "said"),
    [
        ("G01", {"reports": 1, "window_days": 30, "expected": 9.96}, "1 report in the last 30 days, where about 10 would be usual"),
        (
            "G01",
            {"requests": 0.0, "window_days": 1, "expected": 4.44, "subtype": "residents"},
            "0 requests in the last 1 day, where about 4.4 would be usual; judged by what residents bring, for there is no feed of grid workers",
        ),
        ("G01", {"resident_requests": 0, "visits": 1}, "in that time residents made 0 requests; workers made 1 visit"),
        ("G01", {"reason": "x"}, "no feed of grid workers or residents is there to judge by"),
        (
            "G02",
            {"matters_at_least": 40, "unseen_at_least": 0, "county_ratio": 0.745},
            "in the county 74% usually do",
        ),
        (
            "G02",
            {"matters_at_least": 40, "unseen_at_least": 1},
            "of at least 40 matters in all, 1 matter are on no record",
        ),
        ("G03", {"days_since_visit": 9998.9}, "the last valid visit was 9999 days ago"),
        ("G03", {"days_since_visit": 9999}, "no valid visit is on record"),
        ("G04", {"why": ["no_worker"], **STAFF}, "nobody is assigned to the grid; 800 households live there"),
        ("G04", {"why": ["shared_worker", "many_households"], **STAFF}, "its worker has other grids too; 800 households for 1.5 workers"),
        ("G05", {"events_by_4_hours": [9, 1, 1, 1, 1, 1], "visits_by_4_hours": [0, 0, 0, 4, 0, 4]}, "most events fall between 00:00–04:00, most visits between 12:00–16:00"),
        ("G05", {"events_by_4_hours": [1, 1, 1, 1, 1, 2], "visits_by_4_hours": [0, 0, 0, 0, 0, 4]}, "events and visits are both most between 20:00–24:00"),
        ("G05", HOURS, "46% of the visits are made at other hours than the events, 20% in most grids"),
        ("G06", {**LATE, "clock": "level", "level": "L2"}, "1 case past the limit of the township, the longest by 2 working days"),
        ("G06", {**LATE, "amber_cases": 0}, "1 case past the limit of the whole case, the longest by 2 working days"),
        ("G06", {"amber_cases": 1}, "1 case near the limit"),
        ("G06", {"cases": 20, "closed_cases": 0, "reason": "x", "missing_column": "y"}, "of 20 cases long enough ago only 0 cases say when they were closed, so what is overdue cannot be told"),
        ("G06", {"missing_column": "events.closed_at"}, "not looked for: the feed has no column events.closed_at"),
        ("G08", {"records_missing": 0.0, "records_a_day": 1}, "1 record a day are usual"),
        ("G08", {"records_missing": 0.5}, "about 0.5 records are missing"),
        ("G08", {"fault": "lower"}, "it has stayed so for four weeks; this is now taken for its level"),
        ("G08", {"fault": "codes"}, "far more records than usual carry no known category"),
        ("G08", {"fault": "late"}, ""),
        ("G09", {"highest_rung": 4, "skipped": 0.0}, "the furthest has come to a call about violence"),
        ("G09", {"skipped": 0.5}, "50% of the grid’s matters began with a police call"),
        ("G10", {"places": 2, "coded_to_both": 0, "coded_again": 0}, ""),
        ("G10", {"places": 2, "coded_to_both": 1, "coded_again": 1}, "of 2 places there, 1 place stand under both grids; 1 place stand under each of the two again and again"),
        ("G10", {"near_border": 9, "window_days": 730, "expected": 4.0}, "9 events near the border in 730 days, where about 4 would be usual"),
        ("G10", {"near_border": 9, "window_days": 730}, "9 events of places that both grids have, in 730 days"),
        ("G12", {"calls": ["a", "b", "c", "d", "e"]}, "the calls: a, b, c, d, e"),
        ("G12", {"calls": ["a", "b", "c", "d", "e", "f"]}, "the calls: a, b, c, d, e and 1 more"),
        ("G13", {"returns": 2, "owners": 1, "between": ["D", "T"], "idle_days": 14.0}, "the case was sent back 2 times and had 1 owner at one level; last between D, T; nothing has happened for 14 days"),
        ("G13", {"between": ["D", "T"]}, ""),
        ("G15", {"cases": 9, "reason": "x"}, "of 9 cases hardly any says at what time it was closed, so whether many are closed at once cannot be told"),
        ("G18", {"without_code_in_28_days": 0}, ""),
        ("G18", {"without_code_in_28_days": 1}, "in 28 days 1 event had no grid code at all"),
        ("G19", {"level": "red", "first_alert": "2025-03-04T08:00+08:00", "wanted_within_hours": 24, "red_nights": 0}, "alert at level red since 2025-03-04 08:00 and no visit since, though one was due within 24 hours"),
        ("G19", {"red_nights": 1}, "red on 1 night"),
        ("G20", {"weekly_mean": 10.4}, "10 a week on average before"),
        ("G20", {"weekly_mean": 9.94}, "9.9 a week on average before"),
        ("G12", {"missing_table": "diversions"}, "not looked for: the store has no table diversions"),
        ("G99", {"returns": 2}, ""),
    ],
)  # fmt: skip
def test_a_sentence_by_hand(kind, evidence, said):
    """A part is said where all it names is there and it is more than none; numbers have one decimal below ten, shares are in percent, of lists five are named."""
    assert sentence(kind, evidence)["en"] == said
