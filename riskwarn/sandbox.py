"""Scores as they would be: a night scored with events that nobody has stored, by the same history, features and model.

``python -m riskwarn.sandbox`` answers questions line by line, for the server: a process of its own, which computes what the server does
not, is stopped when it takes too long, and gives its memory back when it ends. It reads the store and writes nothing.
"""

import json
import os
import sys
from collections.abc import Collection, Mapping
from typing import IO, Any

import pandas as pd

from riskwarn import tracking
from riskwarn.answer import answers, model_of
from riskwarn.calling import checked
from riskwarn.errors import BusyError, RiskwarnError
from riskwarn.history import History
from riskwarn.plan import Plan
from riskwarn.schema import EVENTS
from riskwarn.store import Store
from riskwarn.store.supposed import InPlaceOf, Supposed

TOLD = ("grid_id", "state", "rank", "probability", "expected", "lower", "upper", "p_in_top", "model_version")
"""Columns of the scores that are told."""


@checked
def sandbox_scores(
    store: Store,
    target: str,
    events: pd.DataFrame,
    *,
    as_of: object,
    in_place_of: InPlaceOf = "",
    grids: Collection[str] = (),
    alias: str = tracking.CHAMPION,
    capacity: int = 50,
) -> pd.DataFrame:
    """The scores of a night as they would be if the store held other events. Nothing is stored.

    Parameters
    ----------
    store
        The city.
    target
        Name of the label whose model is used.
    events
        Table `events`. What becomes known at the night or later counts for nothing, as ever.
    as_of
        The night; a date means its local midnight.
    in_place_of
        Which of its own events the store is without: none by default, ``grids``, all that were ever told to lie in one of `grids`, or
        ``all``.
    grids
        For ``grids``, their ids.
    alias
        Of the model.
    capacity
        Grids that can be attended to.

    Returns
    -------
    scores
        Of every grid, in every bit what a store that holds those events would be given.

    Raises
    ------
    DataError
        The events break their contract, or name a grid that there is not; or nothing was known before the night.
    DefinitionError
        The model counts a feed of which no event is left.
    StaleDataError
        The data end long before the night, or the model trained beyond it.
    NotFoundError
        There is no such model.
    BusyError
        The store was written meanwhile; ask again.
    """
    begun = store.files.stamp()
    supposed = Supposed(store, events, in_place_of=in_place_of, grids=grids)
    model = model_of(store, target, alias=alias)
    history = History.load(supposed, as_of=store.instant(as_of))
    if store.files.stamp() != begun:
        raise BusyError(f"store {store.path} was written while it was read; ask again.")
    plan = Plan.of_one(target, capacity=capacity, alias=alias)
    (answer,), _ = answers(history, plan, {target: model}, store.instant(as_of), capacity=capacity)
    return answer.scores


@checked
def events_of(rows: Collection[Mapping[str, Any]]) -> pd.DataFrame:
    """Table `events` of plain values.

    Parameters
    ----------
    rows
        A mapping each, times as ISO 8601 with a zone; what is left out is not known.

    Returns
    -------
    events
        In the types of the table.

    Examples
    --------
    >>> at = "2025-01-08T09:30:00+08:00"
    >>> event = {"source": "dispute", "event_id": "a", "known_at": at, "occurred_at": at, "grid_id": "G1", "category": "D02"}
    >>> str(events_of([event])["known_at"][0])
    '2025-01-08 01:30:00+00:00'
    """
    frame = pd.DataFrame(list(rows))
    times = [column.name for column in EVENTS.columns if column.kind == "time" and column.name in frame]
    frame = frame.assign(**{name: pd.to_datetime(frame[name], utc=True, format="ISO8601") for name in times})
    if "severity" in frame:
        frame["severity"] = frame["severity"].astype("Int64")
    if "retracted" in frame:
        frame["retracted"] = frame["retracted"].fillna(value=False).astype(bool)
    return frame


def _answered(line: str) -> dict[str, Any]:
    """The answer to one question; of an error its kind alone, since a message may repeat what was sent."""
    try:
        asked = json.loads(line)
        store, events = Store(asked.pop("store")), events_of(asked.pop("events"))
        wanted = asked.pop("wanted")
        scores = sandbox_scores(store, asked.pop("target"), events, **asked)
        rows = scores[scores["grid_id"].isin(wanted)][list(TOLD)]
        plain = rows.astype(object).where(rows.notna(), None)
        return {"scores": plain.to_dict("records")}
    except RiskwarnError as error:
        return {"error": type(error).__name__}
    except Exception as error:  # noqa: BLE001 - whatever one question meets, the next is answered
        return {"error": "InternalError", "kind": type(error).__name__}


def answer_lines(asked: IO[str], told: IO[str]) -> None:
    """Answer question after question, until there are no more.

    Parameters
    ----------
    asked
        A question a line, as :class:`riskwarn.web.workbench.Workbench` writes them.
    told
        Where the answers go, a line each.
    """
    for line in asked:
        told.write(json.dumps(_answered(line)) + "\n")
        told.flush()


if __name__ == "__main__":
    told = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer
    answer_lines(sys.stdin, told)
