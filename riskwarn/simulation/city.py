"""A whole city: tables as a centre would hold them, and apart from them the truth."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import NotFoundError
from riskwarn.simulation import workflow
from riskwarn.simulation.changes import crosswalk_truth, grids_table, told
from riskwarn.simulation.escalation import Policy
from riskwarn.simulation.faults import SOURCES, feed_log
from riskwarn.simulation.geography import Geography
from riskwarn.simulation.observation import CATEGORIES, FLAGS, STATUSES
from riskwarn.simulation.setting import (
    STUDIED,
    TIMEZONE,
    Preset,
    Setting,
    Strength,
    instants,
    make_setting,
    words,
)
from riskwarn.simulation.truth import truth_tables
from riskwarn.simulation.visits import roster_table, visits_table
from riskwarn.simulation.world import World, case_ids, event_ids, make_world, place_keys, visits_made
from riskwarn.store import Store

ORDER = ("grids", "crosswalk", "events", "visits", "workflow", "diversions", "roster", "places", "feed_log")
"""The tables in the order they are written."""
TRUTH_SUFFIX = "-truth"


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
        return truth_tables(self.world, self.tables["events"])

    def write(self, path: str | Path, *, truth: bool = True) -> Store:
        """Write the tables as a store at `path`, and, if wanted, the truth apart as Parquet at `path` + "-truth".

        Parameters
        ----------
        path
            Folder of the store.
        truth
            Whether the truth is written as well.

        Returns
        -------
        store
            The city as a centre holds it.
        """
        store = Store(path, timezone=TIMEZONE)
        for name in ORDER:
            if len(self.tables[name]):
                store.write(name, self.tables[name])
        folder = Path(f"{path}{TRUTH_SUFFIX}")
        for name, frame in self.truth.items() if truth else ():
            folder.mkdir(parents=True, exist_ok=True)
            frame.to_parquet(folder / f"{name}.parquet", index=False)
        return store


@checked
def city(
    preset: str | Preset = "tiny",
    *,
    seed: int = 7,
    reports_per_year: float = 60.0,
    without: Iterable[str] = (),
    policy: Policy | None = None,
    strength: Strength = STUDIED,
    number: int = 1,
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
    number
        Which city of a country it is, 1 to 99: no two of them share a code, an id or a place on the map.

    Returns
    -------
    city
        Its `tables`, and apart from them its `truth`.

    Raises
    ------
    DefinitionError
        Unknown preset or effect, a rate that is not positive, or a number that no city can have.

    Examples
    --------
    >>> town = city("tiny", seed=7)
    >>> sorted(town.tables)
    ['crosswalk', 'diversions', 'events', 'feed_log', 'grids', 'places', 'roster', 'visits', 'workflow']
    """
    setting = make_setting(
        preset, seed=seed, without=without, reports_per_year=reports_per_year, strength=strength, number=number
    )
    return city_of(setting, policy=policy)


def city_of(setting: Setting, *, policy: Policy | None = None) -> City:
    """The city of a setting."""
    world = make_world(setting, policy=policy)
    return City(make_tables(world), setting, world)


def make_tables(world: World) -> dict[str, pd.DataFrame]:
    """The tables as the centre holds them.

    Parameters
    ----------
    world
        Everything the city is made of.

    Returns
    -------
    tables
        By the names of :data:`ORDER`, each in the shape of :mod:`riskwarn.schema`.
    """
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


def events_table(world: World) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The `events` table, and what came with each delivery (for the feed log).

    Parameters
    ----------
    world
        Everything the city is made of.

    Returns
    -------
    events, sent
        Revisions that came, and one row a record delivered: `source`, `county`, `occurred`, `day`.
    """
    events, delivery = world.records.events, world.delivery
    revisions = world.records.revisions.assign(known=delivery.known, day=delivery.day)[delivery.came]
    sent = pd.DataFrame({c: events[c].to_numpy()[revisions["event"]] for c in ("source", "county", "occurred")}).assign(
        day=revisions["day"].to_numpy()
    )
    return _as_told(world, _in_order(events, revisions)), sent


def _in_order(events: pd.DataFrame, revisions: pd.DataFrame) -> pd.DataFrame:
    """Revisions by source, event and the instant they became known; of several of one instant the last recorded."""
    by_source = np.argsort(np.argsort(SOURCES))[events["source"].to_numpy()]
    place = np.empty(len(events), np.int64)
    place[np.lexsort((events["key"].to_numpy() % 10**14, by_source))] = np.arange(len(events))
    placed = revisions.assign(place=place[revisions["event"]])
    placed = placed.sort_values(["place", "known", "recorded"], kind="stable")
    return placed.drop_duplicates(["event", "known"], keep="last")


def _as_told(world: World, revisions: pd.DataFrame) -> pd.DataFrame:
    """Revisions as rows of table `events`."""
    events = world.records.events
    at = revisions["event"].to_numpy()
    take = {c: events[c].to_numpy()[at] for c in events}
    keys = np.array([*place_keys(world), None], dtype=object)
    code = take["code"]
    status = revisions["status"].to_numpy().astype(int)
    return pd.DataFrame(
        {
            "source": words(list(SOURCES), take["source"]),
            "event_id": pd.array(event_ids(world)[at], dtype="str"),
            "known_at": instants(revisions["known"].to_numpy()),
            "occurred_at": instants(take["occurred"]),
            "grid_id": words([*world.codes.vocabulary, ""], np.where(code < 0, len(world.codes.vocabulary), code)),
            "category": words(list(CATEGORIES), revisions["category"].to_numpy()),
            "closed_at": instants(revisions["closed"].to_numpy()),
            "due_at": instants(take["due"]),
            "severity": pd.array(revisions["severity"].to_numpy().astype(int), dtype="Int64"),
            "origin": words(["citizen", "proactive"], take["origin"]),
            "near_grid_id": words(world.codes.vocabulary, take["near"]),
            "place_key": pd.array(keys[take["dispute"]], dtype="str"),
            "case_id": pd.array(case_ids(world)[at], dtype="str"),
            "org_code": words(world.geo.county_id, take["county"]),
            "status": words(list(STATUSES), status),
            "outcome": words(["success", "fail"], np.where(status == 2, 0, np.where(status == 3, 1, -1))),
            "tags": _tags(revisions["tags"].to_numpy().astype(int)),
            "retracted": np.zeros(len(at), dtype=bool),
        }
    )


def _tags(bits: np.ndarray) -> pd.Categorical:
    """Flags of each row, a bit each, as words."""
    vocabulary = sorted(set(bits.tolist()))
    texts = [" ".join(t for i, t in enumerate(FLAGS) if b >> i & 1) for b in vocabulary]
    return words(texts, np.searchsorted(vocabulary, bits))


def folder_of(number: int) -> str:
    """Name of the folder of a city among those of its country."""
    return f"city-{number:02d}"


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
    return pd.DataFrame(
        {
            "grid_id": words(geo.grid_id, grid),
            "kind": words(list(_KINDS), kind),
            "n": counts[grid, kind].astype(float),
        }
    )


@checked
def read_truth(path: str | Path, *, number: int | None = None) -> dict[str, pd.DataFrame]:
    """The truth of a city written at `path`. Only a judge may open it.

    Parameters
    ----------
    path
        Folder of the store, not of the truth.
    number
        Which city of a country (:func:`riskwarn.simulation.country`) is meant; a city alone has no number.

    Returns
    -------
    truth
        Tables by name, as :attr:`City.truth`.

    Raises
    ------
    NotFoundError
        There is none beside the store.

    Examples
    --------
    >>> read_truth("no/such/city")
    Traceback (most recent call last):
        ...
    riskwarn.errors.NotFoundError: no/such/city-truth: no truth beside this store; ...
    """
    folder = Path(f"{path}{TRUTH_SUFFIX}") / ("" if number is None else folder_of(number))
    if not any(folder.glob("*.parquet")):
        raise NotFoundError(
            f"{folder}: no truth beside this store; it is written by riskwarn.simulation.city(...).write(path), and by "
            "riskwarn.simulation.country for each of its cities, which are told apart by number."
        )
    return {part.stem: pd.read_parquet(part) for part in sorted(folder.glob("*.parquet"))}
