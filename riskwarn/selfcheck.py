"""The ML Test Score of riskwarn: 28 tests of a system that learns, each with its points, the evidence, and what is missing.

After Breck, Cai, Nielsen, Salib and Sculley, *The ML Test Score: A Rubric for ML Production Readiness* (IEEE Big Data 2017): a point where a
test is automated and repeated, half of one where it is done by hand and written down; a section has the sum of its seven tests, and the
score is that of the weakest section. It speaks of the library. What a city's own model shows stands on its card.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from riskwarn.calling import checked

SECTIONS = {"D": "features and data", "M": "model development", "I": "infrastructure", "O": "monitoring"}
"""By the first letter of a test's name."""
_TABLE = Path(__file__).with_suffix(".toml")


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
