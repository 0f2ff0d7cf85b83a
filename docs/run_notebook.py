"""Run the cells of a notebook, a page of Markdown, and put under each what it shows: for the site, and ``python docs/run_notebook.py PAGE``."""

import ast
import contextlib
import io
import os
import re
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd

CELL = re.compile(r"^```python\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
HEADER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


def with_outputs(text: str, name: str, pictures: Path) -> str:
    """The page with what each cell prints, its last value and its figures below it.

    The cells run from top to bottom in one namespace, in a folder of their own; warnings are errors.
    """
    mpl.use("Agg")
    mpl.rcParams.update({"figure.dpi": 110, "font.size": 11, "axes.titlesize": 13, "axes.titleweight": "bold"})
    scope: dict[str, Any] = {"__name__": "__notebook__"}
    parts, end = [], 0
    text = HEADER.sub("", text)
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.chdir(folder),
        warnings.catch_warnings(),
        pd.option_context("display.max_colwidth", 120),
    ):
        warnings.simplefilter("error")
        for n, cell in enumerate(CELL.finditer(text), 1):
            parts += [text[end : cell.end()], "\n", shown(cell[1], scope, pictures / f"{name}-{n}")]
            end = cell.end()
    return "".join([*parts, text[end:]])


def shown(source: str, scope: dict[str, Any], picture: Path) -> str:
    """What one cell shows, as Markdown."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        value = run(source, scope)
    lines = [f"```text\n{said.getvalue().rstrip()}\n```\n"] if said.getvalue().strip() else []
    numbers = plt.get_fignums()
    if value is not None and not numbers:
        lines.append(rich(value))
    for number in numbers:
        picture.parent.mkdir(parents=True, exist_ok=True)
        path = picture.with_name(f"{picture.name}-{number}.png")
        plt.figure(number).savefig(path, bbox_inches="tight")
        plt.close(number)
        lines.append(f"![what the cell above draws]({picture.parent.name}/{path.name})\n")
    return "\n".join(lines) + "\n"


def run(source: str, scope: dict[str, Any]) -> Any:
    """Run a cell; its value is that of the expression it ends with, if it ends with one."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<cell>", "exec"), scope)  # noqa: S102 - that is what a notebook is
    if last is None:
        return None
    value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), scope)  # noqa: S307
    return None if source.rstrip().endswith(";") else value


def rich(value: Any) -> str:
    """A value as a notebook shows it: its HTML where it has one, without empty lines, which would end it."""
    to_html = getattr(value, "_repr_html_", None)
    if to_html is None or (text := to_html()) is None:
        return f"```text\n{value!r}\n```\n"
    return '<div class="shown">\n' + re.sub(r"\n\s*\n", "\n", text) + "\n</div>\n"


if __name__ == "__main__":
    os.environ.setdefault("RISKWARN_PROGRESS", "0")
    page = Path(sys.argv[1])
    print(with_outputs(page.read_text("utf-8"), page.stem, Path(tempfile.mkdtemp()) / "pictures"))
