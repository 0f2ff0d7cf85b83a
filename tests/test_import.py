"""Importing costs little, and says truly what is there."""

import os
import resource
import subprocess
import sys

import pytest

import riskwarn

HEAVY = {
    "distributed",
    "pyspark",
    "mlflow",
    "shap",
    "lightgbm",
    "sklearn",
    "fastapi",
    "geopandas",
    "matplotlib",
    "uvicorn",
    "openpyxl",
    "xlsxwriter",
}


def cpu_seconds(code, repeats=2):
    """Least processor time of a fresh Python that runs `code`."""
    spent = []
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(spent)


def loaded(code):
    """Names of the modules a fresh Python has loaded after `code`."""
    told = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print('loaded:', *sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    )
    return set(told.stdout.split("loaded:")[1].split())


def test_importing_costs_no_more_than_numpy_and_pandas():
    """In one run, on one machine: `import riskwarn` and `riskwarn --help` take less processor time than importing numpy and pandas."""
    tables = cpu_seconds("import numpy, pandas")
    package = cpu_seconds("import riskwarn")
    help_text = cpu_seconds("from riskwarn.cli import main; main(['--help'])")

    assert package < tables
    assert help_text < tables


def test_help_loads_no_tables():
    """Reading the command line needs neither numpy nor pandas."""
    helped = "from riskwarn.cli import VERBS, main\nfor verb in VERBS: main([verb, '--help'])"

    assert not {"numpy", "pandas", "rich"} & loaded(helped)


def test_heavy_guests_wait():
    """Loading every module from the store to the pipeline loads none of the heavy libraries: they come when a verb needs them."""
    assert not HEAVY & loaded("import riskwarn.pipeline, riskwarn.ingest, riskwarn.exporting")


def test_the_public_face_is_what_is_there():
    """Every name of __all__ can be had and is listed; an unknown one is an error that names it."""
    for name in riskwarn.__all__:
        assert getattr(riskwarn, name) is not None
    assert set(riskwarn.__all__) <= set(dir(riskwarn))
    assert set(
        "Store RiskModel Feature Label Experiment build_panel backtest train score explain find_gaps raise_alerts".split()
    ) == set(riskwarn.__all__) - {"__version__"}
    assert riskwarn.backtest_plan is riskwarn.replaying.backtest_plan
    with pytest.raises(AttributeError, match="no attribute 'predict_persons'"):
        _ = riskwarn.predict_persons


@pytest.mark.parametrize("name", riskwarn._MODULES)
def test_every_module_is_one_dot_away(name):
    """`rw.metrics`, `rw.grid` and the others load when first used."""
    assert getattr(riskwarn, name).__name__ == f"riskwarn.{name}"


def test_the_starter_is_where_scripts_of_cities_find_it():
    """What builds a panel of the shipped questions asks the pipeline for them; it is the same folder as that of a new city."""
    from riskwarn import pipeline, scaffold

    assert pipeline.starter("experiments") == scaffold.starter("experiments")


def test_tables_are_checked_without_spark(tmp_path):
    """Where Spark is installed, checking a table loads nothing of it and leaves its settings alone."""
    spark = tmp_path / "pyspark"
    spark.mkdir()
    (spark / "__init__.py").write_text("import sys; sys.exit('pyspark was loaded')", "utf-8")
    code = (
        "import os, sys; import pandas as pd; from riskwarn.schema import conform;"
        "at = pd.Timestamp('2025-01-01', tz='UTC');"
        "conform('grids', pd.DataFrame({'grid_id': ['A'], 'valid_from': [at]}));"
        "assert 'pyspark' not in sys.modules and 'SPARK_LOCAL_IP' not in os.environ"
    )
    env = {k: v for k, v in os.environ.items() if k != "SPARK_LOCAL_IP"}
    paths = os.pathsep.join([str(tmp_path), env.get("PYTHONPATH", "")])
    run = subprocess.run(
        [sys.executable, "-c", code], env=env | {"PYTHONPATH": paths}, capture_output=True, check=False
    )

    assert run.returncode == 0, run.stderr.decode()
