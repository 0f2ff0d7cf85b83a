"""Nights are held once, in columns, and the newest is found again by its pointer."""

import gc
import threading
import time
import weakref

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from towns import web as web_town

from riskwarn.errors import RiskwarnError
from riskwarn.schema import table_of
from riskwarn.store import PublishedNight, Store
from riskwarn.store.parquet import full, to_arrow, to_frame
from riskwarn.web.columns import columns_of, compact, plain
from riskwarn.web.morning import say_all
from riskwarn.web.nights import KEPT_NIGHTS, Nights

TABLE = table_of("what_ifs")
GRIDS = {"G1": 0, "G2": 1, "G3": 2}


@st.composite
def what_ifs(draw):
    """Rows of table `what_ifs`, in any order, of known and unknown grids."""
    n = draw(st.integers(0, 30))
    numbers = st.one_of(st.integers(0, 2**40), st.integers(0, 100))
    measures = st.floats(0, 1e9, allow_nan=False)
    rows = pd.DataFrame(
        {
            "grid_id": draw(st.lists(st.sampled_from(["G1", "G2", "G3", "strange"]), min_size=n, max_size=n)),
            "as_of": pd.Timestamp("2025-01-08", tz=web_town.ZONE),
            "target": draw(st.lists(st.sampled_from(["a", "b"]), min_size=n, max_size=n)),
            "place": draw(st.lists(st.integers(1, 300), min_size=n, max_size=n)),
            "feature": draw(st.lists(st.text(max_size=3), min_size=n, max_size=n)),
            "n_overdue_left": draw(st.lists(st.none() | numbers, min_size=n, max_size=n)),
            **{c: draw(st.lists(measures, min_size=n, max_size=n)) for c in ("before", "after", "expected")},
            "expected_before": 0.5,
            "follows": draw(st.lists(st.booleans(), min_size=n, max_size=n)),
            "suggested": False,
            "rank": draw(st.lists(numbers, min_size=n, max_size=n)),
            "rank_before": 1,
        }
    )
    return full(TABLE, rows)


@settings(deadline=None, max_examples=50)
@given(what_ifs())
def test_nothing_is_lost_in_columns(rows):
    """Compact rows read back are the rows, whatever is in them."""
    arrow = to_arrow(TABLE, rows)
    pd.testing.assert_frame_equal(plain(TABLE, compact(arrow), "UTC"), to_frame(TABLE, arrow, "UTC"))


@settings(deadline=None, max_examples=50)
@given(what_ifs())
def test_rows_of_a_grid_are_those_a_search_finds(rows):
    """By target and grid, in the order they were published; none of an unknown one."""
    arrow = to_arrow(TABLE, rows)
    columns = columns_of(TABLE, arrow, targets=["a", "b"], grids=GRIDS, timezone="UTC")
    every = to_frame(TABLE, arrow, "UTC")

    for target in ("a", "b", "c"):
        for grid_id in (*GRIDS, "none"):
            wanted = every[(every["target"] == target) & (every["grid_id"] == grid_id)].reset_index(drop=True)
            pd.testing.assert_frame_equal(columns.of(target, grid_id), wanted)


def test_columns_take_less():
    """A thousand what-ifs of a few features take less than half of what they take as published."""
    rows = pd.DataFrame({"grid_id": [f"3201020010{n % 90:02d}" for n in range(1000)], "rank": np.arange(1000)})
    table = pa.Table.from_pandas(rows.assign(feature="dispute_overdue_n", before=2.0))

    assert compact(table).nbytes * 2 < table.nbytes


@pytest.fixture
def store(tmp_path):
    """Grids and two nights, without events."""
    made = Store(tmp_path / "town", timezone=web_town.ZONE)
    made.write("grids", web_town._grids(4, 3))
    for n, night in enumerate(("2025-01-07", "2025-01-08")):
        web_town.publish(made, night, seed=n)
    return made


def waited(condition):
    """Whether something comes true within ten seconds."""
    until = time.monotonic() + 10
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()


def test_a_night_is_read_once(store, monkeypatch):
    """While no pointer moves the newest night is the same object, and none of its files is opened again."""
    nights = Nights(store)
    time.sleep(0.06)  # a pointer that moved a moment ago is looked at again
    held = [nights.at() for _ in range(2)][1]
    opened = []
    monkeypatch.setattr(PublishedNight, "arrow", lambda *args: opened.append(args))

    assert nights.at() is held
    assert nights.at("2025-01-08") is held
    assert opened == []


@pytest.mark.parametrize("what", ["run", "night", "rollback", "release"])
def test_the_newest_night_follows_the_pointer(store, what):
    """Another run, a later night, a rollback and its release each show from the next request on."""
    web_town.publish(store, "2025-01-08", seed=4, run="other")
    nights = Nights(store)
    assert nights.at().run == "other"
    time.sleep(0.06)
    assert nights.at().run == "other"

    if what == "run":
        web_town.publish(store, "2025-01-08", seed=5, run="again")
    elif what == "night":
        web_town.publish(store, "2025-01-09", seed=6, run="later")
    else:
        store.roll_back("2025-01-08", "run1", why="the feed of calls was doubled")
    if what == "release":
        assert nights.at().run == "run1"
        store.release("2025-01-08")

    assert nights.at().run == {"run": "again", "night": "later", "rollback": "run1", "release": "run1"}[what]


def test_a_request_keeps_the_night_it_began_with(store):
    """A night at hand answers from its own run, whatever is published and pruned meanwhile."""
    nights = Nights(store)
    night = nights.at()
    before = night.scores["grid_id"].tolist()
    web_town.publish(store, "2025-01-08", seed=5, run="again")

    assert nights.at().run == "again"
    assert night.scores["grid_id"].tolist() == before != nights.at().scores["grid_id"].tolist()


def test_in_the_background_nobody_waits_for_a_new_night(store, monkeypatch):
    """The night before, and any other at hand, is given while the new one is read; then the new one, whole."""
    nights = Nights(store, background=True)
    assert (nights.at().run, nights.at("2025-01-07").run) == ("run1", "run0")
    begun, gate, arrow, let_in = threading.Event(), threading.Event(), PublishedNight.arrow, []

    def slow(self, name):
        begun.set()
        let_in.append(gate.wait(10))
        return arrow(self, name)

    monkeypatch.setattr(PublishedNight, "arrow", slow)
    web_town.publish(store, "2025-01-08", seed=5, run="again")

    assert nights.at().run == "run1"
    assert begun.wait(10)
    assert {nights.at().run for _ in range(20)} == {"run1"}
    assert nights.at("2025-01-07").run == "run0"
    assert let_in == []
    gate.set()
    assert waited(lambda: nights.at().run == "again")
    assert all(let_in)


def test_a_night_is_made_ready_before_readers_ask(store):
    """In the background each night is prepared once, the first and every new one; one that cannot be is shown all the same."""
    ready = []

    def prepare(night):
        ready.append(night.run)
        raise RiskwarnError("the reasons cannot be read")

    nights = Nights(store, background=True, prepare=prepare)
    assert (nights.at().run, nights.at().run) == ("run1", "run1")
    assert waited(lambda: ready == ["run1"])
    web_town.publish(store, "2025-01-08", seed=5, run="again")

    assert waited(lambda: nights.at().run == "again")
    assert ready == ["run1", "again"]


def test_the_sentences_of_a_list_are_at_hand_for_its_first_reader(store):
    """What is said of every line of the list is kept with the night, so that it is not written for whoever comes first."""
    night = Nights(store).at()
    say_all(night, "zh")

    names = night.alerts["alert_id"].tolist()
    assert names
    assert all(("told", name, "zh") in night.made for name in names)


def test_few_nights_are_held(store):
    """Runs beyond the last few asked for are given up, with all that was made of them."""
    nights = Nights(store)
    first = weakref.ref(nights.at("2025-01-07").held)
    for n in range(KEPT_NIGHTS):
        web_town.publish(store, f"2025-01-{10 + n}", seed=n)
        _ = nights.at().scores, nights.at().reasons_of(["G0001"])
    gc.collect()

    assert first() is None


def test_nights_share_their_grids(store):
    """Grids that did not change are in memory once; grids that did are not taken for them."""
    nights = Nights(store)
    assert nights.at("2025-01-07").places is nights.at("2025-01-08").places

    later = store.grids().assign(valid_from=pd.Timestamp("2025-01-08", tz=web_town.ZONE), name="new")
    store.write("grids", later)
    as_of = pd.Timestamp("2025-01-09", tz=web_town.ZONE)
    scores = web_town._scores(later["grid_id"].tolist(), as_of, np.random.default_rng(0))
    store.publish(as_of, {"scores": scores}, run="later")
    assert set(nights.at().names.values()) == {"new"}


def test_past_scores_are_those_published(store):
    """A grid's score on each past night is the published one; a night without the grid is left out."""
    nights = Nights(store)
    night = nights.at()
    past = nights.past_scores(nights.upto(night, 5), "G0003", night.target)
    wanted = [store.night(d).table("scores").set_index("grid_id").loc["G0003"] for d in ("2025-01-07", "2025-01-08")]

    assert past["expected"].tolist() == [w["expected"] for w in wanted]
    assert past["rank"].tolist() == [w["rank"] for w in wanted]
    assert nights.past_scores(nights.upto(night, 5), "none", night.target).empty


def test_an_empty_store_has_no_night(tmp_path):
    """Nothing published is said as such, and the first night shows once it is there."""
    store = Store(tmp_path, timezone=web_town.ZONE)
    nights = Nights(store, background=True)
    with pytest.raises(Exception, match="Nothing is published yet"):
        nights.at()
    store.write("grids", web_town._grids(4, 3))
    web_town.publish(store, "2025-01-08")

    assert nights.at().date == "2025-01-08"
