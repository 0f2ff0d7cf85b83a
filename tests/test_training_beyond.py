"""Training beyond memory: from a panel on disk, a part at a time, comes the model that the panel at hand gives."""

import dataclasses
import datetime as dt
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from towns.country import country, stored

import riskwarn.panel.spill
import riskwarn.rows
from riskwarn.backtesting import backtest
from riskwarn.cli import main
from riskwarn.distributed import write_blocks
from riskwarn.errors import DataError
from riskwarn.experiment import Baselines, Dates, Experiment, Folds, ModelSettings
from riskwarn.feature import Attribute, Count, Open, Season
from riskwarn.history import Stream
from riskwarn.label import Label
from riskwarn.model import RiskModel, fitting, forest
from riskwarn.panel import build_panel, grids_in, panel_digest, read_panel, rows_on_disk, write_panel
from riskwarn.rows import Rows
from riskwarn.training import train

DISPUTES = (Stream("dispute"),)
COUNTED = Label("dispute_7d", DISPUTES, days=7, settle_days=3)
ROOT = Path(__file__).parents[1]
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
    with (
        pytest.raises(DataError, match="has other grids at 2025-01-27 than at 2025-01-20"),
        rows_on_disk(tmp_path, ["y"]),
    ):
        pass
    (tmp_path / "as_of=2025-01-27" / "block-0001.parquet").unlink()
    with pytest.raises(DataError, match="has 1 of 2 blocks"), rows_on_disk(tmp_path, ["y"]):
        pass


OTHERS = [
    (dataclasses.replace(COUNTED, settle_days=5.0), "settle_days 3.*settle_days 5"),
    (dataclasses.replace(COUNTED, days=14.0), "days 7.*days 14"),
    (Label("call_7d", (Stream("police_call"),), days=7, settle_days=3), "label 'dispute_7d'.*label 'call_7d'"),
]


@pytest.mark.parametrize(("label", "said"), OTHERS)
def test_a_panel_of_another_label_is_refused(folder, tmp_path, label, said):
    """Who asks for one outcome is never judged or taught by another that has the same columns; both labels are named."""
    other = dataclasses.replace(asked(), label=label)
    with pytest.raises(DataError, match=said):
        judged_on_disk(folder, other, models=[])
    with pytest.raises(DataError, match=said):
        train(other, folder, tracking_folder=tmp_path)
    with (
        rows_on_disk(folder, [f.name for f in other.features], dates=[FIRST]) as rows,
        pytest.raises(DataError, match=said),
    ):
        train(other, rows, tracking_folder=tmp_path)


def test_dates_of_two_labels_are_no_panel(history, folder, tmp_path):
    """A folder whose later dates were written for another label is not read as one panel, nor judged as either."""
    some = tmp_path / "panel"
    shutil.copytree(folder, some)
    other = dataclasses.replace(asked(), label=OTHERS[2][0])
    write_blocks(history, other, some, as_of=[dt.date(2025, 3, 3)], n_blocks=2)

    with pytest.raises(DataError, match="different labels"):
        read_panel(some)
    with pytest.raises(DataError, match=r"2025-03-03.*label 'call_7d'.*label 'dispute_7d'"):
        judged_on_disk(some, asked(), models=[])


def test_a_feature_of_the_same_name_is_not_taken_for_another(folder, monkeypatch):
    """A column whose feature has been defined otherwise since the panel was written is refused by name."""
    monkeypatch.setattr(Attribute, "to_dict", lambda self: {"changed": self.name})
    with pytest.raises(DataError, match=r"defined otherwise, first: .*households"):
        judged_on_disk(folder, asked(), models=[])


def test_dates_cut_otherwise_are_told_from_other_grids(history, folder, tmp_path):
    """Where a later run cut the same grids into another number of blocks, that is what is said, and how to mend it."""
    some = tmp_path / "panel"
    shutil.copytree(folder, some)
    write_blocks(history, asked(), some, as_of=[dt.date(2025, 3, 3)], n_blocks=1)

    with (
        pytest.raises(DataError, match="same grids at 2025-03-03 as at 2025-01-20, cut otherwise: 1 block there, 2 b"),
        rows_on_disk(some, ["y"]),
    ):
        pass


def judging(**changes):
    """The same question with rivals of several kinds, over dates of which all but the last two are settled."""
    rules = ("ewma", "glm", "self_exciting", "near_repeat", "households")
    changes = {"folds": Folds(2, 3, 8), "baselines": Baselines((4, 8), rules)} | changes
    return dataclasses.replace(asked(), **changes)


@pytest.fixture(scope="module")
def report(history):
    """What the backtest of the panel at hand finds."""
    return backtest(judging(), build_panel(history, judging()), progress=False)


def judged_on_disk(folder, experiment, **options):
    """The backtest of a panel on disk."""
    with rows_on_disk(folder, [f.name for f in experiment.columns]) as rows:
        return backtest(experiment, rows, grids=grids_in(folder), progress=False, **options)


@pytest.mark.parametrize("n_blocks", [1, 2, 7])
def test_a_backtest_on_disk_is_that_at_hand(history, report, tmp_path, n_blocks):
    """However many blocks a panel lies in, folds, forecasts, metrics and verdicts of every model are those of the panel at hand."""
    write_blocks(history, judging(), tmp_path, n_blocks=n_blocks)

    found = judged_on_disk(tmp_path, judging())

    same = {"check_dtype": False, "check_categorical": False}
    pd.testing.assert_frame_equal(found.predictions, report.predictions.reset_index(drop=True), rtol=1e-6, **same)
    pd.testing.assert_frame_equal(found.frame, report.frame, rtol=1e-6, atol=1e-9)
    pd.testing.assert_frame_equal(found.table, report.table, rtol=1e-6, atol=1e-9)
    assert found.baselines == report.baselines
    assert found.differences()["verdict"].tolist() == report.differences()["verdict"].tolist()
    slices = [[part.sort_values("grid_id")["county_id"].tolist() for part in (r.grids,)] for r in (found, report)]
    assert slices[0] == slices[1]


def test_a_backtest_on_disk_leaves_areas_out(history, tmp_path):
    """Areas that are left out whole are those of the panel at hand, and so is what is said of them."""
    experiment = judging(baselines=Baselines((4,)))
    write_blocks(history, experiment, tmp_path, n_blocks=2)
    at_hand = backtest(experiment, build_panel(history, experiment), split="leave_area_out", progress=False)

    found = judged_on_disk(tmp_path, experiment, split="leave_area_out")

    pd.testing.assert_frame_equal(found.frame, at_hand.frame, rtol=1e-6, atol=1e-9)


def test_no_more_than_a_part_is_read_at_once(history, tmp_path, monkeypatch):
    """Of the rows of a fold the features are read a part at a time; the rate reads a sample of dates, a baseline its own column of all."""
    experiment = judging(baselines=Baselines((4,), ("glm",)))
    write_blocks(history, experiment, tmp_path, n_blocks=2)
    for module in (riskwarn.rows, riskwarn.panel.spill, forest):
        monkeypatch.setattr(module, "PART_CELLS", 400)
    monkeypatch.setattr(fitting, "_RATE_CELLS", 400)
    read, take = [], riskwarn.panel.spill.Spill.take

    def noted(spill, places, names):
        found = take(spill, places, names)
        read.append(found.shape)
        return found

    monkeypatch.setattr(riskwarn.panel.spill.Spill, "take", noted)
    judged_on_disk(tmp_path, experiment)

    assert max(rows * columns for rows, columns in read if columns > 1) <= 2 * 400  # a sample ends with a whole date
    assert max(rows for rows, _ in read) > 400


WEEKLY = """question = "?"
[label]
name = "dispute_7d"
streams = ["dispute"]
days = 7
settle_days = 3
[dates]
first = 2025-01-20
last = 2025-05-05
every_days = 7
[features]
groups = ["disputes"]
[folds]
n_folds = 2
test_dates = 3
min_train_dates = 8
[model]
n_trees = 5
[baselines]
weeks = [4]
"""


def test_the_command_line_judges_a_panel_on_disk(tmp_path, capsys):
    """`backtest --panel` tells what the panel at hand tells; a folder that lacks dates is refused in a sentence."""
    store, file = stored(tmp_path / "land"), tmp_path / "experiments" / "weekly.toml"
    file.parent.mkdir()
    file.write_text(WEEKLY, "utf-8")
    shutil.copytree(ROOT / "features", tmp_path / "features")
    words = ["backtest", str(file), "--store", str(store.path), "--json"]
    write_blocks(store, Experiment.load(file), tmp_path / "panel", n_blocks=2)

    assert main([*words, "--panel", str(tmp_path / "panel")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert main(words) == 0
    wanted = json.loads(capsys.readouterr().out)

    assert found["table"].keys() == wanted["table"].keys()
    for model, told in wanted["table"].items():
        assert found["table"][model] == pytest.approx(told, rel=1e-6)
    shutil.rmtree(tmp_path / "panel" / "as_of=2025-05-05")
    assert main([*words, "--panel", str(tmp_path / "panel")]) == DataError.exit_code
    assert "lacks 1 dates, first: 2025-05-05" in capsys.readouterr().err
