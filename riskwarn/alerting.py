"""What the centre reads at seven: few alerts, under a capacity, adjacent grids in one, each with a plain next step."""

import hashlib
from collections.abc import Iterator

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError
from riskwarn.grid import neighbors
from riskwarn.level import level_of

ACKNOWLEDGE_HOURS = {"red": 2, "orange": 4, "yellow": 24, "blue": 168}
_MOST_GRIDS = 4


@checked
def raise_alerts(
    scores: pd.DataFrame,
    reasons: pd.DataFrame,
    gaps: pd.DataFrame,
    *,
    capacity: int = 50,
    grids: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The list for one night.

    Parameters
    ----------
    scores
        Table `scores` of one night.
    reasons, gaps
        Of the same night; they give each alert its suggested action and its open gaps.
    capacity
        Grids that can be attended to. The riskiest `capacity` grids that reach a level are listed, never more.
    grids
        Table `grids`; with it adjacent listed grids, up to four, become one alert led by the riskiest.

    Returns
    -------
    alerts
        Table `alerts` (:data:`riskwarn.schema.ALERTS`), by rank.

    Raises
    ------
    DataError
        `capacity` is below 1, the scores hold several nights, or a listed grid is not among `grids`.

    Examples
    --------
    >>> scores = pd.DataFrame({"grid_id": [f"G{i:03}" for i in range(200)], "as_of": pd.Timestamp("2025-01-06", tz="UTC"), "state": "ok",
    ...     "target": "dispute_28d", "probability": 0.5, "expected": [9.0] + [1.0] * 199, "rank": range(1, 201), "model_version": "m1"})
    >>> reasons = pd.DataFrame(columns=["grid_id", "target", "place", "code", "contribution"])
    >>> gaps = pd.DataFrame(columns=["kind", "scope", "suppressed_by"])
    >>> raise_alerts(scores, reasons, gaps, capacity=2)[["level", "grid_ids", "rank"]].to_numpy().tolist()
    [['red', 'G000', 1], ['blue', 'G001', 2]]
    """
    if capacity < 1:
        raise DataError(f"capacity must be at least 1, got {capacity}.")
    nights = scores["as_of"].unique()
    if len(nights) > 1:
        raise DataError(f"alerts are raised for one night; the scores hold {len(nights)}.")
    listed = _levelled(scores).sort_values("rank").head(capacity)
    alerts = [_alert(listed.loc[m[0]], listed.loc[m, "grid_id"].tolist()) for m in _groups(listed, grids)]
    columns = [
        "alert_id",
        "grid_ids",
        "level",
        "as_of",
        "state",
        "target",
        "probability",
        "rank",
        "action",
        "gap_kinds",
        "owner",
        "due_at",
        "model_version",
    ]
    frame = filled(pd.DataFrame(alerts, columns=columns), reasons, gaps)
    return frame.astype({"rank": "Int64", "probability": "float64"}).sort_values("rank", ignore_index=True)


def _levelled(scores: pd.DataFrame) -> pd.DataFrame:
    levelled = scores.assign(level=level_of(scores))
    return levelled[levelled["level"] != ""]


def _groups(listed: pd.DataFrame, grids: pd.DataFrame | None) -> Iterator[list[int]]:
    """Row labels of each alert: the riskiest grid left, and its listed neighbours."""
    if grids is None:
        yield from ([i] for i in listed.index)
        return
    place = grids.drop_duplicates("grid_id", keep="last").reset_index(drop=True)
    position = pd.Index(place["grid_id"]).get_indexer(listed["grid_id"])
    if (position < 0).any():
        unknown = listed.loc[position < 0, "grid_id"]
        raise DataError(f"{len(unknown)} scored grids are not among `grids`, first: {', '.join(unknown[:3])}.")
    links = neighbors(place)[position][:, position].toarray() > 0
    for members in groups(links, np.zeros(len(listed), dtype=bool)):
        yield [listed.index[m] for m in members]


@checked
def groups(links: np.ndarray, leading: np.ndarray) -> list[list[int]]:
    """Adjacent grids together: the first grid left and its neighbours that are left, up to four.

    Parameters
    ----------
    links
        (n, n) which grids touch, in their order.
    leading
        (n,) which were the lead of an alert before: they lead one again, and join no other.

    Returns
    -------
    groups
        Positions, the lead first; those that led before come first.

    Examples
    --------
    >>> row = np.eye(3, k=1, dtype=bool) | np.eye(3, k=-1, dtype=bool)
    >>> groups(row, np.zeros(3, dtype=bool)), groups(row, np.array([False, True, False]))
    ([[0, 1], [2]], [[1, 0, 2]])
    """
    left, grouped = np.ones(len(leading), dtype=bool), []
    for lead in np.argsort(~leading, kind="stable"):
        if left[lead]:
            left[lead] = False
            joining = np.flatnonzero(links[lead] & left & ~leading)[: _MOST_GRIDS - 1]
            left[joining] = False
            grouped.append([int(lead), *joining.tolist()])
    return grouped


@checked
def filled(alerts: pd.DataFrame, reasons: pd.DataFrame, gaps: pd.DataFrame) -> pd.DataFrame:
    """Alerts with their next step and the open gaps of their grids.

    Parameters
    ----------
    alerts
        Table `alerts` of one night.
    reasons, gaps
        Of the same night.

    Returns
    -------
    alerts
        With `action` and `gap_kinds`.
    """
    kinds, late = open_kinds(gaps), _late(reasons)
    grids = alerts["grid_ids"].astype("str").str.split()
    leads = zip(alerts["target"], grids.str[0], strict=True)
    return alerts.assign(
        action=["A3" if lead in late else "A1" for lead in leads],
        gap_kinds=[" ".join(sorted(set().union(*(kinds.get(g, set()) for g in ids)))) for ids in grids],
    )


@checked
def open_kinds(gaps: pd.DataFrame) -> dict[str, set[str]]:
    """Kinds of the open gaps of each grid.

    Parameters
    ----------
    gaps
        Table `gaps`; those an outage explains are passed over.

    Returns
    -------
    kinds
        By grid.
    """
    kinds: dict[str, set[str]] = {}
    for scope, kind in gaps.loc[gaps["suppressed_by"].isna(), ["scope", "kind"]].itertuples(index=False):
        kinds.setdefault(str(scope).removeprefix("grid:").split("/")[0], set()).add(str(kind))
    return kinds


def _late(reasons: pd.DataFrame) -> set[tuple[str, str]]:
    """Targets and grids whose first raising reason is open or overdue cases: joint handling is their next step, else a visit."""
    raising = reasons[reasons["contribution"] > 0].sort_values("place").drop_duplicates(["target", "grid_id"])
    first = raising[raising["code"] == "RC03"]
    return set(zip(first["target"].astype("str"), first["grid_id"].astype("str"), strict=True))


def _alert(lead: pd.Series, grid_ids: list[str]) -> dict[str, object]:
    return {
        "alert_id": hashlib.sha256(
            f"{lead['as_of'].isoformat()}|{lead['target']}|{lead['grid_id']}".encode()
        ).hexdigest()[:16],
        "grid_ids": " ".join(grid_ids),
        "level": lead["level"],
        "as_of": lead["as_of"],
        "state": "published",
        "target": lead["target"],
        "probability": lead["probability"],
        "rank": lead["rank"],
        "action": "A1",
        "gap_kinds": "",
        "owner": None,
        "due_at": lead["as_of"] + pd.Timedelta(hours=8 + ACKNOWLEDGE_HOURS[lead["level"]]),
        "model_version": lead["model_version"],
    }
