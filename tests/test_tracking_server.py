"""A real MLflow server on PostgreSQL: it registers, promotes and gives the champion to a night; gone, it costs a night nothing."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from urllib.request import urlopen

import pytest
import towns

from riskwarn import tracking
from riskwarn.errors import NotFoundError
from riskwarn.pipeline import nightly

STARTS_IN_SECONDS = 240


@pytest.fixture
def server(postgres_database, tmp_path):
    """``mlflow server`` of this machine, its records in PostgreSQL and its files in a folder: its address and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", postgres_database]
    command += ["--artifacts-destination", str(tmp_path / "artifacts"), "--host", "127.0.0.1", "--port", str(port)]
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--workers", "1"], env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            await_answer(f"http://127.0.0.1:{port}/health", process)
            yield f"http://127.0.0.1:{port}", process
        finally:
            end(process)


def await_answer(address, process):
    """Wait until a server that is starting answers."""
    until = time.monotonic() + STARTS_IN_SECONDS
    while True:
        assert process.poll() is None, "the server ended"
        assert time.monotonic() < until, "the server does not start"
        try:
            with urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.5)


def end(process):
    """Kill a server and the processes it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


@pytest.mark.slow
def test_a_server_on_postgresql_serves_a_night_and_is_not_missed(server, tmp_path, monkeypatch):
    """Registered and promoted over HTTP, the champion is loaded by a night that keeps none; once kept, nights run with the server killed and never ask for it."""
    uri, process = server
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setattr("riskwarn.tracking.server._SECONDS", 60)  # the machine that runs the test may be busy
    store = towns.copy(towns.street(), tmp_path / "street")
    model = tracking.kept(store.path, towns.TARGET, alias=tracking.CANDIDATE)
    shutil.rmtree(store.path / "models")
    logged = tracking.log_training(
        model, towns.street_experiment(), towns.street_panel(), report=towns.judged("hint"), uri=uri, data_digest="d1"
    )
    version = tracking.promote(towns.TARGET, uri=uri, holds=())

    fetched = nightly(store, towns.TARGET, as_of="2025-12-12")
    assert (logged.facts["mlflow_version"], logged.facts["mlflow_uri"]) == (version, uri)
    assert fetched.facts["model_version"] == model.version
    assert fetched.facts["alias"] == tracking.CHAMPION
    assert fetched.facts["mlflow_run"] == logged.facts["mlflow_run"]

    tracking.promote(towns.TARGET, uri=uri, version=version, folder=store.path, holds=())
    end(process)
    monkeypatch.setattr("riskwarn.tracking.server._SECONDS", 2)
    with pytest.raises(NotFoundError, match="does not answer within 2 s"):
        tracking.fetch(towns.TARGET, uri=uri)
    asked = []
    monkeypatch.setattr("riskwarn.tracking.runs.connected", asked.append)
    night = nightly(store, towns.TARGET, as_of=towns.STREET_NIGHT)
    assert night.facts["model_version"] == model.version
    assert asked == []
