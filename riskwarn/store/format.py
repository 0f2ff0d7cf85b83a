"""What the folder of a store means, by number: the formats there were, and how an older one becomes today's.

::

    1   pointers to models may be symbolic links, which some systems refuse
    2   pointers are files; a night may be held at a run (``hold.json``), which code of format 1 would not heed
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from riskwarn import __version__
from riskwarn.errors import DataError
from riskwarn.store.parquet import write_bytes
from riskwarn.store.pointer import point, pointed

FORMAT = 2
HEAD = "store.json"


def head_of(timezone: str) -> bytes:
    """What ``store.json`` says of a store of today's format, and which version wrote it."""
    return json.dumps({"format": FORMAT, "timezone": timezone, "written_by": __version__}).encode()


def read_head(place: Path) -> dict[str, Any]:
    """What ``store.json`` says: `format` and `timezone`.

    Raises
    ------
    DataError
        It is damaged, or of a format that this version does not know.
    """
    try:
        head = dict(json.loads(place.read_text("utf-8")))
        facts = {"format": int(head.get("format", 1)), "timezone": str(head["timezone"])}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{place} is damaged ({type(error).__name__}); {REMEDY}") from None
    if facts["format"] not in range(1, FORMAT + 1):
        by = head.get("written_by")
        newer = f"riskwarn {by}, which wrote it," if isinstance(by, str) else "the version that wrote it"
        raise DataError(
            f"{place}: store format {facts['format']}, and riskwarn {__version__} reads 1 to {FORMAT}. "
            f"Install {newer} or a newer one, or restore a backup made before."
        )
    return facts


REMEDY = f'write it again as {{"format": {FORMAT}, "timezone": "…"}} with the zone the store was made with.'


def migrate(root: Path) -> list[str]:
    """Make a store of an older format one of today's; each step may be done twice, and ``store.json`` is written last.

    Only who holds the store's lock may ask for it.

    Returns
    -------
    done
        What was done, a sentence each; nothing where the format is today's.
    """
    head = read_head(root / HEAD)
    if head["format"] == FORMAT:
        return []
    done = [said for old in range(head["format"], FORMAT) for said in _STEPS[old](root)]
    write_bytes(root / HEAD, head_of(head["timezone"]))
    return [*done, f"{root}: store format {head['format']} is now {FORMAT}; older versions of riskwarn refuse it."]


def _links_to_files(root: Path) -> list[str]:
    """Symbolic links among the pointers become files that give the same name."""
    links = [p for pattern in ("models/*/*", "nights/*/current") for p in root.glob(pattern) if p.is_symlink()]
    names = {link: pointed(link) for link in sorted(links)}
    for link, name in names.items():
        if name is not None:
            point(link, name)
    return [
        f"{link}: a link to {name} is now a file that names it."
        if name is not None
        else f"{link}: a link out of its folder is left as it is and not followed; promote or train again."
        for link, name in names.items()
    ]


_STEPS: Mapping[int, Callable[[Path], list[str]]] = {1: _links_to_files}
