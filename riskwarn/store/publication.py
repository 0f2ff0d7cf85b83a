"""What is done to the nights of a store: published, set aside, held at an earlier run, released, pruned."""

import datetime as dt
import re
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pandas as pd

from riskwarn.calling import checked
from riskwarn.clock import instant
from riskwarn.errors import DataError, NotFoundError, StoppedError, did_you_mean
from riskwarn.privacy import reason_of
from riskwarn.store.approval import (
    ITSELF,
    MONTHS,
    Approval,
    approval_in,
    approvals_in,
    approve,
    checked_until,
    lapse_of,
)
from riskwarn.store.hold import Hold, release, write_hold
from riskwarn.store.nights import ASIDE, Nights
from riskwarn.store.operations import note, noted
from riskwarn.store.parts import NIGHT_TABLES
from riskwarn.store.pointer import point
from riskwarn.store.pruning import LEAST_KEPT, Pruned, old_nights, remove, size
from riskwarn.store.stop import Stop, append, stop_in, stops_in
from riskwarn.store.transaction import Transaction

_ROLE = re.compile(r"[a-z][a-z_]{1,31}")


class Publication(Nights):
    """The nights of a folder, and what changes them, one writer at a time. :class:`riskwarn.Store` is one, with the lock left open here."""

    @property
    @abstractmethod
    def timezone(self) -> str:
        """IANA zone of the city."""

    @abstractmethod
    def lock(self) -> AbstractContextManager[None]:
        """Hold the store for one job."""

    @abstractmethod
    def transaction(self) -> AbstractContextManager[Transaction]:
        """Hold the store for one delivery."""

    @checked
    def publish(
        self, as_of: object, tables: Mapping[str, pd.DataFrame], *, run: str, facts: Mapping[str, object] | None = None
    ) -> Path:
        """Publish a night's tables together: readers see all of the new run or all of the old one.

        Parameters
        ----------
        as_of
            The night.
        tables
            Some of :data:`NIGHT_TABLES`, each of this `as_of` alone.
        run
            Name of the run; a run that is there already is pointed to again and not rewritten.
        facts
            What a reader should know of the run, kept as JSON beside the tables.

        Returns
        -------
        folder
            Of the run.

        Raises
        ------
        BusyError
            Another job holds the store.
        DataError
            A table breaks its contract, or is none of a night.
        HeldError
            A rollback holds the night at another run.
        StoppedError
            Somebody has stopped it, or its approval is over.
        """
        at = self.instant(as_of)
        for name in tables:
            if name not in NIGHT_TABLES:
                raise DataError(
                    f"a night publishes no table {name!r}{did_you_mean(name, NIGHT_TABLES)}; use Store.write."
                )
        with self.transaction() as staged:
            staged.make()
        with self.lock():
            self.check_going()
            if self.run_of(at) != run:
                self.check_free(at)
            self._approve_first()
            return self._publish(at, tables, run, facts or {})

    @checked
    def set_aside(
        self, as_of: object, tables: Mapping[str, pd.DataFrame], *, run: str, facts: Mapping[str, object] | None = None
    ) -> Path:
        """Keep a run that cannot be right beside the nights, for who looks into it; no reader takes it for a night.

        Parameters
        ----------
        as_of, tables, run, facts
            As for :meth:`publish`; what is in the tables is not checked.

        Returns
        -------
        folder
            Under ``aside/``; it goes when nights as old are pruned.

        Raises
        ------
        BusyError
            Another job holds the store.
        """
        with self.lock():
            return self._set_aside(self.instant(as_of), tables, run, facts or {})

    @checked
    def roll_back(self, as_of: object, run: str, *, why: str) -> Path:
        """Hold a night at an earlier run until :meth:`release`: no job publishes for it meanwhile, and nothing is computed.

        Parameters
        ----------
        as_of
            The night.
        run
            One of :meth:`runs`.
        why
            The reason, kept with the night and in the log of operations.

        Returns
        -------
        folder
            Of the run.

        Raises
        ------
        NotFoundError
            The night has no such run; the message names those it has.
        DataError
            A file of that run is damaged, or no reason is given.
        BusyError
            Another job holds the store.
        """
        if not why.strip():
            raise DataError("a rollback needs its reason: whoever finds the night held must know why.")
        with self.lock():
            at, night = self.instant(as_of), self.night(as_of, run)
            night.check()
            hold = Hold(run, why.strip(), _now(self.timezone))
            write_hold(night.path.parent, hold)
            point(night.path.parent / "current", run)
            self.note("rollback", as_of=at.isoformat(), run=run, why=hold.why)
            return night.path

    @checked
    def release(self, as_of: object) -> Hold:
        """End the hold of a night. The run it was held at stays until the next job publishes another.

        Parameters
        ----------
        as_of
            The night; a date means its local midnight.

        Returns
        -------
        hold
            That was ended.

        Raises
        ------
        NotFoundError
            Nothing holds the night.
        BusyError
            Another job holds the store.
        """
        with self.lock():
            at, hold = self.instant(as_of), self.hold_of(as_of)
            if hold is None:
                raise NotFoundError(f"store {self.path}: no rollback holds {at.date()}; there is nothing to release.")
            point(self._night(at) / "current", hold.run)
            release(self._night(at))
            self.note("release", as_of=at.isoformat(), run=hold.run)
            return hold

    @checked
    def stop(self, *, by: str, why: str) -> Stop:
        """Stop publishing and showing scores, at once and whoever holds the store, until :meth:`go_on`.

        Parameters
        ----------
        by
            The role of who stops it, never a person.
        why
            The reason, which every page then says.

        Returns
        -------
        stop
            As written.

        Raises
        ------
        DataError
            No role or no reason is given.
        PrivacyError
            The reason may name a person.
        ConflictError
            It is stopped already.

        Examples
        --------
        >>> import tempfile
        >>> from riskwarn.store import Store
        >>> store = Store(tempfile.mkdtemp() + "/city", timezone="Asia/Shanghai")
        >>> _ = store.publish("2025-03-03", {}, run="a")
        >>> _ = store.stop(by="admin", why="scores of one county doubled overnight")
        >>> store.stopped.by, store.go_on(by="admin", why="the feed is mended").stopped, store.stopped
        ('admin', False, None)
        """
        return self._switch(by, why, stopped=True)

    @checked
    def go_on(self, *, by: str, why: str) -> Stop:
        """Let publishing and showing go on.

        Parameters
        ----------
        by
            The role of who releases it.
        why
            The reason.

        Returns
        -------
        release
            As written.

        Raises
        ------
        DataError
            No role or no reason is given.
        PrivacyError
            The reason may name a person.
        ConflictError
            Nothing is stopped.
        """
        return self._switch(by, why, stopped=False)

    @checked
    def approve(self, *, until: object, by: str, why: str) -> Approval:
        """Let publishing and showing go on until a day; the day after, it is stopped until it is approved again.

        The first publication of a store approves twelve months by itself.

        Parameters
        ----------
        until
            The last day.
        by
            The role of who approves, never a person.
        why
            What was looked at: a review, a decision.

        Returns
        -------
        approval
            As written.

        Raises
        ------
        DataError
            No role or no reason is given, or the day is past or more than two years ahead.
        PrivacyError
            The reason may name a person.

        Examples
        --------
        >>> import datetime as dt, tempfile
        >>> from riskwarn.store import Store
        >>> store = Store(tempfile.mkdtemp() + "/city", timezone="Asia/Shanghai")
        >>> _ = store.publish("2025-03-03", {}, run="a")
        >>> store.approval.by
        'riskwarn'
        >>> ahead = dt.date.today() + dt.timedelta(180)
        >>> store.approve(until=ahead, by="admin", why="half-yearly review").until == ahead.isoformat()
        True
        """
        last = checked_until(instant(until, self.timezone, name="until").date(), self._today())
        made = Approval(last, _now(self.timezone), _role(by), reason_of(why, "what was looked at"))
        approve(self.path, made)
        return made

    def approvals(self) -> list[Approval]:
        """Every approval, oldest first."""
        return approvals_in(self.path)

    def _approve_first(self) -> None:
        """What the first publication is approved for."""
        until = (pd.Timestamp(self._today()) + pd.DateOffset(months=MONTHS)).date().isoformat()
        approve(self.path, Approval(until, _now(self.timezone), ITSELF, "first publication"), first=True)

    def _today(self) -> dt.date:
        return pd.Timestamp.now(self.timezone).date()

    def _switch(self, by: str, why: str, *, stopped: bool) -> Stop:
        made = Stop(stopped, _now(self.timezone), _role(by), reason_of(why, "why it is stopped or released"))
        append(self.path, made)
        return made

    @property
    def stopped(self) -> Stop | None:
        """The stop that holds, or the end of the approval (:meth:`approve`); None where neither does."""
        approval = self.approval
        return stop_in(self.path) or (lapse_of(approval, self._today()) if approval else None)

    @property
    def approval(self) -> Approval | None:
        """Until when it may publish and show scores; None before the first publication."""
        return approval_in(self.path)

    def stops(self) -> list[Stop]:
        """Every stop and release, oldest first."""
        return stops_in(self.path)

    def check_going(self) -> None:
        """Refuse what a stop forbids.

        Raises
        ------
        StoppedError
            Somebody has stopped it, or its approval is over; the message says who, when and why, and what lets it go on.
        """
        stop = self.stopped
        if stop is not None:
            raise StoppedError(f"{stop.said}. {stop.lift}")

    @checked
    def prune(self, *, keep: int = LEAST_KEPT, dry_run: bool = False) -> list[Pruned]:
        """Take old nights away, all of each at once, the oldest first.

        Parameters
        ----------
        keep
            Newest dates whose nights stay; at least :data:`riskwarn.store.pruning.LEAST_KEPT`. Held nights and the newest sound one
            stay besides.
        dry_run
            Only say which would go.

        Returns
        -------
        pruned
            The nights, oldest first.

        Raises
        ------
        DataError
            `keep` is too few.
        BusyError
            Another job holds the store.
        """
        if keep < LEAST_KEPT:
            raise DataError(f"at least {LEAST_KEPT} nights are kept, got {keep}.")
        with self.lock():
            gone = [Pruned(at, size(self._night(at))) for at in self._prunable(keep)]
            for night in [] if dry_run else gone:
                remove(self._night(night.as_of))
            if not dry_run:
                self._prune_aside(keep)
            if gone and not dry_run:
                self.note("prune", keep=keep, nights=[night.as_of.date().isoformat() for night in gone])
            return gone

    def _prune_aside(self, keep: int) -> None:
        """Runs set aside go when their night is older than all that stay by their date."""
        dates = sorted({at.date().isoformat() for at in self.nights()}, reverse=True)[:keep]
        for folder in sorted((self.path / ASIDE).glob("[0-9]*")):
            if len(dates) == keep and folder.name < dates[-1]:
                remove(folder)

    def _prunable(self, keep: int) -> list[pd.Timestamp]:
        """Old nights, but those held and the newest sound one."""
        old = old_nights(self.nights(), keep)
        stays = {*self.holds(), self.newest_night().as_of} if old else set()
        return [at for at in old if at not in stays]

    def note(self, verb: str, **facts: object) -> None:
        """A line in the log of operations: what somebody did by hand, when, and the facts of it.

        Parameters
        ----------
        verb
            What was done, such as ``rollback``.
        facts
            Plain values, by name; no person's datum.
        """
        with self.lock():
            note(self.path, {"at": _now(self.timezone), "verb": verb, **facts})

    def noted(self) -> list[dict[str, Any]]:
        """The log of operations, oldest first."""
        return noted(self.path)


def _role(by: str) -> str:
    """Who does it.

    Raises
    ------
    DataError
        It is no role.
    """
    if not _ROLE.fullmatch(by):
        raise DataError("say who does it: a role such as shift_leader, never a person.")
    return by


def _now(timezone: str) -> str:
    return pd.Timestamp.now(tz=timezone).isoformat(timespec="seconds")
