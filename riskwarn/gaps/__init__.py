"""Find the gap (查漏洞): where the centre is blind, late, or passing the parcel.

Each kind is one function from what was known at a night (:class:`~riskwarn.gaps.evidence.Evidence`) to rows of table `gaps`;
:data:`FINDERS` holds them in the order they are run. A feed that stopped explains the silence of its area: such gaps carry
`suppressed_by` and are shown apart. No gap lowers a score.
"""

from collections.abc import Callable, Iterable, Sequence

import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError, DefinitionError, did_you_mean
from riskwarn.gaps import record
from riskwarn.gaps.coverage import coverage_gaps, hour_gaps, quadrants, redistribute, staff_gaps
from riskwarn.gaps.escalation import escalation_gaps
from riskwarn.gaps.evidence import Evidence
from riskwarn.gaps.feed import feed_gaps
from riskwarn.gaps.gap import FEED, KINDS, Kind, believed, discovered, unknown
from riskwarn.gaps.handoff import bounce_gaps, cross_gaps, divert_gaps
from riskwarn.gaps.quality import category_gaps, lag_gaps, under_gaps, unplaced_gaps
from riskwarn.gaps.repeat import paper_gaps, repeat_gaps
from riskwarn.gaps.response import alert_gaps, callback_gaps, response_gaps
from riskwarn.gaps.seam import seam_gaps
from riskwarn.gaps.silence import silent_grids
from riskwarn.gaps.suppression import suppress
from riskwarn.gaps.surge import surges
from riskwarn.history import History
from riskwarn.store import Store

__all__ = [
    "FINDERS",
    "KINDS",
    "Evidence",
    "Kind",
    "believed",
    "discovered",
    "find_gaps",
    "history",
    "quadrants",
    "redistribute",
]

FINDERS: dict[str, Callable[[Evidence], pd.DataFrame]] = {
    FEED.code: feed_gaps,
    "G01": silent_grids,
    "G02": under_gaps,
    "G03": coverage_gaps,
    "G04": staff_gaps,
    "G05": hour_gaps,
    "G06": response_gaps,
    "G07": repeat_gaps,
    "G09": escalation_gaps,
    "G10": seam_gaps,
    "G11": cross_gaps,
    "G12": divert_gaps,
    "G13": bounce_gaps,
    "G14": callback_gaps,
    "G15": paper_gaps,
    "G16": lag_gaps,
    "G17": category_gaps,
    "G18": unplaced_gaps,
    "G19": alert_gaps,
    "G20": surges,
}


@checked
def find_gaps(
    store: Store | History | Evidence,
    scores: pd.DataFrame | None = None,
    *,
    as_of: object = None,
    kinds: Iterable[str] | None = None,
) -> pd.DataFrame:
    """Where not to trust calm.

    Parameters
    ----------
    store
        Where the tables are, or the evidence of the night. With a history of events alone the kinds that need other tables are not run.
    scores
        Tonight's scores; they set `as_of`, and coverage is judged by them. No gap ever lowers a score.
    as_of
        The night, where no scores are given.
    kinds
        Only these kinds, as ``["G08"]``; all by default.

    Returns
    -------
    gaps
        Table `gaps` (:data:`riskwarn.schema.GAPS`), gravest first, suppressed ones last. A kind that could not be looked for has
        one row of state ``insufficient_data`` whose evidence says what is missing; ``gaps.attrs["not_run"]`` holds the same.

    Raises
    ------
    DataError
        Neither `scores` nor `as_of` is given.
    DefinitionError
        An unknown kind.
    StaleDataError
        Nothing is known before the night, or nothing came for 90 days.

    Examples
    --------
    A feed of every day that stood still for a fortnight:

    >>> at = pd.date_range("2025-01-01", periods=200, tz="Asia/Shanghai")
    >>> events = pd.DataFrame({"source": "dispute", "event_id": [f"d{i}" for i in range(200)], "known_at": at, "occurred_at": at,
    ...                        "grid_id": "A", "category": "D02"})
    >>> history = History.of(events, pd.DataFrame({"grid_id": ["A"], "valid_from": at[0]}), until="2025-08-03")
    >>> find_gaps(history, as_of="2025-08-03", kinds=[FEED.code])[["kind", "scope", "state"]].to_numpy().tolist()
    [['G08', 'feed:dispute', 'open']]
    """
    wanted = kinds_of(kinds)
    night = as_of if as_of is not None else night_of(scores)
    evidence = store if isinstance(store, Evidence) else Evidence(store, night, scores)
    lacking, run = to_look_for(evidence, wanted)
    found = put_together(evidence.found({k: FINDERS[k] for k in run}), lacking, evidence.as_of)
    return shown(suppress(evidence, found), wanted, lacking)


Lacking = dict[str, dict[str, object]]


def to_look_for(evidence: Evidence, wanted: list[str]) -> tuple[Lacking, list[str]]:
    """What is missing of the kinds that cannot be looked for, and the kinds that are: feeds always, for their outages explain others."""
    lacking = {k: why for k in wanted if (why := missing(evidence, KINDS[k]))}
    return lacking, [k for k in FINDERS if (k in wanted and k not in lacking) or k == FEED.code]


def put_together(tables: Sequence[pd.DataFrame], lacking: Lacking, as_of: pd.Timestamp) -> pd.DataFrame:
    """The rows of all kinds, and one of each that could not be looked for."""
    told = [unknown(KINDS[k], as_of, ["org:*"], [why]) for k, why in lacking.items()]
    return pd.concat([*tables, *told], ignore_index=True)


def shown(judged: pd.DataFrame, wanted: list[str], lacking: Lacking) -> pd.DataFrame:
    """The kinds that were asked for, gravest first."""
    gaps = _in_order(judged[judged["kind"].isin(wanted)])
    gaps.attrs["not_run"] = lacking
    return gaps


@checked
def history(store: Store, grid_id: str, as_of: object, *, kinds: Iterable[str] | None = None) -> pd.DataFrame:
    """What would have been said of a grid on a past night (or several), from what was known then: rows of table `gaps`.

    Parameters
    ----------
    store
        The city.
    grid_id
        One grid.
    as_of
        A night, or several.
    kinds
        Only these kinds; all by default.

    Returns
    -------
    gaps
        Rows that name the grid or an area it lies in.

    Raises
    ------
    NotFoundError
        The grid is not valid on a night.
    """
    return record.history(store, grid_id, as_of, find=find_gaps, kinds=kinds)


def missing(evidence: Evidence, kind: Kind) -> dict[str, object]:
    """What a kind needs and the night does not have; empty when it can be looked for.

    Parameters
    ----------
    evidence
        Of the night.
    kind
        One of :data:`KINDS`.

    Returns
    -------
    missing
        One item that names the first table or columns lacking.
    """
    tables = [t for t in kind.tables if not evidence.has(t)]
    if tables:
        return {"missing_table": tables[0]}
    if kind.columns and not any(evidence.has_column(c) for c in kind.columns):
        return {"missing_column": " / ".join(f"events.{c}" for c in kind.columns)}
    return {}


def kinds_of(kinds: Iterable[str] | None) -> list[str]:
    """The kinds asked for, all by default; an unknown one is refused."""
    wanted = list(FINDERS) if kinds is None else list(kinds)
    unknown_kinds = [k for k in wanted if k not in FINDERS]
    if unknown_kinds:
        raise DefinitionError(
            f"unknown kind of gap {unknown_kinds[0]!r}{did_you_mean(unknown_kinds[0], FINDERS)}; known: {', '.join(FINDERS)}."
        )
    return wanted


def night_of(scores: pd.DataFrame | None) -> pd.Timestamp:
    """The one night of some scores."""
    if scores is None or scores.empty:
        raise DataError("find_gaps needs tonight's scores, or as_of=….")
    nights = scores["as_of"].unique()
    if len(nights) != 1:
        raise DataError(f"find_gaps looks at one night; the scores hold {len(nights)}.")
    return pd.Timestamp(nights[0])


def _in_order(gaps: pd.DataFrame) -> pd.DataFrame:
    aside = gaps["suppressed_by"].notna()
    ordered = gaps.assign(aside=aside).sort_values(
        ["aside", "severity", "gap_id"], ascending=[True, False, True], ignore_index=True
    )
    return ordered.drop(columns="aside")
