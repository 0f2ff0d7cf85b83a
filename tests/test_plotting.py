"""Pictures show the numbers of the report, not others."""

import datetime as dt

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from riskwarn import metrics, plotting
from riskwarn.backtesting import Report, backtest
from riskwarn.baseline import PriorCount
from riskwarn.errors import DataError, NotFoundError


@pytest.fixture(autouse=True)
def figures():
    """Figures are closed after each test."""
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def report():
    """A report of two prior counts on a made panel, where the longer count is the better one."""
    from riskwarn.experiment import Dates, Experiment, Folds
    from riskwarn.label import Label

    rng = np.random.default_rng(1)
    dates = pd.date_range("2024-01-01", periods=30, freq="7D", tz="Asia/Shanghai")
    rate = rng.gamma(0.5, 2, 60)
    panel = pd.DataFrame({"grid_id": np.repeat([f"G{i}" for i in range(60)], 30), "as_of": np.tile(dates, 60)})
    panel["y"] = rng.poisson(np.repeat(rate, 30)).astype("float32")
    panel["prior_4w"] = rng.poisson(np.repeat(rate, 30) * 0.5)
    panel["prior_52w"] = rng.poisson(np.repeat(rate, 30) * 20)
    label = Label("y", ("dispute",), days=7)
    experiment = Experiment("?", label, Dates(dates[0].date(), dates[-1].date()), (), folds=Folds(2, 3, 5))
    return backtest(experiment, panel, models=[PriorCount(4), PriorCount(52)], progress=False)


def test_capture_curve_goes_through_the_captures(report: Report):
    """The curve of a model at 5 % and 10 % passes where the report's table says."""
    axes = plotting.capture_curve(report)
    curve = {line.get_label(): line.get_xydata() for line in axes.get_lines()}["prior count 52 weeks"]

    for share in (5, 10):
        at = np.interp(share, curve[:, 0], curve[:, 1])
        assert at == pytest.approx(100 * report.table.loc["prior count 52 weeks", f"capture_{share}"], abs=1.0)


def test_no_list_is_above_the_best_possible(report: Report):
    """No curve lies above that of the best possible list."""
    axes = plotting.capture_curve(report)
    curves = {line.get_label(): line.get_ydata() for line in axes.get_lines()}

    assert all((curves["best possible"] >= values - 1e-9).all() for values in curves.values())


def test_reliability_bars_are_intervals_around_what_was_seen(report: Report):
    """Each point's bar spans the 95 % interval of the observed share."""
    axes = plotting.reliability(report, model="prior count 52 weeks", bands=4)
    rows = report.predictions[report.predictions["model"] == "prior count 52 weeks"]
    expected = metrics.reliability(rows["y"] > 0, rows["probability"], bands=4)
    bars = axes.containers[0].lines[2][0].get_segments()

    seen = np.array([b[:, 1] for b in bars])
    assert seen == pytest.approx(expected[["observed_low", "observed_high"]].to_numpy())


def test_unknown_model_is_refused(report: Report):
    """A model the report does not hold is refused, naming those it holds."""
    with pytest.raises(NotFoundError, match="no model 'riskwarn'; it has: prior count 4 weeks, prior count 52 weeks"):
        plotting.reliability(report)


def squares(n=4):
    shapes = [f"POLYGON (({i} 0, {i + 1} 0, {i + 1} 1, {i} 1, {i} 0))" for i in range(n)]
    return pd.DataFrame({"grid_id": [f"G{i}" for i in range(n)], "geometry": shapes})


NIGHT = pd.Timestamp("2025-01-06", tz="Asia/Shanghai")


def test_a_grid_of_which_too_little_is_known_is_not_drawn_as_calm():
    """The map colours the scored grids by what is expected; one with insufficient data is grey and has no value."""
    scores = pd.DataFrame(
        {"grid_id": ["G0", "G1", "G2", "G3"], "as_of": NIGHT, "target": "y", "expected": [3.0, 1, 2, 0]}
    )
    scores["state"] = ["ok", "ok", "ok", "insufficient_data"]
    alerts = pd.DataFrame({"grid_ids": ["G0 G2"], "level": ["red"]})
    axes = plotting.risk_map(scores, squares(), alerts=alerts)

    assert axes.collections[0].get_array().tolist() == [3.0, 1.0, 2.0]
    assert mpl.colors.to_hex(axes.collections[1].get_facecolor()[0]) == "#d5d5d5"
    assert len(axes.collections[2].get_paths()) == 2


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York", "Europe/Berlin"])
def test_a_map_is_headed_by_the_day_of_the_city(zone):
    """A table read from its file is in UTC: the day of the night is still the city's, whether its grids tell the zone or not."""
    night = pd.Timestamp("2025-01-06", tz=zone)
    scores = pd.DataFrame({"grid_id": ["G0"], "as_of": night.tz_convert("UTC"), "target": "y", "expected": [3.0]})
    told = squares().assign(valid_from=night)
    axes = [plotting.risk_map(scores.assign(state="ok"), grids) for grids in (squares(), told)]

    assert [one.get_title() for one in axes] == ["Where most is expected, 2025-01-06"] * 2


@pytest.mark.parametrize("utc", ["UTC", "Etc/UTC", dt.UTC, dt.timezone(dt.timedelta(0)), "GMT"])
def test_utc_is_known_under_each_of_its_names(utc):
    """A midnight of Shanghai held in UTC is of the next day of UTC, whatever a table calls UTC."""
    night = pd.Timestamp("2025-01-06", tz="Asia/Shanghai").tz_convert(utc)
    scores = pd.DataFrame({"grid_id": ["G0"], "as_of": [night], "target": "y", "expected": [3.0], "state": "ok"})

    for grids in (squares(), squares().assign(valid_from=pd.Timestamp("2025-01-01", tz=utc))):
        assert plotting.risk_map(scores, grids).get_title() == "Where most is expected, 2025-01-06"


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "Pacific/Kiritimati", "Pacific/Honolulu"])
def test_an_instant_that_may_be_of_two_days_is_shown_itself(zone):
    """A midnight of Honolulu is one of Kiritimati a day later: where nothing tells the clock the map names the instant, else the day."""
    night = pd.Timestamp("2025-01-06", tz=zone)
    scores = pd.DataFrame({"grid_id": ["G0"], "as_of": night.tz_convert("UTC"), "target": "y", "expected": [3.0]})
    titles = [
        plotting.risk_map(scores.assign(state="ok"), g).get_title()
        for g in (squares(), squares().assign(valid_from=night))
    ]

    assert titles == [
        f"Where most is expected, {night.tz_convert('UTC'):%Y-%m-%d %H:%M} UTC",
        "Where most is expected, 2025-01-06",
    ]


def test_a_map_is_of_one_night_and_of_a_target_there_is():
    """A target that is misspelled, or a frame of two nights, is no grey city: refused, with the nearest name or the nights."""
    nights = pd.to_datetime(["2025-01-06", "2025-01-13"]).tz_localize("UTC")
    scores = pd.DataFrame({"grid_id": "G0", "as_of": nights, "target": "dispute_28d", "expected": 3.0, "state": "ok"})
    gaps = pd.DataFrame(
        {"as_of": nights, "state": "open", "suppressed_by": None, "kind": "G01", "scope": "grid:G0", "severity": 5.0}
    )

    with pytest.raises(NotFoundError, match=r"'disput_28d' .did you mean 'dispute_28d'"):
        plotting.risk_map(scores[:1], squares(), target="disput_28d")
    with pytest.raises(DataError, match=r"scores: 2 nights, from 2025-01-06 .* to 2025-01-13"):
        plotting.risk_map(scores, squares())
    with pytest.raises(DataError, match="gaps: 2 nights"):
        plotting.gap_map(gaps, squares())


def test_a_map_of_no_scores_is_refused():
    """Scores without a row are refused by one sentence, not by what breaks on them."""
    scores = pd.DataFrame({"grid_id": [], "target": [], "state": [], "expected": [], "as_of": []})

    with pytest.raises(DataError, match="no rows"):
        plotting.risk_map(scores, squares())


def test_a_gap_map_shows_the_gravest_open_gap_of_each_grid():
    """Suppressed gaps, gaps of feeds, and what could not be looked for colour nothing; of several the gravest counts."""
    gaps = pd.DataFrame(
        [
            ("G01", "grid:G1", 40.0, "open", None),
            ("G20", "grid:G1/dispute", 70.0, "open", None),
            ("G01", "grid:G2", 90.0, "open", "feed:dispute"),
            ("G08", "feed:dispute", 95.0, "open", None),
            ("G03", "grid:G3", 0.0, "insufficient_data", None),
        ],
        columns=["kind", "scope", "severity", "state", "suppressed_by"],
    ).assign(as_of=NIGHT)

    assert plotting.gap_map(gaps, squares()).collections[0].get_array().tolist() == [0.0, 70.0, 0.0, 0.0]
    assert plotting.gap_map(gaps, squares(), kind="G01").collections[0].get_array().tolist() == [0.0, 40.0, 0.0, 0.0]


def test_the_alert_listed_longest_stands_on_top_of_the_timeline():
    """Each alert has a row, a mark a night; with fewer rows than alerts those listed longest are kept."""
    nights = [NIGHT, NIGHT + pd.Timedelta(days=1), NIGHT]
    alerts = pd.DataFrame({"alert_id": ["a", "a", "b"], "as_of": nights, "grid_ids": ["G1 G2", "G1", "G3"]})
    alerts = alerts.assign(level=["red", "blue", "yellow"], lane="standing")
    axes = plotting.alert_timeline(alerts)

    assert [label.get_text() for label in axes.get_yticklabels()] == ["G3  standing", "G1  standing"]
    assert axes.collections[0].get_offsets()[:, 1].tolist() == [1.0, 1.0, 0.0]
    assert len(plotting.alert_timeline(alerts, most=1).get_yticklabels()) == 1
    assert [label.get_text() for label in axes.get_xticklabels()] == [f"{night:%m-%d}" for night in nights[:2]]
