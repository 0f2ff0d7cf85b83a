"""An alert lasts: the same place and lane tomorrow is the same alert with a new reading.

Its state is read from the alerts of the nights before and from nothing else, so a night made again is equal. A level is the gravest of
the last nights, so it rises at once and falls only after so many nights below.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.plan import LEVELS, Stay
from riskwarn.store import LEAST_KEPT

_GRAVITY: dict[str, int] = {"": 0, **{level: len(LEVELS) - i for i, level in enumerate(LEVELS)}}
_LEVEL = {gravity: level for level, gravity in _GRAVITY.items()}
KEPT_NIGHTS = 28
"""Nights looked back, at most."""
_REMEMBERED = {
    "lane": "str",
    "grid_id": "str",
    "night": "int64",
    "level": "str",
    "level_tonight": "str",
    "since": "datetime64[us, UTC]",
    "reading": "float64",
}
CANDIDATE = ("grid_id", "level", "level_tonight", "reading", "trend", "since", "lasting")


@checked
def alert_id(lane: str, grid_id: str) -> str:
    """Name of an alert: sixteen hexadecimal digits of its lane and the grid that leads it, whatever the night.

    Parameters
    ----------
    lane, grid_id
        Where it is listed, and of which place it speaks.

    Returns
    -------
    alert_id
        The same on every night.

    Examples
    --------
    >>> alert_id("rising", "G01") == alert_id("rising", "G01") != alert_id("first", "G01")
    True
    """
    return hashlib.sha256(f"{lane}|{grid_id}".encode()).hexdigest()[:16]


@checked
def gravity(levels: pd.Series) -> pd.Series:
    """Levels as numbers: 4 red, 3 orange, 2 yellow, 1 blue, 0 none.

    Parameters
    ----------
    levels
        Text.

    Returns
    -------
    gravity
        On the same index.
    """
    return levels.fillna("").astype("str").map(_GRAVITY).astype(int)


@dataclass(frozen=True, eq=False)
class Memory:
    """What the nights before listed.

    Parameters
    ----------
    rows
        Alerts of earlier nights with `lane`, `grid_id` (their lead), `night` (1 is the last one) and the columns of table `alerts`.
    """

    rows: pd.DataFrame

    @classmethod
    @checked
    def of(cls, lists: Mapping[pd.Timestamp, pd.DataFrame], as_of: pd.Timestamp) -> "Memory":
        """The memory that the lists of earlier nights are.

        Parameters
        ----------
        lists
            Table `alerts` of each night at hand. A night that listed nothing has a table without rows: on it, what was listed before was not.
            A night that made no list, as a degraded one, and alerts of no lane, of an older version, are passed over: what stood before
            them still stands after them.
        as_of
            Tonight.

        Returns
        -------
        memory
            Of the last :data:`KEPT_NIGHTS` nights, none of them so old that pruning may have taken it away.
        """
        oldest = as_of - pd.Timedelta(days=LEAST_KEPT - 1)
        told = [at for at in sorted(lists, reverse=True) if oldest <= at < as_of and "lane" in lists[at]]
        tables = [lists[at].assign(night=n) for n, at in enumerate(told[:KEPT_NIGHTS], start=1)]
        listed = [table[table["lane"].fillna("") != ""] for table in tables]
        if not any(map(len, listed)):
            return cls(pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _REMEMBERED.items()}))
        rows = pd.concat([table for table in listed if len(table)], ignore_index=True)
        return cls(rows.assign(grid_id=rows["grid_ids"].astype("str").str.split().str[0]))

    @checked
    def of_lane(self, lane: str) -> pd.DataFrame:
        """Its rows of one lane.

        Parameters
        ----------
        lane
            Name.

        Returns
        -------
        rows
            Newest night first.
        """
        return self.rows[self.rows["lane"] == lane].sort_values(["night", "grid_id"])


@checked
def candidates(lane: pd.DataFrame, memory: pd.DataFrame, stay: Stay, as_of: pd.Timestamp) -> pd.DataFrame:
    """The places that may be listed in a lane tonight, in the order in which they take their places.

    Those that were listed and have not fallen for long enough, and those that reach the level of entry. First come graver levels;
    within a level the larger reading, that of a place already listed counting for ``1 + stay.change`` times as much.

    Parameters
    ----------
    lane
        `grid_id`, `reading`, `level` and `state` of the grids tonight.
    memory
        Rows of the lane (:meth:`Memory.of_lane`).
    stay
        When one enters and leaves.
    as_of
        The night.

    Returns
    -------
    candidates
        `grid_id`, `level` (the gravest of the last ``stay.nights`` nights), `level_tonight`, `reading`, `trend` (``new``, ``worse``, ``same``, ``better``), `since`
        and `lasting`, whether it was listed the night before.
    """
    tonight = lane.assign(now=gravity(lane["level"]))
    before = memory[memory["night"] == 1].drop_duplicates("grid_id").set_index("grid_id")
    new = tonight[~tonight["grid_id"].isin(before.index) & (tonight["now"] >= _GRAVITY[stay.enter])]
    entering = new[~_cooling(new, memory, stay)]
    listed = _entered(entering, as_of)
    if len(before):
        listed = pd.concat([listed, _staying(tonight.set_index("grid_id"), before, memory, stay)], ignore_index=True)
    weight = listed["reading"].fillna(0.0) * np.where(listed["lasting"], 1 + stay.change, 1.0)
    keys = listed.assign(weight=weight, grave=gravity(listed["level"]))
    order = keys.sort_values(["grave", "weight", "grid_id"], ascending=[False, False, True]).index
    return listed.loc[order, list(CANDIDATE)].reset_index(drop=True)


def _entered(rows: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    entry = {"level_tonight": rows["level"].to_numpy(), "trend": "new", "since": as_of, "lasting": False}
    return rows[["grid_id", "level", "reading"]].assign(**entry)


def _staying(tonight: pd.DataFrame, before: pd.DataFrame, memory: pd.DataFrame, stay: Stay) -> pd.DataFrame:
    """Those listed the night before that have not fallen below the level of leaving for long enough."""
    here = tonight.reindex(before.index)
    # what cannot be told tonight is not calm: the level of the night before stands in, for as many nights as a fall takes
    blind = (here["state"].isna() | (here["state"] == "insufficient_data")) & ~_blind_for_long(
        before.index, memory, stay
    )
    raw = here["now"].fillna(0).astype(int).where(~blind, gravity(before["level_tonight"]))
    level = np.maximum(raw, _gravest(memory, stay.nights - 1).reindex(before.index).fillna(0).astype(int))
    n_nights = _nights_since(before, memory) + 1
    stays = (level >= _GRAVITY[stay.leave]) | (n_nights <= stay.dwell)
    level = np.maximum(level, 1)
    rows = pd.DataFrame(
        {
            "grid_id": before.index.astype("str"),
            "level": level.map(_LEVEL).to_numpy(),
            "level_tonight": raw.map(_LEVEL).to_numpy(),
            "reading": here["reading"].astype(float).to_numpy(),
            "trend": _trend(level, gravity(before["level"]), here["reading"], before["reading"], stay.change),
            "since": before["since"].to_numpy(),
            "lasting": True,
        }
    )
    return rows[stays.to_numpy()]


def _gravest(memory: pd.DataFrame, nights: int) -> pd.Series:
    """Gravest level of the last `nights` nights of the unbroken time on the list, by grid."""
    recent = memory[memory["night"] <= nights]
    spell = recent.groupby("grid_id")["since"].transform("max")
    unbroken = recent[recent["since"] == spell]
    return gravity(unbroken["level_tonight"]).groupby(unbroken["grid_id"]).max()


def _nights_since(before: pd.DataFrame, memory: pd.DataFrame) -> pd.Series:
    """Nights each was listed without a break."""
    since = memory["grid_id"].map(before["since"])
    counted = memory[memory["since"] == since].groupby("grid_id").size()
    return counted.reindex(before.index).fillna(1).astype(int)


def _blind_for_long(grids: pd.Index, memory: pd.DataFrame, stay: Stay) -> pd.Series:
    """Whether nothing could be read of a place on each of the last nights that a fall takes."""
    recent = memory[memory["night"] <= stay.nights]
    read = recent["reading"].notna().groupby(recent["grid_id"]).any()
    n = recent.groupby("grid_id").size()
    return (~read & (n >= stay.nights)).reindex(grids).fillna(value=False).astype(bool)


def _cooling(new: pd.DataFrame, memory: pd.DataFrame, stay: Stay) -> np.ndarray:
    """(n,) whether a place left the lane of late because it had fallen, and is not graver than it was when last listed."""
    last = memory[(memory["night"] > 1) & (memory["night"] <= stay.cool_down + 1)].drop_duplicates("grid_id")
    last = last.set_index("grid_id")
    fell = (gravity(last["level_tonight"]) < _GRAVITY[stay.leave]) | (stay.nights == 1)
    bar = gravity(last["level"]).where(fell, -1).reindex(new["grid_id"]).fillna(-1).to_numpy()
    return np.asarray(new["now"].to_numpy() <= bar)


def _trend(
    level: pd.Series, level_before: pd.Series, reading: pd.Series, reading_before: pd.Series, change: float
) -> np.ndarray:
    """(n,) ``worse``, ``same`` or ``better`` than the night before: by level, then by a reading that moved by more than `change`."""
    now, then = reading.to_numpy(dtype=float), reading_before.to_numpy(dtype=float)
    with np.errstate(invalid="ignore"):
        up = (level > level_before).to_numpy() | (now > then * (1 + change))
        down = (level < level_before).to_numpy() | (now < then / (1 + change))
    return np.select(
        [(level > level_before).to_numpy(), (level < level_before).to_numpy(), up, down],
        ["worse", "better", "worse", "better"],
        "same",
    )
