"""The modules stand in one list; a module imports only those before it, and no file imports in a circle."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ORDER = (
    "errors extras progress calling signed language sheet notebook clock declaring schema privacy tail unusual holiday arrivals lumps recording taxonomy store grid ingest history feature label metrics leakage level calibration rows baseline stack objective draws purpose experiment panel split model scoring estimator "
    "backtesting selection tuning plotting naming audit gate reporting datasheet explanation gaps alerting tracking training monitoring weekly degraded plan publishing scaffold mode working lane answer standby sandbox shadow register maturity releasing holds replaying means pipeline retraining distributed counted testing simulation example exporting paper ledger access webhooks gauges web bulletin client doctor demo founding selfcheck cli"
).split()
PACKAGE = Path(__file__).parent.parent / "riskwarn"
MODULES = sorted(p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE or p.stem not in {"__init__", "__main__"})


FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if "starter" not in path.parts]


@cache
def tree_of(path: Path) -> ast.AST:
    """A file as it is parsed."""
    return ast.parse(path.read_text("utf-8"))


def imported(tree: ast.AST) -> Iterator[str]:
    """Dotted names that a file imports anywhere in it, each as far as it is written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def dotted(path: Path) -> str:
    """Name of a file as a module."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path):
    """A module imports only modules that stand before it, or its own package."""
    module = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    used = {name.split(".")[1] for name in imported(tree_of(path)) if name.startswith("riskwarn.")} & set(ORDER)

    assert module in ORDER
    assert {u for u in used - {module} if ORDER.index(u) >= ORDER.index(module)} == set()


def test_the_order_names_what_is_there():
    """The list knows every module there is and none that is not."""
    there = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES}

    assert set(ORDER) == there
    assert len(ORDER) == len(set(ORDER))


def test_no_file_imports_in_a_circle():
    """Within a package too, no file needs itself by way of others, imports inside functions included."""
    names = {dotted(path): path for path in FILES}
    needs = {
        name: {_file(n, names) for n in imported(tree_of(path))} - {None, name, *_packages(name)}
        for name, path in names.items()
    }

    assert circle_of(needs) == []


def test_no_benchmark_imports_in_a_circle():
    """The scripts beside the package keep the same law."""
    scripts = {path.stem: path for path in (PACKAGE.parent / "benchmarks").rglob("*.py")}
    trees = {name: ast.parse(path.read_text("utf-8")) for name, path in scripts.items()}
    needs = {name: {n.split(".")[0] for n in imported(tree)} & set(scripts) - {name} for name, tree in trees.items()}

    assert circle_of(needs) == []


def circle_of(needs: Mapping[str, set]) -> list[str]:
    """A way from a file back to itself; empty where there is none."""
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def _file(name: str, names: Mapping[str, Path]) -> str | None:
    """The file that a dotted name is from, where it is one of ours."""
    parent = name.rpartition(".")[0]
    return name if name in names else parent if parent in names else None


def _packages(name: str) -> Iterator[str]:
    """The packages a file lies in: their face gathers it, which is not a need of it."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


@pytest.mark.parametrize("path", sorted((PACKAGE / "web").rglob("*.py")), ids=lambda p: p.name)
def test_the_web_reads_what_a_night_published(path: Path):
    """No module of the web imports what computes a night: panel, model, history, scoring or pipeline."""
    computing = {"panel", "model", "history", "scoring", "backtesting", "pipeline"}

    assert [n for n in imported(tree_of(path)) if n.startswith("riskwarn.") and n.split(".")[1] in computing] == []
