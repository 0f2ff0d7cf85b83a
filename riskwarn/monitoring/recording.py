"""Recording: records that moved to other grids, categories that changed their code, and more reporting without more incidents.

The laws are those of :mod:`riskwarn.recording`. There is a mark where a change was found, none where there was none. What moved is an alarm as long
as it lasts, up to a year, or until the crosswalk says where the grid went; all else is a warning.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.errors import MissingExtraError
from riskwarn.history import History
from riskwarn.monitoring.mark import A_MONTH, A_YEAR, marks
from riskwarn.monitoring.tally import WEEKS, Tally, counties_of
from riskwarn.monitoring.volume import COUNTY
from riskwarn.recording import BLOCK_DAYS, campaign, fault_of, moved, recoded

_DAYS = 7 * WEEKS + 2
_WITNESS, _MOST = 10, 300.0
"""Records in four weeks from which a witness says something, and the largest value."""
_Row = dict[str, Any]


def recording_marks(history: History, counted: Iterable[Tally]) -> pd.DataFrame:
    """What of the feeds is recorded otherwise than before the night at which they were `counted`.

    Returns
    -------
    marks
        Scopes are ``feed:SOURCE@grid:FROM>TO`` (`observed` the share that went there, `expected` records in 28 days before, `days` since),
        ``feed:SOURCE@grid:GRID``, ``feed:SOURCE/county:C@CATEGORY>CATEGORY`` and ``feed:SOURCE/county:C@reporting``; without a county, the whole city.
    """
    feeds = list(counted)
    found = [row for tally in feeds for row in _of_grids(history, tally)]
    found += _of_counties(history, feeds)
    table = pd.DataFrame(found, columns=["scope", "fault", "observed", "expected", "days", "value"])
    columns = {name: table[name].to_numpy() for name in table}
    return marks("recording", warn=A_MONTH, alarm=A_YEAR, **columns)


def _of_grids(history: History, tally: Tally) -> Iterator[_Row]:
    """Grids of one feed that moved into others, or turned."""
    grids, feed = tally.grids, f"feed:{tally.source}"
    n_weeks = min(_days_since_first(tally) // 7, WEEKS)
    if not n_weeks or not len(grids):
        return
    ids = history.grid_ids[grids]

    def beside(area: int) -> np.ndarray:
        with suppress(MissingExtraError, ModuleNotFoundError):  # a host without shapes knows no neighbours
            return np.flatnonzero(np.isin(grids, history.neighbors()[[grids[area]]].indices))
        return np.zeros(0, dtype=np.int64)

    for one in moved(tally.weekly[:, -n_weeks:], beside=beside):
        value = float(np.clip(-np.log10(max(one.p, 1e-300)), A_MONTH, _MOST))
        if not one.heirs:
            fault = fault_of(one)
            yield _row(
                f"{feed}@grid:{ids[one.area]}", fault, one.observed, one.expected, 7 * one.weeks, min(value, A_YEAR)
            )
        usual = one.expected / one.weeks * BLOCK_DAYS / 7
        for heir, share in zip(one.heirs, one.shares, strict=True):
            yield _row(f"{feed}@grid:{ids[one.area]}>{ids[heir]}", "moved", share, usual, 7 * one.weeks, value)


def _days_since_first(tally: Tally) -> int:
    """Days since the first record of those that are followed by week."""
    spoke = np.flatnonzero(tally.kinds[:, ::-1][:, :_DAYS].any(axis=0))
    return int(spoke[-1]) + 1 if len(spoke) else 0


def _of_counties(history: History, feeds: Sequence[Tally]) -> Iterator[_Row]:
    """Categories recoded and campaigns, of the city and of each county; what the city tells is not told of its counties again, but of the few that have a campaign."""
    names = counties_of(history)[1]
    areas = [("", slice(None)), *((f"/{COUNTY}{name}", slice(k, k + 1)) for k, name in enumerate(names))]
    whole, *apart = [
        (place, [*_of_area(history, [_Brought.of(tally, area) for tally in feeds], place)])
        for place, area in (areas if len(names) > 1 else areas[:1])
    ]
    yield from whole[1]
    changes = [(found["scope"].replace(place, ""), found) for place, rows_of in apart for found in rows_of]
    often = Counter(change for change, _ in changes)
    told = {found["scope"] for found in whole[1]}
    for change, found in changes:
        few = change.endswith("@reporting") and often[change] <= len(names) / 2
        if change not in told or few:
            yield found


@dataclass(frozen=True, eq=False)
class _Brought:
    """What a feed brought in an area, in blocks of four weeks, oldest first: (n_categories, blocks) in all, (blocks,) each of the others."""

    source: str
    kinds: np.ndarray
    serious: np.ndarray
    citizen: np.ndarray
    proactive: np.ndarray

    @classmethod
    def of(cls, tally: Tally, area: slice) -> "_Brought":
        """In some counties."""
        parts = (tally.blocks, tally.serious, tally.citizen, tally.proactive)
        return cls(tally.source, *(part[area].sum(axis=0) for part in parts))

    @property
    def total(self) -> np.ndarray:
        """(blocks,) records."""
        return np.asarray(self.kinds.sum(axis=0))


def _of_area(history: History, feeds: Sequence[_Brought], place: str) -> Iterator[_Row]:
    spoke = [one for one in feeds if one.kinds.any()]
    for one in spoke:
        feed = f"feed:{one.source}{place}"
        kinds = np.flatnonzero(one.kinds.any(axis=1))
        for change in recoded(one.kinds[kinds]):
            gone, came = (history.words["category"][kinds[k]] for k in (change.gone, change.came))
            value = min(-np.log10(max(change.p, 1e-300)), A_YEAR)
            yield _row(f"{feed}@{gone}>{came}", "recoded", change.observed, change.expected, BLOCK_DAYS, value)
        witnesses = _witnesses(one, [other.total for other in spoke if other is not one])
        raised = campaign(one.total, list(witnesses.values()))
        if raised is not None:
            fault = f"campaign_{[*witnesses][raised.came]}"
            yield _row(f"{feed}@reporting", fault, raised.observed, raised.expected, BLOCK_DAYS, A_YEAR)


def _witnesses(one: _Brought, others: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """What would rise with the incidents: serious records of the feed, what citizens report where others do too; without either, the other feeds."""
    seen = {"serious": one.serious}
    if one.proactive.any():
        seen["citizen"] = one.citizen
    seen = {
        name: brought for name, brought in seen.items() if brought[:-1].sum() >= _WITNESS * (brought[:-1] > 0).sum() > 0
    }
    return seen or ({"others": np.sum(others, axis=0)} if others else {})


def _row(scope: str, fault: str, observed: float, expected: float, days: float, value: float) -> _Row:
    return {
        "scope": scope,
        "fault": fault,
        "observed": observed,
        "expected": expected,
        "days": float(days),
        "value": float(value),
    }
