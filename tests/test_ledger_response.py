"""How organisations responded in a period: what counts, when it is told, and that it is never of people."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from ledger_rows import a_city, an_item

from riskwarn.errors import DataError
from riskwarn.history import Stream
from riskwarn.label import Label
from riskwarn.language import LANGUAGES
from riskwarn.ledger import MACHINE, Ledger, cases, hits, of_bodies, period_of
from riskwarn.ledger.clocks import holds, mode_at
from riskwarn.ledger.effect import Effect, keep_effect, kept_effect
from riskwarn.ledger.outcomes import share_of
from riskwarn.ledger.response import CLOCKS, FEW, Period
from riskwarn.mode import switch
from riskwarn.web.summary import effect_lines

MARCH = period_of("2025-03", "Asia/Shanghai")
LATER = "2025-03-12 09:00"


def published(ledger, n, *, at="2025-03-03 07:30", path="C1/T1", start=0, **more):
    """Red alerts of a township, published at once."""
    with ledger.writing(at) as pen:
        return [pen.publish(an_item(start + i, path=path, **more), MACHINE, "listed").item_id for i in range(n)]


@pytest.fixture
def ledger(tmp_path):
    with Ledger(a_city(tmp_path)) as made:
        yield made


def answer(ledger, item_id, outcome="O3", at="2025-03-03 08:30"):
    """Acknowledged, assigned and reported on the same day."""
    leader = ledger.actor("shift_leader")
    ledger.act(item_id, "acknowledge", leader, at=at)
    ledger.act(item_id, "assign", leader, area="T1", at=at)
    ledger.act(item_id, "feedback", ledger.actor("township_centre"), outcome=outcome, at="2025-03-03 16:00")


@pytest.mark.parametrize(
    ("name", "since", "until"),
    [
        ("2025-03", "2025-03-01", "2025-04-01"),
        ("2025-12", "2025-12-01", "2026-01-01"),
        ("2025-Q4", "2025-10-01", "2026-01-01"),
        ("2025", "2025-01-01", "2026-01-01"),
    ],
)
def test_a_period_is_whole_days_of_the_city(name, since, until):
    """From its first instant to the first of the next, on the city's clock."""
    made = period_of(name, "Asia/Shanghai")
    assert (made.since, made.until) == tuple(pd.Timestamp(t, tz="Asia/Shanghai") for t in (since, until))


@pytest.mark.parametrize("name", ["", "2025-13", "2025-00", "2025-Q5", "march", "2025-3", "2025-03-01", "0000"])
def test_what_is_no_period_is_refused(name):
    """Nothing is guessed."""
    with pytest.raises(DataError, match="a period is"):
        period_of(name, "Asia/Shanghai")


def test_a_period_holds_the_alerts_first_published_in_it(ledger):
    """One of the month before and one merged into another are left out; one that still waits is in."""
    published(ledger, 1, at="2025-02-28 07:30", start=50)
    first, second, _ = published(ledger, 3)
    ledger.act(second, "merge", ledger.actor("shift_leader"), into=first, reason="duplicate", at="2025-03-03 09:00")

    assert len(cases(ledger, MARCH, at=LATER)) == 2
    assert len(cases(ledger, period_of("2025-Q1", "Asia/Shanghai"), at=LATER)) == 3


def test_a_clock_counts_once_it_is_known(ledger):
    """Kept is 1; past its limit is 0 whether somebody came later or never; what still runs counts neither way."""
    quick, late, never = published(ledger, 3)
    answer(ledger, quick)
    ledger.act(late, "acknowledge", ledger.actor("shift_leader"), at="2025-03-03 15:00")
    early = cases(ledger, MARCH, at="2025-03-03 09:00").set_index("item_id")["acknowledge"]
    told = cases(ledger, MARCH, at=LATER).set_index("item_id")

    assert np.isnan(early[never])
    assert told.loc[[quick, late, never], "acknowledge"].tolist() == [1, 0, 0]
    assert told.loc[quick, "hours"] == 0.5
    assert np.isinf(told.loc[never, "hours"])
    assert np.isnan(told.loc[never, "feedback"])
    assert (told.loc[quick, "code"], told.loc[quick, "counts"]) == ("O3", "confirmed")


def test_a_clock_without_a_limit_is_neither_kept_nor_missed(ledger):
    """The starter plan gives the verification of a blue alert no time: nobody kept to it, and none of it is in a share."""
    (blue,) = published(ledger, 1, level="blue")
    (red,) = published(ledger, 1, start=1)
    for item_id in (blue, red):
        answer(ledger, item_id)
        ledger.act(item_id, "verify", ledger.actor("county_centre"), at="2025-03-04 09:00")
    told = cases(ledger, MARCH, at=LATER).set_index("item_id")

    assert np.isnan(told.loc[blue, "verify"])
    assert told.loc[red, "verify"] == 1
    assert of_bodies(cases(ledger, MARCH, at=LATER)).iloc[-1]["verify_n"] == 1


def test_the_mode_in_which_a_clock_began_is_that_of_its_limit(ledger):
    """An hour of two is kept; of the half hour that war-time leaves from its switch on it is not, and the end of the war gives nobody more."""
    (before,) = published(ledger, 1, at="2025-03-04 08:00")
    switch(ledger.store, "war", by="shift_leader", why="flood warning", at="2025-03-05 07:00")
    (within,) = published(ledger, 1, at="2025-03-05 08:00", start=1)
    switch(ledger.store, "normal", by="shift_leader", why="it is over", at="2025-03-05 08:10")
    for item_id, day in ((before, 4), (within, 5)):
        ledger.act(item_id, "acknowledge", ledger.actor("shift_leader"), at=f"2025-03-0{day} 09:00")

    assert cases(ledger, MARCH, at=LATER).set_index("item_id")["acknowledge"].to_dict() == {before: 1, within: 0}


def test_of_few_no_share_and_no_median_is_told(ledger):
    """One case fewer than are enough: the counts stand, the shares are unknown; with one more they are told, with an interval around them."""
    ids = published(ledger, FEW - 1)
    for item_id in ids:
        answer(ledger, item_id)
    few = of_bodies(cases(ledger, MARCH, at=LATER)).iloc[-1]
    answer(ledger, published(ledger, 1, start=60)[0])
    enough = of_bodies(cases(ledger, MARCH, at=LATER)).iloc[-1]

    assert (few["acknowledge_n"], few["acknowledge_kept"]) == (FEW - 1, FEW - 1)
    assert np.isnan([few["median_hours"], *(few[f"{c}_share"] for c in CLOCKS)]).all()
    assert enough["acknowledge_share"] == 1
    assert enough["acknowledge_lower"] < 1
    assert enough["median_hours"] == 0.5


def test_the_bodies_add_up_to_the_whole(ledger):
    """Counts of organisations sum to the last row; each names an area or body, and no column names who acted."""
    for n, path in enumerate(("C1/T1", "C1/T2", "C1/T2")):
        answer(ledger, published(ledger, 1, path=path, start=10 * n)[0], outcome=f"O{n + 4}")
    table = of_bodies(cases(ledger, MARCH, at=LATER))
    counted = ["n", "n_confirmed", "n_not_found", "n_excluded", "n_open_result", "returned", "acknowledge_n"]

    assert (table[counted].iloc[:-1].sum() == table[counted].iloc[-1]).all()
    assert set(table["body"]) <= {"T1", "T2", "*"}
    assert not {"account", "role"} & set(cases(ledger, MARCH, at=LATER).columns) & set(table.columns)


def test_half_that_nobody_acknowledged_have_no_median(ledger):
    """Forgotten alerts come later than all others: when most are, no hour is told."""
    ids = published(ledger, 3 * FEW)
    for item_id in ids[:FEW]:
        answer(ledger, item_id)

    assert np.isnan(of_bodies(cases(ledger, MARCH, at=LATER)).iloc[-1]["median_hours"])


def test_the_list_is_right_of_what_was_judged(ledger):
    """Ten judged of a lane and level have a precision with an interval; data faults count for neither."""
    for n, item_id in enumerate(published(ledger, FEW + 2)):
        answer(ledger, item_id, outcome="O6" if n >= FEW else "O1" if n < 4 else "O5")
    row = hits(cases(ledger, MARCH, at=LATER), ledger.workflow.levels).iloc[0]

    assert (row["n_listed"], row["n_judged"], row["n_confirmed"], row["precision"]) == (FEW + 2, FEW, 4, 0.4)
    assert row["lower"] < 0.4 < row["upper"]


def test_a_township_reads_its_own_response(ledger):
    """Of another township nothing is counted."""
    published(ledger, 2, path="C1/T1")
    published(ledger, 3, path="C1/T2", start=10)

    assert of_bodies(cases(ledger, MARCH, area="T2", at=LATER))["n"].tolist() == [3, 3]


def test_an_empty_period_adds_up_to_nothing(ledger):
    """No alert: one row of zeros, no share."""
    table = of_bodies(cases(ledger, period_of("2024", "Asia/Shanghai"), at=LATER))

    assert table["n"].tolist() == [0]
    assert hits(cases(ledger, period_of("2024", "Asia/Shanghai"), at=LATER), ledger.workflow.levels).empty


def an_effect(n, estimate, half):
    return Effect(estimate, estimate - half, estimate + half, estimate / n, np.nan, (1, 1), n, {})


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "Too few handled places"),
        (an_effect(9, -5.0, 1.0), "Too few handled places"),
        (an_effect(40, -12.0, 20.0), "The interval holds 0"),
        (an_effect(40, -12.0, 5.0), "Fewer than without handling"),
        (an_effect(40, 12.0, 5.0), "More than without handling"),
    ],
)
def test_an_effect_is_told_with_its_interval_or_not_at_all(ledger, found, said):
    """Kept beside the ledger and read again; of few places none is told, and an interval that holds 0 claims nothing."""
    label = Label("police_call_28d", (Stream("police_call"),), days=28)
    assert kept_effect(ledger.store, MARCH) is None
    keep_effect(ledger.store, MARCH, label, found)
    kept = kept_effect(ledger.store, MARCH)

    assert said in " ".join(effect_lines(kept, "en"))
    assert all(effect_lines(kept, language) for language in LANGUAGES)


def told_of(n, *, body="T1", lane="standing", level="red", **more):
    """Cases as they are told, all alike but for what is given."""
    alike = {"hours": 1.0, **dict.fromkeys(CLOCKS, 1.0), "returned": 0, "rejected": 0, "escalated": 0, "reopened": 0}
    given = {"item_id": "x", "body": body, "lane": lane, "level": level, **alike, "code": "O5", "counts": "not_found"}
    return pd.DataFrame({name: np.broadcast_to(more.get(name, value), n) for name, value in given.items()})


def test_organisations_by_hand():
    """Whoever has most first, of as many by name; the middle hour, of two the earlier; clocks that are known; an alert sent back twice counts once."""
    ten = told_of(
        10, body="T2", hours=[10, 9, 8, 7, 6, 5, 4, 3, 2, 1], start=[1, 0, *[np.nan] * 8], returned=[2, 1, *[0] * 8]
    )
    late = told_of(11, body="T3", hours=[*range(5), *[np.inf] * 6], acknowledge=[1] * 7 + [0] * 4)
    nine = told_of(9, body="T1", counts=["confirmed"] * 4 + ["not_found"] * 2 + ["excluded"] * 2 + [""])
    table = of_bodies(pd.concat([nine, ten, late, told_of(9, body="T0", escalated=1)])).set_index("body")
    low, high = (share_of(7, 11)[n] for n in (1, 2))

    assert table.index.tolist() == ["T3", "T2", "T0", "T1", "*"]
    assert table["n"].tolist() == [11, 10, 9, 9, 39]
    assert table.loc["T2", "median_hours"] == 5
    assert np.isnan(table.loc[["T3", "T1"], "median_hours"]).all()
    assert table.loc["T3", ["acknowledge_n", "acknowledge_kept"]].tolist() == [11, 7]
    assert table.loc["T3", ["acknowledge_share", "acknowledge_lower", "acknowledge_upper"]].tolist() == [
        7 / 11,
        low,
        high,
    ]
    assert table.loc["T2", ["start_n", "start_kept"]].tolist() == [2, 1]
    assert np.isnan(table.loc["T2", "start_share"])
    assert table.loc["T1", ["n_confirmed", "n_not_found", "n_excluded", "n_open_result"]].tolist() == [4, 2, 2, 1]
    assert table.loc["*", ["returned", "rejected", "escalated", "reopened"]].tolist() == [2, 0, 9, 0]


def test_hits_by_hand():
    """By lane, and within it the gravest level first; excluded results and those to come are listed and not judged."""
    counts = ["confirmed"] * 3 + ["not_found"] * 7 + ["excluded", ""]
    rows = [told_of(2, level="yellow"), told_of(12, counts=counts), told_of(9, lane="rising", counts="confirmed")]
    table = hits(pd.concat(rows), ["red", "orange", "yellow"])

    assert table[["lane", "level"]].to_numpy().tolist() == [
        ["rising", "red"],
        ["standing", "red"],
        ["standing", "yellow"],
    ]
    assert table[["n_listed", "n_confirmed", "n_judged"]].to_numpy().tolist() == [[9, 9, 9], [12, 3, 10], [2, 0, 2]]
    assert table.loc[1, ["precision", "lower", "upper"]].tolist() == list(share_of(3, 10))
    assert np.isnan(table.loc[[0, 2], "precision"]).all()


def test_a_limit_is_kept_to_its_last_instant(ledger):
    """Two working hours from eight end at ten: acknowledged at ten is kept, a minute later is not; a period begins with its first instant."""
    first = published(ledger, 2, at="2025-03-03 00:00")
    for item_id, at in zip(first, ("2025-03-03 10:00", "2025-03-03 10:01"), strict=True):
        ledger.act(item_id, "acknowledge", ledger.actor("shift_leader"), at=at)
    day = Period("a day", *(pd.Timestamp(f"2025-03-0{n}", tz="Asia/Shanghai") for n in (3, 4)))
    before = Period("before", day.since - pd.Timedelta(days=1), day.since)
    told = cases(ledger, day, at=LATER).set_index("item_id")

    assert told.loc[first, "acknowledge"].tolist() == [1, 0]
    assert cases(ledger, before, at=LATER).empty


def test_holds_are_told_from_where_a_clock_began():
    """A hold that ended before is none, one that began before counts from there, one that lasts until now."""
    flow = SimpleNamespace(pausing={"suppressed"})
    day = pd.Timestamp("2025-03-03", tz="UTC")
    hour = [day + pd.Timedelta(hours=n) for n in range(12)]
    trail = [
        SimpleNamespace(at=hour[n], to_state=state)
        for n, state in ((0, "suppressed"), (1, "published"), (2, "suppressed"), (4, "published"), (5, "acknowledged"))
    ]
    trail += [SimpleNamespace(at=hour[n], to_state=state) for n, state in ((6, "suppressed"), (7, "suppressed"))]

    assert list(holds(trail, hour[3], hour[9], flow)) == [(hour[3], hour[4]), (hour[6], hour[9])]
    assert list(holds(trail, hour[4], hour[9], flow)) == [(hour[6], hour[9])]
    assert list(holds(trail[:5], hour[1], hour[9], flow)) == [(hour[2], hour[4])]


def test_a_mode_holds_from_its_switch_on():
    """At the instant of a switch the new mode holds, before the first the normal one."""
    day = pd.Timestamp("2025-03-03", tz="UTC")
    modes = [(day, "war"), (day + pd.Timedelta(hours=5), "normal")]

    asked = [mode_at(modes, day + pd.Timedelta(hours=n)) for n in (-1, 0, 4, 5)]
    assert asked == ["normal", "war", "war", "normal"]
