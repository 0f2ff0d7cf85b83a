"""A world: all that a simulated city is made of, as arrays, before anything is written down."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.simulation import chance
from riskwarn.simulation.changes import Codes, make_codes
from riskwarn.simulation.disputes import Disputes, Seams, make_disputes, make_seams
from riskwarn.simulation.escalation import Course, Policy, run
from riskwarn.simulation.faults import SOURCES, Delivery, Faults, deliver, make_faults
from riskwarn.simulation.geography import Geography, make_geography
from riskwarn.simulation.observation import PREFIX, Records, make_records
from riskwarn.simulation.season import dates
from riskwarn.simulation.setting import BURN_DAYS, Setting, ids
from riskwarn.simulation.visits import Watch, make_watch


@dataclass(frozen=True)
class World:
    """Everything a city is made of, before it is written down."""

    setting: Setting
    geo: Geography
    codes: Codes
    seams: Seams
    disputes: Disputes
    watch: Watch
    course: Course
    faults: Faults
    records: Records
    delivery: Delivery


def make_world(setting: Setting, *, policy: Policy | None = None) -> World:
    """Live a city's life and let its sources write it down."""
    geo = make_geography(setting)
    codes, seams = make_codes(setting, geo), make_seams(setting, geo)
    disputes, watch = make_disputes(setting, geo, seams), make_watch(setting, geo)
    days = frozenset(as_of_days(setting).tolist())
    course = run(setting, geo, disputes, watch, snapshot_days=days, policy=policy)
    faults = make_faults(setting)
    records = make_records(setting, geo, codes, disputes, seams, course, watch.n_reports, faults)
    at = records.revisions["event"].to_numpy()
    delivery = deliver(
        setting,
        faults,
        records.events["source"].to_numpy()[at],
        records.events["county"].to_numpy()[at],
        records.revisions["recorded"].to_numpy(),
        records.events["key"].to_numpy()[at],
    )
    return World(setting, geo, codes, seams, disputes, watch, course, faults, records, delivery)


def as_of_days(setting: Setting) -> np.ndarray:
    """Mondays on which the truth is told, as days since the start."""
    weekday = dates(setting).day_of_week.to_numpy()[BURN_DAYS:]
    days = np.flatnonzero(weekday == 0)
    return days[days >= setting.preset.first_as_of]


def visits_made(world: World) -> tuple[np.ndarray, np.ndarray | None]:
    """(days lived, grids) visits made, and those of them that routine made where alerts made others."""
    routine, extra = world.watch.n_visits, world.course.extra_visits
    return (routine, None) if extra is None else (routine + extra, routine)


def event_ids(world: World) -> np.ndarray:
    """Ids of the events: the source's prefix, the city's mark and 14 digits."""
    events = world.records.events
    number = events["key"].to_numpy() % 10**14
    source = events["source"].to_numpy()
    made = np.empty(len(events), dtype=object)
    for s, name in enumerate(SOURCES):
        made[source == s] = np.asarray(ids(PREFIX[name] + world.setting.mark, number[source == s], width=14))
    return np.asarray(pd.array(made, dtype="str"))


def case_ids(world: World) -> np.ndarray:
    """The link clerks keep: the dispute's number where kept, a number of its own for an unlinked ledger case, else nothing."""
    events, mark = world.records.events, world.setting.mark
    dispute, linked = events["dispute"].to_numpy(), events["linked"].to_numpy()
    made = np.full(len(events), None, dtype=object)
    made[linked] = np.asarray(ids(f"C{mark}99", dispute[linked], width=9))
    alone = (events["source"].to_numpy() == 0) & ~linked
    number = events["key"].to_numpy()[alone] % 10**14
    made[alone] = np.asarray(ids(f"C{mark}98", number, width=14))
    return made


def place_keys(world: World) -> np.ndarray:
    """(disputes,) opaque key of the building of each dispute."""
    d = world.disputes
    number = chance.digest(world.setting.seed, "place key", d.grid, d.place)
    unique, back = np.unique(number, return_inverse=True)
    return np.array([f"{k:016x}" for k in unique.tolist()], dtype=object)[back]


def by_code(world: World, grid: np.ndarray, first: np.ndarray, last: np.ndarray) -> dict[str, np.ndarray]:
    """Stretches of first-day grids as stretches of the codes that hold in them: row, code, first, last."""
    codes, row = world.codes, np.arange(len(grid))
    changed = codes.changed[grid]
    parts = [(row, grid, np.maximum(first, 0), np.minimum(last, changed))]
    for side in (0, 1):
        there = (changed < last) & ((side == 0) | (codes.kind[grid] == "split"))
        parts.append((row[there], codes.after[grid, side][there], np.maximum(first, changed)[there], last[there]))
    stacked = [np.concatenate([p[i] for p in parts]) for i in range(4)]
    keep = stacked[2] < stacked[3]
    return dict(zip(("row", "code", "first", "last"), (s[keep] for s in stacked), strict=True))
