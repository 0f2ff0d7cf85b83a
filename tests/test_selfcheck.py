"""The ML Test Score: no point without evidence that is there."""

import json
from pathlib import Path

import pytest

from riskwarn.cli import main
from riskwarn.selfcheck import SECTIONS, checks, points

TESTS = Path(__file__).parent


def test_there_are_seven_tests_of_each_section():
    """28 in all, numbered without a gap."""
    assert [one.id for one in checks()] == [f"{letter}{n}" for letter in SECTIONS for n in range(1, 8)]


@pytest.mark.parametrize("check", checks(), ids=lambda check: check.id)
def test_a_point_has_evidence_that_is_there(check):
    """A whole point names tests of the default suite, each there; less than one says what is missing."""
    assert check.points in {0, 0.5, 1}
    assert (check.points < 1) == bool(check.lacks)
    assert check.points < 1 or check.tests
    for name in check.tests:
        file, _, function = name.partition("::")
        text = (TESTS / file).read_text("utf-8")
        assert f"def {function or 'test_'}" in text, name


def test_a_section_has_the_sum_of_its_tests():
    """And no point is told twice."""
    sums = points(checks())

    assert list(sums) == list(SECTIONS.values())
    assert sum(sums.values()) == sum(one.points for one in checks())


def test_the_verb_prints_the_weakest_section_as_the_score(capsys):
    """Every test a line, what is missing beneath it, and the least of four sums; --json gives the rows."""
    assert main(["selfcheck"]) == 0
    text = capsys.readouterr().out
    assert main(["selfcheck", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)

    assert len(rows) == 28
    assert text.count("lacks: ") == sum(row["points"] < 1 for row in rows)
    assert text.rstrip().endswith(f"the score is the least, {min(points(checks()).values()):g}")
