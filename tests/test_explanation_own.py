"""A feature written outside the package: told, opened, credited and changed like the shipped ones; and no name of a class is asked for."""

import json
from dataclasses import dataclass, fields, make_dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_explanation import FEATURES
from towns.reasons import LABEL, NIGHT, START, ZONE, events, experiment, grids, store

from riskwarn.explanation import (
    actionable,
    explain,
    in_words,
    rows,
    sentence,
    sentences,
    what_if,
    what_ifs,
    words_of_features,
)
from riskwarn.explanation.facts import may_ease, silent, tells
from riskwarn.explanation.reasons import credited
from riskwarn.explanation.rows import features_at
from riskwarn.feature import (
    Clause,
    Count,
    DaysSince,
    Faded,
    Feature,
    MostAtOnePlace,
    Noun,
    Open,
    Overdue,
    Own,
    Recent,
    RepeatedPlaces,
    Rise,
    from_dict,
)
from riskwarn.feature.held import matching, still_open
from riskwarn.history import History, Stream
from riskwarn.language import LANGUAGES, Words
from riskwarn.model import RiskModel
from riskwarn.panel import build_panel
from riskwarn.store import Store

pytestmark = pytest.mark.filterwarnings("ignore:DatetimeIndex.dayofyear")


@dataclass(frozen=True)
class Weighty(Feature):
    """Severity points of the open disputes: a number that no shipped kind knows."""

    least: int = 1
    unit = "points"
    actionable = True
    name = property(lambda self: f"weighty_{self.least}")
    words = property(lambda self: Words("未办结纠纷严重程度合计", "severity points of open disputes"))
    reads = (Stream("dispute"),)
    counts = property(lambda self: ("weighty", self.least))

    def compute(self, snapshot):
        points = [snapshot.open(Stream("dispute", severity=s)) for s in range(self.least, 4)]
        return np.asarray(sum(points), dtype=np.float32)

    def rows(self, events, at):
        held = matching(events, Stream("dispute"))
        held = held[still_open(held, at) & (held["severity"] >= self.least)]
        return held.assign(adds=held["weight"] * (held["severity"] - self.least + 1))


@dataclass(frozen=True)
class Bare(Feature):
    """What a feature must say, and nothing more."""

    days: float = 28
    name = property(lambda self: f"bare_{self.days:g}d")
    words = property(lambda self: Words("裸数", "bare number"))
    reads = (Stream("dispute"),)

    def compute(self, snapshot):
        return snapshot.count(Stream("dispute"), self.days)


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return store(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="module")
def history(town):
    return History.load(town)


@pytest.fixture(scope="module")
def night_and_model(history):
    from dataclasses import replace

    asked = replace(
        experiment(), declared=(Weighty(), Bare(), Count("dispute", days=364), Open("dispute"), Overdue("dispute"))
    )
    model = RiskModel.of(asked).fit(build_panel(history, asked))
    return build_panel(history, asked, as_of=NIGHT), model


def test_a_feature_of_ones_own_is_told(night_and_model):
    """Its words, value, unit and the city's median make a sentence in both languages, alone and averaged over the neighbours."""
    night, _ = night_and_model
    words = words_of_features([Weighty(), Bare(), Bare().nearby()])

    assert (
        sentence(words["weighty_1"], 7, 2, language="en")
        == "Severity points of open disputes: 7 points; city median 2 points"
    )
    assert sentence(words["weighty_1"], 7, 2, language="zh") == "未办结纠纷严重程度合计7points，全市中位数2points"
    assert sentence(words["bare_28d_nearby"], 7, 2, language="zh", n_nearby=3).startswith("邻近3个网格平均：裸数7")
    told = explain(Pulling((Weighty(),), 0.4), night)
    assert (
        told["en"].str.fullmatch(r"Severity points of open disputes: [\d.]+ points?; city median [\d.]+ points?").all()
    )
    assert len(told) == len(night)


def test_the_rows_of_a_feature_of_ones_own_add_up(town, history, night_and_model):
    """What it says of each event sums to its value; without a say of its own the events of its streams and window are shown."""
    _, model = night_and_model
    values = features_at(history, model.features, NIGHT)
    for grid_id in ("G00", "G03", "G11"):
        behind = rows(town, model, grid_id, NIGHT, history=history)
        mine = behind[behind["feature"] == "weighty_1"]
        bare = behind[behind["feature"] == "bare_28d"]

        assert mine["adds"].sum() == pytest.approx(values.loc[grid_id, "weighty_1"])
        assert len(bare) == values.loc[grid_id, "bare_28d"]
        assert (bare["days_ago"] <= 28).all()
        assert bare["adds"].isna().all()


def test_service_changes_what_says_so(night_and_model):
    """A feature that is actionable can be changed within what was seen; one that is not is refused as ever."""
    night, model = night_and_model
    grid = str(night.loc[night["weighty_1"].idxmax(), "grid_id"])
    answer = what_if(model, night, grid, {"weighty_1": 0.0})

    assert "weighty_1" in actionable(model)
    assert "bare_28d" not in actionable(model)
    assert answer.changed["weighty_1"][1] == 0
    assert "severity points of open disputes" in answer.sentence("en")
    assert any("weighty_1" in w.changed for w in what_ifs(model, night, grid))


def test_a_feature_of_ones_own_is_kept_with_the_model(night_and_model):
    """Saved as plain values and read again it is equal, and two features of one name are refused as ever."""
    for feature in night_and_model[1].features:
        assert from_dict(json.loads(json.dumps(feature.to_dict()))) == feature


RENAMED = {
    kind: make_dataclass(f"Kind{n}", [], bases=(kind,), frozen=True)
    for n, kind in enumerate(
        (Count, DaysSince, Faded, MostAtOnePlace, Open, Overdue, Own, Recent, RepeatedPlaces, Rise)
    )
}
SHIPPED = (
    Count("dispute", days=28),
    Count("police_call", days=28),
    DaysSince("police_call"),
    Faded(("dispute",), 28),
    Own(("dispute",), 52),
    MostAtOnePlace(("dispute", "police_call"), days=28),
    RepeatedPlaces("dispute", days=28),
    Open("petition"),
    Overdue("petition"),
    Recent("police_call", half_life=14),
    Rise("dispute", days=28),
)


def renamed(feature):
    values = {name: getattr(feature, name) for name in [f.name for f in fields(feature)]}
    return RENAMED[type(feature)](**values)


@pytest.mark.parametrize("which", range(len(SHIPPED)), ids=lambda k: SHIPPED[k].name)
def test_a_renamed_class_behaves_the_same(which):
    """Under another class name a feature is told, credited, opened and changed as before; nothing falls silent."""
    mixed = tuple(renamed(f) if k == which else f for k, f in enumerate(SHIPPED))
    rng = np.random.default_rng(which)
    parts, values = rng.normal(size=(40, len(mixed))), rng.integers(0, 9, (40, len(mixed))).astype(float)

    assert words_of_features(mixed) == words_of_features(SHIPPED)
    assert [f.actionable for f in mixed] == [f.actionable for f in SHIPPED]
    np.testing.assert_array_equal(credited(mixed, parts, values), credited(SHIPPED, parts, values))
    easier = [[(e.name if (e := f.easier(fs)) else None) for f in fs] for fs in (mixed, SHIPPED)]
    assert easier[0] == easier[1]


# -- after a split -----------------------------------------------------------------------------------------------------------


def test_rows_add_up_after_a_split(tmp_path):
    """Where a grid went over to two, the rows of each heir carry their share and make up the number it is told with."""
    made = Store(tmp_path / "split", timezone=ZONE)
    cut = START + pd.Timedelta(days=300)
    old = grids().assign(valid_to=lambda g: pd.Series(cut, index=g.index).where(g["grid_id"] == "G00"))
    heirs = grids().iloc[:2].assign(grid_id=["G00a", "G00b"], valid_from=cut, valid_to=pd.NaT)
    heirs["valid_to"] = pd.to_datetime(heirs["valid_to"], utc=True).dt.tz_convert(ZONE)
    made.write("grids", pd.concat([old, heirs], ignore_index=True))
    made.write(
        "crosswalk",
        pd.DataFrame(
            {
                "from_grid_id": "G00",
                "to_grid_id": ["G00a", "G00b"],
                "effective_at": cut,
                "weight": [0.75, 0.25],
                "kind": "split",
            }
        ),
    )
    log = events()
    made.write("events", log[(log["grid_id"] != "G00") | (log["occurred_at"] < cut)])
    features = (
        Count("dispute", days=364),
        Own(("dispute",), 52),
        Open("dispute"),
        Recent("dispute", half_life=90),
        Count("dispute", days=364).nearby(),
        Count("dispute", days=364).of_parent("township_id"),
        Weighty(),
    )
    model, whole = RiskModel(features, LABEL), History.load(made)
    values = features_at(whole, features, NIGHT)
    for grid_id in ("G00a", "G00b", "G01"):
        sums = rows(made, model, grid_id, NIGHT, history=whole).groupby("feature")["adds"].sum()
        for feature in features:
            assert sums.get(feature.name, 0.0) == pytest.approx(values.loc[grid_id, feature.name], rel=1e-4), (
                feature.name
            )
    assert values.loc["G00a", "dispute_n_364d"] == pytest.approx(3 * values.loc["G00b", "dispute_n_364d"])
    assert values.loc["G00b", "dispute_n_364d"] > 0


# -- silence -----------------------------------------------------------------------------------------------------------------

NO_RECORD = ("没有记录不等于没有需求", "having no record is not the same as having no need")
amounts = st.one_of(st.just(0.0), st.floats(0, 400, width=32), st.just(float("nan")))


@given(st.sampled_from(sorted(FEATURES)), amounts, st.floats(0, 400, width=32), st.sampled_from(LANGUAGES))
def test_silence_reassures_nowhere(name, value, normal, language):
    """A number of no records, or a missing one, never stands as easing: a sentence that lowers and speaks of none says what it is not."""
    clause, text = FEATURES[name].clause, None
    if np.isfinite(value):
        text = sentence(words_of_features([FEATURES[name]])[name], value, normal, False, 35, 6, language=language)
    none = not np.isfinite(value) or (bool(FEATURES[name].reads) and value == 0)

    if none:
        assert not may_ease(clause, value)
        assert not tells(clause, value, normal, False)
    if none and text:
        assert any(note in text for note in NO_RECORD)


@given(st.sampled_from(sorted(FEATURES)), amounts, st.floats(0, 400, width=32), st.booleans())
def test_no_sentence_contradicts_its_direction(name, value, normal, raising):
    """What tells a rise is more than normal and recorded; what tells a fall is less than normal, and some."""
    clause = FEATURES[name].clause
    if not tells(clause, value, normal, raising) or not clause.side or clause.kind == "rise":
        return
    more = raising == (clause.side > 0)
    assert value > normal * 0.99 if more else value < normal * 1.01 or value < 0.05
    assert raising or may_ease(clause, value)
    assert not (raising and silent(clause, value))


class Pulling(RiskModel):
    """A model in which every feature pulls the same way."""

    def __init__(self, features, pull):
        super().__init__(tuple(features), LABEL)
        object.__setattr__(self, "pull", pull)

    def contributions(self, panel):
        return pd.DataFrame(self.pull, index=panel.index, columns=self.feature_names)


@pytest.mark.parametrize("pull", [-0.4, 0.4])
def test_nothing_is_told_of_a_grid_without_records(pull):
    """Where nothing was recorded no reason lowers the score, and none raises it, whatever the model adds up."""
    features = tuple(f for f in FEATURES.values() if f.reads and f.for_model and f.clause.kind != "measure")
    absent = {f.name: f.clause.days if f.clause.kind == "since" else 0.0 for f in features}
    normal = {f"normal:{f.name}": 30.0 for f in features}
    night = pd.DataFrame({"grid_id": ["G1"], "as_of": pd.Timestamp(NIGHT, tz=ZONE), **absent, **normal})
    told = explain(Pulling(features, pull), night, raising=99, lowering=99)

    assert told[told["feature"].map(lambda n: FEATURES[n].clause.kind) != "share"].empty or pull > 0
    assert told[told["contribution"] < 0].empty
    busy = explain(Pulling(features, pull), night.assign(**dict.fromkeys(absent, 60.0)), raising=99)
    assert pull < 0 or len(busy) > 20


# -- forty sentences ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("feature", "value", "normal", "zh", "en"),
    [
        (
            "grid_population_log",
            6.6,
            6.2,
            "网格内734人，全市中位数492人",
            "Residents in the grid: 734; city median 492",
        ),
        (
            "police_call_p04_without_injury_n_28d",
            49,
            2,
            "近28天无人受伤的纠纷警情49起，为此前15周均值的24倍",
            "49 dispute calls with nobody hurt in the last 28 days, 24 times the mean of the 15 weeks before",
        ),
        (
            "police_call_p04_days_since",
            3,
            466,
            "距上一起纠纷警情3天，全市过半网格近一年没有",
            "The last dispute call was 3 days ago; most grids had none in the past year",
        ),
        (
            "police_call_p04_recent_28d",
            35,
            4,
            "近来纠纷警情平均每周6.1起，全市中位数每周0.7起",
            "Lately, 6.1 dispute calls a week on average; city median 0.7",
        ),
        (
            "ladder_rung_28d",
            3,
            0,
            "近28天有同一事项已发展到纠纷报警",
            "In the last 28 days one matter went on to a dispute call to the police",
        ),
        (
            "prior_faded_364d",
            2.6,
            1.5,
            "长期来看矛盾纠纷平均每年1.8起，全市中位数每年1起",
            "In the long run, 1.8 disputes a year on average; city median 1",
        ),
        ("dispute_n_182d", 8, 3, "近半年矛盾纠纷8起，全市中位数3起", "8 disputes in the past half-year; city median 3"),
        ("date_weekday", 4, 4, "每逢星期五通常多发", "Friday is usually a busier day"),
        (
            "workdays_next_7d",
            5,
            5,
            "未来7天有5个工作日，通常多发",
            "5 working days in the next 7, usually a busier time",
        ),
        (
            "police_call_p04_cusum_4w",
            3,
            0,
            "近28天纠纷警情持续多于平常",
            "Over the last 28 days dispute calls have kept above their usual number",
        ),
        (
            "farm_window_times_grid_is_rural",
            1,
            0,
            "正值灌溉和收获时节，网格属于乡村",
            "Time of year: irrigation and harvest; the grid counts as rural",
        ),
        (
            "police_call_p04_per_1000_households_365d",
            9,
            4,
            "近一年每千户纠纷警情9起，全市中位数4起",
            "Dispute calls per 1000 households in the past year: 9; city median 4",
        ),
        (
            "police_call_p04_n_364d",
            40,
            3,
            "近一年纠纷警情40起，全市中位数3起",
            "40 dispute calls in the past year; city median 3",
        ),
        (
            "police_call_p04_n_365d",
            40,
            3,
            "近一年纠纷警情40起，全市中位数3起",
            "40 dispute calls in the past year; city median 3",
        ),
    ],
)
def test_sentences_a_duty_officer_would_write(feature, value, normal, zh, en):
    """Numbers are those of people and events, windows have one word, negations are said plainly."""
    p04 = ("police_call", ("P04",))
    known = FEATURES | {
        f.name: f
        for f in (
            Count(Stream(*p04, without="injury"), days=28),
            DaysSince(Stream(*p04), cap=730),
            Recent(Stream(*p04), half_life=28),
            Faded(("dispute",), 364),
            Count(Stream(*p04), days=364),
            Count(Stream(*p04), days=365),
        )
    }
    words = words_of_features([known[feature]])[feature]

    assert sentence(words, value, normal, language="zh") == zh
    assert sentence(words, value, normal, language="en") == en


def test_no_sentence_speaks_of_logs_codes_or_marks():
    """Over all declared features: no log, no "not marked", no category code, no standard deviation, no "364 days"."""
    bad = (
        "log of",
        "对数",
        "not marked",
        "P04",
        "D0",
        "standard deviation",
        "标准差",
        "364",
        "365",
        "折合",
        "rung",
        "半衰期",
    )
    reasons = pd.DataFrame({"feature": sorted(FEATURES), "value": 4.2, "normal": 0.9, "contribution": 0.2})
    told = in_words(reasons, FEATURES.values())
    texts = [
        *told["zh"],
        *told["en"],
        *sentences(reasons.assign(contribution=-0.2), words_of_features(FEATURES.values()), "en"),
    ]

    assert [t for t in texts for word in bad if word in t] == []


def test_a_clause_of_ones_own_reads_as_declared():
    """A feature that brings a clause is told in its kind of sentence, with its noun and window."""
    kind = make_dataclass("Noisy", [], bases=(Count,), frozen=True)
    kind.clause = property(
        lambda self: Clause(
            "lasting", Noun(Words(zh="噪音投诉", en=("noise complaint", "noise complaints"))), self.days
        )
    )
    words = words_of_features([kind("dispute", 84)])["dispute_n_84d"]

    assert sentence(words, 1, 0, language="en") == "1 noise complaint in the last 84 days; most grids had none"
