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
    >>> reasons = pd.DataFrame(columns=["grid_id", "place", "code", "contribution"])
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
    alerts = [_alert(listed.loc[members], reasons, gaps) for members in _groups(listed, grids)]
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
    frame = pd.DataFrame(alerts, columns=columns)
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
    left = np.ones(len(listed), dtype=bool)
    for lead in range(len(listed)):
        if left[lead]:
            members = [lead, *np.flatnonzero(links[lead] & left & (np.arange(len(listed)) > lead))[: _MOST_GRIDS - 1]]
            left[members] = False
            yield [listed.index[m] for m in members]


def _alert(members: pd.DataFrame, reasons: pd.DataFrame, gaps: pd.DataFrame) -> dict[str, object]:
    lead = members.iloc[0]
    grid_ids = members["grid_id"].tolist()
    open_gaps = gaps[gaps["suppressed_by"].isna()] if len(gaps) else gaps
    scope = (
        open_gaps["scope"].str.removeprefix("grid:").str.split("/").str[0] if len(open_gaps) else pd.Series(dtype="str")
    )
    kinds = sorted(set(open_gaps.loc[scope.isin(grid_ids).to_numpy(), "kind"])) if len(open_gaps) else []
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
        "action": _action(lead, reasons),
        "gap_kinds": " ".join(kinds),
        "owner": None,
        "due_at": lead["as_of"] + pd.Timedelta(hours=8 + ACKNOWLEDGE_HOURS[lead["level"]]),
        "model_version": lead["model_version"],
    }


def _action(lead: pd.Series, reasons: pd.DataFrame) -> str:
    """Joint handling where open or overdue cases are the first reason, else a visit."""
    own = reasons[(reasons["grid_id"] == lead["grid_id"]) & (reasons["contribution"] > 0)].sort_values("place")
    return "A3" if len(own) and own["code"].iloc[0] == "RC03" else "A1"
