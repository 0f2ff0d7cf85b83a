"""The fault list: every fault has a row, every row names tests and probes that are there, and what fails is not told as met."""

import ast
import json
import os
import re
import sys

import pytest

from security import probes
from security.__main__ import TESTS
from security.report import FAULTS, Collector, Found, Ran, belongs, line, ran, run_tests

TRIED = """
import pytest

@pytest.mark.parametrize("n", [1, 2])
def test_good(n, record_property):
    record_property("tried", n)
    record_property("most seconds", n)

def test_bad():
    assert False

@pytest.mark.skip(reason="x")
def test_none():
    pass
"""
KNOWN = [f"R{n}" for n in (*range(19, 36), 40, 44)]


def test_every_fault_has_a_row():
    """R19 to R35, R40 and R44, each once and in order, each with a target and something that is tried."""
    assert [fault["id"] for fault in FAULTS] == KNOWN
    assert [
        fault["id"] for fault in FAULTS if not (fault["target"] and (fault.get("tests") or fault.get("probes")))
    ] == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["id"])
def test_what_a_row_names_is_there(fault):
    """A test that was given another name would silently be tried no more."""
    for name in fault.get("tests", ()):
        file, _, function = name.partition("::")
        defined = {
            node.name
            for node in ast.walk(ast.parse((TESTS / file).read_text("utf-8")))
            if isinstance(node, ast.FunctionDef)
        }
        assert not function or function in defined, name
    assert set(fault.get("probes", ())) <= set(probes.PROBES)


def test_figures_are_those_that_were_recorded(tmp_path):
    """Sums, and the largest of what is called most; a failed test is a missed target, a skipped one leaves it open."""
    (tmp_path / "test_a.py").write_text(TRIED)
    good, bad, none = (
        {"id": "R0", "fault": "f", "target": "t", "tests": [f"test_a.py::test_{k}"]} for k in ("good", "bad", "none")
    )
    collector = run_tests(
        [f["tests"][0] for f in (good, bad, none)], tmp_path, options=["-c", os.devnull, "--rootdir", str(tmp_path)]
    )
    made = ran(good, collector, {})

    assert (made.met, made.passed, made.figures) == (True, 2, {"tried": 3, "most seconds": 2})
    assert "2 passed; tried 3; most seconds 2 | t | met |" in line(good, made)
    assert (ran(bad, collector, {}).met, ran(none, collector, {}).met) == (False, None)
    assert ran({"tests": ["test_a.py::test_gone"]}, Collector(), {}).met is None


@pytest.mark.parametrize(("met", "said"), [(True, "met"), (False, "MISSED"), (None, "not known")])
def test_a_probe_tells_what_it_found(met, said):
    """Met, missed with the reason, or not known where it could not be asked."""
    fault = {"id": "R0", "fault": "f", "target": "t", "probes": ["p"]}
    made = ran(fault, Collector(), {"p": lambda: Found(met, {"seen": 7}, "" if met else "why")})

    assert line(fault, made).endswith(f"| {said} |")
    assert "seen 7" in line(fault, made)
    assert Ran().met is None


def test_a_test_is_known_by_its_name():
    """Whatever its parameters; another whose name begins alike is another."""
    assert belongs("tests/test_a.py::test_b[x::y]", "test_a.py::test_b")
    assert belongs("tests/test_a.py::test_b", "test_a.py")
    assert not belongs("tests/test_a.py::test_bc", "test_a.py::test_b")


def test_a_package_without_a_digest_is_found():
    """Of each package of a lock the digests are counted."""
    text = "a==1 \\\n    --hash=sha256:00 \\\n    --hash=sha256:11\nb[x]==2\nc==3 --hash=sha256:22\n"

    assert probes.locked(text) == {"a": 2, "b": 0, "c": 1}


def test_a_pin_holds_where_its_marker_does():
    """Of a package with several pins that one is asked about which this machine would install, and the poorest tells its digests."""
    text = (
        "a==1 ; python_version < '3' \\\n    --hash=sha256:00\nA==2 ; python_version >= '3'\nb_c==3 --hash=sha256:11\n"
    )

    assert probes.held_here(text) == {("a", "2"), ("b-c", "3")}
    assert probes.locked(text) == {"a": 0, "b-c": 1}
    assert len(probes.pins(text)) == 3


@pytest.mark.parametrize(
    ("left_out", "faults", "met", "said"),
    [
        (0, 0, True, ""),
        (1, 0, False, "audited {n} of {here}, not "),
        (0, 1, False, ""),
        (None, 0, None, "not run offline"),
    ],
    ids=["all of them", "one left out", "a known fault", "no answer"],
)
def test_what_is_audited_is_what_is_locked(tmp_path, monkeypatch, left_out, faults, met, said):
    """An audit that skips one of the pins is no audit, whatever it says of the others; one that gives no answer leaves it unknown."""
    here = sorted(probes.held_here(probes.locks()))
    told = [{"name": name, "version": version, "vulns": []} for name, version in here[left_out or 0 :]]
    told[0]["vulns"] = [{"id": "X"}] * faults
    told += [{"name": name, "skip_reason": "not found"} for name, _ in here[: left_out or 0]]
    answer = "print()" if left_out is None else f"print({json.dumps(json.dumps({'dependencies': told}))})"
    program = tmp_path / "pip-audit"
    program.write_text(f"#!{sys.executable}\n{answer}\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = probes.advisories()

    assert found.met is met
    assert found.why.startswith(said.format(n=len(here) - (left_out or 0), here=len(here)))
    if met is not None:
        assert found.figures["audited"] == len(told) - (left_out or 0)
    assert found.figures["to be audited here"] == len(here)


def test_without_the_program_nobody_knows(tmp_path, monkeypatch):
    """No audit is not a clean one: nothing is counted as audited, and why is said."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(probes.sys, "executable", str(tmp_path / "python"))
    found = probes.advisories()

    assert (found.met, found.figures["audited"], found.why) == (None, 0, "pip-audit is not installed")


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN " + "PRIVATE KEY-----",
        "rw" + "_" + "A" * 43,
        "AKIA" + "Q" * 16,
        "ghp" + "_" + "a" * 36,
        "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0" + ".abcdefghijklmnop",
        "postgresql://user:" + "hunter2hunter2@db.example.org",
    ],
)
def test_a_secret_is_known(text):
    """Each kind that is looked for is found by its rule."""
    assert any(re.search(rule, text) for rule in probes._SECRETS.values())


@pytest.mark.parametrize("probe", ["archives", "imports", "licences"])
def test_the_quick_probes_find_nothing(probe):
    """Archives that lead out, imports that run what they read, packages without a licence."""
    found = probes.PROBES[probe]()

    assert (found.met, found.why) == (True, "")
