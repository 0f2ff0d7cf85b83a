"""Which files of a store hold: those of the last commit, though they may still be moving into their places.

A commit is one file, ``journal.json``, that names the folder under ``.staged`` whose files now hold. They are moved over the old
ones afterwards. Until that is done a reader takes them from where they are, so it never sees half a delivery; a writer that was
killed meanwhile is finished by the next one.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from riskwarn.store.parquet import write_bytes

STAGED = ".staged"
_JOURNAL = "journal.json"


class Files:
    """The files of a store by name, as ``tables/grids.parquet``.

    Parameters
    ----------
    root
        Folder of the store.
    staged
        Folder with the files of a delivery that is not committed, which go before those of the store.
    """

    def __init__(self, root: Path, staged: Path | None = None) -> None:
        self.root = root
        self.staged = staged
        self.gone: set[str] = set()

    def find(self, name: str) -> Path | None:
        """Where a file stands, none where there is none."""
        if name in self._gone():
            return None
        return next((layer / name for layer in self._layers() if (layer / name).is_file()), None)

    def names(self, pattern: str) -> list[str]:
        """Names that a pattern such as ``tables/events/*/*.parquet`` fits, sorted."""
        present = {
            place.relative_to(layer).as_posix()
            for layer in self._layers()
            for place in layer.glob(pattern)
            if not place.name.startswith(".")
        }
        return sorted(present - self._gone())

    def stamp(self) -> str:
        """Name of the last commit: the same before and after reading, nothing was committed meanwhile."""
        return str(self._journal().get("commit", ""))

    def commit(self, name: str) -> None:
        """Let the staged files hold, all at once, and move them into their places."""
        body = {"commit": name, "gone": sorted(self.gone)}
        write_bytes(self.root / _JOURNAL, json.dumps(body).encode())
        self.settle()

    def settle(self) -> None:
        """Finish the last commit where its writer did not, and drop what was staged and not committed.

        Only who holds the store's lock may ask for it.
        """
        pending = self._pending()
        if pending is not None:
            for name in self._journal()["gone"]:
                (self.root / name).unlink(missing_ok=True)
            for place in sorted(p for p in pending.rglob("*") if p.is_file()):
                target = self.root / place.relative_to(pending)
                target.parent.mkdir(parents=True, exist_ok=True)
                place.replace(target)
        shutil.rmtree(self.root / STAGED, ignore_errors=True)

    def sweep(self) -> None:
        """Take away what jobs that were killed left half written; only who holds the store's lock may ask for it."""
        for left in [*self.root.glob(".incoming-*"), *self.root.rglob(".*.partial")]:
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink(missing_ok=True)

    def _layers(self) -> list[Path]:
        """Folders in which a file is looked for, the first that has it holds."""
        # what is staged comes first, so that a file moved between two looks is seen in its place
        first = self.staged if self.staged is not None else self._pending()
        return [first, self.root] if first is not None else [self.root]

    def _pending(self) -> Path | None:
        """Folder of a commit whose files are not all in their places."""
        commit = self.stamp()
        folder = self.root / STAGED / commit
        return folder if commit and folder.is_dir() else None

    def _gone(self) -> set[str]:
        if self.staged is not None:
            return self.gone
        return set(self._journal()["gone"]) if self._pending() is not None else set()

    def _journal(self) -> dict[str, Any]:
        try:
            body: dict[str, Any] = json.loads((self.root / _JOURNAL).read_text("utf-8"))
        except FileNotFoundError:
            return {}
        return body
