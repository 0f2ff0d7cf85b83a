"""What was known when: revisions, grids that change, clocks, and the two ways to count."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from towns.events import AS_OF, GRIDS, START, ZONE, crowd, hours, revision, table

from riskwarn.errors import DataError, DefinitionError, StaleDataError
from riskwarn.history import DAY_US, NEVER, History, Stream, kernel
from riskwarn.history.facts import facts_of
from riskwarn.history.kernel import Axis, Cells
from riskwarn.history.sorting import radix_order
from riskwarn.store import Store

DISPUTE = Stream("dispute")


def counts(rows, dates, *, days=365, grids=GRIDS, stream=DISPUTE, **more):
    history = History.of(table(rows), grids, until=dates[-1], **more)
    return history.at(dates).count(stream, days)


def day(n, h=0):
    return START + pd.Timedelta(days=n, hours=h)


def test_a_revision_holds_until_the_next_is_known():
    """An event moves to its new grid at the instant after the revision is known, and not before."""
    rows = [revision(known=24), revision(known=240, lag=216, grid="G2")]

    assert counts(rows, [day(1), day(1, 1), day(10), day(10, 1)]).T.tolist() == [
        [0, 0, 0],
        [1, 0, 0],
        [1, 0, 0],
        [0, 0, 1],
    ]


def test_a_change_of_category_moves_between_streams():
    """The newest known category decides, at each date its own."""
    rows = [revision(known=24, category="D02"), revision(known=240, lag=216, category="D07")]
    dates = [day(5), day(15)]

    assert counts(rows, dates, stream=Stream("dispute", ("D02",)))[0].tolist() == [1, 0]
    assert counts(rows, dates, stream=Stream("dispute", ("D07",)))[0].tolist() == [0, 1]


def test_a_change_of_severity_is_seen_when_known():
    """An event turns serious when that is known."""
    rows = [revision(known=24), revision(known=240, lag=216, severity=3)]

    assert counts(rows, [day(5), day(15)], stream=Stream("dispute", severity=2))[0].tolist() == [0, 1]


def test_a_retracted_event_is_gone_and_may_come_back():
    """A retraction withdraws what was known until then; a later revision restores it."""
    rows = [revision(known=24), revision(known=240, lag=216, retracted=True), revision(known=480, lag=456)]

    assert counts(rows, [day(5), day(15), day(25)])[0].tolist() == [1, 0, 1]


def test_a_window_is_exact_to_the_second():
    """An event of exactly `days` ago still counts, one of a microsecond more does not."""
    events = table([revision(known=0), revision(event_id="b", known=0)])
    events.loc[1, ["known_at", "occurred_at"]] = START - pd.Timedelta(microseconds=1)
    history = History.of(events, GRIDS, until=day(7))

    assert history.at([day(7)]).count(DISPUTE, 7)[0, 0] == 1
    assert history.at([START]).count(DISPUTE, 7)[0, 0] == 1


def test_an_event_of_tomorrow_is_not_counted_today():
    """An event known before it occurs counts once it has occurred."""
    assert counts([revision(known=24, lag=-48)], [day(2), day(3), day(3, 1)])[0].tolist() == [0, 0, 1]


def test_unplaced_events_count_nowhere_until_placed():
    """An event without a grid is in no grid; when it is placed it is."""
    rows = [revision(known=24, grid=""), revision(known=240, lag=216, grid="G2")]

    assert counts([*rows, revision(event_id="z", known=1)], [day(5), day(15)]).sum(axis=0).tolist() == [1, 2]


def test_sensitive_categories_are_never_counted():
    """Events of the categories that are no feature are in no stream."""
    rows = [revision(known=24, category="D98"), revision(event_id="b", known=24)]

    assert counts(rows, [day(5)])[0, 0] == 1


def test_open_and_overdue_follow_each_revision():
    """A case is open until its closing is known and past, overdue from its due time on."""
    rows = [revision(known=24, due=48), revision(known=240, lag=216, due=-168, closed=200)]
    history = History.of(table(rows), GRIDS, until=day(20))
    snapshot = history.at([day(2), day(4), day(9, 12), day(11)])

    assert snapshot.open(DISPUTE)[0].tolist() == [1, 1, 1, 0]
    assert snapshot.overdue(DISPUTE)[0].tolist() == [0, 1, 1, 0]
    assert snapshot.closed(DISPUTE, 28)[0].tolist() == [0, 0, 0, 1]


CROSSWALK = pd.DataFrame(
    {
        "from_grid_id": ["OLD", "OLD", "G0", "A", "B"],
        "to_grid_id": ["G1", "G2", "OLD", "B", "A"],
        "effective_at": START,
        "weight": [0.75, 0.25, 1.0, 1.0, 1.0],
        "kind": ["split", "split", "rename", "rename", "rename"],
    }
)


def test_counts_of_old_grids_are_carried_and_conserved():
    """Events of a grid that was split go to its heirs by their shares, through several changes; a circle places nothing."""
    rows = [revision(event_id=f"e{i}", known=24, grid=g) for i, g in enumerate(["OLD", "OLD", "G0", "A", "G1"])]
    found = counts(rows, [day(5)], tables={"crosswalk": CROSSWALK})[:, 0]

    assert found.tolist() == [1 + 3 * 0.75, 0, 3 * 0.25]
    assert found.sum() == 4


def test_a_store_reads_the_grids_of_the_date(tmp_path):
    """Grids valid at as_of are used, and changes after it are not yet applied."""
    store = Store(tmp_path, timezone=ZONE)
    split = day(10)
    old = pd.DataFrame({"grid_id": ["OLD"], "valid_from": [START - hours(99)], "valid_to": [split]})
    new = pd.DataFrame({"grid_id": ["G1", "G2"], "valid_from": [split, split]})
    store.write("grids", pd.concat([old, new], ignore_index=True))
    store.write("crosswalk", CROSSWALK.iloc[:2].assign(effective_at=split))
    store.write("events", table([revision(known=24, grid="OLD"), revision(event_id="b", known=24 * 20, grid="G1")]))

    before, after = (History.load(store, as_of=at).at([at]) for at in (day(5), day(20, 1)))

    assert before.history.grids["grid_id"].tolist() == ["OLD"]
    assert before.count(DISPUTE, 30)[:, 0].tolist() == [1]
    assert after.count(DISPUTE, 30)[:, 0].tolist() == [1.75, 0.25]


def test_dates_mean_local_midnight_and_instants_themselves():
    """One instant named in three ways is one date; clocks of other zones are understood."""
    history = History.of(crowd(60), GRIDS)
    named = [
        "2025-02-10",
        pd.Timestamp("2025-02-09 16:00", tz="UTC"),
        pd.Timestamp("2025-02-09 17:00", tz="Europe/Berlin"),
    ]

    snapshots = [history.at([at]) for at in named]

    assert len({s.micros[0] for s in snapshots}) == 1
    assert snapshots[0].local[0] == pd.Timestamp("2025-02-10", tz=ZONE)


def test_tables_of_mixed_zones_are_refused():
    """A column whose times stand on several clocks, or on none, is refused with its name."""
    events = table([revision(known=1), revision(event_id="b", known=2)])
    mixed = events.assign(
        known_at=pd.Series([events["known_at"][0], events["known_at"][1].tz_convert("UTC")], dtype=object)
    )

    with pytest.raises(DataError, match="'known_at': wanted timezone-aware timestamps, found object"):
        History.of(mixed, GRIDS)
    with pytest.raises(DataError, match="timestamps have no time zone"):
        History.of(events.assign(known_at=events["known_at"].dt.tz_localize(None)), GRIDS)


def test_a_change_of_clocks_bends_no_count():
    """Weekly local midnights over a change of clocks are unequal steps, and each date counts as it does alone."""
    zone = "America/New_York"
    rng = np.random.default_rng(1)
    at = pd.Timestamp("2025-01-01", tz=zone) + pd.to_timedelta(rng.integers(0, 120 * 24, 400), "h")
    events = pd.DataFrame(
        {
            "source": "dispute",
            "event_id": [f"e{i}" for i in range(400)],
            "known_at": at,
            "occurred_at": at,
            "grid_id": "G1",
            "category": "D02",
        }
    )
    history = History.of(events, GRIDS, timezone=zone)
    dates = list(pd.date_range("2025-02-10", periods=9, freq="7D"))
    many = history.at(dates)

    assert len(np.unique(np.diff(many.micros))) == 2
    for t, date in enumerate(dates):
        local = date.tz_localize(zone)
        wanted = ((events["occurred_at"] < local) & (events["occurred_at"] >= local - pd.Timedelta(days=7))).sum()
        assert many.count(DISPUTE, 7)[0, t] == wanted == history.at([date]).count(DISPUTE, 7)[0, 0]


def test_a_midnight_that_does_not_exist_is_the_first_instant_after():
    """Where clocks skip midnight the date begins at one o'clock."""
    events = table([revision(known=0)]).assign(
        known_at=pd.Timestamp("2018-11-01", tz="UTC"), occurred_at=pd.Timestamp("2018-11-01", tz="UTC")
    )
    history = History.of(events, GRIDS, timezone="America/Sao_Paulo", until="2018-11-05")

    assert history.at(["2018-11-04"]).local[0].hour == 1


def test_dates_must_be_in_order_and_within_the_data():
    """No date, a date twice, dates out of order and dates after the data are refused."""
    history = History.of(crowd(30, n_days=20), GRIDS)
    for dates in ([], [AS_OF, AS_OF], [AS_OF, AS_OF - hours(24)]):
        with pytest.raises(DataError, match="increasing and distinct"):
            history.at(dates)
    with pytest.raises(StaleDataError, match="nothing is known for as_of"):
        history.at(["2026-01-01"])


def test_tables_that_make_no_history_are_refused():
    """No event, two versions of one grid, and an unknown source are refused."""
    with pytest.raises(DataError, match="no rows"):
        History.of(crowd(5).iloc[:0], GRIDS)
    with pytest.raises(DataError, match="several versions of grid 'G1'"):
        History.of(crowd(5), pd.concat([GRIDS, GRIDS.assign(valid_from=AS_OF)], ignore_index=True))
    with pytest.raises(DefinitionError, match=r"no source 'disputes' .did you mean 'dispute'"):
        History.of(crowd(5), GRIDS).at([AS_OF - hours(24 * 30)]).count(Stream("disputes"), 7)


def test_select_and_rows_agree():
    """The indices of a stream and its rows are the same events."""
    history = History.of(crowd(200), GRIDS)
    for stream in (
        DISPUTE,
        Stream("dispute", ("D02", "D07")),
        Stream("police_call", tag="weapon"),
        Stream("dispute", hours=(20, 6)),
    ):
        picked = history.facts[history.select(history.facts, stream)]
        rows = history.rows("facts", stream)
        assert sorted(zip(picked.grid, picked.start, strict=True)) == sorted(zip(rows.grid, rows.start, strict=True))
        assert (np.diff(rows.grid) >= 0).all()


def punctual(n=300, *, closing=True):
    rng = np.random.default_rng(2)
    occurred = np.sort(START.value // 1000 + rng.integers(0, 90 * 86_400, n) * 1_000_000)
    closed = occurred + rng.integers(0, 40 * 86_400, n) * 1_000_000
    gone = rng.random(n) < 0.2
    return pa.table(
        {
            "source": ["dispute"] * n,
            "category": rng.choice(["D02", "D07"], n),
            "grid_id": rng.choice(GRIDS["grid_id"], n),
            "occurred_at": pa.array(occurred, pa.timestamp("us", "UTC")),
            "closed_at": pa.array(closed, pa.timestamp("us", "UTC"), mask=gone if closing else np.ones(n, dtype=bool)),
        }
    )


def test_a_punctual_log_is_one_of_revisions():
    """A log of one row an event gives what its revisions give: opened when it occurs, closed when it is closed."""
    log = punctual()
    frame = log.to_pandas()
    opened = frame.assign(event_id=[f"e{i}" for i in range(len(frame))], known_at=frame["occurred_at"])
    done = opened[opened["closed_at"].notna() & (opened["closed_at"] > opened["occurred_at"])]
    both = pd.concat(
        [
            opened.assign(closed_at=opened["closed_at"].where(opened["closed_at"] <= opened["occurred_at"])),
            done.assign(known_at=done["closed_at"]),
        ],
        ignore_index=True,
    )
    dates = [day(d) for d in (20, 50, 51, 89)]
    short = History.punctual(log, GRIDS, timezone="Asia/Shanghai", until=dates[-1]).at(dates)
    long = History.of(both, GRIDS, timezone="Asia/Shanghai", until=dates[-1]).at(dates)

    for method in (
        lambda s: s.count(DISPUTE, 28),
        lambda s: s.open(DISPUTE),
        lambda s: s.days_since(DISPUTE),
        lambda s: s.handling(DISPUTE, 28),
        lambda s: s.decayed(DISPUTE, 9),
    ):
        np.testing.assert_allclose(method(short), method(long), rtol=1e-6)


def test_a_punctual_log_needs_a_clock():
    """Times without a zone are refused."""
    log = punctual().set_column(3, "occurred_at", pa.array(np.zeros(300, np.int64), pa.timestamp("us")))

    with pytest.raises(DataError, match="a punctual log needs rows"):
        History.punctual(log, GRIDS, timezone="Asia/Shanghai")


def test_results_are_read_only():
    """What a snapshot keeps for the next feature cannot be changed by the one before."""
    snapshot = History.of(crowd(30), GRIDS).at([day(20)])

    with pytest.raises(ValueError, match="read-only"):
        snapshot.count(DISPUTE, 28)[0, 0] = 9


@given(st.lists(st.integers(0, 2**40), max_size=200))
def test_radix_order_is_the_stable_order(keys):
    """Sorting by digits gives numpy's stable order."""
    key = np.array(keys, dtype=np.int64)

    assert radix_order(key).tolist() == np.argsort(key, kind="stable").tolist()


rows_of = st.lists(
    st.tuples(st.integers(0, 3), st.integers(-50, 60), st.integers(0, 80), st.integers(-90, 40), st.booleans()),
    max_size=25,
)
dates_of = st.one_of(
    st.builds(
        lambda first, step, n: [first + step * k for k in range(n)],
        st.integers(-20, 20),
        st.integers(1, 9),
        st.integers(1, 9),
    ),
    st.lists(st.integers(-20, 60), min_size=1, max_size=8, unique=True).map(sorted),
)


@pytest.mark.skipif(kernel.compiled() is None, reason="the package was built without a compiler")
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows_of, dates_of, st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0]), st.booleans())
def test_the_compiled_way_is_the_numpy_way(rows, dates, q, whole):
    """Both ways to count agree on any rows and dates: counts and days exactly, sums and quantiles to 1e-6."""
    unit = DAY_US // 3
    rows = sorted(rows)
    cell = np.array([r[0] for r in rows], dtype=np.int64)
    start = np.array([r[1] for r in rows], dtype=np.int64) * unit
    end = np.array([NEVER if r[4] else (r[1] + r[2]) * unit for r in rows], dtype=np.int64)
    occurred = np.array([r[3] for r in rows], dtype=np.int64) * unit
    weight = np.linspace(0.25, 1, len(rows)).astype(np.float32)
    axis, cells = Axis(np.array(dates, dtype=np.int64) * unit), Cells.of(cell, 4)
    jobs = [
        lambda out: kernel.count(axis, cells, start, end, out),
        lambda out: kernel.count(axis, cells, start, end, out, weight=weight),
        lambda out: kernel.count(axis, cells, start, end, out, anchor=occurred, ago=7 * unit, length=30 * unit),
        lambda out: kernel.since(axis, cells, start, end, occurred, out, whole=whole),
        lambda out: kernel.faded(axis, cells, start, end, occurred, out, rate=1e-12),
        lambda out: kernel.faded(axis, cells, start, end, occurred, out, rate=1e-12, weight=weight),
        lambda out: kernel.quantile(axis, cells, start, end, occurred / unit, out, q=q),
    ]
    for number, job in enumerate(jobs):
        both = [np.full((4, len(dates)), -1, np.float32) for _ in range(2)]
        job(both[0])
        with numpy_alone():
            job(both[1])
        np.testing.assert_allclose(
            *both, rtol=0 if number in {0, 2, 3} else 1e-5, atol=0 if number in {0, 2, 3} else 1e-6, err_msg=str(number)
        )


class numpy_alone:  # noqa: N801 - reads as a sentence
    def __enter__(self):
        self.kept = kernel.compiled
        kernel.compiled = lambda: None

    def __exit__(self, *_):
        kernel.compiled = self.kept


def test_features_do_not_need_a_compiler():
    """A process without the compiled kernel gives the same numbers."""
    script = (
        "import numpy as np; from towns.events import *; from test_leakage import FEATURES; from riskwarn.history import History, kernel;"
        "s = History.of(crowd(200), GRIDS).at([AS_OF, AS_OF + hours(100)]);"
        "print(kernel.compiled() is None, [round(float(np.nansum(f.compute(s))), 3) for f in FEATURES])"
    )
    here = str(Path(__file__).parent)
    said = []
    for way in ("", "numpy"):
        path = os.pathsep.join([here, *sys.path])
        run = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "RISKWARN_KERNEL": way, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        )
        said.append(run.stdout.split(" ", 1))

    assert said[1][0] == "True"
    assert said[0][1] == said[1][1]


def test_a_column_of_chosen_rows_is_copied_when_it_is_asked_for():
    """Rows chosen by number, by mask and from chosen rows hold what all columns hold there; one array stays one, a constant takes no memory, and what nobody asks for is not there."""
    times = np.array([30, 10, 20, 40])
    facts = facts_of(words={}, grid=np.arange(4, dtype=np.int32), start=times, occurred=times + 1)
    chosen = facts[np.array([3, 0, 1])]
    masked, again = facts[np.array([True, False, True, False])], chosen[np.array([2, 0])]

    assert not {"start", "occurred", "closed"} & set(vars(chosen))
    assert chosen.start.tolist() == [40, 30, 10]
    assert chosen.known is chosen.start
    assert (chosen.closed.strides, chosen.closed.tolist()) == ((0,), [NEVER] * 3)
    assert masked.occurred.tolist() == [31, 21]
    assert (again.start.tolist(), len(again)) == ([10, 40], 2)
    assert "occurred" not in vars(chosen)
    assert replace(again, end=again.start).end.tolist() == [10, 40]
    with pytest.raises(AttributeError):
        _ = chosen.none


def test_events_of_other_grids_are_no_history():
    """Codes that match no grid are told with one of each, rather than counted as nothing; so is what is no table."""
    rows = table([revision(grid="320102001")])

    with pytest.raises(
        DataError, match=r"none of 1 events lies in the given grids: .*'320102001', the grids are such as 'G1'"
    ):
        History.of(rows, GRIDS)
    for wrong in (None, [1]):
        with pytest.raises(DataError, match="events must be a table"):
            History.of(wrong, GRIDS)
    with pytest.raises(DataError, match="grids must be a table"):
        History.of(rows, None)


def test_a_log_whose_events_were_all_retracted_is_a_history():
    """They lay in a grid that is there: nothing is left to count, which is no misspelling."""
    assert len(History.of(table([revision(retracted=True)]), GRIDS).facts) == 0
