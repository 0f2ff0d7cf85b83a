"""Why a grid has its score: contributions of the trees, grouped by family, as codes and numbers, rendered per language.

Contributions add up: the families of a grid and the base make the log of its expected count (:meth:`RiskModel.margin`).
Wording says "possible reason", never cause; the text is made when it is read and never stored.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.errors import DataError
from riskwarn.feature import Count, Feature, Own
from riskwarn.model import RiskModel
from riskwarn.panel import NORMAL
from riskwarn.taxonomy import LANGUAGES

_LEAST = 0.01
"""Families that change the expected count by less than one per cent are no reason."""


def explain(
    model: RiskModel, night: pd.DataFrame, *, grids: Iterable[str] | None = None, raising: int = 3, lowering: int = 1
) -> pd.DataFrame:
    """The strongest reasons of every grid, in words, with value and unit.

    Parameters
    ----------
    model
        A fitted model.
    night
        Panel of one night, built with ``as_of=``.
    grids
        Only these grids; all by default.
    raising, lowering
        How many reasons of each kind at most.

    Returns
    -------
    reasons
        Table `reasons` (:data:`riskwarn.schema.REASONS`) with the sentences in columns `zh` and `en`. `contribution` is what the
        family adds to the log of the expected count; `feature`, `value` and `normal` are those of the family's strongest feature.

    Raises
    ------
    DataError
        The panel has no normals (it was built for many dates), or a grid asked for is not in it.
    """
    rows = _chosen(night, grids)
    parts = model.contributions(rows).drop(columns="base")
    families = pd.Index([f.family for f in model.features])
    total = parts.T.groupby(families.to_numpy(), sort=False).sum().T
    strongest = _strongest(parts[model.feature_names].to_numpy() @ _spokesmen(model.features), families, total)
    reasons = _picked(rows, model, total, strongest, raising, lowering)
    words = words_of_features(model.features)
    return reasons.assign(**{language: sentences(reasons, words, language) for language in LANGUAGES})


def sentences(reasons: pd.DataFrame, features: Mapping[str, Mapping[str, Any]], language: str) -> pd.Series:
    """Each reason as a sentence.

    Parameters
    ----------
    reasons
        Rows of table `reasons`.
    features
        What :func:`words_of_features` gave for the model that made them; a night keeps it among its facts.
    language
        ``zh`` or ``en``.
    """
    texts = [
        _sentence(features[feature], value, normal, language)
        for feature, value, normal in zip(reasons["feature"], reasons["value"], reasons["normal"], strict=True)
    ]
    return pd.Series(texts, index=reasons.index, dtype="str")


def words_of_features(features: Iterable[Feature]) -> dict[str, dict[str, Any]]:
    """Words, unit, sentence and remedy of each feature, by name: all that rendering needs, as plain values."""
    return {
        f.name: {
            "zh": f.words.zh, "en": f.words.en, "unit": f.unit, "family": f.family, "code": f.code, "remedy": f.remedy,
            "template": {"zh": f.template.zh, "en": f.template.en},
        }
        for f in features
    }  # fmt: skip


def _sentence(feature: Mapping[str, Any], value: float, normal: float, language: str) -> str:
    return str(feature["template"][language]).format(value=_number(value), normal=_number(normal))


def _number(value: float) -> str:
    """A number as staff write it.

    Examples
    --------
    >>> _number(4.0), _number(0.93), _number(float("nan"))
    ('4', '0.9', '–')
    """
    if pd.isna(value):
        return "–"
    return f"{value:.0f}" if abs(value - round(value)) < 1e-6 or abs(value) >= 100 else f"{value:.1f}"


def _chosen(night: pd.DataFrame, grids: Iterable[str] | None) -> pd.DataFrame:
    if not any(str(c).startswith("normal:") for c in night.columns):
        raise DataError(
            "the panel has no normals to compare with; build it for one night with build_panel(..., as_of=...)."
        )
    if grids is None:
        return night
    wanted = list(dict.fromkeys(grids))
    unknown = sorted(set(wanted) - set(night["grid_id"].astype("str")))
    if unknown:
        raise DataError(f"grids not in the panel: {', '.join(unknown[:3])}.")
    return night[night["grid_id"].astype("str").isin(wanted)]


def _spokesmen(features: Sequence[Feature]) -> np.ndarray:
    """(n, n) 0/1 matrix that credits each feature's pull to the one that speaks for it.

    A prior count is scaled up where the feed is young and so may exceed what was seen: the longest plain count of its family speaks
    for it, where there is one.
    """
    speaks = np.eye(len(features))
    for k, feature in enumerate(features):
        plain = [(f.days, i) for i, f in enumerate(features) if isinstance(f, Count) and f.family == feature.family]
        if isinstance(feature, Own) and plain:
            speaks[k] = 0
            speaks[k, max(plain)[1]] = 1
    return speaks


def _strongest(pulls: np.ndarray, families: pd.Index, total: pd.DataFrame) -> np.ndarray:
    """(n_rows, n_families) position of each family's feature that pulls hardest in the family's own direction."""
    found = np.empty(total.shape, dtype=np.intp)
    for k, family in enumerate(total.columns):
        own = np.flatnonzero(families == family)
        pull = pulls[:, own] * np.sign(total[family].to_numpy())[:, None]
        found[:, k] = own[pull.argmax(axis=1)]
    return found


def _picked(
    rows: pd.DataFrame, model: RiskModel, total: pd.DataFrame, strongest: np.ndarray, raising: int, lowering: int
) -> pd.DataFrame:
    sums = total.to_numpy()
    order = np.argsort(-sums, axis=1, kind="stable")
    n_up, n_down = min(raising, sums.shape[1]), min(lowering, sums.shape[1])
    columns = np.hstack([order[:, :n_up], order[:, ::-1][:, :n_down]])
    sign = np.r_[np.ones(n_up), -np.ones(n_down)]
    at = np.arange(len(rows))[:, None]
    kept = sums[at, columns] * sign > _LEAST
    row, slot = np.nonzero(kept)
    family = columns[row, slot]
    feature = strongest[row, family]
    names = np.array(model.feature_names, dtype=object)
    codes = np.array([f.code for f in model.features], dtype=object)
    values = rows[model.feature_names].to_numpy(dtype=float)
    normals = rows[[NORMAL.format(feature=n) for n in model.feature_names]].to_numpy(dtype=float)
    return pd.DataFrame({
        "grid_id": rows["grid_id"].astype("str").to_numpy()[row], "as_of": rows["as_of"].iloc[row].array,
        "target": model.label.name, "place": (np.cumsum(kept, axis=1) * kept)[row, slot], "feature": names[feature],
        "value": values[row, feature], "normal": normals[row, feature], "contribution": sums[row, family], "code": codes[feature],
    })  # fmt: skip
