"""The look back: what the published nights made of the events that followed."""

import pandas as pd
import pytest

from riskwarn.errors import DataError, NotFoundError
from riskwarn.explanation import denied, review, review_sentences
from riskwarn.explanation.review import REACH, VERDICTS
from riskwarn.language import LANGUAGES
from riskwarn.level import LEVELS
from riskwarn.store import Store

ZONE = "Asia/Shanghai"
NIGHTS = ("2025-03-01", "2025-03-02", "2025-03-03")
IDS = [f"G{n:02d}" for n in range(20)]


def at(text):
    return pd.Timestamp(text, tz=ZONE)


def scores(night, order, out=()):
    """Ranks in the given order; grids in `out` were not scored for an outage."""
    known = [g for g in order if g not in out]
    rank = pd.Series({g: i + 1 for i, g in enumerate(known)}).reindex(IDS).astype("Int64").array
    expected = pd.Series({g: 4.0 / (i + 1) for i, g in enumerate(known)}).reindex(IDS).array
    return pd.DataFrame(
        {
            "grid_id": IDS,
            "as_of": at(night),
            "target": "t",
            "probability": 0.1,
            "expected": expected,
            "rank": rank,
            "state": ["insufficient_data" if g in out else "ok" for g in IDS],
            "model_version": "v",
        }
    )


def alerts(night, listed):
    return pd.DataFrame(
        {
            "alert_id": [f"{night}{g}" for g in listed],
            "grid_ids": listed,
            "level": "red",
            "as_of": at(night),
            "state": "published",
            "target": "t",
            "rank": range(1, len(listed) + 1),
            "action": "A1",
            "model_version": "v",
        }
    )


def reasons(night):
    return pd.DataFrame(
        {
            "grid_id": IDS,
            "as_of": at(night),
            "target": "t",
            "place": 1,
            "feature": "dispute_n_28d",
            "value": 1.0,
            "normal": 0.0,
            "contribution": 0.5,
            "code": "RC01",
        }
    )


def event(name, grid, when, severity=3, **more):
    return {
        "source": "dispute",
        "event_id": name,
        "known_at": at(when) + pd.Timedelta(hours=5),
        "occurred_at": at(when),
        "grid_id": grid,
        "category": "D02",
        "severity": severity,
        "retracted": False,
        **more,
    }


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """Three nights with two places on the list, and an event for every verdict."""
    made = Store(tmp_path_factory.mktemp("review"), timezone=ZONE)
    made.write("grids", pd.DataFrame({"grid_id": IDS, "valid_from": at("2024-01-01"), "x_km": 0.0, "y_km": 0.0}))
    rows = [
        event("a", "G00", "2025-03-03 10:00"),
        event("b", "G02", "2025-03-03 12:00"),
        event("c", "G09", "2025-03-03 13:00"),
        event("d", "G19", "2025-03-02 09:00"),
        event("e", "G01", "2025-03-03 14:00"),
        event("f", "G01", "2025-03-01 08:00"),
        event("mild", "G00", "2025-03-03 10:00", severity=1),
        event("early", "G00", "2025-02-20", severity=3),
        event("taken back", "G00", "2025-03-03 10:00", retracted=True),
        event("nowhere", "", "2025-03-03 10:00"),
    ]
    made.write("events", pd.DataFrame(rows).astype({"severity": "Int64"}))
    plan = {
        "2025-03-01": (["G00", "G01"], ()),
        "2025-03-02": (["G00", "G01"], ("G19",)),
        "2025-03-03": (["G00", "G03"], ()),
    }
    for night, (listed, out) in plan.items():
        kept = {"G01": "cool_down"} if night == "2025-03-03" else {}
        tables = {"scores": scores(night, IDS, out), "alerts": alerts(night, listed), "reasons": reasons(night)}
        made.publish(at(night), tables, run="r", facts={"capacity": 2, "horizon_days": 28, "kept_off": kept})
    return made


def test_every_serious_event_is_judged_by_the_last_night_before_it(town):
    """Serious, placed, valid events after the first night, each with what its grid's last night made of it."""
    found = review(town, since="2025-01-01").frame.set_index("event_id")

    assert found["verdict"].to_dict() == {
        "a": "listed",
        "b": "cap",
        "c": "score",
        "d": "outage",
        "e": "cool_down",
        "f": "listed",
    }
    assert set(found["verdict"]) <= set(VERDICTS)
    assert found.loc["b", "rank"] == 3
    assert found.loc["b", "short_by"] == pytest.approx(0.75)
    assert found.loc["f", "as_of"] == at("2025-03-01")
    assert found.loc["c", "reason"] == "dispute_n_28d"


def test_lead_is_from_the_first_night_that_listed_the_grid(town):
    """Days from the first night of the horizon that listed the grid to the event; missing where none did."""
    found = review(town, since="2025-01-01").frame.set_index("event_id")

    assert found.loc["a", "lead_days"] == pytest.approx(2 + 10 / 24)
    assert found.loc["e", "lead_days"] == pytest.approx(2 + 14 / 24)
    assert pd.isna(found.loc["b", "lead_days"])
    short = review(town, since="2025-01-01", horizon_days=1).frame.set_index("event_id")
    assert short.loc["a", "first_listed_at"] == at("2025-03-03")
    assert pd.isna(short.loc["e", "lead_days"])


def test_the_summary_counts_what_was_caught(town):
    """Caught are events whose grid stood on a list of the horizon, whatever the last night said."""
    summary = review(town, since="2025-01-01").summary

    assert (summary["events"], summary["caught"]) == (6, 3)
    assert summary["share"] == 0.5
    assert sum(summary["verdicts"].values()) == 6
    assert "3 of 6 events" in repr(review(town, since="2025-01-01"))


def test_a_span_a_feed_and_a_severity_narrow_the_review(town):
    """Only events of the span, feed and severity asked for."""
    assert set(review(town, since="2025-03-02", until="2025-03-03").frame["event_id"]) == {"d"}
    assert len(review(town, since="2025-01-01", severity=1).frame) == 7
    with pytest.raises(DataError, match="severity"):
        review(town, since="2025-06-01")


def test_without_a_night_there_is_nothing_to_review(tmp_path):
    """A store without published nights is said aloud."""
    with pytest.raises(NotFoundError, match="nightly"):
        review(Store(tmp_path, timezone=ZONE), since="2025-01-01")


def test_a_review_is_told_in_words(town):
    """Each event is a sentence in both languages, without a denied word."""
    found = review(town, since="2025-01-01")
    for language in LANGUAGES:
        texts = review_sentences(found, language)
        assert len(set(texts)) == len(texts)
        assert [t for t in texts if denied(t, language)] == []
    n = found.frame["n_ranked"].max()
    told = f"On the night before: the list was full; its grid ranked 3 of {n}; never listed within the horizon"
    assert told in review_sentences(found, "en").tolist()


def test_the_reach_is_that_of_the_alerts():
    """The share of grids that can reach a level is the largest of the alert levels."""
    assert max(share for _, share, _ in LEVELS) == REACH
