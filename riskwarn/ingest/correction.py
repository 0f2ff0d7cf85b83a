"""What later deliveries change: the history of an event, folded from all that was ever said of it, in the order it arrived.

A delivery states the revisions of an event with the times they became known. As long as deliveries agree, these times hold, so a file that
arrives a year late still tells what was known on the day. The first delivery that contradicts an earlier one is a correction: what it
says last is a new revision, known when it arrived, and so is every further change of that event, since its own times have proved
unreliable. A statement is kept with its revision, so the order in which deliveries are brought in does not matter.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from riskwarn.schema import EVENTS

ARRIVALS = ("arrived_at", "restated_at")
"""Columns that tell when the deliveries came that stated a revision: the first, and the others in one word."""
EVENT = ["source", "event_id"]
CONTENT = [c for c in EVENTS.column_names if c not in {*EVENT, "known_at", "retracted", *ARRIVALS}]
MOST_ARRIVALS = 40
"""Deliveries remembered for one revision; of more, the newest."""
_LONG_AGO = np.iinfo(np.int64).min


@dataclass
class Revision:
    """What held of an event from `known` on: a number for its content, whether it was withdrawn, and who said so when (µs)."""

    known: int
    content: int
    withdrawn: bool
    arrived: int
    restated: set[int] = field(default_factory=set)

    @property
    def state(self) -> tuple[int, bool]:
        """What it says, whenever it was known."""
        return self.content, self.withdrawn


@dataclass(frozen=True)
class Statement:
    """What one delivery says of an event: its revisions by the time they became known; none where it says the event is gone."""

    arrived: int
    revisions: tuple[tuple[int, int, bool], ...] = ()


def fold(statements: Sequence[Statement], *, single: bool) -> list[Revision]:
    """The history of one event.

    Parameters
    ----------
    statements
        What the deliveries say, in any order.
    single
        Each revision stands for itself at its own `known`; else a statement is the whole story up to its arrival.

    Returns
    -------
    history
        By `known`, each time once.

    Examples
    --------
    >>> first, later = Statement(10, ((1, 7, False),)), Statement(20, ((1, 8, False),))
    >>> [(r.known, r.content) for r in fold([later, first], single=False)]
    [(1, 7), (20, 8)]
    """
    history: list[Revision] = []
    corrected = False
    for statement in _by_arrival(statements):
        if not statement.revisions:
            corrected |= _withdraw(history, statement.arrived)
        elif not history:
            history += [Revision(*revision, statement.arrived) for revision in statement.revisions]
        elif single:
            _add_each(history, statement)
        else:
            corrected = _tell_again(history, statement, corrected=corrected)
    return history


def _by_arrival(statements: Sequence[Statement]) -> Iterator[Statement]:
    """One statement an arrival; where two deliveries of one arrival differ, the content that sorts last."""
    said: dict[int, dict[int, tuple[int, bool]]] = {}
    for statement in statements:
        by_time = said.setdefault(statement.arrived, {})
        for known, content, withdrawn in statement.revisions:
            by_time[known] = max((content, withdrawn), by_time.get(known, (content, withdrawn)))
    for arrived in sorted(said):
        yield Statement(arrived, tuple((known, *said[arrived][known]) for known in sorted(said[arrived])))


def _withdraw(history: list[Revision], arrived: int) -> bool:
    if not history or history[-1].withdrawn:
        return False
    last = history[-1]
    history.append(Revision(max(arrived, last.known + 1), last.content, withdrawn=True, arrived=arrived))
    return True


def _correct(history: list[Revision], state: tuple[int, bool], arrived: int, *, mark: bool = False) -> None:
    """Let another state hold from the arrival on; with `mark` the same one too, so that the contradiction is on record."""
    last = history[-1]
    if last.state == state and not mark:
        last.restated.add(arrived)
    else:
        history.append(Revision(max(arrived, last.known + 1), *state, arrived))


def _tell_again(history: list[Revision], statement: Statement, *, corrected: bool) -> bool:
    """A whole story told once more: it agrees and goes on, or it corrects what was said."""
    stated, at = statement.revisions, statement.arrived
    end = history[-1].known
    if not corrected and _shape(history) == [revision for revision in stated if revision[0] <= end]:
        for revision in history:
            revision.restated.add(at)
        history += [Revision(*revision, at) for revision in stated if revision[0] > end]
        return False
    _correct(history, _state_at(stated, at) or stated[0][1:], at, mark=not corrected)
    end = max(history[-1].known, at)
    history += [Revision(*revision, at) for revision in stated if revision[0] > end]
    return True


def _state_at(stated: Sequence[tuple[int, int, bool]], at: int) -> tuple[int, bool] | None:
    return next(((content, gone) for known, content, gone in reversed(stated) if known <= at), None)


def _add_each(history: list[Revision], statement: Statement) -> None:
    """Revisions that stand for themselves: new ones take their place, other content for a known one corrects it."""
    for known, content, withdrawn in statement.revisions:
        state, at = (content, withdrawn), statement.arrived
        held = next((revision for revision in history if revision.known == known), None)
        before = next((revision for revision in reversed(history) if revision.known < known), None)
        if held is None and known == at and before is not None and before.state == state:
            before.restated.add(at)
        elif held is None:
            history.append(Revision(known, *state, at))
            history.sort(key=lambda revision: revision.known)
        elif held.state != state or _overruled(history, held, at):
            _correct(history, state, at)
        else:
            held.restated.add(at)


def _overruled(history: list[Revision], held: Revision, at: int) -> bool:
    """Whether a correction that came before `at` holds in place of what is said again."""
    last = history[-1]
    dated = [revision for revision in history if revision.known != revision.arrived]
    return bool(dated) and held is dated[-1] and last.known == last.arrived < at and last.state != held.state


# -- tables of events -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Amended:
    """Events after a delivery: all their revisions, the rows of the delivery that told something new, and what was changed."""

    rows: pd.DataFrame
    new: np.ndarray
    changed: dict[str, int]


def amend(
    held: pd.DataFrame,
    delivered: pd.DataFrame,
    arrived: pd.Timestamp,
    *,
    single: bool,
    gone: Sequence[tuple[str, str]] = (),
    full: Sequence[pd.Timestamp] = (),
    counted: bool = False,
    again: bool = False,
) -> Amended:
    """The events of `held` and `told` with all that was ever said of them.

    Parameters
    ----------
    held
        Revisions in the store, all columns of the table.
    told
        Revisions that a delivery states, all columns of the table.
    arrived
        When the delivery arrived.
    single
        As for :func:`fold`.
    gone
        `source` and `event_id` of events that a full delivery no longer has.
    full
        When full deliveries arrived: an event that came before one and is not in it was withdrawn then.
    counted
        Events whose ids differ only after ``#`` are copies of one row; a copy that the row no longer stands for is withdrawn.
    again
        What the store has from a delivery of this arrival is forgotten first: the delivery was read again.

    Returns
    -------
    amended
        `new` is (n,) over the rows of `told`: whether its event has changed.
    """
    at = _microseconds(pd.Series([arrived]))[0]
    both = pd.concat([held, delivered.assign(arrived_at=arrived, restated_at=None)], ignore_index=True)
    content = _content(both)
    event, names = pd.factorize(pd.MultiIndex.from_frame(both[EVENT]))
    states = _Table(both, content)
    stated = _stated(states, event, len(held), without=at if again else None)
    before = {e: fold(statements, single=single) for e, statements in _stated(states, event, len(held)).items()}
    for e, statement in _told(states, event, len(held), at).items():
        stated.setdefault(e, []).append(statement)
    lost = pd.MultiIndex.from_tuples(list(gone), names=EVENT) if gone else pd.MultiIndex.from_arrays([[], []])
    for place in np.flatnonzero(names.isin(lost)):
        stated.setdefault(int(place), []).append(Statement(at))
    fulls = _microseconds(pd.Series(list(full), dtype="datetime64[us, UTC]"))
    row = _row_of(names) if counted else np.arange(len(names))
    absent = _absent_copies(row, stated) if counted else {}
    after = {}
    for e, statements in stated.items():
        first, said = min(s.arrived for s in statements), {s.arrived for s in statements}
        silent = {f for f in fulls if f > first and e not in before} | absent.get(e, set())
        after[e] = fold([*statements, *map(Statement, sorted(silent - said))], single=single)
    altered = {e for e in {*before, *after} if _shape(before.get(e, [])) != _shape(after.get(e, []))}
    rows = states.rows(after)
    changed = _changes(states, before, after)
    return Amended(rows, np.isin(row[event[len(held) :]], row[list(altered)]), changed)


def _row_of(names: pd.MultiIndex) -> np.ndarray:
    """(n,) A number for the counted row of which each event is a copy."""
    base = pd.Series(names.get_level_values(1)).str.replace(r"#\d+$", "", regex=True)
    return pd.factorize(pd.MultiIndex.from_arrays([names.get_level_values(0), base]))[0]


def _absent_copies(group: np.ndarray, stated: dict[int, list[Statement]]) -> dict[int, set[int]]:
    """For each copy of a counted row, the arrivals at which the row stood for fewer."""
    arrivals: dict[int, set[int]] = {}
    for e, statements in stated.items():
        arrivals.setdefault(int(group[e]), set()).update(s.arrived for s in statements if s.revisions)
    return {
        e: {a for a in arrivals.get(int(group[e]), set()) if a > _forgotten_until(statements)}
        for e, statements in stated.items()
    }


def _forgotten_until(statements: list[Statement]) -> int:
    """The arrival after which all statements of an event are remembered."""
    said = sorted(s.arrived for s in statements)
    return said[-1] if len(said) > MOST_ARRIVALS else said[0]


class _Table:
    """The rows behind the numbers that histories are made of."""

    def __init__(self, frame: pd.DataFrame, content: np.ndarray) -> None:
        self.frame, self.content = frame, content
        self.known, self.arrived = _microseconds(frame["known_at"]), _microseconds(frame["arrived_at"])
        self.withdrawn = frame["retracted"].to_numpy(dtype=bool)
        self.restated = frame["restated_at"].to_numpy(dtype=object)
        self.row_of = dict(zip(content.tolist(), range(len(frame)), strict=True))

    def rows(self, histories: dict[int, list[Revision]]) -> pd.DataFrame:
        """The revisions of histories as rows of the table."""
        flat = [revision for history in histories.values() for revision in history]
        rows = self.frame.iloc[[self.row_of[r.content] for r in flat]].reset_index(drop=True)
        arrived = np.array([r.arrived for r in flat], dtype=np.int64)
        return rows.assign(
            known_at=_instants(np.array([r.known for r in flat], dtype=np.int64)),
            arrived_at=_instants(arrived).mask(arrived == _LONG_AGO),
            retracted=np.array([r.withdrawn for r in flat], dtype=bool),
            restated_at=pd.Series([_word(r.restated) for r in flat], dtype="str"),
        )


def _content(frame: pd.DataFrame) -> np.ndarray:
    """(n,) A number for each row's event and content; of one event's, the larger one sorts last."""
    codes = [pd.factorize(frame[name], sort=True)[0] for name in (*EVENT, *CONTENT)]
    return np.unique(np.column_stack(codes), axis=0, return_inverse=True)[1].ravel()


def _stated(table: _Table, event: np.ndarray, n_held: int, *, without: int | None = None) -> dict[int, list[Statement]]:
    """What each delivery so far said of each event, as far as it matters."""
    said: dict[int, dict[int, list[tuple[int, int, bool]]]] = {}
    for row in range(n_held):
        revision = (int(table.known[row]), int(table.content[row]), bool(table.withdrawn[row]))
        arrived = int(table.arrived[row])
        for at in {arrived, *_times(table.restated[row])} - {without}:
            gone = revision[2] and at == arrived <= revision[0]
            said.setdefault(int(event[row]), {}).setdefault(at, []).extend([] if gone else [revision])
    return {e: [Statement(at, tuple(sorted(r))) for at, r in by.items()] for e, by in said.items()}


def _told(table: _Table, event: np.ndarray, n_held: int, at: int) -> dict[int, Statement]:
    """What the delivery says of each event."""
    said: dict[int, list[tuple[int, int, bool]]] = {}
    for row in range(n_held, len(event)):
        revision = (int(table.known[row]), int(table.content[row]), bool(table.withdrawn[row]))
        said.setdefault(int(event[row]), []).append(revision)
    return {e: Statement(at, tuple(revisions)) for e, revisions in said.items()}


def _shape(history: list[Revision]) -> list[tuple[int, int, bool]]:
    return [(r.known, r.content, r.withdrawn) for r in history]


def _changes(table: _Table, before: dict[int, list[Revision]], after: dict[int, list[Revision]]) -> dict[str, int]:
    """In how many events each column says something else than before; the natural course of a case is no change."""
    changed: dict[str, int] = {}
    for e, history in before.items():
        now = after.get(e, [])
        added = now[len(history) :]
        goes_on = _shape(now[: len(history)]) == _shape(history) and all(r.known != r.arrived for r in added)
        if goes_on or not now:
            continue
        old, new = history[-1], now[-1]
        names = list(_differing(table, old.content, new.content)) + ["retracted"] * (old.withdrawn != new.withdrawn)
        for name in names or ["known_at"]:
            changed[name] = changed.get(name, 0) + 1
    return changed


def _differing(table: _Table, old: int, new: int) -> Iterator[str]:
    if old != new:
        a, b = (table.frame.iloc[table.row_of[content]] for content in (old, new))
        for name in CONTENT:
            one, other = pd.isna(a[name]), pd.isna(b[name])
            if one != other or not (one or a[name] == b[name]):
                yield name


def _microseconds(at: pd.Series) -> np.ndarray:
    utc = pd.to_datetime(at, utc=True).dt.tz_convert(None).to_numpy().astype("datetime64[us]")
    return np.where(np.isnat(utc), _LONG_AGO, utc.astype(np.int64))


def _instants(us: np.ndarray) -> pd.Series:
    return pd.Series(us.astype("datetime64[us]")).dt.tz_localize("UTC")


def _word(arrivals: set[int]) -> str | None:
    latest = sorted(arrivals)[-MOST_ARRIVALS:]
    return " ".join(np.base_repr(at, 36) for at in latest) or None


def _times(word: object) -> list[int]:
    return [int(part, 36) for part in word.split()] if isinstance(word, str) else []
