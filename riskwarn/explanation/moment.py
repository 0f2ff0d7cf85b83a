"""Features of one moment: at an instant, with what was known at that instant or at an earlier one."""

import dataclasses
from collections.abc import Iterable

import numpy as np
import pandas as pd

from riskwarn.feature import Feature
from riskwarn.history import Facts, History

_NEVER = np.iinfo(np.int64).max


def features_at(history: History, features: Iterable[Feature], as_of: object) -> pd.DataFrame:
    """One row a grid, one column a feature, as known at `as_of`; the index is `grid_id`."""
    snapshot = history.at([as_of])
    columns = {f.name: np.asarray(f.compute(snapshot))[:, 0] for f in features}
    return pd.DataFrame(
        columns, index=pd.Index(history.grids["grid_id"].astype("str"), name="grid_id"), dtype="float32"
    )


def known_before(history: History, instant: pd.Timestamp) -> History:
    """The history as if nothing had become known at `instant` or later: what then held goes on holding.

    Parameters
    ----------
    history
        Everything ever known.
    instant
        Timezone-aware.

    Returns
    -------
    history
        The same grids, and the same last instant it speaks for, so that it can be asked for later dates.
    """
    micros = instant.value // 1000
    return dataclasses.replace(history, facts=_cut(history.facts, micros), cases=_cut(history.cases, micros))


def _cut(facts: Facts, micros: int) -> Facts:
    kept = facts[np.flatnonzero(facts.start < micros)]
    return dataclasses.replace(kept, end=np.where(kept.end >= micros, _NEVER, kept.end))
