"""The area a bulletin is of: which grids lie in it, and how it and its neighbours are called."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from riskwarn.access import in_area
from riskwarn.calling import checked
from riskwarn.errors import DataError, NotFoundError, did_you_mean
from riskwarn.ledger import CITY, within
from riskwarn.ledger.listing import Areas, areas_of
from riskwarn.store import Store
from riskwarn.web.places import names_in

COLUMNS = {"county": "county_id", "township": "township_id"}
"""Kinds of area that have a bulletin of their own, and the column of `grids` that names each."""
_CODE = re.compile(r"[\x00-\x7f]*")
_WORD = re.compile(r"[A-Za-z0-9_]{4,}")


@dataclass(frozen=True, eq=False)
class Area:
    """The city, one of its counties or one of its townships.

    Attributes
    ----------
    kind
        ``city``, ``county`` or ``township``.
    area_id
        Its code; empty for the city.
    path
        Where it lies, as the ledger writes it.
    grids
        The grids of the whole city that night, by `grid_id`.
    grid_ids
        Those that lie in it.
    names
        How grids, townships and counties are called.
    areas
        Where each grid and body lies.
    """

    kind: str
    area_id: str
    path: str
    grids: pd.DataFrame
    grid_ids: frozenset[str]
    names: Mapping[str, str]
    areas: Areas

    @property
    def name(self) -> str:
        """What it is called; empty for the city."""
        return self.names.get(self.area_id, self.area_id)

    def part(self, kind: str, area_id: str) -> "Area":
        """One of its counties or townships.

        Parameters
        ----------
        kind
            ``county`` or ``township``.
        area_id
            Its code.

        Returns
        -------
        area
            With at least one grid.

        Raises
        ------
        DataError
            The grids do not say in which area of that kind they lie.
        NotFoundError
            There is no such area.
        """
        if area_id not in (codes := self.parts(kind)):
            near = did_you_mean(area_id, codes)
            raise NotFoundError(f"no {kind} {area_id!r} that night{near}; {len(codes):,} are known.")
        inside = frozenset(self.grids.index[in_area(self.grids, area_id)])
        path = self.areas.of_body.get(area_id, area_id)
        return replace(self, kind=kind, area_id=area_id, path=path, grid_ids=inside)

    def parts(self, kind: str) -> list[str]:
        """The codes of all its counties or townships.

        Parameters
        ----------
        kind
            ``county`` or ``township``.

        Returns
        -------
        area_ids
            In order.

        Raises
        ------
        DataError
            The grids do not say in which area of that kind they lie.
        """
        return sorted(_codes(self.grids, kind).unique())

    def holds(self, path: str) -> bool:
        """Whether what lies at a path of the ledger lies in it.

        Parameters
        ----------
        path
            County, township, community and grid, with ``/`` between.

        Returns
        -------
        holds
            Always for the city.
        """
        return within(path, self.path or CITY)

    def parent(self, grid_id: str, kind: str) -> str:
        """The county or township of a grid.

        Parameters
        ----------
        grid_id
            The grid.
        kind
            One of :data:`COLUMNS`.

        Returns
        -------
        area_id
            Empty where it is not known.
        """
        column = COLUMNS[kind]
        if column not in self.grids or grid_id not in self.grids.index:
            return ""
        code = self.grids.loc[grid_id, column]
        return "" if pd.isna(code) else str(code)

    def called(self, text: str, *, city: str = "") -> str:
        """A text in which the codes of counties, townships and communities are replaced by their names.

        Parameters
        ----------
        text
            Any.
        city
            What a code is called that covers all counties; by default it stays.

        Returns
        -------
        text
            Codes without a name stay.
        """
        return _WORD.sub(lambda found: self._name_of(found[0], city), text)

    def _name_of(self, code: str, city: str) -> str:
        if code in self.names or not city or not code.isdigit() or "county_id" not in self.grids:
            return self.names.get(code, code)
        return city if all(within(str(c), code) for c in self.grids["county_id"].dropna().unique()) else code

    def place(self, grid_id: str) -> str:
        """A grid as one calls it in the city: its name, after the names of county and township that are words and not in it yet.

        Parameters
        ----------
        grid_id
            The grid.

        Returns
        -------
        place
            At least the grid's own code.
        """
        own = self.names.get(grid_id, grid_id)
        parents = [self.names.get(code, code) for code in (self.parent(grid_id, kind) for kind in COLUMNS)]
        return " ".join([*(p for p in parents if p and not _CODE.fullmatch(p) and not own.startswith(p)), own])


@checked
def city_of(store: Store, as_of: pd.Timestamp) -> Area:
    """The whole city, as its grids were on a night.

    Parameters
    ----------
    store
        The city.
    as_of
        The night.

    Returns
    -------
    area
        Of all grids; :meth:`Area.part` gives one county or township of it.
    """
    grids = store.grids(as_of)
    table = grids.set_index(grids["grid_id"].astype("str"))
    return Area("city", "", "", table, frozenset(table.index), names_in(table), areas_of(store, as_of))


def _codes(grids: pd.DataFrame, kind: str) -> pd.Series:
    column = COLUMNS.get(kind)
    if column is None:
        raise DataError(f"there is no bulletin of a {kind}; wanted one of {', '.join(COLUMNS)}.")
    if column not in grids or grids[column].isna().all():
        raise DataError(f"the grids do not say in which {kind} they lie: column {column} of table grids is empty.")
    return grids[column].dropna().astype("str")
