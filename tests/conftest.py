"""What the tests share: one thread, no progress bars, slow tests on request."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RISKWARN_THREADS", "1")
os.environ.setdefault("RISKWARN_PROGRESS", "0")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

import gc
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings

# a busy machine says nothing of a rule: no example has a deadline
settings.register_profile("house", deadline=None)
settings.load_profile("house")

gc.disable()  # until the tests are collected: what they import stays


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also run the slow tests")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--slow"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="slow: run with --slow"))


def pytest_collection_finish():
    """Look through the tests' own objects alone, and seldom: of the modules and thousands of tests none goes before the end."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    gc.enable()


def pytest_runtest_setup():
    """Once a test has loaded MLflow, let it migrate one new SQLite file in this process, and copy that into the next ones."""
    utils = sys.modules.get("mlflow.store.db.utils")
    if utils is not None and not isinstance(utils._initialize_tables, Migrated):
        utils._initialize_tables = Migrated(utils._initialize_tables)


class Migrated:
    """The tables of a new record of MLflow: made by its own migrations the first time, which takes seconds, then copied."""

    def __init__(self, migrate):
        self.migrate, self.made = migrate, None

    def __call__(self, engine):
        if self.made is None or engine.dialect.name != "sqlite":
            self.migrate(engine)
        if engine.dialect.name == "sqlite":
            with closing(engine.raw_connection()) as file:
                self.copied(file.driver_connection)

    def copied(self, file):
        """Keep what a file has, or give it what is kept."""
        if self.made is None:
            self.made = sqlite3.connect(":memory:", check_same_thread=False)
            file.backup(self.made)
        else:
            self.made.backup(file)


def absent(reason):
    """Skip with a reason; where RISKWARN_CI is set an absent tool is a failure."""
    if os.environ.get("RISKWARN_CI"):
        pytest.fail(f"CI must have this: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres_server():
    """A private PostgreSQL on a socket of its own; gone afterwards. Gives its URL, without a database's name."""
    control = shutil.which("pg_ctl") or next(
        (str(p) for p in sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))), None
    )
    if control is None:
        absent("PostgreSQL (pg_ctl) is not installed")
    folder = Path(os.path.realpath(control)).parent
    home = Path("/tmp") / f"riskwarn-ledger-{os.getpid()}"  # a socket path must be short
    home.mkdir()
    user = {}
    if os.geteuid() == 0:
        shutil.chown(home, "nobody")
        user = {"user": "nobody"}

    def run(*command: object) -> None:
        env = {**os.environ, "LC_ALL": "C.UTF-8"}
        subprocess.run([*command], capture_output=True, check=True, cwd=home, env=env, **user)

    data = home / "data"
    run(folder / "initdb", "-D", data, "-A", "trust", "-U", "tester", "-E", "UTF8", "--no-sync")
    listen = f"-k {home} -h '' -c fsync=off"
    run(folder / "pg_ctl", "-D", data, "-w", "-o", listen, "-l", home / "log", "start")
    yield f"postgresql+psycopg://tester:pa55word@/{{}}?host={home}"
    run(folder / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    shutil.rmtree(home)


@pytest.fixture
def postgres_database(postgres_server, request):
    """URL of a new database of that server."""
    import uuid

    import sqlalchemy as sa

    name = f"ledger_{uuid.uuid4().hex[:8]}"
    root = sa.create_engine(postgres_server.format("postgres"), isolation_level="AUTOCOMMIT")
    with root.connect() as link:
        link.execute(sa.text(f"CREATE DATABASE {name}"))
    root.dispose()
    return postgres_server.format(name)
