"""The reason that somebody gives for what they do: short, on one line, and of no person."""

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
    said = " ".join(why.split())
    if not said or len(said) > _LONGEST:
        raise DataError(f"{what}: wanted 1 to {_LONGEST} letters, got {len(said)}.")
    rule = findings(pd.Series([said]))[0]
    if rule and rule != "narrative":
        raise PrivacyError(f"{what} may name a person ({rule}); say it without. The text was not kept.")
    return said
