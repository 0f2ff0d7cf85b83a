"""Experiments: what a file may say, and what is said of a slip."""

import dataclasses
import tomllib
from pathlib import Path

import pytest
import towns
from hypothesis import given
from hypothesis import strategies as st

from riskwarn.declaring import read
from riskwarn.errors import DefinitionError, NotFoundError
from riskwarn.experiment import Baselines, Dates, Experiment, Folds, Gate, Judge, ModelSettings, _File
from riskwarn.feature import Own
from riskwarn.history import Stream
from riskwarn.label import Label


def load(tmp_path, **changes):
    return Experiment.load(
        towns.write_experiment(tmp_path / "experiments" / "e.toml", **changes), features=towns.FEATURES
    )


def test_a_file_says_everything(tmp_path):
    """Question, label, dates, features, folds and baselines are what the file says; the text is kept for the record."""
    found = load(tmp_path)

    assert found.question.startswith("Where will")
    assert (found.label.name, found.label.days, found.label.settle_days) == (towns.TARGET, 14, 7)
    assert len(found.dates.index()) == 42
    assert found.groups == ("police_calls", "disputes")
    assert [w.weeks for w in found.priors] == [4, 15, 52]
    assert found.feature_names[-15:-12] == ["prior_4w", "prior_15w", "prior_52w"]
    assert found.feature_names[-12:] == [f.name for f in (*found.faded, *found.totals)]
    assert all(isinstance(f, Own) for f in found.features[-15:-12])
    assert found.text == towns.EXPERIMENT
    assert found.name == "e"


def test_the_digest_tells_questions_apart(tmp_path):
    """Equal declarations have one digest wherever the file lies; any change of what is asked gives another."""
    first = load(tmp_path).digest

    assert load(tmp_path / "other").digest == first
    for old, new in {
        "days = 14": "days = 15",
        "n_trees = 20": "n_trees = 21",
        "[4, 15, 52]": "[4, 15]",
        '["P04"]': '["P05"]',
    }.items():
        assert load(tmp_path, **{old: new}).digest != first


def test_a_question_says_what_it_is_for(tmp_path):
    """One of three purposes, service where none is named; it is told of the question and kept by its other horizons, and is no part of the digest."""
    plain, meant = load(tmp_path), load(tmp_path / "meant", **{'question = "': 'purpose = "mediation"\nquestion = "'})

    assert (plain.purpose, meant.purpose, meant.over(7).purpose) == ("service", "mediation", "mediation")
    assert "purpose mediation" in repr(meant)
    assert meant.digest == plain.digest
    with pytest.raises(
        DefinitionError, match=r"purpose: wanted one of service, mediation, resource_planning, got 'patrol'"
    ):
        dataclasses.replace(plain, purpose="patrol")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            'question = "',
            'purpose = "enforcement"\nquestion = "',
            r"purpose: wanted one of service, mediation, resource_planning, got 'enforcement'",
        ),
        ("[folds]", "[fold]", r"unknown key 'fold' \(did you mean 'folds'\?\)"),
        ("settle_days", "setle_days", r"unknown key 'setle_days' in \[label\] \(did you mean 'settle_days'\?\)"),
        ("n_folds", "nfolds", r"unknown key 'nfolds' in \[folds\] \(did you mean 'n_folds'\?\)"),
        ("categories", "category", r"unknown key 'category' in \[label\.streams\] \(did you mean 'categories'\?\)"),
        ("[dates]\nfirst = 2023-03-06\nlast = 2023-12-18\nevery_days = 7\n", "", "'dates' is missing"),
        ("last = 2023-12-18\n", "", r"\[dates\].*'last'"),
        ('name = "dispute_call_14d"\n', "", r"\[label\].*'name'"),
        ("days = 14", 'days = "14"', r"\[label\] days: wanted a number above 0 and at most 36525, got '14'"),
        ("days = 14", "days = 0", r"\[label\] days: wanted a number above 0"),
        (
            '[[label.streams]]\nsource = "police_call"\ncategories = ["P04"]',
            'streams = "police_call"',
            r"streams: wanted a list",
        ),
        ("first = 2023-03-06", 'first = "2023-03-06"', r"\[dates\] first: wanted a date"),
        ("first = 2023-03-06", "first = 2023-03-06T08:00:00Z", r"\[dates\] first: wanted a date"),
        ("first = 2023-03-06", "first = 2024-03-06", r"first 2024-03-06 lies after last 2023-12-18"),
        ("every_days = 7", "every_days = 0", r"\[dates\] every_days: wanted a whole number of at least 1, got 0"),
        ("n_trees = 20", "n_trees = true", r"\[model\] n_trees: wanted a whole number of at least 1, got True"),
        (
            "n_trees = 20",
            'objective = "lambdarank"\ngain_per = "home"',
            r"\[model\] gain_per: wanted one of grid, household, area, got 'home'",
        ),
        (
            "n_trees = 20",
            'gain_per = "area"',
            r'\[model\] gain_per = "area" is for objective = "lambdarank", got objective = \'poisson\'',
        ),
        (
            "n_trees = 20",
            'objective = "lambdarank"\ngain_per = "area"',
            r'\[model\] no feature tells the area_km2 .* declare Attribute\("area_km2"\)',
        ),
        ("[4, 15, 52]", "[4, 15.5]", r"\[baselines\] weeks, value 2: wanted a whole number of at least 1, got 15\.5"),
        ("[4, 15, 52]", "[]", r"weeks is empty"),
        (
            "[4, 15, 52]",
            '[4]\nrules = ["ewmaa"]',
            r"\[baselines\] rules, value 1: wanted one of fifteen_week_mean, .*got 'ewmaa' \(did you mean 'ewma'\?\)",
        ),
        ("[4, 15, 52]", "[4]\nrules = [4]", r"\[baselines\] rules, value 1: wanted text, got 4"),
        (
            "shares = [0.05, 0.10]",
            "shares = [0.05, 10]",
            r"\[judge\] shares, value 2: wanted a number above 0 and below 1, got 10",
        ),
        ("shares = [0.05, 0.10]", 'ties = "first"', r"ties: wanted one of mean, worst, best, order, got 'first'"),
        (
            "shares = [0.05, 0.10]",
            "shares = [0.1]",
            r"\[gate\] metric: wanted one of capture_10, .*, got 'capture_5' \(did you mean 'capture_10'\?\)",
        ),
        ("n_folds = 3\ntest_dates = 4", "n_folds = 1\ntest_dates = 1", "one test date alone gives no interval"),
        ('"disputes"]', '"disptes"]', "did you mean"),
        ('"police_calls", "disputes"', "", r"groups: wanted a list of at least 1, got \[\]"),
        ("days = 14", 'days = 14\nkind = "emergent"', r"kind: wanted one of .*did you mean 'emergence'"),
        ("days = 14", "days = 14\npast_days = 30", r"past_days has no meaning for kind 'count'"),
        ("days = 14", 'days = 14\nkind = "escalation"\nlower = "dispute"', r"\[label\] lower: wanted a list"),
        (
            "days = 14",
            'days = 14\nkind = "emergence"\nat_least = 1.5',
            r"\[label\] at_least: wanted a whole number of at least 1, got 1\.5",
        ),
        (
            "[judge]",
            '[gate]\nmetric = "average_precision"\n[judge]',
            r"\[gate\] metric: wanted one of .*, got 'average_precision'",
        ),
        ('question = "', "question = ", "not TOML"),
    ],
    ids=lambda v: v[:25].replace("\n", " "),
)
def test_a_slip_is_told_with_its_place(tmp_path, old, new, said):
    """Every mistake in a file is one message that names the file, the place and, where there is one, the nearest word."""
    with pytest.raises((DefinitionError, NotFoundError), match=said):
        load(tmp_path, **{old: new})


def test_a_file_may_ask_for_an_emergence(tmp_path):
    """Kind and its parameters are read; its signs are features, and its own metrics may be the gate's."""
    found = load(
        tmp_path,
        **{
            "days = 14": 'days = 14\nkind = "emergence"\nquantile = 0.9',
            "[judge]": '[gate]\nmetric = "average_precision"\n[judge]',
        },
    )

    assert (found.label.kind, found.label.quantile, found.label.past_days) == ("emergence", 0.9, 364)
    assert "own_tail_14d" in found.feature_names
    assert len(set(found.feature_names)) == len(found.feature_names)
    assert found.digest != load(tmp_path / "other").digest


def test_a_sign_that_is_declared_already_is_no_second_feature(tmp_path):
    """A group may hold a feature of a sign's name, even with another cap: the declared one is kept, and names stay unlike."""
    changes = {"days = 14": 'days = 14\nkind = "first"', '"police_call"\ncategories = ["P04"]': '"dispute"'}
    found = load(tmp_path, **changes)
    names = found.feature_names

    assert "dispute_days_since" in {s.name for s in found.label.signs} & {f.name for f in found.declared}
    assert len(set(names)) == len(names)


def test_a_file_that_is_not_there(tmp_path):
    """The nearest file of the folder is offered."""
    load(tmp_path)
    with pytest.raises(NotFoundError, match=r"no experiment .*ee\.toml \(did you mean 'e\.toml'\?\)"):
        Experiment.load(tmp_path / "experiments" / "ee.toml")


@pytest.mark.parametrize("path", sorted((towns.FEATURES.parent / "experiments").glob("*.toml")), ids=lambda p: p.stem)
def test_every_experiment_of_the_starter_loads(path):
    """What is shipped is declared rightly."""
    found = Experiment.load(path)

    assert found.question.endswith("?")
    assert len(found.feature_names) == len(set(found.feature_names))


def test_dates_by_the_month_are_the_same_day_of_every_month(tmp_path):
    """A panel by months has one date a month, on the day of the first; months cannot be negative."""
    found = load(tmp_path, **{"every_days = 7": "every_months = 1"}).dates.index()

    assert set(found.day) == {6}
    assert [d.month for d in found] == [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    with pytest.raises(DefinitionError, match="every_months: wanted a whole number of at least 0, got -1"):
        load(tmp_path, **{"every_days = 7": "every_months = -1"})


@given(st.integers(1, 200))
def test_another_horizon_changes_the_label_alone(days):
    """The same question over other days has a label of its own; dates, features, folds and baselines stay."""
    asked = Experiment.load(towns.FEATURES.parent / "experiments" / "weekly.toml")
    other = asked.over(days)

    assert (other.label.days, other.label.name) == (days, f"dispute_{days}d")
    assert other.label.streams == asked.label.streams
    assert (other.dates, other.features, other.folds, other.baselines) == (
        asked.dates,
        asked.features,
        asked.folds,
        asked.baselines,
    )
    assert (other.digest == asked.digest) == (days == asked.label.days)
    assert other.over(asked.label.days).digest == asked.digest


def test_an_experiment_shows_itself_shortly(tmp_path):
    """What is printed, in a console or a notebook, tells label, dates, purpose, features and folds in a few words, and escapes what a file says."""
    found = load(tmp_path, **{"Where will": "Where <b>will"})

    assert repr(found) == (
        f"Experiment('e': label {towns.TARGET} (count, 14 days, settled after 7); dates 42 from 2023-03-06 to 2023-12-18; "
        f"purpose service; features {len(found.features)} in police_calls, disputes; folds 3 of 4 dates)"
    )
    assert found._repr_html_().startswith("<table><caption>Where &lt;b&gt;will")


@given(st.sampled_from(["label", "dates", "folds", "model", "baselines", "judge", "gate", "features"]), st.data())
def test_any_value_in_any_section_is_taken_or_told(section, data):
    """Whatever stands under any key of a file, it loads or is one DefinitionError of one line that begins with the file."""
    values = tomllib.loads(towns.EXPERIMENT)
    key = data.draw(st.sampled_from([*values.get(section, {"x": 0}), "zzz"]))
    plain = st.booleans() | st.integers() | st.floats() | st.text() | st.dates() | st.datetimes()
    wrong = data.draw(
        st.recursive(plain, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(), v, max_size=3))
    )
    values[section] = {**values.get(section, {}), key: wrong}
    said = ""
    try:
        read(_File, values, "e.toml")
    except DefinitionError as error:
        said = str(error)
    assert said == "" or (said.startswith("e.toml: ") and "\n" not in said)


def test_every_key_stands_on_its_page():
    """What a file may say is told where files are told: no key of a section, label or stream is missing from the page."""
    page = (Path(__file__).parent.parent / "docs" / "experiments.md").read_text("utf-8")
    kinds = (Label, Stream, Dates, Folds, ModelSettings, Baselines, Judge, Gate)

    assert [f.name for kind in kinds for f in dataclasses.fields(kind) if f"`{f.name}`" not in page] == []


def test_the_smallest_file_of_the_page_works(tmp_path):
    """It is read as it stands there."""
    page = (Path(__file__).parent.parent / "docs" / "experiments.md").read_text("utf-8")
    text = page.split("```toml\n")[1].split("```")[0]
    (tmp_path / "smallest.toml").write_text(text, "utf-8")

    assert Experiment.load(tmp_path / "smallest.toml", features="features").label.settle_days == 7
