"""The model: the same from the same panel, whole after a trip to disk, honest about what it may score."""

import dataclasses
import functools
import hashlib
import json
import random
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import towns
from hypothesis import given, settings
from hypothesis import strategies as st

from riskwarn.baseline import Line
from riskwarn.calibration import Calibration
from riskwarn.errors import DataError, DefinitionError, LabelError, NotFoundError, StaleDataError
from riskwarn.experiment import ModelSettings
from riskwarn.feature import (
    Count,
    Cusum,
    DaysSince,
    Faded,
    Observed,
    Open,
    Overdue,
    OverdueDays,
    Own,
    Recent,
    Rise,
    Season,
)
from riskwarn.history import History, Stream
from riskwarn.label import HALF_LIVES
from riskwarn.model import RiskModel, fitting
from riskwarn.model.model import FORMAT
from riskwarn.model.tide import Tide
from riskwarn.panel import panel_of
from riskwarn.scoring import score
from riskwarn.stack import stack

SMALL = RiskModel(
    tuple(Own(towns.LABEL.streams, weeks) for weeks in (4, 8)),
    towns.LABEL,
    ModelSettings(n_trees=8, min_rows_in_leaf=20),
)


def test_the_same_panel_gives_the_same_version():
    """Training twice gives the same trees, calibration and version; another outcome gives another version."""
    panel = towns.drawn_panel()
    first = SMALL.fit(panel)

    assert SMALL.fit(panel.copy()).version == first.version
    assert SMALL.fit(panel.assign(y=panel["y"] + (panel.index == 7))).version != first.version


def test_order_of_rows_and_columns_does_not_matter():
    """A shuffled panel trains the same model, and is scored the same, row by row."""
    panel = towns.drawn_panel()
    shuffled = panel.sample(frac=1, random_state=1)[list(reversed(panel.columns))]
    first = SMALL.fit(panel)

    assert SMALL.fit(shuffled).version == first.version
    pd.testing.assert_frame_equal(first.predict(shuffled).sort_index(), first.predict(panel))


def test_scoring_some_is_scoring_all():
    """A grid's numbers do not depend on which others are asked for."""
    model, night = towns.model(), towns.night()
    some = night.sample(15, random_state=2)

    pd.testing.assert_frame_equal(model.predict(some), model.predict(night).loc[some.index])


def test_contributions_add_up():
    """The contributions of a row and the base make the margin, to 1e-9, and the margin is the log of the expected count."""
    model, night = towns.model(), towns.night()
    parts = model.contributions(night)

    assert parts.columns.tolist() == [*model.feature_names, "base"]
    assert np.abs(parts.sum(axis=1) - model.margin(night)).max() < 1e-9
    assert np.allclose(np.exp(model.margin(night)), model.predict(night)["expected"])
    assert (parts["base"] == parts["base"].iloc[0]).all()


def test_numbers_keep_their_ranges():
    """Probability is in (0, 1), expected counts are positive, the interval is ordered and holds the expected count's whole part."""
    found = towns.model().predict(towns.panel())

    assert np.isfinite(found.to_numpy()).all()
    assert found["probability"].between(0, 1, inclusive="neither").all()
    assert (found["expected"] > 0).all()
    assert (found["lower"] <= found["upper"]).all()
    assert (found["expected"] <= found["upper"] + 1).all()
    assert (found["probability"] <= found["expected"] + 1e-12).all()


def test_a_higher_score_is_a_higher_probability():
    """Score, expected count and probability order grids alike."""
    found = towns.model().predict(towns.night()).sort_values("score")

    assert found["expected"].is_monotonic_increasing
    assert found["probability"].is_monotonic_increasing


# --- silence and requests

COUNTED = (
    Own(towns.LABEL.streams, 4),
    Count("police_call", days=28),
    Count("petition", days=28).nearby(),
    Recent("petition", half_life=14),
    Open("petition"),
    Overdue("petition"),
    OverdueDays("petition"),
    DaysSince("petition"),
    Observed("petition"),
    Season("sin"),
)


@functools.cache
def misled(objective: str) -> tuple[RiskModel, pd.DataFrame]:
    """A model of outcomes that fall with every number that may only raise a score, and what it learnt from."""
    rng = np.random.default_rng(5)
    dates = pd.date_range("2025-01-06", periods=24, freq="7D", tz="UTC")
    panel = pd.DataFrame({"as_of": np.tile(dates, 60), "grid_id": np.repeat([f"G{i:02}" for i in range(60)], 24)})
    for feature in COUNTED:
        panel[feature.name] = rng.poisson(2.0, len(panel)).astype("float32")
    signs = np.array([f.monotone or 1 for f in COUNTED])
    log_rate = 1.0 - (np.log1p(panel[[f.name for f in COUNTED]].to_numpy()) * signs * rng.uniform(0, 0.4, 10)).sum(
        axis=1
    )
    panel["y"] = rng.poisson(np.exp(log_rate)).astype(float)
    grown = ModelSettings(n_trees=20, min_rows_in_leaf=20, objective=objective)
    return RiskModel(COUNTED, towns.LABEL, grown).fit(panel), panel


@pytest.mark.parametrize("objective", ["poisson", "lambdarank"])
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_what_is_open_or_asked_for_never_lowers_a_score(objective, data):
    """However the past lies, one more record, open or late case, a more recent request or a day less observed scores no lower, all else equal."""
    model, panel = misled(objective)
    feature = data.draw(st.sampled_from([f for f in COUNTED if f.monotone]))
    rows = panel.iloc[data.draw(st.integers(0, len(panel) - 200)) :][:200]
    by = np.float32(data.draw(st.floats(0.01, 50)) * feature.monotone)

    assert (model.margin(rows.assign(**{feature.name: rows[feature.name] + by})) >= model.margin(rows) - 1e-9).all()


def test_what_has_no_side_may_fall():
    """The law binds counts alone: a season lowers the score where it did."""
    model, panel = misled("poisson")
    moved = model.margin(panel.assign(season_sin=panel["season_sin"] + 5)) - model.margin(panel)

    assert (moved < 0).any()


def test_a_request_more_lowers_no_score():
    """One more call yesterday, anywhere, lowers the score of no grid of a model that counts them in all ways there are."""
    asked = Stream("police_call")
    features = (
        *(Count(asked, days=days) for days in (7, 28, 364)),
        *(Count(asked, days=28).nearby(), Count(asked, days=28).of_parent()),
        *(Rise(asked, days=7), Cusum(asked, weeks=4), Recent(asked, half_life=14), DaysSince(asked)),
        *(Own((asked,), 4), Faded((asked,), 28)),
    )
    rng = np.random.default_rng(0)
    day = pd.Timestamp("2025-01-01", tz="Asia/Shanghai")
    occurred = day + pd.to_timedelta(np.sort(rng.uniform(0, 400, 2000)), unit="D").floor("s")
    events = pd.DataFrame(
        {"source": "police_call", "event_id": [f"e{i}" for i in range(2000)], "occurred_at": occurred}
    )
    events = events.assign(known_at=events["occurred_at"], category="P04", grid_id=rng.choice([*"ABCDEFGH"], 2000))
    grids = pd.DataFrame({"grid_id": [*"ABCDEFGH"], "valid_from": day, "x_km": np.arange(8.0), "y_km": 0.0})
    grids["township_id"] = [*"SSSSTTTT"]
    dates = pd.date_range("2025-06-02", "2026-01-26", freq="7D", tz="Asia/Shanghai")
    panel = panel_of(History.of(events, grids, until="2026-02-05"), features, dates)
    panel["y"] = rng.poisson(np.exp(1 - 0.2 * panel[features[1].name].to_numpy())).astype(float)
    model = RiskModel(features, towns.LABEL, ModelSettings(n_trees=20, min_rows_in_leaf=10)).fit(panel)
    night, more = [pd.Timestamp("2026-02-02", tz="Asia/Shanghai")], events.iloc[[0]].assign(event_id="more")
    more["occurred_at"] = more["known_at"] = night[0] - pd.Timedelta(hours=30)
    before = model.margin(panel_of(History.of(events, grids, until="2026-02-05"), features, night))
    for grid in grids["grid_id"]:
        told = History.of(pd.concat([events, more.assign(grid_id=grid)]), grids, until="2026-02-05")

        assert (model.margin(panel_of(told, features, night)) >= before - 1e-9).all()


# --- on disk


def test_a_model_survives_save_and_load(tmp_path):
    """The model read back has the same version, facts, numbers and contributions, bit for bit."""
    model, night = towns.model(), towns.night()
    found = RiskModel.load(model.save(tmp_path / "bundle"))

    assert found.version == model.version
    assert found.facts == model.facts
    assert found.features == model.features
    assert found.settings == model.settings
    pd.testing.assert_frame_equal(found.predict(night), model.predict(night), check_exact=True)
    pd.testing.assert_frame_equal(found.contributions(night), model.contributions(night), check_exact=True)
    assert RiskModel.load(found.save(tmp_path / "again")).version == model.version


def damaged(bundle, target, luck):
    """A copy of the bundle with one change: a bit, a byte, a cut, an added line, or two files swapped."""
    shutil.copytree(bundle, target)
    part = target / luck.choice(["model.json", "trees.txt", "SHA256SUMS"])
    content = bytearray(part.read_bytes())
    at = luck.randrange(len(content))
    kind = luck.choice(["bit", "byte", "cut", "line", "swap"])
    if kind == "bit":
        content[at] ^= 1 << luck.randrange(8)
    elif kind == "byte":
        content[at] = (content[at] + luck.randrange(1, 256)) % 256
    elif kind == "cut":
        del content[at:]
    elif kind == "line":
        content[at:at] = b"\n"
    else:
        content = bytearray((target / ("trees.txt" if part.name != "trees.txt" else "model.json")).read_bytes())
    part.write_bytes(content)


def refuse_all(tmp_path, monkeypatch, times):
    bundle = SMALL.fit(towns.drawn_panel()).save(tmp_path / "bundle")
    read = []
    monkeypatch.setattr("riskwarn.model.bundle.json.loads", read.append)
    monkeypatch.setattr("lightgbm.Booster", lambda **_: read.append("trees"))
    luck = random.Random(5)
    for n in range(times):
        damaged(bundle, tmp_path / f"d{n}", luck)
        with pytest.raises(DataError, match="damaged or was swapped"):
            RiskModel.load(tmp_path / f"d{n}")
        shutil.rmtree(tmp_path / f"d{n}")
    assert read == []


def test_a_damaged_bundle_is_refused_before_it_is_read(tmp_path, monkeypatch):
    """Of 100 damaged bundles none is loaded, and no parser sees a byte of them."""
    refuse_all(tmp_path, monkeypatch, 100)


@pytest.mark.slow
def test_two_thousand_damaged_bundles(tmp_path, monkeypatch):
    """The same for 2,000."""
    refuse_all(tmp_path, monkeypatch, 2000)


@pytest.mark.parametrize("name", ["model.json", "trees.txt", "SHA256SUMS"])
def test_a_bundle_lacks_a_file(tmp_path, name):
    """The message names the file that is missing."""
    bundle = SMALL.fit(towns.drawn_panel()).save(tmp_path / "bundle")
    (bundle / name).unlink()
    with pytest.raises(NotFoundError, match=f"no model in .*{name} wanted"):
        RiskModel.load(bundle)


def test_a_bundle_is_plain_text_that_sha256sum_can_check(tmp_path):
    """Nothing in a bundle can run: JSON, LightGBM's text, and digests in the usual form."""
    bundle = SMALL.fit(towns.drawn_panel()).save(tmp_path / "bundle")

    assert sorted(p.name for p in bundle.iterdir()) == ["SHA256SUMS", "model.json", "trees.txt"]
    assert json.loads((bundle / "model.json").read_text("utf-8"))["label"]["name"] == "call_7d"
    assert all(len(line.split("  ")[0]) == 64 for line in (bundle / "SHA256SUMS").read_text().splitlines())


def rewritten(bundle, change):
    """The bundle with `change` done to the content of its model.json, and its digests renewed."""
    body = json.loads((bundle / "model.json").read_text("utf-8"))
    change(body)
    (bundle / "model.json").write_text(json.dumps(body), "utf-8")
    sums = [f"{hashlib.sha256((bundle / n).read_bytes()).hexdigest()}  {n}\n" for n in ("model.json", "trees.txt")]
    (bundle / "SHA256SUMS").write_text("".join(sums), "utf-8")


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b["calibration"].update(knots=[1]),
        lambda b: b.pop("line"),
        lambda b: b["settings"].pop("seed") and b["settings"].update(sede=1),
        lambda b: b.update(format=FORMAT + 1),
    ],
)
def test_a_bundle_of_another_version_is_told(tmp_path, change):
    """What this version cannot read is refused with what to do, not with a trace of its insides."""
    bundle = SMALL.fit(towns.drawn_panel()).save(tmp_path / "bundle")
    rewritten(bundle, change)
    with pytest.raises(DataError, match=r"another version of riskwarn.*Train it again"):
        RiskModel.load(bundle, trusted=True)


def test_shares_make_one_log_rate():
    """Trees, rate, line and counts share the log rate whole: none is negative, they add up to one, and the margin is their sum, calibrated."""
    model, night = towns.model(), towns.night()
    shares = [model.tree_share, model.rate_share, model.line_share, *model.counts.weights.values()]
    raw = model.tree_share * model.tree_margin(night) + model.rate_share * model.rate.margin(night)
    raw = raw + model.line_share * model.line.margin(night) + model.counts.margin(night)

    assert min(shares) > -1e-12
    assert sum(shares) == pytest.approx(1)
    assert set(model.counts.weights) <= {"prior_4w", "prior_15w", "prior_52w"}
    assert np.allclose(model.shape_margin(night), model.calibration.level + model.calibration.slope * raw)


@pytest.mark.parametrize(("kind", "held_to"), [("count", [2, 3, 4]), ("first", []), ("emergence", [])])
def test_only_a_count_falls_back_to_counts(monkeypatch, kind, held_to):
    """Where evidence is thin a count is held to the additive rate or a prior count; an outcome about change has no such rivals."""
    asked = []

    def watched(rates, *given, rivals, **options):
        asked.append(list(rivals))
        return stack(rates, *given, rivals=rivals, **options)

    monkeypatch.setattr(fitting, "stack", watched)
    panel = towns.drawn_panel()
    label = dataclasses.replace(SMALL.label, kind=kind)
    panel["y"] = panel["y"] if kind == "count" else (panel["y"] > 0).astype("float32")
    dataclasses.replace(SMALL, label=label).fit(panel)

    assert asked == [held_to]


def test_an_outcome_that_comes_once_has_a_chance():
    """What is expected of a first event is its probability, one less the chance that its rate brings none; a bundle says so, and one of before keeps its own reading."""
    panel = towns.drawn_panel()
    panel["y"] = (panel["y"] > 0).astype("float32")
    model = dataclasses.replace(SMALL, label=dataclasses.replace(SMALL.label, kind="first")).fit(panel)
    told = model.predict(panel)
    before = dataclasses.replace(model, calibration=Calibration(**model.calibration.to_dict() | {"chance": False}))

    assert model.calibration.chance
    np.testing.assert_allclose(told["expected"], -np.expm1(-np.exp(model.margin(panel))), rtol=1e-12)
    np.testing.assert_array_equal(told["expected"], told["probability"])
    np.testing.assert_allclose(before.predict(panel)["expected"], np.exp(before.margin(panel)), rtol=1e-12)
    assert "chance" not in before.calibration.to_dict()
    assert towns.model().calibration.to_dict().keys() == {"level", "slope", "dispersion", "clumping"}


@pytest.mark.parametrize(
    ("kind", "rate_of", "added"),
    [
        ("count", "feeds", ["police_call_n_28d", "petition_n_28d", "petition_open_n"]),
        ("count", "label", []),
        ("first", "feeds", []),
    ],
)
def test_a_rate_of_all_feeds_adds_up_what_counts(kind, rate_of, added):
    """A count's rate adds, where it is wanted, what every feed counts to the label's own past; that of an outcome about change stays with that past."""
    others = (Count("police_call", days=28), Count("petition", days=28), Open("petition"), DaysSince("petition"))
    panel, rng = towns.drawn_panel(), np.random.default_rng(4)
    panel = panel.assign(**{f.name: rng.poisson(2.0, len(panel)).astype("float32") for f in others})
    panel["y"] = panel["y"] + panel["petition_n_28d"] if kind == "count" else (panel["y"] > 0).astype("float32")
    streams = towns.LABEL.streams
    own = [f for days in HALF_LIVES for f in (Faded(streams, days), Faded(streams, days).nearby())]
    settings = ModelSettings(n_trees=2, min_rows_in_leaf=20, rate_of=rate_of)
    rate = RiskModel((*own, *others), dataclasses.replace(towns.LABEL, kind=kind), settings).fit(panel).rate

    assert list(rate.weights) == [*(f.name for f in own), *added]
    assert min(rate.weights.values()) >= 0
    if added:
        assert rate.weights["petition_n_28d"] == pytest.approx(1, abs=0.3)


def test_a_rate_of_many_rows_learns_from_some_dates(monkeypatch):
    """Where rows and columns are many the rate takes every so many dates, the last among them, and the same whatever the order of rows."""
    panel = towns.drawn_panel()
    monkeypatch.setattr(fitting, "_RATE_CELLS", len(panel))
    some = fitting._some(panel, 3)

    dates = np.sort(panel["as_of"].unique())
    assert np.sort(some["as_of"].unique()).tolist() == dates[::-1][::3][::-1].tolist()
    assert fitting._some(panel, 1) is panel


def test_what_was_judged_is_what_forecasts():
    """The trees that the latest dates judged are those of the fitted model; rate and line know the latest dates as well."""
    panel = towns.drawn_panel()
    dates = panel["as_of"].unique()
    latest = panel["as_of"] >= dates[-3]
    plain, moved = SMALL.fit(panel), SMALL.fit(panel.assign(y=panel["y"].mask(latest, panel["y"] * 3)))

    assert moved.trees == plain.trees
    assert moved.rate != plain.rate
    assert moved.line != plain.line


def test_counts_hear_of_the_season_once_a_year_was_seen():
    """Rate and counts move with the line's season, as far as they share the log rate; in less than a year of dates there is none."""
    season = Season("sin")
    asked = dataclasses.replace(SMALL, features=(*SMALL.features, season))
    short, long = (towns.drawn_panel(n_dates=n) for n in (40, 60))
    for panel in (short, long):
        panel[season.name] = np.sin(2 * np.pi * panel["as_of"].dt.day_of_year / 365.25).astype(np.float32)
        panel["y"] = panel["y"] * (2 + panel[season.name]).round()
    early, late = asked.fit(short), asked.fit(long)
    counting = dataclasses.replace(late, rate_share=1.0, line_share=0.0, counts=Line())
    summer, winter = (long.assign(**{season.name: np.float32(v)}) for v in (1, -1))
    moved = counting.margin(summer) - counting.margin(winter)

    assert not early.season.weights
    assert late.season.weights[season.name] > 0
    assert np.allclose(moved, late.calibration.slope * 2 * np.log(2) * late.season.weights[season.name])


def test_intervals_know_how_far_the_city_moves():
    """Where the latest dates' level had moved away from what the earlier ones told, intervals are wider than where it had not."""
    panel = towns.drawn_panel()
    late = panel["as_of"] >= panel["as_of"].unique()[-10]
    calm, moved = SMALL.fit(panel), SMALL.fit(panel.assign(y=panel["y"].mask(late, panel["y"] * 2)))

    assert moved.common["city"] > calm.common["city"] + 0.1
    assert moved.calibration.dispersion > moved.common["city"] / 2 > calm.calibration.dispersion


@pytest.mark.parametrize("objective", ["tweedie", "negative_binomial", "binary", "lambdarank"])
def test_every_objective_gives_the_same_columns(objective):
    """Whatever the trees are grown for: counts on their own level, contributions that add up, the busy ahead, the same in any order of rows."""
    panel = towns.drawn_panel(effect=2.0)
    model = dataclasses.replace(SMALL, settings=dataclasses.replace(SMALL.settings, objective=objective))
    fitted = model.fit(panel)
    found = fitted.predict(panel)
    busy = panel.groupby("grid_id", observed=True)["y"].transform("mean")

    assert found["expected"].mean() == pytest.approx(panel["y"].mean(), rel=0.2)
    assert np.corrcoef(found["score"], np.log(busy + 0.1))[0, 1] > 0.8
    assert np.abs(fitted.contributions(panel).sum(axis=1) - fitted.margin(panel)).max() < 1e-9
    assert model.fit(panel.sample(frac=1, random_state=3)).version == fitted.version
    assert fitted.trees != SMALL.fit(panel).trees


# --- what may train, what may be scored


def test_labels_that_are_not_settled_never_train():
    """A row without an outcome changes nothing, whatever its features say."""
    panel = towns.drawn_panel()
    late = panel["as_of"] > panel["as_of"].unique()[-6]
    wild = panel.assign(prior_4w=panel["prior_4w"].mask(late, 1e6), y=panel["y"].mask(late))

    assert SMALL.fit(wild).version == SMALL.fit(panel[~late]).version


@pytest.mark.parametrize("y", [0.0, 3.0])
def test_one_class_cannot_train(y):
    """If every outcome is alike there is nothing to learn, and it is said so."""
    with pytest.raises(LabelError, match="one class cannot train"):
        SMALL.fit(towns.drawn_panel().assign(y=y))


def test_too_few_dates_cannot_train():
    """A rehearsal needs dates before the calibration's, a horizon apart."""
    panel = towns.drawn_panel()
    with pytest.raises(LabelError, match="too few to train and calibrate apart"):
        SMALL.fit(panel[panel["as_of"] == panel["as_of"].min()])


def test_a_model_that_is_not_fitted_says_so():
    """Scoring before training is told."""
    with pytest.raises(DefinitionError, match="not fitted"):
        SMALL.predict(towns.drawn_panel())


def test_a_missing_feature_is_told():
    """A panel built with other features is refused, naming what it lacks; an empty one too."""
    model = SMALL.fit(towns.drawn_panel())
    with pytest.raises(DataError, match="lacks 1 features the model reads, first: prior_8w"):
        model.predict(towns.drawn_panel().drop(columns="prior_8w"))
    with pytest.raises(DataError, match="no rows"):
        model.predict(towns.drawn_panel().iloc[:0])


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e300, "many"])
def test_what_is_no_finite_number_is_refused(value):
    """Text or an infinite value in a feature, to train or to score by, is refused in a sentence with column, value, grid and date; missing is neither."""
    panel = towns.drawn_panel()
    fitted = SMALL.fit(panel.assign(prior_8w=panel["prior_8w"].where(panel.index != 1167)))
    wrong = panel.assign(prior_8w=panel["prior_8w"].astype(object if isinstance(value, str) else float))
    wrong.loc[1167, "prior_8w"] = value
    grid, at = panel.loc[1167, ["grid_id", "as_of"]]
    told = repr(value) if isinstance(value, str) else str(value)
    for ask in (SMALL.fit, fitted.predict, fitted.contributions):
        with pytest.raises(
            DataError, match=re.escape(f"feature prior_8w is {told} at grid_id {grid}, as_of {at}; wanted")
        ):
            ask(wrong)


def test_an_infinite_total_of_the_city_is_refused():
    """What the tide alone reads is looked at like any other feature; rows without keys are told by their number."""
    model = dataclasses.replace(SMALL.fit(towns.drawn_panel()), tide=Tide({"city_7d": 0.5}, {"city_7d": 7.0}))
    rows = towns.drawn_panel()[["prior_4w", "prior_8w"]].assign(city_7d=np.inf)
    with pytest.raises(DataError, match="feature city_7d is inf at row 0; wanted a finite number"):
        model.margin(rows)


def test_scores_of_the_past_are_refused():
    """A date whose outcome the model may have seen is refused; the first date after the last training outcome settled is not."""
    panel = towns.drawn_panel()
    model = SMALL.fit(panel)
    last = panel["as_of"].max()
    rows = panel[panel["as_of"] == last]
    with pytest.raises(StaleDataError, match="would have seen its own outcome"):
        score(model, rows.assign(as_of=last + pd.Timedelta(days=7) - pd.Timedelta(seconds=1)))

    assert len(score(model, rows.assign(as_of=last + pd.Timedelta(days=7)))) == 30


def test_a_scored_night_is_a_table_of_ranks():
    """Ranks are 1 to n, the riskiest first, one row a grid, each knowing the model that made it."""
    model, night = towns.model(), towns.night()
    found = score(model, night)

    assert found["rank"].tolist() == list(range(1, len(night) + 1))
    assert found["expected"].is_monotonic_decreasing
    assert set(found["grid_id"]) == set(night["grid_id"])
    assert set(found["model_version"]) == {model.version}
    assert set(found["target"]) == {towns.TARGET}


def test_ties_of_a_night_are_broken_by_grid():
    """Grids with equal scores are ranked in the order of the panel, so a rerun gives the same list."""
    panel = towns.drawn_panel()
    rows = panel[panel["as_of"] == panel["as_of"].max()].assign(prior_4w=1.0, prior_8w=2.0)
    found = score(SMALL.fit(panel), rows.assign(as_of=rows["as_of"] + pd.Timedelta(days=30)))

    assert found["grid_id"].tolist() == sorted(found["grid_id"])


def test_a_model_learns_what_is_there():
    """Where half the grids are ten times as busy, the model expects them to be, and says how many."""
    panel = towns.drawn_panel(effect=2.0)
    found = SMALL.fit(panel).predict(panel)
    busy = panel.groupby("grid_id", observed=True)["y"].transform("mean")

    assert np.corrcoef(found["expected"], busy)[0, 1] > 0.9
    assert found["expected"].mean() == pytest.approx(panel["y"].mean(), rel=0.15)


def test_threads_do_not_change_a_model(monkeypatch):
    """One thread or two grow the same model."""
    panel = towns.drawn_panel()
    monkeypatch.setenv("RISKWARN_THREADS", "2")
    two = SMALL.fit(panel).version
    monkeypatch.setenv("RISKWARN_THREADS", "1")

    assert SMALL.fit(panel).version == two


def test_settings_reach_the_trees():
    """As many trees are grown as were asked for."""
    grown = dataclasses.replace(SMALL, settings=ModelSettings(n_trees=3, min_rows_in_leaf=20)).fit(towns.drawn_panel())

    assert grown.trees.count("Tree=") == 3
