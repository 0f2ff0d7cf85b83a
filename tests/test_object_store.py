"""Panels and pieces in an object store: the same files, whole or not there, without a rename."""

from pathlib import Path

import pandas as pd
import pytest
from pyarrow import fs
from test_distributed import asked
from towns.country import DATES, country
from towns.events import GRIDS, ZONE, crowd
from towns.objects import Objects

from riskwarn.cli import main
from riskwarn.distributed import Engine, score_blocks, write_blocks
from riskwarn.distributed.panel import PIECES
from riskwarn.errors import DataError, DefinitionError, UnreachableError
from riskwarn.experiment import ModelSettings
from riskwarn.feature import Count
from riskwarn.model import RiskModel
from riskwarn.panel import Progress, build_panel, panel_of, read_panel, rows_on_disk, write_panel
from riskwarn.scoring import score
from riskwarn.store import Store
from riskwarn.store.remote import Remote, folder_of

FEW = (Count("dispute", days=28).of_parent(), Count("dispute", days=28).nearby(), Count("visit", days=28))


@pytest.fixture(scope="module")
def history():
    return country()


@pytest.fixture
def objects():
    return Objects()


@pytest.fixture
def bucket(objects):
    """A place in an object store."""
    return Remote(fs.PyFileSystem(objects), "bucket/panel")


def test_a_panel_in_an_object_store_is_the_panel(history, objects, bucket, tmp_path):
    """Blocks written to an object store read as those written to a folder, object for file; pieces are taken away afterwards."""
    experiment = asked(declared=FEW)
    done = write_blocks(history, experiment, bucket, n_blocks=3)
    write_blocks(history, experiment, tmp_path / "panel", n_blocks=3)

    pd.testing.assert_frame_equal(read_panel(bucket), read_panel(tmp_path / "panel"))
    assert done == Progress(9, 0)
    assert write_blocks(history, experiment, bucket, n_blocks=3) == Progress(0, 9)
    files = (path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert sorted(objects.held) == sorted(f"bucket/{file}" for file in files if not file.endswith(".lock"))


def test_a_store_is_cut_into_an_object_store(objects, bucket, tmp_path):
    """What is spilled for the blocks of a store, and their pieces, lie in the object store, and the panel is that of the store."""
    store = Store(tmp_path / "city", timezone=ZONE)
    store.write("grids", GRIDS)
    events = crowd(400)
    store.write("events", events[events["grid_id"].isin(GRIDS["grid_id"])])
    experiment = asked(declared=FEW[:2])
    write_blocks(store, experiment, bucket, n_blocks=2)
    wanted = build_panel(store, experiment)

    pd.testing.assert_frame_equal(
        read_panel(bucket)[list(wanted)], wanted, check_freq=False, check_categorical=False, rtol=1e-6
    )
    assert not [key for key in objects.held if PIECES in key]


def test_a_date_is_whole_when_its_marker_is_written(history, objects, bucket):
    """Without a rename a date counts when the marker names it: before that it is refused, and a run goes on where it was."""
    experiment = asked(declared=FEW)
    write_blocks(history, experiment, bucket, n_blocks=3)
    wanted, lost = read_panel(bucket), sorted(key for key in objects.held if "block" in key)[4]
    del objects.held[lost]
    with pytest.raises(DataError, match="2 of 3 blocks"):
        read_panel(bucket)
    half = sorted(key for key in objects.held if "block-" in key)[1]
    objects.held[half] = objects.held[half][:200]

    assert write_blocks(history, experiment, bucket, n_blocks=3) == Progress(2, 7)
    pd.testing.assert_frame_equal(read_panel(bucket), wanted)


def test_an_upload_that_breaks_off_leaves_no_object(history, objects, bucket, monkeypatch):
    """A block is uploaded in one go when all of it is made: an error while it is made leaves nothing under its name."""

    def broken(*given, **named):
        given[1].write(b"PAR1 and half of it")
        raise MemoryError

    monkeypatch.setattr("pyarrow.parquet.write_table", broken)
    with pytest.raises(Exception, match="outgrown"):
        write_blocks(history, asked(declared=FEW[:1]), bucket, as_of=DATES[:1], n_blocks=1)

    assert not [key for key in objects.held if "as_of" in key]


def test_a_panel_without_blocks_can_lie_in_an_object_store(history, bucket):
    """`write_panel` resumes there, too, and the two kinds do not mix."""
    experiment = asked(declared=FEW[:1])
    assert write_panel(history, experiment, bucket) == Progress(3, 0)
    assert write_panel(history, experiment, bucket) == Progress(0, 3)
    assert len(read_panel(bucket)) == 3 * 40
    with pytest.raises(DataError, match="written without blocks"):
        write_blocks(history, experiment, bucket, n_blocks=2)


def test_rows_for_training_are_read_from_an_object_store(history, bucket, tmp_path):
    """A panel in an object store is learnt from a part at a time, as one in a folder is."""
    experiment = asked(declared=FEW[:2])
    write_blocks(history, experiment, bucket, n_blocks=2)
    write_blocks(history, experiment, tmp_path / "panel", n_blocks=2)
    names = [f.name for f in experiment.columns]
    with rows_on_disk(bucket, names) as there, rows_on_disk(tmp_path / "panel", names) as here:
        pd.testing.assert_frame_equal(there.keys, here.keys)
        pd.testing.assert_frame_equal(there.source.take(slice(0, 40), names), here.source.take(slice(0, 40), names))


def test_workers_find_pieces_where_they_are_told(history, tmp_path):
    """A file system is sent to worker processes, which read pieces from it: scores are those of one process."""
    experiment = asked(declared=FEW[:2], model=ModelSettings(n_trees=3, min_rows_in_leaf=20))
    model = RiskModel.of(experiment).fit(build_panel(history, experiment))
    home = Remote(fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem()), "pieces")
    found = score_blocks(history, model, "2025-05-19", capacity=6, n_blocks=3, engine=Engine(jobs=2), folder=home)
    night = panel_of(history, model.features, ["2025-05-19"], label=model.label)

    pd.testing.assert_frame_equal(found, score(model, night, capacity=6), rtol=1e-6, check_categorical=False)
    assert not list(tmp_path.rglob("*.npz"))


def test_a_store_that_does_not_answer_is_one_sentence(history, objects, bucket, tmp_path, capsys):
    """An object store that is down, or of a kind nobody knows, ends with a sentence and an exit code of its own."""
    objects.down = True
    with pytest.raises(UnreachableError, match="no route to host"):
        write_blocks(history, asked(declared=FEW[:1]), bucket, n_blocks=2)
    with pytest.raises(DefinitionError, match="no file system is known for 'tape'"):
        folder_of("tape://vault/panel")
    store = Store(tmp_path / "city", timezone=ZONE)
    store.write("grids", GRIDS)
    words = ["panel", "weekly", "--store", str(tmp_path / "city"), "--blocks", "2"]
    assert main([*words, "--out", "tape://vault/panel"]) != 0
    assert "Traceback" not in capsys.readouterr().err


def test_an_address_is_told_from_a_path(tmp_path):
    """A scheme of two letters and more is an address, also where a path has lost one of its strokes; a drive is none."""
    assert folder_of(tmp_path) == tmp_path.resolve()
    assert folder_of("file:///srv/panel") == folder_of("file:/srv/panel") == Path("/srv/panel").resolve()
    assert folder_of("file:///srv/my%20panel") == Path("/srv/my panel").resolve()
    assert folder_of("/srv/my%20panel") == Path("/srv/my%20panel").resolve()
    assert folder_of("gs://bucket/panel") == folder_of("gs:/bucket/panel")
    assert folder_of("gs://bucket/panel").path == "bucket/panel"
    assert not isinstance(folder_of("C:/panel"), Remote)
