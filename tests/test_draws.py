"""Joint draws: places in the list add up, and totals of larger areas cover what they say because they know what their grids share."""

import numpy as np
import pandas as pd
import pytest
import towns
from hypothesis import given, settings
from hypothesis import strategies as st

from riskwarn import metrics
from riskwarn.calibration import Calibration
from riskwarn.draws import CITY, INDEPENDENT, among_first, common_factors, parents_of, totals
from riskwarn.errors import DataError
from riskwarn.scoring import score

MEANS = st.lists(st.sampled_from([0.01, 0.2, 0.2001, 1.0, 4.0, 9.0]), min_size=1, max_size=40).map(np.array)


@settings(max_examples=60, deadline=None)
@given(MEANS, st.sampled_from([0.0, 0.01, 0.5, 6.0]), st.integers(1, 45))
def test_places_in_the_list_add_up(expected, dispersion, capacity):
    """Probabilities of being listed add up to the length of the list, rise with the expected count, and are equal where it is."""
    found = among_first(expected, dispersion, capacity, n_draws=200)
    table = pd.DataFrame({"expected": expected, "found": found}).sort_values("expected")

    assert found.sum() == pytest.approx(min(capacity, len(expected)))
    assert ((found >= 0) & (found <= 1)).all()
    assert table["found"].is_monotonic_increasing
    assert (table.groupby("expected")["found"].agg(np.ptp) == 0).all()


def test_places_in_the_list_do_not_depend_on_the_order_of_rows():
    """The same grids in another order have the same probabilities."""
    expected = np.random.default_rng(0).gamma(1.0, 1.0, 300)
    order = np.random.default_rng(1).permutation(300)

    assert among_first(expected[order], 0.3, 20) == pytest.approx(among_first(expected, 0.3, 20)[order], abs=0)


def test_places_in_the_list_are_true_of_drawn_rates():
    """Of rates drawn about their means, grids told a probability of being among the highest are so that often."""
    rng = np.random.default_rng(4)
    expected, dispersion, capacity = rng.gamma(0.8, 1.0, 400), 0.2, 30
    told = among_first(expected, dispersion, capacity, seed=9)
    rates = expected * rng.gamma(1 / dispersion, dispersion, (4000, 400))
    seen = (rates >= -np.sort(-rates, axis=1)[:, [capacity - 1]]).mean(axis=0)

    assert np.abs(told - seen).max() < 0.05
    assert ((told > 0.1) & (told < 0.9)).sum() > 20


def world(n_dates, *, city=0.0, area=0.0, own=0.0, clumping=0.0, seed=0):
    """Scores, counts and grids of a city whose rates have known factors: 20 communities of 12 grids."""
    rng = np.random.default_rng(seed)
    n, n_areas = 240, 20
    community = np.arange(n) % n_areas

    def factor(variance, shape):
        return rng.gamma(1 / variance, variance, shape) if variance else np.ones(shape)

    mean = rng.gamma(1.0, 1.5, n)
    rates = (
        mean * factor(city, (n_dates, 1)) * factor(area, (n_dates, n_areas))[:, community] * factor(own, (n_dates, n))
    )
    y = rng.poisson(rng.gamma(rates / clumping, clumping) if clumping else rates)
    ids = [f"G{i:03d}" for i in range(n)]
    dates = pd.date_range("2025-01-06", periods=n_dates, freq="7D", tz="UTC")
    scores = pd.DataFrame({"grid_id": ids * n_dates, "as_of": dates.repeat(n), "expected": np.tile(mean, n_dates)})
    grids = pd.DataFrame({"grid_id": ids, "community_id": [f"C{i:02d}" for i in community], "county_id": "K"})
    return scores, y.ravel().astype(float), grids


def test_what_grids_share_is_found():
    """The variances that the city and its areas share come back from counts drawn with them, and nothing where nothing is shared."""
    for city, area in ((0.05, 0.1), (0.0, 0.1), (0.1, 0.0), (0.0, 0.0)):
        scores, y, grids = world(300, city=city, area=area, own=0.1, clumping=0.3)
        areas = parents_of(scores["grid_id"], grids)[["community_id"]]
        found = common_factors(y, scores["expected"].to_numpy(), scores["as_of"], areas)

        assert found[CITY] == pytest.approx(city, abs=0.015)
        assert found["community_id"] == pytest.approx(area, abs=0.02)


def test_a_city_that_moved_on_is_seen():
    """Where the level had to be fitted to the dates themselves, the city's factor is as large as the level was off."""
    scores, y, _ = world(60)
    expected = scores["expected"].to_numpy()
    plain, moved = (
        common_factors(y, expected, scores["as_of"], before=by * expected, overlap=4)[CITY] for by in (1.0, 0.8)
    )

    assert plain < 0.01
    assert moved == pytest.approx(0.25**2, abs=0.02)


@pytest.mark.parametrize("level", ["community_id", "county_id", CITY])
def test_totals_cover_what_they_say(level):
    """With common factors 90 % intervals of totals cover 90 %; without, those of the city cover far less."""
    truth = {"city": 0.03, "area": 0.05}
    scores, y, grids = world(200, **truth, own=0.1, clumping=0.3, seed=2)
    law = Calibration(dispersion=0.18, clumping=0.3)
    common = {CITY: 0.03, "community_id": 0.05}
    found = totals(scores, grids, level, calibration=law, common=common)
    names = scores["grid_id"].map(grids.set_index("grid_id").assign(city=CITY)[level]).rename(level)
    seen = pd.Series(y).groupby([scores["as_of"], names]).sum().loc[pd.MultiIndex.from_frame(found[["as_of", level]])]
    ends = {"lower_share": found["lower_share"], "upper_share": found["upper_share"]}
    blind = totals(scores, grids, level, calibration=law, common={})

    assert metrics.coverage(seen, found["lower"], found["upper"], **ends) == pytest.approx(0.9, abs=0.05)
    if level == CITY:
        assert metrics.coverage(seen, blind["lower"], blind["upper"]) < 0.6


def test_what_few_dates_told_is_doubted():
    """A city's variance learnt from four dates, each time anew, still covers about 90 % of what comes; taken at its word it covers less."""
    scores, y, grids = world(240, city=0.03, own=0.1, clumping=0.3, seed=4)
    law, dates = Calibration(dispersion=0.13, clumping=0.3), scores["as_of"].drop_duplicates()
    widened, plain = [], []
    for first in range(0, 240, 6):
        told, asked = (
            scores["as_of"].isin(dates.iloc[at]).to_numpy()
            for at in (slice(first, first + 4), slice(first + 4, first + 6))
        )
        common = common_factors(y[told], scores.loc[told, "expected"].to_numpy(), scores.loc[told, "as_of"])
        seen = pd.Series(y[asked]).groupby(scores.loc[asked, "as_of"].to_numpy()).sum().to_numpy()
        for variances, covered in ((common, widened), ({CITY: common[CITY]}, plain)):
            found = totals(scores[asked], grids, CITY, calibration=law, common=variances)
            covered += [*((seen >= found["lower"]) & (seen <= found["upper"]))]

    assert common[INDEPENDENT] == 4
    assert np.mean(plain) < np.mean(widened) - 0.05
    assert 0.84 < np.mean(widened) < 0.98


def test_totals_add_up():
    """Expected totals of every level add up to the grids' own, and a total's interval holds its expected count."""
    scores, _, grids = world(2)
    sums = []
    for level in ("community_id", "county_id", CITY):
        found = totals(scores, grids, level, calibration=Calibration(dispersion=0.2, clumping=0.1), common={CITY: 0.05})
        sums.append(found.groupby("as_of")["expected"].sum().to_numpy())

        assert found["n_grids"].sum() == len(scores)
        assert (found["lower"] <= found["expected"]).all()
        assert (found["upper"] >= found["expected"]).all()
    own = scores.groupby("as_of")["expected"].sum().to_numpy()
    assert np.abs(np.array(sums) / own - 1).max() < 1e-12


def test_totals_refuse_what_they_would_lose():
    """A level that is not there, or a grid without a parent, is refused rather than left out of a sum."""
    scores, _, grids = world(1)
    law = {"calibration": Calibration(), "common": {}}
    with pytest.raises(DataError, match=r"no level 'comunity_id' .*did you mean 'community_id'"):
        totals(scores, grids, "comunity_id", **law)
    with pytest.raises(DataError, match="G007 has no community_id"):
        totals(
            scores,
            grids.assign(community_id=grids["community_id"].mask(grids["grid_id"] == "G007")),
            "community_id",
            **law,
        )


def test_a_model_tells_places_and_totals():
    """A trained model's scores say each grid's probability of being listed, and its totals those of the town's larger areas."""
    model, night = towns.model(), towns.night()
    scores = score(model, night, capacity=10)
    grids = towns.city().read("grids")
    found = model.totals(scores, grids, "community_id")

    assert scores["p_in_top"].sum() == pytest.approx(10)
    assert scores["p_in_top"].is_monotonic_decreasing
    assert found["expected"].sum() == pytest.approx(scores["expected"].sum())
    pd.testing.assert_frame_equal(found, model.totals(scores.sample(frac=1, random_state=1), grids, "community_id"))
    assert score(model, night, capacity=10).equals(scores)
