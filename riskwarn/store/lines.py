"""A line at the end of a log that only grows: one JSON object, flushed and on the disk before the next thing happens."""

import json
import os
from collections.abc import Mapping
from pathlib import Path


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
