"""The vocabulary of the field: sources, categories, tags, actions, each with its words in Chinese and English."""

import csv
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from riskwarn.calling import checked
from riskwarn.errors import DefinitionError
from riskwarn.language import SOURCE_LANGUAGE, Spoken, phrase
from riskwarn.language import Words as Words  # noqa: PLC0414 - imported from here

SOURCES: dict[str, Spoken] = {
    "dispute": phrase("disputes"),
    "petition": phrase("petitions"),
    "police_call": phrase("police calls"),
    "hotline": phrase("hotline requests"),
    "grid_report": phrase("grid reports"),
}
DISPUTES: dict[str, Spoken] = {
    "D01": phrase("marriage and family"),
    "D02": phrase("neighbours"),
    "D03": phrase("house and homestead"),
    "D04": phrase("land, forest and water tenure"),
    "D05": phrase("expropriation and resettlement"),
    "D06": phrase("labour"),
    "D07": phrase("wage arrears"),
    "D08": phrase("debt and lending"),
    "D09": phrase("contract and business"),
    "D10": phrase("consumer"),
    "D11": phrase("property management"),
    "D12": phrase("housing development and works"),
    "D13": phrase("environment and noise"),
    "D14": phrase("medical"),
    "D15": phrase("traffic damage"),
    "D16": phrase("injury and damages"),
    "D17": phrase("school"),
    "D18": phrase("village affairs"),
    "D19": phrase("enforcement and litigation"),
    "D20": phrase("public services"),
    "D21": phrase("boundary"),
    "D22": phrase("online and intellectual property"),
    "D98": phrase("sensitive"),
    "D99": phrase("other"),
}
POLICE: dict[str, Spoken] = {
    "P01": phrase("crime"),
    "P02": phrase("public order"),
    "P03": phrase("traffic"),
    "P04": phrase("dispute"),
    "P05": phrase("urgent help"),
    "P06": phrase("non-police matter"),
    "P07": phrase("information and complaint"),
    "P08": phrase("nuisance or invalid"),
    "P09": phrase("gathering"),
    "P99": phrase("other"),
}
CATEGORIES: dict[str, Spoken] = {**DISPUTES, **POLICE}
NEVER_FEATURES = frozenset({"D98", "P09"})
"""Categories that are counted in quality reports and are never a feature or a target."""
TAGS: dict[str, Spoken] = {
    "weapon": phrase("weapon seen"),
    "injury": phrase("someone hurt"),
    "unsettled": phrase("not settled on scene"),
    "late_arrival": phrase("late arrival"),
    "repeat": phrase("repeat"),
    "in_person": phrase("in person"),
    "seeks_redress": phrase("seeks redress"),
    "hard": phrase("hard case"),
    "returned": phrase("returned"),
    "many_people": phrase("five people or more"),
    "large_amount": phrase("large amount"),
    "moved_up": phrase("moved to a higher level"),
    "callback": phrase("called back"),
}
STATUSES = (
    "open",
    "accepted",
    "assigned",
    "in_progress",
    "paused",
    "returned",
    "closed_success",
    "closed_fail",
    "withdrawn",
    "archived",
)
OUTCOMES = ("success", "partial", "fail", "unknown")
ACTIONS: dict[str, Spoken] = {
    "A1": phrase("visit"),
    "A2": phrase("call back"),
    "A3": phrase("joint meeting"),
    "A4": phrase("raise to a higher level"),
    "A5": phrase("name one owner"),
    "A6": phrase("complete the ledger"),
    "A7": phrase("verify the data"),
    "A8": phrase("call the data provider"),
    "A9": phrase("add staff"),
    "A10": phrase("specialist line"),
}
"""Service, mediation, verification and data actions; there are no others."""


_ADDED: dict[str, Words] = {}
_LANGUAGE = re.compile("[a-z]{2,3}(_[A-Za-z]+)?")
_WANTED = "the column code and one a language, en and others, as code,zh,en"


@checked
def read_words(path: str | Path) -> dict[str, Words]:
    r"""Words of a city's own category codes, from a CSV with the column `code` and one a language, as `zh`; `en` must be there.

    Parameters
    ----------
    path
        A CSV in UTF-8, with or without a byte order mark.

    Returns
    -------
    words
        By code.

    Raises
    ------
    DefinitionError
        The file or one of its columns is missing, it is no CSV in UTF-8, or a code has no words.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "words.csv")
    ...     _ = path.write_text("code,zh,en\nlamp,路灯,street lamp\n", "utf-8")
    ...     read_words(path)["lamp"].en
    'street lamp'
    """
    path = Path(path)
    if not path.is_file():
        said = " ".join(str(path).split())  # a name may hold a line feed; a message is one line
        raise DefinitionError(f"words {said}: no such file; it is a CSV with {_WANTED}.")
    try:
        rows = csv.DictReader(path.read_text("utf-8-sig").splitlines())
        lacking = {"code", SOURCE_LANGUAGE} - set(rows.fieldnames or ())
        listed = [] if lacking else list(rows)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DefinitionError(f"words {path}: no CSV in UTF-8 ({type(error).__name__}); save it as such.") from None
    if lacking:
        raise DefinitionError(f"words {path}: column {', '.join(sorted(lacking))} is missing; wanted {_WANTED}.")
    languages = [name for name in rows.fieldnames or () if _LANGUAGE.fullmatch(name)]
    empty = [number for number, row in enumerate(listed, start=2) if not all(row[c] for c in ("code", *languages))]
    if empty:
        raise DefinitionError(
            f"words {path}: line {empty[0]} lacks a code or its words; fill code, {', '.join(languages)}."
        )
    return {row["code"]: Words(**{name: row[name] for name in languages}) for row in listed}


@checked
def add_words(path: str | Path) -> None:
    """Let :func:`words_of` know a city's own codes for the rest of the process; canonical codes keep their words.

    Parameters
    ----------
    path
        As for :func:`read_words`.

    Raises
    ------
    DefinitionError
        The file or one of its columns is missing.
    """
    _ADDED.update(read_words(path))


@cache
def _shipped() -> dict[str, Words]:
    return read_words(Path(__file__).with_name("words.csv"))


@checked
def words_of(code: str) -> Spoken:
    """Words for a source, category, tag or action, canonical or a city's own; the code itself where there are none.

    Parameters
    ----------
    code
        Such as ``dispute``, ``D07``, ``weapon`` or ``A1``.

    Returns
    -------
    words
        In every language; English in one that its file lacks.

    Examples
    --------
    >>> words_of("D07").en, words_of("street_lights").zh, words_of("no_such").en
    ('wage arrears', '路灯', 'no_such')
    """
    vocabularies: tuple[Mapping[str, Spoken], ...] = (SOURCES, CATEGORIES, TAGS, ACTIONS, _ADDED, _shipped())
    for vocabulary in vocabularies:
        if code in vocabulary:
            return vocabulary[code]
    return Words(en=code)
