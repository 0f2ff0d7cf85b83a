"""The strongest reasons of each grid: contributions of the trees, grouped by family, each told by the number that shows it."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.errors import DataError, did_you_mean
from riskwarn.explanation.case import CLEAR
from riskwarn.explanation.credit import credited
from riskwarn.explanation.saying import core_of, saying_of, words_of_features
from riskwarn.explanation.wording import remedies, sentences, tells
from riskwarn.feature import Feature
from riskwarn.history import History
from riskwarn.language import LANGUAGES
from riskwarn.model import RiskModel
from riskwarn.panel import NORMAL

URGENCY = 2.0
"""An overdue case is told rather than open ones, unless those pull more than so many times as hard."""
LEAST = 0.01
"""Families that change the expected count by less than one per cent are no reason."""


def explain(
    model: RiskModel, night: pd.DataFrame, *, grids: Iterable[str] | None = None, raising: int = 3, lowering: int = 1,
    history: History | None = None,
) -> pd.DataFrame:  # fmt: skip
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
    history
        With it, reasons say how many neighbouring grids they speak of (column `n_nearby`).

    Returns
    -------
    reasons
        Table `reasons` (:data:`riskwarn.schema.REASONS`) with the sentences in columns `zh` and `en` and the next steps in `remedy_zh`
        and `remedy_en`. `contribution` is what the family adds to the log of the expected count; `feature`, `value` and `normal` are
        those of the member that tells it: the one that pulls hardest among those whose value lies on the family's side of normal.

    Raises
    ------
    DataError
        The panel has no normals (it was built for many dates), or a grid asked for is not in it.
    """
    rows = _chosen(night, grids)
    total, pulls = family_contributions(model, rows)
    values, normals = _numbers(rows, model.feature_names)
    teller = _tellers(model.features, pulls, total.to_numpy(), values, normals)
    pulls_told = np.where(_plain(model.features, teller, values, normals), 0, total.to_numpy())
    reasons = _picked(rows, model, pulls_told, teller, values, normals, raising, lowering)
    if history is not None:
        reasons["n_nearby"] = _n_nearby(history).reindex(reasons["grid_id"]).fillna(0).astype(int).to_numpy()
    return in_words(reasons, model.features)


def in_words(reasons: pd.DataFrame, features: Iterable[Feature]) -> pd.DataFrame:
    """Reasons with their sentences (`zh`, `en`) and next steps (`remedy_zh`, `remedy_en`)."""
    words = words_of_features(features)
    told = {language: sentences(reasons, words, language) for language in LANGUAGES}
    steps = {f"remedy_{language}": remedies(reasons, words, language) for language in LANGUAGES}
    return reasons.assign(**told, **steps)


def families_of(model: RiskModel) -> list[str]:
    """The families of a model's features, in the order of the features."""
    return list(dict.fromkeys(f.family for f in model.features))


def family_contributions(model: RiskModel, rows: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """What each family, and each feature, adds to :meth:`riskwarn.RiskModel.margin`.

    Where two features count the same events, the one that says more of them is credited (:mod:`riskwarn.explanation.credit`).

    Returns
    -------
    total
        One column a family. Its row sums and the base make the margin.
    pulls
        (n_rows, n_features) the same by feature, each credited to the member that can say it in plain words.
    """
    found = model.contributions(rows)[model.feature_names].to_numpy()
    parts = credited(model.features, found, rows[model.feature_names].to_numpy(dtype=float))
    names = families_of(model)
    member = np.array([[f.family == name for name in names] for f in model.features], dtype=float)
    total = pd.DataFrame(parts @ member, columns=names, index=rows.index)
    return total, parts @ _spokesmen(model.features)


def _chosen(night: pd.DataFrame, grids: Iterable[str] | None) -> pd.DataFrame:
    if not any(str(c).startswith("normal:") for c in night.columns):
        raise DataError(
            "the panel has no normals to compare with; build it for one night with build_panel(..., as_of=...)."
        )
    if grids is None:
        return night
    wanted = list(dict.fromkeys(grids))
    here = night["grid_id"].astype("str")
    unknown = sorted(set(wanted) - set(here))
    if unknown:
        raise DataError(f"grids not in the panel: {', '.join(unknown[:3])}{did_you_mean(unknown[0], list(here))}.")
    return night[here.isin(wanted)]


def _numbers(rows: pd.DataFrame, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    normals = [NORMAL.format(feature=n) for n in names]
    return rows[names].to_numpy(dtype=float), rows[normals].to_numpy(dtype=float)


def _spokesmen(features: Sequence[Feature]) -> np.ndarray:
    """(n, n) 0/1 matrix that credits each feature's pull to the one that speaks for it.

    A prior count, a rise and a recency-weighted count say in hard words what a plain count of the same events says in easy ones: the
    longest count speaks for the first, that of the same window for the second, that of twice the half-life for the third. A faded count
    of the label's own events is the third too; where no plain count says the same, a prior count does, else the one that fades last.
    """
    speaks = np.eye(len(features))
    cores = [core_of(f) for f in features]
    counts = [(float(getattr(c, "days", 0)), i) for i, c in enumerate(cores) if type(c).__name__ == "Count"]
    priors = [(7.0 * getattr(c, "weeks", 0), i) for i, c in enumerate(cores) if type(c).__name__ == "Own"]
    faded = [(float(getattr(c, "half_life", 0)), i) for i, c in enumerate(cores) if type(c).__name__ == "Faded"]
    for k, feature in enumerate(features):
        wanted = _window(cores[k])
        own = type(cores[k]).__name__ == "Faded"
        beside: list[tuple[float, int]] = []
        for said, days_wanted in ((counts, wanted), (priors, wanted * own), (faded, 1e6 * own)):
            same = [(days, i) for days, i in said if features[i].family == feature.family] if days_wanted else []
            beside = beside or [(abs(np.log(days / days_wanted)), i) for days, i in same]
        if beside:
            speaks[k] = 0
            speaks[k, min(beside)[1]] = 1
    return speaks


def _window(core: Any) -> float:
    """Days of the plain count that says the same; 0 for a feature that speaks for itself."""
    kind = type(core).__name__
    if kind == "Own":
        return 1e6
    return {
        "Rise": getattr(core, "days", 0.0),
        **dict.fromkeys(("Recent", "Faded"), 2 * getattr(core, "half_life", 0.0)),
    }.get(kind, 0.0)


def _tellers(
    features: Sequence[Feature], pulls: np.ndarray, total: np.ndarray, values: np.ndarray, normals: np.ndarray
) -> np.ndarray:
    """(n_rows, n_families) position of the member that tells each family's pull.

    First those that lie on the family's side of their normal and pull to it, the hardest pull first; then those that lie there
    without pulling, the longest window first; then the longest window: a lasting level.
    """
    families = np.array([f.family for f in features])
    sayings = [saying_of(f) for f in features]
    lasting = np.array(
        [min(float(s.get("days", 0)), 9e3) * 1e-4 * (s["kind"] in {"habit", "lasting"}) for s in sayings]
    )
    muted = np.diag(_spokesmen(features)) == 0
    urgent = np.array([URGENCY if type(f).__name__ == "Overdue" else 1.0 for f in features])
    found = np.empty(total.shape, dtype=np.intp)
    for k, family in enumerate(dict.fromkeys(families)):
        own = np.flatnonzero(families == family)
        raising = total[:, k] > 0
        pull = pulls[:, own] * np.where(raising, 1, -1)[:, None]
        telling = np.column_stack([tells(sayings[i], values[:, i], normals[:, i], raising) for i in own])
        order = np.where(telling & (pull > 0), 200 + pull * urgent[own], np.where(telling, 100, 0) + lasting[own])
        found[:, k] = own[np.where(np.isnan(values[:, own]) | muted[own], -1, order).argmax(axis=1)]
    return found


def _plain(features: Sequence[Feature], teller: np.ndarray, values: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """(n_rows, n_families) whether a family would be told by a fact of the grid that is as everywhere else: that is no reason."""
    fact = np.array([saying_of(f)["kind"] == "attribute" for f in features])
    usual = (values < CLEAR * normals) & (normals < CLEAR * values)
    return fact[teller] & np.take_along_axis(usual, teller, axis=1)


def _picked(
    rows: pd.DataFrame, model: RiskModel, sums: np.ndarray, teller: np.ndarray, values: np.ndarray, normals: np.ndarray,
    raising: int, lowering: int,
) -> pd.DataFrame:  # fmt: skip
    order = np.argsort(-sums, axis=1, kind="stable")
    n_up, n_down = min(raising, sums.shape[1]), min(lowering, sums.shape[1])
    columns = np.hstack([order[:, :n_up], order[:, ::-1][:, :n_down]])
    sign = np.r_[np.ones(n_up), -np.ones(n_down)]
    kept = sums[np.arange(len(rows))[:, None], columns] * sign > LEAST
    row, slot = np.nonzero(kept)
    family = columns[row, slot]
    feature = teller[row, family]
    names = np.array(model.feature_names, dtype=object)
    codes = np.array([f.code for f in model.features], dtype=object)
    return pd.DataFrame({
        "grid_id": rows["grid_id"].astype("str").to_numpy()[row], "as_of": rows["as_of"].iloc[row].array,
        "target": model.label.name, "place": (np.cumsum(kept, axis=1) * kept)[row, slot], "feature": names[feature],
        "value": values[row, feature], "normal": normals[row, feature], "contribution": sums[row, family], "code": codes[feature],
    })  # fmt: skip


def _n_nearby(history: History) -> pd.Series:
    degree = np.diff(history.neighbors().indptr)
    return pd.Series(degree, index=history.grids["grid_id"].astype("str").to_numpy())
