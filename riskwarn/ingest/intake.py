"""What shaping a delivery needs, and what it notices: the rules it goes by, and why rows cannot be accepted."""

import re
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from riskwarn.ingest.choosing import Choice
from riskwarn.ingest.mapping import EXTRA_FIELDS, Mapping
from riskwarn.ingest.placing import Atlas
from riskwarn.privacy import ColumnWatch
from riskwarn.schema import Column, table_of

_MOST_EVENTS = 100_000
"""Events that one row may stand for: each becomes a record, and a row of more is a wrong column or a grand total."""


@dataclass
class Intake:
    """What shaping a delivery needs: the mapping, the columns chosen, the grids, the key; and what it has noticed so far."""

    mapping: Mapping
    choice: Choice
    atlas: Atlas
    crosswalk: pd.DataFrame
    file: str
    arrived_at: pd.Timestamp
    notes: Counter[str] = field(default_factory=Counter)
    watches: dict[str, ColumnWatch] = field(default_factory=dict)
    date1904: bool = False
    forms: dict[str, str] = field(default_factory=dict)
    """How a value looks that was refused for a reason: digits as 9, letters as A, Chinese ones as 字."""
    made: Counter[str] = field(default_factory=Counter)
    """How often each id that was made from a row came."""

    def see(self, reason: str, values: pd.Series, where: np.ndarray) -> None:
        """Remember how a refused value looks, the first one for each reason."""
        if reason not in self.forms and where.any():
            self.forms[reason] = form_of(str(values[where].iloc[0]))

    @property
    def chosen(self) -> dict[str, str]:
        """Field to the column that fills it."""
        return self.choice.fields


def form_of(value: str) -> str:
    """How a value looks, without what it says.

    Examples
    --------
    >>> form_of("AB-123"), form_of("第3网格")
    ('AA-999', '字9字字')
    """
    digits = re.sub(r"\d", "9", value[:20])
    return re.sub("[\u4e00-\u9fff]", "字", re.sub("[A-Za-z]", "A", digits))


class Reasons:
    """Why rows cannot be accepted, gathered rule by rule; of a row that is left out nothing else is said."""

    def __init__(self, n: int) -> None:
        self.texts = np.full(n, "", dtype=object)
        self._left_out = np.zeros(n, dtype=bool)

    def leave_out(self, where: np.ndarray, why: np.ndarray) -> None:
        """Leave rows out, whatever else is wrong with them."""
        self._left_out |= where
        self.texts[where] = "left out by the mapping: " + why[where]

    def add(self, where: np.ndarray, why: str | np.ndarray) -> None:
        """Add a reason to the rows of a mask."""
        where = np.asarray(where, dtype=bool) & ~self._left_out
        if where.any():
            new = why[where] if isinstance(why, np.ndarray) else why
            old = self.texts[where]
            self.texts[where] = np.where(old == "", new, old + "; " + new)


def kind_of(name: str, table: str) -> Column:
    """The column of a table that a field fills; of a field of its own, by its name."""
    columns = {c.name: c for c in table_of(table).columns}
    if name in columns:
        return columns[name]
    return Column(
        name,
        "time" if name.endswith("_at") else "integer" if name == "count" else "text",
        EXTRA_FIELDS.get(name, ""),
        least=0 if name == "count" else None,
        most=_MOST_EVENTS if name == "count" else None,
    )
