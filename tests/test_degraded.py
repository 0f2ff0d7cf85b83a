"""A night that the data do not reach: what can be told is published, marked and said aloud, and nothing is shown as calm."""

import json

import pandas as pd
import pytest
import towns
from towns import web as town
from visiting import at_the_machine

from riskwarn.cli import main
from riskwarn.errors import StaleDataError
from riskwarn.pipeline import nightly
from riskwarn.web import create_app

LAST, LATE = "2025-12-24", "2026-01-05"
"""The street's data end on the afternoon of the last."""


def run(store, as_of, **changes):
    return nightly(store, towns.TARGET, **{"as_of": as_of, "alias": "candidate", "capacity": 5, **changes})


@pytest.fixture
def street(tmp_path):
    """A copy of the street to write in."""
    return towns.copy(towns.street(), tmp_path / "street")


def test_a_late_night_tells_what_it_can(street):
    """Gaps and monitors of the night itself, among them that the feed has stopped; the last scores and reasons, marked and dated."""
    good = run(street, LAST)
    late = run(street, LATE)

    assert (good.facts["state"], good.facts["degraded"]) == ("ok", None)
    assert late.facts["state"] == "degraded"
    why = late.facts["degraded"]
    assert (why["until"][:10], why["feeds"], why["scores_of"][:10]) == (LAST, ["police_call"], LAST)
    assert why["late_days"] == pytest.approx(11.34, abs=0.01)
    assert [f["state"] for f in late.facts["feeds"]] == ["stopped"]
    assert late.gaps.query("kind == 'G08' and state == 'open'")["scope"].tolist() == ["feed:police_call"]
    assert late.facts["monitors"]["alarm"] >= 1
    assert set(late.scores["state"]) == {"stale"}
    columns = ["grid_id", "rank", "probability", "expected", "model_version"]
    pd.testing.assert_frame_equal(late.scores[columns], good.scores[columns], check_dtype=False)
    assert set(late.scores["as_of"]) == set(late.reasons["as_of"]) == {late.as_of}
    assert late.reasons["contribution"].tolist() == good.reasons["contribution"].tolist()
    assert len(late.alerts) == 0
    assert "alerts" not in street.night(LATE).tables


def test_a_late_night_is_one_run(street):
    """Asked for again it is done; when the data come, the night is scored and takes its place."""
    run(street, LAST)
    first, second = run(street, LATE), run(street, LATE)
    assert (first.run, first.done_before, second.done_before) == (second.run, False, True)

    street.write(
        "events",
        towns.street_events(first="2025-12-25", days=12, seed=5).assign(event_id=lambda e: "n" + e["event_id"]),
    )
    mended = run(street, LATE)
    assert (mended.facts["state"], set(mended.scores["state"])) == ("ok", {"ok"})
    assert street.run_of(LATE) == mended.run


def test_two_late_nights_show_the_same_scores(street):
    """The second does not take the first one's stale scores for a night's own."""
    run(street, LAST)
    run(street, "2025-12-27")

    assert run(street, "2025-12-28").facts["degraded"]["scores_of"][:10] == LAST


def test_without_scores_no_grid_is_calm(street):
    """Where nothing was published before, every grid has no score and says so: no rank, no number."""
    late = run(street, LATE)

    assert late.facts["degraded"]["scores_of"] is None
    assert set(late.scores["state"]) == {"insufficient_data"}
    assert len(late.scores) == 12
    assert late.scores[["rank", "probability", "expected"]].isna().all(axis=None)


def test_a_night_without_a_number_is_no_last_night(street):
    """A late night that had no scores to show is not what the next one shows as the last: there are none still."""
    run(street, "2025-12-28")

    assert run(street, LATE).facts["degraded"]["scores_of"] is None


def test_after_ninety_days_nothing_can_be_told(street):
    """Then it is an error as before, and nothing is published."""
    with pytest.raises(StaleDataError, match="the data end at 2025-12-24"):
        run(street, "2026-04-01")

    assert street.nights() == []


def test_a_question_whose_feed_has_stopped_is_degraded(street):
    """Another feed goes on, so the night is scored; that the feed it counts has stopped is its state."""
    other = towns.street_events(first="2025-11-01", days=66, seed=8).assign(
        source="hotline", category="H01", event_id=lambda e: "h" + e["event_id"]
    )
    street.write("events", other)
    night = run(street, LATE)

    assert set(night.scores["state"]) == {"ok"}
    assert (night.facts["state"], night.facts["degraded"]) == (
        "degraded",
        {"feeds": ["police_call"], "scores_of": None},
    )


def test_the_command_line_ends_with_3(street, capsys):
    """The line says what is the matter; JSON holds the state; a good night ends with 0."""
    words = ("--alias", "candidate", "--capacity", "5", "--store", str(street.path))
    assert main(["nightly", "--as-of", LAST, *words]) == 0
    capsys.readouterr()
    assert main(["nightly", "--as-of", LATE, *words]) == 3
    assert "degraded: the data end at 2025-12-24T" in capsys.readouterr().out
    assert main(["nightly", "--as-of", LATE, *words, "--json"]) == 3
    told = json.loads(capsys.readouterr().out)

    assert (told["state"], told["degraded"]["scores_of"][:10], told["done_before"]) == ("degraded", LAST, True)


def page(store, language):
    """The first page and an answer of the newest night."""
    client = at_the_machine(create_app(store.path, clock=lambda: town.NOW))
    return client.get("/", params={"lang": language}).text, client.get("/api/v1/scores")


def test_the_page_says_so(street):
    """In both languages, with the day of the scores; the API gives each score as stale."""
    run(street, LAST)
    run(street, LATE)
    english, answered = page(street, "en")
    chinese, _ = page(street, "zh")

    assert "The scores are the last there were, of" in english
    assert "No record came since 2025-12-24 15:50" in english
    assert "2025-12-24 15:50以后没有收到任何记录" in chinese
    assert {row["state"] for row in answered.json()["items"]} == {"stale"}


def test_the_page_of_a_night_without_scores(street):
    """It shows the gaps and says that no grid has a score."""
    run(street, LATE)
    english, answered = page(street, "en")

    assert "there were no scores before" in english
    assert {row["state"] for row in answered.json()["items"]} == {"insufficient_data"}
