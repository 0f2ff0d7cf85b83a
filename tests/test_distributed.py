"""A city in blocks: the same numbers, whatever the number of blocks; what cannot be computed so is refused by name."""

import datetime as dt
import os
import re
import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from test_leakage import CALENDAR, FEATURES, PLACE, TABLED
from towns.country import DATES, country, grids
from towns.events import GRIDS, ZONE, crowd

from riskwarn.cli import main
from riskwarn.distributed import blocks_of, hilbert, score_blocks, write_blocks
from riskwarn.distributed.city import told
from riskwarn.distributed.cutting import cut, load
from riskwarn.distributed.engine import Engine
from riskwarn.distributed.panel import PIECES, Cut, cores_of, cut_in, gathered, prepared
from riskwarn.distributed.streaming import piece_file
from riskwarn.distributed.wide import check_blocks, rounds, wide
from riskwarn.distributed.work import matrix_of
from riskwarn.errors import BusyError, DataError, DefinitionError, EngineError
from riskwarn.experiment import Dates, Experiment, ModelSettings
from riskwarn.feature import Count, Feature, MixTrend, OfCity, PerHousehold, Ratio, Share, Spread, Trend
from riskwarn.feature.base import furthest
from riskwarn.grid import neighbors
from riskwarn.history import History, Stream
from riskwarn.label import Label
from riskwarn.language import Words
from riskwarn.model import RiskModel
from riskwarn.panel import Progress, build_panel, fill, panel_of, read_panel, rows_on_disk, write_panel
from riskwarn.scoring import score
from riskwarn.store import Store
from riskwarn.store.lock import Lock

DISPUTES = (Stream("dispute"),)
ALL = [
    *FEATURES,
    *CALENDAR,
    *PLACE,
    *TABLED,
    Count("dispute", days=28).of_parent("county_id"),
    PerHousehold("police_call", days=28, level="township_id"),
    Share("dispute", "police_call", days=28, level="township_id"),
    Share("dispute", "police_call", days=28).of_parent(),
    Share("dispute", "police_call", days=56).nearby(),
    Ratio(Count("dispute", days=28).nearby(), Count("dispute", days=56).of_parent()),
    MixTrend(Stream("police_call", severity=1), days=28),
    Trend("police_call", days=28, level="county_id").nearby(),
    OfCity(Ratio(Count("police_call", days=28).nearby(), Count("police_call", days=56))),
]
COUNTED = [f for f in ALL if f.unit == "count" and furthest(f) in {"own", "near"}]
EMERGENCE = Label("emergence_7d", DISPUTES, days=7, settle_days=3, kind="emergence", past_days=28)


@pytest.fixture(scope="module")
def history():
    return country()


@pytest.fixture(scope="module")
def whole(history):
    """The numbers of the whole country at once."""
    snapshot = history.at(DATES)
    matrix = fill(snapshot, ALL, np.empty((len(ALL), *snapshot.shape), np.float32))
    return np.concatenate([matrix, EMERGENCE.outcomes(snapshot)])


def asked(**changes):
    """An experiment of many kinds of features, with the totals of the city and prior counts that every experiment has."""
    known = {
        "question": "?",
        "label": Label("dispute_7d", DISPUTES, days=7, settle_days=3),
        "dates": Dates(DATES[0], DATES[-1], every_days=28),
        "declared": tuple(f for f in ALL[::3] if f.for_model and not f.name.startswith("prior")),
    }
    return Experiment(**(known | changes))


@pytest.mark.parametrize("n_blocks", [1, 2, 7])
def test_blocks_have_the_numbers_of_the_whole(history, whole, tmp_path, n_blocks):
    """Every kind of feature, and an outcome that looks at the city, is in 1, 2 and 7 blocks what it is in the whole: counts to the bit.

    Records move between blocks, a grid was split between two, deliveries speak for one county, one grid has no parent.
    """
    cores = cores_of(history, 1, n_blocks, 1)
    with Engine().started() as running:
        city = prepared(
            Cut(history, tmp_path),
            history.at(DATES),
            [*ALL, EMERGENCE.normal],
            EMERGENCE,
            cores,
            running,
            outcomes=True,
        )
    found = np.full_like(whole, -9)
    for number, core in enumerate(cores):
        found[:, core] = matrix_of(load(piece_file(tmp_path, number), city), ALL, EMERGENCE)[1]

    assert len(cores) == n_blocks
    assert {0.0, 1.0} <= set(whole[len(ALL)].ravel().tolist()), "some outcomes are settled, either way"
    names = [*(f.name for f in ALL), *EMERGENCE.columns]
    for name, one, other in zip(names, found, whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9, err_msg=name)
    counted = [i for i, f in enumerate(ALL) if f in COUNTED]
    assert len(counted) > 20
    np.testing.assert_array_equal(found[counted], whole[counted])


def test_a_piece_holds_its_grids_and_their_neighbours_alone(tmp_path):
    """What a worker is sent of the records are those of its block and of the grids beside it, and of those within reach where one looks so far."""
    history, core = country(600), np.array([0, 1, 2])
    city, places = told(
        history, [f for f in ALL if not isinstance(f, Spread)], EMERGENCE, history.at(DATES), outcomes=True
    )
    cut(history, places, core, tmp_path / "piece.npz")
    piece = load(tmp_path / "piece.npz", city)
    beside = np.union1d(core, history.neighbors()[core].indices)

    assert piece.grids["grid_id"].tolist() == history.grids["grid_id"].iloc[beside].tolist()
    assert len(beside) < len(history.grids)
    assert len(piece.cases) == np.isin(history.cases.grid, beside).sum()
    assert piece.core.grids["grid_id"].tolist() == history.grids["grid_id"].iloc[core].tolist()
    with pytest.raises(DefinitionError, match="grids within reach"):
        piece.core.reached(1.5, "gauss")
    told(history, [Spread(Count("dispute", days=28), reach=1.5)], EMERGENCE, history.at(DATES), outcomes=False)
    cut(history, places, core, tmp_path / "wider.npz")
    assert set(load(tmp_path / "wider.npz", city).grids["grid_id"]) > set(piece.grids["grid_id"])


def test_a_damaged_piece_is_refused(history, tmp_path):
    """A file that broke off is no piece, and is not taken for an empty one."""
    city, places = told(history, ALL[:1], EMERGENCE, history.at(DATES), outcomes=False)
    cut(history, places, np.array([0]), tmp_path / "piece.npz")
    (tmp_path / "half.npz").write_bytes((tmp_path / "piece.npz").read_bytes()[:5000])

    with pytest.raises(DataError, match="no piece of a city"):
        load(tmp_path / "half.npz", city)


def test_what_no_block_can_compute_is_refused_by_name():
    """Features that look beyond the neighbours other than by totals, or at neighbours of neighbours, are named, all at once."""
    spread = Spread(Count("dispute", days=7)).nearby()
    twice = Ratio(Count("dispute", days=7).nearby(), Count("dispute", days=28)).nearby()

    with pytest.raises(DefinitionError, match=f"{spread.name}, {twice.name}"):
        check_blocks([Count("dispute", days=7), spread, twice])
    check_blocks(ALL)


@dataclass(frozen=True)
class Rank(Feature):
    """A feature of a notebook that looks at the whole city by itself."""

    looks = "city"
    name = "rank_of_grid"
    words = Words(zh="名次", en="rank")
    reads = (Stream("dispute"),)

    def compute(self, snapshot):
        return snapshot.count(Stream("dispute"), 28).argsort(axis=0).astype(np.float32)


@dataclass(frozen=True)
class Sly(Rank):
    """One that takes the mean of a parent and says it looks at its own grid."""

    looks = "own"
    name = "sly"

    def compute(self, snapshot):
        return snapshot.of_parent(snapshot.count(Stream("dispute"), 28), "township_id")


def test_a_feature_of_a_notebook_is_never_computed_wrongly(history, tmp_path):
    """One that looks at the city itself is refused beforehand; one that hides it is refused by its block, which does not know the rest."""
    with pytest.raises(DefinitionError, match="rank_of_grid"):
        check_blocks([Rank()])
    with pytest.raises(DefinitionError, match="feature 'sly' cannot be computed in blocks"):
        write_blocks(history, asked(declared=(Sly(),)), tmp_path / "panel", n_blocks=2)
    assert not list(tmp_path.rglob("*.parquet")), "nothing is half written"


def test_totals_are_added_up_in_rounds():
    """A total that is made of totals comes a round later; a feature that stands in several others is added up once."""
    share = Share("dispute", "police_call", days=28)
    features = [share, share.of_parent(), Ratio(share.of_parent(), OfCity(Count("dispute", days=7)))]

    assert [[f.name for f in some] for some in rounds(features)] == [
        [share.name, "dispute_n_7d_city"],
        [f"{share.name}_township"],
    ]
    assert len(wide(features)) == 3
    assert rounds([Count("dispute", days=7).nearby()]) == []


def test_a_block_lies_together(history):
    """Blocks are patches of the map: few grids around them belong to others; every grid is in one block, and in one only."""
    wide_map = pd.DataFrame({"x_km": np.arange(1600) % 40, "y_km": np.arange(1600) // 40}, dtype=float)
    links = neighbors(wide_map.assign(grid_id=[str(i) for i in range(1600)]), how="distance", radius_km=1.5)
    blocks = blocks_of(wide_map, links, np.ones(1600), 16)
    around = [len(np.setdiff1d(links[b].indices, b)) for b in blocks]

    assert sorted(np.concatenate(blocks)) == list(range(1600))
    assert {len(b) for b in blocks} == {100}
    assert max(around) <= 60, "a square of ten by ten has 44 grids around it"


def test_a_map_of_polygons_is_cut():
    """Neighbours that are known by the borders of their polygons are links like any others."""
    shapely = pytest.importorskip("shapely")
    pytest.importorskip("geopandas")
    x, y = 118.1 + 0.01 * (np.arange(36) % 6), 24.5 + 0.01 * (np.arange(36) // 6)
    squares = shapely.to_wkt(shapely.box(x, y, x + 0.01, y + 0.01))
    drawn = pd.DataFrame({"grid_id": [f"G{i:02d}" for i in range(36)], "geometry": squares})
    blocks = blocks_of(drawn, neighbors(drawn), np.ones(36), 4)

    assert [len(b) for b in blocks] == [9] * 4


def test_dense_quarters_are_cut_smaller():
    """Where the records are, blocks are small: each has about as much work, though half of all lies in a twentieth of the grids."""
    row = pd.DataFrame({"x_km": np.arange(1000.0), "y_km": 0.0})
    work = np.ones(1000)
    work[400:450] = 19.0
    blocks = blocks_of(row, sparse.csr_matrix((1000, 1000)), work, 10)
    share = np.array([work[b].sum() for b in blocks]) / work.sum()

    assert share.max() < 0.115
    assert min(map(len, blocks)) < 15
    assert max(map(len, blocks)) > 180


def test_grids_without_centres_are_cut_along_their_neighbours():
    """Without coordinates neighbours come soon after each other; without neighbours too, the table's order is taken."""
    n = 100
    order = np.random.default_rng(1).permutation(n)
    chain = sparse.csr_matrix((np.ones(n - 1), (order[:-1], order[1:])), (n, n))
    blocks = blocks_of(pd.DataFrame({"grid_id": range(n)}), chain + chain.T, np.ones(n), 4)
    cuts = sum(chain[block].nnz - chain[block][:, block].nnz for block in blocks)

    assert cuts == 3, "a chain is cut three times into four"
    assert [
        b.tolist() for b in blocks_of(pd.DataFrame({"grid_id": [*"AB"]}), sparse.csr_matrix((2, 2)), np.ones(2), 2)
    ] == [[0], [1]]


def test_the_curve_visits_every_cell_beside_the_last():
    """Hilbert's curve goes from each cell of a square to one that touches it."""
    x, y = np.arange(256) % 16, np.arange(256) // 16
    order = np.argsort(hilbert(x, y, bits=4))

    assert (np.abs(np.diff(x[order])) + np.abs(np.diff(y[order])) == 1).all()
    assert hilbert(np.zeros(3), np.zeros(3)).tolist() == [0, 0, 0]


def same(folder, wanted, **within):
    """Whether a panel on disk is the one that is wanted."""
    found, within = read_panel(folder), {"rtol": 1e-6, **within}
    pd.testing.assert_frame_equal(found[list(wanted)], wanted, check_freq=False, check_categorical=False, **within)


def test_a_panel_in_blocks_is_the_panel(history, tmp_path):
    """The folder that blocks fill reads as the panel that is built at once, and a second run finds nothing to do."""
    experiment = asked()
    done = write_blocks(history, experiment, tmp_path / "panel", n_blocks=5)

    same(tmp_path / "panel", build_panel(history, experiment))
    assert done == Progress(15, 0)
    assert write_blocks(history, experiment, tmp_path / "panel", n_blocks=5) == Progress(0, 15)
    assert not (tmp_path / "panel" / PIECES).exists()


def test_a_run_that_broke_off_goes_on(history, tmp_path):
    """Files that are there are kept, missing ones are written; until then the panel is refused, not read in part."""
    experiment, folder = asked(), tmp_path / "panel"
    write_blocks(history, experiment, folder, n_blocks=4)
    wanted, lost = read_panel(folder), sorted(folder.glob("as_of=*/block-*.parquet"))[5]
    lost.unlink()

    with pytest.raises(DataError, match="2025-03-10 has 3 of 4 blocks"):
        read_panel(folder)
    assert write_blocks(history, experiment, folder, n_blocks=4) == Progress(1, 11)
    pd.testing.assert_frame_equal(read_panel(folder), wanted)
    assert write_blocks(history, experiment, folder, n_blocks=2) == Progress(6, 0), "other blocks are other files"
    pd.testing.assert_frame_equal(read_panel(folder), wanted)


def test_a_panel_stays_whole_where_the_engine_does_not_answer(history, tmp_path, monkeypatch):
    """What was whole before a run whose engine fails can be read after it, to the bit."""
    experiment, folder = asked(), tmp_path / "panel"
    write_blocks(history, experiment, folder, n_blocks=4)
    wanted = read_panel(folder)

    def silent(engine):
        raise EngineError("nobody answers.")

    monkeypatch.setattr(Engine, "started", silent)
    with pytest.raises(EngineError):
        write_blocks(history, experiment, folder, n_blocks=2)
    pd.testing.assert_frame_equal(read_panel(folder), wanted)


def test_what_the_panel_carries_of_the_grids_is_made_again(history, tmp_path):
    """A run that broke off between its last block and the table of the grids is mended by the next, though no block is missing."""
    experiment, folder = asked(), tmp_path / "panel"
    write_blocks(history, experiment, folder, n_blocks=2)
    wanted = read_panel(folder)
    (folder / "grids.parquet").unlink()

    assert write_blocks(history, experiment, folder, n_blocks=2) == Progress(0, 6)
    pd.testing.assert_frame_equal(read_panel(folder), wanted)


def test_dates_of_two_experiments_are_no_panel(history, tmp_path):
    """Dates with other columns in one folder are refused by name; what one lacks does not pass for unknown."""
    experiment, folder = asked(), tmp_path / "panel"
    write_blocks(history, experiment, folder, as_of=DATES[:1], n_blocks=2)
    fewer = asked(declared=experiment.declared[1:])
    write_blocks(history, fewer, folder, as_of=DATES[1:2], n_blocks=2)

    with pytest.raises(DataError, match="two experiments"):
        read_panel(folder)
    with pytest.raises(DataError, match="lacks 1 columns"), rows_on_disk(folder, [f.name for f in experiment.features]):
        pass


def test_a_damaged_block_is_told_by_name(history, tmp_path):
    """A file whose middle is overwritten is named, with what to do, and not read as if it were whole."""
    folder = tmp_path / "panel"
    write_blocks(history, asked(), folder, n_blocks=2)
    hurt = sorted(folder.glob("as_of=*/block-*.parquet"))[1]
    body = bytearray(hurt.read_bytes())
    body[4 : len(body) // 2] = bytes(len(body) // 2 - 4)
    hurt.write_bytes(body)

    with pytest.raises(DataError, match=f"{hurt.name} is damaged"):
        read_panel(folder)


def test_pieces_are_their_owners_alone(history, tmp_path, monkeypatch):
    """While the work is done the folder of the pieces, which hold records, is closed to every other user of the machine."""
    modes = []

    def looking(running, work, numbers, job, **told):
        modes.append(job.pieces.stat().st_mode & 0o777)
        return gathered(running, work, numbers, job, **told)

    monkeypatch.setattr("riskwarn.distributed.panel.gathered", looking)
    write_blocks(history, asked(), tmp_path / "panel", n_blocks=2)

    assert modes
    assert set(modes) == {0o700}


def left(live, place, *, old=True):
    """What a killed run leaves: its folder, which nobody holds."""
    shutil.copytree(live, place)
    os.utime(place, (0, 0) if old else None)
    return place


def test_what_a_killed_run_left_is_taken_away(tmp_path):
    """A later run takes away what nobody holds; what a run holds, is just being made, is another machine's or no run's stays."""
    with cut_in(tmp_path / f"{PIECES}-live") as (live, _):
        os.utime(live, (0, 0))
        dead = left(live, tmp_path / f"{PIECES}-dead")
        young = left(live, tmp_path / f"{PIECES}-young", old=False)
        other = left(live, tmp_path / f"{PIECES}-other")
        (other / ".machine").write_text("elsewhere", "utf-8")
        foreign = tmp_path / f"{PIECES}-foreign"
        foreign.mkdir()
        for place in (other, foreign):
            os.utime(place, (0, 0))
        with cut_in(tmp_path / f"{PIECES}-next") as (pieces, _):
            there = set(tmp_path.iterdir())

        assert there == {live, young, other, foreign, pieces}
        assert not dead.exists()
    assert set(tmp_path.iterdir()) == {young, other, foreign}


def test_a_new_folder_for_pieces_goes_with_them(tmp_path):
    """What was made to hold pieces is taken away with them; a folder that was there stays."""
    with cut_in(tmp_path / "new" / "work" / PIECES) as (pieces, scratch):
        assert pieces in scratch.parents

    assert not list(tmp_path.iterdir())
    assert tmp_path.exists()


def test_pieces_in_a_file_are_refused_in_a_sentence(tmp_path):
    """Where pieces cannot lie is said with the folder that was asked for."""
    file = tmp_path / "work"
    file.write_text("mine", "utf-8")
    for asked_for in (file, file / "deeper"):
        said = re.escape(f"{asked_for} cannot hold the pieces of the work ({file} is a file)")
        with pytest.raises(DataError, match=said), cut_in(asked_for / PIECES):
            pass

    assert file.read_text("utf-8") == "mine"


def test_a_file_is_no_folder_for_a_panel(history, tmp_path):
    """Where the folder is a file the run says so and leaves it alone."""
    (tmp_path / "panel").write_text("mine", "utf-8")

    with pytest.raises(DataError, match="is a file"):
        write_blocks(history, asked(), tmp_path / "panel")
    assert (tmp_path / "panel").read_text("utf-8") == "mine"


def test_a_night_adds_its_date(history, tmp_path):
    """A later date leaves the files of those before alone."""
    experiment, folder = asked(), tmp_path / "panel"
    write_blocks(history, experiment, folder, as_of=DATES[:2], n_blocks=3)

    assert write_blocks(history, experiment, folder, as_of=DATES, n_blocks=3) == Progress(3, 6)
    # an age is told from the first date that is computed: with another first date it is rounded anew, to a second of months
    same(folder, build_panel(history, experiment, as_of=DATES), atol=1e-5)


def test_one_run_at_a_time_writes_to_a_folder(history, tmp_path):
    """A second run is refused while the first holds the folder, and touches nothing."""
    held, ended = threading.Event(), threading.Event()

    def hold():
        with Lock(tmp_path / ".lock").held():
            held.set()
            ended.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    try:
        with pytest.raises(BusyError, match=r"panel .* is held by another job"):
            write_blocks(history, asked(), tmp_path, n_blocks=2)
    finally:
        ended.set()
        thread.join()
    assert not [*tmp_path.iterdir()]


def test_scores_of_blocks_are_the_scores(history):
    """A model scores a night in blocks as it does at once: the ranks are those among all grids of the city."""
    experiment = asked(
        dates=Dates(dt.date(2025, 1, 20), dt.date(2025, 4, 7)), model=ModelSettings(n_trees=5, min_rows_in_leaf=20)
    )
    model = RiskModel.of(experiment).fit(build_panel(history, experiment))
    night = panel_of(history, model.features, ["2025-05-19"], label=model.label)
    wanted = score(model, night, capacity=6)
    found = score_blocks(history, model, "2025-05-19", capacity=6, n_blocks=4)

    assert wanted["rank"].nunique() == 40
    assert wanted["expected"].nunique() > 20
    pd.testing.assert_frame_equal(found, wanted, rtol=1e-6, check_categorical=False)


def test_rows_that_are_not_asked_stay_so_in_blocks():
    """Grids in which the question does not arise have no score in blocks, as they have none at once."""
    history = country(700)
    label = Label("first_7d", DISPUTES, days=7, settle_days=3, kind="first", past_days=14)
    experiment = asked(
        label=label,
        dates=Dates(dt.date(2025, 1, 20), dt.date(2025, 4, 7)),
        declared=(Count("police_call", days=28),),
        model=ModelSettings(n_trees=5, min_rows_in_leaf=20),
    )
    model = RiskModel.of(experiment).fit(build_panel(history, experiment))
    snapshot = history.at(["2025-05-19"])
    night = panel_of(history, model.features, ["2025-05-19"], label=label)
    wanted = score(model, night, capacity=6, asked=label.arises(snapshot)[:, 0])
    found = score_blocks(history, model, "2025-05-19", capacity=6, n_blocks=4)

    assert {"ok", "not_asked"} == set(wanted["state"])
    pd.testing.assert_frame_equal(found, wanted, rtol=1e-6, check_categorical=False)


def test_the_command_line_takes_an_engine(tmp_path, capsys):
    """`panel` fills a folder in blocks where an engine, jobs or blocks are named; one that has no address is refused in a sentence."""
    store = Store(tmp_path / "city", timezone=ZONE)
    store.write("grids", GRIDS)
    store.write("events", crowd(400))
    folder = tmp_path / "declared"
    shutil.copytree(Path(__file__).parent.parent / "features", folder / "features")
    (folder / "experiments").mkdir()
    toml = (Path(__file__).parent.parent / "experiments" / "weekly.toml").read_text("utf-8")
    toml = toml.replace("2015-03-02", "2025-02-10").replace("2015-11-23", "2025-03-10")
    toml = re.sub(r"groups = \[.*\]", 'groups = ["disputes"]', toml)
    (folder / "experiments" / "weekly.toml").write_text(toml, "utf-8")
    words = ["panel", str(folder / "experiments" / "weekly.toml"), "--store", str(tmp_path / "city")]

    assert main([*words, "--out", str(tmp_path / "panel"), "--blocks", "2"]) == 0
    assert "10 files of dates and blocks written, 0 kept" in capsys.readouterr().out
    assert len(read_panel(tmp_path / "panel")) == 3 * 5
    assert main([*words, "--out", str(tmp_path / "p.csv"), "--blocks", "2"]) == DataError.exit_code
    assert main([*words, "--out", str(tmp_path / "other"), "--address", "tcp://a:1"]) == DefinitionError.exit_code
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("address", ["nonsense", "tcp://scheduler", "a b:1"])
def test_an_address_that_is_none_is_refused_before_it_is_called(address):
    """A Dask address without a port is told in one sentence, and no client is begun that could not end."""
    with pytest.raises(DefinitionError, match=r"has an address such as tcp://scheduler:8786, got"):
        Engine("dask", address=address)
    assert Engine("dask", address="tcp://10.0.0.1:8786").address
    assert Engine("dask", address="scheduler:8786").address


def test_a_folder_holds_one_kind_of_panel(tmp_path):
    """A panel in blocks and one without do not mix: their rows would be read twice."""
    history, experiment = History.of(crowd(300), GRIDS), asked(declared=(Count("dispute", days=7),))
    write_panel(history, experiment, tmp_path / "whole")
    write_blocks(history, experiment, tmp_path / "blocks", n_blocks=2)

    with pytest.raises(DataError, match="written without blocks"):
        write_blocks(history, experiment, tmp_path / "whole", n_blocks=2)
    with pytest.raises(DataError, match="holds a panel in blocks"):
        write_panel(history, experiment, tmp_path / "blocks")
    shutil.rmtree(tmp_path / "blocks" / "as_of=2025-03-10")
    assert len(read_panel(tmp_path / "blocks")) == 2 * 3


def test_a_grid_on_the_rim_has_the_city_s_neighbours():
    """The world of these tests has grids with few neighbours and with many, and blocks that are no city of their own."""
    degree = np.diff(neighbors(grids()).indptr)

    assert degree.min() < degree.max()
    assert len(grids()) == 40


def test_an_error_of_ours_comes_back_from_the_work():
    """What the work refuses is raised where it was asked for; a block that memory cannot hold is told as such."""

    def refuse(shared, number):
        raise DataError(f"{shared} {number}")

    def burst(shared, number):
        raise MemoryError

    with Engine().started() as running:
        with pytest.raises(DataError, match="no 3"):
            list(running(refuse, [3], "no"))
        with pytest.raises(EngineError, match="block 3 has outgrown the memory"):
            list(running(burst, [3], None))
