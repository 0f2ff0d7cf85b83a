"""Zones by name."""

import pytest

from riskwarn.clock import instant, zone_named
from riskwarn.errors import DataError, DefinitionError


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("China Standard Time", "Asia/Shanghai"),
        ("Eastern Standard Time", "America/New_York"),
        ("Asia/Beijing", "Asia/Shanghai"),
        ("Europe/Lodon", "Europe/London"),
        ("asia/shangai", "Asia/Shanghai"),
    ],
)
def test_a_zone_of_another_name_is_refused_with_the_one_meant(name, meant):
    """A name that IANA does not know is refused, and the message proposes the nearest."""
    with pytest.raises(DefinitionError, match=f"did you mean '{meant}'"):
        zone_named(name)


@pytest.mark.parametrize(
    "name", ["CST", "GMT+8", "UTC+08:00", "北京时间", "", "../etc/passwd", None, 8, b"Asia/Shanghai", "a" * 1000]
)
def test_what_names_no_zone_is_refused_in_one_line(name):
    """An abbreviation, an offset or anything else is a definition error of one short line."""
    with pytest.raises(DefinitionError, match="unknown time zone") as caught:
        zone_named(name)
    assert len(str(caught.value)) < 250
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["CST", "BST", "IST"])
def test_an_abbreviation_is_told_as_such(name):
    """An abbreviation names several clocks, and none of them is proposed."""
    with pytest.raises(DefinitionError, match="several clocks"):
        zone_named(name)


def test_the_error_calls_a_moment_by_its_name():
    """What was given as the time of arrival is not called as_of."""
    with pytest.raises(DataError, match=r"^arrived_at must be a date"):
        instant("11/12/2023", "UTC", name="arrived_at")
