"""What counts as an outcome, over how many days, and when it is settled."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from riskwarn.errors import DefinitionError
from riskwarn.history import DAY_US, Snapshot, Stream
from riskwarn.taxonomy import Words


@dataclass(frozen=True)
class Label:
    """Events of some streams that occur in ``[as_of, as_of + days)``, counted once they are settled.

    Parameters
    ----------
    name
        Target name, as scores carry it.
    streams
        What is counted, added up.
    days
        Horizon, days.
    settle_days
        Records arrive late: the count is read `settle_days` after the horizon ended, and a row trains only from then on.

    Raises
    ------
    DefinitionError
        No stream, or a horizon or wait that is not a positive number.

    Examples
    --------
    >>> label = Label("dispute_28d", (Stream("dispute"),), days=28, settle_days=7)
    >>> label.wait_days
    35
    """

    name: str
    streams: tuple[Stream, ...]
    days: float
    settle_days: float = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "streams", tuple(Stream.parse(s) for s in self.streams))
        if not self.streams:
            raise DefinitionError(f"label {self.name!r}: name at least one stream to count.")
        if not self.days > 0 or self.settle_days < 0:
            raise DefinitionError(
                f"label {self.name!r}: days must be above 0 and settle_days at least 0, got {self.days} and {self.settle_days}."
            )

    @property
    def wait_days(self) -> float:
        """Days after `as_of` from which the outcome is settled."""
        return self.days + self.settle_days

    @property
    def words(self) -> Words:
        """What is counted, for staff."""
        zh, en = ("、".join(s.words.zh for s in self.streams), " and ".join(s.words.en for s in self.streams))
        return Words(f"未来{self.days:g}天{zh}", f"{en} in the next {self.days:g} days")

    def outcome(self, snapshot: Snapshot) -> np.ndarray:
        """(n_grids, n_dates) counts, NaN where the outcome is not settled yet."""
        total = sum(snapshot.coming(s, days=self.days, settle_days=self.settle_days) for s in self.streams)
        settled = snapshot.micros + round(self.wait_days * DAY_US) <= snapshot.history.until
        return np.where(settled[None, :], total, np.float32(np.nan)).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Plain values from which :meth:`from_dict` makes an equal label."""
        return {
            "name": self.name,
            "streams": [s.to_dict() for s in self.streams],
            "days": self.days,
            "settle_days": self.settle_days,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Label":
        """The label that :meth:`to_dict` described."""
        return cls(**{**values, "streams": tuple(values["streams"])})
