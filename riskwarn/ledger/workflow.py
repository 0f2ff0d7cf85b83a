"""The state machine of the ledger, read from ``workflow.toml``: states, steps, who may take them, what they want, and clocks.

Code knows no state by heart: it asks :meth:`Workflow.step` for the one step that an action is from a state, for a role, a kind and a
level. What is declared is checked when it is read: every state can be reached, each leads to a final one, each step has a role.
"""

from collections.abc import Iterator
from dataclasses import field
from functools import cache, cached_property
from itertools import product
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from riskwarn.calling import checked
from riskwarn.declaring import AtLeastZero, Flag, Name, NotNegative, Number, Positive, declared, read, read_toml
from riskwarn.errors import StepError, did_you_mean

SHIPPED = Path(__file__).with_name("workflow.toml")
FIRST, SAME = "draft", "same"
NIGHT = "night"
"""The role of the nightly run."""
Wanted = Literal["area", "evidence", "item"]
Counts = Literal["confirmed", "not_found", "excluded"]
Limit = Literal["acknowledge_hours", "visit_hours", "report_days", "verify_days"]
"""Which limit of the plan's clocks a clock has."""
Evidence = Literal["events", "visits", "workflow", "feed_log", "roster", "diversions"]
Names = tuple[Name, ...]


@declared
class State:
    """Where an item stands.

    Parameters
    ----------
    name
        The state.
    final
        Whether the matter has ended.
    pauses
        Whether clocks stand still meanwhile.
    """

    name: Name
    final: Flag = False
    pauses: Flag = False


@declared
class Step:
    """What an action does from some states: where it leads, who may take it, for which kinds and levels, and what it wants.

    Parameters
    ----------
    action
        Its name; several steps may share one.
    when
        States from which it is taken.
    to
        The state it leads to; ``same`` stays.
    by
        Roles that may take it.
    kinds, levels
        Of the items it is for; all where none is named.
    reasons, outcomes
        Codes of which one must be given, where there are any.
    wants
        What else must be given.
    """

    action: Name
    when: Annotated[Names, Field(min_length=1)]
    to: Name
    by: Annotated[Names, Field(min_length=1)]
    kinds: Names = ()
    levels: Names = ()
    reasons: Names = ()
    outcomes: Names = ()
    wants: tuple[Wanted, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether nothing must be given but the action."""
        return not (self.reasons or self.outcomes or self.wants)

    def after(self, state: str) -> str:
        """The state it leads to from `state`."""
        return state if self.to == SAME else self.to

    def is_for(self, kind: str, level: str) -> bool:
        """Whether it is for items of a kind and level."""
        return kind in (self.kinds or (kind,)) and level in (self.levels or (level,))


@declared
class Outcome:
    """What was found on the spot, by its code, and how it counts: ``confirmed``, ``not_found`` or ``excluded`` from labels."""

    code: Name
    counts: Counts


@declared
class Clock:
    """By when a step must be taken: from an action of `begins` to the next of `ends`, a limit of the plan, for items of `kinds`."""

    name: Name
    begins: Names
    ends: Names
    limit: Limit
    kinds: Names = ("alert", "gap")


@declared
class Supervision:
    """At how many budgets a card is raised by itself, and when it becomes graver."""

    level: Name = "yellow"
    at: Positive = 1.0
    graver_level: Name = "red"
    graver_at: Positive = 2.0


@declared
class Nights:
    """What holds from night to night.

    Parameters
    ----------
    reopen_days, expire_days, cool_down_days
        Days after which a matter is a new one, an untouched one expires, and an ended one may come back, the last by level.
    gap_severity
        Least severity of a gap for each level, 0 to 100.
    evidence
        By kind of gap the tables whose new rows show that it is no more; of other kinds ``events``.
    """

    reopen_days: AtLeastZero = 30
    expire_days: AtLeastZero = 7
    cool_down_days: dict[Name, NotNegative] = field(default_factory=dict)
    gap_severity: dict[Name, Annotated[Number, Field(ge=0, le=100)]] = field(default_factory=dict)
    evidence: dict[Name, tuple[Evidence, ...]] = field(default_factory=dict)


@declared
class Workflow:
    """The whole machine.

    Parameters
    ----------
    roles, kinds, levels
        The words that steps may use; levels the gravest first.
    states, steps, outcomes, clocks
        The machine itself.
    supervision, nights
        When lateness raises a card, and what the night does.

    Raises
    ------
    DefinitionError
        A word is used that is not declared, a state cannot be reached or leads nowhere, or two steps would answer one question.
    """

    roles: Names
    kinds: Names
    levels: Names
    states: tuple[State, ...]
    steps: tuple[Step, ...]
    outcomes: tuple[Outcome, ...]
    clocks: tuple[Clock, ...] = ()
    supervision: Supervision = field(default_factory=Supervision)
    nights: Nights = field(default_factory=Nights)

    @model_validator(mode="after")
    def _sound(self) -> "Workflow":
        faults = [*_unknown_words(self), *_lost_states(self), *_double_answers(self)]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @cached_property
    def final(self) -> frozenset[str]:
        """States in which a matter has ended."""
        return frozenset(s.name for s in self.states if s.final)

    @cached_property
    def pausing(self) -> frozenset[str]:
        """States in which clocks stand still."""
        return frozenset(s.name for s in self.states if s.pauses)

    @property
    def actions(self) -> tuple[str, ...]:
        """Names of the actions, in the order of the file."""
        return tuple(dict.fromkeys(s.action for s in self.steps))

    def graver(self, level: str, other: str) -> bool:
        """Whether a level is graver than another.

        Parameters
        ----------
        level, other
            Words of :attr:`levels`.

        Returns
        -------
        graver
            False where they are the same.
        """
        return self.levels.index(level) < self.levels.index(other)

    def level_of(self, severity: float) -> str:
        """The level of a gap by its severity, 0 to 100.

        Parameters
        ----------
        severity
            Of the gap.

        Returns
        -------
        level
            The gravest whose least severity is reached.

        Examples
        --------
        >>> workflow().level_of(99), workflow().level_of(10)
        ('red', 'blue')
        """
        least = self.nights.gap_severity
        return next((x for x in self.levels if x in least and severity >= least[x]), self.levels[-1])

    def counts(self, code: str) -> Counts:
        """How an outcome counts.

        Parameters
        ----------
        code
            O1 to O8.

        Returns
        -------
        counts
            ``confirmed``, ``not_found`` or ``excluded``.
        """
        return next(o.counts for o in self.outcomes if o.code == code)

    def step(self, action: str, state: str, *, role: str, kind: str, level: str) -> Step | None:
        """The step an action is, for an item in a state; none where nobody, or only another role, may take it.

        Parameters
        ----------
        action
            What would be done.
        state
            Where the item stands.
        role
            Who would do it.
        kind, level
            Of the item.

        Returns
        -------
        step
            At most one is declared.
        """
        return next((s for s in self._open(action, state, kind, level) if role in s.by), None)

    def roles_for(self, action: str, state: str, *, kind: str, level: str) -> tuple[str, ...]:
        """Roles that may take an action for an item in a state; empty where nobody may.

        Parameters
        ----------
        action
            What would be done.
        state
            Where the item stands.
        kind, level
            Of the item.

        Returns
        -------
        roles
            In the order in which the steps name them.
        """
        return tuple(dict.fromkeys(r for s in self._open(action, state, kind, level) for r in s.by))

    def next_actions(self, state: str, *, role: str, kind: str, level: str) -> tuple[str, ...]:
        """Actions that a role may take for an item now.

        Parameters
        ----------
        state
            Where the item stands.
        role
            Who asks.
        kind, level
            Of the item.

        Returns
        -------
        actions
            In the order of the file.

        Examples
        --------
        >>> workflow().next_actions("published", role="township_centre", kind="alert", level="red")
        ('acknowledge', 'escalate')
        """
        return tuple(step.action for step in self.next_steps(state, role=role, kind=kind, level=level))

    def next_steps(self, state: str, *, role: str, kind: str, level: str) -> tuple[Step, ...]:
        """The steps that a role may take for an item now, one for each of :meth:`next_actions`.

        Parameters
        ----------
        state, role, kind, level
            As :meth:`next_actions` takes them.

        Returns
        -------
        steps
            In the order of the file.

        Examples
        --------
        >>> [step.reasons[:2] for step in workflow().next_steps("published", role="township_centre", kind="alert", level="red")]
        [(), ('beyond_powers', 'several_bodies')]
        """
        asked = (state, role, kind, level)
        if asked not in self._able:
            able = (self.step(action, state, role=role, kind=kind, level=level) for action in self.actions)
            self._able[asked] = tuple(step for step in able if step is not None)
        return self._able[asked]

    @cached_property
    def _able(self) -> dict[tuple[str, str, str, str], tuple[Step, ...]]:
        """What :meth:`next_steps` answered: a page asks it of hundreds of items that stand alike."""
        return {}

    def check_action(self, action: str) -> None:
        """Refuse an action that is none.

        Parameters
        ----------
        action
            A name.

        Raises
        ------
        StepError
            The message names the nearest.
        """
        if action not in self.actions:
            raise StepError(
                f"no such action{did_you_mean(action, self.actions)}; there are: {', '.join(self.actions)}."
            )

    def _open(self, action: str, state: str, kind: str, level: str) -> Iterator[Step]:
        return (s for s in self.steps if s.action == action and state in s.when and s.is_for(kind, level))


def _unknown_words(flow: Workflow) -> Iterator[str]:
    """Each word that is used and not declared."""
    states, actions = {s.name for s in flow.states}, set(flow.actions)
    known = {
        "state": (states, {x for s in flow.steps for x in (*s.when, s.to)} - {SAME} | {FIRST}),
        "role": (set(flow.roles), {r for s in flow.steps for r in s.by}),
        "kind": (set(flow.kinds), {k for s in flow.steps for k in s.kinds} | {k for c in flow.clocks for k in c.kinds}),
        "outcome": ({o.code for o in flow.outcomes}, {o for s in flow.steps for o in s.outcomes}),
        "level": (set(flow.levels), set(_levels(flow))),
        "action": (actions, {a for c in flow.clocks for a in (*c.begins, *c.ends)}),
    }
    for what, (declared_words, used) in known.items():
        for word in sorted(used - declared_words):
            yield f"{what} {word!r} is used and not declared{did_you_mean(word, declared_words)}"


def _levels(flow: Workflow) -> Iterator[str]:
    yield from (x for s in flow.steps for x in s.levels)
    yield from (flow.supervision.level, flow.supervision.graver_level)
    yield from (*flow.nights.cool_down_days, *flow.nights.gap_severity)


def _lost_states(flow: Workflow) -> Iterator[str]:
    """States that cannot be reached, and those from which no matter ends."""
    ways = {(a, s.to) for s in flow.steps if s.to != SAME for a in s.when}
    names = {s.name for s in flow.states}
    for state in sorted(names - _spread({FIRST}, ways)):
        yield f"state {state!r} cannot be reached from {FIRST!r}"
    for state in sorted(names - _spread(set(flow.final), {(b, a) for a, b in ways})):
        yield f"state {state!r} leads to no final state"


def _spread(begun: set[str], ways: set[tuple[str, str]]) -> set[str]:
    """Where one comes from `begun` along `ways`."""
    while more := {b for a, b in ways if a in begun} - begun:
        begun = begun | more
    return begun


def _double_answers(flow: Workflow) -> Iterator[str]:
    """Where one role could take two steps by one action: the machine would have to guess."""
    asked: dict[tuple[str, ...], int] = {}
    for step in flow.steps:
        for at in product(step.when, step.by, step.kinds or flow.kinds, step.levels or flow.levels):
            asked[step.action, *at] = asked.get((step.action, *at), 0) + 1
    for (action, state, role, kind, level), n in asked.items():
        if n > 1:
            yield f"{action!r} from {state!r} by {role!r} is declared {n} times for {kind} {level}"


@checked
def workflow(path: str | Path = SHIPPED) -> Workflow:
    """The machine of a file; the shipped one by default.

    Parameters
    ----------
    path
        TOML, as ``workflow.toml`` of the package.

    Returns
    -------
    workflow
        Checked; read once.

    Raises
    ------
    NotFoundError
        There is no such file.
    DefinitionError
        It is declared wrongly; one message tells every fault.

    Examples
    --------
    >>> len(workflow().states), "acknowledge" in workflow().actions
    (15, True)
    """
    return _read(Path(path))


@cache
def _read(path: Path) -> Workflow:
    values, _ = read_toml(path, "workflow")
    return read(Workflow, values, str(path))
