"""The options that verbs share, each declared once."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from riskwarn.language import LANGUAGES

DEFAULT_CAPACITY = 50


def spoken(language: str | None) -> str:
    """The language to speak: the one named, else that of RISKWARN_LANGUAGE, else that of the locale, else the staff's.

    Parameters
    ----------
    language
        A code of :data:`riskwarn.language.LANGUAGES`, or None.

    Returns
    -------
    language
        A code that has a catalogue. A locale of another language is answered in English; ``C`` and ``POSIX`` name none.

    Raises
    ------
    typer.BadParameter
        The language named is not known.

    Examples
    --------
    >>> spoken("en")
    'en'
    """
    if named := language or os.environ.get("RISKWARN_LANGUAGE"):
        if named not in LANGUAGES:
            raise typer.BadParameter(f"{named!r} is not one of {', '.join(LANGUAGES)}.")
        return named
    locale = next((v for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (v := os.environ.get(name))), "C")
    code = locale.replace("-", "_").split("_")[0].split(".")[0].lower()
    if code in {"c", "posix"}:
        return LANGUAGES[0]
    return code if code in LANGUAGES else "en"


def verbs() -> typer.Typer:
    """A group of verbs, plain: no colours, boxes or traces that an old terminal shows as signs."""
    return typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def example(line: str) -> str:
    """The end of a verb's help: a line to copy."""
    return f"example: {line}"


Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines, errors too.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print nothing that went well.")]
StoreFolder = Annotated[
    Path | None, typer.Option("--store", metavar="DIR", envvar="RISKWARN_STORE", help="Folder of the store.")
]
Night = Annotated[
    str,
    typer.Option(
        "--as-of",
        metavar="DATE",
        help="The night: a date such as 2025-03-03, which means its local midnight, or today.",
    ),
]
Target = Annotated[str, typer.Option(help="Name of the label; may be left out when one model is kept.")]
Alias = Annotated[str, typer.Option(help="champion or candidate.")]
Capacity = Annotated[int, typer.Option(help="Grids that can be attended to.")]
Language = Annotated[
    str | None,
    typer.Option(
        callback=spoken,
        metavar="|".join(LANGUAGES),
        help="Language of what is printed; RISKWARN_LANGUAGE, else the locale, by default.",
    ),
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write the table to a .parquet, .csv or .xlsx file.")
]
ExperimentFile = Annotated[Path, typer.Argument(metavar="EXPERIMENT", help="An experiment file (TOML).")]
Horizon = Annotated[
    float | None,
    typer.Option(metavar="DAYS", help="Ask the same over so many days; the model's name says how many."),
]
EngineName = Annotated[
    Literal["local", "dask", "spark"],
    typer.Option(
        "--engine", envvar="RISKWARN_ENGINE", help="Who computes, in blocks of grids: this machine, or a cluster."
    ),
]
Address = Annotated[
    str,
    typer.Option(
        "--address",
        envvar="RISKWARN_ADDRESS",
        help="Where the cluster answers, such as tcp://scheduler:8786; one is started here by default.",
    ),
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Processes of this machine, or workers of the cluster.")]
Blocks = Annotated[
    int | None, typer.Option("--blocks", min=1, help="Most blocks of grids; as many as fit in memory by default.")
]
Work = Annotated[
    Path | None,
    typer.Option("--work", metavar="DIR", help="Folder for the pieces of an engine, which all its workers see."),
]
