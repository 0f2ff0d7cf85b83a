"""Plain arrays out of Arrow columns: codes and words, instants, numbers, flags and keys."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from riskwarn.history.facts import NEVER


def encode(column: "pa.ChunkedArray | pa.Array") -> tuple[np.ndarray, np.ndarray]:
    """Codes and vocabulary of a column of words; what is missing is the empty word."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) and array.num_chunks else array
    if isinstance(array, pa.ChunkedArray):
        array = pa.array([], pa.string())
    if pa.types.is_integer(array.type):
        array = array.dictionary_encode()
    if not isinstance(array, pa.DictionaryArray) or array.null_count or array.dictionary.null_count:
        array = array.cast(pa.string()).fill_null("").dictionary_encode()
    codes = array.indices.to_numpy(zero_copy_only=False)
    words = np.array([str(word) for word in array.dictionary.to_pylist()], dtype=object)
    return codes if codes.dtype == np.int32 else codes.astype(np.int32), words


def narrow(codes: np.ndarray, n_words: int) -> np.ndarray:
    """The codes of a vocabulary in as few bytes as hold them."""
    return codes.astype(np.min_scalar_type(-n_words - 1))


def instants(column: "pa.ChunkedArray | pa.Array") -> np.ndarray:
    """µs since 1970 UTC; :data:`NEVER` where empty."""
    plain = (
        column
        if pa.types.is_integer(column.type)
        else column.cast(pa.timestamp("us", column.type.tz))
        if pa.types.is_timestamp(column.type)
        else column
    )
    return (
        plain.cast(pa.int64()).fill_null(NEVER).to_numpy() if column.null_count else plain.cast(pa.int64()).to_numpy()
    )


def numbers(column: "pa.ChunkedArray | pa.Array", missing: float) -> np.ndarray:
    """Numbers, `missing` where empty."""
    return column.cast(pa.float64()).fill_null(float(missing)).to_numpy()


def numbered_keys(column: pa.ChunkedArray) -> tuple[np.ndarray, pa.Array]:
    """Number of each key, -1 for the empty one and for none, without a Python object for any."""
    array = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
    array = array.combine_chunks()
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    keyed = array.dictionary_encode()
    number = keyed.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    blank = pc.index(keyed.dictionary, "").as_py()
    return np.where(number == blank, np.int32(-1), number).astype(np.int32), keyed.dictionary


def flags(column: pa.ChunkedArray, *, blank: bool = False) -> np.ndarray:
    """Truth values, `blank` where empty."""
    return column.cast(pa.bool_()).fill_null(blank).combine_chunks().to_numpy(zero_copy_only=False).astype(bool)
