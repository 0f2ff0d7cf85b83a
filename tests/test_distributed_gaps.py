"""The gaps of a night from an engine: those of one machine, to the bit, in however many parts its events lie."""

import re

import numpy as np
import pandas as pd
import pytest
from towns.country import IDS, stored

from riskwarn import gaps, simulation
from riskwarn.cli import main
from riskwarn.distributed import search_blocks
from riskwarn.distributed.searching import HeldEvidence
from riskwarn.errors import DataError, DefinitionError, RiskwarnError
from riskwarn.gaps import coverage, handoff, quality, repeat, seam
from riskwarn.store import reading
from riskwarn.unusual import PAST_WEEKS, TAIL_WEEKS

NIGHT = "2023-11-20"


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return simulation.city("tiny", seed=7).write(tmp_path_factory.mktemp("gaps") / "town", truth=False)


@pytest.fixture(scope="module")
def found(town):
    """The gaps of one machine."""
    return gaps.find_gaps(town, as_of=NIGHT)


def test_a_folder_for_pieces_is_used_or_refused(town, tmp_path, capsys):
    """`find-gaps --work` without any other word of an engine is work in that folder: one that is a file ends with 11."""
    file = tmp_path / "work"
    file.write_text("mine", "utf-8")

    assert main(["find-gaps", "--as-of", NIGHT, "--store", str(town.path), "--work", str(file)]) == 11
    assert f"{file} cannot hold the pieces of the work" in capsys.readouterr().err


@pytest.mark.parametrize("n_parts", [1, 2, 7])
def test_parts_have_the_gaps_of_the_whole(town, found, n_parts, monkeypatch):
    """All twenty kinds, their numbers, evidence and outages are in 1, 2 and 7 parts what they are on one machine, to the bit."""
    monkeypatch.setattr(reading, "BATCH_ROWS", 5000)
    several = search_blocks(town, as_of=NIGHT, n_blocks=n_parts)

    pd.testing.assert_frame_equal(several, found, check_exact=True)
    assert several.attrs["not_run"] == found.attrs["not_run"]
    assert found.loc[found["state"] == "open", "kind"].nunique() > 10


def test_corrections_and_splits_are_followed(tmp_path):
    """Events that were corrected into other grids, withdrawn, or lie in a grid that was split, are where one machine has them, by scores, too."""
    store = stored(tmp_path / "land")
    scores = pd.DataFrame({"grid_id": IDS, "as_of": store.instant("2025-06-02"), "expected": range(len(IDS))})
    wanted = gaps.find_gaps(store, scores)

    pd.testing.assert_frame_equal(search_blocks(store, scores, n_blocks=3), wanted, check_exact=True)
    assert {"G01", "G04", "G10"} <= set(wanted["kind"])


def test_a_kind_declares_the_days_that_its_finder_looks_back():
    """Whoever changes how far a finder looks back changes what its kind declares, too."""
    looked = {
        "G02": quality.WINDOW_DAYS,
        "G03": coverage.RISK_DAYS,
        "G05": coverage.RISK_DAYS,
        "G10": seam.WINDOW_DAYS,
        "G11": 2 * handoff.CROSS_DAYS,
        "G16": quality.WINDOW_DAYS,
        "G17": quality.CATEGORY_DAYS,
        "G20": 7 * (TAIL_WEEKS + PAST_WEEKS + 1),
    }

    assert {code: kind.days for code, kind in gaps.KINDS.items() if np.isfinite(kind.days)} == looked


def test_feeds_are_looked_for_though_others_are_asked_for(town, found):
    """A kind alone has the rows that it has among all: the outages that explain it are looked for beside it."""
    alone = search_blocks(town, as_of=NIGHT, kinds=["G01", "G16"], n_blocks=2)

    wanted = found[found["kind"].isin(["G01", "G16"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, wanted, check_exact=True)


def test_what_cannot_be_looked_for_is_refused_as_on_one_machine(town, tmp_path):
    """An unknown kind, a night without news, and no night at all end in the sentences of one machine; nothing is left behind."""
    with pytest.raises(DefinitionError, match="did you mean 'G08'"):
        search_blocks(town, as_of=NIGHT, kinds=["g08"])
    for night in (town.instant("2029-01-01"), town.instant("2001-01-01")):
        with pytest.raises(RiskwarnError) as alone:
            gaps.find_gaps(town, as_of=night)
        with pytest.raises(type(alone.value), match=re.escape(str(alone.value))):
            search_blocks(town, as_of=night, folder=tmp_path)
    with pytest.raises(DataError, match="needs tonight's scores"):
        search_blocks(town)
    assert not list(tmp_path.iterdir())


def test_the_verb_says_the_same(town, capsys):
    """`find-gaps --blocks 2` prints what `find-gaps` prints."""
    said = []
    for more in ((), ("--blocks", "2")):
        main(["find-gaps", "--as-of", NIGHT, "--kinds", "G18,G08,G12", "--store", str(town.path), "--json", *more])
        said.append(capsys.readouterr().out)

    assert said[0] == said[1] != ""


def test_kinds_that_count_never_hold_all_events(town, found, monkeypatch):
    """Silences, late cases, feeds, unplaced events and surges are told from shares of the events, one after the other, and are the same."""

    def refused(evidence):
        raise AssertionError(f"asked for all events of {evidence.history.look}")

    monkeypatch.setattr(HeldEvidence, "events", property(refused))
    kinds = ["G01", "G06", "G08", "G18", "G20"]
    told = search_blocks(town, as_of=NIGHT, kinds=kinds, n_blocks=3)

    assert set(told["kind"]) >= {"G01", "G06", "G18"}
    pd.testing.assert_frame_equal(told, found[found["kind"].isin(kinds)].reset_index(drop=True), check_exact=True)


def test_cases_that_come_back_are_told_part_by_part(town, found, monkeypatch):
    """Joined a few rows at a time, by case and by place, closings have the returns they have among all rows, on one machine and on an engine."""
    monkeypatch.setattr(repeat, "_PART_ROWS", 50)
    kinds = ["G07", "G15"]
    wanted = found[found["kind"].isin(kinds)].reset_index(drop=True)

    assert set(wanted["kind"]) == set(kinds)
    pd.testing.assert_frame_equal(gaps.find_gaps(town, as_of=NIGHT, kinds=kinds), wanted, check_exact=True)
    pd.testing.assert_frame_equal(search_blocks(town, as_of=NIGHT, kinds=kinds, n_blocks=3), wanted, check_exact=True)
