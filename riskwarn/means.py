"""How a city is laid out while a night is made: its history in memory, or, where :mod:`riskwarn.distributed` says so, in blocks."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pandas as pd

from riskwarn.gaps import Evidence
from riskwarn.history import History
from riskwarn.model import RiskModel
from riskwarn.store import Store


class Means:
    """The city's history in memory."""

    @contextmanager
    def opened(self, store: Store, at: pd.Timestamp, models: Sequence[RiskModel]) -> Iterator[History]:
        """The history of a city, for a night of some models.

        Parameters
        ----------
        store, at
            The city and the night.
        models
            All that are asked, challengers too.

        Yields
        ------
        history
            Which answers for as long as the night is made.
        """
        del models
        yield History.load(store, as_of=at)

    def evidence(self, history: History, at: pd.Timestamp, scores: pd.DataFrame | None) -> Evidence:
        """What was known at the night, for its gaps and rules.

        Parameters
        ----------
        history
            What :meth:`opened` gave.
        at, scores
            The night, and its scores.

        Returns
        -------
        evidence
            Of the night.
        """
        return Evidence(history, at, scores)
