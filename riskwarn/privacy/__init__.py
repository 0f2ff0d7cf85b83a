"""The door for person data: which columns may not enter, and which values tell a person.

Only columns a mapping names can enter; a header that speaks of a person is refused; a value that looks like an identity number, a
telephone, a number plate, an address, a name or a narrative is refused wherever it stands, after everything is folded that hides it.
The shapes of numbers are declared by country in ``privacy.toml``. A refused value is never repeated, neither in a message nor in a log.
"""

from riskwarn.privacy.column import TEXT_LENGTH, ColumnWatch, keyed_hash, one_counter, one_family
from riskwarn.privacy.digits import hong_kong_checks, luhn_checks, resident_checks
from riskwarn.privacy.folding import fold_text, simplified
from riskwarn.privacy.header import denied_header, person_header, shown
from riskwarn.privacy.masking import names_masked, shown_file, shown_path
from riskwarn.privacy.reason import reason_of, remarks_of
from riskwarn.privacy.shape import COUNTRIES, RULES, SHAPES, WEAK, Shape, country_of
from riskwarn.privacy.value import findings, tells_name

__all__ = [
    "COUNTRIES",
    "RULES",
    "SHAPES",
    "TEXT_LENGTH",
    "WEAK",
    "ColumnWatch",
    "Shape",
    "country_of",
    "denied_header",
    "findings",
    "fold_text",
    "hong_kong_checks",
    "keyed_hash",
    "luhn_checks",
    "names_masked",
    "one_counter",
    "one_family",
    "person_header",
    "reason_of",
    "remarks_of",
    "resident_checks",
    "shown",
    "shown_file",
    "shown_path",
    "simplified",
    "tells_name",
]
