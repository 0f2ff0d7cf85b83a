"""A table of one night, held in columns: words as numbers, numbers as small as they are, one grid's rows found without a search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from riskwarn.schema import Table
from riskwarn.store.parquet import to_frame


@dataclass(frozen=True, eq=False)
class Columns:
    """Rows of one table in the order of target and grid; within a grid as they were published.

    Parameters
    ----------
    table
        The shape of the rows.
    rows
        Compact: see :func:`compact`.
    starts
        (n_targets × n_grids + 1,) First row of each target and grid.
    targets, grids
        The number of each.
    timezone
        Of the times when they are read.
    """

    table: Table
    rows: pa.Table
    starts: np.ndarray
    targets: Mapping[str, int]
    grids: Mapping[str, int]
    timezone: str

    def of(self, target: str, grid_id: str) -> pd.DataFrame:
        """The rows of one grid; none where it has none.

        Parameters
        ----------
        target, grid_id
            As the rows name them.

        Returns
        -------
        rows
            As the store reads them.
        """
        return self.of_each(target, [grid_id])

    def of_each(self, target: str, grid_ids: Sequence[str]) -> pd.DataFrame:
        """The rows of some grids, grid by grid; none where they have none.

        Parameters
        ----------
        target, grid_ids
            As the rows name them.

        Returns
        -------
        rows
            As the store reads them.
        """
        known = [self.grids[grid_id] for grid_id in grid_ids if grid_id in self.grids and target in self.targets]
        keys = [self.targets[target] * len(self.grids) + number for number in known]
        parts = [self.rows.slice(self.starts[key], self.starts[key + 1] - self.starts[key]) for key in keys]
        return plain(self.table, pa.concat_tables(parts or [self.rows.slice(0, 0)]), self.timezone)


def columns_of(
    table: Table, rows: pa.Table, *, targets: Sequence[str], grids: Mapping[str, int], timezone: str
) -> Columns:
    """Rows made ready to be asked by target and grid; those of an unknown target or grid are left out.

    Parameters
    ----------
    table
        Their shape, with `grid_id` and `target`.
    rows
        As they were published.
    targets
        The questions of the night; one without a name takes all rows.
    grids
        The number of each grid.
    timezone
        Of the times when they are read.

    Returns
    -------
    columns
        In memory once.
    """
    numbers = dict(zip(targets, range(len(targets)), strict=True))
    wanted = {"": 0} if list(targets) == [""] else numbers
    target = _numbers(rows["target"], wanted) if list(targets) != [""] else np.zeros(len(rows), dtype=np.int64)
    grid = _numbers(rows["grid_id"], grids)
    key = np.where((target >= 0) & (grid >= 0), target * len(grids) + grid, -1)
    order = np.argsort(key, kind="stable")
    n_unknown = int((key < 0).sum())
    if n_unknown or (order[1:] < order[:-1]).any():
        rows, key = rows.take(pa.array(order[n_unknown:])), key[order[n_unknown:]]
    starts = np.searchsorted(key, np.arange(len(targets) * len(grids) + 1)).astype(np.int32)
    return Columns(table, compact(rows), starts, numbers, grids, timezone)


def _numbers(values: pa.ChunkedArray, numbers: Mapping[str, int]) -> np.ndarray:
    """(n,) The number of each word, -1 where it has none."""
    coded = _coded(values)
    of_word = np.array([numbers.get(word, -1) for word in coded.dictionary.to_pylist()] or [-1], dtype=np.int64)
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return np.where(codes < 0, -1, of_word[codes])


def _coded(words: pa.ChunkedArray) -> pa.DictionaryArray:
    """Words as the numbers of one dictionary."""
    return (
        (words if pa.types.is_dictionary(words.type) else words.dictionary_encode())
        .unify_dictionaries()
        .combine_chunks()
    )


def compact(rows: pa.Table) -> pa.Table:
    """The same rows in less memory: repeated words once, whole numbers and measures as narrow as they are without a loss.

    Parameters
    ----------
    rows
        Any table.

    Returns
    -------
    compact
        :func:`plain` gives back what went in.

    Examples
    --------
    >>> compact(pa.table({"n": [1, 2, None, 4], "x": [0.5, 2.0, None, 4.0], "word": ["a", "b", "a", "b"]})).schema.types
    [DataType(int8), DataType(float), DictionaryType(dictionary<values=string, indices=int8, ordered=0>)]
    """
    return pa.table({name: _compact(rows[name]) for name in rows.column_names})


def _compact(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_integer(kind):
        bounds = pc.min_max(column).as_py()
        return column.cast(_narrowest(bounds["min"] or 0, bounds["max"] or 0))
    if pa.types.is_floating(kind):
        narrow = column.cast(pa.float32(), safe=False)
        back = narrow.cast(pa.float64())
        return narrow if pc.all(pc.or_(pc.equal(back, column), pc.is_nan(column))).as_py() is not False else column
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
        return _words(column)
    return column


def _words(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Words as numbers, where that saves anything."""
    coded = _coded(column)
    if 2 * len(coded.dictionary) > len(column):
        return column.cast(pa.string())
    indices = coded.indices.cast(_narrowest(0, len(coded.dictionary)))
    return pa.chunked_array([pa.DictionaryArray.from_arrays(indices, coded.dictionary)])


def _narrowest(low: int, high: int) -> pa.DataType:
    for kind, bits in ((pa.int8(), 7), (pa.int16(), 15), (pa.int32(), 31)):
        if -(1 << bits) <= low and high < 1 << bits:
            return kind
    return pa.int64()


def plain(table: Table, rows: pa.Table, timezone: str) -> pd.DataFrame:
    """Compact rows as the store reads them.

    Parameters
    ----------
    table
        Their shape.
    rows
        Compact or not.
    timezone
        Of the times.

    Returns
    -------
    rows
        Words as text, whole numbers that may be missing, times in `timezone`.
    """
    wide = {name: _wide(rows[name]) for name in rows.column_names}
    return to_frame(table, pa.table(wide), timezone)


def _wide(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        return column.cast(pa.string())
    if pa.types.is_integer(column.type):
        return column.cast(pa.int64())
    return column.cast(pa.float64()) if pa.types.is_floating(column.type) else column
