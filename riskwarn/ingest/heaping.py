"""Values that stand for "not known": one minute, one day of the month, one place, one size of an export that too many rows share."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.language import Phrase, phrase

LEAST_EVENTS = 50
"""Events a feed must have before a heap is no chance."""
LEAST_DAYS = 90
"""Days from the first to the last event before the days of the month are compared."""
MINUTE_SHARE = 0.2
"""One minute of the day (1/1440 by chance, 1/24 where times are rounded to the hour) with this share is a default."""
FIRST_SHARE = 0.2
"""The first of the month has 12 days of 365."""
PLACE_SHARE, PLACE_RATIO, MOST_DEFAULTS = 0.1, 3.0, 3
"""A place is a default with a tenth of the events and three times the next place; places that follow Zipf's law stay below twice."""
LEAST_PLACES = 5
CAP_DAYS, CAP_SHARE, LEAST_CAP = 5, 0.05, 20
"""The largest number of events of a day is a limit where it comes again on many days; small numbers do so by chance."""
EXPORT_LIMITS = frozenset(
    {
        1_000,
        2_000,
        5_000,
        10_000,
        20_000,
        32_000,
        50_000,
        65_535,
        65_536,
        100_000,
        500_000,
        1_000_000,
        1_048_575,
        1_048_576,
    }
)
"""Rows at which portals and spreadsheets end: Socrata, ArcGIS, CKAN, .xls (2**16) and .xlsx (2**20), with and without a header."""


@dataclass(frozen=True)
class Remark:
    """What a person should see of a feed: the kind, how grave (1 to 6), and what to say after the name of the feed."""

    kind: str
    weight: int
    said: Phrase


def heaps(events: pd.DataFrame, zone: str, log: pd.DataFrame | None) -> list[Remark]:
    """What of a feed's first revisions stands on a heap.

    Parameters
    ----------
    events
        (n, ...) One row an event, with `source`, `occurred_at`, `known_at`, `grid_id` and `place_key`.
    zone
        Whose minutes and months count.
    log
        The lines of `feed_log` of this feed, for the sizes of its deliveries.

    Returns
    -------
    remarks
        Gravest first; none where the feed is too small to tell.

    Examples
    --------
    >>> at = pd.date_range("2024-01-01", periods=60, freq="D", tz="UTC")
    >>> events = pd.DataFrame({"occurred_at": at, "known_at": at, "grid_id": "G1", "place_key": None})
    >>> [remark.kind for remark in heaps(events, "UTC", None)]
    ['known_early', 'one_minute']
    """
    seen = [*_of_deliveries(log)]
    if len(events) >= LEAST_EVENTS:
        local = events["occurred_at"].dt.tz_convert(zone)
        seen += [*_of_times(local, events["known_at"]), *_of_days(local)]
        seen += [*_of_grids(events["grid_id"]), *_of_places(events["place_key"])]
    return sorted(seen, key=lambda remark: -remark.weight)


def _of_times(local: pd.Series, known_at: pd.Series) -> Iterator[Remark]:
    minute = local.dt.hour * 60 + local.dt.minute
    counts = minute.value_counts()
    top, share = int(counts.index[0]), counts.iloc[0] / len(local)
    on_first = local.dt.day == 1
    is_monthly = on_first.mean() > FIRST_SHARE and (local.max() - local.min()).days >= LEAST_DAYS
    is_default = (minute == top) if share > MINUTE_SHARE else np.zeros(len(local), dtype=bool)
    # An event dated by a default may have happened at any later time of its day or month: known at that very instant is known too early.
    early = float(((known_at <= local) & (is_default | (on_first & is_monthly))).mean())
    if early > MINUTE_SHARE / 2:
        yield Remark(
            "known_early",
            5,
            phrase(
                "{share:.0%} of the events are known at the very time they are dated to, which is a default: before they can have happened; "
                "map a time of record, or set known_delay_days.",
                share=early,
            ),
        )
    if is_monthly:
        yield Remark(
            "first_of_month",
            4,
            phrase(
                "{share:.0%} of the events are dated to the first of a month; they are known by month, and no window of days can count them.",
                share=on_first.mean(),
            ),
        )
    if share > MINUTE_SHARE:
        yield Remark(
            "one_minute",
            3,
            phrase(
                "{share:.0%} of the events stand at {time}; that is a default and no time of day.",
                share=share,
                time=f"{top // 60:02d}:{top % 60:02d}",
            ),
        )


def _of_days(local: pd.Series) -> Iterator[Remark]:
    a_day = local.dt.normalize().value_counts()
    most, n_at_most = int(a_day.max()), int((a_day == a_day.max()).sum())
    if most >= LEAST_CAP and n_at_most >= max(CAP_DAYS, CAP_SHARE * len(a_day)):
        yield Remark(
            "capped",
            4,
            phrase(
                "{n} day has exactly {most:,} events and no day has more; the export may be cut there.",
                plural="{n} days have exactly {most:,} events and no day has more; the export may be cut there.",
                n=n_at_most,
                most=most,
            ),
        )


def defaults(values: pd.Series) -> pd.Series:
    """Share of each value that so many rows have that it stands for "not known".

    Examples
    --------
    >>> rows = pd.Series(["centre"] * 40 + list("abcdef") * 10)
    >>> defaults(rows).round(2).to_dict()
    {'centre': 0.4}
    """
    shares = values[values.notna() & (values != "")].value_counts(normalize=True)
    for n in range(1, min(MOST_DEFAULTS, len(shares) - 1) + 1):
        if shares.iloc[n - 1] >= PLACE_SHARE and shares.iloc[n - 1] >= PLACE_RATIO * shares.iloc[n]:
            return shares.iloc[:n] if len(shares) >= LEAST_PLACES else shares.iloc[:0]
    return shares.iloc[:0]


def _of_grids(grid_id: pd.Series) -> Iterator[Remark]:
    for place, share in defaults(grid_id).items():
        yield Remark(
            "one_place",
            4,
            phrase(
                "{share:.0%} of the placed events lie in grid {grid}; look whether that is where unknown places are put, and leave it empty at the source.",
                share=share,
                grid=place,
            ),
        )


def _of_places(place_key: pd.Series) -> Iterator[Remark]:
    for share in defaults(place_key):
        yield Remark(
            "one_address",
            3,
            phrase(
                "{share:.0%} of the addresses are one and the same; look whether it stands for an unknown one.",
                share=share,
            ),
        )


def _of_deliveries(log: pd.DataFrame | None) -> Iterator[Remark]:
    if log is None or log.empty:
        return
    received = log.groupby("batch_id")["received"].sum()
    cut = received[received.isin(EXPORT_LIMITS)]
    if len(cut):
        yield Remark(
            "full_export",
            4,
            phrase(
                "{n} delivery has exactly {rows:,} rows, where exports end; rows may be cut off.",
                plural="{n} deliveries have exactly {rows:,} rows or another number where exports end; rows may be cut off.",
                n=len(cut),
                rows=int(cut.iloc[0]),
            ),
        )
