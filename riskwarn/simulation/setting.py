"""What a simulated city is asked to be: its size, its seed, and which effects it has."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.errors import DefinitionError, did_you_mean
from riskwarn.simulation import chance

TIMEZONE = "Asia/Shanghai"
START = pd.Timestamp("2023-01-01", tz=TIMEZONE)
"""First local midnight of every simulated city: day 0."""
BURN_DAYS = 90
"""Days lived before day 0, so that the city starts with open disputes; nothing recorded then is delivered."""
REPORT_RATES = (12, 24, 60, 120)
MOST_CITIES = 99
"""The codes of places have two digits for the city."""
EFFECTS = {
    "excitation": "disputes beget disputes (else immigrants alone; they stay the same)",
    "season": "season, weekday and Spring Festival of each kind",
    "seams": "borders with extra disputes and conflicting assignment",
    "relapse": "12 % of resolved disputes come back",
    "silence": "under-reporting spells of grids",
    "sharing": "workers with several grids",
    "leave": "grids without their worker for weeks",
    "paper": "townships that close cases without effect",
    "bounce": "cases sent back and forth between organisations",
    "lost_diversions": "calls handed to mediation that never arrive",
    "outages": "feeds that stop; what fell into the gap never comes",
    "partial": "feeds that deliver a fifth",
    "backlog": "feeds that stop and deliver all in one flood",
    "batches": "petitions delivered once a month",
    "schema": "feeds whose headers or codes change (seen in exported files)",
    "changes": "grids that split, merge or are renamed on 1 January",
    "misfiled": "5 % of records with a wrong category",
    "unplaced": "records without a grid",
    "feedback": "police categories corrected late, or never",
    "unlinked": "40 % of records without the link to their case",
}
"""Every effect that can be switched off by name, in words."""


@dataclass(frozen=True)
class Preset:
    """The size of a city and how many of each planted fault it holds."""

    counties: int
    townships: int
    communities: int
    grids: int
    days: int
    shared_grids: int
    outages: int
    partial: int
    backlog: int
    schema: int
    seams: int
    paper_townships: int
    bounce_pairs: int
    careless_townships: int
    """Townships that lose a quarter of the calls handed to them."""
    first_as_of: int
    """Day from which truth is told weekly."""


PRESETS = {
    "tiny": Preset(1, 9, 60, 200, 400, 23, 3, 1, 1, 0, 3, 1, 3, 2, 91),
    "small": Preset(3, 26, 560, 1900, 730, 216, 8, 3, 2, 1, 12, 2, 6, 9, 182),
    "city": Preset(11, 96, 2080, 7181, 1096, 815, 25, 10, 6, 3, 40, 4, 12, 26, 364),
}


@dataclass(frozen=True)
class Strength:
    """How strongly three causes act: each factor of a hazard is raised to this power. 1 is the studied city, 0 takes the cause away.

    Attributes
    ----------
    overdue
        A ledger case past its limit brings petitions and violence.
    repeat
        Earlier calls about a dispute bring more calls and violence to its place.
    season
        The time of year brings disputes of each kind.

    Examples
    --------
    >>> Strength(overdue=0) == STUDIED  # a city in which lateness harms nobody
    False
    """

    overdue: float = 1.0
    repeat: float = 1.0
    season: float = 1.0

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            if not 0 <= getattr(self, name) < np.inf:
                raise DefinitionError(f"strength {name} must be a number of at least 0, got {getattr(self, name)!r}.")


STUDIED = Strength()
"""The city as it was studied."""


@dataclass(frozen=True)
class Setting:
    """One city's size, seed and effects; every component takes its chance from here, each by its own name."""

    preset: Preset
    seed: int = 7
    without: frozenset[str] = frozenset()
    reports_per_year: float = 60.0
    strength: Strength = STUDIED
    number: int = 1
    """Of the city in its country: the third and fourth digit of its codes."""

    def on(self, effect: str) -> bool:
        """Whether the city has `effect`."""
        if effect not in EFFECTS:
            raise DefinitionError(f"unknown effect {effect!r}{did_you_mean(effect, EFFECTS)}.")
        return effect not in self.without

    def rng(self, name: str) -> np.random.Generator:
        """The generator of component `name`."""
        return chance.stream(self.seed, name)

    def uniform(self, name: str, *keys: np.ndarray | int) -> np.ndarray:
        """Addressed uniform draws of component `name`."""
        return chance.uniform(self.seed, name, *keys)

    @property
    def mark(self) -> str:
        """What tells the ids of the country's later cities from those of the first, and sorts after them."""
        return "" if self.number == 1 else f"C{self.number:02d}"

    @property
    def n_days(self) -> int:
        """Days lived, burn-in included."""
        return self.preset.days + BURN_DAYS


def make_setting(
    preset: str | Preset,
    *,
    seed: int = 7,
    without: Iterable[str] = (),
    reports_per_year: float = 60.0,
    strength: Strength = STUDIED,
    number: int = 1,
) -> Setting:
    """A checked :class:`Setting`.

    Raises
    ------
    DefinitionError
        Unknown preset or effect, a report rate that is not positive, or a number that no city can have.
    """
    if isinstance(preset, str) and preset not in PRESETS:
        raise DefinitionError(
            f"unknown preset {preset!r}{did_you_mean(preset, PRESETS)}; there are: {', '.join(PRESETS)}."
        )
    off = frozenset([without] if isinstance(without, str) else without)
    for effect in sorted(off - set(EFFECTS)):
        raise DefinitionError(
            f"unknown effect {effect!r}{did_you_mean(effect, EFFECTS)}; there are: {', '.join(EFFECTS)}."
        )
    if reports_per_year <= 0:
        raise DefinitionError(
            f"reports_per_year must be positive, got {reports_per_year}; the studied rates are {REPORT_RATES}."
        )
    if not 1 <= number <= MOST_CITIES:
        raise DefinitionError(f"the number of a city must be in 1 to {MOST_CITIES}, got {number}.")
    size = PRESETS[preset] if isinstance(preset, str) else preset
    return Setting(size, seed, off, float(reports_per_year), strength, number)


def instants(days: np.ndarray | float) -> pd.DatetimeIndex:
    """Days since the start, whole and broken, as local instants to the second; nan gives NaT.

    Examples
    --------
    >>> str(instants(np.array([1.5]))[0])
    '2023-01-02 12:00:00+08:00'
    """
    seconds = np.round(np.atleast_1d(np.asarray(days, dtype=np.float64)) * 86_400)
    missing = np.isnan(seconds)
    micros = np.where(missing, 0, seconds).astype(np.int64) * 1_000_000 + int(START.timestamp()) * 1_000_000
    at = micros.astype("datetime64[us]")
    at[missing] = np.datetime64("NaT", "us")
    return pd.DatetimeIndex(at).tz_localize("UTC").tz_convert(TIMEZONE)


def ids(prefix: str, numbers: np.ndarray, *, width: int) -> np.ndarray:
    """Ids as text: `prefix` and the zero-padded number.

    Examples
    --------
    >>> ids("V", np.array([3, 12]), width=4).tolist()
    ['V0003', 'V0012']
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    text = pc.utf8_lpad(pc.cast(pa.array(np.asarray(numbers, dtype=np.int64)), pa.string()), width, "0")
    return pd.array(pc.binary_join_element_wise(prefix, text, ""), dtype="str")


def words(vocabulary: list[str] | np.ndarray, at: np.ndarray) -> pd.api.extensions.ExtensionArray:
    """`vocabulary` looked up at positions `at` as text; a position below 0 gives a missing value."""
    return pd.array(list(vocabulary), dtype="str").take(np.asarray(at), allow_fill=True)
