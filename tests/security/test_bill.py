"""The bill of materials: as many components as the locks have pins, each with its licence."""

import json
import re

import pytest

from security import bill

LOCK = bill.lock()


@pytest.fixture(scope="module")
def made():
    return bill.bill(LOCK)


def test_every_pin_of_the_lock_is_a_component(made):
    """The bill counts what both locks pin, neither more nor less, beside what is shipped within the wheel."""
    pinned = re.findall(r"^[^\s#-][^=\s]*==[^\s;]+", LOCK, re.MULTILINE)
    named = [f"{one['name']}=={one['version']}" for one in made["components"] if one["purl"].startswith("pkg:pypi/")]
    shipped = [one["purl"] for one in made["components"] if not one["purl"].startswith("pkg:pypi/")]

    assert len(named) == len(pinned)
    assert named == [re.sub(r"\[.*?\]", "", pin) for pin in pinned]
    assert len(set(named)) == len(named)
    assert shipped == ["pkg:npm/leaflet@1.9.4"]


def test_every_package_that_is_installed_says_its_licence(made):
    """A licence is missing only of what is not installed here, as packages of another system; most are."""
    rows = bill.licences(made)
    untold = {row["name"] for row in rows if not row["licence"]}

    assert [name for name in untold if bill.licence_of(name) != ("", "")] == []
    assert len(untold) < len(rows) / 5


def test_the_core_is_told_from_what_extras_bring(made):
    """What the core asks for, directly or through others, is required; a tracker, a web framework and the tools of the house are not."""
    required = {one["name"] for one in made["components"] if one["scope"] == "required"}

    assert required >= {"pandas", "lightgbm", "pandera", "typing-inspect", "six", "leaflet"}
    assert required.isdisjoint({"mlflow", "fastapi", "sqlalchemy", "geopandas", "pytest"})


def test_what_a_component_leans_on_is_a_component(made):
    """No reference of the bill leads nowhere, and none is told twice."""
    refs = [one["bom-ref"] for one in made["components"]]
    told = [one["ref"] for one in made["dependencies"]]

    assert len(set(refs)) == len(refs)
    assert set(told) <= {*refs, made["metadata"]["component"]["bom-ref"]}
    assert len(set(told)) == len(told)
    assert {ref for one in made["dependencies"] for ref in one["dependsOn"]} <= set(refs)


def test_both_papers_are_written(tmp_path, capsys):
    """The bill as JSON and the licences as CSV, with as many rows."""
    assert bill.main(tmp_path / "sbom") == 0
    n = len(json.loads((tmp_path / "sbom" / "sbom.cdx.json").read_text("utf-8"))["components"])

    assert len((tmp_path / "sbom" / "licences.csv").read_text("utf-8").splitlines()) == n + 1
    assert capsys.readouterr().out.startswith(f"{n} components")
