"""The gate: each check opens and closes for its own reason, says by how much, and claims nothing where evidence is thin."""

import dataclasses
import functools
import re

import numpy as np
import pytest
import towns

from riskwarn.backtesting import judged
from riskwarn.errors import NotFoundError
from riskwarn.gate import gate


@functools.cache
def plain(column="hint", split="rolling_origin"):
    """A report with grids; made once a column and split."""
    return towns.judged(column, grids=towns.quarters(), split=split)


def asked(report, *, grids="as they are", **rules):
    """The report with other rules of the gate, or other grids."""
    experiment = dataclasses.replace(report.experiment, gate=dataclasses.replace(report.experiment.gate, **rules))
    return dataclasses.replace(report, experiment=experiment, **({} if isinstance(grids, str) else {"grids": grids}))


def verdicts(decision):
    return {check.name: check.verdict for check in decision.checks}


def changed(report, **columns):
    """The report with other predictions of the model, judged anew; each column is a function of the model's rows."""
    predictions = report.predictions.copy()
    own = predictions["model"] == "riskwarn"
    for column, change in columns.items():
        predictions.loc[own, column] = change(predictions[own])
    return dataclasses.replace(report, predictions=predictions, frame=judged(predictions, report.experiment))


def test_the_gate_opens_for_a_clear_gain_alone():
    """It passes with the figure where the interval lies above zero, and refuses with the figure where it does not; a clear loss is called one."""
    passed, refused = gate(plain("hint")), gate(plain("noise"))

    assert passed.passed
    assert passed.reason.startswith("capture_5 beats prior count ")
    assert not refused.passed
    assert "capture_5 is clearly worse than prior count" in refused.reason


def test_a_difference_that_may_be_chance_is_not_called_worse():
    """A model that does as its rival does, now a little better and now a little worse, has earned nothing and lost nothing; no zero has a sign."""
    found = plain()
    rival = found.best_baseline("capture_5")
    frame = found.frame.copy()
    rows = frame.set_index(["model", "metric"]).index
    own, other = (rows == (m, "capture_5") for m in ("riskwarn", rival))
    frame.loc[own, "value"] = frame.loc[other, "value"].to_numpy() + np.resize([1e-6, -1e-6, -1e-6, 1e-6], own.sum())
    decision = gate(dataclasses.replace(found, frame=frame))

    assert not decision.passed
    assert "which does not lie above zero" in decision.reason
    assert verdicts(decision)["captures"] == "passed"
    assert "-0.0000" not in repr(decision)
    assert "-0.0000" not in repr(dataclasses.replace(found, frame=frame))


def test_the_gate_asks_for_calibration():
    """A model that ranks well and whose probabilities are off stays out."""
    found = gate(asked(plain(), max_calibration_error=0.0001))

    assert not found.passed
    assert "the calibration error is 0." in found.reason


def test_a_metric_that_was_not_judged_is_named():
    """A gate that asks for what the report does not judge is refused, with what it judges."""
    with pytest.raises(NotFoundError, match=r"^\[gate\] metric: the report judges .*capture_5.*, got 'capture_7'"):
        gate(asked(plain(), metric="capture_7"))


def test_the_gate_follows_the_metric_of_the_experiment():
    """Whatever metric is declared is the one that must be clear."""
    assert gate(asked(plain(), metric="brier")).reason.startswith("brier beats prior count ")


def test_the_gate_refuses_harm_in_another_capture():
    """A gain in one capture does not excuse a loss in another."""
    found = plain()
    frame = found.frame.copy()
    worse = (frame["model"] == "riskwarn") & (frame["metric"] == "capture_10")
    frame.loc[worse, "value"] *= 0.2
    decision = gate(dataclasses.replace(found, frame=frame))

    assert not decision.passed
    assert "capture_10 is clearly worse than prior count" in decision.reason


def test_a_level_that_says_too_much_is_refused():
    """Ranks as good as before with twice the events said: the levels fail, and the reason gives observed over expected."""
    found = plain()
    doubled = gate(changed(found, expected=lambda rows: 2 * rows["expected"]))

    assert verdicts(gate(found))["levels"] == "passed"
    assert verdicts(doubled)["levels"] == "failed"
    assert "events observed over expected, wanted 0.80 to 1.25: " in doubled.reason


def test_a_part_of_the_city_cannot_be_given_up():
    """A gain over the whole city does not excuse a clear loss in the country."""
    found = plain()
    country = set(towns.quarters().query("urban_class == '220'")["grid_id"])
    noise = np.random.default_rng(5).random(len(found.predictions))
    lost = changed(
        found, score=lambda rows: rows["score"].where(~rows["grid_id"].isin(country), -10 - noise[: len(rows)])
    )

    assert verdicts(gate(found))["slices"] == "passed"
    assert verdicts(gate(lost))["slices"] == "failed"
    assert "urban_class 220: capture_5 -0." in gate(lost).reason


def test_disparity_is_held_against_the_count():
    """A list that leaves the country out, where the count did not, is refused with both ratios; the count's own disparity is not."""
    found = plain()
    country = set(towns.quarters().query("urban_class == '220'")["grid_id"])
    left_out = changed(found, score=lambda rows: rows["score"] - 1e3 * rows["grid_id"].isin(country))
    decision = gate(left_out)

    assert verdicts(gate(found))["disparity"] == "passed"
    assert verdicts(decision)["disparity"] == "failed"
    assert "recall of urban_class 220 is 0.00 times the rest's" in decision.reason


@pytest.mark.parametrize(
    ("changes", "check", "said"),
    [
        ({"grids": None}, "slices", "the report has no grids"),
        ({"grids": towns.quarters(urban_class=None)}, "disparity", "the grids say no 'urban_class'"),
        ({"grids": towns.quarters(), "min_events": 10**6}, "slices", "0 of 2 comparisons hold, 2 lack evidence"),
        ({"grids": towns.quarters(), "slices": ()}, "slices", "the experiment names no slices"),
        ({"min_events": 10**6}, "levels", "not clear"),
    ],
)
def test_thin_evidence_is_a_verdict_of_its_own(changes, check, said):
    """Without grids, columns or events a check neither fails nor passes; the model may pass, and the reason names what was not judged."""
    decision = gate(asked(plain(), **changes))

    assert verdicts(decision)[check] == "insufficient_evidence"
    assert decision.passed
    assert f"{check} not judged: " in decision.reason
    assert said in decision.reason


def test_only_a_backtest_forward_in_time_promotes():
    """Leaving areas out answers another question; such a report promotes nothing."""
    found = gate(plain(split="leave_area_out"))

    assert verdicts(found)["rolling origin"] == "failed"
    assert "the backtest's split is leave_area_out" in found.reason


def test_a_decision_reads_as_a_table_and_as_text():
    """Every check stands in both, with its verdict."""
    decision = gate(plain("noise"))

    assert decision.frame["check"].tolist() == [c.name for c in decision.checks]
    assert repr(decision).startswith("gate: refused")
    assert all(check.reason in repr(decision) for check in decision.checks)


def test_a_report_without_the_model_is_refused():
    """The gate judges the product's model; a report of counts alone holds none."""
    found = plain()
    counts = found.predictions[found.predictions["model"] != "riskwarn"]
    alone = dataclasses.replace(found, predictions=counts, frame=found.frame[found.frame["model"] != "riskwarn"])
    with pytest.raises(NotFoundError, match="no model 'riskwarn'; it has: prior count 4 weeks"):
        gate(alone)


@pytest.mark.parametrize(
    ("report", "rules"),
    [({}, {}), ({"column": "noise"}, {}), ({}, {"min_events": 10**6}), ({"split": "leave_area_out"}, {})],
)
def test_a_verdict_is_said_in_the_language_of_its_reader(report, rules):
    """On a Chinese page no check, metric, rival or part of the city is called by its code."""
    decision = gate(asked(plain(**report), **rules))

    for text in (decision.said["zh"], *(check.said["zh"] for check in decision.checks)):
        assert re.findall("[a-z_]{3,}", re.sub(r"rw\.backtest\(.*?\)\)|Brier", "", text)) == [], text
