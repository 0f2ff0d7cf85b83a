"""The synthetic city: its shapes, its chance, its moments."""

from dataclasses import replace

import pandas as pd
import pytest

from riskwarn import simulation
from riskwarn.schema import conform
from riskwarn.simulation import PRESETS

TOWN = replace(PRESETS["tiny"], days=380, first_as_of=340)


@pytest.fixture(scope="module")
def town():
    return simulation.city(TOWN, seed=7)


def test_tables_keep_the_contract(town):
    """Every table of a simulated city passes its schema unchanged."""
    for name, frame in town.tables.items():
        pd.testing.assert_frame_equal(conform(name, frame), frame, check_dtype=False)


def test_a_city_is_written_and_read_back(town, tmp_path):
    """The store holds every row, and the truth lies apart from it."""
    store = town.write(tmp_path / "town")

    assert {name: len(store.read(name)) for name in store.tables()} == {n: len(t) for n, t in town.tables.items()}
    assert not list((tmp_path / "town").rglob("*truth*"))
    assert set(simulation.read_truth(tmp_path / "town")) == set(town.truth)


def test_equal_seeds_give_equal_cities(town):
    """A city is a function of its seed."""
    again = simulation.city(TOWN, seed=7)
    other = simulation.city(TOWN, seed=8)

    for name, frame in town.tables.items():
        pd.testing.assert_frame_equal(frame, again.tables[name])
    assert not town.tables["events"].equals(other.tables["events"])
