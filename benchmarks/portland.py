"""The NIJ challenge on Portland: riskwarn's cells beside those the winner submitted, by the challenge's own PAI and PEI."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from plain import table

from riskwarn import metrics
from riskwarn.experiment import Experiment
from riskwarn.history import History, Stream
from riskwarn.model import RiskModel
from riskwarn.panel import build_panel

ROOT = Path(__file__).parent.parent
WINDOWS = {"1WK": 7, "2WK": 14, "1MO": 31, "2MO": 61}
CRIMES = {"BURG": "BURGLARY", "TOA": "MOTOR VEHICLE THEFT"}
START = pd.Timestamp("2017-03-01")
ZONE = "America/Los_Angeles"


def answer(shared: Path, folder: Path) -> dict:
    """Hits, PAI and PEI of the winner, of the model and of two counts, for eight entries."""
    del folder
    sys.path.insert(0, str(ROOT / "tests"))
    import test_yardstick as yardstick  # the lattice of the submitted cells is rebuilt there, and proved

    yardstick.SHARED = shared

    cells, calls, _, city_area = yardstick.portland()
    rows = {}
    for crime, horizon in ((c, h) for c in CRIMES for h in WINDOWS):
        entry = cells[(cells["crime"] == CRIMES[crime]) & (cells["horizon"] == horizon)]
        lattice = yardstick.lattice(entry)
        area = yardstick.portland_cells(*(tuple(v) if np.ndim(v) else v for v in lattice)).copy()
        area[entry["cell_id"]] = entry["area_sqft"].to_numpy() / yardstick.SQUARE_MILE
        rows[f"{crime} {horizon}"] = _entry(CRIMES[crime], WINDOWS[horizon], entry, lattice, area, calls, city_area)
        print(crime, horizon, rows[f"{crime} {horizon}"], flush=True)
    return {
        "about": "`experiments/portland_nij.toml`. The real entries of Team Kernel Glitches, winner of several categories. For each, riskwarn marks as many of the same cells, "
        "trained on windows that ended before 2017-03-01; PAI and PEI as the challenge defines them.",
        "tables": [_table(pd.DataFrame.from_dict(rows, orient="index"))],
    }


def _table(rows: pd.DataFrame) -> dict:
    total = rows[["events", *(c for c in rows if str(c).startswith("hits"))]].sum()
    rows.loc["all"] = total.reindex(rows.columns)
    rows = rows.convert_dtypes()
    title = "hits, PAI and PEI; the interval is of riskwarn's hits less the winner's, calls resampled"
    return table(title, rows, digits=2)


def _entry(
    crime: str, days: int, entry: pd.DataFrame, lattice: tuple, area: pd.Series, calls: pd.DataFrame, city_area: float
) -> dict:
    corner, right, up, n_columns = lattice
    place = (calls[["x_ft", "y_ft"]] - corner) @ np.linalg.inv(np.column_stack([right, up])).T
    number = (np.floor(place[0]) - np.floor(place[1]) * n_columns + 1).astype(int)
    inside = number.isin(area.index)
    history = history_of(calls[inside], number[inside], area, right, up, n_columns)
    score = forecast(history, crime, days)
    mine = calls["category"] == crime
    seen = mine & (calls["occurred_at"] >= START) & (calls["occurred_at"] < START + pd.Timedelta(days=days))
    past = mine & (calls["occurred_at"] < START)
    y, before = (
        number[which & inside].value_counts().reindex(area.index, fill_value=0).to_numpy(dtype=float)
        for which in (seen, past)
    )
    k, winner = len(entry), area.index.isin(entry["cell_id"]).astype(float)
    lists = {"winner": winner, "riskwarn": score, "all_history": before}
    marked = {name: metrics.listed(y, s, k=k, ties="order") > 0 for name, s in lists.items()}
    found: dict = {"events": int(seen.sum()), "cells": k}
    found |= {f"hits_{name}": round(float(y[m].sum())) for name, m in marked.items()}
    found |= {
        f"pai_{name}": metrics.pai(y, s, area, k=k, ties="order", total_area=city_area) for name, s in lists.items()
    }
    found |= {f"pei_{name}": metrics.pei(y, lists[name], k=k, ties="order") for name in ("winner", "riskwarn")}
    event = np.repeat(np.arange(len(y)), y.astype(int))
    gain = marked["riskwarn"][event].astype(float) - marked["winner"][event]
    draws = np.random.default_rng(7).choice(gain, (2000, len(gain))).sum(axis=1)
    return found | dict(zip(("less", "more"), np.quantile(draws, [0.025, 0.975]).tolist(), strict=True))


def history_of(
    calls: pd.DataFrame, number: pd.Series, area: pd.Series, right: np.ndarray, up: np.ndarray, n_columns: int
) -> History:
    """The calls in the cells of a lattice; a cell is a grid, its number the name."""
    column, row = (area.index - 1) % n_columns, (area.index - 1) // n_columns
    centre = (np.outer(column, right) - np.outer(row, up)) * 0.3048 / 1000
    grids = pd.DataFrame(
        {
            "grid_id": _names(area.index),
            "valid_from": pd.Timestamp("2012-01-01", tz=ZONE),
            "area_km2": area.to_numpy() * 2.59,
            "x_km": centre[:, 0],
            "y_km": centre[:, 1],
        }
    )
    at = calls["occurred_at"].dt.tz_localize(ZONE).dt.tz_convert(None).dt.as_unit("us")
    events = pa.table(
        {
            "source": pa.array(["police_call"] * len(calls)),
            "category": calls["category"].str.lower().str.replace(" ", "_").to_numpy(),
            "grid_id": _names(number),
            "occurred_at": pa.array(at).cast(pa.timestamp("us", "UTC")),
        }
    )
    return History.punctual(events, grids, timezone=ZONE, until="2017-06-01")


def _names(numbers) -> np.ndarray:
    return np.array([f"{n:06d}" for n in numbers], dtype=object)


def forecast(history: History, crime: str, days: int) -> np.ndarray:
    """(cells,) expected calls from 2017-03-01, of a model trained on what had settled by then."""
    asked = Experiment.load(ROOT / "experiments" / "portland_nij.toml")
    stream = Stream("police_call", (crime.lower().replace(" ", "_"),))
    dates = dataclasses.replace(asked.dates, last=(START - pd.Timedelta(days=days)).date())
    first = dates.last - 12 * pd.Timedelta(days=28)
    dates = dataclasses.replace(dates, first=first)
    asked = dataclasses.replace(
        asked, label=dataclasses.replace(asked.label, streams=(stream,), days=days), dates=dates
    )
    model = RiskModel.of(asked).fit(build_panel(history, asked))
    return model.predict(build_panel(history, asked, as_of=START))["expected"].to_numpy()
