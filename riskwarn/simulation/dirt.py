"""Files as departments export them: their headers, encodings, spellings and faults, with the truth of what each row should become."""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.simulation import chance
from riskwarn.simulation.city import City
from riskwarn.simulation.geography import lonlat
from riskwarn.simulation.setting import TIMEZONE

DUPLICATES, NO_POINT, SHIFTED, BROKEN = 0.015, 0.10, 0.02, 0.004
"""Share of rows sent twice, without coordinates, with coordinates in the shifted map system, and with a date nobody can read."""
FULL_WIDTH, TRADITIONAL = 0.01, 0.01
_FILE: dict[str, Any] = tomllib.loads(Path(__file__).with_name("exports.toml").read_text("utf-8"))
NULLS, FORMATS = tuple(_FILE["nulls"]), tuple(_FILE["formats"])
_SECONDS = tuple(_FILE["seconds"])
_CATEGORIES: dict[str, dict[str, str]] = _FILE["categories"]
_OLD_LETTERS = str.maketrans(*_FILE["letters"])


@dataclass(frozen=True)
class Sheet:
    """One department's file: its name, how it is encoded, and its headers, each with where its cells come from."""

    source: str
    name: str
    encoding: str
    headers: dict[str, str]
    renamed: dict[str, str]
    """Headers after a change of schema."""
    separator: str = ","
    title: str = ""


SHEETS = tuple(Sheet(**sheet) for sheet in _FILE["sheets"])
"""The five files."""


@checked
def dirty_export(city: City, out: str | Path) -> pd.DataFrame:
    """Write the city's records as departments would, faults included.

    Parameters
    ----------
    city
        Its `events` table: the newest revision of each event is exported, police calls with the category at intake beside it.
    out
        Folder for the files, and for `grids.csv`, which the rest needs.

    Returns
    -------
    expected
        One row a written row: `file`, `row` (from 0, titles not counted), `source`, `event_id`, `fate` (accepted, duplicate or
        quarantined), and what an accepted row should become: `occurred_at`, `closed_at`, `category`, `grid_id` (empty where
        nothing places it), `shifted` (coordinates of the shifted map system: the grid may come out wrong). Also written beside the
        folder, as `out` + "-truth/rows.parquet".
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    _write_grids(city, folder)
    parts = [part for sheet in SHEETS for part in _export(city, sheet, folder)]
    expected = pd.concat(parts, ignore_index=True)
    beside = Path(f"{out}-truth")
    beside.mkdir(parents=True, exist_ok=True)
    expected.to_parquet(beside / "rows.parquet", index=False)
    return expected


def _write_grids(city: City, folder: Path) -> None:
    grids = city.tables["grids"]
    table = grids.assign(
        valid_from=grids["valid_from"].dt.strftime("%Y-%m-%d"),
        valid_to=grids["valid_to"].dt.strftime("%Y-%m-%d").fillna(""),
        households=grids["households"].astype(int),
        population=grids["population"].astype(int),
        area_km2=grids["area_km2"].round(4),
    )
    headers = _FILE["grids"]
    table[list(headers)].rename(columns=headers).to_csv(folder / _FILE["grids_file"], index=False, encoding="utf-8-sig")


def _export(city: City, sheet: Sheet, folder: Path) -> list[pd.DataFrame]:
    rows = _rows(city, sheet.source)
    if rows.empty:
        return []
    rows = _faulty(city.setting.seed, rows)
    return [
        _write(city.setting.seed, sheet, rows[here].reset_index(drop=True), folder / name, headers)
        for name, here, headers in _files(city, sheet, rows)
    ]


def _rows(city: City, source: str) -> pd.DataFrame:
    """One row an event of a source, as last known, with its category at intake and the point it truly has."""
    events = city.tables["events"]
    mine = events[events["source"] == source]
    first = mine.drop_duplicates("event_id", keep="first").set_index("event_id")
    last = mine.drop_duplicates("event_id", keep="last").reset_index(drop=True)
    link = city.truth["link"]
    link = link[link["source"] == source].set_index("event_id")
    point = link["dispute"].reindex(last["event_id"])
    xy = np.full((len(last), 2), np.nan)
    disputed = point.notna().to_numpy()
    xy[disputed] = lonlat(city.world.disputes.point[point[disputed].astype(int)] + city.world.geo.origin)
    key = last["event_id"].str[-14:].astype("int64").to_numpy()
    return last.assign(
        true_grid=link["grid_id"].reindex(last["event_id"]).to_numpy(),
        intake=first["category"].reindex(last["event_id"]).to_numpy(),
        lon=xy[:, 0],
        lat=xy[:, 1],
        key=key,
        opened=first["known_at"].reindex(last["event_id"]).to_numpy(),
        corrected=last["known_at"].to_numpy() != first["known_at"].reindex(last["event_id"]).to_numpy(),
    )


def _faulty(seed: int, rows: pd.DataFrame) -> pd.DataFrame:
    """Mark each row's faults, and send some twice, far from their first place."""
    hashed = chance.digest(seed, "dirt", rows["key"].to_numpy())
    draw = {
        name: chance.channel(hashed, name)
        for name in ("again", "point", "shift", "broken", "wide", "old", "format", "order", "second")
    }
    rows = rows.assign(
        fate=np.where(draw["broken"] < BROKEN, "quarantined", "accepted"),
        no_point=draw["point"] < NO_POINT,
        shifted=(draw["shift"] < SHIFTED) & (draw["point"] >= NO_POINT),
        wide=draw["wide"] < FULL_WIDTH,
        old=draw["old"] < TRADITIONAL,
        format=np.where(draw["format"] < 0.7, 0, np.floor(draw["order"] * len(FORMATS))).astype(int),
        place=np.arange(len(rows), dtype=float),
    )
    twice = rows[(draw["again"] < DUPLICATES) & (rows["fate"] == "accepted")]
    moved = np.minimum(twice["place"].to_numpy() + 1 + draw["second"][twice.index] * len(rows) / 3, len(rows))
    both = pd.concat([rows, twice.assign(fate="duplicate", place=moved)], ignore_index=True)
    return both.sort_values("place", kind="stable", ignore_index=True)


def _files(city: City, sheet: Sheet, rows: pd.DataFrame) -> list[tuple[str, np.ndarray, dict[str, str]]]:
    """The main file, and one with other headers for each change of schema."""
    other = np.zeros(len(rows), bool)
    made = []
    changes = city.truth["feed"].query("kind == 'schema' and source == @sheet.source")
    for number, change in enumerate(changes.itertuples(), start=1):
        here = (
            (rows["org_code"] == change.org_code)
            & (rows["occurred_at"] >= change.from_at)
            & (rows["occurred_at"] < change.to_at)
        ).to_numpy() & ~other
        stem, _, ending = sheet.name.rpartition(".")
        made.append(
            (
                _FILE["changed_file"].format(stem=stem, number=number, ending=ending),
                here,
                {sheet.renamed.get(h, h): of for h, of in sheet.headers.items()},
            )
        )
        other |= here
    return [(name, here, headers) for name, here, headers in [(sheet.name, ~other, sheet.headers), *made] if here.any()]


def _write(seed: int, sheet: Sheet, rows: pd.DataFrame, path: Path, headers: dict[str, str]) -> pd.DataFrame:
    cells = pd.DataFrame({header: CELLS[of](seed, sheet, rows) for header, of in headers.items()})
    if sheet.encoding == "xlsx":
        _write_sheet(cells, path, sheet.title)
    else:
        cells.to_csv(path, index=False, sep=sheet.separator, encoding=sheet.encoding)
    return _expected(sheet, rows, path.name, placed_by_point="lon" in headers.values() or "lonlat" in headers.values())


def _write_sheet(cells: pd.DataFrame, path: Path, title: str) -> None:
    from openpyxl import Workbook  # noqa: PLC0415

    book = Workbook()
    sheet = book.active
    sheet.append([title])
    sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=cells.shape[1])
    sheet.append(list(cells))
    for row in cells.itertuples(index=False):
        sheet.append(list(row))
    book.save(path)


def _expected(sheet: Sheet, rows: pd.DataFrame, file: str, *, placed_by_point: bool) -> pd.DataFrame:
    seconds = np.array(_SECONDS)[rows["format"]]
    closed = rows["closed_at"].where(pd.Series(seconds), rows["closed_at"].dt.floor("min"))
    occurred = rows["occurred_at"].where(pd.Series(seconds), rows["occurred_at"].dt.floor("min"))
    grid = rows["true_grid"].where(~rows["no_point"], "") if placed_by_point else rows["grid_id"]
    own_word = sheet.source == "grid_report"
    category = rows["category"].map(_CATEGORIES["grid_report"]) if own_word else rows["category"]
    return pd.DataFrame(
        {
            "file": file,
            "row": np.arange(len(rows)),
            "source": sheet.source,
            "event_id": rows["event_id"],
            "fate": rows["fate"],
            "occurred_at": occurred,
            "closed_at": closed,
            "category": category,
            "grid_id": grid,
            "by_point": placed_by_point & ~rows["no_point"],
            "shifted": rows["shifted"] & placed_by_point,
        }
    )


Cell = Callable[[int, Sheet, pd.DataFrame], object]


def _times(seed: int, rows: pd.DataFrame, column: str) -> np.ndarray:
    made = np.full(len(rows), "", dtype=object)
    local = rows[column].dt.tz_convert(TIMEZONE)
    for number, spelling in enumerate(FORMATS):
        mine = ((rows["format"] == number) & local.notna()).to_numpy()
        made[mine] = local[mine].dt.strftime(spelling)
    missing = local.isna().to_numpy()
    which = np.floor(chance.uniform(seed, "null", rows["key"].to_numpy()) * len(NULLS)).astype(int)
    made[missing] = np.array(NULLS, dtype=object)[which[missing]]
    return made


def _occurred(seed: int, _: Sheet, rows: pd.DataFrame) -> np.ndarray:
    made = _times(seed, rows, "occurred_at")
    made[(rows["fate"] == "quarantined").to_numpy()] = "2025-13-45 99:99"
    return made


def _ids(_: int, __: Sheet, rows: pd.DataFrame) -> list[str]:
    wide = str.maketrans("0123456789", "０１２３４５６７８９")
    return [i.translate(wide) if w else i for i, w in zip(rows["event_id"], rows["wide"], strict=True)]


def _categories(_: int, sheet: Sheet, rows: pd.DataFrame) -> np.ndarray:
    spoken = _CATEGORIES.get(sheet.source, _CATEGORIES["dispute"])
    made = rows["category"].map(spoken).to_numpy(dtype=object)
    old = rows["old"].to_numpy()
    made[old] = [word.translate(_OLD_LETTERS) for word in made[old]]
    if sheet.source == "police_call":
        made[~rows["corrected"].to_numpy()] = ""
    return made


def _points(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude as text; 2 % are moved as maps of the shifted system move them, 300 to 700 m."""
    lon, lat = rows["lon"].to_numpy() + 0.0045 * rows["shifted"], rows["lat"].to_numpy() - 0.0022 * rows["shifted"]
    blank = (rows["no_point"] | rows["lon"].isna()).to_numpy()
    text = [np.array([f"{v:.6f}" for v in values], dtype=object) for values in (lon, lat)]
    for values in text:
        values[blank] = ""
    return text[0], text[1]


def _both(_: int, __: Sheet, rows: pd.DataFrame) -> np.ndarray:
    lon, lat = _points(rows)
    return np.array([f"{a},{b}" if a else "" for a, b in zip(lon, lat, strict=True)], dtype=object)


def _address(_: int, __: Sheet, rows: pd.DataFrame) -> list[str]:
    return [_FILE["address"].format(key=k[:6]) if isinstance(k, str) else "" for k in rows["place_key"]]


CELLS: dict[str, Cell] = {
    "number": lambda _, __, rows: np.arange(1, len(rows) + 1),
    "id": _ids,
    "occurred": _occurred,
    "recorded": lambda seed, _, rows: _times(
        seed, rows.assign(opened=pd.to_datetime(rows["opened"], utc=True)), "opened"
    ),
    "feedback": lambda seed, _, rows: _times(
        seed, rows.assign(known_at=rows["known_at"].where(rows["corrected"])), "known_at"
    ),
    "due": lambda seed, _, rows: _times(seed, rows, "due_at"),
    "closed": lambda seed, _, rows: _times(seed, rows, "closed_at"),
    "category": _categories,
    "intake": lambda _, __, rows: rows["intake"].map(_CATEGORIES["police_call"]),
    "grid": lambda _, __, rows: rows["grid_id"],
    "lon": lambda _, __, rows: _points(rows)[0],
    "lat": lambda _, __, rows: _points(rows)[1],
    "lonlat": _both,
    "address": _address,
    "success": lambda _, __, rows: np.where(rows["closed_at"].isna(), "", _FILE["yes"]),
    "status": lambda _, __, rows: np.where(rows["closed_at"].isna(), _FILE["open"], _FILE["closed"]),
    "person": lambda _, __, rows: np.full(len(rows), _FILE["person"]),
    "phone": lambda _, __, rows: np.full(len(rows), "***"),
}


@checked
def ingest_table(expected: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """How well dirty files came in: one row a source.

    Parameters
    ----------
    expected
        From :func:`dirty_export`.
    events
        Table `events` read from the store they were brought into.

    Returns
    -------
    table
        `rows` that should be accepted · `recall` of them in the store · `extra` events that should not be there · `category`,
        `grid`, `occurred`, `closed`: share of those in the store that are right. `grid` leaves out shifted points.
    """
    newest = events.drop_duplicates(["source", "event_id"], keep="last")
    want = expected[expected["fate"] == "accepted"]
    met = want.merge(newest, on=["source", "event_id"], how="left", suffixes=("", "_got"), indicator=True)
    met["there"] = met["_merge"] == "both"
    return pd.DataFrame([_accuracy(source, rows, newest) for source, rows in met.groupby("source", sort=True)])


def _accuracy(source: str, rows: pd.DataFrame, newest: pd.DataFrame) -> dict[str, object]:
    there = rows[rows["there"]]
    fair = there[~there["shifted"]]
    same = {c: _same_time(there[f"{c}_at"], there[f"{c}_at_got"]) for c in ("occurred", "closed")}
    return {
        "source": source,
        "rows": len(rows),
        "recall": rows["there"].mean(),
        "extra": int((~newest.loc[newest["source"] == source, "event_id"].isin(rows["event_id"])).sum()),
        "category": (there["category"] == there["category_got"]).mean(),
        "grid": (fair["grid_id"] == fair["grid_id_got"].fillna("")).mean(),
        **same,
    }


def _same_time(want: pd.Series, got: pd.Series) -> float:
    return float(((want == got) | (want.isna() & got.isna())).mean())
