"""The keys of events, in files: thrown into parts by what they say, so that they are numbered a part at a time and nobody holds the words of all."""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from riskwarn.distributed.spilling import OPTIONS
from riskwarn.store.remote import Folder, put

_TOLD_BY = 8
"""Last bytes of a key by which its part is chosen."""


def part_of(keys: pa.StringArray, n_parts: int) -> np.ndarray:
    """Which part each key belongs to, by its last bytes.

    Parameters
    ----------
    keys
        None of them empty.
    n_parts
        How many parts.

    Returns
    -------
    part
        (n,) numbers from 0; the same for the same key, wherever it is asked.

    Examples
    --------
    >>> part_of(pa.array(["k17", "k18", "k17"]), 3).tolist()
    [1, 2, 1]
    """
    ends = np.frombuffer(keys.buffers()[1], np.int32, len(keys) + 1, 4 * keys.offset)
    data = np.frombuffer(keys.buffers()[2] or b"", np.uint8)
    total, size = np.zeros(len(keys), np.uint32), np.diff(ends)
    for back in range(1, _TOLD_BY + 1):
        there = np.flatnonzero(size >= back)
        total[there] = total[there] * np.uint32(31) + data[ends[1:][there] - back]
    return (total % np.uint32(n_parts)).astype(np.int32)


def write(folder: Folder, name: str, number: int, column: pa.ChunkedArray, n_parts: int) -> bool:
    """Write the keys of the events of a bucket, a batch each part: the row, and what its key is.

    Parameters
    ----------
    folder, name, number
        Where to, which column, and the bucket.
    column
        A key each row; rows whose key is empty have none.
    n_parts
        Into how many parts.

    Returns
    -------
    any
        Whether any row has a key.
    """
    plain = column.cast(pa.string()).combine_chunks()
    rows = np.flatnonzero(pc.fill_null(pc.not_equal(plain, ""), False).to_numpy(zero_copy_only=False))
    words = plain.take(pa.array(rows))
    part = part_of(words, n_parts)
    order = np.argsort(part.astype(np.min_scalar_type(n_parts)), kind="stable")
    begin = np.r_[0, np.cumsum(np.bincount(part, minlength=n_parts))]
    keyed = pa.RecordBatch.from_arrays(
        [pa.array(rows[order].astype(np.int32)), words.take(pa.array(order))], names=["row", "key"]
    )

    def content(file: BinaryIO) -> None:
        with pa.ipc.new_file(file, keyed.schema, options=OPTIONS) as writer:
            for one in range(n_parts):
                writer.write_batch(keyed.slice(int(begin[one]), int(begin[one + 1] - begin[one])))

    put(_file(folder, name, number), content)
    return len(rows) > 0


def numbered(
    folder: Folder, name: str, numbers: Sequence[int], n_parts: int, places: Sequence[np.ndarray]
) -> Iterator[tuple[np.ndarray, np.ndarray, pa.Array]]:
    """The keys of the events that are looked at, a part after the other.

    Parameters
    ----------
    folder, name, numbers, n_parts
        Where they lie, which column, of which buckets, and in how many parts.
    places
        Of each bucket the place of each row among those looked at, -1 for the others.

    Yields
    ------
    place, number, words
        (k,) place of each event with a key of the part, the number of its key, from where those of the part before ended; and the keys
        in the order of their numbers.
    """
    n = 0
    for part in range(n_parts):
        found, words = [], []
        for bucket, place_of in zip(numbers, places, strict=True):
            with _file(folder, name, bucket).open("rb") as file, pa.ipc.open_file(file) as reader:
                rows = reader.get_batch(part)
            place = place_of[rows["row"].to_numpy()]
            looked = place >= 0
            found.append(place[looked])
            words.append(rows["key"] if looked.all() else rows["key"].filter(pa.array(looked)))
        keyed = pa.concat_arrays(words).dictionary_encode()
        yield np.concatenate(found), n + keyed.indices.to_numpy(), keyed.dictionary
        n += len(keyed.dictionary)


def _file(folder: Folder, name: str, number: int) -> Folder:
    return folder / f"{name}-{number:04d}.arrow"
