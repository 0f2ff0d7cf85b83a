"""One step with many items at once, and the report of it: which went, which did not, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import pandas as pd

from riskwarn.access import Visitor
from riskwarn.ledger.words import word
from riskwarn.web.books import Books
from riskwarn.web.desk import act, title_of
from riskwarn.web.problems import Problem
from riskwarn.web.words import told

_TICKED = "item-"
_WANTED = ("reason", "outcome", "area", "into")


@dataclass(frozen=True)
class Became:
    """What became of one item.

    Attributes
    ----------
    item_id
        The item.
    title, state
        In words; empty where the visitor sees no such item.
    went
        Whether it has taken the step.
    why
        In words: that it was taken before, or why it was not.
    """

    item_id: str
    title: str
    state: str
    went: bool
    why: str = ""


def ticked(form: Mapping[str, str]) -> dict[str, str]:
    """Items that were ticked, and the version of each that was looked at."""
    return {name.removeprefix(_TICKED): version for name, version in form.items() if name.startswith(_TICKED)}


def act_on_many(
    books: Books, visitor: Visitor, form: Mapping[str, str], names: Mapping[str, str], language: str
) -> list[Became]:
    """Take one step with all that were ticked; sent twice each takes it once.

    What a step wants stands in the form under the name of the action: ``dismiss-reason``.

    Parameters
    ----------
    books
        The ledger behind the pages.
    visitor
        Who acts.
    form
        `action`, the items ticked with their versions, and what the action wants.
    names
        Name of each grid.
    language
        Of the reader.

    Returns
    -------
    became
        One an item, in the order of the form; those that did not take it first.
    """
    action = form.get("action", "")
    given = {what: form[f"{action}-{what}"] for what in _WANTED if f"{action}-{what}" in form}
    step = {"action": action, **given}
    every = [
        _one(books, visitor, item_id, step | {"version": v}, names, language) for item_id, v in ticked(form).items()
    ]
    return sorted(every, key=lambda became: became.went)


def _one(
    books: Books, visitor: Visitor, item_id: str, form: Mapping[str, str], names: Mapping[str, str], language: str
) -> Became:
    try:
        again = act(books, visitor, item_id, form)
    except Problem as problem:
        why = why_not(problem, books.store.timezone, language)
        return _told(books, visitor, item_id, names, language, went=False, why=why)
    return _told(
        books, visitor, item_id, names, language, went=True, why=told("went_before", language) if again else ""
    )


def _told(
    books: Books, visitor: Visitor, item_id: str, names: Mapping[str, str], language: str, *, went: bool, why: str
) -> Became:
    try:
        item = books.item(item_id, visitor)
    except Problem:
        return Became(item_id, "", "", went, why)
    return Became(item_id, title_of(item, names, language), word("state", item.state)[language], went, why)


def why_not(problem: Problem, timezone: str, language: str) -> str:
    """Why a step was not taken: who was faster with what and when, or what the step lacks.

    Parameters
    ----------
    problem
        Of :meth:`riskwarn.web.books.Books.take`.
    timezone
        Of the city.
    language
        Of the reader.

    Returns
    -------
    why
        A sentence.
    """
    if problem.code == "conflict":
        last = cast("Mapping[str, str]", problem.extra["last"])
        return told(
            "faster",
            language,
            role=word("role", last["role"])[language],
            action=word("action", last["action"])[language],
            at=f"{pd.Timestamp(last['at']).tz_convert(timezone):%m-%d %H:%M}",
        )
    keys = {"forbidden_step": "why_forbidden", "unknown_item": "why_unknown", "reused_key": "why_reused"}
    return told(keys.get(problem.code, "why_refused"), language)
