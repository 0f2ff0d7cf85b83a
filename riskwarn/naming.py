"""Metrics, models and checks by the names people read; tables and files keep their codes."""

import re

from riskwarn.language import SOURCE_LANGUAGE, Spoken, Words, in_every_language, phrase

METRICS = {
    "capture_5": phrase("capture, top 5%"),
    "capture_10": phrase("capture, top 10%"),
    "pai_5": phrase("PAI, top 5%"),
    "pai_10": phrase("PAI, top 10%"),
    "pei_5": phrase("PEI, top 5%"),
    "pei_10": phrase("PEI, top 10%"),
    "brier": phrase("Brier"),
    "poisson_deviance": phrase("Poisson deviance"),
    "calibration_error": phrase("calibration error"),
}
"""Metrics of a backtest."""
LESS_IS_BETTER = frozenset({"brier", "poisson_deviance", "calibration_error"})
MODELS = {
    "riskwarn": phrase("this model"),
    "poisson regression": phrase("Poisson regression"),
    "logistic regression": phrase("logistic regression"),
    "best span": phrase("count of the best span"),
    "ewma": phrase("exponentially weighted mean"),
    "seasonal naive": phrase("same weeks of last year"),
    "same season": phrase("same weeks of past years"),
    "population": phrase("population"),
    "households": phrase("households"),
    "kernel density": phrase("kernel density"),
    "prospective hotspot": phrase("prospective hotspot"),
    "near repeat": phrase("near repeat"),
    "self-exciting": phrase("self-exciting model"),
    "glm with space and season": phrase("Poisson regression with neighbours and season"),
}
CHECKS = {
    "rolling origin": phrase("rolling origin", context="check"),
    "gain": phrase("gain", context="check"),
    "captures": phrase("captures", context="check"),
    "calibration": phrase("calibration", context="check"),
    "levels": phrase("levels", context="check"),
    "slices": phrase("slices", context="check"),
    "disparity": phrase("disparity", context="check"),
}
"""Checks of the gate."""
OTHERS = {
    "urban_class": phrase("urban class"),
    "recall": phrase("recall"),
    "false_alarms": phrase("false alarms"),
    "rolling_origin": phrase("rolling origin"),
    "leave_area_out": phrase("leave areas out"),
    "worst_season": phrase("an unseen season"),
    "red": phrase("red"),
    "orange": phrase("orange"),
    "yellow": phrase("yellow"),
    "blue": phrase("blue"),
}
"""Further codes that a verdict names: columns of the grids, quantities, splits, levels."""
_WEEKS = re.compile(r"prior count (\d+) weeks")


def named(code: object) -> Words:
    """A metric, model, check or other code of a report as a verdict names it: by its code in English, in words elsewhere.

    Parameters
    ----------
    code
        As the tables of a report have it.

    Returns
    -------
    words
        The code itself where there are none.

    Examples
    --------
    >>> named("prior count 52 weeks")["en"], named("prior count 52 weeks")["zh"]
    ('prior count 52 weeks', '前52周计数')
    """
    text = str(code)
    return Words(**{**in_every_language(_words(text)), SOURCE_LANGUAGE: text})


def _words(code: str) -> Spoken:
    if weeks := _WEEKS.fullmatch(code):
        return phrase("prior count, {n} weeks", n=weeks[1])
    return next((t[code] for t in (METRICS, MODELS, CHECKS, OTHERS) if code in t), Words(en=code))
