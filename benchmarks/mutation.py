"""Do the tests notice? Small changes are planted in a module, one at a time, and its tests must fail: ``python benchmarks/mutation.py split label``.

A mutant turns a comparison, an operator of arithmetic or logic, moves a whole number by one, or drops a ``not``. Which ones are drawn follows from the seed.
Each is written into a copy of the repository and asked of the module's tests until the first failure; one that runs longer than `--seconds` counts as noticed.
What survives is printed with its line: some mutants change nothing that anyone could see, and only reading tells.
"""

import argparse
import ast
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

STANDS_ON = (
    "lightgbm",
    "pandas",
    "pydantic",
    "pyarrow.parquet",
    "scipy.stats",
    "sklearn.model_selection",
    "sqlalchemy",
)
"""Imported once, before the first mutant; nothing of the house itself, which each of them imports anew."""

ROOT = Path(__file__).parent.parent
ASKED = {
    "feature": ("feature", "test_feature test_leakage"),
    "label": ("label.py", "test_label"),
    "split": ("split.py", "test_split"),
    "metrics": ("metrics", "test_metrics test_metrics_forecasts test_metrics_comparison"),
    "gaps": (
        "gaps",
        "test_gaps test_gaps_coverage test_gaps_deadlines test_gaps_feeds test_gaps_handling test_gaps_silence test_gaps_states",
    ),
    "ledger": (
        "ledger",
        "test_ledger test_ledger_workflow test_ledger_nights test_ledger_clocks test_ledger_outcomes test_ledger_board",
    ),
}
"""By name: where the code is, and which tests are asked."""
OTHER = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.And: ast.Or, ast.Or: ast.And, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


def places(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """What can be changed in a module: the node, and the field that changes. Texts, types and what stands outside of functions stay."""
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


def mutated(source: str, n: int) -> tuple[str, str]:
    """The source with its n-th place changed, and what was changed."""
    tree = ast.parse(source)
    node, field = list(dict.fromkeys(places(tree)))[n]
    before, line = ast.unparse(node), node.lineno
    if field == "ops":
        node.ops[0] = OTHER[type(node.ops[0])]()
    elif field == "op":
        node.op = OTHER[type(node.op)]()
    elif field == "not":
        node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)
    else:
        node.value += 1
    return ast.unparse(ast.fix_missing_locations(tree)), f"{line}: {before} -> {ast.unparse(node)}"


def survives(copy: Path, tests: list[str], seconds: float) -> bool:
    """Whether the tests of a copy pass, in a process forked from this one: what the house stands on is imported but once."""
    child = os.fork()
    if child == 0:
        os._exit(_passes(copy, tests))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.1)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _passes(copy: Path, tests: list[str]) -> int:
    """Exit code of the tests of a copy, run here; nothing is said."""
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    os.chdir(copy)
    sys.path.insert(0, str(copy))
    given = ["-q", "-x", "-n", "0", "-p", "no:cacheprovider", *(f"tests/{name}.py" for name in tests)]
    try:
        return int(pytest.main(given))
    except BaseException:  # noqa: BLE001 whatever ends the tests is a failure of theirs
        return 1


def main() -> int:
    """Plant mutants and print how many were noticed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(ASKED))
    parser.add_argument("--mutants", type=int, default=20, help="of each name")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "RISKWARN_THREADS": "1"}
    sys.dont_write_bytecode = True
    for name in STANDS_ON:
        import_module(name)
    copy = Path(tempfile.mkdtemp()) / "riskwarn"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__", "build", "demo"))
    for name in asked.names:
        where, tests = ASKED[name]
        files = (
            sorted((copy / "riskwarn" / where).glob("*.py"))
            if (copy / "riskwarn" / where).is_dir()
            else [copy / "riskwarn" / where]
        )
        pool = [(f, n) for f in files for n in range(len(dict.fromkeys(places(ast.parse(f.read_text("utf-8"))))))]
        drawn = random.Random(asked.seed).sample(pool, min(asked.mutants, len(pool)))
        noticed = 0
        if not survives(copy, tests.split(), asked.seconds):
            print(f"{name}: its tests fail, or take longer than {asked.seconds:g} s, without any change", flush=True)
            continue
        for file, n in drawn:
            source = file.read_text("utf-8")
            changed, said = mutated(source, n)
            file.write_text(changed, "utf-8")
            alive = survives(copy, tests.split(), asked.seconds)
            file.write_text(source, "utf-8")
            noticed += not alive
            if alive:
                print(f"  survives: {file.relative_to(copy)}:{said}", flush=True)
        print(f"{name}: {noticed} of {len(drawn)} noticed, drawn of {len(pool)} places", flush=True)
    shutil.rmtree(copy.parent)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
