"""The list of a night in its lanes: each alert with where, why now, the step, who, and by when."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import pandas as pd

from riskwarn.bulletin.area import Area
from riskwarn.bulletin.words import ARROWS, clock, joined, said
from riskwarn.ledger.words import word as ledger_word
from riskwarn.paper.form import Row, Table
from riskwarn.plan import LANES, Plan
from riskwarn.web.codes import LEVELS
from riskwarn.web.format import number, percent, short_day
from riskwarn.web.held import Night
from riskwarn.web.morning import (
    LANE_NAMES,
    MOST_OF_CITY,
    MOST_OF_COUNTY,
    NEWS,
    Line,
    lines_of,
    shortlist,
)
from riskwarn.web.standing import Group, folded
from riskwarn.web.words import word
from riskwarn.working import WorkingTime, budget_of

COLUMNS = (
    *("place", "lane", "level", "trend", "since", "expected", "reason_1", "reason_2", "reason_3"),
    *("do", "who", "state", "sign_by", "report_by"),
)
_WAITING = frozenset({"", "draft", "published", "reopened", "escalated"})
"""States in which nobody has signed for it yet."""
_TOWNSHIP_LEVELS = frozenset({"red", "orange"})


class Listing:
    """The alerts of a night as a bulletin lists them.

    Parameters
    ----------
    night
        The night, of which only the area is left.
    area
        Of the bulletin.
    items
        What the ledger knows of the alerts, by their `source_id`.
    wall
        The working time of the city; None where report times cannot be told.
    language
        Of the reader.
    """

    def __init__(
        self,
        night: Night,
        area: Area,
        items: Mapping[str, Mapping[str, Any]],
        wall: WorkingTime | None,
        language: str,
    ) -> None:
        self._night, self._area, self._items, self._language = night, area, items, language
        self._wall = wall
        stated = night.facts.get("plan")
        self._plan = Plan.of_dict(stated) if stated else None
        self._mode = str((night.facts.get("mode") or {}).get("mode", "normal"))

    @property
    def alerts(self) -> pd.DataFrame:
        """The alerts of the area, printed or not."""
        return pd.DataFrame() if self._night.alerts is None else self._night.alerts

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        """One table a lane, in the order of lanes."""
        lanes = self.alerts["lane"].fillna("") if "lane" in self.alerts else pd.Series("", self.alerts.index)
        totals = lanes.value_counts()
        of = {lane: [line for line in self._lines if line.alert["lane"] == lane] for lane in (*LANES, "")}
        groups = {"triggered": self._folded[1]}
        return tuple(
            self._table(lane, rows, int(totals[lane]), groups.get(lane, ()))
            for lane, rows in of.items()
            if rows or groups.get(lane)
        )

    @property
    def n_cut(self) -> int:
        """Alerts that are neither printed nor told together with others."""
        return len(self._folded[0]) - len(self._lines)

    @cached_property
    def _folded(self) -> tuple[pd.DataFrame, tuple[Group, ...]]:
        return folded(self.alerts)

    @cached_property
    def _lines(self) -> list[Line]:
        if self.alerts.empty:
            return []
        alone = self._folded[0]
        lead = alone["grid_ids"].str.split().str[0]
        county = lead.map(lambda grid: self._area.parent(grid, "county") or None)
        shown = shortlist(alone, county, of_city=MOST_OF_CITY, of_county=MOST_OF_COUNTY)
        return lines_of(self._night, shown, self._language)

    def _table(self, lane: str, lines: list[Line], total: int, groups: tuple[Group, ...]) -> Table:
        key = "lane_of" if len(lines) + sum(group.n for group in groups) == total else "lane_cut"
        name = word(LANE_NAMES, lane, self._language)
        together = [group.text(self._language) for group in groups]
        return Table(
            lane,
            " · ".join([said(key, self._language, lane=name, n=total, shown=len(lines)), *together]),
            {column: said(column, self._language) for column in COLUMNS},
            tuple(self._row(line) for line in lines),
        )

    def _row(self, line: Line) -> Row:
        cells, tell = self._cells(line), self._tell
        trend = cells["trend"]
        if trend and cells["since"] and line.alert["trend"] != "new":
            trend = tell("trend_since", trend=trend, day=cells["since"])
        head = " · ".join(part for part in (cells["level"], trend, cells["place"]) if part)
        reasons = self._sentence([cells["expected"], *(cells[f"reason_{n}"] for n in (1, 2, 3))], "reasons")
        step = tell("step", step=cells["do"]) if cells["do"] else ""
        text = " ".join(part for part in (reasons, step, self._who(cells)) if part)
        names = ("alert_id", "lane", "level", "trend", "target", "action")
        codes = {name: str(line.alert[name] or "") for name in names} | {"grid_id": line.grid_id}
        return Row(cells, head, text, str(line.alert["level"]), codes)

    def _who(self, cells: Mapping[str, str]) -> str:
        parts = [
            self._tell("owner", owner=cells["who"]),
            self._tell("signed", state=cells["state"]) if cells["state"] else "",
            self._tell("sign", at=cells["sign_by"]) if cells["sign_by"] and not cells["state"] else "",
            self._tell("report", at=cells["report_by"]) if cells["report_by"] else "",
        ]
        return self._sentence(parts)

    def _sentence(self, parts: list[str], joint: str = "pause") -> str:
        text = joined(parts, self._language, joint)
        return f"{text[:1].upper()}{text[1:]}{self._tell('stop')}" if text else ""

    def _cells(self, line: Line) -> dict[str, str]:
        alert, reasons = line.alert, [*line.why.reasons, "", "", ""][:3]
        item = self._items.get(str(alert["alert_id"]), {})
        state = "" if item.get("state", "") in _WAITING else ledger_word("state", item["state"])[self._language]
        since = "" if alert["since"] is None else short_day(pd.Timestamp(alert["since"]), self._language)
        values = {
            "place": self._place(line),
            "lane": word(LANE_NAMES, alert["lane"], self._language),
            "level": word(LEVELS, alert["level"], self._language),
            "trend": self._trend(alert["trend"]),
            "since": since,
            "expected": self._expected(line),
            **{f"reason_{n}": self._area.called(text) for n, text in enumerate(reasons, start=1)},
            "do": line.why.step,
            "who": self._owner(line, item),
            "state": state,
            "sign_by": self._moment(alert["due_at"]),
            "report_by": self._moment(self._due(str(alert["level"]))),
        }
        return {column: values[column] for column in COLUMNS}

    def _place(self, line: Line) -> str:
        place = self._area.place(line.grid_id)
        return self._tell("and_beside", place=place, n=len(line.others)) if line.others else place

    def _trend(self, trend: object) -> str:
        return f"{ARROWS[str(trend)]}{NEWS[str(trend)][self._language]}" if str(trend) in NEWS else ""

    def _expected(self, line: Line) -> str:
        """What the question that lists it expects, beside the city's mean; nothing where a rule or chance lists it."""
        target = str(line.alert["target"] or "")
        if target not in self._scores:
            return ""
        scores, days = self._scores[target], self._days(target)
        if line.grid_id not in scores.index:
            return ""
        own, mean = scores.loc[line.grid_id], scores[["probability", "expected"]].mean()
        if _is_count(scores):
            return self._tell("count_expected", n=number(own["expected"]), days=days, mean=number(mean["expected"], 2))
        return self._tell(
            "chance_expected", p=percent(own["probability"]), days=days, mean=percent(mean["probability"])
        )

    @cached_property
    def _scores(self) -> dict[str, pd.DataFrame]:
        scores = self._night.published.table("scores").astype({"grid_id": "str", "target": "str"})
        columns = ["probability", "expected"]
        return {str(target): rows.set_index("grid_id")[columns] for target, rows in scores.groupby("target")}

    def _days(self, target: str) -> str:
        question = self._night.published.facts.get("questions", {}).get(target, self._night.published.facts)
        return number(question.get("horizon_days"))

    def _owner(self, line: Line, item: Mapping[str, Any]) -> str:
        """To whom it was assigned; else the centre of the township, for red with the county, and the grid head for lesser levels."""
        if owner := item.get("owner") or line.alert["owner"]:
            return self._area.names.get(str(owner), str(owner))
        if line.alert["level"] not in _TOWNSHIP_LEVELS:
            return ledger_word("role", "grid_head")[self._language]
        township = self._centre(line.grid_id, "township")
        if line.alert["level"] != "red":
            return township
        return self._tell("with_county", township=township, county=self._centre(line.grid_id, "county"))

    def _centre(self, grid_id: str, kind: str) -> str:
        code = self._area.parent(grid_id, kind)
        named = self._area.names.get(code, code)
        if not named:
            return ledger_word("role", f"{kind}_centre")[self._language]
        return self._tell("centre_of", area=named)

    def _due(self, level: str) -> pd.Timestamp | None:
        if self._plan is None or self._wall is None:
            return None
        budget = budget_of(self._plan.clocks, level, "report_days", getattr(self._plan.modes, self._mode))
        return budget and self._wall.due(self._night.as_of, budget)

    def _moment(self, at: object) -> str:
        return "" if at is None or pd.isna(at) else clock(at, self._night.as_of, self._language)

    def _tell(self, key: str, **values: object) -> str:
        return said(key, self._language, **values)


def _is_count(scores: pd.DataFrame) -> bool:
    """Whether a question counts events: then the expected number differs from the chance of one."""
    return not bool(((scores["probability"] - scores["expected"]).abs().fillna(0) < 1e-9).all())
