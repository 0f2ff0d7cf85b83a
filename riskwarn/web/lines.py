"""What pages list: alerts, grids, gaps and feeds of a night, a line each, in the reader's words."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from riskwarn.web import format as write
from riskwarn.web.api.gaps import evidence
from riskwarn.web.held import Night
from riskwarn.web.listed import N_REASONS
from riskwarn.web.nights import Nights
from riskwarn.web.reasons import sentences

ROWS_PER_PAGE = 100
ROWS_TODAY = 40
_FEED = {"org_code": "*", "state": "unknown", "last_at": None}


def sentences_of(night: Night, grid_ids: list[str], language: str) -> dict[str, list[str]]:
    """The strongest raising reasons of each grid, in sentences."""
    reasons = night.reasons_of(grid_ids)
    reasons = reasons[reasons["contribution"] > 0].groupby("grid_id").head(N_REASONS)
    texts = sentences(reasons, night.facts.get("features", {}), language)
    return {str(grid): list(lines) for grid, lines in texts.groupby(reasons["grid_id"])}


def riskiest(nights: Nights, night: Night, language: str) -> list[dict[str, Any]]:
    """The riskiest grids, a line each, for a night that made no alerts."""
    listed = night.grids_listed[:ROWS_TODAY]
    told_of = sentences_of(night, listed, language)
    before = nights.before(night)
    moves = _moves(night, before) if before else {}
    return [
        {"grid_id": g, "grid": score, "reasons": told_of.get(g, []), "move": moves.get(g)}
        for g, score in zip(listed, score_rows(night.by_grid, listed), strict=True)
    ]


def score_rows(scores: pd.DataFrame, grid_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Scores of some grids in their order; all unknown where the night has none for one."""
    place = scores.index.get_indexer(list(grid_ids))
    known = iter(scores.iloc[place[place >= 0]].to_dict("records"))
    return [next(known) if at >= 0 else dict.fromkeys(scores.columns) for at in place]


def _moves(night: Night, before: Night) -> dict[str, int | str]:
    """By grid in the list: ``new``, or by how many ranks it rose (below zero: fell)."""
    listed = night.grids_listed
    rise = (before.by_grid["rank"].reindex(listed) - night.by_grid["rank"].reindex(listed)).dropna()
    listed_then = set(before.grids_listed)
    return {g: int(rise[g]) if g in listed_then and g in rise.index else "new" for g in listed}


def gap_lines(
    gaps: pd.DataFrame, names: Mapping[str, str], language: str, *, without: frozenset[str] = frozenset()
) -> list[dict[str, Any]]:
    """Gaps with their place and evidence in words; what is kept of the evidence under the keys `without` is left out."""
    lines = gaps.astype(object).where(gaps.notna(), None).to_dict("records")
    return [line | _gap_in_words(line, names, language, without) for line in lines]


def _gap_in_words(
    line: Mapping[str, Any], names: Mapping[str, str], language: str, without: frozenset[str]
) -> dict[str, Any]:
    numbers = {key: value for key, value in evidence(line["evidence"]).items() if key not in without}
    return {
        "place": write.place(line["scope"], names, language, numbers.get("grids", ())),
        "proof": write.named_codes(write.proof(line["kind"], numbers, language), names, language),
    }


def found_gaps(gaps: pd.DataFrame) -> pd.DataFrame:
    """Gaps that were found; what the data cannot tell is no gap, and is said apart."""
    return gaps[gaps["state"] != "insufficient_data"]


def untold(gaps: pd.DataFrame | None) -> list[str]:
    """Kinds the data could not tell everywhere, in order."""
    return [] if gaps is None else sorted(gaps.loc[gaps["state"] == "insufficient_data", "kind"].unique())


def by_kind(gaps: pd.DataFrame | None) -> dict[str, int]:
    """How many of each kind."""
    return {} if gaps is None else gaps["kind"].value_counts(sort=False).sort_index().to_dict()


def feed_lines(night: Night) -> list[dict[str, Any]]:
    """Feeds by source: the worst state of its organisations first, and how last week compares."""
    weekly = night.weeks.of_city() if night.weeks else {}
    readings = night.weeks.readings if night.weeks else {}
    stated = [_FEED | feed for feed in night.facts.get("feeds") or []]
    sources = list(dict.fromkeys([*(feed["source"] for feed in stated), *weekly]))
    lines = [
        {
            "source": source,
            "feeds": [feed for feed in stated if feed["source"] == source],
            "weekly": weekly.get(source, []),
            "reading": readings.get(source),
        }
        for source in sources
    ]
    for line in lines:
        line["bad"] = [feed for feed in line["feeds"] if feed["state"] != "ok"]
        line["last_at"] = max((str(feed["last_at"]) for feed in line["feeds"] if feed.get("last_at")), default=None)
    return lines


def pager(n_rows: int, page: int, per_page: int = ROWS_PER_PAGE) -> dict[str, int]:
    """Numbers of a pager; a page past the end is the last."""
    last = max(1, math.ceil(n_rows / per_page))
    page = min(page, last)
    return {"page": page, "last": last, "start": (page - 1) * per_page, "end": page * per_page, "n": n_rows}
