"""Rows kept aside on disk, by part, until the whole delivery is read: memory holds one part, not the file."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather

from riskwarn.ingest.delivery import as_frame


class Spool:
    """Frames put in piece by piece, taken out part by part; gone when the block ends.

    Parameters
    ----------
    folder
        Where the pieces stand meanwhile; made if need be.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix=".incoming-", dir=folder))
        self._n = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, frame: pd.DataFrame, part: np.ndarray) -> None:
        """Put rows aside, each under its part."""
        self._n += 1
        codes, names = pd.factorize(part)
        table = pa.Table.from_pandas(frame.assign(**_naive(frame)), preserve_index=False)
        table = table.take(pa.array(np.argsort(codes, kind="stable"))) if len(names) > 1 else table
        ends = np.cumsum(np.bincount(codes, minlength=len(names)))
        for name, start, end in zip(names, [0, *ends[:-1]], ends, strict=True):
            piece = self._folder / str(name)
            piece.mkdir(exist_ok=True)
            rows = table.slice(start, end - start)
            pyarrow.feather.write_feather(rows, str(piece / f"{self._n:06d}"), compression="lz4")

    def parts(self, least: int) -> Iterator[pd.DataFrame]:
        """The rows part by part, in the order they came; small parts together until they make `least` rows."""
        waiting: list[pa.Table] = []
        for part in sorted(self._folder.iterdir()):
            waiting += [pyarrow.feather.read_table(str(piece), memory_map=False) for piece in sorted(part.iterdir())]
            if sum(table.num_rows for table in waiting) >= least:
                yield _frame(waiting)
                waiting = []
        if waiting:
            yield _frame(waiting)


def _frame(tables: list[pa.Table]) -> pd.DataFrame:
    frame = as_frame(pa.concat_tables(tables, promote_options="permissive"))
    return frame.assign(**{n: frame[n].dt.tz_localize("UTC") for n in frame if frame[n].dtype.kind == "M"})


def _naive(frame: pd.DataFrame) -> dict[str, pd.Series]:
    return {str(n): frame[n].dt.tz_convert(None) for n in frame if isinstance(frame[n].dtype, pd.DatetimeTZDtype)}
