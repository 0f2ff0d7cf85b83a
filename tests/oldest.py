"""The oldest versions that are promised: ``python tests/oldest.py`` prints a constraint for each lower bound of pyproject.toml, for ``make oldest``."""

import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = Path(__file__).parent.parent / "pyproject.toml"


def oldest(text: str) -> list[str]:
    r"""A constraint for each dependency of the core, of every extra and of the tests: the version that its lower bound names.

    Examples
    --------
    >>> oldest('[project]\ndependencies = ["pandas>=3.1"]\noptional-dependencies.excel = ["xlrd>=2.0.1", "riskwarn[web]"]')
    ['pandas==3.1', 'xlrd==2.0.1']
    """
    project = tomllib.loads(text)["project"]
    asked = [
        Requirement(line)
        for lines in [project["dependencies"], *project["optional-dependencies"].values()]
        for line in lines
    ]
    bounds = {r.name: bound.version for r in asked for bound in r.specifier if bound.operator == ">="}
    return [f"{name}=={version}" for name, version in bounds.items()]


if __name__ == "__main__":
    sys.stdout.write("\n".join(oldest(PROJECT.read_text("utf-8"))) + "\n")
