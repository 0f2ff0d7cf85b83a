"""A column judged as a whole, and what stands in place of its values."""

import hashlib
import hmac
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from riskwarn.privacy.folding import SAID
from riskwarn.privacy.value import where

COLUMN_SHARE = 0.5
"""A column with at least this share of checked identity numbers among its values holds persons."""
COLUMN_LEAST = 10
"""Fewer shaped values than this do not condemn a column, only their rows."""
RUNNING_GAP = 5
"""The median step of a running number at the most; telephones of as many people lie hundreds and more apart."""
NAME_DISTINCT = 20
"""Distinct name-like values from which a column can be one of names."""
_COUNTED = 15
"""Last digits that are read as a number."""
TEXT_LENGTH = 64
"""Characters above which a value is free text."""


def one_family(values: pd.Series) -> bool:
    """Whether values are codes of one system: as long as each other and alike in their first five characters, as telephones are not.

    Parameters
    ----------
    values
        (n,) Text that was found to look like person data.

    Returns
    -------
    alike
        True where they are rather codes of a system.
    """
    texts = values.dropna()
    return (
        len(texts) >= COLUMN_LEAST
        and texts.str.len().nunique() <= 2
        and texts.str[:5].value_counts(normalize=True).iloc[0] >= 0.8
    )


def one_counter(values: pd.Series) -> bool:
    """Whether values are numbers of one counter, as ``JF013-000088287``: read as numbers they follow each other closely, as telephones do not.

    Parameters
    ----------
    values
        (n,) Text that was found to look like person data.

    Returns
    -------
    counted
        True where they are rather a running number.

    Examples
    --------
    >>> one_counter(pd.Series([f"JF013-{k:09d}" for k in range(500, 600, 2)]))
    True
    >>> one_counter(pd.Series([f"1380{k * 7919:07d}" for k in range(100)]))
    False
    """
    digits = values.dropna().str.replace(r"\D", "", regex=True).str[-_COUNTED:]
    numbers = np.unique(digits[digits != ""].astype("int64"))
    return len(numbers) >= COLUMN_LEAST and bool(np.median(np.diff(numbers)) <= RUNNING_GAP)


@dataclass
class ColumnWatch:
    """What has been seen of one column, piece by piece, to judge it as a whole."""

    n: int = 0
    n_found: int = 0
    n_name_like: int = 0
    names: frozenset[str] = frozenset()

    def see(self, values: pd.Series, rules: np.ndarray) -> None:
        """Add a piece of the column and the findings of it.

        Parameters
        ----------
        values
            (n,) Text.
        rules
            (n,) What :func:`findings` gave of them.
        """
        there = values.notna().to_numpy() & (values != "").fillna(value=False).to_numpy(dtype=bool)
        self.n += int(there.sum())
        self.n_found += int((rules[there] != "").sum())
        texts = pa.array(values[there], pa.string(), from_pandas=True)
        like = where(texts, f"^[{SAID['name']['surnames']}][\u4e00-\u9fff]{{1,2}}$")
        self.n_name_like += len(like)
        if len(self.names) < NAME_DISTINCT:
            self.names |= frozenset(pc.unique(texts.take(pa.array(like))).to_pylist()[:NAME_DISTINCT])

    def verdict(self) -> str:
        """Why the whole column must be refused; empty when it need not.

        Returns
        -------
        reason
            One clause for a message.
        """
        if self.n_found >= COLUMN_LEAST and self.n_found >= COLUMN_SHARE * self.n:
            return f"{self.n_found} of {self.n} values look like person data"
        if len(self.names) >= NAME_DISTINCT and self.n_name_like > COLUMN_SHARE * self.n:
            return f"{self.n_name_like} of {self.n} values look like names"
        return ""


def keyed_hash(values: pd.Series, key: bytes) -> pd.Series:
    """HMAC-SHA-256 of each value, 16 hexadecimal digits; equal values give equal hashes, and without `key` none can be undone.

    Missing values stay missing.

    Parameters
    ----------
    values
        (n,) Values of any kind, hashed as text.
    key
        The secret; whoever holds it can try values.

    Returns
    -------
    hashed
        (n,) Text, with the index of `values`.

    Examples
    --------
    >>> hashed = keyed_hash(pd.Series(["a", "a", None]), b"secret")
    >>> bool(hashed[0] == hashed[1]), bool(hashed.isna()[2])
    (True, True)
    """
    codes, distinct = pd.factorize(values)
    hashed = [hmac.new(key, str(value).encode(), hashlib.sha256).hexdigest()[:16] for value in distinct]
    return pd.Series(np.array([*hashed, None], dtype=object)[codes], index=values.index, dtype="str")
