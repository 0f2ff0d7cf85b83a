"""A datasheet in words: sections of sentences and tables, said in a language when asked, as text or by a page."""

from collections.abc import Iterator, Mapping
from typing import Any

from riskwarn.calling import checked
from riskwarn.datasheet.refusing import refusal
from riskwarn.language import Language, Spoken, Words, listed, phrase
from riskwarn.sheet import Cell, Section, markdown
from riskwarn.taxonomy import words_of

_NONE = "–"
_Table = tuple[tuple[Cell, ...], tuple[tuple[Cell, ...], ...]]
_USES = (
    phrase(
        "For staff whose role in the centre gives them the right, to find where mediation, visits and service are needed first."
    ),
    phrase(
        "Not evidence, and not grounds for checks, detention, denial of service, or the appraisal of staff or places; calling, reporting and petitioning are lawful requests for help."
    ),
    phrase(
        "The records stay with the centre: a model holds weights and the features of ten rows without their grids, no record; small counts are shown only to those who may know them."
    ),
)
_ABSENT = (
    phrase(
        "No names, numbers, telephones, sex, ethnicity, free text or coordinates: such columns and values are refused at the door."
    ),
    phrase("Nothing of what nobody recorded: a place that reports less is not known to be calmer."),
)
_PREPARED = (
    phrase(
        "Of each event the newest revision known before a date holds at that date; withdrawn events are gone, and nothing known later is read."
    ),
    phrase("An outcome counts only where its feeds spoke; what is missing is missing, not zero."),
)
_UPKEEP = phrase(
    "Corrections arrive as revisions and are read at the next training; every version of the model has a datasheet of its own."
)


@checked
def sections_of(datasheet: Mapping[str, Any]) -> tuple[Section, ...]:
    """The parts of a datasheet in reading order.

    Parameters
    ----------
    datasheet
        Values as :func:`riskwarn.datasheet.make_datasheet` gives them.

    Returns
    -------
    sections
        Not yet in any language.
    """
    return (
        Section(phrase("What it is for"), tuple(_purpose(datasheet))),
        Section(phrase("What is in it"), tuple(_content(datasheet)), *_counts(datasheet)),
        Section(phrase("How it came in"), tuple(_arrival(datasheet)), *_deliveries(datasheet)),
        Section(phrase("When feeds were silent"), tuple(_silences(datasheet))),
        Section(phrase("What is not in it"), (*_ABSENT, *_left_out(datasheet))),
        Section(phrase("How it was prepared"), _PREPARED),
        Section(phrase("Who may use it"), _USES),
        Section(
            phrase("How it is kept up"),
            (_UPKEEP, phrase("Digest of the records: {digest}", digest=f"`{datasheet['data_digest']}`")),
        ),
    )


@checked
def datasheet_text(datasheet: Mapping[str, Any], *, target: str, version: str, language: Language = "en") -> str:
    """A datasheet in Markdown.

    Parameters
    ----------
    datasheet
        Values as :func:`riskwarn.datasheet.make_datasheet` gives them.
    target, version
        Of the model that learnt from it.
    language
        ``zh`` or ``en``.

    Returns
    -------
    text
        Markdown, ending in a line break.
    """
    title = phrase("Datasheet: {target}", target=target)
    lead = phrase("What version {version} of the model learnt from.", version=f"`{version}`")
    return markdown(title, lead, sections_of(datasheet), language)


def _purpose(sheet: Mapping[str, Any]) -> Iterator[Spoken]:
    yield phrase(
        "The records were made to handle what people reported; here they answer: {question}",
        question=Words(**sheet["question"]),
    )
    yield phrase("The outcome counts records of: {feeds}.", feeds=_feeds(sheet["counted"]))


def _content(sheet: Mapping[str, Any]) -> Iterator[Spoken]:
    yield phrase(
        "{rows:,} rows, each a grid at a date: {grids:,} grids, {dates:,} dates from {first} to {last}; {unsettled:,} of them have no outcome and taught nothing: it is not settled, or the question did not arise there.",
        **{name: sheet[name] for name in ("rows", "grids", "dates", "unsettled")},
        first=sheet["first"][:10],
        last=sheet["last"][:10],
    )
    yield phrase(
        "An outcome is what happened in the {days:g} days after its date, read {settle:g} days after they ended.",
        days=sheet["horizon_days"],
        settle=sheet["settle_days"],
    )
    yield phrase(
        "The model reads: {feeds}. The store's other feeds are listed and not read.", feeds=_feeds(sheet["read"])
    )


def _feeds(sources: list[str]) -> Spoken:
    return listed([words_of(source) for source in sources], ",")


def _counts(sheet: Mapping[str, Any]) -> _Table:
    heads = (
        phrase("Feed", context="datasheet"),
        phrase("events", context="data check"),
        phrase("revisions"),
        phrase("first", context="data check"),
        phrase("last", context="data check"),
        phrase("unknown codes"),
        phrase("unplaced"),
    )
    rows = [
        (
            words_of(feed["source"]),
            _number(feed["events"]),
            _number(feed["revisions"]),
            (feed["first"] or _NONE)[:10],
            (feed["last"] or _NONE)[:10],
            _share(feed["unknown_share"]),
            _share(feed["unplaced_share"]),
        )
        for feed in sheet["feeds"]
    ]
    return heads, tuple(rows)


def _arrival(sheet: Mapping[str, Any]) -> Iterator[Spoken]:
    if all(feed["received"] is None for feed in sheet["feeds"]):
        yield phrase("No log says what deliveries brought: the records were written as they are.")
    for reason, n in sheet["refused"].items():
        yield phrase(
            "{n:,} row was refused: {reason}", plural="{n:,} rows were refused: {reason}", n=n, reason=refusal(reason)
        )


def _deliveries(sheet: Mapping[str, Any]) -> _Table:
    heads = (
        phrase("Feed", context="datasheet"),
        phrase("received rows"),
        phrase("accepted rows"),
        phrase("quarantined rows"),
        phrase("duplicate rows"),
        phrase("delay, median (days)"),
        phrase("delay, 99 % (days)"),
    )
    names = ("received", "accepted", "quarantined", "duplicate")
    rows: list[tuple[Cell, ...]] = [
        (
            words_of(feed["source"]),
            *(_number(feed[name]) for name in names),
            _days(feed["delay_p50"]),
            _days(feed["delay_p99"]),
        )
        for feed in sheet["feeds"]
    ]
    return heads, tuple(rows)


def _silences(sheet: Mapping[str, Any]) -> Iterator[Spoken]:
    for feed in sheet["feeds"]:
        for silence in feed["silences"]:
            yield phrase(
                "{feed}: nothing was told from {first} to {last} of {n:,} grid",
                plural="{feed}: nothing was told from {first} to {last} of {n:,} grids",
                feed=words_of(feed["source"]),
                first=silence["from"],
                last=silence["to"],
                n=silence["grids"],
            )
        more = feed["n_silences"] - len(feed["silences"])
        if more:
            yield phrase(
                "{feed}: {n:,} further stretch",
                plural="{feed}: {n:,} further stretches",
                feed=words_of(feed["source"]),
                n=more,
            )
    if not any(feed["n_silences"] for feed in sheet["feeds"]):
        yield phrase("No feed was silent between its first and its last delivery.")


def _left_out(sheet: Mapping[str, Any]) -> Iterator[Spoken]:
    if sheet["sensitive"]:
        yield phrase("Events of sensitive categories are held, and read by no model.")
    for feed in sheet["feeds"]:
        if feed["missing_days"]:
            yield phrase(
                "{feed}: {n:,} day without any record where that weekday has many",
                plural="{feed}: {n:,} days without any record where those weekdays have many",
                feed=words_of(feed["source"]),
                n=feed["missing_days"],
            )


def _number(value: int | None) -> str:
    return _NONE if value is None else f"{value:,}"


def _share(value: float | None) -> str:
    return _NONE if value is None else f"{100 * value:.1f} %"


def _days(value: float | None) -> str:
    return _NONE if value is None else f"{value:.2f}"
