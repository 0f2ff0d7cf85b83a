"""What a run may be for: three purposes, and no others exist.

An experiment names one (``purpose = "mediation"``); its runs in MLflow, its model, the model's card and every night that the model answers carry
it. The purposes of tokens, which cap what a program may ask for, are in ``access/roles.toml``.
"""

from typing import Literal

from riskwarn.language import Phrase, phrase

Purpose = Literal["service", "mediation", "resource_planning"]
DEFAULT: Purpose = "service"
"""Of an experiment that names none."""
WORDS: dict[str, Phrase] = {
    "service": phrase("service", context="purpose of a run"),
    "mediation": phrase("mediation", context="purpose of a run"),
    "resource_planning": phrase("planning of resources", context="purpose of a run"),
}
