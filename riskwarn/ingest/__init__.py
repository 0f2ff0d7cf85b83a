"""From a department's export to clean events: read, mapped, normalised, placed, gated, accounted for.

::

    file ─ reading ─ shaping ┬ clock, folding, categorising, placing ┬ privacy ┬ revision ─ spool ─ Store
                             └ mapping (TOML, presets)               └─────────┴ quarantine, feed_log, IngestReport
"""

from riskwarn.ingest.checking import CheckReport, check
from riskwarn.ingest.delivering import ingest
from riskwarn.ingest.guessing import Guess, guess
from riskwarn.ingest.mapping import Mapping, load_mapping
from riskwarn.ingest.report import IngestReport
from riskwarn.ingest.tallying import tally

__all__ = ["CheckReport", "Guess", "IngestReport", "Mapping", "check", "guess", "ingest", "load_mapping", "tally"]
