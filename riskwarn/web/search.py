"""Search: a grid by its code or name, an area, an alert or a matter by its number; in one's own area alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import Field

from riskwarn.access import Visitor
from riskwarn.web.api.items import books_of
from riskwarn.web.api.shared import nights_of
from riskwarn.web.held import Night
from riskwarn.web.narrow import narrowed
from riskwarn.web.page import PageQuery, page_of_night, root_of
from riskwarn.web.policy import may
from riskwarn.web.problems import Problem

MOST_FOUND = 40
_LEAST_OF_A_NUMBER = 4
"""Signs of an alert's number that have to be given."""
_AREAS = ("county", "township", "community")
search = APIRouter(include_in_schema=False)


class SearchQuery(PageQuery):
    """Parameters of the search."""

    q: str = Field("", max_length=100, description="part of a name, or the beginning of a number")


@dataclass(frozen=True)
class Found:
    """One thing that was found.

    Attributes
    ----------
    kind
        ``grid``, ``county``, ``township``, ``community``, ``alert`` or ``item``.
    code, name
        Its code, and what it is called.
    path
        Its page.
    params
        Parameters of the page.
    """

    kind: str
    code: str
    name: str
    path: str
    params: tuple[tuple[str, str], ...] = ()


@search.get("/search")
def look(
    request: Request,
    query: Annotated[SearchQuery, Query()],
    visitor: Annotated[Visitor, may("scores:read", "own", "safe")],
) -> Response:
    """What is meant by some words; its page itself, where it is the one grid or matter of that code."""
    night = narrowed(nights_of(request).at(query.as_of, target=query.target), visitor)
    words = query.q.strip()
    exact = _exact(request, night, visitor, words)
    if exact:
        return RedirectResponse(root_of(request) + exact, 303, {"Cache-Control": "no-store"})
    found = list(islice(found_in(night, visitor, words), MOST_FOUND + 1)) if words else []
    context: dict[str, Any] = {"words": words, "found": found[:MOST_FOUND], "more": len(found) > MOST_FOUND}
    return page_of_night(request, "search.html", night, **context)


def _exact(request: Request, night: Night, visitor: Visitor, words: str) -> str:
    """The page of the grid or matter of exactly that code; empty where there is none that is seen."""
    if words in night.by_grid.index:
        return f"/grids/{words}"
    if len(words) == 16 and visitor.may("alerts:read"):
        try:
            return f"/desk/{books_of(request).item(words, visitor).item_id}"
        except Problem:
            return ""
    return ""


def found_in(night: Night, visitor: Visitor, words: str) -> Iterator[Found]:
    """What of a night some words may mean: areas first, then alerts by number, then grids by rank.

    Parameters
    ----------
    night
        As the visitor sees it.
    visitor
        Who asks.
    words
        Part of a name or code, whatever its case.

    Yields
    ------
    found
        None twice.
    """
    wanted, scores = words.casefold(), night.scores
    for kind in _AREAS:
        codes = scores[f"{kind}_id"].dropna().unique() if f"{kind}_id" in scores else ()
        for code in sorted(map(str, codes)):
            name = night.places.called.get(code, code)
            if code.casefold().startswith(wanted) or wanted in name.casefold():
                yield Found(kind, code, name, "/alerts", (("area", code),))
    if night.alerts is not None and visitor.may("alerts:read") and len(wanted) >= _LEAST_OF_A_NUMBER:
        for alert in night.alerts[night.alerts["alert_id"].str.casefold().str.startswith(wanted)].itertuples():
            lead = str(alert.grid_ids).split()[0]
            yield Found("alert", str(alert.alert_id), night.names.get(lead, lead), f"/grids/{lead}")
    for code in scores["grid_id"]:
        name = night.names.get(code, code)
        if wanted in name.casefold() or code.casefold().startswith(wanted):
            yield Found("grid", code, name, f"/grids/{code}")
