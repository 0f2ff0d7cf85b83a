"""A store as it would be if it held other events. It is read by the same code, file by file, and nothing of it is ever written."""

from collections.abc import Collection, Sequence
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from riskwarn.calling import checked
from riskwarn.errors import DataError, NotFoundError
from riskwarn.store.parquet import to_arrow
from riskwarn.store.parts import prepared, split
from riskwarn.store.store import Store

InPlaceOf = Literal["", "grids", "all"]
_EVENTS = "events"


class Supposed(Store):
    """A store with events that it does not hold.

    Parameters
    ----------
    store
        The city.
    events
        Table `events`; they merge with those of the store as :meth:`riskwarn.Store.write` merges them.
    in_place_of
        Which of its own events it is without: none, all, or with ``grids`` every event that was ever told to lie in one of `grids`.
    grids
        Ids of grids.

    Raises
    ------
    DataError
        The events break their contract, or name a grid that there is not.

    Examples
    --------
    >>> import tempfile
    >>> store = Store(tempfile.mkdtemp() + "/city", timezone="Asia/Shanghai")
    >>> at = pd.Timestamp("2025-01-08", tz="Asia/Shanghai")
    >>> _ = store.write("grids", pd.DataFrame({"grid_id": ["G1"], "valid_from": [at]}))
    >>> event = {"source": "dispute", "known_at": at, "occurred_at": at, "grid_id": "G1", "category": "D02"}
    >>> _ = store.write("events", pd.DataFrame([event | {"event_id": "a"}]))
    >>> more = pd.DataFrame([event | {"event_id": "b"}])
    >>> [Supposed(store, more, in_place_of=which).read("events")["event_id"].tolist() for which in ("", "all")]
    [['a', 'b'], ['b']]
    >>> store.read("events")["event_id"].tolist()
    ['a']
    """

    @checked
    def __init__(
        self, store: Store, events: pd.DataFrame, *, in_place_of: InPlaceOf = "", grids: Collection[str] = ()
    ) -> None:
        super().__init__(store.path)
        self._changed: dict[str, pa.Table] = {}
        self._changed = self._supposed(events, in_place_of, {*grids})

    def transaction(self) -> Any:
        """Refused: what is only supposed is not written.

        Raises
        ------
        DataError
            Always.
        """
        raise DataError("a supposed store is only read; write to the store itself.")

    def _supposed(self, events: pd.DataFrame, in_place_of: InPlaceOf, grids: set[str]) -> dict[str, pa.Table]:
        table, rows = prepared(_EVENTS, events)
        self._check_grids(_EVENTS, rows["grid_id"])
        changed = self._without(in_place_of, grids)
        for part, here in split(table, rows):
            self._changed = changed  # what is merged into is what is left
            merged, _ = self._merged(table, part, rows.iloc[here])
            if merged is not None:
                changed[part] = to_arrow(table, merged)
        return changed

    def _without(self, in_place_of: InPlaceOf, grids: set[str]) -> dict[str, pa.Table]:
        """The files that lose events, with what is left of each."""
        left: dict[str, pa.Table] = {}
        for source in self.sources() if in_place_of else ():
            parts = {part: self._load(part, None, []) for part in self._parts(_EVENTS, source)}
            if in_place_of == "all":
                left |= {part: rows.slice(0, 0) for part, rows in parts.items()}
                continue
            inside = pa.array(sorted(grids), pa.string())
            gone = pa.chunked_array(
                [c for r in parts.values() for c in r.filter(pc.is_in(r["grid_id"], inside))["event_id"].chunks],
                pa.string(),
            )
            masks = {part: pc.is_in(rows["event_id"], gone.combine_chunks()) for part, rows in parts.items()}
            left |= {
                part: rows.filter(pc.invert(masks[part])) for part, rows in parts.items() if pc.any(masks[part]).as_py()
            }
        return left

    # -- the files, as they would be --------------------------------------------------------------------------------------

    def _parts(self, name: str, source: str | None = None) -> list[str]:
        there = super()._parts(name, source)
        if name != _EVENTS:
            return there
        here = [part for part in self._changed if source is None or part.split("/")[2] == source]
        return sorted(part for part in {*there, *here} if part not in self._changed or len(self._changed[part]))

    def _load(self, part: str, columns: list[str] | None, words: Sequence[str]) -> pa.Table:
        if part not in self._changed:
            return super()._load(part, columns, list(words))
        rows = self._changed[part].select(columns or self._changed[part].column_names)
        for name in {*words} & {*rows.column_names}:
            rows = rows.set_column(rows.column_names.index(name), name, rows[name].dictionary_encode())
        return rows

    def known_until(self) -> pd.Timestamp:
        """The instant up to which it would speak.

        Raises
        ------
        NotFoundError
            It would hold no events.
        """
        if not self._parts(_EVENTS):
            raise NotFoundError("no event would be left.")
        return super().known_until()
