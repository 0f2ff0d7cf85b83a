"""The sentences: what a duty officer reads, in both languages, for every feature that is declared."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskwarn.explanation import denied, lead, phrases, remedies, sentence, sentences, words_of_features
from riskwarn.explanation.facts import KINDS, tells
from riskwarn.explanation.reasons import _says_nothing
from riskwarn.explanation.sentences import number
from riskwarn.feature import (
    Attribute,
    Count,
    DaysSince,
    Density,
    Open,
    Overdue,
    Own,
    Recent,
    RepeatedPlaces,
    Rise,
    Season,
    Share,
    SpringFestival,
    load_group,
    noun_of,
)
from riskwarn.history import Stream
from riskwarn.language import LANGUAGES
from riskwarn.taxonomy import ACTIONS, TAGS

FOLDER = Path(__file__).parent.parent / "features"
GROUPS = sorted(p.stem for p in FOLDER.glob("*.py") if not p.stem.startswith("_"))
DECLARED = [f for g in GROUPS for f in load_group(FOLDER, g)]
P04 = Stream("police_call", categories=("P04",))
OTHERS = [
    Count(P04, days=28),
    Count(P04, days=364).nearby(),
    Count("dispute", days=28).of_parent("township_id"),
    Own((Stream("dispute"),), 52),
    Rise("dispute", days=7).nearby(),
    Recent(P04).nearby(),
    DaysSince("petition").nearby(),
    Open("hotline"),
    Overdue("dispute").nearby(),
    Share(Stream("dispute", categories=("D07",)), "dispute", days=364),
    Attribute("area_km2"),
    Attribute("population"),
    Attribute("households"),
    Season("sin"),
    SpringFestival(),
    Count("grid_report", days=1),
    RepeatedPlaces("petition", days=28, at_least=3),
    RepeatedPlaces(("dispute", P04), days=84).nearby(),
    *(Count(Stream("dispute", tag=t, origin="citizen"), days=28) for t in TAGS),
    Count(Stream("dispute", severity=2), days=28),
]
FEATURES = {f.name: f for f in [*DECLARED, *OTHERS]}
WORDS = words_of_features(FEATURES.values())
VALUES = (0.0, 0.3, 0.97, 1.0, 2.0, 36.2, 400.0)


def told(feature, value, normal, raising=True, language="en", **more):  # noqa: FBT002 - as the row has it
    return sentence(words_of_features([feature])[feature.name], value, normal, raising, language=language, **more)


@pytest.mark.parametrize(
    ("feature", "value", "normal", "raising", "zh", "en"),
    [
        (
            Count("dispute", days=28),
            4,
            0.93,
            True,
            "近28天矛盾纠纷4起，为此前15周均值的4.3倍",
            "4 disputes in the last 28 days, 4.3 times the mean of the 15 weeks before",
        ),
        (
            Count(P04, days=28),
            1,
            0.3,
            True,
            "近28天纠纷警情1起，此前15周平均每28天0.3起",
            "1 dispute call in the last 28 days; the 15 weeks before averaged 0.3 per 28 days",
        ),
        (
            Count("dispute", days=28),
            3,
            0,
            True,
            "近28天矛盾纠纷3起，此前15周没有",
            "3 disputes in the last 28 days, none in the 15 weeks before",
        ),
        (
            Count("dispute", days=28),
            5,
            4,
            True,
            "近28天矛盾纠纷5起，高于此前15周均值4起",
            "5 disputes in the last 28 days, above the 4 of the 15 weeks before",
        ),
        (
            Count("dispute", days=28),
            1,
            3.5,
            False,
            "近28天矛盾纠纷1起，低于此前15周均值3.5起",
            "1 dispute in the last 28 days, below the 3.5 of the 15 weeks before",
        ),
        (
            Count("petition", days=7),
            0,
            1.3,
            False,
            "近7天没有信访事项，此前15周平均每周1.3件（没有记录不等于没有需求）",
            "No petitions in the last 7 days; the 15 weeks before averaged 1.3 a week (having no record is not the same as having no need)",
        ),
        (
            Count("dispute", days=364),
            117,
            3,
            True,
            "近一年矛盾纠纷117起，全市中位数3起",
            "117 disputes in the past year; city median 3",
        ),
        (
            Count("petition", days=84),
            1,
            0,
            True,
            "近84天信访事项1件，全市过半网格没有",
            "1 petition in the last 84 days; most grids had none",
        ),
        (
            Count("dispute", days=364),
            0,
            3,
            False,
            "近一年没有矛盾纠纷，全市中位数3起（没有记录不等于没有需求）",
            "No disputes in the past year; city median 3 (having no record is not the same as having no need)",
        ),
        (
            Overdue("dispute"),
            2,
            0,
            True,
            "超期未办结矛盾纠纷2件，全市过半网格没有",
            "2 overdue disputes; most grids have none",
        ),
        (
            Overdue("petition"),
            44,
            2,
            True,
            "超期未办结信访事项44件，全市中位数2件",
            "44 overdue petitions; city median 2",
        ),
        (
            Open("dispute"),
            0,
            0,
            False,
            "没有未办结矛盾纠纷（没有记录不等于没有需求）",
            "No open disputes (having no record is not the same as having no need)",
        ),
        (
            DaysSince("dispute"),
            3.4,
            25,
            True,
            "距上一起矛盾纠纷3天，全市中位数25天",
            "The last dispute was 3 days ago; city median 25 days",
        ),
        (
            DaysSince("dispute"),
            1.2,
            365,
            True,
            "距上一起矛盾纠纷1天，全市过半网格近一年没有",
            "The last dispute was 1 day ago; most grids had none in the past year",
        ),
        (
            DaysSince("dispute"),
            120,
            25,
            False,
            "已有120天没有矛盾纠纷，全市中位数25天（没有记录不等于没有需求）",
            "No dispute for 120 days; city median 25 days (having no record is not the same as having no need)",
        ),
        (
            DaysSince("dispute"),
            365,
            25,
            False,
            "近一年没有矛盾纠纷（没有记录不等于没有需求）",
            "No dispute in the past year (having no record is not the same as having no need)",
        ),
        (
            Rise("dispute", days=28),
            2.1,
            0,
            True,
            "近28天矛盾纠纷明显多于此前15周",
            "Clearly more disputes in the last 28 days than in the 15 weeks before",
        ),
        (
            Share(Stream("dispute", categories=("D07",)), "dispute", days=364),
            0.32,
            0.12,
            True,
            "近一年矛盾纠纷中，拖欠工资类矛盾纠纷占32%，全市中位数12%",
            "32 % of the disputes in the past year were wage arrears disputes; city median 12 %",
        ),
        (
            RepeatedPlaces(("dispute", "police_call"), days=84),
            2,
            0,
            True,
            "近84天发生矛盾纠纷或警情2起及以上的地点2处，全市过半网格没有",
            "2 places with 2 or more disputes or police calls in the last 84 days; most grids had none",
        ),
        (
            RepeatedPlaces(("dispute", "police_call"), days=84),
            1,
            0,
            True,
            "近84天发生矛盾纠纷或警情2起及以上的地点1处，全市过半网格没有",
            "1 place with 2 or more disputes or police calls in the last 84 days; most grids had none",
        ),
        (
            RepeatedPlaces("petition", days=28, at_least=3),
            4,
            1,
            True,
            "近28天发生信访事项3件及以上的地点4处，全市中位数1处",
            "4 places with 3 or more petitions in the last 28 days; city median 1",
        ),
        (
            RepeatedPlaces("dispute", days=84),
            0,
            0,
            False,
            "近84天没有发生矛盾纠纷2起及以上的地点（没有记录不等于没有需求）",
            "No places with 2 or more disputes in the last 84 days (having no record is not the same as having no need)",
        ),
        (
            RepeatedPlaces(("dispute", "police_call"), days=84).nearby(),
            1.5,
            0,
            True,
            "邻近网格近84天发生矛盾纠纷或警情2起及以上的地点平均1.5处，全市过半网格没有",
            "The neighbouring grids averaged 1.5 places with 2 or more disputes or police calls each in the last 84 days; most grids had none",
        ),
        (
            Attribute("area_km2"),
            0.16,
            0.14,
            True,
            "网格面积0.16平方公里，全市中位数0.14平方公里",
            "The grid covers 0.16 km²; city median 0.14 km²",
        ),
        (
            SpringFestival(),
            -12,
            -12,
            True,
            "距春节12天，通常多发",
            "12 days before Spring Festival, usually a busier time",
        ),
        (
            Count("dispute", days=28),
            2,
            2,
            True,
            "近28天矛盾纠纷2起，此前15周平均每28天2起（单独看不突出，叠加其他情况后评分偏高）",
            "2 disputes in the last 28 days; the 15 weeks before averaged 2 per 28 days (nothing unusual by itself; with the other facts it raises the score)",
        ),
    ],
)
def test_a_reason_is_the_sentence_a_person_would_write(feature, value, normal, raising, zh, en):
    """Value, unit, window and normal stand in the sentence, with one and many told apart and ratios only where both numbers carry them."""
    assert told(feature, value, normal, raising, "zh") == zh
    assert told(feature, value, normal, raising, "en") == en


def test_neighbours_are_counted_where_their_number_is_known():
    """A reason about the grids around says how many they are, and what each had on average."""
    feature = Count("dispute", days=364).nearby()

    assert told(feature, 36.2, 3, n_nearby=6, language="zh") == "邻近6个网格近一年矛盾纠纷平均36起，全市中位数3起"
    assert (
        told(feature, 36.2, 3, n_nearby=6)
        == "The 6 neighbouring grids averaged 36 disputes each in the past year; city median 3"
    )
    assert told(feature, 36.2, 3, n_nearby=1).startswith("The neighbouring grid averaged")
    assert told(feature, 36.2, 3, language="zh") == "邻近网格近一年矛盾纠纷平均36起，全市中位数3起"


def test_the_season_is_named_by_the_part_of_the_year():
    """A reason from the calendar says which part of the year it is, and whether it is busy or quiet."""
    words = words_of_features([Season("sin")])
    reasons = pd.DataFrame(
        {
            "feature": "season_sin",
            "value": 0.1,
            "normal": 0.1,
            "contribution": [0.2, -0.2],
            "as_of": pd.to_datetime(["2025-12-28", "2025-06-11"]).tz_localize("Asia/Shanghai"),
        }
    )

    assert sentences(reasons, words, "en").tolist() == [
        "Late December is usually a busier time of year",
        "Mid-June is usually a quieter time of year",
    ]
    assert sentences(reasons, words, "zh").tolist() == ["每年12月下旬通常多发", "每年6月中旬通常较少"]


@pytest.mark.parametrize("name", sorted(FEATURES))
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_stigmatises_or_claims_a_cause(name, language):
    """Over every declared feature, many values, both directions: no denied word, no open brace, no missing number, right plurals."""
    for value in VALUES:
        for normal in VALUES:
            for raising in (True, False):
                text = sentence(WORDS[name], value, normal, raising, 35, 6, language=language)
                assert denied(text, language) == [], text
                assert not re.search(r"[{}]|nan|inf|–|\.0\b", text), text
                assert not re.search(
                    r"(?<![\d.])1 (disputes|petitions|days|open disputes|dispute calls|police calls)\b", text
                ), text
                assert "  " not in text
                assert not re.search(r"\b0 (?!days|km)[a-z]|(?<!\d)0[起件]", text) or value >= 10 or normal >= 10, text


def test_no_template_stigmatises_or_claims_a_cause():
    """The reviewed texts themselves hold no denied word, and fill the same braces in both languages but for number and rate."""
    for group in phrases.ALL.values():
        for words in group.values():
            assert denied(words.zh, "zh") == []
            assert denied(words.en, "en") == []


@pytest.mark.parametrize("feature", DECLARED, ids=lambda f: f.name)
def test_words_of_every_declared_feature_are_clean(feature):
    """Names, words and templates of the features in features/ hold no denied word."""
    for language in LANGUAGES:
        assert denied(feature.words[language], language) == []


def test_the_deny_list_bites():
    """A stigmatising word or a claimed cause is found, whatever the case of its letters."""
    assert denied("重点人较多的网格", "zh") == ["重点人"]
    assert denied("Overdue cases CAUSE disputes", "en") == ["cause"]


counted = st.sampled_from([f for f in FEATURES.values() if f.clause.kind in {"habit", "lasting", "standing"}])


@given(counted, st.integers(0, 400), st.floats(0, 400, width=32), st.sampled_from(LANGUAGES))
def test_a_raising_reason_reads_as_raising(feature, value, normal, language):
    """A count that raises is never told as none unless the sentence says that it does so only together with other facts."""
    text = told(feature, float(value), float(normal), True, language)
    plain = "（单独看" not in text and "by itself" not in text

    assert plain == tells(feature.clause, float(value), float(normal), True)
    assert not (plain and (text.startswith("No ") or "没有" in text.split("，")[0]))


@given(st.sampled_from(sorted(FEATURES)), st.floats(0, 400, width=32), st.floats(0, 400, width=32), st.booleans())
def test_one_number_or_many_tell_the_same(name, value, normal, raising):
    """Whether a value tells its family's direction is the same for a row alone as for a column."""
    clause = FEATURES[name].clause
    one = tells(clause, value, normal, raising)
    many = tells(clause, np.array([value, value]), np.array([normal, normal]), np.array([raising, raising]))

    assert many.tolist() == [one, one]


def test_a_remedy_stands_beside_each_reason():
    """Each feature has a next step with the code of a known service, and a lowering reason asks for no more than the usual."""
    assert {w["remedy"] for w in WORDS.values()} <= set(ACTIONS)
    reasons = pd.DataFrame({"feature": sorted(FEATURES), "contribution": 0.2})
    for language in LANGUAGES:
        raising = remedies(reasons, WORDS, language)
        lowering = remedies(reasons.assign(contribution=-0.2), WORDS, language)
        assert (raising.str.len() > 2).all()
        assert len(set(lowering)) == 1
        assert [t for t in [*raising, *lowering] if denied(t, language)] == []


def test_a_reason_is_introduced_as_possible():
    """The words before a reason say that it may be one."""
    assert [lead(c, language) for c in (0.1, -0.1) for language in LANGUAGES] == [
        "可能原因",
        "Possible reason",
        "可能的缓解因素",
        "Possible easing factor",
    ]


def test_a_feature_without_a_clause_is_told_by_its_words():
    """A night published without clauses names its features in words, with value and median."""
    words = {"n": {"zh": "近28天矛盾纠纷", "en": "disputes in the last 28 days", "remedy": "A1"}}

    assert sentence(words["n"], 4, 0.93, language="zh") == "近28天矛盾纠纷4，全市中位数0.9"
    assert sentence(words["n"], 4, 0.93, language="en") == "Disputes in the last 28 days: 4; city median 0.9"
    assert {f.clause.kind for f in FEATURES.values()} <= set(KINDS)


def test_a_missing_number_is_said_to_be_missing():
    """A value that is not known is never told as nought."""
    assert told(Attribute("area_km2"), float("nan"), 0.2) == "Not recorded: area of the grid"
    assert told(Count("dispute", days=28), float("nan"), 0.2, language="zh") == "没有记录：近28天矛盾纠纷"


def test_words_survive_the_facts_of_a_night():
    """What a night keeps as JSON makes the same sentences as the model's own features."""
    reasons = pd.DataFrame({"feature": sorted(FEATURES), "value": 4.0, "normal": 0.9, "contribution": 0.2})
    kept = json.loads(json.dumps(WORDS))
    for language in LANGUAGES:
        assert sentences(reasons, kept, language).tolist() == sentences(reasons, WORDS, language).tolist()


def test_nouns_are_one_or_many():
    """A stream's noun keeps its choices of category, tag, origin and severity in both numbers."""
    noun = noun_of(Stream("police_call", categories=("P04",), tag="weapon", origin="citizen", severity=2))

    assert noun.one["en"] == "serious dispute call with a weapon seen reported by residents"
    assert noun.many["en"] == "serious dispute calls with a weapon seen reported by residents"
    assert noun.words["zh"] == "群众反映的持械的较重纠纷警情"


@given(st.floats(0, 1e6, allow_nan=False))
def test_numbers_are_short(value):
    """A number never shows more than one decimal, nor a trailing zero."""
    assert re.fullmatch(r"\d+(\.\d)?|0\.0*\d|\de-\d+", number(value))
    assert not number(value).endswith(".0")


def test_each_number_is_read_by_its_own_clause():
    """Whether a grid's number is a reason is asked of the feature it is of: ten thousand residents in a grid are no logarithm beside one."""
    features = [Density(), Attribute("population")]
    values = np.array([[np.log1p(5_000), 10_000.0], [np.log1p(900), 900.0]])
    normals = np.array([[np.log1p(900), 900.0], [np.log1p(900), 900.0]])
    mute = _says_nothing(features, np.tile([0, 1], (2, 1)), np.ones((2, 2)), values, normals)

    assert mute.tolist() == [[False, False], [True, True]]
