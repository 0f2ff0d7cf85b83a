"""The papers kept with a version of a model: its card, the datasheet of what it learnt from, and its audit."""

from collections.abc import Mapping
from typing import Any

from riskwarn.calling import checked
from riskwarn.datasheet.auditing import audit_text, unjudged
from riskwarn.datasheet.telling import datasheet_text
from riskwarn.errors import NotFoundError
from riskwarn.language import SOURCE_LANGUAGE, Language

PAPERS = ("card", "datasheet", "audit")


@checked
def lacking(facts: Mapping[str, Any]) -> list[str]:
    """The papers a model lacks.

    Parameters
    ----------
    facts
        Of the model.

    Returns
    -------
    papers
        Of ``card``, ``datasheet`` and ``audit``.

    Examples
    --------
    >>> lacking({"card": {"en": "# Model card"}})
    ['datasheet', 'audit']
    """
    return [paper for paper in PAPERS if not facts.get(paper)]


@checked
def unread(facts: Mapping[str, Any], *, target: str, version: str) -> list[tuple[str, str]]:
    """What of a model's papers keeps it from being put to use before somebody has looked: by the name of its hold, a sentence.

    Parameters
    ----------
    facts
        Of the model.
    target, version
        Of the model.

    Returns
    -------
    unread
        ``papers`` where one is missing; ``audit`` where it passed its gate and of its audit something was not judged, or was found to weigh on a
        group: not judged is no pass.

    Examples
    --------
    >>> unread({"card": {"en": "# Model card"}}, target="dispute_28d", version="3f9c")
    [('papers', 'version 3f9c of dispute_28d has no datasheet and no audit.')]
    """
    name = f"version {version} of {target}"
    missing = lacking(facts)
    papers = [("papers", f"{name} has no {' and no '.join(missing)}.")] if missing else []
    asked = facts.get("gate") is True and facts.get("audit")
    open_ = unjudged(asked) if asked else []
    audit = [("audit", f"{name}: {'; '.join(one[SOURCE_LANGUAGE] for one in open_)}.")] if open_ else []
    return papers + audit


@checked
def paper_of(facts: Mapping[str, Any], paper: str, *, target: str, version: str, language: Language = "en") -> str:
    """One paper of a model in Markdown.

    Parameters
    ----------
    facts
        Of the model.
    paper
        ``card``, ``datasheet`` or ``audit``.
    target, version
        Of the model.
    language
        ``zh`` or ``en``. A card is kept as it was written; one of a language that came later is given in English.

    Returns
    -------
    text
        Markdown.

    Raises
    ------
    NotFoundError
        The model has none.
    """
    if paper in lacking(facts):
        raise NotFoundError(
            f"version {version} of {target} has no {paper}: train it again with `riskwarn train` or `riskwarn retrain`."
        )
    if paper == "card":
        card: Mapping[str, str] = facts["card"]
        return card.get(language, card[SOURCE_LANGUAGE])
    written = {"datasheet": datasheet_text, "audit": audit_text}[paper]
    return written(facts[paper], target=target, version=version, language=language)
