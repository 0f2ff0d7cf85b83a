"""How far somebody who makes false reports, or keeps true ones back, can move a grid on the list."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.audit.listed import first_places, nights_of, ranks_of
from riskwarn.calling import checked
from riskwarn.clock import micros
from riskwarn.history import DAY_US, History
from riskwarn.history.altering import forged, thinned
from riskwarn.model import RiskModel
from riskwarn.store import Store

OF_GRID, OF_FEED, HELD_BACK = (0.01, 0.05), (0.01, 0.05), (0.01, 0.05, 0.5)
"""Shares: false reports of what the grid itself reported in a year, of what the whole city reported in four weeks, all made in one grid; and true reports of a grid kept back."""
MOST_REPORTS = 1024
"""Beyond so many false reports the search for the price of a place ends."""
_YEAR, _DAYS = 365, 28


@checked
def false_reports(
    model: RiskModel, records: Store | History, *, as_of: object, share: float = 0.05, n_grids: int = 10
) -> pd.DataFrame:
    """Places that a grid gains by false reports in it, or loses by true ones kept back, and what a place on the list costs.

    One grid is tampered with at a time, as by somebody who knows what the outcome counts: false reports look like real ones, are known at
    once, lie in the last four weeks and are never closed (:func:`riskwarn.history.altering.forged`). What the city reported otherwise stays. Targets of false reports lie off the list, those of
    reports kept back on it, each spread evenly over the ranks.

    Parameters
    ----------
    model
        Fitted.
    records
        The city's.
    as_of
        The night asked about.
    share
        Of the grids on the list.
    n_grids
        How many grids are tried for each line, at most.

    Returns
    -------
    false_reports
        One row a way of tampering and ranking: `what` (``forged: of grid``, ``forged: of city``, ``kept back``), `share`, `by` (``model`` or
        ``count``, the past year's), `n` grids tried, `reports` false or missing at the median, `places` gained or lost at the median and `most`, and `crossed`, share of the grids
        that came onto the list, or fell off it. Two rows more, ``price of a place``: `reports` is how many false ones, doubled from one, brought a
        grid onto the list, at the median; a grid that never came counts as infinite.

    Raises
    ------
    StaleDataError, DataError
        As :func:`riskwarn.build_panel`; or no report of the outcome's feeds in the last four weeks.
    """
    history = records if isinstance(records, History) else History.load(records)
    trial = _Trial(model, history, as_of, first_places(share, len(history.grids)))
    before = trial.ranks(history)
    off, on = (
        _spread(before["model"], first, last, n_grids) for first, last in ((trial.n, len(history.grids)), (0, trial.n))
    )
    lines = [
        *(line for part in OF_GRID for line in trial.lines("forged: of grid", part, off, before)),
        *(line for part in OF_FEED for line in trial.lines("forged: of city", part, off, before)),
        *(line for part in HELD_BACK for line in trial.lines("kept back", part, on, before)),
        *trial.prices(off),
    ]
    return pd.DataFrame(lines)


@dataclass(frozen=True, eq=False)
class _Trial:
    """A model, a night, and the `n` places of its list."""

    model: RiskModel
    history: History
    as_of: object
    n: int

    def ranks(self, history: History) -> dict[str, np.ndarray]:
        """Rank of each grid by the model and by the count."""
        return {by: ranks_of(scores) for by, scores in nights_of(self.model, history, self.as_of).items()}

    def lines(
        self, what: str, share: float, grids: np.ndarray, before: Mapping[str, np.ndarray]
    ) -> Iterator[dict[str, object]]:
        """A way of tampering with each of some grids, by model and count."""
        done = [self._tampered(what, share, int(grid)) for grid in grids]
        after = [self.ranks(history) for history, _ in done]
        for by, ranks in before.items():
            moved = np.array(
                [abs(int(ranks[grid]) - int(now[by][grid])) for grid, now in zip(grids, after, strict=True)]
            )
            sides = [
                (ranks[grid] <= self.n) != (now[by][grid] <= self.n) for grid, now in zip(grids, after, strict=True)
            ]
            yield {
                "what": what,
                "share": share,
                "by": by,
                "n": len(grids),
                "reports": float(np.median([n for _, n in done])),
                "places": float(np.median(moved)),
                "most": float(moved.max()),
                "crossed": float(np.mean(sides)),
            }

    def _tampered(self, what: str, share: float, grid: int) -> tuple[History, int]:
        """The history, and how many reports are false or missing."""
        if what == "kept back":
            member = np.arange(len(self.history.grids)) == grid
            return thinned(self.history, member, share=share, seed=grid), round(share * self._reports(_YEAR, grid))
        n = int(np.ceil(share * (self._reports(_YEAR, grid) if what == "forged: of grid" else self._reports(_DAYS))))
        return self._forged(grid, max(n, 1)), max(n, 1)

    def _forged(self, grid: int, n: int) -> History:
        return forged(self.history, self.model.label.streams, grid, n=n, as_of=self.as_of, days=_DAYS, seed=grid)

    def _reports(self, days: int, grid: int | None = None) -> int:
        """Reports that the outcome counts, of the last days before the night, in a grid or in the whole city."""
        facts = self.history.facts
        rows = np.concatenate([self.history.select(facts, stream) for stream in self.model.label.streams])
        until = micros(self.history.instant(self.as_of))
        lately = (facts.start[rows] < until) & (facts.start[rows] > until - days * DAY_US)
        return int((lately if grid is None else lately & (facts.grid[rows] == grid)).sum())

    def prices(self, grids: np.ndarray) -> Iterator[dict[str, object]]:
        """How many false reports bring each of some grids onto the list."""
        prices: dict[str, list[float]] = {by: [] for by in ("model", "count")}
        for grid in grids:
            open_ = dict.fromkeys(prices, np.inf)
            n = 1
            while n <= MOST_REPORTS and np.inf in open_.values():
                for by, ranks in self.ranks(self._forged(int(grid), n)).items():
                    if ranks[grid] <= self.n:
                        open_[by] = min(open_[by], float(n))
                n *= 2
            for by, price in open_.items():
                prices[by].append(price)
        for by, found in prices.items():
            yield {
                "what": "price of a place",
                "share": np.nan,
                "by": by,
                "n": len(grids),
                "reports": float(np.median(found)),
                "places": np.nan,
                "most": np.nan,
                "crossed": float(np.isfinite(found).mean()),
            }


def _spread(ranks: np.ndarray, first: int, last: int, n: int) -> np.ndarray:
    """At most `n` row numbers of grids, evenly spread over the ranks from `first` + 1 to `last`."""
    order = np.argsort(ranks)[first:last]
    return order[np.unique(np.linspace(0, len(order) - 1, min(n, len(order))).round().astype(int))]
