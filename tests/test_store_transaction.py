"""A delivery is one transaction: all of it holds or nothing, for whoever reads or comes after, wherever it breaks off."""

import threading

import interrupted
import pandas as pd
import pytest
import towns
from test_store import GRIDS, filled, revisions

from riskwarn.errors import BusyError, DataError
from riskwarn.store import Store

LOG = {"source": "dispute", "org_code": "*", "received": 9, "accepted": 8, "quarantined": 1, "duplicate": 0}


def bad(text):
    return pd.DataFrame({"reason": [text], "event_id": ["e9"]})


def deliver(store, batch="b2"):
    """Records of two feeds, a rejected row, a line of the log, and an old batch that is clean by now."""
    rows = revisions(60, seed=3).drop_duplicates("source").assign(event_id="new")
    with store.transaction() as staged:
        staged.write("events", rows)
        staged.quarantine("events", bad("no such grid"), batch=batch)
        staged.quarantine("events", bad("").iloc[:0], batch="b1")
        staged.write("feed_log", pd.DataFrame([LOG | {"batch_id": batch, "arrived_at": rows["known_at"].max()}]))


def content(store):
    """What a reader sees: records, rejected rows by batch, deliveries logged."""
    log = store.read("feed_log")["batch_id"].tolist() if store.has("feed_log") else []
    return store.digest(), store.quarantined("events"), log, len(store.read("events"))


@pytest.fixture
def store(tmp_path):
    """A store with a delivery and one rejected row."""
    made = filled(tmp_path / "city", revisions().drop_duplicates("source"))
    made.quarantine("events", bad("damaged"), batch="b1")
    return made


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "disk full"])
def test_a_delivery_that_breaks_off_anywhere_leaves_all_or_nothing(store, tmp_path, kill):
    """Before whichever change to a file it is killed, or before every other one the disk is full: the next reader sees the old store or the new one, whole.

    What it sees stays when the next writer comes, who leaves no scraps; delivered again, it is as if nothing had been.
    """
    calm = towns.copy(store, tmp_path / "calm")
    deliver(calm)
    before, after = content(store), content(calm)
    seen, step, code = [], 0, None
    while code != interrupted.DONE:
        step += 1 if kill else 2
        town = towns.copy(store, tmp_path / f"town{step}")
        code = interrupted.at_step(step, lambda town=town: deliver(town), town.path, kill=kill)
        seen.append(content(Store(town.path)))
        town.write("grids", GRIDS)

        assert code in {interrupted.DONE, interrupted.KILLED if kill else interrupted.RAISED}
        assert content(town) == seen[-1]
        assert [p.name for p in town.path.iterdir() if p.name.startswith(".")] == [".lock"]
    deliver(town)
    assert content(town) == after
    assert step > 10
    assert [i for i, held in enumerate(seen) if held not in (before, after)] == []
    turn = seen.index(after)
    assert 0 < turn < len(seen)
    assert seen == [before] * turn + [after] * (len(seen) - turn)


def test_others_see_nothing_before_it_is_committed(store):
    """The block reads what it has written; other readers, and the store itself, read the old store until the block ends well."""
    before = content(store)
    with pytest.raises(ValueError, match="the mapping was wrong"), store.transaction() as staged:  # noqa: PT012 - what a block did
        staged.write("grids", GRIDS.assign(grid_id=["H1", "H2", "H3"]))
        assert "H1" in set(staged.read("grids")["grid_id"])
        assert "H1" not in set(Store(store.path).read("grids")["grid_id"])
        staged.quarantine("events", bad("").iloc[:0], batch="b1")
        assert staged.quarantined("events") == []
        raise ValueError("the mapping was wrong")

    assert content(store) == before
    deliver(store)
    assert content(Store(store.path)) != before


def test_a_transaction_within_another_is_the_same(store):
    """What is written within a transaction through the store itself is committed with it, or not at all."""
    with pytest.raises(ZeroDivisionError), store.transaction() as staged:  # noqa: PT012 - what a block did
        store.write("grids", GRIDS.assign(grid_id=["H1", "H2", "H3"]))
        assert "H1" in set(staged.read("grids")["grid_id"])
        with store.transaction() as again:
            assert again is staged
        1 / 0  # noqa: B018

    assert "H1" not in set(store.read("grids")["grid_id"])


def test_a_first_delivery_that_fails_leaves_no_store(tmp_path):
    """A new store whose first delivery fails is not made: neither folder nor zone stays."""
    store = Store(tmp_path / "new", timezone="Asia/Shanghai")
    with pytest.raises(DataError, match="not in the store's `grids` table"):
        store.write("events", revisions().head(3))

    assert not store.path.exists()


def test_one_thread_holds_the_store(store):
    """Threads of one process that share a store hold it one at a time; the holder may lock and write again."""
    holding, most, refused = [], [], []
    start, end = threading.Barrier(3), threading.Barrier(3)

    def job():
        start.wait()
        try:
            with store.lock():
                holding.append(1)
                most.append(len(holding))
                with store.lock():
                    store.write("grids", GRIDS)
                end.wait()
                holding.pop()
        except BusyError:
            refused.append(1)
            end.wait()

    threads = [threading.Thread(target=job) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (most, len(refused)) == ([1], 2)
    store.write("grids", GRIDS)


def test_a_file_of_the_city_is_kept_beside_the_tables(store):
    """A calendar is staged like a table; names of folders and of the store's own files are refused."""
    with store.transaction() as staged:
        staged.write_file("calendar.csv", b"day,working\n")
        for wrong in ("store.json", "../x.csv", ".lock", "tables/x.csv"):
            with pytest.raises(DataError, match="no name for a file beside the tables"):
                staged.write_file(wrong, b"")

    assert (store.path / "calendar.csv").read_bytes() == b"day,working\n"


def test_replacing_a_record_leaves_the_files_of_other_months(tmp_path):
    """A correction of one event writes its month anew and touches no other file of a large store."""
    store = filled(tmp_path / "city", revisions())
    rows = store.read("events", source="dispute")
    first = rows[rows["known_at"] == rows["known_at"].min()]
    before = {path: path.stat().st_ino for path in sorted((store.path / "tables" / "events").rglob("*.parquet"))}
    with store.transaction() as staged:
        staged.replace("events", first.assign(category="D07"), of=first[["source", "event_id", "known_at"]])
    changed = [path for path, inode in before.items() if path.stat().st_ino != inode]

    assert [path.parent.name for path in changed] == ["dispute"]
    assert len(before) > 4
    assert (store.read("events", source="dispute")["category"] == "D07").sum() == len(first)
