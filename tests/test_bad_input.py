"""Bad input: each kind ends with its own exit code and one line that says what was found and what to do; never a traceback."""

import shlex

import mistakes
import pandas as pd
import pytest
import towns

from riskwarn import tracking
from riskwarn.cli import main
from riskwarn.errors import RiskwarnError
from riskwarn.store import Store

NIGHT = ("--as-of", towns.STREET_NIGHT)
MODEL = ("--alias", "candidate")
MAPPING = """table = "events"
source = "police_call"
timezone = "Asia/Shanghai"
[columns]
event_id = "id"
occurred_at = "at"
grid_id = "grid"
[category]
keys = ["kind"]
unknown = "slug"
"""
CALLS = "id,at,grid,kind\nn1,2025-06-01 08:00,G01,P04\n"


@pytest.fixture
def end(tmp_path, capsys):
    """Run a line on a copy of the street; give its exit code and its one line on standard error."""

    def ended(*arguments, store=None):
        chosen = store or tmp_path / "street"
        if store is None and not chosen.exists():
            towns.copy(towns.street(), chosen)
        capsys.readouterr()
        code = main([*map(str, arguments), "--store", str(chosen)])
        said = capsys.readouterr().err
        assert "Traceback" not in said
        assert said.count("\n") == 1 if code else not said
        return code, said

    return ended


@pytest.fixture
def written(tmp_path):
    """Write a text file and give its path."""

    def write(name, text):
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return path

    return write


def experiment(tmp_path, **changes):
    return towns.write_experiment(tmp_path / "experiments" / "e.toml", towns.STREET_EXPERIMENT, **changes)


# --- files that come in


def test_a_missing_column(end, written):
    """11: the file lacks a column of the mapping; what it has is listed."""
    code, said = end(
        "ingest", written("c.csv", "id,at,kind\nn1,2025-06-01 08:00,P04\n"), "--mapping", written("m.toml", MAPPING)
    )

    assert code == 11
    assert "DataError: c.csv: column 'grid' is missing" in said
    assert "the file has: id, at, kind" in said


def test_an_unknown_key_of_a_mapping(end, written):
    """10: the nearest key is offered."""
    code, said = end(
        "ingest", written("c.csv", CALLS), "--mapping", written("m.toml", MAPPING.replace("event_id", "evnt_id"))
    )

    assert code == 10
    assert "did you mean 'event_id'" in said


def test_naive_times(end, written):
    """10: a mapping that does not say which clock the times were read from; 11: a table of naive times."""
    bare = "\n".join(line for line in MAPPING.splitlines() if "timezone" not in line)
    code, said = end("ingest", written("c.csv", CALLS), "--mapping", written("m.toml", bare))

    assert code == 10
    assert "say which clock the times were read from" in said


def test_an_unknown_grid(end, written, tmp_path):
    """11, for half of the rows were refused; the row is kept in quarantine with its reason, and never counted."""
    code, said = end("ingest", written("c.csv", CALLS.replace("G01", "G99")), "--mapping", written("m.toml", MAPPING))
    store = Store(tmp_path / "street")

    assert code == 11
    assert "1 of 2 rows were refused" in said or "1 of 1 rows were refused" in said
    assert store.read_quarantine("events")["reason"].str.contains("not in the store's grids").all()
    assert "G99" not in set(store.read("events")["grid_id"])


def test_a_file_that_is_not_there(end, written):
    """13: the file is named."""
    code, said = end("ingest", "no.csv", "--mapping", written("m.toml", MAPPING))

    assert code == 13
    assert "no.csv" in said


def test_a_column_of_names(end, written):
    """14: a column that may identify a person is refused, and no value of it is repeated."""
    secret = "王小明"
    code, said = end(
        "ingest",
        written("c.csv", f"id,at,grid,kind,当事人\nn1,2025-06-01 08:00,G01,P04,{secret}\n"),
        "--mapping",
        written("m.toml", MAPPING),
    )

    assert code == 14
    assert secret not in said


# --- experiments


def test_an_unknown_key_of_an_experiment(end, tmp_path):
    """10: the file, the key and the nearest known one are named."""
    code, said = end("backtest", experiment(tmp_path, settle_days="setle_days"))

    assert code == 10
    assert "e.toml: unknown key 'setle_days' in [label] (did you mean 'settle_days'?)" in said


def test_an_experiment_that_is_not_there(end, tmp_path):
    """13."""
    assert end("train", tmp_path / "none.toml")[0] == 13


def features_beside(tmp_path, **changes):
    """An experiment with the starter's features beside it."""
    (tmp_path / "features").symlink_to(towns.FEATURES)
    return experiment(tmp_path, **changes)


def test_one_class(end, tmp_path):
    """15: where no outcome ever happens, or all are alike, nothing can be trained."""
    path = features_beside(tmp_path, **{'["P04"]': '["P05"]'})
    code, said = end("train", path, "--no-backtest")

    assert code == 15
    assert "one class cannot train" in said


def test_no_settled_outcome(end, tmp_path):
    """15: every horizon ends after the data."""
    path = features_beside(tmp_path, **{"2025-02-03": "2025-12-15", "2025-11-10": "2025-12-22"})
    code, said = end("backtest", path)

    assert code == 15
    assert "no outcome is settled yet" in said


def test_a_feed_that_is_not_there(end, tmp_path):
    """10: a feature of a feed the store does not hold is no row of zeros."""
    code, said = end("backtest", features_beside(tmp_path, **{'"police_calls"': '"petitions"'}))

    assert code == 10
    assert "no source 'petition'" in said


# --- nights


def test_an_empty_store(end, tmp_path):
    """13: what to do is said, and no folder is made."""
    for verb in (("score", *NIGHT, "--target", "t"), ("find-gaps", *NIGHT), ("nightly", *NIGHT, "--target", "t")):
        code, said = end(*verb, store=tmp_path / "empty")

        assert code == 13
        assert "riskwarn" in said.split(":", 1)[1]


def test_no_store_named(monkeypatch, capsys):
    """11: neither --store nor RISKWARN_STORE."""
    monkeypatch.delenv("RISKWARN_STORE", raising=False)

    assert main(["doctor", "--json"]) in {0, 4}
    assert main(["score", *NIGHT]) == 11
    assert "give --store DIR or set RISKWARN_STORE" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("as_of", "code", "said"),
    [
        ("2026-06-01", 12, "the data end at 2025-12-24"),
        ("2024-06-01", 11, "nothing was known at 2024-06-01"),
        ("2025-11-20", 12, "would have seen its own outcome"),
        ("someday", 11, "as_of must be a date such as '2025-03-03', got 'someday'"),
    ],
)
@pytest.mark.parametrize("verb", ["score", "nightly"])
def test_a_date_without_data(end, verb, as_of, code, said):
    """12 after the data or within the training, 11 before the data or for what is no date; nothing is shown as calm."""
    found, line = end(verb, "--as-of", as_of, *MODEL)

    assert found == code
    assert said in line


@pytest.mark.parametrize("verb", ["find-gaps", "raise-alerts", "explain"])
def test_no_date(end, verb):
    """11 for every verb that takes one."""
    code, said = end(verb, "--as-of", "someday", *(MODEL if verb != "find-gaps" else ()))

    assert code == 11
    assert "as_of must be a date such as '2025-03-03', got 'someday'" in said


@pytest.mark.parametrize("verb", ["raise-alerts", "nightly"])
def test_no_capacity(end, verb):
    """11."""
    code, said = end(verb, *NIGHT, *MODEL, "--capacity", "0")

    assert code == 11
    assert "capacity must be at least 1, got 0" in said


def test_an_unknown_grid_to_explain(end):
    """13: the nearest is offered."""
    code, said = end("explain", "G77", *NIGHT, *MODEL)

    assert code == 13
    assert "no grid 'G77' that night (did you mean 'G07'?); 12 grids are known" in said


@pytest.mark.parametrize("asked", [(), ("--target", "petition_28d", *MODEL)])
def test_no_model(end, asked):
    """13: no champion, or none of that name; how to get one is said."""
    code, said = end("score", *NIGHT, *asked)

    assert code == 13
    assert "riskwarn train" in said


def test_a_damaged_model(end, tmp_path):
    """11: a bundle of which one bit changed is refused."""
    store = towns.copy(towns.street(), tmp_path / "street")
    place = store.path / "models" / towns.TARGET
    part = place / (place / tracking.CANDIDATE).read_text() / "model.json"
    content = bytearray(part.read_bytes())
    content[100] ^= 1
    part.write_bytes(content)
    code, said = end("nightly", *NIGHT, *MODEL)

    assert code == 11
    assert "damaged or was swapped" in said


def test_a_bad_ending(end, tmp_path):
    """11, before anything is computed."""
    code, said = end("score", *NIGHT, *MODEL, "--out", tmp_path / "scores.doc")

    assert code == 11
    assert "wanted an ending of .parquet, .csv, .xlsx, got '.doc'" in said


def test_a_file_the_system_refuses(end, tmp_path):
    """11, before anything is computed: the file that stands where a folder should is named."""
    (tmp_path / "taken").write_text("a file, not a folder")
    code, said = end("score", *NIGHT, *MODEL, "--out", tmp_path / "taken" / "scores.csv")

    assert code == 11
    assert "taken is a file, not a folder" in said


def test_a_busy_store(end, tmp_path):
    """17: another job holds it."""
    store = towns.copy(towns.street(), tmp_path / "street")
    with store.lock():
        code, said = end("nightly", *NIGHT, *MODEL)

    assert code == 17
    assert "held by another job" in said


def test_an_unknown_kind_of_gap(end):
    """10."""
    assert end("find-gaps", *NIGHT, "--kinds", "G99")[0] == 10


def test_an_unknown_zone(end, written, tmp_path):
    """10: a store cannot be made in a zone nobody knows; 11: nor moved to another."""
    lines = ("ingest", written("c.csv", CALLS), "--mapping", written("m.toml", MAPPING), "--timezone")

    assert end(*lines, "Mars/Base", store=tmp_path / "new")[0] == 10
    assert end(*lines, "Europe/Berlin")[0] == 11


def test_a_promotion_that_is_not_earned(end):
    """13 where nothing was ever trained with MLflow."""
    assert end("promote", towns.TARGET)[0] == 13


def test_tables_of_naive_times_cannot_be_written(tmp_path):
    """The library says the same as the command line, with the exit code of a table's fault."""
    store = towns.copy(towns.street(), tmp_path / "street")
    naive = towns.street_events(days=3).assign(known_at=pd.Timestamp("2025-01-01"))
    with pytest.raises(towns.rw.errors.DataError, match=r"'known_at'.*no time zone") as refused:
        store.write("events", naive)

    assert refused.value.exit_code == 11


# --- the table of deliberate mistakes: `python -m pytest tests/test_bad_input.py -s -k mistake` prints it


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """What the lines of the table name: a store, an experiment with its features, files that are wrong, an empty folder."""
    root = tmp_path_factory.mktemp("mistakes")
    (root / "empty").mkdir()
    (root / "empty.csv").mkdir()
    (root / "features").symlink_to(towns.FEATURES)
    texts = {"broken": "a = \n", "csv": CALLS, "mapping": MAPPING}
    paths = {name: root / f"{name}.{'csv' if name == 'csv' else 'toml'}" for name in texts}
    for name, path in paths.items():
        path.write_text(texts[name], "utf-8")
    (root / "gbk.toml").write_bytes("question = '纠纷'".encode("gb18030"))
    exp = towns.write_experiment(root / "experiments" / "e.toml", towns.STREET_EXPERIMENT)
    store = towns.copy(towns.street(), root / "street")
    fixed = {"store": store.path, "tmp": root / "empty", "folder": root / "empty", "exp": exp, "gbk": root / "gbk.toml"}
    return store, {**fixed, **paths}


@pytest.fixture(scope="module")
def at_hand(places):
    """The names of a Python session."""
    return mistakes.names(places[0])


def test_the_table_has_a_hundred_and_twenty_mistakes():
    """Each stands once."""
    lines = [line for line, *_ in (*mistakes.LINES, *mistakes.CALLS)]

    assert len(set(lines)) == len(lines) >= 120


@pytest.mark.parametrize(("line", "code", "said"), mistakes.LINES, ids=lambda v: str(v)[:40])
def test_a_mistake_on_the_command_line(places, capsys, line, code, said):
    """The exit code of its class, and one line that says what was found or what to do; no traceback, and nothing written."""
    before = sorted(places[1]["tmp"].iterdir())
    capsys.readouterr()
    ended = main(shlex.split(line.format(**places[1])))
    *usage, told = capsys.readouterr().err.strip().split("\n")
    print(f"{code:>3}  riskwarn {line}\n     {told}")  # noqa: T201 - shown with -s

    assert ended == code
    assert said in told
    assert [u for u in usage if not u.startswith("Usage: riskwarn")] == []
    assert "InternalError" not in told
    assert sorted(places[1]["tmp"].iterdir()) == before


@pytest.mark.parametrize(("call", "code", "said"), mistakes.CALLS, ids=lambda v: str(v)[:40])
def test_a_mistake_in_python(at_hand, call, code, said):
    """An error of ours of the right class, in one line."""
    with pytest.raises(RiskwarnError) as error:
        eval(call, dict(at_hand))
    told = str(error.value)
    print(f"{code:>3}  {call}\n     {type(error.value).__name__}: {told}")  # noqa: T201 - shown with -s

    assert error.value.exit_code == code
    assert said in told
    assert "\n" not in told
