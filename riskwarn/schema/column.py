"""What a table is made of: columns with their kind, meaning and rule."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd

from riskwarn.schema.guest import pa

Kind = Literal["text", "time", "integer", "number", "flag", "geometry"]
DTYPES = {"text": "str", "integer": "Int64", "number": "float64", "geometry": "str"}
"""What a column of a kind is cast to; times and flags are read by rules of their own."""


@dataclass(frozen=True)
class Column:
    """One column: its kind, what it means (with unit), and the rule its values obey.

    Parameters
    ----------
    name, kind, meaning
        What it is called, ``text``, ``time``, ``number``, ``integer``, ``flag`` or ``geometry``, and what it says, with its unit.
    required
        Whether the table must have it, every value known.
    values, pattern
        Of text: the words allowed, or a regular expression for the whole of it.
    least, most
        Of numbers: bounds, both allowed.
    blank
        Of flags: what an empty one says.

    Examples
    --------
    >>> number("share", "part of all", least=0, most=1).rule()
    'at least 0 and at most 1'
    >>> text("state", "how it stands", values=("open", "closed")).rule()
    'one of open, closed'
    """

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    values: tuple[str, ...] = ()
    pattern: str = ""
    least: float | None = None
    most: float | None = None
    blank: bool = False

    def rule(self) -> str:
        """The rule in words, empty when any value of the kind will do.

        Returns
        -------
        rule
            For documentation and messages.
        """
        if self.values:
            return "one of " + ", ".join(self.values)
        if self.pattern:
            return f"matches {self.pattern}"
        bounds = [f"at least {self.least:g}"] if self.least is not None else []
        return " and ".join(bounds + ([f"at most {self.most:g}"] if self.most is not None else []))

    def pandera(self, *, nullable: bool) -> pa.Column:
        """The column as pandera knows it; the dtype is left out, for every frame is cast before it is checked.

        Parameters
        ----------
        nullable
            Whether a value may be missing.

        Returns
        -------
        column
            With a check for each part of the rule.
        """
        checks = [pa.Check(np.isfinite, ignore_na=True, error="a finite number")] if self.kind == "number" else []
        if self.values:
            checks.append(pa.Check.isin(self.values, error=self.rule()))
        if self.pattern:
            checks.append(pa.Check.str_matches(self.pattern + r"\Z", error=self.rule()))
        if self.least is not None:
            checks.append(pa.Check.ge(self.least, error=f"at least {self.least:g}"))
        if self.most is not None:
            checks.append(pa.Check.le(self.most, error=f"at most {self.most:g}"))
        return pa.Column(checks=checks, nullable=nullable, required=self.required, description=self.meaning)


@dataclass(frozen=True)
class Table:
    """One table: its name, its key, its columns and the rules between columns."""

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    ordered: tuple[tuple[str, str], ...] = ()
    """Pairs of time columns (earlier, later): where both are known the first may not pass the second."""

    @property
    def column_names(self) -> list[str]:
        """Every column the table may have, in canonical order."""
        return [column.name for column in self.columns]

    @cached_property
    def schema(self) -> pa.DataFrameSchema:
        """The pandera schema."""
        between = [_in_order(earlier, later) for earlier, later in self.ordered]
        columns = {c.name: c.pandera(nullable=c.name not in self.key and not c.required) for c in self.columns}
        return pa.DataFrameSchema(columns, between, strict=True, unique=list(self.key), name=self.name)


def _in_order(earlier: str, later: str) -> pa.Check:
    def check(frame: pd.DataFrame) -> pd.Series:
        if earlier not in frame or later not in frame:
            return pd.Series(data=True, index=frame.index)
        return frame[earlier].isna() | frame[later].isna() | (frame[earlier] <= frame[later])

    return pa.Check(check, name=f"{earlier} <= {later}", error=f"{later} before {earlier}")


def text(name: str, meaning: str, *, required: bool = False, values: tuple[str, ...] = (), pattern: str = "") -> Column:
    """A column of words."""
    return Column(name, "text", meaning, required, values, pattern)


def time(name: str, meaning: str, *, required: bool = False) -> Column:
    """A column of instants."""
    return Column(name, "time", meaning, required)


def number(
    name: str, meaning: str, *, required: bool = False, least: float | None = None, most: float | None = None
) -> Column:
    """A column of numbers."""
    return Column(name, "number", meaning, required, least=least, most=most)


def integer(
    name: str, meaning: str, *, required: bool = False, least: float | None = None, most: float | None = None
) -> Column:
    """A column of whole numbers."""
    return Column(name, "integer", meaning, required, least=least, most=most)


GRID = text("grid_id", "the grid", required=True)
AS_OF = time("as_of", "the instant the row speaks of; only what was known before it counts", required=True)
