"""A model that says something else than when it was trained is not used: the one before stands in, and the night says so."""

import dataclasses
import json

import pytest
import towns

from riskwarn import standby, tracking
from riskwarn.cli import main
from riskwarn.errors import DataError
from riskwarn.model import golden
from riskwarn.pipeline import nightly
from riskwarn.plan import Plan

PLAN = Plan.of_one(towns.TARGET, alias=tracking.CANDIDATE)


@pytest.fixture
def street(tmp_path):
    return towns.new_street(tmp_path / "street")


def moved(model, by=1e-6):
    """A model whose numbers are others than its golden rows say."""
    facts = {**model.facts, golden.FACT: {**model.facts[golden.FACT]}}
    facts[golden.FACT]["scores"] = [score + by for score in facts[golden.FACT]["scores"]]
    return dataclasses.replace(model, facts=facts)


def replaced(store, change=moved, **options):
    """Keep a changed copy of the model under its alias; the one there was stays beside it."""
    model = tracking.kept(store.path, towns.TARGET, alias=tracking.CANDIDATE)
    tracking.keep(change(model, **options), store.path, alias=tracking.CANDIDATE)
    return model


def counted(monkeypatch):
    """Which bundles are tried."""
    tried, known = [], standby.check_golden
    monkeypatch.setattr(standby, "check_golden", lambda *folders: tried.append(len(folders)) or known(*folders))
    return tried


def test_a_model_is_tried_once(street, monkeypatch):
    """The first night asks a process of its own; the next ones know, until a library or the model is another."""
    tried = counted(monkeypatch)
    for _ in range(3):
        assert [*standby.sound_models(street, PLAN).models] == [towns.TARGET]
    assert tried == [1]
    monkeypatch.setattr(standby, "version", lambda name: "another")
    standby.sound_models(street, PLAN)

    assert tried == [1, 1]


def test_a_model_kept_again_leaves_the_one_before_in_place(street):
    """Training again on the same data is no new model: what would stand in for it stays."""
    good = replaced(street)
    replaced(street, lambda model: model)

    assert tracking.kept_before(street.path, towns.TARGET, alias=tracking.CANDIDATE).version == good.version


def test_a_lost_memory_asks_again(street, monkeypatch):
    """A file that cannot be read is no proof of anything."""
    tried = counted(monkeypatch)
    standby.sound_models(street, PLAN)
    (street.path / "models" / towns.TARGET / ".golden").write_text("{")
    standby.sound_models(street, PLAN)

    assert tried == [1, 1]


def test_the_model_before_stands_in(street, capsys):
    """The night is published with the last good one, ends with exit code 3, and facts, doctor and page name why."""
    good = replaced(street)
    night = nightly(street, towns.TARGET, as_of=towns.STREET_NIGHT, alias=tracking.CANDIDATE)

    assert set(night.scores["model_version"]) == {good.version}
    assert "scores its golden rows otherwise" in night.facts["fallen"][towns.TARGET]
    options = ["--as-of", "2025-12-14", "--target", towns.TARGET, "--alias", tracking.CANDIDATE]
    assert main(["nightly", *options, "--store", str(street.path), "--json"]) == 3
    assert towns.TARGET in json.loads(capsys.readouterr().out)["fallen"]


def test_without_one_before_the_night_ends_with_what_is_wrong(street):
    """No model is better than a wrong one."""
    for alias in ("a", "b"):
        model = moved(tracking.kept(street.path, towns.TARGET, alias=tracking.CANDIDATE))
        tracking.keep(model, street.path, alias=alias)
    with pytest.raises(DataError, match="otherwise than when it was trained"):
        standby.sound_models(street, Plan.of_one(towns.TARGET, alias="a"))


def test_a_damaged_bundle_falls_back_too(street):
    """What cannot be read is the same to a night as what differs."""
    good = replaced(street, lambda model: dataclasses.replace(model, line_share=0.9))
    place = street.path / "models" / towns.TARGET
    (place / (place / tracking.CANDIDATE).read_text() / "trees.txt").write_text("no trees")
    found = standby.sound_models(street, PLAN)

    assert found.models[towns.TARGET].version == good.version
    assert "damaged" in found.fallen[towns.TARGET]


def test_one_bad_model_among_good_ones_is_found(street):
    """All share one process; where that shows a fault each is asked alone."""
    model = tracking.kept(street.path, towns.TARGET, alias=tracking.CANDIDATE)
    places = {name: which.save(street.path / name) for name, which in (("good", model), ("bad", moved(model)))}

    tried = standby._tried(places)

    assert tried["good"] is None
    assert "otherwise than when it was trained" in str(tried["bad"])
    assert standby._tried({"good": places["good"]}) == {"good": None}


def test_a_busy_machine_is_no_fault_of_the_model(street, monkeypatch):
    """A process that takes too long says nothing of the model: it is used, and asked again the next night."""
    monkeypatch.setattr(golden, "_SECONDS", 0.001)
    found = standby.sound_models(street, PLAN)
    monkeypatch.undo()
    tried = counted(monkeypatch)
    standby.sound_models(street, PLAN)

    assert ([*found.models], found.fallen, found.failed) == ([towns.TARGET], {}, {})
    assert tried == [1]
