"""Reasons in sentences: the template of each feature, filled with its value and the normal one."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from riskwarn.web.words import said


def sentences(reasons: pd.DataFrame, features: Mapping[str, Any], language: str) -> pd.Series:
    """One sentence a row of `reasons`, from `template` of its feature.

    Parameters
    ----------
    reasons
        Columns `feature`, `value`, `normal`.
    features
        By name: `zh`, `en` (words), `unit`, `template` with blanks ``{value}`` and ``{normal}``. A feature that is not among
        them is named with its value.
    language
        ``zh`` or ``en``.
    """
    parts = zip(reasons["feature"], reasons["value"], reasons["normal"], strict=True)
    texts = [_sentence(features.get(name, {}), name, value, normal, language) for name, value, normal in parts]
    return pd.Series(texts, index=reasons.index, dtype="str")


def plain(value: object) -> str:
    """A number as a sentence writes it: at most one decimal below 100, none above; "—" where it is not known.

    Examples
    --------
    >>> plain(4.0), plain(0.94), plain(1234.5), plain(float("nan"))
    ('4', '0.9', '1,234', '—')
    """
    number = pd.to_numeric(value, errors="coerce")
    if pd.isna(number):
        return "—"
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.1f}".removesuffix(".0")


def _sentence(feature: Mapping[str, Any], name: str, value: object, normal: object, language: str) -> str:
    template = said(feature.get("template", {}), language) or "{feature} {value}"
    try:
        return template.format(value=plain(value), normal=plain(normal), feature=said(feature, language) or name)
    except (KeyError, IndexError, ValueError):
        return f"{said(feature, language) or name} {plain(value)}"
