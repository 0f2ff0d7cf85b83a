"""What a city of one's own begins with: a mapping, features, a question, a plan and the job of a night, each working and each with its comments.

Everything is written as text for a person to read and change; nothing is brought into a store. With an export at hand its columns and days are
looked at, so that mapping and dates are those of the file.
"""

import datetime as dt
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from riskwarn.calling import checked
from riskwarn.clock import zone_named
from riskwarn.errors import DataError
from riskwarn.ingest import guess
from riskwarn.ingest.clock import read_times
from riskwarn.ingest.folding import cleaned
from riskwarn.ingest.guessing import Guess
from riskwarn.ingest.reading import open_delivery
from riskwarn.plan import STARTER as STARTER_PLAN
from riskwarn.scaffold import init

NAMED = {
    "dispute": "disputes",
    "petition": "requests",
    "police_call": "police calls",
    "hotline": "hotline calls",
    "grid_report": "reports",
}
"""What a question calls the records of a feed."""
ASKED_FOR = ("petition", "hotline")
"""Feeds that residents alone bring: their records say so, and the question counts those that do."""
HORIZON, SETTLE = 28, 7
"""Days that the question looks ahead, and days that records need to arrive."""
_WARM_UP = 56
"""Days of records before the first date of the question."""


@dataclass(frozen=True)
class City:
    """What is known of a city that begins.

    Parameters
    ----------
    source
        The feed that is brought in first, and asked about.
    timezone
        IANA name of the clock of its records.
    categories
        Codes of the categories that the question counts; all where none is named.
    records
        An export of the feed; its columns are mapped and its days read. Empty: a mapping to fill in.
    crs
        Of the points of the export, as ``EPSG:4326``; empty leaves it to be written into the mapping.
    grids
        A file of polygons: the grids, or with `cell_m` the outline that is cut into cells.
    cell_m
        Edge of a square cell, m; 0 takes the polygons as the grids.
    capacity
        How many places can be attended to in a night.
    """

    source: str
    timezone: str
    categories: tuple[str, ...] = ()
    records: str = ""
    crs: str = ""
    grids: str = ""
    cell_m: float = 0
    capacity: int = 40

    @property
    def target(self) -> str:
        """Name of its label, which model and plan bear too."""
        return f"{self.source}_{HORIZON}d"


@checked
def found(folder: str | Path, city: City) -> list[str]:
    """Write the starter of a city into a folder, and say what to do next.

    Parameters
    ----------
    folder
        Made where it is not there.
    city
        What is known of it.

    Returns
    -------
    steps
        Commands from records to a page, to be run in the folder.

    Raises
    ------
    DataError
        The folder holds a starter already; capacity or edge are no numbers that can be; the export tells no time or too few days.
    NotFoundError
        There is no such export, or no such file of grids.
    """
    if city.source not in NAMED:
        raise DataError(f"the feed {city.source!r} has no starter; wanted one of {', '.join(NAMED)}.")
    if city.capacity < 1 or city.cell_m < 0:
        raise DataError(f"capacity must be at least 1 and cells at least 0 m, got {city.capacity} and {city.cell_m:g}.")
    zone_named(city.timezone)
    read = guess(city.records, timezone=city.timezone, crs=city.crs) if city.records else None
    first, last = _days(city, read)
    mapped = _records_mapping(city, read)
    grids = _grids_mapping(city, first)
    folder = init(folder)
    (folder / "mappings").mkdir()
    written = {
        f"mappings/{city.source}.toml": mapped,
        "mappings/grids.toml": grids,
        "features/own.py": _features(city),
        f"experiments/{city.target}.toml": _question(city, first, last),
        "plan.toml": _plan(city),
        "night.sh": _night(city),
    }
    for name, text in written.items():
        (folder / name).write_text(text, "utf-8")
    (folder / "night.sh").chmod(0o755)
    return _steps(city, folder, last)


def _days(city: City, read: Guess | None) -> tuple[dt.date, dt.date]:
    """First day of the export, and its last; without one the two years up to today, to be written over."""
    if read is None:
        today = dt.datetime.now(tz=dt.UTC).date()
        return today - dt.timedelta(days=730), today
    column = read.columns.loc[read.columns["field"] == "occurred_at", "column"]
    if column.empty:
        raise DataError(
            f"{Path(city.records).name}: no column tells when a record occurred; wanted is one of days or times, "
            "as 2025-03-02 or 02/03/2025. Export it so; or begin without --records and name the column in the mapping, where `short_years = true` "
            "reads years of two digits: docs/ingest.md has its keys."
        )
    mapping = read.mapping()
    pieces = open_delivery(city.records, [column.iloc[0]]).read([column.iloc[0]])
    order, short = mapping.dates, mapping.short_years
    times = pd.concat(
        [read_times(piece.rows[column.iloc[0]], city.timezone, order=order, short_years=short)[0] for piece in pieces]
    )
    days = times.dropna().dt.tz_convert(city.timezone).dt.date
    if days.empty or (days.max() - days.min()).days < _WARM_UP + HORIZON + SETTLE + 112:
        raise DataError(
            f"{Path(city.records).name}: a question needs some seven months of records to learn and to be tested."
        )
    return days.min(), days.max()


def _records_mapping(city: City, read: Guess | None) -> str:
    head = f"# How the columns of an export become events of the feed {city.source}; docs/ingest.md has every key.\n"
    if read is None:
        return head + (
            f'preset = "{city.source}"  # knows the usual headers; name others below\n'
            f'timezone = "{city.timezone}"\n'
            "ignore = []  # columns that are not read at all; every other one must be mapped\n\n"
            "[columns]\n"
            '# event_id = "id"\n# occurred_at = "opened"\n# closed_at = "closed"\n# grid_id = "grid"   # or lon and lat\n# category = "type"\n'
            '\n# [place]\n# crs = "EPSG:4326"  # of lon and lat; also EPSG:4490, GCJ-02, BD-09\n'
            + _HINT
            + _origin(city.source)
        )
    text = (
        read.toml
        if read.preset == city.source
        else re.sub(r"(?m)^(preset = .*)$", rf'\1\nsource = "{city.source}"', read.toml)
    )
    told = "origin" in set(read.columns["field"])
    return head + text + _own_words(city, read) + ("" if told else _origin(city.source))


def _origin(source: str) -> str:
    """Who brought the records to light, where that is the same for all of them."""
    if source not in ASKED_FOR:
        return ""
    return '\n[constants]\norigin = "citizen"  # residents ask; "proactive" is what staff find by looking\n'


def _own_words(city: City, read: Guess) -> str:
    """Words that no list of the field can know keep their own names."""
    column = read.columns.loc[read.columns["field"] == "category", "column"]
    if column.empty:
        return _HINT
    piece = next(iter(open_delivery(city.records, [column.iloc[0]]).read([column.iloc[0]])))
    words = cleaned(piece.rows[column.iloc[0]]).dropna()
    if words.str.contains(r"[\u4e00-\u9fff]").mean() > 0.5:
        return _HINT
    return '\n[category]\nunknown = "slug"  # a word that no list of the field has is its own code: "Street Lights" is street_lights\n'


_HINT = """
# [category]  # where ingest says that rows are of no known category: your own words, each with a code of the list, or kept as they are
# codes = {"street lights" = "D20", "loud parties" = "D13"}  # riskwarn.taxonomy.CATEGORIES lists them; many words stand better in a CSV: crosswalk = "categories.csv"
# unknown = "slug"  # any other word is a code of its own
"""
_UNNAMED = '# grid_id = "…"  # name the column that tells the grids; none has another word in each row'


def _grids_mapping(city: City, first: dt.date) -> str:
    head = "# The grids: which column of the polygons is what. They must be in the store before records are.\n"
    since = f'valid_from = "{first:%Y}-01-01"  # since when these grids hold; no later than the first record'
    if city.grids:
        read = guess(city.grids, timezone=city.timezone)
        named = "grid_id" in set(read.columns["field"]) or not city.cell_m
        text = re.sub(r"(?m)^valid_from = .*$", since if named else f'grid_id = "cell"\n{since}', read.toml)
        if not city.cell_m and "grid_id" not in set(read.columns["field"]):
            text = text.replace("[columns]\n", f"[columns]\n{_UNNAMED}\n")
    else:
        text = f'preset = "grids"\ntimezone = "{city.timezone}"\n\n[columns]\n# grid_id = "code"\n# geometry = "geometry"\n\n[constants]\n{since}\n'
    cells = (
        f'\n[area]\nmake = "square"       # the polygons are an outline, cut into cells\ncell_m = {city.cell_m:.1f}\n'
    )
    return head + text + (cells if city.cell_m else "")


def _features(city: City) -> str:
    part = f", categories={city.categories!r}" if city.categories else ""
    return f'''"""What is counted of {NAMED[city.source]}: each line is one number a grid and date, made of what was known before the date."""

from riskwarn.feature import Count, DaysSince, Nearby, Recent, Rise
from riskwarn.history import Stream

OWN = Stream("{city.source}"{part})
FEATURES = [
    Count(OWN, days=28),  # how many in four weeks
    Count(OWN, days=84),
    Count(OWN, days=364),  # in a year; scaled up where the feed is younger
    Recent(OWN, half_life=28),  # a record of four weeks ago counts half
    Recent(OWN, half_life=182),
    Rise(OWN),  # how far the last week lies above the fifteen before
    DaysSince(OWN),
    Nearby(Count(OWN, days=28)),  # the same around
    Nearby(Count(OWN, days=364)),
]
'''


def _question(city: City, first: dt.date, last: dt.date) -> str:
    begin = _monday(first + dt.timedelta(days=_WARM_UP))
    end = _monday(last - dt.timedelta(days=HORIZON + SETTLE + 6))
    stream = f'[[label.streams]]\nsource = "{city.source}"\n' + (
        f"categories = {list(city.categories)}\n".replace("'", '"')
        if city.categories
        else '# categories = ["…"]  # only these; all where none is named\n'
    )
    stream += (
        'origin = "citizen"  # what residents asked for; the mapping says so of each record\n'
        if city.source in ASKED_FOR
        else '# origin = "citizen"  # count only what residents asked for: set it once the mapping fills `origin`\n'
    )
    return f"""# One question: what is predicted, on which dates, from what. docs/experiments.md has every key.
question = "In which grids will most {NAMED[city.source]} be recorded in the next {HORIZON} days?"
purpose = "service"  # what it is for: service, mediation or resource_planning

[label]
name = "{city.target}"  # model and plan bear it too
days = {HORIZON}
settle_days = {SETTLE}  # records arrive late: an outcome is read so many days after its end

{stream}
[dates]  # the past is asked every Monday
first = {begin}  # some weeks of records lie before it
last = {end}  # the last one whose outcome is known

[features]
groups = ["own", "place"]  # files of features/
"""


def _monday(day: dt.date) -> dt.date:
    """The first Monday from a day on."""
    return day + dt.timedelta(days=-day.weekday() % 7)


def _plan(city: City) -> str:
    """The starter's plan with this one question and capacity."""
    text = STARTER_PLAN.read_text("utf-8")
    question = f"""[[questions]]
target = "{city.target}" # experiments/{city.target}.toml
lane = "standing"
weight = 1
source = "the only question"

"""
    begins, ends = text.index("[[questions]]"), text.index("\n[capacity]") + 1
    asked = text[:begins] + question + text[ends:]
    normal = asked.index("[modes.normal]")
    return asked[:normal] + re.sub(r"(?m)^capacity = \d+", f"capacity = {city.capacity}", asked[normal:], count=1)


def _night(city: City) -> str:
    return f"""#!/bin/sh
# The night of this city; a line of cron calls it at four:  0 4 * * *  {{this folder}}/night.sh
cd "$(dirname "$0")" || exit 1
export RISKWARN_STORE=city
[ -d inbox ] && riskwarn ingest inbox --mapping mappings/{city.source}.toml --quiet  # what came; a fault is told and keeps no night back
riskwarn nightly --as-of today --plan plan.toml --quiet
night=$?
riskwarn doctor
state=$?
[ $night -eq 0 ] || exit $night  # a night that failed is told before what is to be looked after
exit $state
"""


def _steps(city: City, folder: Path, last: dt.date) -> list[str]:
    """Commands from records to a page."""
    q = f"experiments/{city.target}.toml"
    night = f"{last + dt.timedelta(days=1):%Y-%m-%d}"
    return [
        f"cd {shlex.quote(str(folder))}",
        "export RISKWARN_STORE=city",
        f"riskwarn ingest {_file(city.grids, 'grids.geojson')} --mapping mappings/grids.toml --timezone {city.timezone}{_yours(city.grids)}",
        f"riskwarn ingest {_file(city.records, 'records.csv')} --mapping mappings/{city.source}.toml{_yours(city.records)}",
        "riskwarn check",
        f"riskwarn train {q}",
        f"riskwarn promote {city.target}  # refused where the count is as good: add --baseline 'prior count 52 weeks'; held where nobody could judge it: riskwarn holds",
        f"riskwarn nightly --as-of {night} --plan plan.toml",
        "riskwarn serve",
    ]


def _file(path: str, instead: str) -> str:
    return shlex.quote(str(Path(path).resolve())) if path else instead


def _yours(path: str) -> str:
    """What stands behind a command whose file was not named."""
    return "" if path else "  # name your own file instead, and fill in its mapping first"
