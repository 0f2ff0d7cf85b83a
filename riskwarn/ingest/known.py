"""Which events a store holds, by the hash of each: a file of it is read once, for as long as it stands."""

from pathlib import Path

import numpy as np
import pandas as pd

from riskwarn.ingest.identity import distinct, id_hash
from riskwarn.store import Transaction

_Mark = tuple[int, int, int]


class Known:
    """The events that a store holds, remembered from one delivery to the next.

    A delivery writes a few files anew; those that stand as they did are not read again for the next one.

    Examples
    --------
    >>> import tempfile
    >>> from riskwarn.store import Store
    >>> store = Store(tempfile.mkdtemp() + "/city", timezone="Asia/Shanghai")
    >>> with store.transaction() as staged:
    ...     Known().of(staged, "dispute").tolist()
    []
    """

    def __init__(self) -> None:
        self._parts: dict[tuple[str, bool], tuple[_Mark, np.ndarray]] = {}

    def of(self, store: Transaction, feed: str, *, group: bool = False) -> np.ndarray:
        """Hashes of the events of a feed that the store holds now.

        Parameters
        ----------
        store
            What is held, with what the delivery has written so far.
        feed
            Whose.
        group
            Whether all events that one row with a count became are one.

        Returns
        -------
        hashes
            (n,) uint64 of :func:`riskwarn.ingest.identity.id_hash`, sorted, each once.
        """
        parts = [self._in(store, part, feed, group=group) for part in store.parts_of("events", feed)]
        return distinct(np.concatenate(parts)) if parts else np.empty(0, np.uint64)

    def _in(self, store: Transaction, part: str, feed: str, *, group: bool) -> np.ndarray:
        place = store.files.find(part)
        mark = _mark(place) if place is not None else (0, 0, 0)
        before, hashes = self._parts.get((part, group), (None, np.empty(0, np.uint64)))
        if before != mark:
            rows = pd.DataFrame({"source": feed, "event_id": store.ids_in(part)}, dtype="str")
            hashes = distinct(id_hash(rows, group=group))
            self._parts[part, group] = mark, hashes
        return hashes


def _mark(place: Path) -> _Mark:
    """What changes with a file that is written whole and renamed, as those of a store are."""
    facts = place.stat()
    return facts.st_ino, facts.st_size, facts.st_mtime_ns
