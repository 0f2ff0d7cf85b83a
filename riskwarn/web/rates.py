"""How often somebody may ask: so many times a minute, after which it is said how long to wait."""

import time
from collections.abc import Callable, Mapping

_MOST_KEPT = 50_000


class Rates:
    """Counts requests by key, evenly: who has asked for a minute's worth at once waits until the next is due.

    Parameters
    ----------
    per_minute
        How many for each kind of request; ``*`` for any other.
    ticking
        Seconds that only go on.

    Examples
    --------
    >>> rates = Rates({"*": 60}, ticking=lambda: 0.0)
    >>> [rates.wait("a", "x") for _ in range(61)][-2:], rates.wait("b", "x")
    ([0.0, 1.0], 0.0)
    """

    def __init__(self, per_minute: Mapping[str, float], *, ticking: Callable[[], float] = time.monotonic) -> None:
        self.per_minute, self.ticking = per_minute, ticking
        self._due: dict[tuple[str, str], float] = {}

    def wait(self, key: str, kind: str) -> float:
        """Seconds to wait before the next; 0 where it may be now, and then it is counted."""
        limited = kind if kind in self.per_minute else "*"
        step = 60.0 / self.per_minute[limited]
        now = self.ticking()
        due = max(self._due.get((key, limited), now), now)
        if due + step - now > 60.0 + 1e-9:
            return due + step - now - 60.0
        if len(self._due) >= _MOST_KEPT:
            self._due = {k: t for k, t in self._due.items() if t > now}
        self._due[key, limited] = due + step
        return 0.0
