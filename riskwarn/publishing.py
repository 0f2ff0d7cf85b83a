"""A night is looked at before it is published: one that cannot be right is set aside, with its reasons, and the last one holds.

What is looked at follows the publish protocol of batch scoring (validate, then move one pointer): rows against grids, keys, finite
numbers and their ranges, ranks that are a permutation. How much of the list and of the level changed since the night before may be right:
it is measured here, and holds a night where the plan says so (:mod:`riskwarn.holds`).
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError, RiskwarnError, UnsoundError
from riskwarn.schema import conform
from riskwarn.store import Store

_NUMBERS = ("probability", "expected", "lower", "upper", "p_in_top")
_DAYS_BACK = 7


@checked
def faults_of(tables: Mapping[str, pd.DataFrame], *, as_of: pd.Timestamp, grids: Collection[str]) -> list[str]:
    """What cannot be right in the tables of a night, a sentence each.

    Parameters
    ----------
    tables
        Tables of the night by name; `scores` among them.
    as_of
        The night.
    grids
        Ids of the grids there are that night; each has one score of each target.

    Returns
    -------
    faults
        Nothing where the night is sound.

    Examples
    --------
    >>> at = pd.Timestamp("2025-03-03", tz="Asia/Shanghai")
    >>> scores = pd.DataFrame({"grid_id": ["A", "B"], "as_of": at, "target": "t", "probability": [0.5, 1.5], "expected": [1.0, 2.0],
    ...                        "rank": [1, 1], "state": "ok", "model_version": "m"})
    >>> for fault in faults_of({"scores": scores}, as_of=at, grids=["A", "B", "C"]):
    ...     print(fault)
    scores: table 'scores': probability: wanted at most 1 (1 of 2 rows, first at row 1).
    scores of t: 1 of 3 grids have none, first C.
    scores of t: ranks are not 1 to 2, each once.
    """
    none = [f"scores: not one of {len(grids):,} grids has any."] if tables["scores"].empty and grids else []
    return [
        *none,
        *_broken(tables, as_of),
        *(
            fault
            for target, scores in tables["scores"].groupby("target")
            for fault in _of_target(str(target), scores, grids)
        ),
        *_strangers(tables, grids),
    ]


def _broken(tables: Mapping[str, pd.DataFrame], as_of: pd.Timestamp) -> Iterator[str]:
    """Tables that break their contract, keys and ranges among it, or speak of another night."""
    for name, frame in tables.items():
        try:
            table = conform(name, frame)
        except DataError as error:
            yield f"{name}: {error}"
            continue
        if "as_of" in table and (n_other := int((table["as_of"] != as_of).sum())):
            yield f"{name}: {n_other:,} of {len(table):,} rows are of another night than {as_of}."


def _of_target(target: str, scores: pd.DataFrame, grids: Collection[str]) -> Iterator[str]:
    """Rows against grids, numbers and ranks of one target."""
    ids = scores["grid_id"].astype("str")
    missing, strange = sorted({*grids} - {*ids}), sorted({*ids} - {*grids})
    if missing:
        yield f"scores of {target}: {len(missing):,} of {len(grids):,} grids have none, first {missing[0]}."
    if strange:
        yield f"scores of {target}: {len(strange):,} grids are not among the {len(grids):,} there are, first {strange[0]}."
    if n_twice := int(ids.duplicated().sum()):
        yield f"scores of {target}: {n_twice:,} grids have more than one."
    scored = scores[scores["state"] == "ok"]
    for column in (c for c in _NUMBERS if c in scores):
        n_infinite = int((~np.isfinite(scored[column].to_numpy(dtype=float, na_value=np.nan))).sum())
        if n_infinite:
            yield f"scores of {target}: {n_infinite:,} of {len(scored):,} have no finite {column}."
    if sorted(scored["rank"].dropna()) != [*range(1, len(scored) + 1)]:
        yield f"scores of {target}: ranks are not 1 to {len(scored):,}, each once."
    if {"lower", "upper"} <= {*scores} and (n_crossed := int((scored["lower"] > scored["upper"]).sum())):
        yield f"scores of {target}: {n_crossed:,} intervals end below their beginning."


def _strangers(tables: Mapping[str, pd.DataFrame], grids: Collection[str]) -> Iterator[str]:
    """Reasons and alerts of grids that there are not."""
    for name, column in (("reasons", "grid_id"), ("alerts", "grid_ids")):
        if name in tables and (strange := sorted({*" ".join(tables[name][column].astype("str")).split()} - {*grids})):
            yield f"{name}: {len(strange):,} grids are not among the {len(grids):,} there are, first {strange[0]}."


@checked
def changes_since(
    store: Store, as_of: pd.Timestamp, scores: pd.DataFrame, capacity: int
) -> dict[str, dict[str, float]]:
    """How much each target changed since the last sound night of the week before.

    Parameters
    ----------
    store
        The city.
    as_of
        The night.
    scores
        Its table.
    capacity
        Grids of the list.

    Returns
    -------
    changes
        As :func:`changes` gives them; nothing where there is no such night.
    """
    before = _scores_before(store, as_of)
    return {} if before is None else changes(scores, before, capacity)


@checked
def changes(scores: pd.DataFrame, before: pd.DataFrame, capacity: int) -> dict[str, dict[str, float]]:
    """How much each target changed since the night before, where its model is the same.

    Parameters
    ----------
    scores, before
        Tables `scores` of two nights.
    capacity
        Grids of the list; half the grids at most, for a list of all cannot change.

    Returns
    -------
    changes
        By target `replaced`, the share of the list that is new, in [0, 1], and `level`, the mean expected as a multiple of the one before.
    """
    changed = {}
    earlier = dict(list(before.groupby("target")))
    for target, tonight in scores.groupby("target"):
        last = earlier.get(target)
        if last is None or {*last["model_version"]} != {*tonight["model_version"]}:
            continue
        n = max(min(capacity, len(tonight) // 2), 1)
        lists = [{*table.loc[table["rank"] <= n, "grid_id"].astype("str")} for table in (tonight, last)]
        means = [float(table["expected"].mean()) for table in (tonight, last)]
        if lists[1] and means[1] > 0:
            changed[str(target)] = {"replaced": 1 - len(lists[0] & lists[1]) / n, "level": means[0] / means[1]}
    return changed


@checked
def publish_night(
    store: Store,
    as_of: pd.Timestamp,
    tables: Mapping[str, pd.DataFrame],
    *,
    run: str,
    facts: Mapping[str, Any],
    grids: Collection[str],
    force: str = "",
    held: Collection[str] = (),
) -> Path:
    """Publish a night that is sound; set one aside that cannot be right.

    Parameters
    ----------
    store, as_of, tables, run, facts
        As for :meth:`riskwarn.Store.publish`.
    grids
        Ids of the grids there are that night.
    force
        Why a night with faults is to be published all the same; kept in its facts and in the log of operations.
    held
        What else holds it, a sentence each (:mod:`riskwarn.holds`).

    Returns
    -------
    folder
        Of the run.

    Raises
    ------
    UnsoundError
        It cannot be right; nothing is published, and the message says why and where the run lies.
    """
    faults = [*faults_of(tables, as_of=as_of, grids=grids), *held]
    if not faults:
        return store.publish(as_of, tables, run=run, facts=facts)
    if force.strip():
        folder = store.publish(
            as_of, tables, run=run, facts={**facts, "forced": {"why": force.strip(), "faults": faults}}
        )
        store.note("force", as_of=as_of.isoformat(), run=run, why=force.strip(), faults=faults)
        return folder
    folder = store.set_aside(as_of, tables, run=run, facts={**facts, "faults": faults})
    more = f" And {len(faults) - 3} more." if len(faults) > 3 else ""
    raise UnsoundError(
        f"{as_of.date()} is not published: {' '.join(faults[:3])}{more} The run is set aside in {folder}; the night published before holds. "
        "If it is right all the same: `riskwarn nightly --force REASON`."
    )


def _scores_before(store: Store, as_of: pd.Timestamp) -> pd.DataFrame | None:
    """Scores of the last sound night of the week before that are of its own day; none where there is no such night."""
    for at in reversed(store.nights()):
        if as_of - pd.Timedelta(days=_DAYS_BACK) <= at < as_of:
            night = store.night(at)
            try:
                night.check()
                scores = night.table("scores")
                if not (scores["state"] == "stale").any():
                    return scores
            except RiskwarnError:
                continue
    return None
