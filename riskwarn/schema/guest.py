"""Pandera, as the tables use it. With it comes no part of Spark, where that is installed."""

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_SPARK = "pyspark"
_SET = ("SPARK_LOCAL_IP", "PYARROW_IGNORE_TIMEZONE")
"""Of the environment, what pandera sets for Spark: with the first a cluster could not reach this machine."""


@contextmanager
def _no_spark() -> Iterator[None]:
    # pandera looks for Spark's pandas whenever it is loaded: seconds, a warning of pandas 3, and two variables of the environment
    there, before = sys.modules.get(_SPARK), {name: os.environ.get(name) for name in _SET}
    sys.modules[_SPARK] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if there is None:
            del sys.modules[_SPARK]
        else:
            sys.modules[_SPARK] = there
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _pandera() -> Any:
    with _no_spark():
        found = importlib.import_module("pandera.pandas")
        importlib.import_module(
            "pandera.backends.pandas.builtin_checks"
        )  # else loaded at the first validation, and looks again
    return found


pa = _pandera()
