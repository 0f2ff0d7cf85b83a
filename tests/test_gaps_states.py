"""How feeds stand on a night, by source and organisation."""

import json

import pandas as pd
from towns import gaps as w

from riskwarn.gaps.feed import stands_still
from riskwarn.gaps.gap import FEED, gap_rows
from riskwarn.gaps.states import feed_states
from riskwarn.history import History


def fault(scope, fault, source="dispute", org="*", **more):
    told = {"fault": fault, "source": source, "org": org, **more}
    return gap_rows(
        FEED, w.NIGHT, [scope], observed=[0.0], expected=[9.0], score=[4.0], confidence=1.0, evidence=[told]
    )


def states(*faults):
    rows = [w.event("a", "dispute", 3), w.event("b", "hotline", 2)]
    history = History.of(w.frame(rows), w.grids(), timezone=w.ZONE, until=w.NIGHT)
    return {(f["source"], f["org_code"]): f for f in feed_states(history, pd.concat(faults), w.NIGHT)}


def test_a_fault_of_one_county_stops_no_city():
    """A late county, or codes that changed in it, is told as that, there; the whole feed goes on."""
    feeds = states(fault("feed:dispute/C1@late", "late", org="C1"), fault("feed:dispute/C2@codes", "codes", org="C2"))

    assert {key: feed["state"] for key, feed in feeds.items()} == {
        ("dispute", "*"): "ok",
        ("hotline", "*"): "ok",
        ("dispute", "C1"): "late",
        ("dispute", "C2"): "codes",
    }


def test_a_feed_that_stopped_says_since_when_and_what_was_due():
    """The state of a stopped feed carries its last delivery and the records that are missing."""
    feed = states(fault("feed:dispute", "stopped", last_at="2024-05-31T00:00+08:00"))["dispute", "*"]

    assert (feed["state"], feed["since"], feed["expected"]) == ("stopped", "2024-05-31T00:00+08:00", 9.0)


def test_since_when_a_fault_lasts():
    """From its last record, from the first of its days, and where neither is told for a week; a fault that is settled, or not open, is none."""
    faults = [
        fault("feed:dispute/a", "stopped", org="a", last_at="x", days=3),
        fault("feed:dispute/b", "thin", org="b", days=3),
        fault("feed:dispute/c@late", "late", org="c"),
        fault("feed:dispute/d", "lower", org="d"),
        fault("feed:dispute/e", "stopped", org="e").assign(state="insufficient_data"),
    ]
    feeds = states(*faults)

    assert {org: feed["since"] for (_, org), feed in feeds.items() if org != "*"} == {
        "a": "x",
        "b": "2024-05-31T00:00+08:00",
        "c": "2024-05-27T00:00+08:00",
    }


def test_the_outages_among_the_rows():
    """Feeds that stopped or came thin, with the days of it: silent ones before those it was told of; late ones and others' rows are none."""
    rows = [
        fault("feed:dispute/a", "stopped", org="a", silent_days=2.5, days=9),
        fault("feed:dispute/b", "thin", org="b", days=3),
        fault("feed:dispute/c@late", "late", org="c"),
        fault("feed:dispute/d", "stopped", org="d").assign(state="insufficient_data"),
        fault("feed:dispute/e", "stopped", org="e").assign(kind="G01"),
        fault("feed:dispute/f", "stopped", org="f"),
    ]
    told = stands_still(pd.concat(rows, ignore_index=True))

    assert told[["org", "days"]].to_numpy().tolist() == [["a", 2.5], ["b", 3], ["f", 0]]


def test_of_two_faults_the_graver_is_told():
    """A county that stopped and was late before is stopped; one that is thin is partial."""
    feeds = states(
        fault("feed:dispute/C1@late", "late", org="C1"),
        fault("feed:dispute/C1", "stopped", org="C1", last_at="x"),
        fault("feed:hotline", "thin", source="hotline", days=9),
    )

    assert feeds["dispute", "C1"]["state"] == "stopped"
    assert (feeds["hotline", "*"]["state"], feeds["hotline", "*"]["since"]) == ("partial", "2024-05-25T00:00+08:00")
    assert json.dumps(list(feeds.values()))
