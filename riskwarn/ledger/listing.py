"""What a night lists: alerts and open gaps in one form, each with the areas it lies in."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from riskwarn.errors import DataError, PrivacyError
from riskwarn.ledger.actor import CITY
from riskwarn.ledger.workflow import Workflow
from riskwarn.privacy import findings
from riskwarn.store import Store
from riskwarn.store.nights import PublishedNight

_CODE = re.compile(r"[A-Za-z0-9._:\-]{1,32}")
_PARENTS = ("county_id", "township_id", "community_id")
_READING = {
    "alert": ("action", "gap_kinds", "rank", "probability", "reading", "trend", "since", "propensity", "model_version"),
    "gap": ("action", "severity", "confidence", "observed", "expected", "evidence"),
}
"""What is kept of a night beside what the ledger needs."""


@dataclass(frozen=True)
class Listing:
    """One line of a night.

    Attributes
    ----------
    kind, subject, source_id, topic, lane, path, grid_ids, level, reading
        As :class:`riskwarn.ledger.Item` has them.
    suppressed
        Name of the outage that explains it; empty where none does.
    """

    kind: str
    subject: str
    source_id: str
    topic: str
    lane: str
    path: str
    grid_ids: str
    level: str
    reading: Mapping[str, Any]
    suppressed: str = ""


@dataclass(frozen=True)
class Areas:
    """The areas of each grid and body on a night.

    Attributes
    ----------
    of_grid
        Path of each grid: county, township, community and the grid itself, with ``/`` between.
    of_body
        Path of each county, township and community.
    """

    of_grid: Mapping[str, str]
    of_body: Mapping[str, str]

    def of_scope(self, scope: str, grids: Sequence[str] = ()) -> tuple[str, str]:
        """Path and grids of the scope of a gap; `grids` are those in which a place lies, as its evidence names them.

        Examples
        --------
        >>> areas = Areas({"G1": "C1/T1/G1", "G2": "C1/T2/G2"}, {"C1": "C1", "T1": "C1/T1"})
        >>> areas.of_scope("grid:G1/case:7"), areas.of_scope("pair:G1|G2"), areas.of_scope("feed:hotline/T1@late")
        (('C1/T1/G1', 'G1'), ('C1', 'G1 G2'), ('C1/T1', ''))
        >>> areas.of_scope("feed:hotline"), areas.of_scope("org:X9"), areas.of_scope("place:7f", ["G2"])
        (('', ''), ('X9', ''), ('C1/T2/G2', 'G2'))
        """
        kind, _, place = scope.partition(":")
        first, _, second = place.partition("/")
        if kind == "grid":
            return self.of_grid.get(first, first), first
        if kind == "pair":
            grids = place.split("|")
        if kind in {"pair", "place"}:
            return _common([self.of_grid.get(g, g) for g in grids]), " ".join(grids)
        body = {"feed": second.split("@")[0], "org": first}.get(kind, "")
        return self.of_body.get(body, body), ""


def _common(paths: list[str]) -> str:
    """The areas that paths share from the largest on."""
    shared: list[str] = []
    for parts in zip(*(p.split("/") for p in paths), strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return "/".join(shared)


def areas_of(store: Store, at: pd.Timestamp) -> Areas:
    """The areas of the grids that are valid on a night."""
    if not store.has("grids"):
        return Areas({}, {})
    grids = store.read("grids")
    valid = (grids["valid_from"] <= at) & (grids["valid_to"].isna() | (grids["valid_to"] > at))
    return areas_in(grids[valid].reset_index(drop=True))


def areas_in(rows: pd.DataFrame) -> Areas:
    """The areas of some grids, one row each."""
    parents = [c for c in _PARENTS if c in rows]
    of_grid: dict[str, str] = {}
    of_body: dict[str, str] = {}
    for grid_id, *bodies in rows[["grid_id", *parents]].itertuples(index=False):
        path: list[str] = []
        for body in (str(b) for b in bodies if isinstance(b, str) and b):
            path.append(body)
            of_body.setdefault(body, "/".join(path))
        of_grid[str(grid_id)] = "/".join([*path, str(grid_id)])
    return Areas(of_grid, of_body)


def check_area(store: Store, area: str) -> None:
    """Only codes are written, for a chain keeps for ever what it is told: never a name, never a number of a person.

    Raises
    ------
    PrivacyError
        It looks like a person's number.
    DataError
        It is no code, and no area of the table grids.
    """
    if area == CITY:
        return
    if rule := findings(pd.Series([area]))[0]:
        raise PrivacyError(
            f"an area is the code of a place or body; what was given looks like a person's ({rule}). It was not kept."
        )
    areas = {} if _CODE.fullmatch(area) else areas_of(store, pd.Timestamp.now(tz=store.timezone)).of_body
    if not _CODE.fullmatch(area) and area not in areas:
        raise DataError(
            "an area is the code of a place or body: up to 32 letters, digits, '.', '_', ':' and '-', or one of the table grids."
        )


def listings(night: PublishedNight, areas: Areas, flow: Workflow) -> list[Listing]:
    """Alerts and open gaps of a night."""
    tables = {name: night.table(name) for name in ("alerts", "gaps") if name in night.tables}
    alerts = _alerts(tables["alerts"], areas) if "alerts" in tables else []
    gaps = _gaps(tables["gaps"], areas, flow) if "gaps" in tables else []
    return [*alerts, *gaps]


def _alerts(alerts: pd.DataFrame, areas: Areas) -> Iterator[Listing]:
    for row in alerts.to_dict("records"):
        grids, lane = str(row["grid_ids"]), _text(row.get("lane"))
        lead = grids.split(" ", maxsplit=1)[0]
        # an alert of a lane keeps its name from night to night; another is the same where target and leading grid are
        subject = f"alert|{row['alert_id']}" if lane else f"alert|{row['target']}|{lead}"
        yield Listing(
            kind="alert",
            subject=subject,
            source_id=str(row["alert_id"]),
            topic=_text(row["target"]),
            lane=lane,
            path=areas.of_grid.get(lead, lead),
            grid_ids=grids,
            level=str(row["level"]),
            reading=_reading("alert", row),
        )


def _gaps(gaps: pd.DataFrame, areas: Areas, flow: Workflow) -> Iterator[Listing]:
    for row in gaps[gaps["state"] == "open"].to_dict("records"):
        path, grids = areas.of_scope(str(row["scope"]), _grids(row))
        yield Listing(
            kind="gap",
            subject=f"gap|{row['kind']}|{row['scope']}",
            source_id=str(row["gap_id"]),
            topic=str(row["kind"]),
            lane="",
            path=path,
            grid_ids=grids,
            level=flow.level_of(float(row["severity"])),
            reading=_reading("gap", row) | {"scope": str(row["scope"])},
            suppressed=_text(row["suppressed_by"]),
        )


def _grids(row: Mapping[str, Any]) -> Sequence[str]:
    """The grids that the evidence of a gap names."""
    grids: Sequence[str] = json.loads(_text(row["evidence"]) or "{}").get("grids", ())
    return grids


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _reading(kind: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """What the night said, as plain values; what it did not say is left out."""
    said = {k: row[k] for k in _READING[kind] if k in row and not pd.isna(row[k])}
    return dict(json.loads(json.dumps(said, default=_plain)))


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value.item()
