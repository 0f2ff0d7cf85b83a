"""Proof that a feature is honest: six relations every feature must keep, for our own and for a data scientist's.

::

    no future      records first known at or after as_of change nothing
    as it stood    the whole log gives what the log of that time gave
    any order      the order of rows is irrelevant
    any repeat     a row written twice counts once
    own grid       records of other grids change nothing, unless the feature looks at neighbours or the city
    any clock      moving all times together changes nothing, unless the feature reads the calendar
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from riskwarn.clock import instant, zone_of
from riskwarn.errors import DataError
from riskwarn.feature import Feature
from riskwarn.history import History

Log = Mapping[str, pd.DataFrame]
"""The tables a city wrote, by name: ``events`` and, where the feature reads them, ``visits``, ``workflow`` and so on."""
Measure = Callable[[Log, object], np.ndarray]
"""From a log and a date to (n_grids,) numbers."""
_KNOWN_AT = {
    "events": "known_at",
    "visits": "known_at",
    "workflow": "known_at",
    "diversions": "sent_at",
    "roster": "day_at",
    "feed_log": "arrived_at",
}
_TURN = pd.Timedelta(hours=77)


def measure_of(feature: Feature | Sequence[Feature], grids: pd.DataFrame, *, timezone: str | None = None) -> Measure:
    """A feature, or several together, as a function of a log and a date, for the relations of this module.

    Several give (n_features, n_grids) numbers.

    Parameters
    ----------
    feature
        One feature, or several.
    grids
        Table `grids`, one row a grid.
    timezone
        Clock of the city; that of `known_at` by default.

    Returns
    -------
    measure
        From a log and a date to (n_grids,) numbers, or (n_features, n_grids) of several.

    Examples
    --------
    >>> from riskwarn.feature import Count
    >>> at = pd.to_datetime(["2025-01-01", "2025-01-05"]).tz_localize("Asia/Shanghai")
    >>> events = pd.DataFrame({"source": "dispute", "event_id": ["a", "b"], "known_at": at, "occurred_at": at,
    ...                        "grid_id": "G1", "category": "D02"})
    >>> measure = measure_of(Count("dispute", days=7), pd.DataFrame({"grid_id": ["G1"], "valid_from": at[:1]}))
    >>> measure({"events": events}, "2025-01-04").tolist()
    [1.0]
    """

    def measure(log: Log, as_of: object) -> np.ndarray:
        tables = {name: frame for name, frame in log.items() if name != "events"}
        snapshot = History.of(log["events"], grids, timezone=timezone, until=as_of, tables=tables).at([as_of])
        if isinstance(feature, Feature):
            return np.asarray(feature.compute(snapshot))[:, 0]
        return np.stack([f.compute(snapshot)[:, 0] for f in feature])

    return measure


def assert_no_leak(
    feature: Feature | Measure,
    events: pd.DataFrame | Log,
    as_of: object,
    *,
    grids: pd.DataFrame | None = None,
    timezone: str | None = None,
) -> None:
    """Fail unless the feature sees only what was known at `as_of`.

    The log is cut at `as_of`, poisoned with records first known at that instant or later (revisions that move, close, retract or
    regrade what is known; new records that claim to have happened long ago), shuffled and repeated. The numbers may not change.

    Parameters
    ----------
    feature
        A feature, or a function from a log and a date to one number a grid.
    events
        Table `events`, or the tables the feature reads, by name.
    as_of
        A date with records before it.
    grids
        Table `grids`; by default one row for each grid of the events.
    timezone
        Clock of the city; that of `known_at` by default.

    Raises
    ------
    AssertionError
        A number changed; the message names the feature, the relation, the grid and both numbers.
    DataError
        Nothing was known at `as_of`, so nothing would be proved.

    Examples
    --------
    >>> from riskwarn.feature import Count
    >>> at = pd.to_datetime(["2025-01-01", "2025-01-05"]).tz_localize("Asia/Shanghai")
    >>> events = pd.DataFrame({"source": "dispute", "event_id": ["a", "b"], "known_at": at, "occurred_at": at,
    ...                        "grid_id": "G1", "category": "D02"})
    >>> assert_no_leak(Count("dispute", days=7), events, "2025-01-04")
    """
    log = {"events": events} if isinstance(events, pd.DataFrame) else dict(events)
    zone = zone_of(log["events"]["known_at"], timezone)
    at = instant(as_of, zone)
    if not (log["events"]["known_at"] < at).any():
        raise DataError(f"assert_no_leak: no event is known before {as_of}; choose a date that has a past.")
    place = _grids_of(log) if grids is None else grids
    if isinstance(feature, Feature):
        name, measure = feature.name, measure_of(feature, place, timezone=zone)
    else:
        name, measure = getattr(feature, "__name__", "feature"), feature
    for relation in (no_future, as_it_stood, any_order, any_repeat):
        values, wanted = relation(measure, log, at)
        _assert_same(name, relation.__name__, values, wanted)


def no_future(measure: Measure, log: Log, as_of: pd.Timestamp) -> tuple[np.ndarray, np.ndarray]:
    """Values with and without records first known at or after `as_of`.

    Parameters
    ----------
    measure, log, as_of
        What is measured, on what, and when.

    Returns
    -------
    found, wanted
        Equal where the relation holds.
    """
    return measure(poisoned(log, as_of), as_of), measure(before(log, as_of), as_of)


def as_it_stood(measure: Measure, log: Log, as_of: pd.Timestamp) -> tuple[np.ndarray, np.ndarray]:
    """Values from the whole log and from the log as it stood at `as_of`.

    Parameters
    ----------
    measure, log, as_of
        What is measured, on what, and when.

    Returns
    -------
    found, wanted
        Equal where the relation holds.
    """
    return measure(log, as_of), measure(before(log, as_of), as_of)


def any_order(measure: Measure, log: Log, as_of: pd.Timestamp) -> tuple[np.ndarray, np.ndarray]:
    """Values from the log and from the log upside down.

    Parameters
    ----------
    measure, log, as_of
        What is measured, on what, and when.

    Returns
    -------
    found, wanted
        Equal where the relation holds.
    """
    return measure({name: t.iloc[::-1].reset_index(drop=True) for name, t in log.items()}, as_of), measure(log, as_of)


def any_repeat(measure: Measure, log: Log, as_of: pd.Timestamp) -> tuple[np.ndarray, np.ndarray]:
    """Values from the log and from the log with every row twice.

    Parameters
    ----------
    measure, log, as_of
        What is measured, on what, and when.

    Returns
    -------
    found, wanted
        Equal where the relation holds.
    """
    return measure({name: pd.concat([t, t], ignore_index=True) for name, t in log.items()}, as_of), measure(log, as_of)


def own_grid(
    measure: Measure, log: Log, as_of: pd.Timestamp, *, place: int, grid_id: str
) -> tuple[np.ndarray, np.ndarray]:
    """Value of the grid in row `place` with and without the records of all other grids.

    Each feed keeps its first known event, and is said to have spoken all the time, for how long a feed speaks is no matter of a grid.

    Parameters
    ----------
    measure, log, as_of
        What is measured, on what, and when.
    place
        Row number of the grid, from 0.
    grid_id
        Its id.

    Returns
    -------
    alone, among_others
        Equal where the relation holds.
    """
    events = log["events"]
    key = ["source", "event_id"]
    in_grid = events.groupby(key)["grid_id"].transform(lambda ids: (ids == grid_id).any())
    oldest = events.sort_values("known_at", kind="stable").drop_duplicates("source")[key].apply(tuple, axis=1)
    remaining = in_grid | events[key].apply(tuple, axis=1).isin(set(oldest))
    spoken = {**log, "feed_log": _always(events)}
    others = {n: t[t["grid_id"] == grid_id].reset_index(drop=True) if "grid_id" in t else t for n, t in spoken.items()}
    alone = {**others, "events": events[remaining].reset_index(drop=True)}
    return measure(alone, as_of)[..., place], measure(spoken, as_of)[..., place]


def _always(events: pd.DataFrame) -> pd.DataFrame:
    """A log in which every feed speaks for all the time there is."""
    first, last = events["occurred_at"].min(), events["known_at"].max() + pd.Timedelta(days=9999)
    sources = sorted(set(events["source"]))
    return pd.DataFrame(
        {
            "source": sources,
            "org_code": "*",
            "batch_id": "all",
            "arrived_at": first - pd.Timedelta(days=1),
            "received": 1,
            "accepted": 1,
            "quarantined": 0,
            "duplicate": 0,
            "covers_from": first,
            "covers_to": last,
        }
    )


def any_clock(
    measure: Measure, log: Log, as_of: pd.Timestamp, *, turn: pd.Timedelta = _TURN
) -> tuple[np.ndarray, np.ndarray]:
    """Values after moving every time, and `as_of`, by 77 hours (or `turn`).

    Parameters
    ----------
    measure, log, as_of
        What is measured, on what, and when.
    turn
        By how much all times move.

    Returns
    -------
    found, wanted
        Equal where the relation holds.
    """
    return measure({name: _moved(t, turn) for name, t in log.items()}, as_of + turn), measure(log, as_of)


def before(log: Log, as_of: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """The log as it stood at `as_of`: only rows known before it.

    Parameters
    ----------
    log
        Tables by name; those that tell no time of knowing are left whole.
    as_of
        An instant with a time zone.

    Returns
    -------
    log
        New frames.

    Examples
    --------
    >>> at = pd.to_datetime(["2025-01-01", "2025-01-05"]).tz_localize("Asia/Shanghai")
    >>> before({"events": pd.DataFrame({"event_id": ["a", "b"], "known_at": at})}, at[1])["events"]["event_id"].tolist()
    ['a']
    """
    return {name: t[_known(name, t) < as_of].reset_index(drop=True) for name, t in log.items()}


def poisoned(log: Log, as_of: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """The log as it stood, with records that become known at `as_of` or later and contradict it.

    Parameters
    ----------
    log
        Tables by name.
    as_of
        An instant with a time zone.

    Returns
    -------
    log
        Of each table with a time of knowing also rows known at `as_of`, an hour, a week and a year later.

    Examples
    --------
    >>> at = pd.to_datetime(["2025-01-01", "2025-01-05"]).tz_localize("Asia/Shanghai")
    >>> events = pd.DataFrame({"source": "dispute", "event_id": ["a", "b"], "known_at": at, "occurred_at": at, "grid_id": ["A", "B"]})
    >>> lies = poisoned({"events": events}, at[1])["events"]
    >>> len(lies), int((lies["known_at"] < at[1]).sum())
    (9, 1)
    """
    stood = before(log, as_of)
    return {
        name: pd.concat([t, *_poison(name, t, as_of)], ignore_index=True) if len(t) and name in _KNOWN_AT else t
        for name, t in stood.items()
    }


def _poison(name: str, rows: pd.DataFrame, as_of: pd.Timestamp) -> list[pd.DataFrame]:
    """Revisions and new records, known at `as_of` itself, an hour, a week and a year later."""
    late = (pd.Timedelta(0), pd.Timedelta(hours=1), pd.Timedelta(days=7), pd.Timedelta(days=365))
    tables = []
    for turn, wait in enumerate(late):
        changed = _contradicted(rows, turn)
        changed[_column_known(name, changed)] = as_of + wait
        if name == "events":
            changed = changed.drop_duplicates(["source", "event_id"])
            tables.append(changed)
        tables.append(_renamed(name, changed, turn))
    return tables


def _contradicted(rows: pd.DataFrame, turn: int) -> pd.DataFrame:
    """The rows with their words dealt round, and closed, opened or retracted."""
    changed = rows.copy()
    for column in ("grid_id", "category", "severity", "origin", "tags", "outcome", "action", "kind"):
        if column in changed:
            changed[column] = np.roll(changed[column].to_numpy(), turn + 1)
    if "category" in changed and turn == 1:
        changed["category"] = "unheard_of"
    if "occurred_at" in changed:
        changed["closed_at"] = changed["occurred_at"].where(np.full(len(rows), turn == 1))
        changed["retracted"] = np.arange(len(rows)) % 3 == turn
    return changed


def _renamed(name: str, rows: pd.DataFrame, turn: int) -> pd.DataFrame:
    """The rows as new records that claim to have happened some days earlier."""
    fresh = rows.copy()
    for key in ("event_id", "visit_id", "case_id", "call_id", "batch_id"):
        if key in fresh:
            fresh[key] = fresh[key].astype(str) + f"-new-{turn}"
    for at in ("occurred_at", "started_at", "at"):
        if at in fresh and at != _column_known(name, rows):
            fresh[at] = fresh[at] - pd.Timedelta(days=turn)
    if "closed_at" in fresh and name == "events":
        fresh["closed_at"] = fresh["closed_at"].where(np.zeros(len(fresh), dtype=bool))
    return fresh.drop_duplicates("grid_id") if name == "roster" else fresh


def _column_known(name: str, rows: pd.DataFrame) -> str:
    column = _KNOWN_AT[name]
    return column if column in rows else "at"


def _known(name: str, rows: pd.DataFrame) -> pd.Series:
    if name not in _KNOWN_AT:
        return pd.Series(pd.Timestamp.min.tz_localize("UTC"), index=rows.index)
    known = rows[_column_known(name, rows)]
    return known.fillna(rows["at"]) if name == "workflow" else known


def _moved(rows: pd.DataFrame, turn: pd.Timedelta) -> pd.DataFrame:
    times = [c for c in rows if isinstance(rows[c].dtype, pd.DatetimeTZDtype)]
    return rows.assign(**{c: rows[c] + turn for c in times})


def _grids_of(log: Log) -> pd.DataFrame:
    ids = sorted({g for t in log.values() if "grid_id" in t for g in t["grid_id"].dropna() if g})
    first = log["events"]["known_at"].min() - pd.Timedelta(days=1)
    return pd.DataFrame({"grid_id": ids, "valid_from": first})


def _assert_same(name: str, relation: str, values: np.ndarray, wanted: np.ndarray) -> None:
    close = np.isclose(values, wanted, rtol=1e-5, atol=1e-6, equal_nan=True)
    if not close.all():
        at = tuple(np.argwhere(~close)[0])
        raise AssertionError(
            f"feature {name!r} breaks {relation.replace('_', ' ')!r}: in grid number {at[-1]} it is {values[at]:g}, "
            f"and {wanted[at]:g} from what was known."
        )
