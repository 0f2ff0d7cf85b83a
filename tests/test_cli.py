"""The command line: every verb has help with an example, prints JSON for machines, and writes what it is asked to."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import towns

from riskwarn import tracking
from riskwarn.cli import VERBS, command, main
from riskwarn.cli.options import spoken
from riskwarn.cli.shared import only_target
from riskwarn.errors import NotFoundError

DESIGNED = "init ingest check backtest train score explain find-gaps raise-alerts nightly serve simulate promote doctor panel".split()
NIGHT = ("--as-of", towns.STREET_NIGHT)
MODEL = ("--alias", "candidate")


def no_such_number(text):
    raise AssertionError(f"{text} is no JSON")


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    """A copy of the street, and an experiment file with its features beside it."""
    store = towns.copy(towns.street(), tmp_path_factory.mktemp("cli") / "street")
    folder = store.path.parent / "config"
    assert main(["init", str(folder)]) == 0
    path = towns.write_experiment(
        folder / "experiments" / "street.toml", towns.STREET_EXPERIMENT, **{"n_trees = 20": "n_trees = 5"}
    )
    return store, path


@pytest.fixture
def ask(street, capsys):
    """Run a verb on the street with --json; give what it printed, read as strict JSON."""

    def asked(*arguments):
        capsys.readouterr()
        assert main([*arguments, "--json", "--store", str(street[0].path)]) == 0
        return json.loads(capsys.readouterr().out, parse_constant=no_such_number)

    return asked


def test_every_verb_of_the_design_is_there():
    """No verb is missing."""
    assert set(DESIGNED) <= set(VERBS)


def ways():
    """Every verb; of a group each of its own."""
    for verb in VERBS:
        yield from ((verb, name) for name in getattr(command().get_command(None, verb), "commands", [""]))


@pytest.mark.parametrize(("verb", "name"), [*ways()])
def test_every_verb_has_help_with_an_example(verb, name, capsys):
    """--help ends with 0, says what the verb does, and shows a line one can copy, which the parser understands."""
    way = [word for word in (verb, name) if word]
    assert main([*way, "--help"]) == 0
    said = capsys.readouterr().out
    group = command().get_command(None, verb)
    told = group.commands[name] if name else group
    words = told.epilog.removeprefix("example: riskwarn ").split()

    assert "example: riskwarn" in said
    assert "--json" in said or verb == "demo"
    assert words[: len(way)] == way
    assert told.make_context(verb, words[len(way) :]).params
    assert said.isascii() or "…" in said


@pytest.mark.parametrize(
    ("words", "offered"),
    [("riskwarn pro", {"promote"}), ("riskwarn ledger ver", {"verify"}), ("riskwarn nightly --pl", {"--plan"})],
)
def test_a_shell_completes_verbs_and_options(words, offered):
    """What is begun is offered whole: a verb, one of a group, an option of a verb."""
    told = subprocess.run(
        [sys.executable, "-m", "riskwarn"],
        env={
            **os.environ,
            "_RISKWARN_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(words.count(" ")),
        },
        capture_output=True,
        text=True,
        check=True,
    )

    assert set(told.stdout.split()) == offered


def test_the_version_is_told(capsys):
    """--version prints the package's version."""
    import riskwarn

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"riskwarn {riskwarn.__version__}\n"


@pytest.mark.parametrize("arguments", [["scor"], ["score"], ["score", "--as-of"]])
def test_a_line_that_cannot_be_read_ends_with_2(arguments, capsys):
    """An unknown verb or a missing argument: usage on standard error, exit code 2."""
    assert main(arguments) == 2
    usage, said = capsys.readouterr().err.strip().splitlines()

    assert usage.startswith("Usage: riskwarn")
    assert said.startswith("riskwarn: UsageError: ")
    assert said.endswith("--help`.")


@pytest.mark.parametrize(
    ("arguments", "error", "code"),
    [
        (["score", "--as-of", "2025-03-03", "--store", "none"], "NotFoundError", 13),
        (["raise-alerts", "--as-of", "2025-03-03", "--capacity", "0", "--store", "none"], "DataError", 11),
        (["scor"], "UsageError", 2),
        (["score"], "UsageError", 2),
        (["tune", "none.toml", "--trials", "many"], "UsageError", 2),
    ],
)
def test_errors_are_json_where_json_was_asked_for(arguments, error, code, capsys):
    """With --json an error is one JSON object on standard error, with its kind, message and exit code; nothing is printed beside it."""
    assert main([*arguments, "--json"]) == code
    said = capsys.readouterr()

    assert said.out == ""
    assert json.loads(said.err)["message"]
    assert json.loads(said.err)["error"] == error
    assert json.loads(said.err)["exit_code"] == code


def test_a_fault_of_ours_is_one_line_too(monkeypatch, capsys):
    """An exception that no rule foresees is told in one line; RISKWARN_TRACEBACK=1 shows where it was."""
    monkeypatch.setattr("riskwarn.scaffold.init", lambda _: 1 / 0)
    assert main(["init", "x"]) == 1
    assert capsys.readouterr().err == (
        "riskwarn: InternalError: a fault of riskwarn, not yours: ZeroDivisionError: division by zero. "
        "Report it with RISKWARN_TRACEBACK=1.\n"
    )
    monkeypatch.setenv("RISKWARN_TRACEBACK", "1")
    assert main(["init", "x"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "environment", "language"),
    [
        (None, {}, "zh"),
        (None, {"LANG": "C.UTF-8"}, "zh"),
        (None, {"LANG": "POSIX"}, "zh"),
        (None, {"LANG": "en_US.UTF-8"}, "en"),
        (None, {"LANG": "zh_CN.GB18030"}, "zh"),
        (None, {"LANG": "fr_FR"}, "en"),
        (None, {"LANG": "zh_CN", "LC_ALL": "en_GB"}, "en"),
        (None, {"LANG": "en_US", "RISKWARN_LANGUAGE": "zh"}, "zh"),
        ("en", {"LANG": "zh_CN", "RISKWARN_LANGUAGE": "zh"}, "en"),
    ],
)
def test_the_language_follows_the_environment(asked, environment, language, monkeypatch):
    """What is named holds, then RISKWARN_LANGUAGE, then the locale; a locale that names no language leaves the staff's."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG", "RISKWARN_LANGUAGE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert spoken(asked) == language


def test_a_language_nobody_knows_is_refused(monkeypatch, capsys):
    """By option and by environment alike: 2, with those there are."""
    assert main(["features", "--language", "xx"]) == 2
    assert "'xx' is not one of zh, en" in capsys.readouterr().err
    monkeypatch.setenv("RISKWARN_LANGUAGE", "yy")
    assert main(["features"]) == 2
    assert "'yy' is not one of zh, en" in capsys.readouterr().err


def test_every_variable_of_the_environment_is_documented():
    """The table of docs/operations.md names each RISKWARN_ variable that the package or its build reads, and no other."""
    root = Path(__file__).parents[1]
    files = [*(root / "riskwarn").rglob("*.py"), root / "hatch_build.py"]
    read = {name for path in files for name in re.findall(r"RISKWARN_[A-Z_]+[A-Z]", path.read_text("utf-8"))}
    table = re.findall(r"^\| `(RISKWARN_[A-Z_]+)`", (root / "docs" / "operations.md").read_text("utf-8"), re.MULTILINE)

    assert sorted(read) == sorted(table)


# --- verbs, with --json


def test_score_prints_every_grid(ask):
    """One record a grid, in the order of rank, times on the city's clock, numbers to the last digit."""
    rows = ask("score", *NIGHT, *MODEL)
    scores = towns.rw.score(tracking.kept(towns.street().path, towns.TARGET, alias="candidate"), towns.street_night())

    assert [r["rank"] for r in rows] == list(range(1, 13))
    assert {r["as_of"] for r in rows} == {"2025-12-15T00:00:00+08:00"}
    assert [r["expected"] for r in rows] == pytest.approx(scores["expected"].tolist(), rel=1e-14)


def test_explain_prints_reasons_of_the_grids_asked_for(ask):
    """Only those grids, each reason with its sentences."""
    rows = ask("explain", "G11", "G00", *NIGHT, *MODEL)

    assert {r["grid_id"] for r in rows} == {"G00", "G11"}
    assert all(r["zh"] and r["en"] for r in rows)
    in_blocks = ask("explain", "G11", "G00", *NIGHT, *MODEL, "--blocks", "3")
    assert [r["en"] for r in in_blocks] == [r["en"] for r in rows]
    assert [r["contribution"] for r in in_blocks] == pytest.approx([r["contribution"] for r in rows], rel=1e-6)


def test_find_gaps_prints_kinds(ask):
    """Only the kinds asked for."""
    assert {r["kind"] for r in ask("find-gaps", *NIGHT, "--kinds", "G08,G01")} <= {"G01", "G08"}


def test_raise_alerts_keeps_the_capacity(ask):
    """No more grids than can be attended to."""
    rows = ask("raise-alerts", *NIGHT, *MODEL, "--capacity", "2")

    assert 1 <= len(" ".join(r["grid_ids"] for r in rows).split()) <= 2


def test_nightly_twice_and_back(ask, street):
    """The second time nothing is done; an earlier run holds again by name."""
    first, second = (ask("nightly", *NIGHT, *MODEL, "--capacity", "3") for _ in range(2))
    other = ask("nightly", *NIGHT, *MODEL, "--capacity", "4")

    assert (first["done_before"], second["done_before"]) == (False, True)
    assert first["run"] == second["run"] != other["run"]
    assert ask("rollback", towns.STREET_NIGHT, "--run", first["run"], "--why", "test")["run"] == first["run"]
    assert street[0].run_of(towns.STREET_NIGHT) == first["run"]
    ask("rollback", towns.STREET_NIGHT, "--release")


@pytest.fixture
def examined(street, capsys):
    """What the doctor says of the street with --json; its night is old, so it ends with 5."""

    def asked():
        capsys.readouterr()
        assert main(["doctor", "--json", "--store", str(street[0].path)]) == 5
        return json.loads(capsys.readouterr().out, parse_constant=no_such_number)

    return asked


def test_doctor_says_what_there_is(examined):
    """Versions, and the store's tables and nights."""
    found = examined()

    assert found["timezone"] == "Asia/Shanghai"
    assert {"events", "grids"} <= set(found["tables"])
    assert f"pandas {pd.__version__}" in next(f["said"] for f in found["findings"] if f["name"] == "packages")


def test_monitor_tells_of_feeds_and_scores(ask, examined):
    """One mark a monitor and scope; --feeds leaves the model out; after a night the doctor repeats what was loud."""
    whole = ask("monitor", *NIGHT, *MODEL)
    feeds = ask("monitor", *NIGHT, "--feeds")
    ask("nightly", *NIGHT, *MODEL)

    assert {m["monitor"] for m in whole} > {m["monitor"] for m in feeds} == {"volume", "category"}
    assert {"ok"} <= {m["state"] for m in whole} <= {"ok", "unknown", "warn", "alarm"}
    assert len(examined()["loud"]) == sum(m["state"] in {"warn", "alarm"} for m in whole)


def test_check_speaks_of_every_feed(ask):
    """One entry a feed."""
    assert [feed["source"] for feed in ask("check")["feeds"]] == ["police_call"]


def test_backtest_prints_every_rival(ask, street):
    """The table has a row for each model and count, the differences one for each metric and model."""
    found = ask("backtest", str(street[1]))

    assert list(found["table"]) == [
        "riskwarn",
        "poisson regression",
        "prior count 4 weeks",
        "prior count 15 weeks",
        "prior count 52 weeks",
    ]
    assert {"metric", "model", "difference", "lower", "upper", "clear", "verdict", "rival", "p_value"} == set(
        found["differences"][0]
    )


def test_another_horizon_is_another_target(street, tmp_path):
    """--horizon asks the same question over other days, and trains a model that says so in its name."""
    store = towns.copy(street[0], tmp_path / "street")
    assert main(["train", str(street[1]), "--horizon", "3", "--no-backtest", "--store", str(store.path)]) == 0

    [name] = set(tracking.kept_targets(store.path)) - set(tracking.kept_targets(street[0].path))
    assert name.endswith("_3d")
    assert tracking.kept(store.path, name, alias="candidate").label.days == 3


def test_backtest_writes_a_page(ask, street, tmp_path):
    """An ending of .html gives the whole report, lead time included; another split says so in it."""
    ask("backtest", str(street[1]), "--out", str(tmp_path / "report.html"), "--split", "leave-area-out")
    page = (tmp_path / "report.html").read_text("utf-8")

    assert "How early" in page
    assert "leave area out" in page


def test_tune_writes_a_section_to_paste(ask, street, tmp_path):
    """The settings found are a [model] of TOML, logged to MLflow; another ending is refused before anything is computed."""
    import tomllib

    found = ask("tune", str(street[1]), "--trials", "1", "--out", str(tmp_path / "model.toml"))

    assert tomllib.loads((tmp_path / "model.toml").read_text("utf-8"))["model"] == found["settings"]
    assert found["best"] == found["declared"]
    assert found["mlflow_run"]


def test_train_then_promote(ask, street, capsys):
    """Training registers a candidate and says why it may not be promoted; promoting it ends with the gate's exit code."""
    found = ask("train", str(street[1]), "--no-backtest")

    assert found["target"] == towns.TARGET
    assert found["gate_reason"] == "not backtested"
    assert main(["promote", towns.TARGET, "--store", str(street[0].path)]) == 16
    assert "keeps out of @champion" in capsys.readouterr().err


def test_train_from_a_panel_on_disk(ask, street, tmp_path, capsys):
    """A folder for the panel gives the model of one at hand, with its papers; an engine without a folder is refused in a sentence."""
    store, path = street
    ask("train", str(path), "--no-backtest")
    at_hand = tracking.kept(store.path, towns.TARGET, alias="candidate")
    found = ask("train", str(path), "--no-backtest", "--panel", str(tmp_path / "panel"), "--blocks", "2")
    from_disk = tracking.kept(store.path, towns.TARGET, alias="candidate")

    assert found["gate_reason"] == "not backtested"
    assert (tmp_path / "panel" / "_blocks.json").exists()
    assert from_disk.trees == at_hand.trees
    assert from_disk.facts["golden"]["scores"] == pytest.approx(at_hand.facts["golden"]["scores"], abs=1e-6)
    assert from_disk.facts["datasheet"] == at_hand.facts["datasheet"]
    assert main(["train", str(path), "--jobs", "2", "--store", str(store.path)]) == 11
    assert "name it with --panel DIR" in capsys.readouterr().err
    here = ["--panel", str(tmp_path / "other"), "--spread", "--store", str(store.path)]
    assert main(["train", str(path), *here]) == 10
    assert "engine 'local' grows no trees on its workers" in capsys.readouterr().err


def test_ingest_says_what_became_of_every_row(ask, tmp_path):
    """Received is accepted and quarantined and duplicate; the same file again is all known."""
    (tmp_path / "calls.csv").write_text("id,at,grid,kind\nn1,2025-06-01 08:00,G01,P04\nn2,2025-06-01 09:00,G99,P04\n")
    (tmp_path / "calls.toml").write_text(
        'table = "events"\nsource = "police_call"\ntimezone = "Asia/Shanghai"\n'
        '[columns]\nevent_id = "id"\noccurred_at = "at"\ngrid_id = "grid"\n[category]\nkeys = ["kind"]\nunknown = "slug"\n'
    )
    first, second = (
        ask("ingest", str(tmp_path / "calls.csv"), "--mapping", str(tmp_path / "calls.toml")) for _ in range(2)
    )

    assert (first["received"], first["accepted"], first["quarantined"], first["duplicate"]) == (2, 1, 1, 0)
    assert second["accepted"] == 0


@pytest.mark.slow
def test_simulate_writes_a_store(ask, tmp_path, capsys):
    """A made-up town with all its tables."""
    assert main(["simulate", "--out", str(tmp_path / "town"), "--json"]) == 0
    assert {"events", "grids", "visits", "workflow"} <= set(json.loads(capsys.readouterr().out)["tables"])


# --- files, text, environment


@pytest.mark.parametrize("ending", ["parquet", "csv", "xlsx"])
def test_tables_are_written_to_files(street, tmp_path, ending, capsys):
    """--out writes the whole table and says what was written."""
    target = tmp_path / f"scores.{ending}"
    capsys.readouterr()
    assert main(["score", *NIGHT, *MODEL, "--store", str(street[0].path), "--out", str(target)]) == 0
    read = {"parquet": pd.read_parquet, "csv": pd.read_csv, "xlsx": pd.read_excel}[ending]

    assert capsys.readouterr().out == f"12 rows in {target}\n"
    assert read(target)["rank"].tolist() == list(range(1, 13))


def test_the_feature_matrix_of_several_dates(street, tmp_path, capsys):
    """One row a grid and date, the features alone beside the keys and the outcome."""
    target = tmp_path / "panel.parquet"
    assert (
        main(
            [
                "panel",
                str(street[1]),
                "--as-of",
                "2025-11-03,2025-11-10",
                "--out",
                str(target),
                "--store",
                str(street[0].path),
            ]
        )
        == 0
    )
    found = pd.read_parquet(target)

    assert len(found) == 24
    assert found["as_of"].nunique() == 2
    assert not [c for c in found if c.startswith("normal:")]
    assert "24 rows" in capsys.readouterr().out


def test_the_store_may_stand_in_the_environment(street, monkeypatch, capsys):
    """RISKWARN_STORE is used where --store is not given; neither is an error that says so."""
    monkeypatch.setenv("RISKWARN_STORE", str(street[0].path))
    assert main(["score", *NIGHT, *MODEL]) == 0
    assert "G11" in capsys.readouterr().out
    monkeypatch.delenv("RISKWARN_STORE")
    assert main(["score", *NIGHT, *MODEL]) == 11
    assert "give --store DIR or set RISKWARN_STORE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ([], "no model is kept; train one with `riskwarn train`"),
        (["a_7d", "b_7d"], "name one with --target: a_7d, b_7d"),
    ],
)
def test_without_a_target_there_must_be_one_model(tmp_path, monkeypatch, kept, said):
    """The one kept model is meant where none is named; of none or several none is taken."""
    monkeypatch.setattr(tracking, "kept_targets", lambda _: kept)
    with pytest.raises(NotFoundError, match=said):
        only_target(tmp_path)
    monkeypatch.setattr(tracking, "kept_targets", lambda _: ["a_7d"])
    assert only_target(tmp_path) == "a_7d"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_reasons_are_said_in_the_language_asked_for(street, language, capsys):
    """Sentences are printed in Chinese or English."""
    capsys.readouterr()
    assert main(["explain", "G11", *NIGHT, *MODEL, "--language", language, "--store", str(street[0].path)]) == 0
    said = capsys.readouterr().out

    assert ("纠纷" in said) == (language == "zh")
    assert ("calls" in said) == (language == "en")


def test_the_program_alone_prints_its_help(capsys):
    """Without a word the verbs are listed, as `--help` lists them; no verb was done, which is exit code 2."""
    assert main([]) == 2
    alone = capsys.readouterr()
    assert main(["--help"]) == 0
    assert (alone.out, alone.err) == (capsys.readouterr().out, "")


@pytest.mark.parametrize("verb", ["user", "token", "audit-log", "alerts", "ledger", "register", "webhooks"])
def test_a_group_of_verbs_shows_an_example(verb, capsys):
    """As each verb does, with a line to copy that names a verb of the group."""
    assert main([verb, "--help"]) == 0
    said = capsys.readouterr().out
    line = next(line for line in said.splitlines() if "example: riskwarn" in line)
    assert line.split()[2] == verb
    assert line.split()[3] in command().get_command(None, verb).commands
