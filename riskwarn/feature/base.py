"""What every feature is: a frozen value that names, explains and computes itself."""

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy import sparse

from riskwarn.calling import CheckedClass, checked
from riskwarn.declaring import check
from riskwarn.errors import DefinitionError
from riskwarn.feature.clause import Clause, Eases, Noun
from riskwarn.feature.held import matching, within
from riskwarn.feature.owner import AUDIT_ONLY, CENTRE, OWNERS
from riskwarn.feature.reach import REACHES, Reach
from riskwarn.feature.telling import STEPS, step_of, unit_of
from riskwarn.history import History, Snapshot, Stream, Totals
from riskwarn.language import Spoken, measure_word

AROUND: dict[str, Callable[..., "Feature"]] = {}
"""Ways of looking around the grid that are features made of features, by the method that makes them; they are defined after this."""
_WINDOW_DAYS = 365
"""How far back a feature is taken to look that does not say it."""


@dataclass(frozen=True)
class Feature(metaclass=CheckedClass):
    """Base of all features: a number of each grid, that names, computes and tells itself.

    A subclass must define :attr:`name`, :attr:`words` and :meth:`compute`. All else has a default that is right, if plain: how its value
    is put into a sentence (:attr:`clause`), which events are behind it (:meth:`rows`), what it shares events with (:attr:`counts`,
    :attr:`wholes`, :meth:`recency`) and whether service can change it (:attr:`actionable`). A subclass in a notebook overrides what it
    knows better; nothing in the package asks for the name of a class.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from riskwarn.language import Words
    >>> @dataclass(frozen=True)
    ... class Weekend(Feature):
    ...     days: float = 28
    ...     name = property(lambda self: f"weekend_calls_{self.days:g}d")
    ...     words = property(lambda self: Words("周末警情", "calls at weekends"))
    ...     reads = (Stream("police_call"),)
    >>> Weekend().clause.kind, Weekend().window
    ('measure', 28.0)
    """

    unit: ClassVar[str] = "count"
    code: ClassVar[str] = "RC01"
    remedy: ClassVar[str] = "A1"
    monotone: ClassVar[int] = 0
    """1 where a rise of the feature may only raise the score, -1 where it may only lower it, 0 where both may be.

    1 of whatever counts records or open matters: one more call for help never lowers the score of the place that made it.
    """
    looks: ClassVar[Reach] = "own"
    """Whose records it looks at: the grid's own, its neighbours', its parent's, the whole city's."""
    areas: ClassVar[tuple[str, ...]] = ()
    """Areas over which its :meth:`terms` are added up first: ``city``, or levels of parents. A feature that takes nothing else of grids
    beyond its neighbours can be computed a block of grids at a time (:mod:`riskwarn.distributed`)."""
    actionable: ClassVar[bool] = False
    """Whether service can change it: open cases can be closed, what has happened stays."""
    scaled: ClassVar[bool] = False
    """Whether the value is what its rows add up to, scaled up to the part of the window that was observed, or by a unit of time."""

    def __post_init__(self) -> None:
        """Check the parameters by their annotations; a subclass that adds a rule calls this first."""
        check(self)

    @property
    def name(self) -> str:
        """Column name, derived from the parameters."""
        raise DefinitionError(f"{type(self).__name__} does not say its name.")

    @property
    def words(self) -> Spoken:
        """What the number is, for staff."""
        raise DefinitionError(f"{type(self).__name__} does not say its words.")

    @property
    def family(self) -> str:
        """Features of one family explain one thing, and are one reason."""
        return self.name

    @property
    def parts(self) -> "tuple[Feature, ...]":
        """Features it is made of."""
        return ()

    @property
    def reads(self) -> tuple[Stream, ...]:
        """Streams it reads."""
        return tuple(dict.fromkeys(s for part in self.parts for s in part.reads))

    @property
    def owner(self) -> Spoken:
        """Who answers for the numbers behind it."""
        return OWNERS.get(self.reads[0].source, CENTRE) if self.reads else CENTRE

    @property
    def for_model(self) -> bool:
        """Whether a model may read it; what staff do is for audit alone."""
        return not any(s.source in AUDIT_ONLY for s in self.reads)

    @property
    def clock(self) -> bool:
        """Whether it reads the calendar or the hour, so that moving all records in time may change it."""
        return any(s.hours for s in self.reads) or any(part.clock for part in self.parts)

    def compute(self, snapshot: Snapshot) -> np.ndarray:  # noqa: ARG002 - subclasses read it
        """(n_grids, n_dates) float32 values.

        Parameters
        ----------
        snapshot
            What was known at each date.

        Returns
        -------
        values
            NaN where nothing is known; may be read-only.

        Raises
        ------
        DefinitionError
            The city has no such feed or column.

        Examples
        --------
        >>> from riskwarn.feature import Count
        >>> from riskwarn.history import History
        >>> at = pd.to_datetime(["2025-01-01", "2025-01-05"]).tz_localize("Asia/Shanghai")
        >>> events = pd.DataFrame({"source": "dispute", "event_id": ["a", "b"], "known_at": at, "occurred_at": at,
        ...                        "grid_id": ["A", "B"], "category": "D02"})
        >>> history = History.of(events, pd.DataFrame({"grid_id": ["A", "B"], "valid_from": at[0]}))
        >>> Count("dispute", days=7).compute(history.at(["2025-01-03", "2025-01-06"])).tolist()
        [[1.0, 1.0], [0.0, 1.0]]
        """
        raise DefinitionError(f"{type(self).__name__} does not say how it is computed.")

    def terms(self, snapshot: Snapshot) -> Sequence[np.ndarray]:  # noqa: ARG002 - subclasses read it
        """What is added up over :attr:`areas`, by the grids themselves.

        Parameters
        ----------
        snapshot
            What was known at each date.

        Returns
        -------
        terms
            (n_grids, n_dates) each, NaN where unknown; as many for any grids.
        """
        return ()

    def totals(self, snapshot: Snapshot, area: str, terms: Sequence[np.ndarray] | None = None) -> Totals:
        """Its terms, added up over the grids of each area.

        Parameters
        ----------
        snapshot
            What was known at each date.
        area
            One of :attr:`areas`.
        terms
            Those of the snapshot, where they are at hand.

        Returns
        -------
        totals
            One row a term.
        """
        return snapshot.total(self, area, lambda: self.terms(snapshot) if terms is None else terms)

    def plane(self, snapshot: Snapshot) -> Hashable:  # noqa: ARG002 - subclasses read it
        """The snapshot's own name of :meth:`compute`'s result where the snapshot keeps it as it is; None elsewhere.

        Parameters
        ----------
        snapshot
            Of the dates.

        Returns
        -------
        key
            For :meth:`riskwarn.history.Snapshot.lend`.
        """
        return None

    def normal(self, snapshot: Snapshot) -> np.ndarray:
        """What the value is compared with in a reason: the median over all grids, unless the feature knows the grid's own.

        Parameters
        ----------
        snapshot
            What was known at each date.

        Returns
        -------
        normal
            (n_grids, n_dates), in the unit of the value; NaN where no grid has a value.
        """
        return np.broadcast_to(snapshot.median(self, lambda: self.compute(snapshot)), snapshot.shape)

    @property
    def medians(self) -> "tuple[Feature, ...]":
        """The features whose median over all grids :meth:`normal` asks for: itself, unless it knows the grid's own."""
        return (self,)

    # -- how it is told ----------------------------------------------------------------------------------------------------

    @property
    def clause(self) -> Clause:
        """How its value is put into a sentence: by default its words, the value with its unit, and the city's median."""
        return measured(self)

    def easier(self, family: "Sequence[Feature]") -> "Feature | None":  # noqa: ARG002 - subclasses read it
        """The feature of its family that says the same in easier words and is told instead; None where it speaks for itself.

        Parameters
        ----------
        family
            Features of one family that are told together.

        Returns
        -------
        feature
            One of them.
        """
        return None

    @property
    def core(self) -> "Feature":
        """The feature that is averaged over the grids around; itself, where it looks at its own grid."""
        return self

    @property
    def around(self) -> str:
        """Which grids it looks at, where it is not the grid itself: ``nearby``, ``community``, ``township`` or ``county``."""
        return ""

    @property
    def dated(self) -> bool:
        """Whether it moves with the date alone."""
        return self.clock and not self.reads

    # -- what stands behind it ---------------------------------------------------------------------------------------------

    @property
    def window(self) -> float:
        """Days back that it looks: its own `days`, where it has them."""
        return float(getattr(self, "days", 0)) or max((part.window for part in self.parts), default=_WINDOW_DAYS)

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        """The events behind the value, each with what it adds to it.

        Parameters
        ----------
        events
            Those that hold at `at`, of the grids it looks at, with the columns of table `events` and `weight`, the part of the event
            that lies in the grid.
        at
            The instant.

        Returns
        -------
        rows
            Some of the rows of `events`, with a column `adds`; NaN where no single event adds a part of its own, as of a share.
        """
        parts = [within(matching(events, s), at, self.window) for s in self.reads]
        return pd.concat(parts or [events.iloc[:0]]).assign(adds=np.nan)

    def weights(self, history: History, row: int) -> "sparse.csr_matrix":
        """(1, n_grids) weight of each grid's rows in the value of the grid at `row`: 1 for itself.

        Parameters
        ----------
        history
            Of the city.
        row
            Number of the grid, from 0.

        Returns
        -------
        weights
            0 for grids it does not look at.
        """
        n = len(history.grids)
        return sparse.csr_matrix(([1.0], ([0], [row])), shape=(1, n))

    # -- what it shares events with ----------------------------------------------------------------------------------------

    @property
    def counts(self) -> Hashable:
        """What it counts one by one; two features with one answer count the same things. None where it does not count."""
        return None

    @property
    def wholes(self) -> tuple[Hashable, ...]:
        """What :attr:`counts` of others together hold all that it counts, as open cases hold the overdue ones."""
        return ()

    def draws_on(self, other: "Feature", values: np.ndarray) -> np.ndarray:
        """(n,) whether it is credited with its part of what `other`, with these `values`, pulls: by default where it counts a part of what `other` counts.

        Parameters
        ----------
        other
            A feature that pulls.
        values
            (n,) its values.

        Returns
        -------
        draws
            (n,) bool.
        """
        return np.full(len(values), other.counts is not None and other.counts in self.wholes)

    def part_of(self, values: np.ndarray, whole: np.ndarray) -> np.ndarray:
        """(n,) which part of what its wholes count is its own, in [0, 1]; none where a number is missing.

        Parameters
        ----------
        values
            (n,) of this feature.
        whole
            (n,) what its wholes count together.

        Returns
        -------
        part
            In [0, 1].

        Examples
        --------
        >>> from riskwarn.feature import Count
        >>> Count("dispute", days=7).part_of(np.array([1.0, 3.0]), np.array([4.0, np.nan])).tolist()
        [0.25, 0.0]
        """
        known = np.nan_to_num(whole) > 0
        return np.clip(np.where(known, np.nan_to_num(values) / np.where(known, whole, 1), 0), 0, 1)

    def recency(self, values: np.ndarray) -> np.ndarray:
        """(n,) days back that it tells how many events there were, or how recent the last; endless where it tells neither.

        Parameters
        ----------
        values
            (n,) of this feature.

        Returns
        -------
        days
            (n,) above 0.
        """
        return np.full(len(values), np.inf)

    def nearby(self, *, total: bool = False) -> "Feature":
        """The same, as the mean (or the `total`) over the neighbouring grids.

        Parameters
        ----------
        total
            The sum instead of the mean.

        Returns
        -------
        feature
            A feature of its own, with a name of its own.

        Examples
        --------
        >>> from riskwarn.feature import Count
        >>> Count("dispute", days=7).nearby().name, Count("dispute", days=7).nearby(total=True).name
        ('dispute_n_7d_nearby', 'dispute_n_7d_nearby_total')
        """
        return AROUND["nearby"](self, total)

    def of_parent(self, level: str = "township_id") -> "Feature":
        """The same, as the mean over the grids with the same parent: ``community_id``, ``township_id`` or ``county_id``.

        Parameters
        ----------
        level
            Column of table `grids`.

        Returns
        -------
        feature
            A feature of its own, with a name of its own.

        Examples
        --------
        >>> from riskwarn.feature import Count
        >>> Count("dispute", days=7).of_parent("county_id").name
        'dispute_n_7d_county'
        """
        return AROUND["of_parent"](self, level)

    def to_dict(self) -> dict[str, Any]:
        """Plain values from which :func:`from_dict` makes an equal feature.

        Returns
        -------
        values
            Fit for JSON.

        Examples
        --------
        >>> from riskwarn.feature import Count
        >>> Count("dispute", days=7).to_dict()
        {'kind': 'Count', 'stream': {'source': 'dispute'}, 'days': 7}
        """
        values = {f.name: _plain(getattr(self, f.name)) for f in dataclasses.fields(self)}
        return {"kind": type(self).__name__, **values}


@checked
def measured(feature: Feature, *, eases: Eases | None = None) -> Clause:
    """The clause of any number: its words and unit. A number that comes from records never eases, unless told to.

    Parameters
    ----------
    feature
        Whose value is told.
    eases
        When a low value may be told as easing; by default ``always`` for what is read from no records, else ``never``.

    Returns
    -------
    clause
        Of kind ``measure``.

    Examples
    --------
    >>> from riskwarn.feature import Density, Entropy
    >>> [(clause.kind, clause.eases) for clause in (measured(Density()), measured(Entropy("police_call", days=28)))]
    [('measure', 'always'), ('measure', 'never')]
    """
    counted = feature.unit == "count" and bool(feature.reads)
    unit = measure_word("case") if counted else unit_of(feature.unit)
    return Clause(
        "measure",
        Noun(feature.words, unit) if counted or feature.unit == "workers" else Noun(feature.words),
        side=feature.monotone,
        remedy=step(feature),
        unit=unit,
        eases=eases or ("never" if feature.reads else "always"),
        scale="percent" if feature.unit == "share" else "",
    )


def step(feature: Feature) -> str:
    """The next step beside a reason, by the feature's action and by what it reads."""
    if feature.remedy in STEPS:
        return STEPS[feature.remedy]
    return step_of(feature.reads[0].source) if feature.reads else "grid"


def furthest(feature: Feature) -> Reach:
    """How far it looks, or what it is made of where that looks further.

    Parameters
    ----------
    feature
        Any, composed or not.

    Returns
    -------
    reach
        Of :data:`REACHES`.

    Examples
    --------
    >>> from riskwarn.feature import Count
    >>> furthest(Count("dispute", days=7)), furthest(Count("dispute", days=7).nearby())
    ('own', 'near')
    """
    return max((feature.looks, *map(furthest, feature.parts)), key=REACHES.index)


def _plain(value: object) -> object:
    if isinstance(value, Feature | Stream):
        return value.to_dict()
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return value
