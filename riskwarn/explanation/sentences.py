"""Sentences: the text that a fact calls for, filled with its numbers, nouns and windows, in the reader's language.

A feature's :class:`riskwarn.feature.Clause` says what is told; :mod:`riskwarn.explanation.facts` says which text.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.explanation import phrases
from riskwarn.explanation.facts import KINDS, WEEK, YEAR, Fact, may_ease, period, said, tells
from riskwarn.feature import Clause, Feature, Noun
from riskwarn.feature.clause import window
from riskwarn.language import LANGUAGES, MANY, UNSAID, Language, Spoken, Words, in_every_language, phrase
from riskwarn.taxonomy import words_of

_AROUND = frozenset({"habit", "lasting", "standing", "rate"})
"""Kinds with sentences of their own for the grids around."""
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
    written: dict[tuple[Any, ...], str] = {}
    texts = []
    for key in _keys(reasons):
        if key not in written:
            written[key] = _told(clauses[key[0]], *key[1:], language=language)
        texts.append(written[key])
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
        "cap": window(min(clause.days, YEAR)),
        "per": _rate_over(period(clause)),
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
    if days in {WEEK, YEAR}:
        return phrase("a week") if days == WEEK else phrase("a year")
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
    day = int(value) % WEEK if np.isfinite(value) else 0
    return _DAYS[day]


def _when(season: int) -> Spoken:
    if season < 0:
        return phrase("This")
    part = _TENS[season % 3]
    return phrase("{part}{month}", part=part, month=_MONTHS[season // 3])


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
