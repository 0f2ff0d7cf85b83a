"""Training again: judged, set beside the champion, never promoted unasked, and done once for the same data."""

import dataclasses
import json

import pandas as pd
import pytest
import towns

from riskwarn import tracking, training
from riskwarn.cli import main
from riskwarn.datasheet import lacking
from riskwarn.errors import NotFoundError
from riskwarn.plan import Plan, Question
from riskwarn.retraining import experiments_of, retrain

FEW = {"n_trees = 20": "n_trees = 5", "n_folds = 3": "n_folds = 2"}


@pytest.fixture(scope="module")
def question(tmp_path_factory):
    """The street's question in a file, its features beside it, and another file that is no experiment."""
    folder = tmp_path_factory.mktemp("asked")
    path = towns.write_experiment(folder / "experiments" / "street.toml", towns.STREET_EXPERIMENT, **FEW)
    (folder / "features").symlink_to(towns.FEATURES)
    (folder / "experiments" / "another.toml").write_text('title = "not an experiment"\n')
    return path


@pytest.fixture(scope="module")
def retrained(question, tmp_path_factory):
    """A street whose champion is its old model, and what the verb printed: once, again, as challenger with the wish to promote."""
    store = towns.copy(towns.street(), tmp_path_factory.mktemp("again") / "street")
    old = towns.street_model(store)
    tracking.keep(dataclasses.replace(old, seen_days=old.seen_days - 7), store.path, alias=tracking.CHAMPION)
    said = []
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        for more in ([], [], ["--challenger", "--promote"]):
            with pytest.MonkeyPatch.context() as printed:
                lines: list[str] = []
                printed.setattr("builtins.print", lambda *texts, lines=lines, **_: lines.extend(map(str, texts)))
                code = main(["retrain", str(question), *more, "--store", str(store.path), "--json"])
            said.append((code, json.loads(lines[-1])["retrained"][0]))
    return store, said


def test_the_new_model_is_a_candidate_and_the_champion_stays(retrained):
    """It is registered and kept as @candidate with its gate; the champion is who it was, though the new one is newer."""
    store, [(code, told), *_] = retrained
    kept = tracking.kept(store.path, towns.TARGET, alias=tracking.CANDIDATE)

    assert code == 0
    assert told["new"]["model_version"] == kept.version
    assert told["new"]["gate"] == kept.facts["gate"]
    assert told["promoted"] is None
    assert told["done_before"] is False
    assert lacking(kept.facts) == []
    champion = tracking.kept(store.path, towns.TARGET, alias=tracking.CHAMPION)
    assert told["champion"]["model_version"] == champion.version


def test_the_same_data_train_nothing_again(retrained):
    """A second run of the same question and data gives the same version of the registry, and says that it did nothing."""
    _, [(_, first), (_, second), _] = retrained

    assert second["done_before"] is True
    assert second["new"] == first["new"]


def test_a_challenger_is_kept_apart_and_not_promoted_by_a_wish(retrained):
    """--challenger has its own alias and version; --promote does not help a model that fails the gate: exit code 16, and why."""
    store, [(_, first), _, (code, told)] = retrained

    assert told["alias"] == "challenger"
    assert int(told["new"]["mlflow_version"]) == int(first["new"]["mlflow_version"]) + 1
    assert told["new"]["model_version"] == first["new"]["model_version"]
    assert told["new"]["gate"] is False
    assert code == 16
    assert "keeps out of @champion" in told["kept_back"]
    assert tracking.kept(store.path, towns.TARGET, alias=tracking.CHAMPION).facts.get("mlflow_version") is None
    challenger = tracking.fetch(towns.TARGET, uri=tracking.default_uri(store.path), alias="challenger")
    assert challenger.version == told["new"]["model_version"]


def test_old_and_new_stand_side_by_side(retrained):
    """Every metric of the new backtest has a row; the champion's column is empty where it was never backtested, and said to be."""
    store, [(_, told), *_] = retrained
    candidate = tracking.kept(store.path, towns.TARGET, alias=tracking.CANDIDATE)
    own = candidate.facts["backtest"]["riskwarn"]

    assert {name: row["new"] for name, row in told["figures"].items()} == own
    assert {row["champion"] for row in told["figures"].values()} == {None}


def test_newer_data_are_trained_anew(retrained, question, monkeypatch):
    """One more event, and what was trained before no longer stands for the data."""
    store, [(_, told), *_] = retrained
    late = towns.street_events().tail(1).assign(event_id="e_late")
    store.write("events", late)
    begun = []
    sheet = {"data_digest": "d"}
    monkeypatch.setattr("riskwarn.retraining.described_panel", lambda *_: begun.append(True) or (pd.DataFrame(), sheet))
    monkeypatch.setattr("riskwarn.retraining.backtest", lambda *_: None)
    kept = tracking.kept(store.path, towns.TARGET, alias=tracking.CANDIDATE)
    monkeypatch.setattr("riskwarn.retraining.train", lambda *_, **__: kept)
    again = retrain(store, towns.rw.Experiment.load(question))

    assert begun == [True]
    assert not again.done_before
    assert told["new"]["model_version"] in repr(again)


def test_a_model_without_its_papers_is_trained_again(retrained, question, monkeypatch):
    """What lacks a card or a datasheet does not stand for the same data: retraining is what gives it them."""
    store, _ = retrained
    kept = tracking.kept(store.path, towns.TARGET, alias=tracking.CANDIDATE)
    bare = dataclasses.replace(kept, facts={**kept.facts, "datasheet": None})
    monkeypatch.setattr(tracking, "kept", lambda *_, **__: bare)
    monkeypatch.setattr("riskwarn.retraining._trained", lambda *_: kept)
    wanted = tracking.trained_from(towns.rw.Experiment.load(question), kept.facts["data_digest"])
    monkeypatch.setattr(tracking, "trained_from", lambda *_: wanted)
    again = retrain(store, towns.rw.Experiment.load(question))

    assert not again.done_before
    assert lacking(again.model.facts) == []


@pytest.fixture
def kept_as(retrained, question, monkeypatch):
    """Who is kept, by alias, and the versions that were promoted; nothing is trained or asked of a tracker."""
    store, _ = retrained
    trained = tracking.kept(store.path, towns.TARGET, alias="challenger")
    wanted = tracking.trained_from(towns.rw.Experiment.load(question), store.digest())
    whole = dataclasses.replace(trained, facts={**trained.facts, **wanted})
    holders, promoted = {}, []
    monkeypatch.setattr(tracking, "kept", lambda *_, alias: holders.get(alias))
    monkeypatch.setattr("riskwarn.retraining._trained", lambda *_: whole)
    monkeypatch.setattr(
        "riskwarn.retraining.promote_unheld", lambda *_, version, **__: promoted.append(version) or version
    )
    return whole, holders, promoted


def meant(model, purpose):
    """The same model with another purpose in its facts, or with none."""
    facts = {name: fact for name, fact in model.facts.items() if name != "purpose"}
    return dataclasses.replace(model, facts=facts if purpose is None else {**facts, "purpose": purpose})


def test_a_changed_purpose_reaches_the_champion(retrained, question, kept_as):
    """The champion that forecasts the same for another purpose is another model: it is replaced where one asks for it; that very model is not."""
    store, (new, holders, promoted) = retrained[0], kept_as
    asked = towns.rw.Experiment.load(question)
    holders |= {"candidate": new, "champion": meant(new, "mediation")}
    changed = retrain(store, asked, promote=True)

    assert changed.done_before
    assert promoted == [changed.promoted] == [str(new.facts["mlflow_version"])]
    assert "this very model" not in repr(changed)
    holders["champion"] = new
    assert "this very model" in repr(retrain(store, asked, promote=True))
    assert len(promoted) == 1


def test_a_model_of_before_purposes_is_of_the_default(retrained, question, kept_as):
    """A model that says no purpose was trained for what an experiment asks that names none: nothing is trained again; another purpose is."""
    store, (new, holders, _) = retrained[0], kept_as
    asked = towns.rw.Experiment.load(question)
    holders |= {"candidate": meant(new, None), "champion": new}

    assert retrain(store, asked).done_before
    assert not retrain(store, dataclasses.replace(asked, purpose="mediation")).done_before


def test_records_that_come_while_the_panel_is_built_are_not_learnt(tmp_path, monkeypatch):
    """The datasheet has the digest of the store before its history was read, so that the next retraining trains anew."""
    store = towns.copy(towns.street(), tmp_path / "street")
    before, late = store.digest(), towns.street_events().tail(1).assign(event_id="e_late")

    def meanwhile(*_):
        store.write("events", late)
        return towns.street_panel()

    monkeypatch.setattr(training, "build_panel", meanwhile)
    _, sheet = training.described_panel(store, towns.street_experiment())

    assert store.digest() != before
    assert sheet["data_digest"] == before


def test_a_plan_is_trained_by_the_experiments_beside_it(question):
    """Each question by the file that has its label, whatever the file is called; a question without one is named before anything is trained."""
    [asked] = experiments_of(Plan.of_one(towns.TARGET), question.parent)
    plan = Plan((Question(towns.TARGET), Question("other_7d")))

    assert asked.label.name == towns.TARGET
    with pytest.raises(NotFoundError, match=r"no experiment in .* asks other_7d of the plan"):
        experiments_of(plan, question.parent)


@pytest.mark.parametrize("arguments", [[], ["a.toml", "--plan", "plan.toml"]])
def test_one_question_or_a_plan(arguments, tmp_path, capsys):
    """Neither, or both: it is said what to name."""
    assert main(["retrain", *arguments, "--store", str(tmp_path)]) == 11
    assert "name an experiment file, or --plan FILE" in capsys.readouterr().err
