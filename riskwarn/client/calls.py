"""What a client asks and how it reads the answer: the same for the client that waits and the one that does not."""

import io
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote

import pandas as pd
import pyarrow as pa

from riskwarn.errors import (
    BusyError,
    ConflictError,
    DataError,
    ForbiddenError,
    NotFoundError,
    RiskwarnError,
    StaleDataError,
    StepError,
)

ARROW = "application/vnd.apache.arrow.stream"
PREFIX = "/api/v1"
PAGE = 1000
"""Rows that are asked for at once where a list comes page by page."""
T = TypeVar("T")


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request, and how its answer is read.

    Parameters
    ----------
    method, path
        Of the request, below ``/api/v1``.
    read
        Gives the result, of the body and its headers.
    params, body, headers
        What is sent along.
    """

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    read: Callable[[bytes, Mapping[str, str]], T]
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice does what sending it once does."""
        return self.method in {"GET", "DELETE"} or "Idempotency-Key" in self.headers

    def sent(self) -> dict[str, Any]:
        """What httpx takes."""
        told = {name: value for name, value in self.params.items() if value is not None}
        made = {"method": self.method, "url": PREFIX + self.path, "params": told, "headers": dict(self.headers)}
        return made if self.body is None else made | {"json": dict(self.body)}


@dataclass(frozen=True)
class Taken:
    """A step that was taken.

    Attributes
    ----------
    item_id, state, version
        How the item stands after it.
    transition
        Who did what when, with the digest of its row in the ledger.
    again
        Whether it had been taken before, under the same key.
    """

    item_id: str
    state: str
    version: int
    transition: Mapping[str, Any]
    again: bool = False


def frame_of(body: bytes, _: Mapping[str, str]) -> pd.DataFrame:
    """An Arrow answer as a frame; what it says of its night stands in ``attrs``."""
    with pa.ipc.open_stream(io.BytesIO(body)) as stream:
        table = stream.read_all()
    frame: pd.DataFrame = table.to_pandas(
        types_mapper=lambda t: (
            pd.StringDtype(na_value=float("nan"))
            if pa.types.is_string(t)
            else pd.Int64Dtype()
            if pa.types.is_integer(t)
            else None
        )
    )
    frame.attrs = {name.decode(): value.decode() for name, value in (table.schema.metadata or {}).items()}
    return frame


def members_of(body: bytes, _: Mapping[str, str]) -> dict[str, Any]:
    """A JSON answer as a dictionary."""
    members: dict[str, Any] = json.loads(body)
    return members


def table_of(answer: dict[str, Any]) -> pd.DataFrame:
    """The items of a JSON answer as a frame; what it says beside them stands in ``attrs``."""
    frame = pd.DataFrame(list(answer["items"]))
    frame.attrs = {name: value for name, value in answer.items() if name != "items"}
    return frame


def joined(answers: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The pages of a list as one frame."""
    items = [item for answer in answers for item in answer["items"]]
    return table_of({**answers[0], "items": items} if answers else {"items": []})


def scores(**asked: Any) -> Call[pd.DataFrame]:
    """Scores as Arrow."""
    return Call("GET", "/scores", frame_of, asked, headers={"Accept": ARROW})


def found(path: str, *parts: str, **asked: Any) -> Call[dict[str, Any]]:
    """One thing as JSON."""
    return Call("GET", _at(path, *parts), members_of, asked)


def _at(path: str, *parts: str) -> str:
    return path.format(*(quote(part, safe="") for part in parts))


def rows_at(path: str, name: str) -> Call[pd.DataFrame]:
    """A list that comes whole, as a frame."""
    return Call("GET", path, lambda body, headers: pd.DataFrame(list(members_of(body, headers)[name])))


def areas(**asked: Any) -> Call[pd.DataFrame]:
    """Roll-ups as a frame."""
    return Call("GET", "/areas", lambda body, headers: table_of(members_of(body, headers)), asked)


def step(item_id: str, action: str, version: int, *, key: str | None, **given: str) -> Call[Taken]:
    """A step with an item; sent again it is not taken again."""

    def read(body: bytes, headers: Mapping[str, str]) -> Taken:
        taken = members_of(body, headers)
        members = {name: taken[name] for name in ("item_id", "state", "version", "transition")}
        return Taken(**members, again=headers.get("idempotency-replayed") == "true")

    path = f"/items/{quote(item_id, safe='')}/transitions"
    sent = {"action": action, "version": version, **{name: value for name, value in given.items() if value}}
    return Call("POST", path, read, body=sent, headers={"Idempotency-Key": key or uuid.uuid4().hex})


def posted(path: str, *parts: str, **body: Any) -> Call[dict[str, Any]]:
    """Something posted, answered in JSON."""
    return Call("POST", _at(path, *parts), members_of, body=_given(body) or None)


def changed(path: str, *parts: str, **body: Any) -> Call[dict[str, Any]]:
    """Something changed, answered in JSON as it is now."""
    return Call("PATCH", _at(path, *parts), members_of, body=_given(body))


def ended(path: str, *parts: str) -> Call[dict[str, Any]]:
    """Something ended, which has no answer."""
    return Call("DELETE", _at(path, *parts), lambda *_: {})


def _given(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}


def what_if(grid_id: str, values: Mapping[str, float], *, as_of: str | None) -> Call[dict[str, Any]]:
    """One grid's score as it would be."""

    def read(body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        told: dict[str, Any] = members_of(body, headers)["what_if"]
        return told

    return replace(posted("/score", grid_id=grid_id, values=dict(values), as_of=as_of), read=read)


def supposed(grids: Sequence[str], events: pd.DataFrame, **asked: Any) -> Call[pd.DataFrame]:
    """Scores with events that are tried."""

    def read(body: bytes, headers: Mapping[str, str]) -> pd.DataFrame:
        return table_of(members_of(body, headers)["supposed"])

    return replace(posted("/score", grids=list(grids), events=_rows_of(events), **asked), read=read)


def _rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as JSON knows them, times with their zone; what is missing is left out."""
    rows = frame.to_dict("records")
    return [{str(k): _plain(v) for k, v in row.items() if not pd.isna(v)} for row in rows]


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value.item() if hasattr(value, "item") else value


class Leafing:
    """A list that is read page by page.

    Parameters
    ----------
    path, asked
        Below ``/api/v1``, and the parameters of the address.
    """

    def __init__(self, path: str, asked: Mapping[str, Any]) -> None:
        self.path, self.asked = path, dict(asked)
        self.offset, self.total = 0, 1
        self.run: str | None = None

    def next(self) -> Call[dict[str, Any]] | None:
        """The next page; None after the last."""
        if self.offset >= self.total:
            return None
        return found(self.path, **self.asked, limit=PAGE, offset=self.offset)

    def turned(self, answer: dict[str, Any]) -> dict[str, Any]:
        """An answer, counted.

        Raises
        ------
        ConflictError
            It is of another run than the page before.
        """
        if self.offset and answer.get("run") != self.run:
            raise ConflictError(
                "another night was published while this list was read; read it again from the beginning."
            )
        self.run, self.offset, self.total = answer.get("run"), self.offset + PAGE, answer["total"]
        return answer


_KINDS: Mapping[int, type[RiskwarnError]] = {
    401: ForbiddenError, 403: ForbiddenError, 404: NotFoundError, 409: ConflictError, 410: StaleDataError, 429: BusyError, 503: BusyError,
}  # fmt: skip


def error_of(status: int, body: bytes) -> RiskwarnError:
    """The library's error for an answer that is not the one asked for.

    Parameters
    ----------
    status
        Of the answer.
    body
        A problem document, or anything.

    Returns
    -------
    error
        Its message is the sentence of the server.
    """
    try:
        problem = json.loads(body)
    except ValueError:
        problem = {}
    problem = problem if isinstance(problem, dict) else {}
    code = str(problem.get("type", "")).rpartition(":")[2]
    kind = StepError if code == "refused_step" else _KINDS.get(status, DataError if status < 500 else RiskwarnError)
    return kind(str(problem.get("detail") or f"the server answered {status}."))
