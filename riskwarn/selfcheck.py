"""What riskwarn is tested for: the 28 tests of the ML Test Score, each with its points, the evidence, and what is missing; and its faults.

After Breck, Cai, Nielsen, Salib and Sculley, *The ML Test Score: A Rubric for ML Production Readiness* (IEEE Big Data 2017): a point where a
test is automated and repeated, half of one where it is done by hand and written down; a section has the sum of its seven tests, and the
score is that of the weakest section. It speaks of the library. What a city's own model shows stands on its card.

Beside it stands the list of faults, R1 to R44: what is tried against each, what is wanted, and what came of it.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from riskwarn.calling import checked

SECTIONS = {"D": "features and data", "M": "model development", "I": "infrastructure", "O": "monitoring"}
"""By the first letter of a test's name."""
_TABLE = Path(__file__).with_suffix(".toml")
_FAULTS = Path(__file__).with_name("faults.toml")


@dataclass(frozen=True)
class Check:
    """One of the 28 tests.

    Parameters
    ----------
    id
        ``D1`` to ``D7``, ``M1`` to ``M7``, ``I1`` to ``I7``, ``O1`` to ``O7``.
    test
        What it asks, in the words of the rubric.
    points
        0, 0.5 or 1.
    evidence
        What shows it.
    tests
        Tests of the repository that prove it, by file and function.
    lacks
        What is missing for the whole point; empty where nothing is.
    """

    id: str
    test: str
    points: float
    evidence: str
    tests: tuple[str, ...] = ()
    lacks: str = ""


def checks() -> tuple[Check, ...]:
    """The 28 tests, section by section.

    Returns
    -------
    checks
        Seven of each section.

    Examples
    --------
    >>> len(checks()), checks()[0].id
    (28, 'D1')
    """
    told = tomllib.loads(_TABLE.read_text("utf-8"))["checks"]
    return tuple(Check(**{**one, "tests": tuple(one.get("tests", ()))}) for one in told)


@dataclass(frozen=True)
class Fault:
    """One of the 44 faults.

    Parameters
    ----------
    id
        ``R1`` to ``R44``.
    fault
        What goes wrong.
    target
        What is wanted.
    figure
        What `command` printed on the day of :func:`measured_on`; without a command what the tests assert on every change.
    state
        ``met``, ``part`` or ``not known``.
    tests
        Of the repository, by file and function.
    probes
        What no single test measures, by name in ``tests/security/probes.py``.
    command
        What prints the figures of its own run: ``make faults`` or ``make security``; empty where the tests say all.
    lacks
        What is missing for ``met``; empty where nothing is.
    """

    id: str
    fault: str
    target: str
    figure: str
    state: str
    tests: tuple[str, ...] = ()
    probes: tuple[str, ...] = ()
    command: str = ""
    lacks: str = ""


def faults() -> tuple[Fault, ...]:
    """The 44 faults, in order.

    Returns
    -------
    faults
        R1 to R44.

    Examples
    --------
    >>> len(faults()), faults()[0].fault
    (44, 'future knowledge reaches the past')
    """
    told = tomllib.loads(_FAULTS.read_text("utf-8"))["faults"]
    lists = ("tests", "probes")
    return tuple(Fault(**{**one, **{name: tuple(one.get(name, ())) for name in lists}}) for one in told)


def measured_on(command: str) -> str:
    """The day on which a command printed the figures that are kept in the list, year-month-day.

    Parameters
    ----------
    command
        ``make faults`` or ``make security``.

    Returns
    -------
    day
        Of its newest run that was kept.

    Examples
    --------
    >>> len(measured_on("make faults"))
    10
    """
    return tomllib.loads(_FAULTS.read_text("utf-8"))["measured"][command].isoformat()


@checked
def fault_table(of: tuple[Fault, ...]) -> pd.DataFrame:
    """One row a fault.

    Parameters
    ----------
    of
        As :func:`faults` gives them.

    Returns
    -------
    table
        `id`, `fault`, `state`, `target`, `figure`, `command`, `tests` and `probes` (joined by a blank), `lacks`.
    """
    columns = ["id", "fault", "state", "target", "figure", "command", "tests", "probes", "lacks"]
    rows = [{name: getattr(one, name) for name in columns} for one in of]
    return pd.DataFrame([{k: " ".join(v) if isinstance(v, tuple) else v for k, v in row.items()} for row in rows])


@checked
def table(of: tuple[Check, ...]) -> pd.DataFrame:
    """One row a test.

    Parameters
    ----------
    of
        As :func:`checks` gives them.

    Returns
    -------
    table
        `id`, `section`, `test`, `points`, `evidence`, `lacks`, `tests` (joined by a blank).
    """
    rows = [
        {
            "id": one.id,
            "section": SECTIONS[one.id[0]],
            "test": one.test,
            "points": one.points,
            "evidence": one.evidence,
            "lacks": one.lacks,
            "tests": " ".join(one.tests),
        }
        for one in of
    ]
    return pd.DataFrame(rows)


@checked
def points(of: tuple[Check, ...]) -> dict[str, float]:
    """Points of each section, 0 to 7; the score is the least of them.

    Parameters
    ----------
    of
        As :func:`checks` gives them.

    Returns
    -------
    points
        By section.

    Examples
    --------
    >>> min(points(checks()).values()) >= 5.5
    True
    """
    return {said: sum(one.points for one in of if one.id.startswith(letter)) for letter, said in SECTIONS.items()}
