"""What is public says what it takes, what it gives, and when it refuses: numpydoc, in every module."""

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import riskwarn

PACKAGE = Path(riskwarn.__file__).parent
MODULES = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()}
DOORS = sorted(name for name in MODULES if not name.startswith("_"))
"""Modules whose public names keep it."""


def public(module: Any) -> Iterator[tuple[str, Any]]:
    """Public functions and classes of a module, and what its classes are the first to define."""
    names = getattr(module, "__all__", None) or vars(module)
    here = {n: getattr(module, n) for n in names if not n.startswith("_")}
    here = {n: x for n, x in here.items() if getattr(x, "__module__", "").startswith(module.__name__)}
    kinds = {x for x in here.values() if inspect.isclass(x)}
    for name, thing in here.items():
        if inspect.isfunction(thing) or inspect.isclass(thing):
            yield name, thing
        if inspect.isclass(thing):
            yield from ((f"{name}.{n}", f) for n, f in methods(thing, kinds - {thing}))


def methods(kind: type, others: set[type]) -> Iterator[tuple[str, Any]]:
    """Public methods of a class that it, or a base behind the scenes, is the first to define: an override says only what differs."""
    home = kind.__module__.split(".")[:2]
    for name in dir(kind):
        first = [k for k in kind.__mro__ if name in vars(k)][-1]
        method = vars(first)[name]
        method = getattr(method, "__func__", method)
        ours = first.__module__.split(".")[:2] == home and first not in others
        if ours and inspect.isfunction(method) and not name.startswith("_"):
            yield name, method


def lacks(thing: Any) -> list[str]:
    """What the docstring of a function, method or class does not say."""
    doc = inspect.getdoc(thing) or ""
    if not doc:
        return ["no docstring"]
    if inspect.isclass(thing):
        return []
    function = inspect.unwrap(thing)
    wanted = [p for p in inspect.signature(function).parameters if p not in {"self", "cls"}]
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    faults = [
        f"parameter {p!r}"
        for p in wanted
        if not re.search(rf"^(.*, )?\*{{0,2}}{p}(, .*)?$", _section(doc, "Parameters"), re.MULTILINE)
    ]
    gives = inspect.signature(function).return_annotation not in {None, "None", inspect.Signature.empty}
    if gives and not (_section(doc, "Returns") or _section(doc, "Yields") or _one_line(doc, wanted)):
        faults.append("Returns")
    if any(_of_ours(node) for node in _own(tree.body[0])) and not _section(doc, "Raises"):
        faults.append("Raises")
    return faults


def _one_line(doc: str, wanted: list[str]) -> bool:
    """A function of no parameters may say in its one sentence what it gives."""
    return not wanted and bool(doc)


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """What stands in a function itself, not in one that it makes."""
    for node in ast.iter_child_nodes(function):
        if not isinstance(node, ast.FunctionDef):
            yield node
            yield from _own(node)


def _of_ours(node: ast.AST) -> bool:
    return isinstance(node, ast.Raise) and node.exc is not None and "Error" in ast.unparse(node.exc)


def _section(doc: str, title: str) -> str:
    found = re.search(rf"^{title}\n-+\n(.*?)(?=^\w+\n-+\n|\Z)", doc, re.MULTILINE | re.DOTALL)
    return found.group(1) if found else ""


ALL = [(door, name, thing) for door in DOORS for name, thing in public(importlib.import_module(f"riskwarn.{door}"))]


@pytest.mark.parametrize(("door", "name", "thing"), ALL, ids=[f"{d}.{n}" for d, n, _ in ALL])
def test_what_is_public_says_what_it_takes_and_gives(door, name, thing):
    """Every parameter is told, what comes back, and the errors the function itself raises."""
    assert lacks(thing) == [], f"riskwarn.{door}.{name}"
