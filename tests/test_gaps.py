"""Finding the gap: the contract of find_gaps, what it says when it cannot look, and the rule of outages."""

import ast
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from towns import gaps as w

from riskwarn import gaps, simulation
from riskwarn.errors import DataError, DefinitionError, NotFoundError, StaleDataError
from riskwarn.gaps.evidence import Evidence, check_fresh
from riskwarn.gaps.gap import believed, discovered, gap_id, gap_rows, persistent
from riskwarn.gaps.wording import COUNTED, LACKING, SENTENCES, SHARES, _value, calendar_words, sentence
from riskwarn.history import DAY_US, NEVER, History
from riskwarn.schema import conform

NIGHT = "2023-11-20"


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return simulation.city("tiny", seed=7).write(tmp_path_factory.mktemp("gaps") / "town", truth=False)


@pytest.fixture(scope="module")
def found(town):
    return gaps.find_gaps(town, as_of=NIGHT)


def test_gaps_keep_the_contract(found):
    """What is found passes the schema of table `gaps`, each gap has one name, and every kind is one of the twenty."""
    conform("gaps", found)
    assert found["gap_id"].is_unique
    assert set(found["kind"]) <= set(gaps.KINDS)
    assert set(gaps.KINDS) == set(gaps.FINDERS) == {f"G{i:02d}" for i in range(1, 21)}
    assert all(json.loads(e) for e in found["evidence"])


def test_the_same_night_gives_the_same_gaps(town, found):
    """Gaps are a function of the data and the night."""
    pd.testing.assert_frame_equal(gaps.find_gaps(town, as_of=NIGHT), found)


def test_changing_the_future_changes_nothing(town, found, tmp_path):
    """Rows of any table that became known at the night or later are not seen."""
    at = town.instant(NIGHT)
    past = simulation.city("tiny", seed=7).tables
    clocks = {
        "events": "known_at",
        "visits": "known_at",
        "workflow": "known_at",
        "diversions": "sent_at",
        "roster": "day_at",
        "feed_log": "arrived_at",
    }
    store = w.Store(tmp_path / "cut", timezone=town.timezone)
    for name in ("grids", "crosswalk", "events", "visits", "workflow", "diversions", "roster", "places", "feed_log"):
        rows = past[name]
        store.write(name, rows[rows[clocks[name]] < at] if name in clocks else rows)
    pd.testing.assert_frame_equal(gaps.find_gaps(store, as_of=NIGHT), found)


def alone(town):
    """The history of the events alone, in the grids that held then."""
    events = town.read("events")
    return History.of(events, town.grids(NIGHT), timezone=town.timezone, tables={"crosswalk": town.read("crosswalk")})


def test_a_kind_that_cannot_be_looked_for_says_so(town):
    """With a history of events alone the kinds that need tables are reported, never shown as no gap."""
    seen = gaps.find_gaps(alone(town), as_of=NIGHT)
    dark = seen[seen["state"] == "insufficient_data"].set_index("kind")

    assert json.loads(dark.loc["G03", "evidence"]) == {"missing_table": "visits"}
    assert json.loads(dark.loc["G12", "evidence"]) == {"missing_table": "diversions"}
    assert set(seen.attrs["not_run"]) == set(dark.index)
    assert {"G03", "G04", "G12", "G13", "G14", "G19"} <= set(dark.index)
    assert (dark["severity"] == 0).all()


def test_unplaced_events_are_found_in_events_alone(tmp_path):
    """Events without a grid need no other table: the records themselves hold them, so a history of events alone lists what its store lists."""
    events = [w.event(f"a{i}", "hotline", 1 + i % 10, grid="" if i % 4 == 0 else "G0") for i in range(80)]
    store = w.town(tmp_path / "town", events)
    seen = gaps.find_gaps(
        History.of(w.frame(events), store.grids(w.NIGHT), timezone=w.ZONE), as_of=w.NIGHT, kinds=["G18"]
    )

    assert seen["scope"].tolist() == ["feed:hotline/C1"]
    assert seen["scope"].tolist() == gaps.find_gaps(store, as_of=w.NIGHT, kinds=["G18"])["scope"].tolist()


def test_a_history_and_its_store_agree_on_silence(town):
    """Without visits the filter still runs; with them it sees no less."""
    without = gaps.find_gaps(alone(town), as_of=NIGHT, kinds=["G01"])
    whole = gaps.find_gaps(town, as_of=NIGHT, kinds=["G01"])
    assert len(set(without["scope"]) & set(whole["scope"])) >= 0.5 * min(len(without), len(whole)) > 0


def test_a_night_loads_the_store_once(town):
    """A history loaded for the night gives the gaps that the store itself gives."""
    loaded = gaps.find_gaps(History.load(town, as_of=NIGHT), as_of=NIGHT)
    pd.testing.assert_frame_equal(loaded, gaps.find_gaps(town, as_of=NIGHT))


def test_questions_that_cannot_be_answered(town):
    """No night, two nights, and an unknown kind are errors that say what to do."""
    with pytest.raises(DataError, match="as_of"):
        gaps.find_gaps(town)
    two = pd.DataFrame({"as_of": pd.to_datetime(["2023-11-20", "2023-11-21"]).tz_localize(w.ZONE)})
    with pytest.raises(DataError, match="one night"):
        gaps.find_gaps(town, two)
    with pytest.raises(DefinitionError, match="unknown kind of gap 'G0l'"):
        gaps.find_gaps(town, as_of=NIGHT, kinds=["G0l"])


def test_nights_without_data_are_refused_and_a_week_of_silence_is_told(tmp_path):
    """Before the first record, and a year after the last, there is nothing to say; five days after it the feed has stopped."""
    store = w.town(tmp_path / "short", w.steady("hotline", 60, 2.0))
    for night in ("2020-01-01", "2025-06-03"):
        with pytest.raises(StaleDataError, match="hoose"):
            gaps.find_gaps(store, as_of=night)
    late = gaps.find_gaps(store, as_of=w.NIGHT + pd.Timedelta(days=5), kinds=["G08"])
    assert late["scope"].tolist() == ["feed:hotline/C1"]


def two_counties(path, outage_days, per_day):
    """Two counties of four grids, a delivery logged each day; the first grid of each is silent for 150 days, the first county's feed stands still."""
    factor, stopped = np.ones((8, 400)), np.ones((8, 400))
    factor[[0, 4], :150] = 0
    stopped[:4, :outage_days] = 0
    store = w.Store(path, timezone=w.ZONE)
    grids = w.grids(8).assign(county_id=["C1"] * 4 + ["C2"] * 4, township_id=["T1"] * 4 + ["T2"] * 4)
    store.write("grids", grids)
    store.write("events", w.frame(w.steady("grid_report", 400, per_day, n_grids=8, factor=factor * stopped)))
    log = [
        w.delivery("grid_report", org, d) for org in ("C1", "C2") for d in range(200) if org == "C2" or d >= outage_days
    ]
    store.write("feed_log", w.frame(log))
    return gaps.find_gaps(store, as_of=w.NIGHT, kinds=["G01", "G08"]).set_index("scope")


def test_an_outage_suppresses_silence_in_its_area_alone(tmp_path):
    """While the days of an outage still count as days on which reports were due, silences of its county carry its name; others stay open."""
    seen = two_counties(tmp_path / "short", 2, 0.3)

    assert seen.loc["grid:G0", "suppressed_by"] == seen.loc["feed:grid_report/C1", "gap_id"]
    assert pd.isna(seen.loc["grid:G4", "suppressed_by"])
    assert set(seen.index) == {"grid:G0", "grid:G4", "feed:grid_report/C1"}
    assert seen.index[-1] == "grid:G0"


def test_a_silence_that_stands_without_the_outage_is_shown(tmp_path):
    """Where the days of the outage are left out of what was due, a silence rests on the days before it, and nothing else in the county is listed."""
    seen = two_counties(tmp_path / "long", 12, 0.5)

    assert set(seen.index) == {"grid:G0", "grid:G4", "feed:grid_report/C1"}
    assert seen["suppressed_by"].isna().all()


def test_history_says_what_would_have_been_said(town, found):
    """The gaps of a grid on a past night are those of find_gaps on that night that touch it."""
    grid = found.loc[(found["kind"] == "G06") & found["scope"].str.startswith("grid:"), "scope"].str[5:].iloc[0]
    told = gaps.history(town, grid, [NIGHT], kinds=["G06", "G01"])
    whole = found[(found["scope"] == f"grid:{grid}") & found["kind"].isin(["G06", "G01"])]
    assert set(whole["gap_id"]) <= set(told["gap_id"])
    with pytest.raises(NotFoundError, match="no grid"):
        gaps.history(town, "nowhere", NIGHT)


def test_no_gap_changes_a_score(town):
    """Scores go in and are not touched."""
    grids = town.grids(NIGHT)["grid_id"]
    scores = pd.DataFrame(
        {
            "grid_id": grids,
            "as_of": town.instant(NIGHT),
            "target": "y",
            "expected": np.linspace(0.1, 1, len(grids)),
            "state": "ok",
        }
    )
    before = scores.copy()
    gaps.find_gaps(town, scores, kinds=["G03"])
    pd.testing.assert_frame_equal(scores, before)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_discoveries_keep_the_order_of_p(values):
    """A test with a smaller p-value is never passed over for one with a larger."""
    p = np.array(values)
    kept = discovered(p)
    assert not kept.any() or p[kept].max() <= np.min(np.r_[p[~kept], 1.0])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_belief_keeps_its_rate(values):
    """The mean chance of being false among those believed is at most the rate, and one more would pass it."""
    chance = np.array(values)
    kept = believed(chance)
    assert not kept.any() or chance[kept].mean() <= 0.1 + 1e-12
    rest = np.sort(chance[~kept])
    assert len(rest) == 0 or np.r_[chance[kept], rest[0]].mean() > 0.1


def test_one_night_is_not_enough():
    """A finding of tonight alone is not shown, nor one that is gone tonight; of a city with fewer nights all of them are wanted."""
    seen = np.array([[0, 0, 0, 1], [1, 1, 1, 0], [1, 0, 1, 1], [0, 0, 1, 1]], dtype=bool)
    assert persistent(seen).tolist() == [False, False, True, False]
    assert persistent(seen[:, 2:]).tolist() == [False, False, True, True]
    assert persistent(seen[:, 3:]).tolist() == [True, False, True, True]


@pytest.mark.parametrize(
    ("p", "kept"),
    [
        ([], []),
        ([0.05, 1.0], [True, False]),
        ([0.051, 1.0], [False, False]),
        ([0.07, 0.1], [True, True]),
        ([0.1, 0.07, 0.9, 0.01], [False, False, False, True]),
        ([0.1], [True]),
    ],
)
def test_as_many_discoveries_as_keep_the_rate(p, kept):
    """The k-th smallest of n is kept up to k tenths of n, and lifts all that are smaller."""
    assert discovered(np.array(p)).tolist() == kept


@pytest.mark.parametrize(
    ("chance", "kept"),
    [([], []), ([0.1], [True]), ([0.11], [False]), ([0.2, 0.0], [True, True]), ([0.2, 0.0, 0.2], [True, True, False])],
)
def test_as_many_are_believed_as_keep_the_mean(chance, kept):
    """Up to a mean of a tenth, the surest first; of equally sure ones the first."""
    assert believed(np.array(chance)).tolist() == kept


def test_a_row_by_hand():
    """Severity 100 (1 - exp(-score / 4)) of a score of at least 0, confidence within 0 and 1, a name of sixteen digits that is the same in every zone."""
    rows = gap_rows(
        gaps.KINDS["G03"],
        w.NIGHT,
        ["grid:G0", "grid:G1", "grid:G2"],
        observed=[1, 2, 3],
        expected=[4, 5, 6],
        score=[4.0, 0.0, -9.0],
        confidence=np.array([2.0, 0.5, -1.0]),
        evidence=[{"n": np.int64(1)}, {"at": w.NIGHT}, {"of": np.array([1, 2])}],
    )
    elsewhere = gap_id("G03", "grid:G0", w.NIGHT.tz_convert("Europe/Stockholm"))

    assert rows["severity"].tolist() == pytest.approx([100 * (1 - np.exp(-1)), 0, 0])
    assert rows["confidence"].tolist() == [1, 0.5, 0]
    assert [json.loads(e) for e in rows["evidence"]] == [{"n": 1}, {"at": "2024-06-03T00:00+08:00"}, {"of": [1, 2]}]
    assert rows["gap_id"].is_unique
    assert rows["gap_id"].iloc[0] == elsewhere
    assert len(elsewhere) == 16
    assert rows[["lower", "upper"]].isna().all(axis=None)


def test_what_is_known_is_fresh_for_ninety_days():
    """A record of ninety days ago is the last one that a night stands on; without any there is none."""
    at = w.NIGHT
    check_fresh(1, int((at - pd.Timedelta(days=90)).value // 1000), at)
    with pytest.raises(StaleDataError, match="nothing became known in the 91 days"):
        check_fresh(1, int((at - pd.Timedelta(days=90.6)).value // 1000), at)
    with pytest.raises(StaleDataError, match="nothing is known before"):
        check_fresh(0, 0, at)


def test_a_day_ago_ends_after_twenty_four_hours(tmp_path):
    """The last 24 hours are 0 days ago, their first instant too; the instant before is 1, the night itself before none."""
    evidence = Evidence(w.town(tmp_path / "town", [w.event("x", "hotline", 3)]), w.NIGHT)
    instants = evidence.at - np.array([1, DAY_US, DAY_US + 1, 2 * DAY_US, 0])

    assert evidence.days_ago(instants).tolist() == [0, 0, 1, 1, -1]
    assert evidence.wall(np.array([evidence.at, NEVER]))[0] == np.datetime64("2024-06-03")
    assert np.isnat(evidence.wall(np.array([NEVER]))).all()


def test_the_gravest_come_first_and_what_is_explained_last():
    """By severity, of one severity by name; a row that an outage explains stands after all others, however grave."""
    rows = pd.DataFrame({"gap_id": list("dcba"), "severity": [9, 50, 50, 99], "suppressed_by": [None, None, None, "x"]})
    told = gaps.shown(rows.assign(kind="G01"), ["G01"], {})

    assert told["gap_id"].tolist() == ["b", "c", "d", "a"]


SILENT_KEYS = {"p", "subtype", "why", "fault", "source", "org", "reason", "wanted", "clock", "org_code"}
SILENT_KEYS |= {
    "capture_ratio",
    "in_ledger",
    "landing_rate",
    "share",
    "risk_share_over_visit_share",
    "z_last_day",
    "z_returns",
    "case",
    "grids",
}
"""Codes and statistics of evidence that people are not told one by one."""


def test_every_evidence_found_is_a_sentence(found):
    """What is found says a whole sentence in both languages; nothing of it is a key or a code."""
    for row in found.itertuples():
        said = sentence(row.kind, json.loads(row.evidence))
        assert said["en"]
        assert said["zh"]
        assert not re.search(r"[a-z]_[a-z]", said["en"].replace("_id", "")), said["en"]
        assert "missing_" in row.evidence or not re.findall("[a-z]{4,}", said["zh"]), said["zh"]


def test_every_number_in_the_evidence_is_said_or_left_out_on_purpose(found):
    """Each key that a finder writes stands in a clause of its kind, or among the codes and statistics that are not said."""
    said = {kind: set().union(*(c.keys for c in clauses)) for kind, clauses in SENTENCES.items()}
    lacking = set().union(*(c.keys for c in LACKING))
    left = {
        (row.kind, key)
        for row in found.itertuples()
        for key in json.loads(row.evidence)
        if key not in said[row.kind] | lacking | SILENT_KEYS
    }
    assert left == set()


def test_the_wording_has_no_dead_key():
    """Each key that a clause says, or that is left out on purpose, is written by a finder; each unit and share is of a key that is said."""
    finders = [p for p in Path(gaps.__file__).parent.glob("*.py") if p.name != "wording.py"]
    nodes = [node for p in finders for node in ast.walk(ast.parse(p.read_text("utf-8")))]
    written = {node.value for node in nodes if isinstance(node, ast.Constant)}
    written |= {node.arg for node in nodes if isinstance(node, ast.keyword)}
    said = set().union(*(c.keys for clauses in (*SENTENCES.values(), LACKING) for c in clauses))

    assert said - written == set()
    assert SILENT_KEYS - written == set()
    assert (COUNTED.keys() | SHARES) - said == set()


@given(st.sampled_from(sorted(SENTENCES)), st.data())
def test_no_kind_falls_back_to_keys(kind, data):
    """Whatever numbers the evidence of a kind holds, each clause says them in words: no key, no brace, and its counts agree."""
    number = st.integers(0, 3) | st.floats(0, 1e5)
    for clause in SENTENCES[kind]:
        evidence = {k: OF_KEY.get(k, number) for k in clause.keys}
        said = clause.says.filled(**{k: _value(k, data.draw(v)) for k, v in evidence.items()})
        for text in (said["en"], said["zh"]):
            assert not set("_{}") & set(text)
        assert not re.search(
            r"(?<![\d.,])1 (cases|days|events|visits|calls|reports|requests|matters|times|owners|places)\b", said["en"]
        )


OF_KEY = {
    "events_by_4_hours": st.lists(st.integers(0, 50), min_size=6, max_size=6),
    "visits_by_4_hours": st.lists(st.integers(0, 50), min_size=6, max_size=6),
    "highest_rung": st.integers(1, 4),
    "level": st.sampled_from(["red", "L2"]),
    "by_source": st.dictionaries(st.sampled_from(["dispute", "hotline"]), st.integers(1, 9), min_size=1),
    "feeds": st.dictionaries(st.sampled_from(["dispute", "hotline"]), st.integers(1, 9), min_size=1),
    "calendar": st.just("Monday to Friday"),
    "between": st.just(["county court", "police"]),
    "calls": st.lists(st.just("P1"), min_size=1, max_size=9),
    "category": st.just("D07"),
    "source": st.just("hotline"),
    "first_alert": st.just("2025-03-04T08:00+08:00"),
    "last_at": st.just("2025-03-04T08:00+08:00"),
}


@pytest.mark.parametrize(
    ("basis", "zh", "en"),
    [
        ({"days": "plain"}, "周一至周五", "Monday to Friday"),
        (
            {"days": "china", "first_year": 2004, "last_year": 2026, "else": "plain", "table_days": 4},
            "2004至2026年中国法定节假日与调休，其余按周一至周五；其中4天按本地日历表",
            "Chinese public holidays and make-up days 2004 to 2026, Monday to Friday outside; 4 days by the operator's table",
        ),
        (
            {"days": "plain", "table_days": 1},
            "周一至周五；其中1天按本地日历表",
            "Monday to Friday; 1 day by the operator's table",
        ),
    ],
)
def test_the_calendar_is_told_in_both_languages(basis, zh, en):
    """Evidence keeps the code of the working days it counted, and each language says it through its catalogue."""
    assert calendar_words(basis, "zh") == zh
    assert calendar_words(basis, "en") == en


def test_the_calendar_of_an_old_night_stays_as_it_was_published():
    """Words that a night published before there were codes are shown as they are."""
    assert calendar_words("Monday to Friday", "zh") == "Monday to Friday"
