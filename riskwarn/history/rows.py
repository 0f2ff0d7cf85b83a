"""The rows of a stream: those that counts count, and those that hold at an instant."""

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import Self

import numpy as np
import pandas as pd

from riskwarn.clock import micros
from riskwarn.errors import DefinitionError, did_you_mean
from riskwarn.history.choosing import bears, chosen
from riskwarn.history.facts import Facts
from riskwarn.history.held import Events
from riskwarn.history.record import Record
from riskwarn.history.sources import table_facts
from riskwarn.history.stream import ORIGINS, TABLE_OF, Stream
from riskwarn.taxonomy import NEVER_FEATURES


class Rows(Record):
    """A record whose rows can be chosen."""

    @cached_property
    def sources(self) -> list[str]:
        """Feeds with events."""
        if self.numbers is not None:
            return self.whole.sources
        return sorted({str(self.words["source"][source]) for source, _ in self.cases.slices})

    def categories(self, source: str) -> frozenset[str]:
        """Categories that the records of a feed carry.

        Parameters
        ----------
        source
            Of a feed; one that is not there has none.

        Returns
        -------
        categories
            Codes.
        """
        if self.numbers is not None:
            return self.whole.categories(source)
        words = self.words
        return frozenset(str(words["category"][c]) for s, c in self.cases.slices if words["source"][s] == source)

    def origins(self, source: str) -> frozenset[str]:
        """Origins that the records of a feed carry: citizen, proactive, or neither where no mapping says it.

        Parameters
        ----------
        source
            Of a feed; one that is not there has none.

        Returns
        -------
        origins
            Words.
        """
        if self.numbers is not None:
            return self.whole.origins(source)
        words, cases = self.words, self.cases
        rows = [cases.origin[part] for (s, _), part in cases.slices.items() if words["source"][s] == source]
        told = {str(words["origin"][code]) for codes in rows for code in np.unique(codes)}
        return frozenset(told & ORIGINS)

    def apart(self, make: "Callable[[Self], pd.DataFrame]") -> pd.DataFrame:
        """A table of rows that each hang on one grid, where the records of a city lie in blocks made of each of them.

        Parameters
        ----------
        make
            A function of a module from a history to a table.

        Returns
        -------
        table
            Its rows in no particular order.
        """
        return make(self)

    def batches(self, rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """Rows of a table with `grid_id` in the shares in which they are worked on; in one, where a history is at hand.

        Parameters
        ----------
        rows
            Any.

        Yields
        ------
        rows
            A share.
        """
        yield rows

    def within(self, grids: np.ndarray) -> Self:
        """The history, of which no events are looked at but those in some grids; itself, where all are at hand.

        Parameters
        ----------
        grids
            (n_grids,) bool.

        Returns
        -------
        history
            Of all grids.
        """
        del grids
        return self

    def first_told(self, at: int, source: str) -> Iterator[Facts]:
        """Each event of a feed as it first became known, of those known before an instant, a share of the grids after the other.

        Parameters
        ----------
        at
            The instant, µs.
        source
            The feed.

        Yields
        ------
        rows
            Of :attr:`cases`, those of grids that lie beside each other in the order of the grids; here of all grids at once.
        """
        pieces = self.cases.pieces(source, frozenset(map(str, self.words["category"])))
        if pieces:
            cases = self.cases[slice(pieces[0].start, pieces[-1].stop)]
            yield cases[np.flatnonzero((cases.start == cases.known) & (cases.end > cases.start) & (cases.start < at))]

    def last_told_of(self, at: int) -> dict[str, int]:
        """When the last record of each feed became known before an instant.

        Parameters
        ----------
        at
            The instant, µs.

        Returns
        -------
        last
            By feed, µs; none of a feed that did not speak.
        """
        cases = self.cases
        known = {
            source: cases.start[(cases.source == code) & (cases.start < at)]
            for code, source in enumerate(self.words["source"])
        }
        return {str(source): int(last.max()) for source, last in known.items() if last.size}

    def events_at(self, as_of: object) -> Events:
        """The events held at an instant: of each the newest revision known before it, without those withdrawn or yet to occur.

        One row an event and grid; an event of a grid that was split has a row in each heir, with its share as `weight`. The shares
        of the rows of a stream (:meth:`select`) that occurred within `days` add up to :meth:`Snapshot.count`.

        Parameters
        ----------
        as_of
            The instant; a date means its local midnight.

        Returns
        -------
        events
            In no particular order; :meth:`Events.frame` shows them as a table, :meth:`Events.largest` gives one row an event.

        Examples
        --------
        >>> import pandas as pd
        >>> from riskwarn.history import History
        >>> day = pd.date_range("2025-01-06", periods=3, tz="Asia/Shanghai").as_unit("us")
        >>> events = pd.DataFrame({"source": "dispute", "event_id": ["a", "b", "c"], "known_at": day, "occurred_at": day,
        ...                        "grid_id": "G1", "category": "D02"})
        >>> history = History.of(events, pd.DataFrame({"grid_id": ["G1"], "valid_from": day[:1]}))
        >>> history.events_at("2025-01-08").frame()["event_id"].tolist()
        ['a', 'b']
        """
        if self.numbers is not None:
            return self._of_part(self.whole.events_at(as_of))
        at = micros(self.instant(as_of))
        return Events.held_at(self.log, self.carried, at, grid_ids=self.grid_ids, timezone=self.timezone)

    def _of_part(self, events: Events) -> Events:
        number = np.full(len(self.whole.grids) + 1, -1)
        number[self.numbers] = np.arange(len(self.grids))
        here = number[events.grid]
        inside = events.take(np.flatnonzero(here >= 0))
        inside.grid, inside.grid_ids = here[here >= 0], self.grid_ids
        return inside

    def rows(self, view: str, stream: Stream) -> Facts:
        """The rows of a stream, sorted by grid; `view` is ``facts`` or ``cases``.

        Parameters
        ----------
        view
            ``facts``: what counts count; ``cases``: revisions, on the interval each holds.
        stream
            Which rows.

        Returns
        -------
        rows
            Without those of sensitive categories.

        Raises
        ------
        DefinitionError
            The history holds no such source; a feed that is absent is not a feed of zeros.
        """
        facts = self._facts(view, stream)
        wanted = frozenset(stream.categories or map(str, facts.words["category"])) - NEVER_FEATURES
        pieces = facts.pieces(stream.source, wanted)
        if len(pieces) == 1:
            selected = facts[pieces[0]]
        else:
            rows = np.concatenate([np.arange(p.start, p.stop) for p in pieces]) if pieces else np.zeros(0, np.int64)
            selected = facts[rows[np.argsort(facts.grid[rows], kind="stable")]]
        return selected if stream.plain else selected[chosen(selected, stream, self.timezone)]

    def select(self, facts: Facts | Events, stream: Stream) -> np.ndarray:
        """Indices of the rows of `facts`, or of events held at an instant, that belong to `stream`.

        Parameters
        ----------
        facts
            Rows of this history.
        stream
            Which of them.

        Returns
        -------
        indices
            (k,) rising.

        Raises
        ------
        DefinitionError
            The history holds no such source.
        """
        self._facts("cases", stream)
        mask = bears(facts.words["source"], {stream.source})[facts.source]
        mask &= ~bears(facts.words["category"], NEVER_FEATURES)[facts.category]
        if stream.categories:
            mask &= bears(facts.words["category"], set(stream.categories))[facts.category]
        return np.flatnonzero(mask & chosen(facts, stream, self.timezone))

    def _facts(self, view: str, stream: Stream) -> Facts:
        if stream.source in TABLE_OF:
            return self._table(TABLE_OF[stream.source])
        if stream.source not in self.sources:
            raise DefinitionError(
                f"stream {stream.name!r}: the store holds no source {stream.source!r}{did_you_mean(stream.source, self.sources)}; "
                f"it has: {', '.join(self.sources) or 'none'}. Leave the feature group out, or ingest the feed."
            )
        facts: Facts = getattr(self, view)
        return facts

    def _table(self, name: str) -> Facts:
        if name not in self._tables:
            if self.numbers is None:
                self._tables[name] = table_facts(name, partial(self._arrow, name), self.carry, len(self.grids))
            else:
                self._tables[name] = self.whole._table(name).of_grids(self.numbers, len(self.whole.grids))  # noqa: SLF001
        return self._tables[name]
