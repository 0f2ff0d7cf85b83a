"""The state machine as data: what the shipped one holds, and what a wrong one is told."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskwarn.errors import DefinitionError, NotFoundError, StepError
from riskwarn.language import LANGUAGES
from riskwarn.ledger import words
from riskwarn.ledger.actor import account_digest, within
from riskwarn.ledger.workflow import NIGHT, SHIPPED, workflow

FLOW = workflow()
STATES = [s.name for s in FLOW.states]


def changed(folder, *changes):
    """The shipped file with some of its text replaced."""
    text = SHIPPED.read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "workflow.toml"
    path.write_text(text, "utf-8")
    return workflow(path)


def test_the_night_neither_assigns_nor_ends_what_people_must_judge():
    """The nightly run publishes and records; it acknowledges, assigns, dismisses and closes nothing, and verifies no alert."""
    of_night = {s.action for s in FLOW.steps if NIGHT in s.by}

    assert of_night & {"acknowledge", "assign", "start", "feedback", "dismiss", "close", "return", "reject"} == set()
    assert all("alert" not in s.kinds for s in FLOW.steps if NIGHT in s.by and s.action == "verify")
    assert all(s.by == (NIGHT,) for s in FLOW.steps if NIGHT in s.by)


def test_only_a_blue_item_expires():
    """Nothing above blue ends because nobody looked."""
    assert [s.levels for s in FLOW.steps if s.action == "expire"] == [("blue",)]


def test_nobody_verifies_a_gap_by_a_button():
    """A gap is verified by the night alone, with evidence."""
    roles = {r for state in STATES for r in FLOW.roles_for("verify", state, kind="gap", level="red")}

    assert roles == {NIGHT}
    assert all("evidence" in s.wants for s in FLOW.steps if "gap" in s.kinds and s.action == "verify")


@pytest.mark.parametrize(
    ("level", "roles"),
    [("red", ("county_centre", "shift_leader")), ("orange", ("township_centre", "county_centre", "shift_leader"))],
)
def test_a_red_alert_is_verified_by_the_county(level, roles):
    """The township verifies what is not red."""
    assert FLOW.roles_for("verify", "feedback", kind="alert", level=level) == roles


def test_who_reads_logs_acts_on_nothing():
    """Auditor, data scientist, analyst, operator and administrator may take no step."""
    acting = {r for s in FLOW.steps for r in s.by}

    assert acting & {"auditor", "data_scientist", "city_analyst", "batch_operator", "admin"} == set()


def test_every_way_leads_to_an_end():
    """From each state, by steps of some role, a final state is reached for an alert and a gap of every level."""
    for kind, level in product(("alert", "gap"), FLOW.levels):
        ways = {(state, step.after(state)) for step in FLOW.steps if step.is_for(kind, level) for state in step.when}
        ends = set(FLOW.final)
        while more := {a for a, b in ways if b in ends} - ends:
            ends |= more
        assert {b for _, b in ways} <= ends, (kind, level)


def test_dismissing_and_returning_want_a_reason_and_feedback_an_outcome():
    """What declines a matter or tells its result says why, by a code."""
    for step in FLOW.steps:
        assert bool(step.reasons) == (
            step.action in {"dismiss", "return", "reject", "escalate", "reopen", "merge"}
            or (NIGHT in step.by and step.action != "verify")
        )
        assert bool(step.outcomes) == (step.action == "feedback")


@pytest.mark.parametrize("what", words._ALL)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_words_and_is_read_from_them(what, language):
    """Each state, action, role, reason, outcome and clock is named in every language, no two alike, and its words lead back to it."""
    codes = {
        "state": STATES,
        "action": FLOW.actions,
        "role": FLOW.roles,
        "reason": [r for s in FLOW.steps for r in s.reasons],
        "outcome": [o.code for o in FLOW.outcomes],
        "clock": [c.name for c in FLOW.clocks],
        "kind": FLOW.kinds,
        "level": FLOW.levels,
    }[what]

    assert set(codes) == set(words._ALL[what])
    assert {c: words.code_of(what, words.word(what, c)[language]) for c in codes} == {c: c for c in codes}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('to = "closed"', 'to = "close"'), "state 'close' is used and not declared (did you mean 'closed'?)"),
        (('to = "closed"', 'to = "dismissed"'), "state 'closed' cannot be reached from 'draft'"),
        (('when = ["verified"]', 'when = ["feedback"]'), "state 'verified' leads to no final state"),
        (('by = ["shift_leader", "county_centre"]', "by = []"), "by: wanted a list of at least 1, got []"),
        (('by = ["shift_leader", "county_centre"]', 'by = ["mayor"]'), "role 'mayor' is used and not declared"),
        (
            ('levels = ["red"]\n', ""),
            "'verify' from 'feedback' by 'county_centre' is declared 2 times for alert orange",
        ),
        (('limit = "visit_hours"', 'limit = "visit_weeks"'), "limit: wanted"),
        (('begins = ["feedback"]', 'begins = ["feedbakc"]'), "action 'feedbakc' is used and not declared"),
        (('name = "returned"', 'nam = "returned"'), "unknown key 'nam'"),
    ],
)
def test_a_wrong_machine_is_told(change, said, tmp_path):
    """A state nobody reaches or leaves, a step without a role, an unknown word and a doubtful step are errors with the file's name."""
    with pytest.raises(DefinitionError) as error:
        changed(tmp_path, change)

    assert said in str(error.value)
    assert "workflow.toml" in str(error.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    """No machine is guessed."""
    with pytest.raises(NotFoundError, match="no workflow"):
        workflow(tmp_path / "flow.toml")


@pytest.mark.parametrize("level", FLOW.levels)
def test_a_level_begins_with_its_least_severity(level):
    """A gap of just that severity has the level, one of hardly less the next below; of the levels each is graver than those below it and not than itself."""
    least, rank = FLOW.nights.gap_severity[level], FLOW.levels.index(level)
    below = FLOW.levels[min(rank + 1, len(FLOW.levels) - 1)]

    assert (FLOW.level_of(least), FLOW.level_of(least - 1e-9)) == (level, below)
    assert [FLOW.graver(level, other) for other in FLOW.levels] == [rank < n for n in range(len(FLOW.levels))]


def test_an_unknown_action_is_told_with_the_nearest():
    """Acknowlege is no action."""
    with pytest.raises(StepError, match=r"did you mean 'acknowledge'"):
        FLOW.check_action("acknowlege")


LENGTHS = st.sampled_from([2, 4, 6, 9, 12])
CODES = LENGTHS.flatmap(lambda n: st.text("123456789", min_size=n, max_size=n))


@given(CODES, LENGTHS, CODES)
def test_a_division_covers_what_begins_with_its_code(code, n, other):
    """Of division codes one covers another exactly when the other begins with it."""
    area = code[:n]

    assert within(code, area)
    assert within(area, code) == (area == code)
    assert within(other, area) == other.startswith(area)


@given(st.sampled_from([2, 4, 6, 9]).flatmap(lambda n: st.text("123456789", min_size=n, max_size=n)))
def test_trailing_zeros_say_nothing(area):
    """A code filled up to twelve digits is the shorter one."""
    inside, beside = f"{area}123", str(int(area) + 1 if not area.endswith("9") else int(area) - 1)

    assert within(inside, area.ljust(12, "0"))
    assert not within(beside, area.ljust(12, "0"))


@given(st.text("TC019", min_size=1, max_size=4), st.text("TC019", min_size=1, max_size=4))
def test_a_name_covers_itself_alone(area, other):
    """T1 does not cover T10; what is no division code is compared whole."""
    if not area.isdigit():
        assert within(f"C9/{other}", area) == (area in {"C9", other})


def test_an_account_is_kept_as_a_digest(tmp_path):
    """The same account gives the same digest in one store and another in the next; the name is not in it."""
    here, there = tmp_path / "a", tmp_path / "b"
    digests = {account_digest(here, "duty-desk-3"), account_digest(here, "duty-desk-3")}

    assert len(digests) == 1
    assert digests != {account_digest(there, "duty-desk-3")}
    assert account_digest(here, "") == ""
