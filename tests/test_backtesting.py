"""Backtests: honest folds, pooled captures, differences with the right sign, and a yardstick proved on public data."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import towns
from hypothesis import given, settings
from hypothesis import strategies as st

import riskwarn as rw
from riskwarn import metrics
from riskwarn.backtesting import backtest, judged, shared_by
from riskwarn.baseline import Linear, PriorCount
from riskwarn.errors import DefinitionError, LabelError, RiskwarnError
from riskwarn.experiment import Dates, Experiment, Folds, Judge
from riskwarn.notebook import escaped, text_html
from riskwarn.reporting import to_html
from riskwarn.store import Store

ROOT = Path(__file__).parents[1]
SHARED = Path(os.environ.get("RISKWARN_SHARED") or ROOT.parent / "shared") / "data"
DAY = pd.Timestamp("2025-01-06").date()


def question(**changes):
    """A question for drawn panels: two folds of four dates, prior counts of 4 and 8 weeks."""
    plain = Experiment(
        "?",
        towns.LABEL,
        Dates(DAY, DAY),
        (),
        folds=Folds(2, 4, 8),
        baselines=rw.experiment.Baselines((4, 8)),
    )
    return dataclasses.replace(plain, **changes)


PRIORS = [PriorCount(4), PriorCount(8)]


@dataclasses.dataclass(frozen=True)
class Spy:
    """A rival that notes what it is trained on and asked for."""

    seen: list
    name: str = "spy"

    def fit(self, panel):
        self.seen.append([panel["as_of"].max()])
        return self

    def predict(self, panel):
        self.seen[-1].append(panel["as_of"].min())
        return pd.DataFrame({"score": 1.0, "expected": 1.0, "probability": 0.5}, index=panel.index)


@pytest.mark.parametrize("settle_days", [0, 3, 7, 14])
def test_folds_keep_the_gap(settle_days):
    """No row trains whose horizon and settling end after the first date the fold is tested on."""
    label = dataclasses.replace(towns.LABEL, settle_days=settle_days)
    seen = []
    backtest(question(label=label), towns.drawn_panel(), models=[*PRIORS, Spy(seen)], progress=False)

    assert len(seen) == 2
    assert all(trained + pd.Timedelta(days=7 + settle_days) <= tested for trained, tested in seen)
    assert any(trained + pd.Timedelta(days=14 + settle_days) > tested for trained, tested in seen)


def test_rows_without_an_outcome_are_not_judged():
    """Test dates are the last settled ones."""
    panel = towns.drawn_panel()
    late = panel["as_of"] > panel["as_of"].unique()[-6]
    found = backtest(question(), panel.assign(y=panel["y"].mask(late)), models=PRIORS, progress=False)

    assert found.frame["as_of"].max() == panel["as_of"].unique()[-6]


def test_a_planted_leak_is_seen():
    """A column that knows the outcome lifts its model far above every honest rival: the backtest can see a leak."""
    panel = towns.drawn_panel()
    leaky = panel.assign(leak=panel["y"])
    found = backtest(question(folds=Folds(4, 4, 8)), leaky, models=[Linear(("leak",)), *PRIORS], progress=False)
    row = found.differences(["capture_10"]).iloc[0]

    assert row["clear"]
    assert row["difference"] > 0.1
    assert found.table.loc["poisson regression", "pei_10"] > 0.99


def test_differences_are_positive_when_better():
    """Whatever a metric's direction, knowing the outcome is a gain and noise is a loss, against the best baseline."""
    panel = towns.drawn_panel()
    noise = np.random.default_rng(1).normal(size=len(panel))
    for column, sign in (("y", 1), (None, -1)):
        shown = panel.assign(x=panel["y"] if column else noise)
        found = backtest(question(), shown, models=[Linear(("x",)), *PRIORS], progress=False).differences()
        wanted = found[found["metric"].isin(["capture_10", "brier", "poisson_deviance"])]

        assert (np.sign(wanted["difference"]) == sign).all()
        assert (wanted["lower"] <= wanted["difference"]).all()
        assert (wanted["difference"] <= wanted["upper"]).all()
        assert (wanted["clear"] == (wanted["lower"] > 0)).all()


def test_the_rival_is_the_best_count():
    """Of the counts the one that did best in a metric is the one to beat in it."""
    found = backtest(question(), towns.drawn_panel(), models=[Linear(("prior_4w",)), *PRIORS], progress=False)
    priors = found.table.loc[[p.name for p in PRIORS]]

    assert found.best_baseline("capture_10") == priors["capture_10"].idxmax()
    assert found.best_baseline("brier") == priors["brier"].idxmin()


def plain_capture(panel, dates, column, share):
    """Captured share by plain pandas: events in the first grids by count (ties by grid), over all events, of all dates."""
    caught = total = 0.0
    for at in dates:
        rows = panel[panel["as_of"] == at].sort_values([column, "grid_id"], ascending=[False, True])
        k = metrics.listed(rows["y"].to_numpy(), rows[column].to_numpy(), share=share).sum()
        caught += float(rows["y"].head(int(k)).sum())
        total += float(rows["y"].sum())
    return caught / total


@pytest.mark.parametrize("weeks", [4, 8])
def test_a_prior_row_is_what_plain_pandas_counts(weeks):
    """With ties by grid the row of a prior count is a sort and a sum, pooled over the test dates: events caught by all events."""
    panel = towns.drawn_panel()
    found = backtest(question(judge=Judge(ties="order")), panel, models=PRIORS, progress=False)
    dates = panel["as_of"].unique()[-8:]

    assert sorted(found.frame["as_of"].unique()) == list(dates)
    for share in (0.05, 0.10):
        wanted = plain_capture(panel, dates, f"prior_{weeks}w", share)
        assert found.table.loc[f"prior count {weeks} weeks", f"capture_{100 * share:g}"] == pytest.approx(
            wanted, abs=1e-12
        )


def test_other_metrics_are_means_over_dates():
    """PAI, PEI, Brier and deviance weigh dates alike; the calibration error is over all rows."""
    found = backtest(question(), towns.drawn_panel(), models=PRIORS, progress=False)
    means = found.frame.pivot_table(index="model", columns="metric", values="value", aggfunc="mean")
    own = found.predictions[found.predictions["model"] == PRIORS[0].name]

    for metric in ("pai_10", "pei_5", "brier", "poisson_deviance"):
        assert found.table[metric].to_dict() == pytest.approx(means[metric].to_dict())
    assert found.table.loc[PRIORS[0].name, "calibration_error"] == metrics.calibration_error(
        own["y"] > 0, own["probability"]
    )


def test_a_date_without_events_is_told():
    """Capture of nothing is not a number; the date is named and the way out."""
    panel = towns.drawn_panel()
    quiet = panel["as_of"] == panel["as_of"].max()
    with pytest.raises(LabelError, match=r"no event follows 2025-10-06.*Widen"):
        backtest(question(), panel.assign(y=panel["y"].mask(quiet, 0.0)), models=PRIORS, progress=False)


def test_too_few_dates_are_told():
    """The message says how many dates the folds need."""
    panel = towns.drawn_panel(n_dates=9)
    with pytest.raises(LabelError, match="training dates"):
        backtest(question(), panel, models=PRIORS, progress=False)


def test_the_order_of_rows_does_not_matter():
    """A shuffled panel gives the same table where ties count at their mean."""
    panel = towns.drawn_panel()
    first = backtest(question(), panel, models=PRIORS, progress=False).table
    second = backtest(question(), panel.sample(frac=1, random_state=3), models=PRIORS, progress=False).table

    pd.testing.assert_frame_equal(first, second, rtol=1e-6)


def test_a_report_prints_every_rival_and_difference():
    """What is printed names the question, every model and count, and says of each difference whether it is clear."""
    found = towns.report()
    text = repr(found)

    assert found.experiment.question in text
    for name in (
        "riskwarn",
        "poisson regression",
        "prior count 4 weeks",
        "prior count 15 weeks",
        "prior count 52 weeks",
    ):
        assert name in text
        assert name in found._repr_html_()
    assert "3 folds, 12 test dates from 2023-10-02 to 2023-12-18" in text
    assert text.count("clear") == len(found.differences())


@settings(max_examples=8, deadline=None)
@given(st.text(st.sampled_from("<>&\"'b/ "), min_size=1, max_size=12).map(lambda s: f"<script>{s}"))
def test_what_a_notebook_shows_is_never_markup_of_ours(name):
    """Whatever a model or a question is called, no result puts its marks into the page."""
    found = towns.report()
    said = {"model": found.frame["model"].replace("riskwarn", name)}
    guessed = {"model": found.predictions["model"].replace("riskwarn", name)}
    hostile = dataclasses.replace(
        found,
        frame=found.frame.assign(**said),
        predictions=found.predictions.assign(**guessed),
        experiment=dataclasses.replace(found.experiment, question=name),
    )
    shown = (
        hostile._repr_html_(),
        text_html(name),
        escaped(pd.DataFrame({name: [name]}, index=[name])).to_html(escape=False),
    )

    for page in shown:
        assert "<script>" not in page
        assert "&lt;script&gt;" in page


def test_the_town_is_judged_on_what_was_known():
    """Each test date's outcome in the report is the panel's, grid by grid, and every model is asked for the same rows."""
    found = towns.report()
    wanted = towns.panel().set_index(["grid_id", "as_of"])["y"]

    for _, own in found.predictions.groupby("model"):
        assert len(own) == 12 * towns.panel()["grid_id"].nunique()
        assert (
            own.set_index(["grid_id", "as_of"])["y"] == wanted.reindex(own.set_index(["grid_id", "as_of"]).index)
        ).all()


# --- other ways to keep apart, and other ways to look


@dataclasses.dataclass(frozen=True)
class Watcher:
    """A rival that notes the grids and dates it is trained on and asked for."""

    seen: list
    name: str = "watcher"

    def fit(self, panel):
        self.seen.append([set(panel["grid_id"]), set(panel["as_of"])])
        return self

    def predict(self, panel):
        self.seen[-1] += [set(panel["grid_id"]), set(panel["as_of"])]
        return pd.DataFrame({"score": 1.0, "expected": 1.0, "probability": 0.5}, index=panel.index)


def districts(n=30, size=4):
    """Table `grids` of a drawn panel: `size` grids a community."""
    return pd.DataFrame(
        {"grid_id": [f"G{i:02d}" for i in range(n)], "community_id": [f"C{i // size}" for i in range(n)]}
    )


def test_a_held_out_area_is_never_seen():
    """Leaving areas out, no grid is forecast by a model that saw its area, nor before the gap; each test row is forecast once."""
    panel, seen = towns.drawn_panel(), []
    found = backtest(
        question(), panel, models=[*PRIORS, Watcher(seen)], grids=districts(), split="leave_area_out", progress=False
    )
    area = districts().set_index("grid_id")["community_id"]

    assert len(seen) == 2 * 4
    for trained, before, tested, at in seen:
        assert not set(area[list(trained)]) & set(area[list(tested)])
        assert max(before) + pd.Timedelta(days=7) <= min(at)
    own = found.predictions[found.predictions["model"] == "watcher"]
    assert len(own) == 8 * 30
    assert not own.duplicated(["grid_id", "as_of"]).any()
    assert list(found.frame) == list(backtest(question(), panel, models=PRIORS, progress=False).frame)


def test_a_season_is_forecast_by_models_that_never_saw_it():
    """Each fold of the worst season is named after it, and no training window reaches into it."""
    seen = []
    found = backtest(
        question(), towns.drawn_panel(), models=[*PRIORS, Watcher(seen)], split="worst_season", progress=False
    )
    names = found.by_fold("capture_10").index.tolist()

    assert names
    assert set(names) <= {"winter", "spring", "summer", "autumn"}
    assert "worst season" in repr(found)
    season = {"winter": {12, 1, 2}, "spring": {3, 4, 5}, "summer": {6, 7, 8}, "autumn": {9, 10, 11}}
    for name, (_, trained, _, tested) in zip(names, seen, strict=True):
        touched = {at.month for at in trained} | {(at + pd.Timedelta(days=6)).month for at in trained}
        assert {at.month for at in tested} <= season[name]
        assert not touched & season[name]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"split": "leave_area"}, "split must be one of .*did you mean"),
        ({"split": "leave_area_out"}, "no area can be left out"),
        ({"split": "leave_area_out", "grids": districts(size=30)}, "no area can be left out"),
    ],
)
def test_a_split_that_cannot_be_made_is_told(asked, said):
    """An unknown split, no table of grids, or one area alone is refused with the way out."""
    with pytest.raises(RiskwarnError, match=said):
        backtest(question(), towns.drawn_panel(), models=PRIORS, progress=False, **asked)


def test_folds_add_up_to_the_table():
    """Captures by fold, weighed by the events of each fold, give the table's capture."""
    found = backtest(question(), towns.drawn_panel(), models=PRIORS, progress=False)
    events = (
        found.frame[found.frame["metric"] == "brier"]
        .query("model == @PRIORS[0].name")
        .groupby("fold")["n_events"]
        .sum()
    )
    folds = found.by_fold("capture_10")

    for prior in PRIORS:
        assert np.average(folds[prior.name], weights=events) == pytest.approx(found.table.loc[prior.name, "capture_10"])


def test_the_difference_is_that_of_the_dates():
    """Interval and p are those of the dates' differences weighed by their events, windows overlapping as they do; p is 1 where nothing differs."""
    panel = towns.drawn_panel().assign(x=lambda d: d["y"])
    found = backtest(question(folds=Folds(4, 4, 8)), panel, models=[Linear(("x",)), *PRIORS], progress=False)
    row = found.differences(["capture_10"]).iloc[0]
    own = found.frame[found.frame["metric"] == "capture_10"].pivot_table(
        index="as_of", columns="model", values=["value", "n_events"]
    )
    weight = own["n_events"]["poisson regression"]
    told = metrics.difference_interval(
        own["value"]["poisson regression"],
        own["value"][row["rival"]],
        weight=weight,
        shared=shared_by(own.index, towns.LABEL.days),
    )

    assert row[["lower", "upper", "p_value"]].tolist() == [told.low, told.high, told.p_value]
    assert row["verdict"] == "clearly better"
    assert row["p_value"] < 0.01
    same = dataclasses.replace(found, frame=found.frame.assign(value=0.5))
    assert same.differences(["brier"])["p_value"].tolist() == [1.0]


# --- Philadelphia: 408 tracts, 51 weeks of 2022


@pytest.fixture(scope="module")
def philadelphia(tmp_path_factory):
    """A store with every category, read by the wall clock as the reference was."""
    folder = SHARED / "philadelphia"
    if not folder.exists():
        pytest.skip(f"no {folder}: set RISKWARN_SHARED to the folder that holds data/philadelphia")
    from riskwarn.ingest import ingest, load_mapping

    store = Store(tmp_path_factory.mktemp("philadelphia") / "store", timezone="Etc/GMT+5")
    mappings = ROOT / "examples" / "mappings"
    ingest(store, folder / "tracts_2020.geojson", load_mapping(mappings / "philadelphia_tracts.toml"))
    ingest(store, folder / "police_incidents.parquet", load_mapping(mappings / "philadelphia_yardstick.toml"))
    return store, pd.read_csv(folder / "reference_scores.csv")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "events"), [("yardstick", "dispute-like"), ("violence", "violence")])
def test_philadelphia_prior_counts_equal_the_reference(philadelphia, name, events):
    """From raw file to report the prior-count rows equal the hand-made table to its four decimals, with as many events scored."""
    store, table = philadelphia
    experiment = Experiment.load(ROOT / "experiments" / f"philadelphia_{name}.toml")
    models = [PriorCount(weeks) for weeks in experiment.baselines.weeks]
    report = backtest(experiment, rw.build_panel(store, experiment), models=models, progress=False)
    rows = table[table["events"] == events]
    wanted = {
        (f"prior count {r.method.split()[1]} weeks", f"capture_{100 * r.top_share:g}"): r.captured_share
        for r in rows.itertuples()
    }
    found = {key: round(float(report.table.loc[key]), 4) for key in wanted}

    assert len(wanted) == 8
    assert found == wanted
    assert report.predictions.query("model == 'prior count 52 weeks'")["y"].sum() == rows["events_scored"].iloc[0]
    assert report.predictions["grid_id"].nunique() == 408
    assert report.frame["as_of"].nunique() == 51


def test_a_report_without_a_baseline_shows_what_it_has():
    """Models alone are told as text, in a notebook and as a page, without the comparison; that itself is refused."""
    found = towns.judged("hint", grids=towns.quarters())
    own = found.predictions[found.predictions["model"] == "riskwarn"]
    alone = dataclasses.replace(found, predictions=own, frame=judged(own, found.experiment), baselines=())

    for shown in (repr(alone), alone._repr_html_(), to_html(alone)):
        assert "riskwarn" in shown
        assert "gainst the best baseline (positive" not in shown
    with pytest.raises(DefinitionError, match="no baseline to compare with"):
        alone.differences()
