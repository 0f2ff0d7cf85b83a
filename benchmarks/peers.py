"""The feature job of ``features.py`` by other people's tools, in one run: pandas, Polars, DuckDB, mlforecast, Featuretools.

    python benchmarks/peers.py EVENTS.parquet --n-grids 1000 --n-days 728
    python benchmarks/peers.py … --only pandas duckdb --freq N
    python benchmarks/peers.py … --python featuretools=OTHER/bin/python     # a tool that lives in an environment of its own

Each runs in a process of its own; one that is not installed is skipped with a message. What it computed is held against riskwarn's
matrix, number by number. Where a tool runs on a sample, the line says so and gives the estimate for the whole: set-up once, the rest
times the dates or grids left out. The code is a plain version of each; a specialist may do better.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import features

WINDOWS = features.WINDOWS
STREAMS = [(source, f"c{k}") for source in features.SOURCES for k in range(features.N_CATEGORIES)]
N = len(STREAMS)
COUNTS = [9 * s + w for s in range(N) for w in range(4)]
"""Numbers of the columns that are window counts."""
ALL = list(range(9 * N + 5))


class Job:
    """What is asked, and where the answer goes: (221, n_grids, n_dates), by grid number."""

    def __init__(self, path, n_grids, freq, n_days, keep):
        days = {"W": np.arange(7, n_days + 1, 7), "D": np.arange(1, n_days + 1), "N": np.array([n_days])}[freq]
        self.path, self.n_grids, self.n_days = path, n_grids, n_days
        self.n_all = len(days)
        self.at = (
            np.arange(len(days))
            if keep is None
            else np.linspace(0, len(days) - 1, min(keep, len(days))).round().astype(int)
        )
        self.days = days[self.at]
        self.out = np.full((9 * N + 5, n_grids, len(self.days)), np.nan, np.float32)

    def streams(self):
        """(n_columns, n_streams, n_grids, n_dates) of the same memory."""
        return self.out[: 9 * N].reshape(N, 9, self.n_grids, len(self.days)).transpose(1, 0, 2, 3)

    def calendar(self):
        """Fill the five columns of the calendar, which cost nothing."""
        import pandas as pd

        at = pd.DatetimeIndex(features.FIRST + self.days)
        parts = (at.month, at.isocalendar()["week"].to_numpy(), at.day_of_week, at.day_of_year, at.quarter)
        for row, values in zip(self.out[9 * N :], parts, strict=True):
            row[:] = np.asarray(values, np.float32)

    def links(self):
        """Neighbours by grid number."""
        grids, links = features.lattice(self.n_grids)
        number = grids["grid_id"].astype(int).to_numpy()
        back = np.argsort(number)
        return links[back][:, back].tocsr()


def pandas_events(path):
    """Grid, stream, day and closing day (a million where open) of each event."""
    import pandas as pd

    frame = pd.read_parquet(path, columns=["grid_id", "source", "category", "occurred_at", "closed_at"])
    first, day = pd.Timestamp(features.FIRST), pd.Timedelta(days=1)
    number = {f"{s} {c}": i for i, (s, c) in enumerate(STREAMS)}
    name = frame["source"].astype("object") + " " + frame["category"].astype("object")
    closed = ((frame["closed_at"] - first) // day).fillna(1e6).astype("int64")
    return pd.DataFrame(
        {
            "grid": frame["grid_id"],
            "stream": name.map(number),
            "day": (frame["occurred_at"] - first) // day,
            "closed": closed,
        }
    )


def by_pandas(job):
    """A loop over the dates: filter, group, count, unstack."""
    events, links = pandas_events(job.path), job.links()
    index, columns = range(job.n_grids), range(N)
    marks = [time.process_time()]
    found = job.streams()
    for t, at in enumerate(job.days):
        seen = events[events["day"] < at]

        def table(rows):
            return (
                rows.groupby(["grid", "stream"])  # noqa: PD010
                .size()
                .unstack(fill_value=0)
                .reindex(index=index, columns=columns, fill_value=0)
            )

        counts = [table(seen[seen["day"] >= at - w]).to_numpy(np.float32) for w in WINDOWS]
        last = seen.groupby(["grid", "stream"])["day"].max().unstack().reindex(index=index, columns=columns).to_numpy()  # noqa: PD010
        ended = seen[(seen["closed"] < at) & (seen["closed"] >= at - 91)]
        took = (
            (ended["closed"] - ended["day"])  # noqa: PD010
            .groupby([ended["grid"], ended["stream"]])
            .median()
            .unstack()
            .reindex(index=index, columns=columns)
        )
        with np.errstate(all="ignore"):
            ratio = counts[1] / counts[3]
        all_of = [
            *counts,
            at - last,
            ratio,
            links @ counts[1],
            table(seen[seen["closed"] >= at]).to_numpy(),
            took.to_numpy(),
        ]
        for column, values in enumerate(all_of):
            found[column, :, :, t] = values.T
    job.calendar()
    return ALL, marks, job.n_all / len(job.days)


def by_polars(job):
    """As-of joins into running counts, so that a window is the difference of two; medians by exploding closings over dates."""
    import polars as pl

    at = pl.DataFrame({"a": job.days.astype(np.int32)})
    number = pl.DataFrame(
        {"source": [s for s, _ in STREAMS], "category": [c for _, c in STREAMS], "s": np.arange(N, dtype=np.int32)}
    )
    start = pl.lit(features.FIRST.astype("datetime64[us]").item())
    day = lambda name: ((pl.col(name) - start).dt.total_microseconds() // 86_400_000_000).cast(pl.Int32)  # noqa: E731
    events = (
        pl.scan_parquet(job.path)
        .select(
            g=pl.col("grid_id"),
            source=pl.col("source").cast(pl.String),
            category=pl.col("category").cast(pl.String),
            day=day("occurred_at"),
            closed=day("closed_at"),
        )
        .join(number.lazy(), on=["source", "category"])
        .select("g", "s", "day", "closed")
        .collect()
    )
    grids = pl.DataFrame({"g": np.arange(job.n_grids, dtype=np.int32)})
    spine = number.select("s").join(grids, how="cross").join(at, how="cross").sort("a")

    def running(of):
        own = (
            events.filter(pl.col(of).is_not_null())
            .group_by("g", "s", at=pl.col(of))
            .agg(n=pl.len().cast(pl.Int32))
            .sort("at")
        )
        return own.with_columns(n=pl.col("n").cum_sum().over("g", "s"))

    def as_of(table, ago):
        asked = spine.with_columns(at=pl.col("a") - (1 + ago))
        return asked.join_asof(
            table, on="at", by=["g", "s"], strategy="backward", check_sortedness=False, coalesce=False
        )

    seen, gone = running("day"), running("closed")
    now = as_of(seen, 0)
    table = spine.with_columns(
        now=now["n"].fill_null(0),
        since=pl.col("a") - now["at_right"],
        gone=as_of(gone, 0)["n"].fill_null(0),
        **{f"n{w}": now["n"].fill_null(0) - as_of(seen, w)["n"].fill_null(0) for w in WINDOWS},
    )
    low, high = (at["a"].search_sorted(events["closed"].fill_null(10**6) + k, "right") for k in (0, 91))
    took = (
        events.select("g", "s", took=pl.col("closed") - pl.col("day"), t=pl.int_ranges(low, high))
        .filter(pl.col("took").is_not_null())
        .explode("t")
        .drop_nulls("t")
        .group_by("g", "s", a="t")
        .agg(pl.col("took").median())
    )
    took = took.with_columns(a=at["a"].gather(took["a"]))
    coo = job.links().tocoo()
    pairs = pl.DataFrame({"to": coo.row.astype(np.int32), "g": coo.col.astype(np.int32)})
    near = (
        table.filter(pl.col("n28") > 0)
        .select("g", "s", "a", "n28")
        .join(pairs, on="g")
        .group_by(g="to", s="s", a="a")
        .agg(near=pl.col("n28").sum())
    )
    table = (
        table.join(near, on=["g", "s", "a"], how="left").join(took, on=["g", "s", "a"], how="left").sort("s", "g", "a")
    )
    ratio = pl.when(pl.col("n364") > 0).then(pl.col("n28").cast(pl.Float32) / pl.col("n364").cast(pl.Float32))
    columns = table.select(
        *[f"n{w}" for w in WINDOWS],
        "since",
        ratio=ratio,
        near=pl.col("near").fill_null(0),
        open=pl.col("now") - pl.col("gone"),
        took="took",
    )
    for column, values in zip(job.streams(), columns.iter_columns(), strict=True):
        column[:] = values.cast(pl.Float32).fill_null(np.nan).to_numpy().reshape(column.shape)
    job.calendar()
    return ALL, None, 1


def by_duckdb(job):
    """The same in SQL."""
    import duckdb

    base = duckdb.connect()
    base.execute("SET threads = 2; SET memory_limit = '6GB'")
    start = f"epoch_us(TIMESTAMP '{features.FIRST}')"
    cases = " ".join(f"WHEN '{s}' THEN {i * features.N_CATEGORIES}" for i, s in enumerate(features.SOURCES))
    base.execute(f"""CREATE TABLE events AS SELECT grid_id AS g, CASE source::VARCHAR {cases} END + substr(category::VARCHAR, 2)::INT AS s,
        ((epoch_us(occurred_at) - {start}) // 86400000000)::INT AS day, ((epoch_us(closed_at) - {start}) // 86400000000)::INT AS closed FROM '{job.path}'""")
    coo = job.links().tocoo()
    import pyarrow as pa

    at, pairs = pa.table({"a": job.days.astype(np.int32)}), pa.table({"to_g": coo.row, "g": coo.col})
    base.register("dates", at)
    base.register("pairs", pairs)
    base.execute(
        f"CREATE TABLE spine AS SELECT s.range::INT AS s, g.range::INT AS g, a FROM range({N}) s, range({job.n_grids}) g, dates"
    )
    for name, of in (("seen", "day"), ("gone", "closed")):
        base.execute(f"""CREATE TABLE {name} AS SELECT g, s, on_day, (sum(n) OVER (PARTITION BY g, s ORDER BY on_day))::INT AS n
            FROM (SELECT g, s, {of} AS on_day, count(*) AS n FROM events WHERE {of} IS NOT NULL GROUP BY ALL)""")
    for name, source, ago in [("now", "seen", 0), ("ended", "gone", 0), *[(f"w{w}", "seen", w) for w in WINDOWS]]:
        base.execute(f"""CREATE TABLE {name} AS SELECT p.s, p.g, p.a, coalesce(c.n, 0) AS n, p.a - c.on_day AS since
            FROM spine p ASOF LEFT JOIN {source} c ON p.g = c.g AND p.s = c.s AND p.a - {ago} > c.on_day""")
    base.execute("""CREATE TABLE took AS SELECT g, s, a, median(closed - day)::FLOAT AS took
        FROM events JOIN dates ON closed < a AND closed >= a - 91 GROUP BY ALL""")
    counts = ", ".join(f"now.n - w{w}.n AS n{w}" for w in WINDOWS)
    joined = " ".join(f"JOIN {name} USING (s, g, a)" for name in ("ended", *(f"w{w}" for w in WINDOWS)))
    base.execute(
        f"CREATE TABLE wide AS SELECT now.s, now.g, now.a, now.since, now.n - ended.n AS held, {counts} FROM now {joined}"
    )
    base.execute(
        "CREATE TABLE near AS SELECT s, to_g AS g, a, sum(n28)::INT AS near FROM wide JOIN pairs USING (g) WHERE n28 > 0 GROUP BY ALL"
    )
    found = base.execute(f"""SELECT {", ".join(f"n{w}::FLOAT" for w in WINDOWS)}, since::FLOAT, n28::FLOAT / nullif(n364, 0)::FLOAT, coalesce(near, 0)::FLOAT,
        held::FLOAT, took FROM wide LEFT JOIN near USING (s, g, a) LEFT JOIN took USING (s, g, a) ORDER BY s, g, a""").fetchnumpy()
    for column, values in zip(job.streams(), found.values(), strict=True):
        column[:] = np.ma.filled(values.astype(np.float32), np.nan).reshape(column.shape)
    job.calendar()
    return ALL, None, 1


def by_mlforecast(job, n_grids=100):
    """Rolling means of a dense daily series of each grid and stream, of some of the grids: the window counts alone."""
    import pandas as pd
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import RollingMean

    few = min(n_grids, job.n_grids)
    events = pandas_events(job.path)
    marks = [time.process_time()]
    events = events[events["grid"] < few]
    length = job.n_days + 1
    series = (events["grid"] * N + events["stream"]).to_numpy()
    daily = np.bincount(series * length + events["day"].to_numpy(), minlength=few * N * length)
    frame = pd.DataFrame(
        {
            "unique_id": np.repeat(np.arange(few * N), length),
            "ds": np.tile(np.arange(length), few * N),
            "y": daily.astype(np.float32),
        }
    )
    tool = MLForecast(
        models=[], freq=1, lag_transforms={1: [RollingMean(w, min_samples=1) for w in WINDOWS]}, num_threads=1
    )
    made = tool.preprocess(frame, dropna=False, static_features=[])
    made = made[made["ds"].isin(job.days)].sort_values(["unique_id", "ds"])
    for w, name in enumerate(c for c in made if c.startswith("rolling")):
        mean = made[name].to_numpy().reshape(few, N, len(job.days))
        job.streams()[w, :, :few] = np.rint(mean * np.minimum(job.days, WINDOWS[w])).transpose(1, 0, 2)
    return COUNTS, marks, job.n_grids / few


def by_featuretools(job):
    """Deep feature synthesis at cutoff times within training windows: the window counts alone."""
    import featuretools as ft
    import pandas as pd

    names = [f"{s} {c}" for s, c in STREAMS]
    raw = pd.read_parquet(job.path, columns=["event_id", "occurred_at", "grid_id", "source", "category"])
    raw["stream"] = raw["source"].astype("object") + " " + raw["category"].astype("object")
    base = ft.EntitySet("city")
    base.add_dataframe(
        raw[["event_id", "occurred_at", "grid_id", "stream"]],
        "events",
        index="event_id",
        time_index="occurred_at",
        logical_types={"stream": "Categorical", "grid_id": "Integer"},
    )
    base.add_dataframe(
        pd.DataFrame({"grid_id": np.arange(job.n_grids)}),
        "grids",
        index="grid_id",
        logical_types={"grid_id": "Integer"},
    )
    base.add_relationship("grids", "grid_id", "events", "grid_id")
    base.add_interesting_values(dataframe_name="events", values={"stream": names})
    instant = pd.Timedelta("1us")  # an event at the cutoff is seen, one at midnight is not

    def counts(days):
        at = (
            pd.DatetimeIndex(
                features.FIRST.astype("datetime64[ns]") + np.repeat(days, job.n_grids).astype("timedelta64[D]")
            )
            - instant
        )
        cutoff = pd.DataFrame({"grid_id": np.tile(np.arange(job.n_grids), len(days)), "time": at})
        for w, days_back in enumerate(WINDOWS):
            made, _ = ft.dfs(
                entityset=base,
                target_dataframe_name="grids",
                cutoff_time=cutoff,
                training_window=pd.Timedelta(days=days_back) - instant,
                agg_primitives=["count"],
                where_primitives=["count"],
                trans_primitives=[],
                cutoff_time_in_index=True,
                max_depth=2,
            )
            made = made.reset_index().sort_values(["time", "grid_id"])
            for s, name in enumerate(names):
                yield (
                    w,
                    s,
                    made[f"COUNT(events WHERE stream = {name})"].to_numpy(np.float32).reshape(len(days), job.n_grids).T,
                )

    ready = time.process_time()
    for _ in counts(job.days[:1]):
        pass
    marks = [time.process_time()]
    for w, s, values in counts(job.days):
        job.streams()[w, s] = values
    one, all_of = marks[0] - ready, time.process_time() - marks[0]
    slope = (all_of - one) / max(len(job.days) - 1, 1)  # each call costs much before its first date
    return COUNTS, marks, slope * (job.n_all - 1) / all_of


PEERS = {
    "pandas": by_pandas,
    "polars": by_polars,
    "duckdb": by_duckdb,
    "mlforecast": by_mlforecast,
    "featuretools": by_featuretools,
}
SAMPLED = {"pandas": 8, "featuretools": 6}
"""Dates that slow tools compute; the rest is estimated."""


def run(asked):
    """One tool in this process: its seconds, and what it found in a file."""
    job = Job(asked.events, asked.n_grids, asked.freq, asked.n_days, asked.dates or SAMPLED.get(asked.peer))
    started, wall = time.process_time(), time.perf_counter()
    columns, marks, scale = PEERS[asked.peer](job)
    ended = time.process_time()
    begun = marks[0] if marks else started
    np.savez(asked.found, out=job.out[columns], columns=columns, at=job.at)
    line = {
        "engine": asked.peer,
        "columns": len(columns),
        "cpu_s": round(ended - started, 2),
        "setup_s": round(begun - started, 2),
        "whole_cpu_s": round(begun - started + (ended - begun) * scale, 2),
        "wall_s": round(time.perf_counter() - wall, 2),
        "dates": f"{len(job.days)}/{job.n_all}",
        "scale": round(scale, 2),
        "peak_mb": round(features.peak_mb()),
        "load1": os.getloadavg()[0],
    }
    print(json.dumps(line), flush=True)


def differing(found, wanted, order):
    """Columns in which a tool's numbers are not riskwarn's; grids it left out are not compared."""
    rows = [np.asarray(f) for f in (found["columns"], found["at"])]
    bad = []
    for values, column in zip(found["out"], rows[0], strict=True):
        own, ours = values[order], wanted[column][:, rows[1]]
        there = np.isfinite(own).any(axis=1) if len(rows[0]) < len(ALL) else slice(None)
        if not np.allclose(own[there], ours[there], rtol=1e-6, atol=1e-6, equal_nan=True):
            bad.append(int(column))
    return bad


def main():
    """Run all, one after the other, and hold each against riskwarn's numbers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events")
    parser.add_argument("--n-grids", type=int, required=True)
    parser.add_argument("--n-days", type=int, required=True)
    parser.add_argument("--freq", choices="WDN", default="W")
    parser.add_argument("--dates", type=int, help="dates to sample; each tool's own number by default")
    parser.add_argument("--only", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--python", nargs="+", default=[], metavar="TOOL=PYTHON")
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("--found", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.peer:
        if importlib.util.find_spec(asked.peer) is None:
            print(
                f"{asked.peer}: skipped, it is not installed here; pip install {asked.peer}, or name another Python",
                flush=True,
            )
            return
        run(asked)
        return
    _, wanted = features.run(asked.events, asked.n_grids, asked.freq, asked.n_days, streamed=False)
    order = np.argsort(np.array([str(g) for g in range(asked.n_grids)]))
    pythons = dict(pair.split("=", 1) for pair in asked.python)
    same = [
        "--n-grids",
        str(asked.n_grids),
        "--n-days",
        str(asked.n_days),
        "--freq",
        asked.freq,
        *(["--dates", str(asked.dates)] if asked.dates else []),
    ]
    for peer in asked.only:
        with tempfile.TemporaryDirectory() as folder:
            found = Path(folder) / "found.npz"
            subprocess.run(
                [
                    pythons.get(peer, sys.executable),
                    __file__,
                    asked.events,
                    *same,
                    "--peer",
                    peer,
                    "--found",
                    str(found),
                ],
                check=False,
            )
            if found.exists():
                bad = differing(np.load(found), wanted, order)
                print(
                    f"{peer}: "
                    + (f"{len(bad)} columns differ, first {bad[:5]}" if bad else "the same numbers as riskwarn"),
                    flush=True,
                )


if __name__ == "__main__":
    main()
