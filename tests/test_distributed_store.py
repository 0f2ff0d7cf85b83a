"""A store cut into pieces without its history: the records pass through files, and the numbers are those of the whole city."""

import dataclasses
import shutil
import threading
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from test_distributed import ALL, COUNTED, EMERGENCE, asked
from towns import country
from towns.country import DATES, IDS, stored
from towns.events import ZONE

from riskwarn.distributed import Engine, reading, score_blocks, spilling, streaming, write_blocks
from riskwarn.distributed.cutting import load
from riskwarn.distributed.panel import PIECES, Cut, cores_of, prepared
from riskwarn.distributed.streaming import piece_file
from riskwarn.distributed.work import matrix_of
from riskwarn.errors import BusyError, DataError, DefinitionError
from riskwarn.experiment import ModelSettings
from riskwarn.feature import Count
from riskwarn.history import History, Stream
from riskwarn.model import RiskModel
from riskwarn.panel import Progress, build_panel, fill, panel_of, read_panel
from riskwarn.panel.marks import Sums, instants_of, marks_of
from riskwarn.scoring import score
from riskwarn.store import Store
from riskwarn.store import reading as files


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The country as a store: months of files, events corrected into other grids, withdrawn ones, one grid that was split."""
    return stored(tmp_path_factory.mktemp("country") / "land")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Batches and buckets so small that there are many."""
    monkeypatch.setattr(files, "BATCH_ROWS", 200)
    monkeypatch.setattr(spilling, "BUCKET_ROWS", 500)


@pytest.fixture(scope="module")
def whole(store):
    """The numbers of the whole country, from the history of its store."""
    snapshot = History.load(store).at(DATES)
    matrix = fill(snapshot, ALL, np.empty((len(ALL), *snapshot.shape), np.float32))
    return np.concatenate([matrix, EMERGENCE.outcomes(snapshot)])


@pytest.mark.parametrize("n_blocks", [1, 2, 7])
def test_a_streamed_store_has_the_numbers_of_its_history(store, whole, tmp_path, n_blocks):
    """Every kind of feature, and an outcome that looks at the city, is in 1, 2 and 7 blocks of a store that nobody loads what it is in its
    history: counts to the bit.
    """
    known = [*ALL, EMERGENCE.normal]
    city = Cut.of(store, tmp_path, tmp_path)
    cores = cores_of(city.history, 1, n_blocks, 1)
    with Engine().started() as running:
        city.stream(city.history.at(DATES), known, EMERGENCE, cores, running, None)
        told = prepared(city, city.history.at(DATES), known, EMERGENCE, cores, running, outcomes=True)
    found = np.full_like(whole, -9)
    for number, core in enumerate(cores):
        found[:, core] = matrix_of(load(piece_file(tmp_path, number), told), ALL, EMERGENCE)[1]

    assert len(cores) == n_blocks
    assert {0.0, 1.0} <= set(whole[len(ALL)].ravel().tolist()), "some outcomes are settled, either way"
    names = [*(f.name for f in ALL), *EMERGENCE.columns]
    for name, one, other in zip(names, found, whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-9, err_msg=name)
    counted = [i for i, f in enumerate(ALL) if f in COUNTED]
    np.testing.assert_array_equal(found[counted], whole[counted])
    assert [file.name for file in sorted(tmp_path.iterdir())] == [f"piece-{b:04d}.npz" for b in range(n_blocks)]


def test_a_streamed_city_is_told_what_its_history_knows(store, tmp_path):
    """Since when and until when feeds spoke, which words they use, and what was known before each date: none of it depends on the way."""
    history, experiment = History.load(store), asked()
    snapshot = history.at(DATES)
    city = Cut.of(store, tmp_path, tmp_path)
    cores = cores_of(city.history, 1, 3, 1)
    edges = instants_of(snapshot, experiment)
    with Engine().started() as running:
        city.stream(city.history.at(DATES), [*ALL], EMERGENCE, cores, running, edges)
    outline = city.history

    assert (outline.until, outline.first, outline.sources) == (history.until, history.first, history.sources)
    assert (outline.n_records == history.n_records).all()
    assert outline.origins("nobody") == history.origins("nobody") == frozenset()
    for source in history.sources:
        assert outline.categories(source) == history.categories(source)
        assert outline.origins(source) == history.origins(source)
        for org in ("", "K1"):
            for one, other in zip(outline.begun(source, org), history.begun(source, org), strict=True):
                assert one.tolist() == other.tolist()
        for days in (0, 120):
            silent = [[s.grids.tolist(), s.spans.tolist()] for s in history.silences(source, settle_days=days)]
            if (source, max(days, 92)) in outline.remembered.silences:
                assert [
                    [s.grids.tolist(), s.spans.tolist()] for s in outline.silences(source, settle_days=days)
                ] == silent
        assert (outline.closings(source, snapshot.micros)[0] == history.closings(source, snapshot.micros)[0]).all()
    assert len(marks_of(outline.at(DATES), experiment, city.sums)) == 3


def test_what_was_known_is_summed_bucket_by_bucket(store, tmp_path):
    """Of events in buckets the number and the content of what was known before each date are those of the whole log."""
    edges = instants_of(History.load(store).at(DATES), asked())
    city, wanted = Cut.of(store, tmp_path, tmp_path), Sums(edges)
    with Engine().started() as running:
        cores = cores_of(city.history, 1, 2, 1)
        city.stream(city.history.at(DATES), [Count("dispute", days=7)], EMERGENCE, cores, running, edges)
    wanted.add_log(History.load(store).log)
    for name in ("crosswalk", "feed_log"):
        wanted.add_table(name, store.read(name))

    assert city.sums.before(edges) == wanted.before(edges)
    assert len(set(wanted.before(edges))) == len(edges)


def test_a_panel_from_a_store_is_the_panel(store, tmp_path):
    """The folder that blocks of a store fill reads as the panel that is built at once; a second run finds nothing to do."""
    experiment, folder = asked(), tmp_path / "panel"
    done = write_blocks(store, experiment, folder, n_blocks=3)
    found, wanted = read_panel(folder), build_panel(store, experiment)

    pd.testing.assert_frame_equal(found[list(wanted)], wanted, check_freq=False, check_categorical=False, rtol=1e-6)
    assert done == Progress(9, 0)
    assert write_blocks(store, experiment, folder, n_blocks=3, engine=Engine(jobs=1)) == Progress(0, 9)
    sorted(folder.glob("as_of=*/block-*.parquet"))[4].unlink()
    assert write_blocks(store, experiment, folder, n_blocks=3) == Progress(1, 8)
    pd.testing.assert_frame_equal(read_panel(folder), found)
    assert not (folder / PIECES).exists()


def test_an_outcome_nobody_tells_is_refused_before_a_record_is_brought(tmp_path):
    """A label of who brought records to light, over a feed that does not say it, is refused in blocks as at hand: every outcome would be zero."""
    mute = Store(tmp_path / "mute", timezone=ZONE)
    mute.write("grids", country.grids())
    records = country.events(300).query("grid_id != 'G2'")
    mute.write("events", records.assign(origin=records["origin"].mask(records["source"] == "police_call", "unknown")))
    asked_for = dataclasses.replace(EMERGENCE, streams=(Stream("police_call", origin="citizen"),))
    experiment = asked(label=asked_for, declared=(Count("dispute", days=7), Count("police_call", days=7)))
    refused = []
    for make in (build_panel, partial(write_blocks, folder=tmp_path / "panel", n_blocks=2)):
        with pytest.raises(DefinitionError, match="no record of that feed tells its origin") as told:
            make(mute, experiment)
        refused.append(str(told.value))

    assert refused[0] == refused[1]
    assert not list((tmp_path / "panel").glob("as_of=*"))


def test_later_records_leave_a_streamed_panel_alone(store, tmp_path):
    """What becomes known after the dates and their outcomes changes no file of them; what was known before changes those after it."""
    shutil.copytree(store.path, tmp_path / "land")
    grown, experiment, folder = Store(tmp_path / "land"), asked(), tmp_path / "panel"
    write_blocks(grown, experiment, folder, n_blocks=2)
    one = grown.read("events").iloc[[0]].assign(event_id="new")
    late, early = pd.Timestamp("2025-06-08", tz=ZONE), pd.Timestamp("2025-03-15 12:00", tz=ZONE)
    grown.write("events", one.assign(known_at=late, occurred_at=late - pd.Timedelta(hours=9)))
    assert write_blocks(grown, experiment, folder, n_blocks=2).written == 0
    grown.write("events", one.assign(event_id="newer", known_at=early, occurred_at=early))

    done = write_blocks(grown, experiment, folder, n_blocks=2)
    assert done.written == 4, "the date after it, and the one whose outcome it is"
    wanted = build_panel(grown, experiment)
    pd.testing.assert_frame_equal(
        read_panel(folder)[list(wanted)], wanted, check_freq=False, check_categorical=False, rtol=1e-6
    )


def test_scores_of_a_streamed_store_are_the_scores(store):
    """A model scores a night of a store in blocks as it does at once."""
    experiment = asked(model=ModelSettings(n_trees=5, min_rows_in_leaf=20))
    model = RiskModel.of(experiment).fit(build_panel(store, experiment))
    night = panel_of(History.load(store), model.features, ["2025-05-19"], label=model.label)
    found = score_blocks(store, model, "2025-05-19", capacity=6, n_blocks=4)

    pd.testing.assert_frame_equal(found, score(model, night, capacity=6), rtol=1e-6, check_categorical=False)


def test_no_more_than_a_batch_a_bucket_or_a_block_is_read(store, tmp_path, monkeypatch):
    """Of the records no more rows are in one table than a batch has, a bucket, or what a block is sent; all of them are in none."""
    sizes = {"batch": [], "bucket": [], "block": []}

    def noted(module, name, what):
        real = getattr(module, name)

        def note(*given, **named):
            table = real(*given, **named)
            sizes[what].append(len(table))
            return table

        monkeypatch.setattr(module, name, note)

    noted(reading, "_coded", "batch")
    noted(streaming, "read", "bucket")
    write_blocks(store, asked(), tmp_path / "panel", n_blocks=7)
    n = reading.n_rows(store, "events")

    assert n > 3000
    assert max(sizes["batch"]) <= 200
    assert max(sizes["bucket"]) < 800, "events of one bucket, which are not of one size"


def test_a_bucket_may_be_emptied_twice(store, tmp_path, monkeypatch):
    """A worker that is lost after it emptied a bucket changes nothing: another does the same again, from the same file."""
    write_blocks(store, asked(), tmp_path / "once", n_blocks=3)
    real, done = streaming.bring, []

    def bring(job, number):
        done.append(number)
        real(job, number)
        return real(job, number)

    monkeypatch.setattr(streaming, "bring", bring)
    write_blocks(store, asked(), tmp_path / "twice", n_blocks=3)

    assert len(done) > 1
    for place in sorted((tmp_path / "once").rglob("*.parquet")):
        assert place.read_bytes() == (tmp_path / "twice" / place.relative_to(tmp_path / "once")).read_bytes()


def test_an_event_goes_whole_to_every_block_it_ever_lay_in():
    """A correction from one block to another reaches both, with all that was said of the event before and after."""
    rows = pa.table({"grid_id": pa.array([0, 1, 0, 2], pa.int32()), "said": ["a1", "a2", "b1", "c1"]})
    needed = spilling.sparse.csr_matrix(np.array([[1, 0], [0, 1], [0, 0]]))
    found = {b: some["said"].to_pylist() for b, some in spilling.into_blocks(rows, np.array([0, 0, 1, 2]), needed)}

    assert found == {0: ["a1", "a2", "b1"], 1: ["a1", "a2"]}


def test_a_store_that_changes_meanwhile_is_not_mixed(store, tmp_path, monkeypatch):
    """A delivery that is committed while the store is read ends the run with a sentence, and nothing is left behind."""
    shutil.copytree(store.path, tmp_path / "land")
    grown = Store(tmp_path / "land")
    real = reading._coded

    def coded(*given):
        if threading.current_thread().name != "delivered":
            threading.current_thread().name = "delivered"
            grown.write("places", pd.DataFrame({"grid_id": [IDS[5]], "kind": ["school"], "n": [1.0]}))
        return real(*given)

    name = threading.current_thread().name
    monkeypatch.setattr(reading, "_coded", coded)
    with pytest.raises(BusyError, match="changed while it was read"):
        write_blocks(grown, asked(), tmp_path / "panel", n_blocks=2)
    threading.current_thread().name = name
    assert not (tmp_path / "panel").exists()


def test_a_damaged_file_is_named(store, tmp_path):
    """A part of the store that cannot be read ends the run by its name."""
    shutil.copytree(store.path, tmp_path / "land")
    part = sorted((tmp_path / "land").glob("tables/events/*/*.parquet"))[1]
    part.write_bytes(part.read_bytes()[:-40])

    with pytest.raises(DataError, match=part.name):
        write_blocks(Store(tmp_path / "land"), asked(), tmp_path / "panel", n_blocks=2)


def test_processes_cut_a_store_as_one_does(store, tmp_path):
    """Two processes write the files that one writes."""
    experiment = asked(declared=(Count("dispute", days=28).of_parent(), Count("visit", days=28)))
    write_blocks(store, experiment, tmp_path / "one", n_blocks=3)
    write_blocks(store, experiment, tmp_path / "two", n_blocks=3, engine=Engine(jobs=2))

    pd.testing.assert_frame_equal(read_panel(tmp_path / "two"), read_panel(tmp_path / "one"))
