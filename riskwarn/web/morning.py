"""The morning page: whether tonight's numbers can be trusted, what changed, and the list in its lanes, short enough to be read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.language import Spoken, phrase
from riskwarn.plan import LANES, LEVELS
from riskwarn.web.held import Night
from riskwarn.web.lines import score_rows
from riskwarn.web.listed import Why, why_of
from riskwarn.web.schemas import rows
from riskwarn.web.standing import Group, folded

MOST_OF_CITY, MOST_OF_COUNTY, LEAST_OF_LANE = 40, 8, 3
"""Alerts on the page, and how many of each lane come before more of another; the rest stands behind "more"."""
LANE_NAMES: dict[str, Spoken] = {
    "triggered": phrase("By rule", context="lane"),
    "escalating": phrase("Escalating", context="lane"),
    "first": phrase("First after calm", context="lane"),
    "rising": phrase("Rising", context="lane"),
    "standing": phrase("Standing need", context="lane"),
    "explore": phrase("Random check", context="lane"),
    "": phrase("Riskiest", context="lane"),
}
"""Why a place is listed."""
_SECTIONS = ("news", *LANES, "")
"""What stands on the page, in its order."""
NEWS: dict[str, Spoken] = {
    "new": phrase("new", context="trend"),
    "worse": phrase("worse", context="trend"),
    "same": phrase("same", context="trend"),
    "better": phrase("better", context="trend"),
}
"""Against the night before."""
_COLUMNS = (
    "alert_id",
    "grid_ids",
    "lane",
    "level",
    "trend",
    "since",
    "parts",
    "state",
    "target",
    "probability",
    "rank",
    "action",
    "gap_kinds",
    "owner",
    "due_at",
)


@dataclass(frozen=True)
class Line:
    """One alert as the morning page shows it.

    Attributes
    ----------
    alert
        Its row of table `alerts`, lists taken apart.
    grid_id, others
        The grid that leads it, and those beside it.
    grid
        Score and place of the leading grid.
    why
        Reasons and next step.
    since
        The night from which on it is listed without a break; None where that is not known.
    """

    alert: Mapping[str, Any]
    grid_id: str
    others: tuple[str, ...]
    grid: Mapping[str, Any]
    why: Why
    since: pd.Timestamp | None


@dataclass(frozen=True)
class Section:
    """The alerts of one lane that fit the page.

    Attributes
    ----------
    lane
        Name of the lane; ``news`` for those that are new or worse since the night before, whatever their lane.
    lines
        The gravest first.
    total
        Alerts of the lane, shown or not.
    groups
        Standing states told together (:mod:`riskwarn.web.standing`).
    """

    lane: str
    lines: tuple[Line, ...]
    total: int
    groups: tuple[Group, ...] = ()

    @property
    def n_more(self) -> int:
        """Alerts that are neither shown nor counted in a group."""
        return self.total - len(self.lines) - sum(group.n for group in self.groups)


def ordered(alerts: pd.DataFrame) -> pd.DataFrame:
    """Alerts in the order they are read: new and worse first, then the first of each lane, then the gravest, then by lane, then as listed."""
    place, lane = np.arange(len(alerts)), filled(alerts, "lane")
    level = alerts["level"].map({name: i for i, name in enumerate(LEVELS)}).to_numpy()
    lane_place = lane.map({name: i for i, name in enumerate(LANES)}).fillna(len(LANES)).to_numpy()
    old = ~filled(alerts, "trend").isin(["new", "worse"]).to_numpy()
    by_lane = np.lexsort((place, level, lane_place, old))
    within = np.empty(len(alerts), dtype=int)
    within[by_lane] = alerts.iloc[by_lane].groupby([old[by_lane], lane_place[by_lane]]).cumcount()
    later = old & (within >= LEAST_OF_LANE)
    return alerts.iloc[np.lexsort((place, lane_place, level, later, old))]


def filled(alerts: pd.DataFrame, column: str) -> pd.Series:
    """A column of words, empty where the list does not tell it."""
    return alerts[column].fillna("") if column in alerts else pd.Series("", index=alerts.index)


def shortlist(alerts: pd.DataFrame, county: pd.Series, *, of_city: int, of_county: int) -> pd.DataFrame:
    """The first alerts in reading order: at most so many in all, and so many of one county.

    Parameters
    ----------
    alerts
        Of one night.
    county
        County of the leading grid of each alert, on their index; missing where none is known, which bounds nothing.
    of_city, of_county
        The bounds.

    Returns
    -------
    shortlist
        In reading order.

    Examples
    --------
    >>> alerts = pd.DataFrame({"level": ["red", "red", "red"], "lane": "standing", "trend": "same"})
    >>> shortlist(alerts, pd.Series(["C1", "C1", "C2"]), of_city=40, of_county=1).index.tolist()
    [0, 2]
    """
    read = ordered(alerts)
    of = county.reindex(read.index)
    place_in_county = read.groupby(of, sort=False).cumcount().where(of.notna(), 0)
    return read[(place_in_county < of_county).to_numpy()].head(of_city)


def lines_of(night: Night, alerts: pd.DataFrame, language: str) -> list[Line]:
    """Some alerts of a night as lines, in their order."""
    every = [_taken_apart(row) for row in rows(alerts, _COLUMNS)]
    why, listed = why_of(night, every, language), [alert for alert in every if alert["grid_ids"]]
    scores = score_rows(night.by_grid, [alert["grid_ids"][0] for alert in listed])
    return [
        Line(
            alert,
            alert["grid_ids"][0],
            tuple(alert["grid_ids"][1:]),
            score,
            why[alert["alert_id"]],
            None if alert["since"] is None else pd.Timestamp(alert["since"]),
        )
        for alert, score in zip(listed, scores, strict=True)
    ]


def say_all(night: Night, language: str) -> None:
    """Have the lines of a night's whole list at hand: a sentence is written once, and the first reader need not wait for it."""
    if night.alerts is not None:
        lines_of(night, night.alerts, language)


def _taken_apart(alert: dict[str, Any]) -> dict[str, Any]:
    split = {name: str(alert[name] or "").split() for name in ("grid_ids", "gap_kinds")}
    return alert | split | {"lane": alert["lane"] or ""}


def sections(night: Night, language: str) -> list[Section]:
    """The list in its lanes: what is new or worse first, then lane by lane; made once for each language and kept with the night."""
    key = ("sections", language)
    if key not in night.made:
        night.made[key] = _sections(night, language)
    made: list[Section] = night.made[key]
    return made


def shown_alerts(night: Night) -> pd.DataFrame:
    """The alerts of the page that have a line of their own, in its order: what is new or worse first, then lane by lane; found once a night."""
    if "shown" not in night.made:
        night.made["shown"] = _shown_alerts(night)
    shown: pd.DataFrame = night.made["shown"]
    return shown


def _shown_alerts(night: Night) -> pd.DataFrame:
    if night.alerts is None or night.alerts.empty:
        return pd.DataFrame({"grid_ids": [], "level": []}, dtype="str")
    alone, _ = folded(night.alerts)
    lead = alone["grid_ids"].str.split().str[0]
    shown = shortlist(alone, _county_of(night, lead), of_city=MOST_OF_CITY, of_county=MOST_OF_COUNTY)
    place = _section_of(shown).map({name: n for n, name in enumerate(_SECTIONS)})
    return shown.iloc[np.argsort(place.to_numpy(), kind="stable")]


def _sections(night: Night, language: str) -> list[Section]:
    if night.alerts is None or night.alerts.empty:
        return []
    lines = lines_of(night, shown_alerts(night), language)
    totals = _section_of(night.alerts).value_counts()
    by_name = {name: tuple(line for line in lines if _section(line.alert) == name) for name in _SECTIONS}
    groups = folded(night.alerts)[1]
    return [
        Section(name, by_name[name], int(totals[name]), groups if name == "triggered" else ())
        for name in _SECTIONS
        if totals.get(name)
    ]


def lane_counts(alerts: pd.DataFrame) -> dict[str, int]:
    """How many alerts each lane has, in the order of lanes; empty where the list has no lanes."""
    counts = filled(alerts, "lane").value_counts()
    return {lane: int(counts[lane]) for lane in LANES if lane in counts}


def _county_of(night: Night, grid_ids: pd.Series) -> pd.Series:
    if "county_id" not in night.by_grid:
        return pd.Series(None, index=grid_ids.index, dtype="object")
    return grid_ids.map(night.by_grid["county_id"])


def _section(alert: Mapping[str, Any]) -> str:
    return "news" if alert["trend"] in {"new", "worse"} else str(alert["lane"])


def _section_of(alerts: pd.DataFrame) -> pd.Series:
    lane = filled(alerts, "lane")
    return lane.mask(filled(alerts, "trend").isin(["new", "worse"]), "news")


@dataclass(frozen=True)
class Turnover:
    """How the list differs from that of the night before.

    Attributes
    ----------
    previous
        Date of the night before.
    new, worse, better
        Alerts that were not on its list, or read otherwise by then.
    gone
        Names of the places whose alerts are no more on the list.
    """

    previous: str
    new: int
    worse: int
    better: int
    gone: tuple[str, ...]


def turnover(night: Night, before: Night | None) -> Turnover | None:
    """What came, went and changed since the night before; None where there is none, or a night made no list."""
    if before is None or before.alerts is None or night.alerts is None:
        return None
    now, then = _identity(night.alerts), _identity(before.alerts)
    leads = before.alerts.loc[~then.isin(now), "grid_ids"].str.split().str[0]
    trends = filled(night.alerts, "trend")
    fresh = trends.eq("new") if "trend" in night.alerts else ~now.isin(then)
    gone = tuple(night.names.get(grid, grid) for grid in leads)
    return Turnover(before.date, int(fresh.sum()), int(trends.eq("worse").sum()), int(trends.eq("better").sum()), gone)


def _identity(alerts: pd.DataFrame) -> pd.Series:
    """What of an alert lasts from night to night: its name where lists have lanes, before that its leading grid."""
    return alerts["alert_id"] if "lane" in alerts else alerts["grid_ids"].str.split().str[0]


@dataclass(frozen=True)
class FeedChange:
    """How the last week of a feed stands beside others.

    Attributes
    ----------
    source
        The feed.
    n
        Records of the last seven days.
    against
        Relative change against the ``week`` before, the ``usual`` of fifteen weeks and the same week a ``year`` before; NaN where
        there is nothing to compare with.
    word
        The plain word for it, a key of the page's phrases; ``no_reading`` where the feed is not normal.
    """

    source: str
    n: int
    against: Mapping[str, float]
    word: str


def feed_changes(night: Night) -> list[FeedChange]:
    """Each feed's last week beside the week before, its usual and the year before."""
    weeks = night.weeks
    if weeks is None:
        return []
    odd = {feed["source"] for feed in night.facts.get("feeds") or [] if feed["state"] != "ok"}
    return [
        FeedChange(
            source,
            counts[-1],
            _against(counts, weeks.readings[source]["change"], weeks.year_ago[source]),
            "no_reading" if source in odd else str(weeks.readings[source]["reading"]),
        )
        for source, counts in weeks.of_city().items()
    ]


def _against(counts: list[int], on_usual: Any, year_ago: float) -> dict[str, float]:
    before = {"week": counts[-2], "year": year_ago}
    return {"usual": float(on_usual)} | {
        name: counts[-1] / n - 1 if n > 0 else float("nan") for name, n in before.items()
    }
