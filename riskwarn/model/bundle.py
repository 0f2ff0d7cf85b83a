"""How a model is kept: a folder of plain text, with the digests by which damage is seen before anything is parsed."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from riskwarn.errors import DataError, NotFoundError

FILES = ("model.json", "trees.txt")
SUMS = "SHA256SUMS"
"""File of a bundle with the digests of the others."""
_TRY = "import sys, lightgbm; b = lightgbm.Booster(model_file=sys.argv[1]); b.predict([[0.0] * b.num_feature()], pred_contrib=True)"


def write(folder: str | Path, body: dict[str, Any], trees: str) -> Path:
    """Write ``model.json`` and ``trees.txt``, and their digests; gives the folder."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trees.txt").write_text(trees, "utf-8")
    (folder / "model.json").write_text(json.dumps(body, ensure_ascii=False, indent=1), "utf-8")
    (folder / SUMS).write_bytes(_sums(folder))
    return folder


def read(folder: str | Path, *, trusted: bool) -> tuple[dict[str, Any], str]:
    """What :func:`write` wrote. Of a bundle that is not `trusted` the trees are tried in a process of their own first.

    Raises
    ------
    NotFoundError
        No model there.
    DataError
        A file is not what it was when the model was saved, and nothing of it is handed to a parser.
    """
    folder = Path(folder)
    missing = [name for name in (*FILES, SUMS) if not (folder / name).exists()]
    if missing:
        raise NotFoundError(f"no model in {folder}: {' and '.join(missing)} wanted.")
    if (folder / SUMS).read_bytes() != _sums(folder):
        raise DataError(
            f"the model in {folder} is damaged or was swapped: its files do not have the SHA-256 of {SUMS}. Train or fetch it again."
        )
    body = json.loads((folder / "model.json").read_text("utf-8"))
    trees = (folder / "trees.txt").read_bytes()
    if not trusted:
        _check_trees(folder / "trees.txt")
    return body, trees.decode()


def _sums(folder: Path) -> bytes:
    """Digests of the bundle's files, a line each."""
    return "".join(f"{hashlib.sha256((folder / n).read_bytes()).hexdigest()}  {n}\n" for n in FILES).encode()


def _check_trees(trees: Path) -> None:
    """Try trees of unknown origin where they can do no harm: LightGBM ends the whole process over some damaged ones."""
    if not trees.stat().st_size:
        return
    try:
        tried = subprocess.run([sys.executable, "-c", _TRY, str(trees)], capture_output=True, timeout=60, check=False)
        sound = tried.returncode == 0
    except subprocess.TimeoutExpired:
        sound = False
    if not sound:
        raise DataError(
            f"the model in {trees.parent} is damaged: LightGBM cannot read its trees. Train or fetch it again."
        )
