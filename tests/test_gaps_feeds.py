"""G08: feeds that stop, thin out, come late, or change their codes."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from towns import gaps as w

from riskwarn import gaps
from riskwarn.gaps import feed


def told(tmp_path, events, *, name="town", **tables):
    store = w.town(tmp_path / name, events, **tables)
    seen = gaps.find_gaps(store, as_of=w.NIGHT, kinds=["G08"])
    return {s: json.loads(e) for s, e in zip(seen["scope"], seen["evidence"], strict=True)}


def test_a_stop_is_found(tmp_path):
    """Three empty days of a feed that brings eight rows a day cannot be chance."""
    factor = np.ones((4, 200))
    factor[:, :3] = 0
    seen = told(tmp_path, w.steady("hotline", 200, 2.0, factor=factor))
    assert seen["feed:hotline/C1"]["fault"] == "stopped"
    assert seen["feed:hotline/C1"]["silent_days"] == 3


def test_a_quiet_feed_has_not_stopped(tmp_path):
    """Five empty days of a feed that brings a row in five days are nothing."""
    factor = np.ones((4, 400))
    factor[:, :5] = 0
    assert told(tmp_path, w.steady("petition", 400, 0.05, factor=factor)) == {}


def test_a_thinned_feed_is_found_within_five_days(tmp_path):
    """A feed at a fifth of its rows is seen although rows arrive each day."""
    factor = np.ones((4, 300))
    factor[:, :5] = 0.2
    seen = told(tmp_path, w.steady("dispute", 300, 2.5, factor=factor))
    assert seen["feed:dispute/C1"]["fault"] == "thin"
    assert seen["feed:dispute/C1"]["share"] < 0.5


def test_a_feed_in_order_raises_nothing(tmp_path):
    """Whole feeds with their weekends raise no alarm."""
    factor = np.ones((4, 300))
    weekday = (w.NIGHT.day_of_week - 1 - np.arange(300)) % 7
    factor[:, weekday >= 5] = 0.4
    assert told(tmp_path, w.steady("dispute", 300, 3.0, factor=factor)) == {}


def log(days, *, skip=()):
    return w.frame([w.delivery("hotline", "C1", d) for d in range(days) if d not in skip])


def test_a_missing_delivery_is_found_by_the_log(tmp_path):
    """Where deliveries are logged two days without one are a stop, however few rows they would hold; one on time is not."""
    events = w.steady("hotline", 200, 0.1)
    assert told(tmp_path, events, name="on-time", feed_log=log(200)) == {}
    seen = told(tmp_path, events, name="missing", feed_log=log(200, skip=(0, 1)))
    assert seen["feed:hotline/C1"]["fault"] == "stopped"
    assert seen["feed:hotline/C1"]["usual_pause_days"] == 1.0


def test_late_records_are_said_to_be_late(tmp_path):
    """A week whose records come six days late, after two months at once, is flagged."""
    events = w.steady("hotline", 90, 2.0)
    slow = [
        e | {"known_at": e["occurred_at"] + w.pd.Timedelta(days=6)}
        for e in events
        if w.days_before(13) < e["occurred_at"] < w.days_before(6)
    ]
    prompt = [e for e in events if e["occurred_at"] <= w.days_before(13)]
    assert "feed:hotline/C1@late" in told(tmp_path, prompt + slow)


def test_unknown_codes_are_said(tmp_path):
    """A feed whose records all turn into 'other' has changed its code list."""
    events = [
        e | {"category": "D99" if e["occurred_at"] > w.days_before(7) else "D02"} for e in w.steady("hotline", 90, 2.0)
    ]
    assert told(tmp_path, events)["feed:hotline/C1@codes"]["fault"] == "codes"


def of_two_counties(tmp_path, factor):
    """G08 of ten grids of each of two counties, and what part of their records came on the last days."""
    store = w.Store(tmp_path / "counties", timezone=w.ZONE)
    store.write("grids", w.grids(20).assign(county_id=["C1"] * 10 + ["C2"] * 10))
    store.write("events", w.frame(w.steady("hotline", 200, 1.0, n_grids=20, factor=factor)))
    seen = gaps.find_gaps(store, as_of=w.NIGHT, kinds=["G08"])
    return {s: json.loads(e) for s, e in zip(seen["scope"], seen["evidence"], strict=True)}


def test_the_outage_of_one_county_is_not_the_citys(tmp_path):
    """Where one of two counties brings nothing, half of the city's records lack; the county is told with its own numbers, the city is not."""
    factor = np.ones((20, 200))
    factor[10:, :4] = 0
    seen = of_two_counties(tmp_path, factor)

    assert set(seen) == {"feed:hotline/C2"}
    assert seen["feed:hotline/C2"]["fault"] == "stopped"


@pytest.mark.parametrize(("brought", "told"), [(10.0, []), (5.0, []), (4.0, ["*"])])
def test_the_city_is_told_where_those_in_order_do_not_bring_their_half(monkeypatch, brought, told):
    """One county stopped and the city is short: asked is whether the other brings half of what is due of it, whatever the stopped one owes; nor does the city's own row speak for itself."""
    due, seen = np.array([10.0, 15.0, 25.0]), np.array([brought, 0.0, brought])
    reading = SimpleNamespace(
        told=np.array([[False], [False], [True]]),
        observed=seen.reshape(1, 3, 1),
        due=due.reshape(1, 3, 1),
        few=np.full((3, 1), 1e-6),
        since=lambda _: 1,
        fallen=lambda _: None,
    )
    monkeypatch.setattr(feed, "readings", lambda *_: reading)
    intake = feed.Intake("hotline", np.array(["C1", "C2", "*"], dtype=object), seen.reshape(3, 1), None)

    assert [fault["org"] for fault in feed._thin(None, intake, np.array([False, True, False]))] == told


def test_an_outage_of_all_is_the_citys(tmp_path):
    """Where both counties bring a fifth, the city is told beside them, with the days since it began."""
    factor = np.ones((20, 200))
    factor[:, :6] = 0.2
    seen = of_two_counties(tmp_path, factor)

    assert seen["feed:hotline"]["fault"] == "thin"
    assert seen["feed:hotline"]["days"] in {5, 6, 7}


def test_a_feed_that_settled_lower_is_told_as_that(tmp_path):
    """Five weeks at a fifth are no outage any more: in the week in which that is found it is told as a lower level, later not at all."""
    levels = {}
    for days in (35, 70):
        factor = np.ones((4, 300))
        factor[:, :days] = 0.2
        levels[days] = told(tmp_path, w.steady("dispute", 300, 2.5, factor=factor), name=f"town{days}")

    assert levels[35]["feed:dispute/C1"]["fault"] == "lower"
    assert levels[35]["feed:dispute/C1"]["share"] == pytest.approx(0.2, abs=0.1)
    assert levels[70] == {}
