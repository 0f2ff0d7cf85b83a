"""Errors: each kind with its own exit code, each known to the documentation."""

import inspect
import re
from pathlib import Path

import pytest

from riskwarn import errors
from riskwarn.errors import NotFoundError, RiskwarnError, did_you_mean

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, RiskwarnError)]


def test_each_kind_has_its_own_exit_code():
    """No two kinds share an exit code, and none is 0 (fine) or 2 (wrong arguments)."""
    codes = [kind.exit_code for kind in KINDS]

    assert len(KINDS) >= 9
    assert len(set(codes)) == len(codes)
    assert not {0, 2} & set(codes)


def test_the_module_lists_every_kind():
    """The tree at the head of the module names each kind with its exit code."""
    listed = dict(re.findall(r"(\w+Error)\s+(\d+)", errors.__doc__))

    assert {kind.__name__: str(kind.exit_code) for kind in KINDS} == listed


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
def test_operations_list_every_exit_code(kind):
    """The page for operators says what each exit code means, in the words of the code."""
    page = (Path(__file__).parents[1] / "docs" / "operations.md").read_text("utf-8")

    assert re.search(
        rf"\| {kind.exit_code} \| `{kind.__name__}` \| {re.escape(inspect.getdoc(kind).splitlines()[0])}", page
    )


def test_did_you_mean_names_the_nearest_word():
    """A slip of one letter is recognised; a word far from all others gives no advice."""
    assert did_you_mean("occured_at", ["occurred_at", "known_at"]) == " (did you mean 'occurred_at'?)"
    assert did_you_mean("zzz", ["occurred_at"]) == ""
    assert did_you_mean("zzz", []) == ""


@pytest.mark.parametrize("end", ["\n", "\r\n", "\u2028", "\x85"])
def test_a_message_is_one_line_whatever_it_tells(end):
    """A name with a line end in it is told with the end written out, so that a log keeps one line an error."""
    said = str(NotFoundError(f"no store at a{end}b."))

    assert len(said.splitlines()) == 1
    assert said.startswith("no store at a\\")
