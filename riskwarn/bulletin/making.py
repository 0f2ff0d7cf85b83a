"""The seven sections of a bulletin, from what a night published and what the ledger knows."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import pandas as pd

from riskwarn.bulletin.answers import Handled, answered, handled
from riskwarn.bulletin.area import Area, city_of
from riskwarn.bulletin.days import days_ahead
from riskwarn.bulletin.listing import Listing
from riskwarn.bulletin.totals import Total, totals
from riskwarn.bulletin.words import BULLETIN, SECTIONS, clock, joined
from riskwarn.bulletin.words import said as tell
from riskwarn.calling import checked
from riskwarn.errors import DataError, StaleDataError
from riskwarn.gaps import KINDS
from riskwarn.ledger import CITY
from riskwarn.paper.form import Bulletin, Row, Section, Table
from riskwarn.plan import Plan
from riskwarn.purpose import WORDS as PURPOSES
from riskwarn.store import Store
from riskwarn.taxonomy import ACTIONS, words_of
from riskwarn.web.codes import FEED_STATES, LEVELS
from riskwarn.web.format import day, moment, number, signed, weekday
from riskwarn.web.held import Night
from riskwarn.web.lines import by_kind, found_gaps, untold
from riskwarn.web.morning import NEWS
from riskwarn.web.narrow import of_area
from riskwarn.web.nights import Nights
from riskwarn.web.problems import Problem
from riskwarn.web.words import PHRASES, said, told, word
from riskwarn.web.worklist import Item, work_items
from riskwarn.working import WorkingTime, working_time

MOST_GAPS = 10
"""Items of the work list that are printed."""
_WEEK_WORDS = {"usual": "within"}
_SHOWN_OF_ID, _SHORT = 12, 6


@checked
def make_bulletin(
    store: Store, as_of: object = None, *, language: str = "en", county: str = "", township: str = ""
) -> Bulletin:
    """The bulletin of a night.

    Parameters
    ----------
    store
        The city.
    as_of
        The night; the newest by default.
    language
        ``zh`` or ``en``, or another that has a catalogue.
    county, township
        Only what lies in it; the whole city by default.

    Returns
    -------
    bulletin
        The same for the same night, as long as nobody writes in the ledger.

    Raises
    ------
    DataError
        Both a county and a township are named, or the grids do not say in which they lie.
    NotFoundError
        There is no such area.
    StaleDataError
        Nothing is published for the date, or it cannot be read.
    StoppedError
        Somebody has stopped the showing of scores.
    """
    if county and township:
        raise DataError("name a county or a township, not both: the township lies in its county.")
    night = _night(store, as_of)
    area = city_of(store, night.as_of)
    if county or township:
        area = area.part("county" if county else "township", county or township)
    return _Desk(store, night, area, handled(store), language).bulletin()


@checked
def make_bulletins(
    store: Store, as_of: object = None, *, each: Literal["county", "township"], language: str = "en"
) -> Iterator[tuple[str, Bulletin]]:
    """The bulletin of each county or township of a night, which is read once.

    Parameters
    ----------
    store
        The city.
    as_of
        The night; the newest by default.
    each
        The kind of area.
    language
        As of :func:`make_bulletin`.

    Yields
    ------
    area_id, bulletin
        In the order of codes.

    Raises
    ------
    DataError
        The grids do not say in which area of that kind they lie.
    StaleDataError
        Nothing is published for the date, or it cannot be read.
    StoppedError
        Somebody has stopped the showing of scores.
    """
    night, known = _night(store, as_of), handled(store)
    city = city_of(store, night.as_of)
    for area_id in city.parts(each):
        yield area_id, _Desk(store, night, city.part(each, area_id), known, language).bulletin()


def _night(store: Store, as_of: object) -> Night:
    store.check_going()
    if as_of is not None and store.instant(as_of) not in store.nights():
        last = f"; the newest is {store.nights()[-1]:%Y-%m-%d}" if store.nights() else ""
        raise StaleDataError(f"no night is published for {as_of}{last}; run `riskwarn nightly --as-of DATE` first.")
    try:
        return Nights(store).at(None if as_of is None else store.instant(as_of).isoformat())
    except Problem as problem:
        raise StaleDataError(f"there is no bulletin: {problem.detail}") from None


@dataclass(frozen=True, eq=False)
class _Desk:
    """All that a bulletin is written from."""

    store: Store
    whole: Night
    area: Area
    known: Handled | None
    language: str

    @cached_property
    def night(self) -> Night:
        """The night, of which only the area is left."""
        return of_area(self.whole, self.area.area_id or CITY)

    def bulletin(self) -> Bulletin:
        listing = Listing(
            self.night, self.area, self.known.by_source if self.known else {}, self._wall(), self.language
        )
        lines = {
            "data": self.data(),
            "totals": self.totals(listing),
            "list": self.listed(listing),
            "gaps": self.gaps(),
            "yesterday": answered(self.store, self.night.as_of, self.area, self.known, listing.alerts, self.language),
            "ahead": self.ahead(),
            "method": self.method(),
        }
        tables = {"totals": self.total_table(), "list": listing.tables, "gaps": self.gap_table()}
        sections = tuple(
            Section(name, heading[self.language], tuple(lines[name]), tables.get(name, ()))
            for name, heading in SECTIONS.items()
        )
        caution = PHRASES["note"][self.language]
        return Bulletin(
            self.title(),
            self.subtitle(),
            caution,
            sections,
            self.language,
            self.facts(),
            BULLETIN["page"][self.language],
        )

    def tell(self, key: str, **values: object) -> str:
        return tell(key, self.language, **values)

    # -- head ---------------------------------------------------------------------------------------------------------

    def title(self) -> str:
        return self.tell("title_of", area=self.area.name) if self.area.name else self.tell("title")

    def subtitle(self) -> str:
        at = self.night.as_of
        words = {"day": day(at, self.language), "weekday": weekday(at, self.language)}
        return self.tell("subtitle", **words, until=self._until(), model=self._short("model_version"))

    def facts(self) -> dict[str, Any]:
        stated = self.night.facts
        return {
            "as_of": self.night.as_of.isoformat(),
            "run": self.night.run,
            "area": self.area.area_id or None,
            "area_kind": self.area.kind,
            "state": stated.get("state", "ok"),
            "model_version": stated.get("model_version"),
            "data_until": self.night.data_until,
        }

    def _until(self) -> str:
        until = self.night.data_until
        return clock(until, self.night.as_of, self.language) if until else PHRASES["not_stated"][self.language]

    def _short(self, fact: str) -> str:
        return str(self.night.facts.get(fact) or PHRASES["not_stated"][self.language])[:_SHOWN_OF_ID]

    def _wall(self) -> WorkingTime | None:
        stated = self.night.facts.get("plan")
        return working_time(self.store, Plan.of_dict(stated).calendar, self.night.as_of) if stated else None

    # -- 1 the data ---------------------------------------------------------------------------------------------------

    def data(self) -> list[str]:
        feeds, bad = self._feeds()
        until = self._until()
        if not feeds:
            trust = told("trust_unstated", self.language, until=until)
        elif bad:
            names = joined(dict.fromkeys(words_of(feed["source"])[self.language] for feed in bad), self.language)
            trust = told("trust_bad", self.language, until=until, n=len(feeds), bad=len(bad), names=names)
        else:
            trust = told("trust_ok", self.language, until=until, n=len(feeds))
        return [trust, *(self._bad_feed(feed) for feed in bad), *self._warnings()]

    def _feeds(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Feeds of the city or that report on the area, and those of them that are not normal."""
        feeds = [feed for feed in self.night.facts.get("feeds") or [] if self._concerns(feed)]
        return feeds, [feed for feed in feeds if feed["state"] != "ok"]

    def _concerns(self, feed: dict[str, Any]) -> bool:
        body = str(feed.get("org_code") or "*")
        return body == "*" or self.area.holds(self.area.areas.of_body.get(body, body))

    def _bad_feed(self, feed: dict[str, Any]) -> str:
        body = str(feed.get("org_code") or "*")
        return self.tell(
            "feed_bad",
            source=words_of(feed["source"])[self.language],
            organisation=told("whole_city", self.language) if body == "*" else self.area.names.get(body, body),
            state=word(FEED_STATES, feed["state"], self.language),
            at=moment(feed.get("last_at"), str(self.night.as_of.tz)),
        )

    def _warnings(self) -> list[str]:
        """What else keeps the numbers from being taken as they stand."""
        stated, lines = self.night.facts, []
        degraded = stated.get("degraded") or {}
        if "until" in degraded:
            of = {"until": degraded["until"], "as_of": str(degraded.get("scores_of"))[:10]}
            lines.append(told("late" if degraded.get("scores_of") else "late_unscored", self.language, **of))
        if failed := stated.get("failed"):
            lines.append(self.tell("failed", questions=joined(map(str, failed), self.language)))
        if not stated.get("gate"):
            lines.append(told("gate_unknown" if stated.get("gate") is None else "gate_failed", self.language))
        if n := int(self.night.scores["rank"].isna().sum()):
            lines.append(told("insufficient", self.language, n=n))
        return lines

    # -- 2 overall ----------------------------------------------------------------------------------------------------

    def totals(self, listing: Listing) -> list[str]:
        lines = [self._total(total) for total in self._totals()] or [self.tell("no_weeks")]
        alerts = listing.alerts
        levels = [
            self.tell("level_count", level=words[self.language], n=int((alerts["level"] == code).sum()))
            for code, words in LEVELS.items()
            if len(alerts) and (alerts["level"] == code).any()
        ]
        lines.append(self.tell("levels", n=len(alerts), levels=joined(levels, self.language) or "0"))
        trends = alerts["trend"].value_counts() if "trend" in alerts else {}
        counted = [
            self.tell("level_count", level=NEWS[t][self.language], n=int(trends[t])) for t in NEWS if t in trends
        ]
        return [*lines, *([self.tell("trends", trends=joined(counted, self.language))] if counted else [])]

    def _totals(self) -> list[Total]:
        tables = self.night.published.tables
        if "weeks" not in tables or "weekly_readings" not in tables:
            return []
        sources = self.night.published.table("weekly_readings")["source"].astype("str").tolist()
        grids = None if self.area.kind == "city" else self.area.grid_ids
        odd = {feed["source"] for feed in self._feeds()[1]}
        return totals(self.night.published.table("weeks"), sources, self.night.as_of, grid_ids=grids, odd=odd)

    def _total(self, total: Total) -> str:
        changes = [
            self.tell(key, change=signed(change), usual=number(total.usual))
            for key, change in (
                ("against_week", total.on_week),
                ("against_usual", total.on_usual),
                ("against_year", total.on_year),
            )
            if not pd.isna(change)
        ]
        words = {"source": words_of(total.source)[self.language], "n": number(total.n), "word": self._reading(total)}
        if not changes:
            return self.tell("total_alone", **words)
        return self.tell("total", **words, changes=joined(changes, self.language))

    def _reading(self, total: Total) -> str:
        return self.tell(_WEEK_WORDS.get(total.word, total.word))

    def total_table(self) -> tuple[Table, ...]:
        columns = ("feed", "n_week", "usual_week", "on_week", "on_usual", "on_year", "reading")
        rows = []
        for total in self._totals():
            changes = [signed(change) for change in (total.on_week, total.on_usual, total.on_year)]
            cells = [words_of(total.source)[self.language], number(total.n), number(total.usual), *changes]
            named = dict(zip(columns, [*cells, self._reading(total)], strict=True))
            rows.append(Row(named, "", self._total(total)))
        return (Table("feeds", "", {column: self.tell(column) for column in columns}, tuple(rows)),) if rows else ()

    # -- 3 the list ---------------------------------------------------------------------------------------------------

    def listed(self, listing: Listing) -> list[str]:
        if self.night.alerts is None:
            return [self.tell("no_list")]
        if listing.alerts.empty:
            return [self.tell("empty_list")]
        return [self.tell("more", n=listing.n_cut)] if listing.n_cut else []

    # -- 4 gaps -------------------------------------------------------------------------------------------------------

    def gaps(self) -> list[str]:
        if self.night.gaps is None:
            return [self.tell("no_gaps_made")]
        counts = by_kind(found_gaps(self.night.gaps))
        lines = [self.tell("no_gaps")]
        if counts:
            kinds = [self.tell("level_count", level=self._kind(kind), n=number(n)) for kind, n in counts.items()]
            lines = [self.tell("gap_counts", kinds=joined(kinds, self.language)), self.tell("gap_first")]
        if unknown := untold(self.night.gaps):
            kinds = [self._kind(kind) for kind in unknown]
            lines.insert(
                1,
                f"{told('not_told', self.language)}{self.tell('colon')}{joined(kinds, self.language)}{self.tell('stop')}",
            )
        return lines

    def _kind(self, kind: str) -> str:
        return KINDS[kind].words[self.language] if kind in KINDS else kind

    def gap_table(self) -> tuple[Table, ...]:
        rows = tuple(self._gap(item) for item in work_items(self.night, self.language, most=MOST_GAPS))
        columns = {column: self.tell(column) for column in ("kind", "place", "n", "proof", "action")}
        return (Table("gaps", "", columns, rows),) if rows else ()

    def _gap(self, item: Item) -> Row:
        action = str(item.worst["action"] or "")
        place = str(item.worst["place"]["text"]).replace("case:", f"{self.tell('case')} ")
        cells = {
            "kind": self._kind(item.kind),
            "place": self._called(place),
            "n": number(item.n),
            "proof": self._called(str(item.worst["proof"])),
            "action": ACTIONS[action][self.language] if action in ACTIONS else action,
        }
        more = self.tell("gap_n", n=item.n) if item.n > 1 else ""
        head = joined([f"{cells['kind']}{self.tell('colon')}{cells['place']}", more], self.language)
        codes = {"gap_id": str(item.worst["gap_id"]), "kind": item.kind, "area": item.area, "action": action}
        return Row(cells, head, f"{cells['proof']} {self.tell('step', step=cells['action'])}", codes=codes)

    def _called(self, text: str) -> str:
        return self.area.called(text, city=told("whole_city", self.language))

    # -- 6 ahead, 7 method --------------------------------------------------------------------------------------------

    def ahead(self) -> list[str]:
        changes = self.store.path / "calendar.csv"
        own = changes if changes.is_file() else None
        return days_ahead(self.night.as_of, str(self.night.as_of.tz), self.language, own)

    def method(self) -> list[str]:
        stated = self.night.published.facts
        asked = [q for q in (stated.get("questions") or {"": stated}).values() if q.get("question")]
        questions = [
            self.tell(
                "question", question=said(q["question"], self.language), model=str(q.get("model_version"))[:_SHORT]
            )
            for q in asked
        ]
        lines = [self.tell("questions", questions=joined(questions, self.language, "pause"))] if questions else []
        purposes = [PURPOSES[p][self.language] for p in PURPOSES if p in {q.get("purpose") for q in asked}]
        if purposes:
            lines.append(self.tell("purposes", purposes=joined(purposes, self.language, "pause")))
        at = clock(self.night.as_of, self.night.as_of, self.language)
        lines.append(self.tell("model", run=self._short("mlflow_run"), as_of=at, until=self._until()))
        return [*lines, self.tell("how"), PHRASES["note"][self.language], PHRASES["note_more"][self.language]]
