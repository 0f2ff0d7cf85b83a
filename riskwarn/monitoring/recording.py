"""Recording: records that moved to other grids, categories that changed their code, and more reporting without more incidents.

The laws are those of :mod:`riskwarn.recording`. There is a mark where a change was found, none where there was none. What moved is an alarm as long
as it lasts, up to a year, or until the crosswalk says where the grid went; all else is a warning.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.clock import days_before
from riskwarn.errors import MissingExtraError
from riskwarn.history import DAY_US, Facts, History
from riskwarn.monitoring.mark import A_MONTH, A_YEAR, marks
from riskwarn.monitoring.volume import COUNTY, counties_of
from riskwarn.recording import BLOCK_DAYS, campaign, fault_of, moved, recoded

_WEEKS, _BLOCKS = 104, 26
_SERIOUS, _WITNESS, _MOST = 2, 10, 300.0
"""Severity from which a record is serious, records in four weeks from which a witness says something, and the largest value."""
_Row = dict[str, Any]


def recording_marks(history: History, at: int) -> pd.DataFrame:
    """What of the feeds is recorded otherwise than before the night `at` (µs).

    Returns
    -------
    marks
        Scopes are ``feed:SOURCE@grid:FROM>TO`` (`observed` the share that went there, `expected` records in 28 days before, `days` since),
        ``feed:SOURCE@grid:GRID``, ``feed:SOURCE/county:C@CATEGORY>CATEGORY`` and ``feed:SOURCE/county:C@reporting``; without a county, the whole city.
    """
    fresh = history.first_told(at)
    rows = fresh[np.flatnonzero(fresh.start >= at - (_WEEKS * 7 + 2) * DAY_US)]
    ago = days_before(rows.start, at, history.timezone)
    sources = np.unique(rows.source)
    found: list[_Row] = []
    for source in sources:
        mine = np.flatnonzero(rows.source == source)
        found += _of_grids(history, rows[mine], ago[mine], f"feed:{history.words['source'][source]}")
    found += _of_counties(history, rows, ago)
    table = pd.DataFrame(found, columns=["scope", "fault", "observed", "expected", "days", "value"])
    columns = {name: table[name].to_numpy() for name in table}
    return marks("recording", warn=A_MONTH, alarm=A_YEAR, **columns)


def _of_grids(history: History, rows: Facts, ago: np.ndarray, feed: str) -> Iterator[_Row]:
    """Grids of one feed that moved into others, or turned."""
    week = ago // 7
    placed = (rows.grid >= 0) & (week < _WEEKS)
    grids, number = np.unique(rows.grid[placed], return_inverse=True)
    n_weeks = int(min((int(ago.max()) + 1) // 7, _WEEKS)) if len(ago) else 0
    if not n_weeks or not len(grids):
        return
    within = week[placed] < n_weeks
    cell = number[within] * n_weeks + n_weeks - 1 - week[placed][within]
    counts = np.bincount(cell, weights=rows.weight[placed][within], minlength=len(grids) * n_weeks)
    ids = history.grid_ids[grids]

    def beside(area: int) -> np.ndarray:
        with suppress(MissingExtraError, ModuleNotFoundError):  # a host without shapes knows no neighbours
            return np.flatnonzero(np.isin(grids, history.neighbors()[[grids[area]]].indices))
        return np.zeros(0, dtype=np.int64)

    for one in moved(counts.reshape(len(grids), n_weeks), beside=beside):
        value = float(np.clip(-np.log10(max(one.p, 1e-300)), A_MONTH, _MOST))
        if not one.heirs:
            fault = fault_of(one)
            yield _row(
                f"{feed}@grid:{ids[one.area]}", fault, one.observed, one.expected, 7 * one.weeks, min(value, A_YEAR)
            )
        usual = one.expected / one.weeks * BLOCK_DAYS / 7
        for heir, share in zip(one.heirs, one.shares, strict=True):
            yield _row(f"{feed}@grid:{ids[one.area]}>{ids[heir]}", "moved", share, usual, 7 * one.weeks, value)


def _of_counties(history: History, rows: Facts, ago: np.ndarray) -> Iterator[_Row]:
    """Categories recoded and campaigns, of the city and of each county; what the city tells is not told of its counties again, but of the few that have a campaign."""
    county, names = counties_of(history)
    block = _BLOCKS - 1 - ago // BLOCK_DAYS
    kept = np.flatnonzero(block >= 0)
    parts = rows[kept]
    area = np.where(parts.grid >= 0, county[parts.grid], -1)
    areas = [("", np.ones(len(kept), dtype=bool)), *((f"/{COUNTY}{n}", area == k) for k, n in enumerate(names))]
    whole, *apart = [
        (place, [*_of_area(history, parts[np.flatnonzero(here)], block[kept][here], place)])
        for place, here in (areas if len(names) > 1 else areas[:1])
    ]
    yield from whole[1]
    changes = [(found["scope"].replace(place, ""), found) for place, rows_of in apart for found in rows_of]
    often = Counter(change for change, _ in changes)
    told = {found["scope"] for found in whole[1]}
    for change, found in changes:
        few = change.endswith("@reporting") and often[change] <= len(names) / 2
        if change not in told or few:
            yield found


def _of_area(history: History, rows: Facts, block: np.ndarray, place: str) -> Iterator[_Row]:
    total = {int(s): _blocks(block, rows.weight, rows.source == s) for s in np.unique(rows.source)}
    for source, brought in total.items():
        feed = f"feed:{history.words['source'][source]}{place}"
        mine = rows.source == source
        kinds, kind = np.unique(rows.category[mine], return_inverse=True)
        cell = kind * _BLOCKS + block[mine]
        table = np.bincount(cell, weights=rows.weight[mine], minlength=len(kinds) * _BLOCKS).reshape(-1, _BLOCKS)
        for change in recoded(table):
            gone, came = (history.words["category"][kinds[k]] for k in (change.gone, change.came))
            value = min(-np.log10(max(change.p, 1e-300)), A_YEAR)
            yield _row(f"{feed}@{gone}>{came}", "recoded", change.observed, change.expected, BLOCK_DAYS, value)
        witnesses = _witnesses(history, rows, block, mine, total, source)
        raised = campaign(brought, list(witnesses.values()))
        if raised is not None:
            fault = f"campaign_{[*witnesses][raised.came]}"
            yield _row(f"{feed}@reporting", fault, raised.observed, raised.expected, BLOCK_DAYS, A_YEAR)


def _witnesses(
    history: History, rows: Facts, block: np.ndarray, mine: np.ndarray, total: dict[int, np.ndarray], source: int
) -> dict[str, np.ndarray]:
    """What would rise with the incidents: serious records of the feed, what citizens report where others do too; without either, the other feeds."""
    proactive = np.isin(rows.origin, np.flatnonzero(history.words["origin"] == "proactive"))
    seen = {"serious": _blocks(block, rows.weight, mine & (rows.severity >= _SERIOUS))}
    if (mine & proactive).any():
        seen["citizen"] = _blocks(block, rows.weight, mine & ~proactive)
    seen = {
        name: brought for name, brought in seen.items() if brought[:-1].sum() >= _WITNESS * (brought[:-1] > 0).sum() > 0
    }
    others = [brought for other, brought in total.items() if other != source]
    return seen or ({"others": np.sum(others, axis=0)} if others else {})


def _blocks(block: np.ndarray, weight: np.ndarray, where: np.ndarray) -> np.ndarray:
    """(blocks,) records in blocks of four weeks, oldest first."""
    return np.bincount(block[where], weights=weight[where], minlength=_BLOCKS).astype(float)


def _row(scope: str, fault: str, observed: float, expected: float, days: float, value: float) -> _Row:
    return {
        "scope": scope,
        "fault": fault,
        "observed": observed,
        "expected": expected,
        "days": float(days),
        "value": float(value),
    }
