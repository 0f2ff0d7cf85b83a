"""A log that only grows: one JSON object a line, on the disk before the next thing happens, and read again however it was damaged."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from riskwarn.errors import DataError

Line = TypeVar("Line")


def add_line(place: Path, body: Mapping[str, object]) -> None:
    """Append an object as a line of its own, also after one that a killed job left half written.

    Raises
    ------
    OSError
        The log cannot be read or written.
    """
    with place.open("a+b") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - 1, 0))
        whole = file.read(1) in {b"", b"\n"}
        line = json.dumps(dict(body), ensure_ascii=False, default=str).encode() + b"\n"
        file.write(line if whole else b"\n" + line)
        file.flush()
        os.fsync(file.fileno())


def lines_in(place: Path, read: Callable[[dict[str, object]], Line], unreadable: Line) -> list[Line]:
    """What each line says, oldest first; `unreadable` for a damaged one, and for a log that may not be read."""
    try:
        lines = place.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError:
        return [unreadable]
    return [_read(line, read, unreadable) for line in lines if line.strip()]


def not_written(place: Path, error: OSError) -> DataError:
    """That a log cannot be written, and what to do."""
    return DataError(
        f"{place} cannot be written ({type(error).__name__}), and nothing was changed; "
        "let the account that runs riskwarn write the files of the store."
    )


def _read(line: bytes, read: Callable[[dict[str, object]], Line], unreadable: Line) -> Line:
    try:
        return read(json.loads(line))
    except (ValueError, KeyError, TypeError):
        return unreadable
