"""Questions to a backtest beyond its table, each answered by a tidy frame when it is asked.

How much of the possible was reached (:func:`attainable`), does the list keep still (:func:`stability`), how early does it speak
(:func:`lead_time`), does a level mean what it says (:func:`levels`), is any part of the city served worse (:func:`slices`,
:func:`disparities`), and is a gain luck of where the borders of the grids lie (:func:`placement`).

And two to a model and its records: what becomes of a group's places where it reports less (:func:`under_reporting`), and how far false
reports move a grid (:func:`false_reports`).

A verdict is ``passed``, ``failed`` or ``insufficient_evidence``: where events are few, or the interval holds both good and bad, nothing
is claimed. Intervals are those of :func:`riskwarn.metrics.difference_interval`; where several parts are judged at once their level is 1 - 0.05 / parts [1]_, so
that a city of twenty counties is not refused by chance.

.. [1] Bonferroni; Dunn (1961), Journal of the American Statistical Association 56, 52-64.
"""

from riskwarn.audit.border import placement
from riskwarn.audit.ceiling import attainable
from riskwarn.audit.evidence import FAILED, INSUFFICIENT, OWN, PASSED
from riskwarn.audit.forging import false_reports
from riskwarn.audit.group import AUDITED, disparities, slices
from riskwarn.audit.level import levels
from riskwarn.audit.listed import Apart, Lists
from riskwarn.audit.listing import events_of, lead_time, stability
from riskwarn.audit.thinning import HALF, under_reporting

__all__ = [
    "AUDITED",
    "FAILED",
    "HALF",
    "INSUFFICIENT",
    "OWN",
    "PASSED",
    "Apart",
    "Lists",
    "attainable",
    "disparities",
    "events_of",
    "false_reports",
    "lead_time",
    "levels",
    "placement",
    "slices",
    "stability",
    "under_reporting",
]
