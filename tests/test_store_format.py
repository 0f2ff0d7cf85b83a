"""Formats of a store: last version's is read and brought up to today's, a newer one is refused, and no pointer is a link."""

import json
import logging
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import towns

from riskwarn import tracking
from riskwarn.cli import main
from riskwarn.errors import DataError
from riskwarn.history import History
from riskwarn.panel import panel_of
from riskwarn.pipeline import nightly
from riskwarn.store import FORMAT, Store

ARCHIVE = Path(__file__).parent / "stores" / "format1.tar.xz"
FIRST, SECOND = "2025-12-15", "2025-12-16"
RUNS = {FIRST: ["c0f5784fbfd67f06", "4b567366495aeb85"], SECOND: ["389705216f6c1a40"]}
BUNDLE = ".candidate-aedbe217fe730291"
MODEL = "00ef62a343af"
MAPPING = f"""
timezone = "{towns.ZONE}"
source = "police_call"
category = {{vocabulary = "police"}}
columns = {{event_id = "id", occurred_at = "at", grid_id = "grid", category = "kind"}}
"""


@pytest.fixture
def old(tmp_path):
    """A store as the last code of format 1 left it; see ``stores/make.py``."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "city"


def seen(store):
    """What a reader sees of it."""
    nights = {str(at.date()): store.run_of(at) for at in store.nights()}
    scores = [store.read("scores", as_of=at) for at in store.nights()]
    kept = tracking.kept(store.path, towns.TARGET, alias="candidate").version
    return store.digest(), store.quarantined("events"), nights, kept, [s.to_csv() for s in scores]


def test_last_versions_store_is_read(old):
    """Its records, quarantine, nights, runs and model, before anything is changed; the page's newest night is its newest."""
    store = Store(old)
    digest, quarantined, nights, kept, scores = seen(store)

    assert (store.format, json.loads((old / "store.json").read_text())) == (1, {"format": 1, "timezone": towns.ZONE})
    assert digest == towns.street().digest()
    assert quarantined == ["b1"]
    assert nights == {FIRST: RUNS[FIRST][-1], SECOND: RUNS[SECOND][-1]}
    assert {at: sorted(store.runs(at)) for at in RUNS} == {at: sorted(runs) for at, runs in RUNS.items()}
    assert kept == MODEL
    assert [len(s.splitlines()) for s in scores] == [13, 13]
    assert store.faults() == []
    assert store.newest_night().run == RUNS[SECOND][-1]


def test_its_model_scores_as_it_did(old):
    """A bundle without a format is of the first: it keeps the level of its latest dates, and says of both nights what they published."""
    store = Store(old)
    model = tracking.kept(old, towns.TARGET, alias="candidate")
    body = json.loads((old / "models" / towns.TARGET / BUNDLE / "model.json").read_text("utf-8"))

    assert not {"format", "tide"} & {*body}
    assert (model.settings.city_level, model.tide.weights) == ("latest", {})
    for at in store.nights():
        published = store.read("scores", as_of=at).set_index("grid_id").sort_index()
        night = panel_of(History.load(store), model.features, [at]).set_index("grid_id", drop=False).sort_index()
        said = model.predict(night)
        np.testing.assert_allclose(said["expected"], published["expected"], rtol=1e-6)
        np.testing.assert_allclose(said["probability"], published["probability"], rtol=1e-6)


def test_the_next_writer_brings_it_up(old, caplog):
    """A night of today's code migrates it first and says so; all that was there is read as before."""
    store = Store(old)
    before = seen(store)
    with caplog.at_level(logging.WARNING, "riskwarn"), store.lock():
        pass

    assert "store format 1 is now 2" in caplog.text
    assert store.format == FORMAT
    assert seen(Store(old)) == before
    night = nightly(store, towns.TARGET, as_of="2025-12-17", alias="candidate")
    assert [str(at.date()) for at in store.nights()] == [FIRST, SECOND, "2025-12-17"]
    assert len(night.scores) == 12


def test_it_may_be_asked_for(old, capsys):
    """`riskwarn migrate` says what it did, and does nothing the second time."""
    assert main(["migrate", "--store", str(old), "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert main(["migrate", "--store", str(old), "--json"]) == 0
    second = json.loads(capsys.readouterr().out)

    assert (first["format"], len(first["done"])) == (FORMAT, 1)
    assert (second["format"], second["done"]) == (FORMAT, [])
    assert main(["migrate", "--store", str(old.parent / "none")]) == 13


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_links_become_files(old):
    """The pointers of the first versions were symbolic links: they are followed, and become files that give the same name."""
    alias = old / "models" / towns.TARGET / "candidate"
    alias.unlink()
    alias.symlink_to(BUNDLE)
    stray = alias.with_name("champion")
    stray.symlink_to("../../../elsewhere")
    before = seen(Store(old))
    done = Store(old).migrate()

    assert not alias.is_symlink()
    assert alias.read_text() == BUNDLE
    assert seen(Store(old)) == before
    assert [said for said in done if "left as it is" in said] == [done[1]]
    with pytest.raises(DataError, match="names no bundle beside it"):
        tracking.kept(old, towns.TARGET, alias="champion")


def test_a_kill_within_the_migration_loses_nothing(old, monkeypatch):
    """The head is written last: broken off before, the store is still of the old format, and the next one does it all."""

    def fail(*_):
        raise OSError("disk full")

    before = seen(Store(old))
    with monkeypatch.context() as patch:
        patch.setattr("riskwarn.store.format.write_bytes", fail)
        with pytest.raises(OSError, match="disk full"):
            Store(old).migrate()

    assert (Store(old).format, seen(Store(old))) == (1, before)
    Store(old).migrate()
    assert (Store(old).format, seen(Store(old))) == (FORMAT, before)


def test_a_newer_store_is_refused(tmp_path):
    """Nothing of it is read or changed; the message names the version that wrote it and the two ways out."""
    head = tmp_path / "store.json"
    head.write_text(json.dumps({"format": FORMAT + 1, "timezone": "UTC", "written_by": "9.1.0"}))
    with pytest.raises(DataError, match=r"format 3, and riskwarn .* reads 1 to 2\. Install riskwarn 9\.1\.0.*backup"):
        Store(tmp_path)

    assert [p.name for p in tmp_path.iterdir()] == ["store.json"]


JOBS = """
import os, sys, warnings
sys.modules["fcntl"] = None
def refused(*_, **__):
    raise AssertionError("not on every system")
os.symlink = os.fork = os.pread = os.pwrite = refused
warnings.filterwarnings("ignore", message="only soft file lock")
from pathlib import Path
from riskwarn.access.journal import Journal
from riskwarn.cli import main
from riskwarn.errors import BusyError
from riskwarn.store import Store
store, file, mapping = sys.argv[1:]
def run(*words):
    code = main([*words, "--store", store, "--json"])
    assert code == 0, (words, code)
run("ingest", file, "--mapping", mapping)
night = ("nightly", "--as-of", "2025-12-15", "--alias", "candidate", "--capacity")
run(*night, "4")
run(*night, "5")
with Store(store).lock():
    assert main([*night, "6", "--store", store]) == 17
journal = Journal(Path(store))
for status in (200, 404):
    journal.record({"route": "/api/v1/scores", "status": status})
assert (journal.verify().n_rows, journal.verify().sound) == (2, True)
"""


def _n_events(store):
    return len(store.read("events", source="police_call"))


def test_nothing_is_needed_that_some_systems_lack(tmp_path):
    """Without fcntl, symbolic links and forks a delivery, two nights, a lock that is held and the audit log work as anywhere."""
    town = towns.copy(towns.street(), tmp_path / "city")
    (tmp_path / "calls.csv").write_text(
        "id,at,grid,kind\nn1,2025-12-01 10:00,G01,纠纷\nn2,2025-12-02 11:00,G05,纠纷\n", "utf-8"
    )
    (tmp_path / "calls.toml").write_text(MAPPING, "utf-8")
    # the lock of such a system is a file that is there while it is held; where there is fcntl it stays
    (town.path / ".lock").unlink(missing_ok=True)
    words = [str(town.path), str(tmp_path / "calls.csv"), str(tmp_path / "calls.toml")]
    done = subprocess.run([sys.executable, "-c", JOBS, *words], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert len(town.runs(towns.STREET_NIGHT)) == 2
    assert _n_events(town) == _n_events(towns.street()) + 2
    assert not [p for p in town.path.rglob("*") if p.is_symlink()]
