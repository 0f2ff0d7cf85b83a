"""What can be asked of a city: the questions of both clients, written once."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, Literal, TypeVar

import pandas as pd

from riskwarn.client import calls
from riskwarn.client.calls import Call

FrameT = TypeVar("FrameT")
MembersT = TypeVar("MembersT")
TakenT = TypeVar("TakenT")


class Questions(ABC, Generic[FrameT, MembersT, TakenT]):
    """The questions of a client. :class:`~riskwarn.client.Client` gives answers, :class:`~riskwarn.client.AsyncClient` what is awaited for them."""

    @abstractmethod
    def ask(self, call: Call[Any]) -> Any:
        """Send a request, again where that helps, and read its answer; what the server refuses is the library's error of that kind.

        Parameters
        ----------
        call
            What is asked.

        Returns
        -------
        answer
            As the call reads it.
        """

    @abstractmethod
    def pages(self, path: str, **asked: Any) -> Any:
        """The answers of a list, page by page.

        Parameters
        ----------
        path
            Below ``/api/v1``.
        asked
            Parameters of the address.

        Yields
        ------
        answer
            A dictionary.
        """

    @abstractmethod
    def _listed(self, path: str, **asked: Any) -> FrameT:
        """All pages of a list as one frame."""

    # -- reading ------------------------------------------------------------------------------------------------------

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
    ) -> FrameT:
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
        narrowed = {"level": level, "lane": lane, "parent": parent, "state": state, "min_probability": min_probability}
        answer: FrameT = self.ask(calls.scores(as_of=as_of, target=target, **narrowed, sort=sort, limit=limit))
        return answer

    def grid(self, grid_id: str, *, as_of: str | None = None, target: str | None = None) -> MembersT:
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
        answer: MembersT = self.ask(calls.found("/grids/{}", grid_id, as_of=as_of, target=target))
        return answer

    def areas(self, by: str = "county", *, parent: str | None = None, as_of: str | None = None) -> FrameT:
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
        answer: FrameT = self.ask(calls.areas(by=by, parent=parent, as_of=as_of))
        return answer

    def alerts(self, *, level: str | None = None, lane: str | None = None, as_of: str | None = None) -> FrameT:
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
        return self._listed("/alerts", level=level, lane=lane, as_of=as_of)

    def gaps(self, *, kind: str | None = None, as_of: str | None = None) -> FrameT:
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
        return self._listed("/gaps", kind=kind, as_of=as_of)

    def items(self, *, kind: str | None = None, open: bool = False, area: str | None = None) -> FrameT:  # noqa: A002 - the API's word
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
        return self._listed("/items", kind=kind, open=open, area=area)

    def item(self, item_id: str) -> MembersT:
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
        answer: MembersT = self.ask(calls.found("/items/{}", item_id))
        return answer

    def supervision(self, *, body: str | None = None) -> FrameT:
        """What is overdue or soon will be, overdue first.

        Parameters
        ----------
        body
            Only what lies with this organisation, ``*`` for what lies with none.

        Returns
        -------
        board
            A frame, one row a clock: with whom it lies, by when, the next step and the roles that may take it; its `attrs` hold the
            `total`.
        """
        return self._listed("/supervision", body=body)

    def get(self, path: str, **asked: Any) -> MembersT:
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
        answer: MembersT = self.ask(calls.found(path, **asked))
        return answer

    # -- asking and acting ---------------------------------------------------------------------------------------------

    def what_if(self, grid_id: str, values: Mapping[str, float], *, as_of: str | None = None) -> MembersT:
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
        answer: MembersT = self.ask(calls.what_if(grid_id, values, as_of=as_of))
        return answer

    def supposed(
        self,
        grids: Sequence[str],
        events: pd.DataFrame,
        *,
        in_place_of: Literal["grids", "all"] | None = None,
        as_of: str | None = None,
        target: str | None = None,
    ) -> FrameT:
        """Scores of some grids as they would be if events were known. Nothing is stored.

        Parameters
        ----------
        grids
            Ids of the grids.
        events
            Table `events`, times with a zone.
        in_place_of
            Whose events they replace: those of `grids`, or all; added by default.
        as_of
            The night.
        target
            The question.

        Returns
        -------
        scores
            One row a grid, beside it the published rank and expected count; `attrs` say by which model, and how many events were known
            before the night.
        """
        asked = {"in_place_of": in_place_of, "as_of": as_of, "target": target}
        answer: FrameT = self.ask(calls.supposed(grids, events, **asked))
        return answer

    def act(
        self,
        item_id: str,
        action: str,
        *,
        version: int,
        reason: str = "",
        outcome: str = "",
        area: str = "",
        into: str = "",
        key: str | None = None,
    ) -> TakenT:
        """Take one step with a work item: once, however often it is sent. What is refused is an error of the library.

        Parameters
        ----------
        item_id, action
            The item, and one of its ``actions``.
        version
            The version that was looked at.
        reason, outcome, area, into
            What the step wants.
        key
            Chosen anew by default.

        Returns
        -------
        taken
            A :class:`~riskwarn.client.Taken`: how the item stands now.
        """
        step = calls.step(item_id, action, version, key=key, reason=reason, outcome=outcome, area=area, into=into)
        taken: TakenT = self.ask(step)
        return taken

    def switch_mode(self, mode: str, why: str) -> MembersT:
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
        answer: MembersT = self.ask(calls.posted("/mode", mode=mode, why=why))
        return answer
