"""What the ledger does not say: G02 under-recording, G16 discovery lag, G17 blind categories, G18 events without a grid."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from riskwarn.gaps.evidence import CITIZENS, Evidence
from riskwarn.gaps.gap import CATEGORY, LAG, UNDER, UNPLACED, discovered, gap_rows, no_gaps
from riskwarn.gaps.reporting import capture
from riskwarn.history import DAY_US

WINDOW_DAYS, CATEGORY_DAYS = 365, 182
UNPLACED_DAYS = (7, 14, 28)
LEAST_MATTERS, LEAST_EVENTS = 30, 10
UNPLACED_SHARE = 0.05
LAG_TOP = 0.10


def matters(evidence: Evidence) -> pd.DataFrame:
    """Matters of the last year, by the case their records name: township, whether residents and ledger have it, and when first.

    A record that names none is a matter of its own.
    """
    events = evidence.events
    rows = np.flatnonzero(
        events.of("dispute", *CITIZENS) & (events.grid >= 0) & (evidence.at - events.occurred <= WINDOW_DAYS * DAY_US)
    )
    key = np.where(events.case[rows] >= 0, events.case[rows], -1 - rows)
    ledger = events.of("dispute")[rows]
    proactive = (events.words["origin"] == "proactive")[events.origin[rows]]
    at = events.occurred[rows].astype(float)
    frame = pd.DataFrame(
        {
            "key": key,
            "grid": events.grid[rows],
            "citizen_at": np.where(ledger, np.nan, at),
            "ledger_at": np.where(ledger, at, np.nan),
            "found_at": np.where(ledger & proactive, at, np.nan),
        }
    )
    by = frame.groupby("key", sort=False).agg(
        grid=("grid", "first"),
        citizen_at=("citizen_at", "min"),
        ledger_at=("ledger_at", "min"),
        found_at=("found_at", "min"),
    )
    township, _ = evidence.parent("township_id")
    return by.assign(township=township[by["grid"].to_numpy()], linked=by.index >= 0)


def under_gaps(evidence: Evidence) -> pd.DataFrame:
    """G02: townships where fewer of the matters that residents brought are in the ledger than the county's habit allows.

    Capture ratio ``(both + a) / (brought + a + b)``, shrunk by a beta law to the city's; lower binomial tail against the county's
    ratio, false discovery rate 0.1. The evidence holds Chapman's count of all matters and of those on no list, a lower bound.
    """
    from scipy import stats  # noqa: PLC0415

    table = matters(evidence)
    table = table[table["linked"]]
    _, names = evidence.parent("township_id")
    county_of = _parent_of(evidence, len(names))
    brought, in_ledger = table["citizen_at"].notna().to_numpy(), table["ledger_at"].notna().to_numpy()
    unit = table["township"].to_numpy()
    n, m, k = (
        np.bincount(unit, x.astype(float), minlength=len(names)) for x in (brought, brought & in_ledger, in_ledger)
    )
    base = _usual_share(m, n, county_of)
    over = _overdispersion(m, n, base)
    p = np.asarray(stats.norm.cdf((m - n * base + 0.5) / np.sqrt(np.maximum(n * base * (1 - base) * over, 1e-9))))
    judged = np.flatnonzero(n >= LEAST_MATTERS)
    listed = judged[discovered(p[judged])]
    numbers = []
    for t in listed:
        both = capture(np.flatnonzero(brought & (unit == t)), np.flatnonzero(in_ledger & (unit == t)))
        numbers.append(
            {
                "brought_by_residents": int(n[t]),
                "of_them_in_ledger": int(m[t]),
                "in_ledger": int(k[t]),
                "capture_ratio": round((m[t] + 10 * base[t]) / (n[t] + 10), 3),
                "county_ratio": round(float(base[t]), 3),
                "matters_at_least": round(both.total),
                "unseen_at_least": round(both.unseen),
                "p": float(p[t]),
            }
        )
    return gap_rows(
        UNDER,
        evidence.as_of,
        [f"org:{names[t]}" for t in listed],
        observed=m[listed],
        expected=(n * base)[listed],
        score=-np.log10(np.maximum(p[listed], 1e-12)),
        confidence=1 - p[listed],
        evidence=numbers,
    )


def _usual_share(m: np.ndarray, n: np.ndarray, county_of: np.ndarray) -> np.ndarray:
    """(n_townships,) share `m` of `n` in the county of each township, one in two added."""
    size = county_of.max(initial=0) + 1
    usual = (np.bincount(county_of, m, minlength=size) + 1) / (np.bincount(county_of, n, minlength=size) + 2)
    return np.asarray(usual[county_of])


def _parent_of(evidence: Evidence, n_townships: int) -> np.ndarray:
    township, _ = evidence.parent("township_id")
    county, _ = evidence.parent("county_id")
    of = np.zeros(n_townships, dtype=np.int64)
    of[township] = county
    return of


def _overdispersion(k: np.ndarray, n: np.ndarray, share: np.ndarray) -> float:
    """Spread of shares between units over that of chance, by the median, at least 1."""
    z2 = (k - n * share) ** 2 / np.maximum(n * share * (1 - share), 1e-9)
    return float(max(np.median(z2[n > 0]) / 0.455, 1.0)) if (n > 0).any() else 1.0


def lag_gaps(evidence: Evidence) -> pd.DataFrame:
    """G16: the tenth of townships where residents have to come first most often, and where that is beyond chance.

    Of the matters of a year that residents brought or workers found, the share first brought by residents; the evidence holds the
    median days from a resident's first word to the ledger. p < 0.05 against the city's share, over the spread between townships.
    """
    from scipy import stats  # noqa: PLC0415

    table = matters(evidence)
    table = table[table["citizen_at"].notna() | table["found_at"].notna()]
    _, names = evidence.parent("township_id")
    first = (table["citizen_at"] < table["found_at"].fillna(np.inf)).to_numpy()
    unit = table["township"].to_numpy()
    n, k = (
        np.bincount(unit, minlength=len(names)).astype(float),
        np.bincount(unit, first.astype(float), minlength=len(names)),
    )
    judged = n >= LEAST_MATTERS
    if judged.sum() < 2:
        return no_gaps(LAG, evidence.as_of)
    share = (k + 1) / (n + 2)
    base = k.sum() / n.sum()
    z = (k - n * base) / np.sqrt(np.maximum(n * base * (1 - base), 1e-9))
    listed = np.flatnonzero(judged & (share >= np.quantile(share[judged], 1 - LAG_TOP)) & (stats.norm.sf(z) < 0.05))
    wait = ((table["ledger_at"] - table["citizen_at"]) / DAY_US).groupby(table["township"]).median()
    numbers = [
        {
            "matters": int(n[t]),
            "residents_first": int(k[t]),
            "share": round(float(share[t]), 3),
            "city_share": round(float(base), 3),
            "median_wait_days": round(float(wait.get(t, np.nan)), 1) if np.isfinite(wait.get(t, np.nan)) else None,
        }
        for t in listed
    ]
    return gap_rows(
        LAG,
        evidence.as_of,
        [f"org:{names[t]}" for t in listed],
        observed=share[listed],
        expected=np.full(len(listed), base),
        score=z[listed],
        confidence=1 - stats.norm.sf(z[listed]),
        evidence=numbers,
    )


def category_gaps(evidence: Evidence) -> pd.DataFrame:
    """G17: communities with a category in what residents bring, of which the ledger should hold three and holds none.

    Expected: the community's requests of the category (three at least in 182 days) times the city's ledger cases a request of that
    category; p = exp(-expected), false discovery rate 0.1.
    """
    events = evidence.events
    recent = (events.grid >= 0) & (evidence.at - events.occurred <= CATEGORY_DAYS * DAY_US)
    community, names = evidence.parent("community_id")
    codes = events.words["category"]
    matter = np.array([str(c).startswith("D") and c not in {"D98", "D99"} for c in codes], dtype=bool)
    rows = np.flatnonzero(recent & matter[events.category])
    ledger, asked = events.of("dispute")[rows], events.of("hotline", "petition")[rows]
    cell = community[events.grid[rows]] * len(codes) + events.category[rows]
    shape = (len(names), len(codes))
    kept_n, asked_n = (
        np.bincount(cell[m], minlength=shape[0] * shape[1]).reshape(shape).astype(float) for m in (ledger, asked)
    )
    rate = kept_n.sum(axis=0) / np.maximum(asked_n.sum(axis=0), 1)
    due = asked_n * rate[None, :]
    tested = np.argwhere((asked_n >= 3) & (due >= 3))
    if len(tested) == 0:
        return no_gaps(CATEGORY, evidence.as_of)
    c, k = tested.T
    p = np.where(kept_n[c, k] == 0, np.exp(-due[c, k]), 1.0)
    listed = np.flatnonzero(discovered(p) & (p < 0.05))
    numbers = [
        {
            "category": str(codes[k[i]]),
            "asked_by_residents": int(asked_n[c[i], k[i]]),
            "in_ledger": 0,
            "expected": round(float(due[c[i], k[i]]), 1),
            "window_days": CATEGORY_DAYS,
            "p": float(p[i]),
        }
        for i in listed
    ]
    return gap_rows(
        CATEGORY,
        evidence.as_of,
        [f"org:{names[c[i]]}/{codes[k[i]]}" for i in listed],
        observed=np.zeros(len(listed)),
        expected=due[c[listed], k[listed]],
        score=-np.log10(np.maximum(p[listed], 1e-12)),
        confidence=1 - p[listed],
        evidence=numbers,
    )


def unplaced_gaps(evidence: Evidence) -> pd.DataFrame:
    """G18: feeds and bodies with more than one event in twenty without a grid, with an unknown one, or with one no longer valid.

    Looked for in the last 7, 14 and 28 days; p is three times the least binomial tail against 0.05, false discovery rate 0.1, and the
    last 7 days must still lie above 0.05.
    """
    lately, words = _lately(evidence)
    n_orgs, size = len(words["org_code"]), len(words["source"]) * len(words["org_code"])
    seen = [_unplaced(lately[lately["ago"] < days], "lost", size) for days in UNPLACED_DAYS]
    p = np.minimum(3 * np.min([tail for _, _, tail in seen], axis=0), 1.0)
    best = np.argmin([tail for _, _, tail in seen], axis=0)
    n, k = (np.array([s[i] for s in seen])[best, np.arange(len(p))] for i in (0, 1))
    judged = np.flatnonzero(n >= LEAST_EVENTS)
    still = seen[0][1] > UNPLACED_SHARE * seen[0][0]
    listed = judged[discovered(p[judged]) & (p[judged] < 0.01) & still[judged]]
    blank = _unplaced(lately, "blank", size)[1]
    numbers = [
        {
            "source": str(words["source"][i // n_orgs]),
            "unplaced": int(k[i]),
            "events": int(n[i]),
            "share": round(k[i] / n[i], 3),
            "window_days": UNPLACED_DAYS[best[i]],
            "without_code_in_28_days": int(blank[i]),
            "p": float(p[i]),
        }
        for i in listed
    ]
    scopes = [
        f"feed:{words['source'][i // n_orgs]}" + (f"/{o}" if (o := words["org_code"][i % n_orgs]) else "")
        for i in listed
    ]
    return gap_rows(
        UNPLACED,
        evidence.as_of,
        scopes,
        observed=k[listed],
        expected=UNPLACED_SHARE * n[listed],
        score=-np.log10(np.maximum(p[listed], 1e-12)),
        confidence=1 - p[listed],
        evidence=numbers,
    )


def _lately(evidence: Evidence) -> tuple[pd.DataFrame, Mapping[str, np.ndarray]]:
    """Events that became known in the last 28 days: `cell` of feed and body, whole days `ago`, whether without a grid (`lost`) or without any code (`blank`); and the words."""
    shares = []
    for events in evidence.shares():
        ago, words = evidence.days_ago(events.first_known), events.words
        rows = np.flatnonzero(ago < UNPLACED_DAYS[-1])
        cell = events.source[rows] * len(words["org_code"]) + events.org[rows]
        blank = (words["grid_id"] == "")[events.raw_grid[rows]]
        shares.append(pd.DataFrame({"cell": cell, "ago": ago[rows], "lost": events.grid[rows] < 0, "blank": blank}))
    return pd.concat(shares, ignore_index=True), words


def _unplaced(rows: pd.DataFrame, what: str, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Events by source and body, those of them unplaced (or without any code), and the binomial tail."""
    from scipy import stats  # noqa: PLC0415

    n = np.bincount(rows["cell"], minlength=size)
    k = np.bincount(rows["cell"], rows[what].to_numpy(dtype=float), minlength=size)
    return n, k, np.asarray(stats.binom.sf(k - 1, n, UNPLACED_SHARE))
