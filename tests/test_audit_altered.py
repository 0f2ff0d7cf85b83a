"""What the list hangs on: places of those who report less, and what false reports can do."""

import dataclasses

import numpy as np
import pytest
import towns

from riskwarn import audit
from riskwarn.audit.forging import HELD_BACK
from riskwarn.audit.listed import first_places, nights_of, ranks_of
from riskwarn.audit.thinning import DRAWS
from riskwarn.counted import count_model
from riskwarn.experiment import Gate, Judge
from riskwarn.feature import Own
from riskwarn.history import History
from riskwarn.history.altering import forged
from riskwarn.panel import panel_of

SHARE = 0.2
"""Of the grids on the list, so that 40 of the town's 200 places are asked about."""


@pytest.fixture(scope="module")
def history():
    return History.load(towns.city())


@pytest.fixture(scope="module")
def experiment():
    """The town's question with a longer list, each kind of area asked about."""
    asked = towns.experiment()
    return dataclasses.replace(asked, judge=Judge((SHARE, 0.5)), gate=Gate(slices=("urban_class", "county_id")))


@pytest.fixture(scope="module")
def found(history, experiment):
    return audit.under_reporting(towns.model(), history, experiment, as_of=towns.NIGHT)


def test_every_group_and_half_of_the_city_are_asked(found, history):
    """A row a kind of area that the grids tell, and one for a drawn half; groups of a column have all its grids."""
    for by in ("urban_class", "county_id"):
        rows = found[found["by"] == by]
        assert sorted(rows["group"]) == sorted(history.grids[by].dropna().astype(str).unique())
        assert rows["n_grids"].sum() == history.grids[by].notna().sum()
    [half] = found[found["by"] == audit.HALF].itertuples()
    assert half.n_grids == len(history.grids) // 2


def test_who_reports_half_as_much_loses_places(found):
    """In the town a drawn half keeps some of its places and not all, by the model and by the count."""
    [half] = found[found["by"] == audit.HALF].itertuples()

    assert 0 < half.kept < 0.9
    assert 0 < half.count_kept < 0.9


def test_the_count_itself_is_as_bad_as_the_count(history, experiment):
    """A model that is the count keeps what the count keeps, so it passes wherever it is judged."""
    dates = towns.panel()["as_of"].unique()[-20:]
    label = towns.experiment().label
    model = count_model(label, 52, panel_of(history, (Own(label.streams, 52),), dates, label=label))
    rows = audit.under_reporting(model, history, experiment, as_of=towns.NIGHT)
    judged = rows[rows["verdict"] != audit.INSUFFICIENT]

    assert np.allclose(judged["kept"], judged["count_kept"])
    assert set(judged["verdict"]) == {audit.PASSED}
    assert audit.HALF in set(judged["by"])


def test_a_model_that_makes_it_worse_fails(history, experiment, monkeypatch):
    """One that lists only who reported most of all, and the others by their number, gives a thinned half nearly nothing."""

    def steep(model, altered, as_of):
        nights = dict(nights_of(model, altered, as_of))
        usual = nights_of(model, history, as_of)["count"]
        nights["model"] = nights["count"].where(nights["count"] >= 0.75 * usual, -1.0)
        return nights

    monkeypatch.setattr("riskwarn.audit.thinning.nights_of", steep)
    rows = audit.under_reporting(towns.model(), history, experiment, as_of=towns.NIGHT)
    [half] = rows[rows["by"] == audit.HALF].itertuples()

    assert half.kept < 0.8 * half.count_kept
    assert half.verdict == audit.FAILED


def test_too_few_places_are_not_judged(history, experiment):
    """A list of two places says nothing of anybody, and no share is claimed."""
    short = dataclasses.replace(experiment, judge=Judge((0.01, 0.5)))
    rows = audit.under_reporting(towns.model(), history, short, as_of=towns.NIGHT)

    assert set(rows["verdict"]) == {audit.INSUFFICIENT}
    assert rows["kept"].isna().all()
    assert DRAWS > 1


@pytest.fixture(scope="module")
def tampered(history):
    return audit.false_reports(towns.model(), history, as_of=towns.NIGHT, share=SHARE, n_grids=4)


def test_more_false_reports_move_a_grid_farther(tampered):
    """By model and by count the median gain does not fall with the dose, nor does the loss with what is kept back."""
    for _, rows in tampered[tampered["places"].notna()].groupby(["what", "by"]):
        assert rows.sort_values("share")["places"].is_monotonic_increasing
        assert (rows["places"] <= rows["most"]).all()
    assert sorted(set(tampered.loc[tampered["what"] == "kept back", "share"])) == [*HELD_BACK]


def test_a_few_false_reports_among_a_citys_buy_no_place(tampered):
    """One in a hundred of what a grid itself reports in a year brings none of the grids tried onto the list of the town."""
    small = tampered[(tampered["what"] == "forged: of grid") & (tampered["share"] == 0.01)]

    assert set(small["by"]) == {"model", "count"}
    assert (small["crossed"] <= 0.25).all()


def test_the_price_is_what_a_place_costs(history):
    """So many false reports bring a grid onto the list, half as many do not."""
    model, n = towns.model(), first_places(SHARE, len(history.grids))
    prices = audit.false_reports(model, history, as_of=towns.NIGHT, share=SHARE, n_grids=1).set_index(["what", "by"])
    price = int(prices.loc[("price of a place", "model"), "reports"])
    ranks = ranks_of(nights_of(model, history, towns.NIGHT)["model"])
    [grid] = np.flatnonzero(ranks == n + 1)

    def rank(reports):
        more = forged(history, model.label.streams, int(grid), n=reports, as_of=towns.NIGHT, seed=int(grid))
        return ranks_of(nights_of(model, more, towns.NIGHT)["model"])[grid]

    assert rank(price) <= n
    assert price == 1 or rank(price // 2) > n
