"""Write docs/tables.md from riskwarn.schema: ``python docs/make_tables.py``."""

from pathlib import Path

from riskwarn.schema import TABLES, Column, Table
from riskwarn.store import NIGHT_TABLES

TARGET = Path(__file__).with_name("tables.md")
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
        "", f"## {table.name}", "", table.meaning, f"Key: {', '.join(f'`{k}`' for k in table.key)}.", kept, *rules, "",
        "| column | kind | | meaning | rule |", "| --- | --- | --- | --- | --- |", *(row(column) for column in table.columns),
    ]  # fmt: skip


def row(column: Column) -> str:
    """One column as a line of Markdown."""
    cells = [
        f"`{column.name}`", KINDS.get(column.kind, column.kind), "required" if column.required else "", column.meaning, column.rule(),
    ]  # fmt: skip
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    TARGET.write_text(page(), "utf-8")
    print(f"{TARGET} written")
