"""Reasons in sentences, for nights that state their features and for those that do not."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from riskwarn import explanation


def sentences(reasons: pd.DataFrame, features: Mapping[str, Any], language: str) -> pd.Series:
    """One sentence a row, as :func:`riskwarn.explanation.sentences`; a feature the night does not describe is named with its value.

    Examples
    --------
    >>> night = pd.DataFrame({"feature": ["overdue"], "value": [2.0], "normal": [0.0]})
    >>> sentences(night, {}, "en").tolist()
    ['overdue: 2']
    """
    described = reasons["feature"].isin(list(features))
    bare = reasons[~described]
    named = bare["feature"].astype(str) + ": " + bare["value"].map("{:.3g}".format).astype(str)
    texts = explanation.sentences(reasons[described], features, language)
    return pd.concat([texts, named]).reindex(reasons.index).astype("str")


def remedies(reasons: pd.DataFrame, features: Mapping[str, Any], language: str) -> pd.Series:
    """The next step beside each reason, as :func:`riskwarn.explanation.remedies`; empty for a feature the night does not describe."""
    described = reasons["feature"].isin(list(features))
    texts = explanation.remedies(reasons[described], features, language)
    return texts.reindex(reasons.index).fillna("").astype("str")
