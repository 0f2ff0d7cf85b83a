"""The last week of each feed, in the city or a part of it, beside the week before, fifteen weeks and the year before."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.unusual import weekly_reading
from riskwarn.weekly import week_ends


@dataclass(frozen=True)
class Total:
    """One feed.

    Attributes
    ----------
    source
        The feed.
    n
        Records of the last seven days.
    usual
        Their mean over fifteen weeks; NaN where there is too little history.
    on_week, on_usual, on_year
        Relative change against the week before, the fifteen weeks and the same week of the year before; NaN where there is nothing to compare with.
    word
        How unusual it is: a word of :data:`riskwarn.unusual.WORDS`, or ``no_reading`` where the feed itself is not normal, so that its
        count tells of the feed and not of the city.
    """

    source: str
    n: int
    usual: float
    on_week: float
    on_usual: float
    on_year: float
    word: str


@checked
def totals(
    weeks: pd.DataFrame,
    sources: Collection[str],
    as_of: pd.Timestamp,
    *,
    grid_ids: Collection[str] | None = None,
    odd: Collection[str] = (),
) -> list[Total]:
    """Totals of the feeds of a night.

    Parameters
    ----------
    weeks
        Table `weeks`.
    sources
        Feeds, those without an event too.
    as_of
        The night.
    grid_ids
        Only events of these grids; all, those of no known grid too, by default.
    odd
        Feeds that are not normal.

    Returns
    -------
    totals
        One a feed, in the order of `sources`.
    """
    ends = pd.DatetimeIndex(week_ends(as_of))
    here = weeks if grid_ids is None else weeks[weeks["grid_id"].astype("str").isin(set(grid_ids))]
    counts = here.astype({"source": "str"}).pivot_table(
        index="source", columns="week_ends_at", values="n", aggfunc="sum", fill_value=0.0
    )
    counts = counts.reindex(index=list(sources), columns=ends, fill_value=0.0)
    rows = zip(sources, counts.to_numpy(), strict=True)
    return [_total(source, np.round(n), odd=source in odd) for source, n in rows]


def _total(source: str, weeks: np.ndarray, *, odd: bool) -> Total:
    last, reading = weeks[-1], weekly_reading(weeks[None]).iloc[0]
    on_week, on_year = (last / n - 1 if n > 0 else float("nan") for n in (weeks[-2], weeks[0]))
    word = "no_reading" if odd else str(reading["word"])
    return Total(source, int(last), float(reading["mean"]), on_week, float(reading["change"]), on_year, word)
