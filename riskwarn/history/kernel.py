"""Counting on intervals: how many rows hold at each date, which was the last, what they add up to.

Rows are sorted by cell (a grid, or a grid and a kind); those of cell ``c`` stand at ``first[c] : first[c + 1]``. A row holds at
every date in ``(start, end]``. Every function fills `out`, (n_cells, n_dates) float32.

An interval of dates is added by its two ends and one running sum, whatever its length (Blelloch 1990, Prefix sums and their applications,
CMU-CS-90-190), so the work is that of the rows and of the table that is filled, not of rows times dates.

Each is written twice: in C (``_kernel.c``), used where it was compiled when the package was built, and in numpy, used everywhere
else and with ``RISKWARN_KERNEL=numpy``. Nothing is compiled at run time.
"""

import ctypes
import os
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from scipy import sparse

from riskwarn.history.facts import DAY_US, NEVER

_VERSION = 4
_LONG_AGO = int(np.iinfo(np.int64).min // 2)
_ROOM = 1 << 24
"""Cells times dates looked at together by the numpy quantile."""


@dataclass(frozen=True, eq=False)
class Axis:
    """The dates, µs since 1970 UTC, increasing."""

    dates: np.ndarray

    @cached_property
    def step(self) -> int:
        """Distance of the dates where it is one, else 0."""
        steps = np.unique(np.diff(self.dates))
        return int(steps[0]) if len(steps) == 1 else 0

    def index(self, instants: np.ndarray) -> np.ndarray:
        """Number of dates at or before each instant: the first date strictly after it.

        Parameters
        ----------
        instants
            (n,) µs.

        Returns
        -------
        index
            (n,) in 0 to the number of dates.

        Examples
        --------
        >>> Axis(np.array([10, 20, 30])).index(np.array([9, 10, 25, 99])).tolist()
        [0, 1, 2, 3]
        """
        if not self.step:
            return np.searchsorted(self.dates, instants, side="right")
        within = np.clip(instants, self.dates[0] - 1, self.dates[-1])
        return (within - self.dates[0]) // self.step + 1


@dataclass(frozen=True, eq=False)
class Cells:
    """Where the rows of each cell stand."""

    first: np.ndarray

    @classmethod
    def of(cls, cell: np.ndarray, n: int) -> "Cells":
        """Cells of rows sorted by `cell`.

        Parameters
        ----------
        cell
            (n_rows,) number of each row's cell, rising.
        n
            Number of cells.

        Returns
        -------
        cells
            Empty cells among them.

        Examples
        --------
        >>> Cells.of(np.array([0, 0, 2]), 3).first.tolist()
        [0, 2, 2, 3]
        """
        first = np.zeros(n + 1, np.int64)
        np.cumsum(np.bincount(cell, minlength=n), out=first[1:])
        return cls(first)

    def __len__(self) -> int:
        """Number of cells."""
        return len(self.first) - 1

    @cached_property
    def row(self) -> np.ndarray:
        """(n_rows,) cell of each row."""
        return np.repeat(np.arange(len(self)), np.diff(self.first))


@cache
def compiled() -> ctypes.CDLL | None:
    """The compiled functions; none where the package was built without a compiler."""
    if os.environ.get("RISKWARN_KERNEL") == "numpy":
        return None
    for path in sorted(Path(__file__).parent.glob("_kernel*.*")):
        if path.suffix in {".so", ".dll", ".dylib", ".pyd"}:
            try:
                library = ctypes.CDLL(str(path))
            except OSError:
                continue
            if library.rw_version() == _VERSION:
                return library
    return None


def count(
    axis: Axis,
    cells: Cells,
    start: np.ndarray,
    end: np.ndarray,
    out: np.ndarray,
    *,
    anchor: np.ndarray | None = None,
    ago: int = 0,
    length: int = -1,
    weight: np.ndarray | None = None,
) -> None:
    """Rows that hold; with `anchor` only while it lies within `length` µs before the date, or before `ago` µs earlier."""
    library = compiled()
    at = start if anchor is None else anchor
    if library:
        _call(
            library.rw_count,
            len(cells),
            cells.first,
            _int(start),
            _until(end),
            _int(at),
            ctypes.c_int64(ago),
            ctypes.c_int64(length),
            None if weight is None else np.ascontiguousarray(weight, np.float32),
            axis,
            out,
        )
        return
    began = np.maximum(start, at + ago) if ago else start
    ended = np.minimum(end, at + (ago + length)) if length >= 0 else end
    _steps(axis, cells, began, ended, weight, out)


def _steps(
    axis: Axis, cells: Cells, start: np.ndarray, end: np.ndarray, weight: np.ndarray | None, out: np.ndarray
) -> None:
    # a row adds one where it begins and takes it back where it ends: the running sum of these changes is the count (difference array)
    first, last = axis.index(start), axis.index(end)
    here = first < last
    n_dates = len(axis.dates)
    base, size = cells.row[here] * (n_dates + 1), len(cells) * (n_dates + 1)
    change = np.bincount(base + first[here], minlength=size) - np.bincount(base + last[here], minlength=size)
    now = np.cumsum(change.reshape(len(cells), n_dates + 1)[:, :-1], axis=1)
    if weight is None:
        out[:] = now
        return
    share = weight[here].astype(float)
    part = np.bincount(base + first[here], share, size) - np.bincount(base + last[here], share, size)
    # the whole count says where nothing holds: sums of shares leave rounding behind, which would be told as a little of an event
    out[:] = np.where(now > 0, np.cumsum(part.reshape(len(cells), n_dates + 1)[:, :-1], axis=1), 0)


def since(
    axis: Axis,
    cells: Cells,
    start: np.ndarray,
    end: np.ndarray,
    occurred: np.ndarray,
    out: np.ndarray,
    *,
    whole: bool = False,
) -> None:
    """Days since the latest `occurred` among the rows that hold, NaN where none does; days begun where `whole`."""
    library = compiled()
    if library:
        _call(
            library.rw_since,
            len(cells),
            cells.first,
            _int(start),
            _until(end),
            _int(occurred),
            ctypes.c_int(whole),
            axis,
            out,
        )
        return
    latest = _latest(axis, cells, start, end, occurred)
    days = (axis.dates[None, :] - latest) / DAY_US
    out[:] = np.where(latest == _LONG_AGO, np.nan, np.ceil(days) if whole else days)


def _latest(axis: Axis, cells: Cells, start: np.ndarray, end: np.ndarray, occurred: np.ndarray) -> np.ndarray:
    n_dates = len(axis.dates)
    first, last = axis.index(start), axis.index(end)
    # a row that holds to the last date is a running maximum from its first one on; only the others are laid out date by date
    latest = np.full((len(cells), n_dates), _LONG_AGO)
    lasting = (first < last) & (last == n_dates)
    np.maximum.at(latest, (cells.row[lasting], first[lasting]), occurred[lasting])
    np.maximum.accumulate(latest, axis=1, out=latest)
    row, date = _each_date(np.where(lasting, first, last), first, last)
    np.maximum.at(latest, (cells.row[row], date), occurred[row])
    return latest


def _each_date(stop: np.ndarray, first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every pair of a row and a date of ``first : min(stop, last)``."""
    length = np.maximum(np.minimum(stop, last) - first, 0)
    row = np.repeat(np.arange(len(first)), length)
    return row, np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length) + first[row]


def faded(
    axis: Axis,
    cells: Cells,
    start: np.ndarray,
    end: np.ndarray,
    occurred: np.ndarray,
    out: np.ndarray,
    *,
    rate: float,
    weight: np.ndarray | None = None,
) -> None:
    """Sum of ``exp(-rate * age)`` over the rows that hold, `rate` per µs."""
    fade = np.exp(-rate * np.diff(axis.dates, prepend=axis.dates[0]).astype(float))
    library = compiled()
    if library:
        share = None if weight is None else np.ascontiguousarray(weight, np.float32)
        _call(
            library.rw_faded,
            len(cells),
            cells.first,
            _int(start),
            _until(end),
            _int(occurred),
            share,
            ctypes.c_double(rate),
            fade,
            axis,
            out,
        )
        return
    first, last = axis.index(start), axis.index(end)
    n_dates = len(axis.dates)
    part, now = np.zeros((n_dates + 1, len(cells))), np.zeros((n_dates + 1, len(cells)), dtype=np.int64)
    for at, sign in ((first, 1), (last, -1)):
        here = np.flatnonzero((first < last) & (at < n_dates))
        age = axis.dates[at[here]] - occurred[here]
        weights = 1.0 if weight is None else weight[here].astype(float)
        np.add.at(part, (at[here], cells.row[here]), sign * weights * np.exp(-rate * age))
        np.add.at(now, (at[here], cells.row[here]), sign)
    # exp(-rate (t + d - o)) = exp(-rate d) exp(-rate (t - o)): what stood at one date fades as a whole to the next, so no row is
    # looked at twice; where nothing holds the sum is set to zero, or rounding would fade on
    held = np.cumsum(now, axis=0) > 0
    for t in range(n_dates):
        part[t] = np.where(held[t], part[t] + (part[t - 1] * fade[t] if t else 0.0), 0.0)
    out[:] = np.maximum(part[:-1].T, 0)


def quantile(
    axis: Axis, cells: Cells, start: np.ndarray, end: np.ndarray, value: np.ndarray, out: np.ndarray, *, q: float
) -> None:
    """Quantile `q` of `value` over the rows that hold, linear between neighbours; NaN where none does."""
    library = compiled()
    if library:
        values = np.ascontiguousarray(value, dtype=np.float64)
        ends = np.ascontiguousarray(end)
        _call(library.rw_quantile, len(cells), cells.first, _int(start), ends, values, ctypes.c_double(q), axis, out)
        return
    n_dates = len(axis.dates)
    wide = max(_ROOM // max(n_dates, 1), 1)
    for a in range(0, len(cells), wide):
        b = min(a + wide, len(cells))
        rows = slice(int(cells.first[a]), int(cells.first[b]))
        first, last = axis.index(start[rows]), axis.index(end[rows])
        row, date = _each_date(last, first, last)
        cell = (cells.row[rows][row] - a) * n_dates + date
        out[a:b] = _quantile_of(cell, value[rows][row], (b - a) * n_dates, q).reshape(b - a, n_dates)


def _quantile_of(cell: np.ndarray, value: np.ndarray, n: int, q: float) -> np.ndarray:
    order = np.lexsort((value, cell))
    value = value[order].astype(float)
    size = np.bincount(cell, minlength=n)
    # linear between the order statistics around q (n - 1): definition 7 of Hyndman & Fan (1996), numpy's own
    place = q * np.maximum(size - 1, 0)
    base = np.cumsum(size) - size
    low = place.astype(np.int64)
    high = np.minimum(low + 1, np.maximum(size - 1, 0))
    quantiles = np.full(n, np.nan)
    some = size > 0
    below, above = value[(base + low)[some]], value[(base + high)[some]]
    quantiles[some] = below + (above - below) * (place - low)[some]
    return quantiles


def linked(links: sparse.csr_matrix, values: np.ndarray, out: np.ndarray, *, mean: bool) -> None:
    """Sum, or mean, of `values` over the grids linked to each; zero for a grid without any."""
    library = compiled()
    if library:
        # the arrays must outlive their addresses: a copy that only an address points to is freed before the call
        first, beside = np.ascontiguousarray(links.indptr, np.int32), np.ascontiguousarray(links.indices, np.int32)
        contiguous = np.ascontiguousarray(values, np.float32)
        failed = library.rw_linked(
            ctypes.c_int64(links.shape[0]),
            _address(first),
            _address(beside),
            _address(contiguous),
            ctypes.c_int(mean),
            ctypes.c_int64(values.shape[1]),
            _address(out),
        )
        check(failed)
        return
    total = links @ values
    out[:] = total / np.maximum(np.diff(links.indptr), 1).astype(np.float32)[:, None] if mean else total


def _call(function: object, n_cells: int, *arguments: object) -> None:
    """Call a compiled function; arrays go as addresses and stay alive until it returns."""
    plain: list[object] = [ctypes.c_int64(n_cells)]
    for argument in arguments:
        if isinstance(argument, Axis):
            plain += [_address(argument.dates), ctypes.c_int64(len(argument.dates)), ctypes.c_int64(argument.step)]
        else:
            plain.append(_address(argument) if isinstance(argument, np.ndarray) else argument)
    check(function(*plain))  # type: ignore[operator]


def check(failed: int) -> None:
    """Raise where a compiled function found no memory."""
    if failed:
        raise MemoryError("no memory left to count in; ask for fewer dates at a time.")


def _address(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _int(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.int64)


def _until(end: np.ndarray) -> np.ndarray | None:
    """None where no row ever ends."""
    endless = end.size > 0 and end.strides[0] == 0 and int(end[0]) == NEVER
    return None if endless else _int(end)
