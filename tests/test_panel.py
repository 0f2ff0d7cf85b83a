"""The panel: its shape, its dates, and its folder on disk."""

import datetime as dt
import gc
import weakref

import numpy as np
import pandas as pd
import pytest
from towns.events import GRIDS, START, ZONE, crowd

from riskwarn.errors import DataError, DefinitionError, StaleDataError
from riskwarn.experiment import Baselines, Dates, Experiment
from riskwarn.feature import Count, DaysSince, Handling, Open, Own, Ratio, Recent, Rise
from riskwarn.history import History, Stream
from riskwarn.label import Label
from riskwarn.panel import (
    GRID,
    NORMAL,
    Progress,
    blocks,
    build_panel,
    fill,
    grids_of,
    night_panels,
    panel_of,
    read_panel,
    write_panel,
)
from riskwarn.store import Store

FEATURES = (
    Ratio(Count("dispute", days=7), Count("dispute", days=28)),
    Count("dispute", days=7),
    Count("dispute", days=28),
    Rise("dispute"),
    DaysSince("dispute"),
    Open("dispute"),
    Handling("dispute", days=84),
    Recent("police_call"),
    Count("police_call", days=28).nearby(),
)
EXPERIMENT = Experiment(
    "?",
    Label("dispute_7d", (Stream("dispute"),), days=7, settle_days=3),
    Dates(dt.date(2025, 2, 3), dt.date(2025, 4, 7)),
    FEATURES,
    baselines=Baselines((4, 15)),
)


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
    columns = [name for name in panel if not name.startswith(GRID)]
    own = [*EXPERIMENT.faded, *EXPERIMENT.totals]
    assert columns[-15:] == ["prior_4w", "prior_15w", *(f.name for f in own), "y"]
    assert list(panel)[: len(columns)] == columns
    assert panel.sort_values(["grid_id", "as_of"]).index.tolist() == panel.index.tolist()
    assert (panel[EXPERIMENT.feature_names].dtypes == np.float32).all()
    assert panel["y"].isna().sum() == 0


def test_a_night_is_the_panel_of_its_date(events):
    """One date alone has the numbers it has among many, and what each is compared with."""
    history = History.of(events, GRIDS)
    panel, night = build_panel(history, EXPERIMENT), build_panel(history, EXPERIMENT, as_of="2025-03-03")
    row = panel[panel["as_of"] == pd.Timestamp("2025-03-03", tz=ZONE)]

    np.testing.assert_allclose(row[EXPERIMENT.feature_names], night[EXPERIMENT.feature_names], rtol=1e-6)
    assert [NORMAL.format(feature=n) for n in EXPERIMENT.feature_names] == [
        name for name in night if name.startswith("normal:")
    ]


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
        patch.setattr("riskwarn.panel.block.BLOCK_BYTES", room)
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
    columns = [name for name in read_panel(tmp_path) if not name.startswith(GRID)]
    assert columns[2:] == ["dispute_n_14d", "prior_4w", *(f.name for f in (*other.faded, *other.totals)), "y"]


def test_an_empty_folder_is_no_panel(tmp_path):
    """Reading where nothing was written is refused."""
    with pytest.raises(DataError, match="no panel in"):
        read_panel(tmp_path)


def test_own_counts_scale_to_what_was_observed(events):
    """A prior count over fifteen weeks of a feed five weeks old is scaled up threefold."""
    snapshot = History.of(events, GRIDS).at([START + pd.Timedelta(days=35)])
    count = snapshot.count(Stream("dispute"), 105)
    scaled = Own((Stream("dispute"),), 15).compute(snapshot)

    np.testing.assert_allclose(scaled, count * 105 / snapshot.exposure("dispute", 105), rtol=1e-6)


# --- dates


DAYS = ["2025-03-10", "2025-03-03"]
FORMS = [
    DAYS,
    tuple(DAYS),
    set(DAYS),
    iter(DAYS),
    dict.fromkeys(DAYS),
    pd.Series(DAYS),
    pd.Index(DAYS),
    pd.to_datetime(DAYS),
    pd.to_datetime(DAYS).tz_localize(ZONE),
    np.array(DAYS, dtype="datetime64[D]"),
    np.array(DAYS, dtype="datetime64[ns]"),
    np.array(DAYS),
    [dt.date.fromisoformat(d) for d in DAYS],
    [dt.datetime.fromisoformat(d) for d in DAYS],
    [pd.Timestamp(d, tz=ZONE).tz_convert("UTC") for d in DAYS],
    [DAYS[0], dt.date(2025, 3, 3), DAYS[0]],
    (d for d in DAYS),
]


@pytest.mark.parametrize("as_of", FORMS, ids=lambda form: type(form).__name__)
def test_any_iterable_of_dates_works(events, as_of):
    """Text, dates and times of Python, numpy and pandas, in any order and any container: one row a grid and date."""
    panel = build_panel(History.of(events, GRIDS), EXPERIMENT, as_of=as_of)

    assert panel["as_of"].drop_duplicates().tolist() == [pd.Timestamp(d, tz=ZONE) for d in sorted(DAYS)]
    assert len(panel) == 6
    assert not any(name.startswith("normal:") for name in panel)


@pytest.mark.parametrize(
    "one",
    [
        "2025-03-03",
        dt.date(2025, 3, 3),
        dt.datetime.fromisoformat("2025-03-03"),
        np.datetime64("2025-03-03"),
        pd.Timestamp("2025-03-03"),
    ],
)
def test_one_date_is_a_night(events, one):
    """One date, of whatever type, gives the night, with what each feature is compared with."""
    night = build_panel(History.of(events, GRIDS), EXPERIMENT, as_of=one)

    assert set(night["as_of"]) == {pd.Timestamp("2025-03-03", tz=ZONE)}
    assert any(name.startswith("normal:") for name in night)


@pytest.mark.parametrize(
    "wrong",
    [
        "soon",
        "",
        [],
        [None],
        [[]],
        5,
        20250303,
        3.5,
        True,
        b"2025-03-03",
        pd.NaT,
        ["2025-03-03", "soon"],
        [20250303],
        object(),
        np.nan,
        {},
        np.array([1, 2]),
        [np.datetime64("NaT", "us")],
    ],
    ids=lambda wrong: repr(wrong).partition(" at 0x")[0],
)
def test_what_is_no_date_is_refused(events, wrong):
    """What names no date ends in an error that says what is wanted, whatever it is; a number is no date."""
    with pytest.raises(DataError, match="such as '2025-03-03'"):
        build_panel(History.of(events, GRIDS), EXPERIMENT, as_of=wrong)


@pytest.mark.parametrize("store", ["city", None, 5, pd.DataFrame()], ids=repr)
def test_a_panel_wants_a_store(store):
    """What is neither store nor history is told as such."""
    with pytest.raises(DataError, match="store must be a Store or a History, got"):
        build_panel(store, EXPERIMENT)


def test_a_panel_wants_an_experiment(events):
    """What is no experiment is told as such."""
    for wrong in ("weekly.toml", None, EXPERIMENT.label):
        with pytest.raises(DataError, match="experiment must be an Experiment, got"):
            build_panel(History.of(events, GRIDS), wrong)


def test_features_alone_make_a_panel(events):
    """Without a label there is no outcome, and no question need be made up for it."""
    panel = panel_of(History.of(events, GRIDS), FEATURES, DAYS[::-1])

    assert [name for name in panel if not name.startswith(GRID)] == ["grid_id", "as_of", *(f.name for f in FEATURES)]
    same(panel[[*panel][: len(FEATURES) + 2]], build_panel(History.of(events, GRIDS), EXPERIMENT, as_of=DAYS))


# --- the grids it was made for


TOWN = GRIDS.assign(
    urban_class=["town", "town", "field"], x_km=[0.1, 1.1, 2.1], county_id=["c", "c", "d"], households=[10, None, 30]
)


def carried(panel):
    return grids_of(panel).sort_values("grid_id", ignore_index=True).astype(object)


def test_a_panel_carries_its_grids_through_everything(events, tmp_path):
    """What the table of grids says goes with the rows: sorted, filtered, joined, put together, pickled, written as Parquet."""
    history = History.of(events, TOWN)
    panel = build_panel(history, EXPERIMENT)
    wanted = carried(panel)
    a, b = panel[panel["as_of"] < "2025-03-03"], panel[panel["as_of"] >= "2025-03-03"]
    panel.to_parquet(tmp_path / "panel.parquet")
    panel.to_pickle(tmp_path / "panel.pkl")
    write_panel(history, EXPERIMENT, tmp_path / "panel")

    assert wanted["urban_class"].tolist() == ["town", "town", "field"]
    assert wanted["x_km"].tolist() == [0.1, 1.1, 2.1]
    for other in (
        panel.sample(frac=1, random_state=0),
        a,
        b.reset_index(drop=True),
        pd.concat([b, a]),
        panel.assign(extra=1).dropna(subset="y"),
        panel.merge(panel[["grid_id", "as_of"]], on=["grid_id", "as_of"]),
        panel.copy(),
        pd.read_parquet(tmp_path / "panel.parquet"),
        pd.read_pickle(tmp_path / "panel.pkl"),
        read_panel(tmp_path / "panel"),
        panel.groupby("as_of", group_keys=False).head(3),
    ):
        pd.testing.assert_frame_equal(carried(other), wanted)
    assert grids_of(pd.DataFrame({"grid_id": ["a"]})) is None


# --- what a written panel was made from


AT = START + pd.Timedelta(days=20)
BESIDE = {
    "visits": {"visit_id": "v", "started_at": AT, "grid_id": "A", "known_at": AT},
    "workflow": {"case_id": "c", "step": 1, "action": "accept", "at": AT, "grid_id": "A"},
    "diversions": {"call_id": "c", "to_org": "o", "sent_at": AT, "grid_id": "A"},
    "roster": {"grid_id": "A", "day_at": AT, "n_workers": 3},
    "places": {"grid_id": "A", "kind": "bar", "n": 3},
    "feed_log": {
        "source": "dispute",
        "org_code": "*",
        "batch_id": "b",
        "arrived_at": AT,
        "received": 1,
        "accepted": 1,
        "quarantined": 0,
        "duplicate": 0,
    },
    "crosswalk": {"from_grid_id": "Z", "to_grid_id": "A", "effective_at": AT, "weight": 1.0, "kind": "split"},
}


@pytest.mark.parametrize("name", BESIDE)
def test_another_table_rewrites_the_folder(events, tmp_path, name):
    """A row more in any table that a feature may read makes the written dates others."""
    write_panel(History.of(events, GRIDS), EXPERIMENT, tmp_path)
    more = History.of(events, GRIDS, tables={name: pd.DataFrame([BESIDE[name]])})

    assert write_panel(more, EXPERIMENT, tmp_path).written > 0
    assert write_panel(more, EXPERIMENT, tmp_path) == Progress(0, 10)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("grid_id", "C"),
        ("category", "D09"),
        ("severity", 3),
        ("origin", "proactive"),
        ("tags", "night"),
        ("outcome", "failed"),
        ("near_grid_id", "B"),
        ("place_key", "p"),
        ("case_id", "k"),
        ("closed_at", START + pd.Timedelta(days=3)),
        ("due_at", START),
        ("retracted", True),
    ],
)
def test_another_content_of_an_event_rewrites_the_folder(events, tmp_path, column, value):
    """Whatever column of an old event is told otherwise, the written dates are others."""
    blank = {
        "place_key": "q",
        "case_id": "j",
        "tags": "day",
        "due_at": START + pd.Timedelta(days=9),
        "retracted": False,
    }
    plain = events.assign(**{name: v for name, v in blank.items() if name not in events})
    write_panel(History.of(plain, GRIDS), EXPERIMENT, tmp_path)
    other = plain.copy()
    first = other["known_at"].idxmin()
    other[column] = other[column].astype(object) if column in {"tags", "outcome", "origin"} else other[column]
    other.loc[first, column] = value

    assert write_panel(History.of(other, GRIDS, until=events["known_at"].max()), EXPERIMENT, tmp_path).written == 10


def test_panels_of_one_night_are_those_of_each_group(events):
    """Groups in which one name means two features have the panels they have alone, and what they share is computed once."""
    history = History.of(events, GRIDS)
    calls, disputes = Own((Stream("police_call"),), 4), Own((Stream("dispute"),), 4)
    groups = [(*FEATURES, disputes), (calls, *FEATURES[:3])]
    together = night_panels(history, groups, "2025-04-07")

    assert calls.name == disputes.name
    for features, panel in zip(groups, together, strict=True):
        pd.testing.assert_frame_equal(panel, panel_of(history, features, ["2025-04-07"], normals=features))


def test_a_feature_of_several_groups_is_computed_once(events, monkeypatch):
    """However many questions of a night read it."""
    history, computed = History.of(events, GRIDS), []
    monkeypatch.setattr(Open, "compute", lambda self, at: computed.append(self) or np.zeros(at.shape, np.float32))
    monkeypatch.setattr(Open, "normal", lambda self, at: np.zeros(at.shape, np.float32))
    night_panels(history, [(Open("dispute"), Count("dispute", days=7)), (Open("dispute"),)], "2025-04-07")

    assert computed == [Open("dispute")]
