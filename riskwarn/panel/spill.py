"""The rows of a panel on disk in the order a model learns them: read from its files once, kept as plain numbers in a file without a name."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError
from riskwarn.feature import Feature
from riskwarn.label import Label
from riskwarn.panel.asked import Asked, check_asked
from riskwarn.panel.files import asked_in, day_of, grids_in, mark_of, table_in
from riskwarn.panel.layout import whole_blocks
from riskwarn.rows import PART_CELLS, Rows
from riskwarn.store.remote import Folder, Remote, folder_of

_BYTES = 4
"""Of a value, as the panel has it."""
_GAP = 16
"""Rows apart up to which what lies between is read, too, rather than passed over."""


@dataclass(frozen=True, eq=False)
class Spill:
    """Values of rows in a file, float32, row after row.

    Parameters
    ----------
    file
        Without a name: it is gone with the process, however that ends.
    columns
        Of each row, in their order.
    digest
        What the panel was made from.
    asked
        Of each file, by name, what it was made for.
    """

    file: BinaryIO
    columns: tuple[str, ...]
    digest: str
    asked: Mapping[str, Asked | None]

    @property
    def at_hand(self) -> bool:
        """It does not lie in memory."""
        return False

    def put(self, places: np.ndarray, values: np.ndarray) -> None:
        """Write rows; those that lie beside each other in one go.

        Parameters
        ----------
        places
            (k,) rising numbers of the rows.
        values
            (k, columns) of them.
        """
        breaks = np.flatnonzero(np.diff(places) != 1) + 1
        for first, last in zip([0, *breaks], [*breaks, len(places)], strict=True):
            self.file.seek(int(places[first]) * self._width)
            self.file.write(values[first:last].tobytes())

    def take(self, places: np.ndarray | slice, names: Sequence[str]) -> pd.DataFrame:
        """As of :class:`riskwarn.rows.Source`.

        Parameters
        ----------
        places, names
            As there.

        Returns
        -------
        rows
            As there; float32, each column of one piece, as a panel at hand has them.
        """
        at = np.arange(places.start, places.stop) if isinstance(places, slice) else places
        chosen = np.array([self.columns.index(name) for name in names], dtype=np.intp)
        values = np.empty((len(names), len(at)), np.float32)
        size = max(PART_CELLS // len(self.columns), 1)
        for first in range(0, len(at) if len(names) else 0, size):
            some = at[first : first + size]
            values[:, first : first + len(some)] = self._read(some)[:, chosen].T
        return pd.DataFrame(values.T, columns=list(names), copy=False)

    @property
    def _width(self) -> int:
        return _BYTES * len(self.columns)

    def _read(self, at: np.ndarray) -> np.ndarray:
        """(k, columns) rows: those that rise with small gaps in one go, as the dates of one grid after the other do."""
        steps = np.diff(at)
        breaks = np.flatnonzero((steps <= 0) | (steps > _GAP)) + 1
        runs = zip([0, *breaks], [*breaks, len(at)], strict=True)
        found = [self._stretch(int(at[a]), int(at[b - 1]) + 1)[at[a:b] - at[a]] for a, b in runs]
        return np.concatenate(found) if len(found) > 1 else found[0]

    def _stretch(self, low: int, high: int) -> np.ndarray:
        self.file.seek(low * self._width)
        read = self.file.read((high - low) * self._width)
        return np.frombuffer(read, np.float32).reshape(-1, len(self.columns))


@contextmanager
def rows_on_disk(
    folder: str | Path | Remote,
    names: Iterable[str],
    *,
    dates: Iterable[object] | None = None,
    scratch: str | Path | None = None,
) -> Iterator[Rows]:
    """The rows of a panel that :func:`write_panel` or :func:`riskwarn.distributed.write_blocks` wrote, of which a part is read at a time.

    Its files are read once, a block and some dates at a time, and written as plain float32 numbers, by grid and date, into a file that
    is gone when they are let go: 4 bytes a value of disk, and in memory some 30 bytes a row.

    Parameters
    ----------
    folder
        Of the panel.
    names
        Columns that will be read.
    dates
        Only these; all by default.
    scratch
        Folder for the file, on this machine; that of the panel by default, or where temporary files go.

    Yields
    ------
    rows
        By grid and date, with `y` where it is settled.

    Raises
    ------
    DataError
        No panel is there, a run that wrote it broke off, it lacks a date or a column, or its blocks are of other grids at other dates.

    Examples
    --------
    ``with rows_on_disk("panel", model.feature_names) as rows: model.fit(rows)``
    """
    home, columns = folder_of(folder), tuple(dict.fromkeys(names))
    files = _files(home, dates)
    for part in files.values():
        _check_columns(part, columns)
    place, keys = _keys(home, files)
    near = scratch or (home if isinstance(home, Path) else None)
    days = _days(files)
    digest = "|".join(str(mark_of(file)) for file in files.values())
    asked = {str(file): asked_in(file) for file in files.values()}
    with tempfile.TemporaryFile(dir=near, prefix=".rows-") as file:
        spill = Spill(file, columns, digest, asked)
        for block, ids in place.items():
            size = max(PART_CELLS // max(len(columns) * len(ids), 1), 1)
            for first in range(0, len(days), size):
                _spill(spill, [files[day, block] for day in days[first : first + size]], ids, first, len(days))
        yield Rows(keys, spill)


@checked
def keys_on_disk(folder: str | Path | Remote, *, dates: Iterable[object] | None = None) -> pd.DataFrame:
    """Which rows a panel on disk has, and which of them have settled.

    Parameters
    ----------
    folder, dates
        As for :func:`rows_on_disk`.

    Returns
    -------
    keys
        `grid_id`, `as_of` and `y`, by grid and date.

    Raises
    ------
    DataError
        As :func:`rows_on_disk`.
    """
    home = folder_of(folder)
    return _keys(home, _files(home, dates))[1]


@checked
def block_files(folder: str | Path | Remote, days: Sequence[str]) -> list[list[Folder]]:
    """The files of a panel, block by block.

    Parameters
    ----------
    folder
        Of the panel.
    days
        Its dates, as their folders are named.

    Returns
    -------
    files
        Of each block those of the dates, in order.

    Raises
    ------
    DataError
        As :func:`rows_on_disk`.
    """
    files = _files(folder_of(folder), None)
    return [[files[day, block] for day in days] for block in sorted({block for _, block in files})]


@checked
def panel_digest(rows: Rows) -> str:
    """What the panel that rows come from was made from, as text.

    Parameters
    ----------
    rows
        What :func:`rows_on_disk` gave.

    Returns
    -------
    digest
        Of its files, in order.
    """
    return rows.source.digest if isinstance(rows.source, Spill) else ""


@checked
def check_panel(rows: Rows, features: Sequence[Feature], label: Label) -> None:
    """Refuse the rows of a panel on disk that was made for another label, or for other features of the same names.

    Parameters
    ----------
    rows
        What :func:`rows_on_disk` gave; rows of a panel at hand say nothing of it, and pass.
    features, label
        What is asked of them.

    Raises
    ------
    DataError
        It was: the message names both labels.
    """
    if isinstance(rows.source, Spill):
        check_asked(rows.source.asked, features, label)


def _files(folder: Folder, dates: Iterable[object] | None) -> dict[tuple[str, str], Folder]:
    """The files of a panel by date and block."""
    found: list[Folder] = sorted(folder.glob("as_of=*/part.parquet"), key=str)
    found += whole_blocks(folder)
    files = {(file.parent.name.removeprefix("as_of="), file.stem): file for file in found}
    if not files:
        raise DataError(
            f"no panel in {folder}: wanted folders as_of=2025-03-03 with part.parquet or block-0000.parquet."
        )
    if dates is None:
        return files
    wanted = {day_of(pd.Timestamp(at)) for at in dates}
    missing = sorted(wanted - {day for day, _ in files})
    if missing:
        raise DataError(
            f"the panel in {folder} lacks {len(missing)} dates, first: {missing[0]}; write it again, it goes on where it was."
        )
    return {key: file for key, file in files.items() if key[0] in wanted}


def _days(files: Iterable[tuple[str, str]]) -> list[str]:
    """The dates of some files, in order."""
    return sorted({day for day, _ in files})


def _check_columns(file: Folder, columns: Sequence[str]) -> None:
    import pyarrow.parquet as pq  # noqa: PLC0415

    with file.open("rb") as handle:
        held = pq.read_schema(handle).names
    missing = [name for name in columns if name not in held]
    if missing:
        raise DataError(
            f"{file} of the panel lacks {len(missing)} columns, first: {', '.join(missing[:3])}; write the panel for this experiment."
        )


def _keys(folder: Folder, files: dict[tuple[str, str], Folder]) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """Of each block the numbers of its grids, and `grid_id`, `as_of` and `y` of all rows, by grid and date."""
    days = _days(files)
    first = {block: table_in(files[days[0], block], ["grid_id"]) for day, block in files if day == days[0]}
    ids = {block: pd.Index(table["grid_id"].to_pylist()) for block, table in first.items()}
    grids = grids_in(folder)
    known = pd.Index(sorted(np.concatenate([*ids.values()])) if grids is None else grids["grid_id"].astype("str"))
    place = {block: known.get_indexer(here) for block, here in ids.items()}
    y, at = np.full((len(known), len(days)), np.nan, np.float32), {}
    for (day, block), file in files.items():
        table = table_in(file, ["grid_id", "as_of", "y"])
        if block not in first or not table["grid_id"].equals(first[block]["grid_id"]):
            raise _unlike(files, day, days[0])
        y[place[block], days.index(day)] = table["y"].to_numpy()
        at[day] = table["as_of"].slice(0, 1).to_pandas().iloc[0]
    dates = pd.DatetimeIndex([at[day] for day in days]).as_unit("us")
    keys = pd.DataFrame(
        {
            "grid_id": pd.Categorical.from_codes(np.repeat(np.arange(len(known), dtype=np.int32), len(days)), known),
            "as_of": dates[np.tile(np.arange(len(days)), len(known))],
            "y": y.ravel(),
        }
    )
    return place, keys


def _unlike(files: Mapping[tuple[str, str], Folder], day: str, first: str) -> DataError:
    """What is said of a date whose blocks are not those of the first: other grids, or the same ones cut otherwise."""
    grids, n = {}, {}
    for at in (first, day):
        here = [file for (of, _), file in files.items() if of == at]
        grids[at] = sorted(name for file in here for name in table_in(file, ["grid_id"])["grid_id"].to_pylist())
        n[at] = f"{len(here)} block{'s' * (len(here) > 1)}"
    if grids[day] != grids[first]:
        return DataError(f"the panel has other grids at {day} than at {first}; take the panel away and write it again.")
    return DataError(
        f"the panel has the same grids at {day} as at {first}, cut otherwise: {n[day]} there, {n[first]} here; write all its dates "
        "again with the same number of blocks (--blocks)."
    )


def _spill(spill: Spill, files: Sequence[Folder], ids: np.ndarray, first: int, n_dates: int) -> None:
    """Write the rows of a block at some dates."""
    order = np.argsort(ids, kind="stable")
    values = np.empty((len(ids), len(files), len(spill.columns)), np.float32)
    for number, file in enumerate(files):
        table = table_in(file, spill.columns)
        for k, name in enumerate(spill.columns):
            values[:, number, k] = table[name].to_numpy()[order]
    places = ids[order][:, None] * n_dates + first + np.arange(len(files))
    spill.put(places.ravel(), values.reshape(-1, len(spill.columns)))
