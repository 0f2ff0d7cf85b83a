"""What is said to people, in any language that has a catalogue.

Text in code is English; :func:`phrase` marks it and gives a :class:`Phrase`, which becomes text when it is asked for in a language::

    >>> phrase("{first} and {second}", first=phrase("grid reports"), second="12345")["zh"]
    '网格上报和12345'

A catalogue is one gettext file, ``locale/zh.po``; a third language is a third file, there or in the folder that the environment variable
``RISKWARN_LOCALE`` names. `riskwarn.taxonomy` brings the words of a city's own codes, which no catalogue can know, as :class:`Words`.

What is counted has one form a plural of each language::

    >>> dispute = phrase("dispute", plural="disputes", context="noun")
    >>> dispute.counted(1)["en"], dispute.counted(4)["en"], dispute["en"], dispute["zh"]
    ('dispute', 'disputes', 'disputes', '矛盾纠纷')
"""

import os
import string
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from gettext import c2py
from numbers import Real
from pathlib import Path
from typing import Any, TypeAlias

from riskwarn.errors import DefinitionError, did_you_mean

Language: TypeAlias = str
"""Code of a language, as ``zh`` or ``en``."""
SOURCE_LANGUAGE: Language = "en"
"""The language of the text in code; it needs no catalogue."""
CATALOGUES = Path(__file__).with_name("locale")
FOLDER_VARIABLE = "RISKWARN_LOCALE"
"""Names a folder with further catalogues; one of a language that the package has stands in its place."""
MANY = 100
"""The number whose plural is said where none is given."""


def _files() -> dict[Language, Path]:
    folders = [CATALOGUES, *(Path(f) for f in [os.environ.get(FOLDER_VARIABLE, "")] if f)]
    return {path.stem: path for folder in folders for path in folder.glob("*.po")}


_FILES = _files()
LANGUAGES: tuple[Language, ...] = (*sorted(_FILES, reverse=True), SOURCE_LANGUAGE)
"""Languages there are, that of the staff first."""


def locale_of(language: Language) -> str:
    """The locale whose dates and numbers a language is written with, as Babel names it.

    Parameters
    ----------
    language
        A code of :data:`LANGUAGES`.

    Returns
    -------
    locale
        The language itself, and British English for English.

    Examples
    --------
    >>> locale_of("en"), locale_of("zh")
    ('en_GB', 'zh')
    """
    return "en_GB" if language == SOURCE_LANGUAGE else language


def name_of(language: Language) -> str:
    """What a language calls itself.

    Parameters
    ----------
    language
        A code of :data:`LANGUAGES`.

    Returns
    -------
    name
        As it stands on the language switch of a page.

    Examples
    --------
    >>> name_of("en"), name_of("zh")
    ('English', '中文')
    """
    from babel import Locale  # noqa: PLC0415 - only pages need it

    name = str(Locale.parse(language).get_language_name(language))
    return name[:1].upper() + name[1:]


class Spoken(ABC):
    """One meaning in every language: a :class:`Phrase`, or :class:`Words`. Two are equal when they say the same in every language."""

    @abstractmethod
    def __getitem__(self, language: Language, /) -> str:
        """The text in `language`."""

    @abstractmethod
    def counted(self, n: float) -> "Spoken":
        """The same, in the form that the number `n` asks for.

        Parameters
        ----------
        n
            The number; each language knows which form it asks for.

        Returns
        -------
        words
            Of the same meaning.
        """

    @property
    def zh(self) -> str:
        """The text in Chinese."""
        return self["zh"]

    @property
    def en(self) -> str:
        """The text in English."""
        return self[SOURCE_LANGUAGE]

    def __eq__(self, other: object) -> bool:
        """Whether both say the same, of one and of many."""
        if not isinstance(other, Spoken):
            return NotImplemented
        return all(forms(self, language) == forms(other, language) for language in LANGUAGES)

    def __hash__(self) -> int:
        """Of what it says."""
        return hash(self[SOURCE_LANGUAGE])


@dataclass(frozen=True, eq=False, init=False)
class Words(Spoken):
    """Words that come from outside the package: names of a city's own codes, labels and features.

    Parameters
    ----------
    zh, en
        In Chinese and in English: a text, or one for each plural of the language, as ``("call", "calls")``.
    others
        In further languages, by their code. A language without words says the English ones.

    Raises
    ------
    DefinitionError
        There are no words at all.

    Examples
    --------
    >>> Words("路灯", "street lights")["zh"]
    '路灯'
    >>> calls = Words(zh="周末警情", en=("weekend call", "weekend calls"))
    >>> calls.counted(1)["en"], calls["en"]
    ('weekend call', 'weekend calls')
    """

    texts: Mapping[Language, tuple[str, ...]]
    n: float | None

    def __init__(
        self,
        zh: str | Sequence[str] | None = None,
        en: str | Sequence[str] | None = None,
        **others: str | Sequence[str],
    ) -> None:
        given = {language: text for language, text in {"zh": zh, "en": en, **others}.items() if text is not None}
        texts = {language: (text,) if isinstance(text, str) else tuple(text) for language, text in given.items()}
        if not all(texts.values()) or not texts:
            raise DefinitionError(
                f"words without a text, got {given!r}; give at least one language, as Words(en='street lights')."
            )
        object.__setattr__(self, "texts", texts)
        object.__setattr__(self, "n", None)

    def __getitem__(self, language: Language) -> str:
        """The words in `language`."""
        there = next((code for code in (language, SOURCE_LANGUAGE) if code in self.texts), next(iter(self.texts)))
        texts = self.texts[there]
        return (
            texts[0]
            if len(texts) == 1
            else texts[min(_rule(there)(_whole(MANY if self.n is None else self.n)), len(texts) - 1)]
        )

    def counted(self, n: float) -> "Words":
        """The same, in the form that `n` asks for; what is counted already stays as it is."""
        if self.n is not None:
            return self
        words = Words(**self.texts)
        object.__setattr__(words, "n", n)
        return words

    def to_dict(self) -> dict[Language, str | list[str]]:
        """Plain values by language, from which ``Words(**values)`` makes equal words."""
        return {language: texts[0] if len(texts) == 1 else list(texts) for language, texts in self.texts.items()}


@dataclass(frozen=True, eq=False)
class Phrase(Spoken):
    """Text of the package with what stands in its braces, said in a language when asked; made by :func:`phrase`."""

    text: str
    context: str = ""
    plural: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, language: Language) -> str:
        """The text in `language`; values that are themselves spoken are said in it too."""
        form = _form(language, self.context, self.text, self.plural, _whole(self.values.get("n", MANY)))
        return _FORMATTER.vformat(form, (), _Said(self.values, language)) if self.values else form

    def filled(self, **values: Any) -> "Phrase":
        """The same text with `values` in its braces.

        Parameters
        ----------
        values
            By the name in the braces: numbers, text, or words of any language.

        Returns
        -------
        phrase
            Values that were filled before stay.

        Examples
        --------
        >>> phrase("rank {now}").filled(now=3)["en"]
        'rank 3'
        """
        return replace(self, values={**self.values, **values})

    def counted(self, n: float) -> "Phrase":
        """The same in the form that `n` asks for, down to the phrases in its braces; what is counted already stays as it is."""
        within = {name: v.counted(n) if isinstance(v, Spoken) else v for name, v in self.values.items()}
        return self if "n" in self.values else replace(self, values={**within, "n": n})


def phrase(text: str, /, *, context: str = "", plural: str = "", **values: Any) -> Phrase:
    """A phrase of the package, in the language of whoever will read it.

    Parameters
    ----------
    text
        English, the key of the catalogues; names in braces are filled from `values`.
    context
        Parts two meanings of one English text.
    plural
        English for any number but one. The number is `n` of `values`, or given later (:meth:`Phrase.counted`).
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


UNSAID = Words(en="")
"""Says nothing in any language."""


def listed(items: Sequence[Spoken], joint: str) -> Phrase:
    """Several things in a row.

    Parameters
    ----------
    items
        Any number; of none nothing is said.
    joint
        How they are joined: ``and``, ``or``, ``,``, ``;``, ``kinds`` for words of codes, or ``clauses``.

    Returns
    -------
    phrase
        All in one.

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
    ";": ("", "{first}; {second}"),
    "kinds": ("kinds", "{first} and {second}"),
    "clauses": ("clauses", "{first}, {second}"),
}
_MEASURE = "measure word"


def forms(spoken: Spoken, language: Language) -> tuple[str, ...]:
    """What is said in a language, once a plural of that language; once, where all are the same.

    Parameters
    ----------
    spoken
        Phrase or words, not yet counted.
    language
        A code of :data:`LANGUAGES`.

    Returns
    -------
    texts
        In the order of the language's plurals.

    Examples
    --------
    >>> forms(phrase("dispute", plural="disputes", context="noun"), "en")
    ('dispute', 'disputes')
    """
    texts = tuple(spoken.counted(n)[language] for n in _numbers(language))
    return texts[:1] if len(set(texts)) == 1 else texts


def in_every_language(spoken: Spoken) -> dict[Language, str]:
    """What is said, by language: for files that outlive the process.

    Parameters
    ----------
    spoken
        Phrase or words.

    Returns
    -------
    texts
        One a language of :data:`LANGUAGES`.

    Examples
    --------
    >>> in_every_language(Words("路灯", "street lights"))
    {'zh': '路灯', 'en': 'street lights'}
    """
    return {language: spoken[language] for language in LANGUAGES}


def as_words(spoken: Spoken) -> Words:
    """What is said, with its plurals, as words that need no catalogue any more.

    Parameters
    ----------
    spoken
        Phrase or words, not yet counted.

    Returns
    -------
    words
        In every language of :data:`LANGUAGES`.

    Examples
    --------
    >>> as_words(phrase("dispute", plural="disputes", context="noun")).to_dict()
    {'zh': '矛盾纠纷', 'en': ['dispute', 'disputes']}
    """
    return Words(**{language: forms(spoken, language) for language in LANGUAGES})


def measure_word(noun: str) -> Phrase:
    """The measure word of a noun, as 起 or 户, from the catalogue of a language that has them.

    Parameters
    ----------
    noun
        In English, the key of the catalogues.

    Returns
    -------
    phrase
        Empty in a language without measure words.

    Examples
    --------
    >>> measure_word("event")["en"], measure_word("event")["zh"]
    ('', '起')
    """
    return Phrase(noun, _MEASURE)


class _Said(dict[str, Any]):
    """Values of a phrase, those that are spoken as text of one language."""

    def __init__(self, values: Mapping[str, Any], language: Language) -> None:
        super().__init__(
            {name: value[language] if isinstance(value, Spoken) else value for name, value in values.items()}
        )


_FORMATTER = string.Formatter()


def _whole(n: Any) -> int:
    """The number that picks a plural: a number with a part takes the plural of many, as catalogues know whole ones only."""
    return int(float(n)) if isinstance(n, Real) and float(n).is_integer() else MANY


def _form(language: Language, context: str, text: str, plural: str, n: int) -> str:
    """The text of a phrase in a language, in the form that a number asks for; braces not yet filled."""
    known = None if language == SOURCE_LANGUAGE else _texts(language).get((context, text))
    if known is None:
        english = "" if context == _MEASURE else text
        return plural if plural and n != 1 else english
    return known if isinstance(known, str) else known[_rule(language)(n)]


@cache
def _texts(language: Language) -> dict[tuple[str, str], str | tuple[str, ...]]:
    """Translations of a catalogue by context and English text."""
    entries = {}
    for message in _catalogue(language):
        if message.id and message.string and all(message.string):
            singular = message.id if isinstance(message.id, str) else message.id[0]
            entries[message.context or "", singular] = message.string
    return entries


@cache
def _rule(language: Language) -> Callable[[int], int]:
    """Which plural a whole number takes."""
    if language == SOURCE_LANGUAGE:
        return lambda n: int(n != 1)
    return c2py(_catalogue(language).plural_expr)


@cache
def _numbers(language: Language) -> tuple[int, ...]:
    """A number for each plural of a language, in their order."""
    first = {_rule(language)(n): n for n in range(2 * MANY, -1, -1)}
    return tuple(first.get(form, MANY) for form in range(max(first) + 1))


@cache
def _catalogue(language: Language) -> Any:
    from babel.core import Locale, UnknownLocaleError  # noqa: PLC0415 - only who speaks another language pays for it
    from babel.messages.pofile import PoFileError, read_po  # noqa: PLC0415

    if language not in _FILES:
        known = ", ".join(LANGUAGES)
        raise DefinitionError(f"no language {language!r}{did_you_mean(language, LANGUAGES)}; there are: {known}.")
    path = _FILES[language]
    try:
        with path.open("rb") as file:
            return read_po(file, locale=Locale.parse(language), abort_invalid=True)
    except (UnknownLocaleError, PoFileError, ValueError) as error:
        raise DefinitionError(
            f"catalogue {path}: no gettext file of a language ({error}); name it by its code, as fr.po."
        ) from None
