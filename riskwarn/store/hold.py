"""A hold: a rollback of a night that stays until it is released, whatever is computed meanwhile."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from riskwarn.store.parquet import write_bytes

HOLD = "hold.json"
"""Beside the pointer of a night."""


@dataclass(frozen=True)
class Hold:
    """A night held at a run.

    Parameters
    ----------
    run
        The run that holds.
    why
        The reason, in the words of who rolled back.
    since
        When, as ISO 8601 in the city's zone.
    """

    run: str
    why: str
    since: str


def read_hold(night: Path) -> Hold | None:
    """The hold of a night's folder, none where there is none or it cannot be read."""
    try:
        body = json.loads((night / HOLD).read_text("utf-8"))
        return Hold(str(body["run"]), str(body["why"]), str(body["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_damaged(night: Path) -> bool:
    """Whether there is a hold that cannot be read."""
    return (night / HOLD).exists() and read_hold(night) is None


def write_hold(night: Path, hold: Hold) -> None:
    """Hold a night, from one instant on."""
    write_bytes(night / HOLD, json.dumps(asdict(hold), ensure_ascii=False).encode())


def release(night: Path) -> None:
    """Let the night's pointer hold again."""
    (night / HOLD).unlink(missing_ok=True)
