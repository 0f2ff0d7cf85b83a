"""Pictures show the numbers of the report, not others."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("Agg")

from riskwarn import metrics, plotting
from riskwarn.backtesting import Report, backtest
from riskwarn.baseline import PriorCount
from riskwarn.errors import NotFoundError


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
