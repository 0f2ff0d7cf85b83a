"""A city cut into pieces, each a file: what a worker needs of the records of its block, and nothing else."""

import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import sparse

from riskwarn.calling import checked
from riskwarn.distributed.city import EVENTS, City, Places
from riskwarn.distributed.piece import AUTO, Piece
from riskwarn.errors import DataError
from riskwarn.history import History
from riskwarn.history.facts import ROW_COLUMNS, Facts
from riskwarn.history.tables import Frames, arrow_of, framed
from riskwarn.store.remote import Folder, put

_FACTS, _CASES, _META = "facts", "cases", "meta"
_CSR = ("data", "indices", "indptr")
_LEFT_OUT = ("geometry", "name")
"""Columns of the grids that no feature reads: shapes take more memory than all else of a grid."""


@checked
def cut(
    history: History, places: Places, core: np.ndarray, target: Folder, *, listed: pd.DataFrame | None = None
) -> None:
    """Write the piece of a block: the records of its grids and their neighbours. The file appears whole or not at all.

    Parameters
    ----------
    history
        Of the whole city.
    places
        Where all its grids lie.
    core
        (k,) row numbers of the grids of the block, rising.
    target
        The file, ``.npz``: plain arrays, nothing that is executed when it is read.
    listed
        Table `places` of the city, where it has one.
    """
    numbers = around(history, core)
    part = history.part(numbers)
    tables = {name: facts.of_grids(numbers, len(history.grids)) for name, facts in history.remembered.tables.items()}
    save(target, drawn(history, places, core, listed=listed), part.facts, part.cases, tables)


def links_of(history: History) -> dict[str, sparse.csr_matrix]:
    """Who lies beside whom in a city, and within reach of whom as far as was asked."""
    history.neighbors()
    return {name: matrix for name, matrix in history.remembered.links.items() if name == AUTO or " " in name}


def around(history: History, core: np.ndarray) -> np.ndarray:
    """Row numbers of the grids of a block and of those it looks at, rising."""
    return np.unique(np.concatenate([core, *(matrix[core].indices for matrix in links_of(history).values())]))


@checked
def drawn(
    history: History, places: Places, core: np.ndarray, *, listed: pd.DataFrame | None = None
) -> dict[str, np.ndarray]:
    """The map of a block: all of its piece but the records.

    Parameters
    ----------
    history, places, core, listed
        As for :func:`cut`.

    Returns
    -------
    arrays
        Plain arrays.
    """
    links, numbers = links_of(history), around(history, core)
    part, inside = history.part(numbers), np.searchsorted(numbers, core)
    arrays: dict[str, np.ndarray] = {
        "numbers": numbers,
        "inside": inside,
        "grids": _packed("grids", part.grids.drop(columns=[c for c in _LEFT_OUT if c in part.grids])),
    }
    for i, matrix in enumerate(links.values()):
        beside = _links_of(matrix, numbers, inside)
        arrays |= {f"links/{i}/{part}": getattr(beside, part) for part in _CSR}
    if listed is not None:
        arrays["places"] = _packed("places", _places_of(listed, part))
    meta = {"links": [*links], "places": _pack_places(arrays, places.part(numbers))}
    arrays[_META] = _said(meta)
    return arrays


@checked
def save(
    target: Folder, drawn: Mapping[str, np.ndarray], facts: Facts, cases: Facts, tables: Mapping[str, Facts]
) -> None:
    """Write a piece from its map and its records. The file appears whole or not at all.

    Parameters
    ----------
    target
        The file.
    drawn
        The map, as :func:`drawn` gives it.
    facts, cases, tables
        The records of its grids, as a history has them.
    """
    arrays, one = dict(drawn), cases is facts
    meta = _told(arrays) | {"one": one, "aliases": {}, "tables": sorted(tables)}
    kinds = {_FACTS: facts, **({} if one else {_CASES: cases}), **{f"table/{n}": f for n, f in tables.items()}}
    for name, rows in kinds.items():
        meta["aliases"][name] = _pack(arrays, name, rows)
    write_arrays(target, {**arrays, _META: _said(meta)})


def _said(meta: Mapping[str, Any]) -> np.ndarray:
    return np.frombuffer(json.dumps(meta).encode(), np.uint8)


def _told(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    meta: dict[str, Any] = json.loads(arrays[_META].tobytes())
    return meta


@checked
def load(source: Folder, city: City) -> Piece:
    """The piece of a block, from its file.

    Parameters
    ----------
    source
        The file.
    city
        What all blocks are told.

    Returns
    -------
    piece
        Of the grids and their neighbours.

    Raises
    ------
    DataError
        The file is damaged.
    """
    try:
        return _piece(read_arrays(source), city)
    except FileNotFoundError as error:
        raise DataError(f"{source} is not there: every worker must see this folder under this name.") from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, pa.ArrowInvalid) as error:
        raise DataError(
            f"{source}: no piece of a city ({type(error).__name__}); take the file away and run again."
        ) from error


def _piece(arrays: Mapping[str, np.ndarray], city: City) -> Piece:
    meta = _told(arrays)
    grids = _unpacked(arrays["grids"], city.timezone)
    facts = _unpack(arrays, _FACTS, meta, city.words[EVENTS])
    cases = facts if meta["one"] else _unpack(arrays, _CASES, meta, city.words[EVENTS])
    tables = {name: _unpack(arrays, f"table/{name}", meta, city.words[name]) for name in meta["tables"]}
    return Piece(
        grids,
        facts,
        cases,
        city.until,
        city.timezone,
        beside=Frames({"places": _unpacked(arrays["places"], city.timezone)} if "places" in arrays else {}),
        _links={
            name: sparse.csr_matrix(tuple(arrays[f"links/{i}/{part}"] for part in _CSR), shape=(len(grids), len(grids)))
            for i, name in enumerate(meta["links"])
        },
        _tables=tables,
        elsewhere=city,
        places=_unpack_places(arrays, meta["places"]),
        inside=arrays["inside"],
        of_city=arrays["numbers"],
    )


def _links_of(links: sparse.csr_matrix, numbers: np.ndarray, inside: np.ndarray) -> sparse.csr_matrix:
    """(k, k) the links of the core among the grids of the piece; those of the grids around are left out, for they are not whole."""
    of_core = links[numbers[inside]][:, numbers].tocoo()
    return sparse.csr_matrix((of_core.data, (inside[of_core.row], of_core.col)), shape=(len(numbers), len(numbers)))


def _places_of(table: pd.DataFrame, part: History) -> pd.DataFrame:
    """The places of a piece, and one place of each kind of the city: that no grid here lists any does not make the kind unknown."""
    here = table["grid_id"].isin(part.grids["grid_id"])
    return table[here | ~table["kind"].duplicated()]


def _pack(arrays: dict[str, np.ndarray], name: str, facts: Facts) -> dict[str, Any]:
    """The columns of facts among some arrays, a constant as one value, and which columns are one array."""
    seen: dict[int, str] = {}
    aliases, constants = {}, []
    for column in ROW_COLUMNS:
        values = getattr(facts, column)
        if id(values) in seen:
            aliases[column] = seen[id(values)]
            continue
        seen[id(values)] = column
        fixed = len(values) > 0 and values.strides[0] == 0
        constants += [column] if fixed else []
        arrays[f"{name}/{column}"] = values[:1] if fixed else values
    return {"n": len(facts), "same": aliases, "constant": constants}


def _unpack(
    arrays: Mapping[str, np.ndarray], name: str, meta: Mapping[str, Any], words: Mapping[str, np.ndarray]
) -> Facts:
    said = meta["aliases"][name]
    columns: dict[str, np.ndarray] = {}
    for column in ROW_COLUMNS:
        if column in said["same"]:
            columns[column] = columns[said["same"][column]]
        else:
            values = arrays[f"{name}/{column}"]
            columns[column] = np.broadcast_to(values[0], said["n"]) if column in said["constant"] else values
    return Facts(**columns, words=words)


def _pack_places(arrays: dict[str, np.ndarray], places: Places) -> dict[str, Any]:
    keys: dict[str, Any] = {"n_areas": dict(places.n_areas)}
    for kind in ("coverage", "silence", "county", "area"):
        numbers = getattr(places, kind)
        keys[kind] = [list(key) if isinstance(key, tuple) else key for key in numbers]
        arrays.update({f"{kind}/{i}": values for i, values in enumerate(numbers.values())})
    return keys


def _unpack_places(arrays: Mapping[str, np.ndarray], keys: Mapping[str, Any]) -> Places:
    def numbers(kind: str) -> dict[Any, np.ndarray]:
        return {tuple(k) if isinstance(k, list) else k: arrays[f"{kind}/{i}"] for i, k in enumerate(keys[kind])}

    return Places(numbers("coverage"), numbers("silence"), numbers("county"), numbers("area"), keys["n_areas"])


def _packed(name: str, table: pd.DataFrame) -> np.ndarray:
    """A table of the schema as the bytes of an Arrow file."""
    sink, arrow = pa.BufferOutputStream(), arrow_of(name, table)
    with pa.ipc.new_file(sink, arrow.schema) as writer:
        writer.write_table(arrow)
    return np.frombuffer(sink.getvalue(), np.uint8)


def _unpacked(packed: np.ndarray, timezone: str) -> pd.DataFrame:
    return framed(pa.ipc.open_file(pa.py_buffer(packed.tobytes())).read_all(), timezone)


def read_arrays(source: Folder) -> dict[str, np.ndarray]:
    """Plain arrays by name, from a file of :func:`write_arrays`."""
    with source.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def write_arrays(target: Folder, arrays: Mapping[str, np.ndarray]) -> None:
    """Write plain arrays by name to a file that appears whole or not at all."""
    put(target, lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]
