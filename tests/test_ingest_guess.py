"""A proposal for the export of a portal: what it writes is what ingest takes, and where two readings are possible it asks."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskwarn.errors import DataError
from riskwarn.ingest import guess, ingest
from riskwarn.ingest.guessing import MOST_COLUMNS
from riskwarn.store import Store

ZONES = {"police_uk": "Europe/London", "12345": "Asia/Shanghai"}
SQUARE = "POLYGON((-87.7 41.8,-87.5 41.8,-87.5 42,-87.7 42,-87.7 41.8))"


def socrata_crime(n, at, rng):
    return pd.DataFrame(
        {
            "ID": np.arange(n) + 13_000_000,
            "Case Number": [f"JH{k + 100_000}" for k in range(n)],
            "Date": at.strftime("%m/%d/%Y %I:%M:%S %p"),
            "Block": "001XX N STATE ST",
            "IUCR": "0486",
            "Primary Type": rng.choice(["BATTERY", "THEFT"], n),
            "Description": "SIMPLE",
            "Arrest": "false",
            "District": "011",
            "Updated On": at.strftime("%m/%d/%Y %I:%M:%S %p"),
            "Latitude": 41.9,
            "Longitude": -87.6,
            "Location": "(41.9, -87.6)",
        }
    )


def socrata_311(n, at, rng):
    return pd.DataFrame(
        {
            "Unique Key": np.arange(n) + 60_000_000,
            "Created Date": at.strftime("%m/%d/%Y %I:%M:%S %p"),
            "Closed Date": (at + pd.Timedelta(days=2)).strftime("%m/%d/%Y %I:%M:%S %p"),
            "Agency": "NYPD",
            "Complaint Type": rng.choice(["Noise - Street", "Illegal Parking"], n),
            "Descriptor": "Loud",
            "Incident Zip": "10001",
            "Status": "Closed",
            "Borough": "BRONX",
            "Latitude": 41.9,
            "Longitude": -87.6,
            "Location": "POINT (-87.6 41.9)",
        }
    )


def arcgis(n, at, rng):
    return pd.DataFrame(
        {
            "OBJECTID": np.arange(n) + 1,
            "INCIDENT_NUMBER": [f"24-{k:06d}" for k in range(n)],
            "INCIDENT_DATE": (at.tz_localize("UTC").as_unit("ms").asi8),
            "OFFENSE_TYPE": rng.choice(["Burglary", "Assault"], n),
            "BEAT": "B12",
            "LATITUDE": 41.9,
            "LONGITUDE": -87.6,
        }
    )


def ckan(n, at, rng):
    return pd.DataFrame(
        {
            "_id": np.arange(n) + 1,
            "INCIDENT_NUMBER": [f"I{k + 192_000_000}" for k in range(n)],
            "OFFENSE_CODE": "3115",
            "OFFENSE_DESCRIPTION": rng.choice(["VANDALISM", "LARCENY"], n),
            "SHOOTING": 0,
            "OCCURRED_ON_DATE": at.strftime("%Y-%m-%d %H:%M:%S+00"),
            "YEAR": at.year,
            "MONTH": at.month,
            "DAY_OF_WEEK": at.day_name(),
            "HOUR": at.hour,
            "Lat": 41.9,
            "Long": -87.6,
        }
    )


def police_uk(n, at, rng):
    ids = pd.Series([f"{k:064x}" for k in rng.integers(1, 2**60, n)])
    return pd.DataFrame(
        {
            "Crime ID": ids.where(rng.random(n) < 0.5, ""),
            "Month": at.strftime("%Y-%m"),
            "Reported by": "Kent Police",
            "Falls within": "Kent Police",
            "Longitude": -87.6,
            "Latitude": 41.9,
            "Location": "On or near Parking Area",
            "LSOA name": "Kent 001A",
            "Crime type": rng.choice(["Burglary", "Anti-social behaviour"], n),
            "Last outcome category": "Under investigation",
            "Context": "",
        }
    )


def open311(n, at, rng):
    return pd.DataFrame(
        {
            "service_request_id": [f"SR-{k:05d}" for k in range(n)],
            "status": "open",
            "service_name": rng.choice(["Pothole", "Graffiti"], n),
            "service_code": "018",
            "requested_datetime": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "updated_datetime": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lat": 41.9,
            "long": -87.6,
            "media_url": "",
        }
    )


def cad(n, at, rng):
    return pd.DataFrame(
        {
            "CAD Event Number": [f"2024{k:08d}" for k in range(n)],
            "Call Date": at.strftime("%m/%d/%Y"),
            "Call Time": at.strftime("%H:%M:%S"),
            "Initial Call Type": rng.choice(["DISTURBANCE", "ALARM"], n),
            "Priority": "2",
            "Sector": "K",
            "Latitude": 41.9,
            "Longitude": -87.6,
        }
    )


def hotline_12345(n, at, rng):
    return pd.DataFrame(
        {
            "工单编号": [f"GD{k:08d}" for k in range(n)],
            "来电时间": at.strftime("%Y/%m/%d %H:%M"),
            "来电人姓名": "王小明",
            "联系电话": "13812345678",
            "问题类型": rng.choice(["三资", "互联网"], n),
            "诉求内容": "楼下噪音",
            "所属网格": "G1",
            "工单状态": "已办结",
            "满意度": "满意",
        }
    )


PORTALS = {
    "socrata_crime": socrata_crime,
    "socrata_311": socrata_311,
    "arcgis": arcgis,
    "ckan": ckan,
    "police_uk": police_uk,
    "open311": open311,
    "cad": cad,
    "12345": hotline_12345,
}


def brought(folder, frame, zone):
    """What becomes of a portal's export through the mapping proposed for it, in a store with one grid around its points."""
    folder.mkdir(parents=True)
    store = Store(folder / "store", timezone=zone)
    grid = {"grid_id": ["G1"], "valid_from": pd.Timestamp("2000-01-01", tz=zone), "geometry": [SQUARE]}
    store.write("grids", pd.DataFrame(grid))
    frame.to_csv(folder / "export.csv", index=False)
    proposal = guess(folder / "export.csv", timezone=zone)
    report = ingest(store, folder / "export.csv", proposal.write(folder / "proposed.toml"))
    return proposal, report, store


@pytest.mark.parametrize("kind", PORTALS)
@settings(deadline=None, max_examples=2)
@given(n=st.integers(2, 30), day=st.integers(0, 300), seed=st.integers(0, 2**16))
def test_what_is_proposed_is_taken(tmp_path_factory, kind, n, day, seed):
    """Every row of every portal comes in, with the times it says, a category of its own words, and in its grid."""
    zone = ZONES.get(kind, "America/Chicago")
    rng = np.random.default_rng(seed)
    at = pd.date_range(pd.Timestamp("2024-01-03 09:05") + pd.Timedelta(days=day), periods=n, freq="7h")
    _, report, store = brought(tmp_path_factory.mktemp("p") / kind, PORTALS[kind](n, at, rng), zone)
    events = store.read("events").drop_duplicates("event_id")
    assert (report.accepted, len(events)) == (n, n)
    assert set(events["grid_id"]) == {"G1"}
    assert set(events["category"]) & {"D99", "P99"} == set()
    clock = "UTC" if kind in {"arcgis", "ckan", "open311"} else zone
    wanted = at.to_period("M").to_timestamp() if kind == "police_uk" else at.floor("min")
    assert sorted(events["occurred_at"].dt.tz_convert(clock).dt.tz_localize(None).dt.floor("min")) == sorted(wanted)


@pytest.mark.parametrize(
    ("x", "y"), [("118.{}", "32.{}"), ("118,{}", "32,{}"), ("E118.{}", "N32.{}"), ("118\u00b0{:.2}'", "32\u00b0{:.2}'")]
)
def test_coordinates_are_proposed_however_they_are_written(tmp_path, x, y):
    """Columns that ingest reads as coordinates are proposed as such: with a decimal comma, letters or degrees as with a point."""
    part = [str(1001 + 37 * k) for k in range(60)]
    rows = pd.DataFrame({"longitude": [x.format(p) for p in part], "latitude": [y.format(p) for p in part]})
    rows["date"] = "2024-03-01 10:00"
    rows.to_csv(tmp_path / "calls.csv", index=False, sep=";")
    proposed = guess(tmp_path / "calls.csv", timezone="Asia/Shanghai").columns.set_index("column")["field"]

    assert proposed[["longitude", "latitude"]].tolist() == ["lon", "lat"]


@pytest.mark.parametrize(
    ("days", "zone", "order", "asked"),
    [
        (["01/08/2024", "02/08/2024"], "America/New_York", "month first", True),
        (["01/08/2024", "02/08/2024"], "Europe/London", "day first", True),
        (["01/18/2024", "02/08/2024"], "Europe/London", "month first", False),
        (["18/01/2024", "02/08/2024"], "America/New_York", "day first", False),
        (["01/08/2024 01:05:00 PM", "02/08/2024 02:05:00 PM"], "", "month first", True),
    ],
)
def test_the_order_of_dates_is_proved_or_asked(tmp_path, days, zone, order, asked):
    """A day above 12 proves the order; without one it is that of the clock's country, and both readings are named, in the file too."""
    frame = pd.DataFrame({"Case Number": ["A1", "A2"], "Date": days, "Primary Type": ["01 theft", "02 robbery"]})
    frame.to_csv(tmp_path / "f.csv", index=False)
    proposal = guess(tmp_path / "f.csv", timezone=zone)
    assert proposal.columns.set_index("column")["field"]["Date"] == "occurred_at"
    assert f'dates = "{order}"' in proposal.toml
    for text in (proposal.toml, repr(proposal)):
        assert ("'month first' and 'day first'" in text) == asked


@pytest.mark.parametrize(
    ("written", "order"),
    [
        ("%y/%m/%d", "year first"),
        ("%y-%m-%d %H:%M", "year first"),
        ("%d/%m/%y", "day first"),
        ("%m/%d/%y", "month first"),
    ],
)
def test_years_of_two_digits_are_proposed_with_their_order(tmp_path, written, order):
    """The order is the one in which the records lie close together; the proposal reads the file whole, and asks nothing."""
    days = pd.Series(pd.date_range("2025-01-01", "2025-12-26", freq="4D"))
    frame = pd.DataFrame({"工单编号": [f"A{k}" for k in range(len(days))], "受理时间": days.dt.strftime(written)})
    frame.to_csv(tmp_path / "f.csv", index=False)
    proposal = guess(tmp_path / "f.csv", timezone="Asia/Shanghai")
    line = proposal.columns.set_index("column").loc["受理时间"]
    assert (line["field"], line["confidence"], proposal.questions) == ("occurred_at", 1.0, ())
    assert (proposal.mapping().dates, proposal.mapping().short_years) == (order, True)


def test_years_of_two_digits_that_may_be_days_are_asked_for(tmp_path):
    """Three days of which each order makes dates are read year first on a clock of China, and the question is written down."""
    frame = pd.DataFrame({"工单编号": ["A1", "A2", "A3"], "受理时间": ["11/01/08", "11/01/09", "11/01/10"]})
    frame.to_csv(tmp_path / "f.csv", index=False)
    proposal = guess(tmp_path / "f.csv", timezone="Asia/Shanghai")
    assert proposal.mapping().dates == "year first"
    assert "'year first' and 'month first' and 'day first'" in proposal.questions[0]


def test_a_short_year_beside_long_ones_is_a_fault_and_no_form(tmp_path):
    """One row of three with a year of two digits does not make the others ambiguous: nothing is proposed that would read it."""
    frame = pd.DataFrame({"工单编号": ["A1", "A2", "A3"], "受理时间": ["2025年1月8日", "2025/1/9 8:00", "8/1/25"]})
    frame.to_csv(tmp_path / "f.csv", index=False)
    proposal = guess(tmp_path / "f.csv", timezone="Asia/Shanghai")
    assert (proposal.mapping().dates, proposal.mapping().short_years) == ("", False)


def test_two_columns_that_fit_are_both_named(tmp_path):
    """When an event occurred and when it was reported are two columns; the proposal takes one and names the other."""
    times = ["2024-03-01 10:00", "2024-03-02 10:00"]
    frame = pd.DataFrame(
        {"Incident ID": ["a1", "a2"], "Reported Date": times, "Occurred Date": times, "Offense": ["theft", "fraud"]}
    )
    frame.to_csv(tmp_path / "f.csv", index=False)
    proposal = guess(tmp_path / "f.csv", timezone="America/Chicago")
    assert proposal.mapping().columns["occurred_at"] == ("Occurred Date",)
    assert any("'Reported Date' would fit too" in question for question in proposal.questions)
    assert "# To decide: occurred_at: 'Occurred Date', 'Reported Date' would fit too." in proposal.toml


def test_grids_are_proposed_completely(tmp_path):
    """A boundary file without the day its areas begin gets one to review, and comes in."""
    ring = [[[-87.7, 41.8], [-87.5, 41.8], [-87.5, 42.0], [-87.7, 42.0], [-87.7, 41.8]]]
    features = [
        {
            "type": "Feature",
            "properties": {"GEOID": f"1703101010{k}", "NAMELSAD": f"Census Tract {k}", "ALAND": 5},
            "geometry": {"type": "Polygon", "coordinates": ring},
        }
        for k in range(3)
    ]
    (tmp_path / "t.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    proposal = guess(tmp_path / "t.geojson", timezone="America/Chicago")
    store = Store(tmp_path / "store", timezone="America/Chicago")
    assert ingest(store, tmp_path / "t.geojson", proposal.write(tmp_path / "g.toml")).accepted == 3
    assert "since when do these grids hold?" in proposal.toml


def districts(path, **columns):
    """Squares in a row, with columns of text beside their shapes."""
    import geopandas as gpd
    from shapely.geometry import box

    n = len(next(iter(columns.values())))
    gpd.GeoDataFrame(columns, geometry=[box(i, 0, i + 1, 1) for i in range(n)], crs=4326).to_file(path)
    return path


def test_polygons_are_named_by_the_column_that_tells_them_apart(tmp_path):
    """Where no header is known, the grid is the first column with another word in each row; measurements are none, a number of the software comes last, and what fits too is asked."""
    file = districts(
        tmp_path / "d.geojson",
        OGC_FID=["1", "2", "3"],
        acres=["1.5", "2.25", "10.0"],
        precinct=["North", "East", "North"],
        district=["510", "520", "530"],
        call_sign=["A", "B", "C"],
    )
    found = guess(file, timezone="Europe/Berlin")
    fields = found.columns.set_index("column")["field"]

    assert fields[fields == "grid_id"].index.tolist() == ["district"]
    assert fields["precinct"] == "?"
    assert found.questions == ("grid_id: 'district', 'call_sign', 'OGC_FID' would fit too.",)
    store = Store(tmp_path / "city", timezone="Europe/Berlin")
    ingest(store, file, found.mapping())
    assert store.grids()["grid_id"].tolist() == ["510", "520", "530"]


def test_polygons_that_nothing_tells_apart_are_not_named(tmp_path):
    """A column that says the same twice, or nothing of one, names no grid; a number of the software does where it is alone."""
    blind = districts(tmp_path / "b.geojson", precinct=["North", "North"], sector=["1", None])
    numbered = districts(tmp_path / "n.geojson", precinct=["North", "North"], fid_1=["7", "8"])

    assert "grid_id" not in set(guess(blind).columns["field"])
    assert guess(blind).confidence == 0
    assert guess(numbered).columns.set_index("field")["column"]["grid_id"] == "fid_1"


def test_a_flag_of_injury_is_the_tag(tmp_path):
    """A police file that says whether someone was hurt brings the tag of an injury, and none where nobody was."""
    frame = pd.DataFrame(
        {
            "警情编号": ["a1", "a2"],
            "报警时间": "2024-03-01 10:00",
            "接警报警类别": "交通类",
            "所属网格": "G1",
            "是否涉伤": ["是", "否"],
        }
    )
    _, _, store = brought(tmp_path / "p", frame, "Asia/Shanghai")
    assert store.read("events").set_index("event_id")["tags"].fillna("").to_dict() == {"a1": "injury", "a2": ""}


def test_a_police_file_with_the_later_category_alone_is_proposed_as_it_is(tmp_path):
    """The category after handling stays what it is, and the proposal is whole: as an intake category it would be known too early."""
    frame = pd.DataFrame(
        {
            "警情编号": [f"P{n:03d}" for n in range(20)],
            "报警时间": [f"2025-01-08 10:{n:02d}" for n in range(20)],
            "反馈报警类别": ["纠纷", "群众紧急求助"] * 10,
            "反馈时间": [f"2025-01-09 10:{n:02d}" for n in range(20)],
            "所属网格": "G1",
        }
    )
    frame.to_csv(tmp_path / "f.csv", index=False)

    proposal = guess(tmp_path / "f.csv", timezone="Asia/Shanghai")

    fields = proposal.columns.set_index("column")["field"]
    assert proposal.preset == "police_call"
    assert proposal.confidence > 0
    assert fields["反馈报警类别"] == "feedback_category"
    assert "category" not in set(fields)


def test_a_file_of_too_many_columns_is_refused(tmp_path):
    """Every name is held against every column: a file of thousands would be weighed for hours."""
    header = ",".join(f"column {n}" for n in range(MOST_COLUMNS + 1))
    (tmp_path / "wide.csv").write_text(f"{header}\n{',' * MOST_COLUMNS}\n", "utf-8")
    with pytest.raises(DataError, match=r"wide\.csv: 501 columns; a proposal is made for 500 at most"):
        guess(tmp_path / "wide.csv", timezone="UTC")
