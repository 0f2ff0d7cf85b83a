"""The yardstick proved: published and hand-made reference tables on real data, reproduced to the printed digits by our metrics.

The tables lie beside public data that is not part of the repository: in the folder RISKWARN_SHARED names, or ../shared.
"""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from riskwarn import metrics

SHARED = Path(os.environ.get("RISKWARN_SHARED") or Path(__file__).parents[2] / "shared") / "data"


def folder(name):
    """The folder of a data set, or a skip with the reason."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"no {path}: set RISKWARN_SHARED to the folder that holds data/{name}")
    return path


def monthly_or_weekly_counts(places, ids, periods):
    """(grids, periods) Events per place and period; a place or period not asked for does not count."""
    place = pd.Categorical(places, categories=ids).codes
    table = np.zeros((len(ids), int(periods.max()) + 1))
    np.add.at(table, (place[place >= 0], periods[place >= 0]), 1)
    return table


def judged(y, past, area, span, share, columns):
    """One row of a reference table: the list by the events of the last `span` periods, over all periods judged.

    `y` and `past` are (grids, periods): the events of each period, and those of the `span` periods before it.
    """
    nights = range(y.shape[1])
    k = int(metrics.listed(y[:, 0], past[:, 0], share=share).sum())
    listing = {"share": share, "ties": "order"}
    captured = np.array([metrics.capture(y[:, t], past[:, t], **listing) for t in nights])
    found = {
        "top_k": k,
        "events_scored": int(y.sum()),
        "captured_share": round(float(np.average(captured, weights=y.sum(axis=0))), 4),
        "mean_pai": round(float(np.mean([metrics.pai(y[:, t], past[:, t], area, **listing) for t in nights])), 3),
        "mean_share_of_best": round(float(np.mean([metrics.pei(y[:, t], past[:, t], **listing) for t in nights])), 4),
        "mae": round(metrics.mean_absolute_error(y.ravel(), past.ravel() / span), 4),
        "poisson_deviance": round(metrics.poisson_deviance(y.ravel(), past.ravel() / span, floor=0.01), 4),
    }
    return {name: found[name] for name in columns}


def compare(table, counts, *, first, area, group=None):
    """Recompute every row of a reference table from `counts` and require the printed digits."""
    rows = table if group is None else table[table["events"] == group]
    unit = next(c for c in table if c.startswith("mae_per_"))
    n = int(rows.iloc[0][next(c for c in ("weeks", "months") if c in table)])
    columns = [c for c in ("top_k", "events_scored", "captured_share", "mean_pai", "mean_share_of_best") if c in table]
    sums = np.concatenate([np.zeros((len(counts), 1)), counts.cumsum(axis=1)], axis=1)
    y = counts[:, first : first + n]

    assert len(rows) > 0
    for row in rows.itertuples():
        words = row.method.split()
        span = int(words[1]) if words[1].isdigit() else 1
        past = sums[:, first : first + n] - sums[:, first - span : first + n - span]
        expected = {c: getattr(row, c) for c in columns} | {
            "mae": getattr(row, unit),
            "poisson_deviance": row.poisson_deviance,
        }

        assert judged(y, past, area, span, row.top_share, expected) == expected


# --- Philadelphia: 408 tracts, 51 weeks of 2022, 40 rows

PHILADELPHIA = {
    "all 32 categories": None,
    "violence": (
        "Homicide - Criminal",
        "Robbery Firearm",
        "Robbery No Firearm",
        "Aggravated Assault Firearm",
        "Aggravated Assault No Firearm",
    ),
    "dispute-like": (
        "Other Assaults",
        "Disorderly Conduct",
        "Offenses Against Family and Children",
        "Vandalism/Criminal Mischief",
    ),
    "Motor Vehicle Theft": ("Motor Vehicle Theft",),
    "Burglary Residential": ("Burglary Residential",),
}


@cache
def philadelphia():
    """Incidents with a tract as (tract, week from Monday 2015-08-31, category), and the area of each tract, km²."""
    import geopandas as gpd

    path = folder("philadelphia")
    rows = pd.read_parquet(
        path / "police_incidents.parquet", columns=["occurred_at", "tract_2020", "category"]
    ).dropna()
    tracts = gpd.read_file(path / "tracts_2020.geojson").set_index("tract_2020").sort_index()
    rows["week"] = (rows["occurred_at"] - pd.Timestamp("2015-08-31")).dt.days // 7
    return rows, tracts.to_crs(32618).area / 1e6


@pytest.mark.parametrize("group", PHILADELPHIA)
def test_philadelphia_prior_counts(group):
    """All 40 rows: capture, PAI, share of the best list, absolute error and deviance of four prior counts for five groups."""
    table = pd.read_csv(folder("philadelphia") / "reference_scores.csv")
    rows, area = philadelphia()
    kinds = PHILADELPHIA[group]
    rows = rows if kinds is None else rows[rows["category"].isin(kinds)]
    counts = monthly_or_weekly_counts(rows["tract_2020"], area.index, rows["week"].to_numpy())
    first = (pd.Timestamp("2022-01-03") - pd.Timestamp("2015-08-31")).days // 7

    assert set(table["events"]) == set(PHILADELPHIA)
    compare(table, counts, first=first, area=area.to_numpy(), group=group)


def test_philadelphia_ties_move_the_table():
    """Ties by id are one draw of luck: the worst and the best list embrace the table's, and their mean is near it."""
    rows, area = philadelphia()
    rows = rows[rows["category"] == "Burglary Residential"]
    counts = monthly_or_weekly_counts(rows["tract_2020"], area.index, rows["week"].to_numpy())[:, 331 - 4 : 331 + 51]
    nights = range(4, 55)
    found = {
        ties: np.mean(
            [metrics.capture(counts[:, t], counts[:, t - 4 : t].sum(axis=1), share=0.1, ties=ties) for t in nights]
        )
        for ties in ("worst", "order", "mean", "best")
    }

    assert found["worst"] < found["order"] < found["best"]
    assert found["worst"] < found["mean"] < found["best"]
    assert found["best"] - found["worst"] > 0.05  # noticeably more than any model gains


EVICTIONS = {2011: 0.6791, 2012: 0.6524, 2013: 0.6578, 2014: 0.6631, 2015: 0.6578, 2016: 0.5775}


def test_philadelphia_honest_eviction_precision():
    """Ranking block groups by last year's evictions is right in about .65 of the top 187, not the published .9, which leaks."""
    panel = pd.read_parquet(folder("philadelphia") / "eviction_panel_block_group_year.parquet")
    panel = panel.sort_values(["year", "block_group"])
    found = {
        int(year): round(metrics.precision_at(rows["evictions"] > 15, rows["evictions_t_1"], k=187, ties="order"), 4)
        for year, rows in panel[panel["year"] > 2010].groupby("year")
    }

    assert found == EVICTIONS


# --- North Texas evictions: 645 tracts, 10 months, 8 rows; Sweden: 290 municipalities, 51 weeks, 18 rows


def test_north_texas_prior_counts():
    """All 8 rows; a tract and month without a row is a zero inside the county's covered time."""
    import geopandas as gpd

    path = folder("north_texas_evictions")
    rows = pd.read_parquet(path / "filings_tract_month.parquet")
    rows = rows[rows["county_fips"].astype(str) == "48113"]
    tracts = gpd.read_file(path / "tracts.geojson").set_index("tract").sort_index()
    tracts = tracts[tracts.index.str.startswith("48113")]
    area = tracts.to_crs(32614).area / 1e6
    month = (rows["month"].dt.year - 2017) * 12 + rows["month"].dt.month - 1
    counts = monthly_or_weekly_counts(
        rows["tract"].repeat(rows["eviction_filings"]), area.index, month.repeat(rows["eviction_filings"]).to_numpy()
    )

    assert counts.shape == (645, 70)
    compare(pd.read_csv(path / "reference_scores.csv"), counts, first=60, area=area.to_numpy())


SWEDEN = {
    "all categories with a municipality": "",
    "Misshandel / Bråk / Olaga hot (assault, brawl, threat)": "Misshandel|Bråk|Olaga hot",
    "Trafikolycka (traffic accidents)": "Trafikolycka",
}


@pytest.mark.parametrize("group", SWEDEN)
def test_sweden_prior_counts(group):
    """All 18 rows; a group is every category whose name contains the word, aggravated forms too."""
    path = folder("sweden_police")
    rows = pd.read_parquet(path / "events.parquet", columns=["occurred_at", "municipality_code", "category"])
    rows = rows[rows["category"].str.contains(SWEDEN[group])].dropna()
    codes = pd.read_csv(path / "municipalities.csv", dtype=str)["municipality_code"].sort_values()
    start = pd.Timestamp("2022-04-25")
    week = ((rows["occurred_at"].dt.tz_localize(None) - start).dt.days // 7).to_numpy()
    counts = monthly_or_weekly_counts(rows["municipality_code"], codes, week)
    table = pd.read_csv(path / "reference_scores.csv")

    assert set(table["events"]) == set(SWEDEN)
    compare(table, counts, first=(pd.Timestamp("2024-09-02") - start).days // 7, area=None, group=group)


# --- Portland: the scored entries of the NIJ challenge, 8 rows

SQUARE_MILE = 5280**2
WINDOW_END = {"1WK": "2017-03-08", "2WK": "2017-03-15", "1MO": "2017-04-01", "2MO": "2017-05-01"}
CRIMES = {"BURG": "BURGLARY", "TOA": "MOTOR VEHICLE THEFT"}


@cache
def portland():
    """Submitted cells, calls, and the city's outline in feet with its exact area, square miles."""
    import geopandas as gpd
    import shapely

    path = folder("portland_nij")
    districts = gpd.read_file(path / "police_districts.geojson").to_crs(2913).make_valid()
    city = districts.union_all()
    shapely.prepare(city)
    cells = pd.read_parquet(path / "winning_forecast_cells.parquet")
    calls = pd.read_parquet(path / "burglary_vehicle_theft_calls.parquet")
    return cells, calls, city, districts.area.sum() / SQUARE_MILE


def lattice(cells):
    """The lattice the submitted cells were cut from: corner of cell 1, steps to the right and up (feet), cells a row.

    A cell's number counts rows from the top left; whole cells give the steps, and the numbers the corner and the row's length.
    """
    import shapely

    shapes = shapely.from_wkt(cells["polygon_wkt_ft"].to_numpy())
    area = cells["area_sqft"].to_numpy()
    whole = (shapely.get_num_coordinates(shapes) == 5) & np.isclose(area, area.max())
    corners = shapely.get_coordinates(shapes[whole]).reshape(-1, 5, 2)[:, :3]
    number = cells["cell_id"].to_numpy()[whole] - 1
    up, right = (corners[:, 1] - corners[:, 0]).mean(axis=0), (corners[:, 2] - corners[:, 1]).mean(axis=0)
    steps = np.round((corners[:, 0] - corners[0, 0]) @ np.linalg.inv(np.column_stack([right, up])).T)
    lower = steps[:, 1] != 0
    n_columns = int(np.round(np.median((number - number[0] - steps[:, 0])[lower] / -steps[lower, 1])))
    column, row = number % n_columns, number // n_columns
    return (corners[:, 0] - np.outer(column, right) + np.outer(row, up)).mean(axis=0), right, up, n_columns


def cell_areas(corner, right, up, n_columns, city):
    """Area inside the city, square miles, of each cell that touches it, by cell number."""
    import shapely

    n_rows = int(np.ceil((corner[1] - city.bounds[1]) / up[1])) + 2
    number = np.arange(n_columns * n_rows)
    corners = corner + np.outer(number % n_columns, right) - np.outer(number // n_columns, up)
    shapes = shapely.polygons(np.stack([corners, corners + up, corners + up + right, corners + right], axis=1))
    whole, some = shapely.contains(city, shapes), shapely.intersects(city, shapes)
    area = np.where(whole, shapely.area(shapes), 0)
    area[some & ~whole] = shapely.area(shapely.intersection(city, shapes[some & ~whole]))
    return pd.Series(area / SQUARE_MILE, index=number + 1)[area > 0]


@cache
def portland_cells(corner, right, up, n_columns):
    """`cell_areas` once a lattice: the burglary and theft entries share one."""
    return cell_areas(*(np.array(v) for v in (corner, right, up)), n_columns, portland()[2])


@pytest.mark.slow
@pytest.mark.parametrize("horizon", WINDOW_END)
@pytest.mark.parametrize("crime", CRIMES)
def test_portland_challenge_entries(crime, horizon):
    """Hits, PAI and PEI of the winners' real submissions, and of the same cells ranked by past calls.

    One figure differs by one cell: 16,776 instead of 16,777 cells touch the city on the rotated lattice (burglary, two months),
    a sliver at the outline that holds no call; no score depends on it.
    """
    cells, calls, _, city_area = portland()
    table = pd.read_csv(folder("portland_nij") / "reference_scores.csv")
    row = table[(table["crime"] == crime) & (table["horizon"] == horizon)].iloc[0]
    cells = cells[(cells["crime"] == CRIMES[crime]) & (cells["horizon"] == horizon)]
    calls = calls[calls["category"] == CRIMES[crime]]
    corner, right, up, n_columns = lattice(cells)
    area = portland_cells(tuple(corner), tuple(right), tuple(up), n_columns).copy()
    # the submitted outline differs from the districts' by up to 28 square feet a cell
    area[cells["cell_id"]] = cells["area_sqft"].to_numpy() / SQUARE_MILE

    place = (calls[["x_ft", "y_ft"]] - corner) @ np.linalg.inv(np.column_stack([right, up])).T
    number = np.floor(place[0]) - np.floor(place[1]) * n_columns + 1
    seen = (calls["occurred_at"] >= "2017-03-01") & (calls["occurred_at"] < WINDOW_END[horizon])

    def count(which):
        return number[which].value_counts().reindex(area.index, fill_value=0).to_numpy(dtype=float)

    y, k = count(seen), len(cells)
    submitted = area.index.isin(cells["cell_id"]).astype(float)
    before = calls["occurred_at"] < "2017-03-01"
    year = before & (calls["occurred_at"] >= pd.Timestamp("2017-03-01") - pd.Timedelta(days=365))

    def pai(score, digits):
        return round(metrics.pai(y, score, area, k=k, ties="order", total_area=city_area), digits)

    def hits(score):
        return round(metrics.capture(y, score, k=k, ties="order") * y.sum())

    assert y.sum() == row["events"]
    assert abs(len(area) - row["cells"]) <= (crime == "BURG" and horizon == "2MO")
    assert round(float(area[cells["cell_id"]].sum()), 4) == row["area_sqmi"]
    assert hits(submitted) == row["hits"]
    assert round(metrics.best_capture(y, k=k) * y.sum()) == row["max_hits"]
    assert pai(submitted, 3) == row["pai"]
    assert round(metrics.pei(y, submitted, k=k, ties="order"), 4) == row["pei"]
    assert hits(count(before)) == row["hits_rank_all_history"]
    assert pai(count(before), 2) == row["pai_rank_all_history"]
    assert hits(count(year)) == row["hits_rank_365d"]
    assert pai(count(year), 2) == row["pai_rank_365d"]


# --- New York: 16 x 16 cells, 4 categories, 92 days, 60 rows

NEW_YORK = {"BURGLARY": "burglary", "GRAND LARCENY": "larceny", "ROBBERY": "robbery", "FELONY ASSAULT": "assault"}
FIRST_TEST_DAY, N_DAYS = 638, 730


@cache
def new_york():
    """(cells, days, categories) Counts."""
    rows = pd.read_parquet(folder("nyc_grid") / "felony_complaints.parquet")
    day = (rows["occurred_at"] - pd.Timestamp("2014-01-01")).dt.days
    counts = np.zeros((256, N_DAYS, 4))
    np.add.at(counts, (rows["cell_row"] * 16 + rows["cell_col"], day, rows["category"].map(list(NEW_YORK).index)), 1)
    return counts


def new_york_forecasts():
    """Expected counts of each test day by the table's five rules."""
    counts = new_york()
    days = range(FIRST_TEST_DAY, N_DAYS)
    before = counts[:, :FIRST_TEST_DAY].mean(axis=1, keepdims=True)
    test = counts[:, FIRST_TEST_DAY:]
    return {
        "mean of all days before the test": np.broadcast_to(before, test.shape),
        "mean of the last 30 days": np.stack([counts[:, d - 30 : d].mean(axis=1) for d in days], axis=1),
        "mean of the last 7 days": np.stack([counts[:, d - 7 : d].mean(axis=1) for d in days], axis=1),
        "yesterday": counts[:, FIRST_TEST_DAY - 1 : -1],
        "always 1": np.ones(test.shape),
    }


def new_york_scores(y, mu):
    """The table's figures of one rule: on positive cells only, as the papers' code has it, and on all cells."""
    mae, some = metrics.mean_absolute_error, y > 0
    found = {"mae_pos_all": mae(y[some], mu[some]), "mape_pos_all": (np.abs(y - mu)[some] / y[some]).mean()}
    for i, name in enumerate(NEW_YORK.values()):
        here = some[:, :, i]
        found[f"mae_pos_{name}"] = mae(y[:, :, i][here], mu[:, :, i][here])
        found[f"mape_pos_{name}"] = (np.abs(y - mu)[:, :, i][here] / y[:, :, i][here]).mean()
    found["mae_all_cells"] = mae(y.ravel(), mu.ravel())
    found["rmse_all_cells"] = np.sqrt(((y - mu) ** 2).mean())
    return {name: round(float(value), 4) for name, value in found.items()}


def test_new_york_baselines():
    """All 60 figures, on positive cells only and on all cells."""
    table = pd.read_csv(folder("nyc_grid") / "baseline_scores.csv")
    y = new_york()[:, FIRST_TEST_DAY:]
    found = {
        (method, name): value
        for method, mu in new_york_forecasts().items()
        for name, value in new_york_scores(y, mu).items()
    }

    assert found == table.set_index(["method", "metric"])["value"].to_dict()


def test_new_york_positive_cells_are_won_by_a_constant():
    """Judged on positive cells only, "always 1" beats every forecast; the Poisson deviance on all cells puts it last but one."""
    y = new_york()[:, FIRST_TEST_DAY:]
    forecasts = new_york_forecasts()
    on_positive = {name: metrics.mean_absolute_error(y[y > 0], mu[y > 0]) for name, mu in forecasts.items()}
    honest = {name: metrics.poisson_deviance(y.ravel(), mu.ravel()) for name, mu in forecasts.items()}

    assert min(on_positive, key=on_positive.get) == "always 1"
    assert min(honest, key=honest.get) == "mean of all days before the test"
    assert sorted(honest, key=honest.get).index("always 1") >= 3
