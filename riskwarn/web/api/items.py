"""Work items of the ledger: what people do about alerts, gaps and supervision cards."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response

from riskwarn.access import Visitor
from riskwarn.ledger import concerning
from riskwarn.ledger.item import Item
from riskwarn.web import schemas
from riskwarn.web.api.shared import JSON, api_answer, encoded, nights_of
from riskwarn.web.books import Books, item_row
from riskwarn.web.narrow import narrowed_item
from riskwarn.web.policy import may
from riskwarn.web.schemas import ItemsQuery, StepRequest

router = APIRouter(prefix="/api/v1")
ItemId = Annotated[str, Path(min_length=4, max_length=64, pattern=r"^[\w.:\-]+$")]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[A-Za-z0-9_\-]{8,64}$",
        description="chosen by who sends it: sent again under the same key the step is not taken again",
    ),
]
_OTHERWISE: dict[int | str, dict[str, Any]] = {
    200: {"description": "the step was taken before, under the same key", "model": schemas.Taken},
    403: {"description": "the role or area may not take this step"},
    404: {"description": "there is no such item in the area of whoever asks"},
    409: {"description": "someone was faster: `version`, `state` and `last` say who did what when"},
    422: {"description": "the step cannot be taken from here: `actions` says which can, and what each wants"},
}


def books_of(request: Request) -> Books:
    """The ledger behind the answers."""
    books: Books = request.app.state.books
    return books


def work_of(request: Request, item_id: str | None, visitor: Visitor) -> dict[str, Any] | None:
    """An item with its trail, clocks and next steps; None where there is none."""
    if item_id is None:
        return None
    books = books_of(request)
    return books.work(_shown(request, books.item(item_id, visitor), visitor), visitor)


def _shown(request: Request, item: Item, visitor: Visitor) -> Item:
    return item if visitor.sees_all else narrowed_item(item, nights_of(request).newest(), visitor)


@router.get("/items", response_model=schemas.Items)
def items(
    request: Request, query: Annotated[ItemsQuery, Query()], visitor: Annotated[Visitor, may("alerts:read", "own")]
) -> Response:
    """Work items, the gravest first, of whatever night; those of the visitor's area and those assigned to it."""
    ledger = books_of(request).ledger()
    told: dict[str, Any] = {"kept": ledger is not None, "limit": query.limit, "offset": query.offset}
    if ledger is None:
        return api_answer(request, **told, total=0, items=[])
    states = [query.state] if query.state else None
    found = ledger.items(
        kind=query.kind, states=states, level=query.level, area=query.area or "*", open_only=query.open
    )
    found = concerning(found, visitor.area)
    page = [Item(**row) for row in found.iloc[query.offset : query.offset + query.limit].to_dict("records")]
    rows = [item_row(_shown(request, item, visitor), ledger.store.timezone) for item in page]
    return api_answer(request, **told, total=len(found), items=rows)


@router.get("/items/{item_id}", response_model=schemas.Work)
def item(request: Request, item_id: ItemId, visitor: Annotated[Visitor, may("alerts:read", "own")]) -> Response:
    """One work item with its trail, the clocks that run, and what may be done next."""
    books = books_of(request)
    return api_answer(request, **books.work(_shown(request, books.item(item_id, visitor), visitor), visitor))


def _route(kind: str | None) -> Callable[..., Response]:
    """The route that takes a step with items of a kind."""

    def take(
        request: Request,
        item_id: ItemId,
        step: StepRequest,
        visitor: Annotated[Visitor, may("alerts:act", "own")],
        key: Key = "",
    ) -> Response:
        """Take one step: one of those `actions` names, with the version that was looked at."""
        books = books_of(request)
        taken, again = books.take(books.item(item_id, visitor, kind=kind), step, visitor, key)
        headers = {"Cache-Control": "no-store"} | ({"Idempotency-Replayed": "true"} if again else {})
        return Response(encoded(taken), 200 if again else 201, headers, JSON)

    return take


for _kind, _path in ((None, "items"), ("alert", "alerts"), ("gap", "gaps"), ("supervision", "cards")):
    router.post(
        f"/{_path}/{{item_id}}/transitions",
        response_model=schemas.Taken,
        status_code=201,
        responses=_OTHERWISE,
        name=f"step_with_{_path}",
    )(_route(_kind))
