"""The baselines an experiment may name in ``[baselines] rules``."""

from collections.abc import Callable

from riskwarn.baseline.choice import Choice
from riskwarn.baseline.count import PriorCount
from riskwarn.baseline.ewma import Ewma
from riskwarn.baseline.exciting import SelfExciting
from riskwarn.baseline.face import Baseline
from riskwarn.baseline.hotspot import Hotspot
from riskwarn.baseline.kernel import Kernel
from riskwarn.baseline.people import People
from riskwarn.baseline.repeat import NearRepeat
from riskwarn.baseline.season import Season
from riskwarn.baseline.surroundings import Surroundings
from riskwarn.label import Label

SPANS = (2, 4, 8, 15, 26, 52, 104, 156)
HALF_LIVES = (14, 28, 91, 182, 364)
REACHES = (0.25, 0.5, 1.0, 2.0)


def _best_span(label: Label) -> Choice:
    counts = tuple(PriorCount(weeks, streams=label.streams) for weeks in SPANS)
    return Choice("best span", counts, label.wait_days)


def _ewma(label: Label) -> Choice:
    return Choice("ewma", tuple(Ewma(label.streams, days) for days in HALF_LIVES), label.wait_days)


def _kernel(label: Label) -> Choice:
    return Choice("kernel density", tuple(Kernel(label.streams, reach) for reach in REACHES), label.wait_days)


RULES: dict[str, Callable[[Label], Baseline]] = {
    "fifteen_week_mean": lambda label: PriorCount(15, streams=label.streams),
    "best_span": _best_span,
    "ewma": _ewma,
    "seasonal_naive": lambda label: Season(label.streams, label.days, years=1),
    "same_season": lambda label: Season(label.streams, label.days),
    "population": lambda _: People("population"),
    "households": lambda _: People("households"),
    "kde": _kernel,
    "prospective_hotspot": lambda label: Hotspot(label.streams),
    "near_repeat": lambda label: NearRepeat(label.streams),
    "self_exciting": lambda label: SelfExciting(label.streams, label.days),
    "glm": lambda label: Surroundings(label.streams),
}
"""By the name a TOML file gives it, the unfitted baseline of a label."""
