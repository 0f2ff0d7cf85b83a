"""Feeds as they are: daily deliveries by source and county that stop, thin out, flood, come monthly, or lose the grid."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.simulation import chance
from riskwarn.simulation.geography import Geography
from riskwarn.simulation.season import dates
from riskwarn.simulation.setting import BURN_DAYS, Setting, instants, words

SOURCES = ("dispute", "petition", "police_call", "hotline", "grid_report")
CUT = 23.5 / 24
"""A day's delivery holds what was recorded until 23:30 and arrives before midnight."""
PARTIAL_KEPT = 0.2
UNPLACED, UNPLACED_FAULTY = 0.02, 0.15
BATCH_DAYS = 2
"""Monthly petition batches arrive this many days after the month's end."""
_LENGTH = {
    "outage": (3, 15),
    "partial": (5, 21),
    "backlog": (4, 11),
    "schema": (20, 61),
    "code_change": (5, 16),
    "unplaced": (30, 91),
}
_EFFECT = {
    "outage": "outages",
    "partial": "partial",
    "backlog": "backlog",
    "schema": "schema",
    "code_change": "schema",
    "unplaced": "unplaced",
}


@dataclass(frozen=True)
class Faults:
    """Planted faults of feeds, one a row: which feed, from which day to which, and what happens."""

    kind: np.ndarray
    source: np.ndarray
    county: np.ndarray
    first: np.ndarray
    last: np.ndarray
    """First day and first day after."""
    batched: np.ndarray
    """(counties,) whether petitions come once a month."""

    def within(self, kind: str, source: np.ndarray, county: np.ndarray, day: np.ndarray) -> np.ndarray:
        """Number of the fault of this kind that each (source, county, day) falls into; -1 for none."""
        number = np.full(len(day), -1)
        for j in np.flatnonzero(self.kind == kind):
            here = (
                (source == self.source[j]) & (county == self.county[j]) & (day >= self.first[j]) & (day < self.last[j])
            )
            number[here] = j
        return number


def make_faults(setting: Setting) -> Faults:
    """Plant the faults: no two at once on one feed."""
    p, rng = setting.preset, setting.rng("faults")
    n_feeds = len(SOURCES) * p.counties
    kinds = ["outage"] * p.outages + ["partial"] * p.partial + ["backlog"] * p.backlog
    kinds += (
        ["unplaced"] * max(p.counties // 4, 1)
        + ["schema"] * (p.schema * 2 // 3)
        + ["code_change"] * (p.schema - p.schema * 2 // 3)
    )
    n = len(kinds)
    feed = np.resize(rng.permutation(n_feeds), n)
    slots = -(-n // n_feeds)
    span = (p.days - 30) // slots
    length = np.array([rng.integers(*_LENGTH[k]) for k in kinds])
    length = np.minimum(length, max(span - 2, 1))
    first = 30 + (np.arange(n) // n_feeds) * span + np.floor(rng.random(n) * (span - length)).astype(int)
    kind = np.array(kinds, dtype=object)
    on = np.array([setting.on(_EFFECT[k]) for k in kinds], dtype=bool)
    batched = np.zeros(p.counties, dtype=bool)
    if setting.on("batches"):
        batched[rng.permutation(p.counties)[: p.counties // 3]] = True
    source, county = feed % len(SOURCES), feed // len(SOURCES)
    clear = on & ~((source == 1) & batched[county] & np.isin(kind, ("outage", "partial", "backlog")))
    return Faults(kind[clear], source[clear], county[clear], first[clear], (first + length)[clear], batched)


@dataclass(frozen=True)
class Delivery:
    """What became of each revision (n): the day it arrived, the instant, and whether it came at all."""

    day: np.ndarray
    known: np.ndarray
    came: np.ndarray


def deliver(
    setting: Setting, faults: Faults, source: np.ndarray, county: np.ndarray, recorded: np.ndarray, event: np.ndarray
) -> Delivery:
    """Send each revision with the daily delivery of its feed.

    Parameters
    ----------
    source, county
        (n,) numbers of the feed.
    recorded
        (n,) day the source recorded the revision.
    event
        (n,) address of the event.
    """
    day = np.floor(recorded + 1 - CUT).astype(int)
    came = faults.within("outage", source, county, day) < 0
    thin = faults.within("partial", source, county, day) >= 0
    came &= ~thin | (chance.uniform(setting.seed, "partial", event, day) < PARTIAL_KEPT)
    flood = faults.within("backlog", source, county, day)
    day = np.where(flood >= 0, faults.last[np.maximum(flood, 0)] if len(faults.last) else day, day)
    monthly = (source == SOURCES.index("petition")) & faults.batched[county]
    day = np.where(monthly, _batch_day(setting)[np.clip(day + BURN_DAYS, 0, setting.n_days - 1)], day)
    came &= (day >= 0) & (day < setting.preset.days)
    return Delivery(day, arrival(setting, source, county, day), came)


def _batch_day(setting: Setting) -> np.ndarray:
    """For each day lived the day on which its month's batch arrives."""
    days = dates(setting)
    following = days + pd.offsets.MonthBegin(1)
    return ((following - days[0]).days + BATCH_DAYS - BURN_DAYS).to_numpy()


def arrival(setting: Setting, source: np.ndarray, county: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Instant (in days) a feed's delivery of `day` arrives: between 23:30 and 23:55."""
    u = chance.uniform(setting.seed, "arrival", source, county, day)
    return day + CUT + u * 25 / 1440


def feed_log(setting: Setting, geo: Geography, faults: Faults, sent: pd.DataFrame) -> pd.DataFrame:
    """The `feed_log` table: a row for each delivery, also where it held nothing; none where the feed stood still.

    Parameters
    ----------
    sent
        One row a revision that came: `source`, `county`, `day`, `occurred`.
    """
    shape = (len(SOURCES), setting.preset.counties, setting.preset.days)
    source, county, day = (a.ravel() for a in np.indices(shape))
    there = (faults.within("outage", source, county, day) < 0) & (faults.within("backlog", source, county, day) < 0)
    monthly = (source == SOURCES.index("petition")) & faults.batched[county]
    there &= ~monthly | np.isin(day, np.unique(_batch_day(setting)))
    log = pd.DataFrame({"source": source, "county": county, "day": day})[there]
    held = sent.groupby(["source", "county", "day"])["occurred"].agg(["size", "min", "max"]).reset_index()
    log = log.merge(held, how="left", on=["source", "county", "day"])
    source, county, day = (log[c].to_numpy() for c in ("source", "county", "day"))
    n = log["size"].fillna(0).to_numpy(np.int64)
    again = np.floor(n * 0.03 * chance.uniform(setting.seed, "sent again", source, county, day)).astype(np.int64)
    previous = log.groupby(["source", "county"])["day"].shift(1, fill_value=-1).to_numpy()
    number = chance.digest(setting.seed, "batch", source, county, day)
    return pd.DataFrame(
        {
            "source": words(list(SOURCES), source),
            "org_code": words(geo.county_id, county),
            "batch_id": pd.array([f"{b:016x}" for b in number.tolist()], dtype="str"),
            "arrived_at": instants(arrival(setting, source, county, day)),
            "received": n + again,
            "accepted": n,
            "quarantined": np.zeros(len(n), np.int64),
            "duplicate": again,
            "first_at": instants(log["min"].to_numpy(float)),
            "last_at": instants(log["max"].to_numpy(float)),
            "covers_from": instants(previous + CUT),
            "covers_to": instants(day + CUT),
        }
    )
