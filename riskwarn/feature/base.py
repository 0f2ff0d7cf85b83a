"""What every feature is: a frozen value that names, explains and computes itself."""

import dataclasses
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from riskwarn.errors import DefinitionError
from riskwarn.history import Snapshot, Stream
from riskwarn.taxonomy import Words

if TYPE_CHECKING:
    from riskwarn.feature.space import Nearby, OfParent

NORMAL_WEEKS = 15
"""The habit of the field: what is normal is the mean of the fifteen weeks before."""
OWNERS = {
    "dispute": Words("综治中心", "governance centre"),
    "petition": Words("信访部门", "petition office"),
    "police_call": Words("公安机关", "police"),
    "hotline": Words("12345热线", "12345 hotline"),
    "grid_report": Words("网格中心", "grid centre"),
    "visit": Words("网格中心", "grid centre"),
    "roster": Words("网格中心", "grid centre"),
    "step": Words("综治中心", "governance centre"),
    "diversion": Words("公安机关", "police"),
}
"""Who answers for the records of a stream."""
_CENTRE = Words("数据专班", "data team")
AUDIT_ONLY = frozenset({"visit", "roster"})
"""Streams of staff: what staff did may be audited and never lowers or raises a grid's score."""
Reach = Literal["own", "near", "parent", "city"]
REACHES: tuple[Reach, ...] = ("own", "near", "parent", "city")


@dataclass(frozen=True)
class Feature:
    """Base of all features. Subclasses define :meth:`compute`, :attr:`name` and :attr:`words`."""

    unit: ClassVar[str] = "count"
    code: ClassVar[str] = "RC01"
    remedy: ClassVar[str] = "A1"
    monotone: ClassVar[int] = 0
    """1 where a rise of the feature may only raise the score, -1 where it may only lower it, 0 where both may be."""
    looks: ClassVar[Reach] = "own"
    """Whose records it looks at: the grid's own, its neighbours', its parent's, the whole city's."""

    @property
    def name(self) -> str:
        """Column name, derived from the parameters."""
        raise DefinitionError(f"{type(self).__name__} does not say its name.")

    @property
    def words(self) -> Words:
        """What the number is, for staff."""
        raise DefinitionError(f"{type(self).__name__} does not say its words.")

    @property
    def family(self) -> str:
        """Features of one family explain one thing, and are one reason."""
        return self.name

    @property
    def template(self) -> Words:
        """Sentence of a reason, with ``{value}`` and ``{normal}`` to fill in."""
        return Words(
            f"{self.words.zh}为{{value}}，全市中位数{{normal}}", f"{self.words.en}: {{value}}; city median {{normal}}"
        )

    @property
    def parts(self) -> "tuple[Feature, ...]":
        """Features it is made of."""
        return ()

    @property
    def reads(self) -> tuple[Stream, ...]:
        """Streams it reads."""
        return tuple(dict.fromkeys(s for part in self.parts for s in part.reads))

    @property
    def owner(self) -> Words:
        """Who answers for the numbers behind it."""
        return OWNERS.get(self.reads[0].source, _CENTRE) if self.reads else _CENTRE

    @property
    def for_model(self) -> bool:
        """Whether a model may read it; what staff do is for audit alone."""
        return not any(s.source in AUDIT_ONLY for s in self.reads)

    @property
    def clock(self) -> bool:
        """Whether it reads the calendar or the hour, so that moving all records in time may change it."""
        return any(s.hours for s in self.reads) or any(part.clock for part in self.parts)

    def compute(self, snapshot: Snapshot) -> np.ndarray:  # noqa: ARG002 - subclasses read it
        """(n_grids, n_dates) float32 values."""
        raise DefinitionError(f"{type(self).__name__} does not say how it is computed.")

    def plane(self, snapshot: Snapshot) -> Hashable:  # noqa: ARG002 - subclasses read it
        """The snapshot's own name of :meth:`compute`'s result where the snapshot keeps it as it is; None elsewhere."""
        return None

    def normal(self, snapshot: Snapshot) -> np.ndarray:
        """What the value is compared with in a reason: the median over all grids, unless the feature knows the grid's own."""
        return np.broadcast_to(_median(self.compute(snapshot)), snapshot.shape)

    def nearby(self, *, total: bool = False) -> "Nearby":
        """The same, as the mean (or the `total`) over the neighbouring grids."""
        from riskwarn.feature.space import Nearby  # noqa: PLC0415 - made of features

        return Nearby(self, total)

    def of_parent(self, level: str = "township_id") -> "OfParent":
        """The same, as the mean over the grids with the same parent: ``community_id``, ``township_id`` or ``county_id``."""
        from riskwarn.feature.space import OfParent  # noqa: PLC0415 - made of features

        return OfParent(self, level)

    def to_dict(self) -> dict[str, Any]:
        """Plain values from which :func:`from_dict` makes an equal feature."""
        values = {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}
        return {"kind": type(self).__name__, **values}


@dataclass(frozen=True)
class Streamed(Feature):
    """A feature of one stream."""

    stream: Stream

    def __post_init__(self) -> None:
        object.__setattr__(self, "stream", Stream.parse(self.stream))

    @property
    def family(self) -> str:
        """The stream: its counts over short and long windows tell one thing."""
        return self.stream.name

    @property
    def reads(self) -> tuple[Stream, ...]:
        """The stream."""
        return (self.stream,)


@dataclass(frozen=True)
class Windowed(Streamed):
    """A feature of one stream over the last `days` days."""

    days: float

    def __post_init__(self) -> None:
        super().__post_init__()
        positive(self, "days")


def _median(values: np.ndarray) -> np.ndarray:
    """(1, n_dates) median over the grids that have a value."""
    known = np.isfinite(values).any(axis=0)
    median = np.full((1, values.shape[1]), np.nan, np.float32)
    if known.any():
        median[0, known] = np.nanmedian(values[:, known], axis=0)
    return median


def positive(feature: Feature, *names: str) -> None:
    """Refuse parameters that are not above zero."""
    for name in names:
        value = getattr(feature, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise DefinitionError(f"{type(feature).__name__}: {name} must be above 0, got {value!r}.")


def share(feature: Feature, *names: str) -> None:
    """Refuse parameters outside 0 to 1."""
    for name in names:
        value = getattr(feature, name)
        if not 0 <= value <= 1:
            raise DefinitionError(f"{type(feature).__name__}: {name} must be in 0 to 1, got {value!r}.")


def furthest(feature: Feature) -> Reach:
    """How far it looks, or what it is made of where that looks further."""
    return max((feature.looks, *map(furthest, feature.parts)), key=REACHES.index)


def silent(snapshot: Snapshot, source: str, days: float, *, ago: float = 0) -> np.ndarray:
    """(n_dates,) dates at which the feed spoke for no moment of the window: nothing is known, which is not nothing."""
    key = ("silent", source, days, ago)
    found = snapshot.kept.get(key)
    if found is None:
        found = snapshot.kept[key] = snapshot.exposure(source, days, ago=ago) <= 0
    return found


def unless_silent(snapshot: Snapshot, source: str, days: float, values: np.ndarray, *, ago: float = 0) -> np.ndarray:
    """`values`, NaN at the dates at which the feed was silent for the whole window."""
    gone = silent(snapshot, source, days, ago=ago)
    if not gone.any():
        return values
    masked = np.array(values, dtype=np.float32)
    masked[:, gone] = np.nan
    return masked


def divided(top: np.ndarray, bottom: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """``top / bottom``, NaN where `bottom` is 0; into `out` if given."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.divide(top, bottom, dtype=np.float32) if out is None else np.divide(top, bottom, out=out)
    endless = np.isinf(found)
    if endless.any():
        found[endless] = np.nan
    return found


def per_observed(values: np.ndarray, snapshot: Snapshot, source: str, days: float, *, ago: float = 0) -> np.ndarray:
    """Values per observed day of the window, NaN where there was none."""
    exposure = snapshot.exposure(source, days, ago=ago)
    return np.asarray(values / np.where(exposure > 0, exposure, np.nan), dtype=np.float32)


def _plain(value: object) -> object:
    if isinstance(value, Feature | Stream):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return value


Reduce = Callable[[np.ndarray, np.ndarray], np.ndarray]
