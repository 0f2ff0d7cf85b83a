"""What riskwarn is tested for: no point and no fault without evidence that is there."""

import datetime as dt
import json
import re
from pathlib import Path

import pytest

from riskwarn.cli import main
from riskwarn.selfcheck import SECTIONS, checks, faults, measured_on, points

TESTS = Path(__file__).parent
OPERATIONS = (TESTS.parent / "docs" / "operations.md").read_text("utf-8")


def there(name):
    """Whether a file and function of the tests is there."""
    file, _, function = name.partition("::")
    text = (TESTS / file).read_text("utf-8")
    return f"def {function}(" in text if function else "def test_" in text


def test_there_are_seven_tests_of_each_section():
    """28 in all, numbered without a gap."""
    assert [one.id for one in checks()] == [f"{letter}{n}" for letter in SECTIONS for n in range(1, 8)]


@pytest.mark.parametrize("check", checks(), ids=lambda check: check.id)
def test_a_point_has_evidence_that_is_there(check):
    """A whole point names tests of the default suite, each there; less than one says what is missing."""
    assert check.points in {0, 0.5, 1}
    assert (check.points < 1) == bool(check.lacks)
    assert check.points < 1 or check.tests
    assert [name for name in check.tests if not there(name)] == []


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


def test_the_faults_are_r1_to_r44():
    """44 in all, numbered without a gap."""
    assert [one.id for one in faults()] == [f"R{n}" for n in range(1, 45)]


@pytest.mark.parametrize("fault", faults(), ids=lambda fault: fault.id)
def test_a_fault_is_met_by_what_is_there(fault):
    """What is met has something that is tried and a figure, each test there; what is not says what is missing."""
    assert fault.state in {"met", "part", "not known"}
    assert (fault.state == "met") == (not fault.lacks)
    assert fault.command in {"", "make faults", "make security"}
    assert fault.state == "not known" or (fault.figure and (fault.tests or fault.probes))
    assert [name for name in fault.tests if not there(name)] == []


def test_figures_are_those_of_operations():
    """What `make security` printed stands in the list as in the table of operations, of the day that the page names."""
    rows = re.findall(r"^\| (R\d+) \| .*? \| (.*?) \| .*? \| (.*?) \|$", OPERATIONS, re.MULTILINE)
    told = {one.id: (one.figure, one.state) for one in faults() if one.command == "make security"}
    day = dt.date.fromisoformat(measured_on("make security"))

    assert len(rows) >= 18
    assert [row for row in rows if told[row[0]] != row[1:]] == []
    assert f"On {day.day} {day:%B %Y}" in OPERATIONS


def test_the_verb_prints_the_faults(capsys):
    """One head a fault with its state, what is missing beneath it, and how many are met; --json gives the rows."""
    assert main(["selfcheck", "--faults"]) == 0
    text = capsys.readouterr().out
    assert main(["selfcheck", "--faults", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)

    assert [row["id"] for row in rows] == [one.id for one in faults()]
    assert text.count("lacks: ") == sum(row["state"] != "met" for row in rows)
    assert f"of 44: met {sum(row['state'] == 'met' for row in rows)}, " in text
    assert all(f"{command} of {measured_on(command)}" in text for command in ("make faults", "make security"))
