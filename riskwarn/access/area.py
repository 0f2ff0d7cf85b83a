"""Which rows of a table lie in an area: one's own and what is below it."""

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.ledger.actor import CITY, within_each

COLUMNS = ("county_id", "township_id", "community_id", "grid_id")
"""Columns that say where a row lies, the largest area first."""


@checked
def in_area(table: pd.DataFrame, area: str) -> np.ndarray:
    """Which rows lie in an area.

    Parameters
    ----------
    table
        With some of the columns ``county_id``, ``township_id``, ``community_id`` and ``grid_id``; at least one.
    area
        Code of an area, or ``*`` for the whole city; a division code covers all codes that begin with it
        (:func:`riskwarn.ledger.within`).

    Returns
    -------
    mask
        (n,) True where one of the codes of the row lies in the area. A row without a code lies in none but the city.

    Raises
    ------
    ArgumentError
        The table has none of the columns.

    Examples
    --------
    >>> grids = pd.DataFrame({"township_id": ["T1", "T2", None], "grid_id": ["A", "B", "C"]})
    >>> in_area(grids, "T1"), in_area(grids, "C"), in_area(grids, "*")
    (array([ True, False, False]), array([False, False,  True]), array([ True,  True,  True]))
    """
    columns = [name for name in COLUMNS if name in table]
    if not columns:
        raise ValueError(f"none of the columns {', '.join(COLUMNS)} is in the table")
    if area == CITY:
        return np.ones(len(table), bool)
    return np.logical_or.reduce([_column_in_area(table[name], area) for name in columns])


def _column_in_area(codes: pd.Series, area: str) -> np.ndarray:
    """Each distinct code is asked about once."""
    places, distinct = pd.factorize(codes)
    inside = np.array(
        [*within_each([str(code) for code in distinct], area), False]
    )  # the last is that of no code, place -1
    return inside[places]
