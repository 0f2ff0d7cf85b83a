"""A panel in blocks of grids: where the file of each block lies, and which dates are whole."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from riskwarn.calling import checked
from riskwarn.errors import DataError
from riskwarn.store.remote import Folder, put

WHOLE = "_blocks.json"
"""Beside the dates: of each that is whole how many blocks it has. A date is entered when its last block is written."""
_BLOCKS = "block-*.parquet"


@dataclass(frozen=True)
class Layout:
    """How a city is cut into blocks.

    Parameters
    ----------
    n_blocks
        How many there are.
    digest
        Of the grids in each: another cut has another digest.
    """

    n_blocks: int
    digest: str

    @staticmethod
    def file(folder: Folder, day: str, number: int) -> Folder:
        """Where the file of a date and block lies.

        Parameters
        ----------
        folder
            Of the panel.
        day
            The date, as its folder is named.
        number
            Of the block, from 0.

        Returns
        -------
        file
            ``as_of=2025-03-03/block-0007.parquet``.
        """
        return folder / f"as_of={day}" / f"block-{number:04d}.parquet"

    @staticmethod
    @checked
    def check(folder: Folder) -> None:
        """Refuse a folder that holds a panel without blocks.

        Parameters
        ----------
        folder
            Of the panel.

        Raises
        ------
        DataError
            It does.
        """
        if any(folder.glob("as_of=*/part.parquet")):
            raise DataError(
                f"{folder} holds a panel written without blocks; name another folder, or take that panel away."
            )

    @checked
    def begin(self, folder: Folder, days: Sequence[str]) -> None:
        """Say that dates are being written: they are not whole until :meth:`end`.

        Parameters
        ----------
        folder
            Of the panel.
        days
            The dates, as their folders are named.
        """
        _keep(folder, {day: n for day, n in _whole(folder).items() if day not in days})
        for day in days:
            for file in (folder / f"as_of={day}").glob(_BLOCKS):
                if int(file.stem.removeprefix("block-")) >= self.n_blocks:
                    file.unlink()

    @checked
    def end(self, folder: Folder, days: Sequence[str]) -> None:
        """Say that dates are whole.

        Parameters
        ----------
        folder
            Of the panel.
        days
            The dates, as their folders are named.
        """
        for day in days:
            for left in (folder / f"as_of={day}").glob(".block-*.partial"):
                left.unlink(missing_ok=True)
        _keep(folder, _whole(folder) | dict.fromkeys(days, self.n_blocks))


def whole_blocks(folder: Folder) -> list[Folder]:
    """The files of a panel in blocks, in order.

    Raises
    ------
    DataError
        A date lacks blocks: a run broke off.
    """
    files: list[Folder] = sorted(folder.glob(f"as_of=*/{_BLOCKS}"), key=str)
    whole = _whole(folder)
    for day in sorted({file.parent.name.removeprefix("as_of=") for file in files}):
        n = sum(file.parent.name == f"as_of={day}" for file in files)
        if n != whole.get(day):
            raise DataError(
                f"{folder}: {day} has {n} of {whole.get(day, 'its')} blocks, for a run broke off; run it again, it goes on where it was."
            )
    return files


def refuse_blocks(folder: Folder) -> None:
    """Refuse a folder that holds a panel in blocks, where one without is to be written.

    Raises
    ------
    DataError
        There are blocks.
    """
    if any(folder.glob(f"as_of=*/{_BLOCKS}")):
        raise DataError(f"{folder} holds a panel in blocks; name another folder, or write with blocks again.")


def _whole(folder: Folder) -> dict[str, int]:
    try:
        said = json.loads((folder / WHOLE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(day): int(n) for day, n in said.items()} if isinstance(said, dict) else {}


def _keep(folder: Folder, whole: dict[str, int]) -> None:
    if whole == _whole(folder):
        return
    body = json.dumps(whole, sort_keys=True).encode()
    put(folder / WHOLE, lambda file: file.write(body))
