"""How cases are handled: what is open, late, old, and how long it takes."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from riskwarn.feature.base import Reach, Streamed, Windowed, divided, positive, share
from riskwarn.history import Snapshot
from riskwarn.taxonomy import Words

_AMBER = 0.8
"""Share of its time after which a case turns amber."""


@dataclass(frozen=True)
class _Handled(Streamed):
    """A feature of how the cases of a stream are handled."""

    code: ClassVar[str] = "RC03"
    remedy: ClassVar[str] = "A3"

    @property
    def family(self) -> str:
        return f"{self.stream.name}_handling"

    def _pieces(self, zh: str, en: str) -> Words:
        return Words(f"{zh}{{value}}件，全市中位数{{normal}}件", f"{{value}} {en}; city median {{normal}}")


@dataclass(frozen=True)
class Open(_Handled):
    """Cases of a stream that are open; of the last `days` days, where given."""

    days: float = 0

    @property
    def name(self) -> str:
        return f"{self.stream.name}_open_n" + (f"_{self.days:g}d" if self.days else "")

    @property
    def words(self) -> Words:
        since = Words(f"近{self.days:g}天", f" of the last {self.days:g} days") if self.days else Words("", "")
        return Words(f"{since.zh}未办结{self.stream.words.zh}", f"open {self.stream.words.en}{since.en}")

    @property
    def template(self) -> Words:
        return self._pieces(self.words.zh, self.words.en)

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.open(self.stream, days=self.days or None)

    def plane(self, snapshot: Snapshot) -> Hashable:
        del snapshot
        return ("open", self.stream, self.days or None)


@dataclass(frozen=True)
class Overdue(_Handled):
    """Open cases past their due time."""

    remedy: ClassVar[str] = "A4"

    @property
    def name(self) -> str:
        return f"{self.stream.name}_overdue_n"

    @property
    def words(self) -> Words:
        return Words(f"超期未办结{self.stream.words.zh}", f"overdue {self.stream.words.en}")

    @property
    def template(self) -> Words:
        return self._pieces(self.words.zh, self.words.en)

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.overdue(self.stream)


@dataclass(frozen=True)
class Amber(_Handled):
    """Open cases that have used four fifths of their time and are not overdue."""

    remedy: ClassVar[str] = "A4"

    @property
    def name(self) -> str:
        return f"{self.stream.name}_amber_n"

    @property
    def words(self) -> Words:
        return Words(f"临近超期的{self.stream.words.zh}", f"{self.stream.words.en} close to their due time")

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.overdue(self.stream, elapsed=_AMBER) - snapshot.overdue(self.stream)


@dataclass(frozen=True)
class OverdueShare(_Handled):
    """Share of the open cases that are overdue, drawn towards the city's by `weight` pseudo-cases."""

    weight: float = 2
    unit: ClassVar[str] = "share"
    remedy: ClassVar[str] = "A4"
    looks: ClassVar[Reach] = "city"

    @property
    def name(self) -> str:
        return f"{self.stream.name}_overdue_share"

    @property
    def words(self) -> Words:
        return Words(f"{self.stream.words.zh}超期比例", f"share of open {self.stream.words.en} that are overdue")

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        late, held = snapshot.overdue(self.stream), snapshot.open(self.stream)
        city = late.sum(axis=0, keepdims=True) / np.maximum(held.sum(axis=0, keepdims=True), 1)
        return (late + np.float32(self.weight) * city) / (held + np.float32(self.weight))


@dataclass(frozen=True)
class OverdueDays(_Handled):
    """Days by which the longest overdue open case is late; 0 where none is."""

    unit: ClassVar[str] = "days"
    remedy: ClassVar[str] = "A4"

    @property
    def name(self) -> str:
        return f"{self.stream.name}_overdue_days"

    @property
    def words(self) -> Words:
        return Words(
            f"{self.stream.words.zh}最长超期天数", f"days the longest overdue of {self.stream.words.en} is late"
        )

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.overdue_days(self.stream)


@dataclass(frozen=True)
class OpenAge(_Handled):
    """Quantile `q` of the age of the open cases, days; NaN where none is open."""

    q: float = 0.9
    unit: ClassVar[str] = "days"

    def __post_init__(self) -> None:
        super().__post_init__()
        share(self, "q")

    @property
    def name(self) -> str:
        return f"{self.stream.name}_open_age_p{100 * self.q:g}"

    @property
    def words(self) -> Words:
        return Words(
            f"未办结{self.stream.words.zh}存续天数（{100 * self.q:g}分位）",
            f"age of open {self.stream.words.en}, {100 * self.q:g}th percentile",
        )

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.open_age(self.stream, q=self.q)


@dataclass(frozen=True)
class _HandledWithin(_Handled):
    days: float = 28

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, "days")


@dataclass(frozen=True)
class Closed(_HandledWithin):
    """Cases closed within the last `days` days."""

    @property
    def name(self) -> str:
        return f"{self.stream.name}_closed_n_{self.days:g}d"

    @property
    def words(self) -> Words:
        return Words(
            f"近{self.days:g}天办结的{self.stream.words.zh}",
            f"{self.stream.words.en} closed in the last {self.days:g} days",
        )

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.closed(self.stream, self.days)


@dataclass(frozen=True)
class Handling(_HandledWithin):
    """Quantile `q` of the days from occurring to closing, of the cases closed within `days`; calendar days; NaN where none was."""

    q: float = 0.5
    unit: ClassVar[str] = "days"

    def __post_init__(self) -> None:
        super().__post_init__()
        share(self, "q")

    @property
    def name(self) -> str:
        return f"{self.stream.name}_handling_p{100 * self.q:g}_{self.days:g}d"

    @property
    def words(self) -> Words:
        middle = (
            Words("中位", "median ")
            if self.q == 0.5
            else Words(f"{100 * self.q:g}分位", f"{100 * self.q:g}th percentile of ")
        )
        return Words(
            f"近{self.days:g}天办结的{self.stream.words.zh}{middle.zh}办理天数",
            f"{middle.en}days taken by {self.stream.words.en} closed in the last {self.days:g} days",
        )

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.handling(self.stream, self.days, q=self.q)

    def plane(self, snapshot: Snapshot) -> Hashable:
        del snapshot
        return ("handling", self.stream, float(self.days), self.q)


@dataclass(frozen=True)
class Delay(Windowed):
    """Quantile `q` of the days from occurring to being known, of what became known within `days`; NaN where nothing did."""

    q: float = 0.5
    unit: ClassVar[str] = "days"
    code: ClassVar[str] = "RC15"
    remedy: ClassVar[str] = "A8"

    def __post_init__(self) -> None:
        super().__post_init__()
        share(self, "q")

    @property
    def name(self) -> str:
        return f"{self.stream.name}_delay_p{100 * self.q:g}_{self.days:g}d"

    @property
    def family(self) -> str:
        return f"{self.stream.name}_feed"

    @property
    def words(self) -> Words:
        return Words(
            f"近{self.days:g}天{self.stream.words.zh}入库滞后天数（{100 * self.q:g}分位）",
            f"days {self.stream.words.en} took to reach the centre, {100 * self.q:g}th percentile over {self.days:g} days",
        )

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        return snapshot.delay(self.stream, self.days, q=self.q)


@dataclass(frozen=True)
class Recurrence(_HandledWithin):
    """Share of the cases closed in the last `days` days, and followed for `within` days, after which the same place reported again.

    A case counts as followed once `within` days have passed since its closing. Drawn towards the city's share by `weight` cases.
    """

    within: float = 30
    weight: float = 5
    unit: ClassVar[str] = "share"
    code: ClassVar[str] = "RC06"
    remedy: ClassVar[str] = "A2"
    looks: ClassVar[Reach] = "city"

    @property
    def name(self) -> str:
        return f"{self.stream.name}_recurred_{self.within:g}d_share_{self.days:g}d"

    @property
    def words(self) -> Words:
        return Words(
            f"{self.stream.words.zh}办结后{self.within:g}天内同一地点再次发生的比例（近{self.days:g}天）",
            f"share of {self.stream.words.en} after whose closing the same place reported again within {self.within:g} days",
        )

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        again, followed = snapshot.recurred(self.stream, days=self.days, within=self.within)
        city = divided(again.sum(axis=0, keepdims=True), followed.sum(axis=0, keepdims=True))
        city = np.nan_to_num(city)
        k = np.float32(self.weight)
        return (again + k * city) / (followed + k)
