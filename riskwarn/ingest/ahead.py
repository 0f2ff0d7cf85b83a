"""A file read ahead of its turn: its rows shaped and put aside, so that several are read at once and written one after the other.

What shaping depends on is the file, the mapping, the grids and the key of the store, and when the file arrived; nothing of what other
files bring. So it may be done anywhere and in any order, while only one job writes, and the account of every row stays what it is.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.feather

from riskwarn.errors import DataError, RiskwarnError
from riskwarn.ingest.choosing import choose
from riskwarn.ingest.delivery import Delivery
from riskwarn.ingest.feedlog import Log
from riskwarn.ingest.intake import Intake
from riskwarn.ingest.manifest import Manifest, read_manifest
from riskwarn.ingest.mapping import Mapping
from riskwarn.ingest.placing import KEY_FILE, Atlas
from riskwarn.ingest.reading import open_delivery
from riskwarn.ingest.records import open_query
from riskwarn.ingest.shaping import shape
from riskwarn.privacy import names_masked, shown_file
from riskwarn.store import Store

_ZONES = b"zones"
Shaped = tuple[pd.DataFrame, dict[int, str]]
"""Rows of a piece of a file, shaped, and those of it that are broken, number to reason."""


@dataclass(frozen=True)
class Ahead:
    """A file that was read ahead of its turn.

    Parameters
    ----------
    folder
        Where its rows wait.
    batch, arrived_at
        The delivery it was read as, and when it arrived; of another reading these rows are not taken.
    broken
        Of each piece the rows that are broken.
    notes, forms
        What was noticed of its rows.
    reservations
        What the reader of the file noticed.
    """

    folder: Path
    batch: str
    arrived_at: str
    broken: tuple[dict[int, str], ...]
    notes: dict[str, int]
    forms: dict[str, str]
    reservations: dict[str, int]

    def fits(self, batch: str, arrived_at: pd.Timestamp) -> bool:
        """Whether it was read as a delivery is to be read now.

        Parameters
        ----------
        batch, arrived_at
            The delivery, and when it arrived.

        Returns
        -------
        fits
            False where it must be read again.
        """
        return (self.batch, self.arrived_at) == (batch, arrived_at.isoformat())

    def pieces(self, delivery: Delivery, intake: Intake) -> Iterator[Shaped]:
        """The pieces; what was noticed of them is noticed now.

        Parameters
        ----------
        delivery, intake
            That notice.

        Yields
        ------
        rows, broken
            As :func:`shaped_pieces` gives them.
        """
        for number, broken in enumerate(self.broken):
            yield _read(_piece(self.folder, number)), broken
        intake.notes.update(self.notes)
        intake.forms.update(self.forms)
        delivery.notes.clear()
        delivery.notes.update(self.reservations)


def opened(path: Path | str, mapping: Mapping) -> tuple[Delivery, Manifest, Mapping, str]:
    """A file or the rows of a database, opened: with what its manifest says, the mapping that holds for it, and the name of its batch."""
    delivery = (
        open_query(str(path), mapping.query)
        if "://" in str(path)
        else open_delivery(path, mapping.headers(), mapping.stated)
    )
    delivery = replace(delivery, name=shown_file(delivery.name))
    manifest = read_manifest(path)
    manifest.check_digest(delivery.digest, delivery.name)
    mapping = manifest.applied(mapping)
    batch = hashlib.sha256(f"{delivery.digest} {mapping.digest()} {mapping.org_code}".encode()).hexdigest()[:16]
    return delivery, manifest, mapping, batch


def intake_of(atlas: Atlas, mapping: Mapping, delivery: Delivery, arrived_at: pd.Timestamp) -> Intake:
    """What shaping a delivery needs."""
    choice = choose(mapping, delivery.header, delivery.name)
    return Intake(mapping, choice, atlas, mapping.crosswalk(), delivery.name, arrived_at, date1904=delivery.date1904)


def shaped_pieces(delivery: Delivery, intake: Intake) -> Iterator[Shaped]:
    """The rows of a file piece by piece, shaped."""
    for piece in delivery.read(intake.choice.wanted):
        yield piece.rows if piece.rows.empty else shape(piece.rows, intake), piece.broken


def read_ahead(
    store: Store, path: Path | str, mapping: Mapping, arrived_at: pd.Timestamp, folder: Path, *, again: bool
) -> Ahead | None:
    """Read a file ahead of its turn.

    Parameters
    ----------
    store
        Whose grids and key are used; nothing is written to it.
    path, mapping, arrived_at, again
        As for :func:`riskwarn.ingest.ingest`.
    folder
        Where its rows are put aside.

    Returns
    -------
    ahead
        None where it is to be read in its turn: it is in the log, or is refused, which is said then.
    """
    try:
        with names_masked(path):
            delivery, manifest, mapping, batch = opened(path, mapping)
            log = Log.of(store)
            earlier = log.readings(delivery.digest, mapping.org_code) if again else log.rows.iloc[:0]
            if log.has(batch) and not again:
                return None
            arrived_at = store.instant(manifest.arrived_at) if manifest.arrived_at else arrived_at
            arrived_at = earlier["arrived_at"].min() if len(earlier) else arrived_at
            intake = intake_of(_Reading(store), mapping, delivery, arrived_at)
            folder.mkdir(parents=True, exist_ok=True)
            broken = []
            for number, (rows, lines) in enumerate(shaped_pieces(delivery, intake)):
                _write(rows, _piece(folder, number))
                broken.append(lines)
    except RiskwarnError:
        return None
    noticed = dict(intake.notes), dict(intake.forms), dict(delivery.notes)
    return Ahead(folder, batch, arrived_at.isoformat(), tuple(broken), *noticed)


@dataclass(frozen=True)
class _Reading(Atlas):
    """The store's grids, and its key where it has one: who only reads makes none."""

    @cached_property
    def secret(self) -> bytes:
        """The key of hashed places and identifiers."""
        if key := os.environ.get("RISKWARN_PLACE_KEY"):
            return key.encode()
        place = self.store.files.find(KEY_FILE)
        if place is None:
            raise DataError(f"store {self.store.path} has no key yet; the first delivery that needs it makes it.")
        return place.read_bytes()


def _write(rows: pd.DataFrame, place: Path) -> None:
    """Put rows aside, times in UTC, with the zone of each."""
    zones = {str(n): str(rows[n].dt.tz) for n in rows if isinstance(rows[n].dtype, pd.DatetimeTZDtype)}
    table = pa.Table.from_pandas(rows.assign(**{n: rows[n].dt.tz_convert(None) for n in zones}), preserve_index=False)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), _ZONES: json.dumps(zones).encode()})
    pyarrow.feather.write_feather(table, str(place), compression="lz4")


def _read(place: Path) -> pd.DataFrame:
    table = pyarrow.feather.read_table(str(place), memory_map=False)
    zones, rows = json.loads(table.schema.metadata[_ZONES]), table.to_pandas()
    return rows.assign(**{n: rows[n].dt.tz_localize("UTC").dt.tz_convert(zone) for n, zone in zones.items()})


def _piece(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.feather"
