"""A country: cities side by side, made one after the other, so that of each process no more than one of them is ever in memory."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil
from pathlib import Path

from riskwarn.calling import checked
from riskwarn.distributed.engine import Engine
from riskwarn.distributed.panel import gathered
from riskwarn.distributed.task import Work
from riskwarn.errors import DataError, DefinitionError
from riskwarn.history.memory import give_back
from riskwarn.simulation.city import TRUTH_SUFFIX, city_of, folder_of
from riskwarn.simulation.dirt import dirty_export
from riskwarn.simulation.setting import MOST_CITIES, TIMEZONE, Preset, Setting, make_setting
from riskwarn.store import Store
from riskwarn.store.parquet import write_bytes

CITIES_SUFFIX = "-cities"
"""Of the folder in which the cities of a country wait until all of them are there."""
_ASKED = "country.json"


@dataclass(frozen=True)
class Plan:
    """What all cities of a country share that are made.

    Parameters
    ----------
    asked
        What each of them is asked to be.
    folder
        Where they are put, each in a folder of its own.
    truths
        Where their truth is put; none where nobody wants it.
    """

    asked: Sequence[Setting]
    folder: Path
    truths: Path | None


@checked
def settings(
    n_grids: int, *, preset: str | Preset = "city", seed: int = 7, reports_per_year: float = 60.0
) -> list[Setting]:
    """What each city of a country is asked to be.

    Parameters
    ----------
    n_grids
        Grids of the country on its first day.
    preset
        How large its cities are at the most, and how long they live; each has as many grids as the next, give or take one, and in
        proportion counties, townships, faults and all else.
    seed
        Equal seeds give equal countries. City `k` has seed ``100 * seed + k``.
    reports_per_year
        As for :func:`riskwarn.simulation.city`.

    Returns
    -------
    settings
        One a city, numbered from 1.

    Raises
    ------
    DefinitionError
        Less than half a city, or more than 99 of them.

    Examples
    --------
    >>> [(s.number, s.seed, s.preset.grids, s.preset.townships) for s in settings(301, preset="tiny")]
    [(1, 701, 151, 7), (2, 702, 150, 7)]
    """
    whole = make_setting(preset, seed=seed, reports_per_year=reports_per_year)
    size = whole.preset
    n_cities = ceil(n_grids / size.grids)
    if 2 * n_grids < size.grids or n_cities > MOST_CITIES:
        raise DefinitionError(
            f"a country of cities of {size.grids:,} grids has {ceil(size.grids / 2):,} to {MOST_CITIES * size.grids:,} grids, got "
            f"{n_grids:,}; choose another preset."
        )
    sizes = [(n_grids + n_cities - k) // n_cities for k in range(1, n_cities + 1)]
    return [
        replace(whole, preset=_scaled(size, n), seed=100 * seed + k, number=k) for k, n in enumerate(sizes, start=1)
    ]


def _scaled(size: Preset, n_grids: int) -> Preset:
    """The same kind of city with other grids; what a city has any of, it keeps one of."""
    lasting = {"grids": n_grids, "days": size.days, "first_as_of": size.first_as_of}
    counts = {name: n for name, n in asdict(size).items() if name not in lasting}
    return Preset(**lasting, **{name: max(round(n * n_grids / size.grids), min(n, 1)) for name, n in counts.items()})


@checked
def country(
    path: str | Path,
    n_grids: int,
    *,
    preset: str | Preset = "city",
    seed: int = 7,
    reports_per_year: float = 60.0,
    truth: bool = True,
    jobs: int = 1,
) -> Store:
    """Write a country as a store at `path`, and the truth of each of its cities apart, in ``path-truth/city-01`` and so on.

    Each city is made alone and written to ``path-cities``; when all are there, they become one store, a file after the other. A run
    that broke off goes on with the city it was at. A city of the country is :func:`riskwarn.simulation.city` of its seed, size and
    number: it differs in no record.

    Parameters
    ----------
    path
        Folder of the store, which must not be there yet.
    n_grids, preset, seed, reports_per_year
        As for :func:`settings`.
    truth
        Whether the truth is written as well.
    jobs
        Processes of this machine that make cities side by side; each holds one city, about half a megabyte a grid of it.

    Returns
    -------
    store
        The country as a centre holds it.

    Raises
    ------
    DefinitionError
        As for :func:`settings`.
    DataError
        There is a store at `path`, or `path-cities` holds cities of another country.
    """
    asked = settings(n_grids, preset=preset, seed=seed, reports_per_year=reports_per_year)
    store, waiting = Store(path, timezone=TIMEZONE), Path(f"{path}{CITIES_SUFFIX}")
    if not store.is_new:
        raise DataError(f"{path}: there is a store already; a country is written to a folder of its own.")
    _begin(waiting, [asdict(setting) | {"without": sorted(setting.without)} for setting in asked])
    plan = Plan(asked, waiting, Path(f"{path}{TRUTH_SUFFIX}") if truth else None)
    lacking = [k for k, setting in enumerate(asked) if not (waiting / folder_of(setting.number)).exists()]
    _made(write_city, lacking, plan, jobs)
    with store.transaction() as staged:
        staged.unite([Store(waiting / folder_of(setting.number)) for setting in asked])
    shutil.rmtree(waiting)
    return store


def _begin(waiting: Path, asked: list[dict[str, object]]) -> None:
    """Leave word of which country's cities wait here."""
    place, body = waiting / _ASKED, json.dumps(asked).encode()
    if place.exists() and place.read_bytes() != body:
        raise DataError(f"{waiting} holds cities of another country; take it away, or choose another folder.")
    write_bytes(place, body)


def write_city(plan: Plan, k: int) -> None:
    """Make a city and write it; its folder is there when all of it is."""
    give_back()  # what the city before left
    made, name = city_of(plan.asked[k]), folder_of(plan.asked[k].number)
    partial, aside = plan.folder / f"{name}.partial", plan.folder / f"{name}.partial{TRUTH_SUFFIX}"
    for left in (partial, aside, *([plan.truths / name] if plan.truths else [])):
        shutil.rmtree(left, ignore_errors=True)
    made.write(partial, truth=plan.truths is not None)
    if plan.truths:
        plan.truths.mkdir(parents=True, exist_ok=True)
        aside.rename(plan.truths / name)
    partial.rename(plan.folder / name)


@checked
def dirty_country(
    out: str | Path,
    n_grids: int,
    *,
    preset: str | Preset = "city",
    seed: int = 7,
    reports_per_year: float = 60.0,
    jobs: int = 1,
) -> list[int]:
    """Write what the departments of each city of a country export: ``out/city-01`` and so on.

    Parameters
    ----------
    out
        Folder for the folders of the cities; what each row should become lies beside each, as :func:`dirty_export` writes it.
    n_grids, preset, seed, reports_per_year
        As for :func:`settings`.
    jobs
        As for :func:`country`.

    Returns
    -------
    n_rows
        Rows written of each city.
    """
    asked = settings(n_grids, preset=preset, seed=seed, reports_per_year=reports_per_year)
    return _made(write_exports, range(len(asked)), Plan(asked, Path(out), None), jobs)


def write_exports(plan: Plan, k: int) -> int:
    """Make a city and write what its departments export; how many rows."""
    give_back()  # what the city before left
    return len(dirty_export(city_of(plan.asked[k]), plan.folder / folder_of(plan.asked[k].number)))


def _made(work: Work, numbers: Sequence[int], plan: Plan, jobs: int) -> list[int]:
    """Cities are made here, or in processes side by side."""
    with Engine(jobs=min(jobs, max(len(numbers), 1))).started() as running:
        return gathered(running, work, numbers, plan, desc="cities")
