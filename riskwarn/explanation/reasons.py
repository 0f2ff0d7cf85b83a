"""The strongest reasons of each grid: contributions of the model, grouped by family, each told by the number that shows it.

Where two features count the same events, the one that says more of them is credited (:func:`credited`). Where a lower score goes with
an absence of records, nothing is told: silence is no comfort.
"""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError, did_you_mean
from riskwarn.explanation.facts import CLEAR, silent, tells
from riskwarn.explanation.sentences import remedies, sentences, words_of_features
from riskwarn.feature import Feature
from riskwarn.history import History
from riskwarn.language import LANGUAGES
from riskwarn.model import RiskModel
from riskwarn.panel import NORMAL

LEAST = 0.01
"""Families that change the expected count by less than one per cent are no reason."""


@checked
def explain(
    model: RiskModel,
    night: pd.DataFrame,
    *,
    grids: Iterable[str] | None = None,
    raising: int = 3,
    lowering: int = 1,
    history: History | None = None,
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

    Examples
    --------
    ``explain(model, build_panel(store, experiment, as_of="2025-03-03"))``
    """
    rows = pick_reasons(model, night, grids=grids, raising=raising, lowering=lowering, history=history)
    return in_words(rows, model.features)


@checked
def pick_reasons(
    model: RiskModel,
    night: pd.DataFrame,
    *,
    grids: Iterable[str] | None = None,
    raising: int = 3,
    lowering: int = 1,
    history: History | None = None,
) -> pd.DataFrame:
    """The strongest reasons of every grid as a night stores them: without words, which are made when they are read.

    Parameters
    ----------
    model, night, grids, raising, lowering, history
        As for :func:`explain`.

    Returns
    -------
    reasons
        Table `reasons`; :func:`in_words` tells them.

    Raises
    ------
    DataError
        As :func:`explain`.
    """
    rows = _chosen(night, grids)
    total, pulls = family_contributions(model, rows)
    values, normals = _numbers(rows, model.feature_names)
    teller = _tellers(model.features, pulls, total.to_numpy(), values, normals)
    mute = _says_nothing(model.features, teller, total.to_numpy(), values, normals)
    reasons = _picked(rows, model, np.where(mute, 0, total.to_numpy()), teller, values, normals, raising, lowering)
    if history is not None:
        reasons["n_nearby"] = _n_nearby(history).reindex(reasons["grid_id"]).fillna(0).astype(int).to_numpy()
    return reasons


@checked
def in_words(reasons: pd.DataFrame, features: Iterable[Feature]) -> pd.DataFrame:
    """Reasons with their sentences (`zh`, `en`) and next steps (`remedy_zh`, `remedy_en`).

    Parameters
    ----------
    reasons
        Rows of table `reasons`.
    features
        Of the model that made them.

    Returns
    -------
    reasons
        With a column of sentences and one of next steps a language.

    Examples
    --------
    >>> from riskwarn.feature import Overdue
    >>> one = pd.DataFrame({"feature": ["dispute_overdue_n"], "value": [2.0], "normal": [0.0], "contribution": [0.2]})
    >>> in_words(one, [Overdue("dispute")])["en"].iloc[0]
    '2 overdue disputes; most grids have none'
    """
    words = words_of_features(features)
    texts = {language: sentences(reasons, words, language) for language in LANGUAGES}
    steps = {f"remedy_{language}": remedies(reasons, words, language) for language in LANGUAGES}
    return reasons.assign(**texts, **steps)


@checked
def families_of(model: RiskModel) -> list[str]:
    """The families of a model's features, in the order of the features.

    Parameters
    ----------
    model
        Any, fitted or not.

    Returns
    -------
    families
        Each once.
    """
    return list(dict.fromkeys(f.family for f in model.features))


@checked
def family_contributions(model: RiskModel, rows: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """What each family, and each feature, adds to :meth:`riskwarn.RiskModel.margin`.

    Where two features count the same events, the one that says more of them is credited (:func:`credited`).

    Parameters
    ----------
    model
        A fitted model.
    rows
        Of a panel that holds its features.

    Returns
    -------
    total
        One column a family. Its row sums and the base make the margin.
    pulls
        (n_rows, n_features) the same by feature, each credited to the member that can say it in plain words.
    """
    pulled = model.contributions(rows)[model.feature_names].to_numpy()
    parts = credited(model.features, pulled, rows[model.feature_names].to_numpy(dtype=float))
    names = families_of(model)
    families = [f.family for f in model.features]
    member = np.array([[family == name for name in names] for family in families], dtype=float)
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


# -- who is credited where two features count the same events ---------------------------------------------------------------


def credited(features: Sequence[Feature], parts: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Contributions with the pull of shared events where they say most.

    An overdue case is an open one, and calls from one place are calls. A model that reads both kinds of number splits its pull between
    them as its trees happened to grow. Here the pull goes by the events: of ten open cases four of which are overdue, four tenths of
    what the open cases pull is the overdue ones'; where three of four recent events lie at one place, three quarters of what recent
    events pull is that place's. Each feature says itself what it shares (:attr:`riskwarn.feature.Feature.wholes`).

    Parameters
    ----------
    features
        The model's.
    parts, values
        (n, n_features) contributions and values.

    Returns
    -------
    parts
        (n, n_features); each row has the same sum.

    Examples
    --------
    >>> from riskwarn.feature import Open, Overdue
    >>> credited((Open("dispute"), Overdue("dispute")), np.array([[0.8, 0.1]]), np.array([[4.0, 1.0]])).round(2).tolist()
    [[0.6, 0.3]]
    """
    moved = parts.copy()
    for taker, wholes in _parts_of_wholes(features):
        share = features[taker].part_of(values[:, taker], values[:, wholes].sum(axis=1))
        for giver, other in enumerate(features):
            if giver != taker:
                shared = features[taker].draws_on(other, values[:, giver])
                given = np.where(shared, share, 0) * np.maximum(moved[:, giver], 0)
                moved[:, giver] -= given
                moved[:, taker] += given
    return moved


def _parts_of_wholes(features: Sequence[Feature]) -> list[tuple[int, list[int]]]:
    """Each feature that counts a part of what others count, with those others, where the model has them all."""
    counting: dict[Hashable, int] = {}
    for k, feature in enumerate(features):
        if feature.counts is not None:
            counting.setdefault(feature.counts, k)
    return [
        (k, [counting[whole] for whole in feature.wholes])
        for k, feature in enumerate(features)
        if feature.wholes and all(whole in counting for whole in feature.wholes)
    ]


# -- who tells ---------------------------------------------------------------------------------------------------------------


def _spokesmen(features: Sequence[Feature]) -> np.ndarray:
    """(n, n) 0/1 matrix that credits each feature's pull to the one of its family that says the same in easier words."""
    speaks, families = np.eye(len(features)), np.array([feature.family for feature in features])
    cores = [feature.core for feature in features]
    for k, core in enumerate(cores):
        family = np.flatnonzero(families == families[k])
        easier = core.easier([cores[i] for i in family])
        if easier is not None:
            speaks[k] = 0
            speaks[k, next(i for i in family if cores[i] is easier)] = 1
    return speaks


def _tellers(
    features: Sequence[Feature], pulls: np.ndarray, total: np.ndarray, values: np.ndarray, normals: np.ndarray
) -> np.ndarray:
    """(n_rows, n_families) position of the member that tells each family's pull.

    First those that lie on the family's side of their normal and pull to it, the hardest pull first; then those that lie there
    without pulling, the longest window first; then the longest window: a lasting level.
    """
    families = np.array([f.family for f in features])
    clauses = [f.clause for f in features]
    lasting = np.array([min(c.days, 9e3) * 1e-4 * (c.kind in {"habit", "lasting"}) for c in clauses])
    muted = np.diag(_spokesmen(features)) == 0
    urgency = np.array([c.urgency for c in clauses])
    teller = np.empty(total.shape, dtype=np.intp)
    for k, family in enumerate(dict.fromkeys(families)):
        members = np.flatnonzero(families == family)
        raising = total[:, k] > 0
        pull = pulls[:, members] * np.where(raising, 1, -1)[:, None]
        telling = np.column_stack([tells(clauses[i], values[:, i], normals[:, i], raising) for i in members])
        order = np.where(
            telling & (pull > 0), 200 + pull * urgency[members], np.where(telling, 100, 0) + lasting[members]
        )
        teller[:, k] = members[np.where(np.isnan(values[:, members]) | muted[members], -1, order).argmax(axis=1)]
    return teller


def _says_nothing(
    features: Sequence[Feature], teller: np.ndarray, total: np.ndarray, values: np.ndarray, normals: np.ndarray
) -> np.ndarray:
    """(n_rows, n_families) whether what would be told of a family is no reason.

    That is a fact of the grid as it is everywhere else, and the level of the city, which is told once for all grids; what lowers a score and is no fact but an absence of records, or not low; and
    what raises a score although nothing was recorded.
    """
    value, normal = (np.take_along_axis(numbers, teller, axis=1) for numbers in (values, normals))
    mute = np.zeros(teller.shape, dtype=bool)
    for k in np.unique(teller):
        clause, here = features[k].clause, teller == k
        number, usual, pull = value[here], normal[here], total[here]
        same = (number < CLEAR * usual) & (usual < CLEAR * number) & (clause.kind == "attribute")
        lowers = (pull <= 0) & ~tells(clause, number, usual, np.False_)
        quiet = silent(clause, number) | ((clause.kind == "since") & ~tells(clause, number, usual, np.True_))
        mute[here] = same | lowers | ((pull > 0) & quiet) | (clause.kind == "level")
    return mute


def _picked(
    rows: pd.DataFrame,
    model: RiskModel,
    sums: np.ndarray,
    teller: np.ndarray,
    values: np.ndarray,
    normals: np.ndarray,
    raising: int,
    lowering: int,
) -> pd.DataFrame:
    order = np.argsort(-sums, axis=1, kind="stable")
    n_up, n_down = min(raising, sums.shape[1]), min(lowering, sums.shape[1])
    columns = np.hstack([order[:, :n_up], order[:, ::-1][:, :n_down]])
    sign = np.r_[np.ones(n_up), -np.ones(n_down)]
    strong = sums[np.arange(len(rows))[:, None], columns] * sign > LEAST
    row, slot = np.nonzero(strong)
    family = columns[row, slot]
    feature = teller[row, family]
    names = np.array(model.feature_names, dtype=object)
    codes = np.array([f.code for f in model.features], dtype=object)
    return pd.DataFrame(
        {
            "grid_id": rows["grid_id"].astype("str").to_numpy()[row],
            "as_of": rows["as_of"].iloc[row].array,
            "target": model.label.name,
            "place": (np.cumsum(strong, axis=1) * strong)[row, slot],
            "feature": names[feature],
            "value": values[row, feature],
            "normal": normals[row, feature],
            "contribution": sums[row, family],
            "code": codes[feature],
        }
    )


def _n_nearby(history: History) -> pd.Series:
    degree = np.diff(history.neighbors().indptr)
    return pd.Series(degree, index=history.grids["grid_id"].astype("str").to_numpy())
