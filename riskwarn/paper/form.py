"""What a paper is made of, whatever kind of file it becomes: the bulletin of a night, a handover, a meeting, a summary."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """One alert, gap or feed.

    Attributes
    ----------
    cells
        By column of its table, as text.
    head, text
        The same as prose: what stands out, and the rest.
    level
        Code of its level; empty where it has none.
    codes
        What programs ask for, as names of alert, grid and gap.
    """

    cells: Mapping[str, str]
    head: str
    text: str
    level: str = ""
    codes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """Rows of one kind.

    Attributes
    ----------
    name
        Code of the kind, as the lane of alerts.
    heading
        What stands above it; empty for nothing.
    columns
        Header of each column by its code.
    rows
        In their order.
    """

    name: str
    heading: str
    columns: Mapping[str, str]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Section:
    """One numbered part of a bulletin.

    Attributes
    ----------
    name
        Its code.
    heading
        With its number.
    lines
        Sentences, before the tables.
    tables
        None where there is nothing to list.
    """

    name: str
    heading: str
    lines: tuple[str, ...]
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True)
class Bulletin:
    """A bulletin in one language.

    Attributes
    ----------
    title, subtitle
        What it is, of where and when.
    caution
        The sentence that stands on every page.
    sections
        In order.
    language
        In which it is written.
    facts
        What programs ask for; `as_of`, an instant, is always there. A bulletin has `run`, `area`, `model_version` and `data_until` too.
    page_words
        How pages are numbered, with ``{page}`` and ``{n}``.
    """

    title: str
    subtitle: str
    caution: str
    sections: tuple[Section, ...]
    language: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    page_words: str = "{page} / {n}"
