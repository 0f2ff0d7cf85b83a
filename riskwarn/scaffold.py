"""What a new city starts from: the shipped features, questions and plan, written into a folder of its own."""

import shutil
from pathlib import Path

import riskwarn
from riskwarn.calling import checked
from riskwarn.errors import DataError
from riskwarn.language import LANGUAGES
from riskwarn.plan import STARTER as STARTER_PLAN

STARTER = (
    "weekly",
    "weekly_baselines",
    "city_violence",
    "city_calls",
    "city_petitions",
    "town_emergence",
    "town_first",
    "town_escalation",
)
"""Questions a new city starts from; the others of ``experiments/`` belong to the public data they were asked of."""


@checked
def init(folder: str | Path) -> Path:
    """Write the starter, ``features/``, the :data:`STARTER` of ``experiments/``, ``plan.toml`` and an empty ``words.csv``, into `folder`.

    Parameters
    ----------
    folder
        Made where it is not there.

    Returns
    -------
    folder
        The same.

    Raises
    ------
    DataError
        The folder holds one of them already.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     sorted(path.name for path in init(folder).iterdir())
    ['experiments', 'features', 'plan.toml', 'words.csv']
    """
    folder = Path(folder)
    for name in ("features", "experiments", "plan.toml", "words.csv"):
        if (folder / name).exists():
            raise DataError(f"{folder / name} exists; choose another folder, or take it away first.")
    shutil.copytree(starter("features"), folder / "features", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "experiments").mkdir(parents=True)
    for name in STARTER:
        shutil.copy(starter("experiments") / f"{name}.toml", folder / "experiments")
    shutil.copy(STARTER_PLAN, folder / "plan.toml")
    (folder / "words.csv").write_text(",".join(["code", *LANGUAGES]) + "\n", "utf-8")
    return folder


@checked
def starter(name: str) -> Path:
    """Folder of the starter shipped with the package: ``features`` or ``experiments``.

    Parameters
    ----------
    name
        ``features`` or ``experiments``.

    Returns
    -------
    folder
        In the package, or beside it where it runs from its sources.

    Examples
    --------
    >>> (starter("experiments") / "weekly.toml").exists()
    True
    """
    package = Path(riskwarn.__file__).parent
    shipped = package / "starter" / name
    return shipped if shipped.exists() else package.parent / name
