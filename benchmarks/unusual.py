"""Which law tells surges best: ``python benchmarks/unusual.py [--shared DIR] [--listed]`` writes two tables of docs/gaps.md.

On the counts of a simulated town and of four public feeds one grid in twenty gets a surge planted into its last week: Poisson events, two and twice its mean. Each
law ranks the grids by its p; its listings below p 0.001 where nothing was planted are held against the one in a thousand it promises.
``--listed`` tells how often the law in use lists, with nothing planted, over all weeks of the second half of each feed, and over all weeks of three
feeds more, by the law's own word and as held against the feed's past weeks.
"""

import argparse
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from results import ROOT
from scipy import stats

from riskwarn.arrivals import lower_tail, read, upper_tail
from riskwarn.gaps import discovered
from riskwarn.metrics import average_precision
from riskwarn.simulation import city
from riskwarn.unusual import weekly_reading, weekly_tail

REAL = (
    ("Philadelphia police", "philadelphia/police_incidents", ["tract_2020"]),
    ("Boston requests", "boston_311/service_requests_2015", ["ward", "precinct"]),
    ("New York felonies", "nyc_grid/felony_complaints", ["cell_row", "cell_col"]),
    ("Sweden police", "sweden_police/events", ["municipality"]),
)
"""Public feeds: name, file, columns that name a grid."""
FRESH = (
    ("Portland thefts", "portland_nij/burglary_vehicle_theft_calls", ["district"]),
    ("Detroit complaints", "detroit_police_complaints/complaints_2016_2019", ["precinct"]),
    ("San Luis Obispo calls", "slo_police_calls/calls_2021_2022", ["grid"]),
)
"""Feeds on which nothing was chosen."""
FIRST_WEEK, LEAST = 20, 3
PLANTED, UNLIKELY, WARM_DAYS, N_ENDS = 0.05, 1e-3, 560, 5


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--shared", type=Path, default=Path(os.environ.get("RISKWARN_SHARED", ROOT.parent / "shared")) / "data"
    )
    arguments.add_argument(
        "--listed", action="store_true", help="how often the law in use lists where nothing is planted"
    )
    ask = arguments.parse_args()
    if ask.listed:
        write("surges listed", listed_table(ask.shared))
        return
    rows = []
    for name, daily in feeds(ask.shared):
        judged = pd.concat(
            judge(daily, end)
            for end in np.linspace(min(WARM_DAYS, daily.shape[1] // 2), daily.shape[1], N_ENDS).astype(int)
        )
        for law, one in judged.groupby("law", sort=False):
            cells = (
                one["precision"].mean(),
                1000 * one["false"].sum() / one["grids"].sum(),
                one["hit"].sum() / one["planted"].sum(),
            )
            rows.append(f"| {name} | {law} | {cells[0]:.3f} | {cells[1]:.2f} | {cells[2]:.2f} |")
    head = "| feed | law | average precision | listed of 1,000 usual weeks | surges listed |\n| --- | --- | --- | --- | --- |"
    write("surge laws", "\n".join([head, *rows]))


def write(name: str, table: str) -> None:
    print(table)
    target = ROOT / "docs" / "gaps.md"
    marked = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
    target.write_text(
        re.sub(marked, lambda m: f"{m[1]}{table}\n{m[2]}", target.read_text("utf-8"), flags=re.DOTALL), "utf-8"
    )


def feeds(shared: Path) -> Iterator[tuple[str, np.ndarray]]:
    """(grids, days) events of each feed."""
    events = city("small", seed=11).tables["events"].drop_duplicates("event_id")
    for source, own in events[events["grid_id"] != ""].groupby("source", observed=True):
        yield f"simulated {source}", by_day(own["grid_id"], own["occurred_at"])
    yield from public(shared, REAL)


def public(shared: Path, which: tuple[tuple[str, str, list[str]], ...]) -> Iterator[tuple[str, np.ndarray]]:
    for name, file, place in which:
        path = shared / f"{file}.parquet"
        if path.exists():
            calls = pd.read_parquet(path, columns=["occurred_at", *place]).dropna()
            yield name, by_day(calls.groupby(place).ngroup(), calls["occurred_at"])


def listed_table(shared: Path) -> str:
    """How many of 1,000 grid-weeks lie below p 0.001, and are listed, nothing planted."""
    lines = [
        "| feed | grids | weeks | below 0.001, law alone | held against past weeks | listed, law alone | held against past weeks |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    whole = [(name, weeks(daily)) for name, daily in public(shared, FRESH)]
    halves = [(name, weeks(daily)) for name, daily in feeds(shared)]
    for name, weekly, first in [
        *((name, w, w.shape[1] // 2) for name, w in halves),
        *((name, w, FIRST_WEEK) for name, w in whole),
    ]:
        told = np.mean([told_of(weekly[:, : end + 1]) for end in range(first, weekly.shape[1])], axis=0)
        cells = " | ".join(f"{1000 * share:.2f}" for share in told)
        lines.append(f"| {name} | {len(weekly)} | {weekly.shape[1] - first} | {cells} |")
    return "\n".join(lines)


def told_of(weekly: np.ndarray) -> tuple[float, ...]:
    """Shares of grids below p 0.001, and listed, in the last week: by the law alone, and held against past weeks."""
    p = [weekly_reading(weekly, tail)["p_high"].to_numpy() for tail in (None, weekly_tail(weekly))]
    below = [one < UNLIKELY for one in p]
    surged = [low & discovered(one) & (weekly[:, -1] >= LEAST) for low, one in zip(below, p, strict=True)]
    return tuple(float(one.mean()) for one in (*below, *surged))


def by_day(grid: pd.Series, at: pd.Series) -> np.ndarray:
    number, day = pd.factorize(grid)[0], (at - at.min()).dt.days.to_numpy()
    n_days = int(day.max()) + 1
    return np.bincount(number * n_days + day, minlength=(number.max() + 1) * n_days).reshape(-1, n_days).astype(float)


def judge(daily: np.ndarray, end: int) -> pd.DataFrame:
    """Each law on the last week before a day, with surges planted and without."""
    rng, usual = np.random.default_rng(end), daily[:, :end]
    chosen = rng.random(len(usual)) < PLANTED
    more = rng.poisson(2 * weeks(usual)[:, -16:-1].mean(axis=1) + 2) * chosen
    surged, real = usual.copy(), more > 0
    surged[:, -3] += more
    rows = []
    for law, p_of in LAWS.items():
        calm, p = p_of(usual), p_of(surged)
        rows.append(
            (
                law,
                average_precision(real, -p),
                int((calm < UNLIKELY).sum()),
                len(usual),
                int((p[real] < UNLIKELY).sum()),
                int(real.sum()),
            )
        )
    return pd.DataFrame(rows, columns=["law", "precision", "false", "grids", "hit", "planted"])


def weeks(daily: np.ndarray) -> np.ndarray:
    return daily[:, daily.shape[1] % 7 :].reshape(len(daily), -1, 7).sum(axis=2)


def in_use(daily: np.ndarray) -> np.ndarray:
    return weekly_reading(weeks(daily), weekly_tail(weeks(daily)))["p_high"].to_numpy()


def alone(daily: np.ndarray) -> np.ndarray:
    """The law in use, by its own word."""
    return weekly_reading(weeks(daily))["p_high"].to_numpy()


def gamma_poisson(daily: np.ndarray) -> np.ndarray:
    """What the surge finder used: the grid's own fifteen weeks and the city's mean week as one more, Poisson about it."""
    past, now = weeks(daily)[:, -16:-1].sum(axis=1), weeks(daily)[:, -1]
    size = past + max(past.mean() / 15, 1e-9)
    return stats.nbinom.sf(now - 1, size, size / (size + size / 16))


def deviations(daily: np.ndarray) -> np.ndarray:
    """What the pages used: standard deviations of the fifteen weeks, at least Poisson's."""
    past, now = weeks(daily)[:, -16:-1], weeks(daily)[:, -1]
    mean = past.mean(axis=1)
    return stats.norm.sf((now - mean) / np.maximum(np.sqrt(np.maximum(mean, 1)), past.std(axis=1, ddof=1)))


def of_streams(daily: np.ndarray) -> np.ndarray:
    """What gaps and monitors use for whole feeds: median of eight weeks, weekdays and scatter of a year."""
    reading = read(daily)
    observed, due, variance = (x[-1, :, -1] for x in (reading.observed, reading.due, reading.variance))
    return np.where(observed >= due, upper_tail(observed, due, variance), 1 - lower_tail(observed, due, variance))


LAWS = {
    "in use": in_use,
    "by its own word": alone,
    "gamma-Poisson": gamma_poisson,
    "deviations": deviations,
    "of streams": of_streams,
}

if __name__ == "__main__":
    main()
