"""The panel: its shape, its dates, and its folder on disk."""

import datetime as dt
import gc
import weakref

import numpy as np
import pandas as pd
import pytest
from worlds import GRIDS, START, ZONE, crowd

from riskwarn.errors import DataError, DefinitionError, StaleDataError
from riskwarn.experiment import Baselines, Dates, Experiment
from riskwarn.feature import Count, DaysSince, Handling, Open, Own, Ratio, Recent, Rise
from riskwarn.history import History, Stream
from riskwarn.label import Label
from riskwarn.panel import NORMAL, Progress, blocks, build_panel, fill, read_panel, write_panel
from riskwarn.store import Store

FEATURES = (
    Ratio(Count("dispute", days=7), Count("dispute", days=28)), Count("dispute", days=7), Count("dispute", days=28), Rise("dispute"),
    DaysSince("dispute"), Open("dispute"), Handling("dispute", days=84), Recent("police_call"), Count("police_call", days=28).nearby(),
)  # fmt: skip
EXPERIMENT = Experiment(
    "?", Label("dispute_7d", (Stream("dispute"),), days=7, settle_days=3), Dates(dt.date(2025, 2, 3), dt.date(2025, 4, 7)), FEATURES,
    baselines=Baselines((4, 15)),
)  # fmt: skip


@pytest.fixture(scope="module")
def events():
    return crowd(500)


def store_of(folder, events):
    store = Store(folder, timezone=ZONE)
    store.write("grids", GRIDS)
    store.write("events", events)
    return store


def same(one, other):
    pd.testing.assert_frame_equal(
        one.astype({"grid_id": str}).reset_index(drop=True),
        other.astype({"grid_id": str}).reset_index(drop=True)[list(one)],
        check_freq=False,
    )


def test_a_panel_has_a_row_a_grid_and_date(events):
    """Rows are sorted by grid and date; features are float32; plain and faded priors come last; unsettled outcomes are missing."""
    panel = build_panel(History.of(events, GRIDS), EXPERIMENT)

    assert len(panel) == 3 * 10
    assert list(panel)[:2] == ["grid_id", "as_of"]
    assert list(panel)[-11:] == ["prior_4w", "prior_15w", *(f.name for f in EXPERIMENT.faded), "y"]
    assert panel.sort_values(["grid_id", "as_of"]).index.tolist() == panel.index.tolist()
    assert (panel[EXPERIMENT.feature_names].dtypes == np.float32).all()
    assert panel["y"].isna().sum() == 0


def test_a_night_is_the_panel_of_its_date(events):
    """One date alone has the numbers it has among many, and what each is compared with."""
    history = History.of(events, GRIDS)
    panel, night = build_panel(history, EXPERIMENT), build_panel(history, EXPERIMENT, as_of="2025-03-03")
    row = panel[panel["as_of"] == pd.Timestamp("2025-03-03", tz=ZONE)]

    np.testing.assert_allclose(row[EXPERIMENT.feature_names], night[EXPERIMENT.feature_names], rtol=1e-6)
    assert [NORMAL.format(feature=n) for n in EXPERIMENT.feature_names] == list(night)[-len(EXPERIMENT.feature_names) :]


def test_dates_outside_the_data_are_refused(events):
    """Before the first record, and after the last, there is nothing to build."""
    history = History.of(events, GRIDS)
    with pytest.raises(DataError, match="nothing was known at 2024-06-01"):
        build_panel(history, EXPERIMENT, as_of="2024-06-01")
    with pytest.raises(StaleDataError):
        build_panel(history, EXPERIMENT, as_of="2026-06-01")


def test_what_cannot_be_computed_is_refused_first(events):
    """An absent feed and a name declared twice are refused before any work."""
    history = History.of(events, GRIDS)
    absent = Experiment("?", EXPERIMENT.label, EXPERIMENT.dates, (Count("hotline", days=7),))
    twice = Experiment("?", EXPERIMENT.label, EXPERIMENT.dates, (Count("dispute", days=7), Count("dispute", days=7)))

    with pytest.raises(DefinitionError, match="no source 'hotline'"):
        build_panel(history, absent)
    with pytest.raises(DefinitionError, match="two features are called"):
        build_panel(history, twice)


def test_a_circle_of_parents_is_refused(events):
    """An area that lies in another that lies in it is named; two levels of one name are not a circle."""
    round_ = GRIDS.assign(community_id=["A", "B", "C"], township_id=["B", "A", "T"])
    twin = GRIDS.assign(community_id=["A", "B", "C"], township_id=["A", "B", "C"])

    with pytest.raises(DataError, match="an area lies in itself: A in B in A"):
        build_panel(History.of(events, round_), EXPERIMENT)
    assert len(build_panel(History.of(events, twin), EXPERIMENT, as_of="2025-03-03")) == 3


def test_lent_memory_changes_no_number(events):
    """A matrix filled in place holds what each feature computes by itself, in whatever order they are declared."""
    history = History.of(events, GRIDS)
    dates = EXPERIMENT.dates.index()
    alone = np.stack([f.compute(history.at(dates)) for f in FEATURES])
    for order in (list(range(len(FEATURES))), list(range(len(FEATURES)))[::-1]):
        together = fill(
            history.at(dates), [FEATURES[i] for i in order], np.full((len(FEATURES), 3, 10), -9, np.float32)
        )
        np.testing.assert_array_equal(together, alone[order])


@pytest.mark.parametrize(
    ("size", "shapes"),
    [({"n_dates": 3}, [(3, 3)] * 3 + [(3, 1)]), ({"n_grids": 2}, [(2, 10), (1, 10)]), ({}, [(3, 10)])],
    ids=str,
)
def test_blocks_are_the_whole(events, size, shapes):
    """Dates taken three at a time, grids two at a time, and as many as there is room for, give the matrix of all."""
    history = History.of(events, GRIDS)
    dates = list(EXPERIMENT.dates.index())
    whole = fill(history.at(dates), FEATURES, np.empty((len(FEATURES), 3, 10), np.float32))
    found, sizes = np.zeros_like(whole), []
    for block in blocks(history, FEATURES, dates, **size):
        at = history.at(dates).local.get_indexer(block.dates)
        found[:, block.grids, at[0] : at[-1] + 1] = block.matrix
        sizes.append(block.matrix.shape[1:])

    assert sizes == shapes
    np.testing.assert_allclose(found, whole, rtol=1e-6)


def test_what_was_computed_is_let_go(events):
    """A snapshot that nobody holds is freed at once, with the matrix lent to it, though it looked at neighbours."""
    history = History.of(events, GRIDS)
    snapshot = history.at(EXPERIMENT.dates.index())
    fill(snapshot, FEATURES, np.empty((len(FEATURES), 3, 10), np.float32))
    left = weakref.ref(snapshot)
    gc.disable()
    try:
        del snapshot
        assert left() is None
    finally:
        gc.enable()


def test_a_city_wide_feature_keeps_the_grids_together(events):
    """A feature that looks at a parent is computed for all grids, some dates at a time; blocks of grids are refused."""
    history = History.of(events, GRIDS)
    dates = list(EXPERIMENT.dates.index())
    wide = (*FEATURES, Count("dispute", days=28).of_parent("township_id"))
    room = 4 * len(wide) * 3 * 4

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("riskwarn.panel._BLOCK_BYTES", room)
        assert [b.matrix.shape[1:] for b in blocks(history, wide, dates)] == [(3, 4), (3, 4), (3, 2)]
    with pytest.raises(DefinitionError, match="blocks of grids cannot hold 'dispute_n_28d_township'"):
        next(blocks(history, wide, dates, n_grids=2))


def test_a_written_panel_is_the_built_one(events, tmp_path):
    """The folder holds one file a date, and together they are the panel."""
    history = History.of(events, GRIDS)

    assert write_panel(history, EXPERIMENT, tmp_path, n_dates=4) == Progress(10, 0)
    assert min(p.name for p in tmp_path.iterdir()) == "as_of=2025-02-03"
    same(build_panel(history, EXPERIMENT), read_panel(tmp_path))
    assert write_panel(history, EXPERIMENT, tmp_path) == Progress(0, 10)


def test_a_broken_run_goes_on(events, tmp_path):
    """Dates that are there are left alone; a missing and a damaged one are written."""
    history = History.of(events, GRIDS)
    write_panel(history, EXPERIMENT, tmp_path)
    (tmp_path / "as_of=2025-02-10" / "part.parquet").unlink()
    (tmp_path / "as_of=2025-02-17" / "part.parquet").write_bytes(b"PAR1 half")

    assert write_panel(history, EXPERIMENT, tmp_path) == Progress(2, 8)
    same(build_panel(history, EXPERIMENT), read_panel(tmp_path))


def test_a_nightly_increment_is_a_rebuild(events, tmp_path):
    """Events that arrive day after day give, date by date, the folder that one run over all of them writes."""
    store = Store(tmp_path / "city", timezone=ZONE)
    store.write("grids", GRIDS)
    dates = [pd.Timestamp(d, tz=ZONE) for d in EXPERIMENT.dates.index()]
    before = START - pd.Timedelta(days=99)
    for n, at in enumerate(dates):
        store.write("events", events[(events["known_at"] >= before) & (events["known_at"] < at)])
        write_panel(store, EXPERIMENT, tmp_path / "nightly", as_of=dates[: n + 1])
        before = at
    store.write("events", events[events["known_at"] >= before])
    last = write_panel(store, EXPERIMENT, tmp_path / "nightly", as_of=dates)
    write_panel(store_of(tmp_path / "again", events), EXPERIMENT, tmp_path / "rebuilt", as_of=dates)

    assert last.kept >= 7
    same(read_panel(tmp_path / "nightly"), read_panel(tmp_path / "rebuilt"))


def test_records_of_the_past_that_arrive_now_rewrite_it(events, tmp_path):
    """A backfill that claims to have been known before is noticed, and the dates after it are written anew."""
    write_panel(History.of(events, GRIDS), EXPERIMENT, tmp_path)
    more = pd.concat(
        [
            events,
            events.tail(1).assign(
                event_id="backfill",
                known_at=START + pd.Timedelta(days=50),
                occurred_at=START + pd.Timedelta(days=49),
                closed_at=pd.NaT,
            ),
        ]
    )
    more["closed_at"] = pd.to_datetime(more["closed_at"], utc=True)
    history = History.of(more, GRIDS, until=events["known_at"].max())

    done = write_panel(history, EXPERIMENT, tmp_path)

    assert done.written > 0
    assert done.kept > 0
    same(build_panel(history, EXPERIMENT), read_panel(tmp_path))


def test_other_definitions_rewrite_the_folder(events, tmp_path):
    """A panel of other features is never taken for this one."""
    history = History.of(events, GRIDS)
    write_panel(history, EXPERIMENT, tmp_path)
    other = Experiment("?", EXPERIMENT.label, EXPERIMENT.dates, (Count("dispute", days=14),), baselines=Baselines((4,)))

    assert write_panel(history, other, tmp_path).written == 10
    assert list(read_panel(tmp_path))[2:] == ["dispute_n_14d", "prior_4w", *(f.name for f in other.faded), "y"]


def test_an_empty_folder_is_no_panel(tmp_path):
    """Reading where nothing was written is refused."""
    with pytest.raises(DataError, match="no panel in"):
        read_panel(tmp_path)


def test_own_counts_scale_to_what_was_observed(events):
    """A prior count over fifteen weeks of a feed five weeks old is scaled up threefold."""
    snapshot = History.of(events, GRIDS).at([START + pd.Timedelta(days=35)])
    count = snapshot.count(Stream("dispute"), 105)
    scaled = Own((Stream("dispute"),), 15).compute(snapshot)

    np.testing.assert_allclose(scaled, count * 105 / snapshot.exposure("dispute", 105)[0], rtol=1e-6)
