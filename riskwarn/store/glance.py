"""What a store holds at a glance: read from the ends of its files, so that it is told at once however many records there are."""

import html
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from riskwarn.store.reading import n_rows, places
from riskwarn.store.tables import Tables

_QUICKLY_COUNTED = 2_000_000
"""Revisions whose events are counted in well under a second."""


def facts_of(store: Tables, nights: Sequence[pd.Timestamp], timezone: str | None) -> Iterator[tuple[str, str]]:
    """Grids, events of each feed and their revisions with the days on which the first and the last became known, and nights; each with its name."""
    yield "time zone", timezone or "not known yet"
    if store.has("grids"):
        yield "grids", f"{n_rows(store, 'grids'):,}"
    for source in store.sources():
        files = places(store, "events", source)
        known = [at for file in files for at in _known(pq.read_metadata(file))]
        first, last = (at.tz_convert(timezone) for at in (min(known), max(known)))
        n = n_rows(store, "events", source)
        yield source, f"{_counted(files, n)}, known from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    yield "nights", f"{len(nights):,}, the last {nights[-1]:%Y-%m-%d}" if nights else "none"


def _counted(files: Sequence[Path], n: int) -> str:
    """Events and their revisions; of a large feed the revisions alone, which its files tell without being read."""
    if n > _QUICKLY_COUNTED:
        return f"{n:,} revisions"
    ids = pa.concat_tables([pq.read_table(file, columns=["event_id"]) for file in files], promote_options="default")
    events = len(ids.group_by("event_id").aggregate([]))
    return f"{events:,} event{'' if events == 1 else 's'} in {n:,} revision{'' if n == 1 else 's'}"


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
