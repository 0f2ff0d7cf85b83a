"""The modules stand in one list; a module imports only those before it."""

import ast
from pathlib import Path

import pytest

ORDER = (
    "errors language clock declaring schema privacy unusual taxonomy store grid ingest history feature label metrics leakage level calibration baseline stack objective draws experiment panel split model scoring estimator "
    "backtesting selection tuning plotting audit gate reporting explanation gaps alerting tracking monitoring weekly pipeline distributed testing simulation example exporting web demo cli"
).split()
PACKAGE = Path(__file__).parent.parent / "riskwarn"
MODULES = sorted(p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE or p.stem not in {"__init__", "__main__"})


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_one_way(path: Path):
    """A module imports only modules that stand before it, or its own package."""
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    nodes = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.ImportFrom | ast.Import)]
    names = {
        a.name if isinstance(n, ast.Import) or n.module == "riskwarn" else n.module for n in nodes for a in n.names
    }
    used = {
        name.removeprefix("riskwarn.").split(".")[0] for name in names if name.startswith("riskwarn.") or name in ORDER
    }

    assert own in ORDER
    assert {u for u in used - {own} if u in ORDER and ORDER.index(u) >= ORDER.index(own)} == set()


@pytest.mark.parametrize("path", sorted((PACKAGE / "web").rglob("*.py")), ids=lambda p: p.name)
def test_the_web_reads_what_a_night_published(path: Path):
    """No module of the web imports what computes a night: panel, model, history, scoring or pipeline."""
    nodes = [n for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.ImportFrom | ast.Import)]
    names = {f"{n.module}.{a.name}" if isinstance(n, ast.ImportFrom) else a.name for n in nodes for a in n.names}

    computing = ("panel", "model", "history", "scoring", "backtesting", "pipeline")
    assert [name for name in sorted(names) if name.split(".")[:2] in [["riskwarn", c] for c in computing]] == []
