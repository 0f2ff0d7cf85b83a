"""Which rows a stream chooses, beside its source and categories."""

import numpy as np
import pandas as pd

from riskwarn.history.facts import Facts
from riskwarn.history.held import Events
from riskwarn.history.stream import Stream


def chosen(facts: Facts | Events, stream: Stream, timezone: str) -> np.ndarray:
    """(n,) which rows the choices beside source and category keep."""
    mask = np.ones(len(facts), dtype=bool)
    if stream.origin:
        mask &= bears(facts.words["origin"], {stream.origin})[facts.origin]
    if stream.outcome:
        mask &= bears(facts.words["outcome"], {stream.outcome})[facts.outcome]
    if stream.tag:
        mask &= np.array([stream.tag in str(t).split() for t in facts.words["tags"]], dtype=bool)[facts.tags]
    if stream.without:
        mask &= np.array([stream.without not in str(t).split() for t in facts.words["tags"]], dtype=bool)[facts.tags]
    if stream.severity:
        mask &= facts.severity >= stream.severity
    if stream.border:
        mask &= facts.near
    if stream.linked:
        mask &= facts.case >= 0
    if stream.hours:
        hour = (
            pd.DatetimeIndex(facts.occurred.view("datetime64[us]"))
            .tz_localize("UTC")
            .tz_convert(timezone)
            .hour.to_numpy()
        )
        first, last = stream.hours
        mask &= (hour >= first) & (hour < last) if first <= last else (hour >= first) | (hour < last)
    return mask


def bears(vocabulary: np.ndarray, words: "set[str] | frozenset[str]") -> np.ndarray:
    """(n_words,) which words of a vocabulary are among some."""
    return np.array([str(v) in words for v in vocabulary], dtype=bool)
