"""Tallies of feeds: what monitors need of records as counts, which add up over shares of the grids."""

from collections import Counter
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from towns.country import stored
from towns.events import ZONE

from riskwarn.clock import micros
from riskwarn.distributed import firsts, monitor_blocks, spilling
from riskwarn.distributed.nightly import InBlocks
from riskwarn.history import DAY_US, History
from riskwarn.monitoring import check, tally
from riskwarn.monitoring.tally import tallies

NIGHT = pd.Timestamp("2025-06-02", tz=ZONE)


@pytest.fixture(scope="module")
def land(tmp_path_factory):
    """A land with corrections, withdrawn events, grids that were split, and counties."""
    return stored(tmp_path_factory.mktemp("tally") / "land")


@pytest.fixture
def small_buckets(monkeypatch):
    """Buckets, and so shares of the grids, of some hundred records."""
    monkeypatch.setattr(spilling, "BUCKET_ROWS", 300)


def check_same(one, other):
    for field in fields(tally.Tally):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name), err_msg=field.name)


def test_shares_of_the_grids_add_up_to_the_city(land, small_buckets):
    """Counted a share of the grids at a time, every feed has the tally of the city at once, to the bit, also where a grid was split."""
    at = micros(NIGHT)
    whole = list(tallies(History.load(land, as_of=NIGHT), at))
    with InBlocks(n_blocks=2).opened(land, NIGHT, []) as history:
        assert history.files.n_shares > 2
        shares = list(tallies(history, at))

    assert [one.source for one in shares] == [one.source for one in whole] != []
    for one, other in zip(shares, whole, strict=True):
        check_same(one, other)
    assert any((one.weekly % 1).any() for one in whole), "some records lie in two grids by their shares"


def test_monitors_of_shares_are_those_of_the_whole(land, small_buckets):
    """Whoever monitors feeds share by share says what one machine says, to the bit."""
    pd.testing.assert_frame_equal(monitor_blocks(land, None, NIGHT), check(land, None, NIGHT), check_exact=True)


def test_no_more_than_one_share_of_a_feed_is_read_and_each_once(land, small_buckets, monkeypatch):
    """Monitors read every feed and share once, and never two together: what they hold does not grow with the city."""
    asked, sizes, read = [], [], firsts.read

    def counted(folder, numbers, source, batch, words, at):
        rows = read(folder, numbers, source, batch, words, at)
        asked.append((source, batch))
        sizes.append(len(rows))
        return rows

    monkeypatch.setattr(firsts, "read", counted)
    monitor_blocks(land, None, NIGHT)

    assert max(Counter(asked).values()) == 1
    assert max(sizes) < sum(sizes) / 3


def test_a_tally_counts_each_event_once_and_its_matters_squared():
    """Records count on the day they first became known; those of one grid, hour and category are one matter, which counts squared."""
    at = micros(pd.Timestamp("2025-03-01", tz="UTC"))
    rng = np.random.default_rng(3)
    n = 400
    hour, grid = rng.integers(0, 48, n), rng.integers(0, 3, n)
    kind = rng.choice(["D01", "D02"], n)
    occurred = pd.to_datetime(at - 3 * DAY_US + hour * DAY_US // 24 + rng.integers(0, 60, n), unit="us", utc=True)
    events = pd.DataFrame(
        {"source": "dispute", "event_id": [f"e{i}" for i in range(n)], "known_at": occurred + pd.Timedelta(minutes=1)}
        | {"occurred_at": occurred, "grid_id": [f"G{g}" for g in grid], "category": kind}
    )
    later = events.iloc[::7].assign(known_at=lambda t: t["known_at"] + pd.Timedelta(hours=5), category="D01")
    grids = pd.DataFrame({"grid_id": ["G0", "G1", "G2"], "valid_from": occurred.min(), "county_id": ["K1", "K1", "K2"]})
    history = History.of(pd.concat([events, later], ignore_index=True), grids, timezone="UTC")

    [found] = tallies(history, at)

    days = found.days - 1 - np.asarray((at - 1 - events["known_at"].astype("int64")) // DAY_US)
    for code, word in enumerate(history.words["category"]):
        for day in range(found.days):
            mine = (kind == word) & (days == day)
            matters = Counter(zip(grid[mine], hour[mine], strict=True))
            assert found.kinds[code, day] == mine.sum()
            assert found.kind_squares[code, day] == sum(k**2 for k in matters.values())
    for county, here in enumerate((grid < 2, grid == 2)):
        matters = Counter(zip(grid[here], hour[here], days[here], strict=True))
        assert found.counties[county].sum() == here.sum()
        assert found.county_squares[county].sum() == sum(k**2 for k in matters.values())
    assert found.weekly.sum() == found.blocks.sum() == n


def test_hours_however_far_apart_are_matters_of_their_own(land, monkeypatch):
    """Where cells, grids and hours have no room in one number, the tally is the same."""
    history, at = History.load(land, as_of=NIGHT), micros(NIGHT)
    wanted = list(tallies(history, at))
    monkeypatch.setattr(tally, "_ROOM", 1)

    for one, other in zip(tallies(history, at), wanted, strict=True):
        check_same(one, other)
