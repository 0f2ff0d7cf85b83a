"""Evidence that a gap is no more: rows that have come in since it was listed. Without such rows silence closes nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.ledger.item import Item
from riskwarn.ledger.workflow import Workflow
from riskwarn.schema import table_of
from riskwarn.store import Store

_KNOWN = {
    "events": "known_at",
    "visits": "started_at",
    "workflow": "at",
    "feed_log": "arrived_at",
    "roster": "day_at",
    "diversions": "received_at",
}
"""When a row of each table came in."""
_COLUMNS = ("known_at", "grid_id", "case_id", "source", "org_code", "place_key")
_SHOWN = 5


@dataclass(frozen=True)
class Proof:
    """New rows of a store between two nights, read once for all gaps.

    Attributes
    ----------
    store, since, until
        Rows known from `since` on and before `until`.
    grids_in
        Grids of each body.
    """

    store: Store
    since: pd.Timestamp
    until: pd.Timestamp
    grids_in: Mapping[str, frozenset[str]]

    @cached_property
    def _indexes(self) -> dict[tuple[str, str], Mapping[str, np.ndarray]]:
        return {}

    @cached_property
    def _times(self) -> dict[str, np.ndarray]:
        return {}

    @cached_property
    def _read(self) -> dict[str, pd.DataFrame]:
        return {}

    def of(self, item: Item, flow: Workflow) -> dict[str, Any]:
        """The rows that came in for a gap since it was first listed, by table: how many, and the keys of up to five; empty where none."""
        scope, since = str(item.reading.get("scope", "")), pd.Timestamp(item.first_night)
        arrived: dict[str, Any] = {}
        for name in flow.nights.evidence.get(item.topic, ("events",)):
            rows, touched = self._rows(name), self._touched(name, scope)
            here = rows.iloc[
                touched[self._at(name)[touched] >= np.datetime64(since.tz_convert("UTC").tz_localize(None))]
            ]
            if len(here):
                keys = here[list(table_of(name).key)].head(_SHOWN)
                arrived[name] = {"n": len(here), "rows": [" ".join(map(_said, row)) for row in keys.to_numpy()]}
        return arrived

    def _rows(self, name: str) -> pd.DataFrame:
        if name not in self._read:
            self._read[name] = self._fresh(name)
        return self._read[name]

    def _fresh(self, name: str) -> pd.DataFrame:
        table, known = table_of(name), _KNOWN[name]
        columns = list(dict.fromkeys([*table.key, known, *(c for c in _COLUMNS if c in table.column_names)]))
        if not self.store.has(name):
            return pd.DataFrame(columns=[*columns, "_at"]).astype({"_at": f"datetime64[us, {self.store.timezone}]"})
        rows = self.store.read(name, columns=columns)
        at = rows["known_at"].fillna(rows[known]) if "known_at" in rows else rows[known]
        return rows.assign(_at=at)[(at >= self.since) & (at < self.until)].reset_index(drop=True)

    def _touched(self, name: str, scope: str) -> np.ndarray:
        """Positions of the rows that concern the scope of a gap."""
        kind, _, place = scope.partition(":")
        first, _, rest = place.partition("/")
        body = first if kind == "org" else rest.split("@")[0]
        inside = {"grid_id": self.grids_in.get(body, frozenset()), "org_code": {body}}
        case = rest.removeprefix("case:") if rest.startswith("case:") else ""
        source = {"source": {first.split("@")[0]}}
        wanted: dict[str, Mapping[str, Iterable[str]]] = {
            "grid": {"case_id": {case}} if case else {"grid_id": {first}},
            "pair": {"grid_id": place.split("|")},
            "place": {"place_key": {place}},
            "org": inside,
            "feed": inside if body else source,
        }
        touched = self._of(name, wanted.get(kind, {}))
        return np.intersect1d(touched, self._of(name, source)) if kind == "feed" else touched

    def _of(self, name: str, wanted: Mapping[str, Iterable[str]]) -> np.ndarray:
        """Positions of the rows that have one of the values wanted in a column, in order."""
        looked_up = [self._index(name, column).get(value) for column, values in wanted.items() for value in values]
        there = [positions for positions in looked_up if positions is not None]
        return np.unique(np.concatenate(there)) if there else np.zeros(0, dtype="int64")

    def _index(self, name: str, column: str) -> Mapping[str, np.ndarray]:
        """Positions by value of a column; made once, for a night may ask for thousands of gaps."""
        if (name, column) not in self._indexes:
            rows = self._rows(name)
            known = rows[column].dropna().astype("str") if column in rows else pd.Series(dtype="str")
            self._indexes[name, column] = {
                str(value): known.index.to_numpy()[positions]
                for value, positions in known.groupby(known).indices.items()
            }
        return self._indexes[name, column]

    def _at(self, name: str) -> np.ndarray:
        """When each row came in, in UTC."""
        if name not in self._times:
            self._times[name] = self._rows(name)["_at"].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        return self._times[name]


def grids_in(of_grid: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Grids of each body, from the path of each grid."""
    bodies: dict[str, set[str]] = {}
    for grid, path in of_grid.items():
        for body in path.split("/")[:-1]:
            bodies.setdefault(body, set()).add(grid)
    return {body: frozenset(grids) for body, grids in bodies.items()}


def _said(value: object) -> str:
    return value.isoformat(timespec="seconds") if isinstance(value, pd.Timestamp) else str(value)
