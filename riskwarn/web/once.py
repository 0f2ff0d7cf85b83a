"""What may be done once: remembered by this process, for as long as it could be tried again."""

from collections.abc import Callable

from riskwarn.access.session import digest_of

_MOST = 10_000


class Once:
    """Words that were taken, as digests, each until its time is over.

    Parameters
    ----------
    ticking
        Tells the present in seconds.

    Examples
    --------
    >>> once = Once(lambda: 0.0)
    >>> once.take("a", 10), once.take("a", 10), once.take("b", 10)
    (True, False, True)
    """

    def __init__(self, ticking: Callable[[], float]) -> None:
        self.ticking = ticking
        self._taken: dict[str, float] = {}

    def take(self, word: str, until: float) -> bool:
        """Take a word; False where it was taken before, or more are remembered than can be."""
        now, digest = self.ticking(), digest_of(word)
        if len(self._taken) >= _MOST:
            self._taken = {known: end for known, end in self._taken.items() if end > now}
        if digest in self._taken or len(self._taken) >= _MOST:
            return False
        self._taken[digest] = until
        return True
