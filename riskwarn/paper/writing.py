"""A bulletin as a file: .docx, .xlsx, .html or .json. It appears whole or not at all, and is the same for the same bulletin."""

import importlib.util
import json
import os
import unicodedata
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from riskwarn.calling import checked
from riskwarn.errors import DataError, DefinitionError
from riskwarn.paper.form import Bulletin, Row, Section, Table

ENDINGS = (".docx", ".xlsx", ".html", ".json")


@checked
def check_bulletin_file(target: Path) -> None:
    """Refuse a file that cannot be written, before anything is read.

    Parameters
    ----------
    target
        The file.

    Raises
    ------
    DataError
        Its ending is none of :data:`ENDINGS`.
    DefinitionError
        It is a .docx, and the package that writes one is not installed.
    """
    if target.suffix not in ENDINGS:
        raise DataError(f"cannot write {target}: wanted an ending of {', '.join(ENDINGS)}, got {target.suffix!r}.")
    if target.suffix == ".docx" and importlib.util.find_spec("docx") is None:
        raise DefinitionError(
            f"cannot write {target}: python-docx is not installed; pip install 'riskwarn[documents]', or write .html or .xlsx."
        )


@checked
def write_bulletin(bulletin: Bulletin, target: Path) -> None:
    """Write a bulletin, its kind by the ending of the file.

    Parameters
    ----------
    bulletin
        What to write.
    target
        The file; its folder is made.

    Raises
    ------
    DataError
        Its ending is none of :data:`ENDINGS`.
    DefinitionError
        It is a .docx, and the package that writes one is not installed.
    """
    check_bulletin_file(target)
    body = bulletin_bytes(bulletin, target.suffix)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.stem}.{os.getpid()}{target.suffix}")
    try:
        partial.write_bytes(body)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


@checked
def bulletin_bytes(bulletin: Bulletin, ending: str) -> bytes:
    """What a file of a bulletin holds; the same for the same bulletin.

    Parameters
    ----------
    bulletin
        What to write.
    ending
        One of :data:`ENDINGS`.

    Returns
    -------
    body
        Of the whole file.
    """
    return _WRITERS[ending](_plain(bulletin))


def _json(bulletin: Bulletin) -> bytes:
    body = dict(bulletin.facts) | {
        key: value for key, value in asdict(bulletin).items() if key not in {"facts", "page_words"}
    }
    return (json.dumps(body, ensure_ascii=False, indent=1) + "\n").encode()


def _html(bulletin: Bulletin) -> bytes:
    from riskwarn.paper.page import page  # noqa: PLC0415 - each kind of file needs its own library

    return page(bulletin)


def _xlsx(bulletin: Bulletin) -> bytes:
    from riskwarn.paper.workbook import workbook  # noqa: PLC0415

    return workbook(bulletin)


def _docx(bulletin: Bulletin) -> bytes:
    from riskwarn.paper.document import document  # noqa: PLC0415

    return document(bulletin)


_WRITERS: dict[str, Callable[[Bulletin], bytes]] = {".json": _json, ".html": _html, ".xlsx": _xlsx, ".docx": _docx}


def _plain(bulletin: Bulletin) -> Bulletin:
    """The bulletin without the signs that no document may hold: names and codes of a city come from outside."""
    sections = tuple(
        Section(s.name, _text(s.heading), tuple(map(_text, s.lines)), tuple(map(_table, s.tables)))
        for s in bulletin.sections
    )
    return replace(bulletin, title=_text(bulletin.title), subtitle=_text(bulletin.subtitle), sections=sections)


def _table(table: Table) -> Table:
    rows = tuple(
        Row({k: _text(v) for k, v in row.cells.items()}, _text(row.head), _text(row.text), row.level, row.codes)
        for row in table.rows
    )
    return replace(table, heading=_text(table.heading), rows=rows)


def _text(text: Any) -> str:
    return "".join(" " if unicodedata.category(c) in {"Cc", "Cs", "Cn"} else c for c in str(text))
