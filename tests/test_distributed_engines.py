"""The same numbers on every engine: processes of this machine, a Dask cluster with workers of its own, and Spark."""

import dataclasses
import datetime as dt
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import towns
from conftest import absent
from test_distributed_nightly import check_same as check_published
from towns.country import DATES, country, stored

from riskwarn.audit import under_reporting
from riskwarn.cli import main
from riskwarn.distributed import (
    Engine,
    dask_engine,
    explain_blocks,
    nightly_blocks,
    search_blocks,
    train_blocks,
    write_blocks,
)
from riskwarn.distributed.auditing import StoreApart
from riskwarn.distributed.dask_forest import grown_on
from riskwarn.distributed.task import answered_at
from riskwarn.errors import DefinitionError, EngineError, MissingExtraError, NotFoundError
from riskwarn.experiment import Dates, Experiment, Gate, Judge, ModelSettings
from riskwarn.explanation import explain
from riskwarn.feature import Count, Feature, Open, Ratio, Share
from riskwarn.gaps import find_gaps
from riskwarn.history import Stream
from riskwarn.label import Label
from riskwarn.language import Words
from riskwarn.model import RiskModel
from riskwarn.panel import Progress, build_panel, panel_of, read_panel, rows_on_disk
from riskwarn.pipeline import nightly
from riskwarn.store import Store

DISPUTES = (Stream("dispute"),)
FEATURES = (
    Count("dispute", days=28),
    Open("dispute"),
    Count("dispute", days=28).nearby(),
    Count("police_call", days=28).of_parent(),
    Ratio(Count("dispute", days=28), Count("dispute", days=84)),
    Share("dispute", "police_call", days=28).of_parent("county_id"),
)
COUNTS = [FEATURES[0].name, FEATURES[1].name, FEATURES[2].name, "n_events", "y"]


def asked(features=FEATURES, kind="count"):
    label = Label("disputes_7d", DISPUTES, days=7, settle_days=3, kind=kind, past_days=0 if kind == "count" else 28)
    return Experiment("?", label, Dates(DATES[0], DATES[-1], every_days=28), features)


@pytest.fixture(scope="module")
def history():
    return country(1500)


@pytest.fixture(scope="module")
def wanted(history):
    """The panel of the whole country at once."""
    return build_panel(history, asked(kind="emergence"))


@pytest.fixture(scope="module")
def model(history):
    """A model of weekly dates."""
    weekly = dataclasses.replace(
        asked(),
        dates=Dates(dt.date(2025, 1, 20), dt.date(2025, 4, 7)),
        model=ModelSettings(n_trees=20, min_rows_in_leaf=5, learning_rate=0.2, l2=0.1),
    )
    return RiskModel.of(weekly).fit(build_panel(history, weekly))


@pytest.fixture(scope="module")
def cluster():
    """A Dask cluster: a scheduler and two worker processes; its address."""
    if importlib.util.find_spec("distributed") is None:
        absent("dask is not installed; make engines brings it")
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as running:
        yield running.scheduler_address


@pytest.fixture(scope="module")
def spark():
    """A Spark cluster: a master and two workers, each a JVM of its own with Python workers of their own."""
    if importlib.util.find_spec("pyspark") is None:
        absent("pyspark is not installed; make engines brings it")
    if shutil.which("java") is None:
        absent("Java 17 is not installed: Spark runs on it")
    os.environ |= {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyspark.sql import SparkSession

        paths = os.pathsep.join([*os.environ.get("PYTHONPATH", "").split(os.pathsep), str(Path(__file__).parent)])
        session = (
            SparkSession.builder.master("local-cluster[2,1,1024]")
            .config("spark.executorEnv.PYTHONPATH", paths)
            .config("spark.ui.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false")
            .getOrCreate()
        )
    yield session
    session.stop()


def check_same(folder, wanted):
    """The panel on disk has the whole's counts to the bit, and its other numbers to one in a million."""
    found = read_panel(folder)
    same = {"check_freq": False, "check_categorical": False}
    pd.testing.assert_frame_equal(found[list(wanted)], wanted, rtol=1e-6, atol=1e-9, **same)
    exact = [name for name in COUNTS if name in wanted]
    assert len(exact) >= 4
    pd.testing.assert_frame_equal(found[exact], wanted[exact], check_exact=True)


def test_processes_have_the_numbers_of_the_whole(history, wanted, tmp_path):
    """Two processes of this machine write what one loop writes."""
    done = write_blocks(history, asked(kind="emergence"), tmp_path, engine=Engine(jobs=2), n_blocks=7)

    assert done == Progress(21, 0)
    check_same(tmp_path, wanted)


@pytest.mark.parametrize("n_blocks", [1, 2, 7])
def test_dask_has_the_numbers_of_the_whole(cluster, history, wanted, tmp_path, n_blocks):
    """One, two and seven blocks on separate worker processes are the panel of one machine."""
    engine = Engine("dask", address=cluster, jobs=2)
    done = write_blocks(history, asked(kind="emergence"), tmp_path, engine=engine, n_blocks=n_blocks)

    assert done == Progress(3 * n_blocks, 0)
    check_same(tmp_path, wanted)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # pyspark leaves the pipe of the Java that did not start open
def test_spark_without_java_is_told(monkeypatch):
    """Where Java is missing one sentence says so, and nothing is written."""
    if importlib.util.find_spec("pyspark") is None:
        absent("pyspark is not installed; make engines brings it")
    monkeypatch.setenv("JAVA_HOME", "/nowhere")

    with (
        pytest.raises(EngineError, match=r"Spark at local\[2\] does not answer .* needs Java 17"),
        Engine("spark", jobs=2).started(),
    ):
        pass


def check_reasons(history, model, engine, n_blocks):
    """The reasons of an engine are those of the whole country at once."""
    at = "2025-05-19"
    night = panel_of(history, model.features, [at], label=model.label, normals=model.features)
    found = explain_blocks(history, model, at, engine=engine, n_blocks=n_blocks)

    assert len(found) > 20
    pd.testing.assert_frame_equal(found, explain(model, night, history=history), rtol=1e-6)


def test_dask_has_the_reasons_of_the_whole(cluster, history, model):
    """What a block is compared with is the city's on separate worker processes, too."""
    check_reasons(history, model, Engine("dask", address=cluster, jobs=2), 3)


@pytest.fixture(scope="module")
def land(tmp_path_factory):
    """The country as a store."""
    return stored(tmp_path_factory.mktemp("engines") / "land")


def check_gaps(store, engine, n_parts):
    """The gaps of an engine are those of one machine, to the bit."""
    found = search_blocks(store, as_of="2025-06-02", engine=engine, n_blocks=n_parts)

    assert found["kind"].nunique() > 5
    pd.testing.assert_frame_equal(found, find_gaps(store, as_of="2025-06-02"), check_exact=True)


@pytest.mark.parametrize("n_parts", [1, 2, 7])
def test_dask_has_the_gaps_of_the_whole(cluster, land, n_parts):
    """One, two and seven parts of the events on separate worker processes tell the gaps of one machine."""
    check_gaps(land, Engine("dask", address=cluster, jobs=2), n_parts)


def test_processes_have_the_gaps_of_the_whole(land):
    """Two processes of this machine find what one finds."""
    check_gaps(land, Engine(jobs=2), 2)


@pytest.mark.slow
@pytest.mark.parametrize("n_parts", [1, 2, 7])
def test_spark_has_the_gaps_of_the_whole(spark, land, n_parts):
    """One, two and seven parts of the events on Spark workers tell the gaps of one machine."""
    check_gaps(land, Engine("spark"), n_parts)


@pytest.fixture(scope="module")
def told(land):
    """The panel of the country's store at once."""
    return build_panel(land, asked(kind="emergence"))


@pytest.mark.parametrize("n_blocks", [1, 2, 7])
def test_dask_has_the_numbers_of_a_store(cluster, land, told, tmp_path, n_blocks):
    """A store that nobody loads, cut by separate worker processes, has the panel of one machine."""
    write_blocks(land, asked(kind="emergence"), tmp_path, engine=Engine("dask", address=cluster), n_blocks=n_blocks)

    check_same(tmp_path, told)


def test_dask_has_the_audit_of_the_whole(cluster, land, model, tmp_path):
    """What a list keeps where less is reported, told by separate worker processes, is what the history at hand tells."""
    listing = dataclasses.replace(asked(), judge=Judge((0.4,)), gate=Gate(metric="capture_40", slices=()))
    apart = StoreApart(land, tmp_path, Engine("dask", address=cluster), 3)

    found = under_reporting(model, apart, listing, as_of="2025-05-19")

    assert found["kept"].notna().all()
    wanted = under_reporting(model, land, listing, as_of="2025-05-19")
    pd.testing.assert_frame_equal(found, wanted, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("n_blocks", [1, 2, 7])
def test_spark_has_the_numbers_of_a_store(spark, land, told, tmp_path, n_blocks):
    """A store that nobody loads, cut by Spark workers, has the panel of one machine."""
    write_blocks(land, asked(kind="emergence"), tmp_path, engine=Engine("spark"), n_blocks=n_blocks)

    check_same(tmp_path, told)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The night of the street, made in memory."""
    store = towns.copy(towns.street(), tmp_path_factory.mktemp("whole") / "street")
    nightly(store, towns.TARGET, as_of=towns.STREET_NIGHT, alias="candidate")
    return store


def check_night(published, folder, engine):
    """The night of an engine is the run of one machine, with its tables."""
    store = towns.copy(towns.street(), folder / "street")
    nightly_blocks(store, towns.TARGET, as_of=towns.STREET_NIGHT, alias="candidate", engine=engine, n_blocks=3)

    check_published(store, published)


def test_dask_publishes_the_night_of_the_whole(cluster, published, tmp_path):
    """Scores, reasons, gaps, monitors and lists from separate worker processes are those of one machine."""
    check_night(published, tmp_path, Engine("dask", address=cluster, jobs=2))


@pytest.mark.slow
def test_spark_publishes_the_night_of_the_whole(spark, published, tmp_path):
    """Scores, reasons, gaps, monitors and lists from Spark workers are those of one machine."""
    check_night(published, tmp_path, Engine("spark"))


def test_trees_grown_on_a_cluster_tell_the_outcomes(cluster, history, tmp_path):
    """Two workers with the rows of their blocks grow trees that tell the outcomes about as well as one machine's, and say nothing of the cluster."""
    weekly = dataclasses.replace(asked(), dates=Dates(dt.date(2025, 1, 20), dt.date(2025, 4, 7)))
    weekly = dataclasses.replace(weekly, model=ModelSettings(n_trees=30, min_rows_in_leaf=20, learning_rate=0.1))
    write_blocks(history, weekly, tmp_path, n_blocks=3)
    model = RiskModel.of(weekly)
    with rows_on_disk(tmp_path, model.feature_names) as rows, dask_engine.connected(cluster, 2) as client:
        here, there = (model.fit(rows, grow=grow) for grow in (None, partial(grown_on, client, tmp_path)))
        margins = (here.rate.margin, here.tree_margin, there.tree_margin)
        y, rates = rows.y, [rows.each(of, model.feature_names) for of in margins]
        ranked = RiskModel.of(dataclasses.replace(weekly, model=ModelSettings(objective="lambdarank")))
        with pytest.raises(DefinitionError, match="looks at more than a row and is not grown on a cluster"):
            ranked.fit(rows, grow=partial(grown_on, client, tmp_path))
    known = np.isfinite(y)
    told, own, spread = (float((y * rate - np.exp(rate))[known].mean()) for rate in rates)

    assert own > told
    assert spread > told
    assert abs(spread - own) < 0.25 * (own - told)
    assert not re.search(r"machines: \S|listen_port|127\.0\.0\.1", there.trees)
    assert RiskModel.load(there.save(tmp_path / "model")).version == there.version


def test_only_dask_grows_trees_on_its_workers(tmp_path):
    """Where an engine grows no trees it is said before anything is written."""
    store, engine = Store(tmp_path / "city", timezone="UTC"), Engine("spark")
    with pytest.raises(DefinitionError, match="engine 'spark' grows no trees on its workers"):
        train_blocks(store, asked(), tmp_path / "panel", engine=engine, spread=True)
    assert not (tmp_path / "panel").exists()


@pytest.mark.slow
def test_spark_has_the_reasons_of_the_whole(spark, history, model):
    """What a block is compared with is the city's on Spark workers, too."""
    check_reasons(history, model, Engine("spark"), 3)


@pytest.mark.slow
@pytest.mark.parametrize("n_blocks", [1, 2, 7])
def test_spark_has_the_numbers_of_the_whole(spark, history, wanted, tmp_path, n_blocks):
    """One, two and seven blocks on Spark workers are the panel of one machine."""
    done = write_blocks(history, asked(kind="emergence"), tmp_path, engine=Engine("spark"), n_blocks=n_blocks)

    assert done == Progress(3 * n_blocks, 0)
    check_same(tmp_path, wanted)


@pytest.mark.slow
def test_what_the_work_refuses_comes_back_from_spark(spark):
    """An error of ours that a Spark worker meets is raised here as what it is."""
    with Engine("spark").started() as running, pytest.raises(DefinitionError, match="no such feature of block 4"):
        list(running(refuse, [4], "no such feature"))
    with pytest.raises(EngineError, match="is active here, not of spark://elsewhere:7077"):
        Engine("spark", address="spark://elsewhere:7077").started().__enter__()


@dataclass(frozen=True)
class Fatal(Feature):
    """A count that ends the process it is computed in, once: the first that finds no `marker`."""

    marker: str = ""
    spared: int = 0
    name = "fatal_n"
    words = Words(zh="数", en="number")
    reads: ClassVar = (Stream("dispute"),)

    def compute(self, snapshot):
        if os.getpid() != self.spared and not Path(self.marker).exists():
            Path(self.marker).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return snapshot.count(Stream("dispute"), 28)


def test_a_worker_killed_in_the_middle_changes_nothing(cluster, history, tmp_path):
    """Dask does the blocks of a lost worker again; the panel is that of a run in which none was lost."""
    features = (*FEATURES, Fatal(str(tmp_path / "marker"), os.getpid()))
    experiment, calm = asked(features), asked()
    done = write_blocks(
        history, experiment, tmp_path / "panel", engine=Engine("dask", address=cluster, jobs=1), n_blocks=7
    )

    assert (tmp_path / "marker").exists(), "a worker was killed"
    assert done == Progress(21, 0)
    check_same(tmp_path / "panel", build_panel(history, calm))
    assert not list((tmp_path / "panel").rglob("*.partial"))


@dataclass(frozen=True)
class FatalReason(Fatal):
    """A count that ends the process in which reasons are told, once."""

    def compute(self, snapshot):
        return snapshot.count(Stream("dispute"), 28)

    def normal(self, snapshot):
        Fatal.compute(self, snapshot)
        return super().normal(snapshot)


def test_a_worker_killed_while_it_tells_reasons_changes_nothing(cluster, history, tmp_path):
    """The reasons are those of a run in which no worker was lost."""
    weekly = asked((*FEATURES, FatalReason(str(tmp_path / "marker"), os.getpid())))
    weekly = dataclasses.replace(weekly, dates=Dates(dt.date(2025, 1, 20), dt.date(2025, 4, 7)))
    weekly = dataclasses.replace(weekly, model=ModelSettings(n_trees=5, min_rows_in_leaf=5))
    model = RiskModel.of(weekly).fit(build_panel(history, weekly))

    check_reasons(history, model, Engine("dask", address=cluster, jobs=1), 3)

    assert (tmp_path / "marker").exists(), "a worker was killed"


def test_a_process_killed_in_the_middle_is_told_and_the_run_goes_on(history, tmp_path):
    """A process of this machine that is ended from outside ends the run in one sentence; the next run writes what is missing."""
    experiment = asked((*FEATURES, Fatal(str(tmp_path / "marker"), os.getpid())))
    with pytest.raises(EngineError, match="ended from outside"):
        write_blocks(history, experiment, tmp_path / "panel", engine=Engine(jobs=2), n_blocks=7)
    done = write_blocks(history, experiment, tmp_path / "panel", engine=Engine(), n_blocks=7)

    assert done.written + done.kept == 21
    check_same(tmp_path / "panel", build_panel(history, asked()))


def refuse(shared, number):
    raise DefinitionError(f"{shared} of block {number}")


def test_what_the_work_refuses_comes_back_from_a_cluster(cluster):
    """An error of ours that a worker meets is raised here as what it is, without a retry."""
    with (
        Engine("dask", address=cluster).started() as running,
        pytest.raises(DefinitionError, match="no such feature of block 4"),
    ):
        list(running(refuse, [4], "no such feature"))


def test_an_address_that_does_not_answer_is_told(monkeypatch):
    """One sentence says which address was tried and for how long."""
    if importlib.util.find_spec("distributed") is None:
        absent("dask is not installed; make engines brings it")
    monkeypatch.setattr(dask_engine, "WAIT_S", 1)

    with (
        pytest.raises(EngineError, match=r"Dask at tcp://127\.0\.0\.1:9 does not answer"),
        Engine("dask", address="tcp://127.0.0.1:9").started(),
    ):
        pass


EXPORT = {"table": "events", "source": "police_call", "timezone": "Asia/Shanghai"}


@pytest.mark.parametrize("store", ["city", "new/city"])
@pytest.mark.parametrize(
    "words",
    [
        ["panel", "experiments/asked.toml", "--out", "new/panel"],
        ["train", "experiments/asked.toml", "--panel", "new/panel"],
        ["ingest", "one.csv", "two.csv", "--mapping", "mapping.toml"],
    ],
    ids=lambda words: words[0],
)
def test_an_engine_that_does_not_answer_leaves_nothing(monkeypatch, tmp_path, words, store):
    """Whether there is a store or not, and a folder to write into or not: afterwards the files and folders are those of before."""
    if importlib.util.find_spec("distributed") is None:
        absent("dask is not installed; make engines brings it")
    monkeypatch.setattr(dask_engine, "WAIT_S", 1)
    monkeypatch.chdir(tmp_path)
    city = Store("city", timezone="Asia/Shanghai")
    city.write("grids", towns.street_grids())
    city.write("events", towns.street_events())
    towns.write_experiment(tmp_path / "experiments" / "asked.toml", towns.STREET_EXPERIMENT)
    columns = 'columns = { event_id = "id", occurred_at = "at", grid_id = "grid", category = "kind" }'
    mapping = "\n".join([*(f'{name} = "{said}"' for name, said in EXPORT.items()), columns])
    (tmp_path / "mapping.toml").write_text(f'{mapping}\ncategory.unknown = "slug"', "utf-8")
    for name in ("one", "two"):
        (tmp_path / f"{name}.csv").write_text(f"id,at,grid,kind\n{name},2025-05-05 08:00,G01,noise\n", "utf-8")
    (tmp_path / "features").symlink_to(towns.FEATURES)
    before = sorted(tmp_path.rglob("*"))

    code = main([*words, "--store", store, "--engine", "dask", "--address", "tcp://127.0.0.1:9"])

    is_asked = store == "city" or words[0] == "ingest"
    assert code == (EngineError if is_asked else NotFoundError).exit_code
    assert sorted(tmp_path.rglob("*")) == before


def test_workers_that_do_not_come_are_told(cluster, monkeypatch):
    """A scheduler that answers and has fewer workers than are asked for is told apart from one that does not answer."""
    monkeypatch.setattr(dask_engine, "WAIT_S", 1)

    with (
        pytest.raises(EngineError, match=r"answers, but not with 9 workers within 1 s .*fewer --jobs"),
        Engine("dask", address=cluster, jobs=9).started(),
    ):
        pass


@pytest.mark.parametrize("greeting", [b"", b"SSH-2.0-OpenSSH_9.2\r\n"])
def test_what_is_no_scheduler_is_told(monkeypatch, greeting):
    """A dashboard, which waits to be asked, and a server of another protocol are refused in a sentence that names the dashboard's port."""
    if importlib.util.find_spec("distributed") is None:
        absent("dask is not installed; make engines brings it")
    monkeypatch.setattr(dask_engine, "WAIT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=greets, args=(server, greeting), daemon=True)
        thread.start()
        with (
            pytest.raises(EngineError, match=r"is no Dask scheduler.*port of its dashboard"),
            Engine("dask", address=f"127.0.0.1:{server.getsockname()[1]}").started(),
        ):
            pass
        thread.join()


def greets(server, greeting):
    """One guest is greeted and heard until he goes."""
    guest, _ = server.accept()
    with guest:
        guest.sendall(greeting)
        while guest.recv(1024):
            pass


def test_workers_of_another_version_are_refused():
    """A worker with another riskwarn computes nothing: its numbers could be others."""
    answer = answered_at("0.0.1", refuse, None, 1)

    assert isinstance(answer, EngineError)
    assert "the machine that asks 0.0.1" in str(answer)


@pytest.mark.parametrize(("name", "package", "extra"), [("dask", "distributed", "dask"), ("spark", "pyspark", "spark")])
def test_an_engine_that_is_not_installed_is_named(monkeypatch, name, package, extra):
    """Who asks for an engine that is not there is told the extra it comes with."""
    find = importlib.util.find_spec
    monkeypatch.setattr("riskwarn.extras.find_spec", lambda wanted: None if wanted == package else find(wanted))

    with pytest.raises(MissingExtraError, match=rf"riskwarn\[{extra}\]"), Engine(name).started():
        pass


def test_an_engine_is_declared_within_its_range():
    """An engine that is not known, or no workers, are refused where they are declared."""
    with pytest.raises(DefinitionError, match="jobs: wanted a whole number of at least 1"):
        Engine(jobs=0)
    with pytest.raises(DefinitionError, match="'ray'"):
        Engine("ray")
    with pytest.raises(DefinitionError, match="name its engine: dask or spark"):
        Engine(address="tcp://here:1")


PATIENT = """
import os, sys, time
from pathlib import Path

def work(shared, number):
    (Path(shared) / str(os.getpid())).touch()
    time.sleep(600)

if __name__ == "__main__":
    import patient
    from riskwarn.distributed import Engine
    with Engine(jobs=2).started() as running:
        list(running(patient.work, [0, 1], sys.argv[1]))
"""


def test_workers_end_with_the_run_that_started_them(tmp_path):
    """Where a run is killed its worker processes end too, so that nothing is written after its lock is free."""
    told = tmp_path / "told"
    told.mkdir()
    (tmp_path / "patient.py").write_text(PATIENT, "utf-8")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(
        [sys.executable, tmp_path / "patient.py", told], env={**os.environ, "PYTHONPATH": path}
    ) as run:
        try:
            assert within(60, lambda: len(list(told.iterdir())) == 2)
        finally:
            run.kill()

    assert within(20, lambda: not any(Path(f"/proc/{pid.name}").exists() for pid in told.iterdir()))


def within(seconds, holds):
    """Whether something holds within so many seconds."""
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.1)
    return holds()
