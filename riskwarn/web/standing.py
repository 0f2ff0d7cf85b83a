"""Standing states under one rule: where a rule holds in many places as it did the night before, they are one line with their count."""

import json
from dataclasses import dataclass

import pandas as pd

from riskwarn.plan import LEVELS
from riskwarn.web.format import short_day
from riskwarn.web.listed import RULES
from riskwarn.web.words import told, word

GROUP_FROM = 8
"""Places from which on they are told together."""


@dataclass(frozen=True)
class Group:
    """Alerts of one rule and level that stand as they stood: how many, and since when the oldest has been listed, none where that is not known."""

    rule: str
    level: str
    n: int
    since: pd.Timestamp | None

    def text(self, language: str) -> str:
        """The group in a sentence.

        Parameters
        ----------
        language
            Of the reader.

        Returns
        -------
        text
            The rule, the count and the age.
        """
        rule = word(RULES, self.rule, language)
        if self.since is None:
            return told("standing_rule", language, rule=rule, n=self.n)
        return told("standing_rule_since", language, rule=rule, n=self.n, day=short_day(self.since, language))


def folded(alerts: pd.DataFrame) -> tuple[pd.DataFrame, tuple[Group, ...]]:
    """Part alerts that are read one by one from standing states that are told together.

    Parameters
    ----------
    alerts
        Of one night.

    Returns
    -------
    alone, groups
        What is new, worse or better, what stands under several rules, and what is rare stays alone. Nobody is left out: the groups' counts and the
        others add up to all.

    Examples
    --------
    >>> alerts = pd.DataFrame({"lane": "triggered", "trend": ["same"] * 9 + ["new"], "level": "red", "parts": '{"ladder_overdue": 2}'})
    >>> alone, groups = folded(alerts)
    >>> len(alone), [(group.rule, group.n) for group in groups]
    (1, [('ladder_overdue', 9)])
    """
    if not {"lane", "trend", "parts"} <= {*alerts} or alerts.empty:
        return alerts, ()
    stands = (alerts["lane"] == "triggered") & (alerts["trend"] == "same")
    rules = alerts["parts"].where(stands, "{}").map(_only_rule)
    of_one = alerts.assign(rule=rules)[rules != ""]
    together = {key: rows for key, rows in of_one.groupby(["level", "rule"]) if len(rows) >= GROUP_FROM}
    groups = [Group(str(rule), str(level), len(rows), _oldest(rows)) for (level, rule), rows in together.items()]
    members = [index for rows in together.values() for index in rows.index]
    return alerts.drop(index=members), tuple(sorted(groups, key=lambda g: (LEVELS.index(g.level), -g.n)))


def _only_rule(parts: object) -> str:
    """The rule by which an alert is raised, empty where there are several or none."""
    try:
        rules = [*json.loads(str(parts))]
    except ValueError:
        return ""
    return rules[0] if len(rules) == 1 and rules[0] in RULES else ""


def _oldest(rows: pd.DataFrame) -> pd.Timestamp | None:
    since = rows["since"].dropna() if "since" in rows else pd.Series(dtype=object)
    return None if since.empty else pd.Timestamp(since.min())
