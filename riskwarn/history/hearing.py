"""For how long a feed spoke: what was delivered by each date, and what is known for good."""

import numpy as np

from riskwarn.history.coverage import covered, told_by, told_since
from riskwarn.history.facts import DAY_US, NEVER
from riskwarn.history.planes import Planes, span


class Hearing(Planes):
    """Exposure of a snapshot."""

    def settled(self, source: str, *, days: float, settle_days: float) -> np.ndarray:
        """(n_grids, n_dates) whether what a feed tells of the `days` from each date on is known.

        It is where the feed spoke, for each grid, from the date through the `days` and `settle_days` more
        (:meth:`~riskwarn.history.feeds.Feeds.silences`).

        Parameters
        ----------
        source
            The feed.
        days
            Length of the window from the date on, days.
        settle_days
            How long after it records may still arrive.

        Returns
        -------
        settled
            (n_grids, n_dates) bool.
        """
        begin, end = self.micros, self.micros + span(days + settle_days)
        known = np.zeros(self.shape, dtype=bool)
        for silence in self.history.silences(source, settle_days=settle_days):
            spans = silence.spans
            # the first silence that ends after the date must not begin before what is asked for has ended
            after = np.minimum(np.searchsorted(spans[:, 1], begin, side="right"), len(spans) - 1)
            known[silence.grids] = (spans[after, 0] >= end)[None, :]
        return known

    def exposure(self, source: str, days: float, *, ago: float = 0) -> np.ndarray:
        """Days of the window for which the feed speaks, 0 to `days`, by what was known at each date.

        A feed speaks from its first record on. From where the deliveries arrived by then tell what each covers, only covered time
        counts: a delivery without rows says that nothing happened, no delivery says nothing. Before the first delivery, as when
        years of records are brought in at once, the records speak for themselves. A delivery speaks for the area its organisation is
        named after, else for the whole city; from the first of its own organisations' deliveries on, an area has its own beginning.

        Parameters
        ----------
        source
            The feed.
        days
            Length of the window before the date, days.
        ago
            How many days before the date the window ends.

        Returns
        -------
        days
            In [0, `days`]: (n_grids, n_dates), or (1, n_dates) where all grids hear from the same organisations.
        """
        key = ("exposure", source, float(days), float(ago))
        spoke = self.kept.get(key)
        if spoke is None:
            parts = range(len(self.history.coverage(source)[0]))
            spoke = self.kept[key] = np.stack([self._exposure(source, part, days, ago) for part in parts])
        return spoke if len(spoke) == 1 else spoke[self.history.coverage(source)[1]]

    def observed(self, source: str, days: float) -> np.ndarray:
        """Days of the last `days` days for which the source speaks, never below one.

        Parameters
        ----------
        source
            The feed.
        days
            Length of the window before the date, days.

        Returns
        -------
        days
            As :meth:`exposure`, in [1, `days`]: fit to divide by.
        """
        return np.clip(self.exposure(source, days), 1, days)

    def _exposure(self, source: str, part: int, days: float, ago: float) -> np.ndarray:
        """(n_dates,) the exposure of one part of the city."""
        last = self.micros - span(ago)
        first = last - span(days)
        begun = self._begun(source, part)
        covers = self.history.coverage(source)[0][part].covers
        if len(covers) == 0:
            return np.clip((last - np.maximum(first, begun)) / DAY_US, 0, days)
        told_from = told_since(covers, self.micros)
        silent_from = np.maximum(np.minimum(begun, told_from), first)
        free = np.maximum(np.minimum(last, told_from) - silent_from, 0)
        return np.clip((free + covered(self._told(source, part), first, last)) / DAY_US, 0, days)

    def _told(self, source: str, part: int) -> np.ndarray:
        """(n_dates, k, 2) stretches that deliveries arrived by each date speak for."""
        key = ("told", source, part)
        if key not in self.kept:
            self.kept[key] = told_by(self.history.coverage(source)[0][part].covers, self.micros)
        return self.kept[key]

    def _begun(self, source: str, part: int) -> np.ndarray:
        """(n_dates,) earliest `occurred` of the feed as known at each date; :data:`NEVER` before it spoke.

        Of the areas whose organisations had delivered by then; of the whole city before: a later organisation changes nothing.
        """
        since = self.history.coverage(source)[0][part].since
        begun_by_org = np.full(len(self.micros), NEVER)
        for org, first in since.items():
            begun = self._earliest(*self.history.begun(source, org))
            begun_by_org = np.where(self.micros > first, np.minimum(begun_by_org, begun), begun_by_org)
        heard = self.micros > min(since.values(), default=NEVER)
        return np.where(heard, begun_by_org, self._earliest(*self.history.begun(source)))

    def _earliest(self, known: np.ndarray, occurred: np.ndarray) -> np.ndarray:
        return np.r_[NEVER, occurred][np.searchsorted(known, self.micros, side="left")]
