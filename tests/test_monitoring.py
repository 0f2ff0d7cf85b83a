"""Monitoring: quiet nights stay quiet, what breaks is told the next night, nothing of the future is used."""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import towns

from riskwarn import monitoring
from riskwarn.arrivals import read
from riskwarn.errors import DataError
from riskwarn.history import History
from riskwarn.monitoring import drift
from riskwarn.monitoring.mark import A_MONTH, A_YEAR, marks
from riskwarn.schema import conform

SHARED = Path(os.environ.get("RISKWARN_SHARED", Path(__file__).parents[2] / "shared")) / "data"
ZONE = "Asia/Shanghai"
FIRST = pd.Timestamp("2022-01-01", tz=ZONE)
WEEK = np.array([1.2, 1.1, 1.0, 1.0, 0.9, 0.7, 1.1])
RATES = {"noise": 20.0, "parking": 8.0, "water": 3.0, "trees": 0.6}


def records(counts, first=FIRST, source="hotline"):
    """Events of one source: `counts` has a row a day and a column a category; times spread over the day."""
    day, kind = (np.repeat(i, counts.to_numpy().ravel()) for i in np.indices(counts.shape).reshape(2, -1))
    share = (np.arange(len(day)) * 0.618) % 1
    at = first + pd.to_timedelta(day * 86400 + np.floor(share * 86400), unit="s")
    return pd.DataFrame(
        {
            "source": source,
            "event_id": [f"e{i}" for i in range(len(day))],
            "known_at": at,
            "occurred_at": at,
            "grid_id": np.array(["G1", "G2"])[kind % 2],
            "category": counts.columns[kind],
        }
    )


def quiet(days, seed=0, spread=1.6):
    """Counts of a feed with a weekly rhythm and more spread than Poisson's; a row a day."""
    rng = np.random.default_rng(seed)
    mean = np.outer(WEEK[np.arange(days) % 7], list(RATES.values()))
    return pd.DataFrame(rng.negative_binomial(mean / (spread - 1), 1 / spread), columns=list(RATES))


def history(counts, **more):
    return of(records(counts, **more), until=len(counts))


def of(events, until=None):
    """A history of such events, to a day, the last of the events by default."""
    events = events.copy()
    for column in ("known_at", "occurred_at"):
        events[column] = events[column].dt.as_unit("us")
    grids = pd.DataFrame({"grid_id": ["G1", "G2"], "valid_from": FIRST - pd.Timedelta(days=9)})
    last = (events["known_at"].max() - FIRST).days + 1 if until is None else until
    return History.of(events, grids, timezone=ZONE, until=FIRST + pd.Timedelta(days=last))


def night(day):
    return FIRST + pd.Timedelta(days=day)


def state(table, scope):
    return table.set_index("scope").loc[scope, "state"]


def test_quiet_feeds_alarm_about_as_seldom_as_promised():
    """Over 3,000 quiet nights of an over-dispersed weekly feed: at most two alarms a year (one promised) and two warnings a month."""
    nights = monitoring.replay(history(quiet(3200)))
    loud = nights["value"]

    assert len(nights) > 3000
    assert (loud > A_YEAR).mean() < 2 / 365
    assert (loud > A_MONTH).mean() < 2 / 30


@pytest.mark.parametrize(
    ("change", "scope", "fault"),
    [
        ({"noise": 0, "parking": 0, "water": 0, "trees": 0}, "feed:hotline", "stopped"),
        ({"noise": 0}, "feed:hotline/noise", "fewer"),
        ({"parking": 40}, "feed:hotline/parking", "more"),
        ({"trees": 12}, "feed:hotline/trees", "more"),
    ],
)
def test_a_broken_day_is_an_alarm_the_next_night(change, scope, fault):
    """A feed that stops, or a category that stops or jumps, is told within a day, and only then."""
    counts = quiet(500)
    counts.loc[counts.index[-1], list(change)] = list(change.values())
    told = monitoring.check_feeds(history(counts), night(500)).set_index("scope")
    before = monitoring.check_feeds(history(counts), night(499)).set_index("scope")

    assert told.loc[scope, ["state", "fault"]].tolist() == ["alarm", fault]
    assert before.loc[scope, "state"] == "ok"


def test_unrest_does_not_become_the_habit():
    """After three days of twenty times the records the next week is expected as before, to a tenth."""
    counts = quiet(500, seed=3)
    wild = counts.copy()
    wild.loc[480:482, "noise"] *= 20
    due = [read(c[["noise"]].to_numpy(dtype=float).T).due[-1, 0, -1] for c in (counts, wild)]

    assert due[1] == pytest.approx(due[0], rel=0.1)


def test_a_new_level_is_accepted_in_the_end():
    """A category that doubles for good alarms within days, and no longer after ten weeks."""
    counts = quiet(700, seed=5)
    counts.loc[400:, "parking"] *= 2
    nights = monitoring.replay(history(counts))
    loud = nights[nights["scope"] == "feed:hotline/parking"]["state"] == "alarm"
    days = (loud.index[loud] - night(400)).days

    assert 1 <= days[days > 0].min() <= 7
    assert days.max() < 70


def test_the_replay_says_what_the_nights_said():
    """A replay of all nights at once gives each night the value its own check gave, to nine digits."""
    past = history(quiet(950, seed=8))
    nights = monitoring.replay(past)["value"]
    for day in (85, 200, 600, 949, 950):
        own = monitoring.check_feeds(past, night(day)).query("monitor == 'volume'")["value"].max()
        assert nights[night(day)] == pytest.approx(own, rel=1e-9)


def two_feeds(days, *, stop):
    """A hotline that goes on, and disputes that stop on day `stop`."""
    disputes = records(quiet(stop, seed=9)[["water"]], source="dispute").assign(event_id=lambda d: "d" + d["event_id"])
    events = pd.concat([records(quiet(days)), disputes], ignore_index=True)
    for column in ("known_at", "occurred_at"):
        events[column] = events[column].dt.as_unit("us")
    grids = pd.DataFrame({"grid_id": ["G1", "G2"], "valid_from": FIRST - pd.Timedelta(days=9)})
    return History.of(events, grids, timezone=ZONE, until=FIRST + pd.Timedelta(days=days))


@pytest.mark.parametrize("dead", [10, 60, 200, 900])
def test_a_dead_feed_is_not_forgotten(dead):
    """A feed that stopped is an alarm on every later night, with what it would have brought by its habit before; so says the replay."""
    past = two_feeds(300 + dead, stop=300)
    told = monitoring.check_feeds(past, night(300 + dead)).set_index("scope").loc["feed:dispute"]

    assert told[["state", "fault", "observed"]].tolist() == ["alarm", "stopped", 0]
    assert told["days"] == pytest.approx(dead, abs=3)
    assert told["expected"] == pytest.approx(3 * dead, rel=0.2)
    replayed = monitoring.replay(past).iloc[-1]
    assert replayed[["scope", "fault", "state"]].tolist() == ["feed:dispute", "stopped", "alarm"]
    assert replayed["value"] == pytest.approx(told["value"], rel=1e-9)


def test_a_feed_that_is_back_is_no_longer_stopped():
    """The night after the first records are back the feed is not told as stopped."""
    counts = quiet(400)
    counts.loc[300:340] = 0
    told = monitoring.check_feeds(history(counts), night(345)).set_index("scope")

    assert told.loc["feed:hotline", "fault"] != "stopped"


def test_a_feed_delivered_twice_is_told_by_its_copies():
    """Every record of a day once more under another id is an alarm; a feed that always brings each record twice is not."""
    day = quiet(300, seed=11)
    events = records(day)
    twice = events.assign(event_id="x" + events["event_id"])
    last = twice["known_at"] >= night(299)
    told = [
        monitoring.check_feeds(of(pd.concat([events, more])), night(300)) for more in (twice[last], twice, twice[:0])
    ]

    assert [state(t, "feed:hotline@copies") for t in told] == ["alarm", "ok", "ok"]
    assert state(told[0], "feed:hotline") != "ok"


def test_many_records_of_one_place_and_hour_are_one_matter():
    """Forty records of a category that brings three a day are an alarm where they are spread over the day, and none where all are of one hour and grid."""
    counts = quiet(500, seed=12)
    counts.loc[499, "water"] = 40
    spread = records(counts)
    lump = spread.copy()
    same = (lump["category"] == "water") & (lump["known_at"] >= night(499))
    within = night(499) + pd.Timedelta(hours=9) + pd.to_timedelta(np.arange(same.sum()), unit="min")
    lump.loc[same, "known_at"], lump.loc[same, "occurred_at"] = within, within
    told = [monitoring.check_feeds(of(events), night(500)) for events in (spread, lump)]

    assert [state(t, "feed:hotline/water") == "alarm" for t in told] == [True, False]


def test_less_than_a_half_is_a_warning_however_sure():
    """A day with three quarters of two thousand records is a warning; one with a third is an alarm."""
    counts = quiet(400, seed=13) * 0 + 500
    states = []
    for share in (0.75, 1 / 3):
        poor = counts.copy()
        poor.loc[399] = int(500 * share)
        states.append(state(monitoring.check_feeds(history(poor), night(400)), "feed:hotline"))

    assert states == ["warn", "alarm"]


def test_a_lasting_fall_of_a_category_is_told_as_a_change():
    """A category that stays at a fifth alarms, is then told as a change of level as a warning for a week, and afterwards no longer."""
    counts = quiet(500, seed=14)
    counts.loc[400:, "noise"] = np.random.default_rng(15).binomial(counts.loc[400:, "noise"], 0.2)
    nights = monitoring.replay(history(counts)).loc[night(395) :]
    faults = nights[(nights["scope"] == "feed:hotline/noise") & (nights["state"] != "ok")]

    assert faults["state"].iloc[0] == "alarm"
    assert (faults.index[0] - night(400)).days <= 2
    news = faults[faults["fault"] == "lower"]
    assert 1 <= len(news) <= 7
    assert set(news["state"]) == {"warn"}
    assert (faults.index[faults["state"] == "alarm"] <= news.index[-1]).all()
    said = monitoring.in_words(news.assign(monitor="volume")).iloc[0]
    assert "level" in said


def test_young_feeds_are_unknown_not_calm():
    """A feed younger than twelve weeks has no state to show but unknown."""
    told = monitoring.check(history(quiet(60)), None, night(60))

    assert told["state"].tolist() == ["unknown"]
    assert monitoring.in_words(told).item() == "feed:hotline: younger than twelve weeks: nothing to compare with yet"


def test_a_night_before_all_records_is_refused():
    """Where nothing was known there is nothing to call calm."""
    with pytest.raises(DataError, match="nothing was known at 2021-12-25"):
        monitoring.check(history(quiet(60)), None, night(-7))


def test_new_and_unknown_categories_are_told():
    """A week with a category never seen is told by its share; one without categories is an alarm; a week as ever is neither."""
    calm = quiet(500).assign(P99=1, novel=0)
    calm.loc[490:, "novel"] = 0
    new, blank = calm.copy(), calm.copy()
    new.loc[498:, "novel"] = 3
    blank.loc[493:, "P99"] = 12
    told = [monitoring.check_feeds(history(c), night(500)) for c in (calm, new, blank)]

    assert [state(t, "feed:hotline@new") for t in told] == ["ok", "alarm", "ok"]
    assert [state(t, "feed:hotline@unknown") for t in told] == ["ok", "ok", "alarm"]


def test_a_night_uses_nothing_known_later():
    """Marks of a night are the same whether or not the history knows what came after it."""
    whole, model = History.load(towns.street()), towns.street_model(towns.street())
    at = pd.Timestamp(towns.STREET_NIGHT, tz=ZONE) - pd.Timedelta(days=2)
    told = [monitoring.check(h, model, at) for h in (whole, whole.known_before(at))]

    pd.testing.assert_frame_equal(*told)
    assert set(told[0]["monitor"]) == {"volume", "category", "feature", "score", "rank", "calibration"}
    assert len(conform("marks", told[0])) == len(told[0])


def panels(rng, *, shift=0.0, n=300, date=0):
    """A drawn panel of one date: a feature, a month that is the same everywhere, score, forecast and outcome."""
    rate = rng.gamma(2.0, 0.3, n)
    return pd.DataFrame(
        {
            "as_of": night(date),
            "busy": rng.normal(shift, 1, n),
            "gone": np.where(rng.random(n) < 0.1, np.nan, 1.0),
            "month": float(date),
            "score": np.log(rate),
            "expected": rate,
            "probability": -np.expm1(-rate),
            "y": rng.poisson(rate).astype(float),
        }
    )


def test_a_shifted_feature_alarms_and_the_calendar_does_not():
    """A feature moved by a standard deviation alarms, one as in training does not; one number for all grids is left out."""
    rng = np.random.default_rng(1)
    usual = [panels(rng, date=d) for d in range(8)]
    told = [drift.drift_marks(["busy", "gone", "month"], usual, panels(rng, shift=s, date=99)) for s in (0.0, 1.0)]

    assert [state(t, "feature:busy") for t in told] == ["ok", "alarm"]
    assert {state(t, "feature:gone") for t in told} == {state(t, "score") for t in told} == {"ok"}
    assert "feature:month" not in set(told[0]["scope"])


def test_a_feature_that_goes_missing_alarms():
    """Missing is a value of its own: a feature that is empty tonight has moved."""
    rng = np.random.default_rng(1)
    usual, tonight = [panels(rng, date=d) for d in range(8)], panels(rng, date=99).assign(busy=np.nan)

    assert state(drift.drift_marks(["busy"], usual, tonight), "feature:busy") == "alarm"


def test_an_order_that_jumps_overnight_alarms():
    """Nights that agree as in training are ok, a night with another order is an alarm, a score that ranks nothing is unknown."""
    rng = np.random.default_rng(2)
    first = panels(rng)

    def next_night(noise):
        return first.assign(score=first["score"] + rng.normal(0, noise, len(first)))

    usual = [(first, next_night(0.02)) for _ in range(5)]
    told = [
        drift.rank_marks(usual, (first, second))
        for second in (next_night(0.02), next_night(3), first.assign(score=0.0))
    ]

    assert [state(t, "order") for t in told] == ["ok", "alarm", "unknown"]
    assert [state(t, "list") for t in told][1:] == ["alarm", "unknown"]


def test_twice_the_forecast_alarms_once_settled():
    """Twice the events of the forecast are an alarm, as many as forecast are ok, and before anything settles nothing is said."""
    rng = np.random.default_rng(3)
    usual = [panels(rng, date=d, n=3000) for d in range(8)]
    now = panels(rng, date=99, n=3000)
    told = [drift.calibration_marks(usual, [rows], days=28) for rows in (now, now.assign(y=now["y"] * 2), now.iloc[:0])]

    assert [state(t, "count") for t in told] == ["ok", "alarm", "unknown"]
    assert [state(t, "probability") for t in told] == ["ok", "ok", "unknown"]


def test_every_fault_has_words_in_both_languages():
    """Each mark of a night is a sentence in zh and en that names its scope; an unmeasured one says so."""
    told = pd.concat(
        [
            monitoring.check(towns.street(), towns.street_model(towns.street()), towns.STREET_NIGHT),
            marks("rank", ["order"], [np.nan], warn=1, alarm=2, fault="drift"),
            marks("calibration", ["count"], [np.nan], warn=1, alarm=2, fault="unsettled"),
        ],
        ignore_index=True,
    )
    for language in ("zh", "en"):
        said = monitoring.in_words(told, language)
        assert all(text.startswith(scope) for text, scope in zip(said, told["scope"], strict=True))
        assert not said.str.contains("nan").any()


def test_the_loudest_state_and_the_counts_lead():
    """The table begins with what is loudest; the summary counts from loud to calm."""
    counts = quiet(500)
    counts.loc[499] = 0
    told = monitoring.check(history(counts), None, night(500))

    assert told["state"].iloc[0] == monitoring.worst(told) == "alarm"
    assert list(monitoring.counts(told)) == [s for s in ("alarm", "warn", "unknown", "ok") if s in set(told["state"])]


# --- Philadelphia: a real shock, a real break of recording, and four quiet years


@cache
def philadelphia():
    path = SHARED / "philadelphia" / "police_incidents.parquet"
    if not path.exists():
        pytest.skip(f"no {path}: set RISKWARN_SHARED to the folder that holds data/philadelphia")
    rows = pd.read_parquet(path, columns=["occurred_at", "tract_2020", "category"]).dropna()
    at = rows["occurred_at"].dt.tz_localize("America/New_York", ambiguous=True, nonexistent="shift_forward")
    events = pa.table(
        {
            "source": pa.array(["police_call"] * len(rows)),
            "category": rows["category"].to_numpy(),
            "grid_id": rows["tract_2020"].to_numpy(),
            "occurred_at": pa.array(at.dt.tz_convert(None).dt.as_unit("us")).cast(pa.timestamp("us", "UTC")),
        }
    )
    grids = pd.DataFrame(
        {"grid_id": sorted(rows["tract_2020"].unique()), "valid_from": pd.Timestamp("2015-01-01", tz="UTC")}
    )
    return History.punctual(events, grids, timezone="America/New_York")


def test_philadelphia_shock_and_break_are_told_within_a_day():
    """The unrest from 30 May 2020 and the change of recording from 29 March 2021 are alarms the next midnight, and were not the night before."""
    told = {
        at: monitoring.check_feeds(philadelphia(), at)
        for at in ("2020-05-30", "2020-05-31", "2021-03-29", "2021-03-31", "2021-03-30")
    }
    loud = {at: set(t.loc[t["state"] == "alarm", "scope"]) for at, t in told.items()}

    assert "feed:police_call/Burglary Non-Residential" in loud["2020-05-31"]
    assert loud["2021-03-30"]
    assert "feed:police_call/Motor Vehicle Theft" in loud["2021-03-31"]
    assert not loud["2020-05-30"] | loud["2021-03-29"]


def test_philadelphia_quiet_years_seldom_alarm():
    """From 2016 to 2019 there are at most two spells of alarm a year (a week without one ends a spell), snow among them."""
    nights = monitoring.replay(philadelphia(), until="2020-01-01")
    loud = nights.index[(nights["state"] == "alarm") & (nights.index >= "2016-01-02")]
    spells = 1 + int((np.diff(loud) > pd.Timedelta(days=7.5)).sum())

    assert 0 < spells / 4 <= 2
