"""The store: what is written is read back, whatever the order, the pieces, the zone and the kills."""

import itertools
import os
import random
import runpy
import shutil
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import towns
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from riskwarn import taxonomy
from riskwarn.errors import ArgumentError, BusyError, DataError, DefinitionError, NotFoundError, StaleDataError
from riskwarn.store import Store, Written, glance, key
from riskwarn.store.key import LARGEST_SECRET, read_private
from riskwarn.store.nights import PublishedNight
from riskwarn.store.reading import batches, n_rows

ZONE = "Asia/Shanghai"
GRIDS = pd.DataFrame({"grid_id": ["G1", "G2", "G3"], "valid_from": pd.Timestamp("2024-01-01", tz=ZONE)})


def revisions(n=40, seed=0):
    """Revisions of `n` events over four months and two feeds; some keys come with two contents."""
    rng = np.random.default_rng(seed)
    at = pd.Timestamp("2025-01-01", tz=ZONE) + pd.to_timedelta(rng.integers(0, 120 * 1440, n), unit="min")
    rows = pd.DataFrame(
        {
            "source": rng.choice(["dispute", "petition"], n),
            "event_id": [f"e{i}" for i in rng.integers(0, n // 2, n)],
            "known_at": at,
            "occurred_at": at - pd.Timedelta(hours=3),
            "grid_id": rng.choice(["G1", "G2", "G3", ""], n),
            "category": rng.choice(["D02", "D03"], n),
            "severity": rng.integers(0, 4, n),
        }
    )
    other = rows.sample(n // 4, random_state=seed).assign(category="D09")
    return pd.concat([rows, other]).drop_duplicates(["source", "event_id", "known_at", "category"], ignore_index=True)


def pieces(rows, cuts):
    """The rows in consecutive pieces, none with a key twice."""
    ends = [0, *sorted(cuts), len(rows)]
    for part in (rows.iloc[a:b] for a, b in itertools.pairwise(ends)):
        yield from (half for _, half in part.groupby(part.duplicated(["source", "event_id", "known_at"])) if len(half))


def test_a_notebook_shows_what_a_store_holds(tmp_path):
    """Grids, records of each feed with the days of the first and the last, and nights; a store that is not made yet says so. A name is made harmless."""
    store = filled(tmp_path / "<city>", revisions())
    shown, rows = store._repr_html_(), store.read("events", source="dispute")
    known = rows["known_at"].agg(["min", "max"]).dt.strftime("%Y-%m-%d")

    assert "&lt;city&gt;" in shown
    assert "<tr><th>grids</th><td>3</td></tr>" in shown
    assert (
        f"<td>{rows['event_id'].nunique():,} events in {len(rows):,} revisions, known from {known['min']} to {known['max']}</td>"
        in shown
    )
    assert "<tr><th>nights</th><td>none</td></tr>" in shown
    assert "<td>not known yet</td>" in Store(tmp_path / "none")._repr_html_()


def test_of_a_large_feed_the_revisions_are_told_at_once(tmp_path, monkeypatch):
    """Beyond what is counted quickly no file is read for its events: the revisions stand at the ends of the files."""
    store = filled(tmp_path / "city", revisions())
    n = len(store.read("events", source="dispute"))
    monkeypatch.setattr(glance, "_QUICKLY_COUNTED", n - 1)
    monkeypatch.setattr(glance.pq, "read_table", lambda *_, **__: 1 / 0)

    assert f"<td>{n:,} revisions, known from" in Store(store.path)._repr_html_()


def filled(path, rows, cuts=()):
    store = Store(path, timezone=ZONE)
    store.write("grids", GRIDS)
    for part in pieces(rows, cuts):
        store.write("events", part)
    return store


@settings(
    deadline=None,
    max_examples=4,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(seed=st.integers(0, 10**6), cuts=st.lists(st.integers(0, 40), max_size=4))
def test_order_and_pieces_do_not_matter(tmp_path, seed, cuts):
    """The same rows in any order and in any pieces give the same digest and the same table."""
    first = filled(tmp_path / f"a{time.monotonic_ns()}", revisions())
    shuffled = revisions().sample(frac=1, random_state=seed % 2**32)
    second = filled(tmp_path / f"b{time.monotonic_ns()}", shuffled, cuts)

    assert second.digest() == first.digest()
    pd.testing.assert_frame_equal(second.read("events"), first.read("events"))


def test_a_resent_file_changes_nothing(tmp_path):
    """A second delivery of the same rows is all duplicates; no file is touched and the digest stays."""
    rows = revisions().drop_duplicates(["source", "event_id", "known_at"])
    store = filled(tmp_path / "city", rows)
    before = {p: p.stat().st_mtime_ns for p in store.path.rglob("*.parquet")}
    digest = store.digest()

    assert store.write("events", rows.sample(frac=1, random_state=1)) == Written(0, len(rows), 0)
    assert {p: p.stat().st_mtime_ns for p in store.path.rglob("*.parquet")} == before
    assert store.digest() == digest


def test_of_two_contents_of_one_key_the_same_one_holds(tmp_path):
    """A key that comes with two contents is counted as conflicting, and which holds does not depend on which came first."""
    rows = revisions().drop_duplicates(["source", "event_id", "known_at"]).head(1).assign(category="D02")
    one = filled(tmp_path / "a", rows)

    assert one.write("events", rows.assign(category="D03")) == Written(0, 1, 1)
    two = filled(tmp_path / "b", rows.assign(category="D03"))
    two.write("events", rows)

    assert one.read("events")["category"].tolist() == two.read("events")["category"].tolist() == ["D03"]


def test_novel_tells_new_keys_from_known_ones(tmp_path):
    """A row is new when neither the store nor an earlier row of the frame has its key."""
    rows = revisions().drop_duplicates(["source", "event_id", "known_at"], ignore_index=True)
    store = filled(tmp_path / "city", rows.head(10))

    assert store.novel("events", pd.concat([rows, rows], ignore_index=True)).tolist() == (
        [False] * 10 + [True] * (len(rows) - 10) + [False] * len(rows)
    )


def test_an_unknown_grid_is_refused(tmp_path):
    """A row of a grid the store does not hold is not written; the message names the grid. An unplaced event is welcome."""
    store = filled(tmp_path / "city", revisions())
    digest = store.digest()
    with pytest.raises(DataError, match=r"1 grid ids are not in the store's `grids` table, first: G9"):
        store.write("events", revisions().head(3).assign(grid_id="G9"))

    assert store.digest() == digest
    assert "" in set(store.read("events")["grid_id"])


def test_naive_times_are_refused(tmp_path):
    """Timestamps without a zone are not written; the message says what to do."""
    store = filled(tmp_path / "city", revisions())
    naive = revisions().head(3).assign(known_at=pd.Timestamp("2025-01-08"))
    with pytest.raises(DataError, match=r"'known_at'.*no time zone.*tz_localize"):
        store.write("events", naive)


# --- clocks


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York", "Europe/Berlin", "Asia/Kathmandu", "UTC"])
def test_instants_survive_in_any_zone(tmp_path, zone):
    """Instants are read back as they were written, in the zone of the city, in the hours when clocks change too."""
    at = pd.to_datetime(
        [
            "2025-03-09T06:59:59Z",
            "2025-03-09T07:00:00Z",
            "2025-11-02T05:30:00Z",
            "2025-11-02T06:30:00Z",
            "2025-03-30T00:59:59Z",
            "2025-03-30T01:00:00Z",
            "2025-10-26T00:30:00Z",
            "2025-10-26T01:30:00Z",
        ],
        format="ISO8601",
    )
    store = Store(tmp_path / "city", timezone=zone)
    store.write("grids", GRIDS)
    rows = pd.DataFrame(
        {
            "source": "dispute",
            "event_id": [f"e{i}" for i in range(8)],
            "known_at": at,
            "occurred_at": at,
            "grid_id": "G1",
            "category": "D02",
        }
    )
    store.write("events", rows)
    found = store.read("events").sort_values("event_id")

    assert found["known_at"].tolist() == at.tolist()
    assert str(found["known_at"].dt.tz) == zone


def test_the_zone_of_the_writer_does_not_matter(tmp_path):
    """The same instants given in another zone give the same digest."""
    rows = revisions()
    abroad = rows.assign(**{c: rows[c].dt.tz_convert("America/New_York") for c in ("known_at", "occurred_at")})

    assert filled(tmp_path / "a", rows).digest() == filled(tmp_path / "b", abroad).digest()


@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [
        ("Asia/Shanghai", "2025-03-03", "2025-03-02T16:00Z"),
        ("Europe/Berlin", "2025-03-30", "2025-03-29T23:00Z"),
        ("Europe/Berlin", "2025-03-31", "2025-03-30T22:00Z"),
        ("America/New_York", "2025-11-03", "2025-11-03T05:00Z"),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00Z"),
        ("America/Havana", "2025-11-02", "2025-11-02T04:00Z"),
    ],
)
def test_a_date_means_its_local_midnight(tmp_path, zone, day, start):
    """A date is the first instant of the local day, where clocks skip midnight or strike it twice too; it names one night."""
    store = Store(tmp_path / "city", timezone=zone)

    assert store.instant(day) == pd.Timestamp(start)
    publish(store, day)
    assert store.nights() == [pd.Timestamp(start)]
    assert store.read("scores", as_of=day)["as_of"].tolist() == [pd.Timestamp(start)]


@pytest.mark.parametrize("wrong", ["soon", "2025-13-01", None, ""])
def test_no_date_is_refused(tmp_path, wrong):
    """What is no date is told as such."""
    with pytest.raises(DataError, match="as_of must be a date such as"):
        Store(tmp_path, timezone=ZONE).instant(wrong)


def test_a_store_keeps_its_zone(tmp_path):
    """Another zone than the one the store was made with is refused, as is one nobody knows."""
    filled(tmp_path / "city", revisions())

    assert Store(tmp_path / "city").timezone == ZONE
    with pytest.raises(DataError, match="time zone is 'Asia/Shanghai', got 'UTC'"):
        Store(tmp_path / "city", timezone="UTC")
    with pytest.raises(DefinitionError, match="unknown time zone 'Mars/Base'"):
        Store(tmp_path / "other", timezone="Mars/Base")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1}', '{"format": 99, "timezone": "UTC"}'])
def test_a_damaged_head_is_told(tmp_path, content):
    """A store.json that cannot be read is an error that names the file."""
    (tmp_path / "store.json").write_text(content)
    with pytest.raises(DataError, match=r"store\.json"):
        Store(tmp_path)


# --- reading


def test_an_empty_store_says_so(tmp_path):
    """Nothing was brought in: each read names the store and the verb to use."""
    store = Store(tmp_path / "none", timezone=ZONE)
    for ask in (lambda: store.read("events"), store.grids, store.known_until):
        with pytest.raises(NotFoundError, match=r"holds no table.*it has: nothing.*riskwarn ingest"):
            ask()
    with pytest.raises(StaleDataError, match="nothing is published for 2025-01-08; run `riskwarn nightly` first"):
        store.read("scores", as_of="2025-01-08")

    assert store.tables() == store.nights() == store.sources() == []
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("wrong", [["events"], None, 1], ids=str)
def test_a_table_is_asked_for_by_its_name(tmp_path, wrong):
    """What is no text is refused in our words, not by the library that looks it up."""
    with pytest.raises(ArgumentError, match="has: name must be text"):
        Store(tmp_path / "city", timezone=ZONE).has(wrong)


@pytest.mark.parametrize(
    ("since", "first"), [("2025-03-01", "2025-02"), ("2025-03-02", "2025-03"), ("2026-01-01", "2025-04")]
)
def test_months_that_ended_before_are_left_out(tmp_path, since, first):
    """What became known in a month that ended before `since` is not read, all else is; past the newest month, that one is read."""
    store = filled(tmp_path / "city", revisions())
    read = store.read("events", since=since, source="dispute")
    every = store.read("events", source="dispute")

    month = every["known_at"].dt.tz_convert("UTC").dt.strftime("%Y-%m")
    expected = every[month >= first].reset_index(drop=True)
    assert 0 < len(expected) < len(every)
    pd.testing.assert_frame_equal(read, expected)


def test_an_unknown_column_is_told(tmp_path):
    """A column the table cannot have is an error, not a table without it."""
    with pytest.raises(DataError, match=r"no column 'categry' \(did you mean 'category'\?\)"):
        filled(tmp_path / "city", revisions()).read("events", columns=["categry"])


def test_grids_are_those_valid_at_the_date(tmp_path):
    """A grid counts from valid_from (inclusive) to valid_to (exclusive); by default those that still hold."""
    turn = pd.Timestamp("2025-01-01", tz=ZONE)
    store = Store(tmp_path / "city", timezone=ZONE)
    old = pd.DataFrame(
        {"grid_id": ["A", "B"], "valid_from": pd.Timestamp("2024-01-01", tz=ZONE), "valid_to": [turn, pd.NaT]}
    )
    store.write("grids", old)
    store.write("grids", pd.DataFrame({"grid_id": ["A1", "A2"], "valid_from": turn}))

    assert store.grids("2024-12-31")["grid_id"].tolist() == ["A", "B"]
    assert store.grids("2025-01-01")["grid_id"].tolist() == store.grids()["grid_id"].tolist() == ["A1", "A2", "B"]
    with pytest.raises(NotFoundError, match="no grid is valid at 2023-01-01"):
        store.grids("2023-01-01")


def test_a_quiet_delivery_moves_the_end_of_the_data(tmp_path):
    """The store speaks up to its last revision, or further where a delivery says it covers more."""
    store = filled(tmp_path / "city", revisions())
    last = store.read("events")["known_at"].max()
    assert store.known_until() == last

    log = {
        "source": "dispute",
        "org_code": "*",
        "batch_id": "b",
        "arrived_at": last,
        "received": 0,
        "accepted": 0,
        "quarantined": 0,
        "duplicate": 0,
    }
    digest = store.digest()
    store.write(
        "feed_log", pd.DataFrame({k: [v] for k, v in log.items()}).assign(covers_to=last + pd.Timedelta(days=9))
    )

    assert store.known_until() == last + pd.Timedelta(days=9)
    assert store.digest() == digest


# --- nights


def publish(store, day, run="run1", rank=1, **facts):
    scores = pd.DataFrame(
        {
            "grid_id": ["G1"],
            "as_of": [store.instant(day)],
            "target": "t",
            "probability": [0.5],
            "rank": [rank],
            "state": "ok",
            "model_version": "m",
        }
    )
    return store.publish(day, {"scores": scores}, run=run, facts=facts)


def test_a_night_is_read_back_with_its_facts(tmp_path):
    """What is published is read; other dates are said to be missing, with the last one there is."""
    store = filled(tmp_path / "city", revisions())
    publish(store, "2025-01-08", note="一")

    assert store.read("scores", as_of="2025-01-08")["rank"].tolist() == [1]
    assert store.facts("2025-01-08") == {"note": "一"}
    with pytest.raises(StaleDataError, match="nothing is published for 2025-01-09; the last night is 2025-01-08"):
        store.read("scores", as_of="2025-01-09")


@pytest.mark.parametrize("ask", [PublishedNight.table, PublishedNight.arrow, PublishedNight.rows])
def test_a_table_that_a_run_did_not_make_is_told_with_those_it_made(tmp_path, ask):
    """However it is asked for, no table is not an empty one."""
    store = filled(tmp_path / "city", revisions())
    publish(store, "2025-01-08")
    with pytest.raises(NotFoundError, match="run run1 of 2025-01-08 published no table 'gaps'; its tables: scores"):
        ask(store.night("2025-01-08"), "gaps")


@pytest.mark.parametrize("content", [b"{", b"\xff", None])
def test_what_a_night_says_of_itself_is_damaged_not_empty(tmp_path, content):
    """Facts that cannot be read are refused with what to do."""
    store = filled(tmp_path / "city", revisions())
    facts = publish(store, "2025-01-08", note="one") / "facts.json"
    facts.write_bytes(content) if content else facts.unlink()
    with pytest.raises(DataError, match=r"facts\.json is damaged .*run the night again"):
        store.facts("2025-01-08")


def test_a_run_is_never_rewritten_and_can_hold_again(tmp_path):
    """A new run takes over and the old one stays; rolling back moves a pointer to the very same files."""
    store = filled(tmp_path / "city", revisions())
    old = publish(store, "2025-01-08", run="old", rank=1)
    bytes_before = {p.name: p.read_bytes() for p in old.iterdir()}
    publish(store, "2025-01-08", run="new", rank=2)
    publish(store, "2025-01-08", run="old", rank=3)

    assert store.runs("2025-01-08") == ["old", "new"]
    assert store.read("scores", as_of="2025-01-08")["rank"].tolist() == [1]
    store.roll_back("2025-01-08", "new", why="better")
    assert store.run_of("2025-01-08") == "new"
    assert store.read("scores", as_of="2025-01-08")["rank"].tolist() == [2]
    assert {p.name: p.read_bytes() for p in old.iterdir()} == bytes_before
    with pytest.raises(NotFoundError, match="has no run 'never'; its runs: old, new"):
        store.roll_back("2025-01-08", "never", why="x")
    assert store.run_of("2025-01-08") == "new"


def test_a_night_with_a_fault_is_not_published(tmp_path):
    """If one table of a night breaks its contract nothing of it is seen, and the last run holds."""
    store = filled(tmp_path / "city", revisions())
    publish(store, "2025-01-08")
    wrong = store.read("scores", as_of="2025-01-08").assign(probability=2.0)
    with pytest.raises(DataError, match="probability"):
        store.publish("2025-01-08", {"scores": wrong}, run="wrong")

    assert store.run_of("2025-01-08") == "run1"
    assert store.runs("2025-01-08") == ["run1"]


def test_source_tables_and_nights_have_their_own_doors(tmp_path):
    """Scores cannot be written past the night, and no night brings grids; what is refused makes nothing."""
    store = Store(tmp_path / "city", timezone=ZONE)
    with pytest.raises(DataError, match=r"published by a night; use Store\.publish"):
        store.write("scores", pd.DataFrame())
    with pytest.raises(DataError, match=r"a night publishes no table 'grids'; use Store\.write"):
        store.publish("2025-01-08", {"grids": GRIDS}, run="one")

    assert not store.path.exists()


# --- one writer


def test_a_second_writer_waits_outside(tmp_path):
    """While one job holds the store no other writes, publishes or locks; the one that holds it may; afterwards all may."""
    store = filled(tmp_path / "city", revisions())
    other = Store(store.path)
    with store.lock():
        store.write("grids", GRIDS)
        for attempt in (
            lambda: other.write("grids", GRIDS),
            lambda: publish(other, "2025-01-08"),
            lambda: other.lock().__enter__(),
        ):
            with pytest.raises(BusyError, match="held by another job"):
                attempt()
        assert other.read("events") is not None
    publish(other, "2025-01-08")

    assert other.nights()


def test_the_lock_dies_with_its_process(tmp_path):
    """A job killed with kill -9 leaves no lock behind."""
    store = filled(tmp_path / "city", revisions())
    ready, free = towns.processes().Event(), towns.processes().Event()
    job = towns.job(towns.hold, str(store.path), ready, free)
    assert ready.wait(60)
    with pytest.raises(BusyError, match="held by another job"):
        store.write("grids", GRIDS)
    job.kill()
    job.join()
    store.write("grids", GRIDS)


# --- kill -9


def whole(store):
    """Every file with a final name can be read; the night's tables and facts are of one run."""
    for part in store.path.rglob("*.parquet"):
        if not part.name.startswith(".") and not any(
            p.name.startswith(".") for p in part.relative_to(store.path).parents
        ):
            pq.read_table(part)
    store.read("events")
    if store.nights():
        assert store.read("scores", as_of="2025-01-08")["rank"].iloc[0] == store.facts("2025-01-08")["rank"]


def killed_rounds(tmp_path, kills, rounds=12):
    """Kill a writing job `kills` times, look at the store each time; then let it finish and compare with an undisturbed one."""
    rows = revisions(300, seed=9).drop_duplicates(["source", "event_id", "known_at"])
    start = filled(tmp_path / "start", rows.head(1))
    publish(start, "2025-01-08", run="run0")
    scores = start.read("scores", as_of="2025-01-08")
    shutil.rmtree(start.path / "nights")
    calm, store = towns.copy(start, tmp_path / "calm"), towns.copy(start, tmp_path / "killed")
    ready, luck = towns.processes().Event(), random.Random(4)

    def finished(city):
        began = time.monotonic()
        towns.job(towns.write_and_publish, str(city.path), rows, scores, rounds, ready).join()
        return time.monotonic() - began

    length = finished(calm)
    for _ in range(kills):
        ready.clear()
        job = towns.job(towns.write_and_publish, str(store.path), rows, scores, rounds, ready)
        ready.wait(60)
        time.sleep(luck.uniform(0, length / 2))
        job.kill()
        job.join()
        whole(Store(store.path))
    finished(store)
    return store, calm


def untidy(store):
    """What a killed job left half written."""
    return [p for p in store.path.rglob(".*") if p.name.endswith(".partial")]


def test_a_killed_write_leaves_the_old_or_the_new_file(tmp_path):
    """After each kill every file is whole; a rerun ends in the same records as an undisturbed run and leaves no scraps."""
    store, calm = killed_rounds(tmp_path, kills=6)

    assert store.digest() == calm.digest()
    assert store.read("scores", as_of="2025-01-08")["rank"].tolist() == [12]
    assert untidy(store) == []


@pytest.mark.slow
def test_a_hundred_kills(tmp_path):
    """The same for a hundred kills (of the process: the page cache survives, power loss is not tried)."""
    store, calm = killed_rounds(tmp_path, kills=100)

    assert store.digest() == calm.digest()
    assert untidy(store) == []


def test_scraps_of_a_killed_job_go_with_the_next(tmp_path):
    """Half-written files and runs are taken away by the next job that holds the store, though it has the same process number."""
    store = filled(tmp_path / "city", revisions())
    scrap = store.path / "tables" / "events" / "dispute" / f".2025-01.parquet.{os.getpid()}.partial"
    scrap.write_bytes(b"PAR1")
    run = store.path / "nights" / "2025-01-08" / f".run1.{os.getpid()}.partial"
    run.mkdir(parents=True)
    (run / "scores.parquet").write_bytes(b"PAR1")
    publish(store, "2025-01-08")

    assert untidy(store) == []
    assert store.read("scores", as_of="2025-01-08")["rank"].tolist() == [1]


def test_quarantine_keeps_rows_with_their_reasons(tmp_path):
    """Refused rows are kept as they came; a batch that comes again changes nothing."""
    store = filled(tmp_path / "city", revisions())
    bad = pd.DataFrame({"reason": ["no such grid"], "event_id": ["e9"], "at": [pd.Timestamp("2025-01-08", tz=ZONE)]})
    for _ in range(2):
        store.quarantine("events", bad, batch="b1")

    assert store.read_quarantine("events")["reason"].tolist() == ["no such grid"]
    assert store.read_quarantine("visits").empty
    assert store.quarantine("events", bad.iloc[:0], batch="b2") is None


# --- a night is read from one run


def test_a_night_is_read_from_one_run(tmp_path):
    """Tables and facts come from the run that was asked for, though another holds by now; an unknown run or table is told."""
    store = filled(tmp_path / "city", revisions())
    publish(store, "2025-01-08", run="old", rank=1, n=1)
    night = store.night("2025-01-08")
    publish(store, "2025-01-08", run="new", rank=2, n=2)

    assert (night.run, night.facts, night.table("scores")["rank"].tolist()) == ("old", {"n": 1}, [1])
    assert store.night("2025-01-08", run="old").facts == {"n": 1}
    assert store.night("2025-01-08").table("scores", columns=["rank"])["rank"].tolist() == [2]
    assert night.tables == ["scores"]
    assert night.as_of == pd.Timestamp("2025-01-08", tz=ZONE)
    with pytest.raises(NotFoundError, match="run old of 2025-01-08 published no table 'gaps'; its tables: scores"):
        night.table("gaps")
    with pytest.raises(NotFoundError, match="has no run 'never'; its runs: old, new"):
        store.night("2025-01-08", run="never")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("facts.json", b"{"),
        ("scores.parquet", b"PAR1"),
        ("scores.parquet", None),
        ("facts.json", None),
        ("SHA256SUMS", None),
    ],
)
def test_a_damaged_night_is_passed_over_and_told(tmp_path, file, content):
    """The newest night whose files are as they were published is found; what is wrong with newer ones is said; nothing falls over."""
    store = filled(tmp_path / "city", revisions())
    publish(store, "2025-01-08")
    newest = publish(store, "2025-01-09")
    assert (store.newest_night().as_of, store.faults()) == (store.instant("2025-01-09"), [])
    if content is None:
        (newest / file).unlink()
    else:
        (newest / file).write_bytes(content)

    assert store.newest_night().as_of == store.instant("2025-01-08")
    assert len(store.faults()) == 1
    assert file in store.faults()[0]
    with pytest.raises(DataError, match="damaged or missing; run the night again"):
        store.roll_back("2025-01-09", "run1", why="x")


def test_where_every_night_is_damaged_each_is_told(tmp_path):
    """Nothing is shown as the newest sound night; the list of faults goes back to the first, the newest before the older."""
    store = filled(tmp_path / "city", revisions())
    for day in ("2025-01-08", "2025-01-09"):
        (publish(store, day) / "scores.parquet").write_bytes(b"PAR1")

    assert [day in fault for day, fault in zip(("2025-01-09", "2025-01-08"), store.faults(), strict=True)] == [True] * 2
    with pytest.raises(StaleDataError, match="no sound night is published"):
        store.newest_night()


@pytest.mark.parametrize("stray", ["backup", "2025-01-09 (copy)", "2025-13-01", "2025-01-10", ".trash"])
def test_a_stray_folder_among_the_nights_is_passed_over(tmp_path, stray):
    """A folder that is no night, or a night without a run, stops nobody; it is named unless it is hidden."""
    store = filled(tmp_path / "city", revisions())
    publish(store, "2025-01-08")
    (store.path / "nights" / stray).mkdir()
    (store.path / "nights" / "notes.txt").write_text("x")

    assert store.nights() == [store.instant("2025-01-08")]
    assert store.newest_night().run == store.run_of("2025-01-08") == "run1"
    assert len(store.faults()) == (1 if stray.startswith(".") else 2)


# --- the head of a store


def test_a_lost_head_is_an_error(tmp_path):
    """Without store.json nobody knows the zone: the folder is no store of another zone, whatever is asked of it."""
    store = filled(tmp_path / "city", revisions())
    (store.path / "store.json").unlink()
    for zone in (None, ZONE, "UTC"):
        with pytest.raises(DataError, match=r"store\.json is lost.*write it again"):
            Store(store.path, timezone=zone)


def test_a_new_store_must_be_told_its_zone(tmp_path):
    """No zone is taken in silence: a store that is not there has none, and writing to it is refused."""
    store = Store(tmp_path / "new")
    for ask in (lambda: store.timezone, lambda: store.write("grids", GRIDS), lambda: store.instant("2025-01-08")):
        with pytest.raises(NotFoundError, match="its time zone is not known"):
            ask()
    assert not store.path.exists()
    store.adopt_zone("Europe/Berlin")
    store.write("grids", GRIDS)

    assert Store(store.path).timezone == "Europe/Berlin"


def test_a_damaged_table_is_told(tmp_path):
    """A file that cannot be read is an error that names it, not one of the library that reads it, whether it is read whole, in parts or at its end."""
    store = filled(tmp_path / "city", revisions())
    (store.path / "tables" / "grids.parquet").write_bytes(b"PAR1 and then nothing")
    for look in (Store.grids, partial(n_rows, name="grids"), lambda s: list(batches(s, "grids", ["grid_id"]))):
        with pytest.raises(DataError, match=r"grids\.parquet is damaged"):
            look(store)


@pytest.mark.parametrize("wrong", [None, 5, ["a"]])
def test_a_store_is_a_path(wrong):
    """What is no path is told as such."""
    with pytest.raises(DataError, match="path must be text or a Path"):
        Store(wrong)


def test_a_city_speaks_its_own_words(tmp_path, monkeypatch):
    """Words added to a store are kept with it, added to by later ones, and spoken by whoever opens it."""
    monkeypatch.setattr(taxonomy, "_ADDED", {})
    (tmp_path / "a.csv").write_text("code,zh,en\nriver,河道,river\nkiosk,报亭,kiosk\n", "utf-8-sig")
    (tmp_path / "b.csv").write_text("code,zh,en\nriver,河道噪声,noise on the river\n", "utf-8")
    store = Store(tmp_path / "city", timezone="Asia/Shanghai")
    assert (store.add_words(tmp_path / "a.csv"), store.add_words(tmp_path / "b.csv")) == (2, 2)

    monkeypatch.setattr(taxonomy, "_ADDED", {})
    Store(tmp_path / "city")

    assert (taxonomy.words_of("river").en, taxonomy.words_of("kiosk").zh) == ("noise on the river", "报亭")


def test_words_that_say_nothing_are_refused(tmp_path):
    """A code without words, or a file that is no text, changes nothing in the store."""
    (tmp_path / "a.csv").write_text("code,zh,en\nriver,,river\n", "utf-8")
    (tmp_path / "b.csv").write_bytes(b"code,zh,en\nx,\xff\xfe,y\n")
    store = Store(tmp_path / "city", timezone="Asia/Shanghai")
    for name, reason in (("a.csv", "line 2 lacks"), ("b.csv", "no CSV in UTF-8")):
        with pytest.raises(DefinitionError, match=reason):
            store.add_words(tmp_path / name)

    assert store.is_new


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o777])
def test_a_secret_that_others_can_read_is_not_read(tmp_path, mode):
    """By group or by anyone: refused with the remedy, and what it holds is not repeated; for its owner alone it is read."""
    place = tmp_path / "secret"
    place.write_bytes(b"drawn at random")
    place.chmod(mode)
    with pytest.raises(DefinitionError, match=f"can be read by others: chmod 600 {place}") as refused:
        read_private(place)
    place.chmod(0o600)

    assert "drawn" not in str(refused.value)
    assert read_private(place) == b"drawn at random"


def test_what_is_no_file_of_a_secret_is_not_waited_for(tmp_path):
    """A folder, a pipe that nobody writes to, a device and a large file are refused at once; what is not there is the system's own error."""
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "large").write_bytes(b"x" * (LARGEST_SECRET + 1))
    (tmp_path / "large").chmod(0o600)
    for place in (tmp_path, tmp_path / "pipe", Path("/dev/null"), tmp_path / "large"):
        with pytest.raises(DefinitionError, match="no file of a secret"):
            read_private(place)
    with pytest.raises(FileNotFoundError):
        read_private(tmp_path / "lost")


def test_a_secret_is_read_where_a_system_knows_less(tmp_path, monkeypatch):
    """Windows has neither the marks by which a file is opened here nor rights of others: the secret is read all the same."""
    place = tmp_path / "secret"
    place.write_bytes(b"drawn at random")
    place.chmod(0o644)
    for name in ("O_NONBLOCK", "O_CLOEXEC"):
        monkeypatch.delattr(os, name)
    monkeypatch.setattr(sys, "platform", "win32")
    again = runpy.run_path(key.__file__)["read_private"]

    assert again(str(place)) == b"drawn at random"


def test_who_is_refused_leaves_the_lock_of_a_new_store(tmp_path):
    """Nothing is written yet, and a job is refused: the one that holds the store holds it still."""
    holder, *others = (Store(tmp_path / "new" / "city", timezone="Asia/Shanghai") for _ in range(3))
    with holder.lock():
        for other in others:
            with pytest.raises(BusyError), other.lock():
                pass
    assert list(tmp_path.iterdir()) == []
