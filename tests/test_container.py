"""The example image and its composition: what they start exists, runs as nobody in particular, and holds no secret."""

import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from riskwarn.cli import command

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "examples" / "container"


@pytest.fixture(scope="module")
def image():
    """The instructions of the image, continued lines joined."""
    text = (FOLDER / "Containerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, re.sub(r"\s+", " ", rest.strip())) for word, rest in (line.strip().split(" ", 1) for line in lines)]


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))["services"]


def parsed(arguments):
    """Whether the command line takes these arguments, looked at and not carried out."""
    verb = command().get_command(None, arguments[0])
    return verb.make_context(arguments[0], list(arguments[1:])) is not None


def test_the_image_starts_a_verb_that_is_there(image):
    """Its command is one of riskwarn's with options that it knows, and its health is asked of a route that answers without a night."""
    given = dict(image)
    assert given["ENTRYPOINT"] == '["riskwarn"]'
    assert parsed(yaml.safe_load(given["CMD"]))
    assert any(word == "HEALTHCHECK" and "/healthz" in rest for word, rest in image)


def test_the_image_runs_as_nobody_in_particular(image):
    """Everything that starts in it runs under a number that is not root's, and nothing is installed after that."""
    words = [word for word, _ in image]
    user = words.index("USER")

    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", image[user][1])
    assert "RUN" not in words[user:]
    assert "COPY" not in words[user:]


def test_the_image_installs_the_locked_versions(image):
    """The wheel's extras are ones that it has, held to versions that the lock names; the pattern finds every one of them."""
    steps = " ".join(rest for word, rest in image if word == "RUN")
    extras = re.search(r"\.whl\)\[([\w,]+)\]", steps)[1].split(",")
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    lock = ROOT / "requirements.lock"
    told = subprocess.run(
        ["sed", "-n", shlex.split(steps[steps.index("sed ") :])[2], lock], capture_output=True, text=True, check=True
    )
    versions = told.stdout.splitlines()

    assert set(extras) <= set(declared)
    assert len(versions) == len(re.findall(r"^\S+==", lock.read_text("utf-8"), re.MULTILINE)) > 50
    assert all(re.fullmatch(r"[\w.-]+==[\w.+!-]+", version) for version in versions)


def test_services_start_verbs_that_are_there(services):
    """Page and night are commands of riskwarn with options that it knows."""
    assert all(parsed(services[name]["command"]) for name in ("page", "night"))


def test_services_can_do_no_more_than_they_must(services):
    """Ours run on a root that cannot be written, without any capability; only the page has a port, and of this machine alone."""
    ours = {name: of for name, of in services.items() if of["image"] == "riskwarn"}
    ports = {name: of["ports"] for name, of in services.items() if "ports" in of}

    assert set(ours) == {"page", "night", "registry"}
    assert all(of["read_only"] and of["cap_drop"] == ["ALL"] for of in ours.values())
    assert ports == {"page": ["127.0.0.1:8000:8000"]}


def test_no_secret_stands_in_the_files(services):
    """A password is asked of the one who starts it, and nothing starts without."""
    text = (FOLDER / "compose.yaml").read_text("utf-8")
    given = [
        str(value)
        for of in services.values()
        for value in [*of.get("environment", {}).values(), *of.get("command", [])]
    ]
    given = [value for value in given if "password" in value.lower() or "://" in value]

    assert text.count("${POSTGRES_PASSWORD") == text.count("${POSTGRES_PASSWORD:?") > 0
    assert [value for value in given if re.search(r"//[^/@:]+:(?!\$\{)[^/@]+@", value)] == []
    assert services["database"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")
