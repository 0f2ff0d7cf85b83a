"""From numbers to a sentence: which case of a template the numbers call for, and how numbers are written."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.explanation import template
from riskwarn.explanation.case import CLEAR, NOTHING, RISE, SPEAK, Reading
from riskwarn.language import Spoken
from riskwarn.taxonomy import Words, words_of

_COUNTED = frozenset({"habit", "lasting", "standing", "recent"})
_AROUND = frozenset({"habit", "lasting", "standing"})
"""Kinds with sentences of their own for the grids around."""
_MONTHS = "January February March April May June July August September October November December".split()
_TENS = (Words("上旬", "Early "), Words("中旬", "Mid-"), Words("下旬", "Late "))


def sentences(reasons: pd.DataFrame, features: Mapping[str, Mapping[str, Any]], language: str) -> pd.Series:
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
    """
    told: dict[tuple[Any, ...], str] = {}
    texts = []
    for key in _keys(reasons):
        if key not in told:
            told[key] = sentence(features[key[0]], *key[1:], language=language)
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


def sentence(
    feature: Mapping[str, Any], value: float, normal: float, raising: bool = True, season: int = -1, n_nearby: int = 0,  # noqa: FBT001, FBT002 - a row's fields in order
    *, language: str,
) -> str:  # fmt: skip
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

    Examples
    --------
    >>> from riskwarn.explanation import words_of_features
    >>> from riskwarn.feature import Count
    >>> words = words_of_features([Count("dispute", days=28)])["dispute_n_28d"]
    >>> sentence(words, 4, 0.93, language="en")
    '4 disputes in the last 28 days, 4.3 times the mean of the 15 weeks before'
    >>> sentence(words, 4, 0.93, language="zh")
    '近28天矛盾纠纷4起，为此前15周均值的4.3倍'
    """
    saying = feature.get("saying") or {"kind": ""}
    if pd.isna(value) and language in feature:
        return template.MISSING[language].format(name=feature[language])
    if not saying["kind"]:
        return str(feature["template"][language]).format(value=number(value), normal=number(normal))
    words = SPEAK[saying["kind"]](Reading(saying, float(value), float(normal), raising))
    fields = _fields(saying, float(value), float(normal), season, n_nearby, language)
    text = words[language].format(**fields)
    if saying.get("around") and saying["kind"] not in _AROUND:
        text = template.AROUND[language].format(where=fields["where"], text=text[0].lower() + text[1:])
    if not tells(saying, value, normal, raising):
        text = template.TOGETHER["raising" if raising else "lowering"][language].format(text=text)
    return text[0].upper() + text[1:]


def tells(saying: Mapping[str, Any], value: Any, normal: Any, raising: Any) -> Any:
    """Whether a value lies clearly on the side to which its family moves the score. Works on numbers and on arrays.

    Examples
    --------
    >>> saying = {"kind": "habit", "side": 1}
    >>> tells(saying, 4, 0.93, True), tells(saying, 0, 0.93, True), tells(saying, 0, 0, False)
    (True, False, True)
    """
    if not saying.get("side"):
        return np.ones(np.shape(value), dtype=bool) if np.ndim(value) else True
    kind, quiet = saying["kind"], np.asarray(value) < NOTHING
    if kind == "rise":
        more, less = np.asarray(value) >= RISE, np.asarray(value) <= -RISE
    else:
        more, less = np.asarray(value) > CLEAR * np.asarray(normal), np.asarray(normal) > CLEAR * np.asarray(value)
    if kind in _COUNTED:
        more, less = more & ~quiet, less | quiet
    found = np.where(np.asarray(raising) == (saying["side"] > 0), more, less)
    return found if np.ndim(value) else bool(found)


def number(value: float) -> str:
    """A number as staff write it.

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


# -- what fills the braces -------------------------------------------------------------------------------------------------


def _fields(
    saying: Mapping[str, Any], value: float, normal: float, season: int, n_nearby: int, language: str
) -> dict[str, str]:
    shown, usual = _shown(saying, value), _shown(saying, normal)
    return {
        "value": shown, "normal": usual, "ratio": number(value / normal) if normal > 0 else "–",
        "days": f"{saying.get('days', 0):g}", "cap": f"{saying.get('days', 0):g}", "day_s": "day" if shown == "1" else "days", "day_n": "day" if usual == "1" else "days",
        "window": "day" if saying.get("days") == 1 else "days", **_rate(saying.get("days", 0)),
        "what": _what(saying, shown, language), "name": saying.get("what_zh" if language == "zh" else "name", ""),
        "unit_n": _unit(saying, shown, language), "normal_n": _unit(saying, usual, language),
        "one": saying.get("one", ""), "many": saying.get("many", ""),
        "unit": saying.get("measure", ""), "whole": saying.get(f"whole_{language}", ""),
        "where": _where(saying, n_nearby, language), "when": _when(season)[language],
    }  # fmt: skip


def _rate(days: float) -> dict[str, str]:
    """A rate over a window: a week has a word of its own.

    Examples
    --------
    >>> _rate(7), _rate(28)["per_en"]
    ({'per_zh': '每周', 'per_en': 'a week'}, 'per 28 days')
    """
    if days in {1, 7}:
        return {"per_zh": "每周" if days == 7 else "每天", "per_en": "a week" if days == 7 else "a day"}
    return {"per_zh": f"每{days:g}天", "per_en": f"per {days:g} days"}


def _what(saying: Mapping[str, Any], shown: str, language: str) -> str:
    if language == "zh":
        return str(saying.get("what_zh", ""))
    return str(saying.get("one" if shown == "1" else "many", ""))


def _unit(saying: Mapping[str, Any], shown: str, language: str) -> str:
    """The unit after a number of :data:`template.MEASURE`; nothing is said without one where things are counted."""
    if shown == "0" and saying.get("measure") in {"件", "人"}:
        return ""
    return str(saying.get("measure", "")) if language == "zh" else _what(saying, shown, "en")


def _shown(saying: Mapping[str, Any], value: float) -> str:
    if saying["kind"] == "share" or saying.get("percent"):
        return number(round(100 * value))
    if saying["kind"] in {"since", "festival"}:
        return number(np.floor(abs(value)))
    if saying["kind"] == "attribute" and abs(value) < 1:
        return f"{value:.2g}"
    return number(abs(value) if saying["kind"] == "rise" else value)


def _where(saying: Mapping[str, Any], n_nearby: int, language: str) -> str:
    around = str(saying.get("around") or "nearby")
    if around == "nearby" and n_nearby:
        around = "nearby_1" if n_nearby == 1 else "nearby_n"
    return template.WHERE[around][language].format(n=n_nearby)


def _when(season: int) -> Words:
    if season < 0:
        return Words("此时", "This")
    part = _TENS[season % 3]
    return Words(f"{season // 3 + 1}月{part.zh}", f"{part.en}{_MONTHS[season // 3]}")


# -- beside each reason ----------------------------------------------------------------------------------------------------


def remedies(reasons: pd.DataFrame, features: Mapping[str, Mapping[str, Any]], language: str) -> pd.Series:
    """The next step beside each reason, as a sentence: service, mediation or verification, whatever the number.

    Parameters
    ----------
    reasons, features, language
        As in :func:`sentences`.
    """
    raising = reasons["contribution"] > 0
    texts = [_remedy(features[feature], up)[language] for feature, up in zip(reasons["feature"], raising, strict=True)]
    return pd.Series(texts, index=reasons.index, dtype="str")


def _remedy(feature: Mapping[str, Any], raising: bool) -> Spoken:  # noqa: FBT001 - a row's field
    name = (feature.get("saying") or {}).get("remedy")
    if not raising:
        return template.REMEDIES["easing"][1]
    return template.REMEDIES[name][1] if name else words_of(str(feature["remedy"]))


def lead(contribution: float, language: str) -> str:
    """What stands before a reason: "Possible reason" or "Possible easing factor", never a cause.

    Examples
    --------
    >>> lead(0.4, "zh"), lead(-0.1, "en")
    ('可能原因', 'Possible easing factor')
    """
    return template.LEAD["raising" if contribution > 0 else "lowering"][language]
