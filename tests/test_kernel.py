"""The compiled kernel and numpy count alike."""

import runpy
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import towns
from conftest import absent
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from riskwarn.feature import load_group
from riskwarn.history import History, kernel
from riskwarn.history.facts import ROW_COLUMNS, facts_of
from riskwarn.history.sorting import in_order
from riskwarn.scaffold import starter

ROOT = Path(__file__).parent.parent
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


@pytest.mark.parametrize(
    ("platform", "processors"),
    [("macosx-10.13-universal2", ["arm64", "x86_64"]), ("macosx-11.0-arm64", []), ("linux-x86_64", [])],
)
def test_a_wheel_holds_code_for_every_processor_of_its_tag(platform, processors):
    """The tag is that of the Python that builds: where it speaks for both processors of a Mac the kernel is compiled for both."""
    told = runpy.run_path(str(ROOT / "hatch_build.py"))["flags"](platform)

    assert [after for flag, after in pairwise(told) if flag == "-arch"] == processors


codes = st.integers(0, 5)
rows = st.lists(st.tuples(codes, codes, codes, st.integers(-9, 9), st.booleans(), st.integers(0, 3)), max_size=40)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows)
def test_rows_are_sorted_alike(monkeypatch, rows):
    """Compiled and in numpy rows come into the order of source, category and grid, equal ones as they came, whatever columns hold."""
    if kernel.compiled() is None:
        absent("the counting kernel was not compiled: no C compiler")
    table = np.array(rows, dtype=np.int64).reshape(-1, 6)
    source, category, grid, at, near, severity = table.T
    words = {name: np.array(list("abcdef"), dtype=object) for name in ("source", "category")}
    start = np.array(at)
    facts = facts_of(
        words=words,
        grid=grid.astype(np.int32),
        start=start,
        occurred=start,
        source=source.astype(np.int32),
        category=category.astype(np.int32),
        near=near.astype(bool),
        severity=severity.astype(np.int8),
        closed=np.arange(len(table)),
        amount=at.astype(np.float32),
    )
    fast = in_order(facts, 6)
    monkeypatch.setattr(kernel, "compiled", lambda: None)
    slow = in_order(facts, 6)
    monkeypatch.undo()

    order = np.lexsort((grid, category, source))
    assert fast.closed.tolist() == slow.closed.tolist() == order.tolist()
    assert (fast.known is fast.occurred) == (slow.known is slow.occurred) is True
    for name in ROW_COLUMNS:
        one, other, given = (getattr(f, name) for f in (fast, slow, facts))
        np.testing.assert_array_equal(one, other, err_msg=name)
        assert one.dtype == other.dtype == given.dtype


def test_linked_sums_take_arrays_of_any_kind():
    """Links and values of other widths are changed for the kernel and outlive the call: the sum is that of the plain product."""
    rng = np.random.default_rng(3)
    links = sparse.random(4000, 4000, 0.002, format="csr", random_state=rng)
    links.data[:] = 1
    links.indptr, links.indices = links.indptr.astype(np.int64), links.indices.astype(np.int64)
    values = rng.random((4000, 40))
    out = np.empty((4000, 40), np.float32)
    for _ in range(5):
        kernel.linked(links, values, out, mean=False)

    np.testing.assert_allclose(out, links @ values, rtol=1e-4, atol=1e-5)
