"""Questions to a backtest: each answer is a number that can be had another way."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import towns

from riskwarn import audit, metrics
from riskwarn.backtesting import Report, judged
from riskwarn.errors import DataError, NotFoundError
from riskwarn.experiment import Dates, Experiment, Folds, Gate
from riskwarn.level import level_of

N_GRIDS, N_DATES = 200, 16
DATES = pd.date_range("2025-01-06", periods=N_DATES, freq="7D", tz=towns.ZONE)
RATE = np.random.default_rng(1).gamma(0.5, 2.0, N_GRIDS)


def made(*, seed=2, **models):
    """A report of forecasts written by hand: each model is (n_grids,) or (n_grids, n_dates) expected counts; outcomes are Poisson around RATE."""
    y = np.random.default_rng(seed).poisson(RATE[:, None], (N_GRIDS, N_DATES)).astype(float)
    parts = [
        pd.DataFrame(
            {
                "model": name,
                "fold": np.tile(np.arange(N_DATES) // 4 + 1, N_GRIDS),
                "grid_id": np.repeat([f"G{i:03d}" for i in range(N_GRIDS)], N_DATES),
                "as_of": np.tile(DATES, N_GRIDS),
                "y": y.ravel(),
                "score": mean.ravel(),
                "expected": mean.ravel(),
                "probability": -np.expm1(-mean.ravel()),
            }
        )
        for name, expected in {"riskwarn": RATE, "prior count 4 weeks": y[:, [0]], **models}.items()
        for mean in [np.broadcast_to(np.asarray(expected, dtype=float).reshape(N_GRIDS, -1), (N_GRIDS, N_DATES))]
    ]
    predictions = pd.concat(parts, ignore_index=True)
    day = DATES[0].date()
    question = Experiment("?", towns.LABEL, Dates(day, day), (), folds=Folds(4, 4, 8), gate=Gate())
    number = np.arange(N_GRIDS)
    grids = pd.DataFrame(
        {
            "grid_id": [f"G{i:03d}" for i in number],
            "urban_class": np.where(number % 3 == 0, "220", "111"),
            "area_km2": 1.0,
            "x_km": number % 20 + 0.5,
            "y_km": number // 20 + 0.5,
        }
    )
    return Report(judged(predictions, question), predictions, question, ("prior count 4 weeks",), grids=grids)


@pytest.mark.parametrize("seed", [2, 3])
def test_the_ceiling_is_what_the_true_rates_would_catch(seed):
    """Estimated from outcomes alone it agrees with the ceiling of the true rates, and who knows the rates attains about all of it."""
    found = audit.attainable(made(seed=seed)).set_index(["metric", "model"])
    for share in (0.05, 0.10):
        true = metrics.attainable_capture(RATE, share=share, rng=np.random.default_rng(0), n_draws=500)
        name = f"capture_{100 * share:g}"

        assert found.loc[(name, "riskwarn"), "ceiling"] == pytest.approx(true.capture, rel=0.08)
        assert found.loc[(f"pei_{100 * share:g}", "riskwarn"), "ceiling"] == pytest.approx(true.pei, rel=0.05)
        assert found.loc[(name, "riskwarn"), "attained"] == pytest.approx(1, abs=0.08)
    assert (found["attained"] == found["value"] / found["ceiling"]).all()


def test_overlapping_windows_count_once():
    """Dates a day apart with windows of a week tell hardly more than one window: the ceiling then stays away from what chance made."""
    wide = made()
    daily = wide.predictions.assign(
        as_of=wide.predictions["as_of"].map(dict(zip(DATES, pd.date_range(DATES[0], periods=N_DATES), strict=True)))
    )
    close = dataclasses.replace(wide, predictions=daily)
    first, second = (audit.attainable(r).query("metric == 'capture_5'")["ceiling"].iloc[0] for r in (wide, close))

    assert second < first


def test_a_list_that_keeps_still_is_stable():
    """The same scores every night: the same list and order. Scores drawn anew: the overlap of two blind lists."""
    noise = np.random.default_rng(4).random((N_GRIDS, N_DATES))
    found = audit.stability(made(noise=noise, flat=np.ones(N_GRIDS)), share=0.1).groupby("model")
    mean = found[["jaccard", "spearman"]].mean()

    assert (found.size() == N_DATES - 1).all()
    assert mean.loc["riskwarn"].tolist() == [1, 1]
    assert mean.loc["noise", "jaccard"] == pytest.approx(20 / (2 * N_GRIDS - 20), abs=0.03)
    assert abs(mean.loc["noise", "spearman"]) < 0.1
    assert mean.loc["flat", "jaccard"] == 1
    assert np.isnan(mean.loc["flat", "spearman"])


def test_levels_are_those_of_the_morning_list():
    """Each night's grids fall into the levels alerts would give them; sums of events observed and expected are theirs."""
    report = made()
    found = audit.levels(report).set_index("level")
    rows = report.predictions.query("model == 'riskwarn'")
    rank = rows.groupby("as_of")["score"].rank(ascending=False, method="first")
    nights = rows.assign(state="ok", rank=rank).groupby("as_of", group_keys=False)
    rows = rows.assign(level=pd.concat([level_of(night) for _, night in nights]))
    wanted = rows[rows["level"] != ""].groupby("level")[["expected", "y"]].sum()

    pd.testing.assert_frame_equal(
        found[["expected", "observed"]], wanted.rename(columns={"y": "observed"}).loc[found.index]
    )
    assert found["ratio"].to_numpy() == pytest.approx((found["observed"] / found["expected"]).to_numpy())
    assert (found["lower"] <= found["ratio"]).all()
    assert (found["ratio"] <= found["upper"]).all()
    assert "failed" not in set(found["verdict"])


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_level_that_is_off_by_two_fails(factor):
    """True ranks with half or twice the events are called out in every level with evidence."""
    found = audit.levels(made(off=factor * RATE), model="off")

    assert set(found["verdict"]) == {"failed"}
    assert found["ratio"].to_numpy() == pytest.approx(1 / factor, rel=0.15)


def test_slices_are_small_cities():
    """A part is judged as if it were the whole: its figures are those of a report of its grids alone."""
    report = made(worse=RATE**0.3)
    found = audit.slices(report, "urban_class").set_index("group")
    for name, grids in report.grids.groupby("urban_class"):
        part = report.predictions[report.predictions["grid_id"].isin(grids["grid_id"])]
        alone = dataclasses.replace(report, predictions=part, frame=judged(part, report.experiment))
        row = alone.differences(["capture_5"]).set_index("model").loc["riskwarn"]

        assert found.loc[name, "n_grids"] == len(grids)
        assert found.loc[name, "difference"] == pytest.approx(row["difference"])
        assert set(found["verdict"]) == {"passed"}


def test_a_blind_spot_in_one_part_fails_there_alone():
    """A model that knows nothing of the country is clearly worse there and nowhere else."""
    country = np.arange(N_GRIDS) % 3 == 0
    blind = np.where(country, np.random.default_rng(5).random(N_GRIDS), RATE)
    report = made()
    counts = report.predictions["model"] == "riskwarn"
    report.predictions.loc[counts, "score"] = np.repeat(blind, N_DATES)
    found = audit.slices(
        dataclasses.replace(report, frame=judged(report.predictions, report.experiment)), "urban_class"
    )

    assert found.set_index("group")["verdict"].to_dict() == {"111": "passed", "220": "failed"}


def test_disparities_are_quotients_of_sums():
    """Recall and calibration of a group over those of the rest, counted by plain pandas on the list of the whole city."""
    report = made()
    found = audit.disparities(report, "urban_class").set_index(["quantity", "group"])
    rows = report.predictions.query("model == 'riskwarn'").merge(report.grids, on="grid_id")
    on_list = rows.groupby("as_of")["score"].rank(ascending=False) <= 0.05 * N_GRIDS
    caught = rows["y"].where(on_list, 0).groupby(rows["urban_class"]).sum()
    sums = rows.groupby("urban_class")[["y", "expected"]].sum()
    recall, calibration = caught / sums["y"], sums["y"] / sums["expected"]

    assert found.loc[("recall", "220"), "ratio"] == pytest.approx(recall["220"] / recall["111"])
    assert found.loc[("calibration", "111"), "ratio"] == pytest.approx(calibration["111"] / calibration["220"])
    assert found.loc[("recall", "111"), "ratio"] == pytest.approx(1 / found.loc[("recall", "220"), "ratio"])
    assert found.loc[("false_alarms", "220"), "verdict"] == "insufficient_evidence"


def test_lead_time_is_that_of_the_metric():
    """Each model's row is the metric on its scores, at one budget, for events of the test dates alone."""
    report = made()
    rng = np.random.default_rng(6)
    days = rng.uniform(-50, 200, 500)
    events = pd.DataFrame(
        {
            "grid_id": [f"G{i:03d}" for i in rng.integers(0, N_GRIDS, 500)],
            "occurred_at": DATES[0] + pd.to_timedelta(days, unit="D"),
        }
    )
    found = audit.lead_time(report, events, budget=10, within_days=14).set_index("model")
    inside = events[(days >= 0) & (days < (N_DATES - 1) * 7 + 14)]
    scores = report.predictions.query("model == 'riskwarn'")
    wanted = metrics.lead_time(scores, inside, budget=10, within_days=14)

    assert found.loc["riskwarn"].to_dict() == vars(wanted)
    with pytest.raises(DataError, match="none of the 5 events falls within the test dates"):
        audit.lead_time(report, events.head(5).assign(occurred_at=DATES[0] - pd.Timedelta(days=1)))


@pytest.mark.parametrize(("side", "share"), [(2, 0.05), (3, 0.5)])
def test_a_flat_score_catches_its_share_wherever_borders_lie(side, share):
    """If every place is said to be alike a list of a share of the ground catches that share of the events, merged or not."""
    found = audit.placement(made(flat=np.ones(N_GRIDS)), share=share, side=side).set_index("model").loc["flat"]

    assert found[["as_drawn", "lowest", "highest"]].to_numpy(dtype=float) == pytest.approx(share)


def test_placement_as_drawn_is_the_plain_capture():
    """With equal areas and no merging it is the capture of the table, and the rival gains nothing over itself."""
    report = made()
    found = audit.placement(report).set_index("model")

    assert found.loc["riskwarn", "as_drawn"] == pytest.approx(report.table.loc["riskwarn", "capture_5"])
    assert found.loc["prior count 4 weeks", ["gain_as_drawn", "gain_lowest", "gain_highest"]].tolist() == [0, 0, 0]
    assert (found["lowest"] <= found["highest"]).all()


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda r: audit.levels(r, model="nobody"), "no model 'nobody'; it has: riskwarn, prior count 4 weeks"),
        (lambda r: audit.slices(dataclasses.replace(r, grids=None), "urban_class"), "the report has no grids"),
        (lambda r: audit.disparities(r, "county_id"), "the grids say no 'county_id'"),
        (lambda r: audit.placement(dataclasses.replace(r, grids=r.grids.drop(columns="x_km"))), "needs x_km and y_km"),
    ],
)
def test_a_question_that_cannot_be_answered_is_told(ask, said):
    """What is missing is named."""
    with pytest.raises((DataError, NotFoundError), match=said):
        ask(made())
