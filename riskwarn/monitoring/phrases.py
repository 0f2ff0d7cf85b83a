"""Marks in words, for staff."""

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.language import Language, phrase
from riskwarn.recording import RECORDED

_SAID = {
    "fewer": phrase("{observed:.0f} records in {days:g} days, usually about {expected:.0f}", context="monitor"),
    "more": phrase("{observed:.0f} records in {days:g} days, usually about {expected:.0f}", context="monitor"),
    "stopped": phrase("stopped: nothing for {days:g} days, usually about {expected:.0f} records", context="monitor"),
    "lower": phrase(
        "fell for good: {observed:.0f} records in {days:g} days, before about {expected:.0f}; this is now the usual level",
        context="monitor",
    ),
    "copies": phrase(
        "{observed:.0%} of the records of the day are copies of another record (same place, category and time), usually {expected:.1%}",
        context="monitor",
    ),
    **RECORDED,
    "young": phrase("younger than twelve weeks: nothing to compare with yet", context="monitor"),
    "unknown_categories": phrase(
        "{observed:.1%} of the records of {days:g} days without a category, {expected:.1%} in the year before",
        context="monitor",
    ),
    "new_categories": phrase(
        "{observed:.1%} of the records of {days:g} days in categories not seen in a year", context="monitor"
    ),
    "unsettled": phrase("no outcome has settled since the model was trained", context="monitor"),
    "feature": phrase("distribution moved by {value:.2f}, at most {warn:.2f} in training", context="monitor"),
    "score": phrase(
        "scores moved by {value:.2f} (limit {warn:.2f}); mean forecast {observed:.3g}, in training {expected:.3g}",
        context="monitor",
    ),
    "order": phrase("rank agreement with the night before {observed:.3f}", context="monitor"),
    "list": phrase("{observed:.0%} of the list shared with the night before", context="monitor"),
    "count": phrase("{observed:.0f} events in the newest settled horizon, {expected:.0f} forecast", context="monitor"),
    "probability": phrase(
        "probabilities off by {value:.3f} over the settled dates (limit {warn:.3f})", context="monitor"
    ),
    "unmeasured": phrase("could not be judged", context="monitor"),
}


@checked
def in_words(table: pd.DataFrame, language: Language = "en") -> pd.Series:
    """One sentence a mark; the scope goes before it.

    Parameters
    ----------
    table
        Marks of monitors, as :func:`monitor` gives them.
    language
        A code of :data:`riskwarn.language.LANGUAGES`.

    Returns
    -------
    sentences
        One a row, on the index of `table`.

    Raises
    ------
    DefinitionError
        There is no such language.

    Examples
    --------
    >>> from riskwarn.monitoring.mark import marks
    >>> row = marks("volume", ["feed:petition"], [3.0], warn=1.5, alarm=2.6, fault="fewer", observed=4, expected=30.2, days=2)
    >>> in_words(row).item()
    'feed:petition: 4 records in 2 days, usually about 30'
    """
    rows = [(row, row._asdict() | _parted(row)) for row in table.itertuples(index=False)]
    sentences = [f"{row.scope}: {_SAID[_key(row)].filled(**values)[language]}" for row, values in rows]
    return pd.Series(sentences, index=table.index, dtype="str")


def _parted(row: object) -> dict[str, str]:
    """Of a change from one code to another: what is gone, what came, and since when."""
    gone, _, came = str(row.scope).rpartition("@")[2].removeprefix("grid:").partition(">")  # type: ignore[attr-defined]
    at, days = getattr(row, "as_of", None), getattr(row, "days", np.nan)
    since = "" if at is None or np.isnan(days) else f"{pd.Timestamp(at) - pd.DateOffset(days=int(days)):%Y-%m-%d}"
    return {"gone": gone, "came": came, "since": since}


def _key(row: object) -> str:
    fault, monitor, scope = (str(getattr(row, n)) for n in ("fault", "monitor", "scope"))
    if np.isnan(getattr(row, "value")) and fault not in {"young", "unsettled"}:  # noqa: B009 - a row of itertuples has no type
        return "unmeasured"
    if fault in _SAID:
        return fault
    return scope if monitor in {"rank", "calibration"} else monitor
