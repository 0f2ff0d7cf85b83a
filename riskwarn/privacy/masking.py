"""Names of files and folders as messages and logs may repeat them."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from riskwarn.errors import NotFoundError, RiskwarnError
from riskwarn.privacy.folding import SAID, fold_text
from riskwarn.privacy.value import findings

_FILE_WORDS = re.compile("|".join(sorted(SAID["file"]["words"], key=len, reverse=True)))
_ENDING = re.compile(
    r"(?i)(?:\.(?:csv|txt|tsv|xlsx?|parquet|jsonl|ndjson|geojson|json|gpkg|shp|dbf|zip|gz|toml|manifest))+$"
)
"""Endings that say what a file is; any other may be part of a name."""
_PIECE = "[\u4e00-\u9fff]+|[A-Za-z]+|[0-9]+|[^\\s]"
"""A piece of a file's name: a run of one script, or one mark."""
_RUN = 24
"""Pieces that together may tell a person: a number written digit by digit is 21."""
_TIMESTAMP = "(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01])(?:[0-9]{4}|[0-9]{6})"


def shown_file(name: str) -> str:
    """A file's name as a message or a log may repeat it; where it tells a person only its ending and a digest.

    What is no text in it, as in a name that an old system wrote in Latin-1, is written out.

    Parameters
    ----------
    name
        Without its folder.

    Returns
    -------
    name
        For a message.

    Examples
    --------
    >>> shown_file("calls-2025-01.csv"), shown_file("13812345678.csv")
    ('calls-2025-01.csv', 'file-ff9677.csv')
    """
    name = name.encode(errors="backslashreplace").decode()
    stem = _ENDING.sub("", name)
    if not _tells_a_person(stem):
        return name
    return f"file-{hashlib.sha256(name.encode()).hexdigest()[:6]}{name[len(stem) :]}"


def _tells_a_person(stem: str) -> bool:
    """Whether any run of the pieces of a file's name does, with and without the words that files are called by."""
    text = fold_text(stem)
    pieces = [piece.span() for piece in re.finditer(_PIECE, text)]
    runs = {text[start:end] for k, (start, _) in enumerate(pieces) for _, end in pieces[k : k + _RUN]}
    runs |= {_FILE_WORDS.sub("", run) for run in runs}
    numbers = [run for run in re.findall("[0-9]{11,}", text) if not re.fullmatch(_TIMESTAMP, run)]
    return bool(numbers) or bool((findings(pd.Series(sorted(runs), dtype="str")) != "").any())


def shown_path(path: str | Path) -> str:
    """A path as a message may repeat it: every folder and the file in it as :func:`shown_file` shows them.

    Parameters
    ----------
    path
        Of a file or folder.

    Returns
    -------
    path
        For a message.

    Examples
    --------
    >>> shown_path("exports/13812345678/calls.csv")
    'exports/file-38aed9/calls.csv'
    """
    return "/".join(shown_file(part) for part in str(path).split("/"))


@contextmanager
def names_masked(*paths: str | Path) -> Iterator[None]:
    """Let no error that is raised within repeat a part of a path that tells a person; the system's own becomes one of ours.

    Parameters
    ----------
    paths
        Files or folders that messages within may name.

    Yields
    ------
    nothing
        What is done within is its business.

    Raises
    ------
    NotFoundError
        The system cannot open one of them.

    Examples
    --------
    >>> with names_masked("exports/13812345678.csv"):
    ...     raise RiskwarnError("exports/13812345678.csv: the file is empty.")
    Traceback (most recent call last):
    riskwarn.errors.RiskwarnError: exports/file-ff9677.csv: the file is empty.
    """
    try:
        yield
    except RiskwarnError as error:
        files = [path for path in map(str, paths) if "://" not in path]
        parts = {part for path in files for part in path.split("/") if shown_file(part) != part}
        text = str(error)
        for part in sorted(parts, key=len, reverse=True):
            text = text.replace(part, shown_file(part)).replace(_ENDING.sub("", part), "(not shown)")
        error.args = (text,)
        raise
    except OSError as error:
        if str(error.filename) not in map(str, paths):
            raise
        raise NotFoundError(f"{shown_path(error.filename)}: cannot be opened ({error.strerror}).") from None
