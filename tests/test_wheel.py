"""What is handed out: a source archive and of it two wheels, with the kernel for one system and in numpy for every one; and who else builds them."""

import os
import re
import runpy
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from conftest import absent
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
KERNEL = "riskwarn/history/_kernel.so"
DATES = "2023-10-02,2024-01-08"
TARGET = re.search(r"^wheels:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)[1]


class App:
    """The builder's own voice, unheard."""

    def display_info(self, text):
        pass

    display_warning = display_info


@pytest.fixture
def built(tmp_path):
    """What the build adds to a wheel of a tree that holds the kernel's source alone; given whether it is to be pure."""
    source = tmp_path / "riskwarn" / "history" / "_kernel.c"
    source.parent.mkdir(parents=True)
    shutil.copyfile(ROOT / "riskwarn" / "history" / "_kernel.c", source)
    hook = runpy.run_path(str(ROOT / "hatch_build.py"))["KernelHook"](
        str(tmp_path), {}, None, None, str(tmp_path), "wheel", App()
    )

    def build():
        found = {"artifacts": []}
        hook.initialize("standard", found)
        return found

    return build


def test_a_wheel_with_the_kernel_is_for_its_system_and_every_python(built, tmp_path):
    """Compiled, the wheel holds the kernel and is told from that of another system, and from none of another Python."""
    if not (os.environ.get("CC") or any(shutil.which(name) for name in ("cc", "gcc", "clang"))):
        absent("no C compiler")
    system = re.sub(r"\W", "_", sysconfig.get_platform())

    assert built() == {"artifacts": [KERNEL], "pure_python": False, "tag": f"py3-none-{system}"}
    assert (tmp_path / KERNEL).stat().st_size > 0


@pytest.mark.parametrize("why", ["asked for", "no compiler", "a compiler that fails"])
def test_a_wheel_without_the_kernel_is_for_every_system(built, tmp_path, monkeypatch, why):
    """Asked for, or where nothing can be compiled, the wheel stays the one that counts in numpy; the build does not fail."""
    monkeypatch.delenv("CC", raising=False)
    if why == "asked for":
        monkeypatch.setenv("RISKWARN_PURE", "1")
    elif why == "no compiler":
        monkeypatch.setenv("PATH", str(tmp_path))
    else:
        monkeypatch.setenv("CC", shutil.which("false"))

    assert built() == {"artifacts": []}
    assert not (tmp_path / KERNEL).exists()


def test_others_build_the_wheels_as_we_do():
    """A CI with cibuildwheel builds with the first Python that is promised, tries the kernel with every one, and takes its absence for a failure."""
    told = PROJECT["tool"]["cibuildwheel"]
    words = told["test-command"].split()
    oldest = re.fullmatch(r">=3\.(\d+)", PROJECT["project"]["requires-python"])[1]
    ours = {Requirement(word).name: Requirement(word) for word in PROJECT["project"]["optional-dependencies"]["dev"]}

    assert told["build"][0] == f"cp3{oldest}-*"
    assert told["build"] == sorted(set(told["build"]))
    assert words[0] == "pytest"
    assert words[-1].replace("{project}", str(ROOT)) == str(ROOT / "tests" / "test_kernel.py")
    assert set(told["test-extras"]) <= set(PROJECT["project"]["optional-dependencies"])
    assert told["test-environment"] == {"RISKWARN_CI": "1"}
    assert all(Requirement(word) == ours[Requirement(word).name] for word in told["test-requires"])


def run(*words, **environment):
    told = subprocess.run(
        [*map(str, words)], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    assert told.returncode == 0, told.stderr[-2000:]
    return told.stdout


@pytest.fixture(scope="module")
def handed(tmp_path_factory):
    """The three files, built as the Makefile builds them, into a folder of their own."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder)
    archive = next(folder.glob("*.tar.gz"))
    for pure in "01":
        words = ("-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, archive)
        run(sys.executable, *words, RISKWARN_PURE=pure)
    return folder


@pytest.mark.slow
def test_the_source_archive_makes_both_wheels(handed):
    """Of the source archive alone come a wheel with the kernel and one for every system, alike but for the kernel; the archive itself holds nothing compiled."""
    pure, fast = sorted(handed.glob("*.whl"), key=lambda path: "any" not in path.name)
    held = {path: set(zipfile.ZipFile(path).namelist()) for path in (pure, fast)}
    with tarfile.open(next(handed.glob("*.tar.gz"))) as archive:
        sources = {name.partition("/")[2] for name in archive.getnames()}

    assert pure.name == f"riskwarn-{PROJECT['project']['version']}-py3-none-any.whl"
    assert held[fast] - held[pure] == {KERNEL}
    assert held[pure] < held[fast]
    assert {"riskwarn/history/_kernel.c", "hatch_build.py", "tests/test_kernel.py", "requirements.lock"} <= sources
    assert [name for name in sources if name.endswith((".so", ".pyc"))] == []
    assert "hatchling build -t sdist" in TARGET
    assert "pip wheel" in TARGET


@pytest.mark.slow
def test_each_wheel_counts_the_same(handed, tmp_path):
    """Each wheel, installed where nothing else of ours is, makes a city of its own and counts what the other counts."""
    counted = {}
    for wheel in handed.glob("*.whl"):
        home = tmp_path / wheel.stem
        run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", home / "site", wheel)
        riskwarn = [sys.executable, "-P", "-m", "riskwarn"]
        here = {"PYTHONPATH": str(home / "site"), "RISKWARN_STORE": str(home / "town" / "city")}
        run(*riskwarn, "init", home / "town", "--example", "town", **here)
        experiment = home / "town" / "experiments" / "weekly.toml"
        run(*riskwarn, "panel", experiment, "--as-of", DATES, "--out", home / "panel.parquet", **here)
        told = run(sys.executable, "-P", "-c", TELL, **here).split()
        assert told == [str(home / "site" / "riskwarn"), str("any" not in wheel.name)]
        counted[wheel.name] = pd.read_parquet(home / "panel.parquet")
    one, other = counted.values()

    assert len(one) > 0
    pd.testing.assert_frame_equal(one, other, rtol=1e-5, atol=1e-5)


TELL = """
from pathlib import Path
import riskwarn
from riskwarn.history import kernel
print(Path(riskwarn.__file__).parent, kernel.compiled() is not None)
"""
