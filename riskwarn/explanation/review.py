"""Looking back: for each serious event, whether its grid stood on the list, how early, and what kept it off.

Read from what was published, so it judges the nights as they were, not as a newer model would have them.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.clock import micros
from riskwarn.errors import DataError, NotFoundError
from riskwarn.history import Events, History
from riskwarn.language import Phrase, listed, phrase
from riskwarn.store import PublishedNight, Store
from riskwarn.taxonomy import NEVER_FEATURES

REACH = 0.15
"""Share of the grids that can reach a level, however long the list: the largest of :data:`riskwarn.level.LEVELS`."""
LEAST_SEVERITY, REACH_DAYS = 2, 400
"""What a night publishes for the look back: events of this severity and more, of so many days before it."""
_KEPT_LISTS = 90
_STANDING = ("grid_id", "as_of", "target", "rank", "expected", "state")
VERDICTS = {
    "listed": phrase("on the list"),
    "score": phrase("its score was too low"),
    "cap": phrase("the list was full"),
    "cool_down": phrase("it was cooling down"),
    "outage": phrase("a feed was out, so it was not scored"),
    "unscored": phrase("no night scored it"),
}
"""What became of the grid of an event, in words."""


@dataclass(frozen=True, eq=False)
class Review:
    """What the published nights made of the events that followed.

    Attributes
    ----------
    frame
        One row an event: `source`, `event_id`, `grid_id`, `occurred_at`, `category`, `severity`; `verdict` (:data:`VERDICTS`) and
        `rank` of `n_ranked`, `expected`, `listed`, `n_listed`, `short_by` (times the expected count would have had to be larger to be listed) on the
        last night before it, `as_of`; `first_listed_at`, `lead_days` (from the first night of the horizon that listed the grid to the
        event); `reason`, the feature told first that night.
    horizon_days
        How long before an event a list still warns of it.
    """

    frame: pd.DataFrame
    horizon_days: float

    @property
    def summary(self) -> dict[str, Any]:
        """Events in all, caught within the horizon, by verdict of the last night, and the median lead, days."""
        caught = self.frame["first_listed_at"].notna()
        lead = self.frame.loc[caught, "lead_days"]
        return {
            "events": len(self.frame),
            "caught": int(caught.sum()),
            "share": float(caught.mean()) if len(self.frame) else float("nan"),
            "median_lead_days": float(lead.median()) if len(lead) else float("nan"),
            "verdicts": {v: int((self.frame["verdict"] == v).sum()) for v in VERDICTS},
        }

    def sentence(self, language: str) -> str:
        """The summary in words.

        Parameters
        ----------
        language
            ``zh``, ``en``, or another there is a catalogue of.

        Returns
        -------
        sentence
            How many events were on a list, how early, and what kept the others off.
        """
        s = self.summary
        verdicts = [phrase("{verdict}: {n}", verdict=VERDICTS[v], n=n) for v, n in s["verdicts"].items() if n]
        lead = phrase(", median lead {days:.1f} days", days=s["median_lead_days"]) if s["caught"] else ""
        summary = phrase(
            "{caught} of {events} events were on a list within {days:g} days before{lead}. On the last night: {verdicts}.",
            caught=s["caught"],
            events=s["events"],
            days=self.horizon_days,
            lead=lead,
            verdicts=listed(verdicts, "clauses") if verdicts else phrase("none"),
        )
        return summary[language]

    def __repr__(self) -> str:
        """The summary in words."""
        return self.sentence("en")


@checked
def review(
    store: Store,
    *,
    since: object,
    until: object = None,
    source: str | None = None,
    severity: int = 2,
    horizon_days: float | None = None,
    events: pd.DataFrame | None = None,
) -> Review:
    """The missed-event autopsy over published nights.

    Parameters
    ----------
    store
        With published nights.
    since, until
        Events that occurred from `since` on and before `until` (all later ones by default) and after the first published night.
    source
        Only events of this feed; all by default.
    severity
        Least severity, 0 to 3.
    horizon_days
        How long before an event a list still warns of it; by default as the nights say.
    events
        What a night published of serious events (:func:`serious_events`), so that the history need not be read; read from the store by default.

    Returns
    -------
    review
        One row an event, and what they come to together.

    Raises
    ------
    NotFoundError
        No night is published.
    DataError
        No event is that serious.
    """
    nights = store.nights()
    if not nights:
        raise NotFoundError(f"store {store.path}: no night is published; run `riskwarn nightly` first.")
    horizon = horizon_days or float(str(store.facts(nights[-1]).get("horizon_days", 28)))
    known = _today(store) if events is None else events
    events = _serious(store, known, nights[0], since, until, source, severity)
    lists = _lists(store, nights, events["occurred_at"].max(), events["occurred_at"].min() - pd.Timedelta(days=horizon))
    return Review(_with_lead(_judged(_in_lists(events, lists), lists), lists, horizon), horizon)


@checked
def serious_events(history: History, at: pd.Timestamp) -> pd.DataFrame:
    """The events that a look back asks about, as they are known on a night: table `serious_events`.

    Parameters
    ----------
    history
        What was known.
    at
        The night, timezone-aware.

    Returns
    -------
    events
        Of severity :data:`LEAST_SEVERITY` and more in the last :data:`REACH_DAYS` days: `source`, `event_id`, `occurred_at`, `grid_id`,
        the grid it was `written` under, `category`, `severity`.
    """
    events = history.events_at(at).largest()
    near = events.occurred >= micros(at - pd.Timedelta(days=REACH_DAYS))
    serious = events.take(near & (events.severity >= LEAST_SEVERITY))
    return _told(serious).reset_index(drop=True).assign(as_of=at)


def _today(store: Store) -> pd.DataFrame:
    return _frame(History.load(store), store.known_until() + pd.Timedelta(microseconds=1))


def _frame(history: History, at: pd.Timestamp) -> pd.DataFrame:
    """The events known by then."""
    return _told(history.events_at(at).largest())


def _told(events: Events) -> pd.DataFrame:
    """Events with the grids under which they were written; those that are never told of are left out."""
    frame = events.frame(("source", "event_id", "occurred_at", "grid_id", "category", "severity"))
    frame = frame.assign(written=events.words["grid_id"][events.raw_grid])
    return frame[(frame["written"] != "") & ~frame["category"].isin(NEVER_FEATURES)]


def _serious(
    store: Store,
    frame: pd.DataFrame,
    first: pd.Timestamp,
    since: object,
    until: object,
    source: str | None,
    severity: int,
) -> pd.DataFrame:
    """The events of the span that follow a published night."""
    mask = frame["occurred_at"] >= max(store.instant(since), first)
    mask &= frame["source"] == source if source else True
    mask &= frame["occurred_at"] < store.instant(until) if until is not None else True
    mask &= frame["severity"] >= severity
    serious = frame[mask]
    if serious.empty:
        raise DataError(
            f"store {store.path}: no event of severity {severity} or more since {store.instant(since).date()} that follows a published night; "
            "choose an earlier date or a lower severity."
        )
    columns = ["source", "event_id", "occurred_at", "grid_id", "category", "severity", "written"]
    return serious[columns].sort_values("occurred_at", kind="stable", ignore_index=True)


def _in_lists(events: pd.DataFrame, lists: pd.DataFrame) -> pd.DataFrame:
    """Each event in the grid of the lists: the one it was written under where nights scored that, else the one it went over to."""
    scored = events["written"].isin(lists["grid_id"])
    return events.assign(grid_id=events["written"].where(scored | events["grid_id"].isna(), events["grid_id"])).drop(
        columns="written"
    )


def _lists(store: Store, nights: list[pd.Timestamp], last: pd.Timestamp, first: pd.Timestamp) -> pd.DataFrame:
    """Every scored grid of every night that matters, whether it was listed, and what is known of why not."""
    wanted = [n for n in nights if first <= n <= last] or nights[:1]
    return pd.concat([_list(store, night) for night in wanted], ignore_index=True)


def _list(store: Store, night: pd.Timestamp) -> pd.DataFrame:
    return _list_of(store, night, store.night(night).run)


@lru_cache(maxsize=_KEPT_LISTS)
def _list_of(store: Store, night: pd.Timestamp, run: str) -> pd.DataFrame:
    """The scored grids of a run by its first question, and what became of each."""
    published = store.night(night, run)
    facts = published.facts
    target = next(iter(facts.get("questions", {})), None)
    scores = _of(published.table("scores", columns=_STANDING), target)
    alerts = published.table("alerts", columns=["grid_ids", "target"]) if "alerts" in published.tables else None
    listed = [] if alerts is None else " ".join(alerts["grid_ids"]).split()
    ranked = [] if alerts is None else " ".join(_of(alerts, target)["grid_ids"]).split()
    standing = scores[["grid_id", "as_of", "rank", "expected", "state"]].assign(
        listed=scores["grid_id"].isin(listed), capacity=int(str(facts.get("capacity") or 0))
    )
    cut = standing.loc[standing["grid_id"].isin(ranked), "expected"].min()
    kept_off: Any = facts.get("kept_off") or {}
    return standing.assign(
        n_listed=int(standing["listed"].sum()),
        n_ranked=int(standing["rank"].notna().sum()),
        short_by=cut / standing["expected"],
        reason=_first_reasons(published, target).reindex(standing["grid_id"]).to_numpy(),
        kept_off=standing["grid_id"].map(dict(kept_off)).astype("object"),
    )


def _of(rows: pd.DataFrame, target: str | None) -> pd.DataFrame:
    """The rows of one question; all of a run that asked but one."""
    return rows if target is None or "target" not in rows else rows[rows["target"] == target]


def _first_reasons(published: PublishedNight, target: str | None) -> pd.Series:
    """The feature told first of each grid."""
    if "reasons" not in published.tables:
        return pd.Series(dtype="str")
    reasons = _of(published.table("reasons", columns=["grid_id", "target", "place", "feature"]), target)
    return reasons[reasons["place"] == 1].drop_duplicates("grid_id").set_index("grid_id")["feature"]


def _judged(events: pd.DataFrame, lists: pd.DataFrame) -> pd.DataFrame:
    """Each event with the last night before it."""
    nights = pd.DataFrame({"as_of": np.sort(lists["as_of"].unique())})
    left = events.assign(occurred_at=events["occurred_at"].astype(nights["as_of"].dtype))
    dated = pd.merge_asof(left, nights, left_on="occurred_at", right_on="as_of")
    met = dated.merge(lists, on=["grid_id", "as_of"], how="left")
    n_grids = met["as_of"].map(lists.groupby("as_of")["grid_id"].size())
    within = met["rank"].astype("float64") <= np.maximum(REACH * n_grids, 1)
    full = met["n_listed"] >= met["capacity"].where(met["capacity"] > 0, np.inf)
    state = met["state"].fillna("")
    verdict = np.select(
        [
            met["rank"].isna() & (state == ""),
            met["listed"].eq(True),
            met["kept_off"].notna(),
            state != "ok",
            within & full,
        ],
        ["unscored", "listed", met["kept_off"].fillna(""), "outage", "cap"],
        "score",
    )
    return met.assign(verdict=verdict, listed=met["listed"].eq(True)).drop(columns=["state", "capacity", "kept_off"])


def _with_lead(judged: pd.DataFrame, lists: pd.DataFrame, horizon: float) -> pd.DataFrame:
    """The first night of the horizon that listed the grid, and how long before the event it was."""
    listed = lists.loc[lists["listed"], ["grid_id", "as_of"]].rename(columns={"as_of": "first_listed_at"})
    keyed = judged.reset_index(names="row")[["row", "grid_id", "occurred_at"]].merge(listed, on="grid_id")
    away = keyed["occurred_at"] - keyed["first_listed_at"]
    near = keyed[(away >= pd.Timedelta(0)) & (away <= pd.Timedelta(days=horizon))]
    first = near.groupby("row")["first_listed_at"].min().reindex(judged.index)
    lead = (judged["occurred_at"] - first) / pd.Timedelta(days=1)
    return judged.assign(first_listed_at=first, lead_days=lead)


@checked
def review_sentences(reviewed: Review, language: str) -> pd.Series:
    """Each event as a sentence: what the last night made of its grid, and the lead.

    Parameters
    ----------
    reviewed
        What :func:`review` found.
    language
        ``zh``, ``en``, or another there is a catalogue of.

    Returns
    -------
    sentences
        One an event, with the index of `reviewed.frame`.
    """
    return pd.Series(
        [_sentence(r, language) for r in reviewed.frame.to_dict("records")], index=reviewed.frame.index, dtype="str"
    )


def _sentence(row: dict[str, Any], language: str) -> str:
    rank: Phrase | str = ""
    if pd.notna(row["rank"]):
        rank = phrase("; its grid ranked {rank} of {n}", rank=int(row["rank"]), n=int(row["n_ranked"]))
    lead = row["lead_days"]
    early = phrase("; never listed within the horizon")
    if pd.notna(lead):
        early = phrase("; first listed {n} day before", plural="; first listed {n} days before", n=round(lead))
        early = early if round(lead) else phrase("; first listed on the same day")
    verdict = VERDICTS[str(row["verdict"])]
    return phrase("On the night before: {verdict}{rank}{early}", verdict=verdict, rank=rank, early=early)[language]
