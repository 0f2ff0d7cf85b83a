"""From numbers to a sentence: which text the numbers call for, which way it points, and how numbers are written.

A feature's :class:`riskwarn.feature.Clause` says what is told; :mod:`riskwarn.explanation.phrases` holds the reviewed texts.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.explanation import phrases
from riskwarn.feature import Clause, Feature, Noun
from riskwarn.feature.clause import window
from riskwarn.feature.mix import REPEATED
from riskwarn.language import LANGUAGES, MANY, UNSAID, Language, Phrase, Spoken, Words, in_every_language, phrase
from riskwarn.taxonomy import words_of

CLEAR = 1.1
"""A value speaks for itself when it differs from its normal by a tenth at least."""
NOTHING = 0.05
"""Less than this many events, or of their mean, is said as none; nothing at all is little, whatever the normal."""
RISE = 0.5
"""Standard deviations from which a rise or a fall speaks for itself."""
MODEST = 1.5
"""Below this multiple of normal both numbers are said, not the multiple."""
_COUNTED = frozenset({"habit", "lasting", "standing", "rate"})
_AROUND = frozenset({"habit", "lasting", "standing", "rate"})
"""Kinds with sentences of their own for the grids around."""
_WEEK, _YEAR = 7, 365
_MONTHS = (
    phrase("January"),
    phrase("February"),
    phrase("March"),
    phrase("April"),
    phrase("May"),
    phrase("June"),
    phrase("July"),
    phrase("August"),
    phrase("September"),
    phrase("October"),
    phrase("November"),
    phrase("December"),
)
_DAYS = (
    phrase("Monday"),
    phrase("Tuesday"),
    phrase("Wednesday"),
    phrase("Thursday"),
    phrase("Friday"),
    phrase("Saturday"),
    phrase("Sunday"),
)
_TENS = (phrase("Early "), phrase("Mid-"), phrase("Late "))


@checked
def words_of_features(features: Iterable[Feature]) -> dict[str, dict[str, Any]]:
    """Words, unit, clause and next step of each feature, by name: all that rendering needs, as plain values.

    A night keeps these beside its reasons, so a sentence can be made again, in either language, without the model.

    Parameters
    ----------
    features
        Of a model, or any.

    Returns
    -------
    words
        By name: what it is in each language (`zh`, `en`), `unit`, `family`, `code`, `remedy` (the action's code) and `clause`.

    Examples
    --------
    >>> from riskwarn.feature import Count
    >>> words_of_features([Count("dispute", days=28)])["dispute_n_28d"]["clause"]["kind"]
    'habit'
    """
    return {f.name: _words(f) for f in features}


def _words(feature: Feature) -> dict[str, Any]:
    clause = feature.clause
    return {
        **in_every_language(feature.words),
        "unit": feature.unit,
        "family": feature.family,
        "code": feature.code,
        "remedy": phrases.REMEDIES[clause.remedy][0],
        "clause": clause.to_dict(),
    }


@checked
def sentences(reasons: pd.DataFrame, features: Mapping[str, Mapping[str, Any]], language: Language) -> pd.Series:
    """Each reason as a sentence.

    Parameters
    ----------
    reasons
        Rows of table `reasons`. `contribution` gives the direction (raising by default), `as_of` the time of year, and `n_nearby`,
        where it is there, the number of neighbouring grids.
    features
        What :func:`words_of_features` gave for the model that made them; a night keeps it among its facts.
    language
        ``zh`` or ``en``.

    Returns
    -------
    sentences
        One a row, with the index of `reasons`.

    Examples
    --------
    >>> from riskwarn.feature import Count
    >>> reasons = pd.DataFrame({"feature": ["dispute_n_28d"], "value": [4.0], "normal": [0.93]})
    >>> sentences(reasons, words_of_features([Count("dispute", days=28)]), "en").iloc[0]
    '4 disputes in the last 28 days, 4.3 times the mean of the 15 weeks before'
    """
    clauses = {name: clause_of(features[name]) for name in reasons["feature"].unique()}
    told: dict[tuple[Any, ...], str] = {}
    texts = []
    for key in _keys(reasons):
        if key not in told:
            told[key] = _told(clauses[key[0]], *key[1:], language=language)
        texts.append(told[key])
    return pd.Series(texts, index=reasons.index, dtype="str")


def _keys(reasons: pd.DataFrame) -> list[tuple[Any, ...]]:
    """What a sentence depends on: feature, value, normal, direction, part of the year, number of neighbours."""
    n = len(reasons)
    raising = reasons["contribution"] > 0 if "contribution" in reasons else pd.Series(True, index=reasons.index)
    season = (
        (reasons["as_of"].dt.month * 3 + ((reasons["as_of"].dt.day - 1) // 10).clip(upper=2) - 3).tolist()
        if "as_of" in reasons
        else [-1] * n
    )
    beside = reasons["n_nearby"].fillna(0).astype(int).tolist() if "n_nearby" in reasons else [0] * n
    values = (reasons[c].astype("float64").round(4).tolist() for c in ("value", "normal"))
    return list(zip(reasons["feature"].tolist(), *values, raising.tolist(), season, beside, strict=True))


@checked
def sentence(
    feature: Mapping[str, Any],
    value: float,
    normal: float,
    raising: bool = True,  # noqa: FBT001, FBT002 - a row's fields in order
    season: int = -1,
    n_nearby: int = 0,
    *,
    language: Language,
) -> str:
    """One reason in words.

    Parameters
    ----------
    feature
        One entry of :func:`words_of_features`.
    value, normal
        The feature's value, and what it is compared with.
    raising
        Whether the family raises the score.
    season
        Third of the month, 0 (early January) to 35 (late December); -1 where it is not known.
    n_nearby
        Number of neighbouring grids; 0 where it is not known.
    language
        ``zh`` or ``en``.

    Returns
    -------
    sentence
        Value, unit, window and what it is compared with. An absence of records that goes with a lower score says that it is no comfort.

    Examples
    --------
    >>> from riskwarn.feature import Count
    >>> words = words_of_features([Count("dispute", days=28)])["dispute_n_28d"]
    >>> sentence(words, 4, 0.93, language="en")
    '4 disputes in the last 28 days, 4.3 times the mean of the 15 weeks before'
    >>> sentence(words, 4, 0.93, language="zh")
    '近28天矛盾纠纷4起，为此前15周均值的4.3倍'
    """
    return _told(clause_of(feature), value, normal, raising, season, n_nearby, language=language)


def clause_of(feature: Mapping[str, Any]) -> Clause:
    """The clause of an entry of :func:`words_of_features`; of one that has none, its words and its number."""
    if "clause" in feature:
        return Clause.parse(feature["clause"])
    words = Words(**{language: feature[language] for language in LANGUAGES if language in feature})
    return Clause("measure", Noun(words), side=0)


def _told(
    clause: Clause,
    value: float,
    normal: float,
    raising: bool,  # noqa: FBT001 - a row's fields in order
    season: int,
    n_nearby: int,
    *,
    language: Language,
) -> str:
    if pd.isna(value):
        return phrases.MISSING.filled(name=_missing(clause))[language]
    fact = Fact(clause, float(said(clause, value)), float(said(clause, normal)), raising)
    text = KINDS[clause.kind](fact).filled(**_fields(fact, season, n_nearby, language))[language]
    if clause.around and clause.kind not in _AROUND:
        text = phrases.AROUND.filled(where=_where(clause, n_nearby), text=text[0].lower() + text[1:])[language]
    if not raising and not may_ease(clause, value):
        text = phrases.SILENT.filled(text=text)[language]
    elif not tells(clause, value, normal, raising):
        text = phrases.TOGETHER["raising" if raising else "lowering"].filled(text=text)[language]
    return text[0].upper() + text[1:]


def _missing(clause: Clause) -> Spoken:
    """What is not recorded, with its window."""
    events = clause.noun.many
    if not clause.days or clause.kind in {"since", "festival"} or (clause.kind == "rate" and clause.key):
        return events
    return phrase("{events} in {window}", events=events, window=window(clause.days))


# -- which way a number points ---------------------------------------------------------------------------------------------


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
    >>> clause = Clause("habit", Noun(phrase("dispute", plural="disputes")), 28)
    >>> tells(clause, 4, 0.93, True), tells(clause, 0, 0.93, True), tells(clause, 2, 9, False), tells(clause, 0, 9, False)
    (True, False, True, False)
    """
    more, less = _sides(clause, np.asarray(said(clause, value), float), np.asarray(said(clause, normal), float))
    points = np.where(np.asarray(raising) == (clause.side > 0), more, less) if clause.side else np.True_
    told = points & np.where(raising, np.logical_not(silent(clause, value)), may_ease(clause, value))
    return told if np.ndim(value) else bool(told)


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
    return value * clause.days / _period(clause) if clause.kind == "rate" else value


def said(clause: Clause, value: Any) -> Any:
    """The number that is said: of a log what it is of, of a rate what it is a week or a year."""
    if clause.scale == "log1p":
        return np.expm1(value)
    return value * (_period(clause) / clause.per) if clause.kind == "rate" else value


def _period(clause: Clause) -> float:
    """Days of the unit in which a rate is said: a week, or a year of a lasting level; else the window."""
    if clause.kind != "rate":
        return clause.days
    return _YEAR if clause.key == "long" else _WEEK


# -- which text the numbers call for ---------------------------------------------------------------------------------------


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
    if fact.value >= _YEAR:
        return phrases.SINCE["quiet_long"]
    rare = "_rare" if fact.normal >= min(fact.clause.days, _YEAR) else ""
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


# -- what fills the braces -------------------------------------------------------------------------------------------------


def number(value: float) -> str:
    """A number as staff write it.

    Parameters
    ----------
    value
        Any.

    Returns
    -------
    number
        With at most one decimal from a tenth on; an en dash where it is missing.

    Examples
    --------
    >>> [number(v) for v in (4.0, 0.93, 36.2, 0.02, float("nan"))]
    ['4', '0.9', '36', '0.02', '–']
    """
    if pd.isna(value):
        return "–"
    size = abs(value)
    if size >= 9.95 or abs(value - round(value)) < 1e-6:
        return f"{value:.0f}"
    return f"{value:.1f}".removesuffix(".0") if size >= 0.095 else f"{value:.1g}"


def _fields(fact: Fact, season: int, n_nearby: int, language: Language) -> dict[str, Any]:
    """What may stand in the braces of a sentence; only where it begins does its case hang on the language."""
    clause, noun = fact.clause, fact.clause.noun
    shown, usual = _shown(clause, fact.value), _shown(clause, fact.normal)
    when = _when_rate(clause)[language]
    return {
        "value": shown,
        "normal": usual,
        "ratio": number(fact.value / fact.normal) if fact.normal > 0 else "–",
        "last": window(clause.days),
        "cap": window(min(clause.days, _YEAR)),
        "per": _rate_over(_period(clause)),
        "day_s": _DAY.counted(_n(shown)),
        "day_n": _DAY.counted(_n(usual)),
        "what": noun.words.counted(_n(shown)),
        "one": noun.one,
        "many": noun.many,
        "name": noun.words,
        "unit": noun.measure,
        "unit_n": _unit(clause, shown),
        "normal_n": _unit(clause, usual),
        "whole": clause.whole.many if clause.whole else UNSAID,
        "where": _where(clause, n_nearby),
        "when": _when(season),
        "days": f"{clause.days:g}",
        "weekday": _weekday(fact.value),
        "during": clause.during or UNSAID,
        "when_rate": when[:1].upper() + when[1:],
        "when_after": when[:1].lower() + when[1:],
    }


_DAY = phrase("day", plural="days", context="after a number")


def _n(shown: str) -> int:
    """The number that a noun beside it agrees with, as it is shown."""
    return int(shown) if shown.isdigit() else MANY


def _rate_over(days: float) -> Spoken:
    """A rate over a window: a week and a year have words of their own.

    Examples
    --------
    >>> _rate_over(7)["en"], _rate_over(28)["en"]
    ('a week', 'per 28 days')
    """
    if days in {_WEEK, _YEAR}:
        return phrase("a week") if days == _WEEK else phrase("a year")
    return phrase("a day") if days == 1 else phrase("per {days} days", days=f"{days:g}")


def _shown(clause: Clause, value: float) -> str:
    if clause.scale == "percent":
        return number(np.round(100 * value))
    if clause.kind in {"since", "festival", "climb"}:
        return number(np.floor(abs(value)))
    if clause.scale == "log1p":
        return number(round(value) if value >= 1 else value)
    if clause.kind == "attribute" and abs(value) < 1:
        return f"{value:.2g}"
    return number(value)


def _unit(clause: Clause, shown: str) -> Spoken:
    """The unit after a number; nought stands without the measure word of what is counted."""
    return UNSAID if shown == "0" and clause.unit == clause.noun.measure else clause.unit.counted(_n(shown))


def _where(clause: Clause, n_nearby: int) -> Spoken:
    if (clause.around or "nearby") != "nearby":
        return phrases.WHERE[clause.around]
    return phrases.NEARBY.filled(n=n_nearby) if n_nearby else phrases.WHERE["nearby"]


def _when_rate(clause: Clause) -> Spoken:
    if clause.kind == "rate" and clause.key:
        return phrases.WHEN_RATE[clause.key]
    last = window(clause.days)
    return phrase("in {window}", window=last)


def _weekday(value: float) -> Spoken:
    day = int(value) % _WEEK if np.isfinite(value) else 0
    return _DAYS[day]


def _when(season: int) -> Spoken:
    if season < 0:
        return phrase("This")
    part = _TENS[season % 3]
    return phrase("{part}{month}", part=part, month=_MONTHS[season // 3])


# -- beside each reason ----------------------------------------------------------------------------------------------------


@checked
def remedies(reasons: pd.DataFrame, features: Mapping[str, Mapping[str, Any]], language: Language) -> pd.Series:
    """The next step beside each reason, as a sentence: service, mediation or verification, whatever the number.

    Parameters
    ----------
    reasons, features, language
        As in :func:`sentences`.

    Returns
    -------
    remedies
        One a row, with the index of `reasons`.

    Examples
    --------
    >>> from riskwarn.feature import Overdue
    >>> reasons = pd.DataFrame({"feature": ["dispute_overdue_n"], "contribution": [0.2]})
    >>> remedies(reasons, words_of_features([Overdue("dispute")]), "en").iloc[0]
    'Raise the overdue cases to a higher level'
    """
    raising = reasons["contribution"] > 0
    texts = [_remedy(features[feature], up)[language] for feature, up in zip(reasons["feature"], raising, strict=True)]
    return pd.Series(texts, index=reasons.index, dtype="str")


def _remedy(feature: Mapping[str, Any], raising: bool) -> Any:  # noqa: FBT001 - a row's field
    if not raising:
        return phrases.REMEDIES["easing"][1]
    return phrases.REMEDIES[feature["clause"]["remedy"]][1] if "clause" in feature else words_of(str(feature["remedy"]))


@checked
def lead(contribution: float, language: Language) -> str:
    """What stands before a reason: "Possible reason" or "Possible easing factor", never a cause.

    Parameters
    ----------
    contribution
        Of the family, to the log of the expected count.
    language
        ``zh`` or ``en``.

    Returns
    -------
    lead
        The words.

    Examples
    --------
    >>> lead(0.4, "zh"), lead(-0.1, "en")
    ('可能原因', 'Possible easing factor')
    """
    return phrases.LEAD["raising" if contribution > 0 else "lowering"][language]
