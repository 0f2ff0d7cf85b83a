"""A bar for work that takes a while: in a terminal or a notebook, and only where a person watches."""

import os
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Self


def bar(
    items: Iterable[Any] | None = None,
    *,
    desc: str,
    unit: str,
    total: int | None = None,
    initial: int = 0,
    progress: bool | None = None,
) -> Any:
    """A bar to iterate over `items` with, or to move on by ``update`` within a ``with``.

    Parameters
    ----------
    items
        What is gone through, if anything is.
    desc, unit
        What is done, and of what.
    total, initial
        How many there are, and how many are done already; the length of `items` by default.
    progress
        Show it; by default when a person watches and ``RISKWARN_PROGRESS`` is not 0.

    Returns
    -------
    bar
        Of ``tqdm``, which leaves nothing behind; silent where that is not installed.

    Examples
    --------
    >>> list(bar([1, 2], desc="count", unit="number", progress=False))
    [1, 2]
    >>> with bar(desc="count", unit="number", total=2, progress=False) as counted:
    ...     counted.update(2)
    """
    hidden = os.environ.get("RISKWARN_PROGRESS") == "0" if progress is None else not progress
    try:
        from tqdm.auto import tqdm  # noqa: PLC0415
    except ModuleNotFoundError:
        return _Silent(items or ())
    given: dict[str, Any] = {"desc": desc, "unit": unit, "initial": initial, "disable": hidden or None, "leave": False}
    return tqdm(items, total=total, **given)


class _Silent:
    """What stands for a bar that cannot be drawn."""

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def update(self, n: float = 1) -> None:
        """Nothing is drawn."""
