"""The named rules: each does what its formula says, says what it needs, and takes unknown for unknown."""

import dataclasses
from functools import cache

import numpy as np
import pandas as pd
import pytest
import towns
from hypothesis import given, settings
from hypothesis import strategies as st

from riskwarn import grid
from riskwarn.backtesting import backtest
from riskwarn.baseline import RULES, Choice, Kernel, NearRepeat, People, PriorCount, Season, SelfExciting, is_baseline
from riskwarn.baseline.exciting import expectation_maximisation
from riskwarn.errors import DataError, DefinitionError, LabelError
from riskwarn.experiment import Baselines, Dates, Experiment, Folds, Judge
from riskwarn.feature import Own, SameSeason, Spread
from riskwarn.history import History, Stream
from riskwarn.label import Label
from riskwarn.model import RiskModel
from riskwarn.panel import build_panel
from riskwarn.testing import assert_no_leak

CALLS = (Stream("police_call"),)
LABEL = Label("call_14d", CALLS, days=14, settle_days=7)
NAMES = sorted(RULES)


@cache
def history() -> History:
    """A street whose grids call the oftener the higher their number, for three years; each has as many people as its number says."""
    number = np.arange(1, 13, dtype=float)
    grids = towns.street_grids().assign(
        population=100 * number, households=40 * number, valid_from=pd.Timestamp("2021-01-01", tz=towns.ZONE)
    )
    return History.of(towns.street_events(first="2022-01-03", days=1090, seed=5), grids, timezone=towns.ZONE)


@cache
def question(*rules: str) -> Experiment:
    """Where will most calls of the next fortnight be made: every second week of the street's last two years."""
    first, last = pd.Timestamp("2023-02-06").date(), pd.Timestamp("2024-11-18").date()
    return Experiment(
        "?",
        LABEL,
        Dates(first, last, 14),
        (),
        folds=Folds(2, 4, 8),
        baselines=Baselines((4, 15), rules),
        judge=Judge(shares=(0.25,)),
    )


@cache
def panel() -> pd.DataFrame:
    """The street's panel with the columns of every rule."""
    return build_panel(history(), question(*NAMES))


@cache
def fitted(rule: str):
    """A rule fitted to the street."""
    return RULES[rule](LABEL).fit(panel())


@pytest.mark.parametrize("rule", NAMES)
def test_a_rule_finds_the_calling_end_of_the_street(rule):
    """Every rule ranks the four grids that call most above the four that call least, and expects as many events as there were."""
    found = fitted(rule).predict(panel())
    mean = found.groupby(panel()["grid_id"], observed=True)["score"].mean()

    assert mean.iloc[-4:].min() > mean.iloc[:4].max()
    assert found["expected"].mean() == pytest.approx(panel()["y"].mean(), rel=0.02)
    assert found["probability"].mean() == pytest.approx((panel()["y"] > 0).mean(), abs=0.05)
    assert found["probability"].between(0, 1).all()
    assert found.index.equals(panel().index)


@pytest.mark.parametrize("rule", NAMES)
def test_the_order_of_rows_is_irrelevant(rule):
    """Fitted to the rows in any order, and asked for them in any order, a rule says the same of each row; its input is left alone."""
    before = panel().copy()
    mixed = panel().sample(frac=1, random_state=3)
    found = RULES[rule](LABEL).fit(mixed).predict(mixed).loc[panel().index]

    pd.testing.assert_frame_equal(found, fitted(rule).predict(panel()), rtol=1e-5)
    assert panel().equals(before)


@pytest.mark.parametrize("rule", NAMES)
def test_rows_without_an_outcome_teach_nothing(rule):
    """What is not settled has no part in the fit, whatever its columns say."""
    late = panel()["as_of"] >= panel()["as_of"].unique()[-8]
    wild = panel().assign(y=panel()["y"].mask(late))
    needs = [f.name for f in RULES[rule](LABEL).needs]
    wild.loc[late, needs] = 1e6
    known = RULES[rule](LABEL).fit(panel()[~late]).predict(panel())

    pd.testing.assert_frame_equal(RULES[rule](LABEL).fit(wild).predict(panel()), known)


@pytest.mark.parametrize("rule", NAMES)
def test_a_rule_says_what_it_misses(rule):
    """Before the fit, and on a panel without its columns, a rule says so by name."""
    unfitted = RULES[rule](LABEL)

    assert is_baseline(unfitted)
    with pytest.raises(DefinitionError, match=f"{unfitted.name}.* is not fitted"):
        unfitted.predict(panel())
    with pytest.raises(DataError, match=rf"lacks '{unfitted.needs[0].name}'.*\[baselines\] rules"):
        unfitted.fit(panel().drop(columns=[f.name for f in unfitted.needs]))


@pytest.mark.parametrize(
    "rule", ["fifteen_week_mean", "ewma", "same_season", "population", "kde", "prospective_hotspot"]
)
def test_unknown_is_usual_and_never_calm(rule):
    """A grid whose number is unknown is expected to see the mean and ranks among those that are, above the calmest grid."""
    asked = panel().copy()
    needs = [f.name for f in RULES[rule](LABEL).needs]
    blind = asked["grid_id"] == "G11"
    asked.loc[blind, needs] = np.nan
    found = fitted(rule).predict(asked)

    assert np.isfinite(found.to_numpy()).all()
    assert found.loc[blind, "expected"].to_numpy() == pytest.approx(panel()["y"].mean())
    assert found.loc[blind, "score"].min() > found.loc[asked["grid_id"] == "G00", "score"].max()
    assert found.loc[blind, "score"].max() < found.loc[asked["grid_id"] == "G10", "score"].mean()
    assert (found["score"].rank() - found["expected"].rank()).abs().max() < 1e-6


@pytest.mark.parametrize("rule", ["near_repeat", "self_exciting", "glm"])
def test_unknown_columns_are_usual_ones(rule):
    """A grid of which all columns are unknown, in training or later, is expected to see about as many events as others, and none is NaN."""
    needs = [f.name for f in RULES[rule](LABEL).needs]
    blind = panel()["grid_id"] == "G00"
    asked = panel().copy()
    asked.loc[blind, needs] = np.nan
    for model in (fitted(rule), RULES[rule](LABEL).fit(asked)):
        found = model.predict(asked)

        assert np.isfinite(found.to_numpy()).all()
        assert found.loc[blind, "expected"].mean() == pytest.approx(panel()["y"].mean(), rel=0.2)


@pytest.mark.parametrize("rule", NAMES)
def test_what_a_rule_needs_does_not_see_the_future(rule):
    """Records first known at a date or later, rows in another order or twice, change none of its columns."""
    rows = towns.street_events(6, first="2024-09-02", days=60, seed=2)
    grids = history().grids.head(6)
    for feature in RULES[rule](LABEL).needs[-2:]:
        if feature.reads:
            assert_no_leak(feature, rows, "2024-10-21", grids=grids, timezone=towns.ZONE)


# -- one by one


def test_a_choice_is_made_on_the_latest_training_dates():
    """The candidate wins that forecasts the latest quarter best, though another did best before; both trained only on settled rows."""
    rows = towns.drawn_panel(60, 40)
    late = rows["as_of"] >= rows["as_of"].unique()[20]
    rows["y"] = rows["prior_4w"].where(~late, rows["prior_8w"])
    found = Choice("best", (PriorCount(4), PriorCount(8)), wait_days=7).fit(rows)
    turned = Choice("best", (PriorCount(4), PriorCount(8)), wait_days=7).fit(rows[~late])

    assert (found.chosen.weeks, turned.chosen.weeks) == (8, 4)
    pd.testing.assert_frame_equal(found.predict(rows), PriorCount(8).fit(rows).predict(rows))


def test_a_choice_without_a_past_is_refused():
    """Where no outcome of the earlier dates had settled before the latest quarter began, there is nothing to choose on."""
    rows = towns.drawn_panel(30, 4)
    with pytest.raises(LabelError, match="4 settled dates are too few to choose"):
        Choice("best", (PriorCount(4), PriorCount(8)), wait_days=28).fit(rows)


def test_a_density_makes_and_loses_no_event():
    """What the kernel spreads over the city adds up to the events there were; a wider kernel is flatter, a narrow one the count itself."""
    snapshot = history().at(["2024-06-03"])
    count = Own(CALLS, 52).compute(snapshot)
    spread = {reach: Spread(Own(CALLS, 52), reach).compute(snapshot) for reach in (0.1, 0.5, 2.0)}

    for values in spread.values():
        assert values.sum() == pytest.approx(count.sum(), rel=1e-5)
    np.testing.assert_allclose(spread[0.1], count, rtol=1e-5)
    assert count.std() > spread[0.5].std() > spread[2.0].std()


@settings(deadline=None, max_examples=20)
@given(st.floats(0.01, 100), st.floats(-1000, 1000), st.sampled_from(grid.SHAPES))
def test_closeness_knows_no_kilometres(scale, shift, shape):
    """Moving the map or drawing it larger changes no weight: distances are in spacings of the grids."""
    place = pd.DataFrame({"x_km": np.arange(36) // 6, "y_km": np.arange(36) % 6})
    moved = place * scale + np.round(shift)
    first, second = (grid.closeness(p, reach=1.5, shape=shape).toarray() for p in (place, moved))

    np.testing.assert_allclose(second, first, rtol=1e-4, atol=1e-7)


def test_bands_weigh_by_whole_half_widths():
    """On a street of squares a grid counts one, the next a third, the one after a fifth (Bowers' weights), farther ones nothing."""
    street = pd.DataFrame({"x_km": [0.0, 0.4, 0.8, 1.2], "y_km": 0.0})
    found = grid.closeness(street, reach=2, shape="bands").toarray()

    np.testing.assert_allclose(found[0], [1, 1 / 3, 1 / 5, 0], rtol=1e-6)
    assert grid.closeness(street.head(1), reach=2, shape="gauss").toarray().tolist() == [[1.0]]
    lost = street.assign(x_km=[0.0, np.nan, 0.4, 0.8])
    np.testing.assert_allclose(grid.closeness(lost, reach=1, shape="bands").toarray()[1], [0, 1, 0, 0])
    np.testing.assert_allclose(grid.closeness(lost, reach=1).toarray().sum(axis=0), 1, rtol=1e-6)
    for without in (pd.DataFrame({"grid_id": ["a"]}), street.assign(x_km=np.nan)):
        with pytest.raises(DataError, match="need x_km and y_km"):
            grid.closeness(without)


def test_a_season_is_that_of_past_years():
    """The same fortnight a year of 52 weeks ago is counted by hand; a feed younger than a year has none, and no season can be fitted."""
    snapshot = history().at(["2023-03-06", "2024-06-03"])
    events = towns.street_events(first="2022-01-03", days=1090, seed=5)
    wanted = []
    for at in snapshot.local:
        start = at - pd.Timedelta(days=364)
        inside = events[(events["occurred_at"] >= start) & (events["occurred_at"] < start + pd.Timedelta(days=14))]
        wanted.append(inside.groupby("grid_id").size().reindex(history().grids["grid_id"], fill_value=0).to_numpy())

    np.testing.assert_allclose(SameSeason(CALLS, 14, 1).compute(snapshot), np.column_stack(wanted))
    assert np.isnan(SameSeason(CALLS, 14, 3).compute(history().at(["2022-06-06"]))).all()
    young = panel().assign(prior_same_14d_1y=np.nan)
    with pytest.raises(DataError, match="'seasonal naive' knows nothing: 'prior_same_14d_1y' is missing"):
        Season(CALLS, 14, years=1).fit(young)
    with pytest.raises(DataError, match="'near repeat' knows nothing"):
        NearRepeat(CALLS).fit(panel().assign(prior_2w=np.nan))


def test_near_repeats_are_found():
    """Where an event lately doubled the rate, and one beside raised it by half, the multipliers say so."""
    rng = np.random.default_rng(2)
    n = 40_000
    rows = pd.DataFrame(
        {
            "grid_id": "G",
            "as_of": pd.Timestamp("2025-01-06"),
            "prior_52w": rng.poisson(20, n) * 1.0,
            "prior_2w": rng.integers(0, 2, n) * 1.0,
            "prior_2w_nearby_total": rng.integers(0, 2, n) * 1.0,
        }
    )
    state = np.where(rows["prior_2w"] > 0, 2.0, np.where(rows["prior_2w_nearby_total"] > 0, 1.5, 1.0))
    rows["y"] = rng.poisson(0.05 * rows["prior_52w"] * state)
    own, beside, neither = NearRepeat(CALLS).fit(rows).multipliers

    assert own / neither == pytest.approx(2, rel=0.05)
    assert beside / neither == pytest.approx(1.5, rel=0.05)


def test_people_are_no_event():
    """The number of people ranks as it is, at every date the same."""
    found = fitted("population").predict(panel())

    assert (found["score"] == panel()["grid_population"]).all()
    assert People("households").feature.name == "grid_households"


# -- expectation and maximisation


def drawn(n=6000, seed=1):
    """Terms and counts of a known sum: a constant 0.3, one term at 0.5, one at 0, one at 1.5."""
    rng = np.random.default_rng(seed)
    offered = np.column_stack([np.ones(n), rng.gamma(1, 1, n), rng.gamma(1, 1, n), rng.gamma(2, 0.5, n)])
    weights = np.array([0.3, 0.5, 0.0, 1.5])
    return offered, weights, rng.poisson(offered @ weights).astype(float)


def test_weights_of_a_sum_are_found():
    """From 6,000 draws the weights that made them are found again, the idle one near nothing."""
    offered, wanted, y = drawn()

    np.testing.assert_allclose(expectation_maximisation(offered, y, n_rounds=3000), wanted, atol=0.08)


def test_each_round_is_at_least_as_likely():
    """The likelihood never falls from round to round, the expected total is the observed one, and no weight is negative."""
    offered, _, y = drawn(500)
    rounds = [expectation_maximisation(offered, y, n_rounds=n) for n in (1, 2, 5, 20, 100)]
    likely = [float((y * np.log(offered @ w) - offered @ w).sum()) for w in rounds]

    assert (np.diff(likely) >= -1e-9).all()
    assert likely[-1] > likely[0]
    for weights in rounds:
        assert (weights >= 0).all()
        assert (offered @ weights).sum() == pytest.approx(y.sum())


@settings(deadline=None, max_examples=10)
@given(st.lists(st.floats(0.01, 100), min_size=4, max_size=4))
def test_units_of_the_terms_do_not_matter(units):
    """A term in other units gets its weight in the inverse; the rates stay; a term that is always nothing weighs nothing."""
    offered, _, y = drawn(300)
    plain = expectation_maximisation(offered, y, n_rounds=50)
    scaled = expectation_maximisation(np.column_stack([offered * units, np.zeros(300)]), y, n_rounds=50)

    assert scaled[-1] == 0
    np.testing.assert_allclose(scaled[:-1] * units, plain, rtol=1e-6)


def test_a_street_of_independent_calls_excites_nobody():
    """Calls drawn apart from each other: the background explains most of them, and the shares of all terms add up to one."""
    model = fitted("self_exciting")

    assert sum(model.shares.values()) == pytest.approx(1, abs=1e-6)
    assert model.background_share > 0.5
    assert sum(own for own, _ in model.offspring.values()) < 0.5


def test_planted_offspring_are_found():
    """Where each event brings half a one, fading by half a week, the model finds the half, its speed, and that none is beside."""
    rng = np.random.default_rng(3)
    n, days, half_life = 20_000, 7.0, 3.5
    model = SelfExciting(CALLS, days, half_lives=(half_life,), n_rounds=3000)
    rows = pd.DataFrame(
        {
            "grid_id": "G",
            "as_of": pd.Timestamp("2025-01-06"),
            "prior_104w": rng.gamma(2, 20, n),
            "prior_faded_3p5d": rng.gamma(1, 2, n),
            "prior_faded_3p5d_nearby": rng.gamma(1, 2, n),
        }
    )
    brought = 0.5 * (1 - 0.5 ** (days / half_life))
    rows["y"] = rng.poisson(0.01 * rows["prior_104w"] + brought * rows["prior_faded_3p5d"]) * 1.0
    found = model.fit(rows)
    own, beside = found.offspring[half_life]

    assert own == pytest.approx(0.5, abs=0.03)
    assert beside == pytest.approx(0, abs=0.03)
    assert found.weights["prior_104w"] == pytest.approx(0.01, rel=0.1)


# -- in an experiment


def test_an_experiment_carries_what_its_rules_need():
    """Named rules add their columns to the panel and their names to the contenders; what the model reads stays what it was."""
    plain, named = question(), question("ewma", "kde", "fifteen_week_mean")

    assert named.features == plain.features
    read = ["prior_4w", "prior_15w", *(f.name for f in (*plain.faded, *plain.totals))]
    assert RiskModel.of(named).feature_names == RiskModel.of(plain).feature_names == read
    assert [r.name for r in named.rivals] == ["prior count 4 weeks", "prior count 15 weeks", "ewma", "kernel density"]
    assert {f.name for r in named.rivals for f in r.needs} <= {f.name for f in named.columns}
    assert set(build_panel(history(), named)) >= {"prior_faded_28d", "prior_52w_gauss_1"}
    assert named.digest != plain.digest


def test_a_report_prints_every_named_rule():
    """All named rules go through the folds, each is a row of the table under its own name, and the first is not the only rival."""
    asked = question(*NAMES)
    found = backtest(asked, panel(), models=list(asked.rivals), progress=False)

    assert list(found.baselines) == [rival.name for rival in asked.rivals]
    assert set(found.table.index) == set(found.baselines)
    assert len(found.baselines) == 2 + len(NAMES) - 1
    assert all(name in repr(found) for name in found.baselines)
    assert found.table.notna().all(axis=None)
    assert found.best_baseline("capture_25") == found.table["capture_25"].idxmax()


def test_the_best_baseline_is_over_all_of_them():
    """A rule that beats the counts is the one to beat, in the report and its differences; no baseline is set against itself."""
    rows = towns.drawn_panel()
    rows["prior_faded_91d"] = rows["y"]
    knowing = RULES["ewma"](LABEL).candidates[2]
    experiment = dataclasses.replace(question(), label=towns.LABEL, baselines=Baselines((4, 8)))
    found = backtest(experiment, rows, models=[PriorCount(4), PriorCount(8), knowing, Plain()], progress=False)

    assert found.baselines == ("prior count 4 weeks", "prior count 8 weeks", "ewma 91 days")
    assert found.best_baseline("capture_25") == "ewma 91 days"
    assert set(found.differences()["model"]) == {"plain"}
    assert set(found.differences(["capture_25", "brier"])["rival"]) == {"ewma 91 days"}
    with pytest.raises(DefinitionError, match="no baseline"):
        dataclasses.replace(found, baselines=()).best_baseline("brier")


@dataclasses.dataclass(frozen=True)
class Plain:
    """A model that expects one event everywhere."""

    name: str = "plain"

    def fit(self, panel):
        return self

    def predict(self, panel):
        return pd.DataFrame({"score": 1.0, "expected": 1.0, "probability": 0.5}, index=panel.index)


def test_the_narrowest_kernel_ranks_as_the_count():
    """Kernel density of hardly any reach is the count of its weeks."""
    narrow, count = Kernel(CALLS, 0.25), PriorCount(52)

    np.testing.assert_allclose(
        narrow.fit(panel()).predict(panel())["score"], count.fit(panel()).predict(panel())["score"], rtol=1e-2
    )
