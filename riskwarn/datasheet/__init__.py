"""The datasheet of what a model learnt from: feeds, counts, what was refused or came late, when a feed was silent, and who may use it [1]_.

::

    making    from a store, its history and a panel to plain values, kept in the facts of the model
    refusing  why rows were refused, in words
    telling   from the values to sections, sentences and tables, in the language of whoever reads them
    auditing  the audit of the model itself: what was judged, kinds of area, places that report less
    papers    card, datasheet and audit as they are kept with a version

References
----------
.. [1] Gebru et al. (2021), Datasheets for Datasets, Communications of the ACM 64 (12), 86–92.
"""

from riskwarn.datasheet.auditing import audit_sections, audit_text, make_audit, unjudged
from riskwarn.datasheet.making import make_datasheet
from riskwarn.datasheet.papers import lacking, paper_of, unread
from riskwarn.datasheet.telling import datasheet_text, sections_of

__all__ = [
    "audit_sections",
    "audit_text",
    "datasheet_text",
    "lacking",
    "make_audit",
    "make_datasheet",
    "paper_of",
    "sections_of",
    "unjudged",
    "unread",
]
