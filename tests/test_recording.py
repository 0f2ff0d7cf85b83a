"""Changes of recording: two sides that agree are told, one side alone is not, and quiet years stay quiet."""

import numpy as np
import pandas as pd
import pytest

from riskwarn import monitoring
from riskwarn.history import History
from riskwarn.ingest import check
from riskwarn.lumps import lumps
from riskwarn.recording import campaign, fault_of, moved, recoded
from riskwarn.store import Store

ZONE = "Asia/Shanghai"
FIRST = pd.Timestamp("2022-01-01", tz=ZONE)


def weeks(rates, n=70, seed=0):
    """(areas, n) negative binomial weeks of half again Poisson's variance."""
    rng = np.random.default_rng(seed)
    mean = np.broadcast_to(np.asarray(rates, dtype=float)[:, None], (len(rates), n))
    return rng.negative_binomial(mean / 0.5, 1 / 1.5).astype(float)


def into(counts, gone, came, week):
    """Everything of one area recorded under another from a week on."""
    counts = counts.copy()
    counts[came, week:] += counts[gone, week:]
    counts[gone, week:] = 0
    return counts


def events_of(daily, *, grid="G1", source="hotline", category="noise", severity=0, start=0):
    """Events of one grid and category, `daily` a day from day `start` on."""
    day = np.repeat(np.arange(len(daily)), daily) + start
    at = FIRST + pd.to_timedelta(day * 86400 + 1000 + np.arange(len(day)) % 70_000, unit="s")
    name = f"{source}{grid}{category}{severity}{start}-"
    columns = {"source": source, "event_id": [f"{name}{i}" for i in range(len(day))], "known_at": at, "occurred_at": at}
    return pd.DataFrame(columns | {"grid_id": grid, "category": category, "severity": severity})


def history_of(*parts, days, counties=None, without="", tables=None):
    events = pd.concat(parts, ignore_index=True)
    for column in ("known_at", "occurred_at"):
        events[column] = events[column].dt.as_unit("us")
    ids = sorted(set(events["grid_id"]) - {without})
    grids = pd.DataFrame({"grid_id": ids, "valid_from": FIRST - pd.Timedelta(days=9)})
    if counties:
        grids["county_id"] = [counties[g] for g in ids]
    return History.of(events, grids, timezone=ZONE, until=FIRST + pd.Timedelta(days=days), tables=tables)


def told(history, day):
    """The loud marks of a night by scope, and what they say."""
    night = FIRST + pd.Timedelta(days=day)
    marks = monitoring.check(history, None, night)
    loud = marks[marks["state"].isin(["warn", "alarm"])]
    return loud.set_index("scope"), monitoring.in_words(loud).tolist()


@pytest.mark.parametrize("since", [4, 12, 39])
def test_an_area_dissolved_into_another_is_linked_to_it(since):
    """As long as it lasts, from four weeks to nine months on, an area of four records a week is said to be under the one that took over."""
    rates = [4.0, 6.0, 10.0, 3.0, 20.0, 5.0, 8.0, 4.0]
    found = moved(into(weeks(rates, n=70), 0, 1, 70 - since))

    assert [(m.area, m.heirs, m.shares) for m in found] == [(0, (1,), (1.0,))]
    assert abs(found[0].weeks - since) <= 1
    assert found[0].observed == 0


def test_an_area_split_among_two_names_both_with_their_shares():
    """Shares add up to one, the larger first."""
    counts = weeks([12.0, 6.0, 10.0, 5.0, 8.0, 20.0], n=80)
    counts[1, 60:] += np.round(counts[0, 60:] * 2 / 3)
    counts[2, 60:] += np.round(counts[0, 60:] / 3)
    counts[0, 60:] = 0
    found = moved(counts)

    assert [(m.area, m.heirs) for m in found] == [(0, (1, 2))]
    assert found[0].shares == pytest.approx((0.67, 0.33), abs=0.1)
    assert sum(found[0].shares) == pytest.approx(1, abs=0.011)


def test_only_neighbours_take_over_where_they_are_known():
    """Of two areas that rose by as much the one beside is the heir; where it is not among those that rose, the area is gone and no heir is made up."""
    counts = weeks([8.0, 9.0, 10.0, 30.0, 25.0, 40.0], n=80)
    counts[1, 60:] += counts[0, 60:]
    counts[2, 60:] += counts[0, 60:]
    counts[0, 60:] = 0
    near, far = (
        [(fault_of(m), m.heirs) for m in moved(counts, beside=b)]
        for b in (lambda _: np.array([2]), lambda _: np.array([3]))
    )

    assert near == [("moved", (2,))]
    assert far[0] == ("gone", ())


def test_a_feed_that_stops_and_a_season_move_no_area():
    """What all areas share is nobody's move: a feed at nothing for six weeks, and one at a half, tell none."""
    counts = weeks([12.0, 16.0, 30.0, 5.0], n=80)
    stopped, halved = counts.copy(), counts.copy()
    stopped[:, 74:] = 0
    halved[:, 60:] = np.floor(halved[:, 60:] / 2)

    assert moved(stopped) == moved(halved) == []


def test_areas_that_nothing_happened_to_are_not_accused():
    """Over sixty quiet worlds of thirty areas from one to forty records a week none moves and none turns."""
    rates = np.geomspace(1, 40, 30)

    assert [m for seed in range(60) for m in moved(weeks(rates, n=110, seed=seed))] == []


def test_a_large_steady_area_that_turns_is_told_for_a_quarter():
    """An area of twenty a week at a third is told while it is news, and is usual after thirteen weeks; a small one is not."""
    counts = weeks([20.0, 2.0, 30.0, 40.0, 25.0, 30.0], n=90)
    counts[:2, 78:] = np.floor(counts[:2, 78:] / 3)
    later = weeks([20.0, 2.0, 30.0, 40.0, 25.0, 30.0], n=90)
    later[:2, 70:] = np.floor(later[:2, 70:] / 3)

    assert [(m.area, m.heirs, m.weeks) for m in moved(counts)] == [(0, (), 12)]
    assert moved(later) == []


def test_a_category_whose_code_changed_is_told_with_the_new_one():
    """One that falls to a tenth while another rises by as much is paired with it; a fall alone, and a rise alone, are not."""
    mix = weeks([50.0, 40.0, 90.0], n=16, seed=4)
    recoded_mix, fallen, risen = mix.copy(), mix.copy(), mix.copy()
    recoded_mix[:, -1] = [5.0, 86.0, 92.0]
    fallen[:, -1] = [5.0, 40.0, 92.0]
    risen[:, -1] = [50.0, 90.0, 92.0]

    assert [(s.gone, s.came) for s in recoded(recoded_mix)] == [(0, 1)]
    assert recoded(fallen) == recoded(risen) == []


def test_the_data_check_tells_grids_that_turned_and_a_campaign_of_one_county(tmp_path):
    """`check` says that a large steady grid fell to a third with no other to make up for it, and that one county of two reports twice as much; nothing of the other grids."""
    rng = np.random.default_rng(3)
    turned = np.where(np.arange(400) < 344, 3.0, 1.0)
    parts = [events_of(rng.poisson(rate, 400), grid=g) for g, rate in {"B": 3.0, "C": 2.0, "D": 4.0, "E": 3.0}.items()]
    parts.append(events_of(rng.poisson(turned), grid="A"))
    twice = np.where(np.arange(400) < 372, 6, 13)
    parts += [events_of(rng.poisson(twice), source="petition", grid="A")]
    parts += [events_of(rng.poisson(6, 400), source="petition", grid="D")]
    parts += [events_of(rng.poisson(1, 400), source="petition", grid=g, category="fight", severity=2) for g in "AD"]
    store = Store(tmp_path, timezone=ZONE)
    grids = pd.DataFrame({"grid_id": [*"ABCDE"], "valid_from": FIRST - pd.Timedelta(days=9), "county_id": [*"KKKLL"]})
    store.write("grids", grids)
    store.write("events", pd.concat(parts, ignore_index=True))
    words = check(store).words("en")

    assert [line for line in words if "a large and steady grid" in line and "grid A" in line]
    assert not [line for line in words if "a large and steady grid" in line and "grid A" not in line]
    assert [line for line in words if "ask for a campaign" in line and "county K" in line]
    assert not [line for line in words if "ask for a campaign" in line and "county K" not in line]


def test_reporting_that_doubles_without_serious_records_is_a_campaign():
    """The witness decides: serious records as before tell a campaign, serious records that double too tell none, few of them tell nothing."""
    blocks = np.array([200.0, 190, 210, 205, 195, 200, 190, 210, 200, 195, 400])
    calm, along = np.full(11, 40.0), np.r_[np.full(10, 40.0), 80.0]
    few = np.r_[np.full(10, 2.0), 2.0]

    assert campaign(blocks, [calm]).observed == 400
    assert campaign(blocks, [along]) is None
    assert campaign(blocks, [few]) is None
    assert campaign(blocks[:-1], [calm[:-1]]) is None
    assert campaign(blocks, [np.zeros(11)]) is None


@pytest.mark.parametrize(("came", "told"), [(10.0, True), (14.0, False), (20.0, False)])
def test_ten_serious_records_are_enough_of_a_witness(came, told):
    """Of a county's ten serious records in four weeks, ten again deny that incidents doubled; four more say nothing either way."""
    blocks = np.array([500.0, 480, 520, 510, 490, 500, 480, 520, 500, 490, 1000])
    serious = np.array([10.0, 9, 12, 11, 8, 10, 12, 9, 10, 9, came])
    assert (campaign(blocks, [serious]) is not None) == told


def test_a_monthly_feed_is_held_against_its_months():
    """Twelve like months are no surprise, a third of a month is; a daily and a rare feed come in no lumps."""
    rng = np.random.default_rng(1)
    month = np.zeros(360)
    month[29::30] = rng.poisson(3100, 12)
    cut = month.copy()
    cut[-1] = 964

    assert [lump.p > 0.05 for lump in lumps(month)] == [True] * 10
    assert (lumps(cut)[-1].observed, lumps(cut)[-1].p < 1e-3) == (964, True)
    assert lumps(rng.poisson(3, 360)) == lumps(rng.poisson(0.05, 360)) == []


def test_the_night_says_that_a_grid_was_dissolved_and_the_crosswalk_row_that_mends_it():
    """The night and its sentence name both grids, the share and the day; with the grid ended and the row in the crosswalk nothing is told."""
    rng = np.random.default_rng(2)
    parts = [events_of(rng.poisson(rate, 400), grid=g) for g, rate in {"B": 1.0, "C": 3.0, "D": 2.0}.items()]
    parts += [events_of(rng.poisson(1.2, 300), grid="A"), events_of(rng.poisson(1.2, 100), grid="B", start=300)]
    parts[-1]["event_id"] += "later"
    row = {"from_grid_id": ["A"], "to_grid_id": ["B"], "weight": [1.0], "kind": ["merge"]}
    crosswalk = pd.DataFrame(row).assign(effective_at=FIRST + pd.Timedelta(days=300))
    marks, words = told(history_of(*parts, days=400), 400)
    mended, _ = told(history_of(*parts, days=400, without="A", tables={"crosswalk": crosswalk}), 400)

    assert marks.loc["feed:hotline@grid:A>B", ["monitor", "state", "fault"]].tolist() == ["recording", "alarm", "moved"]
    assert any("from_grid_id A, to_grid_id B, effective_at 2022-10-" in line for line in words)
    assert [scope for scope in mended.index if "grid:" in scope] == []


def test_a_county_that_changes_its_codes_is_told_and_not_the_city():
    """Where one county of three writes noise as water, its own mark says so; the city's mix hardly moved and says nothing."""
    rng = np.random.default_rng(3)
    parts = [
        events_of(rng.poisson(3, 450 - 45 * (g == "A" and c == "noise")), grid=g, category=c)
        for g in "ABC"
        for c in ("noise", "water")
    ]
    parts.append(events_of(rng.poisson(3, 45), grid="A", category="water", start=405))
    parts[-1]["event_id"] += "later"
    marks, words = told(history_of(*parts, days=450, counties={"A": "C1", "B": "C2", "C": "C3"}), 450)

    assert "feed:hotline/county:C1@noise>water" in marks.index
    assert [scope for scope in marks.index if scope.startswith("feed:hotline@noise")] == []
    assert any("a category changed its code" in line for line in words)


def test_a_campaign_is_told_as_one():
    """Twice the small matters for four weeks beside as many serious ones is a warning that asks for a campaign."""
    rng = np.random.default_rng(4)
    parts = [events_of(rng.poisson(np.where(np.arange(400) < 372, 8, 17)), grid=g) for g in "AB"]
    parts.append(events_of(rng.poisson(3, 400), grid="A", category="fight", severity=2))
    marks, words = told(history_of(*parts, days=400), 400)

    assert marks.loc["feed:hotline@reporting", ["state", "fault"]].tolist() == ["warn", "campaign_serious"]
    assert any("ask for a campaign" in line for line in words)


def test_a_county_that_falls_silent_is_told_by_itself():
    """A county that brings nothing while the others go on is an alarm of its own; what all of them lack is the city's alone."""
    rng = np.random.default_rng(5)
    alone = [events_of(rng.poisson(6, 295 if g == "A" else 300), grid=g) for g in "ABC"]
    marks, _ = told(history_of(*alone, days=300, counties={"A": "C1", "B": "C2", "C": "C3"}), 300)

    assert marks.loc["feed:hotline/county:C1", ["state", "fault"]].tolist() == ["alarm", "fewer"]
    assert {"feed:hotline/county:C2", "feed:hotline/county:C3"} & {*marks.index} == set()


def test_a_monthly_feed_alarms_on_no_night_but_that_of_a_partial_month():
    """Two years of months tell nothing on any night once three are known; a month at a third is an alarm two nights later, for a week."""
    rng = np.random.default_rng(6)
    daily = np.zeros(730, dtype=int)
    daily[29::30] = rng.poisson(120, 24)
    daily[719] = 37
    history = history_of(events_of(daily), days=730)
    nights = monitoring.replay(history)
    loud = nights[nights["state"].isin(["warn", "alarm"])]
    marks, words = told(history, 725)

    assert [int((at - FIRST).days) for at in loud.index] == list(range(722, 729))
    assert {*loud["fault"]} == {"partial"}
    assert marks.loc["feed:hotline", ["state", "fault"]].tolist() == ["alarm", "partial"]
    assert any("ask the provider for the rest" in line for line in words)


def test_the_data_check_says_the_same_with_the_remedy(tmp_path):
    """`check` links a dissolved grid and names the row, in both languages, until the crosswalk has it and the grid has ended; and says that a cut month is small."""
    rng = np.random.default_rng(7)
    parts = [events_of(rng.poisson(rate, 400), grid=g) for g, rate in {"B": 1.0, "C": 3.0, "D": 2.0}.items()]
    parts += [events_of(rng.poisson(1.2, 300), grid="A"), events_of(rng.poisson(1.2, 100), grid="B", start=300)]
    parts[-1]["event_id"] += "later"
    month = np.zeros(400, dtype=int)
    month[9::30] = [310] * 13 + [96]
    store = Store(tmp_path, timezone=ZONE)
    store.write("grids", pd.DataFrame({"grid_id": [*"ABCD"], "valid_from": FIRST - pd.Timedelta(days=9)}))
    store.write("events", pd.concat([*parts, events_of(month, source="petition", grid="C")], ignore_index=True))
    report = check(store)
    row = {"from_grid_id": ["A"], "to_grid_id": ["B"], "weight": [1.0], "kind": ["merge"]}
    store.write("crosswalk", pd.DataFrame(row).assign(effective_at=FIRST + pd.Timedelta(days=300)))
    still = set(check(store).remarks["kind"])
    ended = {"grid_id": ["A"], "valid_from": FIRST - pd.Timedelta(days=9), "valid_to": FIRST + pd.Timedelta(days=300)}
    store.write("grids", pd.DataFrame(ended))

    assert any("from_grid_id A, to_grid_id B" in line for line in report.words("en"))
    assert any("from_grid_id A、to_grid_id B" in line for line in report.words("zh"))
    assert any("the newest delivery is small: 96 records, usually about 310" in line for line in report.words("en"))
    assert "moved" in still
    assert "moved" not in set(check(store).remarks["kind"])
