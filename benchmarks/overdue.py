"""Boston: will a request be late. One row a request, so not a question of the grid; an example of features of a place joined to another row."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from plain import table

from riskwarn import feature, metrics
from riskwarn.history import History
from riskwarn.panel import fill

SPLIT = pd.Timestamp("2015-10-01")
ZONE = "America/New_York"
FEATURES = [
    *(feature.Count("petition", days=d) for d in (7, 28)),
    feature.Open("petition"),
    feature.Overdue("petition"),
    feature.OverdueShare("petition"),
    feature.OverdueDays("petition"),
    feature.Closed("petition", days=28),
    feature.Handling("petition", days=56),
]


def answer(shared: Path, folder: Path) -> dict:
    """AUC and Brier of the type's own rate, and of trees that also read the state of the area and of the type at the midnight before."""
    del folder
    rows = pd.read_parquet(shared / "boston_311" / "service_requests_2015.parquet").sort_values(
        "occurred_at", ignore_index=True
    )
    asked = rows["on_time"].notna() & rows["due_at"].notna()
    late, train = (rows["on_time"] == "OVERDUE").to_numpy(), (rows["occurred_at"] < SPLIT).to_numpy()
    areas, types = (state_of(rows, key).add_prefix(f"{key}_") for key in ("area", "subcategory"))
    use = asked.to_numpy()
    y, fitted = late[use], train[use]
    kind = rows.loc[asked, "subcategory"].astype(str).to_numpy()
    rate = pd.DataFrame({"rate": rate_of(kind, y, fitted)})
    found = {"type's rate alone": rate["rate"].to_numpy()[~fitted]}
    sets = {
        "type's rate and state of the area": [areas],
        "type's rate and state of the type": [types],
        "type's rate and both": [areas, types],
    }
    for name, parts in sets.items():
        x = pd.concat([rate, *(p[use].reset_index(drop=True) for p in parts)], axis=1).to_numpy()
        found[name] = trees(x[fitted], y[fitted], x[~fitted])
    day = rows.loc[asked, "occurred_at"].dt.dayofyear.to_numpy()[~fitted]
    first = found["type's rate alone"]
    shown = {
        name: {
            "auc": metrics.roc_auc(y[~fitted], p),
            "brier": metrics.brier(y[~fitted], p),
            **gain(y[~fitted], p, first, day),
        }
        for name, p in found.items()
    }
    return {
        "about": f"No experiment file: the unit is a request, not a grid. {fitted.sum():,} requests with a due time opened before October train, {(~fitted).sum():,} after it test; "
        f"{y[fitted].mean():.1%} and {y[~fitted].mean():.1%} of them late. The state of an area, and of a request type, is eight features of riskwarn at the midnight before opening.",
        "tables": [table("over the requests of October to December", pd.DataFrame.from_dict(shown, orient="index"))],
        "check": "The reference beside the data has 0.7898 and 0.1646 for the type alone, 0.527 for the area alone.",
    }


def state_of(rows: pd.DataFrame, key: str, *, zone: str = ZONE, features=tuple(FEATURES)) -> pd.DataFrame:
    """(requests, features) what was known of a request's area, or type, at the midnight before it was opened; missing where it has none."""
    names = rows[key].astype("str").fillna("").replace("nan", "").to_numpy(dtype=object)
    given = [c for c in ("occurred_at", "closed_at", "due_at") if c in rows]
    at = {
        c: rows[c]
        .dt.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")
        .dt.tz_convert(None)
        .dt.as_unit("us")
        for c in given
    }
    events = pa.table(
        {
            "source": pa.array(["petition"] * len(rows)),
            "category": pa.array(["request"] * len(rows)),
            "grid_id": names,
            **{c: pa.array(v).cast(pa.timestamp("us", "UTC")) for c, v in at.items()},
        }
    )
    ids = sorted({n for n in names if n})
    grids = pd.DataFrame({"grid_id": ids, "valid_from": pd.Timestamp("2010-01-01", tz=zone)})
    opened = rows["occurred_at"].dt.normalize()
    days = pd.date_range(opened.min() + pd.Timedelta(days=1), opened.max())
    snapshot = History.punctual(events, grids, timezone=zone, until=days[-1]).at(days)
    matrix = fill(snapshot, list(features), np.empty((len(features), *snapshot.shape), np.float32))
    day, place = (opened - days[0]).dt.days.to_numpy(), pd.Index(ids).get_indexer(names)
    values = matrix[:, np.fmax(place, 0), np.fmax(day, 0)].T
    values[(place < 0) | (day < 0)] = np.nan
    return pd.DataFrame(values, columns=[f.name for f in features])


def gain(y: np.ndarray, p: np.ndarray, first: np.ndarray, day: np.ndarray) -> dict:
    """95 % interval of the AUC's gain over the first forecast; whole days are drawn."""
    if p is first:
        return {"gain_low": np.nan, "gain_high": np.nan}
    rng, rows = np.random.default_rng(7), [np.flatnonzero(day == d) for d in np.unique(day)]
    draws = [np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows))]) for _ in range(200)]
    found = [metrics.roc_auc(y[d], p[d]) - metrics.roc_auc(y[d], first[d]) for d in draws]
    return dict(zip(("gain_low", "gain_high"), np.quantile(found, [0.025, 0.975]).tolist(), strict=True))


def rate_of(kind: np.ndarray, y: np.ndarray, fitted: np.ndarray) -> np.ndarray:
    """(n,) share late among the training requests of the same type, drawn to the mean by five; a training request is told by the nine tenths it is not in.

    Leaving out one request alone would tell its outcome: the share would move by just that one.
    """
    fold = np.where(fitted, np.random.default_rng(7).integers(0, 10, len(y)), -1)
    rate = np.empty(len(y))
    for n in np.unique(fold):
        known, here = fitted & (fold != n), fold == n
        sums = pd.DataFrame({"late": y[known], "n": 1}).groupby(kind[known]).sum()
        late, of = (sums[c].reindex(kind[here]).fillna(0).to_numpy(dtype=float) for c in ("late", "n"))
        rate[here] = (late + 5 * y[known].mean()) / (of + 5)
    return rate


def trees(x: np.ndarray, y: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    import lightgbm

    options = {
        "objective": "binary",
        "learning_rate": 0.05,
        "num_leaves": 15,
        "min_data_in_leaf": 300,
        "lambda_l2": 20.0,
        "num_threads": 1,
        "verbose": -1,
        "seed": 7,
        "deterministic": True,
        "force_row_wise": True,
    }
    return np.asarray(lightgbm.train(options, lightgbm.Dataset(x, y.astype(int)), 150).predict(ahead))


# --- China: how long will a message to the authorities wait for its reply

REPLY_FEATURES = [
    feature.Count("petition", days=364),
    feature.Open("petition"),
    feature.OpenAge("petition", q=0.5),
    feature.Closed("petition", days=364),
    feature.Handling("petition", days=364),
    feature.Handling("petition", days=728, q=0.9),
]
LATE_DAYS = 30


def replies(shared: Path, folder: Path) -> dict:
    """Error of the waiting time, and AUC of more than 30 days, by means of groups and by trees that also read the district's state."""
    del folder
    rows = pd.read_parquet(shared / "china_petitions" / "messages_with_replies.parquet").dropna(subset=["replied_at"])
    rows = rows.sort_values("occurred_at", ignore_index=True).rename(columns={"replied_at": "closed_at"})
    rows["district"] = rows["city"].fillna("") + rows["area"].fillna("")
    wait = (rows["closed_at"] - rows["occurred_at"]).dt.total_seconds().clip(lower=0).to_numpy() / 86400
    test = (rows["occurred_at"] >= "2019-01-01").to_numpy()
    # a message trains only with a reply that was there before the test began
    train = ~test & (rows["closed_at"] < "2019-01-01").to_numpy()
    log = np.log1p(wait)
    keys = {
        "one median for all": ["all"],
        "median of the category": ["category"],
        "median of the district": ["district"],
        "median of the city": ["city"],
    }
    rows["all"] = ""
    found = {name: group_median(rows[key[0]].fillna("").to_numpy(), log, train) for name, key in keys.items()}
    state = state_of(rows, "district", zone="Asia/Shanghai", features=tuple(REPLY_FEATURES))
    groups = pd.DataFrame({n: found[n] for n in list(found)[1:]})
    found["trees on the three medians"] = regress(groups.to_numpy(), log, train)
    found["trees on medians and the district's state"] = regress(
        pd.concat([groups, state], axis=1).to_numpy(), log, train
    )
    shown = {
        name: {
            "median_error_days": float(np.median(np.abs(np.expm1(p[test]) - wait[test]))),
            "mae_log": metrics.mean_absolute_error(log[test], p[test]),
            "auc_late": metrics.roc_auc(wait[test] > LATE_DAYS, p[test]),
        }
        for name, p in found.items()
    }
    return {
        "about": f"No experiment file: one row a message. {train.sum():,} messages answered before 2019 train, {test.sum():,} of 2019 test; median wait {np.median(wait[test]):.1f} days, "
        f"{(wait[test] > LATE_DAYS).mean():.0%} above {LATE_DAYS}. Only answered messages are in the file, and districts were read from the text.",
        "tables": [
            table("error of the wait, and AUC of a wait above 30 days", pd.DataFrame.from_dict(shown, orient="index"))
        ],
    }


def group_median(group: np.ndarray, log: np.ndarray, train: np.ndarray) -> np.ndarray:
    """(n,) median of the training rows of the group, drawn to the median of all by the number of rows over ten."""
    fold = np.where(train, np.arange(len(log)) % 10, -1)
    found = np.empty(len(log))
    for n in np.unique(fold):
        known, here = train & (fold != n), fold == n
        by = pd.Series(log[known]).groupby(group[known])
        size, median = (s.reindex(group[here]).fillna(0).to_numpy(dtype=float) for s in (by.size(), by.median()))
        found[here] = (size * median + 10 * np.median(log[known])) / (size + 10)
    return found


def regress(x: np.ndarray, log: np.ndarray, train: np.ndarray) -> np.ndarray:
    import lightgbm

    options = {
        "objective": "l1",
        "learning_rate": 0.05,
        "num_leaves": 7,
        "min_data_in_leaf": 40,
        "lambda_l2": 20.0,
        "num_threads": 1,
        "verbose": -1,
        "seed": 7,
        "deterministic": True,
        "force_row_wise": True,
    }
    return np.asarray(lightgbm.train(options, lightgbm.Dataset(x[train], log[train]), 120).predict(x))
