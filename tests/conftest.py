"""What the tests share: one thread, no progress bars, slow tests on request."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("RISKWARN_THREADS", "1")
os.environ.setdefault("RISKWARN_PROGRESS", "0")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

import pytest


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also run the slow tests")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--slow"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="slow: run with --slow"))


def absent(reason):
    """Skip with a reason; where RISKWARN_CI is set an absent tool is a failure."""
    if os.environ.get("RISKWARN_CI"):
        pytest.fail(f"CI must have this: {reason}")
    pytest.skip(reason)
