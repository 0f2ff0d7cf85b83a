"""Scoring against the truth, alerts as twins, and dirty files."""

import gc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from riskwarn import simulation
from riskwarn.errors import DataError, DefinitionError
from riskwarn.simulation import PRESETS
from riskwarn.simulation.dirt import SHEETS
from riskwarn.simulation.scoring import average_precision, calibration_error, same_scope

NIGHTS = pd.date_range("2023-08-01", periods=40, freq="D", tz="Asia/Shanghai")


@pytest.fixture(scope="module")
def town():
    return simulation.city(replace(PRESETS["tiny"], first_as_of=182), seed=7)


@pytest.fixture(scope="module")
def pair():
    return simulation.twins(
        replace(PRESETS["tiny"], days=250), seed=7, alerting=simulation.Alerting(capacity=10, thorough=20)
    )


def as_gaps(spells, night):
    return spells[["kind", "scope"]].assign(
        as_of=night, severity=50.0, confidence=0.9, state="open", suppressed_by=None
    )


def perfect(truth):
    gap = truth["gap"]
    return pd.concat([as_gaps(gap[(gap["from_at"] < n) & (gap["to_at"] >= n)], n) for n in NIGHTS], ignore_index=True)


def test_the_oracle_scores_as_the_oracle(town):
    """True probabilities take all of the oracle's capture, with no distance to the truth."""
    scores = town.truth["prob"][["grid_id", "as_of", "target", "probability"]]
    table = simulation.score(town.truth, scores=scores)["prediction"].set_index("target")

    assert (table["of_oracle"] == 1).all()
    assert (table["rmse_true"] == 0).all()
    assert (table["brier"] == table["brier_oracle"]).all()
    assert (table["of_informed"] > 1).all()


def test_chance_scores_as_chance(town):
    """Random scores catch the share of events that they watch."""
    prob = town.truth["prob"]
    scores = prob.assign(probability=np.random.default_rng(0).random(len(prob)))
    table = simulation.score(town.truth, scores=scores)["prediction"].set_index("target")

    assert abs(table["auc"] - 0.5).max() < 0.03
    assert abs(table["pai_5"] - 1).max() < 0.35


def test_your_names_of_targets_are_understood(town):
    """Targets may carry other names; scores that meet no truth are refused with both vocabularies."""
    scores = town.truth["prob"].query("target == 'viol28'").assign(target="violence")

    assert simulation.score(town.truth, scores=scores, targets={"violence": "viol28"})["prediction"][
        "target"
    ].tolist() == ["viol28"]
    with pytest.raises(DataError, match="name yours with targets="):
        simulation.score(town.truth, scores=scores)
    with pytest.raises(DataError, match="give scores, gaps, or both"):
        simulation.score(town.truth)


def test_perfect_gaps_are_perfect(town):
    """Listing every spell every night gives precision, recall and average precision of 1, on the first night."""
    table = simulation.score(town.truth, gaps=perfect(town.truth), nights=NIGHTS)["gaps"]
    judged = table[table["spells"] > 0]

    assert len(judged) >= 10
    assert (judged[["precision", "recall", "f1", "ap"]] == 1).all(axis=None)
    assert (judged["days_to_detect"] <= 1).all()
    assert (table["false_per_1000_grid_nights"] == 0).all()


def test_late_and_false_gaps_are_told(town):
    """A spell first listed ten nights late has ten days to detection; a wrong row is a false alarm."""
    gap = town.truth["gap"].query("kind == 'G01'")
    spell = gap[(gap["from_at"] < NIGHTS[0]) & (gap["to_at"] > NIGHTS[-1])].head(1)
    gaps = pd.concat([as_gaps(spell, NIGHTS[10]), as_gaps(spell.assign(scope="grid:nowhere"), NIGHTS[10])])
    truth = town.truth | {"gap": spell}
    table = simulation.score(truth, gaps=gaps, nights=NIGHTS)
    row = table["gaps"].iloc[0]

    assert (row["precision"], row["recall"], row["days_to_detect"]) == (0.5, 1.0, 10.0)
    assert row["false_per_1000_grid_nights"] == pytest.approx(
        1000 / (town.truth["prob"].groupby("as_of")["grid_id"].nunique().max() * 40)
    )
    assert table["silence"]["spells"].tolist() == [1]


def test_suppressed_and_undecided_rows_do_not_count(town):
    """Rows that say insufficient_data, or are explained by an outage, are neither hits nor false alarms."""
    gaps = perfect(town.truth)
    quiet = pd.concat([gaps.assign(state="insufficient_data"), gaps.assign(suppressed_by="x")])

    assert (simulation.score(town.truth, gaps=quiet, nights=NIGHTS)["gaps"]["listed"] == 0).all()


def test_silent_alarms_in_an_outage_are_counted(town):
    """A silent-grid alarm raised while the county's reports stood still is told."""
    spell = town.truth["feed"].query("kind == 'outage' and source == 'grid_report'").iloc[0]
    gaps = as_gaps(
        pd.DataFrame({"kind": ["G01"], "scope": ["grid:990101001001001"]}), spell["from_at"] + pd.Timedelta(days=1)
    )
    table = simulation.score(
        town.truth, gaps=pd.concat([gaps, gaps.assign(as_of=spell["to_at"] + pd.Timedelta(days=9))])
    )["suppression"]

    assert table[["alarms", "in_outage"]].iloc[0].tolist() == [2, 1]


def test_scopes_are_read_in_any_spelling():
    """Separators and the order of a pair do not matter; kinds of scope do."""
    made = same_scope(pd.Series(["pair:A|B", "pair:B/A", "pair:A-B", "grid:A", "org:A"]))

    assert made[0] == made[1]
    assert made.nunique() == 4


def test_small_metrics_by_hand():
    """Average precision with ties is that of one step, and calibration error the weighted gap of equal bins."""
    assert average_precision(np.array([1.0, 0.0]), np.array([0.5, 0.5])) == 0.5
    assert np.isnan(average_precision(np.zeros(3), np.ones(3)))
    assert calibration_error(np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 1.0, 1.0]), bins=2) == 0.25


def test_twins_differ_by_alerts_alone(pair):
    """Disputes are the same; where no alert ever came, so is their course; where it came, more is found."""
    plain, alerted = pair.without.world, pair.alerted.world
    where = alerted.course.extra_visits.any(axis=0)
    value = pair.value.set_index("quantity")

    np.testing.assert_array_equal(plain.disputes.born, alerted.disputes.born)
    for name in ("found", "call", "resolved"):
        mine, theirs = (pd.DataFrame(getattr(w.course, name)) for w in (plain, alerted))
        untouched = [f[~where[plain.disputes.grid[f["dispute"]]]].reset_index(drop=True) for f in (mine, theirs)]
        assert len(untouched[0]) > 0
        pd.testing.assert_frame_equal(*(f.sort_values(list(f), ignore_index=True) for f in untouched))
    assert value.loc["true disputes in alerted grids", "difference"] == 0
    assert value.loc["ledger entries in alerted grids", "difference"] > 0
    assert value.loc["days to resolution", "difference"] < 0
    assert value.loc["visits", "difference"] == alerted.course.extra_visits.sum()


def test_visits_for_alerts_say_so(pair):
    """Each visit an alert brought is a row with that purpose; routine visits stay as they were."""
    visits, before = pair.alerted.tables["visits"], pair.without.tables["visits"]
    routine = visits[visits["purpose"] == "routine"].reset_index(drop=True)

    assert (visits["purpose"] == "alert").sum() == pair.alerted.world.course.extra_visits.sum()
    pd.testing.assert_frame_equal(routine, before)


def test_a_rule_that_cannot_be_is_refused():
    """Capacity, visits and days between alerts must make sense."""
    with pytest.raises(DefinitionError, match="capacity=0"):
        simulation.Alerting(capacity=0)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # a workbook may be left to the garbage collector to close
def test_dirty_files_come_in_row_exact(tmp_path):
    """Departments' files of every encoding and spelling are read through the presets: nothing lost, nothing made up."""
    from riskwarn.ingest import ingest
    from riskwarn.ingest.mapping import mapping_of
    from riskwarn.store import Store

    town = simulation.city(replace(PRESETS["tiny"], days=150, first_as_of=140), seed=7)
    expected = simulation.dirty_export(town, tmp_path / "files")
    store = Store(tmp_path / "store", timezone="Asia/Shanghai")
    zone = {"timezone": "Asia/Shanghai"}
    ingest(store, tmp_path / "files" / "网格.csv", mapping_of({"preset": "grids", **zone}))
    for sheet in SHEETS:
        place = {"place": {"crs": "EPSG:4326"}} if sheet.source in {"police_call", "hotline"} else {}
        report = ingest(store, tmp_path / "files" / sheet.name, mapping_of({"preset": sheet.source, **zone, **place}))
        fates = expected.loc[expected["file"] == sheet.name, "fate"].value_counts()
        assert report.received == len(expected[expected["file"] == sheet.name])
        assert (report.accepted, report.quarantined, report.duplicate) == tuple(
            fates.reindex(["accepted", "quarantined", "duplicate"], fill_value=0)
        )
    gc.collect()
    table = simulation.ingest_table(expected, store.read("events")).set_index("source")

    assert (table["recall"] == 1).all()
    assert (table["extra"] == 0).all()
    assert (table[["grid", "occurred", "closed"]] == 1).all(axis=None)
    assert (table["category"].drop("petition") == 1).all()


def test_a_change_of_headers_is_a_file_of_its_own(tmp_path):
    """Rows of a feed whose schema changed stand in a second file under other headers, and no row is in both."""
    city = simulation.city(replace(PRESETS["tiny"], days=200, schema=6, first_as_of=190), seed=3)
    expected = simulation.dirty_export(city, tmp_path / "files")
    changed = [f for f in expected["file"].unique() if "新表" in f]
    once = expected[expected["fate"] != "duplicate"]

    assert changed
    assert all((tmp_path / "files" / f).exists() for f in changed)
    assert not once.duplicated(["source", "event_id"]).any()
    assert len(once) == len(city.tables["events"].drop_duplicates(["source", "event_id"]))
