"""Where a list goes on: a cursor names the run, so that the pages of one list are of one night whatever is published meanwhile."""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass

from riskwarn.web.problems import Problem

_LONGEST = 400


@dataclass(frozen=True)
class Cursor:
    """A place in a list.

    Parameters
    ----------
    as_of, run
        The night and its run.
    question
        Digest of what was asked: filters, order, target.
    offset
        Rows to leave out in front.
    """

    as_of: str
    run: str
    question: str
    offset: int

    def written(self) -> str:
        """The cursor as an answer gives it."""
        text = json.dumps([self.as_of, self.run, self.question, self.offset], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> "Cursor":
        """The cursor that an answer gave.

        Parameters
        ----------
        text
            As it was given.

        Returns
        -------
        cursor
            Its parts.

        Raises
        ------
        Problem
            422 where it is none.

        Examples
        --------
        >>> Cursor.read(Cursor("2025-01-08", "run1", "ab", 100).written()).offset
        100
        """
        try:
            parts = json.loads(
                base64.b64decode(text[:_LONGEST] + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            )
        except (binascii.Error, ValueError, RecursionError):
            raise bad_cursor() from None
        shape = [str, str, str, int]
        if not isinstance(parts, list) or [type(part) for part in parts] != shape or not 0 <= parts[-1] <= 10**7:
            raise bad_cursor()
        return cls(*parts)


def question_of(*asked: object) -> str:
    """Digest of what a list was asked for.

    Parameters
    ----------
    asked
        Plain values.

    Returns
    -------
    digest
        Sixteen hexadecimal digits.
    """
    return hashlib.sha256(json.dumps(asked, default=str).encode()).hexdigest()[:16]


def bad_cursor() -> Problem:
    """What was sent is no cursor, or one of another list."""
    detail = "The cursor is not one that this list gave for these filters; begin the list anew."
    return Problem(422, "bad_cursor", detail)
