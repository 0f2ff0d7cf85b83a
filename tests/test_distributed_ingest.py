"""Files read on an engine: the records and the account of every row are those of reading them in turn."""

import os
import shutil
import sys

import pandas as pd
import pytest
from towns.events import ZONE

from riskwarn.cli import main
from riskwarn.distributed import ingest_files, ingesting
from riskwarn.errors import PrivacyError
from riskwarn.ingest import ahead, ingest, known
from riskwarn.ingest.identity import id_hash
from riskwarn.ingest.mapping import mapping_of
from riskwarn.store import Store

MAPPING = {
    "table": "events",
    "source": "dispute",
    "timezone": ZONE,
    "columns": {
        "event_id": "id",
        "occurred_at": "at",
        "category": "kind",
        "grid_id": "grid",
        "address": "where",
        "closed_at": "closed",
    },
    "category": {"unknown": "slug"},
    "id": {"made_from": ["at", "grid", "kind"]},
}
N_FILES = 4


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Four exports, with dates nobody can read, unknown grids, rows sent twice, rows without an id, and corrections of earlier files."""
    folder = tmp_path_factory.mktemp("exports")
    before = pd.DataFrame()
    for k in range(N_FILES):
        rows = pd.DataFrame(
            {
                "id": [f"D{k}{i:03d}" if i % 7 else "" for i in range(60)],
                "at": [f"2025-0{k + 1}-{i % 28 + 1:02d} 08:{i % 60:02d}" for i in range(60)],
                "kind": [("noise", "wage", "water")[i % 3] for i in range(60)],
                "grid": [("A", "B", "nowhere")[(i % 11 == 0) * 2 or i % 2] for i in range(60)],
                "where": [f"street {i % 5}" for i in range(60)],
                "closed": [f"2025-0{k + 2}-01 09:00" if i % 4 else "" for i in range(60)],
            }
        )
        rows.loc[[3, 33], "at"] = "2025-13-45"
        again = before.iloc[10:20].assign(kind="noise") if k else rows.iloc[:5]
        before = rows
        pd.concat([rows, again, rows.iloc[40:44]]).to_csv(folder / f"export-{k}.csv", index=False)
    return folder


@pytest.fixture
def city(tmp_path):
    """A store with two grids, made anew by name."""

    def make(name):
        store = Store(tmp_path / name, timezone=ZONE)
        begun = pd.Timestamp("2020-01-01", tz=ZONE)
        store.write("grids", pd.DataFrame({"grid_id": ["A", "B"], "valid_from": begun}))
        return store

    return make


@pytest.fixture(autouse=True)
def key(monkeypatch):
    """One key of places for all stores of a test, so that they can be compared."""
    monkeypatch.setenv("RISKWARN_PLACE_KEY", "of these tests")


def same(store, other, one, two):
    """Stores and reports that are equal."""
    assert store.fingerprint() == other.fingerprint()
    pd.testing.assert_frame_equal(store.read_quarantine("events"), other.read_quarantine("events"))
    for part in ("rows", "notes", "reasons"):
        left, right = (
            getattr(report, part).sort_values(list(getattr(report, part)), ignore_index=True) for report in (one, two)
        )
        pd.testing.assert_frame_equal(left, right)


def test_the_account_of_every_row_is_that_of_reading_in_turn(files, city):
    """Of each file as many rows are accepted, known already and refused, for the same reasons, and the stores are byte for byte one."""
    plain, other = city("plain"), city("other")
    one = ingest(plain, files, mapping_of(MAPPING), arrived_at="2025-07-01")
    two = ingest_files(other, files, mapping_of(MAPPING), arrived_at="2025-07-01")

    same(plain, other, one, two)
    assert two.accepted + two.quarantined + two.duplicate == two.received == 4 * 64 + 5 + 3 * 10
    assert min(two.accepted, two.quarantined, two.duplicate) > 0
    assert not list(other.path.glob(".incoming-*"))


def test_files_that_can_be_are_read_ahead(files, city, monkeypatch):
    """All files but the first of a store without a key are read by the engine, and none of them again by who writes."""
    read, shaped = [], []

    def noted(*given, _real=ingesting.read_ahead, **named):
        found = _real(*given, **named)
        read.append(found is not None)
        return found

    def shape(*given, _real=ahead.shape):
        shaped.append(len(given[0]))
        return _real(*given)

    monkeypatch.setattr(ingesting, "read_ahead", noted)
    monkeypatch.setattr(ahead, "shape", shape)
    ingest_files(city("city"), files, mapping_of(MAPPING), arrived_at="2025-07-01")

    assert read == [True] * (N_FILES - 1)
    assert len(shaped) == N_FILES


def test_a_file_is_known_and_read_again_as_in_turn(files, city):
    """A second time nothing is new; --again replaces what the earlier reading said as it does when files are read in turn."""
    stores = city("plain"), city("other")
    for bring, store in zip((ingest, ingest_files), stores, strict=True):
        first = bring(store, files, mapping_of(MAPPING), arrived_at="2025-07-01")
        known = bring(store, files, mapping_of(MAPPING), arrived_at="2025-07-02")
        assert (known.accepted, known.received) == (0, first.received)
        bring(store, files, mapping_of({**MAPPING, "source": "petition"}), again=True)

    assert stores[0].fingerprint() == stores[1].fingerprint()


def test_a_file_that_is_refused_is_refused_in_its_turn(files, city, tmp_path):
    """What comes before a file with persons is in, what comes after it is not, as if the files had been read in turn."""
    folder = tmp_path / "files"
    folder.mkdir()
    for file in files.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    bad = pd.read_csv(folder / "export-2.csv", dtype=str)
    bad.assign(phone="secret-value").to_csv(folder / "export-2.csv", index=False)
    plain, other = city("plain"), city("other")
    for bring, store in ((ingest, plain), (ingest_files, other)):
        with pytest.raises(PrivacyError, match=r"export-2\.csv"):
            bring(store, folder, mapping_of(MAPPING), arrived_at="2025-07-01")

    assert plain.fingerprint() == other.fingerprint()
    assert len(other.read("feed_log")) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux alone")
@pytest.mark.parametrize("bring", [ingest, ingest_files])
def test_a_name_that_is_no_text_is_written_out(files, city, tmp_path, bring):
    """A file that an old system named in Latin-1 is read as any other, and the account names it by its bytes."""
    folder = tmp_path / "files"
    folder.mkdir()
    shutil.copy(files / "export-0.csv", os.fsencode(folder) + b"/caf\xe9.csv")
    shutil.copy(files / "export-1.csv", folder / "more.csv")
    report = bring(city("city"), folder, mapping_of(MAPPING), arrived_at="2025-07-01")

    assert report.rows["file"].tolist() == ["caf\\udce9.csv", "more.csv"]


def test_files_of_the_store_that_stand_are_not_read_again_for_the_next_delivery(city, tmp_path, monkeypatch):
    """Which events are held is looked up once in a file that stands, and anew in one that was written; the records are those of a call each."""
    dates = {
        "one": "2025-01-05 08:00",
        "two": "2025-02-05 08:00",
        "three": "2025-03-05 08:00",
        "more": "2025-01-06 08:00",
        "last": "2025-04-05 08:00",
    }
    exports = []
    for name, at in dates.items():
        rows = [
            {"id": f"{name}-{k}", "at": at, "kind": "noise", "grid": "A", "where": "", "closed": ""} for k in range(9)
        ]
        rows += [{**rows[0], "id": "one-3", "at": dates["one"], "kind": "wage"}] if name == "more" else []
        exports.append(tmp_path / f"{name}.csv")
        pd.DataFrame(rows).to_csv(exports[-1], index=False)
    read = []
    monkeypatch.setattr(
        known,
        "id_hash",
        lambda rows, **how: read.append(rows["event_id"].str[:-2].unique().tolist()) or id_hash(rows, **how),
    )
    store, other = city("store"), city("other")
    ingest(store, exports, mapping_of(MAPPING), arrived_at="2025-09-01 08:00")
    assert [set(names) for names in read] == [{"one"}, {"two"}, {"three"}, {"one", "more"}]
    for file in exports:
        ingest(other, file, mapping_of(MAPPING), arrived_at="2025-09-01 08:00")
    assert store.fingerprint() == other.fingerprint()


def test_files_of_grids_are_read_in_turn(city, tmp_path, monkeypatch):
    """A file of grids is never read ahead: the next may hang on what it brings."""
    monkeypatch.setattr(ingesting, "read_ahead", None)
    for k in range(2):
        (tmp_path / f"grids-{k}.csv").write_text(f"id,since\nC{k},2024-01-01\n", "utf-8")
    mapping = {"table": "grids", "timezone": ZONE, "columns": {"grid_id": "id", "valid_from": "since"}}
    store = city("city")
    report = ingest_files(store, sorted(tmp_path.glob("grids-*.csv")), mapping_of(mapping))

    assert report.accepted == 2
    assert store.grids()["grid_id"].tolist() == ["A", "B", "C0", "C1"]


def test_the_command_line_reads_on_an_engine(files, city, tmp_path, capsys):
    """`ingest --jobs` reads in processes; an address without an engine is refused before anything is read."""
    store, mapping = city("city"), tmp_path / "disputes.toml"
    lines = ['table = "events"', 'source = "dispute"', f'timezone = "{ZONE}"', "[columns]"]
    lines += [f'{name} = "{column}"' for name, column in MAPPING["columns"].items()]
    lines += ["[category]", 'unknown = "slug"', "[id]", 'made_from = ["at", "grid", "kind"]']
    mapping.write_text("\n".join(lines), "utf-8")
    words = ["ingest", str(files), "--mapping", str(mapping), "--store", str(store.path), "--arrived-at", "2025-07-01"]

    assert main([*words, "--address", "tcp://a:1"]) == 10
    assert not store.has("events")
    capsys.readouterr()
    assert main([*words, "--jobs", "2"]) == 0
    assert "291 rows" in capsys.readouterr().out
    plain = city("plain")
    ingest(plain, files, mapping, arrived_at="2025-07-01")
    assert plain.digest() == store.digest()
