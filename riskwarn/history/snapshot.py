"""A snapshot: what was known at each of some dates, counted."""

from riskwarn.history.counting import Counting
from riskwarn.history.handling import Handling
from riskwarn.history.hearing import Hearing
from riskwarn.history.linking import Linking
from riskwarn.history.space import Space


class Snapshot(Counting, Handling, Linking, Hearing, Space):
    """What was known at each of some dates. Every method gives one number per grid and date: (n_grids, n_dates) float32.

    Results are kept and handed out again, so they are read-only; copy before you change one.

    Parameters
    ----------
    history
        Of a city, or some of its grids.
    dates
        In the order of time, with a time zone.

    Examples
    --------
    >>> import pandas as pd
    >>> from riskwarn.history import History, Stream
    >>> day = pd.Timestamp("2025-01-01", tz="Asia/Shanghai")
    >>> at = day + pd.to_timedelta([0, 2, 5, 8], unit="D")
    >>> events = pd.DataFrame({"source": "dispute", "event_id": [*"abcd"], "occurred_at": at, "known_at": at, "grid_id": [*"AAAB"],
    ...     "category": ["D02", "D02", "D07", "D02"], "severity": [1, 3, 2, 2], "place_key": ["x", "x", "y", "z"],
    ...     "closed_at": [day + pd.Timedelta(days=1), None, None, None], "due_at": [None, day + pd.Timedelta(days=4), None, None]})
    >>> grids = pd.DataFrame({"grid_id": ["A", "B"], "valid_from": day, "x_km": [0.0, 1.0], "y_km": 0.0, "households": [100, 50]})
    >>> snapshot = History.of(events, grids.assign(township_id="T1"), until="2025-02-01").at(["2025-01-05", "2025-01-12"])
    >>> dispute = Stream("dispute")
    >>> snapshot.count(dispute, 7).tolist()  # grid A: two in the week before the 5th, one in that before the 12th
    [[2.0, 1.0], [0.0, 1.0]]
    >>> snapshot.graded(dispute, 7).tolist(), snapshot.summed(dispute, 7).tolist()
    ([[4.0, 2.0], [0.0, 2.0]], [[2.0, 1.0], [0.0, 1.0]])
    >>> snapshot.decayed(dispute, 7).astype(float).round(2).tolist(), snapshot.days_since(dispute).tolist()
    ([[1.49, 1.3], [0.0, 0.74]], [[2.0, 6.0], [nan, 3.0]])
    >>> snapshot.coming(dispute, days=7, settle_days=0).tolist(), snapshot.settled("dispute", days=7, settle_days=0).tolist()
    ([[1.0, 0.0], [1.0, 0.0]], [[True, True], [True, True]])
    >>> snapshot.open(dispute).tolist(), snapshot.overdue(dispute).tolist(), snapshot.overdue_days(dispute).tolist()
    ([[1.0, 2.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 0.0]], [[0.0, 7.0], [0.0, 0.0]])
    >>> snapshot.closed(dispute, 7).tolist(), snapshot.handling(dispute, 7).tolist(), snapshot.delay(dispute, 7).tolist()
    ([[1.0, 0.0], [0.0, 0.0]], [[1.0, nan], [nan, nan]], [[0.0, 0.0], [nan, 0.0]])
    >>> snapshot.open_age(dispute).astype(float).round(1).tolist(), snapshot.exposure("dispute", 28)[0].tolist(), snapshot.observed("dispute", 2)[0].tolist()
    ([[2.0, 8.7], [nan, 3.0]], [4.0, 11.0], [2.0, 2.0])
    >>> snapshot.nearby(snapshot.count(dispute, 28)).tolist(), snapshot.of_parent(snapshot.count(dispute, 28), "township_id").tolist()
    ([[0.0, 1.0], [2.0, 3.0]], [[1.0, 2.0], [1.0, 2.0]])
    >>> snapshot.attribute("households").tolist(), snapshot.fixed([1, 2]).tolist(), snapshot.calendar([0.5, 1]).tolist()
    ([[100.0, 100.0], [50.0, 50.0]], [[1.0, 1.0], [2.0, 2.0]], [[0.5, 1.0], [0.5, 1.0]])
    >>> snapshot.followed(dispute, dispute, by=("place",), days=7, window=28).tolist()  # the second at place x
    [[1.0, 1.0], [0.0, 0.0]]
    >>> snapshot.fastest(dispute, dispute, by=("place",), days=7, window=28).tolist()
    [[2.0, 2.0], [nan, nan]]
    >>> [count.tolist() for count in snapshot.recurred(dispute, days=28, within=7)]  # again, followed
    [[[0.0, 1.0], [0.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]]]
    """
