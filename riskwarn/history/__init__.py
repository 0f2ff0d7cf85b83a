"""Time: what was known, when. :class:`History` is the only door to the past.

A revision of an event is known at every instant after its `known_at` until the next revision of the event is. Of the
revisions known at `as_of` the newest holds; a retracted one holds nothing. So every fact is true on one interval
``(start, end]`` of the `as_of` axis, and every count is two index look-ups, one scatter and one cumulative sum, for one
date as for a thousand::

    known_at ──────┬───────────────┬──────────▶ as_of
                   (start      end]
"""

from riskwarn.history.carry import Carry
from riskwarn.history.closings import LEAST_CASES, tells_closings
from riskwarn.history.facts import DAY_US, NEVER, Facts
from riskwarn.history.held import Events
from riskwarn.history.history import History
from riskwarn.history.log import Log
from riskwarn.history.snapshot import Snapshot
from riskwarn.history.stream import TABLE_OF, AnyStream, Stream
from riskwarn.history.totals import CITY, Totals

__all__ = [
    "CITY",
    "DAY_US",
    "LEAST_CASES",
    "NEVER",
    "TABLE_OF",
    "AnyStream",
    "Carry",
    "Events",
    "Facts",
    "History",
    "Log",
    "Snapshot",
    "Stream",
    "Totals",
    "tells_closings",
]
