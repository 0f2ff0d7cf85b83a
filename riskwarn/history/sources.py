"""The facts of the tables that are not events: visits, steps of handling, diverted calls, the roster."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from riskwarn.errors import DataError
from riskwarn.history.carry import Carry
from riskwarn.history.columns import encode, flags, instants, narrow, numbered_keys, numbers
from riskwarn.history.facts import NEVER, Facts, facts_of
from riskwarn.history.sorting import in_order

READ = {
    "visits": ("grid_id", "started_at", "known_at", "kind", "purpose", "valid", "n_households"),
    "workflow": ("grid_id", "case_id", "step", "action", "at", "known_at", "limit_at"),
    "diversions": ("grid_id", "to_org", "sent_at", "received_at"),
    "roster": ("grid_id", "day_at", "n_workers"),
}
"""Columns of each table that facts are made of: the names of visits take more memory than all of these."""


def table_facts(
    name: str, read: Callable[[Sequence[str]], pa.Table], carry: Callable[[np.ndarray], Carry], n_grids: int
) -> Facts:
    """Facts of the tables that are not events: visits, steps of handling, diverted calls, the roster.

    Parameters
    ----------
    name
        Of the table.
    read
        Gives columns of it.
    carry
        Where records go, by the grid ids they are written under.
    n_grids
        Of the history.

    Raises
    ------
    DataError
        A table no stream is made of.
    """
    makers = {"visits": _visits, "workflow": _steps, "diversions": _diversions, "roster": _roster}
    if name not in makers:
        raise DataError(f"no stream is read from table {name!r}; streams are read from {', '.join(makers)}.")
    table = read(READ[name])
    columns, words, known = makers[name](table)
    grid_code, written = encode(table["grid_id"])
    row, grid, weight = carry(written).rows(grid_code)
    rows = np.arange(len(grid_code)) if row is None else row
    chosen = {key: values[rows] for key, values in columns.items()}
    start = np.maximum(known[rows], chosen["occurred"])
    return in_order(facts_of(words=words, grid=grid, start=start, weight=weight, **chosen), n_grids)


_Made = tuple[dict[str, np.ndarray], dict[str, np.ndarray], np.ndarray]


def _named_source(word: str) -> np.ndarray:
    return np.array([word], dtype=object)


def _visits(table: pa.Table) -> _Made:
    category, kinds = encode(table["kind"])
    purpose, purposes = encode(table["purpose"])
    valid = flags(table["valid"], blank=True)
    columns = {
        "occurred": instants(table["started_at"]),
        "category": narrow(category, len(kinds)),
        "tags": narrow(purpose + valid * np.int32(len(purposes)), 2 * len(purposes)),
        "amount": numbers(table["n_households"], 0).astype(np.float32),
    }
    tags = np.array([*purposes, *(f"{p} valid".strip() for p in purposes)], dtype=object)
    return columns, {"source": _named_source("visit"), "category": kinds, "tags": tags}, instants(table["known_at"])


def _steps(table: pa.Table) -> _Made:
    category, actions = encode(table["action"])
    at, known = instants(table["at"]), instants(table["known_at"])
    case = numbered_keys(table["case_id"])[0]
    start = np.maximum(np.where(known == NEVER, at, known), at)
    nth = _nth(case, category, start, numbers(table["step"], 0))
    columns = {
        "occurred": at,
        "category": category,
        "case": case,
        "due": instants(table["limit_at"]),
        "tags": (nth == 1).astype(np.int32),
    }
    words = {"source": _named_source("step"), "category": actions, "tags": np.array(["", "again"], dtype=object)}
    return columns, words, np.where(known == NEVER, at, known)


def _nth(case: np.ndarray, action: np.ndarray, start: np.ndarray, step: np.ndarray) -> np.ndarray:
    """How many steps of the same action of the case were known before."""
    order = np.lexsort((step, start, action, case))
    changed = np.r_[True, (case[order][1:] != case[order][:-1]) | (action[order][1:] != action[order][:-1])]
    first = np.maximum.accumulate(np.where(changed, np.arange(len(order)), 0)) if len(order) else order
    nth = np.empty(len(order), np.int64)
    nth[order] = np.arange(len(order)) - first
    return nth


def _diversions(table: pa.Table) -> _Made:
    sent = instants(table["sent_at"])
    category, orgs = encode(table["to_org"])
    columns = {"occurred": sent, "category": category, "closed": instants(table["received_at"])}
    return columns, {"source": _named_source("diversion"), "category": orgs}, sent


def _roster(table: pa.Table) -> _Made:
    day = instants(table["day_at"])
    workers = numbers(table["n_workers"], 0).astype(np.float32)
    columns = {"occurred": day, "amount": workers, "tags": (workers > 0).astype(np.int32)}
    return columns, {"source": _named_source("roster"), "tags": np.array(["", "staffed"], dtype=object)}, day
