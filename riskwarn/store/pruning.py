"""Which nights may go: old ones, never the newest that is sound, never one held by a rollback."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

LEAST_KEPT = 30
"""Dates whose nights always stay, tonight's among them."""


@dataclass(frozen=True)
class Pruned:
    """A night that went, or would go: its date and the size of its files."""

    as_of: pd.Timestamp
    n_bytes: int


def old_nights(nights: Sequence[pd.Timestamp], keep: int) -> list[pd.Timestamp]:
    """The nights before the newest `keep` dates.

    Examples
    --------
    >>> days = list(pd.date_range("2025-01-01", periods=32))
    >>> [str(day.date()) for day in old_nights(days, 30)]
    ['2025-01-01', '2025-01-02']
    """
    dates = sorted({at.date() for at in nights}, reverse=True)[:keep]
    return [at for at in sorted(nights) if dates and at.date() < dates[-1]]


def size(folder: Path) -> int:
    """Bytes of all files of a folder."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def remove(folder: Path) -> None:
    """Take a folder away at once: a reader sees all of it or nothing, and the next writer sweeps what a killed one left."""
    gone = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(gone, ignore_errors=True)
    folder.rename(gone)
    shutil.rmtree(gone)
