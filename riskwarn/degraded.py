"""A degraded night: what can still be told when the data end before it, or a feed that the question rests on has stopped.

Late data used to end the night with an error, and with it went the warning that the feed had stopped. Now the gaps and monitors of
such a night are published all the same, beside the last scores, each marked ``stale``; a grid without one is marked as such and never
shown as calm.
"""

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pandas as pd

from riskwarn import monitoring
from riskwarn.calling import checked
from riskwarn.clock import micros
from riskwarn.errors import RiskwarnError
from riskwarn.gaps import find_gaps
from riskwarn.gaps.evidence import LONGEST_SILENCE_DAYS
from riskwarn.gaps.states import feed_states
from riskwarn.history import DAY_US, History
from riskwarn.schema import table_of
from riskwarn.store import PublishedNight, Store
from riskwarn.store.parquet import full

DEGRADED = "degraded"
"""State of such a night, in its facts; that of any other is ``ok``."""
_NUMBERS = ("probability", "expected", "lower", "upper", "rank", "p_in_top")


@checked
def is_late(history: History, at: pd.Timestamp) -> bool:
    """Whether the data end more than a day before a night, and not so long that nothing can be told at all.

    Parameters
    ----------
    history
        What is known.
    at
        The night.

    Returns
    -------
    late
        False also where the data are too old for a night.
    """
    late_days = (micros(at) - history.until) / DAY_US
    return 1 < late_days <= LONGEST_SILENCE_DAYS


@checked
def state_of(feeds: Collection[Mapping[str, Any]], sources: Collection[str]) -> dict[str, Any]:
    """The state of a night that was scored, for its facts: degraded where a feed that its questions count has stopped.

    Parameters
    ----------
    feeds
        What :func:`riskwarn.gaps.states.feed_states` says of the feeds.
    sources
        Feeds that the labels count.

    Returns
    -------
    facts
        `state`, and `degraded` with the `feeds` that have stopped; none where all is well.

    Examples
    --------
    >>> state_of([{"source": "dispute", "org_code": "*", "state": "stopped"}], ["dispute"])
    {'state': 'degraded', 'degraded': {'feeds': ['dispute'], 'scores_of': None}}
    >>> state_of([{"source": "dispute", "org_code": "*", "state": "stopped"}], ["hotline"])
    {'state': 'ok', 'degraded': None}
    """
    stopped = sorted({str(f["source"]) for f in feeds if f["state"] == "stopped" and f["org_code"] == "*"})
    stopped = [source for source in stopped if source in sources]
    why = {"feeds": stopped, "scores_of": None} if stopped else None
    return {"state": DEGRADED if why else "ok", "degraded": why}


@checked
def publish_late(
    store: Store, history: History, at: pd.Timestamp, *, run: str, versions: Mapping[str, str], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Publish what can be told of a night that the data do not reach.

    Parameters
    ----------
    store
        The city.
    history
        What was known; it ends before the night.
    at, run
        The night and the name of its run.
    versions
        Version of the model of each target asked; reasons are those of the last scores where these are of the same model.
    facts
        What a reader should know of the night; the last night's own facts stand behind them.

    Returns
    -------
    facts
        As published, with `state`, and `degraded`: `until`, the end of the data, `late_days`, and `scores_of`, the night of the scores, none
        where there were none.
    """
    silent = dataclasses.replace(
        history, until=micros(at)
    )  # no record of these days: silence is what there is to judge
    last = last_scored(store, at)
    scores = _stale_scores(silent, last, at, versions)
    gaps = find_gaps(silent, scores, as_of=at)
    marks = monitoring.check(silent, None, at)
    until = pd.Timestamp(history.until, unit="us", tz="UTC").tz_convert(history.timezone)
    feeds = [_at_least_late(feed, until) for feed in feed_states(silent, gaps, at)]
    why = {
        "until": until.isoformat(timespec="minutes"),
        "late_days": round((at - until) / pd.Timedelta(days=1), 2),
        "feeds": sorted({feed["source"] for feed in feeds if feed["state"] != "ok"}),
        "scores_of": last.as_of.isoformat() if last else None,
    }
    said = {"feeds": feeds, "monitors": monitoring.counts(marks), "state": DEGRADED, "degraded": why}
    all_facts = {**(last.facts if last else {}), **facts, **said}
    tables = {"scores": scores, "gaps": gaps, "marks": marks} | dict(_reasons(last, at, versions))
    store.publish(at, tables, run=run, facts=all_facts)
    return all_facts


@checked
def in_words(facts: Mapping[str, Any]) -> str:
    """What is the matter with a degraded night, in a line for the log; empty for any other.

    Parameters
    ----------
    facts
        Facts of the night, with its state.

    Returns
    -------
    words
        In English, without a full stop.

    Examples
    --------
    >>> in_words({"state": "degraded", "degraded": {"feeds": ["dispute"], "scores_of": None}})
    'degraded: dispute has stopped'
    """
    why = facts.get("degraded")
    if facts.get("state") != DEGRADED or not why:
        return ""
    if "until" not in why:
        return f"degraded: {', '.join(why['feeds'])} has stopped"
    of = f"the scores are those of {str(why['scores_of'])[:10]}, stale" if why["scores_of"] else "no scores"
    return f"degraded: the data end at {why['until']}, {why['late_days']:g} days before; {of}"


@checked
def last_scored(store: Store, before: pd.Timestamp | None = None) -> PublishedNight | None:
    """The last sound night whose scores are of its own day, and give a grid a number at all.

    Parameters
    ----------
    store
        The city.
    before
        Only nights before it; all by default.

    Returns
    -------
    night
        None where there is none.
    """
    for date in reversed([night for night in store.nights() if before is None or night < before]):
        night = store.night(date)
        try:
            night.check()
            states = night.table("scores", columns=["state"])["state"] if "scores" in night.tables else pd.Series()
            if (states == "ok").any() and not (states == "stale").any():
                return night
        except RiskwarnError:
            continue
    return None


@checked
def night_table(night: PublishedNight, name: str) -> pd.DataFrame:
    """A table of a night, without rows where the night did not make it.

    Parameters
    ----------
    night
        A published night.
    name
        Of a table of the schema.

    Returns
    -------
    table
        With every column of its contract.
    """
    if name in night.tables:
        return night.table(name)
    table = table_of(name)
    return full(table, pd.DataFrame(columns=table.column_names)).iloc[:0]


def _stale_scores(
    history: History, last: PublishedNight | None, at: pd.Timestamp, versions: Mapping[str, str]
) -> pd.DataFrame:
    """The last scores of each target, marked; a grid without one has none and says so."""
    earlier = last.table("scores") if last else pd.DataFrame({"grid_id": [], "target": []}, dtype="str")
    parts = [
        _of_target(history, earlier[earlier["target"] == target], at, target, versions[target]) for target in versions
    ]
    return pd.concat(parts, ignore_index=True)


def _of_target(history: History, earlier: pd.DataFrame, at: pd.Timestamp, target: str, version: str) -> pd.DataFrame:
    grids = history.grids[["grid_id"]].astype("str")
    scores = grids.merge(earlier.drop(columns=["as_of"], errors="ignore"), on="grid_id", how="left")
    known = scores["rank"].notna() if "rank" in scores else pd.Series(data=False, index=scores.index)
    scores = scores.assign(
        as_of=at, target=target, state=known.map({True: "stale", False: "insufficient_data"}), model_version=version
    )
    for column in _NUMBERS:
        scores[column] = scores[column] if column in scores else float("nan")
    scores["rank"] = scores["rank"].rank(method="first").astype("Int64")  # grids may have gone since
    scores = scores if earlier.empty else scores.assign(model_version=str(earlier["model_version"].iloc[0]))
    return scores.sort_values("rank", na_position="last", ignore_index=True)


def _reasons(
    last: PublishedNight | None, at: pd.Timestamp, versions: Mapping[str, str]
) -> Iterator[tuple[str, pd.DataFrame]]:
    """The reasons of the last scores, where the model is the same."""
    if last is None or "reasons" not in last.tables:
        return
    made_by = last.table("scores").drop_duplicates("target").set_index("target")["model_version"]
    same = [target for target, version in versions.items() if made_by.get(target) == version]
    reasons = last.table("reasons")
    yield "reasons", reasons[reasons["target"].isin(same)].assign(as_of=at)


def _at_least_late(feed: Mapping[str, Any], until: pd.Timestamp) -> dict[str, Any]:
    """A feed that is ok by its own habit is late all the same where the data of all end."""
    return (
        {**feed, "state": "late", "since": until.isoformat(timespec="minutes")} if feed["state"] == "ok" else {**feed}
    )
