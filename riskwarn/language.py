"""What is said to people, in any language that has a catalogue.

Text in code is English; :func:`phrase` marks it and gives a :class:`Phrase`, which becomes text when it is asked for in a language::

    >>> phrase("{first} and {second}", first=phrase("by feed"), second="12345")["zh"]
    '按来源和12345'

A catalogue is one gettext file, ``locale/zh.po``; a third language is a third file. `riskwarn.taxonomy` brings the words of a city's
own codes, which no catalogue can know, as :class:`Words`.
"""

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from gettext import c2py
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from riskwarn.errors import DefinitionError, did_you_mean

Language: TypeAlias = str
"""Code of a language, as ``zh`` or ``en``."""
SOURCE_LANGUAGE: Language = "en"
"""The language of the text in code; it needs no catalogue."""
CATALOGUES = Path(__file__).with_name("locale")
LANGUAGES: tuple[Language, ...] = (
    *sorted((path.stem for path in CATALOGUES.glob("*.po")), reverse=True),
    SOURCE_LANGUAGE,
)
"""Languages there are, that of the staff first."""


def locale_of(language: Language) -> str:
    """The locale whose dates and numbers a language is written with, as Babel names it.

    Examples
    --------
    >>> locale_of("en"), locale_of("zh")
    ('en_GB', 'zh')
    """
    return "en_GB" if language == SOURCE_LANGUAGE else language


class Spoken(Protocol):
    """One meaning in every language: a :class:`Phrase`, or :class:`Words`."""

    def __getitem__(self, language: Language, /) -> str:
        """The text in `language`."""
        ...

    @property
    def zh(self) -> str:
        """The text in Chinese."""
        ...

    @property
    def en(self) -> str:
        """The text in English."""
        ...


@dataclass(frozen=True)
class Words:
    """Words that come from outside the package, in Chinese and English: names of a city's own codes, labels and features.

    In any other language they are said in English.

    Examples
    --------
    >>> Words("路灯", "street lights")["zh"]
    '路灯'
    """

    zh: str
    en: str

    def __getitem__(self, language: Language) -> str:
        """The words in `language`."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True, eq=False)
class Phrase:
    """Text of the package with what stands in its braces, said in a language when asked; made by :func:`phrase`.

    Two phrases are equal when they say the same in every language.
    """

    text: str
    context: str = ""
    plural: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, language: Language) -> str:
        """The text in `language`; values that are themselves spoken are said in it too."""
        form = _form(language, self.context, self.text, self.plural, self.values.get("n"))
        return _FORMATTER.vformat(form, (), _Said(self.values, language)) if self.values else form

    def __eq__(self, other: object) -> bool:
        """Whether both say the same."""
        if not isinstance(other, Phrase | Words):
            return NotImplemented
        return all(self[language] == other[language] for language in LANGUAGES)

    def __hash__(self) -> int:
        """Of what it says."""
        return hash(self[SOURCE_LANGUAGE])

    def filled(self, **values: Any) -> "Phrase":
        """The same text with `values` in its braces.

        Examples
        --------
        >>> phrase("rank {now}").filled(now=3)["en"]
        'rank 3'
        """
        return replace(self, values={**self.values, **values})

    @property
    def zh(self) -> str:
        """The text in Chinese."""
        return self["zh"]

    @property
    def en(self) -> str:
        """The text in English."""
        return self["en"]


def phrase(text: str, /, *, context: str = "", plural: str = "", **values: Any) -> Phrase:
    """A phrase of the package, in the language of whoever will read it.

    Parameters
    ----------
    text
        English, the key of the catalogues; names in braces are filled from `values`.
    context
        Parts two meanings of one English text.
    plural
        English for any number but one; `values` then has the number, `n`.
    values
        What stands in the braces: numbers, text, or phrases and words, which are said in the same language.

    Returns
    -------
    phrase
        Index it with a language, as ``phrase["zh"]``.

    Examples
    --------
    >>> phrase("no grid report since {since}", since=phrase("the New Year"))["en"]
    'no grid report since the New Year'
    >>> [phrase("{n} day", plural="{n} days", n=n)["en"] for n in (1, 2)]
    ['1 day', '2 days']
    """
    return Phrase(text, context, plural, values)


def listed(items: Sequence[Spoken], joint: str) -> Phrase:
    """Several things in a row, joined as `joint` says: ``and``, ``or``, ``,``, ``kinds`` for words of codes, or ``clauses``.

    Examples
    --------
    >>> listed([Words("警情", "calls"), Words("信访", "petitions")], "and")["zh"]
    '警情和信访'
    """
    joined: Any = items[0] if items else ""
    for item in items[1:]:
        context, text = _JOINTS[joint]
        joined = phrase(text, context=context, first=joined, second=item)
    return joined if isinstance(joined, Phrase) else phrase("{only}", only=joined)


_JOINTS = {
    "and": ("", "{first} and {second}"),
    "or": ("", "{first} or {second}"),
    ",": ("", "{first}, {second}"),
    "kinds": ("kinds", "{first} and {second}"),
    "clauses": ("clauses", "{first}, {second}"),
}
_MEASURE = "measure word"


def in_every_language(spoken: Spoken) -> dict[Language, str]:
    """What is said, by language: for files that outlive the process.

    Examples
    --------
    >>> in_every_language(Words("路灯", "street lights"))
    {'zh': '路灯', 'en': 'street lights'}
    """
    return {language: spoken[language] for language in LANGUAGES}


def measure_word(noun: str) -> Phrase:
    """The measure word of a noun, as 起 or 户; empty in a language that has none.

    Examples
    --------
    >>> measure_word("event")["en"]
    ''
    """
    return Phrase(noun, _MEASURE)


class _Said(dict[str, Any]):
    """Values of a phrase, those that are spoken as text of one language."""

    def __init__(self, values: Mapping[str, Any], language: Language) -> None:
        super().__init__(
            {name: value[language] if isinstance(value, Phrase | Words) else value for name, value in values.items()}
        )


_FORMATTER = string.Formatter()


def _form(language: Language, context: str, text: str, plural: str, n: Any) -> str:
    """The text of a phrase in a language, in the form that a number asks for; braces not yet filled."""
    known = None if language == SOURCE_LANGUAGE else _texts(language).get((context, text))
    if known is None:
        english = "" if context == _MEASURE else text
        return plural if plural and n != 1 else english
    return known if isinstance(known, str) else known[_plural_rule(language)(n)]


@cache
def _texts(language: Language) -> dict[tuple[str, str], str | tuple[str, ...]]:
    """Translations of a catalogue by context and English text."""
    entries = {}
    for message in _catalogue(language):
        if message.id and message.string and any(message.string):
            singular = message.id if isinstance(message.id, str) else message.id[0]
            entries[message.context or "", singular] = message.string
    return entries


@cache
def _plural_rule(language: Language) -> Callable[[int], int]:
    return c2py(_catalogue(language).plural_expr)


@cache
def _catalogue(language: Language) -> Any:
    from babel.messages.pofile import read_po  # noqa: PLC0415 - only who speaks another language pays for it

    path = CATALOGUES / f"{language}.po"
    if language not in LANGUAGES:
        known = ", ".join(LANGUAGES)
        raise DefinitionError(f"no language {language!r}{did_you_mean(language, LANGUAGES)}; there are: {known}.")
    with path.open("rb") as file:
        return read_po(file, locale=language)
