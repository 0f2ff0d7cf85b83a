"""How a feature's value is put into a sentence: what kind of sentence, about what, over which window, and which way it points.

Every feature brings a :class:`Clause` of its own (:attr:`riskwarn.feature.Feature.clause`); :mod:`riskwarn.explanation` writes the
sentence. A night keeps the clauses of its model as plain values, so a sentence can be made again, in either language, without the model.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from riskwarn.calling import checked
from riskwarn.history import TABLE_OF, Stream
from riskwarn.history.stream import TABLE_TAGS
from riskwarn.language import (
    MANY,
    SOURCE_LANGUAGE,
    UNSAID,
    Phrase,
    Spoken,
    Words,
    as_words,
    listed,
    measure_word,
    phrase,
)
from riskwarn.taxonomy import TAGS, words_of

_YEAR, _YEAR_SLACK, _HALF_YEAR = 365, 3, 182
_WEEK = 7
_EVENT = measure_word("event")


@dataclass(frozen=True)
class Noun:
    """What is counted, or the name of what is measured: "1 overdue dispute", "4 dispute calls".

    Parameters
    ----------
    words
        Without a number, with its plurals; words of a notebook name them by language, as ``Words(en=("call", "calls"))``.
    measure
        What stands between number and noun in a language of measure words.

    Examples
    --------
    >>> Noun(Words(zh="噪音投诉", en=("noise complaint", "noise complaints")), measure_word("petition")).one["en"]
    'noise complaint'
    """

    words: Spoken
    measure: Spoken = _EVENT

    @property
    def one(self) -> Spoken:
        """Of one."""
        return self.words.counted(1)

    @property
    def many(self) -> Spoken:
        """Of many, or of none."""
        return self.words.counted(MANY)

    def to_dict(self) -> dict[str, Any]:
        """Plain values from which :meth:`parse` makes an equal noun."""
        return {"words": as_words(self.words).to_dict(), "measure": as_words(self.measure).to_dict()}

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> "Noun":
        """The noun that :meth:`to_dict` described.

        Parameters
        ----------
        values
            Names and values.

        Returns
        -------
        noun
            An equal one.
        """
        return cls(Words(**values["words"]), Words(**values["measure"]))


Scale = Literal["", "percent", "log1p"]
Eases = Literal["never", "present", "always"]
"""When a low number may be told as easing: never, where there are records behind it, or always as it does not come from records."""


@dataclass(frozen=True)
class Clause:
    """How the value of a feature is told.

    Parameters
    ----------
    kind
        The kind of sentence, a key of :data:`riskwarn.explanation.facts.KINDS`. ``measure`` serves any number: its name, the
        value with its unit, and the city's median.
    noun
        What is counted, or the name of what is measured.
    days
        The window it looks back on, days.
    side
        1 where more than normal raises a score, -1 where less does, 0 where the number has no side.
    eases
        When a number that lowers a score may be told as easing. An absence of records never may: a place that reports nothing is
        not a calm one.
    remedy
        The next step, a key of :data:`riskwarn.explanation.phrases.REMEDIES`.
    urgency
        How many times as hard another member of its family must pull to be told instead.
    around
        Which grids, where it is not the grid itself: ``nearby``, ``community``, ``township`` or ``county``.
    whole
        Of a share, what it is a share of.
    key
        Which of several sentences of its kind.
    per
        Of ``rate``, the days for which the value stands.
    unit
        Of ``measure``, what stands after the number, with its blank.
    scale
        ``percent`` where the value is a share, ``log1p`` where it is the log of one more than the number that is said.
    handled
        What service handles, for "closing the 3 ...", where it differs from `noun`.
    during
        Of ``during``, the time of year in which it counts.
    rest
        How its cases are called that stay on top of a part of them: open ones that are "not overdue".

    Examples
    --------
    >>> Clause("lasting", Noun(Words(zh="噪音投诉", en=("noise complaint", "noise complaints"))), days=84).side
    1
    """

    kind: str
    noun: Noun
    days: float = 0
    side: int = 1
    eases: Eases = "present"
    remedy: str = "grid_report"
    urgency: float = 1
    around: str = ""
    whole: Noun | None = None
    key: str = ""
    per: float = 7
    unit: Spoken = UNSAID
    scale: Scale = ""
    handled: Noun | None = None
    rest: Spoken | None = None
    during: Spoken | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values from which :meth:`parse` makes an equal clause."""
        return {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}

    @classmethod
    def parse(cls, values: "Mapping[str, Any] | Clause") -> "Clause":
        """The clause that :meth:`to_dict` described.

        Parameters
        ----------
        values
            Names and values, or a clause, which is handed back.

        Returns
        -------
        clause
            An equal one.

        Examples
        --------
        >>> clause = Clause("lasting", Noun(Words(zh="噪音投诉", en=("noise complaint", "noise complaints"))), days=84)
        >>> Clause.parse(clause.to_dict()) == clause
        True
        """
        if isinstance(values, Clause):
            return values
        return cls(**{name: _rich(name, value) for name, value in values.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, Spoken):
        return as_words(value).to_dict()
    return value.to_dict() if isinstance(value, Noun) else value


def _rich(name: str, value: Any) -> Any:
    if value is None or name not in {*_NOUNS, *_SPOKEN}:
        return value
    return Noun.parse(value) if name in _NOUNS else Words(**value)


_NOUNS = frozenset({"noun", "whole", "handled"})
_SPOKEN = frozenset({"unit", "rest", "during"})
"""Fields of a clause that are nouns, and that are said."""


_YEARS = (
    phrase("the past year"),
    phrase("the past 2 years"),
    phrase("the past 3 years"),
    phrase("the past 4 years"),
    phrase("the past 5 years"),
    phrase("the past 6 years"),
    phrase("the past 7 years"),
    phrase("the past 8 years"),
    phrase("the past 9 years"),
    phrase("the past 10 years"),
)


def window(days: float) -> Spoken:
    """A window in words, as it stands after "近" and "the last": one word for a year, however it is counted.

    Parameters
    ----------
    days
        Its length.

    Returns
    -------
    words
        In both languages, the English with its article.

    Examples
    --------
    >>> [window(d).en for d in (1, 28, 364, 365, 730)]
    ['the last day', 'the last 28 days', 'the past year', 'the past year', 'the past 2 years']
    >>> [window(d).zh for d in (28, 364, 728, 1456)]
    ['近28天', '近一年', '近两年', '近四年']
    """
    years = round(days / _YEAR)
    if years and abs(days - _YEAR * years) <= _YEAR_SLACK * years:
        return _YEARS[years - 1] if years <= len(_YEARS) else phrase("the past {n} years", n=years)
    if days == _HALF_YEAR:
        return phrase("the past half-year")
    return phrase("the last day") if days == 1 else phrase("the last {days:g} days", days=days)


# -- nouns -----------------------------------------------------------------------------------------------------------------

_SOURCES = {
    "dispute": Noun(phrase("dispute", plural="disputes", context="noun")),
    "petition": Noun(phrase("petition", plural="petitions", context="noun"), measure_word("petition")),
    "police_call": Noun(phrase("police call", plural="police calls", context="noun")),
    "hotline": Noun(phrase("hotline request", plural="hotline requests", context="noun"), measure_word("request")),
    "grid_report": Noun(phrase("grid report", plural="grid reports", context="noun"), measure_word("report")),
}
_SERIOUS = phrase("serious {noun}", plural="serious {noun}", context="noun")
_FIRST = phrase("first {noun}", plural="first {noun}", context="noun")
_CARRIED = {
    "hard": phrase("hard {noun}", plural="hard {noun}", context="noun"),
    "repeat": phrase("repeat {noun}", plural="repeat {noun}", context="noun"),
    "in_person": phrase("in-person {noun}", plural="in-person {noun}", context="noun"),
    "returned": phrase("returned {noun}", plural="returned {noun}", context="noun"),
    "weapon": phrase("{noun} with a weapon seen", context="noun"),
    "injury": phrase("{noun} with someone hurt", context="noun"),
    "unsettled": phrase("{noun} not settled on scene", context="noun"),
    "late_arrival": phrase("{noun} with a late arrival", context="noun"),
    "seeks_redress": phrase("{noun} seeking redress", context="noun"),
    "many_people": phrase("{noun} with five people or more", context="noun"),
    "large_amount": phrase("{noun} over a large amount", context="noun"),
    "moved_up": phrase("{noun} moved to a higher level", context="noun"),
    "callback": phrase("{noun} called back since", context="noun"),
}
"""What is said of events that carry a tag."""
_OTHER_TAG = phrase("{noun}: {tag}", context="noun")
_WITHOUT = {
    "weapon": phrase("{noun} without a weapon", context="noun"),
    "injury": phrase("{noun} with nobody hurt", context="noun"),
    "unsettled": phrase("{noun} settled on scene", context="noun"),
    "late_arrival": phrase("{noun} reached in time", context="noun"),
    "in_person": phrase("{noun} not made in person", context="noun"),
    "seeks_redress": phrase("{noun} seeking no redress", context="noun"),
    "hard": phrase("{noun} that are not hard cases", context="noun"),
    "returned": phrase("{noun} never handed back", context="noun"),
    "many_people": phrase("{noun} with fewer than five people", context="noun"),
    "large_amount": phrase("{noun} over no large amount", context="noun"),
    "moved_up": phrase("{noun} never moved to a higher level", context="noun"),
    "callback": phrase("{noun} not yet called back", context="noun"),
    "repeat": _FIRST,
}
"""What is said of events that must not carry a tag."""
_WITHOUT_OTHER = phrase("{noun} other than: {tag}", context="noun")
_ORIGIN = {
    "citizen": phrase("{noun} reported by residents", context="noun"),
    "proactive": phrase("{noun} found by staff", context="noun"),
}
_OUTCOME = {
    "success": phrase("{noun} that were resolved", context="noun"),
    "partial": phrase("{noun} that were partly resolved", context="noun"),
    "fail": phrase("{noun} that were not resolved", context="noun"),
}
_BORDER = phrase("{noun} near a border", context="noun")
_LINKED = phrase("{noun} linked across feeds", context="noun")
_HOURS = phrase("{noun} between {first}:00 and {last}:00", context="noun")


@checked
def noun_of(stream: Stream) -> Noun:
    """The noun of a stream.

    Parameters
    ----------
    stream
        Any.

    Returns
    -------
    noun
        With the stream's choices of category, tag, origin and severity.

    Examples
    --------
    >>> noun = noun_of(Stream("police_call", categories=("P04",)))
    >>> noun.one["en"], noun.many["en"], noun.words["zh"]
    ('dispute call', 'dispute calls', '纠纷警情')
    >>> noun_of(Stream("police_call", categories=("P04",), without="injury")).many["en"]
    'dispute calls with nobody hurt'
    """
    plain = _SOURCES.get(stream.source) or _of_source(stream)
    words = plain.words
    for choice in _choices(stream):
        words = choice.filled(noun=words)
    return Noun(words, plain.measure)


def joined(streams: Sequence[Stream], pair: Phrase) -> Noun:
    """The noun of several streams together, two and two joined by `pair`.

    Examples
    --------
    >>> either = phrase("{first} or {second}", context="noun")
    >>> joined([Stream("dispute"), Stream("petition")], either).many["en"]
    'disputes or petitions'
    """
    first, *others = (noun_of(s) for s in streams)
    words = first.words
    for noun in others:
        words = pair.filled(first=words, second=noun.words)
    return Noun(words, first.measure)


def _of_source(stream: Stream) -> Noun:
    """Rows of a table, or a city's own feed with its words: an English plural without forms loses its last s for one."""
    if stream.source in TABLE_OF:
        return Noun(stream.words, measure_word("case"))
    return Noun(one_of(words_of(stream.source)), measure_word("case"))


def one_of(words: Spoken) -> Words:
    """Words that name several things, with a form for one: in English without the last s."""
    plurals = as_words(words).to_dict()
    english = plurals.get(SOURCE_LANGUAGE)
    if isinstance(english, str) and english.endswith("s"):
        plurals[SOURCE_LANGUAGE] = [english.removesuffix("s"), english]
    return Words(**plurals)


def _choices(stream: Stream) -> list[Phrase]:
    """What the stream chooses, each a phrase around the noun, that next to the noun first."""
    if stream.source in TABLE_OF:
        return []
    chosen = [_kinds(stream)] if stream.categories else []
    chosen += [_SERIOUS] if stream.severity else []
    chosen += [_CARRIED.get(stream.tag, _OTHER_TAG.filled(tag=_TAGS[stream.tag]))] if stream.tag else []
    chosen += [_FIRST] if stream.without == "repeat" else []
    chosen += [_ORIGIN[stream.origin]] if stream.origin else []
    chosen += [_OUTCOME[stream.outcome]] if stream.outcome else []
    chosen += [_BORDER] if stream.border else []
    chosen += [_LINKED] if stream.linked else []
    chosen += [_HOURS.filled(first=stream.hours[0], last=stream.hours[1])] if stream.hours else []
    if stream.without and stream.without != "repeat":
        chosen.append(_WITHOUT.get(stream.without, _WITHOUT_OTHER.filled(tag=_TAGS[stream.without])))
    return chosen


def _kinds(stream: Stream) -> Phrase:
    kinds = listed([words_of(c) for c in stream.categories], "kinds")
    if stream.source == "police_call":
        return phrase("{kinds} call", plural="{kinds} calls", context="noun", kinds=kinds)
    return phrase("{kinds} {noun}", context="noun", kinds=kinds)


_TAGS: dict[str, Spoken] = {**TAGS, **TABLE_TAGS}
