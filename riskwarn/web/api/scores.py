"""Scores: one, a page, or the whole city, in the form asked for."""

import hashlib
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from riskwarn.access import Visitor
from riskwarn.ledger.actor import within_each
from riskwarn.web import schemas
from riskwarn.web.api.shared import JSON, encoded, envelope, nights_of, row_of, seen, tagged
from riskwarn.web.cursor import Cursor, bad_cursor, question_of
from riskwarn.web.forms import FILES, MEDIA, Form, form_of, wide, written
from riskwarn.web.geojson import drawn_scores
from riskwarn.web.held import Night, Ranked
from riskwarn.web.places import PARENTS
from riskwarn.web.policy import may
from riskwarn.web.problems import forbidden
from riskwarn.web.rendered import Lines, lines_of
from riskwarn.web.schemas import LONGEST_NAME, NightQuery, ScoresQuery, fields

PAGE = 100
"""Rows of a page where nobody says how many."""
COLUMNS = fields(schemas.Score)
router = APIRouter(prefix="/api/v1")
_FORMS: dict[int | str, dict[str, Any]] = {
    200: {"content": {media: {} for media in MEDIA.values() if media != JSON}},
    406: {"description": "none of the forms accepted is there; `forms` names those that are"},
    410: {"description": "the run that a cursor belongs to is gone"},
}


def lines(night: Night) -> Lines:
    """The scores of a night and question as JSON, written once."""
    made = night.ranked.made
    if "lines" not in made:
        made["lines"] = lines_of(night.ranked.rows, COLUMNS)
    found: Lines = made["lines"]
    return found


def head(request: Request, night: Night) -> bytes:
    """The envelope of an answer as JSON, without its end."""
    return encoded(envelope(request, night))[:-1]


@router.get("/scores", response_model=schemas.Scores, responses=_FORMS)
def scores(
    request: Request,
    query: Annotated[ScoresQuery, Query()],
    visitor: Annotated[Visitor, may("scores:read", "own", "safe")],
) -> Response:
    """Scores, riskiest first, unscored last; narrowed, put in another order, page by page, in the form asked for."""
    form = form_of(request, query.format)
    if form != "json" and not visitor.may("export"):
        raise forbidden()
    night, offset = _begun(request, query)
    rows = chosen(night, query, visitor)
    total = len(night.ranked.rows) if rows is None else len(rows)
    limit = query.limit or (total if form in FILES else PAGE)
    last = max(offset, min(offset + limit, total))
    if form != "json":
        return _file(request, night, rows, (offset, last), form)
    follow = None if last >= total else Cursor(night.date, night.run, _question(query, night), last).written()
    page = encoded({"total": total, "limit": limit, "offset": offset, "next": follow})[1:-1]
    found = lines(night)
    items = found.run(offset, last) if rows is None else found.chosen(rows[offset:last])
    return tagged(request, b"".join([head(request, night), b",", page, b',"items":[', items, b"]}"]), JSON)


def _begun(request: Request, query: ScoresQuery) -> tuple[Night, int]:
    """The night of a list and where it goes on: a cursor keeps to its run."""
    nights = nights_of(request)
    if query.cursor is None:
        return nights.at(query.as_of, target=query.target), query.offset
    place = Cursor.read(query.cursor)
    night = nights.of_run(place.as_of, place.run, target=query.target)
    if place.question != _question(query, night):
        raise bad_cursor()
    return night, place.offset


def _question(query: ScoresQuery, night: Night) -> str:
    narrowed = query.model_dump(include={"min_probability", "state", "level", "lane", "parent", "sort"})
    return question_of(night.target, *narrowed.values())


def chosen(night: Night, query: ScoresQuery, visitor: Visitor) -> np.ndarray | None:
    """The rows that fit, in the order asked for; None where that is all of them as they stand."""
    rows = night.ranked.rows
    masks = [seen(night, visitor)]
    if query.min_probability is not None:
        masks.append(_numbers(rows, "probability") >= query.min_probability)
    masks += [_is(rows, name, getattr(query, name)) for name in ("state", "level", "lane") if getattr(query, name)]
    if query.parent is not None:
        masks.append(in_parent(night, query.parent))
    told = [mask for mask in masks if mask is not None]
    if not told and query.sort == "rank":
        return None
    fits = np.flatnonzero(np.logical_and.reduce(told)) if told else np.arange(len(rows))
    return fits if query.sort == "rank" else fits[_order(night.ranked, fits, query.sort)]


def _numbers(rows: pa.Table, name: str) -> np.ndarray:
    """A column as numbers, NaN where there is none."""
    column = rows[name].cast(pa.float64())
    return pc.fill_null(column, float("nan")).to_numpy()


def _is(rows: pa.Table, name: str, word: str) -> np.ndarray:
    column = rows[name]
    return pc.fill_null(pc.equal(column.cast(pa.string()), word), fill_value=False).to_numpy()


def in_parent(night: Night, code: str) -> np.ndarray:
    """(n_rows,) Which grids lie in a county, township or community."""
    rows = night.ranked.rows
    inside = [_within(rows[name], code) for name in PARENTS if name in rows.column_names]
    return np.logical_or.reduce(inside) if inside else np.zeros(len(rows), dtype=bool)


def _within(codes: pa.ChunkedArray, code: str) -> np.ndarray:
    coded = codes if pa.types.is_dictionary(codes.type) else codes.dictionary_encode()
    one = coded.unify_dictionaries().combine_chunks()
    inside = np.array([*within_each(one.dictionary.to_pylist(), code), False])
    return inside[one.indices.fill_null(-1).to_numpy(zero_copy_only=False)]


def _order(ranked: Ranked, fits: np.ndarray, sort: str) -> np.ndarray:
    """Places of the rows that fit in the order of a column; unknown values last either way, ties by rank."""
    name, down = sort.removeprefix("-"), sort.startswith("-")
    if name == "grid_id":
        words = ranked.rows["grid_id"].cast(pa.string()).to_numpy(zero_copy_only=False)[fits]
        order = np.argsort(words.astype(str), kind="stable")
        return order[::-1] if down else order
    values = _numbers(ranked.rows, name)[fits]
    return np.argsort(-values if down else values, kind="stable")


def _file(request: Request, night: Night, rows: np.ndarray | None, part: tuple[int, int], form: Form) -> Response:
    """Scores as a file or a map; that of the whole city is made once."""
    said = told(envelope(request, night))
    whole = rows is None and part == (0, len(night.ranked.rows))
    key = ("file", form, *said.values()) if whole else None
    made = night.ranked.made
    if key is None or key not in made:
        body = _body(night, np.arange(*part) if rows is None else rows[slice(*part)], form, said)
        if key is None:
            return tagged(request, body, MEDIA[form], headers=_headers(said, night, form))
        made[key] = body, f'W/"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    body, etag = made[key]
    return tagged(request, body, MEDIA[form], etag=etag, headers=_headers(said, night, form))


def _body(night: Night, rows: np.ndarray, form: Form, said: dict[str, str]) -> bytes:
    if form == "geojson":
        return drawn_scores(night, rows)
    names = [*COLUMNS, *PARENTS]
    held = night.ranked.rows.take(pa.array(rows))
    empty = pa.nulls(len(rows))
    table = wide(pa.table({name: held[name] if name in held.column_names else empty for name in names}))
    about = {name: pa.array([said[name]] * len(rows), pa.string()) for name in ("as_of", "model_version")}
    return written(pa.table({**{n: table[n] for n in names}, **about}), form, said)


def told(members: dict[str, Any]) -> dict[str, str]:
    """An envelope as text, for headers and the schema of a file."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value or "") for name, value in members.items()
    }


def _headers(said: dict[str, str], night: Night, form: Form) -> dict[str, str]:
    names = ("as_of", "model_version", "data_until", "run", "state", "stale")
    headers = {f"Riskwarn-{name.replace('_', '-').title()}": said[name] for name in names}
    if form in FILES:
        headers["Content-Disposition"] = f'attachment; filename="scores-{night.date[:10]}.{form}"'
    return headers


@router.get("/scores/{grid_id}", response_model=schemas.OneScore)
async def score(
    request: Request,
    grid_id: Annotated[str, Path(max_length=LONGEST_NAME)],
    query: Annotated[NightQuery, Query()],
    visitor: Annotated[Visitor, may("scores:read", "own", "safe")],
) -> Response:
    """One grid's score."""
    nights = nights_of(request)
    if query.as_of is None and nights.at_hand:
        night = nights.at(target=query.target)
    else:
        night = await run_in_threadpool(nights.at, query.as_of, target=query.target)
    row = row_of(night, grid_id, visitor)
    item = lines(night).run(row, row + 1)
    return tagged(request, b"".join([head(request, night), b',"score":', item, b"}"]), JSON)
