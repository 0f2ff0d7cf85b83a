"""A country of cities side by side."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from riskwarn import simulation
from riskwarn.cli import main
from riskwarn.errors import DataError, DefinitionError, NotFoundError
from riskwarn.simulation import PRESETS
from riskwarn.simulation import tiling as making
from riskwarn.store import Store, uniting

HAMLET = replace(PRESETS["tiny"], grids=40, communities=12, townships=3, shared_grids=4, days=120, first_as_of=98)


@pytest.fixture(scope="module")
def cities():
    """The two cities of the country, each made alone."""
    asked = making.settings(70, preset=HAMLET, seed=3)
    return [simulation.city(s.preset, seed=s.seed, number=s.number) for s in asked]


@pytest.fixture(scope="module")
def land(tmp_path_factory):
    """The country as it is written."""
    folder = tmp_path_factory.mktemp("country") / "land"
    return simulation.country(folder, 70, preset=HAMLET, seed=3)


def read_files(folder):
    """What all files in a folder hold, by name; a workbook says when it was written, so of that its cells."""
    read = {".xlsx": lambda place: pd.read_excel(place, dtype=str, header=None).fillna("").to_numpy().tolist()}
    files = [place for place in sorted(folder.rglob("*")) if place.is_file()]
    return {str(p.relative_to(folder)): read.get(p.suffix, Path.read_bytes)(p) for p in files}


def test_a_country_is_its_cities_side_by_side(land, cities, tmp_path):
    """The store of a country holds the records of its cities and no others, file for file as if they had been written in turn."""
    united = Store(tmp_path / "turn", timezone=land.timezone)
    for city in cities:
        for name, frame in city.tables.items():
            united.write(name, frame) if len(frame) else None

    assert land.digest() == united.digest()
    assert land.fingerprint() == united.fingerprint()


def test_no_two_cities_share_a_name(cities):
    """Grids, parents, events, cases, visits and buildings of two cities have ids of their own, and lie apart on the map."""
    one, other = (city.tables for city in cities)
    named = {
        "grids": ["grid_id", "community_id", "township_id", "county_id", "name", "geometry"],
        "events": ["event_id", "case_id", "place_key"],
        "visits": ["visit_id"],
        "workflow": ["case_id"],
        "diversions": ["call_id"],
    }

    for table, columns in named.items():
        for column in columns:
            assert not set(one[table][column].dropna()) & set(other[table][column].dropna()), column
    assert one["grids"]["x_km"].min() > other["grids"]["x_km"].max()


def test_the_truth_of_each_city_is_kept_apart(land, cities):
    """What really happened is read city by city, and a country as a whole has no truth to read."""
    for number, city in enumerate(cities, start=1):
        pd.testing.assert_frame_equal(
            simulation.read_truth(land.path, number=number)["prob"], city.truth["prob"], check_dtype=False
        )
    with pytest.raises(NotFoundError, match="by number"):
        simulation.read_truth(land.path)


def test_a_country_that_broke_off_goes_on(land, tmp_path, monkeypatch):
    """Cities that are there are not made again, and the country is the same."""
    folder, made = tmp_path / "land", []

    def city_of(setting, _real=making.city_of):
        made.append(setting.number)
        if made == [1, 2]:
            raise KeyboardInterrupt
        return _real(setting)

    monkeypatch.setattr(making, "city_of", city_of)
    with pytest.raises(KeyboardInterrupt):
        simulation.country(folder, 70, preset=HAMLET, seed=3)
    with pytest.raises(DataError, match="another country"):
        simulation.country(folder, 70, preset=HAMLET, seed=4)
    again = simulation.country(folder, 70, preset=HAMLET, seed=3)

    assert made == [1, 2, 2]
    assert again.digest() == land.digest()
    assert not (tmp_path / "land-cities").exists()


def test_processes_make_the_same_country(land, tmp_path):
    """Cities that processes make side by side, and their truth, are those made in turn; so is what their departments export."""
    side = simulation.country(tmp_path / "side", 70, preset=HAMLET, seed=3, jobs=2)
    assert side.digest() == land.digest()
    truths = [read_files(Path(f"{store.path}-truth")) for store in (side, land)]
    assert truths[0] == truths[1]
    for jobs, name in ((1, "turn"), (2, "aside")):
        assert len(simulation.dirty_country(tmp_path / name, 70, preset=HAMLET, seed=3, jobs=jobs)) == 2
    assert read_files(tmp_path / "turn") == read_files(tmp_path / "aside")


def test_rows_pass_through_in_groups(land, cities, tmp_path, monkeypatch):
    """However many rows the files of the cities have, no more than a group and a batch of them is held: memory does not grow with cities."""
    monkeypatch.setattr(uniting, "GROUP_ROWS", 64)
    monkeypatch.setattr(uniting, "_BATCH_ROWS", 16)
    held = []

    def groups(batches, schema, _real=uniting._groups):
        for group in _real(batches, schema):
            held.append(len(group))
            yield group

    monkeypatch.setattr(uniting, "_groups", groups)
    parts = []
    for city in cities:
        parts.append(Store(tmp_path / f"part-{city.setting.number}", timezone=land.timezone))
        parts[-1].write("grids", city.tables["grids"])
        parts[-1].write("feed_log", city.tables["feed_log"])
    store = Store(tmp_path / "united", timezone=land.timezone)
    with store.transaction() as staged:
        staged.unite(parts)

    assert max(held) == 64
    for name in ("grids", "feed_log"):
        pd.testing.assert_frame_equal(store.read(name), land.read(name))


def test_stores_that_share_keys_are_not_united(land, tmp_path):
    """Two stores with one key are refused by the key, and nothing is written."""
    store = Store(tmp_path / "both", timezone=land.timezone)
    with pytest.raises(DataError, match="cannot be united"), store.transaction() as staged:
        staged.unite([land, land])
    with pytest.raises(DataError, match="already"), land.transaction() as staged:
        staged.unite([land])

    assert store.is_new


def test_a_country_has_a_size(tmp_path, capsys):
    """Less than half a city, more than ninety-nine, and a number no city can have are refused by what could be asked for."""
    with pytest.raises(DefinitionError, match="20 to 3,960 grids, got 19"):
        making.settings(19, preset=HAMLET)
    with pytest.raises(DefinitionError, match="got 3,961"):
        making.settings(3961, preset=HAMLET)
    with pytest.raises(DefinitionError, match="1 to 99, got 100"):
        simulation.city(HAMLET, number=100)

    assert main(["simulate", "--grids", "30", "--preset", "tiny", "--out", str(tmp_path / "land")]) == 10
    assert "100 to 19,800 grids, got 30" in capsys.readouterr().err
    assert not (tmp_path / "land").exists()


def test_the_departments_of_each_city_export_their_own(tmp_path, monkeypatch):
    """With --dirty a country is a folder of exports a city."""
    monkeypatch.setitem(PRESETS, "tiny", HAMLET)

    assert main(["simulate", "--grids", "60", "--preset", "tiny", "--dirty", "--out", str(tmp_path / "land")]) == 0
    assert {p.name for p in (tmp_path / "land").iterdir()} == {
        name + end for name in ("city-01", "city-02") for end in ("", "-truth")
    }
