"""Roles, visitors and areas: who may what, before anything of the web."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskwarn.access import at_the_machine, in_area, roles, visitor_of
from riskwarn.access.role import Roles
from riskwarn.declaring import read
from riskwarn.errors import ArgumentError, DefinitionError, NotFoundError
from riskwarn.ledger import Actor, within, workflow
from riskwarn.ledger.workflow import NIGHT

TABLE = roles()
SMALL = {
    "permissions": ["scores:read", "alerts:act"],
    "anonymous": "local",
    "roles": [{"name": "local", "may": ["scores:read"]}],
}


def test_roles_are_those_of_the_ledger():
    """An account can have each role of the workflow but that of the night, and no other."""
    assert set(TABLE.of_accounts) == set(workflow().roles) - {NIGHT}


def test_who_takes_steps_may_act():
    """A role that some step of the workflow is open to may act on alerts; no other may."""
    acting = {role for step in workflow().steps for role in step.by} - {NIGHT}

    assert {role.name for role in TABLE.roles if "alerts:act" in role.may} == acting


def test_nobody_acts_without_an_account():
    """Who sits at the machine without an account reads, and changes nothing."""
    changing = {"alerts:act", "plan:switch", "users:admin", "webhooks:admin", "tokens:make"}

    assert at_the_machine(TABLE).permissions & changing == set()
    assert TABLE.anonymous not in TABLE.of_accounts


def test_who_keeps_accounts_sees_no_score_and_who_audits_does_nothing():
    """Administration, duty and audit are apart: none of them alone can act and cover it up."""
    admin, auditor = TABLE.role("admin").may, TABLE.role("auditor").may

    assert {"scores:read", "cases:read", "alerts:act", "audit:read"} & set(admin) == set()
    assert all(permission.endswith(":read") for permission in auditor)
    assert [role.name for role in TABLE.roles if {"audit:read", "alerts:act"} <= set(role.may)] == []


def test_small_counts_are_for_those_on_duty():
    """Only a role that acts on alerts, and who sits at the machine, is shown counts of 1 to 4."""
    shown = {role.name for role in TABLE.roles if role.small_counts}

    assert shown == {role.name for role in TABLE.roles if "alerts:act" in role.may} | {TABLE.anonymous}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"anonymous": "nobody"}, "anonymous names no role: 'nobody'"),
        (
            {"roles": [{"name": "local", "may": ["score:read"]}]},
            r"'score:read' of role 'local' .*did you mean 'scores:read'",
        ),
        ({"roles": [{"name": "local", "may": []}] * 2}, "role 'local' is declared twice"),
        ({"purposes": [{"name": "x", "may": ["stop:person"]}]}, "'stop:person' of purpose 'x' is not declared"),
        ({"roles": [{"name": "local", "may": [], "smal_counts": True}]}, "did you mean 'small_counts'"),
    ],
)
def test_a_wrong_table_is_refused(change, message):
    """What no permission, role or purpose is, is told when the table is read."""
    with pytest.raises(DefinitionError, match=message):
        read(Roles, SMALL | change, "roles.toml")


def test_a_token_holds_no_more_than_its_role():
    """Scopes narrow a role and never widen it; a purpose narrows both."""
    actor = Actor("township_centre", "T1")
    wide = visitor_of(TABLE, actor, scopes=TABLE.permissions)
    display = visitor_of(TABLE, actor, scopes=["scores:read", "alerts:act"], purpose="display", way="token")

    assert wide.permissions == frozenset(TABLE.role("township_centre").may)
    assert display.permissions == {"scores:read"}
    with pytest.raises(NotFoundError, match=r"no purpose 'policing'.*handling"):
        visitor_of(TABLE, actor, purpose="policing")


GRIDS = pd.DataFrame(
    {
        "county_id": ["320102", "320102", "320103", None],
        "township_id": ["320102001", "320102002", "320103001", None],
        "grid_id": ["A", "B", "C", "D"],
    }
)


@pytest.mark.parametrize(
    ("area", "seen"),
    [
        ("*", "ABCD"),
        ("320102", "AB"),
        ("320102000000", "AB"),
        ("320102001", "A"),
        ("3201", "ABC"),
        ("C", "C"),
        ("E", ""),
        ("", ""),
        ("32010", ""),
    ],
)
def test_an_area_holds_what_is_below(area, seen):
    """One sees one's own area and what lies in it: never above, never beside."""
    assert "".join(GRIDS["grid_id"][in_area(GRIDS, area)]) == seen


CODES = st.sampled_from(["32", "3201", "320102", "320103", "320102001", "320102002", "T1", "T10", "A"])


@given(rows=st.lists(st.tuples(CODES, CODES, CODES), min_size=1, max_size=6), area=CODES)
def test_areas_are_told_as_the_ledger_tells_them(rows, area):
    """A table and the ledger never disagree on what lies in an area."""
    table = pd.DataFrame(rows, columns=["county_id", "township_id", "grid_id"])

    assert list(in_area(table, area)) == [within("/".join(row), area) for row in rows]


def test_a_table_of_no_area_is_refused():
    """Where a table does not say where its rows lie, nothing of it is let through in silence."""
    with pytest.raises(ArgumentError, match="none of the columns county_id"):
        in_area(pd.DataFrame({"n": [1]}), "T1")
    assert np.array_equal(in_area(GRIDS.iloc[:0], "T1"), np.zeros(0, bool))
