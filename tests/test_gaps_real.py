"""Gaps in real data: Boston's overdue requests, Sweden's publishing outages, a day deleted from Philadelphia."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from riskwarn import gaps
from riskwarn.example import boston
from riskwarn.gaps import silence
from riskwarn.gaps.evidence import Evidence
from riskwarn.history import History

SHARED = Path(os.environ.get("RISKWARN_SHARED", Path(__file__).parents[2] / "shared")) / "data"


def shared(name):
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"needs the public data set {name}; set RISKWARN_SHARED")
    return pd.read_parquet(path)


def aware(times, zone):
    return times.dt.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward").dt.as_unit("us")


def test_boston_overdue_requests_are_found(tmp_path):
    """Every request that was open past its due time at the night is counted in its grid, and no other."""
    store = boston(tmp_path / "boston", progress=False)
    night = "2015-11-02"
    seen = gaps.find_gaps(store, as_of=night, kinds=["G06"])
    told = [json.loads(e) for e in seen["evidence"]]
    assert {t["clock"] for t in told} == {"total"}

    events = store.read(
        "events", columns=["source", "event_id", "known_at", "occurred_at", "grid_id", "due_at", "closed_at"]
    )
    at = store.instant(night)
    held = events[events["known_at"] < at].sort_values("known_at").drop_duplicates(["source", "event_id"], keep="last")
    late = held[(held["due_at"] < at) & ~(held["closed_at"] < at) & (held["grid_id"] != "")]
    by_source = sum(t["overdue_cases"] for t in told)
    scheme = by_source - len(late)
    assert len(late) > 1000
    assert 0 <= scheme < 0.35 * by_source
    assert set("grid:" + late["grid_id"]) <= set(seen["scope"])


def test_sweden_publishing_outages_are_found():
    """The feed's three real stops (32, 165 and 96 hours) are flagged for the whole country from their first night, and no other night of their months is."""
    table = shared("sweden_police/events.parquet")
    table = table[(table["collected_at"] >= "2023-03-27") & ~table["category"].str.startswith("Sammanfattning")]
    zone = "Europe/Stockholm"
    events = (
        pd.DataFrame(
            {
                "source": "police_call",
                "event_id": table["event_id"],
                "known_at": aware(table["collected_at"], zone),
                "occurred_at": aware(table[["occurred_at", "collected_at"]].min(axis=1), zone),
                "grid_id": "SE" + table["county_code"].astype(str),
                "category": "P99",
            }
        )
        .dropna()
        .drop_duplicates(["source", "event_id", "known_at"])
    )
    grids = pd.DataFrame(
        {"grid_id": sorted(events["grid_id"].unique()), "valid_from": pd.Timestamp("2020-01-01", tz=zone)}
    )
    history = History.of(events, grids.assign(county_id=grids["grid_id"]), timezone=zone)
    flagged = {}
    for night in [*pd.date_range("2023-10-08", "2023-11-05"), *pd.date_range("2025-05-10", "2025-05-28")]:
        seen = gaps.find_gaps(history, as_of=night.date().isoformat(), kinds=["G08"])
        whole = seen[seen["scope"] == "feed:police_call"]
        if len(whole):
            flagged[night.strftime("%m-%d")] = json.loads(whole["evidence"].iloc[0])["fault"]

    assert set(flagged) == {"10-13", *(f"10-{d}" for d in range(20, 26)), "05-17", "05-18", "05-19", "05-20"}
    assert {flagged[d] for d in ("10-22", "05-19")} == {"stopped"}


def test_a_day_deleted_from_philadelphia_is_flagged_and_calms_nobody():
    """With one day's incidents deleted the feed is flagged the next night, no tract becomes likelier to be silent, and those listed were listed before."""
    table = shared("philadelphia/police_incidents.parquet")
    table = table[
        (table["occurred_at"] >= "2018-06-01") & (table["occurred_at"] < "2019-06-12") & table["tract_2010"].notna()
    ]
    zone = "America/New_York"
    events = pd.DataFrame(
        {
            "source": "grid_report",
            "event_id": table["event_id"],
            "occurred_at": aware(table["occurred_at"], zone),
            "grid_id": table["tract_2010"],
            "category": "P99",
            "origin": "proactive",
        }
    ).dropna()
    events["known_at"] = (events["occurred_at"].dt.normalize() + pd.Timedelta(hours=23, minutes=50)).dt.as_unit("us")
    events["known_at"] = events[["known_at", "occurred_at"]].max(axis=1)
    grids = pd.DataFrame(
        {"grid_id": sorted(events["grid_id"].unique()), "valid_from": pd.Timestamp("2010-01-01", tz=zone)}
    )
    day = pd.Timestamp("2019-06-11", tz=zone)
    cut = events[(events["occurred_at"] < day)]
    whole, gone = (History.of(e, grids, timezone=zone) for e in (events, cut))

    assert gaps.find_gaps(whole, as_of="2019-06-12", kinds=["G08"]).empty
    flagged = gaps.find_gaps(gone, as_of="2019-06-12", kinds=["G08"])
    assert flagged["scope"].tolist() == ["feed:grid_report"]
    awake = [
        silence.awake_chance(live, np.arange(len(grids)))[:, -1]
        for live in (silence.liveness(Evidence(gone, night)) for night in ("2019-06-11", "2019-06-12"))
    ]
    assert (awake[1] - awake[0]).mean() > -0.002
    assert not ((awake[0] > 0.5) & (awake[1] < 0.5)).any()
    before, after = (gaps.find_gaps(gone, as_of=night, kinds=["G01"]) for night in ("2019-06-11", "2019-06-12"))
    assert set(after.loc[after["suppressed_by"].isna(), "scope"]) <= set(before["scope"])
