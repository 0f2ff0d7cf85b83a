"""Silence in a store without a feed of grid workers: ``python benchmarks/residents.py [--shared DIR] [--seeds 71,72]``.

One grid in ten falls silent for 90 to 400 days: of its residents' requests .15 are kept, or none of one in five. On police calls of Philadelphia and Sweden, which are a store's only
feed, and on a simulated town (`small`) from which the feeds of workers are taken, by all its residents' channels together and by each. With nothing planted what is listed is false.
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from results import ROOT

from riskwarn import gaps
from riskwarn.gaps import silence
from riskwarn.gaps.evidence import CITIZENS, Evidence
from riskwarn.history import History
from riskwarn.metrics import average_precision
from riskwarn.simulation import city

REAL = (
    ("Philadelphia", "philadelphia/police_incidents", "tract_2020", "America/New_York", "2015-09-01", "2019-01-01"),
    ("Sweden", "sweden_police/events", "municipality", "Europe/Stockholm", "2023-04-01", "2025-09-01"),
)
"""Feeds of police calls: name, file, column that names a grid, clock, first day and the day after the last."""
NIGHTS_BEFORE_END = (28, 210, 392)
OLD_DAYS = 60


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--shared", type=Path, default=Path(os.environ.get("RISKWARN_SHARED", ROOT.parent / "shared")) / "data"
    )
    arguments.add_argument("--seeds", default="71,72")
    arguments.add_argument("--town", type=int, default=61, help="seed of the simulated town")
    ask = arguments.parse_args()
    for name, events, grids, more in stores(ask.shared, ask.town):
        for seed in (None, *ask.seeds.split(",")):
            print(name, "planted" if seed else "as it is", summed(judged(events, grids, more, seed)), flush=True)


def stores(shared: Path, town: int) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame, dict[str, pd.DataFrame]]]:
    """Events of residents, grids and crosswalk of each store."""
    for name, file, place, zone, first, end in REAL:
        calls = pd.read_parquet(shared / f"{file}.parquet", columns=["occurred_at", "event_id", place]).dropna()
        calls = calls[(calls["occurred_at"] >= first) & (calls["occurred_at"] < end)].reset_index(drop=True)
        at = calls["occurred_at"].dt.tz_localize(zone, ambiguous=False, nonexistent="shift_forward").dt.as_unit("us")
        more = {"known_at": at + pd.Timedelta(hours=1), "source": "police_call", "category": "D99", "origin": "citizen"}
        events = calls.assign(occurred_at=at, grid_id=calls[place].astype(str), **more)
        grids = pd.DataFrame({"grid_id": np.unique(events["grid_id"]), "valid_from": at.min() - pd.Timedelta(days=900)})
        yield name, events.drop(columns=place), grids.assign(county_id="C", community_id=grids["grid_id"]), {}
    one = city("small", seed=town).tables
    for name, sources in (("town, jointly", CITIZENS), *((f"town, {source}", (source,)) for source in CITIZENS)):
        events = one["events"][one["events"]["source"].isin(sources)]
        yield name, events.assign(source=events["source"].astype(str)), one["grids"], {"crosswalk": one["crosswalk"]}


def judged(events: pd.DataFrame, grids: pd.DataFrame, more: dict[str, pd.DataFrame], seed: str | None) -> pd.DataFrame:
    """Each grid and night: how likely silent, whether listed, and for how many days silent in truth."""
    begun, days = events["occurred_at"].min(), (events["occurred_at"].max() - events["occurred_at"].min()).days
    spells = _spells(np.unique(grids["grid_id"]), days, seed)
    left = _thinned(events, begun, spells, seed)
    rows = []
    for before in NIGHTS_BEFORE_END:
        night = (begun + pd.Timedelta(days=days - before)).normalize()
        valid = grids[grids["valid_from"] <= night]
        valid = valid[valid["valid_to"].isna() | (valid["valid_to"] > night)] if "valid_to" in valid else valid
        evidence = Evidence(History.of(left, valid, until=left["known_at"].max(), tables=more), night)
        awake = silence.awake_chance(silence.liveness(evidence), np.arange(evidence.n_grids))[:, -1]
        found = gaps.find_gaps(evidence, as_of=night, kinds=["G01"])
        found = found[(found["state"] == "open") & found["suppressed_by"].isna()]
        table = pd.DataFrame({"night": night, "silent": 1 - awake, "age": 0}, index=evidence.grid_ids)
        on = spells[(spells["first"] < days - before) & (spells["last"] >= days - before)]
        on = on[on.index.isin(table.index)]
        table.loc[on.index, "age"] = days - before - on["first"]
        rows.append(table.assign(listed=("grid:" + table.index).isin(found["scope"])))
    return pd.concat(rows, ignore_index=True)


def _spells(grid_ids: np.ndarray, days: int, seed: str | None) -> pd.DataFrame:
    """One grid in ten, its first and last day of silence, and the share of its requests that is kept; none without a seed."""
    rng = np.random.default_rng(int(seed or 0))
    silent = rng.permutation(grid_ids)[: len(grid_ids) // 10 if seed else 0]
    first = rng.integers(days // 3, days - OLD_DAYS, len(silent))
    last = np.minimum(first + rng.integers(90, 401, len(silent)), days + 1)
    kept = np.where(rng.random(len(silent)) < 0.8, 0.15, 0.0)
    return pd.DataFrame({"first": first, "last": last, "kept": kept}, index=silent)


def _thinned(events: pd.DataFrame, begun: pd.Timestamp, spells: pd.DataFrame, seed: str | None) -> pd.DataFrame:
    day = (events["occurred_at"] - begun).dt.days
    own = spells.reindex(events["grid_id"]).set_index(events.index)
    within = (day >= own["first"]) & (day < own["last"])
    luck = np.random.default_rng(int(seed or 0) + 1).random(len(events))
    return events[~(within & (luck >= own["kept"]))]


def summed(table: pd.DataFrame) -> str:
    listed, old = table[table["listed"]], table[table["age"] >= OLD_DAYS]
    told = [f"{len(listed)} listed of {len(table)} grid-nights"]
    if len(old):
        nights = [n for _, n in table[(table["age"] == 0) | (table["age"] >= OLD_DAYS)].groupby("night")]
        precision = np.mean([average_precision(n["age"].to_numpy() > 0, n["silent"].to_numpy()) for n in nights])
        told.append(f"average precision {precision:.3f}, {int(old['listed'].sum())} of {len(old)} silences found")
    if len(listed):
        told.append(f"promised {listed['silent'].mean():.2f}, kept {(listed['age'] > 0).mean():.2f}")
    return "; ".join(told)


if __name__ == "__main__":
    main()
