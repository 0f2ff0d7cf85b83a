"""The tables beside the events: what of them was known when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

from riskwarn.errors import DataError, NotFoundError
from riskwarn.history.columns import instants
from riskwarn.history.facts import NEVER
from riskwarn.schema import TABLES
from riskwarn.store import Store

CLOCKS: dict[str, tuple[str, ...]] = {
    "visits": ("started_at", "known_at"),
    "workflow": ("at", "known_at"),
    "diversions": ("sent_at",),
    "roster": ("day_at",),
    "feed_log": ("arrived_at",),
    "crosswalk": ("effective_at",),
    "alerts": ("as_of",),
}
"""Columns that must all lie before an instant for a row to be known; an empty one is the first."""
_KINDS = {"time": pa.timestamp("us", "UTC"), "integer": pa.int64(), "number": pa.float64(), "flag": pa.bool_()}


class Tables(Protocol):
    """What holds the tables beside the events; a :class:`riskwarn.Store` does."""

    def has(self, name: str) -> bool:
        """Whether a table holds rows."""

    def arrow(self, name: str, *, columns: Sequence[str] | None = None) -> pa.Table:
        """A table, or some columns of it."""


@dataclass(frozen=True, eq=False)
class Frames:
    """Tables at hand, by name."""

    frames: Mapping[str, pd.DataFrame]

    def has(self, name: str) -> bool:
        """Whether a table holds rows."""
        return name in self.frames and len(self.frames[name]) > 0

    def arrow(self, name: str, *, columns: Sequence[str] | None = None) -> pa.Table:
        """A table, or some columns of it."""
        table = arrow_of(name, self.frames[name])
        return table.select(list(columns)) if columns else table


@dataclass(frozen=True, eq=False)
class Stored:
    """The tables of a store, and the alerts of its nights as one table."""

    store: Store

    def has(self, name: str) -> bool:
        """Whether a table holds rows."""
        if name == "alerts":
            return any(name in self.store.night(at).tables for at in self.store.nights())
        return self.store.has(name)

    def arrow(self, name: str, *, columns: Sequence[str] | None = None) -> pa.Table:
        """A table, or some columns of it; the alerts of a damaged night are left out, as :meth:`riskwarn.Store.faults` says."""
        if name != "alerts":
            return self.store.arrow(name, columns=columns)
        nights = [frame for at in self.store.nights() if (frame := self._alerts(at)) is not None]
        table = pa.concat_tables([arrow_of(name, frame) for frame in nights or [pd.DataFrame()]])
        return table.select(list(columns)) if columns else table

    def _alerts(self, at: pd.Timestamp) -> pd.DataFrame | None:
        try:
            return self.store.night(at).table("alerts")
        except (DataError, NotFoundError):
            return None


def arrow_of(name: str, frame: pd.DataFrame) -> pa.Table:
    """A table of the schema as Arrow, times in UTC, with an empty column for what is absent."""
    columns = {}
    for column in TABLES[name].columns:
        kind = _KINDS.get(column.kind, pa.string())
        if column.name not in frame:
            columns[column.name] = pa.nulls(len(frame), kind)
        elif column.kind == "time":
            columns[column.name] = pa.array(
                frame[column.name].dt.tz_convert(None).dt.as_unit("us").to_numpy(), pa.timestamp("us"), from_pandas=True
            ).cast(kind)
        else:
            columns[column.name] = pa.array(frame[column.name], kind, from_pandas=True)
    return pa.table(columns)


def known(table: pa.Table, name: str, at: int) -> pa.Table:
    """The rows of table `name` that were known before an instant, µs; of a crosswalk also what takes effect at the very instant."""
    when = [instants(table[clock]) for clock in CLOCKS.get(name, ())]
    before = at + (name == "crosswalk")
    rows = [(w < before) | ((w == NEVER) & (i > 0)) for i, w in enumerate(when)]
    if not rows or np.logical_and.reduce(rows).all():
        return table
    return table.filter(pa.array(np.logical_and.reduce(rows)))


def framed(table: pa.Table, timezone: str) -> pd.DataFrame:
    """An Arrow table as a frame, times on the city's clock."""
    plain = [c.cast(pa.string()) if pa.types.is_dictionary(c.type) else c for c in table.columns]
    frame = pa.table(plain, names=table.column_names).to_pandas(
        types_mapper=lambda t: pd.StringDtype(na_value=float("nan")) if pa.types.is_string(t) else None
    )
    for name, column in frame.items():
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            frame[name] = column.dt.tz_convert(timezone)
    return frame
