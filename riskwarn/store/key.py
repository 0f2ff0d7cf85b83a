"""Keys of a folder, readable to its owner alone: what signs the models kept in it, so that none is read that was not put there by
this store, and what hashes its places.
"""

import hashlib
import hmac
import os
import secrets
import stat
import sys
from pathlib import Path

from riskwarn.calling import checked
from riskwarn.errors import DefinitionError

KEY = ".key"
LARGEST_SECRET = 4096
"""Bytes of a file with a secret."""
_OPEN = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
"""Waits at no pipe, and is handed to no other program; not every system has each of them."""


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


def read_private(place: Path) -> bytes:
    """What a file holds that its owner alone can read; what is looked at is what is read.

    Parameters
    ----------
    place
        The file. Where a system knows no such rights, as Windows, they are not asked for.

    Returns
    -------
    content
        4096 bytes at most.

    Raises
    ------
    DefinitionError
        It is no plain file, larger, or others can read it. What it holds is never repeated.
    OSError
        It cannot be read.
    """
    handle = os.open(place, _OPEN)
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST_SECRET:
            raise DefinitionError(f"{place} is no file of a secret.")
        if sys.platform != "win32" and stat.S_IMODE(found.st_mode) & 0o077:
            raise DefinitionError(f"{place} can be read by others: chmod 600 {place}.")
        return os.read(handle, LARGEST_SECRET)
    finally:
        os.close(handle)
