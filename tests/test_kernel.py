"""The compiled kernel and numpy count alike."""

import numpy as np
import pytest
import towns
from conftest import absent

from riskwarn.feature import load_group
from riskwarn.history import History, kernel
from riskwarn.pipeline import starter

UNLISTED = ("grid_mall", "grid_park")
"""Key places the town has none of, which it says."""
GROUPS = sorted(p.stem for p in starter("features").glob("*.py"))


@pytest.fixture(autouse=True)
def fresh():
    """Each test chooses its kernel anew."""
    kernel.compiled.cache_clear()
    yield
    kernel.compiled.cache_clear()


def measured(history):
    snapshot = history.at(["2023-10-02", "2023-11-06", "2023-12-04", "2024-01-08"])
    features = [
        f for group in GROUPS for f in load_group(starter("features"), group) if not f.name.startswith(UNLISTED)
    ]
    return {f.name: np.array(f.compute(snapshot)) for f in features}


def test_compiled_equals_numpy(monkeypatch):
    """Every feature of the starter has the same value from the compiled kernel as from numpy: counts exactly, others to 1e-5."""
    if kernel.compiled() is None:
        absent("the counting kernel was not compiled: no C compiler")
    history = History.load(towns.city())
    fast = measured(history)
    monkeypatch.setenv("RISKWARN_KERNEL", "numpy")
    kernel.compiled.cache_clear()

    slow = measured(history)

    assert kernel.compiled() is None
    for name, values in slow.items():
        np.testing.assert_allclose(fast[name], values, rtol=1e-5, atol=1e-5, err_msg=name)
        if "_n_" in name and not name.endswith(("_nearby", "_township", "_county", "_community")):
            np.testing.assert_array_equal(fast[name], values, err_msg=name)
