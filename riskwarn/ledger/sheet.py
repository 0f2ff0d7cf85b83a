"""The list on paper: exported with name and version of each item, filled in, and brought back row by row with a report."""

import re
from pathlib import Path
from typing import Any

import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError, NotFoundError, RiskwarnError
from riskwarn.exporting import defused, plain_times, write_table
from riskwarn.language import LANGUAGES, phrase
from riskwarn.ledger.actor import Actor
from riskwarn.ledger.item import Item
from riskwarn.ledger.ledger import Ledger
from riskwarn.ledger.words import code_of, word
from riskwarn.ledger.workflow import Workflow

HEADERS = {
    "item_id": phrase("item"),
    "version": phrase("version"),
    "kind": phrase("kind", context="item"),
    "level": phrase("level", context="item"),
    "state": phrase("state", context="item"),
    "topic": phrase("what about"),
    "lane": phrase("lane", context="item"),
    "path": phrase("area", context="item"),
    "grid_ids": phrase("grids", context="item"),
    "owner": phrase("assigned to"),
    "clock": phrase("what is due"),
    "due_at": phrase("due"),
    "late": phrase("how late", context="item"),
    "action": phrase("action taken"),
    "outcome": phrase("outcome", context="item"),
    "reason": phrase("reason", context="item"),
    "assign_to": phrase("assign to"),
}
"""Columns of the list, in its order; the last four are filled in."""
FILLED = ("action", "outcome", "reason", "assign_to")
_SPOKEN = {"kind": "kind", "level": "level", "state": "state", "clock": "clock"}
_WIDTH = 16
_ITEM = re.compile(r"[0-9a-f]{16}")


@checked
def sheet_of(items: pd.DataFrame, *, language: str) -> pd.DataFrame:
    """Items as a list to fill in, headers and codes in words.

    Parameters
    ----------
    items
        What :meth:`riskwarn.ledger.Ledger.items` gave, with ``clock``, ``due_at`` and ``late`` where they are known.
    language
        Of headers and words.

    Returns
    -------
    sheet
        One row an item; the last columns are empty.
    """
    table = plain_times(items).reindex(columns=list(HEADERS)).astype(object)
    for column, what in _SPOKEN.items():
        table[column] = [word(what, str(code))[language] if isinstance(code, str) else "" for code in table[column]]
    table[list(FILLED)] = ""
    return table.rename(columns={name: said[language] for name, said in HEADERS.items()}).fillna("")


@checked
def write_sheet(sheet: pd.DataFrame, target: Path, *, workflow: Workflow, language: str) -> None:
    """Write a list as ``.xlsx`` with choices to pick from, or as ``.csv``; no cell is a formula.

    Parameters
    ----------
    sheet
        Of :func:`sheet_of`.
    target
        The file; it appears whole or not at all.
    workflow
        Whose actions, outcomes and reasons may be picked.
    language
        Of the choices.

    Raises
    ------
    DataError
        Another ending.
    """
    if target.suffix != ".xlsx":
        write_table(sheet, target)
        return
    partial = target.with_name(f".{target.name}.partial.xlsx")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        _write(sheet, partial, workflow, language)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _write(sheet: pd.DataFrame, target: Path, workflow: Workflow, language: str) -> None:
    options = {"options": {"strings_to_formulas": False, "strings_to_urls": False}}
    with pd.ExcelWriter(target, engine="xlsxwriter", engine_kwargs=options) as book:
        sheet.to_excel(book, index=False, sheet_name="list", freeze_panes=(1, 0))
        choices = {name: _choices(name, workflow, language) for name in ("action", "outcome", "reason")}
        pd.DataFrame({k: pd.Series(v, dtype="str") for k, v in choices.items()}).to_excel(
            book, index=False, sheet_name="choices"
        )
        page = book.sheets["list"]
        page.set_column(0, len(sheet.columns) - 1, _WIDTH)
        for n, (name, known) in enumerate(choices.items()):
            column = list(HEADERS).index(name)
            source = f"=choices!${'ABC'[n]}$2:${'ABC'[n]}${len(known) + 1}"
            page.data_validation(1, column, max(len(sheet), 1), column, {"validate": "list", "source": source})


def _choices(name: str, workflow: Workflow, language: str) -> list[str]:
    people = [s for s in workflow.steps if s.by != ("night",)]
    codes = {
        "action": [s.action for s in people],
        "outcome": [o.code for o in workflow.outcomes],
        "reason": [r for s in people for r in s.reasons],
    }[name]
    said = [word(name, code)[language] for code in dict.fromkeys(codes)]
    return (
        [f"{code} {words}" for code, words in zip(dict.fromkeys(codes), said, strict=True)]
        if name == "outcome"
        else said
    )


@checked
def read_sheet(source: Path) -> pd.DataFrame:
    """A list that comes back: its rows as text, under the names of :data:`HEADERS`, whatever language they are written in.

    Parameters
    ----------
    source
        ``.xlsx`` or ``.csv``, as :func:`write_sheet` wrote it.

    Returns
    -------
    rows
        With ``row``, the number of each in the file.

    Raises
    ------
    NotFoundError
        There is no such file.
    DataError
        It cannot be read, or lacks a column.
    """
    if not source.is_file():
        raise NotFoundError(f"there is no file {' '.join(str(source).split())}.")
    try:
        rows = (
            pd.read_excel(source, sheet_name=0, dtype=str, engine="openpyxl")
            if source.suffix == ".xlsx"
            else pd.read_csv(source, dtype=str, encoding="utf-8-sig")
        )
    except Exception as error:  # noqa: BLE001 - whatever a reader of workbooks raises over a damaged one
        raise DataError(
            f"{source.name}: not a list that can be read ({type(error).__name__}); wanted the .xlsx or .csv of `riskwarn alerts list --out`."
        ) from None
    names = {said[language]: name for name, said in HEADERS.items() for language in LANGUAGES} | {n: n for n in HEADERS}
    known = rows.rename(columns={c: names.get(str(c).strip(), str(c)) for c in rows.columns})
    if lacking := [c for c in ("item_id", "version", "action") if c not in known]:
        raise DataError(
            f"{source.name}: the list lacks the column {', '.join(lacking)}; use one that `riskwarn alerts list --out` wrote."
        )
    plain = known.reindex(columns=list(HEADERS)).fillna("").map(lambda cell: str(cell).strip().removeprefix("'"))
    return plain.assign(row=range(2, len(plain) + 2))


@checked
def take_rows(
    ledger: Ledger, rows: pd.DataFrame, actor: Actor, *, at: object = None, language: str = "en"
) -> pd.DataFrame:
    """Take the step of each row that names an action; a row that is refused keeps no other back.

    Parameters
    ----------
    ledger
        Of the store.
    rows
        Of :func:`read_sheet`.
    actor
        Who filled the list in.
    at
        When it was done; now by default.
    language
        Of the states in the report.

    Returns
    -------
    report
        One row for each with an action: ``row``, ``item_id``, ``action``, ``result`` (``done`` or the kind of error), ``said``.
    """
    report = []
    for row in rows[rows["action"] != ""].to_dict("records"):
        action = code_of("action", row["action"])
        known = {
            "item_id": row["item_id"] if _ITEM.fullmatch(row["item_id"]) else "",
            "action": action if action in ledger.workflow.actions else "",
        }
        line = {"row": row["row"], **known}  # a cell may hold anything, a name too: what is no code is not repeated
        try:
            done = _take(ledger, row, actor, at)
            report.append({**line, "result": "done", "said": word("state", done.state)[language]})
        except RiskwarnError as error:
            report.append({**line, "result": type(error).__name__, "said": str(error)})
    return pd.DataFrame(report, columns=["row", "item_id", "action", "result", "said"])


def _take(ledger: Ledger, row: dict[str, Any], actor: Actor, at: object) -> Item:
    version = row["version"].removesuffix(".0")
    if not _ITEM.fullmatch(row["item_id"]):
        raise DataError(f"row {row['row']}: the item is none; its name is sixteen letters and may not be changed.")
    if not version.isdigit():
        raise DataError(
            f"row {row['row']}: the version is no number; it says what was looked at and may not be changed."
        )
    outcome = code_of("outcome", row["outcome"].split(" ")[0]) if row["outcome"] else ""
    outcome = outcome if outcome in {o.code for o in ledger.workflow.outcomes} else code_of("outcome", row["outcome"])
    return ledger.act(
        row["item_id"],
        code_of("action", row["action"]),
        actor,
        version=int(version),
        outcome=outcome,
        reason=code_of("reason", row["reason"]) if row["reason"] else "",
        area=row["assign_to"],
        at=at,
    )


@checked
def in_words(item: Item, *, language: str) -> str:
    """An item in two lines.

    Parameters
    ----------
    item
        The item.
    language
        Of the words.

    Returns
    -------
    text
        What and where it is, and how it stands.
    """
    what = f"{word('kind', item.kind)[language]} {item.item_id} · {word('level', item.level)[language]} · {item.topic} · {item.path or '*'} · {item.grid_ids}"
    return f"{what}\n{word('state', item.state)[language]} · {HEADERS['version'][language]} {item.version} · {HEADERS['owner'][language]} {item.owner or '—'}"


@checked
def trail_in_words(trail: pd.DataFrame, *, language: str) -> pd.DataFrame:
    """Transitions for people.

    Parameters
    ----------
    trail
        Of :meth:`riskwarn.ledger.Ledger.trail`.
    language
        Of headers and words.

    Returns
    -------
    table
        One row a transition: when, what, from which state to which, by which role of which area, why, and the beginning of its digest.
    """
    columns = {
        phrase("when", context="item"): [f"{at:%Y-%m-%d %H:%M}" for at in trail["at"]],
        phrase("action taken"): [word("action", a)[language] for a in trail["action"]],
        HEADERS["state"]: [word("state", s)[language] for s in trail["to_state"]],
        phrase("role", context="item"): [word("role", r)[language] for r in trail["role"]],
        HEADERS["path"]: trail["area"].tolist(),
        HEADERS["reason"]: [_code(c, language) for c in trail["code"]],
        phrase("digest", context="item"): trail["digest"].str[:12].tolist(),
    }
    return pd.DataFrame({said[language]: values for said, values in columns.items()}).map(defused)


def _code(code: str, language: str) -> str:
    return (
        f"{code} {word('outcome', code)[language]}"
        if code[:1] == "O"
        else word("reason", code)[language]
        if code
        else ""
    )
