"""The facts of a log of events: each revision on the interval it holds, in today's grids."""

import numpy as np

from riskwarn.history.carry import Carry
from riskwarn.history.facts import ROW_COLUMNS, WORD_COLUMNS, Facts, facts_of
from riskwarn.history.log import Log
from riskwarn.history.sorting import in_order

_JOINED = ("grid", "occurred", "severity", "source", "category", "origin", "tags", "outcome", "near", "place", "case")
"""What must stay the same for a count not to see a revision."""


def revisions(log: Log, carry: Carry, n_grids: int) -> tuple[Facts, Facts]:
    """Facts and cases of a log.

    A case is a revision on the interval it holds. Facts join the revisions between which only handling changed, so that counts
    have fewer rows to look at.
    """
    row, grid, weight = carry.rows(log.coded("grid_id")[0][log.order])
    rows = np.arange(len(log)) if row is None else row
    held = ~log.retracted[rows]
    if not held.all():
        rows, grid, weight = rows[held], grid[held], weight[held] if len(weight) else weight
    source_rows = log.order[rows]
    occurred = log.times("occurred_at")[source_rows]
    cases = facts_of(
        words=_words(log),
        grid=grid,
        start=np.maximum(log.known[rows], occurred),
        end=log.end[rows],
        occurred=occurred,
        weight=weight,
        known=np.maximum(log.first_known[rows], occurred),
        **_columns(log, source_rows),
    )
    facts = _coalesced(cases, log.event[rows])
    return in_order(facts, n_grids), in_order(cases, n_grids)


def punctual(log: Log, carry: Carry, n_grids: int) -> Facts:
    """Facts of a log of one row an event, each known when it occurs, its closing when it is closed."""
    row, grid, weight = carry.rows(log.coded("grid_id")[0])
    rows: np.ndarray | slice = slice(None) if row is None else row
    occurred = log.known[rows]
    columns = _columns(log, rows)
    return in_order(
        facts_of(words=_words(log), grid=grid, start=occurred, occurred=occurred, weight=weight, **columns), n_grids
    )


def _words(log: Log) -> dict[str, np.ndarray]:
    return {name: log.coded(name)[1] for name in WORD_COLUMNS if name in log.filled}


def _columns(log: Log, rows: np.ndarray | slice) -> dict[str, np.ndarray]:
    """The other columns of facts, as far as the table has them: an empty column takes no memory and no time."""
    columns = {name: log.coded(name)[0][rows] for name in WORD_COLUMNS if name in log.filled}
    for name in ("closed", "due"):
        if f"{name}_at" in log.filled:
            columns[name] = log.times(f"{name}_at")[rows]
    if "severity" in log.filled:
        columns["severity"] = log.severity()[rows]
    if "near_grid_id" in log.filled:
        near, near_words = log.coded("near_grid_id")
        columns["near"] = (near_words != "")[near][rows]
    for name, column in (("place", "place_key"), ("case", "case_id")):
        if column in log.filled:
            columns[name] = log.keyed(column)[0][rows]
    return columns


def _coalesced(rows: Facts, event: np.ndarray) -> Facts:
    if len(event) < 2:
        return rows
    joined = event[1:] == event[:-1]
    for name in (*_JOINED, "weight"):
        values = getattr(rows, name)
        if values.strides[0]:
            joined &= values[1:] == values[:-1]
    joined &= (rows.end[:-1] == rows.start[1:]) | (rows.start[:-1] == rows.start[1:])
    if not joined.any():
        return rows
    first = np.flatnonzero(np.r_[True, ~joined])
    last = np.r_[first[1:] - 1, len(event) - 1]
    merged = rows[first]
    return Facts(**{**{n: getattr(merged, n) for n in ROW_COLUMNS}, "end": rows.end[last]}, words=rows.words)
