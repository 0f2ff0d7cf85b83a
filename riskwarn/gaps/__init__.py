"""Find the gap (查漏洞): where the centre is blind, late, or passing the parcel.

Each kind is one function from what was known at a night to rows of table `gaps`; :data:`FINDERS` holds them in the order they are
run. A feed that stopped explains the silence of its grids: such gaps carry `suppressed_by` and are shown apart.
"""

from collections.abc import Callable, Iterable

import pandas as pd

from riskwarn.errors import DataError, DefinitionError, did_you_mean
from riskwarn.gaps.feed import stopped_feeds
from riskwarn.gaps.gap import FEED, KINDS, SILENT, SURGE, Kind, discovered
from riskwarn.gaps.silence import silent_grids
from riskwarn.gaps.surge import surges
from riskwarn.history import History, Snapshot
from riskwarn.store import Store

__all__ = ["FINDERS", "KINDS", "Kind", "discovered", "find_gaps"]

FINDERS: dict[str, Callable[[Snapshot], pd.DataFrame]] = {
    FEED.code: stopped_feeds,
    SILENT.code: silent_grids,
    SURGE.code: surges,
}


def find_gaps(
    store: Store | History,
    scores: pd.DataFrame | None = None,
    *,
    as_of: object = None,
    kinds: Iterable[str] | None = None,
) -> pd.DataFrame:
    """Where not to trust calm.

    Parameters
    ----------
    store
        Where the events are, or their history.
    scores
        Tonight's scores; they set `as_of`. No gap ever lowers a score.
    as_of
        The night, where no scores are given.
    kinds
        Only these kinds, as ``["G08"]``; all by default.

    Returns
    -------
    gaps
        Table `gaps` (:data:`riskwarn.schema.GAPS`), gravest first, suppressed ones last.

    Raises
    ------
    DataError
        Neither `scores` nor `as_of` is given.
    DefinitionError
        An unknown kind.
    """
    night = as_of if as_of is not None else _night_of(scores)
    wanted = list(FINDERS) if kinds is None else list(kinds)
    unknown = [k for k in wanted if k not in FINDERS]
    if unknown:
        raise DefinitionError(
            f"unknown kind of gap {unknown[0]!r}{did_you_mean(unknown[0], FINDERS)}; known: {', '.join(FINDERS)}."
        )
    history = store if isinstance(store, History) else History.load(store)
    snapshot = history.at([night])
    found = pd.concat([FINDERS[k](snapshot) for k in FINDERS if k in {*wanted, FEED.code}], ignore_index=True)
    judged = _suppress(found)
    listed = judged[judged["kind"].isin(wanted)]
    shown = listed["suppressed_by"].notna()
    return (
        listed.assign(shown=shown)
        .sort_values(["shown", "severity", "gap_id"], ascending=[True, False, True], ignore_index=True)
        .drop(columns="shown")
    )


def _night_of(scores: pd.DataFrame | None) -> pd.Timestamp:
    if scores is None or scores.empty:
        raise DataError("find_gaps needs tonight's scores, or as_of=….")
    nights = scores["as_of"].unique()
    if len(nights) != 1:
        raise DataError(f"find_gaps looks at one night; the scores hold {len(nights)}.")
    return pd.Timestamp(nights[0])


def _suppress(found: pd.DataFrame) -> pd.DataFrame:
    """An outage silences silence."""
    outage = found.loc[found["kind"] == FEED.code, "gap_id"]
    if outage.empty:
        return found
    return found.assign(suppressed_by=found["suppressed_by"].mask(found["kind"] == SILENT.code, outage.iloc[0]))
