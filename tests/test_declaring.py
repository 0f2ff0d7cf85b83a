"""Declarations: what a field takes, and what is said of a wrong one, in Python and from a file alike."""

import dataclasses
import datetime as dt
import math
import pickle
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import model_validator

from riskwarn.declaring import AtLeastOne, Day, Flag, Number, Positive, Share, Text, declared, read, read_toml
from riskwarn.errors import DefinitionError, NotFoundError


@declared
class Rung:
    """A part of a ladder, with a share and a kind of few words."""

    share: Share = 0.5
    kind: Literal["wood", "steel"] = "wood"


@declared
class Ladder:
    """A declaration with one field of every kind."""

    name: Text
    days: Positive
    first: Day
    rungs: tuple[Rung, ...] = ()
    shares: tuple[Share, ...] = ()
    n_steps: AtLeastOne = 3
    offset: Number = 0
    folding: Flag = False
    top: Rung = dataclasses.field(default_factory=Rung)

    @model_validator(mode="after")
    def _steps_and_rungs(self) -> "Ladder":
        if self.rungs and len(self.rungs) != self.n_steps:
            raise ValueError(f"n_steps {self.n_steps} against {len(self.rungs)} rungs")
        return self


RIGHT: dict[str, Any] = {"name": "a", "days": 28, "first": dt.date(2025, 1, 31)}


def test_values_stay_as_they_were_said():
    """An integer stays one where a number is wanted, a list becomes a tuple, a table a declaration, a number of numpy one of Python."""
    found = Ladder("a", 28, RIGHT["first"], [{"share": 0.2}], shares=[np.float64(0.5)], n_steps=np.int64(1), top={})

    assert repr(found.days) == "28"
    assert (found.rungs, found.shares, found.n_steps, found.top) == ((Rung(0.2),), (0.5,), 1, Rung())
    assert type(found.n_steps) is int


def test_it_is_a_frozen_dataclass():
    """Replaced, asked for its fields, pickled, compared and hashed like any dataclass; and not to be changed."""
    found = Ladder(**RIGHT)

    assert dataclasses.replace(found, days=7).days == 7
    assert [f.name for f in dataclasses.fields(found)][:2] == ["name", "days"]
    assert pickle.loads(pickle.dumps(found)) == found
    assert hash(found) == hash(Ladder(**RIGHT))
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.days = 3
    with pytest.raises(DefinitionError, match=r"^Ladder: days: wanted a number above 0, got 0\.$"):
        dataclasses.replace(found, days=0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": 3}, "name: wanted text, got 3"),
        ({"days": "28"}, "days: wanted a number above 0, got '28'"),
        ({"days": True}, "days: wanted a number above 0, got True"),
        ({"days": math.nan}, "days: wanted a number above 0, got nan"),
        ({"days": math.inf}, "days: wanted a number above 0, got inf"),
        ({"days": None}, "days: wanted a number above 0, got None"),
        (
            {"first": "2025-01-31"},
            "first: wanted a date without quotes, such as 2025-03-31 (in Python datetime.date(2025, 3, 31)), got '2025-01-31'",
        ),
        (
            {"first": dt.datetime(2025, 1, 31, tzinfo=dt.UTC)},
            "first: wanted a date without quotes, such as 2025-03-31 (in Python datetime.date(2025, 3, 31)), got datetime.datetime(2025, 1, 31, 0, 0, tzinfo=datetime.timezo…",
        ),
        ({"n_steps": 3.0}, "n_steps: wanted a whole number of at least 1, got 3.0"),
        ({"n_steps": 0}, "n_steps: wanted a whole number of at least 1, got 0"),
        ({"folding": 1}, "folding: wanted true or false, got 1"),
        ({"shares": 0.5}, "shares: wanted a list, got 0.5"),
        ({"shares": "0.5"}, "shares: wanted a list, got '0.5'"),
        ({"shares": [0.5, 1]}, "shares, value 2: wanted a number above 0 and below 1, got 1"),
        ({"top": "wood"}, "top: wanted a table, got 'wood'"),
        ({"top": {"kind": "wod"}}, "[top] kind: wanted one of wood, steel, got 'wod' (did you mean 'wood'?)"),
        (
            {"rungs": [{"kind": "steel", "sahre": 1}], "n_steps": 1},
            "unknown key 'sahre' in [rungs] (did you mean 'share'?)",
        ),
        ({"rungs": [{}]}, "n_steps 3 against 1 rungs"),
        ({"zzz": 1}, "unknown key 'zzz' (known: name, days, first, rungs, shares, n_steps, offset, folding, top)"),
        ({"name": "x" * 500, "days": [7] * 500}, "days: wanted a number above 0, got [" + "7, " * 19 + "7…"),
    ],
    ids=lambda v: str(v)[:30],
)
def test_a_wrong_value_is_told_with_its_place(wrong, said):
    """What was found, where, and what was wanted: the same words from the constructor and from a file."""
    with pytest.raises(DefinitionError) as by_hand:
        Ladder(**{**RIGHT, **wrong})
    with pytest.raises(DefinitionError) as from_file:
        read(Ladder, {**RIGHT, **wrong}, "l.toml")

    assert str(by_hand.value) == f"Ladder: {said}."
    assert str(from_file.value) == f"l.toml: {said}."


def test_all_faults_are_told_at_once_with_their_section():
    """A file with four faults is told once, each with section and key."""
    values = {"name": 1, "first": dt.date(2025, 1, 1), "setps": 3, "top": {"share": 2}}
    with pytest.raises(DefinitionError) as error:
        read(Ladder, values, "l.toml", "ladder")

    assert str(error.value).split(": ", 1)[1].split("; ") == [
        "[ladder] name: wanted text, got 1",
        "[ladder] 'days' is missing",
        "[ladder.top] share: wanted a number above 0 and below 1, got 2",
        "unknown key 'setps' in [ladder] (did you mean 'n_steps'?).",
    ]


def test_too_many_values_or_one_twice():
    """A value too many, or the same one by place and by name, is no TypeError."""
    for wrong in (lambda: Rung(0.1, "wood", 3), lambda: Rung(0.1, share=0.2)):
        with pytest.raises(DefinitionError, match=r"^Rung: takes each of share, kind once, got \d values\.$"):
            wrong()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates(), st.lists
    )
    | st.dictionaries(st.text(), st.integers())
)
def test_nothing_but_a_definition_error_comes_out(value):
    """Whatever stands in any field or in place of the whole table, it is taken or refused in one line."""
    for key in [*Ladder.__dataclass_fields__, ""]:
        said = ""
        try:
            read(Ladder, {**RIGHT, key: value} if key else value, "l.toml")
        except DefinitionError as error:
            said = str(error)
        assert "\n" not in said


def test_a_file_that_cannot_be_read(tmp_path):
    """No file names the nearest one; not TOML names the line; a byte order mark does no harm."""
    (tmp_path / "weekly.toml").write_bytes(b"\xef\xbb\xbfquestion = 'a'\n")
    assert read_toml(tmp_path / "weekly.toml", "experiment") == ({"question": "a"}, "question = 'a'\n")
    with pytest.raises(NotFoundError, match=r"no experiment .*weekli\.toml \(did you mean 'weekly\.toml'\?\)"):
        read_toml(tmp_path / "weekli.toml", "experiment")
    with pytest.raises(NotFoundError, match="no experiment"):
        read_toml(tmp_path / "nowhere" / "weekli.toml", "experiment")
    with pytest.raises(NotFoundError, match="no mapping"):
        read_toml(tmp_path, "mapping")
    (tmp_path / "bad.toml").write_text("a = \n")
    with pytest.raises(DefinitionError, match=r"bad\.toml: not TOML: .*line 1"):
        read_toml(tmp_path / "bad.toml", "mapping")
    (tmp_path / "gb.toml").write_bytes("a = '纠纷'".encode("gb18030"))
    with pytest.raises(DefinitionError, match=r"gb\.toml: not UTF-8 at byte 5"):
        read_toml(tmp_path / "gb.toml", "mapping")
