"""A sheet about a model: sections of sentences and tables, said in a language when it is read."""

from collections.abc import Sequence
from dataclasses import dataclass

from riskwarn.calling import checked
from riskwarn.language import SOURCE_LANGUAGE, UNSAID, Language, Spoken

Cell = Spoken | str
"""Of a table: words, or a number or name as it stands."""


@dataclass(frozen=True)
class Section:
    """A part of a sheet.

    Parameters
    ----------
    title
        Its heading; one that says nothing goes on with the section before.
    lines
        Sentences.
    heads, rows
        A table, where there is one.
    """

    title: Spoken = UNSAID
    lines: Sequence[Spoken] = ()
    heads: Sequence[Cell] = ()
    rows: Sequence[Sequence[Cell]] = ()


@checked
def markdown(title: Spoken, lead: Spoken, sections: Sequence[Section], language: Language = SOURCE_LANGUAGE) -> str:
    """A sheet in Markdown.

    Parameters
    ----------
    title, lead
        Its heading and first sentence.
    sections
        In reading order.
    language
        ``zh`` or ``en``.

    Returns
    -------
    text
        Ending in a line break.

    Examples
    --------
    >>> from riskwarn.language import Words
    >>> section = Section(Words(en="Feeds"), heads=["feed", "rows"], rows=[("calls", "7")])
    >>> print(markdown(Words(en="Sheet"), Words(en="All of it."), [section]), end="")
    # Sheet
    <BLANKLINE>
    All of it.
    <BLANKLINE>
    ## Feeds
    <BLANKLINE>
    | feed | rows |
    | --- | --- |
    | calls | 7 |
    """
    parts = [f"# {title[language]}", lead[language], *(_written(section, language) for section in sections)]
    return "\n\n".join(parts) + "\n"


def _written(section: Section, language: Language) -> str:
    heading = section.title[language]
    lines = "\n".join(f"- {line[language]}" for line in section.lines)
    parts = [f"## {heading}" if heading else "", lines, _table(section, language) if section.heads else ""]
    return "\n\n".join(part for part in parts if part)


def _table(section: Section, language: Language) -> str:
    head, *rows = [[_said(cell, language) for cell in row] for row in (section.heads, *section.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def _said(cell: Cell, language: Language) -> str:
    return cell if isinstance(cell, str) else cell[language]
