"""Facts: a number as it is said, which way it points, and which of the reviewed texts it calls for.

A feature's :class:`riskwarn.feature.Clause` says what is told; :mod:`riskwarn.explanation.phrases` holds the texts, and
:mod:`riskwarn.explanation.sentences` fills them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from riskwarn.explanation import phrases
from riskwarn.feature import Clause
from riskwarn.feature.mix import REPEATED
from riskwarn.language import Phrase

CLEAR = 1.1
"""A value speaks for itself when it differs from its normal by a tenth at least."""
NOTHING = 0.05
"""Less than this many events, or of their mean, is said as none; nothing at all is little, whatever the normal."""
RISE = 0.5
"""Standard deviations from which a rise or a fall speaks for itself."""
MODEST = 1.5
"""Below this multiple of normal both numbers are said, not the multiple."""
_COUNTED = frozenset({"habit", "lasting", "standing", "rate"})
WEEK, YEAR = 7, 365


def tells(clause: Clause, value: Any, normal: Any, raising: Any) -> Any:
    """Whether a value lies clearly on the side to which its family moves the score. Works on numbers and on arrays.

    What lowers a score must be a fact, not an absence of records (:func:`may_ease`); nor does an absence raise one by itself
    (:func:`silent`).

    Parameters
    ----------
    clause
        Of the feature.
    value, normal
        Its value, and what it is compared with.
    raising
        Whether the family raises the score.

    Returns
    -------
    tells
        One truth value, or an array of them.

    Examples
    --------
    >>> from riskwarn.feature import Noun
    >>> from riskwarn.language import phrase
    >>> clause = Clause("habit", Noun(phrase("dispute", plural="disputes")), 28)
    >>> tells(clause, 4, 0.93, True), tells(clause, 0, 0.93, True), tells(clause, 2, 9, False), tells(clause, 0, 9, False)
    (True, False, True, False)
    """
    more, less = _sides(clause, np.asarray(said(clause, value), float), np.asarray(said(clause, normal), float))
    points = np.where(np.asarray(raising) == (clause.side > 0), more, less) if clause.side else np.True_
    clear = points & np.where(raising, np.logical_not(silent(clause, value)), may_ease(clause, value))
    return clear if np.ndim(value) else bool(clear)


def _sides(clause: Clause, value: np.ndarray, normal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether a value is clearly more than its normal, and clearly less."""
    if clause.kind == "rise":
        return value >= RISE, value <= -RISE
    more, less = value > CLEAR * normal, normal > CLEAR * value
    quiet = amount(clause, value) < NOTHING
    return (more & ~quiet, less | quiet) if clause.kind in _COUNTED else (more, less)


def may_ease(clause: Clause, value: Any) -> Any:
    """Whether a value may be told as easing: never an absence of records, for silence is not calm.

    Examples
    --------
    >>> from riskwarn.feature import Noun
    >>> from riskwarn.language import phrase
    >>> clause = Clause("habit", Noun(phrase("dispute", plural="disputes")), 28)
    >>> may_ease(clause, 2), may_ease(clause, 0), may_ease(clause, float("nan"))
    (True, False, False)
    """
    number_ = np.asarray(value, dtype=float)
    here = {
        "always": np.isfinite(number_),
        "never": np.zeros(number_.shape, bool),
        "present": amount(clause, said(clause, number_)) >= NOTHING,
    }[clause.eases]
    return here if np.ndim(value) else bool(here)


def silent(clause: Clause, value: Any) -> Any:
    """Whether a value says that nothing was recorded, or is missing: it raises nothing in words. Works on numbers and on arrays.

    Parameters
    ----------
    clause
        Of the feature.
    value
        One number, or an array.

    Returns
    -------
    silent
        One truth value, or an array of them.

    Examples
    --------
    >>> from riskwarn.feature import Noun
    >>> from riskwarn.language import phrase
    >>> silent(Clause("habit", Noun(phrase("dispute", plural="disputes")), 28), 0)
    True
    """
    number_ = np.asarray(value, dtype=float)
    if clause.kind == "since":
        nothing = ~(number_ < clause.days)
    elif clause.kind in {*_COUNTED, "place", "rung"}:
        nothing = ~(amount(clause, said(clause, number_)) >= NOTHING)
    else:
        nothing = np.isnan(number_)
    return nothing if np.ndim(value) else bool(nothing)


def amount(clause: Clause, value: Any) -> Any:
    """How many events a number, as it is said, stands for."""
    return value * clause.days / period(clause) if clause.kind == "rate" else value


def said(clause: Clause, value: Any) -> Any:
    """The number that is said: of a log what it is of, of a rate what it is a week or a year."""
    if clause.scale == "log1p":
        return np.expm1(value)
    return value * (period(clause) / clause.per) if clause.kind == "rate" else value


def period(clause: Clause) -> float:
    """Days of the unit in which a rate is said: a week, or a year of a lasting level; else the window."""
    if clause.kind != "rate":
        return clause.days
    return YEAR if clause.key == "long" else WEEK


class Fact(NamedTuple):
    """One number, as it is said, with what it is compared with and the direction of its family."""

    clause: Clause
    value: float
    normal: float
    raising: bool


def _habit(fact: Fact) -> Phrase:
    group = phrases.AROUND_HABIT if fact.clause.around else phrases.HABIT
    if fact.value < NOTHING:
        return group["none" if fact.normal >= NOTHING else "never"]
    if fact.value * CLEAR < fact.normal:
        return group["below"]
    if fact.value <= CLEAR * fact.normal:
        return group["level"]
    if fact.normal < 0.005:
        return group["first"]
    if 1 < fact.value / fact.normal < MODEST and fact.normal >= 0.5:
        return group["above"]
    return group["times" if fact.normal >= 0.5 or (fact.value >= 3 and fact.normal >= 0.1) else "few"]


def _lasting(fact: Fact) -> Phrase:
    group = phrases.AROUND_LASTING if fact.clause.around else phrases.LASTING
    return group[_beside_city(fact.value, fact.normal)]


def _standing(fact: Fact) -> Phrase:
    group = phrases.AROUND_STANDING if fact.clause.around else phrases.STANDING
    return group[_beside_city(fact.value, fact.normal)]


def _beside_city(value: float, normal: float) -> str:
    if value < NOTHING:
        return "none" if normal >= NOTHING else "never"
    if normal < NOTHING:
        return "rare"
    return "above" if value >= normal else "below"


def _places(fact: Fact) -> Phrase:
    case = _beside_city(fact.value, fact.normal)
    return phrases.PLACES["some" if case in {"above", "below"} else case]


def _since(fact: Fact) -> Phrase:
    if fact.value >= fact.clause.days:
        return phrases.SINCE["never"]
    if fact.value >= YEAR:
        return phrases.SINCE["quiet_long"]
    rare = "_rare" if fact.normal >= min(fact.clause.days, YEAR) else ""
    if fact.value < 1:
        return phrases.SINCE["today" + rare]
    return phrases.SINCE["quiet" if fact.value > fact.normal else "just" + rare]


def _during(fact: Fact) -> Phrase:
    if fact.value == 0:
        return phrases.DURING["out"]
    if fact.clause.key == "flag":
        return phrases.DURING["kind"]
    return phrases.DURING["more" if fact.value > CLEAR * fact.normal else "less"]


def _rise(fact: Fact) -> Phrase:
    if fact.clause.key == "kept":
        return phrases.KEPT["above" if fact.value >= RISE else "level"]
    return phrases.RISE["level" if abs(fact.value) < RISE else "above" if fact.value > 0 else "below"]


def _rate(fact: Fact) -> Phrase:
    group = phrases.AROUND_RATE if fact.clause.around else phrases.RATE
    if amount(fact.clause, fact.value) < NOTHING:
        return group["never"]
    if amount(fact.clause, fact.normal) < NOTHING:
        return group["rare"]
    return group["above" if fact.value >= fact.normal else "below"]


def _festival(fact: Fact) -> Phrase:
    if abs(fact.value) >= fact.clause.days:
        when = "far"
    else:
        when = "on" if fact.value == 0 else "before" if fact.value < 0 else "after"
    return phrases.FESTIVAL[f"{when}_{_busy(fact)}"]


def _place(fact: Fact) -> Phrase:
    return phrases.PLACE["repeated" if fact.value >= REPEATED else "none" if fact.value < NOTHING else "single"]


def _rung(fact: Fact) -> Phrase:
    return phrases.RUNG[str(min(int(np.ceil(fact.value - NOTHING)), len(phrases.RUNG) - 1))]


def _busy(fact: Fact) -> str:
    return "busy" if fact.raising else "calm"


KINDS: dict[str, Callable[[Fact], Phrase]] = {
    "habit": _habit,
    "lasting": _lasting,
    "standing": _standing,
    "since": _since,
    "rise": _rise,
    "rate": _rate,
    "share": lambda fact: phrases.SHARE["above" if fact.value >= fact.normal else "below"],
    "attribute": lambda fact: phrases.ATTRIBUTE[fact.clause.key],
    "season": lambda fact: phrases.SEASON[_busy(fact)],
    "level": lambda fact: phrases.LEVEL["more" if fact.raising else "fewer"],
    "festival": _festival,
    "place": _place,
    "places": _places,
    "rung": _rung,
    "climb": lambda fact: phrases.CLIMB["today" if fact.value < 1 else "days"],
    "mixed": lambda fact: phrases.MIXED["above" if fact.value >= fact.normal else "below"],
    "during": _during,
    "weekday": lambda fact: phrases.WEEKDAY[_busy(fact)],
    "workdays": lambda fact: phrases.WORKDAYS[("none_" if fact.value < 1 else "") + _busy(fact)],
    "measure": lambda _: phrases.MEASURE["any"],
    "flag": lambda fact: phrases.FLAG["yes" if fact.value > 0 else "no"],
    "window": lambda fact: phrases.WINDOW[f"{'in' if fact.value > 0 else 'out'}_{_busy(fact)}"],
}
"""By kind of clause, the text that a fact calls for."""
