"""Reasons in blocks: those of the whole city, for what they are compared with is told to every block."""

import dataclasses
import datetime as dt

import numpy as np
import pandas as pd
import pytest
from pyarrow import fs
from test_distributed import ALL, asked
from towns.country import DATES, IDS, country

from riskwarn.distributed import explain_blocks
from riskwarn.distributed.cutting import load
from riskwarn.distributed.engine import Engine
from riskwarn.distributed.panel import Cut, cores_of, prepared
from riskwarn.distributed.streaming import piece_file
from riskwarn.distributed.work import matrix_of, night_of
from riskwarn.errors import DataError, DefinitionError
from riskwarn.experiment import Dates, ModelSettings
from riskwarn.explanation import explain
from riskwarn.feature import Attribute, Count
from riskwarn.history import Stream
from riskwarn.history.space import median_of
from riskwarn.label import Label
from riskwarn.model import RiskModel
from riskwarn.panel import NORMAL, build_panel, panel_of
from riskwarn.store.remote import Remote

LABEL = Label("dispute_7d", (Stream("dispute"),), days=7, settle_days=3)
NIGHT = "2025-05-19"


@pytest.fixture(scope="module")
def history():
    return country()


@pytest.fixture(scope="module")
def model(history):
    """One that reads counts with a past of their own, lasting ones, neighbours of both, parents and facts."""
    declared = (
        Count("dispute", days=28),
        Count("police_call", days=84),
        Count("dispute", days=84).nearby(),
        Count("police_call", days=28).nearby(),
        Count("police_call", days=28).of_parent(),
        Attribute("households"),
    )
    dates = Dates(dt.date(2025, 1, 20), dt.date(2025, 4, 7))
    experiment = asked(
        declared=declared, dates=dates, model=ModelSettings(n_trees=40, min_rows_in_leaf=5, learning_rate=0.2, l2=0.1)
    )
    return RiskModel.of(experiment).fit(build_panel(history, experiment))


@pytest.fixture(scope="module")
def wanted(history, model):
    """The reasons of the whole city."""
    night = panel_of(history, model.features, [NIGHT], label=model.label, normals=model.features)
    reasons = explain(model, night, history=history)
    assert reasons["feature"].nunique() > 3
    return reasons


@pytest.mark.parametrize("n_blocks", [1, 2, 7])
def test_what_a_reason_compares_with_is_that_of_the_city(history, tmp_path, n_blocks):
    """Every kind of feature has in a block the normal it has in the whole city: its own past, its neighbours', or the city's median."""
    features = [f for f in ALL if f.for_model]
    whole = panel_of(history, features, [DATES[-1]], normals=features)
    cores = cores_of(history, 1, n_blocks, 1)
    compared = tuple(dict.fromkeys(of for f in features for of in f.medians))
    with Engine().started() as running:
        city = prepared(
            Cut.of(history, tmp_path), history.at([DATES[-1]]), features, LABEL, cores, running, outcomes=False
        )
    values = [matrix_of(load(piece_file(tmp_path, b), city), compared, None)[1] for b in range(len(cores))]
    medians = {of: median_of(np.concatenate([found[k] for found in values])) for k, of in enumerate(compared)}
    city = dataclasses.replace(city, medians=medians)
    found = pd.concat([night_of(load(piece_file(tmp_path, b), city), features) for b in range(len(cores))])
    found = found.sort_values("grid_id", ignore_index=True)

    names = [NORMAL.format(feature=f.name) for f in features]
    assert 0 < len(compared) < len(features)
    assert whole[names].nunique().max() > 5
    assert found["grid_id"].tolist() == whole["grid_id"].tolist()
    pd.testing.assert_frame_equal(found[names], whole[names], rtol=1e-6, check_index_type=False)
    assert found["n_nearby"].tolist() == np.diff(history.neighbors().indptr).tolist()


@pytest.mark.parametrize("n_blocks", [1, 2, 7])
def test_reasons_of_blocks_are_the_reasons(history, model, wanted, n_blocks):
    """In 1, 2 and 7 blocks the same families are told by the same features, with the same numbers and words."""
    found = explain_blocks(history, model, NIGHT, n_blocks=n_blocks)

    pd.testing.assert_frame_equal(found, wanted, rtol=1e-6)


def test_some_grids_are_explained_alone(history, model, wanted, tmp_path):
    """Of some grids the reasons are those they have among all, in processes and by way of an object store too; a grid that is not there is named."""
    some, place = [IDS[3], IDS[20]], Remote(fs.LocalFileSystem(), str(tmp_path))
    known = {"raising": 2, "engine": Engine(jobs=2), "n_blocks": 3, "folder": place}
    found = explain_blocks(history, model, NIGHT, grids=some, **known)
    among = wanted[wanted["grid_id"].isin(some) & ((wanted["place"] <= 2) | (wanted["contribution"] < 0))]

    assert set(found["grid_id"]) == set(some)
    assert found["feature"].tolist() == among["feature"].tolist()
    np.testing.assert_allclose(found[["normal", "contribution"]], among[["normal", "contribution"]], rtol=1e-6)
    assert [*tmp_path.rglob("*.*")] == []
    with pytest.raises(DataError, match="grids not in the panel: G99"):
        explain_blocks(history, model, NIGHT, grids=["G99"])


def test_a_block_that_was_told_no_median_tells_no_reason(history, model, tmp_path):
    """The median of a block is not that of the city, and never stands for it."""
    with Engine().started() as running:
        city = prepared(
            Cut.of(history, tmp_path),
            history.at([NIGHT]),
            model.features,
            LABEL,
            [np.arange(9)],
            running,
            outcomes=False,
        )
    with pytest.raises(DefinitionError, match="asks for the median of"):
        night_of(load(piece_file(tmp_path, 0), city), model.features)
