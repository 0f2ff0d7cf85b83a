"""What became of earlier nights, as the night told it: sentences, a table of the parts of the city, and the curve of staleness."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from riskwarn.errors import RiskwarnError
from riskwarn.maturity import in_words
from riskwarn.maturity.pooling import FEW
from riskwarn.web import format as write
from riskwarn.web.chart import intervals
from riskwarn.web.held import Night
from riskwarn.web.morning import LANE_NAMES
from riskwarn.web.words import told, word

N_NIGHTS = 60
"""Nights of the table, the newest first."""
_PARTS = 20
"""Areas of a kind that are shown, those with most events first."""


def outcomes_of(night: Night, language: str) -> dict[str, Any]:
    """What the page shows of earlier nights of the question.

    Parameters
    ----------
    night
        The night; nothing is computed that it did not publish.
    language
        Of the page.

    Returns
    -------
    outcomes
        `lines` (sentences), `parts` and `ages` (rows of a table), `curve` (numbers of a chart, none where there is nothing to draw), `nights` (rows), and
        `broken`, how many nights are not as they were sealed. A part with fewer than :data:`riskwarn.maturity.pooling.FEW` events shows no figure.
    """
    summary: Mapping[str, Any] = (night.facts.get("maturity") or {}).get(night.target) or {}
    steps = summary.get("curve", [])
    return {
        "lines": [said[language] for said in in_words(summary, age_weeks=_age_weeks(night))],
        "parts": [*_parts(summary, night, language)] if summary else [],
        "ages": [_row(told("outcomes_weeks", language, a=step["weeks"], b=step["to_weeks"]), step) for step in steps],
        "curve": _curve(steps) if len(steps) > 1 else None,
        "nights": _by_night(night) if summary else [],
        "broken": len(night.facts.get("unsealed") or []),
    }


def _age_weeks(night: Night) -> float | None:
    """Weeks from the end of what tonight's model learnt from to the night."""
    last = (night.facts.get("trained") or {}).get("last")
    if not last:
        return None
    at = pd.Timestamp(str(last))
    at = at.tz_localize(night.as_of.tz) if at.tzinfo is None else at
    return max(float((night.as_of - at) / pd.Timedelta(weeks=1)), 0.0)


def _parts(summary: Mapping[str, Any], night: Night, language: str) -> Iterator[dict[str, Any]]:
    """The whole city, the sealed nights alone, its lanes, kinds of area and counties."""
    yield _row(told("outcomes_city", language), summary["city"])
    if summary["prospective"]:
        yield _row(told("outcomes_sealed", language), summary["prospective"])
    for lane, figures in summary["lanes"].items():
        yield _row(told("outcomes_lane", language, name=word(LANE_NAMES, lane, language)), figures)
    for name, figures in _most(summary["areas"].get("urban_class", {})):
        yield _row(told("outcomes_class", language, name=name), figures)
    called = night.held.places.called
    for name, figures in _most(summary["areas"].get("county_id", {})):
        yield _row(called.get(name, name), figures)


def _most(areas: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    return sorted(areas.items(), key=lambda of: -of[1]["n_events"])[:_PARTS]


def _row(name: str, figures: Mapping[str, Any]) -> dict[str, Any]:
    """A line of figures as they are written; few events tell nothing, and may tell too much of a place."""
    few = figures["events_once"] < FEW
    return {
        "name": name,
        "nights": figures["nights"],
        "few": few,
        "hit": "" if few else _share(figures["hit"]),
        "ratio": "" if few else _number(figures["ratio"]),
        "capture": write.UNKNOWN if few else write.percent(figures["capture"]),
        "prior": write.UNKNOWN if few else write.percent(figures["capture_prior"]),
        "gain": write.UNKNOWN if few else _points(figures["gain"]),
        "skill": write.UNKNOWN if few else _number(figures["skill"]),
    }


def _share(figure: Mapping[str, float | None] | None) -> str:
    if not figure:
        return write.UNKNOWN
    bounds = "" if figure["lower"] is None else f" ({write.percent(figure['lower'])}–{write.percent(figure['upper'])})"
    return write.percent(figure["value"]) + bounds


def _number(figure: Mapping[str, float | None] | None) -> str:
    if not figure:
        return write.UNKNOWN
    bounds = "" if figure["lower"] is None else f" ({figure['lower']:.2f}–{figure['upper']:.2f})"
    return f"{figure['value']:.2f}{bounds}"


def _points(figure: Mapping[str, float | None] | None) -> str:
    """A difference of shares, in points of a per cent."""
    if not figure:
        return write.UNKNOWN
    bounds = "" if figure["lower"] is None else f" ({100 * figure['lower']:+.1f} … {100 * (figure['upper'] or 0):+.1f})"
    return f"{100 * (figure['value'] or 0):+.1f}{bounds}"


def _curve(steps: list[Mapping[str, Any]]) -> dict[str, object] | None:
    """The gain by age as numbers of a chart."""
    drawn = [step for step in steps if step["gain"] and step["events_once"] >= FEW]
    if len(drawn) < 2:
        return None
    figures = [step["gain"] for step in drawn]
    return intervals(
        [(step["weeks"] + step["to_weeks"]) / 2 for step in drawn],
        [100 * figure["value"] for figure in figures],
        [None if figure["lower"] is None else (100 * figure["lower"], 100 * figure["upper"]) for figure in figures],
    )


def _by_night(night: Night) -> list[dict[str, Any]]:
    """The last nights that have matured, as shares and quotients."""
    try:
        rows = night.published.rows("matured", target=night.target, part="city")
    except RiskwarnError:
        return []
    shown = rows[rows["holds"].astype(bool) & (rows["n_grids"] > 0)].sort_values("night_at", ascending=False)
    return [_of_night(row) for row in shown.head(N_NIGHTS).itertuples()]


def _of_night(row: Any) -> dict[str, Any]:
    few = row.n_events < FEW
    return {
        "date": f"{row.night_at:%Y-%m-%d}",
        "sealed": bool(row.prospective),
        "few": few,
        "hit": write.UNKNOWN if few or not row.n_listed else write.percent(row.n_hit / row.n_listed),
        "ratio": write.UNKNOWN if few or not row.expected else f"{row.n_events / row.expected:.2f}",
        "capture": write.UNKNOWN if few else write.percent(row.caught / row.n_events),
        "prior": write.UNKNOWN if few else write.percent(row.caught_prior / row.n_events),
    }
