"""What the trees are grown for: the gain of a ranking, of events as they are or per household or area."""

import dataclasses

import numpy as np
import pytest
import towns
from hypothesis import given
from hypothesis import strategies as st

from riskwarn.errors import DataError, DefinitionError
from riskwarn.experiment import ModelSettings
from riskwarn.feature import Attribute, Own
from riskwarn.model import RiskModel
from riskwarn.objective import gain_classes, size_of, sizes

COUNTS = st.lists(st.integers(0, 40), min_size=2, max_size=60).filter(any)
HOMES = Attribute("households")
RANKED = RiskModel(
    (*(Own(towns.LABEL.streams, weeks) for weeks in (4, 8)), HOMES),
    towns.LABEL,
    ModelSettings(n_trees=40, learning_rate=0.1, min_rows_in_leaf=20, objective="lambdarank"),
)


def drawn(counts, seed):
    """Counts, and households of as many grids."""
    return np.array(counts, dtype=float), np.random.default_rng(seed).integers(1, 2000, len(counts))


@given(COUNTS, st.integers(0, 9), st.sampled_from([0.001, 1 / 3, 0.7, 10, 1000]))
def test_the_unit_of_households_changes_nothing(counts, seed, factor):
    """Whether households are told one by one or by the thousand, classes and gains are the same."""
    y, homes = drawn(counts, seed)
    classes, gains = gain_classes(y / homes)
    other, others = gain_classes(y / (homes * factor))

    assert classes.tolist() == other.tolist()
    assert others == pytest.approx(gains, abs=1e-5)


@given(st.lists(st.integers(0, 30), min_size=2, max_size=60).filter(any), st.integers(1, 3000))
def test_with_equal_households_the_gain_is_that_of_the_counts(counts, homes):
    """Where every grid has as many households, each count up to 30 is a class of its own, and gains stand to each other as the counts."""
    y = np.array(counts, dtype=float)
    classes, gains = gain_classes(y / homes)
    least = y[y > 0].min()

    assert np.array(gains)[classes.astype(int)] == pytest.approx(y / least, abs=1e-5)
    assert sorted(set(classes[y > 0])) == list(range(1, len(set(y[y > 0])) + 1))


@given(COUNTS, st.integers(0, 9))
def test_as_many_events_weigh_no_less_where_fewer_live(counts, seed):
    """Of two grids the one with the higher rate has at least the other's class and gain, so with as many events that with fewer households."""
    y, homes = drawn(counts, seed)
    classes, gains = gain_classes(y / homes)
    up = np.argsort(y / homes, kind="stable")

    assert (np.diff(classes[up]) >= 0).all()
    assert (np.diff(gains) >= 0).all()
    assert len(gains) == classes.max() + 1 <= 31
    assert max(gains) <= 100
    assert ((classes == 0) == (y == 0)).all()
    assert gains[:2] == [0, 1]


def test_unknown_households_are_the_median():
    """A grid whose households are unknown or 0 is weighed as the median of those known, whether the feature tells them or their log."""
    panel = towns.drawn_panel(4, 1).assign(grid_households=[100.0, np.nan, 0.0, 300.0])
    logs = panel.assign(grid_households_log=np.log1p(panel["grid_households"]).astype("float32"))

    assert sizes(panel, HOMES).tolist() == [100, 200, 200, 300]
    assert sizes(logs, Attribute("households", log=True)) == pytest.approx([100, 200, 200, 300])
    with pytest.raises(DataError, match="grid_households is unknown or 0 in all 4 rows"):
        sizes(panel.assign(grid_households=np.nan), HOMES)


def test_the_feature_to_declare_is_named():
    """Without a feature that tells what to divide by, the message names the one to declare; another attribute is none."""
    assert size_of([Attribute("area_km2"), HOMES], "household") is HOMES
    with pytest.raises(DefinitionError, match=r'declare Attribute\("area_km2"\)'):
        size_of(RANKED.features, "area")


def test_a_gain_is_for_a_ranking():
    """What trees of another objective are grown for has no gain, and it is said so; unknown words are refused with the nearest."""
    with pytest.raises(DefinitionError, match="is for objective = \"lambdarank\", got objective = 'poisson'"):
        ModelSettings(gain_per="household")
    with pytest.raises(DefinitionError, match=r"got 'houshold' \(did you mean 'household'\?\)"):
        ModelSettings(objective="lambdarank", gain_per="houshold")


def test_a_gain_per_household_finds_small_grids():
    """Grids of ten times the households and twice the events come first in a ranking of events, and last in one of events per household."""
    panel = towns.drawn_panel(effect=0.3)
    large = (panel["grid_id"].cat.codes % 2 == 0).to_numpy()
    panel = panel.assign(grid_households=np.where(large, 2000.0, 200.0), y=panel["y"] * np.where(large, 2, 1))
    margins = {
        gain_per: dataclasses.replace(RANKED, settings=dataclasses.replace(RANKED.settings, gain_per=gain_per))
        .fit(panel)
        .tree_margin(panel)
        for gain_per in ("grid", "household")
    }

    assert margins["grid"][large].mean() > margins["grid"][~large].mean()
    assert margins["household"][large].mean() < margins["household"][~large].mean()
