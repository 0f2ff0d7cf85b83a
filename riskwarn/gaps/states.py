"""How each feed stands on a night: what the page of feeds shows, from the last records and what G08 found."""

import json
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.clock import micros
from riskwarn.gaps.gap import FEED
from riskwarn.history import History

STATES = {"stopped": "stopped", "thin": "partial", "late": "late", "codes": "codes"}
"""State of a feed by the fault G08 names, the gravest first."""


def feed_states(history: History, gaps: pd.DataFrame, as_of: object) -> list[dict[str, Any]]:
    """Each feed on a night, by source and organisation.

    Parameters
    ----------
    history
        The city's history.
    gaps
        Table `gaps` of the night.
    as_of
        The night.

    Returns
    -------
    feeds
        One a source for the whole city, `org_code` ``*``, and one more for each organisation whose part of it has a fault: `source`,
        `org_code`, `state` (``ok``, ``stopped``, ``partial``, ``late``, ``codes``: more records than usual without a known category),
        `last_at`; with a fault also `since`, and `observed` and `expected` as the gap tells them.
    """
    faults = _faults(gaps)
    whole = {
        source: {"source": source, "org_code": "*", "state": "ok", "last_at": last}
        for source, last in _last(history, as_of)
    }
    lines = [{**whole.get(source, {}), **faults.pop((source, "*"), {})} for source in sorted(whole)]
    return lines + [faults[key] for key in sorted(faults)]


def _last(history: History, as_of: object) -> list[tuple[str, str | None]]:
    """The last record of each feed that became known before the night."""
    last = history.last_told_of(micros(history.instant(as_of)))
    sources = [str(source) for source in history.words["source"]]
    return [(source, _iso(last[source], history.timezone) if source in last else None) for source in sources]


def _faults(gaps: pd.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    """By source and organisation the gravest fault of G08."""
    rows = gaps[(gaps["kind"] == FEED.code) & (gaps["state"] == "open") & gaps["scope"].str.startswith("feed:")]
    lines: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows.itertuples():
        numbers = json.loads(str(row.evidence))
        if numbers.get("fault") not in STATES:
            continue
        source, state = str(numbers["source"]), STATES[numbers["fault"]]
        org = str(numbers.get("org") or "*")
        line: dict[str, Any] = {"source": source, "org_code": org, "state": state, "since": _since(numbers, row.as_of)}
        line |= {"observed": _number(row.observed), "expected": _number(row.expected)}
        line |= {"last_at": numbers["last_at"]} if "last_at" in numbers else {}
        graver = [*STATES.values()].index
        if (source, org) not in lines or graver(state) < graver(str(lines[source, org]["state"])):
            lines[source, org] = line
    return lines


def _since(numbers: dict[str, Any], as_of: object) -> str | None:
    """From when a fault lasts: the last record of a feed that stopped, the first day of one that is thin, a week for the others."""
    if "last_at" in numbers:
        return str(numbers["last_at"])
    days = float(numbers.get("days", 7))
    return str((pd.Timestamp(as_of) - pd.Timedelta(days=days)).isoformat(timespec="minutes"))


def _iso(at: int, timezone: str) -> str:
    return str(pd.Timestamp(at, unit="us", tz="UTC").tz_convert(timezone).isoformat())


def _number(value: object) -> float | None:
    return None if pd.isna(value) else float(np.float64(value))  # type: ignore[arg-type]
