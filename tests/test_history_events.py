"""The one door to the past: events held at an instant, and the tables beside them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from towns.events import GRIDS, START, ZONE, logs, revision, table

from riskwarn.errors import DataError
from riskwarn.gaps import find_gaps
from riskwarn.gaps.evidence import Evidence
from riskwarn.history import History, Stream, memory
from riskwarn.history.facts import ROW_COLUMNS, together
from riskwarn.store import Store

CROSSWALK = pd.DataFrame(
    {
        "from_grid_id": ["OLD", "OLD", "G0", "A", "B"],
        "to_grid_id": ["G1", "G2", "OLD", "B", "A"],
        "effective_at": START,
        "weight": [0.75, 0.25, 1.0, 1.0, 1.0],
        "kind": ["split", "split", "rename", "rename", "rename"],
    }
)
STREAMS = [
    Stream("dispute"),
    Stream("police_call", ("P04",)),
    Stream("dispute", tag="weapon"),
    Stream("dispute", severity=2),
    Stream("police_call", border=True),
    Stream("dispute", linked=True),
    Stream("dispute", hours=(20, 6)),
    Stream("dispute", outcome="fail"),
]
moved = st.sampled_from(["G1", "G2", "G10", "OLD", "G0", "A", "NOWHERE", ""])


def day(n):
    return START + pd.Timedelta(days=n)


def of(rows):
    events = rows if isinstance(rows, pd.DataFrame) else table(rows)
    return History.of(events, GRIDS, until=day(60), tables={"crosswalk": CROSSWALK})


def held(history, at):
    """What is held, without the order of rows."""
    frame = history.events_at(at).frame()
    return frame.sort_values(["source", "event_id", "grid_id"], ignore_index=True)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(logs, st.lists(moved, min_size=30, max_size=30), st.integers(1, 55), st.sampled_from([3, 28, 365]))
def test_the_shares_of_held_events_add_up_to_the_count(rows, grids, n, days):
    """After splits, merges and renames the rows of a window add up, with their shares, to what the feature counts."""
    history = of(rows.assign(grid_id=[*rows["grid_id"][:2], *grids[2 : len(rows)]]))
    events = history.events_at(day(n))
    snapshot = history.at([day(n)])
    for stream in STREAMS:
        mine = events.take(history.select(events, stream))
        mine = mine.take((mine.occurred >= mine.at - days * 86_400_000_000) & (mine.grid >= 0))
        total = np.bincount(mine.grid, mine.weight, minlength=len(GRIDS))

        np.testing.assert_allclose(total, snapshot.count(stream, days)[:, 0], rtol=1e-6)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(logs, st.integers(3, 55), st.integers(0, 9))
def test_the_future_and_the_order_change_nothing_that_is_held(rows, n, seed):
    """Revisions known at the instant or later, and the order they are written in, leave what is held as it is."""
    known, shuffled = rows[rows["known_at"] < day(n)], rows.sample(frac=1, random_state=seed)

    whole = held(of(rows), day(n))
    pd.testing.assert_frame_equal(whole, held(of(known), day(n)))
    pd.testing.assert_frame_equal(whole, held(of(shuffled), day(n)))


def test_an_event_of_a_split_grid_stands_in_each_heir():
    """Each heir has a row with its share; who counts heads sees it once, in the larger; what leads nowhere has no grid."""
    history = of([revision(known=24, grid="OLD"), revision(event_id="b", known=24, grid="NOWHERE")])
    events = history.events_at(day(5))

    assert events.frame(("event_id", "grid_id", "weight")).fillna("-").to_numpy().tolist() == [
        ["a", "G1", 0.75],
        ["a", "G2", 0.25],
        ["b", "-", 1.0],
    ]
    assert events.largest().frame(("event_id", "grid_id")).fillna("-").to_numpy().tolist() == [["a", "G1"], ["b", "-"]]


def test_a_closing_of_tomorrow_has_not_come():
    """A revision that tells of a later closing shows the case open until then."""
    history = of([revision(known=24, closed=24 * 10)])

    assert history.events_at(day(5)).frame()["closed_at"].isna().all()
    assert history.events_at(day(12)).frame()["closed_at"].notna().all()


def test_a_part_of_a_city_holds_its_own_events():
    """The history of some grids holds their events, numbered as its grids are."""
    history = of([revision(known=24, grid="OLD"), revision(event_id="b", known=24, grid="G10")])
    part = history.part(np.array([1, 2]))

    assert held(part, day(5))[["event_id", "grid_id"]].to_numpy().tolist() == [["a", "G2"], ["b", "G10"]]


def test_a_history_cut_at_an_instant_keeps_what_held():
    """What was known before goes on holding; nothing later is counted at a later date."""
    history = of([revision(known=24), revision(event_id="b", known=240), revision(known=480, lag=456, retracted=True)])
    cut = history.known_before(day(5))

    assert cut.at([day(30)]).count(Stream("dispute"), 365)[0].tolist() == [1]
    with pytest.raises(DataError, match="counts"):
        cut.events_at(day(5))


@pytest.mark.parametrize("kept", [True, False])
def test_a_store_is_read_once_for_a_night(tmp_path, monkeypatch, kept):
    """A history loaded for a night hands out its events without reading the store again; one for training reads them once."""
    store = Store(tmp_path, timezone=ZONE)
    store.write("grids", GRIDS)
    store.write("events", table([revision(known=24)]))
    reads = []
    arrow = Store.arrow
    monkeypatch.setattr(Store, "arrow", lambda *a, **k: reads.append(a[1]) or arrow(*a, **k))
    history = History.load(store, as_of=day(3) if kept else None)
    loaded = reads.count("events")

    assert [len(history.events_at(day(d))) for d in (1, 2, 3)] == [0, 1, 1]
    assert reads.count("events") == loaded + (not kept)


def test_tables_tell_what_was_known_of_them():
    """A visit is known when it is told, a step when it was taken where nothing else is said; a receipt of tomorrow is blank."""
    visits = pd.DataFrame(
        {
            "visit_id": ["v", "w"],
            "started_at": [day(1), day(1)],
            "known_at": [day(2), day(9)],
            "grid_id": "G1",
        }
    )
    steps = pd.DataFrame(
        {
            "case_id": "c",
            "step": [1, 2, 3],
            "action": "assign",
            "at": [day(1), day(2), day(9)],
            "grid_id": "G1",
            "known_at": pd.Series([pd.NaT, day(8), pd.NaT]).dt.tz_convert(ZONE),
        }
    )
    calls = pd.DataFrame(
        {"call_id": ["x"], "to_org": "B", "sent_at": [day(1)], "received_at": [day(8)], "grid_id": "G1"}
    )
    tables = {"visits": visits, "workflow": steps, "diversions": calls, "crosswalk": CROSSWALK}
    history = History.of(table([revision(known=24)]), GRIDS, until=day(60), tables=tables)

    assert history.table_at("visits", day(5))["visit_id"].tolist() == ["v"]
    assert history.table_at("workflow", day(5))["step"].tolist() == [1]
    assert history.table_at("workflow", day(8) + pd.Timedelta(seconds=1))["step"].tolist() == [1, 2]
    assert history.table_at("diversions", day(5))["received_at"].isna().all()
    assert len(history.table_at("crosswalk", START)) == len(CROSSWALK)
    assert history.table_at("roster", day(5)) is None


def test_a_midnight_that_clocks_skip_is_the_first_instant_after_it():
    """Gaps, counts and held events take a night whose midnight never was, in Santiago, for its first instant."""
    zone, night = "America/Santiago", "2024-09-08"
    at = pd.date_range("2024-05-01", periods=130, freq="D", tz="UTC").as_unit("us")
    events = pd.DataFrame(
        {
            "source": "dispute",
            "event_id": [f"e{i}" for i in range(130)],
            "known_at": at,
            "occurred_at": at,
            "grid_id": "G1",
            "category": "D02",
        }
    )
    history = History.of(events, GRIDS, timezone=zone)
    first = pd.Timestamp("2024-09-08 01:00", tz=zone)

    assert Evidence(history, night).as_of == first
    assert len(history.events_at(night)) == len(history.events_at(first))
    assert set(find_gaps(history, as_of=night)["as_of"]) == {first}


def test_a_column_of_the_log_is_held_once():
    """A column that was read as numbers is let go, and what it says stays the same."""
    log = of([revision(event_id="a", category="D02"), revision(event_id="b", category="D07")]).log
    codes, words = log.coded("category")
    times = log.times("occurred_at")

    assert {"category", "occurred_at"} & set(log.columns) == set()
    assert [*words[codes]] == ["D02", "D07"]
    assert log.coded("category")[0] is codes
    assert log.times("occurred_at") is times
    assert log.coded("category")[0].itemsize == 1


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(logs)
def test_rows_of_several_streams_are_joined_column_by_column(rows):
    """Rows of two streams stand by grid, those of one grid stream by stream; a part keeps no copy of what was joined."""
    history = of(rows)
    parts = [history.rows("cases", Stream(source)) for source in history.sources] * 2
    parts = [part[np.arange(len(part))] for part in parts]
    joined = together(parts)
    columns = {name: getattr(joined, name) for name in ROW_COLUMNS}

    assert [set(vars(part)) & set(ROW_COLUMNS) for part in parts] == [set()] * len(parts)
    order = np.argsort(np.concatenate([part.grid for part in parts]), kind="stable")
    for name, column in columns.items():
        np.testing.assert_array_equal(column, np.concatenate([getattr(part, name) for part in parts])[order])


@pytest.mark.parametrize("lacking", [AttributeError, OSError, TypeError])
def test_where_nothing_can_be_given_back_nothing_happens(monkeypatch, lacking):
    """Memory is given back where the system can do it; elsewhere a night goes on as it is."""

    def refuse(name):
        raise lacking

    monkeypatch.setattr(memory.ctypes, "CDLL", refuse)

    assert memory.give_back() is None
