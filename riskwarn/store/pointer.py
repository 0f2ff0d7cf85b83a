"""A pointer: a small file that names the folder beside it that holds, replaced in one step."""

from pathlib import Path

from riskwarn.store.parquet import write_bytes


def pointed(pointer: Path) -> str | None:
    """The name a pointer gives, none where it gives no name of something beside it.

    A symbolic link, which is what pointers of models once were, counts as one.
    """
    try:
        name = pointer.readlink().as_posix() if pointer.is_symlink() else pointer.read_text("utf-8")
    except (OSError, ValueError):
        return None
    return name if name and Path(name).name == name else None


def point(pointer: Path, name: str) -> None:
    """Let the pointer name a folder beside it; a symbolic link in its place becomes a file."""
    write_bytes(pointer, name.encode())
