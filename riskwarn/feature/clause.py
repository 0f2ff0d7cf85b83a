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
from riskwarn.language import Spoken, Words, phrase
from riskwarn.taxonomy import TAGS, words_of

_YEAR, _YEAR_SLACK, _HALF_YEAR = 365, 3, 182
_WEEK = 7


@dataclass(frozen=True)
class Noun:
    """What is counted, in both languages: "1 overdue dispute", "4 dispute calls", "信访诉求3件".

    Parameters
    ----------
    zh
        In Chinese, without a number.
    one, many
        In English, for one and for any other number.
    measure
        The Chinese measure word after the number.
    """

    zh: str
    one: str
    many: str
    measure: str = "起"


@dataclass(frozen=True)
class Unit:
    """What stands after a number that counts nothing, with its blank: in Chinese, and in English for one and for many."""

    zh: str = ""
    one: str = ""
    many: str = ""


Eases = Literal["never", "present", "always"]
"""When a low number may be told as easing: never, where there are records behind it, or always as it does not come from records."""


@dataclass(frozen=True)
class Clause:
    """How the value of a feature is told.

    Parameters
    ----------
    kind
        The kind of sentence, a key of :data:`riskwarn.explanation.sentences.KINDS`. ``measure`` serves any number: its name, the
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
        Of ``measure``, what stands after the number.
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
    >>> Clause("lasting", Noun("噪音投诉", "noise complaint", "noise complaints"), days=84).side
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
    unit: Unit = Unit()
    scale: Literal["", "percent", "log1p"] = ""
    handled: Noun | None = None
    rest: Spoken | None = None
    during: Spoken | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values from which :meth:`parse` makes an equal clause."""
        return dataclasses.asdict(dataclasses.replace(self, rest=_words(self.rest), during=_words(self.during)))

    @classmethod
    def parse(cls, values: "Mapping[str, Any] | Clause") -> "Clause":
        """The clause that :meth:`to_dict` described.

        Examples
        --------
        >>> clause = Clause("lasting", Noun("噪音投诉", "noise complaint", "noise complaints"), days=84)
        >>> Clause.parse(clause.to_dict()) == clause
        True
        """
        if isinstance(values, Clause):
            return values
        made = {name: _PARTS[name](**v) if name in _PARTS and v is not None else v for name, v in values.items()}
        return cls(**made)


def _words(spoken: Spoken | None) -> Words | None:
    """What is said, as words that outlive the process."""
    return None if spoken is None else Words(spoken.zh, spoken.en)


_PARTS: dict[str, Any] = {"noun": Noun, "whole": Noun, "handled": Noun, "unit": Unit, "rest": Words, "during": Words}


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
    "dispute": Noun("矛盾纠纷", "dispute", "disputes"),
    "petition": Noun("信访诉求", "petition", "petitions", "件"),
    "police_call": Noun("警情", "police call", "police calls"),
    "hotline": Noun("热线工单", "hotline request", "hotline requests", "件"),
    "grid_report": Noun("网格上报", "grid report", "grid reports", "条"),
}
_BEFORE = {
    "hard": "hard",
    "repeat": "repeat",
    "in_person": "in-person",
    "returned": "returned",
}
"""Tags that stand before the English noun."""
_AFTER = {
    "weapon": "with a weapon seen",
    "injury": "with someone hurt",
    "unsettled": "not settled on scene",
    "late_arrival": "with a late arrival",
    "seeks_redress": "seeking redress",
    "many_people": "with five people or more",
    "large_amount": "over a large amount",
    "moved_up": "moved to a higher level",
    "callback": "called back since",
}
"""Tags that stand after it."""
_WITHOUT = {
    "weapon": phrase("without a weapon"),
    "injury": phrase("with nobody hurt"),
    "unsettled": phrase("settled on scene"),
    "late_arrival": phrase("reached in time"),
    "in_person": phrase("not made in person"),
    "seeks_redress": phrase("seeking no redress"),
    "hard": phrase("that are not hard cases"),
    "returned": phrase("never handed back"),
    "many_people": phrase("with fewer than five people"),
    "large_amount": phrase("over no large amount"),
    "moved_up": phrase("never moved to a higher level"),
    "callback": phrase("not yet called back"),
}
"""What is said of events that must not carry a tag."""
_ORIGIN = {
    "citizen": phrase("reported by residents"),
    "proactive": phrase("found by staff"),
}
_CHOSEN = {
    "success": phrase("that were resolved"),
    "partial": phrase("that were partly resolved"),
    "fail": phrase("that were not resolved"),
    "border": phrase("near a border", context="clause"),
    "linked": phrase("linked across feeds", context="clause"),
}
"""Further choices of a stream, after the noun."""


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
    >>> noun_of(Stream("police_call", categories=("P04",)))
    Noun(zh='纠纷警情', one='dispute call', many='dispute calls', measure='起')
    >>> noun_of(Stream("police_call", categories=("P04",), without="injury")).many
    'dispute calls with nobody hurt'
    """
    if stream.source in TABLE_OF:
        return Noun(stream.words.zh, stream.words.en, stream.words.en, "件")
    source = _SOURCES.get(stream.source) or _of_source(stream.source)
    kinds = [words_of(c) for c in stream.categories]
    if not kinds:
        return _marked(stream, source)
    zh, en = "、".join(k.zh for k in kinds), " and ".join(k.en for k in kinds)
    if stream.source == "police_call":
        return _marked(stream, Noun(f"{zh}警情", f"{en} call", f"{en} calls", source.measure))
    return _marked(stream, Noun(f"{zh}类{source.zh}", f"{en} {source.one}", f"{en} {source.many}", source.measure))


def joined(streams: Sequence[Stream], *, zh: str, many: str) -> Noun:
    """The noun of several streams together, joined by `zh` in Chinese and by `many` between English plurals.

    Examples
    --------
    >>> joined([Stream("dispute"), Stream("petition")], zh="或", many="or").many
    'disputes or petitions'
    """
    nouns = [noun_of(s) for s in streams]
    return Noun(
        zh.join(n.zh for n in nouns),
        " or ".join(n.one for n in nouns),
        f" {many} ".join(n.many for n in nouns),
        nouns[0].measure,
    )


def _of_source(source: str) -> Noun:
    """A city's own feed: its words, the English plural without its last s for one."""
    words = words_of(source)
    return Noun(words.zh, words.en.removesuffix("s"), words.en, "件")


def _marked(stream: Stream, plain: Noun) -> Noun:
    """With severity, tag and origin."""
    tag = TAGS[stream.tag].zh + "的" if stream.tag else ""
    origin = _ORIGIN[stream.origin] if stream.origin else Words("", "")
    chosen = _choices(stream)
    first = phrase("first") if stream.without == "repeat" else Words("", "")
    before = " ".join(w for w in (first.en, "serious" if stream.severity else "", _BEFORE.get(stream.tag, "")) if w)
    after = " ".join(w for w in (_AFTER.get(stream.tag, ""), origin.en, chosen.en) if w)
    zh = f"{origin.zh}{chosen.zh}{first.zh}{tag}{'较重' if stream.severity else ''}{plain.zh}"
    one, many = (" ".join(w for w in (before, word, after) if w) for word in (plain.one, plain.many))
    return Noun(zh, one, many, plain.measure)


def _choices(stream: Stream) -> Spoken:
    """Hours, outcome, border, links and what the events must not carry."""
    chosen = [_CHOSEN[stream.outcome]] if stream.outcome else []
    chosen += [_CHOSEN[name] for name in ("border", "linked") if getattr(stream, name)]
    if stream.hours:
        first, last = stream.hours
        chosen.append(phrase("between {first}:00 and {last}:00", first=first, last=last))
    if stream.without and stream.without != "repeat":
        words = {**TAGS, **TABLE_TAGS}[stream.without]
        chosen.append(_WITHOUT.get(stream.without, phrase("other than: {tag}", tag=words)))
    return Words("".join(w.zh for w in chosen), " ".join(w.en for w in chosen))
