"""Training beyond memory: from a panel on disk, a part at a time, comes the model that the panel at hand gives."""

import dataclasses
import datetime as dt
import shutil

import numpy as np
import pytest
from towns.country import country

import riskwarn.panel.spill
import riskwarn.rows
from riskwarn.distributed import write_blocks
from riskwarn.errors import DataError
from riskwarn.experiment import Dates, Experiment, ModelSettings
from riskwarn.feature import Attribute, Count, Open, Season
from riskwarn.history import Stream
from riskwarn.label import Label
from riskwarn.model import RiskModel, forest
from riskwarn.panel import build_panel, grids_in, panel_digest, rows_on_disk, write_panel
from riskwarn.rows import Rows

DISPUTES = (Stream("dispute"),)
COUNTED = Label("dispute_7d", DISPUTES, days=7, settle_days=3)
FIRST = dt.date(2025, 1, 20)
NIGHT = dt.date(2025, 5, 19)


def asked(label=COUNTED, **settings):
    """Weekly dates, the last of which have not settled; own counts, neighbours, a mean of the township, the season."""
    declared = (
        Count("dispute", days=28),
        Open("dispute"),
        Count("police_call", days=28).nearby(),
        Count("dispute", days=56).of_parent(),
        Season("sin"),
        Attribute("households", log=True),
    )
    model = ModelSettings(n_trees=8, min_rows_in_leaf=20, **settings)
    return Experiment("?", label, Dates(FIRST, dt.date(2025, 6, 2)), declared, model=model)


@pytest.fixture(scope="module")
def history():
    return country()


@pytest.fixture(scope="module")
def folder(history, tmp_path_factory):
    """The panel on disk, in two blocks."""
    folder = tmp_path_factory.mktemp("panel")
    write_blocks(history, asked(), folder, n_blocks=2)
    return folder


@pytest.fixture(scope="module")
def night(history):
    """Rows that taught no model."""
    return build_panel(history, asked(), as_of=NIGHT)


@pytest.fixture(scope="module")
def model(history):
    """What the panel at hand teaches."""
    panel = build_panel(history, asked())
    assert panel["y"].isna().any()
    return RiskModel.of(asked()).fit(panel)


def learnt(folder, experiment):
    """The model of a panel on disk."""
    names = [f.name for f in experiment.features]
    with rows_on_disk(folder, names) as rows:
        return RiskModel.of(experiment).fit(rows, grids=grids_in(folder))


def check_same(found, model, night):
    """Trees to the bit, all that is fitted by sums to one in a million."""
    assert found.trees == model.trees
    np.testing.assert_allclose(found.margin(night), model.margin(night), rtol=1e-6, atol=1e-6)
    assert found.facts.keys() == model.facts.keys()
    for name in ("n_rows", "n_events", "first", "last", "ranges"):
        assert found.facts[name] == model.facts[name]
    for name in ("line_share", "rate_share", "seen_days"):
        assert getattr(found, name) == pytest.approx(getattr(model, name), abs=1e-6)
    assert vars(found.calibration) == pytest.approx(vars(model.calibration), rel=1e-5)
    assert found.common == pytest.approx(model.common, rel=1e-5)


@pytest.mark.parametrize("n_blocks", [1, 2, 7])
def test_a_panel_of_blocks_teaches_the_model_of_one_at_hand(history, folder, model, night, tmp_path, n_blocks):
    """However many blocks a panel lies in, trees, rate, line, shares, calibration and tide are the same."""
    if n_blocks != 2:
        folder = tmp_path
        write_blocks(history, asked(), folder, n_blocks=n_blocks)

    check_same(learnt(folder, asked()), model, night)


def test_bins_are_made_from_the_rows_a_matrix_would_give(history, folder, night, monkeypatch):
    """Where LightGBM looks at some rows to make its bins, it looks at the same ones of a panel on disk; and small parts change nothing."""
    known = forest.options_for
    monkeypatch.setattr(forest, "options_for", lambda *of: {**known(*of), "bin_construct_sample_cnt": 60})
    at_hand = RiskModel.of(asked()).fit(build_panel(history, asked()))
    for module in (riskwarn.rows, riskwarn.panel.spill, forest):
        monkeypatch.setattr(module, "PART_CELLS", 400)

    check_same(learnt(folder, asked()), at_hand, night)


@pytest.mark.parametrize("settings", [{"objective": "lambdarank", "gain_per": "household"}, {"objective": "binary"}])
def test_every_objective_learns_from_disk(history, tmp_path, settings):
    """A ranking, which learns night by night and by the size of its grids, and a chance, are those of the panel at hand."""
    experiment = asked(**settings)
    write_panel(history, experiment, tmp_path)
    night = build_panel(history, experiment, as_of=NIGHT)

    check_same(learnt(tmp_path, experiment), RiskModel.of(experiment).fit(build_panel(history, experiment)), night)


def test_an_outcome_that_is_no_count_learns_from_disk(history, tmp_path):
    """The rate of an outcome that exceeds a threshold reads the threshold from disk, too."""
    experiment = asked(Label("emergence_7d", DISPUTES, days=7, settle_days=3, kind="emergence", past_days=28))
    write_blocks(history, experiment, tmp_path, n_blocks=2)
    night = build_panel(history, experiment, as_of=NIGHT)

    check_same(learnt(tmp_path, experiment), RiskModel.of(experiment).fit(build_panel(history, experiment)), night)


def test_some_dates_are_read_and_the_file_is_gone(history, folder):
    """Only the dates asked for are among the rows; what is kept beside the panel meanwhile has no name, and stays nowhere."""
    before = sorted(folder.iterdir())
    panel = build_panel(history, asked())
    with rows_on_disk(folder, ["dispute_open_n"], dates=[FIRST, dt.date(2025, 2, 3)]) as rows:
        assert sorted(folder.iterdir()) == before
        wanted = panel[panel["as_of"].dt.strftime("%m-%d").isin(["01-20", "02-03"])].reset_index(drop=True)
        assert rows.frame(["dispute_open_n"])["dispute_open_n"].tolist() == wanted["dispute_open_n"].tolist()
        assert rows.keys["grid_id"].tolist() == wanted["grid_id"].tolist()
        assert rows.as_of.tolist() == wanted["as_of"].tolist()
        np.testing.assert_array_equal(rows.y, wanted["y"])
        assert rows[np.array([70, 3])].frame(["dispute_open_n"])["dispute_open_n"].tolist() == [
            wanted["dispute_open_n"][n] for n in (70, 3)
        ]
        assert panel_digest(rows)
        assert panel_digest(Rows.of(panel)) == ""
    assert sorted(folder.iterdir()) == before


def test_a_panel_that_is_not_whole_teaches_nothing(history, tmp_path):
    """A date, a column or a block that is not there is named; nothing is learnt from the rest."""
    with pytest.raises(DataError, match="no panel in"), rows_on_disk(tmp_path, ["y"]):
        pass
    some = dataclasses.replace(asked(), dates=Dates(FIRST, dt.date(2025, 2, 3)))
    write_blocks(history, some, tmp_path, n_blocks=2)
    with pytest.raises(DataError, match="lacks 1 columns, first: nothing"), rows_on_disk(tmp_path, ["nothing"]):
        pass
    with (
        pytest.raises(DataError, match="lacks 1 dates, first: 2025-03-03"),
        rows_on_disk(tmp_path, ["dispute_open_n"], dates=[FIRST, "2025-03-03"]),
    ):
        pass
    shutil.copy(
        tmp_path / "as_of=2025-01-20" / "block-0000.parquet", tmp_path / "as_of=2025-01-27" / "block-0001.parquet"
    )
    with pytest.raises(DataError, match=r"block-0001\.parquet is of other grids"), rows_on_disk(tmp_path, ["y"]):
        pass
    (tmp_path / "as_of=2025-01-27" / "block-0001.parquet").unlink()
    with pytest.raises(DataError, match="has 1 of 2 blocks"), rows_on_disk(tmp_path, ["y"]):
        pass
