"""The log of what people did to a store by hand: ``operations.jsonl``, one JSON object a line, appended and flushed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from riskwarn.store.lines import add_line

LOG = "operations.jsonl"


def note(root: Path, line: Mapping[str, object]) -> None:
    """Append a line; only who holds the store's lock may ask for it."""
    add_line(root / LOG, line)


def noted(root: Path) -> list[dict[str, Any]]:
    """The lines, oldest first; a torn one, which a killed job left half written, is passed over."""
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
