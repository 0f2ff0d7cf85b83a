"""An approval: until which day a city may publish and show scores; a log that only grows, and its last line holds.

::

    {"until": "2026-03-03", "since": "2025-03-03T06:40:00+08:00", "by": "admin", "why": "yearly review of the steering group"}

The first publication of a store writes the first line, of :data:`MONTHS` months: what nobody looks at again ends by itself. The day after,
it is as if somebody had stopped it (:mod:`riskwarn.store.stop`), until a new line is written.
"""

import datetime as dt
from dataclasses import asdict, dataclass
from pathlib import Path

from riskwarn.errors import DataError
from riskwarn.store.lines import add_line, lines_in, not_written
from riskwarn.store.stop import Stop

LOG = "approvals.jsonl"
"""Beside the tables of a store."""
MONTHS = 12
"""What the first publication is approved for."""
MOST_DAYS = 731
"""How far ahead an approval may reach."""
SOON_DAYS = 30
"""From so many days before its end on, pages and doctor say that it ends."""
ITSELF = "riskwarn"
"""Who wrote the first line."""
BY = "approval"
"""What has stopped it where nobody did."""


@dataclass(frozen=True)
class Approval:
    """A line of the log.

    Parameters
    ----------
    until
        The last day, as ISO 8601; empty where the line cannot be read.
    since
        When it was written, as ISO 8601 in the city's zone.
    by
        The role of who approved, never a person; ``riskwarn`` for the first line.
    why
        What was looked at.
    """

    until: str
    since: str
    by: str
    why: str

    def days_left(self, today: dt.date) -> int:
        """Days from `today` to the last day; negative where it is over or cannot be read."""
        return (dt.date.fromisoformat(self.until) - today).days if self.until else -1


@dataclass(frozen=True)
class Lapse(Stop):
    """The stop that an approval's end is; `since` is its last day, empty where the log cannot be read."""

    @property
    def said(self) -> str:
        """What has happened, in a sentence without its stop."""
        if not self.since:
            return "the log of approvals is damaged, and publishing and showing scores may be approved no longer"
        return f"publishing and showing scores was approved until {self.since}"

    @property
    def lift(self) -> str:
        """What lets it go on."""
        return "Look at what it does and approve it again with `riskwarn approve --until DATE --by ROLE --why …`."


UNREADABLE = Approval("", "", "", "")
"""What a damaged last line, or a log that may not be read, is taken for."""


def approvals_in(root: Path) -> list[Approval]:
    """Every approval of a store, oldest first; a line that cannot be read approves nothing, nor does a log that cannot be."""
    return lines_in(root / LOG, _read, UNREADABLE)


def approval_in(root: Path) -> Approval | None:
    """The approval that holds; None where nothing was published yet."""
    made = approvals_in(root)
    return made[-1] if made else None


def lapse_of(approval: Approval, today: dt.date) -> Lapse | None:
    """The stop that an approval is once it is over; None while it holds."""
    if approval.days_left(today) >= 0:
        return None
    return Lapse(True, approval.until, BY, f"approved until {approval.until}" if approval.until else "")


def checked_until(until: dt.date, today: dt.date) -> str:
    """The last day as it is written.

    Raises
    ------
    DataError
        It is past, or further ahead than an approval may reach.
    """
    if not 0 <= (until - today).days <= MOST_DAYS:
        raise DataError(
            f"an approval ends between today and {MOST_DAYS} days ahead ({today} to {today + dt.timedelta(MOST_DAYS)}), got {until}."
        )
    return until.isoformat()


def approve(root: Path, made: Approval, *, first: bool = False) -> None:
    """Write a line, whoever holds the store; on the disk when this returns. With `first` only where there is none yet.

    Raises
    ------
    DataError
        The log cannot be written.
    """
    try:
        if not (first and approvals_in(root)):
            add_line(root / LOG, asdict(made))
    except OSError as error:
        raise not_written(root / LOG, error) from None


def _read(body: dict[str, object]) -> Approval:
    until = dt.date.fromisoformat(str(body["until"])).isoformat()
    return Approval(until, str(body["since"]), str(body["by"]), str(body["why"]))
