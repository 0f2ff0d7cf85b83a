"""What the sender says of a delivery, in a file beside it: how many rows, which digest, which days. Zero rows are a statement, silence is not.

Beside ``calls.csv`` stands ``calls.csv.manifest.json``: ``{"rows": 812, "sha256": "…", "covers_from": "2025-01-08", "covers_to": "2025-01-09",
"arrived_at": "2025-01-09 03:00"}``, each key optional.
"""

import json
import re
from dataclasses import dataclass, fields, replace
from pathlib import Path

from riskwarn.clock import instant
from riskwarn.errors import DataError, did_you_mean
from riskwarn.ingest.mapping import Mapping, is_moment
from riskwarn.privacy import shown

ENDING = ".manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What the sender says: number of rows, SHA-256 of the file, the time it speaks for, when it was sent."""

    rows: int | None = None
    sha256: str = ""
    covers_from: str = ""
    covers_to: str = ""
    arrived_at: str = ""

    def check_digest(self, digest: str, file: str) -> None:
        """Refuse a file that is not the one that was sent.

        Raises
        ------
        DataError
            The digests differ.
        """
        if self.sha256 and self.sha256.lower() != digest:
            raise DataError(
                f"{file}: the content is not what its manifest says (SHA-256 differs); send the file again."
            )

    def check_rows(self, received: int, file: str) -> None:
        """Refuse a file that lost rows on its way.

        Raises
        ------
        DataError
            The numbers differ.
        """
        if self.rows is not None and self.rows != received:
            raise DataError(
                f"{file}: the manifest says {self.rows} rows, the file has {received}; send the file again."
            )

    def applied(self, mapping: Mapping) -> Mapping:
        """The mapping with the time this delivery speaks for."""
        said = {name: value for name in ("covers_from", "covers_to") if (value := getattr(self, name))}
        return replace(mapping, **said) if said else mapping


def read_manifest(path: Path | str) -> Manifest:
    """The manifest beside a file, an empty one where there is none.

    Raises
    ------
    DataError
        It is not JSON, has a key that is not known, or a value of another kind.
    """
    beside = Path(f"{path}{ENDING}")
    if "://" in str(path) or not beside.exists():
        return Manifest()
    try:
        said = json.loads(beside.read_text("utf-8-sig"))
    except (ValueError, RecursionError, OSError) as error:
        raise DataError(f"{beside}: not JSON ({type(error).__name__}); take it away, or write it anew.") from None
    if not isinstance(said, dict):
        raise DataError(f'{beside}: wanted one JSON object, such as {{"rows": 812}}.')
    known = [f.name for f in fields(Manifest)]
    unknown = [key for key in said if key not in known]
    if unknown:
        raise DataError(
            f"{beside}: unknown key {shown(unknown[0])}{did_you_mean(unknown[0], known)}; known keys: {', '.join(known)}."
        )
    given = {key: value for key, value in said.items() if value is not None}
    for key, value in given.items():
        _check(key, value, beside)
    if "covers_from" in given and "covers_to" in given and _backwards(given["covers_from"], given["covers_to"]):
        raise DataError(f"{beside}: covers_to lies before covers_from; write the first day, then the last.")
    return Manifest(**given)


def _backwards(first: str, last: str) -> bool:
    return instant(last, "UTC") < instant(first, "UTC")


def _check(key: str, value: object, beside: Path) -> None:
    """Refuse a value of another kind than its key has: a number of rows, a digest, or a time."""
    if key == "rows":
        right, wanted = isinstance(value, int) and not isinstance(value, bool) and value >= 0, "a number of rows"
    elif key == "sha256":
        right = isinstance(value, str) and re.fullmatch("[0-9a-fA-F]{64}", value) is not None
        wanted = "64 hexadecimal digits"
    else:
        right, wanted = isinstance(value, str) and is_moment(value), "a time such as '2025-01-09 03:00'"
    if not right:
        raise DataError(f"{beside}: {key}: wanted {wanted}, got {json.dumps(value)[:60]}.")
