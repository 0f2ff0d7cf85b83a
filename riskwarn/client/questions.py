"""What can be asked of a city: the questions of both clients, described once."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any


class Questions(ABC):
    """The questions of a client. :class:`~riskwarn.client.Client` gives answers, :class:`~riskwarn.client.AsyncClient` what is awaited for them."""

    @abstractmethod
    def scores(
        self,
        *,
        as_of: str | None = None,
        target: str | None = None,
        level: str | None = None,
        lane: str | None = None,
        parent: str | None = None,
        state: str | None = None,
        min_probability: float | None = None,
        sort: str = "rank",
        limit: int | None = None,
    ) -> Any:
        """Scores, one row a grid, all that fit by default.

        Parameters
        ----------
        as_of, target
            Night and question, the newest and the first by default.
        level, lane, parent, state, min_probability
            Only these.
        sort, limit
            Order, and rows at most.

        Returns
        -------
        scores
            A frame; its `attrs` hold `as_of`, `model_version`, `data_until`, `run`, `state` and `stale`.
        """

    @abstractmethod
    def grid(self, grid_id: str, *, as_of: str | None = None, target: str | None = None) -> Any:
        """Everything a night says of one grid.

        Parameters
        ----------
        grid_id
            The grid.
        as_of, target
            Night, and question of the reasons.

        Returns
        -------
        answer
            A dictionary: `scores`, `reasons`, `nights`, `weeks`, `gaps`, `alerts` and what it says of itself.
        """

    @abstractmethod
    def areas(self, by: str = "county", *, parent: str | None = None, as_of: str | None = None) -> Any:
        """Grids added up by area.

        Parameters
        ----------
        by
            ``county``, ``township``, ``community`` or ``city``.
        parent
            Only areas within this one.
        as_of
            The night.

        Returns
        -------
        areas
            A frame; its `attrs` hold the `total`.
        """

    @abstractmethod
    def alerts(self, *, level: str | None = None, lane: str | None = None, as_of: str | None = None) -> Any:
        """Alerts of a night with the state of their work items.

        Parameters
        ----------
        level, lane
            Only these.
        as_of
            The night.

        Returns
        -------
        alerts
            A frame with `item_id`, `item_state` and `version` of each.
        """

    @abstractmethod
    def gaps(self, *, kind: str | None = None, as_of: str | None = None) -> Any:
        """Gaps of a night with the state of their work items.

        Parameters
        ----------
        kind
            Only these, as ``G08``.
        as_of
            The night.

        Returns
        -------
        gaps
            A frame.
        """

    @abstractmethod
    def items(self, *, kind: str | None = None, open: bool = False, area: str | None = None) -> Any:  # noqa: A002 - the API's word
        """Work items of the ledger, of whatever night.

        Parameters
        ----------
        kind
            ``alert``, ``gap`` or ``supervision``.
        open
            Whether what has ended is left out.
        area
            Only what lies within it.

        Returns
        -------
        items
            A frame, the gravest first.
        """

    @abstractmethod
    def item(self, item_id: str) -> Any:
        """One work item with its trail, the clocks that run, and what may be done next.

        Parameters
        ----------
        item_id
            Its name.

        Returns
        -------
        work
            A dictionary: `item`, `trail`, `clocks`, `actions`.
        """

    @abstractmethod
    def get(self, path: str, **asked: Any) -> Any:
        """Whatever else the API answers in JSON, as ``get("/feeds")``.

        Parameters
        ----------
        path
            Below ``/api/v1``.
        asked
            Parameters of the address.

        Returns
        -------
        answer
            A dictionary.
        """

    @abstractmethod
    def what_if(self, grid_id: str, values: Mapping[str, float], *, as_of: str | None = None) -> Any:
        """Where a grid would stand with other numbers of open and overdue cases.

        Parameters
        ----------
        grid_id
            The grid.
        values
            By feature, how many there would be.
        as_of
            The night.

        Returns
        -------
        answer
            A dictionary with ranks, expected counts and sentences.
        """

    @abstractmethod
    def act(
        self,
        item_id: str,
        action: str,
        *,
        version: int,
        reason: str = "",
        outcome: str = "",
        area: str = "",
        key: str | None = None,
    ) -> Any:
        """Take one step with a work item: once, however often it is sent. What is refused is an error of the library.

        Parameters
        ----------
        item_id, action
            The item, and one of its ``actions``.
        version
            The version that was looked at.
        reason, outcome, area
            What the step wants.
        key
            Chosen anew by default.

        Returns
        -------
        taken
            A :class:`~riskwarn.client.Taken`: how the item stands now.
        """

    @abstractmethod
    def switch_mode(self, mode: str, why: str) -> Any:
        """Switch the mode of the centre.

        Parameters
        ----------
        mode
            ``normal``, ``urgent`` or ``war``.
        why
            The reason, without a person in it.

        Returns
        -------
        switched
            A dictionary: `mode`, `at`, `by`, `why`.
        """
