"""The log of what people did to a store by hand: ``operations.jsonl``, one JSON object a line, appended and flushed."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LOG = "operations.jsonl"


def note(root: Path, line: Mapping[str, object]) -> None:
    """Append a line; only who holds the store's lock may ask for it."""
    place = root / LOG
    whole = place.read_bytes() if place.exists() else b""
    with place.open("ab") as file:
        # a line that a killed job left half written ends here, and is passed over when it is read
        file.write(b"\n" if whole and not whole.endswith(b"\n") else b"")
        file.write(json.dumps(dict(line), ensure_ascii=False, default=str).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def noted(root: Path) -> list[dict[str, Any]]:
    """The lines, oldest first; a torn one is passed over."""
    try:
        lines = (root / LOG).read_text("utf-8").splitlines()
    except OSError:
        return []
    return [body for body in map(_read, lines) if body is not None]


def _read(line: str) -> dict[str, Any] | None:
    try:
        body = json.loads(line)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
