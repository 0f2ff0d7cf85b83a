"""Why a place is listed, in three short reasons of which the first says why now, and the one step that fits them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.explanation.phrases import REMEDIES
from riskwarn.language import Spoken, phrase
from riskwarn.taxonomy import ACTIONS, words_of
from riskwarn.unusual import PAST_WEEKS
from riskwarn.web.held import Night
from riskwarn.web.reasons import sentences

N_REASONS = 3
RECENT_DAYS = 35
"""A reason whose window is no longer than this speaks of what is new."""
_NEW = frozenset({"rise", "rung", "climb", "since", "place", "standing", "during", "festival"})
"""Kinds of sentences that speak of tonight, whatever their window."""
_LEAST_NEW = 2
"""Fewer records in a week than this are no news, however rare they are."""
_STEPS_FIRST = ("overdue", "open", "place", "places")
"""Remedies that name a matter go before a plain visit."""
RULES = {
    "weapon_call": phrase("Dispute call with a weapon, not closed"),
    "calls_at_one_place": phrase("Dispute calls at one place again and again"),
    "ladder_overdue": phrase("Reached the police, its case overdue"),
    "wages_before_festival": phrase("Open wage dispute of many people before Spring Festival"),
    "place_with_open_case": phrase("Calls at one place again, its case still open"),
    "county_overdue": phrase("Case at the county long overdue"),
}
"""What each rule found, as a reason."""
RULE_STEPS = {
    "weapon_call": phrase("Visit today and see the call closed"),
    "calls_at_one_place": REMEDIES["place"][1],
    "ladder_overdue": REMEDIES["overdue"][1],
    "wages_before_festival": REMEDIES["open"][1],
    "place_with_open_case": REMEDIES["place"][1],
    "county_overdue": REMEDIES["overdue"][1],
}
DRAWN = phrase("Drawn at random among places not listed, so that the records stay honest")
DRAWN_STEP = phrase("Visit as usual and report what is seen, also where it is nothing")
SURGE = phrase("{n} {noun} in 7 days, usually {usual} a week")


@dataclass(frozen=True)
class Why:
    """Why an alert is listed.

    Attributes
    ----------
    reasons
        At most :data:`N_REASONS` sentences, the one that says why now first.
    step
        What to do next.
    """

    reasons: tuple[str, ...]
    step: str


def why_of(night: Night, alerts: Iterable[Mapping[str, Any]], language: str) -> dict[str, Why]:
    """Why each of some alerts is listed, by `alert_id`.

    Parameters
    ----------
    night
        The night they are of.
    alerts
        Rows of the list, their grids taken apart.
    language
        Of the reader.

    Returns
    -------
    why
        One an alert.
    """
    alerts = list(alerts)
    told = _told(night, [a for a in alerts if ("told", a["alert_id"], language) not in night.made], language)
    night.made.update({("told", name, language): why for name, why in told.items()})
    return {str(alert["alert_id"]): night.made["told", alert["alert_id"], language] for alert in alerts}


def _told(night: Night, alerts: Sequence[Mapping[str, Any]], language: str) -> dict[str, Why]:
    """Why some alerts are listed; the sentences of all of them are written together."""
    if not alerts:
        return {}
    _gather(night, alerts)
    features = night.facts.get("features", {})
    parts = [_newest_first(night.made[_key(night, alert)], features).head(N_REASONS) for alert in alerts]
    reasons = pd.concat(parts, keys=range(len(parts)))
    texts = pd.Series(sentences(reasons.reset_index(drop=True), features, language).to_numpy(), index=reasons.index)
    said = {n: [_sentence(text) for text in lines] for n, lines in texts.groupby(level=0)}
    return {
        str(alert["alert_id"]): _why(night, alert, part, said.get(n, []), features, language)
        for n, (alert, part) in enumerate(zip(alerts, parts, strict=True))
    }


def _gather(night: Night, alerts: Sequence[Mapping[str, Any]]) -> None:
    """Read the raising reasons of the grids that lead alerts, the strongest first, all of a question at once."""
    wanted: dict[str, list[str]] = {}
    for key in dict.fromkeys(_key(night, alert) for alert in alerts):
        if key not in night.made:
            wanted.setdefault(key[2], []).append(key[1])
    for target, grids in wanted.items():
        asked = night if target not in night.held.targets else night.held.night(target)
        reasons = asked.reasons_of(grids)
        of_target = reasons[(reasons["contribution"] > 0) & (reasons["target"] == target)]
        strongest = of_target.sort_values("contribution", ascending=False, kind="stable")
        parts = dict(tuple(strongest.groupby(strongest["grid_id"].astype("str"), sort=False)))
        night.made.update({("why", grid, target): parts.get(grid, strongest.iloc[:0]) for grid in grids})


def _key(night: Night, alert: Mapping[str, Any]) -> tuple[str, str, str]:
    """What the reasons of an alert are kept by: its leading grid and the question that lists it, else the night's."""
    return "why", alert["grid_ids"][0] if alert["grid_ids"] else "", str(alert.get("target") or night.target)


def _why(
    night: Night,
    alert: Mapping[str, Any],
    reasons: pd.DataFrame,
    texts: Sequence[str],
    features: Mapping[str, Any],
    language: str,
) -> Why:
    lane = alert.get("lane")
    if lane == "explore":
        return Why((DRAWN[language],), DRAWN_STEP[language])
    if lane == "triggered":
        rules = [rule for rule in RULES if rule in json.loads(alert.get("parts") or "{}")]
        step = RULE_STEPS[rules[0]][language] if rules else _step(alert, reasons, features, language)
        return Why(tuple([*(RULES[rule][language] for rule in rules), *texts][:N_REASONS]), step)
    surge = _surge(night, alert["grid_ids"][0], language) if alert["grid_ids"] else []
    return Why(tuple([*surge, *texts][:N_REASONS]), _step(alert, reasons, features, language))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _newest_first(reasons: pd.DataFrame, features: Mapping[str, Any]) -> pd.DataFrame:
    """The strongest reason that speaks of what is new goes first; the others keep their order."""
    new = [_is_new(features.get(name, {}).get("clause") or {}) for name in reasons["feature"]]
    if not any(new):
        return reasons
    first = int(np.argmax(new))
    return reasons.iloc[[first, *(i for i in range(len(reasons)) if i != first)]]


def _is_new(clause: Mapping[str, Any]) -> bool:
    if not clause or clause.get("around"):
        return False
    return clause["kind"] in _NEW or 0 < clause.get("days", 0) <= RECENT_DAYS


def _step(alert: Mapping[str, Any], reasons: pd.DataFrame, features: Mapping[str, Any], language: str) -> str:
    """The next step of the most particular reason shown."""
    shown = reasons["feature"].head(N_REASONS).tolist()
    remedies = [features[name]["clause"]["remedy"] for name in shown if features.get(name, {}).get("clause")]
    chosen = next((r for r in _STEPS_FIRST if r in remedies), next(iter(remedies), None))
    if chosen is not None:
        return str(REMEDIES[chosen][1][language])
    action = str(alert.get("action") or "")
    return ACTIONS[action][language] if action in ACTIONS else action


def _surge(night: Night, grid_id: str, language: str) -> list[str]:
    """The feed whose last week stands out most from its fifteen weeks before, where one does."""
    counts = night.weeks.of_grid(grid_id) if night.weeks else {}
    best: tuple[float, Spoken] | None = None
    for source, weeks in counts.items():
        last, usual = weeks[-1], float(np.mean(weeks[-1 - PAST_WEEKS : -1] or [0]))
        if last >= _LEAST_NEW and last >= 2 * usual and source != "grid_report":
            how_far = (last - usual) / np.sqrt(usual + 1)
            told = SURGE.filled(n=last, noun=words_of(source), usual=f"{usual:.1f}")
            best = (how_far, told) if best is None or how_far > best[0] else best
    return [] if best is None else [best[1][language]]
