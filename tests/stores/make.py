"""Make an archive of a store as the code at hand writes it: ``PYTHONPATH=.:tests python tests/stores/make.py tests/stores/format1.tar.xz``.

`format1.tar.xz` was made so by the last code of format 1, the commit 47ecae6: the street of ``tests/towns`` with half a year of calls, a
rejected row, a kept candidate, and two nights of which one has two runs. A newer format comes with an archive of its own; old
archives are never made again.
"""

import sys
import tarfile
import tempfile
from pathlib import Path

import pandas as pd
import towns

from riskwarn import tracking
from riskwarn.pipeline import nightly
from riskwarn.store import Store

NIGHTS = ("2025-12-15", "2025-12-16")


def make(archive: Path) -> None:
    """Write the archive."""
    with tempfile.TemporaryDirectory() as folder:
        store = filled(Path(folder) / "city")
        with tarfile.open(archive, "w:xz") as made:
            made.add(store.path, arcname="city", filter=_plain)


def filled(path: Path) -> Store:
    """A small city with something of everything a store holds."""
    store = Store(path, timezone=towns.ZONE)
    store.write("grids", towns.street_grids())
    store.write("events", towns.street_events())
    store.quarantine("events", pd.DataFrame({"reason": ["no such grid"], "event_id": ["x1"]}), batch="b1")
    tracking.keep(towns.street_model(store), store.path, alias=tracking.CANDIDATE)
    for as_of, capacity in ((NIGHTS[0], 5), (NIGHTS[0], 6), (NIGHTS[1], 6)):
        nightly(store, towns.TARGET, as_of=as_of, capacity=capacity, alias=tracking.CANDIDATE)
    return store


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """An entry without the names of who made it; locks are left out."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return None if entry.name.endswith(".lock") else entry


if __name__ == "__main__":
    make(Path(sys.argv[1]))
