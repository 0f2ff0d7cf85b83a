"""Did handling help? Events before and after in the places that were handled, against places like them, and around both.

::

    WDD = (T1 - T0) - (C1 - C0) + (D1 - D0) - (F1 - F0)

T are the handled grids, C grids matched to them by their counts before, D the neighbours of the handled, F the neighbours of the
matched; 0 before, 1 after. Below zero is fewer events; what merely moved next door counts against it [1]_ [2]_.

.. [1] Wheeler & Ratcliffe (2018), Crime Science 7:11: the weighted displacement difference and its variance.
.. [2] Bowers & Johnson (2003), Journal of Quantitative Criminology 19, 275-301: the weighted displacement quotient it comes from.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError
from riskwarn.grid import neighbors
from riskwarn.history import History
from riskwarn.label import Label
from riskwarn.ledger.ledger import Ledger
from riskwarn.ledger.outcomes import outcomes
from riskwarn.ledger.response import Period
from riskwarn.metrics import weighted_displacement
from riskwarn.metrics.array import NORMAL_95
from riskwarn.panel import panel_of
from riskwarn.store import Store
from riskwarn.store.parquet import write_bytes

_FOLDER = "effects"
_ARMS = ("treated", "matched", "near_treated", "near_matched")


@dataclass(frozen=True)
class Effect:
    """What handling did.

    Attributes
    ----------
    estimate, lower, upper
        Weighted displacement difference, events over all handled places, and its 95 % interval.
    per_place
        The estimate for one handled place.
    quotient
        Weighted displacement quotient: above 0 the gain spread to the neighbours, below -1 more moved there than was gained. NaN where
        nothing was gained or a count is 0.
    dispersion
        By how much the matched places, and their neighbours, vary more than chance would; the interval is wider accordingly.
    n_places
        Handled places that could be compared.
    counts
        Events by arm, before and after.
    """

    estimate: float
    lower: float
    upper: float
    per_place: float
    quotient: float
    dispersion: tuple[float, float]
    n_places: int
    counts: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Kept:
    """An effect that was worked out for a period, and kept beside the ledger.

    Attributes
    ----------
    period
        Name of the period.
    days
        Length of the windows before and after.
    n_places, estimate, lower, upper
        As of :class:`Effect`; with no place the others are 0.
    """

    period: str
    days: float
    n_places: int
    estimate: float = 0.0
    lower: float = 0.0
    upper: float = 0.0


@checked
def keep_effect(store: Store, period: Period, label: Label, found: Effect | None) -> Kept:
    """Keep an effect where the summary of its period finds it.

    Parameters
    ----------
    store
        The city.
    period
        Of which.
    label
        What was counted.
    found
        None where no place could be compared.

    Returns
    -------
    kept
        As it was written.
    """
    figures = {} if found is None else {name: getattr(found, name) for name in ("estimate", "lower", "upper")}
    kept = Kept(period.name, float(label.days), 0 if found is None else found.n_places, **figures)
    folder = store.path / _FOLDER
    folder.mkdir(exist_ok=True)
    write_bytes(folder / f"{period.name}.json", json.dumps(asdict(kept)).encode())
    return kept


@checked
def kept_effect(store: Store, period: Period) -> Kept | None:
    """The effect that was kept for a period.

    Parameters
    ----------
    store
        The city.
    period
        Of which.

    Returns
    -------
    kept
        None where it was not worked out.
    """
    file = store.path / _FOLDER / f"{period.name}.json"
    return Kept(**json.loads(file.read_text("utf-8"))) if file.is_file() else None


@checked
def displacement(before: pd.DataFrame, after: pd.DataFrame) -> Effect:
    """The weighted displacement difference of places compared in pairs.

    The variance of a sum of Poisson counts is the sum of the counts. Where the matched places, which nobody handled, changed more than
    that, it is multiplied by the sum of their ``(after - before)^2`` over the sum of their ``after + before``, at least 1; the neighbours
    likewise by that of the neighbours of the matched, for larger counts vary more.

    Parameters
    ----------
    before, after
        Events of each handled place before and after: one row a place, columns ``treated``, ``matched``, ``near_treated`` and
        ``near_matched``.

    Returns
    -------
    effect
        Below zero where handling helped.

    Raises
    ------
    DataError
        No place, or a column is missing.

    Examples
    --------
    >>> before = pd.DataFrame({"treated": [9.0], "matched": [9.0], "near_treated": [20.0], "near_matched": [20.0]})
    >>> after = before.assign(treated=4.0, near_treated=21.0)
    >>> found = displacement(before, after)
    >>> found.estimate, round(found.lower, 1), round(found.quotient, 2)
    (-4.0, -24.7, -0.2)
    """
    if lacking := [a for a in _ARMS if a not in before or a not in after]:
        raise DataError(f"the counts lack {', '.join(lacking)}.")
    if len(before) == 0 or len(before) != len(after):
        raise DataError("no handled place can be compared: none has settled counts before and after, and a match.")
    counts = {a: (float(before[a].sum()), float(after[a].sum())) for a in _ARMS}
    treated, matched, near_treated, near_matched = counts.values()
    estimate = weighted_displacement(
        treated, matched, treated_around=near_treated, control_around=near_matched
    ).estimate
    here, around = (_dispersion(before[a].to_numpy(), after[a].to_numpy()) for a in ("matched", "near_matched"))
    variances = [spread * sum(counts[a]) for a, spread in zip(_ARMS, (here, here, around, around), strict=True)]
    half = NORMAL_95 * float(np.sqrt(sum(variances)))
    return Effect(
        estimate,
        estimate - half,
        estimate + half,
        estimate / len(before),
        _quotient(counts),
        (here, around),
        len(before),
        counts,
    )


def _dispersion(before: np.ndarray, after: np.ndarray) -> float:
    total = float((before + after).sum())
    return max(1.0, float(((after - before) ** 2).sum()) / total) if total else 1.0


def _quotient(counts: Mapping[str, tuple[float, float]]) -> float:
    """(D1 / C1 - D0 / C0) / (T1 / C1 - T0 / C0)."""
    (t0, t1), (c0, c1), (d0, d1) = (counts[a] for a in _ARMS[:3])
    gained = t1 / c1 - t0 / c0 if c0 and c1 else 0.0
    return float((d1 / c1 - d0 / c0) / gained) if gained else np.nan


@checked
def effect(ledger: Ledger, history: History, label: Label, *, period: Period | None = None) -> Effect:
    """The effect of handling confirmed alerts: events of a label in as many days before and after the result was reported.

    Each handled grid is matched with the grid most like it in its counts of the last window and the one before, which was not handled
    and is no neighbour of one that was: alerts are raised where counts are high, and high counts fall by themselves.

    Parameters
    ----------
    ledger
        Of the store.
    history
        Of the same store.
    label
        Which events, and over how many days; a count.
    period
        Only alerts first listed within it; all by default.

    Returns
    -------
    effect
        Places whose window after is not settled yet are left out.

    Raises
    ------
    DataError
        The label is no count, or no place can be compared.
    """
    if not label.is_count:
        raise DataError(f"the effect is measured in events; {label.name} is no count.")
    answered = outcomes(ledger)
    handled = answered[answered["counts"] == "confirmed"]
    if period is not None:
        handled = handled[(handled["as_of"] >= period.since) & (handled["as_of"] < period.until)]
    days = pd.Timedelta(days=label.days)
    at = handled["at"].dt.normalize() + pd.Timedelta(days=1)
    dates = sorted({t + k * days for t in at for k in (-2, -1, 0)})
    if not dates:
        raise DataError("no alert is confirmed yet; there is no effect to measure.")
    panel = panel_of(history, [], dates, label=label)
    counts = panel.assign(grid_id=panel["grid_id"].astype("str")).pivot_table(
        index="grid_id", columns="as_of", values="y"
    )
    beside = _beside(history)
    pairs = [
        _pair(counts, beside, place, t, days, set(handled["grid_id"]))
        for place, t in zip(handled["grid_id"], at, strict=True)
    ]
    matched = [pair for pair in pairs if pair is not None]
    rows = [pd.DataFrame([pair[k] for pair in matched], columns=list(_ARMS)) for k in (0, 1)]
    return displacement(*rows)


def _beside(history: History) -> dict[str, list[str]]:
    """The neighbours of each grid, by name."""
    places = history.grids.drop_duplicates("grid_id", keep="last").reset_index(drop=True)
    named, links = places["grid_id"].astype("str").to_numpy(), neighbors(places).tocsr()
    return {g: named[links.indices[links.indptr[i] : links.indptr[i + 1]]].tolist() for i, g in enumerate(named)}


def _pair(
    counts: pd.DataFrame,
    beside: Mapping[str, list[str]],
    place: str,
    at: pd.Timestamp,
    days: pd.Timedelta,
    handled: set[str],
) -> tuple[list[float], list[float]] | None:
    """Counts of a place, its match and their neighbours, before and after; none where they are not settled or nothing matches."""
    windows = [at - 2 * days, at - days, at]
    y = counts[windows].dropna() if all(w in counts for w in windows) else counts.iloc[:0]
    around = handled.union(*(beside.get(g, []) for g in handled))
    free = [g for g in y.index if g not in around]
    if place not in y.index or not free:
        return None
    # roots of counts have about the same variance whatever their mean
    like = np.sqrt(y.iloc[:, :2])
    match = str(((like.loc[free] - like.loc[place]) ** 2).sum(axis=1).idxmin())
    near = [[n for n in beside.get(g, []) if n in y.index and n not in handled and n != match] for g in (place, match)]
    arms = [[place], [match], *near]
    before, after = ([float(y.loc[arm, w].sum()) for arm in arms] for w in windows[1:])
    return before, after
