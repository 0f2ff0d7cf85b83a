"""The summary of a month, a quarter or a year in words: how organisations responded, what was found, how often the list was right."""

from typing import Any

import numpy as np
import pandas as pd

from riskwarn.ledger import CITY, Ledger, Period, cases, hits, of_bodies
from riskwarn.ledger.effect import Kept
from riskwarn.ledger.response import CLOCKS, FEW
from riskwarn.ledger.words import word
from riskwarn.paper import Bulletin, Section
from riskwarn.web.duty import bodies_of
from riskwarn.web.format import UNKNOWN, number, percent
from riskwarn.web.held import Night
from riskwarn.web.morning import LANE_NAMES
from riskwarn.web.paper_page import paper_of, table_of
from riskwarn.web.words import PUNCTUATION, told

_BODIES = {
    "body": "col_body",
    "n": "col_n",
    "hours": "col_hours",
    "ack": "col_ack",
    "visit": "col_visit",
    "result": "col_result",
    "confirmed": "col_confirmed",
    "returned": "col_returned",
    "reopened": "col_reopened",
}
_HITS = {"lane": "col_lane", "level": "col_level", "n": "col_n", "judged": "col_judged", "right": "col_right"}
_CODES = {"code": "col_code", "n": "col_times"}
_HOW = ("s_how_1", "s_how_2", "s_how_3")


def summary_paper(
    ledger: Ledger,
    period: Period,
    night: Night,
    language: str,
    *,
    at: pd.Timestamp,
    area: str = CITY,
    effect: Kept | None = None,
) -> Bulletin:
    """The summary of a period.

    Parameters
    ----------
    ledger
        Of the store.
    period
        As :func:`riskwarn.ledger.period_of` gives it.
    night
        Whose grids name the organisations.
    language
        Of the reader.
    at
        When it is read.
    area
        Only what lies in it or was assigned to it.
    effect
        What handling did; none where it was not worked out.

    Returns
    -------
    paper
        Six sections.
    """
    rows = cases(ledger, period, area=area, at=at)
    named = said_period(period, language)
    title = told("summary_of", language, period=named)
    if area != CITY:
        title = told("summary_area", language, area=bodies_of(night, language)(area), period=named)
    sections = (
        Section("overall", told("s_overall", language), tuple(_overall(rows, ledger, language))),
        Section("bodies", told("s_bodies", language), (), _bodies(rows, night, language)),
        Section("outcomes", told("s_outcomes", language), tuple(_unanswered(rows, language)), _codes(rows, language)),
        Section("hits", told("s_hits", language), (), _hits(rows, ledger, language)),
        Section("effect", told("s_effect", language), tuple(effect_lines(effect, language))),
        Section("how", told("s_how", language), tuple(told(key, language, n=FEW) for key in _HOW)),
    )
    return paper_of(title, told("s_dek", language), sections, language=language, at=at, name=f"summary-{period.name}")


def said_period(period: Period, language: str) -> str:
    """A period in words.

    Examples
    --------
    >>> from riskwarn.ledger import period_of
    >>> [said_period(period_of(p, "Asia/Shanghai"), "en") for p in ("2025-03", "2025-Q2", "2025")]
    ['3/2025', 'quarter 2 of 2025', 'the year 2025']
    """
    year, _, part = period.name.partition("-")
    if part.startswith("Q"):
        return told("s_quarter", language, year=year, quarter=part[1:])
    return told("s_month", language, year=year, month=int(part)) if part else told("s_year", language, year=year)


def _overall(rows: pd.DataFrame, ledger: Ledger, language: str) -> list[str]:
    if rows.empty:
        return [told("s_none", language)]
    levels = [level for level in ledger.workflow.levels if (rows["level"] == level).any()]
    counted = [
        told("done_one", language, action=word("level", x)[language], n=int((rows["level"] == x).sum())) for x in levels
    ]
    whole = of_bodies(rows).iloc[-1]
    median = whole["median_hours"]
    return [
        told("s_n", language, n=len(rows), levels=PUNCTUATION["comma"][language].join(counted)),
        told("s_median_few", language) if np.isnan(median) else told("s_median", language, hours=number(median, 1)),
        *(_clock(whole, clock, language) for clock in CLOCKS),
        told("s_aside", language, **{k: int(whole[k]) for k in ("returned", "rejected", "escalated", "reopened")}),
    ]


def _clock(whole: pd.Series, clock: str, language: str) -> str:
    said, n, kept = word("clock", clock)[language], int(whole[f"{clock}_n"]), int(whole[f"{clock}_kept"])
    if n == 0:
        return told("s_kept_none", language, clock=said)
    if n < FEW:
        return told("s_kept_few", language, clock=said, kept=kept, n=n)
    shares = {what: percent(whole[f"{clock}_{what}"]) for what in ("share", "lower", "upper")}
    return told("s_kept", language, clock=said, kept=kept, n=n, **shares)


def _bodies(rows: pd.DataFrame, night: Night, language: str) -> Any:
    called = bodies_of(night, language)
    lines = [
        {
            "cells": {
                "body": called(row["body"]) if row["body"] != CITY else told("all_of_them", language),
                "n": str(row["n"]),
                "hours": _half_within(row, language),
                "ack": _kept(row, "acknowledge", language),
                "visit": _kept(row, "start", language),
                "result": _kept(row, "feedback", language),
                "confirmed": str(row["n_confirmed"]),
                "returned": str(row["returned"]),
                "reopened": str(row["reopened"]),
            }
        }
        for row in of_bodies(rows).to_dict("records")
        if row["n"]
    ]
    return table_of("bodies", _BODIES, lines, language)


def _half_within(row: dict[str, Any], language: str) -> str:
    if np.isnan(row["median_hours"]):
        return told("s_few", language) if row["acknowledge_n"] else UNKNOWN
    return number(row["median_hours"], 1)


def _kept(row: dict[str, Any], clock: str, language: str) -> str:
    if row[f"{clock}_n"] == 0:
        return UNKNOWN
    if row[f"{clock}_n"] < FEW:
        return told("s_few_of", language, n=row[f"{clock}_n"])
    return told("s_share", language, share=percent(row[f"{clock}_share"]), n=row[f"{clock}_n"])


def _unanswered(rows: pd.DataFrame, language: str) -> list[str]:
    n = int((rows["counts"] == "").sum())
    return [told("s_no_result", language, n=n)] if n else []


def _codes(rows: pd.DataFrame, language: str) -> Any:
    counted = rows.loc[rows["code"] != "", "code"].value_counts().sort_index()
    lines = [
        {"cells": {"code": f"{code} {word('outcome', str(code))[language]}", "n": str(n)}}
        for code, n in counted.items()
    ]
    return table_of("outcomes", _CODES, lines, language)


def _hits(rows: pd.DataFrame, ledger: Ledger, language: str) -> Any:
    lines = [
        {
            "cells": {
                "lane": LANE_NAMES.get(row["lane"], LANE_NAMES[""])[language],
                "level": word("level", row["level"])[language],
                "n": str(row["n_listed"]),
                "judged": str(row["n_judged"]),
                "right": told("s_few_of", language, n=row["n_judged"])
                if np.isnan(row["precision"])
                else told(
                    "s_interval",
                    language,
                    share=percent(row["precision"]),
                    lower=percent(row["lower"]),
                    upper=percent(row["upper"]),
                ),
            },
            "level": row["level"],
        }
        for row in hits(rows, ledger.workflow.levels).to_dict("records")
    ]
    return table_of("hits", _HITS, lines, language)


def effect_lines(kept: Kept | None, language: str) -> list[str]:
    """What handling did, in words; that it was not worked out, or that it cannot be told.

    Parameters
    ----------
    kept
        As :func:`riskwarn.ledger.effect.kept_effect` gives it.
    language
        Of the reader.

    Returns
    -------
    lines
        One or two sentences.
    """
    if kept is None:
        return [told("s_no_effect", language)]
    if kept.n_places < FEW:
        return [told("s_effect_few", language, n=kept.n_places)]
    figures = {name: f"{getattr(kept, name):+.1f}" for name in ("estimate", "lower", "upper")}
    line = told("s_effect_line", language, n=kept.n_places, days=f"{kept.days:g}", **figures)
    word_of = (
        "s_effect_open" if kept.lower <= 0 <= kept.upper else "s_effect_good" if kept.upper < 0 else "s_effect_bad"
    )
    return [line, told(word_of, language)]
