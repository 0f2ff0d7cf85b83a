"""The door to the past: what was known of a city at any instants."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from riskwarn.errors import DataError, StaleDataError
from riskwarn.history.past import Past
from riskwarn.history.snapshot import Snapshot


@dataclass(frozen=True, eq=False, repr=False)
class History(Past):
    """Everything that was ever known of a city, and what of it was known when.

    Use :meth:`of`, :meth:`load` or :meth:`punctual` to make one; :meth:`at` gives counts, :meth:`events_at` the events behind them.
    Its attributes are those of :class:`riskwarn.history.past.Past`.
    """

    def at(self, as_ofs: Iterable[object]) -> Snapshot:
        """What was known at each of `as_ofs`: dates mean local midnight, instants of any zone are themselves.

        Parameters
        ----------
        as_ofs
            Increasing and distinct; text, dates or times.

        Returns
        -------
        snapshot
            Of these grids at these dates.

        Raises
        ------
        DataError
            No date, a date twice, or dates out of order.
        StaleDataError
            A date lies after everything the history speaks for by more than a day.
        """
        dates = pd.DatetimeIndex([self.instant(a).tz_convert("UTC") for a in as_ofs]).as_unit("us")
        if len(dates) == 0 or not dates.is_monotonic_increasing or not dates.is_unique:
            raise DataError(f"as_of dates must be at least one, increasing and distinct; got {len(dates)}.")
        late = dates[-1] - pd.Timestamp(self.until, unit="us", tz="UTC")
        if late > pd.Timedelta(days=1):
            raise StaleDataError(
                f"nothing is known for as_of {dates[-1].date()}: the data end at {pd.Timestamp(self.until, unit='us', tz=self.timezone)}, "
                f"{late.days} days before; {self.ends}. Bring newer deliveries in, or choose an earlier date."
            )
        return Snapshot(self, dates)
