"""A city of one's own: what is written works as it stands, from an export to a published night."""

import datetime as dt
import io
import json
import os
import shlex
import subprocess

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from riskwarn.cli import main
from riskwarn.errors import DataError
from riskwarn.experiment import Experiment
from riskwarn.founding import City, found
from riskwarn.ingest import ingest, load_mapping
from riskwarn.plan import Plan
from riskwarn.store import Store

FIRST, N_DAYS = pd.Timestamp("2024-01-01"), 420


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """An export of requests with points, and the outline of a town of 4 by 3 km that they lie in."""
    folder = tmp_path_factory.mktemp("export")
    rng = np.random.default_rng(3)
    n = 2400
    west, south = 13.40, 52.50
    east = west + 0.059 * np.sqrt(rng.uniform(size=n))  # more in the east
    table = pd.DataFrame(
        {
            "request_id": [f"r{i}" for i in range(n)],
            "created_at": FIRST + pd.to_timedelta(rng.uniform(0, N_DAYS, n), unit="D").round("min"),
            "category": rng.choice(["Street Lights", "Noise", "Rubbish"], n),
            "longitude": east.round(6),
            "latitude": (south + 0.027 * rng.uniform(size=n)).round(6),
        }
    )
    table.to_csv(folder / "requests.csv", index=False)
    outline = gpd.GeoDataFrame({"name": ["town"]}, geometry=[box(west, south, west + 0.059, south + 0.027)], crs=4326)
    outline.to_file(folder / "outline.geojson")
    return folder


def city(files, **changes):
    given = {
        "source": "petition",
        "timezone": "Europe/Berlin",
        "records": str(files / "requests.csv"),
        "crs": "EPSG:4326",
    }
    return City(**{**given, "grids": str(files / "outline.geojson"), "cell_m": 500.0, **changes})


def test_what_is_written_can_be_read(files, tmp_path):
    """Mappings, question and plan load as they stand; dates are Mondays within the export, the last one with a known outcome."""
    found(tmp_path / "mine", city(files, categories=("noise",), capacity=7))
    exp = Experiment.load(tmp_path / "mine" / "experiments" / "petition_28d.toml")
    plan = Plan.load(tmp_path / "mine" / "plan.toml")

    assert load_mapping(tmp_path / "mine" / "mappings" / "petition.toml").source == "petition"
    assert load_mapping(tmp_path / "mine" / "mappings" / "grids.toml").table == "grids"
    assert exp.label.streams[0].categories == ("noise",)
    assert exp.label.streams[0].origin == "citizen"
    assert exp.purpose == "service"
    assert {exp.dates.first.weekday(), exp.dates.last.weekday()} == {0}
    end = FIRST + pd.Timedelta(days=N_DAYS)
    assert end - pd.Timedelta(days=43) <= pd.Timestamp(exp.dates.last) <= end - pd.Timedelta(days=35)
    assert pd.Timestamp(exp.dates.first) >= FIRST + pd.Timedelta(days=56)
    assert plan.targets == ("petition_28d",)
    assert plan.modes.normal.capacity == 7


@pytest.mark.slow
def test_the_steps_lead_to_a_published_night(files, tmp_path, monkeypatch, capsys):
    """The commands that are printed, in their order, make a store with every row accounted for, a model and a list; the doctor finds nothing amiss but its age."""
    folder = tmp_path / "mine"
    words = ["--source", "petition", "--timezone", "Europe/Berlin", "--records", str(files / "requests.csv")]
    words += ["--crs", "EPSG:4326", "--grids", str(files / "outline.geojson"), "--cell-m", "500", "--json"]
    assert main(["init", str(folder), *words]) == 0
    steps = json.loads(capsys.readouterr().out)["steps"]
    monkeypatch.chdir(folder)
    monkeypatch.setenv("RISKWARN_STORE", "city")
    question = folder / "experiments" / "petition_28d.toml"
    question.write_text(
        question.read_text("utf-8") + "\n[folds]\nn_folds = 2\n[model]\nn_trees = 10\nmin_rows_in_leaf = 50\n", "utf-8"
    )
    for step in steps[2:-1]:
        line = shlex.split(step, comments=True)[1:]
        code = main(line)
        assert code == 0 or (line[0] == "promote" and code == 16), (step, capsys.readouterr().err)
        if code == 16:
            assert main([*line, "--baseline", "prior count 52 weeks"]) == 0
    capsys.readouterr()
    store = Store(folder / "city")
    health = main(["doctor", "--json"])
    failed = {look["name"] for look in json.loads(capsys.readouterr().out)["findings"] if look["state"] == "fail"}

    assert len(store.grids()) >= 40  # cells of 500 m over 4 by 3 km
    assert len(store.read("alerts", as_of=store.nights()[-1])) > 0
    assert health == 5
    assert failed == {"age"}


def test_the_first_steps_bring_grids_and_records_in(files, tmp_path, monkeypatch, capsys):
    """As they stand, the two mappings take every row: each lies in a cell and keeps the name of its category."""
    steps = found(tmp_path / "mine", city(files))
    monkeypatch.chdir(tmp_path / "mine")
    monkeypatch.setenv("RISKWARN_STORE", "city")
    for step in steps[2:5]:
        assert main(shlex.split(step, comments=True)[1:]) == 0, capsys.readouterr().err
    events = Store("city").read("events")

    assert events["event_id"].nunique() == 2400
    assert (events["grid_id"] != "").all()
    assert set(events["category"]) == {"street_lights", "noise", "rubbish"}
    assert set(events["origin"]) == {"citizen"}


@pytest.mark.parametrize(("source", "origin"), [("hotline", "citizen"), ("police_call", ""), ("grid_report", "")])
def test_a_question_counts_what_residents_asked_for(files, tmp_path, source, origin):
    """Of a feed that residents alone bring every record is marked so and the question counts those; of one that staff fill too nothing is assumed."""
    found(tmp_path / "mine", city(files, source=source, records=""))
    asked = Experiment.load(tmp_path / "mine" / "experiments" / f"{source}_28d.toml").label.streams[0]
    mapping = load_mapping(tmp_path / "mine" / "mappings" / f"{source}.toml")

    assert asked.origin == origin
    assert (mapping.constants.get("origin") == "citizen") is (origin == "citizen")


@pytest.mark.parametrize(("night", "doctor", "told"), [(0, 0, 0), (0, 5, 5), (14, 0, 14), (14, 5, 14)])
def test_the_job_of_a_night_ends_as_its_night_did(files, tmp_path, night, doctor, told):
    """A night that failed is told by the job's exit code, whatever the doctor says after it."""
    found(tmp_path / "mine", city(files))
    stub = tmp_path / "bin" / "riskwarn"
    stub.parent.mkdir()
    stub.write_text(f'#!/bin/sh\n[ "$1" = nightly ] && exit {night}\nexit {doctor}\n', "utf-8")
    stub.chmod(0o755)
    path = f"{stub.parent}{os.pathsep}{os.environ['PATH']}"

    assert subprocess.run([tmp_path / "mine" / "night.sh"], env={"PATH": path}, check=False).returncode == told


def test_a_command_whose_file_was_not_named_says_so(tmp_path):
    """Where no export and no polygons were given, the printed commands say that a file of one's own is to be named."""
    steps = found(tmp_path / "mine", City("petition", "Europe/Berlin"))

    assert [step for step in steps if step.startswith("riskwarn ingest")] == [s for s in steps if "your own file" in s]


def grids_of(folder, polygons):
    """The grids that polygons come in as by the mapping of a starter."""
    store = Store(folder / "city", timezone="Europe/Berlin")
    ingest(store, polygons, folder / "mappings" / "grids.toml")
    return set(store.grids()["grid_id"])


@pytest.mark.parametrize(
    ("named", "cell_m", "expected"),
    [
        ({"sector": ["W1", "E1"]}, 0.0, {"W1", "E1"}),
        ({"town": ["west", "east"]}, 500.0, "cells"),
        ({"town": ["one", "one"]}, 0.0, "name the column that tells the grids"),
    ],
)
def test_polygons_come_in_whatever_their_columns_are_called(files, tmp_path, named, cell_m, expected):
    """The column that tells polygons apart names the grids, cells name themselves, and where no column does the mapping says what is to be filled in."""
    whole = gpd.read_file(files / "outline.geojson").union_all()
    west, south, east, north = whole.bounds
    middle = (west + east) / 2
    halves = [box(west, south, middle, north), box(middle, south, east, north)]
    gpd.GeoDataFrame(named, geometry=halves, crs=4326).to_file(tmp_path / "areas.geojson")
    found(tmp_path / "mine", city(files, grids=str(tmp_path / "areas.geojson"), cell_m=cell_m))
    mapping = tmp_path / "mine" / "mappings" / "grids.toml"
    if expected not in ({"W1", "E1"}, "cells"):
        assert expected in mapping.read_text("utf-8")
        return
    if cell_m:
        found(tmp_path / "whole", city(files))
        expected = grids_of(tmp_path / "whole", files / "outline.geojson")

    assert grids_of(tmp_path / "mine", tmp_path / "areas.geojson") == expected


def test_without_an_export_there_is_a_mapping_to_fill_in(tmp_path):
    """The mapping knows the usual headers of the feed, and the question asks of the last two years."""
    steps = found(tmp_path / "mine", City("hotline", "Asia/Shanghai"))
    mapping = load_mapping(tmp_path / "mine" / "mappings" / "hotline.toml")
    exp = Experiment.load(tmp_path / "mine" / "experiments" / "hotline_28d.toml")

    assert mapping.source == "hotline"
    assert (exp.dates.last - exp.dates.first) > dt.timedelta(days=500)
    assert any("records.csv" in step for step in steps)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"source": "roads"}, "no starter; wanted one of dispute"),
        ({"timezone": "Europe/Berlín"}, "Berl"),
        ({"capacity": 0}, "capacity must be at least 1"),
        ({"cell_m": -1.0}, "cells at least 0 m"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_written(files, tmp_path, changes, said):
    """A feed without a starter, an unknown clock, no hands or cells of no size leave no folder behind."""
    with pytest.raises(Exception, match=said):
        found(tmp_path / "mine", city(files, **changes))

    assert not (tmp_path / "mine").exists()


def test_an_export_must_tell_enough_days(files, tmp_path):
    """Ten weeks cannot teach and test; a file without a time cannot be asked about. Neither leaves a folder."""
    table = pd.read_csv(files / "requests.csv", parse_dates=["created_at"])
    table[table["created_at"] < FIRST + pd.Timedelta(days=70)].to_csv(tmp_path / "short.csv", index=False)
    table.drop(columns="created_at").to_csv(tmp_path / "timeless.csv", index=False)
    for name, said in (("short", "some seven months"), ("timeless", "no column tells when")):
        with pytest.raises(DataError, match=said):
            found(tmp_path / "mine", city(files, records=str(tmp_path / f"{name}.csv")))

    assert not (tmp_path / "mine").exists()


def test_the_verb_asks(tmp_path, monkeypatch, capsys):
    """With --ask each flag is asked for; Enter takes what was given. A feed without a clock is refused without it."""
    monkeypatch.setattr("sys.stdin", io.StringIO("petition\nEurope/Berlin\n\n\n\n\n12\n"))
    assert main(["init", str(tmp_path / "mine"), "--ask"]) == 0
    assert "riskwarn train experiments/petition_28d.toml" in capsys.readouterr().out
    assert Plan.load(tmp_path / "mine" / "plan.toml").modes.normal.capacity == 12

    assert main(["init", str(tmp_path / "other"), "--source", "petition"]) == 11
    assert "--timezone" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


@pytest.mark.slow
def test_an_example_city_comes_along(tmp_path, capsys):
    """--example town writes the starter and a store beside it."""
    assert main(["init", str(tmp_path / "mine"), "--example", "town"]) == 0

    assert "events" in Store(tmp_path / "mine" / "city").tables()
    assert (tmp_path / "mine" / "experiments" / "town_first.toml").exists()
    assert str(tmp_path) in capsys.readouterr().out


def test_categories_of_ones_own_have_a_hint_that_works(tmp_path):
    """Words that no list has are mostly refused; with the commented lines of the starter's mapping set, every record has a code."""
    days = pd.date_range("2024-01-01", periods=420).repeat(2).strftime("%y/%m/%d")
    words = ["路灯不亮", "井盖破损"] * 420
    frame = pd.DataFrame(
        {"工单编号": [f"A{k}" for k in range(840)], "受理时间": days, "所属网格": "G1", "诉求类型": words}
    )
    frame.to_csv(tmp_path / "calls.csv", index=False)
    found(tmp_path / "mine", City("hotline", "Asia/Shanghai", records=str(tmp_path / "calls.csv")))
    written = tmp_path / "mine" / "mappings" / "hotline.toml"
    hint = written.read_text("utf-8")
    store = Store(tmp_path / "city", timezone="Asia/Shanghai")
    store.write(
        "grids", pd.DataFrame({"grid_id": ["G1"], "valid_from": pd.Timestamp("2020-01-01", tz="Asia/Shanghai")})
    )

    assert "of no known category" in ingest(store, tmp_path / "calls.csv", load_mapping(written)).fault()
    for line in ("[category]", "codes = ", "unknown = "):
        assert f"# {line}" in hint
    hint = hint.replace("street lights", "路灯不亮")
    for line in ("[category]", "codes = ", "unknown = "):
        hint = hint.replace(f"# {line}", line)
    written.write_text(hint, "utf-8")
    asked = Store(tmp_path / "again", timezone="Asia/Shanghai")
    asked.write("grids", store.read("grids"))
    assert ingest(asked, tmp_path / "calls.csv", load_mapping(written)).fault() == ""
    assert set(asked.read("events")["category"]) == {"D20", "井盖破损"}
    assert Experiment.load(tmp_path / "mine" / "experiments" / "hotline_28d.toml").dates.last.year == 2025
