"""Jobs that run in processes of their own, so that they can be killed, raced and given another clock."""

import os
import time
from pathlib import Path

import towns

from riskwarn.ingest import ingest, load_mapping
from riskwarn.pipeline import nightly
from riskwarn.store import Store

MAPPING = f"""
timezone = "{towns.ZONE}"
source = "police_call"
category = {{vocabulary = "police"}}
columns = {{event_id = "id", occurred_at = "at", grid_id = "grid", category = "kind"}}
"""


def write_delivery(folder: Path, n: int = 300) -> tuple[Path, Path]:
    """A file of calls and its mapping."""
    rows = [f"n{i},2025-{7 + i % 6:02d}-{1 + i % 28:02d} {i % 24:02d}:00,G{i % 12:02d},纠纷" for i in range(n)]
    file, mapping = folder / "calls.csv", folder / "calls.toml"
    file.write_text("\n".join(["id,at,grid,kind", *rows]) + "\n", "utf-8")
    mapping.write_text(MAPPING, "utf-8")
    return file, mapping


def deliver(path: str, file: str, mapping: str) -> None:
    """Bring the file in."""
    ingest(Store(path), file, load_mapping(mapping))


def night(path: str) -> None:
    """Run the street's night."""
    nightly(Store(path), towns.TARGET, as_of=towns.STREET_NIGHT, alias="candidate")


def race(path: str, ready, told) -> None:
    """Wait for the start, run the night, tell the outcome and how long it took."""
    ready.wait(60)
    began = time.monotonic()
    try:
        made = nightly(Store(path), towns.TARGET, as_of=towns.STREET_NIGHT, alias="candidate")
        outcome = "done" if made.done_before else "made"
    except Exception as error:  # noqa: BLE001 - whatever it is, the trial names it
        outcome = type(error).__name__
    told.put((outcome, time.monotonic() - began))


def night_in(zone: str, path: str, told) -> None:
    """Run the night on a machine of another time zone; tell its run and its scores."""
    os.environ["TZ"] = zone
    time.tzset()
    made = nightly(Store(path), towns.TARGET, as_of=towns.STREET_NIGHT, alias="candidate")
    told.put((made.run, made.scores.to_csv(index=False)))
