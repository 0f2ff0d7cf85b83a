"""Changes of recording on Philadelphia's police feed: ``python benchmarks/recording.py [--shared DIR]``.

Prints what the law tells on the Mondays of each year as the data are, and what it finds of changes that are planted from a day on: tracts written under the
nearest other tract, a category of one county written as another, and a county in which every record but the gravest comes twice. Counties are ten
parts of the list of tracts; the categories and tracts are drawn.
"""

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from results import ROOT, open_store

from riskwarn.clock import micros
from riskwarn.history import History
from riskwarn.monitoring.recording import recording_marks
from riskwarn.monitoring.tally import tallies

N_TRACTS, N_COUNTIES = 24, 10
PLANTED = {101: "2017-03-06", 102: "2018-02-05", 103: "2019-09-02"}
"""Days from which, by seed; other days and seeds were looked at when the law was made."""
AFTER_DAYS = (28, 56, 112, 270)
CAMPAIGN_DAYS = 28
GRAVE = ("homicide_criminal", "robbery_firearm", "aggravated_assault_firearm")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--shared", type=Path, default=Path(os.environ.get("RISKWARN_SHARED", ROOT.parent / "shared")) / "data"
    )
    with tempfile.TemporaryDirectory() as folder:
        store = open_store("philadelphia", Path(folder), arguments.parse_args().shared)
        if store is None:
            return
        events, grids = store.read("events"), store.read("grids")
    grids["county_id"] = [f"C{k}" for k in np.arange(len(grids)) * N_COUNTIES // len(grids)]
    events["severity"] = np.where(events["category"].isin(GRAVE), 2, 0)
    print(as_it_is(events, grids).to_string(index=False), planted(events, grids).to_string(index=False), sep="\n\n")


def marks_at(history: History, night: pd.Timestamp) -> pd.DataFrame:
    return recording_marks(history, tallies(history, micros(night.tz_localize(history.timezone))))


def as_it_is(events: pd.DataFrame, grids: pd.DataFrame) -> pd.DataFrame:
    """Spells of each mark over the Mondays from September 2016 on; four weeks without it end one."""
    history = History.of(events, grids, timezone="America/New_York")
    nights = pd.date_range("2016-09-05", "2022-12-26", freq="7D")
    told = pd.concat([marks_at(history, night).assign(night=night) for night in nights], ignore_index=True)
    rows = []
    for (scope, fault), part in told.groupby(["scope", "fault"]):
        number = (part["night"].diff() > pd.Timedelta(days=28)).cumsum()
        rows += [
            (
                spell["night"].iloc[0],
                len(spell),
                scope,
                fault,
                spell["state"].iloc[0],
                *spell.iloc[-1][["observed", "expected"]],
            )
            for _, spell in part.groupby(number)
        ]
    columns = ["first", "Mondays", "scope", "fault", "state", "observed", "expected"]
    return pd.DataFrame(rows, columns=columns).sort_values("first", kind="stable")


def planted(events: pd.DataFrame, grids: pd.DataFrame) -> pd.DataFrame:
    """Of each kind and day planted, how many are told so many days later, and what else is told of that kind."""
    rows = []
    for seed, day in PLANTED.items():
        since = pd.Timestamp(day, tz="America/New_York")
        for kind, plant in (("moved", _moved), ("recoded", _recoded), ("campaign", _campaign)):
            changed, wanted = plant(events, grids, since, np.random.default_rng(seed))
            until = since + pd.Timedelta(days=AFTER_DAYS[-1] + 1)
            history = History.of(changed[changed["known_at"] < until], grids, timezone="America/New_York")
            for days in AFTER_DAYS:
                marks = marks_at(history, pd.Timestamp(day) + pd.Timedelta(days=days))
                found = {*marks.loc[marks["fault"].str.startswith(kind), "scope"]}
                rows.append((kind, day, days, len(wanted), len(found & wanted), len(found - wanted)))
    columns = ["kind", "from", "days later", "planted", "told", "others told"]
    return pd.DataFrame(rows, columns=columns).groupby(["kind", "days later"]).sum(numeric_only=True).reset_index()


def _moved(events: pd.DataFrame, grids: pd.DataFrame, since: pd.Timestamp, rng: np.random.Generator):
    """Tracts with at least one record a week in the year before, each written under the nearest one that is not drawn."""
    usual = events[(events["occurred_at"] < since) & (events["occurred_at"] >= since - pd.Timedelta(days=364))]
    often = usual["grid_id"].value_counts()
    drawn = rng.choice(np.sort(often.index[(often >= 52).to_numpy()]), N_TRACTS, replace=False)
    place = grids.set_index("grid_id")[["x_km", "y_km"]] if "x_km" in grids else _centres(grids)
    others = place.drop(index=drawn)
    heirs = {g: others.index[((others - place.loc[g]) ** 2).sum(axis=1).to_numpy().argmin()] for g in drawn}
    late = (events["occurred_at"] >= since) & events["grid_id"].isin(drawn)
    changed = events.assign(grid_id=events["grid_id"].mask(late, events["grid_id"].map(heirs)))
    return changed, {f"feed:police_call@grid:{g}>{heir}" for g, heir in heirs.items()}


def _centres(grids: pd.DataFrame) -> pd.DataFrame:
    import shapely

    centre = shapely.centroid(shapely.from_wkt(grids["geometry"].to_numpy(dtype=object)))
    return pd.DataFrame({"x": shapely.get_x(centre), "y": shapely.get_y(centre)}, index=grids["grid_id"])


def _recoded(events: pd.DataFrame, grids: pd.DataFrame, since: pd.Timestamp, rng: np.random.Generator):
    """In each county one of its eight most frequent categories comes as another of them."""
    county, late, scopes = (
        events["grid_id"].map(grids.set_index("grid_id")["county_id"]),
        events["occurred_at"] >= since,
        set(),
    )
    category = events["category"].astype(object).copy()
    for name in np.unique(grids["county_id"]):
        mine = (county == name) & late
        frequent = events.loc[(county == name) & ~late, "category"].value_counts().index[:8]
        gone, came = rng.choice(np.array(frequent, dtype=object), 2, replace=False)
        category[mine & (events["category"] == gone)] = came
        scopes.add(f"feed:police_call/county:{name}@{gone}>{came}")
    return events.assign(category=category), scopes


def _campaign(events: pd.DataFrame, grids: pd.DataFrame, since: pd.Timestamp, rng: np.random.Generator):
    """In four counties every record but the gravest comes twice for four weeks, then as before."""
    names = rng.choice(np.unique(grids["county_id"]), 4, replace=False)
    county = events["grid_id"].map(grids.set_index("grid_id")["county_id"])
    last = since + pd.Timedelta(days=CAMPAIGN_DAYS)
    twice = events[county.isin(names) & (events["severity"] == 0) & events["occurred_at"].between(since, last)]
    more = twice.assign(event_id=twice["event_id"].astype(str) + "again")
    return pd.concat([events, more], ignore_index=True), {f"feed:police_call/county:{n}@reporting" for n in names}


if __name__ == "__main__":
    main()
