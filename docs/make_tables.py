"""Write docs/tables.md from riskwarn.schema and docs/metrics.md from riskwarn.metrics: ``python docs/make_tables.py``."""

import inspect
import re
from pathlib import Path

from riskwarn import metrics
from riskwarn.schema import TABLES, Column, Table
from riskwarn.store import NIGHT_TABLES

DOCS = Path(__file__).parent
KINDS = {"time": "timezone-aware time", "geometry": "text", "flag": "true or false"}


def page() -> str:
    """The page as text."""
    head = [
        "# Tables",
        "",
        "Made from `riskwarn.schema` by `docs/make_tables.py`; change it there.",
        "Every table that enters or leaves the library obeys one of these.",
        "`riskwarn.schema.conform(name, frame)` brings a frame into this form or says all that is wrong with it.",
        "Optional columns may be absent.",
        "The panel is no stored table: one row a `grid_id` and `as_of`, one float32 column a feature, `y` where settled.",
    ]
    return "\n".join([*head, *(line for table in TABLES.values() for line in section(table))]) + "\n"


def section(table: Table) -> list[str]:
    """One table: what a row is, its key, its columns."""
    rules = [f"`{earlier}` may not lie after `{later}`." for earlier, later in table.ordered]
    kept = (
        "Published by a night." if table.name in NIGHT_TABLES else "Brought in by `riskwarn ingest` or `Store.write`."
    )
    return [
        "",
        f"## {table.name}",
        "",
        table.meaning,
        f"Key: {', '.join(f'`{k}`' for k in table.key)}.",
        kept,
        *rules,
        "",
        "| column | kind | | meaning | rule |",
        "| --- | --- | --- | --- | --- |",
        *(row(column) for column in table.columns),
    ]


def row(column: Column) -> str:
    """One column as a line of Markdown."""
    cells = [
        f"`{column.name}`",
        KINDS.get(column.kind, column.kind),
        "required" if column.required else "",
        column.meaning,
        column.rule(),
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def metrics_page() -> str:
    """The page of metrics as text: the first line of each docstring, by module."""
    found: dict[str, list[str]] = {}
    for name in metrics.__all__:
        metric = getattr(metrics, name)
        if callable(metric):
            found.setdefault(metric.__module__, []).append(name)
    lines = [
        "# Metrics",
        "",
        "Made from the docstrings of `riskwarn.metrics` by `docs/make_tables.py`; change them there.",
        "Each docstring gives the formula, units, range, source and an example: `help(riskwarn.metrics.pai)`.",
        "",
        "A backtest prints capture, PAI and PEI at the shares of the experiment, Brier score, Poisson deviance and calibration error.",
        "Captures are pooled: events caught on all test dates over all events of all test dates.",
        "The calibration error is over all rows; every other metric is the mean over test dates.",
        "Ties of a ranking count at their mean unless the experiment says otherwise.",
    ]
    for module, names in found.items():
        head = (inspect.getdoc(inspect.getmodule(getattr(metrics, names[0]))) or "").splitlines()[0]
        lines += ["", f"## {module.rsplit('.', 1)[-1]}", "", head, "", "| metric | what it is |", "| --- | --- |"]
        lines += [f"| `{name}` | {_first_line(getattr(metrics, name))} |" for name in names]
    return "\n".join(lines) + "\n"


def _first_line(metric: object) -> str:
    text = (inspect.getdoc(metric) or "").splitlines()[0]
    return re.sub(r" ?\[\d+\]_,?", "", text).replace(" .", ".").replace("|", "\\|")


PAGES = {"tables.md": page, "metrics.md": metrics_page}

if __name__ == "__main__":
    for name, made in PAGES.items():
        (DOCS / name).write_text(made(), "utf-8")
        print(f"{DOCS / name} written")
