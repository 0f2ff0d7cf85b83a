"""One line, and MLflow records what is found from then on; a run that somebody began takes it in."""

import dataclasses
import importlib
import inspect
from pathlib import Path

import pytest
import towns

import riskwarn as rw
from riskwarn import tracking
from riskwarn.audit import OWN
from riskwarn.backtesting import judged
from riskwarn.baseline import PriorCount
from riskwarn.calling import HEARD
from riskwarn.errors import NotFoundError
from riskwarn.rows import Rows
from riskwarn.tracking import autologging
from riskwarn.tracking.server import connected
from riskwarn.tuning import tune

RIVALS = [PriorCount(4)]


def found(**options):
    return rw.backtest(towns.street_experiment(), towns.street_panel(), models=RIVALS, progress=False, **options)


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """A tracker of its own, made once: its tables take a while."""
    folder = tmp_path_factory.mktemp("autolog")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        made = tracking.default_uri(folder)
    with connected(made) as mlflow:
        mlflow.search_experiments()
    return made


@pytest.fixture(autouse=True)
def _recording(uri, monkeypatch):
    """The one line, and its end."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    tracking.autolog()
    yield
    tracking.autolog(disable=True)


def runs_of(uri):
    """All runs there are, newest first, by their identity."""
    with connected(uri) as mlflow:
        return {run.info.run_id: run for run in mlflow.search_runs(search_all_experiments=True, output_format="list")}


def added(uri, before):
    return [run for identity, run in runs_of(uri).items() if identity not in before]


def test_a_backtest_of_rows_is_recorded_as_that_of_their_panel(uri):
    """Rows, which may lie on disk, are logged with the same size, columns and metrics as the panel at hand."""
    before = runs_of(uri)
    panel = towns.street_panel()
    for given in (panel, Rows.of(panel)):
        rw.backtest(towns.street_experiment(), given, models=RIVALS, progress=False)
    one, other = added(uri, before)

    assert one.data.metrics == other.data.metrics
    with connected(uri) as mlflow:
        made = [mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/data.json") for run in (one, other)]
    assert made[0] == made[1]


def test_a_backtest_is_a_run_of_its_own(uri):
    """The run holds what was asked and each rival's metrics as the report has them; no model is registered; afterwards nothing is recorded."""
    before = runs_of(uri)
    report = found()
    (run,) = added(uri, before)
    (rival,) = report.table.index

    assert "gate" not in run.data.tags, "others' models alone ask nothing of it"
    assert run.data.params["label.name"] == towns.street_experiment().label.name
    assert run.data.tags["kind"] == "backtest rolling_origin"
    assert run.data.metrics[f"{rival.replace(' ', '_')}.brier"] == pytest.approx(report.table.loc[rival, "brier"])
    with connected(uri) as mlflow:
        assert mlflow.MlflowClient().search_registered_models() == []

    tracking.autolog(disable=True)
    found()
    assert len(added(uri, before)) == 1
    assert HEARD == {}


def test_models_without_a_baseline_are_recorded(uri):
    """A report that has nothing to be compared with is a run like any, without a verdict of the gate."""
    whole = towns.judged("hint")
    own = whole.predictions[whole.predictions["model"] == OWN]
    alone = dataclasses.replace(whole, predictions=own, frame=judged(own, whole.experiment), baselines=())
    before = runs_of(uri)
    tracking.log_backtest(alone, towns.street_panel(), uri=uri)
    (run,) = added(uri, before)

    assert "gate" not in run.data.tags
    assert run.data.metrics[f"{OWN}.brier"] == pytest.approx(alone.table.loc[OWN, "brier"])


def test_a_run_that_is_active_takes_it_in(uri):
    """Within a run of the user's the first finding goes into that, a further one into a run within it; the run stays active."""
    before = runs_of(uri)
    import mlflow

    mlflow.set_tracking_uri(uri)
    with mlflow.start_run(run_name="mine") as mine:
        found()
        found(split="worst_season")
        assert mlflow.active_run().info.run_id == mine.info.run_id
    outer, inner = sorted(added(uri, before), key=lambda run: run.info.run_id != mine.info.run_id)

    assert outer.data.tags["kind"] == "backtest rolling_origin"
    assert inner.data.tags["kind"] == "backtest worst_season"
    assert inner.data.tags["mlflow.parentRunId"] == outer.info.run_id == mine.info.run_id
    assert set(outer.data.metrics) == set(inner.data.metrics) != set()


def test_a_training_stands_within_the_run_that_is_active(uri, tmp_path):
    """A training records itself as a run within the user's, which stays active, instead of being refused."""
    before = runs_of(uri)
    import mlflow

    mlflow.set_tracking_uri(uri)
    with mlflow.start_run() as mine:
        model = rw.train(towns.street_experiment(), towns.street_panel(), tracking_folder=tmp_path)
        assert mlflow.active_run().info.run_id == mine.info.run_id
    ours = {run.info.run_id: run for run in added(uri, before)}[model.facts["mlflow_run"]]

    assert ours.data.tags["mlflow.parentRunId"] == mine.info.run_id


def test_a_search_is_recorded(uri):
    """What a search for settings found is a run with its trials."""
    before = runs_of(uri)
    pytest.importorskip("optuna")
    best = tune(towns.street_experiment(), towns.street_panel(), n_trials=1, progress=False)
    (run,) = added(uri, before)

    assert run.data.tags["kind"] == "tuning"
    assert run.data.metrics["trials"] == len(best.trials) == 1


def test_what_was_found_is_not_lost_with_the_tracker(monkeypatch):
    """Where it cannot be recorded a warning says so, and the report is returned all the same."""

    def refuse(*words, **options):
        raise NotFoundError("the tracker went away")

    monkeypatch.setattr(autologging, "log_backtest", refuse)
    with pytest.warns(UserWarning, match=r"what was found is not recorded: the tracker went away") as told:
        report = found()

    assert len(report.table) == 1
    assert {Path(one.filename).name for one in told} == {Path(__file__).name}


def test_a_tracker_that_is_not_there_is_told_at_once(monkeypatch):
    """The line itself is refused, before anything long is begun, and nothing is recorded then."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(NotFoundError, match=r"127\.0\.0\.1:9"):
        tracking.autolog()

    assert HEARD == {}


@pytest.mark.parametrize("place", autologging._RECORDED)
def test_what_is_heard_is_there(place):
    """Each function that is listened to stands where it is looked for, is a checked one, and takes what its record asks for."""
    module, _, name = place.rpartition(".")
    function = getattr(importlib.import_module(module), name)

    assert f"{function.__module__}.{function.__qualname__}" == place
    assert function.__wrapped__
    assert {"experiment", "panel"} <= set(inspect.signature(function).parameters)
