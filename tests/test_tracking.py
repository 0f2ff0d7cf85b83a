"""Tracking: what a run holds, who may become champion, and what is kept for the night."""

import dataclasses
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.request import Request, urlopen

import pandas as pd
import pytest
import towns
import visiting

import riskwarn as rw
from riskwarn import tracking
from riskwarn.datasheet import unread
from riskwarn.errors import DataError, DefinitionError, GateError, NotFoundError
from riskwarn.model import RiskModel, check_golden
from riskwarn.tracking.server import connected
from riskwarn.training import card_of


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """An MLflow file with two versions: the first passed the gate, the second, the candidate, did not. The URI was set to something else."""
    folder = tmp_path_factory.mktemp("tracked")
    model, experiment = towns.street_model(towns.street()), towns.street_experiment()
    rows = towns.street_panel()
    uri = tracking.default_uri(folder)

    def logged(column):
        report = towns.judged(column)
        described = dataclasses.replace(model, facts={**model.facts, "card": card_of(model, report)})
        return tracking.log_training(described, experiment, rows, report=report, uri=uri, data_digest="d1")

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "sqlite:////nowhere/else.db")
        good, poor = logged("hint"), logged("noise")
        left = os.environ["MLFLOW_TRACKING_URI"]
    return folder, uri, good, poor, left


def test_a_run_holds_all_it_takes_to_judge_and_repeat_it(tracked):
    """Parameters, metrics of every rival, digests, the features, the experiment's text, the report and the bundle are in the run."""
    _, uri, good, _, _ = tracked
    with connected(uri) as mlflow:
        client = mlflow.MlflowClient()
        run = client.get_run(good.facts["mlflow_run"])
        files = {f.path for f in client.list_artifacts(run.info.run_id)}
        registered = f"models:/{towns.TARGET}/{good.facts['mlflow_version']}/data/riskwarn"
        bundle = {f.path for f in mlflow.artifacts.list_artifacts(registered)}
        card = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/model_card.md")
        learnt = run.inputs.dataset_inputs[0].dataset
        text = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/experiment.toml")
        features = mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/features.json")["features"]
        data = mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/data.json")

    assert run.data.params["label.name"] == towns.TARGET
    assert run.data.params["model.n_trees"] == "5"
    assert run.data.params["n_features"] == str(len(good.features))
    assert {"riskwarn.capture_10", "prior_count_4_weeks.capture_10", "prior_count_8_weeks.brier", "rows"} <= set(
        run.data.metrics
    )
    assert run.data.tags["data_digest"] == "d1"
    assert run.data.tags["model_version"] == good.version
    assert run.data.tags["purpose"] == "service"
    assert run.data.tags["experiment_digest"] == towns.street_experiment().digest
    assert files == {
        "experiment.toml",
        "features.json",
        "data.json",
        "backtest.txt",
        "backtest.html",
        "gate.txt",
        "model_card.md",
        "model_card.zh.md",
    }
    assert bundle == {f"data/riskwarn/{name}" for name in ("SHA256SUMS", "model.json", "trees.txt")}
    assert card.startswith(f"# Model card: {towns.TARGET}\n")
    assert "prior count" in card
    assert learnt.digest == "d1"
    read = [column["name"] for column in json.loads(learnt.schema)["mlflow_colspec"]]
    assert read == [*good.feature_names, "y"]
    assert data["columns"] == ["grid_id", "as_of", *good.feature_names, "y"]
    assert text == towns.street_experiment().text
    assert features == [f.to_dict() for f in good.features]


def test_another_purpose_is_another_training():
    """A question whose purpose changed is not taken for trained already, though its digest is the same."""
    asked = towns.street_experiment()
    meant = dataclasses.replace(asked, purpose="mediation")

    assert tracking.trained_from(meant, "d") == tracking.trained_from(asked, "d") | {"purpose": "mediation"}


def test_the_uri_is_left_as_it_was_found(tracked):
    """MLFLOW_TRACKING_URI, set or not, is after a training what it was before."""
    *_, left = tracked

    assert left == "sqlite:////nowhere/else.db"
    assert "MLFLOW_TRACKING_URI" not in os.environ


def test_a_model_that_does_not_beat_the_count_is_refused(tracked):
    """The message names the version, the rival and the figure with its interval; the champion stays who it was."""
    folder, uri, _, poor, _ = tracked
    said = rf"version {poor.facts['mlflow_version']} keeps out of @champion: capture_5 is clearly worse than prior count . weeks: -0\.\d+, 95 % interval -0\.\d+ to -0\.\d+"
    with pytest.raises(GateError, match=said):
        tracking.promote(towns.TARGET, uri=uri, folder=folder)

    assert tracking.kept(folder, towns.TARGET, alias=tracking.CHAMPION) is None


def test_a_model_without_its_papers_is_refused_by_whatever_way(tracked):
    """What a hold says of a candidate's papers, the tracker says too: called directly it promotes no model that lacks one or has one unread."""
    folder, uri, good, _, _ = tracked
    version = good.facts["mlflow_version"]
    with pytest.raises(
        GateError, match=rf"papers: version {good.version} of {towns.TARGET} has no datasheet and no audit"
    ):
        tracking.promote(towns.TARGET, uri=uri, version=version, folder=folder)
    check = {"check": "slices", "verdict": "insufficient_evidence", "said": {"en": "too few"}}
    audit = {"checks": [check], "under_reporting": []}
    read = {"gate": True, "card": {"en": "x"}, "datasheet": {"rows": 1}, "audit": audit}

    assert [hold for hold, _ in unread(read, target="t", version="v")] == ["audit"]
    assert tracking.kept(folder, towns.TARGET, alias=tracking.CHAMPION) is None


@pytest.mark.parametrize("holds", [("paper",), ("audit", "paper")])
def test_a_hold_that_is_none_promotes_nothing(tmp_path, holds):
    """A name that is no hold is refused with the nearest one before anything is looked up: it would stop nothing."""
    with pytest.raises(DefinitionError, match=r"papers, audit, got 'paper' \(did you mean 'papers'\?\)"):
        tracking.promote(towns.TARGET, uri=tracking.default_uri(tmp_path), version="1", holds=holds)


def test_a_model_that_beats_it_is_promoted(tracked, tmp_path):
    """By its version number it becomes champion; what is fetched and what is kept for the night is that very model."""
    _, uri, good, _, _ = tracked
    version = good.facts["mlflow_version"]

    assert tracking.promote(towns.TARGET, uri=uri, version=version, folder=tmp_path, holds=()) == version
    for found in (
        tracking.fetch(towns.TARGET, uri=uri),
        tracking.kept(tmp_path, towns.TARGET, alias=tracking.CHAMPION),
    ):
        assert found.version == good.version
        assert found.facts["mlflow_version"] == version
        assert found.facts["alias"] == tracking.CHAMPION
        night = towns.street_night()
        assert found.predict(night).equals(good.predict(night))
    assert tracking.kept_targets(tmp_path) == [towns.TARGET]


@pytest.mark.parametrize("changes", [{"version": "99"}, {"target": "none_7d"}])
def test_what_is_not_registered_is_told(tracked, changes):
    """An unknown model or version says which, and how to get one."""
    _, uri, *_ = tracked
    asked = {"target": towns.TARGET, "version": None, **changes}
    with pytest.raises(NotFoundError, match="is registered; train one with `riskwarn train`"):
        tracking.promote(asked["target"], uri=uri, version=asked["version"])


@pytest.mark.parametrize(
    ("status", "body"), [(500, b""), (200, b'{"model": 1e999'), (200, b'{"model_version": {"name": 3}}')]
)
def test_a_tracker_that_answers_nonsense_is_told(status, body):
    """Nobody knows then whether a model is registered, so it is not said that none is."""

    class Nonsense(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health" else status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Nonsense) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(NotFoundError, match=rf"the tracker http://127.0.0.1:{server.server_port} refused: "):
            tracking.fetch(towns.TARGET, uri=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()


# --- as a model of MLflow's own


@pytest.fixture(scope="module")
def loaded(tracked):
    """The model that passed the gate, and what MLflow loads once it is champion."""
    folder, uri, good, _, _ = tracked
    tracking.promote(towns.TARGET, uri=uri, version=good.facts["mlflow_version"], holds=())
    with connected(uri) as mlflow:
        return good, uri, mlflow.pyfunc.load_model(f"models:/{towns.TARGET}@champion"), folder


def test_what_mlflow_loads_scores_as_the_night(loaded):
    """The rows of a night's panel, as they are, have the scores that the night gives them, to the last digit, whatever the capacity."""
    model, _, by_mlflow, _ = loaded
    night = towns.street_night()
    for options in ({}, {"capacity": 3}):
        answered = by_mlflow.predict(night, params=options)

        pd.testing.assert_frame_equal(answered, rw.score(model, night, **options).astype({"rank": "int64"}))


def test_a_model_tells_mlflow_what_it_reads(loaded):
    """Its columns are the keys and the features; its example is answered as it stands; a missing feature is refused by name."""
    model, _, by_mlflow, folder = loaded
    example = by_mlflow.input_example

    assert by_mlflow.metadata.get_input_schema().input_names() == ["grid_id", "as_of", *model.feature_names]
    assert by_mlflow.predict(example)["state"].tolist() == ["ok"] * len(example)
    with pytest.raises(Exception, match=f"missing inputs.*{model.feature_names[0]}"):
        by_mlflow.predict(example.drop(columns=model.feature_names[0]))
    assert not [p for p in folder.rglob("*") if p.suffix in {".pkl", ".pickle"}]


@pytest.mark.parametrize(
    ("dates", "said"),
    [
        (["2026-01-05", "2026-01-05"], "has no zone"),
        (["soon", "soon"], "cannot be read"),
        (["2026-01-05T00:00Z"] * 2, "twice"),
    ],
)
def test_rows_that_mlflow_cannot_tell_wrong_are_refused(loaded, dates, said):
    """A date without zone, no date, a grid twice: MLflow lets any of it through, the model does not."""
    model, _, by_mlflow, _ = loaded
    rows = towns.street_night()[["grid_id", *model.feature_names]].iloc[[0, 0]].assign(as_of=dates)
    with pytest.raises(DataError, match=said):
        by_mlflow.predict(rows)


def test_what_mlflow_serves_answers_as_the_night(loaded):
    """Over JSON, dates as text and a number that is not known as null, the scores are those of the night to the last digit."""
    model, _, by_mlflow, _ = loaded
    night = towns.street_night()
    rows = served_rows(night, model)
    from mlflow.pyfunc.scoring_server import init

    client = visiting.at_the_machine(init(by_mlflow))
    answered = client.post("/invocations", json={"dataframe_split": rows, "params": {"capacity": 3}})

    check_served(answered.json()["predictions"], model, night)


def served_rows(night, model):
    """The rows as a client writes them, one number of them unknown."""
    rows = night[["grid_id", "as_of", *model.feature_names]].astype({"grid_id": "str"})
    rows["as_of"] = [at.isoformat() for at in rows["as_of"]]
    split = rows.to_dict("split", index=False)
    split["data"][0][2] = None
    return split


def check_served(predictions, model, night):
    """The same as by :func:`riskwarn.score`."""
    unknown = night.copy()
    unknown.iloc[0, unknown.columns.get_loc(model.feature_names[0])] = float("nan")
    scores = rw.score(model, unknown, capacity=3)
    answered = pd.DataFrame(predictions)
    assert pd.to_datetime(answered["as_of"]).tolist() == scores["as_of"].tolist()
    for column in ("grid_id", "probability", "expected", "lower", "upper", "rank", "p_in_top", "model_version"):
        assert answered[column].tolist() == scores[column].tolist()


@pytest.mark.slow
def test_mlflow_models_serve_answers_as_the_night(loaded):
    """``mlflow models serve --env-manager local``, a process of its own without our hands in it, answers the same."""
    model, uri, _, folder = loaded
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = ("127.0.0.1", free.getsockname()[1])
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", f"models:/{towns.TARGET}@champion"]
    command += ["--env-manager", "local", "--host", address[0], "--port", str(address[1])]
    night = towns.street_night()
    body = json.dumps({"dataframe_split": served_rows(night, model), "params": {"capacity": 3}}).encode()
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            command, env={**os.environ, "MLFLOW_TRACKING_URI": uri}, stdout=log, stderr=log, start_new_session=True
        )
        try:
            answered = _asked(f"http://{address[0]}:{address[1]}", body, server)
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)

    check_served(answered["predictions"], model, night)


def _asked(url, body, server, seconds=180):
    """What a server that is starting answers."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert server.poll() is None
        try:
            with urlopen(f"{url}/ping", timeout=5):
                break
        except OSError:
            time.sleep(0.5)
    request = Request(f"{url}/invocations", body, {"content-type": "application/json"})
    with urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_a_damaged_bundle_is_not_loaded_by_mlflow_either(loaded):
    """One byte of the registered trees changed: nothing of them is parsed."""
    _, uri, _, folder = loaded
    damaged = {trees: trees.read_bytes() for trees in (folder / "mlartifacts").rglob("trees.txt")}
    for trees, sound in damaged.items():
        trees.write_bytes(sound.replace(b"1", b"2", 1))
    with connected(uri) as mlflow, pytest.raises(DataError, match="damaged or was swapped"):
        mlflow.pyfunc.load_model(f"models:/{towns.TARGET}@champion")
    for trees, sound in damaged.items():
        trees.write_bytes(sound)


def test_a_version_of_before_is_fetched(loaded, tmp_path):
    """A bare bundle, as versions were registered before, is found as ever."""
    model, uri, *_ = loaded
    with connected(uri) as mlflow:
        experiment = mlflow.create_experiment("old", artifact_location=(tmp_path / "mlartifacts").as_uri())
        with mlflow.start_run(experiment_id=experiment) as run:
            mlflow.log_artifacts(str(model.save(tmp_path / "bundle")), "riskwarn")
        client = mlflow.MlflowClient()
        client.create_registered_model("old_14d")
        client.create_model_version("old_14d", f"{run.info.artifact_uri}/riskwarn", run.info.run_id)
        client.set_registered_model_alias("old_14d", "candidate", "1")

    assert tracking.fetch("old_14d", uri=uri, alias="candidate").version == model.version


# --- what is kept beside the store


def test_a_kept_model_is_replaced_in_one_step(tmp_path):
    """The alias always points to a whole bundle; the one before stays for readers who have just opened it, older ones go."""
    models = [dataclasses.replace(towns.street_model(towns.street()), facts={"mean": n}) for n in range(4)]
    for n, model in enumerate(models):
        place = tracking.keep(model, tmp_path, alias=tracking.CHAMPION)
        assert tracking.kept(tmp_path, towns.TARGET, alias=tracking.CHAMPION).facts["mean"] == n
        assert (place.parent / tracking.CHAMPION).read_text() == place.name

    assert len([p for p in place.parent.iterdir() if p.is_dir()]) == 2
    assert not [p for p in place.parent.iterdir() if p.suffix == ".partial"]
    assert tracking.keep(models[3], tmp_path, alias=tracking.CHAMPION) == place


def test_a_damaged_kept_model_is_refused(tmp_path):
    """One byte of the bundle changed: the night does not run with it."""
    place = tracking.keep(towns.street_model(towns.street()), tmp_path, alias=tracking.CHAMPION)
    content = bytearray((place / "trees.txt").read_bytes())
    content[len(content) // 2] ^= 1
    (place / "trees.txt").write_bytes(content)
    with pytest.raises(DataError, match="damaged or was swapped"):
        tracking.kept(tmp_path, towns.TARGET, alias=tracking.CHAMPION)


def test_nothing_kept_is_none(tmp_path):
    """A folder without models has none, and no targets."""
    assert tracking.kept(tmp_path, towns.TARGET, alias=tracking.CHAMPION) is None
    assert tracking.kept_targets(tmp_path) == []


def test_only_tracking_knows_mlflow():
    """Scoring with a kept model never loads MLflow."""
    models = towns.processes()
    told = models.Queue()
    job = towns.job(towns.load_and_score, str(towns.street().path), towns.street_night(), told)
    n_scores, loaded = told.get(timeout=120)
    job.join()

    assert n_scores == 12
    assert not loaded
    assert RiskModel.__module__ in sys.modules


def test_a_swapped_bundle_is_refused(tmp_path):
    """A bundle whose sums were made again, or that another folder signed, is refused; keeping the model again mends it."""
    model = towns.street_model(towns.street())
    other = tracking.keep(model, tmp_path / "other", alias=tracking.CHAMPION)
    for swap in ("sums", "bundle", "signature", "key"):
        place = tracking.keep(model, tmp_path / swap, alias=tracking.CHAMPION)
        if swap == "sums":
            trees = (place / "trees.txt").read_bytes()
            (place / "trees.txt").write_bytes(trees[: len(trees) // 2])
            files = ("model.json", "trees.txt")
            lines = [f"{hashlib.sha256((place / n).read_bytes()).hexdigest()}  {n}\n" for n in files]
            (place / "SHA256SUMS").write_text("".join(lines))
        elif swap == "bundle":
            shutil.rmtree(place)
            shutil.copytree(other, place)
        elif swap == "signature":
            (place / "SIGNATURE").unlink()
        else:
            (tmp_path / swap / ".key").unlink()
        with pytest.raises(DataError, match="damaged or was swapped"):
            tracking.kept(tmp_path / swap, towns.TARGET, alias=tracking.CHAMPION)
        tracking.keep(model, tmp_path / swap, alias=tracking.CHAMPION)
        assert tracking.kept(tmp_path / swap, towns.TARGET, alias=tracking.CHAMPION).version == model.version


def test_the_key_is_its_owners(tmp_path):
    """Nobody but the owner of the folder can read what signs its models."""
    tracking.keep(towns.street_model(towns.street()), tmp_path, alias=tracking.CHAMPION)

    assert (tmp_path / ".key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_truncated_trees_do_not_end_the_process(tmp_path, share):
    """Trees that break off, under sums that fit them, are an error, though LightGBM ends a process that reads them."""
    place = towns.street_model(towns.street()).save(tmp_path)
    trees = (place / "trees.txt").read_bytes()
    (place / "trees.txt").write_bytes(trees[: int(len(trees) * share)])
    lines = [f"{hashlib.sha256((place / n).read_bytes()).hexdigest()}  {n}\n" for n in ("model.json", "trees.txt")]
    (place / "SHA256SUMS").write_text("".join(lines))
    with pytest.raises(DataError, match="LightGBM cannot read its trees"):
        RiskModel.load(place)


# --- before a model is swapped in


def test_a_model_that_scores_otherwise_is_not_swapped_in(tmp_path):
    """Its golden rows are scored in a process of its own: the same passes, one part in a million off is refused, and so is no number, in a later bundle too, and what ends the process."""
    model = towns.street_model(towns.street())
    check_golden(model.save(tmp_path / "same"))
    moved = dataclasses.replace(model.calibration, level=model.calibration.level + 1e-6)
    with pytest.raises(
        DataError, match="otherwise than when it was trained, by up to 1e-06 in the log; it is not swapped in"
    ):
        check_golden(dataclasses.replace(model, calibration=moved).save(tmp_path / "moved"))
    silent = dataclasses.replace(model.calibration, level=float("nan"))
    with pytest.raises(DataError, match="by up to inf in the log"):
        check_golden(tmp_path / "same", dataclasses.replace(model, calibration=silent).save(tmp_path / "silent"))
    broken = model.trees[: len(model.trees) // 2]
    with pytest.raises(DataError, match="ends the process that tries it"):
        check_golden(dataclasses.replace(model, trees=broken).save(tmp_path / "broken"))


def test_a_promotion_that_is_refused_changes_nothing(tracked, tmp_path, monkeypatch):
    """The rows disagree: neither the registry's alias nor the kept champion moves."""
    _, uri, good, _, _ = tracked
    version = good.facts["mlflow_version"]
    tracking.promote(towns.TARGET, uri=uri, version=version, folder=tmp_path, holds=())

    def refuse(_):
        raise DataError("otherwise")

    monkeypatch.setattr("riskwarn.tracking.runs.check_golden", refuse)
    before = tracking.fetch(towns.TARGET, uri=uri).facts["mlflow_version"]
    with pytest.raises(DataError, match="otherwise"):
        tracking.promote(towns.TARGET, uri=uri, version=version, folder=tmp_path, holds=())

    assert tracking.fetch(towns.TARGET, uri=uri).facts["mlflow_version"] == before
    assert tracking.kept(tmp_path, towns.TARGET, alias=tracking.CHAMPION).version == good.version


# --- where the record lies


def test_a_store_may_have_any_path(tmp_path):
    """The record lies in the folder itself, whatever characters its path has, and the model is registered and fetched there."""
    name = "x%20y, a#b, 50% of it? 城市 一"
    folder = tmp_path / name
    folder.mkdir()
    model, experiment = towns.street_model(towns.street()), towns.street_experiment()
    uri = tracking.default_uri(folder)
    logged = tracking.log_training(model, experiment, towns.street_panel(), report=None, uri=uri, data_digest="d")

    assert tracking.fetch(towns.TARGET, uri=uri, alias=tracking.CANDIDATE).version == logged.version
    assert (folder / "mlflow.db").is_file()
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_tracker_that_is_not_there_is_told_in_time():
    """Nobody listens, a server that accepts and says nothing, a name nobody knows: an error within five seconds, without the password."""
    with socket.socket() as silent, socket.socket() as closed:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        closed.bind(("127.0.0.1", 0))
        mute, dead = (f"127.0.0.1:{s.getsockname()[1]}" for s in (silent, closed))
        for uri in (
            f"http://{mute}",
            f"http://{dead}",
            "http://no-such-host.invalid",
            f"postgresql://me:secret@{dead}/db",
        ):
            began = time.monotonic()
            with pytest.raises(NotFoundError, match="does not answer within 2 s") as told:
                tracking.promote(towns.TARGET, uri=uri)
            assert time.monotonic() - began < 5
            assert "secret" not in str(told.value)
