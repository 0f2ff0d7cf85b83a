"""The level of the city: forecast from its own totals, apart from the shape, bounded, told once, and the same for a grid as for the city."""

import dataclasses
import functools
import json
import shutil

import numpy as np
import pandas as pd
import pytest
import towns

from riskwarn.errors import DataError
from riskwarn.experiment import ModelSettings
from riskwarn.explanation import family_contributions, pick_reasons, tide_facts
from riskwarn.feature import Faded, OfCity, Own
from riskwarn.history import History, Stream
from riskwarn.label import Label
from riskwarn.model import RiskModel
from riskwarn.model.golden import difference
from riskwarn.model.tide import LIMIT, Tide
from riskwarn.monitoring.drift import calibration_marks
from riskwarn.panel import panel_of

STREAM = (Stream("police_call"),)
LABEL = Label("call_14d", STREAM, days=14)
READ = (*(Own(STREAM, weeks) for weeks in (4, 26)), *(Faded(STREAM, half_life) for half_life in (7, 28, 91, 364)))
N_GRIDS = 25
FIRST = pd.Timestamp("2022-01-03", tz=towns.ZONE)
DAYS, TURN = 1000, 660
"""Days of the city, and the day from which its wandering total rises for good, by a third in a hundred days."""


def calls(delay_days: float = 0.0, *, seed: int = 1) -> pd.DataFrame:
    """Events of grids of unlike size in a city whose calls wander up and down by a third, and rise from a day on."""
    rng = np.random.default_rng(seed)
    size = rng.gamma(2.0, 0.5, N_GRIDS)
    day = np.arange(DAYS)
    daily = 20.0 * np.exp(0.35 * np.sin(2 * np.pi * np.minimum(day, TURN) / 240) + np.maximum(day - TURN, 0) / 350)
    n = rng.poisson(np.outer(size / size.sum(), daily))
    grid, at = np.repeat(np.indices(n.shape).reshape(2, -1), n.ravel(), axis=1)
    occurred = FIRST + pd.to_timedelta(at + rng.random(len(at)), unit="D")
    known = occurred + pd.to_timedelta(rng.exponential(delay_days, len(at)) if delay_days else 0, unit="D")
    events = pd.DataFrame({"source": "police_call", "event_id": [f"e{i}" for i in range(len(at))], "category": "P04"})
    return events.assign(occurred_at=occurred.as_unit("us"), known_at=known.as_unit("us"), grid_id=names()[grid])


@functools.cache
def history(delay_days: float = 0.0, *, seed: int = 1, until: int = DAYS) -> History:
    """What is known of them by a day."""
    events = calls(delay_days, seed=seed)
    return History.of(events[events["known_at"] < FIRST + pd.Timedelta(days=until)], grids())


def names() -> np.ndarray:
    return np.array([f"G{i:02d}" for i in range(N_GRIDS)])


def grids() -> pd.DataFrame:
    return pd.DataFrame({"grid_id": names(), "valid_from": FIRST})


def dates(first: int, last: int) -> list[pd.Timestamp]:
    """Mondays from one day to another."""
    return [FIRST + pd.DateOffset(days=d) for d in range(first, last, 7)]


def unfitted(city_level: str = "forecast", *, read=READ) -> RiskModel:
    totals = LABEL.totals if city_level == "forecast" else ()
    settings = ModelSettings(n_trees=10, min_rows_in_leaf=50, city_level=city_level)
    return RiskModel((*read, *totals), LABEL, settings)


@functools.cache
def panel(first: int = 200, last: int = 660, delay_days: float = 0.0) -> pd.DataFrame:
    return panel_of(history(delay_days), unfitted().features, dates(first, last), label=LABEL)


@functools.cache
def model(delay_days: float = 0.0) -> RiskModel:
    return unfitted().fit(panel(delay_days=delay_days))


def later(delay_days: float = 0.0) -> pd.DataFrame:
    return panel(700, 970, delay_days=delay_days)


def over_expected(rows: pd.DataFrame, margin: np.ndarray) -> pd.Series:
    """Events over what was expected, by stretches of nine dates."""
    stretch = pd.factorize(rows["as_of"], sort=True)[0] // 9
    sums = pd.DataFrame({"y": rows["y"], "expected": np.exp(margin)}).groupby(stretch).sum()
    return sums["y"] / sums["expected"]


def test_a_rising_total_is_followed_without_new_training():
    """Where the latest level is a third too low within half a year, the forecast level keeps within an eighth, and is nearer ever after."""
    rows = later()
    stays, moves = (over_expected(rows, margin) for margin in (model().shape_margin(rows), model().margin(rows)))

    assert stays[2] > 1.3
    assert moves[:3].between(0.88, 1.125).all()
    assert (np.abs(np.log(moves)) < np.abs(np.log(stays))).all()


def test_what_arrives_late_is_no_falling_level():
    """With a regular delay the last week is never whole; the level knows, for it was so on every date it learnt from."""
    late = panel(200, 660, delay_days=6.0)
    rows = late[late["as_of"] >= dates(560, 561)[0]]
    fitted = unfitted().fit(late[late["as_of"] < dates(540, 541)[0]])

    assert rows["prior_faded_7d_city"].mean() < 0.75 * panel(560, 660)["prior_faded_7d_city"].mean()
    assert abs(np.log(rows["y"].sum() / np.exp(fitted.margin(rows)).sum())) < 0.12


def test_the_level_moves_no_rank():
    """One number is added for all grids of a date."""
    rows = later()
    added = pd.Series(model().margin(rows) - model().shape_margin(rows), index=rows.index)

    assert added.groupby(rows["as_of"]).agg(np.ptp).max() < 1e-12
    assert added.groupby(rows["as_of"]).mean().std() > 0.02


def test_a_grid_alone_is_scored_as_in_the_city():
    """The level is the city's, not that of the rows at hand; one date or many, in any order."""
    rows = later()
    some = rows.sample(40, random_state=3)
    night = panel_of(history(), model().features, [rows["as_of"].max()])

    assert np.array_equal(model().margin(some), model().margin(rows)[rows.index.get_indexer(some.index)])
    assert np.allclose(model().margin(night), model().margin(rows)[rows["as_of"] == rows["as_of"].max()], atol=1e-6)


def test_order_of_rows_does_not_matter():
    """A shuffled panel learns the same level."""
    assert unfitted().fit(panel().sample(frac=1, random_state=1)).version == model().version


def test_the_future_changes_nothing():
    """What is known after the night moves neither its totals nor its level."""
    at = dates(693, 694)
    short = panel_of(history(until=700), model().features, at)

    assert np.array_equal(model().margin(short), model().margin(panel_of(history(), model().features, at)))


def test_a_part_of_the_city_learns_the_level_of_the_city():
    """Left without some grids, a model compares their events with their own past, not with the city's: its level is about the same."""
    rows, tested = panel(), later()
    half = unfitted().fit(rows[rows["grid_id"].astype(str) < "G12"])

    moves, stays = (over_expected(tested, margin) for margin in (half.margin(tested), half.shape_margin(tested)))
    assert moves[:4].between(0.85, 1.15).all()
    assert stays[1:].min() > 1.3


def test_the_level_is_bounded_and_falls_back():
    """Never less than half or more than double; where a total is unknown the latest level stands."""
    rows = later()
    totals = [f.name for f in LABEL.totals]
    many, none, unknown = (rows.assign(**dict.fromkeys(totals, v)) for v in (1e9, 0.0, np.nan))
    alone = rows.assign(prior_faded_7d_city=1e12)

    assert np.abs(model().tide.margin(pd.concat([many, none, alone]))).max() <= LIMIT
    assert np.array_equal(model().margin(unknown), model().shape_margin(unknown))
    assert tide_facts(model(), unknown.iloc[:1])["factor"] == 1


def test_a_total_that_is_not_there_is_not_an_unknown_one():
    """A panel built without the totals of the model is refused, instead of being scored as if the feed had never spoken."""
    total = LABEL.totals[0].name
    with pytest.raises(DataError, match=f"the panel lacks '{total}', a total of the city"):
        model().tide.margin(later().drop(columns=total))


def test_a_young_feed_has_the_latest_level():
    """With too few dates to tell, nothing is forecast and everything is as it was."""
    young = panel(200, 275)
    fitted, plain = unfitted().fit(young), unfitted("latest").fit(young)

    assert not fitted.tide.weights
    assert np.array_equal(fitted.margin(young), plain.margin(young))
    assert fitted.calibration == plain.calibration


def test_records_of_whole_months_tell_no_week():
    """Where every event is dated to the first of its month, and known when that is over, a week's memory is no rate: the latest level stays."""
    events = calls()
    month = events["occurred_at"].dt.strftime("%Y-%m-01").astype("datetime64[us]").dt.tz_localize(towns.ZONE)
    events = events.assign(occurred_at=month, known_at=month + pd.DateOffset(months=1))
    whole = History.of(events[events["known_at"] < FIRST + pd.Timedelta(days=DAYS)], grids())
    label = Label("call_28d", STREAM, days=28, settle_days=31)
    unfitted_model = RiskModel((*READ, *label.totals), label, unfitted().settings)
    rows = panel_of(whole, unfitted_model.features, dates(200, 660), label=label)
    fitted = unfitted_model.fit(rows)

    assert rows["prior_faded_7d_city"].mean() > 0
    assert not fitted.tide.weights
    assert np.array_equal(fitted.margin(rows), fitted.shape_margin(rows))


@pytest.mark.parametrize("factor", [1 / 3, 3.0])
@pytest.mark.parametrize("shorter", [1, 2, 3])
def test_each_shorter_memory_tells_a_rate_or_none_does(shorter, factor):
    """A week that looks like a third of its month, a month like a third of its quarter, a quarter like a third of its year: each is no rate."""
    totals = [f.name for f in LABEL.totals][:shorter]
    rows = panel().assign(**{name: panel()[name] * factor for name in totals})

    assert model().tide.weights
    assert not unfitted().fit(rows).tide.weights


def test_reasons_add_up_with_the_level_as_one_family():
    """What the totals add is one family of its own; it is told once for the city and is no reason of a grid."""
    night = panel_of(history(), model().features, dates(959, 960), normals=model().features)
    total, _ = family_contributions(model(), night)
    parts = model().contributions(night)

    assert np.allclose(parts.sum(axis=1), model().margin(night))
    assert np.allclose(total["police_call_city"], model().tide.margin(night))
    assert not set(pick_reasons(model(), night)["feature"]) & {f.name for f in LABEL.totals}


def test_trees_and_line_read_no_total():
    """The shape is the same with and without a tide."""
    plain = unfitted("latest").fit(panel())

    assert plain.trees == model().trees
    assert np.array_equal(plain.margin(later()), model().shape_margin(later()))
    assert plain.version != model().version


def test_a_model_keeps_its_level(tmp_path):
    """Saved and loaded it says the same, on golden rows too, whose totals are not the night's."""
    loaded = RiskModel.load(model().save(tmp_path), trusted=True)

    assert loaded.version == model().version
    assert np.array_equal(loaded.margin(later()), model().margin(later()))
    assert difference(loaded) == 0
    assert difference(dataclasses.replace(loaded, tide=dataclasses.replace(loaded.tide, start=0.1))) > 0.01


def test_a_bundle_of_before_scores_as_it_did(tmp_path):
    """Without format and tide the level is that of the latest dates; a format that is not known yet is refused."""
    plain = unfitted("latest").fit(panel())
    plain.save(tmp_path / "old")
    _rewrite(tmp_path / "old", drop=("format", "tide"), settings_drop=("city_level",))
    model().save(tmp_path / "new")
    _rewrite(tmp_path / "new", format=99)

    old = RiskModel.load(tmp_path / "old", trusted=True)
    assert old.version == plain.version
    assert old.settings.city_level == "latest"
    assert np.array_equal(old.margin(later()), plain.margin(later()))
    with pytest.raises(DataError, match=r"another version of riskwarn.*format 99, known up to 2"):
        RiskModel.load(tmp_path / "new", trusted=True)


def _rewrite(folder, *, drop=(), settings_drop=(), **changes):
    """Change what a bundle says, with sums that fit."""
    from riskwarn.model import bundle

    body, trees = bundle.read(folder, trusted=True)
    body = {k: v for k, v in json.loads(json.dumps(body)).items() if k not in drop} | changes
    body["settings"] = {k: v for k, v in body["settings"].items() if k not in settings_drop}
    shutil.rmtree(folder)
    bundle.write(folder, body, trees)


def test_intervals_carry_the_doubt_about_the_level():
    """The city's interval is made of how far forecast totals were off, and holds nine in ten of what came while the total rises."""
    rows = later()
    told = rows[["grid_id", "as_of"]].join(model().predict(rows)[["expected"]])
    city = model().totals(told, grids(), "city").set_index("as_of")
    came = rows.groupby("as_of")["y"].sum()

    assert model().common["city"] == model().tide.variance > 0
    assert model().calibration.dispersion >= model().tide.variance
    assert came.between(city["lower"], city["upper"]).mean() > 0.8
    assert ((city["upper"] - city["lower"]) / city["expected"]).median() < 1.0


def test_the_level_is_told_in_one_sentence():
    """Factor, limits and doubt, in every language; nothing where the level stays."""
    facts = tide_facts(model(), later().tail(1))

    assert facts["factor"] == pytest.approx(float(np.exp(model().tide.margin(later().tail(1))[0])))
    assert (facts["least"], facts["most"]) == (0.5, 2.0)
    assert "% above" in facts["said"]["en"]
    assert facts["said"]["zh"].startswith("本期全市总体水平：比模型校准时期高")
    assert tide_facts(unfitted("latest").fit(panel()), later().tail(1)) is None


def test_a_count_that_is_off_by_more_than_the_model_says_warns():
    """A model that follows the level warns of a count above twice its own doubt, however far its training dates were off."""
    dates_off = [pd.DataFrame({"y": [46.0], "expected": [100.0], "probability": [0.9]})]
    fine, much = ([pd.DataFrame({"y": [y], "expected": [10000.0], "probability": [0.9]})] for y in (11500.0, 11700.0))

    assert _state(calibration_marks(dates_off, much, days=14)) == "ok"
    assert _state(calibration_marks(dates_off, fine, days=14, doubt=0.06**2)) == "ok"
    assert _state(calibration_marks(dates_off, much, days=14, doubt=0.06**2)) == "warn"


def _state(marks: pd.DataFrame) -> str:
    return marks.set_index("scope").loc["count", "state"]


def test_a_total_is_of_all_grids():
    """Grids of which nothing is known count as the mean of the others, and a total of nothing is unknown."""
    city = OfCity(Faded(STREAM, 28))
    snapshot = history().at(dates(400, 410))
    each = Faded(STREAM, 28).compute(snapshot)

    assert np.allclose(city.compute(snapshot)[0], each.sum(axis=0), rtol=1e-6)
    assert city.weights(history(), 3).sum() == N_GRIDS
    assert Tide().parts(later()).shape == (len(later()), 0)
    with pytest.raises(DataError, match="lacks 'prior_faded_7d_city'"):
        model().tide.margin(later().drop(columns="prior_faded_7d_city"))
