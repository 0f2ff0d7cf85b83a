"""The register of forecasts: what a night published is sealed at once, so that nobody can choose afterwards what it had said.

::

    register/register.jsonl           a line a seal, each with the hash of the line before
    register/2025-03-03-RUN.parquet   what was sealed: the list, and the forecast of every grid and question

A forecast is *prospective* if its run was the first to be sealed for its night and that happened within a day of the night; it is scored by what
happened after its seal alone (:mod:`riskwarn.maturity`). Whatever was sealed later, a night made again or a past one, is scored too, and
kept out of the prospective figures.

``seal`` writes and reads the lines; ``proof`` tells whether they are as they were written.
"""

from riskwarn.register.proof import Verified, verify
from riskwarn.register.seal import (
    FIRST,
    FOLDER,
    LOG,
    WITHIN_HOURS,
    Seal,
    content_of,
    digest_of,
    forget,
    is_prospective,
    seal_missing,
    sealed_content,
    seals,
    table_of_seals,
)

__all__ = [
    "FIRST",
    "FOLDER",
    "LOG",
    "WITHIN_HOURS",
    "Seal",
    "Verified",
    "content_of",
    "digest_of",
    "forget",
    "is_prospective",
    "seal_missing",
    "sealed_content",
    "seals",
    "table_of_seals",
    "verify",
]
