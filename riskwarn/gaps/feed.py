"""G08: feeds that stop, thin out, come late or change their codes. Silence of a source is told from calm by what it usually delivers.

Where deliveries are logged a day without one is seen at once. Else, and for thinned feeds always, the rows that arrive each day are held
against what was due by the one law of arrivals (:mod:`riskwarn.arrivals`), which the monitors of volume ask too.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.arrivals import CHANGE_DAYS, FEW_P, HALF, Reading, read
from riskwarn.clock import days_before, local_days
from riskwarn.gaps.evidence import Evidence
from riskwarn.gaps.gap import FEED, gap_rows, no_gaps
from riskwarn.history import DAY_US, Events
from riskwarn.holiday import holidays_of
from riskwarn.unusual import stopped

_MEMORY_DAYS = 182
_LONGEST_DAYS = 1096
_LEAST_DELIVERIES = 10
_LATE_DAYS, _LATE_FACTOR, _LATE_ROWS = 1.0, 3.0, 10
_CODES_DAYS, _CODES_FACTOR, _CODES_P = 7, 3.0, 1e-6
_RECENT_DAYS = 60 + _CODES_DAYS
_OTHER = ("D99", "P99", "")


@dataclass(frozen=True, eq=False)
class Intake:
    """Rows of one source that arrived, by organisation and local day, oldest first; `arrivals` deliveries, where they are logged."""

    source: str
    orgs: np.ndarray
    rows: np.ndarray
    arrivals: dict[str, np.ndarray] | None

    @property
    def scopes(self) -> np.ndarray:
        """``feed:source/org``, without the organisation where the whole city is one."""
        return np.array([f"feed:{self.source}" + ("" if o == "*" else f"/{o}") for o in self.orgs], dtype=object)


def feed_gaps(evidence: Evidence) -> pd.DataFrame:
    """Feeds one cannot trust tonight; one row a feed and fault.

    ========  ==========================================================================================================
    stopped   no delivery for longer than the feed's usual pause (its median, three times its spread, and an hour), or, where
              deliveries are not logged, no row for days whose probability under a negative binomial is below 0.0001
    thin      rows arrive, but at most half of what was due, which is by chance below :data:`riskwarn.arrivals.FEW_P`; `observed`
              and `expected` since it began. Of the whole city where the organisations that are in order do not bring their half
    lower     a thinned feed has settled at a new level: told for a week, then the new level is what is due
    late      median delay of a week above three times that of the 60 days before, and above a day
    codes     share of records without a known category three times that of the 60 days before, p < 0.000001
    ========  ==========================================================================================================
    """
    known = _Known.of(evidence)
    faults = [row for intake in _intakes(evidence, known) for row in judge(evidence, intake)]
    faults += _late(evidence, known) + _codes(evidence, known)
    return _rows(evidence, faults) if faults else no_gaps(FEED, evidence.as_of)


def intakes(evidence: Evidence) -> list[Intake]:
    """Rows that arrived, of every source: from the log where each organisation has one, else from when records became known."""
    return _intakes(evidence, _Known.of(evidence))


@dataclass(frozen=True, eq=False)
class _Known:
    """When the events became known, counted.

    Parameters
    ----------
    sources
        Names of the feeds by code.
    daily
        (n_sources, n_counties + 1, days) events by county, the last for those without a grid, and local day, oldest first.
    days
        (n_sources,) days since the first event of each feed, 0 where there is none.
    lately
        Events of the last 67 days, whose grid is known: `source`, `county`, days `ago`, `delay` in days, and whether the category is `other`.
    """

    sources: np.ndarray
    daily: np.ndarray
    days: np.ndarray
    lately: pd.DataFrame

    @classmethod
    def of(cls, evidence: Evidence) -> "_Known":
        """Of all events of the night, a share after the other."""
        county, names = evidence.parent("county_id")
        known = None
        for events in evidence.shares():
            share = cls._of_share(evidence, events, np.append(county, len(names)))
            known = share if known is None else _both(known, share)
        assert known is not None
        return known

    @classmethod
    def _of_share(cls, evidence: Evidence, events: Events, area_of: np.ndarray) -> "_Known":
        """Of some events; `area_of` is the county of each grid, and last that of none."""
        sources, n_areas, known = events.words["source"], int(area_of[-1]) + 1, events.first_known
        ago = days_before(known, evidence.at, evidence.timezone)
        days = np.zeros(len(sources), np.int64)
        np.maximum.at(days, events.source, ago + 1)
        here = np.flatnonzero(ago < _LONGEST_DAYS)
        cell = events.source[here] * n_areas + area_of[events.grid[here]]
        cell = cell * _LONGEST_DAYS + (_LONGEST_DAYS - 1 - ago[here])
        shape = len(sources), n_areas, _LONGEST_DAYS
        daily = np.bincount(cell, minlength=int(np.prod(shape))).reshape(shape)
        ago = evidence.days_ago(known)
        recent = np.flatnonzero((events.grid >= 0) & (ago < _RECENT_DAYS))
        lately = pd.DataFrame(
            {
                "source": events.source[recent],
                "county": area_of[events.grid[recent]],
                "ago": ago[recent],
                "delay": (known[recent] - events.occurred[recent]) / DAY_US,
                "other": np.isin(events.words["category"], _OTHER)[events.category[recent]],
            }
        )
        return cls(sources, daily, days, lately)


def _both(one: _Known, other: _Known) -> _Known:
    """Of two shares."""
    lately = pd.concat([one.lately, other.lately], ignore_index=True)
    return _Known(one.sources, one.daily + other.daily, np.maximum(one.days, other.days), lately)


def _intakes(evidence: Evidence, known: _Known) -> list[Intake]:
    log = evidence.table("feed_log")
    sources = [str(s) for s in np.unique(known.sources) if s]
    return [i for s in sources if (i := _logged(evidence, s, log) or _counted(evidence, s, known)) is not None]


def _logged(evidence: Evidence, source: str, log: pd.DataFrame | None) -> Intake | None:
    if log is None:
        return None
    mine = log[log["source"] == source]
    size = mine.groupby("org_code").size()
    if len(size) == 0 or size.median() < _LEAST_DELIVERIES:
        return None
    orgs = size.index[size >= _LEAST_DELIVERIES].to_numpy(dtype=object)
    mine = mine[mine["org_code"].isin(orgs)]
    at = mine["arrived_at"].dt.tz_convert(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    org = pd.Index(orgs).get_indexer(mine["org_code"])
    ago = days_before(at, evidence.at, evidence.timezone)
    days = int(min(ago.max() + 1, _LONGEST_DAYS))
    here = ago < days
    rows = np.bincount(
        org[here] * days + days - 1 - ago[here],
        mine["accepted"].to_numpy(dtype=float)[here],
        minlength=len(orgs) * days,
    )
    return Intake(source, orgs, rows.reshape(len(orgs), days), {o: np.sort(at[org == i]) for i, o in enumerate(orgs)})


def _counted(evidence: Evidence, source: str, known: _Known) -> Intake | None:
    code = known.sources.tolist().index(source)
    days = int(min(known.days[code], _LONGEST_DAYS))
    if days == 0:
        return None
    daily = known.daily[code, :, -days:]
    rows, whole, names = daily[:-1], daily.sum(axis=0, keepdims=True), evidence.parent("county_id")[1]
    if len(names) == 1:
        return Intake(source, np.array(["*"], dtype=object) if names[0] == "*" else names, whole.astype(float), None)
    return Intake(source, np.append(names, "*"), np.vstack([rows, whole]).astype(float), None)


def judge(evidence: Evidence, intake: Intake) -> list[dict[str, object]]:
    """Stops and thinnings of one source: scope, fault, and the numbers behind it."""
    stopped = standing(evidence, intake)
    down = np.isin(intake.orgs.astype(str), [str(fault["org"]) for fault in stopped])
    return stopped + _everywhere(intake, stopped) + _thin(evidence, intake, down)


def standing(evidence: Evidence, intake: Intake) -> list[dict[str, object]]:
    """Stops of one source: by its deliveries where they are logged, else by empty days."""
    if intake.arrivals is None:
        return _empty_days(evidence, intake)
    overdue = [_overdue(evidence, intake, i, intake.arrivals[org]) for i, org in enumerate(intake.orgs)]
    return [fault for fault in overdue if fault]


def _everywhere(intake: Intake, stopped: list[dict[str, object]]) -> list[dict[str, object]]:
    """The fault of the whole city where every organisation has stopped."""
    if "*" in intake.orgs or len(intake.orgs) < 2 or len(stopped) < len(intake.orgs):
        return []
    table = pd.DataFrame(stopped)
    last = stopped[int(table["silent_days"].to_numpy().argmin())]
    sums = table[["records_a_day", "expected"]].sum().round(2).to_dict()
    return [{**last, "scope": f"feed:{intake.source}", "org": "*", **sums}]


def _overdue(evidence: Evidence, intake: Intake, org: int, arrived: np.ndarray) -> dict[str, object] | None:
    """Fault of a feed whose next delivery is overdue by its own habit: that of the year before the last one, so silence never becomes the habit."""
    recent = arrived[arrived > arrived[-1] - 2 * _MEMORY_DAYS * DAY_US]
    pause = np.diff(recent) / DAY_US
    if len(pause) < _LEAST_DELIVERIES - 1:
        return None
    usual, spread = float(np.median(pause)), float(np.quantile(pause, 0.9) - np.quantile(pause, 0.1))
    since = (evidence.at - int(arrived[-1])) / DAY_US
    if since <= usual + 3 * spread + 1 / 24:
        return None
    days = intake.rows.shape[1] - int(days_before(arrived[-1:], evidence.at, evidence.timezone)[0])
    a_day = _usual_rows(intake.rows[org, : max(days, 0)])
    return {
        "scope": intake.scopes[org],
        "fault": "stopped",
        "source": intake.source,
        "org": intake.orgs[org],
        "last_at": evidence.local(arrived[-1:])[0],
        "silent_days": round(since, 2),
        "usual_pause_days": round(usual, 2),
        "records_a_day": round(a_day, 2),
        "observed": 0.0,
        "expected": round(a_day * since, 1),
        "p": float(np.exp(-max(a_day * since, 1.0))),
    }


def _usual_rows(rows: np.ndarray) -> float:
    """Records a day: of half a year or more by its middle week, else their mean."""
    if len(rows) < _MEMORY_DAYS:
        return float(rows.mean()) if len(rows) else 0.0
    return float(np.median(rows[-_MEMORY_DAYS:].reshape(-1, 7).sum(axis=1))) / 7


def _empty_days(evidence: Evidence, intake: Intake) -> list[dict[str, object]]:
    """Faults of feeds without a log that brought nothing for days (:func:`riskwarn.unusual.stopped`)."""
    stops = [(org, stop) for org, rows in enumerate(intake.rows) if (stop := stopped(rows))]
    return [
        {
            "scope": intake.scopes[org],
            "fault": "stopped",
            "source": intake.source,
            "org": intake.orgs[org],
            "last_at": evidence.as_of - pd.Timedelta(days=stop.days),
            "silent_days": float(stop.days),
            "records_a_day": round(stop.a_day, 2),
            "observed": 0.0,
            "expected": round(stop.a_day * stop.days, 1),
            "p": stop.p,
        }
        for org, stop in stops
    ]


def _thin(evidence: Evidence, intake: Intake, down: np.ndarray) -> list[dict[str, object]]:
    """Faults of feeds that bring a part of their rows, or have settled at a part of them; `down` are those that have stopped."""
    reading, parts = readings(evidence, intake), _parts(intake)
    sound = parts & ~down & ~reading.told[:, -1]
    thin = np.flatnonzero(reading.told[:, -1] & ~down).tolist()
    told = [i for i in thin if parts[i] or not _in_order(reading, i, sound)]
    settled = [fault for i in np.flatnonzero(~down).tolist() if (fault := _settled(intake, reading, i))]
    return [_short(intake, reading, i) for i in told] + settled


def readings(evidence: Evidence, intake: Intake) -> Reading:
    """What the law of arrivals says of each organisation on every night; of one among others without what all of them lack."""
    days = local_days(evidence.at, intake.rows.shape[1], evidence.timezone)
    holidays = holidays_of(days, evidence.timezone, evidence.history.calendar)
    return read(intake.rows, holidays=holidays, together=_parts(intake))


def _parts(intake: Intake) -> np.ndarray:
    """(n,) which rows are of one organisation among several, and not of the whole city."""
    return np.array([len(intake.orgs) > 1 and org != "*" for org in intake.orgs])


def _in_order(reading: Reading, whole: int, sound: np.ndarray) -> bool:
    """Whether the organisations without a fault bring at least half of what is due of them, so that the city has no fault of its own."""
    short = reading.observed[:, whole, -1] < HALF * reading.due[:, whole, -1]
    widest = int(np.flatnonzero(short)[-1])
    brought, due = (float(x[widest, sound, -1].sum()) for x in (reading.observed, reading.due))
    return bool(sound.any()) and brought >= HALF * due


def _short(intake: Intake, reading: Reading, i: int) -> dict[str, object]:
    """The fault of a feed that brings too few tonight."""
    days = reading.since(i)
    seen, due = float(intake.rows[i, -days:].sum()), float(np.nansum(reading.due[0, i, -days:]))
    return {
        "scope": intake.scopes[i],
        "fault": "thin" if seen else "stopped",
        "source": intake.source,
        "org": intake.orgs[i],
        "days": days,
        "share": round(seen / due, 3),
        "records_a_day": round(due / days, 2),
        "observed": seen,
        "expected": round(due, 1),
        "p": float(reading.few[i, -1]),
    }


def _settled(intake: Intake, reading: Reading, i: int) -> dict[str, object] | None:
    """The news of a feed that has settled at a lower level, while it is news."""
    fall = reading.fallen(i)
    if fall is None:
        return None
    days = CHANGE_DAYS + fall.nights_ago
    seen = float(intake.rows[i, -days:].sum())
    return {
        "scope": intake.scopes[i],
        "fault": "lower",
        "source": intake.source,
        "org": intake.orgs[i],
        "days": days,
        "share": round(fall.left, 3),
        "records_a_day": round(seen / days, 2),
        "observed": seen,
        "expected": round(seen / fall.left, 1),
        "p": FEW_P,
    }


def _late(evidence: Evidence, known: _Known) -> list[dict[str, object]]:
    names = evidence.parent("county_id")[1]
    frame = known.lately.assign(now=known.lately["ago"] < 7)
    key = ["source", "county"]
    now, before = (frame[frame["now"] == w].groupby(key)["delay"].agg(["median", "size"]) for w in (True, False))
    both = now.join(before, suffixes=("_now", ""), how="inner")
    slow = both[(both["median_now"] > _LATE_FACTOR * both["median"]) & (both["median_now"] > _LATE_DAYS)]
    slow = slow[(slow["size_now"] >= _LATE_ROWS) & (slow["size"] >= _LATE_ROWS)]
    words = known.sources
    return [
        {
            "scope": f"feed:{words[s]}" + ("" if names[c] == "*" else f"/{names[c]}") + "@late",
            "fault": "late",
            "source": words[s],
            "org": names[c],
            "observed": round(float(r.median_now), 2),
            "expected": round(float(r.median), 2),
            "median_delay_days": round(float(r.median_now), 2),
            "p": 1e-3,
        }
        for (s, c), r in zip(slow.index, slow.itertuples(), strict=True)
    ]


def _codes(evidence: Evidence, known: _Known) -> list[dict[str, object]]:
    """Faults of feeds whose records suddenly carry no known category."""
    from scipy import stats  # noqa: PLC0415

    names, words = evidence.parent("county_id")[1], known.sources
    n_areas = len(names)
    source, county, ago, odd = (known.lately[c].to_numpy() for c in ("source", "county", "ago", "other"))
    cell, now = source * n_areas + county, ago < _CODES_DAYS
    size = len(words) * n_areas
    n, k = (np.bincount(cell[m], minlength=size) for m in (now, now & odd))
    n0, k0 = (np.bincount(cell[m], minlength=size) for m in (~now, ~now & odd))
    share = (k0 + 1) / (n0 + 20)
    p = np.asarray(stats.binom.sf(k - 1, n, np.minimum(_CODES_FACTOR * share, 1)))
    bad = np.flatnonzero((p < _CODES_P) & (n >= 10) & (n0 >= 60) & (k > _CODES_FACTOR * share * n))
    return [
        {
            "scope": f"feed:{words[c // n_areas]}"
            + ("" if names[c % n_areas] == "*" else f"/{names[c % n_areas]}")
            + "@codes",
            "fault": "codes",
            "source": words[c // n_areas],
            "org": names[c % n_areas],
            "observed": float(k[c]),
            "expected": round(float(share[c] * n[c]), 1),
            "p": float(p[c]),
        }
        for c in bad
    ]


def _rows(evidence: Evidence, faults: list[dict[str, object]]) -> pd.DataFrame:
    p = np.array([float(r["p"]) for r in faults])  # type: ignore[arg-type]
    return gap_rows(
        FEED,
        evidence.as_of,
        [str(r["scope"]) for r in faults],
        observed=np.array([r["observed"] for r in faults]),
        expected=np.array([r["expected"] for r in faults]),
        score=-np.log10(np.maximum(p, 1e-12)),
        confidence=1 - p,
        evidence=[
            {k: v for k, v in r.items() if k not in {"scope", "observed", "expected"}}
            | {"records_missing": r["expected"]}
            if r["fault"] == "stopped"
            else {k: v for k, v in r.items() if k not in {"scope", "observed", "expected"}}
            for r in faults
        ],
    )


def stands_still(gaps: pd.DataFrame) -> pd.DataFrame:
    """Of the rows found, the outages: `gap_id`, `source`, `org`, and for how many `days` the feed has stood still or thin."""
    import json  # noqa: PLC0415

    rows = gaps[(gaps["kind"] == FEED.code) & (gaps["state"] == "open")]
    evidence = [json.loads(e) for e in rows["evidence"]]
    frame = pd.DataFrame(
        {
            "gap_id": rows["gap_id"].to_numpy(),
            "source": [t["source"] for t in evidence],
            "org": [t["org"] for t in evidence],
            "fault": [t["fault"] for t in evidence],
            "days": [float(t.get("silent_days", t.get("days", 0))) for t in evidence],
        }
    )
    return frame[frame["fault"].isin(["stopped", "thin"])].reset_index(drop=True)
