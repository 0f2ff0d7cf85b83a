"""Who answers for the records of each stream, and which streams are of staff."""

from riskwarn.language import phrase

OWNERS = {
    "dispute": phrase("governance centre"),
    "petition": phrase("petition office"),
    "police_call": phrase("police"),
    "hotline": phrase("12345 hotline"),
    "grid_report": phrase("grid centre"),
    "visit": phrase("grid centre"),
    "roster": phrase("grid centre"),
    "step": phrase("governance centre"),
    "diversion": phrase("police"),
}
"""Who answers for the records of a stream."""
CENTRE = phrase("data team")
AUDIT_ONLY = frozenset({"visit", "roster"})
"""Streams of staff: what staff did may be audited and never lowers or raises a grid's score."""
