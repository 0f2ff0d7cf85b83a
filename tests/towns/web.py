"""A made-up town for the web tests: grids with polygons, a year of events and three published nights."""

import json
import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

import towns
from riskwarn.explanation import tide_facts
from riskwarn.feature import Clause, Noun
from riskwarn.history import History, Stream
from riskwarn.label import Label
from riskwarn.language import Words, in_every_language, phrase
from riskwarn.model import RiskModel
from riskwarn.model.tide import Tide
from riskwarn.naming import named
from riskwarn.store import Store
from riskwarn.weekly import category_counts, weekly_counts, weekly_readings

ZONE = "Asia/Shanghai"
NIGHTS = ("2025-01-06", "2025-01-07", "2025-01-08")
NOW = pd.Timestamp("2025-01-08 07:30", tz=ZONE)
TARGET = "petition_28d"
SOURCES = ("dispute", "hotline", "petition", "police_call")
QUESTION = {
    "zh": "未来28天，该网格是否出现群众求助升级为信访或警情",
    "en": "will a request for help in the grid grow into a petition or police call within 28 days",
}


GATE_REASON = phrase(
    "{metric} beats {rival} by {figures}",
    metric=named("capture_5"),
    rival=named("prior count 52 weeks"),
    figures="+0.0510",
)


def _feature(zh, en, unit, clause, remedy):
    return {"zh": zh, "en": en, "unit": unit, "clause": clause.to_dict(), "remedy": remedy}


_CALLS = Noun(Words(zh="纠纷警情", en=("dispute call", "dispute calls")))
_LATE = Noun(
    Words(zh="超期未结事项", en=("open case past its limit", "open cases past their limit")), Words(zh="件", en="")
)
_VISIT = Noun(Words(zh="有效巡访", en=("valid visit", "valid visits")), Words(zh="次", en=""))
_EVENTS = Noun(Words(zh="事件", en=("event", "events")))
_CALL_BACKS = Noun(Words(zh="回访", en=("call-back", "call-backs")), Words(zh="次", en=""))
FEATURES = {
    "police_dispute_28d": _feature(
        "近28天纠纷警情", "dispute calls, 28 days", "count", Clause("lasting", _CALLS, 28), "A3"
    ),
    "overdue_open": _feature(
        "超期未结", "open and overdue", "count", Clause("standing", _LATE, remedy="overdue"), "A4"
    ),
    "days_since_visit": _feature("距上次巡访", "days since the last visit", "days", Clause("since", _VISIT, 365), "A1"),
    "neighbour_28d": _feature(
        "邻近网格近期事件",
        "events in neighbouring grids",
        "count",
        Clause("lasting", _EVENTS, 28, around="nearby", remedy="around"),
        "A1",
    ),
    "callbacks_90d": _feature("近90天回访", "call-backs, 90 days", "count", Clause("lasting", _CALL_BACKS, 90), "A2"),
}


class Altered:
    """A night of which some tables are others."""

    def __init__(self, night, **tables):
        self._night = night
        vars(self).update({"made": {}} | tables)

    def __getattr__(self, name):
        return getattr(self._night, name)


def build(path: Path, *, columns: int = 4, rows: int = 3, nights: tuple[str, ...] = NIGHTS) -> Store:
    """A store with `columns` × `rows` grids; the last grid has insufficient data, and one hotline feed has stopped."""
    shutil.copytree(_built(columns, rows, nights).path, path, symlinks=True, dirs_exist_ok=True)
    return Store(path)


@cache
def _built(columns: int, rows: int, nights: tuple[str, ...]) -> Store:
    store = Store(towns.folder() / f"web-{columns}-{rows}-{len(nights)}", timezone=ZONE)
    store.write("grids", _grids(columns, rows))
    store.write("events", _events(columns * rows))
    for place, night in enumerate(nights):
        publish(store, night, seed=place)
    return store


def publish(store: Store, night: str, *, seed: int = 0, run: str = "", **facts: object) -> None:
    """Publish a night whose scores depend on `seed`."""
    as_of = pd.Timestamp(night, tz=ZONE)
    scores = _scores(store.read("grids")["grid_id"].tolist(), as_of, np.random.default_rng(seed))
    gaps = _gaps(scores, as_of)
    tables = {"scores": scores, "reasons": _reasons(scores), "gaps": gaps, "alerts": _alerts(scores, as_of)}
    if store.has("events"):
        history = History.load(store, as_of=as_of)
        tables["weeks"] = weekly_counts(history, as_of)
        tables["category_counts"] = category_counts(history, as_of)
        tables["weekly_readings"] = weekly_readings(tables["weeks"], history.sources, as_of)
    store.publish(as_of, tables, run=run or f"run{seed}", facts=_facts(as_of) | facts)


def _grids(columns, rows):
    number = np.arange(columns * rows)
    west, south = 121.40 + 0.010 * (number % columns), 31.20 + 0.008 * (number // columns)
    return pd.DataFrame(
        {
            "grid_id": [f"G{n + 1:04d}" for n in number],
            "valid_from": pd.Timestamp("2024-01-01", tz=ZONE),
            "name": [f"{('东湖', '南桥', '柳林')[n % 3]}社区第{n + 1:02d}网格" for n in number],
            "community_id": [f"{('东湖', '南桥', '柳林')[n % 3]}社区" for n in number],
            "township_id": np.where(number % columns < columns // 2, "城关街道", "河西镇"),
            "county_id": "甲县",
            "area_km2": 0.85,
            "households": 320.0 + 15 * (number % 40),
            "population": 900.0 + 42 * (number % 40),
            "x_km": 0.95 * (number % columns),
            "y_km": 0.89 * (number // columns),
            "geometry": shapely.to_wkt(shapely.box(west, south, west + 0.010, south + 0.008), rounding_precision=6),
        }
    )


def _events(n_grids):
    random = np.random.default_rng(7)
    n = max(900, n_grids)
    occurred = pd.Timestamp("2024-01-10", tz=ZONE) + pd.to_timedelta(random.integers(0, 363 * 1440, n), unit="min")
    events = pd.DataFrame(
        {
            "source": random.choice(SOURCES, n, p=[0.35, 0.3, 0.1, 0.25]),
            "event_id": [f"E{i:06d}" for i in range(n)],
            "known_at": occurred + pd.to_timedelta(random.integers(30, 2880, n), unit="min"),
            "occurred_at": occurred,
            "grid_id": [f"G{int(g) + 1:04d}" for g in np.minimum(random.exponential(n_grids / 4, n), n_grids - 2)],
            "category": "D99",
        }
    )
    return events[(events["source"] != "hotline") | (events["occurred_at"] < pd.Timestamp("2025-01-05", tz=ZONE))]


def _scores(grid_ids, as_of, random):
    n = len(grid_ids)
    expected = np.sort(random.gamma(0.6, 0.22, n))[::-1].copy()
    swap = np.arange(n)
    swap[: min(6, n - 1)] = random.permutation(min(6, n - 1))
    expected = expected[swap]
    expected[-1] = np.nan
    rank = pd.Series(expected).rank(ascending=False, method="first").astype("Int64")
    return pd.DataFrame(
        {
            "grid_id": grid_ids,
            "as_of": as_of,
            "target": TARGET,
            "probability": 1 - np.exp(-expected),
            "expected": expected,
            "lower": np.floor(expected * 0.5),
            "upper": np.ceil(expected * 2 + 1),
            "rank": rank,
            "p_in_top": np.where(np.isnan(expected), np.nan, np.clip(1.05 - rank.fillna(n).astype(float) / 8, 0, 0.99)),
            "state": np.where(np.isnan(expected), "insufficient_data", "ok"),
            "model_version": "3f9c2a7d81b04e55",
        }
    )


def _reasons(scores):
    risky = scores[scores["state"] == "ok"].sort_values("rank").head(400)
    per_grid = pd.DataFrame(
        {
            "place": [1, 2, 3, 4],
            "feature": ["police_dispute_28d", "overdue_open", "days_since_visit", "callbacks_90d"],
            "value": [4.0, 2.0, 19.0, 6.0],
            "normal": [0.9, 0.0, 5.0, 2.5],
            "contribution": [0.82, 0.41, 0.17, -0.23],
            "code": ["RC01", "RC03", "RC07", "RC06"],
        }
    )
    return risky[["grid_id", "as_of", "target"]].merge(per_grid, how="cross")


def _alerts(scores, as_of):
    top = scores[scores["rank"] <= min(24, max(4, len(scores) // 12))].sort_values("rank").reset_index(drop=True)
    level = np.select([top.index < 1, top.index < 2, top.index < 3], ["red", "orange", "yellow"], "blue")
    pair = top["grid_id"].where(top.index > 0, top["grid_id"] + " " + scores["grid_id"].iloc[6])
    return pd.DataFrame(
        {
            "alert_id": [f"A-{as_of:%Y%m%d}-{i + 1:02d}" for i in top.index],
            "grid_ids": pair,
            "level": level,
            "as_of": as_of,
            "state": "published",
            "target": TARGET,
            "probability": top["probability"],
            "rank": top["rank"],
            "action": np.select([top.index < 1, top.index < 3], ["A3", "A1"], "A2"),
            "gap_kinds": np.where(top.index == 1, "G20", None),
            "owner": "城关街道综治中心",
            "due_at": as_of + pd.Timedelta(hours=10),
            "model_version": "3f9c2a7d81b04e55",
        }
    )


def _gaps(scores, as_of):
    silent = scores["grid_id"].iloc[-1]
    busy = scores.loc[scores["rank"] == 2, "grid_id"].iloc[0]
    return pd.DataFrame(
        {
            "gap_id": ["gap-feed", "gap-silent", "gap-surge"],
            "kind": ["G08", "G01", "G20"],
            "scope": ["feed:hotline", f"grid:{silent}", f"grid:{busy}/police_call"],
            "as_of": as_of,
            "observed": [0.0, 0.0, 6.0],
            "expected": [41.0, 9.4, 1.7],
            "lower": [30.0, 5.0, 0.0],
            "upper": [53.0, 15.0, 4.0],
            "severity": [92.0, 71.5, 48.0],
            "confidence": [0.999, 0.98, 0.95],
            "state": ["open", "open", "open"],
            "evidence": [
                json.dumps(
                    {
                        "source": "hotline",
                        "last_at": str(as_of - pd.Timedelta(days=3)),
                        "silent_days": 3.0,
                        "records_a_day": 13.7,
                        "records_missing": 41.0,
                        "p": 1.3e-6,
                    }
                ),
                json.dumps({"window_days": 84, "reports": 0, "expected": 9.4, "p": 8.3e-5}),
                json.dumps({"source": "police_call", "last_7_days": 6, "weekly_mean": 1.7, "p": 0.0021}),
            ],
            "action": ["A8", "A1", "A7"],
            "suppressed_by": [None, "gap-feed", None],
        }
    )


def _city_level():
    """What a model says whose tide is eight per cent up."""
    tide = Tide({"calls_city": 1.0}, {"calls_city": 7.0}, start=np.log(1.08) - np.log(1 + 1 / 56), variance=0.0036)
    model = RiskModel((), Label(TARGET, (Stream("petition"),), days=28), tide=tide)
    return tide_facts(model, pd.DataFrame({"calls_city": [7 / np.log(2)]}))


DATASHEET = {
    "data_digest": "4b1d" * 16,
    "question": QUESTION,
    "rows": 480,
    "grids": 12,
    "dates": 40,
    "unsettled": 0,
    "first": "2024-03-04 00:00:00+08:00",
    "last": "2024-12-02 00:00:00+08:00",
    "horizon_days": 28.0,
    "settle_days": 7.0,
    "counted": ["dispute"],
    "read": ["dispute", "police_call"],
    "feeds": [
        {
            "source": "dispute",
            "events": 1200,
            "revisions": 1300,
            "first": "2023-01-02 08:00:00+08:00",
            "last": "2024-12-30 08:00:00+08:00",
            "delay_p50": 0.5,
            "delay_p99": 6.0,
            "unknown_share": 0.01,
            "unplaced_share": 0.02,
            "missing_days": 3,
            "received": 1400,
            "accepted": 1210,
            "quarantined": 90,
            "duplicate": 100,
            "n_silences": 1,
            "silences": [{"from": "2024-07-01", "to": "2024-07-04", "days": 3.0, "grids": 12}],
        }
    ],
    "sensitive": True,
    "refused": {"occurred_at is empty": 90},
}
"""What the model learnt from, as its datasheet has it."""


_PASSED = {"ratio": 0.94, "lower": 0.86, "upper": 1.03, "rival_ratio": 0.9, "farther": False, "verdict": "passed"}
AUDIT = {
    "as_of": "2024-12-02 00:00:00+08:00",
    "checks": [
        {"check": "gain", "verdict": "passed", "said": in_every_language(GATE_REASON)},
        {"check": "slices", "verdict": "insufficient_evidence", "said": in_every_language(GATE_REASON)},
    ],
    "disparities": [
        {"by": "urban_class", "group": "121", "quantity": "recall"} | _PASSED,
        {"by": "urban_class", "group": "220", "quantity": "recall"}
        | _PASSED
        | {"ratio": 0.61, "lower": 0.4, "upper": 0.75, "farther": True, "verdict": "failed"},
    ],
    "under_reporting": [
        {
            "by": "half",
            "group": "half",
            "n_grids": 6,
            "listed": 8,
            "kept": 0.18,
            "count_kept": 0.13,
            "verdict": "passed",
        }
    ],
}
"""What its audit found: one check not judged, one kind of area served worse."""


def _facts(as_of):
    ok_until = (as_of - pd.Timedelta(minutes=11)).isoformat()
    feeds = [{"source": s, "org_code": "甲县", "state": "ok", "last_at": ok_until} for s in SOURCES]
    feeds.append(
        {
            "source": "hotline",
            "org_code": "丙县",
            "state": "stopped",
            "last_at": (as_of.normalize() - pd.Timedelta(days=3)).isoformat(),
        }
    )
    return {
        "target": TARGET,
        "question": QUESTION,
        "horizon_days": 28,
        "model_version": "3f9c2a7d81b04e55",
        "mlflow_run": "b7d1c02e9a6f4c33a1f0",
        "as_of": as_of.isoformat(),
        "data_until": as_of.isoformat(),
        "made_at": (as_of + pd.Timedelta(hours=5, minutes=12)).isoformat(),
        "features": FEATURES,
        "feeds": feeds,
        "monitors": {"alarm": 2, "ok": 40},
        "gate": True,
        "gate_reason": in_every_language(GATE_REASON),
        "city_level": _city_level() if str(as_of.date()) == NIGHTS[-1] else None,
        "datasheet": DATASHEET if str(as_of.date()) == NIGHTS[-1] else None,
        "audit": AUDIT if str(as_of.date()) == NIGHTS[-1] else None,
        "purpose": "mediation" if str(as_of.date()) == NIGHTS[-1] else None,
        "trained": {"first": "2024-03-04", "last": "2024-12-02", "n_rows": 480, "n_events": 900},
        "backtest": {
            "riskwarn": {"capture_5": 0.412, "brier": 0.081, "calibration_error": 0.019},
            "poisson regression": {"capture_5": 0.398, "brier": 0.083, "calibration_error": 0.043},
            "prior count 15 weeks": {"capture_5": 0.352, "brier": 0.094, "calibration_error": 0.062},
            "prior count 52 weeks": {"capture_5": 0.361, "brier": 0.090, "calibration_error": 0.054},
        },
        "capacity": 4,
    }
