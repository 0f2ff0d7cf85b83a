"""What is counted, as a noun with its measure word: "1 overdue dispute", "4 dispute calls", "信访诉求3件"."""

from dataclasses import dataclass

from riskwarn.history import TABLE_OF, Stream
from riskwarn.taxonomy import TAGS, Words, words_of


@dataclass(frozen=True)
class Noun:
    """A noun in both languages.

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
_ORIGIN = {
    "citizen": Words("群众反映的", "reported by residents"),
    "proactive": Words("主动发现的", "found by staff"),
}

_CHOSEN = {
    "success": Words("化解成功的", "that were resolved"),
    "partial": Words("部分化解的", "that were partly resolved"),
    "fail": Words("未化解的", "that were not resolved"),
    "border": Words("邻近辖区边界的", "near a border"),
    "linked": Words("已跨部门关联的", "linked across feeds"),
}
"""Further choices of a stream, after the noun."""


def noun_of(stream: Stream) -> Noun:
    """The noun of a stream.

    Examples
    --------
    >>> noun_of(Stream("police_call", categories=("P04",)))
    Noun(zh='纠纷警情', one='dispute call', many='dispute calls', measure='起')
    >>> noun_of(Stream("dispute", categories=("D07",), tag="many_people")).many
    'wage arrears disputes with five people or more'
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


def _of_source(source: str) -> Noun:
    """A city's own feed: its words, the English plural without its last s for one."""
    words = words_of(source)
    return Noun(words.zh, words.en.removesuffix("s"), words.en, "件")


def _marked(stream: Stream, plain: Noun) -> Noun:
    """With severity, tag and origin."""
    tag = TAGS[stream.tag].zh + "的" if stream.tag else ""
    origin = _ORIGIN[stream.origin] if stream.origin else Words("", "")
    chosen = _choices(stream)
    first = Words("初次", "first") if stream.without == "repeat" else Words("", "")
    before = " ".join(w for w in (first.en, "serious" if stream.severity else "", _BEFORE.get(stream.tag, "")) if w)
    after = " ".join(w for w in (_AFTER.get(stream.tag, ""), origin.en, chosen.en) if w)
    zh = f"{origin.zh}{chosen.zh}{first.zh}{tag}{'较重' if stream.severity else ''}{plain.zh}"
    one, many = (" ".join(w for w in (before, word, after) if w) for word in (plain.one, plain.many))
    return Noun(zh, one, many, plain.measure)


def _choices(stream: Stream) -> Words:
    """Hours, outcome, border, links and what the events must not carry."""
    found = [_CHOSEN[stream.outcome]] if stream.outcome else []
    found += [_CHOSEN[name] for name in ("border", "linked") if getattr(stream, name)]
    if stream.hours:
        first, last = stream.hours
        found.append(Words(f"{first}时至{last}时的", f"between {first}:00 and {last}:00"))
    if stream.without and stream.without != "repeat":
        left = TAGS[stream.without]
        found.append(Words(f"非{left.zh}的", f"not marked {left.en}"))
    return Words("".join(w.zh for w in found), " ".join(w.en for w in found))
