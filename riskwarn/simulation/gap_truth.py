"""Every planted gap as spells: which kind, what it concerns, and from when to when it is there to be found.

Scopes are those of the `gaps` table: ``grid:…``, ``feed:source/org``, ``pair:grid|grid``, ``org:…``, ``place:…``.
"""

import numpy as np
import pandas as pd

from riskwarn.simulation.setting import instants
from riskwarn.simulation.world import World, by_code, place_keys

FOLLOW_UP_DAYS = 30
CHAIN_DAYS = 28
LOST_AFTER_HOURS = 24
_RANK = np.array([1, 2, 3, 2])
"""Rank of a record by its source: ledger 1, petition 2, police call 3, hotline 2; a violent incident is 4."""


def gap_truth(world: World, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The table `gap` of the truth: `kind`, `scope`, `from_at`, `to_at`, `strength`, `alias`.

    `strength` is the factor of silence for G01, and 1 elsewhere; `alias` another scope that names the same gap, or empty.
    """
    end = instants(float(world.setting.preset.days))[0]
    parts = [
        _silent(tables["silent"]),
        _coverage(world),
        _staff(world),
        _overdue(tables["case"], end),
        _repeat(world),
        _feed(world, tables["feed"]),
        _escalation(world),
        _seam(tables["seam"]),
        _cross(world),
        _divert(tables["diversion"]),
        _bounce(tables["case"], end),
        _paper(world, tables["township"]),
        _lag(world, tables["township"]),
        _unplaced(tables["feed"]),
    ]
    whole = pd.concat(parts, ignore_index=True)
    whole["to_at"] = whole["to_at"].where(whole["to_at"] < end, end)
    whole = whole[whole["from_at"] < whole["to_at"]]
    return whole.sort_values(["kind", "scope", "from_at"], ignore_index=True)


def _spells(
    kind: str, scope: pd.Series | np.ndarray, first: object, last: object, *, strength: object = 1.0, alias: object = ""
) -> pd.DataFrame:
    scope = pd.array(np.asarray(scope, dtype=object), dtype="str")
    made = pd.DataFrame({"kind": kind, "scope": scope, "from_at": first, "to_at": last})
    return made.assign(
        strength=strength, alias=pd.array(np.broadcast_to(np.asarray(alias, dtype=object), len(made)), dtype="str")
    )


def _silent(silent: pd.DataFrame) -> pd.DataFrame:
    return _spells("G01", "grid:" + silent["grid_id"], silent["from_at"], silent["to_at"], strength=silent["factor"])


def _coverage(world: World) -> pd.DataFrame:
    """Grids that nobody visits for a while, and grids in the top tenth of need with less than half their share of visits."""
    watch, days = world.watch, float(world.setting.preset.days)
    need = world.disputes.rate.sum(1)
    poor = (need >= np.quantile(need, 0.9)) & (watch.rate / watch.rate.sum() < 0.5 * need / need.sum())
    grid = np.concatenate([watch.leave.grid, np.flatnonzero(poor)])
    first = np.concatenate([watch.leave.first, np.zeros(poor.sum())])
    last = np.concatenate([watch.leave.last, np.full(poor.sum(), days)])
    return _grids(world, "G03", by_code(world, grid, first, last))


def _staff(world: World) -> pd.DataFrame:
    watch, days = world.watch, float(world.setting.preset.days)
    shared = np.flatnonzero(watch.shared)
    grid = np.concatenate([watch.leave.grid, shared])
    first = np.concatenate([watch.leave.first, np.zeros(len(shared))])
    return _grids(
        world, "G04", by_code(world, grid, first, np.concatenate([watch.leave.last, np.full(len(shared), days)]))
    )


def _grids(world: World, kind: str, rows: dict[str, np.ndarray]) -> pd.DataFrame:
    scope = [f"grid:{world.codes.vocabulary[c]}" for c in rows["code"]]
    return _spells(kind, np.array(scope, dtype=object), instants(rows["first"]), instants(rows["last"]))


def _overdue(case: pd.DataFrame, end: pd.Timestamp) -> pd.DataFrame:
    until = case["closed_at"].fillna(end)
    late = case[until > case["due_at"]]
    return _spells("G06", "grid:" + late["grid_id"], late["due_at"], until[late.index], alias="case:" + late["case_id"])


def _own(world: World) -> pd.DataFrame:
    """Records of disputes in the order of time: dispute, source, occurred, rank, code, linked."""
    events = world.records.events
    records = events[events["dispute"] >= 0].sort_values(["dispute", "occurred"], kind="stable")
    source = records["source"].to_numpy()
    return records.assign(rank=np.where(records["violent"].to_numpy(bool), 4, _RANK[np.minimum(source, 3)]))


def _repeat(world: World) -> pd.DataFrame:
    """From the second recurrence within 90 days in a grid, for 60 days. A recurrence is a record up to 30 days after closure."""
    last = world.records.revisions.groupby("event")["closed"].max()
    records = _own(world)
    ledger = records[records["source"] == 0]
    closed = pd.DataFrame({"dispute": ledger["dispute"], "closed": last.reindex(ledger.index).to_numpy()}).dropna()
    later = records[["dispute", "occurred", "true_code"]]
    met = (
        pd.merge_asof(
            closed.sort_values("closed"),
            later.sort_values("occurred"),
            left_on="closed",
            right_on="occurred",
            by="dispute",
            direction="forward",
            tolerance=float(FOLLOW_UP_DAYS),
            allow_exact_matches=False,
        )
        .dropna()
        .sort_values(["true_code", "occurred"])
    )
    code, at = met["true_code"].to_numpy(int), met["occurred"].to_numpy()
    again = np.flatnonzero((code[1:] == code[:-1]) & (at[1:] - at[:-1] <= 90)) + 1
    return _grids(world, "G07", {"code": code[again], "first": at[again], "last": at[again] + 60})


def _feed(world: World, feed: pd.DataFrame) -> pd.DataFrame:
    stopped = feed[feed["kind"].isin(["outage", "partial", "backlog"])]
    alone = "feed:" + stopped["source"] if world.setting.preset.counties == 1 else ""
    return _spells(
        "G08",
        "feed:" + stopped["source"] + "/" + stopped["org_code"],
        stopped["from_at"],
        stopped["to_at"],
        alias=alone,
    )


def _escalation(world: World) -> pd.DataFrame:
    """From a step up to rank 2 or more, for 28 days or until the dispute is over."""
    records = _own(world)
    before = records.groupby("dispute")["rank"].cummax().groupby(records["dispute"]).shift(1, fill_value=0)
    step = records[(records["rank"] > before) & (records["rank"] >= 2) & (before >= 1)]
    resolved = world.course.resolved
    over = pd.DataFrame({"dispute": resolved["dispute"], "over": resolved["day"] + 1.0}).sort_values("over")
    met = pd.merge_asof(
        step.sort_values("occurred"), over, left_on="occurred", right_on="over", by="dispute", direction="forward"
    )
    at = met["occurred"].to_numpy()
    last = np.fmin(met["over"].to_numpy(float), at + CHAIN_DAYS)
    return _grids(world, "G09", {"code": met["true_code"].to_numpy(int), "first": at, "last": last})


def _seam(seam: pd.DataFrame) -> pd.DataFrame:
    return _spells("G10", "pair:" + seam["grid_id"] + "|" + seam["other_grid_id"], seam["from_at"], seam["to_at"])


def _cross(world: World) -> pd.DataFrame:
    """From the third record of one dispute within 28 days, over two feeds or more and without a common link, for 28 days."""
    records = _own(world)
    dispute, at, source = (records[c].to_numpy() for c in ("dispute", "occurred", "source"))
    linked = records["linked"].to_numpy(bool)
    two = (dispute[2:] == dispute[:-2]) & (at[2:] - at[:-2] <= CHAIN_DAYS)
    feeds = (source[2:] != source[1:-1]) | (source[1:-1] != source[:-2])
    apart = ~(linked[2:] & linked[1:-1] & linked[:-2])
    third = np.flatnonzero(two & feeds & apart) + 2
    scope = [f"place:{key}" for key in place_keys(world)[dispute[third]]]
    return _spells("G11", np.array(scope, dtype=object), instants(at[third]), instants(at[third] + CHAIN_DAYS))


def _divert(diversion: pd.DataFrame) -> pd.DataFrame:
    """From 24 hours after a lost call was handed over, for 28 days, for the body that should have received it."""
    lost = diversion[diversion["lost"]]
    first = lost["sent_at"] + pd.Timedelta(hours=LOST_AFTER_HOURS)
    return _spells(
        "G12", "org:" + lost["to_org"], first, first + pd.Timedelta(days=CHAIN_DAYS), alias="call:" + lost["call_id"]
    )


def _bounce(case: pd.DataFrame, end: pd.Timestamp) -> pd.DataFrame:
    """Cases sent back twice or more, from two days after they opened until they are closed."""
    often = case[case["n_returns"] >= 2]
    first = often["opened_at"] + pd.Timedelta(days=2.6)
    return _spells(
        "G13", "grid:" + often["grid_id"], first, often["closed_at"].fillna(end), alias="case:" + often["case_id"]
    )


def _towns(world: World, kind: str, township_id: pd.Series) -> pd.DataFrame:
    ends = instants(np.array([0.0, float(world.setting.preset.days)]))
    return _spells(kind, "org:" + township_id, ends[0], ends[1])


def _paper(world: World, township: pd.DataFrame) -> pd.DataFrame:
    return _towns(world, "G15", township.loc[township["paper"], "township_id"])


def _lag(world: World, township: pd.DataFrame) -> pd.DataFrame:
    """The tenth of townships whose workers find least."""
    return _towns(world, "G16", township.loc[township["finding"] <= township["finding"].quantile(0.1), "township_id"])


def _unplaced(feed: pd.DataFrame) -> pd.DataFrame:
    bad = feed[feed["kind"] == "unplaced"]
    return _spells(
        "G18",
        "feed:" + bad["source"] + "/" + bad["org_code"],
        bad["from_at"],
        bad["to_at"],
        alias="org:" + bad["org_code"],
    )
