"""The plan of a night and the log of its modes: what may be declared, and what is told of a wrong declaration."""

import dataclasses

import pytest
import towns
from hypothesis import given
from hypothesis import strategies as st

from riskwarn.cli import main
from riskwarn.errors import DataError, DefinitionError, NotFoundError, PrivacyError
from riskwarn.mode import LOG, mode_at, switch, switches
from riskwarn.plan import LEVELS, STARTER, Lanes, Plan, Question, Stay

ONE = '[[questions]]\ntarget = "a"\nsource = "s"\n'


def write(tmp_path, text):
    path = tmp_path / "plan.toml"
    path.write_text(text, "utf-8")
    return path


def test_the_starter_says_the_defaults():
    """What a city finds in the file it starts from is what holds for a key left out, so deleting a line changes nothing."""
    starter = Plan.load(STARTER)
    bare = dataclasses.replace(Plan(starter.questions), capacity=starter.capacity)

    assert starter == bare


def test_a_plan_of_a_question_alone_is_whole(tmp_path):
    """One question is enough; all else has its default."""
    assert Plan.load(write(tmp_path, ONE)) == Plan((Question("a", source="s"),))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"plan\.toml: 'questions' is missing"),
        (ONE + 'lan = "rising"', r"unknown key 'lan' in \[questions\] \(did you mean 'lane'\?\)"),
        (ONE + 'lane = "explore"', r"lane: wanted one of standing, rising, first, escalating, got 'explore'"),
        (ONE + "weight = 0", r"weight: wanted a number above 0, got 0"),
        (ONE + 'source = ""', r"source"),
        (ONE + ONE, r"target 'a' is asked twice"),
        (ONE + "[lanes]\nrising = 0.6\nfirst = 0.6", r"\[lanes\] the shares add up to 1\.5"),
        (ONE + '[stay]\nenter = "yellow"\nleave = "red"', r"leave 'red' is graver than enter 'yellow'"),
        (ONE + '[triggers]\nrules = ["weapon_cal"]', r"did you mean 'weapon_call'"),
        (ONE + "[calendar]\nopens = 18:00:00\ncloses = 08:00:00", r"opens 18:00 is not before closes 08:00"),
        (ONE + "[modes.normal]\ncapacity = 0", r"\[modes\.normal\] capacity: wanted a whole number of at least 1"),
        (ONE + "[modes.urgent]\nclock_share = 2", r"clock_share: wanted a number above 0 and at most 1"),
        (ONE + "[clocks.red]\nvisit_hours = 3", r"\[clocks\.red\] 'acknowledge_hours' is missing"),
    ],
)
def test_a_wrong_plan_is_told_by_its_place(tmp_path, text, said):
    """File, section, key, what was found and what was wanted."""
    with pytest.raises(DefinitionError, match=said):
        Plan.load(write(tmp_path, text.replace('source = "s"\nsource', "source")))


def test_a_plan_that_is_not_there_is_told(tmp_path):
    """With the nearest file of the folder."""
    write(tmp_path, ONE)
    with pytest.raises(NotFoundError, match=r"no plan .*plam\.toml \(did you mean 'plan\.toml'\?\)"):
        Plan.load(tmp_path / "plam.toml")


def test_the_digest_is_of_what_is_planned(tmp_path):
    """Comments and order of keys make no other plan; a changed value does."""
    plan = Plan.load(write(tmp_path, ONE))

    assert Plan.load(write(tmp_path, "# words\n" + ONE)).digest == plan.digest
    assert plan.with_capacity(7).digest != plan.digest
    assert {plan.with_capacity(7).modes.war.capacity, plan.with_capacity(7).modes.normal.capacity} == {7}


@given(st.lists(st.floats(0, 0.99), min_size=5, max_size=5))
def test_standing_has_what_is_left(shares):
    """The shares of the other lanes are taken or refused, and what is taken leaves nothing negative for standing."""
    try:
        lanes = Lanes(*shares)
    except DefinitionError:
        assert sum(shares) > 1
    else:
        assert sum(dataclasses.astuple(lanes)) <= 1


@given(st.sampled_from(LEVELS), st.sampled_from(LEVELS))
def test_an_alert_leaves_no_higher_than_it_enters(enter, leave):
    """Otherwise every alert would leave as it enters."""
    allowed = LEVELS.index(leave) >= LEVELS.index(enter)
    try:
        Stay(enter=enter, leave=leave)
    except DefinitionError:
        assert not allowed
    else:
        assert allowed


# --- modes


@pytest.fixture
def street(tmp_path):
    """A copy of the street to write in."""
    return towns.copy(towns.street(), tmp_path / "street")


def test_a_centre_that_never_switched_is_normal(street):
    """And nothing is written by asking."""
    assert mode_at(street, "2025-12-15").mode == "normal"
    assert not (street.path / LOG).exists()


def test_a_switch_holds_from_its_instant_until_the_next(street):
    """At the instant itself the new mode holds; what was known before stays what it was."""
    switch(street, "urgent", by="shift_leader", why="flood warning", at="2025-12-10")
    switch(street, "normal", by="county_centre", why="water fell", at="2025-12-12")
    days = ["2025-12-09", "2025-12-10", "2025-12-11", "2025-12-12", "2026-01-01"]

    assert [mode_at(street, day).mode for day in days] == ["normal", "urgent", "urgent", "normal", "normal"]
    assert [s.by for s in switches(street)] == ["shift_leader", "county_centre"]


def test_the_log_only_grows(street):
    """A switch before the last one is refused, and what stands in the log stays, byte for byte."""
    switch(street, "urgent", by="shift_leader", why="flood warning", at="2025-12-10")
    before = (street.path / LOG).read_bytes()
    with pytest.raises(DataError, match="only grows"):
        switch(street, "normal", by="shift_leader", why="late thought", at="2025-12-09")
    switch(street, "war", by="shift_leader", why="dam broke", at="2025-12-11")

    assert (street.path / LOG).read_bytes().startswith(before)


@pytest.mark.parametrize(
    ("given", "kind", "said"),
    [
        ({"mode": "urgnt"}, DataError, r"no mode 'urgnt' \(did you mean 'urgent'\?\)"),
        ({"by": "John Smith"}, DataError, r"no role"),
        ({"why": " "}, DataError, r"wanted 1 to 200 letters, got 0"),
        ({"why": "called by 138-1234-5678"}, PrivacyError, r"may name a person \(mobile\)"),
    ],
)
def test_who_and_why_name_no_person(street, given, kind, said):
    """A role and a reason; neither a name nor a number, and nothing of it is repeated or kept."""
    values = {"mode": "urgent", "by": "shift_leader", "why": "flood warning", **given}
    with pytest.raises(kind, match=said) as told:
        switch(street, values["mode"], by=values["by"], why=values["why"])

    assert "138" not in str(told.value)
    assert switches(street) == []


def test_a_damaged_log_is_told(street):
    """It is not taken for an empty one: the mode would be normal by mistake."""
    (street.path / LOG).write_text("at,mode\nyesterday,war\n", "utf-8")
    with pytest.raises(DataError, match=r"modes\.csv is damaged"):
        mode_at(street, "2025-12-15")


def test_the_verb_switches_and_tells(street, capsys):
    """Without a mode it says which holds."""
    store = ["--store", str(street.path)]

    assert main(["mode", "urgent", "--by", "shift_leader", "--why", "flood warning", "--at", "2025-12-10", *store]) == 0
    assert main(["mode", *store]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "urgent since 2025-12-10 00:00 (shift_leader: flood warning)"
    assert main(["mode", "urgent", "--by", "me", "--why", "x", *store]) == DataError.exit_code
