"""What a host may do without: the core is small, a night needs no more, and what is missing is told by name."""

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import towns

from riskwarn import tracking
from riskwarn.errors import MissingExtraError
from riskwarn.extras import EXTRA_OF, guests, missing_extra
from riskwarn.progress import bar

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
MOST_IN_THE_CORE = 12
DISTRIBUTIONS = importlib.metadata.packages_distributions()
CARRIED = {"starlette": "fastapi", "google": "mlflow", "pydantic_core": "pydantic"}
"""Packages that are read from, and come with a declared one that cannot do without them."""

WITHOUT = """
import importlib.abc, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from riskwarn.cli import main
sys.exit(main(sys.argv[1:]))
"""


def distributions(words):
    """Names of the distributions that are asked for, as a set."""
    return {re.split(r"[\[>=<;]", word)[0].replace("_", "-") for word in words}


def brought(extra):
    """Distributions that come with an extra, also through another one."""
    words = PROJECT["optional-dependencies"][extra]
    through = [e for word in words if word.startswith("riskwarn[") for e in word[9:-1].split(",")]
    return (distributions(words) - {"riskwarn"}).union(*map(brought, through))


def imported(file):
    """First names of the modules that a file imports."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def run_without(absent, *words):
    """What the command line says on a machine that lacks some packages: exit code, output, errors."""
    code = WITHOUT.replace("{absent!r}", repr(set(absent)))
    told = subprocess.run([sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=False)
    return told.returncode, told.stdout, told.stderr


def test_operations_say_what_each_extra_is_for():
    """The table names every extra that is declared, and what else it brings of ours."""
    page = (ROOT / "docs" / "operations.md").read_text("utf-8").partition("## What to install")[2].partition("\n## ")[0]
    told = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", page, re.MULTILINE))
    declared = PROJECT["optional-dependencies"]

    assert set(told) == set(declared) - {"dev"}
    for extra in set(told) - {"all", "postgres"}:
        through = {e for word in declared[extra] if word.startswith("riskwarn[") for e in word[9:-1].split(",")}
        assert through == set(re.findall(r"`(\w+)`", told[extra].partition("with ")[2]))


def test_the_core_is_small():
    """At most twelve packages are needed by everybody; neither MLflow nor a web framework is one of them."""
    core = distributions(PROJECT["dependencies"])

    assert len(core) == len(PROJECT["dependencies"]) <= MOST_IN_THE_CORE
    assert not core & {"mlflow", "fastapi", "uvicorn", "sqlalchemy", "matplotlib", "geopandas"}


def test_engines_have_a_lock_of_their_own():
    """A first look installs all but the engines of clusters, which a lock of their own adds; no package is pinned in both."""
    plain, engines = (
        set(re.findall(r"^([\w.-]+)==", (ROOT / name).read_text("utf-8"), re.MULTILINE))
        for name in ("requirements.lock", "requirements-engines.lock")
    )
    ours = brought("dask") | brought("spark")
    everything = {name.lower() for name in brought("all") | brought("dev")}

    assert plain & engines == set()
    assert everything <= plain | engines
    assert ours <= engines
    assert {name.lower() for name in brought("all") - ours} <= plain
    assert brought("all") - ours <= brought("dev")
    assert not brought("dev") & ours


def test_where_engines_are_wanted_they_are_installed_first():
    """What asks engines installs them: CI before any test, and the commands that need them; demo and tests do without."""
    made = (ROOT / "Makefile").read_text("utf-8")
    needs = dict(re.findall(r"^([a-z]+): (\$\([A-Z]+\)) ", made, re.MULTILINE))
    steps = re.findall(r"^make (.+?)(?:  #.*)?$", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE)

    assert {name for name, stamp in needs.items() if stamp == "$(ENGINES)"} == {"engines", "slow", "scale"}
    assert needs["demo"] == needs["test"] == "$(STAMP)"
    assert " ".join(steps).split().index("engines") < " ".join(steps).split().index("test")


def test_every_package_that_is_imported_is_declared():
    """What the library imports comes with the core, with an extra that its error names, or with a package of these."""
    core = distributions(PROJECT["dependencies"])
    used = {name for file in (ROOT / "riskwarn").rglob("*.py") for name in imported(file)}
    foreign = used - set(sys.stdlib_module_names) - {"riskwarn"} - set(CARRIED)
    undeclared = {name for name in foreign if name not in EXTRA_OF and not set(DISTRIBUTIONS[name]) & core}

    assert undeclared == set()
    assert set(EXTRA_OF) - set(CARRIED) <= foreign | {"psycopg", "alembic"}


@pytest.mark.parametrize("package", EXTRA_OF)
def test_the_extra_that_is_named_brings_the_package(package):
    """Who does what the error says has the package; `all` brings it too."""
    names = {name.lower().replace("_", "-") for name in DISTRIBUTIONS.get(package, [package])} | {
        CARRIED.get(package, package)
    }

    assert names & brought(EXTRA_OF[package])
    assert names & brought("all")


def test_a_night_needs_no_more_than_the_core_and_a_calendar(tmp_path):
    """Where no other extra is installed the same night is published, and it is said that no ledger is kept."""
    night = ["nightly", "--as-of", towns.STREET_NIGHT, "--target", towns.TARGET, "--alias", tracking.CANDIDATE]
    runs = []
    for name, absent in (("all", []), ("core", set(EXTRA_OF) - {"holidays"})):
        store = towns.copy(towns.street(), tmp_path / name)
        code, said, errors = run_without(absent, *night, "--store", store.path)
        assert (code, errors) == (0, "")
        runs.append((store.run_of(towns.STREET_NIGHT), store.read("scores", as_of=towns.STREET_NIGHT)))

    (run, scores), (slim_run, slim_scores) = runs
    assert slim_run == run
    assert slim_scores.equals(scores)
    assert "ledger: not kept on this machine: sqlalchemy is not installed" in said


@pytest.mark.parametrize(
    ("words", "package"), [(["serve"], "fastapi"), (["alerts", "list"], "sqlalchemy"), (["train"], "mlflow")]
)
def test_a_verb_names_the_extra_it_lacks(tmp_path, words, package):
    """In one line, with its own exit code, and before any work is done."""
    store = towns.copy(towns.street(), tmp_path / "street")
    if words == ["train"]:
        words = [*words, towns.write_experiment(tmp_path / "experiments" / "x.toml")]
        (tmp_path / "features").symlink_to(towns.FEATURES)
    code, _, said = run_without({package}, *words, "--store", store.path)

    told = missing_extra(ModuleNotFoundError(name=package))
    assert (code, said) == (MissingExtraError.exit_code, f"riskwarn: MissingExtraError: {told}\n")


def test_a_doctor_says_what_a_host_does_without(tmp_path):
    """A package of an extra that is missing is a warning with its remedy, and the other looks are made."""
    store = towns.copy(towns.street(), tmp_path / "street")
    (store.path / "webhooks.toml").write_text("", "utf-8")
    _, said, _ = run_without({"sqlalchemy"}, "doctor", "--store", store.path, "--json")
    found = {look["name"]: look for look in json.loads(said)["findings"] if look["state"] == "warn"}

    assert found["packages"]["said"] == "sqlalchemy is not installed"
    assert "riskwarn[ledger]" in found["packages"]["remedy"]


def test_another_import_that_fails_is_not_ours():
    """A package that comes with no extra is told as Python tells it."""
    with pytest.raises(ModuleNotFoundError, match="numpyy") as error, guests():
        import numpyy  # noqa: F401

    assert not isinstance(error.value, MissingExtraError)


def test_work_goes_on_without_a_bar(monkeypatch):
    """Where tqdm is not installed nothing is drawn, and all is gone through."""
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)

    assert list(bar(range(3), desc="count", unit="number")) == [0, 1, 2]
    with bar(desc="count", unit="number", total=3) as counted:
        counted.update(3)
