"""For how long a feed spoke: what was delivered by each date, and what is known for good."""

import numpy as np

from riskwarn.history.coverage import covered, told_since
from riskwarn.history.facts import DAY_US, NEVER
from riskwarn.history.planes import Planes, span


class Hearing(Planes):
    """Exposure of a snapshot."""

    def settled(self, source: str, *, days: float, settle_days: float) -> np.ndarray:
        """(n_grids, n_dates) whether what a feed tells of the `days` from each date on is known.

        It is where the feed spoke, for each grid, from the date through the `days` and `settle_days` more
        (:meth:`~riskwarn.history.past.Past.silences`).

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
        for silence in self.history.silences(source):
            spans = silence.spans
            # the first silence that ends after the date must not begin before what is asked for has ended
            after = np.minimum(np.searchsorted(spans[:, 1], begin, side="right"), len(spans) - 1)
            known[silence.grids] = (spans[after, 0] >= end)[None, :]
        return known

    def exposure(self, source: str, days: float, *, ago: float = 0) -> np.ndarray:
        """(n_dates,) days of the window for which the feed speaks, 0 to `days`, by what was known at each date.

        A feed speaks from its first record on. From where the deliveries arrived by then tell what each covers, only covered time
        counts: a delivery without rows says that nothing happened, no delivery says nothing. Before the first delivery, as when
        years of records are brought in at once, the records speak for themselves.

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
            (n_dates,) in [0, `days`].
        """
        last = self.micros - span(ago)
        first = last - span(days)
        begun = self._begun(source)
        spoken = self.history.coverage(source)
        if len(spoken) == 0:
            return np.clip((last - np.maximum(first, begun)) / DAY_US, 0, days)
        told_from = told_since(spoken, self.micros)
        silent_from = np.maximum(np.minimum(begun, told_from), first)
        free = np.maximum(np.minimum(last, told_from) - silent_from, 0)
        told = np.array([covered(spoken, at, a, b) for at, a, b in zip(self.micros, first, last, strict=True)])
        return np.clip((free + told) / DAY_US, 0, days)

    def observed(self, source: str, days: float) -> np.ndarray:
        """(n_dates,) days of the last `days` for which the source speaks, never below one.

        Parameters
        ----------
        source
            The feed.
        days
            Length of the window before the date, days.

        Returns
        -------
        days
            (n_dates,) in [1, `days`]: fit to divide by.
        """
        return np.clip(self.exposure(source, days), 1, days)

    def _begun(self, source: str) -> np.ndarray:
        """(n_dates,) earliest `occurred` of the feed as known at each date; :data:`NEVER` before it spoke."""
        known, occurred = self.history.begun(source)
        return np.r_[NEVER, occurred][np.searchsorted(known, self.micros, side="left")]
