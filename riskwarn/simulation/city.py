"""A whole city: tables as a centre would hold them, and apart from them the truth."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from riskwarn.errors import NotFoundError
from riskwarn.simulation import chance, workflow
from riskwarn.simulation.changes import Codes, crosswalk_truth, grids_table, make_codes, told
from riskwarn.simulation.disputes import Disputes, Seams, make_disputes, make_seams
from riskwarn.simulation.escalation import Course, Policy, run
from riskwarn.simulation.faults import SOURCES, Delivery, Faults, deliver, feed_log, make_faults
from riskwarn.simulation.geography import Geography, make_geography
from riskwarn.simulation.observation import CATEGORIES, FLAGS, PREFIX, STATUSES, Records, make_records
from riskwarn.simulation.setting import (
    BURN_DAYS,
    STUDIED,
    TIMEZONE,
    Preset,
    Setting,
    Strength,
    ids,
    instants,
    make_setting,
    words,
)
from riskwarn.simulation.visits import Watch, make_watch, roster_table, visits_table
from riskwarn.store import Store

ORDER = ("grids", "crosswalk", "events", "visits", "workflow", "diversions", "roster", "places", "feed_log")
"""The tables in the order they are written."""
TRUTH_SUFFIX = "-truth"


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


@dataclass(frozen=True)
class City:
    """A simulated city.

    Attributes
    ----------
    tables
        What the centre holds, by table name, each in the shape of :mod:`riskwarn.schema`.
    setting
        What the city was asked to be.
    world
        Everything it is made of, as arrays.
    """

    tables: dict[str, pd.DataFrame]
    setting: Setting = field(repr=False)
    world: World = field(repr=False)

    @cached_property
    def truth(self) -> dict[str, pd.DataFrame]:
        """What really happened, by name (see ``docs/simulation.md``), told when first asked for. No reader of the library opens it."""
        from riskwarn.simulation.truth import truth_tables  # noqa: PLC0415 - truth is told last

        return truth_tables(self.world, self.tables["events"])

    def write(self, path: str | Path, *, truth: bool = True) -> Store:
        """Write the tables as a store at `path`, and, if wanted, the truth apart as Parquet at `path` + "-truth"."""
        store = Store(path, timezone=TIMEZONE)
        for name in ORDER:
            if len(self.tables[name]):
                store.write(name, self.tables[name])
        folder = Path(f"{path}{TRUTH_SUFFIX}")
        for name, frame in self.truth.items() if truth else ():
            folder.mkdir(parents=True, exist_ok=True)
            frame.to_parquet(folder / f"{name}.parquet", index=False)
        return store


def city(
    preset: str | Preset = "tiny",
    *,
    seed: int = 7,
    reports_per_year: float = 60.0,
    without: Iterable[str] = (),
    policy: Policy | None = None,
    strength: Strength = STUDIED,
) -> City:
    """Simulate a city.

    Parameters
    ----------
    preset
        ``"tiny"`` (200 grids, 400 days), ``"small"`` (1,900, 730), ``"city"`` (7,181, 1,096), or a size of your own.
    seed
        Equal seeds give equal cities.
    reports_per_year
        Mean number of all-type reports a grid and year.
    without
        Effects to leave out, names of :data:`riskwarn.simulation.EFFECTS`; everything they do not cause stays as it was.
    policy
        Extra visits by grid each day, given what was recorded so far; see :func:`riskwarn.simulation.twins`.
    strength
        How strongly three causes act, for planting one that drives the city.

    Raises
    ------
    DefinitionError
        Unknown preset or effect, or a rate that is not positive.

    Examples
    --------
    >>> town = city("tiny", seed=7)
    >>> sorted(town.tables)
    ['crosswalk', 'diversions', 'events', 'feed_log', 'grids', 'places', 'roster', 'visits', 'workflow']
    """
    setting = make_setting(preset, seed=seed, without=without, reports_per_year=reports_per_year, strength=strength)
    world = make_world(setting, policy=policy)
    return City(make_tables(world), setting, world)


def as_of_days(setting: Setting) -> np.ndarray:
    """Mondays on which the truth is told, as days since the start."""
    from riskwarn.simulation.season import dates  # noqa: PLC0415

    weekday = dates(setting).day_of_week.to_numpy()[BURN_DAYS:]
    days = np.flatnonzero(weekday == 0)
    return days[days >= setting.preset.first_as_of]


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
        setting, faults, records.events["source"].to_numpy()[at], records.events["county"].to_numpy()[at],
        records.revisions["recorded"].to_numpy(), records.events["key"].to_numpy()[at],
    )  # fmt: skip
    return World(setting, geo, codes, seams, disputes, watch, course, faults, records, delivery)


def make_tables(world: World) -> dict[str, pd.DataFrame]:
    """The tables as the centre holds them."""
    setting, geo, codes, watch = world.setting, world.geo, world.codes, world.watch
    changes = crosswalk_truth(codes)
    events, sent = events_table(world)
    return {
        "grids": grids_table(geo, codes),
        "crosswalk": changes[told(setting, changes)].reset_index(drop=True),
        "events": events,
        "visits": visits_table(setting, codes, *visits_made(world)),
        "workflow": workflow.workflow_table(world),
        "diversions": workflow.diversions_table(world),
        "roster": roster_table(setting, codes, watch),
        "places": _places(setting, geo),
        "feed_log": feed_log(setting, geo, world.faults, sent),
    }


def visits_made(world: World) -> tuple[np.ndarray, np.ndarray | None]:
    """(days lived, grids) visits made, and those of them that routine made where alerts made others."""
    routine, extra = world.watch.n_visits, world.course.extra_visits
    return (routine, None) if extra is None else (routine + extra, routine)


def event_ids(events: pd.DataFrame) -> np.ndarray:
    """Ids of the events: the source's prefix and 14 digits."""
    number = events["key"].to_numpy() % 10**14
    source = events["source"].to_numpy()
    made = np.empty(len(events), dtype=object)
    for s, name in enumerate(SOURCES):
        made[source == s] = np.asarray(ids(PREFIX[name], number[source == s], width=14))
    return np.asarray(pd.array(made, dtype="str"))


def case_ids(events: pd.DataFrame) -> np.ndarray:
    """The link clerks keep: the dispute's number where kept, a number of its own for an unlinked ledger case, else nothing."""
    dispute, linked = events["dispute"].to_numpy(), events["linked"].to_numpy()
    made = np.full(len(events), None, dtype=object)
    made[linked] = np.asarray(ids("C99", dispute[linked], width=9))
    alone = (events["source"].to_numpy() == 0) & ~linked
    number = events["key"].to_numpy()[alone] % 10**14
    made[alone] = np.asarray(ids("C98", number, width=14))
    return made


def place_keys(world: World) -> np.ndarray:
    """(disputes,) opaque key of the building of each dispute."""
    d = world.disputes
    number = chance.digest(world.setting.seed, "place key", d.grid, d.place)
    unique, back = np.unique(number, return_inverse=True)
    return np.array([f"{k:016x}" for k in unique.tolist()], dtype=object)[back]


def events_table(world: World) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The `events` table, and what came with each delivery (for the feed log)."""
    events, delivery = world.records.events, world.delivery
    revisions = world.records.revisions.assign(known=delivery.known, day=delivery.day)[delivery.came]
    sent = pd.DataFrame({c: events[c].to_numpy()[revisions["event"]] for c in ("source", "county", "occurred")}).assign(
        day=revisions["day"].to_numpy()
    )
    by_source = np.argsort(np.argsort(SOURCES))[events["source"].to_numpy()]
    place = np.empty(len(events), np.int64)
    place[np.lexsort((events["key"].to_numpy() % 10**14, by_source))] = np.arange(len(events))
    revisions = revisions.assign(place=place[revisions["event"]]).sort_values(
        ["place", "known", "recorded"], kind="stable"
    )
    revisions = revisions.drop_duplicates(["event", "known"], keep="last")
    at = revisions["event"].to_numpy()
    take = {c: events[c].to_numpy()[at] for c in events}
    keys = np.array([*place_keys(world), None], dtype=object)
    code = take["code"]
    tags = revisions["tags"].to_numpy().astype(int)
    vocabulary = sorted(set(tags.tolist()))
    status = revisions["status"].to_numpy().astype(int)
    table = pd.DataFrame({
        "source": words(list(SOURCES), take["source"]), "event_id": pd.array(event_ids(events)[at], dtype="str"),
        "known_at": instants(revisions["known"].to_numpy()), "occurred_at": instants(take["occurred"]),
        "grid_id": words([*world.codes.vocabulary, ""], np.where(code < 0, len(world.codes.vocabulary), code)),
        "category": words(list(CATEGORIES), revisions["category"].to_numpy()),
        "closed_at": instants(revisions["closed"].to_numpy()), "due_at": instants(take["due"]),
        "severity": pd.array(revisions["severity"].to_numpy().astype(int), dtype="Int64"),
        "origin": words(["citizen", "proactive"], take["origin"]),
        "near_grid_id": words(world.codes.vocabulary, take["near"]),
        "place_key": pd.array(keys[take["dispute"]], dtype="str"), "case_id": pd.array(case_ids(events)[at], dtype="str"),
        "org_code": words(world.geo.county_id, take["county"]), "status": words(list(STATUSES), status),
        "outcome": words(["success", "fail"], np.where(status == 2, 0, np.where(status == 3, 1, -1))),
        "tags": words([" ".join(t for i, t in enumerate(FLAGS) if bits >> i & 1) for bits in vocabulary], np.searchsorted(vocabulary, tags)),
        "retracted": np.zeros(len(at), dtype=bool),
    })  # fmt: skip
    return table, sent


_KINDS = {
    "school": 0.25,
    "hospital": 0.05,
    "site": 0.15,
    "market": 0.2,
    "station": 0.03,
    "square": 0.15,
    "hotel": 0.1,
    "old_estate": 0.5,
    "urban_village": 0.1,
}


def _places(setting: Setting, geo: Geography) -> pd.DataFrame:
    rng = setting.rng("places")
    counts = rng.poisson(np.array(list(_KINDS.values()))[None, :] * np.where(geo.stratum == 3, 0.4, 1.2)[:, None])
    grid, kind = np.nonzero(counts)
    return pd.DataFrame({
        "grid_id": words(geo.grid_id, grid), "kind": words(list(_KINDS), kind), "n": counts[grid, kind].astype(float),
    })  # fmt: skip


def read_truth(path: str | Path) -> dict[str, pd.DataFrame]:
    """The truth of a city written at `path`. Only a judge may open it.

    Raises
    ------
    NotFoundError
        There is none beside the store.
    """
    folder = Path(f"{path}{TRUTH_SUFFIX}")
    if not folder.is_dir():
        raise NotFoundError(
            f"{folder}: no truth beside this store; it is written by riskwarn.simulation.city(...).write(path)."
        )
    return {part.stem: pd.read_parquet(part) for part in sorted(folder.glob("*.parquet"))}
