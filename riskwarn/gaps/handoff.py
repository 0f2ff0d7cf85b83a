"""Passed parcels: G11 places that several agencies handle apart, G12 calls handed over and lost, G13 cases sent back and forth."""

import numpy as np
import pandas as pd
import pyarrow as pa

from riskwarn.gaps.evidence import Evidence
from riskwarn.gaps.gap import BOUNCE, CROSS, DIVERT, discovered, gap_rows, no_gaps
from riskwarn.history import DAY_US

CROSS_DAYS, CROSS_EVENTS, CROSS_FEEDS = 28, 3, 2
CROSS_GRIDS = 3
"""Grids that are named of a place, those with the most records first."""
RECEIPT_HOURS, DIVERT_DAYS = 24, 28
RETURNS, OWNERS = 2, 3
PAIR_DAYS, PAIR_RETURNS, PAIR_TIMES, PAIR_P = 365, 5, 3.0, 1e-3
"""Two bodies send cases to and fro where five of a year were sent back, three times what is usual, p < 0.001."""
_HANDLING = ("dispute", "petition", "police_call", "hotline")


def cross_gaps(evidence: Evidence) -> pd.DataFrame:
    """G11: places with three records or more from two feeds or more within 28 days that no common case joins.

    The window is the last 28 days before the place's newest record, and that record is at most 28 days old. The
    score is ``feeds + log2(events)``.
    """
    events = evidence.events
    ago = (evidence.at - events.occurred) / DAY_US
    rows = np.flatnonzero((events.place >= 0) & events.of(*_HANDLING) & (ago <= 2 * CROSS_DAYS))
    frame = pd.DataFrame(
        {
            "place": events.place[rows],
            "source": events.source[rows],
            "case": events.case[rows],
            "grid": events.grid[rows],
            "ago": ago[rows],
        }
    )
    newest = frame.groupby("place")["ago"].transform("min")
    frame = frame[(newest <= CROSS_DAYS) & (frame["ago"] <= newest + CROSS_DAYS)]
    frame = frame.assign(case=frame["case"].where(frame["case"] >= 0, -1 - np.arange(len(frame))))
    by = frame.groupby("place").agg(
        n=("ago", "size"), feeds=("source", "nunique"), cases=("case", "nunique"), newest=("ago", "min")
    )
    listed = by[(by["n"] >= CROSS_EVENTS) & (by["feeds"] >= CROSS_FEEDS) & (by["cases"] > 1)]
    words = events.words["source"]
    feeds = frame[frame["place"].isin(listed.index)].groupby(["place", "source"]).size()
    grids = _grids_of_places(evidence, frame[frame["place"].isin(listed.index)])
    numbers = [
        {
            "events": int(r.n),
            "feeds": {str(words[s]): int(k) for s, k in feeds[p].items()},
            "separate_cases": int(r.cases),
            "window_days": CROSS_DAYS,
            "days_since_last": round(float(r.newest), 1),
            "grids": grids.get(p, []),
        }
        for p, r in zip(listed.index, listed.itertuples(), strict=True)
    ]
    score = listed["feeds"].to_numpy() + np.log2(np.maximum(listed["n"].to_numpy(), 1))
    scopes = [
        f"place:{w}" for w in evidence.events.keys("place_key").take(pa.array(listed.index.to_numpy())).to_pylist()
    ]
    return gap_rows(
        CROSS,
        evidence.as_of,
        scopes,
        observed=listed["cases"].to_numpy(),
        expected=np.ones(len(listed)),
        score=score,
        confidence=1.0,
        evidence=numbers,
    )


def _grids_of_places(evidence: Evidence, records: pd.DataFrame) -> dict[int, list[str]]:
    """The grids in which the records of each place lie, those with the most first."""
    counted = records[records["grid"] >= 0].groupby(["place", "grid"]).size().rename("n").reset_index()
    ordered = (
        counted.sort_values(["place", "n", "grid"], ascending=[True, False, True]).groupby("place").head(CROSS_GRIDS)
    )
    return {int(place): evidence.grid_ids[rows].tolist() for place, rows in ordered.groupby("place")["grid"]}


def divert_gaps(evidence: Evidence) -> pd.DataFrame:
    """G12: bodies to which police calls of the last 28 days were handed more than 24 hours ago, and which have no record of them.

    `observed` are the calls received, `expected` those handed over; the evidence names the missing ones and the rate at which calls land.
    """
    handed = evidence.diversions
    age = (evidence.as_of - handed["sent_at"]) / pd.Timedelta(hours=1)
    due = handed[(age > RECEIPT_HOURS) & (age <= RECEIPT_HOURS + 24 * DIVERT_DAYS)]
    lost = due["received_at"].isna()
    by = due.assign(lost=lost).groupby("to_org").agg(n=("lost", "size"), lost=("lost", "sum"))
    by = by[by["lost"] > 0]
    missing = due[lost].groupby("to_org")["call_id"].agg(sorted)
    numbers = [
        {
            "lost_calls": int(r.lost),
            "handed_over": int(r.n),
            "landing_rate": round(1 - r.lost / r.n, 3),
            "calls": missing[o],
            "window_days": DIVERT_DAYS,
            "after_hours": RECEIPT_HOURS,
        }
        for o, r in zip(by.index, by.itertuples(), strict=True)
    ]
    return gap_rows(
        DIVERT,
        evidence.as_of,
        [f"org:{o}" for o in by.index],
        observed=(by["n"] - by["lost"]).to_numpy(),
        expected=by["n"].to_numpy(),
        score=by["lost"].to_numpy(dtype=float),
        confidence=1.0,
        evidence=numbers,
    )


def bounce_gaps(evidence: Evidence) -> pd.DataFrame:
    """G13: open cases that were sent back twice or more, or named three owners or more at one level; and pairs of bodies between which many are.

    Passing a case up a level, as the scheme wants, is no bounce. The score of a case is ``returns + days since the last step``, at most 14 days.
    """
    return pd.concat([_cases_sent_back(evidence), _pairs_that_bounce(evidence)], ignore_index=True)


def _cases_sent_back(evidence: Evidence) -> pd.DataFrame:
    steps = evidence.workflow
    opened = steps["action"].eq("report").groupby(steps["case"]).cumsum()
    steps = steps[opened == opened.groupby(steps["case"]).transform("max")]
    ended = steps.loc[steps["action"].eq("close"), "case"].unique()
    live = steps[~steps["case"].isin(ended)]
    returns = live["action"].eq("return").groupby(live["case"]).sum()
    owners = (
        live[live["action"].isin(["assign", "transfer"])]
        .groupby(["case", "level"])["to_org"]
        .nunique()
        .groupby("case")
        .max()
        .reindex(returns.index, fill_value=0)
    )
    listed = returns.index[(returns >= RETURNS) | (owners >= OWNERS)]
    last = live.groupby("case").agg(at=("at_us", "max"), grid=("grid_id", "first"), case_id=("case_id", "first"))
    pairs = live[live["action"].eq("return")].drop_duplicates("case", keep="last").set_index("case")
    idle = ((evidence.at - last["at"]) / DAY_US).clip(upper=14)
    numbers = [
        {
            "case": last["case_id"][c],
            "returns": int(returns[c]),
            "owners": int(owners[c]),
            "idle_days": round(float(idle[c]), 1),
        }
        | ({"between": [str(pairs["from_org"][c]), str(pairs["to_org"][c])]} if c in pairs.index else {})
        for c in listed
    ]
    place = [g if isinstance(g, str) and g else "*" for g in last["grid"].reindex(listed)]
    scopes = [f"grid:{g}/case:{c}" for g, c in zip(place, last["case_id"].reindex(listed), strict=True)]
    score = returns.reindex(listed).to_numpy(dtype=float) + idle.reindex(listed).to_numpy()
    return gap_rows(
        BOUNCE,
        evidence.as_of,
        scopes,
        observed=returns.reindex(listed).to_numpy(),
        expected=np.zeros(len(listed)),
        score=score,
        confidence=1.0,
        evidence=numbers,
    )


def sent_back(evidence: Evidence) -> pd.DataFrame:
    """Pairs of bodies of which one sent back a case of the other in a year: `giver`, `taker`, `returned`, `handled`.

    `returned` counts the cases sent back, each once; `handled` those in which the giver took part.
    """
    steps = evidence.workflow
    steps = steps[evidence.at - steps["at_us"] <= PAIR_DAYS * DAY_US]
    back = steps.loc[steps["action"].eq("return"), ["case", "from_org", "to_org"]].dropna().drop_duplicates()
    hands = pd.concat([steps[["case", side]].rename(columns={side: "org"}) for side in ("from_org", "to_org")])
    handled = hands.dropna().drop_duplicates().groupby("org").size()
    by = back.groupby(["to_org", "from_org"]).size().rename("returned").reset_index()
    by = by.rename(columns={"to_org": "giver", "from_org": "taker"})
    return by.assign(handled=handled.reindex(by["giver"]).to_numpy())


def _pairs_that_bounce(evidence: Evidence) -> pd.DataFrame:
    """Pairs of bodies in which five cases or more of a year were sent back, and three times what other pairs send back of as many."""
    from scipy import stats  # noqa: PLC0415

    pairs = sent_back(evidence)
    if pairs.empty:
        return no_gaps(BOUNCE, evidence.as_of)
    returned, handled = pairs["returned"].to_numpy(dtype=float), pairs["handled"].to_numpy(dtype=float)
    # one case in twenty stands for the others where there are hardly any
    usual = (returned.sum() - returned + 1) / (handled.sum() - handled + 20)
    due = usual * handled
    p = np.asarray(stats.poisson.sf(returned - 1, due))
    enough = (returned >= PAIR_RETURNS) & (returned >= PAIR_TIMES * due)
    listed = np.flatnonzero(discovered(p) & (p < PAIR_P) & enough)
    rows = pairs.iloc[listed]
    numbers = [
        {
            "between": [str(r.giver), str(r.taker)],
            "returned_cases": int(r.returned),
            "handled_cases": int(r.handled),
            "expected": round(float(e), 1),
            "window_days": PAIR_DAYS,
            "p": float(q),
        }
        for r, e, q in zip(rows.itertuples(), due[listed], p[listed], strict=True)
    ]
    return gap_rows(
        BOUNCE,
        evidence.as_of,
        [f"org:{r.giver}/{r.taker}" for r in rows.itertuples()],
        observed=returned[listed],
        expected=due[listed],
        score=-np.log10(np.maximum(p[listed], 1e-12)),
        confidence=1 - p[listed],
        evidence=numbers,
    )
