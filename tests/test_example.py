"""The example city: real records, honest counts, the same code a user runs."""

import pandas as pd
import pytest

from riskwarn.errors import DataError
from riskwarn.example import FOLDER, boston, boston_grids
from riskwarn.store import Store
from riskwarn.taxonomy import CATEGORIES, words_of


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    return boston(tmp_path_factory.mktemp("example") / "boston", progress=False)


def test_the_counts_are_those_of_the_year(city):
    """78,426 petition-like and 11,286 dispute-like requests came; 43 were closed before they were opened."""
    log = city.read("feed_log").set_index("source")
    assert log["received"].to_dict() == {"dispute": 11_286, "petition": 78_426}
    assert log["quarantined"].to_dict() == {"dispute": 1, "petition": 42}
    assert (log["accepted"] + log["quarantined"] + log["duplicate"] == log["received"]).all()
    assert city.read_quarantine("events")["reason"].unique().tolist() == ["closed_at before occurred_at"]


def test_no_opening_knows_its_end(city):
    """Each event opens without a closing time; the closing is a revision known when it happened."""
    events = city.read("events")
    first = events.drop_duplicates(["source", "event_id"])
    instant = first["closed_at"] == first["occurred_at"]
    assert first.loc[~instant, "closed_at"].isna().all()
    closed = events[events["closed_at"].notna()]
    assert (closed["known_at"] == closed["closed_at"]).all()
    assert first["due_at"].notna().mean() > 0.7


def test_requests_without_a_real_point_have_no_grid(city):
    """No point and the City Hall default point are unplaced, not in the grid of City Hall."""
    raw = pd.read_parquet(FOLDER / "boston_2015.parquet")
    nowhere = raw["lon"].isna() | (raw["lon"].round(4).eq(-71.0587) & raw["lat"].round(4).eq(42.3594))
    placed = city.read("events").drop_duplicates("event_id").set_index("event_id")["grid_id"]
    ids = raw.loc[nowhere, "event_id"]
    assert (placed.reindex(ids).dropna() == "").all()
    assert (placed == "").sum() - nowhere.sum() < 50


def test_the_grid_is_cut_to_the_city():
    """926 cells of at most 0.19 km², 126.7 km² together, each in a neighbourhood."""
    grids = boston_grids()
    assert len(grids) == 926
    assert grids["area_km2"].sum() == pytest.approx(126.7, abs=0.1)
    assert grids["area_km2"].max() < 0.19
    assert (grids["community_id"] != "").all()
    assert grids["community_id"].nunique() >= 24


def test_every_category_has_words_in_both_languages(city):
    """Reasons can be rendered: no code of the example falls back to itself."""
    codes = city.read("events", columns=["category"])["category"].unique()
    assert [c for c in codes if c not in CATEGORIES and words_of(c).zh == c] == []


def test_made_twice_it_is_the_same(city):
    """Running it again on its folder changes nothing."""
    before = city.digest()
    assert boston(city.path, progress=False).digest() == before


def test_a_store_of_another_city_is_left_alone(tmp_path):
    """It does not mix with other grids."""
    store = Store(tmp_path / "s", timezone="America/New_York")
    store.write("grids", pd.DataFrame({"grid_id": ["x"], "valid_from": pd.Timestamp("2020-01-01", tz="UTC")}))
    with pytest.raises(DataError, match="grids of another city"):
        boston(tmp_path / "s")


def test_the_files_are_small_and_hold_no_address():
    """At most 4 MB, and no column but those the mapping names."""
    assert sum(p.stat().st_size for p in FOLDER.iterdir() if p.is_file()) < 4_000_000
    columns = pd.read_parquet(FOLDER / "boston_2015.parquet").columns.tolist()
    assert columns == "event_id occurred_at due_at closed_at lon lat category subcategory department channel".split()
