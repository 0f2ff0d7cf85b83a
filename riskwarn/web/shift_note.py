"""The handover of a shift in words: what came, what was done, what is due and open, which feeds are not normal."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from riskwarn.ledger import Shift
from riskwarn.ledger.board import body_of, next_step
from riskwarn.ledger.clocks import CARD
from riskwarn.ledger.words import word
from riskwarn.ledger.workflow import Workflow
from riskwarn.paper import Section
from riskwarn.taxonomy import words_of
from riskwarn.web.codes import FEED_STATES
from riskwarn.web.duty import bodies_of, matters_of
from riskwarn.web.format import moment
from riskwarn.web.held import Night
from riskwarn.web.lines import feed_lines
from riskwarn.web.paper_page import table_of
from riskwarn.web.words import PUNCTUATION, told
from riskwarn.web.words import word as said_word

MOST_DUE = 30
_COLUMNS = {
    "matter": "col_matter",
    "level": "col_level",
    "about": "col_about",
    "body": "col_body",
    "state": "col_state",
    "step": "col_step",
    "due": "col_due",
}


def shift_sections(
    made: Shift, night: Night, flow: Workflow, language: str, *, hours: float, remarks: str = ""
) -> tuple[Section, ...]:
    """The parts of a handover.

    Parameters
    ----------
    made
        The shift.
    night
        Before the reader: names of places, states of feeds.
    flow
        The state machine.
    language
        Of the reader.
    hours
        How long the next shift is.
    remarks
        Of whoever hands over.

    Returns
    -------
    sections
        Six, in order; five where there are no remarks.
    """
    due = made.due.head(MOST_DUE)
    more = [told("due_more", language, n=len(made.due) - len(due))] if len(made.due) > len(due) else []
    parts = [
        Section("came", told("h_came", language), tuple(_came(made, language))),
        Section("done", told("h_done", language), tuple(_done(made, language))),
        Section(
            "due",
            told("h_due", language, n=f"{hours:g}"),
            tuple(more if len(due) else [told("due_none", language)]),
            table_of("due", _COLUMNS, _due_lines(due, night, flow, language), language),
        ),
        Section("open", told("h_open", language), tuple(_open(made.open_items, language))),
        Section("feeds", told("h_feeds", language), tuple(_feeds(night, language))),
    ]
    if remarks:
        parts.append(Section("remarks", told("h_remarks", language), tuple(remarks.splitlines())))
    return tuple(parts)


def _joined(counts: Mapping[str, int], what: str, language: str) -> str:
    said = [told("done_one", language, action=word(what, code)[language], n=n) for code, n in counts.items() if n]
    return PUNCTUATION["comma"][language].join(said)


def _came(made: Shift, language: str) -> list[str]:
    kinds = made.came["kind"].value_counts()
    levels = made.came.loc[made.came["kind"] == "alert", "level"].value_counts().to_dict()
    n_alerts, n_gaps, n_cards = (int(kinds.get(kind, 0)) for kind in ("alert", "gap", CARD))
    lines = [told("came_none", language)]
    if n_alerts:
        lines = [told("came_alerts", language, n=n_alerts, levels=_joined(levels, "level", language))]
    if n_gaps:
        lines.append(told("came_gaps", language, n=n_gaps))
    return [*lines, *([told("came_cards", language, n=n_cards)] if n_cards else [])]


def _done(made: Shift, language: str) -> list[str]:
    if made.done.empty:
        return [told("done_none", language)]
    steps = _joined(made.done["action"].value_counts().to_dict(), "action", language)
    results = made.done.loc[made.done["action"] == "feedback", "code"].value_counts().sort_index().to_dict()
    lines = [steps + PUNCTUATION["stop"][language]]
    return [*lines, *([told("results", language, outcomes=_joined(results, "outcome", language))] if results else [])]


def _due_lines(due: pd.DataFrame, night: Night, flow: Workflow, language: str) -> list[dict[str, Any]]:
    called, zone = bodies_of(night, language), str(night.as_of.tz)
    lines = []
    for row in matters_of(due, night, language):
        step, _ = next_step(flow, row["state"], kind=row["kind"], level=row["level"])
        late = told("late_word", language) if row["light"] == "red" else ""
        cells = {
            "matter": row["title"],
            "level": word("level", row["level"])[language],
            "about": row["about"],
            "body": called(body_of(row["path"], row["owner"])),
            "state": word("state", row["state"])[language],
            "step": word("action", step)[language] if step else "",
            "due": f"{moment(row['due_at'], zone)[5:]} {late}".strip(),
        }
        lines.append({"cells": cells, "level": row["level"], "codes": {"item_id": row["item_id"]}})
    return lines


def _open(items: pd.DataFrame, language: str) -> list[str]:
    if items.empty:
        return [told("open_none", language)]
    return [
        told(
            "open_of",
            language,
            kind=word("kind", str(kind))[language],
            n=len(rows),
            states=_joined(dict(Counter(rows["state"]).most_common()), "state", language),
        )
        for kind, rows in items.groupby("kind")
    ]


def _feeds(night: Night, language: str) -> list[str]:
    lines, zone, called = feed_lines(night), str(night.as_of.tz), bodies_of(night, language)
    if not night.facts.get("feeds"):
        return [told("feeds_unstated", language)]
    bad = [
        told(
            "feed_not",
            language,
            source=words_of(line["source"])[language],
            body=called(feed["org_code"] or "*"),
            state=said_word(FEED_STATES, feed["state"], language),
            at=moment(feed["last_at"], zone),
        )
        for line in lines
        for feed in line["bad"]
    ]
    return bad or [told("feeds_ok", language)]
