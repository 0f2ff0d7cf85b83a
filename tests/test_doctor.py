"""The doctor and the backup: what is wrong is found and has its remedy; what is saved comes back as it was, or is refused."""

import importlib.metadata
import io
import json
import shutil
import sqlite3
import struct
import zipfile

import pandas as pd
import pytest
import towns

from riskwarn import tracking
from riskwarn.cli import main
from riskwarn.doctor import EXIT_CODES, _old, examine, gravest
from riskwarn.errors import DataError, NotFoundError
from riskwarn.pipeline import nightly
from riskwarn.store import Store, backup
from riskwarn.store.backup import back_up, restore

NOW = pd.Timestamp("2025-12-15 07:00", tz=towns.ZONE)


@pytest.fixture(scope="module")
def morning(tmp_path_factory):
    """The street with a champion and its night."""
    store = towns.copy(towns.street(), tmp_path_factory.mktemp("doctor") / "street")
    tracking.keep(tracking.kept(store.path, towns.TARGET, alias="candidate"), store.path, alias="champion")
    nightly(store, towns.TARGET, as_of=towns.STREET_NIGHT)
    return store


@pytest.fixture
def street(morning, tmp_path):
    """A copy of it, as a good morning finds it."""
    return towns.copy(morning, tmp_path / "street")


def looked(store, now=NOW):
    """Findings by name."""
    return {finding.name: finding for finding in examine(store, now=now)}


def test_a_good_morning(street):
    """Every look finds something, each that is not ok has a remedy, and those of the store itself are ok."""
    found = looked(street)

    assert {
        "python",
        "packages",
        "kernel",
        "format",
        "disk",
        "key",
        f"champion {towns.TARGET}",
        "tracker",
        "feed police_call",
    } <= set(found)
    assert {"calendar", "nights", "age", "monitors"} <= set(found)
    assert [f.name for f in found.values() if f.state != "ok" and not f.remedy] == []
    assert {
        found[name].state for name in ("format", "key", f"champion {towns.TARGET}", "tracker", "nights", "age")
    } == {"ok"}


@pytest.mark.parametrize(
    ("hours", "said"), [(1, "1 hour"), (47, "47 hours"), (50, "2 days"), (24 * 700, "700 days"), (95_779, "10.9 years")]
)
def test_an_age_is_told_in_the_unit_one_would_take(hours, said):
    """Hours up to two days, days up to two years, then years."""
    assert _old(pd.Timedelta(hours=hours)) == said


def test_one_night_is_one_night(street):
    """The number of nights is told in its number."""
    n = len(street.nights())
    assert looked(street)["nights"].said == ("1 night" if n == 1 else f"{n} nights")


def wrong_key(store):
    (store.path / ".key").chmod(0o644)


def no_champion(store):
    (store.path / "models" / towns.TARGET / "champion").unlink()


def no_model(store):
    shutil.rmtree(store.path / "models")


def swapped(store):
    (store.path / "models" / towns.TARGET / "champion").write_text("../x")


def damaged(store):
    (store.night(towns.STREET_NIGHT).path / "scores.parquet").write_bytes(b"PAR1")


def held(store):
    store.roll_back(towns.STREET_NIGHT, store.run_of(towns.STREET_NIGHT), why="half a feed")


def stopped(store):
    store.stop(by="admin", why="half a feed")


def aside(store):
    store.set_aside("2025-12-16", {}, run="x")


def forced(store):
    store.publish("2025-12-15T01:00", {}, run="f", facts={"forced": {"why": "units", "faults": ["x."]}})


def degraded(store):
    facts = {"state": "degraded", "degraded": {"feeds": ["police_call"], "scores_of": None}}
    store.publish("2025-12-15T01:00", {}, run="f", facts=facts)


def quiet_feed(store):
    store.write("events", towns.street_events(days=3).head(2).assign(source="hotline", event_id=["h1", "h2"]))


def old_format(store):
    (store.path / "store.json").write_text(json.dumps({"format": 1, "timezone": towns.ZONE}))


@pytest.mark.parametrize(
    ("break_it", "name", "state", "said"),
    [
        (wrong_key, "key", "fail", "can be read by others"),
        (no_champion, f"champion {towns.TARGET}", "warn", "only a candidate"),
        (no_model, "champion", "fail", "no model is kept"),
        (swapped, f"champion {towns.TARGET}", "fail", "names no bundle"),
        (damaged, "nights", "fail", "scores.parquet is damaged"),
        (held, "rollback", "warn", "half a feed"),
        (stopped, "stop", "warn", "admin has stopped publishing"),
        (aside, "aside", "warn", "1 runs could not be right"),
        (forced, "forced", "warn", "units; x."),
        (degraded, "degraded", "warn", "police_call has stopped"),
        (quiet_feed, "feed hotline", "warn", "days before the newest"),
        (old_format, "format", "warn", "store format 1 of 2"),
    ],
    ids=lambda part: getattr(part, "__name__", ""),
)
def test_what_is_wrong_is_found(street, break_it, name, state, said):
    """Each thing that goes wrong has its finding, state and remedy, and stops no other look."""
    break_it(street)
    found = looked(street)

    assert (found[name].state, said in found[name].said) == (state, True)
    assert found[name].remedy
    assert gravest(list(found.values())) in {state, "fail"}
    assert "age" in found or name == "nights"


def test_an_old_night_is_a_failure(street):
    """After 26 hours the list is yesterday's."""
    assert looked(street, NOW + pd.Timedelta(hours=18))["age"].state == "ok"
    assert looked(street, NOW + pd.Timedelta(hours=20))["age"].state == "fail"


def test_a_tracker_that_is_down_is_told_in_time(street, monkeypatch):
    """Within five seconds, and as a warning: nights need none."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    began = pd.Timestamp.now()
    found = looked(street)["tracker"]

    assert (found.state, "does not answer" in found.said) == ("warn", True)
    assert pd.Timestamp.now() - began < pd.Timedelta(seconds=5)


def test_the_exit_code_is_that_of_the_gravest(street, capsys):
    """5 for a failure; --json holds state and findings; without a store only the installation is looked at."""
    code = main(["doctor", "--json"])
    assert code == EXIT_CODES[gravest(examine())] == EXIT_CODES[json.loads(capsys.readouterr().out)["state"]]
    assert main(["doctor", "--store", str(street.path), "--json"]) == 5
    told = json.loads(capsys.readouterr().out)

    assert told["state"] == "fail"
    assert {"name", "state", "said", "remedy"} == set(told["findings"][0])
    assert main(["doctor", "--store", str(street.path)]) == 5
    assert "→ see why the job did not run" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("missing", "state", "said"),
    [
        (importlib.metadata.PackageNotFoundError("lightgbm"), "fail", "lightgbm cannot be loaded"),
        (ModuleNotFoundError("No module named 'mlflow'", name="mlflow"), "warn", "mlflow is not installed"),
    ],
)
def test_a_package_that_is_missing_is_a_finding(monkeypatch, missing, state, said):
    """It is named with its remedy, and the looks after it are made all the same; one that comes with an extra may be missed."""

    def version(_):
        raise missing

    monkeypatch.setattr(importlib.metadata, "version", version)
    found = {finding.name: finding for finding in examine()}

    assert (found["packages"].state, found["packages"].said) == (state, said)
    assert found["packages"].remedy
    assert list(found) == ["python", "packages", "kernel"]


# --- backup


def tree(folder, but=(".lock",)):
    """Content of every file of a folder."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name not in but
    }


def test_a_restored_store_is_the_same(street, tmp_path):
    """Every file but the keys; with the keys asked for, those too, for their owner alone, and its model can be read."""
    (street.path / "place.key").write_text("k")
    made = back_up(street, tmp_path / "city.zip")
    restore(tmp_path / "city.zip", tmp_path / "again")
    assert made.keys == ()
    assert tree(tmp_path / "again") == tree(street.path, (".lock", ".key", "place.key"))

    assert back_up(street, tmp_path / "keys.zip", with_keys=True).keys == (".key", "place.key")
    restore(tmp_path / "keys.zip", tmp_path / "whole")
    assert tree(tmp_path / "whole") == tree(street.path)
    assert (tmp_path / "whole" / ".key").stat().st_mode & 0o077 == 0
    again = Store(tmp_path / "whole")
    assert (again.fingerprint(), again.faults()) == (street.fingerprint(), [])
    assert tracking.kept(again.path, towns.TARGET, alias="champion").version
    assert nightly(again, towns.TARGET, as_of=towns.STREET_NIGHT).done_before


def test_a_database_is_saved_between_two_transactions(street, tmp_path):
    """What is written to it and not committed is not in the backup."""
    live = sqlite3.connect(street.path / "own.db")
    live.execute("create table t (n int)")
    live.execute("insert into t values (1)")
    live.commit()
    live.execute("insert into t values (2)")
    back_up(street, tmp_path / "city.zip")
    live.close()
    restore(tmp_path / "city.zip", tmp_path / "again")
    again = sqlite3.connect(tmp_path / "again" / "own.db")

    assert again.execute("select n from t").fetchall() == [(1,)]
    again.close()


def contents(whole):
    """Where in a zip file the packed bytes of its files lie, but for the few that end each and that unpacking may not need."""
    with zipfile.ZipFile(io.BytesIO(whole)) as held:
        starts = [(i.header_offset, i.compress_size) for i in held.infolist()]
    heads = [(at + 30 + sum(struct.unpack_from("<HH", whole, at + 26)), size) for at, size in starts]
    return [range(at, at + size - 4) for at, size in heads]


def test_a_damaged_backup_is_refused(street, tmp_path):
    """A byte changed in what any file holds, the end cut off, a file put in, another kind of file: nothing is made.

    A byte changed in what only describes a file is refused too, or is one that restoring does not read, such as a time or the second
    copy of a size; then every file is as it was.
    """
    back_up(street, tmp_path / "city.zip")
    whole = (tmp_path / "city.zip").read_bytes()
    held = contents(whole)
    in_files = [place[len(place) // 2] for place in held if len(place) > 0]
    changed = {*in_files, *range(0, len(whole), len(whole) // 40), *range(len(whole) - 22, len(whole))}
    passed = []
    for n in sorted(changed):
        (tmp_path / "bad.zip").write_bytes(whole[:n] + bytes([whole[n] ^ 1]) + whole[n + 1 :])
        try:
            restore(tmp_path / "bad.zip", tmp_path / f"made{n}")
        except DataError:
            assert not (tmp_path / f"made{n}").exists()
        else:
            passed.append(n)
            assert tree(tmp_path / f"made{n}") == tree(street.path, (".lock", ".key"))
    assert len(in_files) > 10
    assert [n for n in passed if any(n in place for place in held)] == []

    for content in (whole[: len(whole) // 2], b"", b"no zip"):
        (tmp_path / "bad.zip").write_bytes(content)
        with pytest.raises(DataError, match="damaged or no backup"):
            restore(tmp_path / "bad.zip", tmp_path / "cut")
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as made:
        made.writestr("a", "")
        made.writestr("MANIFEST.json", '{"sha256": ["a"]}')
    with pytest.raises(DataError, match="a manifest that is none"):
        restore(tmp_path / "bad.zip", tmp_path / "listed")
    with zipfile.ZipFile(tmp_path / "city.zip", "a") as more:
        more.writestr("../out.txt", "x")
    with pytest.raises(DataError, match="damaged or no backup"):
        restore(tmp_path / "city.zip", tmp_path / "more")
    assert not (tmp_path / "out.txt").exists()
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".partial")] == []


def test_a_backup_too_large_for_the_disk_is_refused_before_it_is_unpacked(street, tmp_path, monkeypatch):
    """What it needs and what is free are said, and nothing is made; the same holds of more files than any store has."""
    back_up(street, tmp_path / "city.zip")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
        with pytest.raises(DataError, match="make room"):
            restore(tmp_path / "city.zip", tmp_path / "a")
    monkeypatch.setattr(backup, "MOST_FILES", 3)
    with pytest.raises(DataError, match="files, at most 3"):
        restore(tmp_path / "city.zip", tmp_path / "a")

    assert [p.name for p in tmp_path.iterdir() if p.name == "a" or p.name.endswith(".partial")] == []


def test_where_a_backup_goes(street, tmp_path):
    """Not into the store, not from nowhere, not over a store."""
    with pytest.raises(DataError, match="outside the store"):
        back_up(street, street.path / "city.zip")
    with pytest.raises(NotFoundError, match="no store"):
        back_up(Store(tmp_path / "none", timezone="UTC"), tmp_path / "x.zip")
    with pytest.raises(NotFoundError, match="no backup"):
        restore(tmp_path / "none.zip", tmp_path / "x")
    back_up(street, tmp_path / "city.zip")
    with pytest.raises(DataError, match="holds something"):
        restore(tmp_path / "city.zip", street.path)


def test_the_verbs_say_whether_keys_are_in_it(street, tmp_path, capsys):
    """Aloud, either way."""
    file, store = str(tmp_path / "c.zip"), str(street.path)
    assert main(["backup", file, "--store", store]) == 0
    assert "without the keys" in capsys.readouterr().out
    assert main(["backup", file, "--with-keys", "--store", store]) == 0
    assert "WITH the keys .key" in capsys.readouterr().out
    assert main(["restore", file, str(tmp_path / "again")]) == 0
    assert "keep it secret" in capsys.readouterr().out
