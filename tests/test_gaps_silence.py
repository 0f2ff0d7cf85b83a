"""G01: a silent grid is told from calm, from an outage, and from nobody being there."""

import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.linear_model import PoissonRegressor
from towns import gaps as w

from riskwarn import gaps
from riskwarn.gaps import awake, silence
from riskwarn.gaps.awake import DEVIATIONS, Liveness, Pace, awake_chance, learnt
from riskwarn.gaps.evidence import Evidence
from riskwarn.gaps.exposure import LOOK_BACK_DAYS, feed_of, health_of, unvisited
from riskwarn.gaps.liveness import poisson_means
from riskwarn.gaps.wording import sentence
from riskwarn.history import History

DAYS = 500


def silent_from(days, *, n_grids=12, factor=0.0, which=0):
    thin = np.ones((n_grids, DAYS))
    thin[which, :days] = factor
    return thin


def found(tmp_path, thin, per_day=0.3, *, name="town", **more):
    store = w.town(
        tmp_path / name,
        w.steady("grid_report", DAYS, per_day, n_grids=len(thin), factor=thin),
        n_grids=len(thin),
        **more,
    )
    return gaps.find_gaps(store, as_of=w.NIGHT, kinds=["G01"])


def test_the_regression_is_scikit_learns():
    """Rates of visits and people are those of scikit-learn's Poisson regression; where nobody reports anything they are near 0, and finite."""
    rng = np.random.default_rng(0)
    design = np.column_stack([np.ones(400), rng.normal(size=(400, 2))])
    exposure = rng.uniform(10, 180, 400)
    counts = rng.poisson(np.exp(design @ [-2, 0.3, 0.2]) * exposure).astype(float)
    theirs = PoissonRegressor(alpha=0, solver="newton-cholesky", tol=1e-10)
    theirs.fit(design[:, 1:], counts / exposure, sample_weight=exposure)

    assert poisson_means(design, counts, exposure) == pytest.approx(theirs.predict(design[:, 1:]), rel=1e-5)
    assert (poisson_means(design, np.zeros(400), exposure) < 1e-3).all()


def test_a_masked_grid_is_found(tmp_path):
    """A grid that stopped reporting 100 days ago is the one that is listed, with the window and what was due in it."""
    seen = found(tmp_path, silent_from(100))

    assert seen["scope"].tolist() == ["grid:G0"]
    told = json.loads(seen["evidence"].iloc[0])
    assert 85 <= told["window_days"] <= 115
    assert seen["observed"].iloc[0] == 0
    assert seen["lower"].iloc[0] < 0.3 * told["window_days"] < seen["upper"].iloc[0]
    assert seen["confidence"].iloc[0] > 0.9


def test_a_thinned_grid_is_found(tmp_path):
    """A grid that reports a seventh is silent too."""
    assert "grid:G3" in found(tmp_path, silent_from(200, factor=0.15, which=3))["scope"].tolist()


def test_calm_is_not_silence(tmp_path):
    """Grids that report little, but as they always did, are not listed."""
    thin = np.ones((12, DAYS))
    thin[:3] = 0.3
    assert found(tmp_path, thin).empty


def test_a_grid_that_speaks_again_is_cleared(tmp_path):
    """A gap closes by evidence: reports that resume end the silence within weeks."""
    thin = silent_from(150)
    thin[0, :40] = 1.0
    assert found(tmp_path, thin).empty


def test_an_outage_makes_nobody_silent(tmp_path):
    """Days on which the feed stood still are missing exposure: no grid becomes likelier to be silent by them."""
    whole, gone = np.ones((12, DAYS)), np.ones((12, DAYS))
    gone[:, :25] = 0
    awake = []
    for name, thin in (("whole", whole), ("gone", gone)):
        store = w.town(tmp_path / name, w.steady("grid_report", DAYS, 0.3, n_grids=12, factor=thin), n_grids=12)
        live = silence.liveness(Evidence(store, w.NIGHT))
        awake.append(silence.awake_chance(live, np.arange(12))[:, -1])
    assert awake[1].min() > 0.9
    assert gaps.find_gaps(w.Store(tmp_path / "gone"), as_of=w.NIGHT, kinds=["G01"]).empty


def test_nobody_there_is_no_silence(tmp_path):
    """A grid whose worker is away is a staffing gap, not a silent grid; one that is visited and says nothing is."""
    thin = silent_from(120, which=[0, 1])
    rng = np.random.default_rng(1)
    visits = [
        {
            "visit_id": f"v{g}-{d}",
            "started_at": w.days_before(d + 0.5),
            "known_at": w.days_before(d + 0.4),
            "grid_id": f"G{g}",
            "valid": True,
        }
        for g in range(12)
        for d in range(DAYS)
        if rng.random() < 0.5 and not (g == 0 and d < 125)
    ]
    seen = found(tmp_path, thin, visits=visits)

    assert seen["scope"].tolist() == ["grid:G1"]
    assert json.loads(seen["evidence"].iloc[0])["subtype"] == "visited"


def test_residents_who_call_confirm_the_silence(tmp_path):
    """Requests of residents while workers say nothing make the silence a confirmed one."""
    events = w.steady("grid_report", DAYS, 0.3, n_grids=12, factor=silent_from(100))
    events += [w.event(f"h{i}", "hotline", 10 + i, grid="G0") for i in range(3)]
    store = w.town(tmp_path / "calls", events, n_grids=12)
    told = json.loads(gaps.find_gaps(store, as_of=w.NIGHT, kinds=["G01"])["evidence"].iloc[0])
    assert (told["resident_requests"], told["subtype"]) == (3, "confirmed")


def test_too_few_reports_are_judged_together_or_said_to_be_unknown(tmp_path):
    """Grids due less than five reports in half a year are judged by community, and where that is too few, said to be unknown."""
    thin = np.ones((12, DAYS))
    thin[::2, :300] = 0
    together = found(tmp_path, thin, 0.026, name="sparse", communities=2).set_index("scope")
    assert together.loc["org:V0", "state"] == "open"
    assert not any(s.startswith("grid:") for s in together.index)

    dark = found(tmp_path, np.ones((4, DAYS)), 0.002, name="dark")
    assert dark["state"].tolist() == ["insufficient_data"]
    assert json.loads(dark["evidence"].iloc[0])["n_grids"] == 4


def test_a_grid_that_split_is_not_silent(tmp_path):
    """Reports under the old code count for the grids it turned into, by their share."""
    events = [
        e
        for e in w.steady("grid_report", DAYS, 0.6, n_grids=6)
        if e["grid_id"] != "G0" or e["occurred_at"] < w.days_before(150)
    ]
    halves = w.steady("grid_report", 150, 0.3, n_grids=2, seed=5)
    events += [
        e | {"event_id": "half-" + e["event_id"], "grid_id": {"G0": "G0a", "G1": "G0b"}[e["grid_id"]]} for e in halves
    ]
    store = w.Store(tmp_path / "split", timezone=w.ZONE)
    old = w.grids(6)
    old.loc[0, "valid_to"] = w.days_before(150)
    new = w.grids(2).assign(grid_id=["G0a", "G0b"], valid_from=w.days_before(150))
    store.write(
        "grids",
        w.pd.concat(
            [old.assign(valid_to=old["valid_to"].astype("datetime64[us, Asia/Shanghai]")), new], ignore_index=True
        ),
    )
    store.write(
        "crosswalk",
        w.frame(
            [
                {
                    "from_grid_id": "G0",
                    "to_grid_id": g,
                    "effective_at": w.days_before(150),
                    "weight": 0.5,
                    "kind": "split",
                }
                for g in ("G0a", "G0b")
            ]
        ),
    )
    store.write("events", w.frame(events))
    assert gaps.find_gaps(store, as_of=w.NIGHT, kinds=["G01"]).empty


def test_health_marks_the_days_that_are_missing():
    """A stretch at a fifth of the usual is found with its share; the days beside it are whole."""
    counts = np.random.default_rng(3).poisson(10.0, (1, 120)).astype(float)
    counts[0, 30:45] = np.random.default_rng(4).poisson(2.0, 15)
    health = health_of(counts, np.full((1, 120), 10.0))
    assert health[0, 31:44].max() < 0.4
    assert (health[0, :28] == 1).all()
    assert (health[0, 47:] == 1).all()


def drawn(*, size=None, leaves=0.0, n=250, weeks=120, per_week=2.5, seed=0):
    """Units whose weeks scatter about one pace of every 28 days with that size, on leave now and then, every tenth silent for the last fifth."""
    rng = np.random.default_rng(seed)
    pace = np.ones((n, weeks // 4)) if size is None else rng.gamma(size, 1 / size, (n, weeks // 4))
    mean = per_week * np.repeat(pace, 4, axis=1)
    for unit in range(n):
        for first in rng.integers(0, weeks, rng.poisson(leaves * weeks / 52)):
            mean[unit, first : first + 2] = 0
    mean[::10, -weeks // 5 :] *= 0.15
    days = np.full(weeks, 7.0)
    counts = rng.poisson(mean).astype(float)
    return Liveness(counts, np.broadcast_to(days, counts.shape), days, np.full(n, per_week / 7), 20.0)


@pytest.mark.parametrize("size", [1.5, 6.0])
def test_the_pace_of_a_city_is_learnt_from_its_own_counts(size):
    """How far busy and quiet months stray is told from the counts to a quarter, though one unit in ten is silent; Poisson counts are taken for Poisson's."""
    strays = np.sqrt(np.log1p(1 / size))
    assert learnt(drawn(size=size), leaves=False).pace.deviation == pytest.approx(strays, rel=0.25)
    assert learnt(drawn(), leaves=False).pace.deviation < 0.1


def test_counts_that_no_rate_explains_leave_the_pace_finite():
    """A unit that brings a hundred times its own in one week spoils neither what is learnt nor the chances of the others."""
    live = drawn(size=6.0, n=60, weeks=60)
    live.counts[1, 30] = 2000.0
    told = learnt(live, leaves=True)
    assert np.isfinite([told.pace.deviation, told.pace.memory_days, told.pace.leaves]).all()
    chance = awake_chance(told, np.arange(60))
    assert np.isfinite(chance).all()
    assert chance[2:10].min() > 0.5


def test_the_pace_does_not_jump_from_night_to_night():
    """A night later, with all weeks cut at another day, the deviation learnt is the same to a tenth: lists do not flicker with it."""
    live = drawn(size=2.7)
    later = Liveness(live.counts[:, 1:], live.exposure[:, 1:], live.days[1:], live.prior_mean, 20.0)
    strays = [learnt(one, leaves=False).pace.deviation for one in (live, later)]
    assert strays[1] == pytest.approx(strays[0], rel=0.1)
    assert not set(strays) & set(DEVIATIONS)


def test_leaves_are_learnt_where_there_are_any():
    """A city whose workers are away for two weeks now and then is told from one whose workers never are."""
    assert learnt(drawn(leaves=2.0), leaves=True).pace.leaves >= 1
    assert learnt(drawn(), leaves=True).pace.leaves == 0


def test_three_empty_weeks_are_no_silence_where_workers_take_leave():
    """Three empty weeks are taken for leave where leaves are common, three months are not; where nobody takes leave the three weeks are suspect."""
    live = drawn(n=4)
    live.counts[1, -3:], live.counts[2, -13:], live.counts[3] = 0, 0, 2
    with_leave, without = (
        awake_chance(
            Liveness(live.counts, live.exposure, live.days, live.prior_mean, 20.0, pace=pace), np.arange(1, 4), nights=1
        )
        for pace in (Pace(leaves=1.0), Pace())
    )
    assert with_leave[0, 0] > 0.9
    assert without[0, 0] < 0.6
    assert with_leave[1, 0] < 0.1
    assert min(with_leave[2, 0], without[2, 0]) > 0.99


def test_scatter_delays_belief():
    """The same empty weeks say less where months scatter."""
    live = drawn(n=2)
    live.counts[1, -4:] = 0
    chance = [
        awake_chance(
            Liveness(live.counts, live.exposure, live.days, live.prior_mean, 20.0, pace=Pace(s)),
            np.array([1]),
            nights=1,
        )
        for s in (1.0, 0.5, 0.0)
    ]
    assert chance[0] > chance[1] > chance[2]


def test_the_likeliest_comes_first(tmp_path):
    """Silences are listed by how likely they are, not by how many reports are missing."""
    thin = np.ones((40, DAYS))
    thin[0, :45], thin[1, :200] = 0.0, 0.15
    seen = found(tmp_path, thin, 0.5)
    told = [json.loads(e)["p"] for e in seen["evidence"]]
    assert len(told) >= 2
    assert told == sorted(told)


def test_a_city_without_grid_workers_is_judged_by_its_residents(tmp_path):
    """With police calls alone, a grid from which they stopped coming is listed, and the row says by what it was judged."""
    calls = w.steady("police_call", DAYS, 0.3, n_grids=12, factor=silent_from(120))
    seen = gaps.find_gaps(w.town(tmp_path / "calls", calls, n_grids=12), as_of=w.NIGHT, kinds=["G01"])

    assert seen["scope"].tolist() == ["grid:G0"]
    told = json.loads(seen["evidence"].iloc[0])
    assert (told["subtype"], told["requests"]) == ("residents", 0.0)
    said = sentence("G01", told)
    assert "judged by what residents bring" in said["en"]
    assert "群众诉求" in said["zh"]


def test_a_long_empty_stretch_is_absence():
    """Weeks without a visit count as absence once five visits were due in them."""
    visits = np.full((1, 30), 4.0)
    visits[0, 10:13] = 0
    assert np.flatnonzero(unvisited(visits)[0]).tolist() == [10, 11, 12]
    visits[0, 20] = 0
    assert not unvisited(visits)[0, 20]


def test_records_of_more_than_three_years_are_no_hindrance():
    """Of a feed that is older than what is looked back on, the last three years are judged, as of a city that began then."""
    at = pd.date_range("2021-01-01", "2024-12-31", freq="D", tz=w.ZONE).as_unit("us")
    events = pd.DataFrame({"source": "dispute", "event_id": [f"d{i}" for i in range(len(at))], "known_at": at})
    events = events.assign(occurred_at=at, grid_id="A", category="D02")
    grids = pd.DataFrame({"grid_id": ["A"], "valid_from": at[0]})
    old, young = (
        feed_of(Evidence(History.of(rows, grids, until="2025-01-01"), "2025-01-01"), "dispute")
        for rows in (events, events[-LOOK_BACK_DAYS:])
    )

    assert old.counts.shape == (1, LOOK_BACK_DAYS)
    for name in ("counts", "expected", "health", "curve"):
        np.testing.assert_array_equal(getattr(old, name), getattr(young, name), err_msg=name)


def test_exposure_counts_only_what_could_be_known(tmp_path):
    """Records that come two days late make the last two days partly unknown, not calm."""
    late = w.steady("grid_report", 200, 2.0)
    late = [
        e | {"known_at": e["occurred_at"] + w.pd.Timedelta(days=2)} for e in late if e["occurred_at"] < w.days_before(2)
    ]
    store = w.town(tmp_path / "late", late)
    feed = feed_of(Evidence(store, w.NIGHT), "grid_report")
    assert feed.exposure[0, 0] < 0.05
    assert feed.exposure[0, 10] == pytest.approx(1.0, abs=0.1)


def test_the_mean_pace_of_a_long_time_strays_little():
    """Over an instant the mean strays as the pace does; over long times its variance falls as twice the memory over the days; over one memory it is 2 / e of it."""
    pace, whole = Pace(0.6, 40.0), np.expm1(0.6**2)

    assert pace.variance(np.array([1e-6, 40.0, 4e6])) == pytest.approx(
        [whole, whole * 2 / np.e, whole * 2e-5], rel=1e-3
    )
    assert Pace().variance(np.array([10.0])).tolist() == [0]


def test_the_paces_of_a_unit_have_the_deviation_asked_for():
    """Their mean is 1 and the log of the pace has that standard deviation; with none there is one pace."""
    for deviation in (0.3, 1.25):
        level, share = awake._levels(deviation)
        log = np.log(level) - np.log(level) @ share

        assert (level @ share, share.sum(), len(level)) == (pytest.approx(1), pytest.approx(1), 7)
        assert np.sqrt(log**2 @ share) == pytest.approx(deviation)
    assert [x.tolist() for x in awake._levels(0.0)] == [[1.0], [1.0]]


def test_the_chain_of_states_keeps_its_words():
    """A pace is forgotten but for a third in its memory, a silence lasts 200 days on average, a leave 18 days in four phases; begun in balance, it stays so."""
    level, share = awake._levels(0.6)
    chain = awake._Chain.of(Pace(0.6, 40.0, 0.5), share)
    n, step = len(level), np.arange(len(level)) - 3.0
    silent, away = slice(n, n + 2), slice(n + 2, None)
    after_40, after_100, after_30, after_28 = (chain.moves(days).astype(float) for days in (40, 100, 30, 28))
    kept = after_40[:n, :n] / after_40[:n, :n].sum(axis=1, keepdims=True)

    assert kept @ step == pytest.approx(step * np.exp(-1), abs=0.1)
    assert after_100[n, silent].sum() == pytest.approx(np.exp(-100 / 200), abs=0.01)
    assert after_100[n, n + 1] == pytest.approx(0, abs=0.005)
    assert after_30[n + 2, away].sum() == pytest.approx(stats.gamma.sf(30, 4, scale=18 / 4), abs=0.02)
    assert chain.begin.sum() == pytest.approx(1)
    assert chain.begin @ after_28 == pytest.approx(chain.begin, rel=0.1)
    assert awake._Chain.of(Pace(), np.ones(1)).begin == pytest.approx([1 - 0.02, 0.01, 0.01])


def test_the_recursion_is_the_sum_over_all_paths():
    """Over three bins and every path of states the chance to be awake at the end, and the likelihood, are what the recursion says."""
    days = np.array([7.0, 1.0, 1.0])
    live = Liveness(np.array([[3.0, 1.0, 0.0]]), np.array([[7.0, 1.0, 0.5]]), days, np.array([0.4]), 5.0, pace=Pace())
    rates, weight = awake._nodes(live, np.array([0]), live.pace, 1)
    chain = awake._Chain.of(live.pace, np.ones(1))
    awake_paths = every = 0.0
    for rate, prior in zip(rates[0], weight[0], strict=True):
        for path in np.ndindex(3, 3, 3, 3):
            p = prior * chain.begin[path[0]]
            for b, (one, after) in enumerate(pairwise(path)):
                mean = rate * awake.FACTORS[after]
                p *= chain.moves(days[b])[one, after] * mean ** live.counts[0, b] * np.exp(-mean * live.exposure[0, b])
            every += p
            awake_paths += p * (path[-1] == 0)
    chance, likelihood = awake._forward(live, np.array([0]), live.pace)

    assert chance[0, 0] == pytest.approx(awake_paths / every, rel=1e-4)
    assert likelihood == pytest.approx(np.log(every), abs=1e-4)


def test_the_peak_of_a_parabola():
    """Between choices the likeliest value is that of the parabola through the best and its neighbours; at either end it is the choice itself."""
    choices = np.array([0.0, 1.0, 2.0, 4.0])

    assert awake._peak(choices, list(-((choices - 1.3) ** 2))) == pytest.approx(1.3)
    assert awake._peak(choices, list(-((choices - 9.0) ** 2))) == 4
    assert awake._peak(choices, list(-((choices + 9.0) ** 2))) == 0
    assert awake._peak(choices, [0.0, 0.0, 0.0, 0.0]) == 0


def test_older_weeks_are_taken_four_at_a_time():
    """Nothing is lost where bins are joined: counts, exposure and days add up, and the last ones stay as they are."""
    live = drawn(n=3, weeks=60)
    counts, exposure, days = awake._bins(live, np.arange(3), 20)

    assert counts.sum(axis=1) == pytest.approx(live.counts.sum(axis=1))
    assert exposure.sum() == pytest.approx(live.exposure.sum())
    assert days.tolist() == [7.0 * (33 % 4), *[28.0] * (33 // 4), *[7.0] * 27]


def test_reports_due_in_half_a_year():
    """The unit's own rate, drawn to that of its kind by as many reports as the law's size, times the days of whole bins within 182."""
    days = np.full(40, 7.0)
    live = Liveness(np.full((1, 40), 2.0), np.full((1, 40), 7.0), days, np.array([0.1]), 5.0)

    assert awake.due_in_half_a_year(live) == pytest.approx([(80 + 5) / (280 + 5 / 0.1) * 182])
