"""Rows written as JSON once: one row, a run of them or any choice is cut out and not written again."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa


@dataclass(frozen=True, eq=False)
class Lines:
    """Rows as JSON objects.

    Parameters
    ----------
    text
        The objects with a comma between them.
    starts
        (n + 1,) Where each begins; the last is one past the end, as if a comma stood there.
    """

    text: bytes
    starts: np.ndarray

    def run(self, first: int, last: int) -> bytes:
        """The rows from `first` up to before `last`, with commas between.

        Parameters
        ----------
        first, last
            Rows, from 0.

        Returns
        -------
        text
            Empty where there are none.
        """
        return self.text[self.starts[first] : self.starts[last] - 1] if last > first else b""

    def chosen(self, rows: Sequence[int] | np.ndarray) -> bytes:
        """Some rows in an order of one's own, with commas between.

        Parameters
        ----------
        rows
            Their numbers, from 0.

        Returns
        -------
        text
            Empty where there are none.
        """
        return b",".join([self.run(n, n + 1) for n in rows])


def lines_of(rows: pa.Table, columns: Sequence[str]) -> Lines:
    """Rows written as JSON objects; null for what is not known or not there.

    Parameters
    ----------
    rows
        Words, numbers and flags.
    columns
        Members of an object, in order.

    Returns
    -------
    lines
        One a row.

    Examples
    --------
    >>> lines_of(pa.table({"id": ["a", "b"], "x": [0.5, None]}), ["id", "x", "y"]).text
    b'{"id":"a","x":0.5,"y":null},{"id":"b","x":null,"y":null}'
    """
    shape = "{" + ",".join(f"{json.dumps(name)}:%s" for name in columns) + "}"
    cells = [_cells(rows[name]) if name in rows.column_names else ["null"] * len(rows) for name in columns]
    written = [(shape % row).encode() for row in zip(*cells, strict=True)]
    lengths = np.fromiter(map(len, written), dtype=np.int64, count=len(written))
    return Lines(b",".join(written), np.concatenate([[0], np.cumsum(lengths + 1)]))


def _cells(column: pa.ChunkedArray) -> list[str]:
    """Each value as JSON writes it."""
    if pa.types.is_dictionary(column.type):
        coded = column.unify_dictionaries().combine_chunks()
        words = [*map(_quoted, coded.dictionary.to_pylist()), "null"]
        return [words[code] for code in coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).tolist()]
    if pa.types.is_floating(column.type):
        numbers = column.cast(pa.float64()).to_numpy().tolist()
        return [repr(x) if x - x == 0 else "null" for x in numbers]
    if pa.types.is_integer(column.type):
        return ["null" if x is None else str(x) for x in column.to_pylist()]
    return [_quoted(x) for x in column.to_pylist()]


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
