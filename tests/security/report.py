"""The fault list as it was measured: which tests and probes ran for each fault, what they recorded, and whether the target is met."""

import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

LIST = Path(__file__).parents[2] / "riskwarn" / "faults.toml"
FAULTS = [f for f in tomllib.loads(LIST.read_text("utf-8"))["faults"] if f.get("command") == "make security"]
"""The part of the list of faults that is tried here."""


@dataclass
class Ran:
    """What came of some tests and probes: how many passed, failed and did not run, and the numbers they recorded."""

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    def note(self, name: str, value: float) -> None:
        """A number that was recorded: the largest of those that are called so, else the sum."""
        before = self.figures.get(name, 0)
        self.figures[name] = max(before, value) if name.startswith("most ") else before + value

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where something did not run, and so nobody knows."""
        if self.failed:
            return False
        return None if self.skipped or not self.passed else True

    def told(self) -> str:
        """The figures in one line."""
        words = [
            f"{name} {value:,.4g}" if value % 1 else f"{name} {value:,.0f}" for name, value in self.figures.items()
        ]
        words += [f"failed: {', '.join(self.failed[:3])}"] if self.failed else []
        words += [f"not run: {', '.join(self.skipped[:3])}"] if self.skipped else []
        return "; ".join([f"{self.passed} passed", *words])


@dataclass(frozen=True)
class Found:
    """What a probe found: whether its target is met, None where it could not be asked, and its numbers by name."""

    met: bool | None
    figures: Mapping[str, float]
    why: str = ""


class Collector:
    """A plugin of pytest: the outcome of each test and what it recorded."""

    def __init__(self) -> None:
        self.outcomes: dict[str, tuple[str, list[tuple[str, object]]]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what came of a test; a fixture that fails is a test that fails."""
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.nodeid] = (report.outcome, list(report.user_properties))


def run_tests(names: Iterable[str], folder: Path, *, options: Iterable[str] = ()) -> Collector:
    """Run tests of a folder, named by file or by file and function."""
    collector = Collector()
    wanted = [str(folder / name) for name in dict.fromkeys(names)]
    if not wanted:  # pytest would run them all
        return collector
    pytest.main(["-q", "--no-header", "-p", "no:cacheprovider", *options, *wanted], plugins=[collector])
    return collector


def ran(fault: Mapping, collector: Collector, probes: Mapping[str, Callable[[], Found]]) -> Ran:
    """What came of all that is tried against a fault."""
    made = Ran()
    for name in fault.get("tests", ()):
        found = {node: told for node, told in collector.outcomes.items() if belongs(node, name)}
        made.skipped += [] if found else [name]
        for node, (outcome, recorded) in found.items():
            made.passed += outcome == "passed"
            made.failed += [node.rpartition("::")[2]] if outcome == "failed" else []
            made.skipped += [node.rpartition("::")[2]] if outcome == "skipped" else []
            for key, value in recorded:
                made.note(key, float(value))
    for name in fault.get("probes", ()):
        found = probes[name]()
        made.passed += found.met is True
        made.failed += [f"{name} ({found.why})" if found.why else name] if found.met is False else []
        made.skipped += [f"{name} ({found.why})"] if found.met is None else []
        for key, value in found.figures.items():
            made.note(key, value)
    return made


def belongs(node: str, name: str) -> bool:
    """Whether a test is one of those that are meant, whatever its parameters and wherever it was started."""
    bare = node.partition("[")[0]
    return bare.endswith(name) or (name.endswith(".py") and f"{name}::" in node)


def tried(fault: Mapping) -> str:
    """What is tried, in few words."""
    files = dict.fromkeys(
        name.partition("::")[0].removeprefix("test_").removesuffix(".py") for name in fault.get("tests", ())
    )
    return ", ".join([*files, *(f"probe {name}" for name in fault.get("probes", ()))])


def line(fault: Mapping, made: Ran) -> str:
    """The fault as a row of the table."""
    met = {True: "met", False: "MISSED", None: "not known"}[made.met]
    return f"| {fault['id']} | {fault['fault']} | {tried(fault)} | {made.told()} | {fault['target']} | {met} |"
