"""Keys of a folder, readable to its owner alone: what signs the models kept in it, so that none is read that was not put there by
this store, and what hashes its places.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from riskwarn.calling import checked

KEY = ".key"


@checked
def signature(folder: Path, content: bytes) -> str:
    """HMAC-SHA256 of `content` under the folder's key, hexadecimal; the key is made where there is none, readable to its owner alone.

    Parameters
    ----------
    folder
        Where the key lies, or is made.
    content
        What is signed.

    Returns
    -------
    signature
        64 hexadecimal digits.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> signature(folder, b"a") == signature(folder, b"a") != signature(folder, b"b")
    True
    """
    return hmac.new(key_at(folder / KEY), content, hashlib.sha256).hexdigest()


def key_at(place: Path) -> bytes:
    """The key kept in a file; made where there is none."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        # O_EXCL: of two jobs that make it at once one wins, and both read what it wrote
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return place.read_bytes()
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_hex(32).encode())
    return place.read_bytes()
