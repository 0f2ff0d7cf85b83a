"""The papers kept with a version of a model: its card, and the datasheet of what it learnt from."""

from collections.abc import Mapping
from typing import Any

from riskwarn.calling import checked
from riskwarn.datasheet.telling import datasheet_text
from riskwarn.errors import NotFoundError
from riskwarn.language import SOURCE_LANGUAGE, Language

PAPERS = ("card", "datasheet")


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
        Of ``card`` and ``datasheet``.

    Examples
    --------
    >>> lacking({"card": {"en": "# Model card"}})
    ['datasheet']
    """
    return [paper for paper in PAPERS if not facts.get(paper)]


@checked
def paper_of(facts: Mapping[str, Any], paper: str, *, target: str, version: str, language: Language = "en") -> str:
    """One paper of a model in Markdown.

    Parameters
    ----------
    facts
        Of the model.
    paper
        ``card`` or ``datasheet``.
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
        raise NotFoundError(f"version {version} of {target} has no {paper}: train it again with `riskwarn retrain`.")
    if paper == "card":
        card: Mapping[str, str] = facts["card"]
        return card.get(language, card[SOURCE_LANGUAGE])
    return datasheet_text(facts["datasheet"], target=target, version=version, language=language)
