"""Matured outcomes: what nights published is scored when its outcome has settled, once, against what really happened."""

import dataclasses
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import towns

import riskwarn as rw
from riskwarn import maturity, metrics, register, tracking
from riskwarn.answer import Answer
from riskwarn.feature import Own
from riskwarn.history import History
from riskwarn.maturity.scoring import Forecast, scored
from riskwarn.pipeline import nightly
from riskwarn.plan import Question
from riskwarn.register.seal import hash_of, line_of
from riskwarn.store import signature

EARLY = ("2025-12-01", "2025-12-02", "2025-12-05")
"""Nights after the training whose fortnight and settling week are over by the late one."""
LATE = "2025-12-28"


def run(store, as_of, **changes):
    return nightly(store, towns.TARGET, **{"as_of": as_of, "alias": tracking.CANDIDATE, "capacity": 4, **changes})


def longer(path):
    """A street of one's own whose events go on into January."""
    store = towns.copy(towns.street(), path)
    more = towns.street_events(first="2025-12-25", days=14, seed=9)
    store.write("events", more.assign(event_id="m" + more["event_id"]))
    return store


@pytest.fixture(scope="module")
def early(tmp_path_factory):
    """A street with its early nights alone."""
    store = longer(tmp_path_factory.mktemp("early") / "street")
    for night in EARLY:
        run(store, night)
    return store


@pytest.fixture(scope="module")
def ripe(early, tmp_path_factory):
    """A street whose early nights have matured by its late one."""
    store = towns.copy(early, tmp_path_factory.mktemp("maturity") / "street")
    return store, run(store, LATE)


@pytest.fixture
def street(ripe, tmp_path):
    """A copy to write in."""
    return towns.copy(ripe[0], tmp_path / "street")


@pytest.fixture
def young(early, tmp_path):
    """A copy of the early nights to write in."""
    return towns.copy(early, tmp_path / "young")


def matured(store, as_of, **changes):
    """What has matured by a night that nobody publishes, of the street's question or one changed."""
    label = dataclasses.replace(towns.street_experiment().label, **changes)
    model = rw.RiskModel.of(dataclasses.replace(towns.street_experiment(), label=label))
    answer = Answer(Question(label.name), model, pd.DataFrame(), pd.DataFrame())
    return maturity.matured_of(store, [answer], History.load(store), store.instant(as_of))


def kept(store):
    """Nights whose sealed content is still kept, early and late."""
    return [
        line.as_of[:10]
        for line in register.seals(store)
        if (store.path / register.FOLDER / f"{line.name}.parquet").exists()
    ]


def city(table, **wanted):
    rows = table[table["part"] == "city"]
    return rows.loc[np.logical_and.reduce([rows[k] == v for k, v in wanted.items()])] if wanted else rows


def test_nothing_is_scored_before_it_has_settled(ripe):
    """The nights before the first settled one publish an empty table; of the late night only those a fortnight and a week before."""
    store, late = ripe

    assert [len(store.read("matured", as_of=night)) for night in EARLY] == [0, 0, 0]
    assert [str(at.date()) for at in city(late.matured)["night_at"]] == [*EARLY]


def test_what_is_scored_is_what_was_published(ripe):
    """Listed places, hits, events, expected counts, captures and deviances are those one works out from the night and the events."""
    store, late = ripe
    at = store.instant(EARLY[1])
    row = city(late.matured, night_at=at).iloc[0]
    scores = store.night(at).table("scores").set_index("grid_id").sort_values("rank")
    events = store.read("events")
    came = events[(events["occurred_at"] >= at) & (events["occurred_at"] < at + pd.Timedelta(days=14))]
    y = came.groupby("grid_id").size().reindex(scores.index, fill_value=0)
    before = events[(events["occurred_at"] >= at - pd.Timedelta(days=364)) & (events["known_at"] < at)]
    prior = before.groupby("grid_id").size().reindex(scores.index, fill_value=0)
    k = len(set(" ".join(store.night(at).table("alerts")["grid_ids"]).split()))

    assert (row["n_grids"], row["n_listed"], row["n_events"]) == (12, k, y.sum())
    assert row["expected"] == pytest.approx(scores["expected"].sum())
    assert (row["n_hit"], row["caught"]) == ((y.iloc[:k] > 0).sum(), y.iloc[:k].sum())
    assert row["caught_prior"] == pytest.approx(metrics.capture(y, prior, k=k, ties="mean") * y.sum(), rel=0.05)
    assert row["deviance"] / 12 == pytest.approx(metrics.poisson_deviance(y, scores["expected"]))
    assert row["age_days"] == (at - pd.Timestamp("2025-11-10", tz=towns.ZONE)).days
    assert row["run"] == store.run_of(at)
    assert row["holds"]


def test_lanes_and_areas_are_parts_of_the_city(ripe):
    """A lane counts what stood on the list; a part of the city adds up to the city where every grid lies in one."""
    _, late = ripe
    lanes = late.matured[late.matured["part"] == "lane"]

    assert set(lanes["part_id"]) == {"standing"}
    assert (lanes["n_listed"] <= 4).all()
    assert (lanes["n_hit"] <= lanes["n_listed"]).all()


def test_areas_add_up(tmp_path):
    """Grids with counties: the counties' sums are the city's."""
    store = longer(tmp_path / "street")
    grids = store.grids()
    store.write(
        "grids",
        grids.assign(
            valid_from=pd.Timestamp("2024-02-01", tz=towns.ZONE), county_id=[f"K{i % 2}" for i in range(len(grids))]
        ),
    )
    run(store, EARLY[0])
    matured = run(store, LATE).matured
    counties, whole = matured[matured["part"] == "county_id"], city(matured).iloc[0]

    assert set(counties["part_id"]) == {"K0", "K1"}
    for column in ("n_grids", "n_listed", "n_hit", "n_events", "expected", "caught", "deviance"):
        assert counties[column].sum() == pytest.approx(whole[column])


def test_what_has_matured_is_not_computed_again(street, monkeypatch):
    """The next night takes the rows over and reads no sealed list of them."""
    read = []
    known = maturity.sealed_content
    monkeypatch.setattr(
        maturity, "sealed_content", lambda store, seal: read.append(seal.as_of[:10]) or known(store, seal)
    )
    before = street.read("matured", as_of=LATE)
    after = run(street, "2025-12-29").matured

    assert read == []
    pd.testing.assert_frame_equal(after.drop(columns="as_of"), before.drop(columns="as_of"))


def test_a_question_that_rested_finds_its_forecasts_again(young):
    """Months without a night, and nights that ask something shorter, take nothing away of what was forecast and is not scored yet."""
    table = matured(young, "2026-06-01", name="call_1d", days=1, settle_days=0).table

    assert table.empty
    assert kept(young) == [*EARLY]
    assert [str(at.date()) for at in city(matured(young, "2026-06-02").table)["night_at"]] == [*EARLY]


def test_what_was_scored_goes_when_it_is_old(street):
    """Sealed content goes a hundred days after its night, its rows being kept; what is not scored goes with the rows, after two years."""
    matured(street, "2026-02-01")
    young = kept(street)
    matured(street, "2026-06-01")
    scored = kept(street)
    matured(street, "2028-01-01")

    assert (young, scored, kept(street)) == ([*EARLY, LATE], [LATE], [])


def test_of_a_pruned_night_one_run_holds(young, monkeypatch):
    """The folder that told which of two runs is shown is gone: it was the newer one, and the other is not counted beside it."""
    again = run(young, EARLY[0], capacity=2)
    monkeypatch.setattr("riskwarn.store.publication.LEAST_KEPT", 1)
    young.prune(keep=1)
    rows = city(matured(young, LATE).table, night_at=young.instant(EARLY[0]))

    assert young.run_of(EARLY[0]) is None
    assert [*rows["run"]] == [again.run]


def test_a_window_that_was_over_says_nothing_of_what_was_to_come(early):
    """A day's forecast sealed a day late is scored as it is shown, over its whole day, and is not prospective."""
    line = register.seals(early)[0]
    sealed_at = (pd.Timestamp(line.as_of) + pd.Timedelta(days=1)).isoformat()
    forecast = Forecast(
        dataclasses.replace(line, sealed_at=sealed_at), register.sealed_content(early, line), True, True
    )
    label = dataclasses.replace(towns.street_experiment().label, days=1)
    rows = scored([forecast], label, "standing", History.load(early), patience_until=early.instant(EARLY[0]))
    events = early.read("events")
    came = (events["occurred_at"] >= forecast.at) & (events["occurred_at"] < forecast.at + pd.Timedelta(days=1))

    assert not rows["prospective"].any()
    assert city(rows)["n_events"].item() == came.sum() > 0


def test_pruned_nights_stay_told(street, monkeypatch):
    """The folders of the early nights may go: what came of them stays in the table."""
    monkeypatch.setattr("riskwarn.store.publication.LEAST_KEPT", 1)
    street.prune(keep=1)

    assert [str(at.date()) for at in street.nights()] == [LATE]
    assert len(city(run(street, "2025-12-29").matured)) == 3


def test_an_altered_list_is_told_and_not_scored(street):
    """What no longer gives its sealed digest is named in the facts; a night cannot be made better afterwards."""
    line = register.seals(street)[0]
    (street.path / register.FOLDER / f"{line.name}.parquet").write_bytes(b"another list")
    night = run(street, LATE, capacity=3)

    assert [str(at.date()) for at in city(night.matured)["night_at"]] == [*EARLY[1:]]
    [fault] = night.facts["unsealed"]
    assert "2025-12-01" in fault


def seal_in_time(store, hours):
    """Write the register as it would stand had every night been sealed so many hours after its own time."""
    lines = register.seals(store)
    before, written = register.FIRST, []
    for line in lines:
        at = pd.Timestamp(line.as_of) + pd.Timedelta(hours=hours)
        bare = dataclasses.replace(line, sealed_at=at.isoformat(), before=before)
        made = dataclasses.replace(bare, hash=hash_of(bare))
        written.append(dataclasses.replace(made, signed=signature(store.path, made.hash.encode())))
        before = made.hash
    (store.path / register.FOLDER / register.LOG).write_bytes(b"".join(map(line_of, written)))


def test_a_sealed_forecast_is_scored_by_what_came_after_its_seal(ripe, tmp_path):
    """Six hours of the fortnight were over when it was sealed: their events count for nothing, and as much less was expected."""
    store = longer(tmp_path / "street")
    run(store, EARLY[0])
    seal_in_time(store, 6)
    row = city(run(store, LATE).matured).iloc[0]
    at = store.instant(EARLY[0])
    events = store.read("events")
    came = events[(events["occurred_at"] >= at) & (events["occurred_at"] < at + pd.Timedelta(days=14))]
    late = city(ripe[1].matured, night_at=at).iloc[0]

    assert register.verify(store).sound
    assert row["prospective"]
    assert not late["prospective"]
    assert row["n_events"] == (came["occurred_at"] >= at + pd.Timedelta(hours=6)).sum() <= late["n_events"] == len(came)
    left = 1 - 6 / 24 / 14
    assert row["expected"] == pytest.approx(late["expected"] * left)
    grids = store.grids()["grid_id"]
    y = came[came["occurred_at"] >= at + pd.Timedelta(hours=6)].groupby("grid_id").size().reindex(grids, fill_value=0)
    prior = Own(towns.street_experiment().label.streams, 52).compute(History.load(store).at([at]))[:, 0]
    of_count = metrics.poisson_deviance(y, (prior + 0.5) * 14 * left / 364)
    assert row["deviance_prior"] / 12 == pytest.approx(of_count, rel=1e-6)


def test_the_first_sealed_run_stays_the_forecast(tmp_path):
    """A night made again is shown in place of the first; the first is scored all the same, and alone counts as prospective."""
    store = longer(tmp_path / "street")
    first = run(store, EARLY[0])
    again = run(store, EARLY[0], capacity=2)
    seal_in_time(store, 4)
    table = city(run(store, LATE).matured).set_index("run")

    assert (table.loc[first.run, "holds"], table.loc[first.run, "prospective"]) == (False, True)
    assert (table.loc[again.run, "holds"], table.loc[again.run, "prospective"]) == (True, False)


def test_the_facts_tell_each_question(ripe):
    """City, lanes, curve and the sealed ones; none of these nights was sealed in time."""
    _, late = ripe
    told = late.facts["maturity"][towns.TARGET]

    assert told["city"]["nights"] == 3
    assert told["city"]["windows"] == pytest.approx((14 + 4) / 14, abs=0.01)
    assert told["prospective"] is None
    assert [step["weeks"] for step in told["curve"]] == [0]
    assert told["city"]["gain"]["lower"] is None  # one window and a bit tells nothing of a difference


# --- pooling: drawn tables


def drawn(n=40, *, gain=0.0, ratio=1.0, days=28.0, step=28, seed=0, age=0.0):
    """A table of nights whose list catches `gain` more than the count's, events being Poisson about `ratio` times what was expected."""
    rng = np.random.default_rng(seed)
    expected = np.full(n, 300.0)
    events = rng.poisson(expected * ratio).astype(float)
    prior = rng.binomial(events.astype(int), 0.3)
    return pd.DataFrame(
        {
            "night_at": pd.date_range("2022-01-01", periods=n, freq=f"{step}D", tz=towns.ZONE),
            "target": "t",
            "part": "city",
            "part_id": "",
            "holds": True,
            "prospective": False,
            "age_days": age,
            "horizon_days": days,
            "n_grids": 500,
            "n_listed": 50,
            "n_hit": rng.binomial(50, 0.6, n),
            "n_events": events,
            "expected": expected,
            "caught": rng.binomial(events.astype(int), 0.3 + gain).astype(float),
            "caught_prior": prior.astype(float),
            "deviance": 400.0 + rng.normal(0, 5, n) - 200 * gain,
            "deviance_prior": 400.0 + rng.normal(0, 5, n),
        }
    )


@pytest.mark.parametrize("ratio", [0.7, 1.0, 1.4])
def test_calibration_has_the_truth_within_its_interval(ratio):
    """Of forty drawn cities about 95 % hold the ratio they were drawn with; the interval narrows with the windows."""
    figures = [maturity.pooled(drawn(ratio=ratio, seed=seed))["ratio"] for seed in range(40)]
    within = [f["lower"] <= ratio <= f["upper"] for f in figures]
    few = maturity.pooled(drawn(4, ratio=ratio))["ratio"]

    assert np.mean(within) >= 0.85
    assert few["upper"] - few["lower"] > 2 * (figures[0]["upper"] - figures[0]["lower"])


def test_nights_that_overlap_are_not_counted_for_more_than_they_are():
    """The same forty nights in one month instead of three years: the intervals are as wide as those of a window or two."""
    apart, together = maturity.pooled(drawn(step=28)), maturity.pooled(drawn(step=1))
    width = {n: f["hit"]["upper"] - f["hit"]["lower"] for n, f in (("apart", apart), ("together", together))}

    assert (apart["windows"], together["windows"]) == (40, pytest.approx((39 + 28) / 28, abs=0.01))
    assert width["together"] > 3 * width["apart"]
    assert together["gain"]["lower"] is None


def test_a_real_gain_is_clear_and_none_is_not():
    """Ten points more caught lie above zero, drawn nothing does not."""
    gained, none = maturity.pooled(drawn(gain=0.1)), maturity.pooled(drawn(seed=3))

    assert gained["gain"]["lower"] > 0
    assert gained["skill"]["value"] > 0
    assert none["gain"]["lower"] < 0 < none["gain"]["upper"]


def test_the_curve_goes_by_the_age_of_the_model():
    """Steps of four weeks; a model whose lead is gone in its oldest step is told to be stale, one that keeps it is not."""
    steps = [drawn(12, gain=gain, age=28.0 * i, seed=i) for i, gain in enumerate((0.2, 0.15, 0.0))]
    kept = [drawn(12, gain=0.15, age=28.0 * i, seed=i) for i in range(3)]
    curve = maturity.staleness(pd.concat(steps))

    assert [step["weeks"] for step in curve] == [0, 4, 8]
    assert all(a["gain"]["value"] > b["gain"]["value"] for a, b in pairwise(curve))
    assert any("grown stale" in s["en"] for s in maturity.in_words(maturity.summary(pd.concat(steps), "t")))
    assert any("nothing says" in s["en"] for s in maturity.in_words(maturity.summary(pd.concat(kept), "t")))


def test_without_an_event_nothing_is_divided():
    """Quiet horizons have no capture and no gain, and are told as such."""
    quiet = drawn(5).assign(n_events=0.0, caught=0.0, caught_prior=0.0, n_hit=0)
    told = maturity.summary(quiet, "t")

    assert told["city"]["gain"] is None
    assert told["city"]["ratio"]["value"] == 0
    assert told["city"]["hit"]["value"] == 0
    assert any("nothing to catch" in s["en"] for s in maturity.in_words(told))


def test_a_lane_has_hits_and_calibration_and_no_capture():
    """All of a lane is listed: that its list caught all of its events says nothing, nor does the skill of the whole city."""
    lane = drawn(10).assign(part="lane", part_id="explore", caught=lambda rows: rows["n_events"])
    figures = maturity.summary(pd.concat([drawn(10), lane]), "t")["lanes"]["explore"]

    assert figures["hit"]["value"] > 0
    assert figures["ratio"]["value"] > 0
    assert [figures[name] for name in ("capture", "capture_prior", "gain", "skill")] == [None] * 4


def test_nothing_matured_is_said_and_is_no_zero():
    """A young store says so."""
    assert maturity.summary(drawn(0), "t") == {}
    [said] = maturity.in_words({})
    assert "No night has matured" in said["en"]


def test_part_of_a_window_counts_what_is_left(ripe):
    """`from_days` of a label leaves out what happened before it, and nothing else."""
    store, _ = ripe
    label = towns.street_experiment().label
    snapshot = History.load(store).at([EARLY[0]])
    whole, rest = label.n_events(snapshot), label.n_events(snapshot, from_days=5)
    first = dataclasses.replace(label, days=5, settle_days=label.wait_days - 5).n_events(snapshot)

    np.testing.assert_array_equal(whole, rest + first)
