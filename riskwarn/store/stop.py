"""A stop: nothing is published and no score is shown until somebody lets it go on; a log that only grows, and its last line holds.

::

    {"since": "2025-03-03T06:40:00+08:00", "stopped": true, "by": "admin", "why": "scores of one county doubled overnight"}

Stopping does not wait for the job that holds the store: it is meant for the moment in which that job goes wrong.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import filelock

from riskwarn.errors import ConflictError
from riskwarn.store.lines import add_line, lines_in, not_written

LOG, LOCK = "stops.jsonl", ".stops.lock"
"""Beside the tables of a store."""


@dataclass(frozen=True)
class Stop:
    """A line of the log.

    Parameters
    ----------
    stopped
        True where it was stopped, False where it was let go on.
    since
        When, as ISO 8601 in the city's zone.
    by
        The role of who did it, never a person.
    why
        The reason.
    """

    stopped: bool
    since: str
    by: str
    why: str

    @property
    def said(self) -> str:
        """What has happened, in a sentence without its stop."""
        since = self.since[:16] or "a time that cannot be read"
        return (
            f"{self.by or 'somebody'} has stopped publishing and showing scores since {since} "
            f"({self.why or 'the log of stops is damaged'})"
        )

    @property
    def lift(self) -> str:
        """What lets it go on."""
        return "Release it with `riskwarn stop --release --by ROLE --why …`."


UNREADABLE = Stop(True, "", "", "")
"""What a damaged last line, or a log that may not be read, is taken for: it may have been a stop."""


def stops_in(root: Path) -> list[Stop]:
    """Every stop and release of a store, oldest first; a line that cannot be read is one that stops, and so is a log that cannot be."""
    return lines_in(root / LOG, _read, UNREADABLE)


def stop_in(root: Path) -> Stop | None:
    """The stop that holds; None where none does."""
    made = stops_in(root)
    return made[-1] if made and made[-1].stopped else None


def append(root: Path, made: Stop) -> None:
    """Write a line, whoever holds the store; on the disk when this returns.

    Raises
    ------
    ConflictError
        It is stopped already, or nothing is: somebody was faster.
    DataError
        The log cannot be written.
    """
    try:
        with filelock.FileLock(root / LOCK):
            (root / LOG).open("ab").close()  # what may not be written is told before what may not be read
            if (stop_in(root) is not None) == made.stopped:
                raise ConflictError(
                    "it is stopped already; see `riskwarn stop`."
                    if made.stopped
                    else "nothing is stopped; see `riskwarn stop`."
                )
            add_line(root / LOG, asdict(made))
    except OSError as error:
        raise not_written(root / LOG, error) from None


def _read(body: dict[str, object]) -> Stop:
    return Stop(bool(body["stopped"]), str(body["since"]), str(body["by"]), str(body["why"]))
