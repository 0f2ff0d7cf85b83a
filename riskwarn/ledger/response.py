"""How organisations responded to the alerts of a period (调度, 总结, 考评): how soon, how often within the clock, with what results. Never people.

::

    cases      one row an alert of the period: when acknowledged, which clocks were kept, sent back, reopened, result
    of_bodies  the same added up by organisation
    hits       how often the list was right, by lane and level
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError
from riskwarn.ledger.actor import CITY, concerning
from riskwarn.ledger.board import body_of
from riskwarn.ledger.clocks import holds, mode_at
from riskwarn.ledger.item import Item
from riskwarn.ledger.ledger import Ledger
from riskwarn.ledger.outcomes import share_of
from riskwarn.ledger.workflow import Clock, Workflow
from riskwarn.mode import switches
from riskwarn.working import Budget, budget_of, plan_in_force, working_time

FEW = 10
"""Of fewer cases than this no share and no median is told: one more or less would turn it over."""
_PERIOD = re.compile(r"(\d{4})(?:-(?:(\d{2})|Q([1-4])))?")
_COUNTED = {"returned": "return", "rejected": "reject", "escalated": "escalate", "reopened": "reopen"}
CLOCKS = ("acknowledge", "start", "feedback", "verify")


@dataclass(frozen=True)
class Period:
    """A month, a quarter or a year.

    Attributes
    ----------
    name
        ``2025-03``, ``2025-Q1`` or ``2025``.
    since, until
        From when on and before when, on the city's clock.
    """

    name: str
    since: pd.Timestamp
    until: pd.Timestamp


@checked
def period_of(name: str, timezone: str) -> Period:
    """The period that a name means.

    Parameters
    ----------
    name
        ``2025-03`` a month, ``2025-Q1`` a quarter, ``2025`` a year.
    timezone
        Of the city.

    Returns
    -------
    period
        Whole days.

    Raises
    ------
    DataError
        It is none.

    Examples
    --------
    >>> period_of("2025-Q1", "Asia/Shanghai").until
    Timestamp('2025-04-01 00:00:00+0800', tz='Asia/Shanghai')
    """
    found = _PERIOD.fullmatch(name)
    month = int(found[2] or 1) if found else 0
    if found is None or not 1 <= month <= 12 or not int(found[1]) >= 1:
        raise DataError(f"a period is a month 2025-03, a quarter 2025-Q1 or a year 2025, got {name[:20]!r}.")
    year, quarter = int(found[1]), int(found[3] or 0)
    first = month if not quarter else 3 * quarter - 2
    months = 1 if found[2] else 3 if quarter else 12
    since = pd.Timestamp(year=year, month=first, day=1)
    ends = (since, since + pd.DateOffset(months=months))
    return Period(name, *(at.tz_localize(timezone, nonexistent="shift_forward") for at in ends))


@checked
def cases(ledger: Ledger, period: Period, *, area: str = CITY, at: object = None) -> pd.DataFrame:
    """The alerts first published within a period, and how each was answered so far.

    Parameters
    ----------
    ledger
        Of the store.
    period
        As :func:`period_of` gives it.
    area
        Only what lies in it or was assigned to it.
    at
        When it is read; now by default.

    Returns
    -------
    cases
        One row an alert that was not merged into another: ``item_id``, ``body`` (:func:`riskwarn.ledger.board.body_of`), ``lane``, ``level``,
        ``hours`` (working hours to the acknowledgement, infinite while there is none), one column a clock (1 kept, 0 not, NaN while it may still be, or
        where there is none), ``returned``, ``rejected``, ``escalated``, ``reopened`` (how often), ``code`` and ``counts`` of the last result; empty for none.
    """
    now = pd.Timestamp.now(tz=ledger.store.timezone) if at is None else ledger.store.instant(at)
    items = ledger.items(kind="alert")
    mine = concerning(items[(items["state"] != "merged").to_numpy()], area)
    trails = _trails(ledger, set(mine["item_id"]))
    reader = _Reader(ledger, now)
    rows = [
        reader.row(item, trails[item.item_id])
        for item in (Item.of(row) for row in mine.itertuples(index=False))
        if period.since <= trails[item.item_id][0].at < period.until
    ]
    columns = ["item_id", "body", "lane", "level", "hours", *CLOCKS, *_COUNTED, "code", "counts"]
    return pd.DataFrame(rows, columns=columns)


def _trails(ledger: Ledger, item_ids: set[str]) -> dict[str, list[Any]]:
    """The steps of each of some items, in order."""
    trail = ledger.trail()
    found: dict[str, list[Any]] = {item_id: [] for item_id in item_ids}
    for row in trail[trail["item_id"].isin(item_ids)].itertuples():
        found[row.item_id].append(row)
    return found


class _Reader:
    """Reads one alert after another by the plan in force."""

    def __init__(self, ledger: Ledger, now: pd.Timestamp) -> None:
        self.flow: Workflow = ledger.workflow
        self.plan = plan_in_force(ledger.store)
        self.wall = working_time(ledger.store, self.plan.calendar, now)
        self.now = now
        self.modes = [(s.at, s.mode) for s in switches(ledger.store) if s.at is not None]

    def row(self, item: Item, steps: Sequence[Any]) -> dict[str, Any]:
        code = next((str(step.code) for step in reversed(steps) if step.action == "feedback"), "")
        kept = {clock.name: self._kept(item, clock, steps) for clock in self.flow.clocks if clock.name in CLOCKS}
        return {
            "item_id": item.item_id,
            "body": body_of(item.path, item.owner),
            "lane": item.lane,
            "level": item.level,
            "hours": self._hours(steps),
            **dict.fromkeys(CLOCKS, np.nan),
            **kept,
            **{name: sum(step.action == action for step in steps) for name, action in _COUNTED.items()},
            "code": code,
            "counts": self.flow.counts(code) if code else "",
        }

    def _hours(self, steps: Sequence[Any]) -> float:
        first = next((s.at for s in steps if s.action == "acknowledge"), None)
        return np.inf if first is None else self.wall.spent(steps[0].at, first, "wh")

    def _kept(self, item: Item, clock: Clock, steps: Sequence[Any]) -> float:
        """Whether every run of a clock was kept; NaN while that is not known, and where the plan gives it no time."""
        runs = ((used, ended) for used, ended in self._runs(item, clock, steps) if not np.isnan(used))
        known = [used <= 1 for used, ended in runs if ended or used > 1]
        return float(all(known)) if known else np.nan

    def _runs(self, item: Item, clock: Clock, steps: Sequence[Any]) -> Iterator[tuple[float, bool]]:
        """Share of its budget that each run of a clock used, NaN where it has none, and whether it has ended."""
        begun: pd.Timestamp | None = None
        for step in steps:
            if begun is not None and step.action in clock.ends:
                yield self._used(item, clock, steps, begun, step.at), True
                begun = None
            if step.action in clock.begins and not (step.from_state in self.flow.pausing and begun is not None):
                begun = step.at
        if begun is not None and item.state not in self.flow.final:
            yield self._used(item, clock, steps, begun, self.now), False

    def _used(self, item: Item, clock: Clock, steps: Sequence[Any], begun: pd.Timestamp, end: pd.Timestamp) -> float:
        mode = getattr(self.plan.modes, mode_at(self.modes, begun))
        budget: Budget | None = budget_of(self.plan.clocks, item.level, clock.limit, mode)
        if budget is None:
            return np.nan
        still = sum(
            self.wall.spent(a, min(b, end), budget.unit) for a, b in holds(steps, begun, end, self.flow) if a < end
        )
        return (self.wall.spent(begun, end, budget.unit) - still) / budget.amount


@checked
def of_bodies(rows: pd.DataFrame) -> pd.DataFrame:
    """Cases added up by organisation, whoever has most first; with the whole in the last row, ``body`` ``*``.

    Parameters
    ----------
    rows
        What :func:`cases` gave.

    Returns
    -------
    bodies
        One row an organisation: ``n`` alerts, ``median_hours`` to the acknowledgement, for each clock ``NAME_n`` (known), ``NAME_kept``, ``NAME_share``,
        ``NAME_lower`` and ``NAME_upper`` (95 %), ``n_confirmed``, ``n_not_found``, ``n_excluded``, ``n_open_result`` (no result yet), ``returned``,
        ``rejected``, ``escalated``, ``reopened`` (alerts, each once). Shares and medians of fewer than :data:`FEW` are NaN.
    """
    parts = [(str(body), part) for body, part in rows.groupby("body")]
    parts.sort(key=lambda pair: (-len(pair[1]), pair[0]))
    return pd.DataFrame([_added(body, part) for body, part in [*parts, (CITY, rows)]])


def _added(body: str, part: pd.DataFrame) -> dict[str, Any]:
    hours = np.sort(part["hours"].to_numpy(dtype=float))
    middle = float(hours[(len(hours) - 1) // 2]) if len(hours) >= FEW else np.nan
    told: dict[str, Any] = {"body": body, "n": len(part), "median_hours": middle if np.isfinite(middle) else np.nan}
    for clock in CLOCKS:
        known = part[clock].dropna()
        share = share_of(int(known.sum()), len(known)) if len(known) >= FEW else (np.nan,) * 3
        names = (f"{clock}_{what}" for what in ("share", "lower", "upper"))
        told |= {f"{clock}_n": len(known), f"{clock}_kept": int(known.sum()), **dict(zip(names, share, strict=True))}
    for counts in ("confirmed", "not_found", "excluded"):
        told[f"n_{counts}"] = int((part["counts"] == counts).sum())
    told["n_open_result"] = int((part["counts"] == "").sum())
    return told | {name: int((part[name] > 0).sum()) for name in _COUNTED}


@checked
def hits(rows: pd.DataFrame, levels: Sequence[str]) -> pd.DataFrame:
    """How often the list was right, by lane and level.

    Parameters
    ----------
    rows
        What :func:`cases` gave.
    levels
        The gravest first.

    Returns
    -------
    hits
        One row a lane and level: ``n_listed``, ``n_confirmed``, ``n_judged`` (confirmed or not found), and ``precision`` with its 95 % interval ``lower`` to
        ``upper``; NaN of fewer than :data:`FEW` judged.
    """
    told = []
    for (lane, level), part in rows.groupby(["lane", "level"]):
        confirmed, judged = (
            int((part["counts"] == "confirmed").sum()),
            int(part["counts"].isin(["confirmed", "not_found"]).sum()),
        )
        share = share_of(confirmed, judged) if judged >= FEW else (np.nan,) * 3
        told.append((str(lane), str(level), len(part), confirmed, judged, *share))
    columns = ["lane", "level", "n_listed", "n_confirmed", "n_judged", "precision", "lower", "upper"]
    table = pd.DataFrame(told, columns=columns)
    order = table["level"].map({level: n for n, level in enumerate(levels)})
    return table.assign(_order=order).sort_values(["lane", "_order"]).drop(columns="_order").reset_index(drop=True)
