"""Small inputs that once went wrong in silence, each with its right answer: run all, and print what came out.

    python benchmarks/cases.py [--cases DIR] [NAME …]

Each folder of DIR holds inputs with a mapping, or a script. An input is brought into a fresh store through the command line, as a
user would; a script is run as it is. The right answer is judged on what was printed and on what the store then holds.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from riskwarn.errors import RiskwarnError
from riskwarn.store import Store

CASES = Path(__file__).parent.parent.parent / "shared" / "cases"
GRIDS = 'table="grids"\ntimezone="{zone}"\n[columns]\ngrid_id="grid_id"\n[constants]\nvalid_from="2000-01-01"\n'
BESIDE_A_SHAPE = {".dbf", ".shx", ".prj", ".cpg"}


@dataclass(frozen=True)
class Outcome:
    """What a case did: all that was printed, exit codes of the deliveries, and the events then in the store."""

    text: str
    exits: tuple[int, ...]
    events: pd.DataFrame

    @property
    def newest(self) -> pd.DataFrame:
        """Events as last revised, those that were retracted left out."""
        last = self.events.sort_values("known_at", kind="stable").drop_duplicates(["source", "event_id"], keep="last")
        return last[~last["retracted"].fillna(value=False).astype(bool)] if "retracted" in last else last

    def local(self, zone: str = "Asia/Shanghai") -> list[str]:
        """When the events occurred, on the city's clock."""
        return [f"{at.tz_convert(zone):%Y-%m-%d %H:%M}" for at in self.events["occurred_at"]]

    def has(self, *patterns: str) -> bool:
        """Whether all patterns were printed."""
        return all(re.search(p, self.text, re.IGNORECASE) for p in patterns)

    @property
    def crashed(self) -> bool:
        """Whether a traceback reached the user."""
        return "Traceback" in self.text


def _settled(outcome: Outcome, first_unknown: str, *, until: str = "9999") -> bool:
    """Whether the label of every printed date in the span is unknown: a count of 0 beside the date."""
    rows = re.findall(r"^(\d{4}-\d\d-\d\d) .*?\s(\d+)\s+[\d.]+$", outcome.text, re.MULTILINE)
    inside = [int(n) for day, n in rows if first_unknown <= day < until]
    return bool(inside) and not any(inside)


def _account(outcome: Outcome) -> tuple[int, int, int, int]:
    """Rows received, accepted, quarantined and duplicate of the last delivery."""
    found = re.findall(r"([\d,]+) rows? received = ([\d,]+) accepted \+ ([\d,]+) quarantined \+ ([\d,]+)", outcome.text)
    return tuple(int(n.replace(",", "")) for n in found[-1]) if found else (0, 0, 0, 0)  # type: ignore[return-value]


def _full(outcome: Outcome) -> bool:
    """Case 43 as it lies says nothing of full exports, so event 1 stays; with the key it goes."""
    return set(outcome.newest["event_id"]) >= {"2"}


def _still_alarms(outcome: Outcome) -> bool:
    nights = re.findall(r"^2023-1\d-\d\d (.*)$", outcome.text, re.MULTILINE)
    return len(nights) >= 4 and all("alarm" in night for night in nights[1:]) and outcome.has("check:.*dispute")


ANSWERS: dict[str, tuple[str, Callable[[Outcome], bool]]] = {
    "01-label-feed-stopped": ("no label after the feed stopped", lambda o: _settled(o, "2023-09-14")),
    "02-label-outage": ("no label in the outage", lambda o: _settled(o, "2023-02-16", until="2023-06-30")),
    "03-label-future-date": (
        "a date far ahead moves nothing",
        lambda o: not o.has(r"\n2052|until 2052|2099-12-31 \d") and o.has("StaleDataError|quarantined"),
    ),
    "04-closed-date-only": ("8 accepted", lambda o: _account(o)[:2] == (8, 8)),
    "05-grid-ids-uk-lsoa": ("30 grids", lambda o: _account(o)[:2] == (30, 30)),
    "05-grid-ids-us-chicago-tracts": ("30 grids", lambda o: _account(o)[:2] == (30, 30)),
    "06-xlsx-sheets-skipped": ("4 rows, or the sheets named", lambda o: _account(o)[0] == 4 or o.has("sheet")),
    "07-scientific-ids": ("5 in quarantine", lambda o: _account(o) == (5, 0, 5, 0)),
    "08-ids-restart": (
        "24 events, or refused",
        lambda o: o.newest["event_id"].nunique() == 24 or (len(o.events) < 24 and o.has("apart|restart|again")),
    ),
    "09-count-revised-down": ("3 events, 2 retracted", lambda o: len(o.newest) == 3),
    "11-count-blank": ("a blank count is refused", lambda o: o.events.empty and o.has("count is empty|count")),
    "12-stray-quote": ("19 received, the bad one refused", lambda o: _account(o)[0] == 19 and _account(o)[1] >= 17),
    "13-date-and-time-columns": ("13:05", lambda o: o.local("America/New_York") == ["2025-01-08 13:05"] * 2),
    "14-time-spellings": ("all 7 read", lambda o: _account(o)[:2] == (7, 7)),
    "15-no-event-id": (
        "4 counted, or the remedy said",
        lambda o: len(o.events) == 4 or o.has(r"\[id\]|event_id.*from"),
    ),
    "17-xlsx-1904": ("13:05 on 8 January 2025", lambda o: o.local() in (["2025-01-08 13:04"], ["2025-01-08 13:05"])),
    "18-excel-guards": ("7 of 7 on one grid", lambda o: _account(o)[:2] == (7, 7)),
    "19-big5": ("the words as they were", lambda o: "違規停車" in o.text or "违规停车" in o.text or o.has("encoding")),
    "19-cp1252-bar": ("2 rows", lambda o: _account(o)[:2] == (2, 2) or o.has("encoding")),
    "19-utf8-one-bad-byte": ("row 3 refused", lambda o: "鍣" not in o.text and len(o.events) in {0, 2}),
    "21-point-geojson": (
        "placed, or refused as no grid has a polygon",
        lambda o: (
            o.has("no grid has a polygon") or (len(o.events) > 0 and bool(o.events["grid_id"].fillna("").ne("").all()))
        ),
    ),
    "22-polygons-projected": (
        "a DataError that names the coordinates",
        lambda o: o.has("DataError", "coordinate|metre|degree|crs"),
    ),
    "23-polygon-missing": ("b said, a measured", lambda o: o.has(r"\ba\b +[\d.]*[1-9]")),
    "25-shp-gbk-no-cpg": ("the name right", lambda o: "新街口网格" in o.text),
    "26-area-crs-ignored": ("moved, or refused", lambda o: "116.4 39.9," not in o.text and not o.crashed),
    "29-correction-lost": ("the later delivery holds", lambda o: "zz" not in set(o.newest["category"])),
    "30-overdue-without-closings": ("not to be judged", lambda o: o.has("clos") and not o.has(r"G06 100")),
    "31-description-header": ("mapped", lambda o: _account(o)[1] > 0),
    "32-guess-dates-as-category": ("a time, month first", lambda o: o.has(r"Date +occurred_at", "month first")),
    "34-mlflow-path": ("tracked in the store", lambda o: o.text.count("True strays: []") == 2),
    "35-timezone-name": ("a definition error with a name", lambda o: o.has("DefinitionError", "mean|Asia/Shanghai")),
    "36-parquet-binary": ("read, or the row refused", lambda o: not o.has("UnicodeDecodeError")),
    "38-heaped-values": ("the heaps said", lambda o: o.has("G005", "1st|first of|00:00|midnight")),
    "39-xls-full": ("said that the sheet is full", lambda o: o.has("full|65,?53[56]")),
    "40-sliver-neighbours": ("neighbours", lambda o: o.has(r"^[1-9]|warn")),
    "43-row-deleted-upstream": ("the way said, or retracted", lambda o: not o.crashed and _full(o)),
    "44-monitor-forgets": ("alarms while the feed is dead", _still_alarms),
}


def play(folder: Path) -> Outcome:
    """Run one case in a place of its own."""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "cases" / folder.name
        shutil.copytree(folder, copy)
        if (copy / "repro.py").exists():
            shutil.copy(folder.parent / "town.py", copy.parent)
            done = _run([sys.executable, "repro.py"], copy)
            return Outcome(done.stdout + done.stderr, (done.returncode,), pd.DataFrame())
        if (copy / "make.py").exists():
            _run([sys.executable, "make.py"], copy)
        return _delivered(copy, Path(place) / "store")


def _delivered(folder: Path, store: Path) -> Outcome:
    zone_file = folder / "zone"
    zone = zone_file.read_text("utf-8").strip() if zone_file.exists() else "Asia/Shanghai"
    text, exits = [], []
    if (folder / "grids.csv").exists():
        (folder / "grids.toml").write_text(GRIDS.format(zone=zone), "utf-8")
        _ingest(folder, "grids.csv", "grids.toml", store, zone)
    inputs = sorted(p.name for p in folder.glob("input*") if p.suffix not in BESIDE_A_SHAPE)
    for name in inputs:
        done = _ingest(folder, name, "mapping.toml", store, zone)
        text.append(done.stdout + done.stderr)
        exits.append(done.returncode)
    try:
        events = Store(store).read("events")
    except RiskwarnError:
        events = pd.DataFrame(columns=["source", "event_id", "known_at", "occurred_at", "grid_id", "category"])
    return Outcome("".join(text) + events.to_string(), tuple(exits), events)


def _ingest(folder: Path, name: str, mapping: str, store: Path, zone: str) -> subprocess.CompletedProcess[str]:
    line = ["-m", "riskwarn", "ingest", name, "--mapping", mapping, "--store", str(store), "--timezone", zone]
    return _run([sys.executable, *line], folder)


def _run(line: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    quiet = os.environ | {"RISKWARN_PROGRESS": "0", "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    return subprocess.run(line, cwd=folder, env=quiet, capture_output=True, text=True, check=False, timeout=300)


def main() -> int:
    """Print one line a case; end with the number that are wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="only cases whose name begins so")
    parser.add_argument("--cases", type=Path, default=CASES)
    asked = parser.parse_args()
    if not asked.cases.is_dir():
        sys.exit(f"no cases in {asked.cases}; name their folder with --cases.")
    wrong = 0
    for folder in sorted(p for p in asked.cases.iterdir() if p.is_dir()):
        if asked.names and not folder.name.startswith(tuple(asked.names)):
            continue
        answer, right = ANSWERS.get(folder.name, ("(no answer is known)", lambda _: False))
        outcome = play(folder)
        good = right(outcome)
        wrong += not good
        print(f"{'right' if good else 'WRONG'}  {folder.name:32} {answer}")
        if not good:
            print("       " + "\n       ".join(outcome.text.splitlines()[-12:]))
    print(f"{wrong} wrong")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
