"""The tables: columns, units, keys and rules, written once.

Every table that enters or leaves the library has one pandera schema here. :func:`conform` brings a frame into its
canonical form or says all that is wrong with it; :func:`sift` parts good rows from bad ones, each with its reason.
"""

from riskwarn.schema.city import (
    CROSSWALK,
    DIVERSIONS,
    EVENTS,
    FEED_LOG,
    GRIDS,
    NAME,
    ORIGINS,
    PLACES,
    ROSTER,
    VISITS,
    WORKFLOW,
)
from riskwarn.schema.column import Column, Kind, Table
from riskwarn.schema.night import (
    ALERTS,
    CATEGORY_COUNTS,
    EVENTS_BEHIND,
    GAPS,
    MARKS,
    MATURED,
    REASONS,
    SCORES,
    SERIOUS_EVENTS,
    TRIGGERS,
    WEEKLY_READINGS,
    WEEKS,
    WHAT_IFS,
)
from riskwarn.schema.rule import TABLES, conform, sift, table_of, typed

__all__ = [
    "ALERTS",
    "CATEGORY_COUNTS",
    "CROSSWALK",
    "DIVERSIONS",
    "EVENTS",
    "EVENTS_BEHIND",
    "FEED_LOG",
    "GAPS",
    "GRIDS",
    "MARKS",
    "MATURED",
    "NAME",
    "ORIGINS",
    "PLACES",
    "REASONS",
    "ROSTER",
    "SCORES",
    "SERIOUS_EVENTS",
    "TABLES",
    "TRIGGERS",
    "VISITS",
    "WEEKLY_READINGS",
    "WEEKS",
    "WHAT_IFS",
    "WORKFLOW",
    "Column",
    "Kind",
    "Table",
    "conform",
    "sift",
    "table_of",
    "typed",
]
