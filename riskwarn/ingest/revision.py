"""From a row to revisions: what was known when it was opened, after it was handled, and once it was closed.

One row of an export tells the end of a story. Read as one record it would let a feature of the first day know how the case ended. So a row
becomes up to three revisions, each known only from its own time on: the opening, the category after handling, the closing. A category
after handling that has no time of its own is known with the closing.
"""

import numpy as np
import pandas as pd

FEEDBACK = "feedback_category"
"""The category after handling; with ``_raw`` behind it the words of one that has no code."""
CLOSING = ("closed_at", "status", "outcome", "retracted")
"""Columns that are known only once the case is closed."""


def revisions(rows: pd.DataFrame, *, single: bool) -> pd.DataFrame:
    """Revisions of events, in the order of the rows and of time.

    Parameters
    ----------
    rows
        One row an event: columns of the `events` table, `known_at` being when the opening was known; perhaps `feedback_at` and
        `feedback_category`, missing where there is none.
    single
        Each row is one revision already, known at `known_at` with all it says.

    Returns
    -------
    revised
        One row a revision; what tells of the feedback is gone, the other columns stay.
    """
    opened = rows["known_at"]
    plain = rows.drop(columns=["feedback_at", FEEDBACK, f"{FEEDBACK}_raw"], errors="ignore")
    if single:
        return _categorised(rows, plain, ~(_later(rows, "feedback_at", opened) > opened).to_numpy())
    handled = _handled(rows, opened)
    closed = _later(rows, "closed_at", opened)
    moments = (
        (opened, np.ones(len(rows), dtype=bool)),
        (handled, (handled > opened).to_numpy()),
        (closed, ((closed > opened) & ((closed != handled) | handled.isna())).to_numpy()),
    )
    parts = [_as_known(rows, plain, at, handled, closed)[there] for at, there in moments]
    revised = pd.concat(parts)
    known = revised["known_at"].dt.tz_convert(None).to_numpy()
    return revised.iloc[np.lexsort((known, revised.index))]


def _handled(rows: pd.DataFrame, opened: pd.Series) -> pd.Series:
    """When the category after handling became known; missing where there is none, or where nobody can say."""
    if FEEDBACK not in rows:
        return opened.where(opened.isna())
    settled = _later(rows, "feedback_at", opened)
    return settled.fillna(_later(rows, "closed_at", opened)).where(rows[FEEDBACK].notna())


def _categorised(rows: pd.DataFrame, known: pd.DataFrame, handled: np.ndarray) -> pd.DataFrame:
    """The rows with the category after handling where they are handled, and where there is one."""
    if FEEDBACK in rows:
        handled = handled & rows[FEEDBACK].notna().to_numpy()
        for name in ("category", "category_raw"):
            if name in known:
                known = known.assign(
                    **{name: known[name].mask(handled, rows[FEEDBACK + name.removeprefix("category")])}
                )
    return known


def _later(rows: pd.DataFrame, column: str, opened: pd.Series) -> pd.Series:
    """When something became known: its own time, but not before the opening."""
    if column not in rows:
        return opened.where(opened.isna())
    at = rows[column]
    return at.where(at.isna() | (at > opened), opened)


def _as_known(
    rows: pd.DataFrame, plain: pd.DataFrame, at: pd.Series, handled: pd.Series, closed: pd.Series
) -> pd.DataFrame:
    over = (closed <= at).to_numpy()
    known = plain.assign(known_at=at)
    for column in CLOSING:
        if column in known:
            known[column] = known[column].where(over, False if column == "retracted" else None)
    return _categorised(rows, known, (handled <= at).to_numpy())
