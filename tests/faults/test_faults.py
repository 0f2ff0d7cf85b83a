"""Faults on purpose, a few of each: every target is met. The long form, with the numbers of the fault list, is ``make faults``."""

import pytest

from faults.trial import TRIALS


@pytest.mark.parametrize("name", TRIALS)
def test_every_target_is_met(name, tmp_path):
    """What the trial wants holds for a few faults of its kind."""
    trial, n, _ = TRIALS[name]

    assert [line for line in trial(tmp_path, n) if line.passed is False] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", TRIALS)
def test_every_target_is_met_in_the_long_form(name, tmp_path):
    """The same for as many as the fault list asks for."""
    trial, _, n = TRIALS[name]

    assert [line for line in trial(tmp_path, n) if line.passed is False] == []
