"""The words of a feature. A feature is a function from what was known at `as_of` to one number per grid.

A feature is a frozen value: it names itself, says its unit and its words in Chinese and English, computes itself from a
:class:`riskwarn.history.Snapshot`, and survives a trip through JSON, so a trained model carries its own. New kinds are
added here as a class of a few lines; the sentences made of these words stand in ``features/*.py``.
"""

from riskwarn.feature.around import Nearby, OfCity, OfParent, Spread
from riskwarn.feature.base import Feature, measured
from riskwarn.feature.calendar import (
    DatePart,
    Season,
    SinceChange,
    SpringFestival,
    WageWindow,
    Window,
    Workdays,
    spring_festivals,
)
from riskwarn.feature.cases import (
    Amber,
    Closed,
    Delay,
    Handling,
    Open,
    OpenAge,
    Overdue,
    OverdueDays,
    OverdueShare,
    Recurrence,
)
from riskwarn.feature.clause import Clause, Eases, Noun, noun_of
from riskwarn.feature.composed import Coverage, MixTrend, Observed, Product, Ratio, Staff, Trend, Unstaffed
from riskwarn.feature.counts import Count, Level, MeanSeverity, Rate, Share, Total, usual
from riskwarn.feature.group import (
    KINDS,
    catalogue,
    check_names,
    check_streams,
    from_dict,
    load_group,
    page,
)
from riskwarn.feature.ladder import LADDER, Climb, OpenMatters, Rung, Unheralded
from riskwarn.feature.mix import Entropy, MostAtOnePlace, NewKinds, RepeatedPlaces, RepeatShare, UnsettledPlaces
from riskwarn.feature.normal import YEAR_DAYS, LastYear, OwnNormal, Part
from riskwarn.feature.own import Faded, Harmonic, Own, SameSeason
from riskwarn.feature.recent import DaysSince, Ewma, Recent
from riskwarn.feature.rise import Cusum, Rise
from riskwarn.feature.space import Attribute, Density, PerHousehold, Places, UrbanClass, circular_parents
from riskwarn.feature.windowed import NORMAL_WEEKS, Streamed, Windowed

__all__ = [
    "KINDS",
    "LADDER",
    "NORMAL_WEEKS",
    "YEAR_DAYS",
    "Amber",
    "Attribute",
    "Clause",
    "Climb",
    "Closed",
    "Count",
    "Coverage",
    "Cusum",
    "DatePart",
    "DaysSince",
    "Delay",
    "Density",
    "Eases",
    "Entropy",
    "Ewma",
    "Faded",
    "Feature",
    "Handling",
    "Harmonic",
    "LastYear",
    "Level",
    "MeanSeverity",
    "MixTrend",
    "MostAtOnePlace",
    "Nearby",
    "NewKinds",
    "Noun",
    "Observed",
    "OfCity",
    "OfParent",
    "Open",
    "OpenAge",
    "OpenMatters",
    "Overdue",
    "OverdueDays",
    "OverdueShare",
    "Own",
    "OwnNormal",
    "Part",
    "PerHousehold",
    "Places",
    "Product",
    "Rate",
    "Ratio",
    "Recent",
    "Recurrence",
    "RepeatShare",
    "RepeatedPlaces",
    "Rise",
    "Rung",
    "SameSeason",
    "Season",
    "Share",
    "SinceChange",
    "Spread",
    "SpringFestival",
    "Staff",
    "Streamed",
    "Total",
    "Trend",
    "Unheralded",
    "UnsettledPlaces",
    "Unstaffed",
    "UrbanClass",
    "WageWindow",
    "Window",
    "Windowed",
    "Workdays",
    "catalogue",
    "check_names",
    "check_streams",
    "circular_parents",
    "from_dict",
    "load_group",
    "measured",
    "noun_of",
    "page",
    "spring_festivals",
    "usual",
]
