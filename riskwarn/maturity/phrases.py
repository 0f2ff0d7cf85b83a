"""Matured outcomes in words, for staff."""

from collections.abc import Iterator, Mapping
from typing import Any

from riskwarn.calling import checked
from riskwarn.language import Language, Spoken, phrase
from riskwarn.maturity.pooling import LEAST_WINDOWS

_Figure = Mapping[str, float | None]
Summary = Mapping[str, Any]


@checked
def in_words(summary: Summary, *, age_weeks: float | None = None) -> list[Spoken]:
    """What a shift leader should know of one question's past nights, a sentence each.

    Parameters
    ----------
    summary
        What :func:`riskwarn.maturity.summary` gave.
    age_weeks
        Of tonight's model, where it says.

    Returns
    -------
    sentences
        How many nights, hits, calibration, gain over the count of 52 weeks, how the gain goes with the model's age, and the sealed forecasts.
    """
    if not summary:
        return [phrase("No night has matured yet: horizon and settling time of the first are still running.")]
    city = summary["city"]
    return [
        *_of_nights(city),
        _of_gain(city),
        *_of_age(summary["curve"], age_weeks),
        _of_seals(summary["prospective"]),
    ]


@checked
def lines_of(told: Mapping[str, Summary], language: Language = "en") -> list[str]:
    """The sentences of all questions, for a terminal.

    Parameters
    ----------
    told
        By target, as the facts of a night have them under ``maturity``.
    language
        A code of :data:`riskwarn.language.LANGUAGES`.

    Returns
    -------
    lines
        The target first, then its sentences, indented.

    Examples
    --------
    >>> lines_of({})
    []
    """
    return [
        line
        for target, summary in told.items()
        for line in (target, *(f"  {said[language]}" for said in in_words(summary)))
    ]


def _of_nights(city: Summary) -> Iterator[Spoken]:
    yield phrase(
        "{n} nights from {first} to {last} have matured; their horizons overlap and make {windows:.1f} whole ones.",
        n=city["nights"],
        first=city["first"][:10],
        last=city["last"][:10],
        windows=city["windows"],
    )
    if city["hit"]:
        yield phrase(
            "Of the places listed, {share:.0%} had at least one event{range}.",
            share=city["hit"]["value"],
            range=_range(city["hit"]),
        )
    if city["ratio"]:
        yield phrase(
            "Events over expected: {ratio:.2f}{range}; 1 is right, above it more came than was expected.",
            ratio=city["ratio"]["value"],
            range=_plain_range(city["ratio"]),
        )


def _of_gain(city: Summary) -> Spoken:
    gain = city["gain"]
    if gain is None:
        return phrase("Nothing happened in these horizons: there is nothing to catch.")
    caught = phrase(
        "The list caught {own:.1%} of the events, one as long by the count of 52 weeks {prior:.1%}",
        own=city["capture"],
        prior=city["capture_prior"],
    )
    return phrase("{caught}: {verdict}.", caught=caught, verdict=_verdict(gain))


def _verdict(gain: _Figure) -> Spoken:
    """Whether the model is ahead of the count."""
    lower, upper = gain["lower"], gain["upper"]
    if lower is None or upper is None:
        return phrase("fewer than {n:g} whole horizons, too few to tell whether that is chance", n=LEAST_WINDOWS)
    if lower > 0:
        return phrase("clearly ahead of the count")
    if upper < 0:
        return phrase("clearly behind the count")
    return phrase("the difference may be chance")


def _of_age(curve: list[Summary], age_weeks: float | None) -> Iterator[Spoken]:
    if age_weeks is not None:
        yield phrase("The newest date that tonight's model learnt from lies {weeks:.0f} weeks back.", weeks=age_weeks)
    aged = [step for step in curve if step["gain"]]
    if len(aged) < 2:
        yield phrase("All matured nights are of models of about one age: how they grow stale is not known yet.")
        return
    fresh, old = aged[0], aged[-1]
    yield phrase(
        "By age of the model: gain {fresh:+.1%} in weeks {a} to {b}, {old:+.1%} in weeks {c} to {d}; {verdict}.",
        fresh=fresh["gain"]["value"],
        a=fresh["weeks"],
        b=fresh["to_weeks"],
        old=old["gain"]["value"],
        c=old["weeks"],
        d=old["to_weeks"],
        verdict=_staleness(fresh["gain"], old["gain"]),
    )


def _staleness(fresh: _Figure, old: _Figure) -> Spoken:
    """Whether the intervals of the freshest and the oldest part."""
    if None in {fresh["lower"], old["upper"], fresh["upper"], old["lower"]}:
        return phrase("too few horizons to tell whether it grows stale")
    if (old["upper"] or 0.0) < (fresh["lower"] or 0.0):
        return phrase("it has grown stale: train it again")
    return phrase("nothing says that it grows stale")


def _of_seals(prospective: Summary | None) -> Spoken:
    if prospective is None:
        return phrase("None of these nights was sealed before its outcome could be known.")
    if not prospective["gain"]:
        return phrase(
            "{n} of these nights were sealed in time; nothing happened after their seals.", n=prospective["nights"]
        )
    return phrase(
        "Sealed in time, {n} nights: events over expected {ratio:.2f}, caught {own:.1%}, the count {prior:.1%}: {verdict}.",
        n=prospective["nights"],
        ratio=(prospective["ratio"] or {}).get("value") or 0.0,
        own=prospective["capture"],
        prior=prospective["capture_prior"],
        verdict=_verdict(prospective["gain"]),
    )


def _range(figure: _Figure) -> Spoken | str:
    if figure["lower"] is None or figure["upper"] is None:
        return ""
    return phrase(" ({lower:.0%} to {upper:.0%})", lower=figure["lower"], upper=figure["upper"])


def _plain_range(figure: _Figure) -> Spoken | str:
    if figure["lower"] is None or figure["upper"] is None:
        return ""
    return phrase(" ({lower:.2f} to {upper:.2f})", lower=figure["lower"], upper=figure["upper"])
