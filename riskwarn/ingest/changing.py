"""Changes of recording in what a store holds: grids that moved, categories that changed their code, more reporting, a month that is not whole."""

from collections.abc import Iterator
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from riskwarn.arrivals import HALF
from riskwarn.errors import MissingExtraError
from riskwarn.grid import neighbors
from riskwarn.ingest.heaping import Remark
from riskwarn.language import Phrase, phrase
from riskwarn.lumps import newest_lump
from riskwarn.recording import BLOCK_DAYS, RECORDED, campaign, fault_of, moved, recoded

if TYPE_CHECKING:
    from scipy import sparse

_DAYS, _BLOCKS, _SERIOUS, _ODD = 728, 26, 2, 1e-3
"""Days looked back, as blocks of four weeks, the severity from which a record is serious, and the chance below which a month is not whole."""


def changes(events: pd.DataFrame, grids: pd.DataFrame | None, crosswalk: pd.DataFrame | None) -> list[Remark]:
    """What of a feed's first revisions is recorded otherwise than before, by the laws of :mod:`riskwarn.recording`.

    Parameters
    ----------
    events
        (n, ...) One row an event, with `occurred_at` on the city's clock, `grid_id`, `category` and `severity`.
    grids
        The table, for counties; the whole city alone where there is none.
    crosswalk
        The table: a grid that it leads elsewhere, and that has ended, is not told.

    Returns
    -------
    remarks
        Gravest first.

    Examples
    --------
    >>> day = pd.date_range("2022-01-01", periods=420, freq="D", tz="UTC").repeat(6)
    >>> grid = np.where((day >= "2022-12-01") & (np.arange(len(day)) % 6 == 0), "B", np.array(list("ABCDEF") * 420))
    >>> events = pd.DataFrame({"occurred_at": day, "grid_id": grid, "category": "D02", "severity": None})
    >>> changes(events, None, None)[0].said["en"]
    '100% of what A used to bring (about 28 records in 28 days) has come under B for 84 days; if A was dissolved into it, end A in the list of grids (valid_to 2022-12-03) and add to the crosswalk: from_grid_id A, to_grid_id B, effective_at 2022-12-03, weight 1.00, kind merge'
    """
    if events.empty:
        return []
    last = events["occurred_at"].max().normalize()
    ago = ((last - events["occurred_at"].dt.normalize()) / pd.Timedelta(days=1)).round().astype(int)
    rows = events[ago < _DAYS].assign(ago=ago)
    return [*_partial(ago), *_moved(rows, last, grids, _ended(grids, crosswalk)), *_mixed(rows, grids)]


def _partial(ago: pd.Series) -> Iterator[Remark]:
    lump = newest_lump(np.bincount(ago)[::-1])
    if lump is not None and lump.observed < HALF * lump.expected and lump.p < _ODD:
        yield Remark("partial", 5, RECORDED["partial"].filled(observed=lump.observed, expected=lump.expected))


def _ended(grids: pd.DataFrame | None, crosswalk: pd.DataFrame | None) -> set[str]:
    """Grids that the crosswalk leads elsewhere and that no longer hold."""
    if crosswalk is None:
        return set()
    holding = (
        set()
        if grids is None
        else {*grids.loc[grids["valid_to"].isna(), "grid_id"]}
        if "valid_to" in grids
        else {*grids["grid_id"]}
    )
    return {*crosswalk["from_grid_id"]} - holding


def _moved(rows: pd.DataFrame, last: pd.Timestamp, grids: pd.DataFrame | None, known: set[str]) -> Iterator[Remark]:
    placed = rows[rows["grid_id"] != ""]
    n_weeks = (int(placed["ago"].max()) + 1) // 7 if len(placed) else 0
    placed = placed[placed["ago"] < 7 * n_weeks]
    code, ids = pd.factorize(placed["grid_id"], sort=True)
    cell = code * n_weeks + n_weeks - 1 - placed["ago"].to_numpy() // 7
    counts = np.bincount(cell, minlength=len(ids) * n_weeks).reshape(len(ids), n_weeks)
    around = _Around(grids, ids)
    for one in moved(counts, beside=around):
        if ids[one.area] in known:
            continue
        since = last + pd.DateOffset(days=1 - 7 * one.weeks)
        usual = one.expected / one.weeks * BLOCK_DAYS / 7
        names = {"gone": ids[one.area], "since": f"{since:%Y-%m-%d}", "days": 7 * one.weeks}
        for heir, share in zip(one.heirs, one.shares, strict=True):
            said = RECORDED["moved"].filled(observed=share, expected=usual, came=ids[heir], **names)
            yield Remark("moved", 5, said)
        if not one.heirs:
            fault = fault_of(one)
            said = RECORDED[fault].filled(observed=one.observed, expected=one.expected, days=7 * one.weeks)
            kind, grade = ("gone", 4) if fault == "gone" else ("turned", 3)
            yield Remark(kind, grade, phrase("grid {grid}: {said}", grid=ids[one.area], said=said))


class _Around:
    """Which areas lie beside one: worked out when it is first asked."""

    def __init__(self, grids: pd.DataFrame | None, ids: np.ndarray) -> None:
        self.grids = None if grids is None else grids.drop_duplicates("grid_id", keep="last").reset_index(drop=True)
        self.ids = np.asarray(ids, dtype=object)

    @cached_property
    def links(self) -> "sparse.csr_matrix | None":
        """Of the table of grids; None where it tells none, or the host knows no shapes."""
        with suppress(MissingExtraError, ModuleNotFoundError):
            return None if self.grids is None else neighbors(self.grids)
        return None

    def __call__(self, area: int) -> np.ndarray:
        """Numbers of the areas beside an area, as they stand among the ids."""
        if self.grids is None or self.links is None:
            return np.zeros(0, dtype=np.int64)
        listed = self.grids["grid_id"].to_numpy(dtype=object)
        row = np.flatnonzero(listed == self.ids[area])
        return np.flatnonzero(np.isin(self.ids, listed[self.links[row].indices]))


def _mixed(rows: pd.DataFrame, grids: pd.DataFrame | None) -> Iterator[Remark]:
    """Categories that changed their code, and campaigns, in the city; then in counties where the city does not tell it, or few have a campaign."""
    told: set[tuple[str, str]] = set()
    campaigns: dict[str, Phrase] = {}
    for place, part in _areas(rows, grids):
        block = _BLOCKS - 1 - part["ago"].to_numpy() // BLOCK_DAYS
        code, kinds = pd.factorize(part["category"].fillna(""), sort=True)
        table = np.bincount(code * _BLOCKS + block, minlength=len(kinds) * _BLOCKS).reshape(-1, _BLOCKS)
        for change in recoded(table):
            pair = str(kinds[change.gone]), str(kinds[change.came])
            if pair not in told:
                facts = {"observed": change.observed, "expected": change.expected, "days": BLOCK_DAYS}
                yield Remark("recoded", 3, RECORDED["recoded"].filled(**facts, gone=place + pair[0], came=pair[1]))
            told |= set() if place else {pair}
        serious = np.bincount(block[(part["severity"].fillna(0) >= _SERIOUS).to_numpy()], minlength=_BLOCKS)
        raised = campaign(table.sum(axis=0), serious[None])
        if raised is not None:
            facts = {"observed": raised.observed, "expected": raised.expected, "days": BLOCK_DAYS}
            campaigns[place] = RECORDED["campaign_serious"].filled(**facts)
    if "" in campaigns:
        yield Remark("campaign", 3, campaigns.pop(""))
        n_counties = grids["county_id"].nunique() if grids is not None and campaigns else 0
        campaigns = campaigns if len(campaigns) <= n_counties / 2 else {}
    for place, said in campaigns.items():
        yield Remark("campaign", 3, phrase("county {county}: {said}", county=place.removesuffix(": "), said=said))


def _areas(rows: pd.DataFrame, grids: pd.DataFrame | None) -> Iterator[tuple[str, pd.DataFrame]]:
    yield "", rows
    if grids is None or "county_id" not in grids or grids["county_id"].nunique() < 2:
        return
    county = rows["grid_id"].map(grids.drop_duplicates("grid_id", keep="last").set_index("grid_id")["county_id"])
    for name, part in rows.groupby(county.astype("str")):
        if name:
            yield f"{name}: ", part
