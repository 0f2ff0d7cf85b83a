"""Do the tests notice? Small changes are planted in a room, one at a time, and its tests must fail: ``python benchmarks/mutation.py metrics gaps``.

A mutant turns a comparison, an operator of arithmetic or logic, moves a whole number by one, or drops a ``not``. Which ones are drawn follows from the seed.
The tests of a room are collected once and run once, which tells which lines each of them reaches. Every mutant then lives in a process forked from that one:
the changed function takes the place of the true one, and the tests that reach its line are asked, the quickest first, until one fails or those asked
add up to `--seconds` of processor: what is then not noticed counts as surviving. A test that takes five times as long as usual and a minute more counts
as failed. What no test reaches survives, and so does what runs when a module is imported or as a process of its own.
Examples of docstrings are tests; those that want PostgreSQL are left out, and so are the migrations of the ledger.
What survives is printed with its line: some mutants change nothing that anyone could see, and only reading tells.
"""

import argparse
import ast
import builtins
import contextlib
import gc
import os
import pickle
import random
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
ASKED = {
    "feature": ("feature", "test_feature test_feature_rows test_feature_calendar test_leakage"),
    "label": ("label.py", "test_label"),
    "split": ("split.py", "test_split"),
    "metrics": ("metrics", "test_metrics test_metrics_forecasts test_metrics_comparison"),
    "gaps": (
        "gaps",
        "test_gaps test_gaps_bounds test_gaps_coverage test_gaps_deadlines test_gaps_exposure test_gaps_feeds test_gaps_handling test_gaps_rows test_gaps_silence test_gaps_states test_gaps_surge test_gaps_wording",
    ),
    "ledger": (
        "ledger",
        "test_ledger test_ledger_workflow test_ledger_nights test_ledger_clocks test_ledger_outcomes test_ledger_board test_ledger_response test_ledger_shift test_ledger_cli",
    ),
}
"""By name: where the code is, and which tests are asked."""
OTHER = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.And: ast.Or, ast.Or: ast.And, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
GUESTS = {
    "alembic",
    "jinja2",
    "lightgbm",
    "pandas",
    "pandera",
    "pyarrow",
    "riskwarn",
    "scipy",
    "scoringrules",
    "sklearn",
    "sqlalchemy",
}
QUICK = 0.5
"""Seconds; tests that take no longer are all asked before the others."""


def places(tree: ast.Module) -> list[tuple[ast.AST, str]]:
    """What can be changed in a module: the node, and the field that changes. Texts, types and what stands outside of functions stay."""
    return list(dict.fromkeys(_places(tree)))


def _places(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef) or any(
            "overload" in ast.unparse(d) for d in function.decorator_list
        ):
            continue
        for statement in function.body:
            for node in ast.walk(statement):
                if isinstance(node, ast.Compare) and type(node.ops[0]) in OTHER:
                    yield node, "ops"
                elif isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in OTHER:
                    yield node, "op"
                elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
                    yield node, "not"
                elif isinstance(node, ast.Constant) and type(node.value) is int:
                    yield node, "value"


class Mutant:
    """The n-th place of a file, changed: its tree, the line of its statement, and what was changed."""

    def __init__(self, file: Path, n: int) -> None:
        self.file = file
        self.tree = ast.parse(file.read_text("utf-8"))
        node, field = places(self.tree)[n]
        before = ast.unparse(node)
        self.line = max(s.lineno for s in ast.walk(self.tree) if isinstance(s, ast.stmt) and _holds(s, node))
        if field == "ops":
            node.ops[0] = OTHER[type(node.ops[0])]()
        elif field == "op":
            node.op = OTHER[type(node.op)]()
        elif field == "not":
            node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)
        else:
            node.value += 1
        self.said = f"{file.relative_to(ROOT)}:{node.lineno}: {before} -> {ast.unparse(node)}"
        ast.fix_missing_locations(self.tree)


def _holds(statement: ast.stmt, node: ast.AST) -> bool:
    return any(n is node for n in ast.walk(statement))


class Noting(ast.NodeTransformer):
    """Lets every statement of a function say, before it runs, that it was reached."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.inside = 0

    def generic_visit(self, node: ast.AST) -> ast.AST:
        function = isinstance(node, ast.FunctionDef)
        self.inside += function
        super().generic_visit(node)
        if self.inside:
            for name in ("body", "orelse", "finalbody"):
                block = getattr(node, name, None)
                if isinstance(block, list) and block:
                    setattr(node, name, [s for statement in block for s in (self._note(statement), statement)])
        self.inside -= function
        return node

    def _note(self, statement: ast.stmt) -> ast.stmt:
        call = ast.Call(ast.Name("__reached__", ast.Load()), [ast.Constant((str(self.file), statement.lineno))], [])
        return ast.copy_location(ast.Expr(call), statement)


def codes(tree: ast.Module, file: Path) -> dict[tuple[str, int], CodeType]:
    """Code of every function of a module, by its qualified name and first line."""
    found, left = {}, [compile(tree, str(file), "exec")]
    while left:
        code = left.pop()
        found[code.co_qualname, code.co_firstlineno] = code
        left += [c for c in code.co_consts if isinstance(c, CodeType)]
    return found


def living(files: list[Path]) -> dict[Path, list[FunctionType]]:
    """Functions of each file that were made when it was imported."""
    gc.unfreeze()
    wanted, found = {str(f): f for f in files}, defaultdict(list)
    for thing in gc.get_objects():
        if type(thing) is FunctionType and thing.__code__.co_filename in wanted:
            found[wanted[thing.__code__.co_filename]].append(thing)
    gc.freeze()
    return found


def exchange(functions: list[FunctionType], tree: ast.Module, file: Path) -> None:
    """Give living functions the code of another tree of their file."""
    new = codes(tree, file)
    for function in functions:
        own = function.__code__
        function.__code__ = new.get((own.co_qualname, own.co_firstlineno), own)


class Asking:
    """Plugin of pytest that asks the collected tests of one room, instead of running them once."""

    def __init__(
        self, name: str, draws: dict[str, list[tuple[Path, int]]], n_places: int, files: list[Path], most_seconds: float
    ) -> None:
        self.name, self.draws, self.n_places, self.files = name, draws, n_places, files
        self.most_seconds = most_seconds
        self.failed = False
        self.notes: list[set] = [set()]
        self.shared: dict[str, set] = {}
        self.shared_seconds = 0.0

    # what pytest calls

    @pytest.hookimpl
    def pytest_collection_modifyitems(self, items: list) -> None:
        items[:] = [i for i in items if "postgres" not in i.nodeid and not any("postgres" in f for f in i.fixturenames)]

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.failed |= report.failed

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef):
        if fixturedef.scope == "function":
            return (yield)
        began = time.process_time()
        self.notes.append(self.shared.setdefault(f"{fixturedef.baseid}::{fixturedef.argname}", set()))
        try:
            return (yield)
        finally:
            self.notes.pop()
            self.shared_seconds += (time.process_time() - began) * (len(self.notes) == 1)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.items = session.items
        self.functions = living(self.files)
        began = time.monotonic()
        self.reached, self.seconds, modules = self._told(self._baseline)
        if self.reached is not None:
            _imported(modules)
            self.functions = living(self.files)
        else:
            print(f"{self.name}: its tests fail without any change: {self.seconds}", flush=True)
            return True
        print(f"{self.name}: {len(self.items)} tests, {time.monotonic() - began:.0f} s once", flush=True)
        for which, drawn in self.draws.items():
            noticed = sum(
                not self._survives(*one) for one in drawn
            )  # one after the other, survivors printed as they come
            print(
                f"{self.name}, {which}: {noticed} of {len(drawn)} noticed ({noticed / len(drawn):.1%}), drawn of {self.n_places} places;"
                f" {time.monotonic() - began:.0f} s",
                flush=True,
            )
        return True

    # what it does

    def _told(self, work) -> tuple:
        """What a forked process has to tell."""
        with tempfile.NamedTemporaryFile() as file:
            child = os.fork()
            if child == 0:
                _hush()
                Path(file.name).write_bytes(pickle.dumps(work()))
                os._exit(0)
            os.waitpid(child, 0)
            return pickle.loads(Path(file.name).read_bytes())

    def _baseline(self) -> tuple[list[set] | None, list[float] | str, list[str]]:
        """Which lines each test reaches, its seconds without what it shares with others, and what they import on the way."""
        builtins.__reached__ = self._reach
        for file, functions in self.functions.items():
            tree = ast.fix_missing_locations(Noting(file).visit(ast.parse(file.read_text("utf-8"))))
            exchange(functions, tree, file)
        reached, seconds = [], []
        for n, item in enumerate(self.items):
            self.notes, self.shared_seconds, began = [set()], 0.0, time.process_time()
            self._run(item, self.items[n + 1] if n + 1 < len(self.items) else None)
            if self.failed:
                return None, item.nodeid, []
            reached.append(self.notes[0])
            seconds.append(time.process_time() - began - self.shared_seconds)
        for lines, item in zip(reached, self.items, strict=True):
            for fixture, others in self.shared.items():
                base, _, argument = fixture.rpartition("::")
                if argument in item.fixturenames and item.nodeid.startswith(base):
                    lines.update(others)
        return reached, seconds, list(sys.modules)

    def _reach(self, place: tuple[str, int]) -> None:
        self.notes[-1].add(place)

    def _survives(self, file: Path, n: int) -> bool:
        mutant = Mutant(file, n)
        tests = [t for t, lines in enumerate(self.reached) if (str(mutant.file), mutant.line) in lines]
        total = defaultdict(float)
        for test in tests:
            total[self.items[test].path] += self.seconds[test]
        tests.sort(key=lambda t: (self.seconds[t] > QUICK, total[self.items[t].path], self.seconds[t]))
        spent = np.cumsum([self.seconds[t] for t in tests])
        tests = [t for t, before in zip(tests, spent, strict=True) if before <= self.most_seconds] or tests[:1]
        alive = self._passes(mutant, tests)
        if alive:
            print(f"  survives {len(tests)} tests: {mutant.said} #{n}", flush=True)
        return alive

    def _passes(self, mutant: Mutant, tests: list[int]) -> bool:
        """Whether tests pass with the living functions changed, in a forked process."""
        if not tests:
            return True
        child = os.fork()
        if child == 0:
            _hush()
            exchange(self.functions[mutant.file], mutant.tree, mutant.file)
            signal.signal(signal.SIGALRM, _too_long)
            for n, following in zip(tests, [*tests[1:], None], strict=True):
                signal.setitimer(signal.ITIMER_REAL, 5 * self.seconds[n] + 60, 5)
                self._run(self.items[n], None if following is None else self.items[following])
                if self.failed:
                    break
            signal.setitimer(signal.ITIMER_REAL, 0)
            os._exit(self.failed)
        end = time.monotonic() + 120 + sum(5 * self.seconds[n] + 60 for n in tests)
        while time.monotonic() < end:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status) == 0
            time.sleep(0.02)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return False

    def _run(self, item: pytest.Item, following: pytest.Item | None) -> None:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


def _too_long(*_) -> None:
    pytest.fail("a changed test runs without end")


def _imported(modules: list[str]) -> None:
    """Import once what every process would import anew."""
    for name in modules:
        if name not in sys.modules and name.partition(".")[0] in GUESTS:
            with contextlib.suppress(Exception):
                import_module(name)


def _hush() -> None:
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)


def survivors(report: Path) -> list[tuple[Path, int]]:
    """What survived by an earlier report: it may be asked again after tests were added, the code being the same."""
    lines = [line.split() for line in report.read_text("utf-8").splitlines() if line.startswith("  survives")]
    return [(ROOT / words[3].partition(":")[0], int(words[-1][1:])) for words in lines]


def ask(name: str, asked: argparse.Namespace) -> None:
    """Plant mutants in one room and print how many were noticed."""
    where, tests = ASKED[name]
    files = sorted((ROOT / "riskwarn" / where).glob("*.py")) or [ROOT / "riskwarn" / where]
    pool = [(f, n) for f in files for n in range(len(places(ast.parse(f.read_text("utf-8")))))]
    draws = {f"seed {s}": random.Random(s).sample(pool, min(asked.mutants, len(pool))) for s in asked.seeds}
    if asked.again:
        draws = {f"again {r}": [m for m in survivors(r) if m in pool] for r in asked.again}
    paths = [*(f"tests/{test}.py" for test in tests.split()), *(str(f.relative_to(ROOT)) for f in files)]
    plugin = Asking(name, draws, len(pool), files, asked.seconds)
    pytest.main(["-qq", "-s", "-n", "0", "-p", "no:cacheprovider", "--no-header", "--no-summary", *paths], [plugin])


def main() -> int:
    """Ask each room in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(ASKED))
    parser.add_argument("--mutants", type=int, default=20, help="of each name; more than there are places: all of them")
    parser.add_argument("--seconds", type=float, default=30.0, help="of processor, for the tests of one mutant")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="a draw each")
    parser.add_argument("--again", type=Path, nargs="+", help="earlier reports: only what survived there is asked")
    asked = parser.parse_args()
    os.chdir(ROOT)
    os.environ |= {"OMP_NUM_THREADS": "1", "RISKWARN_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    sys.path[:0] = [str(ROOT)]
    for name in asked.names:
        child = os.fork()
        if child == 0:
            ask(name, asked)
            os._exit(0)
        os.waitpid(child, 0)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
