"""What the store's feeds are like: how much, how late, how complete, how well coded, and what changed; in words, numbers and a page."""

import html
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from riskwarn.calling import checked
from riskwarn.errors import NotFoundError
from riskwarn.ingest.changing import changes
from riskwarn.ingest.heaping import Remark, heaps
from riskwarn.language import LANGUAGES, Language, in_every_language, phrase
from riskwarn.store import Store
from riskwarn.taxonomy import NEVER_FEATURES, words_of
from riskwarn.unusual import stopped

QUANTILES = (0.5, 0.9, 0.95, 0.99)
"""Points of the delay curve."""
RECENT_DAYS, BEFORE_DAYS = 28, 364
"""Drift compares the last four weeks with the 52 before."""
LEAST_PER_DAY = 7.0
"""From this many events on a weekday an empty one is no chance: it would happen less than once in a thousand days."""
LEAST_DRIFT = 100
"""Events either period must have before its mix is judged."""
_LIMITS = {"unplaced": 0.05, "unknown": 0.02, "late_days": 30.0, "shift": 0.15, "quarantined": 0.05}
_TITLES = {
    "events": phrase("events", context="data check"),
    "revisions": phrase("revisions"),
    "first": phrase("first", context="data check"),
    "last": phrase("last", context="data check"),
    "per_day": phrase("a day", context="data check"),
    "delay_p50": phrase("delay, median (days)"),
    "delay_p99": phrase("delay, 99 % (days)"),
    "unknown_share": phrase("unknown codes"),
    "sensitive": phrase("sensitive"),
    "unplaced_share": phrase("unplaced"),
    "missing_days": phrase("missing days"),
    "duplicate": phrase("duplicate rows"),
    "quarantined": phrase("quarantined rows"),
    "shift": phrase("shift of the mix"),
    "volume_ratio": phrase("last 4 weeks / before"),
}


@dataclass(frozen=True)
class CheckReport:
    """What the feeds of a store are like.

    `feeds` has one line a feed: `events`; `revisions`; `first` and `last` occurrence; `per_day`; `delay_p50` and `delay_p99`, days from
    occurrence to first knowledge; `unknown_share` of categories without a canonical code and `sensitive` events, which no feature
    counts; `unplaced_share` without a grid; `missing_days`, local days without any event where that weekday has many (missing where the feed is too sparse
    to tell);
    `silent_days` without any new record before the newest of the store, where by the feed's own habit that means it has stopped;
    `received`, `accepted`, `duplicate` and `quarantined` rows of the log; `shift`, total variation between the category mix of the last 28 days and of
    the 364 before, in [0, 1]; `volume_ratio` of their daily means.
    `delays` is the delay curve, `missing` the empty days, `reasons` what stands in quarantine, `remarks` what a person should see.
    """

    feeds: pd.DataFrame
    delays: pd.DataFrame
    missing: pd.DataFrame
    reasons: pd.DataFrame
    remarks: pd.DataFrame

    def words(self, language: Language = "zh") -> list[str]:
        """The remarks as sentences, gravest first.

        Parameters
        ----------
        language
            ``zh`` or ``en``.

        Returns
        -------
        sentences
            None where there is nothing to remark.
        """
        return self.remarks[language].tolist()

    def table(self, language: Language = "zh") -> pd.DataFrame:
        """The feeds as a table for people: one column a feed, shares in per cent.

        Parameters
        ----------
        language
            ``zh`` or ``en``.

        Returns
        -------
        table
            Rows in words; ``–`` where a number is missing.
        """
        shown = self.feeds.assign(
            first=self.feeds["first"].dt.strftime("%Y-%m-%d"),
            last=self.feeds["last"].dt.strftime("%Y-%m-%d"),
            unknown_share=_percent(self.feeds["unknown_share"]),
            unplaced_share=_percent(self.feeds["unplaced_share"]),
        )
        shown["source"] = [words_of(code)[language] for code in shown["source"]]
        turned = shown.set_index("source")[list(_TITLES)].rename(columns={k: v[language] for k, v in _TITLES.items()}).T
        return turned.rename_axis(columns=None).astype(object).where(turned.notna(), "–")

    def to_dict(self) -> dict[str, list[dict[str, Any]]]:
        """Plain numbers and lists, for JSON; times in ISO form, what is missing as none."""
        names = ("feeds", "delays", "missing", "reasons", "remarks")
        return {name: [plain(row) for row in getattr(self, name).to_dict("records")] for name in names}

    def to_html(self, language: Language = "zh") -> str:
        """The report as one page that needs nothing else.

        Parameters
        ----------
        language
            ``zh`` or ``en``.

        Returns
        -------
        html
            The remarks, and the tables below them.
        """
        title = phrase("Data check")[language]
        said = "".join(f"<li>{html.escape(line)}</li>" for line in self.words(language)) or "<li>✓</li>"
        tables = [self.table(language).to_html(na_rep="–", float_format="{:,.2f}".format)]
        tables += [
            frame.to_html(index=False, na_rep="–", float_format="{:,.2f}".format)
            for frame in (self.delays, self.reasons)
            if len(frame)
        ]
        style = "body{font:15px/1.6 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;margin:1rem 0}"
        style += "td,th{border:1px solid #ccc;padding:.2rem .6rem;text-align:right}th{background:#f4f4f4}"
        head = f'<meta charset="utf-8"><title>{title}</title><style>{style}</style>'
        return f'<!doctype html><html lang="{language}"><head>{head}</head><body><h1>{title}</h1><ul>{said}</ul>{"".join(tables)}</body></html>'

    def __repr__(self) -> str:
        """The remarks and the table, in English."""
        lines = [f"- {line}" for line in self.words("en")] or ["- nothing to remark"]
        return "\n".join([*lines, "", self.table("en").to_string(na_rep="–", float_format="{:,.2f}".format)])

    def _repr_html_(self) -> str:
        return self.to_html()


def _percent(share: pd.Series) -> pd.Series:
    return (share * 100).map("{:.1f} %".format)


def plain(row: dict) -> dict[str, object]:
    """A row as plain values for JSON; what is missing as none."""

    def value(cell: object) -> object:
        if pd.isna(cell):
            return None
        return (
            cell.isoformat()
            if isinstance(cell, pd.Timestamp)
            else cell.item()
            if isinstance(cell, np.generic)
            else cell
        )

    return {str(k): value(v) for k, v in row.items()}


@checked
def check(store: Store) -> CheckReport:
    """Look at every feed of a store.

    Parameters
    ----------
    store
        With events.

    Returns
    -------
    report
        Numbers of each feed, and what to look at in words.

    Raises
    ------
    NotFoundError
        The store holds no events.
    """
    if not store.has("events"):
        raise NotFoundError(f"store {store.path} holds no events; bring some in with `riskwarn ingest`.")
    log, grids, crosswalk = (
        store.read(name) if store.has(name) else None for name in ("feed_log", "grids", "crosswalk")
    )
    until = _newest(store)
    looked = [_look(store, source, log, until, grids, crosswalk) for source in store.sources()]
    feeds = pd.DataFrame([feed for feed, *_ in looked])
    feeds = feeds.astype(dict.fromkeys(("missing_days", "received", "accepted", "duplicate", "quarantined"), "Int64"))
    delays, missing = (pd.concat([item[place] for item in looked], ignore_index=True) for place in (1, 2))
    return CheckReport(feeds, delays, missing, refusals(store), _remarks(feeds, missing, [item[3] for item in looked]))


def _newest(store: Store) -> pd.Timestamp:
    """When the last record of any feed occurred: what is learnt later of old ones, as that they were closed, tells of no feed that it still reports."""
    newest = pc.max(store.arrow("events", columns=["occurred_at"], dictionary=False)["occurred_at"]).as_py()
    return pd.Timestamp(newest).tz_convert(store.timezone)


def _silent_days(known: pd.Series, until: pd.Timestamp) -> float:
    """Days without a new record before `until`, where the feed has stopped (:func:`riskwarn.unusual.stopped`); else missing."""
    ago = ((until - known) // pd.Timedelta(days=1)).clip(lower=0).to_numpy()
    stop = stopped(np.bincount(ago)[::-1])
    return np.nan if stop is None else float(stop.days)


def _look(
    store: Store,
    source: str,
    log: pd.DataFrame | None,
    until: pd.Timestamp,
    grids: pd.DataFrame | None,
    crosswalk: pd.DataFrame | None,
) -> tuple[dict[str, object], pd.DataFrame, pd.DataFrame, list[Remark]]:
    columns = ["event_id", "known_at", "occurred_at", "grid_id", "category", "category_raw", "place_key", "severity"]
    table = store.arrow("events", columns=columns, source=source, dictionary=False)
    revisions = table.to_pandas(
        types_mapper=lambda t: pd.StringDtype(na_value=np.nan) if pa.types.is_string(t) else None
    )
    events = revisions.sort_values("known_at", kind="stable").drop_duplicates("event_id")
    occurred = events["occurred_at"].dt.tz_convert(store.timezone)
    delay = (events["known_at"] - events["occurred_at"]).dt.total_seconds() / 86_400
    span = span_of(occurred.min(), occurred.max(), source, log)
    missing = missing_days(occurred.dt.normalize().value_counts(), span)
    n_days = max((span[1] - span[0]).days, 1)
    feed = {
        "source": source,
        "events": len(events),
        "revisions": len(revisions),
        "first": occurred.min(),
        "last": occurred.max(),
        "per_day": len(events) / n_days,
        "delay_p50": delay.quantile(0.5),
        "delay_p99": delay.quantile(0.99),
        "unknown_share": events["category_raw"].notna().mean(),
        "sensitive": int(events["category"].isin(NEVER_FEATURES).sum()),
        "unplaced_share": (events["grid_id"] == "").mean(),
        "missing_days": None if missing is None else len(missing),
        "silent_days": _silent_days(revisions.groupby("event_id")["known_at"].min(), until),
        **logged(source, log),
        **_drift(events["category"], occurred),
    }
    curve = pd.DataFrame({"source": source, "share": QUANTILES, "days": delay.quantile(list(QUANTILES)).to_numpy()})
    days = pd.DataFrame({"source": source, "day": missing if missing is not None else []})
    deliveries = log[log["source"] == source] if log is not None else None
    changed = changes(events.assign(occurred_at=occurred), grids, crosswalk)
    return feed, curve, days, [*changed, *heaps(events, store.timezone, deliveries)]


def span_of(
    first: pd.Timestamp, last: pd.Timestamp, source: str, log: pd.DataFrame | None
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Local days the feed speaks for: those its deliveries cover, else from its first to its last event."""
    start, end = first.normalize(), last.normalize() + pd.DateOffset(days=1)
    deliveries = log[log["source"] == source] if log is not None else pd.DataFrame()
    if len(deliveries) and deliveries["covers_to"].notna().any():
        end = max(end, deliveries["covers_to"].max().tz_convert(end.tz).normalize())
        start = min(start, deliveries["covers_from"].min().tz_convert(end.tz).normalize())
    return start, end


def missing_days(told: pd.Series, span: tuple[pd.Timestamp, pd.Timestamp]) -> pd.DatetimeIndex | None:
    """Local days without an event where that weekday has many, from how many each day has; none where the feed is too sparse to tell."""
    days = pd.date_range(span[0], span[1], freq="D", inclusive="left")
    counts = told.reindex(days, fill_value=0)
    usual = counts.groupby(counts.index.day_of_week).transform("median")
    if usual.max() < LEAST_PER_DAY:
        return None
    return days[((counts == 0) & (usual >= LEAST_PER_DAY)).to_numpy()]


def logged(source: str, log: pd.DataFrame | None) -> dict[str, object]:
    """Rows of a feed by what became of them, over all deliveries; nothing where no log tells."""
    names = ("received", "accepted", "duplicate", "quarantined")
    deliveries = log[log["source"] == source] if log is not None else None
    return {name: None if deliveries is None or deliveries.empty else int(deliveries[name].sum()) for name in names}


def _drift(category: pd.Series, occurred: pd.Series) -> dict[str, float]:
    last = occurred.max()
    recent = occurred > last - pd.Timedelta(days=RECENT_DAYS)
    before = ~recent & (occurred > last - pd.Timedelta(days=RECENT_DAYS + BEFORE_DAYS))
    if min(recent.sum(), before.sum()) < LEAST_DRIFT:
        return {"shift": np.nan, "volume_ratio": np.nan}
    now, then = (category[where].value_counts(normalize=True) for where in (recent, before))
    days_before = min(BEFORE_DAYS, (last - occurred[before].min()).days - RECENT_DAYS + 1)
    shift = now.sub(then, fill_value=0.0).abs().sum() / 2
    return {
        "shift": float(shift),
        "volume_ratio": float(recent.sum() / RECENT_DAYS / (before.sum() / max(days_before, 1))),
    }


def refusals(store: Store) -> pd.DataFrame:
    """Rows in quarantine by file and reason."""
    refused = store.read_quarantine("events")
    if refused.empty:
        return pd.DataFrame(columns=["file", "reason", "rows"])
    return refused.groupby(["file", "reason"]).size().rename("rows").sort_values(ascending=False).reset_index()


def _remarks(feeds: pd.DataFrame, missing: pd.DataFrame, heaped: list[list[Remark]]) -> pd.DataFrame:
    said = []
    for feed, heaps_seen in zip(feeds.to_dict("records"), heaped, strict=True):
        days = missing.loc[missing["source"] == feed["source"], "day"]
        for remark in (*_faults(feed, days), *heaps_seen):
            sentence = phrase("{feed}: {remark}", feed=words_of(feed["source"]), remark=remark.said)
            said.append((feed["source"], remark.kind, remark.weight, *in_every_language(sentence).values()))
    table = pd.DataFrame(said, columns=["source", "kind", "weight", *LANGUAGES])
    return table.sort_values("weight", ascending=False, kind="stable", ignore_index=True)


def _faults(feed: dict, days: pd.Series) -> Iterator[Remark]:
    """What is missing, late, unplaced, unknown or changed in a feed."""
    for rule in _RULES:
        if (remark := rule(feed, days)) is not None:
            yield remark


def _has_stopped(feed: dict, _days: pd.Series) -> Remark | None:
    if pd.isna(feed["silent_days"]):
        return None
    said = phrase(
        "has stopped: nothing new for {n} day, while the store learnt more from others; what happened since is not known. Ask the provider.",
        plural="has stopped: nothing new for {n} days, while the store learnt more from others; what happened since is not known. Ask the provider.",
        n=int(feed["silent_days"]),
    )
    return Remark("stopped", 6, said)


def _has_empty_days(_feed: dict, days: pd.Series) -> Remark | None:
    if days.empty:
        return None
    said = phrase(
        "{n} day without any record, the first {first}; ask the provider.",
        plural="{n} days without any record, the first {first}; ask the provider.",
        n=len(days),
        first=f"{days.iloc[0]:%Y-%m-%d}",
    )
    return Remark("missing_days", 5, said)


def _is_unplaced(feed: dict, _days: pd.Series) -> Remark | None:
    share = feed["unplaced_share"]
    said = phrase("{share:.1%} of the events have no grid and count for none.", share=share)
    return Remark("unplaced", 4, said) if share > _LIMITS["unplaced"] else None


def _is_uncoded(feed: dict, _days: pd.Series) -> Remark | None:
    share = feed["unknown_share"]
    said = phrase("{share:.1%} of the categories are unknown and became other; complete the crosswalk.", share=share)
    return Remark("unknown_codes", 3, said) if share > _LIMITS["unknown"] else None


def _is_refused(feed: dict, _days: pd.Series) -> Remark | None:
    share = 0.0 if pd.isna(feed["received"]) else feed["quarantined"] / max(feed["received"], 1)
    said = phrase("{share:.1%} of the rows are in quarantine; the reasons stand below.", share=share)
    return Remark("quarantined", 3, said) if share > _LIMITS["quarantined"] else None


def _is_late(feed: dict, _days: pd.Series) -> Remark | None:
    delay = feed["delay_p99"]
    said = phrase("one event in a hundred is known only after {days:.0f} days; labels must wait as long.", days=delay)
    return Remark("late", 2, said) if delay > _LIMITS["late_days"] else None


def _has_drifted(feed: dict, _days: pd.Series) -> Remark | None:
    shift = feed["shift"]
    said = phrase("the category mix of the last four weeks moved by {share:.0%}.", share=shift)
    return Remark("drift", 2, said) if shift > _LIMITS["shift"] else None


def _is_sensitive(feed: dict, _days: pd.Series) -> Remark | None:
    said = phrase(
        "{n} sensitive event is counted here and nowhere else.",
        plural="{n} sensitive events are counted here and nowhere else.",
        n=feed["sensitive"],
    )
    return Remark("sensitive", 1, said) if feed["sensitive"] > 0 else None


_RULES: tuple[Callable[[dict, pd.Series], Remark | None], ...] = (
    _has_stopped,
    _has_empty_days,
    _is_unplaced,
    _is_uncoded,
    _is_refused,
    _is_late,
    _has_drifted,
    _is_sensitive,
)
"""What a feed is looked at for; each rule sees its line of the table and its empty days."""
