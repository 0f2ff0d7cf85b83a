"""What a store holds at a glance: read from the ends of its files, so that it is told at once however many records there are."""

import html
from collections.abc import Iterator, Sequence

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from riskwarn.store.tables import Tables

_QUICKLY_COUNTED = 2_000_000
"""Revisions whose events are counted in well under a second."""


def facts_of(store: Tables, nights: Sequence[pd.Timestamp], timezone: str | None) -> Iterator[tuple[str, str]]:
    """Grids, events of each feed and their revisions with the days on which the first and the last became known, and nights; each with its name."""
    yield "time zone", timezone or "not known yet"
    if store.has("grids"):
        yield "grids", f"{sum(ends.num_rows for ends in _ends(store, store.parts_of('grids'))):,}"
    for source in store.sources():
        parts = [part for part in store.parts_of("events") if part.split("/")[2] == source]
        ends = list(_ends(store, parts))
        known = [at for end in ends for at in _known(end)]
        first, last = (at.tz_convert(timezone) for at in (min(known), max(known)))
        n = sum(end.num_rows for end in ends)
        yield source, f"{_counted(store, parts, n)}, known from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    yield "nights", f"{len(nights):,}, the last {nights[-1]:%Y-%m-%d}" if nights else "none"


def _counted(store: Tables, parts: list[str], n: int) -> str:
    """Events and their revisions; of a large feed the revisions alone, which its files tell without being read."""
    if n > _QUICKLY_COUNTED:
        return f"{n:,} revisions"
    places = [place for part in parts if (place := store.files.find(part))]
    ids = pa.concat_tables([pq.read_table(place, columns=["event_id"]) for place in places], promote_options="default")
    events = len(ids.group_by("event_id").aggregate([]))
    return f"{events:,} event{'' if events == 1 else 's'} in {n:,} revision{'' if n == 1 else 's'}"


def _ends(store: Tables, parts: list[str]) -> Iterator[pq.FileMetaData]:
    places = [store.files.find(part) for part in parts]
    yield from (pq.read_metadata(place) for place in places if place)


def _known(ends: pq.FileMetaData) -> Iterator[pd.Timestamp]:
    """The first and the last time of `known_at` in each part of a file."""
    groups = [ends.row_group(n) for n in range(ends.num_row_groups)]
    for column in (group.column(n) for group in groups for n in range(group.num_columns)):
        if column.path_in_schema == "known_at" and column.statistics:
            yield from (pd.Timestamp(column.statistics.min), pd.Timestamp(column.statistics.max))


def to_html(store: Tables, nights: Sequence[pd.Timestamp], timezone: str | None) -> str:
    """The same as a small table, for notebooks."""
    facts = [(html.escape(name), html.escape(said)) for name, said in facts_of(store, nights, timezone)]
    rows = "".join(f"<tr><th>{name}</th><td>{said}</td></tr>" for name, said in facts)
    return f"<table><caption>Store {html.escape(str(store.path))}</caption>{rows}</table>"
