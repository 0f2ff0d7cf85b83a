"""The night: one run however often it is asked for, whole or not at all, and the same after a kill."""

import dataclasses
import json
import random
import time

import pandas as pd
import pytest
import towns

import riskwarn as rw
from riskwarn import answer, pipeline, tracking
from riskwarn.cli import main
from riskwarn.errors import BusyError, DataError, NotFoundError, StaleDataError
from riskwarn.mode import switch
from riskwarn.pipeline import nightly
from riskwarn.plan import Lanes, Mode, Modes, Plan, Question, Stay
from riskwarn.scaffold import STARTER, init
from riskwarn.schema import TABLES, conform
from riskwarn.store import NIGHT_TABLES, Store
from riskwarn.training import train

ALIAS = tracking.CANDIDATE


def run(store, **changes):
    return nightly(store, towns.TARGET, **{"as_of": towns.STREET_NIGHT, "alias": ALIAS, **changes})


@pytest.fixture
def street(tmp_path):
    """A copy of the street to write in."""
    return towns.copy(towns.street(), tmp_path / "street")


def files(store):
    return {p.relative_to(store.path): p.stat().st_mtime_ns for p in (store.path / "nights").rglob("*") if p.is_file()}


def test_a_night_publishes_all_its_tables(street):
    """Scores of every grid, ranked 1 to n, and reasons, gaps and alerts of the same night, each in the shape of its table."""
    night = run(street)

    assert street.run_of(towns.STREET_NIGHT) == night.run
    assert sorted(night.scores["rank"]) == list(range(1, 13))
    for name in NIGHT_TABLES:
        found = street.read(name, as_of=towns.STREET_NIGHT)
        conform(name, found)
        assert len(found) == len(getattr(night, name))
        assert set(found["as_of"]) <= {night.as_of}
    assert set(night.scores["model_version"]) == {street.facts(towns.STREET_NIGHT)["model_version"]}


def test_a_night_says_what_it_is_for(street):
    """The purpose of each question's model is in the record of the night; a model of before that names none says nothing."""
    model = tracking.kept(street.path, towns.TARGET, alias=ALIAS)
    tracking.keep(dataclasses.replace(model, facts=model.facts | {"purpose": "mediation"}), street.path, alias=ALIAS)
    run(street)
    facts = street.facts(towns.STREET_NIGHT)

    assert facts["purpose"] == facts["questions"][towns.TARGET]["purpose"] == "mediation"


def test_a_night_counts_its_monitors(street):
    """Feeds and scores are looked at every night; the facts say how many marks are in each state."""
    night = run(street)

    assert {"volume", "score", "rank"} <= set(night.marks["monitor"])
    assert night.facts["monitors"] == night.marks["state"].value_counts().to_dict()


def test_the_busy_end_of_the_street_is_on_top(street):
    """The grid that calls most is expected to call most, the quietest least."""
    scores = run(street).scores.set_index("grid_id")

    assert scores.loc["G11", "rank"] <= 3
    assert scores.loc["G00", "rank"] >= 10
    assert (
        scores["expected"].corr(pd.Series(range(12), index=[f"G{i:02d}" for i in range(12)]), method="spearman") > 0.85
    )


def test_a_list_that_is_shorter_than_it_may_be_says_why(street):
    """Where fewer grids are listed than there is room for, the night says how many and why; where the list is full it says nothing."""
    said, short, full = {}, 11, 1
    for capacity in (short, full):
        said[capacity] = []
        night = run(street, capacity=capacity, say=said[capacity].append)
        listed = len(" ".join(night.alerts["grid_ids"]).split())
        assert (listed < capacity) == (capacity == short)

    assert [line for line in said[short] if f"of up to {short} grids listed" in line]
    assert not [line for line in said[full] if "grids listed" in line]


def test_twice_is_once(street):
    """The same night of the same data is one run: nothing is computed or written again, and what is told is the same."""
    first = run(street)
    before = files(street)
    said = []
    second = run(street, say=said.append)

    assert (first.done_before, second.done_before) == (False, True)
    assert second.run == first.run
    assert files(street) == before
    assert said == [f"2025-12-15: run {first.run} is published already"]
    for name in NIGHT_TABLES:
        columns = [c for c in TABLES[name].column_names if c in getattr(first, name)]
        one, two = (conform(name, getattr(night, name)[columns]).fillna({"owner": ""}) for night in (first, second))
        pd.testing.assert_frame_equal(one, two)
    assert {"zh", "en"} <= set(second.reasons)


def test_changed_data_are_a_new_run(street):
    """One more record makes another run; the earlier one is kept and can hold again."""
    first = run(street)
    one = towns.street_events(days=2, seed=5).head(1).assign(event_id="late")
    street.write("events", one)
    second = run(street)

    assert second.run != first.run
    assert street.runs(towns.STREET_NIGHT) == [first.run, second.run]
    assert street.run_of(towns.STREET_NIGHT) == second.run
    street.roll_back(towns.STREET_NIGHT, first.run, why="better")
    assert street.read("scores", as_of=towns.STREET_NIGHT)["expected"].tolist() == first.scores["expected"].tolist()


def test_records_known_later_change_no_score(street):
    """A record that became known at the night or after it makes a new run with the very same scores."""
    first = run(street)
    late = towns.street_events(first="2025-12-01", days=9, seed=5).head(3).assign(event_id=["x", "y", "z"])
    street.write("events", late.assign(known_at=first.as_of))
    second = run(street)

    assert second.run != first.run
    pd.testing.assert_frame_equal(second.scores, first.scores)


@pytest.mark.parametrize("change", [{"capacity": 3}, {"as_of": "2025-12-16"}])
def test_another_question_is_another_run(street, change):
    """Capacity and date are part of a run's name."""
    assert run(street).run != run(street, **change).run


def test_another_model_is_another_run(street):
    """So are the model and the alias it runs under."""
    first = run(street)
    model = tracking.kept(street.path, towns.TARGET, alias=ALIAS)
    facts = {name: fact for name, fact in model.facts.items() if name != "golden"}  # they are of the model it was
    another = dataclasses.replace(model, line_share=model.line_share / 2 + 0.25, facts=facts)
    tracking.keep(another, street.path, alias=ALIAS)
    second = run(street)
    tracking.keep(tracking.kept(street.path, towns.TARGET, alias=ALIAS), street.path, alias=tracking.CHAMPION)

    assert len({first.run, second.run, run(street, alias=tracking.CHAMPION).run}) == 3


def test_capacity_bounds_the_list(street):
    """No more grids are listed than can be attended to."""
    assert len(" ".join(run(street, capacity=2).alerts["grid_ids"]).split()) <= 2


# --- several questions in one night

WEEK = "dispute_call_7d"


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """The street with two models, and a plan that asks a third question nobody trained for."""
    store = towns.copy(towns.street(), tmp_path_factory.mktemp("asked") / "street")
    week = towns.street_experiment().over(7)
    tracking.keep(rw.RiskModel.of(week).fit(rw.build_panel(store, week)), store.path, alias=ALIAS)
    return store


def planned(*targets):
    lanes = dict(zip((towns.TARGET, WEEK), ("standing", "rising"), strict=True))
    return Plan(tuple(Question(t, lanes.get(t, "first"), alias=ALIAS) for t in targets), stay=Stay(enter="blue"))


def test_a_night_answers_every_question(asked, tmp_path):
    """Scores, reasons, what-ifs and events behind are of each target, one row a grid and target; gaps and feeds are looked at once."""
    store = towns.copy(asked, tmp_path / "street")
    night = nightly(store, plan=planned(towns.TARGET, WEEK), as_of=towns.STREET_NIGHT)

    assert night.scores.groupby("target").size().to_dict() == {towns.TARGET: 12, WEEK: 12}
    assert set(night.reasons["target"]) == {towns.TARGET, WEEK}
    assert list(night.facts["questions"]) == [towns.TARGET, WEEK]
    assert night.facts["target"] == towns.TARGET
    assert {"standing", "rising"} <= set(night.alerts["lane"])
    for name in NIGHT_TABLES:
        assert not store.read(name, as_of=towns.STREET_NIGHT).duplicated(list(TABLES[name].key)).any()


def test_a_question_is_answered_as_it_is_alone(asked, tmp_path):
    """The panel of all questions gives each model the numbers its own panel gives."""
    together = nightly(
        towns.copy(asked, tmp_path / "one"), plan=planned(towns.TARGET, WEEK), as_of=towns.STREET_NIGHT
    ).scores
    alone = nightly(
        towns.copy(asked, tmp_path / "two"), WEEK, alias=ALIAS, capacity=40, as_of=towns.STREET_NIGHT
    ).scores

    pd.testing.assert_frame_equal(together[together["target"] == WEEK].reset_index(drop=True), alone)


def test_a_missing_model_costs_its_own_question(asked, tmp_path, capsys):
    """The night is published, says aloud which question has no answer and why, and ends with a code of its own."""
    store = towns.copy(asked, tmp_path / "street")
    file = tmp_path / "plan.toml"
    file.write_text(
        "".join(
            f'[[questions]]\ntarget = "{t}"\nalias = "candidate"\nsource = "s"\n' for t in (towns.TARGET, WEEK, "none")
        ),
        "utf-8",
    )
    code = main(["nightly", "--plan", str(file), "--as-of", towns.STREET_NIGHT, "--store", str(store.path)])

    assert code == 3
    assert "none is not answered: no model 'none' @candidate" in capsys.readouterr().out
    assert set(store.facts(towns.STREET_NIGHT)["failed"]) == {"none"}
    assert set(store.read("scores", as_of=towns.STREET_NIGHT)["target"]) == {towns.TARGET, WEEK}


def test_a_broken_model_costs_its_own_question(asked, tmp_path, monkeypatch):
    """Whatever a model meets while it scores, the others answer."""

    def score(model, *args, **kwargs):
        if model.label.name == WEEK:
            raise RuntimeError("trees are gone")
        return answer_score(model, *args, **kwargs)

    answer_score = answer.score
    monkeypatch.setattr(answer, "score", score)
    store = towns.copy(asked, tmp_path / "street")
    night = nightly(store, plan=planned(towns.TARGET, WEEK), as_of=towns.STREET_NIGHT)

    assert night.facts["failed"] == {WEEK: "RuntimeError: trees are gone"}
    assert set(night.scores["target"]) == {towns.TARGET}


def test_a_plan_of_a_folder_is_found(asked, tmp_path, capsys):
    """plan.toml of the store is asked where neither a plan nor a target is named; a plan changed is another run."""
    store = towns.copy(asked, tmp_path / "street")
    text = f'[[questions]]\ntarget = "{WEEK}"\nalias = "candidate"\nsource = "s"\n'
    line = ["nightly", "--as-of", towns.STREET_NIGHT, "--store", str(store.path), "--json"]
    runs = []
    for more in ("", "", "[modes.normal]\ncapacity = 3\n"):
        (store.path / "plan.toml").write_text(text + more, "utf-8")
        capsys.readouterr()
        assert main(line) == 0
        runs.append(json.loads(capsys.readouterr().out))

    assert [run["done_before"] for run in runs] == [False, True, False]
    assert runs[0]["run"] == runs[1]["run"] != runs[2]["run"]


def test_an_alert_lasts_over_nights(asked, tmp_path):
    """The next night's alert of the same place is the same alert, known since the first; and the night before it is part of the run."""
    store = towns.copy(asked, tmp_path / "street")
    plan = planned(towns.TARGET)
    first = nightly(store, plan=plan, as_of="2025-12-14").alerts
    second = nightly(store, plan=plan, as_of=towns.STREET_NIGHT).alerts
    both = first.merge(second, on="alert_id")

    assert len(both) > 0
    assert (both["since_y"] == first["as_of"].iloc[0]).all()
    assert (both["trend_y"] != "new").all()


def test_the_mode_sets_the_capacity(asked, tmp_path):
    """In urgent mode the list has the places of urgent mode, and the facts say who switched and why."""
    store = towns.copy(asked, tmp_path / "street")
    plan = dataclasses.replace(planned(towns.TARGET), modes=Modes(Mode(1), Mode(3)), lanes=Lanes(0, 0, 0, 0, 0))
    calm = nightly(store, plan=plan, as_of=towns.STREET_NIGHT)
    switch(store, "urgent", by="shift_leader", why="flood", at=towns.STREET_NIGHT)
    urgent = nightly(store, plan=plan, as_of=towns.STREET_NIGHT)

    assert (calm.facts["capacity"], urgent.facts["capacity"]) == (1, 3)
    assert (calm.facts["list"]["grids"], calm.facts["mode"]["mode"]) == (1, "normal")
    assert (urgent.facts["mode"]["by"], urgent.facts["mode"]["why"]) == ("shift_leader", "flood")


@pytest.mark.parametrize("given", [{}, {"target": towns.TARGET, "plan": Plan.of_one(towns.TARGET)}])
def test_a_plan_or_a_target(street, given):
    """A night is told its questions once."""
    with pytest.raises(DataError, match="give either plan=… or a target"):
        nightly(street, **given, as_of=towns.STREET_NIGHT)


# --- several jobs, killed jobs


def test_of_two_jobs_one_wins(street):
    """Two jobs that start together make one run: the other finds the store busy, or the run published; both then agree."""
    ready, told = towns.processes().Event(), towns.processes().Queue()
    jobs = [towns.job(towns.run_night, str(street.path), ready, told) for _ in range(2)]
    ready.set()
    found = [told.get(timeout=300) for _ in jobs]
    for job in jobs:
        job.join()
    outcomes = sorted(outcome for outcome, _ in found)

    assert outcomes in (["BusyError", "made"], ["done", "made"])
    assert street.runs(towns.STREET_NIGHT) == [run_name for outcome, run_name in found if outcome == "made"]
    assert run(street).done_before


def test_a_job_does_not_wait_for_another(street):
    """While the store is held a night ends at once with the busy error and publishes nothing."""
    with Store(street.path).lock(), pytest.raises(BusyError, match="held by another job"):
        run(street)

    assert street.nights() == []


def killed_nights(street, kills):
    """Kill the night's job at random times; each time what is published is whole."""
    ready, told, luck = towns.processes().Event(), towns.processes().Queue(), random.Random(3)
    ready.set()
    began = time.monotonic()
    towns.job(towns.run_night, str(towns.copy(street, street.path.with_name("warm")).path), ready, told).join()
    length = time.monotonic() - began
    for _ in range(kills):
        unheard = (
            towns.processes().Queue()
        )  # held here, or it is gone before the job opens it; a killed writer may leave it locked
        job = towns.job(towns.run_night, str(street.path), ready, unheard)
        time.sleep(luck.uniform(0, length))
        job.kill()
        job.join()
        if street.nights():
            assert len(street.read("scores", as_of=towns.STREET_NIGHT)) == 12
            assert len(street.read("alerts", as_of=towns.STREET_NIGHT)) > 0


def assert_undisturbed(street, calm):
    found, wanted = run(street), run(calm)

    assert found.run == wanted.run
    for name in NIGHT_TABLES:
        one, two = (s.read(name, as_of=towns.STREET_NIGHT) for s in (street, calm))
        pd.testing.assert_frame_equal(one, two)
    assert not list(street.path.rglob(".*.partial"))


def test_a_rerun_after_a_kill_is_as_if_undisturbed(street, tmp_path):
    """A job killed in the middle leaves nothing half published; the rerun has the same run, tables and no scraps."""
    calm = towns.copy(street, tmp_path / "calm")
    killed_nights(street, 3)
    assert_undisturbed(street, calm)


@pytest.mark.slow
def test_a_hundred_killed_nights(street, tmp_path):
    """The same for a hundred kills."""
    calm = towns.copy(street, tmp_path / "calm")
    killed_nights(street, 100)
    assert_undisturbed(street, calm)


def test_a_failure_in_the_middle_publishes_nothing(street, monkeypatch):
    """If a step fails the last run holds, and the next try does everything."""

    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(pipeline, "find_gaps", fail)
    with pytest.raises(OSError, match="disk full"):
        run(street)

    assert street.nights() == []
    monkeypatch.undo()
    assert not run(street).done_before


# --- refusals


def test_no_model_is_told(street):
    """Without a champion the message says how to get one; nothing is published."""
    with pytest.raises(NotFoundError, match=r"no model 'dispute_call_14d' @champion.*riskwarn train"):
        run(street, alias=tracking.CHAMPION)

    assert street.nights() == []


@pytest.mark.parametrize(
    ("as_of", "kind", "said"),
    [
        ("2026-06-01", StaleDataError, "the data end at 2025-12-24"),
        ("2024-06-01", DataError, "nothing was known at 2024-06-01"),
        ("2025-11-20", StaleDataError, "would have seen its own outcome"),
        ("tomorrow", DataError, "as_of must be a date"),
    ],
)
def test_a_date_that_cannot_be_scored_is_told(street, as_of, kind, said):
    """After the data, before the data, within the training, or no date at all: each is said, nothing is published."""
    with pytest.raises(kind, match=said):
        run(street, as_of=as_of)

    assert street.nights() == []


def test_no_capacity_is_told(street):
    """Before anything is computed."""
    with pytest.raises(DataError, match="capacity must be at least 1, got 0"):
        run(street, capacity=0)


# --- training and starting


def test_training_without_a_backtest_cannot_be_promoted(tmp_path, monkeypatch):
    """Nothing says that such a model beats a count; it is kept as candidate beside MLflow's file, in the folder that was named."""
    from riskwarn.errors import GateError

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    panel = pd.DataFrame(towns.street_panel())
    model = train(towns.street_experiment(), panel, tracking_folder=tmp_path)

    assert model.facts["mlflow_uri"] == uri
    assert model.facts["gate"] is None
    assert tracking.kept(tmp_path, towns.TARGET, alias=ALIAS).version == model.version
    with pytest.raises(GateError, match="not backtested"):
        tracking.promote(towns.TARGET, uri=uri)


def test_the_starter_is_written_once(tmp_path):
    """A new city gets features and experiments that load; a folder that has some is left alone."""
    from riskwarn.experiment import Experiment

    folder = init(tmp_path / "city")

    written = sorted((folder / "experiments").iterdir())
    assert all(Experiment.load(path).feature_names for path in written)
    assert [path.stem for path in written] == sorted(STARTER)
    (folder / "features" / "disputes.py").write_text("mine")
    with pytest.raises(DataError, match="features exists"):
        init(folder)
    assert (folder / "features" / "disputes.py").read_text() == "mine"


def test_the_wheel_ships_the_starter():
    """What a wheel carries of the questions is what a new city is given, no more and no less."""
    import tomllib
    from pathlib import Path

    project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8"))
    shipped = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]

    assert sorted(Path(p).stem for p in shipped if p.startswith("experiments/")) == sorted(STARTER)


# --- one model, whichever way it is trained


def test_the_command_line_and_python_train_the_same_model(tmp_path, capsys):
    """The lines of the README and the verb give one model version, one gate and one backtest, without a table being handed on by hand."""
    store = towns.copy(towns.street(), tmp_path / "street")
    few = {"n_trees = 20": "n_trees = 5", "n_folds = 3": "n_folds = 2"}
    path = towns.write_experiment(tmp_path / "experiments" / "street.toml", towns.STREET_EXPERIMENT, **few)
    (tmp_path / "features").symlink_to(towns.FEATURES)
    question = rw.Experiment.load(path)
    panel = rw.build_panel(store, question)
    report = rw.backtest(question, panel, progress=False)
    model = rw.train(question, panel, report=report, tracking_folder=store.path)
    capsys.readouterr()
    assert main(["train", str(path), "--store", str(store.path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])

    assert said["model_version"] == model.version
    assert (said["gate"], said["gate_reason"]) == (model.facts["gate"], model.facts["gate_reason"]["en"])
    assert model.common.keys() > {"city"}


# --- the name of a run


BESIDE = {
    "visits": {"visit_id": "v", "started_at": 1, "grid_id": "G01", "known_at": 1},
    "workflow": {"case_id": "c", "step": 1, "action": "accept", "at": 1, "grid_id": "G01"},
    "diversions": {"call_id": "c", "to_org": "o", "sent_at": 1, "grid_id": "G01"},
    "roster": {"grid_id": "G01", "day_at": 1, "n_workers": 3},
    "places": {"grid_id": "G01", "kind": "bar", "n": 3},
    "feed_log": {
        "source": "dispute",
        "org_code": "*",
        "batch_id": "b",
        "arrived_at": 1,
        "received": 1,
        "accepted": 1,
        "quarantined": 0,
        "duplicate": 0,
    },
    "crosswalk": {"from_grid_id": "Z", "to_grid_id": "G01", "effective_at": 1, "weight": 1.0, "kind": "split"},
    "grids": {"grid_id": "Z", "valid_from": 1},
}


def test_all_that_is_read_names_the_run(street):
    """A row more in any table, another calendar, other words, another run of an earlier night: each gives the night another name."""
    at = street.instant(towns.STREET_NIGHT)
    models = {towns.TARGET: pipeline.model_of(street, towns.TARGET, alias=ALIAS)}
    plan = Plan.of_one(towns.TARGET, capacity=50)
    keys = [pipeline.run_key(street, models, at, plan)]
    for name, row in BESIDE.items():
        times = {
            column: at - pd.Timedelta(days=40)
            for column in row
            if column.endswith("_at") or column in {"at", "valid_from"}
        }
        street.write(name, pd.DataFrame([row | times]))
        keys.append(pipeline.run_key(street, models, at, plan))
    for file in ("calendar.csv", "words.csv"):
        for content in (b"code,zh,en\nx,\xe7\x94\xb2,a\n", b"code,zh,en\nx,\xe4\xb9\x99,b\n"):
            (street.path / file).write_bytes(content)
            keys.append(pipeline.run_key(street, models, at, plan))
    for run_name in ("one", "two"):
        street.publish("2025-12-08", {}, run=run_name)
        keys.append(pipeline.run_key(street, models, at, plan))
    keys.append(pipeline.run_key(street, models, at, plan.with_capacity(49)))

    assert len(set(keys)) == len(keys) == 1 + len(BESIDE) + 7
    assert pipeline.run_key(Store(street.path), models, at, plan.with_capacity(49)) == keys[-1]
