"""What somebody writes in their own words, a reason or remarks: short, and of no person."""

import pandas as pd

from riskwarn.errors import DataError, PrivacyError
from riskwarn.privacy.value import findings

_LONGEST = 200


def reason_of(why: str, what: str) -> str:
    """The reason that somebody gives for what they do, on one line.

    Parameters
    ----------
    why
        As it was typed.
    what
        Of what it is the reason, for messages: ``why the mode is switched``.

    Returns
    -------
    reason
        1 to 200 letters in which no person is named.

    Raises
    ------
    DataError
        It is empty or long.
    PrivacyError
        It may name a person; it is not repeated.

    Examples
    --------
    >>> reason_of(" flood  warning ", "why the mode is switched")
    'flood warning'
    """
    return remarks_of(" ".join(why.split()), what, least=1, most=_LONGEST)


def remarks_of(text: str, what: str, *, least: int = 0, most: int) -> str:
    r"""Remarks in somebody's own words, on any number of lines.

    Parameters
    ----------
    text
        As it was typed.
    what
        What it is, for messages: ``the remarks``.
    least, most
        Letters that are wanted.

    Returns
    -------
    remarks
        Without blanks that say nothing, and with no person in any line.

    Raises
    ------
    DataError
        It is shorter or longer.
    PrivacyError
        It may name a person; it is not repeated.

    Examples
    --------
    >>> remarks_of(" all   quiet \n T1:  see  note ", "the remarks", most=100)
    'all quiet\nT1: see note'
    """
    said = "\n".join(" ".join(line.split()) for line in text.splitlines()).strip()
    if not least <= len(said) <= most:
        raise DataError(f"{what}: wanted {least} to {most} letters, got {len(said)}.")
    rules = [rule for rule in findings(pd.Series(said.split("\n"))) if rule not in {"", "narrative"}]
    if rules:
        raise PrivacyError(f"{what} may name a person ({rules[0]}); say it without. The text was not kept.")
    return said
