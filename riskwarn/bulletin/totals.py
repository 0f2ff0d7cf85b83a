"""The last week of each feed, in the city or a part of it, beside the week before, fifteen weeks and the year before."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.unusual import PAST_WEEKS, weekly_reading
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
        Their mean over fifteen weeks.
    on_week, on_usual, on_year
        Relative change against the week before, the fifteen weeks and the same week of the year before; NaN where there is nothing to compare with.
    word
        How unusual it is: a word of :data:`riskwarn.unusual.WORDS`.
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
    weeks: pd.DataFrame, sources: Collection[str], as_of: pd.Timestamp, *, grid_ids: Collection[str] | None = None
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
    return [_total(source, np.round(n)) for source, n in zip(sources, counts.to_numpy(), strict=True)]


def _total(source: str, weeks: np.ndarray) -> Total:
    last, usual = weeks[-1], float(weeks[-1 - PAST_WEEKS : -1].mean())
    on_week, on_usual, on_year = (last / n - 1 if n > 0 else float("nan") for n in (weeks[-2], usual, weeks[0]))
    word = str(weekly_reading(weeks[None])["word"].iloc[0])
    return Total(source, int(last), usual, on_week, on_usual, on_year, word)
