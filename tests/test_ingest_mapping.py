"""A mapping holds what it can mean, and tells every fault of a file at its place."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskwarn.errors import DefinitionError, NotFoundError
from riskwarn.ingest import Mapping, ingest, load_mapping
from riskwarn.ingest.mapping import mapping_of, preset, preset_names
from riskwarn.store import Store

FOLDER = Path(__file__).parents[1] / "examples" / "mappings"
EXAMPLES = [p for p in sorted(FOLDER.glob("*.toml")) if p.stem != "accounts"]
KEYS = {**dict.fromkeys(Mapping.__dataclass_fields__), **dict.fromkeys(("column", "zone", "encodings"))}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | st.floats() | st.text(max_size=9) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('timezon = "UTC"', "unknown key 'timezon' (did you mean 'timezone'?)"),
        ('[category]\nkey = ["a"]', "unknown key 'key' in [category] (did you mean 'keys'?)"),
        ('[category]\nunknown = "skip"', "[category] unknown: wanted one of other, slug, quarantine, got 'skip'"),
        ('dates = "day frist"', "dates: wanted one of year first, month first, day first"),
        ('table = "event"', "got 'event' (did you mean 'events'?)"),
        ('table = "scores"', "table: wanted one of events"),
        ("known_delay_days = -1", "known_delay_days: wanted a number of at least 0 and at most 36525, got -1"),
        ("[area]\nresolution = 16", "[area] resolution: wanted a whole number of at least 0 and at most 15, got 16"),
        ("[area]\ncell_m = 0", "[area] cell_m: wanted a number above 0, got 0"),
        ('[area]\nparents = {a = "b"}', "unknown key 'parents' in [area]"),
        ('[place]\nforeign = "county"', "got 'county' (did you mean 'county_id'?)"),
        ("[place]\nno_place = [[1.0]]", "[place] no_place, value 1: wanted a list of at least 2, got [1.0]"),
        ('[place]\ngrid_width = "12"', "[place] grid_width: wanted a whole number of at least 0 and at most 64"),
        ('[columns]\nocurred_at = "a"', "[columns] unknown column 'ocurred_at' (did you mean 'occurred_at'?)"),
        ("[columns]\nevent_id = 5", "[columns] event_id: wanted a list, got 5"),
        ('[constants]\norigin = ["citizen"]', "[constants.origin] wanted one value, got a list"),
        ('covers_from = "13/12/2025"', "[covers_from] wanted a date such as '2025-01-08', got '13/12/2025'"),
        ('ignore = "序号"', "ignore: wanted a list, got '序号'"),
        ("org_code = 110101", "org_code: wanted text, got 110101"),
        ('name = "mine"', "'name' is no key of a mapping"),
        ('preset = "disputes"', "got 'disputes' (did you mean 'dispute'?)"),
        ('place = "EPSG:4326"', "place: wanted a table, got 'EPSG:4326'"),
    ],
)
def test_a_fault_is_told_at_its_place(tmp_path, text, told):
    """The file, the section, the key, what stands there and what was wanted."""
    file = tmp_path / "m.toml"
    file.write_text(text if "timezon" in text else f'timezone = "UTC"\n{text}', "utf-8")

    with pytest.raises(DefinitionError) as refused:
        load_mapping(file)

    assert told in str(refused.value)
    assert str(refused.value).startswith(str(file))


def test_all_faults_are_told_at_once():
    """Whoever mends a mapping reads one message, not one a run."""
    said = {"columns": {"ocurred_at": "a", "org_code": "联系人姓名"}, "words": {"tag": {}}, "encoding": "klingon"}
    with pytest.raises(DefinitionError) as refused:
        mapping_of(said)

    faults = ("'ocurred_at'", "person data", "'tag'", "timezone is missing", "none that Python knows")
    assert [f for f in faults if f not in str(refused.value)] == []


@given(st.dictionaries(st.sampled_from(sorted(KEYS)) | st.text(max_size=6), VALUES, max_size=4))
def test_whatever_a_file_says_it_is_a_mapping_or_a_fault(said):
    """No value under any key gives another error than that of a wrong declaration."""
    try:
        told = mapping_of({"timezone": "UTC", **said}).digest()
    except DefinitionError as error:
        told = str(error)

    assert re.match("[0-9a-f]{64}$|mapping: ", told)


def test_there_are_examples():
    """Of mappings, in the folder that the documents name."""
    assert len(EXAMPLES) > 1


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda p: p.stem)
def test_the_examples_say_what_they_hold(file):
    """Each value of an example that is no table is the value of the mapping, lists as tuples; a mapping made from the pieces is the same."""
    said, mapping = tomllib.loads(file.read_text("utf-8")), load_mapping(file)
    plain = {k: tuple(v) if isinstance(v, list) else v for k, v in said.items() if not isinstance(v, dict)}

    assert {k: getattr(mapping, k) for k in plain} == plain
    assert Mapping(**{k: getattr(mapping, k) for k in Mapping.__dataclass_fields__}) == mapping


def test_one_name_stands_without_a_list():
    """A column, alone or to be joined, may be named without brackets."""
    said = {"timezone": "UTC", "columns": {"event_id": "编号"}, "joins": {"grid_id": "街道"}}
    mapping = mapping_of(said)

    assert mapping.columns == {"event_id": ("编号",)}
    assert mapping.joins == {"grid_id": ("街道",)}


@pytest.mark.parametrize("said", [None, ["timezone"], "timezone = 'UTC'"])
def test_a_mapping_is_a_table(said):
    """What is no table of keys is told by what it is, and no more is asked of it."""
    with pytest.raises(DefinitionError, match=rf"wanted a table of keys, as .*, got {type(said).__name__}\.$"):
        mapping_of(said)


def test_an_empty_list_takes_the_names_of_a_preset_away():
    """What a proposal writes where a column of the preset is not meant."""
    assert (
        mapping_of({"preset": "dispute", "timezone": "UTC", "columns": {"recorded_at": []}}).columns["recorded_at"]
        == ()
    )


@pytest.mark.parametrize("preset", preset_names())
def test_a_preset_needs_no_more_than_a_clock(preset):
    """Every preset is a mapping once it has a time zone."""
    assert mapping_of({"preset": preset, "timezone": "UTC"}).preset == preset


def test_a_preset_that_is_not_there_is_told():
    """In a mapping and by itself, with the nearest one and all there are."""
    with pytest.raises(DefinitionError, match=r"preset: wanted one of crime_reports, .*did you mean 'police_call'"):
        mapping_of({"preset": "police_cal", "timezone": "UTC"})
    with pytest.raises(DefinitionError, match=r"unknown preset 'police_cal' .*did you mean 'police_call'.*: crime_rep"):
        preset("police_cal")


def test_a_mapping_that_is_not_there_is_told(tmp_path):
    """No file, a folder, another name beside it: each is said, none is an error of the system."""
    (tmp_path / "calls.toml").write_text('timezone = "UTC"', "utf-8")
    with pytest.raises(NotFoundError, match=r"no mapping .*call\.toml \(did you mean 'calls.toml'\?\)"):
        load_mapping(tmp_path / "call.toml")
    with pytest.raises(NotFoundError, match="it is a folder; name a file in it"):
        load_mapping(tmp_path)


def test_a_crosswalk_of_one_column_needs_no_keys(tmp_path):
    """Its one column that is no target names what fills `category`; of two it is asked which."""
    said = {"preset": "petition", "timezone": "UTC", "category": {"crosswalk": "kinds.csv"}}
    (tmp_path / "kinds.csv").write_text("kind,code\nNoise,noise\n", "utf-8")
    mapping = mapping_of(said, folder=str(tmp_path))
    assert mapping.crosswalk().to_dict("list") == {"kind": ["Noise"], "code": ["noise"]}

    (tmp_path / "kinds.csv").write_text("kind,subkind,code\nNoise,Party,noise\n", "utf-8")
    with pytest.raises(
        DefinitionError, match="which of its columns name a category\\? Found kind, subkind; state keys"
    ):
        mapping.crosswalk()


def test_a_category_is_read_through_a_crosswalk_without_keys(tmp_path):
    """The column that fills `category` is looked up in it."""
    (tmp_path / "kinds.csv").write_text("kind,code\nNoise,loud\n", "utf-8")
    (tmp_path / "calls.csv").write_text("id,at,type\n1,2025-01-02 10:00,Noise\n2,2025-01-02 11:00,Fire\n", "utf-8")
    columns = {"event_id": "id", "occurred_at": "at", "category": "type"}
    said = {"table": "events", "source": "petition", "timezone": "UTC", "columns": columns}
    said["category"] = {"crosswalk": "kinds.csv", "unknown": "quarantine"}
    store = Store(tmp_path / "city", timezone="UTC")
    report = ingest(store, tmp_path / "calls.csv", mapping_of(said, folder=str(tmp_path)))

    assert (report.accepted, report.quarantined) == (1, 1)
    assert store.read("events")["category"].tolist() == ["loud"]
